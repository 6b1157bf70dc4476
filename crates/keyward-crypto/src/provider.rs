//! Which implementation does what, as a value that is passed in.

use std::fmt;

use keyward_base::{Error, Result, SecretArray};
use rand::TryRng as _;
use rand::rngs::SysRng;

use crate::aead::AeadPart;
use crate::kdf::HashPart;

/// Where random bytes come from.
pub trait Random: fmt::Debug + Send + Sync {
    /// Fills `out` with uniformly random bytes.
    ///
    /// # Errors
    /// `Unavailable` if there are none to be had. `out` is then not to be used.
    fn fill(&self, out: &mut [u8]) -> Result<()>;
}

/// The operating system's randomness, one system call for each request: no state of ours to
/// protect, to seed or to share across a fork.
#[derive(Clone, Copy, Debug)]
struct System;

impl Random for System {
    fn fill(&self, out: &mut [u8]) -> Result<()> {
        SysRng.try_fill_bytes(out).map_err(|e| {
            Error::unavailable("the operating system gives no randomness").with_source(e)
        })
    }
}

/// The parts that do the work. Values sealed with one provider open with any other.
#[derive(Clone, Copy, Debug)]
pub struct Provider {
    aead: AeadPart,
    hash: HashPart,
    random: &'static dyn Random,
}

impl Provider {
    /// Everything by ring.
    #[must_use]
    pub const fn ring() -> Self {
        Self {
            aead: AeadPart::Ring,
            hash: HashPart::Ring,
            random: &System,
        }
    }

    /// Everything by the RustCrypto crates.
    #[must_use]
    pub const fn rustcrypto() -> Self {
        Self {
            aead: AeadPart::RustCrypto,
            hash: HashPart::RustCrypto,
            random: &System,
        }
    }

    /// The default, chosen by measurement: AES-256-GCM by ring, hashes and HMAC with kept pads by
    /// the RustCrypto crates. See `docs/defaults.md`.
    #[must_use]
    pub const fn mixed() -> Self {
        Self {
            aead: AeadPart::Ring,
            hash: HashPart::RustCrypto,
            random: &System,
        }
    }

    /// Fills `out` with random bytes.
    ///
    /// # Errors
    /// `Unavailable` if the source of randomness fails.
    pub fn fill(&self, out: &mut [u8]) -> Result<()> {
        self.random.fill(out)
    }

    /// A random secret of `N` bytes.
    ///
    /// # Errors
    /// `Unavailable` if the source of randomness fails.
    pub fn random<const N: usize>(&self) -> Result<SecretArray<N>> {
        SecretArray::try_init(|out| self.random.fill(out))
    }

    /// SHA-256 (FIPS 180-4) of the concatenation of `parts`, for public bytes.
    #[must_use]
    pub fn sha256(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.hash.sha256(parts)
    }

    pub(crate) const fn hash(&self) -> HashPart {
        self.hash
    }

    pub(crate) const fn aead(&self) -> AeadPart {
        self.aead
    }

    pub(crate) const fn with_random(mut self, random: &'static dyn Random) -> Self {
        self.random = random;
        self
    }
}

impl Default for Provider {
    fn default() -> Self {
        Self::mixed()
    }
}
