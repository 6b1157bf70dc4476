//! The examples run, on a home of their own and beside a serving process.
// A panic is the report.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use keyward::embedded::{Home, HomeDir, Options, RootSource};
use keyward::vault::Slot;
use keyward::{Result, Role};
use support::{Place, TOKEN, example, ok};

fn options(place: &Place) -> Options {
    let mut options = Options::with_root(RootSource::File);
    options.anchor = Some(place.folder().join("anchor"));
    options
}

#[tokio::test]
async fn the_examples_run_one_after_the_other() -> Result<()> {
    let place = Place::new();
    let dir = HomeDir::at(place.folder().join("home"));
    drop(Home::init(&dir, &options(&place)).await?);

    let said = ok(&place.run(&example("vault_seal"), &[], TOKEN));
    assert_eq!(
        said,
        "account.github_token 42 ghp_••••1234\n40 bytes for the API call\n"
    );
    let said = ok(&place.run(&example("redact"), &[], ""));
    assert_eq!(
        said,
        "token •acme account.github_token 42•, basic eDp•acme account.github_token 42•\n\"•••\"\n"
    );
    let said = ok(&place.run(&example("vault_rotate"), &[], ""));
    for part in ["1 values moved, 0 left", "is destroyed"] {
        assert!(said.contains(part), "{part}: {said}");
    }

    let home = Home::open(&dir, &options(&place)).await?;
    let slot = Slot::new("acme", "account.github_token", "42")?;
    let opened = home.vault().open(&slot, &Role::none()).await?;
    assert_eq!(opened.bytes().expose(), TOKEN.as_bytes());
    Ok(())
}

#[tokio::test]
async fn a_key_is_replaced_to_the_end_beside_a_serving_process() -> Result<()> {
    let place = Place::new();
    let dir = HomeDir::at(place.folder().join("home"));
    drop(Home::init(&dir, &options(&place)).await?);
    ok(&place.run(&example("vault_seal"), &[], TOKEN));

    let mut serving = place.serve();
    let opens = |serving: &mut support::Serving| serving.open("acme", "account.github_token", "42");
    assert_eq!(opens(&mut serving), "40 bytes");
    // Twice: the second finds nothing that the first left behind.
    for _ in 0..2 {
        let said = ok(&place.run(&example("vault_rotate"), &[], ""));
        for part in ["1 values moved, 0 left", "is destroyed"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert_eq!(opens(&mut serving), "40 bytes");
    }
    Ok(())
}

#[tokio::test]
async fn an_applications_own_column_is_rotated_with_the_vault() -> Result<()> {
    let place = Place::new();
    let dir = HomeDir::at(place.folder().join("home"));
    drop(Home::init(&dir, &options(&place)).await?);
    let column = |words: &str, input: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        place.run(&example("vault_column"), &words, input)
    };
    ok(&column("put acme web", "the first password"));
    ok(&column("put acme db", "the second password, longer"));
    ok(&column("put globex web", "of another tenant"));
    ok(&column("put acme web", "the first password anew"));
    assert!(
        !column("put acme empty", "").status.success(),
        "nothing to seal"
    );
    assert_eq!(ok(&column("count", "")), "3 values\n");
    let listed = ok(&column("list acme", ""));
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(listed.starts_with("db "), "{listed}");
    assert!(!listed.contains("password"), "{listed}");

    // Every value moves; the old key is disabled, and destroyed when it has been for long enough.
    let said = ok(&column("rotate", ""));
    assert!(said.contains("3 values moved, 0 left"), "{said}");
    assert!(said.contains("is disabled"), "{said}");
    let again = ok(&column("rotate", ""));
    assert!(
        !again.contains("moved") && again.contains("is disabled"),
        "{again}"
    );
    assert_eq!(ok(&column("open acme web", "")), "23 bytes\n");
    assert_eq!(ok(&column("open globex web", "")), "17 bytes\n");
    assert!(!column("open globex db", "").status.success());

    // The command cannot count the column, and destroys nothing.
    let home = Home::open(&dir, &options(&place)).await?;
    let old = home.keyring().status().keys.first().unwrap().id;
    let refused = home.keyring().admin().destroy(old).await.unwrap_err();
    assert!(refused.to_string().contains("server.password"), "{refused}");
    Ok(())
}

#[allow(dead_code, missing_docs)]
#[path = "../service.rs"]
mod service;

/// The service's own lines: without its schema, its imports, and what says what it is.
#[test]
fn the_service_is_short() {
    let text = include_str!("../service.rs");
    let (_, own) = text.split_once("// The service.\n").unwrap();
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    let lines = own.lines().filter(is_code).count();
    assert!(lines <= 90, "{lines} lines");
}

async fn asked(routes: &axum::Router, method: &str, path: &str, body: &str) -> String {
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;
    let request = axum::http::Request::builder()
        .method(method)
        .uri(path)
        .header("host", "127.0.0.1:8080")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(axum::body::Body::from(body.to_owned()))
        .unwrap();
    let answer = routes.clone().oneshot(request).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    assert_eq!(status, 200, "{method} {path}: {body}");
    body
}

/// Tokens and passwords are put and used all the while: each of them opens until the old key is
/// destroyed, and after.
#[tokio::test]
async fn the_service_rotates_to_the_end_beside_live_traffic() -> Result<()> {
    use keyward::keys::KeyState;
    let place = Place::new();
    let dir = HomeDir::at(place.folder().join("home"));
    let clock = std::sync::Arc::new(keyward::base::ManualClock::new(
        keyward::Timestamp::from_millis(1_700_000_000_000),
    ));
    let mut options = options(&place);
    options.clock = clock.clone();
    drop(Home::init(&dir, &options).await?);
    let home = Home::serve(&dir, &options, "web-1").await?;
    let keyring = home.keyring().clone();
    let old = keyring.status().keys.first().unwrap().id;
    let database = place.folder().join("servers.db");
    let routes = service::routes(home, &database).await?;

    let (token, password) = (format!("secret={TOKEN}"), "secret=a-password-of-a-server");
    for id in 0..5 {
        asked(&routes, "POST", &format!("/tokens/acme/{id}"), &token).await;
        let path = format!("/servers/globex/{id}");
        let shown = asked(&routes, "POST", &path, password).await;
        assert!(!shown.contains("password-of"), "{shown}");
    }
    assert_eq!(asked(&routes, "POST", "/rotate", "").await, "begun");
    let mut rounds = 0;
    loop {
        let state = keyring.status().keys.into_iter().find(|key| key.id == old);
        let state = state.unwrap().state;
        for id in 0..5 {
            let (token_path, path) = (
                format!("/tokens/acme/{id}"),
                format!("/servers/globex/{id}"),
            );
            let opened = asked(&routes, "GET", &token_path, "").await;
            assert_eq!(opened, "40 bytes", "{state:?}");
            let opened = asked(&routes, "GET", &path, "").await;
            assert_eq!(opened, "22 bytes", "{state:?}");
        }
        asked(
            &routes,
            "POST",
            &format!("/tokens/acme/{}", rounds % 5),
            &token,
        )
        .await;
        let path = format!("/servers/globex/{}", rounds % 5);
        asked(&routes, "POST", &path, password).await;
        if state == KeyState::Destroyed {
            break;
        }
        // The lease is renewed by the service's own ticks; time passes as they do.
        keyring.tick().await?;
        clock.advance(std::time::Duration::from_secs(10));
        rounds += 1;
    }
    assert!(rounds > 0);
    Ok(())
}

/// PBKDF2 of a thousand rounds over "correct horse".
const WEAK: &str =
    "$pbkdf2-sha256$1000$c29tZSBzYWx0IG9mIDE2IQ$ZyTPlL64LFBwkYpwJRUE4HbqPAER5Jry8/pNiE38LkY";

#[tokio::test]
async fn a_weak_hash_is_sealed_wrapped_and_made_anew() -> Result<()> {
    let place = Place::new();
    let dir = HomeDir::at(place.folder().join("home"));
    drop(Home::init(&dir, &options(&place)).await?);
    let login = example("login");
    let said = |args: &[&str], typed: &str| ok(&place.run(&login, args, typed));
    let (ann, bob, cem) = ("ann@example.com", "bob@example.com", "cem@example.com");
    for user in [ann, bob] {
        assert_eq!(said(&["import", user], WEAK), "stored\n");
    }
    let anew = |name| format!("welcome, {name}; the hash was made anew\n");
    assert_eq!(said(&["check", ann], "correct horse"), anew("ann"));
    assert_eq!(said(&["wrap"], ""), "1 of 2 wrapped\n");
    assert_eq!(said(&["check", bob], "correct horsf"), "refused\n");
    assert_eq!(said(&["check", bob], "correct horse"), anew("bob"));
    for (user, name) in [(ann, "ann"), ("Bob@Example.com", "bob")] {
        let welcome = format!("welcome, {name}\n");
        assert_eq!(said(&["check", user], "correct horse"), welcome);
    }
    // Ten fail, whoever it is, and are remembered by processes to come.
    for _ in 0..10 {
        assert_eq!(said(&["check", cem], "correct horse"), "refused\n");
    }
    let blocked = said(&["check", cem], "correct horse");
    assert!(blocked.starts_with("too many tries: "), "{blocked}");
    Ok(())
}

#[allow(dead_code, missing_docs, unreachable_pub)]
#[path = "../webhook.rs"]
mod webhook;

/// How often a secret was opened.
#[derive(Debug, Default)]
struct Counted(std::sync::atomic::AtomicUsize);

impl keyward::Sink for Counted {
    fn record<'a>(
        &'a self,
        event: &'a keyward::base::Event,
    ) -> keyward::base::BoxFuture<'a, Result<()>> {
        let more = usize::from(event.action == "vault.open");
        self.0.fetch_add(more, std::sync::atomic::Ordering::SeqCst);
        Box::pin(async { Ok(()) })
    }

    fn open_intents(
        &self,
    ) -> keyward::base::BoxFuture<'_, Result<Vec<keyward::base::audit::Intent>>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// A delivery is refused until it is proved, kept once, and handled.
#[tokio::test]
async fn the_webhook_service_keeps_what_is_proved_and_handles_it_once() -> Result<()> {
    use keyward::base::Clock as _;
    use keyward::webhook::{Inbox, OnceTerms, preset};
    use tower::ServiceExt as _;

    let place = Place::new();
    let dir = HomeDir::at(place.folder().join("home"));
    drop(Home::init(&dir, &options(&place)).await?);
    let audit = std::sync::Arc::new(Counted::default());
    let mut options = options(&place);
    options.audit = Some(audit.clone());
    let home = Home::open(&dir, &options).await?;
    let (keyring, data) = (home.keyring().clone(), home.data().clone());
    let routes = webhook::routes(home).await?;
    let secret = asked(&routes, "PUT", "/hooks/acme/deploys", "").await;

    let crypto = keyward::crypto::Provider::default();
    let sent = async |path: &str, secret: &str| {
        let body = r#"{"ref":"refs/heads/main"}"#;
        let secret = keyward::SecretBytes::copy_of(secret.as_bytes());
        let now = keyward::SystemClock::new().now().unwrap();
        let signed = preset::GITHUB.sign(&crypto, &secret, Some("7"), now, body.as_bytes());
        let mut request = axum::http::Request::post(path)
            .header("host", "127.0.0.1:8080")
            .header("x-github-event", "push")
            .body(axum::body::Body::from(body))
            .unwrap();
        request.headers_mut().extend(signed.unwrap());
        routes
            .clone()
            .oneshot(request)
            .await
            .unwrap()
            .status()
            .as_u16()
    };
    for _ in 0..20 {
        assert_eq!(
            sent("/hooks/acme/deploys", "another secret, long enough").await,
            401
        );
        assert_eq!(sent("/hooks/acme/other", &secret).await, 401);
    }
    assert_eq!(sent("/hooks/globex/deploys", &secret).await, 401);
    for _ in 0..3 {
        assert_eq!(sent("/hooks/acme/deploys", &secret).await, 200);
    }
    // What proves nothing costs no event of the vault's.
    assert_eq!(audit.0.load(std::sync::atomic::Ordering::SeqCst), 1);
    let github = keyward::webhook::Webhook::new(preset::GITHUB, crypto)?;
    let inbox = Inbox::builder(keyring, data)
        .provider(&github, OnceTerms::of(github.scheme()))?
        .build()
        .await?;
    loop {
        let counts = inbox.counts(None).await?;
        assert!(counts.waiting <= 1 && counts.finished <= 1);
        if counts.finished == 1 {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
}
