//! The sealed text value: `kw1.` and base64url of
//! `suite(1) | key id(8) | hint length(1) | hint | body`. See `docs/formats/sealed.md`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyward_base::hint::MAX_HINT_LEN;
use keyward_base::key_tag::SEALED_PREFIX;
use keyward_base::{Encoded, Error, Hint, KeyId, Reason, Result, SecretBytes, Suite};

use crate::body::{self, BodyKey, body_len};

/// The most bytes of plaintext in one sealed text value. Larger things are streams.
pub const MAX_PLAINTEXT: usize = 1024 * 1024;

/// Bytes of a header without a hint.
const FIXED_LEN: usize = 10;
const MAX_HEADER_LEN: usize = FIXED_LEN + MAX_HINT_LEN;

/// What stands in clear at the front of a sealed value. All of it is bound into the context.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // The format has just these.
pub struct Header {
    /// The suite that the body is sealed with.
    pub suite: Suite,
    /// The id of the tenant key that the body is sealed with.
    pub key: KeyId,
    /// The masked form of the value, for people.
    pub hint: Hint,
}

impl Header {
    /// The bytes of the header.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(MAX_HEADER_LEN);
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        let hint = self.hint.as_str().as_bytes();
        out.push(self.suite.to_byte());
        out.extend_from_slice(&self.key.to_bytes());
        out.push(u8::try_from(hint.len()).unwrap_or(u8::MAX)); // A hint has at most 32 bytes.
        out.extend_from_slice(hint);
    }

    /// Reads the header at the front of a sealed text value without decoding the rest. Nothing in
    /// it is verified.
    ///
    /// # Errors
    /// `Rejected` with [`Reason::MALFORMED`]; `Unavailable` for a suite that only a newer release
    /// knows.
    pub fn peek(text: &str) -> Result<Self> {
        let encoded = text.strip_prefix(SEALED_PREFIX).ok_or_else(malformed)?;
        let front = encoded.get(
            ..encoded
                .len()
                .min(MAX_HEADER_LEN.div_ceil(3).saturating_mul(4)),
        );
        // The body is longer than what is cut off here, so a whole header is never cut.
        let front = front
            .and_then(|f| f.get(..f.len() & !3))
            .ok_or_else(malformed)?;
        let bytes = URL_SAFE_NO_PAD.decode(front).map_err(|_| malformed())?;
        Self::parse(&bytes).map(|(header, _)| header)
    }

    /// Reads a header; returns it with its length in bytes.
    fn parse(bytes: &[u8]) -> Result<(Self, usize)> {
        let (suite, rest) = bytes.split_first().ok_or_else(malformed)?;
        let suite = Suite::from_byte(*suite)?;
        let (key, rest) = rest.split_first_chunk::<8>().ok_or_else(malformed)?;
        let (hint_len, rest) = rest.split_first().ok_or_else(malformed)?;
        let hint = rest.get(..usize::from(*hint_len)).ok_or_else(malformed)?;
        let len = FIXED_LEN.saturating_add(hint.len());
        let header = Self {
            suite,
            key: KeyId::from_bytes(*key),
            hint: Hint::parse(hint)?,
        };
        Ok((header, len))
    }
}

/// A sealed value, decoded and read, not verified.
pub struct Parsed {
    header: Header,
    bytes: Vec<u8>,
    header_len: usize,
}

impl Parsed {
    /// Reads a sealed text value: canonical base64url, a known suite, a whole header, and a body
    /// of a length that some message of at most [`MAX_PLAINTEXT`] bytes has.
    ///
    /// # Errors
    /// `Rejected` with [`Reason::TOO_LONG`] or [`Reason::MALFORMED`]; `Unavailable` for a suite
    /// that only a newer release knows.
    pub fn parse(text: &str) -> Result<Self> {
        let encoded = text.strip_prefix(SEALED_PREFIX).ok_or_else(malformed)?;
        if encoded.len() > MAX_TEXT_LEN {
            return Err(Error::rejected(Reason::TOO_LONG));
        }
        // What is decoded here is public, so a table-driven decoder may do it.
        let bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| malformed())?;
        let (header, header_len) = Header::parse(&bytes)?;
        let body_len = bytes.len().saturating_sub(header_len);
        match body::plaintext_len(body_len) {
            Some(len) if len <= MAX_PLAINTEXT => Ok(Self {
                header,
                bytes,
                header_len,
            }),
            Some(_) => Err(Error::rejected(Reason::TOO_LONG)),
            None => Err(malformed()),
        }
    }

    /// What stands in clear. Not verified.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The bytes of the header, for the context.
    #[must_use]
    pub fn header_bytes(&self) -> &[u8] {
        self.bytes.get(..self.header_len).unwrap_or_default()
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.bytes.get(self.header_len..).unwrap_or_default()
    }

    /// How many bytes of plaintext the body holds.
    #[must_use]
    pub fn plaintext_len(&self) -> usize {
        body::plaintext_len(self.body().len()).unwrap_or_default()
    }

    /// Opens the value under `key` in the context that `context` makes of its header bytes.
    ///
    /// # Errors
    /// What `context` returns; otherwise as [`BodyKey::open_in_place`].
    pub fn open(
        self,
        key: &BodyKey,
        context: impl FnOnce(&[u8]) -> Result<Encoded>,
    ) -> Result<SecretBytes> {
        let context = context(self.header_bytes())?;
        key.open_in_place(&context, self.bytes, self.header_len)
    }

    /// Checks the commitment alone, decrypting nothing: header and context are authentic.
    ///
    /// # Errors
    /// What `context` returns; otherwise as [`BodyKey::verify`].
    pub fn verify(
        &self,
        key: &BodyKey,
        context: impl FnOnce(&[u8]) -> Result<Encoded>,
    ) -> Result<()> {
        key.verify(&context(self.header_bytes())?, self.body())
    }
}

impl fmt::Debug for Parsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parsed")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

/// The most base64url characters after `kw1.`.
const MAX_TEXT_LEN: usize = {
    let body = match body_len(MAX_PLAINTEXT) {
        Some(len) => len,
        None => 0,
    };
    #[allow(clippy::arithmetic_side_effects)] // Constants, far below usize.
    let len = (body + MAX_HEADER_LEN).div_ceil(3) * 4;
    len
};

/// Seals `plaintext` under `key` in the context that `context` makes of the header bytes, and
/// returns the text.
///
/// # Errors
/// `Misuse` beyond [`MAX_PLAINTEXT`] bytes; what `context` returns; otherwise as
/// [`BodyKey::seal`].
pub fn seal(
    key: &BodyKey,
    header: &Header,
    context: impl FnOnce(&[u8]) -> Result<Encoded>,
    plaintext: &[u8],
) -> Result<String> {
    if plaintext.len() > MAX_PLAINTEXT {
        return Err(Error::misuse("a sealed value holds at most 1048576 bytes"));
    }
    let body = body_len(plaintext.len()).unwrap_or_default();
    let len = FIXED_LEN
        .saturating_add(header.hint.as_str().len())
        .saturating_add(body);
    let text_len = base64::encoded_len(len, false)
        .unwrap_or_default()
        .saturating_add(SEALED_PREFIX.len());
    // One buffer for both: the bytes at its end, from where they are encoded to its front.
    let start = text_len.saturating_sub(len);
    let mut buffer = Vec::with_capacity(text_len);
    buffer.resize(start, 0);
    header.write(&mut buffer);
    let context = context(buffer.get(start..).unwrap_or_default())?;
    key.seal(&context, plaintext, &mut buffer)?;
    encode_to_front(&mut buffer, start)
        .and_then(|()| String::from_utf8(buffer).ok())
        .ok_or_else(|| Error::unavailable("the sealed value cannot be written as text"))
}

/// Writes the text of the bytes that begin at `start` to the front of `buffer`, which is exactly
/// as long as that text. A piece of 3/4 `PIECE` bytes gives `PIECE` characters and so gains a
/// quarter on what is yet to be read; the bytes begin as far back as all pieces together gain.
fn encode_to_front(buffer: &mut [u8], start: usize) -> Option<()> {
    const PIECE: usize = 1024;
    let (prefix, _) = buffer.split_at_mut_checked(SEALED_PREFIX.len())?;
    prefix.copy_from_slice(SEALED_PREFIX.as_bytes());
    let (mut from, mut to) = (start, SEALED_PREFIX.len());
    let mut piece = [0; PIECE / 4 * 3];
    while from < buffer.len() {
        let len = buffer.len().saturating_sub(from).min(piece.len());
        let bytes = piece.get_mut(..len)?;
        bytes.copy_from_slice(buffer.get(from..)?.get(..len)?);
        let written = URL_SAFE_NO_PAD
            .encode_slice(bytes, buffer.get_mut(to..)?)
            .ok()?;
        from = from.saturating_add(len);
        to = to.saturating_add(written);
    }
    (to == buffer.len()).then_some(())
}

fn malformed() -> Error {
    Error::rejected(Reason::MALFORMED)
}
