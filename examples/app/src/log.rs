//! The process's own log: standard error, one line each. Errors of keyward hold no secret.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use keyward_base::{Clock, Error, ErrorKind, Reason, Timestamp};

/// How long one line speaks for all other refusals of its reason.
const QUIET: Duration = Duration::from_secs(60);

/// A line for the operator.
pub(crate) fn line(text: &str) {
    // A log that cannot be written must not stop the service.
    let _ = writeln!(std::io::stderr(), "deploydesk: {text}");
}

/// An error behind a response.
pub(crate) fn failure(error: &Error) {
    line(&told(error));
}

/// A line for what is behind each response that is an error. Anybody can have requests refused, as many as
/// he likes: of each reason one line a minute says how many there were. Reasons are words of the code.
pub(crate) fn behind_responses(clock: Arc<dyn Clock>) -> impl Fn(&Error) + Send + Sync + 'static {
    let refused: Mutex<HashMap<Reason, Refused>> = Mutex::default();
    move |error| {
        let (ErrorKind::Rejected, Some(reason), Ok(now)) =
            (error.kind(), error.reason(), clock.now())
        else {
            return failure(error);
        };
        let mut refused = refused.lock().unwrap_or_else(PoisonError::into_inner);
        let untold = refused.entry(reason).or_default().tell(now);
        drop(refused);
        match untold {
            None => {}
            Some(0) => failure(error),
            Some(more) => line(&format!(
                "{} ({more} more since the line before)",
                told(error)
            )),
        }
    }
}

/// Refusals of a reason.
#[derive(Default)]
struct Refused {
    told: Option<Timestamp>,
    untold: u64,
}

impl Refused {
    /// Whether this one is told: then how many were not.
    fn tell(&mut self, now: Timestamp) -> Option<u64> {
        // A clock that went back must not keep it silent.
        let quiet = |told: Timestamp| told <= now && now < told.saturating_add(QUIET);
        if self.told.is_some_and(quiet) {
            self.untold = self.untold.saturating_add(1);
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

/// The error, its reason, and what lies under it.
pub(crate) fn told(error: &Error) -> String {
    let mut text = error.to_string();
    if let Some(reason) = error.reason() {
        text.push_str(": ");
        text.push_str(reason.as_str());
    }
    let mut under = error.source();
    while let Some(cause) = under {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        under = cause.source();
    }
    text
}
