//! Runs an operation in a stack frame of its own and overwrites that stack afterwards.
//!
//! Wiping a variable does not wipe the copies that a cipher, a hash or the compiler left on the
//! stack. So the operation runs in a frame of its own, and the stack below the caller is
//! overwritten as soon as it returns. What cannot be reached this way (registers, the heap of
//! other libraries) is in the threat model.

use std::hint::black_box;

/// Bytes of stack that [`with_stack_wiped`] overwrites. Measured in release builds on x86-64, as the
/// deepest byte that changed in a stack painted beforehand, with the code paths of the libraries
/// forced one after the other: sealing goes to 5.3 KiB with ring on a processor with its
/// instructions and to 7.3 without, to 9.4 with AES-256-GCM by `aes-gcm` on one with AVX-512, which
/// handles many blocks at once; signing with Ed25519 to 5.0, Argon2id to 7.7 with vectors and 9.9
/// without. This is more than twice the deepest. The search of core dumps fails at 8 KiB, and a test
/// of `keyward-coredump` where an operation reaches half of what is overwritten after it.
pub const BURN_LEN: usize = 24 * 1024;

/// Runs `operation` in a frame of its own, then overwrites the stack it used.
///
/// The result passes through the caller's frame: return no secret by value, write it into a
/// [`SecretArray`](crate::SecretArray) or [`SecretBytes`](crate::SecretBytes) instead. Put a
/// batch of small operations into one call: the overwriting costs about 0.1 µs.
pub fn with_stack_wiped<T>(operation: impl FnOnce() -> T) -> T {
    let result = run(operation);
    overwrite();
    result
}

/// [`with_stack_wiped`] for an operation that was measured: `PIECES` times [`PIECE_LEN`] bytes are
/// overwritten, which is at least twice as deep as it was seen to go on any of its code paths.
pub fn with_stack_wiped_by<const PIECES: usize, T>(operation: impl FnOnce() -> T) -> T {
    let result = run(operation);
    overwrite_pieces(PIECES);
    result
}

#[inline(never)]
fn run<T>(operation: impl FnOnce() -> T) -> T {
    operation()
}

#[inline(never)]
fn overwrite() {
    let mut stack = [0_u8; BURN_LEN];
    // Opaque to the optimiser, so that the fill is not removed as dead.
    black_box(stack.as_mut_slice());
}

/// Bytes of a piece of [`with_stack_wiped_by`]; with its frame it overwrites 1,008. Beyond 2 KiB a
/// fill by the C library is one of the processor's string instructions, which takes long to begin:
/// 29 ns were measured for 2,048 bytes, 81 for 2,176, and 31 for 2,304 in two pieces. No byte of
/// the frame must be left over, which this length sees to and the same test looks at.
pub const PIECE_LEN: usize = 968;

#[inline(never)]
fn overwrite_pieces(pieces: usize) {
    let mut stack = [0_u8; PIECE_LEN];
    black_box(stack.as_mut_slice());
    if pieces > 1 {
        overwrite_pieces(pieces.saturating_sub(1));
        // Still in use: the next frame does not take the place of this one.
        black_box(stack.as_mut_slice());
    }
}

/// Overwrites `bytes` with zeros in one fill, which the optimiser cannot remove. Wiping byte by
/// byte, as a volatile loop does, was measured at 18 times that for 32 KiB.
pub fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    black_box(bytes);
}

/// [`wipe`] for all that `bytes` ever held: its spare capacity too. Leaves it empty.
pub fn wipe_vec(bytes: &mut Vec<u8>) {
    let whole = bytes.capacity();
    bytes.resize(whole, 0); // Up to its capacity nothing moves.
    wipe(bytes);
    bytes.clear();
}
