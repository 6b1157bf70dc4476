//! `keyward webhook providers`: the table of schemes.

use std::time::Duration;

use keyward_base::Result;
use keyward_webhook::scheme::{Dedupe, KeyForm, Piece, Proof};
use keyward_webhook::{Covered, Scheme, preset};
use serde::Serialize;

use crate::output;

#[derive(Serialize)]
struct Answer {
    providers: Vec<Scheme<Covered>>,
}

/// Shows every preset.
///
/// # Errors
/// `Unavailable` if standard output cannot be written.
pub(super) fn run(json: bool) -> Result<()> {
    let providers = preset::all().to_vec();
    if json {
        return output::json("keyward.webhook.providers/1", &Answer { providers });
    }
    let head = [
        "provider", "header", "signed", "secret", "window", "one by", "retries", "checked",
    ];
    let rows: Vec<[String; 8]> = providers.iter().map(row).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        let head = head.get(column).map_or(0, |head| head.len());
        cells
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
            .max(head)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths);
        let padded: Vec<_> = padded
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        padded.join("  ").trim_end().to_owned()
    };
    output::say(&line(&head.map(str::to_owned)))?;
    rows.iter().try_for_each(|row| output::say(&line(row)))
}

fn row(scheme: &Scheme<Covered>) -> [String; 8] {
    let header = scheme.headers.first();
    [
        scheme.name.to_string(),
        header.map_or_else(String::new, |set| set.signature.to_string()),
        signed(scheme),
        secret(&scheme.key),
        match scheme.window() {
            Some(window) => format!("-{}s +{}s", window.past.as_secs(), window.future.as_secs()),
            None => "none".to_owned(),
        },
        match &scheme.dedupe {
            Dedupe::Body => "body".to_owned(),
            Dedupe::Field(name) => format!("field {name}"),
            Dedupe::Header => header
                .and_then(|set| set.id.as_deref())
                .unwrap_or("body")
                .to_owned(),
        },
        hours(scheme.retries),
        scheme.checked.to_string(),
    ]
}

fn signed(scheme: &Scheme<Covered>) -> String {
    let Proof::Hmac(proof) = &scheme.proof else {
        return "nothing (token)".to_owned();
    };
    let pieces = proof.message.iter().map(|piece| match piece {
        Piece::Body => "body".to_owned(),
        Piece::Id => "{id}".to_owned(),
        Piece::Text(text) => text.to_string(),
        Piece::Time => "{time}".to_owned(),
    });
    pieces.collect()
}

fn secret(form: &KeyForm) -> String {
    match form {
        KeyForm::Text { prefix: None } => "text".to_owned(),
        KeyForm::Text {
            prefix: Some(prefix),
        } => format!("text {prefix}…"),
        KeyForm::Base64 { prefix, .. } => {
            format!("{}base64", prefix.as_deref().unwrap_or_default())
        }
    }
}

fn hours(span: Duration) -> String {
    match (span.as_secs() / 60, span.as_secs() / 3600) {
        (minutes, 0) => format!("{minutes} min"),
        (_, hours) => format!("{hours} h"),
    }
}
