//! The pass that seals bare rows and the one that replaces the pepper, killed at random moments beside
//! a writer in another process, lose nothing.
//!
//! `KEYWARD_KILL_ROWS` and `KEYWARD_KILLS` set the size: 2000 rows and 6 kills of each pass unless
//! told otherwise; the full form is 100,000 and 20. The children are this test binary itself.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    clippy::unwrap_used
)] // Tests: a panic is the report.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use keyward_base::audit::Discard;
use keyward_base::{Door, Purpose, Subject, SystemClock, Tenant, Timestamp, Trail};
use keyward_crypto::Provider;
use keyward_keys::{FileRoot, Keyring, KeyringBuilder, Pass};
use keyward_password::{Account, Credential, CredentialRows, Credentials as _, Swapped};
use keyward_sqlite::SqliteStore;
use keyward_store::Records as _;

const HOME: &str = "KEYWARD_KILL_HOME";
const ROLE: &str = "KEYWARD_KILL_ROLE";
const TENANTS: usize = 40;
const LIVE: usize = 32;
const THEN: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn purpose() -> Purpose {
    Purpose::new("password").unwrap()
}

fn builder(home: &Path) -> KeyringBuilder {
    let keys = Arc::new(SqliteStore::open(home.join("keys.db")).unwrap());
    let root = FileRoot::open(&home.join("root"), &Provider::default()).unwrap();
    Keyring::builder(keys, Arc::new(root))
}

fn data(home: &Path) -> Arc<SqliteStore> {
    Arc::new(SqliteStore::open(home.join("data.db")).unwrap())
}

async fn rows(home: &Path) -> CredentialRows {
    let ring = builder(home).open().await.unwrap();
    let clock = Arc::new(SystemClock::new());
    let rows = CredentialRows::builder(data(home), Door::new("users"), clock);
    rows.pepper(ring).takes_bare().build().await.unwrap()
}

async fn bare(home: &Path) -> CredentialRows {
    let clock = Arc::new(SystemClock::new());
    let rows = CredentialRows::builder(data(home), Door::new("users"), clock);
    rows.build().await.unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

fn account(kind: &str, at: usize) -> Account {
    Account {
        door: Door::new("users"),
        tenant: Tenant::new(&format!("tenant-{}", at % TENANTS)).unwrap(),
        subject: Subject::new(&format!("{kind}-{at}")).unwrap(),
    }
}

fn stored(at: usize) -> String {
    format!("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ${at:043}")
}

fn size(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// What a child process does; nothing when the test runs by itself.
#[test]
fn child() {
    let (Some(home), Some(role)) = (std::env::var_os(HOME), std::env::var_os(ROLE)) else {
        return;
    };
    let home = Path::new(&home);
    runtime().block_on(async {
        match role.to_str().unwrap() {
            "reseal" => reseal(home).await,
            "seal" => seal(home).await,
            "writer" => write_until_told(home).await,
            other => panic!("unknown role {other}"),
        }
    });
}

async fn seal(home: &Path) {
    let rows = rows(home).await;
    println!("\nready");
    let sealing = rows.seal_all(|seen| {
        println!("batch {seen}");
        std::io::stdout().flush().unwrap();
    });
    let sealing = sealing.await.unwrap();
    println!(
        "done {} {} {}",
        sealing.left,
        sealing.unreadable,
        sealing.since.is_some()
    );
}

/// As a command does that keeps no rows.
async fn reseal(home: &Path) {
    let ring = builder(home).open().await.unwrap();
    let trail = Trail::new(Arc::new(Discard::new()));
    CredentialRows::attach(&ring, data(home), trail)
        .await
        .unwrap();
    println!("\nready");
    let pass = Pass::new(&ring, &purpose()).batch(64).progress(|now| {
        println!("batch {} {}", now.seen, now.moved);
        std::io::stdout().flush().unwrap();
    });
    let report = pass.run().await.unwrap();
    println!(
        "done {} {} {}",
        report.left, report.quarantined, report.skipped
    );
}

/// Changes passwords until the parent closes its end, and says which were acknowledged.
async fn write_until_told(home: &Path) {
    let rows = rows(home).await;
    let stop = std::thread::spawn(|| std::io::stdin().lines().count());
    println!("\nready");
    for round in 0_usize.. {
        let at = round % LIVE;
        let account = account("live", at);
        let text = format!("$round$of-some-length${round:020}");
        loop {
            let loaded = rows.load(&account).await.unwrap().unwrap();
            let credential = loaded.credential.encoded(&text).unwrap();
            let swapped = rows.swap(&account, loaded.version, &credential).await;
            if let Swapped::Done(_) = swapped.unwrap() {
                break;
            }
        }
        println!("ack {at} {round}");
        if stop.is_finished() {
            return;
        }
    }
}

fn spawn(home: &Path, role: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(HOME, home)
        .env(ROLE, role)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn lines(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok)
}

/// Many inserts at once, so that the store commits them together.
async fn fill(rows: &CredentialRows, count: usize) {
    let mut tasks = tokio::task::JoinSet::new();
    let all = (0..count).map(|at| (account("user", at), stored(at)));
    let live = (0..LIVE).map(|at| (account("live", at), stored(at)));
    for (account, stored) in all.chain(live) {
        let rows = rows.clone();
        tasks.spawn(async move {
            let credential = Credential::new(&stored, THEN).unwrap();
            rows.insert(&account, credential).await.unwrap().unwrap();
        });
        if tasks.len() >= 512 {
            tasks.join_next().await.unwrap().unwrap();
        }
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

/// A random number of 16 bits.
fn random() -> usize {
    let mut bytes = [0; 2];
    Provider::default().fill(&mut bytes).unwrap();
    usize::from(u16::from_be_bytes(bytes))
}

/// Kills the pass of this role at random moments, and lets the last one end. How many were killed
/// before they had ended by themselves.
fn killed(home: &Path, role: &str, kills: usize, rows: usize) -> (usize, String) {
    let mut in_time = 0;
    for _ in 0..kills {
        let mut child = spawn(home, role);
        // Held until the child is dead, so that it dies of the signal and not of a closed pipe.
        let mut told = lines(&mut child);
        assert!(told.by_ref().any(|line| line == "ready"));
        // The pass that seals looks at all rows each time, the other goes on where it was.
        let batches = match role {
            "seal" => rows / 256,
            _ => rows / 64 / kills + 1,
        };
        let mut is_over = false;
        for line in told.by_ref().take(random() % (batches + 1)) {
            is_over |= line.starts_with("done");
        }
        for _ in 0..random() * 4 {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        is_over |= told.any(|line| line.starts_with("done"));
        in_time += usize::from(!is_over);
    }
    let mut last = spawn(home, role);
    let ended = lines(&mut last).find(|line| line.starts_with("done"));
    last.wait().unwrap();
    (in_time, ended.unwrap())
}

#[test]
fn sealing_and_rotation_survive_being_killed() {
    let (count, kills) = (size("KEYWARD_KILL_ROWS", 2000), size("KEYWARD_KILLS", 6));
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    FileRoot::create(&home.join("root"), &Provider::default()).unwrap();
    let old = runtime().block_on(async {
        let ring = builder(home).create(&[purpose()], &[]).await.unwrap();
        fill(&bare(home).await, count).await;
        ring.status().keys.first().unwrap().id
    });

    // The writer starts with the old key in its memory, and a pepper.
    let mut writer = spawn(home, "writer");
    let mut acks = lines(&mut writer);
    assert!(acks.any(|line| line.starts_with("ack 31 ")));
    let acks = std::thread::spawn(move || {
        let mut last = HashMap::new();
        for line in acks {
            if let Some((at, round)) = line.strip_prefix("ack ").and_then(|l| l.split_once(' ')) {
                let (at, round): (usize, usize) = (at.parse().unwrap(), round.parse().unwrap());
                last.insert(at, round);
            }
        }
        last
    });
    let (seals, ended) = killed(home, "seal", kills, count);
    assert_eq!(ended, "done 0 0 true", "left, unreadable, marked");
    runtime().block_on(async {
        let ring = builder(home).open().await.unwrap();
        ring.admin().rotate(&purpose()).await.unwrap();
        ring.admin().promote_ready().await.unwrap();
    });
    let (reseals, ended) = killed(home, "reseal", kills, count);
    assert_eq!(ended, "done 0 0 0", "left, quarantined, skipped");
    drop(writer.stdin.take());
    writer.wait().unwrap();
    let acknowledged = acks.join().unwrap();

    runtime().block_on(async {
        let store = data(home);
        let rows = rows(home).await;
        let collection = keyward_store::Collection::named("credential/users");
        let all = store.count(&collection, "").await.unwrap();
        assert_eq!(all, u64::try_from(count + LIVE).unwrap());
        let mut revisions = HashMap::new();
        for at in 0..count {
            let loaded = rows.load(&account("user", at)).await.unwrap().unwrap();
            assert_eq!(loaded.credential.stored(), Some(stored(at).as_str()));
            revisions.insert(loaded.credential.revision().number(), at);
        }
        assert_eq!(
            revisions.len(),
            count,
            "each has its own first revision still"
        );
        assert_eq!(acknowledged.len(), LIVE);
        for (at, round) in &acknowledged {
            let loaded = rows.load(&account("live", *at)).await.unwrap().unwrap();
            let text = loaded.credential.stored().unwrap();
            let held: usize = text.rsplit_once('$').unwrap().1.parse().unwrap();
            assert!(
                held >= *round,
                "row {at} holds {held}, and {round} was acknowledged"
            );
        }
        let ring = builder(home).open().await.unwrap();
        let trail = Trail::new(Arc::new(Discard::new()));
        CredentialRows::attach(&ring, store, trail).await.unwrap();
        let usage = ring.admin().usage().await.unwrap().keys;
        assert_eq!(usage.iter().find(|u| u.key == old).unwrap().rows, 0);
        ring.admin().disable(old).await.unwrap();
        ring.admin().destroy(old).await.unwrap();
    });
    println!(
        "{count} rows; {seals} of {kills} kills within the sealing, {reseals} of {kills} within the rotation; {} live changes acknowledged",
        acknowledged.values().max().unwrap()
    );
}
