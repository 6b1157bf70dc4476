//! Many writers in several processes, some of which are killed at random moments.
//!
//! With `KEYWARD_FULL`, 200 are killed. The children are this test binary itself.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use keyward_audit::audit::Rule;
use keyward_audit::entry::Typed;
use keyward_audit::{Audit, AuditBuilder};
use keyward_base::audit::{Detail, Value};
use keyward_base::{ManualClock, Purpose, Timestamp};
use keyward_crypto::Provider;
use keyward_keys::{FileAnchor, FileRoot, Keyring, KeyringBuilder};
use keyward_sqlite::SqliteStore;

use crate::world::{NOON, acme, event};

const HOME: &str = "KEYWARD_AUDIT_TEST_HOME";
const ROLE: &str = "KEYWARD_AUDIT_TEST_ROLE";
const FIRST: &str = "KEYWARD_AUDIT_TEST_FIRST";

const HOUR: u64 = 60 * 60 * 1000;

pub(crate) fn keyring(home: &Path) -> KeyringBuilder {
    let keys = SqliteStore::open(home.join("keys.db")).unwrap();
    let root = FileRoot::open(&home.join("root"), &Provider::default()).unwrap();
    let clock = ManualClock::new(Timestamp::from_millis(NOON));
    Keyring::builder(Arc::new(keys), Arc::new(root)).clock(Arc::new(clock))
}

fn logs(home: &Path, keyring: Keyring) -> AuditBuilder {
    let data = SqliteStore::open(home.join("data.db")).unwrap();
    let anchor = FileAnchor::new(home.join("anchor"));
    Audit::builder(keyring, Arc::new(data)).anchor(Arc::new(anchor))
}

async fn audit(home: &Path) -> Audit {
    let keyring = keyring(home).open().await.unwrap();
    logs(home, keyring).build().await.unwrap()
}

pub(crate) async fn make(home: &Path) -> Audit {
    FileRoot::create(&home.join("root"), &Provider::default()).unwrap();
    let purposes = [Purpose::new("vault").unwrap()];
    let keyring = keyring(home).create(&purposes, &[]).await.unwrap();
    let builder = logs(home, keyring).install().await.unwrap();
    builder.build().await.unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).build().unwrap()
}

fn random() -> u64 {
    let mut byte = [0];
    Provider::default().fill(&mut byte).unwrap();
    byte[0].into()
}

/// What a child process does; nothing when the test runs by itself.
#[test]
fn child() {
    let (Some(home), Ok(role)) = (std::env::var_os(HOME), std::env::var(ROLE)) else {
        return;
    };
    let first = std::env::var(FIRST).unwrap().parse().unwrap();
    let home = Path::new(&home);
    runtime().block_on(async {
        match role.as_str() {
            "some" => write(home, first..first + 16, 6, 1).await,
            "many" => write(home, first..first + 16, 60, 20).await,
            "writers" => write(home, first..first + 8, u64::MAX, 1).await,
            "batches" => write(home, first..first + 8, u64::MAX, 300).await,
            "tender" => tend(home).await,
            other => panic!("unknown role {other}"),
        }
    });
    say("end");
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{line}").unwrap();
    out.flush().unwrap();
}

/// Each writer appends one event after the other, or so many at once, and says what was acknowledged.
/// Until the parent closes its end.
async fn write(home: &Path, writers: std::ops::Range<u64>, each: u64, at_once: u64) {
    let audit = audit(home).await;
    let stop = Arc::new(std::thread::spawn(|| std::io::stdin().lines().count()));
    say("ready");
    let mut tasks = tokio::task::JoinSet::new();
    for writer in writers {
        let (audit, stop) = (audit.clone(), Arc::clone(&stop));
        tasks.spawn(async move {
            let of = |n: u64| {
                let mut event = event(&acme(), n);
                event.at = Timestamp::from_millis(NOON + n * HOUR);
                let detail = Detail::none().with("n", Value::Number(n));
                event.detail = detail.with("writer", Value::Number(writer));
                event
            };
            for from in (0..each).step_by(usize::try_from(at_once).unwrap()) {
                let seqs = if at_once == 1 {
                    vec![audit.append(of(from)).await.unwrap()]
                } else {
                    let events: Vec<_> = (from..from + at_once).map(of).collect();
                    audit.append_all(&events).await.unwrap()
                };
                for (seq, n) in seqs.into_iter().zip(from..) {
                    say(&format!("ack {writer} {n} {seq}"));
                }
                if each == u64::MAX && stop.is_finished() {
                    return;
                }
            }
        });
    }
    tasks.join_all().await;
}

/// All that is done to a log beside appending, again and again.
async fn tend(home: &Path) {
    let audit = audit(home).await;
    let of = acme();
    say("ready");
    loop {
        audit.tile(&of).await.unwrap();
        say("tiled");
        let head = audit.head(&of).await.unwrap().unwrap();
        // All but the newest days.
        let rule = Rule::older_than(2, None, head.latest);
        match audit.erase(&of, &rule).await {
            Ok(_) => say("erased"),
            // Another signed a later head meanwhile.
            Err(e) => assert_eq!(e.kind(), keyward_base::ErrorKind::Unavailable, "{e}"),
        }
        audit.settle(&of).await.unwrap();
        say("settled");
        match audit.prove(&of, head.size() / 2).await {
            Ok(_) => say("proved"),
            Err(e) => assert_eq!(e.kind(), keyward_base::ErrorKind::Unavailable, "{e}"),
        }
    }
}

fn spawn(home: &Path, role: &str, first: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crowd::child", "--nocapture"])
        .env(HOME, home)
        .env(ROLE, role)
        .env(FIRST, first.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn lines(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.map_while(Result::ok).filter(|line| !line.is_empty())
}

/// What was acknowledged: by its number in the log, the writer and its number.
#[derive(Default)]
struct Told(BTreeMap<u64, (u64, u64)>);

impl Told {
    fn note(&mut self, line: &str) {
        let Some(rest) = line.strip_prefix("ack ") else {
            return;
        };
        let numbers: Vec<u64> = rest.split(' ').map(|n| n.parse().unwrap()).collect();
        let [writer, n, seq] = numbers[..] else {
            // Cut short: it was killed.
            return;
        };
        assert_eq!(self.0.insert(seq, (writer, n)), None, "{seq} twice");
    }

    /// The log has all of them, each once, each writer's in its order.
    async fn check(mut self, audit: &Audit) -> (u64, u64) {
        let (mut next, mut seen) = (Some(0), 0);
        let mut latest: BTreeMap<u64, u64> = BTreeMap::new();
        let mut unseen = 0_u64;
        while let Some(from) = next {
            let page = audit.entries(&acme(), from, 4096).await.unwrap();
            next = page.next;
            for kept in page.entries {
                assert_eq!(kept.seq, seen);
                seen += 1;
                let told = self.0.remove(&kept.seq);
                let entry = kept.entry().unwrap();
                let Some(entry) = entry.filter(|entry| entry.action == "app.act") else {
                    continue;
                };
                let numbers = entry.detail.iter().map(|(_, value)| match value {
                    Typed::Number(n) => n.0,
                    _ => panic!(),
                });
                let [n, writer] = numbers.collect::<Vec<_>>()[..] else {
                    panic!()
                };
                match told {
                    Some(told) => assert_eq!(told, (writer, n)),
                    None => unseen += 1,
                }
                let before = latest.insert(writer, n);
                assert!(before.is_none_or(|before| before + 1 == n), "{writer}: {n}");
            }
        }
        assert!(self.0.is_empty(), "lost: {:?}", self.0);
        let verified = audit.verify(&acme(), |_| ()).await.unwrap().unwrap();
        assert_eq!(verified.head.size(), seen);
        (seen, unseen)
    }
}

#[test]
fn sixty_four_writers_in_four_processes_leave_no_gap() {
    for (role, each) in [("some", 6), ("many", 60)] {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path();
        let audit = runtime().block_on(make(home));
        let children = [0, 16, 32, 48].map(|first| spawn(home, role, first));
        let mut told = Told::default();
        for mut child in children {
            lines(&mut child).for_each(|line| told.note(&line));
            assert!(child.wait().unwrap().success());
        }
        let checked = runtime().block_on(told.check(&audit));
        assert_eq!(checked, (64 * each, 0));
    }
}

#[test]
fn what_is_killed_at_random_loses_nothing_and_does_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().to_owned();
    drop(runtime().block_on(make(&home)));
    let told = Arc::new(Mutex::new(Told::default()));
    let mut live = spawn(&home, "writers", 0);
    let mut said = lines(&mut live);
    let first = said.by_ref().find(|line| line.starts_with("ack"));
    told.lock().unwrap().note(&first.unwrap());
    let notes = Arc::clone(&told);
    let reader =
        std::thread::spawn(move || said.for_each(|line| notes.lock().unwrap().note(&line)));
    let full = std::env::var_os("KEYWARD_FULL").is_some();
    let kills = if full { 200 } else { 6 };
    for round in 1..=kills {
        let role = ["batches", "tender", "writers"][usize::try_from(round % 3).unwrap()];
        let mut child = spawn(&home, role, round * 8);
        let mut said = lines(&mut child);
        for _ in 0..1 + random() % 6 {
            let Some(line) = said.next() else { break };
            told.lock().unwrap().note(&line);
        }
        for _ in 0..random() * 40_000 {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        said.for_each(|line| told.lock().unwrap().note(&line));
        let status = child.wait().unwrap();
        assert!(
            !status.success() && status.code().is_none(),
            "{role} ended by itself: {status}"
        );
    }
    drop(live.stdin.take());
    reader.join().unwrap();
    assert!(live.wait().unwrap().success());
    let told = Arc::into_inner(told).unwrap().into_inner().unwrap();
    runtime().block_on(async {
        let audit = audit(&home).await;
        let acknowledged = told.0.len();
        let (size, unseen) = told.check(&audit).await;
        println!("{kills} kills: {size} entries, {acknowledged} acknowledged, {unseen} not told");
        // What was cut short goes on.
        audit.tile(&acme()).await.unwrap();
        audit.erase(&acme(), &Rule::all()).await.unwrap().unwrap();
        assert_eq!(audit.settle(&acme()).await.unwrap(), 0);
        audit.prove(&acme(), size / 2).await.unwrap();
        audit.verify(&acme(), |_| ()).await.unwrap().unwrap();
    });
}
