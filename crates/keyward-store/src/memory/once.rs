//! Claims in memory.

use keyward_base::{Result, Timestamp};

use super::{MemoryStore, is_over, purge, spot};
use crate::limits::StoreLimits;
use crate::once::{Begun, Claim, Fence, Finished, Once};
use crate::records::{BoxFuture, Collection, RecordKey};

pub(super) struct Held {
    claim: Claim,
    fence: Fence,
    result: Option<Vec<u8>>,
}

impl MemoryStore {
    fn begin_now(&self, key: &RecordKey, claim: Claim, now: Timestamp) -> Result<Begun> {
        StoreLimits::check_key(key)?;
        claim.check(now)?;
        let mut state = self.state();
        let held = state.claims.get(&key.collection);
        let held = held.and_then(|all| all.get(&spot(key)));
        let known = held.is_some();
        if let Some(held) = held.filter(|held| held.claim.keep_until > now) {
            if held.claim.digest != claim.digest {
                return Ok(Begun::Conflict);
            }
            if let Some(result) = &held.result {
                return Ok(Begun::Done(result.clone()));
            }
            if held.claim.lease_until > now {
                let until = held.claim.lease_until;
                return Ok(Begun::InFlight { until });
            }
        }
        state.admit(self.capacity, usize::from(!known))?;
        let fence = Fence::new(state.next()?);
        state.entries = state.entries.saturating_add(usize::from(!known));
        let all = state.claims.entry(key.collection.clone()).or_default();
        all.insert(
            spot(key),
            Held {
                claim,
                fence,
                result: None,
            },
        );
        Ok(Begun::Lease(fence))
    }

    fn finish_now(
        &self,
        key: &RecordKey,
        fence: Fence,
        result: &[u8],
        keep_until: Timestamp,
    ) -> Result<Finished> {
        StoreLimits::check_key(key)?;
        StoreLimits::check_data(result)?;
        StoreLimits::check_time(keep_until)?;
        let mut state = self.state();
        let held = state.claims.get_mut(&key.collection);
        let held = held.and_then(|all| all.get_mut(&spot(key)));
        let Some(held) = held.filter(|held| held.fence == fence) else {
            return Ok(Finished::Lost);
        };
        match &held.result {
            Some(recorded) if recorded != result => Ok(Finished::Lost),
            Some(_) => Ok(Finished::Recorded),
            None => {
                held.result = Some(result.to_vec());
                held.claim.keep_until = keep_until;
                Ok(Finished::Recorded)
            }
        }
    }
}

impl Once for MemoryStore {
    fn abandon<'a>(&'a self, key: &'a RecordKey, fence: Fence) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            StoreLimits::check_key(key)?;
            let mut state = self.state();
            let Some(all) = state.claims.get_mut(&key.collection) else {
                return Ok(false);
            };
            let held = all.get(&spot(key));
            let ours = held.is_some_and(|held| held.fence == fence && held.result.is_none());
            if ours {
                all.remove(&spot(key));
                state.entries = state.entries.saturating_sub(1);
            }
            Ok(ours)
        })
    }

    fn begin<'a>(
        &'a self,
        key: &'a RecordKey,
        claim: Claim,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Begun>> {
        Box::pin(async move { self.begin_now(key, claim, now) })
    }

    fn finish<'a>(
        &'a self,
        key: &'a RecordKey,
        fence: Fence,
        result: &'a [u8],
        keep_until: Timestamp,
    ) -> BoxFuture<'a, Result<Finished>> {
        Box::pin(async move { self.finish_now(key, fence, result, keep_until) })
    }

    fn purge_once<'a>(
        &'a self,
        collection: &'a Collection,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            StoreLimits::check_collection(collection)?;
            let mut state = self.state();
            let all = state.claims.get_mut(collection);
            let (gone, entries) =
                purge(all, limit, |held| is_over(Some(held.claim.keep_until), now));
            state.entries = state.entries.saturating_sub(entries);
            Ok(gone)
        })
    }
}
