//! Which deployments run in this process: how many may, and what stops them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use keyward_base::{Error, Result, Tenant};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::deploy::record::Id;
use crate::deploy::{ALTOGETHER, AT_ONCE};

/// Which deployment of which organisation.
pub(super) type Which = (Tenant, Id);

/// What runs in this process.
#[derive(Debug, Default)]
pub(super) struct Running(Mutex<All>);

#[derive(Debug, Default)]
struct All {
    runs: HashMap<Which, Runs>,
    /// The service ends, and nothing is started any more.
    closed: bool,
}

#[derive(Debug)]
struct Runs {
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

impl Running {
    fn all<T>(&self, act: impl FnOnce(&mut All) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<Which, Runs>) -> T) -> T {
        self.all(|all| act(&mut all.runs))
    }

    /// A place among those that run, if there is one: until [`Running::leave`].
    pub(super) fn enter(&self, which: Which) -> Result<Option<watch::Receiver<bool>>> {
        self.all(|all| {
            if all.closed {
                return Err(Error::unavailable(
                    "the service ends: ask it again once it is back",
                ));
            }
            let of_it = all.runs.keys().filter(|(tenant, _)| *tenant == which.0);
            if of_it.count() >= AT_ONCE || all.runs.len() >= ALTOGETHER {
                return Ok(None);
            }
            let (stop, stopping) = watch::channel(false);
            all.runs.insert(which, Runs { stop, task: None });
            Ok(Some(stopping))
        })
    }

    pub(super) fn leave(&self, which: &Which) {
        self.with(|all| all.remove(which));
    }

    pub(super) fn is_running(&self, which: &Which) -> bool {
        self.with(|all| all.contains_key(which))
    }

    /// What runs it. It may have ended already.
    pub(super) fn is_run_by(&self, which: &Which, task: JoinHandle<()>) {
        self.with(|all| {
            if let Some(runs) = all.get_mut(which) {
                runs.task = Some(task);
            }
        });
    }

    pub(super) fn stop(&self, which: &Which) {
        self.with(|all| all.get(which).map(|runs| runs.stop.send_replace(true)));
    }

    /// Stops all, and waits until they have ended and that is on record.
    pub(super) async fn stop_all(&self) {
        let tasks = self.all(|all| {
            all.closed = true;
            let stopped = all.runs.values_mut().map(|runs| {
                runs.stop.send_replace(true);
                runs.task.take()
            });
            stopped.flatten().collect::<Vec<_>>()
        });
        for task in tasks {
            let _ = task.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use keyward_base::{ErrorKind, Timestamp};

    use super::*;

    fn of(tenant: &str, nth: u8) -> Which {
        let id = Id::new(Timestamp::from_millis(1_000), [nth; 4]);
        (Tenant::new(tenant).unwrap(), id)
    }

    fn id(nth: u8) -> Which {
        of("acme", nth)
    }

    #[tokio::test]
    async fn nothing_is_started_once_all_were_stopped() {
        let running = Running::default();
        let mut stop = running.enter(id(0)).unwrap().unwrap();
        let task = tokio::spawn(async move {
            stop.wait_for(|stop| *stop).await.unwrap();
        });
        running.is_run_by(&id(0), task);
        running.stop_all().await;
        running.leave(&id(0));
        let refused = running.enter(id(1)).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable);
        assert!(!running.is_running(&id(1)));
    }

    #[test]
    fn a_place_is_free_once_it_is_left() {
        let running = Running::default();
        for nth in 0..2 {
            assert!(running.enter(id(nth)).unwrap().is_some());
        }
        assert!(running.enter(id(2)).unwrap().is_none());
        // Another organisation has places of its own, and does not see these.
        assert!(running.enter(of("globex", 0)).unwrap().is_some());
        assert!(!running.is_running(&of("globex", 1)));
        running.leave(&id(0));
        assert!(running.enter(id(2)).unwrap().is_some());
    }
}
