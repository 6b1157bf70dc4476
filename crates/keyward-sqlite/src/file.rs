//! The file on disk: who may read it and may put another in its place, and that it is one of ours
//! to open.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use keyward_base::{Error, Result};
use keyward_files::{self as files, Subject};

const SUBJECT: Subject = Subject {
    what: "the store's file",
    elsewhere: "run this as the user whose it is, or give the store a path in a folder that only you may write",
};

/// What a store does if there is no file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It is made.
    Made,
    /// It is an error.
    Refused,
}

/// SQLite locks a file for the whole process, and the system drops those locks when the process
/// closes any descriptor of that file. So nobody here goes on to open a file while somebody else
/// still holds the descriptor that made it.
static CREATING: Mutex<()> = Mutex::new(());

/// Bytes of the smallest database.
const LEAST: u64 = 512;

/// Makes the file, if there is none, so that only its owner can read it; refuses one that others
/// can read, or can put another in the place of. Gives back its absolute path, without links,
/// which SQLite cannot take for a URI.
pub(crate) fn prepare(path: &Path, missing: Missing) -> Result<PathBuf> {
    let path = place(path)?;
    let folder = folder_of(&path);
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
    if !there {
        let failed = |e| {
            Error::unavailable(format!(
                "the store's file {} cannot be made: check its folder and who owns it",
                path.display()
            ))
            .with_source(e)
        };
        files::create_folder(folder).map_err(failed)?;
        files::check_folder(folder, &SUBJECT)?;
        match create(&path) {
            // Another process was faster.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map_err(failed).map(|()| path),
        }
    }
    files::check_folder(folder, &SUBJECT)?;
    inspect(&path, missing)?;
    Ok(path)
}

/// Where the file lies, or is to lie, without links on the way. The file itself may be none.
fn place(path: &Path) -> Result<PathBuf> {
    let whole = std::path::absolute(path)
        .map_err(|e| Error::misuse("the store's path is empty").with_source(e))?;
    let Some(name) = whole.file_name() else {
        return Err(not_a_file(&whole));
    };
    Ok(files::resolve(folder_of(&whole), &SUBJECT)?.join(name))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("/"))
}

fn create(path: &Path) -> io::Result<()> {
    files::create_new(path)?.sync_all()?;
    // The name lasts only when the folder that holds it is on disk.
    files::sync_folder(folder_of(path))
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
        return Err(not_a_file(path));
    }
    files::check_file(&told, path, &SUBJECT, 0o077)?;
    Ok(Some(told))
}

fn not_a_file(path: &Path) -> Error {
    Error::misuse(format!(
        "{} is not a file: give the store a path of its own",
        path.display()
    ))
}

fn unreachable(path: &Path) -> Error {
    Error::unavailable(format!(
        "the store's file {} cannot be reached: check its folder and who owns it",
        path.display()
    ))
}
