//! Where a person is logged in, as he is shown it.

use keyward_base::Timestamp;

use crate::id::SessionId;
use crate::kind::Kind;
use crate::row::Row;

/// One session of a person, as his list of devices shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Device {
    /// Its public name.
    pub id: SessionId,
    /// What it is good for. [`Kind::Staff`] is somebody who acts for the person.
    pub kind: Kind,
    /// Whether it is the session that asks.
    pub is_current: bool,
    /// The words of the methods by which it was started.
    pub methods: Vec<String>,
    /// When it began.
    pub created: Timestamp,
    /// When it was last used, to a fourteenth of its window: at a log-in it is when it began.
    pub last_seen: Timestamp,
    /// When it ends unless it is used.
    pub ends: Timestamp,
    /// What the client was said to be. Not verified: for display only.
    pub client: String,
    /// The name that the person gave it; empty if none. For display only.
    pub name: String,
    /// Of staff: who it is.
    pub staff: Option<String>,
    /// Of staff: why, as they said.
    pub staff_reason: Option<String>,
}

impl Device {
    pub(crate) fn of(row: Row, current: SessionId) -> Self {
        let (staff, staff_reason) = match row.behind {
            Some(behind) => (
                Some(behind.subject.as_str().to_owned()),
                Some(behind.reason),
            ),
            None => (None, None),
        };
        Self {
            id: row.id,
            kind: row.kind,
            is_current: row.id == current,
            methods: row.methods,
            created: row.created,
            last_seen: row.renewed,
            ends: row.idle,
            client: row.client,
            name: row.name,
            staff,
            staff_reason,
        }
    }
}
