//! The folder: where it is, what lies in it, and who may look.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use keyward_base::{Error, Result};

/// The environment variable that names the folder.
pub const HOME_VAR: &str = "KEYWARD_HOME";

/// A folder that holds a key store, a data store and, unless the root comes from elsewhere, a
/// root file. The folder has mode 0700 and each file 0600.
#[derive(Clone, Debug)]
pub struct Home {
    folder: PathBuf,
}

impl Home {
    /// The home at `folder`, which need not exist yet.
    #[must_use]
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The home that `KEYWARD_HOME` names, else `keyward` in the user's data folder
    /// (`$XDG_DATA_HOME`, else `~/.local/share`).
    ///
    /// # Errors
    /// `Misuse` if none of the three variables is set.
    pub fn from_env() -> Result<Self> {
        let set = |name| std::env::var_os(name).filter(|v| !v.is_empty());
        if let Some(folder) = set(HOME_VAR) {
            return Ok(Self::at(folder));
        }
        let data = set("XDG_DATA_HOME").map(PathBuf::from);
        data.or_else(|| set("HOME").map(|home| Path::new(&home).join(".local/share")))
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

    /// Makes the folder with mode 0700, whatever the umask; one that exists is checked instead.
    ///
    /// # Errors
    /// As [`Home::inspect`]; `Unavailable` if it cannot be made.
    pub fn prepare(&self) -> Result<()> {
        match create(&self.folder) {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => self.inspect(),
            Err(e) => Err(Error::unavailable(format!(
                "the folder {} cannot be made ({}): set KEYWARD_HOME to one you may write",
                self.folder.display(),
                e.kind()
            ))
            .with_source(e)),
        }
    }

    /// Checks that the folder exists and is nobody else's to read or write.
    ///
    /// # Errors
    /// `Misuse`, with what mends it.
    pub fn inspect(&self) -> Result<()> {
        let shown = self.folder.display();
        let told = fs::metadata(&self.folder).map_err(|e| match e.kind() {
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

#[cfg(unix)]
fn create(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    if let Some(parent) = folder.parent().filter(|p| !p.as_os_str().is_empty()) {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(parent)?;
    }
    fs::DirBuilder::new().mode(0o700).create(folder)?;
    // A umask can only have taken bits away: the owner's own, here put back.
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn create(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fs::create_dir_all(folder)
}

#[cfg(unix)]
fn private(folder: &Path, told: &fs::Metadata) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if told.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    Err(Error::misuse(format!(
        "others than its owner may use the folder {0}: chmod 700 {0}",
        folder.display()
    )))
}

#[cfg(not(unix))]
fn private(_: &Path, _: &fs::Metadata) -> Result<()> {
    Ok(())
}
