//! `keyward keys find`: values of a key, where nobody registered them.

use std::path::{Path, PathBuf};

use keyward_base::{Error, ErrorKind, KeyId, Result};
use keyward_embedded::Home;
use keyward_find::{Found, Keys, Options, Report};
use serde::Serialize;

use super::which;
use crate::output::counted;
use crate::progress::Progress;
use crate::{input, output};

#[derive(Serialize)]
struct Answer {
    key: String,
    ids: usize,
    values: u64,
    sources: Vec<Source>,
}

/// A database or a dump, and what was found in it.
#[derive(Serialize)]
struct Source {
    /// The path as it was given; null for standard input.
    file: Option<String>,
    values: u64,
    found: Vec<Place>,
    virtual_tables: Vec<String>,
    complete: bool,
    log_missing: bool,
}

#[derive(Serialize)]
struct Place {
    table: String,
    column: Option<String>,
    values: u64,
}

/// Looks through `files`, or through standard input if there are none.
pub(super) async fn run(home: &Home, key: KeyId, files: &[PathBuf], json: bool) -> Result<()> {
    let keys = keys_of(home, key).await?;
    let mut sources = Vec::new();
    for file in files {
        let name = Some(file.display().to_string());
        sources.push(Source::of(name, look_through(file, &keys)?));
    }
    if files.is_empty() {
        let dump = input::stdin("a dump")?;
        let progress = Progress::bytes("of the dump");
        keyward_find::widen(&dump);
        let report = keyward_find::dump(dump, &keys, progress.counter())?;
        progress.end();
        sources.push(Source::of(None, report));
    }
    let values = sources.iter().map(|source| source.values);
    let answer = Answer {
        key: key.to_string(),
        ids: keys.len(),
        values: values.fold(0, u64::saturating_add),
        sources,
    };
    if json {
        return output::json("keyward.keys.find/1", &answer);
    }
    answer.sources.iter().try_for_each(Source::show)?;
    let found = counted(answer.values, "value needs", "values need");
    output::note(&format!("{found} key {key}"));
    Ok(())
}

/// The ids that values of `key` name.
///
/// # Errors
/// `Misuse` if the keyring knows no such key.
pub(super) async fn keys_of(home: &Home, key: KeyId) -> Result<Keys> {
    let status = home.keyring().status();
    let admin = home.keyring().admin();
    if status.keys.iter().any(|ring_key| ring_key.id == key) {
        let ids = admin.ids_under(key).await.map_err(|e| match e.kind() {
            ErrorKind::Corrupt => Error::corrupt(
                "the keys of a tenant cannot be read, so that its values cannot be told from \
                 others: `keyward doctor` names it and the way out",
            )
            .with_source(e),
            _ => e,
        })?;
        return Ok(ids.into_iter().collect());
    }
    match admin.locate(key).await? {
        Some(found) => Ok([found.key].into_iter().collect()),
        None => Err(which::unknown(key)),
    }
}

/// Looks through one database.
pub(super) fn look_through(file: &Path, keys: &Keys) -> Result<Report> {
    let progress = Progress::count("rows");
    let report = keyward_find::file(file, keys, Options::default(), progress.counter());
    progress.end();
    let report = report?;
    if report.log_missing {
        let file = file.display();
        output::note(&format!(
            "{file} keeps a write-ahead log, and no {file}-wal lies beside it: if it is a copy, copy both, or the last writes are missing"
        ));
    }
    Ok(report)
}

/// Says which tables were not looked through.
pub(super) fn note_not_asked(virtual_tables: &[String]) {
    if !virtual_tables.is_empty() {
        output::note(&format!(
            "virtual tables were not asked, only the tables that built-in ones keep their content in: {}",
            virtual_tables.join(", ")
        ));
    }
}

/// `table.column`, as far as it is known.
pub(super) fn place(found: &Found) -> String {
    named(&found.table, found.column.as_deref())
}

fn named(table: &str, column: Option<&str>) -> String {
    match (table, column) {
        ("", _) => "outside any table".to_owned(),
        (table, Some(column)) => format!("{table}.{column}"),
        (table, None) => format!("{table}, in a column that is not named"),
    }
}

impl Source {
    fn of(file: Option<String>, report: Report) -> Self {
        let values = report.values();
        let place = |found: Found| Place {
            table: found.table,
            column: found.column,
            values: found.values,
        };
        Self {
            file,
            values,
            found: report.found.into_iter().map(place).collect(),
            virtual_tables: report.virtual_tables,
            complete: report.complete,
            log_missing: report.log_missing,
        }
    }

    fn show(&self) -> Result<()> {
        let name = self.file.as_deref().unwrap_or("standard input");
        let total = counted(self.values, "value", "values");
        output::say(&format!("{name}: {total}"))?;
        for place in &self.found {
            let named = named(&place.table, place.column.as_deref());
            output::say(&format!("{:>12}  {named}", place.values))?;
        }
        note_not_asked(&self.virtual_tables);
        if !self.complete {
            output::note(
                "the dump does not end as a whole one does: if it was not written without comments, make it again",
            );
        }
        Ok(())
    }
}
