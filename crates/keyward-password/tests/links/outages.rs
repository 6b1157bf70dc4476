//! A store that has written, and whose answer is lost.

use keyward_base::{ErrorKind, Reason, Subject};
use keyward_password::mail::{Ask, LinkKind};
use keyward_password::{Directory as _, Status, reason};

use crate::world::{NEW, OLD, World, chosen, email, own};

#[tokio::test]
async fn a_reset_whose_answer_was_lost_goes_on_by_the_same_link() {
    let world = World::new().await;
    let mut here = world.process().await;
    let account = here.register("ada@example.com", "1").await;
    here.ask(Ask::Reset, "ada@example.com").await.unwrap();
    let token = here.token(LinkKind::Reset).await;
    world.data.lose_answer(0);
    let lost = here.mail.reset(&token, chosen("lost words of mine").await);
    assert_eq!(lost.await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(here.status(&account).await, Status::Changing);
    let prepared = here.mail.reset(&token, chosen(NEW).await).await.unwrap();
    world.data.lose_answer(0);
    let lost = here.finish(prepared).await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Unavailable);
    // It was done: the new one alone lets in, and the link is used.
    assert!(here.log_in("ada@example.com", NEW).await.is_some());
    for typed in [OLD, "lost words of mine"] {
        assert!(here.log_in("ada@example.com", typed).await.is_none());
    }
    let again = here.mail.reset(&token, chosen(OLD).await).await;
    assert_eq!(again.unwrap_err().reason(), Some(reason::SPENT));
}

#[tokio::test]
async fn what_makes_or_moves_an_account_is_done_once_though_its_answer_was_lost() {
    let world = World::new().await;
    world.tick();
    let mut here = world.process().await;
    here.register("eve@example.com", "9").await;
    here.ask(Ask::SignUp, "ada@example.com").await.unwrap();
    let token = here.token(LinkKind::SignUp).await;
    world.data.lose_answer(0);
    let lost = here.sign_up(&token, OLD, "1").await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Unavailable);
    let again = here.sign_up(&token, NEW, "2").await.unwrap_err();
    assert_eq!(again.reason(), Some(reason::SPENT));
    let evidence = here.log_in("ada@example.com", OLD).await.unwrap();
    let (old, new) = (email("ada@example.com"), email("new@example.com"));
    here.mail.change_email(&old, &new, evidence).await.unwrap();
    let token = here.token(LinkKind::NewEmail).await;
    world.data.lose_answer(0);
    let lost = here.mail.confirm_email(&token).await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Unavailable);
    assert!(here.mail.confirm_email(&token).await.is_err());
    assert!(here.log_in("ada@example.com", OLD).await.is_none());
    assert!(here.log_in("new@example.com", OLD).await.is_some());
    here.ask(Ask::SignIn, "new@example.com").await.unwrap();
    let token = here.token(LinkKind::SignIn).await;
    world.data.lose_answer(0);
    let lost = here.mail.sign_in(&token).await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Unavailable);
    let again = here.mail.sign_in(&token).await.unwrap_err();
    assert_eq!(again.reason(), Some(reason::SPENT));
}

/// Of all that would have one address, one gets it, and nothing is left of the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_is_signed_up_invited_and_moved_to_at_once_is_one_accounts() {
    for first in 0..4 {
        let world = World::new().await;
        world.tick();
        let mut here = world.process().await;
        here.register("ada@example.com", "ada").await;
        let (ada, both) = (email("ada@example.com"), email("both@example.com"));
        here.ask(Ask::SignUp, "both@example.com").await.unwrap();
        let sign_up = here.token(LinkKind::SignUp).await;
        here.mail
            .invite(&both, &crate::world::acme())
            .await
            .unwrap();
        let invite = here.token(LinkKind::Invite).await;
        let evidence = here.log_in("ada@example.com", OLD).await.unwrap();
        here.mail.change_email(&ada, &both, evidence).await.unwrap();
        let moves = here.token(LinkKind::NewEmail).await;
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..12 {
            let by = world.process().await.mail;
            let links = [sign_up.clone(), invite.clone(), moves.clone()];
            tasks.spawn(async move {
                let of = (task + first) % 3;
                if of == 2 {
                    return by.confirm_email(&links[2]).await.map(drop);
                }
                let subject = Subject::new(&format!("task-{task}")).unwrap();
                let password = chosen(NEW).await;
                let made = by.sign_up(&links[of], password, &subject, &own()).await;
                made.map(drop)
            });
        }
        let mut won = 0;
        while let Some(done) = tasks.join_next().await {
            match done.unwrap() {
                Ok(()) => won += 1,
                Err(refused) => {
                    let reasons = [Some(Reason::CONFLICT), Some(reason::SPENT)];
                    assert!(reasons.contains(&refused.reason()), "{refused:?}");
                }
            }
        }
        assert_eq!(won, 1);
        let found = here.directory.find(here.accounts.realm(), &both).await;
        let is_adas = found.unwrap().unwrap().subject().as_str() == "ada";
        let rows = world.rows("credential/users").await.len();
        let entries = world.rows("directory").await.len();
        let each = if is_adas { 1 } else { 2 };
        assert_eq!((rows, entries), (each, each));
    }
}
