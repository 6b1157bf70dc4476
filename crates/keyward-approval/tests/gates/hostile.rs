//! Whoever writes to the database that gates lie in, and has none of the keys.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use keyward_approval::callback::CallbackKey;
use keyward_approval::executor::OnceBy;
use keyward_approval::gate::{State, What};
use keyward_approval::{ArgumentName, Asking, Ballot, FileClaims, GateId, Requester, Scope};
use keyward_base::{ErrorKind, Result, SecretArray};
use keyward_crypto::Provider;
use keyward_sqlite::SqliteStore;
use keyward_store::{Applied, Collection, Content, MemoryStore, Record, RecordKey, Stores, Write};
use keyward_testkit::bit_flips;

use crate::world::{MINUTE, World, subject, tenant, why};

fn key(collection: &'static str, id: String) -> RecordKey {
    RecordKey {
        collection: Collection::named(collection),
        owner: tenant().as_str().to_owned(),
        id,
    }
}

fn gate(id: GateId) -> RecordKey {
    key("approval", id.to_string())
}

fn piece(id: GateId) -> RecordKey {
    key("approval-action", format!("{id}/0"))
}

/// A world on each store, and what keeps its folder.
async fn worlds() -> [(World, Option<tempfile::TempDir>); 2] {
    let folder = tempfile::tempdir().unwrap();
    let sqlite: Arc<dyn Stores> =
        Arc::new(SqliteStore::open(folder.path().join("data.db")).unwrap());
    let memory: Arc<dyn Stores> = Arc::new(MemoryStore::new(100_000));
    [
        (World::on(memory).await, None),
        (World::on(sqlite).await, Some(folder)),
    ]
}

async fn read(world: &World, key: &RecordKey) -> Record {
    world.store.fetch(key).await.unwrap().unwrap()
}

/// Puts content where there is some, whatever stands there.
async fn put(world: &World, key: &RecordKey, content: Content) {
    let found = world.store.fetch(key).await.unwrap();
    let write = Write::put(key.clone(), found.map(|found| found.version), content);
    let applied = world.store.apply(vec![write]).await.unwrap();
    assert!(matches!(applied, Applied::Done(_)));
}

async fn approved(world: &World) -> GateId {
    let id = world.ask("server.delete").await;
    world.vote(id, "bob", Ballot::approve()).await.unwrap();
    id
}

fn corrupt<T: std::fmt::Debug>(result: Result<T>) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
}

#[tokio::test]
async fn arguments_that_were_swapped_are_found() {
    for (world, _folder) in worlds().await {
        let (executor, target) = world.executor(OnceBy::Nothing);
        let requester = || Requester::agent_of(subject("ada"), subject("agent-7"));
        let asked = world.asked_by(requester(), &[("server.delete", "web-1")]);
        let id = world.gates.ask(Asking::new(asked)).await.unwrap().gate();
        world.vote(id, "bob", Ballot::approve()).await.unwrap();
        let other = world.asked_by(requester(), &[("server.delete", "all")]);
        let other = world.gates.ask(Asking::new(other)).await.unwrap().gate();
        let token = world.gates.approved(&tenant(), id).await.unwrap();
        let genuine = read(&world, &piece(id)).await.content;
        let swapped = read(&world, &piece(other)).await.content;
        put(&world, &piece(id), swapped).await;
        corrupt(world.gates.show(&tenant(), id).await);
        corrupt(world.gates.approved(&tenant(), id).await);
        corrupt(executor.run(token).await);
        let survey = world.gates.survey(None, 100).await.unwrap();
        let named = (tenant().as_str().to_owned(), id.to_string());
        assert_eq!((survey.seen, survey.damaged), (1, vec![named]));
        for flipped in bit_flips(&genuine.data).step_by(37) {
            let content = Content {
                data: flipped,
                ..genuine.clone()
            };
            put(&world, &piece(id), content).await;
            corrupt(world.gates.approved(&tenant(), id).await);
        }
        assert_eq!(target.done().len(), 0);
        // What was there before runs.
        put(&world, &piece(id), genuine).await;
        let token = world.gates.approved(&tenant(), id).await.unwrap();
        assert_eq!(executor.run(token).await.unwrap(), State::Executed);
    }
}

#[tokio::test]
async fn a_vote_or_a_state_that_was_changed_is_found() {
    for (world, folder) in worlds().await {
        let (executor, target) = world.executor(OnceBy::Nothing);
        let id = world.ask("server.wipe").await;
        world.vote(id, "bob", Ballot::approve()).await.unwrap();
        let genuine = read(&world, &gate(id)).await.content;
        // Every bit of the record: state, votes, times, history, MAC. On disk, some of them.
        let every = if folder.is_some() { 29 } else { 1 };
        for flipped in bit_flips(&genuine.data).step_by(every) {
            let content = Content {
                data: flipped,
                ..genuine.clone()
            };
            put(&world, &gate(id), content).await;
            corrupt(world.gates.approved(&tenant(), id).await);
        }
        // The record of another gate, which was approved; and under another tenant.
        let other = approved(&world).await;
        let content = read(&world, &gate(other)).await.content;
        put(&world, &gate(id), content.clone()).await;
        corrupt(world.gates.approved(&tenant(), id).await);
        let elsewhere = keyward_base::Tenant::new("other").unwrap();
        let moved = RecordKey {
            owner: "other".to_owned(),
            ..gate(other)
        };
        put(&world, &moved, content).await;
        corrupt(world.gates.approved(&elsewhere, other).await);
        corrupt(world.vote(id, "eve", Ballot::approve()).await);
        put(&world, &gate(id), genuine).await;
        world.vote(id, "eve", Ballot::approve()).await.unwrap();
        let token = world.gates.approved(&tenant(), id).await.unwrap();
        assert_eq!(executor.run(token).await.unwrap(), State::Executed);
        assert_eq!(target.done().len(), 1);
    }
}

#[tokio::test]
async fn a_link_that_was_revived_is_found() {
    for (world, _folder) in worlds().await {
        let id = world.ask("server.stop").await;
        let (link, code) = world.link(id, None).await;
        let alive = read(&world, &gate(id)).await.content;
        let vote = async |code: [u8; 32]| {
            let ballot = Ballot::approve();
            world
                .gates
                .vote_as_holder(&tenant(), &link, &code, ballot)
                .await
        };
        for _ in 0..5 {
            assert_eq!(why(vote([8; 32]).await), "link-is-dead");
        }
        assert_eq!(why(vote(code).await), "link-is-dead");
        // The record from before the tries is genuine: votes may come in again, and nothing runs.
        put(&world, &gate(id), alive).await;
        vote(code).await.unwrap();
        corrupt(world.gates.approved(&tenant(), id).await);
        // Its history alone says nothing of it, the log does.
        assert_eq!(world.show(id).await.state(), State::Approved);
    }
}

#[tokio::test]
async fn the_record_of_one_gate_that_was_put_back_alone_is_found() {
    for (world, _folder) in worlds().await {
        let (executor, target) = world.executor(OnceBy::Nothing);
        // Denied after it was approved.
        let id = approved(&world).await;
        let before = read(&world, &gate(id)).await.content;
        let token = world.gates.approved(&tenant(), id).await.unwrap();
        world.vote(id, "eve", Ballot::deny("no")).await.unwrap();
        put(&world, &gate(id), before.clone()).await;
        corrupt(world.gates.approved(&tenant(), id).await);
        corrupt(executor.run(token).await);
        // Denied while it waited, put back and then approved by people who do not know.
        let id = world.ask("server.delete").await;
        let before = read(&world, &gate(id)).await.content;
        world.vote(id, "eve", Ballot::deny("no")).await.unwrap();
        put(&world, &gate(id), before).await;
        world.vote(id, "bob", Ballot::approve()).await.unwrap();
        corrupt(world.gates.approved(&tenant(), id).await);
        assert_eq!(target.done().len(), 0);
        // Run, and put back to before.
        let id = approved(&world).await;
        let before = read(&world, &gate(id)).await.content;
        let tokens = [
            world.gates.approved(&tenant(), id).await.unwrap(),
            world.gates.approved(&tenant(), id).await.unwrap(),
        ];
        let [first, second] = tokens;
        assert_eq!(executor.run(first).await.unwrap(), State::Executed);
        put(&world, &gate(id), before).await;
        corrupt(world.gates.approved(&tenant(), id).await);
        // The anchor has the claim, and says so first.
        assert_eq!(executor.run(second).await.unwrap(), State::Indeterminate);
        assert_eq!(target.done().len(), 1);
        // In the midst of it: as if its lease were lost.
        world.pass(MINUTE * 2).await;
        for (_, _, said) in executor.tick(10).await.unwrap() {
            corrupt(said);
        }
        assert_eq!(target.done().len(), 1);
    }
}

#[tokio::test]
async fn a_whole_database_that_was_put_back_runs_nothing_twice_with_the_anchor() {
    for anchored in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("data.db");
        let store =
            |at: &std::path::Path| -> Arc<dyn Stores> { Arc::new(SqliteStore::open(at).unwrap()) };
        let world = World::on(store(&at)).await;
        let id = approved(&world).await;
        let (executor, target) = world.executor(OnceBy::Nothing);
        // Of one moment: nothing is written meanwhile.
        let older = tempfile::tempdir().unwrap();
        let copy = older.path().join("data.db");
        let conn = rusqlite::Connection::open(&at).unwrap();
        conn.execute("VACUUM INTO ?1", [copy.to_str().unwrap()])
            .unwrap();
        drop(conn);
        std::fs::set_permissions(&copy, Permissions::from_mode(0o600)).unwrap();
        let token = world.gates.approved(&tenant(), id).await.unwrap();
        assert_eq!(executor.run(token).await.unwrap(), State::Executed);

        let back = world.again_on(store(&copy)).await;
        let (executor, again) = if anchored {
            back.executor(OnceBy::Nothing)
        } else {
            // What was never there remembers nothing: `docs/threat-model.md` says so.
            back.executor_unanchored(OnceBy::Nothing)
        };
        let token = back.gates.approved(&tenant(), id).await.unwrap();
        let state = executor.run(token).await.unwrap();
        assert_eq!(target.done().len(), 1);
        match anchored {
            true => assert_eq!((state, again.done().len()), (State::Indeterminate, 0)),
            false => assert_eq!((state, again.done().len()), (State::Executed, 1)),
        }
    }
}

/// What was forgotten of a gate may have run: no clock that is set back makes it run once more.
#[tokio::test]
async fn with_the_database_and_the_clock_put_back_nothing_runs_that_the_anchor_forgot() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("data.db");
    let world = World::on(Arc::new(SqliteStore::open(&at).unwrap())).await;
    let id = approved(&world).await;
    let copy = folder.path().join("copy.db");
    let conn = rusqlite::Connection::open(&at).unwrap();
    conn.execute("VACUUM INTO ?1", [copy.to_str().unwrap()])
        .unwrap();
    drop(conn);
    std::fs::set_permissions(&copy, Permissions::from_mode(0o600)).unwrap();
    let then = world.now();
    let claims = folder.path().join("claims");
    let anchor = Arc::new(FileClaims::open(claims.clone()).unwrap());
    let (executor, target) = world.executor_anchored(anchor, OnceBy::Nothing);
    let token = world.gates.approved(&tenant(), id).await.unwrap();
    assert_eq!(executor.run(token).await.unwrap(), State::Executed);
    world.pass(MINUTE * 60 * 27).await;
    assert_eq!(executor.prune().await.unwrap(), 1);

    world.clock.set(then);
    world.keyring.refresh().await.unwrap();
    let back = world
        .again_on(Arc::new(SqliteStore::open(&copy).unwrap()))
        .await;
    // Another process, of the same anchor.
    let anchor = Arc::new(FileClaims::open(claims).unwrap());
    let (executor, again) = back.executor_anchored(anchor, OnceBy::Nothing);
    let token = back.gates.approved(&tenant(), id).await.unwrap();
    assert_eq!(why(executor.run(token).await), "clock-is-behind");
    assert_eq!((target.done().len(), again.done().len()), (1, 0));
    assert_eq!(back.show(id).await.state(), State::Approved);
}

/// A file of the anchor that is damaged or gone stops the gates of that file, and no other; an anchor
/// that is taken away while it runs stops all.
#[tokio::test]
async fn what_is_done_to_the_files_of_the_anchor_runs_nothing() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("claims");
    let anchor = Arc::new(FileClaims::open(at.clone()).unwrap());
    let (executor, target) = world.executor_anchored(anchor, OnceBy::Nothing);
    let run = async |id| {
        let token = world.gates.approved(&tenant(), id).await.unwrap();
        executor.run(token).await
    };
    let file = |id: GateId| at.join(&id.to_string()[..3]);
    let damaged = approved(&world).await;
    // Of another file each.
    let other = async |than: &[GateId]| loop {
        let id = approved(&world).await;
        if than.iter().all(|than| file(*than) != file(id)) {
            return id;
        }
    };
    std::fs::write(file(damaged), "keyward-claims/1 000 0\n").unwrap();
    let refused = run(damaged).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt);
    assert!(refused.to_string().contains("move the folder away"));
    let ran = other(&[damaged]).await;
    assert_eq!(run(ran).await.unwrap(), State::Executed);
    std::fs::write(file(ran), "").unwrap();
    let waits = other(&[damaged, ran]).await;
    // What cannot be forgotten is told once, and keeps no other from its turn.
    let told = executor.tick(100).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::Corrupt);
    let said = executor.tick(100).await.unwrap();
    let of = |id: GateId| said.iter().find(|(_, of, _)| *of == id).unwrap();
    assert!(of(damaged).2.is_err());
    assert!(matches!(of(waits).2, Ok(State::Executed)));
    std::fs::remove_file(file(damaged)).unwrap();
    assert_eq!(run(damaged).await.unwrap(), State::Executed);
    let before = target.done().len();
    std::fs::remove_dir_all(&at).unwrap();
    let last = approved(&world).await;
    let refused = run(last).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert!(refused.to_string().contains("taken away"), "{refused}");
    assert_eq!(world.show(last).await.state(), State::Approved);
    assert_eq!(target.done().len(), before);
}

#[tokio::test]
async fn the_record_of_a_class_that_was_put_back_alone_does_not_count_its_uses_anew() {
    for (world, _kept) in worlds().await {
        let scope = Scope::Class {
            fixed: vec![ArgumentName::new("region").unwrap()],
            until: world.now().saturating_add(MINUTE * 60),
            count: 1,
        };
        let asking = Asking::new(world.regional(1, "eu", "web-1")).scope(scope);
        let class = world.gates.ask(asking).await.unwrap().gate();
        let vote = world.vote(class, "bob", Ballot::approve());
        vote.await.unwrap();
        let (executor, _) = world.executor(OnceBy::Nothing);
        let first = world.gates.approved(&tenant(), class).await.unwrap();
        executor.run(first).await.unwrap();
        let before = read(&world, &gate(class)).await;
        let use_it = async || {
            let asked = world.regional(2, "eu", "web-1");
            world.gates.ask_under(class, asked).await
        };
        use_it().await.unwrap();
        assert_eq!(why(use_it().await), "out-of-scope");
        let content = Content {
            data: before.data.clone(),
            sealed: before.sealed.clone(),
            ..Content::default()
        };
        put(&world, &gate(class), content).await;
        assert!(use_it().await.is_err(), "its uses were counted anew");
    }
}

#[tokio::test]
async fn a_link_whose_tries_were_put_back_runs_nothing() {
    for (world, _folder) in worlds().await {
        let id = world.ask("server.stop").await;
        let (link, code) = world.link(id, None).await;
        let before = read(&world, &gate(id)).await.content;
        let vote = async |code: [u8; 32]| {
            let ballot = Ballot::approve();
            let gates = &world.gates;
            gates.vote_as_holder(&tenant(), &link, &code, ballot).await
        };
        // Not the last of them: the link lives, and its history says nothing of it.
        for _ in 0..4 {
            assert_eq!(why(vote([8; 32]).await), "link-is-dead");
        }
        put(&world, &gate(id), before).await;
        vote(code).await.unwrap();
        corrupt(world.gates.approved(&tenant(), id).await);
    }
}

#[tokio::test]
async fn a_record_and_the_log_s_entry_that_were_both_changed_are_found() {
    for has_read in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("data.db");
        let world = World::on(Arc::new(SqliteStore::open(&at).unwrap())).await;
        let (executor, target) = world.executor(OnceBy::Nothing);
        let (other, id) = (approved(&world).await, approved(&world).await);
        let before = read(&world, &gate(id)).await.content;
        let token = world.gates.approved(&tenant(), id).await.unwrap();
        world.vote(id, "eve", Ballot::deny("no")).await.unwrap();
        if has_read {
            let _read_on = world.gates.approved(&tenant(), other).await.unwrap();
        }
        put(&world, &gate(id), before).await;
        // Another's entry in the place of the denial: its own digest fits.
        let conn = rusqlite::Connection::open(&at).unwrap();
        let sql = "UPDATE entry SET bytes = (SELECT bytes FROM entry WHERE collection = 'audit' AND owner = ?1 AND seq = 0)
             WHERE collection = 'audit' AND owner = ?1 AND seq = (SELECT max(seq) FROM entry WHERE collection = 'audit' AND owner = ?1)";
        assert_eq!(conn.execute(sql, [tenant().as_str()]).unwrap(), 1);
        corrupt(world.gates.approved(&tenant(), id).await);
        corrupt(executor.run(token).await);
        assert_eq!(target.done().len(), 0);
    }
}

#[tokio::test]
async fn a_database_that_was_put_back_gives_a_class_no_more_uses() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("data.db");
    let store =
        |at: &std::path::Path| -> Arc<dyn Stores> { Arc::new(SqliteStore::open(at).unwrap()) };
    let world = World::on(store(&at)).await;
    let (executor, target) = world.executor(OnceBy::Nothing);
    let scope = Scope::Class {
        fixed: vec![ArgumentName::new("region").unwrap()],
        until: world.now().saturating_add(MINUTE * 60),
        count: 2,
    };
    let asking = Asking::new(world.regional(1, "eu", "web-1")).scope(scope);
    let class = world.gates.ask(asking).await.unwrap().gate();
    let vote = world.vote(class, "bob", Ballot::approve());
    vote.await.unwrap();
    let older = tempfile::tempdir().unwrap();
    let copy = older.path().join("data.db");
    let conn = rusqlite::Connection::open(&at).unwrap();
    conn.execute("VACUUM INTO ?1", [copy.to_str().unwrap()])
        .unwrap();
    drop(conn);
    std::fs::set_permissions(&copy, Permissions::from_mode(0o600)).unwrap();
    let uses = async |world: &World, executor: &keyward_approval::executor::Executor| {
        let used = world
            .gates
            .ask_under(class, world.regional(2, "eu", "web-1"))
            .await;
        let token = world.gates.approved(&tenant(), used.unwrap().gate()).await;
        executor.run(token.unwrap()).await
    };
    assert_eq!(uses(&world, &executor).await.unwrap(), State::Executed);

    let back = world.again_on(store(&copy)).await;
    let (executor, again) = back.executor(OnceBy::Nothing);
    assert_eq!(uses(&back, &executor).await.unwrap(), State::Executed);
    // The record has room for one more; two were claimed.
    assert_eq!(why(uses(&back, &executor).await), "out-of-scope");
    assert_eq!((target.done().len(), again.done().len()), (1, 1));
    // The action that was approved is none of them.
    let token = back.gates.approved(&tenant(), class).await.unwrap();
    assert_eq!(executor.run(token).await.unwrap(), State::Executed);
}

#[tokio::test]
async fn a_damaged_action_stops_time_for_no_other() {
    for (world, _folder) in worlds().await {
        let damaged = world.ask("server.delete").await;
        world.pass(MINUTE).await;
        let other = world.ask("server.delete").await;
        let content = Content {
            data: b"not an action".to_vec(),
            ..Content::default()
        };
        put(&world, &piece(damaged), content).await;
        world.pass(MINUTE * 90).await;
        let due = world.gates.tick(100).await.unwrap();
        let due: Vec<_> = due.iter().map(|due| (due.gate, due.what)).collect();
        assert_eq!(due, [(other, What::Expired)]);
    }
}

#[tokio::test]
async fn nobody_is_told_a_record_that_was_put_back() {
    for (world, _folder) in worlds().await {
        let id = approved(&world).await;
        let before = read(&world, &gate(id)).await.content;
        let key = CallbackKey::new(
            &Provider::default(),
            &SecretArray::copy_of(&[7; 32]).unwrap(),
        );
        let key = key.unwrap();
        let tell = async || world.gates.callback(&tenant(), id, &key).await;
        tell().await.unwrap();
        world.vote(id, "eve", Ballot::deny("no")).await.unwrap();
        put(&world, &gate(id), before).await;
        // As it lies there it says yes, and nobody who asks the log believes it.
        assert_eq!(world.show(id).await.state(), State::Approved);
        corrupt(world.gates.show_newest(&tenant(), id).await);
        corrupt(tell().await);
    }
}

#[tokio::test]
async fn the_record_of_a_class_that_was_put_back_alone_lets_no_use_run_that_was_asked_before_its_end()
 {
    for (world, _kept) in worlds().await {
        let (executor, target) = world.executor(OnceBy::Nothing);
        let scope = Scope::Class {
            fixed: vec![ArgumentName::new("region").unwrap()],
            until: world.now().saturating_add(MINUTE * 60),
            count: 2,
        };
        let asking = Asking::new(world.regional(1, "eu", "web-1")).scope(scope);
        let class = world.gates.ask(asking).await.unwrap().gate();
        let vote = world.vote(class, "bob", Ballot::approve());
        vote.await.unwrap();
        let asked = world.regional(2, "eu", "web-1");
        let used = world.gates.ask_under(class, asked).await.unwrap().gate();
        let before = read(&world, &gate(class)).await.content;
        let (of, ada) = (tenant(), world.shown("ada"));
        world.gates.end_class(&of, class, ada).await.unwrap();
        put(&world, &gate(class), before).await;
        let token = world.gates.approved(&tenant(), used).await.unwrap();
        assert_eq!(why(executor.run(token).await), "put-back");
        assert_eq!(world.show(used).await.state(), State::Superseded);
        assert_eq!(target.tries(), 0);
    }
}
