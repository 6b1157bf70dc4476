//! The trail tells of every change of the ring that happened: sinks that fail, futures that are
//! dropped at each point where they wait.
#![allow(clippy::unwrap_used, missing_docs)] // Tests: a panic is the report.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use keyward_base::audit::Outcome;
use keyward_base::{Actor, ErrorKind, ManualClock, Purpose, Sink, Subject, Timestamp};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, KeyState, KeyUse, Keyring, KeyringBuilder, Root, Signs};
use keyward_store::{MemoryStore, Records};
use keyward_testkit::{RecordingAudit, Staged, SteppingSink, at_most};

struct World {
    store: Arc<dyn Records>,
    root: Arc<dyn Root>,
    audit: RecordingAudit,
}

fn purpose() -> Purpose {
    Purpose::new("vault").unwrap()
}

impl World {
    async fn new() -> (Self, Keyring) {
        let world = Self {
            store: Arc::new(MemoryStore::new(1000)),
            root: Arc::new(EphemeralRoot::new(&Provider::default()).unwrap()),
            audit: RecordingAudit::new(),
        };
        let ring = world
            .builder(Arc::clone(&world.store), Arc::new(world.audit.clone()))
            .create(&[purpose()], &[])
            .await
            .unwrap();
        (world, ring)
    }

    fn builder(&self, store: Arc<dyn Records>, audit: Arc<dyn Sink>) -> KeyringBuilder {
        Keyring::builder(store, Arc::clone(&self.root)).audit(audit)
    }

    async fn reopened(&self) -> Keyring {
        let audit = Arc::new(self.audit.clone());
        let builder = self.builder(Arc::clone(&self.store), audit);
        builder.open().await.unwrap()
    }
}

#[tokio::test]
async fn a_change_tells_its_intent_its_outcome_and_who_made_it() {
    let (world, ring) = World::new().await;
    let _created = world.audit.take();
    let actor = Actor::new(Subject::new("u-17").unwrap()).staff();
    let key = ring
        .admin()
        .acting_as(actor.clone())
        .rotate(&purpose())
        .await
        .unwrap();
    let [intent, outcome] = world.audit.take().try_into().unwrap();
    assert_eq!(
        (intent.action, intent.outcome),
        ("keys.rotate", Outcome::Intended)
    );
    assert_eq!(
        (outcome.action, outcome.outcome),
        ("keys.rotate", Outcome::Done)
    );
    assert!(intent.id.is_some() && intent.id == outcome.id);
    assert_eq!((outcome.key, outcome.actor), (Some(key), Some(actor)));
}

#[tokio::test]
async fn without_an_intent_the_ring_stays_as_it_is() {
    let (world, ring) = World::new().await;
    let admin = ring.admin();
    let first = ring.status().keys.first().unwrap().id;
    admin.rotate(&purpose()).await.unwrap();
    let _promoted = admin.promote_ready().await.unwrap();
    let before = ring.status();
    world
        .audit
        .refuse(|event| event.outcome == Outcome::Intended);
    for error in [
        admin.rotate(&purpose()).await.unwrap_err(),
        admin.disable(first).await.unwrap_err(),
        admin.rewrap_root().await.unwrap_err(),
        admin.rewrap_keys(|_| {}).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
    assert_eq!(world.reopened().await.status(), before);
    // What is done is answered done, and the next start says so.
    world
        .audit
        .refuse(|event| event.outcome != Outcome::Intended);
    admin.disable(first).await.unwrap();
    world.audit.refuse(|_| false);
    world.audit.restart();
    let next = world.reopened().await;
    assert_eq!(
        next.status().keys.first().unwrap().state,
        KeyState::Disabled
    );
    let last = world.audit.last().unwrap();
    assert_eq!((last.action, last.outcome), ("keys.disable", Outcome::Done));
    assert!(world.audit.open().is_empty());
}

#[tokio::test]
async fn each_change_of_the_ring_is_told_before_it_is_made_and_after() {
    let (world, ring) = World::new().await;
    let admin = ring.admin();
    let told = |action: &str| {
        let events = world.audit.take();
        let of = events.iter().filter(|event| event.action == action);
        let outcomes: Vec<_> = of.map(|event| event.outcome).collect();
        assert_eq!(outcomes, [Outcome::Intended, Outcome::Done], "{action}");
    };
    let first = ring.status().keys.first().unwrap().id;
    let links = Purpose::new("links").unwrap();
    let _created = world.audit.take();
    admin.rotate(&purpose()).await.unwrap();
    told("keys.rotate");
    let _promoted = admin.promote_ready().await.unwrap();
    told("keys.promote");
    admin.disable(first).await.unwrap();
    told("keys.disable");
    admin.enable(first).await.unwrap();
    told("keys.enable");
    admin.rotate_mac(|_| ()).await.unwrap();
    told("keys.rotate-mac");
    let signs = KeyUse::Sign(Signs::Fields);
    admin.add_purpose(&links, signs).await.unwrap();
    told("keys.add-purpose");
    admin.disable_even_uncounted(first).await.unwrap();
    told("keys.disable-even-uncounted");
    world
        .audit
        .refuse(|event| event.outcome == Outcome::Intended);
    let refused = admin.destroy(first).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    let kept = world.reopened().await.status();
    assert_eq!(kept.keys.first().unwrap().state, KeyState::Disabled);
    world.audit.refuse(|_| false);
    let _refused = world.audit.take();
    admin.destroy(first).await.unwrap();
    told("keys.destroy");
}

/// Disabling is dropped at every point at which it waits. The next start says what became of it.
#[tokio::test]
async fn a_dropped_change_leaves_nothing_untold() {
    let mut seen = Vec::new();
    for polls in 0.. {
        let (world, ring) = World::new().await;
        let admin = ring.admin();
        let first = ring.status().keys.first().unwrap().id;
        admin.rotate(&purpose()).await.unwrap();
        let _promoted = admin.promote_ready().await.unwrap();
        let sink = SteppingSink(Arc::new(world.audit.clone()));
        let stepping = Staged::over(Arc::clone(&world.store));
        let slow = world.builder(stepping, Arc::new(sink));
        let slow = slow.open().await.unwrap();
        let before = world.audit.take().len();
        assert!(before > 0);
        let ended = at_most(polls, slow.admin().disable(first)).is_some();
        let told = !world.audit.events().is_empty();
        let open = !world.audit.open().is_empty();
        world.audit.restart();
        let next = world.reopened().await;
        let state = next.status().keys.first().unwrap().state;
        let happened = state == KeyState::Disabled;
        assert!(told || !happened, "after {polls} polls");
        assert!(world.audit.open().is_empty(), "closed at the next start");
        if open {
            let outcome = world.audit.last().unwrap().outcome;
            let right = if happened {
                Outcome::Done
            } else {
                Outcome::NotDone
            };
            assert_eq!(outcome, right, "after {polls} polls");
            seen.push(outcome);
        }
        if ended {
            assert!(happened);
            break;
        }
    }
    assert!(seen.contains(&Outcome::Done) && seen.contains(&Outcome::NotDone));
}

/// The ring's epoch tells nothing of what lies beside it: that a store did not answer is not said
/// to be a failure.
#[tokio::test]
async fn an_act_beside_the_ring_whose_answer_was_lost_is_unknown() {
    let (world, ring) = World::new().await;
    let tenant = keyward_base::Tenant::new("acme").unwrap();
    ring.sealing_key(&purpose(), &tenant, 0).await.unwrap();
    let place = keyward_store::RecordKey {
        collection: keyward_store::Collection::named("tenant-keys"),
        owner: "acme".to_owned(),
        id: "vault".to_owned(),
    };
    let found = world.store.fetch(&place).await.unwrap().unwrap();
    let damage = keyward_store::Write::Swap {
        key: place.clone(),
        version: found.version,
        content: keyward_store::Content::default(),
    };
    let _written = world.store.apply(vec![damage]).await.unwrap();
    let staged = Staged::over(Arc::clone(&world.store));
    let builder = world.builder(staged.clone(), Arc::new(world.audit.clone()));
    let odd = builder.open().await.unwrap();
    let _before = world.audit.take();
    staged.answer([keyward_testkit::Answer::LostAnswer]);
    let error = odd.admin().set_aside("acme").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let gone = world.store.fetch(&place).await.unwrap();
    assert!(gone.is_none(), "it was done");
    let last = world.audit.last().unwrap();
    assert_eq!(
        (last.action, last.outcome),
        ("keys.set-aside", Outcome::Unknown)
    );
}

/// Two processes on one trail: what the one is about is not closed by the other, until its lease is
/// over.
#[tokio::test]
async fn an_act_of_a_living_process_is_left_to_it() {
    let (world, ring) = World::new().await;
    let first = ring.status().keys.first().unwrap().id;
    ring.admin().rotate(&purpose()).await.unwrap();
    let _promoted = ring.admin().promote_ready().await.unwrap();
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000)));
    let replica = async |name: &str| {
        let sink = Arc::new(SteppingSink(Arc::new(world.audit.clone())));
        let store = Staged::over(Arc::clone(&world.store));
        let builder = world.builder(store, sink).clock(clock.clone());
        builder.replica(name).open().await.unwrap()
    };
    let (one, two) = (replica("one").await, replica("two").await);
    let is_closed = || world.audit.open().is_empty();
    let outcomes = || {
        let events = world.audit.events();
        let ends = events.iter().filter(|e| e.outcome != Outcome::Intended);
        ends.filter(|event| event.action == "keys.disable").count()
    };

    let admin = one.admin();
    let mut act = pin!(admin.disable(first));
    while is_closed() {
        assert!(at_most(1, act.as_mut()).is_none());
    }
    let three = replica("three").await;
    two.tick().await.unwrap();
    assert!(!is_closed(), "it goes on");
    act.await.unwrap();
    assert!(is_closed());
    three.tick().await.unwrap();
    assert_eq!(outcomes(), 1, "its own word, and no other");

    // Killed: its lease is there still, and then it is not.
    let second = ring.status().keys.last().unwrap().id;
    admin.enable(first).await.unwrap();
    let mut polls = 0;
    while is_closed() {
        polls += 1;
        assert!(at_most(polls, admin.disable(first)).is_none());
    }
    // A process tells its own acts from those of others, however often a ring is opened.
    let four = replica("four").await;
    assert!(!is_closed());
    clock.advance(Duration::from_secs(90));
    world
        .audit
        .refuse(|event| event.outcome != Outcome::Intended);
    let refused = four.tick().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    world.audit.refuse(|_| false);
    four.tick().await.unwrap();
    assert!(is_closed(), "closed by a tick, if not by the first");
    assert_eq!(outcomes(), 2);
    let last = world.audit.last().unwrap();
    assert_eq!((last.action, last.run), ("keys.disable", four.run()));
    assert_ne!(first, second);

    // One that takes no lease is given a day.
    let once = world.builder(Arc::clone(&world.store), Arc::new(world.audit.clone()));
    let once = once.clock(clock.clone()).open().await.unwrap();
    let deaf = |event: &keyward_base::Event| event.outcome != Outcome::Intended;
    world.audit.refuse(deaf);
    once.admin().rotate(&purpose()).await.unwrap();
    world.audit.refuse(|_| false);
    clock.advance(Duration::from_secs(86_399));
    let _five = replica("five").await;
    assert!(!is_closed());
    clock.advance(Duration::from_secs(1));
    let _six = replica("six").await;
    assert!(is_closed());
}

#[tokio::test]
async fn a_ring_closes_no_act_of_another() {
    let (world, _ring) = World::new().await;
    let store: Arc<dyn Records> = Arc::new(MemoryStore::new(1000));
    let builder = || {
        let audit = Arc::new(world.audit.clone());
        world.builder(Arc::clone(&store), audit)
    };
    let second = builder().create(&[purpose()], &[]).await.unwrap();
    world
        .audit
        .refuse(|event| event.outcome != Outcome::Intended);
    second.admin().rotate(&purpose()).await.unwrap();
    world.audit.refuse(|_| false);
    world.audit.restart();
    world.reopened().await;
    assert_eq!(world.audit.open().len(), 1, "left to its own ring");
    builder().open().await.unwrap();
    assert!(world.audit.open().is_empty());
}

#[tokio::test]
async fn a_start_says_of_each_act_left_open_what_can_be_known() {
    for (action, outcome) in [
        ("keys.create", Outcome::Done),
        ("keys.rewrap", Outcome::Unknown),
        ("keys.promote", Outcome::Done),
        ("keys.disable", Outcome::Done),
    ] {
        let world = World {
            store: Arc::new(MemoryStore::new(1000)),
            root: Arc::new(EphemeralRoot::new(&Provider::default()).unwrap()),
            audit: RecordingAudit::new(),
        };
        world
            .audit
            .refuse(move |event| event.action == action && event.outcome != Outcome::Intended);
        let audit = Arc::new(world.audit.clone());
        let builder = world.builder(Arc::clone(&world.store), audit);
        let ring = builder.create(&[purpose()], &[]).await.unwrap();
        let admin = ring.admin();
        let old = ring.status().keys.first().unwrap().id;
        if action != "keys.create" {
            admin.rotate(&purpose()).await.unwrap();
            let _promoted = admin.promote_ready().await.unwrap();
        }
        match action {
            "keys.rewrap" => {
                admin.rewrap_keys(|_| {}).await.unwrap();
            }
            "keys.disable" => admin.disable(old).await.unwrap(),
            _ => {}
        }
        world.audit.refuse(|_| false);
        world.audit.restart();
        world.reopened().await;
        let last = world.audit.last().unwrap();
        assert_eq!((last.action, last.outcome), (action, outcome));
    }
}

#[tokio::test]
async fn a_refusal_is_told_as_one_and_a_lost_answer_as_unknown() {
    let (world, ring) = World::new().await;
    let old = ring.status().keys.first().unwrap().id;
    let last = || {
        let last = world.audit.last().unwrap();
        (last.action, last.outcome, last.key)
    };
    let misuse = Outcome::Failed(ErrorKind::Misuse, None);
    ring.admin().destroy(old).await.unwrap_err();
    assert_eq!(last(), ("keys.destroy", misuse, Some(old)));
    ring.admin().set_aside("acme").await.unwrap_err();
    assert_eq!(last(), ("keys.set-aside", misuse, None));
    ring.admin().rotate(&purpose()).await.unwrap();
    let _promoted = ring.admin().promote_ready().await.unwrap();

    let staged = Staged::over(Arc::clone(&world.store));
    let builder = world.builder(staged.clone(), Arc::new(world.audit.clone()));
    let odd = builder.open().await.unwrap();
    staged.answer([keyward_testkit::Answer::LostWrite]);
    let error = odd.admin().disable(old).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let failed = Outcome::Failed(ErrorKind::Unavailable, None);
    assert_eq!(
        last(),
        ("keys.disable", failed, Some(old)),
        "it was not done"
    );
    staged.answer([keyward_testkit::Answer::LostAnswer]);
    let error = odd.admin().disable(old).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(last(), ("keys.disable", Outcome::Unknown, Some(old)));
    assert_eq!(
        world.reopened().await.status().keys.first().unwrap().state,
        KeyState::Disabled
    );
}
