//! A root from a passphrase.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use keyward_base::{Encoded, Error, Result, SecretArray, SecretBytes};
use keyward_crypto::passphrase::{Argon2Cost, derive};
use keyward_crypto::{BodyKey, Provider};
use keyward_store::BoxFuture;

use super::local::unwrap_with;
use super::{Root, RootVersion, SUITE, Wrapped};

/// `salt(16) | memory in KiB(4) | passes(4)`, both big-endian, before the wrapped body.
const HEADER_LEN: usize = 24;

/// The most derived keys kept: one for each salt in use, of which a ring has one for each version.
const MAX_KEPT: usize = 4;

/// The most passphrases one root holds.
const MAX_VERSIONS: usize = 16;

/// A root derived from a passphrase by Argon2id. Salt and cost lie beside each wrapped key; one
/// derivation serves all keys that share them.
///
/// Whoever writes to the key store chooses what lies there. So a salt and its cost are kept only
/// once a key was unwrapped with them, and no key is wrapped at a cost below
/// [`Argon2Cost::ROOT`].
pub struct PassphraseRoot {
    passphrases: BTreeMap<RootVersion, SecretBytes>,
    provider: Provider,
    kept: Mutex<Vec<Kept>>,
}

/// A derived key that has opened a wrapped key, or was made for wrapping here.
struct Kept {
    version: RootVersion,
    header: [u8; HEADER_LEN],
    key: Arc<BodyKey>,
}

impl PassphraseRoot {
    /// A root of `passphrase`, 12 to 4096 bytes, as version 1. Nothing is derived until it is used.
    ///
    /// # Errors
    /// `Misuse` at any other length.
    pub fn new(passphrase: impl Into<SecretBytes>, provider: &Provider) -> Result<Self> {
        Self::with_versions([(RootVersion::new(1), passphrase.into())], provider)
    }

    /// A root of several passphrases: the highest version wraps, all of them unwrap. To replace a
    /// passphrase, give the new one as version 2 beside the old one as version 1, rewrap the ring
    /// (`Admin::rewrap_root`), and leave the old one out from then on.
    ///
    /// # Errors
    /// `Misuse` for a passphrase of fewer than 12 bytes or more than 4096, for a version of 0 or
    /// given twice, and for none or more than 16.
    pub fn with_versions(
        passphrases: impl IntoIterator<Item = (RootVersion, SecretBytes)>,
        provider: &Provider,
    ) -> Result<Self> {
        let mut held = BTreeMap::new();
        for (version, passphrase) in passphrases {
            if !(12..=4096).contains(&passphrase.len()) {
                return Err(Error::misuse(
                    "a root passphrase has 12 to 4096 bytes; six random words do",
                ));
            }
            if version.number() == 0 || held.insert(version, passphrase).is_some() {
                return Err(Error::misuse(
                    "the versions of a passphrase are 1, 2 and so on, each once",
                ));
            }
        }
        if held.is_empty() || held.len() > MAX_VERSIONS {
            return Err(Error::misuse("a root has 1 to 16 passphrases"));
        }
        Ok(Self {
            passphrases: held,
            provider: *provider,
            kept: Mutex::new(Vec::new()),
        })
    }

    fn highest(&self) -> RootVersion {
        let highest = self.passphrases.keys().next_back().copied();
        highest.unwrap_or(RootVersion::new(0))
    }

    fn derive(&self, version: RootVersion, header: &[u8; HEADER_LEN]) -> Result<BodyKey> {
        let passphrase = self.passphrases.get(&version).ok_or_else(|| {
            Error::unavailable(format!(
                "the passphrase of root {version} is needed and not given: give it beside the newer one"
            ))
        })?;
        let (salt, cost) = read_header(header)?;
        BodyKey::new(&self.provider, SUITE, &derive(passphrase, &salt, cost)?)
    }

    fn wrap_now(&self, context: &Encoded, key: &SecretArray<32>) -> Result<Wrapped> {
        let version = self.highest();
        // Held while deriving, so that one ring gets one salt.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let strong = kept.iter().rev().find(|kept| {
            let cost = read_header(&kept.header);
            kept.version == version && cost.is_ok_and(|(_, cost)| cost.covers(Argon2Cost::ROOT))
        });
        let (header, root) = if let Some(kept) = strong {
            (kept.header, Arc::clone(&kept.key))
        } else {
            let header = self.new_header()?;
            let root = Arc::new(self.derive(version, &header)?);
            keep(&mut kept, version, header, &root);
            (header, root)
        };
        drop(kept);
        let mut bytes = header.to_vec();
        root.seal(context, key.expose(), &mut bytes)?;
        Ok(Wrapped { version, bytes })
    }

    fn new_header(&self) -> Result<[u8; HEADER_LEN]> {
        let mut header = [0; HEADER_LEN];
        let (salt, cost) = header.split_at_mut(16);
        self.provider.fill(salt)?;
        let (memory, passes) = cost.split_at_mut(4);
        memory.copy_from_slice(&Argon2Cost::ROOT.memory_kib().to_be_bytes());
        passes.copy_from_slice(&Argon2Cost::ROOT.passes().to_be_bytes());
        Ok(header)
    }

    fn unwrap_now(&self, context: &Encoded, wrapped: &Wrapped) -> Result<SecretArray<32>> {
        let version = wrapped.version;
        let (header, body) = wrapped
            .bytes
            .split_first_chunk::<HEADER_LEN>()
            .ok_or_else(|| Error::corrupt("a wrapped key is too short"))?;
        // Held while deriving, so that one start of a process derives once.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept
            .iter()
            .find(|kept| (kept.version, kept.header) == (version, *header));
        if let Some(known) = known {
            let key = Arc::clone(&known.key);
            drop(kept);
            return unwrap_with(&key, context, body);
        }
        let key = Arc::new(self.derive(version, header)?);
        let opened = unwrap_with(&key, context, body)?;
        keep(&mut kept, version, *header, &key);
        Ok(opened)
    }
}

fn keep(kept: &mut Vec<Kept>, version: RootVersion, header: [u8; HEADER_LEN], key: &Arc<BodyKey>) {
    if kept.len() >= MAX_KEPT {
        kept.remove(0);
    }
    kept.push(Kept {
        version,
        header,
        key: Arc::clone(key),
    });
}

fn read_header(header: &[u8; HEADER_LEN]) -> Result<([u8; 16], Argon2Cost)> {
    let short = || Error::corrupt("a wrapped key is too short");
    let (salt, rest) = header.split_first_chunk::<16>().ok_or_else(short)?;
    let (memory, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
    let passes = rest.first_chunk::<4>().ok_or_else(short)?;
    let cost = Argon2Cost::new(u32::from_be_bytes(*memory), u32::from_be_bytes(*passes))
        .map_err(|e| Error::corrupt("a wrapped key states a cost out of bounds").with_source(e))?;
    Ok((*salt, cost))
}

impl fmt::Debug for PassphraseRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PassphraseRoot({})", self.highest())
    }
}

impl Root for PassphraseRoot {
    fn version(&self) -> RootVersion {
        self.highest()
    }

    fn wrap<'a>(
        &'a self,
        context: &'a Encoded,
        key: &'a SecretArray<32>,
    ) -> BoxFuture<'a, Result<Wrapped>> {
        Box::pin(std::future::ready(self.wrap_now(context, key)))
    }

    fn unwrap<'a>(
        &'a self,
        context: &'a Encoded,
        wrapped: &'a Wrapped,
    ) -> BoxFuture<'a, Result<SecretArray<32>>> {
        Box::pin(std::future::ready(self.unwrap_now(context, wrapped)))
    }
}
