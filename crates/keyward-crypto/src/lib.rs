//! The only crate of keyward that touches ciphers and hashes.
//!
//! ```
//! use keyward_base::{Domain, Suite, Tenant};
//! use keyward_crypto::{BodyKey, Provider};
//!
//! # fn main() -> keyward_base::Result<()> {
//! let provider = Provider::default();
//! /// A note of a tenant: whose, and its number.
//! const NOTE: Domain<(&Tenant, u64)> = Domain::new("example/v1/note");
//! let acme = Tenant::new("acme")?;
//! let key = BodyKey::new(&provider, Suite::Chunked1, &provider.random()?)?;
//!
//! // What is sealed under a context opens under the same one, and under no other.
//! let mut body = Vec::new();
//! key.seal(&NOTE.encode(&(&acme, 42))?, b"ghp_x8Zq31LkT0uVbN4p", &mut body)?;
//! let opened = key.open(&NOTE.encode(&(&acme, 42))?, &body)?;
//! assert_eq!(opened.expose(), b"ghp_x8Zq31LkT0uVbN4p");
//! assert!(key.open(&NOTE.encode(&(&acme, 43))?, &body).is_err());
//! # Ok(()) }
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`provider`] | [`Provider`]: which implementation does what, as a value |
//! | [`body`] | [`BodyKey`]: the sealed body, C2SP chunked encryption with AES-256-GCM, and SHA-512 or SHA-256 |
//! | [`mac`] | [`MacKey`]: HMAC-SHA-256 over a domain and its fields |
//! | [`hmac`] | HMAC for schemes that others defined |
//! | [`ecdsa`] | signatures of others over P-256, verified |
//! | [`sign`] | Ed25519 signatures |
//! | [`foreign`] | signatures of others: ES256 and RS256, verified only |
//! | [`sealed`] | the sealed text value, `kw1.…` |
//! | [`shown`] | a secret that the other side shows as it is |
//! | [`passphrase`] | a key from a passphrase, by Argon2id |
//! | [`slow`] | hashes of passwords: Argon2, and with the feature `passwords` those of others |
//! | [`danger`] | what only vectors and fuzzers may do |
//!
//! Every operation that touches a key runs in [`keyward_base::wipe::with_stack_wiped`].

mod aead;
pub mod body;
pub mod danger;
pub mod ecdsa;
pub mod foreign;
pub mod hmac;
mod kdf;
pub mod mac;
pub mod passphrase;
pub mod provider;
pub mod sealed;
pub mod shown;
pub mod sign;
pub mod slow;
#[cfg(test)]
mod wycheproof;

pub use body::{BodyKey, body_len};
pub use mac::MacKey;
pub use provider::{Provider, Random};
pub use shown::Shown;

use std::hint::black_box;

use subtle::ConstantTimeEq as _;

/// Whether `a` and `b` are equal, in time that depends on their lengths alone.
#[must_use]
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    // Eight bytes at a time: one by one they cost more than the hash of a small message. All their
    // differences are gathered before any is looked at.
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let words = a.iter().zip(b).fold(0, |differ, (a, b)| {
        differ | (u64::from_ne_bytes(*a) ^ u64::from_ne_bytes(*b))
    });
    let words = black_box(words).ct_eq(&0);
    if a_rest.is_empty() {
        return words.into();
    }
    (words & a_rest.ct_eq(b_rest)).into()
}
