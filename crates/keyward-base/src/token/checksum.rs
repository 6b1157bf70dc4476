//! The checksum at the end of some tokens: CRC-32 (ISO/IEC 3309; the one of zip and PNG) in six
//! digits of base 62, the highest first, as GitHub's tokens have it.
//!
//! A table that is read by what stands in the token would be read at addresses that depend on a
//! secret. So here it is read by where in the token a bit stands: CRC is linear, and each bit that is
//! set adds what it would add alone. All bits are looked at, and none waits for another.

use crate::token::MAX_TOKEN_LEN;

/// Characters of it: 62^6 is more than 2^32.
pub(super) const LEN: usize = 6;

const POLYNOMIAL: u32 = 0xedb8_8320;

/// What the register begins with, and what it is XORed with at the end.
const ONES: u32 = u32::MAX;

/// For each bit of a byte, the lowest first: what it adds where it stands, by how many bytes from the
/// front it would stand in the longest text.
static ADDS: [[u32; MAX_TOKEN_LEN]; 8] = adds();

#[allow(clippy::indexing_slicing)] // It is evaluated when it is compiled.
const fn adds() -> [[u32; MAX_TOKEN_LEN]; 8] {
    let mut all = [[0; MAX_TOKEN_LEN]; 8];
    let mut bit = 0;
    while bit < 8 {
        let mut crc = 1 << bit;
        let mut at = MAX_TOKEN_LEN;
        while let Some(before) = at.checked_sub(1) {
            crc = past_byte(crc);
            all[bit][before] = crc;
            at = before;
        }
        bit = bit.saturating_add(1);
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

/// What a part adds behind which so many bytes follow.
fn added_by(part: &[u8], follow: usize) -> u32 {
    let until = MAX_TOKEN_LEN.saturating_sub(follow);
    let from = until.saturating_sub(part.len());
    let mut crc = 0;
    for (bit, adds) in (0_u32..).zip(&ADDS) {
        let adds = adds.get(from..until).unwrap_or(&[]);
        for (byte, adds) in part.iter().zip(adds) {
            crc ^= adds & ((u32::from(*byte) >> bit) & 1).wrapping_neg();
        }
    }
    crc
}

/// The checksum of the parts, one after the other: together no longer than a token.
pub(super) fn of(parts: &[&[u8]]) -> [u8; LEN] {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    // The register begins with ones, which is as if the first four bytes were inverted.
    let ones = [u8::MAX; 4];
    let (front, beyond) = ones.split_at(ones.len().min(len));
    let mut crc = added_by(front, len.saturating_sub(front.len()));
    // Of a text without four bytes, some are there still.
    crc ^= beyond
        .iter()
        .fold(0, |ones, byte| (ones << 8) | u32::from(*byte));
    let mut follow = len;
    for part in parts {
        follow = follow.saturating_sub(part.len());
        crc ^= added_by(part, follow);
    }
    let mut left = crc ^ ONES;
    let mut out = [0; LEN];
    for to in out.iter_mut().rev() {
        *to = digit(left % 62);
        left /= 62;
    }
    out
}

/// Whether `sum` is that of the parts: all of it is compared.
pub(super) fn fits(parts: &[&[u8]], sum: &[u8; LEN]) -> bool {
    let differs = of(parts)
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
