//! Records: by the keys they need, and by their word.

use super::rule::{Checked, Fault, Handles, Rules, ensure, key, same, set};
use super::steps::{done, read};
use crate::find::{Find, Found, Words};
use crate::limits::StoreLimits;
use crate::record::Content;
use crate::records::{Records, Write};

type Stores<'a> = Handles<'a, dyn Records>;

pub(super) async fn check(stores: &Stores<'_>, rules: &mut Rules) {
    rules.note("count-sees-every-key-tag", tags(stores).await);
    rules.note("find-orders-by-word", words(stores).await);
    rules.note("find-follows-the-word", moves(stores).await);
}

/// Every tag that a record can have, and how many records need each key.
async fn tags(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "count-sees-every-key-tag";
    let tag = |letter: &str| match letter {
        "" => String::new(),
        letter => format!("kw1.{}", letter.repeat(12)),
    };
    let mut all = Vec::new();
    for sealed in ["", "A", "B"] {
        for mac in ["", "A", "B", "C"] {
            for token in ["", "A", "C", "_"] {
                let content = Content {
                    sealed: match sealed {
                        "" => String::new(),
                        sealed => format!("{}more", tag(sealed)),
                    },
                    mac_key: tag(mac),
                    token_key: tag(token),
                    ..Content::default()
                };
                let key = key(rule, "acme", &format!("{sealed}-{mac}-{token}"));
                let insert = Write::Insert {
                    key,
                    content: content.clone(),
                };
                done(&*store, vec![insert]).await?;
                all.push(content);
            }
        }
    }
    let asked = [
        "",
        "kw1.",
        "kw1.A",
        "kw1.AAAAAAAAAAAA",
        "kw1.BBBBBBBBBBBB",
        "kw1.CCCCCCCCCCCC",
        "kw1.____________",
        "kw1.aaaaaaaaaaaa",
        "kw1.%",
        "kw1.\u{e9}",
    ];
    for prefix in asked {
        let needing = all.iter().filter(|content| content.needs_key(prefix));
        let wanted = u64::try_from(needing.count()).unwrap_or(0);
        let count = other.count(&set(rule), prefix).await?;
        same(&format!("count of {prefix:?}"), &count, &wanted)?;
    }
    // Sealed anew, a record still needs the keys that it names otherwise.
    let moved = key(rule, "acme", "A-B-C");
    let record = read(&*store, &moved).await?;
    let content = Content {
        sealed: format!("{}more", tag("D")),
        ..record.content
    };
    let swap = Write::Swap {
        key: moved,
        version: record.version,
        content,
    };
    let before = other.count(&set(rule), &tag("B")).await?;
    done(&*store, vec![swap]).await?;
    let now = other.count(&set(rule), &tag("B")).await?;
    same("count after a swap", &now, &before)
}

const WORDS: &str = "find-orders-by-word";

fn ranges() -> Vec<Words> {
    let range = |from: &str, until: Option<&str>| Words::Range {
        from: from.to_owned(),
        until: until.map(str::to_owned),
    };
    vec![
        Words::All,
        Words::Is("b".into()),
        Words::Is("B".into()),
        Words::Is(String::new()),
        Words::Is("%".into()),
        range("", None),
        range("a", Some("b")),
        range("b", Some("b")),
        range("b", Some("ba")),
        range("aa", Some("z")),
        range("\u{e9}", None),
        range("z", Some("a")),
    ]
}

async fn words(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let mut all = Vec::new();
    for (n, word) in (0_usize..).zip(["b", "", "a", "b", "aa", "B", "\u{e9}", "_", "10", "9", "b"])
    {
        for owner in ["acme", "Acme", "", "zeta"] {
            let id = format!("{:02}", n.wrapping_mul(7) % 11);
            let content = Content {
                word: word.to_owned(),
                data: vec![7; n],
                ..Content::default()
            };
            let insert = Write::Insert {
                key: key(WORDS, owner, &id),
                content,
            };
            done(&*store, vec![insert]).await?;
            all.push(Found {
                word: word.to_owned(),
                owner: owner.to_owned(),
                id,
            });
        }
    }
    all.sort();
    for words in ranges() {
        for owner in [None, Some("acme"), Some(""), Some("nobody")] {
            let ours = |found: &&Found| {
                words.hold(&found.word) && owner.is_none_or(|owner| owner == found.owner)
            };
            let wanted: Vec<Found> = all.iter().filter(ours).cloned().collect();
            let turned: Vec<Found> = wanted.iter().rev().cloned().collect();
            let count = other.count_words(&set(WORDS), owner, &words).await?;
            let length = u64::try_from(wanted.len()).unwrap_or(0);
            same(&format!("count of {words:?}"), &count, &length)?;
            for (limit, bytes) in [(1, 1_000), (3, 1_000), (100, 20), (100, 100_000)] {
                let mut find = Find::of(set(WORDS), words.clone())
                    .limit(limit)
                    .bytes(bytes);
                find.owner = owner.map(str::to_owned);
                let found = walk(&*other, find.clone()).await?;
                same(&format!("{words:?} of {owner:?}"), &found, &wanted)?;
                let found = walk(&*other, find.backwards()).await?;
                same(
                    &format!("{words:?} of {owner:?}, backwards"),
                    &found,
                    &turned,
                )?;
            }
        }
    }
    // Another owner's place, and one where nothing lies, are places too.
    let after = |owner: &str, id: &str| {
        Some(Found {
            word: "b".into(),
            owner: owner.into(),
            id: id.into(),
        })
    };
    let above = Words::Range {
        from: "aa".into(),
        until: Some("c".into()),
    };
    for (place, wanted, turned, ranged) in [
        (after("acme", "00"), 2, 0, 1),
        (after("aaaa", "99"), 3, 0, 1),
        (after("b", ""), 0, 3, 4),
    ] {
        let find = |words: &Words| Find::of(set(WORDS), words.clone()).owner("acme");
        let of = find(&Words::Is("b".into())).after(place.clone());
        let found = other.find(of.clone()).await?.items;
        same(&format!("after {place:?}"), &found.len(), &wanted)?;
        let found = other.find(of.backwards()).await?.items;
        same(&format!("before {place:?}"), &found.len(), &turned)?;
        let of = find(&above).after(place.clone()).backwards();
        let found = other.find(of).await?.items;
        same(&format!("below {place:?}"), &found.len(), &ranged)?;
    }
    Ok(())
}

async fn walk(store: &dyn Records, mut find: Find) -> Result<Vec<Found>, Fault> {
    let mut seen = Vec::new();
    loop {
        let page = store.find(find.clone()).await?;
        let places = page.items.iter().map(|record| Found {
            word: record.word.clone(),
            owner: record.key.owner.clone(),
            id: record.key.id.clone(),
        });
        let places: Vec<Found> = places.collect();
        let (count, limit) = (places.len(), find.limit);
        ensure(count <= limit, || format!("{count} records, not {limit}"))?;
        let lengths = page.items.iter().map(|record| {
            let key = &record.key;
            let parts = [key.owner.len(), key.id.len(), record.data.len()];
            parts.into_iter().fold(0, usize::saturating_add)
        });
        let length = lengths.fold(0, usize::saturating_add);
        ensure(count <= 1 || length <= find.bytes, || {
            format!("{length} bytes in a page, not {}", find.bytes)
        })?;
        if page.next.is_some() {
            same("where to go on", &page.next, &places.last().cloned())?;
        }
        seen.extend(places);
        ensure(seen.len() < 100_000, || "the pages do not end".into())?;
        match page.next {
            Some(next) => find = find.after(Some(next)),
            None => return Ok(seen),
        }
    }
}

/// A record is found by the word it has now.
async fn moves(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "find-follows-the-word";
    let holding = |word: &str| Content {
        word: word.to_owned(),
        ..Content::default()
    };
    let key = key(rule, "acme", "1");
    let insert = Write::Insert {
        key: key.clone(),
        content: holding("open"),
    };
    let mut version = done(&*store, vec![insert]).await?;
    let longest = "w".repeat(StoreLimits::WORD);
    for (before, word) in [("open", "done"), ("done", longest.as_str()), (&longest, "")] {
        let swap = Write::Swap {
            key: key.clone(),
            version,
            content: holding(word),
        };
        version = done(&*store, vec![swap]).await?;
        for (asked, wanted) in [(before, 0), (word, u64::from(!word.is_empty()))] {
            let words = Words::Is(asked.to_owned());
            let count = other.count_words(&set(rule), None, &words).await?;
            same(&format!("count of {asked:?}"), &count, &wanted)?;
        }
    }
    Ok(())
}
