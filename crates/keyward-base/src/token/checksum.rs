//! The checksum at the end of some tokens: CRC-32 (ISO/IEC 3309; the one of zip and PNG) in six
//! digits of base 62, the highest first, as GitHub's tokens have it.
//!
//! It is computed bit by bit, since a table would be read at addresses that depend on the token.

/// Characters of it: 62^6 is more than 2^32.
pub(super) const LEN: usize = 6;

const POLYNOMIAL: u32 = 0xedb8_8320;

/// The checksum of the parts, one after the other.
pub(super) fn of(parts: &[&[u8]]) -> [u8; LEN] {
    let mut crc = u32::MAX;
    for byte in parts.iter().copied().flatten() {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let mask = (crc & 1).wrapping_neg();
            crc = (crc >> 1) ^ (POLYNOMIAL & mask);
        }
    }
    let mut left = !crc;
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
