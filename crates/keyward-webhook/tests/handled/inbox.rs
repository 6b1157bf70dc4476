//! Deliveries that are kept, handled afterwards, and never lost.

use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use keyward_base::{Clock as _, ErrorKind, ManualClock, Purpose};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, Keyring, Pass, Promotion};
use keyward_store::{
    Applied, Collection, Content, MemoryStore, Record, RecordKey, Scan, Stores, Write,
};
use keyward_testkit::{Needles, RecordingAudit};
use keyward_webhook::inbox::policy::InboxPolicy;
use keyward_webhook::inbox::{Fault, State};
use keyward_webhook::{
    BearerToken, Claims, Delivery, Endpoint, Inbox, OnceTerms, Outcome, OwnedWebhook, Scheme,
    Taken, Webhook, WholeBody, Worked, preset,
};

use crate::support::{acme, at, clock, endpoint, github, gitlab, standard};

const SECOND: u64 = 1_000;
const DAY: u64 = 86_400 * SECOND;

pub(crate) struct World {
    pub(crate) inbox: Inbox,
    pub(crate) store: Arc<dyn Stores>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) keyring: Keyring,
    pub(crate) audit: Arc<RecordingAudit>,
}

fn webhook<C: keyward_webhook::Coverage>(scheme: Scheme<C>) -> Webhook<C> {
    Webhook::new(scheme, Provider::default()).unwrap()
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(InboxPolicy::default(), |terms| terms).await
    }

    /// One whose deliveries are dead letters after so many attempts.
    pub(crate) async fn giving_up_after(attempts: u32) -> Self {
        let mut policy = InboxPolicy::default();
        policy.attempts = attempts;
        Self::with(policy, |terms| terms).await
    }

    pub(crate) async fn with(policy: InboxPolicy, github: fn(OnceTerms) -> OnceTerms) -> Self {
        let (clock, audit) = (clock(), Arc::new(RecordingAudit::new()));
        let store: Arc<dyn Stores> = Arc::new(MemoryStore::new(100_000));
        let root = Arc::new(EphemeralRoot::new(&Provider::default()).unwrap());
        let purposes = [Purpose::new("webhook").unwrap()];
        let keyring = Keyring::builder(Arc::new(MemoryStore::new(10_000)), root)
            .clock(clock.clone())
            .create(&purposes, &[])
            .await
            .unwrap();
        let githubs = webhook(preset::GITHUB);
        let terms = github(OnceTerms::of(githubs.scheme()));
        let standards = webhook(preset::STANDARD_WEBHOOKS);
        let gitlabs = webhook(preset::GITLAB_TOKEN);
        let inbox = Inbox::builder(keyring.clone(), Arc::clone(&store))
            .provider(&githubs, terms)
            .unwrap()
            .provider(&standards, OnceTerms::of(standards.scheme()))
            .unwrap()
            .provider(&gitlabs, OnceTerms::of(gitlabs.scheme()))
            .unwrap()
            .audit(audit.clone())
            .policy(policy)
            .build()
            .await
            .unwrap();
        Self {
            inbox,
            store,
            clock,
            keyring,
            audit,
        }
    }

    pub(crate) async fn pass(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
        self.keyring.refresh().await.unwrap();
    }

    pub(crate) async fn accept(&self, hook: &OwnedWebhook<WholeBody>) -> Outcome {
        let accepted = self.inbox.accept(&acme(), &hook.get()).await.unwrap();
        if accepted.outcome() != Outcome::DeadLetter {
            assert_eq!(
                accepted.row().is_some(),
                accepted.outcome() == Outcome::Stored
            );
        }
        accepted.outcome()
    }

    pub(crate) async fn taken(&self) -> Taken {
        self.inbox.next().await.unwrap().expect("nothing is due")
    }

    pub(crate) async fn is_idle(&self) -> bool {
        self.inbox.next().await.unwrap().is_none()
    }

    async fn fail(&self) {
        let worked = self.taken().await.run(async { Err::<(), _>("no") }).await;
        assert!(matches!(worked.unwrap(), Worked::Failed("no")));
    }

    pub(crate) async fn finish(&self) {
        let worked = self.taken().await.run(async { Ok::<_, ()>(()) }).await;
        assert!(matches!(worked.unwrap(), Worked::Done(())));
    }

    pub(crate) async fn records(&self) -> Vec<Record> {
        let mut pages = Scan::of(Collection::named("webhook-inbox")).pages(self.store.as_ref());
        let mut all = Vec::new();
        while let Some(page) = pages.next().await.unwrap() {
            all.extend(page);
        }
        all
    }

    async fn counts(&self) -> (u64, u64, u64) {
        let counts = self.inbox.counts(None).await.unwrap();
        (counts.waiting, counts.dead, counts.finished)
    }

    pub(crate) async fn apply(&self, write: Write) {
        let applied = self.store.apply(vec![write]).await.unwrap();
        assert!(matches!(applied, Applied::Done(_)));
    }
}

#[tokio::test]
async fn a_delivery_is_kept_whole_and_handled_once() {
    let world = World::new().await;
    let hook = github("7", b"{\"ref\":1}");
    assert_eq!(world.accept(&hook).await, Outcome::Stored);
    for _ in 0..3 {
        assert_eq!(world.accept(&hook).await, Outcome::Done);
    }
    let captured = github("8", b"{\"ref\":1}");
    assert_eq!(world.accept(&captured).await, Outcome::Repeated);
    assert_eq!(world.counts().await, (1, 0, 0));
    world.pass(1).await;
    let taken = world.taken().await;
    assert_eq!((taken.attempt(), taken.endpoint()), (1, &acme()));
    let kept = taken.hook();
    let (was, is) = (hook.get(), kept.get());
    assert_eq!(
        (is.provider(), is.body(), is.key()),
        (was.provider(), was.body(), was.key())
    );
    assert_eq!(
        (is.received_at(), is.signed_at()),
        (was.received_at(), was.signed_at())
    );
    assert_eq!(is.delivery(), was.delivery());
    assert_eq!(is.event(), was.event());
    assert_eq!(is.dedupe(), was.dedupe());
    assert!(is.whole_body().is_some());
    assert!(world.is_idle().await, "it was taken twice");
    let worked = taken.run(async { Ok::<_, ()>(7) }).await.unwrap();
    assert!(matches!(worked, Worked::Done(7)));
    assert!(world.is_idle().await);
    assert_eq!(world.accept(&hook).await, Outcome::Done);
    assert_eq!(world.counts().await, (0, 0, 1));
}

/// What signed nothing is not handed to who takes whole bodies alone.
#[tokio::test]
async fn what_a_proof_covered_is_kept_with_it() {
    let world = World::new().await;
    let hook: OwnedWebhook<BearerToken> = gitlab("key-1", b"{}");
    let accepted = world.inbox.accept(&acme(), &hook.get()).await.unwrap();
    assert_eq!(accepted.outcome(), Outcome::Stored);
    let kept = world.taken().await.hook();
    assert!(kept.get().whole_body().is_none());
    assert!(kept.get().bearer_token().is_some());
    assert!(matches!(kept.get().delivery(), Delivery::Unsigned(_)));
}

#[tokio::test]
async fn a_body_of_any_length_comes_back_as_it_was() {
    let world = World::new().await;
    let mib = 1 << 20;
    let mut records = 0;
    for (len, pieces) in [(0, 1), (1, 1), (mib, 1), (mib + 1, 2), (2 * mib + 7, 3)] {
        let body: Vec<u8> = (0..len).map(|n: usize| (n % 251) as u8).collect();
        assert_eq!(world.accept(&github("1", &body)).await, Outcome::Stored);
        records += pieces;
        assert_eq!(world.records().await.len(), records, "{len}");
        let taken = world.taken().await;
        assert_eq!(taken.hook().get().body(), body);
        let _worked = taken.run(async { Ok::<_, ()>(()) }).await.unwrap();
    }
    world.pass(7 * DAY - 1).await;
    assert_eq!(world.inbox.tidy().await.unwrap(), 0);
    world.pass(1).await;
    assert_eq!(world.inbox.tidy().await.unwrap(), 5);
    assert!(world.records().await.is_empty());
}

#[tokio::test]
async fn one_that_keeps_failing_waits_longer_each_time_and_is_a_dead_letter_in_the_end() {
    let world = World::new().await;
    assert_eq!(world.accept(&github("1", b"{}")).await, Outcome::Stored);
    let mut whole = 10 * SECOND;
    for attempt in 1..16 {
        world.fail().await;
        let listed = world
            .inbox
            .list(&acme().tenant, None, 10)
            .await
            .unwrap()
            .items;
        let (since, due) = (listed[0].since(), listed[0].due());
        let wait = due.saturating_since(since).as_millis() as u64;
        assert!(
            (whole / 2..=whole).contains(&wait),
            "{attempt}: {wait} of {whole}"
        );
        assert_eq!(
            (listed[0].fault(), listed[0].attempts()),
            (Fault::Failed, attempt)
        );
        world.pass(wait - 1).await;
        assert!(world.is_idle().await, "{attempt}: too soon");
        world.pass(1).await;
        whole = (whole * 2).min(3_600 * SECOND);
    }
    world.fail().await;
    assert!(world.is_idle().await);
    assert_eq!(world.counts().await, (0, 1, 0));
    let page = world.inbox.dead_letters(None, None, 10).await.unwrap();
    let dead = page.items.first().unwrap();
    assert_eq!(
        (dead.state(), dead.fault(), dead.attempts()),
        (State::Dead, Fault::Failed, 16)
    );
    assert_eq!((dead.provider(), dead.body_len()), ("github", 2));
    assert_eq!(world.audit.last().unwrap().action, "webhook.dead-letter");
    // It stays, and the sender's next attempt is done with.
    world.pass(100 * DAY).await;
    assert_eq!(world.inbox.tidy().await.unwrap(), 0);
    assert_eq!(world.counts().await, (0, 1, 0));

    // Replayed: once, whoever asks again meanwhile.
    let (of, row) = (dead.endpoint().clone(), dead.row());
    assert!(world.inbox.replay(&of, row).await.unwrap());
    assert!(!world.inbox.replay(&of, row).await.unwrap());
    let taken = world.taken().await;
    assert_eq!(taken.attempt(), 1);
    assert!(!world.inbox.replay(&of, row).await.unwrap());
    let _worked = taken.run(async { Ok::<_, ()>(()) }).await.unwrap();
    assert!(world.is_idle().await);
    // What was handled can be replayed too, as long as its body is kept.
    assert!(world.inbox.replay(&of, row).await.unwrap());
    world.finish().await;
    assert!(world.is_idle().await);
    let other = endpoint("globex", "deploys");
    let missing = world.inbox.replay(&other, row).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Rejected);
}

#[tokio::test]
async fn a_handler_that_panics_or_is_dropped_gives_the_delivery_back() {
    let world = World::new().await;
    assert_eq!(world.accept(&github("1", b"{}")).await, Outcome::Stored);
    let panics = async {
        if at(0) > at(0) {
            return Ok::<(), ()>(());
        }
        panic!("a handler's own")
    };
    let worked = world.taken().await.run(panics).await.unwrap();
    assert!(matches!(worked, Worked::Panicked(_)));
    assert!(world.is_idle().await);
    world.pass(10 * SECOND).await;
    let taken = world.taken().await;
    let mut run = Box::pin(taken.run(pending::<Result<(), ()>>()));
    poll_fn(|cx| Poll::Ready(run.as_mut().poll(cx).is_pending())).await;
    assert!(world.is_idle().await);
    drop(run);
    assert_eq!(world.taken().await.attempt(), 3);
    world.finish().await;
    assert!(world.is_idle().await);
}

#[tokio::test]
async fn a_worker_that_died_is_followed_and_records_nothing_any_more() {
    let world = World::new().await;
    assert_eq!(world.accept(&github("1", b"{}")).await, Outcome::Stored);
    let first = world.taken().await;
    world.pass(300 * SECOND - 1).await;
    assert!(world.is_idle().await);
    world.pass(1).await;
    let second = world.taken().await;
    assert_eq!(second.attempt(), 2);
    let late = first.run(async { Ok::<_, ()>(()) }).await.unwrap();
    assert!(matches!(late, Worked::Overtaken(())));
    assert_eq!(world.counts().await, (1, 0, 0));
    let worked = second.run(async { Ok::<_, ()>(()) }).await.unwrap();
    assert!(matches!(worked, Worked::Done(())));
    // One whose workers all die is given up too.
    assert_eq!(world.accept(&github("2", b"[]")).await, Outcome::Stored);
    for _ in 0..16 {
        std::mem::forget(world.taken().await);
        world.pass(300 * SECOND).await;
    }
    assert!(world.is_idle().await);
    let dead = world
        .inbox
        .dead_letters(None, None, 10)
        .await
        .unwrap()
        .items;
    assert_eq!(dead[0].fault(), Fault::TimedOut);
}

#[tokio::test]
async fn a_known_id_with_another_body_is_a_dead_letter_once() {
    let world = World::new().await;
    assert_eq!(
        world.accept(&standard("m", b"1", at(0))).await,
        Outcome::Stored
    );
    for _ in 0..3 {
        assert_eq!(
            world.accept(&standard("m", b"2", at(0))).await,
            Outcome::DeadLetter
        );
    }
    assert_eq!(
        world.accept(&standard("m", b"3", at(0))).await,
        Outcome::DeadLetter
    );
    assert_eq!(
        world.accept(&standard("m", b"1", at(0))).await,
        Outcome::Done
    );
    assert_eq!(world.counts().await, (1, 2, 0));
    let dead = world
        .inbox
        .dead_letters(Some(&acme().tenant), None, 10)
        .await
        .unwrap();
    assert!(
        dead.items
            .iter()
            .all(|dead| dead.fault() == Fault::Conflict)
    );
    let row = dead.items[0].row();
    world.finish().await;
    assert!(world.inbox.replay(&acme(), row).await.unwrap());
    assert_ne!(world.taken().await.hook().get().body(), b"1");
}

#[tokio::test]
async fn a_repeated_body_is_kept_where_it_may_run() {
    let policy = InboxPolicy::default();
    let world = World::with(policy, OnceTerms::run_repeated).await;
    assert_eq!(world.accept(&github("1", b"{}")).await, Outcome::Stored);
    assert_eq!(world.accept(&github("2", b"{}")).await, Outcome::Stored);
    assert_eq!(world.accept(&github("2", b"{}")).await, Outcome::Done);
    assert_eq!(world.accept(&github("1", b"{}")).await, Outcome::Done);
    let (one, two) = (world.taken().await, world.taken().await);
    assert!(one.is_repeated() != two.is_repeated());
    assert_ne!(one.claim(), two.claim());
}

/// A row opens where it was put, as it was put, or not at all.
#[tokio::test]
async fn bodies_are_sealed_and_bound_to_where_they_lie() {
    let world = World::new().await;
    let secret = b"{\"card\":\"the customer's own words, 4111-1111-1111-1111\"}";
    assert_eq!(world.accept(&github("1", secret)).await, Outcome::Stored);
    let mut needles = Needles::new();
    needles.add("body", secret).unwrap();
    let row = world.records().await.into_iter().next().unwrap();
    for bytes in [row.sealed.as_bytes(), &row.data] {
        assert!(needles.find(bytes).is_empty());
    }
    // Every byte of the facts is bound; those before them are the store's own.
    let facts = 43..row.data.len();
    let moved = |owner: &str, id: String| RecordKey {
        owner: owner.to_owned(),
        id,
        ..row.key.clone()
    };
    let (front, name) = row.key.id.rsplit_once('/').unwrap();
    let mut wrong = vec![
        (moved("globex", row.key.id.clone()), row.data.clone()),
        (moved("acme", format!("other/{name}")), row.data.clone()),
        (
            moved("acme", format!("{front}/{}", "0".repeat(32))),
            row.data.clone(),
        ),
    ];
    for at in facts.step_by(7) {
        let mut data = row.data.clone();
        data[at] ^= 1;
        wrong.push((moved("acme", row.key.id.clone()), data));
    }
    for (key, data) in wrong {
        let version = world.records().await.first().map(|row| row.version);
        let delete = |row: Record| Write::Delete {
            key: row.key,
            version: row.version,
        };
        for row in world.records().await {
            world.apply(delete(row)).await;
        }
        let content = Content {
            data,
            ..row.content.clone()
        };
        world.apply(Write::Insert { key, content }).await;
        assert!(world.is_idle().await, "{version:?}");
        let (waiting, dead, _) = world.counts().await;
        // Where the facts read no more, or name a provider that is none, nobody takes it.
        assert!(waiting + dead <= 1);
        let events = world.audit.take();
        assert!(
            events
                .iter()
                .all(|event| event.outcome.as_str() == "failed")
        );
    }
    let back = Write::Insert {
        key: row.key.clone(),
        content: row.content.clone(),
    };
    for row in world.records().await {
        let delete = Write::Delete {
            key: row.key,
            version: row.version,
        };
        world.apply(delete).await;
    }
    world.apply(back).await;
    assert_eq!(world.taken().await.hook().get().body(), secret);
}

/// Rows that nobody here can read, or that are another release's, keep no others from their turn.
#[tokio::test]
async fn what_cannot_be_read_stands_in_nobodys_way() {
    let world = World::new().await;
    let word = |n: u64| format!("w{n:016x}");
    let mut newer = b"kwin\x02".to_vec();
    newer.extend_from_slice(&[0; 90]);
    for (n, data) in [&b"no row"[..], b"kwin\x01", &newer]
        .into_iter()
        .enumerate()
    {
        for id in ["deploys/x", "deploys/00000000000000000000000000000000"] {
            let key = RecordKey {
                collection: Collection::named("webhook-inbox"),
                owner: "acme".to_owned(),
                id: format!("{n}{id}"),
            };
            let content = Content {
                data: data.to_vec(),
                word: word(1),
                ..Content::default()
            };
            world.apply(Write::Insert { key, content }).await;
        }
    }
    assert_eq!(world.accept(&github("1", b"{}")).await, Outcome::Stored);
    world.finish().await;
    assert!(world.is_idle().await);
    let aside = |event: &keyward_base::Event| event.action == "webhook.quarantine";
    assert_eq!(world.audit.events().iter().filter(|e| aside(e)).count(), 5);
    let page = world.inbox.list(&acme().tenant, None, 100).await.unwrap();
    assert_eq!((page.items.len(), page.damaged), (1, 6));
    // All of it is forgotten with its tenant.
    assert_eq!(world.inbox.forget_tenant(&acme().tenant).await.unwrap(), 7);
    assert!(world.records().await.is_empty());
}

#[tokio::test]
async fn deliveries_are_listed_and_forgotten_by_tenant_and_endpoint() {
    let world = World::new().await;
    let endpoints = [
        ("acme", "a"),
        ("acme", "a/b"),
        ("acme", "ab"),
        ("globex", "a"),
    ];
    let body = vec![7; (1 << 20) + 1];
    for (tenant, id) in endpoints {
        for n in 0..3 {
            let hook = github(&n.to_string(), &[&body[..], &[n]].concat());
            let of = endpoint(tenant, id);
            let accepted = world.inbox.accept(&of, &hook.get()).await.unwrap();
            assert_eq!(accepted.outcome(), Outcome::Stored);
            world.pass(1).await;
        }
    }
    for (tenant, id) in endpoints {
        let of = endpoint(tenant, id);
        let mut rows = Vec::new();
        let mut after = None;
        loop {
            let page = world.inbox.list_endpoint(&of, after, 2).await.unwrap();
            assert!(page.items.iter().all(|listed| *listed.endpoint() == of));
            rows.extend(page.items.iter().map(keyward_webhook::inbox::Listed::row));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(rows.len(), 3, "{of:?}");
        assert!(rows.is_sorted());
    }
    let of = endpoint("acme", "a");
    let rows = world
        .inbox
        .list_endpoint(&of, None, 10)
        .await
        .unwrap()
        .items;
    let (first, known) = (
        &rows[0],
        world.inbox.look(&of, rows[0].row()).await.unwrap(),
    );
    assert_eq!(known.claim(), first.claim());
    // A worker that has it loses it, and its sender can send it again.
    let taken = world.taken().await;
    assert_eq!(taken.endpoint(), &of);
    let row = taken.row();
    let hook = taken.hook();
    assert!(world.inbox.forget(&of, row).await.unwrap());
    assert!(!world.inbox.forget(&of, row).await.unwrap());
    assert_eq!(
        world
            .inbox
            .accept(&of, &hook.get())
            .await
            .unwrap()
            .outcome(),
        Outcome::Stored
    );
    let worked = taken.run(async { Ok::<_, ()>(()) }).await.unwrap();
    assert!(matches!(worked, Worked::Overtaken(())));
    assert_eq!(world.inbox.forget_endpoint(&of).await.unwrap(), 3);
    assert_eq!(world.counts().await, (9, 0, 0));
    assert_eq!(world.inbox.forget_tenant(&of.tenant).await.unwrap(), 6);
    assert_eq!(world.counts().await, (3, 0, 0));
    assert_eq!(world.records().await.len(), 6);
    let acts: Vec<_> = world.audit.events();
    let forgets = acts.iter().filter(|event| event.action == "webhook.forget");
    assert_eq!(forgets.count(), 6, "an intent and an outcome each");
}

#[tokio::test]
async fn what_an_operator_does_is_told_before_it_is_done() {
    let world = World::new().await;
    let accepted = world
        .inbox
        .accept(&acme(), &github("1", b"{}").get())
        .await
        .unwrap();
    world.finish().await;
    world.audit.set_failing(true);
    let row = accepted.row().unwrap();
    for refused in [
        world.inbox.replay(&acme(), row).await.err(),
        world.inbox.forget(&acme(), row).await.err(),
        world.inbox.forget_endpoint(&acme()).await.err(),
        world.inbox.forget_tenant(&acme().tenant).await.err(),
    ] {
        assert_eq!(refused.unwrap().kind(), ErrorKind::Unavailable);
    }
    assert_eq!(world.counts().await, (0, 0, 1));
}

#[tokio::test]
async fn an_inbox_that_is_full_says_so_and_takes_more_when_there_is_room() {
    let mut policy = InboxPolicy::default();
    (policy.tenant_rows, policy.tenant_bytes, policy.rows) = (2, 100, 3);
    let world = World::with(policy, |terms| terms).await;
    let accept = async |of: &Endpoint, body: &[u8]| {
        let accepted = world.inbox.accept(of, &github("1", body).get()).await;
        accepted
            .map(|accepted| accepted.outcome())
            .map_err(|e| e.kind())
    };
    let (acme, globex, umbra) = (acme(), endpoint("globex", "a"), endpoint("umbra", "a"));
    assert_eq!(accept(&acme, &[1; 101]).await, Err(ErrorKind::Unavailable));
    assert_eq!(accept(&acme, &[1; 60]).await, Ok(Outcome::Stored));
    assert_eq!(accept(&acme, &[2; 41]).await, Err(ErrorKind::Unavailable));
    assert_eq!(accept(&acme, &[2; 40]).await, Ok(Outcome::Stored));
    assert_eq!(accept(&acme, b"").await, Err(ErrorKind::Unavailable));
    assert_eq!(accept(&globex, b"1").await, Ok(Outcome::Stored));
    assert_eq!(accept(&umbra, b"1").await, Err(ErrorKind::Unavailable));
    assert_eq!(world.inbox.forget_tenant(&globex.tenant).await.unwrap(), 1);
    assert_eq!(accept(&umbra, b"1").await, Ok(Outcome::Stored));
    // Rows that went behind its back are seen by the next count.
    for row in world.records().await {
        let delete = Write::Delete {
            key: row.key,
            version: row.version,
        };
        world.apply(delete).await;
    }
    world.inbox.tidy().await.unwrap();
    assert_eq!(accept(&acme, b"").await, Err(ErrorKind::Unavailable));
    world.pass(300 * SECOND).await;
    world.inbox.tidy().await.unwrap();
    assert_eq!(accept(&acme, b"").await, Ok(Outcome::Stored));
}

/// A key is not destroyed while a row needs it, and rotation to the end moves them all.
#[tokio::test]
async fn rows_take_part_in_rotation() {
    let world = World::new().await;
    let body = vec![7; (1 << 20) + 1];
    assert_eq!(world.accept(&github("1", &body)).await, Outcome::Stored);
    assert_eq!(world.accept(&github("2", b"{}")).await, Outcome::Stored);
    let first = world.taken().await;
    let admin = world.keyring.admin();
    let old = world.keyring.status().keys[0].id;
    let new = admin.rotate(world.inbox.purpose()).await.unwrap();
    assert_eq!(
        admin.promote_ready().await.unwrap(),
        Promotion::Promoted(vec![new])
    );
    admin.disable(old).await.unwrap();
    let needed = admin.destroy(old).await.unwrap_err();
    assert!(
        needed.to_string().contains("3 values still need"),
        "{needed}"
    );
    // A key that is withdrawn puts its own rows off, and those of the new one go on.
    assert_eq!(world.accept(&github("3", b"[]")).await, Outcome::Stored);
    let taken = world.taken().await;
    assert_eq!(taken.hook().get().body(), b"[]");
    let _worked = taken.run(async { Ok::<_, ()>(()) }).await.unwrap();
    assert!(world.is_idle().await);
    let page = world
        .inbox
        .list(&acme().tenant, None, 10)
        .await
        .unwrap()
        .items;
    let put_off = page.iter().find(|listed| listed.fault() == Fault::NoKey);
    assert_eq!(put_off.unwrap().attempts(), 0);
    admin.enable(old).await.unwrap();

    let report = Pass::new(&world.keyring, world.inbox.purpose())
        .run()
        .await
        .unwrap();
    assert_eq!((report.moved, report.quarantined, report.left), (3, 0, 0));
    admin.disable(old).await.unwrap();
    assert_eq!(admin.destroy(old).await.unwrap().key, old);
    // The one that was being handled is finished, wherever its row was moved.
    let worked = first.run(async { Ok::<_, ()>(()) }).await.unwrap();
    assert!(matches!(worked, Worked::Done(())));
    world.pass(60 * SECOND).await;
    world.finish().await;
    assert!(world.is_idle().await);
    assert_eq!(world.counts().await, (0, 0, 3));
    for listed in page {
        assert!(world.inbox.replay(&acme(), listed.row()).await.unwrap());
    }
    let ran = AtomicUsize::new(0);
    while let Some(taken) = world.inbox.next().await.unwrap() {
        ran.fetch_add(taken.hook().get().body().len(), Ordering::SeqCst);
        let _worked = taken.run(async { Ok::<_, ()>(()) }).await.unwrap();
    }
    assert_eq!(ran.load(Ordering::SeqCst), body.len() + 4);
    // A key that is gone makes dead letters, not endless attempts.
    assert_eq!(world.clock.now().unwrap(), at(60 * SECOND));
}

#[tokio::test]
async fn a_scheme_that_the_inbox_was_not_given_is_refused_and_left_to_others() {
    let world = World::new().await;
    let hook = crate::support::meta(b"{}");
    let refused = world.inbox.accept(&acme(), &hook.get()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
    let metas = webhook(preset::META);
    let other = Inbox::builder(world.keyring.clone(), Arc::clone(&world.store))
        .provider(&metas, OnceTerms::of(metas.scheme()))
        .unwrap()
        .build()
        .await
        .unwrap();
    let accepted = other.accept(&acme(), &hook.get()).await.unwrap();
    assert_eq!(accepted.outcome(), Outcome::Stored);
    assert!(world.is_idle().await);
    assert_eq!(world.counts().await, (1, 0, 0));
    assert_eq!(
        other.next().await.unwrap().unwrap().hook().get().body(),
        b"{}"
    );
    let builder = || Inbox::builder(world.keyring.clone(), Arc::clone(&world.store));
    let twice = builder()
        .provider(&metas, OnceTerms::of(metas.scheme()))
        .and_then(|builder| builder.provider(&metas, OnceTerms::of(metas.scheme())));
    let other = builder().provider(&metas, OnceTerms::of(&preset::GITHUB));
    let short = OnceTerms::of(metas.scheme()).keep(Duration::from_secs(1));
    for refused in [twice, other, builder().provider(&metas, short)] {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Misuse);
    }
}

#[tokio::test]
async fn the_newest_come_first_and_no_more_than_were_asked_for() {
    let world = World::new().await;
    let mut bodies = Vec::new();
    for n in 0..6 {
        let body = format!("delivery {n}");
        assert_eq!(
            world.accept(&github("", body.as_bytes())).await,
            Outcome::Stored
        );
        bodies.push(github("", body.as_bytes()).get().body_digest());
        // The first ones are older than an hour, and then than a day.
        world.pass(5 * 3_600_000).await;
    }
    bodies.reverse();
    for (endpoint, limit, shown) in [
        (acme(), 2, 2),
        (acme(), 50, 6),
        (endpoint("acme", "dep"), 9, 0),
    ] {
        let newest = world.inbox.newest(&endpoint, limit).await.unwrap();
        let newest: Vec<_> = newest
            .iter()
            .map(keyward_webhook::inbox::Listed::body_digest)
            .collect();
        assert_eq!(newest, bodies[..shown], "{limit}");
    }
}

/// A process that knows the ring and the barrier of before a rotation writes nothing under the old
/// key any more, and no body of it is lost.
#[tokio::test]
async fn a_process_that_slept_through_a_rotation_seals_under_the_new_key() {
    let (clock, data) = (clock(), Arc::new(MemoryStore::new(100_000)));
    let keys: Arc<MemoryStore> = Arc::new(MemoryStore::new(10_000));
    let root = Arc::new(EphemeralRoot::new(&Provider::default()).unwrap());
    let builder = || Keyring::builder(keys.clone(), root.clone()).clock(clock.clone());
    let purposes = [Purpose::new("webhook").unwrap()];
    let keyring = builder().create(&purposes, &[]).await.unwrap();
    let githubs = webhook(preset::GITHUB);
    let inbox = async |keyring: &Keyring| {
        Inbox::builder(keyring.clone(), data.clone())
            .provider(&githubs, OnceTerms::of(githubs.scheme()))
            .unwrap()
            .build()
            .await
            .unwrap()
    };
    let (awake, asleep) = (
        inbox(&keyring).await,
        inbox(&builder().open().await.unwrap()).await,
    );
    let accept = async |inbox: &Inbox, n: &str| {
        let hook = github(n, n.as_bytes());
        inbox.accept(&acme(), &hook.get()).await.unwrap().outcome()
    };
    assert_eq!(accept(&asleep, "1").await, Outcome::Stored);
    let admin = keyring.admin();
    let old = keyring.status().keys[0].id;
    let _new = admin.rotate(awake.purpose()).await.unwrap();
    admin.promote_ready().await.unwrap();
    let moved = Pass::new(&keyring, awake.purpose()).run().await.unwrap();
    assert_eq!((moved.moved, moved.left), (1, 0));
    assert_eq!(accept(&asleep, "2").await, Outcome::Stored);
    admin.disable(old).await.unwrap();
    assert_eq!(admin.destroy(old).await.unwrap().key, old);
    for _ in 0..2 {
        let taken = asleep.next().await.unwrap().unwrap();
        let _worked = taken.run(async { Ok::<_, ()>(()) }).await.unwrap();
    }
    assert_eq!(awake.counts(None).await.unwrap().finished, 2);
}

/// A barrier that cannot be read keeps new deliveries out, and none that was stored from its worker.
#[tokio::test]
async fn what_was_stored_is_handled_without_a_barrier() {
    let world = World::new().await;
    assert_eq!(world.accept(&github("1", b"{}")).await, Outcome::Stored);
    let mut barriers = Scan::of(Collection::named("barrier")).pages(world.store.as_ref());
    let barrier = barriers.next().await.unwrap().unwrap().remove(0);
    let (key, version) = (barrier.key, barrier.version);
    let content = Content {
        data: b"none".to_vec(),
        ..barrier.content
    };
    let damage = Write::Swap {
        key,
        version,
        content,
    };
    world.apply(damage).await;
    let githubs = webhook(preset::GITHUB);
    let next = Inbox::builder(world.keyring.clone(), Arc::clone(&world.store))
        .provider(&githubs, OnceTerms::of(githubs.scheme()))
        .unwrap()
        .build()
        .await
        .unwrap();
    let refused = next.accept(&acme(), &github("2", b"{}").get()).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Corrupt);
    world.pass(1).await;
    let taken = next.next().await.unwrap().unwrap();
    let worked = taken.run(async { Ok::<_, ()>(()) }).await.unwrap();
    assert!(matches!(worked, Worked::Done(())));
    assert_eq!(world.records().await.len(), 1);
}

/// A worker's claim is another one than the inbox's, which is done since the delivery was kept: it
/// would be told that its work is done, and the delivery be lost.
#[tokio::test]
async fn a_worker_may_claim_what_it_handles() {
    let world = World::new().await;
    let (terms, store) = (OnceTerms::of(&preset::GITHUB), Arc::clone(&world.store));
    let claims = Claims::new(terms, store, world.clock.clone()).unwrap();
    let hook = github("1", b"{}");
    let stored = world.inbox.accept(&acme(), &hook.get()).await.unwrap();
    let (ran, of) = (AtomicUsize::new(0), acme());
    let work = async || {
        let taken = world.taken().await;
        let kept = taken.hook();
        let handled = taken.run(async {
            let handler = async {
                ran.fetch_add(1, Ordering::SeqCst);
                Ok::<_, ()>(())
            };
            claims.handle(&of, &kept.get(), handler).await
        });
        assert!(matches!(
            handled.await.unwrap(),
            Worked::Done(Outcome::Done)
        ));
        kept
    };
    let kept = work().await;
    assert_eq!(ran.load(Ordering::SeqCst), 1);
    // Once, however often a worker begins; and what was taken in comes in no second time.
    let row = stored.row().unwrap();
    assert!(world.inbox.replay(&acme(), row).await.unwrap());
    let _kept = work().await;
    assert_eq!(ran.load(Ordering::SeqCst), 1);
    assert_eq!(world.accept(&hook).await, Outcome::Done);
    let again = world.inbox.accept(&acme(), &kept.get()).await.unwrap();
    assert_eq!(again.outcome(), Outcome::Done);
}

/// What a body is made of goes with it, though its first record says no more how much that is.
#[tokio::test]
async fn a_damaged_delivery_is_forgotten_whole() {
    let body = vec![7; (2 << 20) + 1];
    let damaged = async || {
        let world = World::new().await;
        let hook = github("1", &body);
        let accepted = world.inbox.accept(&acme(), &hook.get()).await.unwrap();
        let one = accepted.row().unwrap();
        world.pass(1).await;
        assert_eq!(world.accept(&github("2", b"{}")).await, Outcome::Stored);
        let first = world.records().await.remove(0);
        assert!(first.key.id.ends_with(&one.to_string()));
        let content = Content {
            data: b"no head".to_vec(),
            ..first.content
        };
        world
            .apply(Write::Swap {
                key: first.key,
                version: first.version,
                content,
            })
            .await;
        (world, one)
    };
    let (world, one) = damaged().await;
    assert!(world.inbox.forget(&acme(), one).await.unwrap());
    assert_eq!(world.records().await.len(), 1);
    let (world, _) = damaged().await;
    assert_eq!(world.inbox.forget_endpoint(&acme()).await.unwrap(), 2);
    assert!(world.records().await.is_empty());
    let (world, _) = damaged().await;
    assert_eq!(world.inbox.forget_tenant(&acme().tenant).await.unwrap(), 2);
    assert!(world.records().await.is_empty());
}

/// One that is damaged while it is handled keeps no other from being given back.
#[tokio::test]
async fn what_was_dropped_beside_a_damaged_row_is_given_back() {
    let world = World::new().await;
    for n in [1, 2] {
        assert_eq!(world.accept(&github("1", &[n])).await, Outcome::Stored);
    }
    let (one, two) = (world.taken().await, world.taken().await);
    let damaged = two.row().to_string();
    for row in world.records().await {
        if row.key.id.ends_with(&damaged) {
            let content = Content {
                data: b"no head".to_vec(),
                ..row.content
            };
            world
                .apply(Write::Swap {
                    key: row.key,
                    version: row.version,
                    content,
                })
                .await;
        }
    }
    let wanted = one.row();
    drop(one);
    drop(two);
    assert_eq!(world.taken().await.row(), wanted);
}

/// Parts of bodies go where they were put: neither to another place of their own body, nor to
/// another's.
#[tokio::test]
async fn parts_that_changed_places_do_not_open() {
    let bodies = [1, 2].map(|n: u8| {
        let mut body = vec![n; (2 << 20) + 1];
        body[1 << 20] ^= 4;
        body
    });
    // With what is public of it, or its sealed text alone.
    for (from, to, whole) in [
        (1, 2, true),
        (1, 4, true),
        (1, 4, false),
        (0, 3, true),
        (0, 3, false),
    ] {
        let world = World::new().await;
        for body in &bodies {
            assert_eq!(world.accept(&github("1", body)).await, Outcome::Stored);
            world.pass(1).await;
        }
        let records = world.records().await;
        assert_eq!(records.len(), 6);
        for (from, to) in [(from, to), (to, from)] {
            let (from, to): (&Record, &Record) = (&records[from], &records[to]);
            let content = if whole { from } else { to }.content.clone();
            world
                .apply(Write::Swap {
                    key: to.key.clone(),
                    version: to.version,
                    content: Content {
                        sealed: from.content.sealed.clone(),
                        ..content
                    },
                })
                .await;
        }
        while let Some(taken) = world.inbox.next().await.unwrap() {
            let hook = taken.hook();
            assert!(
                bodies.iter().any(|body| body == hook.get().body()),
                "a body was put together"
            );
            let _worked = taken.run(async { Ok::<_, ()>(()) }).await.unwrap();
        }
        let (_, dead, finished) = world.counts().await;
        let of_one = from / 3 == to / 3;
        let wanted = if of_one { (1, 1) } else { (2, 0) };
        assert_eq!((dead, finished), wanted, "{from} {to} {whole}");
    }
}

/// The claims of what was kept go when they lapse: no sender comes again by then.
#[tokio::test]
async fn claims_that_lapsed_are_removed() {
    let world = World::new().await;
    let hook = github("1", b"{}");
    assert_eq!(world.accept(&hook).await, Outcome::Stored);
    world.finish().await;
    let set = Collection::named("webhook");
    world.pass(3 * DAY).await;
    assert_eq!(world.inbox.tidy().await.unwrap(), 0);
    let now = world.clock.now().unwrap();
    assert_eq!(world.store.purge_once(&set, now, 10).await.unwrap(), 0);
    assert_eq!(world.accept(&hook).await, Outcome::Stored);
}

/// A claim that is kept until the secret changes is kept beyond its row, and no longer.
#[tokio::test]
async fn claims_can_be_kept_until_the_secret_changes() {
    let kept = OnceTerms::keep_until_secret_changes;
    let world = World::with(InboxPolicy::default(), kept).await;
    assert_eq!(world.accept(&github("1", b"{}")).await, Outcome::Stored);
    world.finish().await;
    for _ in 0..400 {
        world.pass(DAY).await;
    }
    world.inbox.tidy().await.unwrap();
    assert_eq!(world.accept(&github("1", b"{}")).await, Outcome::Done);
    assert_eq!(world.accept(&github("2", b"[]")).await, Outcome::Stored);

    let (since, own, other) = (at(300 * DAY), acme(), endpoint("acme", "other"));
    let changed = |provider, of| world.inbox.secret_changed(provider, of, since);
    assert_eq!(changed("github", &other).await.unwrap(), 0);
    assert_eq!(changed("github", &own).await.unwrap(), 1);
    assert_eq!(world.accept(&github("2", b"[]")).await, Outcome::Done);
    assert_eq!(world.accept(&github("1", b"{}")).await, Outcome::Stored);
    for wrong in ["no-such", "standard-webhooks"] {
        let refused = changed(wrong, &own).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Misuse);
    }
}
