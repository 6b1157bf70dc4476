//! A clock that is far ahead erases nothing before it is believed.
//!
//! What it is compared with is the clock as it was when retention went by it last. A clock that leaps
//! by more than [`LEAP`] is believed once it was ahead for [`WAIT`] of ticks: a machine that starts
//! with a wrong clock is set right by then, and a service that was off for weeks waits a day.

use std::time::Duration;

use keyward_base::{Result, Timestamp};

use super::state::{Change, Found};
use super::sweep::Sweep;
use super::{Audit, Of};
use crate::keep::{Ahead, State};

/// The most by which a clock may leap without waiting: 7 days. What it erases too early is then a
/// thirteenth of the 90 days that entries are kept unless told, and a service that was off over a
/// weekend or some holidays does not wait.
pub const LEAP: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// For how long a clock that leapt has to stay ahead: 24 hours. Time services set a clock within
/// minutes of a start, and a person who sees wrong times has a day.
pub const WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// How much of the wait one look counts, at most, so that another leap is no waiting.
pub(super) const STEP: Duration = Duration::from_secs(60 * 60);

/// A clock that nothing is erased by yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leapt {
    /// What it is ahead of: the time at which retention went by the clock last.
    pub from: Timestamp,
    /// How long it was seen to stay ahead.
    pub waited: Duration,
}

impl State {
    /// Looks at the clock; none if it is believed. What is to be remembered stands in the state then.
    fn look(&mut self, now: Timestamp) -> Option<Leapt> {
        let Some(from) = self.clock else {
            self.clock = Some(now);
            return None;
        };
        if now <= from.saturating_add(LEAP) {
            self.ahead = None;
            // It went back, or a day is over: a look a day is remembered.
            if now.saturating_since(from) >= WAIT || now < from {
                self.clock = Some(now);
            }
            return None;
        }
        let ahead = match self.ahead {
            Some(ahead) if now >= ahead.heard => {
                let more = now.saturating_since(ahead.heard);
                if more < STEP {
                    return Some(Leapt {
                        from,
                        waited: ahead.waited,
                    });
                }
                Ahead {
                    heard: now,
                    waited: ahead.waited.saturating_add(more.min(STEP)),
                }
            }
            _ => Ahead {
                heard: now,
                waited: Duration::ZERO,
            },
        };
        if ahead.waited >= WAIT {
            self.believe(now);
            return None;
        }
        self.ahead = Some(ahead);
        Some(Leapt {
            from,
            waited: ahead.waited,
        })
    }

    fn believe(&mut self, now: Timestamp) {
        (self.clock, self.ahead) = (Some(now), None);
    }
}

impl Audit {
    /// Whether the clock is to be waited for.
    pub(super) async fn leapt(&self, sweep: &mut Sweep, now: Timestamp) -> Result<Option<Leapt>> {
        // Where the service has no log yet, this process remembers by itself.
        let has_log = self.read_head(&Of::Service).await?.version.is_some();
        if !has_log {
            return Ok(sweep.clock.look(now));
        }
        let known = sweep.clock.clone();
        let mut leapt = None;
        self.change(&Of::Service, |found: &Found| {
            let mut state = found.state.clone();
            if state.clock.is_none() {
                (state.clock, state.ahead) = (known.clock, known.ahead);
            }
            state.look(now);
            Ok((state != found.state).then_some(Change {
                state,
                entry: None,
                requires: Vec::new(),
            }))
        })
        .await?;
        let mut state = self.found(&Of::Service).await?.state;
        if state.ahead.is_some() {
            leapt = state.look(now);
        }
        Ok(leapt)
    }

    /// Takes the clock for right, however far ahead it is.
    pub(crate) async fn believe_clock(&self) -> Result<()> {
        let mut sweep = self.0.sweep.lock().await;
        let now = self.0.keyring.clock().now()?;
        sweep.clock.believe(now);
        sweep.again();
        if self.read_head(&Of::Service).await?.version.is_none() {
            return Ok(());
        }
        self.change(&Of::Service, |found: &Found| {
            let mut state = found.state.clone();
            if state
                .clock
                .is_some_and(|from| now <= from.saturating_add(LEAP))
            {
                return Ok(None);
            }
            state.believe(now);
            let entry = self.own_entry(CLOCK)?;
            Ok(Some(Change::said(state, entry)))
        })
        .await?;
        Ok(())
    }
}

/// What the record is called of a clock that somebody took for right.
pub const CLOCK: &str = "audit.clock";
