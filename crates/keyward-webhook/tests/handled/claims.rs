//! What a claim says, and how a handler ends.

use std::future::{pending, poll_fn};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use keyward_base::{ErrorKind, Timestamp};
use keyward_crypto::Provider;
use keyward_store::conformance::block_on;
use keyward_webhook::scheme::{HmacProof, Proof, Unit, Window};
use keyward_webhook::{
    ClaimId, Claimed, Claims, Coverage, Endpoint, Lease, Named, OnceTerms, Outcome, OwnedWebhook,
    Ran, Scheme, Webhook, preset,
};

use crate::support::{
    Deaf, START, acme, at, claims, clock, endpoint, github, memory, meta, standard, stripe,
};

const HOUR: Duration = Duration::from_secs(3600);

async fn ok() -> Result<(), ()> {
    Ok(())
}

async fn claim<C: Coverage>(claims: &Claims, of: &Endpoint, hook: &OwnedWebhook<C>) -> Claimed {
    claims.claim(of, &hook.get()).await.unwrap()
}

async fn lease<C: Coverage>(claims: &Claims, of: &Endpoint, hook: &OwnedWebhook<C>) -> Lease {
    match claim(claims, of, hook).await {
        Claimed::First(lease) => lease,
        other => panic!("no lease: {other:?}"),
    }
}

async fn handle<C: Coverage>(claims: &Claims, of: &Endpoint, hook: &OwnedWebhook<C>) -> Outcome {
    claims.handle(of, &hook.get(), ok()).await.unwrap()
}

#[test]
fn what_comes_again_is_done_whatever_time_and_signature_it_has() {
    block_on(async {
        let clock = clock();
        let terms = OnceTerms::of(&preset::STANDARD_WEBHOOKS);
        let claims = claims(terms, memory(), &clock);
        let ran = AtomicUsize::new(0);
        for minute in 0..4 {
            let now = at(minute * 60_000);
            clock.set(now);
            let hook = standard("msg_1", b"{}", now);
            let handler = async {
                ran.fetch_add(1, Ordering::SeqCst);
                Ok::<_, ()>(())
            };
            let outcome = claims.handle(&acme(), &hook.get(), handler).await.unwrap();
            assert_eq!(outcome, Outcome::Done);
        }
        assert_eq!(ran.load(Ordering::SeqCst), 1);
        let other = standard("msg_2", b"{}", clock_now(&clock));
        assert!(matches!(
            claim(&claims, &acme(), &other).await,
            Claimed::First(_)
        ));
    });
}

fn clock_now(clock: &keyward_base::ManualClock) -> Timestamp {
    keyward_base::Clock::now(clock).unwrap()
}

#[test]
fn one_that_is_handled_is_in_flight_and_taken_over_when_its_lease_ends() {
    block_on(async {
        let clock = clock();
        let claims = claims(OnceTerms::of(&preset::GITHUB), memory(), &clock);
        let hook = github("1", b"{}");
        let first = lease(&claims, &acme(), &hook).await;
        assert_eq!(first.until(), at(60_000));
        clock.set(at(59_999));
        let found = claim(&claims, &acme(), &hook).await;
        assert!(
            matches!(found, Claimed::InFlight { until } if until == at(60_000)),
            "{found:?}"
        );
        clock.set(at(60_000));
        let second = lease(&claims, &acme(), &hook).await;
        assert!(second.token() > first.token());
        assert!(matches!(first.run(ok()).await.unwrap(), Ran::Overtaken(())));
        assert!(matches!(second.run(ok()).await.unwrap(), Ran::Done(())));
        assert_eq!(handle(&claims, &acme(), &hook).await, Outcome::Done);
    });
}

/// However a handler ends but well, the next attempt runs at once.
#[test]
fn a_handler_that_fails_panics_or_is_dropped_lets_the_next_attempt_through() {
    block_on(async {
        let clock = clock();
        let store = memory();
        let elsewhere = claims(OnceTerms::of(&preset::GITHUB), store.clone(), &clock);
        let claims = claims(OnceTerms::of(&preset::GITHUB), store, &clock);
        let hook = github("1", b"{}");
        let failed = claims
            .handle(&acme(), &hook.get(), async { Err::<(), _>("no") })
            .await;
        assert_eq!(failed.unwrap(), Outcome::Failed);
        drop(lease(&elsewhere, &acme(), &hook).await);
        let _ended = elsewhere.tidy().await.unwrap();

        let panics = async {
            if START > 0 {
                panic!("a handler's own");
            }
            Ok::<(), ()>(())
        };
        let lease_of = lease(&claims, &acme(), &hook).await;
        let mut run = Box::pin(lease_of.run(panics));
        let ended = poll_fn(|cx| {
            let polled = std::panic::catch_unwind(AssertUnwindSafe(|| run.as_mut().poll(cx)));
            Poll::Ready(polled.is_err())
        });
        assert!(ended.await, "the panic was swallowed");
        drop(run);
        // Given up before it went on, and not by its drop alone, which another process learns of
        // when the lease is over.
        drop(lease(&elsewhere, &acme(), &hook).await);
        let _ended = elsewhere.tidy().await.unwrap();
        let lease_of = lease(&claims, &acme(), &hook).await;

        let never = pending::<Result<(), ()>>();
        let mut run = Box::pin(lease_of.run(never));
        poll_fn(|cx| Poll::Ready(run.as_mut().poll(cx).is_pending())).await;
        assert!(matches!(
            claim(&claims, &acme(), &hook).await,
            Claimed::InFlight { .. }
        ));
        drop(run);
        // One that is claimed and never run is given up too.
        drop(lease(&claims, &acme(), &hook).await);
        assert_eq!(handle(&claims, &acme(), &hook).await, Outcome::Done);
        drop(hook);
    });
}

/// A process that dies tells nobody: the lease ends by itself, for the same body under any id.
#[test]
fn a_body_that_was_left_unhandled_runs_under_another_id() {
    block_on(async {
        let (clock, store) = (clock(), memory());
        let dead = claims(OnceTerms::of(&preset::GITHUB), store.clone(), &clock);
        let (one, two) = (github("1", b"{}"), github("2", b"{}"));
        let gone = lease(&dead, &acme(), &one).await;
        let claims = claims(OnceTerms::of(&preset::GITHUB), store, &clock);
        assert!(matches!(
            claim(&claims, &acme(), &two).await,
            Claimed::InFlight { .. }
        ));
        clock.set(at(60_000));
        assert_eq!(handle(&claims, &acme(), &two).await, Outcome::Done);
        drop(gone);
        assert_eq!(handle(&claims, &acme(), &two).await, Outcome::Done);
        assert_eq!(handle(&claims, &acme(), &one).await, Outcome::Repeated);
    });
}

#[test]
fn a_known_body_under_another_unsigned_id_is_repeated_and_runs_only_where_it_may() {
    block_on(async {
        let (clock, store) = (clock(), memory());
        let strict = claims(OnceTerms::of(&preset::GITHUB), store.clone(), &clock);
        let lets = OnceTerms::of(&preset::GITHUB).run_repeated();
        let lets = claims(lets, store, &clock);
        let (one, two) = (github("1", b"{}"), github("2", b"{}"));
        assert_eq!(handle(&strict, &acme(), &one).await, Outcome::Done);
        for other in [&two, &github("", b"{}")] {
            assert_eq!(handle(&strict, &acme(), other).await, Outcome::Repeated);
        }
        assert_eq!(handle(&strict, &acme(), &one).await, Outcome::Done);
        let again = lease(&lets, &acme(), &two).await;
        assert!(again.is_repeated());
        assert!(matches!(
            claim(&lets, &acme(), &two).await,
            Claimed::InFlight { .. }
        ));
        assert!(matches!(again.run(ok()).await.unwrap(), Ran::Done(())));
        assert!(matches!(claim(&lets, &acme(), &two).await, Claimed::Done));
        assert!(matches!(claim(&lets, &acme(), &one).await, Claimed::Done));
        assert!(
            !lease(&lets, &acme(), &github("1", b"[]"))
                .await
                .is_repeated()
        );
    });
}

#[test]
fn a_signed_id_with_another_body_is_a_conflict_unless_attempts_may_differ() {
    block_on(async {
        let clock = clock();
        let terms = OnceTerms::of(&preset::STANDARD_WEBHOOKS);
        let standards = claims(terms, memory(), &clock);
        assert_eq!(
            handle(&standards, &acme(), &standard("m", b"1", at(0))).await,
            Outcome::Done
        );
        let other = standard("m", b"2", at(0));
        assert_eq!(handle(&standards, &acme(), &other).await, Outcome::Conflict);

        let stripes = claims(OnceTerms::of(&preset::STRIPE), memory(), &clock);
        let body = |pending: u8| format!(r#"{{"id":"evt_1","pending_webhooks":{pending}}}"#);
        for (pending, wanted) in [(2, "first"), (1, "done"), (0, "done")] {
            let hook = stripe(body(pending).as_bytes(), at(0));
            let found = match claim(&stripes, &acme(), &hook).await {
                Claimed::First(lease) => {
                    let _ran = lease.run(ok()).await.unwrap();
                    "first"
                }
                Claimed::Done => "done",
                other => panic!("{other:?}"),
            };
            assert_eq!(found, wanted);
        }
    });
}

#[test]
fn no_two_endpoints_share_a_claim() {
    block_on(async {
        let (clock, store) = (clock(), memory());
        let githubs = claims(OnceTerms::of(&preset::GITHUB), store.clone(), &clock);
        let metas = claims(OnceTerms::of(&preset::META), store, &clock);
        let hook = github("", b"{}");
        let endpoints = [("a", "bc"), ("ab", "c"), ("a", "b"), ("b", "bc")];
        for (tenant, id) in endpoints {
            let of = endpoint(tenant, id);
            assert!(
                matches!(claim(&githubs, &of, &hook).await, Claimed::First(_)),
                "{of:?}"
            );
        }
        for (tenant, id) in endpoints {
            let of = endpoint(tenant, id);
            assert_eq!(handle(&metas, &of, &meta(b"{}")).await, Outcome::Done);
            assert_eq!(handle(&githubs, &of, &hook).await, Outcome::Done);
        }
        let other = githubs.claim(&acme(), &meta(b"{}").get()).await;
        assert_eq!(other.unwrap_err().kind(), ErrorKind::Misuse);
    });
}

#[test]
fn terms_under_which_it_could_run_twice_are_refused() {
    let (github, stripe) = (
        OnceTerms::of(&preset::GITHUB),
        OnceTerms::of(&preset::STRIPE),
    );
    let day = Duration::from_secs(86_400);
    for (terms, holds) in [
        (github.clone().keep(3 * day), true),
        (
            github.clone().keep(3 * day - Duration::from_millis(1)),
            false,
        ),
        (stripe.clone().keep(6 * 60 * Duration::from_secs(1)), false),
        (github.clone().lease(Duration::ZERO), false),
        (github.clone().lease(4 * day), true),
        (github.clone().keep(3 * day).lease(4 * day), false),
        (github.keep(day).keep_until_secret_changes(), true),
    ] {
        let refused = terms.check().err().map(|e| e.kind());
        assert_eq!(refused, (!holds).then_some(ErrorKind::Misuse), "{terms:?}");
        let claims = Claims::new(terms, memory(), clock());
        assert_eq!(claims.is_ok(), holds);
    }
    // The window counts where nobody sends again.
    let mut scheme = preset::STRIPE;
    scheme.retries = Duration::ZERO;
    assert!(
        OnceTerms::of(&scheme)
            .keep(Duration::from_secs(360))
            .check()
            .is_err()
    );
    assert!(
        OnceTerms::of(&scheme)
            .keep(Duration::from_secs(361))
            .check()
            .is_ok()
    );
    // What no store can keep is refused here, and not at each delivery.
    scheme.retries = Duration::MAX;
    let endless = [
        OnceTerms::of(&scheme),
        OnceTerms::of(&preset::GITHUB).keep(Duration::MAX),
        OnceTerms::of(&preset::GITHUB).lease(Duration::MAX),
    ];
    for terms in endless {
        let refused = terms.check().unwrap_err();
        assert!(refused.to_string().contains("century"), "{refused}");
    }
}

/// Two schemes of one name may differ in how long a request verifies.
#[test]
fn terms_are_those_of_the_scheme_that_verified() {
    let wide = Window {
        past: Duration::from_secs(5 * 86_400),
        future: Duration::ZERO,
    };
    let mut longer = preset::STRIPE;
    longer.retries = Duration::from_secs(4 * 86_400);
    let mut untimed = Scheme::hmac("stripe", "stripe-signature", "");
    untimed.key = preset::STRIPE.key;
    let short = OnceTerms::of(&preset::STRIPE);
    for scheme in [preset::STRIPE.with_window(wide), longer, untimed] {
        let webhook = Webhook::new(scheme, Provider::default()).unwrap();
        let secret = webhook.generate().unwrap();
        let mut secrets = webhook.secrets();
        secrets.add("one", None, &secret).unwrap();
        let (own, crypto) = (OnceTerms::of(webhook.scheme()), Provider::default());
        let headers = webhook
            .scheme()
            .sign(&crypto, &secret, None, at(0), b"{}")
            .unwrap();
        let received = webhook.receive(&headers, at(0)).unwrap();
        let hook = received.verify(&secrets, b"{}").unwrap();
        let fits = |terms: OnceTerms| {
            let claims = claims(terms, memory(), &clock());
            block_on(claims.claim(&acme(), &hook))
                .map(|_| ())
                .map_err(|e| e.kind())
        };
        assert_eq!(fits(own), Ok(()));
        assert_eq!(fits(short.clone()), Err(ErrorKind::Misuse));
    }
}

/// Whoever captured a request finds its claim for as long as the request verifies, to the last
/// millisecond: parts of a second do not count against the window.
#[test]
fn a_claim_outlives_its_request() {
    for (unit, last) in [(Unit::Seconds, 360_999), (Unit::Millis, 360_000)] {
        let mut scheme = preset::STRIPE;
        scheme.retries = Duration::ZERO;
        if let Proof::Hmac(HmacProof {
            time: Some(time), ..
        }) = &mut scheme.proof
        {
            time.unit = unit;
        }
        let terms = OnceTerms::of(&scheme).lease(Duration::from_secs(1));
        let webhook = Webhook::new(scheme, Provider::default()).unwrap();
        let secret = webhook.generate().unwrap();
        let mut secrets = webhook.secrets();
        secrets.add("one", None, &secret).unwrap();
        let (body, crypto) = (br#"{"id":"evt_1"}"#, Provider::default());
        let headers = webhook
            .scheme()
            .sign(&crypto, &secret, None, at(60_000), body)
            .unwrap();
        for beyond in [START - 1, START + last + 1] {
            let now = Timestamp::from_millis(beyond);
            assert!(webhook.receive(&headers, now).is_err(), "{beyond}");
        }
        let clock = clock();
        let claims = claims(terms, memory(), &clock);
        let ran = AtomicUsize::new(0);
        for now in [at(0), at(last)] {
            clock.set(now);
            block_on(claims.tidy()).unwrap();
            let received = webhook.receive(&headers, now).unwrap();
            let hook = received.verify(&secrets, body).unwrap();
            let handler = async {
                ran.fetch_add(1, Ordering::SeqCst);
                Ok::<_, ()>(())
            };
            let outcome = block_on(claims.handle(&acme(), &hook, handler)).unwrap();
            assert_eq!(outcome, Outcome::Done);
        }
        assert_eq!(ran.load(Ordering::SeqCst), 1, "{unit:?}");
    }
}

/// Messages are batched anew between attempts: each is answered by itself.
#[test]
fn events_of_a_delivery_are_claimed_each_by_itself() {
    block_on(async {
        let clock = clock();
        let claims = claims(OnceTerms::of(&preset::META), memory(), &clock);
        let named = |ids: &[&'static str]| -> Vec<Named<'static>> {
            let named = |id: &&'static str| Named {
                id: id.as_bytes(),
                content: None,
            };
            ids.iter().map(named).collect()
        };
        let (one, two) = (meta(b"a, b"), meta(b"b, c, c"));
        let first = claims
            .claim_named(&acme(), &one.get(), &named(&["a", "b"]))
            .await
            .unwrap();
        for claimed in first {
            let Claimed::First(lease) = claimed else {
                panic!("{claimed:?}")
            };
            assert!(matches!(lease.run(ok()).await.unwrap(), Ran::Done(())));
        }
        let events = named(&["b", "c", "c"]);
        let second = claims
            .claim_named(&acme(), &two.get(), &events)
            .await
            .unwrap();
        let [Claimed::Done, Claimed::First(_), Claimed::InFlight { .. }] = second.as_slice() else {
            panic!("{second:?}");
        };
        let all = Outcome::of_all(second.into_iter().map(Claimed::outcome));
        assert!(matches!(all, Outcome::InFlight { .. }), "{all:?}");

        // What is compared is what the application gives.
        let status = |content| {
            [Named {
                id: b"wamid.1/read",
                content: Some(content),
            }]
        };
        for (content, done) in [(&b"1"[..], true), (b"1", true), (b"2", false)] {
            let found = claims
                .claim_named(&acme(), &one.get(), &status(content))
                .await
                .unwrap();
            let outcome = match found.into_iter().next().unwrap() {
                Claimed::First(lease) => lease.run(ok()).await.unwrap().outcome(),
                other => other.outcome(),
            };
            assert_eq!(outcome == Outcome::Done, done);
            assert_eq!(outcome == Outcome::Conflict, !done);
        }
    });
}

#[test]
fn what_is_forgotten_runs_again() {
    block_on(async {
        let clock = clock();
        let claims = claims(OnceTerms::of(&preset::GITHUB), memory(), &clock);
        let hook = github("1", b"{}");
        assert_eq!(handle(&claims, &acme(), &hook).await, Outcome::Done);
        let id = claims.id(&acme(), &hook.get()).unwrap();
        let id = ClaimId::parse(&id.to_string()).unwrap();
        assert!(
            !claims
                .forget(&endpoint("other", "deploys"), id)
                .await
                .unwrap()
        );
        assert!(claims.forget(&acme(), id).await.unwrap());
        let running = lease(&claims, &acme(), &hook).await;
        assert!(claims.forget(&acme(), id).await.unwrap());
        assert!(!claims.forget(&acme(), id).await.unwrap());
        let next = lease(&claims, &acme(), &hook).await;
        assert!(matches!(
            running.run(ok()).await.unwrap(),
            Ran::Overtaken(())
        ));
        assert!(matches!(next.run(ok()).await.unwrap(), Ran::Done(())));
    });
}

#[test]
fn a_claim_lapses_or_is_kept_until_the_secret_changes() {
    block_on(async {
        let clock = clock();
        let hook = github("1", b"{}");
        let lapsing = claims(OnceTerms::of(&preset::GITHUB), memory(), &clock);
        let days = 86_400_000;
        let first = lease(&lapsing, &acme(), &hook).await;
        assert_eq!(first.replayable_from(), Some(at(3 * days)));
        assert!(matches!(first.run(ok()).await.unwrap(), Ran::Done(())));
        clock.set(at(3 * days - 1));
        assert_eq!(lapsing.tidy().await.unwrap(), 0);
        assert!(matches!(
            claim(&lapsing, &acme(), &hook).await,
            Claimed::Done
        ));
        clock.set(at(3 * days));
        assert!(matches!(
            claim(&lapsing, &acme(), &hook).await,
            Claimed::First(_)
        ));
        assert!(lapsing.tidy().await.unwrap() <= 1);
        let timed = claims(OnceTerms::of(&preset::STRIPE), memory(), &clock);
        let hook_of_stripe = stripe(br#"{"id":"evt_1"}"#, at(3 * days));
        assert_eq!(
            lease(&timed, &acme(), &hook_of_stripe)
                .await
                .replayable_from(),
            None
        );

        clock.set(at(0));
        let kept = OnceTerms::of(&preset::GITHUB).keep_until_secret_changes();
        let kept = claims(kept, memory(), &clock);
        assert_eq!(lease(&kept, &acme(), &hook).await.replayable_from(), None);
        let other = endpoint("acme", "other");
        for of in [&acme(), &other] {
            assert_eq!(handle(&kept, of, &hook).await, Outcome::Done);
        }
        let later = github("2", b"[]");
        clock.set(at(1000 * days));
        assert_eq!(handle(&kept, &acme(), &later).await, Outcome::Done);
        assert_eq!(kept.tidy().await.unwrap(), 0);
        assert!(matches!(claim(&kept, &acme(), &hook).await, Claimed::Done));
        assert_eq!(
            kept.secret_changed(&acme(), at(999 * days)).await.unwrap(),
            1
        );
        assert!(matches!(
            claim(&kept, &acme(), &hook).await,
            Claimed::First(_)
        ));
        assert!(matches!(claim(&kept, &acme(), &later).await, Claimed::Done));
        assert!(matches!(claim(&kept, &other, &hook).await, Claimed::Done));
        let refused = lapsing.secret_changed(&acme(), at(0)).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Misuse);
    });
}

/// What is done and could not be recorded is recorded at the next look, and not done again.
#[test]
fn a_store_that_does_not_answer_is_told_again() {
    block_on(async {
        let clock = clock();
        for calls in 0..8 {
            let deaf = Deaf {
                good: memory(),
                calls: AtomicUsize::new(calls),
            };
            let claims = claims(OnceTerms::of(&preset::GITHUB), Arc::new(deaf), &clock);
            let (hook, ran) = (github("1", b"{}"), Mutex::new(0));
            let mut outcomes = Vec::new();
            for _ in 0..8 {
                let handler = async {
                    *ran.lock().unwrap() += 1;
                    Ok::<_, ()>(())
                };
                let outcome = claims.handle(&acme(), &hook.get(), handler).await;
                outcomes.push(outcome.map_err(|e| e.kind()));
            }
            assert_eq!(*ran.lock().unwrap(), 1, "{outcomes:?}");
            let first = outcomes.first().unwrap();
            assert_eq!(
                *first == Err(ErrorKind::Unavailable),
                calls >= 3,
                "{outcomes:?}"
            );
            assert_eq!(outcomes.last().unwrap(), &Ok(Outcome::Done), "{outcomes:?}");
        }
        // A failure that could not be told lets the next attempt through all the same.
        let deaf = Deaf {
            good: memory(),
            calls: AtomicUsize::new(3),
        };
        let claims = claims(OnceTerms::of(&preset::GITHUB), Arc::new(deaf), &clock);
        let hook = github("1", b"{}");
        let failed = claims
            .handle(&acme(), &hook.get(), async { Err::<(), _>(()) })
            .await;
        assert_eq!(failed.unwrap(), Outcome::Failed);
        assert_eq!(handle(&claims, &acme(), &hook).await, Outcome::Done);
        clock.advance(HOUR);
    });
}

/// However many were left open, those of the delivery that comes again are told first.
#[test]
fn all_events_of_a_delivery_are_told_before_it_is_claimed_again() {
    block_on(async {
        let (clock, many) = (clock(), 40_u8);
        let deaf = Deaf {
            good: memory(),
            calls: AtomicUsize::new(usize::from(many) * 3),
        };
        let claims = claims(OnceTerms::of(&preset::META), Arc::new(deaf), &clock);
        let ids: Vec<[u8; 1]> = (0..many).map(|n| [n]).collect();
        let named: Vec<_> = (ids.iter())
            .map(|id| Named {
                id,
                content: Some(id),
            })
            .collect();
        let hook = meta(b"{}");
        let claim = async || {
            claims
                .claim_named(&acme(), &hook.get(), &named)
                .await
                .unwrap()
        };
        for first in claim().await {
            let Claimed::First(lease) = first else {
                panic!("{first:?}");
            };
            let kept = lease.run(ok()).await.unwrap_err();
            assert_eq!(kept.kind(), ErrorKind::Unavailable);
        }
        let again = claim().await;
        assert!(
            again.iter().all(|found| matches!(found, Claimed::Done)),
            "{again:?}"
        );
    });
}
