//! Making files and folders so that a kill at any moment leaves a whole one or none.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use keyward_base::Result;

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
use crate::link::rename_new;
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
use crate::rename::rename_new;
use crate::sys::{make_folder, private, quick, set_file_mode, set_mode};
use crate::{Subject, check_file, me, mode, owner};

/// Makes a folder of mode 0700, whatever the umask, and those above it that are missing, each on
/// disk before the one within it. One that exists stays as it is, but for one of ours that has no
/// permission at all: a kill under a umask left it so.
///
/// # Errors
/// Of the system.
pub fn create_folder(folder: &Path) -> io::Result<()> {
    match std::fs::metadata(folder) {
        Ok(told) if told.is_dir() => {
            return if mode(&told) & 0o777 == 0 && owner(&told) == me() {
                set_mode(folder, 0o700)
            } else {
                Ok(())
            };
        }
        Ok(_) => return Err(io::ErrorKind::NotADirectory.into()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    let above = folder.parent().filter(|f| !f.as_os_str().is_empty());
    let above = above.unwrap_or_else(|| Path::new("."));
    create_folder(above)?;
    match make_folder(folder) {
        // Another process was faster.
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
        made => made?,
    }
    sync_folder(above)
}

/// Makes a file of mode 0600, whatever the umask. One that exists is an error.
///
/// # Errors
/// Of the system.
pub fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    private(options.write(true).create_new(true));
    let file = options.open(path)?;
    set_file_mode(&file)?;
    Ok(file)
}

/// Opens the lock file at `path`, of mode 0600, and makes it if there is none. Nobody else can
/// open it, and so nobody else can hold its lock.
///
/// # Errors
/// `Misuse` for a file of another user or what is no file; `Unavailable` of the system.
pub fn lock_file(path: &Path, subject: &Subject) -> Result<File> {
    match create_new(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made.map_err(|e| subject.failed(path, e)),
    }
    let told = std::fs::symlink_metadata(path).map_err(|e| subject.failed(path, e))?;
    check_file(&told, path, subject, 0)?;
    if owner(&told) == me() {
        set_mode(path, 0o600).map_err(|e| subject.failed(path, e))?;
    }
    let file = quick(OpenOptions::new().write(true))
        .open(path)
        .map_err(|e| subject.failed(path, e))?;
    let told = file.metadata().map_err(|e| subject.failed(path, e))?;
    check_file(&told, path, subject, 0o077)?;
    Ok(file)
}

/// Gives the file `from` the name `to`, which must not exist, and puts that on disk.
///
/// # Errors
/// Of the system; `AlreadyExists` if `to` does, and then nothing is changed.
pub fn publish(from: &Path, to: &Path) -> io::Result<()> {
    rename_new(from, to)?;
    sync_folder(to.parent().unwrap_or_else(|| Path::new("/")))
}

/// A new name is durable when its folder is. Some file systems cannot sync a folder, and say so.
///
/// # Errors
/// Of the system.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        Err(e) if e.kind() == io::ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}
