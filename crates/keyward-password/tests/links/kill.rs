//! A process that is killed at any step of a change leaves no account with two passwords, and none
//! without a way to one. The children are this test binary itself, over SQLite.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use keyward_base::audit::Discard;
use keyward_base::{AddressPrefix, BoxFuture, Result, SecretBytes, Subject, SystemClock, Trail};
use keyward_crypto::Provider;
use keyward_keys::{FileRoot, KeyUse, Keyring, Life};
use keyward_password::mail::{Ask, Courier, Letter, LinkKind, Mailer, Outbox};
use keyward_password::{
    Accounts, Checked, Credential, CredentialRows, Credentials as _, Directory as _, DirectoryRows,
    Mail, Password, Upgrades,
};
use keyward_sqlite::SqliteStore;
use tokio::sync::mpsc;

use crate::world::{
    Ended, MINUTE, NEW, OLD, USERS, acme, chosen, email, passwords, purpose, realm,
};

const HOME: &str = "KEYWARD_LINKS_HOME";
const TOKEN: &str = "KEYWARD_LINKS_TOKEN";
const STEP: &str = "KEYWARD_LINKS_STEP";

/// What the parent hands a letter's token to itself by.
#[derive(Debug)]
struct ToParent(mpsc::UnboundedSender<Letter>);

impl Mailer for ToParent {
    fn send(&self, letter: Letter) -> BoxFuture<'_, Result<()>> {
        let _ = self.0.send(letter);
        Box::pin(async { Ok(()) })
    }
}

struct Service {
    rows: CredentialRows,
    directory: DirectoryRows,
    accounts: Accounts,
    mail: Mail,
    courier: Courier,
    letters: mpsc::UnboundedReceiver<Letter>,
}

async fn service(home: &Path) -> Service {
    let keys = Arc::new(SqliteStore::open(home.join("keys.db")).unwrap());
    let root = FileRoot::open(&home.join("root"), &Provider::default()).unwrap();
    let ring = Keyring::builder(keys, Arc::new(root)).open().await.unwrap();
    let clock = Arc::new(SystemClock::new());
    let data = Arc::new(SqliteStore::open(home.join("data.db")).unwrap());
    let rows = CredentialRows::builder(data.clone(), USERS, clock.clone());
    let rows = rows.pepper(ring.clone()).build().await.unwrap();
    let directory = DirectoryRows::builder(data.clone(), ring);
    let directory = directory.build().await.unwrap();
    let (sender, letters) = mpsc::unbounded_channel();
    let trail = Trail::new(Arc::new(Discard::new()));
    let (outbox, courier) = Outbox::new(16, Arc::new(ToParent(sender)), trail, clock);
    let both = (rows.clone(), directory.clone());
    let accounts = Accounts::new(realm(), both.0, both.1, passwords(), outbox).unwrap();
    let mail = Mail::builder(accounts.clone(), data).build().await.unwrap();
    Service {
        rows,
        directory,
        accounts,
        mail,
        courier,
        letters,
    }
}

impl Service {
    async fn lets_in(&self, typed: &str) -> bool {
        let found = self
            .directory
            .find(&realm(), &email("ada@example.com"))
            .await;
        let account = realm().account(found.unwrap().unwrap().subject().clone());
        let loaded = self.rows.load(&account).await.unwrap().unwrap();
        let typed = Password::new(SecretBytes::copy_of(typed.as_bytes())).unwrap();
        let upgrades = Upgrades::new(&passwords(), Arc::new(self.rows.clone()));
        let checked = upgrades.check(&account, &loaded, typed).await.unwrap();
        matches!(checked.checked, Checked::Match { .. })
    }

    async fn link(&mut self) -> String {
        let from = AddressPrefix::of(std::net::Ipv4Addr::LOCALHOST.into());
        let address = email("ada@example.com");
        self.mail.ask(Ask::Reset, &address, from).await.unwrap();
        self.courier.run_once().await;
        crate::world::token_of(&self.letters.recv().await.unwrap(), LinkKind::Reset)
    }
}

async fn home(at: &Path) {
    let keys = Arc::new(SqliteStore::open(at.join("keys.db")).unwrap());
    let root = FileRoot::create(&at.join("root"), &Provider::default()).unwrap();
    let builder = Keyring::builder(keys, Arc::new(root));
    let ring = builder.create(&[purpose("password")], &[]).await.unwrap();
    for (name, life) in [("login", 400 * 1_440), ("mail", 60)] {
        let life = KeyUse::Mac(Life::AtMost(MINUTE * life));
        ring.admin()
            .add_purpose(&purpose(name), life)
            .await
            .unwrap();
    }
}

/// Where a child says that it is, and waits to be killed or told to go on.
fn reached(step: usize) {
    println!("\nat {step}");
    std::io::stdout().flush().unwrap();
    let stops = std::env::var(STEP).unwrap().parse::<usize>().unwrap();
    if step == stops {
        std::io::stdin().lines().next();
    }
}

/// What a child process does; nothing when the test runs by itself.
#[test]
fn child() {
    let (Some(home), Ok(token)) = (std::env::var_os(HOME), std::env::var(TOKEN)) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(async {
        let here = service(Path::new(&home)).await;
        reached(0);
        let prepared = here.mail.reset(&token, chosen(NEW).await).await.unwrap();
        reached(1);
        let ended = Ended::of(&prepared);
        reached(2);
        here.accounts.commit(prepared, ended).await.unwrap();
        reached(3);
    });
}

fn spawn(home: &Path, token: &str, step: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["kill::child", "--exact", "--nocapture"])
        .env(HOME, home)
        .env(TOKEN, token)
        .env(STEP, step.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn killed_at_any_step_there_is_one_password_or_a_link_to_one() {
    for step in 0..4 {
        let folder = tempfile::tempdir().unwrap();
        home(folder.path()).await;
        let mut here = service(folder.path()).await;
        let account = realm().account(Subject::new("1").unwrap());
        let address = email("ada@example.com");
        let acme = acme();
        let made = here
            .directory
            .insert(&realm(), &address, &account.subject, &acme)
            .await;
        assert!(made.unwrap());
        let hash = passwords().hash(&acme, chosen(OLD).await).await.unwrap();
        let now = keyward_base::Timestamp::from_millis(1);
        let credential = Credential::new(&hash, now).unwrap();
        assert!(
            here.rows
                .insert(&account, credential)
                .await
                .unwrap()
                .is_some()
        );
        let token = here.link().await;

        let mut child = spawn(folder.path(), &token, step);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let at = format!("at {step}");
        assert!(
            lines.map_while(Result::ok).any(|line| line == at),
            "step {step}"
        );
        child.kill().unwrap(); // SIGKILL.
        child.wait().unwrap();

        let (by_old, by_new) = (here.lets_in(OLD).await, here.lets_in(NEW).await);
        assert_eq!((by_old, by_new), (step == 0, step == 3), "step {step}");
        // The link goes on where there is no password; so does a new one.
        let third = "a third password of mine";
        let by_link = here.mail.reset(&token, chosen(third).await).await;
        match (step, by_link) {
            (0..3, Ok(prepared)) => {
                let ended = Ended::of(&prepared);
                here.accounts.commit(prepared, ended).await.unwrap();
            }
            (3, Err(_)) => {
                let token = here.link().await;
                let prepared = here.mail.reset(&token, chosen(third).await).await.unwrap();
                let ended = Ended::of(&prepared);
                here.accounts.commit(prepared, ended).await.unwrap();
            }
            (_, other) => panic!("step {step}: {other:?}"),
        }
        assert!(here.lets_in(third).await, "step {step}");
        for other in [OLD, NEW] {
            assert!(!here.lets_in(other).await, "step {step}");
        }
    }
}
