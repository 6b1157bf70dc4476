//! Destroying a ring key, once nothing needs it.

use keyward_base::{Error, KeyId, Result, Timestamp};

use super::Admin;
use crate::coverage::Coverage;
use crate::ring::KeyState;

/// That a key was destroyed: its wrapped material is gone from the ring.
///
/// How final that is: from now on every process refuses the key. The old record may still lie in
/// the store's free pages or its log until the store erases them, and in backups of the key
/// store, where whoever also has the root can unwrap it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The key.
    pub key: KeyId,
    /// The ring's epoch from which on it is gone.
    pub epoch: u64,
    /// When.
    pub at: Timestamp,
    /// How many tenant keys only it could unwrap.
    pub tenant_keys: u64,
}

impl Admin {
    /// Destroys a Disabled key that no value of any registered column needs.
    ///
    /// # Errors
    /// `Misuse` if the key is not Disabled, if values need it, if a registered column is not
    /// among `columns`, or if values outside registered columns may need it (see
    /// [`danger::destroy_unregistered`](crate::danger::destroy_unregistered)); `Unavailable` if a
    /// live replica has not acknowledged that it is disabled, or a store cannot be reached.
    pub async fn destroy(&self, id: KeyId, columns: &[&dyn Coverage]) -> Result<Receipt> {
        let result = self.try_destroy(id, columns, false).await;
        self.audited("keys.destroy", Some(id), result)
    }

    pub(crate) async fn try_destroy(
        &self,
        id: KeyId,
        columns: &[&dyn Coverage],
        even_unregistered: bool,
    ) -> Result<Receipt> {
        self.keyring.refresh().await?;
        self.check_disabled_everywhere(id).await?;
        self.check_all_counted(columns).await?;
        self.close(id, columns).await?;
        let usage = self.usage(columns).await?;
        let usage = usage
            .iter()
            .find(|usage| usage.key == id)
            .ok_or_else(|| Error::misuse(format!("the keyring has no key {id}")))?;
        if usage.rows > 0 {
            return Err(Error::misuse(format!(
                "{} values still need key {id}: seal them anew with `keyward vault rewrap`",
                usage.rows
            )));
        }
        if usage.unregistered && !even_unregistered {
            return Err(Error::misuse(format!(
                "key {id} sealed values that are stored nowhere we can count: seal those anew, then destroy it with --even-unregistered"
            )));
        }
        self.change(|next, now| {
            if next
                .find(id)
                .is_some_and(|key| key.state == KeyState::Destroyed)
            {
                return Ok(false);
            }
            next.destroy(id, now)?;
            Ok(true)
        })
        .await?;
        let snapshot = self.keyring.snapshot();
        let destroyed = snapshot
            .ring
            .find(id)
            .and_then(|key| Some((key.changed, key.destroyed?)));
        let (epoch, at) = destroyed
            .ok_or_else(|| Error::unavailable("the key came back: read the ring again"))?;
        Ok(Receipt {
            key: id,
            epoch,
            at,
            tenant_keys: usage.tenant_keys,
        })
    }

    /// Puts the fences up, so that what is counted next stays true: a process that took a key
    /// under this one long ago, and was slow, cannot write with it any more.
    async fn close(&self, id: KeyId, columns: &[&dyn Coverage]) -> Result<()> {
        let snapshot = self.keyring.snapshot();
        let Some(purpose) = snapshot.ring.find(id).map(|key| &key.purpose) else {
            return Ok(());
        };
        let least_seq = snapshot.ring.active(purpose)?.promoted_epoch;
        for column in columns {
            column.close(purpose, least_seq).await?;
        }
        Ok(())
    }

    /// The key is Disabled, and every live replica knows.
    async fn check_disabled_everywhere(&self, id: KeyId) -> Result<()> {
        let snapshot = self.keyring.snapshot();
        let key = snapshot
            .ring
            .find(id)
            .ok_or_else(|| Error::misuse(format!("the keyring has no key {id}")))?;
        match key.state {
            KeyState::Disabled => {}
            KeyState::Destroyed => return Err(Error::misuse("the key is already destroyed")),
            _ => {
                return Err(Error::misuse(format!(
                    "disable the key first, and see that nothing misses it: keyward keys disable {id}"
                )));
            }
        }
        let behind = self
            .keyring
            .replicas()
            .await?
            .into_iter()
            .find(|r| r.epoch < key.changed);
        match behind {
            Some(replica) => Err(Error::unavailable(format!(
                "replica {} has not acknowledged that the key is disabled: try again in a moment",
                replica.name
            ))),
            None => Ok(()),
        }
    }

    /// Every column that anybody registered is among those this process can count.
    async fn check_all_counted(&self, columns: &[&dyn Coverage]) -> Result<()> {
        let missing = self
            .registered()
            .await?
            .into_iter()
            .find(|name| !columns.iter().any(|column| column.name() == name));
        match missing {
            Some(name) => Err(Error::misuse(format!(
                "column {name} is registered, and this process cannot count it: destroy the key from the service that can"
            ))),
            None => Ok(()),
        }
    }
}
