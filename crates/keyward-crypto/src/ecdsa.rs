//! ECDSA signatures of others over P-256 with SHA-256 (FIPS 186-5), verified by ring. Nothing of ours
//! signs with it: see [`crate::sign`].
//!
//! ```
//! use keyward_crypto::ecdsa::P256Key;
//!
//! # fn main() -> keyward_base::Result<()> {
//! // What GitHub publishes for its secret scanning, and the example of its documentation.
//! let key = P256Key::from_pem(
//!     "-----BEGIN PUBLIC KEY-----\n\
//!      MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYAGMWO8XgCamYKMJS6jc/qgvSlAd\n\
//!      AjPuDPRcXU22YxgBrz+zoN19MzuRyW87qEt9/AmtoNP5GrobzUvQSyJFVw==\n\
//!      -----END PUBLIC KEY-----\n",
//! )?;
//! let body = br#"[{"source":"commit","token":"some_token","type":"some_type","url":"https://example.com/base-repo-url/"}]"#;
//! let signature = "MEQCIQDaMKqrGnE27S0kgMrEK0eYBmyG0LeZismAEz/BgZyt7AIfXt9fErtRS4XaeSt/AO1RtBY66YcAdjxji410VQV4xg==";
//! key.verify_base64(body, signature)?;
//! assert!(key.verify_base64(&body[1..], signature).is_err());
//! # Ok(()) }
//! ```

use std::fmt;

use keyward_base::encoding::{from_base64, hex};
use keyward_base::{Error, Reason, Result};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};

/// Bytes of a point that is not compressed (SEC 1, section 2.3.3): 4, x, y.
pub const POINT_LEN: usize = 65;

/// The most bytes of a signature in DER: a sequence of two integers of at most 33 bytes.
pub const MAX_SIGNATURE_LEN: usize = 72;

/// The most bytes of a key in PEM that are looked at. It has 178.
const MAX_PEM_LEN: usize = 1024;

/// `SubjectPublicKeyInfo` in front of the point: `id-ecPublicKey` with `prime256v1` (RFC 5480, section
/// 2), in DER. A key has no other beginning.
const SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

/// A public key on P-256. No secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct P256Key([u8; POINT_LEN]);

impl P256Key {
    /// Reads `-----BEGIN PUBLIC KEY-----` (RFC 7468, section 13), as OpenSSL writes it; white space may
    /// stand around it and between its lines.
    ///
    /// # Errors
    /// `Misuse` for anything else, a key of another curve or algorithm included.
    pub fn from_pem(text: &str) -> Result<Self> {
        let inner = (text.len() <= MAX_PEM_LEN)
            .then(|| text.trim().strip_prefix(BEGIN)?.strip_suffix(END))
            .flatten()
            .ok_or_else(wrong)?;
        let encoded: String = inner.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let der = from_base64(&encoded).map_err(|_| wrong())?;
        Self::from_der(der.expose())
    }

    /// Reads a `SubjectPublicKeyInfo` in DER (RFC 5480, section 2) of a point that is not compressed:
    /// 91 bytes. Whether the point is on the curve is seen when it verifies.
    ///
    /// # Errors
    /// `Misuse` for anything else.
    pub fn from_der(der: &[u8]) -> Result<Self> {
        let point = der.strip_prefix(&SPKI).ok_or_else(wrong)?;
        let point: [u8; POINT_LEN] = point.try_into().map_err(|_| wrong())?;
        match point.first() {
            Some(4) => Ok(Self(point)),
            _ => Err(wrong()),
        }
    }

    /// Checks a signature of `message`, in DER.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::NOT_AUTHENTIC`]) unless it is this key's signature of that message.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<()> {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.0)
            .verify(message, signature)
            .map_err(|_| Error::rejected(Reason::NOT_AUTHENTIC))
    }

    /// The same of a signature in base64 with padding.
    ///
    /// # Errors
    /// As [`P256Key::verify`]; and `Rejected` ([`Reason::MALFORMED`]) for what is not base64, or of more
    /// bytes than a signature has.
    pub fn verify_base64(&self, message: &[u8], signature: &str) -> Result<()> {
        let malformed = || Error::rejected(Reason::MALFORMED);
        if signature.len() > MAX_SIGNATURE_LEN.div_ceil(3).saturating_mul(4) {
            return Err(malformed());
        }
        let signature = from_base64(signature).map_err(|_| malformed())?;
        self.verify(message, signature.expose())
    }
}

fn wrong() -> Error {
    Error::misuse(
        "this is no public key of P-256: it is written as -----BEGIN PUBLIC KEY-----, and its point \
         is not compressed",
    )
}

impl fmt::Debug for P256Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "P256Key({})", hex(&self.0))
    }
}
