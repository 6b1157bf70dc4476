//! How often it may be tried.

use std::sync::Arc;
use std::time::Duration;

use keyward_base::audit::Outcome;
use keyward_base::{AddressPrefix, ErrorKind, Retry};
use keyward_password::{Blocked, Limits, LogIn, Throttle, Tried, reason};
use keyward_store::{Attempts, Window};
use keyward_testkit::at_most;

use crate::world::{ANN, NOW, RIGHT, World, address, attempt, from, home, inside, tried};

const QUARTER: Duration = Duration::from_secs(900);
const DAY: Duration = Duration::from_secs(86_400);

/// A try whose client hangs up at once: it counts, and costs no hash mostly.
pub(crate) fn hang_up(log_in: &LogIn, typed: &str, prefix: AddressPrefix) -> Option<Blocked> {
    let tried = at_most(1, attempt(log_in, typed, b"wrong", prefix, None));
    match tried.map(Result::unwrap) {
        None | Some(Tried::Refused) => None,
        Some(Tried::Blocked(blocked)) => Some(blocked),
        Some(other) => panic!("{other:?}"),
    }
}

async fn peopled() -> (World, LogIn) {
    let world = World::new().await;
    world.put_stored("ann", &world.hashed(RIGHT).await).await;
    world.put_stored("bob", &world.hashed(RIGHT).await).await;
    let log_in = world.log_in().await;
    (world, log_in)
}

#[tokio::test]
async fn ten_from_one_prefix_and_one_more_later() {
    let (world, log_in) = peopled().await;
    for n in 0..10 {
        world.set(NOW.saturating_add(Duration::from_secs(n))).await;
        assert!(matches!(tried(&log_in, ANN, "wrong").await, Tried::Refused));
    }
    world.tries.take();
    world.data.take();
    let before = world.passwords.ledger();
    // However often it is tried, by whatever spelling, right or wrong, and however late.
    for n in 10..60 {
        world.set(NOW.saturating_add(Duration::from_secs(n))).await;
        let spelling = if n % 2 == 0 { "ANN@EXAMPLE.COM" } else { ANN };
        let Tried::Blocked(blocked) = tried(&log_in, spelling, RIGHT).await else {
            panic!("let through");
        };
        assert_eq!(blocked.retry, Retry::At(NOW.saturating_add(QUARTER)));
        assert!(!blocked.needs_link);
    }
    // It wrote nothing, looked nobody up and hashed nothing.
    assert!(world.tries.take().iter().all(|call| *call == "reserve"));
    assert!(world.data.take().is_empty());
    assert_eq!(world.passwords.ledger(), before);
    let event = world.audit.last().unwrap();
    let outcome = Outcome::Failed(ErrorKind::Rejected, Some(reason::THROTTLED));
    assert_eq!((event.action, event.outcome), ("login.blocked", outcome));
    // The first leaves its window, and one is let through, not two.
    world.set(NOW.saturating_add(QUARTER)).await;
    assert!(matches!(tried(&log_in, ANN, "wrong").await, Tried::Refused));
    assert!(matches!(
        tried(&log_in, ANN, RIGHT).await,
        Tried::Blocked(_)
    ));
    // Another account and another prefix are free.
    drop(inside(tried(&log_in, "bob@example.com", RIGHT).await));
    let elsewhere = attempt(&log_in, ANN, RIGHT.as_bytes(), from(8), None).await;
    drop(inside(elsewhere.unwrap()));
}

#[tokio::test]
async fn who_has_no_account_is_counted_as_who_has() {
    let (world, log_in) = peopled().await;
    for typed in ["unknown@example.com", "no address", ""] {
        for _ in 0..10 {
            assert!(hang_up(&log_in, typed, home()).is_none());
        }
        assert!(!hang_up(&log_in, typed, home()).unwrap().needs_link);
    }
    drop(world);
}

#[tokio::test]
async fn an_address_of_ipv6_is_counted_by_its_64_bits() {
    let (_world, log_in) = peopled().await;
    let of = |text: &str| AddressPrefix::of(text.parse().unwrap());
    for n in 0..10 {
        let one = of(&format!("2001:db8:1:2:{n}::{n}"));
        assert!(hang_up(&log_in, ANN, one).is_none());
    }
    assert!(hang_up(&log_in, ANN, of("2001:db8:1:2:ffff::1")).is_some());
    assert!(hang_up(&log_in, ANN, of("2001:db8:1:3::1")).is_none());
    // A mapped one is IPv4.
    for _ in 0..10 {
        assert!(hang_up(&log_in, ANN, of("::ffff:203.0.113.7")).is_none());
    }
    assert!(hang_up(&log_in, ANN, home()).is_some());
}

#[tokio::test]
async fn thirty_at_an_account_from_everywhere_and_a_hundred_from_a_prefix() {
    let (_world, log_in) = peopled().await;
    for n in 0..30 {
        assert!(hang_up(&log_in, ANN, from(n)).is_none());
    }
    assert!(!hang_up(&log_in, ANN, from(99)).unwrap().needs_link);
    for n in 0..100 {
        assert!(hang_up(&log_in, &address(&format!("a{n}")), from(200)).is_none());
    }
    assert!(
        !hang_up(&log_in, &address("b"), from(200))
            .unwrap()
            .needs_link
    );
    assert!(hang_up(&log_in, &address("b"), from(201)).is_none());
}

#[tokio::test]
async fn after_a_hundred_in_30_days_strangers_need_a_link() {
    let (world, log_in) = peopled().await;
    for n in 0..100 {
        world.set(NOW.saturating_add(QUARTER * n)).await;
        assert!(hang_up(&log_in, ANN, from(u8::try_from(n % 200).unwrap())).is_none());
    }
    let blocked = hang_up(&log_in, ANN, from(250)).unwrap();
    assert!(blocked.needs_link);
    assert_eq!(blocked.retry, Retry::At(NOW.saturating_add(DAY * 30)));
    let outcome = world.audit.last().unwrap().outcome;
    assert_eq!(
        outcome,
        Outcome::Failed(ErrorKind::Rejected, Some(reason::NEEDS_LINK))
    );
    // The same of nobody.
    let nobody = "nobody@example.com";
    for n in 0..100 {
        world.later(QUARTER).await;
        assert!(hang_up(&log_in, nobody, from(n)).is_none());
    }
    assert!(hang_up(&log_in, nobody, from(250)).unwrap().needs_link);
}

#[tokio::test]
async fn who_hangs_up_is_counted() {
    let (_world, log_in) = peopled().await;
    for _ in 0..10 {
        assert!(hang_up(&log_in, ANN, home()).is_none());
    }
    assert!(matches!(
        tried(&log_in, ANN, RIGHT).await,
        Tried::Blocked(_)
    ));
}

#[tokio::test]
async fn a_success_takes_nothing_back_but_itself() {
    let (_world, log_in) = peopled().await;
    for _ in 0..9 {
        assert!(hang_up(&log_in, ANN, home()).is_none());
    }
    for _ in 0..5 {
        drop(inside(tried(&log_in, ANN, RIGHT).await));
        // Of one's own account least of all that of another.
        drop(inside(tried(&log_in, "bob@example.com", RIGHT).await));
    }
    assert!(hang_up(&log_in, ANN, home()).is_none());
    assert!(matches!(
        tried(&log_in, ANN, RIGHT).await,
        Tried::Blocked(_)
    ));
}

/// Of 64 at once ten are let through, whoever is right among them; who is right frees his place.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_at_once() {
    let (world, log_in) = peopled().await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..64 {
        let log_in = log_in.clone();
        let password = if n % 2 == 0 { RIGHT } else { "wrong" };
        tasks.spawn(async move { tried(&log_in, ANN, password).await });
    }
    let (mut inside, mut refused) = (0, 0);
    while let Some(tried) = tasks.join_next().await {
        match tried.unwrap() {
            Tried::In(_) => inside += 1,
            Tried::Refused => refused += 1,
            Tried::Blocked(_) => {}
        }
    }
    assert!(
        refused <= 10 && inside + refused >= 10,
        "{inside} {refused}"
    );
    let ledger = world.passwords.ledger();
    assert_eq!(
        ledger.total(),
        inside + refused + 2,
        "each that was let through took one hash"
    );
    // What failed is what is counted now.
    for _ in refused..10 {
        assert!(hang_up(&log_in, ANN, home()).is_none());
    }
    assert!(hang_up(&log_in, ANN, home()).is_some());
}

#[tokio::test]
async fn a_rotation_forgets_nothing() {
    let (world, log_in) = peopled().await;
    for _ in 0..6 {
        assert!(hang_up(&log_in, ANN, home()).is_none());
    }
    let purpose = crate::world::purpose("login");
    world.ring.admin().rotate(&purpose).await.unwrap();
    for _ in 0..2 {
        assert!(hang_up(&log_in, ANN, home()).is_none());
    }
    world.ring.admin().promote_ready().await.unwrap();
    for _ in 0..2 {
        assert!(hang_up(&log_in, ANN, home()).is_none());
    }
    assert!(hang_up(&log_in, ANN, home()).is_some());
}

#[tokio::test]
async fn limits_are_what_nist_lets_be() {
    let world = World::new().await;
    let tries: Arc<dyn Attempts> = world.tries.clone();
    for limits in [
        Limits::default().of_month(101),
        Limits::default().from_one(0),
        Limits::default().of_prefix(1_025),
    ] {
        let made = Throttle::new(tries.clone(), world.ring.clone(), limits).await;
        assert_eq!(made.unwrap_err().kind(), ErrorKind::Misuse);
    }
    assert!(Window::new(1_024, QUARTER).is_ok());
}
