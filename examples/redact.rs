//! Masks in a log whatever the vault opens, in whatever form it is written.
#![allow(clippy::print_stdout)] // An example shows what it does.

use std::io::Write as _;

use keyward::Result;
use keyward::base::encoding::base64;
use keyward::embedded::Home;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let home = Home::open_once().await?;
    // Before anything is opened: from here on the vault tells it of every value.
    let redactor = home.redactor()?;

    let tokens = home.vault().tenant("acme")?.place("account.github_token")?;
    let opened = tokens.record("42")?.open().await?;
    let token = opened.bytes().expose();

    // A careless log line, split across writes: as it is, and encoded.
    let mut line = redactor.stream(Vec::new()).named();
    let written = line
        .write_all(b"token ")
        .and_then(|()| token.chunks(7).try_for_each(|piece| line.write_all(piece)))
        .and_then(|()| write!(line, ", basic {}", base64(&[b"x:", token].concat())))
        .and_then(|()| line.finish());
    println!("{}", String::from_utf8_lossy(&written.unwrap_or_default()));

    // A whole text, such as a page or a prompt.
    println!(
        "{}",
        redactor.text(&format!("{:?}", String::from_utf8_lossy(token)))
    );
    Ok(())
}
