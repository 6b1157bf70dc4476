//! The parts of a text in which a value may stand.
//!
//! Every form of a value is a long run of letters, digits and a few signs, and ordinary text is
//! none: a space or a quote comes every few characters. So most of a text is told from sealed
//! values by a look at a few bytes in each 64 of it.

/// The length of a run that is looked at: what a line holds where somebody breaks long lines, so
/// that the beginning of a value is found there too.
const RUN: usize = 64;

/// Bytes at the end of a run that are looked at first.
const PROBE: usize = 16;

/// Whether a byte may stand in a form of a value: base64 in either alphabet, the dot, a backslash
/// of an escape, the zero bytes of UTF-16, and the ends of lines.
#[allow(clippy::indexing_slicing)] // A table made by the compiler: an index out of bounds does not compile.
const IN_A_FORM: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'.' | b'-' | b'_' | b'+' | b'/' | b'=' | b'\\' | b'\n' | b'\r' | 0
            );
        if byte == u8::MAX {
            break;
        }
        byte += 1;
    }
    table
};

fn is_in_a_form(byte: u8) -> bool {
    IN_A_FORM.get(usize::from(byte)).copied().unwrap_or(true)
}

/// Gives each part of `bytes` in which a value may stand, whole: it ends where the text ends or a
/// byte stands that is in no value.
pub(crate) fn each<'a>(bytes: &'a [u8], mut run: impl FnMut(&'a [u8])) {
    let mut open: Option<usize> = None;
    let mut at = 0_usize;
    while let Some(probe) = probe(bytes, at) {
        let other = probe.iter().rposition(|byte| !is_in_a_form(*byte));
        let Some(other) = other else {
            open = open.or(Some(at));
            at = at.saturating_add(RUN);
            continue;
        };
        let end = at.saturating_add(RUN - PROBE).saturating_add(other);
        if let Some(begin) = open.take() {
            run(bytes.get(begin..end).unwrap_or_default());
        }
        at = end.saturating_add(1);
    }
    if let Some(begin) = open {
        run(bytes.get(begin..).unwrap_or_default());
    }
}

/// The last bytes of a run that begins at `at`.
fn probe(bytes: &[u8], at: usize) -> Option<&[u8]> {
    bytes.get(at.saturating_add(RUN - PROBE)..at.saturating_add(RUN))
}
