//! Making it.

use std::sync::Arc;
use std::time::Duration;

use keyward_base::audit::Discard;
use keyward_base::{Clock, Error, Purpose, Result, Trail};
use keyward_keys::{KeyUse, Keyring, Life};
use keyward_store::Records;

use super::used::Uses;
use super::{ApiKeys, Inner, PURPOSE};
use crate::api_key::policy::KeyPolicy;
use crate::api_key::text::KEYWARD;
use crate::epoch::KEY_EPOCHS;
use crate::ground::{Ground, cover};

/// What the ring's keys live beyond the longest API key: clocks differ.
const MARGIN: Duration = Duration::from_secs(24 * 60 * 60);

/// What [`ApiKeys`] are made of.
#[derive(Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct ApiKeysBuilder {
    keyring: Keyring,
    store: Arc<dyn Records>,
    prefix: Option<String>,
    policy: KeyPolicy,
    clock: Option<Arc<dyn Clock>>,
    trail: Option<Trail>,
}

impl ApiKeysBuilder {
    pub(super) fn new(keyring: Keyring, store: Arc<dyn Records>) -> Self {
        Self {
            keyring,
            store,
            prefix: None,
            policy: KeyPolicy::default(),
            clock: None,
            trail: None,
        }
    }

    /// The application's own prefix, such as `acme_live_`, in place of `kwk_`: 3 to 24 lower-case
    /// letters, digits and `_`, a letter first and `_` last, not beginning with `kw`. Keys of one
    /// prefix are not taken under another, nor seen in its lists, so that two can share a store.
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.prefix = Some(prefix.to_owned());
        self
    }

    /// How long keys live; [`KeyPolicy::default`] unless told.
    pub fn policy(mut self, policy: KeyPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// The widest policy with which the ring was installed, for a command that does not know the
    /// service's own: keys live at most as long, and without an end where it allowed that. How many a
    /// tenant has and when an expiry is told is as [`KeyPolicy::default`] says.
    ///
    /// # Errors
    /// As [`Keyring::mac`]: the ring lacks the purpose.
    pub fn policy_of_ring(self) -> Result<Self> {
        let most = self.keyring.mac(&Purpose::new(PURPOSE)?)?.longest_life();
        Ok(self.policy(KeyPolicy::within(
            most.map(|most| most.saturating_sub(MARGIN)),
        )))
    }

    /// Where the time comes from; the keyring's clock unless told.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Where events go; nowhere unless told. The event `api-key.leaked` is what the owner of a key is
    /// to hear of.
    pub fn trail(mut self, trail: Trail) -> Self {
        self.trail = Some(trail);
        self
    }

    /// Adds the purpose to the ring, if it lacks it, or lets its keys live as long as these API keys
    /// do. Once for each keyring.
    ///
    /// # Errors
    /// As [`Admin::add_purpose`](keyward_keys::Admin::add_purpose); `Misuse` too if the ring has the
    /// purpose for another use.
    pub async fn install(self) -> Result<Self> {
        let purpose = Purpose::new(PURPOSE)?;
        let life = match self.policy.longest() {
            Some(longest) => Life::AtMost(longest.saturating_add(MARGIN)),
            None => Life::Endless,
        };
        let admin = self.keyring.admin();
        admin.add_purpose(&purpose, KeyUse::Mac(life)).await?;
        Ok(self)
    }

    /// The API keys. Registers their rows with the ring, so that no key goes that one needs.
    ///
    /// # Errors
    /// `Misuse` for a prefix that is none; if the ring lacks the purpose
    /// ([`ApiKeysBuilder::install`]), or its keys live shorter than the policy's API keys;
    /// `Unavailable` if a store cannot be reached.
    pub async fn build(self) -> Result<ApiKeys> {
        let kind = match &self.prefix {
            Some(prefix) => KEYWARD.with_prefix(prefix)?,
            None => KEYWARD,
        };
        let purpose = Purpose::new(PURPOSE)?;
        let most = self.keyring.mac(&purpose)?.longest_life();
        let is_too_long = match (most, self.policy.longest()) {
            (None, _) => false,
            (Some(most), Some(longest)) => most < longest,
            (Some(_), None) => true,
        };
        if is_too_long {
            return Err(Error::misuse(
                "the ring's purpose `api-key` has keys that live shorter than the policy's API keys: `ApiKeysBuilder::install` lets them live longer",
            ));
        }
        cover(&self.keyring, &self.store, &purpose, &KEY_EPOCHS).await?;
        let clock = self
            .clock
            .unwrap_or_else(|| Arc::clone(self.keyring.clock()));
        let trail = self
            .trail
            .unwrap_or_else(|| Trail::new(Arc::new(Discard::new())));
        let ground = Ground::new(
            self.keyring,
            self.store,
            purpose,
            clock,
            trail.clone(),
            &KEY_EPOCHS,
        );
        let inner = Inner {
            ground,
            kind,
            policy: self.policy,
            used: Uses::default(),
        };
        Ok(ApiKeys {
            inner: Arc::new(inner),
            trail,
        })
    }
}
