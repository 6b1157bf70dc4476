//! From log-in to log-out, and what is answered without a session.

use std::time::Duration;

use keyward_testkit::Interrupt;

use crate::client::Client;
use crate::service::{DAY, UNAUTHORIZED, start};

/// A cookie's value cut out of what is compared.
fn attributes(set: &str) -> (String, String) {
    let (pair, rest) = set.split_once("; ").unwrap();
    (pair.split_once('=').unwrap().0.to_owned(), rest.to_owned())
}

#[test]
fn a_session_is_set_once_and_cleared_at_log_out() {
    let (to, app) = start();
    let mut user = Client::of(to);
    assert_eq!(user.get("/").status, UNAUTHORIZED);
    let answer = user.log_in("name=ali&remember=on");
    let fixed = "Path=/; Secure; HttpOnly; SameSite=Lax";
    assert_eq!(
        attributes(answer.header("set-cookie").unwrap()),
        ("__Host-session".into(), format!("{fixed}; Max-Age=7776000"))
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("location"), Some("/"));

    // It is renewed meanwhile, which no answer tells.
    for _ in 0..9 {
        app.pass(DAY);
        let home = user.get("/");
        assert_eq!((home.status, home.header("set-cookie")), (200, None));
        assert!(home.body.contains("hello ali"));
    }
    assert_eq!(user.post("/act", "").body, "done by ali");
    let out = user.post("/logout", "");
    assert_eq!((out.status, out.header("location")), (303, Some("/login")));
    let cleared = format!("__Host-session=; {fixed}; Max-Age=0");
    assert_eq!(out.header("set-cookie"), Some(cleared.as_str()));
    assert_eq!(out.header("clear-site-data"), Some("\"storage\""));
    // The row is gone, whatever a client keeps.
    assert_eq!(user.get("/").status, UNAUTHORIZED);
}

#[test]
fn a_session_that_is_not_remembered_goes_with_the_browser() {
    let (to, _) = start();
    let answer = Client::of(to).log_in("name=ali");
    let (_, attributes) = attributes(answer.header("set-cookie").unwrap());
    assert_eq!(attributes, "Path=/; Secure; HttpOnly; SameSite=Lax");
}

/// Of two requests that a browser sent at once the late one has the old id. If its refusal cleared
/// the cookie, the browser would lose the new one.
#[test]
fn a_late_request_with_the_old_id_is_refused_and_keeps_the_cookie() {
    let (to, _) = start();
    let mut user = Client::of(to);
    user.log_in("name=ali");
    let old = user.clone();
    user.log_in("name=ali");
    assert_ne!(old.cookies, user.cookies);
    for late in [old.get("/"), old.post("/act", ""), old.post("/logout", "")] {
        assert_eq!(
            (late.status, late.header("set-cookie")),
            (UNAUTHORIZED, None)
        );
        assert_eq!(late.header("clear-site-data"), None);
    }
    assert_eq!(user.get("/").status, 200);
}

#[test]
fn each_refusal_is_the_same_bytes() {
    let (to, app) = start();
    let mut user = Client::of(to);
    user.log_in("name=ali");
    let ended = user.clone();
    user.log_in("name=ali");
    let token = user.cookies.split_once('=').unwrap().1;
    let last = token.chars().last().unwrap();
    let changed = token.replacen(last, if last == 'A' { "Q" } else { "A" }, 1);
    let answers: Vec<_> = [
        String::new(),
        "theme=dark".to_owned(),
        ended.cookies,
        "__Host-session=".to_owned(),
        "__Host-session=kws_".to_owned(),
        "__Host-session=\u{e9}".to_owned(),
        format!("__Host-session={token}x"),
        format!("__Host-session={changed}"),
        format!("__Host-session={token}; __Host-session={token}"),
        format!("__Host-admin={token}"),
        format!("loopback-session={token}"),
        format!("session={token}"),
        format!("x={}; __Host-session={token}", "y".repeat(16 * 1024)),
    ]
    .iter()
    .map(|cookies| (cookies.clone(), user.with(cookies).get("/")))
    .collect();
    for (cookies, answer) in answers {
        assert_eq!(answer.status, UNAUTHORIZED, "{cookies}");
        assert_eq!(answer.body, "Say who you are first.\n");
        assert_eq!(answer.header("set-cookie"), None);
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge, Some("Cookie realm=\"session\""));
        // Who may be absent, is.
        assert_eq!(
            user.with(&cookies).get("/maybe").body,
            "nobody",
            "{cookies}"
        );
    }
    assert_eq!(user.get("/maybe").body, "ali");
    // Beside cookies of others, in several lines, it is read.
    let line = format!("Cookie: {}\nCookie: b=2\n", user.cookies);
    assert_eq!(user.with("a=\"1").send("GET /maybe", &line, "").body, "ali");
    assert_eq!(app.acts(), 2); // Nothing was done but to log in.
}

#[test]
fn kinds_are_not_taken_for_one_another() {
    let (to, _) = start();
    let mut user = Client::of(to);
    user.log_in("name=ali");
    let mut admin = Client::of(to);
    let set = admin.log_in("name=root&door=admins");
    let (name, attributes) = attributes(set.header("set-cookie").unwrap());
    assert_eq!(name, "__Host-admin");
    assert!(attributes.ends_with("; Max-Age=86400"), "{attributes}");
    let mut pending = Client::of(to);
    pending.log_in("name=ali&door=factor");
    assert!(pending.cookies.starts_with("__Host-pending="));
    let clients = [(&user, "/"), (&admin, "/admin"), (&pending, "/pending")];
    for (client, own) in clients {
        for path in ["/", "/admin", "/pending", "/staff"] {
            let expected = if path == own { 200 } else { UNAUTHORIZED };
            assert_eq!(client.get(path).status, expected, "{path} {own}");
            // Nor under the name of another: the token says what it is.
            for name in [
                "__Host-session",
                "__Host-admin",
                "__Host-pending",
                "__Host-staff",
            ] {
                let token = client.cookies.split_once('=').unwrap().1;
                let renamed = client.with(&format!("{name}={token}"));
                let status = renamed.get(path).status;
                assert!(status == UNAUTHORIZED || client.cookies == renamed.cookies);
            }
        }
    }
    // Both at once: each reads its own.
    let both = user.with(&format!("{}; {}", user.cookies, admin.cookies));
    assert!(both.get("/").body.contains("hello ali"));
    assert_eq!(both.get("/admin").body, "admin root");
    assert_eq!(both.get("/admin/again").body, "root");
}

#[test]
fn an_admins_pages_are_out_of_reach_of_others() {
    let (to, _) = start();
    let mut user = Client::of(to);
    user.log_in("name=ali");
    for path in [
        "/admin",
        "/admin/again",
        "/admin/nothing",
        "/admin/again/deeper",
    ] {
        for client in [&user, &Client::of(to)] {
            let answers = [
                client.get(path),
                client.post(path, ""),
                client.send(
                    &format!("DELETE {path}"),
                    "Sec-Fetch-Site: same-origin\n",
                    "",
                ),
            ];
            for answer in answers {
                assert_eq!(answer.status, UNAUTHORIZED, "{path}");
                assert_eq!(answer.body, "Say who you are first.\n");
            }
        }
    }
    let mut admin = Client::of(to);
    admin.log_in("name=root&door=admins");
    assert_eq!(admin.get("/admin/nothing").body, "an admin's nothing");
}

#[test]
fn staff_have_a_cookie_of_their_own_and_need_a_fresh_admin() {
    let (to, app) = start();
    let mut admin = Client::of(to);
    admin.log_in("name=root&door=admins");
    let form = "name=ali&why=ticket+7";
    let answer = admin.post("/admin/act-as", form);
    let set = answer.header("set-cookie").unwrap();
    let (name, attributes) = attributes(set);
    assert_eq!(name, "__Host-staff");
    let fixed = "Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=3600";
    assert_eq!(attributes, fixed);
    let staff = admin.with(set.split(';').next().unwrap());
    assert_eq!(staff.get("/staff").body, "staff");
    for path in ["/", "/admin", "/pending", "/fresh"] {
        assert_eq!(staff.get(path).status, UNAUTHORIZED, "{path}");
    }
    assert_eq!(staff.post("/admin/act-as", form).status, UNAUTHORIZED);
    app.pass(Duration::from_secs(15 * 60 + 1));
    assert_eq!(admin.post("/admin/act-as", form).status, UNAUTHORIZED);
    assert_eq!(admin.get("/admin").status, 200);
}

#[test]
fn who_logs_headers_logs_no_session() {
    let (to, _) = start();
    let mut user = Client::of(to);
    user.log_in("name=ali");
    let line = format!("Cookie: {}\n", user.cookies);
    let logged = user.send("GET /headers", &line, "").body;
    assert!(
        logged.contains("cookie") && !logged.contains("kws_"),
        "{logged}"
    );
}

/// A guard's check is the handler's: one row and its epochs are read once.
#[test]
fn a_session_behind_a_guard_is_checked_once() {
    let (to, app) = start();
    let mut admin = Client::of(to);
    admin.log_in("name=root&door=admins");
    let mut user = Client::of(to);
    user.log_in("name=ali");
    let cost = |client: &Client, path: &str| {
        app.store.take_calls();
        assert_eq!(client.get(path).status, 200);
        app.store.take_calls()
    };
    let once = cost(&user, "/maybe");
    assert!(!once.is_empty());
    assert_eq!(cost(&admin, "/admin"), once);
    assert_eq!(cost(&admin, "/admin/again"), once);
    // Who has no cookie asks nothing of the store.
    app.store.take_calls();
    Client::of(to).get("/admin");
    user.with("__Host-session=kws_AAAA").get("/");
    assert_eq!(app.store.take_calls(), []);
}

#[test]
fn what_needs_a_fresh_log_in_is_refused_later() {
    let (to, app) = start();
    let mut user = Client::of(to);
    user.log_in("name=ali&remember=on");
    app.pass(Duration::from_secs(15 * 60));
    assert_eq!(user.get("/fresh").body, "fresh");
    app.pass(Duration::from_secs(1));
    let late = user.get("/fresh");
    assert_eq!(
        (late.status, late.header("set-cookie")),
        (UNAUTHORIZED, None)
    );
    assert_eq!(user.get("/").status, 200);
}

#[test]
fn a_store_that_is_down_is_503_and_no_log_out() {
    let (to, app) = start();
    let mut user = Client::of(to);
    user.log_in("name=ali");
    app.store.interrupt(0, Interrupt::DieBefore);
    for path in ["/", "/maybe", "/fresh"] {
        let down = user.get(path);
        assert_eq!(
            (down.status, down.header("retry-after")),
            (503, Some("5")),
            "{path}"
        );
        assert_eq!(down.header("set-cookie"), None);
    }
    let out = user.post("/logout", "");
    assert_eq!((out.status, out.header("set-cookie")), (503, None));
    // Who has no session is told so still.
    assert_eq!(Client::of(to).get("/").status, UNAUTHORIZED);
}
