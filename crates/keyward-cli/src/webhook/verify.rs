//! `keyward webhook verify`: one captured request.

use std::path::Path;

use keyward_base::{Result, Timestamp};
use keyward_crypto::Provider;
use keyward_webhook::{Covered, Scheme, Webhook};

use super::request::Request;
use super::secrets;
use super::verdict::{Verdict, explained};
use crate::input;
use crate::output::{self, plain};

/// Room for headers beside the longest body.
const HEAD: usize = 1 << 20;

/// Checks the request in `file`.
///
/// # Errors
/// `Rejected` if it does not verify; `Misuse` for an input that is wrong.
pub(super) fn run(
    scheme: Scheme<Covered>,
    file: &Path,
    secret_file: &Path,
    now: Timestamp,
    json: bool,
) -> Result<()> {
    let webhook = Webhook::new(scheme, Provider::default())?;
    let lines = secrets::lines(secret_file)?;
    let secrets = secrets::load(&webhook, &lines, false)?;
    // Twice the body: a body in chunks is longer than what it holds.
    let longest = webhook.scheme().body_limit.saturating_mul(2);
    let raw = input::bytes(file, longest.saturating_add(HEAD))?;
    let request = Request::read(&raw)?;
    let verdict = Verdict::of(&webhook, &secrets, (&request.headers, &request.body), now);
    if json {
        let shown = match &verdict {
            Ok(verdict) => verdict,
            Err(error) => &Verdict::refused(error),
        };
        output::json("keyward.webhook.verify/1", shown)?;
    }
    let verdict = verdict.map_err(|e| explained(e, webhook.scheme(), &request.headers))?;
    if !json {
        for line in in_words(&verdict, lines.len()) {
            output::say(&line)?;
        }
    }
    Ok(())
}

fn in_words(verdict: &Verdict, secrets: usize) -> Vec<String> {
    let covers = match verdict.coverage {
        Some("whole-body") => "every byte of the body is signed",
        _ => "a token was shown: nothing is signed",
    };
    let mut lines = vec![format!("verified: {covers}")];
    if let Some(key) = verdict.key {
        lines.push(format!(
            "secret    number {} of {secrets}",
            key.saturating_add(1)
        ));
    }
    lines.push(match &verdict.signed_at {
        Some(at) => format!("signed    {at}"),
        None => "signed    at no time that it says: whoever has it can send it again".to_owned(),
    });
    if let (Some(id), Some(from)) = (&verdict.delivery_id, verdict.delivery_id_from) {
        let from = match from {
            "signed-header" => "in a signed header",
            "signed-body" => "in the signed body",
            _ => "not signed",
        };
        lines.push(format!("delivery  {} ({from})", plain(id)));
    }
    lines
}
