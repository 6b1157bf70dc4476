//! What facts a kind has, and how much of each: what is written keeps to it, and what is read is
//! held to it.

use super::dotenv::{MAX_VARS, is_name};
use super::oauth::{MAX_SCOPE_LEN, MAX_SCOPES};
use super::{Facts, Kind};

/// The most bytes of an SSH key's type.
const MAX_KEY_TYPE: usize = 64;

impl Facts {
    /// Whether these are facts of `kind`, within their limits.
    pub(crate) fn are_of(&self, kind: Kind) -> bool {
        let none = Self::default();
        let oauth = kind == Kind::OAuthToken || {
            self.expires == none.expires
                && self.scopes == none.scopes
                && self.refreshable == none.refreshable
        };
        let ssh = if kind == Kind::SshKey {
            self.key_type.as_deref().is_some_and(is_key_type)
                && self.fingerprint.as_deref().is_some_and(is_fingerprint)
        } else {
            self.key_type == none.key_type
                && self.fingerprint == none.fingerprint
                && self.encrypted == none.encrypted
        };
        let env = if kind == Kind::Env {
            (1..=MAX_VARS).contains(&self.names.len()) && self.names.iter().all(|n| is_name(n))
        } else {
            self.names == none.names
        };
        oauth && ssh && env && are_scopes(&self.scopes)
    }
}

fn are_scopes(scopes: &[String]) -> bool {
    let len: usize = scopes.iter().map(String::len).sum();
    scopes.len() <= MAX_SCOPES
        && len <= MAX_SCOPE_LEN
        && scopes
            .iter()
            .all(|scope| !scope.is_empty() && scope.bytes().all(|b| b.is_ascii_graphic()))
}

fn is_key_type(name: &str) -> bool {
    (1..=MAX_KEY_TYPE).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic())
}

/// `SHA256:` and 32 bytes in unpadded base64.
fn is_fingerprint(text: &str) -> bool {
    text.strip_prefix("SHA256:").is_some_and(|digest| {
        digest.len() == 43
            && digest
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/'))
    })
}
