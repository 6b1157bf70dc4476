//! bcrypt (Provos and Mazières, 1999), over the `blowfish` crate's key schedule.
//!
//! It reads 72 bytes of a key, over and over: a shorter password is followed by a NUL, and what is
//! beyond 72 bytes has no effect. Whether a longer one is refused or cut is for the caller to say.

use std::hint::black_box;

use blowfish::Blowfish;
use keyward_base::wipe::{with_stack_wiped, with_stack_wiped_by};
use keyward_base::{Error, Result, SecretBytes};

/// Bytes of a password that have an effect.
pub const KEY_LEN: usize = 72;

/// Bytes of a hash: the cipher gives 24, and every implementation leaves the last one out.
pub const HASH_LEN: usize = 23;

/// How the password becomes the key. The letters are those of the stored strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Flavour {
    /// `$2a$`, `$2b$`, `$2y$`: the bytes and a NUL.
    Plain,
    /// `$2$`: the bytes, without a NUL.
    NoNul,
    /// `$2x$`: what crypt_blowfish made before version 1.1 (CVE-2011-2483). It took each byte as a
    /// signed number, so that one of 0x80 or more overwrote those before it in its word.
    SignBug,
    /// `$2a$` as crypt_blowfish has it since version 1.1: a password that the bug could make equal to
    /// another one hashes to something else than in any other implementation.
    Openwall,
}

/// Pieces of stack that are wiped after a hash. Moved from one frame to the next, the cipher's state of
/// 4 KiB goes 20.4 KiB deep, measured in a release build on x86-64: more than what is wiped otherwise.
const PIECES: usize = 42;

/// "OrpheanBeholderScryDoubt"
const TEXT: [u32; 6] = [
    0x4f72_7068,
    0x6561_6e42,
    0x6568_6f6c,
    0x6465_7253,
    0x6372_7944,
    0x6f75_6274,
];

/// Whether [`Flavour::Openwall`] hashes this password otherwise than [`Flavour::Plain`].
#[must_use]
pub fn is_openwall_apart(password: &[u8]) -> bool {
    with_stack_wiped(|| {
        let words = Words::of(password);
        words.has_sign && words.plain == words.bug
    })
}

/// Writes the hash of `password` into `out`. The work is 2^`cost` key schedules.
///
/// # Errors
/// `Misuse` for a cost outside of 4 to 31.
pub fn bcrypt(
    flavour: Flavour,
    cost: u32,
    salt: &[u8; 16],
    password: &[u8],
    out: &mut [u8; HASH_LEN],
) -> Result<()> {
    if !(4..=31).contains(&cost) {
        return Err(Error::misuse("a bcrypt cost is 4 to 31"));
    }
    let mut key = SecretBytes::new(vec![0; KEY_LEN]);
    with_stack_wiped_by::<PIECES, _>(|| {
        fill(flavour, password, key.expose_mut());
        let mut state = Blowfish::bc_init_state();
        if flavour == Flavour::Openwall {
            // Bit 16 of the first word, in the first schedule alone.
            let apart = is_openwall_apart(password);
            let flip = |key: &mut SecretBytes| {
                if let Some(byte) = key.expose_mut().get_mut(1) {
                    *byte ^= u8::from(apart);
                }
            };
            flip(&mut key);
            state.salted_expand_key(salt, key.expose());
            flip(&mut key);
        } else {
            state.salted_expand_key(salt, key.expose());
        }
        for _ in 0..1_u64 << cost {
            state.bc_expand_key(key.expose());
            state.bc_expand_key(salt);
        }
        let mut words = TEXT;
        let (pairs, _) = words.as_chunks_mut::<2>();
        for pair in pairs {
            for _ in 0..64 {
                *pair = state.bc_encrypt(*pair);
            }
        }
        let bytes = words.iter().flat_map(|word| word.to_be_bytes());
        out.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        black_box(&mut words).fill(0);
    });
    Ok(())
}

fn fill(flavour: Flavour, password: &[u8], key: &mut [u8]) {
    match flavour {
        Flavour::SignBug => {
            let words = Words::of(password);
            let bytes = words.bug.iter().flat_map(|word| word.to_be_bytes());
            key.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        }
        Flavour::NoNul if !password.is_empty() => {
            let bytes = password.iter().cycle();
            key.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        }
        _ => {
            let bytes = password.iter().chain(&[0]).cycle();
            key.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        }
    }
}

/// The 18 words of the key, as they should be and as the bug makes them.
struct Words {
    plain: [u32; 18],
    bug: [u32; 18],
    /// Whether a byte of 0x80 or more stands where it overwrites others: not first in its word.
    has_sign: bool,
}

impl Words {
    fn of(password: &[u8]) -> Self {
        let mut words = Self {
            plain: [0; 18],
            bug: [0; 18],
            has_sign: false,
        };
        let mut bytes = password.iter().chain(&[0]).cycle();
        for (plain, bug) in words.plain.iter_mut().zip(&mut words.bug) {
            for at in 0..4 {
                let byte = bytes.next().copied().unwrap_or_default();
                *plain = (*plain << 8) | u32::from(byte);
                *bug = (*bug << 8) | i32::from(byte.cast_signed()).cast_unsigned();
                words.has_sign |= at > 0 && *bug & 0x80 != 0;
            }
        }
        words
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        self.plain.fill(0);
        self.bug.fill(0);
        black_box((&mut self.plain, &mut self.bug));
    }
}
