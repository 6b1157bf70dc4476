//! What is mailed, to whom, and how much.

use std::time::Duration;

use keyward_base::audit::Outcome;
use keyward_base::{AddressPrefix, ErrorKind, Retry, Tenant};
use keyward_password::mail::{Ask, LinkKind, MailPolicy, Message};
use keyward_password::{Identifier, reason};

use crate::world::{MINUTE, NOW, World, acme, chosen, email, purpose, realm, token_of};

#[tokio::test]
async fn what_is_mailed_fits_the_account() {
    let world = World::new().await;
    let mut here = world.process().await;
    here.register("ada@example.com", "1").await;
    here.register("off@example.com", "2").await;
    let _ = here
        .accounts
        .disable(&email("off@example.com"))
        .await
        .unwrap();
    for (what, address, fits) in [
        (Ask::Reset, "ADA@example.com", Some(LinkKind::Reset)),
        (Ask::SignIn, "ada@example.com", Some(LinkKind::SignIn)),
        (Ask::SignUp, "new@example.com", Some(LinkKind::SignUp)),
        (Ask::Reset, "nobody@example.com", None),
        (Ask::SignIn, "nobody@example.com", None),
        (Ask::SignUp, "ada@example.com", None),
        (Ask::Reset, "off@example.com", None),
        (Ask::SignIn, "off@example.com", None),
    ] {
        here.ask(what, address).await.unwrap();
        let letters = here.letters().await;
        assert_eq!(letters.len(), 1);
        assert_eq!(letters[0].to, email(address), "to the canonical form");
        match (&letters[0].message, fits) {
            (Message::Link { kind, .. }, Some(fits)) => assert_eq!(*kind, fits),
            (Message::NoAccount, None) => assert!(address.starts_with("nobody")),
            (Message::AlreadyHere { .. }, None) => assert_eq!(what, Ask::SignUp),
            (Message::Disabled, None) => assert!(address.starts_with("off")),
            other => panic!("{what:?} {address}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn looking_uses_nothing_up_and_names_the_account() {
    let world = World::new().await;
    let mut here = world.process().await;
    here.register("ada@example.com", "1").await;
    here.ask(Ask::Reset, "Ada@Example.com").await.unwrap();
    let token = here.token(LinkKind::Reset).await;
    let before = world.rows("mail").await;
    for _ in 0..3 {
        let looked = here.mail.look(&token).await.unwrap();
        assert_eq!(looked.kind, LinkKind::Reset);
        assert_eq!(looked.address.as_str(), "ada@example.com");
        assert_eq!(looked.organisation, Some(acme()));
        assert_eq!(looked.expires, NOW.saturating_add(30 * MINUTE));
    }
    assert_eq!(world.rows("mail").await, before);
    let prepared = here.mail.reset(&token, chosen("another four words").await);
    here.finish(prepared.await.unwrap()).await.unwrap();
    let spent = here.mail.look(&token).await.unwrap_err();
    assert_eq!(spent.reason(), Some(reason::SPENT));
}

#[tokio::test]
async fn three_an_hour_go_to_an_address_of_all_kinds_together() {
    let world = World::new().await;
    let mut here = world.process().await;
    here.register("ada@example.com", "1").await;
    for address in ["ada@example.com", "nobody@example.com"] {
        for (what, typed) in [
            (Ask::Reset, address.to_owned()),
            (Ask::SignIn, address.to_uppercase()),
            (Ask::SignUp, address.to_owned()),
            (Ask::Reset, address.to_owned()),
        ] {
            here.ask(what, &typed).await.unwrap();
        }
        here.mail.invite(&email(address), &acme()).await.unwrap();
        assert_eq!(here.letters().await.len(), 3, "{address}");
        let withheld = world.audit.take().into_iter();
        let withheld = withheld.filter(|event| event.action == "mail.withhold");
        let capped = Outcome::Failed(ErrorKind::Rejected, Some(reason::CAPPED));
        assert!(withheld.map(|event| event.outcome).eq([capped, capped]));
    }
    // Another mailbox is not concerned, and one more goes when the first leaves the window.
    here.ask(Ask::Reset, "other@example.com").await.unwrap();
    assert_eq!(here.letters().await.len(), 1);
    here.pass(&world, 60 * MINUTE - Duration::from_millis(1))
        .await;
    here.ask(Ask::Reset, "ada@example.com").await.unwrap();
    assert_eq!(here.letters().await.len(), 0);
    here.pass(&world, Duration::from_millis(1)).await;
    here.ask(Ask::Reset, "ada@example.com").await.unwrap();
    assert_eq!(here.letters().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cap_is_exact_under_many_at_once_and_through_a_rotation() {
    let world = World::new().await;
    let (mut here, mut there) = (world.process().await, world.process().await);
    let mut tasks = tokio::task::JoinSet::new();
    let asked = std::net::Ipv4Addr::new(10, 200, 0, 0).to_bits();
    for task in 0..64_u32 {
        let mail = if task % 2 == 0 { &here } else { &there }.mail.clone();
        let from = AddressPrefix::of(std::net::Ipv4Addr::from(asked + task).into());
        tasks.spawn(async move {
            let what = [Ask::Reset, Ask::SignIn, Ask::SignUp][task as usize % 3];
            mail.ask(what, &email("ada@example.com"), from)
                .await
                .unwrap();
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(
        here.courier.run_once().await + there.courier.run_once().await,
        3
    );
    // A new key is no new count.
    let admin = here.ring.admin();
    admin.rotate(&purpose("login")).await.unwrap();
    admin.promote_ready().await.unwrap();
    here.ask(Ask::Reset, "ada@example.com").await.unwrap();
    there.ask(Ask::Reset, "ada@example.com").await.unwrap();
    assert_eq!(
        here.courier.run_once().await + there.courier.run_once().await,
        0
    );
}

#[tokio::test]
async fn who_asks_too_much_is_told_so_whoever_he_asks_for() {
    let world = World::new().await;
    let policy = MailPolicy::default().per_prefix(2).unwrap();
    let mut here = world.process_of(&realm(), policy).await;
    here.register("ada@example.com", "1").await;
    let ask = async |from: &str, address: &str| {
        let from = AddressPrefix::of(from.parse().unwrap());
        here.mail.ask(Ask::Reset, &email(address), from).await
    };
    ask("2001:db8::1", "a@example.com").await.unwrap();
    ask("2001:db8::2", "b@example.com").await.unwrap();
    for address in ["ada@example.com", "nobody@example.com"] {
        let refused = ask("2001:db8::3", address).await.unwrap_err();
        assert_eq!(refused.reason(), Some(reason::LIMITED));
        let at = NOW.saturating_add(60 * MINUTE);
        assert_eq!(refused.retry_when(), Some(Retry::At(at)));
    }
    ask("2001:db8:0:1::1", "ada@example.com").await.unwrap();
    assert_eq!(here.letters().await.len(), 3);
    // What was refused counted for nobody's mailbox.
    here.ask(Ask::Reset, "ada@example.com").await.unwrap();
    here.ask(Ask::Reset, "ada@example.com").await.unwrap();
    assert_eq!(here.letters().await.len(), 2);
}

#[tokio::test]
async fn a_new_link_voids_no_earlier_one() {
    let world = World::new().await;
    let mut here = world.process().await;
    here.register("ada@example.com", "1").await;
    here.ask(Ask::Reset, "ada@example.com").await.unwrap();
    let first = here.token(LinkKind::Reset).await;
    here.ask(Ask::Reset, "ada@example.com").await.unwrap();
    here.ask(Ask::SignIn, "ada@example.com").await.unwrap();
    here.letters().await;
    assert!(here.mail.look(&first).await.is_ok());
}

#[tokio::test]
async fn an_operator_hears_of_letters_that_are_lost_and_who_asks_does_not() {
    let world = World::new().await;
    let mut here = world.process().await;
    here.ask(Ask::SignUp, "lost@example.com").await.unwrap();
    assert_eq!(here.letters().await.len(), 0);
    let last = world.audit.last().unwrap();
    assert_eq!(last.action, "mail.send");
    assert_eq!(last.outcome, Outcome::Failed(ErrorKind::Unavailable, None));
    // The queue holds 256.
    for n in 0..260 {
        here.ask(Ask::SignUp, &format!("n{n}@example.com"))
            .await
            .unwrap();
    }
    assert_eq!(here.outbox.dropped(), 4);
    assert_eq!(here.letters().await.len(), 256);
}

#[tokio::test]
async fn what_expired_is_swept() {
    let world = World::new().await;
    let mut here = world.process().await;
    here.ask(Ask::SignUp, "new@example.com").await.unwrap();
    let token = here.token(LinkKind::SignUp).await;
    assert_eq!(here.mail.sweep(100).await.unwrap(), 0);
    assert!(here.mail.look(&token).await.is_ok());
    here.pass(&world, 60 * MINUTE).await;
    assert_eq!(
        here.mail.sweep(100).await.unwrap(),
        3,
        "the link and two counts"
    );
    assert!(world.rows("mail").await.is_empty());
}

#[tokio::test]
async fn a_link_lives_ten_to_sixty_minutes() {
    let policy = MailPolicy::default();
    for minutes in [0, 9, 61, 1_440] {
        let refused = policy.life(LinkKind::SignIn, minutes * MINUTE).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Misuse);
    }
    assert!(policy.life(LinkKind::SignIn, 10 * MINUTE).is_ok());
    for kind in [
        LinkKind::Invite,
        LinkKind::NewEmail,
        LinkKind::Reset,
        LinkKind::SignIn,
        LinkKind::SignUp,
    ] {
        assert!((15 * MINUTE..=60 * MINUTE).contains(&policy.life_of(kind)));
    }
}

#[tokio::test]
async fn the_page_of_a_link_is_the_services_own() {
    let world = World::new().await;
    let mut here = world.process().await;
    here.ask(Ask::SignUp, "new@example.com").await.unwrap();
    let letters = here.letters().await;
    let token = token_of(&letters[0], LinkKind::SignUp);
    let Message::Link { link, .. } = &letters[0].message else {
        panic!();
    };
    use secrecy::ExposeSecret as _;
    for page in [
        "https://app.example/password",
        "http://127.0.0.1:8080/password",
        "http://localhost/p",
    ] {
        let url = link.on(page).unwrap();
        assert_eq!(url.expose_secret(), format!("{page}?token={token}"));
    }
    for page in [
        "http://app.example/p",
        "http://localhost.example/p",
        "http://localhost:x@a.example/p",
        "/password",
        "https://a.example/?x=1",
        "https://a.example/ b",
    ] {
        assert_eq!(
            link.on(page).unwrap_err().kind(),
            ErrorKind::Misuse,
            "{page}"
        );
    }
    assert!(!format!("{letters:?}").contains(&token[4..20]));
    let typed = Identifier::email("new@example.com").unwrap();
    assert!(!format!("{letters:?}").contains(typed.as_str()));
}

#[tokio::test]
async fn a_mailer_that_panics_loses_its_letter_and_no_other() {
    let world = World::new().await;
    let mut here = world.process().await;
    for address in ["panics@example.com", "new@example.com"] {
        here.ask(Ask::SignUp, address).await.unwrap();
    }
    let letters = here.letters().await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].to, email("new@example.com"));
    let sent = world.audit.take().into_iter();
    let sent = sent.filter(|event| event.action == "mail.send");
    let lost = Outcome::Failed(ErrorKind::Unavailable, None);
    assert!(sent.map(|event| event.outcome).eq([lost, Outcome::Done]));
}

#[tokio::test]
async fn who_invites_or_moves_asks_no_more_than_a_stranger_may() {
    let world = World::new().await;
    let policy = MailPolicy::default().per_prefix(2).unwrap();
    let mut here = world.process_of(&realm(), policy).await;
    here.register("ada@example.com", "1").await;
    here.register("eve@example.com", "2").await;
    let (ada, own) = (email("ada@example.com"), crate::world::own());
    let invite = async |n: usize, to: &Tenant| {
        let address = email(&format!("n{n}@example.com"));
        here.mail.invite(&address, to).await
    };
    let moves = async |n: usize| {
        let new = email(&format!("m{n}@example.com"));
        let evidence = here.log_in("ada@example.com", crate::world::OLD).await;
        here.mail.change_email(&ada, &new, evidence.unwrap()).await
    };
    for n in 0..2 {
        invite(n, &acme()).await.unwrap();
        moves(n).await.unwrap();
    }
    let refused = [
        invite(2, &acme()).await.unwrap_err(),
        moves(2).await.unwrap_err(),
    ];
    for refused in refused {
        assert_eq!(refused.reason(), Some(reason::LIMITED));
        let at = NOW.saturating_add(60 * MINUTE);
        assert_eq!(refused.retry_when(), Some(Retry::At(at)));
    }
    // Nobody else is concerned.
    invite(3, &own).await.unwrap();
    let eve = here.log_in("eve@example.com", crate::world::OLD).await;
    let (from, to) = (email("eve@example.com"), email("eve-new@example.com"));
    here.mail
        .change_email(&from, &to, eve.unwrap())
        .await
        .unwrap();
    here.ask(Ask::Reset, "ada@example.com").await.unwrap();
    assert_eq!(here.letters().await.len(), 7);
}
