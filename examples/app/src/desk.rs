//! The service: a vault, a keyring and an audit trail, on one folder.

mod credentials;
mod keys;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyward_base::{Actor, Result, Subject, Tenant};
use keyward_embedded::{Home, HomeDir, Options, RootSource};
use keyward_vault::{AtPlace, Vault};
use tokio::sync::watch;

use crate::journal::Journal;
use crate::log;
use crate::notice::Notices;
use crate::section::Section;
use keys::Rewrapping;

/// The one organisation there is until people can log in.
const ORGANISATION: &str = "acme";

/// Who acts, until people can log in: whoever reaches the pages.
const OPERATOR: &str = "operator";

/// How often the keyring is asked whether something is due.
const TICK: Duration = Duration::from_secs(1);

/// What the pages work with.
#[derive(Debug)]
pub(crate) struct Desk {
    home: Home,
    vault: Vault,
    journal: Arc<Journal>,
    tenant: Tenant,
    rewrapping: Arc<Mutex<Rewrapping>>,
    notices: Notices,
}

impl Desk {
    /// Opens the folder, or makes it.
    pub(crate) async fn open(folder: &Path) -> Result<Self> {
        let dir = HomeDir::at(folder);
        dir.prepare()
            .inspect_err(|_| log::line("the folder is the one that DEPLOYDESK_DATA names"))?;
        let journal = Arc::new(Journal::open(folder.join("audit.jsonl"))?);
        let mut options = Options::from_env();
        options.audit = journal.clone();
        options.actor = Some(Actor::new(Subject::new(OPERATOR)?).staff());
        let root_file = matches!(options.root, RootSource::File);
        let first = !dir.is_used()?;
        if first {
            Home::init(&dir, &options).await?;
        }
        let home = Home::serve(&dir, &options, "deploydesk").await?;
        if root_file {
            let path = dir.root_file();
            log::line(&format!(
                "DEVELOPMENT ROOT FILE {}{}: who copies this folder can open everything in it. \
                 In production, give the root in KEYWARD_ROOT, from a secret manager.",
                path.display(),
                if first { ", just made" } else { "" }
            ));
        }
        let vault = home.vault().clone();
        Ok(Self {
            home,
            vault,
            journal,
            tenant: Tenant::new(ORGANISATION)?,
            rewrapping: Arc::default(),
            notices: Notices::default(),
        })
    }

    /// The column of a section, for the one organisation.
    fn column(&self, section: Section) -> Result<AtPlace> {
        let tenant = self.vault.tenant(self.organisation())?;
        tenant.place(section.column())
    }

    pub(crate) fn organisation(&self) -> &str {
        self.tenant.as_str()
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(crate) const fn notices(&self) -> &Notices {
        &self.notices
    }

    /// Whether the keyring can be reached.
    pub(crate) async fn probe(&self) -> Result<()> {
        self.home.keyring().replicas().await.map(drop)
    }

    /// Gives the lease up, so that no rotation waits for a process that is gone.
    pub(crate) fn leave(&self) {
        self.home.close();
    }
}

/// Keeps the lease, follows the ring, and promotes a pending key when all processes know it.
/// A failure is said once, and again when it is another; without a lease the keyring refuses.
pub(crate) async fn tick(desk: Arc<Desk>, mut stopping: watch::Receiver<bool>) {
    let mut every = tokio::time::interval(TICK);
    let mut said = String::new();
    loop {
        tokio::select! {
            _ = every.tick() => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
        let told = match desk.keep_up().await {
            Ok(()) => String::new(),
            Err(error) => log::told(&error),
        };
        if told != said {
            log::line(if told.is_empty() {
                "the keyring is reachable again"
            } else {
                &told
            });
            said = told;
        }
    }
}
