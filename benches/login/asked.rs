//! Whether the time that sign-up and forgot password take tells who has an account.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};

use keyward_base::audit::Discard;
use keyward_base::{AddressPrefix, BoxFuture, Result, Trail};
use keyward_benches::is_wanted;
use keyward_password::mail::{Ask, Courier, Letter, Mailer, Outbox};
use keyward_password::{Accounts, Identifier, Mail, NewHash, Policy, Status};
use keyward_store::MemoryStore;

use crate::judged::{Branch, compare};
use crate::world::{NOW, World, address, people};

const FORGOT: &str = "told by the time: who is mailed a link at forgot password";
const SIGN_UP: &str = "told by the time: who is mailed a link at sign-up";

/// Takes letters and does nothing with them.
#[derive(Debug)]
struct Nowhere;

impl Mailer for Nowhere {
    fn send(&self, _: Letter) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { Ok(()) })
    }
}

struct Asked {
    world: World,
    mail: Mail,
    courier: RefCell<Courier>,
    next: Cell<u32>,
    is_planted: bool,
}

/// No: some branch is told by its time.
pub(crate) fn run() -> bool {
    if !is_wanted(FORGOT) && !is_wanted(SIGN_UP) {
        return true;
    }
    let small = NewHash::argon2id(7_168, 5, 1).unwrap();
    let world = World::new(
        Policy::default().new_hashes(small),
        Arc::new(MemoryStore::new(1_000_000)),
        Arc::new(MemoryStore::new(1_000_000)),
        Box::new(|rows| Arc::new(rows)),
    );
    for (name, status) in [
        ("here", Status::Active),
        ("capped", Status::Active),
        ("disabled", Status::Disabled),
        ("changing", Status::Changing),
        ("damaged", Status::Active),
    ] {
        let credential = world.credential().status(status);
        world.put(
            name,
            credential.at_revision(keyward_base::Revision::FIRST, NOW),
        );
    }
    world.alter("damaged", |row| row.data.truncate(9));
    let trail = Trail::new(Arc::new(Discard::new()));
    let (outbox, courier) = Outbox::new(64, Arc::new(Nowhere), trail, world.clock.clone());
    let (rows, directory) = (world.rows.clone(), world.directory.clone());
    let accounts = Accounts::new(people(), rows, directory, world.passwords.clone(), outbox);
    let attempts = Arc::new(MemoryStore::new(1_000_000));
    let mail = Mail::builder(accounts.unwrap(), attempts).build();
    let mail = world.runtime.block_on(mail).unwrap();
    let asked = Asked {
        world,
        mail,
        courier: RefCell::new(courier),
        next: Cell::new(0),
        is_planted: std::env::args().any(|arg| arg == "--planted"),
    };
    let forgot = asked.compare(FORGOT, Ask::Reset);
    let sign_up = asked.compare(SIGN_UP, Ask::SignUp);
    forgot && sign_up
}

impl Asked {
    fn compare(&self, title: &str, what: Ask) -> bool {
        let before = || {
            self.world.later();
            for _ in 0..3 {
                self.ask(what, "capped");
                self.ask(what, "capped-nobody");
            }
            self.ask(what, "warm");
            self.drain();
            self.world.runtime.block_on(self.mail.sweep(1_000)).unwrap();
        };
        let branch = |name: &'static str, of: &'static str| -> Branch<'_> {
            (name, Box::new(move || self.ask(what, of)))
        };
        let mut branches = [
            branch("an account", "here"),
            branch("none", "nobody"),
            branch("a disabled account", "disabled"),
            branch("a change under way", "changing"),
            branch("a row that was cut", "damaged"),
            branch("the cap is spent", "capped"),
            branch("the cap is spent, and no account", "capped-nobody"),
        ];
        compare(title, before, || self.drain(), &mut branches)
    }

    /// From an address that nobody had before.
    fn ask(&self, what: Ask, name: &str) {
        let n = self.next.get();
        self.next.set(n + 1);
        let from = AddressPrefix::of(std::net::Ipv4Addr::from_bits(n).into());
        let address = Identifier::email(&address(name)).unwrap();
        let asked = self.mail.ask(what, &address, from);
        self.world.runtime.block_on(asked).unwrap();
        // What a mistake would take.
        let start = Instant::now();
        let is_planted = self.is_planted && name == "nobody";
        while is_planted && start.elapsed() < Duration::from_micros(200) {}
    }

    fn drain(&self) {
        let mut courier = self.courier.borrow_mut();
        self.world.runtime.block_on(courier.run_once());
    }
}
