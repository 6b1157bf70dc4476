//! What time would have to make: sessions and keys of the past, made by the crates that the service has
//! them from, on its own stores, while it does not run.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use keyward_base::{
    Clock as _, Door, Evidence, ManualClock, Method, Subject, SystemClock, Tenant, Timestamp, Trail,
};
use keyward_embedded::{Home, HomeDir, Options, RootSource};
use keyward_session::api_key::{ApiKeys, IssuedKey, NewKey, Ranges, Scopes};
use keyward_session::{Fresh, Kind, LiveSession, Sessions, Start, Started, User};
use keyward_store::{Applied, Collection, Content, RecordKey, Records as _, Write};

/// The doors of the service.
pub const USERS: Door = Door::new("users");
pub const ADMINS: Door = Door::new("admins");

/// The home of a service that does not run, and its sessions by a clock that is set.
pub struct Past {
    pub home: Home,
    pub sessions: Sessions,
    pub clock: Arc<ManualClock>,
    pub now: Timestamp,
}

impl Past {
    pub async fn of(root: &Path) -> Self {
        let mut options = Options::with_root(RootSource::File);
        options.anchor = Some(root.join("anchor"));
        let dir = HomeDir::at(root.join("data"));
        let home = Home::open(&dir, &options).await.unwrap();
        let now = SystemClock::new().now().unwrap();
        let clock = Arc::new(ManualClock::new(now));
        let trail = Trail::new(Arc::new(home.audit().unwrap().clone()));
        let sessions = Sessions::builder(home.keyring().clone(), home.data().clone())
            .opens(USERS, Kind::User)
            .opens(ADMINS, Kind::Admin)
            .clock(clock.clone())
            .trail(trail);
        Self {
            sessions: sessions.build().await.unwrap(),
            home,
            clock,
            now,
        }
    }

    /// One more of an organisation's people, who never comes in.
    pub async fn joins(&self, tenant: &Tenant, subject: &str, email: &str, role: &str) {
        let since = self.now.as_millis();
        let person = format!(r#"{{"email":"{email}","role":"{role}","since":{since}}}"#);
        let content = Content {
            data: person.into_bytes(),
            ..Content::default()
        };
        let key = RecordKey {
            collection: Collection::named("deploydesk-people"),
            owner: tenant.as_str().to_owned(),
            id: subject.to_owned(),
        };
        let write = vec![Write::Insert { key, content }];
        let done = self.home.data().apply(write).await.unwrap();
        assert!(matches!(done, Applied::Done(_)));
    }

    /// So many minutes ago.
    pub fn ago(&self, minutes: u64) -> Timestamp {
        Timestamp::from_millis(self.now.as_millis() - minutes * 60_000)
    }
}

/// What proves to the sessions' crate who somebody is.
#[derive(Debug)]
struct Shown {
    tenant: Tenant,
    subject: Subject,
    door: Door,
    at: Timestamp,
    factor_due: bool,
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
        self.door
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn is_factor_due(&self) -> bool {
        self.factor_due
    }
}

/// Evidence of a log-in at the door of users, at that moment.
pub fn logged_in(tenant: &Tenant, subject: &str, at: Timestamp) -> impl Evidence + use<> {
    Shown {
        tenant: tenant.clone(),
        subject: Subject::new(subject).unwrap(),
        door: USERS,
        at,
        factor_due: false,
    }
}

pub async fn begin(
    sessions: &Sessions,
    door: Door,
    (tenant, subject): &(String, String),
    at: Timestamp,
    factor_due: bool,
) -> Started {
    let shown = Shown {
        tenant: Tenant::new(tenant).unwrap(),
        subject: Subject::new(subject).unwrap(),
        door,
        at,
        factor_due,
    };
    sessions.start(shown, Start::new()).await.unwrap()
}

/// Scopes, by their names.
pub fn scopes(words: &str) -> Scopes {
    match words {
        "" => Scopes::none(),
        some => Scopes::parse(some).unwrap(),
    }
}

/// The API keys of the home, made by the crate that the service has them from.
pub struct Keys<'a> {
    pub keys: ApiKeys,
    pub sessions: &'a Sessions,
    pub clock: &'a ManualClock,
}

pub const ALL: &str =
    "servers:read variables:read deployments:read deployments:write approvals:ask";

impl<'a> Keys<'a> {
    pub async fn of(past: &'a Past) -> Self {
        let (ring, data) = (past.home.keyring().clone(), past.home.data().clone());
        let keys = ApiKeys::builder(ring, data).prefix("desk_");
        let keys = keys.clock(past.clock.clone()).build().await.unwrap();
        Self {
            keys,
            sessions: &past.sessions,
            clock: &past.clock,
        }
    }

    pub async fn shown(&self, of: &(String, String)) -> Fresh<LiveSession<User>, 15> {
        let now = self.clock.now().unwrap();
        let started = begin(self.sessions, USERS, of, now, false).await;
        let live = self.sessions.check::<User>(started.token().expose());
        self.sessions.fresh(live.await.unwrap()).unwrap()
    }

    pub async fn make(&self, of: &(String, String), scopes: &str, ranges: Ranges) -> IssuedKey {
        self.make_for(of, scopes, ranges, Duration::from_secs(15 * 60))
            .await
    }

    /// One that ends after so long.
    pub async fn make_for(
        &self,
        of: &(String, String),
        scopes: &str,
        ranges: Ranges,
        life: Duration,
    ) -> IssuedKey {
        let by = self.shown(of).await;
        let most = self::scopes(ALL);
        let new = NewKey::new("the table")
            .unwrap()
            .scopes(self::scopes(scopes));
        let new = new.ranges(ranges).expires_in(life);
        self.keys.issue(&by, &most, new).await.unwrap()
    }

    /// The text of a key that lives, may do that, and comes from anywhere.
    pub async fn text(&self, of: &(String, String), scopes: &str) -> String {
        let made = self.make(of, scopes, Ranges::anywhere()).await;
        made.key().expose().to_owned()
    }

    pub async fn several(&self, of: &(String, String), count: usize) -> VecDeque<String> {
        let mut ids = VecDeque::new();
        for _ in 0..count {
            let made = self.make(of, "servers:read", Ranges::anywhere()).await;
            ids.push_back(made.info().id.to_string());
        }
        ids
    }
}
