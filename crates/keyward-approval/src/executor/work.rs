//! Step by step, and what a lost lease leaves.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use keyward_base::{Domain, Error, ErrorKind, Result, Tenant};
use keyward_store::{Find, Words, Write};

use super::anchored::Anchored;
use super::target::{Effect, Job, OnceBy};
use super::{Executor, MAX_TRIES};
use crate::action::{ActionDigest, Secrets};
use crate::gate::held::{Draft, GATES, Held, Saying};
use crate::gate::row::{Claim, Ran, SAID};
use crate::gate::{GateId, Newest, State, What, contended};
use crate::reason;

/// How often a batch is refused over an unchanged record before its own writes are what is refused.
const REFUSED: usize = 3;

/// How often a step is tried again whose lease was lost: an hour and more with the lease that is there
/// unless told. Then a person says what became of it.
const RECLAIMS: usize = 64;

/// How often the anchor is pruned by ticks: each hour, in milliseconds.
const HOUR: u64 = 60 * 60 * 1_000;

/// A step of a gate: the gate, which step, and the action.
const KEY: Domain<(GateId, u8, ActionDigest)> = Domain::new("keyward/v1/approval-idempotency");

/// What became of a step, as it is to be written.
enum StepResult {
    Done(String, Vec<Write>),
    Failed(String),
}

impl Executor {
    /// Does the steps that are left, in their order, and records each before the next is begun.
    pub(super) async fn work(&self, tenant: &Tenant, id: GateId, claim: Claim) -> Result<State> {
        let gates = &self.0.gates;
        loop {
            let held = gates.held(tenant, id).await?;
            if held.row.state != State::Executing {
                return self.ours(&held, &claim).map(|()| held.row.state);
            }
            self.ours(&held, &claim)?;
            let index = held.row.ran.len();
            let Some(step) = held.action.steps().get(index) else {
                return Err(crate::gate::row::wrong());
            };
            let secrets = match gates.open_secrets(&held).await {
                // Purged or damaged: no later try has them either.
                Err(e) if e.kind() == ErrorKind::Corrupt => {
                    return match self.lose(&held).await? {
                        true => Ok(State::Indeterminate),
                        false => Err(lost()),
                    };
                }
                secrets => secrets?,
            };
            let once = self.0.target.once(step);
            let job = self.job(&held, index, &secrets)?;
            let effect = self.0.target.run(&job).await;
            let result = match (effect, once) {
                (Effect::Done(said), OnceBy::Key(_) | OnceBy::Nothing) => {
                    StepResult::Done(said, Vec::new())
                }
                (Effect::Written(said, writes), OnceBy::Batch) => StepResult::Done(said, writes),
                (Effect::Failed(said), _) => StepResult::Failed(said),
                // What it promised otherwise: whether it had an effect is not known.
                (Effect::Done(_) | Effect::Written(..), _) | (Effect::Unknown, OnceBy::Nothing) => {
                    if self.lose(&held).await? {
                        return Ok(State::Indeterminate);
                    }
                    return Err(lost());
                }
                (Effect::Unknown, _) => {
                    return Err(Error::unavailable(
                        "the target did not answer: the step is tried again once its lease is over",
                    ));
                }
            };
            let state = self.record(tenant, id, &claim, index, &result).await?;
            if state != State::Executing {
                return Ok(state);
            }
        }
    }

    fn job<'a>(&self, held: &'a Held, index: usize, secrets: &'a Secrets) -> Result<Job<'a>> {
        let step = held.action.steps().get(index);
        let row = &held.row;
        let nth = u8::try_from(index).unwrap_or(u8::MAX);
        let digest = ActionDigest::from_bytes(row.digest);
        let encoded = KEY.encode(&(row.id, nth, digest))?;
        let provider = self.0.gates.0.keyring.provider();
        Ok(Job {
            tenant: &row.tenant,
            gate: row.id,
            index,
            step: step.ok_or_else(crate::gate::row::wrong)?,
            key: provider.sha256(&[encoded.as_bytes()]),
            fence: row.claim.as_ref().map_or(0, |claim| claim.fence),
            secrets,
        })
    }

    /// Refuses to go on under a claim that is not the gate's any more.
    fn ours(&self, held: &Held, claim: &Claim) -> Result<()> {
        let now = held.row.claim.as_ref();
        let same = now.is_some_and(|now| (now.fence, now.nonce) == (claim.fence, claim.nonce));
        if same { Ok(()) } else { Err(lost()) }
    }

    /// Writes what became of a step, with its writes in the same batch, unless the claim was lost.
    async fn record(
        &self,
        tenant: &Tenant,
        id: GateId,
        claim: &Claim,
        index: usize,
        result: &StepResult,
    ) -> Result<State> {
        let gates = &self.0.gates;
        let (mut before, mut refused) = (None, 0_usize);
        for _ in 0..MAX_TRIES {
            let held = gates.held(tenant, id).await?;
            self.ours(&held, claim)?;
            if held.row.ran.len() > index {
                // It was written, and the answer was lost.
                return Ok(held.row.state);
            }
            if held.row.state != State::Executing {
                return Err(lost());
            }
            refused = match before == Some(held.version) {
                true => refused.saturating_add(1),
                false => 0,
            };
            before = Some(held.version);
            let unmade = StepResult::Failed("what it was to write had changed".to_owned());
            let (result, writes): (_, &[Write]) = match result {
                StepResult::Done(_, writes) if refused >= REFUSED && !writes.is_empty() => {
                    (&unmade, &[])
                }
                StepResult::Done(_, writes) => (result, writes),
                StepResult::Failed(_) => (result, &[]),
            };
            let mut draft = Draft::of(&held, gates.now()?);
            self.put_result(&mut draft, result)?;
            match gates.write(&held, &draft, writes).await {
                Ok(true) => return Ok(draft.row.state),
                Ok(false) => {}
                // Written or not: the record tells.
                Err(e) if e.kind() == ErrorKind::Unavailable => {
                    let there = gates.held(tenant, id).await?;
                    self.ours(&there, claim)?;
                    if there.row.ran.len() > index {
                        return Ok(there.row.state);
                    }
                    return Err(e);
                }
                Err(e) => return Err(e),
            }
        }
        Err(contended())
    }

    fn put_result(&self, draft: &mut Draft, result: &StepResult) -> Result<()> {
        let said = |said: &String| {
            let ends = (0..=said.len().min(SAID)).rev();
            let front = ends.into_iter().find_map(|end| said.get(..end));
            front.unwrap_or_default().to_owned()
        };
        let service = |said: &str| Saying {
            said: said.to_owned(),
            ..Saying::service()
        };
        let steps = usize::from(draft.row.steps);
        match result {
            StepResult::Done(words, _) => {
                draft.note(What::StepDone, State::Executing, service(""))?;
                draft.row.ran.push(Ran::Done(said(words)));
                if draft.row.ran.len() >= steps {
                    draft.note(What::Executed, State::Executed, service(""))?;
                } else {
                    draft.row.taken = Some(self.taken(draft));
                    if let Some(claim) = &mut draft.row.claim {
                        claim.begun = draft.now;
                    }
                }
            }
            StepResult::Failed(words) => {
                draft.note(What::StepFailed, State::Executing, service(""))?;
                draft.row.ran.push(Ran::Failed(said(words)));
                if draft.row.ran.len() < steps {
                    draft.row.ran.resize(steps, Ran::NotRun);
                    draft.note(What::NotRun, State::Executing, service(""))?;
                }
                draft.note(What::Failed, State::Failed, service(""))?;
            }
        }
        Ok(())
    }

    /// Sees to what a process left that ended while it ran: a step is tried again where its target
    /// promises that this does nothing twice; else the gate is indeterminate, and a person says what
    /// became of it. Says where the gate is then; none if it is in somebody's hands.
    ///
    /// # Errors
    /// As [`Executor::run`].
    pub async fn recover(&self, tenant: &Tenant, id: GateId) -> Result<Option<State>> {
        let gates = &self.0.gates;
        let one = self.0.claiming.lock().await;
        let mut took = false;
        for _ in 0..MAX_TRIES {
            let held = gates.held(tenant, id).await?;
            let now = gates.now()?;
            if held.row.executor != self.0.name {
                return Err(Error::rejected(reason::OTHER_EXECUTOR));
            }
            let held_until = held.row.taken.as_ref().map(|taken| taken.lease);
            let is_over = held_until.is_none_or(|until| until <= now);
            let in_hand = took && self.has_taken(&held);
            if held.row.state != State::Executing || !(is_over || in_hand) {
                return Ok(None);
            }
            if is_over {
                // In hand first: what the anchor has then that the record does not have is nobody's
                // who is at work.
                let mut draft = Draft::of(&held, now);
                draft.row.taken = Some(self.taken(&draft));
                took = gates.write(&held, &draft, &[]).await?;
                continue;
            }
            let newest = gates.newest(&held).await?;
            if newest == Newest::Moved {
                continue;
            }
            if newest == Newest::PutBack || !self.may_try_again(&held, now).await? {
                if self.lose(&held).await? {
                    return Ok(Some(State::Indeterminate));
                }
                continue;
            }
            let Some(judged) = self.still_allowed(&held).await? else {
                continue;
            };
            if judged.refused.is_some() {
                // Some of it may have run.
                if self.lose(&held).await? {
                    return Ok(Some(State::Indeterminate));
                }
                continue;
            }
            let mut draft = Draft::of(&held, now);
            if !draft.has_room() {
                // It was tried until nothing more can be written of it.
                if self.lose(&held).await? {
                    return Ok(Some(State::Indeterminate));
                }
                continue;
            }
            let begun = held.row.claim.as_ref().map_or(now, |claim| claim.begun);
            let claim = Claim {
                fence: draft.row.fence,
                nonce: *gates.0.keyring.provider().random()?.expose(),
                begun,
            };
            let pin = self.pin(&held.row, &claim)?;
            if !self.advance(&held.row, pin).await? {
                continue;
            }
            draft.row.claim = Some(claim.clone());
            draft.note(What::Reclaimed, State::Executing, Saying::service())?;
            draft.row.taken = Some(self.taken(&draft));
            // Lost, the anchor is ahead of the record: what comes next finds it indeterminate.
            if gates.write(&held, &draft, &judged.requires).await? {
                drop(one);
                return self.work(tenant, id, claim).await.map(Some);
            }
        }
        Err(contended())
    }

    /// Whether trying the step again does nothing twice.
    async fn may_try_again(&self, held: &Held, now: keyward_base::Timestamp) -> Result<bool> {
        let (row, steps) = (&held.row, held.action.steps());
        let (Some(step), Some(claim)) = (steps.get(row.ran.len()), &row.claim) else {
            return Ok(false);
        };
        let tried = row.history.iter().rev();
        let tried = tried.take_while(|past| past.what != What::StepDone);
        let tried = tried.filter(|past| past.what == What::Reclaimed).count();
        if tried >= RECLAIMS || self.judge(row, None).await? != Anchored::Same {
            return Ok(false);
        }
        Ok(match self.0.target.once(step) {
            OnceBy::Batch => true,
            OnceBy::Nothing => false,
            // It has to be answered within the span, too.
            OnceBy::Key(kept) => {
                now.saturating_add(self.0.lease) < claim.begun.saturating_add(kept)
            }
        })
    }

    /// Runs what is approved for this executor, and sees to what others left: at most `limit` of each,
    /// of all tenants, those first whose lease or run-by ends first; the next call goes on behind them, so
    /// that what fails each time keeps nothing from its turn. Says what became of each that it had in
    /// hand; what fails waits for its next turn. Once an hour it prunes the anchor.
    ///
    /// # Errors
    /// `Unavailable` if store, clock or anchor cannot be relied on.
    pub async fn tick(&self, limit: usize) -> Result<Vec<(Tenant, GateId, Result<State>)>> {
        self.prune_hourly().await?;
        let mut done = Vec::new();
        for state in [State::Executing, State::Approved] {
            for (tenant, id) in self.waiting(state, limit).await? {
                let said = match state {
                    State::Executing => self.recover(&tenant, id).await,
                    _ => match self.0.gates.approved(&tenant, id).await {
                        Ok(approved) => self.run(approved).await.map(Some),
                        Err(e) => Err(e),
                    },
                };
                if let Some(said) = said.transpose() {
                    done.push((tenant, id, said));
                }
            }
        }
        Ok(done)
    }

    async fn waiting(&self, state: State, limit: usize) -> Result<Vec<(Tenant, GateId)>> {
        let nth = usize::from(state == State::Approved);
        let ticked = || self.0.ticked.lock().unwrap_or_else(PoisonError::into_inner);
        let mut after = ticked().get(nth).cloned().flatten();
        let mut found = Vec::new();
        while found.len() < limit {
            let words = Words::Range {
                from: format!("{state}/"),
                until: Some(format!("{state}0")),
            };
            let left = limit.saturating_sub(found.len());
            let find = Find::of(GATES, words).limit(left.min(64)).after(after);
            let page = self.0.gates.0.store.find(find).await?;
            for record in &page.items {
                match self.0.gates.open_row(record).await {
                    Ok(row) if row.executor == self.0.name => found.push((row.tenant, row.id)),
                    Ok(_) => {}
                    // It costs itself alone.
                    Err(e) if e.kind() == ErrorKind::Corrupt => {}
                    Err(e) => return Err(e),
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if let Some(at) = ticked().get_mut(nth) {
            *at = after;
        }
        Ok(found)
    }

    /// A file of the anchor that is damaged is told once an hour, and keeps no other gate from its turn.
    async fn prune_hourly(&self) -> Result<()> {
        let now = self.0.gates.now()?.as_millis();
        let last = self.0.pruned.load(Ordering::Relaxed);
        if now.saturating_sub(last) >= HOUR {
            self.0.pruned.store(now, Ordering::Relaxed);
            let _how_many = self.prune().await?;
        }
        Ok(())
    }
}

fn lost() -> Error {
    Error::unavailable("the lease was lost: another has it in hand, or nobody knows")
}
