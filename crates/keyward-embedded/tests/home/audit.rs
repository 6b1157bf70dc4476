//! A home that records into its own logs.

use std::sync::Arc;

use keyward_audit::{Audit, Of};
use keyward_base::audit::{Outcome, RunId};
use keyward_base::{Actor, ErrorKind, Event, EventId, Purpose, Subject, Tenant, Timestamp};
use keyward_embedded::{Home, HomeDir, danger};

use super::{insert, options};

async fn told(audit: &Audit, of: &Of) -> Vec<(String, String)> {
    audit.verify(of, |_| ()).await.unwrap();
    let page = audit.entries(of, 0, 1000).await.unwrap();
    let entries = page.entries.iter().map(|kept| kept.entry().unwrap());
    let entries = entries.map(Option::unwrap);
    entries.map(|of| (of.action, of.outcome)).collect()
}

fn acme() -> Of {
    Of::Tenant(Tenant::new("acme").unwrap())
}

#[tokio::test]
async fn what_is_done_is_in_the_homes_own_logs_once_they_were_begun() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let mut options = options(folder.path());
    options.actor = Some(Actor::new(Subject::new("u-17").unwrap()));
    let home = Home::init(&dir, &options).await.unwrap();
    let refused = home.audit().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
    assert!(
        refused.to_string().contains("keyward audit init"),
        "{refused}"
    );
    assert!(home.init_audit().await.unwrap());
    drop(home);

    let home = Home::serve(&dir, &options, "web-1").await.unwrap();
    assert!(!home.init_audit().await.unwrap());
    insert(&home).await;
    let admin = home.keyring().admin();
    admin.rotate(&Purpose::new("vault").unwrap()).await.unwrap();
    let audit = home.audit().unwrap();
    let of_acme = told(audit, &acme()).await;
    let put = |outcome: &str| ("vault.put".to_owned(), outcome.to_owned());
    assert_eq!(of_acme, [put("intended"), put("done")]);
    let of_service = told(audit, &Of::Service).await;
    let rotated = ("keys.rotate".to_owned(), "done".to_owned());
    assert!(of_service.contains(&rotated), "{of_service:?}");
    let page = audit.entries(&acme(), 0, 1).await.unwrap();
    let entry = page.entries.first().unwrap().entry().unwrap().unwrap();
    assert_eq!(entry.actor.unwrap().subject, "u-17");

    // What its caller names takes its place; the logs stay, and are counted.
    let other = keyward_testkit::RecordingAudit::new();
    let mut elsewhere = super::options(folder.path());
    elsewhere.audit = Some(Arc::new(other.clone()));
    let second = Home::open(&dir, &elsewhere).await.unwrap();
    let place = second.vault().tenant("acme").unwrap().place("a.b").unwrap();
    let _none = place.record("1").unwrap().open().await.unwrap_err();
    assert!(!other.take().is_empty());
    assert_eq!(told(second.audit().unwrap(), &acme()).await, of_acme);
    second.keyring().admin().usage().await.unwrap();

    // A vault that outlives its home records nothing, so it opens nothing; and nothing keeps the
    // home's keys from being dropped.
    let (vault, data) = (home.vault().clone(), home.data().clone());
    drop((admin, place, home, second));
    let place = vault
        .tenant("acme")
        .unwrap()
        .place("account.token")
        .unwrap();
    let refused = place.record("42").unwrap().open().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    drop((place, vault));
    assert_eq!(Arc::strong_count(&data), 1);
}

#[tokio::test]
async fn an_act_that_was_cut_short_is_closed_by_the_next_opening() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let options = options(folder.path());
    let home = Home::init(&dir, &options).await.unwrap();
    home.init_audit().await.unwrap();
    drop(home);
    let home = Home::open(&dir, &options).await.unwrap();
    let status = home.keyring().status();
    let of = *status.ring.to_bytes().first_chunk::<8>().unwrap();
    let now = Timestamp::from_millis(1);
    let mut cut_short = Event::new(now, "keys.rotate", Outcome::Intended);
    cut_short.id = Some(EventId::new(of, [7; 8]));
    cut_short.run = Some(RunId::from_bytes([9; 8]));
    cut_short.found = Some(status.epoch);
    home.audit().unwrap().append(cut_short).await.unwrap();
    drop(home);
    let home = Home::open(&dir, &options).await.unwrap();
    let told = told(home.audit().unwrap(), &Of::Service).await;
    let rotate = |outcome: &str| ("keys.rotate".to_owned(), outcome.to_owned());
    assert_eq!(told, [rotate("intended"), rotate("not-done")]);
}

/// Whoever disabled a key can open the home, and enable it again: though it vouches for logs that
/// were not written to since another took over.
#[tokio::test]
async fn a_disabled_key_of_logs_locks_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let options = options(folder.path());
    let home = Home::init(&dir, &options).await.unwrap();
    home.init_audit().await.unwrap();
    drop(home);
    let home = Home::open(&dir, &options).await.unwrap();
    insert(&home).await;
    home.audit().unwrap().round(|_| ()).await.unwrap();
    let purpose = Purpose::new("audit-head").unwrap();
    let old = home.keyring().mac(&purpose).unwrap().id();
    let admin = home.keyring().admin();
    admin.rotate(&purpose).await.unwrap();
    admin.promote_ready().await.unwrap();
    admin.disable(old).await.unwrap();
    drop((admin, home));
    let home = Home::open(&dir, &options).await.unwrap();
    let place = home.vault().tenant("acme").unwrap();
    let place = place.place("account.token").unwrap();
    let refused = place.record("42").unwrap().open().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    home.keyring().admin().enable(old).await.unwrap();
    let _opened = place.record("42").unwrap().open().await.unwrap();
    told(home.audit().unwrap(), &acme()).await;
}

#[tokio::test]
async fn that_a_restore_was_accepted_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let options = options(folder.path());
    let home = Home::init(&dir, &options).await.unwrap();
    home.init_audit().await.unwrap();
    drop(home);
    std::fs::remove_file(folder.path().join("anchor")).unwrap();
    let home = danger::accept_restore(&dir, &options).await.unwrap();
    let told = told(home.audit().unwrap(), &Of::Service).await;
    assert_eq!(
        told,
        [("keys.accept-restore".to_owned(), "done".to_owned())]
    );
}
