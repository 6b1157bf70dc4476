//! `keyward keys destroy`: asks, waits, looks, and removes.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::PathBuf;
use std::sync::Arc;

use keyward_base::{Clock as _, Error, KeyId, Result, SystemClock};
use keyward_embedded::Home;
use keyward_find::Keys;
use keyward_keys::{Algorithm, ColumnId, Coverage, Destruction, KeyStatus, Receipt, danger};
use keyward_store::{BoxFuture, StoreId};
use serde::Serialize;

use super::{find, rotate, which};
use crate::output::{self, counted};
use crate::progress::Progress;
use crate::timeline::rfc3339;

/// What is to be destroyed, and how sure of it somebody is.
pub(super) struct Request {
    pub(super) key: KeyId,
    pub(super) files: Vec<PathBuf>,
    pub(super) sure: bool,
    pub(super) even: Even,
}

/// In spite of what a key is destroyed.
#[derive(Clone, Copy)]
pub(super) enum Even {
    Nothing,
    Unregistered,
    BeforeExpiry,
}

impl Even {
    pub(super) const fn of(even_unregistered: bool, before_expiry: bool) -> Self {
        match (even_unregistered, before_expiry) {
            (_, true) => Self::BeforeExpiry,
            (true, false) => Self::Unregistered,
            (false, false) => Self::Nothing,
        }
    }
}

#[derive(Serialize)]
struct Destroyed {
    key: String,
    epoch: u64,
    at: String,
    tenant_keys: u64,
    erased: bool,
}

/// Databases that are looked through in the moment before the key goes, when nothing can be
/// sealed with it any more.
#[derive(Debug)]
struct Databases {
    id: ColumnId,
    key: KeyId,
    keys: Keys,
    files: Vec<PathBuf>,
}

impl Databases {
    /// # Errors
    /// `Misuse` if a database holds values of the key; else as `keyward_find::file`.
    fn look(&self) -> Result<()> {
        for file in &self.files {
            let report = find::look_through(file, &self.keys)?;
            find::note_not_asked(&report.virtual_tables);
            if let Some(first) = report.found.first() {
                let values = counted(report.values(), "value needs", "values need");
                return Err(Error::misuse(format!(
                    "{values} key {key} in {file}, the first of them {place}: `keyward keys enable {key}`, \
                     then seal them anew in the application that owns them",
                    key = self.key,
                    file = file.display(),
                    place = find::place(first),
                )));
            }
        }
        Ok(())
    }
}

impl Coverage for Databases {
    fn id(&self) -> &ColumnId {
        &self.id
    }

    fn has_barrier(&self) -> bool {
        false
    }

    fn close(&self, _: u64) -> BoxFuture<'_, Result<()>> {
        Box::pin(async { self.look() })
    }

    /// They hold none, or [`Databases::look`] refused.
    fn count<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async { Ok(0) })
    }
}

/// Destroys a key.
///
/// # Errors
/// `Misuse` if it is needed, or was not confirmed at a terminal.
pub(super) async fn run(home: &Home, request: Request, json: bool) -> Result<()> {
    let key = request.key;
    let status = which::to_destroy(home, key).await?;
    check_unneeded(home, &status, request.even).await?;
    if !request.files.is_empty() {
        let store = StoreId::new("databases-that-were-named")?;
        home.keyring().coverages().add(Arc::new(Databases {
            id: ColumnId::new(store, "every-column", status.purpose.clone())?,
            key,
            keys: find::keys_of(home, key).await?,
            files: request.files,
        }));
    }
    if !request.sure {
        confirm(key)?;
    }
    let receipt = wait(home, key, request.even).await?;
    tell(&receipt, receipt.erased, json)
}

/// Destroys it as soon as no process can be using it any more.
async fn wait(home: &Home, key: KeyId, even: Even) -> Result<Receipt> {
    let admin = home.keyring().admin();
    let progress = Progress::wait("serving processes know that the key is disabled");
    let mut told = false;
    loop {
        let ended = match even {
            Even::BeforeExpiry => danger::destroy_early(&admin, key).await?,
            Even::Unregistered => danger::destroy_unregistered(&admin, key).await?,
            Even::Nothing => admin.destroy_ready(key).await?,
        };
        match ended {
            Destruction::Done(receipt) => {
                progress.end();
                return Ok(receipt);
            }
            Destruction::Waiting { behind, until } => {
                let of = home.keyring().replicas().await?.len();
                progress.of(of.saturating_sub(behind.len()), of);
                if let Some(until) = until.filter(|_| behind.is_empty() && !told) {
                    told = true;
                    output::note(&format!(
                        "waiting until {}: what an application sealed before the key was disabled may not be stored yet",
                        rfc3339(until)
                    ));
                }
            }
            _ => {}
        }
        tokio::time::sleep(rotate::LOOK).await;
    }
}

/// Nothing of this home needs the key.
async fn check_unneeded(home: &Home, status: &KeyStatus, even: Even) -> Result<()> {
    let key = status.id;
    if matches!(even, Even::BeforeExpiry) {
        return Ok(());
    }
    let rows = home.keyring().admin().usage().await?.rows(key);
    let needed = counted(rows, "value needs", "values need");
    match status.algorithm {
        Algorithm::Seal if rows > 0 => Err(Error::misuse(format!(
            "{needed} key {key}: `keyward keys enable {key} && keyward vault rewrap`, then disable and destroy it"
        ))),
        Algorithm::Mac => check_drained(status, rows),
        _ => Ok(()),
    }
}

/// What the key authenticates has expired.
fn check_drained(status: &KeyStatus, rows: u64) -> Result<()> {
    let key = status.id;
    let end = "to end it all now, destroy the key with --before-expiry";
    if rows > 0 {
        let needed = counted(rows, "record or token needs", "records or tokens need");
        return Err(Error::misuse(format!("{needed} key {key} still; {end}")));
    }
    match status.drains_until {
        Some(until) if SystemClock::new().now()? < until => Err(Error::misuse(format!(
            "what key {key} authenticates may live until {}: destroy it then; {end}",
            rfc3339(until)
        ))),
        _ => Ok(()),
    }
}

fn tell(receipt: &Receipt, erased: bool, json: bool) -> Result<()> {
    let told = Destroyed {
        key: receipt.key.to_string(),
        epoch: receipt.epoch,
        at: rfc3339(receipt.at),
        tenant_keys: receipt.tenant_keys,
        erased,
    };
    if json {
        return output::json("keyward.keys.destroy/1", &told);
    }
    let reach = if told.erased {
        "its material is gone from the key store; older backups of the key store may still hold it"
    } else {
        "its material may still lie in the key store's free pages, which another process is using"
    };
    output::note(&format!("key {} is destroyed: {reach}", told.key));
    Ok(())
}

/// Asks, if a person can answer. A script is not asked: it said what it wants.
fn confirm(key: KeyId) -> Result<()> {
    let input = io::stdin();
    if !input.is_terminal() || !io::stderr().is_terminal() {
        return Ok(());
    }
    output::note(&format!(
        "key {key} will be gone for good, and every value it sealed that lies anywhere else with it; \
         type its first four digits to go on"
    ));
    let mut typed = String::new();
    input
        .lock()
        .read_line(&mut typed)
        .map_err(|e| Error::unavailable("the terminal cannot be read: try again").with_source(e))?;
    let wanted: String = key.to_string().chars().take(4).collect();
    if typed.trim() == wanted {
        return Ok(());
    }
    Err(Error::misuse(
        "nothing was destroyed, since the digits are others: run it again, or with --yes",
    ))
}
