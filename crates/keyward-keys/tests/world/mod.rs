//! A ring's surroundings: a store that counts and misbehaves on demand, a root that counts, a
//! clock that is set by hand.
#![allow(dead_code)] // Each test file uses its part.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use keyward_base::{
    Clock, Error, ManualClock, Purpose, Result, SecretArray, SecretBytes, Tenant, Timestamp,
};
use keyward_crypto::Provider;
use keyward_keys::{EnvRoot, Keyring, KeyringBuilder, Root, RootVersion, Wrapped};
use keyward_store::{
    Applied, BoxFuture, Collection, Content, Find, Found, MemoryStore, Outline, Page, Record,
    RecordKey, Records, Scan, StoreId, Words, Write,
};

pub(crate) const V1: &str = "v1:q83vEjRWeJCrze8SNFZ4kHfS4fkQpIR1cpE1WbGcYZ4=";
pub(crate) const V2: &str = "v2:Zm3q0sVdA1j8yT7hBkN4wPuRxEo5gLcI9aMzvQ2eXyg=";

/// What the store does to the next calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trick {
    /// Writes, and says that it did not know how it went.
    AppliesAndFails,
    /// Does not write, and says so.
    Fails,
    /// Does not write, and says that somebody was faster.
    LosesRace,
}

#[derive(Debug)]
pub(crate) struct Store {
    inner: MemoryStore,
    pub(crate) reads: AtomicU64,
    pub(crate) tenant_reads: AtomicU64,
    pub(crate) tricks: Mutex<Vec<Trick>>,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self {
            inner: MemoryStore::new(100_000),
            reads: AtomicU64::new(0),
            tenant_reads: AtomicU64::new(0),
            tricks: Mutex::new(Vec::new()),
        }
    }
}

impl Records for Store {
    fn apply(&self, batch: Vec<Write>) -> BoxFuture<'_, Result<Applied>> {
        let trick = self.tricks.lock().unwrap().pop();
        Box::pin(async move {
            let lost = || Error::unavailable("the store did not answer");
            match trick {
                None => self.inner.apply(batch).await,
                Some(Trick::AppliesAndFails) => {
                    let _lost: Applied = self.inner.apply(batch).await?;
                    Err(lost())
                }
                Some(Trick::Fails) => Err(lost()),
                Some(Trick::LosesRace) => Ok(Applied::Conflict { index: 0 }),
            }
        })
    }

    fn count<'a>(&'a self, c: &'a Collection, prefix: &'a str) -> BoxFuture<'a, Result<u64>> {
        self.inner.count(c, prefix)
    }

    fn delete_owner<'a>(&'a self, c: &'a Collection, owner: &'a str) -> BoxFuture<'a, Result<u64>> {
        self.inner.delete_owner(c, owner)
    }

    fn fetch<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<Option<Record>>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        if key.collection.as_str() == "tenant-keys" {
            self.tenant_reads.fetch_add(1, Ordering::SeqCst);
        }
        Box::pin(async move {
            // Lets every other task run first, so that concurrent callers really overlap.
            tokio::task::yield_now().await;
            self.inner.fetch(key).await
        })
    }

    fn fetch_many<'a>(
        &'a self,
        keys: &'a [RecordKey],
    ) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        self.inner.fetch_many(keys)
    }

    fn count_words<'a>(
        &'a self,
        collection: &'a Collection,
        owner: Option<&'a str>,
        words: &'a Words,
    ) -> BoxFuture<'a, Result<u64>> {
        self.inner.count_words(collection, owner, words)
    }

    fn find(&self, find: Find) -> BoxFuture<'_, Result<Page<Record, Found>>> {
        self.inner.find(find)
    }

    fn identity(&self) -> Result<StoreId> {
        self.inner.identity()
    }

    fn outline(&self, scan: Scan, front: usize) -> BoxFuture<'_, Result<Page<Outline>>> {
        self.inner.outline(scan, front)
    }

    fn purge<'a>(
        &'a self,
        c: &'a Collection,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<u64>> {
        self.inner.purge(c, now, limit)
    }

    fn scan(&self, scan: Scan) -> BoxFuture<'_, Result<Page<Record>>> {
        self.inner.scan(scan)
    }
}

#[derive(Debug)]
pub(crate) struct CountingRoot {
    inner: EnvRoot,
    pub(crate) calls: AtomicU64,
}

impl Root for CountingRoot {
    fn version(&self) -> RootVersion {
        self.inner.version()
    }

    fn wrap<'a>(
        &'a self,
        context: &'a [u8],
        key: &'a SecretArray<32>,
    ) -> BoxFuture<'a, Result<Wrapped>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.inner.wrap(context, key)
    }

    fn unwrap<'a>(
        &'a self,
        context: &'a [u8],
        wrapped: &'a Wrapped,
    ) -> BoxFuture<'a, Result<SecretArray<32>>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.inner.unwrap(context, wrapped)
    }
}

pub(crate) struct World {
    pub(crate) store: Arc<Store>,
    pub(crate) root: Arc<CountingRoot>,
    pub(crate) clock: Arc<ManualClock>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            store: Arc::new(Store::new()),
            root: root(V1),
            clock: Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000))),
        }
    }

    pub(crate) fn builder(&self) -> KeyringBuilder {
        let store: Arc<dyn Records> = self.store.clone();
        let clock: Arc<dyn Clock> = self.clock.clone();
        Keyring::builder(store, self.root.clone()).clock(clock)
    }

    pub(crate) async fn ring_record(&self) -> Record {
        self.store.fetch(&ring_key()).await.unwrap().unwrap()
    }

    /// Writes `data` over the ring record, as whoever has the store can.
    pub(crate) async fn put_back(&self, data: Vec<u8>) {
        let here = self.ring_record().await;
        let swap = Write::Swap {
            key: ring_key(),
            version: here.version,
            content: Content {
                data,
                ..Content::default()
            },
        };
        assert!(matches!(
            self.store.apply(vec![swap]).await.unwrap(),
            Applied::Done(_)
        ));
    }
}

pub(crate) fn root(text: &str) -> Arc<CountingRoot> {
    let text = SecretBytes::copy_of(text.as_bytes());
    let inner = EnvRoot::parse(&text, &Provider::default()).unwrap();
    Arc::new(CountingRoot {
        inner,
        calls: AtomicU64::new(0),
    })
}

pub(crate) fn ring_key() -> RecordKey {
    RecordKey {
        collection: Collection::named("keyring"),
        owner: String::new(),
        id: "ring".to_owned(),
    }
}

pub(crate) fn purpose() -> Purpose {
    Purpose::new("vault").unwrap()
}

pub(crate) fn acme() -> Tenant {
    Tenant::new("acme").unwrap()
}
