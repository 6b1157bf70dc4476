//! The vault: sealing everything anew beside the bare work it consists of, listing, and the way to
//! a tenant's key.
//!
//! *Bare* reads, opens, seals and writes the same number of rows of the same schema, pages and
//! durability, with two keys of each tenant at hand and nothing checked.
// Benches: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    missing_docs
)]

use std::future::Future;
use std::hint::black_box;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use keyward_base::audit::{Intent, Sink};
use keyward_base::future::BoxFuture;
use keyward_base::{
    Domain, Encoded, Event, Hint, KeyId, Purpose, Result, Role, SecretBytes, Suite, Tenant,
};
use keyward_benches::{Bar, Once, compare, compare_long, finish, is_wanted, timed, waited};
use keyward_crypto::sealed::{self, Header, Parsed};
use keyward_crypto::{BodyKey, Provider};
use keyward_keys::{FileRoot, Keyring, Promotion};
use keyward_sqlite::SqliteStore;
use keyward_store::conformance::block_on;
use keyward_store::{
    Appended, Applied, Collection, Content, Erased, Log as _, MemoryStore, RecordKey, Records,
    Scan, Write,
};
use keyward_vault::{Expect, Kind, Rewrap, Slot, Vault};
use rusqlite::{Connection, params};

const TENANTS: usize = 100;
const PAGE: usize = 512;

/// Bytes of the metadata of a token, so that the bare rows are as long as ours: checked where ours
/// are copied.
const METADATA: usize = 164;

/// The rows of a large store.
fn all_rows() -> usize {
    keyward_benches::rows(100_000)
}

fn tenant(at: usize) -> String {
    format!("tenant-{:03}", at % TENANTS)
}

fn token(at: usize) -> SecretBytes {
    SecretBytes::copy_of(format!("ghp_{at:036}").as_bytes())
}

fn done(store: &SqliteStore, batch: Vec<Write>) {
    let applied = block_on(store.apply(batch)).unwrap();
    assert!(matches!(applied, Applied::Done(_)));
}

/// A new keyring, opened twice: columns that the first one covers are not counted by the second.
fn keyrings(folder: &Path) -> (Keyring, Keyring) {
    let keys = Arc::new(SqliteStore::open(folder.join("keys.db")).unwrap());
    let root = Arc::new(FileRoot::create(&folder.join("root"), &Provider::default()).unwrap());
    let purpose = Purpose::new("vault").unwrap();
    let builder = || Keyring::builder(keys.clone(), root.clone());
    let first = block_on(builder().create(&[purpose], &[])).unwrap();
    (first, block_on(builder().open()).unwrap())
}

/// A vault of `rows` tokens in a file: put in memory, then copied page by page.
fn vault(folder: &Path, rows: usize, tenant: impl Fn(usize) -> String) -> Vault {
    let (first, ring) = keyrings(folder);
    let memory: Arc<dyn Records> = Arc::new(MemoryStore::new(rows + 10));
    let filling = block_on(Vault::builder(first, Arc::clone(&memory)).build()).unwrap();
    let none = Role::none();
    for at in 0..rows {
        let slot = Slot::new(&tenant(at), "account.token", &format!("{at:08}")).unwrap();
        let credential = filling.credential(Kind::ApiKey, token(at)).unwrap();
        let put = filling.put(&slot, &credential, &none, Expect::Absent);
        block_on(put).unwrap();
    }
    let store = Arc::new(SqliteStore::open(folder.join("data.db")).unwrap());
    let mut pages = Scan::of(Collection::named("vault"))
        .limit(4000)
        .pages(memory.as_ref());
    while let Some(page) = block_on(pages.next()).unwrap() {
        let insert = |record: keyward_store::Record| Write::Insert {
            key: record.key,
            content: Content {
                sealed: record.content.sealed,
                data: record.content.data,
                ..Content::default()
            },
        };
        // A random number of 48 bits is a digit or two shorter now and then.
        let longest = page.iter().map(|record| record.data.len()).max();
        assert_eq!(longest, Some(METADATA));
        done(&store, page.into_iter().map(insert).collect());
    }
    assert_eq!(block_on(store.erase()).unwrap(), Erased::Done);
    block_on(ring.refresh()).unwrap();
    block_on(Vault::builder(ring, store).build()).unwrap()
}

/// One key for each tenant, as ours has, and the id it goes by: the index over keys is written in
/// the same places. Of the suite that new keys of ours are of, so that both hash alike.
struct Raw(Vec<(BodyKey, KeyId)>);

impl Raw {
    fn new() -> Self {
        let provider = Provider::default();
        let key = |_| {
            let mut id = [0; 8];
            provider.fill(&mut id).unwrap();
            let body =
                BodyKey::new(&provider, Suite::Chunked2, &provider.random().unwrap()).unwrap();
            (body, KeyId::from_bytes(id))
        };
        Self((0..TENANTS).map(key).collect())
    }

    fn of(&self, owner: &str) -> &(BodyKey, KeyId) {
        let number: usize = owner.strip_prefix("tenant-").unwrap().parse().unwrap();
        &self.0[number]
    }

    fn seal(&self, owner: &str, id: &str, hint: Hint, plaintext: &[u8]) -> String {
        let header = Header {
            suite: Suite::Chunked2,
            key: self.of(owner).1,
            hint,
        };
        sealed::seal(
            &self.of(owner).0,
            &header,
            |header| bound(header, owner, id),
            plaintext,
        )
        .unwrap()
    }
}

/// A context as long as the vault's.
fn bound(header: &[u8], owner: &str, id: &str) -> Result<Encoded> {
    type Fields = (
        &'static [u8],
        &'static str,
        &'static str,
        &'static str,
        &'static str,
        &'static str,
        &'static [u8; 40],
    );
    const RECORD: Domain<Fields> = Domain::new("kw1/record");
    RECORD.encode(&(header, "vault", owner, "", id, "api-key", &[7; 40]))
}

/// Rows of the same size in a file of the same schema.
fn raw_rows(folder: &Path, key: &Raw) -> Connection {
    let path = folder.join("raw.db");
    let store = SqliteStore::open(&path).unwrap();
    // In the order of owner and id, as our own file is filled: the rows lie alike on their pages.
    let mut rows: Vec<usize> = (0..all_rows()).collect();
    rows.sort_by_key(|at| (at % TENANTS, *at));
    for page in rows.chunks(4000) {
        let insert = |at: &usize| {
            let (owner, id) = (tenant(*at), format!("account.token/{at:08}"));
            let secret = token(*at);
            let sealed = key.seal(&owner, &id, Hint::of(secret.expose()), secret.expose());
            let collection = Collection::named("vault");
            Write::Insert {
                key: RecordKey {
                    collection,
                    owner,
                    id,
                },
                content: Content {
                    sealed,
                    data: vec![7; METADATA],
                    ..Content::default()
                },
            }
        };
        done(&store, page.iter().map(insert).collect());
    }
    assert_eq!(block_on(store.erase()).unwrap(), Erased::Done);
    drop(store);
    let conn = Connection::open(path).unwrap();
    conn.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY;",
    )
    .unwrap();
    conn
}

fn raw_rewrap(conn: &mut Connection, old: &Raw, new: &Raw) {
    let walk = "SELECT owner, id, version, sealed, data FROM record
                WHERE collection = 'vault' AND (owner, id) > (?1, ?2) ORDER BY owner, id LIMIT ?3";
    let swap = "UPDATE record SET version = ?4, sealed = ?5, data = ?6
                WHERE collection = 'vault' AND owner = ?1 AND id = ?2 AND version = ?3";
    type Row = (String, String, i64, String, Vec<u8>);
    let (mut owner, mut id, mut count) = (String::new(), String::new(), 0);
    loop {
        let page: Vec<Row> = conn
            .prepare_cached(walk)
            .unwrap()
            .query_map(params![owner, id, i64::try_from(PAGE).unwrap()], |row| {
                Ok((
                    row.get(0)?,
                    row.get(1)?,
                    row.get(2)?,
                    row.get(3)?,
                    row.get(4)?,
                ))
            })
            .unwrap()
            .map(Result::unwrap)
            .collect();
        let Some(last) = page.last() else { break };
        (owner, id) = (last.0.clone(), last.1.clone());
        count += page.len();
        let transaction = conn.transaction().unwrap();
        for (owner, id, version, text, data) in &page {
            let parsed = Parsed::parse(text).unwrap();
            let hint = parsed.header().hint.clone();
            let plaintext = parsed
                .open(&old.of(owner).0, |header| bound(header, owner, id))
                .unwrap();
            let sealed = new.seal(owner, id, hint, plaintext.expose());
            let mut swap = transaction.prepare_cached(swap).unwrap();
            let changed = swap.execute(params![owner, id, version, version + 1, sealed, data]);
            assert_eq!(changed.unwrap(), 1);
        }
        transaction.commit().unwrap();
    }
    assert_eq!(count, all_rows());
}

fn rewrap() {
    let title = "seal 100,000 rows of 100 tenants anew, 512 a transaction";
    if !is_wanted(title) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (mut old, mut new) = (Raw::new(), Raw::new());
    let mut conn = raw_rows(folder.path(), &old);
    let vault = vault(folder.path(), all_rows(), tenant);
    let rotate = |at: usize| {
        if at == 1 {
            let admin = vault.keyring().admin();
            block_on(admin.rotate(vault.purpose())).unwrap();
            let promoted = block_on(admin.promote_ready()).unwrap();
            assert!(matches!(promoted, Promotion::Promoted(_)));
        }
    };
    compare_long(
        title,
        11,
        rotate,
        &mut [
            (
                "bare",
                Box::new(|| {
                    raw_rewrap(&mut conn, &old, &new);
                    std::mem::swap(&mut old, &mut new);
                }),
            ),
            (
                "keyward",
                Box::new(|| {
                    let report = block_on(Rewrap::new(&vault).batch(PAGE).run()).unwrap();
                    assert_eq!((report.moved, report.left), (all_rows() as u64, 0));
                }),
            ),
        ],
    );
}

/// All credentials of a tenant, page by page.
fn list(vault: &Vault, acme: &Tenant, verified: bool) -> usize {
    let (mut after, mut count) = (None, 0);
    loop {
        let page = if verified {
            block_on(vault.list_verified(acme, after.as_deref(), 1000))
        } else {
            block_on(vault.list(acme, after.as_deref(), 1000))
        };
        let page = page.unwrap();
        count += page.items.len();
        after = page.next;
        if after.is_none() {
            return count;
        }
    }
}

fn listing() {
    let title = "list one tenant's credentials, pages of 1,000";
    if !is_wanted(title) {
        return;
    }
    let acme = Tenant::new("acme").unwrap();
    let sizes = [1_000, 10_000, 50_000].map(keyward_benches::rows);
    let folders = sizes.map(|_| tempfile::tempdir().unwrap());
    let vaults: Vec<Vault> = sizes
        .iter()
        .zip(&folders)
        .map(|(rows, folder)| vault(folder.path(), *rows, |_| "acme".to_owned()))
        .collect();
    let all = |at: usize, verified| -> Once<'_> {
        let (vault, acme, rows) = (&vaults[at], &acme, sizes[at]);
        Box::new(move || assert_eq!(list(vault, acme, verified), rows))
    };
    compare_long(
        title,
        21,
        |_| (),
        &mut [
            ("list, 1,000", all(0, false)),
            ("list, 10,000", all(1, false)),
            ("list, 50,000", all(2, false)),
            ("list_verified, 1,000", all(0, true)),
            ("list_verified, 10,000", all(1, true)),
            ("list_verified, 50,000", all(2, true)),
        ],
    );
}

/// Keeps each event durably, as an entry of a log in a SQLite file of its own.
#[derive(Debug)]
struct Durable {
    store: SqliteStore,
    log: RecordKey,
    head: AtomicU64,
}

impl Durable {
    fn new(path: &Path) -> Self {
        Self {
            store: SqliteStore::open(path).unwrap(),
            log: RecordKey {
                collection: Collection::named("trail"),
                owner: "service".to_owned(),
                id: "1".to_owned(),
            },
            head: AtomicU64::new(0),
        }
    }
}

impl Sink for Durable {
    fn record<'a>(&'a self, event: &'a Event) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let line = format!("{event:?}").into_bytes();
            let head = self.head.fetch_add(1, Ordering::Relaxed);
            let done = self.store.append(&self.log, head, vec![line]).await?;
            assert!(matches!(done, Appended::Done { .. }));
            Ok(())
        })
    }

    fn open_intents(&self) -> BoxFuture<'_, Result<Vec<Intent>>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

/// What costs a task that is running anyway: one poll.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("it was not at hand"),
    }
}

fn single() {
    let title = "one credential";
    if !is_wanted(title) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(folder.path(), 1000, tenant);
    let (ring, purpose) = (vault.keyring(), vault.purpose());
    let acme = Tenant::new(&tenant(0)).unwrap();
    let key = block_on(ring.sealing_key(purpose, &acme, 0)).unwrap().id();
    let slot = Slot::new(acme.as_str(), "account.token", "00000000").unwrap();
    let none = Role::none();
    compare(
        title,
        &mut [
            (
                "open, no event kept",
                timed(|n| {
                    (0..n).for_each(|_| drop(now(vault.open(black_box(&slot), &none)).unwrap()))
                }),
            ),
            (
                "a tenant's key to seal with, at hand",
                timed(|n| {
                    (0..n).for_each(|_| {
                        drop(now(ring.sealing_key(purpose, black_box(&acme), 0)).unwrap())
                    })
                }),
            ),
            (
                "a tenant's key to open with, at hand",
                timed(|n| {
                    (0..n).for_each(|_| {
                        drop(now(ring.opening_key(purpose, black_box(&acme), key)).unwrap())
                    })
                }),
            ),
        ],
    );
    events(folder.path(), &vault, &slot);
}

/// What events cost: openings and puts whose events go nowhere, and ones whose required events are
/// durable before they go on.
fn events(folder: &Path, vault: &Vault, slot: &Slot) {
    let store = Arc::clone(vault.store());
    let trail = Arc::new(Durable::new(&folder.join("trail.db")));
    let told = Vault::builder(vault.keyring().clone(), store).audit(trail);
    let told = block_on(told.build()).unwrap();
    let none = Role::none();
    let credential = vault.credential(Kind::ApiKey, token(0)).unwrap();
    let open = |vault: &Vault| drop(block_on(vault.open(slot, &none)).unwrap());
    let put = |vault: &Vault| {
        let put = vault.put(slot, &credential, &none, Expect::Any);
        drop(block_on(put).unwrap());
    };
    compare(
        "open a credential",
        &mut [
            (
                "no event kept",
                waited(|n| (0..n).for_each(|_| open(vault))),
            ),
            (
                "its event durable before",
                waited(|n| (0..n).for_each(|_| open(&told))),
            ),
        ],
    );
    compare(
        "put a credential",
        &mut [
            ("no event kept", waited(|n| (0..n).for_each(|_| put(vault)))),
            (
                "intent durable before, outcome after",
                waited(|n| (0..n).for_each(|_| put(&told))),
            ),
        ],
    );
}

const BARS: &[Bar] = &[(
    "seal 100,000 rows of 100 tenants anew, 512 a transaction",
    "keyward",
    1.2,
)];

fn main() {
    single();
    listing();
    rewrap();
    finish("vault", BARS);
}
