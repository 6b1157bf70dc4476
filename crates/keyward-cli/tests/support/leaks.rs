//! Searches bytes and files for any eight-byte window of a secret: raw, in hexadecimal, and in
//! both alphabets of base64 at each of the three offsets a window may have.

use std::collections::{HashMap, HashSet};
use std::path::Path;

const WINDOW: usize = 8;

/// What to look for.
pub struct Leaks {
    // By the length of the pattern, so that one pass over the text finds all of that length.
    patterns: HashMap<usize, HashSet<Vec<u8>>>,
}

impl Leaks {
    pub fn of(secret: &[u8]) -> Self {
        let mut patterns: HashMap<usize, HashSet<Vec<u8>>> = HashMap::new();
        let mut add = |bytes: Vec<u8>| {
            patterns.entry(bytes.len()).or_default().insert(bytes);
        };
        for window in secret.windows(WINDOW) {
            add(window.to_vec());
            let lower: String = window.iter().map(|b| format!("{b:02x}")).collect();
            add(lower.to_uppercase().into_bytes());
            add(lower.into_bytes());
            for offset in 0..3 {
                for text in [
                    base64_of(window, offset, b"+/"),
                    base64_of(window, offset, b"-_"),
                ] {
                    add(text);
                }
            }
        }
        Self { patterns }
    }

    pub fn in_bytes(&self, bytes: &[u8]) -> bool {
        self.patterns
            .iter()
            .any(|(len, of_len)| bytes.windows(*len).any(|window| of_len.contains(window)))
    }

    /// The files below `folder` that hold any of it.
    pub fn in_folder(&self, folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(self.in_folder(&path));
            } else if self.in_bytes(&std::fs::read(&path).unwrap_or_default()) {
                found.push(path.display().to_string());
            }
        }
        found
    }
}

/// The characters of base64 that `window` alone decides when it begins `offset` bytes into a
/// group of three.
fn base64_of(window: &[u8], offset: usize, last: &[u8; 2]) -> Vec<u8> {
    let mut alphabet: Vec<u8> = (b'A'..=b'Z')
        .chain(b'a'..=b'z')
        .chain(b'0'..=b'9')
        .collect();
    alphabet.extend(last);
    let mut bits: Vec<Option<u8>> = vec![None; offset * 8];
    bits.extend(
        window
            .iter()
            .flat_map(|b| (0..8).rev().map(move |i| Some(b >> i & 1))),
    );
    bits.chunks_exact(6)
        .filter_map(|six| {
            six.iter()
                .try_fold(0_u8, |sum, bit| Some(sum << 1 | (*bit)?))
        })
        .map(|index| alphabet[usize::from(index)])
        .collect()
}

#[test]
fn every_planted_form_is_found() {
    let secret = super::random(24);
    let leaks = Leaks::of(&secret);
    let all = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let encode = |bytes: &[u8], last: &[u8]| -> Vec<u8> {
        let alphabet: Vec<u8> = all.iter().chain(last).copied().collect();
        bytes
            .chunks(3)
            .flat_map(|c| {
                let n = c.iter().fold(0_u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - c.len()));
                (0..4)
                    .map(move |i| (n >> (18 - 6 * i)) & 63)
                    .collect::<Vec<_>>()
            })
            .map(|i| alphabet[usize::try_from(i).unwrap()])
            .collect()
    };
    for before in 0..3 {
        let mut text = vec![b'x'; before];
        text.extend(&secret[5..16]);
        assert!(leaks.in_bytes(&text));
        let hex: String = text.iter().map(|b| format!("{b:02x}")).collect();
        assert!(leaks.in_bytes(hex.as_bytes()));
        assert!(leaks.in_bytes(&encode(&text, b"+/")), "{before}");
        assert!(leaks.in_bytes(&encode(&text, b"-_")), "{before}");
    }
    assert!(!leaks.in_bytes(&super::random(4096)));
}
