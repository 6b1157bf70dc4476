//! MAC and signing keys: from the view in memory, without I/O.

use std::sync::Arc;

use keyward_base::domain::Fields;
use keyward_base::{Domain, Error, KeyId, Purpose, Reason, Result, Tenant, Timestamp};
use keyward_crypto::sign::SIGNATURE_LEN;

use super::Keyring;
use crate::finder::Finder;
use crate::key_use::{Algorithm, Rules, Signs};
use crate::mac_handle::{MacHandle, MacVerifier};
use crate::reason;
use crate::ring::{KeyState, RingKey};
use crate::signing::{PublishedKey, SigningHandle};
use crate::snapshot::Snapshot;

impl Keyring {
    /// The ring's key that MACs for `purpose` now. Reads nothing.
    ///
    /// # Errors
    /// `Misuse` if the ring has no Active key of that purpose, or the purpose is not for MACs;
    /// `Unavailable` if the lease was lost or, where this process takes none, if what it knows of
    /// the ring is as old as a lease may grow: [`Keyring::refresh`] mends that.
    pub fn mac(&self, purpose: &Purpose) -> Result<MacHandle> {
        self.active_mac(purpose, None)
    }

    /// The key that MACs for `purpose` and `tenant` now, derived from the ring's. Reads nothing.
    ///
    /// # Errors
    /// As [`Keyring::mac`].
    pub fn tenant_mac(&self, purpose: &Purpose, tenant: &Tenant) -> Result<MacHandle> {
        self.active_mac(purpose, Some(tenant))
    }

    /// The ring's key that a token or record names, Active or Retired, to verify with. Reads
    /// nothing: a key that another process has just made is found by [`Keyring::find_mac`].
    ///
    /// # Errors
    /// As [`Keyring::mac`]; and `Rejected` with [`Reason::NOT_AUTHENTIC`] if no key of the purpose
    /// can have that id, [`reason::UNKNOWN_KEY`] if one may have and this process does not know it,
    /// [`reason::PENDING_KEY`] or [`reason::DESTROYED_KEY`]; `Unavailable` with
    /// [`reason::DISABLED_KEY`].
    pub fn mac_by_id(&self, purpose: &Purpose, id: KeyId) -> Result<MacVerifier> {
        self.named_mac(purpose, None, id)
    }

    /// [`Keyring::mac_by_id`] at a moment that the caller has just read from this keyring's clock: a
    /// check that looks at the time anyway reads it once. Whether what this process knows of the ring
    /// is new enough is judged by it.
    ///
    /// # Errors
    /// As [`Keyring::mac_by_id`].
    pub fn mac_by_id_at(
        &self,
        purpose: &Purpose,
        id: KeyId,
        now: Timestamp,
    ) -> Result<MacVerifier> {
        self.named_mac_at(purpose, None, id, now)
    }

    /// The key of `tenant` that a token or record names, derived from the ring's, to verify with.
    /// Reads nothing.
    ///
    /// # Errors
    /// As [`Keyring::mac_by_id`].
    pub fn tenant_mac_by_id(
        &self,
        purpose: &Purpose,
        tenant: &Tenant,
        id: KeyId,
    ) -> Result<MacVerifier> {
        self.named_mac(purpose, Some(tenant), id)
    }

    /// [`Keyring::mac_by_id`], or, if this process does not know the key and one may have that id,
    /// after reading the ring anew: within a budget
    /// ([`Policy::token_lookups`](crate::Policy::token_lookups)) that is not the one of sealed
    /// values. An id that was made up costs no reading.
    ///
    /// # Errors
    /// As [`Keyring::mac_by_id`]; `Unavailable` with [`reason::UNKNOWN_KEY`] if the budget is spent,
    /// or if the ring cannot be read.
    pub async fn find_mac(&self, purpose: &Purpose, id: KeyId) -> Result<MacVerifier> {
        self.look_for_mac(purpose, None, id).await
    }

    /// [`Keyring::find_mac`] for the key of `tenant`.
    ///
    /// # Errors
    /// As [`Keyring::find_mac`].
    pub async fn find_tenant_mac(
        &self,
        purpose: &Purpose,
        tenant: &Tenant,
        id: KeyId,
    ) -> Result<MacVerifier> {
        self.look_for_mac(purpose, Some(tenant), id).await
    }

    /// All keys of `purpose` under which a row may have its keyed name: the Active one first, then
    /// the Pending one, which another process may know as Active already, then the Retired ones, the
    /// latest first. Who looks a row up asks under each of them; who makes one asks that there is
    /// none. Reads nothing.
    ///
    /// # Errors
    /// As [`Keyring::mac`]; `Unavailable` with [`reason::DISABLED_KEY`] if one of them is disabled,
    /// since a row under it would seem not to be there.
    pub fn finders(&self, purpose: &Purpose) -> Result<Vec<Finder>> {
        self.check_view_now(self.0.clock.now()?)?;
        let snapshot = self.snapshot();
        snapshot.ring.rules_for(purpose, Algorithm::Mac)?;
        let active = snapshot.ring.active(purpose)?.id;
        let of_purpose = |key: &&RingKey| key.purpose == *purpose;
        let mut found = Vec::new();
        for key in snapshot.ring.keys.iter().rev().filter(of_purpose) {
            if key.state == KeyState::Destroyed {
                continue;
            }
            if key.state == KeyState::Disabled {
                key.state.check_opens()?;
            }
            let finder = Finder {
                id: key.id,
                key: Arc::clone(&snapshot.names(key.id)?.of_ring),
            };
            let front = if key.id == active { 0 } else { found.len() };
            found.insert(front, finder);
        }
        Ok(found)
    }

    /// The ring's key that signs for `purpose` now. Reads nothing.
    ///
    /// # Errors
    /// As [`Keyring::mac`], for a purpose that signs.
    pub fn signing(&self, purpose: &Purpose) -> Result<SigningHandle> {
        self.active_signing(purpose, None)
    }

    /// The key that signs for `purpose` and `tenant` now, derived from the ring's. Reads nothing.
    /// Its public half is in no list: keep it with what it signed.
    ///
    /// # Errors
    /// As [`Keyring::signing`].
    pub fn tenant_signing(&self, purpose: &Purpose, tenant: &Tenant) -> Result<SigningHandle> {
        self.active_signing(purpose, Some(tenant))
    }

    /// The Pending key of a purpose that signs raw bytes, so that the one before and the one to
    /// come sign the same note: nobody else says there who follows. None: no key is pending.
    ///
    /// # Errors
    /// As [`Keyring::signing`]; `Misuse` if the purpose signs a domain and fields, where the ring
    /// has said who follows.
    pub fn pending_signing(&self, purpose: &Purpose) -> Result<Option<SigningHandle>> {
        let (snapshot, signs) = self.view_of_signing(purpose)?;
        if signs != Signs::Raw {
            return Err(Error::misuse(
                "the pending key of this purpose signs nothing until it is promoted: the key before it has signed that it follows",
            ));
        }
        let pending = snapshot.ring.pending(purpose);
        pending
            .map(|key| signing_of(&snapshot, key, signs, None))
            .transpose()
    }

    /// All public keys of a purpose that signs, in the order they were made: pending, active,
    /// retired, disabled and destroyed ones. Reads nothing.
    ///
    /// # Errors
    /// `Misuse` if the ring has no such purpose, or it does not sign.
    pub fn verifying_keys(&self, purpose: &Purpose) -> Result<Vec<PublishedKey>> {
        let ring = &self.snapshot().ring;
        ring.rules_for(purpose, Algorithm::Sign)?;
        let of_purpose = ring.keys.iter().filter(|key| key.purpose == *purpose);
        Ok(of_purpose.filter_map(PublishedKey::of).collect())
    }

    /// Checks a signature that [`SigningHandle::sign`] made with the ring's key `id`, whether it
    /// still signs or its private half was destroyed. Reads nothing.
    ///
    /// # Errors
    /// `Misuse` as [`Keyring::verifying_keys`]; `Rejected` with [`reason::UNKNOWN_KEY`], with
    /// [`reason::PENDING_KEY`], or with [`Reason::NOT_AUTHENTIC`] if it is not that signature;
    /// `Unavailable` with [`reason::DISABLED_KEY`], or as [`Keyring::mac`] if what this process
    /// knows is too old: the key may have been disabled since.
    pub fn verify_signature<F: Fields>(
        &self,
        purpose: &Purpose,
        id: KeyId,
        domain: Domain<F>,
        fields: &F,
        signature: &[u8; SIGNATURE_LEN],
    ) -> Result<()> {
        self.check_view_now(self.0.clock.now()?)?;
        let keys = self.verifying_keys(purpose)?;
        let found = keys.into_iter().find(|key| key.id == id);
        let key = found.ok_or_else(|| Error::rejected(reason::UNKNOWN_KEY))?;
        if key.state != KeyState::Destroyed {
            key.state.check_opens()?;
        }
        key.public.verify(domain, fields, signature)
    }

    fn active_mac(&self, purpose: &Purpose, tenant: Option<&Tenant>) -> Result<MacHandle> {
        self.check_view_now(self.0.clock.now()?)?;
        let snapshot = self.snapshot();
        let rules = snapshot.ring.rules_for(purpose, Algorithm::Mac)?;
        let key = snapshot.ring.active(purpose)?;
        Ok(MacHandle {
            verifies: self.verifier_of(&snapshot, key, tenant)?,
            promoted_epoch: key.promoted_epoch,
            longest_life: match rules {
                Rules::Mac { longest_life } => longest_life,
                Rules::Seal(_) | Rules::Sign(_) => None,
            },
        })
    }

    fn named_mac(
        &self,
        purpose: &Purpose,
        tenant: Option<&Tenant>,
        id: KeyId,
    ) -> Result<MacVerifier> {
        self.named_mac_at(purpose, tenant, id, self.0.clock.now()?)
    }

    fn named_mac_at(
        &self,
        purpose: &Purpose,
        tenant: Option<&Tenant>,
        id: KeyId,
        now: Timestamp,
    ) -> Result<MacVerifier> {
        self.check_view_now(now)?;
        let snapshot = self.snapshot();
        snapshot.ring.rules_for(purpose, Algorithm::Mac)?;
        match snapshot.ring.find(id) {
            Some(key) if key.purpose == *purpose => self.verifier_of(&snapshot, key, tenant),
            None if snapshot.filter.fits(id, purpose, None) => {
                Err(Error::rejected(reason::UNKNOWN_KEY))
            }
            _ => Err(Error::rejected(Reason::NOT_AUTHENTIC)),
        }
    }

    fn verifier_of(
        &self,
        snapshot: &Snapshot,
        key: &RingKey,
        tenant: Option<&Tenant>,
    ) -> Result<MacVerifier> {
        let material = snapshot.macs(key.id)?;
        let made = match tenant {
            None => Arc::clone(&material.of_ring),
            Some(tenant) => {
                let (ring, provider) = (snapshot.ring.id, &self.0.provider);
                Arc::new(material.of_tenant(provider, ring, key.id, &key.purpose, tenant)?)
            }
        };
        Ok(MacVerifier {
            id: key.id,
            key: made,
        })
    }

    async fn look_for_mac(
        &self,
        purpose: &Purpose,
        tenant: Option<&Tenant>,
        id: KeyId,
    ) -> Result<MacVerifier> {
        let may_be_newer = |found: &Result<MacVerifier>| {
            let reason = found.as_ref().err().and_then(Error::reason);
            matches!(reason, Some(reason::UNKNOWN_KEY | reason::PENDING_KEY))
        };
        let found = self.named_mac(purpose, tenant, id);
        if !may_be_newer(&found) {
            return found;
        }
        let _one = self.0.looking.lock().await;
        // Another may have read the ring while this one waited.
        let found = self.named_mac(purpose, tenant, id);
        let now = self.0.clock.now()?;
        let (ids, policy) = (&self.0.token_ids, &self.0.policy);
        if !may_be_newer(&found) || ids.has(purpose, id, now, policy) {
            return found;
        }
        ids.spend(now, policy)?;
        self.refresh().await?;
        let found = self.named_mac(purpose, tenant, id);
        if may_be_newer(&found) {
            ids.insert(purpose, id, now);
        }
        found
    }

    fn view_of_signing(&self, purpose: &Purpose) -> Result<(Arc<Snapshot>, Signs)> {
        self.check_view_now(self.0.clock.now()?)?;
        let snapshot = self.snapshot();
        match snapshot.ring.rules_for(purpose, Algorithm::Sign)? {
            Rules::Sign(signs) => Ok((snapshot, signs)),
            Rules::Mac { .. } | Rules::Seal(_) => Err(Error::misuse("the purpose does not sign")),
        }
    }

    fn active_signing(&self, purpose: &Purpose, tenant: Option<&Tenant>) -> Result<SigningHandle> {
        let (snapshot, signs) = self.view_of_signing(purpose)?;
        let key = snapshot.ring.active(purpose)?;
        signing_of(&snapshot, key, signs, tenant)
    }
}

fn signing_of(
    snapshot: &Snapshot,
    key: &RingKey,
    signs: Signs,
    tenant: Option<&Tenant>,
) -> Result<SigningHandle> {
    let material = snapshot.signs(key.id)?;
    let made = match tenant {
        None => Arc::clone(&material.of_ring),
        Some(tenant) => {
            let ring = snapshot.ring.id;
            Arc::new(material.of_tenant(ring, key.id, &key.purpose, tenant)?)
        }
    };
    Ok(SigningHandle {
        id: key.id,
        signs,
        key: made,
    })
}
