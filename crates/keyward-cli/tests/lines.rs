//! The lines of the README, as written, through a shell.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs
)]

mod support;

use support::{Bench, random_text};

#[test]
fn the_lines_work_as_written() {
    let bench = Bench::empty();
    let token = format!("ghp_{}", random_text(36));
    let variables = [("TOKEN", token.as_str())];
    let sh = |line: &str| bench.sh(line, &variables);

    sh("keyward keys init").ok();
    sh("ssh-keygen -q -t ed25519 -N '' -C me@example.org -f id_ed25519").ok();
    sh(
        "printf %s \"$TOKEN\" | keyward vault seal --tenant acme --at account.github_token \
         --id 42 --kind api-key",
    )
    .ok();
    sh("keyward vault seal --tenant acme --at server.ssh_key --id 7 --kind ssh-key < id_ed25519")
        .ok();

    let listed = sh("keyward vault list --tenant acme --json").ok();
    assert!(!listed.text().contains(&token));
    let rows = listed.json();
    assert_eq!(rows["credentials"].as_array().unwrap().len(), 2);

    let opened = sh("keyward vault open --tenant acme --at account.github_token --id 42").ok();
    assert_eq!(opened.text(), token, "the bytes, nothing else");

    sh(
        "printf 'API_TOKEN=%s\\n' \"$TOKEN\" | keyward vault seal --tenant acme --at server.env --id 7 \
         --kind env",
    )
    .ok();
    let line =
        "keyward run --tenant acme --at server.env --id 7 -- sh -c 'echo \"token $API_TOKEN\"'";
    assert_eq!(sh(line).ok().text(), "token •••\n");
    sh("printf 'API_TOKEN=%s\\n' \"$TOKEN\" > live.env").ok();
    let line = "echo \"token $TOKEN\" 2>&1 | keyward redact --secrets-file live.env --named";
    assert_eq!(sh(line).ok().text(), "token •API_TOKEN•\n");
    sh("keyward vault delete --tenant acme --at server.env --id 7").ok();

    let old = bench.keys_in("active");
    let status =
        sh("keyward keys rotate && keyward vault rewrap && keyward keys status --json").ok();
    let keys = status.json()["keys"].clone();
    let rows_of = |state: &str| {
        let key = keys
            .as_array()
            .unwrap()
            .iter()
            .find(|k| k["state"] == state);
        key.unwrap()["rows"].as_u64().unwrap()
    };
    assert_eq!((rows_of("active"), rows_of("retired")), (2, 0));

    let [old] = old.as_slice() else {
        panic!("one active key, not {old:?}")
    };
    sh(&format!(
        "keyward keys disable {old} && keyward keys destroy {old}"
    ))
    .ok();
    assert_eq!(bench.keys_in("destroyed"), [old.as_str()]);
    let again = sh("keyward vault open --tenant acme --at server.ssh_key --id 7").ok();
    assert_eq!(
        again.out(),
        std::fs::read(bench.folder().join("id_ed25519")).unwrap()
    );

    let detached =
        sh("printf %s \"$TOKEN\" | keyward vault seal --tenant acme --at a.b --id 1 --stdout").ok();
    assert!(detached.text().starts_with("kw1."));
    assert_eq!(
        bench.json(&["vault", "list", "--tenant", "acme"])["credentials"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn a_detached_value_opens_where_it_was_sealed_for_and_nowhere_else() {
    let bench = Bench::new();
    let secret = support::random(200);
    let here = ["--tenant", "acme", "--at", "a.b", "--id", "1"];
    let seal = [
        &["vault", "seal", "--stdout", "--kind", "opaque"],
        &here[..],
    ]
    .concat();
    let value = bench.run(&seal, &secret).ok();
    assert!(value.out().ends_with(b"\n"));

    let open = |slot: &[&str], input: &[u8]| {
        bench.run(&[&["vault", "open", "--value", "-"], slot].concat(), input)
    };
    assert_eq!(open(&here, value.out()).ok().out(), secret);
    std::fs::write(bench.folder().join("value"), value.out()).unwrap();
    let file = [&["vault", "open", "--value", "value"], &here[..]].concat();
    assert_eq!(bench.run(&file, b"").ok().out(), secret);

    for elsewhere in [
        ["--tenant", "acme2", "--at", "a.b", "--id", "1"],
        ["--tenant", "acme", "--at", "a.c", "--id", "1"],
        ["--tenant", "acme", "--at", "a.b", "--id", "2"],
    ] {
        open(&elsewhere, value.out()).fails(1, "keyward: rejected");
    }
    let other_kind = [&here[..], &["--kind", "api-key"]].concat();
    open(&other_kind, value.out()).fails(1, "keyward: rejected");
    let other_role = [&here[..], &["--role", "admin"]].concat();
    open(&other_role, value.out()).fails(1, "keyward: rejected");
}

#[test]
fn a_sealed_value_is_explained_with_the_state_of_its_key() {
    let bench = Bench::new();
    let token = format!("ghp_{}", random_text(36));
    let seal = [
        "vault", "seal", "--tenant", "acme", "--at", "a.b", "--id", "1", "--kind", "api-key",
        "--stdout",
    ];
    let value = bench.run(&seal, token.as_bytes()).ok().text();
    let ring_key = bench.keys_in("active").remove(0);

    let drawn = bench.run(&["explain", value.trim()], b"").ok().text();
    for part in [
        "commitment",
        "2  the construction of C2SP chunked encryption with SHA-256",
        "ghp_••••",
        "40 are the secret's",
        "acme",
        "active",
        &ring_key,
    ] {
        assert!(drawn.contains(part), "{part}: {drawn}");
    }
    bench.run(&["keys", "rotate"], b"").ok();
    let drawn = bench.run(&["explain"], value.as_bytes()).ok().text();
    assert!(drawn.contains("retired"), "{drawn}");

    let json = bench.json(&["explain", value.trim()]);
    assert_eq!(json["format"], "keyward.explain/1");
    assert_eq!(json["plaintext_bytes"], 40);
    let last = json["fields"].as_array().unwrap().last().unwrap();
    assert_eq!(
        last["offset"].as_u64().unwrap() + last["len"].as_u64().unwrap(),
        json["bytes"].as_u64().unwrap()
    );
}
