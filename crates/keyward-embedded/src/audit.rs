//! Who did what in this home: logs in its own data store, vouched for by its own keyring.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use keyward_audit::audit::{HEAD_PURPOSE, SIGN_PURPOSE};
use keyward_audit::{Audit, AuditBuilder, LateSink};
use keyward_base::audit::{Discard, Intent};
use keyward_base::{BoxFuture, Error, Event, Result, Sink};
use keyward_keys::{FileAnchor, Keyring};
use keyward_sqlite::SqliteStore;

use crate::home::{Home, Options};

impl Home {
    /// The home's own logs. Whatever is done in the home is recorded in them, unless
    /// [`Options::audit`] names another sink.
    ///
    /// # Errors
    /// `Misuse` if the home keeps none yet: [`Home::init_audit`], or `keyward audit init`.
    pub fn audit(&self) -> Result<&Audit> {
        self.logs.as_ref().ok_or_else(|| {
            Error::misuse(
                "this home keeps no audit log: `keyward audit init` begins one, and whatever is done after it is recorded",
            )
        })
    }

    /// Begins the home's logs: two purposes are added to its keyring, one whose key vouches for them
    /// and one whose key signs their checkpoints. Says whether there were none; repeated, it goes on
    /// where it was cut short.
    ///
    /// From then on, whoever opens the home records into them. A process that has it open, this one
    /// too, goes on as it was until it opens it anew.
    ///
    /// # Errors
    /// `Unavailable` if a store, or the sink of the keyring, cannot be relied on.
    pub async fn init_audit(&self) -> Result<bool> {
        if self.logs.is_some() {
            return Ok(false);
        }
        let builder = builder(&self.keyring, &self.data, &self.anchor);
        builder.install().await?.build().await?;
        Ok(true)
    }
}

/// Where the events of a home go, before it is known whether it keeps logs of its own.
#[derive(Debug)]
pub(crate) enum Way {
    /// Where its caller said.
    Given(Arc<dyn Sink>),
    /// Into its own logs, as soon as they are open.
    Own(LateSink),
}

impl Way {
    pub(crate) fn of(options: &Options) -> Self {
        match &options.audit {
            Some(given) => Self::Given(Arc::clone(given)),
            None => Self::Own(LateSink::new()),
        }
    }

    pub(crate) const fn is_own(&self) -> bool {
        matches!(self, Self::Own(_))
    }

    /// As a sink that tells whoever listens.
    pub(crate) fn sink(&self, options: &Options) -> Arc<dyn Sink> {
        let to: Arc<dyn Sink> = match self {
            Self::Given(given) => Arc::clone(given),
            Self::Own(late) => Arc::new(late.clone()),
        };
        match &options.listener {
            Some(listener) => Arc::new(Heard {
                to,
                listener: Arc::clone(listener),
            }),
            None => to,
        }
    }

    /// There are no logs yet, and nothing is recorded.
    pub(crate) fn nowhere(&self) -> Result<()> {
        match self {
            Self::Given(_) => Ok(()),
            Self::Own(late) => late.bind_to(Arc::new(Discard::new())),
        }
    }

    /// Into these, if the home keeps any, unless it was bound before.
    pub(crate) fn bind(&self, logs: Option<&Audit>) -> Result<()> {
        match (self, logs) {
            (Self::Own(late), _) if late.is_bound() => Ok(()),
            (Self::Own(late), Some(logs)) => late.bind(logs),
            _ => self.nowhere(),
        }
    }
}

/// The logs of a home, if its keyring has the purposes: nobody without its root can take them away.
pub(crate) async fn logs(
    keyring: &Keyring,
    data: &Arc<SqliteStore>,
    anchor: &Path,
    round_every: Duration,
) -> Result<Option<Audit>> {
    let keys = keyring.status().keys;
    let has = |purpose| keys.iter().any(|key| key.purpose.as_str() == purpose);
    if !has(HEAD_PURPOSE) || !has(SIGN_PURPOSE) {
        return Ok(None);
    }
    let builder = builder(keyring, data, anchor).round_every(round_every);
    builder.build().await.map(Some)
}

fn builder(keyring: &Keyring, data: &Arc<SqliteStore>, anchor: &Path) -> AuditBuilder {
    let anchor = Arc::new(FileAnchor::new(anchor.to_owned()));
    Audit::builder(keyring.clone(), data.clone()).anchor(anchor)
}

/// A sink whose events are told to a listener too, once they are recorded.
#[derive(Debug)]
struct Heard {
    to: Arc<dyn Sink>,
    listener: Arc<dyn Sink>,
}

impl Sink for Heard {
    fn record<'a>(&'a self, event: &'a Event) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.to.record(event).await?;
            // Whoever listens keeps no record.
            let _unheard = self.listener.record(event).await;
            Ok(())
        })
    }

    fn open_intents(&self) -> BoxFuture<'_, Result<Vec<Intent>>> {
        self.to.open_intents()
    }
}
