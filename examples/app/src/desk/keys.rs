//! Keys: what the page of keys shows, and what its buttons do.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyward_base::{Error, ErrorKind, KeyId, Purpose, Result, Timestamp};
use keyward_keys::{Admin, DamagedRecord, KeyState, KeyStatus, KeyUsage, ReplicaStatus, Usage};
use keyward_vault::{Progress, Rewrap};

use super::{Administrator, Desk};
use crate::log;
use crate::timeline::{self, Bar, KeyRow, Keys, KeysOf, LEGEND, Sort, Step};
use crate::view::{Fact, Page, minute};

/// How far sealing all values anew is.
#[derive(Clone, Debug, Default)]
pub(crate) enum Rewrapping {
    #[default]
    Idle,
    Running {
        done: u64,
        of: u64,
    },
    Ended {
        left: u64,
        quarantined: u64,
    },
    Failed(&'static str),
}

/// Why it stopped, for a page: the words of an error may name files of the server.
fn cause(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::Corrupt => "something stored is not what was written",
        ErrorKind::Misuse => "it cannot go on as things are",
        ErrorKind::Rejected => "it was refused",
        _ => "something that it needs cannot be reached now",
    }
}

fn held(state: &Mutex<Rewrapping>) -> MutexGuard<'_, Rewrapping> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    /// What a second of the service's life asks for.
    pub(super) async fn keep_up(&self) -> Result<()> {
        let keyring = self.home.keyring();
        keyring.tick().await?;
        let waits = |key: &KeyStatus| key.state == KeyState::Pending;
        if keyring.status().keys.iter().any(waits) {
            keyring.admin().promote_ready().await?;
            keyring.tick().await?;
        }
        Ok(())
    }

    async fn usage(&self) -> Result<Usage> {
        self.home.keyring().admin().usage().await
    }

    /// One sentence for the overview.
    pub(crate) async fn keys_in_short(&self) -> Result<String> {
        let status = self.home.keyring().status();
        let usage = self.usage().await?;
        let is_active = |key: &&KeyStatus| {
            key.state == KeyState::Active && key.purpose.as_str() == Sort::Values.purpose()
        };
        let since = status.keys.iter().find(is_active);
        let since = since.and_then(|key| key.promoted);
        let since = since.map_or_else(String::new, |at| format!(", since {} UTC", minute(at)));
        let (keys, rows) = shown(&status.keys, &usage.keys);
        let older = older_rows(&keys, &rows);
        Ok(match older {
            0 => format!(
                "One key seals values{since}, another webhooks. Nothing needs an older one."
            ),
            n => format!(
                "One key seals values{since}, another webhooks. {} an older one.",
                needs(n)
            ),
        })
    }

    /// The page of keys.
    pub(crate) async fn timeline(&self, page: Page, problem: Option<String>) -> Result<Keys> {
        let keyring = self.home.keyring();
        let status = keyring.status();
        let usage = self.usage().await?;
        let replicas = keyring.replicas().await?;
        let now = keyring.clock().now()?;
        let from = status
            .keys
            .iter()
            .map(|key| key.created)
            .min()
            .unwrap_or(now);
        let (keys, rows) = shown(&status.keys, &usage.keys);
        let step = self.step(&keys, &rows, &replicas);
        let of_sort = |sort: Sort| {
            let of = |key: &&KeyStatus| key.purpose.as_str() == sort.purpose();
            let keys = status.keys.iter().filter(of);
            let rows = keys.clone().rev().map(|key| row(key, &usage, from, now));
            KeysOf {
                sort,
                can_rotate: !keys.clone().any(|key| key.state == KeyState::Pending),
                keys: rows.collect(),
            }
        };
        Ok(Keys {
            page,
            problem,
            refresh: step.refresh,
            step,
            legend: LEGEND,
            from: minute(from),
            sorts: [Sort::Values, Sort::Webhooks].map(of_sort),
            facts: vec![
                Fact::code("Its id", status.ring.to_string()),
                Fact::plain("Changes so far", status.epoch.to_string()),
                Fact::plain("Running processes", replicas.len().to_string()),
            ],
        })
    }

    /// What is going on, or what to do next. Only looks: the tick does what is due.
    fn step(&self, keys: &[KeyStatus], usage: &[KeyUsage], replicas: &[ReplicaStatus]) -> Step {
        let state = held(&self.rewrapping).clone();
        if let Rewrapping::Running { done, of } = state {
            return Step {
                title: "Sealing all values anew",
                text: "The service is in use meanwhile. This page loads itself again.".to_owned(),
                bar: Some(Bar {
                    done,
                    of: of.max(1),
                }),
                rewrap: false,
                refresh: true,
            };
        }
        if let Some(pending) = keys.iter().find(|key| key.state == KeyState::Pending) {
            let known = replicas
                .iter()
                .filter(|process| process.epoch >= pending.created_epoch)
                .count();
            return Step {
                title: "A new key waits",
                text: "It seals as soon as every running process knows it.".to_owned(),
                bar: Some(Bar {
                    done: count(known),
                    of: count(replicas.len()),
                }),
                rewrap: false,
                refresh: true,
            };
        }
        settled(keys, usage, &state)
    }
}

impl Administrator {
    fn admin(&self) -> Admin {
        let admin = self.desk.home.keyring().admin();
        admin.acting_as(self.who.clone())
    }

    /// Makes a new key of that sort. It seals as soon as every process knows it.
    pub(crate) async fn rotate(&self, sort: Sort) -> Result<()> {
        let admin = self.admin();
        admin.rotate(&Purpose::new(sort.purpose())?).await?;
        self.desk.keep_up().await
    }

    /// Disables a key. Refused while values that cannot be counted here may need it.
    pub(crate) async fn disable(&self, id: KeyId) -> Result<()> {
        let keys = self.desk.home.keyring().status().keys;
        let usage = self.desk.usage().await?;
        if let Some(key) = keys.iter().find(|key| key.id == id)
            && let Some(why) = blind(key, &usage)
        {
            return Err(Error::misuse(why));
        }
        self.admin().disable(id).await?;
        self.desk.keep_up().await
    }

    pub(crate) async fn enable(&self, id: KeyId) -> Result<()> {
        self.admin().enable(id).await?;
        self.desk.keep_up().await
    }

    /// Destroys a key that nothing needs. The crates count again before they do.
    pub(crate) async fn destroy(&self, id: KeyId) -> Result<()> {
        self.admin().destroy(id).await?;
        self.desk.keep_up().await
    }

    /// Starts to seal all values anew, unless that is going on. Requests go on meanwhile, and a
    /// process that is killed takes it up where it was.
    pub(crate) fn rewrap(&self) {
        {
            let mut state = held(&self.desk.rewrapping);
            if matches!(*state, Rewrapping::Running { .. }) {
                return;
            }
            *state = Rewrapping::Running { done: 0, of: 0 };
        }
        let vault = self.desk.vault.acting_as(self.who.clone());
        let admin = self.admin();
        let webhook = self.desk.inbox.purpose().clone();
        let state = Arc::clone(&self.desk.rewrapping);
        tokio::spawn(async move {
            let told = || {
                let seen = Arc::clone(&state);
                move |at: Progress| {
                    let (done, of) = (at.seen, at.total);
                    *held(&seen) = Rewrapping::Running { done, of };
                }
            };
            let ended = async {
                let values = Rewrap::new(&vault).progress(told()).run().await?;
                let hooks = admin.rewrap_values(&webhook, told()).await?;
                Ok::<_, Error>((values, hooks))
            };
            let ended = ended.await;
            *held(&state) = match ended {
                Ok((values, hooks)) => Rewrapping::Ended {
                    left: values.left.saturating_add(hooks.left),
                    quarantined: values.quarantined.saturating_add(hooks.quarantined),
                },
                Err(error) => {
                    log::failure(&error);
                    Rewrapping::Failed(cause(&error))
                }
            };
        });
    }
}

/// The keys that the page shows, and what needs them. Those of sessions, log-ins and others are not
/// among them.
fn shown(keys: &[KeyStatus], usage: &[KeyUsage]) -> (Vec<KeyStatus>, Vec<KeyUsage>) {
    let is_shown = |key: &&KeyStatus| {
        let mut sorts = [Sort::Values, Sort::Webhooks].into_iter();
        sorts.any(|sort| sort.purpose() == key.purpose.as_str())
    };
    let keys: Vec<_> = keys.iter().filter(is_shown).cloned().collect();
    let needed = usage
        .iter()
        .filter(|used| keys.iter().any(|key| key.id == used.key));
    let needed = needed.cloned().collect();
    (keys, needed)
}

/// What to do when nothing is going on.
fn settled(keys: &[KeyStatus], usage: &[KeyUsage], state: &Rewrapping) -> Step {
    let older = older_rows(keys, usage);
    let all: u64 = usage
        .iter()
        .fold(0, |sum, key| sum.saturating_add(key.rows));
    let step = |title, text, rewrap| Step {
        title,
        text,
        bar: None,
        rewrap,
        refresh: false,
    };
    let trouble = match state {
        Rewrapping::Failed(why) => {
            format!(" The last attempt stopped: {why}. The service's log says more.")
        }
        Rewrapping::Ended { left, quarantined } if *left > 0 || *quarantined > 0 => {
            format!(" The last attempt left {left}, of which {quarantined} do not open.")
        }
        _ => String::new(),
    };
    if older > 0 {
        let text = format!(
            "{} an older key. Nothing is lost meanwhile; once sealed anew, the old key can go.{trouble}",
            needs(older)
        );
        return step("Values wait for the new key", text, true);
    }
    let free = |wanted| keys.iter().any(|key| key.state == wanted);
    if free(KeyState::Retired) {
        let text = "Nothing needs the retired key any more. Disable it, watch for a while that nobody misses it, then destroy it.";
        return step("An old key is free", text.to_owned(), false);
    }
    if free(KeyState::Disabled) {
        let text = "If nobody missed the disabled key, destroy it: nothing sealed with it can be opened then, not even from a backup.";
        return step("A key can go", text.to_owned(), false);
    }
    let text = match all {
        0 => "No value is stored yet.".to_owned(),
        n => format!(
            "All that is stored ({}) is sealed with the newest key.",
            values(n)
        ),
    };
    step("Nothing to do", text, false)
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn values(n: u64) -> String {
    if n == 1 {
        "1 value".to_owned()
    } else {
        format!("{n} values")
    }
}

fn needs(n: u64) -> String {
    if n == 1 {
        "1 value needs".to_owned()
    } else {
        format!("{n} values need")
    }
}

fn rows_of(id: KeyId, usage: &[KeyUsage]) -> u64 {
    usage
        .iter()
        .find(|used| used.key == id)
        .map_or(0, |used| used.rows)
}

/// Values that need a key other than the Active one.
fn older_rows(keys: &[KeyStatus], usage: &[KeyUsage]) -> u64 {
    keys.iter()
        .filter(|key| key.state != KeyState::Active)
        .fold(0, |sum, key| sum.saturating_add(rows_of(key.id, usage)))
}

fn row(key: &KeyStatus, usage: &Usage, from: Timestamp, now: Timestamp) -> KeyRow {
    let entered = life(key);
    let rows = usage.rows(key.id);
    let blind = blind(key, usage);
    let why_not = match (key.state, rows, key.unregistered) {
        (KeyState::Retired | KeyState::Disabled, ..) if blind.is_some() => blind.clone(),
        (KeyState::Retired, 1.., _) => {
            Some("While it is disabled, the values it sealed do not open.".to_owned())
        }
        (KeyState::Disabled, 1.., _) => {
            Some("Values still need it: enable it, and seal them anew.".to_owned())
        }
        (KeyState::Disabled, 0, true) => Some(
            "Values outside this database were sealed with it: only the command can destroy it."
                .to_owned(),
        ),
        _ => None,
    };
    let free = rows == 0 && !key.unregistered && blind.is_none();
    KeyRow {
        id: key.id.to_string(),
        state: key.state.as_str(),
        rows: values(rows),
        spans: timeline::spans(&entered, from, now),
        story: timeline::story(&entered),
        can_disable: key.state == KeyState::Retired && blind.is_none(),
        can_enable: key.state == KeyState::Disabled,
        can_destroy: key.state == KeyState::Disabled && free,
        why_not,
    }
}

/// Why it cannot be said here what needs a key: values elsewhere, or of whom nothing can be read.
fn blind(key: &KeyStatus, usage: &Usage) -> Option<String> {
    let elsewhere = usage.uncounted.iter().map(|entry| &entry.column);
    let mut elsewhere = elsewhere.filter(|column| *column.purpose() == key.purpose);
    if let Some(column) = elsewhere.next() {
        return Some(format!(
            "Values of the column {} may need it, and this service cannot count them: disable it from the service that owns them.",
            column.name()
        ));
    }
    let damaged = |record: &&DamagedRecord| record.purpose == key.purpose.as_str();
    match usage.damaged.iter().filter(damaged).count() {
        0 => None,
        n => Some(format!(
            "{n} key records cannot be read, and what they hold may need it: keyward doctor names them and the way out."
        )),
    }
}

/// The states a key went through. One that it left again, or was in for no time, is not shown.
fn life(key: &KeyStatus) -> Vec<(&'static str, Timestamp)> {
    let disabled = key
        .disabled
        .filter(|_| matches!(key.state, KeyState::Disabled | KeyState::Destroyed));
    let pending = (key.promoted != Some(key.created)).then_some(key.created);
    [
        ("pending", pending),
        ("active", key.promoted),
        ("retired", key.retired),
        ("disabled", disabled),
        ("destroyed", key.destroyed),
    ]
    .into_iter()
    .filter_map(|(state, at)| Some((state, at?)))
    .collect()
}
