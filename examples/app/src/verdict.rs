//! Whether the record is what was written: the badge of the audit page.
//!
//! A log is read whole for it, so that this is not done for each request: one verification of a log
//! goes on at a time, in the background, and none begins before the one before it is
//! [`LEAST`] old, and [`SHARE`] times as old as it took. A request waits [`PATIENCE`] for it, and
//! shows the verdict there is, with its time.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyward_audit::{Audit, Of};
use keyward_base::{Clock, Error, ErrorKind, Result, Timestamp};
use tokio::sync::Notify;

use crate::log;
use crate::view::sentence;

/// How old a verdict is at least before the next.
const LEAST: Duration = Duration::from_secs(1);

/// For each second that one took, so many pass before the next.
const SHARE: u32 = 20;

/// How long a request waits for one that goes on.
const PATIENCE: Duration = Duration::from_millis(500);

/// What is known of a log.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    /// When it was looked at.
    pub(crate) at: Timestamp,
    pub(crate) found: Found,
}

/// What was found.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// Nothing was ever recorded.
    Nothing,
    /// All of it is what was written.
    Good(Good),
    /// It is not: a sentence that names the first bad entry, where there is one.
    Bad(String),
    /// It could not be looked at.
    NotNow,
}

/// A log that is what was written.
#[derive(Clone, Debug)]
pub(crate) struct Good {
    /// How many entries it has, and how many of them were erased by a rule.
    pub(crate) entries: u64,
    pub(crate) erased: u64,
    /// The signed checkpoint: of how many entries, and its root in base64.
    pub(crate) size: u64,
    pub(crate) root: String,
    /// The anchors that it was checked against: what each is called, and of how many entries it
    /// knew before.
    pub(crate) anchors: Vec<(String, Option<u64>)>,
}

impl Verdict {
    /// How many entries are what was written.
    pub(crate) const fn proven(&self) -> u64 {
        match &self.found {
            Found::Good(good) => good.entries,
            _ => 0,
        }
    }
}

#[derive(Debug, Default)]
struct State {
    last: Option<Verdict>,
    took: Duration,
    runs: bool,
}

/// The verdicts, by log.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdicts {
    states: Arc<Mutex<HashMap<Of, State>>>,
    ended: Arc<Notify>,
}

impl Verdicts {
    fn states(&self) -> MutexGuard<'_, HashMap<Of, State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a log now; none while the first verification goes on.
    pub(crate) async fn of(
        &self,
        audit: &Audit,
        of: &Of,
        clock: &Arc<dyn Clock>,
    ) -> Result<Option<Verdict>> {
        let now = clock.now()?;
        let ended = self.ended.notified();
        tokio::pin!(ended);
        // From now on: it may end before it is waited for.
        ended.as_mut().enable();
        if self.begin(of, now) {
            let (all, audit) = (self.clone(), audit.clone());
            let (of, clock) = (of.clone(), Arc::clone(clock));
            tokio::spawn(async move {
                let found = found(&audit, &of).await;
                all.end(&of, now, clock.now().unwrap_or(now), found);
            });
        }
        if self.states().get(of).is_some_and(|state| state.runs) {
            // Shown as it is, if it takes longer.
            let _late = tokio::time::timeout(PATIENCE, ended).await;
        }
        Ok(self.states().get(of).and_then(|state| state.last.clone()))
    }

    /// Whether one is to begin.
    fn begin(&self, of: &Of, now: Timestamp) -> bool {
        let mut states = self.states();
        let state = states.entry(of.clone()).or_default();
        let rest = LEAST.max(state.took.saturating_mul(SHARE));
        let due = state
            .last
            .as_ref()
            .is_none_or(|last| now < last.at || now >= last.at.saturating_add(rest));
        let begins = due && !state.runs;
        state.runs |= begins;
        begins
    }

    fn end(&self, of: &Of, began: Timestamp, at: Timestamp, found: Found) {
        if let Some(state) = self.states().get_mut(of) {
            let took = at.as_millis().saturating_sub(began.as_millis());
            state.took = Duration::from_millis(took);
            state.runs = false;
            state.last = Some(Verdict { at, found });
        }
        self.ended.notify_waiters();
    }
}

async fn found(audit: &Audit, of: &Of) -> Found {
    match looked_at(audit, of).await {
        Ok(None) => Found::Nothing,
        Ok(Some(good)) => Found::Good(good),
        Err(error) if error.kind() == ErrorKind::Corrupt => {
            log::failure(&error);
            Found::Bad(sentence(&error))
        }
        Err(error) => {
            log::failure(&error);
            Found::NotNow
        }
    }
}

/// Reads a log whole, has the root log and the anchors take its head where they do not have it yet,
/// and signs it.
async fn looked_at(audit: &Audit, of: &Of) -> Result<Option<Good>> {
    let Some(verified) = audit.verify(of, |_| ()).await? else {
        return Ok(None);
    };
    // Before they take a newer head.
    let anchored = audit.check_anchors(of).await?;
    let size = verified.head.size();
    if anchored.iter().any(|one| one.size != Some(size)) {
        audit.round(|_| ()).await?;
    }
    let anchors = anchored
        .into_iter()
        .map(|one| (name(&one.anchor), one.size));
    let signed = audit.checkpoint(of).await?;
    let signed = signed.ok_or_else(|| Error::corrupt("an audit log is gone"))?;
    let mut lines = signed.lines().skip(1);
    let size = lines.next().and_then(|size| size.parse().ok());
    let root = lines.next().unwrap_or_default().to_owned();
    Ok(Some(Good {
        entries: verified.head.size(),
        erased: verified.erased,
        size: size.unwrap_or_default(),
        root,
        anchors: anchors.collect(),
    }))
}

/// What an anchor is called on a page: where it lies is the operator's.
fn name(anchor: &str) -> String {
    let file = Path::new(anchor).file_name();
    file.map_or_else(
        || anchor.to_owned(),
        |file| file.to_string_lossy().into_owned(),
    )
}
