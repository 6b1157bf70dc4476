//! Records: many at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::rule::{Checked, Fault, Handles, Rules, ensure, key, same};
use super::run::{Spawner, together};
use super::steps::{done, inserting, read, swapping};
use crate::record::{RecordKey, Version};
use crate::records::{Applied, Records, Write};

type Stores<'a> = Handles<'a, dyn Records>;

/// Tasks of a race for one winner.
const MANY: usize = 64;

/// A race that a faulty store wins by luck is run again.
const ROUNDS: usize = 4;

/// No task loses so often: each time it does, another has won.
const TRIES: usize = 1_000;

pub(super) async fn check(stores: &Stores<'_>, spawner: &dyn Spawner, rules: &mut Rules) {
    rules.note("one-of-many-inserts-wins", inserts(stores, spawner).await);
    rules.note("one-of-many-swaps-wins", swaps(stores, spawner).await);
    rules.note("one-of-many-deletes-wins", deletes(stores, spawner).await);
    rules.note(
        "a-batch-that-loses-leaves-nothing",
        losers(stores, spawner).await,
    );
    rules.note("a-counter-loses-nothing", counter(stores, spawner).await);
    rules.note("batches-of-two-stay-whole", pairs(stores, spawner).await);
}

/// Sends the same batch, but for its data, from many tasks: one wins, and its data stands.
async fn one_wins(
    stores: &Stores<'_>,
    spawner: &dyn Spawner,
    batch: impl Fn(usize) -> Vec<Write>,
) -> Result<(usize, Version), Fault> {
    let task = |n: usize| {
        let (store, batch) = (stores.of(n)?, batch(n));
        Ok(async move { Ok((n, store.apply(batch).await?)) })
    };
    let mut winners = Vec::new();
    for (n, applied) in together(spawner, MANY, task).await? {
        match applied {
            Applied::Done(versions) => {
                let version = versions.first().copied().flatten();
                winners.push((n, version.unwrap_or(Version::new(0))));
            }
            Applied::Conflict { index } => same("the conflict", &index, &0)?,
        }
    }
    match winners.as_slice() {
        [winner] => Ok(*winner),
        other => Err(Fault(format!("{} of {MANY} won", other.len()))),
    }
}

async fn holds(store: &dyn Records, key: &RecordKey, won: (usize, Version)) -> Checked {
    let record = read(store, key).await?;
    same("data", &record.data, &won.0.to_string().into_bytes())?;
    same("version", &record.version, &won.1)
}

async fn inserts(stores: &Stores<'_>, spawner: &dyn Spawner) -> Checked {
    for round in 0..ROUNDS {
        let key = key("one-of-many-inserts-wins", "acme", &round.to_string());
        let batch = |n: usize| vec![inserting(key.clone(), "", n.to_string().as_bytes())];
        let won = one_wins(stores, spawner, batch).await?;
        holds(&*stores.of(round)?, &key, won).await?;
    }
    Ok(())
}

async fn swaps(stores: &Stores<'_>, spawner: &dyn Spawner) -> Checked {
    let key = key("one-of-many-swaps-wins", "acme", "1");
    let mut version = done(&*stores.of(0)?, vec![inserting(key.clone(), "", b"")]).await?;
    for round in 0..ROUNDS {
        let batch = |n: usize| vec![swapping(key.clone(), version, n.to_string().as_bytes())];
        let won = one_wins(stores, spawner, batch).await?;
        holds(&*stores.of(round)?, &key, won).await?;
        version = won.1;
    }
    Ok(())
}

async fn deletes(stores: &Stores<'_>, spawner: &dyn Spawner) -> Checked {
    for round in 0..ROUNDS {
        let key = key("one-of-many-deletes-wins", "acme", &round.to_string());
        let version = done(&*stores.of(0)?, vec![inserting(key.clone(), "", b"")]).await?;
        let batch = |_| {
            let key = key.clone();
            vec![Write::Delete { key, version }]
        };
        one_wins(stores, spawner, batch).await?;
        same("the record", &stores.of(round)?.fetch(&key).await?, &None)?;
    }
    Ok(())
}

/// Batches that each begin with a record of their own, and all want the same second one.
async fn losers(stores: &Stores<'_>, spawner: &dyn Spawner) -> Checked {
    let rule = "a-batch-that-loses-leaves-nothing";
    for round in 0..ROUNDS {
        let owner = round.to_string();
        let task = |n: usize| {
            let own = inserting(key(rule, &owner, &format!("own-{n}")), "", b"");
            let wanted = inserting(key(rule, &owner, "wanted"), "", b"");
            let store = stores.of(n)?;
            Ok(async move { Ok(store.apply(vec![own, wanted]).await?) })
        };
        let applied = together(spawner, MANY, task).await?;
        let won = |applied: &&Applied| matches!(applied, Applied::Done(_));
        same("winners", &applied.iter().filter(won).count(), &1)?;
        let mut scan = super::scans::all(rule);
        scan.owner = Some(owner);
        let left = stores.of(round)?.scan(scan).await?;
        same("records that are left", &left.items.len(), &2)?;
    }
    Ok(())
}

/// Adds one to a record's number by compare-and-swap, however often it takes.
async fn add(store: &dyn Records, key: &RecordKey) -> Result<Version, Fault> {
    for _ in 0..TRIES {
        let record = read(store, key).await?;
        let text = String::from_utf8(record.content.data).unwrap_or_default();
        let next = text.parse().unwrap_or(0_u64).saturating_add(1).to_string();
        let swap = swapping(key.clone(), record.version, next.as_bytes());
        if let Applied::Done(versions) = store.apply(vec![swap]).await? {
            let version = versions.first().copied().flatten();
            return version.ok_or_else(|| Fault("a swap gave no version".into()));
        }
    }
    Err(Fault(format!("a swap lost {TRIES} times in a row")))
}

async fn counter(stores: &Stores<'_>, spawner: &dyn Spawner) -> Checked {
    let key = key("a-counter-loses-nothing", "acme", "1");
    let first = stores.of(0)?;
    done(&*first, vec![inserting(key.clone(), "", b"0")]).await?;
    let task = |n: usize| {
        let (store, key): (Arc<dyn Records>, _) = (stores.of(n)?, key.clone());
        Ok(async move {
            let mut versions = Vec::new();
            for _ in 0..8 {
                versions.push(add(&*store, &key).await?);
            }
            Ok(versions)
        })
    };
    let versions: Vec<Version> = together(spawner, 8, task).await?.concat();
    same(
        "the count",
        &read(&*first, &key).await?.data,
        &b"64".to_vec(),
    )?;
    let distinct: BTreeSet<Version> = versions.into_iter().collect();
    same("distinct versions", &distinct.len(), &64)
}

/// Batches over the same two records, named in either order.
async fn pairs(stores: &Stores<'_>, spawner: &dyn Spawner) -> Checked {
    let rule = "batches-of-two-stay-whole";
    let keys = [key(rule, "acme", "left"), key(rule, "acme", "right")];
    let both = keys.iter().map(|key| inserting(key.clone(), "", b"0"));
    done(&*stores.of(0)?, both.collect()).await?;
    let task = |n: usize| {
        let (store, mut keys) = (stores.of(n)?, keys.clone());
        if n.is_multiple_of(2) {
            keys.reverse();
        }
        Ok(async move {
            let mut won = 0_usize;
            for round in 0..8 {
                let mut batch = Vec::new();
                for record in store.fetch_many(&keys).await?.into_iter().flatten() {
                    let next = format!("{n}-{round}");
                    batch.push(swapping(record.key, record.version, next.as_bytes()));
                }
                if let Applied::Done(_) = store.apply(batch).await? {
                    won = won.saturating_add(1);
                }
            }
            Ok(won)
        })
    };
    let won: usize = together(spawner, 16, task).await?.into_iter().sum();
    ensure(won > 0, || "no batch was ever written".into())?;
    let records = stores.of(1)?.fetch_many(&keys).await?;
    let data: Vec<_> = records
        .into_iter()
        .flatten()
        .map(|r| r.content.data)
        .collect();
    ensure(data.len() == 2 && data.first() == data.last(), || {
        "a batch was written by half".into()
    })
}
