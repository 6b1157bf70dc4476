//! The four small traits that carry everything keyward stores, their bounded in-memory form, and
//! the conformance suite that every store passes.
//!
//! ```
//! use keyward_store::{Applied, Collection, Content, MemoryStore, RecordKey, Records, Write};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> keyward_base::Result<()> {
//! let store = MemoryStore::new(1_000);
//! let key = RecordKey {
//!     collection: Collection::named("vault"),
//!     owner: "acme".to_owned(),
//!     id: "account.token/42".to_owned(),
//! };
//! let insert = || Write::Insert {
//!     key: key.clone(),
//!     content: Content { sealed: "kw1.…".to_owned(), ..Content::default() },
//! };
//! assert!(matches!(store.apply(vec![insert()]).await?, Applied::Done(_)));
//!
//! // A batch is done as a whole, or not at all: the second insert finds the first.
//! assert!(matches!(store.apply(vec![insert()]).await?, Applied::Conflict { index: 0 }));
//! # Ok(()) }
//! ```
//!
//! | trait | what it is for |
//! |---|---|
//! | [`Attempts`] | exact sliding windows: so many per span, judged and recorded in one step |
//! | [`Log`] | entries appended at an expected head, and read back |
//! | [`Once`] | one recorded completion: a lease, work in flight, or the result of before |
//! | [`Records`] | versioned records: compare-and-swap, atomic batches, ordered scans, counts by key, searches by word |
//!
//! [`Stores`] is all four in one store: a batch may then hold steps of several, all or none.
//!
//! [`limit`] counts requests in [`Attempts`], so that all processes share one limit.
//!
//! A store is trusted with availability, not with secrets. Every trait is dyn-compatible and
//! returns boxed futures that need no particular runtime. No trait method has a default body.
//!
//! [`MemoryStore`] implements all four and forgets everything when it is dropped. Whoever writes
//! another store checks its input with [`StoreLimits`] and holds it to [`conformance`].

pub mod attempts;
mod checks;
pub mod conformance;
pub mod damaged;
pub mod find;
pub mod identity;
pub mod limit;
pub mod limits;
pub mod log;
mod memory;
pub mod once;
pub mod pages;
pub mod reason;
pub mod record;
pub mod records;
pub mod scan;
pub mod stores;

pub use keyward_base::BoxFuture;

pub use attempts::{Admission, Attempts, Judged, Level, Refusals, Reserved, Ticket, Used, Window};
pub use damaged::DamagedRow;
pub use find::{Find, Found, Words};
pub use identity::StoreId;
pub use limits::StoreLimits;
pub use log::{Appended, Entry, Log};
pub use memory::MemoryStore;
pub use once::{Begun, Claim, FencingToken, Finished, Once};
pub use pages::Pages;
pub use record::{Collection, Content, Record, RecordKey, Version};
pub use records::{Applied, Erased, Records, Write};
pub use scan::{Outline, Page, PageBudget, Place, Scan};
pub use stores::{Committed, Refusal, Step, Stepped, Stores};
