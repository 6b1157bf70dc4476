//! A key from a passphrase, by Argon2id (RFC 9106).

use keyward_base::{Error, Result, SecretArray, SecretBytes};

use crate::slow::argon2::{Arena, Argon2, Kind};

/// How much work one guess costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argon2Cost {
    memory_kib: u32,
    passes: u32,
}

impl Argon2Cost {
    /// 64 MiB, 3 passes: the second recommended option of RFC 9106 section 4, with one lane. A
    /// root is unwrapped once for each start of a process, so it may cost more than a log-in.
    pub const ROOT: Self = Self {
        memory_kib: 64 * 1024,
        passes: 3,
    };

    /// A stored cost, which may have been altered: 19 MiB to 1 GiB, 2 to 16 passes, and at most
    /// 4 GiB written by all passes together. The least is OWASP's for password storage; the most
    /// keeps an altered record from taking the machine, or seconds of it for each record.
    ///
    /// # Errors
    /// `Misuse` outside these bounds.
    pub fn new(memory_kib: u32, passes: u32) -> Result<Self> {
        let written = memory_kib.saturating_mul(passes);
        if (19 * 1024..=1024 * 1024).contains(&memory_kib)
            && (2..=16).contains(&passes)
            && written <= 4 * 1024 * 1024
        {
            return Ok(Self { memory_kib, passes });
        }
        Err(Error::misuse(
            "an Argon2id cost is 19456 to 1048576 KiB of memory and 2 to 16 passes, 4194304 KiB together at most",
        ))
    }

    /// Whether neither memory nor passes are less than those of `least`.
    #[must_use]
    pub const fn covers(self, least: Self) -> bool {
        self.memory_kib >= least.memory_kib && self.passes >= least.passes
    }

    /// Memory in KiB.
    #[must_use]
    pub const fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    /// Passes over the memory.
    #[must_use]
    pub const fn passes(self) -> u32 {
        self.passes
    }
}

/// A 32-byte key from `passphrase` and a random `salt` of 16 bytes. The working memory is wiped.
///
/// # Errors
/// `Misuse` for a passphrase of fewer than 12 bytes or more than 4096; `Unavailable` if the
/// memory cannot be had.
pub fn derive(
    passphrase: &SecretBytes,
    salt: &[u8; 16],
    cost: Argon2Cost,
) -> Result<SecretArray<32>> {
    if !(12..=4096).contains(&passphrase.len()) {
        return Err(Error::misuse(
            "a root passphrase has 12 to 4096 bytes; six random words do",
        ));
    }
    let argon2 = Argon2::new(Kind::Id, cost.memory_kib, cost.passes, 1);
    // It wipes itself when it is dropped.
    let mut arena = Arena::default();
    SecretArray::try_init(|out| argon2.hash(passphrase.expose(), salt, out, &mut arena))
}
