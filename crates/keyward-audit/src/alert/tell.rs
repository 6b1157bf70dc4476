//! Telling anomalies: to whom, and what becomes of those that nobody took.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use keyward_base::{BoxFuture, Error, Result, Timestamp};

use super::{AlertRule, Anomaly, Follower};
use crate::audit::Audit;

/// How far back a process that starts looks: 10 minutes, in which a service is started anew.
pub const LOOK_BACK: u64 = 10 * 60 * 1000;

/// The most anomalies that wait for a sink which takes none. Beyond, the oldest goes.
pub const MAX_WAITING: usize = 1024;

/// How often one anomaly is tried before those that came after it: one that a sink never takes keeps
/// no other from it.
pub const MAX_TRIES: u32 = 3;

/// Where anomalies go: to a pager, a mailbox, a page.
pub trait AnomalySink: fmt::Debug + Send + Sync {
    /// Tells of an anomaly, of which [`Anomaly::id`] is the name: several processes tell of one each,
    /// and so may one that was started anew.
    ///
    /// # Errors
    /// Any: it is told again with the next looks, before those that came after it; once it failed
    /// [`MAX_TRIES`] times in a row, behind them.
    fn tell<'a>(&'a self, anomaly: &'a Anomaly) -> BoxFuture<'a, Result<()>>;
}

/// What is looked for, and who is told of it.
#[derive(Clone, Debug)]
#[must_use = "nobody is told until a home serves with it, or a `Teller` looks"]
pub struct Alerts {
    rules: Vec<AlertRule>,
    sinks: Vec<Arc<dyn AnomalySink>>,
}

impl Alerts {
    /// By these rules, told to nobody yet.
    ///
    /// # Errors
    /// As [`AlertRule::check`].
    pub fn new(rules: &[AlertRule]) -> Result<Self> {
        AlertRule::check(rules)?;
        Ok(Self {
            rules: rules.to_vec(),
            sinks: Vec::new(),
        })
    }

    /// The same, told to that one too. One that fails keeps no other from being told.
    pub fn to(mut self, sink: Arc<dyn AnomalySink>) -> Self {
        self.sinks.push(sink);
        self
    }
}

/// Follows the logs by the rules of some [`Alerts`], and tells their sinks. Each sink has each
/// anomaly once.
#[derive(Debug)]
pub struct Teller {
    audit: Audit,
    rules: Vec<AlertRule>,
    /// None until the first look has found where to begin.
    follower: Option<Follower>,
    ways: Vec<Way>,
}

/// The way to one sink.
#[derive(Debug)]
struct Way {
    sink: Arc<dyn AnomalySink>,
    waiting: VecDeque<Arc<Anomaly>>,
    /// How often the first of them failed.
    failed: u32,
    missed: u64,
}

impl Teller {
    /// One that has read nothing. Its first look begins with the windows that were open at the time
    /// [`LOOK_BACK`] before it, so that a burst which goes on while a process is started anew is
    /// seen, and what the one before it could not tell any more. What that told may be told again,
    /// under the same id. Nothing is kept of what was told when the process ends.
    #[must_use]
    pub fn new(audit: Audit, alerts: &Alerts) -> Self {
        let way = |sink: &Arc<dyn AnomalySink>| Way {
            sink: Arc::clone(sink),
            waiting: VecDeque::new(),
            failed: 0,
            missed: 0,
        };
        Self {
            audit,
            rules: alerts.rules.clone(),
            follower: None,
            ways: alerts.sinks.iter().map(way).collect(),
        }
    }

    /// Reads on ([`Follower::look`]), and tells what is to be told. Says whether there is more to
    /// read: then look again at once.
    ///
    /// # Errors
    /// `Unavailable` if the store or the keyring cannot be relied on, or a sink did not take what it
    /// was told; `Corrupt`, naming it, for a log that cannot be read, at each look until it can.
    /// Whatever it is, what the rules reached waits, and the others are told.
    pub async fn look(&mut self) -> Result<bool> {
        let follower = match &mut self.follower {
            Some(follower) => follower,
            none => {
                let now = self.audit.clock().now()?.as_millis();
                let back = Timestamp::from_millis(now.saturating_sub(LOOK_BACK));
                let from = Follower::since(self.audit.clone(), &self.rules, back).await?;
                none.insert(from)
            }
        };
        let looked = follower.look().await?;
        let reached: Vec<_> = looked.anomalies.into_iter().map(Arc::new).collect();
        for way in &mut self.ways {
            way.waiting.extend(reached.iter().map(Arc::clone));
        }
        let mut failed = None;
        for way in &mut self.ways {
            if let Err(e) = way.tell().await {
                failed =
                    Some(Error::unavailable("who is told of anomalies took none").with_source(e));
            }
        }
        if let (None, Some((of, e))) = (&failed, looked.failed.into_iter().next()) {
            failed = Some(Error::corrupt(format!("{of}: {e}")).with_source(e));
        }
        failed.map_or(Ok(looked.more), Err)
    }

    /// How many anomalies were not told, since a sink took none while [`MAX_WAITING`] waited for
    /// it, and how many windows were given up ([`Watch::dropped`](super::Watch::dropped)).
    #[must_use]
    pub fn missed(&self) -> u64 {
        let windows = self.follower.as_ref().map_or(0, Follower::dropped);
        let ways = self.ways.iter().map(|way| way.missed);
        ways.fold(windows, u64::saturating_add)
    }
}

impl Way {
    /// In their order. What was told goes: a look that is given up tells that one again.
    async fn tell(&mut self) -> Result<()> {
        while let Some(next) = self.waiting.front() {
            if let Err(e) = self.sink.tell(next).await {
                self.failed = self.failed.saturating_add(1);
                if self.failed >= MAX_TRIES {
                    self.waiting.rotate_left(1);
                    self.failed = 0;
                }
                let over = self.waiting.len().saturating_sub(MAX_WAITING);
                self.waiting.drain(..over);
                let over = u64::try_from(over).unwrap_or(u64::MAX);
                self.missed = self.missed.saturating_add(over);
                return Err(e);
            }
            self.waiting.pop_front();
            self.failed = 0;
        }
        Ok(())
    }
}
