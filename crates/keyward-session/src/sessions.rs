//! The door: [`Sessions`].

mod again;
mod builder;
mod check;
mod devices;
mod end;
mod note;
mod purge;
mod renew;
mod staff;
mod start;

use std::fmt;
use std::sync::Arc;

use keyward_base::encoding::hex;
use keyward_base::{Domain, Door, Result, Subject, Tenant, Timestamp};
use keyward_keys::Keyring;
use keyward_store::Records;

pub use builder::SessionsBuilder;

use crate::ground::{Ground, MAX_TRIES, contended};
use crate::kind::Kind;
use crate::policy::Policy;

/// The purpose of the ring whose keys authenticate tokens, rows and epochs.
pub const PURPOSE: &str = "session";

/// Whose sessions a row is found among.
const WORD: Domain<(&Tenant, &Subject)> = Domain::new("keyward/v1/session-user");

/// The sessions of an application. A cheap clone; all clones are one.
///
/// See the [crate's page](crate).
#[derive(Clone)]
pub struct Sessions(Arc<Inner>);

struct Inner {
    ground: Ground<{ Kind::COUNT }>,
    doors: Vec<(Door, Kind)>,
    policy: Policy,
}

impl Sessions {
    /// Sessions in `records`, under the keys of `keyring`.
    pub fn builder(keyring: Keyring, records: Arc<dyn Records>) -> SessionsBuilder {
        SessionsBuilder::new(keyring, records)
    }

    /// How long sessions live.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.0.policy
    }

    /// The word by which the sessions of a subject are found: the front of an unkeyed hash, since the
    /// rows say in clear whose they are.
    fn word(&self, tenant: &Tenant, subject: &Subject) -> Result<String> {
        let encoded = WORD.encode(&(tenant, subject))?;
        let hash = self
            .0
            .ground
            .keyring
            .provider()
            .sha256(&[encoded.as_bytes()]);
        Ok(hex(hash.first_chunk::<16>().unwrap_or(&[0; 16])))
    }

    fn now(&self) -> Result<Timestamp> {
        self.0.ground.now()
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("doors", &self.0.doors)
            .field("policy", &self.0.policy)
            .finish_non_exhaustive()
    }
}
