//! The signatures that a header holds, before anything is known of a secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyward_base::{Error, Result};
use keyward_crypto::hmac::{HmacHash, HmacTag};

use crate::reason;
use crate::scheme::{Encoding, HmacProof, List};

/// The most signatures of one request: twice as many as secrets that are tried.
pub(crate) const MAX_TAGS: usize = 16;

/// What a signature header said: its first signature, and the text behind it, in which others of
/// the same form may be.
#[derive(Debug)]
pub(crate) struct Candidates<'h> {
    first: HmacTag,
    rest: Entries<'h>,
    /// The time, where the list holds it.
    pub(crate) time: Option<&'h [u8]>,
}

/// What a list holds, from somewhere on.
#[derive(Clone, Debug)]
struct Entries<'h> {
    list: &'h List,
    form: (HmacHash, Encoding),
    text: Option<&'h [u8]>,
}

enum Entry<'h> {
    Tag(&'h [u8]),
    Time(&'h [u8]),
    Other,
    /// Not of the form that the list has.
    Bad,
}

impl<'h> Candidates<'h> {
    /// Reads a header as the scheme says.
    pub(crate) fn read(proof: &'h HmacProof, value: &'h [u8]) -> Result<Self> {
        let form = (proof.hash, proof.encoding);
        let mut entries = Entries {
            list: &proof.list,
            form,
            text: Some(value),
        };
        let (mut seen, mut first, mut time) = (0_usize, None, None);
        while let Some(entry) = entries.next_entry() {
            match entry {
                Entry::Tag(text) => {
                    seen = seen.saturating_add(1);
                    if first.is_none()
                        && let Some(tag) = decode(form, text)
                    {
                        first = Some((tag, entries.clone()));
                    }
                }
                Entry::Time(text) => {
                    if time.replace(text).is_some_and(|before| before != text) {
                        return Err(Error::rejected(reason::AMBIGUOUS_HEADER));
                    }
                }
                Entry::Other => {}
                Entry::Bad => return Err(Error::rejected(reason::BAD_SIGNATURE)),
            }
        }
        match first {
            _ if seen > MAX_TAGS => Err(Error::rejected(reason::TOO_MANY_SIGNATURES)),
            Some((first, rest)) => Ok(Self { first, rest, time }),
            None if seen == 0 => Err(Error::rejected(reason::NO_SIGNATURE)),
            None => Err(Error::rejected(reason::BAD_SIGNATURE)),
        }
    }

    /// The tags, decoded. What is none is passed over, as providers' own libraries do: only if
    /// there is no other is the header refused.
    pub(crate) fn tags(&self) -> impl Iterator<Item = HmacTag> + '_ {
        let mut rest = self.rest.clone();
        let others = std::iter::from_fn(move || rest.next_tag());
        std::iter::once(self.first.clone()).chain(others)
    }
}

impl<'h> Entries<'h> {
    fn next_entry(&mut self) -> Option<Entry<'h>> {
        let (list, text) = (self.list, self.text?);
        let between = match list {
            List::One { prefix } => {
                self.text = None;
                let tag = text.strip_prefix(prefix.as_bytes());
                return Some(tag.map_or(Entry::Bad, Entry::Tag));
            }
            List::Pairs { .. } => b',',
            List::Versions { .. } => b' ',
        };
        let entry = match cut(text, between) {
            Some((entry, rest)) => {
                self.text = Some(rest);
                entry
            }
            None => self.text.take()?,
        };
        Some(match list {
            List::Pairs { time, tag } => match cut(entry, b'=') {
                Some((name, value)) if name == tag.as_bytes() => Entry::Tag(value),
                Some((name, value)) if time.as_ref().is_some_and(|t| name == t.as_bytes()) => {
                    Entry::Time(value)
                }
                Some(_) => Entry::Other,
                None => Entry::Bad,
            },
            List::Versions { version } => match cut(entry, b',') {
                Some((name, value)) if name == version.as_bytes() => Entry::Tag(value),
                _ => Entry::Other,
            },
            List::One { .. } => Entry::Other,
        })
    }

    fn next_tag(&mut self) -> Option<HmacTag> {
        while let Some(entry) = self.next_entry() {
            if let Entry::Tag(text) = entry
                && let Some(tag) = decode(self.form, text)
            {
                return Some(tag);
            }
        }
        None
    }
}

fn cut(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(at, text)?;
    let (front, back) = text.split_at_checked(at)?;
    Some((front, back.get(1..)?))
}

/// Not in constant time: it is what the sender sent. Allocates nothing, whatever it finds.
fn decode((hash, encoding): (HmacHash, Encoding), text: &[u8]) -> Option<HmacTag> {
    let mut bytes = [0; LONGEST];
    let len = match encoding {
        Encoding::Base64 => STANDARD.decode_slice(text, &mut bytes).ok()?,
        Encoding::Hex => from_hex(text, &mut bytes)?,
    };
    if len != hash.tag_len() {
        return None;
    }
    HmacTag::from_bytes(hash, bytes.get(..len)?).ok()
}

/// As many bytes as 88 digits of base64 could have, which 64 bytes are written in.
const LONGEST: usize = 66;

fn from_hex(text: &[u8], out: &mut [u8; LONGEST]) -> Option<usize> {
    let (pairs, []) = text.as_chunks::<2>() else {
        return None;
    };
    let room = out.get_mut(..pairs.len())?;
    let digit = |byte: &u8| DIGITS.get(usize::from(*byte)).copied().unwrap_or(NONE);
    let mut bad = 0;
    for (to, [high, low]) in room.iter_mut().zip(pairs) {
        let (high, low) = (digit(high), digit(low));
        bad |= high | low;
        *to = high << 4 | low;
    }
    (bad < 16).then_some(pairs.len())
}

/// What stands for no digit.
const NONE: u8 = 0xf0;

/// The values of hexadecimal digits, in either case.
const DIGITS: [u8; 256] = {
    let mut digits = [NONE; 256];
    let mut rest: &mut [u8] = &mut digits;
    let mut byte = 0_u8;
    while let Some((value, behind)) = rest.split_first_mut() {
        *value = match byte {
            b'0'..=b'9' => byte.wrapping_sub(b'0'),
            b'a'..=b'f' => byte.wrapping_sub(b'a' - 10),
            b'A'..=b'F' => byte.wrapping_sub(b'A' - 10),
            _ => NONE,
        };
        byte = byte.wrapping_add(1);
        rest = behind;
    }
    digits
};
