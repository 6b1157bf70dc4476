//! Random needles, and texts made of them.

use proptest::collection::vec;
use proptest::prelude::*;

use super::reference::Needle;

/// Needles over few letters, so that they share, overlap and nest.
pub(super) fn needle() -> impl Strategy<Value = Needle> {
    let letters = prop_oneof![
        vec(prop::sample::select(b"ab".as_slice()), 1..40),
        vec(prop::sample::select(b"abcdefghij".as_slice()), 8..60),
        (1..80_usize).prop_map(|len| vec![b'a'; len]),
        (
            1..30_usize,
            vec(prop::sample::select(b"abcdefgh".as_slice()), 3..14)
        )
            .prop_map(|(times, word)| word.repeat(times)),
    ];
    (letters, any::<bool>())
}

/// A text of pieces of the needles, letters and line endings; and where it is cut.
pub(super) fn text(
    secrets: &[Vec<Needle>],
) -> impl Strategy<Value = (Vec<u8>, Vec<usize>)> + use<> {
    let needles: Vec<Needle> = secrets.iter().flatten().cloned().collect();
    let ending = prop::sample::select(vec!["\n", "\r", "\r\n", "\n\n", "\n\r", "\r\r\n"]);
    let whole = (
        prop::sample::select(needles.clone()),
        any::<u64>(),
        ending.clone(),
    );
    let whole = whole.prop_map(|((needle, _), endings, ending)| {
        let mut out = Vec::new();
        for (i, byte) in needle.iter().enumerate() {
            // Endings everywhere, nowhere, or here and there.
            let here = match endings % 4 {
                0 => i > 0,
                1 => i > 0 && (endings >> (i % 60)) & 4 == 4,
                2 => i == 1 + (endings >> 8) as usize % needle.len(),
                _ => false,
            };
            if here {
                out.extend_from_slice(ending.as_bytes());
            }
            out.push(*byte);
        }
        out
    });
    let part = (prop::sample::select(needles), any::<usize>(), any::<bool>());
    let part = part.prop_map(|((needle, _), cut, front)| {
        let cut = cut % (needle.len() + 1);
        if front {
            needle[..cut].to_vec()
        } else {
            needle[cut..].to_vec()
        }
    });
    let noise = vec(prop::sample::select(b"abcdefghij \n\r".as_slice()), 0..12);
    let ending = ending.prop_map(|ending| ending.as_bytes().to_vec());
    let pieces = vec(
        prop_oneof![3 => whole, 3 => part, 2 => noise, 1 => ending],
        0..12,
    );
    (
        pieces.prop_map(|pieces| pieces.concat()),
        vec(0..60_usize, 0..40),
    )
}

pub(super) fn case() -> impl Strategy<Value = (u64, Vec<Vec<Needle>>, Vec<u8>, Vec<usize>)> {
    let secrets = vec(vec(needle(), 1..6), 1..8);
    secrets.prop_flat_map(|secrets| {
        let text = text(&secrets);
        (any::<u64>(), Just(secrets), text)
            .prop_map(|(seed, secrets, (text, cuts))| (seed, secrets, text, cuts))
    })
}
