//! Weak imports with a new hash around them.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs
)] // Tests: a panic is the report.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use keyward_base::{Door, Reason, SecretBytes, Subject, SystemClock, Tenant};
use keyward_password::policy::Work;
use keyward_password::{
    Account, Admission, Ceilings, Checked, Context, NewHash, Normal, Password, Passwords, Policy,
    Row, Stored, Verdict, Wrap, danger, reason,
};
use serde_json::Value;

fn passwords(policy: Policy) -> Passwords {
    let admission = Admission::default()
        .workers(2)
        .wait(Duration::from_secs(600));
    Passwords::new(policy, admission, Arc::new(SystemClock::new())).unwrap()
}

fn tenant() -> Tenant {
    Tenant::new("acme").unwrap()
}

fn account() -> Account {
    Account {
        door: Door::new("users"),
        tenant: tenant(),
        subject: Subject::new("ann").unwrap(),
    }
}

fn password(bytes: &[u8]) -> Password {
    Password::new(SecretBytes::copy_of(bytes)).unwrap()
}

fn wrapped(passwords: &Passwords, row: &Row<'_>) -> String {
    match passwords.wrap(&tenant(), row).wait().unwrap() {
        Wrap::Wrapped(text) => text,
        left => panic!("{left:?}"),
    }
}

fn left(passwords: &Passwords, row: &Row<'_>) -> Reason {
    match passwords.wrap(&tenant(), row).wait().unwrap() {
        Wrap::Left(why) => why,
        wrapped => panic!("{wrapped:?}"),
    }
}

fn says(passwords: &Passwords, row: &Row<'_>, typed: &[u8]) -> Checked {
    passwords
        .verify(&account(), row, password(typed))
        .wait()
        .unwrap()
}

const DJANGO: &str =
    "pbkdf2_sha256$1000$3IohUZ8VhCdV6sI9DFlOAV$5akQfekNEsLx4YB1iG/jP/xi1d8TdT7ariyeO1MThwk=";

fn hex(text: &str) -> Vec<u8> {
    let (pairs, _) = text.as_bytes().as_chunks::<2>();
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    pairs.iter().map(|pair| byte(pair)).collect()
}

/// What a string looks like, so that one of each is wrapped.
fn shape(encoded: &str) -> String {
    let end = encoded
        .char_indices()
        .filter(|(_, c)| matches!(c, '$' | '}' | '|' | ',' | '='))
        .nth(2);
    let start = &encoded[..end.map_or(3.min(encoded.len()), |(at, _)| at)];
    start
        .chars()
        .filter(|c| !c.is_ascii_digit())
        .take(24)
        .collect()
}

/// The known answers again, with each kind of string wrapped first.
#[test]
fn each_kind_of_string_is_wrapped_and_verified() {
    let passwords = passwords(Policy::default());
    let mut lines = BTreeMap::<String, Vec<Value>>::new();
    for text in include_str!("known/vectors.jsonl").lines() {
        let line: Value = serde_json::from_str(text).unwrap();
        let encoded = line["encoded"].as_str().unwrap();
        let label = line["scheme"].as_str().unwrap_or("");
        let of = format!("{label} {} {}", encoded.len(), shape(encoded));
        lines.entry(of).or_default().push(line);
    }
    let mut counts = BTreeMap::<String, u32>::new();
    for (at, group) in lines.values().enumerate() {
        let Some(line) = group.iter().find(|line| line["verdict"] == "match") else {
            continue;
        };
        let encoded = line["encoded"].as_str().unwrap();
        let context = line.get("context").map(Value::to_string);
        let context =
            context.map_or_else(Context::default, |text| Context::from_json(&text).unwrap());
        let mut row = Row::new(encoded).context(&context);
        let label = line.get("scheme").and_then(Value::as_str);
        if let Some(label) = label {
            row = row.label(label);
        }
        let text = match passwords.wrap(&tenant(), &row).wait().unwrap() {
            Wrap::Wrapped(text) => text,
            Wrap::Left(why) => {
                // Only where the letter is `a`.
                assert!(
                    encoded.contains("$2a$") || encoded.contains("$2a,"),
                    "{why:?}: {line}"
                );
                assert_eq!(why, reason::NOT_WRAPPABLE);
                *counts.entry("two answers".to_owned()).or_default() += 1;
                continue;
            }
            other => panic!("{other:?}"),
        };
        // The label stands in the string.
        let row = Row::new(&text).context(&context);
        let right = hex(line["password_hex"].as_str().unwrap());
        let wrong = [right.as_slice(), b"?"].concat();
        let is_cut = right.len() >= 72 && encoded.contains("$2");
        match says(&passwords, &row, &right) {
            Checked::Match { needs_upgrade, .. } => assert!(needs_upgrade),
            other => panic!("{other:?}: {line} {text}"),
        }
        if at % 4 == 0 && !is_cut && !right.contains(&0) {
            // passlib's MSSQL and the like ask for a whole text, and a pepper may fill what bcrypt reads.
            let bare = Stored::read(label, encoded, &context, passwords.policy()).unwrap();
            let mut arena = keyward_crypto::slow::argon2::Arena::default();
            let plain = bare.check(&password(&wrong), &mut arena).unwrap();
            assert_eq!(says(&passwords, &row, &wrong).verdict(), plain, "{line}");
        }
        *counts.entry("wrapped".to_owned()).or_default() += 1;
    }
    println!("{counts:?}");
    assert!(counts["wrapped"] > 100, "{counts:?}");
}

const DIGEST: &str = "5akQfekNEsLx4YB1iG/jP/xi1d8TdT7ariyeO1MThwk=";
const ZEROS: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

#[test]
fn the_digest_is_gone_and_all_else_stays() {
    let passwords = passwords(Policy::default());
    let text = wrapped(&passwords, &Row::new(DJANGO).label("Django"));
    let rest = text
        .strip_prefix("{wrap1}$argon2id$v=19$m=19456,t=2,p=1$")
        .unwrap();
    let (outer, inner) = rest.split_once("{django}").unwrap();
    assert_eq!(outer.len(), 22 + 1 + 43);
    assert_eq!(inner, DJANGO.replace(DIGEST, ZEROS));
    // Another salt each time; and without a label none is written.
    let other = wrapped(&passwords, &Row::new(DJANGO));
    assert!(other.contains("{}pbkdf2_sha256$1000$"));
    assert_ne!(&rest[..22], &other[text.len() - rest.len()..][..22]);
    let debug = format!(
        "{:?}",
        passwords.wrap(&tenant(), &Row::new(DJANGO)).wait().unwrap()
    );
    assert!(!debug.contains('$'), "{debug}");
}

#[test]
fn a_right_password_always_asks_for_an_upgrade() {
    let passwords = passwords(Policy::default());
    let text = wrapped(&passwords, &Row::new(DJANGO));
    // Whatever the column says, the string says what it is of.
    for row in [Row::new(&text), Row::new(&text).label("hex-md5")] {
        let right = says(&passwords, &row, b"correct horse");
        assert!(
            matches!(
                right,
                Checked::Match {
                    needs_upgrade: true,
                    ..
                }
            ),
            "{right:?}"
        );
        let wrong = says(&passwords, &row, b"correct horses");
        assert_eq!(wrong.verdict(), Verdict::Mismatch);
    }
    let stored = Stored::read(None, &text, &Context::default(), passwords.policy()).unwrap();
    assert!(stored.is_wrapped() && passwords.policy().is_weaker(&stored));
    assert_eq!(stored.cost().work, Work::Pbkdf2 { blocks: 1000 });
    let outer = stored.outer_cost().unwrap();
    assert_eq!(outer.memory_bytes, 19_456 * 1024);
    // One that was strong enough by itself, under a policy that has been given up since.
    let strong = "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IG9mIDE2IQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8";
    let text = wrapped(&self::passwords(Policy::hardened()), &Row::new(strong));
    for (text, is_weaker) in [(strong, false), (text.as_str(), true)] {
        let policy = passwords.policy();
        let stored = Stored::read(None, text, &Context::default(), policy).unwrap();
        assert_eq!(policy.is_weaker(&stored), is_weaker, "{text}");
    }
}

#[test]
fn the_ledger_has_both_hashes() {
    let passwords = passwords(Policy::default());
    let text = wrapped(&passwords, &Row::new(DJANGO));
    assert_eq!(passwords.ledger().total(), 1);
    let _ = says(&passwords, &Row::new(&text), b"correct horse");
    let ledger = passwords.ledger();
    let of = |label: &str| {
        let counted = ledger
            .hashes
            .iter()
            .filter(|(scheme, ..)| scheme.label() == label);
        counted.map(|(.., count)| *count).sum::<u64>()
    };
    assert_eq!((ledger.total(), of("argon2"), of("django")), (3, 2, 1));
}

#[test]
fn what_is_not_wrapped_says_why() {
    let passwords = passwords(Policy::default());
    let strong = danger::hash_unjudged(&passwords, &tenant(), password(b"correct horse"));
    let strong = strong.wait().unwrap();
    let once = wrapped(&passwords, &Row::new(DJANGO));
    let two = "$2a$04$CCCCCCCCCCCCCCCCCCCCC.bOPIHsrRTS3DxLLG5zPpQxRPqURmIXK";
    let hashes = passwords.ledger().total();
    for (text, why) in [
        (strong.as_str(), reason::ALREADY_STRONG),
        (once.as_str(), reason::ALREADY_WRAPPED),
        (two, reason::NOT_WRAPPABLE),
        ("!locked", reason::LOCKED),
        ("{noop}secret", reason::PLAIN_TEXT),
        ("5f4dcc3b5aa765d61d8327deb882cf99", reason::AMBIGUOUS),
        ("rlc7vYQDTt0y6", reason::UNKNOWN_SCHEME),
        ("$2b$04$short", Reason::MALFORMED),
        (
            "$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHQ$vRNVYw",
            reason::CEILING,
        ),
    ] {
        assert_eq!(left(&passwords, &Row::new(text)), why, "{text}");
    }
    // A longer string than any is read.
    let long = format!("{{}}pbkdf2_sha256$1000${}${DIGEST}", "s".repeat(8_101));
    assert_eq!(
        left(&passwords, &Row::new(&long[2..])),
        reason::NOT_WRAPPABLE
    );
    assert_eq!(passwords.ledger().total(), hashes, "nothing was hashed");
    let bcrypt = Policy::bcrypt();
    for policy in [bcrypt, Policy::fips()] {
        let e = self::passwords(policy)
            .wrap(&tenant(), &Row::new(DJANGO))
            .wait()
            .unwrap_err();
        assert_eq!(e.kind(), keyward_base::ErrorKind::Misuse);
    }
}

/// What is read is what wrapping writes, to the letter.
#[test]
fn an_inner_digest_is_not_read() {
    let passwords = passwords(Policy::default());
    let text = wrapped(&passwords, &Row::new(DJANGO));
    let bcrypt = "$2b$04$CCCCCCCCCCCCCCCCCCCCC.bOPIHsrRTS3DxLLG5zPpQxRPqURmIXK";
    let bcrypt = wrapped(&passwords, &Row::new(bcrypt));
    let keycloak = r#"{"credentialData":"{\"hashIterations\":30,\"algorithm\":\"pbkdf2-sha256\"}","secretData":"{\"value\":\"5akQfekNEsLx4YB1iG/jP/xi1d8TdT7ariyeO1MThwk=\",\"salt\":\"AAECAwQFBgcICQoLDA0ODw==\"}"}"#;
    let keycloak = wrapped(&passwords, &Row::new(keycloak));
    assert!(!keycloak.contains(DIGEST));
    let hashes = passwords.ledger().total();
    for bent in [
        text.replace(ZEROS, DIGEST),
        text.replace("AAA=", "AAE="),
        text.replace("{}pbkdf2", "{nothing}pbkdf2"),
        text.replace("{}pbkdf2", "{Django}pbkdf2"),
        text.replace("{wrap1}", "{wrap1}{wrap1}"),
        text.replace("{wrap1}", "{wrap2}"),
        text.replace("{}pbkdf2", &format!("{{}}{text}")),
        text.replace("v=19", "v=16"),
        text.replace("$argon2id$v=19$", "$argon2i$v=19$"),
        text.replace("p=1$", "p=1,data=AAAA$"),
        text.replace("p=1$", "p=1,keyid=AAAA$"),
        text.replace("{}", "{"),
        text.replace('{', ""),
        // The bits that bcrypt's own parsers pass over.
        format!("{}/", &bcrypt[..bcrypt.len() - 1]),
        keycloak.replace(r#"{"credentialData""#, r#"{"also":"x","credentialData""#),
        keycloak.replace(r#"{"salt""#, r#"{"also":"x","salt""#),
        keycloak.replace(
            r#"{"algorithm""#,
            r#"{"additionalParameters":{"x":["y"]},"algorithm""#,
        ),
        keycloak.replace(r#":{"algorithm""#, r#": {"algorithm""#),
    ] {
        let said = says(&passwords, &Row::new(&bent), b"correct horse");
        assert_eq!(said.verdict(), Verdict::Unsupported, "{bent}");
    }
    assert_eq!(passwords.ledger().total(), hashes, "nothing was hashed");
}

/// The outer hash is of the inner string too.
#[test]
fn another_inner_string_does_not_fit() {
    let passwords = passwords(Policy::default());
    let text = wrapped(&passwords, &Row::new(DJANGO));
    let right = says(&passwords, &Row::new(&text), b"correct horse");
    assert_eq!(right.verdict(), Verdict::Match);
    // The same digest under the same outer hash, but under a label.
    let other = text.replace("{}pbkdf2", "{django}pbkdf2");
    let said = says(&passwords, &Row::new(&other), b"correct horse");
    assert_eq!(said.verdict(), Verdict::Mismatch);
    // The outer hash alone is of nothing that anybody has.
    let bare = text["{wrap1}".len()..].split_once('{').unwrap().0;
    let digest = hex("e5a9107de90d12c2f1e18075886fe33ffc62d5df13753edaae2c9e3b53138709");
    for typed in [digest.as_slice(), b"correct horse"] {
        let said = says(&passwords, &Row::new(bare), typed);
        assert_eq!(said.verdict(), Verdict::Mismatch);
    }
}

#[test]
fn a_context_and_a_normal_form_are_those_of_the_inner_string() {
    let nfkc = Policy::default().normal(Normal::Nfkc);
    let weak = NewHash::argon2id(7168, 5, 1).unwrap();
    let nfkc_weak = passwords(nfkc.new_hashes(weak));
    let made = danger::hash_unjudged(
        &nfkc_weak,
        &tenant(),
        password("\u{212b}ngstr\u{f6}m".as_bytes()),
    );
    let made = made.wait().unwrap();
    let stronger = passwords(Policy::hardened());
    let text = wrapped(&stronger, &Row::new(&made));
    assert!(
        text.starts_with("{nfkc}{wrap1}$argon2id$v=19$m=65536,t=3,p=4$"),
        "{text}"
    );
    let said = says(
        &stronger,
        &Row::new(&text),
        "A\u{30a}ngstro\u{308}m".as_bytes(),
    );
    assert_eq!(said.verdict(), Verdict::Match);

    // PostgreSQL's MD5 of the password and the name of the role.
    let passwords = passwords(Policy::default());
    let alice = Context::from_json(r#"{"user":"alice"}"#).unwrap();
    let row = "md5".to_owned() + "4a0a68b43b6cd5cf266fa02f196e2371";
    let row = Row::new(&row).label("postgres-md5");
    assert_eq!(left(&passwords, &row), reason::CONTEXT);
    let text = wrapped(&passwords, &row.context(&alice));
    assert!(!text.contains("alice"), "{text}");
    let without = says(&passwords, &Row::new(&text), b"secret");
    assert_eq!(without.verdict(), Verdict::Unsupported);
    let other = Context::from_json(r#"{"user":"bob"}"#).unwrap();
    for (context, verdict) in [(&alice, Verdict::Match), (&other, Verdict::Mismatch)] {
        let row = Row::new(&text).context(context);
        assert_eq!(says(&passwords, &row, b"secret").verdict(), verdict);
    }
}

const MIB: u64 = 1024 * 1024;

/// What each layer takes of its ceiling is added up before anything is computed.
#[test]
fn the_ceilings_are_of_both_together() {
    let all = passwords(Policy::default());
    // 19 MiB twice, and 8 MiB once.
    let inner = "$argon2id$v=19$m=8192,t=1,p=1$c29tZSBzYWx0IG9mIDE2IQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8";
    let text = wrapped(&all, &Row::new(inner));
    let quarter = wrapped(
        &all,
        &Row::new("$2b$04$CCCCCCCCCCCCCCCCCCCCC.bOPIHsrRTS3DxLLG5zPpQxRPqURmIXK"),
    );
    for (ceilings, text, is_allowed) in [
        (Ceilings::default().argon2(19 * MIB, 46 * MIB), &text, true),
        (
            Ceilings::default().argon2(19 * MIB, 46 * MIB - 1),
            &text,
            false,
        ),
        (
            Ceilings::default().argon2(19 * MIB - 1, 46 * MIB),
            &text,
            false,
        ),
        // bcrypt of cost 4 is half of a ceiling of 5, and 38 MiB half of 76.
        (
            Ceilings::default().argon2(19 * MIB, 76 * MIB).bcrypt(5),
            &quarter,
            true,
        ),
        (
            Ceilings::default().argon2(19 * MIB, 76 * MIB - 1).bcrypt(5),
            &quarter,
            false,
        ),
        (
            Ceilings::default().argon2(19 * MIB, 1024 * MIB).bcrypt(4),
            &quarter,
            false,
        ),
    ] {
        let narrow = passwords(Policy::default().ceilings(ceilings));
        let said = says(&narrow, &Row::new(text), b"x");
        let expected = if is_allowed {
            Verdict::Mismatch
        } else {
            Verdict::Refused
        };
        assert_eq!(said.verdict(), expected, "{ceilings:?} {text}");
        let hashes = if is_allowed { 2 } else { 0 };
        assert_eq!(narrow.ledger().total(), hashes);
    }
    let narrow =
        passwords(Policy::default().ceilings(Ceilings::default().argon2(19 * MIB, 46 * MIB - 1)));
    assert_eq!(left(&narrow, &Row::new(inner)), reason::CEILING);
}

/// scrypt's memory is beside that of the outer hash.
#[test]
fn the_budget_is_for_both_together() {
    let inner = format!("$scrypt$ln=14,r=8,p=1$c2FsdA${}", "A".repeat(43));
    let all = passwords(Policy::default());
    let text = wrapped(&all, &Row::new(&inner));
    let of = |bytes| {
        let admission = Admission::default().workers(1).budget(bytes);
        Passwords::new(Policy::default(), admission, Arc::new(SystemClock::new())).unwrap()
    };
    // N and p blocks of 1 KiB, and what fills them.
    let stored = Stored::read(None, &inner, &Context::default(), all.policy()).unwrap();
    let both = stored.cost().memory_bytes + 19 * MIB;
    let narrow = of(both - 1);
    assert_eq!(left(&narrow, &Row::new(&inner)), reason::ABOVE_BUDGET);
    let said = says(&narrow, &Row::new(&text), b"x");
    assert!(
        matches!(said, Checked::Refused(why) if why == reason::ABOVE_BUDGET),
        "{said:?}"
    );
    assert_eq!(narrow.ledger().total(), 0);
    let enough = of(both);
    assert_eq!(
        says(&enough, &Row::new(&text), b"x").verdict(),
        Verdict::Mismatch
    );
    assert!(matches!(
        enough.wrap(&tenant(), &Row::new(&inner)).wait(),
        Ok(Wrap::Wrapped(_))
    ));
}

/// Made by PHP, from the page of the format.
#[test]
fn the_strings_of_another_implementation_are_verified() {
    let passwords = passwords(Policy::default());
    let lines = include_str!("known/wrapped.tsv").lines();
    for line in lines.clone() {
        let (context, text) = line.split_once('\t').unwrap();
        let context = Context::from_json(context).unwrap();
        let row = Row::new(text).context(&context);
        for (typed, verdict) in [
            ("correct horse", Verdict::Match),
            ("horse", Verdict::Mismatch),
        ] {
            let said = says(&passwords, &row, typed.as_bytes());
            assert_eq!(said.verdict(), verdict, "{text}");
        }
    }
    assert_eq!(lines.count(), 8);
}
