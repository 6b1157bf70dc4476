//! What a gate comes to, against a model of a page: whatever is said of it, in whatever order.
//!
//! `KEYWARD_APPROVAL_CASES` says how many sequences for each store: 16 unless told.

use std::sync::Arc;

use keyward_approval::executor::{Executor, OnceBy};
use keyward_approval::gate::State;
use keyward_approval::{Asking, Ballot, GateId};
use keyward_base::Timestamp;
use keyward_sqlite::SqliteStore;
use keyward_store::{MemoryStore, Stores};
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::test_runner::{Config, TestRunner};

use crate::target::{Does, Journal};
use crate::world::{MINUTE, World, tenant};

fn cases() -> u32 {
    let told = std::env::var("KEYWARD_APPROVAL_CASES");
    told.map_or(16, |text| text.parse().unwrap())
}

/// What is done to a gate of `server.wipe`: two of the admins, in an hour; from half an hour on the
/// chief and the captain; it may run for an hour of the approval's own.
#[derive(Clone, Copy, Debug)]
enum Doing {
    Yes(&'static str),
    No(&'static str),
    Withdraw(&'static str),
    Edit(&'static str),
    /// The target does it, says that it failed, or says nothing.
    Run(Option<Does>),
    Pass(u32),
    Tick,
    /// Who is an admin is none any more, or is one again.
    Turn(&'static str),
}

const PEOPLE: [&str; 6] = ["bob", "eve", "chief", "captain", "ada", "mallory"];

fn doing() -> impl Strategy<Value = Doing> {
    let who = || proptest::sample::select(&PEOPLE[..]);
    let runs = prop_oneof![
        4 => Just(None),
        1 => Just(Some(Does::Fails)),
        1 => Just(Some(Does::Silent)),
    ];
    prop_oneof![
        10 => who().prop_map(Doing::Yes),
        1 => who().prop_map(Doing::No),
        1 => who().prop_map(Doing::Withdraw),
        1 => who().prop_map(Doing::Edit),
        5 => runs.prop_map(Doing::Run),
        3 => (1_u32..40).prop_map(Doing::Pass),
        1 => Just(Doing::Tick),
        2 => proptest::sample::select(&PEOPLE[..2]).prop_map(Doing::Turn),
    ]
}

/// All that a reader of the page would keep in mind.
#[derive(Debug)]
struct Model {
    state: State,
    asked: Timestamp,
    decide_by: Timestamp,
    run_by: Timestamp,
    escalated: bool,
    yes: Vec<&'static str>,
    admins: Vec<&'static str>,
    effects: usize,
}

impl Model {
    fn settle(&mut self, now: Timestamp) {
        let ends = match self.state {
            State::Pending => self.decide_by,
            State::Approved => self.run_by,
            _ => return,
        };
        if now >= ends {
            self.state = State::Expired;
        } else if self.state == State::Pending && now >= self.asked.saturating_add(MINUTE * 30) {
            self.escalated = true;
        }
    }

    fn names(&self, who: &str) -> bool {
        match self.escalated {
            true => matches!(who, "chief" | "captain"),
            false => self.admins.contains(&who),
        }
    }

    fn yes(&self) -> usize {
        self.yes.iter().filter(|who| self.names(who)).count()
    }

    /// Whether it counts.
    fn says(&mut self, who: &'static str, is_yes: bool) -> bool {
        let may_say = self.state == State::Pending || !is_yes && self.state == State::Approved;
        // It is ada's agent that asks.
        let may_not = is_yes && (self.yes.contains(&who) || who == "ada");
        if !may_say || may_not || !self.names(who) {
            return false;
        }
        if !is_yes {
            self.state = State::Denied;
            return true;
        }
        self.yes.push(who);
        if self.yes() >= 2 {
            self.state = State::Approved;
        }
        true
    }

    fn may_end(&self, who: &str) -> bool {
        matches!(self.state, State::Pending | State::Approved) && who == "ada"
    }

    fn runs(&mut self, how: Option<Does>) {
        if self.state != State::Approved {
            return;
        }
        // Somebody lost his role: what he said is not enough any more.
        if self.yes() < 2 {
            self.state = State::Superseded;
            return;
        }
        self.effects += usize::from(how != Some(Does::Fails));
        self.state = match how {
            None => State::Executed,
            Some(Does::Fails) => State::Failed,
            Some(_) => State::Indeterminate,
        };
    }
}

struct Real {
    world: World,
    executor: Executor,
    journal: Arc<Journal>,
}

async fn follows(real: &Real, all: &[Doing]) {
    let (world, journal) = (&real.world, &real.journal);
    world.roles.set("bob", &["admin"]);
    world.roles.set("eve", &["admin"]);
    let id = world.ask("server.wipe").await;
    let shown = world.show(id).await;
    let mut model = Model {
        state: State::Pending,
        asked: world.now(),
        decide_by: shown.action().decide_by(),
        run_by: shown.action().run_by(),
        escalated: false,
        yes: Vec::new(),
        admins: vec!["bob", "eve", "ada"],
        effects: 0,
    };
    for (nth, one) in all.iter().enumerate() {
        model.settle(world.now());
        let (is_good, should) = did(real, id, *one, &mut model).await;
        assert_eq!(is_good, should, "{nth} {one:?} of {all:?}: {model:?}");
        let shown = world.show(id).await;
        // What time did to it is shown, written or not.
        model.settle(world.now());
        assert_eq!(shown.state(), model.state, "{nth} {one:?} of {all:?}");
        let effects = journal.done().iter().filter(|done| done.gate == id).count();
        assert_eq!(effects, model.effects, "{nth} {one:?} of {all:?}");
        assert_eq!(
            shown
                .votes()
                .iter()
                .filter(|vote| vote.decision() == keyward_approval::gate::Decision::Approve)
                .count(),
            model.yes.len(),
            "{nth} {one:?} of {all:?}"
        );
    }
    world.check_log(id).await;
}

/// Does it to both, and says of each whether it was taken.
async fn did(real: &Real, id: GateId, one: Doing, model: &mut Model) -> (bool, bool) {
    let (world, journal) = (&real.world, &real.journal);
    match one {
        Doing::Yes(who) => {
            let said = world.vote(id, who, Ballot::approve()).await;
            (said.is_ok(), model.says(who, true))
        }
        Doing::No(who) => {
            let said = world.vote(id, who, Ballot::deny("no")).await;
            (said.is_ok(), model.says(who, false))
        }
        Doing::Withdraw(who) => {
            let said = world.withdraw(id, who).await;
            let may = model.may_end(who);
            if may {
                model.state = State::Withdrawn;
            }
            (said.is_ok(), may)
        }
        Doing::Edit(who) => {
            let asking = Asking::new(world.asked("server.wipe", "web-2"));
            let said = world.gates.edit(id, world.shown(who), asking).await;
            let may = model.may_end(who);
            if may {
                model.state = State::Superseded;
            }
            (said.is_ok(), may)
        }
        Doing::Run(how) => {
            let Ok(approved) = world.gates.approved(&tenant(), id).await else {
                return (false, model.state == State::Approved && model.yes() >= 2);
            };
            let may = model.state == State::Approved && model.yes() >= 2;
            if let Some(how) = how.filter(|_| may) {
                journal.on(0, how);
            }
            let ran = real.executor.run(approved).await;
            model.runs(how);
            (ran.is_ok(), may)
        }
        Doing::Pass(minutes) => {
            world.pass(MINUTE * minutes).await;
            (true, true)
        }
        Doing::Tick => {
            let _due = world.gates.tick(1_000).await.unwrap();
            (true, true)
        }
        Doing::Turn(who) => {
            let at = model.admins.iter().position(|one| *one == who);
            match at {
                Some(at) => {
                    let _who = model.admins.remove(at);
                    world.roles.set(who, &[]);
                }
                None => {
                    model.admins.push(who);
                    world.roles.set(who, &["admin"]);
                }
            }
            (true, true)
        }
    }
}

fn follow(store: Arc<dyn Stores>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let real = runtime.block_on(async {
        let world = World::on(store).await;
        let (executor, journal) = world.executor(OnceBy::Nothing);
        Real {
            world,
            executor,
            journal,
        }
    });
    let mut runner = TestRunner::new(Config {
        cases: cases(),
        failure_persistence: None,
        ..Config::default()
    });
    let ran = runner.run(&proptest::collection::vec(doing(), 1..16), |all| {
        runtime.block_on(follows(&real, &all));
        Ok(())
    });
    ran.unwrap();
}

#[test]
fn a_gate_comes_to_what_was_said_of_it_in_memory() {
    follow(Arc::new(MemoryStore::new(1_000_000)));
}

#[test]
fn a_gate_comes_to_what_was_said_of_it_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("data.db")).unwrap();
    follow(Arc::new(store));
}
