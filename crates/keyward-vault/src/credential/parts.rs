//! The secrets inside a credential that has several, by name: what is told to an observer.

use keyward_base::SecretBytes;

use super::dotenv::{EnvSet, Loader};
use super::{Kind, oauth};

/// The secrets of a credential of `kind`. None if it has no parts, or cannot be taken apart.
pub(crate) fn parts(kind: Kind, bytes: &[u8]) -> Vec<(String, SecretBytes)> {
    match kind {
        Kind::Env => variables(bytes),
        Kind::OAuthToken => oauth::tokens(bytes),
        Kind::ApiKey | Kind::Opaque | Kind::SshKey => Vec::new(),
    }
}

/// Every variable, as each loader reads it that understands the file: which of them runs is the
/// caller's choice. A value that two read alike is told once.
fn variables(bytes: &[u8]) -> Vec<(String, SecretBytes)> {
    let mut found: Vec<(String, SecretBytes)> = Vec::new();
    for loader in Loader::ALL {
        let Ok(set) = EnvSet::parse_as(bytes, loader) else {
            continue;
        };
        let before = found.len();
        for (place, var) in set.into_vars().into_iter().enumerate() {
            let alike = |(name, value): &(String, SecretBytes)| {
                *name == var.name && value.expose() == var.value.expose()
            };
            // Readings mostly have their variables in the same places.
            let same = found.get(..before).and_then(|found| found.get(place));
            if !same.is_some_and(alike) {
                found.push((var.name, var.value));
            }
        }
    }
    found
}
