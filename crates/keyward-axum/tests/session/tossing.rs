//! What a sibling host, which may set cookies for all of the site, can do with them.

use axum::Router;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, HeaderValue};
use axum::routing::get;
use keyward_axum::session::WebSessions;
use keyward_axum::{Origins, WebGuard};
use keyward_testkit::Browser;
use serde_json::json;

use crate::service::start_as;
use crate::web::serve;

/// Sets whatever it is asked to.
async fn toss(RawQuery(query): RawQuery) -> HeaderMap {
    let query = query.unwrap_or_default();
    let cookies = query.split('&').map(|cookie| {
        let bytes = keyward_base::encoding::from_urlencoded(cookie.as_bytes()).unwrap();
        HeaderValue::from_bytes(bytes.expose()).unwrap()
    });
    cookies
        .map(|cookie| ("set-cookie".parse().unwrap(), cookie))
        .collect()
}

#[test]
fn a_sibling_host_cannot_put_a_session_in_the_place_of_another() {
    let sibling = serve(Router::new().route("/", get(toss)));
    let sibling = format!("http://evil.site.localhost:{}", sibling.port());
    // The name of the service, as a proxy with TLS in front would hand it on.
    let web = |to: std::net::SocketAddr| {
        let origin = format!("https://app.site.localhost:{}", to.port());
        WebGuard::new(Origins::only(&[&origin]).unwrap())
    };
    let (to, _) = start_as("127.0.0.1:0", web, |sessions, web| {
        WebSessions::new(sessions, web).unwrap()
    });
    let origin = format!("http://app.site.localhost:{}", to.port());
    let Some(mut browser) = Browser::start() else {
        return;
    };
    assert_eq!(browser.go(&format!("{origin}/login")), 200);
    let status = browser
        .leave("document.forms[0].name.value = 'ali'; document.querySelector('button').click()");
    assert_eq!(
        (status, browser.text().lines().next()),
        (200, Some("hello ali"))
    );
    assert_eq!(browser.cookies().len(), 1);

    // For all of the site, each in its way.
    let rest = "Domain=site.localhost; Path=/; Secure";
    for (tossed, kept) in [
        (format!("__Host-session=evil; {rest}"), false),
        (format!("__HOST-SESSION=evil; {rest}"), false),
        (
            "__Host-session=evil; Domain=site.localhost; Path=/; Secure; HttpOnly".to_owned(),
            false,
        ),
        (format!("=__Host-session=evil; {rest}"), false),
        (format!("__Host-session; {rest}"), false),
        (format!(" __Host-session=evil; {rest}"), false),
        // Names that are others for a browser, and that servers were found to take for ours.
        (format!("\u{2000}__Host-session=evil; {rest}"), true),
        (format!("\u{a0}__Host-session=evil; {rest}"), true),
        (format!("\"__Host-session=evil; {rest}"), true),
        (format!("$Version=1; {rest}"), true),
        (format!("x=\"; {rest}"), true),
        (format!("a,__Host-session=evil; {rest}"), true),
        (format!("session=evil; {rest}"), true),
        (format!("loopback-session=evil; {rest}"), true),
    ] {
        let before = browser.cookies().len();
        let encoded = format!("encodeURIComponent({})", json!(tossed));
        browser.go(&sibling);
        browser.leave(&format!("location.href = '/?' + {encoded}"));
        assert_eq!(browser.cookies().len() > before, kept, "{tossed}");
        assert_eq!(browser.go(&origin), 200, "{tossed}");
        assert!(browser.text().starts_with("hello ali"), "{tossed}");
    }

    // It can have the browser forget ours, by more cookies than it keeps of a site, or send more
    // than the service reads: then nobody is logged in, and nobody else is.
    browser.go(&sibling);
    let many = "'/?' + Array.from({ length: 200 }, (_, n) =>
        encodeURIComponent(`f${n}=${'x'.repeat(200)}; Domain=site.localhost; Path=/; Secure`)
    ).join('&')";
    browser.leave(&format!("location.href = {many}"));
    assert_eq!(browser.go(&origin), 401);
}
