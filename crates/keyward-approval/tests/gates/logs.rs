//! What the log that says which record is the newest has beside it, and lost.

use std::sync::Arc;

use keyward_approval::executor::OnceBy;
use keyward_approval::gate::State;
use keyward_approval::gate::export::check;
use keyward_approval::{Ballot, GateId};
use keyward_audit::audit::Rule;
use keyward_audit::leaf::{Class, LEN};
use keyward_audit::{Audit, Given, Kind, Kinds, Of, OwnEvent, Type};
use keyward_base::audit::Outcome;
use keyward_base::encoding::hex;
use keyward_base::{ErrorKind, Result};
use keyward_crypto::Provider;
use keyward_store::{Applied, Collection, Content, MemoryStore, Record, RecordKey, Stores, Write};

use crate::world::{World, tenant};

fn key(collection: &'static str, id: String) -> RecordKey {
    RecordKey {
        collection: Collection::named(collection),
        owner: tenant().as_str().to_owned(),
        id,
    }
}

/// What a service writes of its own, of a tenant.
async fn sell(world: &World) {
    let kind = Kind::new("shop.sale").must("n", Type::Number);
    let kinds = Kinds::new("shop").unwrap().with(kind).unwrap();
    let sale = kinds.event("shop.sale", Outcome::Done, &[("n", Given::Number(1))]);
    let sale = sale.unwrap().of(tenant());
    world.audit.require_own(sale).await.unwrap();
}

async fn approved(world: &World) -> GateId {
    let id = world.ask("server.delete").await;
    world.vote(id, "bob", Ballot::approve()).await.unwrap();
    id
}

fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

async fn record(world: &World, id: GateId) -> Record {
    let place = key("approval", id.to_string());
    world.store.fetch(&place).await.unwrap().unwrap()
}

async fn put_back(world: &World, id: GateId, content: Content) {
    let now = record(world, id).await;
    let write = Write::put(now.key, Some(now.version), content);
    let applied = world.store.apply(vec![write]).await.unwrap();
    assert!(matches!(applied, Applied::Done(_)));
}

async fn erase(world: &World, rule: Rule) {
    let erased = world.audit.erase(&Of::Tenant(tenant()), &rule).await;
    assert!(erased.unwrap().is_some());
}

#[tokio::test]
async fn what_a_rule_took_of_other_entries_stops_no_gate() {
    let world = World::new().await;
    let (executor, target) = world.executor(OnceBy::Nothing);
    sell(&world).await;
    let ids = [approved(&world).await, approved(&world).await];
    sell(&world).await;
    let std = Rule {
        class: Some(Class::new("std").unwrap()),
        ..Rule::all()
    };
    erase(&world, std).await;
    // By one who has read it, and by one who begins.
    let again = world.again_on(world.store.clone()).await;
    for world in [&world, &again] {
        drop(world.gates.approved(&tenant(), ids[0]).await.unwrap());
    }
    let token = world.gates.approved(&tenant(), ids[0]).await.unwrap();
    assert_eq!(executor.run(token).await.unwrap(), State::Executed);
    let export = again.gates.export(&tenant(), ids[0], Vec::new()).await;
    let key = world.audit.key(&Of::Tenant(tenant())).await;
    let key = key.unwrap().unwrap();
    let exported = check(&Provider::default(), &[key], export.unwrap().as_slice()).unwrap();
    assert_eq!(exported.state, State::Executed);
    // Nobody knows any more what was said of the other.
    erase(&world, Rule::all()).await;
    let again = world.again_on(world.store.clone()).await;
    let unknown = again.gates.approved(&tenant(), ids[1]).await;
    assert_eq!(kind(unknown), ErrorKind::Unavailable);
    let unproved = again.gates.export(&tenant(), ids[1], Vec::new()).await;
    assert_eq!(kind(unproved), ErrorKind::Unavailable);
    let id = approved(&world).await;
    let token = again.gates.approved(&tenant(), id).await.unwrap();
    assert_eq!(executor.run(token).await.unwrap(), State::Executed);
    assert_eq!(target.done().len(), 2);
}

#[tokio::test]
async fn a_denial_whose_entry_was_taken_out_lets_nothing_run() {
    let world = World::new().await;
    let id = approved(&world).await;
    let before = record(&world, id).await.content;
    let of = Of::Tenant(tenant());
    let entry = world.audit.head(&of).await.unwrap().unwrap().size();
    world.vote(id, "eve", Ballot::deny("no")).await.unwrap();
    put_back(&world, id, before).await;
    // By whoever writes to the database.
    let log = key("audit", "log".to_owned());
    let gone = world.store.erase_entries(&log, entry, entry + 1, LEN).await;
    assert_eq!(gone.unwrap(), 1);
    sell(&world).await;
    let again = world.again_on(world.store.clone()).await;
    let unknown = again.gates.approved(&tenant(), id).await;
    assert_eq!(kind(unknown), ErrorKind::Unavailable);
}

/// As if so many gates had been asked for.
async fn others(world: &World, from: u32, until: u32) {
    let kinds = Kinds::approvals().unwrap();
    let staged = |nth: u32| -> OwnEvent {
        let mut id = [7; 16];
        id[..4].copy_from_slice(&nth.to_be_bytes());
        let ticket = hex(&id);
        let given = [
            ("ticket", Given::Id(&ticket)),
            ("action", Given::Id("server.stop")),
            ("shown", Given::Digest(&[7; 32])),
            ("needs-approval", Given::Flag(true)),
            ("entry", Given::Number(0)),
        ];
        kinds.event(Kinds::PROPOSE, Outcome::Done, &given).unwrap()
    };
    let all: Vec<_> = (from..until).map(staged).collect();
    for some in all.chunks(4096) {
        let (of, nothing) = (tenant(), |_| Ok(Vec::new()));
        let first = world.audit.append_beside(&of, some.to_vec(), nothing);
        assert!(first.await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_gate_older_than_all_that_are_in_mind_is_judged_as_any() {
    let world = World::new().await;
    let (executor, target) = world.executor(OnceBy::Nothing);
    let (id, denied) = (approved(&world).await, approved(&world).await);
    let before = record(&world, denied).await.content;
    world.vote(denied, "eve", Ballot::deny("no")).await.unwrap();
    put_back(&world, denied, before).await;
    for (from, until) in [(0, 32_767), (32_767, 32_772), (32_772, 32_773)] {
        others(&world, from, until).await;
        let newest = approved(&world).await;
        for id in [id, newest, id] {
            drop(world.gates.approved(&tenant(), id).await.unwrap());
        }
        let old = world.gates.approved(&tenant(), denied).await;
        assert_eq!(kind(old), ErrorKind::Corrupt);
    }
    let token = world.gates.approved(&tenant(), id).await.unwrap();
    assert_eq!(executor.run(token).await.unwrap(), State::Executed);
    assert_eq!(target.done().len(), 1);
}

#[tokio::test]
async fn a_log_that_counts_a_gate_otherwise_than_its_record_lets_nothing_run() {
    for (numbers, is_whole) in [
        ([0, 1, 2], true),
        ([0, 1, 3], false),
        ([0, 2, 1], false),
        ([0, 1, 1], false),
    ] {
        let world = World::new().await;
        let id = approved(&world).await;
        // The same record beside another log, under the same keys.
        let store: Arc<dyn Stores> = Arc::new(MemoryStore::new(10_000));
        let audit = Audit::builder(world.keyring.clone(), Arc::clone(&store));
        drop(audit.install().await.unwrap());
        let other = world.again_on(store).await;
        let ticket = id.to_string();
        let kinds = Kinds::approvals().unwrap();
        for nth in numbers {
            let given = [
                ("ticket", Given::Id(&ticket)),
                ("action", Given::Id("server.delete")),
                ("shown", Given::Digest(&[7; 32])),
                ("needs-approval", Given::Flag(true)),
                ("entry", Given::Number(nth)),
            ];
            let event = kinds.event(Kinds::PROPOSE, Outcome::Done, &given).unwrap();
            let (of, nothing) = (tenant(), |_| Ok(Vec::new()));
            let said = other.audit.append_beside(&of, vec![event], nothing);
            assert!(said.await.unwrap().is_some());
        }
        let pieces = [
            key("approval", ticket.clone()),
            key("approval-action", format!("{ticket}/0")),
        ];
        for place in pieces {
            let content = world.store.fetch(&place).await.unwrap().unwrap().content;
            let write = Write::Insert {
                key: place,
                content,
            };
            let applied = other.store.apply(vec![write]).await.unwrap();
            assert!(matches!(applied, Applied::Done(_)));
        }
        let read = other.gates.approved(&tenant(), id).await;
        match is_whole {
            true => drop(read.unwrap()),
            false => assert_eq!(kind(read), ErrorKind::Corrupt, "{numbers:?}"),
        }
    }
}
