//! The bytes of a row. `docs/formats/webhook.md` specifies them.

use std::fmt;

use keyward_base::encoding::{from_hex, hex};
use keyward_base::reader::Reader;
use keyward_base::{Error, RecordId, Result, Tenant, Timestamp};
use keyward_crypto::Provider;
use keyward_crypto::sealed::MAX_PLAINTEXT;
use keyward_store::{Collection, RecordKey};

use super::state::{FAULTS, Progress, STATES};
use crate::coverage::{Coverage, Covered};
use crate::endpoint::Endpoint;
use crate::once::ClaimId;
use crate::verified::{Delivery, VerifiedWebhook};

/// Where rows lie.
pub(crate) const INBOX: Collection = Collection::named("webhook-inbox");

const HEAD: &[u8; 4] = b"kwin";
const PIECE: &[u8; 4] = b"kwip";
const VERSION: u8 = 1;

/// Bytes of the body that one record holds: as many as one sealed value.
const PIECE_LEN: usize = MAX_PLAINTEXT;

/// The id of a delivery in the inbox: 16 bytes, shown as 32 digits of hexadecimal. They sort by the
/// time of arrival.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId([u8; 16]);

impl RowId {
    pub(super) fn new(crypto: &Provider, now: Timestamp) -> Result<Self> {
        let mut bytes = [0; 16];
        let (time, random) = bytes.split_at_mut(8);
        time.copy_from_slice(&now.as_millis().to_be_bytes());
        crypto.fill(random)?;
        Ok(Self(bytes))
    }

    /// Reads 32 digits of lower-case hexadecimal, as `Display` writes them.
    ///
    /// # Errors
    /// `Misuse` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        from_hex(text).map(Self).map_err(|_| {
            Error::misuse("the id of a delivery is 32 digits of lower-case hexadecimal")
        })
    }
}

impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RowId({self})")
    }
}

fn at<T: Copy + PartialEq>(all: &[T], value: T) -> u8 {
    let found = all.iter().position(|known| *known == value);
    u8::try_from(found.unwrap_or_default()).unwrap_or_default()
}

/// What never changes of a row. The body is sealed under its digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) claim: ClaimId,
    pub(crate) digest: [u8; 32],
    pub(crate) body_len: u64,
    pub(crate) received: Timestamp,
    pub(crate) signed: Option<Timestamp>,
    pub(crate) key_until: Option<Timestamp>,
    pub(crate) coverage: Covered,
    pub(crate) repeated: bool,
    pub(crate) provider: String,
    pub(crate) key: String,
    pub(crate) id: Id,
    pub(crate) event: Option<String>,
}

/// The id of the delivery, and whether the proof covers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Id {
    None,
    Signed(String),
    Unsigned(String),
}

impl Facts {
    pub(super) fn of<C: Coverage>(
        hook: &VerifiedWebhook<'_, C>,
        claim: ClaimId,
        repeated: bool,
    ) -> Self {
        Self {
            claim,
            digest: hook.body_digest(),
            body_len: u64::try_from(hook.body().len()).unwrap_or(u64::MAX),
            received: hook.received_at(),
            signed: hook.signed_at(),
            key_until: hook.key_until(),
            coverage: hook.coverage().covered(),
            repeated,
            provider: hook.provider().to_owned(),
            key: hook.key().to_owned(),
            id: match hook.delivery() {
                Delivery::None => Id::None,
                Delivery::Signed(id) => Id::Signed(id.to_owned()),
                Delivery::Unsigned(id) => Id::Unsigned(id.claimed().to_owned()),
            },
            event: hook.event().map(|event| event.claimed().to_owned()),
        }
    }

    /// How many records hold the body.
    pub(super) fn pieces(&self) -> Result<u16> {
        let pieces = self.body_len.div_ceil(PIECE_LEN as u64).max(1);
        u16::try_from(pieces)
            .map_err(|_| Error::misuse("a delivery of more than 64 GiB is not kept in the inbox"))
    }

    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        let time = |time: Option<Timestamp>| time.map_or(0, Timestamp::as_millis).to_be_bytes();
        let (kind, id) = match &self.id {
            Id::None => (0, ""),
            Id::Signed(id) => (1, id.as_str()),
            Id::Unsigned(id) => (2, id.as_str()),
        };
        let mut out = Vec::with_capacity(160);
        out.extend_from_slice(&self.claim.to_bytes());
        out.extend_from_slice(&self.digest);
        out.extend_from_slice(&self.body_len.to_be_bytes());
        out.extend_from_slice(&self.received.as_millis().to_be_bytes());
        out.extend_from_slice(&time(self.signed));
        out.extend_from_slice(&time(self.key_until));
        out.push(match self.coverage {
            Covered::WholeBody => 1,
            Covered::BearerToken => 2,
        });
        out.push(u8::from(self.repeated));
        out.push(kind);
        for text in [
            self.provider.as_str(),
            self.key.as_str(),
            id,
            self.event.as_deref().unwrap_or_default(),
        ] {
            let len = u16::try_from(text.len()).map_err(|_| {
                Error::misuse("a name or id of a webhook is longer than 65535 bytes: shorten it")
            })?;
            out.extend_from_slice(&len.to_be_bytes());
            out.extend_from_slice(text.as_bytes());
        }
        Ok(out)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut rest = Reader::new(bytes);
        let claim = ClaimId::from_bytes(rest.array()?);
        let digest = rest.array()?;
        let body_len = rest.number()?;
        let received = rest.time()?;
        let (signed, key_until) = (rest.maybe_time()?, rest.maybe_time()?);
        let coverage = match rest.byte()? {
            1 => Covered::WholeBody,
            2 => Covered::BearerToken,
            _ => return None,
        };
        let repeated = rest.flag()?;
        let kind = rest.byte()?;
        let (provider, key) = (rest.text()?.to_owned(), rest.text()?.to_owned());
        let id = match (kind, rest.text()?.to_owned()) {
            (0, id) if id.is_empty() => Id::None,
            (1, id) if !id.is_empty() => Id::Signed(id),
            (2, id) if !id.is_empty() => Id::Unsigned(id),
            _ => return None,
        };
        let event = Some(rest.text()?.to_owned()).filter(|event| !event.is_empty());
        rest.is_empty().then_some(Self {
            claim,
            digest,
            body_len,
            received,
            signed,
            key_until,
            coverage,
            repeated,
            provider,
            key,
            id,
            event,
        })
    }
}

/// The public bytes of the first record of a row.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) progress: Progress,
    pub(crate) facts: Facts,
    /// The facts as they are stored: what the body is bound to.
    pub(crate) bound: Vec<u8>,
}

impl Head {
    /// # Errors
    /// `Unavailable` for a row of a newer release, `Corrupt` for what is none.
    pub(crate) fn parse(data: &[u8]) -> Result<Self> {
        let rest = versioned(data, HEAD)?;
        let parsed = (|| {
            let mut rest = Reader::new(rest);
            let state = *STATES.get(usize::from(rest.byte()?.checked_sub(1)?))?;
            let fault = *FAULTS.get(usize::from(rest.byte()?))?;
            let progress = Progress {
                state,
                fault,
                attempts: u32::from_be_bytes(rest.array()?),
                since: rest.time()?,
                due: rest.time()?,
                token: rest.array()?,
            };
            let facts = Facts::parse(rest.rest())?;
            Some(Self {
                progress,
                facts,
                bound: rest.rest().to_vec(),
            })
        })();
        parsed.ok_or_else(wrong)
    }

    pub(crate) fn bytes_of(progress: &Progress, bound: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(bound.len().saturating_add(64));
        out.extend_from_slice(HEAD);
        out.push(VERSION);
        out.push(at(&STATES, progress.state).saturating_add(1));
        out.push(at(&FAULTS, progress.fault));
        out.extend_from_slice(&progress.attempts.to_be_bytes());
        out.extend_from_slice(&progress.since.as_millis().to_be_bytes());
        out.extend_from_slice(&progress.due.as_millis().to_be_bytes());
        out.extend_from_slice(&progress.token);
        out.extend_from_slice(bound);
        out
    }
}

/// The public bytes of a further record of a row: the digest of the facts.
pub(crate) fn piece_bytes(bound: [u8; 32]) -> Vec<u8> {
    let mut out = Vec::with_capacity(37);
    out.extend_from_slice(PIECE);
    out.push(VERSION);
    out.extend_from_slice(&bound);
    out
}

/// # Errors
/// As [`Head::parse`].
pub(crate) fn parse_piece(data: &[u8]) -> Result<[u8; 32]> {
    versioned(data, PIECE)?.try_into().map_err(|_| wrong())
}

fn versioned<'a>(data: &'a [u8], magic: &[u8; 4]) -> Result<&'a [u8]> {
    let rest = data.strip_prefix(magic).ok_or_else(wrong)?;
    match rest.split_first() {
        Some((&VERSION, rest)) => Ok(rest),
        Some((2.., _)) => Err(Error::unavailable(
            "a delivery in the inbox was written by a newer release: upgrade keyward",
        )),
        _ => Err(wrong()),
    }
}

fn wrong() -> Error {
    Error::corrupt("a delivery in the inbox is not what was written: restore it, or forget it")
}

/// A record of a row: which endpoint's, which row's, and which of its pieces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) endpoint: Endpoint,
    pub(crate) row: RowId,
    pub(crate) piece: u16,
}

impl Place {
    pub(crate) fn key(&self) -> RecordKey {
        let (endpoint, row) = (&self.endpoint, self.row);
        RecordKey {
            collection: INBOX,
            owner: endpoint.tenant.as_str().to_owned(),
            id: match self.piece {
                0 => format!("{}/{row}", endpoint.id),
                piece => format!("{}/{row}/{piece:05}", endpoint.id),
            },
        }
    }

    pub(crate) fn of(key: &RecordKey) -> Result<Self> {
        Self::parse(key).ok_or_else(wrong)
    }

    fn parse(key: &RecordKey) -> Option<Self> {
        let (front, last) = key.id.rsplit_once('/')?;
        // An endpoint may hold a `/` itself: the length of what follows the last one tells.
        let (id, row, piece) = match last.len() {
            32 => (front, last, 0),
            5 if last.bytes().all(|b| b.is_ascii_digit()) => {
                let (id, row) = front.rsplit_once('/')?;
                (id, row, last.parse().ok().filter(|piece| *piece > 0)?)
            }
            _ => return None,
        };
        Some(Self {
            endpoint: Endpoint {
                tenant: Tenant::new(&key.owner).ok()?,
                id: RecordId::new(id).ok()?,
            },
            row: RowId::parse(row).ok()?,
            piece,
        })
    }

    pub(super) fn piece(&self, piece: u16) -> Self {
        Self {
            piece,
            ..self.clone()
        }
    }
}

/// The parts of a body, each for one record: one at least.
pub(super) fn parts(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (first, rest) = body.split_at(body.len().min(PIECE_LEN));
    std::iter::once(first).chain(rest.chunks(PIECE_LEN))
}

/// Reads the public bytes of a record of the inbox, and writes them again: for tests and fuzzers.
#[doc(hidden)]
pub fn reread(data: &[u8]) -> Result<Vec<u8>> {
    match data.get(..4) {
        Some(front) if front == PIECE => parse_piece(data).map(piece_bytes),
        _ => {
            let head = Head::parse(data)?;
            Ok(Head::bytes_of(&head.progress, &head.facts.to_bytes()?))
        }
    }
}
