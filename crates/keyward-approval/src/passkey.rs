//! Votes that the service itself cannot forge: by passkeys (WebAuthn Level 3).
//!
//! Whoever holds every key of the service and writes its database can make a vote of any other sort.
//! A passkey's private half never leaves its authenticator, which signs for one RP ID, after its
//! owner touched it and showed that he is its owner. What it signs is a [`Statement`]: all that was
//! decided, and about what. `docs/formats/passkey-vote.md` says all in bytes.
//!
//! | module | what it holds |
//! |---|---|
//! | [`statement`] | what is voted on, and the challenge made of it |
//! | [`client_data`] | what the browser says: type, challenge, origin |
//! | [`authenticator_data`] | what the authenticator says: RP ID, presence, verification, counter |
//! | [`assertion`] | both and the signature, as they are kept |
//! | [`party`] | the origin and RP ID of approvals, at which they are checked |
//! | [`options`] | what the page passes to the browser |
//! | [`vote`] | a vote with its assertion, as a record keeps it |
//! | [`enrolment`] | a key taken up: closed by an assertion over it |
//!
//! **Its own RP ID.** An assertion of a log-in is one over a challenge that the service chose. A
//! service that were taken over could ask for it with the challenge of a vote, and its user would
//! see a log-in. So keys of votes, and the RP ID they are of, serve no log-in: the approval page has
//! a host of its own, and no other page of the service lies under it. What is checked is all that
//! can be: the origin to the byte, its host against the RP ID ([`Party::new`]), the RP ID's hash.

pub mod assertion;
pub mod authenticator_data;
pub mod client_data;
pub mod enrolment;
pub mod options;
pub mod party;
pub mod statement;
pub mod vote;

pub use assertion::{Assertion, Checked, Passkey};
pub use enrolment::{Enrolled, Enrolment};
pub use party::Party;
pub use statement::{Decision, Held, Scope, Statement};
pub use vote::{Given, PasskeyVote};
