//! Every single-bit flip and every truncation of some bytes.

/// Each copy of `bytes` with one bit flipped: eight times as many as there are bytes.
pub fn bit_flips(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..bytes.len()).flat_map(move |at| {
        (0..8).map(move |bit| {
            let mut copy = bytes.to_vec();
            if let Some(byte) = copy.get_mut(at) {
                *byte ^= 1 << bit;
            }
            copy
        })
    })
}

/// Each proper prefix of `bytes`, the empty one too.
pub fn truncations(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    (0..bytes.len()).filter_map(move |len| bytes.get(..len))
}
