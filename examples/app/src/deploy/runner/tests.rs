//! The runner, with real processes.

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
