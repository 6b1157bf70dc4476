//! Organisations: each is a tenant with a name that people gave it.

use keyward_base::{Error, Result, Tenant, Timestamp};
use keyward_store::{Collection, Content, RecordKey, Records, Scan, Write};
use serde::{Deserialize, Serialize};

const ORGANISATIONS: Collection = Collection::named("deploydesk-organisations");

/// The longest name in characters.
pub(crate) const LONGEST: usize = 60;

/// An organisation, as it stands in the database.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Organisation {
    /// For people. It decides nothing, and two may have the same.
    pub(crate) name: String,
    /// In milliseconds since the Unix epoch.
    pub(crate) since: u64,
}

fn key(tenant: &Tenant) -> RecordKey {
    RecordKey {
        collection: ORGANISATIONS,
        owner: String::new(),
        id: tenant.as_str().to_owned(),
    }
}

impl Organisation {
    /// One of that name, which is cut to its length and to what is shown.
    pub(crate) fn new(name: &str, now: Timestamp) -> Self {
        let shown = name.chars().filter(|c| !c.is_control()).take(LONGEST);
        Self {
            name: shown.collect(),
            since: now.as_millis(),
        }
    }

    /// The write that makes it.
    pub(crate) fn insert(&self, tenant: &Tenant) -> Result<Write> {
        let data = serde_json::to_vec(self)
            .map_err(|e| Error::unavailable("an organisation cannot be written").with_source(e))?;
        Ok(Write::Insert {
            key: key(tenant),
            content: Content {
                data,
                ..Content::default()
            },
        })
    }

    /// That of a tenant, if there is one.
    pub(crate) async fn fetch(store: &dyn Records, tenant: &Tenant) -> Result<Option<Self>> {
        let Some(found) = store.fetch(&key(tenant)).await? else {
            return Ok(None);
        };
        let read = serde_json::from_slice(&found.data)
            .map_err(|e| Error::corrupt("an organisation cannot be read").with_source(e))?;
        Ok(Some(read))
    }

    /// Some of all, in the order of their tenants. One that cannot be read is left out.
    pub(crate) async fn all(store: &dyn Records, limit: usize) -> Result<Vec<(Tenant, Self)>> {
        let page = store.scan(Scan::of(ORGANISATIONS).limit(limit)).await?;
        let read = page.items.into_iter().filter_map(|record| {
            let tenant = Tenant::new(&record.key.id).ok()?;
            Some((tenant, serde_json::from_slice(&record.data).ok()?))
        });
        Ok(read.collect())
    }
}
