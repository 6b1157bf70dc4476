//! What a key protects, as counted.

use keyward_base::{ErrorKind, KeyId, Purpose, Result, Suite, Tenant, Timestamp};
use keyward_store::{DamagedRow, Records};

use crate::coverage::ColumnId;
use crate::records::TENANT_KEYS;
use crate::registry::Registered;
use crate::ring::Ring;

/// What one tenant key protects.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TenantUsage {
    /// The tenant that the key belongs to.
    pub tenant: Tenant,
    /// The purpose of the key.
    pub purpose: Purpose,
    /// The id of the tenant key.
    pub key: KeyId,
    /// How it seals.
    pub suite: Suite,
    /// The ring key that wraps it.
    pub wrapped_by: KeyId,
    /// The ring's epoch in which it was issued.
    pub issued_epoch: u64,
    /// Whether it is the tenant's newest.
    pub current: bool,
    /// Values were sealed with it that no registered column counts.
    pub unregistered: bool,
    /// How many values of the columns counted it sealed.
    pub rows: u64,
}

/// What one ring key protects: itself where keys are derived, and through the tenant keys it
/// wraps.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyUsage {
    /// The id of the ring key.
    pub key: KeyId,
    /// How many tenant keys it wraps.
    pub tenant_keys: u64,
    /// How many values of the columns counted need it.
    pub rows: u64,
    /// Values need it, or may, that no registered column counts.
    pub unregistered: bool,
}

/// What all keys of a ring protect, as far as this process can count.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Each key of the ring, in the order they were made.
    pub keys: Vec<KeyUsage>,
    /// Columns that somebody registered and that this process cannot count: `keys` leaves their
    /// values out.
    pub uncounted: Vec<Registered>,
    /// Tenants' key records that cannot be read: `keys` leaves their values out. Of more than
    /// [`DamagedRow::MOST`] so many are named.
    pub damaged: Vec<DamagedRecord>,
}

impl Usage {
    /// What the key `id` protects.
    #[must_use]
    pub fn of(&self, id: KeyId) -> Option<&KeyUsage> {
        self.keys.iter().find(|usage| usage.key == id)
    }

    /// The values that need the key `id`, over the columns counted.
    #[must_use]
    pub fn rows(&self, id: KeyId) -> u64 {
        self.of(id).map_or(0, |usage| usage.rows)
    }
}

/// A tenant's key record that cannot be read. Its values do not open until the record is restored
/// from a backup of the key store; [`Admin::set_aside`](crate::Admin::set_aside) gives it up, or, where
/// no tenant can be named, [`Admin::set_aside_row`](crate::Admin::set_aside_row).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DamagedRecord {
    /// Whose it is, as the store has it: it need not be a tenant's name.
    pub owner: String,
    /// What it is for, as the store has it.
    pub purpose: String,
    /// `Corrupt` if it is not what was written; `Unavailable` if it is newer than the keyring or
    /// this release.
    pub kind: ErrorKind,
    /// What is wrong with it.
    pub says: String,
    /// Its row, as the key store names it, if the store itself cannot give it. Owner and purpose are
    /// empty then where they cannot be read, and the collection it is of may be another.
    pub row: Option<String>,
}

impl DamagedRecord {
    /// A row that the key store cannot give.
    pub(crate) fn of_row(row: &DamagedRow) -> Self {
        // Of another collection, or of none that it says, it is not found by its owner.
        let is_of_tenant = row.collection == Some(TENANT_KEYS);
        let owner = row.owner.clone().filter(|_| is_of_tenant);
        Self {
            owner: owner.unwrap_or_default(),
            purpose: row.id.clone().unwrap_or_default(),
            kind: ErrorKind::Corrupt,
            says: format!(
                "the {} of its row {} is nothing that was written through the key store",
                row.column, row.place
            ),
            row: Some(row.place.clone()),
        }
    }

    /// The last row that is named, where so many are that there may be others behind it: it is in the
    /// way for whatever those may be.
    fn of_any(row: &DamagedRow) -> Self {
        Self {
            owner: String::new(),
            purpose: String::new(),
            ..Self::of_row(row)
        }
    }

    /// Whether it may hold keys of `purpose`: it says so, or names none that the ring has.
    pub(crate) fn may_be_of(&self, purpose: &Purpose, ring: &Ring) -> bool {
        let mut known = ring.keys.iter().map(|key| key.purpose.as_str());
        self.purpose == purpose.as_str() || !known.any(|known| known == self.purpose)
    }

    /// The row by which it is given up ([`Admin::set_aside_row`](crate::Admin::set_aside_row)), if
    /// it has no tenant by whose name ([`Admin::set_aside`](crate::Admin::set_aside)).
    #[must_use]
    pub fn nameless_row(&self) -> Option<&str> {
        self.row.as_deref().filter(|_| self.owner.is_empty())
    }

    /// The command that gives it up. Whatever the owner's name is, it is one word of a shell.
    #[must_use]
    pub fn way_out(&self) -> String {
        match self.nameless_row() {
            Some(row) => format!("keyward keys set-aside --row {row}"),
            None => format!("keyward keys set-aside {}", one_word(&self.owner)),
        }
    }

    /// What it is, and how it is given up.
    pub(crate) fn told(&self) -> (String, String) {
        let what = match self.nameless_row() {
            Some(row) => format!("row {row} of the key store"),
            None => format!("the key record of tenant {}", self.owner),
        };
        (what, format!("`{}`", self.way_out()))
    }
}

/// `name` as one word of a shell, and no option.
fn one_word(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~!@%+=:,/".contains(c);
    if !name.is_empty() && name.chars().all(plain) && !name.starts_with(['-', '~']) {
        return name.to_owned();
    }
    let ends = if name.starts_with('-') { "-- " } else { "" };
    format!("{ends}'{}'", name.replace('\'', "'\\''"))
}

/// Adds one to those that are named, of which there are [`DamagedRow::MOST`] at most: one that is not
/// named may be for any purpose, and the last of them says so.
pub(crate) fn note(damaged: &mut Vec<DamagedRecord>, one: DamagedRecord) {
    if damaged.len() < DamagedRow::MOST {
        damaged.push(one);
    } else if let Some(last) = damaged.last_mut() {
        last.purpose.clear();
    }
}

/// Adds the rows that a walk over the tenants' records passed over.
pub(crate) fn note_rows(damaged: &mut Vec<DamagedRecord>, rows: &[DamagedRow]) {
    for row in rows {
        note(damaged, DamagedRecord::of_row(row));
    }
}

/// Adds the rows that no walk comes by: one that does not say of which collection it is may be any
/// tenant's. So may those be that the store does not name, as there are too many.
pub(crate) async fn note_nowhere(
    damaged: &mut Vec<DamagedRecord>,
    store: &dyn Records,
) -> Result<()> {
    let rows = store.damaged().await?;
    for row in rows.iter().filter(|row| row.collection.is_none()) {
        note(damaged, DamagedRecord::of_row(row));
    }
    if let Some(last) = rows.last().filter(|_| rows.len() >= DamagedRow::MOST) {
        note(damaged, DamagedRecord::of_any(last));
    }
    Ok(())
}

/// How many values of one column need one ring key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // The format has just these.
pub struct KeyRows {
    /// The id of the ring key.
    pub key: KeyId,
    /// The values that need it.
    pub rows: u64,
}

/// What a replica counted in a column of its own. It is shown, and nothing is decided by it:
/// whoever destroys a key counts anew.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // The format has just these.
pub struct ColumnReport {
    /// The column.
    pub column: ColumnId,
    /// When it was counted.
    pub at: Timestamp,
    /// The ring keys that values of it need. None of a column with a barrier: those are counted when
    /// a key is destroyed, and the report says that its process does it.
    pub keys: Vec<KeyRows>,
}
