//! What whoever asked is told, signed: by a key that he and the service share.
//! `docs/formats/gate.md` specifies it.

use std::fmt;
use std::time::Duration;

use keyward_base::encoding::{base64url, from_base64url_array, hex};
use keyward_base::{Domain, Error, Reason, Result, SecretArray, Tenant, Timestamp};
use keyward_crypto::{MacKey, Provider};
use serde::Serialize;

use crate::gate::{GateId, Gates, StepResult};

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

    /// Checks a callback over its raw body, before anything of it is read. A genuine one may come twice:
    /// `fence` in its body only rises.
    ///
    /// # Errors
    /// `Rejected`: [`Reason::MALFORMED`], [`Reason::EXPIRED`] beyond [`WINDOW`] on either side,
    /// [`Reason::NOT_AUTHENTIC`].
    pub fn verify(&self, header: &str, body: &[u8], now: Timestamp) -> Result<()> {
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
        Ok(())
    }
}

impl fmt::Debug for CallbackKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallbackKey(..)")
    }
}

/// A callback, to be sent as the body of a POST.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // It is just that.
pub struct Callback {
    /// The value of [`HEADER`].
    pub header: String,
    /// The body: JSON, which its receiver parses once it is verified.
    pub body: Vec<u8>,
}

#[derive(Serialize)]
struct Body<'a> {
    version: u8,
    gate: String,
    tenant: &'a str,
    action: String,
    state: &'static str,
    fence: String,
    reason: Option<&'a str>,
    results: Vec<One<'a>>,
}

#[derive(Serialize)]
struct One<'a> {
    result: &'static str,
    said: &'a str,
}

impl Gates {
    /// What whoever asked is told of a gate as it is: its state, why it was denied, what became of each
    /// step. Whose key it is signed with the service says.
    ///
    /// # Errors
    /// As [`Gates::show`].
    pub async fn callback(
        &self,
        tenant: &Tenant,
        id: GateId,
        key: &CallbackKey,
    ) -> Result<Callback> {
        let shown = self.show(tenant, id).await?;
        let one = |result| match result {
            StepResult::Done(said) => One {
                result: "done",
                said,
            },
            StepResult::Failed(said) => One {
                result: "failed",
                said,
            },
            StepResult::NotRun => One {
                result: "not-run",
                said: "",
            },
            StepResult::Waits => One {
                result: "waits",
                said: "",
            },
        };
        let body = Body {
            version: 1,
            gate: id.to_string(),
            tenant: tenant.as_str(),
            action: hex(shown.action().digest().as_bytes()),
            state: shown.state().as_str(),
            // Text: beyond 2^53 a reader of JSON would lose some of it.
            fence: shown.fence().to_string(),
            reason: shown.denial(),
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
