//! Logs: entries in an order that nobody changes.

use keyward_base::ErrorKind;

use super::run::{Spawner, together};
use super::{Checked, Handles, Rules, ensure, key, same};
use crate::limits::StoreLimits;
use crate::log::{Appended, Log};

type Stores<'a> = Handles<'a, dyn Log>;

pub(super) async fn check(stores: &Stores<'_>, spawner: &dyn Spawner, rules: &mut Rules) {
    rules.note("an-append-needs-the-head", head(stores).await);
    rules.note("entries-are-read-in-order", order(stores).await);
    rules.note("logs-are-apart", apart(stores).await);
    rules.note("an-append-is-whole", whole(stores).await);
    rules.note("many-appends-leave-no-gap", race(stores, spawner).await);
}

fn one(bytes: &[u8]) -> Vec<Vec<u8>> {
    vec![bytes.to_vec()]
}

async fn head(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let log = key("an-append-needs-the-head", "acme", "1");
    same("empty", &other.head(&log).await?, &0)?;
    let done = store.append(&log, 0, one(b"a")).await?;
    same("the first", &done, &Appended::Done { head: 1 })?;
    for expected in [0, 2, u64::MAX] {
        let refused = other.append(&log, expected, one(b"x")).await?;
        same("elsewhere", &refused, &Appended::Conflict { head: 1 })?;
    }
    let none = other.append(&log, 1, Vec::new()).await?;
    same("nothing", &none, &Appended::Done { head: 1 })?;
    let two = vec![b"b".to_vec(), Vec::new()];
    let done = other.append(&log, 1, two).await?;
    same("two more", &done, &Appended::Done { head: 3 })?;
    same("head", &store.head(&log).await?, &3)
}

async fn order(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let log = key("entries-are-read-in-order", "acme", "1");
    let entries: Vec<Vec<u8>> = (0..300_u16).map(|n| n.to_be_bytes().to_vec()).collect();
    let done = store.append(&log, 0, entries.clone()).await?;
    same("append", &done, &Appended::Done { head: 300 })?;
    let mut read = Vec::new();
    while let Some(page) = Some(
        other
            .read(&log, read.len().try_into().unwrap_or(0), 7)
            .await?,
    )
    .filter(|page| !page.is_empty())
    {
        ensure(page.len() <= 7, || "a page was too long".into())?;
        for entry in page {
            same("seq", &entry.seq, &u64::try_from(read.len()).unwrap_or(0))?;
            read.push(entry.bytes);
        }
    }
    ensure(read == entries, || "other entries were read".into())?;
    let behind = other.read(&log, u64::MAX, 7).await?;
    same("behind the end", &behind.len(), &0)?;
    let error = other.read(&log, 0, 0).await.err();
    same(
        "no limit",
        &error.map(|e| e.kind()),
        &Some(ErrorKind::Misuse),
    )
}

async fn apart(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "logs-are-apart";
    for (owner, id) in [("a", "1"), ("A", "1"), ("a", "2"), ("", "a1")] {
        let log = key(rule, owner, id);
        let done = store.append(&log, 0, one(owner.as_bytes())).await?;
        same("append", &done, &Appended::Done { head: 1 })?;
    }
    let read = other.read(&key(rule, "A", "1"), 0, 10).await?;
    let bytes: Vec<_> = read.into_iter().map(|entry| entry.bytes).collect();
    same("entries", &bytes, &one(b"A"))
}

async fn whole(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let log = key("an-append-is-whole", "acme", "1");
    let long = vec![0; StoreLimits::DATA.saturating_add(1)];
    let error = store
        .append(&log, 0, vec![b"fits".to_vec(), long])
        .await
        .err();
    let kind = error.map(|error| error.kind());
    same("too long", &kind, &Some(ErrorKind::Misuse))?;
    same("head", &other.head(&log).await?, &0)
}

async fn race(stores: &Stores<'_>, spawner: &dyn Spawner) -> Checked {
    let log = key("many-appends-leave-no-gap", "acme", "1");
    let task = |n: usize| {
        let (store, log) = (stores.of(n)?, log.clone());
        Ok(async move {
            for round in 0..8 {
                let entry = format!("{n}-{round}");
                let mut expected = 0;
                let mut tries = 0..1_000;
                while let Appended::Conflict { head } =
                    store.append(&log, expected, one(entry.as_bytes())).await?
                {
                    expected = head;
                    // No task loses so often: each time it does, another has won.
                    let more = tries.next().is_some();
                    ensure(more, || "an append lost 1000 times in a row".into())?;
                }
            }
            Ok(())
        })
    };
    together(spawner, 8, task).await?;
    let read = stores.of(1)?.read(&log, 0, 100).await?;
    let mut entries: Vec<_> = read.into_iter().map(|entry| entry.bytes).collect();
    same("entries", &entries.len(), &64)?;
    entries.sort();
    entries.dedup();
    same("distinct entries", &entries.len(), &64)
}
