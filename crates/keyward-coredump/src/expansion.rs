//! What a key turns into. Written apart from `keyward-crypto`, from the standards.

use aes_gcm::aes::Aes256;
use aes_gcm::aes::cipher::{Array, BlockCipherEncrypt as _, KeyInit as _};
use hmac::{Hmac, Mac as _};
use sha2::block_api::{compress256, compress512};
use sha2::{Digest as _, Sha256, Sha512};

/// A piece of key material and what it is called in a report.
pub type Piece = (&'static str, Vec<u8>);

/// What HMAC-SHA-512 makes of a key of 32 bytes: both pads, as far as the key goes, and both
/// midstates (RFC 2104; FIPS 180-4 section 5.3.5 for the initial state).
#[must_use]
pub fn hmac512(key: &[u8; 32]) -> Vec<Piece> {
    const START: [u64; 8] = [
        0x6a09_e667_f3bc_c908,
        0xbb67_ae85_84ca_a73b,
        0x3c6e_f372_fe94_f82b,
        0xa54f_f53a_5f1d_36f1,
        0x510e_527f_ade6_82d1,
        0x9b05_688c_2b3e_6c1f,
        0x1f83_d9ab_fb41_bd6b,
        0x5be0_cd19_137e_2179,
    ];
    let state = |pad: u8| {
        let mut block = [pad; 128];
        block.iter_mut().zip(key).for_each(|(to, from)| *to ^= from);
        let mut state = START;
        compress512(&mut state, &[block]);
        state
    };
    let mut pieces = pads(key);
    for (name, pad) in [("midstate", 0x36), ("midstate", 0x5c)] {
        let words = state(pad);
        pieces.push((name, words.iter().flat_map(|w| w.to_le_bytes()).collect()));
        pieces.push((name, words.iter().flat_map(|w| w.to_be_bytes()).collect()));
    }
    pieces
}

/// The same for HMAC-SHA-256 (FIPS 180-4 section 5.3.3).
#[must_use]
pub fn hmac256(key: &[u8; 32]) -> Vec<Piece> {
    const START: [u32; 8] = [
        0x6a09_e667,
        0xbb67_ae85,
        0x3c6e_f372,
        0xa54f_f53a,
        0x510e_527f,
        0x9b05_688c,
        0x1f83_d9ab,
        0x5be0_cd19,
    ];
    let state = |pad: u8| {
        let mut block = [pad; 64];
        block.iter_mut().zip(key).for_each(|(to, from)| *to ^= from);
        let mut state = START;
        compress256(&mut state, &[block]);
        state
    };
    let mut pieces = pads(key);
    for pad in [0x36, 0x5c] {
        let words = state(pad);
        pieces.push((
            "midstate",
            words.iter().flat_map(|w| w.to_le_bytes()).collect(),
        ));
        pieces.push((
            "midstate",
            words.iter().flat_map(|w| w.to_be_bytes()).collect(),
        ));
    }
    pieces
}

fn pads(key: &[u8; 32]) -> Vec<Piece> {
    let pad = |with: u8| key.iter().map(|b| b ^ with).collect();
    vec![
        ("key", key.to_vec()),
        ("pad", pad(0x36)),
        ("pad", pad(0x5c)),
    ]
}

/// The expansion of one message: key, base nonce, and the commitment, which is public.
#[derive(Debug)]
#[allow(clippy::exhaustive_structs)] // The construction has just these.
pub struct Message {
    /// The key of AES-256-GCM.
    pub key: [u8; 32],
    /// The nonce of its first chunk.
    pub nonce: [u8; 12],
    /// Stands in the sealed body.
    pub commitment: [u8; 32],
    /// What is left of the last block, of no use.
    pub rest: Vec<u8>,
}

/// HKDF-Expand (RFC 5869 section 2.3) with the hash of `suite`: two blocks of SHA-512 for 1, or three
/// of SHA-256 for 2.
#[must_use]
pub fn expand(suite: u8, key: &[u8; 32], info: &[&[u8]]) -> Vec<u8> {
    let block = |before: &[u8], number: u8| -> Vec<u8> {
        let last = [number];
        let parts = [&[before], info, &[&last[..]]].concat();
        match suite {
            1 => {
                let mut mac = Hmac::<Sha512>::new_from_slice(key).expect("any length is a key");
                parts.iter().for_each(|part| mac.update(part));
                mac.finalize().into_bytes().to_vec()
            }
            _ => {
                let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
                parts.iter().for_each(|part| mac.update(part));
                mac.finalize().into_bytes().to_vec()
            }
        }
    };
    let first = block(&[], 1);
    let second = block(&first, 2);
    let third = if suite == 1 {
        Vec::new()
    } else {
        block(&second, 3)
    };
    [first, second, third].concat()
}

/// What the chunked construction derives for one message.
#[must_use]
pub fn message(suite: u8, key: &[u8; 32], salt: &[u8], context: &[u8], info: &[u8]) -> Message {
    let all = expand(suite, key, &[info, salt, context]);
    Message {
        key: all[..32].try_into().expect("32 bytes"),
        nonce: all[32..44].try_into().expect("12 bytes"),
        commitment: all[44..76].try_into().expect("32 bytes"),
        rest: all[76..].to_vec(),
    }
}

/// What a seed of Ed25519 becomes (RFC 8032 section 5.1.5 and 5.1.6): the hash's two halves, the
/// scalar, and the number that each signature of `messages` is made with, before and after it is
/// reduced: whoever has one of those and the signature has the key.
#[must_use]
pub fn ed25519(seed: &[u8; 32], messages: &[Vec<u8>]) -> Vec<Piece> {
    let hash = Sha512::digest(seed);
    let (low, prefix) = hash.split_at(32);
    let mut scalar = low.to_vec();
    scalar[0] &= 248;
    scalar[31] = (scalar[31] & 63) | 64;
    let mut pieces = vec![
        ("seed", seed.to_vec()),
        ("seed's hash", low.to_vec()),
        ("scalar", scalar),
        ("prefix", prefix.to_vec()),
    ];
    for message in messages {
        let nonce = Sha512::digest([prefix, message].concat());
        pieces.push(("signature's number", nonce.to_vec()));
        pieces.push(("signature's number, reduced", reduce(&nonce)));
    }
    pieces
}

/// A number of 64 bytes, little-endian, modulo the order of the group (RFC 8032 section 5.1): bit
/// by bit, doubling and subtracting.
fn reduce(number: &[u8]) -> Vec<u8> {
    const ORDER: [u64; 4] = [
        0x5812_631a_5cf5_d3ed,
        0x14de_f9de_a2f7_9cd6,
        0,
        0x1000_0000_0000_0000,
    ];
    let mut rest = [0_u64; 4];
    for at in (0..512).rev() {
        let bit = u64::from(number[at / 8] >> (at % 8)) & 1;
        for word in (1..4).rev() {
            rest[word] = (rest[word] << 1) | (rest[word - 1] >> 63);
        }
        rest[0] = (rest[0] << 1) | bit;
        if rest.iter().rev().ge(ORDER.iter().rev()) {
            let mut borrow = false;
            for (word, less) in rest.iter_mut().zip(ORDER) {
                let (some, one) = word.overflowing_sub(less);
                let (all, other) = some.overflowing_sub(u64::from(borrow));
                (*word, borrow) = (all, one || other);
            }
        }
    }
    rest.iter().flat_map(|word| word.to_le_bytes()).collect()
}

impl Message {
    /// All that AES-256-GCM makes of it: both key schedules (FIPS 197 sections 5.2 and 5.3.5) and
    /// the key of GHASH.
    #[must_use]
    pub fn pieces(&self) -> Vec<Piece> {
        let schedule = schedule(&self.key);
        let inverse: Vec<u8> = schedule.chunks(16).flat_map(inverse_mix).collect();
        let mut hash_key = Array::from([0; 16]);
        Aes256::new(&Array::from(self.key)).encrypt_block(&mut hash_key);
        let reversed = hash_key.iter().rev().copied().collect();
        vec![
            ("message key", [self.key.as_slice(), &self.nonce].concat()),
            ("message expansion", self.rest.clone()),
            ("key schedule", schedule),
            ("key schedule", inverse),
            ("hash key", hash_key.to_vec()),
            ("hash key", reversed),
        ]
    }
}

/// Multiplication in GF(2^8) modulo `x^8 + x^4 + x^3 + x + 1`.
fn times(a: u8, b: u8) -> u8 {
    (0..8).rev().fold(0, |product: u8, bit| {
        let doubled = (product << 1) ^ (if product & 0x80 == 0 { 0 } else { 0x1b });
        doubled ^ (if (b >> bit) & 1 == 0 { 0 } else { a })
    })
}

fn substitute(byte: u8) -> u8 {
    let inverse = (1..=255).find(|c| times(byte, *c) == 1).unwrap_or(0);
    (0..5).fold(0x63, |sum, by| sum ^ inverse.rotate_left(by))
}

/// The 15 round keys of AES-256, 240 bytes.
#[must_use]
pub fn schedule(key: &[u8; 32]) -> Vec<u8> {
    let mut words: Vec<[u8; 4]> = key.as_chunks().0.to_vec();
    let mut round: u8 = 1;
    for at in 8..60 {
        let mut word = words[at - 1];
        if at % 8 == 0 {
            word.rotate_left(1);
            word = word.map(substitute);
            word[0] ^= round;
            round = times(round, 2);
        } else if at % 8 == 4 {
            word = word.map(substitute);
        }
        let before = words[at - 8];
        words.push([0, 1, 2, 3].map(|i| word[i] ^ before[i]));
    }
    words.concat()
}

/// `InvMixColumns` of one round key, as decryption by hardware keeps it.
fn inverse_mix(round_key: &[u8]) -> Vec<u8> {
    const ROW: [u8; 4] = [14, 11, 13, 9];
    round_key
        .chunks(4)
        .flat_map(|column| {
            (0..4).map(move |row| {
                (0..4).fold(0, |sum, at| {
                    sum ^ times(column[at], ROW[(at + 4 - row) % 4])
                })
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::schedule;

    #[test]
    fn the_schedule_is_that_of_fips_197_appendix_a_3() {
        let key: [u8; 32] = [
            0x60, 0x3d, 0xeb, 0x10, 0x15, 0xca, 0x71, 0xbe, 0x2b, 0x73, 0xae, 0xf0, 0x85, 0x7d,
            0x77, 0x81, 0x1f, 0x35, 0x2c, 0x07, 0x3b, 0x61, 0x08, 0xd7, 0x2d, 0x98, 0x10, 0xa3,
            0x09, 0x14, 0xdf, 0xf4,
        ];
        let keys = schedule(&key);
        assert_eq!(keys.len(), 240);
        assert_eq!(keys[32..36], [0x9b, 0xa3, 0x54, 0x11]);
        assert_eq!(keys[236..], [0x70, 0x6c, 0x63, 0x1e]);
    }
}
