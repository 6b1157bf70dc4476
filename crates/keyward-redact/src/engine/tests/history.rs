//! Whatever was registered and forgotten before, and whenever automata were built meanwhile: what a
//! stream finds is what the reference finds of the needles that are left.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{Needle, add, masked, name, reference_of, seeded};
use crate::Redactor;

/// What happens before the text.
#[derive(Clone, Debug)]
enum Step {
    /// The next secret is registered.
    Add,
    Forget(Index),
    /// Another text says what is to be built, so that stepping costs less or at all.
    Order,
    /// That is done by now.
    TakeOver(Index),
    Text,
}

#[derive(Clone, Debug)]
struct Case {
    seed: u64,
    secrets: Vec<Vec<Needle>>,
    steps: Vec<Step>,
    text: Vec<u8>,
    cuts: Vec<usize>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => Just(Step::Add),
        2 => any::<Index>().prop_map(Step::Forget),
        2 => Just(Step::Order),
        2 => any::<Index>().prop_map(Step::TakeOver),
        1 => Just(Step::Text),
    ];
    vec(step, 6..50)
}

/// A part of the text, as it is or changed at one end; or many that begin with it, so that none of
/// its grams is rare.
fn needle(base: &[u8], of: &(Index, usize, u8, bool)) -> Vec<Needle> {
    let (from, len, change, wrapped) = of;
    let start = from.index(base.len());
    let mut bytes = base[start..(start + len).min(base.len())].to_vec();
    let last = bytes.len() - 1;
    match change {
        0 => bytes[last] = b'z',
        1 => bytes[0] = b'z',
        2 => bytes.extend_from_slice(b"zy"),
        3 => {
            let tail = |n| [&bytes[..], &vec![b'z'; n]].concat();
            return (0..18).map(|n| (tail(n), *wrapped)).collect();
        }
        _ => {}
    }
    vec![(bytes, *wrapped)]
}

/// The text with line endings here and there.
fn broken(base: &[u8], endings: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let mut state = endings | 1;
    for byte in base {
        out.push(*byte);
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(99);
        out.extend_from_slice(match (state >> 40) % (8 + 16 * (endings % 3)) {
            0 => b"\n",
            1 => b"\r\n",
            2 if endings & 8 != 0 => b"\r",
            3 if endings & 16 != 0 => b"\n\n",
            _ => b"",
        });
    }
    out
}

fn case() -> impl Strategy<Value = Case> {
    let letters = prop_oneof![
        vec(select(b"ab".as_slice()), 30..120),
        vec(select(b"abcdefgh".as_slice()), 30..200),
        vec(select(b"abcdefghijklmnopqrstuvw".as_slice()), 30..200),
    ];
    let lengths = prop_oneof![1..8_usize, 6..18_usize, 14..60_usize];
    let needles = vec((any::<Index>(), lengths, 0..12_u8, any::<bool>()), 3..30);
    // Beyond it, what is released is moved away.
    let gap = prop_oneof![3 => Just(0), 1 => 4080..4112_usize];
    let parts = (letters, needles, gap, vec(0..60_usize, 0..40), steps());
    (any::<u64>(), any::<u64>(), parts).prop_map(
        |(seed, endings, (base, needles, gap, cuts, steps))| {
            let needles: Vec<Vec<Needle>> = needles.iter().map(|of| needle(&base, of)).collect();
            // Some have a form in common.
            let secrets = needles.iter().enumerate().map(|(n, own)| {
                let other = (seed >> (n % 32)) as usize;
                let shared = other.is_multiple_of(3);
                let shared = shared.then(|| needles[other % needles.len()].clone());
                own.iter().cloned().chain(shared.into_iter().flatten())
            });
            let text = [
                vec![b'.'; gap],
                broken(&base, endings),
                broken(&base, endings >> 32),
                base[base.len() / 2..].to_vec(),
            ];
            Case {
                seed,
                secrets: secrets.map(Iterator::collect).collect(),
                steps,
                text: text.concat(),
                cuts: [&[2 * gap + 1], &cuts[..]].concat(),
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_was_before_changes_nothing(case in case()) {
        let redactor = Redactor::new(seeded(case.seed)).unwrap();
        let mut known: Vec<(usize, &[Needle])> = Vec::new();
        let mut next = case.secrets.iter().enumerate();
        let mut orders = Vec::new();
        for step in &case.steps {
            match step {
                Step::Add => if let Some((number, needles)) = next.next() {
                    add(&redactor, number, needles);
                    known.push((number, needles));
                },
                Step::Forget(of) => if !known.is_empty() {
                    let (number, _) = known.remove(of.index(known.len()));
                    assert!(redactor.forget(&name(number)));
                },
                Step::Order => {
                    let registry = redactor.read();
                    orders.extend(registry.engine.unsettled());
                    orders.extend(registry.engine.merger());
                }
                Step::TakeOver(of) => if !orders.is_empty() {
                    redactor.build(orders.remove(of.index(orders.len())));
                },
                Step::Text => drop(redactor.bytes(&case.text)),
            }
        }
        let found = masked(&redactor, &case.text, &case.cuts);
        let expected = reference_of(&known, &case.text);
        // What is over leaves nothing to the next one.
        let mut masker = redactor.masker().named();
        let mut out = Vec::new();
        for _ in 0..2 {
            out.clear();
            masker.push(&case.text, &mut out);
            masker.finish(&mut out);
            prop_assert_eq!(&out, &expected);
        }
        prop_assert_eq!(String::from_utf8_lossy(&found), String::from_utf8_lossy(&expected));
        for (number, _) in known {
            assert!(redactor.forget(&name(number)));
        }
        let counts = redactor.counts();
        let left = (counts.needles, counts.bytes, counts.in_automata, redactor.most_held());
        prop_assert_eq!(left, (0, 0, 0, 0));
        // Nothing is as common as it was: what has 15 bytes is looked for by a window.
        for (number, needles) in case.secrets.iter().enumerate() {
            let needle = &needles[0];
            let letters = needle.0.iter().collect::<std::collections::BTreeSet<_>>();
            if needle.0.len() >= 15 && letters.len() > 2 {
                add(&redactor, number, std::slice::from_ref(needle));
                prop_assert_eq!(redactor.counts().in_automata, 0);
                assert!(redactor.forget(&name(number)));
            }
        }
    }
}

/// So many that filters are made anew, twice, and some are forgotten in between.
#[test]
fn each_of_many_is_found_and_held_back() {
    let mut state = 11_u64;
    let mut value = || -> Vec<u8> {
        let mut letter = || {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(99);
            b'A' + (state >> 40) as u8 % 50
        };
        (0..24).map(|_| letter()).collect()
    };
    let values: Vec<Vec<u8>> = (0..4_000).map(|_| value()).collect();
    let redactor = Redactor::new(seeded(2)).unwrap();
    let known = |n: &usize| *n >= 1_000 || n.is_multiple_of(3);
    for (n, value) in values.iter().enumerate() {
        add(&redactor, n, &[(value.clone(), n.is_multiple_of(2))]);
        if n == 3_000 {
            for gone in (0..1_000).filter(|n| !known(n)) {
                assert!(redactor.forget(&name(gone)));
            }
        }
    }
    assert_eq!(redactor.counts().in_automata, 0);
    let mut masker = redactor.masker();
    for (n, value) in values.iter().enumerate() {
        let mut out = Vec::new();
        masker.push(&value[..9], &mut out);
        assert_eq!(masker.held() >= 9, known(&n), "{n}");
        masker.push(&value[9..], &mut out);
        masker.finish(&mut out);
        let expected = if known(&n) {
            "•••".as_bytes()
        } else {
            value
        };
        assert_eq!(out, expected, "{n}");
    }
}
