//! Where a request came in, and where its secrets are looked up.

use std::fmt;
use std::sync::Arc;

use keyward_base::{BoxFuture, RecordId, Result, Tenant};

use crate::secret::Secrets;

/// An endpoint of a tenant: what a route of the application stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs)] // Two names, and both are needed.
pub struct Endpoint {
    /// Whose it is.
    pub tenant: Tenant,
    /// The application's id of it, such as that of a row: one of each tenant's own.
    pub id: RecordId,
}

/// Where the secrets of endpoints are: a vault, a configuration.
///
/// It is asked with what an unproved request named, though never for one whose headers or time
/// are wrong. It may keep what it read; [`Secrets`] know by themselves when one of them ends.
pub trait SecretSource: fmt::Debug + Send + Sync {
    /// The secrets of that endpoint, or `None` where the tenant has no such endpoint.
    ///
    /// # Errors
    /// `Unavailable` where they cannot be read now: the sender is told to send again. Any error of
    /// an implementation's own stands for the same.
    fn secrets<'a>(&'a self, of: &'a Endpoint) -> BoxFuture<'a, Result<Option<Arc<Secrets>>>>;
}
