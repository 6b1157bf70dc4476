//! API keys, and people who make them, on a store, a clock and a ring of a test's own.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyward_base::{
    Clock as _, Door, Evidence, ManualClock, Method, Purpose, Reason, Subject, Tenant, Timestamp,
    Trail,
};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, Keyring, Root};
use keyward_session::api_key::{ApiKeys, ApiKeysBuilder, IssuedKey, NewKey, Scope, Scopes};
use keyward_session::danger::Operator;
use keyward_session::{Fresh, Kind, LiveSession, Sessions, Start, User};
use keyward_store::{MemoryStore, Records};
use keyward_testkit::RecordingAudit;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const READ: Scope = Scope::named("servers:read");
pub(crate) const WRITE: Scope = Scope::named("servers:write");
const USERS: Door = Door::new("users");

/// A person who has just shown who he is.
pub(crate) type Person = Fresh<LiveSession<User>, 15>;

#[derive(Debug)]
struct Shown(Tenant, Subject, Timestamp);

impl Evidence for Shown {
    fn tenant(&self) -> &Tenant {
        &self.0
    }

    fn subject(&self) -> &Subject {
        &self.1
    }

    fn method(&self) -> Method {
        Method::PASSWORD
    }

    fn door(&self) -> Door {
        USERS
    }

    fn at(&self) -> Timestamp {
        self.2
    }

    fn is_factor_due(&self) -> bool {
        false
    }
}

pub(crate) fn tenant(name: &str) -> Tenant {
    Tenant::new(name).unwrap()
}

pub(crate) fn subject(name: &str) -> Subject {
    Subject::new(name).unwrap()
}

pub(crate) fn scopes(text: &str) -> Scopes {
    Scopes::parse(text).unwrap()
}

pub(crate) fn address(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

/// What a maker of everything may do.
pub(crate) fn all() -> Scopes {
    Scopes::new([READ, WRITE]).unwrap()
}

pub(crate) fn new(name: &str) -> NewKey {
    NewKey::new(name).unwrap().scopes(all())
}

pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    stored_keys: Arc<dyn Records>,
    pub(crate) data: Arc<dyn Records>,
    root: Arc<dyn Root>,
    pub(crate) audit: RecordingAudit,
    pub(crate) ring: Keyring,
    sessions: Sessions,
    pub(crate) keys: ApiKeys,
    /// Of the other processes.
    rings: Mutex<Vec<Keyring>>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::on(Arc::new(MemoryStore::new(100_000))).await
    }

    pub(crate) async fn on(data: Arc<dyn Records>) -> Self {
        Self::with(data, |builder| builder).await
    }

    pub(crate) async fn with(
        data: Arc<dyn Records>,
        made: impl FnOnce(ApiKeysBuilder) -> ApiKeysBuilder,
    ) -> Self {
        let stored_keys: Arc<dyn Records> = Arc::new(MemoryStore::new(10_000));
        Self::over(stored_keys, data, made).await
    }

    pub(crate) async fn over(
        stored_keys: Arc<dyn Records>,
        data: Arc<dyn Records>,
        made: impl FnOnce(ApiKeysBuilder) -> ApiKeysBuilder,
    ) -> Self {
        let clock = Arc::new(ManualClock::new(NOW));
        let root: Arc<dyn Root> = Arc::new(EphemeralRoot::new(&Provider::default()).unwrap());
        let builder = Keyring::builder(stored_keys.clone(), root.clone()).clock(clock.clone());
        let vault = Purpose::new("vault").unwrap();
        let ring = builder.create(&[vault], &[]).await.unwrap();
        let audit = RecordingAudit::new();
        let sessions = Sessions::builder(ring.clone(), Arc::new(MemoryStore::new(10_000)));
        let sessions = sessions.opens(USERS, Kind::User).install().await.unwrap();
        let keys = made(builder_on(&ring, data.clone(), &audit));
        let keys = keys.install().await.unwrap().build().await.unwrap();
        Self {
            clock,
            stored_keys,
            data,
            root,
            audit,
            ring,
            sessions: sessions.build().await.unwrap(),
            keys,
            rings: Mutex::default(),
        }
    }

    /// The API keys of another process, on this store.
    pub(crate) async fn other(&self, data: Arc<dyn Records>) -> ApiKeys {
        let builder = Keyring::builder(self.stored_keys.clone(), self.root.clone());
        let ring = builder.clock(self.clock.clone()).open().await.unwrap();
        self.rings.lock().unwrap().push(ring.clone());
        let builder = builder_on(&ring, data, &self.audit);
        builder.build().await.unwrap()
    }

    pub(crate) async fn person(&self, of: &str, who: &str) -> Person {
        let shown = Shown(tenant(of), subject(who), self.clock.now().unwrap());
        let started = self.sessions.start(shown, Start::new()).await.unwrap();
        let live = self.sessions.check::<User>(started.token().expose()).await;
        self.sessions.fresh(live.unwrap()).unwrap()
    }

    /// A key of `acme`.
    pub(crate) async fn key(&self) -> IssuedKey {
        self.issue(new("build")).await
    }

    pub(crate) async fn issue(&self, new: NewKey) -> IssuedKey {
        let ada = self.person("acme", "ada").await;
        self.keys.issue(&ada, &all(), new).await.unwrap()
    }

    /// Why a text is refused; none if it is not.
    pub(crate) async fn refusal(&self, text: &str) -> Option<Reason> {
        let checked = self.keys.check(text, None).await;
        checked.err().map(|e| e.reason().unwrap())
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

pub(crate) fn operator(of: &str) -> Operator {
    Operator::of(tenant(of), subject("root"))
}

pub(crate) fn builder_on(
    ring: &Keyring,
    data: Arc<dyn Records>,
    audit: &RecordingAudit,
) -> ApiKeysBuilder {
    ApiKeys::builder(ring.clone(), data).trail(Trail::new(Arc::new(audit.clone())))
}
