//! Claims: leases, fencing tokens, and one recorded completion.

use keyward_base::{ErrorKind, Timestamp};

use super::bounds::misuse;
use super::rule::{Checked, Fault, Handles, Rules, ensure, key, same, set};
use super::run::{Spawner, together};
use crate::limits::StoreLimits;
use crate::once::{Begun, Claim, FencingToken, Finished, Once};
use crate::record::RecordKey;

type Stores<'a> = Handles<'a, dyn Once>;

pub(super) async fn check(stores: &Stores<'_>, spawner: &dyn Spawner, rules: &mut Rules) {
    rules.note("a-lease-is-held-by-one", held(stores).await);
    rules.note("another-digest-is-a-conflict", digest(stores).await);
    rules.note("a-result-is-given-to-all-later", result(stores).await);
    rules.note("an-abandoned-lease-is-free", abandon(stores).await);
    rules.note("a-lease-that-is-over-is-taken-over", takeover(stores).await);
    rules.note(
        "a-late-finish-counts-if-nobody-took-over",
        late(stores).await,
    );
    rules.note("finish-can-be-repeated", repeat(stores).await);
    rules.note("a-claim-is-kept-as-long-as-said", kept(stores).await);
    rules.note("what-is-forgotten-begins-anew", forgets(stores).await);
    rules.note("many-begin-each-by-itself", begins_many(stores).await);
    rules.note("one-of-many-begins", begins(stores, spawner).await);
    rules.note("one-of-many-takes-over", takeovers(stores, spawner).await);
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn claim(lease_until: u64) -> Claim {
    Claim {
        digest: [7; 32],
        lease_until: at(lease_until),
        keep_until: at(10_000),
    }
}

async fn lease(
    store: &dyn Once,
    key: &RecordKey,
    until: u64,
    now: u64,
) -> Result<FencingToken, Fault> {
    match store.begin(key, claim(until), at(now)).await? {
        Begun::Lease(token) => Ok(token),
        other => Err(Fault(format!("no lease, but {other:?}"))),
    }
}

async fn forgets(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "what-is-forgotten-begins-anew";
    let (one, two) = (key(rule, "acme", "1"), key(rule, "Acme", "1"));
    same("nothing", &store.forget(&one).await?, &false)?;
    let first = lease(&*store, &one, 100, 10).await?;
    lease(&*store, &two, 100, 10).await?;
    same("in flight", &other.forget(&one).await?, &true)?;
    let late = store.finish(&one, first, b"late", at(10_000)).await?;
    same("a finish after it", &late, &Finished::Lost)?;
    let second = lease(&*other, &one, 100, 10).await?;
    ensure(second > first, || format!("{second:?} after {first:?}"))?;
    let done = store.finish(&one, second, b"done", at(10_000)).await?;
    same("a finish", &done, &Finished::Recorded)?;
    same("done", &other.forget(&one).await?, &true)?;
    lease(&*store, &one, 100, 10).await?;
    let begun = other.begin(&two, claim(200), at(50)).await?;
    same("the other", &begun, &Begun::InFlight { until: at(100) })
}

async fn begins_many(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "many-begin-each-by-itself";
    let at_id = |id: &str| key(rule, "acme", id);
    let token = lease(&*store, &at_id("done"), 100, 10).await?;
    let done = store
        .finish(&at_id("done"), token, b"result", at(10_000))
        .await?;
    same("a finish", &done, &Finished::Recorded)?;
    lease(&*store, &at_id("held"), 100, 10).await?;
    let another = Claim {
        digest: [8; 32],
        ..claim(100)
    };
    let claims = [
        (at_id("new"), claim(100)),
        (at_id("done"), claim(100)),
        (at_id("held"), claim(100)),
        (at_id("held"), another),
        (at_id("new"), claim(100)),
        (at_id("newer"), claim(100)),
    ];
    let begun = other.begin_many(&claims, at(50)).await?;
    let [
        Begun::Lease(first),
        Begun::Done(result),
        Begun::InFlight { until },
        Begun::Conflict,
        Begun::InFlight { .. },
        Begun::Lease(second),
    ] = begun.as_slice()
    else {
        return Err(Fault(format!("began as {begun:?}")));
    };
    ensure(second > first && *first > token, || {
        "the fencing tokens do not rise".into()
    })?;
    same("the result", result, &b"result".to_vec())?;
    same("in flight", until, &at(100))?;
    let done = store
        .finish(&at_id("newer"), *second, b"", at(10_000))
        .await?;
    same("a finish of one of them", &done, &Finished::Recorded)?;
    let wrong = [(at_id("other"), claim(100)), (at_id("late"), claim(40))];
    let kind = store
        .begin_many(&wrong, at(50))
        .await
        .err()
        .map(|e| e.kind());
    same(
        "a claim that makes no sense",
        &kind,
        &Some(ErrorKind::Misuse),
    )?;
    let many = vec![(at_id("other"), claim(100)); StoreLimits::BATCH.saturating_add(1)];
    misuse("many claims", store.begin_many(&many, at(50)).await)?;
    lease(&*other, &at_id("other"), 100, 50).await.map(|_| ())
}

async fn held(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let key = key("a-lease-is-held-by-one", "acme", "1");
    lease(&*store, &key, 100, 10).await?;
    let wanted = Begun::InFlight { until: at(100) };
    same(
        "a second",
        &other.begin(&key, claim(200), at(50)).await?,
        &wanted,
    )?;
    same(
        "a third",
        &other.begin(&key, claim(200), at(99)).await?,
        &wanted,
    )?;
    for (lease_until, keep_until) in [(50, 60), (60, 55), (60, 1 << 63)] {
        let wrong = Claim {
            digest: [7; 32],
            lease_until: at(lease_until),
            keep_until: at(keep_until),
        };
        let error = store.begin(&key, wrong, at(50)).await.err();
        let kind = error.map(|error| error.kind());
        same(
            "a claim that makes no sense",
            &kind,
            &Some(ErrorKind::Misuse),
        )?;
    }
    Ok(())
}

async fn digest(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let key = key("another-digest-is-a-conflict", "acme", "1");
    let token = lease(&*store, &key, 100, 10).await?;
    let mut foreign = claim(1_000);
    foreign.digest = [8; 32];
    same(
        "in flight",
        &other.begin(&key, foreign, at(50)).await?,
        &Begun::Conflict,
    )?;
    same(
        "lease over",
        &other.begin(&key, foreign, at(500)).await?,
        &Begun::Conflict,
    )?;
    let finished = store.finish(&key, token, b"done", at(10_000)).await?;
    same("finish", &finished, &Finished::Recorded)?;
    same(
        "done",
        &other.begin(&key, foreign, at(500)).await?,
        &Begun::Conflict,
    )
}

async fn result(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let key = key("a-result-is-given-to-all-later", "acme", "1");
    let token = lease(&*store, &key, 100, 10).await?;
    let finished = store.finish(&key, token, &[0, 255], at(10_000)).await?;
    same("finish", &finished, &Finished::Recorded)?;
    for now in [20, 200, 9_999] {
        let begun = other.begin(&key, claim(10_000), at(now)).await?;
        same("later", &begun, &Begun::Done(vec![0, 255]))?;
    }
    let abandoned = other.abandon(&key, token).await?;
    same("abandon after finish", &abandoned, &false)?;
    let unknown = other.finish(
        &key,
        FencingToken::new(token.number().wrapping_add(1)),
        b"",
        at(10_000),
    );
    same("another fencing token", &unknown.await?, &Finished::Lost)
}

async fn abandon(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let key = key("an-abandoned-lease-is-free", "acme", "1");
    let first = lease(&*store, &key, 100, 10).await?;
    same("abandon", &other.abandon(&key, first).await?, &true)?;
    same("again", &store.abandon(&key, first).await?, &false)?;
    let second = lease(&*other, &key, 100, 20).await?;
    ensure(second > first, || "a fencing token did not rise".into())?;
    let lost = store.finish(&key, first, b"", at(10_000)).await?;
    same("finish with the old fencing token", &lost, &Finished::Lost)?;
    same(
        "abandon with the old fencing token",
        &store.abandon(&key, first).await?,
        &false,
    )
}

async fn takeover(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let key = key("a-lease-that-is-over-is-taken-over", "acme", "1");
    let first = lease(&*store, &key, 100, 10).await?;
    let second = lease(&*other, &key, 200, 100).await?;
    ensure(second > first, || "a fencing token did not rise".into())?;
    let lost = store.finish(&key, first, b"old", at(10_000)).await?;
    same("finish with the old fencing token", &lost, &Finished::Lost)?;
    same(
        "abandon with the old fencing token",
        &store.abandon(&key, first).await?,
        &false,
    )?;
    let held = store.begin(&key, claim(300), at(150)).await?;
    same("meanwhile", &held, &Begun::InFlight { until: at(200) })?;
    let finished = other.finish(&key, second, b"new", at(10_000)).await?;
    same("finish", &finished, &Finished::Recorded)?;
    let begun = store.begin(&key, claim(300), at(250)).await?;
    same("later", &begun, &Begun::Done(b"new".to_vec()))
}

async fn late(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let key = key("a-late-finish-counts-if-nobody-took-over", "acme", "1");
    let token = lease(&*store, &key, 100, 10).await?;
    let finished = store.finish(&key, token, b"late", at(10_000)).await?;
    same("finish", &finished, &Finished::Recorded)?;
    let begun = other.begin(&key, claim(900), at(800)).await?;
    same("later", &begun, &Begun::Done(b"late".to_vec()))
}

async fn repeat(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let key = key("finish-can-be-repeated", "acme", "1");
    let token = lease(&*store, &key, 100, 10).await?;
    for _ in 0..2 {
        let finished = other.finish(&key, token, b"same", at(10_000)).await?;
        same("finish", &finished, &Finished::Recorded)?;
    }
    let other_result = store.finish(&key, token, b"other", at(10_000)).await?;
    same("finish with another result", &other_result, &Finished::Lost)?;
    let begun = other.begin(&key, claim(300), at(250)).await?;
    same("later", &begun, &Begun::Done(b"same".to_vec()))
}

async fn kept(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "a-claim-is-kept-as-long-as-said";
    let (done, open) = (key(rule, "acme", "done"), key(rule, "acme", "open"));
    let token = lease(&*store, &done, 100, 10).await?;
    let finished = store.finish(&done, token, b"", at(500)).await?;
    same("finish", &finished, &Finished::Recorded)?;
    lease(&*store, &open, 100, 10).await?;
    same(
        "nothing yet",
        &other.purge_once(&set(rule), at(499), 10).await?,
        &0,
    )?;
    let begun = other.begin(&done, claim(600), at(499)).await?;
    same("kept", &begun, &Begun::Done(Vec::new()))?;
    // Over, and not yet purged: forgotten all the same.
    let again = lease(&*other, &done, 600, 500).await?;
    ensure(again > token, || "a fencing token did not rise".into())?;
    let all = other.purge_once(&set(rule), at(10_000), 1).await?;
    same("one of two", &all, &1)?;
    let rest = other.purge_once(&set(rule), at(10_000), 10).await?;
    same("the other", &rest, &1)
}

async fn one_lease(
    stores: &Stores<'_>,
    spawner: &dyn Spawner,
    key: &RecordKey,
    now: u64,
) -> Result<FencingToken, Fault> {
    let task = |n: usize| {
        let (store, key) = (stores.of(n)?, key.clone());
        Ok(async move {
            Ok(store
                .begin(&key, claim(now.saturating_add(100)), at(now))
                .await?)
        })
    };
    let begun = together(spawner, 64, task).await?;
    let mut fences = begun.iter().filter_map(|begun| match begun {
        Begun::Lease(token) => Some(*token),
        _ => None,
    });
    match (fences.next(), fences.next()) {
        (Some(token), None) => Ok(token),
        (None, _) => Err(Fault("nobody got the lease".into())),
        _ => Err(Fault("more than one got the lease".into())),
    }
}

async fn begins(stores: &Stores<'_>, spawner: &dyn Spawner) -> Checked {
    for round in 0..4 {
        let key = key("one-of-many-begins", "acme", &round.to_string());
        one_lease(stores, spawner, &key, 10).await?;
    }
    Ok(())
}

async fn takeovers(stores: &Stores<'_>, spawner: &dyn Spawner) -> Checked {
    let key = key("one-of-many-takes-over", "acme", "1");
    let mut last = FencingToken::new(0);
    for now in [100, 200, 300, 400] {
        let token = one_lease(stores, spawner, &key, now).await?;
        ensure(token > last, || "a fencing token did not rise".into())?;
        last = token;
    }
    Ok(())
}
