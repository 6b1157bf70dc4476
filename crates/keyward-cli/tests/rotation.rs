//! Rotation by command: refused where it would lose values, repeatable when it was killed, and
//! patient with serving processes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use keyward_base::{Clock as _, Purpose, RecordId, SystemClock, Tenant};
use keyward_crypto::Provider;
use keyward_embedded::{Home, HomeDir, Options, RootSource};
use keyward_keys::KeyUse;
use keyward_webhook::{Endpoint, Inbox, OnceTerms, Outcome, Webhook, preset};
use support::{Bench, finish, random_text};

#[test]
fn a_key_that_rows_need_is_neither_disabled_nor_destroyed_in_passing() {
    let bench = Bench::new();
    bench.seal("t.c", "1", "opaque", b"one value").ok();
    let active = bench.keys_in("active").remove(0);
    bench
        .run(&["keys", "disable", &active], b"")
        .fails(2, "rotate");
    bench.run(&["keys", "destroy", &active], b"").fails(2, "");

    bench.run(&["keys", "rotate"], b"").ok();
    assert_eq!(bench.keys_in("retired"), [active.as_str()]);
    let told = bench.run(&["keys", "disable", &active], b"").ok().said();
    let wanted = format!("rows that do not open until `keyward keys enable {active}`: 1");
    assert!(told.contains(&wanted), "{told}");
    bench.run(&["keys", "destroy", &active], b"").fails(2, "1");
    // Disabled is a refusal that can be taken back.
    assert_ne!(bench.open("t.c", "1").code(), 0);
    bench.run(&["keys", "enable", &active], b"").ok();
    assert_eq!(bench.open("t.c", "1").ok().text(), "one value");

    bench.run(&["vault", "rewrap"], b"").ok();
    let told = bench.run(&["keys", "disable", &active], b"").ok().said();
    assert!(!told.contains("rows"), "{told}");
    bench.run(&["keys", "destroy", &active], b"").ok();
    assert_eq!(bench.keys_in("destroyed"), [active.as_str()]);
    assert_eq!(bench.open("t.c", "1").ok().text(), "one value");
    bench.run(&["keys", "enable", &active], b"").fails(2, "");
}

#[test]
fn a_rotation_to_the_end_names_the_rows_of_a_key_that_was_disabled_by_hand() {
    let bench = Bench::new();
    bench.seal("t.c", "1", "opaque", b"one value").ok();
    let shut = bench.keys_in("active").remove(0);
    bench.run(&["keys", "rotate"], b"").ok();
    bench.run(&["keys", "disable", &shut], b"").ok();
    bench.seal("t.c", "2", "opaque", b"another").ok();

    let to_end = ["keys", "rotate", "--to-end"];
    let said = bench.run(&to_end, b"").ok().said();
    let wanted = format!("1 row lies under key {shut}, which was disabled by hand");
    assert!(said.contains(&wanted), "{said}");
    let mends = format!("`keyward keys enable {shut} && keyward keys rotate --to-end`");
    assert!(said.contains(&mends), "{said}");
    assert_eq!(bench.keys_in("disabled"), [shut.as_str()]);
    assert_ne!(bench.open("t.c", "1").code(), 0);

    let told = bench.json(&to_end);
    assert_eq!(
        told["disabled"],
        serde_json::json!([{"key": shut, "rows": 1}])
    );
    // What the line says ends it.
    bench.run(&["keys", "enable", &shut], b"").ok();
    let told = bench.json(&to_end);
    assert_eq!(told["disabled"], serde_json::json!([]));
    assert!(
        told["destroyed"]
            .as_array()
            .unwrap()
            .contains(&shut.clone().into())
    );
    assert_eq!(bench.open("t.c", "1").ok().text(), "one value");
}

#[test]
fn an_unknown_key_and_a_missing_home_are_misuse() {
    let bench = Bench::new();
    for verb in ["disable", "enable", "destroy"] {
        bench
            .run(&["keys", verb, "0123456789abcdef"], b"")
            .fails(2, "0123456789abcdef");
    }
    let bench = Bench::empty();
    bench
        .run(&["keys", "status"], b"")
        .fails(2, "keyward keys init");
    assert!(!bench.home().exists());
}

#[test]
fn a_key_with_detached_values_is_lost_by_name_only() {
    let bench = Bench::new();
    let slot = [
        "vault", "seal", "--tenant", "acme", "--at", "t.c", "--id", "1", "--stdout",
    ];
    bench.run(&slot, b"detached").ok();
    let old = bench.keys_in("active").remove(0);
    bench.run(&["keys", "rotate"], b"").ok();
    bench.run(&["vault", "rewrap"], b"").ok();
    bench.run(&["keys", "disable", &old], b"").ok();
    bench
        .run(&["keys", "destroy", &old], b"")
        .fails(2, "--even-unregistered");
    bench
        .run(&["keys", "destroy", &old, "--even-unregistered"], b"")
        .ok();
}

#[test]
fn a_killed_rewrap_is_repeated_to_the_end() {
    let bench = Bench::new();
    let secrets: Vec<String> = (0..40).map(|_| random_text(40)).collect();
    for (id, secret) in secrets.iter().enumerate() {
        bench
            .seal("t.c", &id.to_string(), "api-key", secret.as_bytes())
            .ok();
    }
    let old = bench.keys_in("active").remove(0);
    bench.run(&["keys", "rotate"], b"").ok();
    // Killed as soon as it runs, at moments that differ from run to run.
    for _ in 0..5 {
        let mut child = bench.keyward(&["vault", "rewrap"]).spawn().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let report = bench.json(&["vault", "rewrap"]);
    assert_eq!(report["format"], "keyward.vault.rewrap/2");
    assert_eq!(
        (&report["left"], &report["quarantined"]),
        (&0.into(), &0.into())
    );
    for (id, secret) in secrets.iter().enumerate() {
        assert_eq!(&bench.open("t.c", &id.to_string()).ok().text(), secret);
    }
    bench.run(&["keys", "disable", &old], b"").ok();
    bench.run(&["keys", "destroy", &old], b"").ok();
}

#[test]
fn a_new_root_version_takes_over_and_the_old_one_can_go() {
    let bench = Bench::empty();
    let root = |version: u32| {
        let key = bench
            .sh("head -c 32 /dev/urandom | base64 -w0", &[])
            .ok()
            .text();
        format!("v{version}:{key}")
    };
    let (old, new) = (root(1), root(2));
    let with = |root: &str, arguments: &[&str], input: &[u8]| {
        let mut command = bench.keyward(arguments);
        command.env("KEYWARD_ROOT", root);
        finish(command, input)
    };
    let slot = ["--tenant", "acme", "--at", "t.c", "--id", "1"];
    with(&old, &["keys", "init"], b"").ok();
    assert!(!bench.home().join("root").exists());
    with(&old, &[&["vault", "seal"], &slot[..]].concat(), b"kept").ok();
    let both = format!("{new},{old}");
    let open = [&["vault", "open"], &slot[..]].concat();
    assert_eq!(with(&both, &open, b"").ok().text(), "kept");
    assert_ne!(
        with(&new, &open, b"").code(),
        0,
        "nothing is wrapped by the new root yet"
    );
    let said = with(&both, &["keys", "rewrap"], b"").ok().said();
    assert!(
        said.contains("wrapped anew: ") && !said.contains("free pages"),
        "{said}"
    );
    assert_eq!(with(&new, &open, b"").ok().text(), "kept");
    assert_ne!(with(&old, &open, b"").code(), 0);
}

/// A service keeps webhooks in this home: the command counts their rows, and ends its key.
#[test]
fn the_rows_of_an_inbox_are_counted_and_sealed_anew() {
    let bench = Bench::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let purpose = Purpose::new("webhook").unwrap();
    let github = Webhook::new(preset::GITHUB, Provider::default()).unwrap();
    let endpoint = Endpoint {
        tenant: Tenant::new("acme").unwrap(),
        id: RecordId::new("deploys").unwrap(),
    };
    let body = vec![b'a'; (1 << 20) + 1]; // Two records.
    let inbox = async || {
        let mut options = Options::with_root(RootSource::File);
        options.anchor = Some(bench.anchor());
        let home = Home::open(&HomeDir::at(bench.home()), &options).await;
        let home = home.unwrap();
        let admin = home.keyring().admin();
        admin.add_purpose(&purpose, KeyUse::Seal).await.unwrap();
        Inbox::builder(home.keyring().clone(), home.data().clone())
            .provider(&github, OnceTerms::of(github.scheme()))
            .unwrap()
            .build()
            .await
            .unwrap()
    };
    runtime.block_on(async {
        let now = SystemClock::new().now().unwrap();
        let secret = github.generate().unwrap();
        let mut secrets = github.secrets();
        secrets.add("1", None, &secret).unwrap();
        let signed = preset::GITHUB.sign(&Provider::default(), &secret, None, now, &body);
        let signed = signed.unwrap();
        let received = github.receive(&signed, now).unwrap();
        let hook = received.verify(&secrets, &body).unwrap();
        let kept = inbox().await.accept(&endpoint, &hook).await.unwrap();
        assert_eq!(kept.outcome(), Outcome::Stored);
    });
    let keys = || {
        let keys = bench.json(&["keys", "status"])["keys"].take();
        let mut keys = keys.as_array().unwrap().clone();
        keys.retain(|key| key["purpose"] == "webhook");
        keys
    };
    let [old] = keys().try_into().unwrap();
    assert_eq!(old["rows"], 2, "{old}");
    let told = bench.json(&["keys", "rotate", "--purpose", "webhook", "--to-end"]);
    assert_eq!(told["moved"], 2, "{told}");
    assert_eq!(told["destroyed"], serde_json::json!([old["id"]]));
    let rows: Vec<_> = keys().iter().map(|key| key["rows"].clone()).collect();
    assert_eq!(rows, [0, 2]);
    runtime.block_on(async {
        let taken = inbox().await.next().await.unwrap().unwrap();
        assert_eq!(taken.hook().get().body(), body);
        drop(taken);
    });
}
