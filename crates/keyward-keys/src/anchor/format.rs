//! The text of an anchor file, `docs/formats/anchor.md`.

use std::collections::BTreeMap;

use keyward_base::encoding::{from_hex, hex};
use keyward_base::{Error, Result};

use super::{Pin, PinName};

/// The most pins of one anchor: far more than there are keyrings, logs and files of trust.
pub const MAX_PINS: usize = 4096;

/// The most bytes of an anchor: 4,096 lines of at most 248 bytes, and the first one.
pub const MAX_LEN: usize = 1_048_576;

const MAGIC: &str = "keyward-anchor/";
const VERSION: u32 = 2;

/// The pins of one anchor, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins(BTreeMap<PinName, Pin>);

impl Pins {
    /// Reads an anchor. There is one text for each set of pins.
    ///
    /// # Errors
    /// `Corrupt` for anything that is no anchor, `Unavailable` for the anchor of a newer keyward and
    /// for version 1, which was never released.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > MAX_LEN {
            return Err(Error::corrupt("is longer than an anchor"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| no_anchor())?;
        let (first, rest) = text.split_once('\n').ok_or_else(no_anchor)?;
        check_version(first)?;
        let mut pins = BTreeMap::new();
        for line in rest.split_terminator('\n') {
            let (name, pin) = read_line(line).ok_or_else(no_anchor)?;
            if pins.len() >= MAX_PINS {
                return Err(no_anchor());
            }
            pins.insert(name, pin);
        }
        let pins = Self(pins);
        // One text for one set: no other order or line ends, nothing twice, no signs or zeros in
        // front.
        if pins.0.is_empty() || pins.render() != text {
            return Err(no_anchor());
        }
        Ok(pins)
    }

    /// The text of an anchor that holds these pins.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = format!("{MAGIC}{VERSION}\n");
        for (name, pin) in &self.0 {
            let (id, digest) = (hex(&pin.id), hex(&pin.digest));
            text.push_str(&format!("{name} {id} {} {digest}\n", pin.counter));
        }
        text
    }

    /// What is pinned under `name`.
    #[must_use]
    pub fn find(&self, name: &PinName) -> Option<&Pin> {
        self.0.get(name)
    }

    /// The names, in the order of their bytes.
    pub fn names(&self) -> impl Iterator<Item = &PinName> {
        self.0.keys()
    }

    /// Pins `pin` under `name`, whatever was pinned there.
    ///
    /// # Errors
    /// `Misuse` beyond [`MAX_PINS`].
    pub fn set(&mut self, name: &PinName, pin: Pin) -> Result<()> {
        if self.0.len() >= MAX_PINS && !self.0.contains_key(name) {
            return Err(Error::misuse("an anchor holds at most 4096 pins"));
        }
        self.0.insert(name.clone(), pin);
        Ok(())
    }
}

fn no_anchor() -> Error {
    Error::corrupt("is not a keyward anchor")
}

fn check_version(first: &str) -> Result<()> {
    let digits = first.strip_prefix(MAGIC).ok_or_else(no_anchor)?;
    let version = digits.parse::<u32>().map_err(|_| no_anchor())?;
    if version == 0 || digits != version.to_string() {
        return Err(no_anchor());
    }
    match version {
        VERSION => Ok(()),
        1 => Err(Error::unavailable(
            "is of version 1, from before the first release: move it away with its home, and make the home anew",
        )),
        _ => Err(Error::unavailable(
            "was written by a newer keyward: upgrade this one",
        )),
    }
}

fn read_line(line: &str) -> Option<(PinName, Pin)> {
    let mut words = line.split(' ');
    let name = PinName::new(words.next()?).ok()?;
    let id = from_hex(words.next()?).ok()?;
    let counter = words.next()?.parse().ok()?;
    let digest = from_hex(words.next()?).ok()?;
    let pin = Pin {
        id,
        counter,
        digest,
    };
    words.next().is_none().then_some((name, pin))
}
