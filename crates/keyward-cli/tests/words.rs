//! The command line itself: help, completions, and mistakes that repeat no value.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    missing_docs
)]

mod support;

use keyward_base::KeyId;
use keyward_base::token::TokenKind;
use secrecy::{ExposeSecret as _, SecretString};
use support::Bench;

/// Bytes of a salt and of a commitment, as the format of sealed values has them.
const SALT: usize = 24;
const COMMITMENT: usize = 32;

#[test]
fn every_command_has_help_and_needs_no_home() {
    let bench = Bench::empty();
    for command in [
        &[][..],
        &["apikey"],
        &["apikey", "check"],
        &["apikey", "list"],
        &["apikey", "narrow"],
        &["apikey", "new"],
        &["apikey", "revoke"],
        &["apikey", "rotate"],
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
        &["vault", "set-aside"],
        &["password"],
        &["password", "hash"],
        &["password", "verify"],
        &["password", "calibrate"],
        &["password", "schemes"],
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
        (&["--hunter2x"], "too many"),
        (&["--no-such-option"], "there is no option --no-such-option"),
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
    bench
        .run(&["completions", "hunter2"], b"")
        .fails(2, "does not take this value (one of bash, elvish, fish,");
}

#[test]
fn explain_takes_a_token_by_standard_input_only_and_shows_nothing_of_it() {
    let bench = Bench::empty();
    let token = format!("kws_{}", support::random_text(56));
    let refused = bench
        .run(&["explain", &token], b"")
        .fails(2, "standard input");
    assert!(!refused.said().contains(&token[8..]));
    for (prefix, kind) in [
        ("kwk_", "api-key"),
        ("kwl_", "approval-link"),
        ("kwr_", "refresh"),
    ] {
        let token = format!("{prefix}{}", support::random_text(56));
        let drawn = bench.run(&["explain"], token.as_bytes()).ok().text();
        assert!(
            drawn.contains(&format!("A token, {kind} ({prefix})")),
            "{drawn}"
        );
    }
    let told = bench
        .run(&["explain", "--json"], token.as_bytes())
        .ok()
        .json();
    assert_eq!(told["kind"], "session");
    let rest = &told["fields"][2];
    assert_eq!(
        (&rest["offset"], &rest["len"]),
        (&9.into(), &(44 * 3 / 4).into())
    );
    let drawn = bench.run(&["explain"], token.as_bytes()).ok();
    assert!(drawn.text().contains("session (kws_)"));
    // The first characters are version and key id, the rest may be the secret.
    let leaks = support::leaks::Leaks::of(&token.as_bytes()[16..]);
    assert!(!leaks.in_bytes(drawn.out()), "{}", drawn.text());
    assert!(!bench.home().exists(), "explaining makes nothing");
}

/// Tokens of each kind under a key of zeros; what may be secret in them is as random as in real ones.
fn tokens() -> Vec<(&'static str, &'static str, String, Vec<&'static str>)> {
    let key = KeyId::from_bytes([0; 8]);
    let random = |first: u8| {
        let mut bytes = [0; 32];
        bytes.iter_mut().fold(first ^ 0xa5, |next: u8, byte| {
            *byte = next;
            next.wrapping_mul(181).wrapping_add(37)
        });
        bytes
    };
    let (one, two, id) = (random(1), random(2), [7; 16]);
    type Selected = ([u8; 16], [u8; 32], [u8; 8]);
    let front = [0xc3; 8];
    let text = |text: keyward_base::Result<SecretString>| text.unwrap().expose_secret().to_owned();
    let session = TokenKind::<Selected>::new("kws_", 1);
    let api_key = TokenKind::<Selected>::new("kwk_", 1).with_checksum();
    let own = api_key.with_prefix("acme_live_").unwrap();
    let device = TokenKind::<([u8; 16], u64, [u8; 32], [u8; 32])>::new("kwd_", 1);
    let link = TokenKind::<([u8; 16], [u8; 5], [u8; 2], [u8; 16], [u8; 32])>::new("kwl_", 1);
    let ends = [0, 0x69, 0x55, 0xb9, 0x00];
    let bound = (&id, &ends, &[0, 3], &[0xb6; 16], &two);
    let mailed = TokenKind::<(u8, [u8; 16], [u8; 32], [u8; 32])>::new("kwm_", 1);
    let selected = (&id, &one, &front);
    vec![
        (
            "session",
            "kws_",
            text(session.encode(key, selected)),
            vec!["public name"],
        ),
        (
            "api-key",
            "kwk_",
            text(api_key.encode(key, selected)),
            vec!["public name", "checksum fits"],
        ),
        (
            "api-key",
            "acme_live_",
            text(own.encode(key, selected)),
            vec!["public name", "checksum fits"],
        ),
        (
            "device",
            "kwd_",
            text(device.encode(key, (&id, 1_767_225_600, &one, &two))),
            vec!["2026-01-01T00:00:00Z"],
        ),
        (
            "approval-link",
            "kwl_",
            text(link.encode(key, bound)),
            vec!["2026-01-01T00:00:00Z", "3  which of"],
        ),
        (
            "mailed-link",
            "kwm_",
            text(mailed.encode(key, (2, &id, &one, &two))),
            vec!["2  sign-up"],
        ),
    ]
}

#[test]
fn explain_reads_tokens_of_every_kind_and_shows_none_of_their_secrets() {
    let bench = Bench::empty();
    for (kind, prefix, token, says) in tokens() {
        let drawn = bench.run(&["explain"], token.as_bytes()).ok();
        let text = drawn.text();
        let id = match kind {
            "approval-link" => "07".repeat(16),
            _ => "BwcHBwcHBwcHBwcHBwcHBw".to_owned(),
        };
        assert!(
            text.contains(&format!("A token, {kind} ({prefix})")),
            "{text}"
        );
        assert!(text.contains("Nothing here is verified."), "{text}");
        for said in says.iter().chain(&[&*id, "0000000000000000"]) {
            assert!(text.contains(said), "{kind}: {said}: {text}");
        }
        let json = bench
            .run(&["explain", "--json"], token.as_bytes())
            .ok()
            .json();
        assert_eq!(
            (&json["kind"], &json["prefix"]),
            (&kind.into(), &prefix.into())
        );
        assert_eq!(json["id"], id);
        let fields = json["fields"].as_array().unwrap();
        let sum: u64 = fields
            .iter()
            .map(|field| field["len"].as_u64().unwrap())
            .sum();
        assert_eq!(json["bytes"], sum);
        // Behind prefix, version, key and id there is nothing that may be told.
        let at = token
            .find("BwcHBwcHBwcHBwcHBwcH")
            .map_or(token.len() - 60, |at| at + 22);
        let leaks = support::leaks::Leaks::of(&token.as_bytes()[at..]);
        assert!(!leaks.in_bytes(drawn.out()), "{text}");
        // As it is mailed: in the address of a page.
        for address in [
            format!("https://app.example.com/of/acme?token={token}"),
            format!(" http://127.0.0.1:8080/of/acme?a=1&token={token}#end\n"),
        ] {
            let mailed = bench.run(&["explain"], address.as_bytes()).ok();
            assert_eq!(mailed.out(), drawn.out());
        }
        bench
            .run(&["explain", &token], b"")
            .fails(2, "standard input");

        // One that was cut is told as one.
        let cut = &token[..token.len() - 1];
        let run = bench.run(&["explain"], cut.as_bytes());
        if prefix.starts_with("kw") {
            assert!(run.ok().text().contains("it was cut or changed"));
        } else {
            run.fails(1, "known by its checksum");
        }
    }
    assert!(!bench.home().exists(), "explaining makes nothing");
}

#[test]
fn explain_says_which_internal_secrets_a_text_holds() {
    let bench = Bench::empty();
    let secret = "g3DnPXBKbMmYjyT0UDzM7YBOvIvBnBZyrMlXHFvJd7A";
    let text = format!("cron-2:{secret}\ncron-1:{secret}x:2027-01-31\n");
    let said = bench.run(&["explain"], text.as_bytes()).ok();
    assert!(
        said.text()
            .contains("2 internal secrets. Nothing is shown of them.")
    );
    assert!(said.text().contains("cron-2  no end"));
    assert!(
        said.text()
            .contains("cron-1  counts no more from 2027-01-31T00:00:00Z on")
    );
    assert!(!support::leaks::Leaks::of(secret.as_bytes()).in_bytes(said.out()));
    let json = bench
        .run(&["explain", "--json"], text.as_bytes())
        .ok()
        .json();
    assert_eq!(json["kind"], "internal-secrets");
    assert_eq!(json["secrets"][1]["until"], "2027-01-31T00:00:00Z");
    assert!(json["secrets"][0]["until"].is_null());
    let weak = format!("cron:{}", "0".repeat(64));
    bench
        .run(&["explain"], weak.as_bytes())
        .fails(1, "not random");
    // One alone may be anything.
    bench
        .run(&["explain"], secret.as_bytes())
        .fails(1, "rejected");
}

#[test]
fn explain_refuses_what_has_no_form() {
    let bench = Bench::empty();
    bench.run(&["explain", "kw1.AQ"], b"").fails(1, "rejected");
    bench
        .run(&["explain", "-"], b"what is this")
        .fails(1, "rejected");
    bench.run(&["explain"], &[0xff, 0xfe]).fails(1, "rejected");
    let long = format!("kws_{}", "a".repeat(600));
    bench
        .run(&["explain"], long.as_bytes())
        .fails(1, "longer than the stated limit");
    let newer = format!("kw1.{}", "_".repeat(120));
    bench.run(&["explain", &newer], b"").fails(3, "upgrade");
}

/// Nothing of a value is verified, so that one of nothing but zeros is explained too.
#[test]
fn explain_names_the_parts_of_a_value_and_the_one_that_a_cut_value_ends_in() {
    let bench = Bench::empty();
    let value = |suite: u8, hint: &[u8]| {
        let hint_len = u8::try_from(hint.len()).unwrap();
        let head = [&[suite, 1, 2, 3, 4, 5, 6, 7, 8, hint_len][..], hint].concat();
        let mut body = head;
        body.extend([0x5a; SALT]);
        body.extend([0xa5; COMMITMENT]);
        body.extend([0; 16]);
        format!("kw1.{}", base64url(&body))
    };
    for (suite, says) in [
        (1, "1  C2SP chunked encryption, SHA-512, AES-256-GCM"),
        (
            2,
            "2  the construction of C2SP chunked encryption with SHA-256",
        ),
    ] {
        let drawn = bench.run(&["explain", &value(suite, b"")], b"").ok().text();
        for part in [
            says,
            "5a5a5a5a5a5a5a5a…",
            "a5a5a5a5a5a5a5a5…",
            "0102030405060708",
        ] {
            assert!(drawn.contains(part), "{drawn}");
        }
    }
    let whole = value(2, b"a hint");
    let body = &whole[4..];
    let fields = [
        (9, "key id"),
        (10, "hint's length"),
        (16, "hint"),
        (16 + SALT, "salt"),
        (16 + SALT + COMMITMENT, "commitment"),
        (16 + SALT + COMMITMENT + 16, "first chunk"),
    ];
    let mut begin = 0;
    for (end, field) in fields {
        // The characters of so many whole bytes, and of one less than the whole field.
        for bytes in [begin, end - 1] {
            let cut = format!("kw1.{}", &body[..(bytes * 8).div_ceil(6)]);
            let said = bench
                .run(&["explain", &cut], b"")
                .fails(1, "is cut short")
                .said();
            let says = format!("its {bytes} bytes end in its {field};");
            assert!(said.contains(&says), "{bytes} {field}: {said}");
        }
        begin = end;
    }
    let odd = format!("{}!{}", &whole[..20], &whole[20..]);
    bench
        .run(&["explain", &odd], b"")
        .fails(1, "character 21 is none of a sealed value");
}

/// By the rule of the alphabet, without a library.
fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let mut group = [0; 4];
        group[1..=chunk.len()].copy_from_slice(chunk);
        let number = u32::from_be_bytes(group);
        for at in 0..=chunk.len() {
            let letter = number >> (18 - 6 * at) & 63;
            text.push(char::from(LETTERS[usize::try_from(letter).unwrap()]));
        }
    }
    text
}
