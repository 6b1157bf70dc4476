//! The signatures that a header holds, before anything is known of a secret.

use keyward_base::{Error, Result};
use keyward_crypto::hmac::{HmacHash, HmacTag};

use crate::reason;
use crate::scheme::{Encoding, HmacProof, List};

/// The most signatures of one request: twice as many as secrets that may be tried.
pub(crate) const MAX_TAGS: usize = 16;

/// What a signature header said.
#[derive(Debug)]
pub(crate) struct Candidates<'h> {
    first: HmacTag,
    others: [&'h [u8]; MAX_TAGS - 1],
    count: usize,
    form: (HmacHash, Encoding),
    /// The time, where the list holds it.
    pub(crate) time: Option<&'h [u8]>,
}

impl<'h> Candidates<'h> {
    /// Reads a header as the scheme says.
    pub(crate) fn read(proof: &HmacProof, value: &'h [u8]) -> Result<Self> {
        let form = (proof.hash, proof.encoding);
        match &proof.list {
            List::One { prefix } => {
                let tag = value
                    .strip_prefix(prefix.as_bytes())
                    .and_then(|text| decode(form, text))
                    .ok_or_else(|| Error::rejected(reason::BAD_SIGNATURE))?;
                Ok(Self {
                    first: tag,
                    others: [&[]; MAX_TAGS - 1],
                    count: 0,
                    form,
                    time: None,
                })
            }
            List::Pairs { time, tag } => {
                let mut found = Found::new(form);
                let mut at = None;
                for pair in value.split(|byte| *byte == b',') {
                    let (name, text) =
                        cut(pair, b'=').ok_or_else(|| Error::rejected(reason::BAD_SIGNATURE))?;
                    if name == tag.as_bytes() {
                        found.push(text)?;
                    } else if time.as_ref().is_some_and(|time| name == time.as_bytes())
                        && at.replace(text).is_some_and(|before| before != text)
                    {
                        return Err(Error::rejected(reason::AMBIGUOUS_HEADER));
                    }
                }
                found.end(at)
            }
            List::Versions { version } => {
                let mut found = Found::new(form);
                for entry in value.split(|byte| *byte == b' ') {
                    if let Some((name, text)) = cut(entry, b',')
                        && name == version.as_bytes()
                    {
                        found.push(text)?;
                    }
                }
                found.end(None)
            }
        }
    }

    /// The tags, decoded.
    pub(crate) fn tags(&self) -> impl Iterator<Item = HmacTag> + '_ {
        let others = self.others.get(..self.count).unwrap_or_default();
        std::iter::once(self.first.clone())
            .chain(others.iter().filter_map(|text| decode(self.form, text)))
    }
}

/// Signatures as they are met.
struct Found<'h> {
    first: Option<HmacTag>,
    others: [&'h [u8]; MAX_TAGS - 1],
    count: usize,
    seen: usize,
    form: (HmacHash, Encoding),
}

impl<'h> Found<'h> {
    const fn new(form: (HmacHash, Encoding)) -> Self {
        Self {
            first: None,
            others: [&[]; MAX_TAGS - 1],
            count: 0,
            seen: 0,
            form,
        }
    }

    /// One that is no tag is passed over, as providers' libraries do, but counts.
    fn push(&mut self, text: &'h [u8]) -> Result<()> {
        self.seen = self.seen.saturating_add(1);
        if self.seen > MAX_TAGS {
            return Err(Error::rejected(reason::TOO_MANY_SIGNATURES));
        }
        let Some(tag) = decode(self.form, text) else {
            return Ok(());
        };
        if self.first.is_none() {
            self.first = Some(tag);
        } else if let Some(room) = self.others.get_mut(self.count) {
            *room = text;
            self.count = self.count.saturating_add(1);
        }
        Ok(())
    }

    fn end(self, time: Option<&'h [u8]>) -> Result<Candidates<'h>> {
        let missing = match self.seen {
            0 => reason::NO_SIGNATURE,
            _ => reason::BAD_SIGNATURE,
        };
        Ok(Candidates {
            first: self.first.ok_or_else(|| Error::rejected(missing))?,
            others: self.others,
            count: self.count,
            form: self.form,
            time,
        })
    }
}

fn cut(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == at)?;
    let (front, back) = text.split_at_checked(at)?;
    Some((front, back.get(1..)?))
}

fn decode((hash, encoding): (HmacHash, Encoding), text: &[u8]) -> Option<HmacTag> {
    // Twice the longest tag; longer text is none.
    let mut lower = [0; 2 * 64];
    let text = match encoding {
        Encoding::Base64 => text,
        Encoding::Hex => {
            let lower = lower.get_mut(..text.len())?;
            lower.copy_from_slice(text);
            lower.make_ascii_lowercase();
            lower
        }
    };
    let text = str::from_utf8(text).ok()?;
    match encoding {
        Encoding::Base64 => HmacTag::from_base64(hash, text).ok(),
        Encoding::Hex => HmacTag::from_hex(hash, text).ok(),
    }
}
