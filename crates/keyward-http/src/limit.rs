//! Rate limits on routes: who asks too often is answered with 429, and told when to come again.
//!
//! What is counted, and for whom, a [`RateLimit`] says; [`RateLimit::admit`] asks all of it in one step
//! that counts, and [`Counted::finish`] takes the head of the answer.
//!
//! ```
//! use http::request::Parts;
//! use keyward_http::limit::{OnFailure, RateLimit, Tell};
//! use keyward_http::{Failure, WebGuard};
//! use keyward_store::limit::{Limit, Limiter};
//!
//! # async fn tour(guard: WebGuard, limiter: Limiter, per_client: Limit, head: &Parts) -> Result<(), Failure> {
//! // A form that mails something: 20 an hour from one address, and `Retry-After` alone is told.
//! let sign_up = RateLimit::new(&guard, &limiter)
//!     .by_address(&per_client)
//!     .tell(Tell::RetryAfter);
//! // What is only to be spared: if the table cannot be read, requests pass, and an event tells it.
//! let pictures = RateLimit::new(&guard, &limiter)
//!     .by_address(&per_client)
//!     .on_failure(OnFailure::LetThrough);
//!
//! let counted = sign_up.admit(head).await?;
//! // It did not count: `Uncounted` of keyward-axum, or here.
//! counted.give_back().await;
//! # Ok(()) }
//! ```
//!
//! A route has its limits beside each other in one `RateLimit`, not in two: so what one refuses is not
//! counted by the other.

mod fields;

use std::fmt;
use std::sync::Arc;

use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue, response};
use keyward_base::{Error, ErrorKind, Result};
use keyward_store::limit::{Admitted, Asked, Limit, Limiter, Refused, Whom};

use crate::bodies::{RATE_LIMIT, RATE_LIMIT_POLICY};
use crate::client_ip::ClientIp;
use crate::decide::record;
use crate::failure::Failure;
use crate::guard::WebGuard;
use crate::reason;
use crate::request_id::InRequest;

/// For whom a request is counted.
type Who = Arc<dyn Fn(&Parts) -> Result<Whom> + Send + Sync>;

/// What becomes of a request whose limits cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // It is refused, or it is not.
pub enum OnFailure {
    /// It is refused: 503, or 500 where the table is damaged. For whatever can be guessed or mails
    /// something: whoever can bring the table down would else be free to try.
    #[default]
    Refuse,
    /// It passes, uncounted: for what is only to be spared. It is told to the guard's reporter, counted
    /// in [`WebGuard::findings`], and with a trail it is `web.limit`, at most once a minute.
    LetThrough,
}

/// What clients are told of their limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // A little more each.
pub enum Tell {
    /// `Retry-After` alone, where one is refused: for a log-in, where the rest is of use only to who
    /// guesses.
    RetryAfter,
    /// Where one is refused also what the limits are, and which refused (`RateLimit-Policy` and
    /// `RateLimit`, draft-ietf-httpapi-ratelimit-headers-11).
    #[default]
    Refused,
    /// And on each answer what is left. Who shares a limit with others, such as a tenant's, learns from
    /// it how much they ask.
    Always,
}

/// The limits of a group of routes. Clones are the same.
#[derive(Clone)]
pub struct RateLimit {
    guard: Arc<WebGuard>,
    limiter: Limiter,
    asks: Vec<(Limit, Who)>,
    on_failure: OnFailure,
    tell: Tell,
}

/// A request that is counted, or was let through. Dropped, it stays counted.
#[derive(Debug)]
#[must_use = "finish the answer with it"]
pub struct Counted {
    admitted: Option<Admitted>,
    fields: Option<Fields>,
}

/// `RateLimit-Policy` and `RateLimit`.
#[derive(Clone, Debug)]
struct Fields(HeaderValue, HeaderValue);

/// Marks an answer as one that does not count.
#[derive(Clone)]
struct NotCounted;

/// The request that is answered so does not count: what it was counted as is given back when the answer
/// is finished. A mark among the response's extensions.
pub fn not_counted(answer: &mut Extensions) {
    answer.insert(NotCounted);
}

impl RateLimit {
    /// No limit yet. Each of them is one that `limiter` was built with, at most 4.
    #[must_use]
    pub fn new(guard: &WebGuard, limiter: &Limiter) -> Self {
        Self {
            guard: Arc::new(guard.clone()),
            limiter: limiter.clone(),
            asks: Vec::new(),
            on_failure: OnFailure::default(),
            tell: Tell::default(),
        }
    }

    /// Counts for each client, by [`ClientIp::prefix`]: needs a [`crate::RoutePolicy`] before it, which
    /// knows the proxies.
    #[must_use]
    pub fn by_address(self, limit: &Limit) -> Self {
        self.by(limit, |head| {
            Ok(Whom::address(ClientIp::of(head)?.prefix()))
        })
    }

    /// Counts for all together.
    #[must_use]
    pub fn by_everybody(self, limit: &Limit) -> Self {
        self.by(limit, |_| Ok(Whom::everybody()))
    }

    /// Counts for whom the application says: from what it put among the request's extensions, such as
    /// the proof of a key or a session. What the client wrote himself names nobody. Whoever it knows
    /// nothing of is counted as somebody, by his address: an error is answered as one.
    #[must_use]
    pub fn by(
        mut self,
        limit: &Limit,
        whom: impl Fn(&Parts) -> Result<Whom> + Send + Sync + 'static,
    ) -> Self {
        self.asks.push((limit.clone(), Arc::new(whom)));
        self
    }

    /// What becomes of a request whose limits cannot be read.
    #[must_use]
    pub const fn on_failure(mut self, on_failure: OnFailure) -> Self {
        self.on_failure = on_failure;
        self
    }

    /// What clients are told.
    #[must_use]
    pub const fn tell(mut self, tell: Tell) -> Self {
        self.tell = tell;
        self
    }

    /// Counts a request under all of its limits, or refuses it and counts it under none.
    ///
    /// # Errors
    /// 429 if one of them admits none; 503 or 500 if they cannot be read, unless
    /// [`OnFailure::LetThrough`]; 500 for no limits, or ones that the limiter was not built with; and
    /// what is said where it is said for whom it is counted.
    pub async fn admit(&self, head: &Parts) -> Result<Counted, Failure> {
        let mut whom = Vec::new();
        for (limit, of) in &self.asks {
            whom.push((limit, of(head)?));
        }
        self.ask(&whom, head.extensions.get()).await
    }

    /// The same with what a handler found out, in the place of what was told before.
    ///
    /// # Errors
    /// As [`RateLimit::admit`].
    pub async fn admit_as(
        &self,
        limits: &[(&Limit, Whom)],
        id: Option<&InRequest>,
    ) -> Result<Counted, Failure> {
        self.ask(limits, id).await
    }

    async fn ask(
        &self,
        limits: &[(&Limit, Whom)],
        id: Option<&InRequest>,
    ) -> Result<Counted, Failure> {
        match self.limiter.ask(limits).await {
            Ok(Asked::Admitted(admitted)) => {
                let of = || fields::admitted(admitted.standing());
                let fields = (self.tell == Tell::Always).then(of).flatten();
                Ok(Counted {
                    admitted: Some(admitted),
                    fields,
                })
            }
            Ok(Asked::Refused(refused)) => {
                record(self.guard.noted.count(reason::LIMITED)).await;
                let limits: Vec<&Limit> = limits.iter().map(|(limit, _)| *limit).collect();
                Err(self.refuse(&limits, &refused))
            }
            Err(e) if self.lets_through(&e) => {
                record(self.guard.noted.count(reason::LIMIT_UNREAD)).await;
                self.guard.tell(&e.because(reason::LIMIT_UNREAD), id);
                Ok(Counted {
                    admitted: None,
                    fields: None,
                })
            }
            Err(e) => Err(e.into()),
        }
    }

    /// What is wrong in the program is never let through.
    fn lets_through(&self, e: &Error) -> bool {
        let is_unread = matches!(e.kind(), ErrorKind::Unavailable | ErrorKind::Corrupt);
        is_unread && self.on_failure == OnFailure::LetThrough
    }

    fn refuse(&self, limits: &[&Limit], refused: &Refused) -> Failure {
        let failure = Failure::too_many(refused.wait(), refused.error());
        let of = || fields::refused(limits, refused);
        match (self.tell != Tell::RetryAfter).then(of).flatten() {
            Some(Fields(policy, left)) => failure
                .with(RATE_LIMIT_POLICY, policy)
                .with(RATE_LIMIT, left),
            None => failure,
        }
    }
}

impl Counted {
    /// Puts the fields into the head of an answer, if the route tells of them.
    pub fn put(&self, headers: &mut HeaderMap) {
        if let Some(Fields(policy, left)) = self.fields.clone() {
            headers.insert(RATE_LIMIT_POLICY, policy);
            headers.insert(RATE_LIMIT, left);
        }
    }

    /// Takes it back: it did not count.
    pub async fn give_back(self) {
        if let Some(admitted) = self.admitted {
            admitted.give_back().await;
        }
    }

    /// Takes the head of the answer: puts the fields into it, and gives back what does not count
    /// ([`not_counted`]). The fields tell what was left when it was counted.
    pub async fn finish(self, head: &mut response::Parts) {
        self.put(&mut head.headers);
        if head.extensions.get::<NotCounted>().is_some() {
            self.give_back().await;
        }
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("limiter", &self.limiter)
            .field("on_failure", &self.on_failure)
            .field("tell", &self.tell)
            .finish_non_exhaustive()
    }
}
