//! The directory: who is found, by whom it can be changed, and what its table tells.

#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used)] // Tests: a panic is the report.

use std::sync::Arc;
use std::time::Duration;

use keyward_base::{Door, ErrorKind, ManualClock, Purpose, Subject, Tenant, Timestamp};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, KeyUse, Keyring, Life, Root};
use keyward_password::{Directory as _, DirectoryRows, Identifier, IdentifierHasher, Realm};
use keyward_store::{Applied, Collection, MemoryStore, Record, Records as _, Scan, Write};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const USERS: Door = Door::new("users");

struct World {
    clock: Arc<ManualClock>,
    keys: Arc<MemoryStore>,
    data: Arc<MemoryStore>,
    root: Arc<dyn Root>,
}

impl World {
    async fn new() -> Self {
        let world = Self {
            clock: Arc::new(ManualClock::new(NOW)),
            keys: Arc::new(MemoryStore::new(10_000)),
            data: Arc::new(MemoryStore::new(10_000)),
            root: Arc::new(EphemeralRoot::new(&Provider::default()).unwrap()),
        };
        let builder = Keyring::builder(world.keys.clone(), world.root.clone());
        let ring = builder
            .clock(world.clock.clone())
            .create(&[Purpose::new("password").unwrap()], &[])
            .await;
        let life = Life::AtMost(Duration::from_secs(400 * 86_400));
        let ring = ring.unwrap();
        let added = ring.admin().add_purpose(&login(), KeyUse::Mac(life)).await;
        added.unwrap();
        world
    }

    /// The keyring of another process.
    async fn ring(&self) -> Keyring {
        let builder = Keyring::builder(self.keys.clone(), self.root.clone());
        builder.clock(self.clock.clone()).open().await.unwrap()
    }

    async fn directory(&self, ring: &Keyring) -> DirectoryRows {
        let builder = DirectoryRows::builder(self.data.clone(), ring.clone());
        builder.build().await.unwrap()
    }

    async fn rows(&self) -> Vec<Record> {
        let scan = Scan::of(Collection::named("directory"));
        self.data.scan(scan).await.unwrap().items
    }
}

fn login() -> Purpose {
    Purpose::new("login").unwrap()
}

fn people() -> Realm {
    Realm {
        door: USERS,
        tenant: Tenant::new("people").unwrap(),
    }
}

fn email(text: &str) -> Identifier {
    Identifier::email(text).unwrap()
}

fn subject(text: &str) -> Subject {
    Subject::new(text).unwrap()
}

fn acme() -> Tenant {
    Tenant::new("acme").unwrap()
}

async fn rotate(ring: &Keyring) {
    ring.admin().rotate(&login()).await.unwrap();
    ring.admin().promote_ready().await.unwrap();
}

#[tokio::test]
async fn an_identifier_is_of_one_account_in_its_realm() {
    let world = World::new().await;
    let ring = world.ring().await;
    let directory = world.directory(&ring).await;
    let (people, ada) = (people(), email("ada@example.com"));
    assert!(directory.find(&people, &ada).await.unwrap().is_none());
    let insert = async |realm: &Realm, who: &str| {
        let who = subject(who);
        directory.insert(realm, &ada, &who, &acme()).await.unwrap()
    };
    assert!(insert(&people, "1").await);
    assert!(!insert(&people, "2").await, "it is somebody's");
    let found = directory.find(&people, &email("ADA@example.com")).await;
    let found = found.unwrap().unwrap();
    assert_eq!(
        (found.subject(), found.organisation()),
        (&subject("1"), &acme())
    );
    assert_eq!((found.made(), found.read_at()), (NOW, NOW));
    // Another door and another tenant are other realms.
    for other in [
        Realm {
            door: Door::new("admins"),
            ..people.clone()
        },
        Realm {
            tenant: Tenant::new("others").unwrap(),
            ..people.clone()
        },
    ] {
        assert!(directory.find(&other, &ada).await.unwrap().is_none());
        assert!(insert(&other, "3").await);
    }
    // The table tells of no address.
    for row in world.rows().await {
        let shown = format!("{:?}", row.key) + &String::from_utf8_lossy(&row.data);
        assert!(!shown.contains("ada") && !shown.contains("example"));
    }
    // Who found it removes it, once.
    assert!(directory.remove(&people, &found).await.unwrap());
    assert!(!directory.remove(&people, &found).await.unwrap());
    assert!(directory.find(&people, &ada).await.unwrap().is_none());
    assert!(insert(&people, "4").await);
    assert!(
        !directory.remove(&people, &found).await.unwrap(),
        "another's"
    );
}

#[tokio::test]
async fn of_many_at_once_one_gets_an_identifier() {
    let world = World::new().await;
    let mut tasks = Vec::new();
    for process in 0..2 {
        let ring = world.ring().await;
        let directory = world.directory(&ring).await;
        for task in 0..32 {
            let directory = directory.clone();
            tasks.push(tokio::spawn(async move {
                let who = subject(&format!("{process}-{task}"));
                let ada = email("ada@example.com");
                directory
                    .insert(&people(), &ada, &who, &acme())
                    .await
                    .unwrap()
            }));
        }
    }
    let mut won = 0;
    for task in tasks {
        won += usize::from(task.await.unwrap());
    }
    assert_eq!((won, world.rows().await.len()), (1, 1));
}

#[tokio::test]
async fn a_retired_key_still_finds_and_the_next_use_moves() {
    let world = World::new().await;
    let (ring, other) = (world.ring().await, world.ring().await);
    let (directory, late) = (world.directory(&ring).await, world.directory(&other).await);
    let (people, ada) = (people(), email("ada@example.com"));
    let one = subject("1");
    assert!(
        directory
            .insert(&people, &ada, &one, &acme())
            .await
            .unwrap()
    );
    let old = world.rows().await[0].clone();
    let hasher = IdentifierHasher::new(ring.clone());
    let before = hasher.hash(&people, &ada).unwrap();

    rotate(&ring).await;
    let all = hasher.all(&people, &ada).unwrap();
    assert_eq!((all.len(), &all[1]), (2, &before));
    assert_ne!(hasher.hash(&people, &ada).unwrap(), before);
    let found = directory.find(&people, &ada).await.unwrap().unwrap();
    assert_eq!(found.subject(), &one);
    // Nobody gets it a second time, under the new key.
    assert!(
        !directory
            .insert(&people, &ada, &subject("2"), &acme())
            .await
            .unwrap()
    );

    world.clock.advance(Duration::from_secs(1));
    ring.refresh().await.unwrap();
    directory.renew(&people, &ada, &found).await.unwrap();
    let rows = world.rows().await;
    assert_eq!(rows.len(), 1);
    assert_ne!(rows[0].key, old.key);
    let moved = directory.find(&people, &ada).await.unwrap().unwrap();
    assert_eq!((moved.subject(), moved.made()), (&one, NOW));
    // Again, and of what was found before: nothing.
    directory.renew(&people, &ada, &moved).await.unwrap();
    directory.renew(&people, &ada, &found).await.unwrap();
    assert_eq!(world.rows().await, rows);
    // A process that has not heard of it finds it, since the key was announced before it was used.
    other.refresh().await.unwrap();
    assert!(late.find(&people, &ada).await.unwrap().is_some());
    // The row that was moved, put back: nobody is found by two.
    let insert = Write::Insert {
        key: old.key.clone(),
        content: old.content,
    };
    assert!(matches!(
        world.data.apply(vec![insert]).await.unwrap(),
        Applied::Done(_)
    ));
    let refused = directory.find(&people, &ada).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn a_process_that_knows_the_old_key_and_one_that_knows_the_new_give_it_once() {
    let world = World::new().await;
    let (ring, other) = (world.ring().await, world.ring().await);
    let (new, late) = (world.directory(&ring).await, world.directory(&other).await);
    ring.admin().rotate(&login()).await.unwrap();
    // It has read the ring while the key was pending, and not since.
    other.refresh().await.unwrap();
    ring.admin().promote_ready().await.unwrap();
    let (people, ada) = (people(), email("ada@example.com"));
    assert!(
        new.insert(&people, &ada, &subject("1"), &acme())
            .await
            .unwrap()
    );
    assert!(
        !late
            .insert(&people, &ada, &subject("2"), &acme())
            .await
            .unwrap()
    );
    assert!(late.find(&people, &ada).await.unwrap().is_some());
    // And the other way about.
    let eve = email("eve@example.com");
    assert!(
        late.insert(&people, &eve, &subject("3"), &acme())
            .await
            .unwrap()
    );
    assert!(
        !new.insert(&people, &eve, &subject("4"), &acme())
            .await
            .unwrap()
    );
    assert_eq!(world.rows().await.len(), 2);
}

#[tokio::test]
async fn a_disabled_key_refuses_all_and_hides_nobody() {
    let world = World::new().await;
    let ring = world.ring().await;
    let directory = world.directory(&ring).await;
    let (people, ada) = (people(), email("ada@example.com"));
    assert!(
        directory
            .insert(&people, &ada, &subject("1"), &acme())
            .await
            .unwrap()
    );
    let old = ring.mac(&login()).unwrap().id();
    rotate(&ring).await;
    ring.admin().disable(old).await.unwrap();
    for who in ["ada@example.com", "nobody@example.com"] {
        let refused = directory.find(&people, &email(who)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable, "{who}");
    }
    let refused = directory
        .insert(&people, &ada, &subject("2"), &acme())
        .await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unavailable);
    // It is not destroyed while somebody is found by it.
    assert!(ring.admin().destroy(old).await.is_err());
    ring.admin().enable(old).await.unwrap();
    assert!(directory.find(&people, &ada).await.unwrap().is_some());
}

#[tokio::test]
async fn whoever_writes_the_table_gives_nobody_anothers_account() {
    let world = World::new().await;
    let ring = world.ring().await;
    let directory = world.directory(&ring).await;
    let (people, ada, eve) = (people(), email("ada@example.com"), email("eve@example.com"));
    assert!(
        directory
            .insert(&people, &ada, &subject("1"), &acme())
            .await
            .unwrap()
    );
    let of_ada = world.rows().await[0].clone();
    assert!(
        directory
            .insert(&people, &eve, &subject("2"), &acme())
            .await
            .unwrap()
    );
    let rows = world.rows().await;
    let of_eve = rows.into_iter().find(|row| row.key != of_ada.key).unwrap();
    let plant = async |data: Vec<u8>| {
        let now = world.data.fetch(&of_eve.key).await.unwrap().unwrap();
        let mut content = of_eve.content.clone();
        content.data = data;
        let write = Write::put(of_eve.key.clone(), Some(now.version), content);
        assert!(matches!(
            world.data.apply(vec![write]).await.unwrap(),
            Applied::Done(_)
        ));
        directory.find(&people, &eve).await
    };
    assert_eq!(
        plant(of_ada.data.clone()).await.unwrap_err().kind(),
        ErrorKind::Corrupt
    );
    for at in 0..of_eve.data.len() {
        for bit in 0..8 {
            let mut data = of_eve.data.clone();
            data[at] ^= 1 << bit;
            let refused = plant(data).await.unwrap_err();
            let newer = at == 4 && refused.kind() == ErrorKind::Unavailable;
            assert!(
                newer || refused.kind() == ErrorKind::Corrupt,
                "byte {at}, bit {bit}"
            );
        }
    }
    for len in 0..of_eve.data.len() {
        let refused = plant(of_eve.data[..len].to_vec()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Corrupt, "{len} bytes");
    }
    assert!(plant(of_eve.data.clone()).await.unwrap().is_some());
}
