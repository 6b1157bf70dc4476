//! Every order of calls, under clocks that go anywhere, against a model that has none of the parts.

use std::sync::Arc;
use std::time::Duration;

use keyward_base::{Clock as _, ErrorKind, Timestamp};
use keyward_session::api_key::{ApiKeyId, End, IssuedKey, Narrow, Ranges, Rotation};
use keyward_store::{MemoryStore, Records};
use proptest::prelude::*;

use crate::world::{HOUR, MINUTE, World, address, new, operator, scopes, tenant};

const TENANTS: [&str; 2] = ["acme", "globex"];
/// From the widest on.
const SCOPES: [&str; 3] = ["a b c", "a c", "c"];
const RANGES: [&str; 3] = ["", "192.0.2.0/24 2001:db8::/32", "192.0.2.128/25"];
const CLIENTS: [&str; 3] = ["198.51.100.7", "192.0.2.7", "192.0.2.200"];

#[derive(Clone, Debug)]
enum Step {
    Issue {
        of: usize,
        scopes: usize,
        ranges: usize,
        hours: u32,
    },
    Check(usize, Option<usize>),
    Narrow {
        at: usize,
        by: usize,
        scopes: Option<usize>,
        ranges: Option<usize>,
        hours: Option<u32>,
    },
    Rotate {
        at: usize,
        by: usize,
        hours: u32,
        replacing: bool,
    },
    Revoke(usize, usize),
    Leaked(usize),
    End {
        of: Option<usize>,
        before: Option<u64>,
    },
    /// The clock goes by so many minutes, back too.
    Clock(i64),
    Upkeep,
}

fn step() -> impl Strategy<Value = Step> {
    let minutes = prop_oneof![
        4 => 1..30_i64,
        4 => 60..1_000_i64,
        2 => 1_000..30_000_i64,
        2 => -30..0_i64,
        2 => -12_000..0_i64,
    ];
    let (at, three) = (0..8_usize, 0..3_usize);
    let maybe = |of: std::ops::Range<usize>| proptest::option::of(of);
    prop_oneof![
        4 => (0..2_usize, 0..3_usize, 0..3_usize, 1..2_000_u32)
            .prop_map(|(of, scopes, ranges, hours)| Step::Issue { of, scopes, ranges, hours }),
        8 => (at.clone(), maybe(three.clone())).prop_map(|(at, from)| Step::Check(at, from)),
        3 => (at.clone(), 0..2_usize, maybe(three.clone()), maybe(three), proptest::option::of(0..2_000_u32))
            .prop_map(|(at, by, scopes, ranges, hours)| Step::Narrow { at, by, scopes, ranges, hours }),
        4 => (at.clone(), 0..2_usize, 0..720_u32, any::<bool>())
            .prop_map(|(at, by, hours, replacing)| Step::Rotate { at, by, hours, replacing }),
        1 => (at.clone(), 0..2_usize).prop_map(|(at, by)| Step::Revoke(at, by)),
        1 => at.prop_map(Step::Leaked),
        1 => (maybe(0..2_usize), proptest::option::of(0..3_000_u64)).prop_map(|(of, before)| Step::End { of, before }),
        6 => minutes.prop_map(Step::Clock),
        2 => Just(Step::Upkeep),
    ]
}

/// What the model knows of a key.
#[derive(Clone, Debug)]
struct Known {
    text: String,
    id: ApiKeyId,
    of: usize,
    scopes: usize,
    ranges: usize,
    created: u64,
    changed: u64,
    expires: u64,
    ends: Option<u64>,
    successor: Option<usize>,
    /// Its row is not there any more.
    gone: bool,
    /// It was there when all of its tenant ended.
    ended: bool,
}

#[derive(Default)]
struct Model {
    all: Vec<Known>,
    /// Of each tenant, and of all.
    not_before: [u64; 3],
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap()
}

impl Model {
    fn goes_on(&self, at: usize, now: u64) -> bool {
        let known = &self.all[at];
        let time = now.max(known.changed);
        let bound = self.not_before[known.of].max(self.not_before[2]);
        !known.gone
            && !known.ended
            && now + millis(MINUTE) >= known.changed
            && time < known.expires
            && known.ends.is_none_or(|ends| time < ends)
            && known.created >= bound
    }

    fn allows(&self, at: usize, from: Option<usize>) -> bool {
        match self.all[at].ranges {
            0 => true,
            1 => from.is_some_and(|from| from >= 1),
            _ => from == Some(2),
        }
    }
}

struct Run {
    world: World,
    model: Model,
}

impl Run {
    fn now(&self) -> u64 {
        self.world.clock.now().unwrap().as_millis()
    }

    fn made(&mut self, made: &IssuedKey, known: &Known) {
        self.model.all.push(Known {
            text: made.key().expose().to_owned(),
            id: made.info().id,
            created: self.now(),
            changed: self.now(),
            ends: None,
            successor: None,
            gone: false,
            ended: false,
            ..known.clone()
        });
    }

    /// Checks a key, and that the model says the same.
    async fn check(&self, at: usize, from: Option<usize>) {
        let (now, known) = (self.now(), &self.model.all[at]);
        let expected = self.model.goes_on(at, now) && self.model.allows(at, from);
        let client = from.and_then(|from| address(CLIENTS[from]));
        match self.world.keys.check(&known.text, client).await {
            Ok(live) => {
                assert!(expected, "lives against the model: {known:?} at {now}");
                assert_eq!(live.tenant().as_str(), TENANTS[known.of]);
                assert_eq!(live.scopes(), &scopes(SCOPES[known.scopes]));
                let ends = known
                    .ends
                    .map_or(known.expires, |ends| ends.min(known.expires));
                assert_eq!(live.ends_at(), Some(Timestamp::from_millis(ends)));
            }
            Err(e) => {
                assert!(!expected, "{e:?} against the model: {known:?} at {now}");
                let refuses = matches!(e.kind(), ErrorKind::Rejected | ErrorKind::Unavailable);
                assert!(refuses, "{e:?}");
            }
        }
    }

    async fn step(&mut self, step: Step) {
        let count = self.model.all.len();
        let pick = |at: usize| (count > 0).then(|| count - 1 - at % count);
        let (now, keys) = (self.now(), self.world.keys.clone());
        match step {
            Step::Issue {
                of,
                scopes: n,
                ranges,
                hours,
            } => {
                let key = new("build").scopes(scopes(SCOPES[n]));
                let key = key.ranges(Ranges::parse(RANGES[ranges]).unwrap());
                let key = key.expires_in(HOUR * hours);
                let made = keys
                    .issue_as_operator(&operator(TENANTS[of]), key)
                    .await
                    .unwrap();
                let expires = now + millis(HOUR) * u64::from(hours);
                let known = self.blank(of, n, ranges, expires);
                self.made(&made, &known);
            }
            Step::Check(at, from) => {
                if let Some(at) = pick(at) {
                    self.check(at, from).await;
                }
            }
            Step::Narrow {
                at,
                by,
                scopes: to,
                ranges,
                hours,
            } => {
                let Some(at) = pick(at) else { return };
                let known = self.model.all[at].clone();
                let expires = hours.map(|hours| now + millis(HOUR) * u64::from(hours));
                let mut narrow = Narrow::new();
                if let Some(to) = to {
                    narrow = narrow.scopes(scopes(SCOPES[to]));
                }
                if let Some(ranges) = ranges {
                    narrow = narrow.ranges(Ranges::parse(RANGES[ranges]).unwrap());
                }
                if let Some(expires) = expires {
                    narrow = narrow.expires(Timestamp::from_millis(expires));
                }
                let narrows = !known.gone
                    && by == known.of
                    && to.is_none_or(|to| to >= known.scopes)
                    && ranges.is_none_or(|ranges| ranges >= known.ranges)
                    && expires.is_none_or(|expires| expires <= known.expires);
                let done = keys.narrow(&tenant(TENANTS[by]), known.id, &narrow).await;
                assert_eq!(done.is_ok(), narrows, "{done:?} of {known:?} at {now}");
                if narrows {
                    let known = &mut self.model.all[at];
                    known.scopes = to.unwrap_or(known.scopes);
                    known.ranges = ranges.unwrap_or(known.ranges);
                    let expires = expires.map(|expires| expires.max(known.created));
                    known.expires = expires.unwrap_or(known.expires);
                    known.changed = known.changed.max(now);
                }
            }
            Step::Rotate {
                at,
                by,
                hours,
                replacing,
            } => {
                let Some(at) = pick(at) else { return };
                let known = self.model.all[at].clone();
                let overlap = HOUR * hours;
                let mut rotation = Rotation::new().overlap(overlap).unwrap();
                let successor = known.successor;
                let held = successor.filter(|held| !self.model.all[*held].gone);
                if let (true, Some(successor)) = (replacing, successor) {
                    rotation = rotation.replacing(self.model.all[successor].id);
                }
                let life = known.expires - known.created;
                let rotates = by == known.of
                    && self.model.goes_on(at, now)
                    && (held.is_none() || replacing)
                    && life >= millis(MINUTE);
                let by = operator(TENANTS[by]);
                let made = keys.rotate_as_operator(&by, known.id, rotation).await;
                assert_eq!(made.is_ok(), rotates, "{made:?} of {known:?} at {now}");
                let Ok(made) = made else { return };
                if let Some(held) = held {
                    self.model.all[held].gone = true;
                }
                let next = self.model.all.len();
                let old = &mut self.model.all[at];
                let ends = now + millis(overlap);
                old.ends = Some(ends.min(known.ends.unwrap_or(u64::MAX)).min(known.expires));
                old.successor = Some(next);
                old.changed = old.changed.max(now);
                let expires = now + life;
                let known = self.blank(known.of, known.scopes, known.ranges, expires);
                self.made(&made, &known);
            }
            Step::Revoke(at, by) => {
                let Some(at) = pick(at) else { return };
                let known = self.model.all[at].clone();
                let done = keys.revoke(&tenant(TENANTS[by]), known.id).await;
                let revokes = !known.gone && by == known.of;
                assert_eq!(done.is_ok(), revokes);
                self.model.all[at].gone |= revokes;
            }
            Step::Leaked(at) => {
                let Some(at) = pick(at) else { return };
                keys.revoke_leaked(&self.model.all[at].text).await.unwrap();
                self.model.all[at].gone = true;
            }
            Step::End { of, before } => {
                let mut end = of.map_or(End::everything(), |of| End::tenant(tenant(TENANTS[of])));
                let cut = before.map(|minutes| now - millis(MINUTE) * minutes);
                if let Some(cut) = cut {
                    end = end.before(Timestamp::from_millis(cut));
                }
                keys.end(&end).await.unwrap();
                let bound = &mut self.model.not_before[of.unwrap_or(2)];
                *bound = cut.map_or(*bound, |cut| cut.max(*bound));
                let is_of = |known: &Known| of.is_none_or(|of| of == known.of);
                for known in self.model.all.iter_mut().filter(|known| is_of(known)) {
                    known.ended |= cut.is_none();
                }
            }
            Step::Clock(minutes) => {
                let span = millis(MINUTE) * minutes.unsigned_abs();
                let to = if minutes < 0 { now - span } else { now + span };
                self.world.clock.set(Timestamp::from_millis(to));
                self.world.refresh().await;
            }
            Step::Upkeep => {
                keys.upkeep(1_000).await.unwrap();
                for known in &mut self.model.all {
                    let ends = known
                        .ends
                        .map_or(known.expires, |ends| ends.min(known.expires));
                    known.gone |= ends <= now;
                }
            }
        }
    }

    fn blank(&self, of: usize, scopes: usize, ranges: usize, expires: u64) -> Known {
        Known {
            text: String::new(),
            id: ApiKeyId::from_bytes([0; 16]),
            of,
            scopes,
            ranges,
            created: 0,
            changed: 0,
            expires,
            ends: None,
            successor: None,
            gone: false,
            ended: false,
        }
    }
}

async fn run(data: Arc<dyn Records>, steps: Vec<Step>) {
    let mut run = Run {
        world: World::on(data).await,
        model: Model::default(),
    };
    for step in steps {
        run.step(step).await;
    }
    for at in 0..run.model.all.len() {
        run.check(at, Some(2)).await;
    }
}

fn block_on(future: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.build().unwrap().block_on(future);
}

fn cases(few: u32) -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok();
    ProptestConfig {
        cases: cases.and_then(|cases| cases.parse().ok()).unwrap_or(few),
        failure_persistence: None,
        // What fails is told: on a disk that is busy, to make it shorter takes an hour.
        max_shrink_time: 20_000,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn in_memory(steps in proptest::collection::vec(step(), 1..80)) {
        block_on(run(Arc::new(MemoryStore::new(10_000)), steps));
    }
}

proptest! {
    #![proptest_config(cases(15))]

    #[test]
    fn on_sqlite(steps in proptest::collection::vec(step(), 1..60)) {
        let folder = tempfile::tempdir().unwrap();
        let store = keyward_sqlite::SqliteStore::open(folder.path().join("data.db")).unwrap();
        block_on(run(Arc::new(store), steps));
    }
}

#[test]
fn the_sets_of_the_model_lie_within_each_other() {
    for pair in SCOPES.windows(2) {
        assert!(scopes(pair[1]).is_within(&scopes(pair[0])));
        assert!(!scopes(pair[0]).is_within(&scopes(pair[1])));
    }
    for pair in RANGES.windows(2) {
        let [wide, narrow] = [0, 1].map(|at: usize| Ranges::parse(pair[at]).unwrap());
        assert!(narrow.is_within(&wide) && !wide.is_within(&narrow));
    }
}
