//! An anchor in a file.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use keyward_base::{Error, ErrorKind, Result};

use super::format::{MAX_LEN, Pins};
use super::{Advance, Anchor, Pin, PinName, Standing};

/// How often, and how long apart, the lock is tried before giving up: 5 seconds. It is held for
/// one write and three syncs.
const TRIES: u32 = 1000;
const PAUSE: Duration = Duration::from_millis(5);

/// An anchor in a file of mode 0600, written by replacing it under a lock. The lock is a file of
/// its own beside it, `.lock` appended to its name, which stays.
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
        let file = match File::open(&self.0) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(self.failed("read", e)),
        };
        let meta = file.metadata().map_err(|e| self.failed("examined", e))?;
        check_mode(&meta, &self.0)?;
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
                    "the anchor {shown} {what}: if the key store was not put back from a backup, move that file away, and the next command makes it anew"
                ))
            }
            ErrorKind::Misuse => Error::misuse(format!("the anchor {shown} {e}")),
            _ => Error::unavailable(format!("the anchor {shown} {e}")),
        }
    }

    fn failed(&self, what: &str, e: std::io::Error) -> Error {
        Error::unavailable(format!("the anchor {} cannot be {what}", self.0.display()))
            .with_source(e)
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.0.clone().into_os_string();
        name.push(suffix);
        PathBuf::from(name)
    }

    /// Runs `decide` on what is pinned, under the lock, and writes what it changed.
    fn locked<T>(&self, decide: impl FnOnce(&mut Pins) -> Result<(bool, T)>) -> Result<T> {
        let folder = self.0.parent().filter(|f| !f.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new("."));
        create_folder(folder).map_err(|e| self.failed("written", e))?;
        let _lock = self.lock()?;
        let mut pins = self.pins()?.unwrap_or_default();
        let (changed, answer) = decide(&mut pins)?;
        if changed {
            self.write(folder, &pins.render())
                .map_err(|e| self.failed("written", e))?;
        }
        Ok(answer)
    }

    fn lock(&self) -> Result<File> {
        let path = self.beside(".lock");
        let file = private()
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|e| self.failed("locked", e))?;
        for _ in 0..TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(std::fs::TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
                Err(std::fs::TryLockError::Error(e)) => return Err(self.failed("locked", e)),
            }
        }
        Err(Error::unavailable(format!(
            "another process holds the lock of the anchor {}: end it and try again",
            self.0.display()
        )))
    }

    /// Replaces the file as a whole. Only who holds the lock writes, so what a writer that was
    /// killed left behind is nobody's.
    fn write(&self, folder: &Path, text: &str) -> std::io::Result<()> {
        let next = self.beside(".new");
        match std::fs::remove_file(&next) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let mut file = private().create_new(true).open(&next)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&next, &self.0)?;
        File::open(folder)?.sync_all()
    }
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

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

fn create_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder)
}

/// What others may write, they may lower.
#[cfg(unix)]
fn check_mode(meta: &std::fs::Metadata, path: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    if meta.mode() & 0o022 == 0 {
        return Ok(());
    }
    let shown = path.display();
    Err(Error::misuse(format!(
        "the anchor {shown} may be written by others (mode {:o}): chmod 600 {shown}",
        meta.mode() & 0o777
    )))
}

#[cfg(not(unix))]
fn check_mode(_: &std::fs::Metadata, _: &Path) -> Result<()> {
    Ok(())
}
