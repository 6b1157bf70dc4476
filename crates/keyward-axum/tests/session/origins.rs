//! What may change something comes from a page of the service.

use keyward_axum::session::WebSessions;
use keyward_axum::{Origins, Referrer, WebGuard};
use keyward_base::ErrorKind;

use crate::client::Client;
use crate::service::{UNAUTHORIZED, start, start_as};

/// The origin of a client's own pages, and the headers of requests that other pages cause.
fn foreign(client: &Client) -> Vec<String> {
    let port = client.to.port();
    vec![
        String::new(),
        "Sec-Fetch-Site: cross-site\nOrigin: http://evil.example\n".to_owned(),
        // Another port of the same host: the same site, with all cookies.
        format!(
            "Sec-Fetch-Site: same-site\nOrigin: http://localhost:{}\n",
            port ^ 1
        ),
        format!("Origin: http://localhost:{}\n", port ^ 1),
        "Sec-Fetch-Site: same-site\n".to_owned(),
        "Sec-Fetch-Site: cross-site\nOrigin: null\n".to_owned(),
        "Origin: null\n".to_owned(),
        format!(
            "Sec-Fetch-Site: cross-site\nOrigin: http://{}\n",
            client.host
        ),
        format!("Origin: https://{}\n", client.host),
        format!("Origin: http://{0}\nOrigin: http://{0}\n", client.host),
        "Sec-Fetch-Site: same-origin\nOrigin: http://evil.example\n".to_owned(),
    ]
}

#[test]
fn a_form_of_another_page_is_refused_with_a_session_and_without() {
    let (to, app) = start();
    let mut user = Client::of(to);
    user.log_in("name=ali");
    let acts = app.acts();
    for headers in foreign(&user) {
        for client in [&user, &Client::of(to)] {
            // To act, to log out, to log in as somebody else; and in a handler that no policy is
            // before, and in one that does not insist on a session.
            for what in [
                "POST /act",
                "PUT /act",
                "POST /logout",
                "POST /login",
                "POST /bare",
                "POST /bare-login",
                "POST /maybe",
            ] {
                let refused = client.send(what, &headers, "name=eve");
                assert_eq!(refused.status, 403, "{what} {headers:?}");
                assert_eq!(refused.body, "Refused.\n", "{what}");
                assert_eq!(refused.header("set-cookie"), None);
            }
        }
    }
    assert_eq!(app.acts(), acts);
    assert_eq!(user.get("/").status, 200);
    // A WebSocket begins with a GET that any page may send.
    let socket = "Connection: upgrade\nUpgrade: websocket\nOrigin: http://evil.example\n";
    for what in ["GET /", "GET /maybe", "GET /act"] {
        assert_eq!(user.send(what, socket, "").status, 403, "{what}");
    }
    assert_eq!(app.acts(), acts);
    // A link of another site is followed, with the session.
    let followed = "Sec-Fetch-Site: cross-site\n";
    assert_eq!(user.send("GET /", followed, "").status, 200);
}

#[test]
fn a_form_of_an_own_page_is_taken() {
    let (to, _) = start();
    let mut user = Client::of(to);
    user.log_in("name=ali");
    for headers in [
        "Sec-Fetch-Site: same-origin\n".to_owned(),
        "Sec-Fetch-Site: same-origin\nOrigin: null\n".to_owned(),
        format!(
            "Sec-Fetch-Site: same-origin\nOrigin: http://{}\n",
            user.host
        ),
        format!("Origin: http://{}\n", user.host),
    ] {
        assert_eq!(
            user.send("POST /bare-login", &headers, "").body,
            "would log in"
        );
        for what in ["POST /act", "PUT /act", "POST /bare"] {
            assert_eq!(
                user.send(what, &headers, "").body,
                "done by ali",
                "{headers}"
            );
        }
    }
}

/// What the guard says of referrers holds for the extractors too.
#[test]
fn a_page_that_says_where_it_is_sends_no_null() {
    let web = |_| WebGuard::new(Origins::loopback()).referrer(Referrer::SameOrigin);
    let (to, _) = start_as("127.0.0.1:0", web, |sessions, web| {
        WebSessions::new(sessions, web).unwrap()
    });
    let mut user = Client::of(to);
    user.log_in("name=ali");
    let null = "Sec-Fetch-Site: same-origin\nOrigin: null\n";
    assert_eq!(user.send("POST /bare", null, "").status, 403);
}

#[test]
fn a_foreign_host_has_no_session() {
    let (to, _) = start();
    let mut user = Client::of(to);
    user.log_in("name=ali");
    user.host = "evil.example".to_owned();
    for what in ["GET /", "GET /maybe", "POST /bare"] {
        let own = "Sec-Fetch-Site: same-origin\n";
        assert_eq!(user.send(what, own, "").status, 421, "{what}");
    }
}

/// A webhook and a page may share a host: what comes to the former is nobody's.
#[test]
fn no_session_reaches_a_machines_route() {
    let (to, app) = start();
    let mut user = Client::of(to);
    user.log_in("name=ali");
    let acts = app.acts();
    let own = "Sec-Fetch-Site: same-origin\n";
    assert_eq!(user.send("GET /maybe", own, "").body, "ali");
    for what in ["GET /hook", "POST /hook"] {
        assert_eq!(user.send(what, own, "").body, "nobody", "{what}");
    }
    assert_eq!(user.send("PUT /hook", own, "").status, UNAUTHORIZED);
    assert_eq!(app.acts(), acts);
}

#[test]
fn sessions_are_not_made_where_no_browser_keeps_them() {
    let (_, app) = start();
    let sessions = app.web.sessions();
    for (origins, fits) in [
        (Origins::loopback(), true),
        (Origins::only(&["http://localhost:8080"]).unwrap(), true),
        (Origins::only(&["https://app.example"]).unwrap(), true),
        (Origins::only(&["http://app.example"]).unwrap(), false),
        (
            Origins::only(&["http://localhost", "http://10.0.0.1"]).unwrap(),
            false,
        ),
    ] {
        let guard = WebGuard::new(origins);
        let made = WebSessions::new(sessions.clone(), &guard);
        assert_eq!(made.is_ok(), fits, "{guard:?}");
        assert!(made.is_ok_and(|_| true) || !fits);
    }
    let guard = WebGuard::new(Origins::only(&["http://app.example"]).unwrap());
    let refused = WebSessions::new(sessions.clone(), &guard).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
}
