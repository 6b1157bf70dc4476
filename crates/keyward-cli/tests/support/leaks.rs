//! Whether bytes or files hold any eight-byte run of a secret, in any form that the workspace's
//! scanner knows.

use std::path::Path;

use keyward_testkit::Needles;

/// What to look for.
pub struct Leaks(Needles);

impl Leaks {
    pub fn of(secret: &[u8]) -> Self {
        let mut needles = Needles::new();
        needles.add("secret", secret).unwrap();
        Self(needles)
    }

    pub fn in_bytes(&self, bytes: &[u8]) -> bool {
        !self.0.find(bytes).is_empty()
    }

    /// The files below `folder` that hold any of it.
    pub fn in_folder(&self, folder: &Path) -> Vec<String> {
        let found = self.0.find_in(folder).unwrap();
        let mut files: Vec<String> = found
            .into_iter()
            .filter_map(|finding| Some(finding.file?.display().to_string()))
            .collect();
        files.sort_unstable();
        files.dedup();
        files
    }
}
