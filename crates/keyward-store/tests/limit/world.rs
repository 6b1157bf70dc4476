//! A limiter, and clients.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use keyward_base::{AddressPrefix, ManualClock, Timestamp};
use keyward_store::conformance::block_on;
use keyward_store::limit::{Admitted, Asked, Limit, Limiter, Refused, Whom};
use keyward_testkit::{Counted, TestNames};

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<Counted>,
    pub(crate) limiter: Limiter,
}

impl World {
    /// With so many entries in the table, the shared ones included.
    pub(crate) fn within(room: usize, keys: u8, limits: &[&Limit]) -> Self {
        let clock = Arc::new(ManualClock::new(NOW));
        let store = Arc::new(Counted::new(room));
        let limiter = limiter(&store, &clock, keys, limits);
        store.take();
        Self {
            clock,
            store,
            limiter,
        }
    }

    pub(crate) fn new(limits: &[&Limit]) -> Self {
        Self::within(100_000, 1, limits)
    }

    pub(crate) fn later(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }

    pub(crate) fn ask(&self, limits: &[(&Limit, Whom)]) -> Result<Admitted, Refused> {
        asked(&self.limiter, limits)
    }

    /// How often it is admitted until it is refused.
    pub(crate) fn through(&self, limit: &Limit, whom: &Whom) -> u32 {
        let mut through = 0;
        while self.ask(&[(limit, whom.clone())]).is_ok() {
            through += 1;
        }
        through
    }
}

pub(crate) fn limiter(
    store: &Arc<Counted>,
    clock: &Arc<ManualClock>,
    keys: u8,
    limits: &[&Limit],
) -> Limiter {
    let (store, clock): (Arc<Counted>, Arc<ManualClock>) = (store.clone(), clock.clone());
    let builder = Limiter::builder(store, Arc::new(TestNames(keys)), clock);
    let builder = limits
        .iter()
        .fold(builder, |builder, limit| builder.limit(limit));
    block_on(builder.build()).unwrap()
}

pub(crate) fn asked(limiter: &Limiter, limits: &[(&Limit, Whom)]) -> Result<Admitted, Refused> {
    match block_on(limiter.ask(limits)).unwrap() {
        Asked::Admitted(admitted) => Ok(admitted),
        Asked::Refused(refused) => Err(refused),
    }
}

pub(crate) fn limit(name: &str, most: u32, span: Duration) -> Limit {
    Limit::new(name, most, span).unwrap()
}

pub(crate) fn v4(bits: u32) -> Whom {
    Whom::address(AddressPrefix::of(IpAddr::V4(Ipv4Addr::from_bits(bits))))
}

/// A /64 of 2001:db8::/32.
pub(crate) fn v6(n: u32) -> Whom {
    let bits = (0x2001_0db8_u128 << 96) | (u128::from(n) << 64);
    Whom::address(AddressPrefix::of(IpAddr::V6(Ipv6Addr::from_bits(bits))))
}

pub(crate) fn app(word: &str) -> Whom {
    Whom::of_app(word.as_bytes()).unwrap()
}
