//! Texts of entries.

use keyward_audit::Entry;
use keyward_base::Timestamp;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::exports::event;
use crate::others::{Cases, Kind};

/// The text of an entry with few members.
pub(super) fn plain() -> String {
    Entry::of(&event(0), event(0).at).text().unwrap()
}

/// Texts of entries: each bit of one with all members, forms of others, and pieces of JSON at
/// random places.
pub(super) fn texts(cases: &mut Cases) {
    let text = |i| {
        Entry::of(&event(i), Timestamp::from_millis(u64::MAX))
            .text()
            .unwrap()
    };
    let whole = text(3);
    assert!(cases.add(Kind::Entry, &[], whole.as_bytes(), &[]));
    for bit in 0..whole.len() * 8 {
        let mut other = whole.clone().into_bytes();
        other[bit / 8] ^= 1 << (bit % 8);
        cases.add(Kind::Entry, &[], &other, &[]);
    }
    let plain = text(0);
    let numbers = [
        "0",
        "-0",
        "00",
        "1",
        "1.0",
        "1e1",
        "1E1",
        "-1",
        "9007199254740991",
        "9007199254740992",
        "\"9007199254740991\"",
        "\"9007199254740992\"",
        "\"18446744073709551615\"",
        "\"18446744073709551616\"",
        "18446744073709551616",
        "\"+9007199254740992\"",
        "\"09007199254740992\"",
        "\"\"",
        "null",
        "true",
        "[1]",
        "{}",
        "NaN",
        "Infinity",
        "0x10",
        "\"\\u0039007199254740992\"",
        "1 ",
        "\"9007199254740992 \"",
    ];
    let at = event(0).at.as_millis().to_string();
    for number in numbers {
        cases.add(Kind::Entry, &[], plain.replace(&at, number).as_bytes(), &[]);
    }
    let strings = [
        "",
        "\\u0000",
        "\\u001f",
        "\\u001F",
        "\\u0009",
        "\\t",
        "\\b",
        "\\f",
        "\\n",
        "\\r",
        "\\/",
        "/",
        "\\\\",
        "\\\"",
        "\"",
        "\\",
        "\\u0020",
        "\\u007f",
        "\u{7f}",
        "\u{80}",
        "\u{2028}",
        "\u{e9}",
        "e\u{301}",
        "\\u00e9",
        "\u{1f600}",
        "\\ud83d\\ude00",
        "\\ud83d",
        "\\ude00",
        "\u{feff}",
        "\u{ffff}",
        "\u{10ffff}",
        "\t",
        "\0",
        "\\x",
        "\\u12",
        "<>&",
        "'",
    ];
    for string in strings {
        cases.add(
            Kind::Entry,
            &[],
            plain.replace("vault.open", string).as_bytes(),
            &[],
        );
    }
    let details = [
        "[]",
        "[[]]",
        "[[\"a\"]]",
        "[[\"a\",{}]]",
        "[[\"a\",{\"flag\":true}]]",
        "[[\"a\",{\"flag\":1}]]",
        "[[\"a\",{\"flag\":true,\"word\":\"b\"}]]",
        "[[\"a\",{\"flag\":true,\"flag\":true}]]",
        "[[\"a\",{\"Flag\":true}]]",
        "[[\"a\",{\"id\":\"b\"}],[\"c\",{\"digest\":\"d\"}]]",
        "[[\"a\",{\"id\":1}]]",
        "[[\"a\",{\"digest\":[1]}]]",
        "[[\"a\",{\"text\":\"b\"}]]",
        "[[\"a\",{\"other\":true}]]",
        "[[\"a\",\"flag\"]]",
        "[[\"a\",{\"flag\":true},1]]",
        "[[\"a\",{\"number\":\"1\"}]]",
        "[[\"a\",{\"time\":1}],[\"a\",{\"revision\":2}]]",
        "[[1,{\"flag\":true}]]",
        "{\"a\":{\"flag\":true}}",
        "null",
    ];
    for detail in details {
        let form = plain.replace('}', &format!(",\"detail\":{detail}}}"));
        cases.add(Kind::Entry, &[], form.as_bytes(), &[]);
    }
    let deep = "[".repeat(60_000);
    for form in [
        format!("[{plain}]"),
        format!("{plain}{plain}"),
        format!("{plain}\n"),
        format!("\u{feff}{plain}"),
        plain.replace("vault.open", &"x".repeat(64 * 1024)),
        plain.replace("vault.open", &"x".repeat(65_536 + 10 - plain.len())),
        plain.replace("vault.open", &"x".repeat(65_536 + 11 - plain.len())),
        deep.clone(),
        plain.replace('}', &format!(",\"detail\":{deep}}}")),
        "[1,5,\"vault.open\",\"granted\"]".to_owned(),
        "{}".to_owned(),
        String::new(),
    ] {
        cases.add(Kind::Entry, &[], form.as_bytes(), &[]);
    }
    at_random(cases, &[whole, plain, text(1), text(2)]);
}

fn at_random(cases: &mut Cases, seeds: &[String]) {
    let piece = select(vec![
        "\"",
        "\\",
        "\\u0061",
        ",",
        ":",
        "{",
        "}",
        "[",
        "]",
        "0",
        "1",
        "-",
        ".",
        "e",
        "null",
        "true",
        "false",
        " ",
        "\n",
        "\u{e9}",
        "\"staff\":true,",
        "\"found\":1,",
        "\"behind\":0,",
        "",
    ]);
    let edits = prop::collection::vec((any::<Index>(), 0..3_usize, piece), 1..3);
    let edits = (select(seeds.to_vec()), edits);
    let mut runner = TestRunner::deterministic();
    for _ in 0..1500 {
        let (mut text, edits) = edits.new_tree(&mut runner).unwrap().current();
        for (at, len, piece) in edits {
            let from = boundary(&text, at.index(text.len() + 1));
            let to = boundary(&text, (from + len).min(text.len())).max(from);
            text.replace_range(from..to, piece);
        }
        cases.add(Kind::Entry, &[], text.as_bytes(), &[]);
    }
}

/// The last boundary of a character up to there.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap()
}
