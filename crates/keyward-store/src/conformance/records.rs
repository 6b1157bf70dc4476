//! Records: every rule, in order, and those of identity and names.

use super::rule::{Checked, Handles, Rules, ensure, key, same};
use super::steps::{done, gone, inserting, read};
use super::{batches, bounds, removal, writes};
use crate::record::RecordKey;
use crate::records::Records;

type Stores<'a> = Handles<'a, dyn Records>;

pub(super) async fn check(stores: &Stores<'_>, rules: &mut Rules) {
    rules.note("identity-is-stable", identity(stores));
    rules.note("insert-is-read-back", writes::insert(stores).await);
    rules.note(
        "insert-refuses-what-exists",
        writes::insert_twice(stores).await,
    );
    rules.note("swap-needs-the-version", writes::swap_stale(stores).await);
    rules.note("swap-never-recreates", writes::swap_gone(stores).await);
    rules.note(
        "delete-needs-the-version",
        writes::delete_stale(stores).await,
    );
    rules.note("require-only-looks", batches::require(stores).await);
    rules.note("versions-are-never-reused", writes::versions(stores).await);
    rules.note("batch-is-atomic", batches::atomic(stores).await);
    rules.note(
        "batch-sees-its-own-writes",
        batches::own_writes(stores).await,
    );
    rules.note(
        "batch-names-the-first-conflict",
        batches::first_conflict(stores).await,
    );
    rules.note("names-are-bytes", names(stores).await);
    rules.note("fetch-many-keeps-the-order", many(stores).await);
    rules.note("delete-owner-is-exact", removal::owners(stores).await);
    rules.note("purge-takes-what-expired", removal::purge(stores).await);
    rules.note("erase-keeps-the-records", removal::erase(stores).await);
    rules.note("counts-of-a-sound-store-agree", agree(stores).await);
    rules.note("limits-are-refused", bounds::limits(stores).await);
}

/// After all that the rules before it wrote, replaced and removed.
async fn agree(stores: &Stores<'_>) -> Checked {
    stores.of(0)?.check_counts().await?;
    Ok(())
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
