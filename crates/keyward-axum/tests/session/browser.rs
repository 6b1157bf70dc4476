//! The same in Chromium.

use std::net::SocketAddr;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use keyward_axum::danger::loopback_cookies;
use keyward_axum::{Origins, WebGuard};
use keyward_testkit::Browser;
use serde_json::{Value, json};

use crate::service::{App, start, start_as};
use crate::web::serve;

/// A page that its owner lets do what it likes, at another origin.
fn elsewhere() -> SocketAddr {
    serve(Router::new().route("/", get(|| async { Html("<p>elsewhere</p>") })))
}

/// Logs in by the form of the page.
fn log_in(browser: &mut Browser, origin: &str, remember: bool) {
    assert_eq!(browser.go(&format!("{origin}/login")), 200);
    let status = browser.leave(&format!(
        "document.forms[0].name.value = 'ali';
         document.forms[0].remember.checked = {remember};
         document.querySelector('button').click()"
    ));
    assert_eq!(
        (status, browser.text().lines().next()),
        (200, Some("hello ali"))
    );
}

/// On this machine, by each name that it has, the cookie is kept with `Secure` and without.
#[test]
fn on_loopback_either_cookie_is_kept() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let (secure, _) = start();
    let make = |sessions, web: &WebGuard| loopback_cookies(sessions, web).unwrap();
    let (plain, _) = start_as("127.0.0.1:0", |_| WebGuard::new(Origins::loopback()), make);
    for (to, kept) in [(secure, "__Host-session"), (plain, "loopback-session")] {
        for host in ["localhost", "127.0.0.1"] {
            log_in(&mut browser, &format!("http://{host}:{}", to.port()), false);
            let cookies = browser.cookies();
            let of_host = |cookie: &&Value| cookie["domain"] == host && cookie["name"] == kept;
            let cookie = cookies.iter().find(of_host).expect(kept);
            assert_eq!(
                cookie["secure"],
                json!(kept.starts_with("__Host-")),
                "{cookie}"
            );
            assert_eq!(cookie["httpOnly"], json!(true), "{cookie}");
        }
    }
    // Ports do not part cookies: both services were sent both.
    assert_eq!(browser.cookies().len(), 4);
}

/// Has the page send a form to `url`, as any page may.
fn form(url: &str) -> String {
    format!(
        "const form = document.createElement('form');
         form.method = 'post'; form.action = '{url}';
         form.innerHTML = '<input name=name value=eve>';
         document.body.append(form); form.submit()"
    )
}

fn only(cookies: &[Value]) -> &Value {
    assert_eq!(cookies.len(), 1, "{cookies:?}");
    &cookies[0]
}

#[test]
fn the_cookie_is_kept_as_it_was_written() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let (to, _) = start();
    let origin = format!("http://localhost:{}", to.port());
    for remember in [true, false] {
        log_in(&mut browser, &origin, remember);
        let cookies = browser.cookies();
        let cookie = only(&cookies);
        for (name, value) in [
            ("name", json!("__Host-session")),
            ("domain", json!("localhost")),
            ("path", json!("/")),
            ("secure", json!(true)),
            ("httpOnly", json!(true)),
            ("sameSite", json!("Lax")),
            ("session", json!(!remember)),
        ] {
            assert_eq!(cookie[name], value, "{cookie}");
        }
        if remember {
            let now = browser.run("Date.now() / 1000").as_f64().unwrap();
            let left = cookie["expires"].as_f64().unwrap() - now;
            let ninety_days = 90.0 * 24.0 * 3600.0;
            assert!(left > ninety_days - 600.0 && left <= ninety_days, "{left}");
        }
        assert_eq!(browser.complaints(), [""; 0]);
        // No script sees it.
        assert_eq!(browser.run("document.cookie"), json!(""));
    }
}

#[test]
fn pages_are_used_without_a_violation_and_log_out_leaves_nothing() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let (to, app) = start();
    let origin = format!("http://localhost:{}", to.port());
    log_in(&mut browser, &origin, true);
    let color = "getComputedStyle(document.querySelector('p')).color";
    assert_eq!(browser.run(color), json!("rgb(0, 128, 0)"));
    browser.run("localStorage.draft = 'secret'");
    assert_eq!(browser.complaints(), [""; 0]);
    let acts = app.acts();
    assert_eq!(
        browser.leave("document.querySelector('button').click()"),
        200
    );
    assert_eq!(
        (browser.text().as_str(), app.acts()),
        ("done by ali", acts + 1)
    );
    assert_eq!(browser.complaints(), [""; 0]);

    browser.go(&origin);
    assert_eq!(browser.leave("document.querySelector('#out').click()"), 200);
    assert_eq!(browser.run("location.pathname"), json!("/login"));
    assert_eq!(browser.cookies().len(), 0);
    assert_eq!(browser.run("localStorage.length"), json!(0));
    assert_eq!(browser.complaints(), [""; 0]);
    assert_eq!(browser.go(&origin), 401);
}

/// The script of a page that slipped past the service's own care does not run.
#[test]
fn a_script_within_a_page_does_not_run() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let (to, _) = start();
    let origin = format!("http://localhost:{}", to.port());
    log_in(&mut browser, &origin, true);
    browser.run(
        "const s = document.createElement('script'); s.textContent = 'window.ran = 1';
         document.body.append(s)",
    );
    assert_eq!(browser.run("typeof window.ran"), json!("undefined"));
    let complaints = browser.complaints();
    assert!(
        complaints.iter().any(|told| told.contains("script-src")),
        "{complaints:?}"
    );
}

#[test]
fn forms_of_other_origins_are_refused() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let (to, app) = start();
    let origin = format!("http://localhost:{}", to.port());
    log_in(&mut browser, &origin, true);
    let kept = browser.cookies();
    let acts = app.acts();
    let other = elsewhere().port();
    for (page, is_same_site) in [
        (format!("http://evil.example:{other}/"), false),
        (format!("http://127.0.0.1:{other}/"), false),
        // Another port of the same host: the same site, so that the cookie goes along.
        (format!("http://localhost:{other}/"), true),
    ] {
        for path in ["/act", "/logout", "/login", "/bare"] {
            browser.go(&page);
            assert_eq!(
                browser.leave(&form(&format!("{origin}{path}"))),
                403,
                "{page} {path}"
            );
            let went = sent_cookie(&mut browser);
            assert_eq!(went, is_same_site, "{page} {path}");
        }
        sandboxed(&mut browser, &page, &origin, &app);
        // A script's request says where it comes from as well, and the answer is not shown to it.
        browser.go(&page);
        let tried = browser.run(&format!(
            "fetch('{origin}/act', {{ method: 'POST', credentials: 'include' }})
                 .then(() => 'read', () => 'refused')"
        ));
        assert_eq!(tried, json!("refused"));
        assert_eq!(
            (app.acts(), browser.cookies()),
            (acts, kept.clone()),
            "{page}"
        );
        // A link is followed as ever.
        assert_eq!(
            browser.leave(&format!("location.href = '{origin}/'")),
            200,
            "{page}"
        );
        assert!(browser.text().starts_with("hello ali"));
    }
}

/// Whether the last request for a page went with the session's cookie.
fn sent_cookie(browser: &mut Browser) -> bool {
    let sent = browser.sent();
    sent.iter()
        .any(|(name, value)| name == "cookie" && value.contains("__Host-session="))
}

/// A form within a sandbox, whose origin is nobody's.
fn sandboxed(browser: &mut Browser, page: &str, origin: &str, app: &App) {
    let acts = app.acts();
    browser.go(page);
    let status = browser.leave(&format!(
        "const frame = document.createElement('iframe');
         frame.sandbox = 'allow-forms allow-scripts allow-top-navigation';
         frame.srcdoc = `<form method=post action='{origin}/act' target=_top></form>
             <script>document.forms[0].submit()</script>`;
         document.body.append(frame)"
    ));
    assert_eq!((status, app.acts()), (403, acts), "{page}");
}
