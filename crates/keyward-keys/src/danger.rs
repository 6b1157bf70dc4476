//! Hazards: each can lose data or bring back what was withdrawn. See `docs/runbook.md` first.

mod export;

use keyward_base::audit::Outcome;
use keyward_base::{Error, KeyId, Result};

use crate::admin::{Admin, Destruction, Even};
use crate::anchor::{Advance, Anchor, Pin, PinName};
use crate::keyring::{Keyring, KeyringBuilder};
use crate::records::{MAX_TRIES, contended};

pub use export::{export, import};

/// An anchor that knows nothing and remembers nothing, while a restored ring is accepted.
#[derive(Debug)]
struct Forgetful;

impl Anchor for Forgetful {
    fn load(&self, _: &PinName) -> Result<Option<Pin>> {
        Ok(None)
    }

    fn advance(&self, _: &PinName, _: &Pin) -> Result<Advance> {
        Ok(Advance::Pinned)
    }

    fn replace(&self, _: &PinName, _: Option<&Pin>, _: &Pin) -> Result<bool> {
        Ok(true)
    }

    fn describe(&self) -> String {
        "(none)".to_owned()
    }
}

/// Accepts a ring that is older than the anchor has seen, or another: after a disaster, when the
/// newer one is lost for good.
///
/// Keys made since the backup are lost, and so are the values sealed with them. Keys destroyed
/// since are back: destroy them again. The ring's epoch is raised above the anchor's, so that no
/// other copy of the old ring is accepted after this one.
///
/// # Errors
/// As [`KeyringBuilder::open`], but for the age of the ring.
pub async fn accept_restore(
    builder: KeyringBuilder,
    anchor: std::sync::Arc<dyn Anchor>,
) -> Result<Keyring> {
    let name = PinName::ring();
    let pinned = anchor.load(&name)?;
    let keyring = builder
        .clone()
        .anchor(std::sync::Arc::new(Forgetful))
        .open()
        .await?;
    let act = keyring.admin().intend("keys.accept-restore", None).await?;
    let least = pinned.as_ref().map_or(0, |pin| pin.counter);
    for _ in 0..MAX_TRIES {
        keyring.refresh().await?;
        let known = keyring.snapshot();
        let mut next = known.ring.next_epoch()?;
        next.epoch = next.epoch.max(
            least
                .checked_add(1)
                .ok_or_else(|| Error::misuse("the last epoch was used"))?,
        );
        if keyring.commit(&known, next).await? {
            let here = keyring.snapshot().pin();
            if !anchor.replace(&name, pinned.as_ref(), &here)? {
                return Err(Error::unavailable(format!(
                    "the anchor {} was raised meanwhile: another process uses the keyring that this one is to replace; stop it and try again",
                    anchor.describe()
                )));
            }
            act.end(keyring.clock().as_ref(), Outcome::Done).await;
            return builder.anchor(anchor).open().await;
        }
    }
    Err(contended())
}

/// [`Admin::destroy_ready`], although values outside any registered column were sealed with the key, or
/// may have been. Whatever of them is left cannot be opened again.
///
/// # Errors
/// As [`Admin::destroy_ready`], but for values that were never registered.
pub async fn destroy_unregistered(admin: &Admin, id: KeyId) -> Result<Destruction> {
    admin
        .destroy_recorded("keys.destroy-unregistered", id, Even::Unregistered)
        .await
}

/// [`Admin::destroy_ready`] of a Disabled key that MACs, although what it MACed has not expired, or
/// is counted nowhere: whatever of it is left is refused from then on, for good. For a key that
/// leaked.
///
/// # Errors
/// `Misuse` if the key is not Disabled, or does not MAC; `Unavailable` if a store or the audit
/// cannot be reached; `Corrupt` if the registry of columns is not what was written.
pub async fn destroy_early(admin: &Admin, id: KeyId) -> Result<Destruction> {
    admin
        .destroy_recorded("keys.destroy-early", id, Even::Early)
        .await
}
