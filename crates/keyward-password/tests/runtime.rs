//! A runtime of one thread goes on while passwords are hashed: nothing of it is done there.
#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used, missing_docs)] // Tests: a panic is the report.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use keyward_base::{Door, SecretBytes, Subject, SystemClock, Tenant};
use keyward_password::pool::Need;
use keyward_password::{Account, Admission, Password, Passwords, Policy, Row, Verdict, danger};

const WEAK: &str = "$argon2id$v=19$m=8192,t=1,p=1$c29tZSBzYWx0IG9mIDE2IQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8";
/// Ticks that the only worker waits for before it goes on.
const TICKS: u64 = 1_000;

#[test]
fn a_ticker_goes_on_while_all_workers_hash() {
    let admission = Admission::default()
        .workers(1)
        .wait(Duration::from_secs(600));
    let clock = Arc::new(SystemClock::new());
    let passwords = Passwords::new(Policy::default(), admission, clock).unwrap();
    let tenant = Tenant::new("acme").unwrap();
    let account = Account {
        door: Door::new("users"),
        tenant: tenant.clone(),
        subject: Subject::new("ann").unwrap(),
    };
    let password = || Password::new(SecretBytes::copy_of(b"a password")).unwrap();
    let ticks = Arc::new(AtomicU64::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        // Ends only when the runtime's thread has ticked: on that thread it would never end.
        let gate = |at: u64| {
            let ticks = Arc::clone(&ticks);
            passwords.pool().run(&tenant, Need::default(), move |_| {
                while ticks.load(Ordering::SeqCst) < at {
                    thread::yield_now();
                }
                Ok(thread::current().id())
            })
        };
        let first = gate(TICKS);
        let hashed = danger::hash_unjudged(&passwords, &tenant, password());
        let verified = passwords.verify(&account, &Row::new(WEAK), password());
        let wrapped = passwords.wrap(&tenant, &Row::new(WEAK));
        let last = gate(2 * TICKS);
        let work = async {
            let worker = first.await.unwrap();
            assert!(ticks.load(Ordering::SeqCst) >= TICKS);
            hashed.await.unwrap();
            assert_eq!(verified.await.unwrap().verdict(), Verdict::Mismatch);
            let _ = wrapped.await.unwrap();
            assert_eq!(last.await.unwrap(), worker, "there is one worker");
            assert_ne!(worker, thread::current().id());
        };
        let ticker = async {
            loop {
                ticks.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = work => {}
            () = ticker => {}
        }
    });
    assert!(ticks.load(Ordering::SeqCst) >= 2 * TICKS);
    assert_eq!(passwords.ledger().total(), 3);
}
