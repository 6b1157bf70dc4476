//! What was claimed, kept outside the database: the anchor of an executor.
//!
//! An [`Executor`](crate::Executor) pins each claim here before it runs anything, so that a database
//! that is put back has no claim that the anchor has. A claim is kept until what it is of can run no
//! more; then it is forgotten, and with it everything that ended as early: of that, the anchor takes no
//! claim again, whatever a clock says.
//!
//! ```
//! use keyward_approval::GateId;
//! use keyward_approval::claims::{Advanced, ClaimAnchor as _, ClaimName, ClaimPin, FileClaims};
//! use keyward_base::Timestamp;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> keyward_base::Result<()> {
//! # let outside = tempfile::tempdir().unwrap();
//! let claims = FileClaims::open(outside.path().join("claims"))?;
//!
//! let run_by = Timestamp::from_millis(1_767_225_600_000);
//! let gate = ClaimName::gate(GateId::from_bytes([7; 16]), run_by);
//! let (first, other) = (ClaimPin { counter: 3, digest: [1; 32] }, ClaimPin { counter: 3, digest: [2; 32] });
//! assert_eq!(claims.advance(gate, first).await?, Advanced::Pinned);
//! assert_eq!(claims.advance(gate, other).await?, Advanced::Held(first));
//!
//! assert_eq!(claims.prune(run_by).await?, 1);
//! assert_eq!(claims.advance(gate, other).await?, Advanced::Forgotten);
//! # Ok(()) }
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `name` | what a claim is of |
//! | `shard`, `index`, `text` | the bytes of the files, `docs/formats/claims.md` |
//! | `folder` | the files, on whichever thread asks |
//! | `file` | the files, on a thread of their own |
//! | `memory` | the same without files: [`danger::MemoryClaims`](crate::danger::MemoryClaims) |

mod file;
mod folder;
mod index;
pub(crate) mod memory;
mod name;
mod shard;
mod text;

use std::fmt;

use keyward_base::{BoxFuture, Result, Timestamp};

pub use file::FileClaims;
pub use index::Index;
pub use name::{ClaimName, ClaimOf};
pub use shard::{MAX_PINS, SHARDS, Shard};
pub use text::MAX_LEN;

/// How far the claims of one gate or class are, and which of those that are that far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // The format has just these.
pub struct ClaimPin {
    /// How far: it only grows. For a gate, the fence of its claim; for a class, how many of its uses were
    /// claimed.
    pub counter: u64,
    /// Which claim: 32 bytes that no other has.
    pub digest: [u8; 32],
}

/// What an anchor has of a gate or class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // Whoever asks has to decide on each.
pub enum Seen {
    /// No claim, ever.
    Nothing,
    /// This one is the newest.
    Pinned(ClaimPin),
    /// Whether there was one is not known any more.
    Forgotten,
}

/// What became of [`ClaimAnchor::advance`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "what the anchor refused must not run"]
#[allow(clippy::exhaustive_enums)] // Whoever asks has to decide on each.
pub enum Advanced {
    /// The claim is pinned, durably.
    Pinned,
    /// Nothing was changed: this one is held, whose counter is greater, or the same and its digest another.
    Held(ClaimPin),
    /// Nothing was changed: it ended so early that whether it was claimed is not known any more.
    Forgotten,
    /// Nothing was changed: there is no room before something is forgotten.
    Full,
}

/// A place outside the database that remembers claims. All its methods are safe to call from many tasks
/// and processes at once, and block no thread of theirs; one that is dropped before it answers was done,
/// or not.
pub trait ClaimAnchor: fmt::Debug + Send + Sync {
    /// What it has of `name`. It may be changed by the time of the answer.
    ///
    /// # Errors
    /// `Unavailable` if it cannot be read, was written by a newer keyward or is not there any more,
    /// `Corrupt` if it is not what was written, `Misuse` if others may write it.
    fn load(&self, name: ClaimName) -> BoxFuture<'_, Result<Seen>>;

    /// Pins `next`, durably, if nothing is pinned under `name`, or what is has a smaller counter. Reading,
    /// judging and writing are one step: of two at once with one counter, one is pinned. What is pinned
    /// already is pinned once more.
    ///
    /// # Errors
    /// As [`ClaimAnchor::load`]; `Unavailable` if it cannot be written, or another process holds its
    /// lock for long. Then it is pinned, or not.
    fn advance(&self, name: ClaimName, next: ClaimPin) -> BoxFuture<'_, Result<Advanced>>;

    /// Forgets what ended at `until` or before: some of it may stay for as long as it costs little. Says
    /// how many. An anchor that does not forget has nothing to do: it is safe, and costs room.
    ///
    /// # Errors
    /// As [`ClaimAnchor::advance`], once all was forgotten that can be.
    fn prune(&self, until: Timestamp) -> BoxFuture<'_, Result<usize>>;

    /// Where it is, for messages.
    fn describe(&self) -> String;
}
