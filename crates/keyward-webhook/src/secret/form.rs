//! How a secret is written, and which bytes of it are the key.

use keyward_base::encoding::{base64, base64url, from_base64};
use keyward_base::{Error, Result, SecretBytes};
use keyward_crypto::Provider;

use crate::scheme::KeyForm;

/// What is recognised though it is no secret of any scheme here, and what to do about it.
const OTHERS: [(&[u8], &str); 4] = [
    (
        b"whsk_",
        "a private key for senders: load the `whsec_` secret of the endpoint",
    ),
    (
        b"whpk_",
        "a public key, for signatures of another kind: load the `whsec_` secret of the endpoint",
    ),
    (
        b"v1,",
        "written with a version: load what stands behind `v1,`",
    ),
    (
        b"-----BEGIN ",
        "a PEM file: load the shared secret of the endpoint",
    ),
];

impl KeyForm {
    /// The key that a secret stands for, and how many bytes of it nobody knows: at least one.
    pub(crate) fn read(&self, secret: &SecretBytes) -> Result<(SecretBytes, usize)> {
        let text = secret.expose();
        let blank = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_whitespace);
        if blank(text.first()) || blank(text.last()) {
            return Err(Error::misuse(
                "the webhook secret is empty, or white space stands around it: load it as the \
                 provider shows it",
            ));
        }
        if let Some((_, what)) = OTHERS.iter().find(|(front, _)| text.starts_with(front)) {
            return Err(Error::misuse(format!("the webhook secret is {what}")));
        }
        match self {
            Self::Text { prefix: None } => Ok((SecretBytes::copy_of(text), text.len())),
            Self::Text {
                prefix: Some(prefix),
            } => match text.strip_prefix(prefix.as_bytes()) {
                Some(rest) if !rest.is_empty() => Ok((SecretBytes::copy_of(text), rest.len())),
                _ => Err(another_kind(prefix)),
            },
            Self::Base64 {
                prefix,
                optional,
                bytes,
            } => {
                let front = prefix.as_deref().unwrap_or_default();
                let encoded = match text.strip_prefix(front.as_bytes()) {
                    Some(encoded) => encoded,
                    None if *optional => text,
                    None => return Err(another_kind(front)),
                };
                let key = str::from_utf8(encoded)
                    .ok()
                    .and_then(|encoded| from_base64(encoded).ok())
                    .filter(|key| !key.is_empty())
                    .ok_or_else(|| {
                        Error::misuse(
                            "the webhook secret is no base64 with padding: load it as the \
                             provider shows it",
                        )
                    })?;
                if bytes.is_some_and(|bytes| bytes != key.len()) {
                    return Err(Error::misuse(
                        "the webhook secret is of another length than this provider's: load the \
                         one that it shows for this endpoint",
                    ));
                }
                let len = key.len();
                Ok((key, len))
            }
        }
    }

    const fn key_len(&self) -> Option<usize> {
        match self {
            Self::Base64 { bytes, .. } => *bytes,
            Self::Text { .. } => None,
        }
    }

    /// A secret of 256 random bits, or of as many as the form has.
    pub(crate) fn generate(&self, crypto: &Provider) -> Result<SecretBytes> {
        let mut random = SecretBytes::new(vec![0; self.key_len().unwrap_or(32)]);
        crypto.fill(random.expose_mut())?;
        let (prefix, text) = match self {
            Self::Text { prefix } => (prefix, base64url(random.expose())),
            Self::Base64 { prefix, .. } => (prefix, base64(random.expose())),
        };
        let text = SecretBytes::new(text.into_bytes());
        let mut secret = SecretBytes::copy_of(prefix.as_deref().unwrap_or_default().as_bytes());
        secret.push(text.expose());
        Ok(secret)
    }
}

fn another_kind(prefix: &str) -> Error {
    Error::misuse(format!(
        "the webhook secret does not begin with `{prefix}`, or ends there: this is another kind \
         of secret"
    ))
}
