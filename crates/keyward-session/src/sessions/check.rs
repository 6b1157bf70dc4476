//! Whether a token's session lives.

use std::time::Duration;

use keyward_base::{Error, ErrorKind, KeyId, Reason, Result, Subject, Tenant, Timestamp};
use keyward_crypto::equal;
use keyward_keys::MacVerifier;
use keyward_store::{Record, RecordKey, Version, Write};

use super::Sessions;
use crate::epoch::{SESSION_EPOCHS, Scope};
use crate::format::{ROW, damaged};
use crate::ground::epochs;
use crate::id::SessionId;
use crate::kind::{Kind, OwnKind, SessionKind};
use crate::live::{AnyLive, Fresh, LiveSession};
use crate::policy::MAX_SKEW;
use crate::row::{Behind, DAMAGED, Row, place};
use crate::{reason, token};

/// As the epochs of sessions are read.
pub(super) type Found = epochs::Found<{ Kind::COUNT }>;

/// A row, and what was read with it: after it, and in one step.
pub(super) struct State {
    pub(super) row: Box<Row>,
    pub(super) version: Version,
    /// Of all, of its tenant, of its user; of staff also of the administrator's tenant and user.
    pub(super) epochs: Vec<Found>,
    /// Of staff, the administrator's session.
    behind: Option<(Box<Row>, Version)>,
}

impl State {
    /// A session that is nobody's but its own, with epochs that were read beside it. None unless all
    /// of them are there.
    pub(super) fn beside<'a>(
        row: Box<Row>,
        version: Version,
        epochs: impl Iterator<Item = Option<&'a Found>>,
    ) -> Option<Self> {
        let epochs: Option<Vec<Found>> = epochs.map(Option::<&Found>::cloned).collect();
        Some(Self {
            row,
            version,
            epochs: epochs?,
            behind: None,
        })
    }

    /// The conditions that nothing which was read beside the row has changed.
    pub(super) fn requires(&self) -> Vec<Write> {
        let epochs = self.epochs.iter().map(Found::require);
        let behind = self.behind.as_ref().map(|(row, version)| Write::Require {
            key: place(row.id),
            version: Some(*version),
        });
        epochs.chain(behind).collect()
    }
}

impl Sessions {
    /// The session of a token, if it lives and is of kind `K`: two reads of the store, and a write
    /// once a fourteenth of its idle window went by.
    ///
    /// What is malformed or was made up is refused without asking the store. Once a revoke or an end
    /// returned, in any process, no check that begins after it finds the session.
    ///
    /// # Errors
    /// `Rejected`: [`Reason::MALFORMED`], [`Reason::TOO_LONG`], [`Reason::NOT_AUTHENTIC`] for what is
    /// no token of ours; [`Reason::EXPIRED`] once its time is over; [`reason::ENDED`] once it was
    /// ended, or the record of what has ended is not there; [`reason::OTHER_KIND`];
    /// [`reason::DOOR`] if its door opens nothing any more. `Corrupt` if what is stored is not what
    /// was written. `Unavailable` if the store, the keyring or the clock cannot be relied on;
    /// [`reason::CLOCK`] if the clock is behind the one that renewed the session.
    pub async fn check<K: SessionKind>(&self, token: &str) -> Result<LiveSession<K>> {
        let live = self.check_as(token, Some(K::KIND)).await?;
        LiveSession::of(live).ok_or_else(|| Error::rejected(reason::OTHER_KIND))
    }

    /// [`Sessions::check`] for a session of whatever kind: for what all may do, such as to end it.
    ///
    /// # Errors
    /// As [`Sessions::check`].
    pub async fn check_any(&self, token: &str) -> Result<AnyLive> {
        self.check_as(token, None).await
    }

    /// Whether its owner showed who he is at most `MINUTES` ago.
    ///
    /// # Errors
    /// `Rejected` ([`reason::NOT_FRESH`]) if that was before; `Unavailable` if the clock cannot be
    /// relied on ([`reason::CLOCK`] if it is behind).
    pub fn fresh<K: OwnKind, const MINUTES: u32>(
        &self,
        live: LiveSession<K>,
    ) -> Result<Fresh<LiveSession<K>, MINUTES>> {
        self.is_fresh(&live.row, MINUTES)?;
        Ok(Fresh(live))
    }

    /// The same of a session that is needed further on.
    ///
    /// # Errors
    /// As [`Sessions::fresh`].
    pub fn fresh_ref<'a, K: OwnKind, const MINUTES: u32>(
        &self,
        live: &'a LiveSession<K>,
    ) -> Result<Fresh<&'a LiveSession<K>, MINUTES>> {
        self.is_fresh(&live.row, MINUTES)?;
        Ok(Fresh(live))
    }

    fn is_fresh(&self, row: &Row, minutes: u32) -> Result<()> {
        let now = self.now()?;
        check_clock(row, now)?;
        let age = now.saturating_since(row.authenticated);
        match age > Duration::from_secs(u64::from(minutes).saturating_mul(60)) {
            true => Err(Error::rejected(reason::NOT_FRESH)),
            false => Ok(()),
        }
    }

    async fn check_as(&self, text: &str, kind: Option<Kind>) -> Result<AnyLive> {
        let passed = self.pass(text).await?;
        let now = self.now()?;
        let mut keys = epochs::Keys::with(passed.key);
        let (row, version) = self.read_row(passed.id, &mut keys).await?;
        if row.id != passed.id || !equal(&row.proof, &passed.proof) {
            return Err(Error::rejected(Reason::NOT_AUTHENTIC));
        }
        if kind.is_some_and(|kind| kind != row.kind) {
            return Err(Error::rejected(reason::OTHER_KIND));
        }
        let state = self.state(row, version, &mut keys).await?;
        self.judge(&state, now)?;
        Ok(self.renew(state, now).await)
    }

    /// What a token names, if it is ours.
    async fn pass(&self, text: &str) -> Result<token::Passed> {
        let pass = |key: &dyn Fn(KeyId) -> Result<MacVerifier>| token::pass(text, key);
        self.0.ground.pass(|| token::key_of(text), pass).await
    }

    /// Reads the row of a session, and nothing of whether it lives.
    ///
    /// # Errors
    /// `Rejected` ([`reason::ENDED`]) if there is none; `Corrupt` if it is not what was written.
    pub(super) async fn read_row(
        &self,
        id: SessionId,
        keys: &mut epochs::Keys,
    ) -> Result<(Box<Row>, Version)> {
        let found = self.0.ground.store.fetch(&place(id)).await?;
        let record = found.ok_or_else(|| Error::rejected(reason::ENDED))?;
        let row = self.open_row(&record, keys).await?;
        Ok((row, record.version))
    }

    /// A row that is authentic and lies where it should.
    pub(super) async fn open_row(
        &self,
        record: &Record,
        keys: &mut epochs::Keys,
    ) -> Result<Box<Row>> {
        let opened = self.try_open_row(record, keys).await;
        if let Err(e) = &opened
            && e.kind() == ErrorKind::Corrupt
        {
            Box::pin(self.0.ground.note_damaged(record)).await;
        }
        opened
    }

    async fn try_open_row(&self, record: &Record, keys: &mut epochs::Keys) -> Result<Box<Row>> {
        let ground = &self.0.ground;
        let bytes = ground.verified_bytes(ROW, record, keys, DAMAGED).await?;
        let (row, _) = Row::parse(bytes)?;
        if !row.lies_at(&record.key) {
            return Err(damaged(DAMAGED));
        }
        Ok(Box::new(row))
    }

    /// Reads what decides beside the row, in one step after it: what ended before this began is seen.
    pub(super) async fn state(
        &self,
        row: Box<Row>,
        version: Version,
        keys: &mut epochs::Keys,
    ) -> Result<State> {
        let scopes = scopes_of(&row);
        let mut places: Vec<RecordKey> = scopes.iter().map(place_of).collect();
        places.extend(row.behind.as_ref().map(|behind| place(behind.session)));
        let mut found = self.0.ground.store.fetch_many(&places).await?.into_iter();
        let mut epochs = Vec::with_capacity(scopes.len());
        for scope in &scopes {
            let epoch = self
                .0
                .ground
                .read_epoch(scope, found.next().flatten(), keys)
                .await?;
            // One that is missing ends, and never begins at zero.
            epochs.push(epoch.ok_or_else(|| Error::rejected(reason::ENDED))?);
        }
        let behind = match &row.behind {
            None => None,
            Some(behind) => {
                let record = found.next().flatten();
                let record = record.ok_or_else(|| Error::rejected(reason::ENDED))?;
                let admin = self.open_row(&record, keys).await?;
                is_of(behind, &admin)?;
                Some((admin, record.version))
            }
        };
        Ok(State {
            row,
            version,
            epochs,
            behind,
        })
    }

    /// Whether a session goes on at `now`, by all that was read.
    pub(super) fn judge(&self, state: &State, now: Timestamp) -> Result<()> {
        match (state.epochs.as_slice(), &state.behind) {
            ([all, tenant, user], None) => self.judge_row(&state.row, [all, tenant, user], now),
            ([all, tenant, user, of_admin @ ..], Some((admin, _))) => {
                self.judge_row(&state.row, [all, tenant, user], now)?;
                let [tenant, user] = of_admin else {
                    return Err(Error::rejected(reason::ENDED));
                };
                self.judge_row(admin, [all, tenant, user], now)
            }
            _ => Err(Error::rejected(reason::ENDED)),
        }
    }

    fn judge_row(&self, row: &Row, epochs: [&Found; 3], now: Timestamp) -> Result<()> {
        check_time(row, now)?;
        let marks = [row.marks.all, row.marks.tenant, row.marks.user];
        let began = match row.kind {
            // When the administrator showed who he is, is judged in his own session.
            Kind::Staff => row.created,
            Kind::User | Kind::Admin | Kind::Pending => row.created.min(row.authenticated),
        };
        let goes_on = |(found, mark): (&Found, _)| found.epoch.has(row.kind, mark, began);
        if !epochs.into_iter().zip(marks).all(goes_on) {
            return Err(Error::rejected(reason::ENDED));
        }
        let opens = self.door_of(&row.door);
        let fits = match row.kind {
            Kind::User | Kind::Admin => opens == Some(row.kind),
            Kind::Pending => opens.is_some(),
            Kind::Staff => opens == Some(Kind::Admin),
        };
        if !fits {
            return Err(Error::rejected(reason::DOOR));
        }
        Ok(())
    }

    /// What a door opens.
    pub(super) fn door_of(&self, name: &str) -> Option<Kind> {
        let mut doors = self.0.doors.iter();
        let found = doors.find(|(door, _)| door.as_str() == name);
        found.map(|(_, kind)| *kind)
    }
}

/// Where the epoch of a scope lies.
pub(super) fn place_of(scope: &Scope) -> RecordKey {
    scope.place(&SESSION_EPOCHS)
}

/// Of all, of the tenant, of the user.
pub(super) fn scopes(tenant: &Tenant, subject: &Subject) -> [Scope; 3] {
    [
        Scope::All,
        Scope::Tenant(tenant.clone()),
        Scope::User(tenant.clone(), subject.clone()),
    ]
}

/// What a session is ended by; of staff also what ends the administrator's.
fn scopes_of(row: &Row) -> Vec<Scope> {
    let mut all = Vec::from(scopes(&row.tenant, &row.subject));
    if let Some(behind) = &row.behind {
        let of_admin = scopes(&behind.tenant, &behind.subject);
        all.extend(of_admin.into_iter().skip(1));
    }
    all
}

/// Whether it is the administrator's session that staff began with.
fn is_of(behind: &Behind, admin: &Row) -> Result<()> {
    let same = admin.kind == Kind::Admin
        && admin.tenant == behind.tenant
        && admin.subject == behind.subject
        && admin.marks == behind.marks;
    if same {
        return Ok(());
    }
    Err(Error::rejected(reason::ENDED))
}

/// Whether a session's time is not over.
fn check_time(row: &Row, now: Timestamp) -> Result<()> {
    check_clock(row, now)?;
    // The later of the two.
    let now = now.max(row.renewed);
    if now >= row.idle || now >= row.absolute {
        return Err(Error::rejected(Reason::EXPIRED));
    }
    Ok(())
}

/// Whether the clock is not behind what wrote the row.
fn check_clock(row: &Row, now: Timestamp) -> Result<()> {
    if now.saturating_add(MAX_SKEW) < row.renewed {
        return Err(Error::unavailable(
            "the clock is behind the one by which a session was renewed: set it right",
        )
        .because(reason::CLOCK));
    }
    Ok(())
}
