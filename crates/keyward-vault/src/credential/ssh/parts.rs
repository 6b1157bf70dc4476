//! The public key, and the private section that repeats it: what each type holds, in its order.

use keyward_base::Result;

use super::curve::Curve;
use super::wire::Reader;
use super::wrong;

/// The fewest bits of an RSA modulus that OpenSSH loads.
const LEAST_RSA_BITS: usize = 1024;

/// A public key, each number without zeros in front.
#[derive(PartialEq, Eq)]
pub(super) struct Public<'a> {
    key_type: &'a str,
    key: Key<'a>,
}

#[derive(PartialEq, Eq)]
enum Key<'a> {
    Dsa([&'a [u8]; 4]),
    Ecdsa(Curve, &'a [u8]),
    Ed25519(&'a [u8]),
    Rsa { n: &'a [u8], e: &'a [u8] },
    SkEcdsa(Curve, &'a [u8], &'a [u8]),
    SkEd25519(&'a [u8], &'a [u8]),
}

impl<'a> Public<'a> {
    pub(super) fn read(blob: &'a [u8]) -> Result<Self> {
        let mut from = Reader::of(blob);
        let key_type = from.text()?;
        let key = match key_type {
            "ssh-rsa" => {
                let e = from.number()?;
                let n = from.number()?;
                Key::Rsa { n, e }
            }
            _ => Key::read_common(key_type, &mut from)?,
        };
        if !from.rest().is_empty() {
            return Err(wrong("its public part is longer than its type"));
        }
        Ok(Self { key_type, key })
    }

    pub(super) const fn key_type(&self) -> &'a str {
        self.key_type
    }

    /// The private section of a key without a passphrase: two equal check numbers, type, the
    /// numbers, a comment, and padding 1, 2, 3 and so on. Says whether an Ed25519 secret ends in
    /// another public key, which OpenSSH lets pass.
    pub(super) fn check_private(&self, section: &[u8]) -> Result<bool> {
        let mut from = Reader::of(section);
        if from.u32()? != from.u32()? {
            return Err(wrong("its two check numbers differ"));
        }
        if from.text()? != self.key_type {
            return Err(wrong("its private part is of another type"));
        }
        let held = match self.key {
            Key::Rsa { .. } => {
                let n = from.number()?;
                let e = from.number()?;
                Key::Rsa { n, e }
            }
            _ => Key::read_common(self.key_type, &mut from)?,
        };
        let has_other_half = held.check_secret(&mut from)?;
        if held != self.key {
            return Err(wrong("its private part belongs to another public key"));
        }
        from.c_string()?;
        let counted = (1..=u8::MAX).chain([0]).cycle();
        if !from.rest().iter().zip(counted).all(|(byte, n)| *byte == n) {
            return Err(wrong("its padding is not right"));
        }
        Ok(has_other_half)
    }
}

impl<'a> Key<'a> {
    /// The public part as it stands alike in the public key and in the private section.
    fn read_common(key_type: &str, from: &mut Reader<'a>) -> Result<Self> {
        let key = match key_type {
            "ssh-dss" => Self::Dsa([
                from.number()?,
                from.number()?,
                from.number()?,
                from.number()?,
            ]),
            "ssh-ed25519" => Self::Ed25519(ed25519(from)?),
            "sk-ssh-ed25519@openssh.com" => Self::SkEd25519(ed25519(from)?, from.c_string()?),
            "sk-ecdsa-sha2-nistp256@openssh.com" => {
                let (curve, point) = Curve::point(Curve::P256, from)?;
                Self::SkEcdsa(curve, point, from.c_string()?)
            }
            _ => {
                let curve = key_type.strip_prefix("ecdsa-sha2-").and_then(Curve::named);
                let curve = curve.ok_or_else(|| wrong("its type is none of OpenSSH's"))?;
                let (curve, point) = Curve::point(curve, from)?;
                Self::Ecdsa(curve, point)
            }
        };
        Ok(key)
    }

    /// What is secret, as far as OpenSSH looks at it.
    fn check_secret(&self, from: &mut Reader<'_>) -> Result<bool> {
        match self {
            Self::Rsa { n, .. } => {
                if bits(n) < LEAST_RSA_BITS {
                    return Err(wrong("an RSA key of less than 1024 bits"));
                }
                // Its arithmetic is Montgomery's, which is for odd numbers.
                if n.last().is_none_or(|last| last.is_multiple_of(2)) {
                    return Err(wrong("its RSA modulus is even"));
                }
                from.number()?; // d
                from.number()?; // The inverse of q.
                // Both primes; less one each, they are divided by.
                if [from.number()?, from.number()?].contains(&&[1][..]) {
                    return Err(wrong("a prime of it is none"));
                }
            }
            Self::Dsa(_) => {
                from.number()?;
            }
            Self::Ecdsa(curve, _) => curve.check_exponent(from.number()?)?,
            Self::Ed25519(public) => {
                let secret = from.string()?;
                if secret.len() != 64 {
                    return Err(wrong("an Ed25519 secret has 64 bytes"));
                }
                return Ok(!secret.ends_with(public));
            }
            Self::SkEcdsa(..) | Self::SkEd25519(..) => {
                from.u8()?; // Flags.
                from.string()?; // The handle that the token knows the key by.
                from.string()?; // Reserved.
            }
        }
        Ok(false)
    }
}

fn ed25519<'a>(from: &mut Reader<'a>) -> Result<&'a [u8]> {
    let public = from.string()?;
    if public.len() != 32 {
        return Err(wrong("an Ed25519 public key has 32 bytes"));
    }
    Ok(public)
}

/// Bits of a number without zeros in front.
pub(super) fn bits(number: &[u8]) -> usize {
    let unused = number.first().map_or(0, |first| first.leading_zeros());
    let unused = usize::try_from(unused).unwrap_or_default();
    number.len().saturating_mul(8).saturating_sub(unused)
}
