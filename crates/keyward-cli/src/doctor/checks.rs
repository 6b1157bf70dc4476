//! The checks, from the folder up to the keys.

use std::path::Path;

use keyward_base::{Clock as _, Error, ErrorKind, Result, SystemClock, Timestamp};
use keyward_crypto::Provider;
use keyward_embedded::{ANCHOR_VAR, Home, HomeDir, ROOT_VAR, RootSource, anchor_path};
use keyward_keys::{
    Anchor as _, Coverage as _, DamagedRecord, FileAnchor, KeyState, PinName, RootVersion,
};
use keyward_sqlite::SqliteStore;
use keyward_store::{Collection, DamagedRow, Records as _};

use super::Check;
use crate::home::HomeArgs;
use crate::output::counted;
use crate::timeline::rfc3339;

/// All checks, in order. The anchor is looked at before the keyring is opened, which raises it.
pub(super) async fn all(home_args: &HomeArgs) -> Result<Vec<Check>> {
    let dir = home_args.dir()?;
    if !dir.is_used()? {
        dir.inspect()?;
        return Err(Error::misuse(format!(
            "there is no keyring at {}: `keyward keys init` makes one",
            dir.folder().display()
        )));
    }
    let mut checks = vec![
        match dir.inspect() {
            Ok(()) => Check::ok("home", format!("{}, private", dir.folder().display())),
            Err(e) => Check::fail("home", &e),
        },
        root(&dir),
    ];
    for (name, path) in [("keys.db", dir.keys_db()), ("data.db", dir.data_db())] {
        match store(&path).await {
            Ok((whole, rows)) => {
                checks.push(match whole {
                    Ok(()) => Check::ok(name, "its schema is known and its pages agree"),
                    Err(e) => Check::fail(name, &e),
                });
                let nameless = rows.iter().filter(|row| !has_tenant(name, row));
                checks.extend(nameless.map(|row| unreadable(name, row)));
            }
            Err(e) => checks.push(Check::fail(name, &e)),
        }
    }
    checks.push(anchor(&dir));
    match home_args.open().await {
        Ok(home) => checks.extend(keyring(&home).await),
        Err(e) => {
            checks.push(Check::fail("keyring", &e));
            checks.push(clock(None));
        }
    }
    Ok(checks)
}

fn root(dir: &HomeDir) -> Check {
    let source = RootSource::from_env();
    match (source.open(dir, &Provider::default()), source) {
        (Err(e), _) => Check::fail("root", &e),
        (Ok(root), RootSource::File) => Check::warn(
            "root",
            format!("{}, from the file root in this home", root.version()),
            format!("in production set {ROOT_VAR}: a copy of this folder holds its root too"),
        ),
        (Ok(root), _) => Check::ok("root", format!("{}, from {ROOT_VAR}", root.version())),
    }
}

/// Whether a store is whole, and the rows that cannot be read. Of many rows that cannot be read, SQLite's
/// own check does not tell whether they are all that is wrong: they are named all the same.
async fn store(path: &Path) -> Result<(Result<()>, Vec<DamagedRow>)> {
    if !path.exists() {
        return Err(Error::unavailable(format!(
            "{} is missing: restore it from a backup, see docs/runbook.md",
            path.display()
        )));
    }
    let store = SqliteStore::open(path)?;
    let whole = store.check_integrity().await;
    match store.damaged().await {
        Ok(rows) => Ok((whole, rows)),
        Err(e) => Err(whole.err().unwrap_or(e)),
    }
}

/// Whether it holds the keys of a tenant, who is named with the others.
fn has_tenant(file: &str, row: &DamagedRow) -> bool {
    let keys = row.collection.as_ref().map(Collection::as_str) == Some("tenant-keys");
    file == "keys.db" && keys && row.owner.as_ref().is_some_and(|owner| !owner.is_empty())
}

/// A row that cannot be read, and that no tenant can be named for.
fn unreadable(file: &'static str, row: &DamagedRow) -> Check {
    let shown = |part: Option<&str>| match part {
        Some(part) => format!("{part:?}"),
        None => "unreadable".to_owned(),
    };
    let collection = row.collection.as_ref().map(Collection::as_str);
    let says = format!(
        "row {} cannot be read: its {} is nothing that was written through the store (collection {}, owner {}, id {}); no key is destroyed that it may need",
        row.place,
        row.column,
        shown(collection),
        shown(row.owner.as_deref()),
        shown(row.id.as_deref())
    );
    let fix = match (file, collection) {
        ("keys.db", Some("keyring" | "coverage")) => {
            "restore keys.db, see docs/runbook.md".to_owned()
        }
        ("keys.db", _) => format!(
            "restore keys.db, or give the row up with `keyward keys set-aside --row {}`",
            row.place
        ),
        _ => format!(
            "restore {file}, or give the row up with `keyward vault set-aside {}`",
            row.place
        ),
    };
    Check::bad(file, ErrorKind::Corrupt, says, fix)
}

fn anchor(dir: &HomeDir) -> Check {
    let path = match anchor_path(dir, &Provider::default()) {
        Ok(path) => path,
        Err(e) => return Check::fail("anchor", &e),
    };
    let shown = path.display();
    match FileAnchor::new(path.clone()).load(&PinName::ring()) {
        Err(e) => Check::fail("anchor", &e),
        Ok(None) => Check::warn(
            "anchor",
            format!("{shown} is not there: an older keyring put back would go unnoticed"),
            "name the file that belongs to this home; or, if keys.db was not put back from a backup, `keyward keys accept-restore`",
        ),
        Ok(Some(_)) if inside(&path, dir) => Check::warn(
            "anchor",
            format!("{shown} lies in the home, so a backup brings its own"),
            format!("set {ANCHOR_VAR} to a file elsewhere"),
        ),
        Ok(Some(pin)) => Check::ok("anchor", format!("{shown}, epoch {}", pin.counter)),
    }
}

fn inside(path: &Path, dir: &HomeDir) -> bool {
    let resolved = |p: &Path| p.canonicalize().unwrap_or_else(|_| p.to_owned());
    resolved(path).starts_with(resolved(dir.folder()))
}

async fn keyring(home: &Home) -> Vec<Check> {
    let status = home.keyring().status();
    let newest = status
        .keys
        .iter()
        .flat_map(|key| {
            let later = [key.promoted, key.retired, key.disabled, key.destroyed];
            later.into_iter().flatten().chain([key.created])
        })
        .max();
    let mut checks = vec![
        Check::ok(
            "keyring",
            format!(
                "authentic, epoch {}, not older than the anchor",
                status.epoch
            ),
        ),
        clock(newest),
        replicas(home, status.epoch).await,
    ];
    for (name, found) in [
        ("replicas", no_leases(home).await),
        ("columns", columns(home).await),
        ("keys", keys(home).await),
        ("audit", super::record::checks(home).await),
        ("approval", super::approvals::checks(home).await),
        ("web", super::web::checks(home).await),
    ] {
        match found {
            Ok(found) => checks.extend(found),
            Err(e) => checks.push(Check::fail(name, &e)),
        }
    }
    checks
}

/// Records that are no lease of anybody.
async fn no_leases(home: &Home) -> Result<Vec<Check>> {
    let names = home.keyring().unreadable_replicas().await?;
    let check = |name: &String| {
        Check::warn(
            "replicas",
            format!("the record {name} is not an authentic lease, and nobody waits for it"),
            format!("keyward keys remove-replica {}", quoted(name)),
        )
    };
    Ok(names.iter().map(check).collect())
}

/// What is registered and cannot be counted here.
async fn columns(home: &Home) -> Result<Vec<Check>> {
    let all = crate::keys::columns(home).await?;
    let check = |column: &crate::keys::Column| {
        let name = column.name();
        if let (true, Some(replica)) = (column.is_of_a_store(), column.counted_by()) {
            return Check::ok(
                "columns",
                format!("{name} is counted by {replica}: keys of it are destroyed from there"),
            );
        }
        if column.is_of_a_store() && column.is_in_home() {
            return Check::warn(
                "columns",
                format!("{name} lies here, and no process that serves has counted it"),
                "start the service that keeps it",
            );
        }
        if column.is_of_a_store() {
            return Check::warn(
                "columns",
                format!(
                    "{name} is in a store that nobody presents here: its values are counted nowhere, and no key is destroyed"
                ),
                "run this on the home that has the store, or bring the store back from a backup",
            );
        }
        Check::warn(
            "columns",
            format!("{name} cannot be counted here: {}", column.state()),
            "rotate to the end from the service that owns it",
        )
    };
    let uncounted = all.iter().filter(|column| !column.is_counted());
    let mut checks: Vec<Check> = uncounted.map(check).collect();
    if checks.is_empty() {
        let says = match all.len() {
            1 => "1 column is registered, and is counted here".to_owned(),
            many => format!("{many} columns are registered, and all are counted here"),
        };
        checks.push(Check::ok("columns", says));
    }
    Ok(checks)
}

/// `name` as one word of a shell, and no option.
fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~!@%+=:,/".contains(c);
    if !name.is_empty() && name.chars().all(plain) && !name.starts_with(['-', '~']) {
        return name.to_owned();
    }
    let ends = if name.starts_with('-') { "-- " } else { "" };
    format!("{ends}'{}'", name.replace('\'', "'\\''"))
}

fn clock(newest: Option<Timestamp>) -> Check {
    match (SystemClock::new().now(), newest) {
        (Err(e), _) => Check::fail("clock", &e),
        (Ok(now), Some(newest)) if now < newest => Check::warn(
            "clock",
            format!("{} is before the keyring's last change", rfc3339(now)),
            "set the clock, or wait",
        ),
        (Ok(now), _) => Check::ok("clock", rfc3339(now)),
    }
}

async fn replicas(home: &Home, epoch: u64) -> Check {
    let live = match home.keyring().replicas().await {
        Ok(live) => live,
        Err(e) => return Check::fail("replicas", &e),
    };
    let serving = counted(live.len() as u64, "serving process", "serving processes");
    let behind = live.iter().filter(|replica| replica.epoch < epoch).count();
    if behind == 0 {
        let says = match live.len() {
            0 => "no process is serving".to_owned(),
            1 => format!("{serving}, at epoch {epoch}"),
            _ => format!("{serving}, all at epoch {epoch}"),
        };
        return Check::ok("replicas", says);
    }
    Check::warn(
        "replicas",
        format!("{serving}, {behind} of them not yet at epoch {epoch}"),
        "wait a few seconds; one that stays behind has to be restarted",
    )
}

/// A tenant whose keys cannot be read.
fn damaged(record: &DamagedRecord) -> Check {
    Check::bad(
        "keys",
        record.kind,
        format!(
            "the keys of tenant {} for {} cannot be read ({}), and its values do not open",
            record.owner, record.purpose, record.says
        ),
        format!(
            "restore keys.db, or give its values up with `{}`",
            record.way_out()
        ),
    )
}

async fn keys(home: &Home) -> Result<Vec<Check>> {
    let status = home.keyring().status();
    let counts = home.keyring().admin().usage().await?;
    let tenants = counts.damaged.iter();
    // A row that no tenant can be named for is named with its file.
    let tenants = tenants.filter(|record| record.nameless_row().is_none());
    let mut checks: Vec<Check> = tenants.map(damaged).collect();
    let usage = counts.keys;
    let known: u64 = usage.iter().map(|u| u.rows).fold(0, u64::saturating_add);
    let strange = home.column().count("").await?.saturating_sub(known);
    if strange > 0 {
        let rows = counted(strange, "row is", "rows are");
        checks.push(Check::warn(
            "keys",
            format!("{rows} sealed with keys this keyring does not know"),
            "restore the newest keys.db, see docs/runbook.md",
        ));
    }
    for key in &status.keys {
        let rows = usage.iter().find(|u| u.key == key.id).map_or(0, |u| u.rows);
        let id = key.id;
        let needed = counted(rows, "row needs", "rows need");
        let shut = if rows == 1 { "does" } else { "do" };
        let found = match key.state {
            KeyState::Pending => {
                Some((format!("{id} is pending"), "keyward keys rotate".to_owned()))
            }
            KeyState::Retired if rows > 0 => Some((
                format!("{needed} retired key {id}"),
                "keyward vault rewrap".to_owned(),
            )),
            KeyState::Disabled if rows > 0 => Some((
                format!("{needed} disabled key {id}, and {shut} not open"),
                format!("keyward keys enable {id} && keyward vault rewrap"),
            )),
            _ if key.root.is_some_and(|version| older(version, home)) => Some((
                format!("{id} is wrapped by an older version of the root"),
                "keyward keys rewrap".to_owned(),
            )),
            _ => None,
        };
        checks.extend(found.map(|(says, fix)| Check::warn("keys", says, fix)));
    }
    if checks.is_empty() {
        let total = counted(status.keys.len() as u64, "key", "keys");
        checks.push(Check::ok("keys", format!("{total}, nothing to be done")));
    }
    Ok(checks)
}

fn older(version: RootVersion, home: &Home) -> bool {
    version < home.root_version()
}
