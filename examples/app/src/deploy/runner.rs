//! The child process of a deployment: its environment, its streams, its end.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use keyward_base::SecretBytes;
use keyward_redact::{Masker, Redactor};
use keyward_store::Records;
use keyward_vault::EnvSet;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};

use super::GRACE;
use super::log::Log;
use super::record::Ended;
use crate::log as operator;

/// Where programs are looked for: POSIX's own and those that the machine's administrator added.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// Bytes that are read at once.
const PIECE: usize = 16 * 1024;

/// Pieces of both streams that wait to be written: beyond them the child is made to wait.
const WAITING: usize = 16;

/// The most that is taken from a pipe whose time is over: what one holds at most, `pipe-max-size`
/// of pipe(7). Whoever goes on writing does not keep the deployment from its end.
const LAST: usize = 1024 * 1024;

/// What the service runs where no program is configured: it shows how values come out.
const BUILT_IN: &str = include_str!("../../assets/deploy.sh");

/// What is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    BuiltIn,
    /// This file, without arguments.
    Configured(PathBuf),
}

/// One run.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) program: &'a Program,
    pub(crate) server: &'a str,
    pub(crate) set: &'a str,
    pub(crate) limit: Duration,
}

impl Run<'_> {
    /// The process, that will have the variables of `vars` and three of the service, and nothing of
    /// the service's own environment. It leads a group of its own, so that all that it starts can
    /// be ended with it.
    pub(crate) fn command(&self, vars: &EnvSet) -> Command {
        let mut command = match self.program {
            Program::BuiltIn => {
                let mut shell = Command::new("/bin/sh");
                shell.args(["-c", BUILT_IN]);
                shell
            }
            Program::Configured(path) => Command::new(path),
        };
        command.env_clear();
        for var in vars.vars() {
            command.env(var.name(), OsStr::from_bytes(var.value().expose()));
        }
        command
            .env("PATH", PATH)
            .env("DEPLOY_SERVER", self.server)
            .env("DEPLOY_SET", self.set)
            .current_dir("/")
            .process_group(0)
            .kill_on_drop(true)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Starts it and sees it to its end; what it writes goes to `log`, masked.
    pub(crate) async fn run(
        &self,
        mut command: Command,
        redactor: &Redactor,
        (log, store): (Log, &dyn Records),
        stop: watch::Receiver<bool>,
    ) -> Ended {
        let started = command.spawn();
        drop(command); // Its copies of the values.
        let mut child = match started {
            Ok(child) => child,
            Err(e) => {
                let said = format!("the program cannot be started ({})\n", e.kind());
                keep(log, store, redactor, one(said.into_bytes())).await;
                return Ended::NotStarted;
            }
        };
        let (to_log, pieces) = mpsc::channel(WAITING);
        let (over, is_over) = watch::channel(false);
        let masker = || redactor.masker().named();
        let out = child
            .stdout
            .take()
            .map(|out| pump(out, masker(), to_log.clone(), is_over.clone()));
        let err = child
            .stderr
            .take()
            .map(|err| pump(err, masker(), to_log.clone(), is_over.clone()));
        drop(to_log);
        let (out, err) = (out.map(tokio::spawn), err.map(tokio::spawn));
        let ending = async {
            let ended = self.until_it_ends(&mut child, stop).await;
            // What holds a pipe and is in no group of ours is read for a while, and then no more.
            let pumps = async {
                for pump in [out, err].into_iter().flatten() {
                    let _ = pump.await;
                }
            };
            let mut pumps = std::pin::pin!(pumps);
            if tokio::time::timeout(GRACE, &mut pumps).await.is_err() {
                over.send_replace(true);
                pumps.await;
            }
            ended
        };
        let (ended, ()) = tokio::join!(ending, keep(log, store, redactor, pieces));
        ended
    }

    /// Waits for the process, its time or `stop`, and leaves nothing of its group.
    async fn until_it_ends(&self, child: &mut Child, mut stop: watch::Receiver<bool>) -> Ended {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        let group = Group(id.and_then(Pid::from_raw));
        let why = tokio::select! {
            status = child.wait() => {
                return status.map_or(Ended::Stopped, |status| ended(&status));
            }
            () = tokio::time::sleep(self.limit) => Ended::TimedOut,
            _ = stop.wait_for(|stop| *stop) => Ended::Stopped,
        };
        group.end(Signal::TERM);
        let _ = tokio::time::timeout(GRACE, child.wait()).await;
        group.end(Signal::KILL);
        let _ = child.wait().await;
        why
    }
}

/// The process and all that it started. Nothing is left of it when nobody sees to it any more,
/// however that came: the service may end while a store keeps a deployment waiting.
struct Group(Option<Pid>);

impl Group {
    /// Ends all of it. That it is gone is what is wanted.
    fn end(&self, signal: Signal) {
        if let Some(group) = self.0 {
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end(Signal::KILL);
    }
}

fn ended(status: &ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Exit(code),
        (None, Some(signal)) => Ended::Signal(signal),
        (None, None) => Ended::Stopped,
    }
}

/// One stream: read as it comes and masked by a masker of its own.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut masker: Masker,
    to: mpsc::Sender<Vec<u8>>,
    mut over: watch::Receiver<bool>,
) {
    let mut piece = SecretBytes::new(vec![0; PIECE]);
    let mut left = LAST;
    loop {
        if *over.borrow() && left == 0 {
            let mut masked = Vec::new();
            masker.finish(&mut masked);
            let _ = to.send(masked).await;
            return;
        }
        let read = tokio::select! {
            biased;
            read = from.read(piece.expose_mut()) => read.unwrap_or(0),
            _ = over.wait_for(|over| *over) => 0,
        };
        if *over.borrow() {
            left = left.saturating_sub(read);
        }
        let mut masked = Vec::new();
        match piece.expose().get(..read) {
            Some(taken) if read > 0 => {
                masker.push(taken, &mut masked);
                masker.flush(&mut masked);
            }
            _ => masker.finish(&mut masked),
        }
        let gone = !masked.is_empty() && to.send(masked).await.is_err();
        if read == 0 || gone {
            return;
        }
    }
}

/// Joins the streams, masks what only both together show, and keeps it. A log that cannot be kept
/// does not stop the deployment: the operator is told, and the rest is read and dropped.
async fn keep(
    mut log: Log,
    store: &dyn Records,
    redactor: &Redactor,
    mut pieces: mpsc::Receiver<Vec<u8>>,
) {
    let mut joined = redactor.masker().named();
    let mut failed = false;
    loop {
        let mut masked = Vec::new();
        let piece = pieces.recv().await;
        let more = piece.is_some();
        if let Some(piece) = piece {
            joined.push(&piece, &mut masked);
            // What waits: one write for all of it. No more than that, since two streams come in
            // quicker than one masker takes them.
            for _ in 0..WAITING {
                let Ok(piece) = pieces.try_recv() else { break };
                joined.push(&piece, &mut masked);
            }
            joined.flush(&mut masked);
        } else {
            joined.finish(&mut masked);
        }
        if !failed && let Err(error) = log.append(store, &masked).await {
            operator::failure(&error);
            failed = true;
        }
        if !more {
            return;
        }
    }
}

/// A single piece.
fn one(piece: Vec<u8>) -> mpsc::Receiver<Vec<u8>> {
    let (to, from) = mpsc::channel(1);
    let _ = to.try_send(piece);
    from
}

#[cfg(test)]
mod tests;
