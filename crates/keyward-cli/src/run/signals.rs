//! Which signals are passed on to the command.
//!
//! The command stays in the process group of this one, so that a terminal can stop and continue
//! both, and the command may read from it. What a terminal sends (Ctrl-C, Ctrl-\, a new size of the
//! window) reaches the whole group: passing it on would be a second one, which many programs take
//! for the wish to be killed. So it matters who sent a signal, and `siginfo_t` says it. A
//! `kill -TERM -GROUP` is told from none: the command gets it twice.
//!
//! SIGTSTP, SIGTTIN, SIGTTOU and SIGCONT are left alone: a shell stops and continues the group. A
//! signal that this process was started to ignore, as `nohup` does, stays ignored, by the command
//! too.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::signal::{
    SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH,
};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::{Cause, Origin};

/// What is passed on.
const PASSED: [i32; 7] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH];

/// What a terminal sends to the whole group. Not SIGHUP: that goes to the leader of the session
/// alone, which this process may be.
const OF_TERMINALS: [i32; 3] = [SIGINT, SIGQUIT, SIGWINCH];

/// What asks this process to end.
const FATAL: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// Signals as they come.
#[derive(Debug)]
pub(super) struct Signals {
    delivery: SignalDelivery<UnixStream, WithOrigin>,
    /// This process was started with SIGCHLD blocked, and does not hear that its child has ended.
    deaf: bool,
}

/// How often a child is looked at whose end is not heard.
const LOOK: Duration = Duration::from_millis(50);

/// What has come.
#[derive(Debug, Default)]
pub(super) struct Came {
    /// A child may have ended.
    pub(super) child: bool,
    /// What asked this process to end, the last of several.
    pub(super) fatal: Option<i32>,
    /// What is to be passed on.
    pass: Vec<Origin>,
}

impl Signals {
    /// From now on none of them ends this process, nor is one lost.
    pub(super) fn catch() -> io::Result<Self> {
        let ignored = signals_in("SigIgn:");
        let heard = |signal: &i32| *signal == SIGCHLD || !bit(ignored, *signal);
        let signals = PASSED.into_iter().chain([SIGCHLD]).filter(heard);
        let (read, write) = UnixStream::pair()?;
        Ok(Self {
            delivery: SignalDelivery::with_pipe(read, write, WithOrigin::default(), signals)?,
            deaf: bit(signals_in("SigBlk:"), SIGCHLD),
        })
    }

    /// After how long the child is to be looked at, whatever has come.
    pub(super) fn look_again(&self) -> Option<Duration> {
        self.deaf.then_some(LOOK)
    }

    /// Can be read from when a signal has come.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.delivery.get_read().as_fd()
    }

    /// What has come since the last call.
    pub(super) fn take(&mut self) -> Came {
        let mut came = Came::default();
        for origin in self.delivery.pending() {
            if origin.signal == SIGCHLD {
                came.child = true;
                continue;
            }
            if FATAL.contains(&origin.signal) {
                came.fatal = Some(origin.signal);
            }
            came.pass.push(origin);
        }
        came
    }
}

impl Came {
    /// Passes on to `child`, which has not been waited for, what it does not get by itself.
    pub(super) fn pass_on(&self, child: Pid) {
        for origin in &self.pass {
            let own = origin
                .process
                .is_some_and(|sender| sender.pid == child.as_raw_nonzero().get());
            let of_terminal =
                origin.cause == Cause::Kernel && OF_TERMINALS.contains(&origin.signal);
            if own || of_terminal {
                continue;
            }
            if let Some(signal) = Signal::from_named_raw(origin.signal) {
                // It may have ended: its exit code is on the way.
                let _ = kill_process(child, signal);
            }
        }
    }
}

/// The signals that this process was started to ignore, or with which blocked, as
/// proc_pid_status(5) has them. Where there is no such file, none are known.
fn signals_in(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix(field));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

fn bit(mask: u64, signal: i32) -> bool {
    let place = u32::try_from(signal).ok().and_then(|n| n.checked_sub(1));
    place.is_some_and(|place| mask.checked_shr(place).unwrap_or(0) & 1 == 1)
}
