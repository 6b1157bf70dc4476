//! `keyward vault rewrap`: every value under a new key.

use keyward_base::{Error, Reason, Result};
use keyward_vault::Rewrap;
use serde::Serialize;

use crate::home::HomeArgs;
use crate::keys::{self, Column};
use crate::output::{self, counted};
use crate::progress::Progress;

#[derive(Serialize)]
struct Told {
    seen: u64,
    moved: u64,
    skipped: u64,
    skipped_because: Option<&'static str>,
    quarantined: u64,
    unreadable: u64,
    left: u64,
    uncounted: Vec<Column>,
}

/// Seals every value anew.
///
/// # Errors
/// `Corrupt` if rows do not open, `Unavailable` if rows had to be left under an old key: both
/// after the report.
pub(super) async fn run(home_args: &HomeArgs, json: bool) -> Result<()> {
    let home = home_args.open().await?;
    let progress = Progress::share("values");
    let mut at = progress.sharer();
    let rewrap = Rewrap::new(home.vault()).progress(move |now| at(now.seen, now.total));
    let report = rewrap.run().await?;
    progress.end();
    let mut uncounted = keys::uncounted(&home).await?;
    uncounted.retain(|column| column.is_for(home.vault().purpose()));
    let told = Told {
        seen: report.seen,
        moved: report.moved,
        skipped: report.skipped,
        skipped_because: report.skipped_because.map(Reason::as_str),
        quarantined: report.quarantined,
        unreadable: report.unreadable,
        left: report.left,
        uncounted,
    };
    if json {
        output::json("keyward.vault.rewrap/2", &told)?;
    } else {
        output::note(&format!(
            "{} sealed anew; {} left under older keys, {} skipped",
            counted(told.moved, "value", "values"),
            told.left,
            told.skipped
        ));
        for column in &told.uncounted {
            output::note(&format!(
                "not looked at: {}; {}. The service that owns it seals its values anew",
                column.name(),
                column.state()
            ));
        }
    }
    judge(&told)
}

fn judge(told: &Told) -> Result<()> {
    if told.quarantined > 0 {
        let rows = counted(told.quarantined, "row does", "rows do");
        return Err(Error::corrupt(format!(
            "{rows} not open and are left as they are: `keyward vault list --tenant T --verify` names them"
        )));
    }
    if told.unreadable > 0 {
        let rows = counted(told.unreadable, "row", "rows");
        return Err(Error::corrupt(format!(
            "{rows} cannot be read, and no key is destroyed meanwhile: `keyward doctor` names each and the way out"
        )));
    }
    // A value whose key this ring does not know is skipped, and no count of the ring's keys has it.
    let stays = told.left.max(told.skipped);
    if stays > 0 {
        let rows = counted(stays, "value stays", "values stay");
        let why = told.skipped_because.unwrap_or("skipped");
        return Err(Error::unavailable(format!(
            "{rows} under another key ({why}): `keyward doctor` says what mends it, then run this again"
        )));
    }
    Ok(())
}
