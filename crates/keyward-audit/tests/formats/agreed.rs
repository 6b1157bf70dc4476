//! What everyone agrees on: cases that each verifier judges alike.

mod notes;
mod texts;

use std::thread;

use keyward_audit::tree::{Hash, leaf, prove};
use keyward_audit::{Checkpoint, KeyName, Proof, VerifierKey};
use keyward_base::encoding::hex;

use self::notes::hostile_notes;
use self::texts::texts;
use crate::exports::{Log, key, made};
use crate::notes::{signed, signer};
use crate::others::{Cases, Kind};
use crate::trees::{Tree, provider};

const NAME: &str = "example.org/log";

#[test]
fn each_verifier_says_the_same() {
    let parts: [fn(&mut Cases); 7] = [
        damaged_exports,
        damaged_notes_and_proofs,
        runs,
        proofs,
        growths,
        hostile_notes,
        texts,
    ];
    let parts = thread::scope(|scope| {
        let made = parts.map(|part| {
            scope.spawn(move || {
                let mut cases = Cases::default();
                part(&mut cases);
                cases
            })
        });
        made.map(|part| part.join().unwrap())
    });
    let mut all = Cases::default();
    parts.into_iter().for_each(|part| all.append(part));
    all.compare();
}

/// Each bit of a small export counts, and each byte.
fn damaged_exports(cases: &mut Cases) {
    let file = Log::of(7, &[5]).export(4, 6);
    assert!(cases.add(Kind::Export, &[key()], file.as_bytes(), &[]));
    cases.add_damaged();
    let file = Log::of(0, &[]).export(0, 0);
    assert!(cases.add(Kind::Export, &[key()], file.as_bytes(), &[]));
    cases.add_damaged();
}

fn damaged_notes_and_proofs(cases: &mut Cases) {
    let (proof, keys) = proof(5, 11);
    assert!(cases.add(Kind::Proof, &keys, proof.text().as_bytes(), &[5]));
    cases.add_damaged();
    assert!(cases.add(Kind::Checkpoint, &keys, proof.checkpoint.as_bytes(), &[]));
    cases.add_damaged();
    assert!(cases.add(Kind::Key, &[], keys[0].to_string().as_bytes(), &[]));
    cases.add_damaged();
}

/// Exports of runs, of sizes around powers of two, and with entries that were erased.
fn runs(cases: &mut Cases) {
    for size in [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33] {
        let mut log = Log::of(size, &[2, 5, 16]);
        let ends =
            (0..=size).filter(|end| size < 6 || [0, 1, 3, size / 2, size - 1, size].contains(end));
        for from in ends.clone() {
            for until in ends.clone().filter(|until| *until >= from) {
                let file = log.export(from, until);
                assert!(cases.add(Kind::Export, &[key()], file.as_bytes(), &[]));
            }
        }
    }
    // Forms of one.
    let file = Log::of(5, &[2]).export(1, 4);
    let other = signer(key().name().as_str(), 6).0;
    let forms = [
        file.replace(&key().to_string(), &other.to_string()),
        file.replace("\"seq\":1", "\"seq\":01"),
        file.replace("\"seq\":1", "\"seq\":1.0"),
        file.replace("\"seq\":1", "\"seq\":1e0"),
        file.replace("\"seq\":1", "\"seq\":\"1\""),
        file.replace("\"seq\":1,", "\"seq\":1,\"seq\":1,"),
        file.replace("\"seq\":1", "\"Seq\":1"),
        file.replace("\"from\":1", "\"from\":-1"),
        file.replace("\"from\":1", "\"from\":4611686018427387905"),
        file.replace("\"until\":4", "\"until\":9223372036854775807"),
        file.replace("\"until\":4", "\"until\":18446744073709551616"),
        file.replace("\"until\":4", "\"until\":5"),
        file.replace("\"until\":4", "\"until\":3"),
        file.replace("\"class\":\"std\"", "\"class\":\"\""),
        file.replace("\"class\":\"std\"", "\"class\":\"s\\u0074d\""),
        file.replace("\"class\":\"std\"", "\"class\":\"std\\u0000\""),
        file.replace("\"class\":\"std\"", "\"class\":\"Std\""),
        file.replace("\"class\":\"std\"", "\"class\":\"stdstdstdstdstdst\""),
        file.replace("\"left\":[", "\"left\":null,\"_\":["),
        file.replace("\"left\":[\"", "\"left\":[\"\",\""),
        file.replace("\"right\":[\"", "\"right\":[ \""),
        file.replace("\"right\":[", "\"right\":[],\"right\":["),
        file.replace("\\n\\n", "\\n\\u000a"),
        file.replace('\u{2014}', "\\u2014"),
        file.replace('\n', "\r\n"),
        file.replace('\n', " \n"),
        format!("\u{feff}{file}"),
        format!("{file}\n"),
        format!("{file}{file}"),
        file.trim_end().to_owned(),
        file.replace("{\"v\":2", &format!("{}{{\"v\":2", " ".repeat(70_000))),
    ];
    for form in forms {
        assert_ne!(form, file);
        assert!(
            !cases.add(Kind::Export, &[key()], form.as_bytes(), &[]),
            "{form}"
        );
    }
    // Signed, and of days that go back.
    let of_day = |i: u64, day| made(i, day, texts::plain());
    for (first, second) in [(5, 5), (0, u32::MAX), (5, 4)] {
        let log = Log::from_entries(vec![of_day(0, first), of_day(1, second)]);
        let file = { log }.export(0, 2);
        let good = cases.add(Kind::Export, &[key()], file.as_bytes(), &[]);
        assert_eq!(good, first <= second);
    }
    let both = [key(), other.clone()];
    assert!(cases.add(Kind::Export, &both, file.as_bytes(), &[]));
    assert!(!cases.add(Kind::Export, &[other], file.as_bytes(), &[]));
    assert!(!cases.add(Kind::Export, &[], file.as_bytes(), &[]));
}

/// That leaf `index` is in the log of so many, each of one byte.
fn proof(index: u8, size: u8) -> (Proof, [VerifierKey; 1]) {
    let mut tree = Tree::of((0..size).map(|i| leaf(&provider(), &[i])));
    let (nth, size) = (u64::from(index), u64::from(size));
    let checkpoint = checkpoint(size, tree.root());
    let proof = Proof {
        index: nth,
        hashes: prove::inclusion(&provider(), &mut tree, nth, size).unwrap(),
        checkpoint: signed(&checkpoint.text(), &[(NAME, 6)]).unwrap(),
    };
    (proof, [signer(NAME, 6).0])
}

fn checkpoint(size: u64, root: Hash) -> Checkpoint {
    Checkpoint {
        origin: KeyName::new(NAME).unwrap(),
        size,
        root,
    }
}

fn proofs(cases: &mut Cases) {
    for size in [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33] {
        for index in
            (0..size).filter(|i| size < 10 || [0, 1, size / 2, size - 2, size - 1].contains(i))
        {
            let (proof, keys) = proof(index, size);
            let text = proof.text();
            assert!(cases.add(Kind::Proof, &keys, text.as_bytes(), &[index]));
            assert!(!cases.add(Kind::Proof, &keys, text.as_bytes(), &[index + 1]));
            for other in [index + 1, size] {
                let other = Proof {
                    index: u64::from(other),
                    ..proof.clone()
                };
                // One that is alone in its level is where any greater number would be.
                assert!(!cases.add(Kind::Proof, &keys, other.text().as_bytes(), &[index]));
            }
        }
    }
    let (proof, keys) = proof(5, 11);
    let text = proof.text();
    let line = text.lines().nth(2).unwrap();
    let forms = [
        text.replace("index 5", "extra AAAA\nindex 5"),
        text.replace("index 5\n", "index 5\nextra AAAA\n"),
        text.replace("index 5", "index 05"),
        text.replace("index 5", "index +5"),
        text.replace("index 5", "index 5 "),
        text.replace("index 5", "index \u{0665}"),
        text.replace("index 5", "index 9223372036854775807"),
        text.replace("index 5", "index 9223372036854775808"),
        text.replace("@v1", "@v2"),
        text.replace(line, &stray(line)),
        text.replace(line, &format!("{line}\n{line}")),
        text.replace(&format!("{line}\n"), ""),
        text.replace(line, ""),
        text.replace('\n', "\r\n"),
        text.replace(
            "index 5\n",
            &format!("index 5\n{}", format!("{line}\n").repeat(64)),
        ),
        format!("{text}\n"),
        format!("{text}{}", "x".repeat(64 * 1024)),
    ];
    for form in forms {
        assert!(
            !cases.add(Kind::Proof, &keys, form.as_bytes(), &[5]),
            "{form}"
        );
    }
}

/// Base64 whose unused bits are not all zero.
fn stray(text: &str) -> String {
    let (front, last) = text
        .trim_end_matches('=')
        .split_at(text.trim_end_matches('=').len() - 1);
    let next = char::from(last.as_bytes()[0] + 1);
    let padding = &text[front.len() + 1..];
    format!("{front}{next}{padding}")
}

/// Consistency between all sizes up to 17, and hashes that are not those of a proof.
fn growths(cases: &mut Cases) {
    let trees: Vec<Tree> = (0..18_u8)
        .map(|size| Tree::of((0..size).map(|i| leaf(&provider(), &[i]))))
        .collect();
    let lines = |old: (u64, Hash), new: (u64, Hash), proof: &[Hash]| {
        let mut lines = vec![
            old.0.to_string(),
            hex(&old.1),
            new.0.to_string(),
            hex(&new.1),
        ];
        lines.extend(proof.iter().map(|hash| hex(hash)));
        lines.join("\n")
    };
    let add = |cases: &mut Cases, old, new, proof: &[Hash]| {
        cases.add(Kind::Growth, &[], lines(old, new, proof).as_bytes(), &[])
    };
    for new in 0..18_u8 {
        let mut tree = Tree::of((0..new).map(|i| leaf(&provider(), &[i])));
        let new = u64::from(new);
        for (old, of_old) in (0..=new).zip(&trees) {
            let proof = prove::consistency(&provider(), &mut tree, old, new).unwrap();
            let (first, second) = ((old, of_old.root()), (new, tree.root()));
            assert!(add(cases, first, second, &proof));
            add(cases, second, first, &proof);
            add(cases, (old + 1, first.1), second, &proof);
            add(cases, first, (new + 1, second.1), &proof);
            add(cases, (old, [9; 32]), second, &proof);
            add(cases, first, (new, [9; 32]), &proof);
            add(cases, first, second, &[&proof[..], &[[0; 32]]].concat());
            for at in 0..proof.len() {
                let mut other = proof.clone();
                other[at][7] ^= 4;
                assert!(!add(cases, first, second, &other));
                other.remove(at);
                assert!(!add(cases, first, second, &other));
            }
        }
    }
}
