//! What SQLite says, as one of keyward's four kinds.

use keyward_base::{Error, Result};
use keyward_store::reason;
use rusqlite::ErrorCode;
use rusqlite::ffi::{Error as Failure, SQLITE_IOERR_SHMSIZE, SQLITE_READONLY_DBMOVED};

use crate::damaged::is_of_a_value;

/// An error of this store. Values never appear in it: SQLite's own messages name tables, columns
/// and constraints, and every value is bound.
pub(crate) fn error(error: rusqlite::Error) -> Error {
    let said = match &error {
        rusqlite::Error::SqliteFailure(failure, _) if lacks_room(failure) => FULL,
        rusqlite::Error::SqliteFailure(failure, said)
            if failure.extended_code == SQLITE_READONLY_DBMOVED =>
        {
            if said.as_deref() == Some(WRITTEN_OVER) {
                OVER
            } else {
                MOVED
            }
        }
        rusqlite::Error::SqliteFailure(failure, _) => judge(failure.code),
        e if is_of_a_value(e) => Kind::Corrupt(DAMAGED),
        // A schema that is not ours.
        _ => Kind::Corrupt(FOREIGN),
    };
    match said {
        Kind::Corrupt(said) => Error::corrupt(said),
        Kind::Full(said) => Error::unavailable(said).because(reason::FULL),
        Kind::Unavailable(said) => Error::unavailable(said),
    }
    .with_source(error)
}

/// Whether another connection stands in the way.
pub(crate) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

/// Whether another connection stands in the way of what failed so.
pub(crate) fn is_locked(error: &Error) -> bool {
    let source = std::error::Error::source(error);
    source.and_then(|e| e.downcast_ref()).is_some_and(is_busy)
}

/// Turns results of SQLite into keyward's.
pub(crate) trait Said<T> {
    fn said(self) -> Result<T>;
}

impl<T> Said<T> for rusqlite::Result<T> {
    fn said(self) -> Result<T> {
        self.map_err(error)
    }
}

const FULL: Kind = Kind::Full("the disk, or the store's quota, is full: make room, and try again");

const MOVED: Kind = Kind::Unavailable(
    "the store's file, or one of its journals, was moved, replaced or deleted while it was open: open the store again",
);

/// What the error of a file that something was copied over says.
pub(crate) const WRITTEN_OVER: &str = "written over";

const OVER: Kind = Kind::Corrupt(
    "something was copied over the store's file while it was open, as a backup may be: stop every process that uses it, remove its -wal and its -shm, copy the backup again, and start them",
);

/// SQLite calls a disk that has no room for the memory that processes share an input/output error.
const fn lacks_room(failure: &Failure) -> bool {
    matches!(failure.code, ErrorCode::DiskFull) || failure.extended_code == SQLITE_IOERR_SHMSIZE
}

/// Whether there was no room on the disk for what failed so.
pub(crate) fn is_full(error: &Error) -> bool {
    let source = std::error::Error::source(error);
    let failure = source.and_then(|e| e.downcast_ref::<rusqlite::Error>());
    failure.is_some_and(|e| e.sqlite_error().is_some_and(lacks_room))
}

const DAMAGED: &str = "a row of the store holds what nobody wrote through it: restore a backup, or give the row up as `keyward doctor` says";

const FOREIGN: &str = "the store is not laid out as its version says: something changed a table, an index, a trigger or a view in its file, or a value: restore a backup";

enum Kind {
    Corrupt(&'static str),
    Full(&'static str),
    Unavailable(&'static str),
}

fn judge(code: ErrorCode) -> Kind {
    match code {
        ErrorCode::NotADatabase => Kind::Corrupt(
            "the store's file is not a SQLite database: check the path, or restore a backup",
        ),
        ErrorCode::DatabaseCorrupt => {
            Kind::Corrupt("the store's file is damaged or cut short: restore a backup")
        }
        ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch => Kind::Corrupt(FOREIGN),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Kind::Unavailable(
            "the store is locked by another process: end its transaction, and try again",
        ),
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => Kind::Unavailable(
            "the store cannot be written: give its user the file, its folder and a writable disk",
        ),
        ErrorCode::CannotOpen => Kind::Unavailable(
            "the store's file cannot be opened: check the path, its owner and the folder's mode",
        ),
        ErrorCode::SystemIoFailure => Kind::Unavailable(
            "the disk failed while the store was read or written: check it, and try again",
        ),
        ErrorCode::OperationInterrupted => Kind::Unavailable(
            "a statement took longer than the store allows: try again, and check its file",
        ),
        ErrorCode::OutOfMemory => {
            Kind::Unavailable("there was no memory left for the store: free some, and try again")
        }
        _ => Kind::Unavailable("the store failed, and its source says how: try again"),
    }
}

#[cfg(test)]
mod tests {
    use keyward_base::ErrorKind;
    use rusqlite::ffi;

    use super::*;

    /// Most of these no test can bring a disk or a system to say.
    #[test]
    fn each_failure_is_told_with_what_mends_it() {
        use ErrorKind::{Corrupt, Unavailable};
        for (code, kind, part) in [
            (ffi::SQLITE_NOTADB, Corrupt, "check the path"),
            (ffi::SQLITE_CORRUPT, Corrupt, "cut short: restore a backup"),
            (ffi::SQLITE_CONSTRAINT, Corrupt, "laid out"),
            (ffi::SQLITE_MISMATCH, Corrupt, "laid out"),
            (ffi::SQLITE_BUSY, Unavailable, "end its transaction"),
            (ffi::SQLITE_LOCKED, Unavailable, "end its transaction"),
            (ffi::SQLITE_FULL, Unavailable, "make room"),
            (SQLITE_IOERR_SHMSIZE, Unavailable, "make room"),
            (ffi::SQLITE_IOERR, Unavailable, "the disk failed"),
            (ffi::SQLITE_IOERR_READ, Unavailable, "the disk failed"),
            (ffi::SQLITE_READONLY, Unavailable, "cannot be written"),
            (ffi::SQLITE_PERM, Unavailable, "cannot be written"),
            (SQLITE_READONLY_DBMOVED, Unavailable, "open the store again"),
            (ffi::SQLITE_CANTOPEN, Unavailable, "cannot be opened"),
            (ffi::SQLITE_INTERRUPT, Unavailable, "longer than"),
            (ffi::SQLITE_NOMEM, Unavailable, "no memory"),
            (ffi::SQLITE_PROTOCOL, Unavailable, "its source says how"),
        ] {
            let said = error(rusqlite::Error::SqliteFailure(Failure::new(code), None));
            assert_eq!(said.kind(), kind, "{code}");
            assert!(said.to_string().contains(part), "{code}: {said}");
            let full = [ffi::SQLITE_FULL, SQLITE_IOERR_SHMSIZE].contains(&code);
            assert_eq!(is_full(&said), full, "{code}");
            assert_eq!(said.reason() == Some(reason::FULL), full, "{code}");
            let locked = [ffi::SQLITE_BUSY, ffi::SQLITE_LOCKED].contains(&code);
            assert_eq!(is_locked(&said), locked, "{code}");
        }
        let other = error(rusqlite::Error::InvalidQuery);
        assert_eq!(other.kind(), Corrupt);
        assert!(!is_locked(&other) && !is_full(&other));
    }
}
