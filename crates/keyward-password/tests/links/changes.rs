//! What a change while signed in asks for.

use keyward_base::{Door, ErrorKind, Method, Subject, Timestamp};
use keyward_password::reason;

use crate::world::{LoggedIn, MINUTE, NEW, NOW, OLD, Process, World, chosen, email};

async fn log_in(here: &Process) -> LoggedIn {
    here.log_in("ada@example.com", OLD).await.unwrap()
}

#[tokio::test]
async fn a_change_asks_for_fresh_evidence_of_the_same_person() {
    let world = World::new().await;
    let mut here = world.process().await;
    here.register("ada@example.com", "1").await;
    here.register("eve@example.com", "2").await;
    here.pass(&world, 10 * MINUTE).await;
    let now = NOW.saturating_add(10 * MINUTE);
    type Edit = fn(&mut LoggedIn);
    let edits: [(&str, Edit); 5] = [
        ("another's", |of| of.subject = Subject::new("2").unwrap()),
        ("another organisation's", |of| {
            of.tenant = keyward_base::Tenant::new("b").unwrap()
        }),
        ("the realm's tenant", |of| {
            of.tenant = crate::world::realm().tenant
        }),
        ("another door's", |of| of.door = Door::new("admins")),
        ("a link's", |of| of.method = Method::LINK),
    ];
    for (what, edit) in edits {
        let mut evidence = log_in(&here).await;
        edit(&mut evidence);
        let refused = here.change("ada@example.com", evidence, NEW);
        assert_eq!(
            refused.await.unwrap_err().kind(),
            ErrorKind::Misuse,
            "{what}"
        );
    }
    let old = Timestamp::from_millis(now.as_millis() - 5 * 60_000 - 1);
    let ahead = Timestamp::from_millis(now.as_millis() + 1);
    for (at, what) in [(old, "old"), (ahead, "ahead")] {
        let evidence = async || LoggedIn {
            at,
            ..log_in(&here).await
        };
        let (ada, new) = (email("ada@example.com"), email("new@example.com"));
        let password = here.change("ada@example.com", evidence().await, NEW);
        let address = here.mail.change_email(&ada, &new, evidence().await);
        let factor = here.accounts.set_factor(&ada, evidence().await, true);
        let refused = [
            password.await.map(drop).unwrap_err(),
            address.await.unwrap_err(),
            factor.await.unwrap_err(),
        ];
        for refused in refused {
            assert_eq!(refused.reason(), Some(reason::STALE), "{what}");
        }
    }
    assert!(here.letters().await.is_empty());
    // Five minutes are not too old.
    let at = Timestamp::from_millis(now.as_millis() - 5 * 60_000);
    let evidence = LoggedIn {
        at,
        ..log_in(&here).await
    };
    let prepared = here.change("ada@example.com", evidence, NEW);
    here.finish(prepared.await.unwrap()).await.unwrap();
    assert!(here.log_in("ada@example.com", NEW).await.is_some());
}

#[tokio::test]
async fn evidence_of_before_the_last_change_changes_nothing() {
    let world = World::new().await;
    let here = world.process().await;
    here.register("ada@example.com", "1").await;
    let (first, second) = (log_in(&here).await, log_in(&here).await);
    here.pass(&world, MINUTE).await;
    let prepared = here.change("ada@example.com", first, NEW).await.unwrap();
    // While it goes on, and afterwards.
    let refused = here.change("ada@example.com", second, "a third password of mine");
    assert_eq!(refused.await.unwrap_err().kind(), ErrorKind::Rejected);
    here.finish(prepared).await.unwrap();
    // Nor that of the very moment: it may be of either.
    for at in [NOW, NOW.saturating_add(MINUTE)] {
        let stale = LoggedIn {
            at,
            ..here.log_in("ada@example.com", NEW).await.unwrap()
        };
        let refused = here.change("ada@example.com", stale, "a third password of mine");
        assert_eq!(refused.await.unwrap_err().reason(), Some(reason::STALE));
    }
    assert!(here.log_in("ada@example.com", NEW).await.is_some());
}

#[tokio::test]
async fn evidence_of_who_is_changing_or_disabled_changes_nothing() {
    let world = World::new().await;
    world.tick();
    let here = world.process().await;
    here.register("ada@example.com", "1").await;
    let (ada, mut evidence) = (email("ada@example.com"), Vec::new());
    for _ in 0..3 {
        evidence.push(log_in(&here).await);
    }
    let late = async |mut of: LoggedIn| {
        of.at = keyward_base::Clock::now(&*world.clock).unwrap();
        let refused = here.change("ada@example.com", of, "a third password of mine");
        refused.await.unwrap_err().reason()
    };
    let first = evidence.remove(0);
    drop(here.change("ada@example.com", first, NEW).await.unwrap());
    assert_eq!(late(evidence.remove(0)).await, Some(reason::CHANGING));
    drop(here.accounts.disable(&ada).await.unwrap());
    assert_eq!(late(evidence.remove(0)).await, Some(reason::DISABLED));
}

#[tokio::test]
async fn a_factor_is_not_taken_away_without_being_shown() {
    let world = World::new().await;
    world.tick();
    let here = world.process().await;
    here.register("ada@example.com", "1").await;
    let ada = email("ada@example.com");
    here.accounts
        .set_factor(&ada, log_in(&here).await, true)
        .await
        .unwrap();
    let evidence = log_in(&here).await;
    assert!(evidence.is_factor_due);
    let refused = here
        .accounts
        .set_factor(&ada, evidence, false)
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
    // A change of the password keeps it.
    let prepared = here
        .accounts
        .change_password(&ada, log_in(&here).await, chosen(NEW).await);
    here.finish(prepared.await.unwrap()).await.unwrap();
    let evidence = here.log_in("ada@example.com", NEW).await.unwrap();
    assert!(evidence.is_factor_due);
    let shown = LoggedIn {
        is_factor_due: false,
        ..evidence
    };
    here.accounts.set_factor(&ada, shown, false).await.unwrap();
    assert!(
        !here
            .log_in("ada@example.com", NEW)
            .await
            .unwrap()
            .is_factor_due
    );
}

#[tokio::test]
async fn disabling_ends_logging_in_and_enabling_brings_it_back() {
    let world = World::new().await;
    let here = world.process().await;
    here.register("ada@example.com", "1").await;
    let ada = email("ada@example.com");
    let due = here.accounts.disable(&ada).await.unwrap();
    assert_eq!(
        (due.organisation, due.subject.as_str()),
        (crate::world::acme(), "1")
    );
    assert!(here.log_in("ada@example.com", OLD).await.is_none());
    let _ = here.accounts.disable(&ada).await.unwrap();
    here.accounts.enable(&ada).await.unwrap();
    assert!(here.log_in("ada@example.com", OLD).await.is_some());
    let actions: Vec<_> = world
        .audit
        .take()
        .into_iter()
        .map(|event| event.action)
        .collect();
    assert_eq!(actions, ["account.disable", "account.enable"]);
    let nobody = here
        .accounts
        .disable(&email("nobody@example.com"))
        .await
        .unwrap_err();
    assert_eq!(nobody.kind(), ErrorKind::Rejected);
}
