//! What whoever asked is told, signed: by a key that he and the service share.
//! `docs/formats/gate.md` specifies it.
//!
//! Nothing of what is to be told is lost with a process: [`Gates::news`] says from the tenant's log
//! whose gates went on, from where the service told of the last on.
//!
//! ```
//! # use keyward_approval::callback::{CallbackKey, HEADER};
//! # use keyward_approval::Gates;
//! # use keyward_base::{Result, Tenant, Timestamp};
//! # async fn service(gates: &Gates, tenant: &Tenant, key: &CallbackKey, kept: u64) -> Result<()> {
//! // The service: `kept` is what it kept of the last time, and 0 at first.
//! let news = gates.news(tenant, kept, 100).await?;
//! for gate in news.gates {
//!     let callback = gates.callback(tenant, gate, key).await?;
//!     // A POST of `callback.body` with `HEADER: callback.header`, until it is answered.
//! }
//! // Kept now: after a crash, it begins where it did, and some is told twice.
//! let kept = news.next;
//! # Ok(()) }
//! # fn asker(key: &CallbackKey, header: &str, body: &[u8], now: Timestamp, last: u64) -> Result<()> {
//! // Whoever asked: `last` is the fence of the newest that he has of this gate.
//! let told = key.verify(header, body, now)?;
//! if told.fence > last {
//!     println!("{} is {}", told.gate, told.state);
//! }
//! # Ok(()) }
//! ```

use std::fmt;
use std::time::Duration;

use keyward_base::encoding::{base64url, from_base64url_array, from_hex, hex};
use keyward_base::{Domain, Error, Reason, Result, SecretArray, Subject, Tenant, Timestamp};
use keyward_crypto::{MacKey, Provider};
use serde::{Deserialize, Serialize};

use crate::gate::{GateId, Gates, State, StepResult};
use crate::word::ServiceName;

/// When it was made, and the body.
const CALLBACK: Domain<(Timestamp, &[u8])> = Domain::new("keyward/v1/approval-callback");

/// The name of the header that a callback bears.
pub const HEADER: &str = "keyward-approval";

/// How far from the time of its receiver a callback may have been made: as webhooks have it.
pub const WINDOW: Duration = Duration::from_secs(5 * 60);

const VERSION: &str = "1";

/// What a service and one of those who ask share: 32 random bytes, for nothing else.
pub struct CallbackKey(MacKey);

impl CallbackKey {
    /// The key of these bytes.
    ///
    /// # Errors
    /// `Unavailable` if the provider cannot take it.
    pub fn new(provider: &Provider, key: &SecretArray<32>) -> Result<Self> {
        MacKey::new(provider, key).map(Self)
    }

    /// Checks a callback over its raw body, and only then reads it. A genuine one may come twice, or
    /// late: [`Told::fence`] only rises, and what is not above the last is nothing new.
    ///
    /// # Errors
    /// `Rejected`: [`Reason::MALFORMED`], [`Reason::EXPIRED`] beyond [`WINDOW`] on either side,
    /// [`Reason::NOT_AUTHENTIC`].
    pub fn verify(&self, header: &str, body: &[u8], now: Timestamp) -> Result<Told> {
        let malformed = || Error::rejected(Reason::MALFORMED);
        let mut parts = header.split(',');
        let (version, at, tag) = (parts.next(), parts.next(), parts.next());
        let (Some(VERSION), Some(at), Some(tag), None) = (version, at, tag, parts.next()) else {
            return Err(malformed());
        };
        let millis = at.parse::<u64>().ok();
        let millis = millis.filter(|millis| millis.to_string() == at);
        let at = Timestamp::from_millis(millis.ok_or_else(malformed)?);
        let tag = from_base64url_array::<32>(tag)?;
        self.0.verify(CALLBACK, &(at, body), &tag)?;
        if now.saturating_since(at) > WINDOW || at.saturating_since(now) > WINDOW {
            return Err(Error::rejected(Reason::EXPIRED));
        }
        read(body).ok_or_else(malformed)
    }
}

impl fmt::Debug for CallbackKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallbackKey(..)")
    }
}

/// A callback, to be sent as the body of a POST. `Debug` shows how long it is: the words of who denied
/// it are for its receiver, and so is what is good for [`WINDOW`] in anybody's hands.
#[derive(Clone, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // It is just that.
pub struct Callback {
    /// The value of [`HEADER`].
    pub header: String,
    /// The body: JSON, which its receiver parses once it is verified.
    pub body: Vec<u8>,
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Callback({} bytes)", self.body.len())
    }
}

/// What a callback says: the service's word, as it was when it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Told {
    /// The gate, as it was named when it was asked for: of another, whoever reads this knows nothing.
    pub gate: GateId,
    /// Whose it is.
    pub tenant: Tenant,
    /// Which service was asked.
    pub service: ServiceName,
    /// Who asked.
    pub requester: Subject,
    /// SHA-256 of the action's bytes.
    pub action: [u8; 32],
    /// Where the gate is.
    pub state: State,
    /// How often its record had changed: of two, the greater is the newer.
    pub fence: u64,
    /// Why it was denied.
    pub reason: Option<String>,
    /// What became of each step.
    pub results: Vec<ToldResult>,
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ToldResult {
    /// It was done, and what the target said.
    Done(String),
    /// It failed, and what the target said.
    Failed(String),
    /// One before it failed.
    NotRun,
    /// It has not run yet.
    Waits,
}

#[derive(Serialize, Deserialize)]
struct Body {
    version: u8,
    gate: String,
    tenant: String,
    service: String,
    requester: String,
    action: String,
    state: String,
    fence: String,
    reason: Option<String>,
    results: Vec<One>,
}

#[derive(Serialize, Deserialize)]
struct One {
    result: String,
    said: String,
}

/// What a body says that is authentic; none if it is of another form than ours.
fn read(body: &[u8]) -> Option<Told> {
    let body: Body = serde_json::from_slice(body).ok()?;
    let mut states = (u8::MIN..=u8::MAX).filter_map(State::from_byte);
    let one = |one: One| match one.result.as_str() {
        "done" => Some(ToldResult::Done(one.said)),
        "failed" => Some(ToldResult::Failed(one.said)),
        "not-run" => Some(ToldResult::NotRun),
        "waits" => Some(ToldResult::Waits),
        _ => None,
    };
    (body.version == 1).then_some(())?;
    Some(Told {
        gate: GateId::parse(&body.gate).ok()?,
        tenant: Tenant::new(&body.tenant).ok()?,
        service: ServiceName::new(&body.service).ok()?,
        requester: Subject::new(&body.requester).ok()?,
        action: from_hex(&body.action).ok()?,
        state: states.find(|state| state.as_str() == body.state)?,
        fence: body.fence.parse().ok()?,
        reason: body.reason,
        results: body.results.into_iter().map(one).collect::<Option<_>>()?,
    })
}

impl Gates {
    /// What whoever asked is told of a gate as it is: its state, why it was denied, what became of each
    /// step. Whose key it is signed with the service says. An older record that was put back is not told
    /// of: the log is asked first.
    ///
    /// # Errors
    /// As [`Gates::show_newest`].
    pub async fn callback(
        &self,
        tenant: &Tenant,
        id: GateId,
        key: &CallbackKey,
    ) -> Result<Callback> {
        let shown = self.show_newest(tenant, id).await?;
        let one = |result| {
            let (result, said) = match result {
                StepResult::Done(said) => ("done", said),
                StepResult::Failed(said) => ("failed", said),
                StepResult::NotRun => ("not-run", ""),
                StepResult::Waits => ("waits", ""),
            };
            One {
                result: result.to_owned(),
                said: said.to_owned(),
            }
        };
        let action = shown.action();
        let body = Body {
            version: 1,
            gate: id.to_string(),
            tenant: tenant.to_string(),
            service: action.service().to_string(),
            requester: action.requester().subject().to_string(),
            action: hex(action.digest().as_bytes()),
            state: shown.state().to_string(),
            // Text: beyond 2^53 a reader of JSON would lose some of it.
            fence: shown.fence().to_string(),
            reason: shown.denial().map(str::to_owned),
            results: shown.results().into_iter().map(one).collect(),
        };
        let unwritten = |_| Error::misuse("a callback cannot be written");
        let body = serde_json::to_vec(&body).map_err(unwritten)?;
        let at = self.now()?;
        let tag = key.0.sign(CALLBACK, &(at, body.as_slice()));
        Ok(Callback {
            header: format!("{VERSION},{},{}", at.as_millis(), base64url(&tag)),
            body,
        })
    }
}
