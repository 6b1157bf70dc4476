//! One commits for all that wait: and goes away, or hears nothing of the store, or too late.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use keyward_audit::audit::SUM;
use keyward_audit::entry::{Number, Typed};
use keyward_audit::{Audit, Of};
use keyward_base::audit::Outcome;
use keyward_base::{BoxFuture, ErrorKind, EventId, Reason, Result, Sink, Tenant, Timestamp};
use keyward_sqlite::SqliteStore;
use keyward_store::MemoryStore;
use tokio::sync::Notify;

use crate::store::{Next, Watched};
use crate::world::{NOON, World, acme, event};

async fn watched(world: &World) -> (Arc<Watched>, Audit) {
    let store = Watched::over(Arc::new(MemoryStore::new(200_000)));
    let builder = Audit::builder(world.keyring.clone(), store.clone());
    (store, builder.build().await.unwrap())
}

fn poll<T>(future: Pin<&mut (impl Future<Output = T> + ?Sized)>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn append(audit: &Audit, n: u64) -> BoxFuture<'static, Result<u64>> {
    let audit = audit.clone();
    Box::pin(async move { audit.append(event(&acme(), n)).await })
}

/// The numbers that the entries of the log hold, in its order.
async fn held(audit: &Audit) -> Vec<u64> {
    let page = audit.entries(&acme(), 0, 4096).await.unwrap();
    let size = audit.verify(&acme(), |_| ()).await.unwrap();
    assert_eq!(
        size.map_or(0, |v| v.head.size()),
        u64::try_from(page.entries.len()).unwrap()
    );
    let n = |kept: &keyward_audit::audit::Kept| match kept.entry().unwrap().unwrap().detail[0].1 {
        Typed::Number(Number(n)) => n,
        _ => panic!(),
    };
    page.entries.iter().map(n).collect()
}

/// One that commits for itself and two others is dropped while the store does not answer.
async fn given_up(next: Next) -> (Arc<Watched>, Audit, [Result<u64>; 2]) {
    let world = World::new().await;
    let (store, audit) = watched(&world).await;
    append(&audit, 0).await.unwrap();
    let [mut first, mut second, mut third] = [1, 2, 3].map(|n| append(&audit, n));
    // Commits alone, so that the others wait; and is given up before the store answers.
    store.next(Next::Lost);
    assert!(poll(first.as_mut()).is_pending());
    assert!(poll(second.as_mut()).is_pending());
    assert!(poll(third.as_mut()).is_pending());
    drop(first);
    // Commits for itself and the third.
    store.next(next);
    assert!(poll(second.as_mut()).is_pending());
    let fourth = append(&audit, 4);
    drop(second);
    let told = tokio::join!(third, fourth);
    (store, audit, [told.0, told.1])
}

#[tokio::test]
async fn whoever_waits_is_served_though_the_one_that_committed_went_away() {
    // What it committed was not done: it is now, once; of the one that went away too, who is on
    // record with what it may have done.
    let (_, audit, told) = given_up(Next::Lost).await;
    assert_eq!(told.map(Result::unwrap), [2, 3]);
    assert_eq!(held(&audit).await, [0, 2, 3, 4]);
    // It was done: it is not done again.
    let (_, audit, told) = given_up(Next::DoneUnanswered).await;
    assert_eq!(told.map(Result::unwrap), [2, 3]);
    assert_eq!(held(&audit).await, [0, 2, 3, 4]);
    // It would be done after it was done again: it is refused.
    let (now, was) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (_, audit, told) = given_up(Next::Late(now.clone(), was.clone())).await;
    assert_eq!(told.map(Result::unwrap), [2, 3]);
    now.notify_one();
    was.notified().await;
    assert_eq!(held(&audit).await, [0, 2, 3, 4]);
    assert_eq!(append(&audit, 5).await.unwrap(), 4);
}

#[tokio::test]
async fn what_a_store_did_and_did_not_say_is_there_once() {
    let world = World::new().await;
    let (store, audit) = watched(&world).await;
    store.next(Next::DoneFails);
    let refused = append(&audit, 0).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert_eq!(append(&audit, 1).await.unwrap(), 1);
    assert_eq!(held(&audit).await, [0, 1]);
    // And nobody waits: what was given up alone is not done for nobody.
    store.next(Next::Lost);
    {
        let mut alone = pin!(append(&audit, 2));
        assert!(poll(alone.as_mut()).is_pending());
    }
    assert_eq!(append(&audit, 3).await.unwrap(), 2);
    assert_eq!(held(&audit).await, [0, 1, 3]);
}

#[tokio::test]
async fn a_log_that_two_begin_at_once_is_no_edited_one() {
    let world = World::new().await;
    let (store, audit) = watched(&world).await;
    let inner: Arc<dyn keyward_store::Stores> = store.clone();
    let other = Audit::builder(world.keyring.clone(), inner);
    let other = other.build().await.unwrap();
    // The barrier is known.
    audit.append(event(&Of::Service, 0)).await.unwrap();
    let theirs = other.clone();
    store.after_fetch(move || {
        Box::pin(async move {
            append(&theirs, 0).await.unwrap();
        })
    });
    assert_eq!(append(&audit, 1).await.unwrap(), 1);
    assert_eq!(held(&audit).await, [0, 1]);
}

#[tokio::test]
async fn names_that_somebody_made_up_make_no_logs() {
    let world = World::new().await;
    let (store, audit) = watched(&world).await;
    let failed = |name: &str| {
        let of = Of::Tenant(Tenant::new(name).unwrap());
        let mut event = event(&of, 0);
        event.outcome = Outcome::Failed(ErrorKind::Rejected, Some(Reason::NOT_AUTHENTIC));
        event
    };
    for n in 0..50_u64 {
        let stranger = failed(&format!("made-up-{n}"));
        assert_eq!(audit.append(stranger).await.unwrap(), n);
    }
    assert_eq!(audit.logs().await.unwrap(), [Of::Service]);
    let page = audit.entries(&Of::Service, 7, 1).await.unwrap();
    let entry = page.entries[0].entry().unwrap().unwrap();
    assert_eq!(entry.tenant.as_deref(), Some("made-up-7"));
    // Of a tenant that has one, it is there: also for a process that has not written to it.
    append(&audit, 0).await.unwrap();
    assert_eq!(audit.append(failed("acme")).await.unwrap(), 1);
    let again = Audit::builder(world.keyring.clone(), store.clone());
    let again = again.build().await.unwrap();
    assert_eq!(again.append(failed("acme")).await.unwrap(), 2);
}

#[tokio::test]
async fn a_flood_beside_a_damaged_service_log_stops_no_tenant() {
    let world = World::new().await;
    let of = acme();
    for of in [&of, &Of::Service] {
        world.audit.append(event(of, 0)).await.unwrap();
    }
    let head = "collection = 'audit.head' AND owner = '' AND id = 'log'";
    let conn = rusqlite::Connection::open(world.folder.path().join("data.db")).unwrap();
    let select = format!("SELECT data FROM record WHERE {head}");
    let good: Vec<u8> = conn.query_row(&select, [], |row| row.get(0)).unwrap();
    world.edit(&format!("UPDATE record SET data = x'00' WHERE {head}"));
    let audit = &world.again().await;
    let failed = |of: &Of| {
        let mut event = event(of, 0);
        event.action = "a.verify";
        event.outcome = Outcome::Failed(ErrorKind::Rejected, Some(Reason::NOT_AUTHENTIC));
        event
    };
    let size = async || audit.head(&of).await.unwrap().unwrap().size();
    for _ in 0..700 {
        audit.record(&failed(&of)).await.unwrap();
    }
    assert_eq!(size().await, 601);
    let minute = async || {
        world.clock.advance(std::time::Duration::from_secs(60));
        world.keyring.refresh().await.unwrap();
    };
    // Required of acme, and what strangers cause there stays bounded.
    for before in [601, 1202] {
        minute().await;
        audit.record(&event(&of, 1)).await.unwrap();
        for _ in 0..700 {
            audit.record(&failed(&of)).await.unwrap();
        }
        assert_eq!(size().await, before + 601);
    }
    // What is of the service itself is refused.
    let refused = audit.record(&event(&Of::Service, 1)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt);
    // All that was left out is told once the log is mended.
    conn.execute(&format!("UPDATE record SET data = ?1 WHERE {head}"), [good])
        .unwrap();
    minute().await;
    audit.record(&event(&of, 2)).await.unwrap();
    let page = audit.entries(&Of::Service, 1, 10).await.unwrap().entries;
    let entry = page[0].entry().unwrap().unwrap();
    assert_eq!((page.len(), entry.action.as_str()), (1, SUM));
    let since = Typed::Time(Number(NOON));
    assert_eq!(entry.detail[0], ("since".to_owned(), since));
    let count = Typed::Number(Number(300));
    assert_eq!(entry.detail[1], ("a.verify".to_owned(), count));
}

#[tokio::test]
async fn a_flood_of_failures_is_summed() {
    let world = World::new().await;
    let (store, audit) = watched(&world).await;
    let failed = |action: &'static str, kind: ErrorKind| {
        let mut event = event(&Of::Service, 0);
        event.action = action;
        event.outcome = Outcome::Failed(kind, Some(Reason::NOT_AUTHENTIC));
        event
    };
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..700 {
        let audit = audit.clone();
        let event = failed(
            if n < 650 { "a.verify" } else { "b.verify" },
            ErrorKind::Rejected,
        );
        tasks.spawn(async move { audit.record(&event).await.unwrap() });
    }
    tasks.join_all().await;
    let size = async || audit.head(&Of::Service).await.unwrap().unwrap().size();
    assert_eq!(size().await, 600);
    // What is of no stranger, and what ends an intent, is on record.
    let mut ends = failed("c.act", ErrorKind::Rejected);
    ends.id = Some(EventId::new([1; 8], [2; 8]));
    audit.record(&ends).await.unwrap();
    let down = failed("c.act", ErrorKind::Unavailable);
    audit.record(&down).await.unwrap();
    audit.record(&event(&Of::Service, 1)).await.unwrap();
    audit
        .record(&failed("b.verify", ErrorKind::Rejected))
        .await
        .unwrap();
    assert_eq!(size().await, 603);
    // The sum is on record with whatever comes first after the minute; also if that failed once.
    world.clock.advance(std::time::Duration::from_secs(60));
    // A view of the ring that may be too old is none to rely on.
    let stale = audit.record(&down).await.unwrap_err();
    assert_eq!(stale.kind(), ErrorKind::Unavailable);
    world.keyring.refresh().await.unwrap();
    store.next(Next::DoneFails);
    let refused = audit.record(&down).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    audit
        .record(&failed("a.verify", ErrorKind::Rejected))
        .await
        .unwrap();
    assert_eq!(size().await, 606);
    let page = audit.entries(&Of::Service, 603, 10).await.unwrap();
    let entries = page
        .entries
        .iter()
        .map(|kept| kept.entry().unwrap().unwrap());
    let entries: Vec<_> = entries.collect();
    let actions: Vec<_> = entries.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, [SUM, SUM, "a.verify"]);
    let counts = [50, 51].map(|n| Typed::Number(Number(n)));
    let counted = |n: usize| {
        (
            entries[n].detail[1].0.as_str(),
            entries[n].detail[1].1.clone(),
        )
    };
    assert_eq!(counted(1).0, "a.verify");
    assert_eq!(
        [&entries[1].detail[1].1, &entries[1].detail[2].1],
        [&counts[0], &counts[1]]
    );
    assert_eq!(
        audit
            .verify(&Of::Service, |_| ())
            .await
            .unwrap()
            .unwrap()
            .head
            .size(),
        606
    );
}

#[tokio::test]
async fn a_disk_that_is_full_refuses_what_must_be_recorded_and_nothing_is_lost() {
    let world = World::new().await;
    let path = world.folder.path().join("small.db");
    let small = SqliteStore::builder(&path).max_pages(80).open().unwrap();
    let builder = Audit::builder(world.keyring.clone(), Arc::new(small));
    let audit = builder.build().await.unwrap();
    let mut written = 0;
    let full = loop {
        match append(&audit, written).await {
            Ok(seq) => assert_eq!(seq, written),
            Err(e) => break e,
        }
        written += 1;
        assert!(written < 5_000, "it never was full");
    };
    assert_eq!(full.kind(), ErrorKind::Unavailable);
    assert!(full.to_string().contains("make room"), "{full}");
    // Reading, verifying and looking for intents go on.
    let seqs: Vec<u64> = (0..written).collect();
    assert_eq!(held(&audit).await, seqs);
    assert!(audit.open_intents().await.unwrap().is_empty());
    let large = SqliteStore::open(&path).unwrap();
    let builder = Audit::builder(world.keyring.clone(), Arc::new(large));
    let audit = builder.build().await.unwrap();
    assert_eq!(append(&audit, written).await.unwrap(), written);
}

#[tokio::test]
async fn more_logs_than_are_kept_in_mind_go_on() {
    let world = World::new().await;
    let (_, audit) = watched(&world).await;
    let of = |n: u64| Of::Tenant(Tenant::new(&format!("tenant-{n}")).unwrap());
    for n in (0..1500).chain(0..3) {
        let seq = audit.append(event(&of(n), 0)).await.unwrap();
        assert_eq!(seq, u64::from(n < 3 && seq == 1));
    }
    for n in [0, 2, 1499] {
        let size = if n < 3 { 2 } else { 1 };
        let verified = audit.verify(&of(n), |_| ()).await.unwrap().unwrap();
        assert_eq!(verified.head.size(), size);
    }
}

#[tokio::test]
async fn a_proof_takes_few_reads() {
    let world = World::new().await;
    let (store, audit) = watched(&world).await;
    let mut tasks = tokio::task::JoinSet::new();
    // `KEYWARD_FULL` makes it a log of one level of tiles more.
    let full = std::env::var_os("KEYWARD_FULL").is_some();
    let (size, most) = if full { (70_123, 25) } else { (1_979, 15) };
    for n in 0..size {
        tasks.spawn(append(&audit, n));
    }
    tasks.join_all().await;
    audit.tile(&acme()).await.unwrap();
    for seq in [0, 255, 256, 1_023, size / 2, size - 200, size - 1] {
        store.calls.store(0, Ordering::Relaxed);
        audit.prove(&acme(), seq).await.unwrap();
        let calls = store.calls.load(Ordering::Relaxed);
        assert!(calls <= most, "{calls} for {seq} of {size}");
    }
}

#[tokio::test]
async fn an_erasure_lets_others_write_between() {
    let world = World::new().await;
    let (store, audit) = watched(&world).await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..2500 {
        tasks.spawn(append(&audit, n));
    }
    tasks.join_all().await;
    // And one of a clock that ran away: it goes too.
    let mut far = event(&acme(), 0);
    far.at = Timestamp::from_millis(u64::MAX);
    audit.append(far).await.unwrap();
    let mut later = event(&acme(), 0);
    later.at = Timestamp::from_millis(NOON);
    audit.append(later).await.unwrap();
    let rule = keyward_audit::audit::Rule::all();
    let erasure = audit.erase(&acme(), &rule).await.unwrap().unwrap();
    assert_eq!((erasure.count, erasure.record), (2502, 2502));
    let pieces = store.erasing.lock().unwrap().clone();
    assert!(
        pieces.iter().all(|(from, until)| until - from <= 1024),
        "{pieces:?}"
    );
    let verified = audit.verify(&acme(), |_| ()).await.unwrap().unwrap();
    assert_eq!(verified.erased, 2502);
}

#[tokio::test]
async fn many_at_once_take_few_transactions_and_keep_their_order() {
    let world = World::new().await;
    let (store, audit) = watched(&world).await;
    append(&audit, 0).await.unwrap();
    let events: Vec<_> = (1..=2_000).map(|n| event(&acme(), n)).collect();
    store.calls.store(0, Ordering::Relaxed);
    let seqs = audit.append_all(&events).await.unwrap();
    assert_eq!(store.calls.load(Ordering::Relaxed), 2);
    let wanted: Vec<u64> = (0..=2_000).collect();
    assert_eq!(seqs, wanted[1..]);
    assert_eq!(held(&audit).await, wanted);
    assert!(audit.append_all(&[]).await.unwrap().is_empty());
    // One that the log itself says is none of a caller's: nothing of the rest is recorded either.
    let mut events: Vec<_> = (0..3).map(|n| event(&acme(), n)).collect();
    events[2].action = "audit.mine";
    let refused = audit.append_all(&events).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
    assert_eq!(held(&audit).await.len(), 2_001);
    // The store says nothing of the first thousand: none of those behind is there without them.
    let events: Vec<_> = (2_001..=4_000).map(|n| event(&acme(), n)).collect();
    for (next, is_told) in [(Next::DoneFails, true), (Next::Lost, false)] {
        store.next(next);
        {
            let mut all = pin!(audit.append_all(&events));
            let told = poll(all.as_mut());
            assert_eq!(told.is_ready(), is_told);
            assert!(matches!(told, Poll::Pending | Poll::Ready(Err(_))));
        }
        let held = held(&audit).await;
        assert_eq!(held.len(), 3_001);
        assert!(held.is_sorted());
    }
    // Whoever comes next goes on.
    assert_eq!(append(&audit, 9_999).await.unwrap(), 3_001);
}

#[tokio::test]
async fn many_at_once_of_several_logs_go_each_into_its_own() {
    let world = World::new().await;
    let (_, audit) = watched(&world).await;
    let mut events: Vec<_> = (0..300)
        .map(|n| event(&if n % 3 == 2 { Of::Service } else { acme() }, n))
        .collect();
    // A failure goes where the tenant has a log: since one before it begins that.
    events[4].outcome = Outcome::Failed(ErrorKind::Rejected, Some(Reason::NOT_AUTHENTIC));
    let seqs = audit.append_all(&events).await.unwrap();
    let wanted: Vec<u64> = (0..300)
        .map(|n| if n % 3 == 2 { n / 3 } else { n / 3 * 2 + n % 3 })
        .collect();
    assert_eq!(seqs, wanted);
    let numbers: Vec<u64> = (0..300).filter(|n| n % 3 != 2).collect();
    assert_eq!(held(&audit).await, numbers);
    let service = audit.verify(&Of::Service, |_| ()).await.unwrap().unwrap();
    assert_eq!(service.head.size(), 100);
}
