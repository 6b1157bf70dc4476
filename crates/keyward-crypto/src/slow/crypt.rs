//! The hashes of crypt(3): MD5 (`$1$`, `$apr1$`), SHA-256 and SHA-512 (`$5$`, `$6$`), yescrypt (`$y$`).
//!
//! What comes out is the digest, not in the order in which the strings write its bytes.

use keyward_base::wipe::with_stack_wiped;
use keyward_base::{Error, Result, SecretBytes};
use md5::Md5;
use sha2::Digest as _;
use yescrypt::{Mode, Params};

/// Which of the two that differ in a word alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Md5Crypt {
    /// `$1$`, of FreeBSD (Poul-Henning Kamp, 1994).
    Unix,
    /// `$apr1$`, of Apache's htpasswd.
    Apache,
}

impl Md5Crypt {
    const fn magic(self) -> &'static [u8] {
        match self {
            Self::Unix => b"$1$",
            Self::Apache => b"$apr1$",
        }
    }
}

/// MD5-crypt: 1,000 rounds, 16 bytes. `salt` has at most 8 bytes; more are left out.
#[must_use]
pub fn md5_crypt(which: Md5Crypt, password: &[u8], salt: &[u8]) -> SecretBytes {
    let salt = salt.get(..8).unwrap_or(salt);
    let mut out = SecretBytes::new(vec![0; 16]);
    with_stack_wiped(|| {
        let mixed = Md5::new()
            .chain_update(password)
            .chain_update(salt)
            .chain_update(password)
            .finalize();
        let mut first = Md5::new()
            .chain_update(password)
            .chain_update(which.magic())
            .chain_update(salt);
        for chunk in password.chunks(16) {
            first.update(mixed.get(..chunk.len()).unwrap_or_default());
        }
        let mut bits = password.len();
        while bits > 0 {
            // A NUL or the first byte, as the bits of the length say.
            let first_byte = password.get(..1).unwrap_or_default();
            first.update(if bits & 1 == 1 { &[0][..] } else { first_byte });
            bits >>= 1;
        }
        let mut last = first.finalize();
        for round in 0..1000_u32 {
            let mut next = Md5::new();
            if round & 1 == 1 {
                next.update(password);
            } else {
                next.update(last);
            }
            if round % 3 != 0 {
                next.update(salt);
            }
            if round % 7 != 0 {
                next.update(password);
            }
            if round & 1 == 1 {
                next.update(last);
            } else {
                next.update(password);
            }
            last = next.finalize();
        }
        out.expose_mut().copy_from_slice(&last);
    });
    out
}

/// SHA-256-crypt (Ulrich Drepper, 2007): 32 bytes. `salt` has at most 16 bytes; more are left out.
///
/// # Errors
/// `Misuse` for rounds outside of 1,000 to 999,999,999.
pub fn sha256_crypt(password: &[u8], salt: &[u8], rounds: u32) -> Result<SecretBytes> {
    let params = sha_params(rounds)?;
    let mut out = SecretBytes::new(vec![0; 32]);
    with_stack_wiped(|| {
        out.expose_mut()
            .copy_from_slice(&sha_crypt::sha256_crypt(password, salt, params));
    });
    Ok(out)
}

/// SHA-512-crypt: 64 bytes, otherwise as [`sha256_crypt`].
///
/// # Errors
/// As [`sha256_crypt`].
pub fn sha512_crypt(password: &[u8], salt: &[u8], rounds: u32) -> Result<SecretBytes> {
    let params = sha_params(rounds)?;
    let mut out = SecretBytes::new(vec![0; 64]);
    with_stack_wiped(|| {
        out.expose_mut()
            .copy_from_slice(&sha_crypt::sha512_crypt(password, salt, params));
    });
    Ok(out)
}

fn sha_params(rounds: u32) -> Result<sha_crypt::Params> {
    sha_crypt::Params::new(rounds)
        .map_err(|_| Error::misuse("SHA-crypt has 1000 to 999999999 rounds"))
}

/// yescrypt in its own mode (`$y$`, flavour `j`): 32 bytes, with N = 2^`log_n`. It takes about
/// 128 · r · N bytes, which the library has anew each time and does not wipe.
///
/// # Errors
/// `Misuse` for parameters that yescrypt does not have.
pub fn yescrypt(
    log_n: u8,
    r: u32,
    p: u32,
    t: u32,
    password: &[u8],
    salt: &[u8],
) -> Result<SecretBytes> {
    let bad = || Error::misuse("these are no parameters of yescrypt");
    let n = 1_u64.checked_shl(log_n.into()).ok_or_else(bad)?;
    if p == 0 || r == 0 {
        return Err(bad());
    }
    let params = Params::new_with_all_params(Mode::Rw, n, r, p, t, 0).map_err(|_| bad())?;
    let mut out = SecretBytes::new(vec![0; 32]);
    with_stack_wiped(|| ::yescrypt::yescrypt(password, salt, &params, out.expose_mut()))
        .map_err(|_| bad())?;
    Ok(out)
}
