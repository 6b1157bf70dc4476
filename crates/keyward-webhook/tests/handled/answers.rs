//! What senders are answered, and what the audit is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Response};
use keyward_base::audit::Value;
use keyward_base::{
    Clock, Error, ManualClock, Reason, Result, Retry, SecretBytes, Timestamp, Trail,
};
use keyward_crypto::Provider;
use keyward_store::conformance::block_on;
use keyward_testkit::RecordingAudit;
use keyward_webhook::{Answer, Answers, Outcome, Webhook, preset, reason};

use crate::support::{acme, at, clock};

struct World {
    answers: Answers,
    audit: Arc<RecordingAudit>,
    clock: Arc<ManualClock>,
}

impl World {
    fn new() -> Self {
        let (audit, clock) = (Arc::new(RecordingAudit::new()), clock());
        let trail = Trail::new(Arc::<RecordingAudit>::clone(&audit));
        Self {
            answers: Answers::new(trail, Arc::<ManualClock>::clone(&clock)),
            audit,
            clock,
        }
    }

    fn answer(&self, delivery: &Result<Outcome>) -> Answer {
        block_on(self.answers.answer(&acme(), delivery))
    }
}

#[test]
fn each_outcome_has_the_status_that_a_sender_understands() {
    let world = World::new();
    let mut bodies = Vec::new();
    for (delivery, status, retry) in [
        (Ok(Outcome::Done), 200, None),
        (Ok(Outcome::Stored), 200, None),
        (Ok(Outcome::Repeated), 200, None),
        (Ok(Outcome::Conflict), 200, None),
        (Ok(Outcome::DeadLetter), 200, None),
        (Ok(Outcome::InFlight { until: at(1) }), 503, Some(1)),
        (Ok(Outcome::InFlight { until: at(41_001) }), 503, Some(42)),
        (
            Ok(Outcome::InFlight {
                until: at(9_999_999),
            }),
            503,
            Some(300),
        ),
        (Ok(Outcome::Failed), 500, None),
        (Err(Error::rejected(Reason::NOT_AUTHENTIC)), 401, None),
        (Err(Error::rejected(reason::UNKNOWN_ENDPOINT)), 401, None),
        (Err(Error::rejected(reason::MISSING_HEADER)), 401, None),
        (Err(Error::rejected(reason::NO_SIGNATURE)), 401, None),
        (Err(Error::rejected(reason::STALE)), 401, None),
        (Err(Error::rejected(reason::FUTURE)), 401, None),
        (Err(Error::rejected(reason::AMBIGUOUS_HEADER)), 400, None),
        (Err(Error::rejected(reason::BAD_SIGNATURE)), 400, None),
        (Err(Error::rejected(reason::BAD_ID)), 400, None),
        (Err(Error::rejected(Reason::MALFORMED)), 400, None),
        (Err(Error::rejected(reason::BAD_TIME)), 400, None),
        (Err(Error::rejected(reason::HEADER_TOO_LONG)), 400, None),
        (Err(Error::rejected(reason::TOO_MANY_SIGNATURES)), 400, None),
        (Err(Error::rejected(reason::BODY_TOO_LONG)), 413, None),
        (
            Err(Error::unavailable("a store's own words")),
            503,
            Some(30),
        ),
        (
            Err(Error::unavailable("").retry(Retry::After(Duration::from_secs(7)))),
            503,
            Some(7),
        ),
        (
            Err(Error::unavailable("").retry(Retry::At(at(8_500)))),
            503,
            Some(9),
        ),
        (Err(Error::misuse("a caller's own words")), 500, None),
        (Err(Error::corrupt("a store's own words")), 500, None),
    ] {
        let said = format!("{delivery:?}");
        let answer = world.answer(&delivery);
        assert_eq!(answer.status().as_u16(), status, "{said}");
        assert_eq!(
            answer.retry_after().map(|wait| wait.as_secs()),
            retry,
            "{said}"
        );
        let response: Response<String> = answer.response();
        let header = |name: &str| response.headers().get(name).map(HeaderValue::as_bytes);
        assert_eq!(header("x-content-type-options"), Some(&b"nosniff"[..]));
        let wait = retry.map(|seconds: u64| seconds.to_string());
        assert_eq!(header("retry-after"), wait.as_deref().map(str::as_bytes));
        assert_eq!(response.body().is_empty(), status == 200);
        bodies.push(response.into_body());
    }
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies, ["", "refused\n"], "one text, whatever the reason");
}

/// A conflict that nobody could be told of is not done with.
#[test]
fn a_conflict_is_recorded_before_it_is_answered() {
    let world = World::new();
    assert_eq!(world.answer(&Ok(Outcome::Conflict)).status(), 200);
    let event = world.audit.last().unwrap();
    assert_eq!(event.action, "webhook.conflict");
    assert_eq!(
        (event.tenant, event.record),
        (Some(acme().tenant), Some(acme().id))
    );
    world.audit.set_failing(true);
    assert_eq!(world.answer(&Ok(Outcome::Conflict)).status(), 503);
}

/// 100,000 forged requests in ten seconds: ten events, which tell of all of them, and no other
/// write, since nothing is claimed before it is verified.
#[test]
fn a_flood_of_what_is_refused_is_one_event_a_second() {
    let world = World::new();
    let github = Webhook::new(preset::GITHUB, Provider::default()).unwrap();
    let mut secrets = github.secrets();
    let secret = SecretBytes::copy_of(b"a secret of the endpoint's own");
    secrets.add("one", None, &secret).unwrap();
    let mut forged = HeaderMap::new();
    let signature = format!("sha256={}", "0".repeat(64));
    forged.insert(
        "x-hub-signature-256",
        HeaderValue::from_str(&signature).unwrap(),
    );
    let bare = HeaderMap::new();
    let each = 1_000;
    for second in 0..10_u64 {
        for n in 0..each {
            world.clock.set(at(second * 1_000 + n * 1_000 / each));
            let headers = if n % 4 == 0 { &bare } else { &forged };
            let received = github.receive(headers, at(0));
            let verified = received
                .and_then(|received| received.verify(&secrets, b"{}").map(|_| Outcome::Done));
            assert_eq!(world.answer(&verified).status(), 401);
            if n == each / 2 {
                block_on(world.answers.flush());
            }
        }
    }
    // As a process that stops does; there is nothing left to tell then.
    block_on(world.answers.end());
    world.clock.set(at(20_000));
    block_on(world.answers.flush());
    let events = world.audit.take();
    assert_eq!(events.len(), 11);
    let count = |word: &str| {
        let counts = events
            .iter()
            .filter_map(|event| match event.detail.find(word) {
                Some(Value::Number(count)) => Some(count),
                _ => None,
            });
        counts.sum::<u64>()
    };
    assert_eq!(count(reason::MISSING_HEADER.as_str()), 10 * each / 4);
    assert_eq!(count(Reason::NOT_AUTHENTIC.as_str()), 10 * each / 4 * 3);
    // The first one stood alone, and says where it was; of many it is not said.
    assert_eq!(events.first().unwrap().record, Some(acme().id));
    assert!(events.iter().skip(1).all(|event| event.record.is_none()));

    // A clock that is put back silences nothing.
    world.clock.set(at(0));
    assert_eq!(
        world.answer(&Err(Error::rejected(reason::STALE))).status(),
        401
    );
    assert_eq!(world.audit.take().len(), 1);
}

#[test]
fn several_events_are_answered_as_the_one_that_is_to_come_again() {
    let flight = Outcome::InFlight { until: at(1) };
    for (all, wanted) in [
        (&[][..], Outcome::Done),
        (&[Outcome::Done, Outcome::Repeated], Outcome::Repeated),
        (&[Outcome::Repeated, flight, Outcome::Conflict], flight),
        (&[Outcome::Failed, flight], Outcome::Failed),
        (&[Outcome::DeadLetter, Outcome::Conflict], Outcome::Conflict),
        (&[Outcome::Stored, Outcome::Done], Outcome::Stored),
    ] {
        assert_eq!(Outcome::of_all(all.iter().copied()), wanted, "{all:?}");
    }
}

/// A clock that can be stopped.
#[derive(Debug)]
struct Stopping(AtomicBool);

impl Clock for Stopping {
    fn now(&self) -> Result<Timestamp> {
        match self.0.load(Ordering::SeqCst) {
            false => Ok(at(0)),
            true => Err(Error::unavailable("the clock does not answer")),
        }
    }
}

/// What was refused while nobody knew the time is told when it is known again.
#[test]
fn what_was_refused_without_a_clock_is_told_later() {
    let (audit, clock) = (
        Arc::new(RecordingAudit::new()),
        Arc::new(Stopping(AtomicBool::new(true))),
    );
    let trail = Trail::new(Arc::<RecordingAudit>::clone(&audit));
    let answers = Answers::new(trail, Arc::<Stopping>::clone(&clock));
    let stale = Err(Error::rejected(reason::STALE));
    for _ in 0..3 {
        assert_eq!(block_on(answers.answer(&acme(), &stale)).status(), 401);
        block_on(answers.flush());
        block_on(answers.end());
    }
    assert!(audit.take().is_empty());
    clock.0.store(false, Ordering::SeqCst);
    block_on(answers.end());
    let told = audit.take();
    let count = told[0].detail.find(reason::STALE.as_str());
    assert_eq!((told.len(), count), (1, Some(Value::Number(3))));
}
