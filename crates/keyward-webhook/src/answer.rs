//! What a sender is answered, and what the audit is told.
//!
//! A sender understands little: 200 is *do not come again*, 503 is *come again*, and anything else
//! counts against the endpoint, which some providers turn off after enough of it. So what comes
//! again after it was handled is 200, whatever it is to us, and what is our own fault is never 4xx.
//!
//! | how it stands | status |
//! |---|---|
//! | done, kept, repeated; in conflict, once somebody is told of it | 200, no body |
//! | another attempt is being handled, or a store or key is out of reach | 503 with `Retry-After` |
//! | the handler failed, or the program or its data are at fault | 500 |
//! | no proof, a wrong one, or one at the wrong time | 401 |
//! | headers of no shape that the scheme has | 400 |
//! | the body is too long | 413 |

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Response, StatusCode};
use keyward_base::audit::{Detail, Event, Outcome as Ended, Value};
use keyward_base::{Clock, Error, ErrorKind, Reason, Result, Retry, Timestamp, Trail};

use crate::endpoint::Endpoint;
use crate::outcome::Outcome;
use crate::reason;

/// The body of every answer that is not 200.
pub const REFUSED: &str = "refused\n";

/// When a sender is to come again, where nobody knows better.
const AGAIN: Duration = Duration::from_secs(30);

/// The longest that he is asked to wait: a lease may be longer, and its worker done sooner.
const LONGEST: Duration = Duration::from_secs(300);

/// How often the audit is told of what was refused: however many there are, one event.
const SUMMED: Duration = Duration::from_secs(1);

/// Makes answers, and tells the audit why. One for each process: what is refused is summed, so that
/// a flood of it causes one event a second, and no other write.
pub struct Answers {
    trail: Trail,
    clock: Arc<dyn Clock>,
    refused: Mutex<Refused>,
}

#[derive(Default)]
struct Refused {
    told: Option<Timestamp>,
    counts: BTreeMap<&'static str, u64>,
}

impl Refused {
    /// Whether the audit may be told again. A clock that was put back is told from too.
    fn is_due(&self, now: Timestamp) -> bool {
        self.told
            .is_none_or(|told| now < told || now.saturating_since(told) >= SUMMED)
    }
}

/// What a sender is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the sender waits for an answer"]
pub struct Answer {
    status: StatusCode,
    retry_after: Option<Duration>,
}

impl Answers {
    /// Answers whose reasons go to `trail`.
    #[must_use]
    pub fn new(trail: Trail, clock: Arc<dyn Clock>) -> Self {
        Self {
            trail,
            clock,
            refused: Mutex::default(),
        }
    }

    /// The answer for a delivery to `endpoint`, whether it was refused, failed or handled. A
    /// conflict is recorded before it is answered 200; where it cannot be, the sender is to come
    /// again.
    pub async fn answer(&self, endpoint: &Endpoint, delivery: &Result<Outcome>) -> Answer {
        let now = self.clock.now();
        match delivery {
            Ok(outcome) => match outcome {
                Outcome::Done | Outcome::Stored => Answer::ok(),
                Outcome::Repeated => {
                    let reason = Some(reason::REPEATED);
                    self.tell(endpoint, ErrorKind::Rejected, reason, now).await;
                    Answer::ok()
                }
                Outcome::DeadLetter => {
                    let reason = Some(reason::CONFLICT);
                    self.tell(endpoint, ErrorKind::Rejected, reason, now).await;
                    Answer::ok()
                }
                Outcome::Conflict => match self.record_conflict(endpoint, now).await {
                    Ok(()) => Answer::ok(),
                    Err(e) => Answer::of(&e, None),
                },
                Outcome::InFlight { until } => {
                    let wait = now.map_or(AGAIN, |now| until.saturating_since(now));
                    Answer::again(wait)
                }
                Outcome::Failed => Answer::status_of(StatusCode::INTERNAL_SERVER_ERROR),
            },
            Err(e) => {
                let answer = Answer::of(e, now.as_ref().ok().copied());
                self.tell(endpoint, e.kind(), e.reason(), now).await;
                answer
            }
        }
    }

    /// Tells the audit of what was refused since it was told last, unless that is less than a second
    /// ago. Call it every second or so, or what a flood ended with is told with the next one.
    pub async fn flush(&self) {
        if self.clock.now().is_ok_and(|now| self.held().is_due(now)) {
            self.end().await;
        }
    }

    /// Tells the audit at once of what was refused since it was told last: before the process stops.
    pub async fn end(&self) {
        let counts = std::mem::take(&mut self.held().counts);
        let (Ok(now), Some(word)) = (self.clock.now(), counts.keys().next()) else {
            self.put_back(counts);
            return;
        };
        let ended = Ended::Failed(ErrorKind::Rejected, Some(Reason::new(word)));
        self.held().told = Some(now);
        self.note(None, ended, counts, now).await;
    }

    async fn record_conflict(&self, endpoint: &Endpoint, now: Result<Timestamp>) -> Result<()> {
        let ended = Ended::Failed(ErrorKind::Rejected, Some(reason::CONFLICT));
        let mut event = Event::new(now?, "webhook.conflict", ended);
        event.tenant = Some(endpoint.tenant.clone());
        event.record = Some(endpoint.id.clone());
        self.trail.require(event).await
    }

    async fn tell(
        &self,
        endpoint: &Endpoint,
        kind: ErrorKind,
        reason: Option<Reason>,
        now: Result<Timestamp>,
    ) {
        let word = reason.map_or(kind_word(kind), Reason::as_str);
        let due = {
            let mut refused = self.held();
            let count = refused.counts.entry(word).or_default();
            *count = count.saturating_add(1);
            let Ok(now) = now else { return };
            refused.is_due(now).then(|| {
                refused.told = Some(now);
                (now, std::mem::take(&mut refused.counts))
            })
        };
        if let Some((now, counts)) = due {
            let alone = counts.values().copied().fold(0, u64::saturating_add) == 1;
            let endpoint = alone.then_some(endpoint);
            self.note(endpoint, Ended::Failed(kind, reason), counts, now)
                .await;
        }
    }

    async fn note(
        &self,
        endpoint: Option<&Endpoint>,
        ended: Ended,
        counts: BTreeMap<&'static str, u64>,
        now: Timestamp,
    ) {
        let mut event = Event::new(now, "webhook.refuse", ended);
        event.tenant = endpoint.map(|endpoint| endpoint.tenant.clone());
        event.record = endpoint.map(|endpoint| endpoint.id.clone());
        event.detail = counts
            .into_iter()
            .fold(Detail::none(), |detail, (word, count)| {
                detail.with(word, Value::Number(count))
            });
        self.trail.note(event).await;
    }

    fn put_back(&self, counts: BTreeMap<&'static str, u64>) {
        let mut refused = self.held();
        for (word, more) in counts {
            let count = refused.counts.entry(word).or_default();
            *count = count.saturating_add(more);
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Refused> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").finish_non_exhaustive()
    }
}

const fn kind_word(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Corrupt => "corrupt",
        ErrorKind::Misuse => "misuse",
        ErrorKind::Rejected => "rejected",
        _ => "unavailable",
    }
}

impl Answer {
    const fn ok() -> Self {
        Self::status_of(StatusCode::OK)
    }

    const fn status_of(status: StatusCode) -> Self {
        Self {
            status,
            retry_after: None,
        }
    }

    /// Whole seconds, of which there is one at least.
    fn again(wait: Duration) -> Self {
        let seconds = wait.as_millis().div_ceil(1000).max(1);
        let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            retry_after: Some(Duration::from_secs(seconds).min(LONGEST)),
        }
    }

    fn of(error: &Error, now: Option<Timestamp>) -> Self {
        match error.kind() {
            ErrorKind::Rejected => Self::status_of(match error.reason() {
                Some(reason::BODY_TOO_LONG) => StatusCode::PAYLOAD_TOO_LARGE,
                Some(
                    reason::AMBIGUOUS_HEADER
                    | reason::BAD_BODY
                    | reason::BAD_CHALLENGE
                    | reason::BAD_HANDSHAKE
                    | reason::BAD_ID
                    | reason::BAD_SIGNATURE
                    | reason::BAD_TIME
                    | reason::HEADER_TOO_LONG
                    | Reason::MALFORMED
                    | reason::TOO_MANY_SIGNATURES,
                ) => StatusCode::BAD_REQUEST,
                _ => StatusCode::UNAUTHORIZED,
            }),
            ErrorKind::Unavailable => {
                let wait = match (error.retry_when(), now) {
                    (Some(Retry::After(wait)), _) => wait,
                    (Some(when), Some(now)) => when.wait(now),
                    _ => AGAIN,
                };
                Self::again(wait)
            }
            _ => Self::status_of(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// When the sender is to come again: whole seconds, 1 to 300.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The body: none with 200, as some providers show it to people; [`REFUSED`] with all others.
    #[must_use]
    pub fn body(&self) -> &'static str {
        match self.status {
            StatusCode::OK => "",
            _ => REFUSED,
        }
    }

    /// The whole response.
    pub fn response<B: From<&'static str>>(&self) -> Response<B> {
        let mut response = Response::new(B::from(self.body()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        headers.insert(CONTENT_TYPE, text);
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(wait) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs()));
        }
        response
    }
}
