//! A keyring, a store on SQLite, and logs in it.

use std::sync::Arc;

use keyward_audit::{Audit, AuditBuilder, Of};
use keyward_base::audit::{Detail, Outcome, Value};
use keyward_base::{Event, ManualClock, Purpose, Result, Tenant, Timestamp};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, FileAnchor, Keyring};
use keyward_sqlite::SqliteStore;
use keyward_store::{MemoryStore, Stores};
use rusqlite::Connection;
use tempfile::TempDir;

pub(crate) const NOON: u64 = 1_764_158_400_000;

pub(crate) struct World {
    anchored: bool,
    pub(crate) folder: TempDir,
    keys: Arc<MemoryStore>,
    root: Arc<EphemeralRoot>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) keyring: Keyring,
    pub(crate) audit: Audit,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(false).await
    }

    /// One whose logs have an anchor outside the database.
    pub(crate) async fn anchored() -> Self {
        Self::with(true).await
    }

    async fn with(anchored: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(NOON)));
        let root = Arc::new(EphemeralRoot::new(&Provider::default()).unwrap());
        let keys = Arc::new(MemoryStore::new(10_000));
        let keyring = Keyring::builder(keys.clone(), root.clone())
            .clock(clock.clone())
            .create(&[Purpose::new("vault").unwrap()], &[])
            .await
            .unwrap();
        let builder = builder(&keyring, &folder, anchored);
        let audit = builder.install().await.unwrap().build().await.unwrap();
        Self {
            anchored,
            folder,
            keys,
            root,
            clock,
            keyring,
            audit,
        }
    }

    /// The logs as another process has them, which knows the ring as it is now.
    pub(crate) async fn elsewhere(&self) -> Audit {
        let keyring = Keyring::builder(self.keys.clone(), self.root.clone());
        let keyring = keyring.clock(self.clock.clone()).open().await.unwrap();
        let builder = builder(&keyring, &self.folder, self.anchored);
        builder.build().await.unwrap()
    }

    /// The logs as another process has them.
    pub(crate) async fn again(&self) -> Audit {
        let builder = builder(&self.keyring, &self.folder, self.anchored);
        builder.build().await.unwrap()
    }

    /// Does to the store what who writes to it can.
    pub(crate) fn edit(&self, sql: &str) -> usize {
        let conn = Connection::open(self.folder.path().join("data.db")).unwrap();
        conn.execute(sql, []).unwrap()
    }

    pub(crate) async fn verify(&self, of: &Of) -> Result<u64> {
        let audit = self.again().await;
        let verified = audit.verify(of, |_| ()).await?;
        Ok(verified.map_or(0, |verified| verified.head.size()))
    }
}

fn builder(keyring: &Keyring, folder: &TempDir, anchored: bool) -> AuditBuilder {
    let builder = Audit::builder(keyring.clone(), store(folder));
    if anchored {
        let anchor = folder.path().join("anchor");
        return builder.anchor(Arc::new(FileAnchor::new(anchor)));
    }
    builder
}

pub(crate) fn store(folder: &TempDir) -> Arc<dyn Stores> {
    Arc::new(SqliteStore::open(folder.path().join("data.db")).unwrap())
}

pub(crate) fn acme() -> Of {
    Of::Tenant(Tenant::new("acme").unwrap())
}

/// Number `n` of what `of` did.
pub(crate) fn event(of: &Of, n: u64) -> Event {
    let at = Timestamp::from_millis(NOON + n);
    let mut event = Event::new(at, "app.act", Outcome::Done);
    if let Of::Tenant(tenant) = of {
        event.tenant = Some(tenant.clone());
    }
    event.detail = Detail::none().with("n", Value::Number(n));
    event
}
