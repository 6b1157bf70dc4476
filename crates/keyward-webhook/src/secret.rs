//! The secrets of an endpoint: typed by the scheme they belong to, refused when they are loaded
//! if anybody could guess them, and several at once while one follows another.

use std::fmt;

use keyward_base::{Error, Result, SecretBytes, Timestamp};
use keyward_crypto::hmac::{HmacHash, HmacKey};
use keyward_crypto::{Provider, Shown};

use crate::coverage::Covered;
use crate::scheme::{KeyForm, Proof, Scheme, Text};

mod form;

/// The most secrets of one endpoint: each costs a MAC over the body.
pub const MAX_SECRETS: usize = 8;

/// The shortest key in bytes: 128 bits, the least strength of a key that NIST SP 800-131A Rev. 2
/// lets authenticate (112) rounded up to whole words.
pub const MIN_KEY: usize = 16;

/// The secrets that an endpoint takes, from [`Webhook::secrets`](crate::Webhook::secrets).
pub struct Secrets {
    scheme: Text,
    form: KeyForm,
    kind: Kind,
    pub(crate) crypto: Provider,
    pub(crate) keys: Vec<Secret>,
    /// They stand for an endpoint that is not there: nothing verifies under them.
    pub(crate) decoy: bool,
}

/// What a key of them is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Hmac(HmacHash),
    Token,
}

/// One of them.
pub(crate) struct Secret {
    pub(crate) id: Text,
    pub(crate) until: Option<Timestamp>,
    pub(crate) kept: Kept,
}

pub(crate) enum Kept {
    Hmac(HmacKey),
    Token(Shown),
}

impl Kind {
    const fn of<C>(scheme: &Scheme<C>) -> Self {
        match &scheme.proof {
            Proof::Hmac(proof) => Self::Hmac(proof.hash),
            Proof::Token => Self::Token,
        }
    }
}

impl Secrets {
    /// No secrets yet, for that scheme.
    pub(crate) fn new(scheme: &Scheme<Covered>, crypto: Provider) -> Self {
        Self {
            scheme: scheme.name.clone(),
            form: scheme.key.clone(),
            kind: Kind::of(scheme),
            crypto,
            keys: Vec::new(),
            decoy: false,
        }
    }

    /// A secret that nobody has, for endpoints that are not there.
    pub(crate) fn decoy(scheme: &Scheme<Covered>, crypto: Provider) -> Result<Self> {
        let mut decoy = Self::new(scheme, crypto);
        let random = SecretBytes::copy_of(crypto.random::<32>()?.expose());
        let kept = decoy.kept(&random)?;
        decoy.keys.push(Secret {
            id: Text::Borrowed("none"),
            until: None,
            kept,
        });
        decoy.decoy = true;
        Ok(decoy)
    }

    /// Adds a secret as the provider shows it, under an id that tells which one matched (1 to 64
    /// bytes of visible ASCII), and with the moment from which it counts no more.
    ///
    /// # Errors
    /// `Misuse` for a secret that is empty, blank, misencoded, of another kind, or whose key has
    /// less than 16 bytes; for an id that is taken or is none; for the ninth secret. `Unavailable`
    /// without randomness.
    pub fn add(
        &mut self,
        id: impl Into<Text>,
        until: Option<Timestamp>,
        secret: &SecretBytes,
    ) -> Result<()> {
        self.insert(id.into(), until, secret, MIN_KEY)
    }

    /// Adds a key by its own bytes, for a key that is no text: 16 or more. It is held to no form,
    /// and is the HMAC key as it is, or the token.
    ///
    /// # Errors
    /// `Misuse` for a key of less than 16 bytes; for an id that is taken or is none; for the ninth
    /// secret. `Unavailable` without randomness.
    pub fn add_key(
        &mut self,
        id: impl Into<Text>,
        until: Option<Timestamp>,
        key: &SecretBytes,
    ) -> Result<()> {
        self.keep(id.into(), until, key, (key.len(), MIN_KEY))
    }

    /// Adds a secret of which at least so many bytes are unknown.
    pub(crate) fn insert(
        &mut self,
        id: Text,
        until: Option<Timestamp>,
        secret: &SecretBytes,
        least: usize,
    ) -> Result<()> {
        let (key, unknown) = self.form.read(secret)?;
        self.keep(id, until, &key, (unknown, least))
    }

    /// Adds a key, of which so many bytes are unknown and at least so many have to be.
    pub(crate) fn keep(
        &mut self,
        id: Text,
        until: Option<Timestamp>,
        key: &SecretBytes,
        (unknown, least): (usize, usize),
    ) -> Result<()> {
        if unknown < least {
            return Err(Error::misuse(
                "the webhook secret has less than 16 bytes and could be guessed: have the \
                 provider make a new one",
            ));
        }
        let kept = self.kept(key)?;
        self.push(Secret { id, until, kept })
    }

    /// The ids of the secrets, each with the moment from which it counts no more.
    pub fn ids(&self) -> impl Iterator<Item = (&str, Option<Timestamp>)> {
        self.keys.iter().map(|key| (key.id.as_ref(), key.until))
    }

    /// Whether they are of that scheme: the same text may be another key elsewhere.
    pub(crate) fn are_of(&self, scheme: &Scheme<Covered>) -> bool {
        self.scheme == scheme.name && self.form == scheme.key && self.kind == Kind::of(scheme)
    }

    fn push(&mut self, secret: Secret) -> Result<()> {
        if self.keys.len() >= MAX_SECRETS {
            return Err(Error::misuse(
                "an endpoint takes at most 8 webhook secrets: leave out those that ended",
            ));
        }
        let shaped =
            (1..=64).contains(&secret.id.len()) && secret.id.bytes().all(|b| b.is_ascii_graphic());
        if !shaped || self.keys.iter().any(|known| known.id == secret.id) {
            return Err(Error::misuse(
                "the ids of webhook secrets must differ, and be 1 to 64 bytes of visible ASCII",
            ));
        }
        self.keys.push(secret);
        Ok(())
    }

    fn kept(&self, key: &SecretBytes) -> Result<Kept> {
        match self.kind {
            Kind::Hmac(hash) => Ok(Kept::Hmac(HmacKey::new(&self.crypto, hash, key)?)),
            Kind::Token => Shown::new(&self.crypto, key).map(Kept::Token),
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets")
            .field("scheme", &self.scheme)
            .field("count", &self.keys.len())
            .finish_non_exhaustive()
    }
}
