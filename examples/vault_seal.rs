//! Seals a token, lists it by hint, and opens it again.
#![allow(clippy::print_stdout)] // An example shows what it does.

use keyward::embedded::Home;
use keyward::vault::Credential;
use keyward::{Result, SecretBytes};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    // The home that `keyward keys init` made: KEYWARD_HOME, or the user's data folder.
    let home = Home::open_once().await?;
    let acme = home.vault().tenant("acme")?;
    let tokens = acme.place("account.github_token")?;

    // Sealed before it reaches the database: only a hint of it is ever shown.
    let token = Credential::api_key(SecretBytes::read(std::io::stdin(), 4096)?)?;
    // Whatever is there is lost; `insert` and `replace` lose nothing.
    tokens.record("42")?.overwrite(&token).await?;

    // Listing opens nothing.
    for item in acme.list(None, 100).await?.items {
        println!("{} {} {}", item.slot.place, item.slot.record, item.hint);
    }

    // Opened bytes are wiped when they go out of scope.
    let opened = tokens.record("42")?.open().await?;
    println!("{} bytes for the API call", opened.bytes().len());
    Ok(())
}
