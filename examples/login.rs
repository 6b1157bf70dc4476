//! Log-in by one call: what was typed is throttled, admitted, checked against a hash that is sealed
//! under a pepper, and the hash is made anew where it is weak:
//!
//! ```text
//! login import ADDRESS   a stored string from standard input, as another service kept it
//! login check ADDRESS    a password from standard input
//! login wrap             a hash around each weak one, without its password
//! ```
#![allow(clippy::print_stdout)] // An example shows what it does.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use keyward::base::{AddressPrefix, BoxFuture, Door, Evidence as _, Retry, Subject};
use keyward::embedded::Home;
use keyward::keys::{KeyUse, Keyring, Life};
use keyward::password::{
    Admission, Attempt, Context, Credential, CredentialRows, DirectoryRows, Floor, Identifier,
    Limits, LogIn, Passwords, Policy, Realm, Throttle, Timer, Tried, Upgrade, Upgrades, device,
};
use keyward::sqlite::{Durability, SqliteStore};
use keyward::{Error, Purpose, Result, SecretBytes, Tenant};

/// The service's own way in for its users, and the one set of users that it has.
const USERS: Door = Door::new("users");

fn people() -> Result<Realm> {
    Ok(Realm {
        door: USERS,
        tenant: Tenant::new("people")?,
    })
}

/// Rows were taken over, some of which take longer than a hash of ours. Refusals take longer than any.
const FLOOR: Duration = Duration::from_millis(250);

#[derive(Debug)]
struct Tokio;

impl Timer for Tokio {
    fn after(&self, span: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(span))
    }
}

struct Service {
    ring: Keyring,
    passwords: Passwords,
    rows: CredentialRows,
    directory: DirectoryRows,
    log_in: LogIn,
}

impl Service {
    async fn on(home: &Home) -> Result<Self> {
        let ring = home.keyring().clone();
        let (pepper, login) = (Purpose::new("password")?, Purpose::new("login")?);
        ring.admin().add_purpose(&pepper, KeyUse::Seal).await?;
        let life = KeyUse::Mac(Life::AtMost(device::LIFE));
        ring.admin().add_purpose(&login, life).await?;
        let clock = Arc::clone(ring.clock());
        let passwords =
            Passwords::new(Policy::default(), Admission::default(), Arc::clone(&clock))?;
        let data = home.data().clone();
        let rows = CredentialRows::builder(data.clone(), USERS, clock)
            .pepper(ring.clone())
            .meter(passwords.meter())
            .build()
            .await?;
        // Tries have a file of their own: they outlast a crash, and no log-in waits for the disk.
        let tries = SqliteStore::builder(data.path().with_file_name("tries.db"))
            .durability(Durability::Normal)
            .open()?;
        let throttle = Throttle::new(Arc::new(tries), ring.clone(), Limits::default()).await?;
        let directory = DirectoryRows::builder(data, ring.clone()).build().await?;
        let (found, upgrades) = (
            Arc::new(directory.clone()),
            Upgrades::new(&passwords, Arc::new(rows.clone())),
        );
        let log_in = LogIn::builder(people()?, ring.clone(), found, upgrades, throttle)
            .floor(Floor::new(Arc::new(Tokio), FLOOR))
            .build()
            .await?;
        Ok(Self {
            ring,
            passwords,
            rows,
            directory,
            log_in,
        })
    }

    /// As a form's handler does it.
    async fn check(&self, identifier: &str, password: SecretBytes) -> Result<String> {
        let attempt = Attempt {
            identifier,
            password,
            // The peer's, of a request.
            prefix: AddressPrefix::of(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            // The cookie `device`, of a request that has it.
            device: None,
        };
        Ok(match self.log_in.check(attempt).await? {
            // It would start a session, and its token would go into the cookie `device`.
            Tried::In(logged_in) => {
                let anew = match logged_in.upgrade() {
                    Upgrade::Done(_) => "; the hash was made anew",
                    _ => "",
                };
                format!("welcome, {}{anew}", logged_in.subject().as_str())
            }
            Tried::Refused => "refused".to_owned(),
            Tried::Blocked(blocked) => {
                let wait = Retry::wait(blocked.retry, self.ring.clock().now()?);
                format!("too many tries: {} seconds", wait.as_secs())
            }
        })
    }

    /// No: there is such an account.
    async fn import(&self, typed: &str, stored: &str) -> Result<bool> {
        let (realm, identifier) = (people()?, Identifier::email(typed)?);
        let (user, _) = typed.split_once('@').unwrap_or_default();
        let (subject, organisation) = (Subject::new(user)?, Tenant::new("acme")?);
        let credential = Credential::new(stored, self.ring.clock().now()?)?;
        let account = realm.account(subject.clone());
        let directory = &self.directory;
        Ok(self.rows.insert(&account, credential).await?.is_some()
            && directory
                .insert(&realm, &identifier, &subject, &organisation)
                .await?)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let home = Home::open_default("login").await?;
    let service = Service::on(&home).await?;
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let typed = || SecretBytes::read(std::io::stdin(), 4096);
    match args.as_slice() {
        ["import", address] => {
            let text = typed()?;
            let text = std::str::from_utf8(text.expose()).unwrap_or_default();
            let is_new = service.import(address, text.trim_end()).await?;
            println!("{}", if is_new { "stored" } else { "is there" });
        }
        ["check", address] => println!("{}", service.check(address, typed()?).await?),
        ["wrap"] => {
            let (passwords, none) = (&service.passwords, Context::default());
            let done = service.rows.wrap_all(passwords, &none, |_| {}).await?;
            println!("{} of {} wrapped", done.wrapped, done.seen);
        }
        _ => return Err(Error::misuse("login import ADDRESS, check ADDRESS or wrap")),
    }
    Ok(())
}
