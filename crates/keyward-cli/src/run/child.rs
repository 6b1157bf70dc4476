//! The command, from its start to its exit code.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use keyward_base::{Error, Result};
use keyward_redact::Redactor;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;

use super::FAILED;
use super::pump::pump;
use super::signals::Signals;
use crate::args::RunArgs;
use crate::output;
use crate::patient::Patient;

/// It is there and cannot be executed; POSIX, `env`.
const NOT_EXECUTABLE: u8 = 126;

/// It is not there; POSIX, `env`.
const NOT_FOUND: u8 = 127;

/// The two threads that write its output on, and how to talk to them.
struct Pumps {
    /// Closed when both are done.
    done: OwnedFd,
    /// Closed when they are to end.
    over: Option<OwnedFd>,
    threads: Vec<JoinHandle<io::Result<()>>>,
}

/// Runs the command and gives its exit code: of one that a signal ended, 128 and its number.
///
/// # Errors
/// `Unavailable` if something that it needs beside the command fails.
pub(super) fn run(mut command: Command, redactor: &Redactor, wanted: &RunArgs) -> Result<u8> {
    let failed = |e: io::Error| Error::unavailable("the command cannot be run").with_source(e);
    let mut signals = Signals::catch().map_err(failed)?;
    let started = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    // Its copies of the values.
    drop(command);
    let mut child = match started {
        Ok(child) => child,
        Err(e) => {
            let (code, why) = not_started(&e);
            output::note(why);
            return Ok(code);
        }
    };
    let mut pumps = match Pumps::start(&mut child, redactor, wanted.named) {
        Ok(pumps) => pumps,
        Err(e) => {
            // Nobody would see what it writes.
            let _ = child.kill().and_then(|()| child.wait());
            return Err(failed(e));
        }
    };
    let status = until_it_ends(&mut child, &mut signals).map_err(failed)?;
    if let Some(signal) = pumps.end(&mut signals, wanted.grace).map_err(failed)? {
        return Ok(by_signal(signal));
    }
    pumps.join()?;
    Ok(code(status))
}

/// Why there is no process: the code, what is wrong, and what mends it.
fn not_started(error: &io::Error) -> (u8, &'static str) {
    let os = error.raw_os_error().map(Errno::from_raw_os_error);
    match os {
        Some(Errno::NOENT) => (
            NOT_FOUND,
            "there is no such command, or no interpreter of that name as its first line asks for: \
             name one that is there, or is found by PATH",
        ),
        // Of the system, and not of the command.
        Some(Errno::AGAIN | Errno::MFILE | Errno::NFILE | Errno::NOMEM) => (
            FAILED,
            "there is no room for another process: end some, or raise the limits (`ulimit -a`)",
        ),
        Some(Errno::NOEXEC) => (
            NOT_EXECUTABLE,
            "the command is neither a program of this machine nor a script whose first line is #! \
             and its interpreter: name the interpreter before it, as in `sh SCRIPT`",
        ),
        Some(Errno::TOOBIG) => (
            NOT_EXECUTABLE,
            "the arguments and the environment are longer together than a command may be given: \
             shorten them",
        ),
        _ => (
            NOT_EXECUTABLE,
            "the command cannot be executed: name a program that you may execute",
        ),
    }
}

/// Waits for the command, and passes signals on to it meanwhile.
fn until_it_ends(child: &mut Child, signals: &mut Signals) -> io::Result<ExitStatus> {
    loop {
        // After the signals are caught, so that no end is missed.
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        let _ = wait(&[signals.fd()], signals.look_again())?;
        let came = signals.take();
        let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        if let Some(id) = id {
            came.pass_on(id);
        }
    }
}

impl Pumps {
    fn start(child: &mut Child, redactor: &Redactor, named: bool) -> io::Result<Self> {
        let (done, runs) = pipe_with(PipeFlags::CLOEXEC)?;
        let (over, tells) = pipe_with(PipeFlags::CLOEXEC)?;
        let (over, runs) = (Arc::new(over), Arc::new(runs));
        let start = |from: OwnedFd, to: OwnedFd| {
            let (over, runs) = (Arc::clone(&over), Arc::clone(&runs));
            let mut to = redactor.stream(Patient::new(File::from(to)));
            if named {
                to = to.named();
            }
            std::thread::Builder::new().spawn(move || {
                let ended = pump(File::from(from), to, &over);
                drop(runs);
                ended
            })
        };
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let to = (
            io::stdout().as_fd().try_clone_to_owned()?,
            io::stderr().as_fd().try_clone_to_owned()?,
        );
        let mut threads = Vec::new();
        if let Some(out) = out {
            threads.push(start(out.into(), to.0)?);
        }
        if let Some(err) = err {
            threads.push(start(err.into(), to.1)?);
        }
        Ok(Self {
            done,
            over: Some(tells),
            threads,
        })
    }

    /// Waits until both are done: for `grace` as long as others write, then for what is there. A
    /// signal ends the grace; another one gives up, and is returned.
    fn end(&mut self, signals: &mut Signals, grace: Duration) -> io::Result<Option<i32>> {
        let mut limit = Some(grace);
        loop {
            let ready = wait(&[self.done.as_fd(), signals.fd()], limit)?;
            let (done, signal) = (ready.first(), ready.get(1));
            if done == Some(&true) {
                return Ok(None);
            }
            let fatal = match signal {
                Some(true) => match signals.take().fatal {
                    None => continue,
                    fatal => fatal,
                },
                _ => None,
            };
            if self.over.take().is_none() && fatal.is_some() {
                return Ok(fatal);
            }
            limit = None;
        }
    }

    /// What became of the two streams. A reader that has gone away is no error.
    fn join(self) -> Result<()> {
        for thread in self.threads {
            let ended = thread.join();
            let ended = ended.unwrap_or_else(|_| Err(io::Error::other("a thread has failed")));
            match ended {
                Err(e) if e.kind() != io::ErrorKind::BrokenPipe => {
                    let said = "the output of the command cannot be written on";
                    return Err(Error::unavailable(said).with_source(e));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Which of `fds` can be read from. None: the time is over.
fn wait(fds: &[BorrowedFd<'_>], limit: Option<Duration>) -> io::Result<Vec<bool>> {
    let limit = limit.and_then(|limit| Timespec::try_from(limit).ok());
    let mut polled: Vec<_> = fds
        .iter()
        .map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN))
        .collect();
    loop {
        match poll(&mut polled, limit.as_ref()) {
            Err(Errno::INTR) => {}
            done => {
                done?;
                let ready = polled.iter().map(|fd| !fd.revents().is_empty());
                return Ok(ready.collect());
            }
        }
    }
}

fn code(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(u8::MAX),
        (None, Some(signal)) => by_signal(signal),
        (None, None) => u8::MAX,
    }
}

/// As a shell shows it: POSIX has "greater than 128", all common shells 128 and the number.
fn by_signal(signal: i32) -> u8 {
    u8::try_from(signal.saturating_add(128)).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_has_no_room_for_is_no_fault_of_the_command() {
        for (error, code) in [
            (Errno::AGAIN, 125),
            (Errno::MFILE, 125),
            (Errno::NFILE, 125),
            (Errno::NOMEM, 125),
            (Errno::NOENT, 127),
            (Errno::ACCESS, 126),
            (Errno::NOTDIR, 126),
            (Errno::NOEXEC, 126),
            (Errno::TOOBIG, 126),
        ] {
            assert_eq!(not_started(&io::Error::from(error)).0, code, "{error}");
        }
    }
}
