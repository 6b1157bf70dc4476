//! How the command ends: one line on standard error, and one of five codes.

use std::fmt;
use std::process::ExitCode;

use keyward_base::{Error, ErrorKind, Reason};

use crate::output;

/// The exit code of each kind of failure. Part of the interface: scripts rely on it.
pub(crate) const fn code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Rejected => 1,
        ErrorKind::Misuse => 2,
        ErrorKind::Corrupt => 4,
        // Unavailable, and any kind a later release adds: refused, may be retried.
        _ => 3,
    }
}

/// Writes `error` as one line and gives its exit code. `debug` adds the reason and the source.
pub(crate) fn report(error: &Error, debug: bool) -> ExitCode {
    let mut line = format!("keyward: {error}");
    if let Some(advice) = advice(error) {
        line.push_str(": ");
        line.push_str(advice);
    }
    output::complain(&line);
    if debug {
        let reason = error.reason().map_or("none", Reason::as_str);
        output::complain(&format!("keyward: debug: reason {reason}"));
        let mut source = std::error::Error::source(error);
        while let Some(inner) = source {
            output::complain(&format!("keyward: debug: because {inner}"));
            source = inner.source();
        }
    }
    ExitCode::from(code(error.kind()))
}

/// What is wrong with one input and mends it, as the source of a `Rejected`. It repeats nothing of
/// the input.
#[derive(Debug)]
pub(crate) struct Advice(pub(crate) String);

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Advice {}

/// What to do about a `Rejected`, whose own text is one constant word. Values that do not open
/// for another context, or for another role, read the same.
fn advice(error: &Error) -> Option<&str> {
    if error.kind() != ErrorKind::Rejected {
        return None;
    }
    let source = std::error::Error::source(error);
    if let Some(Advice(said)) = source.and_then(|source| source.downcast_ref()) {
        return Some(said);
    }
    Some(match error.reason()? {
        Reason::CONFLICT => {
            "the slot is not at the revision you named: `keyward vault list` shows where it stands"
        }
        keyward_keys::reason::DESTROYED_KEY => {
            "the key it was sealed with is destroyed: it can never be opened"
        }
        Reason::MALFORMED => {
            "the input does not have the form its kind asks for: copy it again, whole and unchanged"
        }
        Reason::NOT_FOUND => {
            "there is no such credential: `keyward vault list --tenant TENANT` shows what a tenant has, and `keyward vault tenants` the tenants"
        }
        keyward_keys::reason::PENDING_KEY => {
            "the key is still pending: `keyward keys rotate` waits until it is active"
        }
        Reason::TOO_LONG => "the input is longer than the stated limit: give a shorter one",
        keyward_keys::reason::UNKNOWN_KEY => {
            "the key it was sealed with is not in this keyring: is KEYWARD_HOME the right one?"
        }
        _ => "it does not open for this tenant, place, id, kind and role",
    })
}
