//! What anchors have: the root log's head, under one name.

use keyward_base::Result;
use keyward_crypto::Provider;
use keyward_keys::{Advance, Anchor, Pin, PinName};
use keyward_store::{Records, Scan};

use super::root::View;
use super::round::MAX_TRIES;
use super::{Audit, HEADS, Of, contended, put_back};
use crate::head::Head;

/// The name under which anchors have the root log.
pub(super) fn pin_name() -> Result<PinName> {
    PinName::new("log/root")
}

/// Pins what no root log is, where nothing is pinned and there are logs.
pub(crate) async fn doubt(
    store: &dyn Records,
    anchor: &dyn Anchor,
    provider: &Provider,
) -> Result<()> {
    if anchor.load(&pin_name()?)?.is_some() {
        return Ok(());
    }
    let heads = store.scan(Scan::of(HEADS).limit(1)).await?;
    if heads.items.is_empty() && heads.damaged.is_empty() {
        return Ok(());
    }
    let mut pin = Pin {
        id: [0; 16],
        counter: 0,
        digest: [0; 32],
    };
    provider.fill(&mut pin.id)?;
    // Not replaced: another pinned one meanwhile.
    anchor.replace(&pin_name()?, None, &pin)?;
    Ok(())
}

impl Audit {
    pub(super) fn pin_of(&self, head: &Head) -> Pin {
        let (counter, digest) = self.now(head);
        Pin {
            id: head.log,
            counter,
            digest,
        }
    }

    /// Checks that the root log goes on from what every anchor has of it.
    pub(super) async fn check_pins(&self, view: &mut View) -> Result<Vec<Option<Pin>>> {
        let mut held = Vec::new();
        for anchor in &self.0.anchors {
            held.push(anchor.load(&pin_name()?)?);
        }
        // Another one than was read before, if somebody accepted it.
        let mut ids = held.iter().map(|held| held.map(|pin| pin.id));
        let first = ids.next().flatten();
        view.trusted = first.filter(|id| ids.all(|other| other == Some(*id)));
        // After the anchors: others may have pinned a later one meanwhile.
        let root = self.read_root(view).await?;
        for pin in held.iter().flatten() {
            let has = (pin.counter, pin.digest);
            if root.version.is_none() || pin.id != root.head.log {
                return Err(put_back());
            }
            if view.pinned != Some(has) && self.now(&root.head) != has {
                let now = self.checkpoint_of(&root.head)?;
                self.follows(&Of::Root, &root.head, &now, pin).await?;
            }
        }
        Ok(held)
    }

    /// Pins the head of the root log with every anchor.
    pub(super) async fn pin(&self, view: &mut View) -> Result<()> {
        if self.0.anchors.is_empty() {
            return Ok(());
        }
        for _ in 0..MAX_TRIES {
            let held = self.check_pins(view).await?;
            let root = self.read_root(view).await?;
            if root.version.is_none() {
                return Ok(());
            }
            let pin = self.pin_of(&root.head);
            if held.iter().any(|held| *held != Some(pin)) {
                self.tile(&Of::Root).await?;
            }
            let mut is_older = false;
            for anchor in &self.0.anchors {
                match anchor.advance(&pin_name()?, &pin)? {
                    Advance::Pinned => {}
                    // Another process pinned a later one: whether it goes on from this, the next try
                    // tells.
                    Advance::Older(held) if held.id == pin.id => is_older = true,
                    Advance::Older(_) | Advance::Fork(_) | Advance::Foreign(_) => {
                        return Err(put_back());
                    }
                }
            }
            if !is_older {
                view.pinned = Some((pin.counter, pin.digest));
                return Ok(());
            }
        }
        Err(contended())
    }
}
