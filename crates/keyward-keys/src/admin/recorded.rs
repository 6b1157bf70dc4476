//! Acts on the ring, as the trail tells them: an intent before, an outcome after.

use keyward_base::audit::{Act, Outcome};
use keyward_base::{Error, ErrorKind, Event, KeyId, Result};

use super::Admin;
use crate::keyring::{BESIDE_THE_RING, event_id};

impl Admin {
    /// Records that `action` is about to be done to `key`.
    pub(crate) async fn intend(&self, action: &'static str, key: Option<KeyId>) -> Result<Act> {
        let inner = &self.keyring.0;
        let mut event = Event::new(inner.clock.now()?, action, Outcome::Intended);
        event.key = key;
        event.found = Some(self.keyring.snapshot().ring.epoch);
        let id = event_id(&inner.provider, self.keyring.snapshot().ring.id)?;
        self.trail.intend(id, event).await
    }

    /// Records how it ended, and hands `result` on.
    pub(crate) async fn ended<T>(
        &self,
        mut act: Act,
        key: Option<KeyId>,
        result: Result<T>,
    ) -> Result<T> {
        let event = act.event_mut();
        event.key = key.or(event.key);
        let (action, found) = (event.action, event.found);
        let outcome = match &result {
            // The epoch tells nothing of what lies beside the ring.
            Err(e) if is_unsure(e) && BESIDE_THE_RING.contains(&action) => Outcome::Unknown,
            Err(e) if is_unsure(e) && !self.is_still_at(found).await => Outcome::Unknown,
            result => Event::outcome_of(result),
        };
        act.end(self.keyring.0.clock.as_ref(), outcome).await;
        result
    }

    /// [`Admin::intend`], `act`, [`Admin::ended`].
    pub(crate) async fn audited<T>(
        &self,
        action: &'static str,
        key: Option<KeyId>,
        act: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let intent = self.intend(action, key).await?;
        let result = act.await;
        self.ended(intent, None, result).await
    }

    /// Records, as well as can be, that `action` was refused before anything was intended.
    pub(crate) async fn refused(&self, action: &'static str, key: KeyId, error: &Error) {
        // A clock that cannot be relied on is why it was refused, and is told to the caller.
        if let Ok(now) = self.keyring.clock().now() {
            let outcome = Outcome::Failed(error.kind(), error.reason());
            let mut event = Event::new(now, action, outcome);
            event.key = Some(key);
            self.trail.note(event).await;
        }
    }

    async fn is_still_at(&self, found: Option<u64>) -> bool {
        self.keyring.refresh().await.is_ok() && found == Some(self.keyring.snapshot().ring.epoch)
    }
}

/// A store that could not be reached may have written all the same.
fn is_unsure(error: &Error) -> bool {
    error.kind() == ErrorKind::Unavailable
}
