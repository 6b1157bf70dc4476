//! What every anchor of claims does, whatever it is made of: seen through two handles of one.

use std::collections::BTreeSet;
use std::sync::Arc;

use keyward_approval::GateId;
use keyward_approval::claims::{Advanced, ClaimAnchor, ClaimName, FileClaims, Seen, Shard};
use keyward_approval::danger::MemoryClaims;

use crate::{at, gate, id, open, pin, pinned};

type Handles = [Arc<dyn ClaimAnchor>; 2];

/// A fresh anchor for each part.
async fn conforms(fresh: impl Fn() -> Handles) {
    never_back(&fresh()).await;
    apart(&fresh()).await;
    forgets(&fresh()).await;
    costs_little(&fresh()).await;
    one_of_many(&fresh()).await;
    counts(&fresh()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_memory() {
    conforms(|| {
        let one: Arc<dyn ClaimAnchor> = Arc::new(MemoryClaims::default());
        [Arc::clone(&one), one]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let nth = std::sync::atomic::AtomicUsize::new(0);
    conforms(|| {
        let nth = nth.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let at = folder.path().join(format!("deep/{nth}"));
        [open(&at), open(&at)]
    })
    .await;
}

async fn never_back(handles: &Handles) {
    let [one, other] = handles;
    let name = gate(1, 100);
    assert_eq!(other.load(name).await.unwrap(), Seen::Nothing);
    let say = async |counter, of| one.advance(name, pin(counter, of)).await.unwrap();
    assert_eq!(say(3, 3).await, Advanced::Pinned);
    assert_eq!(other.load(name).await.unwrap(), Seen::Pinned(pin(3, 3)));
    assert_eq!(say(9, 9).await, Advanced::Pinned);
    // The answer was lost.
    assert_eq!(say(9, 9).await, Advanced::Pinned);
    // Another of the same counter, an older one, and the one before.
    for (counter, of) in [(9, 1), (8, 8), (3, 3), (0, 9)] {
        assert_eq!(say(counter, of).await, Advanced::Held(pin(9, 9)));
    }
    assert_eq!(say(u64::MAX, 7).await, Advanced::Pinned);
    assert_eq!(
        other.load(name).await.unwrap(),
        Seen::Pinned(pin(u64::MAX, 7))
    );
    // Begun once more, nothing is lost.
    assert_eq!(
        one.load(name).await.unwrap(),
        Seen::Pinned(pin(u64::MAX, 7))
    );
}

/// Names that differ in one part do not touch each other.
async fn apart(handles: &Handles) {
    let [one, other] = handles;
    let names = [
        gate(1, 100),
        gate(1, 101),
        ClaimName::class(id(1), at(100)),
        gate(2, 100),
    ];
    for (nth, name) in (1..).zip(names) {
        pinned(&**one, name, pin(nth, 5)).await;
    }
    for (nth, name) in (1..).zip(names) {
        assert_eq!(other.load(name).await.unwrap(), Seen::Pinned(pin(nth, 5)));
    }
}

/// Two gates of one file.
fn together() -> [GateId; 2] {
    let (mut one, mut two) = ([7; 16], [7; 16]);
    (one[15], two[15]) = (1, 2);
    [one, two].map(GateId::from_bytes)
}

async fn forgets(handles: &Handles) {
    let [one, other] = handles;
    let [a, b] = together();
    let (ended, goes_on) = (ClaimName::gate(a, at(100)), ClaimName::gate(b, at(101)));
    pinned(&**one, ended, pin(1, 1)).await;
    pinned(&**one, goes_on, pin(1, 1)).await;
    // To the millisecond.
    assert_eq!(other.prune(at(99)).await.unwrap(), 0);
    assert_eq!(one.load(ended).await.unwrap(), Seen::Pinned(pin(1, 1)));
    assert_eq!(other.prune(at(100)).await.unwrap(), 1);
    assert_eq!(one.prune(at(100)).await.unwrap(), 0);
    assert_eq!(one.load(goes_on).await.unwrap(), Seen::Pinned(pin(1, 1)));
    // What was claimed cannot be claimed again, with whatever counter, nor what ended as early.
    let early = ClaimName::gate(b, at(40));
    for name in [ended, early, ClaimName::class(a, at(100))] {
        assert_eq!(one.load(name).await.unwrap(), Seen::Forgotten);
        for counter in [1, u64::MAX] {
            let said = other.advance(name, pin(counter, 9)).await.unwrap();
            assert_eq!(said, Advanced::Forgotten);
        }
    }
    // Never backwards.
    assert_eq!(one.prune(at(50)).await.unwrap(), 0);
    assert_eq!(one.load(ended).await.unwrap(), Seen::Forgotten);
    // A clock that is far ahead forgets no more than there is.
    assert_eq!(one.prune(at(u64::MAX)).await.unwrap(), 1);
    let later = ClaimName::gate(a, at(102));
    assert_eq!(one.load(later).await.unwrap(), Seen::Nothing);
    pinned(&**one, later, pin(1, 1)).await;
    let last = ClaimName::gate(a, at(101));
    assert_eq!(one.load(last).await.unwrap(), Seen::Forgotten);
}

/// What ended goes once it is half of what there is: all of it then.
async fn costs_little(handles: &Handles) {
    let [one, other] = handles;
    let [a, b] = together();
    for until in [10, 20, 30, 40, 50] {
        pinned(&**one, ClaimName::gate(a, at(until)), pin(until, 1)).await;
    }
    assert_eq!(other.prune(at(20)).await.unwrap(), 0);
    let second = ClaimName::gate(a, at(20));
    assert_eq!(one.load(second).await.unwrap(), Seen::Pinned(pin(20, 1)));
    assert_eq!(other.prune(at(35)).await.unwrap(), 3);
    assert_eq!(
        one.load(ClaimName::gate(b, at(30))).await.unwrap(),
        Seen::Forgotten
    );
    assert_eq!(
        one.load(ClaimName::gate(b, at(31))).await.unwrap(),
        Seen::Nothing
    );
}

async fn one_of_many(handles: &Handles) {
    for round in 0..8 {
        let mut tasks = tokio::task::JoinSet::new();
        for nth in 0..16 {
            let anchor = Arc::clone(&handles[usize::from(nth % 2)]);
            let name = gate(round, 100);
            tasks.spawn(async move { (nth, anchor.advance(name, pin(1, nth)).await.unwrap()) });
        }
        let all = tasks.join_all().await;
        let mut won = all.iter().filter(|(_, said)| *said == Advanced::Pinned);
        let (winner, _) = *won.next().expect("one is pinned");
        assert!(won.next().is_none(), "{all:?}");
        let held = pin(1, winner);
        let lost = all.iter().filter(|(nth, _)| *nth != winner);
        assert!(
            lost.into_iter()
                .all(|(_, said)| *said == Advanced::Held(held))
        );
        let seen = handles[1].load(gate(round, 100)).await.unwrap();
        assert_eq!(seen, Seen::Pinned(held));
    }
}

/// Many count the uses of one class, others claim gates, and one forgets.
async fn counts(handles: &Handles) {
    let class = ClaimName::class(id(7), at(100));
    let mut tasks = tokio::task::JoinSet::new();
    for nth in 0..16_u8 {
        let anchor = Arc::clone(&handles[usize::from(nth % 2)]);
        tasks.spawn(async move {
            let mut counted = Vec::new();
            for turn in 0..4 {
                let own = gate(1_000 + u64::from(nth) * 100 + turn, 90);
                pinned(&*anchor, own, pin(1, nth)).await;
                loop {
                    let used = match anchor.load(class).await.unwrap() {
                        Seen::Pinned(pin) => pin.counter,
                        Seen::Nothing => 0,
                        Seen::Forgotten => panic!("it goes on"),
                    };
                    let next = pin(used + 1, nth);
                    if anchor.advance(class, next).await.unwrap() == Advanced::Pinned {
                        counted.push(used + 1);
                        break;
                    }
                }
                assert_eq!(anchor.prune(at(80)).await.unwrap(), 0);
            }
            counted
        });
    }
    let counted: Vec<u64> = tasks.join_all().await.concat();
    let each: BTreeSet<u64> = counted.iter().copied().collect();
    assert_eq!((counted.len(), each.len()), (64, 64));
    assert_eq!(each.last(), Some(&64));
    let mut kept = 0;
    for nth in 0..16_u64 {
        for turn in 0..4 {
            let own = gate(1_000 + nth * 100 + turn, 90);
            let seen = handles[1].load(own).await.unwrap();
            kept += usize::from(matches!(seen, Seen::Pinned(_)));
        }
    }
    assert_eq!(kept, 64);
}

/// A file of claims takes 4,096; then it says so, and has room again once half of them ended.
#[tokio::test]
async fn a_file_that_is_full_says_so() {
    let full = async |anchor: &dyn ClaimAnchor, folder: Option<&std::path::Path>| {
        let nth = |nth: u64| {
            let mut bytes = [0; 16];
            bytes[8..].copy_from_slice(&nth.to_be_bytes());
            ClaimName::gate(GateId::from_bytes(bytes), at(100 + nth % 2))
        };
        if let Some(folder) = folder {
            let mut shard = Shard::new(0);
            for one in 1..4096 {
                assert_eq!(shard.advance(nth(one), pin(1, 1)), Advanced::Pinned);
            }
            std::fs::write(folder.join("000"), shard.render()).unwrap();
        } else {
            for one in 1..4096 {
                pinned(anchor, nth(one), pin(1, 1)).await;
            }
        }
        pinned(anchor, nth(4096), pin(1, 1)).await;
        let said = anchor.advance(nth(4097), pin(1, 1)).await.unwrap();
        assert_eq!(said, Advanced::Full);
        // What is there goes on.
        pinned(anchor, nth(4096), pin(2, 1)).await;
        assert_eq!(anchor.load(nth(4097)).await.unwrap(), Seen::Nothing);
        assert_eq!(anchor.prune(at(100)).await.unwrap(), 2048);
        pinned(anchor, nth(4097), pin(1, 1)).await;
    };
    full(&MemoryClaims::default(), None).await;
    let folder = tempfile::tempdir().unwrap();
    let file = FileClaims::open(folder.path().to_owned()).unwrap();
    full(&file, Some(folder.path())).await;
}
