//! Epochs whose very bytes were found authentic.
//!
//! Each check reads them anew, and finds most as they were. That the bytes of a record, its MAC among
//! them, are those which were verified before proves as much as verifying them again, as long as their
//! key may be used, which is asked each time.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::epoch::Epoch;

/// How many are kept, of some 200 to 500 bytes each. Beyond it all are forgotten.
const MOST: usize = 16 * 1024;

pub(super) struct Verified<const N: usize>(RwLock<HashMap<Box<[u8]>, Arc<Epoch<N>>>>);

impl<const N: usize> Default for Verified<N> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<const N: usize> Verified<N> {
    pub(super) fn find(&self, record: &[u8]) -> Option<Arc<Epoch<N>>> {
        let held = self.0.read().unwrap_or_else(PoisonError::into_inner);
        held.get(record).cloned()
    }

    pub(super) fn keep(&self, record: &[u8], epoch: Epoch<N>) -> Arc<Epoch<N>> {
        let epoch = Arc::new(epoch);
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= MOST {
            held.clear();
        }
        held.insert(record.into(), Arc::clone(&epoch));
        epoch
    }
}
