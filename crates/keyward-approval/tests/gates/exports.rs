//! The whole record of a gate as a file, which anybody checks.

use keyward_approval::executor::OnceBy;
use keyward_approval::gate::State;
use keyward_approval::gate::export::{Exported, check};
use keyward_approval::{Asking, Ballot, GateId, Requester};
use keyward_audit::{Of, VerifierKey};
use keyward_base::encoding::{base64url, from_base64url};
use keyward_base::{ErrorKind, Result};
use keyward_crypto::Provider;
use keyward_store::{Applied, Collection, RecordKey, Write};

use crate::world::{World, subject, tenant, why};

async fn key(world: &World) -> VerifierKey {
    let key = world.audit.key(&Of::Tenant(tenant())).await;
    key.unwrap().unwrap()
}

async fn export(world: &World, id: GateId) -> String {
    let bytes = world.gates.export(&tenant(), id, Vec::new()).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

fn checked(key: &VerifierKey, text: &str) -> Result<Exported> {
    check(
        &Provider::default(),
        std::slice::from_ref(key),
        text.as_bytes(),
    )
}

/// Two steps that an agent of ada's asked for, with a vote and a reason, done; other gates before,
/// between and after.
async fn executed(world: &World) -> GateId {
    let (executor, _target) = world.executor(OnceBy::Nothing);
    world.ask("server.delete").await;
    let requester = Requester::agent_of(subject("ada"), subject("agent-7"));
    let steps = [("server.delete", "web-1"), ("server.delete", "web-2")];
    let asked = world.asked_by(requester, &steps);
    let id = world.gates.ask(Asking::new(asked)).await.unwrap().gate();
    world
        .gates
        .add_link(&tenant(), id, None, None)
        .await
        .unwrap();
    let _spent = world.gates.reserve_try(&tenant(), id, 0).await.unwrap();
    let other = world.ask("server.delete").await;
    let ballot = Ballot::approve().because("it is <b>spare</b>");
    world.vote(id, "bob", ballot).await.unwrap();
    world.withdraw(other, "ada").await.unwrap();
    let token = world.gates.approved(&tenant(), id).await.unwrap();
    assert_eq!(executor.run(token).await.unwrap(), State::Executed);
    world.ask("server.delete").await;
    id
}

/// What an export is written to while others ask: with each line one more.
struct Busy<'a> {
    world: &'a World,
    out: Vec<u8>,
}

impl std::io::Write for Busy<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        keyward_store::conformance::block_on(self.world.ask("server.delete"));
        self.out.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn all_entries_of_an_export_lead_to_one_checkpoint() {
    let world = World::new().await;
    let id = executed(&world).await;
    let key = key(&world).await;
    let busy = Busy {
        world: &world,
        out: Vec::new(),
    };
    let text = world.gates.export(&tenant(), id, busy).await.unwrap().out;
    let text = String::from_utf8(text).unwrap();
    let exported = checked(&key, &text).unwrap();
    let mut checkpoints = std::collections::BTreeSet::new();
    for line in text.lines().skip(1) {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let (_, checkpoint) = line["proof"].as_str().unwrap().split_once("\n\n").unwrap();
        checkpoints.insert(checkpoint.to_owned());
    }
    assert!(exported.entries > 5);
    assert_eq!(checkpoints.len(), 1, "{checkpoints:#?}");
}

#[tokio::test]
async fn an_export_says_all_of_a_gate_and_proves_it_without_the_service() {
    let world = World::new().await;
    let id = executed(&world).await;
    let (key, text) = (key(&world).await, export(&world, id).await);
    let exported = checked(&key, &text).unwrap();
    assert_eq!((exported.gate, exported.state), (id, State::Executed));
    let shown = world.show(id).await;
    assert_eq!(exported.action.bytes(), shown.action().bytes());
    // Its history, and the try of its link's code.
    let entries = u64::try_from(shown.history().len()).unwrap() + 1;
    assert_eq!(exported.entries, entries);
    let told: serde_json::Value = serde_json::from_str(&exported.told).unwrap();
    let ticket = id.to_string();
    for (name, value) in [
        ("ticket", ticket.as_str()),
        ("instance", "deploydesk"),
        ("category", "one"),
        ("status", "executed"),
        ("requester", "agent-7"),
        ("asked", "2026-01-01T00:00:00Z"),
    ] {
        assert_eq!(told[name], value, "{name}");
    }
    assert!(told.as_object().unwrap().contains_key("confidence"));
    assert_eq!(told["actions"][0]["target"], "web-1");
    assert_eq!(told["actions"][1]["target"], "web-2");
    assert_eq!(told["actions"][1]["result"], "done");
    assert_eq!(told["votes"][0]["by"], "bob");
    assert_eq!(told["votes"][0]["reason"], "it is <b>spare</b>");
    assert_eq!(
        told["history"].as_array().unwrap().len(),
        shown.history().len()
    );
    // Under another key it is nothing.
    let elsewhere = World::new().await;
    elsewhere.ask("server.delete").await;
    let other = self::key(&elsewhere).await;
    assert_eq!(
        why(checked(&other, &text)),
        "not-authentic-for-this-context"
    );
    // Nothing of the other gates is in it.
    assert_eq!(
        text.matches("\"ticket\"").count() - 1,
        usize::try_from(entries).unwrap()
    );
    for (nth, line) in text.lines().enumerate() {
        assert!(line.contains(&ticket), "line {nth}");
    }
}

#[tokio::test]
async fn an_export_that_was_edited_is_refused() {
    let world = World::new().await;
    let id = executed(&world).await;
    let (key, text) = (key(&world).await, export(&world, id).await);
    checked(&key, &text).unwrap();
    let refused = |what: &str, text: &str| {
        let error = checked(&key, text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected, "{what}: {error:?}");
    };
    let lines: Vec<&str> = text.lines().collect();
    let of = |lines: &[&str]| {
        lines
            .iter()
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    };
    for nth in 0..lines.len() {
        let mut without = lines.clone();
        without.remove(nth);
        refused("a line is missing", &of(&without));
        refused("it ends early", &of(&lines[..nth]));
        let mut twice = lines.clone();
        twice.insert(nth, lines[nth]);
        refused("a line is there twice", &of(&twice));
        if nth + 1 < lines.len() {
            let mut swapped = lines.clone();
            swapped.swap(nth, nth + 1);
            refused("two lines are swapped", &of(&swapped));
        }
    }
    refused("something follows", &format!("{text}\n"));
    refused("it is cut in a line", &text[..text.len() - 1]);
    // What a reader looks at, and what stands behind it.
    for (said, other) in [
        ("\"status\":\"executed\"", "\"status\":\"failed\""),
        ("\"by\":\"bob\"", "\"by\":\"eve\""),
        ("<b>spare</b>", "<b>waste</b>"),
        ("\"result\":\"done\"", "\"result\":\"failed\""),
        ("\"target\":\"web-1\"", "\"target\":\"web-9\""),
        ("\"confidence\":null", "\"confidence\":900"),
        ("\"instance\":\"deploydesk\"", "\"instance\":\"otherdesk1\""),
        ("\"category\":\"one\"", "\"category\":\"two\""),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"),
    ] {
        assert!(text.contains(said), "{said}");
        refused(said, &text.replacen(said, other, 1));
    }
    // Some of each line: one character for another.
    let step = text.len() / 400;
    for at in (0..text.len()).step_by(step) {
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let error = check(
            &Provider::default(),
            std::slice::from_ref(&key),
            bytes.as_slice(),
        );
        assert!(error.is_err(), "character {at} may be another");
    }
}

/// Whoever makes an export edits the record and what is told of it alike: the log has another record.
#[tokio::test]
async fn a_record_that_was_edited_in_bytes_and_words_is_not_what_the_log_vouches_for() {
    let world = World::new().await;
    let id = executed(&world).await;
    let (key, text) = (key(&world).await, export(&world, id).await);
    let bytes = world.show(id).await.bytes();
    let old = base64url(&bytes);
    for (said, other) in [("<b>spare</b>", "<b>waste</b>"), ("bob", "eve")] {
        let record = from_base64url(&old).unwrap();
        let mut edited = Vec::new();
        let mut rest = record.as_slice();
        while let Some((first, behind)) = rest.split_first() {
            if let Some(behind) = rest.strip_prefix(said.as_bytes()) {
                edited.extend_from_slice(other.as_bytes());
                rest = behind;
            } else {
                edited.push(*first);
                rest = behind;
            }
        }
        assert_ne!(edited, bytes);
        let (front, behind) = text.split_once('\n').unwrap();
        let front = front.replacen(&old, &base64url(&edited), 1);
        let front = front.replace(said, other);
        let forged = format!("{front}\n{behind}");
        assert_eq!(why(checked(&key, &forged)), "another-record", "{said}");
    }
}

/// The lines of one gate with what another was told.
#[tokio::test]
async fn the_parts_of_two_exports_are_none() {
    let world = World::new().await;
    let (one, two) = (executed(&world).await, executed(&world).await);
    let key = key(&world).await;
    let (one, two) = (export(&world, one).await, export(&world, two).await);
    let (front, _) = one.split_once('\n').unwrap();
    let (_, behind) = two.split_once('\n').unwrap();
    assert_eq!(
        why(checked(&key, &format!("{front}\n{behind}"))),
        "entry-missing"
    );
    // An older record with the entries of the newest, and the other way round.
    let id = world.ask("server.wipe").await;
    world.vote(id, "bob", Ballot::approve()).await.unwrap();
    let older = export(&world, id).await;
    world.vote(id, "eve", Ballot::deny("no")).await.unwrap();
    let newer = export(&world, id).await;
    assert_eq!(checked(&key, &older).unwrap().state, State::Pending);
    assert_eq!(checked(&key, &newer).unwrap().state, State::Denied);
    let parts = |text: &str| {
        let (front, behind) = text.split_once('\n').unwrap();
        (front.to_owned(), behind.to_owned())
    };
    let ((old, few), (new, more)) = (parts(&older), parts(&newer));
    assert!(checked(&key, &format!("{old}\n{more}")).is_err());
    assert!(checked(&key, &format!("{new}\n{few}")).is_err());
}

/// Whoever writes to the database edits or deletes what an export is made of.
#[tokio::test]
async fn a_record_that_was_edited_or_deleted_in_the_database_is_found() {
    let world = World::new().await;
    let id = world.ask("server.wipe").await;
    let place = RecordKey {
        collection: Collection::named("approval"),
        owner: tenant().as_str().to_owned(),
        id: id.to_string(),
    };
    let older = world.store.fetch(&place).await.unwrap().unwrap().content;
    world.vote(id, "bob", Ballot::approve()).await.unwrap();
    export(&world, id).await;
    let genuine = world.store.fetch(&place).await.unwrap().unwrap().content;
    let put = async |content| {
        let found = world.store.fetch(&place).await.unwrap();
        let write = Write::put(place.clone(), found.map(|found| found.version), content);
        let applied = world.store.apply(vec![write]).await.unwrap();
        assert!(matches!(applied, Applied::Done(_)));
    };
    let exported = async || world.gates.export(&tenant(), id, Vec::new()).await;
    let mut edited = genuine.clone();
    let at = edited.data.len() / 2;
    edited.data[at] ^= 1;
    for content in [edited, older] {
        put(content).await;
        assert_eq!(exported().await.unwrap_err().kind(), ErrorKind::Corrupt);
    }
    put(genuine).await;
    exported().await.unwrap();
    let version = world.store.fetch(&place).await.unwrap().unwrap().version;
    let delete = Write::Delete {
        key: place.clone(),
        version,
    };
    let applied = world.store.apply(vec![delete]).await.unwrap();
    assert!(matches!(applied, Applied::Done(_)));
    assert_eq!(why(exported().await), "not-found");
    // The log still says that there was one, and what became of it.
    assert!(!crate::world::told(&world.audit, id).await.is_empty());
}
