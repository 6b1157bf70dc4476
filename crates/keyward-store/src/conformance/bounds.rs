//! What is too long or ill-formed is refused, and what is just in bounds is kept whole.

use keyward_base::{ErrorKind, Timestamp};

use super::rule::{Checked, Handles, ensure, key, same, set};
use super::scans;
use super::steps::{done, gone, inserting, read};
use crate::find::{Find, Words};
use crate::limits::StoreLimits;
use crate::record::Content;
use crate::records::{Records, Write};

type Stores<'a> = Handles<'a, dyn Records>;

pub(super) async fn limits(stores: &Stores<'_>) -> Checked {
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
        let mut scan = scans::all(rule);
        scan.limit = limit;
        misuse("a page's limit", store.scan(scan).await)?;
    }
    for bytes in [0, one(StoreLimits::SCAN_BYTES)] {
        let scan = scans::all(rule).bytes(bytes);
        misuse("a page's bytes", store.scan(scan).await)?;
    }
    let front = one(StoreLimits::FRONT);
    let outline = store.outline(scans::all(rule), front).await;
    misuse("a long front", outline)?;
    let words = Words::Is(long(one(StoreLimits::WORD)));
    let find = Find::of(set(rule), words.clone());
    misuse("a long word", store.find(find).await)?;
    let count = store.count_words(&set(rule), None, &words).await;
    misuse("a long word to count", count)?;
    Ok(())
}

pub(super) fn misuse<T>(what: &str, result: keyward_base::Result<T>) -> Checked {
    let kind = result.err().map(|error| error.kind());
    same(what, &kind, &Some(ErrorKind::Misuse))
}
