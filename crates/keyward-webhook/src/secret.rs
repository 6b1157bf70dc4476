//! The secrets of an endpoint: typed by the scheme they belong to, refused when they are loaded
//! if anybody could guess them, and several at once while one follows another.

use std::fmt;

use keyward_base::encoding::from_base64;
use keyward_base::{Error, Result, SecretBytes, Timestamp};
use keyward_crypto::Provider;
use keyward_crypto::hmac::{HmacHash, HmacKey, HmacTag};

use crate::scheme::{KeyForm, Proof, Scheme, Text};

/// The most secrets of one endpoint: each costs a MAC over the body.
pub const MAX_SECRETS: usize = 8;

/// The shortest key in bytes: 128 bits, the least strength of a key that NIST SP 800-131A Rev. 2
/// lets authenticate (112) rounded up to whole words.
pub const MIN_KEY: usize = 16;

/// The secrets that an endpoint takes.
pub struct Secrets {
    scheme: Text,
    pub(crate) keys: Vec<Secret>,
}

/// One of them.
pub(crate) struct Secret {
    pub(crate) id: Text,
    pub(crate) until: Option<Timestamp>,
    pub(crate) kept: Kept,
}

pub(crate) enum Kept {
    Hmac(HmacKey),
    /// A token is kept as its tag under a key made at random: two tags are compared, so that
    /// neither length nor content of the right one shows in the time that it takes.
    Token {
        key: HmacKey,
        tag: HmacTag,
    },
}

impl Secrets {
    /// No secrets yet, for that scheme.
    pub(crate) const fn new(scheme: Text) -> Self {
        Self {
            scheme,
            keys: Vec::new(),
        }
    }

    pub(crate) fn are_of(&self, scheme: &str) -> bool {
        self.scheme == scheme
    }

    pub(crate) fn push(&mut self, secret: Secret) -> Result<()> {
        if self.keys.len() >= MAX_SECRETS {
            return Err(Error::misuse(
                "an endpoint takes at most 8 webhook secrets: leave out those that ended",
            ));
        }
        if secret.id.is_empty() || self.keys.iter().any(|known| known.id == secret.id) {
            return Err(Error::misuse(
                "the ids of webhook secrets must differ, and none may be empty",
            ));
        }
        self.keys.push(secret);
        Ok(())
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

impl<C> Scheme<C> {
    /// Reads a secret as the provider shows it.
    pub(crate) fn read(&self, provider: &Provider, text: &SecretBytes) -> Result<Kept> {
        let key = self.key.read(text)?;
        match &self.proof {
            Proof::Hmac(proof) => Ok(Kept::Hmac(HmacKey::new(provider, proof.hash, &key)?)),
            Proof::Token => {
                let random = SecretBytes::copy_of(provider.random::<32>()?.expose());
                let compare = HmacKey::new(provider, HmacHash::Sha256, &random)?;
                let tag = compare.sign(&[key.expose()]);
                Ok(Kept::Token { key: compare, tag })
            }
        }
    }
}

impl KeyForm {
    /// The key that a secret stands for.
    fn read(&self, text: &SecretBytes) -> Result<SecretBytes> {
        let text = text.expose();
        let blank = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_whitespace);
        if blank(text.first()) || blank(text.last()) {
            return Err(Error::misuse(
                "the webhook secret is empty, or white space stands around it: load it as the \
                 provider shows it",
            ));
        }
        for (prefix, what) in [
            (
                &b"whsk_"[..],
                "a private key for senders; the receiver needs `whpk_` or `whsec_`",
            ),
            (
                &b"whpk_"[..],
                "a public key, for signatures of another kind",
            ),
            (&b"v1,"[..], "written with its version: leave out `v1,`"),
        ] {
            if text.starts_with(prefix) {
                return Err(Error::misuse(format!("the webhook secret is {what}")));
            }
        }
        let key = match self {
            Self::Text { prefix } => {
                if prefix
                    .as_ref()
                    .is_some_and(|prefix| !text.starts_with(prefix.as_bytes()))
                {
                    return Err(misread(prefix.as_deref()));
                }
                SecretBytes::copy_of(text)
            }
            Self::Base64 { prefix, optional } => {
                let whole = prefix.as_deref().unwrap_or_default();
                let encoded = match text.strip_prefix(whole.as_bytes()) {
                    Some(encoded) => encoded,
                    None if *optional => text,
                    None => return Err(misread(prefix.as_deref())),
                };
                let encoded = str::from_utf8(encoded).map_err(|_| not_base64())?;
                from_base64(encoded).map_err(|_| not_base64())?
            }
        };
        if key.expose().len() < MIN_KEY {
            return Err(Error::misuse(
                "the webhook secret is shorter than 16 bytes: have the provider make a new one",
            ));
        }
        Ok(key)
    }
}

fn misread(prefix: Option<&str>) -> Error {
    Error::misuse(format!(
        "the webhook secret does not begin with `{}`: this is another kind of secret",
        prefix.unwrap_or_default()
    ))
}

fn not_base64() -> Error {
    Error::misuse("the webhook secret is no base64 with padding: load it as the provider shows it")
}
