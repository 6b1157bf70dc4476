//! What a client may take of a server, over real sockets, in a time of the test's own: the runtime
//! goes on to the next deadline where there is nothing else to do.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![allow(missing_docs, unreachable_pub)]
#![cfg(feature = "serve")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::routing::{get, post};
use http::StatusCode;
use http::header::{CONNECTION, HeaderName, UPGRADE};
use hyper::body::Frame;
use hyper_util::rt::TokioIo;
use keyward_axum::serve::{Limits, Server};
use keyward_axum::{Origins, PeerPrefix, Proxies, RoutePolicy, WebGuard};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// More than the system holds for the two ends of a connection.
const LARGE: usize = 48 * 1024 * 1024;

fn routes() -> Router {
    async fn who(PeerPrefix(prefix): PeerPrefix) -> String {
        prefix.to_string()
    }
    async fn panics() -> &'static str {
        tokio::task::yield_now().await;
        panic!("the table users in /srv/app/db.rs has no row 7");
    }
    let guard = WebGuard::new(Origins::loopback());
    let routes = Router::new()
        .route("/", get(who))
        .route(
            "/body",
            post(|body: Bytes| async move { body.len().to_string() }),
        )
        .route(
            "/slow",
            get(|| async {
                tokio::time::sleep(Duration::from_secs(5)).await;
                "slow"
            }),
        )
        .route("/large", get(|| async { vec![b'x'; LARGE] }))
        .route("/panics", get(panics))
        .route("/breaks", get(|| async { Body::new(Breaks(false)) }))
        .route("/echo", get(echo));
    routes.layer(RoutePolicy::machines(&guard))
}

struct Running {
    to: SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<std::io::Result<()>>,
}

async fn running(server: Server) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let to = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let server = tokio::spawn(server.run(listener, async {
        let _ = stopped.await;
    }));
    Running { to, stop, server }
}

async fn from(host: u8, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, host], 0).into()).unwrap();
    socket.connect(to).await.unwrap()
}

/// A body that panics after its first piece.
struct Breaks(bool);

impl HttpBody for Breaks {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        assert!(!std::mem::replace(&mut self.0, true), "/srv/app/inside");
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"first")))))
    }
}

/// Leaves HTTP, and says back what it hears.
async fn echo(mut request: Request) -> (StatusCode, [(HeaderName, &'static str); 2]) {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let (mut read, mut write) = tokio::io::split(TokioIo::new(upgrade.await.unwrap()));
        let _ = tokio::io::copy(&mut read, &mut write).await;
    });
    let words = [(UPGRADE, "echo"), (CONNECTION, "upgrade")];
    (StatusCode::SWITCHING_PROTOCOLS, words)
}

/// All that comes until the server closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said).await; // A reset is an end, too.
    String::from_utf8(said).unwrap()
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
const LAST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// The start of a connection of HTTP/2 (RFC 9113, section 3.4), which the server does not speak.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn six_hundred_connections_that_send_next_to_nothing_do_not_stay() {
    // Each from one of 20 addresses, so that none is closed for another reason.
    let limits = Limits::default().connections(600);
    let server = running(Server::new(routes()).limits(limits)).await;
    let began = Instant::now();
    let mut open = Vec::new();
    for n in 0..600_u16 {
        let host = u8::try_from(n % 20 + 1).unwrap();
        let mut stream = from(host, server.to).await;
        let starts: [&[u8]; 5] = [b"", b"G", &PREFACE[..1], &PREFACE[..9], PREFACE];
        let start = starts[usize::from(n) % starts.len()];
        stream.write_all(start).await.unwrap();
        open.push(stream);
    }
    for stream in &mut open {
        let said = rest(stream).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 40"), "{said}");
    }
    // Of the test's own time, which no machine slows down; hyper's own default is 30 seconds.
    assert!(
        began.elapsed() < Duration::from_secs(25),
        "{:?}",
        began.elapsed()
    );
    let mut stream = from(1, server.to).await;
    stream.write_all(LAST).await.unwrap();
    assert!(rest(&mut stream).await.ends_with("127.0.0.1/32"));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_says_nothing_more_is_closed() {
    let limits = Limits::default().header_time(Duration::from_secs(3));
    let server = running(Server::new(routes()).limits(limits)).await;
    let began = Instant::now();
    let mut stream = from(1, server.to).await;
    stream.write_all(GET).await.unwrap();
    assert!(rest(&mut stream).await.contains("127.0.0.1/32"));
    let took = began.elapsed();
    assert!((3..5).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops_is_ended() {
    let server = running(Server::new(routes())).await;
    let began = Instant::now();
    let mut stream = from(1, server.to).await;
    let head = b"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nten bytes.";
    stream.write_all(head).await.unwrap();
    let said = rest(&mut stream).await;
    assert!(said.starts_with("HTTP/1.1 400"), "{said}");
    assert!(said.ends_with("The request could not be read.\n"), "{said}");
    assert!(
        began.elapsed() < Duration::from_secs(20),
        "{:?}",
        began.elapsed()
    );
}

/// All that the layer sets, and of an error the one line that its status has.
fn whole(said: &str, status: u16, what: &str) {
    let (head, body) = said.split_once("\r\n\r\n").expect(what);
    assert!(
        head.starts_with(&format!("HTTP/1.1 {status} ")),
        "{what}: {said}"
    );
    for line in [
        "x-content-type-options: nosniff",
        "x-frame-options: DENY",
        "referrer-policy: no-referrer",
        "cross-origin-opener-policy: same-origin",
        "cross-origin-resource-policy: same-origin",
        "cache-control: no-store",
        "content-security-policy: default-src 'none'; ",
        "permissions-policy: ",
        "x-request-id: ",
    ] {
        let found = head.lines().filter(|known| known.starts_with(line));
        assert_eq!(found.count(), 1, "{what}, {line}: {said}");
    }
    if status != 200 {
        let status = keyward_axum::words(status.try_into().unwrap());
        assert_eq!(body, format!("{status}\n"), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_reaches_the_layer_is_answered_whole_however_it_comes() {
    let server = running(Server::new(routes())).await;
    let large_header = format!("X-Large: {}\r\n", "a".repeat(32 * 1024));
    let large_chunk = format!("180000\r\n{}\r\n0\r\n\r\n", "x".repeat(0x18_0000));
    for (line, more, body, status) in [
        ("GET /", large_header.as_str(), "", 200),
        ("GET /nobody", "", "", 404),
        ("GET /\u{7f}", "", "", 0),
        ("GET /panics", "", "", 500),
        ("BREW /", "", "", 405),
        ("POST /body", "Content-Length: 100\r\n", "it stops", 400),
        (
            "POST /body",
            "Transfer-Encoding: chunked\r\n",
            "5\r\nit st",
            400,
        ),
        (
            "POST /body",
            "Transfer-Encoding: chunked\r\n",
            "no number\r\n",
            400,
        ),
        (
            "POST /body",
            "Transfer-Encoding: chunked\r\n",
            large_chunk.as_str(),
            413,
        ),
        ("POST /body", "Content-Length: 1048577\r\n", "", 413),
        (
            "POST /body",
            "Content-Length: 1048577\r\nExpect: 100-continue\r\n",
            "",
            413,
        ),
    ] {
        let what = format!("{line} {}", more.lines().next().unwrap_or_default());
        let (mut read, mut write) = from(1, server.to).await.into_split();
        let head = format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n");
        write.write_all(head.as_bytes()).await.unwrap();
        let body = body.to_owned();
        // It may be answered, and closed, before all of it is sent.
        let sent = tokio::spawn(async move {
            let _ = write.write_all(body.as_bytes()).await;
            write
        });
        let mut said = Vec::new();
        let _ = read.read_to_end(&mut said).await;
        let said = String::from_utf8(said).unwrap();
        drop(sent.await.unwrap());
        match status {
            0 => assert!(
                said.starts_with("HTTP/1.1 400 ") && said.ends_with("\r\n\r\n"),
                "{said}"
            ),
            status => whole(&said, status, &what),
        }
        for inside in ["axum", "hyper", "/srv", "users", "src/", "buffer"] {
            assert!(!said.contains(inside), "{what}: {said}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_is_ended() {
    let server = running(Server::new(routes())).await;
    let began = Instant::now();
    let (mut read, mut write) = from(1, server.to).await.into_split();
    let head = b"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n";
    write.write_all(head).await.unwrap();
    let trickle = tokio::spawn(async move {
        while write.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(10)).await;
        }
    });
    let mut said = Vec::new();
    let _ = read.read_to_end(&mut said).await;
    trickle.abort();
    assert!(said.starts_with(b"HTTP/1.1 400"));
    let took = began.elapsed();
    assert!((300..320).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_slow_and_comes_is_taken() {
    let server = running(Server::new(routes())).await;
    let mut stream = from(1, server.to).await;
    let head =
        b"POST /body HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 5\r\n\r\n";
    stream.write_all(head).await.unwrap();
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_secs(10)).await;
        stream.write_all(b"x").await.unwrap();
    }
    assert!(rest(&mut stream).await.ends_with("\r\n\r\n5"));
}

#[tokio::test(start_paused = true)]
async fn a_connection_ends_after_so_many_requests() {
    let limits = Limits::default().requests(3);
    let server = running(Server::new(routes()).limits(limits)).await;
    let mut stream = from(1, server.to).await;
    for _ in 0..5 {
        let _ = stream.write_all(GET).await;
    }
    let said = rest(&mut stream).await;
    assert_eq!(said.matches("HTTP/1.1 200").count(), 3, "{said}");
    assert_eq!(said.matches("connection: close").count(), 1);
}

/// Whether a connection is answered.
async fn is_answered(stream: &mut TcpStream) -> bool {
    if stream.write_all(GET).await.is_err() {
        return false;
    }
    let mut some = [0; 12];
    stream.read_exact(&mut some).await.is_ok() && &some == b"HTTP/1.1 200"
}

#[tokio::test(start_paused = true)]
async fn an_address_holds_so_many_connections_and_no_more() {
    let limits = Limits::default().from_one(3);
    let server = running(Server::new(routes()).limits(limits)).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut stream = from(1, server.to).await;
        assert!(is_answered(&mut stream).await);
        held.push(stream);
    }
    assert!(!is_answered(&mut from(1, server.to).await).await);
    // Nobody else is held up, and what was given back can be had.
    assert!(is_answered(&mut from(2, server.to).await).await);
    for _ in 0..2 {
        let mut last = held.pop().unwrap();
        last.shutdown().await.unwrap();
        let _ = rest(&mut last).await;
    }
    for _ in 0..2 {
        let mut again = from(1, server.to).await;
        assert!(is_answered(&mut again).await);
        held.push(again);
    }
    assert!(!is_answered(&mut from(1, server.to).await).await);
}

#[tokio::test(start_paused = true)]
async fn a_trusted_proxy_holds_as_many_as_there_are() {
    let proxies = Proxies::x_forwarded_for(&["127.0.0.1"]).unwrap();
    let limits = Limits::default().from_one(3);
    let server = running(Server::new(routes()).limits(limits).proxies(proxies)).await;
    let mut held = Vec::new();
    for _ in 0..10 {
        let mut stream = from(1, server.to).await;
        assert!(is_answered(&mut stream).await);
        held.push(stream);
    }
}

#[tokio::test(start_paused = true)]
async fn a_further_connection_waits_until_one_ends() {
    let limits = Limits::default().connections(2);
    let server = running(Server::new(routes()).limits(limits)).await;
    let (mut one, mut two) = (from(1, server.to).await, from(2, server.to).await);
    assert!(is_answered(&mut one).await && is_answered(&mut two).await);
    let began = Instant::now();
    // Until the headers of the next request took too long on one of the two.
    let mut third = from(3, server.to).await;
    assert!(is_answered(&mut third).await);
    assert!(
        began.elapsed() >= Duration::from_secs(14),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn headers_have_so_many_bytes() {
    let server = running(Server::new(routes())).await;
    // In one header and in many: below 64 KiB, and above, by little and by much.
    for (lines, bytes, taken) in [
        (1, 64_000, true),
        (1, 66_000, false),
        (1, 300_000, false),
        (80, 800, true),
        (80, 900, false),
    ] {
        let line = |n: usize| format!("X-{n}: {}\r\n", "a".repeat(bytes));
        let lines: String = (0..lines).map(line).collect();
        let head = format!("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n");
        let mut stream = from(1, server.to).await;
        let _ = stream.write_all(head.as_bytes()).await;
        let said = rest(&mut stream).await;
        match taken {
            true => assert!(said.starts_with("HTTP/1.1 200"), "{bytes}: {said}"),
            false => assert!(
                said.is_empty() || said.starts_with("HTTP/1.1 431"),
                "{bytes}: {said}"
            ),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_goes_on_is_answered_when_the_server_stops() {
    let server = running(Server::new(routes())).await;
    let mut slow = from(1, server.to).await;
    slow.write_all(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut idle = from(1, server.to).await;
    assert!(is_answered(&mut idle).await);
    // One that has said nothing yet is waited for by nobody.
    let mut silent = from(1, server.to).await;
    let began = Instant::now();
    server.stop.send(()).unwrap();
    assert!(rest(&mut slow).await.ends_with("slow"));
    assert_eq!(rest(&mut silent).await, "");
    assert!(began.elapsed() < Duration::from_secs(7));
    server.server.await.unwrap().unwrap();
    assert!(
        TcpStream::connect(server.to).await.is_err(),
        "nothing is accepted any more"
    );
}

#[tokio::test(start_paused = true)]
async fn what_does_not_end_is_cut_when_the_server_stops() {
    let limits = Limits::default().drain(Duration::from_secs(2));
    let server = running(Server::new(routes()).limits(limits)).await;
    let mut slow = from(1, server.to).await;
    slow.write_all(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut idle = from(1, server.to).await;
    assert!(is_answered(&mut idle).await);
    let began = Instant::now();
    server.stop.send(()).unwrap();
    server.server.await.unwrap().unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(rest(&mut slow).await, "");
}

const ASK_LARGE: &[u8] = b"GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn who_does_not_read_is_cut() {
    let server = running(Server::new(routes()).limits(Limits::default().connections(1))).await;
    let mut stream = from(1, server.to).await;
    stream.write_all(ASK_LARGE).await.unwrap();
    let began = Instant::now();
    // Waits for the place of the first.
    assert!(is_answered(&mut from(2, server.to).await).await);
    let took = began.elapsed();
    assert!((55..70).contains(&took.as_secs()), "{took:?}");
    assert!(rest(&mut stream).await.len() < LARGE);
}

#[tokio::test(start_paused = true)]
async fn who_reads_slowly_has_it_all() {
    let server = running(Server::new(routes())).await;
    let mut stream = from(1, server.to).await;
    stream.write_all(ASK_LARGE).await.unwrap();
    let (mut piece, mut all) = (vec![0; 8 * 1024 * 1024], 0);
    for _ in 0..5 {
        all += stream.read_exact(&mut piece).await.unwrap();
        tokio::time::sleep(Duration::from_secs(50)).await;
    }
    all += rest(&mut stream).await.len();
    assert!(all > LARGE, "{all}");
}

/// Many small questions at once, of which no answer is read.
#[tokio::test(start_paused = true)]
async fn who_asks_much_and_does_not_read_is_cut() {
    let server = running(Server::new(routes()).limits(Limits::default().connections(1))).await;
    let mut stream = from(1, server.to).await;
    let large = b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(100);
    stream.write_all(&large).await.unwrap();
    let began = Instant::now();
    assert!(is_answered(&mut from(2, server.to).await).await);
    let took = began.elapsed();
    assert!((55..70).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_panics_ends_its_connection_and_nothing_else() {
    let limits = Limits::default().from_one(1).connections(1);
    let server = running(Server::new(routes()).limits(limits)).await;
    for _ in 0..3 {
        let mut stream = from(1, server.to).await;
        stream
            .write_all(b"GET /breaks HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await
            .unwrap();
        let said = rest(&mut stream).await;
        assert!(
            !said.contains("inside") && !said.ends_with("0\r\n\r\n"),
            "{said}"
        );
    }
    assert!(is_answered(&mut from(1, server.to).await).await);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_leaves_http_counts_while_it_is_open() {
    let limits = Limits::default().from_one(1).requests(1);
    let server = running(Server::new(routes()).limits(limits)).await;
    let mut stream = from(1, server.to).await;
    let ask =
        b"GET /echo HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n";
    stream.write_all(ask).await.unwrap();
    let mut said = Vec::new();
    while !said.ends_with(b"\r\n\r\n") {
        said.push(stream.read_u8().await.unwrap());
    }
    let said = String::from_utf8(said).unwrap();
    assert!(said.starts_with("HTTP/1.1 101"), "{said}");
    assert!(said.contains("connection: upgrade"), "{said}");
    stream.write_all(b"heard?").await.unwrap();
    let mut heard = [0; 6];
    stream.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"heard?");
    assert!(!is_answered(&mut from(1, server.to).await).await);
    stream.shutdown().await.unwrap();
    assert_eq!(rest(&mut stream).await, "");
    assert!(is_answered(&mut from(1, server.to).await).await);
}

#[tokio::test(start_paused = true)]
async fn limits_at_their_ends_serve() {
    let most = Duration::MAX;
    let limits = Limits::default()
        .header_time(most)
        .body_stall(most)
        .body_time(most)
        .answer_stall(most)
        .drain(most)
        .header_bytes(0)
        .requests(0)
        .from_one(0)
        .connections(0);
    let server = running(Server::new(routes()).limits(limits)).await;
    for _ in 0..2 {
        let mut stream = from(1, server.to).await;
        let post = b"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc";
        stream.write_all(post).await.unwrap();
        assert!(rest(&mut stream).await.ends_with("\r\n\r\n3"));
    }
    server.stop.send(()).unwrap();
    server.server.await.unwrap().unwrap();
}

/// What two readers could take for requests of different lengths is refused, or is the last of its
/// connection.
#[tokio::test(start_paused = true)]
async fn no_request_is_smuggled_in_another() {
    let server = running(Server::new(routes())).await;
    let inner = "GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let len = inner.len();
    for (version, headers, body, status) in [
        (
            "1.1",
            format!("Content-Length: 0\r\nContent-Length: {len}"),
            "",
            "400",
        ),
        (
            "1.1",
            format!("Content-Length: {len}\r\nContent-Length: 0"),
            "",
            "400",
        ),
        ("1.1", "Content-Length: 0, 0".to_owned(), "", "400"),
        ("1.1", "Content-Length: +0".to_owned(), "", "400"),
        ("1.1", "Content-Length: 0x0".to_owned(), "", "400"),
        ("1.1", "Content-Length : 0".to_owned(), "", "400"),
        (
            "1.1",
            "Content-Length: 0\r\n X: folded".to_owned(),
            "",
            "400",
        ),
        (
            "1.1",
            "Transfer-Encoding: chunked, identity".to_owned(),
            "0\r\n\r\n",
            "400",
        ),
        (
            "1.1",
            "Transfer-Encoding: xchunked".to_owned(),
            "0\r\n\r\n",
            "400",
        ),
        (
            "1.1",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity".to_owned(),
            "0\r\n\r\n",
            "400",
        ),
        (
            "1.0",
            "Transfer-Encoding: chunked".to_owned(),
            "0\r\n\r\n",
            "400",
        ),
        // The length does not count, and nothing comes after it.
        (
            "1.1",
            format!("Transfer-Encoding: chunked\r\nContent-Length: {len}"),
            "0\r\n\r\n",
            "200",
        ),
        (
            "1.1",
            format!("Content-Length: {len}\r\nTransfer-Encoding: chunked"),
            "0\r\n\r\n",
            "200",
        ),
        (
            "1.1",
            "Transfer-Encoding: chunked".to_owned(),
            "1\nx\n0\n\n",
            "400",
        ),
    ] {
        let mut stream = from(1, server.to).await;
        let all = format!(
            "POST /body HTTP/{version}\r\nHost: localhost\r\n{headers}\r\n\r\n{body}{inner}"
        );
        stream.write_all(all.as_bytes()).await.unwrap();
        let said = rest(&mut stream).await;
        assert_eq!(said.get(9..12), Some(status), "{headers}: {said}");
        assert_eq!(said.matches("HTTP/1.").count(), 1, "{headers}: {said}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_beside_the_chunks_of_a_body_has_a_limit() {
    let server = running(Server::new(routes())).await;
    let head = "POST /body HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    let long = "a".repeat(20_000);
    for body in [
        format!("1;{long}\r\nx\r\n0\r\n\r\n"),
        format!("1;{}", "a".repeat(300_000)),
        format!("{}0\r\n\r\n", "1;aaaaaaaaaaaaaaaa\r\nx\r\n".repeat(2000)),
        format!("1\r\nx\r\n0\r\nX: {long}\r\n\r\n"),
        "fffffffffffffffff\r\nx".to_owned(),
    ] {
        let mut stream = from(1, server.to).await;
        let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
        let said = rest(&mut stream).await;
        let what: String = body.chars().take(30).collect();
        assert!(
            said.is_empty() || said.starts_with("HTTP/1.1 400"),
            "{what}: {said}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_client_and_one_that_waits_for_leave_are_served() {
    let server = running(Server::new(routes())).await;
    let mut stream = from(1, server.to).await;
    let old = b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n";
    stream.write_all(old).await.unwrap();
    assert!(rest(&mut stream).await.ends_with("127.0.0.1/32"));
    let mut stream = from(1, server.to).await;
    let ask = |len: usize| {
        format!(
            "POST /body HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: {len}\r\n\r\n"
        )
    };
    stream.write_all(ask(3).as_bytes()).await.unwrap();
    let mut said = [0; 25];
    stream.read_exact(&mut said).await.unwrap();
    assert_eq!(&said, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"abc").await.unwrap();
    assert!(rest(&mut stream).await.ends_with("\r\n\r\n3"));
    // Who would send too much is told before it does.
    let mut stream = from(1, server.to).await;
    stream.write_all(ask(2_000_000).as_bytes()).await.unwrap();
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 413"));
}
