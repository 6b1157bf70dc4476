//! What the tests stand on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use keyward_base::{
    AddressPrefix, BoxFuture, Clock, Door, Error, Evidence, ManualClock, Method, Purpose, Result,
    SecretBytes, SessionsEnded, Subject, Tenant, Timestamp, Trail,
};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, KeyUse, Keyring, Life, Root};
use keyward_password::mail::{
    Ask, Courier, Letter, LinkKind, MailPolicy, Mailer, Message, Outbox, SignedUp,
};
use keyward_password::people::{Judged, NewPassword, Rules, Words};
use keyward_password::{
    Account, Accounts, Admission, Changed, Checked, Credential, CredentialRows, Credentials as _,
    Directory as _, DirectoryRows, Identifier, Mail, Password, Passwords, Policy, Prepared, Realm,
    Status, Upgrades,
};
use keyward_store::{Applied, Collection, MemoryStore, Record, Records as _, Scan, Write};
use keyward_testkit::{Counted, RecordingAudit};

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
pub(crate) const USERS: Door = Door::new("users");
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const OLD: &str = "the old four words";
pub(crate) const NEW: &str = "the new four words";

/// A clock that stands until it is moved, or goes on by a millisecond each time it is read.
#[derive(Debug)]
pub(crate) struct Hand {
    at: ManualClock,
    ticks: AtomicBool,
}

impl Hand {
    fn new() -> Self {
        Self {
            at: ManualClock::new(NOW),
            ticks: AtomicBool::new(false),
        }
    }

    pub(crate) fn advance(&self, span: Duration) {
        self.at.advance(span);
    }

    pub(crate) fn set(&self, at: Timestamp) {
        self.at.set(at);
    }
}

impl Clock for Hand {
    fn now(&self) -> Result<Timestamp> {
        if self.ticks.load(Ordering::SeqCst) {
            self.at.advance(Duration::from_millis(1));
        }
        self.at.now()
    }
}

/// Keeps the letters that came.
#[derive(Debug, Default)]
pub(crate) struct Post(Mutex<Vec<Letter>>);

impl Mailer for Post {
    fn send(&self, letter: Letter) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            assert!(!letter.to.as_str().starts_with("panics@"), "as it may");
            if letter.to.as_str().starts_with("lost@") {
                return Err(Error::unavailable("the mail server is down"));
            }
            self.0.lock().unwrap().push(letter);
            Ok(())
        })
    }
}

pub(crate) struct World {
    pub(crate) clock: Arc<Hand>,
    pub(crate) keys: Arc<MemoryStore>,
    pub(crate) data: Arc<Counted>,
    pub(crate) root: Arc<dyn Root>,
    pub(crate) audit: Arc<RecordingAudit>,
    pub(crate) post: Arc<Post>,
}

/// A process of the service.
pub(crate) struct Process {
    pub(crate) ring: Keyring,
    pub(crate) rows: CredentialRows,
    pub(crate) directory: DirectoryRows,
    pub(crate) accounts: Accounts,
    pub(crate) mail: Mail,
    pub(crate) courier: Courier,
    pub(crate) outbox: Outbox,
    pub(crate) post: Arc<Post>,
}

/// One pool for all tests.
pub(crate) fn passwords() -> Passwords {
    static ALL: OnceLock<Passwords> = OnceLock::new();
    let made = ALL.get_or_init(|| {
        // Later than any that a test comes to.
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(
            2 * NOW.as_millis(),
        )));
        let admission = Admission::default().wait(10 * MINUTE).waiting(512, 512);
        Passwords::new(Policy::default(), admission, clock).unwrap()
    });
    made.clone()
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::whose_links_live(60).await
    }

    /// A ring whose purpose `mail` authenticates for so many minutes.
    pub(crate) async fn whose_links_live(minutes: u32) -> Self {
        let world = Self {
            clock: Arc::new(Hand::new()),
            keys: Arc::new(MemoryStore::new(10_000)),
            data: Arc::new(Counted::new(100_000)),
            root: Arc::new(EphemeralRoot::new(&Provider::default()).unwrap()),
            audit: Arc::new(RecordingAudit::new()),
            post: Arc::default(),
        };
        let builder = Keyring::builder(world.keys.clone(), world.root.clone());
        let builder = builder.clock(world.clock.clone());
        let ring = builder.create(&[purpose("password")], &[]).await.unwrap();
        for (name, life) in [("login", 400 * 1_440), ("mail", minutes)] {
            let life = Life::AtMost(MINUTE * life);
            let admin = ring.admin();
            admin
                .add_purpose(&purpose(name), KeyUse::Mac(life))
                .await
                .unwrap();
        }
        world
    }

    pub(crate) async fn process(&self) -> Process {
        self.process_of(&realm(), MailPolicy::default()).await
    }

    pub(crate) async fn process_of(&self, realm: &Realm, policy: MailPolicy) -> Process {
        self.process_with(realm, policy, passwords()).await
    }

    pub(crate) async fn process_with(
        &self,
        realm: &Realm,
        policy: MailPolicy,
        passwords: Passwords,
    ) -> Process {
        let builder = Keyring::builder(self.keys.clone(), self.root.clone());
        let ring = builder.clock(self.clock.clone()).open().await.unwrap();
        let rows = CredentialRows::builder(self.data.clone(), realm.door, self.clock.clone());
        let rows = rows
            .pepper(ring.clone())
            .meter(passwords.meter())
            .build()
            .await
            .unwrap();
        let directory = DirectoryRows::builder(self.data.clone(), ring.clone());
        let directory = directory.build().await.unwrap();
        let trail = Trail::new(self.audit.clone());
        let (outbox, courier) =
            Outbox::new(256, self.post.clone(), trail.clone(), self.clock.clone());
        let told = outbox.clone();
        let all = (rows.clone(), directory.clone());
        let accounts = Accounts::new(realm.clone(), all.0, all.1, passwords, outbox);
        let accounts = accounts.unwrap().trail(trail);
        let mail = Mail::builder(accounts.clone(), self.data.clone()).policy(policy);
        Process {
            mail: mail.build().await.unwrap(),
            ring,
            rows,
            directory,
            accounts,
            courier,
            outbox: told,
            post: self.post.clone(),
        }
    }

    /// From now on no two moments are the same.
    pub(crate) fn tick(&self) {
        self.clock.ticks.store(true, Ordering::SeqCst);
    }

    /// Damages every row of a collection.
    pub(crate) async fn damage(&self, collection: &'static str) {
        self.edit(collection, |data| data.reverse()).await;
    }

    /// Edits every row of a collection, as who writes the table does.
    pub(crate) async fn edit(&self, collection: &'static str, edit: impl Fn(&mut Vec<u8>)) {
        for row in self.rows(collection).await {
            let mut content = row.content;
            edit(&mut content.data);
            let write = Write::put(row.key, Some(row.version), content);
            assert!(matches!(
                self.data.apply(vec![write]).await.unwrap(),
                Applied::Done(_)
            ));
        }
    }

    pub(crate) async fn rows(&self, collection: &'static str) -> Vec<Record> {
        let scan = Scan::of(Collection::named(collection));
        self.data.scan(scan).await.unwrap().items
    }
}

impl Process {
    /// An account that there is, with the password [`OLD`].
    pub(crate) async fn register(&self, text: &str, subject: &str) -> Account {
        let (realm, subject) = (self.accounts.realm(), Subject::new(subject).unwrap());
        let account = realm.account(subject.clone());
        let (address, acme) = (email(text), acme());
        let made = self.directory.insert(realm, &address, &subject, &acme);
        assert!(made.await.unwrap());
        let credential = Credential::new(
            &hash_of_old().await,
            Timestamp::from_millis(NOW.as_millis() - 1),
        )
        .unwrap();
        assert!(
            self.rows
                .insert(&account, credential)
                .await
                .unwrap()
                .is_some()
        );
        account
    }

    /// Asks, from an address of the asker's own.
    pub(crate) async fn ask(&self, what: Ask, text: &str) -> Result<()> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let next = u32::try_from(NEXT.fetch_add(1, Ordering::SeqCst)).unwrap();
        let from = AddressPrefix::of(std::net::Ipv4Addr::from(0x0a00_0000 + next).into());
        self.mail.ask(what, &email(text), from).await
    }

    /// Time goes by, and the process reads the ring anew, as one does that ticks.
    pub(crate) async fn pass(&self, world: &World, span: Duration) {
        world.clock.advance(span);
        self.ring.refresh().await.unwrap();
    }

    /// All letters that came since.
    pub(crate) async fn letters(&mut self) -> Vec<Letter> {
        self.courier.run_once().await;
        std::mem::take(&mut *self.post.0.lock().unwrap())
    }

    /// The token of the only letter that came.
    pub(crate) async fn token(&mut self, kind: LinkKind) -> String {
        let letters = self.letters().await;
        assert_eq!(letters.len(), 1, "{letters:?}");
        token_of(&letters[0], kind)
    }

    /// What logging in comes to: the evidence, if the password is right.
    pub(crate) async fn log_in(&self, text: &str, typed: &str) -> Option<LoggedIn> {
        let found = self
            .directory
            .find(self.accounts.realm(), &email(text))
            .await;
        let entry = found.unwrap()?;
        let account = self.accounts.realm().account(entry.subject().clone());
        let loaded = self.rows.load(&account).await.unwrap()?;
        let upgrades = Upgrades::new(&passwords(), Arc::new(self.rows.clone()));
        let typed = Password::new(SecretBytes::copy_of(typed.as_bytes())).unwrap();
        let checked = upgrades
            .check(&account, &loaded, typed)
            .await
            .unwrap()
            .checked;
        let Checked::Match { verified, .. } = checked else {
            return None;
        };
        Some(LoggedIn {
            tenant: entry.organisation().clone(),
            subject: account.subject,
            door: account.door,
            at: verified.at(),
            method: Method::PASSWORD,
            is_factor_due: verified.is_factor_due(),
        })
    }

    pub(crate) async fn status(&self, account: &Account) -> Status {
        self.rows
            .load(account)
            .await
            .unwrap()
            .unwrap()
            .credential
            .is()
    }

    pub(crate) async fn sign_up(
        &self,
        token: &str,
        password: &str,
        subject: &str,
    ) -> Result<SignedUp> {
        let (password, subject) = (chosen(password).await, Subject::new(subject).unwrap());
        self.mail.sign_up(token, password, &subject, &own()).await
    }

    pub(crate) async fn change(
        &self,
        text: &str,
        evidence: impl Evidence,
        password: &str,
    ) -> Result<Prepared> {
        let (address, password) = (email(text), chosen(password).await);
        self.accounts
            .change_password(&address, evidence, password)
            .await
    }

    /// Ends sessions and commits, as an application does.
    pub(crate) async fn finish(&self, prepared: Prepared) -> Result<Changed> {
        let ended = Ended::of(&prepared);
        self.accounts.commit(prepared, ended).await
    }
}

pub(crate) fn token_of(letter: &Letter, of: LinkKind) -> String {
    match &letter.message {
        Message::Link { kind, link, .. } if *kind == of => link.expose().to_owned(),
        other => panic!("{other:?}"),
    }
}

/// What the log-in call gives.
#[derive(Debug)]
pub(crate) struct LoggedIn {
    pub(crate) tenant: Tenant,
    pub(crate) subject: Subject,
    pub(crate) door: Door,
    pub(crate) at: Timestamp,
    pub(crate) method: Method,
    pub(crate) is_factor_due: bool,
}

impl Evidence for LoggedIn {
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
        self.is_factor_due
    }
}

#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) tenant: Tenant,
    pub(crate) subject: Subject,
    pub(crate) at: Timestamp,
}

impl Ended {
    pub(crate) fn of(prepared: &Prepared) -> Self {
        Self {
            tenant: prepared.organisation().clone(),
            subject: prepared.account().subject.clone(),
            at: prepared.at(),
        }
    }
}

impl SessionsEnded for Ended {
    fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    fn subject(&self) -> &Subject {
        &self.subject
    }

    fn at(&self) -> Timestamp {
        self.at
    }
}

pub(crate) async fn chosen(text: &str) -> NewPassword {
    let password = Password::new(SecretBytes::copy_of(text.as_bytes())).unwrap();
    let rules = (Rules::default(), Words::new());
    let judged = passwords()
        .judge(&acme(), password, &rules.0, &rules.1)
        .await;
    match judged.unwrap() {
        Judged::Fit(password) => password,
        unfit => panic!("{unfit:?}"),
    }
}

async fn hash_of_old() -> String {
    static HASH: tokio::sync::OnceCell<String> = tokio::sync::OnceCell::const_new();
    let made =
        HASH.get_or_init(async || passwords().hash(&acme(), chosen(OLD).await).await.unwrap());
    made.await.clone()
}

pub(crate) fn purpose(name: &str) -> Purpose {
    Purpose::new(name).unwrap()
}

pub(crate) fn realm() -> Realm {
    Realm {
        door: USERS,
        tenant: Tenant::new("people").unwrap(),
    }
}

pub(crate) fn email(text: &str) -> Identifier {
    Identifier::email(text).unwrap()
}

pub(crate) fn acme() -> Tenant {
    Tenant::new("acme").unwrap()
}

/// The organisation of who signs up by himself.
pub(crate) fn own() -> Tenant {
    Tenant::new("own").unwrap()
}
