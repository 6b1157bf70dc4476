//! Files and folders that only their owner may change: what root, anchor, stores and home rest on.
//!
//! A path is walked from the top. Whoever may write one of its folders can put another file in the
//! place of ours, and whoever owns a link in it chooses where it leads; both have to be this user
//! or the superuser. A folder with the sticky bit, such as `/tmp`, may be written by all, since
//! nobody can move there what is another's. A folder above the last one may be written by this
//! process's own group, which on most systems is of one user alone.
//!
//! ```
//! use keyward_files::{Subject, check_folder, open_own, resolve};
//!
//! # fn main() -> keyward_base::Result<()> {
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("state/anchor");
//! let subject = Subject {
//!     what: "the anchor",
//!     elsewhere: "set KEYWARD_ANCHOR to a file in a folder that only you may write",
//! };
//! let path = resolve(&path, &subject)?;
//! assert!(open_own(&path, &subject, 0o022)?.is_none());
//! # check_folder(folder.path(), &subject)?;
//! # Ok(()) }
//! ```

#[cfg(not(unix))]
mod elsewhere;
mod link;
mod make;
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
mod rename;
#[cfg(unix)]
mod unix;
mod walk;

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

use keyward_base::{Error, Result};

#[cfg(not(unix))]
use elsewhere as sys;
#[cfg(unix)]
use unix as sys;

pub use make::{
    create_folder, create_new, lock_file, lock_patiently, publish, replace, sync_folder,
};
pub use sys::{me, mode, owner};
pub use walk::{check_folder, resolve};

use sys::quick;

/// What is looked at, for messages.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::exhaustive_structs)] // Words of the caller.
pub struct Subject {
    /// What it is, such as `the anchor`.
    pub what: &'static str,
    /// How to have it elsewhere, such as `set KEYWARD_ANCHOR to a file in a folder that only you may write`.
    pub elsewhere: &'static str,
}

impl Subject {
    fn failed(&self, path: &Path, e: io::Error) -> Error {
        let (what, shown) = (self.what, path.display());
        let why = match e.kind() {
            io::ErrorKind::PermissionDenied => "this user may not",
            io::ErrorKind::StorageFull => "the disk is full",
            io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only",
            _ => "the system refused",
        };
        Error::unavailable(format!(
            "{what} {shown} cannot be used ({why}): check who owns it and its folders, or {}",
            self.elsewhere
        ))
        .with_source(e)
    }
}

/// Opens a regular file of this user or the superuser for reading; `None` if there is none.
/// `forbidden` are the mode bits that nobody may have. Opening never waits, and `path` comes from
/// [`resolve`].
///
/// # Errors
/// `Misuse` for anything but such a file, with what mends it; `Unavailable` if it cannot be opened.
pub fn open_own(path: &Path, subject: &Subject, forbidden: u32) -> Result<Option<File>> {
    let file = match quick(OpenOptions::new().read(true)).open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(subject.failed(path, e)),
    };
    let meta = file.metadata().map_err(|e| subject.failed(path, e))?;
    check_file(&meta, path, subject, forbidden)?;
    Ok(Some(file))
}

/// Refuses what is not a regular file of this user or the superuser, or has a forbidden mode bit.
///
/// # Errors
/// `Misuse`, with what mends it.
pub fn check_file(meta: &Metadata, path: &Path, subject: &Subject, forbidden: u32) -> Result<()> {
    let (what, shown) = (subject.what, path.display());
    if !meta.is_file() {
        return Err(Error::misuse(format!(
            "{what} {shown} is not a regular file: {}",
            subject.elsewhere
        )));
    }
    let (owner, mode) = (owner(meta), mode(meta));
    if !ours(owner) {
        return Err(Error::misuse(format!(
            "{what} {shown} belongs to another user (uid {owner}; this is {}): {}",
            me(),
            subject.elsewhere
        )));
    }
    if mode & forbidden != 0 {
        return Err(Error::misuse(format!(
            "others may use {what} {shown} (mode {:o}): chmod 600 {shown}",
            mode & 0o777
        )));
    }
    Ok(())
}

/// Whether `owner` is this user or the superuser.
#[must_use]
pub fn ours(owner: u32) -> bool {
    owner == 0 || owner == me()
}
