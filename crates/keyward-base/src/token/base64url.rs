//! base64url without padding (RFC 4648, section 5), read without a branch or an address that depends
//! on what is read. `base64ct`, by which tokens are written, reads one character after the other, which
//! was measured at half of what it takes to refuse a token; here sixteen are read side by side.

use crate::wipe::wipe;

/// Characters that are read at once, and the bytes that they are.
const CHARS: usize = 16;
const BYTES: usize = 12;

/// Writes to `out` what `text` says, and whether it is the one encoding of that: of its alphabet, of as
/// many bytes, and without a bit beyond them. All of it is read before that is judged.
pub(super) fn decode(text: &[u8], out: &mut [u8]) -> bool {
    if text.len() != out.len().saturating_mul(4).div_ceil(3) {
        return false;
    }
    let (blocks, rest) = text.as_chunks();
    let (to, end) = out.as_chunks_mut();
    let mut wrong = 0;
    for (block, to) in blocks.iter().zip(to) {
        wrong |= read(block, to);
    }
    // As if zeros followed, to which no bit of the last character may add.
    let mut block = [b'A'; CHARS];
    let mut bytes = [0; BYTES];
    if let Some(front) = block.get_mut(..rest.len()) {
        front.copy_from_slice(rest);
    }
    wrong |= read(&block, &mut bytes);
    let (last, beyond) = bytes.split_at(end.len());
    end.copy_from_slice(last);
    wrong |= beyond.iter().fold(0, |all, byte| all | byte);
    wipe(&mut block);
    wipe(&mut bytes);
    wrong == 0
}

/// Not zero if one of the characters is none of the alphabet.
#[inline(always)]
fn read(chars: &[u8; CHARS], to: &mut [u8; BYTES]) -> u8 {
    let (mut values, mut wrong) = ([0; CHARS], 0);
    for (c, value) in chars.iter().zip(&mut values) {
        let upper = is_of(*c, b'A', b'Z');
        let lower = is_of(*c, b'a', b'z');
        let digit = is_of(*c, b'0', b'9');
        let minus = is_of(*c, b'-', b'-');
        let line = is_of(*c, b'_', b'_');
        wrong |= !(upper | lower | digit | minus | line);
        // 0 for A, 26 for a, 52 for 0, 62 and 63.
        let less = (upper & 65) | (lower & 71) | (digit & 252) | (minus & 239) | (line & 32);
        *value = c.wrapping_sub(less);
    }
    let groups = values.as_chunks::<8>().0;
    for (eight, to) in groups.iter().zip(to.as_chunks_mut::<6>().0) {
        // From eight of 6 bits to four of 12, two of 24, and one of 48.
        let v = u64::from_be_bytes(*eight);
        let v = ((v >> 2) & 0x0fc0_0fc0_0fc0_0fc0) | (v & 0x003f_003f_003f_003f);
        let v = ((v >> 4) & 0x00ff_f000_00ff_f000) | (v & 0x0000_0fff_0000_0fff);
        let v = ((v >> 8) & 0xffff_ff00_0000) | (v & 0x00ff_ffff);
        if let Some((_, bytes)) = v.to_be_bytes().split_last_chunk() {
            *to = *bytes;
        }
    }
    wrong
}

/// All ones if a character is one of these, and zero for any other: both are below 128.
#[inline(always)]
fn is_of(c: u8, first: u8, last: u8) -> u8 {
    // The highest bit of one of the two is set where it is below the first, or above the last.
    let outside = (c.wrapping_sub(first) | last.wrapping_sub(c)) >> 7;
    outside.wrapping_sub(1)
}
