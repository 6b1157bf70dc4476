//! What goes in comes out, byte for byte, for every kind of real input.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod support;

use support::{Bench, mode, random, random_text};

const OAUTH: &str = r#"{
  "access_token": "ya29.a0AfH6SMBx-EXAMPLE-not-a-real-token-1234567890",
  "refresh_token": "1//0gEXAMPLE-refresh-token-that-is-not-real",
  "token_type": "Bearer",
  "expires_in": 3599,
  "scope": "https://www.googleapis.com/auth/drive.readonly openid"
}
"#;

const DOTENV: &str = "# production\nDATABASE_URL=postgres://app:hunter2@db.internal:5432/app\n\
    export STRIPE_KEY=\"sk_live_not-a-real-key-0123456789\"\nQUOTED='a # b'\nEMPTY=\n";

#[test]
fn every_kind_round_trips() {
    let bench = Bench::new();
    bench
        .sh("ssh-keygen -q -t ed25519 -N '' -f plain", &[])
        .ok();
    bench
        .sh("ssh-keygen -q -t ed25519 -N 'a pass phrase' -f locked", &[])
        .ok();
    bench
        .sh("ssh-keygen -q -t rsa -b 2048 -N '' -f rsa", &[])
        .ok();
    let file = |name: &str| std::fs::read(bench.folder().join(name)).unwrap();
    let cases: Vec<(&str, &str, Vec<u8>)> = vec![
        ("opaque", "1", vec![0]),
        ("opaque", "2", b"with a newline\n".to_vec()),
        ("opaque", "3", b"\r\n\r\n".to_vec()),
        ("opaque", "4", random(70_000)),
        ("api-key", "5", random_text(40).into_bytes()),
        ("api-key", "6", b"short".to_vec()),
        ("oauth-token", "7", OAUTH.as_bytes().to_vec()),
        ("env", "8", DOTENV.as_bytes().to_vec()),
        ("ssh-key", "9", file("plain")),
        ("ssh-key", "10", file("locked")),
        ("ssh-key", "11", file("rsa")),
    ];
    for (kind, id, secret) in &cases {
        bench.seal("t.c", id, kind, secret).ok();
        assert_eq!(bench.open("t.c", id).ok().out(), secret, "{kind} {id}");
    }
    let listed = bench.json(&["vault", "list", "--tenant", "acme"]);
    let rows = listed["credentials"].as_array().unwrap();
    assert_eq!(rows.len(), cases.len());
    let row = |id: &str| rows.iter().find(|r| r["id"] == id).unwrap();
    // What is public about them is shown, and right.
    let fingerprint = bench.sh("ssh-keygen -lf plain.pub", &[]).ok().text();
    let fingerprint = fingerprint.split(' ').nth(1).unwrap().to_owned();
    assert_eq!(row("9")["fingerprint"], fingerprint.as_str());
    assert_eq!(
        row("8")["names"],
        serde_json::json!(["DATABASE_URL", "STRIPE_KEY", "QUOTED", "EMPTY"])
    );
    // Five characters spare none.
    assert_eq!(row("6")["hint"], "••••");
}

#[test]
fn an_ssh_key_without_a_kind_is_sealed_and_the_kind_is_named() {
    let bench = Bench::new();
    bench.sh("ssh-keygen -q -t ed25519 -N '' -f id", &[]).ok();
    let line = "keyward vault seal --tenant acme --at t.c --id 1 < id";
    let said = bench.sh(line, &[]).ok().said();
    assert!(
        said.contains("looks like an OpenSSH private key") && said.contains("(--kind ssh-key)"),
        "{said}"
    );
    let kept = std::fs::read(bench.folder().join("id")).unwrap();
    assert_eq!(bench.open("t.c", "1").ok().out(), kept);
    let said = bench.sh(&format!("{line} --kind ssh-key"), &[]).ok().said();
    assert!(!said.contains("looks like"), "{said}");
}

#[test]
fn the_longest_secret_fits_and_one_byte_more_does_not() {
    let bench = Bench::new();
    let mut secret = random(1024 * 1024);
    bench.seal("t.c", "1", "opaque", &secret).ok();
    assert!(bench.open("t.c", "1").ok().out() == secret);
    secret.push(0);
    bench
        .seal("t.c", "1", "opaque", &secret)
        .fails(2, "1048576");
}

#[test]
fn trim_takes_one_final_newline() {
    let bench = Bench::new();
    let slot = [
        "vault", "seal", "--tenant", "acme", "--at", "t.c", "--id", "1", "--trim",
    ];
    for (given, kept) in [
        ("a\n\n", "a\n"),
        ("a\r\n", "a"),
        ("a", "a"),
        (" a \n", " a "),
    ] {
        bench.run(&slot, given.as_bytes()).ok();
        assert_eq!(bench.open("t.c", "1").ok().text(), kept);
    }
    bench.run(&slot, b"\n").fails(2, "empty");
}

#[test]
fn a_file_goes_in_and_a_private_file_comes_out() {
    let bench = Bench::new();
    let secret = random(300);
    std::fs::write(bench.folder().join("in"), &secret).unwrap();
    let slot = ["--tenant", "acme", "--at", "t.c", "--id", "1"];
    let seal = |file: &str| {
        bench.run(
            &[&["vault", "seal", "--file", file], &slot[..]].concat(),
            b"",
        )
    };
    let open = |file: &str| {
        bench.run(
            &[&["vault", "open", "--out", file], &slot[..]].concat(),
            b"",
        )
    };
    seal("in").ok();
    seal("absent").fails(2, "absent");
    assert!(open("out").ok().out().is_empty());
    let out = bench.folder().join("out");
    assert_eq!(std::fs::read(&out).unwrap(), secret);
    assert_eq!(mode(&out), 0o600);
    open("out").fails(2, "exists");
}

#[test]
fn sealing_again_replaces_unless_it_is_told_not_to() {
    let bench = Bench::new();
    let slot = ["--tenant", "acme", "--at", "t.c", "--id", "1"];
    let seal = |extra: &[&str], secret: &str| {
        bench.run(
            &[&["vault", "seal"], &slot[..], extra].concat(),
            secret.as_bytes(),
        )
    };
    let revision = || {
        let rows = bench.json(&["vault", "list", "--tenant", "acme"]);
        rows["credentials"][0]["revision"].as_u64().unwrap()
    };
    seal(&["--new"], "one").ok();
    let first = revision();
    let [one, two] = [first, first + 1].map(|number| number.to_string());
    seal(&["--new"], "two").fails(1, "revision");
    seal(&[], "three").ok();
    seal(&["--if-revision", &one], "four").fails(1, "revision");
    assert_eq!(bench.open("t.c", "1").ok().text(), "three");
    seal(&["--if-revision", &two], "five").ok();
    assert_eq!(bench.open("t.c", "1").ok().text(), "five");
    assert_eq!(revision(), first + 2);

    let delete =
        |extra: &[&str]| bench.run(&[&["vault", "delete"], &slot[..], extra].concat(), b"");
    delete(&["--if-revision", &one]).fails(1, "revision");
    delete(&[]).ok();
    delete(&[]).fails(1, "vault list");
    bench.open("t.c", "1").fails(1, "vault list");
}

#[test]
fn bad_input_is_refused_before_anything_is_written() {
    let bench = Bench::new();
    for (kind, secret, part) in [
        ("env", "not an assignment\n", ""),
        (
            "ssh-key",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "",
        ),
        ("ssh-key", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 me", ""),
        ("oauth-token", "{\"access_token\": 5}", ""),
        ("oauth-token", "no json", ""),
        ("api-key", "two\nlines", ""),
        ("no-such-kind", "x", "api-key"),
        ("opaque", "", "empty"),
    ] {
        let ran = bench.seal("t.c", "1", kind, secret.as_bytes());
        assert!([1, 2].contains(&ran.code()), "{kind}: {}", ran.said());
        let code = ran.code();
        ran.fails(code, part);
    }
    let rows = bench.json(&["vault", "list", "--tenant", "acme"]);
    assert_eq!(rows["credentials"].as_array().unwrap().len(), 0);
}
