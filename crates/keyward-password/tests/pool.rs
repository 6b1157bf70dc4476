//! Admission: turns, deadlines, hang-ups and panics, by the order in which things happen.

#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used)] // Tests: a panic is the report.

use std::future::Future as _;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use keyward_base::{Error, ErrorKind, ManualClock, Retry, SystemClock, Tenant, Timestamp};
use keyward_crypto::slow::argon2::{Arena, Argon2, Kind};
use keyward_password::pool::{Admission, Answer, Need, Pool};
use keyward_password::reason;

const MIB: u64 = 1024 * 1024;

fn tenant(name: &str) -> Tenant {
    Tenant::new(name).unwrap()
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_millis(1_000_000)))
}

fn admission() -> Admission {
    Admission::default()
        .workers(1)
        .budget(64 * MIB)
        .waiting(5_000, 2_000)
}

/// Work that has begun and ends when it is told to.
struct Held {
    answer: Answer<()>,
    go: Sender<()>,
}

fn hold(pool: &Pool, need: Need) -> Held {
    let (begun, begins) = channel();
    let (go, waits): (_, Receiver<()>) = channel();
    let answer = pool.run(&tenant("holder"), need, move |_| {
        begun.send(()).unwrap();
        let _ = waits.recv();
        Ok(())
    });
    begins.recv().unwrap();
    Held { answer, go }
}

impl Held {
    fn end(self) {
        self.go.send(()).unwrap();
        self.answer.wait().unwrap();
    }
}

/// What ran, in its order.
type Order = Arc<Mutex<Vec<String>>>;

fn note(pool: &Pool, order: &Order, of: &str, what: &str) -> Answer<()> {
    let (order, what) = (Arc::clone(order), format!("{of}{what}"));
    pool.run(&tenant(of), Need::elsewhere(1), move |_| {
        order.lock().unwrap().push(what);
        Ok(())
    })
}

fn is_busy(e: &Error) -> bool {
    let when = e.retry_when();
    e.kind() == ErrorKind::Unavailable
        && e.reason() == Some(reason::BUSY)
        && matches!(when, Some(Retry::After(span)) if span >= Duration::from_secs(1))
}

fn poll<T>(answer: &mut Answer<T>) -> Poll<keyward_base::Result<T>> {
    let mut context = Context::from_waker(Waker::noop());
    pin!(answer).poll(&mut context)
}

#[test]
fn a_tenant_with_a_thousand_waiting_delays_another_by_one() {
    let pool = Pool::new(admission(), clock()).unwrap();
    let held = hold(&pool, Need::default());
    let order = Order::default();
    let mut answers: Vec<_> = (0..1_000)
        .map(|at| note(&pool, &order, "a", &at.to_string()))
        .collect();
    answers.extend((0..2).map(|at| note(&pool, &order, "b", &at.to_string())));
    answers.push(note(&pool, &order, "c", "0"));
    held.end();
    answers
        .into_iter()
        .for_each(|answer| answer.wait().unwrap());
    let order = order.lock().unwrap();
    assert_eq!(order[..6], ["a0", "b0", "c0", "a1", "b1", "a2"]);
    // First come, first served within each.
    let of_a: Vec<_> = order.iter().filter(|name| name.starts_with('a')).collect();
    let expected: Vec<_> = (0..1_000).map(|at| format!("a{at}")).collect();
    assert!(of_a.into_iter().eq(&expected));
}

#[test]
fn a_deadline_by_the_clock() {
    let clock = clock();
    let wait = Duration::from_secs(3);
    let pool = Pool::new(admission().wait(wait), clock.clone()).unwrap();
    let held = hold(&pool, Need::default());
    let order = Order::default();
    let mut late = note(&pool, &order, "a", "late");
    let mut other = note(&pool, &order, "b", "late");
    clock.advance(Duration::from_millis(2_999));
    assert!(poll(&mut late).is_pending());
    let in_time = note(&pool, &order, "a", "in time");
    clock.advance(Duration::from_millis(1));
    // One finds out as it asks, the other as somebody else gets in line.
    assert!(matches!(poll(&mut late), Poll::Ready(Err(e)) if is_busy(&e)));
    drop(note(&pool, &order, "c", "looks"));
    assert!(matches!(poll(&mut other), Poll::Ready(Err(e)) if is_busy(&e)));
    assert_eq!(pool.load().turned_away, 2);
    held.end();
    in_time.wait().unwrap();
    pool.settle();
    assert_eq!(*order.lock().unwrap(), ["ain time"]);
}

#[test]
fn a_deadline_comes_while_all_workers_are_busy() {
    let wait = Duration::from_millis(5);
    let pool = Pool::new(admission().wait(wait), Arc::new(SystemClock::new())).unwrap();
    let held = hold(&pool, Need::default());
    // Nobody ends or gets in line: the watch answers.
    let late = note(&pool, &Order::default(), "a", "late").wait();
    assert!(is_busy(&late.unwrap_err()));
    held.end();
}

#[test]
fn the_line_has_an_end() {
    let pool = Pool::new(admission().waiting(4, 2), clock()).unwrap();
    let held = hold(&pool, Need::default());
    let order = Order::default();
    let mut kept = vec![note(&pool, &order, "a", "0"), note(&pool, &order, "a", "1")];
    assert!(is_busy(&note(&pool, &order, "a", "2").wait().unwrap_err()));
    kept.push(note(&pool, &order, "b", "0"));
    kept.push(note(&pool, &order, "c", "0"));
    // Who has nothing in it gets in, and the newest of who has most goes out.
    kept.push(note(&pool, &order, "d", "0"));
    assert!(is_busy(&kept.remove(1).wait().unwrap_err()));
    // Nobody has more than one now.
    for more in ["a", "e"] {
        assert!(is_busy(&note(&pool, &order, more, "9").wait().unwrap_err()));
    }
    let load = pool.load();
    assert_eq!((load.waiting, load.turned_away), (4, 4));
    held.end();
    kept.into_iter().for_each(|answer| answer.wait().unwrap());
    assert_eq!(*order.lock().unwrap(), ["a0", "b0", "c0", "d0"]);
}

#[test]
fn what_no_waiting_helps_is_not_busy() {
    let pool = Pool::new(admission(), clock()).unwrap();
    let above = pool.run(&tenant("a"), Need::arena(64 * MIB + 1), |_| Ok(()));
    let e = above.wait().unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Rejected);
    assert_eq!(e.reason(), Some(reason::ABOVE_BUDGET));
    let all = pool.run(&tenant("a"), Need::elsewhere(64 * MIB), |_| Ok(()));
    all.wait().unwrap();
}

#[test]
fn who_hangs_up_leaves_the_line_and_frees_nothing_early() {
    let pool = Pool::new(admission().workers(2), clock()).unwrap();
    let Held { answer, go } = hold(&pool, Need::elsewhere(40 * MIB));
    // What runs goes on and holds its memory.
    drop(answer);
    assert_eq!((pool.load().running, pool.load().used_bytes), (1, 40 * MIB));
    let order = Order::default();
    let second = pool.run(&tenant("a"), Need::elsewhere(40 * MIB), |_| Ok(()));
    let gone = note(&pool, &order, "a", "gone");
    let third = note(&pool, &order, "a", "third");
    assert_eq!(pool.load().waiting, 3);
    drop(gone);
    assert_eq!(pool.load().waiting, 2);
    go.send(()).unwrap();
    second.wait().unwrap();
    third.wait().unwrap();
    pool.settle();
    assert_eq!(*order.lock().unwrap(), ["athird"]);
    assert_eq!((pool.load().running, pool.load().used_bytes), (0, 0));
}

#[test]
fn what_hangs_up_no_longer_keeps_others_waiting() {
    let pool = Pool::new(admission().workers(2), clock()).unwrap();
    let held = hold(&pool, Need::elsewhere(40 * MIB));
    let large = pool.run(&tenant("a"), Need::elsewhere(40 * MIB), |_| Ok(()));
    let small = note(&pool, &Order::default(), "a", "small");
    // It stands behind the large one, which does not fit; without that it fits.
    drop(large);
    small.wait().unwrap();
    held.end();
}

#[test]
fn a_panic_is_an_error_and_loses_no_permit() {
    let pool = Pool::new(admission(), clock()).unwrap();
    for _ in 0..3 {
        let broken = pool.run::<()>(&tenant("a"), Need::elsewhere(64 * MIB), |_| {
            std::panic::resume_unwind(Box::new("within work"))
        });
        assert_eq!(broken.wait().unwrap_err().kind(), ErrorKind::Unavailable);
    }
    let whole = pool.run(&tenant("a"), Need::elsewhere(64 * MIB), |_| Ok(7));
    assert_eq!(whole.wait().unwrap(), 7);
    pool.settle();
    assert_eq!(pool.load().used_bytes, 0);
}

/// Whoever is woken may panic too: the worker lives on.
#[test]
fn a_panic_of_who_is_woken_loses_no_permit() {
    struct Panics;
    impl std::task::Wake for Panics {
        fn wake(self: Arc<Self>) {
            std::panic::resume_unwind(Box::new("as it is woken"))
        }
    }
    let pool = Pool::new(admission(), clock()).unwrap();
    let (go, waits): (_, Receiver<()>) = channel();
    let mut answer = pool.run(&tenant("a"), Need::elsewhere(64 * MIB), move |_| {
        let _ = waits.recv();
        Ok(())
    });
    let waker = Waker::from(Arc::new(Panics));
    let polled = pin!(&mut answer).poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    go.send(()).unwrap();
    let next = pool.run(&tenant("a"), Need::elsewhere(64 * MIB), |_| Ok(7));
    assert_eq!(next.wait().unwrap(), 7);
}

#[test]
fn a_shut_pool_refuses_and_is_gone() {
    let pool = Pool::new(admission(), clock()).unwrap();
    let Held { answer, go } = hold(&pool, Need::default());
    let waiting = note(&pool, &Order::default(), "a", "waits");
    let (clone, (done, ends)) = (pool.clone(), channel());
    let shutting = std::thread::spawn(move || {
        clone.shut_down();
        done.send(()).unwrap();
    });
    // What waits is refused, and what runs is waited for.
    assert_eq!(waiting.wait().unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(ends.try_recv().is_err());
    go.send(()).unwrap();
    answer.wait().unwrap();
    shutting.join().unwrap();
    assert!(ends.recv().is_ok());
    let e = note(&pool, &Order::default(), "a", "after")
        .wait()
        .unwrap_err();
    assert_eq!((e.kind(), e.reason()), (ErrorKind::Unavailable, None));
    assert_eq!(pool.load().held_bytes, 0);
}

#[test]
fn the_last_clone_may_go_within_the_work() {
    let pool = Pool::new(admission(), clock()).unwrap();
    let (clone, (given, takes)) = (pool.clone(), channel::<()>());
    let answer = pool.run(&tenant("a"), Need::default(), move |_| {
        let _ = takes.recv();
        drop(clone);
        Ok(7)
    });
    drop(pool);
    given.send(()).unwrap();
    assert_eq!(answer.wait().unwrap(), 7);
}

/// Many threads submit, hang up, panic and ask for too much at once: the budget is never passed, and
/// in the end nothing is lost.
#[test]
fn a_race() {
    let admission = admission().workers(3).budget(10_000).waiting(200, 40);
    let pool = Pool::new(admission, clock()).unwrap();
    let used = Arc::new(AtomicUsize::new(0));
    let start = Arc::new(Barrier::new(6));
    let threads: Vec<_> = (0..6_usize)
        .map(|who| {
            let (pool, used, start) = (pool.clone(), Arc::clone(&used), Arc::clone(&start));
            std::thread::spawn(move || {
                let tenant = tenant(&format!("t{}", who % 3));
                start.wait();
                for at in 0..300_usize {
                    let bytes = (who * 977 + at * 331) % 10_500 + 1;
                    let (used, is_panic) = (Arc::clone(&used), at % 17 == 0);
                    let need = Need::elsewhere(bytes as u64);
                    let answer = pool.run(&tenant, need, move |_| {
                        let now = used.fetch_add(bytes, Ordering::SeqCst) + bytes;
                        assert!(now <= 10_000, "{now} bytes at once");
                        std::thread::yield_now();
                        used.fetch_sub(bytes, Ordering::SeqCst);
                        if is_panic {
                            std::panic::resume_unwind(Box::new("now and then"));
                        }
                        Ok(())
                    });
                    if at % 5 == 0 {
                        drop(answer);
                        continue;
                    }
                    match answer.wait() {
                        Ok(()) => assert!(bytes <= 10_000 && !is_panic),
                        Err(e) if e.kind() == ErrorKind::Rejected => assert!(bytes > 10_000),
                        Err(e) => assert!(is_panic || is_busy(&e), "{e:?}"),
                    }
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    pool.settle();
    let load = pool.load();
    assert_eq!((load.running, load.waiting, load.used_bytes), (0, 0, 0));
}

/// What is kept for the next counts too, and gives way to what is asked.
#[test]
fn kept_memory_is_within_the_budget() {
    let pool = Pool::new(admission().workers(2), clock()).unwrap();
    let hash = |mib: u64| {
        // After it was wiped it is kept.
        pool.settle();
        pool.run(&tenant("a"), Need::arena(mib * MIB), move |arena| {
            let before = arena.len() as u64;
            let argon2 = Argon2::new(Kind::Id, u32::try_from(mib * 1024).unwrap(), 1, 1);
            argon2.hash(b"password", b"some salt", &mut [0; 16], arena)?;
            Ok(before)
        })
        .wait()
        .unwrap()
    };
    assert_eq!(hash(8), 0);
    pool.settle();
    assert_eq!(
        (pool.load().held_bytes, pool.load().used_bytes),
        (8 * MIB, 0)
    );
    // Used again by as much and by a little less, not by what is much smaller.
    assert_eq!((hash(8), hash(5), hash(2)), (8 * MIB, 8 * MIB, 0));
    pool.settle();
    assert_eq!(pool.load().held_bytes, 10 * MIB);
    // All of the budget: what is kept goes first.
    assert_eq!(hash(60), 0);
    pool.settle();
    assert!(pool.load().held_bytes <= 64 * MIB);
    assert_eq!(hash(60), 60 * MIB);
}

#[test]
fn memory_that_nobody_asked_for_is_not_kept() {
    let pool = Pool::new(admission(), clock()).unwrap();
    let grown = pool.run(&tenant("a"), Need::arena(64 * 1024), |arena| {
        let mut out = [0; 32];
        // Grows to 1 MiB, which was not in the budget.
        Argon2::new(Kind::Id, 1024, 2, 1).hash(b"x", &[0; 16], &mut out, arena)
    });
    grown.wait().unwrap();
    pool.settle();
    assert_eq!(pool.load().held_bytes, 0);
    let kept = pool.run(&tenant("a"), Need::arena(64 * 1024), |arena| {
        let mut out = [0; 32];
        Argon2::new(Kind::Id, 64, 2, 1).hash(b"x", &[0; 16], &mut out, arena)
    });
    kept.wait().unwrap();
    pool.settle();
    assert_eq!(pool.load().held_bytes, 64 * 1024);
}

#[test]
fn a_full_line_is_shared_with_who_comes_later() {
    let pool = Pool::new(admission().waiting(8, 4), clock()).unwrap();
    let held = hold(&pool, Need::default());
    let order = Order::default();
    let mut waiting = Vec::new();
    for of in ["a", "b"] {
        waiting.extend((0..4).map(|at| note(&pool, &order, of, &at.to_string())));
    }
    // Six others come one by one; what they push out is the newest of who has most.
    for of in ["c", "d", "e", "f", "g", "h"] {
        waiting.push(note(&pool, &order, of, "0"));
    }
    assert_eq!(pool.load().waiting, 8);
    held.end();
    let done = waiting
        .into_iter()
        .filter_map(|answer| answer.wait().ok())
        .count();
    assert_eq!(done, 8);
    let order = order.lock().unwrap();
    assert_eq!(*order, ["a0", "b0", "c0", "d0", "e0", "f0", "g0", "h0"]);
}

#[test]
fn memory_of_work_that_panicked_is_used_by_nobody_else() {
    let pool = Pool::new(admission(), clock()).unwrap();
    let panics = pool.run(&tenant("a"), Need::arena(64 * 1024), |arena| {
        let mut out = [0; 32];
        Argon2::new(Kind::Id, 64, 2, 1).hash(b"x", &[0; 16], &mut out, arena)?;
        assert!(out.is_empty(), "a panic that is wanted");
        Ok(())
    });
    assert!(panics.wait().is_err());
    pool.settle();
    let load = pool.load();
    assert_eq!((load.held_bytes, load.used_bytes), (0, 0));
}

/// A turn is taken before it is known what is to be done in it.
#[tokio::test]
async fn a_permit_is_a_worker_and_its_memory() {
    let pool = Pool::new(admission().workers(1).budget(1 << 20), clock()).unwrap();
    let tenant = tenant("a");
    let permit = pool.enter(&tenant, Need::elsewhere(1 << 19)).await.unwrap();
    let load = pool.load();
    assert_eq!((load.running, load.used_bytes), (1, 1 << 19));
    // Who comes meanwhile waits, and one that waits no more leaves the line.
    let waiting = keyward_testkit::at_most(1, pool.enter(&tenant, Need::elsewhere(1)));
    assert!(waiting.is_none());
    assert_eq!(permit.run(|_| Ok(7)).await.unwrap(), 7);
    pool.settle();
    assert_eq!((pool.load().running, pool.load().used_bytes), (0, 0));
    // Dropped, it lets the worker go.
    drop(pool.enter(&tenant, Need::elsewhere(1)).await.unwrap());
    pool.settle();
    // A panic is an error, and the worker goes on.
    let permit = pool.enter(&tenant, Need::elsewhere(1)).await.unwrap();
    let work = |_: &mut Arena| -> keyward_base::Result<()> {
        std::panic::resume_unwind(Box::new("work's own"))
    };
    let e = permit.run(work).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Unavailable);
    let permit = pool.enter(&tenant, Need::elsewhere(1)).await.unwrap();
    assert_eq!(permit.run(|_| Ok(8)).await.unwrap(), 8);
    let e = pool
        .enter(&tenant, Need::elsewhere(1 << 21))
        .await
        .unwrap_err();
    assert_eq!(e.reason(), Some(reason::ABOVE_BUDGET));
}

/// Who takes a turn and does nothing with it does not keep the worker.
#[tokio::test]
async fn a_permit_that_is_not_used_in_time_is_gone() {
    let pool = Pool::new(
        admission().workers(1).wait(Duration::from_millis(1)),
        clock(),
    )
    .unwrap();
    let tenant = tenant("a");
    // Its turn may not come within a millisecond.
    let permit = loop {
        if let Ok(permit) = pool.enter(&tenant, Need::elsewhere(1)).await {
            break permit;
        }
    };
    pool.settle();
    let e = permit.run(|_| Ok(())).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn who_finds_no_room_in_line_takes_no_permit() {
    let pool = Pool::new(admission().workers(1).waiting(0, 0), clock()).unwrap();
    let e = pool
        .enter(&tenant("a"), Need::elsewhere(1))
        .await
        .unwrap_err();
    assert_eq!(e.reason(), Some(reason::BUSY));
}
