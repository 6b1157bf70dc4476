//! Staff beside whatever befalls the administrator, and doors that open something else.

use std::sync::Arc;

use keyward_base::{BoxFuture, ErrorKind, Reason};
use keyward_session::{Admin, Fresh, Kind, LiveSession, Pending, Revoke, Sessions, Staff, Start};
use keyward_session::{Started, User, reason};
use keyward_store::{MemoryStore, Records};
use keyward_testkit::{Interrupt, Staged};

use crate::world::{ADMINS, HOUR, Shown, USERS, World, builder_on, subject, tenant};

async fn fresh(world: &World, admin: &Started) -> Fresh<LiveSession<Admin>, 15> {
    let live = world.sessions.check(admin.token().expose()).await.unwrap();
    world.sessions.fresh(live).unwrap()
}

async fn act(world: &World, admin: Fresh<LiveSession<Admin>, 15>) -> keyward_base::Result<Started> {
    let (of, who) = (tenant("acme"), subject("ada"));
    world.sessions.act_as(admin, &of, &who, "why").await
}

async fn why<K: keyward_session::SessionKind>(of: &Sessions, it: &Started) -> Option<Reason> {
    let checked = of.check::<K>(it.token().expose()).await;
    checked.err().and_then(|e| e.reason())
}

#[tokio::test]
async fn staff_end_where_the_administrator_ends_all_others() {
    let world = World::new().await;
    let admin = world.admin("ops", "root").await;
    let acts = act(&world, fresh(&world, &admin).await).await.unwrap();
    assert_eq!(why::<Staff>(&world.sessions, &acts).await, None);
    world.tick();
    let live = world.sessions.check::<Admin>(admin.token().expose()).await;
    world.sessions.end_others(&live.unwrap()).await.unwrap();
    assert_eq!(why::<Admin>(&world.sessions, &admin).await, None);
    let ended = why::<Staff>(&world.sessions, &acts).await;
    assert_eq!(ended, Some(reason::ENDED));
}

#[tokio::test]
async fn staff_do_not_begin_once_the_administrators_session_is_over() {
    let world = World::new().await;
    let admin = world.admin("ops", "root").await;
    let kept = fresh(&world, &admin).await;
    world.pass(HOUR * 24).await;
    let refused = act(&world, kept).await.unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::EXPIRED));
    for revoke in [
        Revoke::user(tenant("ops"), subject("root")),
        Revoke::tenant(tenant("ops")),
        Revoke::all_of(Kind::Admin),
    ] {
        world.tick();
        let admin = world.admin("ops", "root").await;
        let kept = fresh(&world, &admin).await;
        world.sessions.revoke(revoke).await.unwrap();
        let refused = act(&world, kept).await.unwrap_err();
        assert_eq!(refused.reason(), Some(reason::ENDED));
    }
}

/// At each call of the store.
#[tokio::test]
async fn staff_do_not_begin_beside_a_revoke_of_either() {
    for (of, who) in [("ops", "root"), ("acme", "ada")] {
        for n in 0.. {
            let data: Arc<dyn Records> = Arc::new(MemoryStore::new(10_000));
            let staged = Staged::over(data.clone());
            let world = World::on(staged.clone()).await;
            let other = world.other(data).await;
            let admin = world.admin("ops", "root").await;
            let before = act(&world, fresh(&world, &admin).await).await.unwrap();
            let kept = fresh(&world, &admin).await;
            world.tick();
            let ends = {
                let other = other.clone();
                move || -> BoxFuture<'static, ()> {
                    Box::pin(async move {
                        let revoke = Revoke::user(tenant(of), subject(who));
                        other.revoke(revoke).await.unwrap();
                    })
                }
            };
            staged.interrupt(n, Interrupt::Run(Box::new(ends)));
            let begun = act(&world, kept).await;
            if !staged.fired() {
                assert!(n >= 3);
                break;
            }
            assert!(why::<Staff>(&other, &before).await.is_some());
            // Whoever begins, begins after the revoke: it is of the user alone then.
            if let Ok(begun) = begun {
                assert_eq!(of, "acme", "at call {n}");
                assert_eq!(why::<Staff>(&other, &begun).await, None);
            }
        }
    }
}

#[tokio::test]
async fn a_door_that_opens_something_else_ends_what_it_opened() {
    let world = World::new().await;
    let user = world.user("acme", "ada").await;
    let due = Shown {
        factor_due: true,
        ..world.shown("acme", "ada", USERS)
    };
    let waits = world.sessions.start(due, Start::new()).await.unwrap();
    let admin = world.admin("ops", "root").await;
    let acts = act(&world, fresh(&world, &admin).await).await.unwrap();
    let doors = |users: Option<Kind>, admins: Option<Kind>| {
        let mut builder = Sessions::builder(world.ring.clone(), world.data.clone());
        for (door, kind) in [(USERS, users), (ADMINS, admins)] {
            if let Some(kind) = kind {
                builder = builder.opens(door, kind);
            }
        }
        builder.build()
    };
    let door = Some(reason::DOOR);
    let none = doors(None, None).await.unwrap();
    assert_eq!(why::<User>(&none, &user).await, door);
    assert_eq!(why::<Pending>(&none, &waits).await, door);
    assert_eq!(why::<Admin>(&none, &admin).await, door);
    assert_eq!(why::<Staff>(&none, &acts).await, door);
    let other = doors(Some(Kind::Admin), Some(Kind::User)).await.unwrap();
    assert_eq!(why::<User>(&other, &user).await, door);
    assert_eq!(why::<Pending>(&other, &waits).await, None);
    assert_eq!(why::<Admin>(&other, &admin).await, door);
    assert_eq!(why::<Staff>(&other, &acts).await, door);
    for (users, admins) in [(Kind::Pending, Kind::Admin), (Kind::User, Kind::Staff)] {
        let misuse = doors(Some(users), Some(admins)).await.unwrap_err();
        assert_eq!(misuse.kind(), ErrorKind::Misuse);
    }
    let twice = builder_on(&world.ring, world.data.clone(), &world.audit);
    let twice = twice.opens(USERS, Kind::Admin).build().await.unwrap_err();
    assert_eq!(twice.kind(), ErrorKind::Misuse);
}

#[tokio::test]
async fn evidence_of_another_tenant_person_or_door_renews_nobody() {
    let world = World::new().await;
    let user = world.user("acme", "ada").await;
    for (of, who, door) in [
        ("globex", "ada", USERS),
        ("acme", "eve", USERS),
        ("acme", "ada", ADMINS),
    ] {
        let live = world.sessions.check::<User>(user.token().expose()).await;
        let shown = world.shown(of, who, door);
        let again = world.sessions.reauthenticate(live.unwrap(), shown).await;
        let refused = again.unwrap_err().reason();
        assert_eq!(refused, Some(reason::EVIDENCE_OTHER), "{of} {who}");
    }
}

/// What a session is not good for does not keep it alive either.
#[tokio::test]
async fn a_check_for_another_kind_renews_nothing() {
    let world = World::new().await;
    let user = world.user("acme", "ada").await;
    world.pass(HOUR * 13).await;
    let version = async || {
        let key = crate::hostile::row_key(user.id());
        crate::hostile::read(&*world.data, &key).await.version
    };
    let before = version().await;
    let refused = why::<Admin>(&world.sessions, &user).await;
    assert_eq!(refused, Some(reason::OTHER_KIND));
    assert_eq!(version().await, before);
    assert_eq!(why::<User>(&world.sessions, &user).await, None);
    assert_ne!(version().await, before);
}
