//! Rows that are not sealed, or not to be read, where others are: what whoever writes the store can do
//! with them, and what they hold up.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used
)] // Tests: a panic is the report.

mod passes;
mod read;

use std::sync::Arc;
use std::time::Duration;

use keyward_base::audit::Outcome;
use keyward_base::{
    Clock, Door, ErrorKind, ManualClock, Purpose, Reason, SecretBytes, Subject, Tenant, Timestamp,
    Trail,
};
use keyward_crypto::Provider;
use keyward_keys::{ColumnId, EphemeralRoot, Keyring, Root};
use keyward_password::records::{CredentialRowsBuilder, Wrapped};
use keyward_password::{
    Account, Admission, Context, Credential, CredentialRows, Credentials as _, NewHash, Password,
    Passwords, Policy, Status, Swapped, Upgrades, Verdict, reason,
};
use keyward_sqlite::{SqliteStore, rusqlite};
use keyward_store::{
    Applied, Collection, Content, MemoryStore, Record, RecordKey, Scan, Stores, Write,
};
use keyward_testkit::RecordingAudit;
use keyward_testkit::staged::{Act, Interrupt, Staged};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const USERS: Door = Door::new("users");
const STORED: &str =
    "$pbkdf2-sha256$1000$c29tZSBzYWx0IG9mIDE2IQ$ZyTPlL64LFBwkYpwJRUE4HbqPAER5Jry8/pNiE38LkY";

struct World {
    clock: Arc<ManualClock>,
    keys: Arc<MemoryStore>,
    root: Arc<dyn Root>,
    audit: Arc<RecordingAudit>,
}

impl World {
    async fn new() -> Self {
        let world = Self {
            clock: Arc::new(ManualClock::new(NOW)),
            keys: Arc::new(MemoryStore::new(10_000)),
            root: Arc::new(EphemeralRoot::new(&Provider::default()).unwrap()),
            audit: Arc::new(RecordingAudit::new()),
        };
        let builder = Keyring::builder(world.keys.clone(), world.root.clone());
        let builder = builder.clock(world.clock.clone());
        builder.create(&[purpose()], &[]).await.unwrap();
        world
    }

    /// The keyring of another process.
    async fn ring(&self) -> Keyring {
        let builder = Keyring::builder(self.keys.clone(), self.root.clone());
        builder.clock(self.clock.clone()).open().await.unwrap()
    }

    /// A process whose calls to the key store are told.
    async fn staged(&self, data: &Arc<dyn Stores>) -> (CredentialRows, Arc<Staged>) {
        let keys = Staged::over(self.keys.clone());
        let builder = Keyring::builder(keys.clone(), self.root.clone());
        let ring = builder.clock(self.clock.clone()).open().await.unwrap();
        let rows = self.builder(data).await.pepper(ring).takes_bare();
        (rows.build().await.unwrap(), keys)
    }

    /// What another process does in between: it seals all, and then somebody plants a row.
    async fn seals_and_is_planted(&self, data: &Arc<dyn Stores>, row: &Record) -> Act {
        let (other, data, row) = (self.both(data).await, Arc::clone(data), row.clone());
        let clock = Arc::clone(&self.clock);
        Box::new(move || {
            Box::pin(async move {
                assert!(other.seal_all(|_| {}).await.unwrap().since.is_some());
                // Whoever makes another mark makes a later one.
                clock.advance(Duration::from_secs(1));
                plant(&data, &row.key, &row.content).await;
            })
        })
    }

    async fn builder(&self, data: &Arc<dyn Stores>) -> CredentialRowsBuilder {
        CredentialRows::builder(Arc::clone(data), USERS, self.clock.clone())
            .trail(Trail::new(self.audit.clone()))
            .pepper(self.ring().await)
    }

    async fn sealed(&self, data: &Arc<dyn Stores>) -> CredentialRows {
        self.builder(data).await.build().await.unwrap()
    }

    async fn both(&self, data: &Arc<dyn Stores>) -> CredentialRows {
        let builder = self.builder(data).await.takes_bare();
        builder.build().await.unwrap()
    }

    /// The accounts that a pass has told of, and why.
    fn told(&self) -> Vec<(String, Outcome)> {
        let events = self.audit.take().into_iter();
        let told = events.filter(|event| event.action == "password.seal");
        told.map(|event| {
            let record = event.record.map(|record| record.as_str().to_owned());
            (record.unwrap_or_default(), event.outcome)
        })
        .collect()
    }
}

fn purpose() -> Purpose {
    Purpose::new("password").unwrap()
}

fn memory() -> Arc<dyn Stores> {
    Arc::new(MemoryStore::new(10_000))
}

fn account(subject: &str) -> Account {
    Account {
        door: USERS,
        tenant: Tenant::new("acme").unwrap(),
        subject: Subject::new(subject).unwrap(),
    }
}

fn place(of: &Account) -> RecordKey {
    RecordKey {
        collection: Collection::named("credential/users"),
        owner: of.tenant.as_str().to_owned(),
        id: of.subject.as_str().to_owned(),
    }
}

/// Rows without a pepper, as they are written.
async fn bare(subjects: &[&str]) -> Vec<Record> {
    let data = memory();
    let clock = Arc::new(ManualClock::new(NOW));
    let rows = CredentialRows::builder(Arc::clone(&data), USERS, clock);
    let rows = rows.build().await.unwrap();
    for subject in subjects {
        insert(&rows, &account(subject)).await;
    }
    let scan = Scan::of(Collection::named("credential/users"));
    data.scan(scan).await.unwrap().items
}

async fn insert(rows: &CredentialRows, at: &Account) {
    let credential = Credential::new(STORED, NOW).unwrap();
    rows.insert(at, credential).await.unwrap().unwrap();
}

/// As whoever writes the table does.
async fn plant(data: &Arc<dyn Stores>, key: &RecordKey, content: &Content) {
    let found = data.fetch(key).await.unwrap();
    let version = found.map(|record| record.version);
    let write = Write::put(key.clone(), version, content.clone());
    let applied = data.apply(vec![write]).await.unwrap();
    assert!(matches!(applied, Applied::Done(_)));
}

async fn plant_all(data: &Arc<dyn Stores>, rows: &[Record]) {
    for row in rows {
        plant(data, &row.key, &row.content).await;
    }
}

async fn is_refused(rows: &CredentialRows, at: &Account, why: Option<Reason>) {
    let e = rows.load(at).await.unwrap_err();
    assert_eq!((e.kind(), e.reason()), (ErrorKind::Corrupt, why), "{e}");
}

fn passwords(world: &World) -> Passwords {
    let policy = Policy::default().new_hashes(NewHash::argon2id(7_168, 5, 1).unwrap());
    let clock: Arc<dyn Clock> = world.clock.clone();
    Passwords::new(policy, Admission::default(), clock).unwrap()
}

async fn wrap_all(world: &World, rows: &CredentialRows) -> Wrapped {
    let (passwords, context) = (passwords(world), Context::default());
    rows.wrap_all(&passwords, &context, |_| {}).await.unwrap()
}

const BARE: Option<Reason> = Some(reason::BARE);

/// A store says itself which it is, to whoever writes to it too.
#[tokio::test]
async fn a_store_that_is_made_another_one_takes_no_bare_row_after_the_mark() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let open = || -> Arc<dyn Stores> { Arc::new(SqliteStore::open(&path).unwrap()) };
    let rows = bare(&["ann", "mallory"]).await;
    let data = open();
    plant_all(&data, &rows[..1]).await;
    let before = world.both(&data).await;
    assert!(before.load(&account("ann")).await.unwrap().is_some());
    assert!(before.seal_all(|_| {}).await.unwrap().since.is_some());
    drop((before, data));

    let conn = rusqlite::Connection::open(&path).unwrap();
    let sql = "UPDATE store SET identity = '00000000000000000000000000000001'";
    assert_eq!(conn.execute(sql, []).unwrap(), 1);
    drop(conn);
    let data = open();
    plant_all(&data, &rows[1..]).await;
    let rows = world.both(&data).await;
    is_refused(&rows, &account("mallory"), BARE).await;
    let sealing = rows.seal_all(|_| {}).await.unwrap();
    assert_eq!((sealing.sealed, sealing.left), (0, 1));
    is_refused(&rows, &account("mallory"), BARE).await;
    assert!(rows.load(&account("ann")).await.unwrap().is_some());
}

/// Two stores under one ring come to a pepper each in its own time.
#[tokio::test]
async fn a_store_that_was_there_before_the_mark_of_another_has_its_own() {
    let world = World::new().await;
    let (one, other, late) = (memory(), memory(), memory());
    let planted = bare(&["ann"]).await;
    for data in [&one, &other, &late] {
        plant_all(data, &planted).await;
    }
    let ann = account("ann");
    let (first, second) = (world.both(&one).await, world.both(&other).await);
    assert!(first.seal_all(|_| {}).await.unwrap().since.is_some());
    for rows in [&second, &world.both(&other).await] {
        assert_eq!(rows.since().await.unwrap(), None);
        assert!(rows.load(&ann).await.unwrap().is_some());
    }
    // Whoever counts the rows of one counts those of no other.
    let ring = world.ring().await;
    let trail = Trail::new(world.audit.clone());
    CredentialRows::attach(&ring, Arc::clone(&one), trail)
        .await
        .unwrap();
    assert_eq!(ring.uncounted().await.unwrap().len(), 1);
    let store = one.identity().unwrap();
    let more = ColumnId::new(store, "credential/users/more", purpose()).unwrap();
    ring.register(&more, true).await.unwrap();
    assert_eq!(ring.uncounted().await.unwrap().len(), 2);
    // One that comes after it brings sealed rows alone.
    is_refused(&world.both(&late).await, &ann, BARE).await;
    world.clock.advance(Duration::from_secs(1));
    let sealing = second.seal_all(|_| {}).await.unwrap();
    let since = Timestamp::from_millis(NOW.as_millis() + 1000);
    assert_eq!((sealing.sealed, sealing.since), (1, Some(since)));
    // The other store, its mark, and `more`; the late one came too.
    assert_eq!(ring.uncounted().await.unwrap().len(), 4);
    plant_all(&other, &planted).await;
    for rows in [&second, &world.both(&other).await] {
        is_refused(rows, &ann, BARE).await;
        assert_eq!(rows.since().await.unwrap(), Some(since));
        // Nor does wrapping make it good.
        let wrapped = wrap_all(&world, rows).await;
        assert_eq!((wrapped.seen, wrapped.wrapped, wrapped.bad), (1, 0, 1));
    }
}

/// The stricter of the application's word and the mark decides of the pass too.
#[tokio::test]
async fn a_pass_seals_nothing_where_no_bare_row_is_taken() {
    let world = World::new().await;
    let data = memory();
    let rows = world.sealed(&data).await;
    insert(&rows, &account("ann")).await;
    plant_all(&data, &bare(&["mallory"]).await).await;
    let sealing = rows.seal_all(|_| {}).await.unwrap();
    assert_eq!((sealing.seen, sealing.sealed, sealing.left), (2, 0, 1));
    assert_eq!(sealing.since, None);
    is_refused(&rows, &account("mallory"), BARE).await;
    let failed = Outcome::Failed(ErrorKind::Corrupt, BARE);
    assert_eq!(world.told(), [("mallory".to_owned(), failed)]);
    // Once it is gone, the mark is made.
    let found = data.fetch(&place(&account("mallory"))).await.unwrap();
    let gone = Write::Delete {
        key: place(&account("mallory")),
        version: found.unwrap().version,
    };
    let _ = data.apply(vec![gone]).await.unwrap();
    assert_eq!(rows.seal_all(|_| {}).await.unwrap().since, Some(NOW));
}

/// Whenever others make the mark, what is planted after it is neither sealed nor taken.
#[tokio::test]
async fn at_no_moment_is_a_row_taken_that_came_after_the_mark() {
    let planted = bare(&["a", "b", "mallory"]).await;
    let mallory = account("mallory");
    for n in 0.. {
        let mut fired = false;
        for after in [false, true] {
            let world = World::new().await;
            let data = memory();
            plant_all(&data, &planted[..2]).await;
            let (rows, keys) = world.staged(&data).await;
            let act = world.seals_and_is_planted(&data, &planted[2]).await;
            keys.interrupt(
                n,
                if after {
                    Interrupt::RunAfter(act)
                } else {
                    Interrupt::Run(act)
                },
            );
            let _ = rows.seal_all(|_| {}).await.unwrap();
            if !keys.fired() {
                continue;
            }
            fired = true;
            for rows in [&rows, &world.both(&data).await] {
                is_refused(rows, &mallory, BARE).await;
                assert_eq!(rows.since().await.unwrap(), Some(NOW));
                for subject in ["a", "b"] {
                    assert!(rows.load(&account(subject)).await.unwrap().is_some());
                }
            }
        }
        if !fired {
            assert!(n > 3, "{n} calls to the key store");
            break;
        }
    }
    // The mark is asked for after the row was read.
    let world = World::new().await;
    let data = memory();
    plant_all(&data, &planted[..2]).await;
    let (rows, keys) = world.staged(&data).await;
    let act = world.seals_and_is_planted(&data, &planted[2]).await;
    keys.interrupt(0, Interrupt::RunAfter(act));
    assert!(rows.load(&mallory).await.unwrap().is_none());
    assert!(keys.fired());
    is_refused(&rows, &mallory, BARE).await;
}
