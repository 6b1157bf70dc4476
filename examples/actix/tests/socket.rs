//! The service over a real socket.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use actix_web::{HttpServer, rt};
use keyward_example_actix::App;
use keyward_http::{Origins, Proxies, WebGuard};

/// What the guard's reporter was told, of all tests.
static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The service, of which nobody is a trusted proxy but 127.0.0.2.
fn service() -> SocketAddr {
    static AT: OnceLock<SocketAddr> = OnceLock::new();
    *AT.get_or_init(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            rt::System::new().block_on(async {
                let guard = WebGuard::new(Origins::loopback())
                    .proxies(Proxies::x_forwarded_for(&["127.0.0.2"]).unwrap())
                    .report(|error| {
                        let reason = error.reason().map(|reason| reason.as_str().to_owned());
                        TOLD.lock().unwrap().push(reason.unwrap_or_default());
                    });
                let app = Arc::new(App::new(guard).await.unwrap());
                let server = HttpServer::new(move || {
                    let app = App::clone(&app);
                    actix_web::App::new().configure(|config| app.routes(config))
                });
                let server = server.workers(1).listen(listener).unwrap();
                tell.send(()).unwrap();
                server.run().await.unwrap();
            });
        });
        told.recv().unwrap();
        at
    })
}

#[derive(Debug)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        let first = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} was sent twice");
        first
    }
}

/// Sends a request line and headers, joined by `\n`, and a body.
fn send_on(mut stream: TcpStream, head: &str, body: &str) -> Answer {
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    let head = head.trim().replace('\n', "\r\n");
    write!(stream, "{head}\r\nConnection: close\r\n\r\n{body}").unwrap();
    let mut raw = Vec::new();
    let _ = stream.read_to_end(&mut raw);
    let raw = String::from_utf8(raw).unwrap();
    let (head, body) = raw.split_once("\r\n\r\n").unwrap();
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let headers = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    Answer {
        status,
        headers,
        body: body.to_owned(),
    }
}

fn send(head: &str, body: &str) -> Answer {
    send_on(TcpStream::connect(service()).unwrap(), head, body)
}

const OWN: &str = "Host: localhost\nSec-Fetch-Site: same-origin";

fn log_in(name: &str) -> Answer {
    let body = format!("name={name}");
    let head = format!(
        "POST /login HTTP/1.1\n{OWN}\nContent-Type: application/x-www-form-urlencoded\n\
         Content-Length: {}",
        body.len()
    );
    send(&head, &body)
}

/// The `name=value` of the cookie that an answer sets.
fn cookie(answer: &Answer) -> String {
    let set = answer.header("set-cookie").unwrap();
    assert!(
        set.contains("; HttpOnly") && set.contains("; Secure"),
        "{set}"
    );
    set.split(';').next().unwrap().to_owned()
}

#[test]
fn every_answer_has_the_headers_and_errors_say_nothing() {
    let large = "x".repeat(5 * 1024 * 1024);
    let len = large.len();
    for (head, body, status) in [
        ("GET / HTTP/1.1\nHost: localhost".to_owned(), "", 200),
        ("GET /nobody HTTP/1.1\nHost: localhost".to_owned(), "", 404),
        (format!("DELETE / HTTP/1.1\n{OWN}"), "", 404),
        ("GET / HTTP/1.1\nHost: evil.example".to_owned(), "", 421),
        (format!("POST /me HTTP/1.1\n{OWN}"), "", 401),
        (
            "POST /me HTTP/1.1\nHost: localhost\nOrigin: https://evil.example".to_owned(),
            "",
            403,
        ),
        ("GET /fails HTTP/1.1\nHost: localhost".to_owned(), "", 500),
        (
            "GET / HTTP/1.1\nHost: localhost\nAuthorization: Bearer key".to_owned(),
            "",
            403,
        ),
        (
            format!("POST /login HTTP/1.1\n{OWN}\nContent-Type: text/csv\nContent-Length: 3"),
            "a,b",
            415,
        ),
        (
            format!("POST /login HTTP/1.1\n{OWN}\nContent-Length: {len}"),
            "",
            413,
        ),
        (
            format!("POST /hooks/git HTTP/1.1\nHost: localhost\nContent-Length: {len}"),
            "",
            413,
        ),
        (
            "GET /hooks/git HTTP/1.1\nHost: localhost".to_owned(),
            "",
            404,
        ),
    ] {
        let answer = send(&head, body);
        assert_eq!(answer.status, status, "{head}: {answer:?}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{head}: {answer:?}");
        }
        assert_eq!(answer.header("x-request-id").unwrap().len(), 32, "{head}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{head}");
        if status != 200 {
            let words = keyward_http::words(http::StatusCode::from_u16(status).unwrap());
            assert_eq!(answer.body, format!("{words}\n"), "{head}");
        }
    }
    // What the answer does not say, the reporter was told.
    let told = TOLD.lock().unwrap().clone();
    for reason in [
        "cross-origin",
        "foreign-host",
        "key-on-page",
        "no-session-cookie",
        "panicked",
    ] {
        assert!(told.iter().any(|told| told == reason), "{reason}: {told:?}");
    }
}

#[test]
fn a_body_without_a_stated_length_is_limited_too() {
    let mut chunked = String::new();
    for _ in 0..40 {
        chunked.push_str(&format!("10000\r\n{}\r\n", "x".repeat(0x1_0000)));
    }
    chunked.push_str("0\r\n\r\n");
    let head = "POST /hooks/git HTTP/1.1\nHost: localhost\nTransfer-Encoding: chunked";
    let answer = send(head, &chunked);
    assert_eq!(answer.status, 413, "{answer:?}");
    assert_eq!(answer.header("x-frame-options"), Some("DENY"));
    assert_eq!(
        send(head, "3\r\nabc\r\n0\r\n\r\n").body,
        "3 bytes, cookies: false"
    );
}

#[test]
fn a_nonce_is_of_one_page() {
    let page = |()| send("GET / HTTP/1.1\nHost: localhost", "");
    let (one, other) = (page(()), page(()));
    let nonce = |answer: &Answer| {
        let (_, rest) = answer.body.split_once("nonce=\"").unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    };
    assert_ne!(nonce(&one), nonce(&other));
    let policy = one.header("content-security-policy").unwrap();
    assert!(
        policy.contains(&format!("'nonce-{}'", nonce(&one))),
        "{policy}"
    );
}

#[test]
fn a_session_is_accepted_and_only_from_pages_of_the_service() {
    let started = log_in("ann");
    assert_eq!(started.status, 204, "{started:?}");
    let cookie = cookie(&started);
    let me = |method: &str, more: &str| {
        send(
            &format!("{method} /me HTTP/1.1\nHost: localhost\nCookie: {cookie}\n{more}"),
            "",
        )
    };
    let mine = me("GET", "");
    assert_eq!((mine.status, mine.body.as_str()), (200, "ann"));
    assert_eq!(mine.header("vary"), Some("cookie"));
    assert_eq!(me("POST", "Sec-Fetch-Site: same-origin").body, "ann");
    // A foreign page, or one that does not say.
    for foreign in [
        "Origin: https://evil.example",
        "Sec-Fetch-Site: cross-site",
        "",
    ] {
        assert_eq!(me("POST", foreign).status, 403, "{foreign}");
    }
    // A cookie with another last character but one is nobody's.
    let mut forged = cookie.clone();
    let at = forged.len() - 2;
    let other = if &forged[at..=at] == "A" { "B" } else { "A" };
    forged.replace_range(at..=at, other);
    let answer = send(
        &format!("GET /me HTTP/1.1\nHost: localhost\nCookie: {forged}"),
        "",
    );
    assert_eq!(
        (answer.status, answer.header("www-authenticate")),
        (401, Some("Cookie realm=\"session\""))
    );
    // A log-in from elsewhere starts no session.
    let foreign = "POST /login HTTP/1.1\nHost: localhost\nOrigin: https://evil.example\n\
        Content-Type: application/x-www-form-urlencoded\nContent-Length: 8";
    let refused = send(foreign, "name=bob");
    assert_eq!((refused.status, refused.header("set-cookie")), (403, None));
    // Of two log-ins of one browser the first ends.
    let head = format!(
        "POST /login HTTP/1.1\n{OWN}\nCookie: {cookie}\n\
         Content-Type: application/x-www-form-urlencoded\nContent-Length: 8"
    );
    assert_eq!(send(&head, "name=bob").status, 204);
    assert_eq!(me("GET", "").status, 401);
}

#[test]
fn machines_have_no_cookie() {
    let head = "POST /hooks/git HTTP/1.1\nHost: localhost\nCookie: a=b\nContent-Length: 3";
    assert_eq!(send(head, "abc").body, "3 bytes, cookies: false");
}

#[test]
fn a_forwarded_header_is_believed_from_the_proxy_alone() {
    const SPOOF: &str = "GET /client HTTP/1.1\nHost: localhost\n\
        X-Forwarded-For: 198.51.100.1, 203.0.113.7\nForwarded: for=198.51.100.1";
    let answer = send(SPOOF, "");
    assert_eq!(answer.body, "127.0.0.1 Untrusted");
    let socket = socket_from("127.0.0.2");
    assert_eq!(send_on(socket, SPOOF, "").body, "203.0.113.7 Header");
    let socket = socket_from("127.0.0.2");
    let silent = "GET /client HTTP/1.1\nHost: localhost";
    assert_eq!(send_on(socket, silent, "").body, "127.0.0.2 Missing");
}

fn socket_from(address: &str) -> TcpStream {
    let address: std::net::IpAddr = address.parse().unwrap();
    let connected = rt::System::new().block_on(async {
        let socket = rt::net::TcpSocket::new_v4().unwrap();
        socket.bind((address, 0).into()).unwrap();
        socket.connect(service()).await.unwrap().into_std().unwrap()
    });
    connected.set_nonblocking(false).unwrap();
    connected
}

#[test]
fn axum_is_no_part_of_it() {
    assert!(!include_str!("../Cargo.lock").contains("\"axum"));
}
