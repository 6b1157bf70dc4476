//! Records: order, pages, and prefixes.

use keyward_base::Timestamp;

use super::rule::{Checked, Fault, Handles, Rules, ensure, key, same, set};
use super::steps::{done, inserting, read, swapping};
use crate::limits::StoreLimits;
use crate::record::{Content, Record};
use crate::records::{Records, Write};
use crate::scan::{Outline, Page, Scan};

type Stores<'a> = Handles<'a, dyn Records>;

/// Owners and ids.
pub(super) type Places = Vec<(String, String)>;

pub(super) async fn check(stores: &Stores<'_>, rules: &mut Rules) {
    rules.note("scan-orders-by-bytes", order(stores).await);
    rules.note("scan-pages-are-complete", pages(stores).await);
    rules.note("scan-is-bounded-in-bytes", bytes(stores).await);
    rules.note("outline-leaves-out-the-text", outline(stores).await);
    rules.note("scan-stays-in-its-owner", owner(stores).await);
    rules.note("prefix-is-exact", prefix(stores).await);
}

/// A scan of all that a rule wrote.
pub(super) fn all(rule: &'static str) -> Scan {
    Scan::of(set(rule))
}

fn place(record: &Record) -> (String, String) {
    (record.key.owner.clone(), record.key.id.clone())
}

/// Holds one page to its bounds, and gives back where the next begins.
fn bounded<T>(
    page: &Page<T>,
    scan: &Scan,
    place: impl Fn(&T) -> (String, String),
    bytes: impl Fn(&T) -> usize,
) -> Result<Option<(String, String)>, Fault> {
    let (count, limit) = (page.items.len(), scan.limit);
    ensure(count <= limit, || format!("{count} records, not {limit}"))?;
    let length = page.items.iter().map(bytes).fold(0, usize::saturating_add);
    ensure(count <= 1 || length <= scan.bytes, || {
        format!("{length} bytes in a page, not {}", scan.bytes)
    })?;
    if page.next.is_some() {
        let last = page.items.last().map(place);
        same("where to go on", &page.next, &last)?;
    }
    Ok(page.next.clone())
}

fn length(record: &Record) -> usize {
    let key = [record.key.owner.len(), record.key.id.len()];
    let value = [record.sealed.len(), record.data.len()];
    key.into_iter().chain(value).fold(0, usize::saturating_add)
}

/// Walks through a scan by pages.
pub(super) async fn walk(store: &dyn Records, mut scan: Scan) -> Result<Places, Fault> {
    let mut seen = Vec::new();
    loop {
        let page = store.scan(scan.clone()).await?;
        scan.after = bounded(&page, &scan, place, length)?;
        ensure(seen.len() < 100_000, || "the pages do not end".into())?;
        seen.extend(page.items.iter().map(place));
        if scan.after.is_none() {
            return Ok(seen);
        }
    }
}

async fn order(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "scan-orders-by-bytes";
    let names = [
        "b",
        "B",
        "a",
        "_",
        "~",
        "aa",
        "",
        "\u{e9}",
        "z",
        "\u{1f511}",
        "\u{ff21}",
        "10",
        "9",
    ];
    let mut wanted = Vec::new();
    for owner in ["a", "", "B", "aa", "\u{e9}"] {
        for id in names {
            done(&*store, vec![inserting(key(rule, owner, id), "", b"")]).await?;
            wanted.push((owner.to_owned(), id.to_owned()));
        }
    }
    wanted.sort_by(|a, b| (a.0.as_bytes(), a.1.as_bytes()).cmp(&(b.0.as_bytes(), b.1.as_bytes())));
    let one_page: Vec<_> = other
        .scan(all(rule))
        .await?
        .items
        .iter()
        .map(place)
        .collect();
    same("one page", &one_page, &wanted)?;
    let mut scan = all(rule);
    scan.limit = 1;
    same("pages of one", &walk(&*other, scan).await?, &wanted)
}

async fn pages(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "scan-pages-are-complete";
    let wanted: Vec<_> = (0..100)
        .map(|n| (format!("o{}", n / 10), format!("{n:03}")))
        .collect();
    for (owner, id) in &wanted {
        done(&*store, vec![inserting(key(rule, owner, id), "", b"")]).await?;
    }
    for limit in [1, 7, 10, 99, 100, 101] {
        let mut scan = all(rule);
        scan.limit = limit;
        same("pages", &walk(&*other, scan).await?, &wanted)?;
    }
    // The place to go on from need not exist, or exist any more.
    let mut scan = all(rule);
    scan.after = Some(("o5".into(), "049x".into()));
    let first = other.scan(scan).await?.items.first().map(place);
    same("after a gap", &first, &Some(("o5".into(), "050".into())))
}

/// Records of very different lengths, in pages of few bytes.
async fn bytes(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "scan-is-bounded-in-bytes";
    let mut wanted = Vec::new();
    for (n, length) in (0..).zip([0, 10, 3_000, 0, 700, 700, 5, 60_000, 1, 1_500]) {
        let (id, text) = (format!("{n:02}"), "k".repeat(length));
        let insert = inserting(key(rule, "acme", &id), &text, &vec![7; length / 2]);
        done(&*store, vec![insert]).await?;
        wanted.push(("acme".to_owned(), id));
    }
    for bytes in [1, 6, 100, 1_200, 5_000, 200_000] {
        let scan = all(rule).bytes(bytes);
        same("pages", &walk(&*other, scan).await?, &wanted)?;
        let one_key = all(rule).bytes(bytes).prefix("k");
        let sealed = wanted.iter().filter(|(_, id)| id != "00" && id != "03");
        let sealed: Vec<_> = sealed.cloned().collect();
        same("pages of a key", &walk(&*other, one_key).await?, &sealed)?;
    }
    let whole = other.scan(all(rule).bytes(200_000)).await?;
    same("what fits one page", &whole.next, &None)
}

/// Outlines hold the front of the text, cut between characters, and are bounded by what they hold.
async fn outline(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "outline-leaves-out-the-text";
    let texts = [
        String::new(),
        "kw1.short".to_owned(),
        format!("kw1.{}", "A".repeat(40_000)),
        format!("kw1.{}", "\u{e9}".repeat(30)),
        "\u{1f511}".repeat(9),
    ];
    let mut wanted = Vec::new();
    for (n, text) in (0_usize..).zip(&texts) {
        let key = key(rule, "acme", &n.to_string());
        let expires = Some(Timestamp::from_millis(7));
        let insert = Write::Insert {
            key: key.clone(),
            content: Content {
                sealed: text.clone(),
                data: vec![7; n],
                expires,
                ..Content::default()
            },
        };
        let version = done(&*store, vec![insert]).await?;
        wanted.push(Outline {
            key,
            version,
            front: text.clone(),
            sealed_len: text.len(),
            data: vec![7; n],
            expires,
        });
    }
    let place = |outline: &Outline| (outline.key.owner.clone(), outline.key.id.clone());
    // 5 and 7 cut a character of four bytes after its first and after its third.
    for front in [0, 1, 5, 7, 64, StoreLimits::FRONT] {
        let length = |outline: &Outline| {
            let parts = [4, 1, outline.front.len(), outline.data.len()];
            parts.into_iter().fold(0, usize::saturating_add)
        };
        for (limit, bytes) in [(100, 4_000), (2, 4_000), (100, 40), (100, 1)] {
            let mut scan = all(rule).limit(limit).bytes(bytes);
            let mut seen = Vec::new();
            loop {
                let page = other.outline(scan.clone(), front).await?;
                scan.after = bounded(&page, &scan, place, length)?;
                seen.extend(page.items);
                if scan.after.is_none() {
                    break;
                }
            }
            for (is, wanted) in seen.iter().zip(&wanted) {
                let cut = Outline {
                    front: Outline::front_of(&wanted.front, front).to_owned(),
                    ..wanted.clone()
                };
                ensure(*is == cut, || format!("{is:?}, not {cut:?}"))?;
            }
            same("outlines", &seen.len(), &wanted.len())?;
        }
    }
    let one_key = all(rule).prefix("kw1.AAAAAAAAAAAA");
    let found = other.outline(one_key, 16).await?.items;
    same("outlines of a key", &found.len(), &1)
}

async fn owner(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "scan-stays-in-its-owner";
    for owner in ["acme", "Acme", "acme2", "acm", ""] {
        for id in ["", "1", "2", "3"] {
            done(
                &*store,
                vec![inserting(key(rule, owner, id), "kw1.same", b"")],
            )
            .await?;
        }
    }
    let of = |ids: &[&str]| -> Vec<_> {
        ids.iter()
            .map(|id| ("acme".to_owned(), (*id).to_owned()))
            .collect()
    };
    let scan = |after: Option<(&str, &str)>, prefix: Option<&str>| {
        let after = after.map(|(owner, id)| (owner.to_owned(), id.to_owned()));
        let mut scan = all(rule).owner("acme").after(after).limit(2);
        scan.prefix = prefix.map(str::to_owned);
        scan
    };
    same(
        "all",
        &walk(&*other, scan(None, None)).await?,
        &of(&["", "1", "2", "3"]),
    )?;
    // A page that has room for more than the owner has.
    same(
        "all at once",
        &walk(&*other, scan(None, None).limit(100)).await?,
        &of(&["", "1", "2", "3"]),
    )?;
    same(
        "after 1",
        &walk(&*other, scan(Some(("acme", "1")), None)).await?,
        &of(&["2", "3"]),
    )?;
    let before = scan(Some(("acm", "1")), Some("kw1."));
    same(
        "after an owner before",
        &walk(&*other, before).await?,
        &of(&["", "1", "2", "3"]),
    )?;
    let behind = scan(Some(("b", "")), None);
    same(
        "after an owner behind",
        &walk(&*other, behind).await?,
        &of(&[]),
    )
}

async fn prefix(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "prefix-is-exact";
    let sealed = [
        "kw1.AbCd_fGhIjKlmn",
        "kw1.AbCdxfGhIjKlmn",
        "kw1.abcd_fghijklmn",
        "KW1.AbCd_fGhIjKlmn",
        "kw1.AbCd_fGhIjKm",
        "kw1.AbCd_fGhIjKl",
        "kw1.AbCd_fGhIjK",
        "kw1.",
        "kw1",
        "",
        "kw2.AbCd_fGhIjKl",
        "kw1.AbCd%fGhIjKl",
        "kw1.\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}",
        "kw1.~",
        "kw1.AbCd-fGhIjKlmn",
    ];
    let at = |n: usize| {
        key(
            rule,
            if n.is_multiple_of(2) { "a" } else { "b" },
            &format!("{n:02}"),
        )
    };
    for (n, text) in sealed.iter().enumerate() {
        done(&*store, vec![inserting(at(n), text, b"")]).await?;
    }
    done(
        &*store,
        vec![inserting(
            key("prefix-is-exact-2", "", ""),
            "kw1.AbCd_fGhIjKl",
            b"",
        )],
    )
    .await?;
    let asked = [
        "",
        "k",
        "kw1",
        "kw1.",
        "kw1.AbCd_fGhIjKl",
        "kw1.AbCd_",
        "kw1.AbCd%",
        "kw1.AbCd%fGhIjKl",
        "%",
        "_",
        "kw1.\u{e9}\u{e9}",
        "kw1.\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}",
        "KW1.",
        "kw1.abcd_fghijkl",
        "kw3",
        "~",
    ];
    for prefix in asked {
        let begins = |text: &&str| text.as_bytes().starts_with(prefix.as_bytes());
        let wanted = sealed.iter().filter(|text| begins(text)).count();
        let count = other.count(&set(rule), prefix).await?;
        same(
            &format!("count of {prefix:?}"),
            &count,
            &u64::try_from(wanted).unwrap_or(0),
        )?;
        let mut places: Vec<_> = (0..)
            .zip(sealed)
            .filter(|(_, text)| begins(text))
            .map(|(n, _)| (at(n).owner, at(n).id))
            .collect();
        places.sort();
        for limit in [1, 3, 100] {
            let scan = all(rule).prefix(prefix).limit(limit);
            same(
                &format!("scan of {prefix:?}"),
                &walk(&*other, scan).await?,
                &places,
            )?;
        }
    }
    // A record that is sealed anew moves from one prefix to the other.
    let version = read(&*store, &at(0)).await?.version;
    done(&*store, vec![swapping(at(0), version, b"")]).await?;
    let left = other.count(&set(rule), "kw1.AbCd_fGhIjKl").await?;
    same("count after a swap", &left, &1)
}
