//! The checksum at the end of some tokens: CRC-32 (ISO/IEC 3309; the one of zip and PNG) in six
//! digits of base 62, the highest first, as GitHub's tokens have it.
//!
//! A table that is read by what stands in the token would be read at addresses that depend on a
//! secret. So here it is read by where in the token a bit stands: CRC is linear, and each bit that is
//! set adds what it would add alone. All bits are looked at, sixteen side by side.

use crate::token::MAX_TOKEN_LEN;

/// Characters of it: 62^6 is more than 2^32.
pub(super) const LEN: usize = 6;

const POLYNOMIAL: u32 = 0xedb8_8320;

/// Bytes that are looked at side by side.
const LANES: usize = 16;

/// What sixteen bytes add: for each of their bits, the highest first, and each byte of the checksum,
/// the lowest first.
type Adds = [[[u8; LANES]; 4]; 8];

/// By where in the longest text the sixteen stand.
static ADDS: [Adds; MAX_TOKEN_LEN / LANES] = adds();

/// The register behind so many zeros, which begins with ones.
static START: [u32; MAX_TOKEN_LEN + 1] = start();

#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // It is evaluated when it is compiled.
const fn adds() -> [Adds; MAX_TOKEN_LEN / LANES] {
    let mut all = [[[[0; LANES]; 4]; 8]; MAX_TOKEN_LEN / LANES];
    let mut bit = 0;
    while bit < 8 {
        let mut crc = 0x80 >> bit;
        let mut at = MAX_TOKEN_LEN;
        while at > 0 {
            at -= 1;
            crc = past_byte(crc);
            let bytes = crc.to_le_bytes();
            let mut byte = 0;
            while byte < 4 {
                all[at / LANES][bit][byte][at % LANES] = bytes[byte];
                byte += 1;
            }
        }
        bit += 1;
    }
    all
}

#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // As above.
const fn start() -> [u32; MAX_TOKEN_LEN + 1] {
    let mut all = [u32::MAX; MAX_TOKEN_LEN + 1];
    let mut len = 0;
    while len < MAX_TOKEN_LEN {
        all[len + 1] = past_byte(all[len]);
        len += 1;
    }
    all
}

/// The register after a byte of zeros.
const fn past_byte(mut crc: u32) -> u32 {
    let mut step = 0_u8;
    while step < 8 {
        let mask = (crc & 1).wrapping_neg();
        crc = (crc >> 1) ^ (POLYNOMIAL & mask);
        step = step.saturating_add(1);
    }
    crc
}

/// Adds what sixteen bytes add.
#[inline(always)]
fn add(mut bytes: [u8; LANES], adds: &Adds, to: &mut [[u8; LANES]; 4]) {
    for adds in adds {
        let is_set = bytes.map(|byte| (byte >> 7).wrapping_neg());
        for (to, adds) in to.iter_mut().zip(adds) {
            for ((to, adds), is_set) in to.iter_mut().zip(adds).zip(is_set) {
                *to ^= adds & is_set;
            }
        }
        bytes = bytes.map(|byte| byte << 1);
    }
}

/// The checksum of a text, which is no longer than a token.
fn crc(text: &[u8]) -> u32 {
    let (front, blocks) = text.as_rchunks();
    let mut sum = [[0; LANES]; 4];
    for (block, adds) in blocks.iter().rev().zip(ADDS.iter().rev()) {
        add(*block, adds, &mut sum);
    }
    // As if zeros were before it, which add nothing. No secret is in it: what stands at the front of a
    // token, up to the key that it names, is longer.
    if let Some(adds) = ADDS.iter().rev().nth(blocks.len()) {
        let mut block = [0; LANES];
        if let Some((_, end)) = block.split_at_mut_checked(LANES.saturating_sub(front.len())) {
            end.copy_from_slice(front);
        }
        add(block, adds, &mut sum);
    }
    let sum = sum.map(|lanes| lanes.iter().fold(0, |all, lane| all ^ lane));
    let start = START.get(text.len()).unwrap_or(&0);
    !(u32::from_le_bytes(sum) ^ start)
}

/// The checksum in digits.
pub(super) fn of(text: &[u8]) -> [u8; LEN] {
    let mut left = crc(text);
    let mut out = [0; LEN];
    for to in out.iter_mut().rev() {
        *to = digit(left % 62);
        left /= 62;
    }
    out
}

/// Whether `sum` is that of the text: all of it is compared.
pub(super) fn fits(text: &[u8], sum: &[u8; LEN]) -> bool {
    let differs = of(text)
        .iter()
        .zip(sum)
        .fold(0, |all, (a, b)| all | (a ^ b));
    differs == 0
}

/// `0` to `9`, `A` to `Z`, `a` to `z`, without a table: each step over a gap of ASCII is added by
/// a mask that is all ones beyond it.
fn digit(value: u32) -> u8 {
    let beyond = |last: u32, gap: u32| (last.wrapping_sub(value) >> 31).wrapping_neg() & gap;
    let code = value
        .wrapping_add(0x30)
        .wrapping_add(beyond(9, 7))
        .wrapping_add(beyond(35, 6));
    code.to_le_bytes()[0]
}
