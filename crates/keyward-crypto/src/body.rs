//! The sealed body: C2SP chunked encryption (<https://c2sp.org/chunked-encryption>) with
//! AES-256-GCM, and SHA-512 or SHA-256 as the key's suite says.
//!
//! `salt(24) | commitment(32) | chunks`. Each message has a key, a base nonce and a commitment of
//! its own, derived from the input key, a random salt and the whole context. Chunks are 16 KiB;
//! the last is shorter and may be empty. The commitment is compared before anything is decrypted.

use std::fmt;

use keyward_base::wipe::{wipe, with_stack_wiped};
use keyward_base::{Encoded, Error, Reason, Result, SecretArray, SecretBytes, Suite};

use crate::aead::{AeadKey, Failed, TAG_LEN};
use crate::kdf::{EXPANDED_LEN, Prk};
use crate::provider::Provider;

/// Bytes of the random salt.
pub const SALT_LEN: usize = 24;
/// Bytes of the commitment.
pub const COMMITMENT_LEN: usize = 32;
/// Bytes of plaintext in every chunk but the last.
pub const CHUNK_LEN: usize = 16 * 1024;
/// Bytes that precede the first chunk.
pub const PREFIX_LEN: usize = SALT_LEN + COMMITMENT_LEN;

const SEALED_CHUNK_LEN: usize = CHUNK_LEN + TAG_LEN;
const INFO: &[u8] = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0";
const DERIVE_INFO: &[u8] = b"keyward/v1/derive\0";

/// How many bytes the body of a message of `plaintext_len` bytes has; `None` beyond `usize`.
#[must_use]
pub const fn body_len(plaintext_len: usize) -> Option<usize> {
    #[allow(clippy::arithmetic_side_effects)] // A division by a constant, and one less than usize.
    let chunks = plaintext_len / CHUNK_LEN + 1;
    let Some(tags) = chunks.checked_mul(TAG_LEN) else {
        return None;
    };
    let Some(sealed) = plaintext_len.checked_add(tags) else {
        return None;
    };
    sealed.checked_add(PREFIX_LEN)
}

/// How many bytes of plaintext a body of `body_len` bytes has; `None` if no message has that
/// length, or its last chunk is missing.
#[must_use]
pub const fn plaintext_len(body_len: usize) -> Option<usize> {
    let Some(chunks) = body_len.checked_sub(PREFIX_LEN) else {
        return None;
    };
    #[allow(clippy::arithmetic_side_effects)] // Divisions by a constant that is not zero.
    let (full, last) = (chunks / SEALED_CHUNK_LEN, chunks % SEALED_CHUNK_LEN);
    let Some(last) = last.checked_sub(TAG_LEN) else {
        return None;
    };
    let Some(full) = full.checked_mul(CHUNK_LEN) else {
        return None;
    };
    full.checked_add(last)
}

/// An input key of the construction: the pads of its suite's HMAC, wiped on drop. A key uses one
/// hash for everything: bodies and what is derived from it.
///
/// Sealing under one key has no practical limit: 2^77 messages by the construction's own bound.
pub struct BodyKey {
    prk: Prk,
    provider: Provider,
}

impl BodyKey {
    /// Takes over a copy of `key`, which must be uniformly random, for values of `suite`.
    ///
    /// # Errors
    /// `Unavailable` if the provider cannot take the key.
    pub fn new(provider: &Provider, suite: Suite, key: &SecretArray<32>) -> Result<Self> {
        let prk = with_stack_wiped(|| Prk::new(provider.hash(), suite, key.expose()))
            .ok_or_else(|| Error::unavailable("the provider cannot take the key"))?;
        Ok(Self {
            prk,
            provider: *provider,
        })
    }

    /// Appends the body of `plaintext` to `out`. On failure `out` is as it was.
    ///
    /// # Errors
    /// `Misuse` for a length beyond `usize`, `Unavailable` without randomness.
    pub fn seal(&self, context: &Encoded, plaintext: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.seal_under(context.as_bytes(), plaintext, out)
    }

    /// [`BodyKey::seal`], for any bytes as the context.
    pub(crate) fn seal_under(
        &self,
        context: &[u8],
        plaintext: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let start = out.len();
        let result = self.append(context, plaintext, out);
        if result.is_err() {
            if let Some(written) = out.get_mut(start..) {
                wipe(written);
            }
            out.truncate(start);
        }
        result
    }

    fn append(&self, context: &[u8], plaintext: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let len = body_len(plaintext.len())
            .ok_or_else(|| Error::misuse("the plaintext is longer than a body can be"))?;
        out.reserve_exact(len);
        let mut salt = [0; SALT_LEN];
        self.provider.fill(&mut salt)?;
        out.extend_from_slice(&salt);
        with_stack_wiped(|| {
            let mut keys = MessageKeys::derive(&self.prk, &salt, context);
            out.extend_from_slice(keys.commitment());
            let sealed = self
                .provider
                .aead()
                .key(keys.key())
                .and_then(|key| seal_chunks(&key, &keys, plaintext, out));
            keys.wipe();
            sealed
        })
        .map_err(|_| Error::unavailable("the provider cannot encrypt"))
    }

    /// Opens a body into a buffer of its own.
    ///
    /// # Errors
    /// As [`BodyKey::open_in_place`].
    pub fn open(&self, context: &Encoded, body: &[u8]) -> Result<SecretBytes> {
        self.open_under(context.as_bytes(), body)
    }

    /// [`BodyKey::open`], for any bytes as the context. Each chunk is copied without its tag and opened
    /// where it stays: half the copying of opening in place.
    pub(crate) fn open_under(&self, context: &[u8], body: &[u8]) -> Result<SecretBytes> {
        let len = plaintext_len(body.len()).ok_or_else(malformed)?;
        let (salt, rest) = body.split_first_chunk::<SALT_LEN>().ok_or_else(malformed)?;
        let (commitment, chunks) = rest
            .split_first_chunk::<COMMITMENT_LEN>()
            .ok_or_else(malformed)?;
        // From here on it may hold plaintext: whatever happens, it is wiped.
        let mut held = SecretBytes::new(Vec::with_capacity(len));
        self.with_message_key(salt, context, commitment, |key, keys| {
            for (number, chunk) in (0_u64..).zip(chunks.chunks(SEALED_CHUNK_LEN)) {
                let (data, tag) = chunk.split_last_chunk::<TAG_LEN>().ok_or(Failed)?;
                let start = held.len();
                held.push(data);
                let data = held.expose_mut().get_mut(start..).unwrap_or_default();
                key.open(keys.nonce(number), &[], data, 0, tag)?;
            }
            Ok(())
        })?;
        Ok(held)
    }

    /// Runs `open` with the message key, if the commitment is right.
    fn with_message_key(
        &self,
        salt: &[u8; SALT_LEN],
        context: &[u8],
        commitment: &[u8; COMMITMENT_LEN],
        open: impl FnOnce(&AeadKey, &MessageKeys) -> Result<(), Failed>,
    ) -> Result<()> {
        with_stack_wiped(|| {
            let mut keys = MessageKeys::derive(&self.prk, salt, context);
            let opened = if crate::equal(keys.commitment(), commitment) {
                let key = self.provider.aead().key(keys.key());
                key.and_then(|key| open(&key, &keys)).map_err(|_| damaged())
            } else {
                Err(Error::rejected(Reason::NOT_AUTHENTIC))
            };
            keys.wipe();
            opened
        })
    }

    /// Opens the body that begins at `start` of `buffer`, in that buffer.
    ///
    /// # Errors
    /// `Rejected` with [`Reason::MALFORMED`] for a length that no message has or with
    /// [`Reason::NOT_AUTHENTIC`] if the commitment is wrong; `Corrupt` with [`Reason::DAMAGED`] if
    /// the commitment is right and a chunk is not.
    pub fn open_in_place(
        &self,
        context: &Encoded,
        buffer: Vec<u8>,
        start: usize,
    ) -> Result<SecretBytes> {
        // From here on the buffer may hold plaintext: whatever happens, it is wiped.
        let mut held = SecretBytes::new(buffer);
        let body = held.expose_mut().get_mut(start..).unwrap_or_default();
        let len = plaintext_len(body.len()).ok_or_else(malformed)?;
        let (salt, rest) = body
            .split_first_chunk_mut::<SALT_LEN>()
            .ok_or_else(malformed)?;
        let (commitment, chunks) = rest
            .split_first_chunk_mut::<COMMITMENT_LEN>()
            .ok_or_else(malformed)?;
        self.with_message_key(salt, context.as_bytes(), commitment, |key, keys| {
            open_chunks(key, keys, chunks)
        })?;
        held.narrow(start.saturating_add(PREFIX_LEN), len);
        Ok(held)
    }

    /// Checks the commitment alone: the key, the salt and the whole context are right. Nothing is
    /// decrypted, and damage to a chunk is not seen.
    ///
    /// # Errors
    /// As [`BodyKey::open_in_place`], but for `Corrupt`.
    pub fn verify(&self, context: &Encoded, body: &[u8]) -> Result<()> {
        plaintext_len(body.len()).ok_or_else(malformed)?;
        let (salt, rest) = body.split_first_chunk::<SALT_LEN>().ok_or_else(malformed)?;
        let (commitment, _) = rest
            .split_first_chunk::<COMMITMENT_LEN>()
            .ok_or_else(malformed)?;
        let right = self.prk.with_stack_wiped(|| {
            let mut keys = MessageKeys::derive(&self.prk, salt, context.as_bytes());
            let right = crate::equal(keys.commitment(), commitment);
            keys.wipe();
            right
        });
        if right {
            Ok(())
        } else {
            Err(Error::rejected(Reason::NOT_AUTHENTIC))
        }
    }

    /// A further key, by HKDF-Expand with the suite's hash over `keyward/v1/derive`, `0x00`, the length of
    /// `label` as one byte, `label` and `context`. No body key of the construction can equal it:
    /// the two begin differently.
    ///
    /// # Errors
    /// `Misuse` for a label longer than 255 bytes.
    pub fn derive(&self, label: &str, context: &Encoded) -> Result<SecretArray<32>> {
        let len = u8::try_from(label.len())
            .map_err(|_| Error::misuse("a label has at most 255 bytes"))?;
        SecretArray::try_init(|out| {
            self.prk.with_stack_wiped(|| {
                let mut okm = [0; EXPANDED_LEN];
                let info = [DERIVE_INFO, &[len], label.as_bytes(), context.as_bytes()];
                self.prk.expand(info, &mut okm);
                out.iter_mut().zip(&okm).for_each(|(to, from)| *to = *from);
                wipe(&mut okm);
            });
            Ok(())
        })
    }
}

impl fmt::Debug for BodyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BodyKey(..)")
    }
}

/// `key(32) | base nonce(12) | commitment(32)`, the first 76 bytes of the expansion.
struct MessageKeys {
    key: [u8; 32],
    nonce: [u8; 12],
    commitment: [u8; COMMITMENT_LEN],
}

impl MessageKeys {
    fn derive(prk: &Prk, salt: &[u8; SALT_LEN], context: &[u8]) -> Self {
        let mut okm = [0; EXPANDED_LEN];
        prk.expand([INFO, salt, context, &[]], &mut okm);
        let mut from = okm.iter().copied();
        let keys = Self {
            key: take(&mut from),
            nonce: take(&mut from),
            commitment: take(&mut from),
        };
        wipe(&mut okm);
        keys
    }

    const fn key(&self) -> &[u8; 32] {
        &self.key
    }

    const fn commitment(&self) -> &[u8; COMMITMENT_LEN] {
        &self.commitment
    }

    /// The base nonce XOR the chunk's number as a big-endian integer of 12 bytes.
    fn nonce(&self, chunk: u64) -> [u8; 12] {
        let mut nonce = self.nonce;
        nonce
            .iter_mut()
            .skip(4)
            .zip(chunk.to_be_bytes())
            .for_each(|(to, from)| *to ^= from);
        nonce
    }

    fn wipe(&mut self) {
        wipe(&mut self.key);
        wipe(&mut self.nonce);
        wipe(&mut self.commitment);
    }
}

/// The next `N` bytes.
fn take<const N: usize>(from: &mut impl Iterator<Item = u8>) -> [u8; N] {
    let mut out = [0; N];
    out.iter_mut().zip(from).for_each(|(to, from)| *to = from);
    out
}

fn seal_chunks(
    key: &AeadKey,
    keys: &MessageKeys,
    plaintext: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Failed> {
    let (full, last) = plaintext.as_chunks::<CHUNK_LEN>();
    let full = full.iter().map(<[u8; CHUNK_LEN]>::as_slice);
    for (number, chunk) in (0_u64..).zip(full.chain([last])) {
        let start = out.len();
        out.extend_from_slice(chunk);
        let tag = key.seal(
            keys.nonce(number),
            &[],
            out.get_mut(start..).unwrap_or_default(),
        )?;
        out.extend_from_slice(&tag);
    }
    Ok(())
}

/// Opens every chunk and closes the gaps that the tags leave.
fn open_chunks(key: &AeadKey, keys: &MessageKeys, chunks: &mut [u8]) -> Result<(), Failed> {
    let mut front = chunks;
    let mut gap = 0_usize;
    let mut number = 0_u64;
    // `front` begins where the next plaintext goes, its chunk `gap` bytes further on.
    while front.len() > gap {
        let end = gap.saturating_add(SEALED_CHUNK_LEN).min(front.len());
        let (chunk, _) = front.split_at_mut(end);
        let (data, tag) = chunk.split_last_chunk_mut::<TAG_LEN>().ok_or(Failed)?;
        let len = data.len().checked_sub(gap).ok_or(Failed)?;
        key.open(keys.nonce(number), &[], data, gap, tag)?;
        front = front.get_mut(len..).unwrap_or_default();
        gap = gap.saturating_add(TAG_LEN);
        number = number.saturating_add(1);
    }
    Ok(())
}

fn malformed() -> Error {
    Error::rejected(Reason::MALFORMED)
}

fn damaged() -> Error {
    Error::corrupt("a sealed value is damaged").because(Reason::DAMAGED)
}
