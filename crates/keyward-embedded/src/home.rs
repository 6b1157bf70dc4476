//! An opened home.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use keyward_audit::Audit;
use keyward_audit::alert::{Alerts, Teller};
use keyward_audit::audit::ROUND_EVERY;
use keyward_base::{Actor, Clock, Error, OpenObserver, Purpose, Result, Sink, SystemClock, Trail};
use keyward_crypto::Provider;
use keyward_keys::{FileAnchor, Keyring, KeyringBuilder, Policy, RecordColumn, Root, RootVersion};
use keyward_sqlite::{Builder, SqliteStore};
use keyward_store::Records;
use keyward_vault::Vault;
use keyward_vault::slot::VAULT;

use crate::audit::{self, Way};
use crate::home_dir::HomeDir;
use crate::source::{RootSource, anchor_path};
use crate::ticker::{Ticker, Tickers};

/// How to open a home. [`Options::from_env`] is what most programs want.
#[derive(Debug)]
#[non_exhaustive]
pub struct Options {
    /// Where the root comes from.
    pub root: RootSource,
    /// The anchor file; `None` takes [`anchor_path`].
    pub anchor: Option<PathBuf>,
    /// Where events go; `None` for the home's own logs ([`Home::audit`]), and nowhere while it
    /// keeps none.
    pub audit: Option<Arc<dyn Sink>>,
    /// How long after a round of checkpoints of the home's own logs [`Home::serve`] makes the next,
    /// if anything was recorded: [`ROUND_EVERY`] unless told. What came after the last can be cut
    /// unseen by whoever writes to the data store.
    pub round_every: Duration,
    /// What [`Home::serve`] looks for in the home's own logs, and who is told of it, about once a
    /// second: [`Teller`]. Of several processes each tells, under the same ids
    /// ([`Anomaly::id`](keyward_audit::alert::Anomaly::id)): so none relies on another, and nobody
    /// who writes to the database can keep one from telling by a claim. Nothing is recorded in these
    /// logs while [`Options::audit`] names another sink, so both together are refused. Default:
    /// nothing.
    pub alerts: Option<Alerts>,
    /// Who is told of each event beside, once it is recorded. What it fails with is passed over.
    pub listener: Option<Arc<dyn Sink>>,
    /// Who acts, unless `acting_as` of the vault or of the admin handle says otherwise; none for
    /// the service itself.
    pub actor: Option<Actor>,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Which implementation does the cryptography.
    pub provider: Provider,
    /// The times and bounds of the keyring.
    pub policy: Policy,
    /// Who is told of every value that the vault opens:
    /// [`VaultBuilder::observer`](keyward_vault::VaultBuilder::observer). Default: nobody.
    pub observers: Vec<Arc<dyn OpenObserver>>,
    /// The name of a long-running process that calls `Keyring::tick` itself every few seconds;
    /// [`Home::serve`] does both. A command that ends at once has none.
    pub replica: Option<String>,
}

impl Options {
    /// The root from `KEYWARD_ROOT` or the root file, the anchor from `KEYWARD_ANCHOR` or the
    /// user's state folder, the system's clock, events to the home's own logs, no replica.
    #[must_use]
    pub fn from_env() -> Self {
        Self::with_root(RootSource::from_env())
    }

    /// The same with a root of the caller's choice.
    #[must_use]
    pub fn with_root(root: RootSource) -> Self {
        Self {
            root,
            anchor: None,
            audit: None,
            round_every: ROUND_EVERY,
            alerts: None,
            listener: None,
            actor: None,
            clock: Arc::new(SystemClock::new()),
            provider: Provider::default(),
            policy: Policy::default(),
            observers: Vec::new(),
            replica: None,
        }
    }
}

impl Options {
    pub(crate) fn trail(&self, way: &Way) -> Trail {
        let trail = Trail::new(way.sink(self));
        match &self.actor {
            Some(actor) => trail.acting_as(actor.clone()),
            None => trail,
        }
    }
}

/// A home, opened: its stores, its keyring, its logs and its vault. A home that records into its own
/// logs is kept for as long as its vault or its keyring is used: once it is dropped, nothing is
/// recorded, and so nothing is done that must be.
#[derive(Debug)]
pub struct Home {
    dir: HomeDir,
    pub(crate) anchor: PathBuf,
    keys: Arc<SqliteStore>,
    pub(crate) data: Arc<SqliteStore>,
    pub(crate) keyring: Keyring,
    pub(crate) logs: Option<Audit>,
    root: RootVersion,
    vault: Vault,
    tickers: Tickers,
    #[cfg(feature = "redact")]
    pub(crate) redactor: crate::redact::Slot,
}

impl Home {
    /// Makes a home: the folder, the root file if the root is to be one, both stores, and a
    /// keyring with one Active key for the vault.
    ///
    /// # Errors
    /// `Misuse` if a keyring, an anchor or sealed data exist, for a root that is none, and for
    /// permissions that let others in; `Unavailable` if something cannot be written. A root that
    /// is none is found before anything is made.
    pub async fn init(dir: &HomeDir, options: &Options) -> Result<Self> {
        if let RootSource::Keys(_) = options.root {
            options.root.open(dir, &options.provider)?;
        }
        dir.prepare()?;
        let root = options.root.create(dir, &options.provider)?;
        let parts = Parts::of(dir, options, root, |store| store)?;
        let purpose = Purpose::new("vault")?;
        let guard = RecordColumn::new(parts.data.clone(), VAULT, purpose.clone())?;
        // A keyring that is being made has no logs.
        parts.way.nowhere()?;
        let builder = parts.keyring(options);
        let keyring = builder.create(&[purpose], &[&guard]).await?;
        parts.finish(dir, options, keyring).await
    }

    /// Opens the home of this machine's user for a process that goes on running, under a `name` for
    /// people: [`Home::serve`] with [`HomeDir::from_env`] and [`Options::from_env`].
    ///
    /// # Errors
    /// As [`Home::serve`] and [`HomeDir::from_env`].
    pub async fn open_default(name: &str) -> Result<Self> {
        Self::serve(&HomeDir::from_env()?, &Options::from_env(), name).await
    }

    /// Opens the home of this machine's user for a command that ends at once and takes no lease:
    /// [`Home::open`] with [`HomeDir::from_env`] and [`Options::from_env`].
    ///
    /// # Errors
    /// As [`Home::open`] and [`HomeDir::from_env`].
    pub async fn open_once() -> Result<Self> {
        Self::open(&HomeDir::from_env()?, &Options::from_env()).await
    }

    /// Opens a home that [`Home::init`] made. Nothing missing is made anew, the anchor neither.
    ///
    /// # Errors
    /// `Misuse` if there is none, for a root that is none, and for permissions that let others
    /// in; `Unavailable` if a store is missing or busy, the keyring is older than the anchor
    /// remembers, or the anchor is missing ([`danger::accept_restore`](crate::danger::accept_restore)
    /// makes it); `Corrupt` for stores or a ring that were damaged.
    pub async fn open(dir: &HomeDir, options: &Options) -> Result<Self> {
        let parts = Parts::existing(dir, options)?;
        let keyring = parts.keyring(options).is_anchored().open().await?;
        let opened = parts.finish(dir, options, keyring.clone()).await;
        if opened.is_err() {
            // Nobody renews what `Options::replica` took.
            let _or_it_runs_out = keyring.leave().await;
        }
        opened
    }

    /// Opens a home for a process that goes on running, under a `name` for people (1 to 64 bytes
    /// of visible ASCII): it takes a lease, and a thread ticks every second until this value is
    /// dropped, which gives the lease up. If the home keeps logs, another thread makes a round of
    /// checkpoints every [`Options::round_every`], and with [`Options::alerts`] a third one looks for
    /// anomalies.
    ///
    /// # Errors
    /// As [`Home::open`]; `Misuse` for a name that is none, and for alerts of a home that keeps no
    /// logs or does not record into them; `Unavailable` if there is no thread to be had.
    pub async fn serve(dir: &HomeDir, options: &Options, name: &str) -> Result<Self> {
        if options.alerts.is_some() && options.audit.is_some() {
            return Err(Error::misuse(
                "alerts look into the home's own logs, and another sink has its events: leave out `Options::audit`, or name a `Options::listener` in its place",
            ));
        }
        let parts = Parts::existing(dir, options)?;
        let builder = parts.keyring(options).is_anchored();
        let keyring = builder.replica(name).open().await?;
        let started = match parts.finish(dir, options, keyring.clone()).await {
            Ok(mut opened) => {
                let vault = opened.vault.clone();
                let rounds = opened.logs.clone().map(Ticker::rounds).transpose();
                let alarms = opened.alarms(options);
                let lease = Ticker::lease(keyring.clone(), vault);
                lease.and_then(|lease| {
                    opened.tickers.lease = Some(lease);
                    opened.tickers.rounds = rounds?;
                    opened.tickers.alarms = alarms?;
                    Ok(opened)
                })
            }
            Err(e) => Err(e),
        };
        if started.is_err() {
            // Nobody renews it: what could not start is waited for by no rotation.
            let _or_it_runs_out = keyring.leave().await;
        }
        started
    }

    fn alarms(&self, options: &Options) -> Result<Option<Ticker>> {
        let Some(alerts) = &options.alerts else {
            return Ok(None);
        };
        let teller = Teller::new(self.audit()?.clone(), alerts);
        Ticker::alarms(teller).map(Some)
    }

    /// Ends what dropping ends, now: for a home that others share. The lease is given up, and
    /// nothing seals or opens any more. A home without a lease is left as it is.
    ///
    /// It blocks the thread while a tick goes on: two seconds at most for a round of checkpoints and
    /// for who is told of anomalies together, and two for the lease. What takes longer is left to
    /// itself, and is not waited for again when the home is dropped.
    pub fn close(&self) {
        self.tickers.stop();
    }

    /// What the last tick of [`Home::serve`] failed with, for a health check: when ticks keep
    /// failing, the lease runs out, and nothing opens until one succeeds. A panic in a part that
    /// the application gave ends the ticks for good, and is told here too. Also what the last round
    /// of checkpoints failed with, which stops nothing: a log or the root log is not what was
    /// written, or an anchor cannot be written; and what the last look for anomalies failed with,
    /// such as that who is told took none.
    #[must_use]
    pub fn tick_failure(&self) -> Option<String> {
        self.tickers.failure()
    }

    /// The folder it was opened from.
    #[must_use]
    pub const fn dir(&self) -> &HomeDir {
        &self.dir
    }

    /// Where the anchor lies.
    #[must_use]
    pub fn anchor(&self) -> &Path {
        &self.anchor
    }

    /// The key store.
    #[must_use]
    pub const fn keys(&self) -> &Arc<SqliteStore> {
        &self.keys
    }

    /// The data store.
    #[must_use]
    pub const fn data(&self) -> &Arc<SqliteStore> {
        &self.data
    }

    /// The keyring.
    #[must_use]
    pub const fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// The vault.
    #[must_use]
    pub const fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The version of the root that wraps now.
    #[must_use]
    pub const fn root_version(&self) -> RootVersion {
        self.root
    }

    /// The vault's values as a column that can be counted: one of `Keyring::coverages`.
    #[must_use]
    pub fn column(&self) -> &RecordColumn {
        self.vault.coverage()
    }
}

/// The stores, the root and the anchor, before there is a keyring.
pub(crate) struct Parts {
    anchor: PathBuf,
    keys: Arc<SqliteStore>,
    data: Arc<SqliteStore>,
    root: Arc<dyn Root>,
    pub(crate) way: Way,
}

impl Parts {
    fn of(
        dir: &HomeDir,
        options: &Options,
        root: Arc<dyn Root>,
        store: fn(Builder) -> Builder,
    ) -> Result<Self> {
        let anchor = match &options.anchor {
            Some(path) => path.clone(),
            None => anchor_path(dir, &options.provider)?,
        };
        // As it is now: a process that goes to another folder keeps its anchor.
        let anchor = std::path::absolute(&anchor).map_err(|e| {
            Error::misuse("the anchor's path is empty: name a file outside the home").with_source(e)
        })?;
        let open = |path: &Path| store(SqliteStore::builder(path)).open();
        Ok(Self {
            anchor,
            keys: Arc::new(open(&dir.keys_db())?),
            data: Arc::new(open(&dir.data_db())?),
            root,
            way: Way::of(options),
        })
    }

    pub(crate) fn existing(dir: &HomeDir, options: &Options) -> Result<Self> {
        dir.inspect()?;
        if !dir.is_used()? {
            return Err(Error::misuse(format!(
                "there is no keyring at {}: `keyward keys init` makes one",
                dir.folder().display()
            )));
        }
        for path in [dir.keys_db(), dir.data_db()] {
            if !path.exists() {
                return Err(Error::unavailable(format!(
                    "{} is missing: restore it from a backup, see docs/runbook.md",
                    path.display()
                )));
            }
        }
        let root = options.root.open(dir, &options.provider)?;
        Self::of(dir, options, root, Builder::existing)
    }

    pub(crate) fn anchor(&self) -> &Path {
        &self.anchor
    }

    pub(crate) fn data(&self) -> &dyn Records {
        self.data.as_ref()
    }

    pub(crate) fn keyring(&self, options: &Options) -> KeyringBuilder {
        let keys: Arc<dyn Records> = self.keys.clone();
        let builder = Keyring::builder(keys, Arc::clone(&self.root))
            .provider(options.provider)
            .clock(Arc::clone(&options.clock))
            .trail(options.trail(&self.way))
            .anchor(Arc::new(FileAnchor::new(self.anchor.clone())))
            .policy(options.policy);
        let builder = if self.way.is_own() {
            builder.settle_later()
        } else {
            builder
        };
        match &options.replica {
            Some(name) => builder.replica(name),
            None => builder,
        }
    }

    pub(crate) async fn finish(
        self,
        dir: &HomeDir,
        options: &Options,
        keyring: Keyring,
    ) -> Result<Home> {
        let logs = audit::logs(&keyring, &self.data, &self.anchor, options.round_every).await?;
        let logs = match &options.actor {
            Some(actor) => logs.map(|logs| logs.acting_as(actor.clone())),
            None => logs,
        };
        self.way.bind(logs.as_ref())?;
        if self.way.is_own() {
            keyring.settle().await?;
        }
        let data: Arc<dyn Records> = self.data.clone();
        let mut vault = Vault::builder(keyring.clone(), data).trail(options.trail(&self.way));
        for observer in &options.observers {
            vault = vault.observer(Arc::clone(observer));
        }
        let vault = vault.build().await?;
        Ok(Home {
            dir: dir.clone(),
            anchor: self.anchor,
            keys: self.keys,
            data: self.data,
            keyring,
            logs,
            root: self.root.version(),
            vault,
            tickers: Tickers::default(),
            #[cfg(feature = "redact")]
            redactor: crate::redact::Slot::default(),
        })
    }
}
