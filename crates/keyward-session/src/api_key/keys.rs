//! The door: [`ApiKeys`].

mod builder;
mod check;
mod due;
mod end;
mod issue;
mod leak;
mod list;
mod make;
mod narrow;
mod note;
mod report;
mod rotate;
mod upkeep;
mod used;

use std::fmt;
use std::sync::Arc;

use keyward_base::encoding::hex;
use keyward_base::{Actor, Domain, Result, Tenant, Timestamp, Trail};
use keyward_keys::Keyring;
use keyward_store::Records;

pub use builder::ApiKeysBuilder;
pub use end::End;

use crate::api_key::policy::KeyPolicy;
use crate::api_key::text::Kind;
use crate::ground::Ground;

/// The purpose of the ring whose keys authenticate API keys, their rows and epochs.
pub const PURPOSE: &str = "api-key";

/// Whose keys a row is found among.
const WORD: Domain<(&Tenant,)> = Domain::new("keyward/v1/api-key-tenant");

/// The API keys of an application. A cheap clone; all clones are one.
///
/// See the [module's page](crate::api_key).
#[derive(Clone)]
pub struct ApiKeys {
    inner: Arc<Inner>,
    /// Who acts.
    trail: Trail,
}

struct Inner {
    ground: Ground<1>,
    kind: Kind,
    policy: KeyPolicy,
    used: used::Uses,
}

impl ApiKeys {
    /// API keys in `records`, under the keys of `keyring`.
    pub fn builder(keyring: Keyring, records: Arc<dyn Records>) -> ApiKeysBuilder {
        ApiKeysBuilder::new(keyring, records)
    }

    /// The same, as `actor` narrows, revokes and ends keys: events name him. Whoever makes one is named
    /// by his session.
    #[must_use]
    pub fn acting_as(&self, actor: Actor) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            trail: self.trail.acting_as(actor),
        }
    }

    /// How long keys live.
    #[must_use]
    pub fn policy(&self) -> &KeyPolicy {
        &self.inner.policy
    }

    /// What a key begins with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.inner.kind.prefix()
    }

    /// A regular expression that matches these keys and hardly anything else, for secret scanners: of
    /// the common subset of PCRE, RE2 and ECMAScript. [`checksum_is_right`](super::checksum_is_right)
    /// tells the rest.
    #[must_use]
    pub fn pattern(&self) -> String {
        self.inner.kind.pattern()
    }

    fn now(&self) -> Result<Timestamp> {
        self.inner.ground.now()
    }

    /// The word by which the keys of a tenant are found: the front of an unkeyed hash, since the rows
    /// say in clear whose they are.
    fn word(&self, tenant: &Tenant) -> Result<String> {
        let encoded = WORD.encode(&(tenant,))?;
        let provider = self.inner.ground.keyring.provider();
        let hash = provider.sha256(&[encoded.as_bytes()]);
        Ok(hex(hash.first_chunk::<16>().unwrap_or(&[0; 16])))
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeys")
            .field("prefix", &self.prefix())
            .field("policy", &self.inner.policy)
            .finish_non_exhaustive()
    }
}
