//! A root from an environment variable.

use std::fmt;

use keyward_base::{Encoded, Error, Result, SecretArray, SecretBytes};
use keyward_crypto::Provider;
use keyward_store::BoxFuture;

use super::local::LocalKeys;
use super::{Root, RootVersion, Wrapped};

/// `v2:<base64>,v1:<base64>`: the highest version wraps, all of them unwrap.
///
/// The environment of a process cannot be wiped from within, and other processes of the same user
/// may read it: the threat model says so. A file root or a hardware root does not have this.
pub struct EnvRoot(LocalKeys);

impl EnvRoot {
    /// Reads the root from the environment variable `name`.
    ///
    /// # Errors
    /// `Misuse` if the variable is not set, or as [`EnvRoot::parse`].
    pub fn from_env(name: &str, provider: &Provider) -> Result<Self> {
        let value = std::env::var_os(name).ok_or_else(|| {
            Error::misuse(format!(
                "{name} is not set: set it to v1:<base64 of 32 random bytes>"
            ))
        })?;
        Self::parse(&SecretBytes::new(value.into_encoded_bytes()), provider)
    }

    /// Reads `v2:<base64>,v1:<base64>`: 32 random bytes each, at most 16 versions.
    ///
    /// # Errors
    /// `Misuse` for another form, another length, a version given twice, or a key that is plainly
    /// not random; the message says how to make one.
    pub fn parse(text: &SecretBytes, provider: &Provider) -> Result<Self> {
        LocalKeys::parse(text, provider).map(Self)
    }
}

impl fmt::Debug for EnvRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnvRoot({})", self.0.highest())
    }
}

impl Root for EnvRoot {
    fn version(&self) -> RootVersion {
        self.0.highest()
    }

    fn wrap<'a>(
        &'a self,
        context: &'a Encoded,
        key: &'a SecretArray<32>,
    ) -> BoxFuture<'a, Result<Wrapped>> {
        Box::pin(std::future::ready(self.0.wrap(context, key)))
    }

    fn unwrap<'a>(
        &'a self,
        context: &'a Encoded,
        wrapped: &'a Wrapped,
    ) -> BoxFuture<'a, Result<SecretArray<32>>> {
        Box::pin(std::future::ready(self.0.unwrap(context, wrapped)))
    }
}
