//! A root from a passphrase.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use keyward_base::{Error, Result, SecretArray, SecretBytes};
use keyward_crypto::passphrase::{Argon2Cost, derive};
use keyward_crypto::{BodyKey, Provider};
use keyward_store::BoxFuture;

use super::local::unwrap_with;
use super::{Root, RootVersion, SUITE, Wrapped};

/// `salt(16) | memory in KiB(4) | passes(4)`, both big-endian, before the wrapped body.
const HEADER_LEN: usize = 24;

/// The most derived keys kept: one for each salt in use, of which a ring has one.
const MAX_KEPT: usize = 4;

/// A root derived from a passphrase by Argon2id. Salt and cost lie beside each wrapped key; one
/// derivation serves all keys that share them.
pub struct PassphraseRoot {
    passphrase: SecretBytes,
    provider: Provider,
    cost: Argon2Cost,
    kept: Mutex<Vec<([u8; HEADER_LEN], Arc<BodyKey>)>>,
}

impl PassphraseRoot {
    /// A root of `passphrase`, 12 to 4096 bytes. Nothing is derived until it is used.
    ///
    /// # Errors
    /// `Misuse` at any other length.
    pub fn new(passphrase: SecretBytes, provider: &Provider) -> Result<Self> {
        if !(12..=4096).contains(&passphrase.len()) {
            return Err(Error::misuse(
                "a root passphrase has 12 to 4096 bytes; six random words do",
            ));
        }
        let kept = Mutex::new(Vec::new());
        Ok(Self {
            passphrase,
            provider: *provider,
            cost: Argon2Cost::ROOT,
            kept,
        })
    }

    fn key_for(&self, header: [u8; HEADER_LEN]) -> Result<Arc<BodyKey>> {
        // Held while deriving, so that one start of a process derives once.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, key)) = kept.iter().find(|(h, _)| *h == header) {
            return Ok(Arc::clone(key));
        }
        let (salt, cost) = read_header(&header)?;
        let derived = derive(&self.passphrase, &salt, cost)?;
        let key = Arc::new(BodyKey::new(&self.provider, SUITE, &derived)?);
        if kept.len() >= MAX_KEPT {
            kept.remove(0);
        }
        kept.push((header, Arc::clone(&key)));
        Ok(key)
    }

    fn header(&self) -> Result<[u8; HEADER_LEN]> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((header, _)) = kept.last() {
            return Ok(*header);
        }
        let mut header = [0; HEADER_LEN];
        let (salt, cost) = header.split_at_mut(16);
        self.provider.fill(salt)?;
        let (memory, passes) = cost.split_at_mut(4);
        memory.copy_from_slice(&self.cost.memory_kib().to_be_bytes());
        passes.copy_from_slice(&self.cost.passes().to_be_bytes());
        Ok(header)
    }

    fn wrap_now(&self, context: &[u8], key: &SecretArray<32>) -> Result<Wrapped> {
        let header = self.header()?;
        let root = self.key_for(header)?;
        let mut bytes = header.to_vec();
        root.seal(context, key.expose(), &mut bytes)?;
        Ok(Wrapped {
            version: self.version(),
            bytes,
        })
    }

    fn unwrap_now(&self, context: &[u8], wrapped: &Wrapped) -> Result<SecretArray<32>> {
        let (header, body) = wrapped
            .bytes
            .split_first_chunk::<HEADER_LEN>()
            .ok_or_else(|| Error::corrupt("a wrapped key is too short"))?;
        unwrap_with(self.key_for(*header)?.as_ref(), context, body)
    }
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
        f.write_str("PassphraseRoot(..)")
    }
}

impl Root for PassphraseRoot {
    fn version(&self) -> RootVersion {
        RootVersion::new(1)
    }

    fn wrap<'a>(
        &'a self,
        context: &'a [u8],
        key: &'a SecretArray<32>,
    ) -> BoxFuture<'a, Result<Wrapped>> {
        Box::pin(std::future::ready(self.wrap_now(context, key)))
    }

    fn unwrap<'a>(
        &'a self,
        context: &'a [u8],
        wrapped: &'a Wrapped,
    ) -> BoxFuture<'a, Result<SecretArray<32>>> {
        Box::pin(std::future::ready(self.unwrap_now(context, wrapped)))
    }
}
