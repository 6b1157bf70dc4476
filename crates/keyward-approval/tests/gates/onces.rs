//! What was asked under an idempotency key, as `docs/formats/gate.md` has it.

use std::sync::{Arc, Mutex};

use keyward_approval::gate::{GateId, ONCE_KEY, Once, PLACES_MOST, PURPOSE};
use keyward_approval::{Asking, Requester};
use keyward_base::encoding::hex;
use keyward_base::{Domain, ErrorKind, KeyId, Purpose, Result, Tenant};
use keyward_crypto::Provider;
use keyward_store::{Applied, Collection, Content, MemoryStore, RecordKey, Write};
use keyward_testkit::{bit_flips, truncations};

use crate::switching::{Seeded, Switching, Task, drive};
use crate::world::{MINUTE, World, subject, tenant, why};

const SAID: Domain<(&Tenant, &str, &[u8])> = Domain::new("keyward/v1/approval-once-bytes");
const ROW: Domain<(&Tenant, &str, GateId, &[u8])> = Domain::new("keyward/v1/approval-once");

fn requester() -> Requester {
    Requester::agent_of(subject("ada"), subject("agent-7"))
}

async fn ask(world: &World, key: &str, bytes: &[u8]) -> Result<GateId> {
    let asking = Asking::new(world.asked("server.delete", "web-1"));
    let once = Once::new(key, bytes, 4).unwrap();
    world.gates.ask_once(asking, &once).await
}

/// Its id, put together by hand: each piece behind its length, in one byte.
pub(crate) fn place(key: &str) -> RecordKey {
    let pieces = [
        "keyward/v1/approval-once-name",
        "acme",
        "agent-7",
        "ada",
        key,
    ];
    let mut encoded = Vec::new();
    for piece in pieces {
        encoded.push(u8::try_from(piece.len()).unwrap());
        encoded.extend_from_slice(piece.as_bytes());
    }
    RecordKey {
        collection: Collection::named("approval-once"),
        owner: tenant().as_str().to_owned(),
        id: hex(&Provider::default().sha256(&[&encoded])),
    }
}

async fn read(world: &World, place: &RecordKey) -> Content {
    world.store.fetch(place).await.unwrap().unwrap().content
}

async fn put(world: &World, place: &RecordKey, content: Content) {
    let found = world.store.fetch(place).await.unwrap();
    let write = Write::put(place.clone(), found.map(|found| found.version), content);
    let applied = world.store.apply(vec![write]).await.unwrap();
    assert!(matches!(applied, Applied::Done(_)));
}

#[tokio::test]
async fn what_was_asked_once_lies_where_and_as_the_page_says() {
    let world = World::new().await;
    let gate = ask(&world, "k-1", b"the bytes").await.unwrap();
    assert_eq!(ask(&world, "k-1", b"the bytes").await.unwrap(), gate);
    assert_eq!(why(ask(&world, "k-1", b"the bytes.").await), "conflict");
    let place = place("k-1");
    let data = read(&world, &place).await.data;
    assert_eq!(data.len(), 89);
    assert_eq!(data[0], 1);
    assert_eq!(data[9..25], gate.to_bytes());
    let key = KeyId::from_bytes(data[1..9].try_into().unwrap());
    let purpose = Purpose::new(PURPOSE).unwrap();
    let key = world.keyring.find_mac(&purpose, key).await.unwrap();
    let (said, row) = (&data[25..57], &data[57..]);
    let fields = (&tenant(), place.id.as_str(), &b"the bytes"[..]);
    key.verify(SAID, &fields, said.try_into().unwrap()).unwrap();
    let fields = (&tenant(), place.id.as_str(), gate, said);
    key.verify(ROW, &fields, row.try_into().unwrap()).unwrap();
}

#[tokio::test]
async fn what_was_asked_once_and_was_edited_is_found() {
    let world = World::new().await;
    let gate = ask(&world, "k-1", b"the bytes").await.unwrap();
    let other = ask(&world, "k-2", b"the bytes").await.unwrap();
    assert_ne!(gate, other);
    let (place, beside) = (place("k-1"), place("k-2"));
    let (genuine, moved) = (read(&world, &place).await, read(&world, &beside).await);
    let flipped = bit_flips(&genuine.data);
    let cut = truncations(&genuine.data).map(<[u8]>::to_vec);
    let longer = [&genuine.data[..], &[0]].concat();
    let all = flipped.chain(cut).chain([longer, moved.data]);
    for data in all.collect::<Vec<_>>() {
        let content = Content {
            data,
            ..genuine.clone()
        };
        put(&world, &place, content).await;
        let once = Once::new("k-1", b"the bytes", 4).unwrap();
        let found = world.gates.asked_once(&tenant(), &requester(), &once).await;
        assert_eq!(found.unwrap_err().kind(), ErrorKind::Corrupt);
    }
    put(&world, &place, genuine).await;
    assert_eq!(ask(&world, "k-1", b"the bytes").await.unwrap(), gate);
}

#[tokio::test]
async fn the_key_of_another_asker_is_another_key_and_so_many_wait() {
    let world = World::new().await;
    let gate = ask(&world, "k-1", b"1").await.unwrap();
    let once = Once::new("k-1", b"1", 4).unwrap();
    let globex = Tenant::new("globex").unwrap();
    for (tenant, who) in [
        (
            tenant(),
            Requester::agent_of(subject("bob"), subject("agent-7")),
        ),
        (
            tenant(),
            Requester::agent_of(subject("ada"), subject("agent-8")),
        ),
        (globex, requester()),
    ] {
        let found = world.gates.asked_once(&tenant, &who, &once).await;
        assert_eq!(found.unwrap(), None);
    }
    for key in ["k-2", "k-3", "k-4"] {
        ask(&world, key, b"1").await.unwrap();
    }
    assert_eq!(why(ask(&world, "k-5", b"1").await), "too-many-wait");
    // What is edited has the place of what it was.
    let edited = Asking::new(world.asked("server.delete", "web-2"));
    let edited = world.gates.edit(gate, world.shown("ada"), edited).await;
    let gate = edited.unwrap().gate();
    assert_eq!(why(ask(&world, "k-5", b"1").await), "too-many-wait");
    // One that waits no more makes room for one.
    world.withdraw(gate, "ada").await.unwrap();
    ask(&world, "k-5", b"1").await.unwrap();
    assert_eq!(why(ask(&world, "k-6", b"1").await), "too-many-wait");
    let long = "k".repeat(ONCE_KEY + 1);
    for (key, waiting) in [
        ("", 1),
        (long.as_str(), 1),
        ("k", 0),
        ("k", PLACES_MOST + 1),
    ] {
        let error = Once::new(key, b"1", waiting).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse);
    }
}

/// How many wait is asked of their records, not of what each asks for, which may be large.
#[tokio::test]
async fn who_finds_no_place_reads_no_action() {
    let world = World::new().await;
    for key in ["k-1", "k-2", "k-3", "k-4"] {
        let gate = ask(&world, key, b"1").await.unwrap();
        let piece = RecordKey {
            collection: Collection::named("approval-action"),
            owner: tenant().as_str().to_owned(),
            id: format!("{gate}/0"),
        };
        let version = world.store.fetch(&piece).await.unwrap().unwrap().version;
        let gone = vec![Write::Delete {
            key: piece,
            version,
        }];
        let applied = world.store.apply(gone).await.unwrap();
        assert!(matches!(applied, Applied::Done(_)));
    }
    assert_eq!(why(ask(&world, "k-5", b"1").await), "too-many-wait");
    // What nobody decided in time waits no more.
    world.pass(MINUTE * 60).await;
    ask(&world, "k-5", b"1").await.unwrap();
}

#[tokio::test]
async fn what_was_asked_once_and_its_place_go_with_their_gate() {
    let world = World::new().await;
    let gate = ask(&world, "k-1", b"1").await.unwrap();
    let left = async || {
        let mut left = Vec::new();
        for collection in ["approval-once", "approval-place"] {
            let collection = Collection::named(collection);
            left.push(world.store.count(&collection, "").await.unwrap());
        }
        left
    };
    world.gates.purge(1_000).await.unwrap();
    assert_eq!(left().await, [1, 1]);
    world.withdraw(gate, "ada").await.unwrap();
    world.pass(MINUTE * 60 * 24 * 402).await;
    world.gates.purge(1_000).await.unwrap();
    assert_eq!(left().await, [0, 0]);
}

/// The last place is taken by one of several that are the same ask.
#[test]
fn the_same_ask_at_once_is_one_gate_though_it_fills_the_last_place() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.build().unwrap();
    for seed in 0..64 {
        let store = Switching::surely_over(Arc::new(MemoryStore::new(100_000)));
        let world = Arc::new(runtime.block_on(World::on(store.clone())));
        let seeded = Seeded::new(seed);
        store.seed(Some(Arc::clone(&seeded)));
        let told = Arc::new(Mutex::new(Vec::new()));
        let asks = (0..4).map(|_| -> (bool, Task) {
            let (world, told) = (Arc::clone(&world), Arc::clone(&told));
            let task = Box::pin(async move {
                let asking = Asking::new(world.asked("server.delete", "web-1"));
                let once = Once::new("k-1", b"1", 1).unwrap();
                let gate = world.gates.ask_once(asking, &once).await;
                told.lock().unwrap().push(gate);
            });
            (false, task)
        });
        drive(&seeded, asks.collect(), 1);
        store.seed(None);
        let told = std::mem::take(&mut *told.lock().unwrap());
        let gates: Vec<_> = told.into_iter().map(Result::unwrap).collect();
        assert!(gates.iter().all(|one| *one == gates[0]), "{seed}");
        assert_eq!(gates.len(), 4);
        // Another finds no place.
        let asking = Asking::new(world.asked("server.delete", "web-1"));
        let once = Once::new("k-2", b"1", 1).unwrap();
        let other = runtime.block_on(world.gates.ask_once(asking, &once));
        assert_eq!(why(other), "too-many-wait");
    }
}
