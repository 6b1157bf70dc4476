//! JSON: what comes out is JSON, and equals what came in but for what was secret.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use keyward_redact::json::ReadAs;
use keyward_redact::{Conversation, Redactor};
use proptest::strategy::{Strategy, ValueTree as _};
use proptest::test_runner::TestRunner;
use proptest::{collection, option, prop_assert_eq, prop_oneof, proptest, sample};

use crate::{TOKEN, knowing, knowing_token};

/// What must come out, for what came in, and what it was read as.
#[track_caller]
fn gives(redactor: &Redactor, text: &str, masked: &str, read_as: ReadAs) {
    let out = redactor.json(text.as_bytes());
    assert_eq!(String::from_utf8(out.bytes).unwrap(), masked);
    assert_eq!(out.read_as, read_as, "{text}");
}

fn parses(text: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
}

#[test]
fn strings_are_matched_by_what_they_say() {
    let redactor = knowing(&[("a", b"pass\"word\\ \xc3\xa9\xf0\x9f\x94\x91\n/x")]);
    let gives = |text, masked| gives(&redactor, text, masked, ReadAs::Document);
    gives(r#"["pass\"word\\ é🔑\n/x"]"#, r#"["•••"]"#);
    gives(
        r#"["pass\u0022word\u005c \u00e9\ud83d\uDD11\u000A\/x"]"#,
        r#"["\u2022\u2022\u2022"]"#,
    );
    gives(
        r#" { "k" : "\u0070\u0061ss\"word\\ é🔑\n/x and\ttab" , "n":1.50e+3 } "#,
        r#" { "k" : "••• and\ttab" , "n":1.50e+3 } "#,
    );
    // What a string itself spells as a number stays a number.
    gives(
        r#"["\u003cb\u003e<\/b>é pass\"word\\ é🔑\n/x\"\\\b\f\r\t\u0001"]"#,
        r#"["\u003cb\u003e<\/b>é •••\"\\\b\f\r\t\u0001"]"#,
    );
}

#[test]
fn what_is_not_secret_keeps_every_byte() {
    let redactor = knowing_token();
    let long = "9".repeat(400);
    for text in [
        "{}",
        "[]",
        "\"\"",
        "0",
        " null\n",
        "-0.0E-00",
        &long,
        &format!("[-{long}.{long}e{long}]"),
        "{\"a\":1,\"a\":1,\"\\u0061\":2}",
        "[\"\\ud800\",\"\\udc00\\ud800\",\"\\ud83d\\ude00\",\"\\/\\b\"]",
        "\t[ true ,\r\n false , null ]\r\n",
        "{\"•••\":\"•\"}",
    ] {
        gives(&redactor, text, text, ReadAs::Document);
    }
    gives(
        &redactor,
        "{}\n[]\r\n 3 ",
        "{}\n[]\r\n 3 ",
        ReadAs::Documents,
    );
}

#[test]
fn surrogates_without_partner_stay_beside_a_mask() {
    let text = format!(r#"["\ud800{TOKEN}\udc00\ud83d\ude00é"]"#);
    let masked = r#"["\ud800\u2022\u2022\u2022\udc00\ud83d\ude00é"]"#;
    gives(&knowing_token(), &text, masked, ReadAs::Document);
}

#[test]
fn a_number_that_is_a_secret_becomes_a_string() {
    let digits = "7".repeat(400);
    let redactor = knowing(&[
        ("pin", b"4815162342"),
        ("price", b"-12.50e+10"),
        ("long", digits.as_bytes()),
    ]);
    let gives = |text: &str, masked| gives(&redactor, text, masked, ReadAs::Document);
    gives("[4815162342,-4815162342.5, 1]", r#"["•••","-•••.5", 1]"#);
    gives(r#"{"a":-12.50e+10}"#, r#"{"a":"•••"}"#);
    gives(&format!("[{digits}]"), r#"["•••"]"#);
    gives("4815162342", r#""•••""#);
}

#[test]
fn keys_are_masked_and_those_that_look_alike_numbered() {
    let redactor = knowing(&[("a", b"first-secret"), ("b", b"other-secret")]);
    let gives = |text, masked| gives(&redactor, text, masked, ReadAs::Document);
    gives(
        r#"{"first-secret":1,"other-secret":2,"x first-secret":3,"x other-secret y":4,"x first-secret y":5}"#,
        r#"{"•••":1,"•••2•":2,"x •••":3,"x ••• y":4,"x ••• y•2•":5}"#,
    );
    // The same before, the same after, however it was spelled; another object counts for itself.
    gives(
        r#"{"first-secret":1,"other-secret":{"other-secret":{}},"\u0066irst-secret":2}"#,
        r#"{"•••":1,"•••2•":{"•••":{}},"•••":2}"#,
    );
    // What was there before keeps its name, wherever it stands.
    gives(
        r#"{"first-secret":1,"•••":2,"•••2•":3,"\u0061":4,"a":5}"#,
        r#"{"•••3•":1,"•••":2,"•••2•":3,"\u0061":4,"a":5}"#,
    );
    gives(
        r#"{"first-secret\u00e9":1,"other-secret\u00e9":2}"#,
        r#"{"\u2022\u2022\u2022\u00e9":1,"\u2022\u2022\u2022\u00e9\u20222\u2022":2}"#,
    );
}

/// Secrets over the ends of the slices in which a long text is looked through, in both views.
#[test]
fn a_long_string_is_masked_wherever_its_secrets_lie() {
    let redactor = knowing(&[("a", b"abcdefgh"), ("b", b"gh-ijklmnop")]);
    let unit = "abcdefgh-ijklmnop.\\u0061bcdefgh .. ";
    let said = "x".repeat(65_500) + &unit.repeat(4000);
    let masked = said
        .replace("abcdefgh-ijklmnop", "•••")
        .replace("\\u0061bcdefgh", "•••");
    gives(
        &redactor,
        &format!("[\"{said}\"]"),
        &format!("[\"{masked}\"]"),
        ReadAs::Document,
    );
    let plain = said.replace("\\u0061", "a");
    let text = format!("{plain}\"");
    let masked = text
        .replace("abcdefgh-ijklmnop", "•••")
        .replace("abcdefgh", "•••");
    gives(&redactor, &text, &masked, ReadAs::Text);
    // Two that overlap where the first slice is decided.
    let slice = keyward_redact::masker::SLICE_LEN - redactor.most_held();
    for before in slice - 20..slice + 2 {
        let text = "x".repeat(before) + "abcdefgh-ijklmnop" + &"x".repeat(1000);
        let masked = text.replace("abcdefgh-ijklmnop", "•••");
        gives(&redactor, &text, &masked, ReadAs::Text);
    }
}

#[test]
fn many_keys_that_look_alike_cost_no_more_than_their_number() {
    let redactor = knowing(&[("a", b"first-secret")]);
    let keys = |f: &dyn Fn(u32) -> String| (0..3000).map(f).collect::<Vec<_>>().join(",");
    let taken = keys(&|i| format!(r#""•••{i}•":0"#));
    let secret = keys(&|i| {
        format!(
            r#""{}first-secret":{i}"#,
            if i % 2 == 0 {
                ""
            } else {
                "\\u0066irst-secretfirst-secret"
            }
        )
    });
    let text = format!("{{{taken},{secret}}}");
    let out = redactor.json(text.as_bytes());
    assert_eq!(out.read_as, ReadAs::Document);
    assert!(parses(&out.bytes));
}

/// One string: for each of its characters, what was found before is not walked over again.
#[test]
fn many_secrets_in_one_string_cost_no_more_than_their_number() {
    let redactor = knowing_token();
    let escaped = format!("\\u0067{}", &TOKEN[1..]);
    let masked = redactor.json(format!("[\"{}\"]", escaped.repeat(4000)).as_bytes());
    let expected = format!("[\"{}\"]", "•••".repeat(4000));
    assert_eq!(masked.bytes, expected.as_bytes());
}

#[test]
fn the_letter_of_an_escape_is_not_taken_for_the_beginning_of_a_secret() {
    let redactor = knowing(&[("n", b"new-password")]);
    let gives = |text, masked| gives(&redactor, text, masked, ReadAs::Document);
    // As it is written the secret is there, so it goes; but no escape is cut in two.
    gives(r#"["line\new-password end"]"#, r#"["line••• end"]"#);
    gives(r#"["\\new-password end"]"#, r#"["\\••• end"]"#);
    gives(
        r#"{"\new-password":"\\\new-password"}"#,
        r#"{"•••":"\\•••"}"#,
    );
    // A value that a program wrote between quotes as it is.
    let redactor = knowing(&[("path", br"C:\temp\new\x")]);
    assert_eq!(redactor.json(br#"["C:\temp\new\x"]"#).read_as, ReadAs::Text);
    let redactor = knowing(&[("path", br"C:\temp\new")]);
    self::gives(
        &redactor,
        r#"["a C:\temp\new b"]"#,
        r#"["a ••• b"]"#,
        ReadAs::Document,
    );
}

#[test]
fn both_views_of_a_string_are_clean_even_if_secrets_of_both_overlap() {
    let redactor = knowing(&[("a", b"abcdefgh\n"), ("b", br"gh\nijklmnop")]);
    // Said: the first; written: the second, which reaches further.
    gives(
        &redactor,
        r#"["x abcdefgh\nijklmnop y"]"#,
        r#"["x ••• y"]"#,
        ReadAs::Document,
    );
}

#[test]
fn a_secret_over_structure_is_masked_as_text_and_it_is_said() {
    let key = br#"{"client":"0123456789","user":"abcdefghij"}"#;
    let redactor = knowing(&[("key", key), ("token", TOKEN.as_bytes())]);
    let verbatim = format!(r#"{{"key":{},"n":1}}"#, std::str::from_utf8(key).unwrap());
    gives(
        &redactor,
        &verbatim,
        r#"{"key":•••,"n":1}"#,
        ReadAs::Spanned,
    );
    // Spelled otherwise, its strings are secret.
    let spaced = r#"{"key":{"client": "0123456789", "user": "abcdefghij"}}"#;
    let masked = r#"{"key":{"client": "•••", "user": "•••"}}"#;
    gives(&redactor, spaced, masked, ReadAs::Document);
    // As the text of a string.
    let quoted = serde_json::to_string(std::str::from_utf8(key).unwrap()).unwrap();
    gives(&redactor, &quoted, r#""•••""#, ReadAs::Document);
    // Beside one that text knows nothing of.
    let hidden = format!(
        "[{},\"\\u0067{}\"]\n",
        std::str::from_utf8(key).unwrap(),
        &TOKEN[1..]
    );
    gives(&redactor, &hidden, "[•••,\"•••\"]\n", ReadAs::Spanned);
}

#[test]
fn a_secret_that_begins_or_ends_in_structure_spans_it() {
    let redactor = knowing(&[
        ("a", b"\":\"abcdefgh"),
        ("b", b"}]}]}]}]"),
        ("c", b"xy\"],[[],"),
    ]);
    let gives = |text, masked| gives(&redactor, text, masked, ReadAs::Spanned);
    gives(r#"{"k":"abcdefghij"}"#, r#"{"k•••ij"}"#);
    gives(
        r#"[{"a":[{"a":[{"a":[{"a":1}]}]}]}]"#,
        r#"[{"a":[{"a":[{"a":[{"a":1•••"#,
    );
    gives(r#"[["xy"],[[],2]]"#, r#"[["•••2]]"#);
}

#[test]
fn the_quote_that_a_number_gets_completes_no_secret() {
    let redactor = knowing(&[("pin", b"4815162342"), ("odd", br#"{"k":"12"#)]);
    let out = redactor.json(br#"{"k":124815162342}"#);
    assert_eq!(redactor.bytes(&out.bytes), out.bytes);
    assert_eq!(out.read_as, ReadAs::Spanned);
}

/// Nor do the digits of a mask that is written as an escape.
#[test]
fn an_escaped_mask_completes_no_secret() {
    let redactor = knowing(&[("a", b"secret-number-one"), ("b", b"2022abcdefgh")]);
    let out = redactor.json(br#"["\u00e9 secret-number-oneabcdefgh"]"#);
    let text = String::from_utf8(out.bytes).unwrap();
    assert!(!text.contains("2022abcdefgh"), "{text}");
    assert_eq!(out.read_as, ReadAs::Spanned);
    let out = redactor.json(br#"["\u00e9 secret-number-one abcdefgh"]"#);
    assert_eq!(out.bytes, br#"["\u00e9 \u2022\u2022\u2022 abcdefgh"]"#);
}

/// Takes five bytes every other time.
struct Failing(Vec<u8>, bool);

impl std::io::Write for Failing {
    fn write(&mut self, piece: &[u8]) -> std::io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(std::io::ErrorKind::WouldBlock.into());
        }
        let piece = piece.get(..5).unwrap_or(piece);
        self.0.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_error_of_the_writer_loses_and_doubles_no_line() {
    use std::io::Write as _;
    let mut lines = knowing_token().json_lines(Failing(Vec::new(), false));
    let text = format!("{{\"a\":\"{TOKEN}\"}}\nplain {TOKEN} x\n");
    for piece in text.as_bytes().chunks(7) {
        for _ in 0..100 {
            if lines.write(piece).is_ok_and(|taken| taken == piece.len()) {
                break;
            }
        }
    }
    while lines.flush().is_err() {}
    let out = lines.finish().unwrap().0;
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "{\"a\":\"•••\"}\nplain ••• x\n"
    );
}

#[test]
fn what_is_not_json_is_text_and_it_is_said() {
    let redactor = knowing_token();
    let texts = [
        "",
        " \n",
        "{",
        "[1,]",
        "[,]",
        "{\"a\":1,}",
        "{\"a\"}",
        "{a:1}",
        "{1:1}",
        "[1 2]",
        "1 2",
        "{}{}",
        "{} {}",
        "01",
        "1.",
        ".5",
        "-",
        "1e",
        "+1",
        "0x10",
        "NaN",
        "Infinity",
        "nul",
        "trueish",
        "\"\t\"",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\\u12",
        "'a'",
        "[}",
        "{]",
        "]",
        "[1]]",
        "\u{feff}{}",
        "// a\n{}",
        "\"a\" : 1",
        "{\"a\":}",
        "[\"a\":1]",
        "{,}",
    ];
    for text in texts {
        gives(&redactor, text, text, ReadAs::Text);
        assert!(!parses(text.as_bytes()), "{text:?}");
        let text = format!("{text} {TOKEN}");
        let masked = text.replace(TOKEN, "•••");
        gives(&redactor, &text, &masked, ReadAs::Text);
    }
    let out = redactor.json(b"[\"\xff\"]");
    assert_eq!(
        (out.bytes, out.read_as),
        (b"[\"\xff\"]".to_vec(), ReadAs::Text)
    );
}

#[test]
fn a_hundred_thousand_levels_are_read() {
    let redactor = knowing_token();
    let depth = 100_000;
    let (open, close) = ("[{\"a\":".repeat(depth / 2), "}]".repeat(depth / 2));
    let masked = format!("{open}\"•••\"{close}");
    gives(
        &redactor,
        &format!("{open}\"{TOKEN}\"{close}"),
        &masked,
        ReadAs::Document,
    );
    let cut = format!("{open}\"{TOKEN}");
    gives(&redactor, &cut, &cut.replace(TOKEN, "•••"), ReadAs::Text);
}

#[test]
fn truncated_at_any_byte_no_secret_is_left() {
    let redactor = knowing(&[("a", b"se\"cret\\one"), ("b", b"48151623420")]);
    let text = r#"{"a":"x se\"cret\\one","se\"cret\\one":[48151623420,{"b":"48151623420"}]} "#;
    for len in 0..=text.len() {
        let out = redactor.json(&text.as_bytes()[..len]);
        let whole = len + 1 >= text.len();
        assert_eq!(out.read_as == ReadAs::Document, whole, "{len}");
        let out = String::from_utf8(out.bytes).unwrap();
        assert!(!out.contains(r#"se\"cret\\one"#), "{out}");
        assert!(!out.contains("48151623420"), "{out}");
    }
}

#[test]
fn a_conversation_has_masks_of_its_own_in_json_too() {
    let redactor = knowing(&[("odd \"name\" \\", TOKEN.as_bytes())]);
    let conversation = Conversation::resume(&redactor, "abcdefghijklmnop").unwrap();
    let out = conversation.json(format!(r#"{{"{TOKEN}":"\u0067{}"}}"#, &TOKEN[1..]).as_bytes());
    assert_eq!(out.read_as, ReadAs::Document);
    let read: serde_json::Value = serde_json::from_slice(&out.bytes).unwrap();
    let mask = "•odd \"name\" \\ ·abcdefghijklmnop•";
    assert_eq!(read, serde_json::json!({ mask: mask }));
}

/// Secrets of which no other form is likely, and that share beginnings and ends.
const SECRETS: [&str; 5] = [
    "sec\"ret\\one/é",
    "one/étwo🔑three",
    "31415926535",
    "sec\"ret\\on",
    "\u{1}\u{7f}<&>\u{2028}abc",
];

static KNOWING: LazyLock<Redactor> =
    LazyLock::new(|| knowing(&SECRETS.map(|secret| ("s", secret.as_bytes()))));

/// A document with secrets in it, spelled at random.
fn document() -> impl Strategy<Value = String> {
    let white = sample::select(vec!["", "", " ", "\n", "\t \r\n"]);
    let leaf = prop_oneof![
        string(),
        sample::select(vec![
            "null",
            "true",
            "0",
            "-1.5E+9",
            "31415926535",
            "1e31415926535",
            "131415926535.0"
        ])
        .prop_map(str::to_owned),
        "[1-9][0-9]{0,400}",
    ];
    leaf.prop_recursive(6, 40, 6, move |inner| {
        let white = white.clone();
        let item = (white.clone(), inner.clone()).prop_map(|(w, v)| format!("{w}{v}{w}"));
        let member =
            (string(), white.clone(), item.clone()).prop_map(|(k, w, v)| format!("{w}{k}{w}:{v}"));
        prop_oneof![
            collection::vec(item, 0..6).prop_map(|items| format!("[{}]", items.join(","))),
            collection::vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

/// A string, each character spelled in one of its ways.
fn string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => sample::select(SECRETS.to_vec()).prop_map(str::to_owned),
        2 => sample::select(vec!["•", "\u{7f}", "\"", "\\", "/", "é", "🔑", "x", "ret", "\n"])
            .prop_map(str::to_owned),
        1 => "\\PC{0,3}",
    ];
    let lone = option::weighted(0.1, sample::select(vec!["\\ud800", "\\uDFFF"]));
    let pieces = collection::vec((piece, lone), 0..4);
    (pieces, collection::vec(0..4_u8, 64)).prop_map(|(pieces, ways)| {
        let mut ways = ways.into_iter().cycle();
        let mut out = String::from("\"");
        for (piece, lone) in pieces {
            for c in piece.chars() {
                spell(c, ways.next().unwrap(), &mut out);
            }
            // Behind it no other half may follow.
            out.extend(lone.map(|lone| format!("{lone}.")));
        }
        out + "\""
    })
}

fn spell(c: char, way: u8, out: &mut String) {
    let must = matches!(c, '"' | '\\' | '\0'..='\x1f');
    match (way, c) {
        (0, _) => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04X}"));
            }
        }
        (1, '/' | '"' | '\\') | (_, '"' | '\\') => out.extend(['\\', c]),
        (_, '\n') => out.push_str("\\n"),
        _ if must => out.push_str(&format!("\\u{:04x}", u32::from(c))),
        _ => out.push(c),
    }
}

proptest! {
    #[test]
    fn random_documents_stay_json_and_no_view_has_a_secret(text in document()) {
        let redactor = &*KNOWING;
        let out = redactor.json(text.as_bytes());
        prop_assert_eq!(out.read_as, ReadAs::Document);
        assert!(parses(&out.bytes));
        prop_assert_eq!(&redactor.bytes(&out.bytes), &out.bytes);
        let again = redactor.json(&out.bytes);
        prop_assert_eq!(again.bytes, out.bytes);
    }

    #[test]
    fn a_document_that_is_cut_is_masked_as_text(text in document(), at in 0..1000_usize) {
        let redactor = &*KNOWING;
        let cut = text.as_bytes().get(..at).unwrap_or_default();
        let out = redactor.json(cut);
        if out.read_as == ReadAs::Text {
            prop_assert_eq!(out.bytes, redactor.bytes(cut));
        }
    }
}

/// Documents of the strategy above, read by Python's `json`, which keeps every member and how each
/// number is spelled, masks what the strings say by itself, and compares.
#[test]
fn python_reads_what_it_masked_itself() {
    let without = std::env::var("KEYWARD_WITHOUT").unwrap_or_default();
    if without.split(',').any(|name| name == "python3") {
        println!("SKIPPED: python3 was left out");
        return;
    }
    let redactor = &*KNOWING;
    let mut runner = TestRunner::deterministic();
    let strategy = document();
    let pairs: Vec<_> = (0..400)
        .map(|_| {
            let text = strategy.new_tree(&mut runner).unwrap().current();
            let masked = redactor.json(text.as_bytes()).bytes;
            (text, String::from_utf8(masked).unwrap())
        })
        .collect();
    let changed = pairs.iter().filter(|(text, masked)| text != masked).count();
    assert!(changed > 100, "{changed}");
    let input = serde_json::to_vec(&(SECRETS, &pairs)).unwrap();
    let mut child = Command::new("python3")
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/ways/json_reference.py"
        ))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| {
            panic!("python3 is needed ({e}): `cargo xtask test` says how to get it")
        });
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(&input).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "400 alike\n");
}

#[test]
fn lines_of_json_and_lines_of_text_in_one_log() {
    let wrapped = b"YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIzNDU2Nzg5";
    let redactor = knowing(&[("token", TOKEN.as_bytes()), ("text", wrapped)]);
    let (head, tail) = wrapped.split_at(20);
    let text = [
        format!("{{\"a\":\"\\u0067{}\"}}\r\n", &TOKEN[1..]).as_bytes(),
        b"plain ",
        TOKEN.as_bytes(),
        b"\n",
        head,
        b"\n",
        tail,
        b"\n[1,\n",
        format!("{{\"b\":{{}}}}\n  [\"{TOKEN}\"]\n{TOKEN}").as_bytes(),
    ]
    .concat();
    let expected = [
        "{\"a\":\"•••\"}\r\nplain •••\n".as_bytes(),
        head,
        b"\n",
        tail,
        "\n[1,\n{\"b\":{}}\n  [\"•••\"]\n•••".as_bytes(),
    ]
    .concat();
    let expected = String::from_utf8(expected).unwrap().replace("\\u2022", "•");
    for size in 1..text.len() {
        let mut log = redactor.json_lines(Vec::new());
        for piece in text.chunks(size) {
            log.write_all(piece).unwrap();
            if size % 2 == 0 {
                log.flush().unwrap();
            }
        }
        let out = String::from_utf8(log.finish().unwrap()).unwrap();
        assert_eq!(out.replace("\\u2022", "•"), expected, "{size}");
    }
}

#[test]
fn lines_keep_their_order() {
    let text = format!("{}\n[\"{TOKEN}\"]\n{}\n[]\n", &TOKEN[..20], &TOKEN[..9]);
    let mut log = knowing_token().json_lines(Vec::new());
    log.write_all(text.as_bytes()).unwrap();
    let out = String::from_utf8(log.finish().unwrap()).unwrap();
    assert_eq!(out, text.replace(TOKEN, "•••"));
}

#[test]
fn a_line_that_is_too_long_is_text() {
    let redactor = knowing_token();
    let long = "x".repeat(keyward_redact::json::lines::MAX_LINE_LEN);
    let text = format!("[\"{long}\\u0067\"]\n[\"{TOKEN}\"]\n{long}{long}{TOKEN}");
    let mut log = redactor.json_lines(Vec::new());
    for piece in text.as_bytes().chunks(65_536) {
        log.write_all(piece).unwrap();
    }
    let out = String::from_utf8(log.finish().unwrap()).unwrap();
    assert_eq!(out, text.replace(TOKEN, "•••"));
}

/// A value that begins again within itself, over and over: one that a slice ends in is masked whole.
#[test]
fn a_run_that_overlaps_itself_is_one_over_all_slices() {
    let unit = "abcdefgh-";
    let redactor = knowing(&[("p", unit.repeat(2).as_bytes())]);
    let long = unit.repeat(2 * keyward_redact::masker::SLICE_LEN / unit.len());
    gives(&redactor, &format!("{long}.."), "•••..", ReadAs::Text);
    let quoted = format!("[\"{long}..\"]");
    gives(&redactor, &quoted, "[\"•••..\"]", ReadAs::Document);
}
