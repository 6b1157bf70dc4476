//! Rows of accounts in a record store: what a reader and a writer of the table can do.

#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used)] // Tests: a panic is the report.

use std::sync::Arc;
use std::time::Duration;

use keyward_base::{
    Door, ErrorKind, KeyId, ManualClock, Purpose, Reason, Revision, SecretBytes, Subject, Tenant,
    Timestamp, Trail,
};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, Keyring, Root};
use keyward_password::{
    Account, Admission, Context, Credential, CredentialRows, Credentials as _, Loaded, NewHash,
    Password, Passwords, Policy, Realm, Status, Swapped, Upgrade, Upgrades, Verdict, reason,
};
use keyward_store::{
    Applied, Collection, Content, MemoryStore, Record, RecordKey, Records as _, Scan, Write,
};
use keyward_testkit::{RecordingAudit, damage};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const USERS: Door = Door::new("users");
/// "correct horse", by PBKDF2 of a thousand rounds (Python's hashlib).
const WEAK: &str =
    "$pbkdf2-sha256$1000$c29tZSBzYWx0IG9mIDE2IQ$ZyTPlL64LFBwkYpwJRUE4HbqPAER5Jry8/pNiE38LkY";

struct World {
    clock: Arc<ManualClock>,
    keys: Arc<MemoryStore>,
    data: Arc<MemoryStore>,
    root: Arc<dyn Root>,
    audit: Arc<RecordingAudit>,
}

impl World {
    async fn new() -> Self {
        let world = Self {
            clock: Arc::new(ManualClock::new(NOW)),
            keys: Arc::new(MemoryStore::new(10_000)),
            data: Arc::new(MemoryStore::new(10_000)),
            root: Arc::new(EphemeralRoot::new(&Provider::default()).unwrap()),
            audit: Arc::new(RecordingAudit::new()),
        };
        let builder = Keyring::builder(world.keys.clone(), world.root.clone());
        let builder = builder.clock(world.clock.clone());
        builder.create(&[purpose()], &[]).await.unwrap();
        world
    }

    /// The keyring of another process.
    async fn ring(&self) -> Keyring {
        let builder = Keyring::builder(self.keys.clone(), self.root.clone());
        builder.clock(self.clock.clone()).open().await.unwrap()
    }

    fn builder(&self, door: Door) -> keyward_password::records::CredentialRowsBuilder {
        CredentialRows::builder(self.data.clone(), door, self.clock.clone())
            .trail(Trail::new(self.audit.clone()))
    }

    async fn sealed(&self) -> CredentialRows {
        let builder = self.builder(USERS).pepper(self.ring().await);
        builder.build().await.unwrap()
    }

    /// Another process, which takes bare rows too.
    async fn both(&self) -> CredentialRows {
        let builder = self.builder(USERS).pepper(self.ring().await);
        builder.takes_bare().build().await.unwrap()
    }

    async fn bare(&self) -> CredentialRows {
        self.builder(USERS).build().await.unwrap()
    }

    async fn all(&self, collection: &str) -> Vec<Record> {
        let scan = Scan::of(Collection::new(collection).unwrap());
        self.data.scan(scan).await.unwrap().items
    }

    async fn row(&self, of: &Account) -> Record {
        self.data.fetch(&place(of)).await.unwrap().unwrap()
    }

    /// As whoever writes the table does.
    async fn plant(&self, key: RecordKey, content: Content) {
        plant(&self.data, key, content).await;
    }
}

async fn plant(store: &MemoryStore, key: RecordKey, content: Content) {
    let found = store.fetch(&key).await.unwrap();
    let write = Write::put(key, found.map(|record| record.version), content);
    assert!(matches!(
        store.apply(vec![write]).await.unwrap(),
        Applied::Done(_)
    ));
}

fn purpose() -> Purpose {
    Purpose::new("password").unwrap()
}

fn account(tenant: &str, subject: &str) -> Account {
    let realm = Realm {
        door: USERS,
        tenant: Tenant::new(tenant).unwrap(),
    };
    realm.account(Subject::new(subject).unwrap())
}

fn place(of: &Account) -> RecordKey {
    RecordKey {
        collection: Collection::new(&format!("credential/{}", of.door.as_str())).unwrap(),
        owner: of.tenant.as_str().to_owned(),
        id: of.subject.as_str().to_owned(),
    }
}

fn of(stored: &str) -> Credential {
    Credential::new(stored, NOW).unwrap()
}

async fn insert(rows: &CredentialRows, at: &Account, stored: &str) -> Loaded {
    rows.insert(at, of(stored)).await.unwrap().unwrap()
}

async fn load(rows: &CredentialRows, at: &Account) -> Credential {
    rows.load(at).await.unwrap().unwrap().credential
}

/// It is refused as a row that is corrupt, for this reason.
async fn is_refused(rows: &CredentialRows, at: &Account, why: Option<Reason>) {
    let e = rows.load(at).await.unwrap_err();
    assert_eq!((e.kind(), e.reason()), (ErrorKind::Corrupt, why), "{e}");
    assert_eq!(e.to_string(), "a stored credential is not what was written");
}

const MOVED: Option<Reason> = Some(Reason::NOT_AUTHENTIC);
const BARE: Option<Reason> = Some(reason::BARE);

fn passwords(world: &World) -> Passwords {
    let policy = Policy::default().new_hashes(NewHash::argon2id(7_168, 5, 1).unwrap());
    let admission = Admission::default()
        .workers(1)
        .wait(Duration::from_secs(600));
    Passwords::new(policy, admission, world.clock.clone()).unwrap()
}

fn typed(text: &str) -> Password {
    Password::new(SecretBytes::copy_of(text.as_bytes())).unwrap()
}

#[tokio::test]
async fn a_row_comes_back_and_its_reader_learns_no_hash() {
    let world = World::new().await;
    let rows = world.sealed().await;
    let ann = account("acme", "ann");
    let context = Context::from_json(r#"{"salt":"a salt","user":"ann"}"#).unwrap();
    let credential = of("$x$some hash that is long")
        .label(Some("devise"))
        .unwrap();
    let credential = credential.context(context).factor_due(true);
    let first = rows.insert(&ann, credential).await.unwrap().unwrap();
    let now = load(&rows, &ann).await;
    assert_eq!(now.stored(), Some("$x$some hash that is long"));
    assert_eq!(now.labelled(), Some("devise"));
    assert_eq!(
        format!("{:?}", now.own_context())
            .matches("SecretBytes")
            .count(),
        2
    );
    assert!(now.is_factor_due());
    assert_eq!(
        (now.revision(), now.changed()),
        (first.credential.revision(), NOW)
    );
    let row = world.row(&ann).await;
    assert!(row.sealed.starts_with("kw1."));
    assert_eq!(row.data.len(), 23);
    assert!(rows.load(&account("acme", "bob")).await.unwrap().is_none());
    let other = Account {
        door: Door::new("admins"),
        ..ann
    };
    assert_eq!(
        rows.load(&other).await.unwrap_err().kind(),
        ErrorKind::Misuse
    );
}

#[tokio::test]
async fn evidence_is_as_old_as_the_time_before_the_row_was_read() {
    let world = World::new().await;
    let rows = world.sealed().await;
    let ann = account("acme", "ann");
    assert_eq!(insert(&rows, &ann, WEAK).await.read_at, NOW);
    let loaded = rows.load(&ann).await.unwrap().unwrap();
    assert_eq!(loaded.read_at, NOW);
}

#[tokio::test]
async fn a_row_that_is_moved_does_not_open() {
    let world = World::new().await;
    let rows = world.sealed().await;
    let admins = world
        .builder(Door::new("admins"))
        .pepper(world.ring().await);
    let admins = admins.build().await.unwrap();
    let ann = account("acme", "ann");
    insert(&rows, &ann, WEAK).await;
    let bob = account("acme", "bob");
    insert(&rows, &bob, WEAK).await;
    let elsewhere = account("globex", "ann");
    let admin = Account {
        door: Door::new("admins"),
        ..ann.clone()
    };
    insert(&admins, &account_at(&admin, "root"), WEAK).await;
    let row = world.row(&ann).await.content;
    for at in [&bob, &elsewhere] {
        world.plant(place(at), row.clone()).await;
        is_refused(&rows, at, MOVED).await;
    }
    world.plant(place(&admin), row).await;
    is_refused(&admins, &admin, MOVED).await;
    assert_eq!(load(&rows, &ann).await.stored(), Some(WEAK));
}

fn account_at(of: &Account, subject: &str) -> Account {
    of.realm().account(Subject::new(subject).unwrap())
}

#[tokio::test]
async fn no_edit_of_a_row_is_taken() {
    let world = World::new().await;
    let rows = world.sealed().await;
    let ann = account("acme", "ann");
    let disabled = of(WEAK).status(Status::Disabled).factor_due(true);
    rows.insert(&ann, disabled).await.unwrap().unwrap();
    let row = world.row(&ann).await.content;
    for data in damage::bit_flips(&row.data) {
        world
            .plant(
                place(&ann),
                Content {
                    data,
                    ..row.clone()
                },
            )
            .await;
        let e = rows.load(&ann).await.unwrap_err();
        assert!(
            matches!(e.kind(), ErrorKind::Corrupt | ErrorKind::Unavailable),
            "{e}"
        );
    }
    for data in damage::truncations(&row.data) {
        let data = data.to_vec();
        world
            .plant(
                place(&ann),
                Content {
                    data,
                    ..row.clone()
                },
            )
            .await;
        assert_eq!(
            rows.load(&ann).await.unwrap_err().kind(),
            ErrorKind::Corrupt
        );
    }
    for sealed in damage::bit_flips(row.sealed.as_bytes()) {
        let Ok(sealed) = String::from_utf8(sealed) else {
            continue;
        };
        world
            .plant(
                place(&ann),
                Content {
                    sealed,
                    ..row.clone()
                },
            )
            .await;
        assert!(rows.load(&ann).await.is_err());
    }
    world.plant(place(&ann), row).await;
    assert_eq!(load(&rows, &ann).await.is(), Status::Disabled);
}

#[tokio::test]
async fn a_bare_row_is_refused_where_the_application_says_sealed() {
    let world = World::new().await;
    let other = World::new().await;
    let ann = account("acme", "ann");
    insert(&other.bare().await, &ann, WEAK).await;
    let bare = other.row(&ann).await.content;
    assert_eq!(bare.sealed, "");
    let rows = world.sealed().await;
    world.plant(place(&ann), bare.clone()).await;
    is_refused(&rows, &ann, BARE).await;
    // Both at once is neither.
    insert(&rows, &account("acme", "bob"), WEAK).await;
    let sealed = world.row(&account("acme", "bob")).await.content.sealed;
    world.plant(place(&ann), Content { sealed, ..bare }).await;
    is_refused(&rows, &ann, None).await;
}

#[tokio::test]
async fn a_door_comes_from_bare_to_sealed() {
    let world = World::new().await;
    let before = world.bare().await;
    let names: Vec<_> = (0..700)
        .map(|at| account(&format!("t{}", at % 3), &format!("u{at}")))
        .collect();
    for name in &names {
        insert(&before, name, WEAK).await;
    }
    let rows = world.both().await;
    // From here on nobody without the pepper writes, or begins.
    let loaded = before.load(&names[0]).await.unwrap().unwrap();
    let e = before
        .swap(&names[0], loaded.version, &loaded.credential)
        .await
        .unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Misuse);
    assert_eq!(
        before
            .insert(&account("acme", "new"), of(WEAK))
            .await
            .unwrap_err()
            .kind(),
        ErrorKind::Misuse
    );
    assert_eq!(
        world.builder(USERS).build().await.unwrap_err().kind(),
        ErrorKind::Misuse
    );
    // Both sorts count, and what is written is sealed.
    assert_eq!(load(&rows, &names[0]).await.stored(), Some(WEAK));
    let swapped = rows
        .swap(&names[0], loaded.version, &loaded.credential)
        .await
        .unwrap();
    assert!(matches!(swapped, Swapped::Done(_)));
    assert!(world.row(&names[0]).await.sealed.starts_with("kw1."));
    assert_eq!(rows.since().await.unwrap(), None);

    let revision = load(&rows, &names[5]).await.revision();
    world.clock.advance(Duration::from_secs(1));
    let sealing = rows.seal_all(|_| {}).await.unwrap();
    assert_eq!((sealing.seen, sealing.sealed, sealing.left), (700, 699, 0));
    let since = Timestamp::from_millis(NOW.as_millis() + 1000);
    assert_eq!(sealing.since, Some(since));
    assert_eq!(load(&rows, &names[5]).await.revision(), revision);
    assert!(
        world
            .all("credential/users")
            .await
            .iter()
            .all(|row| !row.sealed.is_empty())
    );
    assert!(
        world
            .audit
            .take()
            .iter()
            .any(|event| event.action == "password.seal")
    );
    // It stays so, whoever asks again.
    world.clock.advance(Duration::from_secs(1));
    let again = world.both().await.seal_all(|_| {}).await.unwrap();
    assert_eq!((again.sealed, again.since), (0, Some(since)));
}

#[tokio::test]
async fn after_the_mark_no_bare_row_counts_and_none_is_sealed() {
    let world = World::new().await;
    let ann = account("acme", "ann");
    insert(&world.bare().await, &ann, WEAK).await;
    let bare = world.row(&ann).await.content;
    // Three processes that were told to take both; the mark is made by one of them.
    let (one, other) = (world.both().await, world.both().await);
    assert_eq!(load(&other, &ann).await.stored(), Some(WEAK));
    one.seal_all(|_| {}).await.unwrap();
    let mallory = account("acme", "mallory");
    world.plant(place(&mallory), bare.clone()).await;
    world.plant(place(&ann), bare.clone()).await;
    for rows in [&one, &other, &world.both().await] {
        is_refused(rows, &ann, BARE).await;
        is_refused(rows, &mallory, BARE).await;
    }
    // A pass does not make it good.
    let sealing = other.seal_all(|_| {}).await.unwrap();
    assert_eq!((sealing.sealed, sealing.left), (0, 2));
    is_refused(&other, &mallory, BARE).await;
    // Whatever of the data store is cleared, the mark is not there.
    for collection in ["barrier", "rewrap", "quarantine/credential/users"] {
        for row in world.all(collection).await {
            let delete = Write::Delete {
                key: row.key.clone(),
                version: row.version,
            };
            let _ = world.data.apply(vec![delete]).await.unwrap();
        }
    }
    is_refused(&world.both().await, &mallory, BARE).await;
    is_refused(&one, &mallory, BARE).await;
}

#[tokio::test]
async fn a_mark_that_is_cleared_or_put_back_in_the_key_store_opens_nothing() {
    let world = World::new().await;
    let ann = account("acme", "ann");
    insert(&world.bare().await, &ann, WEAK).await;
    let bare = world.row(&ann).await.content;
    let (rows, unaware) = (world.both().await, world.both().await);
    let pages = Scan::of(Collection::named("coverage"));
    let before = world.keys.scan(pages.clone()).await.unwrap().items;
    rows.seal_all(|_| {}).await.unwrap();
    world.plant(place(&ann), bare).await;
    // The page as it was before the mark, then none at all: the ring knows its digest.
    let now = world.keys.scan(pages.clone()).await.unwrap().items;
    plant(
        &world.keys,
        before[0].key.clone(),
        before[0].content.clone(),
    )
    .await;
    let other = world.ring().await;
    assert_eq!(
        other.registered().await.unwrap_err().kind(),
        ErrorKind::Corrupt
    );
    // To a process that did not see the mark before, nobody's row is read.
    let nobody = account("acme", "nobody");
    for at in [&ann, &nobody] {
        let e = unaware.load(at).await.unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Unavailable);
    }
    let builder = world.builder(USERS).pepper(other).takes_bare();
    assert_eq!(
        builder.build().await.unwrap_err().kind(),
        ErrorKind::Corrupt
    );
    is_refused(&rows, &ann, BARE).await;
    let page = world.keys.fetch(&now[0].key).await.unwrap().unwrap();
    let delete = Write::Delete {
        key: page.key,
        version: page.version,
    };
    let _ = world.keys.apply(vec![delete]).await.unwrap();
    for at in [&ann, &nobody] {
        let e = unaware.load(at).await.unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Unavailable);
    }
    plant(&world.keys, now[0].key.clone(), now[0].content.clone()).await;
    is_refused(&unaware, &ann, BARE).await;
    is_refused(&world.both().await, &ann, BARE).await;
}

/// What an older row of the same account does: it opens, with its older revision.
#[tokio::test]
async fn an_older_row_opens_with_its_older_revision_until_its_key_is_gone() {
    let world = World::new().await;
    let rows = world.sealed().await;
    let ann = account("acme", "ann");
    let first = insert(&rows, &ann, WEAK).await;
    let older = world.row(&ann).await.content;
    let changed = of("$new$")
        .at_revision(first.credential.revision(), NOW)
        .next_revision(NOW)
        .unwrap();
    let _ = rows.swap(&ann, first.version, &changed).await.unwrap();
    world.plant(place(&ann), older.clone()).await;
    let back = load(&rows, &ann).await;
    assert_eq!(back.stored(), Some(WEAK));
    assert_eq!(back.revision(), first.credential.revision());

    let now = rows.load(&ann).await.unwrap().unwrap().version;
    let _ = rows.swap(&ann, now, &changed).await.unwrap();
    let ring = world.ring().await;
    let attached: Arc<dyn keyward_store::Stores> = world.data.clone();
    CredentialRows::attach(&ring, attached, Trail::new(world.audit.clone()))
        .await
        .unwrap();
    rotate_to_the_end(&world, &ring).await;
    let rows = world.sealed().await;
    assert_eq!(load(&rows, &ann).await.stored(), Some("$new$"));
    world.plant(place(&ann), older).await;
    assert!(rows.load(&ann).await.is_err());
}

/// Rotates the purpose, and destroys the key that was there before.
async fn rotate_to_the_end(world: &World, ring: &Keyring) -> KeyId {
    let old = ring.status().keys.first().unwrap().id;
    let admin = ring.admin();
    admin.rotate(&purpose()).await.unwrap();
    admin.promote_ready().await.unwrap();
    let report = admin.rewrap_values(&purpose(), |_| {}).await.unwrap();
    assert_eq!(
        (report.left, report.quarantined, report.skipped),
        (0, 0, 0),
        "{report:?}"
    );
    world.clock.advance(Duration::from_secs(90 * 86_400));
    admin.disable(old).await.unwrap();
    world.clock.advance(Duration::from_secs(90 * 86_400));
    admin.destroy(old).await.unwrap();
    old
}

#[tokio::test]
async fn the_pepper_rotates_with_nobody_logging_in() {
    let world = World::new().await;
    let ann = account("acme", "ann");
    let bare = account("acme", "bare");
    insert(&world.bare().await, &bare, WEAK).await;
    let rows = world.both().await;
    for at in 0..50 {
        insert(
            &rows,
            &account(&format!("t{}", at % 3), &format!("u{at}")),
            WEAK,
        )
        .await;
    }
    let first = insert(&rows, &ann, WEAK).await;
    // A command that keeps no rows.
    let ring = world.ring().await;
    let attached: Arc<dyn keyward_store::Stores> = world.data.clone();
    CredentialRows::attach(&ring, attached, Trail::new(world.audit.clone()))
        .await
        .unwrap();
    rotate_to_the_end(&world, &ring).await;
    assert!(
        world
            .audit
            .take()
            .iter()
            .all(|event| event.action != "password.quarantine")
    );
    let rows = world.both().await;
    let now = rows.load(&ann).await.unwrap().unwrap();
    assert_eq!(now.credential.stored(), Some(WEAK));
    assert_eq!(now.credential.revision(), first.credential.revision());
    assert_eq!(load(&rows, &bare).await.stored(), Some(WEAK));
    // The mark is in the registry, and stands in no rotation's way.
    rows.seal_all(|_| {}).await.unwrap();
    let ring = world.ring().await;
    let uncounted = ring.uncounted().await.unwrap().len();
    assert_eq!(uncounted, 2, "the rows and their mark");
    let attached: Arc<dyn keyward_store::Stores> = world.data.clone();
    CredentialRows::attach(&ring, attached, Trail::new(world.audit.clone()))
        .await
        .unwrap();
    assert!(ring.uncounted().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_row_that_does_not_open_is_told_and_left() {
    let world = World::new().await;
    let rows = world.sealed().await;
    let (ann, bob) = (account("acme", "ann"), account("acme", "bob"));
    insert(&rows, &ann, WEAK).await;
    world
        .plant(place(&bob), world.row(&ann).await.content)
        .await;
    let ring = world.ring().await;
    let attached: Arc<dyn keyward_store::Stores> = world.data.clone();
    CredentialRows::attach(&ring, attached, Trail::new(world.audit.clone()))
        .await
        .unwrap();
    let admin = ring.admin();
    admin.rotate(&purpose()).await.unwrap();
    admin.promote_ready().await.unwrap();
    let report = admin.rewrap_values(&purpose(), |_| {}).await.unwrap();
    assert_eq!((report.moved, report.quarantined, report.left), (1, 1, 1));
    let told = world.audit.take();
    let told = told
        .iter()
        .find(|event| event.action == "password.quarantine")
        .unwrap();
    assert_eq!(told.record.as_ref().unwrap().as_str(), "bob");
    assert_eq!(load(&rows, &ann).await.stored(), Some(WEAK));
}

#[tokio::test]
async fn revisions_begin_anew_at_random_and_a_removed_row_stays_removed() {
    let world = World::new().await;
    let rows = world.sealed().await;
    let ann = account("acme", "ann");
    let first = insert(&rows, &ann, WEAK).await;
    assert!(rows.insert(&ann, of(WEAK)).await.unwrap().is_none());
    assert!(rows.remove(&ann, first.version).await.unwrap());
    assert!(!rows.remove(&ann, first.version).await.unwrap());
    let swapped = rows
        .swap(&ann, first.version, &first.credential)
        .await
        .unwrap();
    assert!(matches!(swapped, Swapped::Changed));
    assert!(rows.load(&ann).await.unwrap().is_none());
    let again = insert(&rows, &ann, WEAK).await;
    assert_ne!(again.credential.revision(), first.credential.revision());
    assert!(again.credential.revision() < Revision::new(1 << 48));
}

#[tokio::test]
async fn an_upgrade_is_sealed_and_the_ledger_counts_it() {
    let world = World::new().await;
    let passwords = passwords(&world);
    let rows = world
        .builder(USERS)
        .pepper(world.ring().await)
        .meter(passwords.meter());
    let rows = rows.build().await.unwrap();
    let ann = account("acme", "ann");
    let first = insert(&rows, &ann, WEAK).await;
    let upgrades = Upgrades::new(&passwords, Arc::new(rows.clone()));
    let loaded = rows.load(&ann).await.unwrap().unwrap();
    let upgraded = upgrades
        .check(&ann, &loaded, typed("correct horse"))
        .await
        .unwrap();
    assert_eq!(upgraded.checked.verdict(), Verdict::Match);
    assert!(matches!(upgraded.upgrade, Upgrade::Done(_)));
    let now = load(&rows, &ann).await;
    assert!(
        now.stored()
            .unwrap()
            .starts_with("$argon2id$v=19$m=7168,t=5,p=1$")
    );
    assert_eq!(now.revision(), first.credential.revision());
    assert_eq!(now.labelled(), None);
    let ledger = passwords.ledger();
    assert_eq!((ledger.seals_opened, ledger.seals_made), (2, 2));
    assert_eq!((ledger.upgrades, ledger.total()), (1, 2));
}

#[tokio::test]
async fn weak_rows_are_wrapped_with_nobody_logging_in_and_peeled_at_log_in() {
    // MD5 of "correct horse".
    const MD5: &str = "3cb4e732631f47e6eb961f34554b7cde";
    let world = World::new().await;
    let passwords = passwords(&world);
    let strong = keyward_password::danger::hash_unjudged(
        &passwords,
        &account("acme", "ann").tenant,
        typed("correct horse"),
    );
    let strong = strong.await.unwrap();
    let rows = world.sealed().await;
    let (ann, bob) = (account("acme", "ann"), account("acme", "bob"));
    let weak = of(MD5).label(Some("hex-md5")).unwrap();
    let first = rows.insert(&ann, weak).await.unwrap().unwrap();
    insert(&rows, &bob, &strong).await;
    let none = Credential::without_password(NOW);
    rows.insert(&account("acme", "cem"), none)
        .await
        .unwrap()
        .unwrap();
    let context = Context::default();
    for (times, count) in [(0, 1), (1, 0)] {
        let pass = rows.wrap_all(&passwords, &context, |_| {}).await.unwrap();
        assert_eq!(
            (pass.seen, pass.wrapped, pass.bad),
            (3, count, 0),
            "{times}"
        );
    }
    let wrapped = load(&rows, &ann).await;
    assert!(wrapped.stored().unwrap().starts_with("{wrap1}$argon2id$"));
    assert_eq!(wrapped.labelled(), None);
    assert_eq!(wrapped.revision(), first.credential.revision());
    assert!(world.row(&ann).await.sealed.starts_with("kw1."));
    assert_eq!(load(&rows, &bob).await.stored(), Some(strong.as_str()));
    let upgrades = Upgrades::new(&passwords, Arc::new(rows.clone()));
    let loaded = rows.load(&ann).await.unwrap().unwrap();
    let upgraded = upgrades
        .check(&ann, &loaded, typed("correct horse"))
        .await
        .unwrap();
    assert_eq!(upgraded.checked.verdict(), Verdict::Match);
    assert!(matches!(upgraded.upgrade, Upgrade::Done(_)));
    assert!(
        load(&rows, &ann)
            .await
            .stored()
            .unwrap()
            .starts_with("$argon2id$")
    );
}

/// What lies where keys lie is nobody's row: it is told alike of accounts that are there and are not.
#[tokio::test]
async fn a_key_that_is_disabled_is_its_rows_matter_and_damaged_keys_are_everybodys() {
    let world = World::new().await;
    let rows = world.sealed().await;
    let ann = account("acme", "ann");
    insert(&rows, &ann, WEAK).await;
    let ring = world.ring().await;
    let old = ring.status().keys.first().unwrap().id;
    ring.admin().rotate(&purpose()).await.unwrap();
    ring.admin().promote_ready().await.unwrap();
    let attached: Arc<dyn keyward_store::Stores> = world.data.clone();
    let trail = Trail::new(world.audit.clone());
    CredentialRows::attach(&ring, attached, trail)
        .await
        .unwrap();
    ring.admin().disable(old).await.unwrap();
    let why = Some(keyward_keys::reason::DISABLED_KEY);
    is_refused(&world.sealed().await, &ann, why).await;
    ring.admin().enable(old).await.unwrap();
    assert_eq!(load(&world.sealed().await, &ann).await.stored(), Some(WEAK));

    let key = RecordKey {
        collection: Collection::named("tenant-keys"),
        owner: "acme".to_owned(),
        id: "password".to_owned(),
    };
    let held = world.keys.fetch(&key).await.unwrap().unwrap().content;
    let mut data = held.data.clone();
    *data.last_mut().unwrap() ^= 1;
    plant(&world.keys, key, Content { data, ..held }).await;
    let e = world.sealed().await.load(&ann).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Unavailable);
}

/// 64 at once over one sealed row, with the pepper on its way to another key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_log_ins_one_writes_while_the_pepper_rotates() {
    let world = World::new().await;
    let passwords = passwords(&world);
    let rows = world.sealed().await;
    let ann = account("acme", "ann");
    insert(&rows, &ann, WEAK).await;
    let admin = world.ring().await.admin();
    admin.rotate(&purpose()).await.unwrap();
    admin.promote_ready().await.unwrap();
    let upgrades = Upgrades::new(&passwords, Arc::new(rows.clone()));
    let mut all = tokio::task::JoinSet::new();
    let at_once = Arc::new(tokio::sync::Barrier::new(64));
    for _ in 0..64 {
        let (rows, upgrades) = (rows.clone(), upgrades.clone());
        let (ann, at_once) = (ann.clone(), Arc::clone(&at_once));
        all.spawn(async move {
            let loaded = rows.load(&ann).await.unwrap().unwrap();
            at_once.wait().await;
            upgrades
                .check(&ann, &loaded, typed("correct horse"))
                .await
                .unwrap()
        });
    }
    let ring = world.ring().await;
    let attached: Arc<dyn keyward_store::Stores> = world.data.clone();
    CredentialRows::attach(&ring, attached, Trail::new(world.audit.clone()))
        .await
        .unwrap();
    let report = ring
        .admin()
        .rewrap_values(&purpose(), |_| {})
        .await
        .unwrap();
    assert_eq!((report.left, report.quarantined), (0, 0));
    let mut done = 0;
    while let Some(upgraded) = all.join_next().await {
        let upgraded = upgraded.unwrap();
        assert_eq!(upgraded.checked.verdict(), Verdict::Match);
        assert!(matches!(upgraded.upgrade, Upgrade::Done(_) | Upgrade::Lost));
        done += usize::from(matches!(upgraded.upgrade, Upgrade::Done(_)));
    }
    assert_eq!(done, 1);
    assert!(
        load(&rows, &ann)
            .await
            .stored()
            .unwrap()
            .starts_with("$argon2id$")
    );
}

#[tokio::test]
async fn the_name_of_a_door_is_one_of_a_collection() {
    let world = World::new().await;
    for name in ["", "Users", "users/sealed@1", &"a".repeat(43)] {
        let name: &'static str = Box::leak(name.to_owned().into_boxed_str());
        let e = world.builder(Door::new(name)).build().await.unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Misuse, "{name}");
    }
}
