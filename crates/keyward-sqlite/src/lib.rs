//! The stores of keyward on SQLite, the embedded default.
//!
//! [`SqliteStore`] implements the four traits of `keyward-store` on one file. Point reads run
//! inline on a small pool of connections with cached statements, so they cost about what the bare
//! statement costs; longer reads run on a thread of their own; writes go to one thread that
//! commits many batches with one `fsync`. No asynchronous runtime is needed.
//!
//! ```
//! # fn main() -> keyward_base::Result<()> {
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("data.db");
//! let store = keyward_sqlite::SqliteStore::open(path)?;
//! # Ok(())
//! # }
//! ```
//!
//! The file is made with mode 0600, and its journals with it. It is opened in WAL mode with
//! `synchronous=FULL`: what was acknowledged outlasts a crash of the process and of the machine.
//! Several processes may use one file. `docs/formats/store-sqlite.md` specifies the schema.

mod attempts;
mod builder;
pub mod claims;
mod connection;
mod content;
mod damaged;
mod erase;
mod failure;
mod file;
mod guard;
pub mod identity;
mod log;
mod number;
mod once;
mod place;
mod readers;
mod records;
mod schema;
mod store;
mod stores;
mod writer;

pub use builder::{Builder, Durability};
/// The driver whose transactions [`claims`] takes.
pub use rusqlite;
pub use store::SqliteStore;
