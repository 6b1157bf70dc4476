//! `keyward keys rotate --to-end`: from the new key to the end of the old ones.

use keyward_base::{Error, KeyId, Purpose, Result, Timestamp};
use keyward_embedded::Home;
use keyward_keys::{KeyState, KeyStatus, Progress as Moved, Receipt, Stage};
use serde::Serialize;

use super::rotate::LOOK;
use super::{columns, handover};
use crate::output::{self, counted};
use crate::progress::Progress;
use crate::timeline::rfc3339;

#[derive(Serialize)]
struct Ended {
    key: Option<String>,
    moved: u64,
    destroyed: Vec<String>,
    kept: Vec<String>,
    draining: Vec<String>,
    drains_until: Option<String>,
    disabled: Vec<Shut>,
    checkpoints: Vec<String>,
    erased: bool,
}

/// A key that was disabled by hand, and the rows that need it.
#[derive(Serialize)]
struct Shut {
    key: String,
    rows: u64,
}

/// How a run ended.
#[derive(Default)]
struct End {
    destroyed: Vec<Receipt>,
    kept: Vec<KeyId>,
    draining: Vec<KeyId>,
    until: Option<Timestamp>,
}

/// Begins a rotation, or goes on with the one that was begun, until its old keys are destroyed.
///
/// # Errors
/// `Misuse` if a column cannot be counted here, or values stay under an old key: nothing is lost,
/// and the same command goes on from there.
pub(super) async fn run(home: &Home, purpose: &Purpose, json: bool) -> Result<()> {
    check_counted(home, purpose).await?;
    let handed_over = handover::run(home, purpose).await?;
    let mut rotation = home.keyring().admin().rotation(purpose);
    let mut moved = 0_u64;
    let mut waits: Option<(KeyState, Progress)> = None;
    let end = loop {
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
            Stage::Draining { .. } if handover::renew(home, purpose).await? => {}
            Stage::Draining { keys, until, .. } => {
                break End {
                    draining: keys,
                    until,
                    ..End::default()
                };
            }
            Stage::Done { destroyed, kept } => {
                break End {
                    destroyed,
                    kept,
                    ..End::default()
                };
            }
            _ => tokio::time::sleep(LOOK).await,
        }
    };
    drop(waits);
    let shut = shut(home, purpose).await;
    tell(home, purpose, &end, moved, shut, handed_over, json)
}

/// The keys that somebody disabled by hand, and that rows need: no rotation opens or ends them. It
/// is done whether they can be counted or not.
async fn shut(home: &Home, purpose: &Purpose) -> Vec<Shut> {
    let by_hand =
        |key: &KeyStatus| key.purpose == *purpose && key.state == KeyState::Disabled && !key.ending;
    let mut keys = home.keyring().status().keys;
    keys.retain(by_hand);
    if keys.is_empty() {
        return Vec::new();
    }
    let Ok(usage) = home.keyring().admin().usage().await else {
        return Vec::new();
    };
    let found = keys.iter().map(|key| Shut {
        key: key.id.to_string(),
        rows: usage.rows(key.id),
    });
    found.filter(|shut| shut.rows > 0).collect()
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
    end: &End,
    moved: u64,
    disabled: Vec<Shut>,
    checkpoints: Vec<String>,
    json: bool,
) -> Result<()> {
    let keys = home.keyring().status().keys;
    let active = keys
        .iter()
        .find(|key| key.purpose == *purpose && key.state == KeyState::Active);
    let told = Ended {
        key: active.map(|key| key.id.to_string()),
        moved,
        destroyed: end
            .destroyed
            .iter()
            .map(|gone| gone.key.to_string())
            .collect(),
        kept: end.kept.iter().map(ToString::to_string).collect(),
        draining: end.draining.iter().map(ToString::to_string).collect(),
        drains_until: end.until.map(rfc3339),
        disabled,
        checkpoints,
        erased: end.destroyed.iter().all(|receipt| receipt.erased),
    };
    if json {
        return output::json("keyward.keys.ended/4", &told);
    }
    handover::put(&told.checkpoints)?;
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
    for key in &told.draining {
        let until = told.drains_until.as_deref().map_or_else(
            || "no record or token names it".to_owned(),
            |until| format!("{until}, and no record or token names it"),
        );
        output::note(&format!(
            "key {key} is needed by what it authenticates until {until}: the same command, run then, ends it"
        ));
    }
    for Shut { key, rows } in &told.disabled {
        let lie = counted(*rows, "row lies", "rows lie");
        output::note(&format!(
            "{lie} under key {key}, which was disabled by hand: the rotation left key and rows as \
             they are, and they do not open; `keyward keys enable {key} && keyward keys rotate \
             --to-end` moves them and ends it"
        ));
    }
    // Added by another command while this rotation went on, or before it was taken up again.
    let later = |key: &&KeyStatus| {
        key.purpose == *purpose
            && key.state == KeyState::Retired
            && !key.ending
            && !end.kept.contains(&key.id)
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
