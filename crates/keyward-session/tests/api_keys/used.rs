//! When a key was last used, and from where.

use std::future::{Future as _, pending};
use std::sync::Arc;

use keyward_base::{AddressPrefix, BoxFuture, Timestamp};
use keyward_store::MemoryStore;
use keyward_testkit::{Answer, Call, Interrupt, Staged};

use crate::world::{HOUR, MINUTE, World, address, new, tenant};

fn hour(of: Timestamp) -> Timestamp {
    Timestamp::from_millis(of.as_millis() / 3_600_000 * 3_600_000)
}

#[tokio::test]
async fn a_use_is_kept_to_the_hour_and_the_coarse_client() {
    let world = World::new().await;
    let issued = world.key().await;
    let (id, text) = (issued.info().id, issued.key().expose());
    for (from, kept) in [
        (address("192.0.2.77"), Some("192.0.2.0/24")),
        (address("::ffff:198.51.100.9"), Some("198.51.100.0/24")),
        (address("2001:db8:1:2:3::4"), Some("2001:db8:1::/48")),
        (None, None),
    ] {
        world.keys.check(text, from).await.unwrap();
        // Not before it is written down.
        let before = world
            .keys
            .info(&tenant("acme"), id)
            .await
            .unwrap()
            .last_used;
        let now = hour(keyward_base::Clock::now(&*world.clock).unwrap());
        assert_ne!(before, Some(now));
        assert_eq!(world.keys.upkeep(100).await.unwrap().used, 1);
        let info = world.keys.info(&tenant("acme"), id).await.unwrap();
        assert_eq!(info.last_used, Some(now));
        let kept = kept.map(|kept| AddressPrefix::parse(kept).unwrap());
        assert_eq!(info.last_from, kept);
        world.pass(HOUR).await;
    }
}

#[tokio::test]
async fn a_use_is_written_once_an_hour_and_never_by_who_checks() {
    let staged = Staged::over(Arc::new(MemoryStore::new(1_000)));
    let world = World::on(staged.clone()).await;
    let issued = world.key().await;
    let text = issued.key().expose();
    let other = world.other(staged.clone()).await;
    staged.take_calls();
    let mut written = 0;
    for _ in 0..40 {
        world.keys.check(text, None).await.unwrap();
        other.check(text, None).await.unwrap();
        let calls = staged.take_calls();
        assert!(!calls.contains(&Call::Apply), "{calls:?}");
        let before = written;
        written += world.keys.upkeep(100).await.unwrap().used;
        let reads = staged.take_calls();
        let reads = reads.contains(&Call::Fetch("api-key".to_owned()));
        assert_eq!(reads, before == 0, "what is written down is not looked up");
        written += other.upkeep(100).await.unwrap().used;
        world.pass(MINUTE).await;
        staged.take_calls();
    }
    // The clock begins 13 minutes and 20 seconds into an hour: 40 minutes end within it.
    assert_eq!(written, 1);
}

#[tokio::test]
async fn a_use_that_cannot_be_written_fails_no_check() {
    let staged = Staged::over(Arc::new(MemoryStore::new(1_000)));
    let world = World::on(staged.clone()).await;
    let issued = world.key().await;
    let text = issued.key().expose();
    world.keys.check(text, None).await.unwrap();
    staged.interrupt(0, Interrupt::DieBefore);
    world.keys.upkeep(100).await.unwrap_err();
    assert!(staged.fired());
    world.keys.check(text, None).await.unwrap();
    // Somebody else was faster, again and again.
    staged.answer([Answer::Conflict, Answer::Conflict]);
    assert_eq!(world.keys.upkeep(100).await.unwrap().used, 1);
    // A key that ended meanwhile is none.
    world.pass(HOUR).await;
    world.keys.check(text, None).await.unwrap();
    world
        .keys
        .revoke(&tenant("acme"), issued.info().id)
        .await
        .unwrap();
    assert_eq!(world.keys.upkeep(100).await.unwrap().used, 0);
}

#[tokio::test]
async fn uses_that_could_not_be_written_wait() {
    let staged = Staged::over(Arc::new(MemoryStore::new(1_000)));
    let world = World::on(staged.clone()).await;
    for _ in 0..3 {
        let issued = world.key().await;
        world.keys.check(issued.key().expose(), None).await.unwrap();
    }
    staged.interrupt(0, Interrupt::DieBefore);
    world.keys.upkeep(100).await.unwrap_err();
    assert!(staged.fired());
    assert_eq!(world.keys.upkeep(100).await.unwrap().used, 3);
}

/// Polls `upkeep` until it is done, or waits for what never comes.
async fn is_cut_off(world: &World) -> bool {
    let mut kept = Box::pin(world.keys.upkeep(100));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    (0..100).all(|_| kept.as_mut().poll(&mut context).is_pending())
}

/// Nor are they lost where whoever keeps house is cut off, at whatever call.
#[tokio::test]
async fn uses_wait_where_upkeep_is_cut_off() {
    for n in 0.. {
        let staged = Staged::over(Arc::new(MemoryStore::new(1_000)));
        let world = World::on(staged.clone()).await;
        let mut ids = Vec::new();
        for _ in 0..3 {
            let issued = world.key().await;
            world.keys.check(issued.key().expose(), None).await.unwrap();
            ids.push(issued.info().id);
        }
        staged.interrupt(n, Interrupt::Run(Box::new(|| Box::pin(pending()))));
        if !is_cut_off(&world).await {
            assert!(!staged.fired() && n >= 6, "it was done at call {n}");
            break;
        }
        world.keys.upkeep(100).await.unwrap();
        for id in ids {
            let info = world.keys.info(&tenant("acme"), id).await.unwrap();
            assert!(info.last_used.is_some(), "cut off at call {n}");
        }
    }
}

/// A later use that came meanwhile is not taken back by it.
#[tokio::test]
async fn a_use_that_waits_hides_no_later_one() {
    let staged = Staged::over(Arc::new(MemoryStore::new(1_000)));
    let world = World::on(staged.clone()).await;
    let issued = world.key().await;
    let text = issued.key().expose().to_owned();
    world.keys.check(&text, None).await.unwrap();
    let (keys, clock, ring) = (world.keys.clone(), world.clock.clone(), world.ring.clone());
    let later = move || -> BoxFuture<'static, ()> {
        Box::pin(async move {
            clock.advance(HOUR);
            ring.refresh().await.unwrap();
            keys.check(&text, None).await.unwrap();
            pending().await
        })
    };
    staged.interrupt(0, Interrupt::Run(Box::new(later)));
    assert!(is_cut_off(&world).await && staged.fired());
    assert_eq!(world.keys.upkeep(100).await.unwrap().used, 1);
    let of = tenant("acme");
    let info = world.keys.info(&of, issued.info().id).await.unwrap();
    let now = keyward_base::Clock::now(&*world.clock).unwrap();
    assert_eq!(info.last_used, Some(hour(now)));
}

/// A process whose clock is ahead writes a use that is ahead, and that is all that comes of it.
#[tokio::test]
async fn a_use_from_ahead_ends_nothing() {
    let world = World::new().await;
    let issued = world.key().await;
    let text = issued.key().expose();
    let now = keyward_base::Clock::now(&*world.clock).unwrap();
    world.pass(HOUR * 24 * 80).await;
    world.keys.check(text, None).await.unwrap();
    assert_eq!(world.keys.upkeep(100).await.unwrap().used, 1);
    world.clock.set(now);
    world.refresh().await;
    world.keys.check(text, None).await.unwrap();
    assert_eq!(world.keys.upkeep(100).await.unwrap().used, 0);
}

/// Whoever has one key and many addresses hides by it neither itself nor that another was taken.
#[tokio::test]
async fn what_is_told_of_one_key_leaves_room_for_the_next() {
    let world = World::new().await;
    let ranges = || keyward_session::api_key::Ranges::parse("192.0.2.0/24").unwrap();
    let one = world.issue(new("one").ranges(ranges())).await;
    let two = world.issue(new("two").ranges(ranges())).await;
    let _before = world.audit.take();
    let told = async |key: &keyward_session::api_key::IssuedKey, from: String| {
        let refused = world.keys.check(key.key().expose(), address(&from)).await;
        assert_eq!(
            refused.unwrap_err().reason(),
            Some(keyward_session::reason::ADDRESS)
        );
        world.audit.take().len()
    };
    let mut of_one = 0;
    for n in 0..20_000_u32 {
        of_one += told(&one, format!("10.{}.{}.1", n / 256, n % 256)).await;
    }
    assert_eq!(of_one, 64);
    assert_eq!(told(&two, "10.0.0.1".to_owned()).await, 1);
    assert_eq!(told(&two, "10.0.0.2".to_owned()).await, 0);
    assert_eq!(told(&two, "10.0.1.2".to_owned()).await, 1);
    world.pass(HOUR).await;
    assert_eq!(told(&one, "10.0.0.1".to_owned()).await, 1);
    assert_eq!(told(&one, "10.0.0.1".to_owned()).await, 0);
}
