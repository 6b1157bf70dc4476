//! What the pages of webhooks show.

use std::collections::BTreeMap;

use askama::Template;
use keyward_base::{Reason, Timestamp};
use keyward_webhook::inbox::{Counts, Fault, Listed, State};
use keyward_webhook::{Delivery, Secrets, reason};

use crate::hooks::again::Count;
use crate::hooks::effect::Effect;
use crate::hooks::{Name, Sender};
use crate::view::{FormView, Page, Part, minute, moment};

/// Where a sender is to send.
#[derive(Debug)]
pub(crate) struct Address {
    /// As the browser named this service; empty if it did not.
    pub(crate) host: String,
    pub(crate) path: String,
}

impl Address {
    pub(crate) fn text(&self) -> String {
        match self.host.as_str() {
            "" => self.path.clone(),
            host => format!("http://{host}{}", self.path),
        }
    }
}

/// An endpoint, as listed.
#[derive(Debug)]
pub(crate) struct EndpointRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) sender: Sender,
    /// Of its page.
    pub(crate) path: String,
    pub(crate) address: Address,
    /// Its secrets in words. None: they cannot be opened.
    pub(crate) secrets: Vec<String>,
    pub(crate) revision: u64,
}

/// Which secrets count, and until when.
pub(crate) fn secrets_in_words(secrets: &Secrets, now: Timestamp) -> Vec<String> {
    let counted = secrets
        .ids()
        .filter(|(_, until)| until.is_none_or(|until| until > now));
    let words = counted.map(|(id, until)| match until {
        Some(until) => format!("secret {id} until {} UTC", minute(until)),
        None => format!("secret {id}"),
    });
    words.collect()
}

/// A delivery.
#[derive(Debug)]
pub(crate) struct DeliveryRow {
    pub(crate) at: Timestamp,
    pub(crate) shown: String,
    pub(crate) sender: &'static str,
    pub(crate) endpoint: String,
    pub(crate) verdict: String,
    pub(crate) tone: &'static str,
    /// What it did, or went wrong.
    pub(crate) about: String,
    pub(crate) again: String,
    pub(crate) id: String,
    /// Whether the sender signed the id.
    pub(crate) signed: &'static str,
    pub(crate) key: String,
    /// Before `/replay` and `/forget`.
    pub(crate) path: String,
    pub(crate) can_replay: bool,
}

impl DeliveryRow {
    pub(crate) fn of(name: &Name, listed: &Listed, again: Count, effect: Option<Effect>) -> Self {
        let (verdict, tone) = verdict(listed);
        let (id, signed) = match listed.delivery() {
            Delivery::Signed(id) => (id.to_owned(), "signed"),
            Delivery::Unsigned(id) => (id.claimed().to_owned(), "not signed"),
            _ => (String::new(), "by its body, signed"),
        };
        let row = listed.row().to_string();
        Self {
            at: listed.received(),
            shown: moment(listed.received(), "%Y-%m-%d %H:%M:%S"),
            sender: name.sender.title(),
            endpoint: name.id.as_str().to_owned(),
            verdict,
            tone,
            about: effect.map_or_else(|| trouble(listed).to_owned(), |effect| effect.text),
            again: in_words(again),
            id,
            signed,
            key: format!("secret {}", listed.key()),
            path: format!("/webhooks/{}/{row}", crate::view::address(&name.text())),
            can_replay: listed.state() == State::Dead,
        }
    }
}

fn verdict(listed: &Listed) -> (String, &'static str) {
    let (words, tone) = match (listed.state(), listed.fault()) {
        (State::Dead, Fault::Conflict) => {
            return (
                "conflict: this id came before with another body".to_owned(),
                "bad",
            );
        }
        (State::Dead, _) => {
            let tried = listed.attempts();
            return (format!("dead letter, after {tried} attempts"), "bad");
        }
        (State::Finished, _) => ("done", "good"),
        (State::Taken, _) => ("being handled", "warn"),
        _ => ("waiting", "warn"),
    };
    let repeated = match listed.is_repeated() {
        true => ", repeated",
        false => "",
    };
    (format!("verified{repeated}, {words}"), tone)
}

const fn trouble(listed: &Listed) -> &'static str {
    match listed.fault() {
        Fault::Conflict => "It was kept, and not handled.",
        Fault::Damaged => "Its body is not what was written.",
        Fault::NoKey => "The key that its body needs cannot be had now.",
        Fault::TimedOut => "The last attempt did not end in time.",
        Fault::Failed | Fault::Panicked => "The last attempt failed.",
        Fault::Dropped => "The last attempt was broken off.",
        _ => "",
    }
}

fn in_words(again: Count) -> String {
    let same = match again.same {
        0 => None,
        1 => Some("came once more".to_owned()),
        n => Some(format!("came {n} times more")),
    };
    let renamed = match again.renamed {
        0 => None,
        1 => Some("repeated once under another id".to_owned()),
        n => Some(format!("repeated {n} times under another id")),
    };
    let parts: Vec<_> = [same, renamed].into_iter().flatten().collect();
    parts.join(", ")
}

/// What was refused since the start, in words.
pub(crate) fn refused_in_words(refused: &BTreeMap<&'static str, u64>) -> String {
    const WRONG: &str = Reason::NOT_AUTHENTIC.as_str();
    const UNKNOWN: &str = reason::UNKNOWN_ENDPOINT.as_str();
    const STALE: &str = reason::STALE.as_str();
    const FUTURE: &str = reason::FUTURE.as_str();
    const LONG: &str = reason::BODY_TOO_LONG.as_str();
    let mut sums: BTreeMap<&'static str, u64> = BTreeMap::new();
    for (word, count) in refused {
        let words = match *word {
            // These were answered, and are among the deliveries.
            word if word == reason::REPEATED.as_str() || word == reason::CONFLICT.as_str() => {
                continue;
            }
            WRONG => "with a wrong signature",
            UNKNOWN => "for an endpoint that is not there",
            STALE => "signed too long ago",
            FUTURE => "signed in the future",
            LONG => "with a body that is too long",
            "misuse" | "unavailable" | "corrupt" => "through no fault of the sender",
            word if word == reason::MISSING_HEADER.as_str()
                || word == reason::MISSING_TIME.as_str()
                || word == reason::NO_SIGNATURE.as_str() =>
            {
                "without a signature"
            }
            _ => "not of the shape that the sender gives them",
        };
        let sum = sums.entry(words).or_default();
        *sum = sum.saturating_add(*count);
    }
    if sums.is_empty() {
        return "No request was refused since the service started.".to_owned();
    }
    let all = sums.values().copied().fold(0, u64::saturating_add);
    let parts: Vec<_> = sums
        .iter()
        .map(|(words, count)| format!("{count} {words}"))
        .collect();
    let were = match all {
        1 => "1 request was",
        _ => "requests were",
    };
    let count = match all {
        1 => String::new(),
        n => format!("{n} "),
    };
    format!(
        "{count}{were} refused since the service started: {}. Nothing of them was stored.",
        parts.join(", ")
    )
}

/// How many deliveries there are, in words.
pub(crate) fn counts_in_words(counts: Counts) -> String {
    let dead = match counts.dead {
        0 => "no dead letter".to_owned(),
        1 => "1 dead letter".to_owned(),
        n => format!("{n} dead letters"),
    };
    format!(
        "{} done, {} waiting, {dead}.",
        counts.finished, counts.waiting
    )
}

#[derive(Template)]
#[template(path = "webhooks.html")]
pub(crate) struct Webhooks {
    pub(crate) page: Page,
    pub(crate) endpoints: Vec<EndpointRow>,
    pub(crate) deliveries: Vec<DeliveryRow>,
    pub(crate) counts: String,
}

#[derive(Template)]
#[template(path = "webhook.html")]
pub(crate) struct OneWebhook {
    pub(crate) page: Page,
    pub(crate) endpoint: EndpointRow,
    pub(crate) deliveries: Vec<DeliveryRow>,
}

#[derive(Template)]
#[template(path = "webhook_new.html")]
pub(crate) struct NewWebhook {
    pub(crate) page: Page,
    pub(crate) form: FormView,
}

#[derive(Template)]
#[template(path = "webhook_secret.html")]
pub(crate) struct MadeWebhook {
    pub(crate) page: Page,
    pub(crate) endpoint: EndpointRow,
    pub(crate) secret: Part,
}
