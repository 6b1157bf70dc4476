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

use std::net::SocketAddr;

use axum::Router;
use axum::routing::post;
use keyward_axum::{Door, Failure, Hosts, SecretForm, Transport};
use web::{Answer, send, serve};

/// Answers with what it read: the trimmed text, the secret's bytes, and what `Debug` shows.
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
    let door = Door::new(Hosts::loopback(), Transport::Plain).body_limit(10_000);
    serve(Router::new().route("/", post(echo)).layer(door))
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
    let expected = "web 1|[32, 255, 13, 10, 43, 38]|{\"name\", \"key\"}|true";
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
    assert_eq!(submit(start(), URLENCODED, b"").body, "|[]|{}|true");
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
    assert_eq!(submit(to, "text/plain", b"key=1").status, 415);
    assert_eq!(submit(to, URLENCODED, &[b'a'; 10_001]).status, 413);
}
