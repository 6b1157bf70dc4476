//! A service with accounts, and somebody who tries passwords.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use keyward_base::{
    AddressPrefix, Door, ManualClock, Purpose, Result, SecretBytes, Subject, Tenant, Timestamp,
    Trail,
};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, KeyUse, Keyring, Life, Root};
use keyward_password::{
    Account, Admission, Attempt, Credential, CredentialRows, Credentials as _, DirectoryRows,
    Identifier, Limits, LogIn, LogInBuilder, LoggedIn, NewHash, Password, Passwords, Policy, Realm,
    Swapped, Throttle, Tried, Upgrades, danger,
};
use keyward_store::{Applied, Attempts, Collection, Content, RecordKey, Records as _, Scan, Write};
use keyward_testkit::{Counted, RecordingAudit};
use secrecy::ExposeSecret as _;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
pub(crate) const USERS: Door = Door::new("users");
pub(crate) const RIGHT: &str = "correct horse battery staple";
pub(crate) const ANN: &str = "ann@example.com";

pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) ring: Keyring,
    pub(crate) keys: Arc<Counted>,
    pub(crate) data: Arc<Counted>,
    pub(crate) tries: Arc<Counted>,
    pub(crate) passwords: Passwords,
    pub(crate) rows: CredentialRows,
    pub(crate) directory: DirectoryRows,
    pub(crate) audit: Arc<RecordingAudit>,
}

/// Quick, and what nobody imported.
pub(crate) fn quick() -> Policy {
    let new = NewHash::argon2id(7_168, 5, 1).unwrap();
    Policy::default().new_hashes(new)
}

pub(crate) fn purpose(name: &str) -> Purpose {
    Purpose::new(name).unwrap()
}

pub(crate) fn people() -> Realm {
    Realm {
        door: USERS,
        tenant: Tenant::new("people").unwrap(),
    }
}

pub(crate) fn account(subject: &str) -> Account {
    people().account(Subject::new(subject).unwrap())
}

pub(crate) fn home() -> AddressPrefix {
    from(7)
}

pub(crate) fn from(host: u8) -> AddressPrefix {
    AddressPrefix::of(IpAddr::V4(Ipv4Addr::new(203, 0, 113, host)))
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::within(quick().own_rows(), 100_000).await
    }

    /// With so many entries in the table of tries, the shared ones included.
    pub(crate) async fn within(policy: Policy, room: usize) -> Self {
        let clock = Arc::new(ManualClock::new(NOW));
        let keys = Arc::new(Counted::new(10_000));
        let root: Arc<dyn Root> = Arc::new(EphemeralRoot::new(&Provider::default()).unwrap());
        let builder = Keyring::builder(keys.clone(), root).clock(clock.clone());
        let ring = builder.create(&[purpose("password")], &[]).await.unwrap();
        let life = Life::AtMost(Duration::from_secs(400 * 86_400));
        let (admin, login) = (ring.admin(), purpose("login"));
        let added = admin.add_purpose(&login, KeyUse::Mac(life));
        added.await.unwrap();
        let admission = Admission::default()
            .workers(2)
            .wait(Duration::from_secs(600));
        let passwords = Passwords::new(policy, admission, clock.clone()).unwrap();
        let data = Arc::new(Counted::new(10_000));
        let audit = Arc::new(RecordingAudit::new());
        let rows = CredentialRows::builder(data.clone(), USERS, clock.clone())
            .pepper(ring.clone())
            .meter(passwords.meter());
        let rows = rows.build().await.unwrap();
        let directory = DirectoryRows::builder(data.clone(), ring.clone());
        let directory = directory.build().await.unwrap();
        Self {
            clock,
            keys,
            data,
            tries: Arc::new(Counted::new(room)),
            rows,
            directory,
            audit,
            passwords,
            ring,
        }
    }

    /// It is so late, and what is known of the keyring is new.
    pub(crate) async fn set(&self, now: Timestamp) {
        self.clock.set(now);
        self.ring.refresh().await.unwrap();
    }

    pub(crate) async fn later(&self, span: Duration) {
        self.clock.advance(span);
        self.ring.refresh().await.unwrap();
    }

    pub(crate) async fn throttle(&self) -> Throttle {
        let tries: Arc<dyn Attempts> = self.tries.clone();
        Throttle::new(tries, self.ring.clone(), Limits::default())
            .await
            .unwrap()
    }

    pub(crate) fn builder(&self, throttle: &Throttle) -> LogInBuilder {
        let upgrades = Upgrades::new(&self.passwords, Arc::new(self.rows.clone()));
        let directory = Arc::new(self.directory.clone());
        let (ring, throttle) = (self.ring.clone(), throttle.clone());
        LogIn::builder(people(), ring, directory, upgrades, throttle)
            .trail(Trail::new(self.audit.clone()))
    }

    pub(crate) async fn log_in(&self) -> LogIn {
        let throttle = self.throttle().await;
        self.builder(&throttle).build().await.unwrap()
    }

    pub(crate) async fn hashed(&self, text: &str) -> String {
        let password = Password::new(SecretBytes::copy_of(text.as_bytes())).unwrap();
        let made = danger::hash_unjudged(&self.passwords, &people().tenant, password);
        made.await.unwrap()
    }

    /// An account whose name before the `@` is its subject.
    pub(crate) async fn put(&self, name: &str, credential: Credential) {
        self.enter(name).await;
        let made = self.rows.insert(&account(name), credential).await.unwrap();
        assert!(made.is_some());
    }

    pub(crate) async fn enter(&self, name: &str) {
        let identifier = Identifier::email(&address(name)).unwrap();
        let organisation = Tenant::new("acme").unwrap();
        let of = account(name).subject;
        let (directory, realm) = (&self.directory, people());
        let entered = directory.insert(&realm, &identifier, &of, &organisation);
        assert!(entered.await.unwrap());
    }

    pub(crate) async fn put_stored(&self, name: &str, stored: &str) {
        self.put(name, Credential::new(stored, NOW).unwrap()).await;
    }

    /// The next revision, as a change of the password makes it.
    pub(crate) async fn next_revision(&self, name: &str) {
        let of = account(name);
        let loaded = self.rows.load(&of).await.unwrap().unwrap();
        let next = loaded.credential.next_revision(NOW).unwrap();
        let swapped = self.rows.swap(&of, loaded.version, &next).await.unwrap();
        assert!(matches!(swapped, Swapped::Done(_)));
    }

    /// As whoever writes the table does.
    pub(crate) async fn alter(&self, key: &RecordKey, change: impl FnOnce(&mut Content)) {
        let row = self.data.fetch(key).await.unwrap().unwrap();
        let mut content = row.content;
        change(&mut content);
        let write = Write::put(key.clone(), Some(row.version), content);
        let applied = self.data.apply(vec![write]).await.unwrap();
        assert!(matches!(applied, Applied::Done(_)));
    }

    /// Where the entry of `name` lies.
    pub(crate) async fn entry(&self, name: &str) -> RecordKey {
        let identifier = Identifier::email(&address(name)).unwrap();
        let hash = self.directory.hasher().hash(&people(), &identifier);
        let id = hash.unwrap().text();
        let scan = Scan::of(Collection::named("directory"));
        let rows = self.data.scan(scan).await.unwrap().items;
        rows.into_iter()
            .map(|row| row.key)
            .find(|key| key.id == id)
            .unwrap()
    }
}

pub(crate) fn address(name: &str) -> String {
    format!("{name}@example.com")
}

pub(crate) fn row_of(name: &str) -> RecordKey {
    RecordKey {
        collection: Collection::new("credential/users").unwrap(),
        owner: "people".to_owned(),
        id: name.to_owned(),
    }
}

/// One try.
pub(crate) async fn attempt(
    log_in: &LogIn,
    identifier: &str,
    password: &[u8],
    prefix: AddressPrefix,
    device: Option<&str>,
) -> Result<Tried> {
    let attempt = Attempt {
        identifier,
        password: SecretBytes::copy_of(password),
        prefix,
        device,
    };
    log_in.check(attempt).await
}

/// A try from home, on no known device.
pub(crate) async fn tried(log_in: &LogIn, identifier: &str, password: &str) -> Tried {
    let tried = attempt(log_in, identifier, password.as_bytes(), home(), None).await;
    tried.unwrap()
}

pub(crate) fn inside(tried: Tried) -> Box<LoggedIn> {
    match tried {
        Tried::In(logged_in) => logged_in,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn token(of: &LoggedIn) -> String {
    of.device().text().expose_secret().to_owned()
}
