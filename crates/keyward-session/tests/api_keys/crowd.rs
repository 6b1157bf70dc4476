//! Many at once, on two handles: one key is rotated and used.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use keyward_base::{Clock as _, Reason, Timestamp};
use keyward_session::api_key::{ApiKeyId, ApiKeys, Rotation};
use keyward_session::reason;
use keyward_sqlite::SqliteStore;
use keyward_store::{MemoryStore, Records};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::world::{World, all, new, tenant};

const TASKS: usize = 64;
/// Shorter than what a process knows of the keyring is good for.
const OVERLAP: Duration = Duration::from_secs(10);

struct Shared {
    world: World,
    handles: [ApiKeys; 2],
    id: ApiKeyId,
    text: String,
    start: Barrier,
    /// Whoever rotated has its successor's text here.
    successor: std::sync::OnceLock<String>,
    wins: AtomicUsize,
    /// The end of the overlap has gone by, by the clock.
    over: AtomicBool,
    used: AtomicUsize,
}

/// Half of the tasks rotate the key, all of them use it until it is over: no gap, no use after it.
async fn task(shared: Arc<Shared>, n: usize) {
    let keys = &shared.handles[n % 2];
    let ada = shared.world.person("acme", "ada").await;
    shared.start.wait().await;
    if n.is_multiple_of(2) {
        let rotation = Rotation::new().overlap(OVERLAP).unwrap();
        match keys.rotate(&ada, &all(), shared.id, rotation).await {
            Ok(made) => {
                // At once.
                keys.check(made.key().expose(), None).await.unwrap();
                shared
                    .successor
                    .set(made.key().expose().to_owned())
                    .unwrap();
                shared.wins.fetch_add(1, Ordering::SeqCst);
            }
            Err(e) => assert_eq!(e.reason(), Some(reason::ROTATED)),
        }
    }
    loop {
        let over = shared.over.load(Ordering::SeqCst);
        match keys.check(&shared.text, None).await {
            Ok(_) => {
                assert!(!over, "a check that began after the overlap found the key");
                shared.used.fetch_add(1, Ordering::SeqCst);
            }
            // The clock may have moved after it was asked whether it has.
            Err(e) => {
                assert_eq!(e.reason(), Some(Reason::EXPIRED));
                let now = shared.world.clock.now().unwrap();
                assert!(now >= ends(), "a gap: {e:?}");
            }
        }
        if let Some(successor) = shared.successor.get() {
            keys.check(successor, None).await.unwrap();
        }
        if over {
            return;
        }
        tokio::task::yield_now().await;
    }
}

fn ends() -> Timestamp {
    crate::world::NOW.saturating_add(OVERLAP)
}

async fn crowd(data: Arc<dyn Records>, other: Arc<dyn Records>) {
    let world = World::on(data).await;
    let handles = [world.keys.clone(), world.other(other).await];
    let key = world.issue(new("build")).await;
    let shared = Arc::new(Shared {
        handles,
        id: key.info().id,
        text: key.key().expose().to_owned(),
        start: Barrier::new(TASKS),
        successor: std::sync::OnceLock::new(),
        wins: AtomicUsize::new(0),
        over: AtomicBool::new(false),
        used: AtomicUsize::new(0),
        world,
    });
    let mut tasks = JoinSet::new();
    for n in 0..TASKS {
        tasks.spawn(task(Arc::clone(&shared), n));
    }
    let is_busy = || shared.used.load(Ordering::SeqCst) > 2_000;
    while !(is_busy() && shared.successor.get().is_some()) {
        tokio::task::yield_now().await;
    }
    // To the last moment of the overlap, and over it.
    shared
        .world
        .clock
        .advance(OVERLAP - Duration::from_millis(1));
    let before = shared.used.load(Ordering::SeqCst);
    while shared.used.load(Ordering::SeqCst) < before + 200 {
        tokio::task::yield_now().await;
    }
    shared.world.clock.advance(Duration::from_millis(1));
    shared.over.store(true, Ordering::SeqCst);
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(shared.wins.load(Ordering::SeqCst), 1);
    let listed = shared.world.keys.list(&tenant("acme"), None).await.unwrap();
    assert_eq!(listed.keys.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_that_rotate_and_use_a_key_in_memory_one_does_and_none_finds_a_gap() {
    let data: Arc<dyn Records> = Arc::new(MemoryStore::new(10_000));
    crowd(data.clone(), data).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_that_rotate_and_use_a_key_in_a_file_one_does_and_none_finds_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Arc::new(SqliteStore::open(folder.path().join("data.db")).unwrap());
    let (data, other): (Arc<dyn Records>, Arc<dyn Records>) = (open(), open());
    crowd(data, other).await;
}

/// A limit is exact however many ask at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_that_make_a_key_as_many_do_as_the_policy_says() {
    let policy = keyward_session::api_key::KeyPolicy::default()
        .most(5)
        .unwrap();
    let data = Arc::new(MemoryStore::new(10_000));
    let world = Arc::new(World::with(data, |builder| builder.policy(policy)).await);
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let world = Arc::clone(&world);
        tasks.spawn(async move {
            let ada = world.person("acme", "ada").await;
            let made = world.keys.issue(&ada, &all(), new("build")).await;
            made.map_err(|e| assert_eq!(e.reason(), Some(reason::TOO_MANY)))
                .is_ok()
        });
    }
    let mut made = 0;
    while let Some(done) = tasks.join_next().await {
        made += usize::from(done.unwrap());
    }
    assert_eq!(made, 5);
}
