//! What a second factor is, and what staff begin, beside revokes of one kind or before a time.

use keyward_base::{Clock as _, ErrorKind, Method, Reason};
use keyward_session::{Admin, Kind, LiveSession, Pending, Revoke, Staff, Start, Started, User};
use keyward_session::{Fresh, reason};

use crate::world::{ADMINS, HOUR, MINUTE, Shown, USERS, World, subject, tenant};

const OTP: Method = Method::new("otp");

fn due(world: &World, method: Method) -> Shown {
    Shown {
        factor_due: true,
        ..by(world, method)
    }
}

fn by(world: &World, method: Method) -> Shown {
    Shown {
        method,
        ..world.shown("acme", "ada", USERS)
    }
}

async fn waiting(world: &World, started: &Started) -> LiveSession<Pending> {
    let checked = world.sessions.check(started.token().expose()).await;
    checked.unwrap()
}

#[tokio::test]
async fn two_that_ask_for_a_factor_are_none_together() {
    let world = World::new().await;
    for (first, second) in [
        (Method::PASSWORD, Method::LINK),
        (Method::LINK, Method::PASSWORD),
    ] {
        let start = world.sessions.start(due(&world, first), Start::new());
        let started = start.await.unwrap();
        let waits = waiting(&world, &started).await;
        let refused = world
            .sessions
            .second_factor(waits, due(&world, second))
            .await;
        assert_eq!(refused.unwrap_err().reason(), Some(reason::EVIDENCE_WEAK));
        let waits = waiting(&world, &started).await;
        let whole = world.sessions.second_factor(waits, by(&world, OTP)).await;
        assert_eq!(whole.unwrap().kind(), Kind::User);
    }
}

/// What was shown first is evidence from before the revoke as well, though the session that waits is
/// of a kind that it does not name.
#[tokio::test]
async fn what_was_revoked_between_two_factors_is_not_begun_by_the_second() {
    let world = World::new().await;
    let user = || Revoke::user(tenant("acme"), subject("ada"));
    for revoke in [
        user().kind(Kind::User),
        Revoke::tenant(tenant("acme")).kind(Kind::User),
        Revoke::all_of(Kind::User),
        user().before(world.clock.now().unwrap()),
    ] {
        let start = world
            .sessions
            .start(due(&world, Method::PASSWORD), Start::new());
        let started = start.await.unwrap();
        let waits = waiting(&world, &started).await;
        world.tick();
        world.sessions.revoke(revoke).await.unwrap();
        world.tick();
        let begun = world.sessions.second_factor(waits, by(&world, OTP)).await;
        assert_eq!(begun.unwrap_err().reason(), Some(reason::EVIDENCE_OLD));
    }
}

async fn fresh(world: &World, admin: &Started) -> Fresh<LiveSession<Admin>, 15> {
    let live = world.sessions.check(admin.token().expose()).await.unwrap();
    world.sessions.fresh(live).unwrap()
}

/// A revoke before a time ends what began before it: the session of staff, not the log-in of the
/// administrator that it comes from, which his own epochs judge.
#[tokio::test]
async fn staff_who_begin_after_a_time_outlive_a_revoke_before_it() {
    let world = World::new().await;
    let (of, who) = (tenant("acme"), subject("ada"));
    let admin = world.admin("ops", "root").await;
    let act = async |why: &str| {
        let acts = world
            .sessions
            .act_as(fresh(&world, &admin).await, &of, &who, why);
        acts.await.unwrap()
    };
    let early = act("early").await;
    world.tick();
    let cut = world.clock.now().unwrap();
    let user = Revoke::user(of.clone(), who.clone()).before(cut);
    world.sessions.revoke(user).await.unwrap();
    let late = act("late").await;
    let check = async |started: &Started| {
        let checked = world.sessions.check::<Staff>(started.token().expose());
        checked.await.map(drop).map_err(|e| e.reason())
    };
    assert_eq!(check(&early).await, Err(Some(reason::ENDED)));
    assert_eq!(check(&late).await, Ok(()));
    let own = Revoke::user(tenant("ops"), subject("root")).before(cut);
    world.sessions.revoke(own).await.unwrap();
    assert_eq!(check(&late).await, Err(Some(reason::ENDED)));
}

#[tokio::test]
async fn fresh_is_to_the_millisecond() {
    let world = World::new().await;
    let admin = world.admin("ops", "root").await;
    world.pass(MINUTE * 15).await;
    drop(fresh(&world, &admin).await);
    world.tick();
    let live = world.sessions.check::<Admin>(admin.token().expose()).await;
    let refused = world.sessions.fresh::<_, 15>(live.unwrap()).unwrap_err();
    assert_eq!(refused.reason(), Some(reason::NOT_FRESH));
}

/// Who logs in is not told that his password is too old where a clock was ahead.
#[tokio::test]
async fn a_revoke_by_a_clock_that_was_ahead_is_an_outage_until_it_is_made_again() {
    let world = World::new().await;
    let right = world.clock.now().unwrap();
    world.clock.advance(HOUR * 24 * 365);
    let everything = || world.sessions.revoke(Revoke::everything());
    world.refresh().await;
    everything().await.unwrap();
    world.clock.set(right);
    world.refresh().await;
    for door in [USERS, ADMINS] {
        let shown = world.shown("acme", "ada", door);
        let refused = world.sessions.start(shown, Start::new()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable);
        assert_eq!(refused.reason(), Some(reason::CLOCK));
    }
    everything().await.unwrap();
    world.tick();
    let started = world.user("acme", "ada").await;
    let live = world.sessions.check::<User>(started.token().expose()).await;
    assert_eq!(live.unwrap().subject(), &subject("ada"));
}

/// Of Unicode's format characters, line ends and fillers some of each block that has any.
#[tokio::test]
async fn what_is_not_shown_or_turns_the_text_around_is_in_no_name_reason_or_client() {
    let world = World::new().await;
    let admin = world.admin("ops", "root").await;
    let started = world.user("acme", "ada").await;
    let live = world.sessions.check::<User>(started.token().expose()).await;
    let live = live.unwrap();
    for hidden in [
        '\0',
        '\u{7}',
        '\n',
        '\u{7f}',
        '\u{85}',
        '\u{ad}',
        '\u{34f}',
        '\u{600}',
        '\u{61c}',
        '\u{6dd}',
        '\u{70f}',
        '\u{890}',
        '\u{8e2}',
        '\u{115f}',
        '\u{17b4}',
        '\u{180e}',
        '\u{200b}',
        '\u{200e}',
        '\u{2028}',
        '\u{202e}',
        '\u{2060}',
        '\u{2066}',
        '\u{3164}',
        '\u{feff}',
        '\u{ffa0}',
        '\u{fff9}',
        '\u{110bd}',
        '\u{110cd}',
        '\u{13430}',
        '\u{1bca0}',
        '\u{1d173}',
        '\u{e0041}',
    ] {
        let text = format!("a{hidden}b");
        let named = world.sessions.name(&live, live.id(), &text).await;
        let why = named.unwrap_err().reason();
        assert_eq!(why, Some(Reason::MALFORMED), "{hidden:?}");
        let admin = fresh(&world, &admin).await;
        let (of, who) = (tenant("acme"), subject("eve"));
        let acts = world.sessions.act_as(admin, &of, &who, &text).await;
        assert_eq!(acts.unwrap_err().reason(), Some(Reason::MALFORMED));
    }
    // What is shown has a length, in bytes.
    for (len, why) in [(64, None), (65, Some(Reason::TOO_LONG))] {
        let named = world
            .sessions
            .name(&live, live.id(), &"n".repeat(len))
            .await;
        assert_eq!(named.err().and_then(|e| e.reason()), why);
    }
    for (len, why) in [(200, None), (201, Some(Reason::TOO_LONG))] {
        let admin = fresh(&world, &admin).await;
        let (of, who) = (tenant("acme"), subject("eve"));
        let acts = world
            .sessions
            .act_as(admin, &of, &who, &"w".repeat(len))
            .await;
        assert_eq!(acts.err().and_then(|e| e.reason()), why);
    }
    let start = Start::new().client(&"é".repeat(33));
    let long = world.shown("acme", "max", USERS);
    let started = world.sessions.start(long, start).await.unwrap();
    let live = world.sessions.check::<User>(started.token().expose()).await;
    let listed = world.sessions.devices(&live.unwrap()).await.unwrap();
    assert_eq!(listed[0].client, "é".repeat(32));
    let shown = world.shown("acme", "bob", USERS);
    let start = Start::new().client("\u{61c}Fire\u{ad}fox\u{202e}\u{e0041}");
    let started = world.sessions.start(shown, start).await.unwrap();
    let live = world.sessions.check::<User>(started.token().expose()).await;
    let listed = world.sessions.devices(&live.unwrap()).await.unwrap();
    assert_eq!(listed[0].client, "Firefox");
}
