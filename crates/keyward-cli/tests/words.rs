//! The command line itself: help, completions, and mistakes that repeat no value.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod support;

use support::Bench;

#[test]
fn every_command_has_help_and_needs_no_home() {
    let bench = Bench::empty();
    for command in [
        &[][..],
        &["keys"],
        &["keys", "init"],
        &["keys", "status"],
        &["keys", "rotate"],
        &["keys", "rewrap"],
        &["keys", "disable"],
        &["keys", "enable"],
        &["keys", "destroy"],
        &["keys", "find"],
        &["keys", "add-purpose"],
        &["keys", "public"],
        &["keys", "rotate-mac"],
        &["keys", "set-aside"],
        &["keys", "remove-replica"],
        &["keys", "accept-restore"],
        &["vault"],
        &["vault", "seal"],
        &["vault", "open"],
        &["vault", "list"],
        &["vault", "tenants"],
        &["vault", "delete"],
        &["vault", "rewrap"],
        &["explain"],
        &["doctor"],
        &["completions"],
    ] {
        let help = bench.run(&[command, &["--help"]].concat(), b"").ok();
        assert!(help.text().contains("Usage: keyward"), "{command:?}");
    }
    assert!(!bench.home().exists());
}

#[test]
fn completions_are_written_for_each_shell() {
    let bench = Bench::empty();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = bench.run(&["completions", shell], b"").ok();
        assert!(script.text().contains("accept-restore"), "{shell}");
    }
}

#[test]
fn a_mistake_is_one_line_with_the_way_out_and_without_the_value() {
    let bench = Bench::empty();
    let slot = [
        "vault", "seal", "--tenant", "acme", "--at", "a.b", "--id", "1",
    ];
    for (extra, part) in [
        (&["hunter2-hunter2"][..], "too many"),
        (&["--hunter2-hunter2x9"], "too many"),
        (&["--token=hunter2-hunter2"], "--token"),
        (&["--new", "--stdout"], "--new"),
        (&["--if-revision", "hunter2-hunter2"], "--if-revision"),
        (&["--kind", "Hunter2-hunter2"], "a kind is"),
    ] {
        let ran = bench.run(&[&slot[..], extra].concat(), b"x").fails(2, part);
        assert!(
            !ran.said().to_lowercase().contains("hunter2"),
            "{}",
            ran.said()
        );
    }
    for wrong in [
        &["hunter2-hunter2"][..],
        &["keys", "hunter2-hunter2"],
        &["keys", "disable", "hunter2"],
    ] {
        let ran = bench.run(wrong, b"").fails(2, "--help");
        assert!(!ran.said().contains("hunter2"), "{}", ran.said());
    }
    bench
        .run(&["vault", "seal", "--tenant", "acme"], b"x")
        .fails(2, "--at <TABLE.COLUMN>");
}

#[test]
fn explain_takes_a_token_by_standard_input_only_and_shows_nothing_of_it() {
    let bench = Bench::empty();
    let token = format!("kws_{}", support::random_text(56));
    let refused = bench
        .run(&["explain", &token], b"")
        .fails(2, "standard input");
    assert!(!refused.said().contains(&token[8..]));
    let drawn = bench.run(&["explain"], token.as_bytes()).ok();
    assert!(drawn.text().contains("session (kws_)"));
    // The first characters are version and key id, the rest may be the secret.
    let leaks = support::leaks::Leaks::of(&token.as_bytes()[16..]);
    assert!(!leaks.in_bytes(drawn.out()), "{}", drawn.text());
    assert!(!bench.home().exists(), "explaining makes nothing");
}

#[test]
fn explain_refuses_what_has_no_form() {
    let bench = Bench::empty();
    bench.run(&["explain", "kw1.AQ"], b"").fails(1, "rejected");
    bench
        .run(&["explain", "-"], b"what is this")
        .fails(1, "rejected");
    bench.run(&["explain"], &[0xff, 0xfe]).fails(1, "rejected");
    let newer = format!("kw1.{}", "_".repeat(120));
    bench.run(&["explain", &newer], b"").fails(3, "upgrade");
}
