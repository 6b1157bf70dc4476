//! The memory of the budget: what is in use, and what is kept for the next.

use keyward_crypto::slow::argon2::Arena;

use super::job::Need;

/// `used` and what is kept are together never above `budget`.
pub(super) struct Arenas {
    budget: u64,
    used: u64,
    clean: Vec<Arena>,
    /// They hold what the last hash in them left.
    dirty: Vec<Arena>,
}

/// What a worker has while it works. It is part of the work: it goes back when that has ended, however
/// it ended, and not when somebody stops waiting.
pub(super) struct Lent {
    pub(super) arena: Arena,
    /// Kept ones that made room: to be dropped before the work begins.
    pub(super) outgrown: Vec<Arena>,
    /// Bytes of the budget.
    pub(super) charge: u64,
}

pub(super) fn bytes_of(arena: &Arena) -> u64 {
    u64::try_from(arena.len()).unwrap_or(u64::MAX)
}

impl Arenas {
    pub(super) const fn new(budget: u64) -> Self {
        Self {
            budget,
            used: 0,
            clean: Vec::new(),
            dirty: Vec::new(),
        }
    }

    pub(super) const fn budget(&self) -> u64 {
        self.budget
    }

    pub(super) const fn used(&self) -> u64 {
        self.used
    }

    fn kept(&self) -> u64 {
        let all = self.clean.iter().chain(&self.dirty);
        all.map(bytes_of).fold(0, u64::saturating_add)
    }

    /// All memory that is held or may be, in bytes.
    pub(super) fn held(&self) -> u64 {
        self.used.saturating_add(self.kept())
    }

    /// Lends what is asked, if that fits now.
    pub(super) fn lend(&mut self, need: Need) -> Option<Lent> {
        let room = self.budget.checked_sub(self.used)?;
        if need.budget > room {
            return None;
        }
        let arena = self.fitting(need, room).unwrap_or_default();
        let charge = need.budget.max(bytes_of(&arena));
        let mut outgrown = Vec::new();
        let mut freed = 0_u64;
        while self.kept().saturating_add(charge) > room {
            let Some(kept) = self.dirty.pop().or_else(|| self.clean.pop()) else {
                break;
            };
            freed = freed.saturating_add(bytes_of(&kept));
            outgrown.push(kept);
        }
        // Until they are dropped they are held in place of what is to come.
        let charge = charge.max(freed);
        self.used = self.used.saturating_add(charge);
        Some(Lent {
            arena,
            outgrown,
            charge,
        })
    }

    /// A kept one that is large enough and not more than twice as large: the rest of it would be
    /// missing elsewhere. One that a hash has just left is as good as a clean one, and nearer.
    fn fitting(&mut self, need: Need, room: u64) -> Option<Arena> {
        if need.arena == 0 {
            return None;
        }
        let most = need.arena.saturating_mul(2).min(room);
        let fits = |arena: &Arena| (need.arena..=most).contains(&bytes_of(arena));
        for kept in [&mut self.dirty, &mut self.clean] {
            if let Some(at) = kept.iter().rposition(fits) {
                return Some(kept.swap_remove(at));
            }
        }
        None
    }

    /// The outgrown ones are gone.
    pub(super) fn shrink(&mut self, from: u64, to: u64) {
        self.used = self.used.saturating_sub(from.saturating_sub(to));
    }

    /// Takes one back. Whoever used more than was asked gives it to nobody else: `None`.
    pub(super) fn take_back(&mut self, arena: Arena, charge: u64) -> Option<Arena> {
        self.used = self.used.saturating_sub(charge);
        if bytes_of(&arena) > charge {
            return Some(arena);
        }
        if !arena.is_empty() {
            self.dirty.push(arena);
        }
        None
    }

    pub(super) fn release(&mut self, charge: u64) {
        self.used = self.used.saturating_sub(charge);
    }

    pub(super) const fn is_any_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// One that is to be wiped, still charged.
    pub(super) fn take_dirty(&mut self) -> Option<Arena> {
        let arena = self.dirty.pop()?;
        self.used = self.used.saturating_add(bytes_of(&arena));
        Some(arena)
    }

    pub(super) fn put_clean(&mut self, arena: Arena) {
        self.used = self.used.saturating_sub(bytes_of(&arena));
        self.clean.push(arena);
    }

    pub(super) fn take_all(&mut self) -> Vec<Arena> {
        let mut all = std::mem::take(&mut self.clean);
        all.append(&mut self.dirty);
        all
    }
}
