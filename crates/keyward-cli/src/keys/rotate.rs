//! `keyward keys rotate`: a new key, and the wait for those who serve.

use std::time::Duration;

use keyward_base::{Error, KeyId, Purpose, Result};
use keyward_embedded::Home;
use keyward_keys::{Algorithm, KeyState, Promotion};
use serde::Serialize;

use super::handover;
use crate::output;
use crate::progress::Progress;

/// How often the replicas are looked at. They look at the ring every few seconds.
pub(super) const LOOK: Duration = Duration::from_millis(200);

#[derive(Serialize)]
struct Rotated {
    key: String,
    state: &'static str,
    checkpoints: Vec<String>,
}

/// Adds a key, or finds the one that is pending, and waits until it is active.
pub(crate) async fn run(home: &Home, purpose: &Purpose, no_wait: bool, json: bool) -> Result<()> {
    let admin = home.keyring().admin();
    let handed_over = if no_wait {
        Vec::new()
    } else {
        handover::run(home, purpose).await?
    };
    let key = admin.rotate(purpose).await?;
    if !no_wait {
        wait(home, key).await?;
    }
    let status = home.keyring().status();
    let state = status.keys.iter().find(|k| k.id == key).map(|k| k.state);
    let told = Rotated {
        key: key.to_string(),
        state: state.map_or("unknown", KeyState::as_str),
        checkpoints: handed_over,
    };
    if json {
        return output::json("keyward.keys.rotate/2", &told);
    }
    handover::put(&told.checkpoints)?;
    let algorithm = status
        .keys
        .iter()
        .find(|k| k.id == key)
        .map(|k| k.algorithm);
    let next = match (state, algorithm) {
        (Some(KeyState::Pending), _) => "`keyward keys rotate` promotes it",
        (_, Some(Algorithm::Mac)) => "what the old one authenticates is left to expire",
        (_, Some(Algorithm::Sign)) => "`keyward keys public` prints what verifies it",
        _ => "`keyward vault rewrap` moves the values to it",
    };
    output::note(&format!("key {key} is {}: {next}", told.state));
    Ok(())
}

async fn wait(home: &Home, key: KeyId) -> Result<()> {
    let admin = home.keyring().admin();
    let progress = Progress::wait("serving processes have the new key");
    loop {
        match admin.promote_ready().await? {
            Promotion::Waiting {
                acknowledged, of, ..
            } => progress.of(acknowledged, of),
            _ => break,
        }
        tokio::time::sleep(LOOK).await;
    }
    progress.end();
    let status = home.keyring().status();
    match status.keys.iter().find(|k| k.id == key).map(|k| k.state) {
        // Another rotation may already have followed.
        Some(KeyState::Active | KeyState::Retired) => Ok(()),
        _ => Err(Error::unavailable(
            "the new key was not promoted: run `keyward keys rotate` again",
        )),
    }
}
