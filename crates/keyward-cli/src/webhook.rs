//! `keyward webhook`: schemes, requests and verdicts. No home is opened.

mod batch;
mod providers;
mod request;
mod secrets;
mod sign;
mod verdict;
mod verify;

use std::path::Path;

use keyward_base::{Clock as _, Error, Result, SystemClock, Timestamp};
use keyward_webhook::{Covered, Scheme, preset};

use crate::args::Webhook;
use crate::input;

/// Runs one of the commands.
pub(crate) fn run(command: Webhook, json: bool) -> Result<()> {
    match command {
        Webhook::Verify {
            batch: Some(file), ..
        } => batch::run(&file),
        Webhook::Verify {
            provider,
            scheme,
            request: Some(request),
            secret_file: Some(secrets),
            now,
            ..
        } => {
            let scheme = scheme_of(provider.as_deref(), scheme.as_deref())?;
            verify::run(scheme, &request, &secrets, time(now)?, json)
        }
        // The words say it first: one of the two is required.
        Webhook::Verify { .. } => Err(Error::misuse(
            "--request with --secret-file, or --batch, is missing: see `keyward webhook verify --help`",
        )),
        Webhook::Sign {
            provider,
            scheme,
            secret_file,
            body,
            id,
            now,
            path,
        } => sign::run(&sign::Wanted {
            scheme: scheme_of(provider.as_deref(), scheme.as_deref())?,
            secret_file,
            body,
            id,
            now: time(now)?,
            path,
        }),
        Webhook::Providers => providers::run(json),
    }
}

/// The scheme that was named, or that a file holds.
fn scheme_of(provider: Option<&str>, file: Option<&Path>) -> Result<Scheme<Covered>> {
    match (provider, file) {
        (_, Some(file)) => Scheme::from_json(&input::bytes(file, LONGEST_SCHEME)?),
        (name, None) => preset::named(name.unwrap_or_default()),
    }
}

/// More than [`Scheme::from_json`] reads, in bytes.
const LONGEST_SCHEME: usize = 32 << 10;

fn time(now: Option<Timestamp>) -> Result<Timestamp> {
    now.map_or_else(|| SystemClock::new().now(), Ok)
}
