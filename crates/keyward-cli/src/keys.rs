//! `keyward keys`.

mod columns;
mod destroy;
mod end;
mod find;
mod handover;
mod mend;
mod purpose;
mod rotate;
mod status;
mod which;

pub(crate) use columns::{Column, all as columns, uncounted};

use keyward_base::{Error, KeyId, Result};
use keyward_embedded::{Home, RootSource};
use keyward_keys::Life;
use keyward_store::{Erased, Records as _};
use serde::Serialize;

use crate::args::Keys;
use crate::home::HomeArgs;
use crate::output::{self, counted};
use crate::progress::Progress;

/// Runs one of the commands.
pub(crate) async fn run(command: Keys, home_args: &HomeArgs, json: bool) -> Result<()> {
    match command {
        Keys::Init => init(home_args, json).await,
        Keys::Status { tenant: None } => status::ring(&home_args.open().await?, json).await,
        Keys::Status {
            tenant: Some(tenant),
        } => status::tenant(&home_args.open().await?, &tenant, json).await,
        Keys::Rotate {
            to_end,
            no_wait,
            purpose,
        } => {
            let home = home_args.open().await?;
            which::purpose(&home, &purpose)?;
            if to_end {
                return end::run(&home, &purpose, json).await;
            }
            rotate::run(&home, &purpose, no_wait, json).await
        }
        Keys::Rewrap => rewrap(&home_args.open().await?, json).await,
        Keys::Disable {
            key,
            even_uncounted,
        } => disable(&home_args.open().await?, key, even_uncounted, json).await,
        Keys::AddPurpose {
            purpose,
            algorithm,
            longest_life,
            endless,
            raw,
        } => {
            let life = match longest_life {
                Some(longest) => Life::AtMost(longest),
                None if endless => Life::Endless,
                None => Life::Unchanged,
            };
            let what = purpose::what_for(algorithm, life, raw)?;
            purpose::add(&home_args.open().await?, &purpose, what, json).await
        }
        Keys::Public { purpose } => purpose::public(&home_args.open().await?, &purpose, json),
        Keys::RotateMac => rotate_mac(&home_args.open().await?, json).await,
        Keys::SetAside { tenant, row } => {
            let home = home_args.open().await?;
            mend::set_aside(&home, tenant.as_deref(), row.as_deref(), json).await
        }
        Keys::RemoveReplica { replica } => {
            mend::remove_replica(&home_args.open().await?, &replica, json).await
        }
        Keys::Enable { key } => {
            let home = home_args.open().await?;
            which::to_enable(&home, key).await?;
            home.keyring().admin().enable(key).await?;
            changed(&home, key, json)
        }
        Keys::Destroy {
            key,
            db,
            yes,
            even_unregistered,
            before_expiry,
        } => {
            let request = destroy::Request {
                key,
                files: db,
                sure: yes,
                even: destroy::Even::of(even_unregistered, before_expiry),
            };
            destroy::run(&home_args.open().await?, request, json).await
        }
        Keys::Find { key, db } => find::run(&home_args.open().await?, key, &db, json).await,
        Keys::AcceptRestore => accept_restore(home_args, json).await,
    }
}

#[derive(Serialize)]
struct Made {
    home: String,
    ring: String,
    epoch: u64,
    root: &'static str,
    anchor: String,
}

impl Made {
    fn of(home: &Home) -> Self {
        let status = home.keyring().status();
        Self {
            home: home.dir().folder().display().to_string(),
            ring: status.ring.to_string(),
            epoch: status.epoch,
            root: status::root_name(),
            anchor: home.anchor().display().to_string(),
        }
    }
}

async fn init(home_args: &HomeArgs, json: bool) -> Result<()> {
    let home = home_args.init().await?;
    let made = Made::of(&home);
    if matches!(RootSource::from_env(), RootSource::File) {
        output::complain(&format!(
            "keyward: a root file was made at {}: in production keep the root out of this folder \
             and its backups, and set KEYWARD_ROOT=v1:<base64 of 32 random bytes> from your \
             secret manager",
            home.dir().root_file().display()
        ));
    }
    if json {
        return output::json("keyward.keys.init/1", &made);
    }
    output::note(&format!("made a keyring in {}", made.home));
    Ok(())
}

async fn accept_restore(home_args: &HomeArgs, json: bool) -> Result<()> {
    let made = Made::of(&home_args.accept_restore().await?);
    if json {
        return output::json("keyward.keys.accept-restore/1", &made);
    }
    output::note(&format!(
        "accepted the keyring in {} at epoch {}: look at `keyward keys status`, and destroy again \
         what had been destroyed",
        made.home, made.epoch
    ));
    Ok(())
}

/// Disables a key, unless values that nobody here can count may need it.
async fn disable(home: &Home, key: KeyId, even_uncounted: bool, json: bool) -> Result<()> {
    let status = which::to_disable(home, key).await?;
    let admin = home.keyring().admin();
    if even_uncounted {
        admin.disable_even_uncounted(key).await?;
        complain_of_rows(home, key).await;
        return changed(home, key, json);
    }
    let others = uncounted(home).await?;
    if let Some(column) = others.iter().find(|column| column.is_for(&status.purpose)) {
        return Err(Error::misuse(format!(
            "values of {} may need key {key}, and this command cannot count them ({}): disable it \
             from the service that owns them, or with --even-uncounted",
            column.name(),
            column.state()
        )));
    }
    admin.disable(key).await?;
    complain_of_rows(home, key).await;
    changed(home, key, json)
}

/// Says how many rows no longer open: where that was not meant, it is an outage. The key is
/// disabled whether they can be counted or not.
async fn complain_of_rows(home: &Home, key: KeyId) {
    let counted = home.keyring().admin().usage().await;
    let rows = counted.map(|usage| usage.rows(key)).unwrap_or_default();
    if rows > 0 {
        output::complain(&format!(
            "keyward: rows that do not open until `keyward keys enable {key}`: {rows}"
        ));
    }
}

#[derive(Serialize)]
struct MacRotated {
    mac_epoch: u64,
    tenants: u64,
    damaged: usize,
    behind: Vec<String>,
}

/// Replaces the MAC key, and waits until every serving process has renewed its lease under it.
async fn rotate_mac(home: &Home, json: bool) -> Result<()> {
    let admin = home.keyring().admin();
    let progress = Progress::count("tenants");
    let mut done = admin.rotate_mac(progress.counter()).await?;
    progress.end();
    let waiting = Progress::wait("serving processes have renewed their lease under it");
    let mut tenants = done.tenants;
    while !done.behind.is_empty() {
        let of = home.keyring().replicas().await?.len();
        waiting.of(of.saturating_sub(done.behind.len()), of);
        tokio::time::sleep(rotate::LOOK).await;
        done = admin.rotate_mac(|_| ()).await?;
        tenants = tenants.saturating_add(done.tenants);
    }
    waiting.end();
    let told = MacRotated {
        mac_epoch: done.mac_epoch,
        tenants,
        damaged: done.damaged.len(),
        behind: done.behind,
    };
    if json {
        output::json("keyward.keys.rotate-mac/1", &told)?;
    } else {
        let moved = counted(tenants, "tenant", "tenants");
        output::note(&format!("the records of {moved} are under the new key"));
    }
    match told.damaged {
        0 => Ok(()),
        damaged => Err(Error::corrupt(format!(
            "{} not be read, and the old key stays for them: `keyward doctor` names them and the way out",
            counted(damaged as u64, "record can", "records can")
        ))),
    }
}

#[derive(Serialize)]
struct Rewrapped {
    root: u64,
    tenants: u64,
    moved: u64,
    skipped: u64,
    erased: bool,
}

async fn rewrap(home: &Home, json: bool) -> Result<()> {
    let admin = home.keyring().admin();
    let root = admin.rewrap_root().await?.moved;
    let progress = Progress::count("tenants");
    let done = admin.rewrap_keys(progress.counter()).await?;
    progress.end();
    // What an older root opens is to be gone from the file and its journal too.
    let erased = matches!(home.keys().erase().await, Ok(Erased::Done));
    let told = Rewrapped {
        root,
        tenants: done.tenants,
        moved: done.moved,
        skipped: done.skipped,
        erased,
    };
    if json {
        return output::json("keyward.keys.rewrap/1", &told);
    }
    if !erased {
        output::note(
            "what was wrapped before may still lie in the key store's free pages, which another \
             process is using: run this again when none does, and keep older roots secret until then",
        );
    }
    output::note(&format!(
        "wrapped anew: {root} keys under the root, {} tenant keys under the active key; {} of \
         disabled keys left as they were",
        told.moved, told.skipped
    ));
    Ok(())
}

#[derive(Serialize)]
struct Changed {
    key: String,
    state: &'static str,
}

fn changed(home: &Home, key: KeyId, json: bool) -> Result<()> {
    let status = home.keyring().status();
    let state = status.keys.iter().find(|k| k.id == key);
    let told = Changed {
        key: key.to_string(),
        state: state.map_or("unknown", |k| k.state.as_str()),
    };
    if json {
        return output::json("keyward.keys.changed/1", &told);
    }
    output::note(&format!("key {key} is {}", told.state));
    Ok(())
}
