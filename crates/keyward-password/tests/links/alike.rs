//! Whoever exists: what is asked for costs the same work, and writes the same.

use std::sync::Arc;

use keyward_base::SystemClock;
use keyward_password::mail::{Ask, MailPolicy};
use keyward_password::{Admission, Ledger, Passwords, Policy};

use crate::world::{NEW, OLD, Process, World, email, purpose, realm};

/// Who the address is of.
#[derive(Clone, Copy, Debug)]
enum Who {
    Account,
    Capped,
    CappedNobody,
    Changing,
    Disabled,
    Damaged,
    KeyMissing,
    Newer,
    NewerEntry,
    Nobody,
    WithoutCredential,
}

const ALL: [Who; 11] = [
    Who::Account,
    Who::Capped,
    Who::CappedNobody,
    Who::Changing,
    Who::Disabled,
    Who::Damaged,
    Who::KeyMissing,
    Who::Newer,
    Who::NewerEntry,
    Who::Nobody,
    Who::WithoutCredential,
];

/// What one that is asked for costs: the calls of the store with the sizes of what is written, and the
/// work that was done.
async fn cost(who: Who, what: Ask, rotated: bool) -> (Vec<String>, Ledger) {
    let world = World::new().await;
    let clock = Arc::new(SystemClock::new());
    let passwords = Passwords::new(Policy::default(), Admission::default(), clock).unwrap();
    let mut here = world
        .process_with(&realm(), MailPolicy::default(), passwords.clone())
        .await;
    let address = prepare(&world, &mut here, who).await;
    if rotated {
        here.ring.admin().rotate(&purpose("login")).await.unwrap();
        here.ring.admin().promote_ready().await.unwrap();
    }
    // What is read once and kept.
    here.ask(what, "warm@example.com").await.unwrap();
    here.courier.run_once().await;
    let before = passwords.ledger();
    world.data.take_told();
    here.ask(what, address).await.unwrap();
    let calls = world.data.take_told();
    let mut ledger = passwords.ledger();
    ledger.seals_opened -= before.seals_opened;
    ledger.seals_made -= before.seals_made;
    ledger.hashes.clear();
    assert_eq!(
        passwords.ledger().total(),
        before.total(),
        "nothing is hashed"
    );
    assert_eq!(
        here.courier.run_once().await,
        mailed(who, what),
        "{who:?} {what:?}"
    );
    (calls, ledger)
}

fn mailed(who: Who, what: Ask) -> usize {
    match (who, what) {
        (
            Who::Capped
            | Who::CappedNobody
            | Who::Damaged
            | Who::KeyMissing
            | Who::Newer
            | Who::NewerEntry
            | Who::WithoutCredential,
            _,
        )
        | (Who::Changing, Ask::SignIn) => 0,
        _ => 1,
    }
}

async fn prepare(world: &World, here: &mut Process, who: Who) -> &'static str {
    let address = "ada@example.com";
    if matches!(who, Who::Nobody | Who::CappedNobody) {
        if matches!(who, Who::CappedNobody) {
            spend(here).await;
        }
        return address;
    }
    let account = here.register(address, "1").await;
    match who {
        Who::Capped => spend(here).await,
        Who::Changing => {
            let evidence = here.log_in(address, OLD).await.unwrap();
            drop(here.change(address, evidence, NEW).await.unwrap());
        }
        Who::Disabled => drop(here.accounts.disable(&email(address)).await.unwrap()),
        Who::Damaged => world.damage("credential/users").await,
        Who::KeyMissing => {
            let password = purpose("password");
            let old = here.ring.status().keys;
            let old = old.iter().find(|key| key.purpose == password).unwrap().id;
            here.ring.admin().rotate(&password).await.unwrap();
            here.ring.admin().promote_ready().await.unwrap();
            here.ring.admin().disable(old).await.unwrap();
        }
        Who::Newer => world.edit("credential/users", |data| data[4] = 9).await,
        Who::NewerEntry => world.edit("directory", |data| data[4] = 9).await,
        Who::WithoutCredential => {
            use keyward_password::Credentials as _;
            let loaded = here.rows.load(&account).await.unwrap().unwrap();
            assert!(here.rows.remove(&account, loaded.version).await.unwrap());
        }
        Who::Account | Who::CappedNobody | Who::Nobody => {}
    }
    address
}

async fn spend(here: &mut Process) {
    for _ in 0..3 {
        here.ask(Ask::Reset, "ada@example.com").await.unwrap();
    }
    assert_eq!(here.courier.run_once().await, 3);
}

#[tokio::test]
async fn every_branch_reads_writes_and_opens_as_much() {
    for rotated in [false, true] {
        for what in [Ask::Reset, Ask::SignIn, Ask::SignUp] {
            let (calls, ledger) = cost(Who::Nobody, what, rotated).await;
            let found = |what: &str| calls.iter().filter(|call| call.contains(what)).count();
            assert_eq!(
                (found("reserve"), found("insert(mail:0+")),
                (2, 1),
                "{calls:?}"
            );
            for who in ALL {
                let (other, work) = cost(who, what, rotated).await;
                assert_eq!(other, calls, "{who:?} {what:?}, rotated: {rotated}");
                assert_eq!(work, ledger, "{who:?} {what:?}, rotated: {rotated}");
            }
        }
    }
}
