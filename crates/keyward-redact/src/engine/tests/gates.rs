//! Needles in automata are found wherever a gate is the only thing that tells of them.

use super::super::grams::Grams;
use crate::masker::BLANK;

use super::{Needle, check, masked, name, redactor, reference};

/// How many turns there are, and how many bytes of the circle each has.
const TURNS: usize = 80;
const LEN: usize = 280;

/// Turns of a circle of 300 letters: when some have windows no gram is rare any more, and the others
/// go to automata, the last one among them. Gates are at beginnings alone: the circle has none beyond
/// its first hundred. `end` is behind each.
fn turns(end: &[u8], wrapped: bool) -> Vec<Vec<Needle>> {
    let mut state = 7_u32;
    let mut letter = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b'A' + (state >> 24) as u8 % 26
    };
    let circle: Vec<u8> = (0..300).map(|_| letter()).collect();
    let turn = |n| circle.iter().cycle().skip(n).take(LEN);
    (0..TURNS)
        .map(|n| vec![(turn(n).chain(end).copied().collect(), wrapped)])
        .collect()
}

/// The last one of them that is in an automaton.
fn last(seed: u64, secrets: &[Vec<Needle>]) -> usize {
    let redactor = redactor(seed, secrets);
    let in_automata = || redactor.counts().in_automata;
    let is_in_one = |secret: &usize| {
        let before = in_automata();
        assert!(redactor.forget(&name(*secret)));
        in_automata() < before
    };
    (0..secrets.len()).rev().find(is_in_one).unwrap()
}

#[test]
fn automata_are_stepped_until_nothing_is_known_of_a_needle() {
    let secrets = turns(b"", false);
    let redactor = redactor(3, &secrets);
    // Another one begins in one that is cut short; beside it, others begin and end.
    let needle = &secrets[last(3, &secrets)][0].0;
    let text = [b" ", &needle[..], b" ", &needle[..150], needle, b"-"].concat();
    let expected = reference(&secrets, &text);
    for cut in 0..text.len() {
        assert_eq!(masked(&redactor, &text, &[2 * cut + 1]), expected);
    }
    for len in [1, 2, 7, 8, 9, 31] {
        for flush in [0, 1] {
            let cuts = vec![2 * len + flush; text.len() / len];
            assert_eq!(masked(&redactor, &text, &cuts), expected);
        }
    }
}

#[test]
fn a_short_one_is_found_wherever_the_text_before_was_released() {
    for (secret, wrapped) in [(b"ABCDEFGH".as_slice(), false), (b"ABCDEFGHIJKLMNO", true)] {
        let redactor = redactor(1, &[vec![(secret.to_vec(), wrapped)]]);
        for (released, more, cut) in (0..12).flat_map(|released| {
            (0..12).flat_map(move |more| (0..secret.len()).map(move |cut| (released, more, cut)))
        }) {
            let (mut masker, mut out) = (redactor.masker(), Vec::new());
            masker.push(&vec![b'.'; released], &mut out);
            masker.flush(&mut out);
            masker.push(&[&vec![b'-'; more], &secret[..cut]].concat(), &mut out);
            masker.push(&secret[cut..], &mut out);
            masker.finish(&mut out);
            let plain = [vec![b'.'; released], vec![b'-'; more]].concat();
            assert!(out.starts_with(&plain) && out.len() == plain.len() + BLANK.len());
        }
    }
}

#[test]
fn a_gate_found_later_may_lie_before_what_is_stepped() {
    let mut secrets = turns(b"", true);
    let long = last(3, &secrets);
    let long = secrets[long][0].0.clone();
    // Its gate is found at every byte, those of the long one at samples.
    secrets.push(vec![(long[3..12].to_vec(), true)]);
    let redactor = redactor(3, &secrets);
    let broken = [&long[..9], b"\n", &long[9..]].concat();
    for text in [long, broken] {
        for before in 0..8 {
            let text = [&b"........"[..before], &text, b"."].concat();
            let expected = reference(&secrets, &text);
            for cut in before..before + 40 {
                assert_eq!(masked(&redactor, &text, &[2 * cut + 1]), expected);
                assert_eq!(masked(&redactor, &text, &[2 * cut, 2, 2, 2]), expected);
            }
        }
    }
}

#[test]
fn what_was_stepped_before_a_gap_is_not_gone_on_from() {
    let needles = ["01234567", "abcdefgh-ijk", "h-ijkXYZ"];
    let secrets = needles.map(|needle| vec![(needle.as_bytes().to_vec(), true)]);
    for between in 0..40 {
        for gap in [
            "",
            " ",
            "\n",
            " \n",
            "..................",
            "\n..................",
        ] {
            let between = ".".repeat(between);
            let text = format!(
                "01234567{between}abcdefg{gap}h-ijkXYZ 0\n1234567{between}abcdefg{gap}h-ijk\nXYZ"
            );
            check(6, &secrets, text.as_bytes(), &[41]);
        }
    }
}

#[test]
fn what_was_stepped_of_what_is_gone_is_not_gone_on_from() {
    let needles = ["01234567", "abcdefgh-ijk", "h-ijkXYZ"];
    let secrets = needles.map(|needle| vec![(needle.as_bytes().to_vec(), false)]);
    let redactor = redactor(6, &secrets);
    for before in 0..8 {
        let (before, gap) = (".".repeat(before), ".".repeat(5000));
        let text = format!("{before}01234567.........abcdefg{gap}h-ijkXYZ");
        // What is before the last one is released and moved away before its gate is there.
        let cuts = [2 * (text.len() - 3) + 1];
        let expected = format!("{before}•s0•.........abcdefg{gap}•s2•");
        let found = masked(&redactor, text.as_bytes(), &cuts);
        assert_eq!(String::from_utf8(found).unwrap(), expected);
    }
}

#[test]
fn the_last_needle_takes_its_gate_away() {
    let mut grams = Grams::new();
    for hash in [7 << 40, 8 << 40] {
        grams.open(hash);
        grams.open(hash);
    }
    for hash in [7 << 40, 8 << 40] {
        grams.close(hash);
        assert!(grams.is_gate(hash));
        grams.close(hash);
        assert!(!grams.is_gate(hash));
    }
    assert!(grams.is_empty());
}

#[test]
fn a_wrapped_one_is_found_wherever_a_line_ends_in_it() {
    let secrets = turns(b"", true);
    let redactor = redactor(3, &secrets);
    let last = last(3, &secrets);
    let needle = &secrets[last][0].0;
    for at in 1..LEN {
        for ending in ["\n", "\r\n"] {
            let (before, after) = needle.split_at(at);
            let text = [b"...", before, ending.as_bytes(), after, b"..."].concat();
            let near = (3 + at) * 2;
            for cuts in [vec![], vec![near + 1], vec![near + 2, 3]] {
                assert_eq!(
                    masked(&redactor, &text, &cuts),
                    format!("...•s{last}•...").as_bytes(),
                    "{ending:?} at {at}"
                );
            }
        }
    }
    // Behind bytes that wrapped needles have, a gram may be any of those of the gate.
    for at in 1..20 {
        for known in 0..24 {
            let (before, after) = needle.split_at(at);
            let text = [&[b'K'; 24][..known], before, b"\n", after].concat();
            let expected = reference(&secrets[last..=last], &text);
            let expected = String::from_utf8(expected).unwrap();
            let expected = expected.replace("•s0•", &format!("•s{last}•"));
            assert_eq!(masked(&redactor, &text, &[]), expected.as_bytes());
        }
    }
    for width in [1, 2, 7, 14, 15, 64] {
        let lines: Vec<u8> = needle
            .chunks(width)
            .flat_map(|line| [line, b"\r\n"].concat())
            .collect();
        check(3, &secrets, &lines, &[33, 90, 4, 7, 250]);
    }
}

#[test]
fn short_ones_are_found_wherever_a_line_ends_in_them() {
    for len in 1..20 {
        for wrapped in [false, true] {
            let needle: Vec<u8> = (b'a'..).take(len).collect();
            let secrets = [vec![(needle.clone(), wrapped)]];
            let redactor = redactor(5, &secrets);
            for at in 0..len {
                for ending in ["", "\n", "\r", "\r\n", "\n\n"] {
                    let (before, after) = needle.split_at(at);
                    let text = [b"abc", before, ending.as_bytes(), after, b".ab"].concat();
                    let expected = reference(&secrets, &text);
                    for cut in 0..text.len() {
                        let found = masked(&redactor, &text, &[2 * cut + 1]);
                        assert_eq!(found, expected, "{ending:?} at {at} of {len}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_gate_stays_as_long_as_one_needs_it() {
    let short = |n: usize| vec![(format!("sk_live_{n:03}").into_bytes(), n.is_multiple_of(2))];
    let short: Vec<Vec<Needle>> = (0..2 * TURNS).map(short).collect();
    // Of each gate there are two needles.
    let mut long = [turns(b"x", true), turns(b"y", true)];
    long.iter_mut().for_each(|turns| turns.truncate(54));
    for secrets in [short, long.concat()] {
        let last = last(8, &secrets);
        let (needle, wrapped) = &secrets[last][0];
        for wrap in [false, *wrapped] {
            let redactor = redactor(8, &secrets);
            let (before, after) = needle.split_at(5);
            let ending = if wrap { "\n" } else { "" };
            let text = [before, ending.as_bytes(), after].concat();
            for gone in 0..last {
                assert!(redactor.forget(&name(gone)));
                if gone % 4 != 0 && gone + 20 < last {
                    continue;
                }
                let expected = format!("•s{last}•");
                assert_eq!(masked(&redactor, &text, &[]), expected.as_bytes(), "{gone}");
            }
            for gone in last..secrets.len() {
                assert!(redactor.forget(&name(gone)));
            }
            assert_eq!(masked(&redactor, &text, &[]), text);
            assert_eq!(redactor.counts().in_automata, 0);
        }
    }
}

#[test]
fn a_gate_that_begins_in_what_is_overwritten_hides_none_behind_it() {
    // With the zeros that what is released is overwritten with, a sample is a gate of the longer
    // one, and ends with the text: there the short one has begun, and its gate is not whole.
    let long = b"\0\0b\0\0aa".repeat(4);
    let crowd = (0..18).map(|n| ([vec![b'z'; n], long.clone()].concat(), false));
    let short = b"aa\0\0b\0\0a".to_vec();
    let secrets = [
        [
            vec![(long[..15].to_vec(), false), (long.clone(), false)],
            crowd.collect(),
        ]
        .concat(),
        vec![(short.clone(), false)],
    ];
    for before in [&b"\0\0"[..], b"\0\0\0\0\0\0\0\0\0\0", b"..", b"12345678.."] {
        let text = [before, &short].concat();
        for len in 1..4 {
            check(1, &secrets, &text, &vec![2 * len; text.len()]);
            check(1, &secrets, &text, &vec![2 * len + 1; text.len()]);
        }
    }
}

/// More of them around line endings that follow each other than are looked up at once.
#[test]
fn many_around_one_run_of_line_endings_are_all_found() {
    for len in [10, 24] {
        let secrets: Vec<Vec<Needle>> = (0..150_u32)
            .map(|n| {
                let letters = (0..len).map(|i| {
                    let mixed = (n * 131 + i + 1).wrapping_mul(0x9e37_79b9) >> 24;
                    b'a' + (mixed % 26) as u8
                });
                vec![(letters.collect(), true)]
            })
            .collect();
        let needles = secrets.iter().flatten();
        let text: Vec<u8> = needles
            .flat_map(|(needle, _)| needle)
            .flat_map(|byte| [*byte, b'\n'])
            .collect();
        check(4, &secrets, &text, &[]);
        check(5, &secrets, &text, &[1001, 3000]);
    }
}

/// What is around an ending is looked at again when there is more of it, up to the last byte that
/// a window may have; wherever samples are, of the text and of what is around.
#[test]
fn one_that_comes_in_two_parts_is_found_wherever_a_line_ends_in_it() {
    let value: Vec<u8> = (b'A'..).take(15).collect();
    let secrets = [vec![(value.clone(), true)]];
    let redactor = redactor(11, &secrets);
    let places = (0..8).flat_map(|before| (0..8).map(move |front| (before, front)));
    for (before, front) in places {
        for broken in 1..value.len() {
            let (head, tail) = value.split_at(broken);
            let (before, front) = (&[b'-'; 8][..before], &[b'A'; 8][..front]);
            let text = [before, front, head, b"\n", tail, b" -"].concat();
            let expected = reference(&secrets, &text);
            for cut in 0..text.len() {
                let found = masked(&redactor, &text, &[2 * cut]);
                assert!(
                    found == expected,
                    "{} {} {broken} {cut}",
                    before.len(),
                    front.len()
                );
            }
        }
    }
}
