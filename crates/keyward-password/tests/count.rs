//! The rows of a door, counted where they lie.

#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used)] // Tests: a panic is the report.

use std::path::Path;
use std::sync::Arc;

use keyward_base::{
    Door, ErrorKind, ManualClock, Purpose, SecretBytes, Subject, Tenant, Timestamp,
};
use keyward_crypto::Provider;
use keyward_crypto::sealed::Header;
use keyward_keys::{EphemeralRoot, Keyring, Root};
use keyward_password::records::RowsCounted;
use keyward_password::{
    Account, Admission, Census, Context, Credential, CredentialRows, Passwords, Policy,
};
use keyward_sqlite::{SqliteStore, rusqlite};
use keyward_store::{
    Applied, Collection, Content, MemoryStore, Record, RecordKey, Records, Scan, Stores, Write,
};
use keyward_testkit::staged::{Interrupt, Staged};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const USERS: Door = Door::new("users");
const STRONG: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IG9mIDE2IQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8";
const MD5: &str = "3cb4e732631f47e6eb961f34554b7cde";
/// More than are read at once.
const MANY: u64 = 300;

struct World {
    clock: Arc<ManualClock>,
    keys: Arc<Staged>,
    root: Arc<dyn Root>,
    data: Arc<dyn Stores>,
    passwords: Passwords,
}

impl World {
    async fn over(data: Arc<dyn Stores>) -> Self {
        let clock = Arc::new(ManualClock::new(NOW));
        let keys = Staged::over(Arc::new(MemoryStore::new(10_000)));
        let root: Arc<dyn Root> = Arc::new(EphemeralRoot::new(&Provider::default()).unwrap());
        let builder = Keyring::builder(keys.clone(), root.clone()).clock(clock.clone());
        builder.create(&[purpose()], &[]).await.unwrap();
        let admission = Admission::default().workers(1);
        Self {
            passwords: Passwords::new(Policy::default(), admission, clock.clone()).unwrap(),
            clock,
            keys,
            root,
            data,
        }
    }

    /// The keyring of another process.
    async fn ring(&self) -> Keyring {
        let builder = Keyring::builder(self.keys.clone(), self.root.clone());
        builder.clock(self.clock.clone()).open().await.unwrap()
    }

    async fn bare(&self) -> CredentialRows {
        let rows = CredentialRows::builder(self.data.clone(), USERS, self.clock.clone());
        rows.build().await.unwrap()
    }

    async fn sealed(&self, takes_bare: bool) -> CredentialRows {
        let rows = CredentialRows::builder(self.data.clone(), USERS, self.clock.clone());
        let rows = rows.meter(self.passwords.meter()).pepper(self.ring().await);
        let rows = if takes_bare { rows.takes_bare() } else { rows };
        rows.build().await.unwrap()
    }

    async fn count(&self, rows: &CredentialRows) -> (RowsCounted, Census) {
        let (before, hashes) = (self.all().await, self.passwords.ledger().total());
        let mut census = Census::new(&self.passwords);
        let mut told = Vec::new();
        // As a task: it is one that may move between threads.
        let (rows, context) = (rows.clone(), Context::default());
        let counting = tokio::spawn(async move {
            let counted = rows.count(&mut census, &context, |seen| told.push(seen));
            (counted.await.unwrap(), census, told)
        });
        let (counted, census, told) = counting.await.unwrap();
        assert_eq!(self.passwords.ledger().total(), hashes, "nothing is hashed");
        assert!(self.all().await == before, "nothing is written");
        assert_eq!(told.last(), Some(&counted.seen));
        let of_census = counted.seen - counted.bad - counted.without_password;
        assert_eq!(census.counted().rows, of_census);
        (counted, census)
    }

    /// All that the store can give.
    async fn all(&self) -> Vec<Record> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let scan = Scan::of(Collection::named("credential/users")).after(after);
            let page = self.data.scan(scan).await.unwrap();
            all.extend(page.items);
            after = page.next;
            if after.is_none() {
                return all;
            }
        }
    }

    async fn content(&self, of: &Account) -> Content {
        let found = self.data.fetch(&place(of)).await.unwrap();
        found.unwrap().content
    }

    async fn key_of(&self, of: &Account) -> String {
        let sealed = self.content(of).await.sealed;
        Header::peek(&sealed).unwrap().key.to_string()
    }
}

fn purpose() -> Purpose {
    Purpose::new("password").unwrap()
}

fn account(tenant: &str, subject: &str) -> Account {
    Account {
        door: USERS,
        tenant: Tenant::new(tenant).unwrap(),
        subject: Subject::new(subject).unwrap(),
    }
}

fn place(of: &Account) -> RecordKey {
    RecordKey {
        collection: Collection::named("credential/users"),
        owner: of.tenant.as_str().to_owned(),
        id: of.subject.as_str().to_owned(),
    }
}

fn of(stored: &str) -> Credential {
    Credential::new(stored, NOW).unwrap()
}

async fn insert(rows: &CredentialRows, at: &Account, credential: Credential) {
    rows.insert(at, credential).await.unwrap().unwrap();
}

/// As whoever writes the store does.
async fn plant(store: &dyn Records, key: RecordKey, content: Content) {
    let found = store.fetch(&key).await.unwrap();
    let write = Write::put(key, found.map(|record| record.version), content);
    let applied = store.apply(vec![write]).await.unwrap();
    assert!(matches!(applied, Applied::Done(_)));
}

fn words(census: &Census) -> Vec<(String, u64)> {
    let groups = census.groups().into_iter();
    groups
        .map(|group| (group.kind.to_string(), group.counted.rows))
        .collect()
}

#[tokio::test]
async fn every_row_is_counted_by_what_it_is_in_memory() {
    let world = World::over(Arc::new(MemoryStore::new(10_000))).await;
    every_row_is_counted(&world, None).await;
}

#[tokio::test]
async fn every_row_is_counted_by_what_it_is_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let world = World::over(Arc::new(SqliteStore::open(&path).unwrap())).await;
    every_row_is_counted(&world, Some(&path)).await;
}

async fn every_row_is_counted(world: &World, file: Option<&Path>) {
    let bare = world.bare().await;
    for at in 0..MANY {
        insert(&bare, &account("acme", &format!("u{at}")), of(STRONG)).await;
    }
    let (counted, census) = world.count(&bare).await;
    assert_eq!((counted.seen, counted.opened, counted.bad), (MANY, 0, 0));
    assert_eq!(words(&census), [(argon2id(""), MANY)]);

    // What is wrapped under the first pepper, and what came under the second.
    let both = world.sealed(true).await;
    let md5 = || of(MD5).label(Some("hex-md5")).unwrap();
    let (ann, bob) = (account("globex", "ann"), account("globex", "bob"));
    insert(&both, &ann, md5()).await;
    let context = Context::default();
    let wrapped = both.wrap_all(&world.passwords, &context, |_| {}).await;
    assert_eq!(wrapped.unwrap().wrapped, 1);
    let admin = world.ring().await.admin();
    admin.rotate(&purpose()).await.unwrap();
    admin.promote_ready().await.unwrap();
    let both = world.sealed(true).await;
    insert(&both, &bob, md5()).await;
    insert(&both, &account("globex", "cem"), of(STRONG)).await;
    let devise = of("$2a$10$CCCCCCCCCCCCCCCCCCCCC.bOPIHsrRTS3DxLLG5zPpQxRPqURmIXK");
    let devise = devise.label(Some("devise")).unwrap();
    let peppered = Context::default().pepper(SecretBytes::copy_of(b"its own"));
    let devise = devise.context(peppered);
    insert(&both, &account("globex", "dan"), devise).await;
    let none = Credential::without_password(NOW);
    insert(&both, &account("globex", "eve"), none).await;
    let (old, new) = (world.key_of(&ann).await, world.key_of(&bob).await);
    assert_ne!(old, new);

    // Of whoever writes the table: moved, of a newer release, cut off, of nobody, of a key that is not.
    let moved = world.content(&bob).await;
    plant(
        world.data.as_ref(),
        place(&account("globex", "moved")),
        moved.clone(),
    )
    .await;
    let mut newer = moved.clone();
    *newer.data.get_mut(4).unwrap() = 2;
    plant(
        world.data.as_ref(),
        place(&account("globex", "newer")),
        newer,
    )
    .await;
    let mut cut = moved.clone();
    cut.data.pop();
    plant(world.data.as_ref(), place(&account("globex", "cut")), cut).await;
    let nobody = RecordKey {
        id: "no\u{7}body".to_owned(),
        ..place(&ann)
    };
    plant(world.data.as_ref(), nobody, moved.clone()).await;
    let mut strange = moved;
    strange.sealed.replace_range(6..8, "zz");
    plant(
        world.data.as_ref(),
        place(&account("globex", "strange")),
        strange,
    )
    .await;
    if let Some(file) = file {
        insert(&both, &account("globex", "torn"), of(STRONG)).await;
        let sql = "UPDATE record SET id = CAST(x'eb' AS TEXT) WHERE id = 'torn'";
        let conn = rusqlite::Connection::open(file).unwrap();
        assert_eq!(conn.execute(sql, []).unwrap(), 1);
    }

    let before = world.passwords.ledger().seals_opened;
    let (counted, census) = world.count(&both).await;
    let unreadable = u64::from(file.is_some());
    assert_eq!(counted.unreadable, unreadable);
    assert_eq!(
        (counted.seen, counted.opened, counted.bad),
        (MANY + 10, 5, 5)
    );
    assert_eq!(counted.without_password, 1);
    // The two that do not open were begun.
    assert_eq!(world.passwords.ledger().seals_opened - before, 7);
    let of_devise = "devise: bcrypt cost=10".to_owned();
    assert_eq!(
        words(&census),
        [
            (format!("hex-md5: md5, sealed with {new}"), 1),
            (format!("{of_devise}, sealed with {new}"), 1),
            (argon2id(""), MANY),
            (argon2id(&format!(", sealed with {new}")), 1),
            (
                format!("hex-md5: md5, wrapped in argon2id m=19456 t=2 p=1, sealed with {old}"),
                1
            ),
        ]
    );
    let all = census.counted();
    assert_eq!((all.weaker, all.wrappable, all.wrapped), (2, 1, 1));

    // Where no bare row is taken, none is counted as a hash.
    let (counted, census) = world.count(&world.sealed(false).await).await;
    assert_eq!((counted.opened, counted.bad), (5, 5 + MANY));
    assert_eq!(census.counted().rows, 4);
    // Nor is one that is sealed, where there is no pepper.
    let (counted, census) = world.count(&bare).await;
    assert_eq!((counted.opened, counted.bad), (0, 10));
    assert_eq!(words(&census), [(argon2id(""), MANY)]);
}

fn argon2id(then: &str) -> String {
    format!("argon2: argon2id m=19456 t=2 p=1{then}")
}

/// Damaged keys cost their tenant, and a key store that is away ends it: it is not whole.
#[tokio::test]
async fn what_is_not_whole_is_not_told_as_whole() {
    let world = World::over(Arc::new(MemoryStore::new(10_000))).await;
    let rows = world.sealed(false).await;
    for tenant in ["acme", "globex", "initech"] {
        insert(&rows, &account(tenant, "ann"), of(STRONG)).await;
    }
    let keys = RecordKey {
        collection: Collection::named("tenant-keys"),
        owner: "globex".to_owned(),
        id: "password".to_owned(),
    };
    let mut content = world.keys.fetch(&keys).await.unwrap().unwrap().content;
    *content.data.last_mut().unwrap() ^= 1;
    plant(world.keys.as_ref(), keys, content).await;
    let rows = world.sealed(false).await;
    let (counted, census) = world.count(&rows).await;
    assert_eq!((counted.seen, counted.opened, counted.bad), (3, 2, 1));
    assert_eq!(census.counted().rows, 2);
    let rows = world.sealed(false).await;
    world.keys.interrupt(0, Interrupt::DieBefore);
    let mut census = Census::new(&world.passwords);
    let counted = rows.count(&mut census, &Context::default(), |_| {}).await;
    assert_eq!(counted.unwrap_err().kind(), ErrorKind::Unavailable);
}
