//! A key that was found to live.

use std::fmt;

use keyward_base::{Actor, Error, Result, Subject, Tenant, Timestamp};

use crate::api_key::id::ApiKeyId;
use crate::api_key::row::Row;
use crate::api_key::scope::{Scope, Scopes};
use crate::reason;

/// An API key that lived, and was used from where it may be, when it was checked. Only the check makes
/// one; it cannot be cloned, and is good for the request that it was made in.
pub struct LiveKey {
    pub(crate) row: Box<Row>,
}

impl LiveKey {
    /// Whose it is: from the row, whose MAC covers it.
    #[must_use]
    pub const fn tenant(&self) -> &Tenant {
        &self.row.tenant
    }

    /// Its public name.
    #[must_use]
    pub const fn id(&self) -> ApiKeyId {
        self.row.id
    }

    /// How its owner calls it. For display only.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.row.name
    }

    /// Who made it. He may be gone: the key is the tenant's.
    #[must_use]
    pub const fn maker(&self) -> &Subject {
        &self.row.maker
    }

    /// What it may do.
    #[must_use]
    pub const fn scopes(&self) -> &Scopes {
        &self.row.scopes
    }

    /// Whether it may do this.
    #[must_use]
    pub fn has(&self, scope: &Scope) -> bool {
        self.row.scopes.has(scope)
    }

    /// That it may do this.
    ///
    /// # Errors
    /// `Rejected` ([`reason::SCOPE`]) if it may not.
    pub fn require(&self, scope: &Scope) -> Result<()> {
        if self.has(scope) {
            return Ok(());
        }
        Err(Error::rejected(reason::SCOPE))
    }

    /// When it was made.
    #[must_use]
    pub const fn created_at(&self) -> Timestamp {
        self.row.created
    }

    /// When it ends, by its expiry or by the end of the overlap with its successor; none: by nothing
    /// but a person.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        self.row.ends_at()
    }

    /// The key that follows it: whoever uses this one is to take that.
    #[must_use]
    pub fn successor(&self) -> Option<ApiKeyId> {
        self.row.overlap.as_ref().map(|overlap| overlap.successor)
    }

    /// Who acts with it, for the trail: `api-key/` and its id.
    ///
    /// # Errors
    /// None that can come: an id is visible ASCII.
    pub fn actor(&self) -> Result<Actor> {
        self.row.id.subject().map(Actor::new)
    }
}

impl fmt::Debug for LiveKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveKey")
            .field("id", &self.row.id)
            .field("tenant", &self.row.tenant)
            .field("scopes", &self.row.scopes)
            .finish_non_exhaustive()
    }
}
