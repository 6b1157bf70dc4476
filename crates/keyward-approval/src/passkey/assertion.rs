//! An assertion, as a browser gives it and as it is kept beside the vote that it is.

use std::fmt;

use keyward_base::encoding::{base64url, from_base64url};
use keyward_base::reader::Reader;
use keyward_base::{Error, Reason, Result};
use keyward_crypto::foreign::ForeignKey;
use serde::Deserialize;

use super::authenticator_data::{self, AuthenticatorData};
use super::client_data;

/// Bytes of the id of a passkey (WebAuthn Level 3, section 4, "Credential ID").
pub const ID_LEN: std::ops::RangeInclusive<usize> = 16..=1_023;

/// The most bytes of a signature: RSA with 4,096 bits.
pub const MAX_SIGNATURE_LEN: usize = 512;

/// The most bytes of [`Assertion::to_bytes`].
pub const MAX_LEN: usize =
    1 + 2 + 1_023 + 2 + client_data::MAX_LEN + authenticator_data::LEN + 2 + MAX_SIGNATURE_LEN;

/// The most bytes of what [`Assertion::from_json`] reads: each part by a third longer, and names.
const MAX_JSON_LEN: usize = 8_192;

/// The first byte of the form in bytes.
const VERSION: u8 = 1;

/// A passkey: what an authenticator calls it, and what verifies it. No secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Passkey {
    id: Box<[u8]>,
    key: ForeignKey,
}

impl Passkey {
    /// Of the bytes of `rawId` and of what `getPublicKey()` gives: DER of a
    /// SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::MALFORMED`]) for an id of another length than [`ID_LEN`], and as
    /// [`ForeignKey::from_spki`].
    pub fn new(id: &[u8], spki: &[u8]) -> Result<Self> {
        Ok(Self {
            id: checked(id, ID_LEN)?,
            key: ForeignKey::from_spki(spki)?,
        })
    }

    /// What its authenticator calls it: 16 to 1,023 bytes.
    #[must_use]
    pub const fn id(&self) -> &[u8] {
        &self.id
    }

    /// What verifies its signatures.
    #[must_use]
    pub const fn key(&self) -> &ForeignKey {
        &self.key
    }
}

impl fmt::Debug for Passkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithm = self.key.algorithm();
        write!(f, "Passkey({}, {algorithm:?})", base64url(&self.id))
    }
}

/// What an authenticator signed, and its signature: public, and proves itself. It is kept with the
/// vote, so that anybody can check it at any time.
#[derive(Clone, PartialEq, Eq)]
pub struct Assertion {
    credential: Box<[u8]>,
    client_data: Box<[u8]>,
    authenticator_data: Box<[u8]>,
    signature: Box<[u8]>,
}

/// `PublicKeyCredential.toJSON()` (WebAuthn Level 3, section 5.1), of which the rest is let be: what
/// is not signed says nothing.
#[derive(Deserialize)]
struct Credential<'a> {
    #[serde(rename = "rawId")]
    raw_id: &'a str,
    #[serde(borrow)]
    response: Response<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    #[serde(rename = "clientDataJSON")]
    client_data: &'a str,
    authenticator_data: &'a str,
    signature: &'a str,
}

impl Assertion {
    /// Of the bytes of `rawId` and of the members of `response`: `clientDataJSON`,
    /// `authenticatorData` and `signature`. Whether they say what they should is [`Party::check`]'s
    /// to see.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::MALFORMED`]) for a part that is longer or shorter than any can be.
    ///
    /// [`Party::check`]: super::Party::check
    pub fn new(
        credential: &[u8],
        client_data: &[u8],
        authenticator_data: &[u8],
        signature: &[u8],
    ) -> Result<Self> {
        let only = authenticator_data::LEN..=authenticator_data::LEN;
        Ok(Self {
            credential: checked(credential, ID_LEN)?,
            client_data: checked(client_data, 1..=client_data::MAX_LEN)?,
            authenticator_data: checked(authenticator_data, only)?,
            signature: checked(signature, 1..=MAX_SIGNATURE_LEN)?,
        })
    }

    /// Reads what `JSON.stringify` makes of the credential that `navigator.credentials.get` gave, at
    /// most 8,192 bytes.
    ///
    /// # Errors
    /// `Rejected`: [`Reason::TOO_LONG`]; [`Reason::MALFORMED`] for anything else.
    pub fn from_json(json: &[u8]) -> Result<Self> {
        if json.len() > MAX_JSON_LEN {
            return Err(Error::rejected(Reason::TOO_LONG));
        }
        let read: Credential<'_> =
            serde_json::from_slice(json).map_err(|_| Error::rejected(Reason::MALFORMED))?;
        let said = &read.response;
        Self::new(
            &from_base64url(read.raw_id)?,
            &from_base64url(said.client_data)?,
            &from_base64url(said.authenticator_data)?,
            &from_base64url(said.signature)?,
        )
    }

    /// The form in bytes, in which a record keeps it: at most [`MAX_LEN`] bytes, as
    /// `docs/formats/passkey-vote.md` says.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        for part in [&self.credential, &self.client_data, &self.signature] {
            let len = u16::try_from(part.len()).unwrap_or(u16::MAX);
            out.extend_from_slice(&len.to_be_bytes());
            out.extend_from_slice(part);
        }
        out.extend_from_slice(&self.authenticator_data);
        out
    }

    /// Reads what [`Assertion::to_bytes`] wrote, and nothing else.
    ///
    /// # Errors
    /// `Corrupt` for anything else; `Unavailable` for an assertion of a newer release.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        if bytes.first().is_some_and(|version| *version > VERSION) {
            return Err(Error::unavailable(
                "an assertion was kept by a newer release: upgrade keyward",
            ));
        }
        let read = (|| {
            let [VERSION, parts @ ..] = bytes else {
                return None;
            };
            let mut rest = Reader::new(parts);
            let mut part = || {
                let len = rest.len_u16()?;
                rest.take(len)
            };
            let (credential, client_data, signature) = (part()?, part()?, part()?);
            Self::new(credential, client_data, rest.rest(), signature).ok()
        })();
        read.ok_or_else(|| Error::corrupt("the assertion of a vote is damaged"))
    }

    /// The id of the passkey.
    #[must_use]
    pub const fn credential(&self) -> &[u8] {
        &self.credential
    }

    /// `clientDataJSON`, as the browser wrote it.
    #[must_use]
    pub const fn client_data(&self) -> &[u8] {
        &self.client_data
    }

    /// `authenticatorData`: 37 bytes.
    #[must_use]
    pub const fn authenticator_data(&self) -> &[u8] {
        &self.authenticator_data
    }

    /// The signature over `authenticatorData` and the SHA-256 of `clientDataJSON`.
    #[must_use]
    pub const fn signature(&self) -> &[u8] {
        &self.signature
    }
}

impl fmt::Debug for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Assertion(of {})", base64url(&self.credential))
    }
}

fn checked(part: &[u8], lengths: std::ops::RangeInclusive<usize>) -> Result<Box<[u8]>> {
    if lengths.contains(&part.len()) {
        Ok(part.into())
    } else {
        Err(Error::rejected(Reason::MALFORMED))
    }
}

/// What is known of an assertion that was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "an assertion counts only once it was checked"]
pub struct Checked {
    counter: u32,
    is_synced: bool,
}

impl Checked {
    pub(crate) const fn new(said: &AuthenticatorData) -> Self {
        Self {
            counter: said.counter(),
            is_synced: said.is_synced(),
        }
    }

    /// How often the passkey has signed; 0 of one that does not count.
    #[must_use]
    pub const fn counter(&self) -> u32 {
        self.counter
    }

    /// Whether the passkey can be copied to other devices of its owner.
    #[must_use]
    pub const fn is_synced(&self) -> bool {
        self.is_synced
    }

    /// Whether the counter stands where a copy of the authenticator would have it, `before` being
    /// the greatest that was seen. It decides nothing: synced passkeys do not count, some
    /// authenticators count per site and some not at all, and requests overtake each other
    /// (WebAuthn Level 3, section 6.1.1). It is for a note in the record.
    #[must_use]
    pub const fn is_anomaly(&self, before: u32) -> bool {
        (self.counter != 0 || before != 0) && self.counter <= before
    }
}
