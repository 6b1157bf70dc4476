//! How much an action may hold, and why no more.

use std::time::Duration;

/// Steps of an action: what a person can go through before he decides, at 64 a list of two pages.
pub const STEPS: usize = 64;
/// Arguments of a step.
pub const ARGUMENTS: usize = 64;
/// How deep lists and maps may stand in one another: as deep as a page still shows by indenting.
pub const DEPTH: usize = 8;
/// Items of a list or a map.
pub const ITEMS: usize = 1_024;
/// Values of all arguments together, each item of a list and a map too.
pub const VALUES: usize = 16_384;
/// Bytes of one text, or of one argument of bytes: a file of configuration, and no image of a disk.
pub const TEXT: usize = 1024 * 1024;
/// Bytes of what an action is about.
pub const TARGET: usize = 1_024;
/// Bytes of the key of a map.
pub const KEY: usize = 256;
/// Bytes of a whole action: sealed and as text it stays below the 2 MiB of a record.
pub const ACTION: usize = 1_310_720;
/// Bytes of one secret argument: the longest private keys and tokens have a fraction of it.
pub const SECRET: usize = 64 * 1024;
/// Bytes of all secret arguments of an action together.
pub const SECRETS: usize = 256 * 1024;
/// The longest that may pass before a decision, and again before the run: as long as GitHub's
/// deployments wait for a reviewer.
pub const SPAN: Duration = Duration::from_secs(30 * 24 * 60 * 60);
