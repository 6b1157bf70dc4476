//! A thousand verifications at once, in a process of their own: memory grows by what the budget says.

#![cfg(target_os = "linux")]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    clippy::unwrap_used
)] // Tests: a panic is the report.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use keyward_base::{Door, ErrorKind, SecretBytes, Subject, SystemClock, Tenant};
use keyward_password::{
    Account, Admission, Checked, Password, Passwords, Policy, Row, Verdict, Wrap, reason,
};

const MIB: u64 = 1024 * 1024;
const TAG: &str = "c29tZSBzYWx0IG9mIDE2IQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8";

/// The row that is wrapped, and so costs two hashes.
const WRAPPED: usize = 400;

/// A thousand stored strings: small ones, the default policy's, and where they fit imports at the
/// ceiling.
fn rows(with_largest: bool) -> Vec<String> {
    let argon2 =
        |memory: u32, passes: u32| format!("$argon2id$v=19$m={memory},t={passes},p=1${TAG}");
    let of = |at: usize| match at {
        100 if with_largest => argon2(256 * 1024, 1),
        300 if with_largest => format!("$scrypt$ln=17,r=8,p=1${TAG}"),
        WRAPPED if with_largest => format!(
            "{{wrap1}}{}{{}}$scrypt$ln=17,r=8,p=1$c2FsdA${}",
            argon2(19_456, 2),
            "A".repeat(43)
        ),
        at if at % 100 == 0 => argon2(19_456, 2),
        at if at % 20 == 0 => argon2(4_096, 1),
        _ => argon2(256, 1),
    };
    (0..1_000).map(of).collect()
}

/// `VmRSS` or `VmHWM` of this process, in bytes.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1024
}

/// Run by the tests below, each time in a process of its own.
#[test]
#[ignore = "the other tests run it, in a process of its own"]
fn child() {
    let budget: u64 = std::env::var("BUDGET_MIB").unwrap().parse().unwrap();
    let with_largest = budget >= 256;
    let admission = Admission::default()
        .budget(budget * MIB)
        .workers(4)
        .wait(Duration::from_secs(600))
        .waiting(900, 300);
    let clock = Arc::new(SystemClock::new());
    let passwords = Passwords::new(Policy::default(), admission, clock).unwrap();
    let rows = rows(with_largest);
    let before = memory("VmRSS");
    let answers: Vec<_> = rows
        .iter()
        .enumerate()
        .map(|(at, row)| {
            let account = Account {
                door: Door::new("users"),
                tenant: Tenant::new(&format!("tenant-{}", at % 4)).unwrap(),
                subject: Subject::new("ann").unwrap(),
            };
            let password = Password::new(SecretBytes::copy_of(b"a password")).unwrap();
            passwords.verify(&account, &Row::new(row), password)
        })
        .collect();
    let (mut answered, mut busy, mut twice) = (0, 0, 0);
    for (at, answer) in answers.into_iter().enumerate() {
        match answer.wait() {
            Ok(Checked::Mismatch) => {
                answered += 1;
                twice += u64::from(at == WRAPPED && with_largest);
            }
            Ok(other) => panic!("{:?}", other.verdict()),
            Err(e) => {
                assert_eq!(e.kind(), ErrorKind::Unavailable);
                assert_eq!(e.reason(), Some(reason::BUSY));
                busy += 1;
            }
        }
    }
    assert_eq!(answered + busy, 1_000);
    assert!(answered >= 900, "{answered} answered");
    let ledger = passwords.ledger();
    assert_eq!((ledger.total(), ledger.busy), (answered + twice, busy));
    let grown = memory("VmHWM").saturating_sub(before);
    println!("{answered} answered, {busy} busy; {} MiB more", grown / MIB);
    assert!(grown <= (budget + 32) * MIB, "{} MiB more", grown / MIB);
    passwords.shut_down();
    assert_eq!(passwords.load().held_bytes, 0);
}

/// A salt of what parts the fields of a string, as long as one may be.
#[test]
#[ignore = "another test runs it, in a process of its own"]
fn wraps_a_salt_of_separators() {
    let clock = Arc::new(SystemClock::new());
    let passwords = Passwords::new(Policy::default(), Admission::default(), clock).unwrap();
    let row = format!("$sha1$3${}$/Vr6.8i/CnilWz0W/ILVdmaPXYGw", ".".repeat(7_900));
    let before = memory("VmRSS");
    let tenant = Tenant::new("acme").unwrap();
    let wrapped = passwords.wrap(&tenant, &Row::new(&row)).wait();
    assert!(matches!(wrapped, Ok(Wrap::Wrapped(_))), "{wrapped:?}");
    // One hash of the policy has 19 MiB.
    let grown = memory("VmHWM").saturating_sub(before);
    assert!(grown <= 32 * MIB, "{} MiB more", grown / MIB);
}

fn in_a_process(budget_mib: u64) {
    process_of("child", budget_mib);
}

fn process_of(test: &str, budget_mib: u64) {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env("BUDGET_MIB", budget_mib.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    println!("{said}");
    let errors = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{said}{errors}");
    assert!(said.contains("1 passed"), "{said}");
}

#[test]
fn what_a_string_holds_costs_no_memory_beside_the_budget() {
    process_of("wraps_a_salt_of_separators", 256);
}

#[test]
fn a_thousand_at_once_on_a_small_budget() {
    in_a_process(40);
}

#[test]
fn a_thousand_at_once_with_imports_at_the_ceiling() {
    in_a_process(256);
}

/// What is above the whole budget is refused, however little is to do.
#[test]
fn the_ceiling_is_not_the_budget() {
    let admission = Admission::default().budget(40 * MIB);
    let clock = Arc::new(SystemClock::new());
    let passwords = Passwords::new(Policy::default(), admission, clock).unwrap();
    let account = Account {
        door: Door::new("users"),
        tenant: Tenant::new("acme").unwrap(),
        subject: Subject::new("ann").unwrap(),
    };
    let password = Password::new(SecretBytes::copy_of(b"a password")).unwrap();
    let row = format!("$scrypt$ln=17,r=8,p=1${TAG}");
    let checked = passwords.verify(&account, &Row::new(&row), password);
    assert_eq!(checked.wait().unwrap().verdict(), Verdict::Refused);
}
