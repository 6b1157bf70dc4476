//! Dotenv files: what is read from them, and what is refused.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)] // Tests: a panic is the report.

mod support;

use keyward_base::{ErrorKind, Scope, SecretBytes};
use keyward_vault::{EnvSet, Expect, Kind, Slot};
use proptest::prelude::*;
use support::World;

fn read(text: &str) -> Vec<(String, String)> {
    let set = EnvSet::parse(text.as_bytes()).unwrap();
    let pair = |var: &keyward_vault::EnvVar| {
        let value = String::from_utf8(var.value().expose().to_vec()).unwrap();
        (var.name().to_owned(), value)
    };
    set.vars().iter().map(pair).collect()
}

fn refused(text: &[u8]) -> String {
    let error = EnvSet::parse(text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse);
    format!("{error:?}")
}

#[test]
fn each_form_is_read() {
    let cases = [
        ("A=b", "b"),
        ("A=b\r\n", "b"),
        ("\u{feff}A=b\n", "b"),
        ("  A = b c  ", "b c"),
        ("export A=b", "b"),
        ("export\tA=b", "b"),
        ("# comment\n\n  # another\nA=b", "b"),
        ("A=", ""),
        ("A=# all comment", ""),
        ("A=b # comment", "b"),
        ("A=b\t# comment", "b"),
        ("A=b#c", "b#c"),
        ("A=b=c==", "b=c=="),
        ("A='b # c'", "b # c"),
        ("A='b\\n$C'", "b\\n$C"),
        ("A='b\nc'", "b\nc"),
        ("A=''", ""),
        ("A=\"\"", ""),
        ("A=\"b\" # comment", "b"),
        (r#"A="b\n\r\t\"\\\$c""#, "b\n\r\t\"\\$c"),
        ("A=\"b\nc\n\"", "b\nc\n"),
        ("A=\"é€\"", "é€"),
        // Nothing is expanded, and nothing is run.
        ("A=$HOME", "$HOME"),
        ("A=\"${HOME}\"", "${HOME}"),
        ("A=$(id)", "$(id)"),
        ("A=`id`", "`id`"),
    ];
    for (text, value) in cases {
        assert_eq!(read(text), [("A".to_owned(), value.to_owned())], "{text:?}");
    }
    // `export` is a name too.
    assert_eq!(read("export=1")[0].0, "export");
    assert_eq!(read("exportA=1")[0].0, "exportA");
    assert_eq!(read("_a1=1")[0].0, "_a1");
}

#[test]
fn what_is_wrong_is_named_by_its_line_and_never_quoted() {
    let cases: [(&str, &str); 12] = [
        ("A=1\nB=s3cretvalue\n# c\nA=s3cretvalue\n", "line 4"),
        ("A=\"1\n2\n3\"\nA=s3cretvalue", "line 4"),
        ("A=1\nA = 's3cretvalue", "line 2"),
        ("A=1\n\nB=\"s3cretvalue", "line 3"),
        ("A=\"s3cretvalue\\q\"", "line 1"),
        ("A='s3cretvalue' s3cretvalue", "line 1"),
        ("s3cretvalue", "line 1"),
        ("=s3cretvalue", "line 1"),
        ("1A=s3cretvalue", "line 1"),
        ("A-B=s3cretvalue", "line 1"),
        ("Ä=s3cretvalue", "line 1"),
        ("A.B=s3cretvalue", "line 1"),
    ];
    for (text, line) in cases {
        let said = refused(text.as_bytes());
        assert!(said.contains(line), "{text:?}: {said}");
        assert!(!said.contains("s3cret"), "{said}");
    }
    assert!(refused(cases[0].0.as_bytes()).contains("A is set a second time"));
    for empty in ["", "\n\n", "# nothing", "\u{feff}"] {
        assert!(refused(empty.as_bytes()).contains("no variable"));
    }
    assert!(refused(b"A=\xff").contains("UTF-8"));
    assert!(refused(b"A=b\0c").contains("NUL"));
}

#[test]
fn limits_hold() {
    let many = |count: usize| (0..count).map(|n| format!("V{n}=1\n")).collect::<String>();
    assert_eq!(read(&many(1000)).len(), 1000);
    assert!(refused(many(1001).as_bytes()).contains("line 1001"));
    let long = "N".repeat(255);
    assert_eq!(read(&format!("{long}=1"))[0].0, long);
    assert!(refused(format!("{long}N=1").as_bytes()).contains("at most 255"));
}

/// The largest set that is read can be put, listed and opened.
#[tokio::test]
async fn the_longest_names_fit_beside_the_value() {
    let world = World::in_memory().await;
    let text: String = (0..1000).map(|n| format!("{n:N>255}=1\n")).collect();
    let text = text.replace("=1\n", "=\"v\"\n");
    let set = SecretBytes::copy_of(text.as_bytes());
    let set = world.vault.credential(Kind::Env, set).unwrap();
    let (slot, none) = (Slot::new("acme", "app.env", "1").unwrap(), Scope::none());
    let put = world.vault.put(&slot, &set, &none, Expect::Absent).await;
    assert_eq!(put.unwrap().facts.names.len(), 1000);
    let opened = world.vault.open(&slot, &none).await.unwrap();
    assert_eq!(opened.bytes().expose(), text.as_bytes());
    assert_eq!(opened.credential().env().unwrap().vars().len(), 1000);
    assert!(opened.credential().oauth_token().is_err());
}

#[test]
fn nothing_prints_a_value() {
    let set = EnvSet::parse(b"NAME=s3cretvalue").unwrap();
    let shown = format!("{set:?} {:?}", set.vars()[0].value());
    assert!(
        shown.contains("NAME") && !shown.contains("s3cret"),
        "{shown}"
    );
}

fn quoted(value: &str) -> String {
    let escaped = value
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\r', r"\r");
    format!("\"{escaped}\"")
}

proptest! {
    #[test]
    fn what_is_written_in_quotes_is_read_back(
        pairs in proptest::collection::btree_map("[A-Za-z_][A-Za-z0-9_]{0,12}", "[^\0]{0,40}", 1..8)
    ) {
        let text: String = pairs.iter().map(|(n, v)| format!("{n}={}\n", quoted(v))).collect();
        let set: Vec<_> = pairs.into_iter().collect();
        prop_assert_eq!(read(&text), set);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _either_way = EnvSet::parse(&bytes);
    }

    #[test]
    fn any_text_of_its_characters_is_read_or_refused(text in "[A=\"'\\\\# \n\t$é]{0,40}") {
        let _either_way = EnvSet::parse(text.as_bytes());
    }
}
