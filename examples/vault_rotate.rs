//! Replaces the vault's key while services run: every value moves to a new key, and the old keys
//! are destroyed when nothing needs them. Killed at any moment and run again, it goes on.
#![allow(clippy::print_stdout)] // An example shows what it does.

use std::time::Duration;

use keyward::embedded::Home;
use keyward::keys::Stage;
use keyward::vault::Rewrap;
use keyward::{Purpose, Result};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let home = Home::open_once().await?;
    let mut rotation = home.keyring().admin().rotation(&Purpose::new("vault")?);
    loop {
        match rotation.step().await? {
            // Every serving process has to know first.
            Stage::Waiting {
                key,
                acknowledged,
                of,
                ..
            } => {
                println!("{key} waits: {acknowledged} of {of} serving processes are ready");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            Stage::Rewrap { .. } => {
                let report = Rewrap::new(home.vault()).run().await?;
                println!("{} values moved, {} left", report.moved, report.left);
            }
            Stage::Done { destroyed, kept } => {
                for old in destroyed {
                    println!("{} is destroyed, at epoch {}", old.key, old.epoch);
                }
                for old in kept {
                    println!("{old} stays: it sealed values that lie elsewhere");
                }
                return Ok(());
            }
            _ => return Ok(()),
        }
    }
}
