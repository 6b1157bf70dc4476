//! The engine beside a slow reference, which looks for every needle at every place of the whole
//! text, and merges what it finds.

#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

use std::io::Write as _;

use proptest::prelude::*;

mod cases;
mod forgetting;
mod gates;
mod grams;
mod history;
mod merging;
mod reference;
mod runs;
mod tables;
mod writers;

use cases::*;
use reference::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn output_equals_the_reference((seed, secrets, text, cuts) in case()) {
        check(seed, &secrets, &text, &cuts);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn flush_holds_back_beginnings_and_at_most_7_bytes_more((seed, secrets, text, _) in case()) {
        let redactor = redactor(seed, &secrets);
        let mut masker = redactor.masker();
        let mut out = Vec::new();
        for end in 1..=text.len().min(250) {
            masker.push(&text[end - 1..end], &mut out);
            masker.flush(&mut out);
            prop_assert!(masker.held() >= held(&secrets, &text[..end]));
        }
        // What is held although it begins nothing goes when 8 more bytes come.
        masker.push(b"!!!!!!!!", &mut out);
        masker.flush(&mut out);
        prop_assert_eq!(masker.held(), 0);
    }
}

#[test]
fn every_split_of_every_length() {
    for len in 1..40_u64 {
        let value: Vec<u8> = (b'A'..).take(len as usize).collect();
        let secrets = [vec![(value.clone(), false)], vec![(value.clone(), true)]];
        let broken: Vec<u8> = value
            .iter()
            .flat_map(|byte| [*byte, b'\r', b'\n'])
            .collect();
        let redactor = redactor(len, &secrets);
        for text in [[b"-".as_slice(), &value, b"-"].concat(), broken] {
            let expected = reference(&secrets, &text);
            for cut in 0..=text.len() {
                assert_eq!(masked(&redactor, &text, &[2 * cut + 1]), expected);
                assert_eq!(masked(&redactor, &text, &[2 * cut]), expected);
            }
        }
    }
}

#[test]
fn one_byte_at_a_time_with_a_flush_after_each() {
    let secrets = [
        vec![(b"abcdefghijklmnopqrst".to_vec(), true)],
        vec![(b"klmnopqrstuvwxyz".to_vec(), false)],
    ];
    let text = b"..abcdefghij\nklmnopqrst..abcdefghijklmnopqrstuvwxyz abcdefghijklmnopqrsabcdefgh";
    check(1, &secrets, text, &vec![3; text.len()]);
}

#[test]
fn hostile_texts_give_what_the_reference_gives() {
    let chain: Vec<Vec<Needle>> = (8..60)
        .map(|len| vec![(vec![b'a'; len], len % 2 == 0)])
        .collect();
    let ended = (8..60).map(|len| vec![([vec![b'a'; len], vec![b'z']].concat(), false)]);
    let ended: Vec<Vec<Needle>> = ended.collect();
    let prefixed = (0..50).map(|n| vec![(format!("sk_live_{n:02}").into_bytes(), n % 2 == 0)]);
    let prefixed: Vec<Vec<Needle>> = prefixed.collect();
    let texts: [Vec<u8>; 6] = [
        vec![b'a'; 300],
        [vec![b'a'; 150], b"z".to_vec()].concat().repeat(2),
        b"sk_live_".repeat(40),
        (0..50)
            .flat_map(|n| format!("sk_live_{n:02}").into_bytes())
            .collect(),
        b"a\n".repeat(200),
        b"aaaaaaa\n".repeat(40),
    ];
    for secrets in [&chain, &ended, &prefixed] {
        for text in &texts {
            check(3, secrets, text, &[21, 40, 7, 3, 90]);
        }
    }
}

#[test]
fn a_window_that_becomes_common_gives_way() {
    // All share one beginning of 40 bytes; what each has behind it comes in 30 others later on.
    let shared = "0123456789abcdefghijABCDEFGHIJ!$%&/()=?+";
    let tail = |n: usize| format!("<{n:03}-unique-tail-of-{n:03}>");
    let mut secrets: Vec<Vec<Needle>> = (0..30)
        .map(|n| vec![(format!("{shared}{}", tail(n)).into_bytes(), false)])
        .collect();
    for n in 0..30 {
        let others = (0..12).map(|other| {
            (
                format!("{}{other:02}{}", tail(n), tail(n)).into_bytes(),
                false,
            )
        });
        secrets.push(others.collect());
    }
    let text: Vec<u8> = secrets
        .iter()
        .flatten()
        .flat_map(|(needle, _)| [needle.as_slice(), b" "].concat())
        .collect();
    check(5, &secrets, &text, &[201; 40]);
    // Looked for by grams that are common, they would cost time without bound.
    assert_eq!(redactor(5, &secrets[..30]).counts().in_automata, 0);
    let redactor = redactor(5, &secrets);
    let in_automata = redactor.counts().in_automata;
    assert!(in_automata >= 14, "{in_automata}");
    for secret in 30..60 {
        assert!(redactor.forget(&name(secret)));
    }
    let text = &secrets[7][0].0;
    assert_eq!(redactor.bytes(text), "•••".as_bytes());
}

#[test]
fn a_new_secret_is_found_in_what_is_held_back() {
    let redactor = redactor(1, &[vec![(b"0123456789abcdef0123".to_vec(), false)]]);
    let mut log = redactor.stream(Vec::new());
    log.write_all(b"see 0123456789abc").unwrap();
    log.flush().unwrap();
    add(
        &redactor,
        1,
        &[(b"0123456789abc and so on".to_vec(), false)],
    );
    log.write_all(b" and so on.").unwrap();
    assert_eq!(log.finish().unwrap(), "see •••.".as_bytes());
}

#[test]
fn forgetting_one_leaves_what_it_overlaps_masked() {
    let redactor = redactor(
        1,
        &[
            vec![(b"AAAABBBBCCCCDDDD".to_vec(), false)],
            vec![(b"CCCCDDDDEEEEFFFF".to_vec(), false)],
        ],
    );
    let mut log = redactor.stream(Vec::new());
    log.write_all(b"x AAAABBBBCCCCDDDDEEEE").unwrap();
    log.flush().unwrap();
    assert!(redactor.forget(&name(0)));
    log.write_all(b"FFFF AAAABBBBCCCCDDDD").unwrap();
    let out = String::from_utf8(log.finish().unwrap()).unwrap();
    assert_eq!(out, "x ••• AAAABBBBCCCCDDDD");
}

#[test]
fn what_is_forgotten_leaves_nothing_behind() {
    let secrets: Vec<Vec<Needle>> = (0..40)
        .map(|n| {
            vec![
                (vec![b'a'; 8 + n], false),
                (format!("value-number-{n:04}").into_bytes(), true),
                (format!("short-{n:03}").into_bytes(), false),
            ]
        })
        .collect();
    let redactor = redactor(9, &secrets);
    for secret in 0..40 {
        assert!(redactor.forget(&name(secret)));
    }
    let counts = redactor.counts();
    assert_eq!(
        (counts.needles, counts.bytes, redactor.most_held()),
        (0, 0, 0)
    );
    let text = b"aaaaaaaaaaaaaaaa value-number-0007 short-003";
    assert_eq!(redactor.bytes(text), text);
    let mut masker = redactor.masker();
    let mut out = Vec::new();
    masker.push(text, &mut out);
    assert_eq!(masker.held(), 0);
}

#[test]
fn of_the_same_bytes_the_one_registered_first_gives_the_name() {
    // As they are and wrapped, in automata; the second is in the newer one.
    for wrapped in [false, true] {
        let redactor = redactor(2, &[vec![(b"abc".to_vec(), wrapped)]]);
        let _ = redactor.text("so that there is an automaton");
        add(&redactor, 1, &[(b"abc".to_vec(), !wrapped)]);
        let out = masked(&redactor, b"xabcx", &[]);
        assert_eq!(String::from_utf8_lossy(&out), "x•s0•x");
    }
}

#[test]
fn what_is_stepped_of_a_text_that_is_held_back_is_not_stepped_again() {
    let secrets = [
        vec![(b"4567abcd123zzzzzz".to_vec(), false)],
        vec![(b"1234567".to_vec(), false)],
    ];
    check(3, &secrets, b"4567abcd123x", &[22]);
}

#[test]
fn one_with_a_line_ending_in_it_is_held_back_as_it_is() {
    let needle = b"first line\nsecond line".to_vec();
    let len = needle.len();
    let secrets = [vec![(needle.clone(), true)]];
    let redactor = redactor(3, &secrets);
    for cut in 1..len {
        let found = masked(&redactor, &needle, &[2 * cut + 1]);
        assert_eq!(String::from_utf8_lossy(&found), "•s0•", "cut at {cut}");
    }
}

#[test]
fn a_long_text_in_pieces_of_every_length() {
    // Longer than what is taken at once, what is moved to the front, and what costs little to know.
    let long: Vec<u8> = (0..6000_u32).map(|n| b'A' + (n * n % 53) as u8).collect();
    let secrets = [
        vec![(long.clone(), true), (b"ab".to_vec(), false)],
        vec![
            (b"value-of-fifteen".to_vec(), true),
            (long[40..49].to_vec(), true),
        ],
        vec![(long[5900..].to_vec(), false)],
    ];
    let broken: Vec<u8> = long
        .chunks(64)
        .flat_map(|line| [line, b"\r\n"].concat())
        .collect();
    let mut text = Vec::new();
    for n in 0..24_usize {
        text.extend_from_slice(&long[..n * 251]);
        text.extend_from_slice(b" value-of-fif\nteen, ab\n");
        text.extend_from_slice(if n % 3 == 0 { &broken } else { &long[n..] });
    }
    let expected = reference(&secrets, &text);
    let redactor = redactor(6, &secrets);
    for len in [701, 4095, 4097, 30_000, 65_537, text.len()] {
        for flush in [0, 1] {
            assert!(masked(&redactor, &text, &vec![2 * len + flush; text.len() / len]) == expected);
        }
    }
}
