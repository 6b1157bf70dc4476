//! The file on disk: who may read it, and that it is one of ours to open.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use keyward_base::{Error, Result};

/// SQLite locks a file for the whole process, and the system drops those locks when the process
/// closes any descriptor of that file. So nobody here goes on to open a file while somebody else
/// still holds the descriptor that made it.
static CREATING: Mutex<()> = Mutex::new(());

/// Bytes of the smallest database.
const LEAST: u64 = 512;

/// Makes the file, if there is none, so that only its owner can read it; refuses one that others
/// can read. Gives back its absolute path, which SQLite cannot take for a URI.
pub(crate) fn prepare(path: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(path)
        .map_err(|e| Error::misuse("the store's path is empty").with_source(e))?;
    let _creating = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    match create(&path) {
        Ok(()) => Ok(path),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            inspect(&path)?;
            Ok(path)
        }
        Err(e) => Err(Error::unavailable(format!(
            "the store's file {} cannot be made: check its folder and who owns it",
            path.display()
        ))
        .with_source(e)),
    }
}

fn create(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    if !folder.is_dir() {
        private_folder(folder)?;
    }
    let file = private_file(path)?;
    file.sync_all()?;
    // The name lasts only when the folder that holds it is on disk.
    File::open(folder)?.sync_all()
}

#[cfg(unix)]
fn private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

#[cfg(unix)]
fn private_file(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    // A umask can only have taken bits away: the owner's own, here put back.
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    Ok(file)
}

#[cfg(not(unix))]
fn private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(not(unix))]
fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// Refuses what is not a plain file, what others may read, and what was emptied.
fn inspect(path: &Path) -> Result<()> {
    let told = fs::metadata(path).map_err(|e| {
        Error::unavailable(format!(
            "the store's file {} cannot be reached: check its folder and who owns it",
            path.display()
        ))
        .with_source(e)
    })?;
    if !told.is_file() {
        return Err(Error::misuse(format!(
            "{} is not a file: give the store a path of its own",
            path.display()
        )));
    }
    private(path, &told)?;
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let log = fs::metadata(log).map_or(0, |log| log.len());
    // SQLite takes both for a new database.
    if (1..LEAST).contains(&told.len()) || (told.len() == 0 && log > 0) {
        return Err(Error::corrupt(format!(
            "the store's file {} was cut short: restore a backup",
            path.display()
        )));
    }
    Ok(())
}

#[cfg(unix)]
fn private(path: &Path, told: &fs::Metadata) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if told.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    Err(Error::misuse(format!(
        "others than its owner may use {0}: chmod 600 {0}",
        path.display()
    )))
}

#[cfg(not(unix))]
fn private(_: &Path, _: &fs::Metadata) -> Result<()> {
    Ok(())
}
