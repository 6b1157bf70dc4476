//! What a person is shown of an action: all of it, made from its bytes and from nothing else.
//!
//! ```
//! # use keyward_approval::{ActionBuilder, Catalogue, ExecutorName, Policy, Requester, ServiceName, Shape, Type};
//! # use keyward_base::{Subject, Tenant, Timestamp};
//! # use keyward_crypto::Provider;
//! use keyward_approval::View;
//!
//! # fn main() -> keyward_base::Result<()> {
//! # let provider = Provider::default();
//! # let policy = Policy::parse(&provider, "keyward-policy = 1\nversion = 1\notherwise = \"forbidden\"")?;
//! # let catalogue = Catalogue::new().with(Shape::new("server.delete")?.must("region", Type::Text)?)?;
//! # let builder = ActionBuilder::new(
//! #     Tenant::new("acme")?, ServiceName::new("deploydesk")?, ExecutorName::new("worker")?,
//! #     Requester::agent(Subject::new("agent-7")?),
//! # );
//! # let now = Timestamp::from_millis(1_767_225_600_000);
//! // The second line of this reason would read like one of the view's own, and its end is turned around.
//! let step = catalogue.step("server.delete", "web-1")?.with("region", "eu-1")?;
//! let reason = "it is old\nStep 1 of 1: restart \u{202e}dlo";
//! let action = builder.step(step).reason(reason).build(&policy, now, &provider)?.action;
//!
//! let text = View::of(&action).text();
//! assert!(text.contains(r#"  region: "eu-1""#));
//! assert!(text.contains(r#"  | "it is old\n"#));
//! assert!(text.contains(r#"  | Step 1 of 1: restart \u{202e}dlo""#));
//! # Ok(()) }
//! ```
//!
//! A text stands in quotes, and what cannot be seen in it, or turns what stands beside it around, is
//! written as an escape: `\u{202e}`. So is the backslash (`\\`) and the quote, so that no two texts of
//! other characters are shown by the same ones: letters that look alike, as a Latin and a Cyrillic `e`
//! or `é` in one character and in two, still do. A line that a text begins is marked, so that none of them looks like one of the view's.
//! Where programs look for links in what they show, as they do in mail, what they would take for one is
//! broken by a backslash: `https:\/\/example\.com`.

mod html;
mod lines;
mod visible;

use std::fmt::Write as _;

use keyward_crypto::Provider;
use unicode_width::UnicodeWidthChar as _;

use crate::action::Action;

pub use lines::time;
pub use visible::{Visible, Where};

/// Columns of a line of plain text; RFC 5322, section 2.1.1, asks for no more than 78.
const COLUMNS: usize = 76;

/// What a person is shown of an action.
#[derive(Clone, Debug)]
pub struct View {
    rows: Vec<Row>,
}

/// Who says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Voice {
    /// The action's bytes.
    Bytes,
    /// The requester: nobody checked it.
    Requester,
}

/// A label of the view's own, or of an argument or the key of a map.
#[derive(Clone, Debug)]
enum Label {
    Own(String),
    Key(String),
}

#[derive(Clone, Debug)]
enum Shown {
    /// What the view itself says: a number, a name of ours, a time.
    Own(String),
    /// A text, as it is in the bytes.
    Text(String),
    /// One of which not all is shown here: the front, how many characters it has, and its digest.
    Folded(String, usize, String),
    /// There is a secret here.
    Secret,
}

#[derive(Clone, Debug)]
struct Row {
    depth: usize,
    label: Label,
    shown: Shown,
    voice: Voice,
}

/// What stands in place of a secret argument.
const SECRET: &str = "(a secret, not shown; what runs is bound to it)";
/// What is said beside a text that has some.
const RIGHT_TO_LEFT: &str = "it has letters that are written from right to left";
/// What is said of the requester's own words.
const NOT_CHECKED: &str = "the requester's own words, which nobody checked";

impl View {
    /// All that there is to see of an action.
    #[must_use]
    pub fn of(action: &Action) -> Self {
        Self {
            rows: lines::of(action),
        }
    }

    /// The same, with texts of more than `most` characters folded: their first ones, how many they
    /// have, and the SHA-256 of the whole. For what links to the whole.
    #[must_use]
    pub fn folded(mut self, provider: &Provider, most: usize) -> Self {
        for row in &mut self.rows {
            let Shown::Text(text) = &row.shown else {
                continue;
            };
            let count = text.chars().count();
            if count > most {
                let digest = provider.sha256(&[text.as_bytes()]);
                let front = text.chars().take(most).collect();
                row.shown = Shown::Folded(front, count, keyward_base::encoding::hex(&digest));
            }
        }
        self
    }

    /// As plain text for a terminal or a mail: lines of at most 76 columns, escapes among them. Where
    /// there is room for fewer, what shows it breaks them once more, and does not mark what it puts
    /// onto a line of its own.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        for row in &self.rows {
            row.write(&mut out);
        }
        out
    }

    /// As HTML, for a page or a mail: elements without attributes but `class`, and nothing of what is
    /// shown is an element, an attribute or a link. In a mail, `place` says so.
    #[must_use]
    pub fn html(&self, place: Where) -> String {
        html::of(&self.rows, place)
    }
}

impl Row {
    fn label(&self, place: Where) -> String {
        match &self.label {
            Label::Own(label) => label.clone(),
            Label::Key(key) => Visible::of(key, place).quoted(),
        }
    }

    /// Whether its name, or what is shown of its text, has such letters: both are then laid out in
    /// another order than they stand in.
    fn is_right_to_left(&self) -> bool {
        let key = match &self.label {
            Label::Own(_) => "",
            Label::Key(key) => key,
        };
        let text = match &self.shown {
            Shown::Own(_) | Shown::Secret => "",
            Shown::Text(text) | Shown::Folded(text, ..) => text,
        };
        visible::is_right_to_left(key) || visible::is_right_to_left(text)
    }

    fn write(&self, out: &mut String) {
        let indent = "  ".repeat(self.depth);
        let label = self.label(Where::Mail);
        let note = match self.voice {
            Voice::Bytes => String::new(),
            Voice::Requester => format!(" ({NOT_CHECKED})"),
        };
        let (value, folded) = match &self.shown {
            Shown::Own(own) => (own.clone(), None),
            Shown::Secret => (SECRET.to_owned(), None),
            Shown::Text(text) => (Visible::of(text, Where::Mail).quoted(), None),
            Shown::Folded(front, count, digest) => {
                let front = Visible::of(front, Where::Mail).opened();
                let more = format!(
                    "not all is shown here: {count} characters, SHA-256 of the whole {digest}"
                );
                (front, Some(more))
            }
        };
        let said = self.is_right_to_left().then(|| RIGHT_TO_LEFT.to_owned());
        // Keys are hostile too, and may be long.
        let head = format!("{label}{note}:");
        let across = [indent.as_str(), &head, &value].map(columns);
        let across = across.into_iter().fold(0, usize::saturating_add);
        if across < COLUMNS && !value.contains('\n') && !head.contains('\n') {
            let _ = writeln!(out, "{indent}{head} {value}");
        } else {
            put(out, &indent, &head);
            for line in value.split('\n') {
                wrapped(out, &format!("{indent}  | "), line);
            }
        }
        for after in said.into_iter().chain(folded) {
            let _ = writeln!(out, "{indent}  ({after})");
        }
    }
}

/// A head, on one line or on several that are marked.
fn put(out: &mut String, indent: &str, head: &str) {
    if head.contains('\n') || columns(indent).saturating_add(columns(head)) > COLUMNS {
        for line in head.split('\n') {
            wrapped(out, &format!("{indent}  | "), line);
        }
    } else {
        let _ = writeln!(out, "{indent}{head}");
    }
}

/// Lines behind `mark`, none longer than allowed.
fn wrapped(out: &mut String, mark: &str, line: &str) {
    let room = COLUMNS.saturating_sub(mark.len()).max(20);
    out.push_str(mark);
    let mut taken = 0_usize;
    for c in line.chars() {
        let wide = width(c);
        if taken.saturating_add(wide) > room {
            out.push('\n');
            out.push_str(mark);
            taken = 0;
        }
        taken = taken.saturating_add(wide);
        out.push(c);
    }
    out.push('\n');
}

fn columns(text: &str) -> usize {
    text.chars().map(width).fold(0, usize::saturating_add)
}

/// How many columns a character takes on a terminal that gives it as many as any does: two of what is
/// wide (UAX 11), or may be; and a mark, which takes none, counts as well, so that a line has an end.
fn width(c: char) -> usize {
    c.width_cjk().unwrap_or(1).max(1)
}
