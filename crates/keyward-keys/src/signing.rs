//! Signing keys as callers hold them, and what is published of them.

use std::fmt;
use std::sync::Arc;

use keyward_base::domain::Fields;
use keyward_base::{Domain, Error, KeyId, Purpose, Reason, Result, Timestamp};
use keyward_crypto::sign::{PublicKey, SIGNATURE_LEN, SigningKey};

use crate::key_use::Signs;
use crate::ring::{KeyKind, KeyState, Published, RingKey, Successor};
use crate::ring_id::RingId;

/// Of which ring and purpose, id and public key of the one before, and of the one that follows.
type Succession<'a> = (RingId, &'a Purpose, KeyId, [u8; 32], KeyId, [u8; 32]);

/// The statement that one key follows another.
const SUCCESSOR: Domain<Succession<'_>> = Domain::new("keyward/v1/successor");

/// A key that signs for one purpose, of the ring or of one tenant. A cheap clone. Hold it for one
/// call, not longer: a handle does not see that its key retired.
#[derive(Clone)]
pub struct SigningHandle {
    pub(crate) id: KeyId,
    pub(crate) signs: Signs,
    pub(crate) key: Arc<SigningKey>,
}

impl SigningHandle {
    /// The id of the ring key.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// What others verify with. A tenant's is derived and stands in no list: whoever verifies has
    /// to have it from here.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        self.key.public()
    }

    /// The signature of these fields in `domain`: 64 bytes, over what `docs/formats/mac.md` says.
    ///
    /// # Errors
    /// `Misuse` if the purpose signs bytes of another form, or for a domain that is the keyring's
    /// own; `Unavailable` if the key in memory was damaged.
    pub fn sign<F: Fields>(&self, domain: Domain<F>, fields: &F) -> Result<[u8; SIGNATURE_LEN]> {
        self.check(Signs::Fields)?;
        if domain.name() == SUCCESSOR.name() {
            return Err(Error::misuse(
                "a signature needs a domain of its own: this one says which key follows",
            ));
        }
        self.key.sign(domain, fields)
    }

    /// The signature of `message` as it is, for a format from elsewhere. 64 bytes.
    ///
    /// # Errors
    /// `Misuse` unless the purpose is for such a format ([`Signs::Raw`]); `Unavailable` if the key
    /// in memory was damaged.
    pub fn sign_raw(&self, message: &[u8]) -> Result<[u8; SIGNATURE_LEN]> {
        self.check(Signs::Raw)?;
        self.key.sign_bytes(message)
    }

    fn check(&self, form: Signs) -> Result<()> {
        match (self.signs, form) {
            (Signs::Fields, Signs::Raw) => Err(Error::misuse(
                "the keys of this purpose sign a domain and fields: take one that was added with Signs::Raw",
            )),
            (Signs::Raw, Signs::Fields) => Err(Error::misuse(
                "the keys of this purpose sign raw bytes alone: take one that was added with Signs::Fields",
            )),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for SigningHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningHandle({}, {:?})", self.id, self.public())
    }
}

/// What is published of a signing key: from when it is Pending on, and for good.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublishedKey {
    /// Its id.
    pub id: KeyId,
    /// What verifies its signatures.
    pub public: PublicKey,
    /// Where it is in its life.
    pub state: KeyState,
    /// When it was made.
    pub created: Timestamp,
    /// When it began to sign.
    pub promoted: Option<Timestamp>,
    /// When another took over: it signs nothing since.
    pub retired: Option<Timestamp>,
    /// When it was disabled.
    pub disabled: Option<Timestamp>,
    /// When its private half was destroyed.
    pub destroyed: Option<Timestamp>,
    /// The key that was Active when it was made, which signed that this one follows. None for the
    /// first of a purpose, and where keys sign raw bytes.
    pub follows: Option<KeyId>,
    /// That signature: 64 bytes, in the domain `keyward/v1/successor`, of the fields ring id, purpose,
    /// id and public key of the key before, id and public key of this one.
    pub signature: Option<[u8; SIGNATURE_LEN]>,
}

impl PublishedKey {
    pub(crate) fn of(key: &RingKey) -> Option<Self> {
        let KeyKind::Sign(Published { public, successor }) = &key.kind else {
            return None;
        };
        Some(Self {
            id: key.id,
            public: *public,
            state: key.state,
            created: key.created,
            promoted: key.promoted,
            retired: key.retired,
            disabled: key.disabled,
            destroyed: key.destroyed,
            follows: successor.as_ref().map(|word| word.of),
            signature: successor.as_ref().map(|word| word.signature),
        })
    }

    /// Whether `before` signed that this key follows it: what somebody checks who trusted that one
    /// and has this list from elsewhere.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::NOT_AUTHENTIC`]) if it did not.
    pub fn check_follows(&self, ring: RingId, purpose: &Purpose, before: &Self) -> Result<()> {
        let not_authentic = || Error::rejected(Reason::NOT_AUTHENTIC);
        let signature = self.signature.ok_or_else(not_authentic)?;
        if self.follows != Some(before.id) {
            return Err(not_authentic());
        }
        let (old, new) = (before.public.to_bytes(), self.public.to_bytes());
        let said = (ring, purpose, before.id, old, self.id, new);
        before.public.verify(SUCCESSOR, &said, &signature)
    }
}

/// The word of the key `by`, of id `of`, that the key `new` follows it.
pub(crate) fn successor(
    ring: RingId,
    purpose: &Purpose,
    of: KeyId,
    by: &SigningKey,
    new: (KeyId, PublicKey),
) -> Result<Successor> {
    let (new, public) = (new.0, new.1.to_bytes());
    let said = (ring, purpose, of, by.public().to_bytes(), new, public);
    let signature = by.sign(SUCCESSOR, &said)?;
    Ok(Successor { of, signature })
}
