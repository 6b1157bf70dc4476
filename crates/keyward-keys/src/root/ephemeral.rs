//! A root that dies with the process.

use keyward_base::{Encoded, Result, SecretArray};
use keyward_crypto::Provider;
use keyward_store::BoxFuture;

use super::local::LocalKeys;
use super::{Root, RootVersion, Wrapped};

/// One random key, kept nowhere: for tests on a store in memory. What it wrapped is lost with it.
#[derive(Debug)]
pub struct EphemeralRoot(LocalKeys);

impl EphemeralRoot {
    /// Makes the key.
    ///
    /// # Errors
    /// `Unavailable` without randomness.
    pub fn new(provider: &Provider) -> Result<Self> {
        LocalKeys::random(provider).map(Self)
    }
}

impl Root for EphemeralRoot {
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
