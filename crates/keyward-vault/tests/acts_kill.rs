//! A process killed between any two steps of a write: the trail tells of every act that happened.
//!
//! `KEYWARD_ACT_KILLS` sets how many times; 60 unless told otherwise. Each kill comes at the next
//! point in turn: at a call of the store, before an event is on disk, or after it. The children
//! are this test binary itself.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    missing_docs
)] // Tests: a panic is the report.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyward_base::Timestamp;
use keyward_base::audit::Intent;
use keyward_base::{
    BoxFuture, Event, EventId, Place, Purpose, RecordId, Result, Role, SecretBytes, Sink, Tenant,
};
use keyward_crypto::Provider;
use keyward_keys::{FileRoot, Keyring, KeyringBuilder, Policy};
use keyward_sqlite::SqliteStore;
use keyward_store::{Records, Scan};
use keyward_testkit::{Interrupt, Staged};
use keyward_vault::slot::VAULT;
use keyward_vault::{Expect, Kind, Slot, Vault};

const HOME: &str = "KEYWARD_ACTS_HOME";
const POINT: &str = "KEYWARD_ACTS_POINT";
const SLOTS: usize = 3;

/// A trail in a file: `id action outcome record found`, on disk before anything goes on.
#[derive(Debug)]
struct Trail {
    file: Mutex<File>,
    left: Vec<Intent>,
    /// Dies at this event: twice its number before it is written, once more after it.
    dies_at: Option<usize>,
    points: AtomicUsize,
}

impl Trail {
    fn open(home: &Path, dies_at: Option<usize>) -> Self {
        let path = home.join("trail");
        let mut left: Vec<Intent> = Vec::new();
        for line in lines(home) {
            if line.outcome == "intended" {
                left.push(line.intent());
            } else {
                left.retain(|intent| intent.id != line.id);
            }
        }
        let mut options = OpenOptions::new();
        let file = options.append(true).create(true).open(path).unwrap();
        Self {
            file: Mutex::new(file),
            left,
            dies_at,
            points: AtomicUsize::new(0),
        }
    }

    fn point(&self) {
        if self.dies_at == Some(self.points.fetch_add(1, Ordering::SeqCst)) {
            std::process::abort();
        }
    }
}

impl Sink for Trail {
    fn record<'a>(&'a self, event: &'a Event) -> BoxFuture<'a, Result<()>> {
        self.point();
        if let Some(id) = event.id {
            let record = event.record.as_ref().map_or("-", RecordId::as_str);
            let found = event.found.map_or("-".to_owned(), |n| n.to_string());
            let outcome = event.outcome.as_str();
            let line = format!("{id} {} {outcome} {record} {found}\n", event.action);
            let mut file = self.file.lock().unwrap();
            file.write_all(line.as_bytes()).unwrap();
            file.sync_data().unwrap();
        }
        self.point();
        Box::pin(std::future::ready(Ok(())))
    }

    fn open_intents(&self) -> BoxFuture<'_, Result<Vec<Intent>>> {
        Box::pin(std::future::ready(Ok(self.left.clone())))
    }
}

struct Line {
    id: EventId,
    action: String,
    outcome: String,
    record: String,
    found: Option<u64>,
}

impl Line {
    fn intent(&self) -> Intent {
        Intent {
            at: Timestamp::from_millis(0),
            run: None,
            id: self.id,
            action: self.action.clone(),
            tenant: Tenant::new("acme").ok(),
            place: Place::new("account.token").ok(),
            record: RecordId::new(&self.record).ok(),
            key: None,
            found: self.found,
        }
    }
}

fn lines(home: &Path) -> Vec<Line> {
    let text = std::fs::read_to_string(home.join("trail")).unwrap_or_default();
    let line = |line: &str| {
        let [id, action, outcome, record, found]: [&str; 5] =
            line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        Line {
            id: EventId::parse(id).unwrap(),
            action: action.to_owned(),
            outcome: outcome.to_owned(),
            record: record.to_owned(),
            found: found.parse().ok(),
        }
    };
    text.lines().map(line).collect()
}

fn slot(at: usize) -> Slot {
    Slot::new("acme", "account.token", &at.to_string()).unwrap()
}

fn builder(home: &Path) -> KeyringBuilder {
    let keys = Arc::new(SqliteStore::open(home.join("keys.db")).unwrap());
    let root = FileRoot::open(&home.join("root"), &Provider::default()).unwrap();
    // The one before takes no lease, and is dead.
    let policy = Policy {
        unleased_act: Duration::ZERO,
        ..Policy::default()
    };
    Keyring::builder(keys, Arc::new(root)).policy(policy)
}

async fn vault(home: &Path, store: Arc<dyn Records>, trail: Trail) -> Vault {
    let ring = builder(home).open().await.unwrap();
    let vault = Vault::builder(ring, store).audit(Arc::new(trail));
    vault.build().await.unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

/// What a child process does, until it dies; nothing when the test runs by itself.
#[test]
fn child() {
    let (Some(home), Ok(point)) = (std::env::var_os(HOME), std::env::var(POINT)) else {
        return;
    };
    let (home, point) = (Path::new(&home), point.parse::<usize>().unwrap());
    runtime().block_on(async {
        let (kind, at) = (point % 2, point / 2);
        let trail = Trail::open(home, (kind == 0).then_some(at));
        let store = Arc::new(SqliteStore::open(home.join("data.db")).unwrap());
        let staged = Staged::over(store);
        let vault = vault(home, staged.clone(), trail).await;
        if kind == 1 {
            let dies = || -> BoxFuture<'static, ()> { std::process::abort() };
            staged.interrupt(at, Interrupt::Run(Box::new(dies)));
        }
        for round in 0..1000 {
            let slot = slot(round % SLOTS);
            if round % 5 == 4 {
                let _gone_or_not = vault.delete(&slot, Expect::Any).await;
                continue;
            }
            let token = SecretBytes::copy_of(format!("round-{round:020}").as_bytes());
            let token = vault.credential(Kind::ApiKey, token).unwrap();
            let put = vault.put(&slot, &token, &Role::none(), Expect::Any).await;
            put.unwrap();
        }
        panic!("it did not die at point {point}");
    });
}

/// What the trail says lies in each slot: the act that put it, if it says for sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    Empty,
    Put(EventId),
    Unsure,
}

fn told(home: &Path) -> (HashMap<String, Says>, usize) {
    let mut says = HashMap::new();
    let mut open = HashMap::new();
    let mut unsure = 0;
    for line in lines(home) {
        match (line.action.as_str(), line.outcome.as_str()) {
            (_, "intended") => {
                let again = open.insert(line.id, line.record.clone());
                assert_eq!(again, None, "an act is intended once");
                continue;
            }
            ("vault.put", "done") => {
                says.insert(line.record.clone(), Says::Put(line.id));
            }
            ("vault.delete", "done") => {
                says.insert(line.record.clone(), Says::Empty);
            }
            (_, "unknown") => {
                unsure += 1;
                says.insert(line.record.clone(), Says::Unsure);
            }
            (_, "not-done") => {}
            other => panic!("{other:?}"),
        }
        let ended = open.remove(&line.id);
        assert_eq!(
            ended,
            Some(line.record),
            "an act ends once, after its intent"
        );
    }
    assert!(open.is_empty(), "the next start closes what was left open");
    (says, unsure)
}

#[test]
fn every_act_is_told_of_however_the_process_died() {
    let kills = std::env::var("KEYWARD_ACT_KILLS").map_or(60, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    FileRoot::create(&home.join("root"), &Provider::default()).unwrap();
    runtime().block_on(async {
        let purpose = Purpose::new("vault").unwrap();
        builder(home).create(&[purpose], &[]).await.unwrap();
    });
    for point in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap());
        let status = child
            .args(["--exact", "child"])
            .env(HOME, home)
            .env(POINT, point.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(status.code().is_none(), "point {point}: killed, {status}");
        runtime().block_on(async {
            let store = Arc::new(SqliteStore::open(home.join("data.db")).unwrap());
            let _next = vault(home, store.clone(), Trail::open(home, None)).await;
            let (says, _) = told(home);
            let rows = store.scan(Scan::of(VAULT)).await.unwrap().items;
            let mut held = HashMap::new();
            for row in rows {
                let data: serde_json::Value = serde_json::from_slice(&row.content.data).unwrap();
                let event = EventId::parse(data["event"].as_str().unwrap()).unwrap();
                let (_, record) = row.key.id.split_once('/').unwrap();
                held.insert(record.to_owned(), event);
            }
            for at in 0..SLOTS {
                let record = at.to_string();
                let is = held.get(&record).map_or(Says::Empty, |id| Says::Put(*id));
                let told = says.get(&record).copied().unwrap_or(Says::Empty);
                assert!(
                    told == is || told == Says::Unsure,
                    "{point}: {told:?}, {is:?}"
                );
            }
        });
    }
}
