//! Which links are good, and that to open one decides nothing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use keyward_approval::gate::What;
use keyward_approval::{Ballot, State};
use keyward_axum::approval::{ApprovalPages, Names};
use keyward_axum::content::{ContentPolicy, Directive, Source};
use keyward_axum::{Origins, Referrer, RoutePolicy, WebGuard};
use keyward_base::{BoxFuture, ErrorKind, Result, Subject, Tenant};
use secrecy::ExposeSecret as _;

use crate::service::{Service, acme};

#[test]
fn a_page_shows_what_would_be_done_and_is_kept_by_nobody() {
    let service = Service::start();
    let hostile = "old<script>alert(1)</script> \u{202e}gnp.exe</dl><form action=//evil.example>";
    let gate = service.ask("server.stop", hostile);
    let mailed = service.link(gate, None);
    let page = service.open(&mailed, "");
    let (answer, body) = (&page.answer, &page.answer.body);
    assert_eq!(answer.status, 200);
    for part in [
        "server.stop",
        "&#34;web-1&#34;",
        "agent-7",
        "the requester&#39;s own words, which nobody checked",
        "\\u{202e}gnp.exe",
        "<dt>Rule</dt><dd>holder</dd>",
        "0 so far, of 1 that it takes",
        "<dd>once</dd>",
        "2026-01-02T00:00:00Z",
        "name=\"viewport\"",
    ] {
        assert!(body.contains(part), "{part}\n{body}");
    }
    for part in [
        "<script",
        "//evil.example>",
        "http:",
        "https:",
        &mailed.code,
    ] {
        assert!(!body.contains(part), "{part}\n{body}");
    }
    assert_eq!(body.matches("<form").count(), 1);
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let robots = answer.header("x-robots-tag").unwrap();
    assert!(robots.contains("noindex"));
    let content = answer.header("content-security-policy").unwrap();
    assert!(!content.contains("http") && !content.contains("unsafe"));
    assert!(!content.contains("script-src") && content.starts_with("default-src 'none'"));
    let cookie = answer.header("set-cookie").unwrap();
    assert!(
        cookie.starts_with(&format!("approval-{gate}-0=")),
        "{cookie}"
    );
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict; Max-Age=3600"));
}

/// What the people of acme are called; agents are none of them.
#[derive(Debug)]
struct Called;

impl Names for Called {
    fn name<'a>(
        &'a self,
        tenant: &'a Tenant,
        subject: &'a Subject,
    ) -> BoxFuture<'a, Result<Option<String>>> {
        let known = *tenant == acme() && !subject.as_str().starts_with("agent");
        let name = known.then(|| format!("{subject}\u{202e}</dd><b>@example.com"));
        Box::pin(std::future::ready(Ok(name)))
    }
}

#[test]
fn people_are_shown_as_the_service_calls_them() {
    let service = Service::with(|pages| pages.names(Arc::new(Called)));
    let bob = service.sign_in("bob");
    let mailed = service.mailed("server.delete", Some("bob"));
    let body = service.open(&mailed, &bob).answer.body;
    let name = |of: &str| format!("<bdi>{of}\\u{{202e}}&#60;/dd&#62;&#60;b&#62;@example.com</bdi>");
    let owner = format!("<dt>Whose program it is</dt><dd>{}</dd>", name("ada"));
    assert!(body.contains(&owner), "{body}");
    let him = format!("signed in as <strong>{}</strong>", name("bob"));
    assert!(body.contains(&him), "{body}");
    // Who is called nothing is who the action says he is.
    assert!(!body.contains("<dt>Who asks</dt>") && body.contains("agent-7"));
    assert!(!body.contains('\u{202e}') && !body.contains("<b>"));
}

/// Opened a thousand times, by scanners of all sorts, it is what it was.
#[test]
fn a_thousand_fetches_are_recorded_once_and_decide_nothing() {
    let service = Service::start();
    let mailed = service.mailed("server.stop", None);
    let fence = service.shown(mailed.gate).fence();
    let query = format!("?token={}", mailed.token);
    std::thread::scope(|scope| {
        for n in 0..8 {
            let (service, query) = (&service, &query);
            let (to, host) = (service.to, format!("localhost:{}", service.to.port()));
            scope.spawn(move || {
                for _ in 0..125 {
                    let method = if n % 2 == 0 { "GET" } else { "HEAD" };
                    let head = format!("{method} /approvals/acme{query} HTTP/1.1\nHost: {host}");
                    assert_eq!(crate::web::send(to, &head, b"").status, 200);
                }
            });
        }
    });
    assert_eq!(service.count(mailed.gate, What::Fetched), 1);
    assert_eq!(service.state(mailed.gate), State::Pending);
    assert_eq!(service.shown(mailed.gate).votes().len(), 0);
    assert_eq!(service.shown(mailed.gate).fence(), fence + 1);
    let tagged = format!("{query}&utm_source=mail");
    assert_eq!(service.ask_for("GET", &tagged, "").status, 200);
}

#[test]
fn one_page_answers_every_link_that_is_not_good() {
    let service = Service::start();
    let other = Service::start();
    let good = service.mailed("server.stop", None);
    let mut bad = vec![
        String::new(),
        "?token=".to_owned(),
        format!("?token={}&token={}", good.token, good.token),
        format!("?token=kws_{}", &good.token[4..]),
        format!("?token={}A", good.token),
        format!("?token={}", &good.token[..good.token.len() - 1]),
        format!("?token={}", "a".repeat(4_000)),
        "?token=%ff".to_owned(),
        // Of another ring.
        format!("?token={}", other.mailed("server.stop", None).token),
    ];
    // Each character of it, changed.
    for at in 4..good.token.len() {
        let other = if good.token.as_bytes()[at] == b'A' {
            "B"
        } else {
            "A"
        };
        let mut text = good.token.clone();
        text.replace_range(at..=at, other);
        bad.push(format!("?token={text}"));
    }
    // Refused without a look at the store; but for the time and the ring's key, which the token names.
    service.store.take();
    for query in &bad {
        service.ask_for("GET", query, "");
    }
    assert_eq!(service.store.take(), [""; 0]);
    let tenant = acme();
    let killed = service.mailed("server.stop", None);
    let killing = service.gates.kill_link(&tenant, killed.gate, 0);
    service.runtime.block_on(killing).unwrap();
    let denied = service.mailed("server.stop", None);
    service.vote(denied.gate, "bob", Ballot::deny("no"));
    let used = service.mailed("server.stop", None);
    let code = used.code.as_str();
    let answer = service.answer(&used, "", &[("decision", "approve"), ("code", code)]);
    assert_eq!(answer.status, 200);
    // To a gate that has another action than the one it was made for.
    let (one, other) = (
        service.ask("server.stop", "one"),
        service.ask("server.stop", "two"),
    );
    let letter = service.letter_about(one, None, other);
    bad.push(format!("?token={}", letter.link().expose()));
    for over in [&killed, &denied, &used] {
        bad.push(format!("?token={}", over.token));
    }
    let bodies: BTreeSet<String> = bad
        .iter()
        .map(|query| {
            let answer = service.ask_for("GET", query, "");
            assert_eq!(answer.status, 404, "{query}");
            assert_eq!(answer.header("set-cookie"), None, "{query}");
            assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
            answer.body
        })
        .collect();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    // At another tenant's page, at none's, and sent by a form.
    let query = format!("?token={}", good.token);
    for path in ["/approvals/globex", "/approvals/%20", "/approvals/%FF"] {
        let answer = service.ask_at("GET", path, &query, "");
        assert_eq!(
            (answer.status, bodies.contains(&answer.body)),
            (404, true),
            "{path}"
        );
    }
    let answer = service.send(&[("token", &killed.token), ("decision", "approve")], "a=b");
    assert_eq!((answer.status, bodies.contains(&answer.body)), (404, true));
    // Its time is over; until the last second it is good.
    let day = Duration::from_secs(24 * 60 * 60);
    service.pass(day - Duration::from_secs(1));
    assert_eq!(service.ask_for("GET", &query, "").status, 200);
    service.pass(Duration::from_secs(1));
    let answer = service.ask_for("GET", &query, "");
    assert_eq!((answer.status, bodies.contains(&answer.body)), (404, true));
}

#[test]
fn letters_lead_to_where_the_pages_are() {
    let service = Service::start();
    let (gate, page) = (service.ask("server.stop", "it is old"), &service.page);
    assert_eq!(
        *page,
        format!("http://localhost:{}/approvals/acme", service.to.port())
    );
    let letter = service.letter(gate, None);
    let url = letter.link().on(page).unwrap();
    let path = url
        .expose_secret()
        .strip_prefix("http://localhost:")
        .unwrap();
    let query = path.split_once('?').unwrap().1;
    assert_eq!(service.ask_for("GET", &format!("?{query}"), "").status, 200);
    let (tell, told) = std::sync::mpsc::channel();
    let of = |name: &str| Tenant::new(name).unwrap();
    Service::with(move |pages| {
        for name in ["a/b?c#d%e@f", "a.b", ".", ".."] {
            tell.send(pages.page(&of(name)).ok()).unwrap();
        }
        pages
    });
    let first = told.recv().unwrap().unwrap();
    assert!(
        first.ends_with("/approvals/a%2Fb%3Fc%23d%25e%40f"),
        "{first}"
    );
    assert!(told.recv().unwrap().unwrap().ends_with("/approvals/a.b"));
    assert_eq!((told.recv().unwrap(), told.recv().unwrap()), (None, None));
}

#[test]
fn pages_are_made_where_their_links_are_safe() {
    let service = Service::start();
    let make = |guard: &WebGuard, address: &str| {
        let (gates, links) = (service.gates.clone(), service.links.clone());
        ApprovalPages::new(gates, links, guard, address).map(|pages| pages.path().to_owned())
    };
    let of = |origins: &[&str]| WebGuard::new(Origins::only(origins).unwrap());
    let tls = of(&["https://app.example.com", "https://app.example.com:8443"]);
    assert_eq!(
        make(&tls, "https://app.example.com/approvals").unwrap(),
        "/approvals"
    );
    assert_eq!(
        make(&tls, "https://app.example.com:8443/a/b").unwrap(),
        "/a/b"
    );
    for address in [
        "http://app.example.com/approvals",
        "https://app.example.com",
        "https://app.example.com/",
        "https://app.example.com/approvals/",
        "https://app.example.com/approvals?a=b",
        "https://app.example.com/{all}",
        "https://app.example.com:444/approvals",
        "https://evil.example/approvals",
        "https://app.example.com@evil.example/approvals",
        "approvals",
    ] {
        assert_eq!(
            make(&tls, address).unwrap_err().kind(),
            ErrorKind::Misuse,
            "{address}"
        );
    }
    let plain = of(&["http://app.example.com"]);
    assert!(make(&plain, "http://app.example.com/approvals").is_err());
    let told = tls.clone().referrer(Referrer::SameOrigin);
    assert!(make(&told, "https://app.example.com/approvals").is_err());
    // Who signs in does so here, whatever a browser leaves out of an address.
    let (gates, links) = (service.gates.clone(), service.links.clone());
    let pages = ApprovalPages::new(gates, links, &tls, "https://app.example.com/approvals");
    let pages = pages.unwrap();
    assert!(pages.clone().sign_in("/login?to=/inbox").is_ok());
    for path in [
        "",
        "login",
        "//evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r\n/evil.example",
        "https://evil.example",
        "/log in",
        "/l\u{f6}gin",
    ] {
        let refused = pages.clone().sign_in(path);
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Misuse, "{path:?}");
    }
}

/// Where the routes around it may load from elsewhere and be listed, this page may not: nor may a layout
/// of the application's own change that.
#[test]
fn headers_stand_over_those_of_a_looser_policy() {
    let service = Service::mounted(
        |pages| {
            pages.layout(|of| {
                format!(
                    "<title>{0}</title><style>{1}</style>{2}",
                    of.title, of.style, of.body
                )
            })
        },
        |guard, routes| {
            let cdn = Source::origin("https://cdn.example.com").unwrap();
            let loose = ContentPolicy::strict().allow(Directive::Script, cdn);
            let guard = guard.clone().content(loose).referrer(Referrer::SameOrigin);
            routes.layer(RoutePolicy::pages(&guard))
        },
    );
    let mailed = service.mailed("server.stop", None);
    let page = service.open(&mailed, "");
    assert!(
        page.answer
            .body
            .starts_with("<title>An approval is asked of you</title><style>body")
    );
    service.store.set_down(true);
    let down = service.open(&mailed, "").answer;
    service.store.set_down(false);
    assert_eq!(down.status, 503);
    let dead = service.ask_for("GET", "?token=x", "");
    for answer in [&page.answer, &down, &dead] {
        let content = answer.header("content-security-policy").unwrap();
        assert!(
            !content.contains("cdn") && content.contains("sha256-"),
            "{content}"
        );
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(answer.header("x-robots-tag").is_some());
    }
}

/// Over TLS the cookie is kept for this host alone, and goes nowhere else.
#[test]
fn over_tls_the_cookie_is_of_the_host_alone() {
    let service = Service::start();
    let guard = WebGuard::new(Origins::only(&["https://app.example.com"]).unwrap());
    let (gates, links) = (service.gates.clone(), service.links.clone());
    let address = "https://app.example.com/approvals";
    let pages = ApprovalPages::new(gates, links, &guard, address).unwrap();
    let mailed = service.mailed("server.stop", None);
    let uri = format!("/approvals/acme?token={}", mailed.token);
    let head = http::Request::builder()
        .uri(uri)
        .header("host", "app.example.com");
    let (head, ()) = head.body(()).unwrap().into_parts();
    let tenant = acme();
    let answer = service.runtime.block_on(pages.open(&tenant, &head));
    assert_eq!(answer.status(), 200);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    let (pair, rest) = cookie.split_once("; ").unwrap();
    assert_eq!(
        rest,
        "Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=3600"
    );
    let name = format!("__Host-approval-{}-0=", mailed.gate);
    let mark = pair.strip_prefix(&name).unwrap();
    assert_eq!(mark.len(), 75);
    assert!(answer.headers().contains_key("strict-transport-security"));
    // And it is read by that name.
    let page = std::str::from_utf8(answer.body()).unwrap();
    assert!(page.contains(mark));
    let post = http::Request::post("/approvals/acme").header("host", "app.example.com");
    let post = post
        .header("origin", "https://app.example.com")
        .header("cookie", pair)
        .header("content-type", "application/x-www-form-urlencoded");
    let (head, ()) = post.body(()).unwrap().into_parts();
    let body = format!(
        "token={}&mark={mark}&decision=approve&code={}",
        mailed.token, mailed.code
    );
    let answer = service
        .runtime
        .block_on(pages.decide(&tenant, &head, body.as_bytes()));
    assert_eq!(
        (answer.status().as_u16(), service.state(mailed.gate)),
        (200, State::Approved)
    );
}
