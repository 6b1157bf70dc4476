//! The home this command works on.

use std::path::PathBuf;

use keyward_base::{KeyId, Result};

/// Where the home is. Nothing is opened before it is needed.
#[derive(Debug)]
pub(crate) struct Home {
    folder: Option<PathBuf>,
}

impl Home {
    pub(crate) const fn new(folder: Option<PathBuf>) -> Self {
        Self { folder }
    }

    /// What this home knows of the key `id`; `None` where there is no home.
    pub(crate) async fn describe_key(&self, _id: KeyId) -> Result<Option<String>> {
        let _ = &self.folder;
        Ok(None)
    }
}
