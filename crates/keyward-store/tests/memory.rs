//! The store in memory, held to every rule.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::sync::Arc;
use std::time::Duration;

use keyward_base::{ErrorKind, Timestamp};
use keyward_store::conformance::{self, Threads, block_on};
use keyward_store::{
    Applied, Attempts, Begun, Claim, Collection, Committed, Content, Entry, FencingToken, Level,
    Log, MemoryStore, Once, Outline, PageBudget, RecordKey, Records, Reserved, Scan, Step, StoreId,
    StoreLimits, Stores, Version, Window, Words, Write,
};

fn key(id: usize) -> RecordKey {
    RecordKey {
        collection: Collection::named("test"),
        owner: "acme".into(),
        id: id.to_string(),
    }
}

fn insert(id: usize) -> Write {
    Write::Insert {
        key: key(id),
        content: Content {
            data: vec![],
            expires: Some(Timestamp::from_millis(1)),
            ..Content::default()
        },
    }
}

fn fresh() -> Arc<MemoryStore> {
    Arc::new(MemoryStore::new(100_000))
}

#[test]
fn keeps_the_rules_of_records() {
    let store: Arc<dyn Records> = fresh();
    block_on(conformance::records(&[store], &Threads)).unwrap();
}

#[test]
fn keeps_the_rules_of_once() {
    let store: Arc<dyn Once> = fresh();
    block_on(conformance::once(&[store], &Threads)).unwrap();
}

#[test]
fn keeps_the_rules_of_attempts() {
    let store: Arc<dyn Attempts> = fresh();
    block_on(conformance::attempts(&[store], &Threads)).unwrap();
}

#[test]
fn keeps_the_rules_of_logs() {
    let store: Arc<dyn Log> = fresh();
    block_on(conformance::log(&[store], &Threads)).unwrap();
}

#[test]
fn keeps_the_rules_of_all() {
    let store: Arc<dyn Stores> = fresh();
    block_on(conformance::stores(&[store], &Threads)).unwrap();
}

#[test]
fn full_is_refused_and_forgets_nothing() {
    let store = MemoryStore::new(3);
    block_on(async {
        for id in 0..3 {
            let applied = store.apply(vec![insert(id)]).await.unwrap();
            assert!(matches!(applied, Applied::Done(_)));
        }
        let refused = store.apply(vec![insert(3)]).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable);
        let version = store.fetch(&key(0)).await.unwrap().unwrap().version;

        // A batch of which a part would fit is refused whole, and what it removed is back.
        let delete = Write::Delete {
            key: key(0),
            version,
        };
        let refused = store
            .apply(vec![delete.clone(), insert(3), insert(4)])
            .await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unavailable);
        assert_eq!(store.count(&key(0).collection, "").await.unwrap(), 3);
        assert_eq!(
            store.fetch(&key(0)).await.unwrap().unwrap().version,
            version
        );

        // The other stores draw on the same capacity.
        let now = Timestamp::from_millis(10);
        let claim = Claim {
            digest: [0; 32],
            lease_until: Timestamp::from_millis(20),
            keep_until: Timestamp::from_millis(20),
        };
        let window = Window::new(1, Duration::from_secs(1)).unwrap();
        let refused = [
            store.begin(&key(0), claim, now).await.unwrap_err(),
            store.attempt(&key(0), window, now).await.unwrap_err(),
            store.append(&key(0), 0, vec![vec![]]).await.unwrap_err(),
        ];
        assert!(refused.iter().all(|e| e.kind() == ErrorKind::Unavailable));

        // A swap of places needs no room, and what is removed makes some.
        let applied = store.apply(vec![delete, insert(3)]).await.unwrap();
        assert!(matches!(applied, Applied::Done(_)));
        assert_eq!(store.purge(&key(0).collection, now, 1).await.unwrap(), 1);
        let begun = store.begin(&key(0), claim, now).await.unwrap();
        assert!(matches!(begun, Begun::Lease(_)));
    });
}

/// Two that find no room of their own and share a row are told of it once, as they are counted.
#[test]
fn a_row_that_two_share_is_reserved_once() {
    let store = MemoryStore::new(1);
    let now = Timestamp::from_millis(10);
    let window = Window::new(3, Duration::from_secs(1)).unwrap();
    let shared = (key(0), window);
    let level = |id| Level {
        fine: (key(id), window),
        shared: shared.clone(),
    };
    block_on(async {
        let _judged = store.attempt(&shared.0, window, now).await.unwrap();
        let both = store.reserve_coarsely(&[level(1), level(2)], now).await;
        let Reserved::Admitted { ticket, used } = both.unwrap() else {
            panic!("three are admitted");
        };
        assert_eq!(ticket.keys(), [key(0)]);
        assert_eq!(used.iter().map(|used| used.count).collect::<Vec<_>>(), [2]);
        store.give_back(&ticket).await.unwrap();
        let left = store
            .used(std::slice::from_ref(&shared), now)
            .await
            .unwrap();
        assert_eq!(left.first().unwrap().count, 1);
        // Where there is room for one, the first has it, and the other shares.
        let store = MemoryStore::new(2);
        let _judged = store.attempt(&shared.0, window, now).await.unwrap();
        let both = store.reserve_coarsely(&[level(1), level(2)], now).await;
        let Reserved::Admitted { ticket, .. } = both.unwrap() else {
            panic!("three are admitted");
        };
        assert_eq!(ticket.keys(), [key(1), key(0)]);
    });
}

#[test]
fn what_does_not_fit_begins_nothing_and_takes_no_room() {
    let store = MemoryStore::new(3);
    block_on(async {
        let now = Timestamp::from_millis(10);
        let claim = Claim {
            digest: [0; 32],
            lease_until: Timestamp::from_millis(20),
            keep_until: Timestamp::from_millis(20),
        };
        let claims: Vec<_> = (0..4).map(|id| (key(id), claim)).collect();
        let refused = store.begin_many(&claims, now).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable);
        for id in 0..4 {
            assert!(!store.forget(&key(id)).await.unwrap(), "{id}");
        }
        // A log of which the entries are undone with the rest.
        for _ in 0..4 {
            let append = Step::Append {
                log: key(9),
                expected: 0,
                entries: vec![vec![]; 2],
            };
            let refused = Step::Write(Write::Require {
                key: key(0),
                version: Some(Version::new(1)),
            });
            let committed = store.commit(vec![append, refused]).await.unwrap();
            assert!(matches!(committed, Committed::Refused { index: 1, .. }));
        }
        let fits = store.apply((0..3).map(insert).collect()).await.unwrap();
        assert!(matches!(fits, Applied::Done(_)));
    });
}

fn claim() -> Claim {
    Claim {
        digest: [0; 32],
        lease_until: Timestamp::from_millis(20),
        keep_until: Timestamp::from_millis(30),
    }
}

fn begin(id: usize) -> Step {
    Step::Begin {
        key: key(id),
        claim: claim(),
        now: Timestamp::from_millis(10),
    }
}

#[test]
fn a_claim_takes_the_room_of_one_entry_until_it_is_gone() {
    let store = MemoryStore::new(2);
    let at = Timestamp::from_millis;
    block_on(async {
        for id in 0..2 {
            let begun = store.begin(&key(id), claim(), at(10)).await.unwrap();
            assert!(matches!(begun, Begun::Lease(_)));
        }
        let refused = store.begin(&key(2), claim(), at(10)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable);
        // One that is begun anew needs no more room.
        let again = Claim {
            lease_until: at(40),
            keep_until: at(40),
            ..claim()
        };
        let begun = store.begin(&key(0), again, at(25)).await.unwrap();
        assert!(matches!(begun, Begun::Lease(_)));
        assert!(store.begin(&key(2), claim(), at(10)).await.is_err());
        // One that is forgotten leaves its room, once.
        assert!(store.forget(&key(0)).await.unwrap());
        assert!(!store.forget(&key(0)).await.unwrap());
        let begun = store.begin(&key(2), claim(), at(10)).await.unwrap();
        assert!(matches!(begun, Begun::Lease(_)));
        assert!(store.begin(&key(0), claim(), at(10)).await.is_err());
    });
}

#[test]
fn a_refused_batch_leaves_a_claim_as_it_was_and_its_room_with_it() {
    let store = MemoryStore::new(2);
    block_on(async {
        let refused = || {
            Step::Write(Write::Require {
                key: key(9),
                version: Some(Version::new(1)),
            })
        };
        let now = Timestamp::from_millis(10);
        let Begun::Lease(token) = store.begin(&key(0), claim(), now).await.unwrap() else {
            panic!("no lease");
        };
        let finish = |result: &[u8]| Step::Finish {
            key: key(0),
            token,
            result: result.to_vec(),
            keep_until: Timestamp::from_millis(30),
        };
        for _ in 0..3 {
            let committed = store.commit(vec![begin(1), finish(b"a"), refused()]).await;
            let committed = committed.unwrap();
            assert!(matches!(committed, Committed::Refused { index: 2, .. }));
        }
        // Still in flight, and with room for one more exactly.
        let committed = store.commit(vec![begin(1), finish(b"b")]).await.unwrap();
        assert!(matches!(committed, Committed::Done(_)));
        let refused = store.begin(&key(2), claim(), now).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable);
    });
}

#[test]
fn a_batch_over_several_stores_fills_the_room_and_no_more() {
    block_on(async {
        for (entries, fits) in [(2, true), (3, false), (4, false)] {
            let store = MemoryStore::new(3);
            let append = Step::Append {
                log: key(9),
                expected: 0,
                entries: vec![vec![]; entries],
            };
            let committed = store.commit(vec![append, Step::Write(insert(0))]).await;
            match committed {
                Ok(Committed::Done(_)) => assert!(fits, "{entries}"),
                Ok(other) => panic!("{entries}: {other:?}"),
                Err(refused) => {
                    assert!(!fits, "{entries}");
                    assert_eq!(refused.kind(), ErrorKind::Unavailable);
                    // Nothing of it stayed.
                    assert!(store.fetch(&key(0)).await.unwrap().is_none());
                    let all = store.apply((0..3).map(insert).collect()).await;
                    assert!(matches!(all.unwrap(), Applied::Done(_)));
                }
            }
        }
    });
}

#[test]
fn a_range_of_words_holds_its_first_and_not_its_last() {
    let range = |from: &str, until: Option<&str>| Words::Range {
        from: from.to_owned(),
        until: until.map(str::to_owned),
    };
    let held = |words: &Words| -> Vec<&str> {
        let all = ["", "a", "b", "ba", "c", "d"];
        all.into_iter().filter(|word| words.hold(word)).collect()
    };
    assert_eq!(held(&Words::All), ["a", "b", "ba", "c", "d"]);
    assert_eq!(held(&Words::Is("b".to_owned())), ["b"]);
    assert_eq!(held(&range("b", Some("c"))), ["b", "ba"]);
    assert_eq!(held(&range("b", None)), ["b", "ba", "c", "d"]);
    assert_eq!(held(&range("", Some("b"))), ["a"]);
    assert!(held(&range("c", Some("b"))).is_empty());
}

#[test]
fn a_page_takes_what_fits_and_one_record_at_least() {
    let admitted = |mut budget: PageBudget, each: &[usize]| -> usize {
        each.iter()
            .take_while(|bytes| budget.admit(**bytes))
            .count()
    };
    assert_eq!(admitted(PageBudget::new(9, 10), &[4, 6, 0, 1]), 3);
    assert_eq!(admitted(PageBudget::new(9, 10), &[4, 7]), 1);
    assert_eq!(admitted(PageBudget::new(9, 10), &[11, 0, 1]), 2);
    assert_eq!(admitted(PageBudget::new(2, 10), &[1, 1, 1]), 2);
    assert_eq!(admitted(PageBudget::new(0, 10), &[1]), 0);
    let scan = Scan::of(Collection::named("test")).limit(3).bytes(5);
    assert_eq!(admitted(PageBudget::of(&scan), &[2, 2, 2]), 2);
    assert_eq!(admitted(PageBudget::of(&scan), &[0, 0, 0, 0]), 3);
}

#[test]
fn a_scan_is_walked_to_its_end_page_by_page() {
    let store = MemoryStore::new(10);
    block_on(async {
        let all: Vec<Write> = (0..5)
            .map(|id| Write::Insert {
                key: key(id),
                content: Content {
                    sealed: "kw1.\u{e4}".to_owned(),
                    ..Content::default()
                },
            })
            .collect();
        let applied = store.apply(all).await.unwrap();
        assert!(matches!(applied, Applied::Done(_)));
        let scan = Scan::of(key(0).collection).limit(2);
        let mut pages = scan.clone().pages(&store);
        let mut seen = Vec::new();
        while let Some(page) = pages.next().await.unwrap() {
            seen.push(page.iter().map(|r| r.key.id.clone()).collect::<Vec<_>>());
        }
        assert_eq!(seen, [vec!["0", "1"], vec!["2", "3"], vec!["4"]]);

        let mut pages = scan.pages(&store);
        let mut seen = Vec::new();
        while let Some(page) = pages.next_outlines(5).await.unwrap() {
            for outline in page {
                // The character that would be cut in two is left out.
                assert_eq!((outline.front.as_str(), outline.sealed_len), ("kw1.", 6));
                seen.push(outline.key.id);
            }
        }
        assert_eq!(seen, ["0", "1", "2", "3", "4"]);
        assert!(pages.next_outlines(5).await.unwrap().is_none());
    });
    assert_eq!(Outline::front_of("kw1.\u{e4}b", 5), "kw1.");
    assert_eq!(Outline::front_of("kw1.\u{e4}b", 6), "kw1.\u{e4}");
    assert_eq!(Outline::front_of("kw1", 16), "kw1");
    assert_eq!(Outline::front_of("kw1", 0), "");
}

#[test]
fn values_are_what_they_were_made_of() {
    let window = Window::new(7, Duration::from_secs(9)).unwrap();
    assert_eq!((window.most(), window.span()), (7, Duration::from_secs(9)));
    assert_eq!(Version::new(7).number(), 7);
    assert_eq!(FencingToken::new(7).number(), 7);
    let store = StoreId::new("orders").unwrap();
    assert_eq!(
        (store.as_str(), store.to_string().as_str()),
        ("orders", "orders")
    );
    assert_eq!(format!("{store:?}"), "StoreId(orders)");
}

/// What a log of a service shows: lengths, and never the bytes.
#[test]
fn debug_tells_lengths() {
    let content = Content {
        sealed: "kw1.sealed".to_owned(),
        data: b"plain".to_vec(),
        word: "word".to_owned(),
        ..Content::default()
    };
    let shown = format!("{content:?}");
    for part in ["sealed: 10 bytes", "data: 5 bytes", "word: 4 bytes"] {
        assert!(shown.contains(part), "{shown}");
    }
    let outline = Outline {
        key: key(0),
        version: Version::new(1),
        front: "kw1.sea".to_owned(),
        sealed_len: 10,
        data: b"plain".to_vec(),
        expires: None,
    };
    let shown = format!("{outline:?}");
    for part in ["front: 7 bytes", "sealed_len: 10", "data: 5 bytes"] {
        assert!(shown.contains(part), "{shown}");
    }
    let entry = Entry {
        seq: 3,
        bytes: Some(b"plain".to_vec()),
    };
    assert_eq!(format!("{entry:?}"), "Entry { seq: 3, bytes: Some(5) }");
    let store = MemoryStore::new(9);
    let applied = block_on(store.apply(vec![insert(0)])).unwrap();
    assert!(matches!(applied, Applied::Done(_)));
    let shown = format!("{store:?}");
    assert_eq!(shown, "MemoryStore { capacity: 9, entries: 1 }");
}

#[test]
fn the_limits_are_the_ones_of_the_page() {
    assert_eq!(StoreLimits::DATA, 1_048_576);
    assert_eq!(StoreLimits::SCAN_BYTES, 4_194_304);
    assert_eq!(StoreLimits::SEALED, 2_097_152);
}
