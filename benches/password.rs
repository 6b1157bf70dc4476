//! Passwords: a hash through the pool beside the same hash by the bare `argon2` crate on memory that
//! is kept, what is around it, and how long a ticker on an async runtime waits beside a thousand.
// Benches: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stdout,
    missing_docs
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keyward_base::{Door, SecretBytes, Subject, SystemClock, Tenant};
use keyward_benches::{Bar, compare_long, finish, is_smoke, is_wanted};
use keyward_password::{Account, Admission, Checked, Password, Passwords, Policy, Row};

const HASH: &str = "hash a password, 19 MiB, 2 passes";
const AROUND: &str = "what is around a hash";
const BARS: &[Bar] = &[
    (
        "hash a password, 19 MiB, 2 passes, processor time",
        "through the pool",
        1.02,
    ),
    (
        "what is around a hash, processor time",
        "what is around 100 hashes",
        1.0,
    ),
];

/// Of the default policy; it is the hash of no password here, which takes as long.
const ROW: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IG9mIDE2IQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8";

fn door(workers: usize) -> (Passwords, Account) {
    let admission = Admission::default()
        .workers(workers)
        .wait(Duration::from_secs(600))
        .waiting(2_000, 2_000);
    let clock = Arc::new(SystemClock::new());
    let passwords = Passwords::new(Policy::default(), admission, clock).unwrap();
    let account = Account {
        door: Door::new("users"),
        tenant: Tenant::new("acme").unwrap(),
        subject: Subject::new("ann").unwrap(),
    };
    (passwords, account)
}

fn password() -> Password {
    Password::new(SecretBytes::copy_of(b"correct horse battery staple")).unwrap()
}

/// So many checks of one row at once; then the pool is at rest, its memory wiped.
fn check(passwords: &Passwords, account: &Account, row: &str, count: usize) {
    let answers: Vec<_> = (0..count)
        .map(|_| passwords.verify(account, &Row::new(row), password()))
        .collect();
    for answer in answers {
        assert!(matches!(answer.wait().unwrap(), Checked::Mismatch));
    }
    passwords.pool().settle();
}

struct Bare {
    argon2: argon2::Argon2<'static>,
    blocks: Vec<argon2::Block>,
}

impl Bare {
    fn new() -> Self {
        let params = argon2::Params::new(19_456, 2, 1, Some(32)).unwrap();
        Self {
            blocks: vec![argon2::Block::default(); params.block_count()],
            argon2: argon2::Argon2::new(
                argon2::Algorithm::Argon2id,
                argon2::Version::V0x13,
                params,
            ),
        }
    }

    fn hash(&mut self, count: usize) {
        for _ in 0..count {
            let mut out = [0; 32];
            self.argon2
                .hash_password_into_with_memory(
                    b"correct horse battery staple",
                    b"some salt of 16!",
                    &mut out,
                    &mut self.blocks,
                )
                .unwrap();
            black_box(out);
        }
    }
}

fn main() {
    let (passwords, account) = door(1);
    let mut bare = Bare::new();
    let batch = if is_smoke() { 2 } else { 32 };
    // Both have their memory.
    check(&passwords, &account, ROW, 1);
    bare.hash(1);
    compare_long(
        HASH,
        15,
        |_| {},
        &mut [
            ("bare, on kept memory", Box::new(|| bare.hash(batch))),
            (
                "through the pool",
                Box::new(|| check(&passwords, &account, ROW, batch)),
            ),
        ],
    );
    // A row whose hash takes a microsecond: all else is what is around it.
    let quick = "{SHA}qvTGHdzF6KLavt4PO0gs2a6pQ00=";
    let mut bare = Bare::new();
    bare.hash(1);
    compare_long(
        AROUND,
        31,
        |_| {},
        &mut [
            ("one bare hash", Box::new(|| bare.hash(1))),
            (
                "what is around 100 hashes",
                Box::new(|| check(&passwords, &account, quick, 100)),
            ),
        ],
    );
    ticker();
    finish("password", BARS);
}

/// How late a ticker of 1 ms is on a runtime of one thread, beside a thousand verifications.
fn ticker() {
    let title = "a ticker beside a thousand";
    if !is_wanted(title) {
        return;
    }
    let (passwords, account) = door(Admission::default().workers_count());
    let count = if is_smoke() { 4 } else { 1_000 };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let mut late = runtime.block_on(async {
        let waiting = async {
            let answers: Vec<_> = (0..count)
                .map(|_| passwords.verify(&account, &Row::new(ROW), password()))
                .collect();
            for answer in answers {
                let _ = black_box(answer.await.unwrap());
            }
        };
        let mut late = Vec::new();
        let ticking = async {
            let mut due = Instant::now();
            loop {
                due += Duration::from_millis(1);
                tokio::time::sleep_until(due.into()).await;
                late.push(due.elapsed());
                due = due.max(Instant::now());
            }
        };
        tokio::select! {
            () = waiting => {}
            () = ticking => {}
        }
        late
    });
    late.sort_unstable();
    let at = |share: f64| late.get((late.len() as f64 * share) as usize).copied();
    println!(
        "\n{title}: {} ticks, late by {:?} at the median, {:?} at p99, {:?} at worst",
        late.len(),
        at(0.5),
        at(0.99),
        late.last()
    );
}
