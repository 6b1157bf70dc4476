//! The file on disk: who may read it, and that it is one of ours to open.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use keyward_base::{Error, Result};

use crate::private;

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
    make_folder(folder)?;
    let file = private::file(path)?;
    file.sync_all()?;
    // The name lasts only when the folder that holds it is on disk.
    File::open(folder)?.sync_all()
}

/// Makes a folder and those above it that are missing, each on disk before the one within it.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().unwrap_or(Path::new("/"));
    make_folder(above)?;
    match private::folder(folder) {
        // Another process made it.
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => return Ok(()),
        made => made?,
    }
    File::open(above)?.sync_all()
}

/// Refuses what is not a plain file of ours alone, and what was emptied; its journals likewise.
fn inspect(path: &Path) -> Result<()> {
    let told = told(path)?.ok_or_else(|| unreachable(path))?;
    let log = beside(path, "-wal");
    for journal in [log.clone(), beside(path, "-shm"), beside(path, "-journal")] {
        self::told(&journal)?;
    }
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

pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// What the system tells of a file that is fit to be opened; none if there is no such file.
fn told(path: &Path) -> Result<Option<fs::Metadata>> {
    let told = match fs::symlink_metadata(path) {
        Ok(told) => told,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(unreachable(path).with_source(e)),
    };
    if told.is_symlink() {
        return Err(Error::misuse(format!(
            "{} is a symbolic link: give the store the path that it leads to",
            path.display()
        )));
    }
    if !told.is_file() {
        return Err(Error::misuse(format!(
            "{} is not a file: give the store a path of its own",
            path.display()
        )));
    }
    private::check(path, &told)?;
    Ok(Some(told))
}

fn unreachable(path: &Path) -> Error {
    Error::unavailable(format!(
        "the store's file {} cannot be reached: check its folder and who owns it",
        path.display()
    ))
}
