//! What is at the edges of the branches: of nobody's own name, of the longest password, of voided
//! devices, and of keys that are not read yet.

use std::sync::Arc;
use std::time::Duration;

use keyward_base::{BoxFuture, Door, Evidence as _, Result, Subject, Tenant, Timestamp};
use keyward_password::{
    Blocked, Credential, CredentialRows, Directory, Entry, Identifier, LogIn, NewHash, Policy,
    Realm, Status, Tried, Upgrades,
};

use keyward_store::Records as _;
use keyward_testkit::at_most;

use crate::throttle::hang_up;
use crate::world::{
    ANN, NOW, RIGHT, World, account, address, attempt, from, home, inside, people, purpose, quick,
    token, tried,
};

async fn with(log_in: &LogIn, password: &str, device: &str) -> Tried {
    let tried = attempt(log_in, ANN, password.as_bytes(), home(), Some(device)).await;
    tried.unwrap()
}

/// Somebody has the name and the address that stand for nobody inside.
#[tokio::test]
async fn nobodys_name_lets_nobody_in() {
    let world = World::new().await;
    world.put_stored("nobody", &world.hashed(RIGHT).await).await;
    let invalid = Identifier::email("nobody@nobody.invalid").unwrap();
    let of = account("nobody").subject;
    let organisation = Tenant::new("acme").unwrap();
    let realm = people();
    let entered = world.directory.insert(&realm, &invalid, &of, &organisation);
    assert!(entered.await.unwrap());
    let log_in = world.log_in().await;
    for typed in ["", "no address", "unknown@example.com"] {
        assert!(matches!(tried(&log_in, typed, RIGHT).await, Tried::Refused));
    }
    drop(inside(tried(&log_in, &address("nobody"), RIGHT).await));
}

#[tokio::test]
async fn the_front_of_a_password_is_no_password() {
    let world = World::new().await;
    let longest = "x".repeat(4_096);
    world.put_stored("ann", &world.hashed(&longest).await).await;
    let log_in = world.log_in().await;
    let longer = format!("{longest}y");
    assert!(matches!(tried(&log_in, ANN, &longer).await, Tried::Refused));
    drop(inside(tried(&log_in, ANN, &longest).await));
}

/// A table of an application's own, which was read a while before the credential.
#[derive(Debug)]
struct Earlier;

impl Directory for Earlier {
    fn find<'a>(&'a self, _: &'a Realm, _: &'a Identifier) -> BoxFuture<'a, Result<Option<Entry>>> {
        let organisation = Tenant::new("acme").unwrap();
        let read_at = Timestamp::from_millis(NOW.as_millis() - 5_000);
        let entry = Entry::new(account("ann").subject, organisation, read_at);
        Box::pin(async move { Ok(Some(entry)) })
    }

    fn renew<'a>(
        &'a self,
        _: &'a Realm,
        _: &'a Identifier,
        _: &'a Entry,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test]
async fn evidence_is_as_old_as_the_first_that_was_read() {
    let world = World::new().await;
    world.put_stored("ann", &world.hashed(RIGHT).await).await;
    let upgrades = Upgrades::new(&world.passwords, Arc::new(world.rows.clone()));
    let throttle = world.throttle().await;
    let (ring, earlier) = (world.ring.clone(), Arc::new(Earlier));
    let log_in = LogIn::builder(people(), ring, earlier, upgrades, throttle).build();
    let logged_in = inside(tried(&log_in.await.unwrap(), ANN, RIGHT).await);
    assert_eq!(logged_in.at().as_millis(), NOW.as_millis() - 5_000);
    assert_eq!(logged_in.subject(), &Subject::new("ann").unwrap());
}

/// Of a voided token nothing goes on, its bucket included.
#[tokio::test]
async fn a_device_of_before_begins_anew() {
    let world = World::new().await;
    world.put_stored("ann", &world.hashed(RIGHT).await).await;
    let log_in = world.log_in().await;
    let device = token(&inside(tried(&log_in, ANN, RIGHT).await));
    for _ in 0..9 {
        assert!(matches!(
            with(&log_in, "wrong", &device).await,
            Tried::Refused
        ));
    }
    world.next_revision("ann").await;
    let anew = token(&inside(with(&log_in, RIGHT, &device).await));
    for _ in 0..10 {
        assert!(matches!(
            with(&log_in, "wrong", &anew).await,
            Tried::Refused
        ));
    }
    assert!(matches!(
        with(&log_in, RIGHT, &anew).await,
        Tried::Blocked(_)
    ));
}

/// What fails on one device is not counted at another of the same account.
#[tokio::test]
async fn each_device_has_a_bucket_of_its_own() {
    let world = World::new().await;
    world.put_stored("ann", &world.hashed(RIGHT).await).await;
    let log_in = world.log_in().await;
    let one = token(&inside(tried(&log_in, ANN, RIGHT).await));
    let other = token(&inside(tried(&log_in, ANN, RIGHT).await));
    for _ in 0..10 {
        assert!(matches!(with(&log_in, "wrong", &one).await, Tried::Refused));
    }
    assert!(matches!(
        with(&log_in, RIGHT, &one).await,
        Tried::Blocked(_)
    ));
    drop(inside(with(&log_in, RIGHT, &other).await));
}

/// A try that is blocked as a stranger's is not counted at the device either.
#[tokio::test]
async fn a_blocked_try_of_a_voided_device_counts_nowhere() {
    let world = World::new().await;
    world.put_stored("ann", &world.hashed(RIGHT).await).await;
    let log_in = world.log_in().await;
    let device = token(&inside(tried(&log_in, ANN, RIGHT).await));
    while hang_up(&log_in, ANN, home()).is_none() {}
    world.next_revision("ann").await;
    for _ in 0..20 {
        world.tries.take();
        let tried = with(&log_in, RIGHT, &device).await;
        assert!(matches!(tried, Tried::Blocked(_)));
        assert_eq!(
            world.tries.take(),
            ["reserve", "reserve", "give_back"],
            "first as a device's, then as a stranger's"
        );
    }
}

/// What the first try of anybody takes of the keys after one was replaced, and after a long night.
#[tokio::test]
async fn keys_that_were_not_read_yet_are_read_for_all() {
    for is_rotated in [true, false] {
        let mut all = Vec::new();
        for typed in [
            ANN,
            "disabled@example.com",
            "unset@example.com",
            "unknown@example.com",
            "no address",
        ] {
            let world = World::new().await;
            let good = world.hashed(RIGHT).await;
            world.put_stored("ann", &good).await;
            let disabled = Credential::new(&good, NOW).unwrap();
            world
                .put("disabled", disabled.status(Status::Disabled))
                .await;
            world.put("unset", Credential::without_password(NOW)).await;
            let log_in = world.log_in().await;
            if is_rotated {
                let admin = world.ring.admin();
                admin.rotate(&purpose("password")).await.unwrap();
                admin.promote_ready().await.unwrap();
            } else {
                world.later(Duration::from_secs(3 * 86_400)).await;
            }
            let mut costs = Vec::new();
            for n in 0..2 {
                let seals = world.passwords.ledger().seals_opened;
                drop([&world.data, &world.keys, &world.tries].map(|store| store.take()));
                let tried = attempt(&log_in, typed, b"wrong", from(n), None).await;
                assert!(matches!(tried.unwrap(), Tried::Refused));
                let calls = [&world.data, &world.keys, &world.tries].map(|store| store.take());
                costs.push((calls, world.passwords.ledger().seals_opened - seals));
            }
            all.push((typed, costs));
        }
        let (_, first) = all[0].clone();
        for (typed, costs) in all {
            assert_eq!(costs, first, "{typed}, rotated: {is_rotated}");
        }
    }
}

fn hang_up_with(log_in: &LogIn, device: &str) -> Option<Blocked> {
    let tried = at_most(1, attempt(log_in, ANN, b"wrong", home(), Some(device)));
    match tried.map(Result::unwrap) {
        None | Some(Tried::Refused) => None,
        Some(Tried::Blocked(blocked)) => Some(blocked),
        Some(other) => panic!("{other:?}"),
    }
}

/// What a device that was stolen may try in 30 days.
#[tokio::test]
async fn a_device_has_a_hundred_tries_in_30_days() {
    let world = World::new().await;
    world.put_stored("ann", &world.hashed(RIGHT).await).await;
    let log_in = world.log_in().await;
    let device = token(&inside(tried(&log_in, ANN, RIGHT).await));
    for n in 0..10 {
        for _ in 0..10 {
            assert!(hang_up_with(&log_in, &device).is_none());
        }
        // Who is kept out by both windows is told of the longer one.
        world.later(Duration::from_secs(899)).await;
        let blocked = hang_up_with(&log_in, &device).unwrap();
        assert_eq!(blocked.needs_link, n == 9);
        world.later(Duration::from_secs(1)).await;
    }
    assert!(hang_up_with(&log_in, &device).unwrap().needs_link);
}

/// However often the ring was rotated, a try is counted under so many keys as one step takes.
#[tokio::test]
async fn a_ring_of_many_keys_lets_people_in() {
    let world = World::new().await;
    world.put_stored("ann", &world.hashed(RIGHT).await).await;
    let log_in = world.log_in().await;
    for _ in 0..6 {
        let admin = world.ring.admin();
        admin.rotate(&purpose("login")).await.unwrap();
        admin.promote_ready().await.unwrap();
    }
    for _ in 0..10 {
        assert!(hang_up(&log_in, ANN, home()).is_none());
    }
    assert!(hang_up(&log_in, ANN, home()).is_some());
    let elsewhere = attempt(&log_in, ANN, RIGHT.as_bytes(), from(8), None).await;
    drop(inside(elsewhere.unwrap()));
}

/// One table serves several doors, and the same address at another is another's.
#[tokio::test]
async fn doors_do_not_count_together() {
    const ADMINS: Door = Door::new("admins");
    let world = World::new().await;
    world.put_stored("ann", &world.hashed(RIGHT).await).await;
    let throttle = world.throttle().await;
    let users = world.builder(&throttle).build().await.unwrap();
    let rows = CredentialRows::builder(world.data.clone(), ADMINS, world.clock.clone());
    let rows = rows.pepper(world.ring.clone()).build().await.unwrap();
    let upgrades = Upgrades::new(&world.passwords, Arc::new(rows));
    let realm = Realm {
        door: ADMINS,
        tenant: people().tenant,
    };
    let (ring, directory) = (world.ring.clone(), Arc::new(world.directory.clone()));
    let admins = LogIn::builder(realm, ring, directory, upgrades, throttle).build();
    let admins = admins.await.unwrap();
    for _ in 0..10 {
        assert!(hang_up(&admins, ANN, home()).is_none());
    }
    assert!(hang_up(&admins, ANN, home()).is_some());
    drop(inside(tried(&users, ANN, RIGHT).await));
}

/// Admission is at the most that a row may take: one of more memory than the policy's gets in.
#[tokio::test]
async fn a_row_of_more_memory_than_the_policys_gets_in() {
    let more = NewHash::argon2id(19_456, 2, 1).unwrap();
    let other = World::within(Policy::default().new_hashes(more), 10_000).await;
    let stored = other.hashed(RIGHT).await;
    let world = World::within(quick(), 10_000).await;
    world.put_stored("ann", &stored).await;
    let throttle = world.throttle().await;
    let floor = crate::floor::floor();
    let log_in = world.builder(&throttle).floor(floor).build().await.unwrap();
    drop(inside(tried(&log_in, ANN, RIGHT).await));
}

/// When the key is gone under which nobody's row was sealed, another is sealed for nobody.
#[tokio::test]
async fn a_rotation_to_its_end_leaves_all_alike() {
    let world = World::new().await;
    world.put_stored("ann", &world.hashed(RIGHT).await).await;
    let log_in = world.log_in().await;
    let password = purpose("password");
    let keys = world.ring.status().keys;
    let old = keys.iter().find(|key| key.purpose == password).unwrap().id;
    let admin = world.ring.admin();
    admin.rotate(&password).await.unwrap();
    admin.promote_ready().await.unwrap();
    let report = admin.rewrap_values(&password, |_| {}).await.unwrap();
    assert_eq!((report.left, report.quarantined), (0, 0));
    world.later(Duration::from_secs(90 * 86_400)).await;
    admin.disable(old).await.unwrap();
    for (n, typed) in (0..).zip([ANN, "unknown@example.com", "no address"]) {
        let before = world.passwords.ledger().seals_opened;
        let tried = attempt(&log_in, typed, b"wrong", from(n), None).await;
        assert!(matches!(tried.unwrap(), Tried::Refused));
        let opened = world.passwords.ledger().seals_opened - before;
        assert_eq!(opened, 1, "{typed}");
    }
}

#[tokio::test]
async fn a_log_in_puts_the_entry_under_the_key_in_use() {
    let world = World::new().await;
    world.put_stored("ann", &world.hashed(RIGHT).await).await;
    let log_in = world.log_in().await;
    let before = world.entry("ann").await;
    let admin = world.ring.admin();
    admin.rotate(&purpose("login")).await.unwrap();
    admin.promote_ready().await.unwrap();
    assert!(matches!(tried(&log_in, ANN, "wrong").await, Tried::Refused));
    assert!(world.data.fetch(&before).await.unwrap().is_some());
    drop(inside(tried(&log_in, ANN, RIGHT).await));
    assert!(world.data.fetch(&before).await.unwrap().is_none());
    assert_ne!(world.entry("ann").await, before);
}
