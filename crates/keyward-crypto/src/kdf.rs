//! HMAC (RFC 2104), SHA-256 and HKDF-Expand (RFC 5869 section 2.3).
//!
//! HKDF-Expand is written out over HMAC: the RustCrypto form refuses a pseudorandom key shorter
//! than the hash, which the 32-byte input key of the C2SP construction is.

use ::hmac::{Hmac, KeyInit as _, Mac as _};
use keyward_base::wipe::{wipe, with_stack_wiped, with_stack_wiped_by};
use keyward_base::{SecretBytes, Suite};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

#[derive(Clone, Copy, Debug)]
pub(crate) enum HashPart {
    Ring,
    RustCrypto,
}

/// Bytes of stack overwritten after an HMAC by the RustCrypto crates on x86-64: at least twice what
/// was measured, as for [`keyward_base::wipe::BURN_LEN`], in every code path that can be forced
/// there. With SHA-1 1.8 KiB by the instructions for it and in software; with SHA-256 1.7 and 1.9;
/// with SHA-512 2.7 with AVX2 and 2.2 in software. ring chooses its code by the processor alone,
/// and other processors could not be measured: after those all of `BURN_LEN` is overwritten.
const BURN_SHA1: usize = 4 * 1024;
const BURN_SHA256: usize = 4 * 1024;
const BURN_SHA512: usize = 6 * 1024;

impl HashPart {
    pub(crate) fn sha256(self, parts: &[&[u8]]) -> [u8; 32] {
        match self {
            Self::RustCrypto => {
                let mut hash = Sha256::new();
                parts.iter().for_each(|part| hash.update(part));
                hash.finalize().into()
            }
            Self::Ring => {
                let mut hash = ring::digest::Context::new(&ring::digest::SHA256);
                parts.iter().for_each(|part| hash.update(part));
                let mut out = [0; 32];
                out.iter_mut()
                    .zip(hash.finish().as_ref())
                    .for_each(|(to, from)| *to = *from);
                out
            }
        }
    }
}

/// A keyed HMAC of one hash. The RustCrypto form keeps both pads as midstates and wipes them on
/// drop. ring's is not wiped on drop, so for ring the key itself is kept, in a box that is, and
/// the pads are made anew in each `with_stack_wiped`.
macro_rules! kept_hmac {
    ($name:ident, $ready:ident, $hash:ty, $len:literal, $ring:expr, $burn:expr) => {
        pub(crate) enum $name {
            Ring(SecretBytes),
            RustCrypto(Box<Hmac<$hash>>),
        }

        impl $name {
            /// Called inside `with_stack_wiped`. `None` if the key cannot be taken over; HMAC
            /// takes keys of any length.
            pub(crate) fn new(part: HashPart, key: &[u8]) -> Option<Self> {
                match part {
                    HashPart::Ring => Some(Self::Ring(SecretBytes::copy_of(key))),
                    HashPart::RustCrypto => {
                        Some(Self::RustCrypto(Box::new(Hmac::new_from_slice(key).ok()?)))
                    }
                }
            }

            /// Runs operations under this key, and nothing else, and overwrites as much of the stack
            /// as they can have touched.
            pub(crate) fn with_stack_wiped<T>(&self, operation: impl FnOnce() -> T) -> T {
                match self {
                    Self::RustCrypto(_) if cfg!(target_arch = "x86_64") => {
                        with_stack_wiped_by::<{ $burn }, T>(operation)
                    }
                    _ => with_stack_wiped(operation),
                }
            }

            /// Called inside `with_stack_wiped`, which the result must not leave.
            pub(crate) fn ready(&self) -> $ready<'_> {
                match self {
                    Self::Ring(key) => $ready::Ring(ring::hmac::Key::new($ring, key.expose())),
                    Self::RustCrypto(kept) => $ready::RustCrypto(kept),
                }
            }
        }

        /// With its pads made: for one operation.
        pub(crate) enum $ready<'a> {
            Ring(ring::hmac::Key),
            RustCrypto(&'a Hmac<$hash>),
        }

        impl $ready<'_> {
            pub(crate) fn sign(&self, parts: &[&[u8]], out: &mut [u8; $len]) {
                self.sign_fed(|to| parts.iter().for_each(|part| to(part)), out);
            }

            /// The tag of all that `feed` gives, in that order.
            pub(crate) fn sign_fed(
                &self,
                feed: impl FnOnce(&mut dyn FnMut(&[u8])),
                out: &mut [u8; $len],
            ) {
                match self {
                    Self::RustCrypto(kept) => {
                        let mut mac = Hmac::<$hash>::clone(*kept);
                        feed(&mut |part| mac.update(part));
                        let mut tag = mac.finalize().into_bytes();
                        out.copy_from_slice(&tag);
                        wipe(&mut tag);
                    }
                    Self::Ring(key) => {
                        let mut mac = ring::hmac::Context::with_key(key);
                        feed(&mut |part| mac.update(part));
                        let tag = mac.sign();
                        out.iter_mut()
                            .zip(tag.as_ref())
                            .for_each(|(to, from)| *to = *from);
                    }
                }
            }
        }
    };
}

kept_hmac!(
    Hmac1,
    Ready1,
    Sha1,
    20,
    ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
    BURN_SHA1
);
kept_hmac!(
    Hmac256,
    Ready256,
    Sha256,
    32,
    ring::hmac::HMAC_SHA256,
    BURN_SHA256
);
kept_hmac!(
    Hmac512,
    Ready512,
    Sha512,
    64,
    ring::hmac::HMAC_SHA512,
    BURN_SHA512
);

/// Bytes of output that [`Prk::expand`] gives: three blocks of SHA-256, one and a half of SHA-512.
pub(crate) const EXPANDED_LEN: usize = 96;

/// A pseudorandom key of HKDF, under the hash of its suite.
pub(crate) enum Prk {
    Sha256(Hmac256),
    Sha512(Hmac512),
}

impl Prk {
    /// Called inside `with_stack_wiped`. `None` if the key cannot be taken over.
    pub(crate) fn new(part: HashPart, suite: Suite, key: &[u8]) -> Option<Self> {
        match suite {
            Suite::Chunked1 => Hmac512::new(part, key).map(Self::Sha512),
            Suite::Chunked2 => Hmac256::new(part, key).map(Self::Sha256),
            _ => None,
        }
    }

    /// HKDF-Expand to 96 bytes, of which the caller takes a prefix: HKDF's output of a shorter
    /// length is a prefix of its longer one. `info` is the concatenation of four parts. Called
    /// inside `with_stack_wiped`.
    pub(crate) fn expand(&self, info: [&[u8]; 4], out: &mut [u8; EXPANDED_LEN]) {
        match self {
            Self::Sha256(prk) => {
                let prk = prk.ready();
                expand(|parts, block| prk.sign(parts, block), info, out);
            }
            Self::Sha512(prk) => {
                let prk = prk.ready();
                expand(|parts, block| prk.sign(parts, block), info, out);
            }
        }
    }
}

/// HKDF-Expand over an HMAC whose tags have `LEN` bytes.
fn expand<const LEN: usize>(
    sign: impl Fn(&[&[u8]], &mut [u8; LEN]),
    info: [&[u8]; 4],
    out: &mut [u8; EXPANDED_LEN],
) {
    let [a, b, c, d] = info;
    let (mut before, mut block) = ([0; LEN], [0; LEN]);
    for (number, to) in (1_u8..).zip(out.chunks_mut(LEN)) {
        let chained: &[u8] = if number == 1 { &[] } else { &before };
        sign(&[chained, a, b, c, d, &[number]], &mut block);
        to.iter_mut().zip(&block).for_each(|(to, from)| *to = *from);
        before.copy_from_slice(&block);
    }
    wipe(&mut before);
    wipe(&mut block);
}
