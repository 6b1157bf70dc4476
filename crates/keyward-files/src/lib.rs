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

mod make;
mod walk;

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

use keyward_base::{Error, Result};

pub use make::{create_folder, create_new, lock_file, publish, sync_folder};
pub use walk::{check_folder, resolve};

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

/// The effective user of this process.
#[must_use]
pub fn me() -> u32 {
    #[cfg(unix)]
    return rustix::process::geteuid().as_raw();
    #[cfg(not(unix))]
    return 0;
}

/// Whether `owner` is this user or the superuser.
#[must_use]
pub fn ours(owner: u32) -> bool {
    owner == 0 || owner == me()
}

/// The user id of the owner.
#[must_use]
#[cfg(unix)]
pub fn owner(meta: &Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::uid(meta)
}

/// The mode bits, sticky bit and all.
#[must_use]
#[cfg(unix)]
pub fn mode(meta: &Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::mode(meta) & 0o7777
}

#[cfg(unix)]
fn own_group(meta: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::gid(meta) == rustix::process::getegid().as_raw()
}

/// Opening follows no link in the last place and waits for nobody.
#[cfg(unix)]
fn quick(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
}

/// Where the system has no owners in this sense, everything is this user's.
#[must_use]
#[cfg(not(unix))]
pub fn owner(_: &Metadata) -> u32 {
    0
}

/// Where the system has no modes in this sense, nobody else has one.
#[must_use]
#[cfg(not(unix))]
pub fn mode(_: &Metadata) -> u32 {
    0o700
}

#[cfg(not(unix))]
fn own_group(_: &Metadata) -> bool {
    true
}

#[cfg(not(unix))]
fn quick(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}
