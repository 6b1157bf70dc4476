//! What time does.

use keyward_approval::Ballot;
use keyward_approval::gate::{State, What};

use crate::world::{MINUTE, World, tenant, why};

#[tokio::test]
async fn silence_is_no_and_an_approval_does_not_keep() {
    let world = World::new().await;
    let (silent, kept) = (
        world.ask("server.delete").await,
        world.ask("server.delete").await,
    );
    let vote = async |id| {
        let ballot = Ballot::approve();
        world
            .gates
            .vote(&tenant(), id, world.shown("bob"), ballot)
            .await
    };
    vote(kept).await.unwrap();
    world.pass(MINUTE * 60).await;
    // To the millisecond: not at decide-by any more.
    assert_eq!(why(vote(silent).await), "not-open");
    assert_eq!(world.show(silent).await.state(), State::Expired);
    let _may_run = world.gates.approved(&tenant(), kept).await.unwrap();
    world.pass(MINUTE * 60).await;
    assert_eq!(
        why(world.gates.approved(&tenant(), kept).await),
        "not-approved"
    );
    assert_eq!(world.show(kept).await.state(), State::Expired);
    world.check_log(silent).await;
    world.check_log(kept).await;
}

#[tokio::test]
async fn approvers_are_reminded_then_others_are_asked_then_it_ends_each_once() {
    let world = World::new().await;
    let (one, two) = (
        world.ask("server.delete").await,
        world.ask("server.wipe").await,
    );
    let tick = async || {
        let due = world.gates.tick(100).await.unwrap();
        let of = |id| {
            due.iter()
                .filter(|due| due.gate == id)
                .map(|due| due.what)
                .collect()
        };
        let (of_one, of_two): (Vec<_>, Vec<_>) = (of(one), of(two));
        (of_one, of_two)
    };
    assert_eq!(tick().await, (vec![], vec![]));
    world.pass(MINUTE * 30).await;
    assert_eq!(tick().await, (vec![What::Reminded], vec![What::Escalated]));
    assert_eq!(tick().await, (vec![], vec![]));
    world.pass(MINUTE * 20).await;
    assert_eq!(tick().await, (vec![What::Reminded], vec![]));
    // The second rule asks another.
    let vote = async |name| {
        let ballot = Ballot::approve();
        world
            .gates
            .vote(&tenant(), two, world.shown(name), ballot)
            .await
    };
    assert_eq!(why(vote("bob").await), "not-an-approver");
    assert_eq!(vote("captain").await.unwrap().approvals, 1);
    assert_eq!(vote("chief").await.unwrap().state, State::Approved);
    world.pass(MINUTE * 10).await;
    assert_eq!(tick().await, (vec![What::Expired], vec![]));
    world.check_log(one).await;
    world.check_log(two).await;
}

#[tokio::test]
async fn the_second_rule_holds_from_its_time_on_whether_or_not_anybody_ticked() {
    let world = World::new().await;
    let id = world.ask("server.wipe").await;
    world.pass(MINUTE * 31).await;
    let vote = async |name| {
        let ballot = Ballot::approve();
        world
            .gates
            .vote(&tenant(), id, world.shown(name), ballot)
            .await
    };
    assert_eq!(why(vote("bob").await), "not-an-approver");
    assert_eq!(vote("captain").await.unwrap().approvals, 1);
    world.check_log(id).await;
}
