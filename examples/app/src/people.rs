//! The people of an organisation: which address each has, and what each may.
//!
//! Whether somebody is who he says, the crates know. That he belongs to an organisation, and as what,
//! is asked here at each request.

use keyward_base::{Error, Reason, Result, Subject, Tenant, Timestamp};
use keyward_store::{
    Applied, Collection, Content, Record, RecordKey, Records, Scan, Version, Write,
};
use serde::{Deserialize, Serialize};

const PEOPLE: Collection = Collection::named("deploydesk-people");

/// What somebody may in an organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Role {
    /// He may invite others too, name the organisation, and say who else owns it.
    Owner,
    /// He works with what is connected.
    Member,
    /// An administrator of the service, who is of no organisation.
    Administrator,
}

impl Role {
    /// What somebody may be in an organisation, by its word.
    pub(crate) fn of_organisation(word: &str) -> Option<Self> {
        [Self::Owner, Self::Member]
            .into_iter()
            .find(|role| role.word() == word)
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Member => "member",
            Self::Administrator => "administrator",
        }
    }
}

/// Somebody, as he stands in the database.
#[derive(Clone, Deserialize, Serialize)]
pub(crate) struct Person {
    /// Where mail to him goes.
    pub(crate) email: String,
    pub(crate) role: Role,
    /// In milliseconds since the Unix epoch.
    pub(crate) since: u64,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Person")
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// The place of somebody.
pub(crate) fn key(tenant: &Tenant, subject: &Subject) -> RecordKey {
    RecordKey {
        collection: PEOPLE,
        owner: tenant.as_str().to_owned(),
        id: subject.as_str().to_owned(),
    }
}

/// A record of somebody, read.
pub(crate) fn read(found: &Record) -> Result<Person> {
    serde_json::from_slice(&found.data)
        .map_err(|e| Error::corrupt("a person cannot be read").with_source(e))
}

/// How many people are read at a time.
const PAGE: usize = 500;

impl Person {
    pub(crate) fn new(email: &str, role: Role, now: Timestamp) -> Self {
        Self {
            email: email.to_owned(),
            role,
            since: now.as_millis(),
        }
    }

    pub(crate) fn content(&self) -> Result<Content> {
        let data = serde_json::to_vec(self)
            .map_err(|e| Error::unavailable("a person cannot be written").with_source(e))?;
        Ok(Content {
            data,
            ..Content::default()
        })
    }

    /// The write that makes him one of an organisation.
    pub(crate) fn insert(&self, tenant: &Tenant, subject: &Subject) -> Result<Write> {
        Ok(Write::Insert {
            key: key(tenant, subject),
            content: self.content()?,
        })
    }

    /// Him, of that organisation alone.
    pub(crate) async fn fetch(
        store: &dyn Records,
        tenant: &Tenant,
        subject: &Subject,
    ) -> Result<(Self, Version)> {
        let found = store.fetch(&key(tenant, subject)).await?;
        let found = found.ok_or_else(|| Error::rejected(Reason::NOT_FOUND))?;
        Ok((read(&found)?, found.version))
    }

    /// Puts him over what was found at `version`.
    pub(crate) async fn put(
        &self,
        store: &dyn Records,
        tenant: &Tenant,
        subject: &Subject,
        version: Version,
    ) -> Result<()> {
        let write = Write::put(key(tenant, subject), Some(version), self.content()?);
        match store.apply(vec![write]).await? {
            Applied::Done(_) => Ok(()),
            _ => Err(Error::rejected(Reason::CONFLICT)),
        }
    }

    /// The owners of an organisation, all of them. One that cannot be read is left out.
    pub(crate) async fn owners(store: &dyn Records, tenant: &Tenant) -> Result<Vec<Self>> {
        let (mut owners, mut after) = (Vec::new(), None);
        loop {
            let scan = Scan::of(PEOPLE).owner(tenant.as_str()).after(after);
            let page = store.scan(scan.limit(PAGE)).await?;
            let people = page.items.iter().filter_map(|record| read(record).ok());
            owners.extend(people.filter(|person| person.role == Role::Owner));
            after = page.next;
            if after.is_none() {
                return Ok(owners);
            }
        }
    }

    /// Where another owner than `but` stands, and as what he was found.
    pub(crate) async fn another_owner(
        store: &dyn Records,
        tenant: &Tenant,
        but: &Subject,
    ) -> Result<Option<(RecordKey, Version)>> {
        let mut after = None;
        loop {
            let scan = Scan::of(PEOPLE).owner(tenant.as_str()).after(after);
            let page = store.scan(scan.limit(PAGE)).await?;
            let is_another = |record: &Record| {
                record.key.id != but.as_str()
                    && read(record).is_ok_and(|person| person.role == Role::Owner)
            };
            let mut people = page.items.into_iter();
            if let Some(found) = people.find(is_another) {
                return Ok(Some((found.key, found.version)));
            }
            after = page.next;
            if after.is_none() {
                return Ok(None);
            }
        }
    }

    /// Those of an organisation. One that cannot be read is left out.
    pub(crate) async fn all(
        store: &dyn Records,
        tenant: &Tenant,
        limit: usize,
    ) -> Result<Vec<(Subject, Self)>> {
        let scan = Scan::of(PEOPLE).owner(tenant.as_str()).limit(limit);
        let page = store.scan(scan).await?;
        let read = page.items.into_iter().filter_map(|record| {
            let subject = Subject::new(&record.key.id).ok()?;
            Some((subject, read(&record).ok()?))
        });
        Ok(read.collect())
    }
}
