//! What an automaton finds is merged while it is stepped; what is looked for by a window is
//! compared in blocks, and not where automata are stepped anyway.

use super::{Needle, add, check, masked, name, redactor, reference_of};

#[test]
fn who_shares_a_gate_goes_to_the_automaton_too() {
    let secrets = |count| {
        let value = |n: usize| vec![(format!("sk_live_{n:08}").into_bytes(), false)];
        (0..count).map(value).collect::<Vec<Vec<Needle>>>()
    };
    // The first of them were registered while what they begin with was rare.
    let known = secrets(60);
    assert_eq!(redactor(4, &known).counts().in_automata, 60);
    assert_eq!(redactor(4, &secrets(3)).counts().in_automata, 0);
    let text = known.concat().into_iter().flat_map(|(bytes, _)| bytes);
    check(4, &known, &text.collect::<Vec<u8>>(), &[31, 40, 77]);
}

#[test]
fn what_makes_a_hit_longer_step_by_step_is_one_mask() {
    // Each begins in what all before it cover, beyond the end of the first.
    let base: Vec<u8> = (b'A'..=b'z').collect();
    let ladder = (0..base.len() - 8).step_by(4);
    let ladder = ladder.map(|at| vec![(base[at..at + 8].to_vec(), at % 8 == 0)]);
    let ladder: Vec<Vec<Needle>> = ladder.collect();
    let texts = [
        base.clone(),
        [&base[..30], b"..", &base[10..40], &base[2..21], &base].concat(),
        base.repeat(3),
    ];
    for text in &texts {
        check(6, &ladder, text, &[90, 13, 200]);
        // One of them is forgotten: the mask ends there.
        for gone in 0..ladder.len() {
            let redactor = redactor(6, &ladder);
            let _ = redactor.text("so that there is an automaton");
            assert!(redactor.forget(&name(gone)));
            let left = ladder.iter().map(Vec::as_slice).enumerate();
            let left: Vec<_> = left.filter(|(n, _)| *n != gone).collect();
            let found = masked(&redactor, text, &[]);
            assert_eq!(found, reference_of(&left, text), "{gone}");
        }
    }
}

#[test]
fn the_longest_that_was_forgotten_hides_none_that_is_shorter() {
    let chain: Vec<Vec<Needle>> = (8..30).map(|len| vec![(vec![b'a'; len], false)]).collect();
    let redactor = redactor(7, &chain);
    let _ = redactor.text("so that there is an automaton");
    let mut left: Vec<_> = chain.iter().map(Vec::as_slice).enumerate().collect();
    let text = [vec![b'a'; 45], b".".to_vec(), vec![b'a'; 19]].concat();
    for gone in [21, 20, 5, 12, 13, 19] {
        assert!(redactor.forget(&name(gone)));
        left.retain(|(n, _)| *n != gone);
        let expected = reference_of(&left, &text);
        assert_eq!(masked(&redactor, &text, &[]), expected, "{gone}");
    }
}

#[test]
fn one_byte_that_differs_is_seen_wherever_it_is() {
    let mut state = 5_u64;
    let mut letters = |len: usize| -> Vec<u8> {
        let mut letter = || {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(99);
            b'A' + (state >> 40) as u8 % 50
        };
        (0..len).map(|_| letter()).collect()
    };
    let redactor = redactor(8, &[]);
    // Together longer than what they lie under in memory.
    for n in 0..24 {
        let value = letters(260 + n);
        add(&redactor, n, &[(value.clone(), n % 2 == 0)]);
        let text = [b"..".as_slice(), &value, b".."].concat();
        let mask = format!("..•s{n}•..");
        assert_eq!(masked(&redactor, &text, &[]), mask.as_bytes());
        for at in 0..value.len() {
            let mut other = text.clone();
            other[at + 2] ^= 1;
            assert_eq!(masked(&redactor, &other, &[]), other, "{at} of {n}");
        }
    }
}

#[test]
fn what_goes_on_from_before_a_forgotten_one_leaves_no_gap() {
    let base: Vec<u8> = (b'A'..=b'Z').collect();
    let parts = [0..10, 12..20, 8..22, 11..20];
    let secrets = parts.map(|part| vec![(base[part].to_vec(), false)]);
    let redactor = redactor(3, &secrets);
    let _ = redactor.text("so that there is an automaton");
    assert!(redactor.forget(&name(3)));
    assert_eq!(masked(&redactor, &base, &[]), "•s0•WXYZ".as_bytes());
}

#[test]
fn bytes_that_differ_alike_are_seen_forwards_and_backwards() {
    // What all begin with is not rare: each is looked for by what it has behind it.
    let shared: Vec<u8> = (0..150_u8).map(|n| 100 ^ n).collect();
    let value = |n: u8| -> Vec<u8> {
        let own = (0..150_u8).map(|i| i.wrapping_mul(7) ^ n.wrapping_mul(85));
        shared.iter().copied().chain(own).collect()
    };
    let secrets = [1, 2, 3].map(|n| vec![(value(n), false)]);
    let redactor = redactor(3, &secrets);
    assert_eq!(redactor.counts().in_automata, 0);
    for n in 1..4_u8 {
        let whole = value(n);
        let mask = format!("•s{}•", n - 1);
        assert_eq!(masked(&redactor, &whole, &[]), mask.as_bytes());
        for (at, pair) in (0..whole.len() - 1).flat_map(|at| [(at, false), (at, true)]) {
            let mut other = whole.clone();
            other[at] ^= 1;
            other[at + 1] ^= u8::from(pair);
            assert_eq!(masked(&redactor, &other, &[]), other, "{at} of {n}");
        }
    }
}
