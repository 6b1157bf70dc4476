//! Anchors: what a keyring must not fall behind.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use keyward_base::encoding::{from_hex, hex};
use keyward_base::{Error, Result};

/// A keyring's id: 16 random bytes. Public.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RingId([u8; 16]);

impl RingId {
    /// The id of those bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

impl fmt::Display for RingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for RingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RingId({self})")
    }
}

/// Which ring is the right one, and the greatest epoch of it that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // The format has just these.
pub struct Pin {
    /// The ring.
    pub ring: RingId,
    /// Its epoch may not be less.
    pub epoch: u64,
}

/// A place outside the key store that remembers a [`Pin`], so that an old ring put back is
/// noticed after a restart too.
pub trait Anchor: fmt::Debug + Send + Sync {
    /// What is remembered.
    ///
    /// # Errors
    /// `Unavailable` if it cannot be read, `Corrupt` if it is not an anchor, `Misuse` if others may
    /// write it.
    fn load(&self) -> Result<Option<Pin>>;

    /// Remembers `pin`, durably. A greater epoch of the same ring that another process remembered
    /// meanwhile stays.
    ///
    /// # Errors
    /// `Unavailable` if it cannot be written.
    fn store(&self, pin: Pin) -> Result<()>;

    /// Where it is, for messages.
    fn describe(&self) -> String;
}

/// An anchor in a file of mode 0600: `keyward-anchor/1`, the ring id in hexadecimal and the epoch
/// in decimal, each on a line.
#[derive(Debug)]
pub struct FileAnchor(PathBuf);

const FIRST_LINE: &str = "keyward-anchor/1";
const MAX_LEN: u64 = 128;

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

    fn unreachable(&self, what: &str, e: std::io::Error) -> Error {
        Error::unavailable(format!("the anchor {} cannot be {what}", self.0.display()))
            .with_source(e)
    }

    fn replace(&self, text: &str) -> std::io::Result<()> {
        // A name of its own for each process and moment, so that two writers never share one.
        let next = self
            .0
            .with_extension(format!("{}.{}.next", std::process::id(), sequence()));
        let written = write_new(&next, text).and_then(|()| std::fs::rename(&next, &self.0));
        if written.is_err() {
            let _ = std::fs::remove_file(&next);
        }
        written?;
        if let Some(folder) = self.0.parent().and_then(|folder| File::open(folder).ok()) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

fn sequence() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
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

/// Reads the text of an anchor file.
///
/// # Errors
/// `Corrupt` for anything that is not one.
pub fn parse(text: &str) -> Result<Pin> {
    let wrong = || Error::corrupt("the anchor is not a keyward anchor");
    let mut lines = text.lines();
    if lines.next() != Some(FIRST_LINE) {
        return Err(wrong());
    }
    let ring = lines.next().ok_or_else(wrong)?;
    let ring = from_hex(ring).map(RingId).map_err(|_| wrong())?;
    let epoch = lines.next().ok_or_else(wrong)?;
    let epoch = epoch.parse::<u64>().map_err(|_| wrong())?;
    let pin = Pin { ring, epoch };
    // One text for one pin: no other line ends, signs or zeros in front.
    if render(pin) != text {
        return Err(wrong());
    }
    Ok(pin)
}

fn render(pin: Pin) -> String {
    format!("{FIRST_LINE}\n{}\n{}\n", pin.ring, pin.epoch)
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

impl Anchor for FileAnchor {
    fn load(&self) -> Result<Option<Pin>> {
        let file = match File::open(&self.0) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(self.unreachable("read", e)),
        };
        let meta = file
            .metadata()
            .map_err(|e| self.unreachable("examined", e))?;
        check_mode(&meta, &self.0)?;
        let mut bytes = Vec::new();
        file.take(MAX_LEN)
            .read_to_end(&mut bytes)
            .map_err(|e| self.unreachable("read", e))?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| Error::corrupt("the anchor is not a keyward anchor"))?;
        parse(text).map(Some)
    }

    fn store(&self, pin: Pin) -> Result<()> {
        let folder = self.0.parent().filter(|f| !f.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new("."));
        create_folder(folder).map_err(|e| self.unreachable("written", e))?;
        // Held until this returns, so that a process that is slower does not write over a newer
        // epoch. Where folders cannot be opened or locked, the next one to read raises it again.
        let lock = File::open(folder).ok();
        let _locked = lock.as_ref().map(File::lock);
        match self.load()? {
            Some(held) if held.ring == pin.ring && held.epoch >= pin.epoch => Ok(()),
            _ => self
                .replace(&render(pin))
                .map_err(|e| self.unreachable("written", e)),
        }
    }

    fn describe(&self) -> String {
        self.0.display().to_string()
    }
}
