//! A session begins.

use keyward_base::{Error, Evidence, Method, Result, Subject, Tenant, Timestamp};
use keyward_keys::MacHandle;
use keyward_store::{Applied, Record, Write};

use super::check::{Found, State, place_of, scopes};
use super::{MAX_TRIES, Sessions, contended};
use crate::ground::epochs::{Held, Keys};
use crate::id::SessionId;
use crate::kind::Kind;
use crate::live::Started;
use crate::policy::{EVIDENCE_MAX_AGE, MAX_SKEW};
use crate::reason;
use crate::row::{Behind, Marks, Row, WORD, place};
use crate::start::Start;
use crate::token::{Made, make};

/// What a session is to be.
pub(super) struct Draft {
    pub(super) kind: Kind,
    pub(super) remember: bool,
    pub(super) tenant: Tenant,
    pub(super) subject: Subject,
    pub(super) door: String,
    pub(super) methods: Vec<String>,
    /// When who it is was first shown.
    pub(super) authenticated: Timestamp,
    /// When it was last shown: by it the evidence is judged. None: the session it comes from is what
    /// proves it.
    pub(super) evidence: Option<Timestamp>,
    pub(super) client: String,
    pub(super) name: String,
    pub(super) behind: Option<Acting>,
}

/// The administrator's session that staff begin with, and why.
pub(super) struct Acting {
    pub(super) session: SessionId,
    pub(super) tenant: Tenant,
    pub(super) subject: Subject,
    pub(super) reason: String,
}

/// The session that was there before.
#[derive(Clone, Copy)]
pub(super) enum Before {
    None,
    /// It ends with this, if it has not by then.
    Ends(SessionId),
    /// It ends with this, and nothing begins unless it lives until then.
    Becomes(SessionId),
}

/// What a start rests on, of one moment.
struct Read {
    /// Of all, of the tenant, of the user.
    epochs: Vec<Held<{ Kind::COUNT }>>,
    before: Option<Record>,
    admin: Option<State>,
}

impl Sessions {
    /// Starts a session from what proves who somebody is, under a new id. The door of the evidence
    /// says of which kind it is; where a second factor is due it is [`Kind::Pending`].
    ///
    /// In one step: the session is made, the one that it replaces is gone, and no epoch has moved
    /// since it was read.
    ///
    /// # Errors
    /// `Rejected`: [`reason::DOOR`] for evidence of a door that opens nothing;
    /// [`reason::EVIDENCE_OLD`] if it was gathered more than five minutes ago, or not after the last
    /// revoke that is about it; [`reason::EVIDENCE_WEAK`] for a mailed link at an administrator's
    /// door. `Unavailable` if a store, the keyring, the clock or randomness cannot be relied on
    /// ([`reason::CLOCK`] for evidence, or a revoke, from ahead). `Misuse` for evidence whose method has a word of
    /// more than 32 bytes. `Corrupt` if what is stored is not what was written.
    pub async fn start(&self, evidence: impl Evidence, start: Start<'_>) -> Result<Started> {
        let mut draft = self.draft(&evidence)?;
        draft.remember = start.remember && draft.remember;
        draft.client = start.client;
        let before = start
            .replacing
            .map_or(Before::None, |live| Before::Ends(live.id()));
        self.begin(draft, before).await
    }

    /// What evidence starts at its door.
    pub(super) fn draft(&self, evidence: &impl Evidence) -> Result<Draft> {
        let (door, method) = (evidence.door(), evidence.method());
        let opens = self.door_of(door.as_str());
        let opens = opens.ok_or_else(|| Error::rejected(reason::DOOR))?;
        if opens == Kind::Admin && method == Method::LINK {
            return Err(Error::rejected(reason::EVIDENCE_WEAK));
        }
        let method = method.as_str();
        if method.len() > WORD {
            return Err(Error::misuse("the word of a method has at most 32 bytes"));
        }
        Ok(Draft {
            kind: if evidence.is_factor_due() {
                Kind::Pending
            } else {
                opens
            },
            remember: opens == Kind::User,
            tenant: evidence.tenant().clone(),
            subject: evidence.subject().clone(),
            door: door.as_str().to_owned(),
            methods: vec![method.to_owned()],
            authenticated: evidence.at(),
            evidence: Some(evidence.at()),
            client: String::new(),
            name: String::new(),
            behind: None,
        })
    }

    /// Makes the row, with all that it rests on as conditions.
    pub(super) async fn begin(&self, draft: Draft, before: Before) -> Result<Started> {
        let result = self.try_begin(&draft, before).await;
        self.note_start(&draft, &result).await;
        result
    }

    async fn try_begin(&self, draft: &Draft, before: Before) -> Result<Started> {
        for _ in 0..MAX_TRIES {
            let now = self.now()?;
            let fence = self.0.ground.fence().await?;
            let read = self.read_beside(draft, before, now).await?;
            check_evidence(draft, &read, now)?;
            let ends = self.ends(draft, &read, &fence.key, now);
            let mut batch = fence.batch.clone();
            let mut marks = Vec::with_capacity(3);
            let scopes = scopes(&draft.tenant, &draft.subject);
            for (scope, held) in scopes.into_iter().zip(&read.epochs) {
                let (epoch, write) = self.0.ground.hold_epoch(&scope, held, &fence, Some(ends))?;
                marks.push(epoch.mark(draft.kind));
                batch.push(write);
            }
            let [all, tenant, user] = marks.as_slice() else {
                return Err(contended());
            };
            let marks = Marks {
                all: *all,
                tenant: *tenant,
                user: *user,
            };
            let made = make(self.0.ground.keyring.provider(), &fence.key)?;
            let row = self.row(draft, &read, &made, &fence.key, marks, now, ends);
            batch.push(Write::Insert {
                key: place(row.id),
                content: row.seal(
                    &fence.key,
                    fence.key.tag(),
                    self.word(&row.tenant, &row.subject)?,
                ),
            });
            batch.extend(read.before.iter().map(|old| Write::Delete {
                key: old.key.clone(),
                version: old.version,
            }));
            if let Some(admin) = &read.admin {
                batch.extend(admin.requires());
                batch.push(Write::Require {
                    key: place(admin.row.id),
                    version: Some(admin.version),
                });
            }
            if let Applied::Done(_) = self.0.ground.store.apply(batch).await? {
                let keeps = row.remember || row.kind != Kind::User;
                return Ok(Started {
                    token: made.token,
                    id: made.id,
                    kind: row.kind,
                    max_age: keeps.then(|| row.absolute.saturating_since(now)),
                });
            }
            // Something moved: it is read anew, and judged.
            self.0.ground.forget_fence();
        }
        Err(contended())
    }

    /// Reads what a start rests on, and judges the sessions that it comes from.
    async fn read_beside(&self, draft: &Draft, before: Before, now: Timestamp) -> Result<Read> {
        let scopes = scopes(&draft.tenant, &draft.subject);
        let mut places: Vec<_> = scopes.iter().map(place_of).collect();
        if let Before::Ends(id) | Before::Becomes(id) = before {
            places.push(place(id));
        }
        let mut keys = Keys::default();
        let mut found = self.0.ground.store.fetch_many(&places).await?.into_iter();
        let mut epochs = Vec::with_capacity(scopes.len());
        for scope in &scopes {
            let record = found.next().flatten();
            epochs.push(self.0.ground.read_held(scope, record, &mut keys).await?);
        }
        let old = found.next().flatten();
        if let Before::Becomes(_) = before {
            let old = old.as_ref();
            let old = old.ok_or_else(|| Error::rejected(reason::ENDED))?;
            let row = self.open_row(old, &mut keys).await?;
            let found = epochs.iter().map(Held::found);
            let state = State::beside(row, old.version, found);
            self.judge(&state.ok_or_else(|| Error::rejected(reason::ENDED))?, now)?;
        }
        let admin = match &draft.behind {
            None => None,
            Some(acting) => {
                let (row, version) = self.read_row(acting.session, &mut keys).await?;
                let state = self.state(row, version, &mut keys).await?;
                self.judge(&state, now)?;
                Some(state)
            }
        };
        Ok(Read {
            epochs,
            before: old,
            admin,
        })
    }

    /// When it ends at the latest.
    fn ends(&self, draft: &Draft, read: &Read, key: &MacHandle, now: Timestamp) -> Timestamp {
        let life = self.0.policy.lifetime(draft.kind, draft.remember).absolute;
        let life = key.longest_life().map_or(life, |most| life.min(most));
        let ends = now.saturating_add(life);
        let admin = read.admin.as_ref().map(|admin| admin.row.absolute);
        admin.map_or(ends, |admin| ends.min(admin))
    }

    #[allow(clippy::too_many_arguments)] // All that a row is made of, gathered in one place.
    fn row(
        &self,
        draft: &Draft,
        read: &Read,
        made: &Made,
        key: &MacHandle,
        marks: Marks,
        now: Timestamp,
        ends: Timestamp,
    ) -> Row {
        let window = self.0.policy.lifetime(draft.kind, draft.remember).idle;
        let behind = draft.behind.as_ref().zip(read.admin.as_ref());
        Row {
            id: made.id,
            token_key: key.id(),
            proof: made.proof,
            kind: draft.kind,
            remember: draft.remember,
            tenant: draft.tenant.clone(),
            subject: draft.subject.clone(),
            door: draft.door.clone(),
            methods: draft.methods.clone(),
            authenticated: draft.authenticated,
            created: now,
            renewed: now,
            window,
            idle: window.map_or(ends, |window| now.saturating_add(window).min(ends)),
            absolute: ends,
            marks,
            client: draft.client.clone(),
            name: draft.name.clone(),
            behind: behind.map(|(acting, admin)| Behind {
                session: acting.session,
                tenant: acting.tenant.clone(),
                subject: acting.subject.clone(),
                marks: admin.row.marks,
                reason: acting.reason.clone(),
            }),
        }
    }
}

/// Whether evidence is recent, and of after whatever was ended.
fn check_evidence(draft: &Draft, read: &Read, now: Timestamp) -> Result<()> {
    let Some(at) = draft.evidence else {
        return Ok(());
    };
    if at > now.saturating_add(MAX_SKEW) {
        return Err(Error::unavailable(
            "the clock is behind the one by which evidence was gathered: set it right",
        )
        .because(reason::CLOCK));
    }
    let epochs = || read.epochs.iter().filter_map(Held::found);
    let is_ahead = |found: &Found| found.epoch.moved > now.saturating_add(MAX_SKEW);
    if epochs().any(is_ahead) {
        return Err(Error::unavailable(
            "the clock is behind the one by which sessions were revoked: set it right; if that one was ahead, revoke again",
        )
        .because(reason::CLOCK));
    }
    // Of two factors, the first was shown before: what was revoked between them has ended as well.
    let first = at.min(draft.authenticated);
    let has_moved = |found: &Found| {
        let moved = found.epoch.moved;
        moved.as_millis() > 0 && first <= moved
    };
    if now.saturating_since(at) > EVIDENCE_MAX_AGE || epochs().any(has_moved) {
        return Err(Error::rejected(reason::EVIDENCE_OLD));
    }
    Ok(())
}
