//! Logs: entries in an order that nobody changes.

use keyward_base::ErrorKind;

use super::bounds::misuse;
use super::rule::{Checked, Fault, Handles, Rules, ensure, key, same, set};
use super::run::{Spawner, together};
use crate::limits::StoreLimits;
use crate::log::{Appended, Log};
use crate::record::RecordKey;

type Stores<'a> = Handles<'a, dyn Log>;

pub(super) async fn check(stores: &Stores<'_>, spawner: &dyn Spawner, rules: &mut Rules) {
    rules.note("an-append-needs-the-head", head(stores).await);
    rules.note("entries-are-read-in-order", order(stores).await);
    rules.note("log-pages-are-bounded-in-bytes", long(stores).await);
    rules.note("erased-entries-keep-their-place", erases(stores).await);
    rules.note("erased-entries-keep-what-they-are-told", cuts(stores).await);
    rules.note("logs-are-listed", lists(stores).await);
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
    let read = walk(&*other, &log, 7).await?;
    let wanted: Vec<_> = entries.into_iter().map(Some).collect();
    ensure(read == wanted, || "other entries were read".into())?;
    let behind = other.read(&log, u64::MAX, 7).await?;
    same(
        "behind the end",
        &(behind.items.len(), behind.next),
        &(0, None),
    )?;
    let error = other.read(&log, 0, 0).await.err();
    same(
        "no limit",
        &error.map(|e| e.kind()),
        &Some(ErrorKind::Misuse),
    )
}

/// The bytes of all entries, by pages.
async fn walk(
    store: &dyn Log,
    log: &RecordKey,
    limit: usize,
) -> Result<Vec<Option<Vec<u8>>>, Fault> {
    let mut all = Vec::new();
    let mut from = 0;
    loop {
        let page = store.read(log, from, limit).await?;
        let count = page.items.len();
        ensure(count <= limit, || "a page was too long".into())?;
        let length = page.items.iter().flat_map(|entry| &entry.bytes);
        let length = length.map(Vec::len).fold(0, usize::saturating_add);
        ensure(count <= 1 || length <= StoreLimits::SCAN_BYTES, || {
            format!("a page of {length} bytes")
        })?;
        for entry in page.items {
            same("seq", &entry.seq, &u64::try_from(all.len()).unwrap_or(0))?;
            all.push(entry.bytes);
        }
        match page.next {
            Some(next) => from = next,
            None => return Ok(all),
        }
    }
}

/// Long entries come in pages of few.
async fn long(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let log = key("log-pages-are-bounded-in-bytes", "acme", "1");
    for n in 0..9_u8 {
        let entry = vec![n; StoreLimits::DATA];
        let done = store.append(&log, u64::from(n), vec![entry]).await?;
        let head = u64::from(n).saturating_add(1);
        same("append", &done, &Appended::Done { head })?;
    }
    let read = walk(&*other, &log, 100).await?;
    same("entries", &read.len(), &9)?;
    let whole = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(Vec::len) == Some(StoreLimits::DATA);
    ensure(read.iter().all(whole), || "an entry was cut".into())
}

/// Bytes go, places stay, and nothing else is touched.
async fn erases(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "erased-entries-keep-their-place";
    let (log, beside) = (key(rule, "acme", "1"), key(rule, "acme", "2"));
    for log in [&log, &beside] {
        let entries = (0..6_u8).map(|n| vec![n]).collect();
        let done = store.append(log, 0, entries).await?;
        same("append", &done, &Appended::Done { head: 6 })?;
    }
    for (from, until, wanted) in [
        (2, 4, 2),
        (1, 4, 1),
        (4, 2, 0),
        (5, u64::MAX, 1),
        (9, 20, 0),
    ] {
        let erased = other.erase_entries(&log, from, until, 0).await?;
        same(&format!("erased of {from} to {until}"), &erased, &wanted)?;
    }
    let read = walk(&*store, &log, 4).await?;
    let wanted = [Some(vec![0]), None, None, None, Some(vec![4]), None];
    same("entries", &read, &wanted.to_vec())?;
    same("head", &store.head(&log).await?, &6)?;
    let done = other.append(&log, 6, one(b"")).await?;
    same("append after it", &done, &Appended::Done { head: 7 })?;
    let last = store.read(&log, 6, 1).await?.items;
    let bytes: Vec<_> = last.into_iter().map(|entry| entry.bytes).collect();
    same("an empty entry", &bytes, &vec![Some(Vec::new())])?;
    let whole = walk(&*other, &beside, 10).await?;
    same("another log", &whole.iter().flatten().count(), &6)
}

/// All but the first bytes go, and stay gone.
async fn cuts(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "erased-entries-keep-what-they-are-told";
    let log = key(rule, "acme", "1");
    let entries = [&b"stay-goes"[..], b"stay", b"sta", b"", b"other", b"last"];
    let entries: Vec<Vec<u8>> = entries.iter().map(|entry| entry.to_vec()).collect();
    let done = store.append(&log, 0, entries).await?;
    same("append", &done, &Appended::Done { head: 6 })?;
    // The last one is not of those that are cut.
    for (keep, until, wanted) in [
        (4, 5, 2),
        (4, 5, 0),
        (usize::MAX, 5, 0),
        (3, 5, 3),
        (0, 6, 6),
    ] {
        let erased = other.erase_entries(&log, 0, until, keep).await?;
        same(&format!("erased but for {keep}"), &erased, &wanted)?;
        let read = walk(&*store, &log, 4).await?;
        let left: Vec<Option<&[u8]>> = read.iter().map(Option::as_deref).collect();
        let all: [Option<&[u8]>; 6] = match keep {
            0 => [None; 6],
            3 => [
                Some(b"sta"),
                Some(b"sta"),
                Some(b"sta"),
                Some(b""),
                Some(b"oth"),
                Some(b"last"),
            ],
            _ => [
                Some(b"stay"),
                Some(b"stay"),
                Some(b"sta"),
                Some(b""),
                Some(b"othe"),
                Some(b"last"),
            ],
        };
        same("entries", &left, &all.to_vec())?;
    }
    same("head", &store.head(&log).await?, &6)
}

async fn lists(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "logs-are-listed";
    let mut wanted = Vec::new();
    for (owner, id) in [("", "z"), ("A", "1"), ("a", "1"), ("a", "10"), ("a", "2")] {
        let log = key(rule, owner, id);
        let done = store.append(&log, 0, vec![b"x".to_vec(); 3]).await?;
        same("append", &done, &Appended::Done { head: 3 })?;
        wanted.push(log);
    }
    let elsewhere = key("logs-are-listed-2", "a", "1");
    let _done: Appended = store.append(&elsewhere, 0, one(b"x")).await?;
    let _none: Appended = store.append(&key(rule, "b", "1"), 0, Vec::new()).await?;
    for limit in [0, StoreLimits::SCAN.saturating_add(1)] {
        misuse("a page's limit", other.logs(&set(rule), None, limit).await)?;
    }
    for limit in [1, 2, 5, 100] {
        let (mut seen, mut after) = (Vec::new(), None);
        loop {
            let page = other.logs(&set(rule), after, limit).await?;
            ensure(page.items.len() <= limit, || "a page was too long".into())?;
            seen.extend(page.items);
            ensure(seen.len() < 100, || "the pages do not end".into())?;
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        same("logs", &seen, &wanted)?;
    }
    Ok(())
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
    let bytes: Vec<_> = read.items.into_iter().map(|entry| entry.bytes).collect();
    same("entries", &bytes, &vec![Some(b"A".to_vec())])
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
    let mut entries: Vec<_> = read.items.into_iter().map(|entry| entry.bytes).collect();
    same("entries", &entries.len(), &64)?;
    entries.sort();
    entries.dedup();
    same("distinct entries", &entries.len(), &64)
}
