//! Why a request was refused, for the audit. Outward there is one word for all of them. A
//! signature that no secret of the endpoint makes is [`Reason::NOT_AUTHENTIC`].

use keyward_base::Reason;

/// Two lines of a header that takes part differ, or a signature header holds two times.
pub const AMBIGUOUS_HEADER: Reason = Reason::new("webhook-header-ambiguous");
/// The body was proved and has no form that the provider sends, such as JSON.
pub const BAD_BODY: Reason = Reason::new("webhook-body-malformed");
/// What is to be sent back is empty, too long, or holds bytes that are not sent back.
pub const BAD_CHALLENGE: Reason = Reason::new("webhook-challenge-malformed");
/// The query of a handshake is too long, or lacks one of its three values or has it twice.
pub const BAD_HANDSHAKE: Reason = Reason::new("webhook-handshake-malformed");
/// The delivery id, or the name of the event, is empty, too long, or holds other bytes than such
/// an id may.
pub const BAD_ID: Reason = Reason::new("webhook-id-malformed");
/// The signature header has a form that the scheme's does not have.
pub const BAD_SIGNATURE: Reason = Reason::new("webhook-signature-malformed");
/// The timestamp is no decimal number without sign or leading zero, of at most 15 digits.
pub const BAD_TIME: Reason = Reason::new("webhook-time-malformed");
/// The body is longer than the scheme allows.
pub const BODY_TOO_LONG: Reason = Reason::new("webhook-body-too-long");
/// The timestamp lies further ahead than the window reaches.
pub const FUTURE: Reason = Reason::new("webhook-time-in-the-future");
/// The id of the delivery was handled before, with another body.
pub const CONFLICT: Reason = Reason::new("webhook-conflict");
/// A delivery in the inbox was given up: it is a dead letter.
pub const GIVEN_UP: Reason = Reason::new("webhook-given-up");
/// A header has more than 8 KiB.
pub const HEADER_TOO_LONG: Reason = Reason::new("webhook-header-too-long");
/// A header that the scheme needs is not there.
pub const MISSING_HEADER: Reason = Reason::new("webhook-header-missing");
/// The signature header does not say when it was signed.
pub const MISSING_TIME: Reason = Reason::new("webhook-time-missing");
/// The signature header holds no signature of the scheme's version.
pub const NO_SIGNATURE: Reason = Reason::new("webhook-signature-missing");
/// The body was handled before, under another id that nobody signed.
pub const REPEATED: Reason = Reason::new("webhook-repeated");
/// The timestamp lies further back than the window reaches.
pub const STALE: Reason = Reason::new("webhook-time-stale");
/// More than 16 signatures.
pub const TOO_MANY_SIGNATURES: Reason = Reason::new("webhook-signatures-too-many");
/// The tenant has no such endpoint. It cost the sender what a bad signature costs.
pub const UNKNOWN_ENDPOINT: Reason = Reason::new("webhook-endpoint-unknown");
