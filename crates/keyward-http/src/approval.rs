//! Approvals: agents ask, wait, and read the result or why it was denied; people decide on the page that
//! a mailed link opens. The service runs what was approved.
//!
//! # The pages of links
//!
//! [`ApprovalPages::open`] answers `GET` and `HEAD`, [`ApprovalPages::decide`] the `POST` of the form. To
//! open a page decides nothing: that it was opened is recorded, once for each link. The page shows all of
//! the action, made from its bytes, who asks and why (beside his name if the service knows one:
//! [`ApprovalPages::names`]), the rule and how many approvals it takes, how often
//! it may then run, and until when it can be decided. What is answered:
//!
//! | | status |
//! |---|---|
//! | the page; an answer that counted | 200 |
//! | a link of another key, tenant or kind; one that was used, tried too often or killed, has ended, or was damaged; what can be decided no more | 404, always the same bytes |
//! | a form of another origin; without the mark of its page, or with another's | 403 |
//! | another code than the link's; who may not decide it, or has already | 403, and what to do |
//! | neither yes nor no, a denial without a reason, a code that is none | 422, and the page once more |
//! | another body than a form of at most [`BODY`] bytes | 400, 413, 415 |
//! | store, keys or clock are not available | 503 |
//!
//! **Who decides** is one who is signed in ([`ApprovalPages::sessions`]), himself and not by a door of
//! others, whose session is fresh ([`ApprovalPages::fresh`]), and whom the link was sent to if it was sent
//! to somebody. Under a rule with `link-holder` it may be, instead, who types the six digits that go with
//! the link: of those, five tries are taken, and then it is dead. The digits are on no page and in no
//! address. A rule that wants passkeys is decided elsewhere.
//!
//! **The mark** is random, of one link, and good for [`MARK_LIFE`], which it says under a MAC: the page sets it in a cookie (`__Host-`
//! and `Secure` over TLS, `HttpOnly`, `SameSite=Strict`) and has it in its form. What sends the form
//! without having opened the page lacks it.
//!
//! **Headers.** No page tells where it was come from, is kept by a cache, or listed by a search engine;
//! none loads anything of another origin or runs a script. They stand over those of the routes' policy,
//! where that allows more.
//!
//! # Agents
//!
//! [`AgentDesk::ask`] takes JSON ([`AgentAsk`]) and an `Idempotency-Key`
//! (draft-ietf-httpapi-idempotency-key-header): the same key with the same bytes is the same gate,
//! however often and however many at once. [`AgentDesk::read`] tells of a gate, at once or as soon as it
//! is decided and over, whichever comes first within [`WAIT`].
//!
//! # What is answered
//!
//! | | status |
//! |---|---|
//! | asked, and it waits | 202 |
//! | asked, and it waits for nobody; asked before; read | 200 |
//! | no `Idempotency-Key`, several, or none of 1 to 255 bytes; a body that is no ask, with what is wrong | 400 |
//! | the policy forbids it | 403 |
//! | no such gate, or one that another key asked for | 404 |
//! | the key was used with other bytes | 422 |
//! | as many asks of this key wait as may | 429 |
//!
//! The body of 200 and 202 is a JSON object: `version` (1), `gate`, `state`, `is_over`, `action` (SHA-256
//! of its bytes in hexadecimal), `reason` (why it was denied, or null), `results` (of each step `result`
//! and `said`), and `service_runs`.
//!
//! # Whose an ask is
//!
//! Who asks is the API key, as an agent owned by whoever made it, and never what a body says. Another key,
//! be it the successor of a rotated one, neither reads nor repeats what this one asked.
//!
//! # An agent that runs it itself
//!
//! A desk of [`AgentDesk::decides_only`] says `"service_runs": false`: **nothing binds what the agent then
//! does** to what was shown and approved. It may do something else, do it twice, or do it without asking;
//! no anchor counts its runs. [`UnboundDecision`] says so by its type, and no executor takes it. Each time
//! a yes is told there, it is judged again by the policy and the roles as they are then: what an executor
//! would not run any more is `superseded`.

mod form;
mod mark;
mod markup;
mod pages;
mod waiters;
mod who;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use keyward_approval::gate::{Once, Shown, StepResult};
use keyward_approval::reason::{FORBIDDEN, TOO_MANY_WAIT};
use keyward_approval::{
    ActionBuilder, AgentAsk, Asking, Catalogue, ExecutorName, GateId, Gates, Requester,
    ServiceName, State,
};
use keyward_base::encoding::hex;
use keyward_base::{BoxFuture, Clock, Error, ErrorKind, Reason, Result, Subject};
use keyward_crypto::Provider;
use keyward_session::api_key::LiveKey;
use serde::Serialize;

use crate::bodies;
use crate::failure::Failure;

pub use form::BODY;
pub use mark::MARK_LIFE;
pub use markup::Markup;
pub use pages::ApprovalPages;
use waiters::Waiters;
pub use waiters::{WAITERS, WAITERS_OF_KEY, WAITERS_OF_TENANT};
pub use who::{FRESH, Names};

/// The longest that one read waits: below the 60 seconds after which nginx, HAProxy and the load
/// balancers of the clouds give a silent answer up.
pub const WAIT: Duration = Duration::from_secs(30);

/// How many asks of one key may wait for a decision at once, unless told: what a person still looks
/// through.
pub const WAITING: u16 = 16;

/// The first pause between two looks at a gate, and the longest: each is twice the one before.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// What a read waits by: the timer of the runtime, or one of a test.
pub trait Pause: fmt::Debug + Send + Sync {
    /// Is over after `span`. Whoever drops it has waited enough.
    fn pause(&self, span: Duration) -> BoxFuture<'_, ()>;
}

/// Where agents ask. A cheap clone, and part of an application's state.
#[derive(Clone)]
pub struct AgentDesk(Arc<Inner>);

struct Inner {
    gates: Gates,
    catalogue: Catalogue,
    service: ServiceName,
    executor: ExecutorName,
    provider: Provider,
    clock: Arc<dyn Clock>,
    pause: Arc<dyn Pause>,
    waiting: u16,
    waiters: Waiters,
    service_runs: bool,
}

/// What became of an ask, for whoever acts on it by himself. **It binds nobody**: what is then done may
/// be another thing than what was approved, and nothing keeps it from being done twice.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "it is a decision, and nothing was run"]
pub struct UnboundDecision {
    /// The gate.
    pub gate: GateId,
    /// Where it is: [`State::Approved`] alone means yes.
    pub state: State,
    /// SHA-256 of the action's bytes, of which it is the decision.
    pub action: [u8; 32],
}

impl AgentDesk {
    /// Where agents ask for what is of `catalogue`, to be run by `executor` of `service`.
    #[must_use]
    pub fn new(
        gates: Gates,
        catalogue: Catalogue,
        (service, executor): (ServiceName, ExecutorName),
        provider: Provider,
        clock: Arc<dyn Clock>,
        pause: Arc<dyn Pause>,
    ) -> Self {
        Self(Arc::new(Inner {
            gates,
            catalogue,
            service,
            executor,
            provider,
            clock,
            pause,
            waiting: WAITING,
            waiters: Waiters::default(),
            service_runs: true,
        }))
    }

    /// The same, for agents that run what was approved themselves: they get a decision and nothing else.
    /// Nothing then binds what they do. Name an executor that nobody is, so that the service does not
    /// run it too.
    #[must_use]
    pub fn decides_only(self) -> Self {
        self.with(|inner| inner.service_runs = false)
    }

    /// So many asks of one key may wait at once, 1 to 64; [`WAITING`] unless told.
    #[must_use]
    pub fn waiting(self, most: u16) -> Self {
        self.with(|inner| inner.waiting = most.clamp(1, keyward_approval::gate::PLACES_MOST))
    }

    fn with(self, change: impl FnOnce(&mut Inner)) -> Self {
        let of = &self.0;
        let mut inner = Inner {
            gates: of.gates.clone(),
            catalogue: of.catalogue.clone(),
            service: of.service.clone(),
            executor: of.executor.clone(),
            provider: of.provider,
            clock: Arc::clone(&of.clock),
            pause: Arc::clone(&of.pause),
            waiting: of.waiting,
            waiters: Waiters::default(),
            service_runs: of.service_runs,
        };
        change(&mut inner);
        Self(Arc::new(inner))
    }

    /// How many reads wait now.
    #[must_use]
    pub fn waiters(&self) -> usize {
        self.0.waiters.count()
    }

    /// Takes an ask of whose `key` it is: the scope for it was required before.
    ///
    /// # Errors
    /// A refusal, as [`crate::approval`] says.
    pub async fn ask(
        &self,
        key: &LiveKey,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Response<Bytes>, Failure> {
        let inner = &self.0;
        let bad = |error| Failure::at(StatusCode::BAD_REQUEST, error);
        let idempotency = idempotency_key(headers).map_err(bad)?;
        let once = Once::new(idempotency, body, inner.waiting).map_err(Failure::input)?;
        let requester = requester(key)?;
        let tenant = key.tenant();
        // What was asked before has its gate, whatever the policy and the catalogue say by now.
        let before = inner.gates.asked_once(tenant, &requester, &once).await;
        if let Some(gate) = before.map_err(refused)? {
            let shown = self.told(inner.gates.show(tenant, gate).await?).await?;
            return Ok(self.answer(StatusCode::OK, &shown)?);
        }
        let ask = match AgentAsk::parse(&inner.catalogue, body) {
            Ok(ask) => ask,
            Err(wrong) => return Ok(said(StatusCode::BAD_REQUEST, &wrong.to_string())?),
        };
        let (service, executor) = (inner.service.clone(), inner.executor.clone());
        let builder = ActionBuilder::new(tenant.clone(), service, executor, requester).ask(ask);
        let (policy, now) = (inner.gates.policy(), inner.clock.now()?);
        let asked = match builder.build(&policy, now, &inner.provider) {
            // What is wrong with it, in words that hold no value of it.
            Err(e) if e.kind() == ErrorKind::Misuse => {
                return Ok(said(StatusCode::BAD_REQUEST, &e.to_string())?);
            }
            asked => asked?,
        };
        let gate = inner.gates.ask_once(Asking::new(asked), &once).await;
        let shown = inner.gates.show(tenant, gate.map_err(refused)?).await?;
        let shown = self.told(shown).await?;
        let status = match shown.state().is_open() {
            true => StatusCode::ACCEPTED,
            false => StatusCode::OK,
        };
        Ok(self.answer(status, &shown)?)
    }

    /// Tells of a gate that this `key` asked for: as it is, or, if `wait` is given, once it is over or so
    /// much time has passed, at most [`WAIT`]. Between two looks it pauses for 250 ms to 2 s, and reads
    /// the action, which may be large, only once more if something changed; it holds
    /// nothing meanwhile but its place among [`WAITERS`], which it gives back when it is dropped. Where
    /// as many wait as may, of the key, of its tenant or of all, it is told at once.
    ///
    /// # Errors
    /// A refusal, as [`crate::approval`] says.
    pub async fn read(
        &self,
        key: &LiveKey,
        gate: &str,
        wait: Option<Duration>,
    ) -> Result<Response<Bytes>, Failure> {
        let mut left = wait.unwrap_or_default().min(WAIT);
        let mut pause = PAUSES.0;
        let mut place = None;
        let mut shown = self.of(key, gate).await?;
        loop {
            if self.is_over(&shown) || left.is_zero() {
                return Ok(self.answer(StatusCode::OK, &shown)?);
            }
            if place.is_none() {
                place = self.0.waiters.place(key);
            }
            if place.is_none() {
                return Ok(self.answer(StatusCode::OK, &shown)?);
            }
            let span = pause.min(left);
            self.0.pause.pause(span).await;
            // By what was waited, not by a clock that somebody may set back.
            left = left.saturating_sub(span);
            pause = pause.saturating_mul(2).min(PAUSES.1);
            let gates = &self.0.gates;
            if gates
                .has_moved(key.tenant(), shown.id(), shown.fence())
                .await?
            {
                shown = self.of(key, gate).await?;
            }
        }
    }

    /// The decision on a gate that this `key` asked for, and nothing that runs. An older record that was
    /// put back decides nothing: the log is asked. Where the desk is one of [`AgentDesk::decides_only`],
    /// a yes is judged as [`Gates::show_standing`] does, at this moment.
    ///
    /// # Errors
    /// As [`AgentDesk::read`].
    pub async fn decision(&self, key: &LiveKey, gate: &str) -> Result<UnboundDecision, Failure> {
        let shown = self.of(key, gate).await?;
        Ok(UnboundDecision {
            gate: shown.id(),
            state: shown.state(),
            action: *shown.action().digest().as_bytes(),
        })
    }

    /// A gate that this key asked for. Any other reads like one that is not there.
    async fn of(&self, key: &LiveKey, gate: &str) -> Result<Shown, Failure> {
        let none = |_| Error::rejected(Reason::NOT_FOUND);
        let id = GateId::parse(gate).map_err(none)?;
        let shown = self.0.gates.show(key.tenant(), id).await?;
        if *shown.action().requester() != requester(key)? {
            return Err(Error::rejected(Reason::NOT_FOUND).into());
        }
        Ok(self.told(shown).await?)
    }

    /// What is told of a gate. A yes is acted on: not one that was taken back since, in a record that was
    /// put back; and where no executor judges it again, not one that does not stand any more.
    async fn told(&self, shown: Shown) -> Result<Shown> {
        if shown.state() != State::Approved {
            return Ok(shown);
        }
        let (tenant, gates) = (shown.action().tenant(), &self.0.gates);
        match self.0.service_runs {
            true => gates.show_newest(tenant, shown.id()).await,
            false => gates.show_standing(tenant, shown.id()).await,
        }
    }

    fn is_over(&self, shown: &Shown) -> bool {
        let state = shown.state();
        let decided = state == State::Approved && !self.0.service_runs;
        decided || state.is_ended() || state == State::Indeterminate
    }

    fn answer(&self, status: StatusCode, shown: &Shown) -> Result<Response<Bytes>> {
        let body = Body {
            version: 1,
            gate: shown.id().to_string(),
            state: shown.state().as_str(),
            is_over: self.is_over(shown),
            action: hex(shown.action().digest().as_bytes()),
            reason: shown.denial(),
            results: shown.results().into_iter().map(one).collect(),
            service_runs: self.0.service_runs,
        };
        json(status, &body)
    }
}

impl fmt::Debug for AgentDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentDesk")
            .field("service", &self.0.service)
            .field("executor", &self.0.executor)
            .field("service_runs", &self.0.service_runs)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Body<'a> {
    version: u8,
    gate: String,
    state: &'static str,
    is_over: bool,
    action: String,
    reason: Option<&'a str>,
    results: Vec<One<'a>>,
    service_runs: bool,
}

#[derive(Serialize)]
struct One<'a> {
    result: &'static str,
    said: &'a str,
}

#[derive(Serialize)]
struct Wrong<'a> {
    version: u8,
    error: &'a str,
}

const fn one(result: StepResult<'_>) -> One<'_> {
    let (result, said) = match result {
        StepResult::Done(said) => ("done", said),
        StepResult::Failed(said) => ("failed", said),
        StepResult::NotRun => ("not-run", ""),
        _ => ("waits", ""),
    };
    One { result, said }
}

/// An agent that is its API key's, and owned by whoever made that.
fn requester(key: &LiveKey) -> Result<Requester> {
    let subject = Subject::new(&format!("key:{}", hex(&key.id().to_bytes())))?;
    Ok(Requester::agent_of(key.maker().clone(), subject))
}

/// The one key of a request: visible ASCII, as it is or in the quotes of a structured field.
fn idempotency_key(headers: &HeaderMap) -> Result<&str> {
    let malformed = || Error::rejected(Reason::MALFORMED);
    let mut all = headers.get_all(IDEMPOTENCY_KEY).iter();
    let (Some(one), None) = (all.next(), all.next()) else {
        return Err(malformed());
    };
    let text = one.to_str().map_err(|_| malformed())?;
    let quoted = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    let key = quoted.unwrap_or(text);
    let plain = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\' && b != b',';
    let fits = (1..=keyward_approval::gate::ONCE_KEY).contains(&key.len());
    if fits && key.bytes().all(plain) {
        return Ok(key);
    }
    Err(malformed())
}

fn refused(error: Error) -> Failure {
    match error.reason() {
        Some(Reason::CONFLICT) => Failure::at(StatusCode::UNPROCESSABLE_ENTITY, error),
        Some(FORBIDDEN) => Failure::forbidden(error),
        Some(TOO_MANY_WAIT) => Failure::too_many(WAIT, error),
        _ => Failure::from(error),
    }
}

/// A refusal with what is wrong, for whoever wrote the agent.
fn said(status: StatusCode, error: &str) -> Result<Response<Bytes>> {
    let mut answer = json(status, &Wrong { version: 1, error })?;
    bodies::keep(answer.extensions_mut());
    Ok(answer)
}

fn json(status: StatusCode, body: &impl Serialize) -> Result<Response<Bytes>> {
    let unwritten = |_| Error::misuse("an answer cannot be written");
    let body = serde_json::to_vec(body).map_err(unwritten)?;
    let mut answer = Response::new(Bytes::from(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}
