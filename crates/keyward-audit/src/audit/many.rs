//! Appending many events at once.

use std::collections::HashMap;
use std::sync::Arc;

use keyward_base::{Error, Event, Result};

use super::lane::{Lane, Waiting};
use super::{Audit, Of};
use crate::entry::Entry;

/// What the actions of a log itself begin with.
const OWN: &str = "audit.";

impl Audit {
    /// Appends many events, each as [`Audit::append`] does, for whoever has them at once: without a
    /// task for each, and those of one log in their order, as many in a transaction as go into one
    /// (1,000, or 1 MiB). Gives their numbers in the order of the events. All are in memory meanwhile.
    ///
    /// # Errors
    /// As [`Audit::append`]. `Misuse` of one of them: then none is recorded. Else each of them may have
    /// been recorded, or not; of one log none without those before it.
    pub async fn append_all(&self, events: &[Event]) -> Result<Vec<u64>> {
        let mut logs: Vec<(Of, Arc<Lane>, Vec<Waiting>)> = Vec::new();
        let mut nth_of: HashMap<Of, usize> = HashMap::new();
        let mut all = Vec::with_capacity(events.len());
        for event in events {
            check_action(event)?;
            let of = self.log_of(event).await?;
            let (waiting, hears) =
                self.waiting(Entry::of(event, event.at), self.0.class.clone())?;
            let nth = match nth_of.get(&of) {
                Some(nth) => *nth,
                None => {
                    // From now on what failed goes into this one, too.
                    logs.push((of.clone(), self.lane(&of), Vec::new()));
                    let nth = logs.len().saturating_sub(1);
                    nth_of.insert(of, nth);
                    nth
                }
            };
            if let Some((_, _, waits)) = logs.get_mut(nth) {
                waits.push(waiting);
            }
            all.push((nth, hears));
        }
        for (_, lane, waits) in &mut logs {
            lane.wait_all(std::mem::take(waits));
        }
        let mut seqs = Vec::with_capacity(all.len());
        for (nth, hears) in &mut all {
            if let Some((of, lane, _)) = logs.get(*nth) {
                seqs.push(self.told(of, lane, hears).await?);
            }
        }
        Ok(seqs)
    }
}

/// # Errors
/// `Misuse` for an action of a log's own.
pub(super) fn check_action(event: &Event) -> Result<()> {
    if event.action.starts_with(OWN) {
        return Err(Error::misuse(
            "actions of audit. are those of the log itself",
        ));
    }
    Ok(())
}
