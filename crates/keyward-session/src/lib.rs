//! Sessions: opaque, of one person at one device, ended at once and everywhere; and the cookies that
//! carry them.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cookie`] | the cookies that carry sessions: written whole, read strictly |
//! | [`danger`] | what a hurried person should not find first |
//! | [`reason`] | why a session was refused |

pub mod cookie;
pub mod danger;
pub mod reason;

pub use cookie::Cookie;
