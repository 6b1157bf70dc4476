//! The hashes before and behind the filling: H0 and the hash of any length, H' (RFC 9106, sections
//! 3.2 and 3.3), over BLAKE2b (RFC 7693).

use blake2::digest::block_api::{Buffer, UpdateCore as _, VariableOutputCore as _};
use blake2::{Blake2b512, Blake2bVarCore, Digest as _};

/// Bytes that one hash of BLAKE2b has at most, half of which each link of H' gives.
const WHOLE: usize = 64;
const HALF: usize = WHOLE / 2;

/// H0: numbers, and fields behind their lengths. `None` where one has 4 GiB.
pub(super) fn initial(before: [u32; 6], fields: [&[u8]; 4]) -> Option<[u8; WHOLE]> {
    let mut hash = Blake2b512::new();
    for number in before {
        hash.update(number.to_le_bytes());
    }
    for field in fields {
        hash.update(u32::try_from(field.len()).ok()?.to_le_bytes());
        hash.update(field);
    }
    Some(hash.finalize().into())
}

/// H' of `parts` into all of `out`. `None` if that has no byte or 4 GiB.
pub(super) fn long(parts: [&[u8]; 3], out: &mut [u8]) -> Option<()> {
    let len = u32::try_from(out.len()).ok()?.to_le_bytes();
    let [a, b, c] = parts;
    let parts = [&len, a, b, c];
    if out.len() <= WHOLE {
        return short(&parts, out);
    }
    let mut link: [u8; WHOLE] = {
        let mut hash = Blake2b512::new();
        parts.iter().for_each(|part| hash.update(part));
        hash.finalize().into()
    };
    let mut rest = out;
    loop {
        let (half, more) = rest.split_first_chunk_mut::<HALF>()?;
        *half = *link.first_chunk()?;
        rest = more;
        if rest.len() <= WHOLE {
            return short(&[&link], rest);
        }
        link = Blake2b512::digest(link).into();
    }
}

/// BLAKE2b of as many bytes as `out` has, of 1 to 64.
fn short(parts: &[&[u8]], out: &mut [u8]) -> Option<()> {
    let mut hash = Blake2bVarCore::new(out.len()).ok()?;
    let mut buffer = Buffer::<Blake2bVarCore>::default();
    for part in parts {
        buffer.digest_blocks(part, |blocks| hash.update_blocks(blocks));
    }
    let mut whole = blake2::digest::Output::<Blake2b512>::default();
    hash.finalize_variable_core(&mut buffer, &mut whole);
    out.copy_from_slice(whole.get(..out.len())?);
    Some(())
}
