//! The way to a file, folder by folder.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::Metadata;
use std::io;
use std::path::{Component, Path, PathBuf};

use keyward_base::{Error, Result};

use crate::sys::own_group;
use crate::{Subject, me, mode, ours, owner};

/// As many links as Linux follows in one path.
const MAX_LINKS: usize = 40;

enum Step {
    Top,
    Up,
    Into(OsString),
}

fn steps(path: &Path) -> Vec<Step> {
    path.components()
        .filter_map(|part| match part {
            Component::RootDir | Component::Prefix(_) => Some(Step::Top),
            Component::CurDir => None,
            Component::ParentDir => Some(Step::Up),
            Component::Normal(name) => Some(Step::Into(name.to_owned())),
        })
        .collect()
}

/// The path without links, every folder on the way checked. What does not exist yet is appended as
/// it is given.
///
/// # Errors
/// `Misuse` for a folder that others may write, or a folder or link of another user, with what
/// mends it; `Unavailable` if the path cannot be followed.
pub fn resolve(path: &Path, subject: &Subject) -> Result<PathBuf> {
    let whole = std::path::absolute(path).map_err(|e| subject.failed(path, e))?;
    let mut left = VecDeque::from(steps(&whole));
    let mut here = PathBuf::from("/");
    let mut links = 0_usize;
    while let Some(step) = left.pop_front() {
        let name = match step {
            Step::Top => {
                here = PathBuf::from("/");
                continue;
            }
            Step::Up => {
                here.pop();
                continue;
            }
            Step::Into(name) => name,
        };
        let told = std::fs::symlink_metadata(&here).map_err(|e| subject.failed(&here, e))?;
        check_above(&told, &here, subject)?;
        let next = here.join(name);
        let told = match std::fs::symlink_metadata(&next) {
            Ok(told) => told,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return append(next, left, path, subject);
            }
            Err(e) => return Err(subject.failed(path, e)),
        };
        if told.is_symlink() {
            check_owner(&told, &next, "the link", subject)?;
            links = links.saturating_add(1);
            if links > MAX_LINKS {
                return Err(subject.failed(path, io::ErrorKind::InvalidInput.into()));
            }
            let target = std::fs::read_link(&next).map_err(|e| subject.failed(path, e))?;
            for step in steps(&target).into_iter().rev() {
                left.push_front(step);
            }
        } else {
            here = next;
        }
    }
    Ok(here)
}

fn append(
    mut here: PathBuf,
    left: VecDeque<Step>,
    path: &Path,
    subject: &Subject,
) -> Result<PathBuf> {
    for step in left {
        match step {
            Step::Into(name) => here.push(name),
            _ => return Err(subject.failed(path, io::ErrorKind::NotFound.into())),
        }
    }
    Ok(here)
}

/// Refuses a folder in which another user could put something in the place of a file of ours: the
/// one that holds the file itself, so nobody else's group either.
///
/// # Errors
/// `Misuse`, with what mends it; `Unavailable` if it cannot be looked at.
pub fn check_folder(folder: &Path, subject: &Subject) -> Result<()> {
    let told = std::fs::metadata(folder).map_err(|e| subject.failed(folder, e))?;
    check(&told, folder, 0o022, subject)
}

fn check_above(told: &Metadata, folder: &Path, subject: &Subject) -> Result<()> {
    let writers = if own_group(told) { 0o002 } else { 0o022 };
    check(told, folder, writers, subject)
}

fn check(told: &Metadata, folder: &Path, writers: u32, subject: &Subject) -> Result<()> {
    if !told.is_dir() {
        return Err(Error::misuse(format!(
            "{} is not a folder: {}",
            folder.display(),
            subject.elsewhere
        )));
    }
    check_owner(told, folder, "the folder", subject)?;
    let mode = mode(told);
    if mode & writers != 0 && mode & 0o1000 == 0 {
        return Err(Error::misuse(format!(
            "{} cannot be kept safe below {}, which others may write (mode {:o}): {}",
            subject.what,
            folder.display(),
            mode & 0o7777,
            subject.elsewhere
        )));
    }
    Ok(())
}

fn check_owner(told: &Metadata, at: &Path, kind: &str, subject: &Subject) -> Result<()> {
    let owner = owner(told);
    if ours(owner) {
        return Ok(());
    }
    Err(Error::misuse(format!(
        "{} cannot be kept safe: {kind} {} belongs to another user (uid {owner}; this is {}): {}",
        subject.what,
        at.display(),
        me(),
        subject.elsewhere
    )))
}
