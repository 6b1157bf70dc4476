//! Anomalies as a counter of `metrics`.

use keyward_base::{BoxFuture, Result};

use super::{Anomaly, AnomalySink};

/// What the counter is called.
pub const ANOMALIES: &str = "keyward_anomalies_total";

/// Counts each anomaly with the recorder of the program, in the counter [`ANOMALIES`]. Its labels are
/// `kind` and `per` of the rule, and nothing that a stranger could make many of. Each process that
/// follows the record counts by itself: of several, take the greatest, not the sum.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Metered;

impl Metered {
    /// The sink.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl AnomalySink for Metered {
    fn tell<'a>(&'a self, anomaly: &'a Anomaly) -> BoxFuture<'a, Result<()>> {
        let (kind, per) = (anomaly.rule.kind.word(), anomaly.rule.per.word());
        metrics::counter!(ANOMALIES, "kind" => kind, "per" => per).increment(1);
        Box::pin(std::future::ready(Ok(())))
    }
}
