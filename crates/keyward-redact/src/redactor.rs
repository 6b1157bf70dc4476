//! What is secret, and the ways in.

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLockReadGuard, RwLockWriteGuard};

use keyward_base::wipe::with_stack_wiped;
use keyward_base::{Error, OpenObserver, OpenedSecret, Result};

use crate::engine::Work;
use crate::fair::Fair;
use crate::form::{Needles, add_forms};
use crate::masker::Masker;
use crate::name::Name;
use crate::policy::{LEAST_LEN, Policy, Verdict};
use crate::registry::{New, Origin, Registry};
use crate::stream::Stream;
use crate::value::{parts, trimmed};
use crate::warning::{Warning, Warnings, What};

/// How often the parts of one opening are told anew, where others took their room, and how often
/// automata are built anew, where others changed the needles.
const MAX_TRIES: usize = 3;

/// Knows the secrets of a process, and masks them wherever they are written. Cheap to clone: all
/// clones know the same.
#[derive(Clone)]
pub struct Redactor(Arc<Shared>);

struct Shared {
    policy: Policy,
    registry: Fair<Registry>,
    warnings: Mutex<Warnings>,
}

/// How much a redactor knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Secrets.
    pub secrets: usize,
    /// Forms of them that are looked for.
    pub needles: usize,
    /// Bytes of these forms.
    pub bytes: usize,
    /// Forms that are looked for by automata, since they have less than 15 bytes or share theirs
    /// with many others. Those of 8 bytes and more cost time only where a text has a beginning of
    /// one; while there are shorter ones, each byte of a text costs several times as much.
    pub in_automata: usize,
    /// Values that went to make room for others, since it was made.
    pub evicted: u64,
    /// Names whose values were forgotten by [`Redactor::forget`], since it was made.
    pub forgotten: u64,
    /// Warnings beyond the [`MAX_WARNINGS`](crate::warning::MAX_WARNINGS) that are kept.
    pub unsaid: u64,
}

impl Redactor {
    /// One that knows nothing yet. `random` fills a buffer from the operating system's randomness;
    /// needles lie in memory under it.
    ///
    /// # Errors
    /// What `random` returns.
    pub fn new(random: impl Fn(&mut [u8]) -> Result<()>) -> Result<Self> {
        Self::with_policy(Policy::default(), random)
    }

    /// [`Redactor::new`] with limits of one's own.
    ///
    /// # Errors
    /// What `random` returns.
    pub fn with_policy(policy: Policy, random: impl Fn(&mut [u8]) -> Result<()>) -> Result<Self> {
        Ok(Self(Arc::new(Shared {
            policy,
            registry: Fair::new(Registry::new(random)?),
            warnings: Mutex::default(),
        })))
    }

    /// From now on `value` is masked, wherever it is written, what streams still hold back
    /// included, until it is forgotten. Under one name there may be several values.
    ///
    /// A value of less than 8 bytes, and one that is a common word, is not masked, unless
    /// [`Policy::mask_anyway`] has its name; [`Redactor::warnings`] tells of it.
    ///
    /// # Errors
    /// `Misuse` if its forms take more than is left of [`Policy::budget`] beside what else was
    /// registered by hand, or if too many values share their bytes with others for an automaton;
    /// it is not masked then.
    pub fn add(&self, name: &Name, value: &[u8]) -> Result<()> {
        let registry = self.read();
        let origin = registry.origin_by_hand(name);
        if registry.knows(origin, value) {
            return Ok(());
        }
        drop(registry);
        self.register(name.clone(), Source::Hand(origin), value)
    }

    /// Adds a secret with forms of one's own.
    #[cfg(test)]
    pub(crate) fn add_forms(&self, name: &Name, forms: Vec<crate::form::Form>) -> Result<()> {
        let new = New {
            name: name.clone(),
            origin: self.read().origin_by_hand(name),
            record: None,
            value: name.as_str().as_bytes(),
            forms,
            short_password: false,
            stays: true,
        };
        self.write().add(new, usize::MAX, &mut Vec::new())
    }

    /// Forgets all values of that name; says whether there were any.
    #[must_use = "false says that there is no secret of that name"]
    pub fn forget(&self, name: &Name) -> bool {
        let known = self.write().forget(name);
        self.warned().forget(name, known);
        known
    }

    /// A stream that masks, without I/O: bytes in, bytes out.
    #[must_use]
    pub fn masker(&self) -> Masker {
        Masker::new(self.clone())
    }

    /// A writer that masks, and writes to `to`.
    #[must_use]
    pub fn stream<W: Write>(&self, to: W) -> Stream<W> {
        Stream::new(self.masker(), to)
    }

    /// A whole text, masked.
    #[must_use]
    pub fn bytes(&self, text: &[u8]) -> Vec<u8> {
        let mut masker = self.masker();
        let mut out = Vec::with_capacity(text.len());
        masker.push(text, &mut out);
        masker.finish(&mut out);
        out
    }

    /// A whole text, masked.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(text.as_bytes())).into_owned()
    }

    /// How much it knows.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let registry = self.read();
        let (needles, bytes) = registry.engine.size();
        let (secrets, in_automata) = (registry.len(), registry.engine.in_automata());
        drop(registry);
        let warnings = self.warned();
        Counts {
            secrets,
            needles,
            bytes,
            in_automata,
            evicted: warnings.evicted(),
            forgotten: warnings.forgotten(),
            unsaid: warnings.unsaid(),
        }
    }

    /// What is not masked as one may expect, by name.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        self.warned().all()
    }

    /// The most bytes that a stream holds back which is idle, be it flushed or not: one less than
    /// the longest form has, or three bytes for each of a wrapped one (a line ending of two bytes
    /// between any two), less three.
    #[must_use]
    pub fn most_held(&self) -> usize {
        self.read().engine.most_held()
    }

    /// Its limits.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.0.policy
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Registry> {
        self.0.registry.read()
    }

    /// To look through a text: with an automaton for every needle that needs one. It is built while
    /// others go on; where they change the needles all the time, at last while they wait, again for as
    /// long as one of them comes between that and the reading.
    pub(crate) fn settled(&self) -> RwLockReadGuard<'_, Registry> {
        for _ in 0..MAX_TRIES {
            let registry = self.read();
            let Some(work) = registry.engine.unsettled() else {
                return registry;
            };
            drop(registry);
            self.build(work);
        }
        loop {
            let registry = self.read();
            if registry.engine.unsettled_alone().is_none() {
                return registry;
            }
            drop(registry);
            let mut registry = self.write();
            if let Some(work) = registry.engine.unsettled_alone() {
                let replaced = registry.engine.take_over(work.build());
                drop(registry);
                drop(replaced);
            }
        }
    }

    /// Builds automata, while others go on with those that are there.
    pub(crate) fn build(&self, work: Work) {
        let done = work.build();
        let replaced = self.write().engine.take_over(done);
        drop(replaced);
    }

    /// Registers a value that is not known.
    fn register(&self, name: Name, from: Source<'_>, value: &[u8]) -> Result<()> {
        let policy = &self.0.policy;
        let (origin, record, part) = match from {
            Source::Hand(origin) => (origin, None, None),
            Source::Vault {
                origin,
                record,
                part,
            } => (origin, Some(record), part),
        };
        let warn = match policy.judge(name.as_str(), part, trimmed(value)) {
            Verdict::Secret => None,
            Verdict::Public => return Ok(()),
            Verdict::Short => Some(What::TooShort),
            Verdict::Common => Some(What::CommonWord),
        };
        let anyway = policy.is_anyway(name.as_str(), part);
        if let Some(what) = warn {
            self.warned().add(name, what);
            return Ok(());
        }
        let mut short_password = false;
        let (needles, in_pieces) = with_stack_wiped(|| {
            let found = parts(value, anyway, |part| !policy.is_common(part));
            short_password = found.short_password;
            let mut needles = Needles::new(LEAST_LEN);
            for part in &found.parts {
                needles.at_least(part.bytes.len().min(LEAST_LEN));
                add_forms(part.bytes.expose(), part.in_all_forms, &mut needles);
            }
            (needles, found.in_pieces)
        });
        let cut = needles.cut();
        let new = New {
            name: name.clone(),
            origin,
            record,
            value,
            forms: needles.into_forms(),
            short_password,
            stays: record.is_none(),
        };
        let mut registry = self.write();
        // Another may have been as quick.
        if registry.knows(origin, value) {
            return Ok(());
        }
        let mut gone = Vec::new();
        let added = registry.add(new, policy.budget, &mut gone);
        drop(registry);
        let mut warnings = self.warned();
        for gone in gone {
            warnings.evict(gone);
        }
        added?;
        warnings.take_back(&name, What::Evicted);
        if cut {
            warnings.add(name.clone(), What::MaskCharacter);
        }
        if short_password {
            warnings.add(name.clone(), What::ShortPassword);
        }
        if in_pieces {
            warnings.add(name, What::InPieces);
        }
        Ok(())
    }

    fn warned(&self) -> MutexGuard<'_, Warnings> {
        let warnings = self.0.warnings.lock();
        warnings.unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Registry> {
        self.0.registry.write()
    }
}

/// Where a value comes from.
#[derive(Clone, Copy)]
enum Source<'a> {
    /// It was registered by hand, and stays until it is forgotten.
    Hand(Origin),
    /// A vault opened it.
    Vault {
        origin: Origin,
        record: Origin,
        part: Option<&'a str>,
    },
}

/// So that a vault tells it of what it opens.
impl OpenObserver for Redactor {
    fn opened(&self, secret: &OpenedSecret<'_>) -> Result<()> {
        let registry = self.read();
        let origin = registry.origin_of(secret);
        if let Some(short_password) = registry.knows_password(origin, secret.value) {
            drop(registry);
            self.is_again(secret, short_password);
            return Ok(());
        }
        let from = Source::Vault {
            origin,
            record: registry.record_of(secret),
            part: secret.part,
        };
        drop(registry);
        let name = Name::of(secret);
        if secret.part.is_none() {
            // The record has another value now.
            let mut warnings = self.warned();
            warnings.judged(&name);
            warnings.take_back(&name, What::ShortPassword);
        }
        self.register(name, from, secret.value)
    }

    fn knows_parts(&self, whole: &OpenedSecret<'_>) -> bool {
        let registry = self.read();
        registry.knows_parts(registry.record_of(whole), whole.value)
    }

    fn opened_parts(&self, whole: &OpenedSecret<'_>, parts: &[OpenedSecret<'_>]) -> Result<()> {
        // Said anew of those of which it still holds: none of these is ever known.
        let names = parts.iter().map(Name::of);
        names.for_each(|name| self.warned().judged(&name));
        for _ in 0..MAX_TRIES {
            parts.iter().try_for_each(|part| self.opened(part))?;
            if self.all_told(whole, parts) {
                return Ok(());
            }
        }
        Err(Error::misuse(
            "the parts of what was opened take more memory together than the redactor has room \
             for: raise its budget",
        ))
    }
}

impl Redactor {
    /// The value of a record is one that is known. What was said of the one between is no longer
    /// true.
    fn is_again(&self, secret: &OpenedSecret<'_>, short_password: bool) {
        if secret.part.is_some() || (!short_password && self.warned().is_empty()) {
            return;
        }
        let name = Name::of(secret);
        let mut warnings = self.warned();
        warnings.judged(&name);
        if short_password {
            warnings.add(name, What::ShortPassword);
        } else {
            warnings.take_back(&name, What::ShortPassword);
        }
    }

    /// Whether all parts are known at once, which is noted. One may have gone to make room for
    /// another, or for what others opened meanwhile.
    fn all_told(&self, whole: &OpenedSecret<'_>, parts: &[OpenedSecret<'_>]) -> bool {
        let mut registry = self.write();
        let policy = &self.0.policy;
        let now = registry.opening();
        let is_known = |part: &OpenedSecret<'_>| {
            let name = Name::of(part);
            let verdict = policy.judge(name.as_str(), part.part, trimmed(part.value));
            verdict != Verdict::Secret
                || registry.knows_at(registry.origin_of(part), part.value, now)
        };
        // Each of them: all were opened together.
        let known = parts.iter().filter(|part| is_known(part)).count();
        if known < parts.len() {
            return false;
        }
        let record = registry.record_of(whole);
        registry.parts_told(record, whole.value);
        true
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.counts();
        write!(f, "Redactor({} secrets)", counts.secrets)
    }
}
