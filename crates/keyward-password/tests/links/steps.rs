//! Others act at every step of a change: a log-in, a revoke, another change.

use std::sync::{Arc, Mutex};

use keyward_base::{Evidence, Timestamp};
use keyward_password::mail::{Ask, LinkKind};
use keyward_password::{Status, reason};

use crate::world::{Ended, LoggedIn, NEW, OLD, Process, World, chosen};

/// Sessions as they are kept elsewhere: one starts from evidence that is not older than the last end.
#[derive(Debug, Default)]
struct Sessions(Mutex<(Vec<Timestamp>, Option<Timestamp>)>);

impl Sessions {
    fn start(&self, evidence: &LoggedIn) -> bool {
        let mut held = self.0.lock().unwrap();
        let is_late = held.1.is_some_and(|ended| evidence.at() < ended);
        if !is_late {
            held.0.push(evidence.at());
        }
        !is_late
    }

    fn end_all(&self, at: Timestamp) {
        let mut held = self.0.lock().unwrap();
        held.0.clear();
        held.1 = Some(at);
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().0.len()
    }
}

async fn reset_all(here: &Process, sessions: &Sessions, token: &str) {
    let prepared = here.mail.reset(token, chosen(NEW).await).await.unwrap();
    let ended = Ended::of(&prepared);
    sessions.end_all(ended.at);
    here.accounts.commit(prepared, ended).await.unwrap();
}

#[tokio::test]
async fn no_session_of_the_old_password_outlives_it_wherever_the_log_in_comes() {
    let mut refused = 0;
    for step in 0.. {
        let world = World::new().await;
        world.tick();
        let mut here = world.process().await;
        let other = Arc::new(world.process().await);
        here.register("ada@example.com", "1").await;
        here.ask(Ask::Reset, "ada@example.com").await.unwrap();
        let token = here.token(LinkKind::Reset).await;
        let sessions = Arc::new(Sessions::default());
        // Who logs in with the old password has its evidence before, and starts at this step; or logs
        // in at this step.
        let held = here.log_in("ada@example.com", OLD).await.unwrap();
        let seen: Arc<Mutex<Vec<LoggedIn>>> = Arc::default();
        let (acting, by, kept) = (sessions.clone(), other.clone(), seen.clone());
        world.data.act_before(
            step,
            Box::new(move || {
                Box::pin(async move {
                    acting.start(&held);
                    if let Some(evidence) = by.log_in("ada@example.com", OLD).await {
                        acting.start(&evidence);
                        kept.lock().unwrap().push(evidence);
                    }
                })
            }),
        );
        reset_all(&here, &sessions, &token).await;
        if world.data.take_act() {
            break;
        }
        assert_eq!(sessions.count(), 0, "step {step}");
        // Nor with evidence that was kept until now.
        let kept = std::mem::take(&mut *seen.lock().unwrap());
        for evidence in kept {
            assert!(!sessions.start(&evidence), "step {step}");
            let again = here.change("ada@example.com", evidence, "a third password of mine");
            let again = again.await.unwrap_err();
            assert_eq!(again.reason(), Some(reason::STALE), "step {step}");
            refused += 1;
        }
        let new = here.log_in("ada@example.com", NEW).await.unwrap();
        assert!(sessions.start(&new));
        assert!(here.log_in("ada@example.com", OLD).await.is_none());
    }
    assert!(refused > 2, "some log in before the old password ends");
}

#[tokio::test]
async fn whatever_else_is_changed_at_any_step_one_of_both_stands_and_never_two_passwords() {
    for kind in 0..4 {
        for step in 0.. {
            let world = World::new().await;
            world.tick();
            let mut here = world.process().await;
            let other = Arc::new(world.process().await);
            let account = here.register("ada@example.com", "1").await;
            here.ask(Ask::Reset, "ada@example.com").await.unwrap();
            let token = here.token(LinkKind::Reset).await;
            here.ask(Ask::Reset, "ada@example.com").await.unwrap();
            let second = here.token(LinkKind::Reset).await;
            let (by, evidence) = (
                other.clone(),
                here.log_in("ada@example.com", OLD).await.unwrap(),
            );
            let link = token.clone();
            let third = "a third password of mine";
            let is_done = Arc::new(Mutex::new(false));
            let done = is_done.clone();
            let act = Box::new(move || -> keyward_base::BoxFuture<'static, ()> {
                Box::pin(async move {
                    let ada = crate::world::email("ada@example.com");
                    let prepared = match kind {
                        0 => by.mail.reset(&link, chosen(third).await).await,
                        1 => by.mail.reset(&second, chosen(third).await).await,
                        2 => by.change("ada@example.com", evidence, third).await,
                        _ => {
                            let _ = by.accounts.disable(&ada).await.unwrap();
                            return;
                        }
                    };
                    if let Ok(prepared) = prepared {
                        *done.lock().unwrap() = by.finish(prepared).await.is_ok();
                    }
                })
            });
            world.data.act_before(step, act);
            let prepared = here.mail.reset(&token, chosen(NEW).await).await;
            let ours = match prepared {
                Ok(prepared) => here.finish(prepared).await.is_ok(),
                Err(refused) => {
                    let reasons = [Some(reason::SPENT), Some(keyward_base::Reason::CONFLICT)];
                    assert!(
                        reasons.contains(&refused.reason()),
                        "{kind} {step}: {refused:?}"
                    );
                    false
                }
            };
            if world.data.take_act() {
                break;
            }
            let theirs = *is_done.lock().unwrap();
            let by_new = here.log_in("ada@example.com", NEW).await.is_some();
            let by_third = here.log_in("ada@example.com", third).await.is_some();
            assert!(
                here.log_in("ada@example.com", OLD).await.is_none(),
                "{kind} {step}"
            );
            assert!(!(by_new && by_third), "{kind} {step}");
            if kind == 3 {
                assert!(!by_new && here.status(&account).await == Status::Disabled);
                continue;
            }
            assert!(ours || theirs, "{kind} {step}: one of both");
            assert!(by_new || by_third, "{kind} {step}");
            assert!((!by_new || ours) && (!by_third || theirs), "{kind} {step}");
        }
    }
}
