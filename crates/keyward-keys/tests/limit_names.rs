//! Requests are counted under keyed names: shared by all who have the ring, through a rotation, and
//! telling nothing to who has not.
// Tests: a panic is the report.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, missing_docs)]

use std::sync::Arc;
use std::time::Duration;

use keyward_base::{AddressPrefix, ErrorKind, ManualClock, Purpose, Timestamp};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, KeyUse, Keyring, KeyringBuilder, Life, RingNames, Root};
use keyward_store::MemoryStore;
use keyward_store::limit::{Asked, Limit, Limiter, Names as _, Whom};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

struct World {
    clock: Arc<ManualClock>,
    keys: Arc<MemoryStore>,
    root: Arc<dyn Root>,
    counts: Arc<MemoryStore>,
    limit: Limit,
}

fn purpose(name: &str) -> Purpose {
    Purpose::new(name).unwrap()
}

impl World {
    fn new() -> Self {
        Self {
            clock: Arc::new(ManualClock::new(NOW)),
            keys: Arc::new(MemoryStore::new(1_000)),
            root: Arc::new(EphemeralRoot::new(&Provider::default()).unwrap()),
            counts: Arc::new(MemoryStore::new(1_000)),
            limit: Limit::new("api", 10, Duration::from_secs(3_600)).unwrap(),
        }
    }

    fn builder(&self) -> KeyringBuilder {
        Keyring::builder(self.keys.clone(), self.root.clone()).clock(self.clock.clone())
    }

    async fn create(&self) -> Keyring {
        let ring = self.builder().create(&[purpose("vault")], &[]).await;
        let ring = ring.unwrap();
        let life = Life::AtMost(Duration::from_secs(86_400));
        let admin = ring.admin();
        let added = admin
            .add_purpose(&purpose("limit"), KeyUse::Mac(life))
            .await;
        added.unwrap();
        ring
    }

    /// How often somebody is admitted by a process that has `ring`.
    async fn through(&self, ring: &Keyring) -> u32 {
        let names = RingNames::new(ring.clone(), purpose("limit")).unwrap();
        let builder = Limiter::builder(self.counts.clone(), Arc::new(names), self.clock.clone());
        let limiter = builder.limit(&self.limit).build().await.unwrap();
        let client = Whom::address(AddressPrefix::of("192.0.2.7".parse().unwrap()));
        let mut through = 0;
        for _ in 0..4 {
            let asked = limiter.ask(&[(&self.limit, client.clone())]).await;
            through += u32::from(matches!(asked.unwrap(), Asked::Admitted(_)));
        }
        through
    }
}

#[tokio::test]
async fn processes_share_the_names_and_a_rotation_forgets_nothing() {
    let world = World::new();
    let here = world.create().await;
    let there = world.builder().open().await.unwrap();
    assert_eq!(world.through(&here).await, 4);
    assert_eq!(world.through(&there).await, 4);
    let admin = here.admin();
    admin.rotate(&purpose("limit")).await.unwrap();
    admin.promote_ready().await.unwrap();
    // One of the two knows the new key and the other not yet.
    assert_eq!(world.through(&here).await, 2);
    assert_eq!(world.through(&there).await, 0);
    there.refresh().await.unwrap();
    assert_eq!(world.through(&there).await, 0);
}

#[tokio::test]
async fn names_are_of_the_limit_and_of_whom() {
    let world = World::new();
    let ring = world.create().await;
    let names = RingNames::new(ring.clone(), purpose("limit")).unwrap();
    let of = |limit: &str, whom: &[u8]| names.names(limit, whom).unwrap();
    assert_eq!(of("a", b"bc"), of("a", b"bc"));
    assert_ne!(of("a", b"bc"), of("ab", b"c"));
    // Whom one limit counts is not found among those of another.
    assert_ne!(of("a", b"b"), of("c", b"b"));
    assert_ne!(of("a", b"b"), of("a", b"c"));
    // Another ring has others.
    let other = World::new().create().await;
    let other = RingNames::new(other, purpose("limit")).unwrap();
    assert_ne!(of("a", b"bc"), other.names("a", b"bc").unwrap());
    for wrong in ["vault", "none"] {
        let made = RingNames::new(ring.clone(), purpose(wrong));
        assert_eq!(made.unwrap_err().kind(), ErrorKind::Misuse);
    }
}
