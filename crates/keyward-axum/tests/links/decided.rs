//! Who decides by a page, and by what.

use std::time::Duration;

use keyward_approval::gate::{Channel, Voter, What};
use keyward_approval::{GateId, State};
use keyward_axum::approval::MARK_LIFE;

use crate::service::{Mailed, Service, subject};

const APPROVE: (&str, &str) = ("decision", "approve");

fn is_open(service: &Service, gate: GateId) -> bool {
    let shown = service.shown(gate);
    shown.state() == State::Pending && shown.votes().is_empty()
}

/// A code that is not this link's.
fn other_code(mailed: &Mailed) -> &'static str {
    if mailed.code == "000000" {
        "000001"
    } else {
        "000000"
    }
}

#[test]
fn the_holder_of_the_link_decides_with_its_code() {
    let service = Service::start();
    let mailed = service.mailed("server.stop", None);
    let spaced = format!("{} {}", &mailed.code[..3], &mailed.code[3..]);
    let answer = service.answer(&mailed, "", &[APPROVE, ("code", &spaced)]);
    assert_eq!(answer.status, 200);
    assert!(answer.body.contains("<h1>Approved</h1>"), "{}", answer.body);
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.ends_with("Max-Age=0"), "{cookie}");
    let shown = service.shown(mailed.gate);
    assert_eq!(shown.state(), State::Approved);
    assert_eq!(*shown.votes()[0].voter(), Voter::Holder(0));
    assert_eq!(shown.votes()[0].channel(), Channel::Link);

    let mailed = service.mailed("server.stop", None);
    let code = ("code", mailed.code.as_str());
    let deny = ("decision", "deny");
    let answer = service.answer(&mailed, "", &[deny, code]);
    assert_eq!(answer.status, 422);
    assert!(is_open(&service, mailed.gate));
    let why = ("reason", "ask me on Monday");
    let answer = service.answer(&mailed, "", &[deny, code, why]);
    assert!(answer.body.contains("<h1>Denied</h1>"), "{}", answer.body);
    let shown = service.shown(mailed.gate);
    assert_eq!(shown.denial(), Some("ask me on Monday"));
}

#[test]
fn who_is_signed_in_decides_as_himself() {
    let service = Service::start();
    let bob = service.sign_in("bob");
    let mailed = service.mailed("server.delete", Some("bob"));
    let page = service.open(&mailed, &bob);
    assert!(page.answer.body.contains("<bdi>bob</bdi>"));
    assert!(!page.answer.body.contains("name=\"code\""));
    let answer = service.answer_on(&page, &mailed, &[APPROVE]);
    assert_eq!(answer.status, 200);
    let shown = service.shown(mailed.gate);
    assert_eq!(shown.state(), State::Approved);
    assert_eq!(*shown.votes()[0].voter(), Voter::Person(subject("bob")));

    // Two of a quorum, each by his own link.
    let gate = service.ask("server.wipe", "it is old");
    let (one, two) = (
        service.link(gate, Some("bob")),
        service.link(gate, Some("carol")),
    );
    let answer = service.answer(&one, &bob, &[APPROVE]);
    assert!(
        answer.body.contains("1 of 2 that it takes"),
        "{}",
        answer.body
    );
    assert_eq!(
        service
            .ask_for("GET", &format!("?token={}", one.token), &bob)
            .status,
        404
    );
    // Another link does not give him another vote.
    let again = service.link(gate, None);
    assert_eq!(service.answer(&again, &bob, &[APPROVE]).status, 403);
    let carol = service.sign_in("carol");
    let answer = service.answer(&two, &carol, &[APPROVE]);
    assert!(answer.body.contains("<h1>Approved</h1>"), "{}", answer.body);
}

#[test]
fn a_page_goes_by_the_rule_that_the_vote_is_judged_by() {
    const MINUTE: Duration = Duration::from_secs(60);
    // Who decides under the second rule has signed in within five minutes.
    let service = Service::with(|pages| {
        pages.fresh(|rule| match rule.name().as_str() {
            "lead" => Some(5 * MINUTE),
            _ => Some(60 * MINUTE),
        })
    });
    let bob = service.sign_in("bob");
    let mailed = service.mailed("server.move", Some("bob"));
    service.pass(9 * MINUTE);
    let before = service.open(&mailed, &bob);
    assert_ne!(before.mark, "");
    service.pass(2 * MINUTE);
    // Its time has come, and nobody else has asked for it.
    let page = service.open(&mailed, &bob);
    assert!(page.answer.body.contains("lead"), "{}", page.answer.body);
    assert_eq!(page.mark, "");
    let answer = service.answer_on(&before, &mailed, &[APPROVE]);
    assert_eq!(answer.status, 403);
    assert!(is_open(&service, mailed.gate));
    let anew = service.sign_in("bob");
    let answer = service.answer(&mailed, &anew, &[APPROVE]);
    assert!(answer.body.contains("<h1>Approved</h1>"), "{}", answer.body);
}

#[test]
fn a_page_that_was_open_for_too_long_decides_nothing_whatever_the_browser_keeps() {
    let service = Service::start();
    let mailed = service.mailed("server.stop", None);
    let code = ("code", mailed.code.as_str());
    let page = service.open(&mailed, "");
    service.pass(MARK_LIFE + Duration::from_millis(1));
    let answer = service.answer_on(&page, &mailed, &[APPROVE, code]);
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("open for too long"), "{}", answer.body);
    assert!(is_open(&service, mailed.gate));
    // Nor with a time of its own choice.
    for time in ["AAAAAAAAAA", "AAABm3a9", "________"] {
        let mark = format!("{time}{}", &page.mark[time.len()..]);
        let cookies = page.cookies.replace(&page.mark, &mark);
        let fields = [
            ("token", mailed.token.as_str()),
            ("mark", &mark),
            APPROVE,
            code,
        ];
        assert_eq!(service.send(&fields, &cookies).status, 403, "{time}");
    }
    assert!(is_open(&service, mailed.gate));
    let page = service.open(&mailed, "");
    service.pass(MARK_LIFE);
    let answer = service.answer_on(&page, &mailed, &[APPROVE, code]);
    assert!(answer.body.contains("<h1>Approved</h1>"), "{}", answer.body);
}

#[test]
fn nobody_else_decides() {
    let service = Service::start();
    let bob = service.sign_in("bob");
    let mailed = service.mailed("server.delete", Some("bob"));
    let code = ("code", mailed.code.as_str());
    let [globex, others] = service.sign_in_elsewhere("bob");
    // Nobody; another; one of another tenant; one who came in by another door. The code is good for
    // nothing under this rule.
    for cookies in ["", &service.sign_in("carol"), &globex, &others] {
        let page = service.open(&mailed, cookies);
        assert_eq!(page.mark, "", "{cookies}");
        let mark = service.open(&mailed, &bob);
        let own = mark.cookies.rsplit("; ").next().unwrap();
        let both = format!("{cookies}; {own}");
        let fields = [
            ("token", mailed.token.as_str()),
            ("mark", &mark.mark),
            APPROVE,
            code,
        ];
        let answer = service.send(&fields, both.trim_start_matches("; "));
        assert_eq!(answer.status, 403, "{cookies}");
        assert!(is_open(&service, mailed.gate));
    }
    // Who may not, and whose ask it is.
    let open = service.mailed("server.delete", None);
    let eve = service.sign_in("eve");
    assert_eq!(service.answer(&open, &eve, &[APPROVE]).status, 403);
    let own = service.mailed("server.wipe", None);
    let ada = service.sign_in("ada");
    let answer = service.answer(&own, &ada, &[APPROVE]);
    assert!(
        answer.status == 403 && answer.body.contains("you who asked"),
        "{}",
        answer.body
    );
    // Who signed in too long ago.
    service.pass(Duration::from_secs(15 * 60));
    let page = service.open(&mailed, &bob);
    assert_ne!(page.mark, "");
    service.pass(Duration::from_secs(1));
    assert_eq!(service.answer_on(&page, &mailed, &[APPROVE]).status, 403);
    assert!(is_open(&service, mailed.gate));
    // Under a rule with passkeys there is no form, for anybody.
    let bob = service.sign_in("bob");
    let key = service.mailed("server.rotate", Some("bob"));
    let page = service.open(&key, &bob);
    assert!(page.mark.is_empty() && page.answer.body.contains("passkey"));
    for gate in [mailed.gate, open.gate, own.gate, key.gate] {
        assert!(is_open(&service, gate));
    }
}

#[test]
fn a_session_that_lives_may_be_enough() {
    let service = Service::with(|pages| {
        pages.fresh(|rule| match rule.name().as_str() {
            "one" => None,
            _ => Some(Duration::from_secs(60)),
        })
    });
    let bob = service.sign_in("bob");
    service.pass(Duration::from_secs(3_600));
    let (one, two) = (
        service.mailed("server.delete", None),
        service.mailed("server.wipe", None),
    );
    assert_eq!(service.answer(&two, &bob, &[APPROVE]).status, 403);
    assert_eq!(service.answer(&one, &bob, &[APPROVE]).status, 200);
}

#[test]
fn five_tries_of_a_code_kill_the_link() {
    let service = Service::start();
    let mailed = service.mailed("server.stop", None);
    let page = service.open(&mailed, "");
    let wrong = ("code", other_code(&mailed));
    // What is no code takes no try.
    for none in ["", "12345", "1234567", "12345a"] {
        let answer = service.answer_on(&page, &mailed, &[APPROVE, ("code", none)]);
        assert_eq!(answer.status, 422, "{none}");
    }
    for left in (1..5).rev() {
        let answer = service.answer_on(&page, &mailed, &[APPROVE, wrong]);
        assert_eq!(answer.status, 403);
        assert!(
            answer.body.contains(&format!("Tries left: {left}.")),
            "{}",
            answer.body
        );
    }
    let answer = service.answer_on(&page, &mailed, &[APPROVE, wrong]);
    assert_eq!(answer.status, 404);
    let right = ("code", mailed.code.as_str());
    let answer = service.answer_on(&page, &mailed, &[APPROVE, right]);
    assert_eq!(answer.status, 404);
    assert!(is_open(&service, mailed.gate));
    assert_eq!(service.count(mailed.gate, What::LinkDead), 1);
    // The last try is one.
    let mailed = service.mailed("server.stop", None);
    let page = service.open(&mailed, "");
    for _ in 0..4 {
        let wrong = ("code", other_code(&mailed));
        assert_eq!(
            service.answer_on(&page, &mailed, &[APPROVE, wrong]).status,
            403
        );
    }
    let right = ("code", mailed.code.as_str());
    assert_eq!(
        service.answer_on(&page, &mailed, &[APPROVE, right]).status,
        200
    );
}

#[test]
fn a_form_without_the_mark_of_its_page_is_refused() {
    let service = Service::start();
    let gate = service.ask("server.stop", "it is old");
    let (mailed, sibling) = (service.link(gate, None), service.link(gate, None));
    let (page, beside) = (service.open(&mailed, ""), service.open(&sibling, ""));
    let other = service.open(&service.mailed("server.stop", None), "");
    let again = service.open(&mailed, "");
    let code = ("code", mailed.code.as_str());
    let name = page.cookies.split('=').next().unwrap().to_owned();
    let of = |mark: &str| format!("{name}={mark}");
    let flipped = page.mark.replace(
        &page.mark[..1],
        if page.mark.starts_with('A') { "B" } else { "A" },
    );
    for (mark, cookies, what) in [
        (page.mark.as_str(), String::new(), "no cookie"),
        ("", page.cookies.clone(), "no field"),
        ("", of(""), "both empty"),
        (
            again.mark.as_str(),
            page.cookies.clone(),
            "that of another opening",
        ),
        (
            other.mark.as_str(),
            of(&other.mark),
            "that of another gate, in both",
        ),
        (
            beside.mark.as_str(),
            of(&beside.mark),
            "that of another slot, in both",
        ),
        (
            other.mark.as_str(),
            other.cookies.clone(),
            "another gate's cookie",
        ),
        (flipped.as_str(), of(&flipped), "one that nobody made"),
        (
            page.mark.as_str(),
            format!("{0}; {0}", page.cookies),
            "twice",
        ),
    ] {
        let fields = [
            ("token", mailed.token.as_str()),
            ("mark", mark),
            APPROVE,
            code,
        ];
        let answer = service.send(&fields, &cookies);
        assert_eq!(answer.status, 403, "{what}");
        assert!(is_open(&service, gate), "{what}");
    }
    // None of that took a try.
    assert_eq!(service.shown(gate).link(0).unwrap().tries_left, 5);
    // Both pages may be open at once.
    let both = format!("{}; {}", beside.cookies, page.cookies);
    let fields = [
        ("token", mailed.token.as_str()),
        ("mark", &page.mark),
        APPROVE,
        code,
    ];
    assert_eq!(service.send(&fields, &both).status, 200);
}

#[test]
fn a_form_of_another_origin_is_refused() {
    other_origins(&Service::start());
}

/// The pages ask by themselves, whatever stands before them, and whether or not a session is looked for.
#[test]
fn a_form_of_another_origin_is_refused_without_a_layer_too() {
    let service = Service::bare();
    let answer = service
        .open(&service.mailed("server.stop", None), "")
        .answer;
    assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    other_origins(&service);
}

fn other_origins(service: &Service) {
    let mailed = service.mailed("server.stop", None);
    let page = service.open(&mailed, "");
    let (mark, code) = (("mark", page.mark.as_str()), ("code", mailed.code.as_str()));
    let fields = [("token", mailed.token.as_str()), mark, APPROVE, code];
    let port = service.to.port();
    let other = format!("http://localhost:{}", port ^ 1);
    let tls = format!("https://localhost:{port}");
    for origin in ["http://evil.example", "null", &other, &tls] {
        assert_eq!(
            service.send_from(origin, &fields, &page.cookies).status,
            403,
            "{origin}"
        );
    }
    let host = format!("evil.example:{port}");
    let head = format!(
        "GET /approvals/acme?token={} HTTP/1.1\nHost: {host}",
        mailed.token
    );
    assert_eq!(crate::web::send(service.to, &head, b"").status, 421);
    assert!(is_open(service, mailed.gate));
    assert_eq!(service.send(&fields, &page.cookies).status, 200);
}

#[test]
fn what_is_no_form_is_refused_and_bounded() {
    let service = Service::start();
    let mailed = service.mailed("server.stop", None);
    let page = service.open(&mailed, "");
    let own = format!("http://localhost:{}", service.to.port());
    let form = "application/x-www-form-urlencoded";
    let whole = format!(
        "token={}&mark={}&decision=approve&code={}",
        mailed.token, page.mark, mailed.code
    );
    let long = format!("{whole}&reason={}", "a".repeat(16 * 1024));
    let twice = format!("{whole}&decision=deny");
    for (kind, body, status) in [
        ("application/json", whole.as_str(), 415),
        ("multipart/form-data; boundary=x", &whole, 415),
        (form, "%zz", 400),
        (form, &twice, 400),
        (form, &long, 413),
    ] {
        let answer = service.post(&own, kind, &page.cookies, body);
        assert_eq!(answer.status, status, "{body}");
        assert_eq!(answer.header("x-robots-tag").map(|_| ()), Some(()));
    }
    let fields = [
        ("reason", &*"a".repeat(2_001)),
        APPROVE,
        ("code", &mailed.code),
    ];
    assert_eq!(service.answer_on(&page, &mailed, &fields).status, 422);
    let fields = [("decision", "perhaps"), ("code", &*mailed.code)];
    assert_eq!(service.answer_on(&page, &mailed, &fields).status, 422);
    assert!(is_open(&service, mailed.gate));
    let query = format!("?token={}", mailed.token);
    for method in ["PUT", "DELETE", "PATCH"] {
        let answer = service.ask_for(method, &query, &page.cookies);
        assert!(matches!(answer.status, 403 | 405), "{method}");
    }
    assert!(is_open(&service, mailed.gate));
}

/// A body that is said to be long is not waited for.
#[test]
fn no_more_of_a_body_is_read_than_a_form_has() {
    let service = Service::bare();
    let port = service.to.port();
    let head = format!(
        "POST /approvals/acme HTTP/1.1\nHost: localhost:{port}\n\
         Origin: http://localhost:{port}\nContent-Length: 16385\n\
         Content-Type: application/x-www-form-urlencoded"
    );
    assert_eq!(crate::web::send(service.to, &head, b"token=").status, 413);
}

#[test]
fn of_posts_at_once_one_is_a_vote() {
    let service = Service::start();
    let mailed = service.mailed("server.stop", None);
    let page = service.open(&mailed, "");
    // As many as there are tries: more would kill the link of their own.
    let statuses: Vec<u16> = at_once(4, || {
        let code = ("code", mailed.code.as_str());
        raw(
            &service,
            &mailed,
            &page.mark,
            &page.cookies,
            &[APPROVE, code],
        )
    });
    let won = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!(won, 1, "{statuses:?}");
    assert_eq!(service.shown(mailed.gate).votes().len(), 1);

    let bob = service.sign_in("bob");
    let gate = service.ask("server.wipe", "it is old");
    let one = service.link(gate, Some("bob"));
    let page = service.open(&one, &bob);
    let statuses = at_once(16, || {
        raw(&service, &one, &page.mark, &page.cookies, &[APPROVE])
    });
    let won = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!(
        (won, service.shown(gate).votes().len()),
        (1, 1),
        "{statuses:?}"
    );
    assert_eq!(service.state(gate), State::Pending);
}

fn at_once(count: usize, send: impl Fn() -> Vec<u8>) -> Vec<u16> {
    let all: Vec<Vec<u8>> = (0..count).map(|_| send()).collect();
    let to = all.first().unwrap().clone();
    drop(to);
    std::thread::scope(|scope| {
        let all: Vec<_> = all
            .into_iter()
            .map(|request| scope.spawn(move || status_of(&request)))
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    })
}

/// The request of a form, whole, behind the port that it goes to.
fn raw(
    service: &Service,
    mailed: &Mailed,
    mark: &str,
    cookies: &str,
    more: &[(&str, &str)],
) -> Vec<u8> {
    let port = service.to.port();
    let more: Vec<String> = more
        .iter()
        .map(|(name, value)| format!("&{name}={value}"))
        .collect();
    let body = format!("token={}&mark={mark}{}", mailed.token, more.concat());
    let head = format!(
        "POST /approvals/acme HTTP/1.1\r\nHost: localhost:{port}\r\n\
         Origin: http://localhost:{port}\r\nCookie: {cookies}\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut out = port.to_be_bytes().to_vec();
    out.extend_from_slice(head.as_bytes());
    out
}

fn status_of(request: &[u8]) -> u16 {
    use std::io::{Read as _, Write as _};
    let port = u16::from_be_bytes([request[0], request[1]]);
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(&request[2..]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn an_outage_is_no_answer() {
    let service = Service::start();
    let mailed = service.mailed("server.stop", None);
    let page = service.open(&mailed, "");
    service.store.set_down(true);
    let code = ("code", mailed.code.as_str());
    let answer = service.answer_on(&page, &mailed, &[APPROVE, code]);
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());
    let query = format!("?token={}", mailed.token);
    assert_eq!(service.ask_for("GET", &query, "").status, 503);
    // What is no link of ours is told so without it.
    assert_eq!(service.ask_for("GET", "?token=kwl_x", "").status, 404);
    service.store.set_down(false);
    assert_eq!(
        service.answer_on(&page, &mailed, &[APPROVE, code]).status,
        200
    );
}

/// Whose own ask it is decides it by the code, where the rule takes that, and by no session of his.
#[test]
fn who_asked_is_asked_for_the_code_and_has_no_say_without() {
    let service = Service::start();
    let ada = service.sign_in("ada");
    let mailed = service.mailed("server.stop", None);
    let page = service.open(&mailed, &ada);
    assert!(page.answer.body.contains("name=\"code\""));
    let answer = service.answer_on(&page, &mailed, &[APPROVE, ("code", &mailed.code)]);
    assert_eq!(answer.status, 200);
    let shown = service.shown(mailed.gate);
    assert_eq!(*shown.votes()[0].voter(), Voter::Holder(0));
    // A link without a code asks for none, and who asked is told why.
    let bare = service.without_code(service.ask("server.stop", "it is old"));
    let page = service.open(&bare, &ada);
    assert!(page.mark.is_empty() && page.answer.body.contains("you who asked"));
    let page = service.open(&bare, "");
    assert!(page.mark.is_empty() && page.answer.body.contains("say who you are"));
    // What is approved can be denied, and no more.
    let gate = service.ask("server.delete", "it is old");
    let (one, two) = (service.link(gate, None), service.link(gate, None));
    let bob = service.sign_in("bob");
    assert!(
        service
            .open(&two, &bob)
            .answer
            .body
            .contains("value=\"approve\"")
    );
    assert_eq!(service.answer(&one, &bob, &[APPROVE]).status, 200);
    let page = service.open(&two, &bob);
    assert!(page.answer.body.contains("value=\"deny\""));
    assert!(!page.answer.body.contains("value=\"approve\""));
}
