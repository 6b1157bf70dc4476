//! What is secret, by name and by where it was opened.

mod hidden;
mod wholes;

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use keyward_base::{Error, OpenedSecret, Result, SecretBytes};

use self::hidden::{Hidden, Pad};
use self::wholes::Wholes;
use crate::engine::{Engine, SecretId};
use crate::form::Form;
use crate::name::Name;
use crate::value::trimmed;

/// Where a value comes from, as a keyed hash: two that are alike would be told apart by their
/// values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Origin(u64);

/// One value.
struct Secret {
    name: Name,
    origin: Origin,
    /// The record it is a part of, if a vault opened it.
    record: Option<Origin>,
    /// It was registered by hand, and does not go to make room.
    stays: bool,
    /// Its place in [`Registry::order`]: when it was last opened, as far as that was looked at.
    seen: u64,
    bytes: usize,
}

/// What is looked at when a value is opened again: little, and in one place.
struct Known {
    id: SecretId,
    value: Hidden,
    /// It has a password in it that is not masked by itself.
    short_password: bool,
    /// When it was last opened, by [`Registry::now`].
    opened: AtomicU64,
}

/// The secrets and their needles.
pub(crate) struct Registry {
    pub(crate) engine: Engine,
    next: Option<u32>,
    hasher: RandomState,
    pad: Pad,
    by_name: HashMap<Name, Vec<SecretId>>,
    by_origin: HashMap<Origin, Vec<Known>>,
    secrets: HashMap<SecretId, Secret>,
    wholes: Wholes,
    /// Those that may go, by when they were opened, as far as that was looked at.
    order: BTreeSet<(u64, SecretId)>,
    /// Counts openings.
    now: AtomicU64,
    bytes: usize,
    /// Bytes of those that stay.
    staying: usize,
}

/// A value that is to be added.
pub(crate) struct New<'a> {
    pub(crate) name: Name,
    pub(crate) origin: Origin,
    pub(crate) record: Option<Origin>,
    pub(crate) value: &'a [u8],
    pub(crate) forms: Vec<Form>,
    pub(crate) short_password: bool,
    pub(crate) stays: bool,
}

/// What a name stands for.
pub(crate) enum Revealed {
    Value(SecretBytes),
    /// Values from several places have this name, or several that were opened together.
    Several,
    Unknown,
}

impl Registry {
    /// None yet. `random` fills a buffer from the operating system's randomness.
    pub(crate) fn new(random: impl Fn(&mut [u8]) -> Result<()>) -> Result<Self> {
        Ok(Self {
            engine: Engine::new(&random)?,
            next: Some(0),
            hasher: RandomState::new(),
            pad: Pad::new(&random)?,
            by_name: HashMap::new(),
            by_origin: HashMap::new(),
            secrets: HashMap::new(),
            wholes: Wholes::default(),
            order: BTreeSet::new(),
            now: AtomicU64::new(0),
            bytes: 0,
            staying: 0,
        })
    }

    /// Where a value comes from that a vault opens. Not its revision: that of a column may never
    /// change.
    pub(crate) fn origin_of(&self, secret: &OpenedSecret<'_>) -> Origin {
        let OpenedSecret {
            collection,
            tenant,
            place,
            record,
            part,
            ..
        } = secret;
        let place = (tenant.as_str(), place.as_str(), record.as_str());
        Origin(self.hasher.hash_one((collection, place, part)))
    }

    /// Which record it is a part of.
    pub(crate) fn record_of(&self, secret: &OpenedSecret<'_>) -> Origin {
        let whole = OpenedSecret {
            part: None,
            ..*secret
        };
        self.origin_of(&whole)
    }

    /// Whether all parts are known of the record `whole`, whose text is this; it is noted that it
    /// was opened.
    pub(crate) fn knows_parts(&self, whole: Origin, text: &[u8]) -> bool {
        let now = self.now.fetch_add(1, Ordering::Relaxed);
        self.wholes.is_known(whole, text, now, &self.pad)
    }

    /// All parts were told of the record `whole`, whose text is this.
    pub(crate) fn parts_told(&mut self, whole: Origin, text: &[u8]) {
        self.wholes.told(whole, text, &self.pad);
    }

    /// Where a value comes from that is registered by hand.
    pub(crate) fn origin_by_hand(&self, name: &Name) -> Origin {
        Origin(self.hasher.hash_one(name.as_str()))
    }

    /// Whether this very value is known from there; it is noted that it was opened.
    pub(crate) fn knows(&self, origin: Origin, value: &[u8]) -> bool {
        self.knows_at(origin, value, self.opening())
    }

    /// Of this very value, if it is known from there, whether it has a password in it that is not
    /// masked by itself; it is noted that it was opened.
    pub(crate) fn knows_password(&self, origin: Origin, value: &[u8]) -> Option<bool> {
        let known = self.find(origin, value, self.opening());
        known.map(|known| known.short_password)
    }

    /// A number for what is opened now, larger than all before.
    pub(crate) fn opening(&self) -> u64 {
        self.now.fetch_add(1, Ordering::Relaxed)
    }

    /// [`Registry::knows`], of the opening with this number.
    pub(crate) fn knows_at(&self, origin: Origin, value: &[u8], now: u64) -> bool {
        self.find(origin, value, now).is_some()
    }

    fn find(&self, origin: Origin, value: &[u8], now: u64) -> Option<&Known> {
        // The newest first: it is what is opened most.
        let known = self.by_origin.get(&origin).map(Vec::as_slice);
        let mut known = known.unwrap_or_default().iter().rev();
        let known = known.find(|known| known.value.is(value, &self.pad));
        if let Some(known) = known {
            known.opened.store(now, Ordering::Relaxed);
        }
        known
    }

    /// Adds a value. What goes to make room for it, at most to `budget` bytes, is added to `gone`
    /// by its name, also where it cannot be added.
    pub(crate) fn add(&mut self, new: New<'_>, budget: usize, gone: &mut Vec<Name>) -> Result<()> {
        let bytes = new.forms.iter().map(|form| form.bytes.len()).sum();
        if self.staying.saturating_add(bytes) > budget {
            return Err(Error::misuse(
                "what is to be masked takes more memory than the budget of the redactor: raise the \
                 budget, or forget what is masked no longer",
            ));
        }
        let exhausted = || Error::unavailable("the redactor has run out of numbers: start anew");
        let id = SecretId(self.next.ok_or_else(exhausted)?);
        self.make_room(budget.saturating_sub(bytes), gone);
        self.next = id.0.checked_add(1);
        let now = self.now.fetch_add(1, Ordering::Relaxed);
        let secret = Secret {
            record: new.record,
            name: new.name,
            origin: new.origin,
            stays: new.stays,
            seen: now,
            bytes,
        };
        self.engine.insert(id, new.forms)?;
        if let Some(record) = secret.record {
            self.wholes.gained(record, secret.bytes);
        }
        self.bytes = self.bytes.saturating_add(bytes);
        if secret.stays {
            self.staying = self.staying.saturating_add(bytes);
        } else {
            self.order.insert((now, id));
        }
        self.by_name
            .entry(secret.name.clone())
            .or_default()
            .push(id);
        let known = Known {
            id,
            value: Hidden::new(new.value, id.0, &self.pad),
            short_password: new.short_password,
            opened: AtomicU64::new(now),
        };
        self.by_origin.entry(secret.origin).or_default().push(known);
        self.secrets.insert(id, secret);
        Ok(())
    }

    /// Forgets all values of that name; says whether there were any.
    pub(crate) fn forget(&mut self, name: &Name) -> bool {
        let ids = self.by_name.get(name).cloned().unwrap_or_default();
        for id in &ids {
            self.remove(*id);
        }
        !ids.is_empty()
    }

    pub(crate) fn name(&self, id: SecretId) -> Option<&Name> {
        self.secrets.get(&id).map(|secret| &secret.name)
    }

    /// Whether there is a secret of that name.
    pub(crate) fn knows_name(&self, name: &Name) -> bool {
        self.by_name.contains_key(name)
    }

    /// The value that was opened or added last under that name, without the white space around it, which
    /// no mask covers.
    pub(crate) fn reveal(&self, name: &Name) -> Revealed {
        let ids = self.by_name.get(name).into_iter().flatten();
        let secret = |id: &SecretId| Some((*id, self.secrets.get(id)?.origin));
        let mut secrets = ids.filter_map(secret).rev();
        let Some((_, origin)) = secrets.next() else {
            return Revealed::Unknown;
        };
        if secrets.any(|(_, older)| older != origin) {
            return Revealed::Several;
        }
        let opened = |known: &&Known| known.opened.load(Ordering::Relaxed);
        let all = || self.by_origin.get(&origin).into_iter().flatten();
        let Some(newest) = all().max_by_key(opened) else {
            return Revealed::Unknown;
        };
        let last = newest.opened.load(Ordering::Relaxed);
        if all().filter(|known| opened(known) == last).count() > 1 {
            return Revealed::Several;
        }
        let mut value = newest.value.reveal(&self.pad);
        let len = trimmed(value.expose()).len();
        let start = value
            .expose()
            .iter()
            .take_while(|b| b.is_ascii_whitespace());
        let start = if len == value.len() { 0 } else { start.count() };
        value.narrow(start, len);
        Revealed::Value(value)
    }

    /// How many secrets there are.
    pub(crate) fn len(&self) -> usize {
        self.secrets.len()
    }

    /// Lets those go that were longest not opened, until there are at most `limit` bytes.
    fn make_room(&mut self, limit: usize, gone: &mut Vec<Name>) {
        while self.bytes > limit {
            let Some((_, id)) = self.order.pop_first() else {
                break;
            };
            let Some(secret) = self.secrets.get_mut(&id) else {
                continue;
            };
            let with_others = secret.record.map(|record| self.wholes.opened(record));
            let mut known = self.by_origin.get(&secret.origin).into_iter().flatten();
            let known = known.find(|known| known.id == id);
            let opened = known.map_or(0, |known| known.opened.load(Ordering::Relaxed));
            let opened = opened.max(with_others.unwrap_or_default());
            if opened > secret.seen {
                secret.seen = opened;
                self.order.insert((opened, id));
                continue;
            }
            gone.push(secret.name.clone());
            self.remove(id);
        }
    }

    fn remove(&mut self, id: SecretId) {
        let Some(secret) = self.secrets.remove(&id) else {
            return;
        };
        self.engine.remove(id);
        self.bytes = self.bytes.saturating_sub(secret.bytes);
        if secret.stays {
            self.staying = self.staying.saturating_sub(secret.bytes);
        }
        self.order.remove(&(secret.seen, id));
        if let Some(record) = secret.record {
            self.wholes.lost(record, secret.bytes);
        }
        drop_where(&mut self.by_name, &secret.name, |other| *other == id);
        drop_where(&mut self.by_origin, &secret.origin, |known| known.id == id);
    }
}

fn drop_where<K: Eq + Hash, V>(all: &mut HashMap<K, Vec<V>>, of: &K, goes: impl Fn(&V) -> bool) {
    if let Some(left) = all.get_mut(of) {
        left.retain(|one| !goes(one));
        if left.is_empty() {
            all.remove(of);
        }
    }
}
