//! The knobs, and the reason for each default.

use crate::new_hash::NewHash;
use crate::normal::Normal;
use crate::stored::{Cost, Stored};

/// How passwords are hashed, and what is allowed of a hash that is verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    ceilings: Ceilings,
    new: NewHash,
    normal: Normal,
}

impl Policy {
    /// New hashes are made so.
    #[must_use]
    pub const fn new_hashes(mut self, new: NewHash) -> Self {
        self.new = new;
        self
    }

    /// New hashes are of the password as it was typed (the default), or of its normal form.
    #[must_use]
    pub const fn normal(mut self, normal: Normal) -> Self {
        self.normal = normal;
        self
    }

    /// Argon2id with 64 MiB, 3 passes and 4 lanes, the second recommended option of RFC 9106, section
    /// 4. It takes some six times as long as the default, and one lane after the other.
    #[must_use]
    pub fn hardened() -> Self {
        Self::default().new_hashes(NewHash::RFC_9106)
    }

    /// bcrypt of cost 12, as Rails and PHP 8.4 write it; OWASP asks for 10 at least. Passwords of more
    /// than 72 bytes, or with a NUL, are refused when a hash is made.
    #[must_use]
    pub fn bcrypt() -> Self {
        Self::default().new_hashes(NewHash::BCRYPT)
    }

    /// PBKDF2 with HMAC-SHA-256 and 600,000 rounds (OWASP), where FIPS 140 is asked for.
    #[must_use]
    pub fn fips() -> Self {
        Self::default().new_hashes(NewHash::PBKDF2)
    }

    /// Verifies what it makes itself and what asks for less of the same, and nothing slow beside: for a
    /// service that took no rows over. Its log-in needs no floor
    /// (`LogInBuilder::floor`), since no row takes longer than the
    /// hash that is spent on nobody.
    #[must_use]
    pub fn own_rows(mut self) -> Self {
        self.ceilings = Ceilings::own(self.new.cost());
        self
    }

    /// How new hashes are made.
    #[must_use]
    pub const fn new_hash(&self) -> NewHash {
        self.new
    }

    pub(crate) const fn new_normal(&self) -> Normal {
        self.normal
    }

    /// Whether a hash is weaker than those that this policy makes, or made another way, as each wrapped
    /// one is.
    #[must_use]
    pub fn is_weaker(&self, stored: &Stored) -> bool {
        stored.is_wrapped() || self.new.is_above(stored)
    }

    /// Verifies what asks for more, or for less.
    #[must_use]
    pub const fn ceilings(mut self, ceilings: Ceilings) -> Self {
        self.ceilings = ceilings;
        self
    }

    pub(crate) const fn ceilings_of(&self) -> &Ceilings {
        &self.ceilings
    }

    /// Whether a row may take longer than a hash of its own.
    #[cfg(feature = "login")]
    pub(crate) fn takes_slower(&self) -> bool {
        self.ceilings.is_above(&Ceilings::own(self.new.cost()))
    }

    /// The most memory that a row and a hash of its own after it may take, in bytes.
    #[cfg(feature = "login")]
    pub(crate) fn most_memory(&self) -> u64 {
        let own = self.new.memory_bytes();
        let beside =
            own.saturating_add(self.ceilings.scrypt_memory.min(self.ceilings.memory_bytes));
        self.ceilings.memory_bytes.max(own).max(beside)
    }
}

/// The most that a stored string may ask for. A row of a database may have been altered, or imported
/// from somebody who wanted to stop the service: `m=4294967295` asks for 4 TiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ceilings {
    memory_bytes: u64,
    argon2_written: u64,
    bcrypt_log2: u64,
    pbkdf2_rounds: u64,
    phpass_log2: u64,
    scrypt_memory: u64,
    scrypt_written: u64,
    sha_crypt_rounds: u64,
}

const MIB: u64 = 1024 * 1024;

impl Ceilings {
    /// The defaults. Argon2: 256 MiB, and 1 GiB written by all passes, a quarter and a tenth of what
    /// Ory Kratos lets in. scrypt and yescrypt: N = 2^17, r = 8, p = 10 as Kratos and OWASP's strongest
    /// row, counted as 128 MiB of memory, 1 MiB for what p takes beside it, and 1.25 GiB written. bcrypt
    /// 15 and PBKDF2 10,000,000 rounds, as Kratos. SHA-crypt 5,000,000 rounds: passlib writes 656,000. phpass 2^22: Drupal writes 2^15.
    pub const DEFAULT: Self = Self {
        memory_bytes: 256 * MIB,
        argon2_written: 1024 * MIB,
        bcrypt_log2: 15,
        pbkdf2_rounds: 10_000_000,
        phpass_log2: 22,
        scrypt_memory: 129 * MIB,
        scrypt_written: 1280 * MIB,
        sha_crypt_rounds: 5_000_000,
    };

    /// What a hash of this cost asks for, and nothing of any other scheme that costs something.
    fn own(cost: Cost) -> Self {
        let mut own = Self {
            memory_bytes: cost.memory_bytes,
            argon2_written: 0,
            bcrypt_log2: 0,
            pbkdf2_rounds: 0,
            phpass_log2: 0,
            scrypt_memory: 0,
            scrypt_written: 0,
            sha_crypt_rounds: 0,
        };
        match cost.work {
            Work::Argon2 { written } => own.argon2_written = written,
            Work::Bcrypt { log2 } => own.bcrypt_log2 = log2,
            Work::Pbkdf2 { blocks } => own.pbkdf2_rounds = blocks,
            // The policy makes no others.
            Work::Phpass { .. } | Work::Quick | Work::Scrypt { .. } | Work::ShaCrypt { .. } => {}
        }
        own
    }

    #[cfg(feature = "login")]
    const fn is_above(&self, other: &Self) -> bool {
        self.memory_bytes > other.memory_bytes
            || self.argon2_written > other.argon2_written
            || self.bcrypt_log2 > other.bcrypt_log2
            || self.pbkdf2_rounds > other.pbkdf2_rounds
            || self.phpass_log2 > other.phpass_log2
            || self.scrypt_memory > other.scrypt_memory
            || self.scrypt_written > other.scrypt_written
            || self.sha_crypt_rounds > other.sha_crypt_rounds
    }

    pub(crate) fn allow(&self, cost: Cost) -> bool {
        self.allow_of(cost, 0)
    }

    /// With a password of so many bytes, which phpass and SHA-crypt hash anew in each round. Each
    /// 128 bytes after the first 128 count as the rounds once more.
    pub(crate) fn allow_of(&self, cost: Cost, password_len: usize) -> bool {
        let parts = parts(password_len);
        cost.memory_bytes <= self.memory_bytes
            && match cost.work {
                Work::Argon2 { written } => written <= self.argon2_written,
                Work::Bcrypt { log2 } => log2 <= self.bcrypt_log2,
                Work::Pbkdf2 { blocks } => blocks <= self.pbkdf2_rounds,
                Work::Phpass { log2 } => {
                    let times = 1_u64.checked_shl(u32::try_from(log2).unwrap_or(u32::MAX));
                    let most = 1_u64.checked_shl(u32::try_from(self.phpass_log2).unwrap_or(64));
                    times
                        .and_then(|times| times.checked_mul(parts))
                        .is_some_and(|times| most.is_none_or(|most| times <= most))
                }
                Work::Quick => true,
                Work::Scrypt { written } => {
                    written <= self.scrypt_written && cost.memory_bytes <= self.scrypt_memory
                }
                Work::ShaCrypt { rounds } => rounds.saturating_mul(parts) <= self.sha_crypt_rounds,
            }
    }

    /// Whether both are allowed, one after the other: what each takes of its own ceiling is no more
    /// than one ceiling together. `memory_bytes` is the most that is held at once.
    pub(crate) fn allow_both(
        &self,
        inner: Cost,
        outer: Cost,
        memory_bytes: u64,
        password_len: usize,
    ) -> bool {
        let parts = parts(password_len);
        let shares = self
            .share(inner.work, parts)
            .saturating_add(self.share(outer.work, 1));
        self.allow_of(inner, password_len)
            && self.allow(outer)
            && memory_bytes <= self.memory_bytes
            && shares <= WHOLE
    }

    /// What of its ceiling some work takes, in parts of a whole one.
    fn share(&self, work: Work, parts: u64) -> u128 {
        let times = |log2: u64| {
            let shift = u32::try_from(log2).unwrap_or(u32::MAX);
            1_u128.checked_shl(shift).unwrap_or(u128::MAX)
        };
        let wide = u128::from;
        let (takes, most) = match work {
            Work::Argon2 { written } => (wide(written), wide(self.argon2_written)),
            Work::Bcrypt { log2 } => (times(log2), times(self.bcrypt_log2)),
            Work::Pbkdf2 { blocks } => (wide(blocks), wide(self.pbkdf2_rounds)),
            Work::Phpass { log2 } => (
                times(log2).saturating_mul(wide(parts)),
                times(self.phpass_log2),
            ),
            Work::Quick => (0, 1),
            Work::Scrypt { written } => (wide(written), wide(self.scrypt_written)),
            Work::ShaCrypt { rounds } => (
                wide(rounds).saturating_mul(wide(parts)),
                wide(self.sha_crypt_rounds),
            ),
        };
        let takes = takes.saturating_mul(WHOLE);
        takes.checked_div(most.max(1)).unwrap_or(u128::MAX)
    }

    /// Memory of any hash, and what all passes of Argon2 together may write, in bytes.
    #[must_use]
    pub const fn argon2(mut self, memory_bytes: u64, written: u64) -> Self {
        self.memory_bytes = memory_bytes;
        self.argon2_written = written;
        self
    }

    /// The logarithm of the rounds of bcrypt.
    #[must_use]
    pub const fn bcrypt(mut self, cost: u64) -> Self {
        self.bcrypt_log2 = cost;
        self
    }

    /// Rounds of PBKDF2, times the blocks of its hash that are needed.
    #[must_use]
    pub const fn pbkdf2(mut self, rounds: u64) -> Self {
        self.pbkdf2_rounds = rounds;
        self
    }

    /// The logarithm of the rounds of phpass. Each 128 bytes of a password after the first 128 count as
    /// the rounds once more.
    #[must_use]
    pub const fn phpass(mut self, log2: u64) -> Self {
        self.phpass_log2 = log2;
        self
    }

    /// Memory of scrypt and yescrypt, 128 · r · (N + p), and 128 · N · r · p, in bytes.
    #[must_use]
    pub const fn scrypt(mut self, memory_bytes: u64, written: u64) -> Self {
        self.scrypt_memory = memory_bytes;
        self.scrypt_written = written;
        self
    }

    /// Rounds of SHA-crypt. Each 128 bytes of a password after the first 128 count as the rounds once
    /// more.
    #[must_use]
    pub const fn sha_crypt(mut self, rounds: u64) -> Self {
        self.sha_crypt_rounds = rounds;
        self
    }
}

/// A whole ceiling.
const WHOLE: u128 = 1 << 32;

/// How often each round of phpass and SHA-crypt hashes a password of so many bytes, in units of 128.
fn parts(password_len: usize) -> u64 {
    let parts = u64::try_from(password_len.div_ceil(128)).unwrap_or(u64::MAX);
    parts.max(1)
}

impl Default for Ceilings {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What a check costs beside memory, in the unit of its scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Work {
    /// Bytes that all passes of Argon2 write.
    Argon2 {
        /// Memory times passes.
        written: u64,
    },
    /// Key schedules of bcrypt.
    Bcrypt {
        /// Their logarithm.
        log2: u64,
    },
    /// PBKDF2, and what else repeats a digest.
    Pbkdf2 {
        /// Rounds times the blocks of the hash that are needed.
        blocks: u64,
    },
    /// Rounds of phpass.
    Phpass {
        /// Their logarithm.
        log2: u64,
    },
    /// A digest or two, or MD5-crypt's 1,000.
    Quick,
    /// Bytes that scrypt or yescrypt writes.
    Scrypt {
        /// 128 · N · r · p, or what SHA-256 hashes to fill p lanes, if that is more.
        written: u64,
    },
    /// Rounds of SHA-crypt.
    ShaCrypt {
        /// The rounds.
        rounds: u64,
    },
}
