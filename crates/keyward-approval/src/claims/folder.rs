//! The files of an anchor of claims, on whichever thread asks.

use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use keyward_base::{Error, ErrorKind, Result, Timestamp};
use keyward_files::{self as files, Subject};

use super::index::Index;
use super::shard::Shard;
use super::text::MAX_LEN;
use super::{Advanced, ClaimName, ClaimPin, Seen};

const SUBJECT: Subject = Subject {
    what: "the executor's anchor",
    elsewhere: "put it into a folder that only you may write",
};

/// The files beside those of the claims. Only who holds the lock writes, so that one draft is enough.
const INDEX: &str = "index";
const LOCK: &str = "lock";
const DRAFT: &str = "new";

/// A folder of its own: an index, and a file of claims for each first three digits of a gate's id. Each
/// is replaced as a whole, under the lock of the folder.
#[derive(Debug)]
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn begin(&self) -> Result<()> {
        let path = self.path()?;
        if self.index(&path)?.is_some() {
            return Ok(());
        }
        files::create_folder(&path).map_err(|e| self.failed("written", e))?;
        let _lock = self.lock(&path)?;
        if self.index(&path)?.is_some() {
            return Ok(());
        }
        // It is written before any file of claims.
        for entry in std::fs::read_dir(&path).map_err(|e| self.failed("read", e))? {
            let name = entry.map_err(|e| self.failed("read", e))?.file_name();
            if name.to_str().is_some_and(is_file_of_claims) {
                return Err(self.gone(INDEX));
            }
        }
        self.write(&path, INDEX, &Index::default().render())
    }

    pub(super) fn load(&self, name: ClaimName) -> Result<Seen> {
        let path = self.path()?;
        let number = Shard::number_of(name.id);
        if let Some(shard) = self.shard(&path, number)? {
            return Ok(shard.find(name));
        }
        if !self.begun(&path)?.has(number) {
            return Ok(Seen::Nothing);
        }
        // It may have been made since it was looked for.
        match self.shard(&path, number)? {
            Some(shard) => Ok(shard.find(name)),
            None => Err(self.gone(&file_of(number))),
        }
    }

    pub(super) fn advance(&self, name: ClaimName, next: ClaimPin) -> Result<Advanced> {
        let path = self.path()?;
        let _lock = self.lock(&path)?;
        let mut index = self.begun(&path)?;
        let number = Shard::number_of(name.id);
        let mut shard = match self.shard(&path, number)? {
            Some(shard) => shard,
            None if index.has(number) => return Err(self.gone(&file_of(number))),
            None => Shard::new(number),
        };
        let before = shard.find(name);
        let advanced = shard.advance(name, next);
        if advanced != Advanced::Pinned {
            return Ok(advanced);
        }
        if before == Seen::Pinned(next) {
            // Whoever wrote it may have been killed before it was on disk under its name.
            files::sync_folder(&path).map_err(|e| self.failed("written", e))?;
        } else {
            self.write(&path, &file_of(number), &shard.render())?;
        }
        if !index.has(number) {
            // Cut short before this, the file is there, and is not missed if it goes.
            index.add(number);
            self.write(&path, INDEX, &index.render())?;
        }
        Ok(advanced)
    }

    /// Forgets in these files what ended. One that cannot be read costs itself alone, and is told at the end.
    pub(super) fn prune(&self, numbers: Range<u16>, until: Timestamp) -> Result<usize> {
        let path = self.path()?;
        let index = self.begun(&path)?;
        let (mut gone, mut failed) = (0_usize, None);
        for number in numbers.filter(|number| index.has(*number)) {
            match self.prune_one(&path, number, until) {
                Ok(pins) => gone = gone.saturating_add(pins),
                Err(e) => failed = failed.or(Some(e)),
            }
        }
        failed.map_or(Ok(gone), Err)
    }

    fn prune_one(&self, path: &Path, number: u16, until: Timestamp) -> Result<usize> {
        // Asked without the lock first: mostly there is nothing to take away.
        let ends = |shard: Option<Shard>| shard.filter(|shard| shard.clone().prune(until) > 0);
        if ends(self.shard(path, number)?).is_none() {
            return Ok(0);
        }
        let _lock = self.lock(path)?;
        let Some(mut shard) = self.shard(path, number)? else {
            return Ok(0);
        };
        let gone = shard.prune(until);
        if gone > 0 {
            self.write(path, &file_of(number), &shard.render())?;
        }
        Ok(gone)
    }

    /// Where it is, without links.
    fn path(&self) -> Result<PathBuf> {
        let path = files::resolve(&self.0, &SUBJECT)?;
        match std::fs::symlink_metadata(&path) {
            Ok(told) if !told.is_dir() => Err(Error::misuse(format!(
                "the executor's anchor {} is a file, as it was before claims had a folder of their own: where \
                 nothing ran within the last two days and nothing waits to run, move that file away; else \
                 let that pass first",
                self.0.display()
            ))),
            _ => Ok(path),
        }
    }

    fn lock(&self, path: &Path) -> Result<File> {
        self.check(path)?;
        files::lock_patiently(&path.join(LOCK), &SUBJECT)?.ok_or_else(|| {
            Error::unavailable(format!(
                "another process of this user holds the lock of the executor's anchor {}: end it and try again",
                self.0.display()
            ))
        })
    }

    /// What others may write, they may lower. A folder that is gone is told by whoever reads in it.
    fn check(&self, path: &Path) -> Result<()> {
        match std::fs::symlink_metadata(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(self.taken_away()),
            _ => files::check_folder(path, &SUBJECT),
        }
    }

    /// The index, which was there when the anchor was opened.
    fn begun(&self, path: &Path) -> Result<Index> {
        self.index(path)?.ok_or_else(|| self.taken_away())
    }

    fn index(&self, path: &Path) -> Result<Option<Index>> {
        let bytes = self.read(path, INDEX)?;
        let index = bytes.map(|bytes| Index::parse(&bytes)).transpose();
        index.map_err(|e| self.wrong(INDEX, &e))
    }

    fn shard(&self, path: &Path, number: u16) -> Result<Option<Shard>> {
        let name = file_of(number);
        let bytes = self.read(path, &name)?;
        let shard = bytes.map(|bytes| Shard::parse(number, &bytes)).transpose();
        shard.map_err(|e| self.wrong(&name, &e))
    }

    fn read(&self, path: &Path, name: &str) -> Result<Option<Vec<u8>>> {
        let Some(file) = files::open_own(&path.join(name), &SUBJECT, 0o022)? else {
            return Ok(None);
        };
        files::check_folder(path, &SUBJECT)?;
        let mut bytes = Vec::new();
        let limit = u64::try_from(MAX_LEN).unwrap_or(u64::MAX).saturating_add(1);
        let read = file.take(limit).read_to_end(&mut bytes);
        read.map_err(|e| self.failed("read", e))?;
        Ok(Some(bytes))
    }

    fn write(&self, path: &Path, name: &str, text: &str) -> Result<()> {
        files::replace(&path.join(name), &path.join(DRAFT), text.as_bytes())
            .map_err(|e| self.failed("written", e))
    }

    fn failed(&self, what: &str, e: io::Error) -> Error {
        let shown = self.0.display();
        Error::unavailable(format!("the executor's anchor {shown} cannot be {what}")).with_source(e)
    }

    fn taken_away(&self) -> Error {
        Error::unavailable(format!(
            "the executor's anchor {} was taken away while it ran: nothing runs before somebody has looked at \
             what did; start it anew then",
            self.0.display()
        ))
    }

    fn gone(&self, name: &str) -> Error {
        Error::corrupt(format!(
            "of the executor's anchor {} the file {name} is gone: {WAY_OUT}",
            self.0.display()
        ))
    }

    /// A reader's complaint with the file's name, and the way out.
    fn wrong(&self, name: &str, e: &Error) -> Error {
        let shown = self.0.join(name);
        let shown = shown.display();
        match e.kind() {
            ErrorKind::Corrupt => {
                Error::corrupt(format!("{shown}, of the executor's anchor, {e}: {WAY_OUT}"))
            }
            _ => Error::unavailable(format!("{shown}, of the executor's anchor, {e}")),
        }
    }
}

/// Which of the gates ran is not known any more, but by their records.
const WAY_OUT: &str = "if the database was not put back from a backup since, end all executors of it, move \
                       the folder away, and start them again";

/// Three digits of hexadecimal.
fn file_of(number: u16) -> String {
    format!("{number:03x}")
}

fn is_file_of_claims(name: &str) -> bool {
    let number = u16::from_str_radix(name, 16);
    number.is_ok_and(|number| file_of(number) == name)
}
