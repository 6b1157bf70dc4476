//! Ed25519 signatures (RFC 8032), by ring.

use std::fmt;

use keyward_base::domain::Fields;
use keyward_base::wipe::with_stack_wiped;
use keyward_base::{Domain, Error, Reason, Result, SecretArray, SecretBytes};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

/// Bytes of a signature.
pub const SIGNATURE_LEN: usize = 64;

/// A private key. Its seed is held on the heap and wiped on drop. ring's own form of it is not
/// wiped on drop, so that it is made anew for each signature, on a stack that is: 37 µs more.
pub struct SigningKey {
    seed: SecretArray<32>,
    public: PublicKey,
}

impl SigningKey {
    /// The key of a seed of 32 random bytes (RFC 8032, section 5.1.5).
    ///
    /// # Errors
    /// `Unavailable` if ring does not take the seed.
    pub fn new(seed: SecretArray<32>) -> Result<Self> {
        let mut public = [0; 32];
        let taken = with_stack_wiped(|| {
            let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose())?;
            let made = pair.public_key().as_ref();
            public
                .iter_mut()
                .zip(made)
                .for_each(|(to, from)| *to = *from);
            Ok::<(), ring::error::KeyRejected>(())
        });
        taken.map_err(|_| refused())?;
        Ok(Self {
            seed,
            public: PublicKey(public),
        })
    }

    /// What others verify with.
    #[must_use]
    pub const fn public(&self) -> PublicKey {
        self.public
    }

    /// The signature of these fields in `domain`, as `docs/formats/mac.md` encodes them.
    ///
    /// # Errors
    /// As [`SigningKey::sign_bytes`].
    pub fn sign<F: Fields>(&self, domain: Domain<F>, fields: &F) -> Result<[u8; SIGNATURE_LEN]> {
        self.sign_bytes(whole(domain, fields).expose())
    }

    /// The signature of `message`, as it is, for formats of others: the caller makes it mean one
    /// thing only.
    ///
    /// # Errors
    /// `Unavailable` if the seed in memory is not the one of the public key any more: nothing is
    /// signed then, since that signature could tell the key.
    pub fn sign_bytes(&self, message: &[u8]) -> Result<[u8; SIGNATURE_LEN]> {
        let mut signature = [0; SIGNATURE_LEN];
        let signed = with_stack_wiped(|| {
            let (seed, public) = (self.seed.expose(), &self.public.0);
            let pair = Ed25519KeyPair::from_seed_and_public_key(seed, public)?;
            let made = pair.sign(message);
            signature
                .iter_mut()
                .zip(made.as_ref())
                .for_each(|(to, from)| *to = *from);
            Ok::<(), ring::error::KeyRejected>(())
        });
        signed.map_err(|_| refused())?;
        Ok(signature)
    }
}

/// The whole encoding, which Ed25519 reads twice. A field may be secret: it is wiped, and so is the
/// stack that it was gathered on.
fn whole<F: Fields>(domain: Domain<F>, fields: &F) -> SecretBytes {
    let mut message = SecretBytes::new(Vec::new());
    with_stack_wiped(|| domain.stream(fields, |piece| message.push(piece)));
    message
}

fn refused() -> Error {
    Error::unavailable("the provider does not take the signing key")
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?})", self.public)
    }
}

/// A public key: 32 bytes, no secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// The key of those bytes. Whether they are a point of the curve is seen when it verifies.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes (RFC 8032, section 5.1.2).
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// Checks a signature of these fields in `domain`.
    ///
    /// # Errors
    /// As [`PublicKey::verify_bytes`].
    pub fn verify<F: Fields>(&self, domain: Domain<F>, fields: &F, signature: &[u8]) -> Result<()> {
        self.verify_bytes(whole(domain, fields).expose(), signature)
    }

    /// Checks a signature of `message`, as it is.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::NOT_AUTHENTIC`]) unless it is this key's signature of that message.
    pub fn verify_bytes(&self, message: &[u8], signature: &[u8]) -> Result<()> {
        UnparsedPublicKey::new(&ED25519, &self.0)
            .verify(message, signature)
            .map_err(|_| Error::rejected(Reason::NOT_AUTHENTIC))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", keyward_base::encoding::hex(&self.0))
    }
}
