//! `keyward keys rotate --to-end`: from the new key to the end of the old ones.

use keyward_base::{Error, KeyId, Purpose, Result};
use keyward_embedded::Home;
use keyward_keys::{KeyState, KeyStatus, Progress as Moved, Receipt, Stage};
use serde::Serialize;

use super::columns;
use super::rotate::LOOK;
use crate::output::{self, counted};
use crate::progress::Progress;

#[derive(Serialize)]
struct Ended {
    key: Option<String>,
    moved: u64,
    destroyed: Vec<String>,
    kept: Vec<String>,
    erased: bool,
}

/// Begins a rotation, or goes on with the one that was begun, until its old keys are destroyed.
///
/// # Errors
/// `Misuse` if a column cannot be counted here, or values stay under an old key: nothing is lost,
/// and the same command goes on from there.
pub(super) async fn run(home: &Home, purpose: &Purpose, json: bool) -> Result<()> {
    check_counted(home, purpose).await?;
    let mut rotation = home.keyring().admin().rotation(purpose);
    let mut moved = 0_u64;
    let mut waits: Option<(KeyState, Progress)> = None;
    let (destroyed, kept) = loop {
        match rotation.step().await? {
            Stage::Waiting {
                to,
                acknowledged,
                of,
                ..
            } => {
                let shown = match waits.take() {
                    Some((state, shown)) if state == to => shown,
                    _ => Progress::wait(what_for(to)),
                };
                shown.of(acknowledged, of);
                waits = Some((to, shown));
                tokio::time::sleep(LOOK).await;
            }
            Stage::Rewrap { .. } => {
                waits = None;
                moved = moved.saturating_add(rewrap(home, purpose).await?);
            }
            Stage::Done { destroyed, kept } => break (destroyed, kept),
            _ => tokio::time::sleep(LOOK).await,
        }
    };
    drop(waits);
    let erased = destroyed.iter().all(|receipt| receipt.erased);
    tell(home, purpose, &destroyed, &kept, moved, erased, json)
}

const fn what_for(to: KeyState) -> &'static str {
    match to {
        KeyState::Active => "serving processes have the new key",
        _ => "serving processes know that the old key is disabled",
    }
}

/// Before a key is made that could not follow the old ones to their end.
async fn check_counted(home: &Home, purpose: &Purpose) -> Result<()> {
    let uncounted = columns::uncounted(home).await?;
    match uncounted.iter().find(|column| column.is_for(purpose)) {
        None => Ok(()),
        Some(column) => Err(Error::misuse(format!(
            "this command cannot count {}: finish the rotation from the service that owns it, or \
             go as far as it does with `keyward keys rotate && keyward vault rewrap`",
            column.name()
        ))),
    }
}

/// Every column of the purpose that this command knows, whoever keeps it.
async fn rewrap(home: &Home, purpose: &Purpose) -> Result<u64> {
    let progress = Progress::share("values");
    let mut at = progress.sharer();
    let admin = home.keyring().admin();
    let told = move |now: Moved| at(now.seen, now.total);
    let report = admin.rewrap_values(purpose, told).await?;
    progress.end();
    Ok(report.moved)
}

fn tell(
    home: &Home,
    purpose: &Purpose,
    destroyed: &[Receipt],
    kept: &[KeyId],
    moved: u64,
    erased: bool,
    json: bool,
) -> Result<()> {
    let keys = home.keyring().status().keys;
    let active = keys
        .iter()
        .find(|key| key.purpose == *purpose && key.state == KeyState::Active);
    let told = Ended {
        key: active.map(|key| key.id.to_string()),
        moved,
        destroyed: destroyed.iter().map(|gone| gone.key.to_string()).collect(),
        kept: kept.iter().map(ToString::to_string).collect(),
        erased,
    };
    if json {
        return output::json("keyward.keys.ended/1", &told);
    }
    let key = told.key.as_deref().unwrap_or("none");
    output::note(&format!(
        "key {key} is active; {} sealed anew, {} destroyed",
        counted(told.moved, "value", "values"),
        counted(told.destroyed.len() as u64, "key", "keys"),
    ));
    for key in &told.kept {
        output::note(&format!(
            "key {key} stays: it sealed values that are stored nowhere we can count; seal those \
             anew, then `keyward keys disable {key} && keyward keys destroy {key} --even-unregistered`"
        ));
    }
    // Added by another command while this rotation went on, or before it was taken up again.
    let later = |key: &&KeyStatus| {
        key.purpose == *purpose && key.state == KeyState::Retired && !kept.contains(&key.id)
    };
    for KeyStatus { id, .. } in keys.iter().filter(later) {
        output::note(&format!(
            "key {id} is retired, and no part of this rotation: `keyward vault rewrap` moves its \
             values, and `keyward keys rotate --to-end` once more ends it too"
        ));
    }
    if !told.erased {
        output::note(
            "their material may still lie in the key store's free pages, which another process is \
             using: `keyward keys rewrap` erases it once nobody does",
        );
    }
    Ok(())
}
