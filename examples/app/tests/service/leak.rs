//! Looks for secrets where none may be: any run of eight of their bytes, as they are, in
//! hexadecimal, and in base64 at each of its three offsets.

use std::collections::HashSet;
use std::path::Path;

const RUN: usize = 8;
const BASE64: [&[u8; 64]; 2] = [
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
];

/// Runs of secrets, by length.
#[derive(Default)]
pub struct Leaks(Vec<(usize, HashSet<Vec<u8>>)>);

impl Leaks {
    pub fn of(secrets: &[&[u8]]) -> Self {
        let mut out = Self::default();
        for run in secrets.iter().flat_map(|secret| secret.windows(RUN)) {
            out.add(run.to_vec());
            out.add(
                run.iter()
                    .flat_map(|b| format!("{b:02x}").into_bytes())
                    .collect(),
            );
            out.add(
                run.iter()
                    .flat_map(|b| format!("{b:02X}").into_bytes())
                    .collect(),
            );
            for alphabet in BASE64 {
                for offset in 0..3 {
                    out.add(base64(run, alphabet, offset));
                }
            }
        }
        out
    }

    fn add(&mut self, run: Vec<u8>) {
        match self.0.iter_mut().find(|(len, _)| *len == run.len()) {
            Some((_, runs)) => _ = runs.insert(run),
            None => self.0.push((run.len(), HashSet::from([run]))),
        }
    }

    pub fn found_in(&self, bytes: &[u8]) -> bool {
        self.0
            .iter()
            .any(|(len, runs)| bytes.windows(*len).any(|run| runs.contains(run)))
    }

    /// The files under `folder` that hold a run, and how many files were looked at.
    pub fn found_under(&self, folder: &Path) -> (Vec<String>, usize) {
        let (mut found, mut looked) = (Vec::new(), 0);
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                let (inner, n) = self.found_under(&path);
                found.extend(inner);
                looked += n;
            } else {
                looked += 1;
                if self.found_in(&std::fs::read(&path).unwrap()) {
                    found.push(path.display().to_string());
                }
            }
        }
        (found, looked)
    }
}

/// The characters of `run` in base64 that depend on nothing else, if it begins `offset` bytes into
/// a group of three.
fn base64(run: &[u8], alphabet: &[u8; 64], offset: usize) -> Vec<u8> {
    let bit = |at: usize| run[at / 8] >> (7 - at % 8) & 1;
    let first = (6 - offset * 8 % 6) % 6;
    (first..=run.len() * 8 - 6)
        .step_by(6)
        .map(|at| alphabet[(0..6).fold(0, |value, n| value << 1 | usize::from(bit(at + n)))])
        .collect()
}

#[test]
fn a_planted_leak_is_found_in_every_form() {
    let leaks = Leaks::of(&[b"0123456789abcdef"]);
    for planted in [
        "xx456789abxx",
        "xx3435363738396162xx", // "456789ab" in hexadecimal.
        "NDU2Nzg5YWI",          // printf 456789ab | base64
        "eDQ1Njc4OWFi",         // printf x456789ab | base64
        "eHg0NTY3ODlhYg",       // printf xx456789ab | base64
    ] {
        assert!(leaks.found_in(planted.as_bytes()), "{planted}");
    }
    assert!(!leaks.found_in(b"0123456x456789a-NDU2Nzg5Y-34353637383961"));
}
