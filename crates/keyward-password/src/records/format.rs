//! The bytes of a row. `docs/formats/credential.md` specifies them.

use keyward_base::reader::Reader;
use keyward_base::{Error, RecordId, Result, Revision, SecretBytes, Subject, Tenant, Timestamp};
use keyward_store::{Collection, Content, RecordKey};

use crate::context::{Context, Name};
use crate::credential::{Credential, Status};
use crate::reason;
use crate::verified::Account;

const MAGIC: &[u8; 4] = b"kwcr";
const VERSION: u8 = 1;
const FACTOR_DUE: u8 = 1;
const HAS_PASSWORD: u8 = 2;
/// By their numbers.
const STATUSES: [Status; 3] = [Status::Active, Status::Changing, Status::Disabled];

/// The public part of a row, to which the sealed part is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    status: Status,
    factor_due: bool,
    has_password: bool,
    revision: Revision,
    changed: Timestamp,
}

impl Facts {
    pub(super) fn of(credential: &Credential) -> Self {
        Self {
            status: credential.is(),
            factor_due: credential.is_factor_due(),
            has_password: credential.stored().is_some(),
            revision: credential.revision(),
            changed: credential.changed(),
        }
    }

    pub(super) fn to_bytes(self) -> Vec<u8> {
        let status = match self.status {
            Status::Active => 0,
            Status::Changing => 1,
            Status::Disabled => 2,
        };
        let mut flags = 0;
        if self.factor_due {
            flags |= FACTOR_DUE;
        }
        if self.has_password {
            flags |= HAS_PASSWORD;
        }
        let mut out = Vec::with_capacity(23);
        out.extend_from_slice(MAGIC);
        out.push(VERSION);
        out.push(status);
        out.push(flags);
        out.extend_from_slice(&self.revision.number().to_be_bytes());
        out.extend_from_slice(&self.changed.as_millis().to_be_bytes());
        out
    }

    fn parse(from: &mut Reader<'_>) -> Option<Self> {
        let status = *STATUSES.get(usize::from(from.byte()?))?;
        let flags = from.byte()?;
        if flags & !(FACTOR_DUE | HAS_PASSWORD) != 0 {
            return None;
        }
        let revision = Revision::new(from.number()?);
        if !(Revision::FIRST..=Revision::LAST).contains(&revision) {
            return None;
        }
        Some(Self {
            status,
            factor_due: flags & FACTOR_DUE != 0,
            has_password: flags & HAS_PASSWORD != 0,
            revision,
            changed: from.time()?,
        })
    }
}

/// A row, read and not opened.
#[derive(Debug)]
pub(super) enum Held {
    /// What a pepper would seal stands in clear.
    Bare(Facts, SecretBytes),
    Sealed(Facts, String),
}

impl Held {
    /// # Errors
    /// `Unavailable` for a row of a newer release, `Corrupt` for what is none.
    pub(super) fn parse(content: &Content) -> Result<Self> {
        let mut rest = Reader::new(content.data.strip_prefix(MAGIC).ok_or_else(wrong)?);
        match rest.byte() {
            Some(VERSION) => {}
            Some(2..) => {
                return Err(Error::unavailable(
                    "a stored credential was written by a newer release: upgrade keyward",
                )
                .because(reason::NEWER));
            }
            _ => return Err(wrong()),
        }
        let facts = Facts::parse(&mut rest).ok_or_else(wrong)?;
        match (content.sealed.is_empty(), rest.is_empty()) {
            (false, true) => Ok(Self::Sealed(facts, content.sealed.clone())),
            (true, false) => Ok(Self::Bare(facts, SecretBytes::copy_of(rest.rest()))),
            _ => Err(wrong()),
        }
    }

    pub(super) const fn facts(&self) -> Facts {
        match self {
            Self::Bare(facts, _) | Self::Sealed(facts, _) => *facts,
        }
    }
}

/// What is sealed of a row: the string, its label and its context.
///
/// # Errors
/// `Misuse` for a context that is too long.
pub(super) fn secret_of(credential: &Credential) -> Result<SecretBytes> {
    let too_long = |_| Error::misuse("a value of a context has at most 65535 bytes");
    let encoded = credential.stored().unwrap_or_default();
    let label = credential.labelled().unwrap_or_default();
    let entries = credential.own_context().entries();
    // At its full length from the start: one that grew would leave copies behind.
    let room = entries
        .iter()
        .map(|(name, value)| name.as_str().len().saturating_add(value.len()))
        .fold(
            encoded.len().saturating_add(label.len()),
            usize::saturating_add,
        )
        .saturating_add(64);
    let mut out = SecretBytes::new(Vec::with_capacity(room));
    let encoded_len = u16::try_from(encoded.len()).map_err(too_long)?;
    out.push(&encoded_len.to_be_bytes());
    out.push(encoded.as_bytes());
    out.push(&[u8::try_from(label.len()).map_err(too_long)?]);
    out.push(label.as_bytes());
    out.push(&[u8::try_from(entries.len()).map_err(too_long)?]);
    for (name, value) in entries {
        let name = name.as_str();
        out.push(&[u8::try_from(name.len()).map_err(too_long)?]);
        out.push(name.as_bytes());
        out.push(&u16::try_from(value.len()).map_err(too_long)?.to_be_bytes());
        out.push(value);
    }
    Ok(out)
}

/// A row that was opened.
pub(super) fn credential(facts: Facts, secret: &[u8]) -> Result<Credential> {
    parse_secret(facts, secret).ok_or_else(wrong)
}

fn parse_secret(facts: Facts, secret: &[u8]) -> Option<Credential> {
    let mut rest = Reader::new(secret);
    let encoded = rest.text()?;
    let len = usize::from(rest.byte()?);
    let label = rest.text_of(len)?;
    let mut context = Context::default();
    let mut last = None;
    for _ in 0..rest.byte()? {
        let len = usize::from(rest.byte()?);
        let text = rest.text_of(len)?;
        // Not by another of its names.
        let name = Name::of(text).filter(|name| name.as_str() == text)?;
        let len = rest.len_u16()?;
        let value = rest.take(len)?;
        // Each once and in order: a context has one form.
        if last.replace(name).is_some_and(|last| last >= name) {
            return None;
        }
        context.set(name, SecretBytes::copy_of(value));
    }
    let is_whole = rest.is_empty() && facts.has_password != encoded.is_empty();
    let read = Credential::without_password(facts.changed);
    let read = match encoded {
        "" => read,
        encoded => read.encoded(encoded).ok()?,
    };
    let read = read.label(Some(label)).ok()?.context(context);
    is_whole.then_some(
        read.status(facts.status)
            .factor_due(facts.factor_due)
            .at_revision(facts.revision, facts.changed),
    )
}

pub(super) fn wrong() -> Error {
    Error::corrupt("a stored credential is not what was written")
}

/// Where an account's row lies.
pub(super) fn place(collection: &Collection, account: &Account) -> RecordKey {
    RecordKey {
        collection: collection.clone(),
        owner: account.tenant.as_str().to_owned(),
        id: account.subject.as_str().to_owned(),
    }
}

/// Whose row it is.
pub(super) fn owner_of(key: &RecordKey) -> Result<(Tenant, Subject)> {
    let tenant = Tenant::new(&key.owner).map_err(|_| wrong())?;
    let subject = Subject::new(&key.id).map_err(|_| wrong())?;
    Ok((tenant, subject))
}

/// The record that events name.
pub(super) fn record_of(subject: &Subject) -> Option<RecordId> {
    RecordId::new(subject.as_str()).ok()
}

/// Reads the bytes of a row that is not sealed and writes them again: for tests and fuzzers.
#[doc(hidden)]
pub fn reread(data: &[u8]) -> Result<Vec<u8>> {
    let content = Content {
        data: data.to_vec(),
        ..Content::default()
    };
    let Held::Bare(facts, secret) = Held::parse(&content)? else {
        return Err(wrong());
    };
    let credential = credential(facts, secret.expose())?;
    let mut out = Facts::of(&credential).to_bytes();
    out.extend_from_slice(secret_of(&credential)?.expose());
    Ok(out)
}
