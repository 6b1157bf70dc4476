//! What every rule is written with: how it fails, the handles of a store, and names.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::record::{Collection, RecordKey};

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

/// What went wrong within a rule.
pub(super) struct Fault(pub(super) String);

impl From<keyward_base::Error> for Fault {
    fn from(error: keyward_base::Error) -> Self {
        Self(format!("{error:?}"))
    }
}

pub(super) type Checked = Result<(), Fault>;

/// Fails a rule, with what the store did, unless `holds`.
pub(super) fn ensure(holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds {
        return Ok(());
    }
    Err(Fault(what()))
}

/// Fails a rule unless both are equal.
pub(super) fn same<T: PartialEq + fmt::Debug>(what: &str, is: &T, wanted: &T) -> Checked {
    ensure(is == wanted, || format!("{what}: {is:?}, not {wanted:?}"))
}

#[derive(Default)]
pub(super) struct Rules {
    count: usize,
    broken: Vec<Broken>,
}

impl Rules {
    pub(super) fn note(&mut self, rule: &'static str, checked: Checked) {
        self.count = self.count.saturating_add(1);
        if let Err(Fault(detail)) = checked {
            self.broken.push(Broken { rule, detail });
        }
    }

    pub(super) fn report(self) -> Result<(), Report> {
        if self.broken.is_empty() {
            return Ok(());
        }
        Err(Report(self.broken))
    }
}

/// The handles of one store: what is written through one must be seen through another.
pub(super) struct Handles<'a, T: ?Sized>(pub(super) &'a [Arc<T>]);

impl<T: ?Sized> Handles<'_, T> {
    /// The handle of the `index`th task.
    pub(super) fn of(&self, index: usize) -> Result<Arc<T>, Fault> {
        let index = index.checked_rem(self.0.len()).unwrap_or(0);
        let handle = self.0.get(index).cloned();
        handle.ok_or_else(|| Fault("the suite was given no handle".into()))
    }

    /// One handle to write through and another, if there is one, to read through.
    pub(super) fn two(&self) -> Result<(Arc<T>, Arc<T>), Fault> {
        Ok((self.of(0)?, self.of(1)?))
    }
}

pub(super) fn set(rule: &'static str) -> Collection {
    Collection::named(rule)
}

pub(super) fn key(rule: &'static str, owner: &str, id: &str) -> RecordKey {
    RecordKey {
        collection: set(rule),
        owner: owner.to_owned(),
        id: id.to_owned(),
    }
}
