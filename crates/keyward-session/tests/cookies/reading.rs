//! What is read of a request.

use keyward_session::Cookie;
use keyward_session::cookie::{MAX_COOKIES_LEN, MAX_VALUE_LEN};
use keyward_session::danger::loopback_cookie;

use crate::{ALL, read};

const TOKEN: &str = "kws_AQIDBAUGBwgJ-_";

fn user(line: &str) -> String {
    read(Cookie::USER, &[line])
}

#[test]
fn it_is_found_wherever_it_stands() {
    let ours = format!("__Host-session={TOKEN}");
    for line in [
        ours.clone(),
        format!("a=1; {ours}"),
        format!("{ours}; a=1"),
        format!("a=1;{ours};b=2"),
        format!("a=1;  {ours};"),
        format!(";; ; ={ours}; {ours}"),
    ] {
        assert_eq!(user(&line), TOKEN, "{line}");
    }
    for lines in [
        ["a=1", &ours, "b=2"],
        [&ours, "", "b"],
        ["", "a=1; b=2", &ours],
    ] {
        assert_eq!(read(Cookie::USER, &lines), TOKEN, "{lines:?}");
    }
    assert_eq!(read(Cookie::USER, &[""; 0]), "-");
}

#[test]
fn each_kind_reads_its_own() {
    let all: Vec<String> = ALL
        .iter()
        .map(|c| format!("{}={}", c.name(), &c.name()[7..]))
        .collect();
    for cookie in ALL {
        let own = &cookie.name()[7..];
        assert_eq!(read(cookie, &[all.join("; ")]), own);
        assert_eq!(read(cookie, &all), own);
        assert_eq!(read(loopback_cookie(cookie), &all), "-");
    }
}

#[test]
fn twice_is_refused_whatever_the_values() {
    for line in [
        "__Host-session=a; __Host-session=b",
        "__Host-session=a; __Host-session=a",
        "__Host-session=a; x=1; __Host-session=",
        "__Host-session=\"; __Host-session=a",
    ] {
        assert_eq!(user(line), "cookie-twice", "{line}");
        let lines: Vec<&str> = line.split("; ").collect();
        assert_eq!(read(Cookie::USER, &lines), "cookie-twice", "{line}");
    }
}

/// A sibling host may set each of these, and a server that trims or folds more takes it for ours.
#[test]
fn a_name_is_ours_if_each_byte_is() {
    for name in [
        "__host-session",
        "__HOST-SESSION",
        "__Host-Session",
        "__Host-session ",
        "__Host-session\t",
        "\t__Host-session",
        "\u{b}__Host-session",
        "\u{a0}__Host-session",
        "\u{2000}__Host-session",
        "\"__Host-session",
        "__Host-session\0",
        "__Host-sessio",
        "__Host-session2",
        "x__Host-session",
        "session",
        "=__Host-session",
        "$Path=/__Host-session",
        "__Host%2Dsession",
    ] {
        assert_eq!(user(&format!("{name}=evil")), "-", "{name:?}");
        let both = format!("{name}=evil; __Host-session={TOKEN}; {name}=evil");
        assert_eq!(user(&both), TOKEN, "{name:?}");
    }
    // A cookie without a name, whose value is the name.
    assert_eq!(user("__Host-session"), "-");
    assert_eq!(
        user(&format!("__Host-session; __Host-session={TOKEN}")),
        TOKEN
    );
}

#[test]
fn a_value_is_a_token_or_refused() {
    for byte in 0..=u8::MAX {
        let line = [b"__Host-session=a".as_slice(), &[byte], b"z"].concat();
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let expected = match byte {
            _ if plain => format!("a{}z", char::from(byte)),
            b';' => "a".to_owned(),
            _ => "malformed".to_owned(),
        };
        assert_eq!(read(Cookie::USER, &[line]), expected, "{byte}");
    }
    for value in ["", " ", "a ", " a", "\"a\"", "a=", "=", "a,b", "a%20"] {
        assert_eq!(
            user(&format!("__Host-session={value}")),
            "malformed",
            "{value:?}"
        );
    }
    for (len, expected) in [
        (MAX_VALUE_LEN, "a".repeat(512)),
        (MAX_VALUE_LEN + 1, "malformed".into()),
    ] {
        assert_eq!(
            user(&format!("__Host-session={}", "a".repeat(len))),
            expected
        );
    }
}

#[test]
fn all_lines_together_have_a_limit() {
    let ours = format!("__Host-session={TOKEN}");
    let filler = "x".repeat(MAX_COOKIES_LEN - ours.len() - 2);
    assert_eq!(user(&format!("{filler}; {ours}")), TOKEN);
    assert_eq!(user(&format!("{filler}x; {ours}")), "too-long");
    // One more byte is too many even where ours was read before, and in whatever line it is.
    let many = vec!["x"; MAX_COOKIES_LEN - ours.len()];
    let mut lines = [[ours.as_str()].as_slice(), &many].concat();
    assert_eq!(read(Cookie::USER, &lines), TOKEN);
    lines.push("x");
    assert_eq!(read(Cookie::USER, &lines), "too-long");
}

#[test]
fn cases_of_the_http_state_suite() {
    let cases = include_str!("http_state.txt");
    let mut count = 0;
    for case in cases.lines().filter(|line| !line.starts_with('#')) {
        let parts: Vec<&str> = case.split(" | ").collect();
        let [id, name, sent, meaning] = parts[..] else {
            panic!("{case}");
        };
        // Cookies of others: nothing is found, nothing fails, and ours is read beside them.
        let ours = format!("__Host-session={TOKEN}");
        assert_eq!(user(sent), "-", "{id}");
        assert_eq!(user(&format!("{sent}; {ours}")), TOKEN, "{id}");
        assert_eq!(user(&format!("{ours}; {sent}")), TOKEN, "{id}");
        assert_eq!(read(Cookie::USER, &[sent, &ours, sent]), TOKEN, "{id}");
        // The same with our name in place of theirs.
        let pairs: Vec<String> = sent.split("; ").map(|pair| named(pair, name)).collect();
        assert_eq!(user(&pairs.join("; ")), meaning, "{id}");
        assert_eq!(read(Cookie::USER, &pairs), meaning, "{id}");
        count += 1;
    }
    assert_eq!(count, 60);
}

fn named(pair: &str, name: &str) -> String {
    match pair.split_once('=') {
        Some((known, value)) if known == name => format!("__Host-session={value}"),
        _ => pair.to_owned(),
    }
}
