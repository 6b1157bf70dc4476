//! What every store accepts, in numbers.

/// What every store accepts. A write beyond them is `Misuse`; nothing of its batch is written.
///
/// Whoever writes a store calls the `check_*` functions first: the conformance suite holds every
/// store to the same limits.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct StoreLimits;

impl StoreLimits {
    /// Attempts that one window may admit.
    pub const ATTEMPTS: u32 = 1024;
    /// Writes in one batch, and entries of one append.
    pub const BATCH: usize = 4096;
    /// Bytes of a collection's name.
    pub const COLLECTION: usize = 64;
    /// Bytes of [`Content::data`](crate::Content::data), of an entry of a log, and of the recorded
    /// result of a [`Once`](crate::Once).
    pub const DATA: usize = 1024 * 1024;
    /// Bytes of the front of [`Content::sealed`](crate::Content::sealed) in an
    /// [`Outline`](crate::Outline): a header of 42 bytes and what frames it take 60.
    pub const FRONT: usize = 1024;
    /// Bytes of [`RecordKey::id`](crate::RecordKey::id).
    pub const ID: usize = 300;
    /// Keys of one [`Records::fetch_many`](crate::Records::fetch_many).
    pub const MANY: usize = 4096;
    /// Bytes of [`RecordKey::owner`](crate::RecordKey::owner).
    pub const OWNER: usize = 128;
    /// Bytes of a key tag, and of a prefix of one: `kw1.` and 12 characters that name suite and key.
    pub const PREFIX: usize = 16;
    /// Records of one [`Records::scan`](crate::Records::scan), and entries of one
    /// [`Log::read`](crate::Log::read).
    pub const SCAN: usize = 4096;
    /// Bytes of one page of a scan. A page holds one record at least, of whatever length, so that
    /// it never takes more than this and one record.
    pub const SCAN_BYTES: usize = 4 * 1024 * 1024;
    /// Bytes of [`Content::sealed`](crate::Content::sealed).
    pub const SEALED: usize = 2 * 1024 * 1024;
    /// Attempts of a window up to which a store may give it room as it needs it. One that was once
    /// asked about a window of more has room for all of them from then on, or is refused as full at
    /// once: it counts on when others find none.
    pub const SMALL: u32 = 256;
    /// Windows of one [`Attempts::reserve`](crate::Attempts::reserve).
    pub const WINDOWS: usize = 16;
    /// Bytes of [`Content::word`](crate::Content::word).
    pub const WORD: usize = 128;
}
