//! Appending many events at once.

use std::collections::HashMap;
use std::sync::Arc;

use keyward_base::{Error, Event, Result};

use super::lane::{Lane, Together, Waiting};
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
        let mut logs: Vec<(Of, Vec<Waiting>)> = Vec::new();
        let mut nth_of: HashMap<Of, usize> = HashMap::new();
        let mut all = Vec::with_capacity(events.len());
        let with = Together::default();
        for event in events {
            check_action(event)?;
            let mut of = Of::event(event);
            if !nth_of.contains_key(&of) {
                // One before may begin its log: then what failed goes into it, too.
                of = self.log_of(event).await?;
            }
            let (mut waiting, hears) =
                self.waiting(Entry::of(event, event.at), self.0.class.clone())?;
            waiting.with = Some(with.clone());
            let nth = *nth_of.entry(of).or_insert_with_key(|of| {
                logs.push((of.clone(), Vec::new()));
                logs.len().saturating_sub(1)
            });
            if let Some((_, waits)) = logs.get_mut(nth) {
                waits.push(waiting);
            }
            all.push((nth, hears));
        }
        // Dropped before those who hear, one after the other: whoever commits meanwhile takes none
        // behind one that it left out.
        let _at_the_end = GivenUp(with);
        let lanes: Vec<(Of, Arc<Lane>)> = logs
            .into_iter()
            .map(|(of, waits)| {
                let lane = self.lane(&of);
                lane.wait_all(waits);
                (of, lane)
            })
            .collect();
        let mut seqs = Vec::with_capacity(all.len());
        for (nth, hears) in &mut all {
            if let Some((of, lane)) = lanes.get(*nth) {
                seqs.push(self.told(of, lane, hears).await?);
            }
        }
        Ok(seqs)
    }
}

/// Gives up what is not committed, however the call ends.
struct GivenUp(Together);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.give_up();
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
