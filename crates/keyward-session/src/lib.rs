//! Sessions: opaque, of one person at one device, ended at once and everywhere; and the cookies that
//! carry them.
//!
//! | module | what it holds |
//! |---|---|
//! | [`reason`] | why a session was refused |

pub mod reason;
