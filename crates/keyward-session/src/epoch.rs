//! The record by which many sessions or API keys end at once, as it lies in the store.
//! `docs/formats/session.md` and `docs/formats/api-key.md` specify it.

use keyward_base::reader::Reader;
use keyward_base::{Domain, KeyId, Result, Subject, Tenant, Timestamp};
use keyward_keys::MacHandle;
use keyward_store::{Collection, RecordKey};

use crate::api_key::format::EPOCH as API_KEY_EPOCH;
use crate::api_key::row::API_KEYS;
use crate::format::{EPOCH, damaged, newer, put_text};
use crate::kind::Kind;
use crate::policy::EVIDENCE_MAX_AGE;
use crate::row::SESSIONS;

const VERSION: u8 = 1;

/// How the epochs of one crate's part lie in the store. `N` is how many sorts of things end apart.
pub(crate) struct Form<const N: usize> {
    pub(crate) collection: Collection,
    /// Where the rows lie that it ends.
    pub(crate) rows: Collection,
    magic: &'static [u8; 4],
    pub(crate) domain: Domain<(&'static [u8],)>,
    /// Whether subjects have epochs of their own.
    has_users: bool,
    /// What is said of one that is not ours.
    pub(crate) damaged: &'static str,
    /// The event of any record that is not ours.
    pub(crate) refused: &'static str,
}

/// Those of sessions, by kind.
pub(crate) static SESSION_EPOCHS: Form<{ Kind::COUNT }> = Form {
    collection: Collection::named("session-epoch"),
    rows: SESSIONS,
    magic: b"kwse",
    domain: EPOCH,
    has_users: true,
    damaged: "the epoch of sessions is not what was written: whoever it is of logs in again",
    refused: "session.refused",
};

/// Those of API keys, which end with their tenant and with no user.
pub(crate) static KEY_EPOCHS: Form<1> = Form {
    collection: Collection::named("api-key-epoch"),
    rows: API_KEYS,
    magic: b"kwae",
    domain: API_KEY_EPOCH,
    has_users: false,
    damaged: "the epoch of API keys is not what was written: the keys that it is of are issued anew",
    refused: "api-key.refused",
};

/// Whose sessions or keys an epoch is of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    /// All there are.
    All,
    /// Those of a tenant.
    Tenant(Tenant),
    /// Those of one subject of a tenant.
    User(Tenant, Subject),
}

impl Scope {
    /// Where the record lies.
    pub(crate) fn place<const N: usize>(&self, form: &Form<N>) -> RecordKey {
        let (owner, id) = match self {
            Self::All => ("", "all".to_owned()),
            Self::Tenant(tenant) => (tenant.as_str(), "tenant".to_owned()),
            Self::User(tenant, subject) => (tenant.as_str(), format!("user/{subject}")),
        };
        RecordKey {
            collection: form.collection.clone(),
            owner: owner.to_owned(),
            id,
        }
    }

    fn parts(&self) -> (u8, &str, &str) {
        match self {
            Self::All => (0, "", ""),
            Self::Tenant(tenant) => (1, tenant.as_str(), ""),
            Self::User(tenant, subject) => (2, tenant.as_str(), subject.as_str()),
        }
    }

    fn of(number: u8, tenant: &str, subject: &str) -> Option<Self> {
        let name = |text| Tenant::new(text).ok();
        match number {
            0 if tenant.is_empty() && subject.is_empty() => Some(Self::All),
            1 if subject.is_empty() => Some(Self::Tenant(name(tenant)?)),
            2 => Some(Self::User(name(tenant)?, Subject::new(subject).ok()?)),
            _ => None,
        }
    }
}

/// What a session keeps of an epoch: it lives as long as the record says the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) era: [u8; 16],
    pub(crate) stamp: u64,
}

/// An epoch: what has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Epoch<const N: usize> {
    pub(crate) scope: Scope,
    /// Random, of when the record was made: one that was deleted and made anew is another.
    pub(crate) era: [u8; 16],
    /// When something was last ended; 0 if nothing was.
    pub(crate) moved: Timestamp,
    /// Random, of when the sessions of each kind were last ended; 0 if they never were.
    pub(crate) stamps: [u64; N],
    /// Sessions of each kind that began before this have ended.
    pub(crate) not_before: [Timestamp; N],
}

impl<const N: usize> Epoch<N> {
    /// One by which nothing was ended.
    pub(crate) const fn new(scope: Scope, era: [u8; 16]) -> Self {
        Self {
            scope,
            era,
            moved: Timestamp::from_millis(0),
            stamps: [0; N],
            not_before: [Timestamp::from_millis(0); N],
        }
    }

    /// Ends what is of the sorts that `ends` says by their number: all there are, or what began before
    /// a time. `stamp` is random: what was put back from before does not come to be the same again.
    pub(crate) fn end_of(
        &mut self,
        ends: impl Fn(usize) -> bool,
        before: Option<Timestamp>,
        now: Timestamp,
        stamp: u64,
    ) {
        let (stamps, bounds) = (&mut self.stamps, &mut self.not_before);
        for (at, (held, bound)) in stamps.iter_mut().zip(bounds).enumerate() {
            match before {
                _ if !ends(at) => {}
                Some(before) => *bound = before.max(*bound),
                None => *held = stamp,
            }
        }
        // A clock that was far ahead when it was moved before holds up nobody for longer than this.
        let held = self.moved;
        let is_near = held <= now.saturating_add(EVIDENCE_MAX_AGE);
        self.moved = if is_near { held.max(now) } else { now };
    }

    /// The record in front of the MAC, which the key of that id makes.
    pub(crate) fn bytes(&self, form: &Form<N>, key: KeyId) -> Vec<u8> {
        let (number, tenant, subject) = self.scope.parts();
        let mut out = form.magic.to_vec();
        out.push(VERSION);
        out.extend_from_slice(&key.to_bytes());
        out.push(number);
        put_text(&mut out, tenant);
        put_text(&mut out, subject);
        out.extend_from_slice(&self.era);
        out.extend_from_slice(&self.moved.as_millis().to_be_bytes());
        for stamp in self.stamps {
            out.extend_from_slice(&stamp.to_be_bytes());
        }
        for time in self.not_before {
            out.extend_from_slice(&time.as_millis().to_be_bytes());
        }
        out
    }

    pub(crate) fn seal(&self, form: &Form<N>, key: &MacHandle) -> Vec<u8> {
        let mut bytes = self.bytes(form, key.id());
        let tag = key.sign(form.domain, &(&bytes,));
        bytes.extend_from_slice(&tag);
        bytes
    }

    /// Reads what [`Epoch::bytes`] made, and the id of the key.
    pub(crate) fn parse(form: &Form<N>, bytes: &[u8]) -> Result<(Self, KeyId)> {
        let wrong = || damaged(form.damaged);
        let rest = bytes.strip_prefix(form.magic).ok_or_else(wrong)?;
        let mut rest = Reader::new(rest);
        match rest.byte() {
            Some(VERSION) => {}
            Some(2..) => return Err(newer()),
            _ => return Err(wrong()),
        }
        parse(&mut rest)
            .filter(|(epoch, _): &(Self, KeyId)| {
                rest.is_empty() && (form.has_users || !matches!(epoch.scope, Scope::User(..)))
            })
            .ok_or_else(wrong)
    }
}

impl Epoch<{ Kind::COUNT }> {
    /// What a session of this kind keeps of it.
    pub(crate) const fn mark(&self, kind: Kind) -> Mark {
        Mark {
            era: self.era,
            stamp: kind.of(self.stamps),
        }
    }

    /// Whether a session of this kind with this mark, which began then, goes on.
    pub(crate) fn has(&self, kind: Kind, mark: Mark, began: Timestamp) -> bool {
        self.mark(kind) == mark && began >= kind.of(self.not_before)
    }

    /// Ends the sessions of one kind, or of all. See [`Epoch::end_of`].
    pub(crate) fn end(
        &mut self,
        kind: Option<Kind>,
        before: Option<Timestamp>,
        now: Timestamp,
        stamp: u64,
    ) {
        let ends = |at| kind.is_none_or(|kind| Kind::ALL.get(at) == Some(&kind));
        self.end_of(ends, before, now, stamp);
    }
}

impl Epoch<1> {
    /// What an API key keeps of it.
    pub(crate) const fn key_mark(&self) -> Mark {
        let [stamp] = self.stamps;
        Mark {
            era: self.era,
            stamp,
        }
    }

    /// Whether a key with this mark, which was made then, goes on.
    pub(crate) fn has_key(&self, mark: Mark, created: Timestamp) -> bool {
        let [not_before] = self.not_before;
        self.key_mark() == mark && created >= not_before
    }
}

fn parse<const N: usize>(rest: &mut Reader<'_>) -> Option<(Epoch<N>, KeyId)> {
    let key = KeyId::from_bytes(rest.array()?);
    let number = rest.byte()?;
    let scope = Scope::of(number, rest.text()?, rest.text()?)?;
    let era = rest.array()?;
    let moved = rest.time()?;
    let mut stamps = [0; N];
    for stamp in &mut stamps {
        *stamp = rest.number()?;
    }
    let mut not_before = [Timestamp::from_millis(0); N];
    for time in &mut not_before {
        *time = rest.time()?;
    }
    let epoch = Epoch {
        scope,
        era,
        moved,
        stamps,
        not_before,
    };
    Some((epoch, key))
}
