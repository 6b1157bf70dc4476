//! What programs ask: with API keys, and as cron.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(clippy::arithmetic_side_effects, missing_docs, unreachable_pub)]

mod service;

use std::io::Read as _;
use std::process::Stdio;
use std::time::Duration;

use keyward_session::api_key::Ranges;
use serde_json::Value;
use service::browser::{ANN, Browser, PASSWORD, ann, link_to, logged_in, outbox, set_password};
use service::leak::Leaks;
use service::planted::{Keys, Past, USERS, begin};
use service::{Answer, Service, command, entries, random, send, ssh_key, wait_until};
use tempfile::TempDir;

const CRON: &str = "g3DnPXBKbMmYjyT0UDzM7YBOvIvBnBZyrMlXHFvJd7A";
const CRON_BEFORE: &str = "QpYd0ZJ4mZVkSdgDNd_UkZPkkCqQ6vM8bTWqJxHZZXs";

/// Asks with a bearer token, as programs do.
fn ask(service: &Service, line: &str, token: &str, body: &str) -> Answer {
    let head = format!(
        "{line} HTTP/1.1\nHost: {}\nAuthorization: Bearer {token}\nContent-Type: application/json\n\
         Content-Length: {}",
        service.addr,
        body.len()
    );
    send(service.addr, &head, body.as_bytes())
}

fn json(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

/// The text of a key that a page shows this once.
fn shown(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let key = answer.body.split("tabindex=\"0\">desk_").nth(1).unwrap();
    format!("desk_{}", key.split('<').next().unwrap())
}

fn make(browser: &mut Browser, scopes: &[&str], more: &[(&str, &[u8])]) -> String {
    let mut fields: Vec<(&str, &[u8])> = vec![("name", b"nightly"), ("days", b"90")];
    fields.extend(scopes.iter().map(|scope| (*scope, b"on".as_slice())));
    fields.retain(|(name, _)| more.iter().all(|(other, _)| name != other));
    fields.extend(more);
    shown(&browser.post("/api-keys", &fields))
}

fn id_of(service: &Service, key: &str) -> String {
    let who = json(&ask(service, "GET /api/whoami", key, ""));
    who["key"].as_str().unwrap().to_owned()
}

#[test]
fn a_key_is_shown_once_and_opens_what_its_scopes_say() {
    let service = Service::start();
    let mut hers = ann(&service).browser;
    let value = random(30);
    let set = format!("TOKEN={value}\nOTHER=x");
    hers.post(
        "/environments",
        &[("id", b"shop"), ("secret", set.as_bytes())],
    )
    .leads_to();
    let (private, print) = ssh_key("ed25519");
    hers.post(
        "/servers",
        &[("id", b"deploy@test-1"), ("file", private.as_bytes())],
    )
    .leads_to();
    let all = [
        "servers:read",
        "variables:read",
        "deployments:read",
        "deployments:write",
    ];
    let key = make(&mut hers, &all, &[]);
    let who = json(&ask(&service, "GET /api/whoami", &key, ""));
    assert_eq!(who["organisation"], service.tenant().as_str());
    assert_eq!(
        (&who["name"], who["scopes"].as_array().unwrap().len()),
        (&"nightly".into(), 4)
    );
    // The page knows its id, its hint and what it may, and nothing that opens anything.
    let id = who["key"].as_str().unwrap();
    for path in ["/api-keys", &format!("/api-keys/{id}")] {
        let page = hers.page(path);
        assert!(
            page.contains(&id[..8]) && page.contains("deployments:write"),
            "{page}"
        );
        assert!(key[17..].starts_with(&id[..8]), "the hint is of its text");
        assert!(!page.contains(&key[40..60]));
    }
    let servers = json(&ask(&service, "GET /api/servers", &key, ""));
    assert_eq!(servers["items"][0]["fingerprint"], print.as_str());
    let sets = ask(&service, "GET /api/variables", &key, "");
    assert!(!sets.body.contains(&value[..8]), "names, and no value");
    assert_eq!(
        json(&sets)["items"][0]["names"],
        serde_json::json!(["TOKEN", "OTHER"])
    );
    let begun = ask(
        &service,
        "POST /api/deployments",
        &key,
        r#"{"server":"deploy@test-1","set":"shop"}"#,
    );
    assert_eq!(begun.status, 201, "{}", begun.body);
    let path = begun.header("location").unwrap().to_owned();
    let one = || json(&ask(&service, &format!("GET {path}"), &key, ""));
    wait_until(|| one()["ended"] == true);
    assert_eq!(
        json(&ask(&service, "GET /api/deployments", &key, ""))["items"][0],
        one()
    );
    let log = ask(&service, &format!("GET {path}/log"), &key, "");
    assert_eq!(
        log.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert!(
        log.body.contains("TOKEN") && !log.body.contains(&value[..8]),
        "{}",
        log.body
    );
    // It acts in its own name, and the record says so.
    let started = entries(&service)
        .into_iter()
        .find(|of| of.contains("deploydesk.start"));
    assert!(started.unwrap().contains(&format!("api-key/{id}")));
    for malformed in [
        "",
        "{}",
        "{\"server\":1}",
        "[",
        r#"{"server":"a","set":"b","tenant":"c"}"#,
    ] {
        let refused = ask(&service, "POST /api/deployments", &key, malformed);
        assert!((400..=422).contains(&refused.status), "{malformed}");
        assert!(
            !refused.body.contains("column") && refused.body.len() < 100,
            "{}",
            refused.body
        );
    }
    let (found, looked) = Leaks::of(&[&key.as_bytes()[40..]]).found_under(service.root());
    assert!(found.is_empty() && looked > 0, "{found:?}");
    assert!(!service.log().contains(&key[40..60]));
}

/// How many hours lie between two times.
fn hours(from: &Value, to: &Value) -> f64 {
    let conn = rusqlite::Connection::open_in_memory().unwrap();
    let times = [from, to].map(|at| at.as_str().unwrap().to_owned());
    let days = "SELECT julianday(?2) - julianday(?1)";
    let days: f64 = conn.query_row(days, times, |row| row.get(0)).unwrap();
    days * 24.0
}

#[test]
fn a_key_is_what_the_form_says_of_it() {
    let service = Service::start();
    let mut hers = ann(&service).browser;
    let who = |key: &str| ask(&service, "GET /api/whoami", key, "");
    let near = |is: f64, wanted: f64| (is - wanted).abs() < 0.1;
    // From elsewhere it is none, and from here it is one.
    let elsewhere = make(&mut hers, &[], &[("ranges", b"192.0.2.0/24 2001:db8::/32")]);
    assert_eq!(who(&elsewhere).status, 401);
    let key = make(
        &mut hers,
        &["servers:read"],
        &[("ranges", b"192.0.2.0/24 127.0.0.0/8"), ("days", b"3")],
    );
    let known = json(&who(&key));
    assert_eq!(known["scopes"], serde_json::json!(["servers:read"]));
    assert!(near(hours(&known["made"], &known["ends"]), 72.0), "{known}");
    // The hours for which both work, and no longer than the key had.
    let path = format!("/api-keys/{}/rotate", id_of(&service, &key));
    let next = shown(&hers.post(&path, &[("hours", b"5")]));
    let (old, new) = (json(&who(&key)), json(&who(&next)));
    assert!(near(hours(&new["made"], &old["ends"]), 5.0), "{old}");
    assert_eq!(
        (&new["scopes"], &new["name"]),
        (&old["scopes"], &old["name"])
    );
    for wrong in ["", "x", "-1", "721", "18446744073709551615"] {
        let path = format!("/api-keys/{}/rotate", id_of(&service, &next));
        let refused = hers.post(&path, &[("hours", wrong.as_bytes())]);
        assert_eq!(refused.status, 422, "{wrong}");
    }
    let path = format!("/api-keys/{}/rotate", id_of(&service, &next));
    let last = shown(&hers.post(&path, &[("hours", b"0")]));
    assert_eq!((who(&next).status, who(&last).status), (401, 200));
}

#[test]
fn a_list_is_read_to_its_end_in_parts() {
    let service = Service::start();
    let mut hers = ann(&service).browser;
    let all: Vec<_> = (0..101).map(|n| format!("set-{n:03}")).collect();
    for id in &all {
        hers.post(
            "/environments",
            &[("id", id.as_bytes()), ("secret", b"A=b")],
        )
        .leads_to();
    }
    let key = make(&mut hers, &["variables:read"], &[]);
    let part = |after: &str| {
        let line = format!("GET /api/variables{after}");
        let part = json(&ask(&service, &line, &key, ""));
        let items = part["items"].as_array().unwrap().iter();
        let ids = items.map(|item| item["id"].as_str().unwrap().to_owned());
        (ids.collect::<Vec<_>>(), part["next"].clone())
    };
    let (mut seen, next) = part("");
    assert_eq!(seen.len(), 100);
    let (rest, end) = part(&format!("?after={}", next.as_str().unwrap()));
    seen.extend(rest);
    assert_eq!((seen, end), (all, Value::Null));
}

#[test]
fn a_key_is_rotated_without_a_gap_narrowed_and_revoked_at_once() {
    let service = Service::start();
    let beside = Service::beside(&service);
    let mut hers = ann(&service).browser;
    let old = make(&mut hers, &["servers:read", "variables:read"], &[]);
    let id = id_of(&service, &old);
    let path = format!("/api-keys/{id}");
    let new = shown(&hers.post(&format!("{path}/rotate"), &[("hours", b"24")]));
    for key in [&old, &new] {
        assert_eq!(ask(&service, "GET /api/servers", key, "").status, 200);
        assert_eq!(ask(&beside, "GET /api/servers", key, "").status, 200);
    }
    assert!(hers.page(&path).contains("was rotated"));
    let again = hers.post(&format!("{path}/rotate"), &[("hours", b"24")]);
    assert_eq!(again.status, 422, "it has a successor");
    // Narrowed, and not widened again.
    let next = format!("/api-keys/{}", id_of(&service, &new));
    let narrow = |browser: &mut Browser, fields: &[(&str, &[u8])]| {
        browser.post(&format!("{next}/narrow"), fields).status
    };
    assert_eq!(narrow(&mut hers, &[("servers:read", b"on")]), 303);
    assert_eq!(ask(&beside, "GET /api/servers", &new, "").status, 200);
    let beyond = ask(&beside, "GET /api/variables", &new, "");
    assert_eq!(beyond.status, 403);
    assert!(
        beyond
            .header("www-authenticate")
            .unwrap()
            .contains("insufficient_scope")
    );
    let wider: [(&str, &[u8]); 2] = [("servers:read", b"on"), ("variables:read", b"on")];
    assert_eq!(narrow(&mut hers, &wider), 422);
    assert_eq!(
        narrow(&mut hers, &[("servers:read", b"on"), ("ranges", b"x")]),
        422
    );
    assert_eq!(
        narrow(
            &mut hers,
            &[("servers:read", b"on"), ("ranges", b"192.0.2.0/24")]
        ),
        303
    );
    assert_eq!(ask(&service, "GET /api/whoami", &new, "").status, 401);
    hers.post(&format!("{path}/revoke"), &[]).leads_to();
    for process in [&service, &beside] {
        let gone = ask(process, "GET /api/whoami", &old, "");
        assert_eq!(gone.status, 401);
        assert!(
            gone.header("www-authenticate")
                .unwrap()
                .contains("invalid_token")
        );
    }
    let acts = service::actions(&service).join(" ");
    for action in [
        "api-key.issue",
        "api-key.rotate",
        "api-key.narrow",
        "api-key.revoke",
    ] {
        assert!(acts.contains(action), "{action}: {acts}");
    }
}

#[test]
fn a_key_has_a_limit_in_all_processes_together_and_its_owner_sees_it() {
    let service = Service::start();
    let beside = Service::beside(&service);
    let mut hers = ann(&service).browser;
    let (key, other) = (make(&mut hers, &[], &[]), make(&mut hers, &[], &[]));
    let first = ask(&service, "GET /api/whoami", &key, "");
    assert!(first.header("ratelimit").is_some() && first.header("ratelimit-policy").is_some());
    let answers = (1..400).map(|n| {
        let process = if n % 2 == 0 { &service } else { &beside };
        ask(process, "GET /api/whoami", &key, "")
    });
    let mut answers = answers.skip_while(|answer| answer.status == 200);
    let refused = answers.next().unwrap();
    assert_eq!(refused.status, 429);
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    assert!(refused.header("ratelimit").is_some());
    let id = id_of(&service, &other);
    let page = hers.page("/api-keys");
    assert!(page.contains("all keys together: 301 of 1000"), "{page}");
    let page = hers.page(&format!("/api-keys/{id}"));
    assert!(page.contains("this key: 1 of 300 in 60 seconds"), "{page}");
    // What has no key is counted for nobody.
    assert_eq!(ask(&service, "GET /api/whoami", "x", "").status, 401);
    assert!(hers.page("/api-keys").contains("301 of 1000"));
}

#[test]
fn a_key_belongs_to_the_organisation_and_its_owners_alone_make_one() {
    let service = Service::start();
    let mut hers = ann(&service).browser;
    hers.post("/members/invite", &[("email", b"mel@example.com")])
        .leads_to();
    set_password(&service, &link_to(&service, "mel@example.com", 1), PASSWORD);
    let mut his = logged_in(&service, "mel@example.com");
    make(&mut hers, &[], &[]);
    let page = his.page("/api-keys");
    assert!(page.contains("nightly") && !page.contains("Make the key"));
    let fields: [(&str, &[u8]); 2] = [("name", b"his"), ("days", b"1")];
    assert_eq!(his.post("/api-keys", &fields).status, 403);
    for (field, wrong) in [
        ("name", "".as_bytes()),
        ("name", &[b'a'; 65]),
        ("name", b"\x07"),
        ("days", b"0"),
        ("days", b"367"),
        ("days", b"-1"),
        ("ranges", b"192.0.2.0/33"),
    ] {
        let mut fields: Vec<(&str, &[u8])> = vec![("name", b"x"), ("days", b"1")];
        fields.retain(|(name, _)| *name != field);
        fields.push((field, wrong));
        let refused = hers.post("/api-keys", &fields);
        assert_eq!(refused.status, 422, "{field}");
        assert!(!refused.body.contains("desk_A"));
    }
    // Whoever logs out, or changes his password, ends no key.
    let key = make(&mut hers, &["servers:read"], &[]);
    hers.post("/logout", &[]).leads_to();
    assert_eq!(ask(&service, "GET /api/servers", &key, "").status, 200);
}

#[test]
fn cron_keeps_the_house_and_whoever_is_not_cron_does_not() {
    let folder = {
        let service = Service::start();
        ann(&service);
        let (tenant, subject) = (service.tenant(), service.ann());
        let folder = service.stop();
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        runtime.block_on(async {
            let past = Past::of(folder.path()).await;
            let keys = Keys::of(&past).await;
            let hers = (tenant, subject);
            let day = 24 * 60;
            past.clock.set(past.ago(25 * day));
            let month = Duration::from_secs(30 * 24 * 60 * 60);
            // One that ends in five days, and one that is over.
            let _ = keys
                .make_for(&hers, "servers:read", Ranges::anywhere(), month)
                .await;
            let _ = keys.make(&hers, "servers:read", Ranges::anywhere()).await;
            let at = past.ago(25 * day);
            let _ = begin(&past.sessions, USERS, &hers, at, false).await;
            past.home.close();
        });
        folder
    };
    let secret = format!("now:{CRON},before:{CRON_BEFORE}:2026-01-01");
    let service = Service::start_with(folder, &[("DEPLOYDESK_CRON_SECRET", &*secret)]);
    let cron = |token: &str| ask(&service, "POST /internal/cron", token, "");
    for wrong in [
        "x",
        CRON_BEFORE,
        &CRON[1..],
        &format!("{CRON}A"),
        &"a".repeat(500),
    ] {
        let refused = cron(wrong);
        assert_eq!(refused.status, 401, "{wrong}");
        assert!(
            refused
                .header("www-authenticate")
                .unwrap()
                .starts_with("Bearer")
        );
    }
    let none = send(
        service.addr,
        &format!("POST /internal/cron HTTP/1.1\nHost: {}", service.addr),
        b"",
    );
    assert_eq!(none.status, 401);
    assert!(
        !entries(&service)
            .iter()
            .any(|of| of.contains("deploydesk.cron"))
    );
    // What keys ask is counted, and a count that is over goes.
    let key = make(&mut ann(&service).browser, &[], &[]);
    assert_eq!(ask(&service, "GET /api/whoami", &key, "").status, 200);
    let counts = rusqlite::Connection::open(service.data().join("attempts.db")).unwrap();
    let over = "UPDATE attempt SET until = 1 WHERE collection = 'limit'";
    let over = counts.execute(over, []).unwrap();
    assert!(over > 0);
    let done = json(&cron(CRON));
    assert_eq!(done["tries"], over, "{done}");
    let least = |of: &str| done[of].as_u64().unwrap() > 0;
    assert!(least("sessions") && least("keys"), "{done}");
    assert_eq!(done["notices"], 1);
    let told = || {
        outbox(&service)
            .into_iter()
            .find(|mail| mail.subject.contains("ends soon"))
    };
    let mail = told().unwrap();
    assert!(
        mail.to == ANN && mail.links[0].contains("/api-keys/"),
        "{mail:?}"
    );
    let again = json(&cron(CRON));
    assert_eq!(
        (&again["sessions"], &again["notices"]),
        (&0.into(), &0.into())
    );
    let entry = entries(&service)
        .into_iter()
        .find(|of| of.contains("deploydesk.cron"));
    assert!(entry.unwrap().contains("cron/now"));
    let log = service.log();
    assert!(!log.contains(CRON) && !log.contains(CRON_BEFORE));
}

#[test]
fn without_a_secret_there_is_no_cron_and_a_bad_one_is_refused_at_the_start() {
    let service = Service::start();
    for token in [CRON, "x"] {
        let none = ask(&service, "POST /internal/cron", token, "");
        assert_eq!(none.status, 404);
        assert!(none.header("www-authenticate").is_none());
    }
    assert_eq!(ask(&service, "GET /internal/cron", CRON, "").status, 404);
    let folder = TempDir::new().unwrap();
    for wrong in [
        "",
        "short",
        &"a".repeat(43),
        "now:",
        &format!("{CRON},{CRON}"),
    ] {
        let mut child = command(folder.path(), "127.0.0.1:0")
            .env("DEPLOYDESK_CRON_SECRET", wrong)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        assert!(!child.wait().unwrap().success(), "{wrong}");
        let mut said = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        assert!(said.contains("DEPLOYDESK_CRON_SECRET: "), "{said}");
        assert!(wrong.len() < 10 || !said.contains(wrong), "{said}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
