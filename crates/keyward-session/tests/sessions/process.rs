//! Another process on one file. It is this test binary itself.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use keyward_base::{Purpose, SecretBytes, SystemClock};
use keyward_crypto::Provider;
use keyward_keys::{EnvRoot, Keyring, KeyringBuilder};
use keyward_session::{Kind, Revoke, Sessions, Start, User};
use keyward_sqlite::SqliteStore;
use keyward_testkit::RecordingAudit;

use crate::world::{USERS, builder_on, evidence, subject, tenant};

const HOME: &str = "KEYWARD_SESSION_HOME";
const ROOT: &str = "v1:q83vEjRWeJCrze8SNFZ4kHfS4fkQpIR1cpE1WbGcYZ4=";

fn ring(home: &Path) -> KeyringBuilder {
    let keys = Arc::new(SqliteStore::open(home.join("keys.db")).unwrap());
    let root = SecretBytes::copy_of(ROOT.as_bytes());
    let root = EnvRoot::parse(&root, &Provider::default()).unwrap();
    Keyring::builder(keys, Arc::new(root)).clock(Arc::new(SystemClock::new()))
}

async fn sessions(home: &Path, ring: &Keyring, installs: bool) -> Sessions {
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

/// What the other process does; nothing when the test runs by itself.
#[test]
fn child() {
    let Some(home) = std::env::var_os(HOME) else {
        return;
    };
    let home = Path::new(&home);
    runtime().block_on(async {
        let ring = ring(home).open().await.unwrap();
        let sessions = sessions(home, &ring, false).await;
        println!("\nready");
        for line in std::io::stdin().lines() {
            let line = line.unwrap();
            let (word, token) = line.split_once(' ').unwrap_or((&line, ""));
            match word {
                "check" => {
                    let lives = sessions.check::<User>(token).await.is_ok();
                    println!("{}", if lives { "lives" } else { "ended" });
                }
                "end" => {
                    let live = sessions.check::<User>(token).await.unwrap();
                    sessions.end(&live).await.unwrap();
                    println!("done");
                }
                _ => {
                    sessions.revoke(revoke(word)).await.unwrap();
                    println!("done");
                }
            }
        }
    });
}

fn revoke(word: &str) -> Revoke {
    match word {
        "user" => Revoke::user(tenant("acme"), subject("ada")),
        "tenant" => Revoke::tenant(tenant("acme")),
        "kind" => Revoke::all_of(Kind::User),
        _ => Revoke::everything(),
    }
}

#[test]
fn what_ended_in_one_process_has_ended_in_another_on_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    runtime().block_on(async {
        let vault = Purpose::new("vault").unwrap();
        let ring = ring(home).create(&[vault], &[]).await.unwrap();
        let sessions = sessions(home, &ring, true).await;
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
        let start = async || {
            // Evidence of after the last revoke, by the system's clock.
            loop {
                let shown = evidence("acme", "ada", USERS, &SystemClock::new());
                if let Ok(started) = sessions.start(shown, Start::new()).await {
                    return started.token().expose().to_owned();
                }
            }
        };
        for word in ["user", "tenant", "kind", "everything"] {
            let token = start().await;
            assert_eq!(tell(&format!("check {token}")), "lives");
            sessions.revoke(revoke(word)).await.unwrap();
            assert_eq!(tell(&format!("check {token}")), "ended", "{word}");

            let token = start().await;
            sessions.check::<User>(&token).await.unwrap();
            assert_eq!(tell(word), "done");
            sessions.check::<User>(&token).await.unwrap_err();
        }
        let token = start().await;
        assert_eq!(tell(&format!("end {token}")), "done");
        sessions.check::<User>(&token).await.unwrap_err();
        let token = start().await;
        let live = sessions.check::<User>(&token).await.unwrap();
        sessions.end(&live).await.unwrap();
        assert_eq!(tell(&format!("check {token}")), "ended");
        drop(asks);
        assert!(child.wait().unwrap().success());
    });
}
