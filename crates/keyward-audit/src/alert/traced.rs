//! Anomalies as events of `tracing`.

use keyward_base::{BoxFuture, Result};

use super::{Anomaly, AnomalySink};

/// Gives each anomaly to the subscriber of the program, as an event of level `WARN` and target
/// `keyward::anomaly` whose fields are those of [`Anomaly`], and `id`. No field is secret. Ids are
/// text that others may have chosen: the formatters of `tracing-subscriber` escape them.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Traced;

impl Traced {
    /// The sink.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl AnomalySink for Traced {
    fn tell<'a>(&'a self, anomaly: &'a Anomaly) -> BoxFuture<'a, Result<()>> {
        tracing::warn!(
            target: "keyward::anomaly",
            kind = anomaly.rule.kind.word(),
            count = anomaly.rule.count,
            seconds = anomaly.rule.seconds,
            per = anomaly.rule.per.word(),
            key = anomaly.key.as_str(),
            since = anomaly.since,
            seq = anomaly.seq,
            tenant = anomaly.tenant.as_deref(),
            id = anomaly.id().as_str(),
            "an alert rule was reached"
        );
        Box::pin(std::future::ready(Ok(())))
    }
}
