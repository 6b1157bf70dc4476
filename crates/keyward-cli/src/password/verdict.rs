//! What a check says.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Poll, Waker};

use keyward_base::{Door, Reason, Result, SecretBytes, Subject};
use keyward_password::pool::Answer;
use keyward_password::{Account, Checked, Context, Password, Passwords, Row, reason};
use serde::Serialize;

/// One verdict: every field is always there.
#[derive(Debug, Serialize)]
pub(super) struct Verdict {
    pub(super) verdict: &'static str,
    /// Why nothing was computed, as a stable word.
    pub(super) reason: Option<&'static str>,
    /// Of a match: whether it is weaker than the default policy, or made another way.
    pub(super) needs_upgrade: Option<bool>,
}

/// A check that has begun, or was over before.
pub(super) enum Asked {
    Waiting(Answer<Checked>),
    Over(Result<Checked>),
    Refused(Reason),
}

impl Asked {
    /// Gets a check in line.
    ///
    /// # Errors
    /// None of those of the check: those come with [`Asked::told`].
    pub(super) fn of(
        passwords: &Passwords,
        (label, encoded): (Option<&str>, &str),
        context: &Context,
        password: SecretBytes,
    ) -> Result<Self> {
        // No hash is of anything so long, but it was not looked at.
        let Ok(password) = Password::new(password) else {
            return Ok(Self::Refused(Reason::TOO_LONG));
        };
        let account = Account {
            door: Door::new("command"),
            tenant: super::tenant()?,
            subject: Subject::new("anybody")?,
        };
        let row = Row::new(encoded).context(context);
        let row = match label {
            Some(label) => row.label(label),
            None => row,
        };
        Ok(Self::Waiting(passwords.verify(&account, &row, password)))
    }

    /// Whether its verdict is there.
    pub(super) fn is_over(&mut self) -> bool {
        let Self::Waiting(answer) = self else {
            return true;
        };
        let mut nobody = std::task::Context::from_waker(Waker::noop());
        match Pin::new(answer).poll(&mut nobody) {
            Poll::Ready(checked) => {
                *self = Self::Over(checked);
                true
            }
            Poll::Pending => false,
        }
    }

    /// Waits for its verdict.
    ///
    /// # Errors
    /// Those of [`Passwords::verify`].
    pub(super) fn told(self) -> Result<Verdict> {
        Ok(match self {
            Self::Waiting(answer) => Verdict::of(&answer.wait()?),
            Self::Over(checked) => Verdict::of(&checked?),
            Self::Refused(why) => Verdict {
                verdict: keyward_password::Verdict::Refused.as_str(),
                reason: Some(why.as_str()),
                needs_upgrade: None,
            },
        })
    }
}

impl Verdict {
    fn of(checked: &Checked) -> Self {
        let (reason, needs_upgrade) = match checked {
            Checked::Match { needs_upgrade, .. } => (None, Some(*needs_upgrade)),
            Checked::Refused(why) | Checked::Unsupported(why) => (Some(why.as_str()), None),
            _ => (None, None),
        };
        Self {
            verdict: checked.verdict().as_str(),
            reason,
            needs_upgrade,
        }
    }

    /// What the reason means, for whoever holds the string.
    pub(super) fn advice(&self) -> Option<&'static str> {
        const KNOWN: [(Reason, &str); 9] = [
            (
                reason::ABOVE_BUDGET,
                "it asks for more memory than the whole budget",
            ),
            (
                reason::AMBIGUOUS,
                "it may be read in two ways: name its scheme with --scheme",
            ),
            (
                reason::CEILING,
                "it asks for more work than is allowed (docs/passwords.md)",
            ),
            (
                reason::CONTEXT,
                "its scheme needs a key of the context: give it with --context",
            ),
            (reason::LOCKED, "it says that no password opens the account"),
            (reason::PLAIN_TEXT, "it holds the password itself"),
            (
                reason::UNKNOWN_SCHEME,
                "it is of no scheme that is known: `keyward password schemes` shows them",
            ),
            (
                Reason::MALFORMED,
                "it is not whole: copy it again, as it lies in the table",
            ),
            (
                Reason::TOO_LONG,
                "a string has at most 8,192 bytes, a password 4,096",
            ),
        ];
        let reason = self.reason?;
        let found = KNOWN.iter().find(|(known, _)| known.as_str() == reason);
        found.map(|(_, advice)| *advice)
    }
}
