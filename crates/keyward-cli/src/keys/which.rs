//! Which key a command means.

use keyward_base::{Error, KeyId, Purpose, Result};
use keyward_embedded::Home;
use keyward_keys::{Algorithm, KeyState, KeyStatus};

/// The ring key `key`.
///
/// # Errors
/// `Misuse` if the keyring has no such key; for a tenant's key it names the ring key above it.
pub(super) async fn ring_key(home: &Home, key: KeyId) -> Result<KeyStatus> {
    let status = home.keyring().status();
    if let Some(found) = status.keys.into_iter().find(|found| found.id == key) {
        return Ok(found);
    }
    Err(match home.keyring().admin().locate(key).await? {
        Some(found) => Error::misuse(format!(
            "{key} is a key of tenant {}, and this wants a ring key: name {}, which wraps it",
            found.tenant, found.wrapped_by
        )),
        None => unknown(key),
    })
}

/// That nothing is known of `key`.
pub(super) fn unknown(key: KeyId) -> Error {
    Error::misuse(format!(
        "the keyring has no key {key}: `keyward keys status` shows its keys, and with --tenant those of a tenant"
    ))
}

/// A ring key that may be disabled.
///
/// # Errors
/// As [`ring_key`]; `Misuse` for one that seals, or is gone.
pub(super) async fn to_disable(home: &Home, key: KeyId) -> Result<KeyStatus> {
    let found = ring_key(home, key).await?;
    match found.state {
        KeyState::Active => Err(active(key)),
        KeyState::Destroyed => Err(gone(key)),
        _ => Ok(found),
    }
}

fn active(key: KeyId) -> Error {
    Error::misuse(format!(
        "key {key} is active: `keyward keys rotate` first, so that another takes over"
    ))
}

/// A ring key that may be enabled.
///
/// # Errors
/// As [`ring_key`]; `Misuse` for one that is gone, or seals nothing yet.
pub(super) async fn to_enable(home: &Home, key: KeyId) -> Result<()> {
    match ring_key(home, key).await?.state {
        KeyState::Pending => Err(Error::misuse(format!(
            "key {key} is pending, not disabled: `keyward keys rotate` makes it the active one"
        ))),
        KeyState::Destroyed => Err(gone(key)),
        _ => Ok(()),
    }
}

fn gone(key: KeyId) -> Error {
    Error::misuse(format!(
        "key {key} is destroyed, for good: `keyward keys status` shows those there are"
    ))
}

/// A ring key that may be destroyed, as far as its state tells.
///
/// # Errors
/// As [`ring_key`]; `Misuse` for one that is not disabled.
pub(super) async fn to_destroy(home: &Home, key: KeyId) -> Result<KeyStatus> {
    let found = ring_key(home, key).await?;
    match found.state {
        KeyState::Disabled => Ok(found),
        // It signs no more, and its public half stays.
        KeyState::Retired if found.algorithm == Algorithm::Sign => Ok(found),
        KeyState::Destroyed => Err(gone(key)),
        KeyState::Active => Err(active(key)),
        _ => Err(Error::misuse(format!(
            "key {key} is not disabled: `keyward keys disable {key}` first, and see that nothing misses it"
        ))),
    }
}

/// That the keyring has keys for `purpose`.
///
/// # Errors
/// `Misuse` if it has none; the purposes it has are named.
pub(super) fn purpose(home: &Home, purpose: &Purpose) -> Result<()> {
    let status = home.keyring().status();
    let mut known: Vec<&str> = status.keys.iter().map(|key| key.purpose.as_str()).collect();
    known.sort_unstable();
    known.dedup();
    if known.contains(&purpose.as_str()) {
        return Ok(());
    }
    Err(Error::misuse(format!(
        "the keyring has no key for that purpose: --purpose is one of {}, and `keyward keys add-purpose` makes another",
        known.join(", ")
    )))
}
