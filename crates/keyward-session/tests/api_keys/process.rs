//! Another process on one file. It is this test binary itself.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use keyward_base::{Purpose, SecretBytes, SystemClock};
use keyward_crypto::Provider;
use keyward_keys::{EnvRoot, Keyring, KeyringBuilder};
use keyward_session::api_key::{ApiKeyId, ApiKeys, End, Narrow, Rotation};
use keyward_sqlite::SqliteStore;
use keyward_testkit::RecordingAudit;

use crate::world::{READ, WRITE, builder_on, new, operator, scopes, tenant};

const HOME: &str = "KEYWARD_API_KEY_HOME";
const ROOT: &str = "v1:q83vEjRWeJCrze8SNFZ4kHfS4fkQpIR1cpE1WbGcYZ4=";

fn ring(home: &Path) -> KeyringBuilder {
    let keys = Arc::new(SqliteStore::open(home.join("keys.db")).unwrap());
    let root = SecretBytes::copy_of(ROOT.as_bytes());
    let root = EnvRoot::parse(&root, &Provider::default()).unwrap();
    Keyring::builder(keys, Arc::new(root)).clock(Arc::new(SystemClock::new()))
}

async fn keys(home: &Path, ring: &Keyring, installs: bool) -> ApiKeys {
    let data = Arc::new(SqliteStore::open(home.join("data.db")).unwrap());
    let mut builder = builder_on(ring, data, &RecordingAudit::new());
    if installs {
        builder = builder.install().await.unwrap();
    }
    builder.build().await.unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.build().unwrap()
}

async fn act(keys: &ApiKeys, word: &str, of: &str) -> String {
    let acme = tenant("acme");
    let id = || ApiKeyId::parse(of).unwrap();
    match word {
        "check" => match keys.check(of, None).await {
            Ok(live) if live.has(&WRITE) => "writes".to_owned(),
            Ok(live) if live.has(&READ) => "reads".to_owned(),
            Ok(_) => "nothing".to_owned(),
            Err(e) => e.reason().unwrap().as_str().to_owned(),
        },
        "narrow" => {
            let to = Narrow::new().scopes(scopes("servers:read"));
            keys.narrow(&acme, id(), &to).await.unwrap();
            "done".to_owned()
        }
        "revoke" => {
            keys.revoke(&acme, id()).await.unwrap();
            "done".to_owned()
        }
        "leaked" => {
            keys.revoke_leaked(of).await.unwrap();
            "done".to_owned()
        }
        "rotate" => {
            let made = keys
                .rotate_as_operator(&operator("acme"), id(), Rotation::new())
                .await;
            made.map_or_else(
                |e| e.reason().unwrap().as_str().to_owned(),
                |made| made.key().expose().to_owned(),
            )
        }
        "tenant" => {
            keys.end(&End::tenant(acme)).await.unwrap();
            "done".to_owned()
        }
        _ => {
            keys.end(&End::everything()).await.unwrap();
            "done".to_owned()
        }
    }
}

/// What the other process does; nothing when the test runs by itself.
#[test]
fn child() {
    let Some(home) = std::env::var_os(HOME) else {
        return;
    };
    let home = Path::new(&home);
    runtime().block_on(async {
        let ring = ring(home).open().await.unwrap();
        let keys = keys(home, &ring, false).await;
        println!("\nready");
        for line in std::io::stdin().lines() {
            let line = line.unwrap();
            let (word, of) = line.split_once(' ').unwrap_or((&line, ""));
            println!("{}", act(&keys, word, of).await);
        }
    });
}

#[test]
fn what_was_done_in_one_process_holds_in_another_on_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    runtime().block_on(async {
        let vault = Purpose::new("vault").unwrap();
        let ring = ring(home).create(&[vault], &[]).await.unwrap();
        let keys = keys(home, &ring, true).await;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["process::child", "--exact", "--nocapture"])
            .env(HOME, home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut asks = child.stdin.take().unwrap();
        let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
        while answers.next().unwrap().unwrap() != "ready" {}
        let mut tell = |words: &str| {
            writeln!(asks, "{words}").unwrap();
            answers.next().unwrap().unwrap()
        };
        let make = async || {
            let made = keys
                .issue_as_operator(&operator("acme"), new("build"))
                .await;
            let made = made.unwrap();
            (made.key().expose().to_owned(), made.info().id.to_string())
        };
        for word in ["narrow", "revoke", "leaked", "tenant", "everything"] {
            let of = |text: &str, id: &str| match word {
                "leaked" => text.to_owned(),
                _ => id.to_owned(),
            };
            let after = if word == "narrow" {
                "reads"
            } else {
                "api-key-ended"
            };
            let (text, id) = make().await;
            assert_eq!(tell(&format!("check {text}")), "writes");
            act(&keys, word, &of(&text, &id)).await;
            assert_eq!(tell(&format!("check {text}")), after, "{word}");
            let (text, id) = make().await;
            assert_eq!(act(&keys, "check", &text).await, "writes");
            assert_eq!(tell(&format!("{word} {}", of(&text, &id))), "done");
            assert_eq!(act(&keys, "check", &text).await, after, "{word}");
        }
        // Rotated in the other: both work here at once, and here it is not rotated again.
        let (text, id) = make().await;
        let successor = tell(&format!("rotate {id}"));
        assert_eq!(act(&keys, "check", &text).await, "writes");
        assert_eq!(act(&keys, "check", &successor).await, "writes");
        assert_eq!(act(&keys, "rotate", &id).await, "api-key-rotated");
        drop(asks);
        assert!(child.wait().unwrap().success());
    });
}
