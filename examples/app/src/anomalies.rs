//! What the alert rules reached since the start: for the page of the record, and for the operator.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use keyward_audit::alert::{Anomaly, AnomalySink};
use keyward_base::{BoxFuture, Result};

use crate::log;

/// How many are kept.
const MOST: usize = 20;

/// The last anomalies.
#[derive(Debug, Default)]
pub(crate) struct Anomalies(Mutex<VecDeque<Anomaly>>);

impl Anomalies {
    /// Those that were reached in the log of that tenant, or in the service's; newest first.
    pub(crate) fn of(&self, tenant: Option<&str>) -> Vec<Anomaly> {
        let held = self.held();
        let of = held.iter().filter(|of| of.tenant.as_deref() == tenant);
        of.rev().cloned().collect()
    }

    fn held(&self) -> MutexGuard<'_, VecDeque<Anomaly>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AnomalySink for Anomalies {
    fn tell<'a>(&'a self, anomaly: &'a Anomaly) -> BoxFuture<'a, Result<()>> {
        // Quoted: ids are text that others may have chosen.
        log::line(&format!("ANOMALY {:?}", anomaly.id()));
        let mut held = self.held();
        held.push_back(anomaly.clone());
        if held.len() > MOST {
            held.pop_front();
        }
        Box::pin(std::future::ready(Ok(())))
    }
}
