//! Server-sent events that are masked: however they are cut, and none of their texts has a secret.

use std::collections::BTreeMap;

use keyward_redact::model::{Events, Field};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::redact_json::CONVERSATION;

/// A stream of events. Its first byte says in which pieces it comes.
pub fn redact_events(data: &[u8]) {
    let Some((size, stream)) = data.split_first() else {
        return;
    };
    let out = masked(events(true), stream, stream.len());
    assert_eq!(out, masked(events(true), stream, usize::from(*size)));
    // Without ends each text is one, whatever is in the events.
    let out = masked(events(false), stream, stream.len());
    for text in out.as_deref().and_then(texts).unwrap_or_default().values() {
        assert_eq!(CONVERSATION.text(text), *text, "a secret is left in a text");
    }
}

/// With ends, and data as a text in pieces, or without both.
fn events(ends: bool) -> Events {
    let field = Field::new("t").and_then(|field| field.told_apart_by("i"));
    let field = field.expect("paths");
    if !ends {
        return CONVERSATION.events([field]);
    }
    let root = Field::new("").expect("a path");
    CONVERSATION.events([field.ended_by_any("end").expect("a path"), root])
}

/// `None` beyond the limits.
fn masked(mut events: Events, stream: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for piece in stream.chunks(size.max(1)) {
        events.push(piece, &mut out).ok()?;
    }
    events.finish(&mut out).ok()?;
    Some(out)
}

/// The texts as a reader of the stream joins them; `None` if not all of the JSON can be read by one
/// that keeps strings as UTF-8 and numbers as floats.
fn texts(stream: &[u8]) -> Option<BTreeMap<String, String>> {
    let mut texts = BTreeMap::<String, String>::new();
    let stream = String::from_utf8_lossy(stream);
    let stream = stream.strip_prefix('\u{feff}').unwrap_or(&stream);
    let stream = stream.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<&str> = Vec::new();
    for line in stream.split('\n') {
        match line.split_once(':').unwrap_or((line, "")) {
            ("", "") if line.is_empty() => {
                let data = std::mem::take(&mut lines).join("\n");
                if data.trim_ascii() == "[DONE]" {
                    break;
                }
                join(&data, &mut texts)?;
            }
            ("data", value) => lines.push(value.strip_prefix(' ').unwrap_or(value)),
            _ => {}
        }
    }
    Some(texts)
}

fn join(data: &str, texts: &mut BTreeMap<String, String>) -> Option<()> {
    if serde_json::from_str::<IgnoredAny>(data).is_err() {
        return Some(());
    }
    let event: Value = serde_json::from_str(data).ok()?;
    let id = match event.get("i") {
        None | Some(Value::Array(_) | Value::Object(_)) => String::new(),
        Some(Value::Number(number)) if number.is_f64() => return None,
        Some(id) => id.to_string(),
    };
    if let Some(Value::String(text)) = event.get("t") {
        texts.entry(id).or_default().push_str(text);
    }
    Some(())
}
