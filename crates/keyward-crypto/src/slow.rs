//! Hashes of passwords: our own, and with the feature `passwords` those of others.
//!
//! Each is given its parameters as values and does the work they ask: whoever reads them from a
//! record looks first whether they are within what may be spent (`keyward-password` does).
//!
//! | module | what it holds |
//! |---|---|
//! | [`argon2`] | Argon2i, d and id (RFC 9106) on kept memory: [`Arena`](argon2::Arena) |
//! | `bcrypt` | bcrypt, and the two forms of it that an old library left behind |
//! | `crypt` | `$1$`, `$apr1$`, `$5$`, `$6$` and `$y$` of crypt(3) |
//! | `digest` | plain, repeated and keyed digests, which are no hashes of passwords but were taken for them |
//! | `firebase` | Firebase's scrypt |
//! | `kdf` | PBKDF2 (RFC 8018) and scrypt (RFC 7914) |
//!
//! The results are secret: a guess can be tried against them as against what is stored.

pub mod argon2;
#[cfg(feature = "passwords")]
pub mod bcrypt;
#[cfg(feature = "passwords")]
pub mod crypt;
#[cfg(feature = "passwords")]
pub mod digest;
#[cfg(feature = "passwords")]
pub mod firebase;
#[cfg(feature = "passwords")]
pub mod kdf;
