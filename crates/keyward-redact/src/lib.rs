//! Masks live secrets in byte streams, text, JSON and prompts, split across writes and in encoded
//! forms.
//!
//! ```
//! use std::io::Write as _;
//!
//! use keyward_redact::{Name, Redactor};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The random bytes come from the operating system: `keyward_crypto::Provider::fill`.
//! # let random = |bytes: &mut [u8]| { bytes.fill(7); Ok(()) };
//! let redactor = Redactor::new(random)?;
//! redactor.add(&Name::new("GITHUB_TOKEN")?, b"ghp_x8Zq31LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo")?;
//!
//! let mut log = redactor.stream(Vec::new());
//! log.write_all(b"token ghp_x8Zq31LkT0uVbN4pR")?; // Split across writes.
//! log.write_all(b"c7wYd2Es9Gm5HfJ6aKo\n")?;
//! let log = log.finish()?;
//! assert_eq!(String::from_utf8(log)?, "token •••\n");
//! # Ok(()) }
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`redactor`] | [`Redactor`]: what is secret, and the ways in |
//! | [`masker`] | [`Masker`]: one stream, without I/O |
//! | [`stream`] | [`Stream`]: the same as `std::io::Write` |
//! | [`model`] | [`Conversation`]: prompts and tool results, with masks that say which secret |
//! | [`json`] | JSON that is JSON afterwards, whole or line by line |
//! | [`danger`] | what gives secrets out again, and all forms of a value |
//! | [`name`] | what a secret is called |
//! | [`policy`] | the limits, each with its reason |
//! | [`warning`] | what is not masked as one may expect |
//!
//! With the feature `tokio` there is `Redactor::async_stream`, with `tracing` there is
//! `Redactor::make_writer`.

#[cfg(feature = "tokio")]
pub mod async_write;
pub mod danger;
mod engine;
mod fair;
mod form;
pub mod json;
#[cfg(feature = "tracing")]
pub mod make_writer;
pub mod masker;
pub mod model;
pub mod name;
mod outlet;
pub mod policy;
pub mod redactor;
mod registry;
pub mod stream;
mod value;
pub mod warning;

#[cfg(feature = "tokio")]
pub use async_write::AsyncStream;
pub use json::JsonLines;
#[cfg(feature = "tracing")]
pub use make_writer::MaskEvents;
pub use masker::Masker;
pub use model::Conversation;
pub use name::Name;
pub use policy::Policy;
pub use redactor::{Counts, Redactor};
pub use stream::Stream;
pub use warning::{Warning, What};

/// The examples of the page on how to use it.
#[cfg(all(doctest, feature = "tracing"))]
#[doc = include_str!("../../../docs/masking.md")]
pub struct Page;
