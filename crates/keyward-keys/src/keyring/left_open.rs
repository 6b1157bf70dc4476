//! Acts that a trail tells the beginning of and not the end: whether their run is over.

use keyward_base::audit::{Intent, RunId};
use keyward_base::{Result, Timestamp, Trail};

use super::Keyring;

/// What a trail holds of acts without an outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftOpen {
    /// Acts whose run is over: nobody else records their outcome.
    pub ended: Vec<Intent>,
    /// Other runs may be about the rest of them: when that may be told. None: there is no rest.
    pub look_again: Option<Timestamp>,
}

impl Keyring {
    /// The run of this process, if it takes a lease: what its events name.
    #[must_use]
    pub fn run(&self) -> Option<RunId> {
        self.0.replica.as_ref().map(|replica| replica.run)
    }

    /// The acts on what `of` names (see [`EventId::new`](keyward_base::EventId::new)) that are
    /// open in `trail`, but for those of this very run. A run that names a lease is over when the
    /// lease is; one that took none, [`Policy::unleased_act`](crate::Policy::unleased_act) after
    /// the intent. Reads nothing but the trail if none is open.
    ///
    /// # Errors
    /// `Unavailable` if the trail or the store cannot be read.
    pub async fn left_open(&self, trail: &Trail, of: [u8; 8]) -> Result<LeftOpen> {
        let own = self.run();
        let is_ours = |intent: &Intent| intent.run.is_some() && intent.run == own;
        let mut open = trail.sink().open_intents().await?;
        open.retain(|intent| intent.id.is_of(of) && !is_ours(intent));
        if open.is_empty() {
            return Ok(LeftOpen::default());
        }
        let (live, now) = (self.replicas().await?, self.0.clock.now()?);
        let policy = &self.0.policy;
        // Until when the act may be going on.
        let until = |intent: &Intent| match intent.run {
            Some(run) if live.iter().any(|replica| replica.is_run(run)) => {
                now.saturating_add(policy.lease).saturating_add(policy.skew)
            }
            Some(_) => now,
            None => intent.at.saturating_add(policy.unleased_act),
        };
        let look_again = open.iter().map(&until).filter(|until| *until > now).min();
        let mut ended = open;
        ended.retain(|intent| until(intent) <= now);
        if !ended.is_empty() {
            // What ended before its lease did is told by now.
            let open = trail.sink().open_intents().await?;
            ended.retain(|ended| open.iter().any(|intent| intent.id == ended.id));
        }
        Ok(LeftOpen { ended, look_again })
    }
}
