//! A service as others see it: it holds a lease and takes part in every rotation. A line on
//! standard input is one request, `TENANT PLACE RECORD`; the answer is how many bytes it opened.
#![allow(clippy::print_stdout)] // An example shows what it does.

use keyward::embedded::Home;
use keyward::vault::Vault;
use keyward::{Error, Result};
use tokio::io::{AsyncBufReadExt as _, BufReader};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    // `web-1` is what `keyward keys status` calls this process. Until `home` is dropped it holds
    // a lease and reads the keyring anew, so that it has each new key before it is used.
    let home = Home::open_default("web-1").await?;

    println!("serving");
    let mut requests = BufReader::new(tokio::io::stdin()).lines();
    let broken = |e| Error::unavailable("standard input cannot be read").with_source(e);
    while let Some(request) = requests.next_line().await.map_err(broken)? {
        match answer(home.vault(), &request).await {
            Ok(bytes) => println!("{bytes} bytes"),
            Err(error) => println!("{error}"), // Safe to show: it holds no secret.
        }
    }
    Ok(())
}

async fn answer(vault: &Vault, request: &str) -> Result<usize> {
    let mut words = request.split(' ');
    let mut word = || words.next().unwrap_or_default();
    let place = vault.tenant(word())?.place(word())?;
    let opened = place.record(word())?.open().await?;
    Ok(opened.bytes().len())
}
