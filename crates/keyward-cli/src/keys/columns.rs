//! Columns of sealed values that somebody registered and this command cannot count, and what the
//! services that own them said of them.

use keyward_base::{Purpose, Result, Timestamp};
use keyward_embedded::Home;
use keyward_keys::{ColumnId, KeyState, Registered, ReplicaStatus};
use keyward_store::Records as _;
use serde::Serialize;

use crate::output::counted;
use crate::timeline::rfc3339;

/// A registered column.
#[derive(Serialize)]
pub(crate) struct Column {
    store: String,
    column: String,
    purpose: String,
    barrier: bool,
    counted: bool,
    #[serde(skip)]
    in_home: bool,
    reports: Vec<Report>,
    #[serde(skip)]
    older: u64,
}

/// What a serving process counted in it; of a collection of a store only that it counts it. Shown
/// only: whoever destroys a key counts anew.
#[derive(Serialize)]
struct Report {
    replica: String,
    at: String,
    #[serde(skip)]
    when: Timestamp,
    rows: Option<u64>,
    keys: Vec<Rows>,
}

#[derive(Serialize)]
struct Rows {
    key: String,
    rows: u64,
}

/// All registered columns, in the order they were.
pub(crate) async fn all(home: &Home) -> Result<Vec<Column>> {
    let keyring = home.keyring();
    let replicas = keyring.replicas().await?;
    let status = keyring.status();
    let seals = |key| {
        let key = status.keys.iter().find(|status| status.id == key);
        key.is_some_and(|key| key.state == KeyState::Active)
    };
    let own = home.data().identity()?;
    let column = |entry: &Registered| {
        let mut older = 0;
        let reports = replicas
            .iter()
            .filter_map(|replica| report(replica, entry, &seals, &mut older))
            .collect();
        Column {
            store: entry.column.store().to_string(),
            column: entry.column.name().to_owned(),
            purpose: entry.column.purpose().to_string(),
            barrier: entry.has_barrier,
            counted: keyring.coverages().has(&entry.column),
            in_home: *entry.column.store() == own,
            reports,
            older,
        }
    };
    Ok(keyring.registered().await?.iter().map(column).collect())
}

fn report(
    replica: &ReplicaStatus,
    entry: &Registered,
    seals: &impl Fn(keyward_base::KeyId) -> bool,
    older: &mut u64,
) -> Option<Report> {
    let found = replica.columns.iter().find(|r| is_of(entry, &r.column))?;
    let of = |old: bool| {
        let keys = found.keys.iter().filter(|key| !old || !seals(key.key));
        keys.fold(0_u64, |sum, key| sum.saturating_add(key.rows))
    };
    *older = (*older).max(of(true));
    let rows = |key: &keyward_keys::KeyRows| Rows {
        key: key.key.to_string(),
        rows: key.rows,
    };
    Some(Report {
        replica: replica.name.clone(),
        at: rfc3339(found.at),
        when: found.at,
        rows: (!entry.has_barrier).then(|| of(false)),
        keys: found.keys.iter().map(rows).collect(),
    })
}

/// Whether who counts `counted` answers for `entry`: the same column, or a mark of it.
fn is_of(entry: &Registered, counted: &ColumnId) -> bool {
    let (own, mark) = (&entry.column, entry.column.name());
    own == counted
        || (own.store(), own.purpose()) == (counted.store(), counted.purpose())
            && entry.has_barrier
            && mark
                .strip_prefix(counted.name())
                .is_some_and(|rest| rest.starts_with('/'))
}

/// Those that this command cannot count.
pub(crate) async fn uncounted(home: &Home) -> Result<Vec<Column>> {
    let mut all = all(home).await?;
    all.retain(|column| !column.counted);
    Ok(all)
}

impl Column {
    /// Whether its values are sealed for `purpose`.
    pub(crate) fn is_for(&self, purpose: &Purpose) -> bool {
        self.purpose == purpose.as_str()
    }

    /// Whether it is a collection of a store, and not an application's own table.
    pub(crate) const fn is_of_a_store(&self) -> bool {
        self.barrier
    }

    /// Whether it lies in this home's own store: a service keeps its records there.
    pub(crate) const fn is_in_home(&self) -> bool {
        self.in_home
    }

    /// Whether it can be counted here.
    pub(crate) const fn is_counted(&self) -> bool {
        self.counted
    }

    /// `account.token of store 0a1b for vault`.
    pub(crate) fn name(&self) -> String {
        format!(
            "{} of store {} for {}",
            self.column, self.store, self.purpose
        )
    }

    /// A process that serves and counts it.
    pub(crate) fn counted_by(&self) -> Option<&str> {
        self.last().map(|report| report.replica.as_str())
    }

    fn last(&self) -> Option<&Report> {
        self.reports.iter().max_by_key(|report| report.when)
    }

    /// What is known of it, from those who can count it.
    pub(crate) fn state(&self) -> String {
        let Some(last) = self.last() else {
            return "no process that serves has counted it".to_owned();
        };
        let Some(rows) = last.rows else {
            return format!("{} counts it when it destroys a key", last.replica);
        };
        let rows = counted(rows, "value", "values");
        let older = match self.older {
            0 => "none under an older key".to_owned(),
            older => format!("{older} under older keys"),
        };
        format!("{} counted {rows} at {}, {older}", last.replica, last.at)
    }
}
