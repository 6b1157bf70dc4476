//! HMAC (RFC 2104), SHA-256 and HKDF-Expand (RFC 5869 section 2.3).
//!
//! HKDF-Expand is written out over HMAC: the RustCrypto form refuses a pseudorandom key shorter
//! than the hash, which the 32-byte input key of the C2SP construction is.

use ::hmac::KeyInit as _;
use ::hmac::block_api::HmacCore;
use ::hmac::digest::block_api::{Buffer, FixedOutputCore as _, UpdateCore as _};
use keyward_base::wipe::{wipe, with_stack_wiped, with_stack_wiped_by};
use keyward_base::{SecretBytes, Suite};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

#[derive(Clone, Copy, Debug)]
pub(crate) enum HashPart {
    Ring,
    RustCrypto,
}

/// Pieces of stack overwritten after an HMAC ([`with_stack_wiped_by`]): at least twice what was
/// measured in release builds on x86-64, in every code path that can be forced there. By RustCrypto
/// 0.8 KiB with SHA-1, 0.9 with SHA-256 and 1.8 with SHA-512; by ring 2.4. A test of
/// `keyward-coredump` measures them anew.
const BURN_SHA1: usize = 2;
const BURN_SHA256: usize = 2;
const BURN_SHA512: usize = 4;
const BURN_RING: usize = 5;

/// The same for an expansion by [`Prk`] and what is compared or copied after it: 2.6 KiB.
const BURN_EXPAND: usize = 6;

/// Whether [`BURN_SHA1`] and its like hold: other processors and systems could not be measured, and
/// at another level of optimisation the frames are others. At `opt-level = "z"` up to 40 bytes
/// between the pieces were left over, and HMAC-SHA-512 went to 2.8 KiB. There all of `BURN_LEN` is
/// overwritten. The build script knows the level.
const MEASURED: bool = cfg!(all(keyward_measured, not(debug_assertions)));

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
    ($name:ident, $hash:ty, $len:literal, $ring:expr, $burn:expr) => {
        pub(crate) enum $name {
            Ring(SecretBytes),
            RustCrypto(Box<HmacCore<$hash>>),
        }

        impl $name {
            /// Called inside `with_stack_wiped`. `None` if the key cannot be taken over; HMAC
            /// takes keys of any length.
            pub(crate) fn new(part: HashPart, key: &[u8]) -> Option<Self> {
                match part {
                    HashPart::Ring => Some(Self::Ring(SecretBytes::copy_of(key))),
                    HashPart::RustCrypto => Some(Self::RustCrypto(Box::new(
                        HmacCore::new_from_slice(key).ok()?,
                    ))),
                }
            }

            /// Runs an operation that signs once, and overwrites as much of the stack as it can
            /// have touched.
            pub(crate) fn with_stack_wiped<T>(&self, operation: impl FnOnce() -> T) -> T {
                match self {
                    Self::RustCrypto(_) if MEASURED => {
                        with_stack_wiped_by::<{ $burn }, T>(operation)
                    }
                    Self::Ring(_) if MEASURED => with_stack_wiped_by::<BURN_RING, T>(operation),
                    _ => with_stack_wiped(operation),
                }
            }

            /// The tag of the parts, one after the other. Called inside `with_stack_wiped`.
            pub(crate) fn sign(&self, parts: &[&[u8]], out: &mut [u8; $len]) {
                self.sign_fed(|to| parts.iter().for_each(|part| to(part)), out);
            }

            /// The tag of all that `feed` gives, in that order. Called inside `with_stack_wiped`.
            pub(crate) fn sign_fed(&self, feed: impl FnOnce(&mut Piece<'_>), out: &mut [u8; $len]) {
                match self {
                    Self::Ring(key) => Self::by_key_of_ring(key, feed, out),
                    Self::RustCrypto(kept) => Self::by_rustcrypto(kept, feed, out),
                }
            }

            // Each in a frame of its own, which does not hold what the others need: the less deep
            // the stack, the less of it is overwritten.

            #[inline(never)]
            fn by_rustcrypto(
                kept: &HmacCore<$hash>,
                feed: impl FnOnce(&mut Piece<'_>),
                out: &mut [u8; $len],
            ) {
                // `Hmac` is these two in one, and would be moved once more at the end.
                let mut core = HmacCore::<$hash>::clone(kept);
                let mut buffer = Buffer::<HmacCore<$hash>>::default();
                feed(&mut |part| buffer.digest_blocks(part, |blocks| core.update_blocks(blocks)));
                core.finalize_fixed_core(&mut buffer, out.into());
            }

            #[inline(never)]
            fn by_key_of_ring(
                key: &SecretBytes,
                feed: impl FnOnce(&mut Piece<'_>),
                out: &mut [u8; $len],
            ) {
                Self::by_ring(&ring::hmac::Key::new($ring, key.expose()), feed, out);
            }

            #[inline(never)]
            fn by_ring(
                key: &ring::hmac::Key,
                feed: impl FnOnce(&mut Piece<'_>),
                out: &mut [u8; $len],
            ) {
                let mut mac = ring::hmac::Context::with_key(key);
                feed(&mut |part| mac.update(part));
                let tag = mac.sign();
                out.iter_mut()
                    .zip(tag.as_ref())
                    .for_each(|(to, from)| *to = *from);
            }
        }
    };
}

/// Takes the next bytes of a message.
pub(crate) type Piece<'a> = dyn FnMut(&[u8]) + 'a;

kept_hmac!(
    Hmac1,
    Sha1,
    20,
    ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
    BURN_SHA1
);
kept_hmac!(Hmac256, Sha256, 32, ring::hmac::HMAC_SHA256, BURN_SHA256);
kept_hmac!(Hmac512, Sha512, 64, ring::hmac::HMAC_SHA512, BURN_SHA512);

/// HKDF-Expand by one of them.
macro_rules! expands {
    ($name:ident, $ring:expr) => {
        impl $name {
            /// HKDF-Expand, see [`Prk::expand`].
            fn expand(&self, info: [&[u8]; 4], out: &mut [u8; EXPANDED_LEN]) {
                match self {
                    Self::Ring(key) => Self::expand_by_ring(key, info, out),
                    Self::RustCrypto(kept) => expand(
                        |parts, block| {
                            let feed = |to: &mut Piece<'_>| parts.iter().for_each(|part| to(part));
                            Self::by_rustcrypto(kept, feed, block);
                        },
                        info,
                        out,
                    ),
                }
            }

            #[inline(never)]
            fn expand_by_ring(key: &SecretBytes, info: [&[u8]; 4], out: &mut [u8; EXPANDED_LEN]) {
                let key = ring::hmac::Key::new($ring, key.expose());
                expand(
                    |parts, block| {
                        let feed = |to: &mut Piece<'_>| parts.iter().for_each(|part| to(part));
                        Self::by_ring(&key, feed, block);
                    },
                    info,
                    out,
                );
            }
        }
    };
}

expands!(Hmac256, ring::hmac::HMAC_SHA256);
expands!(Hmac512, ring::hmac::HMAC_SHA512);

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

    /// Runs operations that only expand, and overwrites as much of the stack as they can have
    /// touched.
    pub(crate) fn with_stack_wiped<T>(&self, operation: impl FnOnce() -> T) -> T {
        if MEASURED {
            return with_stack_wiped_by::<BURN_EXPAND, T>(operation);
        }
        with_stack_wiped(operation)
    }

    /// HKDF-Expand to 96 bytes, of which the caller takes a prefix: HKDF's output of a shorter
    /// length is a prefix of its longer one. `info` is the concatenation of four parts. Called
    /// inside `with_stack_wiped`.
    pub(crate) fn expand(&self, info: [&[u8]; 4], out: &mut [u8; EXPANDED_LEN]) {
        match self {
            Self::Sha256(prk) => prk.expand(info, out),
            Self::Sha512(prk) => prk.expand(info, out),
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
