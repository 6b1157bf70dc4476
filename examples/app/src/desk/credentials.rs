//! Credentials: in through the vault, listed by hint, out through the vault only.

use keyward_base::{
    Error, Reason, RecordId, Result, Revision, Scope, SecretBytes, Tenant, Timestamp,
};
use keyward_vault::{Credential, Expect, Facts, Kind, Listed, Slot};
use serde::Serialize;

use super::Desk;
use crate::input::Submitted;
use crate::section::Section;
use crate::view::{Expiry, Fact, Part, Row, address, minute};

/// The most that the overview counts.
const COUNTED: usize = 1000;

/// How many names a list shows.
const NAMES: usize = 3;

/// An expiry this near is shown as a warning: 7 days.
const SOON_MILLIS: u64 = 7 * 24 * 60 * 60 * 1000;

/// A part of a list.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) rows: Vec<Row>,
    /// Records that are not what was written.
    pub(crate) damaged: usize,
    /// After which record the next part begins.
    pub(crate) next: Option<String>,
}

impl Desk {
    fn slot(&self, section: Section, record: &RecordId) -> Result<Slot> {
        Slot::new(
            self.organisation(),
            section.place()?.as_str(),
            record.as_str(),
        )
    }

    /// How many there are of a section.
    pub(crate) async fn count(&self, section: Section) -> Result<String> {
        let found = self.list(section, None, COUNTED).await?;
        let shown = found.rows.len();
        Ok(if found.next.is_some() {
            format!("{shown}+")
        } else {
            shown.to_string()
        })
    }

    /// A part of a section's list. Opens nothing.
    pub(crate) async fn list(
        &self,
        section: Section,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Rows> {
        let place = section.place()?;
        // Records are listed in the order of place and record: a place is one stretch of them.
        let prefix = format!("{place}/");
        let after = format!("{prefix}{}", after.unwrap_or_default());
        let tenant: &Tenant = &self.tenant;
        let page = self.vault.list(tenant, Some(&after), limit).await?;
        let now = self.embedded.keyring().clock().now()?;
        let own = page
            .items
            .iter()
            .filter(|listed| listed.slot.place == place);
        Ok(Rows {
            rows: own.map(|listed| row(section, listed, now)).collect(),
            damaged: page
                .refused
                .iter()
                .filter(|bad| bad.id.starts_with(&prefix))
                .count(),
            next: page
                .next
                .and_then(|next| next.strip_prefix(&prefix).map(str::to_owned)),
        })
    }

    /// One of a section. Opens nothing.
    pub(crate) async fn one(&self, section: Section, record: &RecordId) -> Result<Row> {
        let listed = self.vault.describe(&self.slot(section, record)?).await?;
        let listed = listed.ok_or_else(|| Error::rejected(Reason::NotFound))?;
        Ok(row(
            section,
            &listed,
            self.embedded.keyring().clock().now()?,
        ))
    }

    /// Seals what was submitted: as something new, or over `replaced`.
    pub(crate) async fn put(
        &self,
        section: Section,
        record: &RecordId,
        credential: &Credential,
        replaced: Option<Revision>,
    ) -> Result<()> {
        let expect = replaced.map_or(Expect::Absent, Expect::Revision);
        let slot = self.slot(section, record)?;
        self.vault
            .put(&slot, credential, &Scope::none(), expect)
            .await?;
        Ok(())
    }

    /// Checks what was submitted. `Misuse` says what to mend, without quoting it.
    pub(crate) fn credential(&self, submitted: Submitted) -> Result<Credential> {
        let (kind, bytes) = match submitted {
            Submitted::Key(bytes) => (Kind::SshKey, bytes),
            Submitted::Variables(bytes) => (Kind::Env, bytes),
            Submitted::Token {
                access,
                refresh,
                expires,
                scopes,
            } => (
                Kind::OAuthToken,
                token_response(&access, refresh.as_ref(), expires, &scopes)?,
            ),
        };
        self.vault.credential(kind, bytes)
    }

    /// Opens a credential to show it. The vault records that before it hands anything out.
    pub(crate) async fn reveal(&self, section: Section, record: &RecordId) -> Result<Vec<Part>> {
        let opened = self
            .vault
            .open(&self.slot(section, record)?, &Scope::none())
            .await?;
        let credential = opened.credential();
        let part = |name: &str, value: &SecretBytes| Part {
            name: name.to_owned(),
            value: SecretBytes::copy_of(value.expose()),
        };
        Ok(match credential.kind() {
            Kind::Env => {
                let set = credential.env()?;
                set.vars()
                    .iter()
                    .map(|var| part(var.name(), var.value()))
                    .collect()
            }
            Kind::OAuthToken => {
                let token = credential.oauth_token()?;
                let refresh = token
                    .refresh()
                    .map(|refresh| part("Refresh token", refresh));
                [Some(part("Access token", token.access())), refresh]
                    .into_iter()
                    .flatten()
                    .collect()
            }
            Kind::SshKey => vec![part("Private key", opened.bytes())],
            _ => vec![part("Value", opened.bytes())],
        })
    }

    pub(crate) async fn delete(
        &self,
        section: Section,
        record: &RecordId,
        revision: Revision,
    ) -> Result<()> {
        self.vault
            .delete(&self.slot(section, record)?, Expect::Revision(revision))
            .await
    }
}

/// A token response (RFC 6749, section 5.1), as the vault keeps OAuth tokens.
fn token_response(
    access: &SecretBytes,
    refresh: Option<&SecretBytes>,
    expires: Option<Timestamp>,
    scopes: &[String],
) -> Result<SecretBytes> {
    #[derive(Serialize)]
    struct Response<'a> {
        access_token: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        refresh_token: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        expires_at: Option<u64>,
        scope: String,
    }
    fn text(token: &SecretBytes) -> Result<&str> {
        let text = std::str::from_utf8(token.expose()).ok();
        text.filter(|text| text.bytes().all(|b| b.is_ascii_graphic()))
            .ok_or_else(|| {
                Error::misuse(
                    "A token is one line of visible ASCII without spaces: paste it again.",
                )
            })
    }
    let response = Response {
        access_token: text(access)?,
        refresh_token: refresh.map(text).transpose()?,
        expires_at: expires.and_then(|at| at.as_millis().checked_div(1000)),
        scope: scopes.join(" "),
    };
    // Room for every byte escaped: a buffer that grew would leave a copy behind.
    let room = access
        .len()
        .saturating_add(refresh.map_or(0, SecretBytes::len))
        .saturating_mul(2);
    let mut bytes = Vec::with_capacity(
        room.saturating_add(response.scope.len())
            .saturating_add(200),
    );
    serde_json::to_writer(&mut bytes, &response)
        .map_err(|_| Error::unavailable("the token response cannot be written"))?;
    Ok(SecretBytes::new(bytes))
}

fn row(section: Section, listed: &Listed, now: Timestamp) -> Row {
    let facts = &listed.facts;
    Row {
        id: listed.slot.record.as_str().to_owned(),
        path: format!(
            "{}/{}",
            section.words().path,
            address(listed.slot.record.as_str())
        ),
        hint: shown(listed),
        about: about(facts),
        print: facts.fingerprint.clone().unwrap_or_default(),
        facts: details(facts),
        expiry: facts
            .expires
            .map(|at| expiry(Timestamp::from_millis(at), now)),
        updated: minute(listed.updated),
        revision: listed.revision.number(),
        key: listed.key.to_string(),
    }
}

/// The hint; of what has none, that something is there.
fn shown(listed: &Listed) -> String {
    let hint = listed.hint.to_string();
    if hint.is_empty() {
        "••••".to_owned()
    } else {
        hint
    }
}

fn about(facts: &Facts) -> String {
    if let Some(kind) = &facts.key_type {
        let locked = if facts.encrypted {
            ", with a passphrase"
        } else {
            ""
        };
        return format!("{kind}{locked}");
    }
    if !facts.names.is_empty() {
        let first: Vec<_> = facts.names.iter().take(NAMES).map(String::as_str).collect();
        return match facts.names.len().saturating_sub(NAMES) {
            0 => first.join(", "),
            more => format!("{} and {more} more", first.join(", ")),
        };
    }
    if facts.scopes.is_empty() {
        "no scopes stated".to_owned()
    } else {
        facts.scopes.join(" ")
    }
}

fn details(facts: &Facts) -> Vec<Fact> {
    let mut out = Vec::new();
    if let Some(kind) = &facts.key_type {
        out.push(Fact::plain("Type", kind.clone()));
        let locked = if facts.encrypted {
            "protects it"
        } else {
            "none"
        };
        out.push(Fact::plain("Passphrase", locked.to_owned()));
    }
    if let Some(print) = &facts.fingerprint {
        out.push(Fact::code("Fingerprint", print.clone()));
    }
    if !facts.scopes.is_empty() {
        out.push(Fact::code("Scopes", facts.scopes.join(" ")));
    }
    if facts.refreshable {
        out.push(Fact::plain("Refresh token", "there is one".to_owned()));
    }
    if !facts.names.is_empty() {
        out.push(Fact::code("Names", facts.names.join(", ")));
    }
    out
}

fn expiry(at: Timestamp, now: Timestamp) -> Expiry {
    let left = at.as_millis().saturating_sub(now.as_millis());
    let (word, tone) = match left {
        0 => ("expired", "bad"),
        1..SOON_MILLIS => ("expires", "warn"),
        _ => ("expires", ""),
    };
    Expiry {
        text: format!("{word} {}", minute(at)),
        tone,
    }
}
