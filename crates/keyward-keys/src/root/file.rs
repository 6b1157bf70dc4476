//! A root in a file that only its owner may read.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use keyward_base::wipe::leaf;
use keyward_base::{Error, Result, SecretArray, SecretBytes};
use keyward_crypto::Provider;
use keyward_store::BoxFuture;

use super::local::LocalKeys;
use super::{Root, RootVersion, Wrapped};

/// The most bytes a root file may have: 16 versions fit well.
const MAX_LEN: usize = 4096;

/// A root file: the same text as for the environment, mode 0600 or stricter.
pub struct FileRoot {
    keys: LocalKeys,
    path: PathBuf,
}

impl FileRoot {
    /// Reads the root file at `path`.
    ///
    /// # Errors
    /// `Misuse` if it is missing, unreadable, not a regular file, or readable by anybody but its
    /// owner, or of an owner other than this user and the superuser, and as [`EnvRoot::parse`](super::EnvRoot::parse).
    pub fn open(path: &Path, provider: &Provider) -> Result<Self> {
        let shown = path.display();
        let unreadable = |e: std::io::Error| {
            Error::misuse(format!("the root file {shown} cannot be read")).with_source(e)
        };
        // Asked before it is opened too: opening a pipe would wait for who writes into it.
        if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(Error::misuse(format!(
                "the root file {shown} is not a regular file"
            )));
        }
        let file = File::open(path).map_err(unreadable)?;
        let meta = file.metadata().map_err(|e| {
            Error::unavailable(format!("the root file {shown} cannot be examined")).with_source(e)
        })?;
        if !meta.is_file() {
            return Err(Error::misuse(format!(
                "the root file {shown} is not a regular file"
            )));
        }
        check_mode(&meta, path)?;
        check_owner(&meta, path)?;
        let text = SecretBytes::read(file, MAX_LEN)?;
        Ok(Self {
            keys: LocalKeys::parse(&text, provider)?,
            path: path.to_owned(),
        })
    }

    /// Makes a root file with one random key, mode 0600, on disk before this returns.
    ///
    /// # Errors
    /// `Misuse` if `path` exists, `Unavailable` if it cannot be written.
    pub fn create(path: &Path, provider: &Provider) -> Result<Self> {
        let shown = path.display();
        let failed = |e: std::io::Error| match e.kind() {
            std::io::ErrorKind::AlreadyExists => Error::misuse(format!(
                "the root file {shown} exists: it is not overwritten"
            )),
            _ => Error::unavailable(format!("the root file {shown} cannot be written"))
                .with_source(e),
        };
        let key = provider.random::<32>()?;
        let mut text = SecretBytes::new(vec![0; TEXT_LEN]);
        leaf(|| write_text(&key, text.expose_mut()))?;
        let mut file = create_new(path).map_err(failed)?;
        let written = file.write_all(text.expose()).and_then(|()| file.sync_all());
        if let Err(e) = written {
            // A half-written root file would be refused at the next start, and not replaced.
            let _ = std::fs::remove_file(path);
            return Err(failed(e));
        }
        sync_folder(path);
        Self::open(path, provider)
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// `v1:`, 44 characters of base64 and a newline.
const TEXT_LEN: usize = 48;

fn write_text(key: &SecretArray<32>, out: &mut [u8]) -> Result<()> {
    use base64ct::{Base64, Encoding as _};
    let failed = || Error::unavailable("the root cannot be encoded");
    let (start, rest) = out.split_first_chunk_mut::<3>().ok_or_else(failed)?;
    start.copy_from_slice(b"v1:");
    let (end, encoded) = rest.split_last_mut().ok_or_else(failed)?;
    Base64::encode(key.expose(), encoded).map_err(|_| failed())?;
    *end = b'\n';
    Ok(())
}

fn create_new(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

/// A new name is durable when its folder is. Where folders cannot be synced, the file itself was.
fn sync_folder(path: &Path) {
    if let Some(folder) = path.parent().and_then(|folder| File::open(folder).ok()) {
        let _ = folder.sync_all();
    }
}

#[cfg(unix)]
fn check_mode(meta: &std::fs::Metadata, path: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    if meta.mode() & 0o077 == 0 {
        return Ok(());
    }
    let shown = path.display();
    Err(Error::misuse(format!(
        "the root file {shown} may be read by others (mode {:o}): chmod 600 {shown}",
        meta.mode() & 0o777
    )))
}

/// The file is ours or the superuser's. Where the system does not say who we are, the mode has to
/// do.
#[cfg(unix)]
fn check_owner(meta: &std::fs::Metadata, path: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    match effective_user() {
        Some(user) if meta.uid() != user && meta.uid() != 0 => Err(Error::misuse(format!(
            "the root file {} belongs to another user (uid {}): chown it to the service's",
            path.display(),
            meta.uid()
        ))),
        _ => Ok(()),
    }
}

/// The second of the four ids in the line `Uid:`, see proc_pid_status(5).
#[cfg(unix)]
fn effective_user() -> Option<u32> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    ids.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(not(unix))]
fn check_owner(_: &std::fs::Metadata, _: &Path) -> Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn check_mode(_: &std::fs::Metadata, _: &Path) -> Result<()> {
    Ok(())
}

impl fmt::Debug for FileRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "FileRoot({}, {})",
            self.path.display(),
            self.keys.highest()
        )
    }
}

impl Root for FileRoot {
    fn version(&self) -> RootVersion {
        self.keys.highest()
    }

    fn wrap<'a>(
        &'a self,
        context: &'a [u8],
        key: &'a SecretArray<32>,
    ) -> BoxFuture<'a, Result<Wrapped>> {
        Box::pin(std::future::ready(self.keys.wrap(context, key)))
    }

    fn unwrap<'a>(
        &'a self,
        context: &'a [u8],
        wrapped: &'a Wrapped,
    ) -> BoxFuture<'a, Result<SecretArray<32>>> {
        Box::pin(std::future::ready(self.keys.unwrap(context, wrapped)))
    }
}
