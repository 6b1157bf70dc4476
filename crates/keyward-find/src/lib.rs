//! Finds sealed values of given keys where nobody registered them.
//!
//! Destroying a key loses every value that was sealed with it, and the column that nobody told
//! the key store about is the one that gets lost. So this looks at everything: [`file()`] goes
//! through each text and blob column of a SQLite database, [`dump()`] through the text dump of a
//! PostgreSQL or MySQL database. Both say table, column and number, and never a value.
//!
//! A value is recognised by what stands in clear at its beginning: `kw1.` and 12 characters that
//! hold suite and key id. [`Keys`] lists the forms in which that is found.
//!
//! Not seen: what is compressed or encrypted, a value that is cut into pieces, and base64 of
//! something that does not begin with the value.
//!
//! ```
//! use keyward_base::KeyId;
//! use keyward_find::{Keys, dump};
//!
//! # fn main() -> keyward_base::Result<()> {
//! let keys: Keys = [KeyId::parse("0011223344556677")?].into_iter().collect();
//! let text = "COPY public.account (id, token) FROM stdin;\n7\tkw1.AQARIjNEVWZ3AAAA\n\\.\n";
//! let report = dump(text.as_bytes(), &keys, |_| ())?;
//! let [found] = report.found.as_slice() else { panic!() };
//! assert_eq!((found.table.as_str(), found.values), ("public.account", 1));
//! assert_eq!(found.column.as_deref(), Some("token"));
//! # Ok(())
//! # }
//! ```

mod dump;
mod escape;
mod file;
mod form;
mod keys;
mod matcher;
mod pipe;
mod report;
mod runs;
mod stream;

pub use dump::dump;
pub use file::{Options, file};
pub use keys::Keys;
pub use pipe::widen;
pub use report::{Found, Report};
