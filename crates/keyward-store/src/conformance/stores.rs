//! Batches over several stores.

use keyward_base::Timestamp;

use super::bounds::misuse;
use super::rule::{Checked, Fault, Handles, Rules, ensure, key, same};
use super::run::{Spawner, together};
use super::steps::{done, inserting, read, swapping};
use crate::limits::StoreLimits;
use crate::log::Appended;
use crate::once::{Begun, Claim, FencingToken};
use crate::record::{RecordKey, Version};
use crate::records::Write;
use crate::stores::{Committed, Refusal, Step, Stepped, Stores};

type All<'a> = Handles<'a, dyn Stores>;

pub(super) async fn check(stores: &All<'_>, spawner: &dyn Spawner, rules: &mut Rules) {
    rules.note("a-commit-does-every-step", every(stores).await);
    rules.note("a-commit-is-all-or-none", none(stores).await);
    rules.note("a-claim-completes-in-one-step", whole(stores).await);
    rules.note("a-commit-erases-entries-or-none", erases(stores).await);
    rules.note("a-commit-has-bounds", bounds(stores).await);
    rules.note("commits-at-once-lose-nothing", race(stores, spawner).await);
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn begin(key: &RecordKey, now: u64) -> Step {
    let claim = Claim {
        digest: [7; 32],
        lease_until: at(now.saturating_add(100)),
        keep_until: at(10_000),
    };
    Step::Begin {
        key: key.clone(),
        claim,
        now: at(now),
    }
}

fn finish(key: &RecordKey, token: FencingToken) -> Step {
    Step::Finish {
        key: key.clone(),
        token,
        result: b"result".to_vec(),
        keep_until: at(10_000),
    }
}

fn complete(key: &RecordKey, digest: u8, now: u64) -> Step {
    Step::Complete {
        key: key.clone(),
        digest: [digest; 32],
        result: b"whole".to_vec(),
        keep_until: at(10_000),
        now: at(now),
    }
}

fn append(log: &RecordKey, expected: u64) -> Step {
    Step::Append {
        log: log.clone(),
        expected,
        entries: vec![b"a".to_vec(), b"b".to_vec()],
    }
}

/// Each step is checked before the first one is done.
async fn bounds(stores: &All<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "a-commit-has-bounds";
    let (row, claim, log) = (
        key(rule, "", "row"),
        key(rule, "", "claim"),
        key(rule, "", "log"),
    );
    let first = || Step::Write(inserting(row.clone(), "", b""));
    let over = Step::Begin {
        key: claim.clone(),
        claim: Claim {
            digest: [7; 32],
            lease_until: at(1),
            keep_until: at(10_000),
        },
        now: at(1),
    };
    misuse(
        "a lease that is over",
        store.commit(vec![first(), over]).await,
    )?;
    let long = Step::Append {
        log: log.clone(),
        expected: 0,
        entries: vec![Vec::new(); StoreLimits::BATCH.saturating_add(1)],
    };
    misuse("many entries", store.commit(vec![first(), long]).await)?;
    let late = Step::Finish {
        key: claim.clone(),
        token: FencingToken::new(1),
        result: Vec::new(),
        keep_until: at(1 << 63),
    };
    misuse("a time too late", store.commit(vec![first(), late]).await)?;
    let long = Step::Complete {
        key: claim.clone(),
        digest: [7; 32],
        result: vec![0; StoreLimits::DATA.saturating_add(1)],
        keep_until: at(10_000),
        now: at(10),
    };
    misuse("a long result", store.commit(vec![first(), long]).await)?;
    let many = (0..=StoreLimits::BATCH).map(|_| first()).collect();
    misuse("many steps", store.commit(many).await)?;
    same("a row", &other.fetch(&row).await?, &None)?;
    same("a log", &other.head(&log).await?, &0)
}

async fn every(stores: &All<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "a-commit-does-every-step";
    let (row, claim, log) = (
        key(rule, "", "row"),
        key(rule, "", "claim"),
        key(rule, "", "log"),
    );
    let steps = vec![
        Step::Write(inserting(row.clone(), "kw1.x", b"1")),
        begin(&claim, 10),
        append(&log, 0),
        append(&log, 2),
    ];
    let committed = store.commit(steps).await?;
    let Committed::Done(steps) = &committed else {
        return Err(Fault(format!("refused: {committed:?}")));
    };
    let [
        Stepped::Written(Some(version)),
        Stepped::Begun(token),
        Stepped::Appended { head: 2 },
        Stepped::Appended { head: 4 },
    ] = steps.as_slice()
    else {
        return Err(Fault(format!("answered {steps:?}")));
    };
    same("the record", &read(&*other, &row).await?.version, version)?;
    same("the log", &other.head(&log).await?, &4)?;
    let last = vec![
        finish(&claim, *token),
        Step::Write(swapping(row.clone(), *version, b"2")),
    ];
    let committed = other.commit(last).await?;
    ensure(matches!(committed, Committed::Done(_)), || {
        format!("refused: {committed:?}")
    })?;
    let again = store.commit(vec![begin(&claim, 20)]).await?;
    let wanted = Committed::Refused {
        index: 0,
        because: Refusal::Begin(Begun::Done(b"result".to_vec())),
    };
    same("begun again", &again, &wanted)?;
    same(
        "nothing to do",
        &store.commit(Vec::new()).await?,
        &Committed::Done(Vec::new()),
    )
}

async fn none(stores: &All<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "a-commit-is-all-or-none";
    let at_id = |id: &str| key(rule, "acme", id);
    let version = done(&*store, vec![inserting(at_id("row"), "kw1.x", b"1")]).await?;
    let held = store
        .commit(vec![begin(&at_id("held"), 10), append(&at_id("log"), 0)])
        .await?;
    let Committed::Done(held) = held else {
        return Err(Fault("the first commit was refused".into()));
    };
    let Some(Stepped::Begun(token)) = held.first() else {
        return Err(Fault("no lease".into()));
    };
    let stale = Version::new(version.number().wrapping_add(1_000_000));
    let in_flight = Begun::InFlight { until: at(110) };
    let last = [
        (append(&at_id("log"), 9), Refusal::Append { head: 4 }),
        (begin(&at_id("held"), 20), Refusal::Begin(in_flight.clone())),
        (
            finish(&at_id("held"), FencingToken::new(1 << 40)),
            Refusal::Finish,
        ),
        (
            Step::Write(swapping(at_id("row"), stale, b"")),
            Refusal::Write,
        ),
    ];
    for (refused, because) in last {
        let steps = vec![
            append(&at_id("log"), 2),
            Step::Write(swapping(at_id("row"), version, b"half")),
            Step::Write(inserting(at_id("new"), "", b"half")),
            begin(&at_id("claim"), 20),
            refused,
        ];
        let committed = other.commit(steps).await?;
        let wanted = Committed::Refused { index: 4, because };
        same("the batch", &committed, &wanted)?;
        let row = read(&*store, &at_id("row")).await?;
        same(
            "the record",
            &(row.version, row.content.data),
            &(version, b"1".to_vec()),
        )?;
        same("a new record", &store.fetch(&at_id("new")).await?, &None)?;
        same("the log", &store.head(&at_id("log")).await?, &2)?;
        same("no claim", &store.forget(&at_id("claim")).await?, &false)?;
    }
    // What was finished within a batch that was undone is not finished.
    let steps = vec![finish(&at_id("held"), *token), append(&at_id("log"), 0)];
    let committed = store.commit(steps).await?;
    let because = Refusal::Append { head: 2 };
    same(
        "the batch",
        &committed,
        &Committed::Refused { index: 1, because },
    )?;
    let again = other.commit(vec![begin(&at_id("held"), 30)]).await?;
    let because = Refusal::Begin(in_flight);
    same(
        "still in flight",
        &again,
        &Committed::Refused { index: 0, because },
    )
}

/// What is erased in a batch is erased if the batch is done, and whole if it is not.
async fn erases(stores: &All<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "a-commit-erases-entries-or-none";
    let (row, log) = (key(rule, "acme", "row"), key(rule, "acme", "log"));
    let entries = [b"abc", b"def", b"ghi"].map(|bytes| bytes.to_vec());
    let appended = store.append(&log, 0, entries.to_vec()).await?;
    same("append", &appended, &Appended::Done { head: 3 })?;
    let version = done(&*store, vec![inserting(row.clone(), "", b"1")]).await?;
    let erase = |from, keep| Step::EraseEntries {
        log: log.clone(),
        from,
        until: 2,
        keep,
    };
    let require = |version| {
        Step::Write(Write::Require {
            key: row.clone(),
            version,
        })
    };
    let read = async || -> Result<Vec<Option<Vec<u8>>>, Fault> {
        let page = other.read(&log, 0, 10).await?;
        Ok(page.items.into_iter().map(|entry| entry.bytes).collect())
    };
    let refused = vec![erase(0, 1), erase(1, 0), require(None)];
    let wanted = Committed::Refused {
        index: 2,
        because: Refusal::Write,
    };
    same("refused", &store.commit(refused).await?, &wanted)?;
    same("whole", &read().await?, &entries.clone().map(Some).to_vec())?;
    let steps = vec![require(Some(version)), erase(0, 1), erase(1, 0)];
    let wanted = [
        Stepped::Written(None),
        Stepped::Erased { count: 2 },
        Stepped::Erased { count: 1 },
    ];
    let wanted = Committed::Done(wanted.to_vec());
    same("erased", &store.commit(steps).await?, &wanted)?;
    let left = vec![Some(b"a".to_vec()), None, Some(b"ghi".to_vec())];
    same("what is left", &read().await?, &left)?;
    let again = Committed::Done(vec![Stepped::Erased { count: 0 }]);
    same("again", &other.commit(vec![erase(0, 1)]).await?, &again)
}

/// What is begun and finished in one step is done when the batch is, and not begun when it is not.
async fn whole(stores: &All<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "a-claim-completes-in-one-step";
    let (claim, row) = (key(rule, "", "claim"), key(rule, "", "row"));
    let insert = || Step::Write(inserting(row.clone(), "", b"1"));
    let refused = vec![complete(&claim, 7, 10), append(&key(rule, "", "log"), 9)];
    let because = Refusal::Append { head: 0 };
    let wanted = Committed::Refused { index: 1, because };
    same("undone", &store.commit(refused).await?, &wanted)?;
    let done = other
        .commit(vec![complete(&claim, 7, 10), insert()])
        .await?;
    let Committed::Done(steps) = &done else {
        return Err(Fault(format!("refused: {done:?}")));
    };
    let kept = matches!(steps.as_slice(), [Stepped::Finished, Stepped::Written(_)]);
    ensure(kept, || format!("answered {steps:?}"))?;
    for (step, found) in [
        (complete(&claim, 7, 20), Begun::Done(b"whole".to_vec())),
        (begin(&claim, 20), Begun::Done(b"whole".to_vec())),
        (complete(&claim, 8, 20), Begun::Conflict),
    ] {
        let because = Refusal::Begin(found);
        let wanted = Committed::Refused { index: 0, because };
        let found = store.commit(vec![step, insert()]).await?;
        same("completed again", &found, &wanted)?;
    }
    // A lease that is over is taken over, and one that is not is in flight.
    let held = key(rule, "", "held");
    let first = store.commit(vec![begin(&held, 10)]).await?;
    let Committed::Done(_) = first else {
        return Err(Fault(format!("refused: {first:?}")));
    };
    let because = Refusal::Begin(Begun::InFlight { until: at(110) });
    let wanted = Committed::Refused { index: 0, because };
    same(
        "in flight",
        &other.commit(vec![complete(&held, 7, 109)]).await?,
        &wanted,
    )?;
    same(
        "taken over",
        &other.commit(vec![complete(&held, 7, 110)]).await?,
        &Committed::Done(vec![Stepped::Finished]),
    )?;
    let late = vec![complete(&key(rule, "", "late"), 7, 10_000)];
    misuse("kept until now", store.commit(late).await)
}

/// A counter and a log that are written together are always as long as each other.
async fn race(stores: &All<'_>, spawner: &dyn Spawner) -> Checked {
    let rule = "commits-at-once-lose-nothing";
    let (row, log) = (key(rule, "acme", "row"), key(rule, "acme", "log"));
    done(&*stores.of(0)?, vec![inserting(row.clone(), "", b"")]).await?;
    let task = |n: usize| {
        let (store, row, log) = (stores.of(n)?, row.clone(), log.clone());
        Ok(async move {
            for _ in 0..6 {
                let mut tries = 0..1_000;
                loop {
                    ensure(tries.next().is_some(), || "lost 1000 times in a row".into())?;
                    let held = read(&*store, &row).await?;
                    let count = held.content.data.len();
                    let mut more = held.content.data;
                    more.extend([7; 2]);
                    let steps = vec![
                        Step::Write(swapping(row.clone(), held.version, &more)),
                        append(&log, u64::try_from(count).unwrap_or(0)),
                    ];
                    if let Committed::Done(_) = store.commit(steps).await? {
                        break;
                    }
                }
            }
            Ok(())
        })
    };
    together(spawner, 8, task).await?;
    let store = stores.of(1)?;
    same("the counter", &read(&*store, &row).await?.data.len(), &96)?;
    same("the log", &store.head(&log).await?, &96)
}
