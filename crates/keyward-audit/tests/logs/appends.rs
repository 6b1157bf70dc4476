//! Appending, alone and with others.

use std::collections::BTreeMap;
use std::pin::pin;
use std::task::{Context, Waker};

use keyward_audit::entry::{MAX_LEN, Number, Typed};
use keyward_audit::{Entry, Of};
use keyward_base::audit::Value;
use keyward_base::{ErrorKind, Event, Timestamp};

use crate::world::{NOON, World, acme, event};

#[tokio::test]
async fn what_is_appended_is_there_in_its_order() {
    let world = World::new().await;
    assert_eq!(world.verify(&acme()).await.unwrap(), 0);
    for n in 0..20 {
        assert_eq!(world.audit.append(event(&acme(), n)).await.unwrap(), n);
    }
    // Another process goes on where this one is, and the other way round.
    let other = world.again().await;
    for n in 20..30 {
        let audit = if n % 2 == 0 { &other } else { &world.audit };
        assert_eq!(audit.append(event(&acme(), n)).await.unwrap(), n);
    }
    // The service's own log is another one.
    assert_eq!(world.audit.append(event(&Of::Service, 0)).await.unwrap(), 0);
    let (mut next, mut seen) = (Some(0), 0);
    while let Some(from) = next {
        let page = other.entries(&acme(), from, 7).await.unwrap();
        for kept in page.entries {
            assert_eq!(kept.seq, seen);
            let entry = kept.entry().unwrap().unwrap();
            let n = ("n".to_owned(), Typed::Number(Number(seen)));
            assert_eq!(entry.detail, [n]);
            seen += 1;
        }
        next = page.next;
    }
    assert_eq!(seen, 30);
    assert_eq!(world.verify(&acme()).await.unwrap(), 30);
    assert_eq!(world.verify(&Of::Service).await.unwrap(), 1);
    let [service, tenant] = &world.audit.logs().await.unwrap()[..] else {
        panic!("two logs");
    };
    assert_eq!((service, tenant), (&Of::Service, &acme()));
    let head = |of: Of| async move { world.audit.head(&of).await.unwrap().unwrap().log };
    assert_ne!(head(Of::Service).await, head_of(&other).await);
}

async fn head_of(audit: &keyward_audit::Audit) -> [u8; 16] {
    audit.head(&acme()).await.unwrap().unwrap().log
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_leave_no_gap_and_keep_their_order() {
    let world = World::new().await;
    let others = [
        world.audit.clone(),
        world.again().await,
        world.again().await,
    ];
    let mut tasks = tokio::task::JoinSet::new();
    for (writer, audit) in (0..24_u64).zip(others.iter().cycle()) {
        let audit = audit.clone();
        tasks.spawn(async move {
            let mut seqs = Vec::new();
            for n in 0..8 {
                seqs.push(
                    audit
                        .append(event(&acme(), writer * 100 + n))
                        .await
                        .unwrap(),
                );
            }
            (writer, seqs)
        });
    }
    let mut told = BTreeMap::new();
    while let Some(done) = tasks.join_next().await {
        let (writer, seqs) = done.unwrap();
        assert!(seqs.is_sorted(), "{seqs:?}");
        for (n, seq) in (0..).zip(seqs) {
            assert_eq!(told.insert(seq, writer * 100 + n), None);
        }
    }
    assert_eq!(world.verify(&acme()).await.unwrap(), 24 * 8);
    let page = world.audit.entries(&acme(), 0, 4096).await.unwrap();
    for kept in page.entries {
        let Typed::Number(n) = kept.entry().unwrap().unwrap().detail[0].1 else {
            panic!()
        };
        assert_eq!(told.remove(&kept.seq), Some(n.0));
    }
    assert!(told.is_empty());
}

#[tokio::test]
async fn a_clock_that_went_back_is_told_and_the_days_stay_in_order() {
    let world = World::new().await;
    let day = 24 * 60 * 60 * 1000;
    for at in [NOON + 3 * day, NOON, NOON + day, NOON + 4 * day] {
        let mut late = event(&acme(), 0);
        late.at = Timestamp::from_millis(at);
        world.audit.append(late).await.unwrap();
    }
    let page = world.audit.entries(&acme(), 0, 10).await.unwrap();
    let first = page.entries[0].leaf.header.day;
    let days: Vec<u32> = page
        .entries
        .iter()
        .map(|k| k.leaf.header.day - first)
        .collect();
    assert_eq!(days, [0, 0, 0, 1]);
    let entries = page
        .entries
        .iter()
        .map(|kept| kept.entry().unwrap().unwrap());
    let behind: Vec<_> = entries
        .map(|e| (e.at.0 - NOON, e.behind.map(|b| b.0)))
        .collect();
    let wanted = [
        (3 * day, None),
        (0, Some(3 * day)),
        (day, Some(2 * day)),
        (4 * day, None),
    ];
    assert_eq!(behind, wanted);
    assert_eq!(world.verify(&acme()).await.unwrap(), 4);
}

const NONE: Timestamp = Timestamp::from_millis(0);

#[tokio::test]
async fn an_event_that_is_too_long_is_refused_alone() {
    let world = World::new().await;
    let mut long = event(&acme(), 1);
    for _ in 0..4000 {
        long.detail = long.detail.with("a name of some length", Value::Flag(true));
    }
    let (a, b, c) = tokio::join!(
        world.audit.append(event(&acme(), 0)),
        world.audit.append(long),
        world.audit.append(event(&acme(), 2)),
    );
    assert_eq!((a.unwrap(), c.unwrap()), (0, 1));
    assert_eq!(b.unwrap_err().kind(), ErrorKind::Misuse);
    // The longest that is taken is taken also where the clock went back.
    let mut longest = event(&acme(), 0);
    longest.at = Timestamp::from_millis(0);
    let len = |event: &Event| Entry::of(event, NONE).text().unwrap().len();
    let bare = len(&longest);
    longest.detail = longest.detail.with("a name", Value::Number(7));
    let each = len(&longest) - bare;
    for _ in 0..(MAX_LEN - 64 - len(&longest)) / each {
        longest.detail = longest.detail.with("a name", Value::Number(7));
    }
    assert!(len(&longest) > MAX_LEN - 64 - each);
    assert_eq!(world.audit.append(longest).await.unwrap(), 2);
    assert_eq!(world.verify(&acme()).await.unwrap(), 3);
}

#[tokio::test]
async fn a_caller_that_went_away_keeps_nobody_from_going_on() {
    let world = World::new().await;
    for n in 0..40 {
        // Polled a few times, and dropped.
        let mut append = pin!(world.audit.append(event(&acme(), n)));
        for _ in 0..n % 8 {
            let polled = append
                .as_mut()
                .poll(&mut Context::from_waker(Waker::noop()));
            if polled.is_ready() {
                break;
            }
        }
    }
    let size = world.audit.append(event(&acme(), 99)).await.unwrap() + 1;
    assert_eq!(world.verify(&acme()).await.unwrap(), size);
}
