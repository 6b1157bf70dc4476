//! Sessions that live as long as the process. A service that keeps them has `keyward_sqlite`'s stores
//! and a root of its own, as `keyward_embedded` makes them.

use std::sync::Arc;

use keyward_base::{
    Clock as _, Door, Evidence, Method, Purpose, Result, Subject, SystemClock, Tenant, Timestamp,
};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, Keyring};
use keyward_session::{Kind, Sessions};
use keyward_store::MemoryStore;

const USERS: Door = Door::new("users");

pub async fn in_memory() -> Result<Sessions> {
    let root = Arc::new(EphemeralRoot::new(&Provider::default())?);
    let ring = Keyring::builder(Arc::new(MemoryStore::new(1000)), root)
        .create(&[Purpose::new("vault")?], &[])
        .await?;
    let store = Arc::new(MemoryStore::new(1000));
    let sessions = Sessions::builder(ring, store).opens(USERS, Kind::User);
    sessions.install().await?.build().await
}

/// What the log-in call of `keyward_password` gives once a password was right. Here everybody is taken
/// at his word.
#[derive(Debug)]
pub struct Shown {
    tenant: Tenant,
    subject: Subject,
    at: Timestamp,
}

impl Shown {
    pub fn to_be(subject: Subject) -> Result<Self> {
        Ok(Self {
            tenant: Tenant::new("acme")?,
            subject,
            at: SystemClock::new().now()?,
        })
    }
}

impl Evidence for Shown {
    fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    fn subject(&self) -> &Subject {
        &self.subject
    }

    fn method(&self) -> Method {
        Method::PASSWORD
    }

    fn door(&self) -> Door {
        USERS
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn is_factor_due(&self) -> bool {
        false
    }
}
