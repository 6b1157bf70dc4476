//! Signing up, signing in, an invitation, another address.

use keyward_base::{Door, ErrorKind, Evidence as _, Method, Reason, Revision, Subject, Tenant};
use keyward_password::mail::{Ask, LinkKind, Message};
use keyward_password::{Credentials as _, Directory as _, reason};
use keyward_store::{Collection, Content, RecordKey, Records as _, Write};

use crate::world::{MINUTE, NEW, OLD, World, acme, chosen, email, token_of};

#[tokio::test]
async fn a_stranger_who_signed_up_first_keeps_no_way_in() {
    let world = World::new().await;
    let mut here = world.process().await;
    // The stranger asks with the other's address; nothing is there of it before the mailbox is proved.
    here.ask(Ask::SignUp, "ada@example.com").await.unwrap();
    let strangers = here.token(LinkKind::SignUp).await;
    assert!(world.rows("directory").await.is_empty());
    assert!(world.rows("credential/users").await.is_empty());
    here.ask(Ask::SignUp, "ada@example.com").await.unwrap();
    let own_link = here.token(LinkKind::SignUp).await;
    let made = here.sign_up(&own_link, NEW, "1");
    let made = made.await.unwrap();
    assert_eq!(
        (made.address.as_str(), made.organisation),
        ("ada@example.com", crate::world::own())
    );
    assert!(here.log_in("ada@example.com", NEW).await.is_some());
    // From a random one on, so that what was bound to an account that is gone is of no other.
    let loaded = here.rows.load(&made.account).await.unwrap().unwrap();
    assert_ne!(loaded.credential.revision(), Revision::FIRST);
    // The other link of the same mailbox makes no second account and sets no second password.
    let second = here.sign_up(&strangers, OLD, "2");
    assert_eq!(second.await.unwrap_err().reason(), Some(Reason::CONFLICT));
    let again = here.sign_up(&own_link, OLD, "3");
    assert_eq!(again.await.unwrap_err().reason(), Some(reason::SPENT));
    assert!(here.log_in("ada@example.com", OLD).await.is_none());
    assert_eq!(world.rows("credential/users").await.len(), 1);
}

#[tokio::test]
async fn a_subject_is_taken_once() {
    let world = World::new().await;
    let mut here = world.process().await;
    here.register("ada@example.com", "1").await;
    here.ask(Ask::SignUp, "eve@example.com").await.unwrap();
    let token = here.token(LinkKind::SignUp).await;
    let taken = here.sign_up(&token, NEW, "1");
    assert_eq!(taken.await.unwrap_err().kind(), ErrorKind::Misuse);
    assert!(here.log_in("ada@example.com", OLD).await.is_some());
    let made = here.sign_up(&token, NEW, "2");
    made.await.unwrap();
}

#[tokio::test]
async fn who_is_invited_joins_the_organisation_that_the_link_names() {
    let world = World::new().await;
    let mut here = world.process().await;
    here.mail
        .invite(&email("eve@example.com"), &acme())
        .await
        .unwrap();
    let token = here.token(LinkKind::Invite).await;
    assert_eq!(
        here.mail.look(&token).await.unwrap().organisation,
        Some(acme())
    );
    let made = here.sign_up(&token, NEW, "2");
    assert_eq!(made.await.unwrap().organisation, acme());
    let eve = email("eve@example.com");
    let found = here.directory.find(here.accounts.realm(), &eve);
    assert_eq!(found.await.unwrap().unwrap().organisation(), &acme());
    here.mail
        .invite(&email("eve@example.com"), &crate::world::own())
        .await
        .unwrap();
    assert!(matches!(
        here.letters().await[0].message,
        Message::AlreadyHere { .. }
    ));
}

#[tokio::test]
async fn strangers_who_use_up_an_address_keep_nobody_out() {
    let world = World::new().await;
    let mut here = world.process().await;
    here.register("ada@example.com", "1").await;
    // All that is mailed to her within the hour is what a stranger causes, who wants an account of it.
    for _ in 0..3 {
        here.ask(Ask::SignUp, "ada@example.com").await.unwrap();
    }
    here.ask(Ask::Reset, "ada@example.com").await.unwrap();
    let mut letters = here.letters().await;
    assert_eq!(letters.len(), 3);
    let Message::AlreadyHere { link, .. } = letters.remove(2).message else {
        panic!("another letter");
    };
    let looked = here.mail.look(link.expose()).await.unwrap();
    assert_eq!(looked.kind, LinkKind::Reset);
    let prepared = here.mail.reset(link.expose(), chosen(NEW).await).await;
    here.finish(prepared.unwrap()).await.unwrap();
    assert!(here.log_in("ada@example.com", NEW).await.is_some());
    assert!(here.log_in("ada@example.com", OLD).await.is_none());
}

#[tokio::test]
async fn a_sign_in_link_is_evidence_once_and_says_what_it_is() {
    let world = World::new().await;
    let mut here = world.process().await;
    let account = here.register("ada@example.com", "1").await;
    here.ask(Ask::SignIn, "ada@example.com").await.unwrap();
    let token = here.token(LinkKind::SignIn).await;
    here.pass(&world, MINUTE).await;
    let used = here.mail.sign_in(&token).await.unwrap();
    assert_eq!((used.tenant(), used.subject()), (&acme(), &account.subject));
    assert_eq!(
        (used.method(), used.door()),
        (Method::LINK, Door::new("users"))
    );
    assert_eq!(used.at(), crate::world::NOW.saturating_add(MINUTE));
    assert!(!used.is_factor_due());
    assert_eq!(used.account(), &account);
    let again = here.mail.sign_in(&token).await.unwrap_err();
    assert_eq!(again.reason(), Some(reason::SPENT));
    // Where a factor is due, the evidence says so.
    let evidence = here.log_in("ada@example.com", OLD).await.unwrap();
    here.accounts
        .set_factor(&email("ada@example.com"), evidence, true)
        .await
        .unwrap();
    here.letters().await;
    here.ask(Ask::SignIn, "ada@example.com").await.unwrap();
    let token = here.token(LinkKind::SignIn).await;
    assert!(here.mail.sign_in(&token).await.unwrap().is_factor_due());
}

#[tokio::test]
async fn purposes_do_not_cross() {
    let world = World::new().await;
    let mut here = world.process().await;
    here.register("ada@example.com", "1").await;
    here.ask(Ask::Reset, "ada@example.com").await.unwrap();
    let reset = here.token(LinkKind::Reset).await;
    here.ask(Ask::SignIn, "ada@example.com").await.unwrap();
    let sign_in = here.token(LinkKind::SignIn).await;
    here.ask(Ask::SignUp, "new@example.com").await.unwrap();
    let sign_up = here.token(LinkKind::SignUp).await;
    here.mail
        .invite(&email("inv@example.com"), &acme())
        .await
        .unwrap();
    let invite = here.token(LinkKind::Invite).await;
    let evidence = here.log_in("ada@example.com", OLD).await.unwrap();
    let (old, new) = (email("ada@example.com"), email("new-ada@example.com"));
    here.mail.change_email(&old, &new, evidence).await.unwrap();
    let moves = here.token(LinkKind::NewEmail).await;
    world.data.take_told();
    for (token, is) in [
        (&reset, 0),
        (&sign_in, 1),
        (&sign_up, 2),
        (&invite, 2),
        (&moves, 3),
    ] {
        let mut answers = Vec::new();
        if is != 0 {
            answers.push(here.mail.reset(token, chosen(NEW).await).await.unwrap_err());
        }
        if is != 1 {
            answers.push(here.mail.sign_in(token).await.unwrap_err());
        }
        if is != 2 {
            let made = here.sign_up(token, NEW, "9");
            answers.push(made.await.unwrap_err());
        }
        if is != 3 {
            answers.push(here.mail.confirm_email(token).await.unwrap_err());
        }
        for refused in answers {
            assert_eq!(refused.reason(), Some(reason::OTHER_LINK));
        }
    }
    assert_eq!(
        world.data.take_told(),
        Vec::<String>::new(),
        "and nothing is read for it"
    );
}

#[tokio::test]
async fn an_address_is_replaced_once_the_new_one_is_proved_and_the_old_one_is_told() {
    let world = World::new().await;
    world.tick();
    let mut here = world.process().await;
    let account = here.register("ada@example.com", "1").await;
    here.register("eve@example.com", "2").await;
    here.ask(Ask::Reset, "ada@example.com").await.unwrap();
    let reset = here.token(LinkKind::Reset).await;
    let (old, new) = (email("ada@example.com"), email("lovelace@example.com"));
    let evidence = here.log_in("ada@example.com", OLD).await.unwrap();
    here.mail.change_email(&old, &new, evidence).await.unwrap();
    let letters = here.letters().await;
    assert_eq!(letters[0].to, new);
    let token = token_of(&letters[0], LinkKind::NewEmail);
    let looked = here.mail.look(&token).await.unwrap();
    assert_eq!(looked.address, new);
    assert!(
        here.log_in("ada@example.com", OLD).await.is_some(),
        "nothing changed yet"
    );

    let changed = here.mail.confirm_email(&token).await.unwrap();
    assert_eq!(
        (changed.account, &changed.old, &changed.new),
        (account, &old, &new)
    );
    let told = here.letters().await;
    assert_eq!((told.len(), &told[0].to), (1, &old));
    assert!(matches!(told[0].message, Message::EmailChanged { .. }));
    assert!(here.log_in("ada@example.com", OLD).await.is_none());
    assert!(here.log_in("lovelace@example.com", OLD).await.is_some());
    // The link is used, and what was mailed to the old address is void.
    assert_eq!(world.rows("mail").await.len(), 1, "the reset's alone");
    let again = here.mail.confirm_email(&token).await.unwrap_err();
    assert_eq!(again.reason(), Some(reason::SPENT));
    let void = here
        .mail
        .reset(&reset, chosen(NEW).await)
        .await
        .unwrap_err();
    assert_eq!(void.reason(), Some(reason::SPENT));
    // One that is another's is not told to who asks.
    let evidence = here.log_in("lovelace@example.com", OLD).await.unwrap();
    here.mail
        .change_email(&new, &email("eve@example.com"), evidence)
        .await
        .unwrap();
    let letters = here.letters().await;
    assert_eq!(letters[0].to, email("eve@example.com"));
    assert!(matches!(letters[0].message, Message::AlreadyHere { .. }));
}

#[tokio::test]
async fn a_new_address_that_became_anothers_meanwhile_is_refused() {
    let world = World::new().await;
    let mut here = world.process().await;
    here.register("ada@example.com", "1").await;
    let (old, new) = (email("ada@example.com"), email("both@example.com"));
    let evidence = here.log_in("ada@example.com", OLD).await.unwrap();
    here.mail.change_email(&old, &new, evidence).await.unwrap();
    let token = here.token(LinkKind::NewEmail).await;
    here.register("both@example.com", "2").await;
    let refused = here.mail.confirm_email(&token).await.unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::CONFLICT));
    assert!(here.log_in("ada@example.com", OLD).await.is_some());
}

#[tokio::test]
async fn what_the_application_writes_of_an_account_is_written_with_it_or_not_at_all() {
    let world = World::new().await;
    let mut here = world.process().await;
    let belongs = |id: &str| Write::Insert {
        key: RecordKey {
            collection: Collection::named("people"),
            owner: crate::world::own().as_str().to_owned(),
            id: id.to_owned(),
        },
        content: Content::default(),
    };
    let own = crate::world::own();
    here.ask(Ask::SignUp, "ada@example.com").await.unwrap();
    let token = here.token(LinkKind::SignUp).await;
    let _ = world.data.apply(vec![belongs("taken")]).await.unwrap();
    for (id, made) in [("taken", false), ("1", true), ("2", false)] {
        let (subject, password) = (Subject::new(id).unwrap(), chosen(NEW).await);
        let more = |tenant: &Tenant| {
            assert_eq!(*tenant, own);
            Ok(vec![belongs(id)])
        };
        let signed_up = here
            .mail
            .sign_up_with(&token, password, &subject, &own, more);
        assert_eq!(signed_up.await.is_ok(), made, "{id}");
        // His own, and what was there before.
        let rows = world.rows("directory").await.len();
        assert_eq!(rows, usize::from(id != "taken"), "{id}");
        assert_eq!(world.rows("credential/users").await.len(), rows);
        assert_eq!(world.rows("people").await.len(), 1 + rows, "{id}");
    }
}
