//! Records that go: an owner's, those that expired, and what was deleted before.

use keyward_base::Timestamp;

use super::rule::{Checked, Handles, ensure, key, same, set};
use super::scans;
use super::steps::{done, gone, inserting, read, swapping};
use crate::record::{Content, Version};
use crate::records::{Erased, Records, Write};

type Stores<'a> = Handles<'a, dyn Records>;

pub(super) async fn owners(stores: &Stores<'_>) -> Checked {
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

pub(super) async fn purge(stores: &Stores<'_>) -> Checked {
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

pub(super) async fn erase(stores: &Stores<'_>) -> Checked {
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
    let before = store.scan(scans::all(rule)).await?;
    same("erased", &other.erase().await?, &Erased::Done)?;
    let after = other.scan(scans::all(rule)).await?;
    ensure(after == before, || "the records changed".into())?;
    let next = done(&*store, vec![inserting(key(rule, "acme", "new"), "", b"")]).await?;
    ensure(next > last, || format!("version {next:?} after {last:?}"))
}
