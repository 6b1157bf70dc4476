//! An API key as it lies in the store: all that decides, under one MAC.
//! `docs/formats/api-key.md` specifies it.

use keyward_base::encoding::base64url;
use keyward_base::reader::Reader;
use keyward_base::{AddressPrefix, KeyId, Result, Subject, Tenant, Timestamp};
use keyward_keys::MacHandle;
use keyward_store::{Collection, Content, RecordKey};

use crate::api_key::format::ROW;
use crate::api_key::id::ApiKeyId;
use crate::api_key::range::Ranges;
use crate::api_key::scope::Scopes;
use crate::epoch::Mark;
use crate::format::{damaged, newer, put_text};
use crate::row::SHOWN;

pub(crate) const API_KEYS: Collection = Collection::named("api-key");

/// What is said of a row that is not ours.
pub(crate) const DAMAGED: &str =
    "the row of an API key is not what was written: the key is issued anew";

const MAGIC: &[u8; 4] = b"kwar";
const VERSION: u8 = 1;
/// Bytes of a prefix.
const PREFIX: usize = 24;

/// The last use of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Used {
    /// To the hour.
    pub(crate) at: Timestamp,
    pub(crate) from: Option<AddressPrefix>,
}

/// Of a key that was rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Overlap {
    pub(crate) ends: Timestamp,
    pub(crate) successor: ApiKeyId,
}

/// An API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: ApiKeyId,
    /// The MAC of prefix, id and secret, and the key that made it: the text's.
    pub(crate) token_key: KeyId,
    pub(crate) proof: [u8; 32],
    /// Made from the command line or the like, and not by a person in a session.
    pub(crate) by_operator: bool,
    pub(crate) created: Timestamp,
    /// When a person last changed it.
    pub(crate) changed: Timestamp,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) overlap: Option<Overlap>,
    pub(crate) predecessor: Option<ApiKeyId>,
    /// How long before its expiry its owner was last told, in milliseconds; 0: not yet.
    pub(crate) told: u64,
    pub(crate) used: Option<Used>,
    pub(crate) of_all: Mark,
    pub(crate) of_tenant: Mark,
    pub(crate) prefix: String,
    pub(crate) tenant: Tenant,
    pub(crate) maker: Subject,
    pub(crate) name: String,
    pub(crate) scopes: Scopes,
    pub(crate) ranges: Ranges,
}

/// Where the row of a key lies: under no tenant, since a text names none.
pub(crate) fn place(id: ApiKeyId) -> RecordKey {
    RecordKey {
        collection: API_KEYS,
        owner: String::new(),
        id: base64url(&id.to_bytes()),
    }
}

impl Row {
    /// Whether a record is where the row of this id lies.
    pub(crate) fn lies_at(&self, key: &RecordKey) -> bool {
        key.collection == API_KEYS
            && key.owner.is_empty()
            && ApiKeyId::parse(&key.id).is_ok_and(|id| id == self.id)
    }

    /// When it ends; none: by nothing but a person.
    pub(crate) fn ends_at(&self) -> Option<Timestamp> {
        let overlap = self.overlap.as_ref().map(|overlap| overlap.ends);
        match (self.expires, overlap) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// The row in front of the MAC, which the key of that id makes.
    pub(crate) fn bytes(&self, key: KeyId) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        out.extend_from_slice(MAGIC);
        out.push(VERSION);
        out.extend_from_slice(&key.to_bytes());
        out.extend_from_slice(&self.token_key.to_bytes());
        out.extend_from_slice(&self.id.to_bytes());
        out.extend_from_slice(&self.proof);
        out.push(u8::from(self.by_operator));
        let none = Timestamp::from_millis(0);
        let overlap = self.overlap.as_ref();
        for time in [
            self.created,
            self.changed,
            self.expires.unwrap_or(none),
            overlap.map_or(none, |overlap| overlap.ends),
            Timestamp::from_millis(self.told),
            self.used.map_or(none, |used| used.at),
        ] {
            out.extend_from_slice(&time.as_millis().to_be_bytes());
        }
        for mark in [self.of_all, self.of_tenant] {
            out.extend_from_slice(&mark.era);
            out.extend_from_slice(&mark.stamp.to_be_bytes());
        }
        for id in [self.predecessor, overlap.map(|overlap| overlap.successor)] {
            put_maybe(&mut out, id.map(ApiKeyId::to_bytes).as_ref());
        }
        let from = self.used.and_then(|used| used.from);
        put_maybe(&mut out, from.map(AddressPrefix::to_bytes).as_ref());
        for text in [
            &self.prefix,
            self.tenant.as_str(),
            self.maker.as_str(),
            &self.name,
            self.scopes.as_str(),
        ] {
            put_text(&mut out, text);
        }
        out.push(u8::try_from(self.ranges.iter().len()).unwrap_or(u8::MAX));
        for range in self.ranges.iter() {
            out.extend_from_slice(&range.to_bytes());
        }
        out.push(0); // Extensions, of which this version knows none.
        out
    }

    /// The record of it, under that key, to be found by that word.
    pub(crate) fn seal(&self, key: &MacHandle, token_tag: String, word: String) -> Content {
        let mut data = self.bytes(key.id());
        let tag = key.sign(ROW, &(&data,));
        data.extend_from_slice(&tag);
        Content {
            data,
            expires: self.ends_at(),
            mac_key: key.tag(),
            token_key: token_tag,
            word,
            ..Content::default()
        }
    }

    /// Reads what [`Row::bytes`] made, and the id of the key.
    pub(crate) fn parse(bytes: &[u8]) -> Result<(Self, KeyId)> {
        let wrong = || damaged(DAMAGED);
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(wrong)?;
        let mut rest = Reader::new(rest);
        match rest.byte() {
            Some(VERSION) => {}
            Some(2..) => return Err(newer()),
            _ => return Err(wrong()),
        }
        let parsed = parse(&mut rest).ok_or_else(wrong)?;
        match rest.byte() {
            Some(0) if rest.is_empty() => Ok(parsed),
            // Some of what decides is not known here.
            Some(1..) => Err(newer()),
            _ => Err(wrong()),
        }
    }
}

fn parse(rest: &mut Reader<'_>) -> Option<(Row, KeyId)> {
    let key = KeyId::from_bytes(rest.array()?);
    let token_key = KeyId::from_bytes(rest.array()?);
    let id = ApiKeyId::from_bytes(rest.array()?);
    let proof = rest.array()?;
    let by_operator = rest.flag()?;
    let (created, changed) = (rest.time()?, rest.time()?);
    let (expires, ends) = (rest.maybe_time()?, rest.maybe_time()?);
    let told = rest.number()?;
    let used = rest.maybe_time()?;
    let (of_all, of_tenant) = (mark(rest)?, mark(rest)?);
    let predecessor = maybe(rest)?.map(ApiKeyId::from_bytes);
    let successor = maybe(rest)?.map(ApiKeyId::from_bytes);
    let from = match maybe(rest)? {
        None => None,
        Some(bytes) => Some(AddressPrefix::from_bytes(&bytes)?),
    };
    let prefix = short(rest, PREFIX)?;
    let tenant = Tenant::new(rest.text()?).ok()?;
    let maker = Subject::new(rest.text()?).ok()?;
    let name = short(rest, SHOWN)?;
    let scopes = Scopes::parse_exact(rest.text()?)?;
    let count = usize::from(rest.byte()?);
    if count > Ranges::MOST {
        return None;
    }
    let mut ranges = Vec::with_capacity(count);
    for _ in 0..count {
        ranges.push(AddressPrefix::from_bytes(&rest.array()?)?);
    }
    let overlap = match (ends, successor) {
        (None, None) => None,
        (Some(ends), Some(successor)) => Some(Overlap { ends, successor }),
        _ => return None,
    };
    let used = match (used, from) {
        (None, None) => None,
        (None, Some(_)) => return None,
        (Some(at), from) => Some(Used { at, from }),
    };
    let fits = created <= changed && expires.is_none_or(|expires| created <= expires);
    let row = Row {
        id,
        token_key,
        proof,
        by_operator,
        created,
        changed,
        expires,
        overlap,
        predecessor,
        told,
        used,
        of_all,
        of_tenant,
        prefix,
        tenant,
        maker,
        name,
        scopes,
        ranges: Ranges::of_stored(ranges)?,
    };
    fits.then_some((row, key))
}

fn short(rest: &mut Reader<'_>, most: usize) -> Option<String> {
    let text = rest.text()?;
    (text.len() <= most).then(|| text.to_owned())
}

fn mark(rest: &mut Reader<'_>) -> Option<Mark> {
    Some(Mark {
        era: rest.array()?,
        stamp: rest.number()?,
    })
}

/// 1 and the bytes, or 0.
fn put_maybe<const N: usize>(out: &mut Vec<u8>, bytes: Option<&[u8; N]>) {
    out.push(u8::from(bytes.is_some()));
    out.extend_from_slice(bytes.map_or(&[], |bytes| bytes));
}

fn maybe<const N: usize>(rest: &mut Reader<'_>) -> Option<Option<[u8; N]>> {
    Some(match rest.flag()? {
        false => None,
        true => Some(rest.array()?),
    })
}
