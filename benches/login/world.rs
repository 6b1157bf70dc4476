//! A service with accounts.

use std::sync::Arc;
use std::time::Duration;

use keyward_base::{
    AddressPrefix, Clock, Door, ManualClock, Purpose, SecretBytes, Subject, Tenant, Timestamp,
};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, KeyUse, Keyring, Life};
use keyward_password::{
    Admission, Attempt, Credential, CredentialRows, Directory, DirectoryRows, Identifier, Limits,
    LogIn, Password, Passwords, Policy, Realm, Throttle, Tried, Upgrades, danger,
};
use keyward_store::{
    Applied, Attempts, Collection, Content, MemoryStore, RecordKey, Stores, Write,
};
use tokio::runtime::Runtime;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
pub(crate) const RIGHT: &[u8] = b"correct horse battery staple";
const USERS: Door = Door::new("users");

pub(crate) struct World {
    pub(crate) runtime: Runtime,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) ring: Keyring,
    pub(crate) data: Arc<dyn Stores>,
    pub(crate) passwords: Passwords,
    pub(crate) rows: CredentialRows,
    pub(crate) directory: DirectoryRows,
    pub(crate) log_in: LogIn,
    good: String,
    next: std::cell::Cell<u32>,
}

pub(crate) fn people() -> Realm {
    Realm {
        door: USERS,
        tenant: Tenant::new("people").unwrap(),
    }
}

pub(crate) fn subject(name: &str) -> Subject {
    Subject::new(name).unwrap()
}

pub(crate) fn address(name: &str) -> String {
    format!("{name}@example.com")
}

pub(crate) type Wrapped = Box<dyn FnOnce(DirectoryRows) -> Arc<dyn Directory>>;

impl World {
    pub(crate) fn new(
        policy: Policy,
        data: Arc<dyn Stores>,
        tries: Arc<dyn Attempts>,
        directory_of: Wrapped,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let clock = Arc::new(ManualClock::new(NOW));
        let dyn_clock: Arc<dyn Clock> = clock.clone();
        let keys = Arc::new(MemoryStore::new(10_000));
        let root = Arc::new(EphemeralRoot::new(&Provider::default()).unwrap());
        let admission = Admission::default().workers(1);
        let passwords = Passwords::new(policy.own_rows(), admission, dyn_clock.clone()).unwrap();
        let (ring, rows, directory, log_in, good) = runtime.block_on(async {
            let builder = Keyring::builder(keys, root).clock(dyn_clock.clone());
            let purposes = [Purpose::new("password").unwrap()];
            let ring = builder.create(&purposes, &[]).await.unwrap();
            let life = Life::AtMost(Duration::from_secs(400 * 86_400));
            let (admin, login) = (ring.admin(), Purpose::new("login").unwrap());
            let added = admin.add_purpose(&login, KeyUse::Mac(life));
            added.await.unwrap();
            let (mail, life) = (Purpose::new("mail").unwrap(), Duration::from_secs(3_600));
            let added = admin.add_purpose(&mail, KeyUse::Mac(Life::AtMost(life)));
            added.await.unwrap();
            let rows = CredentialRows::builder(data.clone(), USERS, dyn_clock)
                .pepper(ring.clone())
                .meter(passwords.meter());
            let rows = rows.build().await.unwrap();
            let directory = DirectoryRows::builder(data.clone(), ring.clone()).build();
            let directory = directory.await.unwrap();
            let throttle = Throttle::new(tries, ring.clone(), Limits::default());
            let throttle = throttle.await.unwrap();
            let upgrades = Upgrades::new(&passwords, Arc::new(rows.clone()));
            let found = directory_of(directory.clone());
            let log_in = LogIn::builder(people(), ring.clone(), found, upgrades, throttle);
            let log_in = log_in.build().await.unwrap();
            let password = Password::new(SecretBytes::copy_of(RIGHT)).unwrap();
            let good = danger::hash_unjudged(&passwords, &people().tenant, password);
            (ring, rows, directory, log_in, good.await.unwrap())
        });
        Self {
            runtime,
            clock,
            ring,
            data,
            passwords,
            rows,
            directory,
            log_in,
            good,
            next: std::cell::Cell::new(0),
        }
    }

    pub(crate) fn credential(&self) -> Credential {
        Credential::new(&self.good, NOW).unwrap()
    }

    pub(crate) fn put(&self, name: &str, credential: Credential) {
        let identifier = Identifier::email(&address(name)).unwrap();
        let (realm, acme) = (people(), Tenant::new("acme").unwrap());
        let of = subject(name);
        self.runtime.block_on(async {
            let entered = self.directory.insert(&realm, &identifier, &of, &acme);
            assert!(entered.await.unwrap());
            let account = realm.account(of.clone());
            let made = self.rows.insert(&account, credential).await.unwrap();
            assert!(made.is_some());
        });
    }

    /// As whoever writes the table does.
    pub(crate) fn alter(&self, name: &str, change: impl FnOnce(&mut Content)) {
        let key = RecordKey {
            collection: Collection::new("credential/users").unwrap(),
            owner: "people".to_owned(),
            id: name.to_owned(),
        };
        self.runtime.block_on(async {
            let row = self.data.fetch(&key).await.unwrap().unwrap();
            let mut content = row.content;
            change(&mut content);
            let write = Write::put(key.clone(), Some(row.version), content);
            let applied = self.data.apply(vec![write]).await.unwrap();
            assert!(matches!(applied, Applied::Done(_)));
        });
    }

    /// From an address that nobody had before.
    pub(crate) fn attempt(&self, typed: &str, password: &[u8]) -> Tried {
        let n = self.next.get();
        self.next.set(n + 1);
        let attempt = Attempt {
            identifier: typed,
            password: SecretBytes::copy_of(password),
            prefix: AddressPrefix::of(std::net::Ipv4Addr::from_bits(n).into()),
            device: None,
        };
        self.runtime.block_on(self.log_in.check(attempt)).unwrap()
    }

    /// Eight hours on, so that no window but the longest holds what was tried before.
    pub(crate) fn later(&self) {
        self.clock.advance(Duration::from_secs(8 * 3_600));
        self.runtime.block_on(self.ring.refresh()).unwrap();
    }
}
