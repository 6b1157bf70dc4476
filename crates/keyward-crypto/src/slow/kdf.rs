//! PBKDF2 (RFC 8018) and scrypt (RFC 7914).

use hmac::Hmac;
use keyward_base::wipe::with_stack_wiped;
use keyward_base::{Error, Result};

use super::digest::{Digest, with_hash};

/// Writes PBKDF2 with HMAC into all of `out`.
///
/// # Errors
/// `Misuse` for no round, an empty `out`, or one above 1,024 bytes.
pub fn pbkdf2(
    hash: Digest,
    rounds: u32,
    password: &[u8],
    salt: &[u8],
    out: &mut [u8],
) -> Result<()> {
    if rounds == 0 || !(1..=1024).contains(&out.len()) {
        return Err(Error::misuse("these are no parameters of PBKDF2"));
    }
    with_stack_wiped(
        || with_hash!(hash, D => ::pbkdf2::pbkdf2::<Hmac<D>>(password, salt, rounds, out)),
    )
    .map_err(|_| Error::unavailable("the provider cannot take the key"))
}

/// Writes scrypt with N = 2^`log_n` into all of `out`. It takes 128 · r · (2^`log_n` + p) bytes,
/// which the library has anew each time and does not wipe.
///
/// # Errors
/// `Misuse` for parameters that scrypt does not have.
pub fn scrypt(
    log_n: u8,
    r: u32,
    p: u32,
    password: &[u8],
    salt: &[u8],
    out: &mut [u8],
) -> Result<()> {
    let bad = || Error::misuse("these are no parameters of scrypt");
    if log_n == 0 {
        return Err(bad());
    }
    let params = ::scrypt::Params::new(log_n, r, p).map_err(|_| bad())?;
    with_stack_wiped(|| ::scrypt::scrypt(password, salt, &params, out)).map_err(|_| bad())
}
