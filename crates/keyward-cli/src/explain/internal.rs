//! Internal secrets: which there are, and when they end.

use std::sync::Arc;

use keyward_base::{Error, Reason, Result, SecretBytes, SystemClock};
use keyward_crypto::Provider;
use keyward_session::InternalSecrets;
use serde::Serialize;

use crate::exit::Advice;
use crate::output::{self, counted};
use crate::timeline::rfc3339;

#[derive(Serialize)]
struct Answer {
    kind: &'static str,
    bytes: usize,
    secrets: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    id: String,
    until: Option<String>,
}

/// Whether a text can only be internal secrets: it names an id. One alone without an id may be any
/// secret, and nothing is said of it.
pub(super) fn is_it(text: &str) -> bool {
    text.contains(':')
}

/// Says which they are.
///
/// # Errors
/// `Rejected` for what is none, with what a service would say of it.
pub(super) fn explain(text: &str, json: bool) -> Result<()> {
    let held = SecretBytes::copy_of(text.as_bytes());
    let clock = Arc::new(SystemClock::new());
    let secrets = InternalSecrets::parse(&held, &Provider::default(), clock).map_err(|e| {
        Error::rejected(Reason::MALFORMED).with_source(Advice(format!(
            "it is no sealed value and no token, and as internal secrets it is wrong: {e}"
        )))
    })?;
    let rows: Vec<Row> = secrets
        .ids()
        .map(|(id, until)| Row {
            id: id.to_string(),
            until: until.map(rfc3339),
        })
        .collect();
    if json {
        let answer = Answer {
            kind: "internal-secrets",
            bytes: text.len(),
            secrets: rows,
        };
        return output::json("keyward.explain/1", &answer);
    }
    let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    output::say(&format!(
        "{}. Nothing is shown of them.\n",
        counted(count, "internal secret", "internal secrets"),
    ))?;
    for row in rows {
        let end = row.until.map_or_else(
            || "no end".to_owned(),
            |until| format!("counts no more from {until} on"),
        );
        output::say(&format!("{}  {end}", row.id))?;
    }
    Ok(())
}
