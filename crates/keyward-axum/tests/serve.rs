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

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use keyward_axum::serve::{Limits, Server};
use keyward_axum::{Origins, PeerPrefix, Proxies, RoutePolicy, WebGuard};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

fn routes() -> Router {
    async fn who(PeerPrefix(prefix): PeerPrefix) -> String {
        prefix.to_string()
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
        );
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

/// All that comes until the server closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let _ = stream.read_to_end(&mut said).await; // A reset is an end, too.
    String::from_utf8(said).unwrap()
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
const LAST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn six_hundred_connections_that_send_one_byte_do_not_stay() {
    // Each from one of 20 addresses, so that none is closed for another reason.
    let limits = Limits::default().connections(600);
    let server = running(Server::new(routes()).limits(limits)).await;
    let began = Instant::now();
    let mut open = Vec::new();
    for n in 0..600_u16 {
        let host = u8::try_from(n % 20 + 1).unwrap();
        let mut stream = from(host, server.to).await;
        stream.write_all(b"G").await.unwrap();
        open.push(stream);
    }
    for stream in &mut open {
        let said = rest(stream).await;
        assert!(
            said.is_empty() || said.starts_with("HTTP/1.1 408"),
            "{said}"
        );
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
    let mut last = held.pop().unwrap();
    last.shutdown().await.unwrap();
    let _ = rest(&mut last).await;
    assert!(is_answered(&mut from(1, server.to).await).await);
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
    let mut stream = from(1, server.to).await;
    let long = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n",
        "a".repeat(66_000)
    );
    let _ = stream.write_all(long.as_bytes()).await;
    let said = rest(&mut stream).await;
    assert!(
        said.is_empty() || said.starts_with("HTTP/1.1 431"),
        "{said}"
    );
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
    server.stop.send(()).unwrap();
    assert!(rest(&mut slow).await.ends_with("slow"));
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
