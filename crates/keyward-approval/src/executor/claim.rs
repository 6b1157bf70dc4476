//! From approved to executing.

use keyward_base::{Error, ErrorKind, Reason, Result, Retry, Tenant};
use keyward_store::Write;

use super::anchored::{Anchored, forgotten};
use super::{Executor, MAX_TRIES};
use crate::claims::ClaimPin;
use crate::gate::held::{Draft, Held, Saying, place};
use crate::gate::row::{Claim, Row, Taken};
use crate::gate::{
    ApprovedAction, Channel, GateId, Gates, Newest, State, What, contended, is_late, rule_of,
    scope_of, within,
};
use crate::policy::Rule;
use crate::reason;
use crate::trust::{CastVote, Facts};

impl Executor {
    /// Runs what was approved, to its end. Says where the gate is then: [`State::Executed`],
    /// [`State::Failed`], or [`State::Indeterminate`] where nobody knows.
    ///
    /// # Errors
    /// `Rejected`, and nothing ran: [`reason::OTHER_EXECUTOR`]; [`reason::NOT_APPROVED`] if it was
    /// denied, taken back, has expired or was claimed meanwhile; [`reason::STRICTER`] if the policy asks
    /// for more by now, which supersedes it, as does what the file of trust finds of its votes, with the
    /// reason of [`Trust::recheck`](crate::Trust::recheck), and a class that does not hold any more,
    /// with [`reason::SCOPE`] or [`reason::PUT_BACK`]. `Corrupt` if the record is not what was written, or was put
    /// back. `Unavailable` if something cannot be relied on, or another process has it in hand: if it was
    /// claimed by then, [`Executor::tick`] sees to the rest.
    pub async fn run(&self, approved: ApprovedAction) -> Result<State> {
        if approved.action.executor() != &self.0.name {
            return Err(Error::rejected(reason::OTHER_EXECUTOR));
        }
        let tenant = approved.action.tenant().clone();
        let claimed = {
            let _one = self.0.claiming.lock().await;
            self.claim(&tenant, approved.id).await?
        };
        match claimed {
            Some(claim) => self.work(&tenant, approved.id, claim).await,
            None => Ok(State::Indeterminate),
        }
    }

    /// Takes the gate, pins a claim of it, and writes that. None: the anchor has a claim that the record
    /// does not have.
    async fn claim(&self, tenant: &Tenant, id: GateId) -> Result<Option<Claim>> {
        self.take(tenant, id).await?;
        let mut mine: Option<(Claim, ClaimPin)> = None;
        let mut is_counted = false;
        for _ in 0..MAX_TRIES {
            let held = self.0.gates.held(tenant, id).await?;
            let mut draft = Draft::of(&held, self.0.gates.now()?);
            draft.settle()?;
            if draft.row.state != State::Approved {
                let _settled = self.0.gates.write(&held, &draft, &[]).await;
                return Err(Error::rejected(reason::NOT_APPROVED));
            }
            if !self.has_taken(&held) {
                return Err(in_hand(&held));
            }
            let known = mine.as_ref().map(|(_, pin)| pin);
            match self.judge(&held.row, known).await? {
                Anchored::Clear => {}
                Anchored::Forgotten => return Err(forgotten()),
                Anchored::Same | Anchored::Other => {
                    if self.lose(&held).await? {
                        return Ok(None);
                    }
                    continue;
                }
            }
            if !self.0.gates.check_newest(&held).await? {
                continue;
            }
            let Some(judged) = self.still_allowed(&held).await? else {
                continue;
            };
            let requires = judged.requires;
            if let Some(reason) = judged.refused {
                if self.supersede(&held, draft, &requires, reason).await? {
                    return Err(Error::rejected(reason));
                }
                continue;
            }
            let claim = match mine.take() {
                // What was pinned, where only what lies beside the record had moved.
                Some((claim, pin)) if claim.fence == draft.row.fence => {
                    mine = Some((claim.clone(), pin));
                    claim
                }
                _ => {
                    let claim = Claim {
                        fence: draft.row.fence,
                        nonce: *self.0.gates.0.keyring.provider().random()?.expose(),
                        begun: draft.now,
                    };
                    let pin = self.pin(&held.row, &claim)?;
                    // What was judged may be long ago by now: where its pin was forgotten since, that is
                    // refused.
                    if !self.advance(&held.row, pin).await? {
                        continue;
                    }
                    mine = Some((claim.clone(), pin));
                    claim
                }
            };
            if let Some(class) = judged.class.filter(|_| !is_counted) {
                is_counted = self.count_use(&class.row, id).await?;
                if !is_counted {
                    let refused = reason::SCOPE;
                    if self.supersede(&held, draft, &requires, refused).await? {
                        return Err(Error::rejected(refused));
                    }
                    continue;
                }
            }
            draft.row.claim = Some(claim.clone());
            draft.note(What::Claimed, State::Executing, Saying::service())?;
            draft.row.taken = Some(self.taken(&draft));
            match self.0.gates.write(&held, &draft, &requires).await {
                Ok(true) => return Ok(Some(claim)),
                Ok(false) => {}
                // Written or not: the record tells.
                Err(e) if e.kind() == ErrorKind::Unavailable => {
                    let there = self.0.gates.held(tenant, id).await?;
                    if there.row.claim.as_ref() == Some(&claim) {
                        return Ok(Some(claim));
                    }
                    return Err(e);
                }
                Err(e) => return Err(e),
            }
        }
        Err(contended())
    }

    /// Ends what was approved and may not run.
    async fn supersede(
        &self,
        held: &Held,
        mut draft: Draft,
        requires: &[Write],
        reason: Reason,
    ) -> Result<bool> {
        let why = Saying {
            said: reason.as_str().to_owned(),
            ..Saying::by_way(Channel::Policy)
        };
        draft.note(What::Superseded, State::Superseded, why)?;
        self.0.gates.write(held, &draft, requires).await
    }

    /// Takes the gate in hand, so that no other process claims it meanwhile: what the anchor has then
    /// that the record does not have is nobody's who is at work.
    async fn take(&self, tenant: &Tenant, id: GateId) -> Result<()> {
        let run = self.0.run;
        let taken = self.0.gates.step(tenant, id, |draft| {
            draft.settle()?;
            if draft.row.state != State::Approved {
                return Ok(Err(Error::rejected(reason::NOT_APPROVED)));
            }
            if let Some(held) = &draft.row.taken
                && held.run != run
                && held.lease > draft.now
            {
                let in_hand = Error::unavailable("another process has the gate in hand");
                return Ok(Err(in_hand.retry(Retry::At(held.lease))));
            }
            draft.row.taken = Some(self.taken(draft));
            Ok(Ok(()))
        });
        taken.await?
    }

    pub(super) fn taken(&self, draft: &Draft) -> Taken {
        Taken {
            run: self.0.run,
            lease: draft.now.saturating_add(self.0.lease),
        }
    }

    pub(super) fn has_taken(&self, held: &Held) -> bool {
        let taken = held.row.taken.as_ref();
        taken.is_some_and(|taken| taken.run == self.0.run)
    }

    /// Nobody knows whether it ran.
    pub(super) async fn lose(&self, held: &Held) -> Result<bool> {
        let mut draft = Draft::of(held, self.0.gates.now()?);
        let saying = Saying::service();
        draft.note(What::Indeterminate, State::Indeterminate, saying)?;
        self.0.gates.write(held, &draft, &[]).await
    }

    /// Whether the policy still allows it and its votes still count. None: its class was changed since
    /// it was read.
    pub(super) async fn still_allowed(&self, held: &Held) -> Result<Option<Judged>> {
        let gates = &self.0.gates;
        let trust = self.0.trust.as_ref().map(|of| of.trust()).transpose()?;
        let policy = match &trust {
            Some(trust) => std::sync::Arc::new(trust.policy().clone()),
            None => gates.policy(),
        };
        // By whose votes it runs: its own, or those of the class that it is one of.
        let class = match held.row.under {
            Some(class) => Some(gates.held(&held.row.tenant, class).await?),
            None => None,
        };
        let of = class.as_ref().unwrap_or(held);
        let mut requires = Vec::new();
        if held.row.claim.is_none() && is_late(&policy, held, gates.now()?) {
            return Ok(refuse(requires, reason::STRICTER));
        }
        if let Some(class) = &class {
            requires.push(Write::Require {
                key: place(&class.row.tenant, class.row.id),
                version: class.version,
            });
            match gates.newest(class).await? {
                Newest::Yes => {}
                Newest::PutBack => return Ok(refuse(requires, reason::PUT_BACK)),
                Newest::Moved => return Ok(None),
            }
            if !within(&policy, class, held) {
                return Ok(refuse(requires, reason::STRICTER));
            }
            if !Gates::class_covers(class, held, gates.now()?) {
                return Ok(refuse(requires, reason::SCOPE));
            }
        }
        let roles = gates.roles_of(&of.row, &[]).await?;
        let passkeys = gates.0.passkeys.as_deref();
        let stands = gates
            .0
            .still_stands(&policy, &of.row, &of.action, &roles, passkeys)?;
        if !stands {
            return Ok(refuse(requires, reason::STRICTER));
        }
        if let Some(trust) = trust {
            let rule = rule_of(&policy, &of.row);
            let facts = Facts {
                gate: of.row.id,
                action: &of.action,
                rule: rule.map(Rule::name),
                scope: scope_of(&of.row),
            };
            // A vote of before it went to the second rule is over the first one's name.
            let votes = of.row.votes.iter().skip(before_second(&of.row));
            let votes = votes.filter(|vote| !vote.proof.is_empty());
            let votes: Vec<CastVote<'_>> = votes.filter_map(cast).collect();
            let now = gates.now()?;
            let rechecked = match &class {
                Some(_) => trust.recheck_use(&facts, &votes, &held.action, now),
                None => trust.recheck(&facts, &votes, now),
            };
            match rechecked {
                Ok(rechecked) if *rechecked.digest().as_bytes() == held.row.digest => {}
                Err(e) if e.kind() != ErrorKind::Rejected => return Err(e),
                Err(e) => {
                    let why = match e.reason() {
                        None | Some(reason::RULE | reason::QUORUM | reason::FORBIDDEN) => {
                            reason::STRICTER
                        }
                        Some(why) => why,
                    };
                    return Ok(refuse(requires, why));
                }
                Ok(_) => return Ok(refuse(requires, reason::STATEMENT)),
            }
        }
        Ok(Some(Judged {
            requires,
            refused: None,
            class,
        }))
    }
}

/// What is allowed, or not, as long as what lies beside the gate stays as it was.
pub(super) struct Judged {
    pub(super) requires: Vec<Write>,
    pub(super) refused: Option<Reason>,
    /// The class that it is a use of.
    class: Option<Held>,
}

const fn refuse(requires: Vec<Write>, why: Reason) -> Option<Judged> {
    Some(Judged {
        requires,
        refused: Some(why),
        class: None,
    })
}

/// How many votes it had when it went to the second rule: each left it waiting, with an entry.
fn before_second(row: &Row) -> usize {
    let went = row.history.iter().position(|p| p.what == What::Escalated);
    let before = row.history.iter().take(went.unwrap_or(0));
    before.filter(|past| past.what == What::Voted).count()
}

fn cast(vote: &crate::gate::Vote) -> Option<CastVote<'_>> {
    let crate::gate::Voter::Person(approver) = vote.voter() else {
        return None;
    };
    Some(CastVote {
        approver,
        lent_by: vote.lent_by(),
        approves: vote.decision() == crate::gate::Decision::Approve,
        proof: vote.proof(),
    })
}

fn in_hand(held: &Held) -> Error {
    let error = Error::unavailable("another process has the gate in hand");
    match &held.row.taken {
        Some(taken) => error.retry(Retry::At(taken.lease)),
        None => error,
    }
}
