//! Secrets of the shapes that providers give, each derived from a seed: the child and the test make
//! the same ones, and nobody hands them over.

use keyward_base::SecretBytes;
use keyward_base::wipe::{wipe, with_stack_wiped};
use keyward_crypto::Provider;

/// How many there are.
pub const COUNT: u32 = 1000;

/// The one below 8 bytes that is masked anyway.
pub const SHORT: u32 = COUNT;

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Of passwords: half of it is escaped by some program.
const SYMBOLS: &[u8] = b"ABCDEFGHJKMNPQRSTVWXYZabcdefghjk\"\"\\\\//<<>>&&''%%++$$!#(){}=:;@";

/// The secret of that number, and where its random runs are.
#[must_use]
pub fn secret(seed: &[u8], number: u32) -> (SecretBytes, Vec<(usize, usize)>) {
    let mut out = SecretBytes::new(Vec::with_capacity(512));
    let mut runs = Vec::new();
    with_stack_wiped(|| {
        let mut run = |out: &mut SecretBytes, before: &[u8], len: usize| {
            out.push(before);
            runs.push((out.len(), len));
            let alphabet = if number % 6 == 5 { SYMBOLS } else { ALPHABET };
            random(seed, number, (alphabet, len), out);
        };
        match number % 6 {
            _ if number == SHORT => run(&mut out, b"", 7),
            0 => run(&mut out, b"ghp_", 36),
            1 => run(&mut out, b"sk_live_", 24),
            2 => {
                run(&mut out, b"eyJhbGciOiJIUzI1NiJ9.", 60);
                run(&mut out, b".", 43);
            }
            3 => {
                run(&mut out, b"-----BEGIN PRIVATE KEY-----\n", 64);
                run(&mut out, b"\n", 64);
                run(&mut out, b"\n", 64);
                out.push(b"\n-----END PRIVATE KEY-----\n");
            }
            4 => run(&mut out, b"", 8 + number as usize % 8),
            _ => run(&mut out, b"", 20 + number as usize % 8),
        }
    });
    (out, runs)
}

fn random(seed: &[u8], number: u32, (alphabet, len): (&[u8], usize), out: &mut SecretBytes) {
    let begin = out.len().to_be_bytes();
    let mut block = 0_u32;
    let mut left = len;
    while left > 0 {
        let parts = [seed, &number.to_be_bytes(), &begin, &block.to_be_bytes()];
        let mut digest = Provider::default().sha256(&parts);
        for byte in digest.iter().take(left) {
            out.push(&[alphabet[usize::from(*byte) % alphabet.len()]]);
        }
        wipe(&mut digest);
        left = left.saturating_sub(digest.len());
        block += 1;
    }
}
