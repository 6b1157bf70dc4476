//! A stream that is masked, cut and flushed anywhere, while secrets are registered and forgotten.
//!
//! The input is cut into fields: first how the text is cut (each byte says after how many bytes,
//! and by its lowest bit whether to flush there), then the text, then values.

use keyward_redact::{Masker, Name, Redactor};

use crate::fields;

/// However it is cut and flushed, the same comes out, and no value that is masked is in it, nor in
/// what is written after it was registered or after another was forgotten.
pub fn redact_stream(data: &[u8]) {
    let fields = fields(data);
    let [cuts, text, values @ ..] = fields.as_slice() else {
        return;
    };
    let random = |bytes: &mut [u8]| {
        let mut next = 7_u8;
        bytes.fill_with(|| {
            next = next.wrapping_mul(29).wrapping_add(113);
            next
        });
        Ok(())
    };
    let redactor = Redactor::new(random).expect("randomness");
    let known: Vec<&[u8]> = values
        .iter()
        .enumerate()
        .filter(|(n, value)| add(&redactor, *n, value))
        .map(|(_, value)| *value)
        .collect();
    let whole = redactor.bytes(text);
    let mut masker = redactor.masker();
    assert_eq!(cut(&redactor, &mut masker, text, cuts), whole);
    assert_eq!(has_any(&whole, &known), None);
    if known.is_empty() {
        return;
    }
    // The first is forgotten while it may be written in part, and registered again.
    let name = name(0);
    let half = text.len() / 2;
    let mut out = Vec::new();
    masker.push(&text[..half], &mut out);
    let _ = redactor.forget(&name);
    masker.push(&text[half..], &mut out);
    assert_eq!(has_any(&out, &known[1..]), None);
    add(&redactor, 0, values[0]);
    out.clear();
    masker.finish(&mut out);
    masker.push(text, &mut out);
    masker.finish(&mut out);
    assert!(out.ends_with(&redactor.bytes(text)));
}

fn name(n: usize) -> Name {
    Name::new(&format!("value {n}")).expect("a name")
}

/// Whether it is masked as it is: not if it is short or common, or holds the character of masks.
fn add(redactor: &Redactor, n: usize, value: &[u8]) -> bool {
    let before = redactor.warnings().len();
    let added = redactor.add(&name(n), value).is_ok();
    added && value.len() >= 8 && redactor.warnings().len() == before
}

fn cut(redactor: &Redactor, masker: &mut Masker, text: &[u8], cuts: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    for cut in cuts.iter().cycle().take(text.len()) {
        let (piece, after) = rest.split_at(rest.len().min(usize::from(cut / 2)));
        masker.push(piece, &mut out);
        if cut % 2 == 1 {
            masker.flush(&mut out);
        }
        assert!(masker.held() <= redactor.most_held());
        rest = after;
    }
    masker.push(rest, &mut out);
    masker.finish(&mut out);
    out
}

/// The value that is in `text`, without the white space around it.
fn has_any<'a>(text: &[u8], values: &[&'a [u8]]) -> Option<&'a [u8]> {
    let mut values = values.iter().map(|value| value.trim_ascii());
    values.find(|value| value.len() >= 8 && text.windows(value.len()).any(|part| part == *value))
}
