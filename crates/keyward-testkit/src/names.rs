//! Names under which a limit counts, that a test can read.

use keyward_base::Result;
use keyward_store::limit::Names;

/// Names of so many keys, the latest first: the bytes of what is named, mixed by the number of the key,
/// so that one more key is one more name before those that were. They are no MAC,
/// and tell who is named to nobody but a test.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs)] // It is just that.
pub struct TestNames(pub u8);

impl Names for TestNames {
    fn names(&self, limit: &str, whom: &[u8]) -> Result<Vec<[u8; 32]>> {
        Ok((0..self.0)
            .rev()
            .map(|key| name(key, limit, whom))
            .collect())
    }
}

fn name(key: u8, limit: &str, whom: &[u8]) -> [u8; 32] {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut mix = |byte: u8| {
        state = (state ^ u64::from(byte)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state ^= state >> 29;
        state
    };
    let bytes = [key].into_iter().chain(limit.bytes()).chain([0]);
    for byte in bytes.chain(whom.iter().copied()) {
        mix(byte);
    }
    let mut name = [0; 32];
    for part in name.chunks_mut(8) {
        let word = (0..8).fold(0, |_, n| mix(n)).to_be_bytes();
        part.iter_mut().zip(word).for_each(|(to, from)| *to = from);
    }
    name
}
