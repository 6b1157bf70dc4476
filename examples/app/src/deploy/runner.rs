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
mod tests {
    use std::fs::{self, File};
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use keyward_base::{Tenant, Timestamp};
    use keyward_redact::Name;
    use keyward_store::MemoryStore;
    use keyward_testkit::{Answer, Interrupt, Staged};
    use tempfile::TempDir;
    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::deploy::log;
    use crate::deploy::record::Id;

    const TOKEN: &str = "wJalrXUtnFEMI7MDENGbPxRfiCYEXAMPLE";

    fn redactor() -> Redactor {
        let redactor = Redactor::new(|bytes| {
            bytes.fill(7);
            Ok(())
        });
        let redactor = redactor.unwrap();
        let name = Name::new("TOKEN").unwrap();
        redactor.add(&name, TOKEN.as_bytes()).unwrap();
        redactor
    }

    async fn kept(pieces: &[&str]) -> String {
        let redactor = redactor();
        let store = MemoryStore::new(1000);
        let acme = Tenant::new("acme").unwrap();
        let at = Timestamp::from_millis(1_000);
        let id = Id::new(at, [0; 4]);
        let (to, from) = mpsc::channel(pieces.len());
        for piece in pieces {
            to.try_send(piece.as_bytes().to_vec()).unwrap();
        }
        drop(to);
        keep(Log::new(&acme, &id, at), &store, &redactor, from).await;
        String::from_utf8(log::read(&store, &acme, &id).await.unwrap()).unwrap()
    }

    #[tokio::test]
    async fn what_only_both_streams_together_show_is_masked_where_they_meet() {
        let (first, rest) = TOKEN.split_at(12);
        assert_eq!(kept(&["a ", first, rest, " b"]).await, "a •TOKEN• b");
        // Its own masks stay as they are, and what only begins as one is kept.
        assert_eq!(
            kept(&["a •TOKEN• ", first]).await,
            format!("a •TOKEN• {first}")
        );
    }

    #[tokio::test]
    async fn more_pieces_than_wait_at_once_are_all_kept() {
        let pieces: Vec<_> = (0..4 * WAITING).map(|n| format!("{n} {TOKEN}\n")).collect();
        let pieces: Vec<_> = pieces.iter().map(String::as_str).collect();
        let masked = pieces.concat().replace(TOKEN, "•TOKEN•");
        assert_eq!(kept(&pieces).await, masked);
    }

    /// Writes for ever, quicker than anybody reads; each piece ends in what begins as a secret.
    struct Flood;

    impl AsyncRead for Flood {
        fn poll_read(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            buf: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            let (front, begins) = (".".repeat(PIECE - 12), &TOKEN[..12]);
            buf.put_slice(front.as_bytes());
            buf.put_slice(begins.as_bytes());
            std::task::Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn a_pipe_whose_time_is_over_is_read_up_to_a_limit_however_quickly_it_fills() {
        let (over, is_over) = watch::channel(false);
        over.send_replace(true);
        let (to, mut pieces) = mpsc::channel(WAITING);
        let masker = redactor().masker().named();
        let pumping = tokio::spawn(pump(Flood, masker, to, is_over));
        let mut read = Vec::new();
        while let Some(piece) = pieces.recv().await {
            read.extend_from_slice(&piece);
            assert!(read.len() <= LAST, "it does not end");
        }
        pumping.await.unwrap();
        // All that was read is there, what was held back as the beginning of a secret too.
        assert_eq!(read.len(), LAST);
        assert!(read.ends_with(&TOKEN.as_bytes()[..12]));
    }

    /// The child is not made to wait, or to die, for what cannot be kept.
    #[tokio::test]
    async fn what_cannot_be_kept_is_read_all_the_same() {
        let store = MemoryStore::new(1);
        let acme = Tenant::new("acme").unwrap();
        let at = Timestamp::from_millis(1_000);
        let id = Id::new(at, [0; 4]);
        // Another has its first piece already.
        let mut other = Log::new(&acme, &id, at);
        other.append(&store, b"of another").await.unwrap();
        let (to, from) = mpsc::channel(1);
        let writing = tokio::spawn(async move {
            for _ in 0..4 * WAITING {
                to.send(b"what it writes ".to_vec()).await.unwrap();
            }
        });
        keep(Log::new(&acme, &id, at), &store, &redactor(), from).await;
        writing.await.unwrap();
        let kept = log::read(&store, &acme, &id).await.unwrap();
        assert_eq!(kept, b"of another");
    }

    /// A piece that is missing in the middle would join what stands before and after it.
    #[tokio::test]
    async fn once_something_could_not_be_kept_nothing_is_any_more() {
        let store = Staged::over(Arc::new(MemoryStore::new(1000)));
        let acme = Tenant::new("acme").unwrap();
        let at = Timestamp::from_millis(1_000);
        let id = Id::new(at, [0; 4]);
        let (to, from) = mpsc::channel(4 * WAITING);
        for _ in 0..4 * WAITING {
            to.try_send(b"what it writes.\n".to_vec()).unwrap();
        }
        drop(to);
        store.answer([Answer::LostWrite]);
        keep(Log::new(&acme, &id, at), &*store, &redactor(), from).await;
        assert!(store.take_answers().is_empty());
        let kept = log::read(&*store, &acme, &id).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&kept), "");
    }

    /// Two pipes in a folder of their own: what a script writes to, and what it waits for.
    struct Pipes {
        folder: TempDir,
        go: File,
    }

    impl Pipes {
        fn new() -> Self {
            let folder = TempDir::new().unwrap();
            let paths = ["said", "go"].map(|name| folder.path().join(name));
            let made = std::process::Command::new("mkfifo").args(&paths).status();
            assert!(made.unwrap().success());
            // Open on both sides, so that nobody waits for the other to open it.
            let go = File::options().read(true).write(true).open(&paths[1]);
            Self {
                folder,
                go: go.unwrap(),
            }
        }

        /// Runs `script`, which knows the pipes as descriptors 3 and 4.
        fn run(&self, script: &str, store: Arc<dyn Records>) -> JoinHandle<Ended> {
            let pipe = |name| self.folder.path().join(name).display().to_string();
            let (said, go) = (pipe("said"), pipe("go"));
            let path = self.folder.path().join("deploy");
            let script = format!("#!/bin/sh\nexec 3>'{said}' 4<'{go}'\n{script}\n");
            fs::write(&path, script).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
            let vars = EnvSet::parse(b"NAME=value\n").unwrap();
            tokio::spawn(async move {
                let program = Program::Configured(path);
                let run = Run {
                    program: &program,
                    server: "deploy@web-1",
                    set: "shop",
                    limit: Duration::from_secs(600),
                };
                let command = run.command(&vars);
                let acme = Tenant::new("acme").unwrap();
                let at = Timestamp::from_millis(1_000);
                let log = Log::new(&acme, &Id::new(at, [0; 4]), at);
                let (_stop, stopping) = watch::channel(false);
                run.run(command, &redactor(), (log, &*store), stopping)
                    .await
            })
        }

        /// What the script says, from when it has begun: ends when no process has the pipe.
        async fn said(&self) -> BufReader<File> {
            let path = self.folder.path().join("said");
            let open = tokio::task::spawn_blocking(|| File::open(path));
            BufReader::new(open.await.unwrap().unwrap())
        }
    }

    /// As when the service ends without having stopped it.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_is_not_seen_to_any_more_is_killed() {
        is_killed("echo up >&3; read go <&4; echo survived >&3").await;
        // And what it started.
        is_killed("(echo up >&3; read go <&4; echo survived >&3) & wait").await;
    }

    async fn is_killed(script: &str) {
        let mut pipes = Pipes::new();
        let running = pipes.run(script, Arc::new(MemoryStore::new(1000)));
        let mut said = pipes.said().await;
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        assert_eq!(line, "up\n");
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        // Who lives goes on.
        pipes.go.write_all(b"go\n").unwrap();
        line.clear();
        said.read_to_string(&mut line).unwrap();
        assert_eq!(line, "");
    }

    /// Whoever reads that it has ended finds all that it wrote.
    #[tokio::test]
    async fn it_has_not_ended_before_its_log_is_kept() {
        let mut pipes = Pipes::new();
        let store = Staged::over(Arc::new(MemoryStore::new(1000)));
        let script = "echo the log.; read go <&4; echo up >&3";
        let kept = Arc::new(AtomicBool::new(false));
        let (told, over) = oneshot::channel();
        let wait = {
            let kept = Arc::clone(&kept);
            async move {
                over.await.unwrap();
                // Time for whoever does not wait.
                for _ in 0..1000 {
                    tokio::task::yield_now().await;
                }
                kept.store(true, Ordering::Relaxed);
            }
        };
        store.interrupt(0, Interrupt::Run(Box::new(|| Box::pin(wait))));
        let running = pipes.run(script, store.clone());
        let mut said = pipes.said().await;
        pipes.go.write_all(b"go\n").unwrap();
        let read = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            said.read_to_string(&mut line).unwrap();
            line
        });
        // The process has let go of the pipe: it has ended.
        assert_eq!(read.await.unwrap(), "up\n");
        told.send(()).unwrap();
        assert_eq!(running.await.unwrap(), Ended::Exit(0));
        assert!(store.fired() && kept.load(Ordering::Relaxed));
    }
}
