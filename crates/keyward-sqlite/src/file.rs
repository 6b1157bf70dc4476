//! The file on disk: who may read it, and that it is one of ours to open.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use keyward_base::{Error, Result};

use crate::builder::Missing;
use crate::private;

/// SQLite locks a file for the whole process, and the system drops those locks when the process
/// closes any descriptor of that file. So nobody here goes on to open a file while somebody else
/// still holds the descriptor that made it.
static CREATING: Mutex<()> = Mutex::new(());

/// Bytes of the smallest database.
const LEAST: u64 = 512;

/// Makes the file, if there is none, so that only its owner can read it; refuses one that others
/// can read. Gives back its absolute path, which SQLite cannot take for a URI.
pub(crate) fn prepare(path: &Path, missing: Missing) -> Result<PathBuf> {
    let path = std::path::absolute(path)
        .map_err(|e| Error::misuse("the store's path is empty").with_source(e))?;
    let _creating = CREATING.lock().unwrap_or_else(PoisonError::into_inner);
    let log = journals(&path)?;
    let there = told(&path)?.is_some();
    // SQLite would delete the log, and what is in it.
    if !there && (log > 0 || missing == Missing::Refused) {
        let said = format!(
            "the store's file {} is missing: put it back, or restore a backup",
            path.display()
        );
        return Err(match log {
            0 => Error::unavailable(said),
            _ => Error::corrupt(said),
        });
    }
    let made = match there {
        true => Err(io::ErrorKind::AlreadyExists.into()),
        false => create(&path),
    };
    match made {
        Ok(()) => Ok(path),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            inspect(&path, missing)?;
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

/// Refuses what is not a plain file of ours alone, and what was emptied.
fn inspect(path: &Path, missing: Missing) -> Result<()> {
    let told = told(path)?.ok_or_else(|| unreachable(path))?;
    let log = journals(path)?;
    // SQLite takes all of them for a new database.
    let emptied = told.len() == 0 && (log > 0 || missing == Missing::Refused);
    if (1..LEAST).contains(&told.len()) || emptied {
        return Err(Error::corrupt(format!(
            "the store's file {} was cut short: restore a backup",
            path.display()
        )));
    }
    Ok(())
}

/// Refuses journals that are not plain files of ours alone. Gives the length of the log.
pub(crate) fn journals(path: &Path) -> Result<u64> {
    for ending in ["-shm", "-journal"] {
        told(&beside(path, ending))?;
    }
    let log = told(&beside(path, "-wal"))?;
    Ok(log.map_or(0, |log| log.len()))
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
