//! Secrets of an endpoint, from lines of a file.

use std::path::Path;

use keyward_base::encoding::from_base64;
use keyward_base::{Error, Result, SecretBytes};
use keyward_webhook::danger::{add_weak, add_weak_key};
use keyward_webhook::secret::MAX_SECRETS;
use keyward_webhook::{Covered, Secrets, Webhook};

use crate::input;

/// The longest file of secrets, in bytes: eight lines of 8 KiB.
const LONGEST: usize = MAX_SECRETS * (8 << 10);

/// What begins the bytes of a key, in base64 with padding.
const BINARY: &[u8] = b"base64:";

/// The lines of a file, empty ones apart.
///
/// # Errors
/// `Misuse` for a file that cannot be read, or holds no secret.
pub(super) fn lines(file: &Path) -> Result<Vec<SecretBytes>> {
    let text = input::secret(Some(file), true, LONGEST)?;
    let lines = text.expose().split(|b| *b == b'\n');
    let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let lines: Vec<_> = lines
        .filter(|line| !line.is_empty())
        .map(SecretBytes::copy_of)
        .collect();
    if lines.is_empty() {
        return Err(Error::misuse(
            "the file of secrets has only empty lines: write one secret on each line",
        ));
    }
    Ok(lines)
}

/// Loads them, under their numbers from 0 on. Weak ones are taken if so asked.
///
/// # Errors
/// `Misuse` for a secret that the scheme does not take, and for the ninth.
pub(super) fn load(
    webhook: &Webhook<Covered>,
    lines: &[SecretBytes],
    weak: bool,
) -> Result<Secrets> {
    let mut secrets = webhook.secrets();
    for (number, line) in lines.iter().enumerate() {
        let id = number.to_string();
        match line.expose().strip_prefix(BINARY) {
            Some(encoded) => {
                let key = str::from_utf8(encoded)
                    .ok()
                    .and_then(|encoded| from_base64(encoded).ok())
                    .ok_or_else(|| {
                        Error::misuse("a secret after `base64:` is no base64 with padding")
                    })?;
                if weak {
                    add_weak_key(&mut secrets, id, None, &key)?;
                } else {
                    secrets.add_key(id, None, &key)?;
                }
            }
            None if weak => add_weak(&mut secrets, id, None, line)?,
            None => secrets.add(id, None, line)?,
        }
    }
    Ok(secrets)
}
