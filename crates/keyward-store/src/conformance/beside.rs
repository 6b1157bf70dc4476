//! Records read beside those who write them: walks that miss nothing which stands, and reads of one
//! moment.

use std::sync::{Arc, Mutex};

use super::rule::{Checked, Fault, Handles, Rules, ensure, key, same};
use super::run::{Spawner, together};
use super::scans::{Places, all, walk};
use super::steps::{done, inserting, swapping};
use crate::record::Record;
use crate::records::{Applied, Records, Write};

type Stores<'a> = Handles<'a, dyn Records>;

pub(super) async fn check(stores: &Stores<'_>, spawner: &dyn Spawner, rules: &mut Rules) {
    rules.note("scan-holds-beside-writers", beside(stores, spawner).await);
    rules.note("fetch-many-is-one-moment", moment(stores, spawner).await);
}

const BESIDE: &str = "scan-holds-beside-writers";

/// Inserts and deletes between the records that stand.
async fn churn(store: &dyn Records, task: usize) -> Checked {
    for n in 0..20 {
        let key = key(BESIDE, "acme", &format!("{:03}-{task}-{n}", n % 7));
        let insert = inserting(key.clone(), "kw1.standing-key", b"");
        let version = done(store, vec![insert]).await?;
        done(store, vec![Write::Delete { key, version }]).await?;
    }
    Ok(())
}

async fn walks(store: &dyn Records, prefix: Option<String>) -> Result<Vec<Places>, Fault> {
    let mut seen = Vec::new();
    for _ in 0..5 {
        let mut scan = all(BESIDE).limit(7);
        scan.prefix.clone_from(&prefix);
        seen.push(walk(store, scan).await?);
    }
    Ok(seen)
}

async fn beside(stores: &Stores<'_>, spawner: &dyn Spawner) -> Checked {
    let standing: Vec<_> = (0..60)
        .map(|n| ("acme".to_owned(), format!("{n:03}")))
        .collect();
    let first = stores.of(0)?;
    for (owner, id) in &standing {
        done(
            &*first,
            vec![inserting(key(BESIDE, owner, id), "kw1.standing-key", b"")],
        )
        .await?;
    }
    let task = |n: usize| {
        let store = stores.of(n)?;
        let prefix = n.is_multiple_of(2).then(|| "kw1.standing-key".to_owned());
        Ok(async move {
            if n < 4 {
                churn(&*store, n).await.map(|()| Vec::new())
            } else {
                walks(&*store, prefix).await
            }
        })
    };
    for seen in together(spawner, 8, task).await?.into_iter().flatten() {
        ensure(seen.is_sorted_by(|a, b| a < b), || {
            "a record was seen twice, or out of order".into()
        })?;
        let missed = standing.iter().find(|place| !seen.contains(place));
        same("missed", &missed, &None)?;
    }
    Ok(())
}

/// Two records that always hold the same bytes, written in one batch.
async fn moment(stores: &Stores<'_>, spawner: &dyn Spawner) -> Checked {
    let rule = "fetch-many-is-one-moment";
    let keys = [key(rule, "acme", "left"), key(rule, "zeta", "right")];
    let both = keys
        .iter()
        .map(|key| inserting(key.clone(), "", b"0"))
        .collect();
    done(&*stores.of(0)?, both).await?;
    // Who only reads goes on for as long as somebody may write, so that they are at it together.
    let writing = Arc::new(());
    let held = Arc::downgrade(&writing);
    let writing = Mutex::new(vec![writing; 4]);
    let task = |n: usize| {
        let (store, keys) = (stores.of(n)?, keys.clone());
        let (writes, others) = (
            writing.lock().ok().and_then(|mut left| left.pop()),
            held.clone(),
        );
        Ok(async move {
            let rounds = if writes.is_some() { 40 } else { 4_000 };
            for round in 0..rounds {
                if round >= 40 && others.strong_count() == 0 {
                    break;
                }
                let records = store.fetch_many(&keys).await?;
                let [Some(left), Some(right)] = records.as_slice() else {
                    return Err(Fault("a record that stands was not read".into()));
                };
                same("the two halves", &left.data, &right.data)?;
                if writes.is_some() {
                    let next = format!("{n}-{round}");
                    let swap = |record: &Record| {
                        swapping(record.key.clone(), record.version, next.as_bytes())
                    };
                    let _: Applied = store.apply(vec![swap(left), swap(right)]).await?;
                }
            }
            Ok(())
        })
    };
    together(spawner, 8, task).await.map(|_| ())
}
