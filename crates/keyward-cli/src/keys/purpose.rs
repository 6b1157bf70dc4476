//! `keyward keys add-purpose` and `public`.

use keyward_audit::audit::{HEAD_PURPOSE, SIGN_PURPOSE};
use keyward_base::encoding::hex;
use keyward_base::{Error, Purpose, Result};
use keyward_embedded::Home;
use keyward_keys::{KeyState, KeyUse, Life, PublishedKey, Signs};
use serde::Serialize;

use crate::args::AlgorithmArg;
use crate::output;
use crate::timeline::rfc3339;

/// What the options of `add-purpose` say together.
///
/// # Errors
/// `Misuse` for an option that belongs to another algorithm.
pub(super) fn what_for(algorithm: AlgorithmArg, life: Life, raw: bool) -> Result<KeyUse> {
    if life != Life::Unchanged && algorithm != AlgorithmArg::Mac {
        return Err(Error::misuse(
            "--longest-life and --endless are for keys that authenticate: give --algorithm mac too, or leave them out",
        ));
    }
    if raw && algorithm != AlgorithmArg::Sign {
        return Err(Error::misuse(
            "--raw is for keys that sign: give --algorithm sign too, or leave it out",
        ));
    }
    Ok(match algorithm {
        AlgorithmArg::Seal => KeyUse::Seal,
        AlgorithmArg::Mac => KeyUse::Mac(life),
        AlgorithmArg::Sign if raw => KeyUse::Sign(Signs::Raw),
        AlgorithmArg::Sign => KeyUse::Sign(Signs::Fields),
    })
}

#[derive(Serialize)]
struct Added<'a> {
    purpose: &'a str,
    algorithm: &'static str,
    key: Option<String>,
}

/// Sees to it that the keyring has keys for `purpose`.
///
/// # Errors
/// `Misuse` for those of the audit log, which are of one use: a home with others would keep a log
/// that takes nothing, and so do nothing. As `Admin::add_purpose` else.
pub(super) async fn add(home: &Home, purpose: &Purpose, what: KeyUse, json: bool) -> Result<()> {
    if [HEAD_PURPOSE, SIGN_PURPOSE].contains(&purpose.as_str()) {
        return Err(Error::misuse(format!(
            "{purpose} is a purpose of the audit log: `keyward audit init` makes its keys"
        )));
    }
    home.keyring().admin().add_purpose(purpose, what).await?;
    let keys = home.keyring().status().keys;
    let active = keys
        .iter()
        .find(|key| key.purpose == *purpose && key.state == KeyState::Active);
    let told = Added {
        purpose: purpose.as_str(),
        algorithm: what.algorithm().as_str(),
        key: active.map(|key| key.id.to_string()),
    };
    if json {
        return output::json("keyward.keys.purpose/2", &told);
    }
    let key = told.key.as_deref().unwrap_or("none");
    output::note(&format!("key {key} is active for {purpose}"));
    Ok(())
}

#[derive(Serialize)]
struct Public<'a> {
    ring: String,
    purpose: &'a str,
    keys: Vec<Key>,
}

#[derive(Serialize)]
struct Key {
    id: String,
    public: String,
    state: &'static str,
    created: String,
    promoted: Option<String>,
    retired: Option<String>,
    disabled: Option<String>,
    destroyed: Option<String>,
    follows: Option<String>,
    signature: Option<String>,
}

impl Key {
    fn of(key: &PublishedKey) -> Self {
        Self {
            id: key.id.to_string(),
            public: hex(&key.public.to_bytes()),
            state: key.state.as_str(),
            created: rfc3339(key.created),
            promoted: key.promoted.map(rfc3339),
            retired: key.retired.map(rfc3339),
            disabled: key.disabled.map(rfc3339),
            destroyed: key.destroyed.map(rfc3339),
            follows: key.follows.map(|id| id.to_string()),
            signature: key.signature.map(|bytes| hex(&bytes)),
        }
    }
}

/// Prints what verifies the signatures of `purpose`.
pub(super) fn public(home: &Home, purpose: &Purpose, json: bool) -> Result<()> {
    super::which::purpose(home, purpose)?;
    let keys = home.keyring().verifying_keys(purpose)?;
    let keys: Vec<Key> = keys.iter().map(Key::of).collect();
    if json {
        let told = Public {
            ring: home.keyring().status().ring.to_string(),
            purpose: purpose.as_str(),
            keys,
        };
        return output::json("keyward.keys.public/1", &told);
    }
    keys.iter()
        .try_for_each(|key| output::say(&format!("{}  {}  {}", key.id, key.public, key.state)))
}
