//! The knobs, each with the reason for its default.

use std::time::Duration;

/// How a tenant comes by its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TenantKeyMode {
    /// Derived from the ring key: no record, and no destroying of one tenant's data alone.
    Derived,
    /// Random, wrapped by the ring key, in a record of the tenant's own.
    Random,
}

/// Times and bounds of a [`Keyring`](crate::Keyring).
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs)] // Built with `..Policy::default()`.
pub struct Policy {
    /// How old a handle's view of the ring may grow before `tick` reads it again. 5 seconds: a
    /// ring is one small record, and a promotion waits for it twice.
    pub refresh: Duration,
    /// How far two clocks may lie apart. 30 seconds: what unsupervised NTP keeps easily.
    pub skew: Duration,
    /// How long a replica may open without having renewed its lease. 60 seconds: a store may
    /// restart meanwhile.
    pub lease: Duration,
    /// How long an unknown key id is remembered as one, and the span of the budgets of look-ups.
    /// 1 second.
    pub unknown_refresh: Duration,
    /// How many key ids that one tenant's values name, and that are not in memory, are looked for
    /// within `unknown_refresh`; each costs a read of one record. 8: another process issues a key
    /// to a tenant once in a rotation. An id that was made up costs no read and no budget.
    pub unknown_lookups_tenant: u32,
    /// How many of all tenants together, beyond the first of each. 64: who floods a service with
    /// ids of keys that are gone does not reach the store.
    pub unknown_lookups: u32,
    /// How often within `unknown_refresh` the ring is read anew for key ids in tokens. 8, for the
    /// whole process: another process makes such a key once in a rotation. They have a budget of
    /// their own, so that who floods a service with tokens takes nothing from sealed values.
    pub token_lookups: u32,
    /// How long a value may be held before it is stored that was sealed for a column without a
    /// barrier. 60 seconds: longer than a request takes. Until then a key that was disabled is
    /// not destroyed.
    pub seal_use: Duration,
    /// How often a replica counts the columns of its own that only it can count, to show the
    /// counts to others. 5 minutes.
    pub report: Duration,
    /// How long after its intent an act of a process without a lease may be going on: until then
    /// no other closes it in the trail. 1 day: longer than a command rewraps a large home. What a
    /// process with a lease left is closed once that has run out.
    pub unleased_act: Duration,
    /// How long a tenant's keys stay in memory. 10 minutes.
    pub cache_for: Duration,
    /// How often a tenant's keys are used before they are read anew. 2^20.
    pub cache_uses: u64,
    /// How many tenants' keys stay in memory. 10,000.
    pub cache_tenants: usize,
    /// How many keys of tenants stay in memory, of all of them together, since one tenant may
    /// have many: about 1 KiB each. 20,000.
    pub cache_keys: usize,
    /// How a tenant comes by its keys. Random.
    pub tenant_keys: TenantKeyMode,
}

impl Policy {
    /// How long a promotion waits where replicas do not acknowledge: twice the refresh interval
    /// and the skew.
    #[must_use]
    pub fn propagation(&self) -> Duration {
        self.refresh.saturating_mul(2).saturating_add(self.skew)
    }

    /// How long after it retired a MAC key may still be needed, where what it authenticates lives at
    /// most `longest_life`: a replica may have gone on with it for a lease, and clocks differ by
    /// the skew, at either end. Lease, skew, `longest_life` and skew once more.
    #[must_use]
    pub fn drains_for(&self, longest_life: Duration) -> Duration {
        self.lease
            .saturating_add(self.skew)
            .saturating_add(longest_life)
            .saturating_add(self.skew)
    }

    /// How long a key must have been disabled before it is destroyed, where a column of its
    /// purpose has no barrier: until every replica knows or has lost its lease, and whatever was
    /// sealed until then is stored or too old to be. Lease, skew, `seal_use` and skew once more.
    #[must_use]
    pub fn minimum_age(&self) -> Duration {
        self.lease
            .saturating_add(self.skew)
            .saturating_add(self.seal_use)
            .saturating_add(self.skew)
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            refresh: Duration::from_secs(5),
            skew: Duration::from_secs(30),
            lease: Duration::from_secs(60),
            unknown_refresh: Duration::from_secs(1),
            unknown_lookups_tenant: 8,
            unknown_lookups: 64,
            token_lookups: 8,
            seal_use: Duration::from_secs(60),
            report: Duration::from_secs(300),
            unleased_act: Duration::from_secs(86_400),
            cache_for: Duration::from_secs(600),
            cache_uses: 1 << 20,
            cache_tenants: 10_000,
            cache_keys: 20_000,
            tenant_keys: TenantKeyMode::Random,
        }
    }
}
