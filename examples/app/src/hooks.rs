//! Webhooks: whose they are, where their secrets lie, what came of them.
//!
//! | module | what it holds |
//! |---|---|
//! | [`ring`] | the secrets of one endpoint, as they lie in the vault |
//! | [`source`] | the endpoints, and the way from a request to its secrets |
//! | [`again`] | what came more than once |
//! | [`effect`] | what a delivery has done |

pub(crate) mod again;
pub(crate) mod effect;
pub(crate) mod ring;
pub(crate) mod source;

use std::time::Duration;

use keyward_base::{Error, Reason, RecordId, Result};
use keyward_webhook::{Scheme, WholeBody, preset};

/// Whose webhooks are received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Sender {
    GitHub,
    Slack,
}

impl Sender {
    pub(crate) const ALL: [Self; 2] = [Self::GitHub, Self::Slack];

    /// The sender of that word, which addresses and forms have.
    pub(crate) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|sender| sender.word() == word)
    }

    /// Its scheme's name.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::Slack => "slack",
        }
    }

    pub(crate) const fn scheme(self) -> Scheme<WholeBody> {
        match self {
            Self::GitHub => preset::GITHUB,
            Self::Slack => preset::SLACK,
        }
    }

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::GitHub => "GitHub",
            Self::Slack => "Slack",
        }
    }

    /// Whether this service chooses the secret. Slack shows one of its own.
    pub(crate) const fn is_given_a_secret(self) -> bool {
        matches!(self, Self::GitHub)
    }

    /// For how long a delivery that was signed with an old secret may still come.
    pub(crate) fn retries(self) -> Duration {
        self.scheme().retries
    }
}

/// An endpoint, as pages and the vault name it: `github:deploys`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) sender: Sender,
    pub(crate) id: RecordId,
}

impl Name {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let found = text.split_once(':').and_then(|(word, id)| {
            Some(Self {
                sender: Sender::of(word)?,
                id: RecordId::new(id).ok()?,
            })
        });
        found.ok_or_else(|| Error::rejected(Reason::NOT_FOUND))
    }

    pub(crate) fn text(&self) -> String {
        format!("{}:{}", self.sender.word(), self.id)
    }
}
