//! Where the root comes from, and where the anchor lies.

use std::path::PathBuf;
use std::sync::Arc;

use keyward_base::encoding::hex;
use keyward_base::{Error, Result, SecretBytes};
use keyward_crypto::Provider;
use keyward_keys::{EnvRoot, FileRoot, Root};

use crate::home_dir::{HomeDir, expanded, set, user_folder};

/// The environment variable that holds the root keys.
pub const ROOT_VAR: &str = "KEYWARD_ROOT";

/// The environment variable that names the anchor file.
pub const ANCHOR_VAR: &str = "KEYWARD_ANCHOR";

/// Where the root comes from.
#[derive(Debug)]
#[non_exhaustive]
pub enum RootSource {
    /// The file `root` in the home. Whoever copies the whole home copies the root with it: for
    /// production, take [`RootSource::Keys`] from a secret manager.
    File,
    /// Root keys as text, `v2:<base64>,v1:<base64>`: the highest version wraps.
    Keys(SecretBytes),
    /// A root of the caller's: a passphrase, a key-management service, a hardware module.
    Custom(Arc<dyn Root>),
}

impl RootSource {
    /// [`RootSource::Keys`] of text as a service holds it: `SecretBytes`, or `SecretString` of the
    /// crate `secrecy`.
    #[must_use]
    pub fn keys(text: impl Into<SecretBytes>) -> Self {
        Self::Keys(text.into())
    }

    /// [`RootSource::Keys`] if `KEYWARD_ROOT` is set, else [`RootSource::File`].
    #[must_use]
    pub fn from_env() -> Self {
        match std::env::var_os(ROOT_VAR) {
            Some(text) => Self::Keys(SecretBytes::new(text.into_encoded_bytes())),
            None => Self::File,
        }
    }

    /// The root of a home that exists.
    ///
    /// # Errors
    /// `Misuse` for a root that is missing, is none, is weak, or may be read by others.
    pub fn open(&self, dir: &HomeDir, provider: &Provider) -> Result<Arc<dyn Root>> {
        match self {
            Self::Custom(root) => Ok(Arc::clone(root)),
            Self::Keys(text) => Self::parse(text, provider),
            Self::File => Ok(Arc::new(FileRoot::open(&dir.root_file(), provider)?)),
        }
    }

    /// The root of a home that is being made: a file is made if there is none.
    pub(crate) fn create(&self, dir: &HomeDir, provider: &Provider) -> Result<Arc<dyn Root>> {
        if let Self::File = self
            && dir.root_file().symlink_metadata().is_err()
        {
            match FileRoot::create(&dir.root_file(), provider) {
                // Another process that makes this home was faster.
                Err(_) if dir.root_file().exists() => {}
                made => return Ok(Arc::new(made?)),
            }
        }
        self.open(dir, provider)
    }

    fn parse(text: &SecretBytes, provider: &Provider) -> Result<Arc<dyn Root>> {
        match EnvRoot::parse(text, provider) {
            Ok(root) => Ok(Arc::new(root)),
            // The parser cannot know where its text came from, and the person must.
            Err(e) => Err(Error::misuse(format!("{ROOT_VAR}: {e}"))),
        }
    }
}

/// The file that remembers the newest keyring of `home`: what `KEYWARD_ANCHOR` names, else
/// `keyward/<hash of the home's path>.anchor` in the user's state folder (`$XDG_STATE_HOME`, else
/// `~/.local/state`). It lies outside the home, so that a home put back from a backup does not
/// bring its own.
///
/// A relative `XDG_STATE_HOME` is ignored.
///
/// # Errors
/// `Misuse` if none of the three variables is of use, or if `KEYWARD_ANCHOR` is a relative
/// path or begins with `~`.
pub fn anchor_path(dir: &HomeDir, provider: &Provider) -> Result<PathBuf> {
    if let Some(path) = set(ANCHOR_VAR) {
        let path = expanded(ANCHOR_VAR, path)?;
        if path.is_absolute() {
            return Ok(path);
        }
        return Err(Error::misuse(format!(
            "{ANCHOR_VAR} is a relative path, so that each folder this is run in would have an anchor of its own: write the whole path"
        )));
    }
    let state = user_folder("XDG_STATE_HOME", ".local/state").ok_or_else(|| {
        Error::misuse(format!(
            "no place for the anchor is known: set {ANCHOR_VAR} to a file outside the home"
        ))
    })?;
    let digest = provider.sha256(&[resolved(dir).as_os_str().as_encoded_bytes()]);
    let name = digest.get(..16).unwrap_or(&digest);
    Ok(state.join("keyward").join(format!("{}.anchor", hex(name))))
}

/// The home's path without links; as given where it does not exist yet.
fn resolved(dir: &HomeDir) -> PathBuf {
    dir.folder()
        .canonicalize()
        .or_else(|_| std::path::absolute(dir.folder()))
        .unwrap_or_else(|_| dir.folder().to_owned())
}
