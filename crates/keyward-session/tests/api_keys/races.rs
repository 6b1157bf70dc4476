//! Two at once: whatever comes between two calls of the store.

use std::sync::Arc;

use keyward_base::BoxFuture;
use keyward_session::api_key::{ApiKeyId, ApiKeys, End, IssuedKey, Narrow, Rotation};
use keyward_session::reason;
use keyward_store::{MemoryStore, Records};
use keyward_testkit::{Answer, Interrupt, Staged};

use crate::world::{HOUR, READ, WRITE, World, all, new, operator, scopes, tenant};

/// A process whose calls are interrupted, and another on the same store.
struct Two {
    world: World,
    staged: Arc<Staged>,
    other: ApiKeys,
    key: IssuedKey,
}

impl Two {
    async fn new() -> Self {
        let data: Arc<dyn Records> = Arc::new(MemoryStore::new(10_000));
        let staged = Staged::over(data.clone());
        let world = World::on(staged.clone()).await;
        let other = world.other(data).await;
        // Both have read the barriers.
        let first = other
            .issue_as_operator(&operator("first"), new("x"))
            .await
            .unwrap();
        other
            .revoke(&tenant("first"), first.info().id)
            .await
            .unwrap();
        let key = world.key().await;
        Self {
            world,
            staged,
            other,
            key,
        }
    }

    fn id(&self) -> ApiKeyId {
        self.key.info().id
    }
}

type Act = fn(ApiKeys, ApiKeyId) -> BoxFuture<'static, ()>;

fn revokes(of: ApiKeys, id: ApiKeyId) -> BoxFuture<'static, ()> {
    Box::pin(async move { of.revoke(&tenant("acme"), id).await.unwrap() })
}

fn ends(of: ApiKeys, _: ApiKeyId) -> BoxFuture<'static, ()> {
    Box::pin(async move { of.end(&End::tenant(tenant("acme"))).await.unwrap() })
}

fn ends_all(of: ApiKeys, _: ApiKeyId) -> BoxFuture<'static, ()> {
    Box::pin(async move { of.end(&End::everything()).await.unwrap() })
}

fn narrows(of: ApiKeys, id: ApiKeyId) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let to = Narrow::new().scopes(scopes("servers:read"));
        of.narrow(&tenant("acme"), id, &to).await.unwrap();
    })
}

/// What ended while it was narrowed, used, noticed or rotated stays so, and leaves no successor that
/// lives.
#[tokio::test]
async fn what_ended_meanwhile_stays_ended() {
    let acts: [(Act, bool); 3] = [(revokes, false), (ends, true), (ends_all, true)];
    for (act, ends_by) in acts {
        for what in 0..5 {
            for n in 0.. {
                let two = Two::new().await;
                let (id, text) = (two.id(), two.key.key().expose());
                two.world.keys.check(text, None).await.unwrap();
                let ada = two.world.person("acme", "ada").await;
                if what == 2 {
                    two.world.pass(HOUR * 24 * 61).await;
                }
                two.world.tick();
                let acts = act(two.other.clone(), id);
                two.staged.interrupt(n, Interrupt::Run(Box::new(|| acts)));
                let keys = &two.world.keys;
                let mut successor = None;
                match what {
                    0 => drop(keys.narrow(&tenant("acme"), id, &Narrow::new()).await),
                    1 => drop(keys.upkeep(10).await),
                    2 => drop(keys.due(None).await),
                    3 => successor = keys.rotate(&ada, &all(), id, Rotation::new()).await.ok(),
                    // No evidence of a person is there to be too old.
                    _ => {
                        let by = operator("acme");
                        successor = keys.rotate_as_operator(&by, id, Rotation::new()).await.ok();
                    }
                }
                if !two.staged.fired() {
                    assert!(n >= 2, "{what}: a read and a write");
                    break;
                }
                assert!(
                    two.other.check(text, None).await.is_err(),
                    "{what} at call {n}"
                );
                if let Some(successor) = successor {
                    // It was made before the key was revoked, or ended with it.
                    let lives = two
                        .other
                        .check(successor.key().expose(), None)
                        .await
                        .is_ok();
                    assert!(!(lives && ends_by), "{what} at call {n}");
                }
            }
        }
    }
}

#[tokio::test]
async fn what_was_taken_meanwhile_does_not_come_back() {
    for what in 0..3 {
        for n in 0.. {
            let two = Two::new().await;
            let (id, text) = (two.id(), two.key.key().expose());
            two.world.keys.check(text, None).await.unwrap();
            let ada = two.world.person("acme", "ada").await;
            let acts = narrows(two.other.clone(), id);
            two.staged.interrupt(n, Interrupt::Run(Box::new(|| acts)));
            let keys = &two.world.keys;
            let mut successor = None;
            match what {
                0 => drop(keys.upkeep(10).await),
                1 => drop(keys.narrow(&tenant("acme"), id, &Narrow::new()).await),
                _ => successor = keys.rotate(&ada, &all(), id, Rotation::new()).await.ok(),
            }
            if !two.staged.fired() {
                break;
            }
            let live = two.other.check(text, None).await.unwrap();
            assert!(live.has(&READ) && !live.has(&WRITE), "{what} at call {n}");
            if let Some(successor) = successor {
                let live = two
                    .other
                    .check(successor.key().expose(), None)
                    .await
                    .unwrap();
                assert!(!live.has(&WRITE), "{what} at call {n}");
            }
        }
    }
}

/// The answer of the batch is lost, or wrong, or the process dies: of successors that live the list
/// shows each, and the key names the one there is.
#[tokio::test]
async fn a_rotation_leaves_no_successor_unseen() {
    for answer in [
        Answer::WrongConflict,
        Answer::Conflict,
        Answer::LostAnswer,
        Answer::LostWrite,
    ] {
        let two = Two::new().await;
        let (id, keys) = (two.id(), &two.world.keys);
        let ada = two.world.person("acme", "ada").await;
        two.staged.answer([answer]);
        let rotated = keys.rotate(&ada, &all(), id, Rotation::new()).await;
        assert_eq!(two.staged.take_answers(), []);
        // Whoever got no key rotates again, and finds what there is.
        let held = match rotated {
            Ok(made) => made.info().id,
            Err(_) => match keys.rotate(&ada, &all(), id, Rotation::new()).await {
                Ok(made) => made.info().id,
                Err(e) => {
                    assert_eq!(e.reason(), Some(reason::ROTATED), "{answer:?}");
                    let shown = keys.info(&tenant("acme"), id).await.unwrap();
                    let replaces = Rotation::new().replacing(shown.successor.unwrap());
                    let made = keys.rotate(&ada, &all(), id, replaces).await.unwrap();
                    made.info().id
                }
            },
        };
        let listed = keys.list(&tenant("acme"), None).await.unwrap().keys;
        let mut ids: Vec<_> = listed.iter().map(|info| info.id).collect();
        let mut expected = vec![id, held];
        ids.sort();
        expected.sort();
        assert_eq!(ids, expected, "{answer:?}");
        let shown = keys.info(&tenant("acme"), id).await.unwrap();
        assert_eq!(shown.successor, Some(held));
    }
}

#[tokio::test]
async fn a_key_is_not_made_beside_the_end_of_its_tenant() {
    let acts: [Act; 2] = [ends, ends_all];
    for act in acts {
        for after in [false, true] {
            for n in 0.. {
                let two = Two::new().await;
                let ada = two.world.person("acme", "ada").await;
                two.world.tick();
                let acts = act(two.other.clone(), two.id());
                let interrupt = if after {
                    Interrupt::RunAfter(Box::new(|| acts))
                } else {
                    Interrupt::Run(Box::new(|| acts))
                };
                two.staged.interrupt(n, interrupt);
                let made = two.world.keys.issue(&ada, &all(), new("late")).await;
                if !two.staged.fired() {
                    assert!(n >= 3);
                    break;
                }
                if let Ok(made) = made {
                    let checked = two.other.check(made.key().expose(), None).await;
                    assert!(checked.is_err(), "at call {n}");
                }
            }
        }
    }
}

/// Whoever counted before another made one counts again.
#[tokio::test]
async fn a_limit_is_exact_whatever_comes_between() {
    for n in 0.. {
        let data: Arc<dyn Records> = Arc::new(MemoryStore::new(10_000));
        let staged = Staged::over(data.clone());
        let policy = keyward_session::api_key::KeyPolicy::default();
        let policy = policy.most(1).unwrap();
        let world = World::with(staged.clone(), |builder| builder.policy(policy)).await;
        let other = world.other(data).await;
        // Both have read the barriers, and the tenant has had a key.
        let first = world.key().await;
        other
            .revoke(&tenant("acme"), first.info().id)
            .await
            .unwrap();
        let ada = world.person("acme", "ada").await;
        let makes = Box::new(move || -> BoxFuture<'static, ()> {
            Box::pin(async move {
                let made = other.issue_as_operator(&operator("acme"), new("x")).await;
                drop(made.unwrap());
            })
        });
        staged.interrupt(n, Interrupt::Run(makes));
        let made = world.keys.issue(&ada, &all(), new("y")).await;
        if !staged.fired() {
            assert!(n >= 3);
            break;
        }
        assert_eq!(made.unwrap_err().reason(), Some(reason::TOO_MANY), "{n}");
    }
}

/// Between the rows of a page and their epochs, or the other way round, all is ended and made anew.
#[tokio::test]
async fn no_row_of_a_newer_epoch_is_removed_with_the_ended() {
    for n in 0.. {
        let data: Arc<dyn Records> = Arc::new(MemoryStore::new(1_000));
        let staged = Staged::over(data.clone());
        let world = Arc::new(World::on(staged.clone()).await);
        let dead = world.key().await;
        let other = world.other(data).await;
        let made = Arc::new(std::sync::Mutex::new(None));
        let (to, of) = (made.clone(), world.clone());
        let ends = Box::new(move || -> BoxFuture<'static, ()> {
            Box::pin(async move {
                other.end(&End::tenant(tenant("acme"))).await.unwrap();
                of.tick();
                let ada = of.person("acme", "ada").await;
                let next = other.issue(&ada, &all(), new("next")).await.unwrap();
                *to.lock().unwrap() = Some(next.key().expose().to_owned());
            })
        });
        staged.interrupt(n, Interrupt::Run(ends));
        world.keys.purge_ended(&tenant("acme")).await.unwrap();
        let fired = staged.fired();
        let next = made.lock().unwrap().take();
        if let Some(next) = next {
            world.keys.check(&next, None).await.unwrap();
            assert!(world.keys.check(dead.key().expose(), None).await.is_err());
        }
        if !fired {
            assert!(n >= 2);
            break;
        }
    }
}
