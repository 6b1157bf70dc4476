//! Processes on one SQLite database and one anchor, killed at random. They are this test binary
//! itself; what they did stands in a journal outside.
//!
//! `KEYWARD_APPROVAL_GATES` and `KEYWARD_APPROVAL_KILLS` set the size: 40 and 4 unless told; the full
//! form is 10,000 and 50.

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use keyward_approval::action::Step;
use keyward_approval::danger::MemoryClaims;
use keyward_approval::executor::{Effect, Executor, Job, OnceBy, Target};
use keyward_approval::gate::{State, What};
use keyward_approval::{Asking, Ballot, ExecutorName, FileClaims, GateId, Gates, Links, Requester};
use keyward_audit::Audit;
use keyward_base::{BoxFuture, ManualClock, Purpose, SecretBytes};
use keyward_crypto::Provider;
use keyward_keys::{EnvRoot, Keyring, KeyringBuilder};
use keyward_sqlite::SqliteStore;
use keyward_store::Stores;

use crate::world::{MINUTE, NOW, POLICY, Table, USERS, World, policy, subject, tenant};

const HOME: &str = "KEYWARD_APPROVAL_TEST_HOME";
const ROUND: &str = "KEYWARD_APPROVAL_TEST_ROUND";
const ROOT: &str = "v1:q83vEjRWeJCrze8SNFZ4kHfS4fkQpIR1cpE1WbGcYZ4=";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn size(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

fn random(below: u16) -> usize {
    let mut bytes = [0; 2];
    Provider::default().fill(&mut bytes).unwrap();
    usize::from(u16::from_be_bytes(bytes) % below)
}

/// A journal that every process appends to, and that is nobody's memory. What is `server.delete` is
/// done once for each key, as a target does that keeps them.
#[derive(Debug)]
struct Outside(PathBuf);

impl Target for Outside {
    fn once(&self, step: &Step) -> OnceBy {
        match step.kind().as_str() {
            "server.delete" => OnceBy::Key(DAY),
            _ => OnceBy::Nothing,
        }
    }

    fn run<'a>(&'a self, job: &'a Job<'a>) -> BoxFuture<'a, Effect> {
        let line = format!("{} {} {}", job.gate(), job.index(), job.step().target());
        if job.step().kind().as_str() == "server.delete" {
            // One step: the file is there, or it is not.
            let keyed = self.0.join("keyed").join(format!("{} {line}", job.key()));
            let _seen_before = OpenOptions::new().write(true).create_new(true).open(keyed);
        } else {
            let journal = self.0.join("journal");
            let journal = OpenOptions::new().append(true).create(true).open(journal);
            journal
                .unwrap()
                .write_all(format!("{line}\n").as_bytes())
                .unwrap();
        }
        println!("did");
        Box::pin(async {
            tokio::task::yield_now().await;
            Effect::Done("ok".to_owned())
        })
    }
}

/// One of the processes: a round has a time of its own, later than the leases of the one before.
struct Process {
    world: World,
    executor: Executor,
}

fn ring(home: &Path, round: usize) -> (KeyringBuilder, Arc<ManualClock>) {
    let at = NOW.saturating_add(MINUTE * 2 * u32::try_from(round).unwrap());
    let clock = Arc::new(ManualClock::new(at));
    let keys = Arc::new(SqliteStore::open(home.join("keys.db")).unwrap());
    let root = SecretBytes::copy_of(ROOT.as_bytes());
    let root = EnvRoot::parse(&root, &Provider::default()).unwrap();
    let ring = Keyring::builder(keys, Arc::new(root)).clock(clock.clone());
    (ring, clock)
}

/// Time enough for all rounds.
fn patient() -> String {
    POLICY
        .replace("= \"1h\"", "= \"20d\"")
        .replace("after = \"30m\"", "after = \"19d\"")
}

async fn process(home: &Path, round: usize, first: bool) -> Process {
    let (builder, clock) = ring(home, round);
    let keyring = if first {
        builder.create(&[Purpose::new("vault").unwrap()], &[]).await
    } else {
        builder.open().await
    };
    let keyring = keyring.unwrap();
    let store: Arc<dyn Stores> = Arc::new(SqliteStore::open(home.join("data.db")).unwrap());
    let mut audit = Audit::builder(keyring.clone(), Arc::clone(&store));
    if first {
        audit = audit.install().await.unwrap();
    }
    let audit = audit.build().await.unwrap();
    let roles = Arc::new(Table::default());
    for name in ["bob", "eve"] {
        roles.set(name, &["admin"]);
    }
    let mut gates = Gates::builder(keyring.clone(), audit.clone(), policy(&patient()))
        .door(USERS)
        .roles(roles.clone());
    if first {
        gates = gates.install().await.unwrap();
    }
    let gates = gates.build().await.unwrap();
    let anchor = Arc::new(FileClaims::open(home.join("claims")).unwrap());
    let name = ExecutorName::new("worker").unwrap();
    let target = Arc::new(Outside(home.to_path_buf()));
    let executor = Executor::builder(gates.clone(), name, anchor, target);
    Process {
        executor: executor.build().unwrap(),
        world: World {
            links: Links::new(keyring.clone()).unwrap(),
            clock,
            keyring,
            store,
            audit,
            roles,
            gates,
            anchor: Arc::<MemoryClaims>::default(),
        },
    }
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).build().unwrap()
}

/// What a process does: votes on what waits, and runs what is approved.
#[test]
fn child() {
    let Some(home) = std::env::var_os(HOME) else {
        return;
    };
    let round = size(ROUND, 1);
    runtime().block_on(async move {
        let process = Arc::new(process(Path::new(&home), round, false).await);
        println!("\nready");
        let mut tasks = tokio::task::JoinSet::new();
        for nth in 0..8 {
            let process = Arc::clone(&process);
            tasks.spawn(async move { works(&process, nth).await });
        }
        tasks.join_all().await;
    });
}

async fn works(process: &Process, nth: usize) {
    let world = &process.world;
    for _ in 0..6 {
        let listed = world.gates.list(&tenant(), State::Pending, None, 500).await;
        let (waits, _) = listed.unwrap();
        for id in waits.into_iter().skip(nth).step_by(3) {
            match random(12) {
                0 => drop(world.vote(id, "eve", Ballot::deny("no")).await),
                1 => drop(world.withdraw(id, "ada").await),
                2 => {
                    let asking = Asking::new(world.asked("server.delete", "edited"));
                    let _edited_or_not = world.gates.edit(id, world.shown("ada"), asking).await;
                }
                _ => {
                    let _bob = world.vote(id, "bob", Ballot::approve()).await;
                    let _eve = world.vote(id, "eve", Ballot::approve()).await;
                }
            }
            let _ran_or_not = process.executor.tick(3).await;
        }
        let _ran_or_not = process.executor.tick(30).await;
    }
}

fn spawn(home: &Path, round: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["killed::child", "--exact", "--nocapture"])
        .env(HOME, home)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn processes_that_are_killed_run_nothing_unapproved_twice_or_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    std::fs::create_dir(home.join("keyed")).unwrap();
    let runtime = runtime();
    let (count, kills) = (
        size("KEYWARD_APPROVAL_GATES", 40),
        size("KEYWARD_APPROVAL_KILLS", 4),
    );
    let mut gates: Vec<GateId> = runtime.block_on(async {
        let process = process(home, 0, true).await;
        let mut gates = Vec::new();
        for nth in 0..count {
            let kind = if nth % 2 == 0 {
                "server.wipe"
            } else {
                "server.delete"
            };
            let requester = Requester::agent_of(subject("ada"), subject("agent-7"));
            let target = format!("web-{nth}");
            let asked = process
                .world
                .asked_by(requester, &[(kind, &target), (kind, "then")]);
            gates.push(
                process
                    .world
                    .gates
                    .ask(Asking::new(asked))
                    .await
                    .unwrap()
                    .gate(),
            );
        }
        gates
    });
    let mut round = 1;
    for _ in 0..kills {
        let mut children = [spawn(home, round), spawn(home, round)];
        for child in &mut children {
            let lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let wanted = 1 + random(12);
            let did = lines
                .map_while(Result::ok)
                .filter(|line| line.ends_with("did"));
            // It may come to its end before.
            let _seen = did.take(wanted).count();
            let _dead_or_done = child.kill();
            child.wait().unwrap();
        }
        round += 1;
    }
    runtime.block_on(async {
        let mut states = std::collections::BTreeMap::new();
        for last in 0..3 {
            let process = process(home, round + last, false).await;
            works(&process, 0).await;
            works(&process, 1).await;
            works(&process, 2).await;
        }
        let process = process(home, round + 4, false).await;
        for id in gates.clone() {
            gates.extend(process.world.show(id).await.superseded_by());
        }
        let mut journal = std::fs::read_to_string(home.join("journal")).unwrap_or_default();
        for entry in std::fs::read_dir(home.join("keyed")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let (_, line) = name.split_once(' ').unwrap();
            journal.push_str(&format!("{line}\n"));
        }
        for id in gates {
            let shown = process.world.show(id).await;
            let (state, history) = (shown.state(), shown.history());
            let of_gate = journal
                .lines()
                .filter_map(|line| line.strip_prefix(&format!("{id} ")));
            let mut did: Vec<_> = of_gate.map(str::to_owned).collect();
            did.sort_unstable();
            let steps = shown.action().steps().iter().enumerate();
            let may: Vec<_> = steps
                .map(|(nth, step)| format!("{nth} {}", step.target()))
                .collect();
            assert!(may.starts_with(&did), "{did:?} {history:?}");
            let at = |what| history.iter().position(|past| past.what() == what);
            assert!(
                did.is_empty()
                    || at(What::Approved).is_some() && at(What::Approved) < at(What::Claimed),
                "{history:?}"
            );
            match state {
                State::Executed => assert_eq!(did, may),
                State::Indeterminate => {}
                _ => assert!(did.is_empty(), "{state}: {did:?}"),
            }
            process.world.check_log(id).await;
            *states.entry(state.as_str()).or_insert(0_usize) += 1;
        }
        println!("{states:?}");
        assert!(states["executed"] > 0, "{states:?}");
    });
}
