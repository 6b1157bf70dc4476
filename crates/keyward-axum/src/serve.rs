//! A server with limits on connections.
//!
//! A layer sees a request once its headers are there. What a client does before, or between, is the
//! server's to limit: how long it may take to send and to read, how many connections it may hold. This
//! is hyper's server for HTTP/1.1 with these limits set, and a count of connections by address.
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use keyward_axum::serve::Server;
//!
//! # async fn run() -> std::io::Result<()> {
//! let app: Router = Router::new().route("/", get(|| async { "hello" }));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! Server::new(app).run(listener, std::future::pending()).await
//! # }
//! ```

mod body;
mod held;
mod limits;
mod stream;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::Response;
use http::header::CONNECTION;
use http::{HeaderValue, Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt as _;

pub use limits::Limits;

use crate::forwarded::Proxies;
use held::Held;
use stream::Stream;

/// How long the server waits where the system has no more sockets, before it tries again.
const BREATH: Duration = Duration::from_secs(1);

/// Serves a router over HTTP/1.1 with [`Limits`]. Requests have their peer's address
/// ([`crate::ClientIp`], [`crate::PeerPrefix`]).
#[derive(Clone, Debug)]
pub struct Server {
    router: Router,
    limits: Limits,
    proxies: Proxies,
}

impl Server {
    /// With the default limits.
    #[must_use]
    pub fn new(router: Router) -> Self {
        Self {
            router,
            limits: Limits::default(),
            proxies: Proxies::none(),
        }
    }

    /// Other limits.
    #[must_use]
    pub const fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// These proxies may have as many connections as there are: all clients are behind them. Limits on
    /// a client's connections are theirs to keep then.
    #[must_use]
    pub fn proxies(mut self, proxies: Proxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// Serves until `stop` is ready. Then nothing more is accepted, what goes on is answered, and
    /// connections that are left after [`Limits::drain`] are cut.
    ///
    /// # Errors
    /// None at present: what fails costs the one connection.
    pub async fn run(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let mut stop = pin!(stop);
        let room = Arc::new(Semaphore::new(self.limits.connections));
        let held = Held::new(self.limits.from_one);
        let (end, ending) = watch::channel(false);
        let drain = self.limits.drain;
        let mut tasks = tokio::task::JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = &mut stop => break,
                accepted = accept(&listener, &room) => accepted,
                Some(_) = tasks.join_next(), if !tasks.is_empty() => continue,
            };
            let Some((stream, peer, place)) = accepted else {
                continue;
            };
            let trusted = self.proxies.trusts(peer.ip());
            let Some(hold) = held.take(peer.ip(), trusted) else {
                continue; // Closed, before a byte is read.
            };
            // Small answers are not held back for more.
            let _ = stream.set_nodelay(true);
            let stream = Stream::new(stream, self.limits.answer_stall, (hold, place));
            tasks.spawn(self.connection(stream, peer, ending.clone()));
        }
        drop(listener);
        end.send_replace(true);
        let all = async { while tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(drain, all).await;
        tasks.shutdown().await;
        Ok(())
    }

    /// One connection, to its end.
    fn connection(
        &self,
        stream: Stream,
        peer: SocketAddr,
        mut ending: watch::Receiver<bool>,
    ) -> impl Future<Output = ()> + Send + 'static + use<> {
        let (router, limits) = (self.router.clone(), self.limits);
        let count = Arc::new(AtomicU32::new(0));
        let service = service_fn(move |request: Request<Incoming>| {
            let number = count.fetch_add(1, Ordering::Relaxed).saturating_add(1);
            let mut request = request.map(|body| body::timed(body, &limits));
            request.extensions_mut().insert(ConnectInfo(peer));
            // hyper bounds what it reads, and a head that came in few pieces may have twice as much.
            let fits = head_bytes(&request) <= limits.header_bytes;
            let answer = fits.then(|| router.clone().oneshot(request));
            async move {
                let mut response: Response<Body> = match answer {
                    Some(answer) => answer.await?,
                    None => return Ok(too_large()),
                };
                // One that leaves HTTP is the last by itself.
                let leaves = response.status() == StatusCode::SWITCHING_PROTOCOLS;
                if number >= limits.requests && !leaves {
                    let close = HeaderValue::from_static("close");
                    response.headers_mut().insert(CONNECTION, close);
                }
                Ok::<_, Infallible>(response)
            }
        });
        // HTTP/1.1 and no other, whatever comes first: one that finds out waits for that without end.
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header_time)
            .max_buf_size(self.limits.header_bytes);
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        let connection = connection.with_upgrades();
        async move {
            let mut connection = pin!(connection);
            // What goes wrong with a connection is its client's.
            tokio::select! {
                _ = connection.as_mut() => return,
                _ = ending.wait_for(|end| *end) => connection.as_mut().graceful_shutdown(),
            }
            let _ = connection.await;
        }
    }
}

/// The bytes of request line and headers, as HTTP/1.1 writes them.
fn head_bytes<B>(request: &Request<B>) -> usize {
    let uri = request.uri();
    let path = uri.path_and_query().map_or(0, |path| path.as_str().len());
    let host = uri.authority().map_or(0, |host| host.as_str().len());
    let line = [request.method().as_str().len(), path, host];
    let fields = request.headers().iter();
    let fields = fields.map(|(name, value)| name.as_str().len().saturating_add(value.len()));
    // A colon, a space and the line's end.
    let fields = fields.map(|field| field.saturating_add(4));
    let all = line.into_iter().chain(fields);
    all.fold(0, usize::saturating_add)
}

/// As hyper says it of what it does not take.
fn too_large() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(CONNECTION, close);
    response
}

type Place = tokio::sync::OwnedSemaphorePermit;

/// The next connection, once there is room for one more; none if it could not be accepted.
async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, Place)> {
    let place = Arc::clone(room).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, place)),
        Err(error) => {
            let of_client = matches!(
                error.kind(),
                io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::ConnectionRefused
                    | io::ErrorKind::ConnectionReset
            );
            if !of_client {
                tokio::time::sleep(BREATH).await;
            }
            None
        }
    }
}
