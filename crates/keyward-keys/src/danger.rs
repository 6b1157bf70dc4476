//! Hazards: each can lose data or bring back what was withdrawn. See `docs/runbook.md` first.

mod export;

use keyward_base::audit::Outcome;
use keyward_base::{Error, KeyId, Result};

use crate::admin::{Admin, Receipt};
use crate::anchor::{Anchor, Pin};
use crate::coverage::Coverage;
use crate::keyring::{Keyring, KeyringBuilder, MAX_TRIES, contended};

pub use export::{export, import};

/// An anchor that knows nothing and remembers nothing, while a restored ring is accepted.
#[derive(Debug)]
struct Forgetful;

impl Anchor for Forgetful {
    fn load(&self) -> Result<Option<Pin>> {
        Ok(None)
    }

    fn store(&self, _: Pin) -> Result<()> {
        Ok(())
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
    let pinned = anchor.load()?;
    let keyring = builder
        .clone()
        .anchor(std::sync::Arc::new(Forgetful))
        .open()
        .await?;
    let least = pinned.map_or(0, |pin| pin.epoch);
    for _ in 0..MAX_TRIES {
        keyring.refresh().await?;
        let known = keyring.snapshot();
        let mut next = known.ring.next_epoch()?;
        next.epoch = next.epoch.max(
            least
                .checked_add(1)
                .ok_or_else(|| Error::misuse("the last epoch was used"))?,
        );
        let here = Pin {
            ring: next.id,
            epoch: next.epoch,
        };
        if keyring.commit(&known, next).await?.is_some() {
            anchor.store(here)?;
            keyring.record("keys.accept-restore", None, Outcome::Done)?;
            return builder.anchor(anchor).open().await;
        }
    }
    Err(contended())
}

/// [`Admin::destroy`], although values outside any registered column were sealed with the key, or
/// may have been. Whatever of them is left cannot be opened again.
///
/// # Errors
/// As [`Admin::destroy`], but for values that were never registered.
pub async fn destroy_unregistered(
    admin: &Admin,
    id: KeyId,
    columns: &[&dyn Coverage],
) -> Result<Receipt> {
    let result = admin.try_destroy(id, columns, true).await;
    admin.audited("keys.destroy-unregistered", Some(id), result)
}
