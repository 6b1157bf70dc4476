//! Many events given at once, by callers who go away, and where some fail, while others write.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use keyward_audit::entry::{MAX_LEN, Number, Typed};
use keyward_audit::{Audit, Of};
use keyward_base::audit::{Detail, Outcome, Value};
use keyward_base::{Clock as _, ErrorKind, Reason, SystemClock, Tenant, Timestamp};
use keyward_sqlite::SqliteStore;
use keyward_store::MemoryStore;
use tokio::task::JoinSet;

use crate::store::{Next, Watched};
use crate::world::{NOON, World, acme, event};

/// How many are given at once: more than one transaction takes.
const GIVEN: u64 = 1_500;

/// The numbers that the entries of the log hold, in its order.
async fn held(audit: &Audit) -> Vec<u64> {
    let (mut held, mut next) = (Vec::new(), Some(0));
    while let Some(from) = next {
        let page = audit.entries(&acme(), from, 4_096).await.unwrap();
        for kept in &page.entries {
            match kept.entry().unwrap().unwrap().detail[0].1 {
                Typed::Number(Number(n)) => held.push(n),
                _ => panic!(),
            }
        }
        next = page.next;
    }
    held
}

#[tokio::test]
async fn behind_one_that_failed_none_is_there() {
    let world = World::new().await;
    let store = Watched::over(Arc::new(MemoryStore::new(10_000)));
    let builder = Audit::builder(world.keyring.clone(), store.clone());
    let audit = builder.build().await.unwrap();
    for of in [acme(), Of::Service] {
        audit.append(event(&of, 0)).await.unwrap();
    }
    let mut cx = Context::from_waker(Waker::noop());
    // Whoever commits to the service's log hears nothing of the store, and the one of these who waits
    // first waits there.
    let mut hangs = Box::pin(audit.append(event(&Of::Service, 1)));
    store.next(Next::Lost);
    assert!(hangs.as_mut().poll(&mut cx).is_pending());
    let acmes = (1..=GIVEN).map(|n| event(&acme(), n));
    let events: Vec<_> = [event(&Of::Service, 2)].into_iter().chain(acmes).collect();
    let mut all = pin!(audit.append_all(&events));
    assert!(all.as_mut().poll(&mut cx).is_pending());
    // Another commits them: the first thousand, in vain; and then what is left beside its own.
    store.next(Next::Fails);
    assert_eq!(audit.append(event(&acme(), 9_999)).await.unwrap(), 1);
    drop(hangs);
    assert_eq!(all.await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(held(&audit).await, [0, 9_999]);
    // Given anew, they are all there.
    let seqs = audit.append_all(&events).await.unwrap();
    assert_eq!(seqs[1..], (2..GIVEN + 2).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_transaction_takes_no_more_than_a_mebibyte() {
    let world = World::new().await;
    let store = Watched::over(Arc::new(MemoryStore::new(10_000)));
    let builder = Audit::builder(world.keyring.clone(), store.clone());
    let audit = builder.build().await.unwrap();
    audit.append(event(&acme(), 0)).await.unwrap();
    let long = |n: u64| {
        let mut event = event(&acme(), n);
        event.detail = Detail::none().with("n", Value::Number(n));
        for _ in 0..512 {
            event.detail = event
                .detail
                .with("a-name-of-a-detail", Value::Number(u64::MAX));
        }
        event
    };
    let events: Vec<_> = (1..=100).map(long).collect();
    store.calls.store(0, Ordering::Relaxed);
    audit.append_all(&events).await.unwrap();
    let calls = store.calls.load(Ordering::Relaxed);
    let len = audit.entries(&acme(), 1, 1).await.unwrap().entries[0]
        .entry()
        .unwrap()
        .unwrap()
        .text()
        .unwrap()
        .len();
    assert!(len > 20_000, "{len}");
    assert_eq!(calls, (100 * (len + 101)).div_ceil(1024 * 1024));
    assert!(held(&audit).await.into_iter().eq(0..=100));
}

/// Those that the clock went back for are made anew when it is their turn: of the same salt, and as
/// long as an entry may be.
#[tokio::test]
async fn what_is_as_long_as_it_may_be_is_read_though_the_clock_went_back() {
    let world = World::new().await;
    let at = |at: u64, action: &'static str| {
        let mut event = event(&acme(), 0);
        event.at = Timestamp::from_millis(at);
        event.action = action;
        event
    };
    let far = u64::MAX - 1;
    let front = keyward_audit::Entry::of(&at(NOON, ""), Timestamp::from_millis(0));
    let most = MAX_LEN - 64 - front.text().unwrap().len();
    let action = |len: usize| -> &'static str { "x".repeat(len).leak() };
    world.audit.append(at(far, "app.act")).await.unwrap();
    let refused = world.audit.append(at(NOON, action(most + 1))).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Misuse);
    let longest = at(NOON, action(most));
    let events = [longest, at(far, "app.act"), at(far, "app.act")];
    world.audit.append_all(&events).await.unwrap();
    assert_eq!(world.verify(&acme()).await.unwrap(), 4);
    let page = world.audit.entries(&acme(), 0, 10).await.unwrap().entries;
    let behind = page
        .iter()
        .map(|kept| kept.entry().unwrap().unwrap().behind);
    let wanted = [None, Some(Number(far - NOON)), None, None];
    assert!(behind.eq(wanted));
    let conn = rusqlite::Connection::open(world.folder.path().join("data.db")).unwrap();
    let salts = "SELECT count(DISTINCT substr(bytes, 70, 32)) FROM entry WHERE owner = 'acme'";
    let salts: i64 = conn.query_row(salts, [], |row| row.get(0)).unwrap();
    assert_eq!(salts, 4);
}

/// In the middle of a thousand, of which some rows are written already.
#[tokio::test]
async fn where_the_disk_is_full_a_transaction_is_whole_or_not_there() {
    let world = World::new().await;
    let path = world.folder.path().join("small.db");
    let small = SqliteStore::builder(&path).max_pages(400).open().unwrap();
    let builder = Audit::builder(world.keyring.clone(), Arc::new(small));
    let audit = builder.build().await.unwrap();
    let events = |from: u64| -> Vec<_> {
        let all = (from..from + GIVEN).map(|n| event(&acme(), n));
        all.collect()
    };
    let mut written = 0;
    let full = loop {
        match audit.append_all(&events(written)).await {
            Ok(seqs) => assert!(seqs.into_iter().eq(written..written + GIVEN)),
            Err(e) => break e,
        }
        written += GIVEN;
        assert!(written < 100 * GIVEN, "it never was full");
    };
    assert_eq!(full.kind(), ErrorKind::Unavailable);
    let there = held(&audit).await;
    let size = u64::try_from(there.len()).unwrap();
    assert!([written, written + 1_000].contains(&size), "{size}");
    assert!(there.into_iter().eq(0..size));
    let verified = audit.verify(&acme(), |_| ()).await.unwrap().unwrap();
    assert_eq!(verified.head.size(), size);
    let large = SqliteStore::open(&path).unwrap();
    let builder = Audit::builder(world.keyring.clone(), Arc::new(large));
    let audit = builder.build().await.unwrap();
    let seqs = audit.append_all(&events(size)).await.unwrap();
    assert!(seqs.into_iter().eq(size..size + GIVEN));
    audit.verify(&acme(), |_| ()).await.unwrap();
}

/// With `KEYWARD_FULL`, 300 go away.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_one_who_goes_away_none_is_there_without_those_before() {
    let world = World::new().await;
    let store = Arc::new(MemoryStore::new(2_000_000));
    let builder = Audit::builder(world.keyring.clone(), store);
    let audit = builder.build().await.unwrap();
    let (stop, mut others) = (Arc::new(AtomicBool::new(false)), JoinSet::new());
    for _ in 0..3 {
        let (audit, stop) = (audit.clone(), Arc::clone(&stop));
        others.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                audit.append(event(&acme(), 1)).await.unwrap();
            }
        });
    }
    let full = std::env::var_os("KEYWARD_FULL").is_some();
    let clock = SystemClock::new();
    let mut took = Duration::from_secs(1200);
    for round in 1..=if full { 300 } else { 20 } {
        let (audit, began) = (audit.clone(), clock.now().unwrap());
        let all = tokio::spawn(async move {
            let from = u64::from(round) * 10_000;
            let events: Vec<_> = (from..from + GIVEN).map(|n| event(&acme(), n)).collect();
            audit.append_all(&events).await.unwrap()
        });
        let goes_away = all.abort_handle();
        // The first tells how long it takes; the others go away anywhere in between.
        let _given_up = tokio::time::timeout(took / 20 * (round % 20), all).await;
        goes_away.abort();
        if round == 1 {
            took = clock.now().unwrap().saturating_since(began);
        }
    }
    stop.store(true, Ordering::Relaxed);
    others.join_all().await;
    let mut of: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for n in held(&audit).await {
        of.entry(n / 10_000).or_default().push(n % 10_000);
    }
    assert!(of.remove(&0).is_some() && !of.is_empty());
    for (round, got) in of {
        let wanted: Vec<u64> = (0..).take(got.len()).collect();
        assert!(got == wanted, "round {round}: it begins at {}", got[0]);
    }
    audit.verify(&acme(), |_| ()).await.unwrap();
}

#[tokio::test]
async fn one_that_is_refused_makes_no_log_for_strangers() {
    let world = World::new().await;
    let of = Of::Tenant(Tenant::new("globex").unwrap());
    let mut bad = event(&of, 1);
    bad.action = "audit.mine";
    let refused = world.audit.append_all(&[event(&of, 0), bad]).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Misuse);
    let mut stranger = event(&of, 2);
    stranger.outcome = Outcome::Failed(ErrorKind::Rejected, Some(Reason::NOT_AUTHENTIC));
    world.audit.append(stranger).await.unwrap();
    assert_eq!(world.audit.logs().await.unwrap(), [Of::Service]);
}
