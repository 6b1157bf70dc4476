//! What waits for an approval, and who gives it.

use super::browser::{
    Browser, PASSWORD, ann, hidden, link_to, logged_in, outbox, path_of, set_password,
};
use super::{Answer, Service, ssh_key, wait_until};

pub const MEL: &str = "mel@example.com";
pub const SERVER: &str = "/servers/deploy@web-1";

/// Ann, her server for production, and a set.
pub fn with_server(service: &Service) -> Browser {
    let mut hers = ann(service).browser;
    let key = ssh_key("ed25519").0;
    let fields: [(&str, &[u8]); 2] = [("id", b"deploy@web-1"), ("file", key.as_bytes())];
    hers.post("/servers", &fields).leads_to();
    let set: [(&str, &[u8]); 2] = [("id", b"shop"), ("secret", b"GREETING=hello")];
    hers.post("/environments", &set).leads_to();
    hers
}

/// One whom Ann invited.
pub fn mel(service: &Service, hers: &mut Browser) -> Browser {
    let invited = hers.post("/members/invite", &[("email", MEL.as_bytes())]);
    invited.leads_to();
    set_password(service, &link_to(service, MEL, 1), PASSWORD);
    logged_in(service, MEL)
}

pub fn delete(browser: &mut Browser, server: &str) -> Answer {
    let revision = hidden(&browser.page(server), "revision");
    let path = format!("{server}/delete");
    browser.post(&path, &[("revision", revision.as_bytes())])
}

pub fn decide(browser: &mut Browser, page: &str, what: &str, reason: &str) -> Answer {
    let fields: [(&str, &[u8]); 2] = [("do", what.as_bytes()), ("reason", reason.as_bytes())];
    browser.post(page, &fields)
}

/// The code that stands on the screen of who asked and is the only one who could approve it.
pub fn code(asked: &Answer) -> String {
    assert_eq!(asked.status, 200, "{}", asked.body);
    let after = asked.body.split("class=\"approval-code\"><code>").nth(1);
    let after = after.unwrap_or_else(|| panic!("no code: {}", asked.body));
    after.split('<').next().unwrap().to_owned()
}

/// The path of its page.
pub fn page_of(asked: &Answer) -> String {
    if asked.status == 303 {
        let to = asked.leads_to();
        return to.split('?').next().unwrap().to_owned();
    }
    let after = asked.body.split("class=\"button\" href=\"").nth(1).unwrap();
    after.split('"').next().unwrap().to_owned()
}

/// The newest link that was mailed to decide something.
pub fn link(service: &Service) -> String {
    let mails = outbox(service);
    let links = mails.iter().rev().flat_map(|mail| &mail.links);
    let mut links = links.filter(|link| link.contains("/approvals/by-link/"));
    path_of(links.next().expect("a link was mailed"))
}

/// Opens a mailed link in a browser, and answers as its form does.
pub fn answer(browser: &mut Browser, link: &str, decision: &str, code: &str) -> Answer {
    let opened = browser.get(link);
    assert_eq!(opened.status, 200, "{}", opened.body);
    browser.keep(&opened);
    let (token, mark) = (hidden(&opened.body, "token"), hidden(&opened.body, "mark"));
    let path = link.split('?').next().unwrap();
    let fields: [(&str, &[u8]); 5] = [
        ("token", token.as_bytes()),
        ("mark", mark.as_bytes()),
        ("decision", decision.as_bytes()),
        ("reason", b"because"),
        ("code", code.as_bytes()),
    ];
    browser.post(path, &fields)
}

/// Approves what somebody asked alone, by the link in his mail and the code on his screen, and waits until
/// it was done. Gives the path of its page.
pub fn alone(service: &Service, asker: &Browser, asked: &Answer) -> String {
    let (code, page) = (code(asked), page_of(asked));
    let mut phone = Browser::new(service);
    let said = answer(&mut phone, &link(service), "approve", &code);
    assert_eq!(said.status, 200, "{}", said.body);
    ended(asker, &page, "executed");
    page
}

/// Waits until the page says that state.
pub fn ended(browser: &Browser, page: &str, state: &str) {
    let badge = format!("\">{state}</span>");
    wait_until(|| browser.page(page).contains(&badge));
}

/// Has something done that the one who asks alone could approve: Ann, or, of the administration, its first
/// administrator.
pub fn done(service: &Service, path: &str, fields: &[(&str, &[u8])]) -> String {
    let asked = service.post(path, fields);
    alone(service, &super::browser::own(service, path), &asked)
}

/// The file of an export, once it was approved; or why it was not even asked for.
pub fn taken(service: &Service, path: &str, fields: &[(&str, &[u8])]) -> Answer {
    let asked = service.post(path, fields);
    if asked.status != 200 {
        return asked;
    }
    let page = alone(service, &super::browser::own(service, path), &asked);
    service.post(&format!("{page}/export"), &[])
}
