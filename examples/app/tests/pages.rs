//! What every page and every refusal keeps.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(clippy::arithmetic_side_effects, missing_docs, unreachable_pub)]

mod service;

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use service::{Service, command, random, send};
use tempfile::TempDir;

const PAGES: [&str; 29] = [
    "/",
    "/login",
    "/signup",
    "/sent",
    "/forgot",
    "/account",
    "/devices",
    "/members",
    "/admin",
    "/admin/login",
    "/admin/account",
    "/admin/audit",
    "/overview",
    "/servers",
    "/servers/new",
    "/hosts",
    "/hosts/new",
    "/environments",
    "/environments/new",
    "/deployments",
    "/approvals",
    "/approvals/policy",
    "/admin/approvals",
    "/webhooks",
    "/webhooks/new",
    "/keys",
    "/audit",
    "/style.css",
    "/icon.svg",
];

#[test]
fn every_answer_carries_the_headers_and_no_page_a_script() {
    let service = Service::start();
    let mut answers: Vec<_> = PAGES
        .iter()
        .map(|path| (*path, service.get(path)))
        .collect();
    assert!(answers.iter().all(|(_, answer)| answer.status == 200));
    for path in [
        "/nowhere",
        "/a/b/c/d/e",
        "/servers/none",
        "/keys/rotate",
        "/%00",
        "/servers/%FF",
    ] {
        let answer = service.get(path);
        assert!((400..500).contains(&answer.status), "{path}");
        answers.push((path, answer));
    }
    answers.push(("a refusal", service.post_with("/keys/rotate", "", &[])));
    for (path, answer) in &answers {
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; "), "{path}");
        assert!(
            !policy.contains("script") && !policy.contains("unsafe"),
            "{path}"
        );
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{path}");
        assert_eq!(
            answer.header("referrer-policy"),
            Some("no-referrer"),
            "{path}"
        );
        let stored = if path.contains('.') {
            "public, max-age=300"
        } else {
            "no-store"
        };
        assert_eq!(answer.header("cache-control"), Some(stored), "{path}");
        for forbidden in [
            "<script",
            " style=",
            " onclick",
            "javascript:",
            "http://",
            "https://",
        ] {
            let allowed = forbidden == "http://" && *path == "/icon.svg";
            assert!(
                allowed || !answer.body.contains(forbidden),
                "{path}: {forbidden}"
            );
        }
    }
    for path in &PAGES[..24] {
        let page = service.page(path);
        assert_eq!(page.matches("<h1").count(), 1, "{path}");
    }
}

#[test]
fn a_foreign_page_changes_nothing() {
    let service = Service::start();
    let token = format!("ghp_{}", random(36));
    let fields: [(&str, &[u8]); 3] = [
        ("id", b"acme"),
        ("provider", b"github"),
        ("secret", token.as_bytes()),
    ];
    let own = format!("Origin: http://{}", service.addr);
    for foreign in [
        "",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
        "Origin: null",
        "Origin: http://evil.example",
    ] {
        assert_eq!(
            service.post_with("/hosts", foreign, &fields).status,
            403,
            "{foreign}"
        );
        assert_eq!(
            service.post_with("/keys/rotate", foreign, &[]).status,
            403,
            "{foreign}"
        );
    }
    assert_eq!(service.get("/hosts/github:acme").status, 404);
    assert!(!service.page("/admin/audit").contains("keys.rotate"));
    assert_eq!(service.post_with("/hosts", &own, &fields).status, 303);
    // DNS rebinding: the name is what tells.
    for name in ["evil.example", "127.0.0.1.evil.example"] {
        let head = format!("GET /hosts/github:acme HTTP/1.1\nHost: {name}");
        let answer = send(service.addr, &head, b"");
        assert_eq!(answer.status, 421);
        assert!(!answer.body.contains("ghp_"));
    }
}

#[test]
fn a_name_cannot_become_markup() {
    let service = Service::start();
    let name = "x@<script>alert(1)</script>\" autofocus x='";
    for path in ["/servers", "/hosts", "/environments"] {
        let answer = service.post(path, &[("id", name.as_bytes()), ("secret", b"x")]);
        assert_eq!(answer.status, 422, "{path}");
        assert!(!answer.body.contains("<script") && !answer.body.contains("\" autofocus"));
        assert!(
            answer.body.contains("alert(1)"),
            "the form keeps what is not secret"
        );
    }
    // Words that came by an address, and what did not happen.
    for done in ["deleted", "destroyed", "1", "2", "Call%20me"] {
        for path in ["/servers", "/keys"] {
            let page = service.page(&format!("{path}?done={done}"));
            assert!(!page.contains("role=\"status\""), "{path} {done}");
        }
    }
    let told = service.page("/servers?done=%3Cscript%3E&after=%3Cscript%3E");
    assert!(!told.contains("script"));
    // No record has such a name: a list that began anew would lead whoever follows it round for ever.
    for after in ["%ff", "%20", "", &"a".repeat(129)] {
        let answer = service.get(&format!("/servers?after={after}"));
        assert_eq!(answer.status, 404, "{after}");
    }
}

#[test]
fn refusals_without_end_are_few_lines() {
    let service = Service::start();
    let refused = || {
        let request = "GET /healthz HTTP/1.1\nHost: elsewhere.example";
        assert_eq!(send(service.addr, request, b"").status, 421);
    };
    let lines = || service.log().lines().count();
    let before = lines();
    refused();
    assert_eq!(lines(), before + 1, "{}", service.log());
    (0..40).for_each(|_| refused());
    // Two, should a minute have passed.
    assert!(lines() <= before + 2, "{}", service.log());
    // Another reason has lines of its own.
    let before = lines();
    assert_eq!(service.get("/servers?after=%ff").status, 404);
    assert_eq!(lines(), before + 1, "{}", service.log());
}

#[test]
fn hostile_requests_are_refused_and_survived() {
    let service = Service::start();
    let head = |path: &str, more: &str| {
        format!(
            "POST {path} HTTP/1.1\nHost: {}\n{}\nSec-Fetch-Site: same-origin\n{more}",
            service.addr,
            service.cookies()
        )
    };
    let form = "Content-Type: application/x-www-form-urlencoded";
    let huge = vec![b'a'; 4 * 1024 * 1024];
    let stated = head(
        "/servers",
        &format!("{form}\nContent-Length: {}", huge.len()),
    );
    assert_eq!(send(service.addr, &stated, &huge).status, 413);
    for (body, kind) in [
        ("id=%ZZ", form),
        ("id=a&id=b", form),
        ("--x", "Content-Type: multipart/form-data; boundary=b"),
        (
            "--b\r\n\r\n--b--",
            "Content-Type: multipart/form-data; boundary=b",
        ),
    ] {
        let head = head(
            "/servers",
            &format!("{kind}\nContent-Length: {}", body.len()),
        );
        assert_eq!(
            send(service.addr, &head, body.as_bytes()).status,
            400,
            "{body}"
        );
    }
    let json = head(
        "/servers",
        "Content-Type: application/json\nContent-Length: 2",
    );
    assert_eq!(send(service.addr, &json, b"{}").status, 415);
    for path in [
        "/../../etc/passwd",
        "/servers/..%2f..%2froot",
        "/style.css/../root",
        "//etc/passwd",
        "/data/root",
    ] {
        let answer = service.get(path);
        assert!(answer.status >= 400, "{path}");
        assert!(!answer.body.contains("root:"), "{path}");
    }
    for path in [
        "/keys/nonsense/disable",
        "/keys/0123456789abcdef0/destroy",
        "/servers/none/reveal",
    ] {
        assert_eq!(service.post(path, &[]).status, 404, "{path}");
    }
    // A key that the ring does not have, and the one that seals: said on the page, nothing done.
    assert_eq!(
        service.post("/keys/0123456789abcdef/disable", &[]).status,
        422
    );
    assert_eq!(
        service.get("/audit?before=18446744073709551615").status,
        200
    );
    assert_eq!(service.get("/audit?before=x").status, 400);
    service.page("/");
}

#[test]
fn only_loopback_is_served() {
    let folder = TempDir::new().unwrap();
    let told = |addr: &str| {
        let mut child = command(folder.path(), addr)
            .stderr(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // A line on standard output says that it serves; otherwise it ends.
        let (mut err, mut out) = (String::new(), String::new());
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut out)
            .unwrap();
        if !out.is_empty() {
            child.kill().unwrap();
        }
        assert!(
            !child.wait().unwrap().success() && out.is_empty(),
            "{addr}: {out}"
        );
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut err)
            .unwrap();
        err
    };
    for foreign in [
        "0.0.0.0:0",
        "[::]:0",
        "192.0.2.1:8080",
        "[::ffff:192.0.2.1]:80",
    ] {
        assert!(
            told(foreign).contains("DEPLOYDESK_ADDR must be a loopback address"),
            "{foreign}"
        );
    }
    for nonsense in ["", "localhost", "8080", "127.0.0.1", "127.0.0.1:99999"] {
        assert!(
            told(nonsense).contains("DEPLOYDESK_ADDR must be an address and a port"),
            "{nonsense}"
        );
    }
    let service = Service::start();
    assert!(told(&service.addr.to_string()).contains("DEPLOYDESK_ADDR"));
    // Nothing was made on the way.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn errors_belong_to_their_fields() {
    type Sent = &'static [(&'static str, &'static [u8])];
    let service = Service::start();
    let cases: [(&str, Sent, &str); 12] = [
        ("/servers", &[("id", b"web-1"), ("secret", b"x")], "id"),
        ("/servers", &[("id", b"a@b"), ("secret", b"x")], "secret"),
        (
            "/servers",
            &[("id", b"a@b"), ("secret", b"x"), ("file", b"y")],
            "file",
        ),
        (
            "/hosts",
            &[("id", b"acme"), ("provider", b"none"), ("secret", b"x")],
            "provider",
        ),
        (
            "/hosts",
            &[
                ("id", b"acme"),
                ("provider", b"github"),
                ("secret", b"x"),
                ("expires", b"soon"),
            ],
            "expires",
        ),
        ("/environments", &[("id", b"new"), ("secret", b"A=1")], "id"),
        ("/environments", &[("id", b"."), ("secret", b"A=1")], "id"),
        ("/environments", &[("id", b".."), ("secret", b"A=1")], "id"),
        ("/webhooks", &[("id", b"a"), ("provider", b"x")], "provider"),
        (
            "/webhooks",
            &[("id", b"a/b"), ("provider", b"github")],
            "id",
        ),
        (
            "/webhooks",
            &[("id", b"a"), ("provider", b"slack")],
            "secret",
        ),
        (
            "/webhooks",
            &[("id", b"a"), ("provider", b"github"), ("secret", b"x")],
            "secret",
        ),
    ];
    for (path, fields, field) in cases {
        let page = service.post(path, fields);
        assert_eq!(page.status, 422, "{path} {field}");
        let tag = page.body.split(&format!(" id=\"{field}\"")).nth(1).unwrap();
        let tag = tag.split('>').next().unwrap();
        assert!(
            tag.contains("aria-invalid=\"true\""),
            "{path} {field}: {tag}"
        );
        assert!(tag.contains(&format!("aria-describedby=\"{field}-error")));
        assert!(page.body.contains(&format!("id=\"{field}-error\"")));
        assert!(page.body.contains(&format!("href=\"#{field}\"")));
        assert_eq!(
            page.body.matches("aria-invalid").count(),
            1,
            "{path} {field}"
        );
    }
    // Whatever describes a field is there.
    for path in [
        "/servers/new",
        "/hosts/new",
        "/environments/new",
        "/webhooks/new",
    ] {
        let page = service.page(path);
        for described in page.split("aria-describedby=\"").skip(1) {
            for id in described.split('"').next().unwrap().split(' ') {
                assert!(page.contains(&format!("id=\"{id}\"")), "{path} {id}");
            }
        }
    }
}

#[test]
fn the_audit_page_filters_and_says_who() {
    let service = Service::start();
    for (path, id) in [("/environments", "shop"), ("/environments", "mail")] {
        let fields = [("id", id.as_bytes()), ("secret", b"A=1".as_slice())];
        service.post(path, &fields).leads_to();
    }
    let host = [
        ("id", b"acme".as_slice()),
        ("provider", b"github"),
        ("secret", b"abc"),
    ];
    service.post("/hosts", &host).leads_to();
    service::approved::done(&service, "/keys/rotate", &[]);
    service.post("/environments/none/reveal", &[]);
    let shows = |query: &str| {
        let page = service.page(&format!("/audit?{query}"));
        let table = page.split("<tbody>").nth(1).unwrap_or_default().to_owned();
        [
            "variables shop",
            "variables mail",
            "github:acme",
            "variables none",
        ]
        .map(|event| table.contains(event))
    };
    for all in [
        "",
        &format!("who={}", service.ann()),
        "action=vault",
        "from=1970-01-01T00:00",
        "from=x",
    ] {
        assert_eq!(shows(all), [true; 4], "{all}");
    }
    assert_eq!(shows("section=hosts"), [false, false, true, false]);
    assert_eq!(shows("record=sho"), [true, false, false, false]);
    assert_eq!(shows("ended=bad"), [false, false, false, true]);
    assert_eq!(shows("action=vault.put"), [true, true, true, false]);
    assert_eq!(
        shows("what=vault&section=environments&ended=good"),
        [true, true, false, false]
    );
    for nothing in [
        "what=keys",
        "what=%3Cscript%3E",
        "section=x",
        "ended=x",
        "record=%00",
        "staff=yes",
        "staff=x",
        "who=nobody",
        "action=rotate",
        "from=9999-01-01T00:00",
        "to=1970-01-02T00:00",
    ] {
        assert_eq!(shows(nothing), [false; 4], "{nothing}");
    }
    assert!(
        service
            .page("/admin/audit?what=keys")
            .contains("keys.rotate")
    );
    let page = service.page("/audit?record=%22%3E%3Cscript%3E");
    assert!(!page.contains("<script"));
    assert!(service.page("/audit").contains(&service.ann()));
}

#[test]
fn buttons_that_look_alike_name_what_they_are_for() {
    let service = Service::start();
    for _ in 0..2 {
        let old = service::keys(&service, "active").remove(0);
        service::approved::done(&service, "/keys/rotate", &[]);
        service::wait_until(|| !service::keys(&service, "active").contains(&old));
    }
    let gone = service::keys(&service, "retired").remove(0);
    service
        .post(&format!("/keys/{gone}/disable"), &[])
        .leads_to();
    let page = service.page("/keys");
    let mut names: Vec<String> = ["<button", "<summary"]
        .iter()
        .flat_map(|tag| page.split(tag).skip(1))
        .map(|rest| {
            let inside = rest.split_once('>').unwrap().1;
            let inside = inside.split("</button>").next().unwrap();
            let inside = inside.split("</summary>").next().unwrap();
            inside
                .replace("<span class=\"unseen\">", "")
                .replace("</span>", "")
        })
        .collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert!(count >= 4, "{names:?}");
    assert_eq!(names.len(), count, "{names:?}");
    let said = page.to_lowercase();
    for word in [
        "tombstone",
        "epoch",
        "anchor",
        &*service.root().to_string_lossy().to_lowercase(),
    ] {
        assert!(!said.contains(word), "{word}");
    }
    let words = ["/servers", "/hosts", "/environments", "/overview"].map(|path| service.page(path));
    assert!(
        words
            .iter()
            .all(|page| !page.contains("Put (UTC)") && !page.contains(">Secret<"))
    );
}

#[test]
fn a_probe_needs_no_page_and_brings_no_cookie() {
    let service = Service::start();
    let head = format!(
        "GET /healthz HTTP/1.1\nHost: {}\nOrigin: http://evil.example\nCookie: a=1",
        service.addr
    );
    let answer = send(service.addr, &head, b"");
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok\n"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let refused = service.post_with("/healthz", "Sec-Fetch-Site: cross-site", &[]);
    assert_eq!(
        (refused.status, refused.body.as_str()),
        (405, "That cannot be done here.\n")
    );
}
