//! A store, a clock and a root that count, and that can be made to misbehave.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use keyward_base::key_tag::sealed_prefix;
use keyward_base::{
    Clock, Encoded, Error, KeyId, ManualClock, Purpose, Result, SecretArray, SecretBytes, Suite,
    Tenant, Timestamp,
};
use keyward_crypto::Provider;
use keyward_keys::{
    ColumnId, Coverage, EnvRoot, Keyring, KeyringBuilder, Root, RootVersion, Wrapped,
};
use keyward_store::{
    Applied, BoxFuture, Collection, Content, DamagedRow, Erased, Find, Found, MemoryStore, Outline,
    Page, Record, RecordKey, Records, Scan, StoreId, Words, Write,
};
use keyward_testkit::Staged;

pub(crate) const V1: &str = "v1:q83vEjRWeJCrze8SNFZ4kHfS4fkQpIR1cpE1WbGcYZ4=";
pub(crate) const V2: &str = "v2:Jb0nq2Ow9mJ3yqk0l0nJZ5m0oXv9zX4pT1cBv7sWkdI=";

pub(crate) fn root(text: &str) -> EnvRoot {
    EnvRoot::parse(&SecretBytes::copy_of(text.as_bytes()), &Provider::default()).unwrap()
}

/// What a value is bound to where that is not the question.
pub(crate) fn context() -> Encoded {
    keyward_base::Domain::new("test").encode(&()).unwrap()
}

pub(crate) fn purpose() -> Purpose {
    Purpose::new("vault").unwrap()
}

pub(crate) fn tenant(name: &str) -> Tenant {
    Tenant::new(name).unwrap()
}

pub(crate) fn ring_key() -> RecordKey {
    RecordKey {
        collection: Collection::named("keyring"),
        owner: String::new(),
        id: "ring".to_owned(),
    }
}

pub(crate) fn tenant_key(name: &str) -> RecordKey {
    RecordKey {
        collection: Collection::named("tenant-keys"),
        owner: name.to_owned(),
        id: "vault".to_owned(),
    }
}

pub(crate) fn coverage_key(page: usize) -> RecordKey {
    RecordKey {
        collection: Collection::named("coverage"),
        owner: String::new(),
        id: format!("{page:04x}"),
    }
}

/// A store in memory that counts, answers wrongly on demand, and remembers every ring.
#[derive(Debug)]
pub(crate) struct OddStore {
    /// What it holds, without any trick.
    pub(crate) inner: Arc<dyn Records>,
    /// What a test decides at each call.
    pub(crate) staged: Arc<Staged>,
    pub(crate) tenant_reads: AtomicUsize,
    pub(crate) ring_reads: AtomicUsize,
    pub(crate) scans: AtomicUsize,
    /// The next read of the ring gives the one before.
    pub(crate) stale: Mutex<usize>,
    pub(crate) rings: Mutex<Vec<Record>>,
    /// A copy of the store was put back: the ring is this one, under the version it had.
    pub(crate) put_back: Mutex<Option<Record>>,
    /// Writes of the ring over what was put back.
    pub(crate) forks: AtomicUsize,
}

impl OddStore {
    pub(crate) fn new() -> Arc<Self> {
        let inner: Arc<dyn Records> = Arc::new(MemoryStore::new(100_000));
        Arc::new(Self {
            staged: Staged::over(Arc::clone(&inner)),
            inner,
            tenant_reads: AtomicUsize::new(0),
            ring_reads: AtomicUsize::new(0),
            scans: AtomicUsize::new(0),
            stale: Mutex::new(0),
            rings: Mutex::default(),
            put_back: Mutex::default(),
            forks: AtomicUsize::new(0),
        })
    }

    /// Writes `data` where the ring lies, as whoever can write to the database.
    pub(crate) async fn put_ring(&self, data: Vec<u8>) {
        self.put(ring_key(), data).await;
    }

    pub(crate) async fn put(&self, key: RecordKey, data: Vec<u8>) {
        let content = Content {
            data,
            ..Content::default()
        };
        let write = match self.inner.fetch(&key).await.unwrap() {
            Some(found) => Write::Swap {
                key,
                version: found.version,
                content,
            },
            None => Write::Insert { key, content },
        };
        assert!(matches!(
            self.inner.apply(vec![write]).await.unwrap(),
            Applied::Done(_)
        ));
    }

    pub(crate) async fn remove(&self, key: RecordKey) {
        let version = self.inner.fetch(&key).await.unwrap().unwrap().version;
        let gone = self.inner.apply(vec![Write::Delete { key, version }]).await;
        assert!(matches!(gone.unwrap(), Applied::Done(_)));
    }

    pub(crate) async fn data(&self, key: &RecordKey) -> Vec<u8> {
        self.inner.fetch(key).await.unwrap().unwrap().content.data
    }

    pub(crate) async fn ring(&self) -> Vec<u8> {
        self.data(&ring_key()).await
    }
}

impl Records for OddStore {
    fn apply(&self, batch: Vec<Write>) -> BoxFuture<'_, Result<Applied>> {
        Box::pin(async move {
            let of_ring = |write: &Write| match write {
                Write::Swap { key, .. } => *key == ring_key(),
                _ => false,
            };
            if self.put_back.lock().unwrap().is_some() && batch.iter().any(of_ring) {
                self.forks.fetch_add(1, Ordering::SeqCst);
            }
            let before = self.inner.fetch(&ring_key()).await?;
            let answer = self.staged.apply(batch).await;
            let after = self.inner.fetch(&ring_key()).await?;
            if let Some(before) = before.filter(|b| after.as_ref() != Some(b)) {
                self.rings.lock().unwrap().push(before);
            }
            answer
        })
    }

    fn count<'a>(
        &'a self,
        collection: &'a Collection,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<u64>> {
        self.staged.count(collection, prefix)
    }

    fn delete_owner<'a>(
        &'a self,
        collection: &'a Collection,
        owner: &'a str,
    ) -> BoxFuture<'a, Result<u64>> {
        self.staged.delete_owner(collection, owner)
    }

    fn damaged(&self) -> BoxFuture<'_, Result<Vec<DamagedRow>>> {
        self.inner.damaged()
    }

    fn set_aside<'a>(&'a self, place: &'a str) -> BoxFuture<'a, Result<DamagedRow>> {
        self.inner.set_aside(place)
    }

    fn erase(&self) -> BoxFuture<'_, Result<Erased>> {
        self.inner.erase()
    }

    fn fetch<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move {
            match key.collection.as_str() {
                "tenant-keys" => {
                    self.tenant_reads.fetch_add(1, Ordering::SeqCst);
                }
                "keyring" => {
                    self.ring_reads.fetch_add(1, Ordering::SeqCst);
                    if let Some(old) = self.put_back.lock().unwrap().clone() {
                        return Ok(Some(old));
                    }
                    let mut stale = self.stale.lock().unwrap();
                    if *stale > 0 {
                        *stale -= 1;
                        if let Some(old) = self.rings.lock().unwrap().last() {
                            return Ok(Some(old.clone()));
                        }
                    }
                }
                _ => {}
            }
            self.staged.fetch(key).await
        })
    }

    fn fetch_many<'a>(
        &'a self,
        keys: &'a [RecordKey],
    ) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        Box::pin(async move {
            let mut found = self.staged.fetch_many(keys).await?;
            if let Some(old) = self.put_back.lock().unwrap().clone()
                && let Some(at) = keys.iter().position(|key| *key == ring_key())
            {
                found[at] = Some(old);
            }
            Ok(found)
        })
    }

    fn check_counts(&self) -> BoxFuture<'_, Result<()>> {
        self.staged.check_counts()
    }

    fn count_words<'a>(
        &'a self,
        collection: &'a Collection,
        owner: Option<&'a str>,
        words: &'a Words,
    ) -> BoxFuture<'a, Result<u64>> {
        self.staged.count_words(collection, owner, words)
    }

    fn find(&self, find: Find) -> BoxFuture<'_, Result<Page<Record, Found>>> {
        self.staged.find(find)
    }

    fn identity(&self) -> Result<StoreId> {
        self.staged.identity()
    }

    fn outline(&self, scan: Scan, front: usize) -> BoxFuture<'_, Result<Page<Outline>>> {
        self.staged.outline(scan, front)
    }

    fn purge<'a>(
        &'a self,
        collection: &'a Collection,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<u64>> {
        self.staged.purge(collection, now, limit)
    }

    fn scan(&self, scan: Scan) -> BoxFuture<'_, Result<Page<Record>>> {
        self.scans.fetch_add(1, Ordering::SeqCst);
        self.staged.scan(scan)
    }
}

/// A table of an application, or a collection of some store: what it holds is told by hand.
#[derive(Debug)]
pub(crate) struct Column {
    id: ColumnId,
    has_barrier: bool,
    /// The ids of the keys that its values name.
    pub(crate) keys: Mutex<Vec<KeyId>>,
    /// What its barrier was raised to.
    pub(crate) closed: AtomicU64,
    pub(crate) broken: AtomicBool,
}

impl Column {
    pub(crate) fn new(store: &str, purpose: &Purpose, has_barrier: bool) -> Arc<Self> {
        let store = StoreId::new(store).unwrap();
        Arc::new(Self {
            id: ColumnId::new(store, "server.password", purpose.clone()).unwrap(),
            has_barrier,
            keys: Mutex::default(),
            closed: AtomicU64::new(0),
            broken: AtomicBool::new(false),
        })
    }
}

impl Coverage for Column {
    fn id(&self) -> &ColumnId {
        &self.id
    }

    fn has_barrier(&self) -> bool {
        self.has_barrier
    }

    fn close(&self, promoted_epoch: u64) -> BoxFuture<'_, Result<()>> {
        self.closed.fetch_max(promoted_epoch, Ordering::SeqCst);
        Box::pin(std::future::ready(Ok(())))
    }

    fn count<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<u64>> {
        let keys = self.keys.lock().unwrap();
        let suites = [Suite::Chunked1, Suite::Chunked2];
        let begins = |id: &KeyId| suites.map(|suite| sealed_prefix(suite, *id));
        let is_named = |id: &&KeyId| begins(id).iter().any(|text| text.starts_with(prefix));
        let found = keys.iter().filter(is_named).count();
        let broken = self.broken.load(Ordering::SeqCst);
        Box::pin(std::future::ready(if broken {
            Err(Error::unavailable("the database is away"))
        } else {
            Ok(found as u64)
        }))
    }
}

/// A root that counts.
#[derive(Debug)]
pub(crate) struct CountedRoot {
    inner: EnvRoot,
    pub(crate) calls: AtomicUsize,
}

impl CountedRoot {
    pub(crate) fn new() -> Arc<Self> {
        Self::of(V1)
    }

    pub(crate) fn of(text: &str) -> Arc<Self> {
        Arc::new(Self {
            inner: root(text),
            calls: AtomicUsize::new(0),
        })
    }
}

impl Root for CountedRoot {
    fn version(&self) -> RootVersion {
        self.inner.version()
    }

    fn wrap<'a>(
        &'a self,
        context: &'a Encoded,
        key: &'a SecretArray<32>,
    ) -> BoxFuture<'a, Result<Wrapped>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.inner.wrap(context, key)
    }

    fn unwrap<'a>(
        &'a self,
        context: &'a Encoded,
        wrapped: &'a Wrapped,
    ) -> BoxFuture<'a, Result<SecretArray<32>>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.inner.unwrap(context, wrapped)
    }
}

pub(crate) struct World {
    pub(crate) store: Arc<OddStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) root: Arc<CountedRoot>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            store: OddStore::new(),
            clock: Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000))),
            root: CountedRoot::new(),
        }
    }

    pub(crate) fn builder(&self) -> KeyringBuilder {
        let clock: Arc<dyn Clock> = self.clock.clone();
        Keyring::builder(self.store.clone(), self.root.clone()).clock(clock)
    }

    /// Another process, that counts nothing.
    pub(crate) async fn open(&self) -> Keyring {
        self.builder().open().await.unwrap()
    }

    pub(crate) async fn create(&self) -> Keyring {
        self.builder().create(&[purpose()], &[]).await.unwrap()
    }
}
