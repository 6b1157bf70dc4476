//! What the guard saw that an operator should know of.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use keyward_base::audit::{Event, Outcome, Trail, Value};
use keyward_base::{Clock, ErrorKind, Reason};

use crate::forwarded::Basis;
use crate::reason;

/// How long one event speaks for all others of its reason.
const QUIET: Duration = Duration::from_secs(60);

/// Trusted proxies that are told apart: four times as many as networks of them may be named.
const PROXIES: usize = 1_024;

/// Something that an operator should mend, or know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// What it is.
    pub reason: Reason,
    /// In how many requests since the start.
    pub count: u64,
    /// What to do.
    pub fix: &'static str,
}

impl Finding {
    /// What to do about a reason that the layer recorded; none if it is none of the layer's.
    #[must_use]
    pub fn fix_of(reason: &str) -> Option<&'static str> {
        let mut kinds = KINDS.iter();
        let kind = kinds.find(|kind| kind.reason.as_str() == reason)?;
        Some(kind.fix)
    }
}

/// What is counted of a reason.
struct Kind {
    reason: Reason,
    blame: ErrorKind,
    action: &'static str,
    fix: &'static str,
}

const KINDS: [Kind; 8] = [
    forwarded(Basis::Missing, reason::FORWARDED_MISSING),
    forwarded(Basis::Untrusted, reason::FORWARDED_UNTRUSTED),
    forwarded(Basis::TooFew, reason::FORWARDED_TOO_FEW),
    forwarded(Basis::Unreadable, reason::FORWARDED_UNREADABLE),
    forwarded(Basis::Bypassed, reason::FORWARDED_BYPASSED),
    Kind {
        reason: reason::PANICKED,
        blame: ErrorKind::Misuse,
        action: "web.panic",
        fix: "a handler has a mistake: what it said stands in the program's standard error",
    },
    Kind {
        reason: reason::LIMITED,
        blame: ErrorKind::Rejected,
        action: "web.limited",
        fix: "clients ask for more than their limits: a flood, or a limit that is too narrow",
    },
    Kind {
        reason: reason::LIMIT_UNREAD,
        blame: ErrorKind::Unavailable,
        action: "web.limit",
        fix: "requests pass uncounted, since the table of limits cannot be relied on: see what it says",
    },
];

const fn forwarded(basis: Basis, reason: Reason) -> Kind {
    Kind {
        reason,
        blame: ErrorKind::Rejected,
        action: "web.forwarded",
        fix: basis.fix(),
    }
}

/// Counts by reason, and tells the trail now and then. Clones count together.
#[derive(Clone, Default)]
pub(crate) struct Noted {
    counts: Arc<[Count; KINDS.len()]>,
    proxies: Arc<RwLock<Named>>,
    trail: Option<(Trail, Arc<dyn Clock>)>,
}

/// Of each trusted proxy how many requests came without a client before it named one; none: it did.
#[derive(Default)]
struct Named {
    unnamed: HashMap<IpAddr, Option<u64>>,
    /// Of those that are too many to be told apart.
    beyond: u64,
}

impl Named {
    fn has_named(&self, peer: IpAddr) -> bool {
        matches!(self.unnamed.get(&peer), Some(None))
    }

    fn names(&mut self, peer: IpAddr) {
        if self.unnamed.len() < PROXIES || self.unnamed.contains_key(&peer) {
            self.unnamed.insert(peer, None);
        }
    }

    fn names_nobody(&mut self, peer: IpAddr) {
        if self.unnamed.len() < PROXIES {
            self.unnamed.entry(peer).or_insert(Some(0));
        }
        match self.unnamed.get_mut(&peer) {
            Some(Some(count)) => *count = count.saturating_add(1),
            // Another request named one meanwhile.
            Some(None) => {}
            None => self.beyond = self.beyond.saturating_add(1),
        }
    }

    fn count(&self) -> u64 {
        let all = self.unnamed.values().flatten();
        all.fold(self.beyond, |all, one| all.saturating_add(*one))
    }
}

#[derive(Default)]
struct Count {
    all: AtomicU64,
    untold: AtomicU64,
    /// In milliseconds; before it, nothing is told.
    quiet_until: AtomicU64,
}

impl Noted {
    pub(crate) fn on(self, trail: Trail, clock: Arc<dyn Clock>) -> Self {
        Self {
            trail: Some((trail, clock)),
            ..self
        }
    }

    /// Whether events are told, and what is told with them is told as seldom.
    pub(crate) const fn is_told(&self) -> bool {
        self.trail.is_some()
    }

    /// Counts how a client is known, if something is wrong with it; gives the event if it is time for
    /// one. Requests of a proxy that name nobody may be its probes, once that proxy named somebody.
    pub(crate) fn known(&self, basis: Basis, peer: IpAddr) -> Option<Noting> {
        let peer = peer.to_canonical();
        // Each change is one call of a map: a poisoned lock is as good as any.
        let has_named = || {
            let proxies = self.proxies.read().unwrap_or_else(PoisonError::into_inner);
            proxies.has_named(peer)
        };
        let proxies = || self.proxies.write().unwrap_or_else(PoisonError::into_inner);
        let reason = match basis {
            Basis::Header => {
                // Each request asks, few write.
                if !has_named() {
                    proxies().names(peer);
                }
                return None;
            }
            Basis::Missing if has_named() => return None,
            Basis::Missing => {
                proxies().names_nobody(peer);
                reason::FORWARDED_MISSING
            }
            other => other.reason()?,
        };
        self.count(reason)
    }

    /// Counts one more; gives the event if it is time for one.
    pub(crate) fn count(&self, reason: Reason) -> Option<Noting> {
        let mut known = KINDS.iter().zip(self.counts.iter());
        let (kind, count) = known.find(|(kind, _)| kind.reason == reason)?;
        count.all.fetch_add(1, Ordering::Relaxed);
        count.untold.fetch_add(1, Ordering::Relaxed);
        let (trail, clock) = self.trail.as_ref()?;
        let now = clock.now().ok()?;
        let until = count.quiet_until.load(Ordering::Relaxed);
        let next = now.saturating_add(QUIET).as_millis();
        // One that lies further ahead was set by a clock that went back since.
        let is_quiet = now.as_millis() < until && until <= next;
        // Of several requests at once, one tells.
        if is_quiet
            || count
                .quiet_until
                .compare_exchange(until, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_err()
        {
            return None;
        }
        let failed = Outcome::Failed(kind.blame, Some(reason));
        let mut event = Event::new(now, kind.action, failed);
        let untold = count.untold.swap(0, Ordering::Relaxed);
        event.detail = event.detail.with("count", Value::Number(untold));
        Some(Noting(trail.clone(), event))
    }

    pub(crate) fn findings(&self) -> Vec<Finding> {
        let counts = KINDS.iter().zip(self.counts.iter());
        let proxies = self.proxies.read().unwrap_or_else(PoisonError::into_inner);
        let count = |kind: &Kind, count: &Count| match kind.reason {
            reason::FORWARDED_MISSING => proxies.count(),
            _ => count.all.load(Ordering::Relaxed),
        };
        counts
            .map(|(kind, of)| Finding {
                reason: kind.reason,
                count: count(kind, of),
                fix: kind.fix,
            })
            .filter(|finding| finding.count > 0)
            .collect()
    }
}

/// An event on its way to the trail.
#[derive(Debug)]
pub(crate) struct Noting(Trail, Event);

impl Noting {
    pub(crate) async fn record(self) {
        self.0.note(self.1).await;
    }
}

impl fmt::Debug for Noted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.findings()).finish()
    }
}
