//! A row that cannot be judged now is its own matter: all else goes on.

use std::sync::Arc;

use keyward_base::{ErrorKind, Purpose};
use keyward_keys::reason::DISABLED_KEY;
use keyward_session::api_key::format::ROW;
use keyward_session::api_key::{IssuedKey, KeyState, Narrow};
use keyward_session::reason;
use keyward_store::{Content, MemoryStore};
use keyward_testkit::{Interrupt, Staged};

use crate::hostile::{plant, read, row_key};
use crate::world::{DAY, HOUR, World, all, builder_on, new, scopes, tenant};

fn purpose() -> Purpose {
    Purpose::new("api-key").unwrap()
}

async fn rotate(world: &World) {
    let admin = world.ring.admin();
    admin.rotate(&purpose()).await.unwrap();
    admin.promote_ready().await.unwrap();
}

/// As a release of a later format version would have written it.
async fn make_newer(world: &World, issued: &IssuedKey) {
    let key = row_key(issued.info().id);
    let content = read(&*world.data, &key).await.content;
    let mut data = content.data[..content.data.len() - 32].to_vec();
    data[4] = 2;
    let mac = world.ring.mac(&purpose()).unwrap();
    let tag = mac.sign(ROW, &(&data[..],));
    data.extend_from_slice(&tag);
    plant(&*world.data, &key, Content { data, ..content }).await;
}

/// Two keys whose row nobody can judge now, the first and the last of some; and these.
async fn with_newer(world: &World) -> ([IssuedKey; 2], Vec<IssuedKey>) {
    let mut issued = Vec::new();
    for _ in 0..6 {
        issued.push(world.issue(new("build").expires_in(DAY)).await);
    }
    issued.sort_by_key(|key| key.info().id.to_string());
    let (last, first) = (issued.pop().unwrap(), issued.remove(0));
    for key in [&first, &last] {
        make_newer(world, key).await;
        let refused = world.keys.check(key.key().expose(), None).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable);
        assert_eq!(refused.reason(), Some(reason::NEWER));
    }
    ([first, last], issued)
}

#[tokio::test]
async fn notices_lists_and_the_report_are_of_all_others() {
    let world = World::new().await;
    let (_newer, others) = with_newer(&world).await;
    let page = world.keys.due(None).await.unwrap();
    let told: Vec<_> = page.notices.iter().map(|notice| notice.key.id).collect();
    let ids: Vec<_> = others.iter().map(|key| key.info().id).collect();
    assert_eq!((told, page.unavailable, page.next), (ids.clone(), 2, None));
    let page = world.keys.list(&tenant("acme"), None).await.unwrap();
    let shown: Vec<_> = page.keys.iter().map(|key| key.id).collect();
    assert_eq!((shown, page.unavailable, page.damaged), (ids, 2, 0));
    let report = world.keys.reissue_report().await.unwrap();
    assert_eq!((report.of[0].keys, report.unavailable), (4, 2));
}

#[tokio::test]
async fn upkeep_goes_past_them() {
    let world = World::new().await;
    let (_newer, others) = with_newer(&world).await;
    for key in &others {
        world.keys.check(key.key().expose(), None).await.unwrap();
    }
    rotate(&world).await;
    let kept = world.keys.upkeep(100).await.unwrap();
    // Four rows, which the uses made anew, and two epochs.
    assert_eq!((kept.used, kept.renewed, kept.unavailable), (4, 2, 2));
    let active = world.ring.mac(&purpose()).unwrap().tag();
    for key in &others {
        let row = read(&*world.data, &row_key(key.info().id)).await;
        assert_eq!(row.mac_key, active);
    }
}

/// A use that was noted before its row became one of a newer release's.
#[tokio::test]
async fn a_last_use_of_one_holds_up_no_other() {
    let world = World::new().await;
    let mut issued = Vec::new();
    for _ in 0..8 {
        let key = world.key().await;
        world.keys.check(key.key().expose(), None).await.unwrap();
        issued.push(key);
    }
    make_newer(&world, &issued[0]).await;
    assert_eq!(world.keys.upkeep(100).await.unwrap().used, 7);
}

#[tokio::test]
async fn what_cannot_be_judged_can_be_revoked_by_its_tenant() {
    let world = World::new().await;
    let ([one, two], _) = with_newer(&world).await;
    let other = world.keys.revoke(&tenant("globex"), one.info().id).await;
    assert_eq!(
        other.unwrap_err().reason(),
        Some(keyward_base::Reason::NOT_FOUND)
    );
    for key in [one, two] {
        let id = key.info().id;
        world.keys.revoke(&tenant("acme"), id).await.unwrap();
        let refused = world.refusal(key.key().expose()).await;
        assert_eq!(refused, Some(reason::KEY_ENDED));
    }
}

#[tokio::test]
async fn a_row_under_a_disabled_key_is_no_more_than_that() {
    let world = World::new().await;
    let old = world.ring.mac(&purpose()).unwrap().id();
    let (one, two) = (world.key().await, world.key().await);
    let place = row_key(one.info().id);
    let before = read(&*world.data, &place).await.content;
    rotate(&world).await;
    assert_eq!(world.keys.upkeep(100).await.unwrap().renewed, 4);
    let late = world.key().await;
    // As if upkeep had not come to it.
    plant(&*world.data, &place, before).await;
    world.ring.admin().disable(old).await.unwrap();
    let refused = world.refusal(one.key().expose()).await;
    assert_eq!(refused, Some(DISABLED_KEY));
    let of = tenant("acme");
    let page = world.keys.list(&of, None).await.unwrap();
    assert_eq!((page.keys.len(), page.unavailable), (2, 1));
    assert_eq!(world.keys.upkeep(100).await.unwrap().unavailable, 1);
    let report = world.keys.reissue_report().await.unwrap();
    assert_eq!((report.of.len(), report.unavailable), (2, 1));
    let info = world.keys.info(&of, one.info().id).await.unwrap_err();
    assert_eq!(info.reason(), Some(DISABLED_KEY));
    for key in [&one, &two] {
        world.keys.revoke(&of, key.info().id).await.unwrap();
    }
    world.keys.check(late.key().expose(), None).await.unwrap();
    assert_eq!(world.keys.list(&of, None).await.unwrap().unavailable, 0);
}

/// A process whose clock was ahead changed one: who is behind it sees and tells of all.
#[tokio::test]
async fn a_clock_that_was_ahead_hides_no_key() {
    let world = World::new().await;
    let one = world.key().await;
    let _two = world.issue(new("other").expires_in(DAY)).await;
    let now = keyward_base::Clock::now(&*world.clock).unwrap();
    world.pass(HOUR).await;
    let of = tenant("acme");
    let to = Narrow::new().scopes(scopes("servers:read"));
    let _narrowed = world.keys.narrow(&of, one.info().id, &to).await.unwrap();
    world.clock.set(now);
    world.refresh().await;
    let refused = world.refusal(one.key().expose()).await;
    assert_eq!(refused, Some(reason::CLOCK));
    let page = world.keys.list(&of, None).await.unwrap();
    let states: Vec<_> = page.keys.iter().map(|key| key.state).collect();
    assert_eq!(states, [KeyState::Live; 2]);
    assert_eq!(world.keys.due(None).await.unwrap().notices.len(), 1);
    world.keys.info(&of, one.info().id).await.unwrap();
}

/// What is wrong with the store is no row's matter.
#[tokio::test]
async fn a_store_that_fails_ends_the_call() {
    let staged = Staged::over(Arc::new(MemoryStore::new(1_000)));
    let world = World::on(staged.clone()).await;
    let (_newer, _others) = with_newer(&world).await;
    let other = builder_on(&world.ring, staged.clone(), &world.audit);
    let other = other.build().await.unwrap();
    for n in 0..3 {
        staged.interrupt(n, Interrupt::DieBefore);
        let failed = other.due(None).await;
        assert!(staged.fired());
        assert!(failed.is_err(), "at call {n}");
    }
    for n in 0..2 {
        staged.interrupt(n, Interrupt::DieBefore);
        other.list(&tenant("acme"), None).await.unwrap_err();
        assert!(staged.fired());
    }
    staged.interrupt(0, Interrupt::DieBefore);
    other.reissue_report().await.unwrap_err();
    assert!(staged.fired());
    let ada = world.person("acme", "ada").await;
    let _key = other.issue(&ada, &all(), new("build")).await.unwrap();
}
