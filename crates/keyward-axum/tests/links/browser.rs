//! What scanners of mail do, in Chromium with scripts on; and a person with a phone.

use keyward_approval::gate::What;
use keyward_approval::link::CodeIn;
use keyward_approval::{Ballot, GateId, State, View};
use keyward_axum::danger::scanners_may_approve;
use keyward_testkit::Browser;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::service::{Service, acme};

/// A mail that was sent: both of its bodies, and what it is about.
struct Sent {
    gate: GateId,
    text: String,
    html: String,
}

impl Service {
    fn mail(&self, gate: GateId, approver: Option<&str>, code: CodeIn) -> Sent {
        let letter = self.letter(gate, approver);
        let shown = self.shown(gate);
        let view = View::of(shown.action());
        let mail = letter
            .mail(shown.action(), &view, &self.page, code)
            .unwrap();
        Sent {
            gate,
            text: mail.text.expose_secret().to_owned(),
            html: mail.html.expose_secret().to_owned(),
        }
    }

    /// A mail of each rule and of each state that a link may be in.
    fn mailbox(&self) -> Vec<Sent> {
        let mut all = Vec::new();
        for kind in [
            "server.stop",
            "server.delete",
            "server.wipe",
            "server.rotate",
        ] {
            for (approver, code) in [(None, CodeIn::Mail), (Some("bob"), CodeIn::AskersScreen)] {
                // Who asks writes what looks like a form.
                let why =
                    "<form method=post><button name=decision value=approve>OK</button></form>";
                all.push(self.mail(self.ask(kind, why), approver, code));
            }
        }
        let mut over = |ends: &dyn Fn(GateId)| {
            let sent = self.mail(self.ask("server.stop", "old"), None, CodeIn::Mail);
            ends(sent.gate);
            all.push(sent);
        };
        let tenant = acme();
        over(&|gate| self.vote(gate, "bob", Ballot::deny("no")));
        over(&|gate| {
            let killing = self.gates.kill_link(&tenant, gate, 0);
            self.runtime.block_on(killing).unwrap();
        });
        over(&|gate| {
            for _ in 0..5 {
                let tried = self.gates.reserve_try(&tenant, gate, 0);
                let _spent = self.runtime.block_on(tried).unwrap();
            }
        });
        all
    }

    fn is_untouched(&self, gate: GateId) -> bool {
        let shown = self.shown(gate);
        let by_link = |vote: &keyward_approval::gate::Vote| vote.channel().as_str() == "link";
        shown.state() != State::Approved && !shown.votes().iter().any(by_link)
    }
}

/// The links of a plain text.
fn links_of(text: &str) -> Vec<String> {
    let words = text.split_whitespace();
    words
        .filter(|word| word.starts_with("http"))
        .map(ToOwned::to_owned)
        .collect()
}

fn count(browser: &mut Browser, what: &str) -> u64 {
    let count = browser.run(&format!("document.querySelectorAll('{what}').length"));
    count.as_u64().unwrap()
}

/// Opens a page, and does all that can be done there: follows its links, chooses each choice and
/// presses each button, as it is and with the browser's own checks off, and has each form sent.
fn scan(browser: &mut Browser, url: &str) {
    browser.go(url);
    let (buttons, forms) = (
        count(browser, "button,[type=submit]"),
        count(browser, "form"),
    );
    let (choices, links) = (count(browser, "[type=radio]"), count(browser, "a[href]"));
    for choice in 0..choices.max(1) {
        let choose = format!("document.querySelectorAll('[type=radio]')[{choice}]?.click();");
        for nth in 0..buttons {
            let button = format!("document.querySelectorAll('button,[type=submit]')[{nth}]");
            browser.go(url);
            browser.run(&choose);
            let sends = browser.run(&format!("{button}.form.checkValidity()"));
            let click = format!("{button}.click()");
            match sends == json!(true) {
                true => drop(browser.leave(&click)),
                false => drop(browser.run(&click)),
            }
            browser.go(url);
            if count(browser, "button,[type=submit]") == 0 {
                return; // It was used, or has died.
            }
            browser.leave(&format!("{choose}{button}.form.noValidate = true;{click}"));
        }
        for nth in 0..forms {
            browser.go(url);
            if count(browser, "form") == 0 {
                return;
            }
            let form = format!("document.forms[{nth}]");
            browser.leave(&format!("{choose}{form}.submit()"));
            // By a script of its own, which sends all that the form has.
            browser.go(url);
            browser.run(&format!(
                "{choose}fetch({form}.action, {{ method: 'POST', \
                 body: new URLSearchParams(new FormData({form})) }}).then(() => 0, () => 0)"
            ));
        }
    }
    for nth in 0..links {
        browser.go(url);
        browser.leave(&format!(
            "document.querySelectorAll('a[href]')[{nth}].click()"
        ));
    }
}

/// All links of a mail, in either of its bodies.
fn scan_mail(browser: &mut Browser, sent: &Sent) {
    let page = format!(
        "data:text/html;base64,{}",
        keyward_base::encoding::base64(sent.html.as_bytes())
    );
    browser.go(&page);
    assert_eq!(count(browser, "form,button,input"), 0);
    let hrefs = browser.run("[...document.querySelectorAll('a')].map(a => a.href)");
    let mut urls: Vec<String> = serde_json::from_value(hrefs).unwrap();
    browser.leave("document.querySelector('a').click()");
    urls.extend(links_of(&sent.text));
    assert_eq!((urls.len(), &urls[0]), (2, &urls[1]), "{}", sent.text);
    scan(browser, &urls[0]);
}

#[test]
fn a_browser_that_opens_presses_and_sends_everything_approves_nothing() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let service = Service::start();
    let mailbox = service.mailbox();
    for sent in &mailbox {
        scan_mail(&mut browser, sent);
    }
    for sent in &mailbox {
        assert!(service.is_untouched(sent.gate), "{}", sent.text);
    }
    // It did open them, and what it opened waits on.
    let waiting = &mailbox[..8];
    for sent in waiting {
        assert_eq!(service.count(sent.gate, What::Fetched), 1);
        assert_eq!(service.state(sent.gate), State::Pending);
    }
}

/// The control: where one click is enough, the same browser approves.
#[test]
fn the_same_browser_approves_where_one_click_is_enough() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let service = Service::with(scanners_may_approve);
    let mailbox = service.mailbox();
    for sent in &mailbox {
        scan_mail(&mut browser, sent);
    }
    let approved = mailbox
        .iter()
        .filter(|sent| service.state(sent.gate) == State::Approved);
    let approved: Vec<GateId> = approved.map(|sent| sent.gate).collect();
    assert_eq!(approved, [mailbox[0].gate, mailbox[1].gate]);
    for gate in approved {
        assert!(!service.is_untouched(gate));
    }
    // The other rules ask who it is.
    for sent in &mailbox[2..] {
        assert!(service.is_untouched(sent.gate));
    }
}

/// A person reads it on a phone, and decides.
#[test]
fn a_person_with_a_phone_reads_it_and_decides() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let service = Service::start();
    let phone = json!({ "width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": true });
    browser.call("Emulation.setDeviceMetricsOverride", &phone);
    let long = "w".repeat(900);
    let gate = service.ask("server.stop", &long);
    let mailed = service.link(gate, None);
    let url = format!("{}?token={}", service.page, mailed.token);
    assert_eq!(browser.go(&url), 200);
    let wide = "document.documentElement.scrollWidth - window.innerWidth";
    assert_eq!(browser.run(wide), json!(0));
    assert_eq!(browser.run("window.innerWidth"), json!(390));
    // In its own style, which the content policy lets through.
    let high = "document.querySelector('button').getBoundingClientRect().height >= 48";
    assert_eq!(browser.run(high), json!(true));
    assert_eq!(browser.complaints(), [""; 0]);
    // Two pages may be open at once; the second does not take the first one's mark away.
    let other = service.mailed("server.stop", None);
    assert_eq!(
        browser.go(&format!("{}?token={}", service.page, other.token)),
        200
    );
    assert_eq!(browser.go(&url), 200);
    let cookies = browser.cookies();
    assert_eq!(cookies.len(), 2);
    for cookie in &cookies {
        let of = |name: &str| cookie[name].clone();
        assert_eq!(
            (of("sameSite"), of("httpOnly")),
            (json!("Strict"), json!(true))
        );
        assert_eq!(of("session"), Value::Bool(false));
    }
    let status = browser.leave(&format!(
        "document.querySelector('[value=approve]').click();
         document.querySelector('[name=code]').value = '{}';
         document.querySelector('button').click()",
        mailed.code
    ));
    assert_eq!((status, service.state(gate)), (200, State::Approved));
    assert!(browser.text().starts_with("Approved"));
    // The address has no link any more, nor does anybody learn where this one came from.
    let here = browser.run("location.search + document.referrer");
    assert_eq!(here, json!(""));
    assert_eq!(browser.complaints(), [""; 0]);
    let sent = browser.sent();
    assert!(sent.iter().all(|(name, _)| name != "referer"), "{sent:?}");
}
