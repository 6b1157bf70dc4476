//! Reads vector files: `key: value` lines, `#` begins a comment line, one vector a file.

use std::path::{Path, PathBuf};

use keyward_base::{Error, Result};

/// One vector file.
#[derive(Clone, Debug)]
pub struct Vector {
    path: PathBuf,
    fields: Vec<(String, String)>,
}

impl Vector {
    /// Reads the vector at `path`.
    ///
    /// # Errors
    /// `Unavailable` if it cannot be read; `Misuse`, with the line, for a line that is neither
    /// `key: value` nor a comment, and for a key said twice.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| {
            Error::unavailable(format!("{} cannot be read", path.display())).with_source(e)
        })?;
        let mut fields: Vec<(String, String)> = Vec::new();
        for (at, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let Some((key, value)) = line.split_once(':') else {
                return Err(wrong(
                    path,
                    &format!("line {} has no ':'", at.saturating_add(1)),
                ));
            };
            if fields.iter().any(|(known, _)| known == key) {
                return Err(wrong(path, &format!("'{key}' is said twice")));
            }
            let value = value.strip_prefix(' ').unwrap_or(value);
            fields.push((key.to_owned(), value.to_owned()));
        }
        Ok(Self {
            path: path.to_owned(),
            fields,
        })
    }

    /// Reads every `.txt` file in `folder`, by name. No file at all is an error, so that a test
    /// over a folder that moved does not pass.
    ///
    /// # Errors
    /// As [`Vector::load`].
    pub fn load_all(folder: &Path) -> Result<Vec<Self>> {
        let listing = std::fs::read_dir(folder).map_err(|e| {
            Error::unavailable(format!("{} cannot be read", folder.display())).with_source(e)
        })?;
        let mut paths: Vec<PathBuf> = listing
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|ext| ext == "txt"))
            .collect();
        paths.sort();
        if paths.is_empty() {
            return Err(wrong(folder, "no vector files"));
        }
        paths.iter().map(|path| Self::load(path)).collect()
    }

    /// The file's name without its ending.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.file_stem().and_then(|s| s.to_str()).unwrap_or("")
    }

    /// The value of `key`, if it is said.
    #[must_use]
    pub fn optional(&self, key: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| value.as_str())
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// `Misuse` if it is not said.
    pub fn text(&self, key: &str) -> Result<&str> {
        self.optional(key)
            .ok_or_else(|| wrong(&self.path, &format!("'{key}' is missing")))
    }

    /// The value of `key`, read as hexadecimal.
    ///
    /// # Errors
    /// `Misuse` if it is not said or not hexadecimal.
    pub fn hex(&self, key: &str) -> Result<Vec<u8>> {
        let text = self.text(key)?;
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let whole = text.len().is_multiple_of(2).then_some(text.as_bytes());
        whole
            .and_then(|digits| digits.chunks(2).map(byte).collect())
            .ok_or_else(|| wrong(&self.path, &format!("'{key}' is not hexadecimal")))
    }
}

fn wrong(path: &Path, what: &str) -> Error {
    Error::misuse(format!("{}: {what}", path.display()))
}
