//! What nobody asked for and somebody has to hear: keys that were published, letters that could not be
//! sent, and what the web layer saw.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(clippy::arithmetic_side_effects, missing_docs, unreachable_pub)]

mod service;

use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use keyward_base::encoding::{base64, from_base64};
use keyward_session::api_key::{NewKey, Ranges};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use serde_json::Value;
use service::browser::{self, ANN, Browser, PASSWORD};
use service::planted::{ALL, Keys, Past, scopes};
use service::{Answer, Service, actions, command, entries, send, wait_until, wait_within};
use tempfile::TempDir;

/// Made by `openssl ecparam -name prime256v1 -genkey` and `openssl pkcs8 -topk8`, for these tests.
const PRIVATE: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgmA05UPvjd4pyC4BORf3ns7XQ6gXfcWdEXUvHlgTLtiChRANCAASVQv8qT0vr/n9tA607pKYtBmJujectURgi0oy+bXV1PlIL+fZNHJwf6cAKdck6KZpfSAoGpGSD4OvrFXTMz46+";
const PUBLIC: &str = r"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAElUL/Kk9L6/5/bQOtO6SmLQZibo3n\nLVEYItKMvm11dT5SC/n2TRycH+nACnXJOimaX0gKBqRkg+Dr6xV0zM+Ovg==\n-----END PUBLIC KEY-----\n";
const CRON: &str = "g3DnPXBKbMmYjyT0UDzM7YBOvIvBnBZyrMlXHFvJd7A";

/// How many mails the spool folder takes.
const SPOOL: usize = 10_000;

fn list(folder: &Path) -> String {
    let path = folder.join("scanner.json");
    let text = format!(
        r#"{{"public_keys":[{{"key_identifier":"ours","key":"{PUBLIC}","is_current":true}}]}}"#
    );
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A folder in which Ann has so many keys that live, of which each ends in so many days; their texts.
fn with_keys(count: usize, days: u64) -> (TempDir, Vec<String>) {
    let service = Service::start();
    let ann = browser::ann(&service);
    let folder = service.stop();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let texts = runtime.unwrap().block_on(async {
        let past = Past::of(folder.path()).await;
        let keys = Keys::of(&past).await;
        let life = Duration::from_secs(days * 24 * 60 * 60);
        let mut texts = Vec::new();
        let by = keys.shown(&(ann.tenant.clone(), ann.subject.clone())).await;
        for _ in 0..count {
            let new = NewKey::new("the table").unwrap().scopes(scopes(ALL));
            let new = new.ranges(Ranges::anywhere()).expires_in(life);
            let made = keys.keys.issue(&by, &scopes(ALL), new).await.unwrap();
            texts.push(made.key().expose().to_owned());
        }
        past.home.close();
        texts
    });
    (folder, texts)
}

fn ask(service: &Service, line: &str, host: &str, token: &str) -> Answer {
    let head = format!("{line} HTTP/1.1\nHost: {host}\nAuthorization: Bearer {token}");
    send(service.addr, &head, b"")
}

fn local(service: &Service, line: &str, token: &str) -> u16 {
    ask(service, line, &service.addr.to_string(), token).status
}

fn report(service: &Service, body: &str, signed: &str) -> u16 {
    report_as(service, &service.addr.to_string(), "ours", body, signed)
}

/// A report to that host, signed over `signed` by the key that a list has under that name.
fn report_as(service: &Service, host: &str, name: &str, body: &str, signed: &str) -> u16 {
    let head = report_head(host, name, signed);
    let head = format!("{head}\nContent-Length: {}", body.len());
    send(service.addr, &head, body.as_bytes()).status
}

fn report_head(host: &str, name: &str, signed: &str) -> String {
    let random = SystemRandom::new();
    let key = from_base64(PRIVATE).unwrap();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.expose(), &random);
    let signature = key.unwrap().sign(&random, signed.as_bytes()).unwrap();
    format!(
        "POST /leaks HTTP/1.1\nHost: {host}\nContent-Type: application/json\n\
         Github-Public-Key-Identifier: {name}\nGithub-Public-Key-Signature: {}",
        base64(signature.as_ref())
    )
}

fn outbox(service: &Service) -> Vec<Value> {
    let page = Browser::new(service).get("/dev/outbox.json");
    serde_json::from_str(&page.body).unwrap()
}

#[test]
fn a_key_that_a_scanner_found_is_ended_and_its_owner_is_mailed() {
    let (folder, texts) = with_keys(2, 1);
    let path = list(folder.path());
    let service = Service::start_with(folder, &[("DEPLOYDESK_SCANNER_KEYS", &*path)]);
    // Whom she invited is no owner, and hears nothing of it.
    let invited: [(&str, &[u8]); 1] = [("email", b"mel@example.com")];
    browser::logged_in(&service, ANN)
        .post("/members/invite", &invited)
        .leads_to();
    let link = browser::link_to(&service, "mel@example.com", 1);
    browser::set_password(&service, &link, PASSWORD);
    let works = |text: &str| local(&service, "GET /api/whoami", text) == 200;
    assert!(works(&texts[0]) && works(&texts[1]));
    let found = format!(
        r#"[{{"token":"{}","type":"desk","url":"https://example.com/x","source":"content"}}]"#,
        texts[0]
    );
    // What another signed, or nobody for this body, ends nothing.
    assert_eq!(report(&service, &found, "[]"), 401);
    assert!(works(&texts[0]));
    let told = || {
        let mails = outbox(&service).into_iter();
        let mails = mails.filter(|mail| mail["subject"].as_str().unwrap().contains("published"));
        mails.collect::<Vec<_>>()
    };
    assert!(told().is_empty());
    for _ in 0..2 {
        assert_eq!(report(&service, &found, &found), 200);
        assert!(!works(&texts[0]) && works(&texts[1]));
    }
    // Once, by the key's name and with nothing of its text.
    let told = told();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0]["to"], ANN);
    let text = told[0]["text"].as_str().unwrap();
    assert!(text.contains("\"the table\""), "{text}");
    assert!(!text.contains(&texts[0][..12]), "{text}");
    assert!(!service.log().contains(&texts[0]));
    let leaked = entries(&service).into_iter();
    assert!(leaked.filter(|of| of.contains("api-key.leaked")).count() > 0);
    // What she ends herself nobody published.
    let id = json_of(&ask(
        &service,
        "GET /api/whoami",
        &service.addr.to_string(),
        &texts[1],
    ));
    let id = id["key"].as_str().unwrap().to_owned();
    let mut hers = browser::logged_in(&service, ANN);
    hers.post(&format!("/api-keys/{id}/revoke"), &[]).leads_to();
    assert!(!works(&texts[1]));
    assert_eq!(of_published(&service), 1);
}

fn json_of(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap()
}

/// How many mails say that a key was published.
fn of_published(service: &Service) -> usize {
    let mails = outbox(service).into_iter();
    let of = |mail: &Value| mail["subject"].as_str().unwrap().contains("published");
    mails.filter(of).count()
}

/// A request that its client takes back as soon as the record has `begun`.
fn taken_back(service: &Service, head: &str, body: &str, begun: &str) {
    let mut stream = TcpStream::connect(service.addr).unwrap();
    let head = head.replace('\n', "\r\n");
    let length = body.len();
    write!(stream, "{head}\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
    wait_until(|| actions(service).iter().any(|of| of == begun));
}

/// How many keys are looked at at once for those that end soon.
const PART: usize = 256;

#[test]
fn owners_of_many_keys_hear_of_each_though_cron_goes_away() {
    const MANY: usize = PART + 4;
    let (folder, texts) = with_keys(MANY, 5);
    assert_eq!(texts.len(), MANY);
    let variables = [
        ("DEPLOYDESK_PUBLIC_ORIGIN", "https://desk.example.com"),
        ("DEPLOYDESK_CRON_SECRET", CRON),
    ];
    let service = Service::start_with(folder, &variables);
    let letters = || {
        let files = std::fs::read_dir(service.data().join("spool")).unwrap();
        let files = files.map(|file| file.unwrap().path());
        let files = files.filter(|path| path.extension().is_some_and(|of| of == "json"));
        files.count()
    };
    assert_eq!(letters(), 0);
    let head = format!(
        "POST /internal/cron HTTP/1.1\nHost: desk.example.com\nAuthorization: Bearer {CRON}"
    );
    taken_back(&service, &head, "", "deploydesk.cron");
    // Before the round comes that there is each minute.
    wait_within(45, || letters() == MANY);
    let again = json_of(&ask(
        &service,
        "POST /internal/cron",
        "desk.example.com",
        CRON,
    ));
    assert_eq!((&again["notices"], letters()), (&0.into(), MANY));
}

#[test]
fn a_report_whose_sender_goes_away_ends_each_key_in_it() {
    let (folder, texts) = with_keys(60, 60);
    let path = list(folder.path());
    let service = Service::start_with(folder, &[("DEPLOYDESK_SCANNER_KEYS", &*path)]);
    let found = texts.iter().map(|text| format!(r#"{{"token":"{text}"}}"#));
    let found = format!("[{}]", found.collect::<Vec<_>>().join(","));
    let head = report_head(&service.addr.to_string(), "ours", &found);
    taken_back(&service, &head, &found, "api-key.leaked");
    let is_over = |text: &String| local(&service, "GET /api/whoami", text) == 401;
    wait_until(|| texts.iter().rev().all(is_over));
}

#[test]
fn a_scanners_keys_are_read_anew_and_a_list_that_is_none_leaves_those_before() {
    let (folder, texts) = with_keys(2, 60);
    let path = list(folder.path());
    let variables = [
        ("DEPLOYDESK_SCANNER_KEYS", &*path),
        ("DEPLOYDESK_CRON_SECRET", CRON),
    ];
    let service = Service::start_with(folder, &variables);
    let host = service.addr.to_string();
    let by = |name: &str, text: &str| {
        let found = format!(r#"[{{"token":"{text}"}}]"#);
        report_as(&service, &host, name, &found, &found)
    };
    let cron = || local(&service, "POST /internal/cron", CRON);
    let listed = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, listed.replace("ours", "theirs")).unwrap();
    assert_eq!(cron(), 200);
    assert_eq!(by("ours", &texts[0]), 401, "it is on no list any more");
    assert_eq!(by("theirs", &texts[0]), 200);
    assert_eq!(local(&service, "GET /api/whoami", &texts[0]), 401);
    let long = format!("{listed}{}", " ".repeat(64 * 1024));
    for wrong in ["", "{}", &long] {
        std::fs::write(&path, wrong).unwrap();
        assert_eq!(cron(), 503);
    }
    std::fs::remove_file(&path).unwrap();
    assert_eq!(cron(), 503);
    assert_eq!(by("theirs", &texts[1]), 200);
    assert_eq!(local(&service, "GET /api/whoami", &texts[1]), 401);
}

#[test]
fn without_a_scanners_keys_no_report_is_taken_and_a_list_that_is_none_stops_the_start() {
    let (folder, texts) = with_keys(1, 1);
    let service = Service::start_in(folder);
    let found = format!(r#"[{{"token":"{}"}}]"#, texts[0]);
    assert_eq!(report(&service, &found, &found), 404);
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] {
        assert_eq!(local(&service, &format!("{method} /leaks"), "x"), 404);
    }
    assert_eq!(local(&service, "GET /api/whoami", &texts[0]), 200);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("list");
    for wrong in [None, Some(""), Some("{}"), Some(r#"{"public_keys":[]}"#)] {
        if let Some(text) = wrong {
            std::fs::write(&path, text).unwrap();
        }
        let mut child = command(&folder.path().join("root"), "127.0.0.1:0");
        child.env("DEPLOYDESK_SCANNER_KEYS", &path);
        let out = child.stdout(Stdio::null()).output().unwrap();
        let said = String::from_utf8(out.stderr).unwrap();
        assert!(!out.status.success());
        assert!(said.contains("DEPLOYDESK_SCANNER_KEYS must be"), "{said}");
    }
}

#[test]
fn a_letter_that_cannot_be_sent_keeps_no_other_back_and_is_sent_later() {
    let (folder, texts) = with_keys(3, 5);
    let list = list(folder.path());
    let spool = folder.path().join("data/spool");
    std::fs::create_dir_all(&spool).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&spool, mode).unwrap();
    // Room for one more.
    for n in 1..SPOOL {
        std::fs::write(spool.join(format!("{n}")), b"").unwrap();
    }
    let variables = [
        ("DEPLOYDESK_PUBLIC_ORIGIN", "https://desk.example.com"),
        ("DEPLOYDESK_CRON_SECRET", CRON),
        ("DEPLOYDESK_SCANNER_KEYS", &list),
    ];
    let service = Service::start_with(folder, &variables);
    let letters = || {
        let files = std::fs::read_dir(&spool).unwrap();
        let files = files.map(|file| file.unwrap().path());
        let files = files.filter(|path| path.extension().is_some_and(|of| of == "json"));
        files.collect::<Vec<_>>()
    };
    let cron = || ask(&service, "POST /internal/cron", "desk.example.com", CRON).status;
    assert_eq!((cron(), letters().len()), (503, 1));
    // Who had it done is on record all the same: before it is done.
    assert!(actions(&service).iter().any(|of| of == "deploydesk.cron"));
    // Nothing took one of the two, and neither is forgotten.
    for file in letters() {
        std::fs::remove_file(file).unwrap();
    }
    assert_eq!((cron(), letters().len()), (503, 1));
    // Nor does it keep a published key alive, nor its end off the record.
    let host = "desk.example.com";
    let found = format!(r#"[{{"token":"{}"}}]"#, texts[0]);
    assert_eq!(report_as(&service, host, "ours", &found, &found), 200);
    let who = ask(&service, "GET /api/whoami", host, &texts[0]);
    assert_eq!((who.status, letters().len()), (401, 1));
    let leaked = entries(&service).into_iter();
    assert!(leaked.filter(|of| of.contains("api-key.leaked")).count() > 0);
    for n in 1..SPOOL {
        std::fs::remove_file(spool.join(format!("{n}"))).unwrap();
    }
    assert_eq!((cron(), letters().len()), (200, 3));
    assert_eq!((cron(), letters().len()), (200, 3));
    let sent = letters().into_iter();
    let sent = sent.map(|path| std::fs::read_to_string(path).unwrap());
    assert_eq!(sent.filter(|of| of.contains("published")).count(), 1);
}

#[test]
fn what_the_web_layer_saw_is_on_record_for_doctor() {
    let service = Service::start();
    let head = format!(
        "GET / HTTP/1.1\nHost: {}\nX-Forwarded-For: 192.0.2.1",
        service.addr
    );
    assert_eq!(send(service.addr, &head, b"").status, 200);
    let seen = entries(&service);
    let seen = seen.iter().find(|of| of.contains("web.forwarded"));
    let seen = seen.unwrap_or_else(|| panic!("no event of the web layer"));
    assert!(!seen.contains("192.0.2.1"), "{seen}");
    // In the service's own log, of which doctor reads it.
    assert!(!seen.contains(&service.tenant()), "{seen}");
}

#[test]
fn keys_are_shown_and_revoked_while_no_count_can_be_read() {
    let service = Service::start();
    let page = service.page("/api-keys");
    assert!(page.contains("all keys together: 0 of 1000"), "{page}");
    let conn = rusqlite::Connection::open(service.data().join("attempts.db")).unwrap();
    let spoiled = conn
        .execute("UPDATE attempt SET admitted = x'00'", [])
        .unwrap();
    assert!(spoiled > 0);
    let page = service.get("/api-keys");
    assert_eq!(page.status, 200, "{}", page.body);
}
