//! What waits for its event, and what is done without it.

#![allow(clippy::unwrap_used)] // Tests: a panic is the report.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use keyward_base::audit::{Intent, Outcome, RunId};
use keyward_base::{
    Actor, BoxFuture, Error, ErrorKind, Event, EventId, ManualClock, Result, Sink, Subject,
    Timestamp, Trail,
};

/// Keeps events while it works.
#[derive(Debug, Default)]
struct Flaky {
    down: AtomicBool,
    held: Mutex<Vec<Event>>,
}

impl Sink for Flaky {
    fn record<'a>(&'a self, event: &'a Event) -> BoxFuture<'a, Result<()>> {
        Box::pin(async {
            if self.down.load(Ordering::SeqCst) {
                return Err(Error::unavailable("the sink is down"));
            }
            self.held.lock().unwrap().push(event.clone());
            Ok(())
        })
    }

    fn open_intents(&self) -> BoxFuture<'_, Result<Vec<Intent>>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// None of these futures waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(out) => out,
        Poll::Pending => unreachable!("nothing here waits"),
    }
}

fn event(action: &'static str) -> Event {
    Event::new(Timestamp::from_millis(1), action, Outcome::Granted)
}

const ID: EventId = EventId::from_bytes([7; 16]);

#[test]
fn without_its_event_nothing_is_done_unless_that_was_asked_for() {
    let sink = Arc::new(Flaky::default());
    let trail = Trail::new(Arc::<Flaky>::clone(&sink));
    let loose = trail.best_effort(&["vault.open", "vault.put"]).unwrap();
    sink.down.store(true, Ordering::SeqCst);
    for action in ["vault.open", "vault.put"] {
        let error = now(trail.require(event(action))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(now(trail.intend(ID, event(action))).is_err());
        now(loose.require(event(action))).unwrap();
    }
    assert!(now(loose.require(event("vault.delete"))).is_err());
    assert!(now(loose.intend(ID, event("vault.delete"))).is_err());
    assert_eq!(trail.dropped(), 2, "clones count together");
}

/// An intent that was dropped leaves an outcome that stands alone: nobody looks for its other half.
#[test]
fn an_outcome_without_its_intent_stands_alone() {
    let sink = Arc::new(Flaky::default());
    let loose = Trail::new(Arc::<Flaky>::clone(&sink))
        .best_effort(&["vault.put"])
        .unwrap();
    let clock = ManualClock::new(Timestamp::from_millis(2));
    sink.down.store(true, Ordering::SeqCst);
    let act = now(loose.intend(ID, event("vault.put"))).unwrap();
    sink.down.store(false, Ordering::SeqCst);
    now(act.end(&clock, Outcome::Done));
    let act = now(loose.intend(ID, event("vault.put"))).unwrap();
    now(act.end(&clock, Outcome::Done));
    let held = sink.held.lock().unwrap();
    let seen: Vec<_> = held.iter().map(|e| (e.id, e.outcome)).collect();
    let expected = [
        (None, Outcome::Done),
        (Some(ID), Outcome::Intended),
        (Some(ID), Outcome::Done),
    ];
    assert_eq!(seen, expected);
    assert_eq!(loose.dropped(), 1);
}

/// What need not be recorded is, in its run, and is counted when it cannot be.
#[test]
fn a_note_is_recorded_or_counted() {
    let sink = Arc::new(Flaky::default());
    let run = RunId::from_bytes([5; 8]);
    let trail = Trail::new(Arc::<Flaky>::clone(&sink)).in_run(Some(run));
    now(trail.note(event("vault.open")));
    sink.down.store(true, Ordering::SeqCst);
    now(trail.note(event("vault.open")));
    let runs: Vec<_> = sink.held.lock().unwrap().iter().map(|e| e.run).collect();
    assert_eq!((runs, trail.dropped()), (vec![Some(run)], 1));
}

#[test]
fn the_id_of_a_run_is_read_as_it_is_written() {
    let run = RunId::from_bytes([0, 1, 2, 3, 4, 5, 0xfe, 0xff]);
    assert_eq!(run.to_bytes(), [0, 1, 2, 3, 4, 5, 0xfe, 0xff]);
    assert_eq!(run.to_string(), "000102030405feff");
    assert_eq!(format!("{run:?}"), "RunId(000102030405feff)");
    assert_eq!(RunId::parse("000102030405feff").unwrap(), run);
}

#[test]
fn what_is_done_to_keys_is_always_told() {
    let trail = Trail::new(Arc::new(Flaky::default()));
    for action in ["keys.promote", "vault.danger-export"] {
        let error = trail.best_effort(&["vault.open", action]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse);
    }
}

/// What a crate defines compares with what another wrote as the same word, and no other.
#[test]
fn a_reason_is_its_word() {
    use keyward_base::{Reason, Retry};
    use std::time::Duration;

    const LATE: Reason = Reason::new("late");
    assert_eq!(LATE, Reason::new("late"));
    assert_ne!(LATE, Reason::EXPIRED);
    assert_eq!(
        (LATE.to_string(), format!("{LATE:?}")),
        ("late".into(), "Reason(late)".into())
    );
    let at = |millis| Timestamp::from_millis(millis);
    let error = Error::rejected(LATE).retry(Retry::At(at(5_000)));
    let when = error.retry_when().unwrap();
    assert_eq!(when.wait(at(2_000)), Duration::from_secs(3));
    assert_eq!(when.wait(at(9_000)), Duration::ZERO);
    assert_eq!(
        Retry::After(Duration::from_secs(7)).wait(at(1)),
        Duration::from_secs(7)
    );
    assert_eq!(Error::rejected(LATE).retry_when(), None);
}

/// Who opens a home after a crash did not do what another left undone.
#[test]
fn what_another_left_open_is_not_closed_in_the_name_of_who_closes_it() {
    let sink = Arc::new(Flaky::default());
    let actor = |id| Actor::new(Subject::new(id).unwrap());
    let trail = Trail::new(Arc::<Flaky>::clone(&sink));
    let left = trail.acting_as(actor("alice"));
    drop(now(left.intend(ID, event("vault.put"))).unwrap());
    let intended = sink.held.lock().unwrap().pop().unwrap();
    assert_eq!(intended.actor, Some(actor("alice")));

    let intent = Intent::of(&intended).unwrap();
    let other = trail.acting_as(actor("bob"));
    let at = Timestamp::from_millis(9);
    now(other.close(intent, "vault.put", at, Outcome::Done)).unwrap();
    let closed = sink.held.lock().unwrap().pop().unwrap();
    assert_eq!((closed.id, closed.outcome), (Some(ID), Outcome::Done));
    assert_eq!(closed.actor, None);
    // An open intent stays open where its end could not be told.
    sink.down.store(true, Ordering::SeqCst);
    let intent = Intent::of(&intended).unwrap();
    assert!(now(other.close(intent, "vault.put", at, Outcome::Done)).is_err());
}

#[test]
fn an_outcome_is_its_word_and_an_id_is_of_what_it_names() {
    let failed = Outcome::Failed(ErrorKind::Rejected, None);
    let all = [
        (Outcome::Intended, "intended"),
        (Outcome::Granted, "granted"),
        (Outcome::Done, "done"),
        (failed, "failed"),
        (Outcome::NotDone, "not-done"),
        (Outcome::Unknown, "unknown"),
    ];
    for (outcome, word) in all {
        assert_eq!(outcome.as_str(), word);
    }
    let id = EventId::new([1; 8], [2; 8]);
    assert_eq!(id.to_bytes()[..8], [1; 8]);
    assert_eq!(id.to_bytes()[8..], [2; 8]);
    assert!(id.is_of([1; 8]) && !id.is_of([2; 8]));
}

#[test]
fn an_intent_is_what_its_event_says_and_no_other_event_is_one() {
    let mut told = event("vault.put");
    told.id = Some(ID);
    told.found = Some(7);
    assert_eq!(Intent::of(&told), None, "granted, not intended");
    told.outcome = Outcome::Intended;
    let intent = Intent::of(&told).unwrap();
    assert_eq!((intent.id, intent.found), (ID, Some(7)));
    assert_eq!(intent.action, "vault.put");
    told.id = None;
    assert_eq!(Intent::of(&told), None, "nothing could close it");
}
