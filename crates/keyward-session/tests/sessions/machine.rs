//! Every order of calls, under clocks that go anywhere, against a model that has none of the parts.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use keyward_base::{Clock as _, ErrorKind, Timestamp};
use keyward_session::{
    Admin, AnyLive, Fresh, Kind, LiveSession, OwnKind, Revoke, Start, Started, User,
};
use keyward_store::{MemoryStore, Records};
use proptest::prelude::*;

use crate::world::{ADMINS, DAY, HOUR, MINUTE, USERS, World, subject, tenant};

const TENANTS: [&str; 2] = ["acme", "globex"];
const PEOPLE: [&str; 2] = ["ada", "bob"];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Person(usize, usize);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Scope {
    All,
    Tenant(usize),
    User(Person),
}

#[derive(Clone, Debug)]
enum Step {
    Start {
        who: Person,
        admin: bool,
        remember: bool,
        replacing: Option<usize>,
    },
    Check(usize),
    End(usize),
    EndOthers(usize),
    Again(usize),
    ActAs(usize, Person),
    Revoke {
        scope: Scope,
        kind: Option<usize>,
        /// So many minutes ago.
        before: Option<u64>,
    },
    /// The clock goes by so many minutes, back too.
    Clock(i64),
    Purge,
}

const KINDS: [Kind; 4] = [Kind::User, Kind::Admin, Kind::Pending, Kind::Staff];

fn person() -> impl Strategy<Value = Person> {
    (0..2_usize, 0..2_usize).prop_map(|(of, who)| Person(of, who))
}

fn step() -> impl Strategy<Value = Step> {
    let scope = prop_oneof![
        1 => Just(Scope::All),
        2 => (0..2_usize).prop_map(Scope::Tenant),
        4 => person().prop_map(Scope::User),
    ];
    let minutes = prop_oneof![
        4 => 1..30_i64,
        4 => 60..1_000_i64,
        3 => 1_000..12_000_i64,
        1 => 12_000..200_000_i64,
        2 => -30..0_i64,
        2 => -12_000..0_i64,
    ];
    let at = 0..8_usize;
    prop_oneof![
        4 => (person(), any::<bool>(), any::<bool>(), proptest::option::of(at.clone()))
            .prop_map(|(who, admin, remember, replacing)| Step::Start { who, admin, remember, replacing }),
        8 => at.clone().prop_map(Step::Check),
        1 => at.clone().prop_map(Step::End),
        1 => at.clone().prop_map(Step::EndOthers),
        2 => at.clone().prop_map(Step::Again),
        2 => (at, person()).prop_map(|(at, who)| Step::ActAs(at, who)),
        2 => (scope, proptest::option::of(0..4_usize), proptest::option::of(0..3_000_u64))
            .prop_map(|(scope, kind, before)| Step::Revoke { scope, kind, before }),
        6 => minutes.prop_map(Step::Clock),
        1 => Just(Step::Purge),
    ]
}

/// What the model knows of a session.
#[derive(Clone, Debug)]
struct Known {
    token: String,
    who: Person,
    kind: Kind,
    gone: bool,
    began: u64,
    authenticated: u64,
    renewed: u64,
    window: Option<u64>,
    idle: u64,
    absolute: u64,
    admin: Option<usize>,
}

#[derive(Clone, Debug, Default)]
struct Epoch {
    moved: u64,
    not_before: [u64; 4],
    expires: u64,
}

#[derive(Default)]
struct Model {
    all: Vec<Known>,
    epochs: HashMap<Scope, Epoch>,
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap()
}

impl Model {
    fn scopes(who: Person) -> [Scope; 3] {
        [Scope::All, Scope::Tenant(who.0), Scope::User(who)]
    }

    fn lives(&self, at: usize, now: u64) -> bool {
        let known = &self.all[at];
        let began = match known.admin {
            Some(_) => known.began,
            None => known.began.min(known.authenticated),
        };
        let kind = KINDS.iter().position(|kind| *kind == known.kind).unwrap();
        let bounded = |scope: &Scope| {
            let epoch = self.epochs.get(scope);
            epoch.is_some_and(|epoch| began >= epoch.not_before[kind])
        };
        let time = now.max(known.renewed);
        !known.gone
            && now + millis(MINUTE) >= known.renewed
            && time < known.idle
            && time < known.absolute
            && Self::scopes(known.who).iter().all(bounded)
            && known.admin.is_none_or(|admin| self.lives(admin, now))
    }

    fn use_it(&mut self, at: usize, now: u64) {
        let known = &mut self.all[at];
        if let Some(window) = known.window
            && now > known.renewed
            && now - known.renewed >= window / 14
        {
            known.renewed = now;
            known.idle = (now + window).min(known.absolute);
        }
    }

    /// Whether evidence of now is of after what was ended.
    fn takes(&self, who: Person, now: u64) -> bool {
        let moved = |scope| {
            self.epochs
                .get(scope)
                .map_or(0, |epoch: &Epoch| epoch.moved)
        };
        Self::scopes(who)
            .iter()
            .all(|scope| moved(scope) == 0 || now > moved(scope))
    }

    fn hold(&mut self, who: Person, until: u64) {
        for scope in Self::scopes(who) {
            let epoch = self.epochs.entry(scope).or_default();
            if epoch.expires < until {
                epoch.expires = until + millis(DAY * 30);
            }
        }
    }

    fn end_where(&mut self, over: impl Fn(&Known) -> bool) {
        for known in &mut self.all {
            known.gone |= over(known);
        }
    }

    fn is_in(who: Person, scope: Scope) -> bool {
        Self::scopes(who).contains(&scope)
    }

    fn move_epoch(&mut self, scope: Scope, now: u64, until: u64) -> &mut Epoch {
        let epoch = self.epochs.entry(scope).or_default();
        let near = epoch.moved <= now + millis(MINUTE * 5);
        epoch.moved = if near { epoch.moved.max(now) } else { now };
        epoch.expires = epoch.expires.max(until + millis(DAY * 30));
        epoch
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

    fn begun(&mut self, started: &Started, who: Person, window: Option<Duration>, life: Duration) {
        let now = self.now();
        let window = window.map(millis);
        let absolute = now + millis(life);
        self.model.hold(who, absolute);
        self.model.all.push(Known {
            token: started.token().expose().to_owned(),
            who,
            kind: started.kind(),
            gone: false,
            began: now,
            authenticated: now,
            renewed: now,
            window,
            idle: window.map_or(absolute, |window| (now + window).min(absolute)),
            absolute,
            admin: None,
        });
    }

    /// Checks a session, and that the model says the same.
    async fn check(&mut self, at: usize) -> Option<AnyLive> {
        let (now, known) = (self.now(), self.model.all[at].clone());
        let expected = self.model.lives(at, now);
        let checked = self.world.sessions.check_any(&known.token).await;
        match &checked {
            Ok(live) => {
                assert!(expected, "lives against the model: {known:?} at {now}");
                self.model.use_it(at, now);
                let known = &self.model.all[at];
                assert_eq!(live.kind(), known.kind);
                assert_eq!(live.tenant().as_str(), TENANTS[known.who.0]);
                assert_eq!(live.subject().as_str(), PEOPLE[known.who.1]);
                assert_eq!(live.ends_at(), Timestamp::from_millis(known.idle));
                assert!(known.idle <= known.absolute);
            }
            Err(e) => {
                assert!(!expected, "{e:?} against the model: {known:?} at {now}");
                assert!(matches!(
                    e.kind(),
                    ErrorKind::Rejected | ErrorKind::Unavailable
                ));
            }
        }
        checked.ok()
    }

    /// A session that lives, of kind `K`; none if it does not, or is of another.
    async fn of_kind<K: OwnKind>(&mut self, at: usize) -> Option<LiveSession<K>> {
        self.check(at).await?;
        let token = self.model.all[at].token.clone();
        self.world.sessions.check(&token).await.ok()
    }

    async fn step(&mut self, step: Step) {
        let count = self.model.all.len();
        let pick = |at: usize| (count > 0).then(|| count - 1 - at % count);
        match step {
            Step::Start {
                who,
                admin,
                remember,
                replacing,
            } => {
                let old = replacing.and_then(pick);
                let live = match old {
                    Some(at) => self.check(at).await,
                    None => None,
                };
                let door = if admin { ADMINS } else { USERS };
                let shown = self.world.shown(TENANTS[who.0], PEOPLE[who.1], door);
                let start = Start::new().remember(remember).replacing(live.as_ref());
                let started = self.world.sessions.start(shown, start).await;
                assert_eq!(started.is_ok(), self.model.takes(who, self.now()));
                let Ok(started) = started else { return };
                if live.is_some() {
                    self.model.all[old.unwrap()].gone = true;
                }
                match (admin, remember) {
                    (true, _) => self.begun(&started, who, None, DAY),
                    (_, true) => self.begun(&started, who, Some(DAY * 7), DAY * 90),
                    (_, false) => self.begun(&started, who, Some(DAY), DAY * 90),
                }
            }
            Step::Check(at) => {
                if let Some(at) = pick(at) {
                    self.check(at).await;
                }
            }
            Step::End(at) => {
                let Some(at) = pick(at) else { return };
                if let Some(live) = self.check(at).await {
                    self.world.sessions.end(&live).await.unwrap();
                    self.model.all[at].gone = true;
                }
            }
            Step::EndOthers(at) => {
                let Some(at) = pick(at) else { return };
                let ended = match self.model.all[at].kind {
                    Kind::Admin => match self.of_kind::<Admin>(at).await {
                        Some(live) => self.world.sessions.end_others(&live).await,
                        None => return,
                    },
                    _ => match self.of_kind::<User>(at).await {
                        Some(live) => self.world.sessions.end_others(&live).await,
                        None => return,
                    },
                };
                ended.unwrap();
                let (who, until) = (self.model.all[at].who, self.model.all[at].absolute);
                let token = self.model.all[at].token.clone();
                let admins: Vec<bool> = self
                    .model
                    .all
                    .iter()
                    .map(|known| known.who == who)
                    .collect();
                let by = |admin: Option<usize>| admin.is_some_and(|admin| admins[admin]);
                self.model.end_where(|known| {
                    (known.who == who && known.token != token) || by(known.admin)
                });
                let now = self.now();
                self.model.move_epoch(Scope::User(who), now, until);
            }
            Step::Again(at) => {
                let Some(at) = pick(at) else { return };
                let known = self.model.all[at].clone();
                let (of, name) = (TENANTS[known.who.0], PEOPLE[known.who.1]);
                let again = match known.kind {
                    Kind::Admin => match self.of_kind::<Admin>(at).await {
                        Some(live) => {
                            let shown = self.world.shown(of, name, ADMINS);
                            self.world.sessions.reauthenticate(live, shown).await
                        }
                        None => return,
                    },
                    _ => match self.of_kind::<User>(at).await {
                        Some(live) => {
                            let shown = self.world.shown(of, name, USERS);
                            self.world.sessions.reauthenticate(live, shown).await
                        }
                        None => return,
                    },
                };
                assert_eq!(again.is_ok(), self.model.takes(known.who, self.now()));
                let Ok(started) = again else { return };
                self.model.all[at].gone = true;
                let life = if known.kind == Kind::Admin {
                    DAY
                } else {
                    DAY * 90
                };
                let window = known.window.map(Duration::from_millis);
                self.begun(&started, known.who, window, life);
            }
            Step::ActAs(at, who) => {
                let Some(at) = pick(at) else { return };
                let Some(live) = self.of_kind::<Admin>(at).await else {
                    return;
                };
                let known = self.model.all[at].clone();
                let now = self.now();
                let fresh: Result<Fresh<_, 15>, _> = self.world.sessions.fresh(live);
                let age = now.saturating_sub(known.authenticated);
                assert_eq!(fresh.is_ok(), age <= millis(MINUTE * 15));
                let Ok(fresh) = fresh else { return };
                let (of, name) = (tenant(TENANTS[who.0]), subject(PEOPLE[who.1]));
                let acts = self
                    .world
                    .sessions
                    .act_as(fresh, &of, &name, "why")
                    .await
                    .unwrap();
                let life = Duration::from_millis(known.absolute - now).min(HOUR);
                self.begun(&acts, who, None, life);
                let staff = self.model.all.last_mut().unwrap();
                (staff.admin, staff.authenticated) = (Some(at), known.authenticated);
            }
            Step::Revoke {
                scope,
                kind,
                before,
            } => {
                let now = self.now();
                let cut = before.map(|minutes| now - millis(MINUTE) * minutes);
                let mut revoke = match scope {
                    Scope::All => Revoke::everything(),
                    Scope::Tenant(of) => Revoke::tenant(tenant(TENANTS[of])),
                    Scope::User(Person(of, who)) => {
                        Revoke::user(tenant(TENANTS[of]), subject(PEOPLE[who]))
                    }
                };
                if let Some(kind) = kind {
                    revoke = revoke.kind(KINDS[kind]);
                }
                if let Some(cut) = cut {
                    revoke = revoke.before(Timestamp::from_millis(cut));
                }
                self.world.sessions.revoke(revoke).await.unwrap();
                let is_of = |of: Kind| kind.is_none_or(|kind| KINDS[kind] == of);
                let epoch = self.model.move_epoch(scope, now, now + millis(DAY));
                if let Some(cut) = cut {
                    for (at, bound) in epoch.not_before.iter_mut().enumerate() {
                        if is_of(KINDS[at]) {
                            *bound = cut.max(*bound);
                        }
                    }
                } else {
                    self.model
                        .end_where(|known| is_of(known.kind) && Model::is_in(known.who, scope));
                }
            }
            Step::Clock(minutes) => {
                let span = MINUTE * u32::try_from(minutes.unsigned_abs()).unwrap();
                let now = self.now();
                let to = if minutes < 0 {
                    now - millis(span)
                } else {
                    now + millis(span)
                };
                self.world.clock.set(Timestamp::from_millis(to));
                self.world.refresh().await;
            }
            Step::Purge => {
                self.world.sessions.purge(1_000).await.unwrap();
                let now = self.now();
                self.model.end_where(|known| known.idle <= now);
                let over = |epoch: &Epoch| epoch.expires <= now;
                let gone: Vec<Scope> = self
                    .model
                    .epochs
                    .iter()
                    .filter(|(_, epoch)| over(epoch))
                    .map(|(scope, _)| *scope)
                    .collect();
                for scope in gone {
                    self.model.epochs.remove(&scope);
                    self.model.end_where(|known| Model::is_in(known.who, scope));
                }
            }
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
        run.check(at).await;
    }
}

fn block_on(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let mut runtime = runtime;
    runtime.build().unwrap().block_on(future);
}

fn cases(few: u32) -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    ProptestConfig {
        cases: cases.unwrap_or(few),
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
    #![proptest_config(cases(20))]

    #[test]
    fn on_sqlite(steps in proptest::collection::vec(step(), 1..60)) {
        let folder = tempfile::tempdir().unwrap();
        let store = keyward_sqlite::SqliteStore::open(folder.path().join("data.db")).unwrap();
        block_on(run(Arc::new(store), steps));
    }
}
