//! Replaces the vault's key while the service runs: every value moves to a new key, and the old
//! key is destroyed when nothing needs it.
#![allow(clippy::print_stdout)] // An example shows what it does.

use keyward::embedded::{Embedded, Home, Options};
use keyward::keys::{KeyState, Promotion};
use keyward::vault::Rewrap;
use keyward::{Purpose, Result};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let home = Embedded::open(&Home::from_env()?, &Options::from_env()).await?;
    let admin = home.keyring().admin();

    // A new key is pending until every serving process has it; without any, it is active at once.
    let new = admin.rotate(&Purpose::new("vault")?).await?;
    while let Promotion::Waiting {
        acknowledged, of, ..
    } = admin.promote_ready().await?
    {
        println!("{acknowledged} of {of} serving processes have the new key");
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    println!("{new} is active");

    // Every value is sealed anew. This may be killed at any moment and run again.
    let report = Rewrap::new(home.vault()).run().await?;
    println!("{} values moved, {} left", report.moved, report.left);

    // Destroying counts the values once more, and refuses while one needs the key.
    let status = home.keyring().status();
    let retired = |id| {
        let key = status.keys.iter().find(|key| key.id == id);
        key.is_some_and(|key| key.state == KeyState::Retired)
    };
    for old in admin.usage().await?.keys {
        if !retired(old.key) {
            continue;
        }
        if old.unregistered {
            println!("{} stays: it sealed values that lie elsewhere", old.key);
            continue;
        }
        admin.disable(old.key).await?;
        let receipt = admin.destroy(old.key).await?;
        println!("{} is destroyed, at epoch {}", receipt.key, receipt.epoch);
    }
    Ok(())
}
