//! What else is held than deletions and deployments: another key of a server, and who owns an organisation.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(clippy::arithmetic_side_effects, missing_docs, unreachable_pub)]

mod service;

use std::path::Path;

use service::approved::{MEL, SERVER, alone, decide, delete, ended, mel, page_of, with_server};
use service::browser::{ANN, Browser, hidden, outbox};
use service::{Answer, Service, ssh_key};

fn replace(browser: &mut Browser, key: &str) -> Answer {
    let revision = hidden(&browser.page(&format!("{SERVER}/replace")), "revision");
    let fields: [(&str, &[u8]); 2] = [("revision", revision.as_bytes()), ("file", key.as_bytes())];
    browser.post(&format!("{SERVER}/replace"), &fields)
}

/// Whether a file under `folder` has that text.
fn holds(folder: &Path, text: &str) -> bool {
    let mut paths = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    paths.any(|path| match path.is_dir() {
        true => holds(&path, text),
        false => String::from_utf8_lossy(&std::fs::read(&path).unwrap()).contains(text),
    })
}

/// The fingerprint that a page shows.
fn print(page: &str) -> String {
    let from = page.split("SHA256:").nth(1).unwrap();
    from.split(['<', '"', '&']).next().unwrap().to_owned()
}

#[test]
fn another_key_of_a_server_waits_as_its_deletion_does() {
    let service = Service::start();
    let mut hers = with_server(&service);
    let mut mel = mel(&service, &mut hers);
    let before = print(&mel.page(SERVER));
    // What is no key is said at once.
    let wrong = replace(&mut mel, "no key");
    assert_eq!(wrong.status, 422, "{}", wrong.body);
    let key = ssh_key("ed25519").0;
    let page = page_of(&replace(&mut mel, &key));
    assert_eq!(print(&mel.page(SERVER)), before, "it waits");
    // Who decides sees which key it is, and nobody sees the key.
    let shown = hers.page(&page);
    let after = print(&shown);
    assert!(
        after != before && shown.contains("server.replace"),
        "{shown}"
    );
    let part = key.lines().nth(2).unwrap();
    for text in [&shown, &format!("{:?}", outbox(&service)), &service.log()] {
        assert!(!text.contains(part), "{text}");
    }
    assert!(!holds(&service.data(), part), "it lies sealed");
    decide(&mut hers, &page, "deny", "not now").leads_to();
    assert_eq!(print(&mel.page(SERVER)), before);
    // What was secret is not kept to be asked for anew.
    assert!(!mel.page(&page).contains("value=\"again\""));
    assert_eq!(decide(&mut mel, &page, "again", "").status, 404);
    let page = page_of(&replace(&mut mel, &key));
    let twice = page_of(&replace(&mut mel, &key));
    // One that was asked for before is of a value that is not there any more.
    let late = page_of(&replace(&mut mel, &ssh_key("ed25519").0));
    decide(&mut hers, &page, "approve", "").leads_to();
    ended(&hers, &page, "executed");
    assert_eq!(print(&mel.page(SERVER)), after);
    // As a second try after a crash, it finds done what it would do.
    decide(&mut hers, &twice, "approve", "").leads_to();
    ended(&hers, &twice, "executed");
    assert!(hers.page(&twice).contains("It is that key."));
    decide(&mut hers, &late, "approve", "").leads_to();
    ended(&hers, &late, "failed");
    assert!(hers.page(&late).contains("it was left"));
    assert_eq!(print(&mel.page(SERVER)), after);
    // Who is alone, by mail and screen.
    let asked = replace(&mut hers, &ssh_key("ed25519").0);
    alone(&service, &hers, &asked);
    assert_ne!(print(&mel.page(SERVER)), after);
}

fn make(browser: &mut Browser, who: &str, role: &str) -> Answer {
    let people = browser.page("/members");
    let row = people
        .split(&format!("<th scope=\"row\">{who}</th>"))
        .nth(1);
    let who = hidden(row.unwrap(), "who");
    let fields: [(&str, &[u8]); 2] = [("who", who.as_bytes()), ("role", role.as_bytes())];
    browser.post("/members/role", &fields)
}

fn role(browser: &Browser, who: &str) -> String {
    let people = browser.page("/members");
    let row = people
        .split(&format!("<th scope=\"row\">{who}</th>"))
        .nth(1);
    let role = row.unwrap().split("data-label=\"Role\">").nth(1).unwrap();
    role.split('<').next().unwrap().to_owned()
}

#[test]
fn who_owns_an_organisation_is_said_by_two_of_its_owners() {
    let service = Service::start();
    let mut hers = with_server(&service);
    let mut mel = mel(&service, &mut hers);
    // A member says nothing of it, and sees no button.
    assert!(!mel.page("/members").contains("/members/role"));
    assert_eq!(make(&mut hers, ANN, "owner").status, 409);
    let last = make(&mut hers, ANN, "member");
    assert!(
        last.status == 409 && last.body.contains("always an owner"),
        "{}",
        last.body
    );
    // The only owner: by the link in her mail and the code on her screen.
    let asked = make(&mut hers, MEL, "owner");
    assert_eq!(role(&hers, MEL), "member");
    alone(&service, &hers, &asked);
    assert_eq!(role(&hers, MEL), "owner");
    assert!(mel.page("/members").contains("/members/role"));
    // From now on it takes both, whatever is asked.
    let page = page_of(&delete(&mut hers, SERVER));
    assert_eq!(decide(&mut hers, &page, "approve", "").status, 403);
    let page = page_of(&make(&mut hers, MEL, "member"));
    assert_eq!(decide(&mut hers, &page, "approve", "").status, 403);
    assert_eq!(role(&hers, MEL), "owner");
    decide(&mut mel, &page, "deny", "I stay").leads_to();
    let hers_of_mel = page_of(&make(&mut hers, MEL, "member"));
    let mels_of_her = page_of(&make(&mut mel, ANN, "member"));
    // Each lowers the other: one stays.
    decide(&mut mel, &hers_of_mel, "approve", "").leads_to();
    ended(&hers, &hers_of_mel, "executed");
    decide(&mut hers, &mels_of_her, "approve", "").leads_to();
    ended(&hers, &mels_of_her, "failed");
    assert!(
        hers.page(&mels_of_her)
            .contains("No other owner would be left.")
    );
    assert_eq!(
        (role(&hers, ANN), role(&hers, MEL)),
        ("owner".into(), "member".into())
    );
    assert_eq!(mel.post("/members/role", &[]).status, 403);
    assert!(
        service::actions(&service)
            .iter()
            .any(|of| of == "deploydesk.role")
    );
}
