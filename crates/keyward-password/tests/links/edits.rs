//! A link whose account, keys or moment are others than when it was mailed.

use std::sync::{Arc, Mutex};

use keyward_base::{ErrorKind, Evidence as _, Subject, Timestamp};
use keyward_password::mail::{Ask, LinkKind, MailPolicy, reread_body};
use keyward_password::{Credentials as _, Directory as _, Mail, Status, Swapped, reason};

use crate::world::{MINUTE, NEW, OLD, World, acme, chosen, email, own, purpose, realm};

#[tokio::test]
async fn a_link_is_of_one_account_of_one_organisation_in_one_status() {
    for edit in 0..3 {
        let world = World::new().await;
        let mut here = world.process().await;
        let ada = here.register("ada@example.com", "1").await;
        here.ask(Ask::Reset, "ada@example.com").await.unwrap();
        let token = here.token(LinkKind::Reset).await;
        let loaded = here.rows.load(&ada).await.unwrap().unwrap();
        let (revision, changed) = (loaded.credential.revision(), loaded.credential.changed());
        let address = email("ada@example.com");
        if edit == 2 {
            // Another status, and yet the same revision.
            let disabled = loaded.credential.status(Status::Disabled);
            let swapped = here.rows.swap(&ada, loaded.version, &disabled).await;
            assert!(matches!(swapped.unwrap(), Swapped::Done(_)));
        } else {
            let entry = here.directory.find(&realm(), &address).await.unwrap();
            let left = here.directory.remove(&realm(), &entry.unwrap()).await;
            assert!(left.unwrap());
            let (subject, organisation) = if edit == 0 {
                // Somebody else's from now on, whose revision happens to be the same.
                let eve = here.register("eve@example.com", "2").await;
                let of_eve = here.rows.load(&eve).await.unwrap().unwrap();
                let same = of_eve.credential.at_revision(revision, changed);
                let swapped = here.rows.swap(&eve, of_eve.version, &same).await;
                assert!(matches!(swapped.unwrap(), Swapped::Done(_)));
                (eve.subject, acme())
            } else {
                (ada.subject.clone(), own())
            };
            let realm = realm();
            let made = here
                .directory
                .insert(&realm, &address, &subject, &organisation);
            assert!(made.await.unwrap());
        }
        for refused in [
            here.mail.look(&token).await.unwrap_err(),
            here.mail
                .reset(&token, chosen(NEW).await)
                .await
                .unwrap_err(),
        ] {
            assert_eq!(refused.reason(), Some(reason::SPENT), "{edit}");
        }
    }
}

#[tokio::test]
async fn a_link_that_goes_on_lives_no_longer_and_holds_both_of_its_keys() {
    let world = World::new().await;
    let mut here = world.process().await;
    here.register("ada@example.com", "1").await;
    here.ask(Ask::Reset, "ada@example.com").await.unwrap();
    let token = here.token(LinkKind::Reset).await;
    let tag = |key: keyward_base::KeyId| keyward_base::key_tag::key_tag(key);
    let first = here.ring.mac(&purpose("mail")).unwrap().id();
    let before = world.rows("mail").await.remove(0).content;
    assert_eq!(
        (&before.mac_key, &before.token_key),
        (&tag(first), &tag(first))
    );
    here.ring.admin().rotate(&purpose("mail")).await.unwrap();
    here.ring.admin().promote_ready().await.unwrap();
    here.pass(&world, MINUTE).await;
    let expires = here.mail.look(&token).await.unwrap().expires;
    drop(here.mail.reset(&token, chosen(NEW).await).await.unwrap());
    assert_eq!(here.mail.look(&token).await.unwrap().expires, expires);
    let second = here.ring.mac(&purpose("mail")).unwrap().id();
    let after = world.rows("mail").await.remove(0).content;
    assert_ne!(first, second);
    assert_eq!(
        (&after.mac_key, &after.token_key),
        (&tag(second), &tag(first))
    );
    assert_eq!(after.expires, before.expires);
}

/// What happens to the account after the evidence's moment is not known to it: so that moment comes
/// before the link's row is read.
#[tokio::test]
async fn the_evidence_of_a_link_is_of_before_its_row_was_read() {
    let world = World::new().await;
    world.tick();
    let mut here = world.process().await;
    here.register("ada@example.com", "1").await;
    let mut sign_in = async |act: Option<usize>| {
        here.ask(Ask::SignIn, "ada@example.com").await.unwrap();
        let token = here.token(LinkKind::SignIn).await;
        let seen: Arc<Mutex<Option<Timestamp>>> = Arc::default();
        world.data.take_told();
        if let Some(act) = act {
            let (seen, clock) = (seen.clone(), world.clock.clone());
            let note = Box::new(move || -> keyward_base::BoxFuture<'static, ()> {
                Box::pin(async move {
                    *seen.lock().unwrap() = Some(keyward_base::Clock::now(&*clock).unwrap());
                })
            });
            world.data.act_before(act, note);
        }
        let used = here.mail.sign_in(&token).await.unwrap();
        let at = *seen.lock().unwrap();
        (used.at(), at, world.data.take_told())
    };
    let (_, _, calls) = sign_in(None).await;
    let read = calls.iter().position(|call| call == "fetch mail").unwrap();
    let (at, before_it, _) = sign_in(Some(read)).await;
    assert!(at < before_it.unwrap());
}

#[tokio::test]
async fn a_new_key_is_no_new_count_of_who_asks() {
    let world = World::new().await;
    let policy = MailPolicy::default();
    let here = world
        .process_of(&realm(), policy.per_prefix(2).unwrap())
        .await;
    let from = keyward_base::AddressPrefix::of(std::net::Ipv4Addr::LOCALHOST.into());
    let ask = async |n: usize| {
        let address = email(&format!("n{n}@example.com"));
        here.mail.ask(Ask::SignUp, &address, from).await
    };
    ask(0).await.unwrap();
    ask(1).await.unwrap();
    here.ring.admin().rotate(&purpose("login")).await.unwrap();
    here.ring.admin().promote_ready().await.unwrap();
    let refused = ask(2).await.unwrap_err();
    assert_eq!(refused.reason(), Some(reason::LIMITED));
}

#[test]
fn a_body_has_one_form() {
    let body = |address: &str, last: u8| {
        let mut out = vec![0; 9];
        for text in [address, "", "", ""] {
            out.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
            out.extend(text.as_bytes());
        }
        out.resize(800, 0);
        out[799] = last;
        out
    };
    let good = body("ada@example.com", 0);
    assert_eq!(reread_body(&good).unwrap(), good);
    for wrong in [
        body("ada@example.com", 1),
        body("Ada@example.com", 0),
        body(" ada@example.com", 0),
        good[..799].to_vec(),
        [&good[..], &[0]].concat(),
    ] {
        assert_eq!(reread_body(&wrong).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}

#[tokio::test]
async fn who_is_somebody_else_by_now_is_not_let_in_by_what_was_put_back() {
    let world = World::new().await;
    let mut here = world.process().await;
    here.register("ada@example.com", "1").await;
    here.ask(Ask::Reset, "ada@example.com").await.unwrap();
    let token = here.token(LinkKind::Reset).await;
    let row = world.rows("mail").await.remove(0);
    let prepared = here.mail.reset(&token, chosen(NEW).await).await.unwrap();
    here.finish(prepared).await.unwrap();
    // The link as it was, and as it was while it changed: its revision has passed.
    let put_back = keyward_store::Write::Insert {
        key: row.key.clone(),
        content: row.content.clone(),
    };
    use keyward_store::Records as _;
    let _ = world.data.apply(vec![put_back]).await.unwrap();
    let refused = here.mail.reset(&token, chosen(OLD).await).await;
    assert_eq!(refused.unwrap_err().reason(), Some(reason::SPENT));
    assert!(here.log_in("ada@example.com", NEW).await.is_some());
    // One that signed up makes no second account while the address is somebody's.
    here.ask(Ask::SignUp, "new@example.com").await.unwrap();
    here.letters().await;
    here.ask(Ask::SignUp, "new@example.com").await.unwrap();
    let token = here.token(LinkKind::SignUp).await;
    let rows = world.rows("mail").await;
    here.sign_up(&token, OLD, "2").await.unwrap();
    for row in rows {
        let write = keyward_store::Write::Insert {
            key: row.key,
            content: row.content,
        };
        let _ = world.data.apply(vec![write]).await.unwrap();
    }
    let again = here.sign_up(&token, NEW, "3").await.unwrap_err();
    assert_eq!(again.reason(), Some(keyward_base::Reason::CONFLICT));
    let two = Subject::new("3").unwrap();
    assert!(
        here.rows
            .load(&realm().account(two))
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn a_sign_in_that_meets_a_change_at_any_step_is_refused() {
    for step in 0.. {
        let world = World::new().await;
        world.tick();
        let mut here = world.process().await;
        let other = world.process().await;
        here.register("ada@example.com", "1").await;
        here.ask(Ask::SignIn, "ada@example.com").await.unwrap();
        let token = here.token(LinkKind::SignIn).await;
        let act = Box::new(move || -> keyward_base::BoxFuture<'static, ()> {
            Box::pin(async move {
                let ada = email("ada@example.com");
                drop(other.accounts.disable(&ada).await.unwrap());
            })
        });
        world.data.act_before(step, act);
        let used = here.mail.sign_in(&token).await;
        if world.data.take_act() {
            assert!(step > 3);
            break;
        }
        assert_eq!(used.unwrap_err().reason(), Some(reason::SPENT), "{step}");
    }
}

#[tokio::test]
async fn what_was_prepared_is_of_after_the_old_password_had_ended() {
    let world = World::new().await;
    world.tick();
    let mut here = world.process().await;
    here.register("ada@example.com", "1").await;
    here.ask(Ask::Reset, "ada@example.com").await.unwrap();
    let token = here.token(LinkKind::Reset).await;
    world.data.take_told();
    drop(here.mail.reset(&token, chosen(NEW).await).await.unwrap());
    let calls = world.data.take_told();
    let ends = calls.iter().rposition(|call| call.starts_with("apply"));
    let seen: Arc<Mutex<Option<Timestamp>>> = Arc::default();
    let (noted, clock) = (seen.clone(), world.clock.clone());
    let note = Box::new(move || -> keyward_base::BoxFuture<'static, ()> {
        Box::pin(async move {
            *noted.lock().unwrap() = Some(keyward_base::Clock::now(&*clock).unwrap());
        })
    });
    world.data.act_before(ends.unwrap(), note);
    let prepared = here.mail.reset(&token, chosen(OLD).await).await.unwrap();
    let before = seen.lock().unwrap().unwrap();
    assert!(prepared.at() > before);
}

#[tokio::test]
async fn no_link_lives_longer_than_its_key_authenticates() {
    let world = World::whose_links_live(30).await;
    let mut policy = MailPolicy::default();
    for kind in [LinkKind::Invite, LinkKind::NewEmail, LinkKind::SignUp] {
        policy = policy.life(kind, 30 * MINUTE).unwrap();
    }
    let here = world.process_of(&realm(), policy).await;
    for kind in [LinkKind::Reset, LinkKind::Invite] {
        let longer = policy.life(kind, 31 * MINUTE).unwrap();
        let mail = Mail::builder(here.accounts.clone(), world.data.clone());
        let refused = mail.policy(longer).build().await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Misuse);
    }
}
