//! OAuth tokens: token responses as providers send them.
#![allow(clippy::unwrap_used, missing_docs)] // Tests: a panic is the report.

mod support;

use keyward_base::{ErrorKind, Scope, SecretBytes};
use keyward_vault::{Expect, Facts, Kind, OAuthToken, Slot};
use proptest::prelude::*;
use support::World;

/// The example of RFC 6749 section 5.1, with a scope.
const RFC: &str = r#"{
  "access_token":"2YotnFZFEjr1zCsicMWpAA",
  "token_type":"example",
  "expires_in":3600,
  "refresh_token":"tGzv3JOkF0XG5Qx2TlKWIA",
  "scope":"repo read:org",
  "example_parameter":"example_value"
}
"#;

#[tokio::test]
async fn the_example_of_the_specification_comes_back_byte_for_byte() {
    let world = World::in_memory().await;
    let token = SecretBytes::copy_of(RFC.as_bytes());
    let token = world.vault.credential(Kind::OAuthToken, token).unwrap();
    let (slot, none) = (Slot::new("acme", "host.token", "1").unwrap(), Scope::none());
    let put = world
        .vault
        .put(&slot, &token, &none, Expect::Absent)
        .await
        .unwrap();
    assert_eq!(put.hint.to_string(), "••••WpAA");
    assert_eq!(put.facts.expires, Some(1_700_000_000_000 + 3_600_000));
    assert_eq!(put.facts.scopes, ["repo", "read:org"]);
    assert!(put.facts.refreshable);

    let opened = world.vault.open(&slot, &none).await.unwrap();
    assert_eq!(opened.bytes().expose(), RFC.as_bytes());
    let read = opened.credential().oauth_token().unwrap();
    assert_eq!(read.access().expose(), b"2YotnFZFEjr1zCsicMWpAA");
    assert_eq!(read.refresh().unwrap().expose(), b"tGzv3JOkF0XG5Qx2TlKWIA");
    // The expiry is that of when it was put, however late it is opened.
    assert_eq!(opened.credential().facts(), &put.facts);
    for shown in [
        format!("{read:?}"),
        format!("{opened:?}"),
        format!("{token:?}"),
    ] {
        assert!(
            !shown.contains("2Yot") && !shown.contains("tGzv"),
            "{shown}"
        );
    }
    assert!(opened.credential().env().is_err());
}

async fn facts(json: &str) -> Facts {
    let world = World::in_memory().await;
    let token = SecretBytes::copy_of(json.as_bytes());
    world
        .vault
        .credential(Kind::OAuthToken, token)
        .unwrap()
        .facts()
        .clone()
}

#[tokio::test]
async fn the_optional_parts_may_be_absent_or_null() {
    for json in [
        r#"{"access_token":"abc"}"#,
        r#"{"access_token":"abc","refresh_token":null,"expires_in":null,"expires_at":null,"scope":null}"#,
        r#" { "scope" : "" , "access_token" : "abc" } "#,
    ] {
        assert_eq!(facts(json).await, Facts::default(), "{json}");
    }
    let at = r#"{"access_token":"a","expires_in":60,"expires_at":1800000000}"#;
    assert_eq!(facts(at).await.expires, Some(1_800_000_000_000));
    let commas = r#"{"access_token":"a","scope":"repo,gist, user"}"#;
    assert_eq!(facts(commas).await.scopes, ["repo", "gist", "user"]);
    let never = format!(r#"{{"access_token":"a","expires_in":{}}}"#, u64::MAX);
    assert_eq!(facts(&never).await.expires, Some(u64::MAX));
}

#[test]
fn escapes_are_decoded() {
    let read = OAuthToken::parse(br#"{"access_token":"a\/b\"c\\d\u0041\u007e"}"#).unwrap();
    assert_eq!(read.access().expose(), br#"a/b"c\dA~"#);
}

#[test]
fn anything_else_is_refused_and_never_quoted() {
    let deep = format!(
        r#"{{"access_token":{}"s3cret"{}}}"#,
        "[".repeat(5000),
        "]".repeat(5000)
    );
    let scopes = format!(
        r#"{{"access_token":"s3cret","scope":"{}"}}"#,
        "a ".repeat(201)
    );
    let cases = [
        "",
        "s3cret",
        "null",
        r#""s3cret""#,
        r#"["s3cret"]"#,
        r#"["s3cret",null,null,null,null]"#,
        "{}",
        r#"{"token":"s3cret"}"#,
        r#"{"access_token":null}"#,
        r#"{"access_token":""}"#,
        r#"{"access_token":{"s3cret":1}}"#,
        r#"{"access_token":1234567}"#,
        r#"{"access_token":"s3cret","access_token":"s3cret"}"#,
        r#"{"access_token":"s3cret\n"}"#,
        r#"{"access_token":"s3cret\u0000"}"#,
        r#"{"access_token":"s3cret é"}"#,
        r#"{"access_token":"s3cret\ud83d\ude00"}"#,
        r#"{"access_token":"s3cret","refresh_token":1}"#,
        r#"{"access_token":"s3cret","refresh_token":""}"#,
        r#"{"access_token":"s3cret","expires_in":-1}"#,
        r#"{"access_token":"s3cret","expires_in":"s3cret"}"#,
        r#"{"access_token":"s3cret","expires_in":18446744073709551616}"#,
        r#"{"access_token":"s3cret","scope":["repo"]}"#,
        r#"{"access_token":"s3cret","scope":"a\u0007"}"#,
        r#"{"access_token":"s3cret"}{"#,
        r#"{"access_token":"s3cret""#,
        &deep,
        &scopes,
    ];
    for json in cases {
        let error = OAuthToken::parse(json.as_bytes())
            .map(|_| json)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse, "{json}");
        let said = format!("{error} {error:?}");
        assert!(
            !said.contains("s3cret") && !said.contains("1234567"),
            "{said}"
        );
    }
    assert!(OAuthToken::parse(b"{\"access_token\":\"\xff\"}").is_err());
}

proptest! {
    #[test]
    fn any_visible_token_is_read_back(token in "[ -~]{1,60}") {
        let json = serde_json::to_string(&serde_json::json!({ "access_token": token })).unwrap();
        let read = OAuthToken::parse(json.as_bytes()).unwrap();
        prop_assert_eq!(read.access().expose(), token.as_bytes());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _either_way = OAuthToken::parse(&bytes);
    }
}
