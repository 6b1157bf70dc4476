//! How a new hash is made, and written.

use base64::Engine as _;
use base64::alphabet::{BCRYPT, STANDARD};
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use keyward_base::{Error, Result, SecretBytes};
use keyward_crypto::Provider;
use keyward_crypto::slow::argon2::{Arena, Kind};
use keyward_crypto::slow::bcrypt::{self, Flavour};
use keyward_crypto::slow::digest::Digest;

use crate::password::Password;
use crate::policy::Work;
use crate::pool::Need;
use crate::reason;
use crate::recipe::{Hash, Prepare, Recipe};
use crate::scheme::Scheme;
use crate::stored::{Cost, Stored};

const NO_PADDING: GeneralPurposeConfig = GeneralPurposeConfig::new().with_encode_padding(false);
const B64: GeneralPurpose = GeneralPurpose::new(&STANDARD, NO_PADDING);
const BCRYPT64: GeneralPurpose = GeneralPurpose::new(&BCRYPT, NO_PADDING);

/// Bytes of a salt (RFC 9106, section 3.1, recommends 16) and of a hash (32: 256 bits).
const SALT_LEN: usize = 16;
const HASH_LEN: usize = 32;

/// The parameters of new hashes, which cannot be less than OWASP's least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewHash(How);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Argon2id {
        memory_kib: u32,
        passes: u32,
        lanes: u32,
    },
    Bcrypt {
        cost: u32,
    },
    Pbkdf2 {
        rounds: u32,
    },
}

impl NewHash {
    /// OWASP's rows of Argon2id, equally strong, as KiB and passes (Password Storage Cheat Sheet, 2026).
    pub const OWASP_ROWS: [(u32, u32); 5] = [
        (47_104, 1),
        (19_456, 2),
        (12_288, 3),
        (9_216, 4),
        (7_168, 5),
    ];
    /// Argon2id with 19 MiB, 2 passes and 1 lane: the row that OWASP names first.
    pub const OWASP: Self = Self::argon2id_of(19_456, 2, 1);
    /// Argon2id with 64 MiB, 3 passes and 4 lanes: RFC 9106, section 4, second recommended option.
    pub const RFC_9106: Self = Self::argon2id_of(65_536, 3, 4);
    /// bcrypt of cost 12.
    pub const BCRYPT: Self = Self(How::Bcrypt { cost: 12 });
    /// PBKDF2-HMAC-SHA-256 of 600,000 rounds.
    pub const PBKDF2: Self = Self(How::Pbkdf2 { rounds: 600_000 });

    const fn argon2id_of(memory_kib: u32, passes: u32, lanes: u32) -> Self {
        Self(How::Argon2id {
            memory_kib,
            passes,
            lanes,
        })
    }

    /// Argon2id with so many KiB, passes and lanes.
    ///
    /// # Errors
    /// `Misuse` if it has less than 7 MiB or is weaker than OWASP's rows ([`NewHash::OWASP_ROWS`]), has
    /// more than 4 GiB or 1,000 passes, or no lane or more than 16.
    pub fn argon2id(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self> {
        let least = Self::OWASP_ROWS
            .iter()
            .any(|(memory, times)| memory_kib >= *memory && passes >= *times);
        if least && memory_kib <= 4 << 20 && passes <= 1_000 && (1..=16).contains(&lanes) {
            return Ok(Self::argon2id_of(memory_kib, passes, lanes));
        }
        Err(Error::misuse(
            "Argon2id takes at least one of OWASP's rows, such as 19456 KiB and 2 passes",
        ))
    }

    /// bcrypt of this cost.
    ///
    /// # Errors
    /// `Misuse` for a cost outside of 10 (OWASP's least) to 20.
    pub fn bcrypt(cost: u32) -> Result<Self> {
        if (10..=20).contains(&cost) {
            return Ok(Self(How::Bcrypt { cost }));
        }
        Err(Error::misuse("bcrypt takes a cost of 10 to 20"))
    }

    /// PBKDF2-HMAC-SHA-256 of so many rounds.
    ///
    /// # Errors
    /// `Misuse` below 600,000 (OWASP's least).
    pub fn pbkdf2(rounds: u32) -> Result<Self> {
        if rounds >= 600_000 {
            return Ok(Self(How::Pbkdf2 { rounds }));
        }
        Err(Error::misuse("PBKDF2 takes at least 600000 rounds"))
    }

    /// Memory that one hash works in, in bytes.
    #[must_use]
    pub const fn memory_bytes(self) -> u64 {
        match self.0 {
            How::Argon2id { memory_kib, .. } => (memory_kib as u64).saturating_mul(1024),
            How::Bcrypt { .. } | How::Pbkdf2 { .. } => 0,
        }
    }

    pub(crate) const fn scheme(self) -> Scheme {
        match self.0 {
            How::Argon2id { .. } => Scheme::Argon2,
            How::Bcrypt { .. } => Scheme::Bcrypt,
            How::Pbkdf2 { .. } => Scheme::Pbkdf2,
        }
    }

    /// What one hash costs.
    pub(crate) fn cost(self) -> Cost {
        self.with_salt([0; SALT_LEN]).cost()
    }

    pub(crate) const fn is_argon2id(self) -> bool {
        matches!(self.0, How::Argon2id { .. })
    }

    pub(crate) const fn need(self) -> Need {
        Need::arena(self.memory_bytes())
    }

    /// Whether it makes a hash of this password and of no other.
    pub(crate) fn takes(self, password: &Password) -> Result<()> {
        let is_bcrypt = matches!(self.0, How::Bcrypt { .. });
        let bytes = password.bytes();
        if is_bcrypt && (bytes.len() > bcrypt::KEY_LEN || bytes.contains(&0)) {
            return Err(Error::rejected(reason::BCRYPT_INPUT));
        }
        Ok(())
    }

    /// A stored string of these parameters that is the hash of no password: its digest is of zeros.
    #[cfg(feature = "login")]
    pub(crate) fn of_nobody(self, provider: &Provider) -> Result<String> {
        let making = self.salted(provider)?;
        let zeros = vec![0; making.recipe.expected.len()];
        Ok(making.text(&zeros))
    }

    pub(crate) fn salted(self, provider: &Provider) -> Result<Making> {
        let mut salt = [0; SALT_LEN];
        provider.fill(&mut salt)?;
        Ok(self.with_salt(salt))
    }

    fn with_salt(self, salt: [u8; SALT_LEN]) -> Making {
        let (hash, len) = match self.0 {
            How::Argon2id {
                memory_kib,
                passes,
                lanes,
            } => {
                let hash = Hash::Argon2 {
                    kind: Kind::Id,
                    old: false,
                    memory_kib,
                    passes,
                    lanes,
                    salt: salt.to_vec(),
                    data: Vec::new(),
                    secret: SecretBytes::new(Vec::new()).into(),
                };
                (hash, HASH_LEN)
            }
            How::Bcrypt { cost } => {
                let hash = Hash::Bcrypt {
                    flavour: Flavour::Plain,
                    or_openwall: false,
                    cost,
                    salt,
                };
                (hash, bcrypt::HASH_LEN)
            }
            How::Pbkdf2 { rounds } => {
                let hash = Hash::Pbkdf2 {
                    digest: Digest::Sha256,
                    rounds,
                    salt: SecretBytes::copy_of(&salt).into(),
                };
                (hash, HASH_LEN)
            }
        };
        Making {
            how: self.0,
            salt,
            recipe: Recipe::new(hash, vec![0; len]),
        }
    }

    /// Whether a stored hash is weaker than one of these, or made another way.
    pub(crate) fn is_above(self, stored: &Stored) -> bool {
        let recipe = stored.recipe();
        let is_bare = recipe.prepare.is_empty();
        let is_as_good = match (self.0, &recipe.hash) {
            (
                How::Argon2id {
                    memory_kib, passes, ..
                },
                Hash::Argon2 {
                    kind: Kind::Id,
                    old: false,
                    memory_kib: memory,
                    passes: times,
                    salt,
                    ..
                },
            ) => {
                let is_whole = salt.len() >= SALT_LEN && recipe.expected.len() >= HASH_LEN;
                is_whole && strength(*memory, *times) >= strength(memory_kib, passes)
            }
            (
                How::Bcrypt { cost },
                Hash::Bcrypt {
                    flavour: Flavour::Plain,
                    cost: has,
                    ..
                },
            ) => *has >= cost,
            (
                How::Pbkdf2 { rounds },
                Hash::Pbkdf2 {
                    digest: Digest::Sha256,
                    rounds: has,
                    salt,
                },
            ) => {
                let is_whole = salt.len() >= SALT_LEN && recipe.expected.len() >= HASH_LEN;
                is_whole && *has >= rounds
            }
            _ => false,
        };
        // bcrypt over the password itself may cut it at a NUL first, which ours have not.
        let may_cut = matches!(self.0, How::Bcrypt { .. })
            && recipe
                .prepare
                .iter()
                .all(|step| matches!(step, Prepare::CutAtNul));
        !(is_as_good && (is_bare || may_cut))
    }
}

/// How strong a hash is: by OWASP's order of preference (Password Storage Cheat Sheet, 2026) where it
/// has what OWASP asks for at least, then by its own measure.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Strength {
    BelowOwasp,
    Pbkdf2(u64),
    Bcrypt(u64),
    /// scrypt and yescrypt.
    Scrypt(u64),
    Argon2id(u64),
}

impl NewHash {
    /// Whether a stored hash is stronger than one of these. One that does what OWASP asks for with
    /// Argon2id is stronger than any bcrypt, and any bcrypt than any PBKDF2.
    pub(crate) fn is_below(self, stored: &Stored) -> bool {
        let own = match self.0 {
            How::Argon2id {
                memory_kib, passes, ..
            } => Strength::Argon2id(strength(memory_kib, passes)),
            How::Bcrypt { cost } => Strength::Bcrypt(cost.into()),
            How::Pbkdf2 { rounds } => Strength::Pbkdf2(rounds.into()),
        };
        own < Strength::of(stored)
    }
}

impl Strength {
    fn of(stored: &Stored) -> Self {
        const MIB: u64 = 1024 * 1024;
        let recipe = stored.recipe();
        let whole = |salt: usize| salt >= SALT_LEN && recipe.expected.len() >= HASH_LEN;
        let found = match &recipe.hash {
            Hash::Argon2 {
                kind: Kind::Id,
                old: false,
                memory_kib,
                passes,
                salt,
                ..
            } => {
                let strength = strength(*memory_kib, *passes);
                (whole(salt.len()) && strength >= LEAST).then_some(Self::Argon2id(strength))
            }
            Hash::Bcrypt {
                flavour: Flavour::Plain,
                cost,
                ..
            } => (*cost >= 10).then_some(Self::Bcrypt((*cost).into())),
            // OWASP's rounds of the three, counted as those of SHA-256.
            Hash::Pbkdf2 {
                digest,
                rounds,
                salt,
            } => {
                let least = match digest {
                    Digest::Sha1 => 1_300_000,
                    Digest::Sha256 => 600_000,
                    Digest::Sha512 => 210_000,
                    _ => u64::MAX,
                };
                let as_sha256 = u64::from(*rounds).saturating_mul(600_000);
                let as_sha256 = as_sha256.checked_div(least).unwrap_or_default();
                (whole(salt.len()) && as_sha256 >= 600_000).then_some(Self::Pbkdf2(as_sha256))
            }
            Hash::Scrypt { .. } | Hash::Yescrypt { .. } => match stored.cost().work {
                // OWASP's least is N = 2^13, r = 8, p = 10: 8 MiB, ten times over.
                Work::Scrypt { written } if stored.cost().memory_bytes >= 8 * MIB => {
                    (written >= 80 * MIB).then_some(Self::Scrypt(written))
                }
                _ => None,
            },
            _ => None,
        };
        found.unwrap_or(Self::BelowOwasp)
    }
}

impl Default for NewHash {
    fn default() -> Self {
        Self::OWASP
    }
}

const LEAST: u64 = 89_063;

/// OWASP's rows come from one formula, memory · (3 · passes - 1) ≥ 93,750 · 0.95, by which each is
/// rounded up. So all of them count as equal, and what is above them by itself.
fn strength(memory_kib: u32, passes: u32) -> u64 {
    let is_row = NewHash::OWASP_ROWS
        .iter()
        .any(|(memory, times)| (*memory, *times) == (memory_kib, passes));
    if is_row {
        return LEAST;
    }
    let factor = u64::from(passes).saturating_mul(3).saturating_sub(1);
    u64::from(memory_kib).saturating_mul(factor)
}

/// A hash about to be made: its salt is drawn.
pub(crate) struct Making {
    how: How,
    salt: [u8; SALT_LEN],
    recipe: Recipe,
}

impl Making {
    pub(crate) fn cost(&self) -> Cost {
        self.recipe.cost()
    }

    /// The string to be stored.
    pub(crate) fn hash(&self, password: &Password, arena: &mut Arena) -> Result<String> {
        self.hash_bytes(password.bytes(), arena)
    }

    /// The same of any bytes, however many.
    pub(crate) fn hash_bytes(&self, bytes: &[u8], arena: &mut Arena) -> Result<String> {
        let hash = self.recipe.compute(bytes, arena)?;
        Ok(self.text(hash.expose()))
    }

    fn text(&self, hash: &[u8]) -> String {
        let salt = &self.salt;
        match self.how {
            How::Argon2id {
                memory_kib,
                passes,
                lanes,
            } => {
                let (salt, hash) = (B64.encode(salt), B64.encode(hash));
                format!("$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${hash}")
            }
            How::Bcrypt { cost } => {
                let (salt, hash) = (BCRYPT64.encode(salt), BCRYPT64.encode(hash));
                format!("$2b${cost:02}${salt}{hash}")
            }
            How::Pbkdf2 { rounds } => {
                let (salt, hash) = (B64.encode(salt), B64.encode(hash));
                format!("$pbkdf2-sha256$i={rounds},l={HASH_LEN}${salt}${hash}")
            }
        }
    }
}
