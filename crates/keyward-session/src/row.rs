//! A session as it lies in the store: all that decides, under one MAC.
//! `docs/formats/session.md` specifies it.

use std::time::Duration;

use keyward_base::reader::Reader;
use keyward_base::{Error, KeyId, Result, Subject, Tenant, Timestamp};
use keyward_keys::MacHandle;
use keyward_store::{Collection, Content, RecordKey};

use crate::epoch::Mark;
use crate::format::{ROW, damaged, newer, put_text};
use crate::id::SessionId;
use crate::kind::Kind;

pub(crate) const SESSIONS: Collection = Collection::named("session");

/// What is said of a row that is not ours.
pub(crate) const DAMAGED: &str =
    "a session's row is not what was written: whoever it is of logs in again";

const MAGIC: &[u8; 4] = b"kwsr";
const VERSION: u8 = 1;
const REMEMBER: u8 = 1;

/// The most methods that a session may have been started by.
pub(crate) const METHODS: usize = 4;
/// Bytes of the name of a method, and of a door.
pub(crate) const WORD: usize = 32;
/// Bytes of what is said of the client, and of the name that its owner gave it.
pub(crate) const SHOWN: usize = 64;
/// Bytes of the reason for which staff act.
pub(crate) const REASON: usize = 200;

/// What a session keeps of the three epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) all: Mark,
    pub(crate) tenant: Mark,
    pub(crate) user: Mark,
}

/// Of a session of staff: whose it is in truth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Behind {
    pub(crate) session: SessionId,
    pub(crate) tenant: Tenant,
    pub(crate) subject: Subject,
    /// The marks of the administrator's session.
    pub(crate) marks: Marks,
    pub(crate) reason: String,
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: SessionId,
    /// The MAC of id and secret, and the key that made it: the token's.
    pub(crate) token_key: KeyId,
    pub(crate) proof: [u8; 32],
    pub(crate) kind: Kind,
    pub(crate) remember: bool,
    pub(crate) tenant: Tenant,
    pub(crate) subject: Subject,
    pub(crate) door: String,
    pub(crate) methods: Vec<String>,
    pub(crate) authenticated: Timestamp,
    pub(crate) created: Timestamp,
    pub(crate) renewed: Timestamp,
    /// How long it lives unused; none: it does not slide.
    pub(crate) window: Option<Duration>,
    pub(crate) idle: Timestamp,
    pub(crate) absolute: Timestamp,
    pub(crate) marks: Marks,
    pub(crate) client: String,
    pub(crate) name: String,
    pub(crate) behind: Option<Behind>,
}

/// Where the row of a session lies: under no tenant, since a token names none.
pub(crate) fn place(id: SessionId) -> RecordKey {
    RecordKey {
        collection: SESSIONS,
        owner: String::new(),
        id: id.to_string(),
    }
}

impl Row {
    /// Whether a record is where the row of this id lies.
    pub(crate) fn lies_at(&self, key: &RecordKey) -> bool {
        key.collection == SESSIONS
            && key.owner.is_empty()
            && SessionId::parse(&key.id).is_ok_and(|id| id == self.id)
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
        out.push(self.kind.to_byte());
        out.push(if self.remember { REMEMBER } else { 0 });
        let window = self.window.map_or(0, |window| {
            u64::try_from(window.as_millis()).unwrap_or(u64::MAX)
        });
        let times = [
            self.authenticated,
            self.created,
            self.renewed,
            Timestamp::from_millis(window),
            self.idle,
            self.absolute,
        ];
        for time in times {
            out.extend_from_slice(&time.as_millis().to_be_bytes());
        }
        put_marks(&mut out, &self.marks);
        for text in [
            self.tenant.as_str(),
            self.subject.as_str(),
            &self.door,
            &self.client,
            &self.name,
        ] {
            put_text(&mut out, text);
        }
        out.push(u8::try_from(self.methods.len()).unwrap_or(u8::MAX));
        for method in &self.methods {
            put_text(&mut out, method);
        }
        match &self.behind {
            None => out.push(0),
            Some(behind) => {
                out.push(1);
                out.extend_from_slice(&behind.session.to_bytes());
                put_marks(&mut out, &behind.marks);
                put_text(&mut out, behind.tenant.as_str());
                put_text(&mut out, behind.subject.as_str());
                put_text(&mut out, &behind.reason);
            }
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
            expires: Some(self.idle),
            mac_key: key.tag(),
            token_key: token_tag,
            word,
            ..Content::default()
        }
    }

    /// Reads what [`Row::bytes`] made, and the id of the key.
    pub(crate) fn parse(bytes: &[u8]) -> Result<(Self, KeyId)> {
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
    let id = SessionId::from_bytes(rest.array()?);
    let proof = rest.array()?;
    let kind = Kind::from_byte(rest.byte()?)?;
    let remember = rest.flag()?;
    let (authenticated, created, renewed) = (rest.time()?, rest.time()?, rest.time()?);
    let window = rest.number()?;
    let (idle, absolute) = (rest.time()?, rest.time()?);
    let marks = marks(rest)?;
    let tenant = Tenant::new(rest.text()?).ok()?;
    let subject = Subject::new(rest.text()?).ok()?;
    let door = short(rest, WORD)?;
    let (client, name) = (short(rest, SHOWN)?, short(rest, SHOWN)?);
    let count = usize::from(rest.byte()?);
    if count > METHODS {
        return None;
    }
    let mut methods = Vec::with_capacity(count);
    for _ in 0..count {
        methods.push(short(rest, WORD)?);
    }
    let behind = match rest.flag()? {
        false => None,
        true => Some(behind(rest)?),
    };
    // What no session of ours has: it slides past its end, or staff who are nobody.
    let fits = renewed <= idle
        && idle <= absolute
        && created <= renewed
        && behind.is_some() == (kind == Kind::Staff);
    let row = Row {
        id,
        token_key,
        proof,
        kind,
        remember,
        tenant,
        subject,
        door,
        methods,
        authenticated,
        created,
        renewed,
        window: (window > 0).then(|| Duration::from_millis(window)),
        idle,
        absolute,
        marks,
        client,
        name,
        behind,
    };
    fits.then_some((row, key))
}

fn behind(rest: &mut Reader<'_>) -> Option<Behind> {
    Some(Behind {
        session: SessionId::from_bytes(rest.array()?),
        marks: marks(rest)?,
        tenant: Tenant::new(rest.text()?).ok()?,
        subject: Subject::new(rest.text()?).ok()?,
        reason: short(rest, REASON)?,
    })
}

fn short(rest: &mut Reader<'_>, most: usize) -> Option<String> {
    let text = rest.text()?;
    (text.len() <= most).then(|| text.to_owned())
}

fn put_marks(out: &mut Vec<u8>, marks: &Marks) {
    for mark in [marks.all, marks.tenant, marks.user] {
        out.extend_from_slice(&mark.era);
        out.extend_from_slice(&mark.stamp.to_be_bytes());
    }
}

fn marks(rest: &mut Reader<'_>) -> Option<Marks> {
    let mut mark = || {
        Some(Mark {
            era: rest.array()?,
            stamp: rest.number()?,
        })
    };
    Some(Marks {
        all: mark()?,
        tenant: mark()?,
        user: mark()?,
    })
}

fn wrong() -> Error {
    damaged(DAMAGED)
}
