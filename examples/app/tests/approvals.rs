//! What is held runs once, after somebody who may approved it, and not otherwise.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(clippy::arithmetic_side_effects, missing_docs, unreachable_pub)]

mod crashed;
mod service;
mod strangers;

use keyward_approval::State;
use keyward_approval::gate::export;
use keyward_audit::VerifierKey;
use keyward_base::Tenant;
use keyward_crypto::Provider;
use serde_json::Value;
use service::approved::{
    SERVER, alone, answer, code, decide, delete, ended, link, mel, page_of, taken, with_server,
};
use service::browser::{ANN, Browser, PASSWORD, ann, hidden, logged_in, outbox, sign_up};
use service::planted::Past;
use service::{Service, actions, send, ssh_key, wait_until};
use tempfile::TempDir;

const BOB: &str = "bob@example.com";

/// How often the record has a deletion: what was meant to be done, and how that ended, are an entry each.
fn deletions(service: &Service) -> usize {
    let all = actions(service);
    let entries = all
        .iter()
        .filter(|action| *action == "vault.delete")
        .count();
    assert_eq!(entries % 2, 0);
    entries / 2
}

fn ask(service: &Service, line: &str, key: &str, more: &str, body: &str) -> (u16, Value) {
    let head = format!(
        "{line} HTTP/1.1\nHost: {}\nAuthorization: Bearer {key}\nContent-Type: application/json\n\
         Content-Length: {}{more}",
        service.addr,
        body.len()
    );
    let answer = send(service.addr, &head, body.as_bytes());
    (
        answer.status,
        serde_json::from_str(&answer.body).unwrap_or_default(),
    )
}

fn key(browser: &mut Browser, scopes: &[&str]) -> String {
    let mut fields: Vec<(&str, &[u8])> = vec![("name", b"agent"), ("days", b"90")];
    fields.extend(scopes.iter().map(|scope| (*scope, b"on".as_slice())));
    let made = browser.post("/api-keys", &fields);
    assert_eq!(made.status, 200, "{}", made.body);
    let key = made.body.split("tabindex=\"0\">desk_").nth(1).unwrap();
    format!("desk_{}", key.split('<').next().unwrap())
}

#[test]
fn who_is_alone_approves_by_his_mail_and_the_code_on_his_screen_and_not_by_either() {
    let service = Service::start();
    let mut hers = with_server(&service);
    let asked = delete(&mut hers, SERVER);
    let (code, page) = (code(&asked), page_of(&asked));
    let mails = outbox(&service);
    let mail = mails.last().unwrap();
    assert!(
        mail.to == ANN && mail.text.contains("server.delete"),
        "{mail:?}"
    );
    assert!(!mail.text.contains(&code), "the code is in no mail");
    // To look decides nothing, and her session alone approves nothing.
    assert!(
        !hers.page(&page).contains(&code),
        "nor on a page that stays"
    );
    let own = decide(&mut hers, &page, "approve", "");
    assert_eq!(own.status, 403, "{}", own.body);
    let link = link(&service);
    let opened = Browser::new(&service).get(&link);
    assert_eq!(opened.status, 200);
    let asks = format!("<dt>Who asks</dt><dd><bdi>{ANN}</bdi>");
    assert!(opened.body.contains(&asks), "{}", opened.body);
    // The link alone neither, in her browser or in another.
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for mut browser in [hers.clone(), Browser::new(&service)] {
        let refused = answer(&mut browser, &link, "approve", wrong);
        assert_eq!(refused.status, 403, "{}", refused.body);
    }
    assert_eq!(hers.get(SERVER).status, 200);
    assert_eq!(deletions(&service), 0);
    // Both, in the browser in which she is signed in.
    let counted = answer(&mut hers, &link, "approve", &code);
    assert_eq!(counted.status, 200, "{}", counted.body);
    ended(&hers, &page, "executed");
    assert_eq!(hers.get(SERVER).status, 404);
    assert_eq!(deletions(&service), 1);
    // It was good once.
    assert_eq!(Browser::new(&service).get(&link).status, 404);
    let shown = hers.page(&page);
    for known in ["It is deleted.", "The holder of the link", "server.delete"] {
        assert!(shown.contains(known), "{known}: {shown}");
    }
}

#[test]
fn a_members_ask_waits_for_the_owner_and_hears_why_not() {
    let service = Service::start();
    let mut hers = with_server(&service);
    let mut mel = mel(&service, &mut hers);
    let asked = delete(&mut mel, SERVER);
    let page = page_of(&asked);
    assert!(
        outbox(&service)
            .iter()
            .any(|mail| mail.to == ANN && mail.text.contains("server.delete"))
    );
    assert!(hers.page("/approvals").contains(&page));
    assert_eq!(
        decide(&mut mel, &page, "approve", "").status,
        403,
        "his own"
    );
    // What is of another organisation is not there.
    sign_up(&service, BOB, PASSWORD);
    let mut bob = logged_in(&service, BOB);
    assert_eq!(bob.get(&page).status, 404);
    assert_eq!(decide(&mut bob, &page, "approve", "").status, 404);
    assert_eq!(
        decide(&mut hers, &page, "deny", " ").status,
        422,
        "not without why"
    );
    decide(&mut hers, &page, "deny", "it serves <b>customers</b>").leads_to();
    let told = mel.page(&page);
    assert!(
        told.contains("it serves &#60;b&#62;customers&#60;/b&#62;"),
        "{told}"
    );
    assert_eq!(decide(&mut hers, &page, "approve", "").status, 409);
    assert_eq!(hers.get(SERVER).status, 200);
    // Once more, as a request of its own; and taken back.
    let again = page_of(&decide(&mut mel, &page, "again", ""));
    assert_ne!(again, page);
    decide(&mut mel, &again, "withdraw", "").leads_to();
    assert_eq!(decide(&mut hers, &again, "approve", "").status, 409);
    // And approved: in a process after the one that was asked.
    let third = page_of(&decide(&mut mel, &again, "again", ""));
    let service = Service::start_in(service.kill());
    hers.addr = service.addr;
    decide(&mut hers, &third, "approve", "go on").leads_to();
    ended(&hers, &third, "executed");
    assert_eq!(deletions(&service), 1);
    assert_eq!(hers.get(SERVER).status, 404);
}

#[test]
fn an_agent_asks_with_a_key_and_its_owner_decides() {
    let service = Service::start();
    let mut hers = with_server(&service);
    let agent = key(&mut hers, &["approvals:ask", "deployments:write"]);
    let direct = r#"{"server":"deploy@web-1","set":"shop"}"#;
    assert_eq!(
        ask(&service, "POST /api/deployments", &agent, "", direct).0,
        403
    );
    let body = r#"{"reason":"the fix is out","steps":[{"kind":"deployment.run","target":"deploy@web-1","arguments":{"set":"shop"}}]}"#;
    let once = "\nIdempotency-Key: job-1";
    let (status, told) = ask(&service, "POST /api/approvals", &agent, once, body);
    assert_eq!(status, 202, "{told}");
    let (again, same) = ask(&service, "POST /api/approvals", &agent, once, body);
    assert_eq!((again, &same["gate"]), (200, &told["gate"]));
    // What the service alone knows is no argument of an agent's, and what it may not ask for is none.
    for other in [
        r#"{"reason":"","steps":[{"kind":"deployment.run","target":"deploy@web-1","arguments":{"set":"shop","production":false,"alone":true}}]}"#,
        r#"{"reason":"","steps":[{"kind":"key.rotate","target":"vault","arguments":{"alone":true}}]}"#,
    ] {
        let job = "\nIdempotency-Key: job-2";
        assert_eq!(
            ask(&service, "POST /api/approvals", &agent, job, other).0,
            400
        );
    }
    let gate = told["gate"].as_str().unwrap();
    let page = format!("/approvals/{gate}");
    // A key decides nothing, and another key sees nothing.
    let (status, _) = ask(&service, &format!("POST {page}"), &agent, "", "do=approve");
    assert_eq!(status, 403);
    let other = key(&mut hers, &["approvals:ask"]);
    let read = format!("GET /api/approvals/{gate}");
    assert_eq!(ask(&service, &read, &other, "", "").0, 404);
    wait_until(|| {
        outbox(&service)
            .iter()
            .any(|mail| mail.text.contains("deployment.run"))
    });
    assert!(!hers.page("/deployments").contains("deploy@web-1</td>"));
    decide(&mut hers, &page, "approve", "").leads_to();
    ended(&hers, &page, "executed");
    let (_, told) = ask(&service, &read, &agent, "", "");
    assert_eq!(told["state"], "executed", "{told}");
    assert!(
        told["results"][0]["said"]
            .as_str()
            .unwrap()
            .contains("was begun")
    );
    let begun = hers.page("/deployments");
    assert_eq!(begun.matches("deploy@web-1</td>").count(), 1, "{begun}");
}

#[test]
fn a_log_is_taken_by_who_asked_once_it_was_approved() {
    let service = Service::start();
    let mut hers = with_server(&service);
    let mut mel = mel(&service, &mut hers);
    let fields: [(&str, &[u8]); 2] = [("format", b"jsonl"), ("from", b"0")];
    let page = page_of(&mel.post("/audit/export", &fields));
    let take = format!("{page}/export");
    assert_eq!(mel.post(&take, &[]).status, 403);
    decide(&mut hers, &page, "approve", "").leads_to();
    ended(&mel, &page, "executed");
    let file = mel.post(&take, &[]);
    assert!(
        file.status == 200 && file.body.contains("approval.decide"),
        "{}",
        file.body
    );
    assert_eq!(
        hers.post(&take, &[]).status,
        403,
        "it was not she who asked"
    );
    assert_eq!(taken(&service, "/audit/export", &fields).status, 200);
}

/// The key of the log, as the page of a gate shows it to who pins it.
fn pinned(page: &str) -> VerifierKey {
    let key = page.split("<dt>Key of the log</dt><dd><code class=\"wrap\">");
    let key = key.last().unwrap().split('<').next().unwrap();
    VerifierKey::parse(&Provider::default(), &key.replace("&#43;", "+")).unwrap()
}

#[test]
fn the_record_of_a_gate_is_a_file_that_others_check() {
    let service = Service::start();
    let mut hers = with_server(&service);
    let mut mel = mel(&service, &mut hers);
    let page = page_of(&delete(&mut mel, SERVER));
    decide(&mut hers, &page, "deny", "it serves customers").leads_to();
    let key = pinned(&mel.page(&page));
    let take = format!("{page}/proof");
    let file = mel.post(&take, &[]);
    assert_eq!(file.status, 200, "{}", file.body);
    let saved = file.header("content-disposition").unwrap();
    assert!(saved.starts_with("attachment; filename=\"approval-"));
    let provider = Provider::default();
    let check = |text: &str| export::check(&provider, std::slice::from_ref(&key), text.as_bytes());
    let shown = check(&file.body).unwrap();
    assert_eq!(shown.state, State::Denied);
    assert!(page.ends_with(&shown.gate.to_string()));
    assert!(shown.told.contains("it serves customers"));
    let edited = file
        .body
        .replace("it serves customers", "it serves nobody...");
    assert!(check(&edited).is_err());
    // Those who do not see the page do not have the file, and a link to it takes nothing.
    sign_up(&service, BOB, PASSWORD);
    let mut bob = logged_in(&service, BOB);
    assert_eq!(bob.post(&take, &[]).status, 404);
    assert_eq!(Browser::new(&service).post(&take, &[]).status, 401);
    assert_eq!(mel.get(&take).status, 405);
}

#[test]
fn what_the_policy_asks_more_for_by_now_does_not_run() {
    let folder = TempDir::new().unwrap();
    let policy = folder.path().join("approvals.toml");
    let shipped = include_str!("../assets/approvals.toml");
    std::fs::write(&policy, shipped).unwrap();
    let named = [("DEPLOYDESK_APPROVALS", policy.to_str().unwrap())];
    let service = Service::start_with(TempDir::new().unwrap(), &named);
    let mut hers = with_server(&service);
    let mut mel = mel(&service, &mut hers);
    let page = page_of(&delete(&mut mel, SERVER));
    let stricter = shipped.replace(
        "strictness = 20\napprovers = [\"role:owner\", \"role:administrator\"]\nquorum = 1",
        "strictness = 20\napprovers = [\"role:owner\", \"role:administrator\"]\nquorum = 2",
    );
    assert_ne!(stricter, shipped);
    std::fs::write(
        &policy,
        stricter.replace("version = 1\n# What", "version = 2\n# What"),
    )
    .unwrap();
    let service = Service::start_with(service.stop(), &named);
    (hers.addr, mel.addr) = (service.addr, service.addr);
    decide(&mut hers, &page, "approve", "").leads_to();
    let shown = hers.page(&page);
    assert!(
        shown.contains("1 of 2 approvals") && shown.contains("\">pending</span>"),
        "{shown}"
    );
    assert_eq!(hers.get(SERVER).status, 200);
    // What is forbidden by then is superseded, and not even asked for.
    std::fs::write(
        &policy,
        "keyward-policy = 1\nversion = 3\notherwise = \"forbidden\"\n",
    )
    .unwrap();
    let service = Service::start_with(service.stop(), &named);
    (hers.addr, mel.addr) = (service.addr, service.addr);
    assert_eq!(delete(&mut mel, SERVER).status, 403);
    assert_ne!(decide(&mut hers, &page, "approve", "").status, 303);
    assert_eq!(hers.get(SERVER).status, 200);
    assert_eq!(deletions(&service), 0);
}

#[test]
fn what_is_asked_about_is_one_value_and_no_other() {
    let service = Service::start();
    let mut hers = with_server(&service);
    let mut mel = mel(&service, &mut hers);
    let page = page_of(&delete(&mut mel, SERVER));
    let revision = hidden(&hers.page(SERVER), "revision");
    let key = ssh_key("ed25519").0;
    let fields: [(&str, &[u8]); 2] = [("revision", revision.as_bytes()), ("file", key.as_bytes())];
    let asked = hers.post(&format!("{SERVER}/replace"), &fields);
    alone(&service, &hers, &asked);
    decide(&mut hers, &page, "approve", "").leads_to();
    ended(&hers, &page, "failed");
    assert!(hers.page(&page).contains("it was left"));
    assert_eq!(hers.get(SERVER).status, 200);
    // What is there now is another request.
    let asked = delete(&mut hers, SERVER);
    alone(&service, &hers, &asked);
    assert_eq!(hers.get(SERVER).status, 404);
}

/// Each page of approvals on a phone: what stands beside the screen is not read.
#[test]
fn approvals_are_read_on_a_phone() {
    let Some(mut phone) = keyward_testkit::browser::Browser::start() else {
        return;
    };
    let service = Service::start();
    let mut hers = with_server(&service);
    let mut mel = mel(&service, &mut hers);
    let name = format!("deploy@{}.example.com", "w".repeat(50));
    let server = format!("/servers/{name}");
    let key = ssh_key("ed25519").0;
    let fields: [(&str, &[u8]); 2] = [("id", name.as_bytes()), ("file", key.as_bytes())];
    hers.post("/servers", &fields).leads_to();
    let page = page_of(&delete(&mut mel, &server));
    let mailed = link(&service);
    let over = page_of(&delete(&mut mel, SERVER));
    decide(&mut hers, &over, "deny", &"because".repeat(40)).leads_to();
    let at = |path: &str| format!("http://localhost:{}{path}", service.addr.port());
    let screen =
        serde_json::json!({"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": true});
    phone.call("Emulation.setDeviceMetricsOverride", &screen);
    assert_eq!(phone.go(&at("/login")), 200);
    let fill = format!(
        "document.getElementById('email').value = {ANN:?};\
         document.getElementById('password').value = {PASSWORD:?};\
         document.querySelector('main form button').click()"
    );
    assert_eq!(phone.leave(&fill), 200);
    let pages = [
        "/approvals",
        "/approvals/policy",
        &page,
        &over,
        &mailed,
        "/members",
    ];
    for path in pages {
        assert_eq!(phone.go(&at(path)), 200, "{path}");
        let wide = phone.run("document.documentElement.scrollWidth");
        assert!(wide.as_u64().unwrap() <= 390, "{path}: {wide}");
        let mut complaints = phone.complaints();
        // The page of a link is the library's own, and names no icon.
        complaints.retain(|of| !of.contains("/favicon.ico"));
        assert!(complaints.is_empty(), "{path}: {complaints:?}");
    }
}

#[test]
fn of_one_who_asks_much_sixteen_wait_and_thirty_are_mailed_an_hour() {
    let service = Service::start();
    let mut hers = with_server(&service);
    let mut mel = mel(&service, &mut hers);
    let first = page_of(&delete(&mut mel, SERVER));
    for _ in 1..16 {
        page_of(&delete(&mut mel, SERVER));
    }
    let mails = outbox(&service).len();
    let refused = delete(&mut mel, SERVER);
    assert_eq!(refused.status, 429);
    assert!(refused.body.contains("wait already"), "{}", refused.body);
    // Whoever takes one back may ask again, but not without end.
    let mut last = first;
    for _ in 16..30 {
        decide(&mut mel, &last, "withdraw", "").leads_to();
        last = page_of(&delete(&mut mel, SERVER));
    }
    decide(&mut mel, &last, "withdraw", "").leads_to();
    let refused = delete(&mut mel, SERVER);
    assert_eq!(refused.status, 429);
    assert!(refused.header("retry-after").is_some());
    assert_eq!(outbox(&service).len(), mails + 14);
    // It is hers alone.
    assert_eq!(delete(&mut hers, SERVER).status, 200);
}

#[test]
fn of_many_owners_each_is_mailed_though_a_gate_has_few_links() {
    const MANY: usize = 99;
    let service = Service::start();
    let mut hers = with_server(&service);
    let mut mel = mel(&service, &mut hers);
    let tenant = Tenant::new(&ann(&service).tenant).unwrap();
    let folder = service.stop();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(async {
        let past = Past::of(folder.path()).await;
        for nth in 0..MANY {
            let (subject, email) = (format!("u-{nth}"), format!("owner-{nth}@example.com"));
            past.joins(&tenant, &subject, &email, "owner").await;
        }
    });
    let service = Service::start_with(folder, &[]);
    (hers.addr, mel.addr) = (service.addr, service.addr);
    let page = page_of(&delete(&mut mel, SERVER));
    let mails = outbox(&service);
    let of = |mail: &&service::browser::Mail| mail.text.contains("An approval is asked of you.");
    let asked: Vec<_> = mails.iter().filter(of).collect();
    let to: std::collections::BTreeSet<_> = asked.iter().map(|mail| mail.to.as_str()).collect();
    assert_eq!((asked.len(), to.len()), (MANY + 1, MANY + 1));
    let own = asked.iter().filter(|mail| mail.text.contains("?token="));
    assert_eq!(own.count(), 16);
    let rest = asked.iter().filter(|mail| mail.links[0].ends_with(&page));
    assert_eq!(rest.count(), MANY + 1 - 16);
    decide(&mut hers, &page, "approve", "").leads_to();
    ended(&hers, &page, "executed");
}
