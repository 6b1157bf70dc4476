//! The process's own log: standard error, one line each. Errors of keyward hold no secret.

use std::error::Error as StdError;
use std::io::Write;

use keyward_base::Error;

/// A line for the operator.
pub(crate) fn line(text: &str) {
    // A log that cannot be written must not stop the service.
    let _ = writeln!(std::io::stderr(), "deploydesk: {text}");
}

/// An error behind a response.
pub(crate) fn failure(error: &Error) {
    line(&told(error));
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
