//! What time does: reminders, the second rule, the end.

use std::sync::PoisonError;

use keyward_base::encoding::hex;
use keyward_base::{ErrorKind, Result, Tenant, Timestamp};
use keyward_store::{Find, Words};

use super::Gates;
use super::held::{Draft, GATES, Saying};
use super::id::GateId;
use super::state::{Channel, State, What};
use super::tally::rule_of;
use crate::policy::Policy;

/// What is to be told to whom, after [`Gates::tick`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Due {
    /// Whose gate.
    pub tenant: Tenant,
    /// Which.
    pub gate: GateId,
    /// [`What::Reminded`], [`What::Escalated`] or [`What::Expired`].
    pub what: What,
}

impl Gates {
    /// Does what is due: notes each reminder, goes to the second rule, ends what nobody decided or ran.
    /// Says what was done, so that people are told; each is said once, to one of those who ask, also what
    /// a vote or a look at the gate did first. What was said to a process that was killed then is not
    /// said again: the gate itself tells where it is. At most `limit`
    /// gates of each state are looked at, those first that end first; the next call goes on behind them,
    /// so that many that end early keep no other from its reminder.
    ///
    /// # Errors
    /// `Unavailable` if store, keyring, log or clock cannot be relied on and nothing was done. A gate that is damaged is
    /// passed over.
    pub async fn tick(&self, limit: usize) -> Result<Vec<Due>> {
        let mut done = Vec::new();
        match self.tick_into(limit, &mut done).await {
            Err(e) if done.is_empty() => Err(e),
            // What was done is said once, and now; what stood in the way of the rest does so again.
            _ => Ok(done),
        }
    }

    async fn tick_into(&self, limit: usize, done: &mut Vec<Due>) -> Result<()> {
        let ticked = || self.0.ticked.lock().unwrap_or_else(PoisonError::into_inner);
        // What is to be told is due at once, and stands in front of its state.
        let told = format!("/{}", hex(&1_u64.to_be_bytes()));
        let open = [State::Staged, State::Pending, State::Approved].map(|of| (of, "0"));
        let ranges = open.into_iter().chain([(State::Expired, told.as_str())]);
        for (nth, (state, until)) in ranges.enumerate() {
            let mut after = ticked().get(nth).cloned().flatten();
            let mut left = limit;
            while left > 0 {
                let words = Words::Range {
                    from: format!("{state}/"),
                    until: Some(format!("{state}{until}")),
                };
                let find = Find::of(GATES, words).limit(left.min(64)).after(after);
                let page = self.0.store.find(find).await?;
                left = left.saturating_sub(page.items.len());
                for record in &page.items {
                    let row = match self.open_row(record).await {
                        Ok(row) => row,
                        // It costs itself alone.
                        Err(e) if e.kind() == ErrorKind::Corrupt => continue,
                        Err(e) => return Err(e),
                    };
                    if !is_due(&self.policy(), &row, self.now()?) {
                        continue;
                    }
                    let settled = match self.settle(&row.tenant, row.id).await {
                        Err(e) if e.kind() == ErrorKind::Unavailable => return Err(e),
                        // Its action is damaged, its history full, or it is gone: it costs itself
                        // alone.
                        Err(_) => continue,
                        Ok(settled) => settled,
                    };
                    for what in settled {
                        done.push(Due {
                            tenant: row.tenant.clone(),
                            gate: row.id,
                            what,
                        });
                    }
                }
                after = page.next;
                if let Some(at) = ticked().get_mut(nth) {
                    at.clone_from(&after);
                }
                if after.is_none() || page.items.is_empty() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// What time did to one gate, written.
    async fn settle(&self, tenant: &Tenant, id: GateId) -> Result<Vec<What>> {
        let policy = self.policy();
        self.step(tenant, id, |draft| {
            draft.catch_up(&policy)?;
            let untold = std::mem::take(&mut draft.row.untold);
            let told = [
                (untold.escalated, What::Escalated),
                (remind(&policy, draft)?, What::Reminded),
                (untold.expired, What::Expired),
            ];
            let told = told.into_iter().filter(|(is_due, _)| *is_due);
            Ok(told.map(|(_, what)| what).collect())
        })
        .await
    }
}

fn is_due(policy: &Policy, row: &super::row::Row, now: Timestamp) -> bool {
    let ends = match row.state {
        State::Approved => now >= row.run_by,
        _ => now >= row.decide_by,
    };
    let waits = row.state == State::Pending;
    if row.state == State::Expired {
        return row.untold.expired;
    }
    ends || row.untold.is_any()
        || waits && (escalates(policy, row, now) || reminders(policy, row, now) > row.reminded)
}

fn escalates(policy: &Policy, row: &super::row::Row, now: Timestamp) -> bool {
    let rule = row
        .rule
        .as_ref()
        .and_then(|name| policy.rule(name.as_str()));
    let escalation = rule.and_then(|rule| rule.escalation());
    !row.escalated && escalation.is_some_and(|to| now >= row.asked.saturating_add(to.after))
}

impl Draft {
    /// What time did to it, to whom it goes by now included: before it is shown, and before each vote,
    /// however late [`Gates::tick`] is.
    pub(crate) fn catch_up(&mut self, policy: &Policy) -> Result<()> {
        self.settle()?;
        escalate(policy, self)
    }
}

/// Goes to the second rule once it is time.
fn escalate(policy: &Policy, draft: &mut Draft) -> Result<()> {
    if draft.row.state == State::Pending && escalates(policy, &draft.row, draft.now) {
        draft.row.escalated = true;
        // Of its own reminders; those that are due by now are told with it.
        draft.row.reminded = reminders(policy, &draft.row, draft.now);
        // What was lent under the first rule is lent for no longer than the second lets anybody.
        let most = rule_of(policy, &draft.row).and_then(|rule| rule.delegation());
        let until = draft.now.saturating_add(most.unwrap_or_default());
        for lent in &mut draft.row.delegations {
            lent.until = lent.until.min(until);
        }
        let saying = Saying::by_way(Channel::Policy);
        draft.note(What::Escalated, State::Pending, saying)?;
    }
    Ok(())
}

/// How many reminders should have been by now.
fn reminders(policy: &Policy, row: &super::row::Row, now: Timestamp) -> u8 {
    let left = row.decide_by.saturating_since(now);
    let due = rule_of(policy, row).map_or(0, |rule| {
        rule.reminders()
            .iter()
            .filter(|span| left <= **span)
            .count()
    });
    u8::try_from(due).unwrap_or(u8::MAX)
}

/// Several that are due at once are one.
fn remind(policy: &Policy, draft: &mut Draft) -> Result<bool> {
    let due = reminders(policy, &draft.row, draft.now);
    let is_due = draft.row.state == State::Pending && due > draft.row.reminded;
    if is_due {
        draft.row.reminded = due;
        let saying = Saying::by_way(Channel::Policy);
        draft.note(What::Reminded, State::Pending, saying)?;
    }
    Ok(is_due)
}
