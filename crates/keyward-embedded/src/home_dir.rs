//! The folder: where it is, what lies in it, and who may look.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use keyward_base::{Error, Result};
use keyward_files::{self as files, Subject};

const SUBJECT: Subject = Subject {
    what: "the home",
    elsewhere: "set KEYWARD_HOME to a folder below one that only you may write",
};

/// The environment variable that names the folder.
pub const HOME_VAR: &str = "KEYWARD_HOME";

/// A folder that holds a key store, a data store and, unless the root comes from elsewhere, a
/// root file. The folder has mode 0700 and each file 0600.
#[derive(Clone, Debug)]
pub struct HomeDir {
    folder: PathBuf,
}

impl HomeDir {
    /// The home at `folder`, which need not exist yet.
    #[must_use]
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The home that `KEYWARD_HOME` names, else `keyward` in the user's data folder
    /// (`$XDG_DATA_HOME`, else `~/.local/share`). As the XDG specification says, a relative
    /// `XDG_DATA_HOME` is ignored.
    ///
    /// # Errors
    /// `Misuse` if none of the three variables is of use, or if `KEYWARD_HOME` begins with `~`.
    pub fn from_env() -> Result<Self> {
        if let Some(folder) = set(HOME_VAR) {
            return Ok(Self::at(expanded(HOME_VAR, folder)?));
        }
        user_folder("XDG_DATA_HOME", ".local/share")
            .map(|data| Self::at(data.join("keyward")))
            .ok_or_else(|| Error::misuse("no home is known: set KEYWARD_HOME to a folder"))
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The key store, `keys.db`. Back it up apart from the data.
    #[must_use]
    pub fn keys_db(&self) -> PathBuf {
        self.folder.join("keys.db")
    }

    /// The data store, `data.db`.
    #[must_use]
    pub fn data_db(&self) -> PathBuf {
        self.folder.join("data.db")
    }

    /// The root file, `root`. Back it up apart from both.
    #[must_use]
    pub fn root_file(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// Whether there is a key store or a data store in it.
    ///
    /// # Errors
    /// `Unavailable` if the folder cannot be looked into.
    pub fn is_used(&self) -> Result<bool> {
        let there = |path: &Path| {
            path.try_exists().map_err(|e| {
                Error::unavailable(format!("{} cannot be looked at", path.display())).with_source(e)
            })
        };
        Ok(there(&self.keys_db())? || there(&self.data_db())?)
    }

    /// Makes the folder with mode 0700, whatever the umask, and those above it that are missing,
    /// each on disk before what lies in it; one that exists is checked instead.
    ///
    /// # Errors
    /// As [`HomeDir::inspect`]; `Unavailable` if it cannot be made.
    pub fn prepare(&self) -> Result<()> {
        let folder = files::resolve(&self.folder, &SUBJECT)?;
        match files::create_folder(&folder) {
            // Looked at again: another process may have made it.
            Ok(()) => self.inspect(),
            Err(e) if e.kind() == io::ErrorKind::NotADirectory => self.inspect(),
            Err(e) => Err(Error::unavailable(format!(
                "the folder {} cannot be made ({}): set KEYWARD_HOME to one you may write",
                self.folder.display(),
                e.kind()
            ))
            .with_source(e)),
        }
    }

    /// Checks that the folder exists, is this user's, is nobody else's to read or write, and that
    /// nobody else can put another in its place.
    ///
    /// # Errors
    /// `Misuse`, with what mends it.
    pub fn inspect(&self) -> Result<()> {
        let shown = self.folder.display();
        let folder = files::resolve(&self.folder, &SUBJECT)?;
        let told = fs::metadata(folder).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => Error::misuse(format!(
                "there is nothing at {shown}: `keyward keys init` makes it, KEYWARD_HOME names another"
            )),
            kind => Error::misuse(format!("{shown} cannot be looked at ({kind}): check who owns it")),
        })?;
        if !told.is_dir() {
            return Err(Error::misuse(format!(
                "{shown} is not a folder: set KEYWARD_HOME to one"
            )));
        }
        private(&self.folder, &told)
    }
}

/// A variable that is set to something.
pub(crate) fn set(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|v| !v.is_empty())
}

/// A path from a variable, which no shell has expanded.
pub(crate) fn expanded(name: &str, path: OsString) -> Result<PathBuf> {
    if path.as_encoded_bytes().starts_with(b"~") {
        return Err(Error::misuse(format!(
            "{name} begins with ~, which only a shell expands: write the whole path, or $HOME in the shell"
        )));
    }
    Ok(PathBuf::from(path))
}

/// The user's folder of the XDG variable `name`, else `fallback` in `HOME`. Relative ones are
/// ignored: <https://specifications.freedesktop.org/basedir-spec/latest/>.
pub(crate) fn user_folder(name: &str, fallback: &str) -> Option<PathBuf> {
    let whole = |name| {
        set(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    whole(name).or_else(|| whole("HOME").map(|dir| dir.join(fallback)))
}

/// Nobody else may use it. The advice is to change its mode only if it is a home, or empty: a
/// folder with other things in it, such as `/tmp`, was never one.
fn private(folder: &Path, told: &fs::Metadata) -> Result<()> {
    let (owner, mode) = (files::owner(told), files::mode(told));
    let shown = folder.display();
    if owner != files::me() {
        return Err(Error::misuse(format!(
            "{shown} belongs to another user (uid {owner}; this is {}): run this as that user, or set KEYWARD_HOME to a folder of your own",
            files::me()
        )));
    }
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let dir = HomeDir::at(folder);
    let empty = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
    let advice = if empty || dir.is_used()? || dir.root_file().exists() {
        format!("chmod 700 {shown}")
    } else {
        format!("set KEYWARD_HOME to a folder of its own, such as {shown}/keyward")
    };
    Err(Error::misuse(format!(
        "others than its owner may use the folder {shown} (mode {mode:o}): {advice}"
    )))
}
