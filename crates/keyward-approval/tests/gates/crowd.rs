//! 64 tasks on a few gates: they ask, approve, deny, edit, take back and execute, all at once.
//!
//! `KEYWARD_APPROVAL_ACTIONS` says how many actions: 128 unless told; the full form is 10,000.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use keyward_approval::claims::ClaimAnchor;
use keyward_approval::danger::MemoryClaims;
use keyward_approval::executor::OnceBy;
use keyward_approval::gate::{State, What};
use keyward_approval::{Asking, Ballot, FileClaims, GateId, Requester};
use keyward_sqlite::SqliteStore;
use keyward_store::{MemoryStore, Stores};

use crate::target::Journal;
use crate::world::{World, subject, tenant};

const TASKS: usize = 64;

fn actions() -> usize {
    let told = std::env::var("KEYWARD_APPROVAL_ACTIONS");
    told.map_or(128, |text| text.parse().unwrap())
}

/// One executor, as two processes have it: each has a handle of its own of the anchor.
async fn crowd(store: Arc<dyn Stores>, anchors: [Arc<dyn ClaimAnchor>; 2]) {
    let world = Arc::new(World::on(store).await);
    let journal = Journal::new(OnceBy::Nothing);
    let executors = anchors.map(|anchor| world.executor_of(anchor, &journal));
    let next = Arc::new(AtomicUsize::new(0));
    let gates = Arc::new(std::sync::Mutex::new(Vec::<GateId>::new()));
    let mut tasks = tokio::task::JoinSet::new();
    for nth in 0..TASKS {
        let (world, executor) = (Arc::clone(&world), executors[nth % 2].clone());
        let (next, gates) = (Arc::clone(&next), Arc::clone(&gates));
        tasks.spawn(async move {
            loop {
                let turn = next.fetch_add(1, Ordering::SeqCst);
                // Eight tasks have one gate in hand at about the same time.
                if turn >= actions() * 8 {
                    return;
                }
                if turn % 8 == 0 {
                    let requester = Requester::agent_of(subject("ada"), subject("agent-7"));
                    let target = format!("web-{turn}");
                    let asked = world.asked_by(requester, &[("server.wipe", &target)]);
                    let id = world.gates.ask(Asking::new(asked)).await.unwrap().gate();
                    gates.lock().unwrap().push(id);
                }
                let Some(id) = gates.lock().unwrap().iter().rev().nth(turn % 3).copied() else {
                    continue;
                };
                match turn % 8 {
                    1 | 4 => drop(world.vote(id, "bob", Ballot::approve()).await),
                    2 | 5 => drop(world.vote(id, "eve", Ballot::approve()).await),
                    3 if turn % 5 == 0 => drop(world.vote(id, "bob", Ballot::deny("no")).await),
                    6 if turn % 7 == 0 => drop(world.withdraw(id, "ada").await),
                    6 if turn % 5 == 0 => {
                        let asking = Asking::new(world.asked("server.wipe", "edited"));
                        let _done_or_not = world.gates.edit(id, world.shown("ada"), asking).await;
                    }
                    _ => {
                        if let Ok(approved) = world.gates.approved(&tenant(), id).await {
                            let _ran_or_not = executor.run(approved).await;
                        }
                    }
                }
            }
        });
    }
    tasks.join_all().await;
    let _ran = executors[0].tick(actions()).await.unwrap();
    let mut did: BTreeMap<GateId, Vec<String>> = BTreeMap::new();
    for done in journal.done() {
        did.entry(done.gate).or_default().push(done.target);
    }
    let mut states = BTreeMap::new();
    let gates = gates.lock().unwrap().clone();
    for id in gates {
        let shown = world.show(id).await;
        let did = did.remove(&id).unwrap_or_default();
        let history: BTreeSet<_> = shown
            .history()
            .iter()
            .map(|past| past.what().as_str())
            .collect();
        match shown.state() {
            State::Executed => assert_eq!(did, [shown.action().steps()[0].target()]),
            _ => assert!(did.is_empty(), "{history:?}"),
        }
        assert!(did.is_empty() || history.contains(What::Approved.as_str()));
        *states.entry(shown.state().as_str()).or_insert(0_usize) += 1;
    }
    // What ran was asked for.
    assert!(
        did.values().all(|targets| *targets == ["edited"]),
        "{did:?}"
    );
    assert!(
        states["executed"] > 0 && !states.contains_key("indeterminate"),
        "{states:?}"
    );
}

fn in_memory() -> [Arc<dyn ClaimAnchor>; 2] {
    let one: Arc<dyn ClaimAnchor> = Arc::new(MemoryClaims::default());
    [Arc::clone(&one), one]
}

fn in_a_folder(folder: &Path) -> [Arc<dyn ClaimAnchor>; 2] {
    let open = || FileClaims::open(folder.join("claims")).unwrap();
    [Arc::new(open()), Arc::new(open())]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_on_a_few_gates_run_each_once_in_memory() {
    crowd(Arc::new(MemoryStore::new(1_000_000)), in_memory()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_on_a_few_gates_run_each_once_in_memory_with_claims_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryStore::new(1_000_000));
    crowd(store, in_a_folder(folder.path())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_on_a_few_gates_run_each_once_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("data.db")).unwrap();
    crowd(Arc::new(store), in_a_folder(folder.path())).await;
}
