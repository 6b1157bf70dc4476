//! Many at once, on two handles.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use keyward_base::{Error, ErrorKind, Result};
use keyward_session::{Kind, Revoke, Sessions, User};
use keyward_sqlite::SqliteStore;
use keyward_store::{MemoryStore, Records};
use tokio::task::JoinSet;

use crate::world::{HOUR, USERS, World, subject, tenant};

/// What 64 tasks share.
struct Shared {
    world: World,
    handles: [Sessions; 2],
    /// The revoke has returned.
    ended: AtomicBool,
    lived: AtomicUsize,
    renewed: AtomicUsize,
    replaced: AtomicUsize,
    /// How often the session was found that is replaced.
    found: AtomicUsize,
}

/// One of the tasks: checks its session, and now and then takes another for it, until a check that
/// began after the end.
async fn task(shared: Arc<Shared>, n: usize, mut token: String) {
    let sessions = &shared.handles[n % 2];
    let (mut seen, mut found) = (None, 0);
    for turn in 0..usize::MAX {
        let now = shared.found.load(Ordering::SeqCst);
        if n == 0 && turn % 8 == 7 && turn < 800 && found != now {
            // Every session is due for a renewal. Whoever has the other one was there since the clock
            // moved last, or a task that the machine held up would find that a week has gone by.
            found = now;
            shared.world.pass(HOUR * 13).await;
        }
        let over = shared.ended.load(Ordering::SeqCst);
        match sessions.check::<User>(&token).await {
            Ok(live) => {
                assert!(!over, "a check that began after the end found the session");
                assert!(live.ends_at() <= live.created_at().saturating_add(HOUR * 24 * 90));
                let moved = seen.replace(live.ends_at()) != Some(live.ends_at());
                shared
                    .renewed
                    .fetch_add(usize::from(moved), Ordering::SeqCst);
                shared.lived.fetch_add(1, Ordering::SeqCst);
                if n % 16 == 3 {
                    shared.found.fetch_add(1, Ordering::SeqCst);
                }
                if n % 16 == 3 && turn % 4 == 0 {
                    let shown = shared.world.shown("acme", "ada", USERS);
                    if let Ok(new) = sessions.reauthenticate(live, shown).await {
                        token = new.token().expose().to_owned();
                        shared.replaced.fetch_add(1, Ordering::SeqCst);
                    }
                }
            }
            Err(e) => is_a_refusal(&e).unwrap(),
        }
        if over {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// What the clock's moves and the end make of a check.
fn is_a_refusal(e: &Error) -> Result<()> {
    match e.kind() {
        ErrorKind::Rejected | ErrorKind::Unavailable => Ok(()),
        _ => Err(Error::misuse(format!("{e:?}"))),
    }
}

async fn crowd(data: Arc<dyn Records>, other: Arc<dyn Records>) {
    for revoke in [
        Revoke::user(tenant("acme"), subject("ada")),
        Revoke::tenant(tenant("acme")),
        Revoke::all_of(Kind::User),
        Revoke::everything(),
    ] {
        let world = World::on(data.clone()).await;
        let handles = [world.sessions.clone(), world.other(other.clone()).await];
        let (one, two) = (
            world.user("acme", "ada").await,
            world.user("acme", "ada").await,
        );
        let tokens = [
            one.token().expose().to_owned(),
            two.token().expose().to_owned(),
        ];
        let shared = Arc::new(Shared {
            world,
            handles,
            ended: AtomicBool::new(false),
            lived: AtomicUsize::new(0),
            renewed: AtomicUsize::new(0),
            replaced: AtomicUsize::new(0),
            found: AtomicUsize::new(0),
        });
        let mut tasks = JoinSet::new();
        for n in 0..64 {
            // One session is of many; the other is replaced again and again.
            let token = tokens[usize::from(n % 16 == 3)].clone();
            tasks.spawn(task(Arc::clone(&shared), n, token));
        }
        let busy = || {
            shared.lived.load(Ordering::SeqCst) > 2_000
                && shared.renewed.load(Ordering::SeqCst) > 64
                && shared.replaced.load(Ordering::SeqCst) > 2
        };
        while !busy() {
            tokio::task::yield_now().await;
        }
        // The clock stands wherever a task has put it; the keyring may have to be read anew.
        loop {
            match shared.handles[1].revoke(revoke.clone()).await {
                Ok(()) => break,
                Err(e) => is_a_refusal(&e).unwrap(),
            }
            shared.world.refresh().await;
        }
        shared.ended.store(true, Ordering::SeqCst);
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        // Each world has a ring of its own: what it left is nothing to the next.
        clear(&*data).await;
    }
}

async fn clear(data: &dyn Records) {
    use keyward_store::{Collection, Scan, Write};
    for collection in ["session", "session-epoch", "barrier"] {
        let scan = Scan::of(Collection::named(collection));
        for record in data.scan(scan).await.unwrap().items {
            let (key, version) = (record.key, record.version);
            let _gone = data
                .apply(vec![Write::Delete { key, version }])
                .await
                .unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_revoke_none_of_64_finds_a_session_in_memory() {
    let data: Arc<dyn Records> = Arc::new(MemoryStore::new(10_000));
    crowd(data.clone(), data).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_revoke_none_of_64_finds_a_session_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Arc::new(SqliteStore::open(folder.path().join("data.db")).unwrap());
    let (data, other): (Arc<dyn Records>, Arc<dyn Records>) = (open(), open());
    crowd(data, other).await;
}
