//! Ed25519 signatures (RFC 8032), by ring.

use std::fmt;

use keyward_base::domain::Fields;
use keyward_base::wipe::with_stack_wiped;
use keyward_base::{Domain, Error, Reason, Result, SecretArray, SecretBytes};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

/// The encodings of the points whose order divides 8, but for the sign bit: those of y = 0 and y = 1
/// a second time with y + p, which decoders take too (RFC 8032, section 5.1.3, does not). Under such
/// a key one signature fits any message, so that anybody has one. Cremers and Jackson, "Prime, Order
/// Please!", 2019.
const SMALL_ORDER: [[u8; 32]; 7] = [
    small(0x00, 0x00, 0x00),
    small(0x01, 0x00, 0x00),
    small(0xec, 0xff, 0x7f),
    small(0xed, 0xff, 0x7f),
    small(0xee, 0xff, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

const fn small(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    let [a, .., z] = &mut bytes;
    (*a, *z) = (first, last);
    bytes
}

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

    /// Whether it is a point of small order, or none but a second encoding of one: what verifies
    /// under it, nobody has signed. No signature is taken under it.
    #[must_use]
    pub fn is_of_small_order(&self) -> bool {
        let mut bytes = self.0;
        let [.., last] = &mut bytes;
        *last &= 0x7f;
        SMALL_ORDER.contains(&bytes)
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
    /// `Rejected` ([`Reason::NOT_AUTHENTIC`]) unless it is this key's signature of that message, and
    /// under a key of small order.
    pub fn verify_bytes(&self, message: &[u8], signature: &[u8]) -> Result<()> {
        if self.is_of_small_order() {
            return Err(Error::rejected(Reason::NOT_AUTHENTIC));
        }
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
