//! Roots: what wraps every other key.

mod env;
mod ephemeral;
mod file;
mod local;
mod passphrase;

use std::fmt;

use keyward_base::{Encoded, Result, SecretArray, Suite};
use keyward_store::BoxFuture;

pub use env::EnvRoot;
pub use ephemeral::EphemeralRoot;
pub use file::FileRoot;
pub use passphrase::PassphraseRoot;

/// How the keys of the ring are wrapped. A wrap carries no suite, so this never changes.
const SUITE: Suite = Suite::Chunked1;

/// The version of a root key: the highest one wraps, all of them unwrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RootVersion(u32);

impl RootVersion {
    /// A version of that number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for RootVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{}", self.0)
    }
}

/// A wrapped key: at most [`Wrapped::MAX_LEN`] bytes, in the root's own form.
#[derive(Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // Made by roots, read by the ring: just these two.
pub struct Wrapped {
    /// The version that wrapped it.
    pub version: RootVersion,
    /// The wrapped bytes.
    pub bytes: Vec<u8>,
}

impl Wrapped {
    /// The most bytes a wrapped key may have: room for the answer of a key-management service.
    pub const MAX_LEN: usize = 4096;
}

impl fmt::Debug for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wrapped({}, {} bytes)", self.version, self.bytes.len())
    }
}

/// Wraps and unwraps keys under a context. It need not be able to do anything else, so that a
/// key-management service or a hardware module can be one.
pub trait Root: fmt::Debug + Send + Sync {
    /// The version that [`Root::wrap`] uses.
    fn version(&self) -> RootVersion;

    /// Wraps `key` so that it unwraps under the same `context` alone.
    ///
    /// # Errors
    /// `Unavailable` if the root cannot be reached.
    fn wrap<'a>(
        &'a self,
        context: &'a Encoded,
        key: &'a SecretArray<32>,
    ) -> BoxFuture<'a, Result<Wrapped>>;

    /// Unwraps what [`Root::wrap`] made under the same `context`.
    ///
    /// # Errors
    /// `Unavailable` if the root cannot be reached or has no key of that version; `Rejected` if
    /// the bytes are not authentic for this context.
    fn unwrap<'a>(
        &'a self,
        context: &'a Encoded,
        wrapped: &'a Wrapped,
    ) -> BoxFuture<'a, Result<SecretArray<32>>>;
}
