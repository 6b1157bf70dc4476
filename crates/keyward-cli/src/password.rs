//! `keyward password`: hashes and verdicts. No home is opened.

mod batch;
mod calibrate;
mod census;
mod hash;
mod line;
mod lines;
mod schemes;
mod verdict;
mod verify;

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use keyward_base::{Result, SystemClock, Tenant};
use keyward_password::{Admission, Passwords, Policy};

use crate::args::{Password, VerifyArgs};

/// Runs one of the commands, and gives the code that it ends with.
pub(crate) fn run(command: Password, json: bool) -> Result<ExitCode> {
    let done = match command {
        Password::Hash(wanted) => hash::run(&wanted, json),
        Password::Verify(VerifyArgs {
            batch: Some(file), ..
        }) => batch::run(&file),
        Password::Verify(wanted) => return verify::run(&wanted, json),
        Password::Calibrate {
            target,
            workers,
            memory,
        } => calibrate::run(target, workers, memory, json),
        Password::Census(wanted) => census::run(&wanted, json),
        Password::Schemes => schemes::run(json),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// A door that hashes on all processors: nobody else is to be answered meanwhile. What stands in
/// line waits as long as it takes.
fn door(policy: Policy) -> Result<Passwords> {
    let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let endless = Duration::from_secs(365 * 86_400);
    let admission = Admission::default().workers(processors).wait(endless);
    Passwords::new(policy, admission, Arc::new(SystemClock::new()))
}

/// Whose passwords they are is all the same here.
fn tenant() -> Result<Tenant> {
    Tenant::new("command")
}
