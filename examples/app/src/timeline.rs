//! The page of keys: what state each key was in, when, and what can be done next.

use askama::Template;
use keyward_base::Timestamp;

use crate::view::{Fact, Page, minute};

/// The width of a bar, in units of its picture.
const WIDTH: u64 = 1000;

/// All the states, in the order of a life.
pub(crate) const LEGEND: [&str; 5] = ["pending", "active", "retired", "disabled", "destroyed"];

/// One key.
#[derive(Debug)]
pub(crate) struct KeyRow {
    pub(crate) id: String,
    pub(crate) state: &'static str,
    pub(crate) rows: String,
    pub(crate) spans: Vec<Span>,
    pub(crate) story: String,
    pub(crate) can_disable: bool,
    pub(crate) can_enable: bool,
    pub(crate) can_destroy: bool,
    pub(crate) why_not: Option<String>,
}

impl KeyRow {
    /// Whether there is anything to press or to say.
    pub(crate) const fn acts(&self) -> bool {
        self.can_disable || self.can_enable || self.can_destroy || self.why_not.is_some()
    }
}

/// What keys seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    Values,
    Webhooks,
}

impl Sort {
    pub(crate) const fn purpose(self) -> &'static str {
        match self {
            Self::Values => "vault",
            Self::Webhooks => "webhook",
        }
    }

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Values => "The keys that seal values",
            Self::Webhooks => "The keys that seal webhooks",
        }
    }

    /// Where the button that makes a new one leads.
    pub(crate) const fn rotate(self) -> &'static str {
        match self {
            Self::Values => "/keys/rotate",
            Self::Webhooks => "/keys/rotate-webhooks",
        }
    }
}

/// The keys of a sort.
#[derive(Debug)]
pub(crate) struct KeysOf {
    pub(crate) sort: Sort,
    pub(crate) can_rotate: bool,
    pub(crate) keys: Vec<KeyRow>,
}

/// A stretch of one state.
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) state: &'static str,
    pub(crate) x: u64,
    pub(crate) width: u64,
    pub(crate) title: String,
}

/// What to do next.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) title: &'static str,
    pub(crate) text: String,
    pub(crate) bar: Option<Bar>,
    /// Whether the button that seals all values anew is shown.
    pub(crate) rewrap: bool,
    /// Whether the page should load itself again.
    pub(crate) refresh: bool,
}

/// How far something is.
#[derive(Debug)]
pub(crate) struct Bar {
    pub(crate) done: u64,
    pub(crate) of: u64,
}

#[derive(Template)]
#[template(path = "keys.html")]
pub(crate) struct Keys {
    pub(crate) page: Page,
    /// Why the last button did nothing.
    pub(crate) problem: Option<String>,
    pub(crate) refresh: bool,
    pub(crate) step: Step,
    pub(crate) legend: [&'static str; 5],
    pub(crate) from: String,
    pub(crate) sorts: [KeysOf; 2],
    pub(crate) facts: Vec<Fact>,
}

/// The stretches of a life: `entered` are the states and when each began, oldest first.
pub(crate) fn spans(
    entered: &[(&'static str, Timestamp)],
    from: Timestamp,
    now: Timestamp,
) -> Vec<Span> {
    let whole = now.as_millis().saturating_sub(from.as_millis()).max(1);
    let at = |time: Timestamp| {
        let since = time.as_millis().saturating_sub(from.as_millis()).min(whole);
        since.saturating_mul(WIDTH).checked_div(whole).unwrap_or(0)
    };
    let ends = entered.iter().skip(1).map(|(_, began)| *began).chain([now]);
    entered
        .iter()
        .zip(ends)
        .map(|((state, began), end)| {
            // A state shorter than a pixel is still to be seen.
            let x = at(*began).min(WIDTH.saturating_sub(4));
            let width = at(end).saturating_sub(x).max(4);
            Span {
                state,
                x,
                width,
                title: format!("{state} from {}", minute(*began)),
            }
        })
        .collect()
}

/// The same in words: `created 2026-01-01 10:00 · active since …`.
pub(crate) fn story(entered: &[(&'static str, Timestamp)]) -> String {
    let parts: Vec<_> = entered
        .iter()
        .map(|(state, began)| format!("{state} {}", minute(*began)))
        .collect();
    parts.join(" · ")
}
