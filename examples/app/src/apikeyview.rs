//! What the pages of API keys show. Of a key itself there is nothing to show: it is not stored.

use askama::Template;
use keyward_base::Timestamp;
use keyward_session::api_key::{KeyInfo, KeyState, Scopes};
use keyward_store::limit::Standing;

use crate::desk::{PREFIX, SCOPES};
use crate::view::{Page, Part, minute};

/// Characters of a key's text before its id, and how many of the id are shown.
const BEFORE: usize = 12;
const HINT: usize = 8;

/// A key, as listed.
#[derive(Debug)]
pub(crate) struct KeyRow {
    pub(crate) id: String,
    pub(crate) path: String,
    pub(crate) name: String,
    /// By which it is told from others where it is in use: its text has these characters.
    pub(crate) hint: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) ranges: String,
    pub(crate) state: &'static str,
    pub(crate) tone: &'static str,
    pub(crate) lives: bool,
    pub(crate) created: String,
    pub(crate) maker: String,
    pub(crate) ends: String,
    pub(crate) used: String,
    pub(crate) successor: Option<String>,
}

impl KeyRow {
    pub(crate) fn of(info: &KeyInfo) -> Self {
        let id = info.id.to_string();
        let start: String = id.chars().take(HINT).collect();
        let lives = info.state == KeyState::Live;
        let followed = info.overlap_ends.is_some();
        let (state, tone) = match info.state {
            KeyState::Live if followed => ("was rotated", "warn"),
            KeyState::Live => ("live", "good"),
            KeyState::Expired => ("expired", "bad"),
            _ => ("ended", "bad"),
        };
        let ends: Option<Timestamp> = info.overlap_ends.or(info.expires);
        let from = info.last_from.map(|prefix| format!(" from {prefix}"));
        Self {
            path: path_of(&id),
            hint: format!("{PREFIX}{}{start}…", "•".repeat(BEFORE)),
            name: info.name.clone(),
            scopes: info.scopes.words().map(str::to_owned).collect(),
            ranges: match info.ranges.is_anywhere() {
                true => "anywhere".to_owned(),
                false => info.ranges.to_string(),
            },
            state,
            tone,
            lives,
            created: minute(info.created),
            maker: info.maker.as_str().to_owned(),
            ends: ends.map_or_else(|| "never".to_owned(), minute),
            used: info.last_used.map_or_else(
                || "not yet".to_owned(),
                |at| format!("{}{}", minute(at), from.unwrap_or_default()),
            ),
            successor: info.successor.map(|id| path_of(&id.to_string())),
            id,
        }
    }
}

pub(crate) fn path_of(id: &str) -> String {
    format!("/api-keys/{id}")
}

/// How much of a limit is used, in words.
pub(crate) fn used(standing: &Standing) -> String {
    let (limit, whose) = (
        &standing.limit,
        match standing.limit.name() {
            "api-key" => "this key",
            _ => "all keys together",
        },
    );
    format!(
        "{whose}: {} of {} in {} seconds",
        standing.used,
        limit.window().most(),
        limit.window().span().as_secs()
    )
}

/// A scope that may be chosen.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) word: String,
    pub(crate) what: &'static str,
    pub(crate) chosen: bool,
}

/// All scopes, those of `chosen` chosen; with `only`, none but those.
pub(crate) fn choices(chosen: &Scopes, only: bool) -> Vec<Choice> {
    let all = SCOPES.iter().map(|(scope, what)| Choice {
        word: scope.as_str().to_owned(),
        what,
        chosen: chosen.has(scope),
    });
    all.filter(|choice| choice.chosen || !only).collect()
}

/// The form of a new key, as it was sent.
#[derive(Debug)]
pub(crate) struct KeyForm {
    pub(crate) name: String,
    pub(crate) choices: Vec<Choice>,
    pub(crate) ranges: String,
    pub(crate) days: String,
}

impl Default for KeyForm {
    fn default() -> Self {
        Self {
            name: String::new(),
            choices: choices(&Scopes::none(), false),
            ranges: String::new(),
            days: "90".to_owned(),
        }
    }
}

#[derive(Template)]
#[template(path = "api_keys.html")]
pub(crate) struct ApiKeyList {
    pub(crate) page: Page,
    pub(crate) rows: Vec<KeyRow>,
    pub(crate) damaged: u64,
    /// Where the rest is.
    pub(crate) next: Option<String>,
    /// How much is used of the limits.
    pub(crate) used: Vec<String>,
    /// Whether who looks may make one.
    pub(crate) owner: bool,
    pub(crate) form: KeyForm,
    pub(crate) problem: Option<String>,
}

#[derive(Template)]
#[template(path = "api_key.html")]
pub(crate) struct OneApiKey {
    pub(crate) page: Page,
    pub(crate) row: KeyRow,
    pub(crate) used: Vec<String>,
    pub(crate) choices: Vec<Choice>,
    pub(crate) owner: bool,
    pub(crate) problem: Option<String>,
}

/// A key that was just made: the one page that shows it.
#[derive(Template)]
#[template(path = "api_key_made.html")]
pub(crate) struct MadeApiKey {
    pub(crate) page: Page,
    pub(crate) row: KeyRow,
    pub(crate) secret: Part,
}
