//! `keyward keys`.

mod destroy;
mod find;
mod rotate;
mod status;

pub(crate) use status::counted;

use keyward_base::{KeyId, Result};
use keyward_embedded::{Embedded, RootSource};
use serde::Serialize;

use crate::args::Keys;
use crate::home::Home;
use crate::output;
use crate::progress::Progress;

/// Runs one of the commands.
pub(crate) async fn run(command: Keys, home: &Home, json: bool) -> Result<()> {
    match command {
        Keys::Init => init(home, json).await,
        Keys::Status { tenant: None } => status::ring(&home.open().await?, json).await,
        Keys::Status {
            tenant: Some(tenant),
        } => status::tenant(&home.open().await?, &tenant, json).await,
        Keys::Rotate { no_wait, purpose } => {
            rotate::run(&home.open().await?, &purpose, no_wait, json).await
        }
        Keys::Rewrap => rewrap(&home.open().await?, json).await,
        Keys::Disable { key } => {
            let embedded = home.open().await?;
            embedded.keyring().admin().disable(key).await?;
            changed(&embedded, key, json)
        }
        Keys::Enable { key } => {
            let embedded = home.open().await?;
            embedded.keyring().admin().enable(key).await?;
            changed(&embedded, key, json)
        }
        Keys::Destroy {
            key,
            db,
            yes,
            even_unregistered,
        } => {
            let request = destroy::Request {
                key,
                files: db,
                sure: yes,
                even_unregistered,
            };
            destroy::run(&home.open().await?, request, json).await
        }
        Keys::Find { key, db } => find::run(&home.open().await?, key, &db, json).await,
        Keys::AcceptRestore => accept_restore(home, json).await,
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
    fn of(embedded: &Embedded) -> Self {
        let status = embedded.keyring().status();
        Self {
            home: embedded.home().folder().display().to_string(),
            ring: status.ring.to_string(),
            epoch: status.epoch,
            root: status::root_name(),
            anchor: embedded.anchor().display().to_string(),
        }
    }
}

async fn init(home: &Home, json: bool) -> Result<()> {
    let embedded = home.init().await?;
    let made = Made::of(&embedded);
    if matches!(RootSource::from_env(), RootSource::File) {
        output::complain(&format!(
            "keyward: a root file was made at {}: in production keep the root out of this folder \
             and its backups, and set KEYWARD_ROOT=v1:<base64 of 32 random bytes> from your \
             secret manager",
            embedded.home().root_file().display()
        ));
    }
    if json {
        return output::json("keyward.keys.init/1", &made);
    }
    output::note(&format!("made a keyring in {}", made.home));
    Ok(())
}

async fn accept_restore(home: &Home, json: bool) -> Result<()> {
    let made = Made::of(&home.accept_restore().await?);
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

#[derive(Serialize)]
struct Rewrapped {
    root: u64,
    tenants: u64,
    moved: u64,
    skipped: u64,
}

async fn rewrap(embedded: &Embedded, json: bool) -> Result<()> {
    let admin = embedded.keyring().admin();
    let root = admin.rewrap_root().await?.moved;
    let progress = Progress::count("tenants");
    let done = admin.rewrap_keys(progress.counter()).await?;
    progress.end();
    let told = Rewrapped {
        root,
        tenants: done.tenants,
        moved: done.moved,
        skipped: done.skipped,
    };
    if json {
        return output::json("keyward.keys.rewrap/1", &told);
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

fn changed(embedded: &Embedded, key: KeyId, json: bool) -> Result<()> {
    let status = embedded.keyring().status();
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
