//! Failures that strangers cause: so many a minute are on record one by one, the others as a number.
//! A flood of them then costs nobody else the record, without which an act is refused.

use std::collections::BTreeMap;
use std::time::Duration;

use keyward_base::audit::Outcome;
use keyward_base::{ErrorKind, Event, Result, Timestamp};

use super::{Audit, OWN_CLASS, Of};
use crate::entry::{Entry, Number, Typed};
use crate::leaf::Class;

/// What the record of a sum is called. It names how many events of which action were left out.
pub const SUM: &str = "audit.sum";

/// How many are on record one by one in each [`SPAN`].
const MOST: u32 = 600;

/// A minute.
const SPAN: Duration = Duration::from_secs(60);

/// The minute that it is, and what was left out in it.
#[derive(Debug, Default)]
pub(super) struct Summed {
    began: Option<Timestamp>,
    /// The minute in which what is left out began, where it could not be put on record since.
    since: Option<Timestamp>,
    recorded: u32,
    left_out: BTreeMap<String, u64>,
}

/// What one minute left out.
struct Sum {
    began: Timestamp,
    left_out: BTreeMap<String, u64>,
}

impl Summed {
    /// What the minute before left out, if it is over at `now`, or the clock went back.
    fn over(&mut self, now: Timestamp) -> Option<Sum> {
        let goes_on = |began: Timestamp| now >= began && now < began.saturating_add(SPAN);
        if self.began.is_some_and(goes_on) {
            return None;
        }
        let sum = Sum {
            began: self.since.take().or(self.began).unwrap_or(now),
            left_out: std::mem::take(&mut self.left_out),
        };
        self.began = Some(now);
        self.recorded = 0;
        (!sum.left_out.is_empty()).then_some(sum)
    }

    /// Whether an event of that action is left out.
    fn leaves_out(&mut self, action: &str) -> bool {
        if self.recorded < MOST {
            self.recorded = self.recorded.saturating_add(1);
            return false;
        }
        self.put(action, 1);
        true
    }

    fn put(&mut self, action: &str, count: u64) {
        let held = self.left_out.entry(action.to_owned()).or_default();
        *held = held.saturating_add(count);
    }
}

impl Audit {
    /// Whether an event is one that is only counted: one of too many failures that strangers caused.
    /// Records what was counted in the minute before; with the next, where the service's log is not
    /// what was written.
    ///
    /// # Errors
    /// As [`Audit::append`], of the record of that, but `Corrupt`.
    pub(super) async fn left_out(&self, event: &Event) -> Result<bool> {
        self.left_out_as(event, event.action).await
    }

    /// [`Audit::left_out`], of an event whose action is that.
    ///
    /// # Errors
    /// As [`Audit::left_out`].
    pub(super) async fn left_out_as(&self, event: &Event, action: &str) -> Result<bool> {
        let now = self.0.keyring.clock().now()?;
        let sum = self.summed().over(now);
        if let Some(sum) = sum {
            let recorded = self.record_sum(now, &sum).await;
            if let Err(e) = recorded {
                let mut summed = self.summed();
                let left_out = sum.left_out.iter();
                left_out.for_each(|(action, count)| summed.put(action, *count));
                if e.kind() != ErrorKind::Corrupt {
                    // For the next one.
                    summed.began = Some(sum.began);
                    return Err(e);
                }
                // The service's log is not what was written, which costs no other its record. Each
                // minute tries again, and says so.
                summed.since = Some(sum.began);
            }
        }
        // An outcome ends its intent: it is always on record.
        let rejected = matches!(event.outcome, Outcome::Failed(ErrorKind::Rejected, _));
        Ok(rejected && event.id.is_none() && self.summed().leaves_out(action))
    }

    async fn record_sum(&self, now: Timestamp, sum: &Sum) -> Result<u64> {
        let mut entry = Entry::of(&Event::new(now, SUM, Outcome::Done), now);
        let since = Typed::Time(Number(sum.began.as_millis()));
        entry.detail.push(("since".to_owned(), since));
        for (action, count) in &sum.left_out {
            let count = Typed::Number(Number(*count));
            entry.detail.push((action.clone(), count));
        }
        let class = Class::new(OWN_CLASS)?;
        self.append_entry(&Of::Service, entry, class).await
    }

    fn summed(&self) -> std::sync::MutexGuard<'_, Summed> {
        let summed = self.0.summed.lock();
        summed.unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
