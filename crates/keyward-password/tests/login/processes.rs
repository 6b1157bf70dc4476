//! Two processes on one file of tries, and what is left of it when they are killed. The children are
//! this test binary itself.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use keyward_base::{ManualClock, Trail};
use keyward_crypto::Provider;
use keyward_keys::{FileRoot, KeyUse, Keyring, KeyringBuilder, Life};
use keyward_password::{
    Admission, CredentialRows, DirectoryRows, Limits, LogIn, Passwords, Throttle, Tried, Upgrades,
};
use keyward_sqlite::{Durability, SqliteStore};
use keyward_store::Attempts;
use keyward_testkit::processes::{over, ready, say};
use keyward_testkit::{Other, RecordingAudit};

use crate::world::{ANN, NOW, USERS, people, purpose, quick, tried};

const HOME: &str = "KEYWARD_LOGIN_TEST_HOME";
const TASKS: &str = "KEYWARD_LOGIN_TEST_TASKS";

fn builder(home: &Path, clock: &Arc<ManualClock>) -> KeyringBuilder {
    let keys = Arc::new(SqliteStore::open(home.join("keys.db")).unwrap());
    let root = FileRoot::open(&home.join("root"), &Provider::default()).unwrap();
    Keyring::builder(keys, Arc::new(root)).clock(Arc::<ManualClock>::clone(clock))
}

async fn create(home: &Path) {
    let clock = Arc::new(ManualClock::new(NOW));
    FileRoot::create(&home.join("root"), &Provider::default()).unwrap();
    let purposes = [purpose("password")];
    let made = builder(home, &clock).create(&purposes, &[]);
    let ring = made.await.unwrap();
    let life = Life::AtMost(Duration::from_secs(400 * 86_400));
    let (admin, login) = (ring.admin(), purpose("login"));
    let added = admin.add_purpose(&login, KeyUse::Mac(life));
    added.await.unwrap();
}

async fn log_in(home: &Path) -> LogIn {
    let clock = Arc::new(ManualClock::new(NOW));
    let ring = builder(home, &clock).open().await.unwrap();
    let open =
        |name: &str| SqliteStore::builder(home.join(name)).busy_timeout(Duration::from_secs(60));
    let data = Arc::new(open("data.db").open().unwrap());
    let tries = open("tries.db").durability(Durability::Normal).open();
    let tries: Arc<dyn Attempts> = Arc::new(tries.unwrap());
    let admission = Admission::default()
        .workers(2)
        .wait(Duration::from_secs(600));
    let passwords = Passwords::new(quick().own_rows(), admission, clock.clone()).unwrap();
    let rows = CredentialRows::builder(data.clone(), USERS, clock).pepper(ring.clone());
    let rows = rows.build().await.unwrap();
    let directory = DirectoryRows::builder(data, ring.clone()).build().await;
    let throttle = Throttle::new(tries, ring.clone(), Limits::default()).await;
    let upgrades = Upgrades::new(&passwords, Arc::new(rows));
    let (directory, throttle) = (Arc::new(directory.unwrap()), throttle.unwrap());
    LogIn::builder(people(), ring, directory, upgrades, throttle)
        .trail(Trail::new(Arc::new(RecordingAudit::new())))
        .build()
        .await
        .unwrap()
}

/// Not a test by itself: tries from many tasks until all are blocked, and says what each came to.
#[test]
fn child() {
    let Some(home) = std::env::var_os(HOME) else {
        return;
    };
    let tasks: usize = std::env::var(TASKS).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .build()
        .unwrap();
    runtime.block_on(async {
        let log_in = log_in(Path::new(&home)).await;
        ready();
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..tasks {
            let log_in = log_in.clone();
            all.spawn(async move {
                while matches!(tried(&log_in, ANN, "wrong").await, Tried::Refused) {
                    say("refused");
                }
            });
        }
        while let Some(one) = all.join_next().await {
            one.unwrap();
        }
        over();
    });
}

fn start(home: &Path, tasks: usize) -> Other {
    let (home, tasks) = (home.to_str().unwrap(), tasks.to_string());
    Other::start("processes::child", &[(HOME, home), (TASKS, &tasks)]).unwrap()
}

#[tokio::test]
async fn two_processes_of_64_let_ten_through_and_none_after_they_were_killed() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    create(home).await;
    let mut others = [start(home, 64), start(home, 64)];
    for other in &mut others {
        other.go().unwrap();
    }
    let through = others
        .iter_mut()
        .map(|other| other.count("refused").unwrap());
    let through: usize = through.sum();
    assert_eq!(through, 10);
    for other in others {
        assert_eq!(other.kill("refused").unwrap(), 0);
    }
    let mut after = start(home, 8);
    after.go().unwrap();
    assert_eq!(after.count("refused").unwrap(), 0, "forgotten");
    assert_eq!(after.kill("refused").unwrap(), 0);
}

/// Killed in the midst of it, it takes what was counted with it.
#[tokio::test]
async fn who_is_killed_in_the_midst_is_counted() {
    for seen in [1, 4, 7] {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path();
        create(home).await;
        let mut killed = start(home, 1);
        killed.go().unwrap();
        for _ in 0..seen {
            while killed.line().unwrap() != "refused" {}
        }
        let before = seen + killed.kill("refused").unwrap();
        let mut after = start(home, 16);
        after.go().unwrap();
        let through = before + after.count("refused").unwrap();
        // The one that was under way may have been counted and not told of.
        assert!((9..=10).contains(&through), "{seen}: {before} of {through}");
        assert_eq!(after.kill("refused").unwrap(), 0);
    }
}
