//! Whoever observes a vault knows what it opens before its caller does.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod support;

use std::sync::{Arc, Mutex};

use keyward_base::{
    CredentialKind, Error, ErrorKind, OpenObserver, OpenedSecret, Place, RecordId, Result,
    Revision, Role, SecretBytes, Tenant,
};
use keyward_redact::Redactor;
use keyward_store::StoreId;
use keyward_vault::{Cell, Credential, Expect, Kind, Loader, Slot, Vault};
use support::{World, new_key};

const TOKEN: &str = "ghp_x8Zq31LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo";

fn redactor() -> Redactor {
    let provider = keyward_crypto::Provider::default();
    Redactor::new(|bytes| provider.fill(bytes)).unwrap()
}

fn secret(text: &str) -> SecretBytes {
    SecretBytes::copy_of(text.as_bytes())
}

/// A vault that tells a redactor, over what `world` holds.
async fn masking(world: &World) -> (Vault, Redactor) {
    let redactor = redactor();
    let observer: Arc<dyn OpenObserver> = Arc::new(redactor.clone());
    (world.observed(&[observer]).await, redactor)
}

async fn put(world: &World, record: &str, kind: Kind, bytes: &[u8]) -> Slot {
    let slot = Slot::new("acme", "app.secret", record).unwrap();
    let credential = world.vault.credential(kind, SecretBytes::copy_of(bytes));
    let (credential, none) = (credential.unwrap(), Role::none());
    let put = world.vault.put(&slot, &credential, &none, Expect::Any);
    put.await.unwrap();
    slot
}

/// What was told, as text: part and value.
#[derive(Debug, Default)]
struct Noted(Mutex<Vec<(String, String)>>);

impl Noted {
    fn taken(&self) -> Vec<(String, String)> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl OpenObserver for Noted {
    fn opened(&self, secret: &OpenedSecret<'_>) -> Result<()> {
        let value = String::from_utf8(secret.value.to_vec()).unwrap();
        let part = secret.part.unwrap_or_default().to_owned();
        self.0.lock().unwrap().push((part, value));
        Ok(())
    }
}

#[derive(Debug)]
struct Failing;

impl OpenObserver for Failing {
    fn opened(&self, _: &OpenedSecret<'_>) -> Result<()> {
        Err(Error::unavailable("the observer is full"))
    }
}

#[tokio::test]
async fn what_was_opened_is_masked_and_only_from_then_on() {
    let world = World::in_memory().await;
    let slot = put(&world, "7", Kind::ApiKey, TOKEN.as_bytes()).await;
    let (vault, redactor) = masking(&world).await;
    let text = format!("token {TOKEN} end");
    assert_eq!(redactor.text(&text), text);
    let opened = vault.open(&slot, &Role::none()).await.unwrap();
    assert_eq!(redactor.text(&text), "token ••• end");
    let mut masker = redactor.masker().named();
    let mut out = Vec::new();
    masker.push(text.as_bytes(), &mut out);
    masker.finish(&mut out);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "token •acme app.secret 7• end"
    );
    // Not as long as the caller has it: until the process ends.
    drop(opened);
    assert_eq!(redactor.text(&text), "token ••• end");
}

#[tokio::test]
async fn an_older_value_of_a_record_stays_masked_and_a_known_one_is_known_again() {
    let world = World::in_memory().await;
    let slot = put(&world, "7", Kind::ApiKey, TOKEN.as_bytes()).await;
    let (vault, redactor) = masking(&world).await;
    let _old = vault.open(&slot, &Role::none()).await.unwrap();
    let counts = redactor.counts();
    let _again = vault.open(&slot, &Role::none()).await.unwrap();
    assert_eq!(redactor.counts(), counts);
    let newer = "ghp_0000LkT0uVbN4pRc7wYd2Es9Gm5HfJ6aKo99";
    put(&world, "7", Kind::ApiKey, newer.as_bytes()).await;
    let _new = vault.open(&slot, &Role::none()).await.unwrap();
    assert_eq!(redactor.text(&format!("{TOKEN} {newer}")), "••• •••");
    assert_eq!(redactor.counts().secrets, 2);
}

#[tokio::test]
async fn every_variable_is_masked_as_each_loader_reads_it() {
    const FILE: &str = "A='quo ted-one-value'\nB=before-hash # behind-hash\n\
                        C=\"dq-\\n-escaped-value\"\nPORT=8080\nNODE_ENV=production\n";
    let world = World::in_memory().await;
    let slot = put(&world, "7", Kind::Env, FILE.as_bytes()).await;
    let noted = Arc::new(Noted::default());
    let (_, redactor) = masking(&world).await;
    let both: [Arc<dyn OpenObserver>; 2] = [noted.clone(), Arc::new(redactor.clone())];
    let vault = world.observed(&both).await;
    let opened = vault.open(&slot, &Role::none()).await.unwrap();

    let told = noted.taken();
    let mut all = 0;
    for loader in Loader::ALL {
        for var in opened.credential().env_as(loader).unwrap().vars() {
            let value = std::str::from_utf8(var.value().expose()).unwrap();
            let pair = (var.name().to_owned(), value.to_owned());
            assert!(told.contains(&pair), "{loader:?} {pair:?}");
            all += 1;
            let text = format!("a {value} z");
            let is_secret = value.len() >= 8 && value != "production";
            assert_eq!(redactor.text(&text) != text, is_secret, "{loader:?} {text}");
        }
    }
    assert_eq!((told.len(), all), (8, 15), "{told:?}");
    // The value that no two loaders read alike.
    let values = ["before-hash # behind-hash", "'quo ted-one-value'"];
    for value in values {
        assert_eq!(redactor.text(value), "•••");
    }
    let warnings = redactor.warnings();
    let warnings: Vec<String> = warnings.iter().map(|w| w.name.to_string()).collect();
    assert_eq!(
        warnings,
        ["acme app.secret 7 NODE_ENV", "acme app.secret 7 PORT"]
    );
}

#[tokio::test]
async fn a_set_that_is_known_is_not_taken_apart_again() {
    let world = World::in_memory().await;
    let file = "A=first-value-of-it\nB=second-value-of-it\nPORT=8080\n";
    let slot = put(&world, "7", Kind::Env, file.as_bytes()).await;
    let (vault, redactor) = masking(&world).await;
    let whole = OpenedSecret {
        collection: [0; 8],
        tenant: &slot.tenant,
        place: &slot.place,
        record: &slot.record,
        revision: Revision::FIRST,
        part: None,
        value: file.as_bytes(),
    };
    let _opened = vault.open(&slot, &Role::none()).await.unwrap();
    // Of another collection.
    assert!(!redactor.knows_parts(&whole));
    let part = |name, value: &'static str| OpenedSecret {
        part: Some(name),
        value: value.as_bytes(),
        ..whole
    };
    let parts = [
        part("A", "first-value-of-it"),
        part("B", "second-value-of-it"),
        part("PORT", "8080"),
    ];
    redactor.opened_parts(&whole, &parts).unwrap();
    assert!(redactor.knows_parts(&whole));
    let changed = OpenedSecret {
        value: b"A=changed-value\n",
        ..whole
    };
    assert!(!redactor.knows_parts(&changed));
    // A part of it is forgotten: the set is not known any more.
    let name = keyward_redact::Name::new("acme app.secret 7 B").unwrap();
    assert!(redactor.forget(&name));
    assert!(!redactor.knows_parts(&whole));
    assert_eq!(redactor.text("second-value-of-it"), "second-value-of-it");
    let _opened = vault.open(&slot, &Role::none()).await.unwrap();
    assert_eq!(redactor.text("second-value-of-it"), "•••");
}

#[tokio::test]
async fn every_token_of_a_response_is_masked_and_nothing_public() {
    let response = r#"{"access_token":"xoxb-17653672481-19874698323-pdFZKVeTuE8sk7oOcBrzbqgy",
        "token_type":"Bearer-of-things","refresh_token":"refresh-AAAA1111BBBB","scope":"repo:status",
        "id_token":"eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.","team":{"name":"Acme Corporation"},
        "authed_user":{"id":"U1234567890","access_token":"xoxp-1234-abcd-efgh"},
        "incoming":[{"client_secret":"whsec-in-an-array-0001"}]}"#;
    let world = World::in_memory().await;
    let slot = put(&world, "7", Kind::OAuthToken, response.as_bytes()).await;
    let (vault, redactor) = masking(&world).await;
    let _opened = vault.open(&slot, &Role::none()).await.unwrap();
    let masked = redactor.text(response);
    let expected = r#"{"access_token":"•••",
        "token_type":"Bearer-of-things","refresh_token":"•••","scope":"repo:status",
        "id_token":"•••","team":{"name":"Acme Corporation"},
        "authed_user":{"id":"U1234567890","access_token":"•••"},
        "incoming":[{"client_secret":"•••"}]}"#;
    assert_eq!(masked, expected);
}

#[tokio::test]
async fn a_private_key_is_masked_line_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = new_key(folder.path(), "key", &["-t", "ed25519"], "");
    let text = std::fs::read_to_string(path).unwrap();
    let world = World::in_memory().await;
    let slot = put(&world, "7", Kind::SshKey, text.as_bytes()).await;
    let (vault, redactor) = masking(&world).await;
    let _opened = vault.open(&slot, &Role::none()).await.unwrap();
    for line in text.lines().filter(|line| line.len() >= 8) {
        let prefixed = format!("out | {line}\n");
        let masked = redactor.text(&prefixed);
        let is_armour = line.starts_with("-----");
        assert_eq!(masked == prefixed, is_armour, "{line}");
    }
    assert_eq!(redactor.text(&text), "•••\n");
    assert_eq!(redactor.text(&text.replace('\n', "\\n")), "•••\\n");
}

fn cell(revision: u64) -> Cell {
    Cell {
        tenant: Tenant::new("acme").unwrap(),
        record: RecordId::new("7").unwrap(),
        role: Role::none(),
        kind: CredentialKind::new("password").unwrap(),
        revision: Revision::new(revision),
    }
}

#[tokio::test]
async fn values_of_columns_and_detached_ones_are_masked_too() {
    let world = World::in_memory().await;
    let (vault, redactor) = masking(&world).await;
    let column = vault.column(
        StoreId::new("app").unwrap(),
        Place::new("server.password").unwrap(),
    );
    let column = column.await.unwrap();
    // The revision of this cell never changes, its value does.
    for value in ["first-password-1", "second-password-2"] {
        let sealed = column.seal(&cell(1), &secret(value)).await.unwrap();
        assert_eq!(redactor.text(value), value);
        let _opened = column.open(&cell(1), &sealed).await.unwrap();
        assert_eq!(redactor.text(value), "•••");
    }
    assert_eq!(redactor.text("first-password-1"), "•••");

    let slot = Slot::new("acme", "backup.env", "1").unwrap();
    let set = Credential::env_file(secret("KEY=value-of-a-variable\n")).unwrap();
    let sealed = vault.seal_detached(&slot, &Role::none(), &set).await;
    let sealed = sealed.unwrap();
    let none = Role::none();
    let open = vault.open_detached(&slot, &none, Kind::Env, &sealed);
    let _opened = open.await.unwrap();
    assert_eq!(redactor.text("value-of-a-variable"), "•••");
}

#[tokio::test]
async fn an_observer_that_fails_hands_nothing_out_and_is_told_to_the_trail() {
    let world = World::in_memory().await;
    let slot = put(&world, "7", Kind::ApiKey, TOKEN.as_bytes()).await;
    let set = put(&world, "8", Kind::Env, b"A=value-of-it\n").await;
    let noted = Arc::new(Noted::default());
    let both: [Arc<dyn OpenObserver>; 2] = [noted.clone(), Arc::new(Failing)];
    let vault = world.observed(&both).await;
    let _put = world.audit.take();
    for slot in [&slot, &set] {
        let error = vault.open(slot, &Role::none()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(noted.taken().len(), 1);
        let said = format!("{:?}", world.audit.take());
        assert!(
            said.contains("Granted") && said.contains("Failed(Unavailable"),
            "{said}"
        );
    }
    let column = vault.column(
        StoreId::new("app").unwrap(),
        Place::new("server.password").unwrap(),
    );
    let column = column.await.unwrap();
    let sealed = column.seal(&cell(1), &secret(TOKEN)).await.unwrap();
    assert!(column.open(&cell(1), &sealed).await.is_err());
    let key = Credential::api_key(secret(TOKEN)).unwrap();
    let sealed = vault
        .seal_detached(&slot, &Role::none(), &key)
        .await
        .unwrap();
    let none = Role::none();
    let open = vault.open_detached(&slot, &none, Kind::ApiKey, &sealed);
    assert!(open.await.is_err());
}

#[tokio::test]
async fn who_comes_after_the_first_opening_is_refused() {
    let world = World::in_memory().await;
    let slot = put(&world, "7", Kind::ApiKey, TOKEN.as_bytes()).await;
    let vault = world.reopened().await;
    let redactor = redactor();
    vault.observe(Arc::new(redactor.clone())).unwrap();
    let _opened = vault.open(&slot, &Role::none()).await.unwrap();
    assert_eq!(redactor.text(TOKEN), "•••");
    let error = vault.observe(Arc::new(redactor)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse);
}
