//! Whether the time that a refusal takes tells why it is one.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keyward_base::{BoxFuture, Result};
use keyward_benches::is_wanted;
use keyward_password::directory::Entry;
use keyward_password::{
    Credential, Directory, DirectoryRows, Identifier, NewHash, Policy, Realm, Status, Tried,
};
use keyward_store::MemoryStore;

use crate::judged::{Branch, compare};
use crate::world::{World, address};

const TITLE: &str = "told by the time: who is refused at the log-in";

/// What a mistake would take: 0.2 ms more where nobody is found.
#[derive(Debug)]
struct Planted(DirectoryRows);

impl Directory for Planted {
    fn find<'a>(
        &'a self,
        realm: &'a Realm,
        identifier: &'a Identifier,
    ) -> BoxFuture<'a, Result<Option<Entry>>> {
        Box::pin(async move {
            let found = self.0.find(realm, identifier).await;
            let start = Instant::now();
            while matches!(found, Ok(None)) && start.elapsed() < Duration::from_micros(200) {}
            found
        })
    }

    fn renew<'a>(
        &'a self,
        realm: &'a Realm,
        identifier: &'a Identifier,
        entry: &'a Entry,
    ) -> BoxFuture<'a, Result<()>> {
        self.0.renew(realm, identifier, entry)
    }
}

/// No: some branch is told by its time.
pub(crate) fn run() -> bool {
    if !is_wanted(TITLE) {
        return true;
    }
    let is_planted = std::env::args().any(|arg| arg == "--planted");
    let small = NewHash::argon2id(7_168, 5, 1).unwrap();
    let policy = Policy::default().new_hashes(small);
    let world = World::new(
        policy,
        Arc::new(MemoryStore::new(1_000_000)),
        Arc::new(MemoryStore::new(10_000_000)),
        Box::new(move |rows| -> Arc<dyn Directory> {
            if is_planted {
                Arc::new(Planted(rows))
            } else {
                Arc::new(rows)
            }
        }),
    );
    // Another one in each round: what a hash takes depends a little on the password and the salt, by the
    // order in which it goes through its memory.
    let typed = Cell::new(0_u64);
    let mut branches: Vec<Branch<'_>> = log_in(&world, &typed);
    let before = || {
        world.later();
        typed.set(typed.get() + 1);
        // What is read anew after such a time is read.
        refused(&world, &address("warm"), b"wrong");
    };
    compare(
        TITLE,
        before,
        || world.passwords.pool().settle(),
        &mut branches,
    )
}

fn refused(world: &World, typed: &str, password: &[u8]) {
    let tried = world.attempt(typed, password);
    assert!(matches!(tried, Tried::Refused), "{tried:?}");
}

/// A wrong password, and all other ways to be refused.
fn log_in<'a>(world: &'a World, typed: &'a Cell<u64>) -> Vec<Branch<'a>> {
    let of = |text: &str| Credential::new(text, crate::world::NOW).unwrap();
    let good = || world.credential();
    let none = Credential::without_password(crate::world::NOW);
    let above = "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8";
    for (name, credential) in [
        ("warm", good()),
        ("wrong", good()),
        ("above", of(above)),
        ("changing", good().status(Status::Changing)),
        ("cut", good()),
        ("disabled", good().status(Status::Disabled)),
        ("flipped", good()),
        ("long", good()),
        ("newer", good()),
        ("nul", good()),
        ("unset", none),
        ("unsupported", of("$x$some hash that is long")),
    ] {
        world.put(name, credential);
    }
    world.alter("cut", |row| row.data.truncate(9));
    world.alter("flipped", |row| {
        let last = row.sealed.pop().unwrap();
        row.sealed.push(if last == 'A' { 'Q' } else { 'A' });
    });
    world.alter("newer", |row| row.data[4] = 9);
    let branch = |name: &'static str, address: String, more: &'static [u8]| -> Branch<'a> {
        let refuse = move || {
            let mut password = format!("wrong {}", typed.get()).into_bytes();
            password.extend_from_slice(more);
            refused(world, &address, &password);
        };
        (name, Box::new(refuse))
    };
    let with = |name, at: &str| branch(name, address(at), b"");
    vec![
        with("a wrong password", "wrong"),
        with("no account", "unknown"),
        branch("no address", "no address".to_owned(), b""),
        with("no password", "unset"),
        with("a disabled account", "disabled"),
        with("a change under way", "changing"),
        with("a row that was cut", "cut"),
        with("a row that was altered", "flipped"),
        with("a row of a newer release", "newer"),
        with("a scheme that is not known", "unsupported"),
        with("a hash above the ceiling", "above"),
        branch("a NUL", address("nul"), b"\0more"),
        branch("5,000 bytes", address("long"), &[b'x'; 5_000]),
    ]
}
