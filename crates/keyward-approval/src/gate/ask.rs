//! Asking: an action becomes a gate.

use keyward_base::{Error, Evidence, Result, Tenant};
use keyward_store::{Content, Write};

use super::builder::AT_LEAST;
use super::class::{self, Scope, fits};
use super::held::{Draft, Held, Saying, piece_place, secrets_place};
use super::id::GateId;
use super::newest::Newest;
use super::row::{Class, Row, Untold};
use super::state::{Channel, State, What};
use super::{Gates, MAX_TRIES, contended};
use crate::action::{Action, Asked, Secrets};
use crate::policy::Verdict;
use crate::reason;

/// How much of an action lies in one record: what a store takes of data.
const PIECE: usize = keyward_store::StoreLimits::DATA;

/// How an action is asked for.
#[derive(Debug)]
#[must_use = "nothing is asked before `Gates::ask`"]
pub struct Asking {
    asked: Asked,
    scope: Scope,
    staged: bool,
}

impl Asking {
    /// This action, once. Who the requester is the service says, from what it verified.
    pub const fn new(asked: Asked) -> Self {
        Self {
            asked,
            scope: Scope::Once,
            staged: false,
        }
    }

    /// How often it may run; once unless told.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// Of which tenant it is, and who asks.
    pub(super) fn who(&self) -> (Tenant, crate::who::Requester) {
        let action = &self.asked.action;
        (action.tenant().clone(), action.requester().clone())
    }

    /// Keeps it, and asks nobody yet: [`Gates::issue`] does.
    pub const fn staged(mut self) -> Self {
        self.staged = true;
        self
    }
}

/// What became of an ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // Whoever asks has to decide on each.
pub enum Answer {
    /// It may run: the policy asks for nobody's approval.
    Approved(GateId),
    /// It waits.
    Waits(GateId),
}

impl Answer {
    /// The gate.
    #[must_use]
    pub const fn gate(self) -> GateId {
        match self {
            Self::Approved(id) | Self::Waits(id) => id,
        }
    }
}

/// A gate that is not written yet, and what is written with it.
pub(super) struct Fresh {
    pub(super) held: Held,
    pub(super) draft: Draft,
    writes: Vec<Write>,
    secrets: Secrets,
    waits: bool,
}

impl Fresh {
    pub(super) const fn answer(&self) -> Answer {
        let id = self.draft.row.id;
        if self.waits {
            Answer::Waits(id)
        } else {
            Answer::Approved(id)
        }
    }
}

impl Gates {
    /// Asks for an action. The policy says whether it waits; what it says of an action that was built
    /// under another one does not count.
    ///
    /// # Errors
    /// `Rejected` ([`reason::FORBIDDEN`]) for what the policy forbids, and ([`reason::SCOPE`]) for a
    /// class that its rule does not allow; `Misuse` for an action that was built under another policy;
    /// `Unavailable` if store, keyring, log or clock cannot be relied on.
    pub async fn ask(&self, asking: Asking) -> Result<Answer> {
        let fresh = self.prepare(asking)?;
        for _ in 0..MAX_TRIES {
            let writes = self.writes_of(&fresh).await?;
            if self.write(&fresh.held, &fresh.draft, &writes).await? {
                return Ok(fresh.answer());
            }
        }
        Err(contended())
    }

    /// Asks whoever may approve what was staged.
    ///
    /// # Errors
    /// `Rejected` ([`reason::NOT_OPEN`]) if it is not staged any more, ([`keyward_base::Reason::NOT_FOUND`])
    /// if it is not there; else as [`Gates::ask`].
    pub async fn issue(&self, tenant: &Tenant, id: GateId) -> Result<()> {
        self.step(tenant, id, |draft| {
            draft.settle()?;
            if draft.row.state != State::Staged {
                return Ok(Err(Error::rejected(reason::NOT_OPEN)));
            }
            draft.note(What::Issued, State::Pending, Saying::service())?;
            Ok(Ok(()))
        })
        .await?
    }

    /// Puts another action in the place of one that waits or was approved: the old one is superseded,
    /// with its votes and its links, and the new one is a request of its own. Only who asked may, and
    /// for the same requester.
    ///
    /// # Errors
    /// `Rejected`: [`reason::NOT_OPEN`] if it was claimed or has ended, [`reason::NOT_ASKER`] for
    /// evidence of another than who asked; else as [`Gates::ask`].
    pub async fn edit(
        &self,
        id: GateId,
        evidence: impl Evidence,
        asking: Asking,
    ) -> Result<Answer> {
        let mut fresh = self.prepare(asking)?;
        let tenant = fresh.draft.row.tenant.clone();
        let who = self.shown(&tenant, &evidence)?;
        fresh.draft.row.before = Some(id);
        for _ in 0..MAX_TRIES {
            let held = self.held(&tenant, id).await?;
            let mut old = Draft::of(&held, self.now()?);
            old.settle()?;
            let is_theirs = old.action.requester().is_self(&who)
                && old.action.requester() == fresh.draft.action.requester();
            if !is_theirs {
                return Err(Error::rejected(reason::NOT_ASKER));
            }
            if !old.row.state.is_open() && old.row.state != State::Approved {
                self.write(&held, &old, &[]).await?;
                return Err(Error::rejected(reason::NOT_OPEN));
            }
            old.row.after = Some(fresh.draft.row.id);
            let saying = Saying::person(&who, "");
            old.note(What::Superseded, State::Superseded, saying)?;
            let both = [(&held, &old), (&fresh.held, &fresh.draft)];
            let mut writes = self.writes_of(&fresh).await?;
            writes.extend(self.place_of_edited(id, &fresh).await?);
            if self.write_all(&both, &writes).await? {
                return Ok(fresh.answer());
            }
        }
        Err(contended())
    }

    /// Asks for an action that falls into the class of one that was approved: it may run at once, and
    /// is one of the class's uses.
    ///
    /// # Errors
    /// `Rejected` ([`reason::SCOPE`]) if it does not fall into it, the class has ended or is used up;
    /// else as [`Gates::ask`].
    pub async fn ask_under(&self, class: GateId, asked: Asked) -> Result<Answer> {
        let Asked {
            action, secrets, ..
        } = asked;
        let tenant = action.tenant().clone();
        let refused = || Error::rejected(reason::SCOPE);
        let mut fresh = self.fresh(&action, secrets, &Scope::Once, true)?;
        if !fresh.waits {
            return Err(Error::misuse("it needs nobody's approval: ask for it"));
        }
        fresh.draft.row.under = Some(class);
        let saying = Saying::by_way(Channel::Policy);
        fresh.draft.note(What::Approved, State::Approved, saying)?;
        for _ in 0..MAX_TRIES {
            let held = self.held(&tenant, class).await?;
            let mut of = Draft::of(&held, self.now()?);
            match self.newest(&held).await? {
                Newest::Yes => {}
                Newest::PutBack => return Err(refused()),
                Newest::Moved => continue,
            }
            let stands = self.class_stands(&held, of.now).await?;
            if !stands || !fits(&held, &action) || fresh.draft.row.rule != held.row.rule {
                return Err(refused());
            }
            let used = of.row.class.as_mut().ok_or_else(refused)?;
            used.used = used.used.checked_add(1).ok_or_else(refused)?;
            fresh.draft.row.run_by = fresh.draft.action.run_by();
            let both = [(&held, &of), (&fresh.held, &fresh.draft)];
            let writes = self.writes_of(&fresh).await?;
            if self.write_all(&both, &writes).await? {
                return Ok(Answer::Approved(fresh.draft.row.id));
            }
        }
        Err(contended())
    }

    /// A gate that is to be.
    pub(super) fn prepare(&self, asking: Asking) -> Result<Fresh> {
        let Asking {
            asked,
            scope,
            staged,
        } = asking;
        self.fresh(&asked.action, asked.secrets, &scope, staged)
    }

    /// The first state of a gate. What is told of it, is told in the batch that makes it.
    fn fresh(
        &self,
        action: &Action,
        secrets: Secrets,
        scope: &Scope,
        staged: bool,
    ) -> Result<Fresh> {
        let (policy, now, provider) = (self.policy(), self.now()?, self.0.keyring.provider());
        if action.policy() != policy.reference() {
            return Err(Error::misuse(
                "the action was built under another policy than the gates': build it anew",
            ));
        }
        let rule = match policy.verdict(action) {
            Verdict::Forbidden => return Err(Error::rejected(reason::FORBIDDEN)),
            Verdict::Auto => None,
            Verdict::NeedsApproval(name) => Some(name),
        };
        let class = class::of(
            scope,
            rule.as_ref().and_then(|r| policy.rule(r.as_str())),
            now,
        )?;
        let id = GateId::from_bytes(*provider.random::<16>()?.expose());
        let asked = now.min(action.decide_by());
        let row = first_row(id, action, rule, class, asked, !secrets.is_empty())?;
        let waits = row.rule.is_some();
        let mut draft = Draft::new(row, action.clone(), now);
        let requester = action.requester();
        let saying = Saying {
            channel: Channel::Service,
            by: Some(requester.subject().clone()),
            for_whom: requester.for_whom().cloned(),
            said: String::new(),
        };
        draft.note(What::Staged, State::Staged, saying)?;
        if !waits {
            let saying = Saying::by_way(Channel::Policy);
            draft.note(What::Approved, State::Approved, saying)?;
        } else if !staged {
            draft.note(What::Issued, State::Pending, Saying::service())?;
        }
        let expires = Some(draft.row.needed_until().saturating_add(self.0.kept));
        let pieces = action.bytes().chunks(PIECE).enumerate();
        let writes = pieces.map(|(nth, piece)| Write::Insert {
            key: piece_place(action.tenant(), id, nth),
            content: Content {
                data: piece.to_vec(),
                expires,
                ..Content::default()
            },
        });
        Ok(Fresh {
            writes: writes.collect(),
            held: Held {
                row: draft.row.clone(),
                version: None,
                action: action.clone(),
            },
            draft,
            secrets,
            waits,
        })
    }

    /// What is written beside a gate that is to be. Its secrets are sealed for this try: by the next
    /// one, a rotation may have taken the key away.
    pub(super) async fn writes_of(&self, fresh: &Fresh) -> Result<Vec<Write>> {
        let mut writes = fresh.writes.clone();
        if fresh.secrets.is_empty() {
            return Ok(writes);
        }
        let row = &fresh.draft.row;
        let (sealed, requires) = self.seal(row, &fresh.secrets).await?;
        writes.push(requires);
        writes.push(Write::Insert {
            key: secrets_place(&row.tenant, row.id),
            content: Content {
                sealed,
                expires: Some(row.run_by.saturating_add(AT_LEAST)),
                ..Content::default()
            },
        });
        Ok(writes)
    }
}

fn first_row(
    id: GateId,
    action: &Action,
    rule: Option<crate::word::RuleName>,
    class: Option<Class>,
    asked: keyward_base::Timestamp,
    has_secrets: bool,
) -> Result<Row> {
    let long = |_| Error::misuse("an action is longer than one may be");
    Ok(Row {
        id,
        fence: 1,
        state: State::Staged,
        tenant: action.tenant().clone(),
        executor: action.executor().clone(),
        digest: *action.digest().as_bytes(),
        len: u32::try_from(action.bytes().len()).map_err(long)?,
        has_secrets,
        steps: u8::try_from(action.steps().len()).map_err(long)?,
        asked,
        decide_by: action.decide_by(),
        run_by: action.run_by(),
        rule,
        escalated: false,
        untold: Untold::default(),
        reminded: 0,
        broken: false,
        reviewed: false,
        class,
        under: None,
        before: None,
        after: None,
        logged: 0,
        votes: Vec::new(),
        delegations: Vec::new(),
        slots: Vec::new(),
        taken: None,
        claim: None,
        ran: Vec::new(),
        history: Vec::new(),
    })
}
