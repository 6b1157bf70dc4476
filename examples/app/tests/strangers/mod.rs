//! What of an approval is somebody's own, and nobody else's: the link, the code, the file, the deed.

use super::service::approved::{MEL, alone, answer, code, done, ended, link, page_of};
use super::service::browser::{
    ANN, Ann, Browser, Mail, PASSWORD, admin, ann, link_to, logged_in, outbox, path_of,
    set_password,
};
use super::service::planted::{Past, USERS, begin};
use super::service::{Answer, Service, entries, keys_of};
use super::{SERVER, ask, decide, delete, deletions, key, mel, with_server};

const ZOE: &str = "zoe@example.com";

/// Others whom Ann invited.
fn invited(service: &Service, hers: &mut Browser, email: &str) {
    hers.post("/members/invite", &[("email", email.as_bytes())])
        .leads_to();
    set_password(service, &link_to(service, email, 1), PASSWORD);
}

/// What somebody is in his organisation from now on; none: he is of it no more.
fn becomes(service: &Service, email: &str, role: Option<&str>) {
    let conn = rusqlite::Connection::open(service.data().join("data.db")).unwrap();
    let of = "WHERE collection = 'deploydesk-people' AND CAST(data AS TEXT) LIKE ?1";
    let like = format!("%{email}%");
    let changed = match role {
        Some(role) => {
            let data = format!(r#"{{"email":"{email}","role":"{role}","since":1}}"#);
            let set = "UPDATE record SET version = version + 1, data = CAST(?2 AS BLOB)";
            conn.execute(&format!("{set} {of}"), [&like, &data])
        }
        None => conn.execute(&format!("DELETE FROM record {of}"), [&like]),
    };
    assert_eq!(changed.unwrap(), 1);
}

/// Those who were mailed that they are asked, each with the path of his link.
fn asked(service: &Service) -> Vec<(String, String)> {
    let mails = outbox(service).into_iter();
    let mails = mails.filter(|mail| mail.links.iter().any(|of| of.contains("/by-link/")));
    let path = |mail: &Mail| path_of(&mail.links[0]);
    mails.map(|mail| (mail.to.clone(), path(&mail))).collect()
}

/// What a browser is answered at the page of a link, without a form to fill in.
fn opened(browser: &Browser, link: &str) -> Answer {
    let opened = browser.get(link);
    assert_eq!(opened.status, 200, "{}", opened.body);
    opened
}

#[test]
fn each_owner_has_a_link_of_his_own_and_who_is_none_any_more_decides_nothing() {
    let service = Service::start();
    let mut hers = with_server(&service);
    let mut mel = mel(&service, &mut hers);
    // One more member, who is mailed nothing.
    invited(&service, &mut hers, "kim@example.com");
    invited(&service, &mut hers, ZOE);
    let mut zoe = logged_in(&service, ZOE);
    becomes(&service, ZOE, Some("owner"));
    let page = page_of(&delete(&mut mel, SERVER));
    // Those who may, and neither who asked nor any other member.
    let told = asked(&service);
    let to: Vec<_> = told.iter().map(|(to, _)| to.as_str()).collect();
    assert!(to == [ANN, ZOE] || to == [ZOE, ANN], "{to:?}");
    assert_ne!(told[0].1, told[1].1);
    let link_of = |who: &str| told.iter().find(|(to, _)| to == who).unwrap().1.clone();
    let (anns, zoes) = (link_of(ANN), link_of(ZOE));
    // What was sent to somebody is of no use to another who may as well, nor to who asked.
    for (browser, link) in [(&zoe, &anns), (&hers, &zoes), (&mel, &anns)] {
        let shown = opened(browser, link).body;
        assert!(shown.contains("signed in as somebody else"), "{shown}");
        assert!(!shown.contains("name=\"decision\""), "{shown}");
    }
    assert!(
        opened(&Browser::new(&service), &anns)
            .body
            .contains("say who you are")
    );
    // She is a member, and then of another organisation or of none: on the page and by the link.
    becomes(&service, ZOE, Some("member"));
    for decision in ["approve", "deny"] {
        let refused = decide(&mut zoe, &page, decision, "because");
        assert_eq!(refused.status, 403, "{}", refused.body);
        let refused = answer(&mut zoe, &zoes, decision, "");
        assert_eq!(refused.status, 403, "{}", refused.body);
    }
    becomes(&service, ZOE, None);
    assert_eq!(decide(&mut zoe, &page, "approve", "").status, 403);
    for decision in ["approve", "deny"] {
        let refused = answer(&mut zoe, &zoes, decision, "");
        assert_eq!(refused.status, 403, "{}", refused.body);
    }
    assert!(hers.page(&page).contains("0 of 1 approvals"));
    assert_eq!(
        decide(&mut hers, &page, "withdraw", "").status,
        403,
        "not hers"
    );
    let counted = answer(&mut hers, &anns, "approve", "");
    assert_eq!(counted.status, 200, "{}", counted.body);
    ended(&mel, &page, "executed");
    assert_eq!(deletions(&service), 1);
    // One yes ended the other link, too.
    assert_eq!(Browser::new(&service).get(&zoes).status, 404);
    // It was done for who asked, and the record says so.
    let code = mel.page("/account");
    let subject = code
        .split("<code>")
        .nth(2)
        .unwrap()
        .split('<')
        .next()
        .unwrap();
    let deleted = entries(&service).into_iter();
    let mut deleted = deleted.filter(|of| of.contains("\"vault.delete\""));
    assert!(deleted.all(|of| of.contains(subject) && of.contains("\"approvals\"")));
}

#[test]
fn the_code_of_who_asks_alone_is_on_no_other_screen() {
    let service = Service::start();
    let mut hers = with_server(&service);
    let mut mel = mel(&service, &mut hers);
    let first = delete(&mut hers, SERVER);
    let (first_code, page) = (code(&first), page_of(&first));
    let first = link(&service);
    let mails = outbox(&service).len();
    for (what, status) in [
        ("letter", 404),
        ("again", 404),
        ("anew", 403),
        ("approve", 403),
        ("deny", 403),
        ("withdraw", 403),
        ("done", 403),
        ("failed", 403),
    ] {
        let refused = decide(&mut mel, &page, what, "because");
        let not_open = matches!(what, "anew" | "done" | "failed") && refused.status == 409;
        assert!(
            refused.status == status || not_open,
            "{what}: {}",
            refused.status
        );
    }
    assert_eq!(outbox(&service).len(), mails);
    // What waits for others has no code at all.
    let other = page_of(&delete(&mut mel, SERVER));
    assert_eq!(decide(&mut mel, &other, "letter", "").status, 404);
    // Another link of hers ends the one before it, which its code would still fit.
    let next = decide(&mut hers, &page, "letter", "");
    let (second_code, second) = (code(&next), link(&service));
    assert_ne!(second, first);
    let mut phone = Browser::new(&service);
    assert_eq!(phone.get(&first).status, 404);
    if first_code != second_code {
        assert_eq!(
            answer(&mut phone, &second, "approve", &first_code).status,
            403
        );
    }
    // She withdraws it. Once there is another owner, the same is for him, and not for her alone.
    decide(&mut hers, &page, "withdraw", "").leads_to();
    assert_eq!(phone.get(&second).status, 404);
    assert_eq!(decide(&mut mel, &page, "again", "").status, 404);
    becomes(&service, MEL, Some("owner"));
    let of_ann = |service: &Service| {
        let all = asked(service);
        all.iter().filter(|(to, _)| to == ANN).count()
    };
    let before = of_ann(&service);
    let again = decide(&mut hers, &page, "again", "");
    assert_eq!(again.status, 303, "{}", again.body);
    let again = page_of(&again);
    assert_eq!(decide(&mut hers, &again, "approve", "").status, 403);
    assert_eq!(decide(&mut hers, &again, "letter", "").status, 404);
    // Nor is she mailed what she asks of him.
    let to_him = asked(&service).into_iter();
    assert_eq!(to_him.last().map(|(to, _)| to).as_deref(), Some(MEL));
    assert_eq!(of_ann(&service), before);
    let more = delete(&mut hers, SERVER);
    assert_eq!(more.status, 303, "{}", more.body);
    assert_eq!(deletions(&service), 0);
    decide(&mut mel, &again, "approve", "").leads_to();
    ended(&hers, &again, "executed");
    assert_eq!(deletions(&service), 1);
}

#[test]
fn who_showed_long_ago_who_he_is_neither_asks_alone_nor_decides() {
    let service = Service::start();
    let mut hers = with_server(&service);
    let mut mel = mel(&service, &mut hers);
    let page = page_of(&delete(&mut mel, SERVER));
    let mailed = link(&service);
    let over = page_of(&delete(&mut hers, SERVER));
    decide(&mut hers, &over, "withdraw", "").leads_to();
    let of = ann(&service);
    let folder = service.kill();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let token = runtime.unwrap().block_on(async {
        let past = Past::of(folder.path()).await;
        let ago = past.ago(20);
        past.clock.set(ago);
        let hers = (of.tenant.clone(), of.subject.clone());
        let begun = begin(&past.sessions, USERS, &hers, ago, false).await;
        past.home.close();
        begun.token().expose().to_owned()
    });
    let service = Service::start_in(folder);
    let mut stale = Browser::new(&service);
    stale.cookies = vec![("loopback-session".to_owned(), token)];
    let mails = outbox(&service).len();
    let refused = delete(&mut stale, SERVER);
    assert_eq!(refused.status, 401, "{}", refused.body);
    for (page, what) in [
        (&page, "approve"),
        (&page, "deny"),
        (&over, "again"),
        (&over, "letter"),
    ] {
        let refused = decide(&mut stale, page, what, "because");
        assert_eq!(refused.status, 401, "{what}: {}", refused.body);
    }
    let shown = opened(&stale, &mailed).body;
    assert!(shown.contains("too long ago"), "{shown}");
    assert!(!shown.contains("name=\"decision\""), "{shown}");
    assert_eq!(outbox(&service).len(), mails);
    assert!(stale.page(&page).contains("\">pending</span>"));
    assert_eq!(deletions(&service), 0);
}

#[test]
fn what_is_done_is_what_was_shown() {
    let service = Service::start();
    let mut hers = with_server(&service);
    let mut mel = mel(&service, &mut hers);
    // The table and not the lines, and from the entry that was asked for.
    let fields: [(&str, &[u8]); 2] = [("format", b"csv"), ("from", b"3")];
    let page = page_of(&mel.post("/audit/export", &fields));
    assert!(hers.page(&page).contains("csv"));
    decide(&mut hers, &page, "approve", "").leads_to();
    ended(&mel, &page, "executed");
    let file = mel.post(&format!("{page}/export"), &[]);
    assert_eq!(file.status, 200, "{}", file.body);
    assert_eq!(file.header("content-type"), Some("text/csv; charset=utf-8"));
    let mut lines = file.body.lines().skip(1);
    assert!(lines.next().unwrap().starts_with('3'), "{}", file.body);
    assert_eq!(
        Browser::new(&service)
            .post(&format!("{page}/export"), &[])
            .status,
        401
    );
    // Of two logs at one door, the one that was asked for.
    let mut root = admin(&service);
    for (path, name) in [
        ("/admin/audit/export", "service"),
        ("/admin/logins/export", "administrators"),
    ] {
        let asked = root.post(path, &[("format", b"jsonl"), ("from", b"")]);
        let page = alone(&service, &root, &asked);
        let file = root.post(&format!("{page}/export"), &[]);
        let named = file.header("content-disposition").unwrap().to_owned();
        assert!(
            file.status == 200 && named.contains(name),
            "{path}: {named}"
        );
        // And by nobody of another door.
        let id = page.rsplit('/').next().unwrap();
        assert_eq!(hers.get(&format!("/approvals/{id}")).status, 404);
        assert_eq!(
            hers.post(&format!("/approvals/{id}/export"), &[]).status,
            404
        );
    }
    // The key of one sort, and not of the other.
    let of = |purpose: &str| keys_of(&service, purpose, "active");
    let (values, webhooks) = (of("vault"), of("webhook"));
    done(&service, "/keys/rotate-webhooks", &[]);
    super::wait_until(|| of("webhook") != webhooks);
    assert_eq!(of("vault"), values);
    // Of two administrators the other one says yes.
    let other = "other@example.com";
    root.post("/admin/invite", &[("email", other.as_bytes())])
        .leads_to();
    set_password(&service, &link_to(&service, other, 1), PASSWORD);
    let mut his = Browser::new(&service);
    his.log_in("/admin/login", other, PASSWORD).leads_to();
    let page = page_of(&root.post("/keys/rotate", &[]));
    assert!(page.starts_with("/admin/approvals/"), "{page}");
    assert_eq!(decide(&mut root, &page, "approve", "").status, 403);
    assert_eq!(of("vault"), values);
    decide(&mut his, &page, "approve", "").leads_to();
    ended(&root, &page, "executed");
    super::wait_until(|| of("vault") != values);
}

#[test]
fn what_an_agent_asks_is_its_keys_own_and_always_waits() {
    let service = Service::start();
    let mut hers = with_server(&service);
    let agent = key(&mut hers, &["approvals:ask", "servers:read"]);
    let (_, servers) = ask(&service, "GET /api/servers", &agent, "", "");
    let revision = servers["items"][0]["revision"].as_u64().unwrap();
    let body = |reason: &str| {
        format!(
            r#"{{"reason":"{reason}","steps":[{{"kind":"server.delete","target":"deploy@web-1","arguments":{{"revision":{revision}}}}}]}}"#
        )
    };
    let once = "\nIdempotency-Key: \"tidy-up\"";
    let (status, told) = ask(&service, "POST /api/approvals", &agent, once, &body("old"));
    assert_eq!((status, &told["state"]), (202, &"pending".into()), "{told}");
    let (status, _) = ask(
        &service,
        "POST /api/approvals",
        &agent,
        once,
        &body("older"),
    );
    assert_eq!(status, 422, "the key was used for another ask");
    let gate = told["gate"].as_str().unwrap();
    let read = format!("GET /api/approvals/{gate}");
    // Nor with a key that may do other things, be it of the same organisation.
    let others = key(&mut hers, &["servers:read", "deployments:write"]);
    assert_eq!(ask(&service, &read, &others, "", "").0, 403);
    let line = "POST /api/approvals";
    assert_eq!(ask(&service, line, &others, once, &body("old")).0, 403);
    // Whose key it is may approve it, or say why not, and the agent hears which.
    let page = format!("/approvals/{gate}");
    decide(&mut hers, &page, "deny", "it is in use").leads_to();
    let (_, told) = ask(&service, &read, &agent, "", "");
    assert_eq!(
        (&told["state"], &told["reason"]),
        (&"denied".into(), &"it is in use".into())
    );
    assert_eq!(deletions(&service), 0);
    assert_eq!(hers.get(SERVER).status, 200);
}

#[test]
fn nobody_deploys_to_production_at_once_whatever_the_set_is_called() {
    let service = Service::start();
    let mut hers = with_server(&service);
    let mut mel = mel(&service, &mut hers);
    let set: [(&str, &[u8]); 2] = [("id", b"test"), ("secret", b"GREETING=hello")];
    hers.post("/environments", &set).leads_to();
    let fields: [(&str, &[u8]); 2] = [("server", b"deploy@web-1"), ("set", b"test")];
    let asked = page_of(&mel.post("/deployments", &fields));
    let own = page_of(&hers.post("/deployments", &fields));
    for page in [&asked, &own] {
        assert!(page.starts_with("/approvals/"), "{page}");
    }
    // Staff neither begin one for whom they act, nor ask for it, nor say yes.
    let Ann {
        tenant, subject, ..
    } = ann(&service);
    let mut staff = admin(&service);
    let act: [(&str, &[u8]); 3] = [
        ("tenant", tenant.as_bytes()),
        ("subject", subject.as_bytes()),
        ("reason", b"she asked for help"),
    ];
    staff.post("/admin/act", &act).leads_to();
    assert_eq!(staff.post("/deployments", &fields).status, 403);
    assert_eq!(staff.get("/deployments").status, 200);
    assert_eq!(staff.get(&asked).status, 403);
    assert_eq!(decide(&mut staff, &asked, "approve", "").status, 403);
    let begun = || {
        hers.page("/deployments")
            .matches("deploy@web-1</td>")
            .count()
    };
    assert_eq!(begun(), 0);
    decide(&mut hers.clone(), &asked, "approve", "").leads_to();
    ended(&hers, &asked, "executed");
    assert_eq!(begun(), 1);
    assert!(hers.page(&own).contains("\">pending</span>"));
}
