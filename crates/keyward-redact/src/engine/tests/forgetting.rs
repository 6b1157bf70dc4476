//! What is registered and forgotten while a stream runs unmasks nothing of what stays.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::{Needle, add, name, redactor};
use crate::masker::BLANK;

/// A text in which no byte comes twice: of each byte that comes out, it is known which one it is.
/// The bytes of a mask, and line endings, are not in it.
fn distinct() -> Vec<u8> {
    let of_masks = BLANK.as_bytes();
    let other = |byte: &u8| !of_masks.contains(byte) && !b"\r\n".contains(byte);
    (0..=u8::MAX).filter(other).collect()
}

/// A part of the text, of 3 bytes or more.
#[derive(Clone, Debug)]
struct Part {
    start: usize,
    end: usize,
    wrapped: bool,
    /// Others begin with it, so that none of its grams is rare.
    crowded: bool,
}

impl Part {
    fn of(text: &[u8], (from, len, wrapped, crowded): (Index, usize, bool, bool)) -> Self {
        let len = len.min(text.len());
        let start = from.index(text.len() - len + 1);
        Self {
            start,
            end: start + len,
            wrapped,
            crowded,
        }
    }

    fn needles(&self, text: &[u8]) -> Vec<Needle> {
        let bytes = &text[self.start..self.end];
        // None of the others is in the text, in which no byte comes again.
        let tail = |n| [bytes, &vec![bytes[0]; n]].concat();
        let others = if self.crowded { 18 } else { 1 };
        (0..others).map(|n| (tail(n), self.wrapped)).collect()
    }

    /// Whether it is there, if lines end after these bytes of the text.
    fn is_there(&self, endings: &[&str]) -> bool {
        let mut within = endings[self.start..self.end - 1].iter();
        self.wrapped || within.all(|ending| ending.is_empty())
    }
}

/// What happens before each piece of the text.
#[derive(Clone, Debug)]
enum Step {
    Flush,
    Forget(Index),
    Push(usize),
    Register(Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => Just(Step::Flush),
        2 => any::<Index>().prop_map(Step::Forget),
        4 => (1..40_usize).prop_map(Step::Push),
        2 => any::<Index>().prop_map(Step::Register),
    ];
    vec(step, 4..40)
}

fn places(count: usize) -> impl Strategy<Value = Vec<(Index, usize, bool, bool)>> {
    let lengths = prop_oneof![3..8_usize, 8..16_usize, 8..60_usize];
    vec(
        (any::<Index>(), lengths, any::<bool>(), any::<bool>()),
        1..count,
    )
}

/// Where lines end: after none of the bytes, or after some.
fn endings() -> impl Strategy<Value = Vec<&'static str>> {
    let some = prop_oneof![20 => Just(""), 1 => Just("\n"), 1 => Just("\r\n")];
    prop_oneof![Just(vec![""; 256]), vec(some, 256)]
}

#[test]
fn a_new_secret_within_a_mask_does_not_end_it() {
    let text = b"0123456789abcdefghijklmnopqrstuvwxyzABCD";
    let longer = [&text[10..], b"EFGH"].concat();
    let redactor = redactor(1, &[vec![(text.to_vec(), false)], vec![(longer, false)]]);
    let (mut masker, mut out) = (redactor.masker(), Vec::new());
    masker.push(text, &mut out);
    masker.flush(&mut out);
    // The mask is written, and what may become the longer one is held back.
    assert_eq!((out.as_slice(), masker.held()), (BLANK.as_bytes(), 30));
    add(&redactor, 2, &[(text[15..25].to_vec(), false)]);
    masker.push(b" end", &mut out);
    masker.finish(&mut out);
    assert_eq!(out, format!("{BLANK} end").as_bytes());
}

#[test]
fn what_is_written_is_no_beginning_of_a_new_secret() {
    // What is written is overwritten with zeros, which begin all of these.
    let tails = ["0123456789abcdef", "012345", "012"];
    for crowd in [1, 20] {
        for wrapped in [false, true] {
            for (tail, zeros) in tails.iter().flat_map(|tail| (1..8).map(move |n| (tail, n))) {
                let redactor = redactor(1, &[]);
                let (mut masker, mut out) = (redactor.masker(), Vec::new());
                masker.push(b"12345678", &mut out);
                masker.flush(&mut out);
                let begun = [&vec![0; zeros], tail.as_bytes()].concat();
                let others = (0..crowd).map(|n| [&begun[..], &vec![b'+'; n]].concat());
                let needles: Vec<Needle> = others.map(|bytes| (bytes, wrapped)).collect();
                add(&redactor, 0, &needles);
                let more = format!("{tail} {}\n{}.", &tail[..1], &tail[1..]);
                masker.push(more.as_bytes(), &mut out);
                masker.finish(&mut out);
                assert_eq!(String::from_utf8_lossy(&out), format!("12345678{more}"));
            }
        }
    }
}

/// The same of one that was known before.
#[test]
fn what_is_overwritten_is_no_beginning_of_a_secret() {
    for (len, zeros) in (8..20_usize).flat_map(|len| (1..=len).map(move |zeros| (len, zeros))) {
        for wrapped in [false, true] {
            let secret: Vec<u8> = (1..).take(len - zeros).map(|n| b'a' + n).collect();
            let secret = [vec![0; zeros], secret].concat();
            let redactor = redactor(1, &[vec![(secret.clone(), wrapped)]]);
            for cut in 1..len {
                let text = [b"123456789", &secret[cut..], b"\n", &secret[cut..]].concat();
                let (mut masker, mut out) = (redactor.masker(), Vec::new());
                for byte in &text {
                    masker.push(&[*byte], &mut out);
                    masker.flush(&mut out);
                }
                masker.finish(&mut out);
                assert_eq!(out, redactor.bytes(&text), "{zeros} of {len}, from {cut}");
                assert!(out.starts_with(&text[..9]));
            }
        }
    }
}

#[test]
fn a_new_secret_is_not_taken_for_one_that_was_begun() {
    let redactor = redactor(1, &[vec![(b"AAAABBBBCCCCDDDDEEEEFFFF".to_vec(), false)]]);
    let (mut masker, mut out) = (redactor.masker(), Vec::new());
    masker.push(b"AAAABBBBCCCCDDDD", &mut out);
    assert!(redactor.forget(&name(0)));
    // It takes the place of the other.
    add(
        &redactor,
        1,
        &[(b"GGGGHHHHIIIIJJJJEEEEFFFF".to_vec(), false)],
    );
    masker.push(b"EEEEFFFF.", &mut out);
    masker.finish(&mut out);
    assert_eq!(String::from_utf8_lossy(&out), "AAAABBBBCCCCDDDDEEEEFFFF.");
}

#[test]
fn what_is_held_back_is_known_after_it_was_not_asked_for() {
    // So long that what is held back is not looked at where pieces are long.
    let long = vec![b'#'; 6_000];
    let short = b"a value of 24 bytes here".to_vec();
    for wrapped in [false, true] {
        let secrets = [vec![(long.clone(), false)], vec![(short.clone(), wrapped)]];
        let redactor = redactor(1, &secrets);
        for cut in 1..short.len() {
            let (mut masker, mut out) = (redactor.masker(), Vec::new());
            masker.push(&[b'.'; 3_000], &mut out);
            masker.flush(&mut out);
            (0..4).for_each(|_| masker.push(&[b'.'; 8_000], &mut out));
            masker.push(&short[..cut], &mut out);
            masker.flush(&mut out);
            assert!(masker.held() >= cut);
            masker.push(&short[cut..], &mut out);
            masker.finish(&mut out);
            assert_eq!(out.len(), 35_000 + BLANK.len(), "cut at {cut}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn what_stays_stays_masked(
        seed in any::<u64>(),
        stay in places(5),
        go in places(8),
        steps in steps(),
        endings in endings(),
    ) {
        let distinct = distinct();
        let of = |place| Part::of(&distinct, place);
        let stay: Vec<_> = stay.into_iter().map(of).collect();
        let go: Vec<_> = go.into_iter().map(of).collect();
        let staying: Vec<_> = stay.iter().map(|part| part.needles(&distinct)).collect();
        let redactor = redactor(seed, &staying);
        let lines = distinct.iter().zip(&endings);
        let text: Vec<u8> = lines
            .flat_map(|(byte, ending)| [&[*byte], ending.as_bytes()].concat())
            .collect();
        let mut masker = redactor.masker();
        let (mut out, mut at) = (Vec::new(), 0);
        for step in steps {
            match step {
                Step::Flush => masker.flush(&mut out),
                Step::Forget(of) => drop(redactor.forget(&name(100 + of.index(go.len())))),
                Step::Push(len) => {
                    let end = (at + len).min(text.len());
                    masker.push(&text[at..end], &mut out);
                    at = end;
                }
                Step::Register(of) => {
                    let of = of.index(go.len());
                    add(&redactor, 100 + of, &go[of].needles(&distinct));
                }
            }
        }
        masker.push(&text[at..], &mut out);
        masker.finish(&mut out);

        let within = |parts: &[Part], at: usize| {
            let mut there = parts.iter().filter(|part| part.is_there(&endings));
            there.any(|part| (part.start..part.end).contains(&at))
        };
        for (at, byte) in distinct.iter().enumerate() {
            let shown = out.contains(byte);
            prop_assert!(!(shown && within(&stay, at)), "byte {at} of a secret that stays");
            prop_assert!(shown || within(&stay, at) || within(&go, at), "byte {at} is gone");
        }
        // In its order, and once.
        let shown: Vec<u8> = out.iter().copied().filter(|b| distinct.contains(b)).collect();
        prop_assert!(shown.is_sorted());
        prop_assert!(shown.windows(2).all(|two| two[0] < two[1]));
    }
}
