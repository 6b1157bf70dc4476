//! Ed25519 (RFC 8032) by ring, over a domain and its fields: for what outsiders verify.
//!
//! ```
//! use keyward_base::{Domain, Timestamp};
//! use keyward_crypto::{Provider, SigningKey};
//!
//! const CHECKPOINT: Domain<(&[u8; 32], Timestamp)> = Domain::new("example/v1/checkpoint");
//!
//! # fn main() -> keyward_base::Result<()> {
//! let key = SigningKey::new(&Provider::default().random()?)?;
//! let fields = (&[7; 32], Timestamp::from_millis(1_767_225_600_000));
//! let signature = key.sign(CHECKPOINT, &fields);
//! key.verifying_key().verify(CHECKPOINT, &fields, &signature)?;
//! # Ok(()) }
//! ```
//!
//! The signed bytes are those of `docs/formats/mac.md`.

use std::fmt;
use std::hint::black_box;

use keyward_base::domain::Fields;
use keyward_base::wipe::with_stack_wiped;
use keyward_base::{Domain, Error, Reason, Result, SecretArray, SecretBytes};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

/// Bytes of a signature.
pub const SIGNATURE_LEN: usize = 64;

/// A key that signs. It is kept expanded, and overwritten on drop.
pub struct SigningKey(Box<Ed25519KeyPair>);

impl SigningKey {
    /// The key of a random seed of 32 bytes.
    ///
    /// # Errors
    /// `Unavailable` if ring cannot take the seed.
    pub fn new(seed: &SecretArray<32>) -> Result<Self> {
        with_stack_wiped(|| pair(seed.expose()).map(Box::new))
            .map(Self)
            .ok_or_else(|| Error::unavailable("ring cannot take the seed of a signing key"))
    }

    /// The signature of these fields in `domain`, of any length. The same fields have the same
    /// signature.
    #[must_use]
    pub fn sign<F: Fields>(&self, domain: Domain<F>, fields: &F) -> [u8; SIGNATURE_LEN] {
        let mut message = SecretBytes::new(Vec::new());
        let mut signature = [0; SIGNATURE_LEN];
        with_stack_wiped(|| {
            domain.stream(fields, |piece| message.push(piece));
            let made = self.0.sign(message.expose());
            signature
                .iter_mut()
                .zip(made.as_ref())
                .for_each(|(to, from)| *to = *from);
        });
        signature
    }

    /// The public half.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        let mut bytes = [0; 32];
        bytes
            .iter_mut()
            .zip(self.0.public_key().as_ref())
            .for_each(|(to, from)| *to = *from);
        VerifyingKey(bytes)
    }
}

fn pair(seed: &[u8; 32]) -> Option<Ed25519KeyPair> {
    Ed25519KeyPair::from_seed_unchecked(seed).ok()
}

/// ring wipes nothing: another key is written over this one, where it lies.
impl Drop for SigningKey {
    fn drop(&mut self) {
        if let Some(blank) = pair(&[0; 32]) {
            *self.0 = blank;
            black_box(&mut self.0);
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// The public half of a key that signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VerifyingKey([u8; 32]);

impl VerifyingKey {
    /// The key of those bytes (RFC 8032, section 5.1.5). Bytes that are no point verify nothing.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// Checks a signature.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::NotAuthentic`]) if it is none of this key over these fields.
    pub fn verify<F: Fields>(
        &self,
        domain: Domain<F>,
        fields: &F,
        signature: &[u8; SIGNATURE_LEN],
    ) -> Result<()> {
        let mut message = SecretBytes::new(Vec::new());
        domain.stream(fields, |piece| message.push(piece));
        UnparsedPublicKey::new(&ED25519, self.0)
            .verify(message.expose(), signature)
            .map_err(|_| Error::rejected(Reason::NotAuthentic))
    }
}
