//! Single writes: each is conditional on the version that is there.

use std::collections::BTreeSet;

use keyward_base::Timestamp;

use super::rule::{Checked, Handles, ensure, key, same};
use super::steps::{conflict, done, gone, inserting, read, swapping};
use crate::record::{Content, Record, Version};
use crate::records::{Records, Write};

type Stores<'a> = Handles<'a, dyn Records>;

pub(super) async fn insert(stores: &Stores<'_>) -> Checked {
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

pub(super) async fn insert_twice(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let key = key("insert-refuses-what-exists", "acme", "1");
    done(&*store, vec![inserting(key.clone(), "", b"first")]).await?;
    conflict(&*other, 0, vec![inserting(key.clone(), "", b"second")]).await?;
    same("data", &read(&*store, &key).await?.data, &b"first".to_vec())
}

pub(super) async fn swap_stale(stores: &Stores<'_>) -> Checked {
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

pub(super) async fn swap_gone(stores: &Stores<'_>) -> Checked {
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

pub(super) async fn delete_stale(stores: &Stores<'_>) -> Checked {
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

pub(super) async fn versions(stores: &Stores<'_>) -> Checked {
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
