//! The env files of containers, after the page of `docker container run` on `--env-file` and the
//! package `kvfile` of its command line: a line is `NAME=value` or `NAME`, both as they stand.

use super::reading::{Entry, Escapes, Reading, Trouble, UNCLOSED, Value, leaves_quote_open};

/// The longest line that the command line of Docker reads, in bytes.
const MAX_LINE: usize = 64 * 1024 - 1;

pub(super) fn read(text: &str) -> Result<Reading, Trouble> {
    let mut reading = Reading::default();
    let mut next = 0_usize;
    for line in text.split('\n') {
        let start = next;
        let end = start.saturating_add(line.len());
        next = end.saturating_add(1);
        if line.len() > MAX_LINE {
            return Err(Trouble::at(start, "a line of more than 65535 bytes"));
        }
        let kept = line.trim_start();
        let at = end.saturating_sub(kept.len());
        if kept.is_empty() || kept.starts_with('#') {
            continue;
        }
        let name_len = kept.find('=').unwrap_or(kept.len());
        let name = at..at.saturating_add(name_len);
        if text
            .get(name.clone())
            .is_some_and(|name| name.contains([' ', '\t']))
        {
            return Err(Trouble::at(at, super::reading::NO_ASSIGNMENT));
        }
        let value = kept.get(name_len..).and_then(|v| v.strip_prefix('='));
        if value.is_some_and(|value| leaves_quote_open(value.trim_start())) {
            return Err(Trouble::at(at, UNCLOSED));
        }
        let value = value.map(|value| {
            let span = end.saturating_sub(value.len())..end;
            // One quote alone was refused above.
            let quoted = ['"', '\'', '`']
                .iter()
                .any(|quote| value.starts_with(*quote) && value.ends_with(*quote));
            Value {
                inside: span.clone(),
                span,
                escapes: Escapes::None,
                quoted,
            }
        });
        reading.entries.push(Entry { name, value });
    }
    Ok(reading)
}
