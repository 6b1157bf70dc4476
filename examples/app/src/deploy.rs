//! Deployments: a real child process for each, whose output is masked before it is kept or shown.
//!
//! | module | what it holds |
//! |---|---|
//! | [`record`] | one deployment, as it stands in the database |
//! | [`log`] | what it wrote, in pieces, masked and limited |
//! | [`runner`] | the child process: its environment, its streams, its end |
//! | [`prompt`] | what a model would be asked, cleaned |
//!
//! What is run is never a text of a form: the program that `DEPLOYDESK_DEPLOY` names, or the one
//! that comes with the service. Server and set go to it as variables, so that no name is taken for
//! an option.

pub(crate) mod log;
pub(crate) mod prompt;
pub(crate) mod record;
pub(crate) mod runner;

use std::time::Duration;

/// For how long a deployment and its log are kept: a quarter of a year.
pub(crate) const KEPT: Duration = Duration::from_secs(90 * 86_400);

/// How many of one organisation run at once.
pub(crate) const AT_ONCE: usize = 2;

/// How many run at once in one process.
pub(crate) const ALTOGETHER: usize = 16;

/// How long one may run, unless `DEPLOYDESK_DEPLOY_SECONDS` says otherwise: ten minutes.
pub(crate) const LONGEST_RUN: Duration = Duration::from_secs(600);

/// How long what is told to end may take before it is killed, and how long a pipe is read that
/// something holds which is in no group of ours.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

/// The most bytes of a log that are kept. Counted after masking, so that no cut leaves a part of a
/// secret.
pub(crate) const LONGEST_LOG: usize = 1024 * 1024;
