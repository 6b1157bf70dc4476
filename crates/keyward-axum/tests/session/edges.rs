//! What a client may do with a method, a header or a cookie that no page of the service does.

use std::fmt::Write as _;

use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse as _;
use keyward_axum::session::WebSessions;
use keyward_axum::{Origins, WebGuard};
use keyward_base::ErrorKind;
use keyward_session::{Cookie, Pending};

use crate::client::Client;
use crate::service::{UNAUTHORIZED, start};

#[test]
fn no_method_and_no_header_that_names_one_comes_around_a_guard() {
    let (to, app) = start();
    let mut user = Client::of(to);
    user.log_in("name=ali");
    let acts = app.acts();
    for what in [
        "HEAD /admin",
        "OPTIONS /admin",
        "TRACE /admin",
        "PROPFIND /admin",
        "HEAD /admin/nothing",
        "GET /admin/",
        "GET //admin",
        "GET /admin/again?/open",
        "GET /%61dmin",
        "GET /admin/%2e%2e/open",
        "GET /open/../admin",
    ] {
        let answer = user.send(what, "Sec-Fetch-Site: same-origin\n", "");
        let refused = [UNAUTHORIZED, 404].contains(&answer.status);
        assert!(refused, "{what}: {}", answer.status);
        assert!(!answer.body.contains("admin root"), "{what}");
    }
    // A method in a header is not the request's, and what another page sends changes nothing.
    for named in [
        "X-HTTP-Method-Override: GET",
        "X-HTTP-Method: GET",
        "X-Method-Override: GET",
    ] {
        for foreign in [
            "Origin: http://evil.example\n",
            "Origin: null\n",
            "Sec-Fetch-Site: cross-site\n",
            "Sec-Fetch-Site: same-site\n",
            "",
        ] {
            let answer = user.send("POST /act?_method=GET", &format!("{named}\n{foreign}"), "");
            assert_eq!(answer.status, 403, "{named} {foreign}");
        }
    }
    assert_eq!(app.acts(), acts);
}

#[test]
fn a_cookie_of_any_size_and_form_is_a_session_or_none_and_costs_no_call() {
    let (to, app) = start();
    let mut user = Client::of(to);
    user.log_in("name=ali");
    let own = user.cookies.clone();
    let (name, token) = own.split_once('=').unwrap();
    let _calls = app.store.take_calls();
    let mut many = String::new();
    for n in 0..800 {
        write!(many, "c{n}=0123456789012345; ").unwrap();
    }
    for cookies in [
        format!("{name}={}", "A".repeat(4096)),
        format!("{many}{own}"),
        format!("{own}; {own}"),
        format!("{own}\nCookie: {own}"),
        format!("{name}=\"{token}\""),
        format!("{name}= {token}"),
        format!("{name} ={token}"),
        format!("a=b;\t{name}={token}"),
        format!("\u{a0}{name}={token}"),
        format!("{}={token}", name.to_ascii_lowercase()),
        format!("{name}={token}\u{e9}"),
        format!("{name}={token},{own}"),
        format!("{name}%3D{token}"),
        format!("={own}"),
        format!("$Version=1; ${own}"),
        format!("{name}={}", token.replace("kws_", "KWS_")),
    ] {
        let answer = user.with(&cookies).get("/");
        assert_eq!(answer.status, UNAUTHORIZED, "{:.60}", cookies);
        assert_eq!(answer.header("set-cookie"), None);
    }
    assert_eq!(app.store.take_calls(), []);
    for cookies in [
        format!("a=b\nCookie: {own}\nCookie: c=\"d; e\""),
        format!("a=\"; {own}; \""),
        format!("  {own};"),
        format!("{}; {own}", "c=d".repeat(1000)),
    ] {
        assert_eq!(user.with(&cookies).get("/").status, 200, "{:.60}", cookies);
    }
}

#[test]
fn an_answer_may_set_several_cookies_and_is_kept_by_no_cache() {
    let (_, app) = start();
    let forgets = app.web.forget::<Pending>().unwrap();
    let keeps = app.web.keep(Cookie::DEVICE, "kwd_AA").unwrap();
    let said = [(CACHE_CONTROL, "public, max-age=60")];
    let answer = (said, forgets, keeps, "").into_response();
    let set: Vec<_> = answer.headers().get_all("set-cookie").iter().collect();
    assert_eq!(set.len(), 2, "{set:?}");
    assert!(set.iter().all(|cookie| cookie.is_sensitive()));
    assert_eq!(answer.headers()[CACHE_CONTROL], "no-store");
}

#[test]
fn a_service_whose_pages_anybody_may_read_on_the_way_has_no_sessions() {
    let (_, app) = start();
    for (origin, fits) in [
        ("http://app.example", false),
        ("https://app.example", true),
        ("http://localhost:8080", true),
    ] {
        let web = WebGuard::new(Origins::only(&[origin]).unwrap());
        let made = WebSessions::new(app.web.sessions().clone(), &web);
        let kind = made.err().map(|e| e.kind());
        assert_eq!(kind, (!fits).then_some(ErrorKind::Misuse), "{origin}");
    }
}
