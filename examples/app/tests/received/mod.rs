//! Webhooks: taken in over real HTTP, kept, handled once, and shown.

use std::collections::BTreeSet;

use keyward_base::{Clock, SecretBytes, SystemClock};
use keyward_crypto::Provider;
use keyward_webhook::{Scheme, WholeBody, preset};

use crate::service::leak::Leaks;
use crate::service::{
    Answer, Service, actions, keys_of, random, revision, rewrap, send, wait_until,
};

/// Where GitHub sends what Ann is to get.
fn github(service: &Service) -> String {
    format!("/hooks/github/{}/deploys", service.tenant())
}

fn slack(service: &Service) -> String {
    format!("/hooks/slack/{}/chat", service.tenant())
}

/// The headers that the sender signs a body with.
fn signed(scheme: &Scheme<WholeBody>, secret: &str, id: Option<&str>, body: &str) -> String {
    let secret = SecretBytes::copy_of(secret.as_bytes());
    let now = SystemClock::new().now().unwrap();
    let headers = scheme.sign(&Provider::default(), &secret, id, now, body.as_bytes());
    let lines = headers.unwrap();
    let lines = lines
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
    lines.collect::<Vec<_>>().join("\n")
}

fn deliver(service: &Service, path: &str, headers: &str, body: &str) -> Answer {
    let head = format!(
        "POST {path} HTTP/1.1\nHost: {}\nContent-Type: application/json\nContent-Length: {}\n{headers}",
        service.addr,
        body.len()
    );
    send(service.addr, &head, body.as_bytes())
}

fn push(service: &Service, secret: &str, id: &str, body: &str) -> u16 {
    let headers = signed(&preset::GITHUB, secret, Some(id), body);
    deliver(service, &github(service), &headers, body).status
}

fn event(service: &Service, secret: &str, body: &str) -> Answer {
    let headers = signed(&preset::SLACK, secret, None, body);
    deliver(service, &slack(service), &headers, body)
}

fn push_body(commit: &str, message: &str) -> String {
    format!(
        "{{\"ref\":\"refs/heads/main\",\"after\":\"{commit}\",\"repository\":{{\"full_name\":\"acme/shop\"}},\
         \"commits\":[{{\"message\":\"{message}\"}}]}}"
    )
}

/// The secret that a page shows this once.
fn shown_secret(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let secret = answer.body.split("<h2>Secret</h2>").nth(1).unwrap();
    let secret = secret.split("tabindex=\"0\">").nth(1).unwrap();
    secret.split('<').next().unwrap().to_owned()
}

fn github_endpoint(service: &Service) -> String {
    let fields: [(&str, &[u8]); 3] = [("provider", b"github"), ("id", b"deploys"), ("secret", b"")];
    shown_secret(&service.post("/webhooks", &fields))
}

fn count(service: &Service, action: &str) -> usize {
    let all = actions(service);
    all.iter().filter(|known| *known == action).count()
}

/// The rows of deliveries on a page, in the order shown.
fn rows(page: &str) -> Vec<String> {
    let rows = page.split("<td data-label=\"Came\">").skip(1);
    rows.map(|row| row.split("</tr>").next().unwrap().to_owned())
        .collect()
}

#[test]
fn a_push_is_handled_once_however_often_it_comes() {
    let service = Service::start();
    let secret = github_endpoint(&service);
    let again = service.post("/webhooks", &[("provider", b"github"), ("id", b"deploys")]);
    assert_eq!(again.status, 422, "the name is taken");
    let marker = random(40);
    let body = push_body("1a2b3c4d5e6f708192a3b4c5d6e7f80910111213", &marker);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(push(&service, &secret, "d-1", &body), 200));
        }
    });
    let page = || service.page("/webhooks/github:deploys");
    let done = "Deployment of acme/shop requested: refs/heads/main at 1a2b3c4d5e6f";
    wait_until(|| page().contains(done) && page().contains("verified, done"));
    for shown in ["came 7 times more", "secret 1", "d-1", "not signed"] {
        assert!(page().contains(shown), "{shown}: {}", page());
    }
    // Whoever captured it can give it another id. And what a browser adds makes no difference.
    assert_eq!(push(&service, &secret, "d-2", &body), 200);
    assert!(
        page().contains("repeated once under another id"),
        "{}",
        page()
    );
    let foreign = signed(&preset::GITHUB, &secret, Some("d-1"), &body);
    let foreign =
        format!("{foreign}\nCookie: a=b\nOrigin: http://evil.example\nSec-Fetch-Site: cross-site");
    let answer = deliver(&service, &github(&service), &foreign, &body);
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(answer.header("set-cookie"), None);
    assert_eq!(rows(&page()).len(), 1);
    assert_eq!(count(&service, "deploydesk.request"), 1);

    let overview = service.page("/webhooks");
    assert!(overview.contains(&format!("http://{}{}", service.addr, github(&service))));
    assert!(
        overview.contains("1 done, 0 waiting, no dead letter."),
        "{overview}"
    );
    assert!(service.page("/admin").contains("No request was refused"));
    // Ann made the endpoint; the service itself opened its secret, and handled what came.
    let trail = service.page("/audit");
    for known in [
        "webhook.secret github:deploys",
        &service.ann(),
        "webhooks",
        "endpoint deploys",
    ] {
        assert!(trail.contains(known), "{known}");
    }
    let (found, looked) =
        Leaks::of(&[secret.as_bytes(), marker.as_bytes()]).found_under(service.root());
    assert!(looked >= 4 && found.is_empty(), "{found:?}");

    // Forgotten, it is taken in anew.
    let row = page()
        .split("/forget")
        .next()
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    service
        .post(&format!("/webhooks/github:deploys/{row}/forget"), &[])
        .leads_to();
    assert!(page().contains("Nothing yet"));
    assert_eq!(push(&service, &secret, "d-1", &body), 200);
    wait_until(|| page().contains("verified, done"));
    assert_eq!(count(&service, "deploydesk.request"), 2);
}

#[test]
fn what_does_not_verify_is_counted_and_nothing_of_it_kept() {
    let service = Service::start();
    let secret = github_endpoint(&service);
    let marker = random(40);
    let body = push_body("1a2b", &marker);
    let good = signed(&preset::GITHUB, &secret, Some("d"), &body);
    let forged = signed(
        &preset::GITHUB,
        "a secret of somebody else",
        Some("d"),
        &body,
    );
    let refused = |path: &str, headers: &str, body: &str| {
        let answer = deliver(&service, path, headers, body);
        assert_eq!(
            answer.body, "Say who you are first.\n",
            "one text for all: {path}"
        );
        answer.status
    };
    assert_eq!(refused(&github(&service), &forged, &body), 401);
    assert_eq!(refused(&github(&service), &good, &format!("{body} ")), 401);
    assert_eq!(refused(&github(&service), "X-A: 1", &body), 401);
    let none = github(&service).replace("deploys", "none");
    for path in [none.as_str(), "/hooks/github/other/deploys"] {
        assert_eq!(refused(path, &good, &body), 401, "{path}");
    }
    assert_eq!(
        refused(&slack(&service), &good, &body),
        401,
        "the route names the provider"
    );
    // For whoever administrates the service: a sum is of no organisation.
    let shown = |words: &str| service.page("/admin").contains(words);
    wait_until(|| shown("6 requests were refused"));
    for words in [
        "2 with a wrong signature",
        "2 for an endpoint that is not there",
        "2 without a signature",
    ] {
        assert!(shown(words), "{words}: {}", service.page("/admin"));
    }
    let page = service.page("/webhooks");
    assert!(page.contains("0 done, 0 waiting, no dead letter."));
    assert!(!page.contains("refused"), "{page}");
    let (found, _) = Leaks::of(&[marker.as_bytes()]).found_under(service.root());
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(count(&service, "deploydesk.request"), 0);
    assert_eq!(service.get(&github(&service)).status, 405);
}

#[test]
fn slack_is_answered_its_handshake_and_its_secret_is_rotated() {
    let service = Service::start();
    let [old, new] = [random(32), random(32)];
    for pasted in ["", "short", "with a space in its middle"] {
        let fields = [
            ("provider", b"slack".as_slice()),
            ("id", b"chat"),
            ("secret", pasted.as_bytes()),
        ];
        let answer = service.post("/webhooks", &fields);
        assert_eq!(answer.status, 422, "{pasted}");
        assert!(
            answer.body.contains("id=\"secret-error\""),
            "{}",
            answer.body
        );
    }
    let fields = [
        ("provider", b"slack".as_slice()),
        ("id", b"chat"),
        ("secret", old.as_bytes()),
    ];
    service.post("/webhooks", &fields).leads_to();
    let asked = "{\"type\":\"url_verification\",\"challenge\":\"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P\"}";
    let answer = event(&service, &old, asked);
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body,
        "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"
    );
    assert_eq!(
        answer.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(event(&service, &new, asked).status, 401);
    let page = || service.page("/webhooks/slack:chat");
    assert!(page().contains("Nothing yet"), "a handshake is no delivery");

    let at = revision(&service, "/webhooks/slack:chat");
    let fields = [("revision", at.as_bytes()), ("secret", new.as_bytes())];
    service
        .post("/webhooks/slack:chat/replace", &fields)
        .leads_to();
    assert_eq!(
        service.post("/webhooks/slack:chat/replace", &fields).status,
        409
    );
    assert!(
        page().contains("secret 1 until ") && page().contains("secret 2"),
        "{}",
        page()
    );
    let body = |id: u32, text: &str| {
        format!(
            "{{\"type\":\"event_callback\",\"event_id\":\"Ev{id}\",\"event\":{{\"type\":\"app_mention\",\"text\":\"{text}\"}}}}"
        )
    };
    assert_eq!(event(&service, &old, &body(1, "a")).status, 200);
    assert_eq!(event(&service, &new, &body(2, "a")).status, 200);
    wait_until(|| page().matches("Event app_mention recorded").count() == 2);
    let matched: BTreeSet<_> = rows(&page())
        .iter()
        .map(|row| row.split("class=\"word\">").nth(1).unwrap()[..8].to_owned())
        .collect();
    assert_eq!(
        matched,
        BTreeSet::from(["secret 1".to_owned(), "secret 2".to_owned()])
    );

    // The same id with another body: kept, not handled, until somebody has looked at it.
    assert_eq!(event(&service, &new, &body(2, "b")).status, 200);
    assert!(
        page().contains("conflict: this id came before with another body"),
        "{}",
        page()
    );
    // Its body is sealed anew, and the key it was sealed with destroyed.
    let sealing = || keys_of(&service, "webhook", "active");
    let first = sealing().remove(0);
    crate::service::approved::done(&service, "/keys/rotate-webhooks", &[]);
    wait_until(|| !sealing().contains(&first));
    let press = |what: &str| service.post(&format!("/keys/{first}/{what}"), &[]);
    press("disable").leads_to();
    assert_eq!(press("destroy").status, 422, "rows need it");
    press("enable").leads_to();
    rewrap(&service);
    press("disable").leads_to();
    press("destroy").leads_to();
    assert_eq!(keys_of(&service, "webhook", "destroyed"), [first]);
    assert_eq!(keys_of(&service, "vault", "active").len(), 1);
    let row = page()
        .split("/replay")
        .next()
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    service
        .post(&format!("/webhooks/slack:chat/{row}/replay"), &[])
        .leads_to();
    wait_until(|| page().matches("Event app_mention recorded").count() == 3);
    assert_eq!(count(&service, "webhook.replay"), 2, "intent and outcome");

    let at = revision(&service, "/webhooks/slack:chat");
    service
        .post(
            "/webhooks/slack:chat/delete",
            &[("revision", at.as_bytes())],
        )
        .leads_to();
    assert_eq!(event(&service, &new, asked).status, 401);
}

#[test]
fn a_process_that_dies_after_it_answered_loses_nothing() {
    let service = Service::start();
    let first = github_endpoint(&service);
    let at = revision(&service, "/webhooks/github:deploys");
    let replaced = service.post(
        "/webhooks/github:deploys/replace",
        &[("revision", at.as_bytes())],
    );
    let second = shown_secret(&replaced);
    assert_ne!(first, second);
    for (n, secret) in [&first, &second, &first, &second, &first]
        .into_iter()
        .enumerate()
    {
        let body = push_body(&format!("{n}{n}{n}{n}"), "x");
        assert_eq!(push(&service, secret, &format!("d-{n}"), &body), 200);
    }
    let service = Service::start_in(service.kill());
    let page = || service.page("/webhooks/github:deploys");
    wait_until(|| page().matches("Deployment of acme/shop requested").count() == 5);
    wait_until(|| page().matches("verified, done").count() == 5);
    for n in 0..5 {
        assert_eq!(
            page().matches(&format!("at {n}{n}{n}{n}<")).count(),
            1,
            "{n}"
        );
    }
    assert_eq!(page().matches("class=\"word\">secret 1").count(), 3);
    assert_eq!(page().matches("class=\"word\">secret 2").count(), 2);
}

#[test]
fn forged_deliveries_are_an_anomaly_on_the_page_and_in_the_log() {
    let folder = tempfile::TempDir::new().unwrap();
    let rules = folder.path().join("rules.json");
    let rule = r#"{"kind":"failed-verification","count":3,"seconds":86400,"per":"all"}"#;
    let file = format!("{{\"keyward-alert-rules\":1,\"rules\":[{rule}]}}");
    std::fs::write(&rules, file).unwrap();
    let service = Service::start_with(folder, &alerts_of(&rules));
    let secret = github_endpoint(&service);
    let [marker, forger] = [random(40), random(40)];
    let body = push_body("1a2b", &marker);
    assert_eq!(push(&service, &forger, "d-1", &body), 401);
    assert_eq!(push(&service, &forger, "d-2", &body), 401);
    // In whose log it is reached: the first refusal names its endpoint, a sum of more does not.
    let logs = ["/audit", "/admin/audit"];
    let pages = |service: &Service| logs.map(|path| service.page(path)).concat();
    let told = |page: &str| page.contains("Anomalies since the start");
    wait_until(|| count(&service, "webhook.refuse") > 0);
    assert!(!told(&pages(&service)));
    assert_eq!(push(&service, &forger, "d-3", &body), 401);
    wait_until(|| told(&pages(&service)));
    let page = pages(&service);
    let said = "3 or more failed verifications within 86400 s: <code class=\"wrap\">*</code>";
    assert!(page.contains(said), "{page}");
    let log = service.log();
    let lines = log.lines().filter(|line| line.contains("ANOMALY"));
    let lines: Vec<_> = lines.collect();
    assert_eq!(lines.len(), 1, "{log}");
    let id = "ANOMALY \"failed-verification/3/86400/all/";
    assert!(lines[0].contains(id), "{log}");
    let secrets = [secret, marker, forger];
    let secrets = secrets.each_ref().map(|of| of.as_bytes());
    let (found, _) = Leaks::of(&secrets).found_under(service.root());
    assert!(found.is_empty(), "{found:?}");
    assert!(
        secrets
            .iter()
            .all(|of| !page.contains(std::str::from_utf8(of).unwrap()))
    );
    // Started anew, it looks back, and shows what goes on.
    let service = Service::start_with(service.stop(), &alerts_of(&rules));
    wait_until(|| told(&pages(&service)));
}

fn alerts_of(rules: &std::path::Path) -> [(&str, &str); 1] {
    [("DEPLOYDESK_ALERTS", rules.to_str().unwrap())]
}
