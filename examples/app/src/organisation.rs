//! Organisations: each is a tenant with a name that people gave it.

use keyward_base::{Error, Result, Tenant, Timestamp};
use keyward_crypto::Provider;
use keyward_store::{Collection, Content, Record, RecordKey, Records, Scan, Write};
use serde::{Deserialize, Serialize};

const ORGANISATIONS: Collection = Collection::named("deploydesk-organisations");

/// The longest name in characters.
pub(crate) const LONGEST: usize = 60;

/// How many are read at a time.
const PAGE: usize = 500;

/// What turns the text beside it around (`Bidi_Control` of Unicode): a name stands among others'.
const fn turns(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// An organisation, as it stands in the database.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Organisation {
    /// For people. It decides nothing, and two may have the same.
    pub(crate) name: String,
    /// In milliseconds since the Unix epoch.
    pub(crate) since: u64,
}

/// A new tenant: 80 random bits, so that no two are the same and none can be guessed.
pub(crate) fn new_tenant(crypto: &Provider) -> Result<Tenant> {
    let random = crypto.random::<10>()?;
    Tenant::new(&format!(
        "o-{}",
        keyward_base::encoding::hex(random.expose())
    ))
}

pub(crate) fn key(tenant: &Tenant) -> RecordKey {
    RecordKey {
        collection: ORGANISATIONS,
        owner: String::new(),
        id: tenant.as_str().to_owned(),
    }
}

/// A record of one, read.
pub(crate) fn read(found: &Record) -> Result<Organisation> {
    serde_json::from_slice(&found.data)
        .map_err(|e| Error::corrupt("an organisation cannot be read").with_source(e))
}

impl Organisation {
    /// One of that name, which is cut to its length and to what is shown.
    pub(crate) fn new(name: &str, now: Timestamp) -> Self {
        let shown = name.chars().filter(|c| !c.is_control() && !turns(*c));
        let shown = shown.take(LONGEST);
        Self {
            name: shown.collect(),
            since: now.as_millis(),
        }
    }

    /// The same, called otherwise.
    pub(crate) fn called(self, name: &str) -> Self {
        Self {
            name: Self::new(name, Timestamp::from_millis(self.since)).name,
            ..self
        }
    }

    pub(crate) fn content(&self) -> Result<Content> {
        let data = serde_json::to_vec(self)
            .map_err(|e| Error::unavailable("an organisation cannot be written").with_source(e))?;
        Ok(Content {
            data,
            ..Content::default()
        })
    }

    /// The write that makes it.
    pub(crate) fn insert(&self, tenant: &Tenant) -> Result<Write> {
        Ok(Write::Insert {
            key: key(tenant),
            content: self.content()?,
        })
    }

    /// Whether a tenant has one.
    pub(crate) async fn is_there(store: &dyn Records, tenant: &Tenant) -> Result<bool> {
        Ok(store.fetch(&key(tenant)).await?.is_some())
    }

    /// The tenants of all, however many.
    pub(crate) async fn tenants(store: &dyn Records) -> Result<Vec<Tenant>> {
        let (mut tenants, mut after) = (Vec::new(), None);
        loop {
            let scan = Scan::of(ORGANISATIONS).after(after).limit(PAGE);
            let page = store.scan(scan).await?;
            let of = page.items.iter();
            tenants.extend(of.filter_map(|record| Tenant::new(&record.key.id).ok()));
            after = page.next;
            if after.is_none() {
                return Ok(tenants);
            }
        }
    }

    /// Some of all, in the order of their tenants. One that cannot be read is left out.
    pub(crate) async fn all(store: &dyn Records, limit: usize) -> Result<Vec<(Tenant, Self)>> {
        let page = store.scan(Scan::of(ORGANISATIONS).limit(limit)).await?;
        let read = page.items.into_iter().filter_map(|record| {
            let tenant = Tenant::new(&record.key.id).ok()?;
            Some((tenant, read(&record).ok()?))
        });
        Ok(read.collect())
    }
}
