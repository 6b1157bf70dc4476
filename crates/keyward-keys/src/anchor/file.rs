//! An anchor in a file.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use keyward_base::{Error, ErrorKind, Result};

use super::format::{MAX_LEN, Pins};
use super::{Advance, Anchor, Pin, PinName, Standing};
use keyward_files::{self as files, Subject};

const SUBJECT: Subject = Subject {
    what: "the anchor",
    elsewhere: "set KEYWARD_ANCHOR to a file in a folder that only you may write",
};

/// An anchor in a file of mode 0600, written by replacing it under a lock. The lock is a file of
/// its own beside it, `.lock` appended to its name, which stays. File, lock and folders belong to
/// this user or the superuser, and nobody else may write them.
#[derive(Debug)]
pub struct FileAnchor(PathBuf);

impl FileAnchor {
    /// An anchor at `path`. Nothing is read or written yet.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// All pins; `None` if there is no file.
    ///
    /// # Errors
    /// As [`Anchor::load`].
    pub fn pins(&self) -> Result<Option<Pins>> {
        self.read(&files::resolve(&self.0, &SUBJECT)?)
    }

    fn read(&self, path: &Path) -> Result<Option<Pins>> {
        let Some(file) = files::open_own(path, &SUBJECT, 0o022)? else {
            return Ok(None);
        };
        // What others may write, they may lower.
        files::check_folder(folder_of(path), &SUBJECT)?;
        let mut bytes = Vec::new();
        let limit = u64::try_from(MAX_LEN).unwrap_or(u64::MAX).saturating_add(1);
        file.take(limit)
            .read_to_end(&mut bytes)
            .map_err(|e| self.failed("read", e))?;
        Pins::parse(&bytes)
            .map(Some)
            .map_err(|e| self.no_anchor(&bytes, &e))
    }

    /// A reader's complaint with the file's name, and the way out.
    fn no_anchor(&self, bytes: &[u8], e: &Error) -> Error {
        let shown = self.0.display();
        match e.kind() {
            ErrorKind::Corrupt => {
                let what = if bytes.is_empty() {
                    "is empty".to_owned()
                } else {
                    e.to_string()
                };
                Error::corrupt(format!(
                    "the anchor {shown} {what}: if the key store was not put back from a backup, move that file away, and make it anew with `keyward keys accept-restore`"
                ))
            }
            _ => Error::unavailable(format!("the anchor {shown} {e}")),
        }
    }

    fn failed(&self, what: &str, e: std::io::Error) -> Error {
        Error::unavailable(format!("the anchor {} cannot be {what}", self.0.display()))
            .with_source(e)
    }

    /// Runs `decide` on what is pinned, under the lock, and writes what it changed.
    fn locked<T>(&self, decide: impl FnOnce(&mut Pins) -> Result<(bool, T)>) -> Result<T> {
        let path = files::resolve(&self.0, &SUBJECT)?;
        let folder = folder_of(&path);
        files::create_folder(folder).map_err(|e| self.failed("written", e))?;
        files::check_folder(folder, &SUBJECT)?;
        let _lock = self.lock(&path)?;
        let mut pins = self.read(&path)?.unwrap_or_default();
        let (changed, answer) = decide(&mut pins)?;
        if changed {
            let (draft, text) = (beside(&path, ".new"), pins.render());
            files::replace(&path, &draft, text.as_bytes())
                .map_err(|e| self.failed("written", e))?;
        }
        Ok(answer)
    }

    fn lock(&self, path: &Path) -> Result<File> {
        files::lock_patiently(&beside(path, ".lock"), &SUBJECT)?.ok_or_else(|| {
            Error::unavailable(format!(
                "another process of this user holds the lock of the anchor {}: end it and try again",
                self.0.display()
            ))
        })
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or_else(|| Path::new("/"))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

impl Anchor for FileAnchor {
    fn load(&self, name: &PinName) -> Result<Option<Pin>> {
        let pins = self.pins()?;
        Ok(pins.and_then(|pins| pins.find(name).copied()))
    }

    fn advance(&self, name: &PinName, next: &Pin) -> Result<Advance> {
        // Asked without the lock first: mostly there is nothing to write.
        if let Some(held) = self.load(name)?
            && let Some(answer) = settled(&held, next)
        {
            return Ok(answer);
        }
        self.locked(|pins| {
            if let Some(held) = pins.find(name)
                && let Some(answer) = settled(held, next)
            {
                return Ok((false, answer));
            }
            pins.set(name, *next)?;
            Ok((true, Advance::Pinned))
        })
    }

    fn replace(&self, name: &PinName, held: Option<&Pin>, next: &Pin) -> Result<bool> {
        self.locked(|pins| {
            if pins.find(name) != held {
                return Ok((false, false));
            }
            pins.set(name, *next)?;
            Ok((true, true))
        })
    }

    fn describe(&self) -> String {
        self.0.display().to_string()
    }
}

/// The answer, unless `next` is to be written.
fn settled(held: &Pin, next: &Pin) -> Option<Advance> {
    match held.judge(next) {
        Standing::Newer => None,
        Standing::Same => Some(Advance::Pinned),
        Standing::Older => Some(Advance::Older(*held)),
        Standing::Fork => Some(Advance::Fork(*held)),
        Standing::Foreign => Some(Advance::Foreign(*held)),
    }
}
