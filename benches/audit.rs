//! The record: appending beside a raw insert, verifying beside raw SHA-256, opening with and without
//! it, and many logs.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs
)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use keyward_audit::audit::NOTED;
use keyward_audit::{Audit, Of};
use keyward_base::audit::{Discard, Outcome};
use keyward_base::{
    Actor, Event, KeyId, Place, Purpose, RecordId, Role, SecretBytes, Sink, Subject, SystemClock,
    Tenant, Timestamp,
};
use keyward_benches::{is_smoke, is_wanted, processor_time, rows};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, FileAnchor, Keyring};
use keyward_sqlite::SqliteStore;
use keyward_store::{Log as _, MemoryStore, RecordKey};
use keyward_vault::Vault;
use rusqlite::{Connection, TransactionBehavior, params};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

struct World {
    folder: tempfile::TempDir,
    keyring: Keyring,
    store: Arc<SqliteStore>,
    audit: Audit,
    runtime: Runtime,
    /// Of the next event: time goes on, as it does.
    next: AtomicU64,
}

impl World {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = { runtime }.worker_threads(2).build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(folder.path().join("data.db")).unwrap());
        let keys = Arc::new(MemoryStore::new(100_000));
        let root = Arc::new(EphemeralRoot::new(&Provider::default()).unwrap());
        let (keyring, audit) = runtime.block_on(async {
            let keyring = Keyring::builder(keys, root).clock(Arc::new(SystemClock::new()));
            let purposes = [Purpose::new("vault").unwrap()];
            let keyring = keyring.create(&purposes, &[]);
            let keyring = keyring.await.unwrap();
            let anchor = Arc::new(FileAnchor::new(folder.path().join("anchor")));
            let audit = Audit::builder(keyring.clone(), store.clone()).anchor(anchor);
            let audit = audit.install().await.unwrap().build().await.unwrap();
            (keyring, audit)
        });
        Self {
            folder,
            keyring,
            store,
            audit,
            runtime,
            next: AtomicU64::new(0),
        }
    }

    /// The numbers of so many events more.
    fn numbers(&self, count: usize) -> std::ops::Range<u64> {
        let from = self.next.fetch_add(count as u64, Ordering::Relaxed);
        from..from + count as u64
    }

    /// Appends so many at once.
    fn append(&self, of: &Of, count: usize) {
        self.runtime.block_on(async {
            self.keyring.refresh().await.unwrap();
            let mut all = JoinSet::new();
            for n in self.numbers(count) {
                let (audit, event) = (self.audit.clone(), event(of, n));
                all.spawn(async move { audit.append(event).await.unwrap() });
            }
            while all.join_next().await.is_some() {}
        });
    }
}

impl World {
    /// Appends so many by one call.
    fn append_all(&self, of: &Of, count: usize) {
        self.runtime.block_on(async {
            self.keyring.refresh().await.unwrap();
            let events: Vec<Event> = self.numbers(count).map(|n| event(of, n)).collect();
            self.audit.append_all(&events).await.unwrap();
        });
    }
}

fn acme() -> Of {
    Of::Tenant(Tenant::new("acme").unwrap())
}

fn event(of: &Of, n: u64) -> Event {
    let at = Timestamp::from_millis(1_764_158_400_000 + n);
    let mut event = Event::new(at, "vault.open", Outcome::Granted);
    if let Of::Tenant(tenant) = of {
        event.tenant = Some(tenant.clone());
    }
    event.actor = Some(Actor::new(Subject::new("u-1742").unwrap()));
    event.place = Some(Place::new("account.github_token").unwrap());
    event.record = Some(RecordId::new("42").unwrap());
    event.key = Some(KeyId::from_bytes([7; 8]));
    event
}

fn raw(path: &Path) -> Connection {
    drop(SqliteStore::open(path).unwrap());
    let conn = Connection::open(path).unwrap();
    conn.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON;",
    )
    .unwrap();
    conn.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))
        .unwrap();
    conn
}

fn insert(conn: &mut Connection, from: u64, entries: &[Vec<u8>]) {
    let tx = conn
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .unwrap();
    {
        let sql =
            "INSERT INTO entry (collection, owner, id, seq, bytes) VALUES (?1, ?2, ?3, ?4, ?5)";
        let mut insert = tx.prepare_cached(sql).unwrap();
        for (nth, bytes) in entries.iter().enumerate() {
            let seq = (from + nth as u64).cast_signed();
            insert
                .execute(params!["audit", "acme", "log", seq, bytes])
                .unwrap();
        }
    }
    tx.commit().unwrap();
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// What work takes by the clock, and of the processor, in all threads together.
fn both(work: impl FnOnce()) -> [f64; 2] {
    let used = processor_time();
    let took = timed(work);
    [took, processor_time().saturating_sub(used)].map(|time| time.as_secs_f64())
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Ours and a raw insert of the same bytes, by turns.
fn appends(how: &str, by_all: impl Fn(&World, &Of, usize), size: usize, rounds: usize) {
    let title = format!("append {size} in a transaction, {how}");
    if !is_wanted(&title) {
        return;
    }
    let world = World::new();
    let mut conn = raw(&world.folder.path().join("raw.db"));
    world.append(&acme(), size);
    let log = RecordKey {
        collection: keyward_store::Collection::named("audit"),
        owner: "acme".to_owned(),
        id: "log".to_owned(),
    };
    let page = world
        .runtime
        .block_on(world.store.read(&log, 0, size))
        .unwrap();
    let entries: Vec<Vec<u8>> = page.items.into_iter().filter_map(|of| of.bytes).collect();
    let mut of = [(); 2].map(|()| (Vec::new(), Vec::new(), Vec::new()));
    let mut next = 0;
    for _ in 0..if is_smoke() { 1 } else { rounds } {
        let by_us = both(|| by_all(&world, &acme(), size));
        let by_hand = both(|| insert(&mut conn, next, &entries));
        next += size as u64;
        for ((ours, bare, ratios), (by_us, by_hand)) in
            of.iter_mut().zip(by_us.into_iter().zip(by_hand))
        {
            ours.push(by_us);
            bare.push(by_hand);
            ratios.push(by_hand / by_us);
        }
    }
    let each = |all| median(all) * 1e6 / size as f64;
    for ((ours, bare, ratios), by) in of.into_iter().zip(["the clock", "processor time"]) {
        println!(
            "{title}, by {by}: {:.2} us each, raw insert of the same {} bytes {:.2} us: rate {:.2} of raw",
            each(ours),
            entries[0].len(),
            each(bare),
            median(ratios)
        );
    }
}

fn verifying() {
    let title = "verify a log";
    if !is_wanted(title) {
        return;
    }
    let world = World::new();
    let all = rows(1_000_000);
    let mut bytes = Vec::new();
    for size in [all / 10, all] {
        let head = world.runtime.block_on(world.audit.head(&acme())).unwrap();
        let mut left = size - usize::try_from(head.map_or(0, |head| head.size())).unwrap();
        while left > 0 {
            let some = left.min(10_000);
            world.append(&acme(), some);
            left -= some;
        }
        world.runtime.block_on(world.keyring.refresh()).unwrap();
        let took = timed(|| {
            let verified = world.runtime.block_on(world.audit.verify(&acme(), |_| ()));
            assert_eq!(verified.unwrap().unwrap().head.size(), size as u64);
        });
        if bytes.is_empty() {
            let log = RecordKey {
                collection: keyward_store::Collection::named("audit"),
                owner: "acme".to_owned(),
                id: "log".to_owned(),
            };
            let page = world
                .runtime
                .block_on(world.store.read(&log, 0, 1))
                .unwrap();
            bytes = page.items[0].bytes.clone().unwrap();
        }
        let hashed = timed(|| {
            for _ in 0..size {
                std::hint::black_box(Provider::default().sha256(&[&bytes]));
            }
        });
        println!(
            "{title} of {size} entries: {:.2} s, {:.0} a second, {:.1} MB/s; SHA-256 of the same {} bytes each alone {:.2} s",
            took.as_secs_f64(),
            size as f64 / took.as_secs_f64(),
            (size * bytes.len()) as f64 / took.as_secs_f64() / 1e6,
            bytes.len(),
            hashed.as_secs_f64()
        );
    }
}

fn openings() {
    let title = "open a credential";
    if !is_wanted(title) {
        return;
    }
    let world = World::new();
    let build = |sink: Arc<dyn Sink>| {
        let vault = Vault::builder(world.keyring.clone(), world.store.clone()).audit(sink);
        world.runtime.block_on(vault.build()).unwrap()
    };
    let (bare, told) = (
        build(Arc::new(Discard::new())),
        build(Arc::new(world.audit.clone())),
    );
    let place = |vault: &Vault| {
        vault
            .tenant("acme")
            .unwrap()
            .place("account.token")
            .unwrap()
    };
    world.runtime.block_on(async {
        let secret = SecretBytes::new(b"ghp_0123456789abcdef".to_vec());
        let credential = keyward_vault::Credential::api_key(secret).unwrap();
        place(&bare)
            .record("42")
            .unwrap()
            .insert(&credential)
            .await
            .unwrap();
    });
    for at_once in [1_usize, 64] {
        let mut all = [Vec::new(), Vec::new()];
        for _ in 0..if is_smoke() { 1 } else { 30 } {
            world.runtime.block_on(world.keyring.refresh()).unwrap();
            for (vault, times) in [&bare, &told].into_iter().zip(&mut all) {
                let took = timed(|| {
                    world.runtime.block_on(async {
                        let mut openings = JoinSet::new();
                        for _ in 0..at_once {
                            let place = place(vault);
                            openings.spawn(async move {
                                for _ in 0..8 {
                                    drop(place.record("42").unwrap().open().await.unwrap());
                                }
                            });
                        }
                        while openings.join_next().await.is_some() {}
                    });
                });
                times.push(took.as_secs_f64() * 1e6 / (8 * at_once) as f64);
            }
        }
        let [bare, told] = all.map(median);
        println!(
            "{title}, {at_once} at once: {bare:.1} us without a record, {told:.1} us with one that is required"
        );
    }
    let _none = Role::none();
}

/// What is done with many logs, and says what it took by the clock, of the processor, and of memory
/// at most: in mebibytes, where the system tells.
fn told<T>(said: &str, work: impl FnOnce() -> T) -> T {
    // From here on the peak is that of this work.
    let _unsaid = std::fs::write("/proc/self/clear_refs", "5");
    let mut done = None;
    let [took, used] = both(|| done = Some(work()));
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|kib| kib.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    println!(
        "  {said}: {took:.3} s, processor {used:.3} s, memory {} MiB",
        peak.map_or_else(|| "?".to_owned(), |kib| (kib / 1024).to_string())
    );
    done.unwrap()
}

/// Bytes of the database, and of its root log.
fn bytes_of(world: &World) -> String {
    let conn = Connection::open(world.folder.path().join("data.db")).unwrap();
    let one = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, f64>(0)).unwrap();
    let all = one("SELECT page_count * page_size * 1.0 FROM pragma_page_count, pragma_page_size");
    let root =
        one("SELECT sum(length(bytes)) * 1.0 FROM entry WHERE owner = '' AND id LIKE 'root%'");
    format!("{:.1} MB, of which root logs {:.1}", all / 1e6, root / 1e6)
}

fn many() {
    let title = "many logs";
    if !is_wanted(title) {
        return;
    }
    let world = World::new();
    let count = rows(100_000);
    println!("{title}: {count}");
    let of = |n: usize| Of::Tenant(Tenant::new(&format!("tenant-{n}")).unwrap());
    // One entry in each of those.
    let append_each = |range: std::ops::Range<usize>| {
        for from in range.clone().step_by(1000) {
            world.runtime.block_on(async {
                world.keyring.refresh().await.unwrap();
                let mut all = JoinSet::new();
                for n in from..(from + 1000).min(range.end) {
                    let (audit, event) = (world.audit.clone(), event(&of(n), n as u64));
                    all.spawn(async move { audit.append(event).await.unwrap() });
                }
                while all.join_next().await.is_some() {}
            });
        }
    };
    let round = |said: &str| {
        world.runtime.block_on(world.keyring.refresh()).unwrap();
        let noted = told(said, || {
            let round = world.runtime.block_on(world.audit.round(|_| ()));
            round.unwrap().noted
        });
        println!("    {noted} noted; {}", bytes_of(&world));
    };
    told("begun", || append_each(0..count));
    round("the first round");
    round("a round without changes");
    append_each(0..count / 100);
    round("a round after one in a hundred grew");
    let anchor = world.folder.path().join("anchor");
    let anew = || {
        world.runtime.block_on(world.keyring.refresh()).unwrap();
        let again = Audit::builder(world.keyring.clone(), world.store.clone());
        let again = again.anchor(Arc::new(FileAnchor::new(anchor.clone())));
        world.runtime.block_on(again.build()).unwrap()
    };
    let all_checked = || {
        let again = anew();
        let said = format!("the root log read by a new process ({NOTED})");
        let rooted = told(&said, || world.runtime.block_on(again.rooted()).unwrap());
        told("each checked against it, as doctor does", || {
            world.runtime.block_on(async {
                for (n, of) in again.logs().await.unwrap().iter().enumerate() {
                    if n % 1000 == 0 {
                        world.keyring.refresh().await.unwrap();
                    }
                    rooted.check(of).await.unwrap();
                }
                assert!(rooted.dropped().await.unwrap().is_empty());
            });
        });
        told("and verified, with those that ended", || {
            world.runtime.block_on(async {
                let ended = again.ended().await.unwrap();
                let logs = again.logs().await.unwrap();
                for (n, of) in logs.iter().chain(&ended).enumerate() {
                    if n % 1000 == 0 {
                        world.keyring.refresh().await.unwrap();
                    }
                    again.verify(of, |_| ()).await.unwrap();
                }
            });
        });
    };
    all_checked();
    // What every anchor had is gone: what is there is accepted, and each log goes on under a new name.
    std::fs::remove_file(&anchor).unwrap();
    let again = anew();
    told("an older database accepted", || {
        let accepted = keyward_audit::danger::accept_restore(&again);
        world.runtime.block_on(accepted).unwrap();
    });
    println!("    {}", bytes_of(&world));
    told("each goes on with its next entry", || append_each(0..count));
    round("the first round after that");
    all_checked();
}

fn main() {
    appends("by one call", World::append_all, 1000, 60);
    appends("by as many tasks", World::append, 1000, 60);
    appends("by one task", World::append, 1, 400);
    verifying();
    openings();
    many();
}
