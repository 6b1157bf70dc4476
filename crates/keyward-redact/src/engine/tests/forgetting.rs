//! What is registered and forgotten while a stream runs unmasks nothing of what stays.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::{add, name, redactor};
use crate::masker::BLANK;

/// A text in which no byte comes twice: of each byte that comes out, it is known which one it is.
/// The bytes of a mask, and line endings, are not in it.
fn distinct() -> Vec<u8> {
    let of_masks = BLANK.as_bytes();
    let other = |byte: &u8| !of_masks.contains(byte) && !b"\r\n".contains(byte);
    (0..=u8::MAX).filter(other).collect()
}

/// A part of the text, 8 bytes long at least.
fn part(text: &[u8], (from, len): (Index, usize)) -> (usize, usize) {
    let len = len.min(text.len());
    let start = from.index(text.len() - len + 1);
    (start, start + len)
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

fn places(count: usize) -> impl Strategy<Value = Vec<(Index, usize)>> {
    vec((any::<Index>(), 8..60_usize), 1..count)
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_stays_stays_masked(
        seed in any::<u64>(),
        stay in places(5),
        go in places(8),
        steps in steps(),
    ) {
        let text = distinct();
        let needle = |(start, end): (usize, usize)| vec![(text[start..end].to_vec(), false)];
        let stay: Vec<_> = stay.into_iter().map(|place| part(&text, place)).collect();
        let go: Vec<_> = go.into_iter().map(|place| part(&text, place)).collect();
        let staying: Vec<_> = stay.iter().map(|place| needle(*place)).collect();
        let redactor = redactor(seed, &staying);
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
                    add(&redactor, 100 + of, &needle(go[of]));
                }
            }
        }
        masker.push(&text[at..], &mut out);
        masker.finish(&mut out);

        let within = |places: &[(usize, usize)], at: usize| {
            places.iter().any(|(start, end)| (*start..*end).contains(&at))
        };
        for (at, byte) in text.iter().enumerate() {
            let shown = out.contains(byte);
            prop_assert!(!(shown && within(&stay, at)), "byte {at} of a secret that stays");
            prop_assert!(shown || within(&stay, at) || within(&go, at), "byte {at} is gone");
        }
        // In its order, and once.
        let shown: Vec<u8> = out.iter().copied().filter(|b| text.contains(b)).collect();
        prop_assert!(shown.is_sorted());
        prop_assert!(shown.windows(2).all(|two| two[0] < two[1]));
    }
}
