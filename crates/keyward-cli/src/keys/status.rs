//! `keyward keys status`: the life of every key, drawn.

use keyward_base::encoding::hex;
use keyward_base::{Clock as _, Result, Suite, SystemClock, Tenant, Timestamp};
use keyward_embedded::{Home, RootSource};
use keyward_keys::{
    Algorithm, Anchor as _, DamagedRecord, FileAnchor, KeyState, KeyStatus, KeyUsage, PinName,
};
use serde::Serialize;

use super::columns::Column;
use crate::output::{self, Screen, counted};
use crate::timeline::{self, Life, Phase, rfc3339};

#[derive(Serialize)]
struct Ring {
    ring: String,
    epoch: u64,
    oldest_living_epoch: u64,
    root: Root,
    anchor: Anchor,
    mac_epoch: u64,
    mac_rotates: bool,
    replicas: Vec<Replica>,
    columns: Vec<Column>,
    unreadable: Vec<String>,
    keys: Vec<Key>,
}

#[derive(Serialize)]
struct Root {
    source: &'static str,
    version: u32,
}

#[derive(Serialize)]
struct Anchor {
    path: String,
    epoch: Option<u64>,
}

#[derive(Serialize)]
struct Replica {
    name: String,
    epoch: u64,
    until: String,
}

#[derive(Serialize)]
struct Key {
    id: String,
    purpose: String,
    algorithm: &'static str,
    suite: Option<u8>,
    created_epoch: u64,
    state: &'static str,
    rows: u64,
    tenant_keys: u64,
    unregistered: bool,
    ending: bool,
    longest_life: Option<u64>,
    drains_until: Option<String>,
    public: Option<String>,
    root_version: Option<u32>,
    history: Vec<Step>,
}

#[derive(Serialize)]
struct Step {
    state: &'static str,
    at: String,
}

/// Where the root comes from, in a word.
pub(crate) fn root_name() -> &'static str {
    match RootSource::from_env() {
        RootSource::Keys(_) => "env",
        _ => "file",
    }
}

/// Whose it is, or else its row.
fn shown(record: &DamagedRecord) -> String {
    match record.nameless_row() {
        Some(row) => row.to_owned(),
        None => record.owner.clone(),
    }
}

/// The ring keys.
pub(crate) async fn ring(home: &Home, json: bool) -> Result<()> {
    let status = home.keyring().status();
    let counts = home.keyring().admin().usage().await?;
    let unreadable: Vec<String> = counts.damaged.iter().map(shown).collect();
    let usage = counts.keys;
    let columns = super::columns::all(home).await?;
    let rows = |key: &KeyStatus| usage.iter().find(|usage| usage.key == key.id);
    let replicas = home.keyring().replicas().await?;
    let pin = FileAnchor::new(home.anchor().to_owned()).load(&PinName::ring())?;
    if json {
        let answer = Ring {
            ring: status.ring.to_string(),
            epoch: status.epoch,
            oldest_living_epoch: status.oldest_living_epoch,
            root: Root {
                source: root_name(),
                version: home.root_version().number(),
            },
            anchor: Anchor {
                path: home.anchor().display().to_string(),
                epoch: pin.map(|pin| pin.counter),
            },
            mac_epoch: status.mac_epoch,
            mac_rotates: status.mac_rotates,
            columns,
            unreadable,
            replicas: replicas
                .iter()
                .map(|replica| Replica {
                    name: replica.name.clone(),
                    epoch: replica.epoch,
                    until: rfc3339(replica.until),
                })
                .collect(),
            keys: status
                .keys
                .iter()
                .map(|key| described(key, rows(key)))
                .collect(),
        };
        return output::json("keyward.keys.status/3", &answer);
    }
    output::say(&format!(
        "keyring {}  epoch {}  root {} {}  serving {}\n",
        status.ring,
        status.epoch,
        root_name(),
        home.root_version(),
        counted(replicas.len() as u64, "process", "processes"),
    ))?;
    let lives: Vec<Life> = status.keys.iter().map(|key| life(key, rows(key))).collect();
    let now = SystemClock::new().now()?;
    timeline::draw(&lives, now, Screen::of_stdout())
        .iter()
        .try_for_each(|line| output::say(line.trim_end()))?;
    for key in status
        .keys
        .iter()
        .filter_map(|key| Some((key.id, key.public?)))
    {
        output::say(&format!("{} verifies by {}", key.0, hex(&key.1.to_bytes())))?;
    }
    beside(&columns, &unreadable)
}

/// What the rows do not hold: columns that cannot be counted here, tenants that cannot be read.
fn beside(columns: &[Column], unreadable: &[String]) -> Result<()> {
    for column in columns.iter().filter(|column| !column.is_counted()) {
        output::say(&format!(
            "\nnot counted above: {}; {}",
            column.name(),
            column.state()
        ))?;
    }
    if unreadable.is_empty() {
        return Ok(());
    }
    let records = counted(unreadable.len() as u64, "key record", "key records");
    output::say(&format!(
        "\nnot counted above: {records} that cannot be read; `keyward doctor` names them and the way out"
    ))
}

fn described(key: &KeyStatus, usage: Option<&KeyUsage>) -> Key {
    Key {
        id: key.id.to_string(),
        purpose: key.purpose.to_string(),
        algorithm: key.algorithm.as_str(),
        suite: key.suite.map(Suite::to_byte),
        created_epoch: key.created_epoch,
        state: key.state.as_str(),
        rows: usage.map_or(0, |usage| usage.rows),
        tenant_keys: usage.map_or(0, |usage| usage.tenant_keys),
        unregistered: usage.map_or(key.unregistered, |usage| usage.unregistered),
        ending: key.ending,
        longest_life: key.longest_life.map(|life| life.as_secs()),
        drains_until: key.drains_until.map(rfc3339),
        public: key.public.map(|public| hex(&public.to_bytes())),
        root_version: key.root.map(|version| version.number()),
        history: history(key)
            .into_iter()
            .map(|(phase, at)| Step {
                state: phase.name(),
                at: rfc3339(at),
            })
            .collect(),
    }
}

fn life(key: &KeyStatus, usage: Option<&KeyUsage>) -> Life {
    let rows = usage.map_or(0, |usage| usage.rows);
    let detached = usage.is_some_and(|usage| usage.unregistered);
    let mut note = match key.algorithm {
        Algorithm::Sign => String::new(),
        _ => counted(rows, "row", "rows"),
    };
    if detached {
        note.push_str(" +detached");
    }
    if key.algorithm != Algorithm::Seal {
        note = format!("{} {note}", key.algorithm.as_str())
            .trim_end()
            .to_owned();
    }
    if let Some(until) = key.drains_until {
        note = format!("{note}, drains until {}", rfc3339(until));
    }
    let mut phases = history(key);
    // The first key of a ring is active from the start: it has no pending time to be drawn.
    phases.retain(|(phase, at)| *phase != Phase::Pending || key.promoted != Some(*at));
    Life {
        label: key.id.to_string(),
        phases,
        note,
    }
}

/// The phases a key went through, each with its beginning, in the order of a life.
fn history(key: &KeyStatus) -> Vec<(Phase, Timestamp)> {
    // A key that is enabled again keeps the time it was disabled at; it is not disabled now.
    let disabled = key
        .disabled
        .filter(|_| matches!(key.state, KeyState::Disabled | KeyState::Destroyed));
    [
        (Phase::Pending, Some(key.created)),
        (Phase::Active, key.promoted),
        (Phase::Retired, key.retired),
        (Phase::Disabled, disabled),
        (Phase::Destroyed, key.destroyed),
    ]
    .into_iter()
    .filter_map(|(phase, at)| Some((phase, at?)))
    .collect()
}

#[derive(Serialize)]
struct OfTenant {
    tenant: String,
    keys: Vec<TenantKey>,
}

#[derive(Serialize)]
struct TenantKey {
    id: String,
    purpose: String,
    wrapped_by: String,
    current: bool,
    unregistered: bool,
    rows: u64,
}

/// The keys of one tenant.
pub(crate) async fn tenant(home: &Home, tenant: &Tenant, json: bool) -> Result<()> {
    let admin = home.keyring().admin();
    let usage = admin.tenant_usage(tenant).await?;
    let keys: Vec<TenantKey> = usage
        .iter()
        .map(|key| TenantKey {
            id: key.key.to_string(),
            purpose: key.purpose.to_string(),
            wrapped_by: key.wrapped_by.to_string(),
            current: key.current,
            unregistered: key.unregistered,
            rows: key.rows,
        })
        .collect();
    if json {
        let tenant = tenant.to_string();
        return output::json("keyward.keys.tenant/1", &OfTenant { tenant, keys });
    }
    output::say("tenant key        for       wrapped by        seals  rows")?;
    keys.iter().try_for_each(|key| {
        let seals = if key.current { "yes" } else { "no" };
        let rows = counted(key.rows, "row", "rows");
        let mark = if key.unregistered { " +detached" } else { "" };
        let (id, purpose, ring_key) = (&key.id, &key.purpose, &key.wrapped_by);
        output::say(&format!(
            "{id}  {purpose:8}  {ring_key}  {seals:5}  {rows}{mark}"
        ))
    })
}
