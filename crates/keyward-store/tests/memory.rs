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
    Applied, Attempts, Begun, Claim, Collection, Committed, Content, Log, MemoryStore, Once,
    RecordKey, Records, Step, Stores, Version, Window, Write,
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
