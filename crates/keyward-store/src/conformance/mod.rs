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
mod beside;
mod bounds;
mod finds;
mod log;
mod once;
mod races;
mod records;
mod removal;
mod rule;
mod run;
mod scans;
mod steps;
mod stores;
mod writes;

use std::sync::Arc;

pub use rule::{Broken, Report};
pub use run::{Spawner, Threads, block_on};

use crate::{Attempts, Log, Once, Records, Stores};
use rule::{Handles, Rules};

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
    scans::check(&Handles(handles), &mut rules).await;
    beside::check(&Handles(handles), spawner, &mut rules).await;
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
    scans::check(&Handles(&records), &mut rules).await;
    beside::check(&Handles(&records), spawner, &mut rules).await;
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
