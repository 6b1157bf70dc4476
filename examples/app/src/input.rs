//! Reads what a form sent. What is wrong is said in fixed words, with the fix, and never shows
//! what was pasted.

use keyward_axum::SecretForm;
use keyward_base::{Error, ErrorKind, Reason, RecordId, Revision, SecretBytes, Timestamp};
use keyward_vault::Facts;

use crate::hooks::{Name, Sender};
use crate::section::{PROVIDERS, Section};
use crate::view::{FormView, Problem, field_of, from_utc, sentence};

/// Why a form was not taken.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Something that is not the person's to mend.
    Failed(Error),
    /// What to mend, and in which field.
    Mend(Problem),
}

impl Refused {
    fn mend(field: &'static str, text: &str) -> Self {
        Self::Mend(Problem {
            field,
            text: text.to_owned(),
        })
    }

    /// The first put of a record meets a conflict if there is one of that name.
    pub(crate) fn on_first_put(error: Error) -> Self {
        match error.reason() {
            Some(Reason::CONFLICT) => Self::mend(
                "id",
                "That name is taken. Choose another one, or open it and replace its value.",
            ),
            _ => Self::Failed(error),
        }
    }
}

impl From<Error> for Refused {
    /// `Misuse` of a parser says what to do, and holds no secret.
    fn from(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Misuse => Self::mend("secret", &sentence(&error)),
            _ => Self::Failed(error),
        }
    }
}

/// What was submitted, before it is a credential.
#[derive(Debug)]
pub(crate) enum Submitted {
    Key(SecretBytes),
    Token {
        access: SecretBytes,
        refresh: Refresh,
        expires: Option<Timestamp>,
        scopes: Vec<String>,
    },
    Variables(SecretBytes),
}

/// What becomes of the refresh token.
#[derive(Debug)]
pub(crate) enum Refresh {
    /// The one that is stored stays.
    Keep,
    New(SecretBytes),
    Nothing,
}

/// The name of a new record.
pub(crate) fn id(
    section: Section,
    form: &mut SecretForm,
    view: &mut FormView,
) -> Result<RecordId, Refused> {
    view.id = form.text("id")?;
    view.provider = form.text("provider")?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-@:".contains(&b);
    if !(1..=100).contains(&view.id.len()) || !view.id.bytes().all(plain) {
        return Err(Refused::mend(
            "id",
            "The name must be 1 to 100 letters, digits or any of . _ - @ : and nothing else.",
        ));
    }
    let id = match section {
        Section::Environments if view.id == "new" => {
            return Err(Refused::mend(
                "id",
                "A set cannot be called new: choose another name.",
            ));
        }
        // A browser takes these out of an address, so that its page could not be reached.
        Section::Environments if matches!(view.id.as_str(), "." | "..") => {
            return Err(Refused::mend(
                "id",
                "A set cannot be called by dots alone: choose another name.",
            ));
        }
        Section::Environments => view.id.clone(),
        Section::Hosts => {
            if !PROVIDERS.iter().any(|(known, _)| *known == view.provider) {
                return Err(Refused::mend(
                    "provider",
                    "Choose a provider from the list.",
                ));
            }
            format!("{}:{}", view.provider, view.id)
        }
        Section::Servers => match view.id.split_once('@') {
            Some((login, host)) if !login.is_empty() && !host.is_empty() => view.id.clone(),
            _ => {
                return Err(Refused::mend(
                    "id",
                    "The address must be login@host, such as deploy@web-1.",
                ));
            }
        },
    };
    Ok(RecordId::new(&id)?)
}

/// The name of a new webhook endpoint.
pub(crate) fn endpoint(form: &mut SecretForm, view: &mut FormView) -> Result<Name, Refused> {
    view.id = form.text("id")?;
    view.provider = form.text("provider")?;
    let Some(sender) = Sender::of(&view.provider) else {
        return Err(Refused::mend("provider", "Choose a sender from the list."));
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let fits = (1..=60).contains(&view.id.len()) && view.id.bytes().all(plain);
    // A browser takes dots alone out of an address.
    if !fits || matches!(view.id.as_str(), "." | "..") {
        return Err(Refused::mend(
            "id",
            "The name must be 1 to 60 letters, digits or any of . _ - and not dots alone.",
        ));
    }
    let id = RecordId::new(&view.id)?;
    Ok(Name { sender, id })
}

/// The signing secret that the sender shows; none where this service chooses it.
pub(crate) fn signing_secret(
    form: &mut SecretForm,
    sender: Sender,
) -> Result<Option<SecretBytes>, Refused> {
    let pasted = form.secret("secret");
    let secret = pasted.expose().trim_ascii();
    match (sender.is_given_a_secret(), secret.is_empty()) {
        (true, true) => Ok(None),
        (true, false) => Err(Refused::mend(
            "secret",
            "The secret of GitHub is made here: leave this field empty.",
        )),
        (false, true) => Err(Refused::mend(
            "secret",
            "The signing secret is missing: paste it.",
        )),
        (false, false) if !secret.iter().all(u8::is_ascii_graphic) => Err(Refused::mend(
            "secret",
            "The signing secret has a space or a character that none has: paste it alone.",
        )),
        (false, false) => Ok(Some(SecretBytes::copy_of(secret))),
    }
}

/// The secret fields, and what is not secret beside them.
pub(crate) fn secret(
    section: Section,
    form: &mut SecretForm,
    view: &mut FormView,
    kept: &Facts,
) -> Result<Submitted, Refused> {
    if section == Section::Hosts {
        return token(form, view, kept);
    }
    let (pasted, file) = (form.secret("secret"), form.secret("file"));
    let blank = |text: &SecretBytes| text.expose().trim_ascii().is_empty();
    let value = match (blank(&pasted), blank(&file)) {
        (false, false) => {
            return Err(Refused::mend(
                "file",
                "Paste the text or choose the file, not both.",
            ));
        }
        (true, true) => {
            return Err(Refused::mend(
                "secret",
                "Paste the text or choose the file.",
            ));
        }
        (false, true) => pasted_lines(&pasted),
        (true, false) => file,
    };
    Ok(match section {
        Section::Environments => Submitted::Variables(value),
        _ => Submitted::Key(value),
    })
}

/// The parts of a token. What a form does not speak of stays as it is in `kept`; a field that is
/// there and empty takes it away.
fn token(form: &mut SecretForm, view: &mut FormView, kept: &Facts) -> Result<Submitted, Refused> {
    let (dated, scoped) = (form.has("expires"), form.has("scopes"));
    if dated {
        view.expires = form.text("expires")?;
    }
    if scoped {
        view.scopes = form.text("scopes")?;
    }
    let choice = form.text("keep")?;
    let access = form.secret("secret");
    let access = SecretBytes::copy_of(access.expose().trim_ascii());
    let refresh = form.secret("refresh");
    let refresh = SecretBytes::copy_of(refresh.expose().trim_ascii());
    if access.is_empty() {
        return Err(Refused::mend(
            "secret",
            "The access token is missing: paste it.",
        ));
    }
    let refresh = match (choice.as_str(), refresh.is_empty()) {
        ("" | "new", false) => Refresh::New(refresh),
        ("new", true) => {
            return Err(Refused::mend(
                "refresh",
                "The new refresh token is missing: paste it, or choose what becomes of the one there is.",
            ));
        }
        (_, false) => {
            return Err(Refused::mend(
                "refresh",
                "A refresh token is pasted, and another one is to be kept or none: choose one.",
            ));
        }
        ("none", true) => Refresh::Nothing,
        (_, true) if kept.refreshable => Refresh::Keep,
        (_, true) => Refresh::Nothing,
    };
    Ok(Submitted::Token {
        access,
        refresh,
        expires: if dated {
            expires(&view.expires, kept)?
        } else {
            kept.expires.map(Timestamp::from_millis)
        },
        scopes: if scoped {
            view.scopes.split_whitespace().map(str::to_owned).collect()
        } else {
            kept.scopes.clone()
        },
    })
}

/// `2026-11-23T05:04`, as a browser sends it, in UTC. What stands for the expiry that is kept is
/// that expiry, to its second.
fn expires(text: &str, kept: &Facts) -> Result<Option<Timestamp>, Refused> {
    if text.is_empty() {
        return Ok(None);
    }
    let kept = kept.expires.map(Timestamp::from_millis);
    if let Some(kept) = kept.filter(|kept| field_of(*kept) == text) {
        return Ok(Some(kept));
    }
    text.parse::<jiff::civil::DateTime>()
        .ok()
        .and_then(from_utc)
        .map(Some)
        .ok_or_else(|| {
            Refused::mend(
                "expires",
                "The expiry must be a date and a time from 1970 on, such as 2027-01-31T12:00.",
            )
        })
}

/// The revision a form was made for.
pub(crate) fn revision(form: &mut SecretForm) -> Result<Revision, Error> {
    let number = form.text("revision")?.parse();
    number
        .map(Revision::new)
        .map_err(|_| Error::rejected(Reason::CONFLICT))
}

/// What was pasted into a text area: a browser sends its lines with CRLF, and ssh reads no key
/// whose last line does not end. A file is taken byte for byte.
fn pasted_lines(text: &SecretBytes) -> SecretBytes {
    let text = text.expose().trim_ascii();
    let mut lines = Vec::with_capacity(text.len().saturating_add(1));
    let mut bytes = text.iter().peekable();
    while let Some(byte) = bytes.next() {
        if *byte != b'\r' || bytes.peek() != Some(&&b'\n') {
            lines.push(*byte);
        }
    }
    lines.push(b'\n');
    SecretBytes::new(lines)
}
