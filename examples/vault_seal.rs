//! Seals a token, lists it by hint, and opens it again.
#![allow(clippy::print_stdout)] // An example shows what it does.

use keyward::embedded::{Home, HomeDir, Options};
use keyward::vault::{Expect, Kind, Slot};
use keyward::{Result, Role, SecretBytes};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    // The folder that `keyward keys init` made: KEYWARD_HOME, or the user's data folder.
    let home = Home::open(&HomeDir::from_env()?, &Options::from_env()).await?;
    let vault = home.vault();

    // Sealed before it reaches the database: only a hint of it is ever shown.
    let slot = Slot::new("acme", "account.github_token", "42")?;
    let token = SecretBytes::read(std::io::stdin(), 4096)?;
    let token = vault.credential(Kind::ApiKey, token)?;
    let role = Role::none(); // It opens for any caller of its tenant.
    vault.put(&slot, &token, &role, Expect::Any).await?;

    // Listing opens nothing.
    for item in vault.list(&slot.tenant, None, 100).await?.items {
        println!("{} {} {}", item.slot.place, item.slot.record, item.hint);
    }

    // Opened bytes are wiped when they go out of scope.
    let opened = vault.open(&slot, &role).await?;
    println!("{} bytes for the API call", opened.bytes().len());
    Ok(())
}
