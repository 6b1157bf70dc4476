//! An audit log that shows every edit, and proves itself offline.
//!
//! Its head is a checkpoint that a key signed; who has the key checks, without the log, that an
//! entry is in it:
//!
//! ```
//! use keyward_audit::tree::{Frontier, leaf};
//! use keyward_audit::{Checkpoint, KeyName, Others, Proof, VerifierKey};
//! use keyward_crypto::Provider;
//! use keyward_crypto::sign::SigningKey;
//!
//! # fn main() -> keyward_base::Result<()> {
//! let provider = Provider::default();
//! let mut tree = Frontier::new();
//! tree.push(&provider, leaf(&provider, b"what happened"), |_| ())?;
//!
//! let signing = SigningKey::new(provider.random()?)?;
//! let origin = KeyName::new("example.org/log")?;
//! let key = VerifierKey::new(&provider, origin.clone(), signing.public());
//! let checkpoint = Checkpoint { origin, size: 1, root: tree.root(&provider) };
//! let checkpoint = checkpoint.sign(&[(key.clone(), |text: &[u8]| signing.sign_bytes(text))])?;
//!
//! // The only entry is the root: its proof is the checkpoint alone.
//! let file = Proof { index: 0, hashes: Vec::new(), checkpoint }.text();
//!
//! let pinned = VerifierKey::parse(&provider, &key.to_string())?;
//! let proof = Proof::parse(&file)?;
//! proof.check(&provider, &[pinned.clone()], Others::Refused, b"what happened")?;
//! assert!(proof.check(&provider, &[pinned], Others::Refused, b"what did not").is_err());
//! # Ok(()) }
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | [`alert`] | rules for alerts, as data, and what they count |
//! | [`audit`] | the logs of a service in a store |
//! | [`danger`] | what makes anchors forget |
//! | [`head`] | how far a log is, under a MAC of the ring |
//! | [`entry`] | what an entry says, as text |
//! | [`erased`] | what is erased by a rule, and what says so |
//! | [`export`] | a run of entries as a file, which proves itself |
//! | [`keep`] | what is set of a log: what is kept how long, and legal holds |
//! | [`kinds`] | kinds of an application's own, and those of approvals |
//! | [`late`] | a sink that is there before the logs are |
//! | [`leaf`] | what the tree holds of an entry |
//! | [`tree`] | the Merkle tree: hashes, proofs made and checked |
//! | [`note`] | signed notes, and the keys that verify them |
//! | [`checkpoint`] | the head of a log, in a note |
//! | [`proof`] | that an entry is in a log, as a file |

pub mod alert;
pub mod audit;
pub mod checkpoint;
pub mod danger;
pub mod entry;
pub mod erased;
pub mod export;
pub mod head;
pub mod keep;
pub mod kinds;
pub mod late;
pub mod leaf;
pub mod note;
mod object;
pub mod proof;
pub mod reason;
pub mod tree;

pub use audit::{Audit, AuditBuilder, Of};
pub use checkpoint::Checkpoint;
pub use entry::Entry;
pub use keep::{Hold, HoldName, Keep};
pub use kinds::{Given, Kind, Kinds, OwnEvent, Type};
pub use late::LateSink;
pub use leaf::{Class, Header, Leaf, LogId};
pub use note::{KeyName, Others, VerifierKey};
pub use proof::Proof;
