//! The trail tells of every act that happened: sinks that fail, futures that are dropped at each
//! point where they wait, stores that do not answer.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::panic,
    missing_docs
)] // Tests: a panic is the report.

mod support;

use std::sync::Arc;
use std::time::Duration;

use keyward_base::audit::Outcome;
use keyward_base::{
    Actor, CredentialKind, ErrorKind, Event, Place, Reason, RequestId, Result, Revision, Role,
    SecretBytes, Subject,
};
use keyward_sqlite::SqliteStore;
use keyward_store::conformance::block_on;
use keyward_store::{Applied, Collection, Content, RecordKey, Records, StoreId, Write};
use keyward_testkit::{Answer, Interrupt, RecordingAudit, Staged, SteppingSink, at_most};
use keyward_vault::{Cell, Expect, Kind, Listed, Opened, Rewrap, Sealed, Slot, Vault};
use support::{World, memory};

const TOKEN: &str = "ghp_x8Zq31LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo";

fn slot() -> Slot {
    Slot::new("acme", "account.token", "42").unwrap()
}

fn row_key() -> RecordKey {
    RecordKey {
        collection: Collection::named("vault"),
        owner: "acme".to_owned(),
        id: "account.token/42".to_owned(),
    }
}

async fn put(vault: &Vault) -> Result<Listed> {
    let token = SecretBytes::copy_of(TOKEN.as_bytes());
    let token = vault.credential(Kind::ApiKey, token)?;
    vault.put(&slot(), &token, &Role::none(), Expect::Any).await
}

async fn open(vault: &Vault) -> Result<Opened> {
    vault.open(&slot(), &Role::none()).await
}

/// A vault on `store`, whose events go to `audit` through points at which a future waits.
async fn on(world: &World, store: Arc<dyn Records>, audit: &RecordingAudit) -> Vault {
    Vault::builder(world.vault.keyring().clone(), store)
        .audit(Arc::new(SteppingSink(Arc::new(audit.clone()))))
        .build()
        .await
        .unwrap()
}

fn outcomes(events: &[Event], action: &str) -> Vec<Outcome> {
    let of = events.iter().filter(|event| event.action == action);
    of.map(|event| event.outcome).collect()
}

#[tokio::test]
async fn a_write_tells_its_intent_then_its_outcome_and_who_acts() {
    let world = World::in_memory().await;
    let subject = |text: &str| Subject::new(text).unwrap();
    let actor = Actor::new(subject("u-17"))
        .staff()
        .on_behalf_of(subject("u-4"))
        .in_request(RequestId::new("req-8").unwrap());
    let vault = world.vault.acting_as(actor.clone());
    let first = put(&vault).await.unwrap();
    let _opened = open(&vault).await.unwrap();
    vault
        .delete(&slot(), Expect::Revision(first.revision))
        .await
        .unwrap();
    let events = world.audit.take();
    let told: Vec<_> = events.iter().map(|e| (e.action, e.outcome)).collect();
    assert_eq!(
        told,
        [
            ("vault.put", Outcome::Intended),
            ("vault.put", Outcome::Done),
            ("vault.open", Outcome::Granted),
            ("vault.delete", Outcome::Intended),
            ("vault.delete", Outcome::Done),
        ]
    );
    for event in &events {
        assert_eq!(event.actor.as_ref(), Some(&actor));
        let object = (&event.tenant, &event.place, &event.record);
        let (tenant, place, record) = (slot().tenant, slot().place, slot().record);
        assert_eq!(object, (&Some(tenant), &Some(place), &Some(record)));
        assert!(!format!("{event:?}").contains(&TOKEN[4..12]));
    }
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    assert!(ids[0].is_some() && ids[0] == ids[1] && ids[2].is_none());
    assert!(ids[3] == ids[4] && ids[3] != ids[0]);
    let key = Some(first.key);
    let keys: Vec<_> = events.iter().map(|event| event.key).collect();
    assert_eq!(keys, [key, key, key, None, None]);
    assert_eq!(events[0].found, None);
    assert_eq!(events[3].found, Some(first.revision.number()));

    // Without an actor, the service itself acts; a refusal is told too.
    assert!(open(&world.vault).await.is_err());
    let refused = world.audit.last().unwrap();
    assert_eq!(refused.actor, None);
    let not_found = Outcome::Failed(ErrorKind::Rejected, Some(Reason::NOT_FOUND));
    assert_eq!(refused.outcome, not_found);
}

#[tokio::test]
async fn without_an_intent_nothing_happens() {
    let data = memory();
    let world = World::on(memory(), Arc::clone(&data)).await;
    world
        .audit
        .refuse(|event| event.outcome == Outcome::Intended);
    let error = put(&world.vault).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(data.fetch(&row_key()).await.unwrap().is_none());

    world.audit.refuse(|_| false);
    put(&world.vault).await.unwrap();
    let before = data.fetch(&row_key()).await.unwrap().unwrap();
    world
        .audit
        .refuse(|event| event.outcome == Outcome::Intended);
    assert!(put(&world.vault).await.is_err());
    let error = world.vault.delete(&slot(), Expect::Any).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(Rewrap::new(&world.vault).run().await.is_err());
    let after = data.fetch(&row_key()).await.unwrap().unwrap();
    assert_eq!(after, before);
    assert_eq!(world.vault.trail().dropped(), 0);
}

/// Some values may have moved before the store was gone: it is not told that nothing happened.
#[tokio::test]
async fn a_rewrap_that_was_cut_short_is_told_as_unknown() {
    let data = memory();
    let world = World::on(memory(), Arc::clone(&data)).await;
    put(&world.vault).await.unwrap();
    let admin = world.vault.keyring().admin();
    admin.rotate(world.vault.purpose()).await.unwrap();
    let _promoted = admin.promote_ready().await.unwrap();
    for after in 0.. {
        let audit = RecordingAudit::new();
        let store = Staged::over(Arc::clone(&data));
        let vault = on(&world, store.clone(), &audit).await;
        store.interrupt(after, Interrupt::DieAfter);
        let result = Rewrap::new(&vault).run().await;
        let told = outcomes(&audit.events(), "vault.rewrap");
        if !store.fired() {
            assert_eq!(told, [Outcome::Intended, Outcome::Done]);
            assert!(after > 4, "{after} calls");
            return;
        }
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Unavailable);
        assert_eq!(told, [Outcome::Intended, Outcome::Unknown]);
    }
}

/// What is told of a rewrap that failed for good is why.
#[tokio::test]
async fn a_rewrap_that_cannot_be_done_is_told_as_failed() {
    let data = memory();
    let world = World::on(memory(), Arc::clone(&data)).await;
    let shown = format!("{:?}", Rewrap::new(&world.vault));
    assert!(shown.contains("purpose"), "{shown}");
    let key = RecordKey {
        collection: Collection::named("barrier"),
        owner: "vault".to_owned(),
        id: "seal".to_owned(),
    };
    let version = data.fetch(&key).await.unwrap().unwrap().version;
    let content = Content {
        data: b"kwbr\0".to_vec(),
        ..Content::default()
    };
    let swap = Write::Swap {
        key,
        version,
        content,
    };
    assert!(matches!(
        data.apply(vec![swap]).await.unwrap(),
        Applied::Done(_)
    ));
    let error = Rewrap::new(&world.vault).run().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let failed = Outcome::Failed(ErrorKind::Corrupt, None);
    let told = outcomes(&world.audit.events(), "vault.rewrap");
    assert_eq!(told, [Outcome::Intended, failed]);
}

/// A row that nobody can read is deleted by who expects anything, and by nobody else.
#[tokio::test]
async fn what_cannot_be_read_can_be_deleted() {
    let data = memory();
    let world = World::on(memory(), Arc::clone(&data)).await;
    let put = put(&world.vault).await.unwrap();
    let version = data.fetch(&row_key()).await.unwrap().unwrap().version;
    let content = Content {
        data: b"{}".to_vec(),
        ..Content::default()
    };
    let swap = Write::Swap {
        key: row_key(),
        version,
        content,
    };
    let _applied = data.apply(vec![swap]).await.unwrap();
    let expected = Expect::Revision(put.revision);
    let error = world.vault.delete(&slot(), expected).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(data.fetch(&row_key()).await.unwrap().is_some());
    world.vault.delete(&slot(), Expect::Any).await.unwrap();
    assert!(data.fetch(&row_key()).await.unwrap().is_none());
}

/// Of what was sealed and could not be recorded, nothing is handed out.
#[tokio::test]
async fn no_sealed_value_is_handed_out_unrecorded() {
    let world = World::in_memory().await;
    let place = Place::new("server.password").unwrap();
    let store = StoreId::new("app").unwrap();
    let column = world.vault.column(store, place).await.unwrap();
    let secret = SecretBytes::copy_of(TOKEN.as_bytes());
    let cell = Cell {
        tenant: slot().tenant,
        record: slot().record,
        role: Role::none(),
        kind: CredentialKind::new("password").unwrap(),
        revision: Revision::FIRST,
    };
    let _sealed = column.seal(&cell, &secret).await.unwrap();
    world.audit.refuse(|event| event.outcome == Outcome::Done);
    let sealed = column.seal(&cell, &secret).await;
    assert_eq!(sealed.unwrap_err().kind(), ErrorKind::Unavailable);
    let (slot, none) = (slot(), Role::none());
    let token = world.vault.credential(Kind::ApiKey, secret).unwrap();
    let sealed = world.vault.seal_detached(&slot, &none, &token).await;
    assert_eq!(sealed.unwrap_err().kind(), ErrorKind::Unavailable);
}

/// Whoever disables a key while the trail takes its time is obeyed.
#[tokio::test]
async fn a_key_that_is_withdrawn_while_an_opening_is_recorded_opens_nothing() {
    for detached in [false, true] {
        let world = World::in_memory().await;
        put(&world.vault).await.unwrap();
        let token = SecretBytes::copy_of(TOKEN.as_bytes());
        let token = world.vault.credential(Kind::ApiKey, token).unwrap();
        let (slot, none) = (slot(), Role::none());
        let value = world.vault.seal_detached(&slot, &none, &token);
        let value = value.await.unwrap();
        let ring = world.vault.keyring().clone();
        let old = ring.status().keys[0].id;
        ring.admin().rotate(world.vault.purpose()).await.unwrap();
        let _promoted = ring.admin().promote_ready().await.unwrap();
        world.audit.refuse(move |event| {
            if event.outcome == Outcome::Granted {
                block_on(ring.admin().disable(old)).unwrap();
            }
            false
        });
        let error = if detached {
            let opened = world
                .vault
                .open_detached(&slot, &none, Kind::ApiKey, &value);
            opened.await.unwrap_err()
        } else {
            open(&world.vault).await.unwrap_err()
        };
        assert_eq!(
            error.reason(),
            Some(keyward_keys::reason::DISABLED_KEY),
            "{error:?}"
        );
    }
}

/// A value whose last byte was changed opens up to there: that it was tried is told before.
#[tokio::test]
async fn an_opening_is_recorded_before_anything_is_decrypted() {
    let damaged = |sealed: &str| {
        let text = sealed.strip_prefix("kw1.").unwrap();
        let mut bytes = keyward_base::encoding::from_base64url(text).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        format!("kw1.{}", keyward_base::encoding::base64url(&bytes))
    };
    let data = memory();
    let world = World::on(memory(), Arc::clone(&data)).await;
    put(&world.vault).await.unwrap();
    let held = data.fetch(&row_key()).await.unwrap().unwrap();
    let swap = Write::Swap {
        key: row_key(),
        version: held.version,
        content: Content {
            sealed: damaged(&held.sealed),
            data: held.content.data,
            ..Content::default()
        },
    };
    let _applied = data.apply(vec![swap]).await.unwrap();
    let token = SecretBytes::copy_of(TOKEN.as_bytes());
    let token = world.vault.credential(Kind::ApiKey, token).unwrap();
    let none = Role::none();
    let slot = slot();
    let value = world.vault.seal_detached(&slot, &none, &token);
    let value: Sealed = damaged(value.await.unwrap().as_str()).parse().unwrap();
    let _before = world.audit.take();
    let opened = open(&world.vault).await;
    assert_eq!(opened.unwrap_err().reason(), Some(Reason::DAMAGED));
    let opened = world
        .vault
        .open_detached(&slot, &none, Kind::ApiKey, &value);
    assert_eq!(opened.await.unwrap_err().reason(), Some(Reason::DAMAGED));
    let events = world.audit.take();
    for action in ["vault.open", "vault.open-detached"] {
        let told = outcomes(&events, action);
        let [Outcome::Granted, Outcome::Failed(_, Some(Reason::DAMAGED))] = told[..] else {
            panic!("{action}: {told:?}")
        };
    }
    // Whichever way it went, the event says which key it was.
    assert!(events.iter().all(|event| event.key == value.key().ok()));
}

#[tokio::test]
async fn what_is_done_is_answered_done_and_the_next_start_says_so() {
    let data = memory();
    let world = World::on(memory(), Arc::clone(&data)).await;
    let deaf = || {
        world
            .audit
            .refuse(|event| event.outcome != Outcome::Intended)
    };
    deaf();
    let listed = put(&world.vault).await.unwrap();
    assert_eq!(world.vault.trail().dropped(), 1);
    let held = world.vault.describe(&slot()).await.unwrap().unwrap();
    assert_eq!(held, listed);

    // The next start of a vault on the same trail closes it.
    world.audit.refuse(|_| false);
    world.audit.restart();
    assert_eq!(world.audit.open().len(), 1);
    let _vault = on(&world, Arc::clone(&data), &world.audit).await;
    let last = world.audit.last().unwrap();
    assert_eq!((last.action, last.outcome), ("vault.put", Outcome::Done));
    assert!(world.audit.open().is_empty());

    deaf();
    world.vault.delete(&slot(), Expect::Any).await.unwrap();
    assert!(data.fetch(&row_key()).await.unwrap().is_none());
    world.audit.refuse(|_| false);
    world.audit.restart();
    let _vault = on(&world, Arc::clone(&data), &world.audit).await;
    let last = world.audit.last().unwrap();
    // Another may have deleted it since.
    let told = (last.action, last.outcome);
    assert_eq!(told, ("vault.delete", Outcome::Unknown));
}

#[tokio::test]
async fn no_opening_goes_unrecorded() {
    let world = World::in_memory().await;
    put(&world.vault).await.unwrap();
    world
        .audit
        .refuse(|event| event.outcome == Outcome::Granted);
    assert_eq!(
        open(&world.vault).await.unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    // A refusal that cannot be recorded is a refusal still, and counted.
    world.audit.set_failing(true);
    let before = world.vault.trail().dropped();
    let nobody = Slot::new("acme", "account.token", "7").unwrap();
    let error = world.vault.open(&nobody, &Role::none()).await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::NOT_FOUND));
    assert_eq!(world.vault.trail().dropped(), before + 1);
}

/// What is done to the slot, to be dropped at each point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Insert,
    Replace,
    Delete,
}

/// Each write is dropped at every point at which it waits. Whatever happened by then has its
/// intent, and the next start closes it by what became of it.
#[tokio::test]
async fn a_dropped_future_leaves_nothing_untold() {
    for doing in [Doing::Insert, Doing::Replace, Doing::Delete] {
        let mut outcomes_seen = Vec::new();
        for polls in 0.. {
            let data = memory();
            let world = World::on(memory(), Arc::clone(&data)).await;
            if doing != Doing::Insert {
                put(&world.vault).await.unwrap();
            }
            let audit = RecordingAudit::new();
            let stepping = Staged::over(Arc::clone(&data));
            let vault = on(&world, stepping, &audit).await;
            let before = data.fetch(&row_key()).await.unwrap();
            let ended = match doing {
                Doing::Delete => at_most(polls, vault.delete(&slot(), Expect::Any)).is_some(),
                _ => at_most(polls, put(&vault)).is_some(),
            };
            let after = data.fetch(&row_key()).await.unwrap();
            let happened = before != after;
            if ended {
                assert!(happened && audit.open().is_empty(), "{doing:?}");
                break;
            }
            if happened {
                assert!(!audit.events().is_empty(), "{doing:?} after {polls} polls");
            }
            let intended = !audit.open().is_empty();
            audit.restart();
            let _next = on(&world, Arc::clone(&data), &audit).await;
            assert!(audit.open().is_empty(), "closed at the next start");
            if intended {
                let outcome = audit.last().unwrap().outcome;
                let right = match (doing, happened) {
                    // Another may have deleted it.
                    (Doing::Insert, false) | (Doing::Delete, true) => Outcome::Unknown,
                    (_, true) => Outcome::Done,
                    (_, false) => Outcome::NotDone,
                };
                assert_eq!(outcome, right, "{doing:?} after {polls} polls");
                outcomes_seen.push(outcome);
            }
        }
        let told = match doing {
            Doing::Delete => Outcome::NotDone,
            _ => Outcome::Done,
        };
        assert!(outcomes_seen.contains(&told), "{doing:?}");
        assert!(outcomes_seen.len() > 2, "{doing:?}: {outcomes_seen:?}");
    }
}

#[tokio::test]
async fn a_dropped_opening_was_recorded_or_nothing_was_decrypted() {
    for polls in 0.. {
        let data = memory();
        let world = World::on(memory(), Arc::clone(&data)).await;
        put(&world.vault).await.unwrap();
        let audit = RecordingAudit::new();
        let vault = on(&world, Staged::over(data), &audit).await;
        if at_most(polls, open(&vault)).is_some() {
            let [one] = audit.events().try_into().unwrap();
            assert_eq!(one.outcome, Outcome::Granted);
            return;
        }
        assert!(audit.events().len() <= 1);
    }
}

/// Somebody wrote since: what became of the act cannot be told any more.
#[tokio::test]
async fn an_act_that_was_overtaken_is_closed_as_unknown() {
    let data = memory();
    let world = World::on(memory(), Arc::clone(&data)).await;
    put(&world.vault).await.unwrap();
    let audit = RecordingAudit::new();
    let vault = on(&world, Staged::over(data), &audit).await;
    let mut polls = 0;
    while audit.open().is_empty() {
        polls += 1;
        assert!(at_most(polls, put(&vault)).is_none());
    }
    put(&world.vault).await.unwrap();
    audit.restart();
    let _next = on(&world, Arc::clone(world.vault.store()), &audit).await;
    assert_eq!(audit.last().unwrap().outcome, Outcome::Unknown);
}

/// A process that was opened while another one, which lives, had begun a put.
async fn beside_an_open_act(world: &World, audit: &RecordingAudit) -> Vault {
    let process = async |name: &str| {
        let ring = world.builder().replica(name).open().await.unwrap();
        let vault = Vault::builder(ring, Staged::over(Arc::clone(world.vault.store())));
        let sink = Arc::new(SteppingSink(Arc::new(audit.clone())));
        vault.audit(sink).build().await.unwrap()
    };
    let one = process("one").await;
    let mut polls = 0;
    while audit.open().is_empty() {
        polls += 1;
        assert!(at_most(polls, put(&one)).is_none());
    }
    process("two").await
}

/// Another process does not close what a living one is about: only once its lease is over.
#[tokio::test]
async fn an_act_of_a_living_process_is_left_to_it() {
    let world = World::in_memory().await;
    let audit = RecordingAudit::new();
    let two = beside_an_open_act(&world, &audit).await;
    two.tick().await.unwrap();
    assert_eq!(audit.open().len(), 1, "its lease has not run out");
    world.clock.advance(Duration::from_secs(90));
    two.keyring().tick().await.unwrap();
    audit.refuse(|event| event.outcome != Outcome::Intended);
    two.tick().await.unwrap_err();
    audit.refuse(|_| false);
    two.tick().await.unwrap();
    assert!(audit.open().is_empty(), "by a tick, if not by the first");
    let last = audit.last().unwrap();
    assert_eq!((last.action, last.run), ("vault.put", two.keyring().run()));
}

/// Until the lease can have run out there is nothing to be seen, and the trail is not read.
#[tokio::test]
async fn a_tick_looks_again_only_when_it_is_due() {
    let world = World::in_memory().await;
    let audit = RecordingAudit::new();
    let two = beside_an_open_act(&world, &audit).await;
    audit.restart(); // To whoever reads it now, it is over.
    two.tick().await.unwrap();
    assert_eq!(audit.open().len(), 1, "read too early");
    world.clock.advance(Duration::from_secs(90));
    two.keyring().tick().await.unwrap();
    two.tick().await.unwrap();
    assert!(audit.open().is_empty());
}

/// A vault of another purpose on the same trail leaves intents that are not its own alone.
#[tokio::test]
async fn each_vault_closes_its_own() {
    let data = memory();
    let world = World::on(memory(), Arc::clone(&data)).await;
    world
        .audit
        .refuse(|event| event.outcome != Outcome::Intended);
    put(&world.vault).await.unwrap();
    world.audit.refuse(|_| false);
    world.audit.restart();
    let other = World::for_purpose("billing").await;
    // Nor does one of the same name on another store.
    let ring = world.vault.keyring().clone();
    let same = Vault::builder(ring, memory()).audit(world.audit.clone());
    let _same = same.build().await.unwrap();
    assert_eq!(world.audit.open().len(), 1);
    let ring = other.vault.keyring().clone();
    let _other = Vault::builder(ring, memory())
        .purpose(other.vault.purpose().clone())
        .audit(world.audit.clone())
        .build()
        .await
        .unwrap();
    assert_eq!(world.audit.open().len(), 1);
}

#[tokio::test]
async fn a_store_that_did_not_answer_is_asked_what_it_did() {
    let data = memory();
    let world = World::on(memory(), Arc::clone(&data)).await;
    let audit = RecordingAudit::new();
    let store = Staged::over(Arc::clone(&data));
    let vault = on(&world, store.clone(), &audit).await;
    store.answer([Answer::LostAnswer]);
    let listed = put(&vault).await.unwrap();
    assert_eq!(vault.describe(&slot()).await.unwrap(), Some(listed));
    let told = outcomes(&audit.take(), "vault.put");
    assert_eq!(told, [Outcome::Intended, Outcome::Done]);

    // It cannot be told from one that was lost on the way, and is not said to be undone.
    for answer in [Answer::LostWrite, Answer::LostAnswer] {
        store.answer([answer]);
        let error = vault.delete(&slot(), Expect::Any).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        let told = outcomes(&audit.take(), "vault.delete");
        assert_eq!(told, [Outcome::Intended, Outcome::Unknown]);
    }
    assert!(data.fetch(&row_key()).await.unwrap().is_none());
}

/// The store dies at each call of a put: if the row is there, the trail tells of it.
#[tokio::test]
async fn a_store_that_dies_at_any_call_leaves_nothing_untold() {
    for after in 0.. {
        let data = memory();
        let world = World::on(memory(), Arc::clone(&data)).await;
        let audit = RecordingAudit::new();
        let store = Staged::over(Arc::clone(&data));
        let vault = on(&world, store.clone(), &audit).await;
        store.interrupt(after, Interrupt::DieAfter);
        let result = put(&vault).await;
        let there = data.fetch(&row_key()).await.unwrap().is_some();
        if !store.fired() {
            assert!(result.is_ok() && there);
            return;
        }
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Unavailable);
        let told = outcomes(&audit.events(), "vault.put");
        assert_eq!(told.contains(&Outcome::Unknown), there, "{told:?}");
    }
}

/// A put that another one overtakes at each of its calls: one that is then refused is told so, and
/// not said to be unknown.
#[tokio::test]
async fn a_put_that_was_overtaken_is_told_as_refused() {
    let mut refused = 0;
    for after in 0.. {
        let data = memory();
        let world = World::on(memory(), Arc::clone(&data)).await;
        let audit = RecordingAudit::new();
        let store = Staged::over(Arc::clone(&data));
        let vault = on(&world, store.clone(), &audit).await;
        let other = world.vault.clone();
        let act = move || -> keyward_store::BoxFuture<'static, ()> {
            Box::pin(async move {
                put(&other).await.unwrap();
            })
        };
        store.interrupt(after, Interrupt::Run(Box::new(act)));
        let token = SecretBytes::copy_of(TOKEN.as_bytes());
        let token = vault.credential(Kind::ApiKey, token).unwrap();
        let none = Role::none();
        let result = vault.put(&slot(), &token, &none, Expect::Absent).await;
        let told = outcomes(&audit.take(), "vault.put");
        if let Err(error) = result {
            assert_eq!(error.reason(), Some(Reason::CONFLICT));
            let failed = Outcome::Failed(ErrorKind::Rejected, Some(Reason::CONFLICT));
            assert_eq!(told.last(), Some(&failed), "at call {after}");
            refused += 1;
        }
        if !store.fired() {
            break;
        }
    }
    assert!(
        refused >= 2,
        "{refused}: before its look, and between look and write"
    );
}

/// A rotation that overtakes a put at each of its calls: what is told at the end is the key that
/// the value is sealed with, and nothing is under an older one.
#[tokio::test]
async fn a_put_that_a_rotation_overtook_tells_the_key_it_ended_with() {
    let mut overtaken = 0;
    for after in 0.. {
        let data = memory();
        let world = World::on(memory(), Arc::clone(&data)).await;
        let audit = RecordingAudit::new();
        let store = Staged::over(Arc::clone(&data));
        let vault = on(&world, store.clone(), &audit).await;
        let other = world.vault.clone();
        let act = move || -> keyward_store::BoxFuture<'static, ()> {
            Box::pin(async move {
                let admin = other.keyring().admin();
                admin.rotate(other.purpose()).await.unwrap();
                let _promoted = admin.promote_ready().await.unwrap();
                let _report = Rewrap::new(&other).run().await.unwrap();
            })
        };
        store.interrupt(after, Interrupt::Run(Box::new(act)));
        let listed = put(&vault).await.unwrap();
        let held = world.vault.describe(&slot()).await.unwrap().unwrap();
        let events = audit.take();
        let keys = [events[0].key, events[events.len() - 1].key];
        assert_eq!(events[events.len() - 1].outcome, Outcome::Done);
        assert_eq!(keys[1], Some(listed.key), "at call {after}");
        assert_eq!(held.revision, listed.revision);
        overtaken += u32::from(keys[0] != keys[1]);
        if !store.fired() {
            break;
        }
    }
    assert!(overtaken > 0, "between the look and the write");
}

/// A barrier that cannot be read keeps new values out, and none that is there from who opens it.
#[tokio::test]
async fn values_open_without_a_barrier() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let data: Arc<dyn Records> = Arc::new(SqliteStore::open(&path).unwrap());
    let world = World::on(memory(), Arc::clone(&data)).await;
    put(&world.vault).await.unwrap();
    let conn = rusqlite::Connection::open(&path).unwrap();
    let sql = "UPDATE record SET version = -1 WHERE collection = 'barrier'";
    assert_eq!(conn.execute(sql, []).unwrap(), 1);
    drop(conn);
    let next = world.reopened().await;
    let _opened = open(&next).await.unwrap();
    let refused = put(&next).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt);
    let row = data.damaged().await.unwrap().remove(0);
    drop(data.set_aside(&row.place).await.unwrap());
    put(&world.reopened().await).await.unwrap();
}
