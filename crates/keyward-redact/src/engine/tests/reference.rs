//! A slow reference, and what is masked beside it.

use keyward_base::{Result, SecretBytes};

use crate::form::Form;
use crate::{Name, Redactor};

/// A needle, and whether line endings in it are skipped.
pub(super) type Needle = (Vec<u8>, bool);

/// Random for these tests: a generator that is seeded.
pub(super) fn seeded(seed: u64) -> impl Fn(&mut [u8]) -> Result<()> {
    move |bytes| {
        let mut state = seed | 1;
        for byte in bytes {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = (state >> 32).to_le_bytes()[0];
        }
        Ok(())
    }
}

pub(super) fn name(secret: usize) -> Name {
    Name::new(&format!("s{secret}")).unwrap()
}

pub(super) fn add(redactor: &Redactor, secret: usize, needles: &[Needle]) {
    let forms = needles.iter().map(|(bytes, wrapped)| Form {
        bytes: SecretBytes::copy_of(bytes),
        wrapped: *wrapped,
    });
    redactor.add_forms(&name(secret), forms.collect()).unwrap();
}

pub(super) fn redactor(seed: u64, secrets: &[Vec<Needle>]) -> Redactor {
    let redactor = Redactor::new(seeded(seed)).unwrap();
    for (secret, needles) in secrets.iter().enumerate() {
        add(&redactor, secret, needles);
    }
    redactor
}

/// Where the needle ends that begins at `start`, if it is there; if the text ends in it, `None`.
pub(super) fn reach(
    text: &[u8],
    start: usize,
    (needle, wrapped): &Needle,
) -> Option<Option<usize>> {
    let mut at = start;
    for (i, byte) in needle.iter().enumerate() {
        if *wrapped && i > 0 {
            if text[at..].starts_with(b"\r\n") {
                at += 2;
            } else if at < text.len() && b"\r\n".contains(&text[at]) {
                at += 1;
            }
        }
        match text.get(at) {
            None => return Some(None),
            Some(found) if found == byte => at += 1,
            Some(_) => return None,
        }
    }
    Some(Some(at))
}

/// The masked text, with names.
pub(super) fn reference(secrets: &[Vec<Needle>], text: &[u8]) -> Vec<u8> {
    let secrets: Vec<_> = secrets.iter().map(Vec::as_slice).enumerate().collect();
    reference_of(&secrets, text)
}

/// The same, of secrets with these numbers.
pub(super) fn reference_of(secrets: &[(usize, &[Needle])], text: &[u8]) -> Vec<u8> {
    let mut found = Vec::new();
    for (secret, needles) in secrets.iter().copied() {
        for needle in needles {
            for start in 0..text.len() {
                if let Some(Some(end)) = reach(text, start, needle) {
                    found.push((start, secret, end));
                }
            }
        }
    }
    found.sort_unstable();
    let mut masks: Vec<(usize, usize, usize)> = Vec::new();
    for (start, secret, end) in found {
        match masks.last_mut() {
            Some(last) if start < last.2 => last.2 = last.2.max(end),
            _ => masks.push((start, secret, end)),
        }
    }
    let mut out = Vec::new();
    let mut at = 0;
    for (start, secret, end) in masks {
        out.extend_from_slice(&text[at..start]);
        out.extend_from_slice(format!("•s{secret}•").as_bytes());
        at = end;
    }
    out.extend_from_slice(&text[at..]);
    out
}

/// How many bytes at the end may be the beginning of a needle.
pub(super) fn held(secrets: &[Vec<Needle>], text: &[u8]) -> usize {
    let begins = |start: &usize| {
        let mut needles = secrets.iter().flatten();
        needles.any(|needle| reach(text, *start, needle) == Some(None))
    };
    let first = (0..text.len()).find(begins).unwrap_or(text.len());
    text.len() - first
}

/// Masks `text` cut at `cuts`, with a flush after a piece if its cut is odd.
pub(super) fn masked(redactor: &Redactor, text: &[u8], cuts: &[usize]) -> Vec<u8> {
    let mut masker = redactor.masker().named();
    let mut out = Vec::new();
    let mut at = 0;
    for cut in cuts {
        let end = (at + cut / 2).min(text.len());
        masker.push(&text[at..end], &mut out);
        if cut % 2 == 1 {
            masker.flush(&mut out);
        }
        assert!(masker.held() <= redactor.most_held());
        at = end;
    }
    masker.push(&text[at..], &mut out);
    masker.finish(&mut out);
    out
}

pub(super) fn check(seed: u64, secrets: &[Vec<Needle>], text: &[u8], cuts: &[usize]) {
    let redactor = redactor(seed, secrets);
    let expected = reference(secrets, text);
    let found = masked(&redactor, text, cuts);
    assert_eq!(
        String::from_utf8_lossy(&found),
        String::from_utf8_lossy(&expected)
    );
}
