//! Firebase Authentication's scrypt: a key by scrypt, under which the project's signer key is
//! encrypted with AES-256-CTR from a block of zeros. What comes out is the hash.

use aes::Aes256;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit as _, StreamCipher as _};
use keyward_base::wipe::with_stack_wiped;
use keyward_base::{Error, Result, SecretBytes};

use super::kdf::scrypt;

/// Bytes of the key that AES-256 takes of scrypt's 64.
const KEY_LEN: usize = 32;

/// The hash of `password`, as long as the signer key. `salt` is the user's followed by the project's
/// separator.
///
/// # Errors
/// `Misuse` for parameters that scrypt does not have.
pub fn firebase(
    mem_cost: u8,
    rounds: u32,
    parallel: u32,
    signer_key: &[u8],
    salt: &[u8],
    password: &[u8],
) -> Result<SecretBytes> {
    let mut key = SecretBytes::new(vec![0; KEY_LEN]);
    scrypt(mem_cost, rounds, parallel, password, salt, key.expose_mut())?;
    let mut out = SecretBytes::copy_of(signer_key);
    with_stack_wiped(|| {
        Ctr128BE::<Aes256>::new_from_slices(key.expose(), &[0; 16])
            .map(|mut cipher| cipher.apply_keystream(out.expose_mut()))
    })
    .map_err(|_| Error::unavailable("the provider cannot take the key"))?;
    Ok(out)
}
