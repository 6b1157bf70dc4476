//! Which parameters this machine affords: measured.

use std::time::Duration;

use keyward_base::{Error, Result};
use keyward_crypto::Provider;
use keyward_crypto::slow::argon2::Arena;

use crate::new_hash::NewHash;
use crate::password::Password;
use crate::pool::Admission;

/// Hashes of each candidate; the quickest counts, since nothing makes one quicker than it is.
const TIMES: u32 = 3;

/// More passes than this are no better than more memory.
const MOST_PASSES: u32 = 64;

/// What was measured of one candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Measured {
    /// In KiB.
    pub memory_kib: u32,
    /// Over the memory.
    pub passes: u32,
    /// Of one hash.
    pub time: Duration,
}

/// What is proposed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Calibration {
    /// All that was measured, in its order.
    pub measured: Vec<Measured>,
    /// The one that is proposed: Argon2id with one lane.
    pub proposed: Measured,
    /// The same for [`Policy::new_hashes`](crate::Policy::new_hashes).
    pub new_hash: NewHash,
    /// Workers, each with its memory within the budget.
    pub workers: usize,
    /// Memory that they take together, in bytes.
    pub budget_bytes: u64,
    /// Whether the proposed one takes no longer than was asked. One weaker than OWASP's rows is not
    /// proposed, however long they take.
    pub is_within_target: bool,
}

/// Measures Argon2id with one lane on this thread, and proposes parameters.
///
/// Without a target it is the quickest of OWASP's equally strong rows that fits the budget, all
/// workers at once: most log-ins a second for the same strength. With one it goes as RFC 9106, section
/// 4, has it: as much memory as fits and as the target allows, then as many passes.
///
/// `stopwatch` says how much time has passed since some moment, without ever going back. Take it while
/// the machine does nothing else. It blocks for about a second, with a target for some ten times that.
///
/// # Errors
/// `Misuse` if the budget has not 7 MiB for each worker. `Unavailable` if there is no memory or
/// randomness, or the stopwatch stands.
pub fn calibrate(
    admission: &Admission,
    target: Option<Duration>,
    mut stopwatch: impl FnMut() -> Duration,
) -> Result<Calibration> {
    let workers = admission.workers_count();
    let workers_wide = u64::try_from(workers).unwrap_or(u64::MAX);
    let each = admission.budget_bytes().checked_div(workers_wide);
    let most_kib = u32::try_from(each.unwrap_or(0) / 1024).unwrap_or(u32::MAX);
    let mut trial = Trial {
        stopwatch: &mut stopwatch,
        arena: Arena::default(),
        measured: Vec::new(),
    };
    for (memory_kib, passes) in candidates(most_kib, target.is_some()) {
        let measured = trial.measure(memory_kib, passes)?;
        // More memory takes longer still.
        let is_beyond = memory_kib > LARGEST_ROW && target.is_some_and(|t| measured.time > t);
        if is_beyond {
            break;
        }
    }
    let proposed = trial.propose(target)?;
    let new_hash = NewHash::argon2id(proposed.memory_kib, proposed.passes, 1)?;
    Ok(Calibration {
        measured: trial.measured,
        proposed,
        new_hash,
        workers,
        budget_bytes: new_hash.memory_bytes().saturating_mul(workers_wide),
        is_within_target: target.is_none_or(|target| proposed.time <= target),
    })
}

const LARGEST_ROW: u32 = 47_104;
/// 1 GiB.
const LARGEST: u32 = 1 << 20;

/// The rows from the smallest up, and where there is a target the powers of two above them.
fn candidates(most_kib: u32, has_target: bool) -> Vec<(u32, u32)> {
    let rows = NewHash::OWASP_ROWS.into_iter().rev();
    let above = std::iter::successors(Some(1 << 16), |memory: &u32| memory.checked_mul(2));
    let above = above.take_while(|memory| has_target && *memory <= LARGEST);
    rows.chain(above.map(|memory| (memory, 1)))
        .filter(|(memory, _)| *memory <= most_kib)
        .collect()
}

struct Trial<'a> {
    stopwatch: &'a mut dyn FnMut() -> Duration,
    arena: Arena,
    measured: Vec<Measured>,
}

impl Trial<'_> {
    fn measure(&mut self, memory_kib: u32, passes: u32) -> Result<Measured> {
        let making = NewHash::argon2id(memory_kib, passes, 1)?.salted(&Provider::default())?;
        let password = Password::new(keyward_base::SecretBytes::copy_of(b"a password to measure"))?;
        let mut time = Duration::MAX;
        // The first one is not timed: it is given its memory.
        making.hash(&password, &mut self.arena)?;
        for _ in 0..TIMES {
            let start = (self.stopwatch)();
            making.hash(&password, &mut self.arena)?;
            time = time.min((self.stopwatch)().saturating_sub(start));
        }
        if time.is_zero() {
            return Err(Error::unavailable("the stopwatch stands"));
        }
        let measured = Measured {
            memory_kib,
            passes,
            time,
        };
        self.measured.push(measured);
        Ok(measured)
    }

    fn propose(&mut self, target: Option<Duration>) -> Result<Measured> {
        let quickest = self.measured.iter().min_by_key(|measured| measured.time);
        let quickest = quickest.copied().ok_or_else(|| {
            Error::misuse("the budget has less than 7 MiB for each worker: raise it")
        })?;
        let Some(target) = target else {
            return Ok(quickest);
        };
        let within = self
            .measured
            .iter()
            .filter(|measured| measured.time <= target);
        let Some(base) = within.max_by_key(|measured| measured.memory_kib).copied() else {
            return Ok(quickest);
        };
        let pass = base.time.checked_div(base.passes).unwrap_or(base.time);
        let fitting = target.as_nanos().checked_div(pass.as_nanos()).unwrap_or(0);
        let mut passes = u32::try_from(fitting)
            .unwrap_or(MOST_PASSES)
            .min(MOST_PASSES);
        while passes > base.passes {
            let more = self.measure(base.memory_kib, passes)?;
            if more.time <= target {
                return Ok(more);
            }
            // A tenth less each time, so that few are tried.
            passes = passes.saturating_sub(passes.div_ceil(10));
        }
        Ok(base)
    }
}
