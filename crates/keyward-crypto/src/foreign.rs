//! Signatures that others make, by ring: those of passkeys.
//!
//! A key comes as a browser's `getPublicKey()` gives it (WebAuthn Level 3, section 5.2.1.1): DER of a
//! SubjectPublicKeyInfo (RFC 5280, section 4.1). Two algorithms are known, by their COSE names
//! (RFC 9053, RFC 8812), and each key has one form in bytes:
//!
//! - **ES256**: ECDSA on P-256 with SHA-256 (FIPS 186-5), the point uncompressed (RFC 5480). What
//!   phones, laptops and security keys make.
//! - **RS256**: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017), a modulus of 2,048 to 4,096 bits and the
//!   exponent 65,537 (RFC 3279). What a TPM makes under Windows Hello.

use std::fmt;

use keyward_base::reader::Reader;
use keyward_base::{Error, Reason, Result};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

use crate::ecdsa::P256Key;

/// The most bytes of a [`ForeignKey`]: RSA with 4,096 bits.
pub const MAX_SPKI_LEN: usize = 550;

/// rsaEncryption and the NULL that RFC 3279 asks for, as an AlgorithmIdentifier.
const RSA: [u8; 15] = [
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];

/// 65,537: what NIST SP 800-56B and every TPM have; a smaller one is where forgeries of others began.
const EXPONENT: [u8; 3] = [1, 0, 1];

/// Bytes of a modulus.
const MODULUS: std::ops::RangeInclusive<usize> = 256..=512;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;

/// How a [`ForeignKey`] signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256; a signature is the DER of two integers, 8 to 72 bytes.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256; a signature is as long as the modulus, 256 to 512 bytes.
    Rs256,
}

impl Algorithm {
    /// The number in the registry of COSE, as WebAuthn's `pubKeyCredParams` name it: -7 or -257.
    #[must_use]
    pub const fn cose(self) -> i32 {
        match self {
            Self::Es256 => -7,
            Self::Rs256 => -257,
        }
    }
}

/// A public key of somebody else: no secret. Two are equal if their bytes are, and a key has no
/// second form in bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct ForeignKey {
    spki: Box<[u8]>,
    of: Of,
}

#[derive(Clone, PartialEq, Eq)]
enum Of {
    Es256(P256Key),
    /// Where the RSAPublicKey of RFC 8017 begins, which is what ring takes.
    Rs256(usize),
}

impl ForeignKey {
    /// Reads a SubjectPublicKeyInfo of one of the two algorithms, at most [`MAX_SPKI_LEN`] bytes.
    /// Whether a point lies on its curve is seen when the key verifies: under one that does not,
    /// nothing does.
    ///
    /// # Errors
    /// `Rejected`: [`Reason::TOO_LONG`]; [`Reason::MALFORMED`] for any other algorithm, curve, form
    /// of a point, length of a modulus or exponent, for parameters that the algorithm has not, for
    /// DER that is written longer than it need be, and for bytes behind the end.
    pub fn from_spki(der: &[u8]) -> Result<Self> {
        if der.len() > MAX_SPKI_LEN {
            return Err(Error::rejected(Reason::TOO_LONG));
        }
        let of = match P256Key::from_der(der) {
            Ok(key) => Some(Of::Es256(key)),
            Err(_) => rsa(der).map(Of::Rs256),
        };
        Ok(Self {
            spki: der.into(),
            of: of.ok_or_else(|| Error::rejected(Reason::MALFORMED))?,
        })
    }

    /// The bytes it was read from.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// How it signs.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self.of {
            Of::Es256(_) => Algorithm::Es256,
            Of::Rs256(_) => Algorithm::Rs256,
        }
    }

    /// Checks a signature of `message`, as it is. An ECDSA signature has a second form, its `s`
    /// negated, which is taken: a signature is no name of anything.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::NOT_AUTHENTIC`]) unless it is this key's signature of that message.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<()> {
        match self.of {
            Of::Es256(key) => key.verify(message, signature),
            Of::Rs256(begin) => {
                let key = self.spki.get(begin..).unwrap_or_default();
                UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)
                    .verify(message, signature)
                    .map_err(|_| Error::rejected(Reason::NOT_AUTHENTIC))
            }
        }
    }
}

impl fmt::Debug for ForeignKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = keyward_base::encoding::hex(&self.spki);
        write!(f, "ForeignKey({:?}, {key})", self.algorithm())
    }
}

/// Where the RSAPublicKey begins.
fn rsa(der: &[u8]) -> Option<usize> {
    let rest = whole(der, SEQUENCE)?.strip_prefix(&RSA)?;
    let key = whole(rest, BIT_STRING)?.strip_prefix(&[0])?;
    let mut parts = Reader::new(whole(key, SEQUENCE)?);
    let (n, e) = (element(&mut parts, INTEGER)?, element(&mut parts, INTEGER)?);
    // A number whose first bit is set has a zero before it, and no other one has.
    let n = match n {
        [0, rest @ ..] if rest.first()? & 0x80 != 0 => rest,
        [first, ..] if (1..0x80).contains(first) => n,
        _ => return None,
    };
    let enough = MODULUS.contains(&n.len()) && (n.len() > 256 || *n.first()? >= 0x80);
    let odd = n.last()? & 1 == 1;
    let fits = enough && odd && e == EXPONENT && parts.is_empty();
    fits.then(|| der.len().saturating_sub(key.len()))
}

/// What is in an element of DER that is all of `der`.
fn whole(der: &[u8], tag: u8) -> Option<&[u8]> {
    let mut rest = Reader::new(der);
    let content = element(&mut rest, tag)?;
    rest.is_empty().then_some(content)
}

/// What is in the next element of DER, whose length is written as short as it can be (X.690,
/// section 10.1).
fn element<'a>(from: &mut Reader<'a>, tag: u8) -> Option<&'a [u8]> {
    if from.byte()? != tag {
        return None;
    }
    let len = match from.byte()? {
        short @ 0..=0x7f => usize::from(short),
        0x81 => usize::from(from.byte().filter(|len| *len >= 0x80)?),
        0x82 => from.len_u16().filter(|len| *len >= 0x100)?,
        _ => return None,
    };
    from.take(len)
}
