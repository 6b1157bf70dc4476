//! Behind a proxy: whose limits a request counts in.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(clippy::arithmetic_side_effects, missing_docs, unreachable_pub)]

mod service;

use std::io::Read as _;
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

use service::{Answer, Service, command, send};
use tempfile::TempDir;

const ORIGIN: (&str, &str) = ("DEPLOYDESK_PUBLIC_ORIGIN", "https://desk.example.com");

/// A form as the proxy passes it on for a client, with what that client wrote itself before.
fn asked(service: &Service, forwarded: &str, path: &str, body: &str) -> Answer {
    let head = format!(
        "POST {path} HTTP/1.1\nHost: desk.example.com\nX-Forwarded-For: {forwarded}\n\
         Origin: https://desk.example.com\nSec-Fetch-Site: same-origin\nContent-Length: {}\n\
         Content-Type: application/x-www-form-urlencoded",
        body.len()
    );
    send(service.addr, &head, body.as_bytes())
}

/// Asks for mails until there are no more for that client; how many there were.
fn mails(service: &Service, forwarded: impl Fn(usize) -> String) -> usize {
    let asks = |n: usize| {
        let body = format!("email=p{n}%40{}.example.com", service::random(8));
        asked(service, &forwarded(n), "/forgot", &body).status
    };
    (0..30).take_while(|n| asks(*n) == 303).count()
}

#[test]
fn each_client_behind_a_trusted_proxy_has_limits_of_its_own() {
    let trusted = ("DEPLOYDESK_TRUSTED_PROXIES", "192.0.2.0/28, 127.0.0.1");
    let service = Service::start_with(TempDir::new().unwrap(), &[ORIGIN, trusted]);
    assert!(!service.log().contains("DEPLOYDESK_TRUSTED_PROXIES"));
    // What a client wrote itself stands further left, and changes nothing.
    let spoofed = |n: usize| format!("10.0.0.{n}, 203.0.113.7");
    assert_eq!(mails(&service, spoofed), 20);
    let later = asked(
        &service,
        "203.0.113.7",
        "/forgot",
        "email=late%40example.com",
    );
    let wait: u64 = later.header("retry-after").unwrap().parse().unwrap();
    assert!(later.status == 429 && (1..=3600).contains(&wait), "{wait}");
    assert_eq!(mails(&service, |_| "203.0.113.8".to_owned()), 20);
    // All of a household's /64 are one.
    assert_eq!(mails(&service, |n| format!("2001:db8:1:2::{n:x}")), 20);
    // And who fails to log in fails for himself.
    let wrong = |from: &str| {
        let body = "email=ann%40example.com&password=seven+wrong+lanterns";
        asked(&service, from, "/login", body)
    };
    let tries = (0..30).map(|_| wrong("203.0.113.9").status);
    assert_eq!(tries.take_while(|status| *status == 401).count(), 10);
    assert!(wrong("203.0.113.9").header("retry-after") > Some("0"));
    assert_eq!(wrong("203.0.113.10").status, 401);
}

/// Behind two proxies the client is who the first saw, and nobody chooses who he is by what he writes.
#[test]
fn behind_two_proxies_each_client_has_limits_of_its_own() {
    let trusted = ("DEPLOYDESK_TRUSTED_PROXIES", "192.0.2.0/28, 127.0.0.1");
    let hops = ("DEPLOYDESK_PROXY_HOPS", "2");
    let service = Service::start_with(TempDir::new().unwrap(), &[ORIGIN, trusted, hops]);
    for client in ["203.0.113.7", "203.0.113.8"] {
        let through = |n: usize| format!("10.0.0.{n}, {client}, 192.0.2.1");
        assert_eq!(mails(&service, through), 20, "{client}");
    }
}

#[test]
fn a_proxy_holds_as_many_connections_as_there_are() {
    let trusted = ("DEPLOYDESK_TRUSTED_PROXIES", "127.0.0.1");
    // One that is named, and one that is not.
    for variables in [&[ORIGIN, trusted][..], &[ORIGIN]] {
        let service = Service::start_with(TempDir::new().unwrap(), variables);
        let held: Vec<_> = (0..80)
            .map(|_| TcpStream::connect(service.addr).unwrap())
            .collect();
        let head = "GET /healthz HTTP/1.1\nHost: desk.example.com\nX-Forwarded-For: 192.0.2.1";
        assert_eq!(send(service.addr, head, b"").status, 200);
        assert_eq!(held.len(), 80);
    }
    // Another that is named makes this one a client.
    let other = ("DEPLOYDESK_TRUSTED_PROXIES", "192.0.2.1");
    let service = Service::start_with(TempDir::new().unwrap(), &[ORIGIN, other]);
    let mut held: Vec<_> = (0..80)
        .map(|_| TcpStream::connect(service.addr).unwrap())
        .collect();
    let mut last = held.pop().unwrap();
    last.set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    assert!(!matches!(last.read(&mut [0]), Err(e) if e.kind() == std::io::ErrorKind::WouldBlock));
}

#[test]
fn without_a_word_on_proxies_all_are_one_client_and_a_line_says_so() {
    let service = Service::start_with(TempDir::new().unwrap(), &[ORIGIN]);
    assert!(
        service
            .log()
            .contains("DEPLOYDESK_TRUSTED_PROXIES is not set")
    );
    assert_eq!(mails(&service, |n| format!("203.0.113.{n}")), 20);
    // On this machine alone there is no proxy to name.
    let local = Service::start();
    assert!(!local.log().contains("DEPLOYDESK_TRUSTED_PROXIES"));
}

#[test]
fn networks_that_are_none_are_refused_with_what_to_write() {
    let many = vec!["192.0.2.1"; 257].join(",");
    let folder = TempDir::new().unwrap();
    for (proxies, hops) in [
        ("127.0.0.1", "0"),
        ("127.0.0.1", "9"),
        ("127.0.0.1", "two"),
        ("", "1"),
    ] {
        let child = command(folder.path(), "127.0.0.1:0")
            .env("DEPLOYDESK_TRUSTED_PROXIES", proxies)
            .env("DEPLOYDESK_PROXY_HOPS", hops)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert!(!ended.status.success(), "{hops}");
        assert!(said.contains("DEPLOYDESK_PROXY_HOPS must be"), "{said}");
    }
    for wrong in [
        "proxy",
        ",",
        "10.0.0.0/8,",
        "10.0.0.0/33",
        "0.0.0.0/0",
        "10.0.0.0/7",
        "10.0.0.1:80",
        "2001:db8::/129",
        "10.0.0.1;10.0.0.2",
        &many,
    ] {
        let mut child = command(folder.path(), "127.0.0.1:0")
            .env("DEPLOYDESK_TRUSTED_PROXIES", wrong)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        assert!(!child.wait().unwrap().success(), "{wrong}");
        let mut said = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        assert!(
            said.contains("DEPLOYDESK_TRUSTED_PROXIES must be"),
            "{wrong}: {said}"
        );
        assert!(said.contains("such as"), "{said}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
