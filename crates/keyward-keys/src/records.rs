//! Where the records of a keyring lie, and the writes that make them.

use keyward_base::{Error, Purpose, Result, Tenant, Timestamp};
use keyward_store::{Collection, Content, Pages, RecordKey, Records, Scan, Version, Write};

pub(crate) const KEYRING: Collection = Collection::named("keyring");
pub(crate) const TENANT_KEYS: Collection = Collection::named("tenant-keys");
pub(crate) const REPLICAS: Collection = Collection::named("replica");
pub(crate) const COVERAGE: Collection = Collection::named("coverage");
pub(crate) const SET_ASIDE: Collection = Collection::named("set-aside");

/// How often a lost compare-and-swap is tried again. Each loss means that another writer won.
pub(crate) const MAX_TRIES: usize = 32;

/// Records read at a time.
const PAGE: usize = 512;

/// Where the ring lies.
pub(crate) fn ring_place() -> RecordKey {
    RecordKey {
        collection: KEYRING,
        owner: String::new(),
        id: "ring".to_owned(),
    }
}

/// Where the keys of a tenant and purpose lie.
pub(crate) fn tenant_place(purpose: &Purpose, tenant: &Tenant) -> RecordKey {
    RecordKey {
        collection: TENANT_KEYS,
        owner: tenant.as_str().to_owned(),
        id: purpose.as_str().to_owned(),
    }
}

/// Where a page of the registry of columns lies.
pub(crate) fn coverage_place(page: usize) -> RecordKey {
    RecordKey {
        collection: COVERAGE,
        owner: String::new(),
        id: format!("{page:04x}"),
    }
}

/// A write that makes or replaces a record of ours.
pub(crate) fn put(key: RecordKey, version: Option<Version>, data: Vec<u8>) -> Write {
    put_until(key, version, data, None)
}

/// [`put`], of a record that may be purged from a time on.
pub(crate) fn put_until(
    key: RecordKey,
    version: Option<Version>,
    data: Vec<u8>,
    expires: Option<Timestamp>,
) -> Write {
    let content = Content {
        data,
        expires,
        ..Content::default()
    };
    Write::put(key, version, content)
}

/// The pages of a collection, in the order of owner and id.
pub(crate) fn pages<'a>(
    store: &'a dyn Records,
    collection: Collection,
    owner: Option<&str>,
) -> Pages<'a> {
    let scan = Scan::of(collection).limit(PAGE);
    match owner {
        Some(owner) => scan.owner(owner),
        None => scan,
    }
    .pages(store)
}

/// Whether `collection` holds no record.
pub(crate) async fn is_empty(store: &dyn Records, collection: Collection) -> Result<bool> {
    let page = store.scan(Scan::of(collection).limit(1)).await?;
    Ok(page.items.is_empty() && page.damaged.is_empty())
}

pub(crate) fn contended() -> Error {
    Error::unavailable(
        "the key store is contended: every try lost to another writer; try again in a moment",
    )
}
