//! What can bring back withdrawn keys. Read `docs/runbook.md` first.

use std::sync::Arc;

use keyward_base::audit::Outcome;
use keyward_base::{Event, Result};
use keyward_keys::{FileAnchor, danger};

use crate::home::{Home, Options, Parts};
use crate::home_dir::HomeDir;

/// Opens a home whose keyring is older than its anchor remembers, and makes that keyring the
/// newest: after a disaster, when the newer one is lost for good. Makes an anchor that is missing,
/// too: after somebody saw that no older keyring was put back.
///
/// Keys made since that backup are lost with the values they sealed; keys destroyed since are
/// back. The home's own logs end where the data store has them, and others go on from there under
/// new names ([`keyward_audit::danger::accept_restore`]).
///
/// # Errors
/// As [`Home::open`], but for the age of the keyring.
pub async fn accept_restore(dir: &HomeDir, options: &Options) -> Result<Home> {
    let parts = Parts::existing(dir, options)?;
    let anchor = Arc::new(FileAnchor::new(parts.anchor().to_owned()));
    // Before the anchor has the ring: cut short after that, a new anchor would have the logs as they
    // are, under the names that they had when what is lost was signed.
    keyward_audit::danger::doubt(parts.data(), anchor.as_ref(), &options.provider).await?;
    if !parts.way.is_own() {
        let keyring = danger::accept_restore(parts.keyring(options), anchor).await?;
        let home = parts.finish(dir, options, keyring).await?;
        if let Ok(logs) = home.audit() {
            keyward_audit::danger::accept_restore(logs).await?;
        }
        return Ok(home);
    }
    // No key of this keyring vouches for anything before it is accepted: it is recorded after.
    parts.way.nowhere()?;
    let accepted = danger::accept_restore(parts.keyring(options), anchor).await?;
    accepted.leave().await?;
    drop(accepted);
    let home = Home::open(dir, options).await?;
    // Before it is recorded: in the log that goes on.
    if let Ok(logs) = home.audit() {
        keyward_audit::danger::accept_restore(logs).await?;
    }
    let now = options.clock.now()?;
    let event = Event::new(now, "keys.accept-restore", Outcome::Done);
    home.vault().trail().note(event).await;
    Ok(home)
}
