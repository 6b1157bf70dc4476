//! Where mail goes: on loopback, into an outbox that a page shows; elsewhere, into a spool folder that
//! a mail program takes it from.
//!
//! What a mail says may open an account, so that neither is on disk for others to read: the outbox is
//! in memory, the spool readable by this user alone.

use std::collections::VecDeque;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use keyward_base::encoding::hex;
use keyward_base::{Error, Result, Timestamp};
use keyward_crypto::Provider;
use keyward_files::{Subject, check_folder, create_folder, create_new, publish, resolve};
use serde::Serialize;

/// How many mails the outbox keeps. Beyond it the oldest are forgotten.
const KEPT: usize = 200;

/// How many mails may wait in the spool. Beyond it none is added: nobody takes them.
const WAITING: usize = 10_000;

/// The spool folder, for messages.
const SUBJECT: Subject = Subject {
    what: "the spool folder",
    elsewhere: "let nobody but its owner write to it",
};

/// A mail.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Mail {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    /// The addresses in the text, each whole.
    pub(crate) links: Vec<String>,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mail(…)")
    }
}

/// Where mail goes.
#[derive(Debug)]
pub(crate) enum Post {
    /// Into memory, the oldest first.
    Outbox(Mutex<VecDeque<Mail>>),
    /// Into this folder.
    Spool(PathBuf),
}

impl Post {
    /// The outbox.
    pub(crate) fn outbox() -> Self {
        Self::Outbox(Mutex::default())
    }

    /// The spool folder at `path`, which is made if it is not there.
    ///
    /// # Errors
    /// `Misuse` for a folder in which others could put or take something, be it behind a link.
    pub(crate) fn spool(path: &Path) -> Result<Self> {
        let path = resolve(path, &SUBJECT)?;
        create_folder(&path).map_err(cannot_spool)?;
        check_folder(&path, &SUBJECT)?;
        Ok(Self::Spool(path))
    }

    /// Sends a mail.
    pub(crate) fn send(&self, mail: Mail, now: Timestamp, crypto: &Provider) -> Result<()> {
        match self {
            Self::Outbox(held) => {
                let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
                held.push_back(mail);
                if held.len() > KEPT {
                    held.pop_front();
                }
                Ok(())
            }
            Self::Spool(folder) => {
                let random = crypto.random::<8>()?;
                // In the order of their names they are in that of their times.
                let name = format!("{:013}-{}", now.as_millis(), hex(random.expose()));
                spool(folder, &name, &mail)
            }
        }
    }

    /// What lies in the outbox, the oldest first; none if there is no outbox.
    pub(crate) fn sent(&self) -> Option<Vec<Mail>> {
        match self {
            Self::Outbox(held) => {
                let held = held.lock().unwrap_or_else(PoisonError::into_inner);
                Some(held.iter().cloned().collect())
            }
            Self::Spool(_) => None,
        }
    }
}

fn cannot_spool(e: std::io::Error) -> Error {
    Error::unavailable("mail cannot be written to the spool folder").with_source(e)
}

/// Writes a mail whole under a name that nobody takes, and then gives it its own.
fn spool(folder: &Path, name: &str, mail: &Mail) -> Result<()> {
    let waiting = std::fs::read_dir(folder).map_err(cannot_spool)?;
    if waiting.take(WAITING).count() >= WAITING {
        return Err(Error::unavailable(
            "the spool folder is full: nothing takes the mail from it",
        ));
    }
    let json = serde_json::to_vec(mail)
        .map_err(|e| Error::unavailable("a mail cannot be written").with_source(e))?;
    let part = folder.join(format!(".{name}.part"));
    let written = create_new(&part).and_then(|mut file| {
        file.write_all(&json)?;
        file.sync_all()?;
        publish(&part, &folder.join(format!("{name}.json")))
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    written.map_err(cannot_spool)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mail(n: usize) -> Mail {
        Mail {
            to: "ann@example.com".to_owned(),
            subject: format!("Number {n}"),
            text: "Read this.".to_owned(),
            links: Vec::new(),
        }
    }

    #[test]
    fn the_outbox_keeps_the_newest() {
        let post = Post::outbox();
        for n in 0..=KEPT {
            let now = Timestamp::from_millis(1);
            post.send(mail(n), now, &Provider::default()).unwrap();
        }
        let sent = post.sent().unwrap();
        assert_eq!(sent.len(), KEPT);
        assert_eq!(sent[0], mail(1));
    }

    #[test]
    fn a_spooled_mail_is_one_whole_file_of_this_user_alone() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("spool");
        let post = Post::spool(&path).unwrap();
        for n in 0..3_usize {
            let now = Timestamp::from_millis(1_000 + u64::try_from(n).unwrap());
            post.send(mail(n), now, &Provider::default()).unwrap();
        }
        assert_eq!(post.sent(), None);
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        let mut files: Vec<_> = std::fs::read_dir(&path)
            .unwrap()
            .map(|file| file.unwrap().path())
            .collect();
        files.sort();
        assert_eq!(files.len(), 3);
        for (n, file) in files.iter().enumerate() {
            assert_eq!(mode(file), 0o600);
            assert_eq!(file.extension().unwrap(), "json");
            let read: serde_json::Value =
                serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
            assert_eq!(read["subject"], format!("Number {n}"));
            assert_eq!(read["links"], serde_json::json!([]));
        }
        // Nor is one taken that others may write to, be it behind a link.
        let open = folder.path().join("open");
        std::fs::create_dir(&open).unwrap();
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o777)).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&open, &link).unwrap();
        for other in [&open, &link] {
            let refused = Post::spool(other).unwrap_err();
            assert_eq!(refused.kind(), keyward_base::ErrorKind::Misuse);
        }
        // One that nobody empties takes no more, and what it has stays.
        for n in files.len()..WAITING {
            std::fs::write(path.join(format!("{n}")), b"").unwrap();
        }
        let now = Timestamp::from_millis(9_000);
        let full = post.send(mail(9), now, &Provider::default()).unwrap_err();
        assert!(full.to_string().contains("full"));
        assert!(files.iter().all(|file| file.exists()));
    }
}
