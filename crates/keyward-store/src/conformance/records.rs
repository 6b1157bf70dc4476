//! Records: single writes and batches, one after the other.

use std::collections::BTreeSet;

use keyward_base::{ErrorKind, Timestamp};

use super::{Checked, Fault, Handles, Rules, ensure, key, same, set};
use crate::find::{Find, Words};
use crate::limits::StoreLimits;
use crate::records::{Applied, Content, Erased, Record, RecordKey, Records, Version, Write};

type Stores<'a> = Handles<'a, dyn Records>;

pub(super) async fn check(stores: &Stores<'_>, rules: &mut Rules) {
    rules.note("identity-is-stable", identity(stores));
    rules.note("insert-is-read-back", insert(stores).await);
    rules.note("insert-refuses-what-exists", insert_twice(stores).await);
    rules.note("swap-needs-the-version", swap_stale(stores).await);
    rules.note("swap-never-recreates", swap_gone(stores).await);
    rules.note("delete-needs-the-version", delete_stale(stores).await);
    rules.note("require-only-looks", require(stores).await);
    rules.note("versions-are-never-reused", versions(stores).await);
    rules.note("batch-is-atomic", atomic(stores).await);
    rules.note("batch-sees-its-own-writes", own_writes(stores).await);
    rules.note(
        "batch-names-the-first-conflict",
        first_conflict(stores).await,
    );
    rules.note("names-are-bytes", names(stores).await);
    rules.note("fetch-many-keeps-the-order", many(stores).await);
    rules.note("delete-owner-is-exact", owners(stores).await);
    rules.note("purge-takes-what-expired", purge(stores).await);
    rules.note("erase-keeps-the-records", erase(stores).await);
    rules.note("limits-are-refused", limits(stores).await);
}

pub(super) fn inserting(key: RecordKey, sealed: &str, data: &[u8]) -> Write {
    Write::Insert {
        key,
        content: Content {
            sealed: sealed.to_owned(),
            data: data.to_vec(),
            ..Content::default()
        },
    }
}

pub(super) fn swapping(key: RecordKey, version: Version, data: &[u8]) -> Write {
    Write::Swap {
        key,
        version,
        content: Content {
            data: data.to_vec(),
            ..Content::default()
        },
    }
}

/// Makes a batch that must succeed, and gives the version of its last write.
pub(super) async fn done(store: &dyn Records, batch: Vec<Write>) -> Result<Version, Fault> {
    let count = batch.len();
    match store.apply(batch).await? {
        Applied::Done(versions) => {
            same("answers of a batch", &versions.len(), &count)?;
            Ok(versions
                .last()
                .copied()
                .flatten()
                .unwrap_or(Version::new(0)))
        }
        other @ Applied::Conflict { .. } => Err(Fault(format!("refused with {other:?}"))),
    }
}

/// Makes a batch that must meet a conflict at `index`.
async fn conflict(store: &dyn Records, index: usize, batch: Vec<Write>) -> Checked {
    let wanted = Applied::Conflict { index };
    same("the batch", &store.apply(batch).await?, &wanted)
}

pub(super) async fn read(store: &dyn Records, key: &RecordKey) -> Result<Record, Fault> {
    let record = store.fetch(key).await?;
    record.ok_or_else(|| Fault(format!("{key:?} is not there")))
}

async fn gone(store: &dyn Records, key: &RecordKey) -> Checked {
    same("the record", &store.fetch(key).await?, &None)
}

fn identity(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let identity = store.identity()?;
    same("asked again", &store.identity()?, &identity)?;
    same("asked elsewhere", &other.identity()?, &identity)
}

pub(super) fn unlike(one: &dyn Records, other: &dyn Records) -> Checked {
    let (one, other) = (one.identity()?, other.identity()?);
    ensure(one != other, || format!("two stores are {one:?}"))
}

async fn insert(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let key = key("insert-is-read-back", "acme", "1");
    gone(&*other, &key).await?;
    let content = Content {
        sealed: "kw1.sealed".into(),
        data: vec![0, 1, 255],
        expires: Some(Timestamp::from_millis(1_234_567)),
        mac_key: "kw1.AbCd_fGhIjKl".into(),
        token_key: "kw1.".into(),
        word: "2026-11-25 \u{e9}".into(),
    };
    let insert = Write::Insert {
        key: key.clone(),
        content: content.clone(),
    };
    let version = done(&*store, vec![insert]).await?;
    let is = read(&*other, &key).await?;
    let wanted = Record {
        key: key.clone(),
        version,
        content,
    };
    ensure(is == wanted, || "another record was read back".into())?;
    let swapped = Content {
        word: "other".into(),
        ..Content::default()
    };
    let swap = Write::Swap {
        key: key.clone(),
        version,
        content: swapped.clone(),
    };
    let version = done(&*store, vec![swap]).await?;
    let wanted = Record {
        key: key.clone(),
        version,
        content: swapped,
    };
    let is = read(&*other, &key).await?;
    ensure(is == wanted, || "another record was read back".into())
}

async fn insert_twice(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let key = key("insert-refuses-what-exists", "acme", "1");
    done(&*store, vec![inserting(key.clone(), "", b"first")]).await?;
    conflict(&*other, 0, vec![inserting(key.clone(), "", b"second")]).await?;
    same("data", &read(&*store, &key).await?.data, &b"first".to_vec())
}

async fn swap_stale(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let key = key("swap-needs-the-version", "acme", "1");
    let first = done(&*store, vec![inserting(key.clone(), "kw1.a", b"first")]).await?;
    let second = done(&*other, vec![swapping(key.clone(), first, b"second")]).await?;
    ensure(first != second, || {
        "a swap left the version as it was".into()
    })?;
    conflict(&*store, 0, vec![swapping(key.clone(), first, b"third")]).await?;
    let is = read(&*store, &key).await?;
    same("version", &is.version, &second)?;
    same("sealed", &is.sealed, &String::new())?;
    same("data", &is.data, &b"second".to_vec())
}

async fn swap_gone(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let key = key("swap-never-recreates", "acme", "1");
    let version = done(&*store, vec![inserting(key.clone(), "", b"")]).await?;
    let delete = Write::Delete {
        key: key.clone(),
        version,
    };
    done(&*store, vec![delete]).await?;
    conflict(&*other, 0, vec![swapping(key.clone(), version, b"back")]).await?;
    gone(&*store, &key).await
}

async fn delete_stale(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let key = key("delete-needs-the-version", "acme", "1");
    let first = done(&*store, vec![inserting(key.clone(), "", b"")]).await?;
    let second = done(&*store, vec![swapping(key.clone(), first, b"new")]).await?;
    let delete = |version| Write::Delete {
        key: key.clone(),
        version,
    };
    conflict(&*other, 0, vec![delete(first)]).await?;
    read(&*store, &key).await?;
    done(&*other, vec![delete(second)]).await?;
    gone(&*store, &key).await?;
    conflict(&*store, 0, vec![delete(second)]).await
}

async fn require(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let key = key("require-only-looks", "acme", "1");
    let require = |version| Write::Require {
        key: key.clone(),
        version,
    };
    done(&*store, vec![require(None)]).await?;
    gone(&*store, &key).await?;
    let version = done(&*store, vec![inserting(key.clone(), "", b"")]).await?;
    conflict(&*other, 0, vec![require(None)]).await?;
    let stale = Version::new(version.number().wrapping_add(1));
    conflict(&*other, 0, vec![require(Some(stale))]).await?;
    let looked = other.apply(vec![require(Some(version))]).await?;
    same("the batch", &looked, &Applied::Done(vec![None]))?;
    same("version", &read(&*store, &key).await?.version, &version)
}

async fn versions(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let key = key("versions-are-never-reused", "acme", "1");
    let mut seen = BTreeSet::new();
    let mut new =
        |version: Version| ensure(seen.insert(version), || format!("{version:?} came twice"));
    let mut first = None;
    for _ in 0..8 {
        let inserted = done(&*store, vec![inserting(key.clone(), "", b"")]).await?;
        new(inserted)?;
        let stale = *first.get_or_insert(inserted);
        if stale != inserted {
            conflict(&*other, 0, vec![swapping(key.clone(), stale, b"stale")]).await?;
        }
        let version = done(&*other, vec![swapping(key.clone(), inserted, b"")]).await?;
        new(version)?;
        let delete = Write::Delete {
            key: key.clone(),
            version,
        };
        done(&*store, vec![delete]).await?;
    }
    Ok(())
}

async fn atomic(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let at = |id| key("batch-is-atomic", "acme", id);
    let mut versions = Vec::new();
    for id in ["kept", "swapped", "deleted"] {
        versions.push(done(&*store, vec![inserting(at(id), "kw1.x", b"before")]).await?);
    }
    let [kept, swapped, deleted] = versions.as_slice() else {
        return Err(Fault("three inserts gave other than three versions".into()));
    };
    let before = store.scan(super::scans::all("batch-is-atomic")).await?;
    let delete = Write::Delete {
        key: at("deleted"),
        version: *deleted,
    };
    let stale = Version::new(kept.number().wrapping_add(1_000_000));
    let batch = vec![
        inserting(at("new"), "", b"half"),
        swapping(at("swapped"), *swapped, b"half"),
        delete,
        swapping(at("kept"), stale, b"half"),
    ];
    conflict(&*store, 3, batch).await?;
    let after = other.scan(super::scans::all("batch-is-atomic")).await?;
    ensure(before == after, || {
        "part of a batch that met a conflict was written".into()
    })
}

async fn own_writes(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let key = key("batch-sees-its-own-writes", "acme", "1");
    let twice = vec![
        inserting(key.clone(), "", b"1"),
        inserting(key.clone(), "", b"2"),
    ];
    conflict(&*store, 1, twice).await?;
    gone(&*other, &key).await?;
    let version = done(&*store, vec![inserting(key.clone(), "", b"1")]).await?;
    let delete = Write::Delete {
        key: key.clone(),
        version,
    };
    let gone = Write::Require {
        key: key.clone(),
        version: None,
    };
    let again = vec![delete, gone, inserting(key.clone(), "", b"2")];
    let Applied::Done(answers) = store.apply(again).await? else {
        return Err(Fault("a batch did not see its own delete".into()));
    };
    let is = read(&*other, &key).await?;
    same("answers", &answers, &vec![None, None, Some(is.version)])?;
    same("data", &is.data, &b"2".to_vec())
}

async fn first_conflict(stores: &Stores<'_>) -> Checked {
    let (store, _) = stores.two()?;
    let at = |id| key("batch-names-the-first-conflict", "acme", id);
    done(&*store, vec![inserting(at("1"), "", b"")]).await?;
    let batch = vec![
        inserting(at("2"), "", b""),
        inserting(at("1"), "", b""),
        inserting(at("1"), "", b""),
    ];
    conflict(&*store, 1, batch).await?;
    same(
        "an empty batch",
        &store.apply(Vec::new()).await?,
        &Applied::Done(Vec::new()),
    )
}

async fn names(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "names-are-bytes";
    // Equal to a store that folds case, pads blanks, trims, or normalises.
    let names = [
        "acme",
        "Acme",
        "ACME",
        "acme ",
        " acme",
        "",
        "caf\u{e9}",
        "cafe\u{301}",
    ];
    for owner in names {
        for id in names {
            let data = format!("{owner}|{id}");
            let insert = inserting(key(rule, owner, id), "", data.as_bytes());
            done(&*store, vec![insert]).await?;
        }
    }
    for owner in names {
        for id in names {
            let is = read(&*other, &key(rule, owner, id)).await?;
            same("data", &is.data, &format!("{owner}|{id}").into_bytes())?;
        }
    }
    let elsewhere = key("Names-are-bytes", "acme", "acme");
    gone(&*other, &elsewhere).await
}

async fn many(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let at = |id: &str| key("fetch-many-keeps-the-order", "acme", id);
    for id in ["a", "b", "c"] {
        done(&*store, vec![inserting(at(id), "", id.as_bytes())]).await?;
    }
    let ask = ["c", "missing", "a", "c"];
    let keys: Vec<RecordKey> = ask.into_iter().map(at).collect();
    let records = other.fetch_many(&keys).await?;
    let ids: Vec<Option<String>> = records.into_iter().map(|r| r.map(|r| r.key.id)).collect();
    let wanted = ask.map(|id| (id != "missing").then(|| id.to_owned()));
    same("ids", &ids, &wanted.to_vec())?;
    same("no keys", &other.fetch_many(&[]).await?, &Vec::new())
}

async fn owners(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "delete-owner-is-exact";
    let stay = [
        (rule, "Acme"),
        (rule, "acme2"),
        (rule, "acm_"),
        ("delete-owner-is-exact-2", "acme"),
    ];
    for (collection, owner) in stay.into_iter().chain([(rule, "acme")]) {
        for id in ["1", "2"] {
            done(
                &*store,
                vec![inserting(key(collection, owner, id), "", b"")],
            )
            .await?;
        }
    }
    same(
        "of acm_",
        &other.delete_owner(&set(rule), "acm%").await?,
        &0,
    )?;
    same(
        "of acme",
        &other.delete_owner(&set(rule), "acme").await?,
        &2,
    )?;
    same("again", &other.delete_owner(&set(rule), "acme").await?, &0)?;
    gone(&*store, &key(rule, "acme", "1")).await?;
    for (collection, owner) in stay {
        read(&*store, &key(collection, owner, "2")).await?;
    }
    Ok(())
}

async fn purge(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "purge-takes-what-expired";
    let at = |id: &str| key(rule, "acme", id);
    let times = [
        ("a", Some(10)),
        ("b", Some(20)),
        ("c", Some(30)),
        ("never", None),
    ];
    for (id, expires) in times {
        let insert = Write::Insert {
            key: at(id),
            content: Content {
                data: Vec::new(),
                expires: expires.map(Timestamp::from_millis),
                ..Content::default()
            },
        };
        done(&*store, vec![insert]).await?;
    }
    let now = |millis| Timestamp::from_millis(millis);
    same(
        "before any",
        &other.purge(&set(rule), now(9), 100).await?,
        &0,
    )?;
    read(&*store, &at("a")).await?;
    same(
        "at 20, one",
        &other.purge(&set(rule), now(20), 1).await?,
        &1,
    )?;
    same(
        "at 20, the rest",
        &other.purge(&set(rule), now(20), 100).await?,
        &1,
    )?;
    gone(&*store, &at("a")).await?;
    gone(&*store, &at("b")).await?;
    read(&*store, &at("c")).await?;
    let end = Timestamp::from_millis(u64::MAX);
    same("at the end", &other.purge(&set(rule), end, 100).await?, &1)?;
    read(&*store, &at("never")).await.map(|_| ())
}

async fn erase(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "erase-keeps-the-records";
    let mut last = Version::new(0);
    for id in ["deleted", "replaced", "kept"] {
        last = done(
            &*store,
            vec![inserting(key(rule, "acme", id), "kw1.x", b"1")],
        )
        .await?;
    }
    let deleted = read(&*store, &key(rule, "acme", "deleted")).await?;
    let delete = Write::Delete {
        key: deleted.key,
        version: deleted.version,
    };
    done(&*store, vec![delete]).await?;
    let replaced = read(&*store, &key(rule, "acme", "replaced")).await?;
    let swapped = done(
        &*store,
        vec![swapping(replaced.key, replaced.version, b"2")],
    )
    .await?;
    last = last.max(swapped);
    let before = store.scan(super::scans::all(rule)).await?;
    same("erased", &other.erase().await?, &Erased::Done)?;
    let after = other.scan(super::scans::all(rule)).await?;
    ensure(after == before, || "the records changed".into())?;
    let next = done(&*store, vec![inserting(key(rule, "acme", "new"), "", b"")]).await?;
    ensure(next > last, || format!("version {next:?} after {last:?}"))
}

async fn limits(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "limits-are-refused";
    let long = |length: usize| "x".repeat(length);
    let most = key(rule, &long(StoreLimits::OWNER), &long(StoreLimits::ID));
    let data = vec![7; StoreLimits::DATA];
    let fits = inserting(most.clone(), &long(StoreLimits::SEALED), &data);
    done(&*store, vec![fits]).await?;
    let is = read(&*other, &most).await?;
    same("sealed", &is.sealed.len(), &StoreLimits::SEALED)?;
    ensure(is.data == data, || "a record at the limit was cut".into())?;
    let one = |length: usize| length.saturating_add(1);
    let holding = |content| Write::Insert {
        key: key(rule, "", "content"),
        content,
    };
    let wide = [
        inserting(key(rule, &long(one(StoreLimits::OWNER)), ""), "", b""),
        inserting(key(rule, "", &long(one(StoreLimits::ID))), "", b""),
        inserting(key(rule, "", "nul\0"), "", b""),
        inserting(key(rule, "nul\0", ""), "", b""),
        inserting(
            key(rule, "", "sealed"),
            &long(one(StoreLimits::SEALED)),
            b"",
        ),
        inserting(key(rule, "", "nul"), "kw1.\0", b""),
        inserting(key(rule, "", "data"), "", &vec![0; one(StoreLimits::DATA)]),
        inserting(key("", "", ""), "", b""),
        inserting(key("not visible", "", ""), "", b""),
        holding(Content {
            expires: Some(Timestamp::from_millis(1 << 63)),
            ..Content::default()
        }),
        holding(Content {
            mac_key: long(one(StoreLimits::PREFIX)),
            ..Content::default()
        }),
        holding(Content {
            token_key: "kw1. not visible".into(),
            ..Content::default()
        }),
        holding(Content {
            word: long(one(StoreLimits::WORD)),
            ..Content::default()
        }),
        holding(Content {
            word: "nul\0".into(),
            ..Content::default()
        }),
    ];
    for write in wide {
        let said = format!("{:.120}", format!("{write:?}"));
        let batch = vec![inserting(key(rule, "", "beside"), "", b""), write];
        misuse(&said, store.apply(batch).await)?;
    }
    let small = inserting(key(rule, "", "beside"), "", b"");
    misuse(
        "a long batch",
        store.apply(vec![small; one(StoreLimits::BATCH)]).await,
    )?;
    gone(&*other, &key(rule, "", "beside")).await?;
    let keys = vec![key(rule, "", "x"); one(StoreLimits::MANY)];
    misuse("many keys", store.fetch_many(&keys).await)?;
    misuse(
        "a long prefix",
        store
            .count(&set(rule), &long(one(StoreLimits::PREFIX)))
            .await,
    )?;
    for limit in [0, one(StoreLimits::SCAN)] {
        let mut scan = super::scans::all(rule);
        scan.limit = limit;
        misuse("a page's limit", store.scan(scan).await)?;
    }
    for bytes in [0, one(StoreLimits::SCAN_BYTES)] {
        let scan = super::scans::all(rule).bytes(bytes);
        misuse("a page's bytes", store.scan(scan).await)?;
    }
    let front = one(StoreLimits::FRONT);
    let outline = store.outline(super::scans::all(rule), front).await;
    misuse("a long front", outline)?;
    let words = Words::Is(long(one(StoreLimits::WORD)));
    let find = Find::of(set(rule), words.clone());
    misuse("a long word", store.find(find).await)?;
    let count = store.count_words(&set(rule), None, &words).await;
    misuse("a long word to count", count)?;
    Ok(())
}

fn misuse<T>(what: &str, result: keyward_base::Result<T>) -> Checked {
    let kind = result.err().map(|error| error.kind());
    same(what, &kind, &Some(ErrorKind::Misuse))
}
