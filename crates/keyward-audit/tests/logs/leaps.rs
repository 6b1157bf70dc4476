//! Clocks that leap while retention is under way, or beside others that are right.

use keyward_audit::{Of, danger};
use keyward_base::{Tenant, Timestamp};

use crate::holds::left;
use crate::retention::{DAY, ten_days};
use crate::world::{NOON, World, event};

const HOUR: u64 = DAY / 24;

async fn at(world: &World, millis: u64) {
    world.clock.set(Timestamp::from_millis(millis));
    world.keyring.refresh().await.unwrap();
}

#[tokio::test]
async fn a_leap_between_one_log_and_the_next_erases_nothing() {
    let world = ten_days().await;
    let audit = &world.audit;
    for of in [
        Of::Tenant(Tenant::new("beta").unwrap()),
        Of::Service,
        Of::Tenant(Tenant::new("gamma").unwrap()),
    ] {
        audit.append(event(&of, 0)).await.unwrap();
    }
    at(&world, NOON + 10 * DAY).await;
    let told = audit.retain(1).await.unwrap();
    assert!(told.more && told.leapt.is_none(), "{told:?}");
    at(&world, NOON + 300 * DAY).await;
    for _ in 0..10 {
        let told = audit.retain(1).await.unwrap();
        assert!(told.leapt.is_some() && !told.more, "{told:?}");
        assert!(told.erased.is_empty());
    }
    assert_eq!(left(audit).await.0, 20);
    // Set right, all is looked through, and nothing is due.
    at(&world, NOON + 10 * DAY + HOUR).await;
    while audit.retain(1).await.unwrap().more {}
    assert_eq!(left(audit).await.0, 20);
    // Or somebody says that it is right.
    at(&world, NOON + 300 * DAY).await;
    danger::believe_clock(audit).await.unwrap();
    while audit.retain(1).await.unwrap().more {}
    assert_eq!(left(audit).await.0, 0);
}

#[tokio::test]
async fn a_wrong_clock_is_not_believed_while_a_right_one_ticks() {
    let world = ten_days().await;
    world.audit.append(event(&Of::Service, 0)).await.unwrap();
    let (right, wrong) = (world.again().await, world.again().await);
    // Begun at different times of the day, and each ticks every half an hour.
    let start = NOON + 10 * DAY;
    for half in 0..200 {
        let now = start + half * HOUR / 2;
        at(&world, now).await;
        assert!(right.retain(10_000).await.unwrap().erased.is_empty());
        at(&world, now + 200 * DAY + HOUR / 4).await;
        let told = wrong.retain(10_000).await.unwrap();
        assert!(told.leapt.is_some() && told.erased.is_empty(), "{half}");
    }
    assert_eq!(left(&right).await.0, 20);
}

/// What it leaps from is the clock as it was last, though it was further ahead before.
#[tokio::test]
async fn a_clock_that_was_set_back_leaps_from_there() {
    let world = ten_days().await;
    let audit = &world.audit;
    audit.append(event(&Of::Service, 0)).await.unwrap();
    at(&world, NOON + 40 * DAY).await;
    assert!(audit.retain(10_000).await.unwrap().leapt.is_none());
    at(&world, NOON + 10 * DAY).await;
    assert!(audit.retain(10_000).await.unwrap().leapt.is_none());
    at(&world, NOON + 20 * DAY).await;
    let leapt = audit.retain(10_000).await.unwrap().leapt.unwrap();
    assert_eq!(leapt.from, Timestamp::from_millis(NOON + 10 * DAY));
}

/// What a process remembered before the service had a log stands in it from then on.
#[tokio::test]
async fn a_log_that_is_begun_takes_over_what_a_process_remembered() {
    let world = ten_days().await;
    let audit = &world.audit;
    at(&world, NOON + 10 * DAY).await;
    assert!(audit.retain(10_000).await.unwrap().leapt.is_none());
    audit.append(event(&Of::Service, 0)).await.unwrap();
    at(&world, NOON + 300 * DAY).await;
    let told = audit.retain(10_000).await.unwrap();
    assert!(told.leapt.is_some() && told.erased.is_empty(), "{told:?}");
    assert!(
        world
            .again()
            .await
            .retain(10_000)
            .await
            .unwrap()
            .leapt
            .is_some()
    );
}

#[tokio::test]
async fn a_clock_that_goes_on_is_waited_for_by_nobody_and_needs_no_belief() {
    let world = ten_days().await;
    world.audit.append(event(&Of::Service, 0)).await.unwrap();
    let audit = world.again().await;
    for day in 10..40 {
        at(&world, NOON + day * DAY).await;
        assert!(audit.retain(10_000).await.unwrap().leapt.is_none(), "{day}");
    }
    let size = async || audit.head(&Of::Service).await.unwrap().unwrap().size();
    danger::believe_clock(&audit).await.unwrap();
    assert_eq!(size().await, 1);
    at(&world, NOON + 90 * DAY).await;
    danger::believe_clock(&audit).await.unwrap();
    assert_eq!(size().await, 2);
}
