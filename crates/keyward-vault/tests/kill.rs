//! A rewrap killed at random moments, beside a writer in another process, loses nothing.
//!
//! `KEYWARD_KILL_ROWS` and `KEYWARD_KILLS` set the size: 3000 rows and 12 kills unless told
//! otherwise; the full form is 100,000 and 50. The children are this test binary itself.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, missing_docs)] // Tests: a panic is the report.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use keyward_base::{Purpose, Role, SecretBytes};
use keyward_crypto::Provider;
use keyward_keys::{FileRoot, Keyring, KeyringBuilder};
use keyward_sqlite::SqliteStore;
use keyward_vault::{Expect, Kind, Rewrap, Slot, Vault};

const HOME: &str = "KEYWARD_KILL_HOME";
const ROLE: &str = "KEYWARD_KILL_ROLE";
const TENANTS: usize = 40;
const LIVE_SLOTS: usize = 32;

fn builder(home: &Path) -> KeyringBuilder {
    let keys = Arc::new(SqliteStore::open(home.join("keys.db")).unwrap());
    let root = FileRoot::open(&home.join("root"), &Provider::default()).unwrap();
    Keyring::builder(keys, Arc::new(root))
}

async fn vault(home: &Path) -> Vault {
    let ring = builder(home).open().await.unwrap();
    let data = Arc::new(SqliteStore::open(home.join("data.db")).unwrap());
    Vault::builder(ring, data).build().await.unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

fn slot(at: usize) -> Slot {
    Slot::new(
        &format!("tenant-{}", at % TENANTS),
        "account.token",
        &at.to_string(),
    )
    .unwrap()
}

fn live_slot(at: usize) -> Slot {
    Slot::new(
        &format!("tenant-{}", at % TENANTS),
        "live.token",
        &at.to_string(),
    )
    .unwrap()
}

fn value(at: usize) -> String {
    format!("value-of-row-{at:024}")
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
            "rewrap" => rewrap(home).await,
            "writer" => write_until_told(home).await,
            other => panic!("unknown role {other}"),
        }
    });
}

async fn rewrap(home: &Path) {
    let vault = vault(home).await;
    println!("\nready");
    let report = Rewrap::new(&vault)
        .batch(64)
        .progress(|now| {
            println!("batch {} {}", now.seen, now.moved);
            std::io::stdout().flush().unwrap();
        })
        .run()
        .await
        .unwrap();
    println!(
        "done {} {} {}",
        report.left, report.quarantined, report.skipped
    );
}

/// Puts ever newer values until the parent closes its end, and says which were acknowledged.
async fn write_until_told(home: &Path) {
    let vault = vault(home).await;
    let stop = std::thread::spawn(|| std::io::stdin().lines().count());
    println!("\nready");
    for round in 0_usize.. {
        let at = round % LIVE_SLOTS;
        let token = vault
            .credential(
                Kind::ApiKey,
                SecretBytes::copy_of(format!("round-{round:020}").as_bytes()),
            )
            .unwrap();
        vault
            .put(&live_slot(at), &token, &Role::none(), Expect::Any)
            .await
            .unwrap();
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

/// Many puts at once, so that the store commits them together.
async fn fill(vault: &Vault, rows: usize) {
    let mut tasks = tokio::task::JoinSet::new();
    for at in 0..rows {
        let vault = vault.clone();
        tasks.spawn(async move {
            let secret = SecretBytes::copy_of(value(at).as_bytes());
            let token = vault.credential(Kind::ApiKey, secret).unwrap();
            vault
                .put(&slot(at), &token, &Role::none(), Expect::Absent)
                .await
                .unwrap();
        });
        if tasks.len() >= 512 {
            tasks.join_next().await.unwrap().unwrap();
        }
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

#[test]
fn rotation_survives_being_killed() {
    let (rows, kills) = (size("KEYWARD_KILL_ROWS", 3000), size("KEYWARD_KILLS", 12));
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    FileRoot::create(&home.join("root"), &Provider::default()).unwrap();
    let (old, purpose) = runtime().block_on(async {
        let purpose = Purpose::new("vault").unwrap();
        builder(home)
            .create(std::slice::from_ref(&purpose), &[])
            .await
            .unwrap();
        let vault = vault(home).await;
        fill(&vault, rows).await;
        (vault.keyring().status().keys.first().unwrap().id, purpose)
    });

    // The writer starts with the old key in its memory.
    let mut writer = spawn(home, "writer");
    let mut acks = lines(&mut writer);
    assert!(
        acks.any(|line| line.starts_with("ack 31 ")),
        "every slot is written once"
    );
    let acks = std::thread::spawn(move || {
        let mut last = HashMap::new();
        for line in acks {
            if let Some((at, round)) = line.strip_prefix("ack ").and_then(|l| l.split_once(' ')) {
                last.insert(
                    at.parse::<usize>().unwrap(),
                    round.parse::<usize>().unwrap(),
                );
            }
        }
        last
    });
    runtime().block_on(async {
        let ring = builder(home).open().await.unwrap();
        ring.admin().rotate(&purpose).await.unwrap();
        ring.admin().promote_ready().await.unwrap();
    });

    let random = Provider::default();
    let mut killed = 0;
    while killed < kills {
        let mut child = spawn(home, "rewrap");
        let mut random_bytes = [0; 8];
        random.fill(&mut random_bytes).unwrap();
        let batches = (rows / 64 / kills).max(1) * 2;
        let after = usize::from(random_bytes[0]) % batches;
        // Held until the child is dead, so that it dies of the signal and not of a closed pipe.
        let mut told = lines(&mut child).filter(|line| line.starts_with("batch"));
        let seen = told.by_ref().take(after).count();
        for _ in 0..u32::from(u16::from_be_bytes([random_bytes[1], random_bytes[2]])) * 16 {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        drop(told);
        killed += 1;
        if seen < after {
            println!("kill {killed} came after the end");
        }
    }
    let mut last = spawn(home, "rewrap");
    let ended = lines(&mut last)
        .find(|line| line.starts_with("done"))
        .unwrap();
    last.wait().unwrap();
    assert_eq!(ended, "done 0 0 0", "left, quarantined, skipped");
    drop(writer.stdin.take());
    writer.wait().unwrap();
    let acknowledged = acks.join().unwrap();

    runtime().block_on(async {
        let vault = vault(home).await;
        let admin = vault.keyring().admin();
        let usage = admin.usage().await.unwrap().keys;
        assert_eq!(
            usage.iter().find(|u| u.key == old).unwrap().rows,
            0,
            "rows on the old key"
        );
        for at in 0..rows {
            let opened = vault.open(&slot(at), &Role::none()).await.unwrap();
            assert_eq!(opened.bytes().expose(), value(at).as_bytes());
        }
        assert_eq!(acknowledged.len(), LIVE_SLOTS);
        for (at, round) in &acknowledged {
            let opened = vault.open(&live_slot(*at), &Role::none()).await.unwrap();
            let text = String::from_utf8(opened.bytes().expose().to_vec()).unwrap();
            let held: usize = text.strip_prefix("round-").unwrap().parse().unwrap();
            assert!(
                held >= *round,
                "slot {at} holds round {held}, and {round} was acknowledged"
            );
        }
        admin.disable(old).await.unwrap();
        admin.destroy(old).await.unwrap();
    });
    println!(
        "{rows} rows, {killed} kills, {} live puts acknowledged",
        acknowledged.values().max().unwrap()
    );
}
