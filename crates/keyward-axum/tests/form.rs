//! Forms that carry secrets, over real HTTP on loopback.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub)]

mod web;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::routing::post;
use keyward_axum::{Failure, Origins, RoutePolicy, SecretForm, WebGuard};
use web::{Answer, send, serve};

/// Answers with what it read: the trimmed text, the secret's bytes, and what `Debug` shows.
/// `Debug` names no field: what was pasted in the wrong place may be one.
async fn echo(mut form: SecretForm) -> Result<String, Failure> {
    let debug = format!("{form:?}");
    let text = form.text("name").map_err(Failure::input)?;
    let secret = form.secret("key");
    Ok(format!(
        "{text}|{:?}|{debug}|{}",
        secret.expose(),
        form.secret("key").is_empty()
    ))
}

fn start() -> SocketAddr {
    let guard = WebGuard::new(Origins::loopback());
    let policy = RoutePolicy::pages(&guard).body_limit(10_000);
    serve(Router::new().route("/", post(echo)).layer(policy))
}

fn submit(to: SocketAddr, kind: &str, body: &[u8]) -> Answer {
    let head = format!(
        "POST / HTTP/1.1\nHost: {to}\nSec-Fetch-Site: same-origin\nContent-Type: {kind}\nContent-Length: {}",
        body.len()
    );
    send(to, &head, body)
}

const URLENCODED: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=----b";

#[test]
fn both_encodings_give_the_same_bytes() {
    let to = start();
    let expected = "web 1|[32, 255, 13, 10, 43, 38]|SecretForm(2 fields)|true";
    let one = submit(to, URLENCODED, b"name=+web+1+&key=%20%FF%0d%0A%2B%26");
    assert_eq!((one.status, one.body.as_str()), (200, expected));
    let body = b"------b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n web 1 \r\n\
        ------b\r\nContent-Disposition: form-data; name=\"key\"; filename=\"../../x\"\r\n\
        Content-Type: application/octet-stream\r\n\r\n \xFF\r\n+&\r\n------b--\r\n";
    for kind in [
        MULTIPART,
        "multipart/form-data; charset=utf-8; boundary=\"----b\"",
    ] {
        let two = submit(to, kind, body);
        assert_eq!((two.status, two.body.as_str()), (200, expected));
    }
}

#[test]
fn an_absent_field_is_empty() {
    assert_eq!(
        submit(start(), URLENCODED, b"").body,
        "|[]|SecretForm(0 fields)|true"
    );
}

#[test]
fn a_field_that_was_sent_is_told_from_one_that_was_not() {
    async fn sent(mut form: SecretForm) -> String {
        let before = (form.has("key"), form.has("other"));
        let _ = form.secret("key");
        format!("{before:?} {}", form.has("key"))
    }
    let to = serve(Router::new().route("/", post(sent)));
    for body in ["key=", "key=1&name=2"] {
        let answer = submit(to, URLENCODED, body.as_bytes());
        assert_eq!(answer.body, "(true, false) false", "{body}");
    }
    assert_eq!(submit(to, URLENCODED, b"").body, "(false, false) false");
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    let to = start();
    for body in [
        "key=%",
        "key=%4",
        "key=%GG",
        "key=%+1",
        "%FF=1",
        "key=1&key=2",
        "name=%FF",
    ] {
        assert_eq!(
            submit(to, URLENCODED, body.as_bytes()).status,
            400,
            "{body}"
        );
    }
    let many: String = (0..65).map(|n| format!("f{n}=&")).collect();
    assert_eq!(submit(to, URLENCODED, many.as_bytes()).status, 400);
    assert_eq!(
        submit(to, URLENCODED, &many.as_bytes()[..many.len() - 5]).status,
        200
    );
    let part = "------b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n1\r\n";
    for body in [
        String::new(),
        part.to_owned(),
        format!("{part}------b"),
        format!("{part}{part}------b--\r\n"),
        format!("preamble\r\n{part}------b--\r\n"),
        format!("{part}------b--\r\nepilogue"),
        part.replace("; name=", "; filename=\"; name=\"a\"; name=") + "------b--\r\n",
        part.replace("form-data", "attachment") + "------b--\r\n",
        part.replace("\r\n\r\n", "\r\n") + "------b--\r\n",
    ] {
        assert_eq!(submit(to, MULTIPART, body.as_bytes()).status, 400, "{body}");
    }
    let whole = format!("{part}------b--\r\n");
    assert_eq!(submit(to, MULTIPART, whole.as_bytes()).status, 200);
    for kind in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=----b; boundary=c",
    ] {
        assert_eq!(submit(to, kind, whole.as_bytes()).status, 400, "{kind}");
    }
    let bare = whole.replace("------b", "--");
    let kind = "multipart/form-data; boundary=";
    assert_eq!(submit(to, kind, bare.as_bytes()).status, 400);
    let head = format!(
        "POST / HTTP/1.1\nHost: {to}\nSec-Fetch-Site: same-origin\n\
         Content-Type: {URLENCODED}\nTransfer-Encoding: chunked"
    );
    assert_eq!(send(to, &head, b"no size\r\n").status, 400);
    assert_eq!(submit(to, "text/plain", b"key=1").status, 415);
    assert_eq!(submit(to, URLENCODED, &[b'a'; 10_001]).status, 413);
}

async fn count<const LIMIT: usize>(mut form: SecretForm<LIMIT>) -> String {
    form.secret("key").len().to_string()
}

/// A form with a field `key` of so many bytes, its length stated or not, and its status.
fn sent(to: SocketAddr, n: usize, chunked: bool) -> u16 {
    let body = [b"key=".as_slice(), &vec![b'a'; n]].concat();
    let head = format!(
        "POST / HTTP/1.1\nHost: {to}\nSec-Fetch-Site: same-origin\nContent-Type: {URLENCODED}"
    );
    if chunked {
        let size = format!("{:x}\r\n", body.len());
        let chunks = [size.as_bytes(), &body, b"\r\n0\r\n\r\n"];
        send(
            to,
            &format!("{head}\nTransfer-Encoding: chunked"),
            &chunks.concat(),
        )
        .status
    } else {
        send(
            to,
            &format!("{head}\nContent-Length: {}", body.len()),
            &body,
        )
        .status
    }
}

#[test]
fn a_form_is_bounded_whatever_layers_there_are() {
    use axum::extract::DefaultBodyLimit;
    let routes = || Router::new().route("/", post(count::<{ keyward_axum::policy::FORM_LIMIT }>));
    let small = || Router::new().route("/", post(count::<1004>));
    let guard = WebGuard::new(Origins::loopback());
    let own = 3 * 1024 * 1024 + 64 * 1024;
    let axums = 2_097_152;
    for (router, limit) in [
        (routes(), axums),
        (routes().layer(DefaultBodyLimit::disable()), own),
        (routes().layer(DefaultBodyLimit::max(40 << 20)), own),
        (routes().layer(DefaultBodyLimit::max(5000)), 5000),
        (routes().layer(RoutePolicy::pages(&guard)), own),
        (
            routes().layer(RoutePolicy::pages(&guard).body_limit(40 << 20)),
            own,
        ),
        (small(), 1004),
        (small().layer(RoutePolicy::pages(&guard)), 1004),
        (
            small().layer(RoutePolicy::pages(&guard).body_limit(600)),
            600,
        ),
    ] {
        let to = serve(router);
        for chunked in [false, true] {
            assert_eq!(sent(to, limit - 4, chunked), 200, "{limit} {chunked}");
            assert_eq!(sent(to, limit - 3, chunked), 413, "{limit} {chunked}");
        }
        assert_eq!(sent(to, 40 << 20, false), 413);
        assert_eq!(sent(to, 40 << 20, true), 413);
    }
}

/// A length beyond the limit is refused when it is stated: nothing of the body is waited for.
#[test]
fn a_form_that_says_it_is_too_long_is_not_read() {
    let to = serve(Router::new().route("/", post(count::<1004>)));
    let head =
        format!("POST / HTTP/1.1\nHost: {to}\nContent-Type: {URLENCODED}\nContent-Length: 1005");
    assert_eq!(send(to, &head, b"").status, 413);
}

#[test]
fn a_slow_form_is_read_whole_and_one_cut_short_reaches_no_handler() {
    let reached = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&reached);
    let handler = move |form: SecretForm| async move {
        seen.fetch_add(1, Ordering::SeqCst);
        echo(form).await
    };
    let guard = WebGuard::new(Origins::loopback());
    let to = serve(
        Router::new()
            .route("/", post(handler))
            .layer(RoutePolicy::pages(&guard)),
    );
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {to}\r\nSec-Fetch-Site: same-origin\r\nConnection: close\r\n\
         Content-Type: {URLENCODED}\r\nContent-Length: 12\r\n\r\n"
    );
    let mut slow = TcpStream::connect(to).unwrap();
    slow.write_all(head.as_bytes()).unwrap();
    for (at, byte) in b"name=a&key=b".iter().enumerate() {
        // Others are served between any two bytes of it.
        if at % 4 == 0 {
            assert_eq!(submit(to, URLENCODED, b"name=x").status, 200);
        }
        slow.write_all(&[*byte]).unwrap();
    }
    let mut answer = String::new();
    slow.read_to_string(&mut answer).unwrap();
    assert!(
        answer.ends_with("a|[98]|SecretForm(2 fields)|true"),
        "{answer}"
    );
    assert_eq!(reached.load(Ordering::SeqCst), 4);

    let mut cut = TcpStream::connect(to).unwrap();
    cut.write_all(head.as_bytes()).unwrap();
    cut.write_all(b"name=a&key=").unwrap();
    cut.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    let _ = cut.read_to_string(&mut answer);
    assert!(!answer.contains(" 200 "), "{answer}");
    // A stated length alone takes no room: a thousand such connections cost their sockets.
    let stated = head.replace("Content-Length: 12", "Content-Length: 3000000");
    let waiting: Vec<_> = (0..200)
        .map(|_| {
            let mut one = TcpStream::connect(to).unwrap();
            one.write_all(stated.as_bytes()).unwrap();
            one
        })
        .collect();
    assert_eq!(submit(to, URLENCODED, b"name=x").status, 200);
    drop(waiting);
    assert_eq!(reached.load(Ordering::SeqCst), 5);
}
