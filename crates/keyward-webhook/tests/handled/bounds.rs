//! The exact limits of claims and of the inbox, and what each of them says.

use std::sync::Arc;
use std::time::Duration;

use keyward_base::audit::{Discard, Value};
use keyward_base::{
    Clock, Error, ErrorKind, ManualClock, Purpose, Result, Retry, Timestamp, Trail,
};
use keyward_crypto::Provider;
use keyward_keys::{ColumnId, EphemeralRoot, Keyring, Pass};
use keyward_store::conformance::block_on;
use keyward_store::{Content, MemoryStore, Record, Records as _, Stores, Write};
use keyward_testkit::RecordingAudit;
use keyward_webhook::inbox::policy::InboxPolicy;
use keyward_webhook::inbox::{self, Fault, Listed, State};
use keyward_webhook::scheme::Dedupe;
use keyward_webhook::{
    Answers, Claimed, Inbox, OnceTerms, Outcome, Webhook, Worked, preset, reason,
};

use crate::inbox::World;
use crate::support::{acme, at, claims, clock, endpoint, github, memory, standard, verified};

/// A clock that can be relied on for a while.
#[derive(Debug)]
struct Failing(ManualClock, std::sync::atomic::AtomicBool);

impl Clock for Failing {
    fn now(&self) -> Result<Timestamp> {
        if self.1.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(Error::unavailable("set before 1970"));
        }
        self.0.now()
    }
}

#[test]
fn what_was_refused_is_told_with_its_words_and_none_is_lost() {
    let audit = Arc::new(RecordingAudit::new());
    let clock = Arc::new(Failing(ManualClock::new(at(0)), false.into()));
    let trail = Trail::new(Arc::<RecordingAudit>::clone(&audit));
    let answers = Answers::new(trail, Arc::<Failing>::clone(&clock));
    assert_eq!(format!("{answers:?}"), "Answers { .. }");
    let refuse = |error: Error| block_on(answers.answer(&acme(), &Err(error)));
    let number = |word: &str| match audit.last().unwrap().detail.find(word) {
        Some(Value::Number(count)) => count,
        _ => 0,
    };
    let _answer = refuse(Error::misuse("a program's own"));
    assert_eq!(number("misuse"), 1);
    // At the same time the next one waits to be told.
    for _ in 0..2 {
        let _answer = refuse(Error::corrupt("a store's own"));
    }
    let _answer = refuse(Error::unavailable("a store's own"));
    assert_eq!(audit.events().len(), 1);
    clock.0.set(at(999));
    block_on(answers.flush());
    assert_eq!(audit.events().len(), 1);
    // A clock that fails loses no count, and the time that an error names holds.
    clock.1.store(true, std::sync::atomic::Ordering::SeqCst);
    block_on(answers.end());
    let wait = Error::unavailable("").retry(Retry::After(Duration::from_secs(7)));
    let answer = refuse(wait);
    assert_eq!(answer.retry_after(), Some(Duration::from_secs(7)));
    clock.1.store(false, std::sync::atomic::Ordering::SeqCst);
    clock.0.set(at(1_000));
    block_on(answers.flush());
    assert_eq!(audit.events().len(), 2);
    assert_eq!((number("corrupt"), number("unavailable")), (2, 2));
}

#[test]
fn of_what_handlers_left_open() {
    block_on(async {
        let (clock, store) = (clock(), memory());
        let terms = || OnceTerms::of(&preset::GITHUB);
        let mine = claims(terms(), store.clone(), &clock);
        let other = claims(terms(), store, &clock);
        assert!(format!("{mine:?}").contains("github"));
        let hooks: Vec<_> = (0..1025_u32)
            .map(|n| github("", &n.to_be_bytes()))
            .collect();
        let mut leases = Vec::new();
        for hook in &hooks {
            match mine.claim(&acme(), &hook.get()).await.unwrap() {
                Claimed::First(lease) => leases.push(lease),
                found => panic!("{found:?}"),
            }
        }
        let id = leases[0].id();
        assert_eq!(format!("{id:?}"), format!("ClaimId({id})"));
        assert!(format!("{:?}", leases[0]).contains(&format!("{id}")));
        // 1,024 are remembered, and 16 are told of at each claim.
        drop(leases);
        let _new = mine.claim(&acme(), &github("", b"new").get()).await;
        let mut open = 0;
        for hook in &hooks {
            match other.claim(&acme(), &hook.get()).await.unwrap() {
                Claimed::First(lease) => std::mem::forget(lease),
                _ => open += 1,
            }
        }
        assert_eq!(open, 1025 - 16);
        mine.tidy().await.unwrap();
        open = 0;
        for hook in &hooks {
            match other.claim(&acme(), &hook.get()).await.unwrap() {
                Claimed::First(lease) => std::mem::forget(lease),
                _ => open += 1,
            }
        }
        assert_eq!(open, 16 + 1);
    });
}

/// What came beside a key of its own, unsigned, makes no second delivery of it.
#[test]
fn an_id_beside_a_field_changes_nothing() {
    block_on(async {
        let scheme = keyward_webhook::Scheme {
            dedupe: Dedupe::Field("id".into()),
            ..preset::GITLAB_TOKEN
        };
        let claims = claims(OnceTerms::of(&scheme), memory(), &clock());
        for id in ["1", "2"] {
            let headers = [
                (
                    "x-gitlab-token",
                    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(),
                ),
                ("idempotency-key", id.to_owned()),
            ];
            let hook = verified(scheme.clone(), &headers, br#"{"id":"e"}"#, at(0));
            let handler = async { Ok::<_, ()>(()) };
            let outcome = claims.handle(&acme(), &hook.get(), handler).await;
            assert_eq!(outcome.unwrap(), Outcome::Done, "{id}");
        }
    });
}

#[test]
fn words() {
    let faults = [
        (Fault::None, "none"),
        (Fault::Failed, "failed"),
        (Fault::Panicked, "panicked"),
        (Fault::Dropped, "dropped"),
        (Fault::TimedOut, "timed-out"),
        (Fault::Damaged, "damaged"),
        (Fault::NoKey, "no-key"),
        (Fault::Conflict, "conflict"),
    ];
    assert!(faults.iter().all(|(fault, word)| fault.word() == *word));
    let states = [
        (State::Waiting, "waiting"),
        (State::Taken, "taken"),
        (State::Finished, "finished"),
        (State::Dead, "dead"),
    ];
    assert!(states.iter().all(|(state, word)| state.word() == *word));
    assert_eq!(reason::CONFLICT.as_str(), "webhook-conflict");
}

async fn listed(world: &World) -> Vec<Listed> {
    let page = world.inbox.list(&acme().tenant, None, 10).await.unwrap();
    page.items
}

async fn change(world: &World, row: Record, to: impl FnOnce(&mut Content)) {
    let mut content = row.content;
    to(&mut content);
    let (key, version) = (row.key, row.version);
    world
        .apply(Write::Swap {
            key,
            version,
            content,
        })
        .await;
}

/// Bytes 27 to 43 of a head are the token of who has it: of nobody, zeros.
fn is_nobodys(row: &Record) -> bool {
    row.data[27..43] == [0; 16]
}

#[tokio::test]
async fn what_a_row_says_at_each_step() {
    let world = World::giving_up_after(2).await;
    let _outcome = world.accept(&github("1", b"{}")).await;
    let taken = world.taken().await;
    assert!(format!("{taken:?}").contains(&taken.row().to_string()));
    let row = taken.row();
    assert_eq!(format!("{row:?}"), format!("RowId({row})"));
    assert_eq!(
        format!("{:?}", world.inbox),
        "Inbox { purpose: Purpose(\"webhook\"), .. }"
    );
    assert_eq!(listed(&world).await[0].fault(), Fault::None);
    assert!(!is_nobodys(&world.records().await[0]));
    drop(taken.run(async { Err::<(), _>(()) }).await);
    assert_eq!(listed(&world).await[0].fault(), Fault::Failed);
    assert!(is_nobodys(&world.records().await[0]));
    assert!(world.audit.events().is_empty(), "no dead letter yet");
    world.pass(10_000).await;
    let again = world.taken().await;
    assert_eq!(listed(&world).await[0].fault(), Fault::Failed);
    world.pass(5).await;
    drop(again.run(async { Ok::<_, ()>(()) }).await);
    let finished = &listed(&world).await[0];
    assert_eq!(
        (finished.fault(), finished.state()),
        (Fault::None, State::Finished)
    );
    assert_eq!((finished.since(), finished.due()), (at(10_005), at(10_005)));
    assert!(world.audit.events().is_empty());
    // Dead at the second failure, and told of once.
    assert!(world.inbox.replay(&acme(), row).await.unwrap());
    let _acts = world.audit.take();
    for _ in 0..2 {
        drop(world.taken().await.run(async { Err::<(), _>(()) }).await);
        world.pass(10_000).await;
    }
    let dead = &listed(&world).await[0];
    assert_eq!((dead.state(), dead.since()), (State::Dead, dead.due()));
    assert!(is_nobodys(&world.records().await[0]));
    let told = world.audit.take();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].action, "webhook.dead-letter");
}

/// Whoever lost a delivery is told so, though it is finished by then.
#[tokio::test]
async fn one_that_another_finished_was_overtaken() {
    let world = World::new().await;
    let _outcome = world.accept(&github("1", b"{}")).await;
    let first = world.taken().await;
    world.pass(300_000).await;
    world.finish().await;
    let late = first.run(async { Ok::<_, ()>(()) }).await.unwrap();
    assert!(matches!(late, Worked::Overtaken(())));
}

#[tokio::test]
async fn what_is_listed_is_what_was_kept() {
    let world = World::with(InboxPolicy::default(), OnceTerms::run_repeated).await;
    let body = vec![7; (1 << 20) + 1];
    let _outcome = world.accept(&github("1", &body)).await;
    let page = world.inbox.list(&acme().tenant, None, 10).await.unwrap();
    assert_eq!((page.items.len(), page.damaged), (1, 0));
    assert!(!page.items[0].is_repeated());
    let _outcome = world.accept(&github("2", &body)).await;
    let repeated = listed(&world).await;
    let repeated = repeated.iter().filter(|listed| listed.is_repeated());
    assert_eq!(repeated.count(), 1);
    assert_eq!(world.inbox.forget_tenant(&acme().tenant).await.unwrap(), 2);
    assert!(world.records().await.is_empty());
    let _outcome = world.accept(&standard("m", b"1", at(0))).await;
    let _outcome = world.accept(&standard("m", b"2", at(0))).await;
    let rows = listed(&world).await;
    assert!(rows.iter().all(|listed| listed.signed() == Some(at(0))));
    assert_ne!(rows[0].claim(), rows[1].claim());

    // Names that are those of no piece.
    let row = world.records().await.remove(0);
    for last in ["+0001", "00000"] {
        let key = keyward_store::RecordKey {
            id: format!("{}/{last}", row.key.id),
            ..row.key.clone()
        };
        let content = row.content.clone();
        world.apply(Write::Insert { key, content }).await;
    }
    let page = world.inbox.list(&acme().tenant, None, 10).await.unwrap();
    assert_eq!((page.items.len(), page.damaged), (2, 2));
}

/// A further record whose first one was lost goes too.
#[tokio::test]
async fn what_is_left_of_a_delivery_is_forgotten_with_its_tenant() {
    let world = World::new().await;
    let _outcome = world.accept(&github("1", &vec![7; (1 << 20) + 1])).await;
    let mut rows = world.records().await;
    rows.retain(|row| row.key.id.ends_with("/00001"));
    let whole = world.records().await;
    let first = whole.iter().find(|row| row.key != rows[0].key).unwrap();
    let (key, version) = (first.key.clone(), first.version);
    world.apply(Write::Delete { key, version }).await;
    assert_eq!(world.inbox.forget_tenant(&acme().tenant).await.unwrap(), 1);
    assert!(world.records().await.is_empty());
}

/// Whether an id came and was signed is one byte, and it fits the id.
#[tokio::test]
async fn a_row_that_contradicts_itself_is_damaged() {
    let world = World::new().await;
    for (id, kinds) in [("1", [0, 3]), ("", [1, 2])] {
        let _outcome = world.accept(&github(id, id.as_bytes())).await;
        let row = world.records().await.remove(0);
        for kind in kinds {
            let mut data = row.data.clone();
            data[141] = kind;
            let error = inbox::reread(&data).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{id} {kind}");
        }
        world.inbox.forget_endpoint(&acme()).await.unwrap();
    }
}

#[tokio::test]
async fn a_body_that_is_not_what_was_sealed_is_a_dead_letter_at_once() {
    let world = World::new().await;
    let _outcome = world.accept(&github("1", b"{}")).await;
    let row = world.records().await.remove(0);
    change(&world, row, |content| {
        let at = content.sealed.len() - 4;
        let other = if content.sealed.as_bytes()[at] == b'A' {
            "B"
        } else {
            "A"
        };
        content.sealed.replace_range(at..=at, other);
    })
    .await;
    assert!(world.is_idle().await);
    let dead = &listed(&world).await[0];
    assert_eq!(
        (dead.state(), dead.fault(), dead.attempts()),
        (State::Dead, Fault::Damaged, 1)
    );
}

#[tokio::test]
async fn a_policy_without_a_lease_waits_or_attempts_is_refused() {
    let world = World::new().await;
    let zeros: [fn(&mut InboxPolicy); 4] = [
        |policy| policy.lease = Duration::ZERO,
        |policy| policy.first_wait = Duration::ZERO,
        |policy| policy.longest_wait = Duration::ZERO,
        |policy| policy.attempts = 0,
    ];
    for zero in zeros {
        let mut policy = InboxPolicy::default();
        zero(&mut policy);
        let built = Inbox::builder(world.keyring.clone(), Arc::clone(&world.store));
        let refused = built.policy(policy).build().await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Misuse);
    }
    let gibibyte = 1 << 30;
    let default = InboxPolicy::default();
    assert_eq!(
        (default.tenant_bytes, default.bytes),
        (gibibyte, 8 * gibibyte)
    );
}

/// A key that is withdrawn puts a row off for a minute; a newer release's row is left to it.
#[tokio::test]
async fn rows_that_this_process_cannot_open() {
    let world = World::new().await;
    let other = endpoint("acme", "newer");
    for (of, n) in [(&acme(), "1"), (&acme(), "2"), (&other, "3")] {
        let hook = github(n, n.as_bytes());
        let accepted = world.inbox.accept(of, &hook.get()).await.unwrap();
        assert_eq!(accepted.outcome(), Outcome::Stored);
    }
    // One that was taken by a worker that died.
    let dead = world.taken().await;
    let row = dead.row();
    std::mem::forget(dead);
    world.pass(300_000).await;
    let old = world.keyring.status().keys[0].id;
    let admin = world.keyring.admin();
    let _new = admin.rotate(world.inbox.purpose()).await.unwrap();
    admin.promote_ready().await.unwrap();
    admin.disable(old).await.unwrap();
    assert!(world.is_idle().await);
    for listed in listed(&world).await {
        assert_eq!(
            (listed.state(), listed.fault()),
            (State::Waiting, Fault::NoKey)
        );
        assert_eq!((listed.since(), listed.due()), (at(300_000), at(360_000)));
        assert_eq!(listed.attempts(), u32::from(listed.row() == row));
    }
    assert!(world.records().await.iter().all(is_nobodys));
    admin.enable(old).await.unwrap();
    let mut rows = world.records().await;
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    change(&world, rows.remove(0), |content| {
        content.data = b"no head".to_vec()
    })
    .await;
    change(&world, rows.remove(1), |content| content.data[4] = 2).await;
    let report = Pass::new(&world.keyring, world.inbox.purpose())
        .run()
        .await
        .unwrap();
    assert_eq!((report.moved, report.quarantined, report.left), (1, 1, 2));
}

/// Another process, which keeps no inbox itself, counts the rows of each store it is shown.
#[tokio::test]
async fn a_process_that_attaches_counts_the_rows_of_that_store_alone() {
    let keys = Arc::new(MemoryStore::new(10_000));
    let root = Arc::new(EphemeralRoot::new(&Provider::default()).unwrap());
    let purposes = ["webhook", "notes"].map(|name| Purpose::new(name).unwrap());
    let builder = || Keyring::builder(keys.clone(), root.clone()).clock(clock());
    let keyring = builder().create(&purposes, &[]).await.unwrap();
    let githubs = Webhook::new(preset::GITHUB, Provider::default()).unwrap();
    let stores = [(); 2].map(|()| Arc::new(MemoryStore::new(1_000)));
    for (store, purpose) in stores.iter().zip(&purposes) {
        let built = Inbox::builder(keyring.clone(), store.clone())
            .purpose(purpose.clone())
            .provider(&githubs, OnceTerms::of(githubs.scheme()))
            .unwrap();
        let _inbox = built.build().await.unwrap();
    }
    let column = |store: &MemoryStore, name: &str, purpose: usize| {
        ColumnId::new(store.identity().unwrap(), name, purposes[purpose].clone()).unwrap()
    };
    let notes = column(&stores[0], "notes", 1);
    keyring.register(&notes, true).await.unwrap();
    let other = builder().open().await.unwrap();
    let store: Arc<dyn Stores> = stores[0].clone();
    let trail = Trail::new(Arc::new(Discard::new()));
    Inbox::attach(&other, store, trail).await.unwrap();
    let known = |store: usize, purpose: usize| {
        let column = column(&stores[store], "webhook-inbox", purpose);
        other.coverages().has(&column)
    };
    assert_eq!(
        [known(0, 0), known(1, 0), known(0, 1)],
        [true, false, false]
    );
    assert_eq!(other.coverages().all().len(), 1);
}
