//! A restore whose acceptance is cut short, and the logs of a home whose anchor was lost with it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use keyward_audit::{Audit, Of};
use keyward_base::audit::Outcome;
use keyward_base::{Clock, Error, Event, Result, SystemClock, Tenant, Timestamp};
use keyward_embedded::{Home, HomeDir, danger};
use keyward_testkit::RecordingAudit;

use super::options;

/// A clock that tells the time so many times: whatever asks again ends there.
#[derive(Debug)]
struct Cut(AtomicUsize);

impl Clock for Cut {
    fn now(&self) -> Result<Timestamp> {
        let left = |left: usize| left.checked_sub(1);
        match self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, left)
        {
            Ok(_) => SystemClock::new().now(),
            Err(_) => Err(Error::unavailable("cut short here")),
        }
    }
}

fn acme() -> Of {
    Of::Tenant(Tenant::new("acme").unwrap())
}

async fn append(audit: &Audit, at: u64) {
    let mut event = Event::new(Timestamp::from_millis(at), "app.act", Outcome::Done);
    event.tenant = Some(Tenant::new("acme").unwrap());
    audit.append(event).await.unwrap();
}

/// A home that was put back to before something that was signed, without its anchor; under which
/// name that was signed.
async fn put_back(folder: &Path, dir: &HomeDir) -> String {
    let home = Home::init(dir, &options(folder)).await.unwrap();
    home.init_audit().await.unwrap();
    drop(home);
    let home = Home::open(dir, &options(folder)).await.unwrap();
    let logs = home.audit().unwrap();
    append(logs, 1).await;
    logs.checkpoint(&acme()).await.unwrap();
    drop(home);
    let copy = folder.join("copy.db");
    std::fs::copy(dir.data_db(), &copy).unwrap();
    let home = Home::open(dir, &options(folder)).await.unwrap();
    let logs = home.audit().unwrap();
    append(logs, 2).await;
    let signed = logs.checkpoint(&acme()).await.unwrap().unwrap();
    drop(home);
    std::fs::copy(&copy, dir.data_db()).unwrap();
    std::fs::remove_file(folder.join("anchor")).unwrap();
    signed.lines().next().unwrap().to_owned()
}

/// Nothing is signed beside what is lost, though something else is recorded.
async fn signs_nothing_as(lost: &str, home: &Home) -> bool {
    let logs = home.audit().unwrap();
    append(logs, 3).await;
    let _refused = logs.round(|_| ()).await;
    let signed = logs.checkpoint(&acme()).await;
    let Ok(Some(signed)) = signed else {
        return false;
    };
    assert_ne!(signed.lines().next().unwrap(), lost);
    true
}

#[tokio::test]
async fn cut_short_anywhere_nothing_is_signed_beside_what_is_lost() {
    let mut at_once = 0;
    for times in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let dir = HomeDir::at(folder.path().join("home"));
        let lost = put_back(folder.path(), &dir).await;
        let mut cut = options(folder.path());
        cut.clock = Arc::new(Cut(AtomicUsize::new(times)));
        let accepted = danger::accept_restore(&dir, &cut).await.map(drop);
        if let Ok(home) = Home::open(&dir, &options(folder.path())).await {
            let signs = signs_nothing_as(&lost, &home).await;
            at_once += usize::from(!signs);
            assert!(signs || accepted.is_err());
        }
        // Done again, it holds.
        let home = danger::accept_restore(&dir, &options(folder.path()))
            .await
            .unwrap();
        assert!(signs_nothing_as(&lost, &home).await);
        if accepted.is_ok() {
            break;
        }
    }
    assert!(at_once > 0, "nowhere was it cut between ring and logs");
}

#[tokio::test]
async fn who_records_elsewhere_accepts_the_logs_too() {
    let folder = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(folder.path().join("home"));
    let lost = put_back(folder.path(), &dir).await;
    let mut elsewhere = options(folder.path());
    elsewhere.audit = Some(Arc::new(RecordingAudit::new()));
    let home = danger::accept_restore(&dir, &elsewhere).await.unwrap();
    assert!(signs_nothing_as(&lost, &home).await);
}
