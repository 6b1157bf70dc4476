//! A new name in one call.

use std::io;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::link;

/// Gives the file `from` the name `to`, which must not exist.
pub(crate) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Some network file systems cannot.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => link::rename_new(from, to),
        done => Ok(done?),
    }
}
