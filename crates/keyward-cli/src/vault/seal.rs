//! `keyward vault seal`.

use std::path::PathBuf;

use keyward_base::{Clock as _, Reason, Result, Role, SystemClock};
use keyward_crypto::Provider;
use keyward_crypto::sealed::MAX_PLAINTEXT;
use keyward_vault::{Credential, Expect, Kind, Note, Slot};
use serde::Serialize;

use super::list::Row;
use crate::exit::Advice;
use crate::home::HomeArgs;
use crate::{input, output};

/// What is to be sealed, and where.
pub(super) struct Request {
    pub(super) slot: Slot,
    pub(super) kind: Kind,
    pub(super) role: Role,
    pub(super) file: Option<PathBuf>,
    pub(super) trim: bool,
}

impl Request {
    /// Reads and checks the secret, before any store is opened, and says what is to be known of it.
    fn credential(&self) -> Result<Credential> {
        let secret = input::secret(self.file.as_deref(), self.trim, MAX_PLAINTEXT)?;
        let now = SystemClock::new().now()?;
        let credential = Credential::parse(self.kind, secret, &Provider::default(), now)?;
        for note in credential.notes() {
            match note {
                Note::EndsInLineEnd => output::note(&format!("{note} (--trim takes it off)")),
                Note::LooksLikeSshKey => output::note(&format!("{note} (--kind ssh-key)")),
                _ => output::note(&note.to_string()),
            }
        }
        Ok(credential)
    }
}

/// Seals into the store.
pub(super) async fn stored(
    request: Request,
    expect: Expect,
    home_args: &HomeArgs,
    json: bool,
) -> Result<()> {
    let credential = request.credential()?;
    let home = home_args.open().await?;
    let vault = home.vault();
    let put = vault.put(&request.slot, &credential, &request.role, expect);
    let listed = put.await.map_err(|e| match (e.reason(), expect) {
        (Some(Reason::CONFLICT), Expect::Absent) => e.with_source(Advice(
            "something lies in this slot: leave out --new to replace it, or replace only what you \
             know with --if-revision N"
                .to_owned(),
        )),
        _ => e,
    })?;
    let row = Row::of(&listed);
    if json {
        return output::json("keyward.vault.seal/1", &row);
    }
    output::note(&format!("sealed {}", row.in_words()));
    Ok(())
}

#[derive(Serialize)]
struct Detached {
    value: String,
}

/// Seals to standard output.
pub(super) async fn detached(request: Request, home_args: &HomeArgs, json: bool) -> Result<()> {
    let credential = request.credential()?;
    let home = home_args.open().await?;
    let vault = home.vault();
    let sealed = vault
        .seal_detached(&request.slot, &request.role, &credential)
        .await?;
    let value = sealed.as_str().to_owned();
    if json {
        return output::json("keyward.vault.detached/1", &Detached { value });
    }
    output::say(&value)
}
