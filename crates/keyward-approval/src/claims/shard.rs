//! One file of claims: those of the gates whose ids begin with the same three digits.

use std::collections::BTreeMap;

use keyward_base::encoding::{from_hex, hex};
use keyward_base::{Result, Timestamp};

use super::text::{read, written, wrong};
use super::{Advanced, ClaimName, ClaimOf, ClaimPin, Seen};
use crate::gate::GateId;

/// How many files there are, at most. An id is random, so that each has its part.
pub const SHARDS: u16 = 4096;

/// The most pins of one file.
pub const MAX_PINS: usize = 4096;

/// The pins of one file, and what it has forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    number: u16,
    /// All that ended then or before is not here any more.
    forgotten: Timestamp,
    pins: BTreeMap<ClaimName, ClaimPin>,
}

impl Shard {
    /// The file that has the claims of that gate: its id's first three digits.
    #[must_use]
    pub fn number_of(id: GateId) -> u16 {
        let [first, second, ..] = id.to_bytes();
        u16::from(first) << 4 | u16::from(second >> 4)
    }

    /// A file without pins, which has forgotten nothing.
    #[must_use]
    pub const fn new(number: u16) -> Self {
        let forgotten = Timestamp::from_millis(0);
        let pins = BTreeMap::new();
        Self {
            number,
            forgotten,
            pins,
        }
    }

    /// Reads the file of that number. There is one text for each state of it.
    ///
    /// # Errors
    /// `Corrupt` for anything that is not such a file, `Unavailable` for one of a newer keyward.
    pub fn parse(number: u16, bytes: &[u8]) -> Result<Self> {
        let (head, lines) = read(bytes)?;
        let (_, forgotten) = head.split_once(' ').ok_or_else(wrong)?;
        let forgotten = Timestamp::from_millis(forgotten.parse().map_err(|_| wrong())?);
        let mut shard = Self::new(number);
        for line in lines.split_terminator('\n') {
            let (name, pin) = read_line(line).ok_or_else(wrong)?;
            if !shard.has(name) || name.until <= forgotten || shard.pins.len() >= MAX_PINS {
                return Err(wrong());
            }
            shard.pins.insert(name, pin);
        }
        shard.forgotten = forgotten;
        // No other number, order or line ends, nothing twice, no signs or zeros in front, and nothing that
        // was changed since.
        if shard.render().as_bytes() != bytes {
            return Err(wrong());
        }
        Ok(shard)
    }

    /// The text of the file.
    #[must_use]
    pub fn render(&self) -> String {
        let mut lines = String::new();
        for (name, pin) in &self.pins {
            let (of, until) = (name.of.as_str(), name.until.as_millis());
            let (id, counter, digest) = (name.id, pin.counter, hex(&pin.digest));
            lines.push_str(&format!("{id} {of} {until} {counter} {digest}\n"));
        }
        let forgotten = self.forgotten.as_millis();
        written(&format!("{:03x} {forgotten}", self.number), &lines)
    }

    /// How many pins there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pins.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pins.is_empty()
    }

    fn has(&self, name: ClaimName) -> bool {
        Self::number_of(name.id) == self.number
    }

    /// What is pinned under `name`.
    #[must_use]
    pub fn find(&self, name: ClaimName) -> Seen {
        if name.until <= self.forgotten {
            return Seen::Forgotten;
        }
        let pin = self.pins.get(&name);
        pin.map_or(Seen::Nothing, |pin| Seen::Pinned(*pin))
    }

    /// Pins `next`, if nothing is pinned under `name`, or what is has a smaller counter.
    pub fn advance(&mut self, name: ClaimName, next: ClaimPin) -> Advanced {
        match self.find(name) {
            Seen::Forgotten => return Advanced::Forgotten,
            Seen::Nothing if self.pins.len() >= MAX_PINS || !self.has(name) => {
                return Advanced::Full;
            }
            Seen::Pinned(held) if held == next => return Advanced::Pinned,
            Seen::Pinned(held) if held.counter >= next.counter => return Advanced::Held(held),
            Seen::Nothing | Seen::Pinned(_) => {}
        }
        self.pins.insert(name, next);
        Advanced::Pinned
    }

    /// Forgets what ended at `until` or before, once that is half of what there is: so what a file costs
    /// to be written anew was paid by the claims that go. Says how many.
    ///
    /// What is forgotten goes no further than what was there: of a clock that was far ahead, no more
    /// comes than the longest run-by there is.
    pub fn prune(&mut self, until: Timestamp) -> usize {
        let ended = self.pins.keys().map(|name| name.until);
        let ended = ended.filter(|of| *of <= until);
        let (gone, last) = ended.fold((0_usize, self.forgotten), |(gone, last), of| {
            (gone.saturating_add(1), last.max(of))
        });
        if gone == 0 || gone.saturating_mul(2) < self.pins.len() {
            return 0;
        }
        self.forgotten = last;
        self.pins.retain(|name, _| name.until > last);
        gone
    }
}

fn read_line(line: &str) -> Option<(ClaimName, ClaimPin)> {
    let mut words = line.split(' ');
    let id = GateId::from_bytes(from_hex(words.next()?).ok()?);
    let of = match words.next()? {
        "class" => ClaimOf::Class,
        "gate" => ClaimOf::Gate,
        _ => return None,
    };
    let until = Timestamp::from_millis(words.next()?.parse().ok()?);
    let counter = words.next()?.parse().ok()?;
    let digest = from_hex(words.next()?).ok()?;
    let name = ClaimName { id, of, until };
    let pin = ClaimPin { counter, digest };
    words.next().is_none().then_some((name, pin))
}
