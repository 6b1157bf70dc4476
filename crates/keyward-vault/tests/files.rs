//! No file of the store holds a piece of a secret, after every flow.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs
)]

mod support;

use std::path::Path;
use std::sync::Arc;

use base64ct::{Base64, Encoding as _};
use keyward_base::encoding::hex;
use keyward_base::{CredentialKind, Place, RecordId, Revision, Role, SecretBytes, Tenant};
use keyward_crypto::Provider;
use keyward_sqlite::SqliteStore;
use keyward_store::{Erased, Records as _};
use keyward_testkit::{Form, Needles};
use keyward_vault::{Cell, Expect, Kind, Rewrap, Slot, Vault};
use support::{World, new_key};

/// A random secret as text, and the needles that find a piece of it.
fn random(needles: &mut Needles, name: &str) -> String {
    let bytes = Provider::default().random::<24>().unwrap();
    let text = hex(bytes.expose());
    needles.add(name, bytes.expose()).unwrap();
    needles.add(name, text.as_bytes()).unwrap();
    text
}

/// One credential of each kind, and what must never be found of it.
fn credentials(needles: &mut Needles, folder: &Path) -> Vec<(Kind, Vec<u8>)> {
    let key = std::fs::read(new_key(folder, "key", &["-t", "ed25519"], "")).unwrap();
    let text = std::str::from_utf8(&key).unwrap();
    let inside: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let whole = Base64::decode_vec(&inside).unwrap();
    // The seed stands before the second of two copies of the public key in the private section.
    let public = whole[62..94].to_vec();
    let last = whole.windows(32).rposition(|w| w == public).unwrap();
    needles.add("ssh seed", &whole[last - 32..last]).unwrap();

    let (access, refresh) = (random(needles, "access"), random(needles, "refresh"));
    let oauth = format!(
        r#"{{"access_token":"{access}","refresh_token":"{refresh}","expires_in":3600,"scope":"repo"}}"#
    );
    let env = format!(
        "export DATABASE_URL='{}'\nTOKEN=\"{}\"\n",
        random(needles, "env one"),
        random(needles, "env two")
    );
    let opaque = Provider::default().random::<64>().unwrap();
    needles.add("opaque", opaque.expose()).unwrap();
    let api_key = format!("sk_live_{}", random(needles, "api key"));
    vec![
        (Kind::ApiKey, api_key.into_bytes()),
        (Kind::Env, env.into_bytes()),
        (Kind::OAuthToken, oauth.into_bytes()),
        (Kind::Opaque, opaque.expose().to_vec()),
        (Kind::SshKey, key),
    ]
}

fn slot(kind: Kind) -> Slot {
    Slot::new("acme", "account.secret", kind.as_str()).unwrap()
}

async fn put(vault: &Vault, kind: Kind, bytes: &[u8]) {
    let credential = vault.credential(kind, SecretBytes::copy_of(bytes)).unwrap();
    let (slot, none) = (slot(kind), Role::none());
    let put = vault.put(&slot, &credential, &none, Expect::Any).await;
    put.unwrap();
}

#[tokio::test]
async fn no_file_holds_a_piece_of_a_secret_after_any_flow() {
    let mut needles = Needles::new();
    let (home, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let credentials = credentials(&mut needles, elsewhere.path());
    let clean = |when: &str| {
        let found = needles.find_in(home.path()).unwrap();
        assert!(found.is_empty(), "{when}: {found:?}");
    };
    let open = |name: &str| Arc::new(SqliteStore::open(home.path().join(name)).unwrap());
    let (keys, data) = (open("keys.db"), open("data.db"));
    let world = World::on(keys.clone(), data.clone()).await;
    let (vault, none) = (&world.vault, Role::none());
    let mut shown = String::new();

    for round in 0..2 {
        for (kind, bytes) in &credentials {
            put(vault, *kind, bytes).await;
        }
        clean(["put", "put again"][round]);
    }
    let files = ["keys.db", "keys.db-wal", "data.db", "data.db-wal"];
    for file in files {
        let len = std::fs::metadata(home.path().join(file)).unwrap().len();
        assert!(len > 0, "{file} was looked at");
    }
    for (kind, bytes) in &credentials {
        let opened = vault.open(&slot(*kind), &none).await.unwrap();
        assert_eq!(opened.bytes().expose(), bytes);
        shown += &format!("{opened:?}\n");
    }
    clean("open");
    let tenant = Tenant::new("acme").unwrap();
    let listed = vault.list_verified(&tenant, None, 10).await.unwrap();
    assert_eq!(listed.items.len(), credentials.len());
    shown += &format!("{listed:?}\n");
    clean("list");

    let admin = vault.keyring().admin();
    let old = vault.keyring().status().keys[0].id;
    admin.rotate(vault.purpose()).await.unwrap();
    let _promoted = admin.promote_ready().await.unwrap();
    let report = Rewrap::new(vault).run().await.unwrap();
    assert_eq!((report.moved, report.left), (5, 0));
    clean("rewrap");
    admin.disable(old).await.unwrap();
    admin.destroy(old).await.unwrap();
    clean("destroy");

    let column = vault
        .column(
            keyward_store::StoreId::new("app").unwrap(),
            Place::new("server.password").unwrap(),
        )
        .await
        .unwrap();
    for (kind, bytes) in &credentials {
        let cell = Cell {
            tenant: tenant.clone(),
            record: RecordId::new("1").unwrap(),
            role: none.clone(),
            kind: CredentialKind::new("password").unwrap(),
            revision: Revision::FIRST,
        };
        let plaintext = SecretBytes::copy_of(bytes);
        let sealed = column.seal(&cell, &plaintext).await.unwrap();
        std::fs::write(home.path().join("column"), sealed.as_str()).unwrap();
        let credential = vault.credential(*kind, plaintext).unwrap();
        let detached = vault
            .seal_detached(&slot(*kind), &none, &credential)
            .await
            .unwrap();
        std::fs::write(home.path().join("detached"), detached.as_str()).unwrap();
        shown += &format!("{sealed} {sealed:?} {detached} {detached:?} {credential:?}\n");
        clean("a value of its own");
    }
    vault
        .delete(&slot(Kind::ApiKey), Expect::Any)
        .await
        .unwrap();
    clean("delete");
    assert_eq!(data.erase().await.unwrap(), Erased::Done);
    clean("checkpoint");

    for event in world.audit.events() {
        shown += &format!("{event:?}\n");
    }
    shown += &format!("{vault:?} {column:?}");
    let found = needles.find(shown.as_bytes());
    assert!(found.is_empty(), "{found:?} in {shown}");

    drop((world, column, keys, data));
    clean("closed");

    // What would be found, were it there.
    let bytes = &credentials[3].1;
    let leaks = [
        bytes.clone(),
        hex(bytes).into_bytes(),
        Base64::encode_string(bytes).into_bytes(),
    ];
    for (leak, form) in leaks.into_iter().zip([Form::Raw, Form::Hex, Form::Base64]) {
        std::fs::write(home.path().join("planted"), leak).unwrap();
        let found = needles.find_in(home.path()).unwrap();
        assert!(found.iter().any(|f| f.form == form), "{form:?}");
    }
}
