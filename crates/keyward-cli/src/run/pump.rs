//! One stream of a command's output: read as it comes, masked, written on.

use std::fs::File;
use std::io::{self, Read as _, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use keyward_base::SecretBytes;
use keyward_redact::Stream;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

/// Bytes that are read at once: what a pipe holds on Linux, pipe(7).
const PIECE: usize = 64 * 1024;

/// The most that is taken from a pipe whose time is over: what one holds at most, `pipe-max-size`
/// of pipe(7).
const LAST: usize = 1024 * 1024;

/// Writes `from` to `to` until it ends or, if `over` says so, until there is nothing more now.
///
/// # Errors
/// Those of both. The pipe is closed then, so that whoever writes to it is told.
pub(super) fn pump<W: Write>(
    mut from: File,
    mut to: Stream<W>,
    over: &Arc<OwnedFd>,
) -> io::Result<()> {
    let mut piece = SecretBytes::new(vec![0; PIECE]);
    let mut left = LAST;
    loop {
        let (readable, is_over) = wait(&from, over)?;
        if !readable && is_over {
            break;
        }
        let read = match from.read(piece.expose_mut()) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        let taken = piece.expose().get(..read).unwrap_or_default();
        if taken.is_empty() {
            break;
        }
        to.write_all(taken)?;
        to.flush()?;
        if is_over {
            left = left.saturating_sub(read);
            if left == 0 {
                break;
            }
        }
    }
    to.finish().map(drop)
}

/// Waits for something to read, or the end; says which.
fn wait(from: &File, over: &Arc<OwnedFd>) -> io::Result<(bool, bool)> {
    let mut both = [
        PollFd::new(from, PollFlags::IN),
        PollFd::new(over, PollFlags::IN),
    ];
    loop {
        match poll(&mut both, None) {
            Err(Errno::INTR) => {}
            polled => {
                polled?;
                let [from, over] = both.map(|fd| !fd.revents().is_empty());
                return Ok((from, over));
            }
        }
    }
}
