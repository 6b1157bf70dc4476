//! Values as they lie in memory: under a random pad, so that none is found in a core dump by looking
//! for it.

use std::iter;

use keyward_base::{Result, SecretBytes};

/// Bytes of the pad.
const PAD_LEN: usize = 4096;

/// How far apart the beginnings of two values are in the pad, a prime: what lies under the same
/// bytes of it are values of which one could compute the difference.
const STEP: usize = 61;

/// Random bytes. Whoever has them and what lies under them has the values.
pub(super) struct Pad(SecretBytes);

impl Pad {
    pub(super) fn new(random: impl FnOnce(&mut [u8]) -> Result<()>) -> Result<Self> {
        let mut pad = SecretBytes::new(vec![0; PAD_LEN]);
        random(pad.expose_mut())?;
        Ok(Self(pad))
    }

    /// Parts of the pad from `at` on, over and over, with those of `bytes` that lie under them.
    fn over<'a>(
        &'a self,
        bytes: &'a [u8],
        at: usize,
    ) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let pad = self.0.expose();
        let first = pad.get(at..).unwrap_or_default();
        let (begin, rest) = bytes.split_at_checked(first.len()).unwrap_or((bytes, &[]));
        let parts = iter::once(begin).chain(rest.chunks(PAD_LEN));
        parts.zip(iter::once(first).chain(iter::repeat(pad)))
    }
}

/// A value under the pad.
pub(super) struct Hidden {
    bytes: Vec<u8>,
    at: usize,
}

impl Hidden {
    /// Hides `value` at a place of the pad that depends on `number`.
    pub(super) fn new(value: &[u8], number: u32, pad: &Pad) -> Self {
        let place = usize::try_from(number)
            .unwrap_or_default()
            .wrapping_mul(STEP);
        let at = place % PAD_LEN;
        let mut bytes = Vec::with_capacity(value.len());
        for (part, key) in pad.over(value, at) {
            bytes.extend(part.iter().zip(key).map(|(byte, key)| byte ^ key));
        }
        Self { bytes, at }
    }

    /// Whether it is `value`. How long that takes depends on the lengths alone.
    pub(super) fn is(&self, value: &[u8], pad: &Pad) -> bool {
        if self.bytes.len() != value.len() {
            return false;
        }
        let mut differs = 0;
        let mut rest = value;
        for (part, key) in pad.over(&self.bytes, self.at) {
            let (given, behind) = rest.split_at_checked(part.len()).unwrap_or((rest, &[]));
            rest = behind;
            let hidden = part.iter().zip(key).map(|(byte, key)| byte ^ key);
            differs = hidden.zip(given).fold(differs, |all, (a, b)| all | (a ^ b));
        }
        differs == 0
    }
    /// A copy of the value.
    pub(super) fn reveal(&self, pad: &Pad) -> SecretBytes {
        let mut value = SecretBytes::new(Vec::with_capacity(self.bytes.len()));
        for (part, key) in pad.over(&self.bytes, self.at) {
            for (byte, key) in part.iter().zip(key) {
                value.push(&[byte ^ key]);
            }
        }
        value
    }
}
