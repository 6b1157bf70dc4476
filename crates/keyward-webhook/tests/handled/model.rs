//! Random histories, against what they should come to.

use std::collections::BTreeMap;
use std::time::Duration;

use keyward_base::{Clock as _, ErrorKind, Timestamp};
use keyward_store::conformance::block_on;
use keyward_webhook::inbox::{RowId, State};
use keyward_webhook::{
    ClaimId, Claimed, Lease, OnceTerms, Outcome, OwnedWebhook, Ran, Taken, WholeBody, Worked,
    preset,
};
use proptest::prelude::*;

use crate::inbox::World;
use crate::support::{acme, claims, clock, github, memory};

const LEASE: u64 = 60_000;
const KEEP: u64 = 3 * 86_400_000;

/// One body under two unsigned ids, and another body.
fn hooks() -> [OwnedWebhook<WholeBody>; 3] {
    [github("1", b"x"), github("2", b"x"), github("1", b"y")]
}

const BODIES: [usize; 3] = [0, 0, 1];

#[derive(Clone, Debug)]
enum Step {
    Advance(u64),
    Claim(usize),
    Drop(usize),
    Fail(usize),
    Finish(usize),
    Forget(usize),
    Replay(usize),
    Tidy,
}

fn step() -> impl Strategy<Value = Step> {
    let spans = prop_oneof![
        Just(LEASE - 1),
        Just(LEASE),
        Just(1),
        1_u64..3_600_000,
        KEEP - 1..=KEEP,
        Just(8 * 86_400_000),
    ];
    prop_oneof![
        3 => spans.prop_map(Step::Advance),
        6 => (0_usize..3).prop_map(Step::Claim),
        2 => (0_usize..8).prop_map(Step::Drop),
        2 => (0_usize..8).prop_map(Step::Fail),
        4 => (0_usize..8).prop_map(Step::Finish),
        1 => (0_usize..3).prop_map(Step::Forget),
        2 => (0_usize..4).prop_map(Step::Replay),
        1 => Just(Step::Tidy),
    ]
}

/// What is known of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Held { by: u64, until: u64, keep: u64 },
    Done { hook: usize, keep: u64 },
}

impl Known {
    const fn keep(self) -> u64 {
        match self {
            Self::Held { keep, .. } | Self::Done { keep, .. } => keep,
        }
    }
}

/// What of a claim is to be: the model.
#[derive(Default)]
struct Model {
    bodies: BTreeMap<usize, Known>,
    /// Leases that were dropped, and that the store was not told of.
    dropped: Vec<u64>,
}

impl Model {
    fn free(&mut self, by: u64) {
        self.bodies
            .retain(|_, known| !matches!(known, Known::Held { by: held, .. } if *held == by));
    }

    fn tell(&mut self) {
        for by in std::mem::take(&mut self.dropped) {
            self.free(by);
        }
    }

    fn holds(&self, by: u64) -> Option<(usize, u64)> {
        self.bodies.iter().find_map(|(body, known)| match known {
            Known::Held { by: held, keep, .. } if *held == by => Some((*body, *keep)),
            _ => None,
        })
    }
}

async fn run_claims(steps: Vec<Step>) {
    let clock = clock();
    let claims = claims(OnceTerms::of(&preset::GITHUB), memory(), &clock);
    let (hooks, mut model) = (hooks(), Model::default());
    let mut leases: Vec<(u64, usize, Lease)> = Vec::new();
    let mut count = 0;
    for step in steps {
        let now = clock.now().unwrap().as_millis();
        match step {
            Step::Advance(span) => clock.advance(Duration::from_millis(span)),
            Step::Claim(n) => {
                model.tell();
                let claimed = claims.claim(&acme(), &hooks[n].get()).await.unwrap();
                let known = model.bodies.get(&BODIES[n]).copied();
                match known.filter(|known| known.keep() > now) {
                    Some(Known::Held { until, .. }) if until > now => {
                        assert!(
                            matches!(claimed, Claimed::InFlight { until: told } if told.as_millis() == until)
                        );
                    }
                    Some(Known::Done { hook, .. }) if hook == n => {
                        assert!(matches!(claimed, Claimed::Done));
                    }
                    Some(Known::Done { .. }) => assert!(matches!(claimed, Claimed::Repeated)),
                    Some(Known::Held { .. }) | None => {
                        let Claimed::First(lease) = claimed else {
                            panic!("{claimed:?}, and it was free");
                        };
                        count += 1;
                        let (until, keep) = (now + LEASE, now + KEEP);
                        let held = Known::Held {
                            by: count,
                            until,
                            keep,
                        };
                        model.bodies.insert(BODIES[n], held);
                        leases.push((count, n, lease));
                    }
                }
            }
            Step::Drop(at) if at < leases.len() => {
                let (by, _, lease) = leases.remove(at);
                drop(lease);
                model.dropped.push(by);
            }
            Step::Fail(at) if at < leases.len() => {
                let (by, _, lease) = leases.remove(at);
                let ran = lease.run(async { Err::<(), _>(()) }).await.unwrap();
                assert!(matches!(ran, Ran::Failed(())));
                model.free(by);
            }
            Step::Finish(at) if at < leases.len() => {
                let (by, hook, lease) = leases.remove(at);
                let ran = lease.run(async { Ok::<_, ()>(()) }).await.unwrap();
                match model.holds(by) {
                    Some((body, keep)) => {
                        assert!(matches!(ran, Ran::Done(())));
                        model.bodies.insert(body, Known::Done { hook, keep });
                    }
                    None => assert!(matches!(ran, Ran::Overtaken(()))),
                }
            }
            Step::Forget(n) => {
                let id = claims.id(&acme(), &hooks[n].get()).unwrap();
                let forgotten = claims.forget(&acme(), id).await.unwrap();
                assert_eq!(forgotten, model.bodies.remove(&BODIES[n]).is_some());
            }
            Step::Tidy => {
                model.tell();
                let before = model.bodies.len();
                model.bodies.retain(|_, known| known.keep() > now);
                let gone = (before - model.bodies.len()) as u64;
                assert_eq!(claims.tidy().await.unwrap(), gone);
            }
            _ => {}
        }
    }
}

/// A row as it should be.
#[derive(Clone, Copy, Debug)]
struct Row {
    state: State,
    attempts: u32,
    due: u64,
    since: u64,
    holder: u64,
    claim: ClaimId,
}

const ATTEMPTS: u32 = 3;

struct Shelf {
    world: World,
    rows: BTreeMap<RowId, Row>,
    /// Until when each body is known, under which hook.
    claims: BTreeMap<usize, (usize, u64, ClaimId)>,
    taken: Vec<(u64, Taken)>,
    dropped: Vec<(u64, RowId)>,
    count: u64,
}

impl Shelf {
    fn now(&self) -> u64 {
        self.world.clock.now().unwrap().as_millis()
    }

    /// Gives back what was dropped.
    fn tell(&mut self) {
        let now = self.now();
        for (by, row) in std::mem::take(&mut self.dropped) {
            if let Some(row) = self.held(by, row) {
                row.state = if row.attempts >= ATTEMPTS {
                    State::Dead
                } else {
                    State::Waiting
                };
                (row.due, row.since) = (now, now);
            }
        }
    }

    fn held(&mut self, by: u64, row: RowId) -> Option<&mut Row> {
        let row = self.rows.get_mut(&row)?;
        (row.state == State::Taken && row.holder == by).then_some(row)
    }

    async fn accept(&mut self, n: usize) {
        let now = self.now();
        let hook = &hooks()[n];
        let accepted = self.world.inbox.accept(&acme(), &hook.get()).await.unwrap();
        let known = self
            .claims
            .get(&BODIES[n])
            .filter(|(_, keep, _)| *keep > now);
        let wanted = match known {
            Some((hook, ..)) if *hook == n => Outcome::Done,
            Some(_) => Outcome::Repeated,
            None => Outcome::Stored,
        };
        assert_eq!(accepted.outcome(), wanted);
        if let Some(id) = accepted.row() {
            let claim = self.world.inbox.look(&acme(), id).await.unwrap().claim();
            self.claims.insert(BODIES[n], (n, now + KEEP, claim));
            let row = Row {
                state: State::Waiting,
                attempts: 0,
                due: now,
                since: now,
                holder: 0,
                claim,
            };
            assert!(self.rows.insert(id, row).is_none());
        }
    }

    async fn take(&mut self) {
        self.tell();
        let now = self.now();
        let taken = self.world.inbox.next().await.unwrap();
        let is_due =
            |row: &Row| matches!(row.state, State::Waiting | State::Taken) && row.due <= now;
        let fit = |row: &Row| is_due(row) && row.attempts < ATTEMPTS;
        let Some(taken) = taken else {
            assert!(!self.rows.values().any(fit), "one is due");
            for row in self.rows.values_mut().filter(|row| is_due(row)) {
                (row.state, row.since) = (State::Dead, now);
            }
            return;
        };
        self.count += 1;
        let row = self.rows.get_mut(&taken.row()).expect("an unknown row");
        assert!(fit(row), "{row:?}");
        (row.state, row.holder) = (State::Taken, self.count);
        row.attempts += 1;
        (row.since, row.due) = (now, now + 300_000);
        assert_eq!(taken.attempt(), row.attempts);
        self.taken.push((self.count, taken));
        // Those that it passed on its way may have been buried.
        for (id, row) in self.rows.iter_mut().filter(|(_, row)| is_due(row)) {
            let listed = self.world.inbox.look(&acme(), *id).await.unwrap();
            if listed.state() == State::Dead {
                assert!(row.attempts >= ATTEMPTS);
                (row.state, row.since) = (State::Dead, now);
            }
        }
    }

    async fn end(&mut self, at: usize, ok: bool) {
        let now = self.now();
        let (by, taken) = self.taken.remove(at);
        let id = taken.row();
        let handler = async { if ok { Ok(()) } else { Err(()) } };
        let worked = taken.run(handler).await.unwrap();
        let held = self.held(by, id);
        match (ok, held) {
            (true, Some(row)) => {
                assert!(matches!(worked, Worked::Done(())));
                (row.state, row.since, row.due) = (State::Finished, now, now);
            }
            (true, None) => assert!(matches!(worked, Worked::Overtaken(()))),
            (false, None) => assert!(matches!(worked, Worked::Failed(()))),
            (false, Some(row)) => {
                assert!(matches!(worked, Worked::Failed(())));
                row.since = now;
                if row.attempts >= ATTEMPTS {
                    row.state = State::Dead;
                } else {
                    row.state = State::Waiting;
                    let wait = 10_000 << (row.attempts - 1);
                    let due = self.world.inbox.look(&acme(), id).await.unwrap().due();
                    let due = due.as_millis();
                    assert!((now + wait / 2..=now + wait).contains(&due));
                    self.rows.get_mut(&id).unwrap().due = due;
                }
            }
        }
    }

    async fn replay(&mut self, at: usize) {
        let now = self.now();
        let Some(id) = self.rows.keys().nth(at).copied() else {
            let gone = RowId::parse(&"0".repeat(32)).unwrap();
            let missing = self.world.inbox.replay(&acme(), gone).await;
            assert_eq!(missing.unwrap_err().kind(), ErrorKind::Rejected);
            return;
        };
        let row = self.rows.get_mut(&id).unwrap();
        let rests = matches!(row.state, State::Finished | State::Dead);
        assert_eq!(self.world.inbox.replay(&acme(), id).await.unwrap(), rests);
        if rests {
            (row.state, row.attempts) = (State::Waiting, 0);
            (row.due, row.since) = (now, now);
        }
    }

    async fn forget(&mut self, at: usize) {
        let Some(id) = self.rows.keys().nth(at).copied() else {
            return;
        };
        assert!(self.world.inbox.forget(&acme(), id).await.unwrap());
        let row = self.rows.remove(&id).unwrap();
        self.claims.retain(|_, (_, _, claim)| *claim != row.claim);
    }

    async fn tidy(&mut self) {
        self.tell();
        let (now, before) = (self.now(), self.rows.len());
        let gone = self.world.inbox.tidy().await.unwrap();
        let old = |row: &Row| row.state == State::Finished && row.since + 7 * 86_400_000 <= now;
        self.rows.retain(|_, row| !old(row));
        assert_eq!(gone, (before - self.rows.len()) as u64);
    }

    /// The inbox is what the model says.
    async fn check(&self) {
        let page = self
            .world
            .inbox
            .list(&acme().tenant, None, 100)
            .await
            .unwrap();
        assert_eq!(page.items.len(), self.rows.len());
        for listed in page.items {
            let row = self.rows.get(&listed.row()).expect("an unknown row");
            let dropped = self.dropped.iter().any(|(_, id)| *id == listed.row());
            if !dropped {
                assert_eq!(
                    (listed.state(), listed.attempts()),
                    (row.state, row.attempts)
                );
                assert_eq!(listed.since(), Timestamp::from_millis(row.since), "{row:?}");
            }
        }
    }
}

async fn run_inbox(steps: Vec<Step>) {
    let mut shelf = Shelf {
        world: World::giving_up_after(ATTEMPTS).await,
        rows: BTreeMap::new(),
        claims: BTreeMap::new(),
        taken: Vec::new(),
        dropped: Vec::new(),
        count: 0,
    };
    for (at, step) in steps.into_iter().enumerate() {
        match step {
            Step::Advance(span) => shelf.world.pass(span).await,
            // Rows are told apart by their time, so that the order of a list is that of arrival.
            Step::Claim(n) if at % 2 == 0 => shelf.accept(n).await,
            Step::Claim(_) => shelf.take().await,
            Step::Drop(at) if at < shelf.taken.len() => {
                let (by, taken) = shelf.taken.remove(at);
                shelf.dropped.push((by, taken.row()));
            }
            Step::Fail(at) if at < shelf.taken.len() => shelf.end(at, false).await,
            Step::Finish(at) if at < shelf.taken.len() => shelf.end(at, true).await,
            Step::Finish(_) => shelf.take().await,
            Step::Forget(at) => shelf.forget(at).await,
            Step::Replay(at) => shelf.replay(at).await,
            Step::Tidy => shelf.tidy().await,
            _ => {}
        }
        shelf.check().await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn claims_are_what_their_history_says(steps in prop::collection::vec(step(), 1..60)) {
        block_on(run_claims(steps));
    }

    #[test]
    fn rows_are_what_their_history_says(steps in prop::collection::vec(step(), 1..50)) {
        block_on(run_inbox(steps));
    }
}
