//! A server on loopback, and the smallest client that can send it anything.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::mpsc::{Sender, channel};

use axum::Router;
use tokio::net::TcpListener;

/// Serves `router` on a free port until the test ends.
#[allow(dead_code)] // Not every test asks for all of them.
pub fn serve(router: Router) -> SocketAddr {
    serve_at("127.0.0.1:0", async |_| router)
}

/// Serves the router that is made once the address is known.
#[allow(dead_code)] // As above.
pub fn serve_at(
    address: &'static str,
    make: impl AsyncFnOnce(SocketAddr) -> Router + Send + 'static,
) -> SocketAddr {
    serve_on(address, async |listener, tell| {
        let to = listener.local_addr().unwrap();
        let router = make(to).await;
        tell.send(to).unwrap();
        axum::serve(listener, router).await
    })
}

/// Serves a router that knows of each request where it comes from.
#[allow(dead_code)] // As above.
pub fn serve_with_peers(address: &'static str, router: Router) -> SocketAddr {
    serve_on(address, async |listener, tell| {
        tell.send(listener.local_addr().unwrap()).unwrap();
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        axum::serve(listener, service).await
    })
}

fn serve_on(
    address: &'static str,
    serve: impl AsyncFnOnce(TcpListener, Sender<SocketAddr>) -> std::io::Result<()> + Send + 'static,
) -> SocketAddr {
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind(address).await.unwrap();
            serve(listener, tell).await.unwrap();
        });
    });
    told.recv().unwrap()
}

/// What came back.
#[derive(Debug)]
#[allow(dead_code)] // Not every test looks at the headers.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

#[allow(dead_code)] // As above.
impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        let first = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} was sent twice");
        first
    }
}

/// Sends `head` (request line and headers, joined by `\n`) and `body`, byte for byte.
#[allow(dead_code)] // As above.
pub fn send(to: SocketAddr, head: &str, body: &[u8]) -> Answer {
    send_on(TcpStream::connect(to).unwrap(), head, body)
}

/// The same from another address of this machine, all of 127.0.0.0/8.
#[allow(dead_code)] // As above.
pub fn send_from(from: &str, to: SocketAddr, head: &str, body: &[u8]) -> Answer {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket
            .bind((from.parse::<IpAddr>().unwrap(), 0).into())
            .unwrap();
        socket.connect(to).await.unwrap().into_std().unwrap()
    });
    stream.set_nonblocking(false).unwrap();
    send_on(stream, head, body)
}

fn send_on(mut stream: TcpStream, head: &str, body: &[u8]) -> Answer {
    // A server that waits for more is a server that did not refuse.
    stream
        .set_read_timeout(Some(std::time::Duration::from_secs(20)))
        .unwrap();
    let head = head.trim().replace('\n', "\r\n");
    write!(stream, "{head}\r\nConnection: close\r\n\r\n").unwrap();
    let _ = stream.write_all(body); // The server may have answered, and closed, already.
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
