//! Whose log it is, and where it lies.

use std::fmt;

use keyward_base::encoding::{from_hex, hex};
use keyward_base::{Error, Event, Result, Tenant};
use keyward_store::{Collection, Record, RecordKey};

use super::ENTRIES;
use crate::head::{Head, Place};
use crate::leaf::LogId;

/// Whose log it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Of {
    /// A tenant's.
    Tenant(Tenant),
    /// The service's own: what is of no tenant.
    Service,
    /// That of the home itself: which heads its logs had at each round of checkpoints. It is for
    /// nobody outside, as it shows how many logs and how many entries there are.
    Root,
    /// One that ended, as another went on in its place: [`Audit::earlier`](super::Audit::earlier).
    /// It is as it was, and nothing is appended to it.
    Earlier(Earlier),
}

/// A log that ended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Earlier {
    of: Box<Of>,
    log: LogId,
}

impl Earlier {
    /// Whose it was.
    #[must_use]
    pub const fn whose(&self) -> &Of {
        &self.of
    }

    /// Its id.
    #[must_use]
    pub const fn log(&self) -> &LogId {
        &self.log
    }
}

impl Of {
    /// As a store has it: the tenant's name, or nothing.
    pub(super) fn owner(&self) -> &str {
        match self {
            Self::Tenant(tenant) => tenant.as_str(),
            Self::Service | Self::Root => "",
            Self::Earlier(earlier) => earlier.of.owner(),
        }
    }

    /// Which of its owner's it is, or was.
    fn which(&self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Tenant(_) | Self::Service => "log",
            Self::Earlier(earlier) => earlier.of.which(),
        }
    }

    /// What its head is vouched for as: the head of one log stands for no other.
    pub(super) fn place(&self) -> Place<'_> {
        (self.owner(), self.which())
    }

    /// Its id among those of its owner.
    fn id(&self) -> String {
        match self {
            Self::Earlier(Earlier { of, log }) => apart(of, log),
            of => of.which().to_owned(),
        }
    }

    /// Whose it is now, or was.
    #[must_use]
    pub fn whose(&self) -> &Self {
        match self {
            Self::Earlier(earlier) => &earlier.of,
            of => of,
        }
    }

    /// The one of the same that ended with that id.
    pub(crate) fn ended(&self, log: LogId) -> Self {
        Self::Earlier(Earlier {
            of: Box::new(self.whose().clone()),
            log,
        })
    }

    /// Where what belongs to it lies: its head, its mark, what is set of it.
    pub(super) fn key(&self, collection: Collection) -> RecordKey {
        RecordKey {
            collection,
            owner: self.owner().to_owned(),
            id: self.id(),
        }
    }

    /// Where the entries lie of the log with that head.
    pub(super) fn entries(&self, head: &Head) -> RecordKey {
        let of = self.whose();
        let mut key = of.key(ENTRIES);
        if head.apart {
            key.id = apart(of, &head.log);
        }
        key
    }

    /// The log that an event belongs to.
    pub(super) fn event(event: &Event) -> Self {
        event.tenant.clone().map_or(Self::Service, Self::Tenant)
    }

    /// Whose head or mark a record is: by all of its key, so that a head which lies elsewhere stands
    /// for no log.
    ///
    /// # Errors
    /// `Corrupt` for an owner that is no tenant, and an id that is no log's.
    pub(super) fn by(record: &Record) -> Result<Self> {
        let (owner, id) = (&record.key.owner, record.key.id.as_str());
        let (id, log) = match id.split_once('.') {
            Some((id, log)) => (id, Some(from_hex(log).map_err(|_| stray())?)),
            None => (id, None),
        };
        let of = match owner.as_str() {
            "" if id == Self::Root.id() => Some(Self::Root),
            "" => Some(Self::Service),
            owner => Tenant::new(owner).ok().map(Self::Tenant),
        };
        let of = of.filter(|of| of.id() == id).ok_or_else(stray)?;
        Ok(match log {
            Some(log) => of.ended(log),
            None => of,
        })
    }
}

/// The id of what lies beside the log that goes on.
fn apart(of: &Of, log: &LogId) -> String {
    format!("{}.{}", of.id(), hex(log))
}

fn stray() -> Error {
    Error::corrupt("a record among those of audit logs is of no log")
}

/// For people.
impl fmt::Display for Of {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tenant(tenant) => write!(f, "the log of tenant {tenant}"),
            Self::Service => f.write_str("the service's log"),
            Self::Root => f.write_str("the root log"),
            Self::Earlier(Earlier { of, log }) => {
                write!(f, "{of} that ended, keyward-log/{}", hex(log))
            }
        }
    }
}
