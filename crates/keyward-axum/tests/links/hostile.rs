//! Whoever sends a page what its form would not.

use std::sync::Mutex;

use keyward_approval::State;
use keyward_approval::gate::What;
use keyward_axum::RoutePolicy;

use crate::service::{Mailed, Page, Service};

/// Sends a form so often at once, each with another code; says what came of each.
fn codes_at_once(service: &Service, mailed: &Mailed, page: &Page, codes: &[String]) -> Vec<u16> {
    std::thread::scope(|scope| {
        let all: Vec<_> = codes
            .iter()
            .map(|code| {
                let fields = [
                    ("token", mailed.token.as_str()),
                    ("mark", &page.mark),
                    ("decision", "approve"),
                    ("code", code),
                ];
                let (to, request) = (service.to, service.request_of(&fields, &page.cookies));
                scope.spawn(move || crate::web::send(to, &request.0, request.1.as_bytes()).status)
            })
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

#[test]
fn sixty_four_codes_at_once_are_five_tries() {
    let service = Service::start();
    let mailed = service.mailed("server.stop", None);
    let page = service.open(&mailed, "");
    let wrong = (0..1_000_000).map(|code| format!("{code:06}"));
    let wrong: Vec<_> = wrong.filter(|code| *code != mailed.code).take(64).collect();
    let statuses = codes_at_once(&service, &mailed, &page, &wrong);
    let other = statuses.iter().filter(|status| **status == 403).count();
    let dead = statuses.iter().filter(|status| **status == 404).count();
    // To the last try, and to all that come after, the link is none.
    assert!(other <= 4 && other + dead == 64, "{statuses:?}");
    assert_eq!(service.count(mailed.gate, What::LinkDead), 1);
    let right = [mailed.code.clone()];
    assert_eq!(codes_at_once(&service, &mailed, &page, &right), [404]);
    assert_eq!(service.state(mailed.gate), State::Pending);
    assert_eq!(service.tried(mailed.gate), 5);
}

/// Whatever stands in an address decides nothing, however it is asked for.
#[test]
fn an_address_that_says_yes_decides_nothing() {
    let service = Service::start();
    let bob = service.sign_in("bob");
    for (kind, cookies) in [("server.stop", ""), ("server.delete", bob.as_str())] {
        let mailed = service.mailed(kind, None);
        let page = service.open(&mailed, cookies);
        let query = format!(
            "?token={}&mark={}&decision=approve&code={}",
            mailed.token, page.mark, mailed.code
        );
        for method in ["GET", "HEAD", "OPTIONS"] {
            service.ask_for(method, &query, &page.cookies);
        }
        assert_eq!(service.shown(mailed.gate).link(0).unwrap().tries_left, 5);
        assert_eq!(service.state(mailed.gate), State::Pending);
        // Nor is an address a part of the form that is sent to it.
        let body = "decision=approve";
        let own = format!("http://localhost:{}", service.to.port());
        let form = "application/x-www-form-urlencoded";
        let answer = service.post_to(&query, &own, form, &page.cookies, body);
        assert_eq!(answer.status, 404);
        assert_eq!(service.state(mailed.gate), State::Pending);
    }
}

static REPORTED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The link stands in its form, and nothing else that a page answers, or that is reported, has it or the
/// code.
#[test]
fn neither_link_nor_code_is_in_what_is_answered_or_reported() {
    let service = Service::mounted(
        |pages| pages,
        |guard, routes| {
            let guard = guard.clone().report(|error| {
                let text = format!("{error} {error:?}");
                REPORTED.lock().unwrap().push(text);
            });
            routes.layer(RoutePolicy::pages(&guard))
        },
    );
    let mailed = service.mailed("server.stop", Some("bob"));
    let right = ("code", mailed.code.as_str());
    let wrong = if mailed.code == "000000" {
        "000001"
    } else {
        "000000"
    };
    let (yes, wrong) = (("decision", "approve"), ("code", wrong));
    let page = service.open(&mailed, "");
    let token = ("token", mailed.token.as_str());
    let query = format!("?token={}", mailed.token);
    let unlike = service.send(&[token, yes, right], &page.cookies);
    let answers = [
        (200, service.open(&mailed, "").answer),
        (403, unlike),
        (422, service.answer_on(&page, &mailed, &[right])),
        (403, service.answer_on(&page, &mailed, &[yes, wrong])),
        (200, service.answer_on(&page, &mailed, &[yes, right])),
        (404, service.answer_on(&page, &mailed, &[yes, right])),
        (404, service.ask_for("GET", &query, "")),
    ];
    for (status, answer) in &answers {
        assert_eq!(answer.status, *status, "{answer:?}");
        let in_form = format!(
            "<input type=\"hidden\" name=\"token\" value=\"{}\">",
            mailed.token
        );
        let rest = answer.body.replace(&in_form, "");
        for secret in [&mailed.token, &mailed.code] {
            assert!(!rest.contains(secret), "{rest}");
            assert!(!format!("{:?}", answer.headers).contains(secret));
        }
    }
    let reported = REPORTED.lock().unwrap();
    assert!(reported.len() >= 3, "{reported:?}");
    for secret in [&mailed.token, &mailed.code, &page.mark] {
        assert!(!reported.concat().contains(secret), "{reported:?}");
    }
}
