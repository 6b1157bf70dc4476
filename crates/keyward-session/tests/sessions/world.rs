//! Sessions on a store, a clock and a ring of a test's own.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyward_base::{
    Clock, Door, Evidence, ManualClock, Method, Purpose, Subject, Tenant, Timestamp, Trail,
};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, Keyring, Root};
use keyward_session::{Kind, Sessions, SessionsBuilder, Start, Started};
use keyward_store::{MemoryStore, Records};
use keyward_testkit::RecordingAudit;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
pub(crate) const USERS: Door = Door::new("users");
pub(crate) const ADMINS: Door = Door::new("admins");
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// What a log-in would give.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) tenant: Tenant,
    pub(crate) subject: Subject,
    pub(crate) method: Method,
    pub(crate) door: Door,
    pub(crate) at: Timestamp,
    pub(crate) factor_due: bool,
}

impl Evidence for Shown {
    fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    fn subject(&self) -> &Subject {
        &self.subject
    }

    fn method(&self) -> Method {
        self.method
    }

    fn door(&self) -> Door {
        self.door
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn is_factor_due(&self) -> bool {
        self.factor_due
    }
}

pub(crate) fn tenant(name: &str) -> Tenant {
    Tenant::new(name).unwrap()
}

pub(crate) fn subject(name: &str) -> Subject {
    Subject::new(name).unwrap()
}

pub(crate) fn evidence(of: &str, who: &str, door: Door, clock: &dyn Clock) -> Shown {
    Shown {
        tenant: tenant(of),
        subject: subject(who),
        method: Method::PASSWORD,
        door,
        at: clock.now().unwrap(),
        factor_due: false,
    }
}

pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) keys: Arc<dyn Records>,
    pub(crate) data: Arc<dyn Records>,
    pub(crate) root: Arc<dyn Root>,
    pub(crate) audit: RecordingAudit,
    pub(crate) ring: Keyring,
    pub(crate) sessions: Sessions,
    /// Of the other processes.
    rings: Mutex<Vec<Keyring>>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::on(Arc::new(MemoryStore::new(100_000))).await
    }

    pub(crate) async fn on(data: Arc<dyn Records>) -> Self {
        Self::over(Arc::new(MemoryStore::new(10_000)), data).await
    }

    pub(crate) async fn over(keys: Arc<dyn Records>, data: Arc<dyn Records>) -> Self {
        let clock = Arc::new(ManualClock::new(NOW));
        let root: Arc<dyn Root> = Arc::new(EphemeralRoot::new(&Provider::default()).unwrap());
        let builder = Keyring::builder(keys.clone(), root.clone()).clock(clock.clone());
        let ring = builder
            .create(&[Purpose::new("vault").unwrap()], &[])
            .await
            .unwrap();
        let audit = RecordingAudit::new();
        let sessions = builder_on(&ring, data.clone(), &audit);
        let sessions = sessions.install().await.unwrap().build().await.unwrap();
        Self {
            clock,
            keys,
            data,
            root,
            audit,
            ring,
            sessions,
            rings: Mutex::default(),
        }
    }

    /// The keyring of another process.
    pub(crate) async fn ring(&self) -> Keyring {
        let builder = Keyring::builder(self.keys.clone(), self.root.clone());
        let ring = builder.clock(self.clock.clone()).open().await.unwrap();
        self.rings.lock().unwrap().push(ring.clone());
        ring
    }

    /// The sessions of another process, on this store.
    pub(crate) async fn other(&self, data: Arc<dyn Records>) -> Sessions {
        let builder = builder_on(&self.ring().await, data, &self.audit);
        builder.build().await.unwrap()
    }

    pub(crate) fn shown(&self, of: &str, who: &str, door: Door) -> Shown {
        evidence(of, who, door, &*self.clock)
    }

    pub(crate) async fn user(&self, of: &str, who: &str) -> Started {
        let start = Start::new().remember(true).client("Firefox on Linux");
        let shown = self.shown(of, who, USERS);
        self.sessions.start(shown, start).await.unwrap()
    }

    pub(crate) async fn admin(&self, of: &str, who: &str) -> Started {
        let shown = self.shown(of, who, ADMINS);
        self.sessions.start(shown, Start::new()).await.unwrap()
    }

    /// Time goes by, in which the keyring is read anew as it is by a process that serves.
    pub(crate) async fn pass(&self, span: Duration) {
        self.clock.advance(span);
        self.refresh().await;
    }

    pub(crate) async fn refresh(&self) {
        let others = self.rings.lock().unwrap().clone();
        for ring in [&self.ring].into_iter().chain(&others) {
            ring.refresh().await.unwrap();
        }
    }

    /// A moment goes by, so that what follows is after what was.
    pub(crate) fn tick(&self) {
        self.clock.advance(Duration::from_millis(1));
    }
}

pub(crate) fn builder_on(
    ring: &Keyring,
    data: Arc<dyn Records>,
    audit: &RecordingAudit,
) -> SessionsBuilder {
    Sessions::builder(ring.clone(), data)
        .opens(USERS, Kind::User)
        .opens(ADMINS, Kind::Admin)
        .trail(Trail::new(Arc::new(audit.clone())))
}
