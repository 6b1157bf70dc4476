//! How a hash is made: what is done to the password, then one function, then the comparison. Every
//! scheme is one of these, so that there is one place where a hash is computed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keyward_base::{Error, Reason, Result, SecretBytes};
use keyward_crypto::equal;
use keyward_crypto::slow::argon2::{Arena, Argon2, Kind};
use keyward_crypto::slow::bcrypt::{self, Flavour};
use keyward_crypto::slow::crypt::{self, Md5Crypt};
use keyward_crypto::slow::digest::{self, Digest};
use keyward_crypto::slow::firebase::firebase;
use keyward_crypto::slow::kdf;

use crate::held::Held;
use crate::policy::Work;
use crate::stored::Cost;

/// What is done to the password first.
#[derive(PartialEq)]
pub(crate) enum Prepare {
    /// Text is put behind it.
    Append(Held),
    /// It ends at the first NUL, as a string of C does.
    CutAtNul,
    /// The base64 of its digest.
    Base64(Digest),
    /// The base64 of its HMAC under a public key.
    HmacBase64(Digest, Vec<u8>),
    /// The lower-case hexadecimal of its digest.
    Hex(Digest),
    /// The digest itself.
    Raw(Digest),
    /// What PHP's `trim` leaves.
    Trim,
    /// UTF-16, least byte first, as Windows has it.
    Utf16,
}

/// The function.
#[derive(PartialEq)]
pub(crate) enum Hash {
    Argon2 {
        kind: Kind,
        old: bool,
        memory_kib: u32,
        passes: u32,
        lanes: u32,
        salt: Vec<u8>,
        data: Vec<u8>,
        secret: Held,
    },
    Bcrypt {
        flavour: Flavour,
        /// `$2a$`: crypt_blowfish's own form of it is right too.
        or_openwall: bool,
        cost: u32,
        salt: [u8; 16],
    },
    /// The digest of `before`, the password and `after`; then `times` over the digest and `then`.
    Digest {
        digest: Digest,
        before: Held,
        after: Vec<u8>,
        times: u32,
    },
    Firebase {
        mem_cost: u8,
        rounds: u32,
        parallel: u32,
        signer_key: Held,
        salt: Held,
    },
    /// HMAC of the password under a key that is stored.
    Hmac {
        digest: Digest,
        key: Vec<u8>,
    },
    /// HMAC of a text under the password, and then `times` over the outcome.
    HmacUnder {
        digest: Digest,
        text: Vec<u8>,
        times: u32,
    },
    Md5Crypt {
        which: Md5Crypt,
        salt: Vec<u8>,
    },
    Pbkdf2 {
        digest: Digest,
        rounds: u32,
        salt: Held,
    },
    Phpass {
        digest: Digest,
        log2: u32,
        salt: Vec<u8>,
    },
    Scrypt {
        log_n: u8,
        r: u32,
        p: u32,
        salt: Vec<u8>,
    },
    ShaCrypt {
        is_512: bool,
        rounds: u32,
        salt: Vec<u8>,
    },
    Yescrypt {
        log_n: u8,
        r: u32,
        p: u32,
        t: u32,
        salt: Vec<u8>,
    },
}

/// Bytes of the tables that yescrypt has for each of its lanes, and some for what it keeps of them.
const YESCRYPT_TABLES: u64 = 12 * 1024 + 128;

pub(crate) struct Recipe {
    pub(crate) prepare: Vec<Prepare>,
    pub(crate) hash: Hash,
    pub(crate) expected: Vec<u8>,
    /// What of the last byte is stored: Drupal cuts within one.
    pub(crate) last_mask: u8,
}

impl Recipe {
    pub(crate) const fn new(hash: Hash, expected: Vec<u8>) -> Self {
        Self {
            prepare: Vec::new(),
            hash,
            expected,
            last_mask: 0xff,
        }
    }

    /// Does this before what else is done.
    pub(crate) fn after(mut self, first: Prepare) -> Self {
        self.prepare.insert(0, first);
        self
    }

    /// Over a text that has no NUL there is nothing to cut.
    pub(crate) fn without_cut(mut self) -> Self {
        self.prepare
            .retain(|step| !matches!(step, Prepare::CutAtNul));
        self
    }

    pub(crate) fn effective_len(&self) -> Option<usize> {
        let whole = self
            .prepare
            .iter()
            .all(|step| matches!(step, Prepare::Append(_) | Prepare::CutAtNul | Prepare::Trim));
        (whole && matches!(self.hash, Hash::Bcrypt { .. })).then_some(bcrypt::KEY_LEN)
    }

    pub(crate) fn cost(&self) -> Cost {
        let wide = u64::from;
        // Beside N blocks there are p of them, which PBKDF2 fills 32 bytes at a time with four blocks
        // of SHA-256 and the salt: with a small N and a great p that is most of the work.
        let scrypt = |log_n: u8, (r, p): (u32, u32), times: u32, salt: usize, beside: u64| {
            let block = wide(r).saturating_mul(128);
            let main = 1_u64
                .checked_shl(log_n.into())
                .and_then(|n| n.checked_mul(block))
                .unwrap_or(u64::MAX);
            let lanes = block.saturating_mul(wide(p));
            let memory = main
                .saturating_add(lanes)
                .saturating_add(beside.saturating_mul(wide(p)));
            let salt = u64::try_from(salt).unwrap_or(u64::MAX);
            let hashed = (lanes / 32).saturating_mul(salt.saturating_add(256));
            let written = main.saturating_mul(wide(times)).max(hashed);
            (memory, Work::Scrypt { written })
        };
        let (memory_bytes, work) = match &self.hash {
            Hash::Argon2 {
                memory_kib, passes, ..
            } => {
                let memory = wide(*memory_kib).saturating_mul(1024);
                let written = memory.saturating_mul(wide(*passes));
                (memory, Work::Argon2 { written })
            }
            Hash::Bcrypt { cost, .. } => (0, Work::Bcrypt { log2: wide(*cost) }),
            Hash::Digest { times: 0, .. } | Hash::Hmac { .. } | Hash::Md5Crypt { .. } => {
                (0, Work::Quick)
            }
            Hash::Digest { times, .. } | Hash::HmacUnder { times, .. } => {
                let blocks = wide(*times).saturating_add(1);
                (0, Work::Pbkdf2 { blocks })
            }
            Hash::Firebase {
                mem_cost,
                rounds,
                parallel,
                salt,
                ..
            } => scrypt(*mem_cost, (*rounds, *parallel), *parallel, salt.len(), 0),
            Hash::Pbkdf2 { digest, rounds, .. } => {
                let blocks = self.expected.len().div_ceil(digest.digest_len());
                let blocks = u64::try_from(blocks).unwrap_or(u64::MAX);
                let blocks = wide(*rounds).saturating_mul(blocks);
                (0, Work::Pbkdf2 { blocks })
            }
            Hash::Phpass { log2, .. } => (0, Work::Phpass { log2: wide(*log2) }),
            Hash::Scrypt { log_n, r, p, salt } => scrypt(*log_n, (*r, *p), *p, salt.len(), 0),
            Hash::ShaCrypt { rounds, .. } => {
                let rounds = wide(*rounds);
                (0, Work::ShaCrypt { rounds })
            }
            Hash::Yescrypt {
                log_n,
                r,
                p,
                t,
                salt,
            } => {
                let times = t.saturating_add(1).saturating_mul(*p);
                scrypt(*log_n, (*r, *p), times, salt.len(), YESCRYPT_TABLES)
            }
        };
        Cost { memory_bytes, work }
    }

    /// Whether a password may have two digests that are both right.
    pub(crate) const fn has_two_answers(&self) -> bool {
        matches!(
            self.hash,
            Hash::Bcrypt {
                or_openwall: true,
                ..
            }
        )
    }

    /// Whether it is the other one with zeros for a digest.
    pub(crate) fn is_hollow_of(&self, other: &Self) -> bool {
        self.prepare == other.prepare
            && self.hash == other.hash
            && self.last_mask == other.last_mask
            && self.expected.len() == other.expected.len()
            && self.expected.iter().all(|byte| *byte == 0)
    }

    /// What is done to the password first, or none where that is nothing.
    fn prepared(&self, password: &[u8]) -> Result<Option<SecretBytes>> {
        let mut held = None::<SecretBytes>;
        for step in &self.prepare {
            let current = held.as_ref().map_or(password, SecretBytes::expose);
            held = Some(step.apply(current)?);
        }
        Ok(held)
    }

    /// What of the hash is stored.
    fn masked(&self, password: &[u8], arena: &mut Arena) -> Result<SecretBytes> {
        let mut found = self.compute(password, arena)?;
        if let Some(last) = found.expose_mut().last_mut() {
            *last &= self.last_mask;
        }
        Ok(found)
    }

    /// The digest of a password. `began` is called as the hash begins.
    pub(crate) fn digest(
        &self,
        password: &[u8],
        arena: &mut Arena,
        began: impl FnOnce(),
    ) -> Result<SecretBytes> {
        let held = self.prepared(password)?;
        let password = held.as_ref().map_or(password, SecretBytes::expose);
        began();
        self.masked(password, arena)
    }

    /// `began` is called as each hash begins: `$2a$` may take two.
    pub(crate) fn is_match(
        &self,
        password: &[u8],
        arena: &mut Arena,
        mut began: impl FnMut(),
    ) -> Result<bool> {
        let held = self.prepared(password)?;
        let password = held.as_ref().map_or(password, SecretBytes::expose);
        began();
        let found = self.masked(password, arena)?;
        if equal(found.expose(), &self.expected) {
            return Ok(true);
        }
        match &self.hash {
            Hash::Bcrypt {
                or_openwall: true,
                cost,
                salt,
                ..
            } if bcrypt::is_openwall_apart(password) => {
                began();
                let found = bcrypt(Flavour::Openwall, *cost, salt, password)?;
                Ok(equal(found.expose(), &self.expected))
            }
            _ => Ok(false),
        }
    }

    /// The hash itself, as many bytes as `expected` has.
    pub(crate) fn compute(&self, password: &[u8], arena: &mut Arena) -> Result<SecretBytes> {
        let mut out = SecretBytes::new(vec![0; self.expected.len()]);
        match &self.hash {
            Hash::Argon2 {
                kind,
                old,
                memory_kib,
                passes,
                lanes,
                salt,
                data,
                secret,
            } => {
                let mut argon2 = Argon2::new(*kind, *memory_kib, *passes, *lanes)
                    .secret(secret.expose())
                    .data(data);
                if *old {
                    argon2 = argon2.version_0x10();
                }
                argon2.hash(password, salt, out.expose_mut(), arena)?;
            }
            Hash::Bcrypt {
                flavour,
                cost,
                salt,
                ..
            } => return bcrypt(*flavour, *cost, salt, password),
            Hash::Digest {
                digest,
                before,
                after,
                times,
            } => {
                let parts: [&[u8]; 3] = [before.expose(), password, after];
                return Ok(digest::repeated(*digest, &parts, *times, &[]));
            }
            Hash::Firebase {
                mem_cost,
                rounds,
                parallel,
                signer_key,
                salt,
            } => {
                let (signer, salt) = (signer_key.expose(), salt.expose());
                return firebase(*mem_cost, *rounds, *parallel, signer, salt, password);
            }
            Hash::Hmac { digest, key } => return digest::hmac(*digest, key, &[password]),
            Hash::HmacUnder {
                digest,
                text,
                times,
            } => return digest::hmac_repeated(*digest, password, &[text], *times),
            Hash::Md5Crypt { which, salt } => return Ok(crypt::md5_crypt(*which, password, salt)),
            Hash::Pbkdf2 {
                digest,
                rounds,
                salt,
            } => kdf::pbkdf2(*digest, *rounds, password, salt.expose(), out.expose_mut())?,
            Hash::Phpass { digest, log2, salt } => {
                let times = 1_u32
                    .checked_shl(*log2)
                    .ok_or_else(|| Error::misuse("phpass has at most 2^30 rounds"))?;
                let mut found = digest::repeated(*digest, &[salt, password], times, password);
                found.truncate(self.expected.len());
                return Ok(found);
            }
            Hash::Scrypt { log_n, r, p, salt } => {
                kdf::scrypt(*log_n, *r, *p, password, salt, out.expose_mut())?;
            }
            Hash::ShaCrypt {
                is_512: true,
                rounds,
                salt,
            } => return crypt::sha512_crypt(password, salt, *rounds),
            Hash::ShaCrypt { rounds, salt, .. } => {
                return crypt::sha256_crypt(password, salt, *rounds);
            }
            Hash::Yescrypt {
                log_n,
                r,
                p,
                t,
                salt,
            } => return crypt::yescrypt(*log_n, *r, *p, *t, password, salt),
        }
        Ok(out)
    }
}

fn bcrypt(flavour: Flavour, cost: u32, salt: &[u8; 16], password: &[u8]) -> Result<SecretBytes> {
    let mut out = SecretBytes::new(vec![0; bcrypt::HASH_LEN]);
    if let Some(room) = out.expose_mut().first_chunk_mut() {
        bcrypt::bcrypt(flavour, cost, salt, password, room)?;
    }
    Ok(out)
}

impl Prepare {
    pub(crate) fn apply(&self, password: &[u8]) -> Result<SecretBytes> {
        Ok(match self {
            Self::Append(more) => {
                let room = password.len().saturating_add(more.len());
                let mut out = SecretBytes::new(Vec::with_capacity(room));
                out.push(password);
                out.push(more.expose());
                out
            }
            Self::CutAtNul => {
                let end = password.iter().position(|byte| *byte == 0);
                let kept = password.get(..end.unwrap_or(password.len()));
                SecretBytes::copy_of(kept.unwrap_or_default())
            }
            Self::Base64(hash) => to_base64(&digest::digest(*hash, &[password])),
            Self::HmacBase64(hash, key) => to_base64(&digest::hmac(*hash, key, &[password])?),
            Self::Hex(hash) => to_hex(&digest::digest(*hash, &[password])),
            Self::Raw(hash) => digest::digest(*hash, &[password]),
            Self::Trim => {
                let space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0 | 0x0b);
                let start = password
                    .iter()
                    .position(|byte| !space(byte))
                    .unwrap_or(password.len());
                let end = password.iter().rposition(|byte| !space(byte));
                let end = end.map_or(start, |last| last.saturating_add(1));
                SecretBytes::copy_of(password.get(start..end).unwrap_or_default())
            }
            Self::Utf16 => {
                let text = std::str::from_utf8(password)
                    .map_err(|_| Error::rejected(Reason::MALFORMED))?;
                let room = text.len().saturating_mul(2);
                let mut out = SecretBytes::new(Vec::with_capacity(room));
                text.encode_utf16()
                    .for_each(|unit| out.push(&unit.to_le_bytes()));
                out
            }
        })
    }
}

fn to_hex(bytes: &SecretBytes) -> SecretBytes {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or_default();
    // At its full length from the start: one that grew would leave copies behind.
    let room = bytes.len().saturating_mul(2);
    let mut out = SecretBytes::new(Vec::with_capacity(room));
    for byte in bytes.expose() {
        out.push(&[digit(byte >> 4), digit(byte & 0x0f)]);
    }
    out
}

fn to_base64(bytes: &SecretBytes) -> SecretBytes {
    SecretBytes::new(STANDARD.encode(bytes.expose()).into_bytes())
}
