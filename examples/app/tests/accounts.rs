//! Accounts, sessions and mail, over plain HTTP.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(clippy::arithmetic_side_effects, missing_docs, unreachable_pub)]

mod service;

use service::browser::{
    ADMIN, ANN, Browser, PASSWORD, action, admin, ann, hidden, link_to, logged_in, outbox, path_of,
    set_password, sign_up,
};
use service::{Answer, Service, entries, send, wait_until};

const BOB: &str = "bob@example.com";
const OTHER: &str = "nine grey herons above a frozen canal";

/// Bob's own browser and organisation.
fn bob(service: &Service) -> Browser {
    sign_up(service, BOB, PASSWORD);
    logged_in(service, BOB)
}

fn set(browser: &mut Browser, id: &str) {
    let fields = [("id", id.as_bytes()), ("secret", b"A=1".as_slice())];
    browser.post("/environments", &fields).leads_to();
}

/// Status and what a browser is told that is not of the moment.
fn told(answer: &Answer) -> (u16, String, Vec<(String, String)>) {
    let mut headers = answer.headers.clone();
    headers.retain(|(name, _)| name != "date" && name != "x-request-id");
    (answer.status, answer.body.clone(), headers)
}

#[test]
fn each_form_answers_as_it_is_written() {
    let service = Service::start();
    let mut browser = Browser::new(&service);
    let post = |browser: &mut Browser, path: &str, fields: &[(&str, &str)]| {
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, text)| (*name, text.as_bytes()))
            .collect();
        browser.post(path, &fields)
    };
    // Sign-up and forgot lead on, whoever exists.
    assert_eq!(
        post(&mut browser, "/signup", &[("email", ANN)]).leads_to(),
        "/sent"
    );
    assert_eq!(
        post(&mut browser, "/forgot", &[("email", ANN)]).leads_to(),
        "/sent"
    );
    assert_eq!(post(&mut browser, "/signup", &[("email", "x")]).status, 422);
    let path = link_to(&service, ANN, 1);
    let token = hidden(&browser.page(&path), "token");
    let short = [("token", token.as_str()), ("password", "short")];
    let again = post(&mut browser, "/password", &short);
    assert_eq!(again.status, 422);
    assert!(again.body.contains("15 characters") && again.body.contains(&token));
    let set = [("token", token.as_str()), ("password", PASSWORD)];
    assert_eq!(post(&mut browser, "/password", &set).leads_to(), "/login");
    let spent = post(&mut browser, "/password", &set);
    assert_eq!(spent.status, 401);
    assert!(spent.header("www-authenticate").is_some());
    for token in [
        "",
        "x",
        &token.replace("kwm_", "kws_"),
        &format!("{token}A"),
    ] {
        let fields = [("token", token), ("password", PASSWORD)];
        assert_eq!(
            post(&mut browser, "/password", &fields).status,
            401,
            "{token}"
        );
        assert_eq!(browser.get(&format!("/password?token={token}")).status, 404);
    }
    // One answer for all that is wrong.
    let wrong = post(
        &mut browser,
        "/login",
        &[("email", ANN), ("password", OTHER)],
    );
    assert_eq!(wrong.status, 401);
    assert!(wrong.header("www-authenticate").is_some() && wrong.header("set-cookie").is_none());
    for (email, password) in [
        (BOB, PASSWORD),
        (ANN, ""),
        ("", PASSWORD),
        ("no address", PASSWORD),
        (ANN, &"a".repeat(5000)),
        (ANN, &format!("{PASSWORD}\0")),
    ] {
        let fields = [("email", email), ("password", password)];
        let refused = post(&mut browser, "/login", &fields);
        assert_eq!(told(&refused), told(&wrong), "{email}");
    }
    // From elsewhere nothing is done, however right it is.
    let fields = [("email", ANN.as_bytes()), ("password", PASSWORD.as_bytes())];
    for foreign in [
        "",
        "Sec-Fetch-Site: cross-site",
        "Origin: http://evil.example",
        "Origin: null",
    ] {
        for path in [
            "/login",
            "/signup",
            "/forgot",
            "/password",
            "/logout",
            "/admin/login",
        ] {
            let answer = browser.post_with(path, foreign, &fields);
            assert_eq!(answer.status, 403, "{path} {foreign}");
            assert!(answer.header("set-cookie").is_none());
        }
    }
    let in_ = post(
        &mut browser,
        "/login",
        &[("email", " Ann@Example.COM "), ("password", PASSWORD)],
    );
    assert_eq!(in_.leads_to(), "/overview");
    let cookies: Vec<_> = in_
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie")
        .collect();
    assert!(
        cookies
            .iter()
            .all(|(_, line)| line.contains("; HttpOnly; SameSite=Lax"))
    );
    // Not to be remembered: it goes with the browser.
    let session = cookies
        .iter()
        .find(|(_, line)| line.contains("session="))
        .unwrap();
    assert!(!session.1.contains("Max-Age"), "{session:?}");
    assert_eq!(post(&mut browser, "/logout", &[]).leads_to(), "/");
    assert_eq!(browser.get("/overview").status, 401);
    // Ten that failed, and the eleventh is not looked at, be it right.
    let mut last = 0;
    for _ in 0..12 {
        last = post(
            &mut browser,
            "/login",
            &[("email", BOB), ("password", OTHER)],
        )
        .status;
    }
    assert_eq!(last, 429);
    let blocked = post(
        &mut browser,
        "/login",
        &[("email", BOB), ("password", PASSWORD)],
    );
    let wait: u64 = blocked.header("retry-after").unwrap().parse().unwrap();
    assert!(blocked.status == 429 && (1..=900).contains(&wait));
    assert!(!service.log().contains(PASSWORD) && !service.log().contains(&token));
}

#[test]
fn who_exists_is_not_told() {
    let service = Service::start();
    ann(&service);
    let answers = |path: &str| {
        [ANN, "nobody@example.com"].map(|email| {
            let mut browser = Browser::new(&service);
            told(&browser.post(path, &[("email", email.as_bytes())]))
        })
    };
    for path in ["/signup", "/forgot"] {
        let [known, unknown] = answers(path);
        assert_eq!(known, unknown, "{path}");
        assert_eq!(known.0, 303);
    }
    // What is mailed differs, and goes to whoever has the mailbox.
    let to = |email: &str| {
        let mails = outbox(&service).into_iter();
        mails.filter(|mail| mail.to == email).collect::<Vec<_>>()
    };
    wait_until(|| {
        to("nobody@example.com").len() >= 2
            && to(ANN).iter().any(|mail| mail.subject.contains("already"))
    });
    let already = to(ANN)
        .into_iter()
        .find(|mail| mail.subject.contains("already"));
    // So that a stranger who uses up her three an hour keeps her from nothing.
    let links = already.unwrap().links;
    assert!(matches!(&links[..], [link] if link.contains("/password?token=")));
    let none = to("nobody@example.com");
    assert!(
        none.iter()
            .any(|mail| mail.subject.contains("no account") && mail.links.is_empty())
    );
    // Three an hour to one address, whatever is asked.
    for _ in 0..4 {
        let mut browser = Browser::new(&service);
        browser
            .post("/forgot", &[("email", BOB.as_bytes())])
            .leads_to();
    }
    let mut browser = Browser::new(&service);
    browser
        .post("/forgot", &[("email", b"last@example.com")])
        .leads_to();
    wait_until(|| !to("last@example.com").is_empty());
    assert_eq!(to(BOB).len(), 3);
}

#[test]
fn a_log_out_ends_this_browser_alone_and_at_once() {
    let service = Service::start();
    let mut one = ann(&service).browser;
    let two = logged_in(&service, ANN);
    let copy = one.clone();
    assert_eq!(one.get("/overview").status, 200);
    let out = one.post("/logout", &[]);
    assert_eq!(out.leads_to(), "/");
    assert!(one.cookie("loopback-session").is_none());
    assert_eq!(
        copy.get("/overview").status,
        401,
        "what was copied is of no use"
    );
    assert_eq!(two.get("/overview").status, 200);
    // Late with a cookie that has ended: refused, and the cookie is left alone.
    let late = copy.get("/account");
    assert!(late.status == 401 && late.header("set-cookie").is_none());
    assert_eq!(copy.clone().post("/logout", &[]).status, 303);
    // A new log-in in the same browser ends the session before, and has another id.
    let mut browser = two;
    let former = browser.clone();
    browser.log_in("/login", ANN, PASSWORD).leads_to();
    assert_ne!(
        browser.cookie("loopback-session"),
        former.cookie("loopback-session")
    );
    assert_eq!(former.get("/overview").status, 401);
    assert_eq!(browser.get("/overview").status, 200);
}

#[test]
fn a_changed_password_ends_every_other_session() {
    let service = Service::start();
    let mut browser = ann(&service).browser;
    let elsewhere = logged_in(&service, ANN);
    let mut change = |current: &str, new: &str| {
        let fields = [
            ("current", current.as_bytes()),
            ("password", new.as_bytes()),
        ];
        browser.post("/account/password", &fields)
    };
    assert_eq!(
        change(OTHER, OTHER).status,
        401,
        "the current one is asked for"
    );
    assert_eq!(change(PASSWORD, "short").status, 422);
    assert_eq!(elsewhere.get("/overview").status, 200);
    assert_eq!(change(PASSWORD, OTHER).leads_to(), "/account");
    assert_eq!(browser.get("/overview").status, 200, "this browser goes on");
    assert_eq!(elsewhere.get("/overview").status, 401);
    let mut again = Browser::new(&service);
    assert_eq!(again.log_in("/login", ANN, PASSWORD).status, 401);
    again.log_in("/login", ANN, OTHER).leads_to();
    wait_until(|| {
        outbox(&service)
            .iter()
            .any(|mail| mail.to == ANN && mail.subject.contains("password was changed"))
    });
}

#[test]
fn a_forgotten_password_is_set_by_a_link_once() {
    let service = Service::start();
    let browser = ann(&service).browser;
    let mut stranger = Browser::new(&service);
    stranger
        .post("/forgot", &[("email", ANN.as_bytes())])
        .leads_to();
    stranger
        .post("/forgot", &[("email", ANN.as_bytes())])
        .leads_to();
    let second = link_to(&service, ANN, 3);
    let mails = outbox(&service);
    let links: Vec<_> = mails
        .iter()
        .filter(|mail| mail.to == ANN && !mail.links.is_empty())
        .collect();
    let first = path_of(&links[1].links[0]);
    // To look at it uses nothing up, and changes nothing.
    for _ in 0..3 {
        let page = Browser::new(&service).get(&first);
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert!(page.body.contains(ANN), "it names the account");
    }
    assert_eq!(browser.get("/overview").status, 200);
    set_password(&service, &first, OTHER);
    assert_eq!(
        browser.get("/overview").status,
        401,
        "every session has ended"
    );
    for path in [&first, &second] {
        assert_eq!(
            Browser::new(&service).get(path).status,
            404,
            "used, or void"
        );
    }
    let mut again = Browser::new(&service);
    assert_eq!(again.log_in("/login", ANN, PASSWORD).status, 401);
    again.log_in("/login", ANN, OTHER).leads_to();
    // A link that logs in does so once, and starts no more than that.
    again
        .post("/forgot", &[("email", BOB.as_bytes()), ("how", b"enter")])
        .leads_to();
    sign_up(&service, BOB, PASSWORD);
    again
        .post("/forgot", &[("email", BOB.as_bytes()), ("how", b"enter")])
        .leads_to();
    let path = link_to(&service, BOB, 2);
    let mut browser = Browser::new(&service);
    let page = browser.page(&path);
    assert!(page.contains(BOB) && action(&page) == "/enter");
    let token = hidden(&page, "token");
    browser
        .post("/enter", &[("token", token.as_bytes())])
        .leads_to();
    assert!(browser.page("/account").contains(BOB));
    assert_eq!(browser.get("/admin").status, 401);
    let mut late = Browser::new(&service);
    assert_eq!(
        late.post("/enter", &[("token", token.as_bytes())]).status,
        401
    );
}

#[test]
fn an_address_changes_once_the_new_mailbox_is_shown() {
    let service = Service::start();
    let mut browser = ann(&service).browser;
    let new = "ann.new@example.com";
    let change = |browser: &mut Browser, current: &str| {
        let fields = [("current", current.as_bytes()), ("email", new.as_bytes())];
        browser.post("/account/email", &fields)
    };
    assert_eq!(change(&mut browser, OTHER).status, 401);
    change(&mut browser, PASSWORD).leads_to();
    let path = link_to(&service, new, 1);
    assert!(
        browser
            .page("/account")
            .contains(&format!("<dd>{ANN}</dd>")),
        "not before"
    );
    let page = browser.page(&path);
    assert_eq!(action(&page), "/email");
    let token = hidden(&page, "token");
    let mut anywhere = Browser::new(&service);
    anywhere
        .post("/email", &[("token", token.as_bytes())])
        .leads_to();
    assert!(
        browser
            .page("/account")
            .contains(&format!("<dd>{new}</dd>"))
    );
    let mut again = Browser::new(&service);
    assert_eq!(again.log_in("/login", ANN, PASSWORD).status, 401);
    again.log_in("/login", new, PASSWORD).leads_to();
    wait_until(|| {
        outbox(&service)
            .iter()
            .any(|mail| mail.to == ANN && mail.subject.contains("was changed"))
    });
}

#[test]
fn tenants_see_nothing_of_each_other() {
    let service = Service::start();
    let mut hers = ann(&service).browser;
    let mut his = bob(&service);
    set(&mut hers, "her-set");
    let server = [
        ("id", b"deploy@test-1".as_slice()),
        ("file", service::ssh_key("ed25519").0.as_bytes()),
    ]
    .map(|of| (of.0, of.1.to_vec()));
    let server: Vec<_> = server
        .iter()
        .map(|(name, value)| (*name, value.as_slice()))
        .collect();
    hers.post("/servers", &server).leads_to();
    let host = [
        ("id", b"acme".as_slice()),
        ("provider", b"github"),
        ("secret", b"ghp_12345678"),
    ];
    hers.post("/hosts", &host).leads_to();
    let hook = [("provider", b"github".as_slice()), ("id", b"deploys")];
    assert_eq!(hers.post("/webhooks", &hook).status, 200);
    let fields = [("server", b"deploy@test-1".as_slice()), ("set", b"her-set")];
    let deployment = hers.post("/deployments", &fields).leads_to().to_owned();
    wait_until(|| !hers.page(&deployment).contains("http-equiv"));
    // His pages know of nothing, and say nothing of it.
    for path in [
        "/overview",
        "/servers",
        "/hosts",
        "/environments",
        "/deployments",
        "/webhooks",
        "/audit",
        "/devices",
        "/members",
        "/account",
    ] {
        let page = his.page(path);
        for known in [
            "her-set",
            "test-1",
            "github:acme",
            "deploys",
            ANN,
            &service.tenant(),
            &service.ann(),
        ] {
            assert!(!page.contains(known), "{path}: {known}");
        }
    }
    for path in [
        "/environments/her-set",
        "/environments/her-set/replace",
        "/servers/deploy@test-1",
        "/servers/deploy@test-1/replace",
        "/hosts/github:acme",
        "/hosts/github:acme/replace",
        "/webhooks/github:deploys",
        &deployment,
        "/audit/9999",
    ] {
        assert_eq!(his.get(path).status, 404, "{path}");
    }
    let revision = hidden(&hers.page("/environments/her-set"), "revision");
    let session = hers.page("/devices");
    let session = session
        .split("/devices/")
        .nth(1)
        .unwrap()
        .split('/')
        .next()
        .unwrap()
        .to_owned();
    let fields = [
        ("revision", revision.as_bytes()),
        ("secret", b"A=2"),
        ("question", b"why?"),
        ("name", b"mine"),
    ];
    for path in [
        "/environments/her-set/reveal",
        "/environments/her-set/replace",
        "/environments/her-set/delete",
        "/servers/deploy@test-1/reveal",
        "/servers/deploy@test-1/public-key",
        "/hosts/github:acme/reveal",
        "/webhooks/github:deploys/replace",
        "/webhooks/github:deploys/delete",
        &format!("{deployment}/stop"),
        &format!("{deployment}/prompt"),
        &format!("/devices/{session}/end"),
        &format!("/devices/{session}/name"),
    ] {
        assert_eq!(his.post(path, &fields).status, 404, "{path}");
    }
    let fields = [("server", b"deploy@test-1".as_slice()), ("set", b"her-set")];
    assert_eq!(his.post("/deployments", &fields).status, 404);
    // The same names are his to take, and hers stay as they are.
    set(&mut his, "her-set");
    assert_eq!(
        hidden(&hers.page("/environments/her-set"), "revision"),
        revision
    );
    assert_eq!(hers.get("/overview").status, 200);
    let of = |tenant: &str| {
        let all = entries(&service);
        all.iter()
            .filter(|entry| entry.contains(&format!("\"tenant\":\"{tenant}\"")))
            .count()
    };
    assert!(of(&service.tenant()) > 10);
    // And nobody at all sees any of it.
    for path in [
        "/overview",
        "/servers",
        "/environments/her-set",
        "/audit",
        "/devices",
        "/account",
        "/members",
        &deployment,
    ] {
        let answer = Browser::new(&service).get(path);
        assert_eq!(answer.status, 401, "{path}");
        assert!(!answer.body.contains("her-set"));
    }
    let public = Browser::new(&service).page("/");
    for known in ["her-set", ANN, &service.tenant(), ">ann<"] {
        assert!(!public.contains(known), "{known}");
    }
}

#[test]
fn an_owner_invites_into_his_organisation() {
    let service = Service::start();
    let mut hers = ann(&service).browser;
    set(&mut hers, "shared");
    hers.post("/members/invite", &[("email", BOB.as_bytes())])
        .leads_to();
    let path = link_to(&service, BOB, 1);
    assert!(
        hers.page("/members").matches("<tr>").count() == 2,
        "nobody has joined yet"
    );
    set_password(&service, &path, PASSWORD);
    let mut his = logged_in(&service, BOB);
    assert!(his.page("/environments").contains("shared"));
    assert!(his.page("/account").contains(&service.tenant()));
    assert!(his.page("/members").contains(ANN));
    // He may not invite, nor name it.
    assert!(!his.page("/members").contains("/members/invite"));
    let fields = [("email", b"eve@example.com".as_slice()), ("name", b"his")];
    assert_eq!(his.post("/members/invite", &fields).status, 403);
    assert_eq!(his.post("/members/rename", &fields).status, 403);
    // What he does is on record as his.
    set(&mut his, "more");
    let subject = his
        .page("/account")
        .split("<code>")
        .nth(2)
        .unwrap()
        .split('<')
        .next()
        .unwrap()
        .to_owned();
    assert!(
        hers.page(&format!("/audit?who={subject}"))
            .contains("variables more")
    );
    hers.post("/members/rename", &[("name", b"The <b>Shop</b>")])
        .leads_to();
    assert!(his.page("/overview").contains("The &#60;b&#62;Shop"));
}

#[test]
fn devices_are_listed_named_and_ended_at_once() {
    let service = Service::start();
    let mut browser = ann(&service).browser;
    let other = logged_in(&service, ANN);
    let third = logged_in(&service, ANN);
    let page = browser.page("/devices");
    assert_eq!(page.matches("this one").count(), 1);
    let ids = |page: &str| -> Vec<String> {
        let parts = page.split("action=\"/devices/").skip(1);
        let ends = parts.filter_map(|part| part.split_once("/end\""));
        let ids = ends.map(|(id, _)| id.to_owned());
        ids.filter(|id| !id.contains('/') && id != "others")
            .collect()
    };
    assert_eq!(ids(&page).len(), 3, "{page}");
    let own = page.split("this one").nth(1).unwrap();
    let own = ids(own).remove(0);
    let theirs = ids(&page).into_iter().find(|id| *id != own).unwrap();
    let name = |browser: &mut Browser, name: &str| {
        browser
            .post(
                &format!("/devices/{theirs}/name"),
                &[("name", name.as_bytes())],
            )
            .leads_to()
            .to_owned()
    };
    name(&mut browser, "the <i>old</i> one");
    assert!(browser.page("/devices").contains("the &#60;i&#62;old"));
    let to = name(&mut browser, &"long ".repeat(20));
    assert!(browser.page(&to).contains("at most 64 bytes"));
    browser
        .post(&format!("/devices/{theirs}/end"), &[])
        .leads_to();
    let ended = [&other, &third].map(|browser| browser.get("/overview").status);
    assert!(ended == [401, 200] || ended == [200, 401], "{ended:?}");
    assert_eq!(
        browser.post(&format!("/devices/{theirs}/end"), &[]).status,
        404
    );
    browser.post("/devices/others/end", &[]).leads_to();
    for gone in [&other, &third] {
        assert_eq!(gone.get("/overview").status, 401);
    }
    assert_eq!(browser.get("/overview").status, 200);
    assert_eq!(
        browser.post(&format!("/devices/{own}/end"), &[]).leads_to(),
        "/login"
    );
    assert_eq!(browser.get("/overview").status, 401);
}

#[test]
fn the_administration_is_out_of_reach_for_others() {
    let service = Service::start();
    let hers = ann(&service).browser;
    let nobody = Browser::new(&service);
    let administrator = admin(&service);
    let pages = [
        "/admin",
        "/admin/audit",
        "/admin/audit/0",
        "/admin/account",
        "/admin/devices",
        "/keys",
        "/admin/logins",
    ];
    let forms = [
        "/admin/invite",
        "/admin/act",
        "/admin/audit/export",
        "/admin/account/password",
        "/admin/account/email",
        "/admin/account/again",
        "/admin/devices/others/end",
        "/keys/rotate",
        "/keys/rewrap",
        "/keys/rotate-webhooks",
        "/keys/0123456789abcdef/disable",
        "/keys/0123456789abcdef/enable",
        "/keys/0123456789abcdef/destroy",
    ];
    for mut browser in [hers, nobody] {
        for path in pages {
            assert_eq!(browser.get(path).status, 401, "{path}");
        }
        for path in forms {
            assert_eq!(browser.post(path, &[]).status, 401, "{path}");
        }
    }
    for path in pages {
        assert_eq!(administrator.get(path).status, 200, "{path}");
    }
    // Nor is an organisation's for an administrator: his session is of another kind.
    for path in [
        "/overview",
        "/servers",
        "/audit",
        "/devices",
        "/account",
        "/members",
    ] {
        assert_eq!(administrator.get(path).status, 401, "{path}");
    }
    // Neither password opens the other door.
    let mut browser = Browser::new(&service);
    assert_eq!(browser.log_in("/admin/login", ANN, PASSWORD).status, 401);
    assert_eq!(browser.log_in("/login", ADMIN, PASSWORD).status, 401);
    assert!(!actions_of(&service).contains("keys.rotate"));
    // Who administrates sees what failed at each door, by no name.
    for path in ["/admin/audit", "/admin/logins"] {
        let log = administrator.page(path);
        assert!(
            log.contains("login.refused") && !log.contains(ANN),
            "{path}: {log}"
        );
    }
    // And a session under another's name is none.
    let kind = |from: &str, to: &str, browser: &Browser| {
        let mut other = Browser::new(&service);
        let value = browser.cookie(from).unwrap().to_owned();
        other.cookies.push((to.to_owned(), value));
        other
    };
    let her_session = kind("loopback-session", "loopback-admin", &ann(&service).browser);
    assert_eq!(her_session.get("/admin").status, 401);
    let his_session = kind("loopback-admin", "loopback-session", &administrator);
    assert_eq!(his_session.get("/overview").status, 401);
}

fn actions_of(service: &Service) -> String {
    service::actions(service).join(" ")
}

#[test]
fn staff_act_for_a_user_openly_and_without_what_is_secret() {
    let service = Service::start();
    let mut hers = ann(&service).browser;
    set(&mut hers, "shop");
    let key = service::ssh_key("ed25519").0;
    let server = [
        ("id", b"deploy@test-1".as_slice()),
        ("file", key.as_bytes()),
    ];
    hers.post("/servers", &server).leads_to();
    let mut staff = admin(&service);
    let (tenant, subject) = (service.tenant(), service.ann());
    let act = |browser: &mut Browser, reason: &str| {
        let fields = [
            ("tenant", tenant.as_bytes()),
            ("subject", subject.as_bytes()),
            ("reason", reason.as_bytes()),
        ];
        browser.post("/admin/act", &fields)
    };
    assert_eq!(act(&mut staff, "").status, 422, "a reason is asked for");
    assert_eq!(act(&mut staff, "ticket <b>7</b>").leads_to(), "/overview");
    for path in [
        "/overview",
        "/environments",
        "/environments/shop",
        "/deployments",
        "/webhooks",
        "/audit",
    ] {
        let page = staff.page(path);
        assert!(page.contains(ADMIN) && page.contains(ANN), "{path}");
        assert!(page.contains("ticket &#60;b&#62;7"), "{path}");
    }
    for path in [
        "/account",
        "/devices",
        "/members",
        "/environments/new",
        "/environments/shop/replace",
        "/webhooks/new",
    ] {
        assert_eq!(staff.get(path).status, 403, "{path}");
    }
    let fields = [
        ("id", b"x".as_slice()),
        ("secret", b"A=1"),
        ("current", PASSWORD.as_bytes()),
        ("password", OTHER.as_bytes()),
        ("email", BOB.as_bytes()),
    ];
    for path in [
        "/environments/shop/reveal",
        "/environments",
        "/environments/shop/delete",
        "/webhooks",
        "/account/password",
        "/account/email",
        "/account/again",
        "/devices/others/end",
        "/members/invite",
    ] {
        assert_eq!(staff.post(path, &fields).status, 403, "{path}");
    }
    // She sees it, and why; so does the record, flagged.
    let devices = hers.page("/devices");
    assert!(devices.contains("staff acting for you") && devices.contains("ticket &#60;b&#62;7"));
    let log = hers.page("/audit?staff=yes");
    assert!(log.contains("session.act-as"), "{log}");
    // What others approve he does not ask for, and decides nothing.
    let file = [("format", b"csv".as_slice()), ("from", b"0")];
    assert_eq!(staff.post("/audit/export", &file).status, 403);
    for path in ["/approvals", "/approvals/policy", "/approvals/none"] {
        assert_eq!(staff.get(path).status, 403, "{path}");
    }
    let entry = entries(&service)
        .into_iter()
        .find(|entry| entry.contains("session.act-as"))
        .unwrap();
    assert!(entry.contains(&subject), "{entry}");
    // What he does at once is hers in the record, and flagged.
    let run = [("server", b"deploy@test-1".as_slice()), ("set", b"shop")];
    let deployment = staff.post("/deployments", &run).leads_to().to_owned();
    wait_until(|| !hers.page(&deployment).contains("http-equiv"));
    let all = entries(&service);
    let runs: Vec<_> = all
        .iter()
        .filter(|entry| entry.contains("\"action\":\"deploydesk.start\""))
        .collect();
    let flagged = |entry: &&String| entry.contains("\"staff\":true") && entry.contains(&subject);
    assert!(runs.iter().any(flagged), "{runs:?}");
    // She ends it, at once; until he leaves, he is nobody in this browser.
    let id = devices.split("staff acting for you").nth(1).unwrap();
    let id = id
        .split("/devices/")
        .nth(1)
        .unwrap()
        .split('/')
        .next()
        .unwrap()
        .to_owned();
    hers.post(&format!("/devices/{id}/end"), &[]).leads_to();
    assert_eq!(staff.get("/overview").status, 401);
    assert_eq!(staff.post("/admin/leave", &[]).leads_to(), "/admin");
    assert_eq!(staff.get("/admin").status, 200);
    // Whoever leaves has left: what was copied is of no use.
    assert_eq!(act(&mut staff, "once more").leads_to(), "/overview");
    let copy = staff.clone();
    assert_eq!(copy.get("/overview").status, 200);
    staff.post("/admin/leave", &[]).leads_to();
    assert_eq!(copy.get("/overview").status, 401);
    assert!(staff.cookie("loopback-staff").is_none());
    assert_eq!(staff.get("/admin").status, 200, "his own goes on");
    // It ends with the administrator's own session too. Nobody acts for an administrator.
    assert_eq!(act(&mut staff, "again").leads_to(), "/overview");
    assert_eq!(staff.get("/overview").status, 200);
    let copy = staff.clone();
    staff.post("/admin/logout", &[]).leads_to();
    assert_eq!(copy.get("/overview").status, 401);
    let mut staff = Browser::new(&service);
    staff.log_in("/admin/login", ADMIN, PASSWORD).leads_to();
    let himself = staff
        .page("/admin/account")
        .split("<code>")
        .nth(2)
        .unwrap()
        .split('<')
        .next()
        .unwrap()
        .to_owned();
    let fields = [
        ("tenant", b"administrators".as_slice()),
        ("subject", himself.as_bytes()),
        ("reason", b"x"),
    ];
    assert_eq!(staff.post("/admin/act", &fields).status, 404);
}

#[test]
fn an_organisation_reads_its_own_book_and_no_other() {
    let service = Service::start();
    let mut hers = ann(&service).browser;
    set(&mut hers, "shop");
    let administrator = admin(&service);
    service::approved::done(&service, "/keys/rotate", &[]);
    let service_log = administrator.page("/admin/audit");
    assert!(service_log.contains("keys.rotate") && !service_log.contains("variables shop"));
    assert!(administrator.page("/admin/logins").contains("login.ok"));
    for query in [
        "",
        "?what=keys",
        "?log=service",
        "?tenant=",
        "?tenant=administrators",
    ] {
        let page = hers.page(&format!("/audit{query}"));
        assert!(
            !page.contains("keys.rotate") && !page.contains(ADMIN),
            "{query}"
        );
    }
    assert!(hers.page("/audit").contains("variables shop"));
    for log in ["service", "administrators"] {
        let fields = [
            ("log", log.as_bytes()),
            ("format", b"jsonl"),
            ("from", b"0"),
        ];
        let file = service::approved::taken(&service, "/audit/export", &fields);
        assert!(
            file.status == 200 && !file.body.contains("keys.rotate"),
            "{log}"
        );
    }
}

#[test]
fn the_first_administrator_comes_by_a_link_that_is_printed_once() {
    let service = Service::start();
    let said = service.says().unwrap();
    assert!(said.contains("/admin/first?token="), "{said}");
    let lost = path_of(said.split(' ').next_back().unwrap());
    // Lost: there is another one at the next start, and the one before is of no use.
    let service = Service::start_in(service.stop());
    assert_eq!(Browser::new(&service).get(&lost).status, 404);
    assert_eq!(
        Browser::new(&service).get("/admin/first?token=").status,
        404
    );
    admin(&service);
    let mails: Vec<_> = outbox(&service)
        .into_iter()
        .filter(|mail| !mail.links.is_empty())
        .collect();
    assert!(mails.is_empty(), "{mails:?}");
    let service = Service::start_in(service.stop());
    assert_eq!(admin(&service).get("/admin").status, 200);
    assert!(service.has_said().is_empty(), "there is one");
    assert!(!service.log().contains("/admin/first"));
    // He invites another one.
    let mut administrator = admin(&service);
    administrator
        .post("/admin/invite", &[("email", BOB.as_bytes())])
        .leads_to();
    let path = link_to(&service, BOB, 1);
    assert!(path.starts_with("/admin/password"));
    set_password(&service, &path, OTHER);
    let mut second = Browser::new(&service);
    second.log_in("/admin/login", BOB, OTHER).leads_to();
    assert_eq!(second.get("/keys").status, 200);
    // What is for an administrator makes no user.
    assert_eq!(second.get("/overview").status, 401);
    assert_eq!(second.log_in("/login", BOB, OTHER).status, 401);
}

#[test]
fn mail_is_shown_on_this_machine_alone() {
    let service = Service::start();
    ann(&service);
    let ask = |path: &str, header: &str| {
        let head = format!("GET {path} HTTP/1.1\nHost: {}\n{header}", service.addr);
        send(service.addr, &head, b"")
    };
    for path in ["/dev/outbox", "/dev/outbox.json"] {
        assert_eq!(ask(path, "").status, 200);
        for header in [
            "X-Forwarded-For: 192.0.2.1",
            "x-forwarded-host: desk.example.com",
            "Forwarded: for=192.0.2.1",
            "X-Real-IP: 192.0.2.1",
            "Via: 1.1 proxy",
        ] {
            assert_eq!(ask(path, header).status, 404, "{header}");
        }
        let foreign = send(
            service.addr,
            &format!("GET {path} HTTP/1.1\nHost: desk.example.com"),
            b"",
        );
        assert!(matches!(foreign.status, 404 | 421));
        assert!(!foreign.body.contains(ANN));
    }
    // Nor is there a session for what was passed on.
    let hers = ann(&service).browser;
    let head = format!(
        "GET /overview HTTP/1.1\nHost: {}\nX-Forwarded-For: 192.0.2.1\nCookie: loopback-session={}",
        service.addr,
        hers.cookie("loopback-session").unwrap()
    );
    assert_eq!(send(service.addr, &head, b"").status, 403);
}

#[test]
fn with_a_public_origin_cookies_are_secure_and_mail_is_spooled() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::TempDir::new().unwrap();
    let origin = [("DEPLOYDESK_PUBLIC_ORIGIN", "https://desk.example.com")];
    let service = Service::start_with(folder, &origin);
    let said = service.says().unwrap();
    assert!(
        said.contains(" https://desk.example.com/admin/first?token="),
        "{said}"
    );
    // As a proxy passes it on.
    let ask = |line: &str, more: &str, body: &str| {
        let head = format!(
            "{line} HTTP/1.1\nHost: desk.example.com\nX-Forwarded-For: 192.0.2.1\nContent-Length: {}\nContent-Type: application/x-www-form-urlencoded\n{more}",
            body.len()
        );
        send(service.addr, &head, body.as_bytes())
    };
    let own = "Origin: https://desk.example.com\nSec-Fetch-Site: same-origin";
    let here = format!("GET / HTTP/1.1\nHost: {}", service.addr);
    assert_eq!(send(service.addr, &here, b"").status, 421);
    assert_eq!(ask("GET /", "", "").status, 200);
    for path in ["/dev/outbox", "/dev/outbox.json"] {
        let answer = ask(&format!("GET {path}"), "", "");
        assert!(matches!(answer.status, 401 | 404), "{path}");
    }
    assert_eq!(
        ask("POST /signup", own, "email=ann%40example.com").leads_to(),
        "/sent"
    );
    let spool = service.data().join("spool");
    let files = || {
        let all = std::fs::read_dir(&spool)
            .unwrap()
            .map(|file| file.unwrap().path());
        all.filter(|path| path.extension().is_some_and(|of| of == "json"))
            .collect::<Vec<_>>()
    };
    wait_until(|| files().len() == 1);
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&spool), mode(&files()[0])), (0o700, 0o600));
    let mail: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&files()[0]).unwrap()).unwrap();
    assert_eq!(mail["to"], ANN);
    let link = mail["links"][0].as_str().unwrap();
    let token = link
        .strip_prefix("https://desk.example.com/password?token=")
        .unwrap();
    let body = format!("token={token}&password={}", PASSWORD.replace(' ', "+"));
    assert_eq!(ask("POST /password", own, &body).status, 303);
    let body = format!(
        "email=ann%40example.com&password={}&remember=on",
        PASSWORD.replace(' ', "+")
    );
    let foreign = "Origin: https://evil.example.com\nSec-Fetch-Site: same-site";
    assert_eq!(ask("POST /login", foreign, &body).status, 403);
    let in_ = ask("POST /login", own, &body);
    assert_eq!(in_.leads_to(), "/overview");
    let line = in_
        .headers
        .iter()
        .find(|(name, line)| name == "set-cookie" && line.starts_with("__Host-session="))
        .unwrap();
    for attribute in [
        "; Path=/",
        "; Secure",
        "; HttpOnly",
        "; SameSite=Lax",
        "; Max-Age=7776000",
    ] {
        assert!(line.1.contains(attribute), "{line:?}");
    }
    assert!(!line.1.contains("Domain"));
    // So is that by which the device is known.
    let device = in_
        .headers
        .iter()
        .find(|(name, line)| name == "set-cookie" && line.starts_with("__Host-device="));
    let device = &device.unwrap().1;
    for attribute in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
        assert!(device.contains(attribute), "{device}");
    }
    let cookie = format!("Cookie: {}", line.1.split(';').next().unwrap());
    assert_eq!(ask("GET /overview", &cookie, "").status, 200);
    assert!(in_.header("strict-transport-security").is_some());
}

#[test]
fn sessions_outlive_a_restart_and_end_in_every_process() {
    let service = Service::start();
    let browser = ann(&service).browser;
    let service = Service::start_in(service.stop());
    let mut browser = Browser {
        addr: service.addr,
        ..browser
    };
    assert_eq!(browser.get("/overview").status, 200);
    // After a kill too.
    let service = Service::start_in(service.kill());
    browser.addr = service.addr;
    assert_eq!(browser.get("/overview").status, 200);
    let beside = Service::beside(&service);
    let there = Browser {
        addr: beside.addr,
        ..browser.clone()
    };
    assert_eq!(there.get("/overview").status, 200);
    browser.post("/logout", &[]).leads_to();
    assert_eq!(there.get("/overview").status, 401);
    drop(beside);
    service.stop();
}

#[test]
fn what_was_shown_long_ago_is_asked_for_again() {
    let service = Service::start();
    let mut browser = ann(&service).browser;
    let former = browser.clone();
    assert_eq!(
        browser
            .post("/account/again", &[("current", OTHER.as_bytes())])
            .status,
        401
    );
    browser
        .post("/account/again", &[("current", PASSWORD.as_bytes())])
        .leads_to();
    assert_eq!(
        former.get("/overview").status,
        401,
        "a new id, and the old one is gone"
    );
    assert_eq!(browser.get("/overview").status, 200);
}

/// Signs up, logs in, works and logs out as a person does, with the pages as they are.
#[test]
fn a_person_signs_up_works_and_logs_out_in_a_browser() {
    let Some(mut browser) = keyward_testkit::browser::Browser::start() else {
        return;
    };
    let service = Service::start();
    let at = |path: &str| format!("http://localhost:{}{path}", service.addr.port());
    let fill = |fields: &[(&str, &str)]| {
        let set = fields
            .iter()
            .map(|(id, text)| format!("document.getElementById('{id}').value = {text:?};"));
        let press = "document.querySelector('main form button').click()";
        format!("{}{press}", set.collect::<String>())
    };
    assert_eq!(browser.go(&at("/signup")), 200);
    assert_eq!(browser.leave(&fill(&[("email", ANN)])), 200);
    assert!(browser.text().contains("Look into your mailbox"));
    let path = link_to(&service, ANN, 1);
    assert_eq!(browser.go(&at(&path)), 200);
    assert!(browser.text().contains(ANN));
    assert_eq!(browser.leave(&fill(&[("password", PASSWORD)])), 200);
    assert!(browser.text().contains("Stay logged in"));
    let fields = [("email", ANN), ("password", PASSWORD)];
    assert_eq!(browser.leave(&fill(&fields)), 200);
    assert!(
        browser.text().contains("Logged in to ann"),
        "{}",
        browser.text()
    );
    for path in [
        "/servers",
        "/environments/new",
        "/deployments",
        "/webhooks",
        "/audit",
        "/members",
        "/devices",
        "/account",
    ] {
        assert_eq!(browser.go(&at(path)), 200, "{path}");
        assert!(
            browser.complaints().is_empty(),
            "{path}: {:?}",
            browser.complaints()
        );
    }
    assert_eq!(browser.go(&at("/environments/new")), 200);
    let fields = [("id", "shop"), ("secret", "A=1")];
    assert_eq!(browser.leave(&fill(&fields)), 200);
    assert!(browser.text().contains("Sealed and stored"));
    let cookies = browser.cookies();
    for cookie in &cookies {
        assert_eq!(cookie["httpOnly"], true, "{cookie}");
        assert_eq!(cookie["sameSite"], "Lax", "{cookie}");
    }
    assert!(
        cookies
            .iter()
            .any(|cookie| cookie["name"] == "loopback-session")
    );
    assert_eq!(browser.run("document.cookie"), "", "no script reads them");
    assert_eq!(
        browser.leave("document.querySelector('header form button').click()"),
        200
    );
    assert_eq!(browser.go(&at("/overview")), 401);
    assert!(browser.text().contains("Log in"));
    assert!(
        !browser
            .cookies()
            .iter()
            .any(|cookie| cookie["name"] == "loopback-session")
    );
}
