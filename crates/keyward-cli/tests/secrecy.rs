//! Who may read what: modes of files, and no secret anywhere but in the answer that was asked for.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod filtering;
mod running;
mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use support::leaks::Leaks;
use support::{Bench, Ran, finish, mode, random, random_text};

/// Every file below `folder` with its mode.
fn modes(folder: &Path) -> Vec<(String, u32)> {
    let mut found = vec![(folder.display().to_string(), mode(folder))];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(modes(&path));
        } else {
            found.push((path.display().to_string(), mode(&path)));
        }
    }
    found
}

#[test]
fn files_are_private_under_any_umask() {
    let bench = Bench::empty();
    let line = "umask 000 && keyward keys init && printf %s x12345678 | keyward vault seal --tenant acme \
                --at t.c --id 1 && keyward keys rotate && keyward vault rewrap && keyward vault open \
                --tenant acme --at t.c --id 1 --out out";
    bench.sh(line, &[]).ok();
    assert_eq!(mode(&bench.home()), 0o700);
    assert_eq!(mode(&bench.folder().join("out")), 0o600);
    for folder in [bench.home(), bench.anchor().parent().unwrap().to_owned()] {
        for (path, mode) in modes(&folder) {
            assert_eq!(mode & 0o077, 0, "{path} has mode {mode:o}");
        }
    }
    assert!(bench.home().join("keys.db").exists() && bench.home().join("data.db").exists());
    assert_eq!(mode(&bench.home().join("root")), 0o600);
}

#[test]
fn loose_permissions_are_refused_with_the_command_that_mends_them() {
    for (file, loose, tight) in [
        ("", 0o755, "700"),
        ("root", 0o640, "600"),
        ("keys.db", 0o644, "600"),
        ("data.db", 0o604, "600"),
    ] {
        let bench = Bench::new();
        let path = bench.home().join(file);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(loose)).unwrap();
        let list = || bench.run(&["vault", "list", "--tenant", "acme"], b"");
        list().fails(2, &format!("chmod {tight}"));
        bench
            .sh(&format!("chmod {tight} {}", path.display()), &[])
            .ok();
        list().ok();
    }
}

/// Runs every flow on a secret and collects all that was written but the answers of `open`.
fn flows(bench: &Bench, secret: &[u8], kind: &str) -> Vec<Ran> {
    let mut said = Vec::new();
    let slot = ["--tenant", "acme", "--at", "t.c", "--id", "1"];
    let mut keep = |arguments: &[&str], input: &[u8]| {
        for extra in [&[][..], &["--debug"], &["--json"]] {
            said.push(bench.run(&[arguments, extra].concat(), input));
        }
    };
    keep(
        &[&["vault", "seal", "--kind", kind], &slot[..]].concat(),
        secret,
    );
    keep(
        &[&["vault", "seal", "--kind", kind, "--new"], &slot[..]].concat(),
        secret,
    );
    keep(
        &[&["vault", "seal", "--kind", kind, "--stdout"], &slot[..]].concat(),
        secret,
    );
    keep(
        &[
            "vault", "seal", "--kind", "ssh-key", "--tenant", "acme", "--at", "t.c", "--id", "2",
        ],
        secret,
    );
    keep(
        &[
            "vault", "seal", "--kind", "env", "--tenant", "acme", "--at", "t.c", "--id", "2",
        ],
        secret,
    );
    keep(
        &[
            "vault",
            "seal",
            "--kind",
            "oauth-token",
            "--tenant",
            "acme",
            "--at",
            "t.c",
            "--id",
            "2",
        ],
        secret,
    );
    keep(&["vault", "list", "--tenant", "acme"], b"");
    keep(&["vault", "list", "--tenant", "acme", "--verify"], b"");
    keep(&["explain"], secret);
    keep(&["keys", "rotate"], b"");
    keep(&["keys", "rewrap"], b"");
    keep(&["vault", "rewrap"], b"");
    keep(&["keys", "status"], b"");
    keep(&["keys", "status", "--tenant", "acme"], b"");
    keep(&["doctor"], b"");
    keep(
        &[
            "vault", "open", "--tenant", "other", "--at", "t.c", "--id", "1",
        ],
        b"",
    );
    let opened = bench
        .run(&[&["vault", "open", "--debug"], &slot[..]].concat(), b"")
        .ok();
    assert_eq!(opened.out(), secret);
    let leaks = Leaks::of(secret);
    assert!(!leaks.in_bytes(&opened.0.stderr), "{}", opened.said());
    keep(&[&["vault", "delete"], &slot[..]].concat(), b"");
    said
}

#[test]
fn nothing_that_is_stored_or_said_holds_a_run_of_the_secret() {
    // The hint shows four characters at most and a window has eight, so no exception is needed.
    for (kind, secret) in [
        ("opaque", random(64)),
        ("api-key", random_text(64).into_bytes()),
    ] {
        let bench = Bench::new();
        let leaks = Leaks::of(&secret);
        for ran in flows(&bench, &secret, kind) {
            assert!(!leaks.in_bytes(&ran.0.stdout), "{}", ran.text());
            assert!(!leaks.in_bytes(&ran.0.stderr), "{}", ran.said());
        }
        bench.seal("t.c", "1", kind, &secret).ok();
        assert_eq!(leaks.in_folder(bench.folder()), Vec::<String>::new());
        // The search does find what is there.
        std::fs::write(bench.folder().join("planted"), &secret).unwrap();
        assert_eq!(leaks.in_folder(bench.folder()).len(), 1);
    }
}

#[test]
fn the_root_is_never_said_and_lies_in_its_file_alone() {
    let bench = Bench::new();
    let root = std::fs::read_to_string(bench.home().join("root")).unwrap();
    let secret = root.trim().rsplit(':').next().unwrap().to_owned();
    let leaks = Leaks::of(secret.as_bytes());
    for ran in flows(&bench, b"some secret value", "opaque") {
        assert!(
            !leaks.in_bytes(&ran.0.stdout) && !leaks.in_bytes(&ran.0.stderr),
            "{}",
            ran.said()
        );
    }
    let found = leaks.in_folder(bench.folder());
    assert_eq!(found, [bench.home().join("root").display().to_string()]);
}

#[test]
fn a_bad_root_is_named_and_not_shown() {
    for root in [
        "v1:c2hvcnQ".to_owned(),
        "hunter2-hunter2-hunter2-hunter2".to_owned(),
        format!("v1:{}", "A".repeat(43)),
        format!("v1:{}=", "YWJj".repeat(11)),
        "v2:".to_owned(),
        ",".to_owned(),
        format!("v1:{0}=,v1:{0}=", random_text(42)),
    ] {
        let bench = Bench::empty();
        let mut init = bench.keyward(&["keys", "init", "--debug"]);
        init.env("KEYWARD_ROOT", &root);
        let ran = finish(init, b"");
        assert_eq!(ran.code(), 2, "{root}: {}", ran.said());
        assert!(ran.said().contains("KEYWARD_ROOT"), "{}", ran.said());
        for window in root.as_bytes().windows(8) {
            let window = std::str::from_utf8(window).unwrap();
            assert!(!ran.said().contains(window), "{root}: {}", ran.said());
        }
        assert!(
            !bench.home().join("keys.db").exists(),
            "nothing half-written"
        );
    }
}
