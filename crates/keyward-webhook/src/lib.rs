//! Webhooks of others: verified over their raw bytes, fresh, and handled once.
//!
//! ```
//! use http::HeaderMap;
//! use keyward_base::{SecretBytes, Timestamp};
//! use keyward_crypto::Provider;
//! use keyward_webhook::{Webhook, preset};
//!
//! # fn main() -> keyward_base::Result<()> {
//! // An endpoint of GitHub's, and the secret it was registered with.
//! let github = Webhook::new(preset::GITHUB, Provider::default())?;
//! let mut secrets = github.secrets();
//! secrets.add("2026-11", None, &SecretBytes::copy_of(b"It's a Secret to Everybody"))?;
//!
//! // A request: GitHub's published example.
//! let mut headers = HeaderMap::new();
//! let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
//! headers.insert("x-hub-signature-256", http::HeaderValue::from_static(signature));
//!
//! // The headers first, then the body, which is had through the proof alone.
//! let now = Timestamp::from_millis(1_795_000_000_000);
//! let received = github.receive(&headers, now)?;
//! let hook = received.verify(&secrets, b"Hello, World!")?;
//! assert_eq!((hook.key(), hook.body()), ("2026-11", &b"Hello, World!"[..]));
//! # Ok(()) }
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`webhook`] | [`Webhook`]: a scheme that receives |
//! | [`received`] | [`Received`]: headers that are in order, and the check of the proof |
//! | [`preset`] | the providers' schemes |
//! | [`scheme`] | [`Scheme`]: what a scheme is made of |
//! | [`coverage`] | what a proof covers, as a type |
//! | [`secret`] | [`Secrets`]: those of an endpoint |
//! | [`endpoint`] | [`Endpoint`], and [`SecretSource`]: where its secrets are |
//! | [`verified`] | [`VerifiedWebhook`]: what only a check can make |
//! | [`owned`] | [`OwnedWebhook`]: the same for what outlives the request |
//! | [`dedupe`] | [`DedupeKey`]: what tells one delivery from another |
//! | [`once`] | [`Claims`]: a delivery is handled once |
//! | [`inbox`] | [`Inbox`]: a delivery is kept whole, answered at once, and handled afterwards |
//! | [`answer`] | [`Answers`]: what a sender is answered, and what the audit is told |
//! | [`outcome`] | [`Outcome`]: how a delivery stands |
//! | [`handshake`] | what Meta and Slack ask before they send |
//! | [`danger`] | secrets that could be guessed |
//! | [`reason`] | why a request was refused, for the audit |

pub mod answer;
mod candidates;
pub mod coverage;
pub mod danger;
pub mod dedupe;
pub mod endpoint;
pub mod handshake;
mod header;
pub mod inbox;
pub mod once;
pub mod outcome;
pub mod owned;
pub mod preset;
pub mod reason;
pub mod received;
pub mod scheme;
pub mod secret;
mod sign;
pub mod verified;
pub mod webhook;
mod window;

pub use answer::{Answer, Answers};
pub use coverage::{BearerToken, Coverage, Covered, Unsigned, WholeBody};
pub use dedupe::{DedupeKey, Origin};
pub use endpoint::{Endpoint, SecretSource};
pub use inbox::{Inbox, Taken, Worked};
#[cfg(feature = "sqlite")]
pub use once::within::{ClaimsInSqlite, ExactlyOnce, Within};
pub use once::{ClaimId, Claimed, Claims, Lease, Named, OnceTerms, Ran};
pub use outcome::Outcome;
pub use owned::OwnedWebhook;
pub use received::Received;
pub use scheme::Scheme;
pub use secret::Secrets;
pub use verified::{Delivery, VerifiedWebhook};
pub use webhook::Webhook;
