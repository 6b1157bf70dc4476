//! Text from a store or a file, made harmless for a terminal.
//!
//! Whoever can write to a database could otherwise move the cursor, rename the window or hide
//! lines of whoever lists it. What is not shown as a character of its own is written as
//! `\u{1b}`.

use std::borrow::Cow;
use std::fmt::Write as _;

/// What begins and ends a colour of ours.
const COLOURS: [&str; 6] = [
    "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[36m", "\x1b[2m", "\x1b[0m",
];

/// Characters that a terminal obeys, or that change how others are shown: controls, line and
/// paragraph separators, directions, and those without width (Unicode categories Cc, Cf, Zl, Zp).
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
        )
        || matches!(c, '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
        || matches!(c, '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
}

/// `text` with every such character written out.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if acts(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// [`text()`] of a line that may hold colours of ours, and end in empty lines.
pub(crate) fn but_colours(line: &str) -> Cow<'_, str> {
    if !line.contains(acts) {
        return Cow::Borrowed(line);
    }
    let mut out = String::with_capacity(line.len());
    let mut rest = line.trim_end_matches('\n');
    let end = line.len().saturating_sub(rest.len());
    while let Some(c) = rest.chars().next() {
        let colour = COLOURS.iter().find(|colour| rest.starts_with(**colour));
        let len = colour.map_or(c.len_utf8(), |colour| colour.len());
        let (head, tail) = rest.split_at_checked(len).unwrap_or((rest, ""));
        match colour {
            None => out.push_str(&text(head)),
            Some(_) => out.push_str(head),
        }
        rest = tail;
    }
    out.extend(std::iter::repeat_n('\n', end));
    Cow::Owned(out)
}

/// JSON with such characters in its texts as JSON's own escapes. Its line breaks stay.
pub(crate) fn json(answer: &str) -> Cow<'_, str> {
    let hidden = |c: char| acts(c) && c != '\n';
    if !answer.contains(hidden) {
        return Cow::Borrowed(answer);
    }
    let mut out = String::with_capacity(answer.len());
    for c in answer.chars() {
        if hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::{but_colours, json, text};

    #[test]
    fn nothing_is_left_for_a_terminal_to_obey() {
        assert_eq!(
            text("a\x1b]0;x\x07\u{9b}2J\u{202e}b\n"),
            "a\\u{1b}]0;x\\u{7}\\u{9b}2J\\u{202e}b\\u{a}"
        );
        assert_eq!(text("ghp_••••9f3a äß 東"), "ghp_••••9f3a äß 東");
        // One of each range, alone.
        for c in "\u{ad}\u{600}\u{180e}\u{200b}\u{2028}\u{2060}\u{feff}\u{1bca0}\u{1d173}\u{e0001}"
            .chars()
        {
            assert_eq!(text(&c.to_string()), c.escape_unicode().to_string());
        }
        assert_eq!(
            but_colours("\x1b[32mok\x1b[0m \x1b[2J\x1b[31"),
            "\x1b[32mok\x1b[0m \\u{1b}[2J\\u{1b}[31"
        );
        assert_eq!(but_colours("a\nb\n\n"), "a\\u{a}b\n\n");
    }

    #[test]
    fn json_stays_json() {
        let text = "a\u{9b}\u{e0001}\x7f\x1b\n";
        let written = serde_json::to_string_pretty(&[text]).unwrap();
        let plain = json(&written);
        assert!(
            !plain.contains(|c: char| c.is_control() && c != '\n'),
            "{plain}"
        );
        assert_eq!(
            serde_json::from_str::<[String; 1]>(&plain).unwrap()[0],
            text
        );
    }
}
