//! Two at once: whatever comes between two calls of the store.

use std::sync::Arc;

use keyward_base::{BoxFuture, Reason};
use keyward_session::{Admin, Revoke, Sessions, Start, Started, User, reason};
use keyward_store::{Collection, MemoryStore, Records, Scan};
use keyward_testkit::{Answer, Interrupt, Staged};

use crate::world::{HOUR, USERS, World, subject, tenant};

/// A process whose calls are interrupted, and another on the same store.
struct Two {
    world: World,
    staged: Arc<Staged>,
    other: Sessions,
}

impl Two {
    async fn new() -> Self {
        let data: Arc<dyn Records> = Arc::new(MemoryStore::new(10_000));
        let staged = Staged::over(data.clone());
        let world = World::on(staged.clone()).await;
        let other = world.other(data).await;
        // Both have read the barriers.
        let first = world.user("first", "first").await;
        let live = other.check_any(first.token().expose()).await.unwrap();
        other.end(&live).await.unwrap();
        Self {
            world,
            staged,
            other,
        }
    }

    async fn rows(&self) -> usize {
        let scan = Scan::of(Collection::named("session"));
        self.world.data.scan(scan).await.unwrap().items.len()
    }

    async fn lives(&self, started: &Started) -> bool {
        let checked = self.other.check_any(started.token().expose()).await;
        checked.is_ok()
    }
}

type Act = fn(Sessions, String) -> BoxFuture<'static, ()>;

fn ends(of: Sessions, token: String) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        // It may have ended by its own successor.
        if let Ok(live) = of.check_any(&token).await {
            of.end(&live).await.unwrap();
        }
    })
}

fn ends_all(of: Sessions, _: String) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let _ended = of.end_all(&tenant("acme"), &subject("ada")).await.unwrap();
    })
}

fn revokes_everything(of: Sessions, _: String) -> BoxFuture<'static, ()> {
    Box::pin(async move { of.revoke(Revoke::everything()).await.unwrap() })
}

#[tokio::test]
async fn what_ended_while_it_was_renewed_or_named_stays_ended() {
    let acts: [Act; 3] = [ends, ends_all, revokes_everything];
    for act in acts {
        for naming in [false, true] {
            for n in 0.. {
                let two = Two::new().await;
                let started = two.world.user("acme", "ada").await;
                let token = started.token().expose().to_owned();
                let live = two.world.sessions.check::<User>(&token).await.unwrap();
                two.world.pass(HOUR * 13).await;
                let acts = act(two.other.clone(), token.clone());
                two.staged.interrupt(n, Interrupt::Run(Box::new(|| acts)));
                if naming {
                    let named = two.world.sessions.name(&live, live.id(), "mine");
                    let _done_or_not = named.await;
                } else {
                    let _lives_or_not = two.world.sessions.check_any(&token).await;
                }
                if !two.staged.fired() {
                    assert!(n >= 3, "a read, a read and a write");
                    break;
                }
                assert!(!two.lives(&started).await, "resurrected at call {n}");
            }
        }
    }
}

#[tokio::test]
async fn a_log_in_beside_a_revoke_leaves_nothing_that_lives() {
    let acts: [Act; 2] = [ends_all, revokes_everything];
    for act in acts {
        for after in [false, true] {
            for n in 0.. {
                let two = Two::new().await;
                let before = two.world.user("acme", "ada").await;
                let shown = two.world.shown("acme", "ada", USERS);
                two.world.tick();
                let acts = act(two.other.clone(), String::new());
                let interrupt = if after {
                    Interrupt::RunAfter(Box::new(|| acts))
                } else {
                    Interrupt::Run(Box::new(|| acts))
                };
                two.staged.interrupt(n, interrupt);
                let started = two.world.sessions.start(shown, Start::new()).await;
                if !two.staged.fired() {
                    assert!(n >= 2, "a read and a write");
                    break;
                }
                assert!(!two.lives(&before).await);
                if let Ok(started) = started {
                    assert!(
                        after,
                        "begun from evidence of before the revoke, at call {n}"
                    );
                    assert!(!two.lives(&started).await);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_first_log_in_beside_the_first_revoke_leaves_nothing_that_lives() {
    for n in 0.. {
        let two = Two::new().await;
        let shown = two.world.shown("acme", "ada", USERS);
        two.world.tick();
        let acts = ends_all(two.other.clone(), String::new());
        two.staged.interrupt(n, Interrupt::Run(Box::new(|| acts)));
        let started = two.world.sessions.start(shown, Start::new()).await;
        if !two.staged.fired() {
            break;
        }
        assert!(started.is_err(), "at call {n}");
    }
}

#[tokio::test]
async fn the_old_session_is_there_or_the_new_one_and_never_both_or_none() {
    for again in [false, true] {
        for after in [false, true] {
            for n in 0.. {
                let two = Two::new().await;
                let old = two.world.user("acme", "ada").await;
                let live = two.world.sessions.check::<User>(old.token().expose()).await;
                let live = live.unwrap();
                let shown = two.world.shown("acme", "ada", USERS);
                let dies = if after {
                    Interrupt::DieAfter
                } else {
                    Interrupt::DieBefore
                };
                two.staged.interrupt(n, dies);
                let ended = if again {
                    two.world.sessions.reauthenticate(live, shown).await
                } else {
                    let start = Start::new().replacing(Some(&live));
                    two.world.sessions.start(shown, start).await
                };
                if !two.staged.fired() {
                    let new = ended.unwrap();
                    assert!(!two.lives(&old).await && two.lives(&new).await);
                    break;
                }
                assert!(ended.is_err());
                assert_eq!(two.rows().await, 1, "at call {n}");
            }
        }
    }
}

#[tokio::test]
async fn a_session_that_ended_is_never_the_start_of_another() {
    let acts: [Act; 3] = [ends, ends_all, revokes_everything];
    for act in acts {
        for n in 0.. {
            let two = Two::new().await;
            let old = two.world.user("acme", "ada").await;
            let token = old.token().expose().to_owned();
            let live = two.world.sessions.check::<User>(&token).await.unwrap();
            let shown = two.world.shown("acme", "ada", USERS);
            two.world.tick();
            let acts = act(two.other.clone(), token.clone());
            two.staged.interrupt(n, Interrupt::Run(Box::new(|| acts)));
            let again = two.world.sessions.reauthenticate(live, shown).await;
            if !two.staged.fired() {
                break;
            }
            assert!(again.is_err(), "at call {n}");
            assert!(!two.lives(&old).await);
        }
    }
}

#[tokio::test]
async fn nor_is_one_that_is_over_whatever_is_shown_after_it() {
    let two = Two::new().await;
    let old = two.world.user("acme", "ada").await;
    let check = async |started: &Started| {
        let checked = two
            .world
            .sessions
            .check::<User>(started.token().expose())
            .await;
        checked.unwrap()
    };
    let live = check(&old).await;
    two.world.tick();
    two.other.revoke(Revoke::everything()).await.unwrap();
    two.world.tick();
    let shown = two.world.shown("acme", "ada", USERS);
    let again = two.world.sessions.reauthenticate(live, shown).await;
    assert_eq!(again.unwrap_err().reason(), Some(reason::ENDED));
    let old = two.world.user("acme", "ada").await;
    let live = check(&old).await;
    two.world.pass(HOUR * 24 * 7).await;
    let shown = two.world.shown("acme", "ada", USERS);
    let again = two.world.sessions.reauthenticate(live, shown).await;
    assert_eq!(again.unwrap_err().reason(), Some(Reason::EXPIRED));
}

#[tokio::test]
async fn staff_begin_nothing_from_a_session_that_ended() {
    for n in 0.. {
        let two = Two::new().await;
        let admin = two.world.admin("ops", "root").await;
        let token = admin.token().expose().to_owned();
        let live = two.world.sessions.check::<Admin>(&token).await.unwrap();
        let fresh = two.world.sessions.fresh(live).unwrap();
        let acts = ends(two.other.clone(), token.clone());
        two.staged.interrupt(n, Interrupt::Run(Box::new(|| acts)));
        let (of, who) = (tenant("acme"), subject("ada"));
        let begun = two.world.sessions.act_as(fresh, &of, &who, "why").await;
        if !two.staged.fired() {
            assert!(begun.is_ok());
            break;
        }
        assert!(begun.is_err(), "at call {n}");
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_or_wrong_makes_no_session_of_two() {
    for answer in [
        Answer::WrongConflict,
        Answer::Conflict,
        Answer::LostAnswer,
        Answer::LostWrite,
    ] {
        let two = Two::new().await;
        let old = two.world.user("acme", "ada").await;
        let live = two.world.sessions.check::<User>(old.token().expose()).await;
        let shown = two.world.shown("acme", "ada", USERS);
        two.staged.answer([answer]);
        let again = two
            .world
            .sessions
            .reauthenticate(live.unwrap(), shown)
            .await;
        assert_eq!(two.staged.take_answers(), []);
        match again {
            Ok(new) => assert!(two.lives(&new).await && !two.lives(&old).await),
            Err(_) => assert_eq!(two.rows().await, 1),
        }
        // A revoke that was told of a conflict, or not told, is made again.
        let started = two.world.user("acme", "eve").await;
        two.world.tick();
        two.staged.answer([answer]);
        let ended = two
            .world
            .sessions
            .end_all(&tenant("acme"), &subject("eve"))
            .await;
        if ended.is_ok() {
            assert!(!two.lives(&started).await);
        }
        let _not_given = two.staged.take_answers();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_who_authenticate_anew_from_one_session_one_does() {
    let world = Arc::new(World::new().await);
    let old = world.user("acme", "ada").await;
    let mut lives = Vec::new();
    for _ in 0..64 {
        let live = world.sessions.check::<User>(old.token().expose()).await;
        lives.push(live.unwrap());
    }
    let mut tasks = tokio::task::JoinSet::new();
    for live in lives {
        let world = Arc::clone(&world);
        tasks.spawn(async move {
            let shown = world.shown("acme", "ada", USERS);
            world.sessions.reauthenticate(live, shown).await.is_ok()
        });
    }
    let won = tasks
        .join_all()
        .await
        .into_iter()
        .filter(|won| *won)
        .count();
    assert_eq!(won, 1);
}
