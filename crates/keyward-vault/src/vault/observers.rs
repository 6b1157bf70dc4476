//! Who is told of what is opened.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use keyward_base::{Error, OpenObserver, Result};

type List = Arc<[Arc<dyn OpenObserver>]>;

pub(crate) struct Observers {
    list: RwLock<List>,
    /// Something was opened: who comes later would not know it.
    opened: AtomicBool,
}

impl Observers {
    pub(super) fn new(list: Vec<Arc<dyn OpenObserver>>) -> Self {
        Self {
            list: RwLock::new(list.into()),
            opened: AtomicBool::new(false),
        }
    }

    /// All of them, for an opening. From now on there are no more to come.
    pub(super) fn all(&self) -> List {
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        // Under the lock: who is added at the same time is among them, or is refused.
        self.opened.store(true, Ordering::Relaxed);
        Arc::clone(&list)
    }

    pub(super) fn add(&self, observer: Arc<dyn OpenObserver>) -> Result<()> {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        if self.opened.load(Ordering::Relaxed) {
            return Err(Error::misuse(
                "values were opened that the observer would not know: add it before the first is",
            ));
        }
        *list = list.iter().cloned().chain([observer]).collect();
        Ok(())
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observers")
    }
}
