//! How a session begins, goes on and ends.

use keyward_base::{ErrorKind, Method, Reason, SessionsEnded as _};
use keyward_session::{
    Admin, Fresh, Kind, LiveSession, Pending, Revoke, Staff, Start, User, reason,
};

use crate::world::{ADMINS, DAY, HOUR, MINUTE, Shown, USERS, World, subject, tenant};

async fn why(world: &World, token: &str) -> Option<Reason> {
    let refused = world.sessions.check_any(token).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Rejected, "{refused:?}");
    assert_eq!(refused.to_string(), "rejected");
    refused.reason()
}

#[tokio::test]
async fn a_session_is_of_whom_the_evidence_says_and_ends_for_good() {
    let world = World::new().await;
    let started = world.user("acme", "ada").await;
    assert_eq!(started.kind(), Kind::User);
    assert_eq!(started.max_age(), Some(DAY * 90));
    let token = started.token().expose().to_owned();
    assert!(!format!("{started:?}").contains(&token[40..]));
    let live: LiveSession<User> = world.sessions.check(&token).await.unwrap();
    assert_eq!(live.tenant(), &tenant("acme"));
    assert_eq!(live.subject(), &subject("ada"));
    assert_eq!(live.id(), started.id());
    assert!(live.has_method(Method::PASSWORD));
    assert_eq!(live.door(), "users");
    let other = world.sessions.check::<Admin>(&token).await.unwrap_err();
    assert_eq!(other.reason(), Some(reason::OTHER_KIND));
    world.sessions.end(&live).await.unwrap();
    assert_eq!(why(&world, &token).await, Some(reason::ENDED));
    world.sessions.end(&live).await.unwrap();
}

#[tokio::test]
async fn a_session_slides_to_its_absolute_deadline_and_no_further() {
    let world = World::new().await;
    let started = world.user("acme", "ada").await;
    let token = started.token().expose();
    for _ in 0..14 {
        world.pass(DAY * 6).await;
        let live = world.sessions.check_any(token).await.unwrap();
        assert!(live.ends_at() <= live.created_at().saturating_add(DAY * 90));
    }
    world.pass(DAY * 6 - MINUTE).await;
    world.sessions.check_any(token).await.unwrap();
    world.pass(MINUTE).await;
    assert_eq!(why(&world, token).await, Some(Reason::EXPIRED));

    let started = world.user("acme", "ada").await;
    world.pass(DAY * 7).await;
    assert_eq!(
        why(&world, started.token().expose()).await,
        Some(Reason::EXPIRED)
    );

    let shown = world.shown("acme", "ada", USERS);
    let brief = world.sessions.start(shown, Start::new()).await.unwrap();
    assert_eq!(brief.max_age(), None);
    world.pass(DAY - MINUTE).await;
    world
        .sessions
        .check_any(brief.token().expose())
        .await
        .unwrap();
    world.pass(DAY).await;
    assert_eq!(
        why(&world, brief.token().expose()).await,
        Some(Reason::EXPIRED)
    );
}

#[tokio::test]
async fn an_administrators_session_ends_a_day_after_the_log_in_however_it_is_used() {
    let world = World::new().await;
    let started = world.admin("acme", "root").await;
    assert_eq!(started.max_age(), Some(DAY));
    for _ in 0..23 {
        world.pass(HOUR).await;
        world
            .sessions
            .check::<Admin>(started.token().expose())
            .await
            .unwrap();
    }
    world.pass(HOUR).await;
    assert_eq!(
        why(&world, started.token().expose()).await,
        Some(Reason::EXPIRED)
    );
    let link = Shown {
        method: Method::LINK,
        ..world.shown("acme", "root", ADMINS)
    };
    let refused = world.sessions.start(link, Start::new()).await.unwrap_err();
    assert_eq!(refused.reason(), Some(reason::EVIDENCE_WEAK));
    let nowhere = world.shown("acme", "root", keyward_base::Door::new("nowhere"));
    let refused = world
        .sessions
        .start(nowhere, Start::new())
        .await
        .unwrap_err();
    assert_eq!(refused.reason(), Some(reason::DOOR));
}

#[tokio::test]
async fn a_second_factor_makes_another_session_of_the_one_that_waited() {
    let world = World::new().await;
    let due = Shown {
        factor_due: true,
        ..world.shown("acme", "ada", USERS)
    };
    let start = Start::new().remember(true);
    let waits = world.sessions.start(due, start).await.unwrap();
    assert_eq!(waits.kind(), Kind::Pending);
    let check = async || {
        world
            .sessions
            .check::<Pending>(waits.token().expose())
            .await
    };
    let same = world.shown("acme", "ada", USERS);
    let refused = world
        .sessions
        .second_factor(check().await.unwrap(), same)
        .await;
    assert_eq!(refused.unwrap_err().reason(), Some(reason::EVIDENCE_WEAK));
    let other = Shown {
        method: Method::new("otp"),
        ..world.shown("acme", "eve", USERS)
    };
    let refused = world
        .sessions
        .second_factor(check().await.unwrap(), other)
        .await;
    assert_eq!(refused.unwrap_err().reason(), Some(reason::EVIDENCE_OTHER));
    let (one, two) = (check().await.unwrap(), check().await.unwrap());
    let otp = || Shown {
        method: Method::new("otp"),
        ..world.shown("acme", "ada", USERS)
    };
    let whole = world.sessions.second_factor(one, otp()).await.unwrap();
    assert_eq!(whole.kind(), Kind::User);
    assert_eq!(whole.max_age(), Some(DAY * 90));
    let live = world
        .sessions
        .check::<User>(whole.token().expose())
        .await
        .unwrap();
    assert!(live.methods().eq(["pwd", "otp"]));
    // The one that waited is spent.
    assert_eq!(
        why(&world, waits.token().expose()).await,
        Some(reason::ENDED)
    );
    let again = world.sessions.second_factor(two, otp()).await.unwrap_err();
    assert_eq!(again.reason(), Some(reason::ENDED));
    // And ends by itself.
    let due = Shown {
        factor_due: true,
        ..world.shown("acme", "ada", USERS)
    };
    let waits = world.sessions.start(due, Start::new()).await.unwrap();
    world.pass(MINUTE * 10).await;
    assert_eq!(
        why(&world, waits.token().expose()).await,
        Some(Reason::EXPIRED)
    );
}

#[tokio::test]
async fn who_authenticates_anew_has_a_new_session_and_the_old_one_is_gone() {
    let world = World::new().await;
    let old = world.user("acme", "ada").await;
    world.pass(HOUR).await;
    let live = || world.sessions.check::<User>(old.token().expose());
    let lives = live().await.unwrap();
    let stale = world.sessions.fresh_ref::<_, 15>(&lives);
    assert_eq!(stale.unwrap_err().reason(), Some(reason::NOT_FRESH));
    let hour = world.sessions.fresh_ref::<_, 60>(&lives).unwrap();
    assert_eq!(hour.subject(), lives.subject());
    let stale = world.sessions.fresh::<_, 15>(lives);
    assert_eq!(stale.unwrap_err().reason(), Some(reason::NOT_FRESH));
    let (first, second) = (live().await.unwrap(), live().await.unwrap());
    let shown = || world.shown("acme", "ada", USERS);
    let new = world.sessions.reauthenticate(first, shown()).await.unwrap();
    assert_ne!(new.id(), old.id());
    assert_eq!(why(&world, old.token().expose()).await, Some(reason::ENDED));
    let gone = world.sessions.reauthenticate(second, shown()).await;
    assert_eq!(gone.unwrap_err().reason(), Some(reason::ENDED));
    let live = world
        .sessions
        .check::<User>(new.token().expose())
        .await
        .unwrap();
    let fresh: Fresh<_, 15> = world.sessions.fresh(live).unwrap();
    let live = fresh.into_inner();
    // A log-in in the same browser replaces what was there.
    let start = Start::new().replacing(Some(&live));
    let next = world.sessions.start(shown(), start).await.unwrap();
    assert_eq!(why(&world, new.token().expose()).await, Some(reason::ENDED));
    world
        .sessions
        .check_any(next.token().expose())
        .await
        .unwrap();
}

#[tokio::test]
async fn staff_act_for_a_user_until_either_ends() {
    let world = World::new().await;
    let admin = world.admin("ops", "root").await;
    let user = world.user("acme", "ada").await;
    let act = async || {
        let live = world
            .sessions
            .check::<Admin>(admin.token().expose())
            .await
            .unwrap();
        let fresh = world.sessions.fresh(live).unwrap();
        let (of, who) = (tenant("acme"), subject("ada"));
        world
            .sessions
            .act_as(fresh, &of, &who, "ticket 7")
            .await
            .unwrap()
    };
    let acts = act().await;
    assert_eq!((acts.kind(), acts.max_age()), (Kind::Staff, Some(HOUR)));
    let live = world
        .sessions
        .check::<Staff>(acts.token().expose())
        .await
        .unwrap();
    assert_eq!(live.staff().unwrap().subject, &subject("root"));
    assert_eq!(live.staff().unwrap().reason, "ticket 7");
    assert!(live.actor().is_staff());
    assert_eq!(live.actor().for_whom(), Some(&subject("ada")));
    let flagged = world.audit.events();
    let mut flagged = flagged
        .iter()
        .filter(|event| event.action == "session.act-as");
    assert!(flagged.all(|event| event.actor.as_ref().unwrap().is_staff()));
    // The user sees it, and may end it.
    let own = world
        .sessions
        .check::<User>(user.token().expose())
        .await
        .unwrap();
    let listed = world.sessions.devices(&own).await.unwrap();
    assert_eq!(listed.len(), 2);
    let staff = listed
        .iter()
        .find(|device| device.kind == Kind::Staff)
        .unwrap();
    assert_eq!(staff.staff_reason.as_deref(), Some("ticket 7"));
    world.sessions.end_device(&own, staff.id).await.unwrap();
    assert_eq!(
        why(&world, acts.token().expose()).await,
        Some(reason::ENDED)
    );
    // Whatever ends one of the two ends it.
    for revoke in [
        Revoke::user(tenant("acme"), subject("ada")),
        Revoke::tenant(tenant("acme")),
        Revoke::all_of(Kind::Staff),
    ] {
        let acts = act().await;
        world.tick();
        world.sessions.revoke(revoke).await.unwrap();
        assert_eq!(
            why(&world, acts.token().expose()).await,
            Some(reason::ENDED)
        );
    }
    let acts = act().await;
    let live = world
        .sessions
        .check_any(admin.token().expose())
        .await
        .unwrap();
    world.sessions.end(&live).await.unwrap();
    assert_eq!(
        why(&world, acts.token().expose()).await,
        Some(reason::ENDED)
    );
    world.tick();
    let admin = world.admin("ops", "root").await;
    let live = world
        .sessions
        .check::<Admin>(admin.token().expose())
        .await
        .unwrap();
    let fresh = world.sessions.fresh(live).unwrap();
    let acts = world
        .sessions
        .act_as(fresh, &tenant("acme"), &subject("ada"), "x")
        .await
        .unwrap();
    world
        .sessions
        .revoke(Revoke::user(tenant("ops"), subject("root")))
        .await
        .unwrap();
    assert_eq!(
        why(&world, acts.token().expose()).await,
        Some(reason::ENDED)
    );
}

#[tokio::test]
async fn a_revoke_ends_what_it_names_and_starts_wait_for_evidence_from_after_it() {
    let world = World::new().await;
    let ada = world.user("acme", "ada").await;
    let bob = world.user("acme", "bob").await;
    let eve = world.user("globex", "eve").await;
    let admin = world.admin("acme", "root").await;
    let lives = async |token: &keyward_session::Started| {
        world
            .sessions
            .check_any(token.token().expose())
            .await
            .is_ok()
    };
    let before = world.shown("acme", "ada", USERS);
    world.tick();
    let ended = world
        .sessions
        .end_all(&tenant("acme"), &subject("ada"))
        .await
        .unwrap();
    assert_eq!(ended.subject(), &subject("ada"));
    assert!(!lives(&ada).await && lives(&bob).await && lives(&eve).await);
    let refused = world
        .sessions
        .start(before, Start::new())
        .await
        .unwrap_err();
    assert_eq!(refused.reason(), Some(reason::EVIDENCE_OLD));
    world.tick();
    let ada = world.user("acme", "ada").await;
    world
        .sessions
        .revoke(Revoke::tenant(tenant("acme")).kind(Kind::User))
        .await
        .unwrap();
    assert!(!lives(&ada).await && !lives(&bob).await && lives(&eve).await && lives(&admin).await);
    world
        .sessions
        .revoke(Revoke::all_of(Kind::Admin))
        .await
        .unwrap();
    assert!(!lives(&admin).await && lives(&eve).await);
    use keyward_base::Clock as _;
    world.pass(HOUR).await;
    let cut = world.clock.now().unwrap();
    let late = world.user("globex", "eve").await;
    world
        .sessions
        .revoke(Revoke::everything().before(cut))
        .await
        .unwrap();
    assert!(!lives(&eve).await && lives(&late).await);
    let ahead = Revoke::everything().before(cut.saturating_add(MINUTE));
    let misuse = world.sessions.revoke(ahead).await.unwrap_err();
    assert_eq!(misuse.kind(), ErrorKind::Misuse);
    world.sessions.revoke(Revoke::everything()).await.unwrap();
    assert!(!lives(&late).await);
}

#[tokio::test]
async fn devices_are_listed_named_and_ended() {
    let world = World::new().await;
    let here = world.user("acme", "ada").await;
    let there = world.user("acme", "ada").await;
    let eve = world.user("acme", "eve").await;
    let live = world
        .sessions
        .check::<User>(here.token().expose())
        .await
        .unwrap();
    world
        .sessions
        .name(&live, there.id(), "at home")
        .await
        .unwrap();
    let listed = world.sessions.devices(&live).await.unwrap();
    assert_eq!(listed.len(), 2);
    let found = listed
        .iter()
        .find(|device| device.id == there.id())
        .unwrap();
    assert_eq!((found.name.as_str(), found.is_current), ("at home", false));
    assert_eq!(found.client, "Firefox on Linux");
    let refused = world
        .sessions
        .end_device(&live, eve.id())
        .await
        .unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::NOT_FOUND));
    let refused = world
        .sessions
        .name(&live, eve.id(), "mine")
        .await
        .unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::NOT_FOUND));
    let third = world.user("acme", "ada").await;
    world.tick();
    world.sessions.end_others(&live).await.unwrap();
    for gone in [&there, &third] {
        assert_eq!(
            why(&world, gone.token().expose()).await,
            Some(reason::ENDED)
        );
    }
    world
        .sessions
        .check_any(here.token().expose())
        .await
        .unwrap();
    world
        .sessions
        .check_any(eve.token().expose())
        .await
        .unwrap();
    assert_eq!(world.sessions.devices(&live).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_ended_in_one_process_has_ended_in_another() {
    let world = World::new().await;
    let other = world.other(world.data.clone()).await;
    let started = world.user("acme", "ada").await;
    let token = started.token().expose();
    let live = other.check_any(token).await.unwrap();
    other.end(&live).await.unwrap();
    assert_eq!(why(&world, token).await, Some(reason::ENDED));
    let started = world.user("acme", "ada").await;
    other.revoke(Revoke::everything()).await.unwrap();
    assert_eq!(
        why(&world, started.token().expose()).await,
        Some(reason::ENDED)
    );
}
