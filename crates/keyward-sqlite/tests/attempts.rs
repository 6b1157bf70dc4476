//! Attempts over several windows, from several processes, some of which are killed.
// Tests: a panic is the report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod support;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use keyward_base::{ErrorKind, ManualClock, Timestamp};
use keyward_sqlite::{Durability, SqliteStore};
use keyward_store::conformance::block_on;
use keyward_store::limit::{Asked, Limit, Limiter, Whom};
use keyward_store::{
    Appended, Attempts, Claim, Committed, Judged, Log, Once, RecordKey, Records, Reserved, Step,
    Stores, Window,
};
use keyward_testkit::TestNames;
use support::{key, refused};

const CHILD: &str = "KEYWARD_SQLITE_TEST_ATTEMPTS";
const MOST: u32 = 200;

/// Five windows, of which the third is the narrowest.
fn windows() -> Vec<(RecordKey, Window)> {
    [900, 500, MOST, 300, 1_000]
        .iter()
        .enumerate()
        .map(|(n, most)| {
            let window = Window::new(*most, Duration::from_secs(3_600)).unwrap();
            (key("acme", &n.to_string()), window)
        })
        .collect()
}

fn now() -> Timestamp {
    Timestamp::from_millis(1_000)
}

/// Callers of one process, of which there are two.
const CALLERS: usize = 32;

/// Not a test by itself: reserves until it is refused, from many threads, and says what it was
/// given once it has it.
#[test]
fn child_reserves() {
    let Ok(path) = std::env::var(CHILD) else {
        return;
    };
    let store = SqliteStore::builder(path)
        .busy_timeout(Duration::from_secs(60))
        .open()
        .unwrap();
    std::thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(|| {
                while let Reserved::Admitted { ticket, .. } =
                    block_on(store.reserve(&windows(), now())).unwrap()
                {
                    println!("admitted {}", ticket.number());
                    ticket.keep();
                }
            });
        }
    });
}

fn child(path: &Path) -> Child {
    support::again("child_reserves")
        .env(CHILD, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The numbers that a child was given, and said so.
fn admitted(child: &mut Child) -> Vec<u64> {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines
        .filter_map(|line| line.unwrap().split_once("admitted ")?.1.parse().ok())
        .collect()
}

#[test]
fn two_processes_admit_exactly_what_fits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    drop(SqliteStore::open(&path).unwrap());
    let mut children = [child(&path), child(&path)];
    let mut all: Vec<u64> = children.iter_mut().flat_map(admitted).collect();
    assert!(
        children
            .iter_mut()
            .all(|child| child.wait().unwrap().success())
    );
    assert_eq!(all.len(), usize::try_from(MOST).unwrap());
    all.sort_unstable();
    all.dedup();
    assert_eq!(
        all.len(),
        usize::try_from(MOST).unwrap(),
        "a number came twice"
    );
}

/// Killed at any instant: what was said to be admitted counts, at most one attempt a thread more
/// does, and all of it leaves its windows.
#[test]
fn who_is_killed_holds_nothing_for_ever_and_loses_nothing() {
    for after in [1, 7, 40] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.db");
        let store = SqliteStore::open(&path).unwrap();
        let mut killed = child(&path);
        let mut said = BufReader::new(killed.stdout.take().unwrap()).lines();
        let mut seen = 0_usize;
        while seen < after {
            let line = said.next().unwrap().unwrap();
            seen = seen
                .checked_add(usize::from(line.contains("admitted ")))
                .unwrap();
        }
        killed.kill().unwrap();
        killed.wait().unwrap();
        let rest = said
            .map_while(Result::ok)
            .filter(|line| line.contains("admitted "));
        seen = seen.checked_add(rest.count()).unwrap();
        let mut more = 0_usize;
        while let Reserved::Admitted { ticket, .. } =
            block_on(store.reserve(&windows(), now())).unwrap()
        {
            ticket.keep();
            more = more.checked_add(1).unwrap();
        }
        let total = seen.checked_add(more).unwrap();
        let most = usize::try_from(MOST).unwrap();
        assert!(
            (most.checked_sub(CALLERS).unwrap()..=most).contains(&total),
            "{seen} and {more}"
        );
        let over = Timestamp::from_millis(1_000).saturating_add(Duration::from_secs(3_600));
        let Reserved::Admitted { ticket, used } =
            block_on(store.reserve(&windows(), over)).unwrap()
        else {
            panic!("held for ever");
        };
        ticket.keep();
        assert!(used.iter().all(|used| used.count == 1), "{used:?}");
    }
}

/// With less than full durability there are attempts and logs, and nothing that must not come back.
#[test]
fn normal_durability_is_for_attempts_and_logs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let store = SqliteStore::builder(&path)
        .durability(Durability::Normal)
        .open()
        .unwrap();
    let Reserved::Admitted { ticket, .. } = block_on(store.reserve(&windows(), now())).unwrap()
    else {
        panic!("refused");
    };
    block_on(store.give_back(&ticket)).unwrap();
    let log = key("acme", "log");
    let appended = block_on(store.append(&log, 0, vec![vec![1]])).unwrap();
    assert_eq!(appended, Appended::Done { head: 1 });
    let append = |expected| Step::Append {
        log: log.clone(),
        expected,
        entries: vec![vec![2]],
    };
    let committed = block_on(store.commit(vec![append(1)])).unwrap();
    assert!(matches!(committed, Committed::Done(_)));

    let says = "full durability";
    let insert = support::insert("a", b"");
    let claim = Claim {
        digest: [0; 32],
        lease_until: now().saturating_add(Duration::from_secs(1)),
        keep_until: now().saturating_add(Duration::from_secs(1)),
    };
    let row = key("acme", "a");
    refused(
        support::apply(&store, vec![insert.clone()]),
        ErrorKind::Misuse,
        says,
    );
    let steps = vec![append(2), Step::Write(insert)];
    refused(block_on(store.commit(steps)), ErrorKind::Misuse, says);
    refused(
        block_on(store.begin(&row, claim, now())),
        ErrorKind::Misuse,
        says,
    );
    refused(block_on(store.forget(&row)), ErrorKind::Misuse, says);
    let many = [(row.clone(), claim)];
    refused(
        block_on(store.begin_many(&many, now())),
        ErrorKind::Misuse,
        says,
    );
    let set = support::set();
    refused(
        block_on(store.delete_owner(&set, "acme")),
        ErrorKind::Misuse,
        says,
    );
    refused(
        block_on(store.purge(&set, now(), 1)),
        ErrorKind::Misuse,
        says,
    );
    assert_eq!(block_on(store.head(&log)).unwrap(), 2);
}

/// What was admitted is not forgotten because its bytes were cut: nobody is let in anew.
#[test]
fn attempts_that_were_cut_are_corrupt() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let store = SqliteStore::open(&path).unwrap();
    let window = Window::new(1, Duration::from_secs(60)).unwrap();
    let attempt = |store: &SqliteStore| block_on(store.attempt(&key("acme", "1"), window, now()));
    assert!(matches!(attempt(&store), Ok(Judged::Admitted { left: 0 })));
    drop(store);
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.execute_batch("UPDATE attempt SET admitted = substr(admitted, 1, 15)")
        .unwrap();
    drop(conn);
    let store = SqliteStore::open(&path).unwrap();
    refused(attempt(&store), ErrorKind::Corrupt, "restore a backup");
}

fn rows(path: &Path) -> (i64, i64) {
    let conn = rusqlite::Connection::open(path).unwrap();
    let count = |of: &str| conn.query_row(of, [], |row| row.get(0)).unwrap();
    (
        count("SELECT count(*) FROM attempt"),
        count("SELECT count(*) FROM attempt WHERE until = 0"),
    )
}

/// A try that came to nothing leaves no row for as long as its window: else whoever is told *busy*
/// again and again fills the disk.
#[test]
fn what_is_given_back_leaves_no_row() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("attempts.db");
    let builder = SqliteStore::builder(&path).durability(Durability::Normal);
    let store = builder.open().unwrap();
    let month = Duration::from_secs(30 * 86_400);
    for n in 0..500 {
        let few = Window::new(64, month).unwrap();
        let many = Window::new(1_024, month).unwrap();
        let windows = [
            (key("few", &n.to_string()), few),
            (key("many", &(n % 2).to_string()), many),
        ];
        match block_on(store.reserve(&windows, now())).unwrap() {
            Reserved::Admitted { ticket, .. } => block_on(store.give_back(&ticket)).unwrap(),
            other => panic!("{other:?}"),
        }
    }
    // Those that have their room from the beginning keep it, and may be purged at once.
    assert_eq!(rows(&path), (2, 2));
    let (few, _) = (key("few", "7"), ());
    let one = [(few, Window::new(64, month).unwrap())];
    let admitted = |windows: &[_]| match block_on(store.reserve(windows, now())).unwrap() {
        Reserved::Admitted { ticket, .. } => ticket,
        other => panic!("{other:?}"),
    };
    let (first, second) = (admitted(&one), admitted(&one));
    block_on(store.give_back(&first)).unwrap();
    assert_eq!(rows(&path), (3, 2), "one is counted");
    second.keep();
}

/// A file that a flood filled, and whose windows are over, keeps no new release from starting; and the
/// flood of one that is full costs a call a request, whatever the limits and the keys.
#[test]
fn a_file_that_is_full_of_what_is_over_makes_room_for_a_limiter() {
    let dir = tempfile::tempdir().unwrap();
    let builder = SqliteStore::builder(dir.path().join("attempts.db"));
    let store = builder.durability(Durability::Normal).max_pages(700);
    let store = std::sync::Arc::new(store.open().unwrap());
    let span = Duration::from_secs(60);
    let limit = |name, most| Limit::new(name, most, span).unwrap();
    let (one, two) = (limit("one", 5), limit("two", 100));
    let build = |at: u64, limits: &[&Limit]| {
        let clock = std::sync::Arc::new(ManualClock::new(Timestamp::from_millis(at)));
        let names = std::sync::Arc::new(TestNames(1));
        let builder = Limiter::builder(store.clone(), names, clock);
        let builder = limits
            .iter()
            .fold(builder, |builder, limit| builder.limit(limit));
        block_on(builder.build())
    };
    let before = build(1_000, &[&one]).unwrap();
    let mut through = 0;
    for n in 0..60_000_u32 {
        let whom = Whom::of_app(&n.to_be_bytes()).unwrap();
        match block_on(before.ask(&[(&one, whom)])).unwrap() {
            Asked::Admitted(admitted) => admitted.keep(),
            Asked::Refused(_) => break,
        }
        through = n;
    }
    assert!((1_000..60_000).contains(&through), "{through}");
    let lacking = build(2_000, &[&one, &two]).unwrap();
    assert_eq!(lacking.lacks(), 64, "nothing is over");
    // Those that are there need no room.
    assert_eq!(build(2_000, &[&one]).unwrap().lacks(), 0);
    let after = build(100_000, &[&one, &two]).unwrap();
    assert_eq!(after.lacks(), 0);
    let whom = Whom::of_app(b"somebody").unwrap();
    let both = [(&one, whom.clone()), (&two, whom)];
    assert!(matches!(
        block_on(after.ask(&both)).unwrap(),
        Asked::Admitted(_)
    ));
}
