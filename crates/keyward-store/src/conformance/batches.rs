//! Batches: all or nothing, each write seeing those before it.

use super::rule::{Checked, Fault, Handles, ensure, key, same};
use super::scans;
use super::steps::{conflict, done, gone, inserting, read, swapping};
use crate::record::Version;
use crate::records::{Applied, Records, Write};

type Stores<'a> = Handles<'a, dyn Records>;

pub(super) async fn require(stores: &Stores<'_>) -> Checked {
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

pub(super) async fn atomic(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let at = |id| key("batch-is-atomic", "acme", id);
    let mut versions = Vec::new();
    for id in ["kept", "swapped", "deleted"] {
        versions.push(done(&*store, vec![inserting(at(id), "kw1.x", b"before")]).await?);
    }
    let [kept, swapped, deleted] = versions.as_slice() else {
        return Err(Fault("three inserts gave other than three versions".into()));
    };
    let before = store.scan(scans::all("batch-is-atomic")).await?;
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
    let after = other.scan(scans::all("batch-is-atomic")).await?;
    ensure(before == after, || {
        "part of a batch that met a conflict was written".into()
    })
}

pub(super) async fn own_writes(stores: &Stores<'_>) -> Checked {
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
    same("data", &is.data, &b"2".to_vec())?;
    // What a batch did twice to one record is undone from its end.
    let delete = Write::Delete {
        key: key.clone(),
        version: is.version,
    };
    let refused = Write::Require {
        key: key.clone(),
        version: None,
    };
    let batch = vec![delete, inserting(key.clone(), "", b"3"), refused];
    conflict(&*store, 2, batch).await?;
    same("the record", &read(&*other, &key).await?, &is)
}

pub(super) async fn first_conflict(stores: &Stores<'_>) -> Checked {
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
