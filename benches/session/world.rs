//! Sessions of many people, in memory and on SQLite.

use std::path::Path;
use std::sync::Arc;

use keyward_base::{
    Clock as _, Door, Evidence, Method, Purpose, Subject, SystemClock, Tenant, Timestamp,
};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, Keyring};
use keyward_session::{Kind, Sessions, Start};
use keyward_sqlite::SqliteStore;
use keyward_store::conformance::block_on;
use keyward_store::{Applied, Collection, Erased, MemoryStore, Record, Records, Scan, Write};

pub(crate) const USERS: Door = Door::new("users");

/// What a log-in would give.
#[derive(Debug)]
struct Shown {
    tenant: Tenant,
    subject: Subject,
    at: Timestamp,
}

impl Evidence for Shown {
    fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    fn subject(&self) -> &Subject {
        &self.subject
    }

    fn method(&self) -> Method {
        Method::PASSWORD
    }

    fn door(&self) -> Door {
        USERS
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn is_factor_due(&self) -> bool {
        false
    }
}

pub(crate) fn ring() -> Keyring {
    let root = Arc::new(EphemeralRoot::new(&Provider::default()).unwrap());
    let builder = Keyring::builder(Arc::new(MemoryStore::new(10_000)), root);
    block_on(builder.create(&[Purpose::new("vault").unwrap()], &[])).unwrap()
}

pub(crate) fn sessions(ring: &Keyring, store: Arc<dyn Records>) -> Sessions {
    let builder = Sessions::builder(ring.clone(), store).opens(USERS, Kind::User);
    block_on(async { builder.install().await.unwrap().build().await }).unwrap()
}

/// Tenant and subject of the person of that number: a hundred to a tenant.
pub(crate) fn person(n: usize) -> (Tenant, Subject) {
    let tenant = Tenant::new(&format!("tenant-{:04}", n / 100)).unwrap();
    (tenant, Subject::new(&format!("user-{n:08}")).unwrap())
}

/// Logs a person in, and gives the token.
pub(crate) fn start(sessions: &Sessions, (tenant, subject): (Tenant, Subject)) -> String {
    let at = SystemClock::new().now().unwrap();
    let shown = Shown {
        tenant,
        subject,
        at,
    };
    let start = Start::new().remember(true).client("Firefox on Linux");
    let started = block_on(sessions.start(shown, start)).unwrap();
    started.token().expose().to_owned()
}

/// The same token with another secret.
pub(crate) fn made_up(token: &str) -> String {
    let mut text = token.to_owned().into_bytes();
    text[50] = if text[50] == b'A' { b'B' } else { b'A' };
    String::from_utf8(text).unwrap()
}

/// All records of sessions.
pub(crate) fn records(from: &dyn Records) -> Vec<Record> {
    records_of(from, &SESSIONS)
}

const SESSIONS: [&str; 2] = ["session", "session-epoch"];

pub(crate) fn records_of(from: &dyn Records, collections: &[&'static str]) -> Vec<Record> {
    let mut found = Vec::new();
    for collection in collections {
        let mut after = None;
        loop {
            let scan = Scan::of(Collection::named(collection)).after(after);
            let page = block_on(from.scan(scan)).unwrap();
            found.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    found
}

pub(crate) fn insert(records: Vec<Record>, to: &dyn Records) {
    let mut records = records.into_iter().peekable();
    while records.peek().is_some() {
        let batch = records.by_ref().take(4_000);
        let batch = batch.map(|record| Write::Insert {
            key: record.key,
            content: record.content,
        });
        let applied = block_on(to.apply(batch.collect())).unwrap();
        assert!(matches!(applied, Applied::Done(_)));
    }
}

/// The same sessions on SQLite.
pub(crate) fn copied(folder: &Path, from: &dyn Records) -> Arc<SqliteStore> {
    copied_of(folder, from, &SESSIONS)
}

pub(crate) fn copied_of(
    folder: &Path,
    from: &dyn Records,
    collections: &[&'static str],
) -> Arc<SqliteStore> {
    let store = SqliteStore::open(folder.join("sessions.db")).unwrap();
    insert(records_of(from, collections), &store);
    // Nothing is left in the journal, and the rows lie as they would in an old file.
    assert_eq!(block_on(store.erase()).unwrap(), Erased::Done);
    Arc::new(store)
}

/// Bytes of memory of this process.
pub(crate) fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let resident = pages.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    resident.map_or(0, |pages: usize| pages * 4096)
}

/// What a session takes, of so many: a row of its own, and of its user's one more.
pub(crate) fn tell_sizes(memory: &dyn Records, resident: usize, file: &Path, count: usize) {
    let found = records(memory);
    let of = |collection: &str| {
        let of = |record: &&Record| record.key.collection.as_str() == collection;
        let lengths = found
            .iter()
            .filter(of)
            .map(|record| record.content.data.len());
        (lengths.clone().count(), lengths.sum::<usize>())
    };
    let ((rows, row_bytes), (epochs, epoch_bytes)) = (of("session"), of("session-epoch"));
    assert_eq!(rows, count);
    let file = std::fs::metadata(file).unwrap().len();
    println!("\n{count} sessions of as many users, {epochs} epochs");
    println!(
        "  a row has {} bytes, an epoch {}",
        row_bytes / rows,
        epoch_bytes / epochs
    );
    println!(
        "  in memory {} bytes a session, all of the process",
        resident / count
    );
    println!(
        "  on SQLite {} bytes a session, all of the file",
        file / count as u64
    );
}
