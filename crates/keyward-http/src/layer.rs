//! The layer for services of tower, whatever their bodies.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{Either, Full, Limited};
use tower_layer::Layer;
use tower_service::Service;

use crate::caught;
use crate::decide::{Decision, RoutePolicy, record};
use crate::peer::Peer;

impl<S> Layer<S> for RoutePolicy {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded {
            policy: self.clone(),
            inner,
        }
    }
}

/// A service behind a [`RoutePolicy`]. It takes the peer's address from the request's extensions
/// ([`Peer`]), limits the request's body, and answers with the service's own body or a fixed one. A
/// service that panics has answered with 500.
#[derive(Clone, Debug)]
pub struct Guarded<S> {
    policy: RoutePolicy,
    inner: S,
}

/// The body of an answer: the service's own, or a fixed one.
pub type Body<R> = Either<R, Full<Bytes>>;

/// An answer on its way.
pub type Answered<R, E> = Pin<Box<dyn Future<Output = Result<Response<Body<R>>, E>> + Send>>;

impl<S, B, R> Service<Request<B>> for Guarded<S>
where
    S: Service<Request<Limited<B>>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    R: Send + 'static,
{
    type Response = Response<Body<R>>;
    type Error = S::Error;
    type Future = Answered<R, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let peer = parts.extensions.get().map(|Peer(peer)| *peer);
        let (decision, noting) = self.policy.decide(&mut parts, peer).into_parts();
        let passed = match decision {
            Decision::Pass(passed) => passed,
            Decision::Answer(answer) => {
                return Box::pin(async move {
                    record(noting).await;
                    Ok(fixed(answer))
                });
            }
        };
        let body = Limited::new(body, passed.body_limit());
        let inner = caught::call(|| self.inner.call(Request::from_parts(parts, body)));
        Box::pin(async move {
            record(noting).await;
            let answered = match inner {
                Some(inner) => caught::run(inner).await,
                None => None,
            };
            match answered {
                Some(answer) => {
                    let (mut head, own) = answer?.into_parts();
                    let body = match passed.finish(&mut head) {
                        Some(body) => Either::Right(Full::new(body)),
                        None => Either::Left(own),
                    };
                    Ok(Response::from_parts(head, body))
                }
                None => Ok(fixed(passed.panicked().await)),
            }
        })
    }
}

fn fixed<R>(answer: Response<Bytes>) -> Response<Body<R>> {
    answer.map(|body| Either::Right(Full::new(body)))
}
