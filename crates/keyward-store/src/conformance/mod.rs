//! The rules that every store is held to, as functions that report which one it broke.
//!
//! ```
//! use std::sync::Arc;
//! use keyward_store::conformance::{self, Threads};
//! use keyward_store::{MemoryStore, Records};
//!
//! let store: Arc<dyn Records> = Arc::new(MemoryStore::new(100_000));
//! let checked = conformance::block_on(conformance::records(&[store], &Threads));
//! checked.unwrap();
//! ```
//!
//! Each function takes handles of **one** store that nothing was written to yet. With more than
//! one handle (two connections, two pools) the rules write through one and read through the
//! other, and races run through all of them. Each rule uses a collection of its own, named after
//! the rule. The races run on a [`Spawner`] of yours, or on [`Threads`].

mod attempts;
mod batches;
mod bounds;
mod finds;
mod log;
mod once;
mod races;
mod records;
mod removal;
mod run;
mod scans;
mod steps;
mod stores;
mod writes;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

pub use run::{Spawner, Threads, block_on};

use crate::records::{Collection, RecordKey};
use crate::{Attempts, Log, Once, Records, Stores};

/// A rule that a store broke.
#[derive(Clone, Debug)]
pub struct Broken {
    rule: &'static str,
    detail: String,
}

impl Broken {
    /// The rule's name, such as `batch-is-atomic`.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        self.rule
    }

    /// What the store did.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

/// The rules that a store broke, at least one.
#[derive(Clone)]
pub struct Report(Vec<Broken>);

impl Report {
    /// Each broken rule.
    #[must_use]
    pub fn broken(&self) -> &[Broken] {
        &self.0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store broke {} of the rules:", self.0.len())?;
        let each = |broken: &Broken| write!(f, "\n  {}: {}", broken.rule, broken.detail);
        self.0.iter().try_for_each(each)
    }
}

// A failed `unwrap` in a test prints this: the same lines as `Display`.
impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl StdError for Report {}

/// Holds a store to the rules of [`Attempts`].
///
/// # Errors
/// The rules it broke.
pub async fn attempts(handles: &[Arc<dyn Attempts>], spawner: &dyn Spawner) -> Result<(), Report> {
    let mut rules = Rules::default();
    attempts::check(&Handles(handles), spawner, &mut rules).await;
    rules.report()
}

/// Holds a store to the rules of [`Log`].
///
/// # Errors
/// The rules it broke.
pub async fn log(handles: &[Arc<dyn Log>], spawner: &dyn Spawner) -> Result<(), Report> {
    let mut rules = Rules::default();
    log::check(&Handles(handles), spawner, &mut rules).await;
    rules.report()
}

/// Holds a store to the rules of [`Once`].
///
/// # Errors
/// The rules it broke.
pub async fn once(handles: &[Arc<dyn Once>], spawner: &dyn Spawner) -> Result<(), Report> {
    let mut rules = Rules::default();
    once::check(&Handles(handles), spawner, &mut rules).await;
    rules.report()
}

/// Holds a store to the rules of [`Records`].
///
/// # Errors
/// The rules it broke.
pub async fn records(handles: &[Arc<dyn Records>], spawner: &dyn Spawner) -> Result<(), Report> {
    let mut rules = Rules::default();
    records::check(&Handles(handles), &mut rules).await;
    scans::check(&Handles(handles), spawner, &mut rules).await;
    finds::check(&Handles(handles), &mut rules).await;
    races::check(&Handles(handles), spawner, &mut rules).await;
    rules.report()
}

/// Holds a store that carries all four to the rules of each, and to those of [`Stores`].
///
/// # Errors
/// The rules it broke.
pub async fn stores(handles: &[Arc<dyn Stores>], spawner: &dyn Spawner) -> Result<(), Report> {
    let mut rules = Rules::default();
    attempts::check(
        &Handles(&each(handles, |s| -> Arc<dyn Attempts> { s })),
        spawner,
        &mut rules,
    )
    .await;
    log::check(
        &Handles(&each(handles, |s| -> Arc<dyn Log> { s })),
        spawner,
        &mut rules,
    )
    .await;
    once::check(
        &Handles(&each(handles, |s| -> Arc<dyn Once> { s })),
        spawner,
        &mut rules,
    )
    .await;
    let records = each(handles, |s| -> Arc<dyn Records> { s });
    records::check(&Handles(&records), &mut rules).await;
    scans::check(&Handles(&records), spawner, &mut rules).await;
    finds::check(&Handles(&records), &mut rules).await;
    races::check(&Handles(&records), spawner, &mut rules).await;
    stores::check(&Handles(handles), spawner, &mut rules).await;
    rules.report()
}

fn each<T: ?Sized>(
    handles: &[Arc<dyn Stores>],
    as_one: impl Fn(Arc<dyn Stores>) -> Arc<T>,
) -> Vec<Arc<T>> {
    handles.iter().cloned().map(as_one).collect()
}

/// Holds two stores to having identities of their own: one that is made is unlike every other.
///
/// # Errors
/// The rule they broke.
pub fn identities(one: &dyn Records, other: &dyn Records) -> Result<(), Report> {
    let mut rules = Rules::default();
    rules.note("identity-is-its-own", records::unlike(one, other));
    rules.report()
}

/// What went wrong within a rule.
struct Fault(String);

impl From<keyward_base::Error> for Fault {
    fn from(error: keyward_base::Error) -> Self {
        Self(format!("{error:?}"))
    }
}

type Checked = Result<(), Fault>;

/// Fails a rule, with what the store did, unless `holds`.
fn ensure(holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds {
        return Ok(());
    }
    Err(Fault(what()))
}

/// Fails a rule unless both are equal.
fn same<T: PartialEq + fmt::Debug>(what: &str, is: &T, wanted: &T) -> Checked {
    ensure(is == wanted, || format!("{what}: {is:?}, not {wanted:?}"))
}

#[derive(Default)]
struct Rules {
    count: usize,
    broken: Vec<Broken>,
}

impl Rules {
    fn note(&mut self, rule: &'static str, checked: Checked) {
        self.count = self.count.saturating_add(1);
        if let Err(Fault(detail)) = checked {
            self.broken.push(Broken { rule, detail });
        }
    }

    fn report(self) -> Result<(), Report> {
        if self.broken.is_empty() {
            return Ok(());
        }
        Err(Report(self.broken))
    }
}

/// The handles of one store: what is written through one must be seen through another.
struct Handles<'a, T: ?Sized>(&'a [Arc<T>]);

impl<T: ?Sized> Handles<'_, T> {
    /// The handle of the `index`th task.
    fn of(&self, index: usize) -> Result<Arc<T>, Fault> {
        let index = index.checked_rem(self.0.len()).unwrap_or(0);
        let handle = self.0.get(index).cloned();
        handle.ok_or_else(|| Fault("the suite was given no handle".into()))
    }

    /// One handle to write through and another, if there is one, to read through.
    fn two(&self) -> Result<(Arc<T>, Arc<T>), Fault> {
        Ok((self.of(0)?, self.of(1)?))
    }
}

fn set(rule: &'static str) -> Collection {
    Collection::named(rule)
}

fn key(rule: &'static str, owner: &str, id: &str) -> RecordKey {
    RecordKey {
        collection: set(rule),
        owner: owner.to_owned(),
        id: id.to_owned(),
    }
}
