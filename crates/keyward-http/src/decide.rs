//! What a group of routes admits, and what becomes of its answers.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, COOKIE, Entry, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, response};
use keyward_base::{Error, Reason, RequestId};

use crate::bodies;
use crate::client_ip::ClientIp;
use crate::cors::{self, Across, Cors};
use crate::failure::{Cause, Failure};
use crate::forwarded::Client;
use crate::guard::WebGuard;
use crate::headers;
use crate::nonce::Slot;
use crate::noted::Noting;
use crate::peer::Peer;
use crate::policy::{FORM_LIMIT, MACHINE_LIMIT};
use crate::reason;
use crate::request_id::{self, InRequest};
use crate::same_origin;
use crate::seen::Seen;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Callers {
    Machines,
    Pages,
}

/// What a group of routes admits. See the [crate] for what both kinds keep. A cheap clone.
#[derive(Clone, Debug)]
pub struct RoutePolicy {
    guard: Arc<WebGuard>,
    headers: Arc<HeaderMap>,
    callers: Callers,
    body_limit: usize,
    cors: Option<Cors>,
}

impl RoutePolicy {
    /// Routes for people: what may change something must come from a page of this service.
    /// Cookies pass. A key does not: with any `Authorization` but `Basic`, which may be of a proxy in
    /// front, it is 403. Were it not read, the answer would be another caller's than it was sent for;
    /// so the mistake shows at once, and no page comes to go by keys. Bodies have at most [`FORM_LIMIT`] bytes.
    #[must_use]
    pub fn pages(guard: &WebGuard) -> Self {
        Self::of(guard, Callers::Pages, FORM_LIMIT)
    }

    /// Routes for programs: webhooks, clients with a bearer token, cron jobs, probes. There is no
    /// origin check, and so nothing that a browser adds by itself may count: cookies are taken
    /// off requests and responses, and a handler must not go by HTTP Basic, a client certificate
    /// or the sender's address alone. Bodies have at most [`MACHINE_LIMIT`] bytes; error bodies
    /// are one line of text.
    #[must_use]
    pub fn machines(guard: &WebGuard) -> Self {
        Self::of(guard, Callers::Machines, MACHINE_LIMIT)
    }

    /// The same for programs that run in pages of other origins.
    #[must_use]
    pub fn machines_with_cors(guard: &WebGuard, cors: Cors) -> Self {
        Self {
            cors: Some(cors),
            ..Self::machines(guard)
        }
    }

    fn of(guard: &WebGuard, callers: Callers, body_limit: usize) -> Self {
        Self {
            guard: Arc::new(guard.clone()),
            headers: Arc::new(guard.headers()),
            callers,
            body_limit,
            cors: None,
        }
    }

    /// Another limit on request bodies, in bytes. What the request states of its body's length is held
    /// against it here; what really comes, by whoever reads the body: the layer (`tower`) does.
    #[must_use]
    pub const fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// The most bytes of a request's body.
    #[must_use]
    pub const fn most_body(&self) -> usize {
        self.body_limit
    }

    /// Decides on a request, of which `peer` is the address of the connection; none if it is not known,
    /// and then there is no [`ClientIp`].
    ///
    /// `request` is left as a handler may see it: with one `X-Request-Id`, without cookies where
    /// programs call, with `Cookie` and `Authorization` marked as secret; and with what was found out
    /// among its extensions ([`ClientIp`], [`InRequest`], and what [`crate::Nonce::of`] takes).
    pub fn decide(&self, request: &mut Parts, peer: Option<IpAddr>) -> Decided {
        if let Some(peer) = peer {
            request.extensions.insert(Peer(peer));
        }
        let across = self.cors.as_ref();
        let across = across.map(|cors| Across(cors.caller(&request.headers)));
        let mut passed = Passed::unknown(self.clone());
        let header = match request_id::settle(request, &self.guard.provider) {
            Ok(header) => header,
            Err(error) => {
                let answer = passed.finished(Failure::from(error).answer());
                return Decided(Decision::Answer(answer), None);
            }
        };
        passed.header = Some(header);
        passed.across = across;
        passed.id = request.extensions.get::<InRequest>().cloned();
        passed.seen = Some(Seen::with(&mut request.extensions));
        if self.callers == Callers::Pages {
            passed.nonce = Some(Slot::put(request, self.guard.provider));
        }
        let noting = self.know_client(request, peer, &mut passed);
        let decision = match self.admit(request) {
            Ok(None) => {
                self.hide(request);
                Decision::Pass(passed)
            }
            Ok(Some(answer)) => Decision::Answer(passed.finished(answer)),
            Err(refused) => Decision::Answer(passed.finished(refused.answer())),
        };
        Decided(decision, noting)
    }

    /// Finds out who sent it, and tells of a header that says otherwise.
    fn know_client(
        &self,
        request: &mut Parts,
        peer: Option<IpAddr>,
        passed: &mut Passed,
    ) -> Option<Noting> {
        let peer = peer?;
        let client = self.guard.proxies.client(peer, &request.headers);
        ClientIp::put(client, request);
        passed.client = Some(client);
        let noted = &self.guard.noted;
        let noting = noted.known(client.basis(), peer);
        // Anybody can send such a header with each request: who has a trail is told as seldom as that.
        if (noting.is_some() || !noted.is_told())
            && let Some(reason) = client.basis().reason()
        {
            self.report(&Error::rejected(reason), passed.id.as_ref());
        }
        noting
    }

    fn report(&self, error: &Error, of: Option<&InRequest>) {
        self.guard.tell(error, of);
    }

    /// The checks that need no body.
    /// Gives the answer where the layer answers itself.
    fn admit(&self, request: &Parts) -> Result<Option<Response<Bytes>>, Failure> {
        let own = self.guard.origins.addressed(request)?;
        if self.callers == Callers::Pages {
            same_origin::check(request, &own, self.guard.referrer)?;
            if request.headers.get_all(AUTHORIZATION).iter().any(is_key) {
                return Err(Failure::forbidden(Error::rejected(reason::KEY_ON_PAGE)));
            }
        }
        let stated = request.headers.get(CONTENT_LENGTH);
        let stated = stated.and_then(|len| len.to_str().ok()?.parse::<u64>().ok());
        let limit = u64::try_from(self.body_limit).unwrap_or(u64::MAX);
        if stated.is_some_and(|len| len > limit) {
            return Err(Failure::too_large(Error::rejected(Reason::TOO_LONG)));
        }
        match &self.cors {
            Some(cors) => Ok(cors.preflight(request)?),
            None => Ok(None),
        }
    }

    /// The request as a handler sees it.
    fn hide(&self, request: &mut Parts) {
        if self.callers == Callers::Machines {
            request.headers.remove(COOKIE);
            #[cfg(feature = "session")]
            request.extensions.insert(crate::bearer::OfMachine);
        }
        // Who logs a request's headers does not log its session, nor its key.
        for name in [COOKIE, AUTHORIZATION] {
            if let Entry::Occupied(mut secret) = request.headers.entry(name) {
                secret.iter_mut().for_each(|line| line.set_sensitive(true));
            }
        }
    }
}

/// A word on who asks that no browser or proxy adds by itself.
fn is_key(authorization: &HeaderValue) -> bool {
    let scheme = authorization.as_bytes().split(|b| *b == b' ').next();
    !scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic"))
}

/// What was decided of a request, and perhaps an event of it that was not recorded yet.
#[derive(Debug)]
#[must_use = "nothing is decided until it is asked"]
pub struct Decided(Decision, Option<Noting>);

impl Decided {
    /// Records what is to be recorded, as well as can be, and says what to do.
    pub async fn settle(self) -> Decision {
        let Self(decision, noting) = self;
        record(noting).await;
        decision
    }

    #[cfg(feature = "tower")]
    pub(crate) fn into_parts(self) -> (Decision, Option<Noting>) {
        (self.0, self.1)
    }
}

pub(crate) async fn record(noting: Option<Noting>) {
    if let Some(noting) = noting {
        noting.record().await;
    }
}

/// What to do with a request.
#[derive(Debug)]
#[must_use = "a request that does not pass has its answer here"]
#[allow(clippy::exhaustive_enums)] // There is no third.
#[allow(clippy::large_enum_variant)] // It is taken apart at once.
pub enum Decision {
    /// It goes on. Its answer, whatever it is, goes through [`Passed::finish`].
    Pass(Passed),
    /// It is answered, with all headers: a refusal, or what the policy says itself.
    Answer(Response<Bytes>),
}

/// A request that goes on: what was found out of it, and what its answer needs.
#[must_use = "the answer has no headers until it is finished"]
pub struct Passed {
    policy: RoutePolicy,
    client: Option<Client>,
    id: Option<InRequest>,
    header: Option<HeaderValue>,
    seen: Option<Seen>,
    nonce: Option<Slot>,
    across: Option<Across>,
}

impl Passed {
    const fn unknown(policy: RoutePolicy) -> Self {
        Self {
            policy,
            client: None,
            id: None,
            header: None,
            seen: None,
            nonce: None,
            across: None,
        }
    }

    /// Who sent it; none if the address of the connection is not known.
    #[must_use]
    pub const fn client(&self) -> Option<Client> {
        self.client
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> Option<&RequestId> {
        self.id.as_ref().map(|InRequest(id)| id)
    }

    /// The most bytes of its body.
    #[must_use]
    pub const fn body_limit(&self) -> usize {
        self.policy.body_limit
    }

    /// Finishes the head of an answer: all headers, over whatever a handler had set; no cookie where
    /// programs call; of an error nothing but its status. Gives the body that takes the place of the
    /// handler's; none if that one stays.
    #[must_use = "an error's own body must not go out"]
    pub fn finish(&self, answer: &mut response::Parts) -> Option<Bytes> {
        if let Some(Cause(error)) = answer.extensions.get::<Cause>() {
            self.policy.report(error, self.id.as_ref());
        }
        let stricter = answer.extensions.get::<headers::Stricter>().cloned();
        let guard = &self.policy.guard;
        let is_page = self.policy.callers == Callers::Pages;
        let body = bodies::neutral(answer, guard.page.filter(|_| is_page));
        let out = &mut answer.headers;
        if !is_page {
            out.remove(SET_COOKIE);
        }
        if let Some(seen) = &self.seen {
            seen.finish(if is_page { "cookie" } else { "authorization" }, out);
        }
        let all = stricter.map_or_else(|| Arc::clone(&self.policy.headers), |own| own.0);
        headers::put(&all, out);
        if let Some(nonce) = self.nonce.as_ref().and_then(Slot::asked) {
            headers::put_nonce(&guard.content, nonce, out);
        }
        cors::put(self.across.as_ref(), out);
        // None where there was no randomness for one: then the answer is ours, and has none.
        if let Some(id) = &self.header {
            out.insert(request_id::NAME, id.clone());
        }
        body
    }

    /// The same with an answer whose body is bytes.
    pub fn finished(&self, answer: Response<Bytes>) -> Response<Bytes> {
        let (mut head, own) = answer.into_parts();
        let body = self.finish(&mut head).unwrap_or(own);
        Response::from_parts(head, body)
    }

    /// The answer in the place of one that never came, since what should have made it panicked: 500. It
    /// is reported, counted and recorded. See [`crate::caught`].
    pub async fn panicked(&self) -> Response<Bytes> {
        record(self.policy.guard.noted.count(reason::PANICKED)).await;
        let panicked = Error::misuse("a handler panicked").because(reason::PANICKED);
        self.finished(Failure::from(panicked).answer())
    }
}

impl fmt::Debug for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passed")
            .field("client", &self.client)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
