//! The home this command works on, and what it says beside its answers.

use std::path::PathBuf;
use std::sync::Arc;

use keyward_base::audit::{Intent, Outcome};
use keyward_base::{Actor, BoxFuture, ErrorKind, Event, KeyId, Result, Sink, Subject};
use keyward_embedded::{Home, HomeDir, Options};
use keyward_password::CredentialRows;
use keyward_webhook::Inbox;

use crate::{apikey, approval, output};

/// Where the home is. Nothing is opened before it is needed.
#[derive(Debug)]
pub(crate) struct HomeArgs {
    folder: Option<PathBuf>,
    debug: bool,
}

impl HomeArgs {
    pub(crate) const fn new(folder: Option<PathBuf>, debug: bool) -> Self {
        Self { folder, debug }
    }

    /// The folder: `--home`, else what the environment says.
    pub(crate) fn dir(&self) -> Result<HomeDir> {
        match &self.folder {
            Some(folder) => Ok(HomeDir::at(folder)),
            None => HomeDir::from_env(),
        }
    }

    /// How this command opens it.
    pub(crate) fn options(&self) -> Options {
        let mut options = Options::from_env();
        options.actor = system_user();
        if self.debug {
            options.listener = Some(Arc::new(Told));
        }
        options
    }

    pub(crate) async fn init(&self) -> Result<Home> {
        Home::init(&self.dir()?, &self.options()).await
    }

    /// The home, with all that this command can count in its data store.
    pub(crate) async fn open(&self) -> Result<Home> {
        let home = Home::open(&self.dir()?, &self.options()).await?;
        let trail = home.vault().trail().clone();
        let attached = async {
            let (keyring, data) = (home.keyring(), home.data());
            CredentialRows::attach(keyring, data.clone(), trail.clone()).await?;
            Inbox::attach(keyring, data.clone(), trail).await?;
            apikey::attach(&home).await?;
            approval::attach(&home).await
        };
        match attached.await {
            // Every command that goes by the registry finds that out itself, and says what mends it.
            Err(e) if e.kind() == ErrorKind::Corrupt => Ok(home),
            attached => attached.map(|()| home),
        }
    }

    pub(crate) async fn accept_restore(&self) -> Result<Home> {
        keyward_embedded::danger::accept_restore(&self.dir()?, &self.options()).await
    }

    /// What this home knows of the key `id`; `None` where there is no home.
    pub(crate) async fn describe_key(&self, id: KeyId) -> Result<Option<String>> {
        let there = self.dir().and_then(|folder| folder.is_used());
        if !there.unwrap_or(false) {
            return Ok(None);
        }
        let home = self.open().await?;
        let status = home.keyring().status();
        let ring_key = |id| status.keys.iter().find(|key| key.id == id);
        if let Some(key) = ring_key(id) {
            return Ok(Some(format!(
                "ring key for {}, {}",
                key.purpose,
                key.state.as_str()
            )));
        }
        let Some(found) = home.keyring().admin().locate(id).await? else {
            return Ok(Some("not known to this home".to_owned()));
        };
        let state = ring_key(found.wrapped_by).map_or("gone", |key| key.state.as_str());
        Ok(Some(format!(
            "{} key of tenant {}, wrapped by ring key {}, {state}",
            found.purpose, found.tenant, found.wrapped_by,
        )))
    }
}

fn system_user() -> Option<Actor> {
    let subject = system_subject().ok()?;
    Some(Actor::new(subject).staff())
}

/// Who runs the command, by the system's number: a name in the environment proves nothing, and a file
/// under `/proc` is what is mounted there.
///
/// # Errors
/// `Unavailable` where the system does not say.
#[cfg(unix)]
pub(crate) fn system_subject() -> Result<Subject> {
    let user = rustix::process::geteuid();
    Subject::new(&format!("uid:{}", user.as_raw()))
}

/// Whether the system's numbers of users are those of the machine here. In a namespace of users
/// (user_namespaces(7)) anybody may have whatever number he likes.
pub(crate) fn is_numbered_by_machine() -> bool {
    match std::fs::read_to_string("/proc/self/uid_map") {
        Ok(map) => map.split_ascii_whitespace().eq(["0", "0", "4294967295"]),
        // Other systems have no such namespaces.
        Err(_) => !cfg!(target_os = "linux"),
    }
}

#[cfg(not(unix))]
pub(crate) fn system_subject() -> Result<Subject> {
    Err(keyward_base::Error::unavailable(
        "the system does not say who runs this command, and it is to be on record",
    ))
}

/// Writes each event to standard error: no event holds a secret.
#[derive(Debug)]
struct Told;

impl Sink for Told {
    fn record<'a>(&'a self, event: &'a Event) -> BoxFuture<'a, Result<()>> {
        output::complain(&told(event));
        Box::pin(std::future::ready(Ok(())))
    }

    fn open_intents(&self) -> BoxFuture<'_, Result<Vec<Intent>>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

fn told(event: &Event) -> String {
    let mut line = format!("keyward: debug: {}", event.action);
    if let Some(actor) = &event.actor {
        line.push_str(&format!(" by={}", actor.subject()));
    }
    if let Some(tenant) = &event.tenant {
        line.push_str(&format!(" tenant={tenant}"));
    }
    if let Some(place) = &event.place {
        line.push_str(&format!(" at={place}"));
    }
    if let Some(record) = &event.record {
        line.push_str(&format!(" id={record}"));
    }
    if let Some(key) = &event.key {
        line.push_str(&format!(" key={key}"));
    }
    line.push_str(": ");
    line.push_str(match event.outcome {
        Outcome::Failed(_, Some(reason)) => reason.as_str(),
        outcome => outcome.as_str(),
    });
    line
}
