//! A root in a file that only its owner may read.

use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use keyward_base::encoding::{from_hex, hex};
use keyward_base::wipe::with_stack_wiped;
use keyward_base::{Encoded, Error, ErrorKind, Result, SecretArray, SecretBytes};
use keyward_crypto::Provider;
use keyward_store::BoxFuture;

use super::local::LocalKeys;
use super::{Root, RootVersion, Wrapped};
use keyward_files::{self as files, Subject};

const SUBJECT: Subject = Subject {
    what: "the root file",
    elsewhere: "keep it in a folder that only you may write, or give the root in KEYWARD_ROOT",
};

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
    /// `Misuse` if it is missing, not a regular file, readable by anybody but its owner, of an
    /// owner other than this user and the superuser, or in a folder that others may write, and as
    /// [`EnvRoot::parse`](super::EnvRoot::parse); `Unavailable` if it cannot be read.
    pub fn open(path: &Path, provider: &Provider) -> Result<Self> {
        let shown = path.display();
        let found = files::resolve(path, &SUBJECT)?;
        let file = files::open_own(&found, &SUBJECT, 0o077)?.ok_or_else(|| {
            Error::misuse(format!(
                "there is no root file at {shown}: put it back, or give the root in KEYWARD_ROOT"
            ))
        })?;
        files::check_folder(folder_of(&found), &SUBJECT)?;
        let text = SecretBytes::read(file, MAX_LEN)
            .map_err(|e| not_a_root(e.kind(), &format!("{e}"), path))?;
        let keys = LocalKeys::parse(&text, provider)
            .map_err(|e| not_a_root(e.kind(), &format!("{e}"), path))?;
        Ok(Self {
            keys,
            path: path.to_owned(),
        })
    }

    /// Makes a root file with one random key, mode 0600 whatever the umask, whole and on disk
    /// before it has its name. A kill leaves the whole file or none.
    ///
    /// # Errors
    /// `Misuse` if `path` exists, or as [`FileRoot::open`] for its folders; `Unavailable` if it
    /// cannot be written.
    pub fn create(path: &Path, provider: &Provider) -> Result<Self> {
        let shown = path.display();
        let exists = || {
            Error::misuse(format!(
                "the root file {shown} exists: it is not overwritten"
            ))
        };
        let failed = |e: std::io::Error| match e.kind() {
            std::io::ErrorKind::AlreadyExists => exists(),
            kind => Error::unavailable(format!("the root file {shown} cannot be written ({kind})"))
                .with_source(e),
        };
        let found = files::resolve(path, &SUBJECT)?;
        let is_there = || found.symlink_metadata().is_ok();
        if is_there() {
            remove_drafts(&found);
            return Err(exists());
        }
        let folder = folder_of(&found);
        files::create_folder(folder).map_err(failed)?;
        files::check_folder(folder, &SUBJECT)?;
        let key = provider.random::<32>()?;
        let mut text = SecretBytes::new(vec![0; TEXT_LEN]);
        with_stack_wiped(|| write_text(&key, text.expose_mut()))?;
        let draft = draft_of(&found, provider)?;
        let written = write_draft(&draft, &text).and_then(|()| files::publish(&draft, &found));
        // Only now: before, they may be those of others who are at it, and one of all comes first.
        let others_first = written.is_err() && is_there();
        if written.is_ok() || others_first {
            remove_drafts(&found);
        }
        if let Err(e) = written {
            let _ = std::fs::remove_file(&draft);
            return Err(if others_first { exists() } else { failed(e) });
        }
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

fn write_draft(draft: &Path, text: &SecretBytes) -> std::io::Result<()> {
    let mut file = files::create_new(draft)?;
    file.write_all(text.expose())?;
    file.sync_all()
}

/// The name of a file until it is whole: its own, 16 random hexadecimal digits, and `new`.
fn draft_of(path: &Path, provider: &Provider) -> Result<PathBuf> {
    let mut random = [0; 8];
    provider.fill(&mut random)?;
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", hex(&random)));
    Ok(PathBuf::from(name))
}

/// Removes what killed processes left, once the root is there: keys that nothing was ever wrapped
/// with, and nothing will be. What cannot be removed now is tried again by the next one.
fn remove_drafts(path: &Path) {
    let Some(own) = path.file_name().and_then(|name| name.to_str()) else {
        return;
    };
    let Ok(entries) = std::fs::read_dir(folder_of(path)) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let middle = name
            .to_str()
            .and_then(|name| name.strip_prefix(own))
            .and_then(|rest| rest.strip_prefix('.'))
            .and_then(|rest| rest.strip_suffix(".new"));
        if middle.is_some_and(|middle| from_hex::<8>(middle).is_ok()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or_else(|| Path::new("/"))
}

/// The parser cannot know where its text came from, and the person must.
fn not_a_root(kind: ErrorKind, what: &str, path: &Path) -> Error {
    let shown = path.display();
    match kind {
        ErrorKind::Misuse => Error::misuse(format!(
            "{shown} is not a root file ({what}): put back the one that the keyring was made with, or give the root in KEYWARD_ROOT"
        )),
        _ => Error::unavailable(format!("the root file {shown} cannot be read: {what}")),
    }
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
        context: &'a Encoded,
        key: &'a SecretArray<32>,
    ) -> BoxFuture<'a, Result<Wrapped>> {
        Box::pin(std::future::ready(self.keys.wrap(context, key)))
    }

    fn unwrap<'a>(
        &'a self,
        context: &'a Encoded,
        wrapped: &'a Wrapped,
    ) -> BoxFuture<'a, Result<SecretArray<32>>> {
        Box::pin(std::future::ready(self.keys.unwrap(context, wrapped)))
    }
}
