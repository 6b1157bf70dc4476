//! Reports of keys that were found.

use keyward_base::encoding::base64;
use keyward_session::api_key::IssuedKey;
use keyward_testkit::Interrupt;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};

use crate::service::Service;
use crate::web::{Answer, send};

/// Made by `openssl ecparam -name prime256v1 -genkey` and `openssl pkcs8 -topk8`, for these tests.
const PRIVATE: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgmA05UPvjd4pyC4BORf3ns7XQ6gXfcWdEXUvHlgTLtiChRANCAASVQv8qT0vr/n9tA607pKYtBmJujectURgi0oy+bXV1PlIL+fZNHJwf6cAKdck6KZpfSAoGpGSD4OvrFXTMz46+";
const PUBLIC: &str = r"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAElUL/Kk9L6/5/bQOtO6SmLQZibo3n\nLVEYItKMvm11dT5SC/n2TRycH+nACnXJOimaX0gKBqRkg+Dr6xV0zM+Ovg==\n-----END PUBLIC KEY-----\n";

/// What GitHub's documentation has as its example, and the key that GitHub published for it.
const GITHUB: &str = "bcb53661c06b4728e59d897fb6165d5c9cda0fd9cdf9d09ead458168deb7518c";
const GITHUB_PUBLIC: &str = r"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYAGMWO8XgCamYKMJS6jc/qgvSlAd\nAjPuDPRcXU22YxgBrz+zoN19MzuRyW87qEt9/AmtoNP5GrobzUvQSyJFVw==\n-----END PUBLIC KEY-----\n";
const GITHUB_BODY: &str = r#"[{"source":"commit","token":"some_token","type":"some_type","url":"https://example.com/base-repo-url/"}]"#;
const GITHUB_SIGNATURE: &str = "MEQCIQDaMKqrGnE27S0kgMrEK0eYBmyG0LeZismAEz/BgZyt7AIfXt9fErtRS4XaeSt/AO1RtBY66YcAdjxji410VQV4xg==";

fn list() -> String {
    format!(
        r#"{{"public_keys":[{{"key_identifier":"{GITHUB}","key":"{GITHUB_PUBLIC}","is_current":true}},{{"key_identifier":"ours","key":"{PUBLIC}","is_current":false}}]}}"#
    )
}

fn sign(body: &[u8]) -> String {
    let random = SystemRandom::new();
    let key = keyward_base::encoding::from_base64(PRIVATE).unwrap();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.expose(), &random);
    base64(key.unwrap().sign(&random, body).unwrap().as_ref())
}

fn reported(service: &Service, more: &str, body: &[u8]) -> Answer {
    let (to, len) = (service.at(), body.len());
    let head = format!(
        "POST /leaks HTTP/1.1\nHost: {to}\nContent-Length: {len}\nContent-Type: application/json\n{more}"
    );
    send(to, &head, body)
}

fn signed(service: &Service, body: &[u8]) -> Answer {
    let signature = sign(body);
    let more =
        format!("Github-Public-Key-Identifier: ours\nGithub-Public-Key-Signature: {signature}");
    reported(service, &more, body)
}

fn found(tokens: &[&str]) -> Vec<u8> {
    let found: Vec<String> = tokens
        .iter()
        .map(|token| format!(r#"{{"token":"{token}","type":"acme_key","url":"https://example.com/{token}","source":"content"}}"#))
        .collect();
    format!("[{}]", found.join(",")).into_bytes()
}

fn start() -> Service {
    let service = Service::start();
    service.published.replace(list().as_bytes()).unwrap();
    service
}

fn lives(service: &Service, key: &IssuedKey) -> bool {
    match service.with_key("GET /whoami", key).status {
        200 => true,
        401 => false,
        other => panic!("{other}"),
    }
}

#[test]
fn a_key_that_was_found_is_revoked_and_its_owner_told() {
    let service = start();
    let (leaked, other) = (service.issue("acme", "", ""), service.issue("acme", "", ""));
    let text = leaked.key().expose();
    let _before = service.audit.take();
    let answer = signed(
        &service,
        &found(&[text, "acme_live_nothing", "ghp_0123456789"]),
    );
    assert_eq!((answer.status, answer.body.as_str()), (200, "[]"));
    assert!(!lives(&service, &leaked));
    assert!(lives(&service, &other));
    let events = service.audit.take();
    let told: Vec<_> = events
        .iter()
        .filter(|event| event.action == "api-key.leaked")
        .collect();
    assert_eq!(told.len(), 2, "before it, and once it is done");
    assert_eq!(told[0].tenant.as_ref().unwrap().as_str(), "acme");
    assert_eq!(
        told[0].record.as_ref().unwrap().as_str(),
        leaked.info().id.to_string()
    );

    // Again, it is as good as once; and nothing of the text is anywhere.
    for _ in 0..2 {
        let again = signed(&service, &found(&[text, text, text]));
        assert_eq!((again.status, &again.body), (200, &answer.body));
    }
    assert!(
        service
            .audit
            .take()
            .iter()
            .all(|event| event.action != "api-key.leaked")
    );
    let said = format!("{events:?} {:?}", service.told.lock().unwrap());
    assert!(!said.contains(&text[30..50]), "{said}");
}

#[test]
fn live_and_unknown_are_answered_alike() {
    let service = start();
    let key = service.issue("acme", "", "");
    let unknown = signed(&service, &found(&["acme_live_nothing"]));
    let live = signed(&service, &found(&[key.key().expose()]));
    let gone = signed(&service, &found(&[key.key().expose()]));
    let nothing = signed(&service, b"[]");
    for answer in [&live, &gone, &nothing] {
        assert_eq!((answer.status, &answer.body), (200, &unknown.body));
        let names = |answer: &Answer| {
            answer
                .headers
                .iter()
                .map(|(name, _)| name.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(answer), names(&unknown));
    }
}

#[test]
fn nothing_but_a_whole_key_revokes() {
    let service = start();
    let key = service.issue("acme", "", "");
    let text = key.key().expose();
    let id = key.info().id.to_string();
    let kwk = text.replace("acme_live_", "kwk_");
    for near in [
        &text[..60],
        &text[..text.len() - 1],
        &id,
        &kwk,
        &text.to_uppercase(),
        &format!("{text}{text}"),
    ] {
        assert_eq!(signed(&service, &found(&[near])).status, 200);
    }
    assert!(lives(&service, &key));
}

#[test]
fn the_example_of_githubs_documentation_is_taken() {
    let service = start();
    let more = format!(
        "Github-Public-Key-Identifier: {GITHUB}\nGithub-Public-Key-Signature: {GITHUB_SIGNATURE}"
    );
    let answer = reported(&service, &more, GITHUB_BODY.as_bytes());
    assert_eq!((answer.status, answer.body.as_str()), (200, "[]"));
    // And by its own key alone.
    let more = more.replace(GITHUB, "ours");
    assert_eq!(
        reported(&service, &more, GITHUB_BODY.as_bytes()).status,
        401
    );
}

#[test]
fn what_is_not_signed_is_not_even_parsed() {
    let service = start();
    let key = service.issue("acme", "", "");
    let body = found(&[key.key().expose()]);
    let signature = sign(&body);
    let (id, signed_by) = (
        "Github-Public-Key-Identifier: ours",
        format!("Github-Public-Key-Signature: {signature}"),
    );
    for more in [
        String::new(),
        id.to_owned(),
        signed_by.clone(),
        format!("{id}\n{id}\n{signed_by}"),
        format!("{id}\n{signed_by}\n{signed_by}"),
        format!("Github-Public-Key-Identifier: other\n{signed_by}"),
        format!("Github-Public-Key-Identifier: {GITHUB}\n{signed_by}"),
        format!("Github-Public-Key-Identifier:\n{signed_by}"),
        format!("{id}\nGithub-Public-Key-Signature: "),
        format!("{id}\nGithub-Public-Key-Signature: {}", sign(b"[]")),
        format!("{id}\nGithub-Public-Key-Signature: {}", &signature[4..]),
        format!("{id}\nGithub-Public-Key-Signature: {}", "A".repeat(300)),
        format!("{id}\nGithub-Public-Key-Signature: {GITHUB_SIGNATURE}"),
    ] {
        assert_eq!(reported(&service, &more, &body).status, 401, "{more}");
        // Whatever it is that is not parsed.
        assert_eq!(
            reported(&service, &more, b"{not json").status,
            401,
            "{more}"
        );
    }
    // One bit of the body is another report.
    let mut other = body.clone();
    let last = other.len() - 3;
    other[last] ^= 1;
    assert_eq!(
        reported(&service, &format!("{id}\n{signed_by}"), &other).status,
        401
    );
    assert!(lives(&service, &key));
}

#[test]
fn a_report_has_one_form_and_bounds() {
    let service = start();
    let key = service.issue("acme", "", "");
    let text = key.key().expose();
    for body in [
        String::new(),
        "null".to_owned(),
        "{}".to_owned(),
        format!(r#"{{"token":"{text}"}}"#),
        format!(r#"["{text}"]"#),
        format!(r#"[{{"token":"{text}","token":"x"}}]"#),
        format!(r#"[{{"token":["{text}"]}}]"#),
        format!(r#"[["{text}"]]"#),
        format!(r#"[{{"Token":"{text}"}}]"#),
        format!(r#"[{{"token":"{text}"}},{{"url":"x"}}]"#),
        format!(r#"[{{"token":"{text}"}},{{"token":7}}]"#),
        format!(r#"[{{"token":"{text}"}}] x"#),
        format!("{}{}", "[".repeat(2_000), "]".repeat(2_000)),
    ] {
        let answer = signed(&service, body.as_bytes());
        assert_eq!(answer.status, 400, "{body}");
        assert!(!answer.body.contains("line"), "{}", answer.body);
    }
    let bad_text = [
        b"[{\"token\":\"\xff\"}]".as_slice(),
        b"[{\"token\":\"x\",\"url\":\"\xff\"}]",
        b"[{\"token\":\"a\nb\"}]",
    ];
    for body in bad_text {
        assert_eq!(signed(&service, body).status, 400);
    }
    let many = |n: usize| found(&vec!["x"; n]);
    assert_eq!(signed(&service, &many(5_000)).status, 200);
    assert_eq!(signed(&service, &many(5_001)).status, 413);
    let large = format!(
        "[{{\"token\":\"x\",\"url\":\"{}\"}}]",
        "u".repeat(1024 * 1024)
    );
    assert_eq!(signed(&service, large.as_bytes()).status, 413);
    assert!(lives(&service, &key));
    // A text with escapes is the text that it stands for.
    let escaped = text.replace('a', "\\u0061");
    let more_said = format!(r#"[{{"token":"{escaped}","type":7,"more":{{"x":[1]}}}}]"#);
    assert_eq!(signed(&service, more_said.as_bytes()).status, 200);
    assert!(!lives(&service, &key));
    let told = service.told.lock().unwrap().join("\n");
    assert!(!told.contains(&text[30..50]), "{told}");
}

#[test]
fn a_report_that_does_not_say_its_length_has_the_same_limit() {
    let service = start();
    let in_chunks = |chunks: &[u8]| {
        let head = format!(
            "POST /leaks HTTP/1.1\nHost: {}\nTransfer-Encoding: chunked",
            service.at()
        );
        send(service.at(), &head, chunks).status
    };
    let long = "x".repeat(1024 * 1024 + 1);
    let long = format!("{:x}\r\n{long}\r\n0\r\n\r\n", long.len());
    assert_eq!(in_chunks(long.as_bytes()), 413);
    // One whose body is none is not too large.
    assert_eq!(in_chunks(b"no length\r\n"), 400);
    assert_eq!(in_chunks(b"2\r\n[]\r\n0\r\n\r\n"), 401);
}

#[test]
fn what_cannot_be_done_now_is_to_be_sent_again() {
    let service = Service::start();
    let key = service.issue("acme", "", "");
    let body = found(&[key.key().expose()]);
    // Nobody gave it a scanner's keys yet.
    assert_eq!(signed(&service, &body).status, 503);
    service.published.replace(list().as_bytes()).unwrap();
    service.store.interrupt(0, Interrupt::DieBefore);
    assert_eq!(signed(&service, &body).status, 503);
    assert!(service.store.fired());
    assert!(lives(&service, &key));
    assert_eq!(signed(&service, &body).status, 200);
    assert!(!lives(&service, &key));
}

/// One that cannot be judged keeps none alive that stands behind it.
#[test]
fn what_cannot_be_judged_now_keeps_no_other_alive() {
    let service = start();
    let keys = [service.issue("acme", "", ""), service.issue("acme", "", "")];
    let body = found(&[keys[0].key().expose(), keys[1].key().expose()]);
    // The first is reported as lost once it is deleted; what comes after it is answered again.
    service.store.answer([keyward_testkit::Answer::LostAnswer]);
    assert_eq!(signed(&service, &body).status, 503);
    assert!(keys.iter().all(|key| !lives(&service, key)));
    assert_eq!(signed(&service, &body).status, 200);
}

#[test]
fn a_list_of_keys_that_is_none_leaves_the_one_before() {
    let service = start();
    let one = format!(r#"{{"key_identifier":"x","key":"{PUBLIC}"}}"#);
    for list in [
        String::new(),
        "[]".to_owned(),
        r#"{"public_keys":[]}"#.to_owned(),
        r#"{"message":"API rate limit exceeded"}"#.to_owned(),
        format!(
            r#"{{"public_keys":[{one},{{"key_identifier":"y","key":"{}"}}]}}"#,
            &PUBLIC[..90]
        ),
        format!(r#"{{"public_keys":[{one},{{"key_identifier":"y"}}]}}"#),
        format!(
            r#"{{"public_keys":[{}]}}"#,
            vec![one.clone(); 500].join(",")
        ),
    ] {
        assert!(
            service.published.replace(list.as_bytes()).is_err(),
            "{list}"
        );
    }
    assert_eq!(signed(&service, b"[]").status, 200);
    // Another list takes its place.
    service
        .published
        .replace(format!(r#"{{"public_keys":[{one}]}}"#).as_bytes())
        .unwrap();
    assert_eq!(signed(&service, b"[]").status, 401);
}
