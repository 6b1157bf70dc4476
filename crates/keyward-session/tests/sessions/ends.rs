//! A session that is ended, beside what writes its row, and what is told of it.

use std::sync::Arc;

use keyward_base::{BoxFuture, Clock as _, Door, ErrorKind, Reason};
use keyward_keys::Keyring;
use keyward_session::{Admin, Kind, Policy, Revoke, Sessions, User, reason};
use keyward_store::{MemoryStore, Records};
use keyward_testkit::{Interrupt, Staged};

use crate::hostile::{epoch_keys, read};
use crate::world::{DAY, HOUR, USERS, World, subject, tenant};

/// At each call of the store that the end makes, another process renews the session.
#[tokio::test]
async fn an_end_wins_over_every_renewal_that_comes_between() {
    for of_device in [false, true] {
        for n in 0.. {
            let data: Arc<dyn Records> = Arc::new(MemoryStore::new(10_000));
            let staged = Staged::over(data.clone());
            let world = World::on(staged.clone()).await;
            let other = world.other(data).await;
            let here = world.user("acme", "ada").await;
            let there = world.user("acme", "ada").await;
            let token = there.token().expose().to_owned();
            let live = world.sessions.check::<User>(here.token().expose()).await;
            let live = live.unwrap();
            let ended = world.sessions.check::<User>(&token).await.unwrap();
            world.pass(HOUR * 13).await;
            let renews = {
                let (other, token) = (other.clone(), token.clone());
                move || -> BoxFuture<'static, ()> {
                    Box::pin(async move {
                        let _lives_or_not = other.check_any(&token).await;
                    })
                }
            };
            staged.interrupt(n, Interrupt::Run(Box::new(renews)));
            if of_device {
                let result = world.sessions.end_device(&live, there.id()).await;
                result.unwrap();
            } else {
                world.sessions.end(&ended).await.unwrap();
            }
            if !staged.fired() {
                assert!(n >= 2, "a read and a write");
                break;
            }
            let checked = other.check_any(&token).await;
            assert_eq!(checked.unwrap_err().reason(), Some(reason::ENDED));
        }
    }
}

#[tokio::test]
async fn a_session_that_ended_has_no_name_and_is_on_no_list() {
    let world = World::new().await;
    let old = world.user("acme", "ada").await;
    world.tick();
    let staff = Revoke::user(tenant("acme"), subject("ada"));
    world.sessions.revoke(staff).await.unwrap();
    world.tick();
    let new = world.user("acme", "ada").await;
    world.tick();
    let newer = world.user("acme", "ada").await;
    let live = world.sessions.check::<User>(new.token().expose()).await;
    let live = live.unwrap();
    // Its row is still there.
    let named = world.sessions.name(&live, old.id(), "mine").await;
    assert_eq!(named.unwrap_err().reason(), Some(reason::ENDED));
    let listed = world.sessions.devices(&live).await.unwrap();
    let listed: Vec<_> = listed.iter().map(|device| device.id).collect();
    assert_eq!(listed, [newer.id(), new.id()], "the latest used first");
}

/// A list that lacks what could not be read would hide it.
#[tokio::test]
async fn a_list_is_whole_or_none() {
    let world = World::new().await;
    let user = world.user("acme", "ada").await;
    let live = world.sessions.check::<User>(user.token().expose()).await;
    let live = live.unwrap();
    world.pass(HOUR * 13).await;
    world
        .sessions
        .check_any(user.token().expose())
        .await
        .unwrap();
    let back = world.clock.now().unwrap().as_millis() - 3_600_000;
    world.clock.set(keyward_base::Timestamp::from_millis(back));
    world.refresh().await;
    let listed = world.sessions.devices(&live).await.unwrap_err();
    assert_eq!(listed.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn whoever_acts_says_why_and_is_on_record_before() {
    let world = World::new().await;
    let admin = world.admin("ops", "root").await;
    let act = async |why: &str| {
        let live = world.sessions.check::<Admin>(admin.token().expose()).await;
        let fresh = world.sessions.fresh(live.unwrap()).unwrap();
        let (of, who) = (tenant("acme"), subject("ada"));
        world.sessions.act_as(fresh, &of, &who, why).await
    };
    for none in ["", " ", "\u{3000}"] {
        let refused = act(none).await.unwrap_err();
        assert_eq!(refused.reason(), Some(Reason::MALFORMED));
    }
    world.audit.set_failing(true);
    let refused = act("ticket 7").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    world.audit.set_failing(false);
    let user = world.user("acme", "ada").await;
    let live = world.sessions.check::<User>(user.token().expose()).await;
    let listed = world.sessions.devices(&live.unwrap()).await.unwrap();
    assert_eq!(listed.len(), 1, "nobody acts");
}

#[tokio::test]
async fn what_ends_sessions_is_told_and_kept_31_days() {
    let world = World::new().await;
    let user = world.user("acme", "ada").await;
    let live = world.sessions.check_any(user.token().expose()).await;
    let _before = world.audit.take();
    world.sessions.end(&live.unwrap()).await.unwrap();
    let of = (tenant("acme"), subject("bob"));
    world
        .sessions
        .revoke(Revoke::user(of.0, of.1))
        .await
        .unwrap();
    let (of, who) = (tenant("acme"), subject("eve"));
    let _proof = world.sessions.end_all(&of, &who).await.unwrap();
    let told: Vec<_> = world
        .audit
        .take()
        .iter()
        .map(|event| event.action)
        .collect();
    assert_eq!(told, ["session.end", "session.revoke", "session.revoke"]);
    let [_, _, mut place] = epoch_keys();
    place.id = "user/bob".to_owned();
    let until = world.clock.now().unwrap().saturating_add(DAY * 31);
    assert_eq!(read(&*world.data, &place).await.expires, Some(until));
}

#[tokio::test]
async fn doors_and_keys_that_do_not_fit_are_misuse() {
    let world = World::new().await;
    let builder = |ring: &Keyring| Sessions::builder(ring.clone(), world.data.clone());
    for door in ["", "a-door-whose-name-has-33-bytes-ab"] {
        let opens = builder(&world.ring).opens(Door::new(door), Kind::User);
        assert_eq!(opens.build().await.unwrap_err().kind(), ErrorKind::Misuse);
    }
    let long = Policy::default().user(DAY * 7, DAY * 92).unwrap();
    let opens = builder(&world.ring).opens(USERS, Kind::User).policy(long);
    assert_eq!(opens.build().await.unwrap_err().kind(), ErrorKind::Misuse);
}

#[tokio::test]
async fn the_longest_names_have_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let stores: [Arc<dyn Records>; 2] = [
        Arc::new(MemoryStore::new(10_000)),
        Arc::new(keyward_sqlite::SqliteStore::open(path).unwrap()),
    ];
    for data in stores {
        let world = World::on(data).await;
        let longest = |name: &dyn Fn(&str) -> bool| {
            let all = (1..1000)
                .map(|n| "n".repeat(n))
                .take_while(|text| name(text));
            all.last().unwrap()
        };
        let of = longest(&|text| keyward_base::Tenant::new(text).is_ok());
        let who = longest(&|text| keyward_base::Subject::new(text).is_ok());
        let user = world.user(&of, &who).await;
        let admin = world.admin(&of, &who).await;
        let live = world.sessions.check::<Admin>(admin.token().expose()).await;
        let fresh = world.sessions.fresh(live.unwrap()).unwrap();
        let why = "w".repeat(200);
        let acts = world
            .sessions
            .act_as(fresh, &tenant(&of), &subject(&who), &why)
            .await;
        let live = world
            .sessions
            .check_any(acts.unwrap().token().expose())
            .await;
        assert_eq!(live.unwrap().subject().as_str(), who);
        let live = world.sessions.check::<User>(user.token().expose()).await;
        let live = live.unwrap();
        let listed = world.sessions.devices(&live).await.unwrap();
        assert_eq!(listed.len(), 3);
        // The largest row there is: an outsider chooses none of these lengths.
        let largest = listed
            .iter()
            .map(|device| crate::hostile::row_key(device.id));
        for place in largest {
            let bytes = read(&*world.data, &place).await.content.data.len();
            assert!(bytes <= 1_100, "{bytes}");
        }
        world.tick();
        let revoke = Revoke::user(tenant(&of), subject(&who));
        world.sessions.revoke(revoke).await.unwrap();
        let ended = world.sessions.check_any(user.token().expose()).await;
        assert_eq!(ended.unwrap_err().reason(), Some(reason::ENDED));
    }
}
