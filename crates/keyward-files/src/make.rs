//! Making files and folders so that a kill at any moment leaves a whole one or none.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use keyward_base::Result;

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
use crate::link::rename_new;
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
use crate::rename::rename_new;
use crate::sys::{make_folder, private, quick, set_file_mode, set_mode};
use crate::{Subject, check_file, me, mode, owner};

/// How often, and how long apart, a lock is tried before giving up: 5 seconds. It is held for a
/// write and two syncs.
const TRIES: u32 = 1000;
const PAUSE: Duration = Duration::from_millis(5);

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

/// Takes the lock of the lock file at `path`, as [`lock_file`] makes it; it is given back when the file
/// is dropped. Waits for at most 5 seconds, on the caller's own thread; `None` if another holds it for
/// longer.
///
/// # Errors
/// As [`lock_file`].
pub fn lock_patiently(path: &Path, subject: &Subject) -> Result<Option<File>> {
    let file = lock_file(path, subject)?;
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(TryLockError::Error(e)) => return Err(subject.failed(path, e)),
        }
    }
    Ok(None)
}

/// Puts `bytes` in the place of the file at `path`, or makes it, of mode 0600: they are written to
/// `draft`, in the same folder, and are on disk before they have their name, and their name before this
/// returns. Only who holds a lock calls it, so that what a writer that was killed left as `draft` is
/// nobody's: it is removed.
///
/// # Errors
/// Of the system: then the old bytes are there, or the new ones.
pub fn replace(path: &Path, draft: &Path, bytes: &[u8]) -> io::Result<()> {
    match std::fs::remove_file(draft) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = create_new(draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(draft, path)?;
    sync_folder(path.parent().unwrap_or_else(|| Path::new("/")))
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
