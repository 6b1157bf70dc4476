//! One call starts a process that holds a lease and keeps up with the keyring.
#![allow(clippy::unwrap_used, missing_docs)] // Tests: a panic is the report.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use keyward_base::audit::Intent;
use keyward_base::{
    BoxFuture, Clock, Error, ErrorKind, Event, Purpose, Result, Sink, SystemClock, Tenant,
    Timestamp,
};
use keyward_embedded::{Home, HomeDir, Options, RootSource};
use keyward_keys::{Barrier, Promotion};
use keyward_sqlite::SqliteStore;
use keyward_store::{Applied, Collection, Content, MemoryStore, RecordKey, Records as _, Write};

fn options(folder: &Path) -> Options {
    let mut options = Options::with_root(RootSource::File);
    options.anchor = Some(folder.join("anchor"));
    options.policy.refresh = Duration::from_millis(10);
    options
}

#[tokio::test]
async fn it_acknowledges_a_new_key_and_leaves_when_it_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let options = options(folder.path());
    drop(Home::init(&dir, &options).await.unwrap());

    let served = Home::serve(&dir, &options, "web-1").await.unwrap();
    let other = Home::open(&dir, &options).await.unwrap();
    let purpose = Purpose::new("vault").unwrap();
    let admin = other.keyring().admin();
    let key = admin.rotate(&purpose).await.unwrap();
    let pending = other.keyring().status().epoch;
    loop {
        match admin.promote_ready().await.unwrap() {
            Promotion::Promoted(keys) => break assert_eq!(keys, [key]),
            Promotion::Waiting { .. } => std::thread::yield_now(),
            other => unreachable!("{other:?}"),
        }
    }
    let replicas = other.keyring().replicas().await.unwrap();
    assert!(replicas.iter().any(|r| r.name.starts_with("web-1-")));
    assert!(replicas.iter().all(|r| r.epoch >= pending), "{replicas:?}");
    assert_eq!(served.tick_failure(), None);

    let vault = served.vault().clone();
    drop(served);
    assert!(other.keyring().replicas().await.unwrap().is_empty());
    // What outlives the home holds no lease, and seals and opens nothing.
    let tenant = Tenant::new("acme").unwrap();
    let key = vault.keyring().sealing_key(&purpose, &tenant, 0);
    assert_eq!(key.await.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_name_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let options = options(folder.path());
    drop(Home::init(&dir, &options).await.unwrap());
    for name in ["", "two words", &"n".repeat(65)] {
        let refused = Home::serve(&dir, &options, name).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Misuse, "{name}");
    }
}

#[tokio::test]
async fn a_home_that_others_share_is_closed_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let options = options(folder.path());
    drop(Home::init(&dir, &options).await.unwrap());
    let served = Home::serve(&dir, &options, "web-1").await.unwrap();
    let tokens = served.vault().tenant("acme").unwrap();
    let record = tokens.place("a.b").unwrap().record("1").unwrap();
    let secret = keyward_base::SecretBytes::copy_of(b"a-secret");
    let credential = keyward_vault::Credential::opaque(secret).unwrap();
    record.insert(&credential).await.unwrap();
    let other = Home::open(&dir, &options).await.unwrap();
    assert_eq!(other.keyring().replicas().await.unwrap().len(), 1);
    for _ in 0..2 {
        served.close();
        assert!(other.keyring().replicas().await.unwrap().is_empty());
        let refused = record.open().await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable);
    }
    drop(served);
    // One without a lease has nothing to end.
    other.close();
    let place = other.vault().tenant("acme").unwrap().place("a.b").unwrap();
    let _opened = place.record("1").unwrap().open().await.unwrap();
}

/// A sink that takes events and cannot tell what it holds.
#[derive(Debug)]
struct Mute;

impl Sink for Mute {
    fn record<'a>(&'a self, _: &'a Event) -> BoxFuture<'a, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn open_intents(&self) -> BoxFuture<'_, Result<Vec<Intent>>> {
        Box::pin(std::future::ready(Err(Error::unavailable("down"))))
    }
}

/// A service that is started over and over would otherwise leave a lease each time, and each
/// promotion would wait for all of them.
#[tokio::test]
async fn one_that_cannot_start_leaves_no_lease() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let sound = options(folder.path());
    drop(Home::init(&dir, &sound).await.unwrap());
    let mut mute = options(folder.path());
    mute.audit = Some(Arc::new(Mute));
    let refused = Home::serve(&dir, &mute, "web-1").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    let other = Home::open(&dir, &sound).await.unwrap();
    assert!(other.keyring().replicas().await.unwrap().is_empty());
}

/// Nor does one whose values cannot be served: its lease was taken before they were looked at.
#[tokio::test]
async fn one_whose_values_cannot_be_served_leaves_no_lease() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let options = options(folder.path());
    drop(Home::init(&dir, &options).await.unwrap());
    let place = RecordKey {
        collection: Collection::named("barrier"),
        owner: "vault".to_owned(),
        id: "seal".to_owned(),
    };
    let write = async |data: &[u8]| {
        let store = SqliteStore::open(dir.data_db()).unwrap();
        let held = store.fetch(&place).await.unwrap().unwrap();
        let content = Content {
            data: data.to_vec(),
            ..Content::default()
        };
        let swap = Write::Swap {
            key: place.clone(),
            version: held.version,
            content,
        };
        let applied = store.apply(vec![swap]).await.unwrap();
        assert!(matches!(applied, Applied::Done(_)));
        held.content.data
    };
    // The barrier of another purpose.
    let (elsewhere, vault) = (MemoryStore::new(1), Collection::named("vault"));
    let other = Purpose::new("other").unwrap();
    Barrier::claim(&elsewhere, &vault, &other).await.unwrap();
    let others = elsewhere.fetch(&place).await.unwrap().unwrap();
    let whole = write(&others.content.data).await;
    let refused = Home::serve(&dir, &options, "web-1").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
    write(&whole).await;
    let other = Home::open(&dir, &options).await.unwrap();
    assert!(other.keyring().replicas().await.unwrap().is_empty());
}

/// A clock that panics where the lease is renewed.
#[derive(Debug, Default)]
struct Faulty(AtomicBool);

impl Clock for Faulty {
    fn now(&self) -> Result<Timestamp> {
        let ticks = std::thread::current().name() == Some("keyward-tick");
        assert!(!(ticks && self.0.load(Ordering::SeqCst)), "as asked");
        SystemClock::new().now()
    }
}

#[tokio::test]
async fn a_panic_of_the_ticks_is_told_and_nothing_waits_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let mut options = options(folder.path());
    let clock = Arc::new(Faulty::default());
    options.clock = Arc::<Faulty>::clone(&clock);
    drop(Home::init(&dir, &options).await.unwrap());
    let served = Home::serve(&dir, &options, "web-1").await.unwrap();
    clock.0.store(true, Ordering::SeqCst);
    let told = loop {
        match served.tick_failure() {
            Some(told) => break told,
            None => std::thread::yield_now(),
        }
    };
    assert!(told.contains("open the home anew"), "{told}");
    served.close();
}

/// The thread is gone with the home, and so is all it held: files may be moved, and a database
/// opened by others.
#[tokio::test]
async fn a_home_that_is_dropped_leaves_nothing_open() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let mut options = options(folder.path());
    let clock = Arc::new(Faulty::default());
    options.clock = Arc::<Faulty>::clone(&clock);
    drop(Home::init(&dir, &options).await.unwrap());
    for _ in 0..4 {
        let served = Home::serve(&dir, &options, "web-1").await.unwrap();
        drop(served);
        assert_eq!(Arc::strong_count(&clock), 2, "the test's and its options'");
    }
}

#[derive(Debug, Default)]
struct Pager(std::sync::Mutex<Vec<String>>);

impl keyward_audit::alert::AnomalySink for Pager {
    fn tell<'a>(&'a self, anomaly: &'a keyward_audit::alert::Anomaly) -> BoxFuture<'a, Result<()>> {
        self.0.lock().unwrap().push(anomaly.id());
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Each process that serves tells what any of them recorded, under one id.
#[tokio::test]
async fn homes_that_serve_tell_anomalies_and_one_without_a_record_is_not_started() {
    use keyward_audit::alert::{AlertRule, Alerts, Kind, Per};
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let mut options = options(folder.path());
    drop(Home::init(&dir, &options).await.unwrap());
    let rule = AlertRule {
        kind: Kind::Opened,
        count: 2,
        seconds: 86_400,
        per: Per::All,
    };
    let pagers = [(); 2].map(|()| Arc::<Pager>::default());
    let mut homes = Vec::new();
    for (pager, nth) in pagers.iter().zip(0..) {
        let sink = Arc::<Pager>::clone(pager);
        options.alerts = Some(Alerts::new(&[rule]).unwrap().to(sink));
        if nth == 0 {
            let refused = Home::serve(&dir, &options, "web-0").await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Misuse);
            let home = Home::open(&dir, &options).await.unwrap();
            assert!(home.keyring().replicas().await.unwrap().is_empty());
            home.init_audit().await.unwrap();
        }
        homes.push(Home::serve(&dir, &options, "web-1").await.unwrap());
    }
    let tokens = homes[0].vault().tenant("acme").unwrap();
    let record = tokens.place("a.b").unwrap().record("1").unwrap();
    let secret = keyward_base::SecretBytes::copy_of(b"a-secret");
    let credential = keyward_vault::Credential::opaque(secret).unwrap();
    record.insert(&credential).await.unwrap();
    for _ in 0..2 {
        let _opened = record.open().await.unwrap();
    }
    let told = |pager: &Pager| pager.0.lock().unwrap().clone();
    while pagers.iter().any(|pager| told(pager).is_empty()) {
        std::thread::yield_now();
    }
    let [first, second] = pagers.each_ref().map(|pager| told(pager));
    assert_eq!(first, second);
    assert!(first[0].starts_with("opened/2/86400/all/"), "{first:?}");
    assert_eq!(first.len(), 1);
}

/// Whoever is told never answers.
#[derive(Debug, Default)]
struct Hangs(AtomicBool);

impl keyward_audit::alert::AnomalySink for Hangs {
    fn tell<'a>(&'a self, _: &'a keyward_audit::alert::Anomaly) -> BoxFuture<'a, Result<()>> {
        self.0.store(true, Ordering::SeqCst);
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn alerts_are_of_a_home_that_records_and_one_that_hangs_keeps_no_lease() {
    use keyward_audit::alert::{AlertRule, Alerts, Kind, Per};
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let mut options = options(folder.path());
    let home = Home::init(&dir, &options).await.unwrap();
    home.init_audit().await.unwrap();
    drop(home);
    let rule = AlertRule {
        kind: Kind::Opened,
        count: 1,
        seconds: 86_400,
        per: Per::All,
    };
    let hangs = Arc::<Hangs>::default();
    let sink = Arc::<Hangs>::clone(&hangs);
    options.alerts = Some(Alerts::new(&[rule]).unwrap().to(sink));
    // Its events go elsewhere: nothing would ever be told.
    options.audit = Some(Arc::new(keyward_testkit::RecordingAudit::new()));
    let refused = Home::serve(&dir, &options, "web-0").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
    options.audit = None;
    let served = Home::serve(&dir, &options, "web-1").await.unwrap();
    let tokens = served.vault().tenant("acme").unwrap();
    let record = tokens.place("a.b").unwrap().record("1").unwrap();
    let secret = keyward_base::SecretBytes::copy_of(b"a-secret");
    let credential = keyward_vault::Credential::opaque(secret).unwrap();
    record.insert(&credential).await.unwrap();
    let _opened = record.open().await.unwrap();
    while !hangs.0.load(Ordering::SeqCst) {
        std::thread::yield_now();
    }
    served.close();
    let other = Home::open(&dir, &options).await.unwrap();
    assert!(other.keyring().replicas().await.unwrap().is_empty());
    drop(served);
}

#[cfg(feature = "redact")]
#[tokio::test]
async fn a_home_masks_what_it_opens_once_it_was_asked_to() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let options = options(folder.path());
    let home = Home::init(&dir, &options).await.unwrap();
    let tokens = home.vault().tenant("acme").unwrap();
    let token = tokens.place("app.token").unwrap().record("7").unwrap();
    let secret = "ghp_x8Zq31LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo";
    let secret = keyward_base::SecretBytes::copy_of(secret.as_bytes());
    let key = keyward_vault::Credential::api_key(secret).unwrap();
    let _stored = token.insert(&key).await.unwrap();

    let redactor = home.redactor().unwrap();
    let _opened = token.open().await.unwrap();
    let same = home.redactor().unwrap();
    let text = "x ghp_x8Zq31LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo y";
    assert_eq!(redactor.text(text), "x ••• y");
    assert_eq!(same.text(text), "x ••• y");

    // One that was opened before would not be masked.
    let late = Home::open(&dir, &options).await.unwrap();
    let tokens = late.vault().tenant("acme").unwrap();
    let token = tokens.place("app.token").unwrap().record("7").unwrap();
    let _opened = token.open().await.unwrap();
    assert_eq!(late.redactor().unwrap_err().kind(), ErrorKind::Misuse);
}

#[cfg(feature = "redact")]
#[tokio::test]
async fn what_is_not_masked_is_on_record_by_its_number() {
    use keyward_audit::Of;
    use keyward_redact::{Name, Policy};

    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let options = options(folder.path());
    let home = Home::init(&dir, &options).await.unwrap();
    home.init_audit().await.unwrap();
    drop(home);
    let home = Home::open(&dir, &options).await.unwrap();
    home.record_masking().await.unwrap(); // There is nothing to tell.
    let policy = Policy::default().mask_anyway("pin");
    let redactor = home.redactor_with(policy).unwrap();
    redactor.add(&Name::new("mode").unwrap(), b"true").unwrap();
    home.record_masking().await.unwrap();
    home.record_masking().await.unwrap();
    redactor.add(&Name::new("port").unwrap(), b"80").unwrap();
    home.record_masking().await.unwrap();
    // Forgotten, by number; what was not known is none.
    let token = Name::new("token").unwrap();
    redactor.add(&token, b"ghp_x8Zq31LkT0uVbN4p").unwrap();
    assert!(redactor.forget(&token) && !redactor.forget(&token));
    home.record_masking().await.unwrap();
    home.record_masking().await.unwrap();
    let page = home.audit().unwrap().entries(&Of::Service, 0, 10).await;
    let told = page.unwrap().entries.into_iter().map(|kept| {
        let entry = kept.entry().unwrap().unwrap();
        let number = entry.detail.first().unwrap().1.shown();
        format!("{} {number}", entry.action)
    });
    let told: Vec<_> = told.collect();
    assert_eq!(
        told,
        [
            "redact.mask-anyway 1",
            "redact.unmasked 1",
            "redact.unmasked 2",
            "redact.forget 1"
        ]
    );
}
