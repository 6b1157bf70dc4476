//! Limits shared by several processes on one file: exact, whoever is killed. The children are this
//! test binary itself.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    missing_docs
)]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use keyward_base::{ManualClock, Timestamp};
use keyward_sqlite::{Durability, SqliteStore};
use keyward_store::conformance::block_on;
use keyward_store::limit::{Asked, Limit, Limiter, Whom};
use keyward_store::{Attempts as _, Collection, Level, RecordKey, Reserved, Window};
use keyward_testkit::processes::{over, ready, say};
use keyward_testkit::{Other, TestNames};

const FILE: &str = "KEYWARD_SQLITE_TEST_LIMITS";
const CLIENTS: &str = "KEYWARD_SQLITE_TEST_CLIENTS";
const AT: &str = "KEYWARD_SQLITE_TEST_AT";
/// The quota of the file; 0: none.
const PAGES: &str = "KEYWARD_SQLITE_TEST_PAGES";

const NOW: u64 = 1_700_000_000_000;
const MOST: u32 = 150;

/// What all ask for together, and what is each one's own.
fn limits() -> [Limit; 2] {
    let span = Duration::from_secs(3_600);
    [
        Limit::new("all", MOST, span).unwrap(),
        Limit::new("each", 1_000, span).unwrap(),
    ]
}

fn limiter(path: &Path, now: u64) -> Limiter {
    limiter_within(path, now, 0)
}

fn limiter_within(path: &Path, now: u64, pages: u32) -> Limiter {
    let mut store = SqliteStore::builder(path)
        .durability(Durability::Normal)
        .busy_timeout(Duration::from_secs(120));
    if pages > 0 {
        store = store.max_pages(pages);
    }
    let store = store.open().unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(now)));
    let builder = Limiter::builder(Arc::new(store), Arc::new(TestNames(1)), clock);
    let [all, each] = limits();
    block_on(builder.limit(&all).limit(&each).build()).unwrap()
}

/// Whether one more is admitted, under both limits.
fn ask(limiter: &Limiter, client: &str) -> bool {
    let [all, each] = limits();
    let own = Whom::of_app(client.as_bytes()).unwrap();
    let asked = block_on(limiter.ask(&[(&all, Whom::everybody()), (&each, own)]));
    match asked.unwrap() {
        Asked::Admitted(admitted) => {
            admitted.keep();
            true
        }
        Asked::Refused(refused) => {
            assert_eq!(refused.limit(), &all);
            false
        }
    }
}

/// Not a test by itself: asks from many threads until all are refused, and says so of each that was
/// admitted.
#[test]
fn child() {
    let Some(path) = std::env::var_os(FILE) else {
        return;
    };
    let number = |name| std::env::var(name).unwrap().parse::<u64>().unwrap();
    let pages = u32::try_from(number(PAGES)).unwrap();
    let limiter = limiter_within(Path::new(&path), number(AT), pages);
    ready();
    std::thread::scope(|scope| {
        for n in 0..number(CLIENTS) {
            let limiter = &limiter;
            scope.spawn(move || {
                while ask(limiter, &n.to_string()) {
                    say("admitted");
                }
            });
        }
    });
    over();
}

fn start(path: &Path, clients: u64, now: u64) -> Other {
    start_within(path, clients, now, 0)
}

fn start_within(path: &Path, clients: u64, now: u64, pages: u32) -> Other {
    let (clients, now, pages) = (clients.to_string(), now.to_string(), pages.to_string());
    let variables = [
        (FILE, path.to_str().unwrap()),
        (CLIENTS, &clients),
        (AT, &now),
        (PAGES, &pages),
    ];
    Other::start("child", &variables).unwrap()
}

fn total(others: &mut [Other]) -> usize {
    let counts = others
        .iter_mut()
        .map(|other| other.count("admitted").unwrap());
    counts.sum()
}

#[test]
fn sixty_four_clients_over_four_processes_are_admitted_exactly_as_often_as_the_limit_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("limits.db");
    let mut others = [(); 4].map(|()| start(&path, 16, NOW));
    for other in &mut others {
        other.go().unwrap();
    }
    assert_eq!(total(&mut others), usize::try_from(MOST).unwrap());
    // Another process finds it so, and finds room when the span is over.
    assert!(!ask(&limiter(&path, NOW), "late"));
    assert!(!ask(&limiter(&path, NOW + 3_599_999), "late"));
    assert!(ask(&limiter(&path, NOW + 3_600_000), "late"));
}

/// Clocks of the processes apart: no span of the whole length, by any of their clocks, has more.
#[test]
fn clocks_that_are_apart_admit_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("limits.db");
    let mut others = [0, 5_000, 70_000, 1_000_000].map(|ahead| start(&path, 16, NOW + ahead));
    for other in &mut others {
        other.go().unwrap();
    }
    assert_eq!(total(&mut others), usize::try_from(MOST).unwrap());
}

/// A file without room for a row more: all count in what is shared, exactly, and one that is killed
/// leaves nothing behind but what it counted.
#[test]
fn processes_that_share_a_full_file_count_on_exactly_whoever_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("limits.db");
    drop(limiter(&path, NOW));
    let pages = u32::try_from(pages(&path)).unwrap() + 8;
    let mut others = [(); 3].map(|()| start_within(&path, 16, NOW, pages));
    for other in &mut others {
        other.go().unwrap();
    }
    let [mut killed, a, b] = others;
    // It is killed after so many of its own, if it gets that far beside the others.
    let mut own = 0;
    while own < 20 && killed.line().unwrap() == "admitted" {
        own += 1;
    }
    let seen = own + killed.kill("admitted").unwrap() + total(&mut [a, b]);
    // That of ten, as far as a window counts; each client of the one may not have been told of it.
    assert!((1_024 - 16..=1_024).contains(&seen), "{seen}");
    assert!(!ask(&limiter_within(&path, NOW, pages), "late"));
    assert!(ask(&limiter_within(&path, NOW + 3_600_000, pages), "late"));
}

/// One of four after the other is killed wherever it is, and another takes its place.
#[test]
fn processes_that_are_killed_at_random_leave_never_more_admitted_than_the_limit() {
    let is_long = std::env::var_os("KEYWARD_FULL").is_some();
    for round in 0..if is_long { 20 } else { 3_usize } {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("limits.db");
        let mut others: Vec<Other> = (0..4).map(|_| start(&path, 16, NOW)).collect();
        for other in &mut others {
            other.go().unwrap();
        }
        let (mut seen, mut killed) = (0, 0_usize);
        for n in 0..4 {
            let mut other = others.remove(0);
            // It is killed after so many of its own, if it gets that far.
            for _ in 0..(n * 7 + round * 3) % 11 {
                if other.line().unwrap() == "over" {
                    break;
                }
                seen += 1;
            }
            seen += other.kill("admitted").unwrap();
            killed += 1;
            let mut next = start(&path, 16, NOW);
            next.go().unwrap();
            others.push(next);
        }
        seen += total(&mut others);
        let most = usize::try_from(MOST).unwrap();
        // Each client of those that were killed may have been counted and not told of it.
        assert!(
            (most - killed * 16..=most).contains(&seen),
            "{round}: {seen}"
        );
        assert!(!ask(&limiter(&path, NOW), "late"));
    }
}

/// A file that is full counts on: what is shared has all its room from the beginning, however small
/// the limit, and takes none that others could have taken before.
#[test]
fn a_full_file_counts_on_in_what_is_shared() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::builder(folder.path().join("limits.db"))
        .durability(Durability::Normal)
        .max_pages(400)
        .open()
        .unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(NOW)));
    let sign_up = Limit::new("sign-up", 20, Duration::from_secs(3_600)).unwrap();
    let builder = Limiter::builder(Arc::new(store), Arc::new(TestNames(1)), clock);
    let limiter = block_on(builder.limit(&sign_up).build()).unwrap();
    let asks = |client: u32| {
        let whom = Whom::of_app(&client.to_be_bytes()).unwrap();
        match block_on(limiter.ask(&[(&sign_up, whom)])).unwrap() {
            Asked::Admitted(admitted) => admitted.keep(),
            Asked::Refused(_) => return false,
        }
        true
    };
    // Many clients fill it, and then each takes all that it may have.
    for client in 0..12_000 {
        asks(client);
    }
    for _ in 1..20 {
        for client in 0..3_000 {
            asks(client);
        }
    }
    // Of those who come later no more are let through than the 64 shared rows admit.
    let through = (20_000..36_000).filter(|client| asks(*client)).count();
    assert!(through <= 64 * 200, "{through}");
}

/// New rows leave room to those that are there. When these have used that up too, one of them is let
/// through what its own row had counted and what the shared row admits, and no more.
#[test]
fn a_row_that_is_there_counts_on_and_is_counted_with_others_when_it_cannot_grow() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("limits.db");
    let tries = Limit::new("tries", 100, Duration::from_secs(3_600)).unwrap();
    let open = |pages| {
        let store = SqliteStore::builder(&path)
            .durability(Durability::Normal)
            .max_pages(pages)
            .open()
            .unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::from_millis(NOW)));
        let builder = Limiter::builder(Arc::new(store), Arc::new(TestNames(1)), clock);
        block_on(builder.limit(&tries).build()).unwrap()
    };
    drop(open(2_000));
    // What is shared, eight pages for new rows, and what is left to those that are there.
    let pages = std::fs::metadata(&path).unwrap().len().div_ceil(4_096);
    let limiter = open(u32::try_from(pages).unwrap() + 8 + 64);
    // All of them at once, or none.
    let asks = |clients: &[u32]| {
        let whom = |client: &u32| Whom::of_app(&client.to_be_bytes()).unwrap();
        let all: Vec<_> = clients.iter().map(|one| (&tries, whom(one))).collect();
        match block_on(limiter.ask(&all)).unwrap() {
            Asked::Admitted(admitted) => admitted.keep(),
            Asked::Refused(_) => return false,
        }
        true
    };
    let through = |client| (0..2_000).filter(|_| asks(&[client])).count();
    let those: Vec<u32> = (10..210).collect();
    assert!(asks(&[0]) && asks(&[1]));
    // As many as would fill what is left to the others, too.
    for client in 10..2_000 {
        asks(&[client]);
    }
    assert_eq!(through(0), 99, "in its own row");
    // Those that are there grow: some 14,000 attempts fit into 56 pages.
    for _ in 1..90 {
        for four in those.chunks(4) {
            asks(four);
        }
    }
    let late = through(1);
    assert!((100..=99 + 1_000).contains(&late), "{late}");
}

fn pages(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len().div_ceil(4_096)
}

/// What a limit takes at once, as it is documented: so a quota can be said beforehand.
#[test]
fn a_limit_takes_as_many_pages_as_the_docs_say() {
    for (most, says) in [
        (1, 75),
        (25, 75),
        (45, 140),
        (51, 140),
        (100, 270),
        (1_000, 270),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("limits.db");
        let build = |limits: &[&Limit]| {
            let store = SqliteStore::builder(&path)
                .durability(Durability::Normal)
                .open()
                .unwrap();
            let clock = Arc::new(ManualClock::new(Timestamp::from_millis(NOW)));
            let builder = Limiter::builder(Arc::new(store), Arc::new(TestNames(1)), clock);
            let builder = limits
                .iter()
                .fold(builder, |builder, one| builder.limit(one));
            drop(block_on(builder.build()).unwrap());
            pages(&path)
        };
        let before = build(&[]);
        let one = Limit::new("one", most, Duration::from_secs(60)).unwrap();
        let took = build(&[&one]) - before;
        assert!((says - 20..=says).contains(&took), "{most}: {took}");
    }
}

/// A file that others filled does not keep a release from starting that has one limit more.
#[test]
fn a_file_that_is_full_is_built_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("limits.db");
    let [old, new] =
        ["old", "new"].map(|name| Limit::new(name, 5, Duration::from_secs(3_600)).unwrap());
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(NOW)));
    let open = |limits: &[&Limit]| {
        let store = SqliteStore::builder(&path)
            .durability(Durability::Normal)
            .max_pages(300)
            .open()
            .unwrap();
        let builder = Limiter::builder(Arc::new(store), Arc::new(TestNames(1)), clock.clone());
        let builder = limits
            .iter()
            .fold(builder, |builder, one| builder.limit(one));
        block_on(builder.build()).unwrap()
    };
    let ask = |limiter: &Limiter, limit: &Limit, client: u32| {
        let whom = Whom::of_app(&client.to_be_bytes()).unwrap();
        block_on(limiter.ask(&[(limit, whom)]))
    };
    let first = open(&[&old]);
    assert_eq!(first.lacks(), 0);
    for client in 0..5_000 {
        drop(ask(&first, &old, client));
    }
    drop(first);
    let next = open(&[&old, &new]);
    assert_eq!(next.lacks(), 64);
    let e = ask(&next, &new, 1).unwrap_err();
    assert_eq!(e.reason(), Some(keyward_store::reason::FULL));
    assert!(matches!(ask(&next, &old, 1), Ok(Asked::Admitted(_))));
    // What one refuses is refused, though the other finds no room: at once, and by what is known.
    let whom = |client: u32| Whom::of_app(&client.to_be_bytes()).unwrap();
    while let Asked::Admitted(_) = ask(&next, &old, 2).unwrap() {}
    for both in [
        [(&old, whom(2)), (&new, whom(1))],
        [(&new, whom(1)), (&old, whom(2))],
    ] {
        match block_on(next.ask(&both)).unwrap() {
            Asked::Refused(refused) => assert_eq!(refused.limit(), &old),
            Asked::Admitted(_) => panic!("the old one is used up"),
        }
    }
    let both = [(&old, whom(3)), (&new, whom(1))];
    let e = block_on(next.ask(&both)).unwrap_err();
    assert_eq!(e.reason(), Some(keyward_store::reason::FULL));
    clock.advance(Duration::from_secs(3_600));
    while block_on(next.purge(1_000)).unwrap() > 0 {}
    assert_eq!(next.lacks(), 0);
    assert!(matches!(ask(&next, &new, 1), Ok(Asked::Admitted(_))));
}

/// Two that find no room of their own and share a row are counted in it once, and told of it once.
#[test]
fn a_row_that_two_share_is_reserved_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("limits.db");
    let open = |pages| {
        let store = SqliteStore::builder(&path).max_pages(pages);
        store.durability(Durability::Normal).open().unwrap()
    };
    let row = |id: &str| RecordKey {
        collection: Collection::named("test"),
        owner: String::new(),
        id: id.to_owned(),
    };
    let window = |most| Window::new(most, Duration::from_secs(60)).unwrap();
    let now = Timestamp::from_millis(NOW);
    let shared = (row("shared"), window(300));
    let level = |id| Level {
        fine: (row(id), window(3)),
        shared: shared.clone(),
    };
    let store = open(1_000);
    let judged = block_on(store.attempt(&shared.0, shared.1, now));
    assert!(judged.is_ok());
    drop(store);
    // No page for a new row.
    let store = open(u32::try_from(pages(&path)).unwrap() + 8);
    let count = || {
        let used = block_on(store.used(std::slice::from_ref(&shared), now));
        used.unwrap().first().unwrap().count
    };
    let both = [level("1"), level("2")];
    let Reserved::Admitted { ticket, used } = block_on(store.reserve_coarsely(&both, now)).unwrap()
    else {
        panic!("300 are admitted");
    };
    assert_eq!(ticket.keys(), [row("shared")]);
    assert_eq!((used.len(), count()), (1, 2));
    block_on(store.give_back(&ticket)).unwrap();
    assert_eq!(count(), 1);
}
