//! `keyward vault list`: hints and facts, and nothing opened.

use keyward_base::{Error, Reason, Result, Tenant, Timestamp};
use keyward_vault::{Listed, Page};
use serde::Serialize;

use crate::home::HomeArgs;
use crate::output::{self, counted};
use crate::timeline::rfc3339;

const PAGE: usize = 1000;

/// What is shown of one credential. Every field is always there.
#[derive(Serialize)]
pub(super) struct Row {
    tenant: String,
    at: String,
    id: String,
    kind: &'static str,
    hint: String,
    key: String,
    role: String,
    revision: u64,
    created: String,
    updated: String,
    expires: Option<String>,
    names: Vec<String>,
    scopes: Vec<String>,
    refreshable: bool,
    key_type: Option<String>,
    fingerprint: Option<String>,
    encrypted: bool,
}

impl Row {
    pub(super) fn of(listed: &Listed) -> Self {
        let facts = &listed.facts;
        Self {
            tenant: listed.slot.tenant.to_string(),
            at: listed.slot.place.to_string(),
            id: listed.slot.record.to_string(),
            kind: listed.kind.as_str(),
            hint: listed.hint.to_string(),
            key: listed.key.to_string(),
            role: listed.role.to_string(),
            revision: listed.revision.number(),
            created: rfc3339(listed.created),
            updated: rfc3339(listed.updated),
            expires: facts.expires.map(|at| rfc3339(Timestamp::from_millis(at))),
            names: facts.names.clone(),
            scopes: facts.scopes.clone(),
            refreshable: facts.refreshable,
            key_type: facts.key_type.clone(),
            fingerprint: facts.fingerprint.clone(),
            encrypted: facts.encrypted,
        }
    }

    /// One line about it: `t.c 42 for acme: api-key ghp_••••9f3a, revision 1`.
    pub(super) fn in_words(&self) -> String {
        format!(
            "{} {} for {}: {}, revision {}",
            self.at,
            self.id,
            self.tenant,
            [self.kind, &self.shown()].join(" ").trim_end(),
            self.revision
        )
    }

    /// What tells it from others of its kind.
    fn shown(&self) -> String {
        let mut parts = Vec::new();
        if !self.hint.is_empty() {
            parts.push(self.hint.clone());
        }
        parts.extend(self.key_type.clone());
        parts.extend(self.fingerprint.clone());
        if self.encrypted {
            parts.push("(passphrase)".to_owned());
        }
        if !self.names.is_empty() {
            parts.push(self.names.join(" "));
        }
        if let Some(expires) = &self.expires {
            parts.push(format!("expires {expires}"));
        }
        parts.join(" ")
    }
}

/// A record that is not what was written.
#[derive(Serialize)]
struct Bad {
    id: String,
    reason: &'static str,
}

#[derive(Serialize)]
struct Answer {
    tenant: String,
    verified: bool,
    credentials: Vec<Row>,
    refused: Vec<Bad>,
}

/// Lists a tenant's credentials.
///
/// # Errors
/// `Corrupt`, after the list, if some records are not what was written.
pub(super) async fn run(
    tenant: &Tenant,
    verify: bool,
    home_args: &HomeArgs,
    json: bool,
) -> Result<()> {
    let home = home_args.open().await?;
    let vault = home.vault();
    let mut answer = Answer {
        tenant: tenant.to_string(),
        verified: verify,
        credentials: Vec::new(),
        refused: Vec::new(),
    };
    let mut after: Option<String> = None;
    loop {
        let page = if verify {
            vault.list_verified(tenant, after.as_deref(), PAGE).await?
        } else {
            vault.list(tenant, after.as_deref(), PAGE).await?
        };
        answer.take(&page);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if json {
        output::json("keyward.vault.list/2", &answer)?;
    } else {
        table(&answer.credentials)?;
    }
    match answer.refused.as_slice() {
        [] => Ok(()),
        bad => {
            for one in bad {
                output::note(&format!(
                    "{} of {tenant} is not what was written: {}",
                    one.id, one.reason
                ));
            }
            let count = counted(bad.len() as u64, "record is", "records are");
            Err(Error::corrupt(format!(
                "{count} not what was written: restore them from a backup"
            )))
        }
    }
}

impl Answer {
    fn take(&mut self, page: &Page) {
        self.credentials.extend(page.items.iter().map(Row::of));
        self.refused.extend(page.refused.iter().map(|refused| Bad {
            id: refused.id.clone(),
            reason: refused.reason.map_or("unreadable", Reason::as_str),
        }));
    }
}

fn table(rows: &[Row]) -> Result<()> {
    let widest = |of: fn(&Row) -> &str, least: usize| {
        rows.iter()
            .map(|row| of(row).chars().count())
            .max()
            .unwrap_or(0)
            .max(least)
    };
    let (at, id, kind) = (
        widest(|r| &r.at, 2),
        widest(|r| &r.id, 2),
        widest(|r| r.kind, 4),
    );
    // A first revision is a random number of up to 15 digits.
    let digits = |row: &Row| row.revision.to_string().len();
    let rev = rows.iter().map(digits).max().unwrap_or(0).max(3);
    if rows.is_empty() {
        // No error: a script that lists gets a list. A name that was misspelt reads the same.
        output::note(
            "nothing is stored for this tenant: `keyward vault tenants` shows the tenants there are",
        );
        return Ok(());
    }
    output::say(&format!(
        "{:at$}  {:id$}  {:kind$}  {:>rev$}  key               shown",
        "at", "id", "kind", "rev"
    ))?;
    rows.iter().try_for_each(|row| {
        let line = format!(
            "{:at$}  {:id$}  {:kind$}  {:>rev$}  {}  {}",
            row.at,
            row.id,
            row.kind,
            row.revision,
            row.key,
            row.shown()
        );
        output::say(line.trim_end())
    })
}
