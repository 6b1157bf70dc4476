//! Clocks that go back or are ahead, beside evidence, revokes and what is purged.

use std::time::Duration;

use keyward_base::token::TokenKind;
use keyward_base::{Clock as _, ErrorKind, Purpose, Reason};
use keyward_session::{Admin, Kind, Policy, Revoke, Start, User, format, reason};
use secrecy::ExposeSecret as _;

use crate::world::{ADMINS, DAY, MINUTE, Shown, USERS, World, builder_on, subject, tenant};

#[tokio::test]
async fn evidence_from_more_than_a_minute_ahead_is_an_outage() {
    let world = World::new().await;
    let now = world.clock.now().unwrap();
    for (ahead, starts) in [(MINUTE, true), (MINUTE + Duration::from_millis(1), false)] {
        let shown = Shown {
            at: now.saturating_add(ahead),
            ..world.shown("acme", "ada", USERS)
        };
        match world.sessions.start(shown, Start::new()).await {
            Ok(_) => assert!(starts),
            Err(e) => {
                assert!(!starts);
                assert_eq!(e.kind(), ErrorKind::Unavailable);
                assert_eq!(e.reason(), Some(reason::CLOCK));
            }
        }
    }
}

#[tokio::test]
async fn nobody_is_fresh_by_a_clock_that_was_set_back() {
    let world = World::new().await;
    let admin = world.admin("ops", "root").await;
    let live = world.sessions.check::<Admin>(admin.token().expose()).await;
    let now = world.clock.now().unwrap();
    let back = now.as_millis() - 60_001;
    world.clock.set(keyward_base::Timestamp::from_millis(back));
    let live = live.unwrap();
    let by_reference = world.sessions.fresh_ref::<_, 15>(&live).unwrap_err();
    let refused = world.sessions.fresh::<_, 15>(live).unwrap_err();
    for refused in [by_reference, refused] {
        assert_eq!(refused.kind(), ErrorKind::Unavailable);
        assert_eq!(refused.reason(), Some(reason::CLOCK));
    }
}

/// A later revoke, by a clock that is a little behind, does not take the earlier one back.
#[tokio::test]
async fn evidence_from_before_a_revoke_starts_nothing_after_another() {
    let world = World::new().await;
    let first = world.shown("acme", "ada", USERS);
    let user = || Revoke::user(tenant("acme"), subject("ada"));
    world.pass(MINUTE * 3).await;
    let early = world.shown("acme", "ada", USERS);
    world.tick();
    world.sessions.revoke(user()).await.unwrap();
    world.clock.set(first.at);
    world.refresh().await;
    let staff = user().kind(Kind::Staff);
    world.sessions.revoke(staff).await.unwrap();
    world.pass(MINUTE * 4).await;
    for shown in [first, early] {
        let refused = world.sessions.start(shown, Start::new()).await.unwrap_err();
        assert_eq!(refused.reason(), Some(reason::EVIDENCE_OLD));
    }
    let _lives = world.user("acme", "ada").await;
}

/// What a revoke writes is kept as long as what it did not end.
#[tokio::test]
async fn a_purge_ends_nobody_whom_a_revoke_left() {
    let world = World::new().await;
    let started = world.user("acme", "ada").await;
    for revoke in [
        Revoke::user(tenant("acme"), subject("ada")),
        Revoke::tenant(tenant("acme")),
        Revoke::everything(),
    ] {
        let staff = revoke.kind(Kind::Staff);
        world.sessions.revoke(staff).await.unwrap();
    }
    for _ in 0..17 {
        world.pass(DAY * 5).await;
        world.sessions.purge(1_000).await.unwrap();
        let live = world.sessions.check::<User>(started.token().expose()).await;
        assert_eq!(live.unwrap().subject(), &subject("ada"));
    }
    world.pass(DAY * 5).await;
    let over = world.sessions.check::<User>(started.token().expose()).await;
    assert_eq!(over.unwrap_err().reason(), Some(Reason::EXPIRED));
    world.pass(DAY * 31).await;
    world.sessions.purge(1_000).await.unwrap();
    let gone = world.sessions.check::<User>(started.token().expose()).await;
    assert_eq!(gone.unwrap_err().reason(), Some(reason::ENDED));
}

/// And as long as whoever logged in last while it was there.
#[tokio::test]
async fn a_purge_ends_nobody_who_logged_in_later() {
    let world = World::new().await;
    let _early = world.user("acme", "ada").await;
    world.pass(DAY * 45).await;
    let late = world.user("acme", "ada").await;
    for _ in 0..17 {
        world.pass(DAY * 5).await;
        world.sessions.purge(1_000).await.unwrap();
        let live = world.sessions.check::<User>(late.token().expose()).await;
        assert_eq!(live.unwrap().subject(), &subject("ada"));
    }
}

/// Whoever has the ring's key makes a token that is taken before the store is asked; the row knows
/// the secret it is of.
#[tokio::test]
async fn a_token_of_another_secret_is_not_the_sessions() {
    type Payload = ([u8; 16], [u8; 32], [u8; 8]);
    const SESSION: TokenKind<Payload> = TokenKind::new("kws_", 1);
    let world = World::new().await;
    let started = world.user("acme", "ada").await;
    let key = world.ring.mac(&Purpose::new("session").unwrap()).unwrap();
    let (id, secret) = (started.id().to_bytes(), [7; 32]);
    let proof = key.sign(format::SECRET, &(&id, &secret));
    let front = proof.first_chunk().unwrap();
    let token = SESSION.encode(key.id(), (&id, &secret, front)).unwrap();
    let refused = world.sessions.check_any(token.expose_secret()).await;
    assert_eq!(refused.unwrap_err().reason(), Some(Reason::NOT_AUTHENTIC));
    let lives = world.sessions.check_any(started.token().expose()).await;
    assert_eq!(lives.unwrap().id(), started.id());
}

#[tokio::test]
async fn evidence_is_five_minutes_old_at_most() {
    let world = World::new().await;
    let (first, second) = (
        world.shown("acme", "ada", USERS),
        world.shown("acme", "ada", USERS),
    );
    world.pass(MINUTE * 5).await;
    let started = world.sessions.start(first, Start::new()).await.unwrap();
    world.tick();
    let refused = world
        .sessions
        .start(second, Start::new())
        .await
        .unwrap_err();
    assert_eq!(refused.reason(), Some(reason::EVIDENCE_OLD));
    // It is as old for who has a session.
    let old = Shown {
        at: keyward_base::Timestamp::from_millis(world.clock.now().unwrap().as_millis() - 300_001),
        ..world.shown("acme", "ada", USERS)
    };
    let live = world.sessions.check::<User>(started.token().expose()).await;
    let again = world.sessions.reauthenticate(live.unwrap(), old).await;
    assert_eq!(again.unwrap_err().reason(), Some(reason::EVIDENCE_OLD));
}

#[tokio::test]
async fn staff_act_no_longer_than_the_administrators_session() {
    let world = World::new().await;
    let policy = Policy::default().admin(MINUTE * 30).unwrap();
    let short = builder_on(&world.ring, world.data.clone(), &world.audit);
    let short = short.policy(policy).build().await.unwrap();
    let shown = world.shown("ops", "root", ADMINS);
    let admin = short.start(shown, Start::new()).await.unwrap();
    world.pass(MINUTE * 10).await;
    let live = short.check::<Admin>(admin.token().expose()).await.unwrap();
    let fresh = short.fresh(live).unwrap();
    let (of, who) = (tenant("acme"), subject("ada"));
    let acts = short.act_as(fresh, &of, &who, "why").await.unwrap();
    assert_eq!(acts.max_age(), Some(MINUTE * 20));
}
