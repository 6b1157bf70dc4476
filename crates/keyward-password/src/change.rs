//! Changes of an account: its password, its address, its second factor, whether it is disabled.
//!
//! A password is changed in three steps, so that no session outlives the old one:
//!
//! 1. *Prepare*: the old password ends, durably, and the new one lets nobody in yet
//!    ([`Status::Changing`](crate::Status::Changing)). Every link that was mailed before is void.
//! 2. All sessions of the account end.
//! 3. *Commit*, which takes the proof of that ([`SessionsEnded`](keyward_base::SessionsEnded)): the new
//!    password lets in.
//!
//! A process that dies in between leaves the account without a password that lets in, and never with
//! two. The link by which it was begun finishes it until it expires, and so does a new one, whoever
//! began it.

mod account;
mod evidence;
mod prepared;
mod reset;

pub use account::{EmailChanged, SessionsDue};
pub use prepared::{Changed, Prepared};
