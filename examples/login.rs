//! Log-in with stored hashes that are sealed under a pepper and made anew where they are weak:
//!
//! ```text
//! login import USER     a stored string from standard input, as another service kept it
//! login check USER      a password from standard input
//! login wrap            a hash around each weak one, without its password
//! ```
#![allow(clippy::print_stdout)] // An example shows what it does.

use std::sync::Arc;

use keyward::base::{Door, Subject};
use keyward::embedded::Home;
use keyward::keys::KeyUse;
use keyward::password::{
    Account, Admission, Checked, Context, Credential, CredentialRows, Credentials as _, Password,
    Passwords, Policy, Realm, Upgrade, Upgrades,
};
use keyward::{Error, ErrorKind, Purpose, Result, SecretBytes, Tenant};

/// The service's own way in for its users, and the one set of users that it has.
fn account(user: &str) -> Result<Account> {
    let realm = Realm {
        door: Door::new("users"),
        tenant: Tenant::new("everybody")?,
    };
    Ok(realm.account(Subject::new(user)?))
}

async fn check(
    passwords: &Passwords,
    rows: &CredentialRows,
    account: &Account,
    password: Password,
) -> Result<&'static str> {
    let loaded = match rows.load(account).await {
        Ok(Some(loaded)) => loaded,
        // A row that was tampered with is told to the operator, and to the user what all are told.
        // A log-in form must spend a hash here too, or its answer tells who has an account.
        Ok(None) => return Ok("refused"),
        Err(e) if e.kind() == ErrorKind::Corrupt => return Ok("refused"),
        Err(e) => return Err(e),
    };
    let upgrades = Upgrades::new(passwords, Arc::new(rows.clone()));
    let upgraded = upgrades.check(account, &loaded, password).await?;
    Ok(match (upgraded.checked, upgraded.upgrade) {
        // `verified` would start a session.
        (Checked::Match { .. }, Upgrade::Done(_)) => "welcome; the hash was made anew",
        (Checked::Match { .. }, _) => "welcome",
        _ => "refused",
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let home = Home::open_default("login").await?;
    let ring = home.keyring();
    let pepper = Purpose::new("password")?;
    ring.admin().add_purpose(&pepper, KeyUse::Seal).await?;
    let clock = Arc::clone(ring.clock());
    let passwords = Passwords::new(Policy::default(), Admission::default(), Arc::clone(&clock))?;
    let rows = CredentialRows::builder(home.data().clone(), Door::new("users"), clock)
        .pepper(ring.clone())
        .meter(passwords.meter())
        .build()
        .await?;
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let typed = || SecretBytes::read(std::io::stdin(), 4096);
    match args.as_slice() {
        ["import", user] => {
            let text = typed()?;
            let text = std::str::from_utf8(text.expose()).unwrap_or_default();
            let credential = Credential::new(text.trim_end(), ring.clock().now()?)?;
            let stored = rows.insert(&account(user)?, credential).await?;
            println!(
                "{}",
                if stored.is_some() {
                    "stored"
                } else {
                    "is there"
                }
            );
        }
        ["check", user] => {
            let typed = Password::new(typed()?)?;
            println!(
                "{}",
                check(&passwords, &rows, &account(user)?, typed).await?
            );
        }
        ["wrap"] => {
            let done = rows
                .wrap_all(&passwords, &Context::default(), |_| {})
                .await?;
            println!("{} of {} wrapped", done.wrapped, done.seen);
        }
        _ => return Err(Error::misuse("login import USER, check USER or wrap")),
    }
    Ok(())
}
