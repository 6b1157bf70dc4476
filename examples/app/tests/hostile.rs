//! Requests that are broken off, processes that are killed, starts at once, and names that mislead.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(clippy::arithmetic_side_effects, missing_docs, unreachable_pub)]

mod service;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use keyward_base::{Door, Subject, Tenant};
use keyward_embedded::{Home, HomeDir, Options, RootSource};
use keyward_password::{DirectoryRows, Identifier, Realm};
use keyward_store::Stores;
use service::browser::{
    ADMIN, ANN, Browser, PASSWORD, admin, ann, hidden, logged_in, outbox, path_of,
};
use service::{Service, actions, entries, percent, wait_until};

const OTHER: &str = "nine grey herons above a frozen canal";

#[test]
fn a_change_whose_client_goes_away_has_its_end() {
    let service = Service::start();
    let browser = ann(&service).browser;
    let body = format!(
        "current={}&password={}",
        percent(PASSWORD.as_bytes()),
        percent(OTHER.as_bytes())
    );
    let checks = || {
        let all = actions(&service);
        all.iter().filter(|of| *of == "login.ok").count()
    };
    let before = checks();
    let mut stream = TcpStream::connect(service.addr).unwrap();
    write!(
        stream,
        "POST /account/password HTTP/1.1\r\nHost: {}\r\nSec-Fetch-Site: same-origin\r\nContent-Type: \
         application/x-www-form-urlencoded\r\nContent-Length: {}{}\r\n\r\n{body}",
        service.addr,
        body.len(),
        browser.line().replace('\n', "\r\n"),
    )
    .unwrap();
    // As when a button is pressed twice: the first request is taken back, while it is at work.
    wait_until(|| checks() > before);
    drop(stream);
    wait_until(|| {
        outbox(&service)
            .iter()
            .any(|mail| mail.to == ANN && mail.subject.contains("password was changed"))
    });
    assert_eq!(browser.get("/overview").status, 401);
    let mut again = Browser::new(&service);
    again.log_in("/login", ANN, OTHER).leads_to();
}

/// The token of the link that a start prints, and its path.
fn first(service: &Service) -> (String, String) {
    let said = service.says().unwrap();
    let path = path_of(said.split(' ').next_back().unwrap());
    let token = path.split_once('=').unwrap().1.to_owned();
    (token, path)
}

fn make(service: &Service, token: &str, email: &str) -> u16 {
    let fields = [
        ("token", token.as_bytes()),
        ("email", email.as_bytes()),
        ("password", PASSWORD.as_bytes()),
    ];
    Browser::new(service).post("/admin/first", &fields).status
}

#[test]
fn of_two_processes_one_link_makes_one_administrator() {
    let service = Service::start();
    let (lost, lost_path) = first(&service);
    let beside = Service::beside(&service);
    let (token, path) = first(&beside);
    for process in [&service, &beside] {
        assert_eq!(Browser::new(process).get(&lost_path).status, 404);
        assert_eq!(Browser::new(process).get(&path).status, 200);
        assert_eq!(make(process, &lost, "lost@example.com"), 401);
    }
    let made: Vec<_> = std::thread::scope(|scope| {
        let both = [&service, &beside, &service, &beside];
        let (make, token) = (&make, &token);
        let tries: Vec<_> = both
            .into_iter()
            .enumerate()
            .map(|(n, process)| {
                scope.spawn(move || {
                    let email = format!("admin{n}@example.com");
                    (make(process, token, &email), email)
                })
            })
            .collect();
        tries.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let won: Vec<_> = made.iter().filter(|(status, _)| *status == 303).collect();
    assert_eq!(won.len(), 1, "{made:?}");
    let mut administrator = Browser::new(&service);
    administrator
        .log_in("/admin/login", &won[0].1, PASSWORD)
        .leads_to();
    assert_eq!(administrator.get("/admin").status, 200);
    for (status, email) in &made {
        if *status != 303 {
            assert_eq!(*status, 401);
            let mut none = Browser::new(&service);
            assert_eq!(none.log_in("/admin/login", email, PASSWORD).status, 401);
        }
    }
    for process in [&service, &beside] {
        assert_eq!(Browser::new(process).get(&path).status, 404);
        assert_eq!(make(process, &token, "late@example.com"), 401);
    }
}

#[test]
fn a_kill_while_the_first_administrator_is_made_costs_nothing() {
    // What lies there then: his address leads somewhere, and he is nobody.
    let folder = Service::start().stop();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut options = Options::with_root(RootSource::File);
        options.anchor = Some(folder.path().join("anchor"));
        let dir = HomeDir::at(folder.path().join("data"));
        let home = Home::open(&dir, &options).await.unwrap();
        let store: Arc<dyn Stores> = home.data().clone();
        let directory = DirectoryRows::builder(store, home.keyring().clone());
        let directory = directory.build().await.unwrap();
        let tenant = Tenant::new("administrators").unwrap();
        let realm = Realm {
            door: Door::new("admins"),
            tenant: tenant.clone(),
        };
        let address = Identifier::email(ADMIN).unwrap();
        let subject = Subject::new("u-left").unwrap();
        let entered = directory.insert(&realm, &address, &subject, &tenant);
        assert!(entered.await.unwrap());
    });
    let service = Service::start_in(folder);
    assert_eq!(admin(&service).get("/admin").status, 200);
}

#[test]
fn who_invites_and_who_renames_is_on_record() {
    let service = Service::start();
    let mut hers = ann(&service).browser;
    let by = |action: &str| {
        let all = entries(&service);
        let mut of = all.iter().filter(|entry| entry.contains(action));
        of.next().cloned().unwrap_or_default()
    };
    hers.post("/members/invite", &[("email", b"bob@example.com")])
        .leads_to();
    assert!(by("deploydesk.invite").contains(&service.ann()));
    hers.post("/members/rename", &[("name", b"Shop")])
        .leads_to();
    assert!(by("deploydesk.rename").contains(&service.ann()));
    assert!(!by("deploydesk.rename").contains("Shop"));
    let mut administrator = admin(&service);
    administrator
        .post("/admin/invite", &[("email", b"eve@example.com")])
        .leads_to();
    let page = administrator.page("/admin/account");
    let himself = page.split("<code>").nth(2).unwrap();
    let himself = himself.split('<').next().unwrap();
    assert!(by("deploydesk.invite").contains(himself));
    assert!(
        administrator
            .page("/admin/logins")
            .contains("deploydesk.invite")
    );
}

#[test]
fn a_name_turns_nothing_around() {
    let service = Service::start();
    let mut hers = ann(&service).browser;
    let name = "\u{202e}po\u{2066}hS\u{200f}\u{7}";
    hers.post("/members/rename", &[("name", name.as_bytes())])
        .leads_to();
    assert!(hers.page("/overview").contains("<strong>pohS</strong>"));
    for none in ["", "  ", "\u{202e}\u{2066} "] {
        let refused = hers.post("/members/rename", &[("name", none.as_bytes())]);
        assert_eq!(refused.status, 422, "{none:?}");
    }
    assert!(hers.page("/overview").contains("<strong>pohS</strong>"));
}

#[test]
fn a_proof_of_one_door_and_one_organisation_is_none_of_another() {
    let service = Service::start();
    let mut hers = ann(&service).browser;
    let mut administrator = admin(&service);
    // A link says at which door it is of use.
    administrator
        .post("/admin/invite", &[("email", b"eve@example.com")])
        .leads_to();
    hers.post("/members/invite", &[("email", b"mel@example.com")])
        .leads_to();
    for (email, other) in [
        ("eve@example.com", "/password"),
        ("mel@example.com", "/admin/password"),
    ] {
        let path = service::browser::link_to(&service, email, 1);
        let token = path.split_once('=').unwrap().1;
        let fields = [
            ("token", token.as_bytes()),
            ("password", PASSWORD.as_bytes()),
        ];
        let elsewhere = format!("{other}?token={token}");
        assert_eq!(Browser::new(&service).get(&elsewhere).status, 404);
        assert_eq!(Browser::new(&service).post(other, &fields).status, 401);
        // Nor is it of use as another kind of link.
        for form in ["/email", "/enter", "/admin/email"] {
            assert_eq!(Browser::new(&service).post(form, &fields).status, 401);
        }
        let page = Browser::new(&service).page(&path);
        assert_eq!(hidden(&page, "token"), token);
    }
    assert_eq!(logged_in(&service, ANN).get("/overview").status, 200);
}

#[test]
fn one_address_has_so_many_connections_and_no_more() {
    let service = Service::start();
    let mut all: Vec<_> = (0..80)
        .map(|_| TcpStream::connect(service.addr).unwrap())
        .collect();
    let mut last = all.pop().unwrap();
    last.set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let closed = last.read(&mut [0]);
    assert!(
        matches!(closed, Ok(0))
            || closed.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset)
    );
}
