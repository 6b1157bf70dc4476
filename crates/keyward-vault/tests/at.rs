//! The way to a record: losing an update takes an explicit word, and a role is asked for.
#![allow(clippy::unwrap_used, missing_docs)] // Tests: a panic is the report.

mod support;

use keyward_base::{ErrorKind, Reason, Role, SecretBytes, Timestamp};
use keyward_vault::{Credential, Kind, Loader, Vault};
use support::World;

fn token(vault: &Vault, text: &str) -> Credential {
    let bytes = SecretBytes::copy_of(text.as_bytes());
    vault.credential(Kind::ApiKey, bytes).unwrap()
}

#[tokio::test]
async fn an_update_is_lost_by_an_explicit_word_only() {
    let world = World::in_memory().await;
    let [one, two, three] =
        ["one-token", "two-tokens", "three-tokens"].map(|text| token(&world.vault, text));
    let acme = world.vault.tenant("acme").unwrap();
    let record = acme.place("account.token").unwrap().record("42").unwrap();
    let first = record.insert(&one).await.unwrap();
    let error = record.insert(&two).await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::CONFLICT));
    let second = record.replace(&two, first.revision).await.unwrap();
    let error = record.replace(&three, first.revision).await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::CONFLICT));
    assert_eq!(record.open().await.unwrap().bytes().expose(), b"two-tokens");
    let third = record.overwrite(&three).await.unwrap();
    assert_eq!(record.describe().await.unwrap(), Some(third.clone()));
    let error = record.delete(second.revision).await.unwrap_err();
    assert_eq!(error.reason(), Some(Reason::CONFLICT));
    assert_eq!(acme.list(None, 10).await.unwrap().items.len(), 1);
    record.delete(third.revision).await.unwrap();
    assert_eq!(record.describe().await.unwrap(), None);
}

#[tokio::test]
async fn what_is_put_for_a_role_opens_for_that_role() {
    let world = World::in_memory().await;
    let place = world.vault.tenant("acme").unwrap();
    let place = place.place("account.token").unwrap();
    let operator = place.clone().for_role(Role::new("operator").unwrap());
    let credential = token(&world.vault, "one-token");
    operator
        .record("1")
        .unwrap()
        .insert(&credential)
        .await
        .unwrap();
    let _opened = operator.record("1").unwrap().open().await.unwrap();
    let error = place.record("1").unwrap().open().await.unwrap_err();
    assert_eq!(error.reason(), Some(keyward_vault::reason::ROLE_MISMATCH));
    for wrong in ["", "a b", "é"] {
        assert!(world.vault.tenant(wrong).is_err());
        assert!(place.record(wrong).is_err());
    }
}

/// A hint is of the secret that a person would know it by, and only where its form tells nothing.
#[test]
fn a_hint_is_shown_of_keys_and_access_tokens_alone() {
    let token = "ghp_x8Zq31LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo";
    let secret = |text: String| SecretBytes::copy_of(text.as_bytes());
    let received = Timestamp::from_millis(1);
    let answer =
        format!(r#"{{"access_token":"{token}","refresh_token":"ghr_of-some-length-and-9f3a"}}"#);
    for (credential, hint) in [
        (
            Credential::api_key(secret(token.to_owned())),
            "ghp_••••6aKo",
        ),
        (
            Credential::api_key(secret(format!("{token}\n"))),
            "ghp_••••6aKo",
        ),
        (
            Credential::api_key(secret(format!("{token}\r\n"))),
            "ghp_••••6aKo",
        ),
        (
            Credential::oauth_response(secret(answer), received),
            "ghp_••••6aKo",
        ),
        (Credential::opaque(secret(token.to_owned())), ""),
        (Credential::env_file(secret(format!("A={token}\n"))), ""),
    ] {
        let credential = credential.unwrap();
        assert_eq!(credential.hint().to_string(), hint);
        let shown = format!("{credential:?}");
        assert_eq!(shown, format!("Credential({}, {hint})", credential.kind()));
    }
}

/// The bytes of one kind are not read as another's, though they could be.
#[test]
fn what_is_of_another_kind_has_no_parts_of_this_one() {
    let secret = |text: &str| SecretBytes::copy_of(text.as_bytes());
    let set = Credential::opaque(secret("A=1")).unwrap();
    let token = Credential::opaque(secret(r#"{"access_token":"abc"}"#)).unwrap();
    let refused = [
        set.env().err(),
        set.env_as(Loader::Container).err(),
        token.oauth_token().err(),
    ];
    for error in refused {
        let error = error.unwrap();
        assert_eq!(error.kind(), ErrorKind::Misuse);
        assert!(error.to_string().contains("of kind opaque"), "{error}");
    }
    let longest = SecretBytes::new(vec![b'x'; 1024 * 1024]);
    assert!(Credential::opaque(longest).is_ok());
    let longer = SecretBytes::new(vec![b'x'; 1024 * 1024 + 1]);
    let error = Credential::opaque(longer).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse);
    assert!(Credential::opaque(secret("")).is_err());
}

#[test]
fn each_kind_has_its_own_word_and_what_expires_takes_the_time_received() {
    let secret = |text: &str| SecretBytes::copy_of(text.as_bytes());
    let key = Credential::api_key(secret("one-token")).unwrap();
    assert_eq!((key.kind(), key.bytes().len()), (Kind::ApiKey, 9));
    assert!(Credential::api_key(secret("two words")).is_err());
    let set = Credential::env_file(secret("A=1\n")).unwrap();
    assert_eq!((set.kind(), set.facts().names.len()), (Kind::Env, 1));
    assert!(Credential::ssh_key(secret("no key")).is_err());
    let any = Credential::opaque(secret("two words")).unwrap();
    assert_eq!(any.kind(), Kind::Opaque);
    let answer = r#"{"access_token":"a-token-of-some-length","expires_in":3600}"#;
    let received = Timestamp::from_millis(1_700_000_000_000);
    let token = Credential::oauth_response(secret(answer), received).unwrap();
    assert_eq!(token.facts().expires, Some(1_700_003_600_000));
}
