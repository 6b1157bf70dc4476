//! Sessions: opaque, of one person at one device, ended at once and everywhere; and the cookies that
//! carry them.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cookie`] | the cookies that carry sessions: written whole, read strictly |
//! | [`danger`] | what a hurried person should not find first |
//! | [`device`] | where a person is logged in, as he is shown it |
//! | [`mod@format`] | the bytes of tokens, rows and epochs |
//! | [`kind`] | what a session is good for, as a value and as a type |
//! | [`live`] | a session that was found to live, and one that was just started |
//! | [`policy`] | how long sessions live, with the reason for each number |
//! | [`reason`] | why a session was refused |
//! | [`revoke`] | which sessions end at once |
//! | [`sessions`] | the door: [`Sessions`] |
//! | [`start`] | what a session is started with, beside the evidence |
//! | [`token`] | what a browser holds of it |

pub mod cookie;
pub mod danger;
pub mod device;
mod epoch;
pub mod format;
mod id;
pub mod kind;
pub mod live;
pub mod policy;
pub mod reason;
pub mod revoke;
mod row;
pub mod sessions;
pub mod start;
mod text;
pub mod token;

pub use cookie::Cookie;
pub use device::Device;
pub use id::SessionId;
pub use kind::{Admin, Kind, OwnKind, Pending, SessionKind, Staff, User};
pub use live::{AnyLive, Fresh, LiveSession, StaffActing, Started};
pub use policy::Policy;
pub use revoke::{Ended, Revoke};
pub use sessions::{Sessions, SessionsBuilder};
pub use start::Start;
pub use token::SessionToken;
