//! `keyward password calibrate`: what this machine affords.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use keyward_base::Result;
use keyward_password::{Admission, calibrate};
use serde::Serialize;

use crate::output::{self, counted};
use crate::progress::Progress;

#[derive(Serialize)]
struct Answer {
    proposed: Measured,
    workers: u64,
    budget_bytes: u64,
    target_ms: Option<f64>,
    within_target: bool,
    measured: Vec<Measured>,
}

#[derive(Clone, Copy, Serialize)]
struct Measured {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    ms: f64,
}

impl Measured {
    fn words(self) -> String {
        format!(
            "m={} KiB, t={}, p=1: {:.1} ms",
            self.memory_kib, self.passes, self.ms
        )
    }
}

/// Measures, and proposes parameters.
///
/// # Errors
/// As [`calibrate()`].
#[allow(clippy::disallowed_methods)] // What is measured is time itself.
pub(super) fn run(
    target: Option<Duration>,
    workers: Option<NonZeroUsize>,
    memory: Option<u32>,
    json: bool,
) -> Result<()> {
    let mut admission = Admission::default();
    if let Some(workers) = workers {
        admission = admission.workers(workers.get());
    }
    if let Some(memory) = memory {
        admission = admission.budget(u64::from(memory) << 20);
    }
    let progress = Progress::count("hashes measured");
    let mut count = progress.counter();
    let (start, mut looks) = (Instant::now(), 0_u64);
    let found = calibrate(&admission, target, || {
        // One look before each hash, and one after.
        looks = looks.saturating_add(1);
        count(looks / 2);
        start.elapsed()
    })?;
    progress.end();
    let measured = |one: &calibrate::Measured| Measured {
        memory_kib: one.memory_kib,
        passes: one.passes,
        lanes: 1,
        ms: millis(one.time),
    };
    let answer = Answer {
        proposed: measured(&found.proposed),
        workers: u64::try_from(found.workers).unwrap_or(u64::MAX),
        budget_bytes: found.budget_bytes,
        target_ms: target.map(millis),
        within_target: found.is_within_target,
        measured: found.measured.iter().map(measured).collect(),
    };
    if !answer.within_target {
        output::note("nothing as strong as OWASP asks is so quick here: this is the quickest");
    }
    if json {
        return output::json("keyward.password.calibrate/1", &answer);
    }
    for one in &answer.measured {
        output::say(&format!("measured  {}", one.words()))?;
    }
    output::say(&format!("proposed  {}", answer.proposed.words()))?;
    let together = answer.budget_bytes.div_ceil(1 << 20);
    output::say(&format!(
        "together  {}, {together} MiB",
        counted(answer.workers, "worker", "workers")
    ))?;
    output::say(&format!(
        "in code   NewHash::argon2id({}, {}, 1)",
        answer.proposed.memory_kib, answer.proposed.passes
    ))
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
