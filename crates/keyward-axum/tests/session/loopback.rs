//! Cookies without `Secure`, on loopback alone.

use std::net::SocketAddr;

use axum::http::HeaderMap;
use axum::response::IntoResponse as _;
use keyward_axum::danger::loopback_cookies;
use keyward_axum::session::WebSessions;
use keyward_axum::{Origins, WebGuard};
use keyward_base::ErrorKind;
use keyward_session::Cookie;

use crate::client::Client;
use crate::service::{App, UNAUTHORIZED, start, start_as};

fn start_loopback() -> (SocketAddr, App) {
    let web = |_| WebGuard::new(Origins::loopback());
    let make =
        |sessions, web: &WebGuard| -> WebSessions { loopback_cookies(sessions, web).unwrap() };
    start_as("127.0.0.1:0", web, make)
}

#[test]
fn they_have_a_name_of_their_own_and_no_secure() {
    let (to, _) = start_loopback();
    let mut user = Client::of(to);
    let set = user.log_in("name=ali");
    let set = set.header("set-cookie").unwrap();
    assert!(set.starts_with("loopback-session=kws_"), "{set}");
    assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{set}");
    assert_eq!(user.get("/maybe").body, "ali");
    // Neither is read for the other, here and in a service with TLS.
    let token = user.cookies.split_once('=').unwrap().1;
    let secure = user.with(&format!("__Host-session={token}"));
    assert_eq!(secure.get("/").status, UNAUTHORIZED);
    let out = user.post("/logout", "");
    let cleared = "loopback-session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0";
    assert_eq!(out.header("set-cookie"), Some(cleared));
}

#[test]
fn cookies_of_no_session_are_named_alike() {
    for (app, name, rest) in [
        (
            start().1,
            "__Host-device",
            "Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=34560000",
        ),
        (
            start_loopback().1,
            "loopback-device",
            "Path=/; HttpOnly; SameSite=Lax; Max-Age=34560000",
        ),
    ] {
        let set = app.web.keep(Cookie::DEVICE, "kwd_AA").unwrap();
        let answer = (set, "").into_response();
        let expected = format!("{name}=kwd_AA; {rest}");
        assert_eq!(answer.headers()["set-cookie"], expected.as_str());
        let mut sent = HeaderMap::new();
        assert_eq!(app.web.read(&sent, Cookie::DEVICE), None);
        sent.insert("cookie", format!("{name}=kwd_AA; a=b").parse().unwrap());
        assert_eq!(app.web.read(&sent, Cookie::DEVICE), Some("kwd_AA"));
        assert_eq!(app.web.read(&sent, Cookie::ADMIN_DEVICE), None);
        sent.append("cookie", format!("{name}=kwd_BB").parse().unwrap());
        assert_eq!(app.web.read(&sent, Cookie::DEVICE), None);
    }
}

#[test]
fn who_may_be_elsewhere_has_no_session_there() {
    let (to, _) = start_loopback();
    let mut user = Client::of(to);
    user.log_in("name=ali");
    for forwarded in [
        "Via: 1.1 proxy",
        "X-Forwarded-For: 127.0.0.1",
        "Forwarded: for=_x",
        "X-Real-IP: ::1",
    ] {
        for what in ["GET /", "GET /maybe", "POST /act", "POST /login"] {
            let headers = format!("Sec-Fetch-Site: same-origin\n{forwarded}\n");
            let refused = user.send(what, &headers, "name=eve");
            assert_eq!(refused.status, 403, "{what} {forwarded}");
            assert_eq!(refused.header("set-cookie"), None);
        }
    }
    user.host = "app.example".to_owned();
    assert_eq!(user.get("/").status, 421);
}

#[test]
fn a_service_that_is_elsewhere_has_none() {
    let (_, app) = start();
    for origins in [
        Origins::only(&["https://app.example"]).unwrap(),
        Origins::only(&["http://app.example"]).unwrap(),
        Origins::only(&["http://localhost:1", "http://app.example"]).unwrap(),
    ] {
        let refused = loopback_cookies(app.web.sessions().clone(), &WebGuard::new(origins));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Misuse);
    }
}
