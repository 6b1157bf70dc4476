//! What the pages show: plain values, made from what the crates return. No secret among them but
//! on the page that reveals one.

use askama::Template;
use keyward_base::{Error, RecordId, SecretBytes, Timestamp};
use keyward_vault::Facts;

use crate::auditview::EventRow;
use crate::mail::Mail;
use crate::notice::Notice;
use crate::section::{PROVIDERS, Section, Words};

/// What every page has.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) current: &'static str,
    pub(crate) whose: Whose,
    pub(crate) notice: Option<Notice>,
}

/// For whom a page is.
#[derive(Debug)]
pub(crate) enum Whose {
    /// Anybody.
    Public,
    /// The people of an organisation.
    Office {
        organisation: String,
        staff: Option<StaffView>,
    },
    /// The administrators of the service.
    Admin { email: String },
}

/// Who acts for whom, and why.
#[derive(Debug)]
pub(crate) struct StaffView {
    pub(crate) who: String,
    pub(crate) whom: String,
    pub(crate) reason: String,
}

impl Page {
    /// One that anybody sees.
    pub(crate) const fn public(current: &'static str) -> Self {
        Self {
            current,
            whose: Whose::Public,
            notice: None,
        }
    }

    pub(crate) const fn links(&self) -> &'static [(&'static str, &'static str)] {
        match self.whose {
            Whose::Public => &[],
            Whose::Office { .. } => &[
                ("/overview", "Overview"),
                ("/servers", "Servers"),
                ("/hosts", "Git hosts"),
                ("/environments", "Variables"),
                ("/deployments", "Deployments"),
                ("/approvals", "Approvals"),
                ("/webhooks", "Webhooks"),
                ("/audit", "Audit"),
            ],
            Whose::Admin { .. } => &[
                ("/admin", "Administration"),
                ("/admin/approvals", "Approvals"),
                ("/keys", "Keys"),
                ("/admin/audit", "Log of the service"),
                ("/admin/logins", "Log of administrators"),
            ],
        }
    }
}

/// A label and what it says.
#[derive(Debug)]
pub(crate) struct Fact {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) code: bool,
}

impl Fact {
    pub(crate) const fn plain(name: &'static str, value: String) -> Self {
        Self {
            name,
            value,
            code: false,
        }
    }

    pub(crate) const fn code(name: &'static str, value: String) -> Self {
        Self {
            name,
            value,
            code: true,
        }
    }
}

/// When something expires.
#[derive(Debug)]
pub(crate) struct Expiry {
    pub(crate) text: String,
    pub(crate) tone: &'static str,
}

/// One stored credential, as listed.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) path: String,
    pub(crate) hint: String,
    pub(crate) about: String,
    /// A fingerprint; empty if there is none.
    pub(crate) print: String,
    pub(crate) facts: Vec<Fact>,
    /// Whether there is a public half.
    pub(crate) public: bool,
    pub(crate) expiry: Option<Expiry>,
    pub(crate) updated: String,
    pub(crate) revision: u64,
    pub(crate) key: String,
}

/// What to mend, and in which field.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) field: &'static str,
    pub(crate) text: String,
}

/// A form, with the fields that are not secret as they were sent.
#[derive(Debug, Default)]
pub(crate) struct FormView {
    pub(crate) id: String,
    pub(crate) provider: String,
    pub(crate) expires: String,
    pub(crate) scopes: String,
    /// The revision that is replaced; none on a new one.
    pub(crate) revision: Option<u64>,
    pub(crate) problem: Option<Problem>,
    /// Whether there is a refresh token that may be kept.
    pub(crate) refreshable: bool,
    pub(crate) action: String,
    pub(crate) back: String,
}

impl FormView {
    /// An empty form for something new.
    pub(crate) fn blank(section: Section) -> Self {
        let path = section.words().path;
        Self {
            action: path.to_owned(),
            back: path.to_owned(),
            ..Self::default()
        }
    }

    /// A form that replaces what is at `revision`.
    /// What is not secret of it stands in the fields.
    pub(crate) fn over(section: Section, id: &RecordId, revision: u64, facts: &Facts) -> Self {
        let back = format!("{}/{}", section.words().path, address(id.as_str()));
        Self {
            id: id.as_str().to_owned(),
            revision: Some(revision),
            expires: facts
                .expires
                .map_or_else(String::new, |at| field_of(Timestamp::from_millis(at))),
            scopes: facts.scopes.join(" "),
            refreshable: facts.refreshable,
            action: format!("{back}/replace"),
            back,
            ..Self::default()
        }
    }
}

impl FormView {
    /// What is wrong with a field.
    pub(crate) fn error(&self, field: &str) -> Option<&str> {
        let problem = self.problem.as_ref();
        problem
            .filter(|problem| problem.field == field)
            .map(|problem| problem.text.as_str())
    }

    /// The attributes that tie a field to its help and to what is wrong with it.
    pub(crate) fn aria(&self, field: &str, helped: bool) -> String {
        let wrong = self.error(field).is_some();
        let help = helped.then(|| format!("{field}-help"));
        let error = wrong.then(|| format!("{field}-error"));
        let described: Vec<_> = [error, help].into_iter().flatten().collect();
        let mut out = String::new();
        if wrong {
            out.push_str(" aria-invalid=\"true\"");
        }
        if !described.is_empty() {
            out.push_str(&format!(" aria-describedby=\"{}\"", described.join(" ")));
        }
        out
    }
}

/// `text` as one part of an address: everything but letters, digits and `-._~` encoded.
pub(crate) fn address(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
        out
    })
}

/// One secret part of a revealed credential. Wiped when the page is made.
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) value: SecretBytes,
}

impl Part {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(self.value.expose()).unwrap_or("(not text)")
    }
}

/// A message of an error as a sentence: errors begin in lower case, and end without a point.
pub(crate) fn sentence(error: &Error) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first: String = letters
        .next()
        .map(|c| c.to_uppercase().collect())
        .unwrap_or_default();
    let end = if text.ends_with('.') { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

/// As a field for a date and a time holds it, in UTC.
pub(crate) fn field_of(at: Timestamp) -> String {
    moment(at, "%Y-%m-%dT%H:%M")
}

/// To the minute, in UTC.
pub(crate) fn minute(at: Timestamp) -> String {
    moment(at, "%Y-%m-%d %H:%M")
}

pub(crate) fn iso(at: Timestamp) -> String {
    moment(at, "%Y-%m-%dT%H:%M:%SZ")
}

/// From here on times are counted, in UTC.
const EPOCH: jiff::civil::DateTime = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0);

/// A date and a time in UTC, up to the end of the year 9999.
pub(crate) fn from_utc(at: jiff::civil::DateTime) -> Option<Timestamp> {
    let millis = at.duration_since(EPOCH).as_millis();
    u64::try_from(millis).ok().map(Timestamp::from_millis)
}

pub(crate) fn moment(at: Timestamp, form: &str) -> String {
    i64::try_from(at.as_millis())
        .ok()
        .and_then(|millis| {
            let since = jiff::SignedDuration::from_millis(millis);
            EPOCH.checked_add(since).ok()
        })
        .map_or_else(|| "unknown".to_owned(), |at| at.strftime(form).to_string())
}

/// A card of the overview.
#[derive(Debug)]
pub(crate) struct Tile {
    pub(crate) path: &'static str,
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) call: &'static str,
    pub(crate) count: String,
}

#[derive(Template)]
#[template(path = "home.html")]
pub(crate) struct Home {
    pub(crate) page: Page,
    pub(crate) tiles: Vec<Tile>,
    pub(crate) events: Vec<EventRow>,
}

#[derive(Template)]
#[template(path = "list.html")]
pub(crate) struct List {
    pub(crate) page: Page,
    pub(crate) words: &'static Words,
    pub(crate) rows: Vec<Row>,
    pub(crate) damaged: usize,
    pub(crate) next: Option<String>,
}

#[derive(Template)]
#[template(path = "connect.html")]
pub(crate) struct Connect {
    pub(crate) page: Page,
    pub(crate) section: Section,
    pub(crate) words: &'static Words,
    pub(crate) form: FormView,
}

#[derive(Template)]
#[template(path = "detail.html")]
pub(crate) struct Detail {
    pub(crate) page: Page,
    pub(crate) words: &'static Words,
    pub(crate) row: Row,
}

#[derive(Template)]
#[template(path = "reveal.html")]
pub(crate) struct Reveal {
    pub(crate) page: Page,
    pub(crate) words: &'static Words,
    pub(crate) id: String,
    pub(crate) path: String,
    pub(crate) parts: Vec<Part>,
}

#[derive(Template)]
#[template(path = "public.html")]
pub(crate) struct PublicKey {
    pub(crate) page: Page,
    pub(crate) words: &'static Words,
    pub(crate) id: String,
    pub(crate) path: String,
    pub(crate) line: String,
}

#[derive(Template)]
#[template(path = "error.html")]
pub(crate) struct ErrorPage {
    pub(crate) status: u16,
    pub(crate) words: &'static str,
}

#[derive(Template)]
#[template(path = "welcome.html")]
pub(crate) struct Welcome {
    pub(crate) page: Page,
}

/// Somebody, as the administration lists him.
#[derive(Debug)]
pub(crate) struct PersonRow {
    pub(crate) email: String,
    pub(crate) organisation: String,
    pub(crate) tenant: String,
    pub(crate) subject: String,
    pub(crate) role: &'static str,
}

#[derive(Template)]
#[template(path = "admin.html")]
pub(crate) struct Admin {
    pub(crate) page: Page,
    pub(crate) problem: Option<String>,
    /// One sentence on the keys.
    pub(crate) keys: String,
    pub(crate) refused: String,
    pub(crate) people: Vec<PersonRow>,
}

#[derive(Template)]
#[template(path = "outbox.html")]
pub(crate) struct Outbox {
    pub(crate) page: Page,
    pub(crate) mails: Vec<Mail>,
}
