//! A device that logged in before is not locked out by strangers, and not exempt.

use std::time::Duration;

use keyward_password::{LogIn, Tried};

use crate::throttle::hang_up;
use crate::world::{ANN, NOW, RIGHT, World, attempt, from, home, inside, purpose, token, tried};

async fn peopled() -> (World, LogIn) {
    let world = World::new().await;
    world.put_stored("ann", &world.hashed(RIGHT).await).await;
    world.put_stored("bob", &world.hashed(RIGHT).await).await;
    let log_in = world.log_in().await;
    (world, log_in)
}

async fn with(log_in: &LogIn, typed: &str, password: &str, device: &str) -> Tried {
    let tried = attempt(log_in, typed, password.as_bytes(), home(), Some(device)).await;
    tried.unwrap()
}

/// Strangers took every try that there is, from the owner's own prefix too.
fn hammered(log_in: &LogIn) {
    while hang_up(log_in, ANN, home()).is_none() {}
    for n in 100..103 {
        while hang_up(log_in, ANN, from(n)).is_none() {}
    }
}

#[tokio::test]
async fn strangers_do_not_lock_a_known_device_out() {
    let (world, log_in) = peopled().await;
    let first = inside(tried(&log_in, ANN, RIGHT).await);
    assert!(first.is_new_device());
    let device = token(&first);
    assert_eq!(device.len(), 134);
    assert_eq!(first.device().max_age(), Duration::from_secs(400 * 86_400));
    hammered(&log_in);
    assert!(matches!(
        tried(&log_in, ANN, RIGHT).await,
        Tried::Blocked(_)
    ));
    let again = inside(with(&log_in, ANN, RIGHT, &device).await);
    assert!(!again.is_new_device());
    // It is not exempt: its own failures are counted, under the token that it has now as well.
    for device in [&device, &token(&again)].repeat(5) {
        assert!(matches!(
            with(&log_in, ANN, "wrong", device).await,
            Tried::Refused
        ));
    }
    let blocked = with(&log_in, ANN, RIGHT, &device).await;
    assert!(matches!(blocked, Tried::Blocked(blocked) if !blocked.needs_link));
    drop(world);
}

#[tokio::test]
async fn a_month_of_strangers_does_not_lock_it_out_either() {
    let (world, log_in) = peopled().await;
    let device = token(&inside(tried(&log_in, ANN, RIGHT).await));
    for n in 0..100 {
        world.later(Duration::from_secs(900)).await;
        assert!(hang_up(&log_in, ANN, from(n)).is_none());
    }
    let Tried::Blocked(blocked) = tried(&log_in, ANN, RIGHT).await else {
        panic!("let through");
    };
    assert!(blocked.needs_link);
    drop(inside(with(&log_in, ANN, RIGHT, &device).await));
}

#[tokio::test]
async fn a_token_is_of_one_account_and_one_revision() {
    let (world, log_in) = peopled().await;
    let device = token(&inside(tried(&log_in, ANN, RIGHT).await));
    // Of another account it is nothing.
    for _ in 0..10 {
        let tried = with(&log_in, "bob@example.com", "wrong", &device).await;
        assert!(matches!(tried, Tried::Refused));
    }
    assert!(matches!(
        tried(&log_in, "bob@example.com", RIGHT).await,
        Tried::Blocked(_)
    ));
    // Sealed anew under another key it is good.
    for of in ["password", "login"] {
        world.ring.admin().rotate(&purpose(of)).await.unwrap();
        world.ring.admin().promote_ready().await.unwrap();
    }
    hammered(&log_in);
    assert!(!inside(with(&log_in, ANN, RIGHT, &device).await).is_new_device());
    // After a change of the password it is any stranger's.
    world.next_revision("ann").await;
    assert!(matches!(
        with(&log_in, ANN, RIGHT, &device).await,
        Tried::Blocked(_)
    ));
    world.later(Duration::from_secs(900)).await;
    let again = inside(with(&log_in, ANN, RIGHT, &device).await);
    assert!(again.is_new_device());
    assert_ne!(token(&again), device);
}

/// What was voided counts as a stranger's, so that who stole it gains no bucket by it.
#[tokio::test]
async fn a_token_of_before_is_counted_as_a_strangers() {
    let (world, log_in) = peopled().await;
    let device = token(&inside(tried(&log_in, ANN, RIGHT).await));
    world.next_revision("ann").await;
    for _ in 0..10 {
        assert!(matches!(
            with(&log_in, ANN, "wrong", &device).await,
            Tried::Refused
        ));
    }
    assert!(matches!(
        tried(&log_in, ANN, RIGHT).await,
        Tried::Blocked(_)
    ));
}

#[tokio::test]
async fn a_token_ends_after_400_days() {
    let (world, log_in) = peopled().await;
    let device = token(&inside(tried(&log_in, ANN, RIGHT).await));
    let life = Duration::from_secs(400 * 86_400);
    for (after, is_known) in [
        (life - Duration::from_secs(1), true),
        (life, false),
        (life * 2, false),
    ] {
        world.set(NOW.saturating_add(after)).await;
        let logged_in = inside(with(&log_in, ANN, RIGHT, &device).await);
        assert_eq!(!logged_in.is_new_device(), is_known, "{after:?}");
    }
    // Nor before it was issued.
    let later = token(&inside(tried(&log_in, ANN, RIGHT).await));
    world.set(NOW).await;
    assert!(inside(with(&log_in, ANN, RIGHT, &later).await).is_new_device());
}

#[tokio::test]
async fn whatever_is_altered_is_no_token() {
    let (_world, log_in) = peopled().await;
    let device = token(&inside(tried(&log_in, ANN, RIGHT).await));
    hammered(&log_in);
    for at in 0..device.len() {
        let mut bytes = device.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(bytes).unwrap();
        let tried = with(&log_in, ANN, RIGHT, &altered).await;
        assert!(matches!(tried, Tried::Blocked(_)), "{at}");
        let tried = with(&log_in, ANN, RIGHT, &device[..at]).await;
        assert!(matches!(tried, Tried::Blocked(_)), "{at}");
    }
    drop(inside(with(&log_in, ANN, RIGHT, &device).await));
}
