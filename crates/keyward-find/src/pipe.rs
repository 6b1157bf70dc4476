//! The pipe that a dump comes through.

use std::os::fd::AsFd;

/// Bytes that a pipe is asked to hold: the most that Linux gives to everybody.
#[cfg(target_os = "linux")]
const HELD: usize = 1 << 20;

/// Lets a pipe hold 1 MiB where the system can, in place of 64 KiB, so that who writes a dump and
/// who looks through it wait for each other less often. Anything but a pipe stays as it is.
pub fn widen(from: &impl AsFd) {
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(from, HELD);
    #[cfg(not(target_os = "linux"))]
    let _ = from;
}
