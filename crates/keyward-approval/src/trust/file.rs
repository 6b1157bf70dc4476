//! The file on disk: whose it may be, and that its version only rises.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyward_base::{Domain, Error, Reason, Result};
use keyward_crypto::Provider;
use keyward_files::{self as files, Subject};
use keyward_keys::anchor::{Advance, Anchor, Pin, PinName};

use super::{MAX_LEN, Succession, Trust};
use crate::reason::{FORKED, PUT_BACK};
use crate::word::ServiceName;

const SUBJECT: Subject = Subject {
    what: "the file of trust",
    elsewhere: "put it into a folder that only its operator may write",
};

/// What names a service in an anchor's pin.
const SERVICE: Domain<(&ServiceName,)> = Domain::new("keyward/v1/trust-service");

/// A file of trust at a path, and the anchor that remembers which version was the newest. The
/// operator writes it; service and executor read it. Best it belongs to the superuser, so that
/// nobody who takes over the executor's user changes it.
#[derive(Clone, Debug)]
pub struct TrustFile {
    path: PathBuf,
    service: ServiceName,
    anchor: Arc<dyn Anchor>,
    provider: Provider,
}

impl TrustFile {
    /// The file of `service` at `path`. Nothing is read yet.
    #[must_use]
    pub fn new(
        provider: &Provider,
        path: PathBuf,
        service: ServiceName,
        anchor: Arc<dyn Anchor>,
    ) -> Self {
        Self {
            path,
            service,
            anchor,
            provider: *provider,
        }
    }

    /// What it says now. The first version that is seen is pinned, and from then on the newest.
    ///
    /// # Errors
    /// `Misuse` if there is no such file, if it is another user's or others may write it or its
    /// folder, if it is another service's, or as [`Trust::parse`]; `Unavailable` if it is older than
    /// one that was seen ([`PUT_BACK`]), or another of the same version ([`FORKED`]), and if file or
    /// anchor cannot be read.
    pub fn load(&self) -> Result<Trust> {
        let trust = self.read(&files::resolve(&self.path, &SUBJECT)?)?;
        self.pin(&trust)?;
        Ok(trust)
    }

    /// As [`TrustFile::load`], without parsing what `held` was parsed from: whose the file is, and that
    /// it was not put back, is asked as ever.
    pub(super) fn load_beside(&self, held: Option<Arc<Trust>>) -> Result<Arc<Trust>> {
        let text = self.text(&files::resolve(&self.path, &SUBJECT)?)?;
        let trust = match held {
            Some(held) if held.text() == text => held,
            _ => Arc::new(self.parsed(&text)?),
        };
        self.pin(&trust)?;
        Ok(trust)
    }

    /// Puts the new file in the place of the one that its voters had, and pins it. A kill at any
    /// moment leaves the one or the other.
    ///
    /// # Errors
    /// `Rejected` ([`Reason::CONFLICT`]) if the file is another one by now; else as
    /// [`TrustFile::load`], and `Unavailable` if it cannot be written.
    pub fn replace(&self, next: Succession) -> Result<Trust> {
        let path = files::resolve(&self.path, &SUBJECT)?;
        let _lock = self.lock(&path)?;
        let held = self.read(&path)?;
        self.pin(&held)?;
        let (before, trust) = next.into_parts();
        if *held.digest() != before {
            return Err(Error::rejected(Reason::CONFLICT));
        }
        self.is_ours(&trust)?;
        write(&path, trust.text()).map_err(|e| self.failed("written", e))?;
        self.pin(&trust)?;
        Ok(trust)
    }

    fn read(&self, path: &Path) -> Result<Trust> {
        self.parsed(&self.text(path)?)
    }

    fn parsed(&self, text: &str) -> Result<Trust> {
        let trust = Trust::parse(&self.provider, text)?;
        self.is_ours(&trust)?;
        Ok(trust)
    }

    fn text(&self, path: &Path) -> Result<String> {
        let Some(file) = files::open_own(path, &SUBJECT, 0o022)? else {
            return Err(Error::misuse(format!(
                "there is no file of trust {}: an operator writes it",
                self.path.display()
            )));
        };
        // What others may write, they may replace.
        files::check_folder(folder_of(path), &SUBJECT)?;
        let limit = u64::try_from(MAX_LEN).unwrap_or(u64::MAX).saturating_add(1);
        let mut text = Vec::new();
        let read = file.take(limit).read_to_end(&mut text);
        read.map_err(|e| self.failed("read", e))?;
        String::from_utf8(text).map_err(|_| {
            Error::misuse(format!(
                "the file of trust {} is no UTF-8",
                self.path.display()
            ))
        })
    }

    fn is_ours(&self, trust: &Trust) -> Result<()> {
        if *trust.service() == self.service {
            return Ok(());
        }
        Err(Error::misuse(format!(
            "the file of trust {} is of another service than {}",
            self.path.display(),
            self.service
        )))
    }

    fn pin(&self, trust: &Trust) -> Result<()> {
        let name = PinName::new(&format!("trust/{}", self.service))?;
        let named = SERVICE.encode(&(&self.service,))?;
        let named = self.provider.sha256(&[named.as_bytes()]);
        let (id, _) = named.split_first_chunk().unwrap_or((&[0; 16], &[]));
        let next = Pin {
            id: *id,
            counter: trust.version(),
            digest: *trust.digest(),
        };
        let (file, anchor) = (self.path.display(), self.anchor.describe());
        let seen = match self.anchor.advance(&name, &next)? {
            Advance::Pinned => return Ok(()),
            Advance::Older(seen) => Error::unavailable(format!(
                "the file of trust {file} is of version {}, and {anchor} has seen version {}: put \
                 the newest one there",
                next.counter, seen.counter
            ))
            .because(PUT_BACK),
            Advance::Fork(_) | Advance::Foreign(_) => Error::unavailable(format!(
                "the file of trust {file} is another than the one of version {} that {anchor} has \
                 seen: whoever edits it raises its version",
                next.counter
            ))
            .because(FORKED),
        };
        Err(seen)
    }

    fn lock(&self, path: &Path) -> Result<File> {
        let file = files::lock_file(&beside(path, ".lock"), &SUBJECT)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(std::fs::TryLockError::WouldBlock) => Err(Error::unavailable(format!(
                "another process replaces the file of trust {}: try again in a moment",
                self.path.display()
            ))),
            Err(std::fs::TryLockError::Error(e)) => Err(self.failed("locked", e)),
        }
    }

    fn failed(&self, what: &str, e: std::io::Error) -> Error {
        let path = self.path.display();
        Error::unavailable(format!("the file of trust {path} cannot be {what}")).with_source(e)
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or_else(|| Path::new("/"))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Replaces the file as a whole; only who holds the lock does. Whoever could read the old one reads
/// the new one: it may be another user's than the executor's. Others could write neither.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let next = beside(path, ".new");
    match std::fs::remove_file(&next) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = files::create_new(&next)?;
    let old = std::fs::metadata(path)?;
    let_in(&file, &old)?;
    file.set_permissions(old.permissions())?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&next, path)?;
    files::sync_folder(folder_of(path))
}

/// Gives the file to the group of the old one.
#[cfg(unix)]
fn let_in(file: &File, old: &std::fs::Metadata) -> std::io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    if file.metadata()?.gid() == old.gid() {
        return Ok(());
    }
    std::os::unix::fs::fchown(file, None, Some(old.gid()))
}

#[cfg(not(unix))]
const fn let_in(_: &File, _: &std::fs::Metadata) -> std::io::Result<()> {
    Ok(())
}
