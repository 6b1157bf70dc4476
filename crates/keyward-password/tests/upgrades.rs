//! Weaker hashes are made anew at log-in, and no log-in fails by it.

#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used)] // Tests: a panic is the report.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use keyward_base::audit::Outcome;
use keyward_base::{
    BoxFuture, Door, Error, ErrorKind, Evidence as _, ManualClock, Result, Revision, SecretBytes,
    Subject, Tenant, Timestamp, Trail,
};
use keyward_password::danger::hash_unjudged;
use keyward_password::pool::Need;
use keyward_password::{
    Account, Admission, Checked, Context, Credential, CredentialVersion, Credentials, Loaded,
    NewHash, Normal, Password, Passwords, Policy, Realm, Status, Swapped, Upgrade, Upgrades,
    Verdict, reason,
};
use keyward_testkit::RecordingAudit;

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
/// "correct horse", by PBKDF2 of a thousand rounds (Python's hashlib).
const WEAK: &str =
    "$pbkdf2-sha256$1000$c29tZSBzYWx0IG9mIDE2IQ$ZyTPlL64LFBwkYpwJRUE4HbqPAER5Jry8/pNiE38LkY";
/// 73 times "a", likewise.
const OF_73: &str =
    "$pbkdf2-sha256$1000$c29tZSBzYWx0IG9mIDE2IQ$MGTxvCG2NIyHtpK0ZvH60V18Y0habzi5l1ekdgoVx5Q";

/// A table of an application's own.
#[derive(Debug, Default)]
struct Table {
    rows: Mutex<HashMap<String, (Credential, u64)>>,
    writes: AtomicU64,
    is_down: Mutex<bool>,
}

fn copy(of: &Credential) -> Credential {
    let copy = Credential::without_password(NOW);
    let copy = match of.stored() {
        Some(stored) => copy.encoded(stored).unwrap(),
        None => copy,
    };
    let copy = copy.label(of.labelled()).unwrap();
    copy.status(of.is())
        .factor_due(of.is_factor_due())
        .at_revision(of.revision(), of.changed())
}

impl Credentials for Table {
    fn ready<'a>(&'a self, _: &'a Realm) -> BoxFuture<'a, Result<()>> {
        Box::pin(async { Ok(()) })
    }

    fn load<'a>(&'a self, account: &'a Account) -> BoxFuture<'a, Result<Option<Loaded>>> {
        Box::pin(async {
            let rows = self.rows.lock().unwrap();
            let found = rows.get(account.subject.as_str());
            Ok(found.map(|(credential, version)| Loaded {
                credential: copy(credential),
                version: CredentialVersion::new(*version),
                read_at: NOW,
            }))
        })
    }

    fn swap<'a>(
        &'a self,
        account: &'a Account,
        version: CredentialVersion,
        credential: &'a Credential,
    ) -> BoxFuture<'a, Result<Swapped>> {
        Box::pin(async move {
            if *self.is_down.lock().unwrap() {
                return Err(Error::unavailable("the table is down"));
            }
            let mut rows = self.rows.lock().unwrap();
            let (held, at) = rows.get_mut(account.subject.as_str()).unwrap();
            if *at != version.number() {
                return Ok(Swapped::Changed);
            }
            *held = copy(credential);
            *at += 1;
            self.writes.fetch_add(1, Ordering::Relaxed);
            Ok(Swapped::Done(CredentialVersion::new(*at)))
        })
    }
}

struct World {
    table: Arc<Table>,
    passwords: Passwords,
    upgrades: Upgrades,
    audit: Arc<RecordingAudit>,
}

impl World {
    fn new(policy: Policy) -> Self {
        Self::within(policy, Admission::default())
    }

    fn within(policy: Policy, admission: Admission) -> Self {
        let table = Arc::new(Table::default());
        let clock = Arc::new(ManualClock::new(NOW));
        // The line may hold all 64, however slow the machine.
        let admission = admission.workers(2).wait(Duration::from_secs(600));
        let passwords = Passwords::new(policy, admission, clock).unwrap();
        let audit = Arc::new(RecordingAudit::new());
        let upgrades = Upgrades::new(&passwords, table.clone()).trail(Trail::new(audit.clone()));
        Self {
            table,
            passwords,
            upgrades,
            audit,
        }
    }

    fn put(&self, credential: Credential) {
        let mut rows = self.table.rows.lock().unwrap();
        rows.insert("ann".to_owned(), (credential, 7));
    }

    fn put_stored(&self, stored: &str) {
        self.put(
            Credential::new(stored, NOW)
                .unwrap()
                .at_revision(REVISION, NOW),
        );
    }

    async fn load(&self) -> Loaded {
        self.table.load(&ann()).await.unwrap().unwrap()
    }

    async fn check(&self, typed: &str) -> (Checked, Upgrade) {
        let loaded = self.load().await;
        let upgraded = self
            .upgrades
            .check(&ann(), &loaded, password(typed))
            .await
            .unwrap();
        (upgraded.checked, upgraded.upgrade)
    }

    async fn stored(&self) -> String {
        self.load().await.credential.stored().unwrap().to_owned()
    }

    /// The password is right, and the row stays for this reason.
    async fn is_left(&self, stored: &str, typed: &str, why: keyward_base::Reason) {
        self.put_stored(stored);
        let (checked, upgrade) = self.check(typed).await;
        assert_eq!(checked.verdict(), Verdict::Match, "{stored}");
        assert!(
            matches!(upgrade, Upgrade::Left(w) if w == why),
            "{stored}: {upgrade:?}"
        );
        assert_eq!(self.stored().await, stored);
        assert_eq!(self.table.writes.load(Ordering::Relaxed), 0);
    }
}

const REVISION: Revision = Revision::new(41);

fn ann() -> Account {
    let realm = Realm {
        door: Door::new("users"),
        tenant: Tenant::new("acme").unwrap(),
    };
    realm.account(Subject::new("ann").unwrap())
}

fn password(text: &str) -> Password {
    Password::new(SecretBytes::copy_of(text.as_bytes())).unwrap()
}

fn quick() -> Policy {
    Policy::default().new_hashes(NewHash::argon2id(7_168, 5, 1).unwrap())
}

#[tokio::test]
async fn a_weak_hash_is_written_anew_once_and_keeps_its_revision() {
    let world = World::new(quick());
    world.put_stored(WEAK);
    let (checked, upgrade) = world.check("correct horse").await;
    let Checked::Match {
        verified,
        needs_upgrade: true,
    } = checked
    else {
        panic!("{checked:?}");
    };
    assert_eq!(verified.at(), NOW);
    assert!(matches!(upgrade, Upgrade::Done(version) if version.number() == 8));
    let now = world.load().await.credential;
    assert!(
        now.stored()
            .unwrap()
            .starts_with("$argon2id$v=19$m=7168,t=5,p=1$")
    );
    assert_eq!(now.revision(), REVISION);
    let (checked, upgrade) = world.check("correct horse").await;
    assert!(matches!(
        checked,
        Checked::Match {
            needs_upgrade: false,
            ..
        }
    ));
    assert!(matches!(upgrade, Upgrade::NotNeeded));
    let (checked, _) = world.check("correct horsf").await;
    assert!(matches!(checked, Checked::Mismatch));
    let ledger = world.passwords.ledger();
    assert_eq!((ledger.upgrades, ledger.total()), (1, 4));
    let events = world.audit.take();
    let told: Vec<_> = events.iter().map(|e| (e.action, e.outcome)).collect();
    assert_eq!(told, [("password.upgrade", Outcome::Done)]);
    assert_eq!(events[0].record.as_ref().unwrap().as_str(), "ann");
}

#[tokio::test]
async fn a_wrong_password_writes_nothing() {
    let world = World::new(quick());
    world.put_stored(WEAK);
    let (checked, upgrade) = world.check("correct horsf").await;
    assert!(matches!(checked, Checked::Mismatch));
    assert!(matches!(upgrade, Upgrade::NotNeeded));
    assert_eq!(world.stored().await, WEAK);
    assert_eq!(world.passwords.ledger().total(), 1);
    assert!(world.audit.take().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_that_want_to_upgrade_one_writes_and_none_fails() {
    let world = Arc::new(World::new(quick()));
    world.put_stored(WEAK);
    let mut all = tokio::task::JoinSet::new();
    let at_once = Arc::new(tokio::sync::Barrier::new(64));
    for _ in 0..64 {
        let (world, at_once) = (Arc::clone(&world), Arc::clone(&at_once));
        all.spawn(async move {
            let loaded = world.load().await;
            at_once.wait().await;
            world
                .upgrades
                .check(&ann(), &loaded, password("correct horse"))
                .await
                .unwrap()
        });
    }
    let (mut done, mut lost) = (0, 0);
    while let Some(upgraded) = all.join_next().await {
        let upgraded = upgraded.unwrap();
        assert_eq!(upgraded.checked.verdict(), Verdict::Match);
        match upgraded.upgrade {
            Upgrade::Done(_) => done += 1,
            Upgrade::Lost => lost += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((done, lost), (1, 63));
    assert_eq!(world.table.writes.load(Ordering::Relaxed), 1);
    let ledger = world.passwords.ledger();
    assert_eq!((ledger.upgrades, ledger.upgrades_lost), (1, 63));
    assert_eq!(
        world.check("correct horse").await.0.verdict(),
        Verdict::Match
    );
}

#[tokio::test]
async fn a_change_that_comes_between_wins() {
    let world = World::new(quick());
    world.put_stored(WEAK);
    let loaded = world.load().await;
    let tenant = ann().tenant;
    let new = hash_unjudged(&world.passwords, &tenant, password("another one"))
        .await
        .unwrap();
    let changed = copy(&loaded.credential)
        .encoded(&new)
        .unwrap()
        .next_revision(NOW)
        .unwrap();
    let swapped = world
        .table
        .swap(&ann(), loaded.version, &changed)
        .await
        .unwrap();
    assert!(matches!(swapped, Swapped::Done(_)));
    let late = world
        .upgrades
        .check(&ann(), &loaded, password("correct horse"))
        .await
        .unwrap();
    assert_eq!(late.checked.verdict(), Verdict::Match);
    assert!(matches!(late.upgrade, Upgrade::Lost));
    assert_eq!(world.stored().await, new);
    assert_eq!(world.load().await.credential.revision(), Revision::new(42));
    let told = world.audit.take();
    let reason = Some(keyward_base::Reason::CONFLICT);
    assert_eq!(
        told[0].outcome,
        Outcome::Failed(ErrorKind::Rejected, reason)
    );
}

/// The status alone is a change too: who is disabled while he logs in stays disabled.
#[tokio::test]
async fn disabling_that_comes_between_wins() {
    let world = World::new(quick());
    world.put_stored(WEAK);
    let loaded = world.load().await;
    let disabled = copy(&loaded.credential).status(Status::Disabled);
    let _ = world
        .table
        .swap(&ann(), loaded.version, &disabled)
        .await
        .unwrap();
    let late = world
        .upgrades
        .check(&ann(), &loaded, password("correct horse"))
        .await
        .unwrap();
    assert!(matches!(late.upgrade, Upgrade::Lost));
    assert_eq!(world.load().await.credential.is(), Status::Disabled);
}

/// A row that says the same under another version was only sealed anew.
#[tokio::test]
async fn a_row_that_was_only_sealed_anew_is_upgraded_all_the_same() {
    let world = World::new(quick());
    world.put_stored(WEAK);
    let loaded = world.load().await;
    let same = copy(&loaded.credential);
    let _ = world
        .table
        .swap(&ann(), loaded.version, &same)
        .await
        .unwrap();
    let late = world
        .upgrades
        .check(&ann(), &loaded, password("correct horse"))
        .await
        .unwrap();
    assert!(matches!(late.upgrade, Upgrade::Done(_)));
}

#[tokio::test]
async fn a_table_that_is_down_fails_no_log_in() {
    let world = World::new(quick());
    world.put_stored(WEAK);
    *world.table.is_down.lock().unwrap() = true;
    world.audit.set_failing(true);
    let (checked, upgrade) = world.check("correct horse").await;
    assert_eq!(checked.verdict(), Verdict::Match);
    assert!(matches!(upgrade, Upgrade::Failed(e) if e.kind() == ErrorKind::Unavailable));
    assert_eq!(world.passwords.ledger().upgrades_failed, 1);
    *world.table.is_down.lock().unwrap() = false;
    assert!(matches!(
        world.check("correct horse").await.1,
        Upgrade::Done(_)
    ));
}

#[tokio::test]
async fn who_may_not_log_in_costs_no_hash() {
    let world = World::new(quick());
    let stored = || Credential::new(WEAK, NOW).unwrap();
    for (credential, why) in [
        (stored().status(Status::Disabled), reason::DISABLED),
        (stored().status(Status::Changing), reason::CHANGING),
        (Credential::without_password(NOW), reason::NO_PASSWORD),
    ] {
        world.put(credential);
        let (checked, _) = world.check("correct horse").await;
        assert!(
            matches!(checked, Checked::Refused(w) if w == why),
            "{checked:?}"
        );
    }
    assert_eq!(world.passwords.ledger().total(), 0);
}

#[tokio::test]
async fn owasps_rows_are_equal() {
    let made = World::new(Policy::default());
    let stored = hash_unjudged(&made.passwords, &ann().tenant, password("correct horse"));
    let stored = stored.await.unwrap();
    for (memory, passes) in NewHash::OWASP_ROWS {
        let policy = Policy::default().new_hashes(NewHash::argon2id(memory, passes, 1).unwrap());
        let world = World::new(policy);
        world.put_stored(&stored);
        let (checked, upgrade) = world.check("correct horse").await;
        assert!(matches!(
            checked,
            Checked::Match {
                needs_upgrade: false,
                ..
            }
        ));
        assert!(matches!(upgrade, Upgrade::NotNeeded), "{memory} {passes}");
    }
}

#[tokio::test]
async fn nothing_weaker_is_written() {
    let bcrypt10 = Policy::default().new_hashes(NewHash::bcrypt(10).unwrap());
    let made = |policy| async move {
        let world = World::new(policy);
        let tenant = ann().tenant;
        hash_unjudged(&world.passwords, &tenant, password("correct hörse"))
            .await
            .unwrap()
    };
    let argon2id = made(Policy::default()).await;
    let bcrypt = made(bcrypt10).await;
    let bcrypt11 = made(Policy::default().new_hashes(NewHash::bcrypt(11).unwrap())).await;
    let nfkc = made(quick().normal(Normal::Nfkc)).await;
    let larger = NewHash::argon2id(19_456, 3, 1).unwrap();
    let larger_exact = made(Policy::default().new_hashes(larger)).await;
    for (policy, stored) in [
        (bcrypt10, argon2id.as_str()),
        (Policy::fips(), &argon2id),
        (Policy::fips(), &bcrypt),
        (Policy::default().normal(Normal::Nfkc), &larger_exact),
    ] {
        let world = World::new(policy);
        world
            .is_left(stored, "correct hörse", reason::STRONGER)
            .await;
    }
    // Other ways round they are.
    for (policy, stored) in [
        (quick(), bcrypt.as_str()),
        (quick(), &bcrypt11),
        (Policy::default().new_hashes(larger), &nfkc),
        (
            Policy::default().new_hashes(NewHash::bcrypt(11).unwrap()),
            &bcrypt,
        ),
    ] {
        let world = World::new(policy);
        world.put_stored(stored);
        assert!(
            matches!(world.check("correct hörse").await.1, Upgrade::Done(_)),
            "{stored}"
        );
        assert_eq!(
            world.check("correct hörse").await.0.verdict(),
            Verdict::Match
        );
    }
}

/// bcrypt reads 72 bytes: what comes after may be mistyped today and not tomorrow.
#[tokio::test]
async fn what_the_old_hash_passed_over_is_not_made_part_of_the_new() {
    let made = World::new(Policy::default().new_hashes(NewHash::bcrypt(10).unwrap()));
    let long = "a".repeat(72);
    let stored = hash_unjudged(&made.passwords, &ann().tenant, password(&long));
    let stored = stored.await.unwrap();
    let world = World::new(quick());
    world
        .is_left(&stored, &format!("{long}b"), reason::PARTLY_HASHED)
        .await;
    assert_eq!(world.passwords.ledger().upgrades_left, 1);
    let (_, upgrade) = world.check(&long).await;
    assert!(matches!(upgrade, Upgrade::Done(_)));
    assert!(matches!(
        world.check(&format!("{long}b")).await.0,
        Checked::Mismatch
    ));
}

/// scrypt has 4 MiB of its own beside the arena: both are not within the budget, the check alone is.
#[tokio::test]
async fn what_fits_without_the_upgrade_is_checked_without_it() {
    const SCRYPT: &str =
        "$scrypt$ln=12,r=8,p=1$c29tZSBzYWx0IG9mIDE2IQ$It6WO4ZuRXgMODxkro3gGO/cMuFkl7hOS4kYkouU52E";
    for (budget, fits) in [(8, false), (12, true)] {
        let admission = Admission::default().budget(budget * 1024 * 1024);
        let world = World::within(quick(), admission);
        if fits {
            world.put_stored(SCRYPT);
            let (_, upgrade) = world.check("correct horse").await;
            assert!(matches!(upgrade, Upgrade::Done(_)), "{upgrade:?}");
        } else {
            let why = reason::ABOVE_BUDGET;
            world.is_left(SCRYPT, "correct horse", why).await;
        }
    }
}

#[tokio::test]
async fn a_password_that_bcrypt_does_not_take_keeps_its_hash() {
    let long = "a".repeat(73);
    let world = World::new(Policy::default().new_hashes(NewHash::bcrypt(10).unwrap()));
    world.is_left(OF_73, &long, reason::BCRYPT_INPUT).await;
}

/// Who typed a letter otherwise than it was set is locked out by no upgrade.
#[tokio::test]
async fn an_upgrade_takes_whatever_the_old_hash_took() {
    let (composed, apart) = ("correct h\u{f6}rse", "correct ho\u{308}rse");
    let made = async |policy| {
        let world = World::new(policy);
        let tenant = ann().tenant;
        let made = hash_unjudged(&world.passwords, &tenant, password(composed));
        made.await.unwrap()
    };
    let nfkc = made(quick().normal(Normal::Nfkc)).await;
    let stronger = Policy::default().new_hashes(NewHash::argon2id(19_456, 3, 1).unwrap());
    let exact = made(quick()).await;
    for (policy, stored) in [(stronger, &nfkc), (quick().normal(Normal::Nfkc), &exact)] {
        let world = World::new(policy);
        world.put_stored(stored);
        let typed = if stored == &nfkc { apart } else { composed };
        let (_, upgrade) = world.check(typed).await;
        assert!(matches!(upgrade, Upgrade::Done(_)), "{upgrade:?}");
        assert!(world.stored().await.starts_with("{nfkc}$argon2id$"));
        for typed in [composed, apart] {
            let (checked, upgrade) = world.check(typed).await;
            assert_eq!(checked.verdict(), Verdict::Match);
            assert!(matches!(upgrade, Upgrade::NotNeeded), "{upgrade:?}");
        }
    }
    // The form alone is no reason.
    let world = World::new(quick());
    world.put_stored(&nfkc);
    assert!(matches!(world.check(apart).await.1, Upgrade::NotNeeded));
}

/// What bcrypt passes over is of the password in the form that was hashed.
#[tokio::test]
async fn what_is_passed_over_is_counted_in_the_form_of_the_hash() {
    let bcrypt = Policy::default().new_hashes(NewHash::bcrypt(10).unwrap());
    let made = World::new(bcrypt.normal(Normal::Nfkc));
    // A letter of three bytes that becomes 33: 72 with what follows.
    let short = "\u{fdfa}\u{fdfa}aaaaaa";
    let stored = hash_unjudged(&made.passwords, &ann().tenant, password(short));
    let stored = stored.await.unwrap();
    let world = World::new(quick().normal(Normal::Nfkc));
    let why = reason::PARTLY_HASHED;
    world.is_left(&stored, &format!("{short}b"), why).await;
    let (_, upgrade) = world.check(short).await;
    assert!(matches!(upgrade, Upgrade::Done(_)), "{upgrade:?}");

    // What follows a NUL, and spaces that PHP trims (passlib, PHP).
    for (stored, typed) in [
        ("$1$0UZqK5Mq$lvbXKEXkhBYtOaPANzh9w/", "correct horse\0s"),
        (
            "$wp$2y$04$w9hEp3rxH3dWwjJdh8pG/uMyQ0A6MoRARaVHrW3LNNWHw0HuVElSq",
            "correct horse ",
        ),
    ] {
        World::new(quick()).is_left(stored, typed, why).await;
    }

    // The bytes before one above 0x7f have no effect in `$2x$` (PHP).
    let stored = "$2x$04$CCCCCCCCCCCCCCCCCCCCC.PIeeyENZVZmrKLAq5lwBUU9fMRVfV2m";
    let world = World::new(quick());
    world.put_stored(stored);
    for typed in [b"\xff\xff\xa3".as_slice(), b"\xa3"] {
        let loaded = world.load().await;
        let typed = Password::new(SecretBytes::copy_of(typed)).unwrap();
        let upgraded = world.upgrades.check(&ann(), &loaded, typed).await.unwrap();
        assert_eq!(upgraded.checked.verdict(), Verdict::Match);
        assert!(matches!(upgraded.upgrade, Upgrade::Left(w) if w == why));
    }
}

/// A string of ours looks as the imports do, and has no secret.
#[tokio::test]
async fn argon2s_secret_is_given_to_the_strings_of_others_alone() {
    // "correct horse" under the secret "pepper" (argon2-cffi).
    const KEYED: &str =
        "$argon2id$v=19$m=32,t=3,p=4$AAECAwQFBgc$jSqe73Iqp/1F7O5Y+1XWgQtAwKxmWOI+lWj5fWMLYTo";
    let named = KEYED.replace("p=4", "p=4,keyid=k1");
    for (context, stored, label) in [
        (r#"{"argon2_secret":"pepper"}"#, KEYED, Some("Argon2")),
        (r#"{"argon2_secret":"pepper","keyid":"k1"}"#, &named, None),
    ] {
        let world = World::new(quick());
        let context = Context::from_json(context).unwrap();
        let upgrades = world.upgrades.clone().context(context);
        world.put(Credential::new(stored, NOW).unwrap().label(label).unwrap());
        let says = async |typed| {
            let loaded = world.load().await;
            let said = upgrades.check(&ann(), &loaded, password(typed)).await;
            let said = said.unwrap();
            (said.checked.verdict(), said.upgrade)
        };
        assert_eq!(says("correct horsf").await.0, Verdict::Mismatch, "{stored}");
        let (verdict, upgrade) = says("correct horse").await;
        assert_eq!(verdict, Verdict::Match, "{stored}");
        assert!(matches!(upgrade, Upgrade::Done(_)), "{upgrade:?}");
        // Not locked out by it.
        let (verdict, upgrade) = says("correct horse").await;
        assert_eq!(verdict, Verdict::Match, "{stored}");
        assert!(matches!(upgrade, Upgrade::NotNeeded), "{upgrade:?}");
        assert_eq!(says("correct horsf").await.0, Verdict::Mismatch);
    }
    // What a row has of its own is its.
    let world = World::new(quick());
    world.put_stored(WEAK);
    let own = Context::from_json(r#"{"argon2_secret":"pepper"}"#).unwrap();
    let mut loaded = world.load().await;
    loaded.credential = Credential::new(KEYED, NOW).unwrap().context(own);
    let said = world
        .upgrades
        .check(&ann(), &loaded, password("correct horse"))
        .await
        .unwrap();
    assert_eq!(said.checked.verdict(), Verdict::Match);
    assert!(matches!(said.upgrade, Upgrade::Done(_)));
}

/// Whatever of the row was changed, the change stands.
#[tokio::test]
async fn no_upgrade_writes_over_a_change_of_whatever_sort() {
    let row = || {
        let row = Credential::new(WEAK, NOW).unwrap();
        let row = row.label(Some("pbkdf2")).unwrap();
        row.at_revision(REVISION, NOW)
    };
    let is_same = |one: &Credential, other: &Credential| {
        let of = |row: &Credential| {
            let label = row.labelled().map(str::to_owned);
            let stored = row.stored().map(str::to_owned);
            (row.revision(), row.is(), row.is_factor_due(), label, stored)
        };
        of(one) == of(other)
    };
    for changed in [
        row().next_revision(NOW).unwrap(),
        row().status(Status::Changing),
        row().status(Status::Disabled),
        row().factor_due(true),
        row().label(None).unwrap(),
        row().encoded(OF_73).unwrap().label(Some("pbkdf2")).unwrap(),
    ] {
        let world = World::new(quick());
        world.put(row());
        let loaded = world.load().await;
        let swapped = world.table.swap(&ann(), loaded.version, &changed).await;
        assert!(matches!(swapped, Ok(Swapped::Done(_))));
        let late = world
            .upgrades
            .check(&ann(), &loaded, password("correct horse"))
            .await
            .unwrap();
        assert!(matches!(late.upgrade, Upgrade::Lost), "{changed:?}");
        assert!(is_same(&world.load().await.credential, &changed));
    }
    // What an upgrade writes keeps all of it.
    let world = World::new(quick());
    world.put(row().factor_due(true));
    assert!(matches!(
        world.check("correct horse").await.1,
        Upgrade::Done(_)
    ));
    let now = world.load().await.credential;
    let kept = (now.revision(), now.is(), now.is_factor_due());
    assert_eq!(kept, (REVISION, Status::Active, true));
    assert_eq!((now.changed(), now.labelled()), (NOW, None));
}

/// As old as the reading of the row, and never newer than the check.
#[tokio::test]
async fn evidence_is_as_old_as_the_row_that_it_rests_on() {
    let world = World::new(quick());
    world.put_stored(WEAK);
    let at = |millis: u64| Timestamp::from_millis(millis);
    let now = NOW.as_millis();
    for (read_at, is_at) in [(at(now - 5000), at(now - 5000)), (at(now + 5000), NOW)] {
        let mut loaded = world.load().await;
        loaded.read_at = read_at;
        let said = world
            .upgrades
            .check(&ann(), &loaded, password("correct horse"))
            .await
            .unwrap();
        let Checked::Match { verified, .. } = said.checked else {
            panic!("{:?}", said.checked);
        };
        assert_eq!(verified.at(), is_at);
    }
}

/// It is paid for before it begins, as the check is.
#[tokio::test]
async fn an_upgrade_waits_for_its_memory() {
    const MIB: u64 = 1024 * 1024;
    let world = World::within(quick(), Admission::default().budget(8 * MIB));
    world.put_stored(WEAK);
    let (go, waits) = channel::<()>();
    let (begun, begins) = channel();
    let pool = world.passwords.pool();
    let held = pool.run(&ann().tenant, Need::elsewhere(2 * MIB), move |_| {
        begun.send(()).unwrap();
        let _ = waits.recv();
        Ok(())
    });
    begins.recv().unwrap();
    let (ann, loaded) = (ann(), world.load().await);
    let check = world
        .upgrades
        .check(&ann, &loaded, password("correct horse"));
    let mut check = std::pin::pin!(check);
    let is_waiting = std::future::poll_fn(|cx| Poll::Ready(check.as_mut().poll(cx).is_pending()));
    assert!(is_waiting.await);
    // There is a worker that has nothing to do.
    for _ in 0..10_000 {
        assert_eq!(pool.load().waiting, 1);
        std::thread::yield_now();
    }
    go.send(()).unwrap();
    held.wait().unwrap();
    assert!(matches!(check.await.unwrap().upgrade, Upgrade::Done(_)));
}
