//! Hashing and verifying through the door.

#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used)] // Tests: a panic is the report.

use std::sync::Arc;
use std::time::Duration;

use keyward_base::{
    Door, ErrorKind, Evidence, ManualClock, Method, Reason, SecretBytes, Subject, Tenant, Timestamp,
};
use keyward_password::danger::hash_unjudged;
use keyward_password::pool::Need;
use keyward_password::{
    Account, Admission, Checked, NewHash, Normal, Password, Passwords, Policy, Row, calibrate,
    reason,
};

const USERS: Door = Door::new("users");
const NOW: Timestamp = Timestamp::from_millis(1_000_000);
/// One that no test computes twice: 8 MiB in one pass, below OWASP's rows.
const WEAK: &str = "$argon2id$v=19$m=8192,t=1,p=1$c29tZSBzYWx0IG9mIDE2IQ$";

fn tenant() -> Tenant {
    Tenant::new("acme").unwrap()
}

fn account() -> Account {
    Account {
        door: USERS,
        tenant: tenant(),
        subject: Subject::new("ann").unwrap(),
    }
}

fn door(policy: Policy) -> Passwords {
    let clock = Arc::new(ManualClock::new(NOW));
    Passwords::new(policy, Admission::default().workers(2), clock).unwrap()
}

fn password(bytes: impl AsRef<[u8]>) -> Password {
    Password::new(SecretBytes::copy_of(bytes.as_ref())).unwrap()
}

fn hash(passwords: &Passwords, bytes: impl AsRef<[u8]>) -> keyward_base::Result<String> {
    hash_unjudged(passwords, &tenant(), password(bytes)).wait()
}

fn check(passwords: &Passwords, row: &Row<'_>, bytes: impl AsRef<[u8]>) -> Checked {
    passwords
        .verify(&account(), row, password(bytes))
        .wait()
        .unwrap()
}

/// What the string begins with, and how many bytes it has.
fn comes_back(policy: Policy, begins: &str, len: usize) -> (Passwords, String) {
    let passwords = door(policy);
    let stored = hash(&passwords, "correct horse").unwrap();
    assert!(stored.starts_with(begins), "{stored}");
    assert_eq!(stored.len(), len, "{stored}");
    let right = check(&passwords, &Row::new(&stored), "correct horse");
    let is_match = matches!(right, Checked::Match { needs_upgrade, .. } if !needs_upgrade);
    assert!(is_match, "{right:?}");
    (passwords, stored)
}

#[test]
fn argon2id_comes_back() {
    let begins = "$argon2id$v=19$m=19456,t=2,p=1$";
    let (passwords, one) = comes_back(Policy::default(), begins, 97);
    let other = hash(&passwords, "correct horse").unwrap();
    assert_ne!(one, other, "the salts are equal");
    let wrong = check(&passwords, &Row::new(&one), "correct horsf");
    assert!(matches!(wrong, Checked::Mismatch));
    assert_eq!(passwords.ledger().total(), 4);
    let hardened = NewHash::argon2id(65_536, 3, 4).unwrap();
    assert_eq!(Policy::hardened().new_hash(), hardened);
}

#[test]
fn bcrypt_comes_back() {
    comes_back(Policy::bcrypt(), "$2b$12$", 60);
}

#[test]
fn pbkdf2_comes_back() {
    comes_back(Policy::fips(), "$pbkdf2-sha256$i=600000,l=32$", 95);
}

#[test]
fn bcrypt_takes_72_bytes_and_no_nul() {
    let passwords = door(Policy::default().new_hashes(NewHash::bcrypt(10).unwrap()));
    for refused in [
        vec![b'a'; 73],
        b"nul \0 within".to_vec(),
        "é".repeat(37).into(),
    ] {
        let e = hash(&passwords, refused).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Rejected);
        assert_eq!(e.reason(), Some(reason::BCRYPT_INPUT));
    }
    assert_eq!(passwords.ledger().total(), 0);
    let stored = hash(&passwords, [b'a'; 72]).unwrap();
    let right = check(&passwords, &Row::new(&stored), [b'a'; 72]);
    assert!(matches!(right, Checked::Match { .. }));
    let other = check(&passwords, &Row::new(&stored), [b'a'; 71]);
    assert!(matches!(other, Checked::Mismatch));
}

#[test]
fn nothing_below_owasp_is_written() {
    for (memory, passes, lanes) in [
        (19_455, 2, 1),
        (47_103, 1, 1),
        (7_167, 100, 1),
        (19_456, 2, 0),
        (19_456, 2, 17),
        (u32::MAX, 1, 1),
    ] {
        let e = NewHash::argon2id(memory, passes, lanes).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Misuse);
    }
    assert!(NewHash::bcrypt(9).is_err() && NewHash::bcrypt(21).is_err());
    assert!(NewHash::pbkdf2(599_999).is_err());
    for (memory, passes) in NewHash::OWASP_ROWS {
        NewHash::argon2id(memory, passes, 1).unwrap();
    }
}

#[test]
fn a_match_is_evidence_of_when_the_row_was_read() {
    let passwords = door(Policy::default());
    let stored = hash(&passwords, "correct horse").unwrap();
    let at = |row: &Row<'_>| {
        let Checked::Match { verified, .. } = check(&passwords, row, "correct horse") else {
            panic!("no match");
        };
        let evidence: &dyn Evidence = &verified;
        assert_eq!(evidence.tenant(), &tenant());
        assert_eq!(evidence.subject().as_str(), "ann");
        assert_eq!(evidence.door(), USERS);
        assert_eq!(evidence.method(), Method::PASSWORD);
        evidence.at()
    };
    assert_eq!(at(&Row::new(&stored)), NOW);
    let read_at = Timestamp::from_millis(999_000);
    assert_eq!(at(&Row::new(&stored).read_at(read_at)), read_at);
    // Nothing is known to be newer than it is.
    let later = NOW.saturating_add(Duration::from_secs(60));
    assert_eq!(at(&Row::new(&stored).read_at(later)), NOW);
}

#[test]
fn what_cannot_be_checked_is_no_mismatch_and_costs_nothing() {
    let passwords = door(Policy::default());
    let refused = |row: &Row<'_>, why: Reason| {
        let checked = check(&passwords, row, "x");
        assert!(
            matches!(checked, Checked::Refused(r) if r == why),
            "{checked:?}"
        );
    };
    let hash = "iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8";
    let huge = format!("$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ${hash}");
    refused(&Row::new(&huge), reason::CEILING);
    refused(&Row::new("{noop}x"), reason::PLAIN_TEXT);
    let unknown = check(&passwords, &Row::new("$unheard-of$x"), "x");
    assert!(matches!(unknown, Checked::Unsupported(_)));
    // Within the ceiling and above the budget: refused, never busy.
    let clock = Arc::new(ManualClock::new(NOW));
    let admission = Admission::default().budget(32 * 1024 * 1024);
    let small = Passwords::new(Policy::default(), admission, clock).unwrap();
    let large = format!("$argon2id$v=19$m=65536,t=1,p=1$c29tZXNhbHQ${hash}");
    let reserved = format!("{WEAK}{hash}");
    for row in [Row::new(&large), Row::new(&reserved).reserve(1 << 26)] {
        let checked = check(&small, &row, "x");
        assert!(matches!(checked, Checked::Refused(r) if r == reason::ABOVE_BUDGET));
    }
    let (ledger, other) = (passwords.ledger(), small.ledger());
    assert_eq!(
        (ledger.total(), ledger.refused, ledger.unsupported),
        (0, 2, 1)
    );
    assert_eq!((other.total(), other.refused, other.busy), (0, 2, 0));
}

#[test]
fn the_ledger_is_exact() {
    let passwords = door(Policy::default());
    let weak = format!("{WEAK}iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8");
    for _ in 0..3 {
        assert!(matches!(
            check(&passwords, &Row::new(&weak), "x"),
            Checked::Mismatch
        ));
    }
    let quick = check(
        &passwords,
        &Row::new("{SHA}qvTGHdzF6KLavt4PO0gs2a6pQ00="),
        "hello",
    );
    assert!(matches!(
        quick,
        Checked::Match {
            needs_upgrade: true,
            ..
        }
    ));
    let ledger = passwords.ledger();
    let counted = ledger.hashes.iter();
    let counted: Vec<_> = counted
        .map(|(s, c, n)| (s.label(), c.memory_bytes, *n))
        .collect();
    assert_eq!(counted[0], ("argon2", 8 << 20, 3));
    assert_eq!((counted[1].1, counted[1].2, ledger.total()), (0, 1, 4));
}

#[test]
fn a_weaker_hash_is_told_from_an_equal_one() {
    let read = |policy: &Policy, text: &str| {
        let context = keyward_password::Context::default();
        let stored = keyward_password::Stored::read(None, text, &context, policy).unwrap();
        policy.is_weaker(&stored)
    };
    let tag = "iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8";
    let of = |head: &str| format!("{head}$c29tZSBzYWx0IG9mIDE2IQ${tag}");
    let owasp = Policy::default();
    // Any row of OWASP's for any other.
    for (memory, passes) in NewHash::OWASP_ROWS {
        let row = of(&format!("$argon2id$v=19$m={memory},t={passes},p=1"));
        assert!(!read(&owasp, &row), "{row}");
        assert!(read(&Policy::hardened(), &row), "{row}");
        let new = NewHash::argon2id(memory, passes, 1).unwrap();
        let policy = Policy::default().new_hashes(new);
        assert!(!read(&policy, &of("$argon2id$v=19$m=19456,t=2,p=1")));
    }
    assert!(!read(&owasp, &of("$argon2id$v=19$m=65536,t=3,p=4")));
    for weaker in [
        of("$argon2id$v=19$m=19456,t=1,p=1"),
        of("$argon2id$v=16$m=19456,t=2,p=1"),
        of("$argon2i$v=19$m=19456,t=2,p=1"),
        format!("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ${tag}"),
        format!(
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IG9mIDE2IQ${}",
            &"A".repeat(22)
        ),
        "$2b$12$abcdefghijklmnopqrstuuRE/oNuZg3EPGzxP2tiFq9TGF9BxmWCi".to_owned(),
    ] {
        assert!(read(&owasp, &weaker), "{weaker}");
    }
    let bcrypt = "abcdefghijklmnopqrstuuRE/oNuZg3EPGzxP2tiFq9TGF9BxmWCi";
    assert!(!read(&Policy::bcrypt(), &format!("$2b$12${bcrypt}")));
    assert!(!read(&Policy::bcrypt(), &format!("$2a$13${bcrypt}")));
    assert!(read(&Policy::bcrypt(), &format!("$2b$11${bcrypt}")));
    assert!(read(&Policy::bcrypt(), &format!("$2x$12${bcrypt}")));
}

#[test]
fn a_normal_form_is_recorded() {
    // Composed, decomposed, and with a ligature.
    let (composed, apart) = ("Zoë's ﬁancé rides", "Zoe\u{308}'s fiance\u{301} rides");
    let exact = door(Policy::default());
    let stored = hash(&exact, composed).unwrap();
    let is = |passwords: &Passwords, stored: &str, text: &str| match check(
        passwords,
        &Row::new(stored),
        text,
    ) {
        Checked::Match { needs_upgrade, .. } => Some(needs_upgrade),
        Checked::Mismatch => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(is(&exact, &stored, apart), None);
    let nfkc = door(Policy::default().normal(Normal::Nfkc));
    let marked = hash(&nfkc, composed).unwrap();
    assert!(marked.starts_with("{nfkc}$argon2id$"));
    for door in [&exact, &nfkc] {
        let is_other = std::ptr::eq(door, &exact);
        // What takes more than the policy asks for stays so.
        assert_eq!(is(door, &marked, apart), Some(false));
        assert_eq!(is(door, &stored, composed), Some(!is_other));
        assert_eq!(is(door, &stored, apart), None);
    }
    // What is no text is hashed as it is; what grows beyond the longest password is refused.
    let bytes = hash(&nfkc, b"\xff\xfe not UTF-8").unwrap();
    let same = check(&nfkc, &Row::new(&bytes), b"\xff\xfe not UTF-8");
    assert!(matches!(same, Checked::Match { .. }));
    let e = hash(&nfkc, "\u{fdfa}".repeat(300)).unwrap_err();
    assert_eq!(e.reason(), Some(Reason::TOO_LONG));
}

#[test]
fn nothing_prints_a_password() {
    let typed = password("correct horse");
    let shown = format!(
        "{typed:?} {:?} {:?}",
        keyward_password::danger::judged_elsewhere(password("correct horse")),
        keyward_password::breach::Fingerprint::of(&typed),
    );
    let passwords = door(Policy::default());
    let stored = hash(&passwords, "correct horse").unwrap();
    let checked = check(&passwords, &Row::new(&stored), "correct horse");
    let shown = format!("{shown} {checked:?} {passwords:?} {:?}", Row::new(&stored));
    for part in ["correct", "horse", &stored[40..]] {
        assert!(!shown.contains(part), "{shown}");
    }
}

#[test]
fn without_randomness_there_is_no_hash() {
    #[derive(Debug)]
    struct Fails;
    impl keyward_crypto::provider::Random for Fails {
        fn fill(&self, _: &mut [u8]) -> keyward_base::Result<()> {
            Err(keyward_base::Error::unavailable("no randomness"))
        }
    }
    let provider = keyward_crypto::danger::with_random(Default::default(), &Fails);
    let passwords = door(Policy::default()).provider(provider);
    assert_eq!(
        hash(&passwords, "x").unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    assert_eq!(passwords.ledger().total(), 0);
}

#[test]
fn a_budget_below_one_hash_is_misuse() {
    let clock = Arc::new(ManualClock::new(NOW));
    let admission = Admission::default().budget(19 << 20).budget((19 << 20) - 1);
    let e = Passwords::new(Policy::default(), admission, clock).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Misuse);
}

#[test]
fn calibration_is_never_below_owasp() {
    // By a stopwatch that counts: each hash takes 10 ms of it.
    let counting = || {
        let mut passed = Duration::ZERO;
        move || {
            passed += Duration::from_millis(10);
            passed
        }
    };
    let room = Admission::default().workers(1).budget(8 << 20);
    let plain = calibrate(&room, None, counting()).unwrap();
    let proposed = (plain.proposed.memory_kib, plain.proposed.passes);
    assert_eq!((proposed, plain.measured.len()), ((7_168, 5), 1));
    assert_eq!((plain.workers, plain.budget_bytes), (1, 7_168 * 1024));
    assert!(plain.is_within_target);
    // Too slow for the target: the row stays.
    let slow = calibrate(&room, Some(Duration::from_millis(9)), counting()).unwrap();
    assert_eq!((slow.proposed.passes, slow.is_within_target), (5, false));
    // Time left: more passes.
    let fast = calibrate(&room, Some(Duration::from_millis(15)), counting()).unwrap();
    assert_eq!((fast.proposed.passes, fast.is_within_target), (7, true));
    assert_eq!(fast.new_hash, NewHash::argon2id(7_168, 7, 1).unwrap());
    let none = calibrate(&room.budget(7 << 19), None, counting()).unwrap_err();
    assert_eq!(none.kind(), ErrorKind::Misuse);
    let stands = calibrate(&room, None, || Duration::ZERO).unwrap_err();
    assert_eq!(stands.kind(), ErrorKind::Unavailable);
}

#[test]
fn two_hashes_of_one_check_are_two_in_the_ledger() {
    let passwords = door(Policy::default());
    let row = |letter: &str| {
        format!("$2{letter}$04$CCCCCCCCCCCCCCCCCCCCC.bOPIHsrRTS3DxLLG5zPpQxRPqURmIXK")
    };
    // One that the old error made equal to another: crypt_blowfish's form of it is tried as well.
    let apart = b"\xff\xff\xa3";
    let said = check(&passwords, &Row::new(&row("a")), apart);
    assert!(matches!(said, Checked::Mismatch), "{said:?}");
    assert_eq!(passwords.ledger().total(), 2);
    for (letter, password) in [("b", &apart[..]), ("a", b"correct horse")] {
        let before = passwords.ledger().total();
        let said = check(&passwords, &Row::new(&row(letter)), password);
        assert!(matches!(said, Checked::Mismatch), "{said:?}");
        assert_eq!(passwords.ledger().total(), before + 1, "{letter}");
    }
    // What a scheme cannot be given began no hash, and is told apart in the ledger.
    let nt = Row::new("$NT$8846f7eaee8fb117ad06bdd830b7586c");
    assert!(matches!(
        check(&passwords, &nt, b"\xff"),
        Checked::Unsupported(_)
    ));
    let ledger = passwords.ledger();
    assert_eq!((ledger.total(), ledger.unsupported), (4, 1));
}

#[test]
fn a_password_that_makes_the_rounds_too_dear_is_refused_before_it_waits() {
    let passwords = door(Policy::default());
    let row = format!("$6$rounds=656000$salt${}", ".".repeat(86));
    let said = check(&passwords, &Row::new(&row), [b'x'; 4096]);
    assert!(
        matches!(said, Checked::Refused(why) if why == reason::CEILING),
        "{said:?}"
    );
    let ledger = passwords.ledger();
    assert_eq!((ledger.total(), ledger.refused), (0, 1));
}

#[test]
fn a_row_waits_for_the_most_of_its_realm() {
    let clock = Arc::new(ManualClock::new(NOW));
    let admission = Admission::default().workers(2).budget(32 * 1024 * 1024);
    let passwords = Passwords::new(Policy::default(), admission, clock.clone()).unwrap();
    let (go, waits) = std::sync::mpsc::channel::<()>();
    let need = Need::elsewhere(20 * 1024 * 1024);
    let other = Tenant::new("other").unwrap();
    let held = passwords.pool().run(&other, need, move |_| {
        let _ = waits.recv();
        Ok(())
    });
    while passwords.load().running == 0 {
        std::thread::yield_now();
    }
    // bcrypt takes no memory of its own, and there are threads and bytes free.
    let row = "$2b$04$CCCCCCCCCCCCCCCCCCCCC.bOPIHsrRTS3DxLLG5zPpQxRPqURmIXK";
    let verify = |reserve| {
        let row = Row::new(row).reserve(reserve);
        passwords.verify(&account(), &row, password("wrong"))
    };
    drop(verify(12 * 1024 * 1024).wait().unwrap());
    let waits_too = verify(12 * 1024 * 1024 + 1);
    for _ in 0..50_000 {
        std::thread::yield_now();
    }
    clock.advance(Duration::from_secs(5));
    let busy = waits_too.wait().unwrap_err();
    assert_eq!(busy.reason(), Some(reason::BUSY));
    go.send(()).unwrap();
    held.wait().unwrap();
}
