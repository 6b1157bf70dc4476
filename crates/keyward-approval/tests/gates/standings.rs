//! A yes, as it is told to whoever acts on it himself.

use keyward_approval::gate::{Shown, What};
use keyward_approval::{ArgumentName, Asking, Ballot, GateId, Scope, State};
use keyward_base::ErrorKind;
use keyward_store::{Collection, RecordKey, Write};

use crate::world::{MINUTE, POLICY, World, policy, tenant};

type Change<'a> = &'a dyn Fn(&World);

async fn standing(world: &World, id: GateId) -> Shown {
    world.gates.show_standing(&tenant(), id).await.unwrap()
}

async fn approved(world: &World) -> GateId {
    let id = world.ask("server.delete").await;
    assert_eq!(standing(world, id).await.state(), State::Pending);
    world.vote(id, "bob", Ballot::approve()).await.unwrap();
    assert_eq!(standing(world, id).await.state(), State::Approved);
    id
}

#[tokio::test]
async fn what_an_executor_would_not_run_any_more_is_no_yes() {
    let forbids = |world: &World| {
        let more = "[case.delete]\nkind = \"server.delete\"\nthen = \"forbidden\"\n";
        world.gates.set_policy(policy(&format!("{POLICY}{more}")));
    };
    let asks_two = |world: &World| {
        let more = "[case.delete]\nkind = \"server.delete\"\nthen = \"two\"\n";
        world.gates.set_policy(policy(&format!("{POLICY}{more}")));
    };
    let is_shorter = |world: &World| {
        let shorter = POLICY.replace("run-within = \"1h\"", "run-within = \"1m\"");
        let shorter = shorter.replace("decide-within = \"1h\"", "decide-within = \"4m\"");
        let shorter = shorter.replace("remind = [\"10m\", \"30m\"]", "");
        let shorter = shorter.replace("after = \"30m\"", "after = \"1m\"");
        world.gates.set_policy(policy(&shorter));
        world.clock.advance(MINUTE * 5);
    };
    let loses_its_voter = |world: &World| world.roles.set("bob", &[]);
    let changes: [(&str, Change<'_>); 4] = [
        ("forbidden", &forbids),
        ("another rule", &asks_two),
        ("a shorter span", &is_shorter),
        ("no role", &loses_its_voter),
    ];
    for (what, change) in changes {
        let world = World::new().await;
        let id = approved(&world).await;
        change(&world);
        world.keyring.refresh().await.unwrap();
        // The record alone still says yes.
        assert_eq!(world.show(id).await.state(), State::Approved, "{what}");
        let shown = standing(&world, id).await;
        assert_eq!(shown.state(), State::Superseded, "{what}");
        let last = shown.history().last().unwrap();
        assert_eq!(
            (last.what(), last.said()),
            (What::Superseded, "policy-is-stricter"),
            "{what}"
        );
        assert_eq!(world.show(id).await.state(), State::Superseded, "{what}");
        world.check_log(id).await;
    }
}

#[tokio::test]
async fn a_use_of_a_class_stands_with_it() {
    let world = World::new().await;
    let scope = Scope::Class {
        fixed: vec![ArgumentName::new("region").unwrap()],
        until: world.now().saturating_add(MINUTE * 60),
        count: 3,
    };
    let asking = Asking::new(world.regional(1, "eu", "web-1")).scope(scope);
    let class = world.gates.ask(asking).await.unwrap().gate();
    world.vote(class, "bob", Ballot::approve()).await.unwrap();
    let uses = async || {
        let used = world.regional(2, "eu", "web-1");
        world.gates.ask_under(class, used).await.unwrap().gate()
    };
    let (first, second) = (uses().await, uses().await);
    assert_eq!(standing(&world, first).await.state(), State::Approved);
    let of = tenant();
    let ended = world.gates.end_class(&of, class, world.shown("bob"));
    ended.await.unwrap();
    for used in [first, second] {
        assert_eq!(standing(&world, used).await.state(), State::Superseded);
    }
    // What the class was approved with is no use of it.
    assert_eq!(standing(&world, class).await.state(), State::Approved);
}

#[tokio::test]
async fn a_yes_that_was_put_back_is_not_told_and_none_of_another_is() {
    let world = World::new().await;
    let id = approved(&world).await;
    let place = RecordKey {
        collection: Collection::named("approval"),
        owner: tenant().as_str().to_owned(),
        id: id.to_string(),
    };
    let before = world.store.fetch(&place).await.unwrap().unwrap().content;
    world.vote(id, "eve", Ballot::deny("no")).await.unwrap();
    assert_eq!(standing(&world, id).await.denial(), Some("no"));
    let version = world.store.fetch(&place).await.unwrap().unwrap().version;
    let put = vec![Write::put(place, Some(version), before)];
    let _applied = world.store.apply(put).await.unwrap();
    let told = world.gates.show_standing(&tenant(), id).await;
    assert_eq!(told.unwrap_err().kind(), ErrorKind::Corrupt);
    let none = GateId::from_bytes([7; 16]);
    let told = world.gates.show_standing(&tenant(), none).await;
    assert_eq!(told.unwrap_err().kind(), ErrorKind::Rejected);
}

#[tokio::test]
async fn who_waits_is_told_that_something_changed() {
    let world = World::new().await;
    let of = tenant();
    let id = world.ask("server.delete").await;
    let moved = async |fence: u64| world.gates.has_moved(&of, id, fence).await.unwrap();
    let fence = world.show(id).await.fence();
    assert!(!moved(fence).await && moved(fence + 1).await);
    world.vote(id, "bob", Ballot::approve()).await.unwrap();
    assert!(moved(fence).await);
    let fence = world.show(id).await.fence();
    assert!(!moved(fence).await);
    // By time alone, which nobody has written down.
    world.pass(MINUTE * 120).await;
    assert!(moved(fence).await);
    let expired = world.show(id).await;
    assert_eq!(expired.state(), State::Expired);
    assert!(!moved(expired.fence()).await);
    let none = world.gates.has_moved(&of, GateId::from_bytes([7; 16]), 1);
    assert_eq!(none.await.unwrap_err().kind(), ErrorKind::Rejected);
}
