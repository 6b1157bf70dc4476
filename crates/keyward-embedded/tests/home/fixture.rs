//! A home that an earlier build of this form made, and one of an older form.
//!
//! `cargo test -p keyward-embedded --test home -- --ignored make_the_fixture` makes it anew in
//! `tests/home/form-1`. It is made once for each form of a home: from then on it shows that what
//! was written before is read, and gone on with.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyward_base::{ErrorKind, ManualClock, Purpose, Role, SecretBytes, Timestamp};
use keyward_embedded::{Home, HomeDir, Layout, Options, RootSource};
use keyward_keys::{KeyState, Stage};
use keyward_sqlite::rusqlite::{Connection, params};
use keyward_vault::{Credential, Expect, Rewrap, Slot, Vault};

const FILES: [&str; 5] = ["anchor", "app.db", "data.db", "keys.db", "root"];

const TOKENS: &str = r#"{"access_token":"gho_of-a-fixture-0123456789","expires_in":3600,"refresh_token":"ghr_of-a-fixture-0123456789"}"#;

const LAYOUT: Layout<'_> = Layout {
    table: "server",
    id: "id",
    tenant: "tenant",
    column: "password",
    version: None,
};

fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/home/form-1")
}

fn options(folder: &Path) -> Options {
    let mut options = Options::with_root(RootSource::File);
    options.anchor = Some(folder.join("anchor"));
    options
}

fn secret(text: &str) -> SecretBytes {
    SecretBytes::copy_of(text.as_bytes())
}

/// Tenant, place, role, and the credential.
fn all() -> Vec<(Slot, Role, Credential)> {
    let received = Timestamp::from_millis(1_700_000_000_000);
    let slot = |tenant, place| Slot::new(tenant, place, "42").unwrap();
    let operator = Role::new("operator").unwrap();
    let [key, env, oauth, opaque] = [
        Credential::api_key(secret("ghp_of-a-fixture-01234567890123456789")),
        Credential::env_file(secret("HOST=db\nPASSWORD='of a fixture'\n")),
        Credential::oauth_response(secret(TOKENS), received),
        Credential::opaque(secret("of another tenant")),
    ]
    .map(Result::unwrap);
    vec![
        (slot("acme", "account.token"), Role::none(), key),
        (slot("acme", "project.env"), Role::none(), env),
        (slot("acme", "host.oauth"), operator, oauth),
        (slot("globex", "account.note"), Role::none(), opaque),
    ]
}

async fn opens_all(vault: &Vault) {
    for (slot, role, credential) in all() {
        let opened = vault.open(&slot, &role).await.unwrap();
        assert_eq!(
            opened.bytes().expose(),
            credential.bytes().expose(),
            "{slot:?}"
        );
        assert_eq!(opened.credential().facts(), credential.facts(), "{slot:?}");
    }
}

async fn rotate(home: &Home) {
    let purpose = Purpose::new("vault").unwrap();
    let admin = home.keyring().admin();
    admin.rotate(&purpose).await.unwrap();
    let _promoted = admin.promote_ready().await.unwrap();
    let report = Rewrap::new(home.vault()).run().await.unwrap();
    assert_eq!((report.left, report.quarantined), (0, 0), "{report:?}");
}

/// Values of every kind, a column of an application, and the keys of two rotations: one of them at
/// its end, one not.
#[tokio::test]
#[ignore = "it makes what the other tests read"]
async fn make_the_fixture() {
    let folder = kept();
    assert!(!folder.exists(), "it is made once: remove it first");
    let made = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(made.path().join("home"));
    let options = options(made.path());
    let home = Home::init(&dir, &options).await.unwrap();
    let old = home.keyring().status().keys.first().unwrap().id;
    rotate(&home).await;
    home.keyring().admin().disable(old).await.unwrap();
    home.keyring().admin().destroy(old).await.unwrap();
    for (slot, role, credential) in all() {
        let put = home.vault().put(&slot, &credential, &role, Expect::Absent);
        put.await.unwrap();
    }
    rotate(&home).await;
    let database = made.path().join("app.db");
    let app = Connection::open(&database).unwrap();
    app.execute_batch(
        "CREATE TABLE server (id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, password TEXT) STRICT",
    )
    .unwrap();
    let column = home.own_column(&database, &LAYOUT).await.unwrap();
    let value = column.seal("acme", 7, &secret("a password")).await.unwrap();
    let sql = "INSERT INTO server VALUES (7, 'acme', ?1)";
    app.execute(sql, params![value.as_str()]).unwrap();
    drop((app, column, home));
    fs::create_dir(&folder).unwrap();
    for name in FILES {
        let from = match name {
            "anchor" | "app.db" => made.path().join(name),
            name => dir.folder().join(name),
        };
        fs::copy(from, folder.join(name)).unwrap();
    }
    for extra in ["keys.db-wal", "data.db-wal"] {
        let left = fs::metadata(dir.folder().join(extra)).map_or(0, |told| told.len());
        assert_eq!(left, 0, "{extra} holds what the file does not");
    }
}

/// A copy that may be written to, with the modes that a home has.
fn copy() -> (tempfile::TempDir, HomeDir) {
    let place = tempfile::tempdir().unwrap();
    let home = place.path().join("home");
    fs::create_dir(&home).unwrap();
    fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
    for name in FILES {
        let to = match name {
            "anchor" | "app.db" => place.path().join(name),
            name => home.join(name),
        };
        fs::copy(kept().join(name), &to).unwrap();
        fs::set_permissions(&to, fs::Permissions::from_mode(0o600)).unwrap();
    }
    (place, HomeDir::at(home))
}

#[tokio::test]
async fn a_home_of_this_form_is_read_and_gone_on_with() {
    let (place, dir) = copy();
    let mut options = options(place.path());
    // Long after it was made.
    let clock = Arc::new(ManualClock::new(Timestamp::from_millis(4_000_000_000_000)));
    options.clock = clock.clone();
    let home = Home::open(&dir, &options).await.unwrap();
    let states = |home: &Home| -> Vec<KeyState> {
        let keys = home.keyring().status().keys;
        keys.iter().map(|key| key.state).collect()
    };
    let before = [KeyState::Destroyed, KeyState::Retired, KeyState::Active];
    assert_eq!(states(&home), before);
    opens_all(home.vault()).await;
    let database = place.path().join("app.db");
    let column = home.own_column(&database, &LAYOUT).await.unwrap();
    let app = Connection::open(&database).unwrap();
    let text = || -> String {
        let sql = "SELECT password FROM server WHERE id = 7";
        app.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let opened = column.open("acme", 7, &text()).await.unwrap();
    assert_eq!(opened.expose(), b"a password");

    let purpose = Purpose::new("vault").unwrap();
    let admin = home.keyring().admin();
    let mut rotation = admin.rotation(&purpose);
    loop {
        match rotation.step().await.unwrap() {
            Stage::Done { destroyed, .. } => break assert_eq!(destroyed.len(), 2),
            Stage::Rewrap { .. } => {
                admin.rewrap_values(&purpose, |_| {}).await.unwrap();
            }
            // The age of a key that was disabled.
            _ => clock.advance(options.policy.minimum_age()),
        }
    }
    opens_all(home.vault()).await;
    let opened = column.open("acme", 7, &text()).await.unwrap();
    assert_eq!(opened.expose(), b"a password");
}

/// Nothing of the files changes, and the refusal says what they are.
#[tokio::test]
async fn a_home_of_an_older_form_is_refused_untouched() {
    let made = tempfile::tempdir().unwrap();
    let dir = HomeDir::at(made.path().join("home"));
    let options = options(made.path());
    drop(Home::init(&dir, &options).await.unwrap());
    let store = Connection::open(dir.keys_db()).unwrap();
    let of_ring = "collection = 'keyring' AND id = 'ring'";
    let mut ring: Vec<u8> = store
        .query_row(
            &format!("SELECT data FROM record WHERE {of_ring}"),
            [],
            |row| row.get(0),
        )
        .unwrap();
    // After the four bytes of the magic stands the version.
    *ring.get_mut(4).unwrap() = 1;
    let sql = format!("UPDATE record SET data = ?1 WHERE {of_ring}");
    assert_eq!(store.execute(&sql, params![ring]).unwrap(), 1);
    store
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    drop(store);
    let files = || -> Vec<Vec<u8>> {
        let home = [dir.keys_db(), dir.data_db(), dir.root_file()];
        let all = home.into_iter().chain([made.path().join("anchor")]);
        all.map(|path| fs::read(path).unwrap()).collect()
    };
    let before = files();
    for _ in 0..2 {
        let refused = Home::open(&dir, &options).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable);
        let says = refused.to_string();
        assert!(says.contains("keyward keys init"), "{says}");
    }
    let refused = Home::init(&dir, &options).await;
    assert!(refused.is_err(), "nor made over");
    assert!(files() == before, "untouched");
}
