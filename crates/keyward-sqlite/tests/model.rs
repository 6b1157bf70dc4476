//! The store on SQLite and the one in memory, given the same batches, answer alike.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use std::collections::HashMap;

use keyward_base::Timestamp;
use keyward_sqlite::SqliteStore;
use keyward_store::conformance::block_on;
use keyward_store::{
    Applied, Content, Find, MemoryStore, RecordKey, Records, Scan, Version, Words, Write,
};
use proptest::prelude::*;
use support::{key, set};

/// A write whose version is the current one, or one that is no more.
#[derive(Clone, Debug)]
struct Step {
    what: u8,
    key: RecordKey,
    stale: bool,
    sealed: String,
    data: Vec<u8>,
    expires: Option<u64>,
    word: String,
    mac_key: String,
}

fn step() -> impl Strategy<Value = Step> {
    (
        0..5_u8,
        prop::sample::select(vec![
            ("a", "1"),
            ("a", "2"),
            ("A", "1"),
            ("", ""),
            ("\u{e9}", "_"),
        ]),
        prop::bool::weighted(0.2),
        prop::sample::select(vec![
            "",
            "kw1.abcdefghijkl",
            "kw1.abcdefghijklm",
            "kw1.ABCDefghijkl",
        ]),
        prop::collection::vec(any::<u8>(), 0..20),
        prop::option::of(0..20_u64),
        prop::sample::select(vec!["", "a", "aa", "B"]),
        prop::sample::select(vec!["", "kw1.abcdefghijkl", "kw1.xbcdefghijkl"]),
    )
        .prop_map(
            |(what, (owner, id), stale, sealed, data, expires, word, mac_key)| Step {
                what,
                key: key(owner, id),
                stale,
                sealed: sealed.to_owned(),
                data,
                expires,
                word: word.to_owned(),
                mac_key: mac_key.to_owned(),
            },
        )
}

/// A store, and what each of its records' versions is and was.
struct Side<'a> {
    store: &'a dyn Records,
    old: HashMap<RecordKey, Version>,
}

/// Owner, id, sealed, data, expires.
type Row = (String, String, Content);

impl Side<'_> {
    fn now(&self, key: &RecordKey) -> Option<Version> {
        block_on(self.store.fetch(key))
            .unwrap()
            .map(|record| record.version)
    }

    fn apply(&mut self, steps: &[Step]) -> String {
        let versions: HashMap<&RecordKey, Option<Version>> = steps
            .iter()
            .map(|step| (&step.key, self.now(&step.key)))
            .collect();
        let batch = steps
            .iter()
            .map(|step| {
                let old = self.old.get(&step.key).copied().unwrap_or(Version::new(0));
                let current = versions[&step.key].filter(|_| !step.stale);
                let version = current.unwrap_or(old);
                let key = step.key.clone();
                let content = Content {
                    sealed: step.sealed.clone(),
                    data: step.data.clone(),
                    expires: step.expires.map(Timestamp::from_millis),
                    mac_key: step.mac_key.clone(),
                    token_key: String::new(),
                    word: step.word.clone(),
                };
                match step.what {
                    0 => Write::Delete { key, version },
                    1 => Write::Require {
                        key,
                        version: current,
                    },
                    2 | 3 => Write::Insert { key, content },
                    _ => Write::Swap {
                        key,
                        version,
                        content,
                    },
                }
            })
            .collect();
        for (key, version) in versions {
            if let Some(version) = version {
                self.old.insert(key.clone(), version);
            }
        }
        match block_on(self.store.apply(batch)).unwrap() {
            Applied::Done(versions) => format!(
                "{:?}",
                versions.iter().map(Option::is_some).collect::<Vec<_>>()
            ),
            other => format!("{other:?}"),
        }
    }

    /// Everything that can be read, but for the versions' numbers.
    fn all(&self) -> Vec<Row> {
        let records = block_on(self.store.scan(Scan::of(set()))).unwrap().items;
        records
            .into_iter()
            .map(|r| (r.key.owner, r.key.id, r.content))
            .collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn both_answer_alike(
        batches in prop::collection::vec(prop::collection::vec(step(), 1..5), 1..16),
        now in 0..20_u64,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let sqlite = SqliteStore::open(folder.path().join("data.db")).unwrap();
        let memory = MemoryStore::new(1_000);
        let stores: [&dyn Records; 2] = [&sqlite, &memory];
        let mut sides = stores.map(|store| Side { store, old: HashMap::new() });
        for batch in batches {
            let answers = sides.each_mut().map(|side| side.apply(&batch));
            prop_assert_eq!(&answers[0], &answers[1]);
            prop_assert_eq!(sides[0].all(), sides[1].all());
        }
        let now = Timestamp::from_millis(now);
        for prefix in ["", "kw1.abcdefghijkl", "kw1.a", "KW1."] {
            let counts = sides.each_ref().map(|side| block_on(side.store.count(&set(), prefix)).unwrap());
            prop_assert_eq!(counts[0], counts[1]);
        }
        let words = Words::Range { from: "B".into(), until: Some("aa".into()) };
        for owner in [None, Some("a")] {
            let found = sides.each_ref().map(|side| {
                let mut find = Find::of(set(), words.clone());
                find.owner = owner.map(str::to_owned);
                let page = block_on(side.store.find(find)).unwrap();
                page.items.into_iter().map(|r| (r.key, r.content)).collect::<Vec<_>>()
            });
            prop_assert_eq!(&found[0], &found[1]);
        }
        let purged = sides.each_ref().map(|side| block_on(side.store.purge(&set(), now, 100)).unwrap());
        prop_assert_eq!(purged[0], purged[1]);
        prop_assert_eq!(sides[0].all(), sides[1].all());
    }
}

/// A swap sets the columns that differ and leaves the others alone: whichever changes, and in
/// whatever way it is written, what is looked up is what a walk over everything finds.
#[test]
fn no_write_leaves_an_index_behind() {
    const KEYS: [&str; 3] = ["", "kw1.abcdefghijkl", "kw1.xbcdefghijkl"];
    const WORDS: [&str; 3] = ["", "a", "b"];
    const ENDS: [Option<u64>; 3] = [None, Some(5), Some(9)];
    let content = |at: [usize; 5]| Content {
        sealed: KEYS[at[0]].to_owned(),
        data: format!("{at:?}").into_bytes(),
        expires: ENDS[at[1]].map(Timestamp::from_millis),
        mac_key: KEYS[at[2]].to_owned(),
        token_key: KEYS[at[3]].to_owned(),
        word: WORDS[at[4]].to_owned(),
    };
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("data.db")).unwrap();
    let apply = |batch| match block_on(store.apply(batch)).unwrap() {
        Applied::Done(versions) => versions.into_iter().flatten().next_back().unwrap(),
        other => panic!("{other:?}"),
    };
    let all = || block_on(store.scan(Scan::of(set()))).unwrap().items;
    // As a walk over everything finds it, and as the indexes do.
    let agree = |what: &str| {
        let rows = all();
        for prefix in &KEYS[1..] {
            let named = |row: &&keyward_store::Record| {
                [&row.sealed, &row.mac_key, &row.token_key]
                    .iter()
                    .any(|text| text.starts_with(prefix))
            };
            let wanted = rows.iter().filter(named).count() as u64;
            let counted = block_on(store.count(&set(), prefix)).unwrap();
            assert_eq!(counted, wanted, "{what}: {prefix}");
        }
        for word in &WORDS[1..] {
            for owner in [None, Some("a".to_owned())] {
                let mut find = Find::of(set(), Words::Is((*word).to_owned()));
                find.owner = owner;
                let found = block_on(store.find(find)).unwrap().items;
                let wanted: Vec<_> = rows.iter().filter(|row| row.word == *word).collect();
                assert_eq!(found.iter().collect::<Vec<_>>(), wanted, "{what}: {word}");
            }
        }
    };
    let mut version = apply(vec![Write::Insert {
        key: key("a", "1"),
        content: content([0; 5]),
    }]);
    let swap = |version, at| Write::Swap {
        key: key("a", "1"),
        version,
        content: content(at),
    };
    for base in 0..3 {
        for column in 0..5 {
            for to in 0..3 {
                let (from, mut after) = ([base; 5], [base; 5]);
                after[column] = to;
                version = apply(vec![swap(version, from)]);
                version = apply(vec![swap(version, after)]);
                let what = format!("{from:?} to {after:?}");
                let row = all().remove(0);
                assert_eq!(
                    (row.version, &row.content),
                    (version, &content(after)),
                    "{what}"
                );
                agree(&what);
                // What is over by its new time is purged, and nothing else.
                let over = ENDS[after[1]] == Some(5);
                let now = Timestamp::from_millis(7);
                let purged = block_on(store.purge(&set(), now, 10)).unwrap();
                assert_eq!(purged, u64::from(over), "{what}");
                if over {
                    agree(&what);
                    version = apply(vec![Write::Insert {
                        key: key("a", "1"),
                        content: content(after),
                    }]);
                }
                // A stale version changes nothing, whichever columns it names.
                for at in [after, [(base + 1) % 3; 5]] {
                    let stale = vec![swap(Version::new(version.number() - 1), at)];
                    let lost = block_on(store.apply(stale)).unwrap();
                    assert!(matches!(lost, Applied::Conflict { index: 0 }), "{what}");
                }
                assert_eq!(all().remove(0).content, content(after), "{what}");
            }
        }
    }
    block_on(store.check_counts()).unwrap();
    apply(vec![
        Write::Delete {
            key: key("a", "1"),
            version,
        },
        Write::Insert {
            key: key("a", "1"),
            content: content([1; 5]),
        },
    ]);
    agree("deleted and inserted");
}
