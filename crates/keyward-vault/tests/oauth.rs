//! OAuth tokens: token responses as providers send them.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs
)] // Tests: a panic is the report.

mod support;

use keyward_base::{ErrorKind, Role, SecretBytes, Timestamp};
use keyward_crypto::Provider;
use keyward_store::{Collection, Content, RecordKey, Write};
use keyward_vault::{Credential, Expect, Facts, Kind, Note, OAuthToken, Slot};
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
    let (slot, none) = (Slot::new("acme", "host.token", "1").unwrap(), Role::none());
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
    let scopes = r#"{ scopes: ["repo", "read:org"], .. }"#;
    assert_eq!(format!("{read:?}"), format!("OAuthToken {scopes}"));
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

#[test]
fn what_is_null_is_not_noted_and_scopes_have_a_length() {
    let parse = |json: &str| {
        let bytes = SecretBytes::copy_of(json.as_bytes());
        let now = Timestamp::from_millis(1);
        Credential::parse(Kind::OAuthToken, bytes, &Provider::default(), now).unwrap()
    };
    let none = parse(r#"{"access_token":"abc","refresh_token":null,"scope":null}"#);
    assert!(none.notes().is_empty(), "{:?}", none.notes());
    for (len, fits) in [(8192, true), (8193, false)] {
        let scope = "s".repeat(len);
        let token = parse(&format!(r#"{{"access_token":"abc","scope":"{scope}"}}"#));
        assert_eq!(token.facts().scopes.len(), usize::from(fits));
        assert_eq!(token.notes().is_empty(), fits);
    }
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

/// Number, text or array: each provider has its own, and all say the same.
#[tokio::test]
async fn facts_are_read_in_the_forms_of_the_providers() {
    let at = |millis: u64| (Some(millis), Vec::new());
    let scopes = |of: &[&str]| (None, of.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
    let now = 1_700_000_000_000;
    let cases = [
        (r#""expires_in":"3599""#, at(now + 3_599_000)),
        (r#""expires_in":3599.5"#, at(now + 3_599_500)),
        (r#""expires_at":1764100000.4821"#, at(1_764_100_000_482)),
        (
            r#""expires_at":"1764100000","expires_in":1"#,
            at(1_764_100_000_000),
        ),
        (r#""expires_at":1764100000482"#, at(1_764_100_000_482)),
        (
            r#""expires_on":"1764100000","expires_in":"3599""#,
            at(1_764_100_000_000),
        ),
        (
            r#""expires_in":7200,"created_at":1600000000"#,
            at(1_600_007_200_000),
        ),
        (r#""expires_in":18446744073709551616"#, at(u64::MAX)),
        (r#""created_at":1600000000"#, (None, Vec::new())),
        (
            r#""scope":["chat:read","chat:edit"]"#,
            scopes(&["chat:read", "chat:edit"]),
        ),
        (r#""scope":["a b","c,d"]"#, scopes(&["a", "b", "c", "d"])),
        (r#""scopes":["a"]"#, scopes(&["a"])),
        (r#""scope":[]"#, scopes(&[])),
    ];
    for (fields, wanted) in cases {
        let read = facts(&format!(r#"{{"access_token":"abc",{fields}}}"#)).await;
        assert_eq!((read.expires, read.scopes), wanted, "{fields}");
    }
}

/// What is optional never decides whether the token is taken.
#[tokio::test]
async fn optional_facts_of_another_form_are_left_out_and_named() {
    let world = World::in_memory().await;
    let scopes = format!(r#""{}""#, "a ".repeat(201));
    let long = format!(r#""{}""#, "a".repeat(8193));
    let cases = [
        ("refresh_token", "1"),
        ("refresh_token", r#""""#),
        ("refresh_token", r#"["s3cretvalue12"]"#),
        ("refresh_token", r#""s3cretvalue12\u0000""#),
        ("expires_in", "-1"),
        // As providers write it whose tokens do not expire.
        ("expires_in", "0"),
        ("expires_in", r#""0""#),
        ("expires_in", r#""s3cretvalue12""#),
        ("expires_in", "true"),
        ("expires_in", "1e3"),
        ("expires_in", r#""1.2.3""#),
        ("expires_in", r#""""#),
        ("expires_at", r#""2026-01-01T00:00:00Z""#),
        ("expires_on", "{}"),
        ("created_at", "[]"),
        ("scope", "1"),
        ("scope", r#"{"a":true}"#),
        ("scope", r#"["a",1]"#),
        ("scope", r#""a\u0007""#),
        ("scope", &scopes),
        ("scope", &long),
        ("scopes", "false"),
        ("scope", r#""a","scope":"b""#),
        ("refresh_token", r#""abc","refresh_token":"s3cretvalue12""#),
    ];
    for (field, value) in cases {
        let json = format!(r#"{{"access_token":"abc","{field}":{value}}}"#);
        let token = SecretBytes::copy_of(json.as_bytes());
        let token = world.vault.credential(Kind::OAuthToken, token).unwrap();
        assert_eq!(token.facts(), &Facts::default(), "{json}");
        assert_eq!(token.notes(), [Note::LeftOut { field }], "{json}");
        let said = token.notes()[0].to_string();
        assert!(said.contains(field) && !said.contains("s3cret"), "{said}");
        // It is kept whole, and opens.
        let (slot, none) = (Slot::new("acme", "host.token", "1").unwrap(), Role::none());
        world
            .vault
            .put(&slot, &token, &none, Expect::Any)
            .await
            .unwrap();
        let opened = world.vault.open(&slot, &none).await.unwrap();
        assert_eq!(opened.bytes().expose(), json.as_bytes());
    }
    let lists = format!(r#"{{"access_token":"abc","scope":"{}"}}"#, "a ".repeat(200));
    assert_eq!(facts(&lists).await.scopes.len(), 200);
}

#[test]
fn escapes_are_decoded() {
    let read = OAuthToken::parse(br#"{"access\u005ftoken":"a","sc\u006fpe":"b"}"#).unwrap();
    assert_eq!(
        (read.access().expose(), read.scopes()),
        (&b"a"[..], &["b".to_owned()][..])
    );
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
        r#"{"access_token":"s3cret"}{"#,
        r#"{"access_token":"s3cret""#,
        &deep,
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
        assert!(
            said.contains("oauth-token") && said.contains("opaque"),
            "{said}"
        );
    }
    assert!(OAuthToken::parse(b"{\"access_token\":\"\xff\"}").is_err());
    for other in ["s3cret", r#"["s3cret"]"#, r#""s3cret""#, ""] {
        let error = OAuthToken::parse(other.as_bytes()).map(drop).unwrap_err();
        assert!(error.to_string().contains("is a JSON object"), "{error}");
    }
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

/// Far ahead, a number of seconds looks like one of milliseconds.
#[tokio::test]
async fn an_expiry_that_is_written_is_read_back_to_its_second() {
    for second in [
        0,
        1_800_000_000,
        99_999_999_999,
        100_000_000_000,
        253_402_300_740,
    ] {
        let at = second * 1000;
        let written = OAuthToken::response(SecretBytes::copy_of(b"ghp_abc"))
            .expires(Timestamp::from_millis(at + 999))
            .write()
            .unwrap();
        let json = std::str::from_utf8(written.expose()).unwrap();
        assert_eq!(facts(json).await.expires, Some(at));
    }
}

#[test]
fn a_written_response_is_read_back_part_by_part() {
    let secret = |text: &str| SecretBytes::copy_of(text.as_bytes());
    for access in ["ghp_abc", "a\"b\\c", "\\\"", "~"] {
        let response = OAuthToken::response(secret(access))
            .refresh(secret("r\\\"/"))
            .expires(Timestamp::from_millis(1_800_000_000_999))
            .scopes(["repo", "read:org", "\"odd\\"]);
        assert_eq!(
            format!("{response:?}"),
            r#"TokenResponse { scopes: ["repo", "read:org", "\"odd\\"], .. }"#
        );
        let written = response.write().unwrap();
        let read = OAuthToken::parse(written.expose()).unwrap();
        assert_eq!(read.access().expose(), access.as_bytes());
        assert_eq!(read.refresh().unwrap().expose(), b"r\\\"/");
        assert_eq!(read.scopes(), ["repo", "read:org", "\"odd\\"]);
        assert!(read.notes().is_empty());
        let json: serde_json::Value = serde_json::from_slice(written.expose()).unwrap();
        assert_eq!(json["expires_at"], 1_800_000_000);
    }
    let alone = OAuthToken::response(secret("x")).write().unwrap();
    assert_eq!(alone.expose(), b"{\"access_token\":\"x\"}");
    for bad in ["", " ", "two words", "line\n", "\u{fc}", "\u{7f}"] {
        let refused = [
            OAuthToken::response(secret(bad)).write(),
            OAuthToken::response(secret("x"))
                .refresh(secret(bad))
                .write(),
            OAuthToken::response(secret("x")).scopes([bad]).write(),
            OAuthToken::response(secret("x")).scopes(["a,b"]).write(),
        ];
        for refused in refused {
            let error = refused.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Misuse);
            assert!(bad.trim().len() < 2 || !error.to_string().contains(bad));
        }
    }
}

#[tokio::test]
async fn a_place_is_listed_by_itself_and_in_parts() {
    let world = World::in_memory().await;
    let none = Role::none();
    let token = || SecretBytes::copy_of(RFC.as_bytes());
    for place in ["host.other", "host.token", "host.token2", "hosts.token"] {
        for record in ["1", "2", "3"] {
            let slot = Slot::new("acme", place, record).unwrap();
            let token = world.vault.credential(Kind::OAuthToken, token()).unwrap();
            let put = world.vault.put(&slot, &token, &none, Expect::Absent);
            put.await.unwrap();
        }
    }
    let tenant = keyward_base::Tenant::new("acme").unwrap();
    let place = keyward_base::Place::new("host.token").unwrap();
    // One that cannot be read is told of where it lies, and nowhere else.
    let strange = Write::Insert {
        key: RecordKey {
            collection: Collection::named("vault"),
            owner: "acme".to_owned(),
            id: "host.token2/0".to_owned(),
        },
        content: Content::default(),
    };
    let _applied = world.vault.store().apply(vec![strange]).await.unwrap();
    for (place, refused) in [("host.token", 0), ("host.token2", 1)] {
        let place = keyward_base::Place::new(place).unwrap();
        let page = world.vault.list_place(&tenant, &place, None, 100).await;
        assert_eq!(page.unwrap().refused.len(), refused, "{place}");
    }
    for limit in 1..=4 {
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let page = world
                .vault
                .list_place(&tenant, &place, after.as_ref(), limit)
                .await
                .unwrap();
            assert!(page.items.len() <= limit);
            for item in &page.items {
                assert_eq!(item.slot.place, place);
                seen.push(item.slot.record.to_string());
            }
            let Some(next) = page.next else { break };
            after = Some(keyward_base::RecordId::new(&next).unwrap());
        }
        assert_eq!(seen, ["1", "2", "3"], "{limit}");
    }
}

/// A secret that stands in a field that is shown is not shown.
#[test]
fn a_scope_that_is_the_token_is_left_out() {
    let now = Timestamp::from_millis(1);
    for scope in [
        "s3cretvalue1234",
        "s3cretvalue12",
        "read x-s3cretvalue1234",
        "refr3shvalue1234",
    ] {
        let text = format!(
            r#"{{"access_token":"s3cretvalue1234","refresh_token":"refr3shvalue1234","scope":"{scope}"}}"#
        );
        let bytes = SecretBytes::copy_of(text.as_bytes());
        let token = Credential::parse(Kind::OAuthToken, bytes, &Provider::default(), now).unwrap();
        assert!(token.facts().scopes.is_empty(), "{scope}");
        assert_eq!(token.notes(), [Note::LeftOut { field: "scope" }], "{scope}");
    }
}

/// Of a time that is not understood, nothing is reckoned from another one.
#[test]
fn an_expiry_from_a_time_in_doubt_is_none() {
    let now = Timestamp::from_millis(1);
    let text = br#"{"access_token":"x","created_at":"2020-01-01T00:00:00Z","expires_in":7200}"#;
    let bytes = SecretBytes::copy_of(text);
    let token = Credential::parse(Kind::OAuthToken, bytes, &Provider::default(), now).unwrap();
    assert_eq!(token.facts().expires, None);
    assert_eq!(
        token.notes(),
        [Note::LeftOut {
            field: "created_at"
        }]
    );
}
