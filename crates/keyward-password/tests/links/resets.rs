//! A password set anew by a mailed link.

use std::time::Duration;

use keyward_base::{ErrorKind, Reason};
use keyward_password::mail::{Ask, LinkKind, Message};
use keyward_password::{Credentials as _, Status, reason};

use crate::world::{Ended, MINUTE, NEW, OLD, World, chosen, email};

#[tokio::test]
async fn a_reset_ends_the_old_password_at_once_and_lets_the_new_one_in_at_the_commit() {
    let world = World::new().await;
    let mut here = world.process().await;
    let account = here.register("ada@example.com", "1").await;
    here.ask(Ask::Reset, "ada@example.com").await.unwrap();
    let token = here.token(LinkKind::Reset).await;
    let before = here.rows.load(&account).await.unwrap().unwrap().credential;
    let prepared = here.mail.reset(&token, chosen(NEW).await).await.unwrap();
    assert_eq!(here.status(&account).await, Status::Changing);
    for typed in [OLD, NEW] {
        assert!(
            here.log_in("ada@example.com", typed).await.is_none(),
            "neither"
        );
    }
    assert!(here.letters().await.is_empty());
    let changed = here.finish(prepared).await.unwrap();
    assert!(changed.revision > before.revision());
    assert_eq!(here.status(&account).await, Status::Active);
    assert!(here.log_in("ada@example.com", OLD).await.is_none());
    assert!(here.log_in("ada@example.com", NEW).await.is_some());
    let told = here.letters().await;
    assert_eq!((told.len(), &told[0].to), (1, &email("ada@example.com")));
    assert!(matches!(told[0].message, Message::PasswordChanged { .. }));
    let again = here
        .mail
        .reset(&token, chosen(OLD).await)
        .await
        .unwrap_err();
    assert_eq!(again.reason(), Some(reason::SPENT));
    assert!(world.rows("mail").await.is_empty());
}

#[tokio::test]
async fn any_change_of_password_address_factor_or_status_voids_the_rest() {
    let ada = || email("ada@example.com");
    for change in 0..5 {
        let world = World::new().await;
        let mut here = world.process().await;
        here.register("ada@example.com", "1").await;
        let mut tokens = Vec::new();
        for what in [Ask::Reset, Ask::SignIn] {
            here.ask(what, "ada@example.com").await.unwrap();
            let kind = [LinkKind::Reset, LinkKind::SignIn][tokens.len()];
            tokens.push(here.token(kind).await);
        }
        let (other, evidence) = (
            email("other@example.com"),
            here.log_in("ada@example.com", OLD).await.unwrap(),
        );
        here.mail
            .change_email(&ada(), &other, evidence)
            .await
            .unwrap();
        let moves = here.token(LinkKind::NewEmail).await;
        let log_in =
            async |here: &crate::world::Process| here.log_in("ada@example.com", OLD).await.unwrap();
        match change {
            0 => {
                let evidence = log_in(&here).await;
                let prepared = here.change("ada@example.com", evidence, NEW);
                here.finish(prepared.await.unwrap()).await.unwrap();
            }
            1 => {
                let (new, evidence) = (email("new@example.com"), log_in(&here).await);
                here.mail
                    .change_email(&ada(), &new, evidence)
                    .await
                    .unwrap();
                let token = here.token(LinkKind::NewEmail).await;
                here.mail.confirm_email(&token).await.unwrap();
            }
            2 => {
                let evidence = log_in(&here).await;
                here.accounts
                    .set_factor(&ada(), evidence, true)
                    .await
                    .unwrap();
            }
            3 => drop(here.accounts.disable(&ada()).await.unwrap()),
            _ => {
                drop(here.accounts.disable(&ada()).await.unwrap());
                here.accounts.enable(&ada()).await.unwrap();
            }
        }
        let reset = here
            .mail
            .reset(&tokens[0], chosen(NEW).await)
            .await
            .unwrap_err();
        let sign_in = here.mail.sign_in(&tokens[1]).await.unwrap_err();
        let moved = here.mail.confirm_email(&moves).await.unwrap_err();
        for refused in [reset, sign_in, moved] {
            assert_eq!(refused.kind(), ErrorKind::Rejected, "{change}");
            assert_eq!(refused.reason(), Some(reason::SPENT), "{change}");
        }
    }
}

#[tokio::test]
async fn upgrades_and_rotations_void_nothing() {
    let world = World::new().await;
    let mut here = world.process().await;
    let account = here.register("ada@example.com", "1").await;
    here.ask(Ask::Reset, "ada@example.com").await.unwrap();
    let token = here.token(LinkKind::Reset).await;
    // As an upgrade does: another string, the same revision.
    let loaded = here.rows.load(&account).await.unwrap().unwrap();
    let revision = loaded.credential.revision();
    let _ = here
        .rows
        .swap(&account, loaded.version, &loaded.credential)
        .await
        .unwrap();
    for purpose in ["login", "mail"] {
        let purpose = crate::world::purpose(purpose);
        here.ring.admin().rotate(&purpose).await.unwrap();
        here.ring.admin().promote_ready().await.unwrap();
    }
    let prepared = here.mail.reset(&token, chosen(NEW).await).await.unwrap();
    let changed = here.finish(prepared).await.unwrap();
    assert_eq!(changed.revision, revision.next().unwrap());
    assert!(here.log_in("ada@example.com", NEW).await.is_some());
}

#[tokio::test]
async fn a_link_expires_by_the_clock_without_grace() {
    let world = World::new().await;
    let mut here = world.process().await;
    here.register("ada@example.com", "1").await;
    here.ask(Ask::Reset, "ada@example.com").await.unwrap();
    let token = here.token(LinkKind::Reset).await;
    here.pass(&world, 30 * MINUTE - Duration::from_millis(1))
        .await;
    assert!(here.mail.look(&token).await.is_ok());
    here.pass(&world, Duration::from_millis(1)).await;
    for refused in [
        here.mail.look(&token).await.unwrap_err(),
        here.mail
            .reset(&token, chosen(NEW).await)
            .await
            .unwrap_err(),
    ] {
        assert_eq!(refused.reason(), Some(Reason::EXPIRED));
    }
    // A clock that was set back behind the link is not relied on.
    world.clock.set(crate::world::NOW.saturating_add(MINUTE));
    here.ring.refresh().await.unwrap();
    assert!(here.mail.look(&token).await.is_ok(), "within its life");
    let earlier = keyward_base::Timestamp::from_millis(crate::world::NOW.as_millis() - 1);
    world.clock.set(earlier);
    here.ring.refresh().await.unwrap();
    let refused = here
        .mail
        .reset(&token, chosen(NEW).await)
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert!(here.log_in("ada@example.com", OLD).await.is_some());
}

#[tokio::test]
async fn a_change_that_was_cut_short_is_finished_by_its_link_or_a_new_one() {
    let world = World::new().await;
    world.tick();
    let mut here = world.process().await;
    let account = here.register("ada@example.com", "1").await;
    here.ask(Ask::Reset, "ada@example.com").await.unwrap();
    let token = here.token(LinkKind::Reset).await;
    here.ask(Ask::Reset, "ada@example.com").await.unwrap();
    let other = here.token(LinkKind::Reset).await;
    let lost = here
        .mail
        .reset(&token, chosen("a password that got lost").await)
        .await
        .unwrap();
    // The other one is void, and the one in use goes on.
    let void = here
        .mail
        .reset(&other, chosen(NEW).await)
        .await
        .unwrap_err();
    assert_eq!(void.reason(), Some(reason::SPENT));
    assert!(here.mail.look(&token).await.is_ok());
    let prepared = here.mail.reset(&token, chosen(NEW).await).await.unwrap();
    let late = here.finish(lost).await.unwrap_err();
    assert_eq!(late.reason(), Some(Reason::CONFLICT));
    assert_eq!(here.status(&account).await, Status::Changing);
    here.finish(prepared).await.unwrap();
    assert!(here.log_in("ada@example.com", NEW).await.is_some());
    here.letters().await;

    // Begun by who was signed in, and cut short: a new link.
    let evidence = here.log_in("ada@example.com", NEW).await.unwrap();
    let lost = here.change("ada@example.com", evidence, OLD);
    drop(lost.await.unwrap());
    assert!(here.log_in("ada@example.com", NEW).await.is_none());
    here.ask(Ask::Reset, "ada@example.com").await.unwrap();
    let token = here.token(LinkKind::Reset).await;
    let prepared = here.mail.reset(&token, chosen(OLD).await).await.unwrap();
    here.finish(prepared).await.unwrap();
    assert!(here.log_in("ada@example.com", OLD).await.is_some());
}

#[tokio::test]
async fn a_commit_takes_the_end_of_his_sessions_after_the_old_password_had() {
    let world = World::new().await;
    let mut here = world.process().await;
    here.register("ada@example.com", "1").await;
    here.ask(Ask::Reset, "ada@example.com").await.unwrap();
    let token = here.token(LinkKind::Reset).await;
    here.pass(&world, MINUTE).await;
    for wrong in 0..3 {
        let prepared = here.mail.reset(&token, chosen(NEW).await).await.unwrap();
        let mut ended = Ended::of(&prepared);
        match wrong {
            0 => ended.tenant = here.accounts.realm().tenant.clone(),
            1 => ended.subject = keyward_base::Subject::new("2").unwrap(),
            _ => ended.at = keyward_base::Timestamp::from_millis(prepared.at().as_millis() - 1),
        }
        let refused = here.accounts.commit(prepared, ended).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Misuse, "{wrong}");
        assert!(here.log_in("ada@example.com", NEW).await.is_none());
    }
    let prepared = here.mail.reset(&token, chosen(NEW).await).await.unwrap();
    here.finish(prepared).await.unwrap();
}

#[tokio::test]
async fn an_account_that_is_disabled_while_it_changes_has_no_password_when_it_is_enabled() {
    let world = World::new().await;
    let mut here = world.process().await;
    let account = here.register("ada@example.com", "1").await;
    let ada = email("ada@example.com");
    let evidence = here.log_in("ada@example.com", OLD).await.unwrap();
    let prepared = here.change("ada@example.com", evidence, NEW).await.unwrap();
    // It is not disabled: enabling it commits nothing.
    here.accounts.enable(&ada).await.unwrap();
    assert!(here.log_in("ada@example.com", NEW).await.is_none());
    assert_eq!(here.status(&account).await, Status::Changing);
    let due = here.accounts.disable(&ada).await.unwrap();
    assert_eq!(due.subject.as_str(), "1");
    assert_eq!(
        here.finish(prepared).await.unwrap_err().reason(),
        Some(Reason::CONFLICT)
    );
    here.accounts.enable(&ada).await.unwrap();
    for typed in [OLD, NEW] {
        assert!(here.log_in("ada@example.com", typed).await.is_none());
    }
    here.ask(Ask::Reset, "ada@example.com").await.unwrap();
    let token = here.token(LinkKind::Reset).await;
    let prepared = here.mail.reset(&token, chosen(NEW).await).await.unwrap();
    here.finish(prepared).await.unwrap();
    assert!(here.log_in("ada@example.com", NEW).await.is_some());
}
