//! Where a person is logged in: shown, named, ended.

use keyward_base::{Error, ErrorKind, Reason, Result};
use keyward_store::{Find, Record, RecordKey, Version, Words};

use super::check::{Found, State, place_of, scopes};
use super::{MAX_TRIES, Sessions, contended};
use crate::device::Device;
use crate::epoch::{Epoch, SESSION_EPOCHS};
use crate::ground::epochs::{Held, Keys, put_epoch};
use crate::id::SessionId;
use crate::kind::OwnKind;
use crate::live::{AnyLive, LiveSession};
use crate::reason;
use crate::row::{Marks, Row, SESSIONS, SHOWN};
use crate::text::typed;

/// The most devices that a list holds: of more, those that are found first.
const MOST: usize = 1000;

/// The most rows that are looked at for it: whoever writes to the store can plant any number.
const LOOKED_AT: usize = 16 * 1024;

impl Sessions {
    /// The sessions of the person that live, of every kind and at every door, those of staff who act
    /// for him too; the latest used first. Of more than 1,000 any 1,000 are here, out of
    /// the first 16,384 rows, ended ones among them; [`Sessions::end_others`] ends all. A row that
    /// is not what was written is left out.
    ///
    /// # Errors
    /// `Unavailable` if store, keyring or clock cannot be relied on; `Rejected` ([`reason::ENDED`])
    /// if what ends sessions is gone, and they with it.
    pub async fn devices<K: OwnKind>(&self, live: &LiveSession<K>) -> Result<Vec<Device>> {
        let mut rows = self.rows_of(live).await?;
        rows.sort_by_key(|row| std::cmp::Reverse(row.renewed));
        let all = rows.into_iter();
        Ok(all.map(|row| Device::of(row, live.id())).collect())
    }

    async fn rows_of(&self, live: &AnyLive) -> Result<Vec<Row>> {
        let now = self.now()?;
        let word = self.word(live.tenant(), live.subject())?;
        let (mut rows, mut after, mut seen) = (Vec::new(), None, 0_usize);
        let mut keys = Keys::default();
        loop {
            let find = Find::of(SESSIONS, Words::Is(word.clone())).after(after);
            let page = self.0.ground.store.find(find).await?;
            let epochs = self.epochs_of(live, &mut keys).await?;
            for record in &page.items {
                let state = self.state_beside(live, record, &epochs, &mut keys).await;
                match state.and_then(|state| self.judge(&state, now).map(|()| state)) {
                    Ok(state) => rows.push(*state.row),
                    Err(e) if e.kind() == ErrorKind::Unavailable => return Err(e),
                    Err(_) => {}
                }
            }
            seen = seen.saturating_add(page.items.len());
            after = page.next;
            if after.is_none() || rows.len() >= MOST || seen >= LOOKED_AT {
                rows.truncate(MOST);
                return Ok(rows);
            }
        }
    }

    /// The epochs of the person, which his rows have in common.
    async fn epochs_of(&self, live: &AnyLive, keys: &mut Keys) -> Result<Vec<Option<Found>>> {
        let scopes = scopes(&live.row.tenant, &live.row.subject);
        let places: Vec<RecordKey> = scopes.iter().map(place_of).collect();
        let mut epochs = Vec::with_capacity(scopes.len());
        let found = self.0.ground.store.fetch_many(&places).await?;
        for (scope, record) in scopes.iter().zip(found) {
            epochs.push(self.0.ground.read_epoch(scope, record, keys).await?);
        }
        Ok(epochs)
    }

    /// A row of the same person, with all that decides whether it lives.
    async fn state_beside(
        &self,
        live: &AnyLive,
        record: &Record,
        epochs: &[Option<Found>],
        keys: &mut Keys,
    ) -> Result<State> {
        let row = self.open_row(record, keys).await?;
        if !is_of(&row, live) {
            return Err(Error::rejected(Reason::NOT_FOUND));
        }
        if row.behind.is_some() {
            return self.state(row, record.version, keys).await;
        }
        let epochs = epochs.iter().map(Option::as_ref);
        let state = State::beside(row, record.version, epochs);
        state.ok_or_else(|| Error::rejected(reason::ENDED))
    }

    /// Gives a device of the person a name, for display only: at most 64 bytes; empty takes it away.
    ///
    /// # Errors
    /// `Rejected`: [`Reason::TOO_LONG`], [`Reason::MALFORMED`] for characters that are not shown;
    /// [`Reason::NOT_FOUND`] for a session that has ended or is somebody else's. `Unavailable` as
    /// [`Sessions::devices`].
    pub async fn name<K: OwnKind>(
        &self,
        live: &LiveSession<K>,
        id: SessionId,
        name: &str,
    ) -> Result<()> {
        let name = typed(name, SHOWN)?;
        for _ in 0..MAX_TRIES {
            let state = self.state_of(live, id).await?;
            self.judge(&state, self.now()?)?;
            let row = Row {
                name: name.clone(),
                ..Row::clone(&state.row)
            };
            if self.swap_row(&state, &row, Vec::new()).await? {
                return Ok(());
            }
        }
        Err(contended())
    }

    /// Ends one session of the person, of whatever kind: his own on another device, or one of staff.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::NOT_FOUND`]) for one that has ended or is somebody else's; `Unavailable`
    /// if the store cannot be reached.
    pub async fn end_device<K: OwnKind>(&self, live: &LiveSession<K>, id: SessionId) -> Result<()> {
        let (row, _) = self.own_row(live, id).await?;
        let ended = AnyLive { row };
        let result = self.delete(id).await;
        self.note_end(live, &ended, &result).await;
        result
    }

    /// Ends all sessions of the person but this one, of every kind, by one write: what he does who
    /// sees one that is not his.
    ///
    /// # Errors
    /// As [`Sessions::check`] if this one has ended meanwhile; then the others go on.
    pub async fn end_others<K: OwnKind>(&self, live: &LiveSession<K>) -> Result<()> {
        let result = self.try_end_others(live).await;
        self.note_others(live, &result).await;
        result
    }

    async fn try_end_others(&self, live: &AnyLive) -> Result<()> {
        for _ in 0..MAX_TRIES {
            let now = self.now()?;
            let state = self.state_of(live, live.id()).await?;
            self.judge(&state, now)?;
            let [_, _, user] = state.epochs.as_slice() else {
                return Err(Error::rejected(reason::ENDED));
            };
            let mut epoch = Epoch::clone(&user.epoch);
            epoch.end(None, None, now, self.0.ground.stamp()?);
            let row = Row {
                marks: Marks {
                    user: epoch.mark(state.row.kind),
                    ..state.row.marks
                },
                ..Row::clone(&state.row)
            };
            let fence = self.0.ground.fence().await?;
            let held = Held::Found(user.clone());
            let moves = vec![put_epoch(
                &SESSION_EPOCHS,
                &epoch,
                &held,
                &fence,
                Some(row.absolute),
            )];
            if self.swap_row(&state, &row, moves).await? {
                return Ok(());
            }
        }
        Err(contended())
    }

    /// A row of the same person, with all that decides whether it lives.
    async fn state_of(&self, live: &AnyLive, id: SessionId) -> Result<State> {
        let (row, version) = self.own_row(live, id).await?;
        self.state(row, version, &mut Keys::default()).await
    }

    async fn own_row(&self, live: &AnyLive, id: SessionId) -> Result<(Box<Row>, Version)> {
        let not_found = || Error::rejected(Reason::NOT_FOUND);
        match self.read_row(id, &mut Keys::default()).await {
            Ok((row, version)) if is_of(&row, live) => Ok((row, version)),
            Ok(_) => Err(not_found()),
            Err(e) if e.reason() == Some(reason::ENDED) && id != live.id() => Err(not_found()),
            Err(e) => Err(e),
        }
    }
}

fn is_of(row: &Row, live: &AnyLive) -> bool {
    row.tenant == *live.tenant() && row.subject == *live.subject()
}
