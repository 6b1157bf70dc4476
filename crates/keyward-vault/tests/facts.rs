//! Facts are held to their kind and their limits when they are read, as the page on the format
//! says.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)] // Tests: a panic is the report.

use keyward_base::ErrorKind;
use keyward_vault::metadata::inspect;

fn read(kind: &str, facts: &str) -> bool {
    let v = serde_json::from_slice::<serde_json::Value>(include_bytes!(
        "../../../fuzz/corpus/vault_metadata/account-github_token"
    ))
    .unwrap()["v"]
        .clone();
    let text = format!(
        r#"{{"v":{v},"kind":"{kind}","scope":"","revision":1,"event":"6a1c0f3e9b2d48575d0e7a41c8f3b296","created":1,"updated":1,"facts":{{{facts}}}}}"#
    );
    match inspect(text.as_bytes()) {
        Ok(read) => {
            assert_eq!(read.as_str(), kind);
            true
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{text}");
            false
        }
    }
}

fn list(field: &str, count: usize, item: impl Fn(usize) -> String) -> String {
    let items: Vec<String> = (0..count).map(|n| format!("\"{}\"", item(n))).collect();
    format!(r#""{field}":[{}]"#, items.join(","))
}

const SSH: &str = r#""key_type":"ssh-ed25519","fingerprint":"SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA""#;

#[test]
fn facts_of_another_kind_are_corrupt() {
    let facts = [
        ("oauth-token", r#""expires":1"#.to_owned()),
        ("oauth-token", r#""scopes":["a"]"#.to_owned()),
        ("oauth-token", r#""refreshable":true"#.to_owned()),
        ("env", r#""names":["A"]"#.to_owned()),
        ("ssh-key", SSH.to_owned()),
        ("ssh-key", format!(r#"{SSH},"encrypted":true"#)),
    ];
    for (own, facts) in facts {
        for kind in ["api-key", "env", "oauth-token", "opaque", "ssh-key"] {
            assert_eq!(read(kind, &facts), kind == own, "{kind}: {facts}");
        }
    }
    for (kind, needs_none) in [
        ("api-key", true),
        ("opaque", true),
        ("oauth-token", true),
        ("env", false),
        ("ssh-key", false),
    ] {
        assert_eq!(read(kind, ""), needs_none, "{kind}");
    }
    let part = |part: &str| {
        SSH.split(',')
            .find(|p| p.contains(part))
            .unwrap()
            .to_owned()
    };
    for part in [
        part("key_type"),
        part("fingerprint"),
        r#""encrypted":true"#.to_owned(),
    ] {
        for kind in ["api-key", "ssh-key"] {
            assert!(!read(kind, &part), "{kind}: {part}");
        }
    }
}

#[test]
fn limits_are_those_of_the_page() {
    let name = |n: usize| format!("V{n}");
    assert!(read("env", &list("names", 1000, name)));
    assert!(!read("env", &list("names", 1001, name)));
    assert!(!read("env", &list("names", 0, name)));
    for (one, fits) in [
        ("N".repeat(255), true),
        ("N".repeat(256), false),
        ("a-b.c_9".to_owned(), true),
        ("a b".to_owned(), false),
        ("a/b".to_owned(), false),
        ("é".to_owned(), false),
        ("1".to_owned(), false),
        (String::new(), false),
    ] {
        assert_eq!(
            read("env", &list("names", 1, |_| one.clone())),
            fits,
            "{one}"
        );
    }
    let scopes = |count, len: usize| list("scopes", count, |_| "s".repeat(len));
    assert!(read("oauth-token", &scopes(200, 40)));
    assert!(!read("oauth-token", &scopes(201, 40)));
    assert!(read("oauth-token", &scopes(1, 8192)));
    assert!(!read("oauth-token", &scopes(1, 8193)));
    assert!(!read("oauth-token", &scopes(1, 0)));
    assert!(!read("oauth-token", r#""scopes":["a b"]"#));
    assert!(!read("oauth-token", r#""scopes":["a\u001b"]"#));
    assert!(!read("ssh-key", &SSH.replace("AAAA\"", "AAA\"")));
    assert!(!read("ssh-key", &SSH.replace("SHA256:", "MD5:")));
    assert!(read(
        "ssh-key",
        &SSH.replace("ssh-ed25519", &"t".repeat(64))
    ));
    assert!(!read(
        "ssh-key",
        &SSH.replace("ssh-ed25519", &"t".repeat(65))
    ));
    assert!(!read("ssh-key", &SSH.replace("ssh-ed25519", "\u{7f}")));
}

/// What stands beside the facts, each at its limit.
#[test]
fn metadata_is_held_to_the_page() {
    let whole = include_str!("../../../fuzz/corpus/vault_metadata/account-github_token");
    let json: serde_json::Value = serde_json::from_str(whole).unwrap();
    let with = |field: &str, value: serde_json::Value| {
        let mut other = json.clone();
        other[field] = value;
        inspect(other.to_string().as_bytes()).map_err(|error| error.kind())
    };
    let kind = inspect(whole.as_bytes()).unwrap();
    let last = keyward_base::Revision::LAST.number();
    for (revision, fits) in [(0, false), (1, true), (last, true), (last + 1, false)] {
        let read = with("revision", revision.into());
        let wanted = if fits {
            Ok(kind)
        } else {
            Err(ErrorKind::Corrupt)
        };
        assert_eq!(read, wanted, "{revision}");
    }
    for event in [
        "",
        "6a1c",
        "6a1c0f3e9b2d48575d0e7a41c8f3b29g",
        "6A1C0F3E9B2D48575D0E7A41C8F3B296",
    ] {
        assert_eq!(
            with("event", event.into()),
            Err(ErrorKind::Corrupt),
            "{event}"
        );
    }
    for (version, found) in [
        (0, Err(ErrorKind::Unavailable)),
        (1, Err(ErrorKind::Unavailable)),
        (2, Ok(kind)),
        (3, Err(ErrorKind::Unavailable)),
    ] {
        assert_eq!(with("v", version.into()), found, "{version}");
    }
    assert_eq!(with("more", 1.into()), Err(ErrorKind::Corrupt));
    let mut long = whole.trim_end().as_bytes().to_vec();
    long.resize(256 * 1024, b' ');
    assert_eq!(inspect(&long).unwrap(), kind);
    long.push(b' ');
    assert_eq!(inspect(&long).unwrap_err().kind(), ErrorKind::Corrupt);
}
