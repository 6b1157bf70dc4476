//! The keys that a scanner signs its reports with, as it publishes them.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use keyward_base::{Error, Reason, Result};
use keyward_crypto::ecdsa::P256Key;
use serde::Deserialize;

use super::VerifyReport;
use crate::reason;

/// The most keys: GitHub publishes two or three.
const MAX_KEYS: usize = 64;

/// The most bytes of the list.
const MAX_LIST: usize = 64 * 1024;

/// The keys that a scanner signs its reports with. A cheap clone; all clones are one, so that one of them
/// can be given new keys while another verifies.
///
/// Fetching them is the service's, with whatever client it has, at start and each day; over TLS, since
/// whoever can put a key among them can revoke keys that he found.
#[derive(Clone, Debug, Default)]
pub struct PublishedKeys(Arc<RwLock<BTreeMap<String, P256Key>>>);

/// As <https://api.github.com/meta/public_keys/secret_scanning> answers.
#[derive(Deserialize)]
struct List {
    public_keys: Vec<Published>,
}

#[derive(Deserialize)]
struct Published {
    key_identifier: String,
    key: String,
}

impl PublishedKeys {
    /// None yet: every report is *unavailable* until there are some.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a list as GitHub publishes it, in the place of the one before: JSON with `public_keys`, of
    /// which each has a `key_identifier` and a `key` on P-256 in PEM. Those that are not current any more
    /// are taken too, since reports that are on their way may be signed with them.
    ///
    /// # Errors
    /// `Unavailable` for a list that is not of this form, is empty, has more than 64 keys or 64 KiB, or one
    /// key that is none: the list before stays.
    pub fn replace(&self, list: &[u8]) -> Result<()> {
        let wrong =
            || Error::unavailable("the list of a scanner's public keys is not one: fetch it again");
        if list.len() > MAX_LIST {
            return Err(wrong());
        }
        let list: List = serde_json::from_slice(list).map_err(|e| wrong().with_source(e))?;
        let mut keys = BTreeMap::new();
        for Published {
            key_identifier,
            key,
        } in list.public_keys
        {
            let key = P256Key::from_pem(&key).map_err(|e| wrong().with_source(e))?;
            keys.insert(key_identifier, key);
        }
        if !(1..=MAX_KEYS).contains(&keys.len()) {
            return Err(wrong());
        }
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    fn find(&self, id: &str) -> Result<P256Key> {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if keys.is_empty() {
            return Err(Error::unavailable(
                "no public keys of the scanner were taken yet: PublishedKeys::replace",
            ));
        }
        let found = keys.get(id).copied();
        found.ok_or_else(|| Error::rejected(reason::UNKNOWN_SIGNER))
    }
}

impl VerifyReport for PublishedKeys {
    fn verify(&self, key: &str, signature: &str, body: &[u8]) -> Result<()> {
        let verified = self.find(key)?.verify_base64(body, signature);
        verified.map_err(|_| Error::rejected(Reason::NOT_AUTHENTIC))
    }
}
