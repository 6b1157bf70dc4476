//! Claims in memory.

use std::collections::BTreeSet;

use keyward_base::{BoxFuture, Result, Timestamp};

use super::{MemoryStore, State, is_over, purge, spot};
use crate::limits::StoreLimits;
use crate::once::{Begun, Claim, FencingToken, Finished, Once};
use crate::record::{Collection, RecordKey};

#[derive(Clone)]
pub(super) struct Held {
    claim: Claim,
    token: FencingToken,
    result: Option<Vec<u8>>,
}

impl State {
    pub(super) fn begin(
        &mut self,
        capacity: usize,
        key: &RecordKey,
        claim: Claim,
        now: Timestamp,
    ) -> Result<Begun> {
        let held = self.claims.get(&key.collection);
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
        self.admit(capacity, usize::from(!known))?;
        let token = FencingToken::new(self.next()?);
        self.entries = self.entries.saturating_add(usize::from(!known));
        let all = self.claims.entry(key.collection.clone()).or_default();
        all.insert(
            spot(key),
            Held {
                claim,
                token,
                result: None,
            },
        );
        Ok(Begun::Lease(token))
    }

    pub(super) fn finish(
        &mut self,
        key: &RecordKey,
        token: FencingToken,
        result: &[u8],
        keep_until: Timestamp,
    ) -> Finished {
        let held = self.claims.get_mut(&key.collection);
        let held = held.and_then(|all| all.get_mut(&spot(key)));
        let Some(held) = held.filter(|held| held.token == token) else {
            return Finished::Lost;
        };
        match &held.result {
            Some(recorded) if recorded != result => Finished::Lost,
            Some(_) => Finished::Recorded,
            None => {
                held.result = Some(result.to_vec());
                held.claim.keep_until = keep_until;
                Finished::Recorded
            }
        }
    }

    /// Puts back what was held before; none: nothing.
    pub(super) fn hold(&mut self, key: &RecordKey, held: Option<Held>) -> Option<Held> {
        let all = self.claims.entry(key.collection.clone()).or_default();
        let before = match held {
            // Over the claim that took its place, which is counted.
            Some(held) => return all.insert(spot(key), held),
            None => all.remove(&spot(key)),
        };
        self.entries = self.entries.saturating_sub(usize::from(before.is_some()));
        before
    }
}

impl Once for MemoryStore {
    fn abandon<'a>(
        &'a self,
        key: &'a RecordKey,
        token: FencingToken,
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            StoreLimits::check_key(key)?;
            let mut state = self.state();
            let Some(all) = state.claims.get_mut(&key.collection) else {
                return Ok(false);
            };
            let held = all.get(&spot(key));
            let ours = held.is_some_and(|held| held.token == token && held.result.is_none());
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
        Box::pin(async move {
            StoreLimits::check_key(key)?;
            claim.check(now)?;
            self.state().begin(self.capacity, key, claim, now)
        })
    }

    fn begin_many<'a>(
        &'a self,
        claims: &'a [(RecordKey, Claim)],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<Begun>>> {
        Box::pin(async move {
            StoreLimits::check_claims(claims, now)?;
            let mut state = self.state();
            // One that does not fit refuses all: what is new is counted before anything begins.
            let known = |key: &RecordKey| {
                let held = state.claims.get(&key.collection);
                held.is_some_and(|held| held.contains_key(&spot(key)))
            };
            let new: BTreeSet<&RecordKey> = claims
                .iter()
                .map(|(key, _)| key)
                .filter(|key| !known(key))
                .collect();
            state.admit(self.capacity, new.len())?;
            let begin =
                |(key, claim): &(RecordKey, Claim)| state.begin(self.capacity, key, *claim, now);
            claims.iter().map(begin).collect()
        })
    }

    fn forget<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            StoreLimits::check_key(key)?;
            Ok(self.state().hold(key, None).is_some())
        })
    }

    fn finish<'a>(
        &'a self,
        key: &'a RecordKey,
        token: FencingToken,
        result: &'a [u8],
        keep_until: Timestamp,
    ) -> BoxFuture<'a, Result<Finished>> {
        Box::pin(async move {
            StoreLimits::check_key(key)?;
            StoreLimits::check_data(result)?;
            StoreLimits::check_time(keep_until)?;
            Ok(self.state().finish(key, token, result, keep_until))
        })
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
