//! Credentials: in through the vault, listed by hint, out through the vault only.

use keyward_base::{Error, Reason, RecordId, Result, Revision, SecretBytes, Timestamp};
use keyward_vault::{AtRecord, Credential, Facts, Kind, Listed, OAuthToken, Page, SshKey};

use super::Room;
use crate::input::{Refresh, Submitted};
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

/// What is known of a stored value without opening it.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) id: String,
    pub(crate) facts: Facts,
    pub(crate) updated: Timestamp,
    pub(crate) revision: Revision,
}

impl Room {
    fn record(&self, section: Section, record: &RecordId) -> Result<AtRecord> {
        self.column(section)?.record(record.as_str())
    }

    /// What is in a section after the record that `after` names.
    async fn part(&self, section: Section, after: Option<&str>, limit: usize) -> Result<Page> {
        // Beginning anew instead, who follows a damaged cursor would go round for ever.
        let after = after.map(RecordId::new).transpose();
        let after = after.map_err(|_| Error::rejected(Reason::NOT_FOUND))?;
        self.column(section)?.list(after.as_ref(), limit).await
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
        let page = self.part(section, after, limit).await?;
        let now = self.desk.clock().now()?;
        let rows = page.items.iter();
        Ok(Rows {
            rows: rows.map(|listed| row(section, listed, now)).collect(),
            damaged: page.refused.len(),
            next: page.next,
        })
    }

    /// The same for programs: what is known of each, and after which the rest begins.
    pub(crate) async fn facts_of(
        &self,
        section: Section,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Known>, Option<String>)> {
        let page = self.part(section, after, limit).await?;
        let known = page.items.into_iter().map(|listed| Known {
            id: listed.slot.record.as_str().to_owned(),
            facts: listed.facts,
            updated: listed.updated,
            revision: listed.revision,
        });
        Ok((known.collect(), page.next))
    }

    /// One of a section. Opens nothing.
    pub(crate) async fn one(&self, section: Section, record: &RecordId) -> Result<Row> {
        let listed = self.record(section, record)?.describe().await?;
        let listed = listed.ok_or_else(|| Error::rejected(Reason::NOT_FOUND))?;
        Ok(row(section, &listed, self.desk.clock().now()?))
    }

    /// Seals what was submitted: as something new, or over `replaced`.
    pub(crate) async fn put(
        &self,
        section: Section,
        record: &RecordId,
        credential: &Credential,
        replaced: Option<Revision>,
    ) -> Result<()> {
        let record = self.record(section, record)?;
        match replaced {
            None => record.insert(credential).await,
            Some(revision) => record.replace(credential, revision).await,
        }
        .map(drop)
    }

    /// What may be shown of a stored one, and its revision.
    pub(crate) async fn facts(
        &self,
        section: Section,
        record: &RecordId,
    ) -> Result<(Facts, Revision)> {
        let listed = self.record(section, record)?.describe().await?;
        let listed = listed.ok_or_else(|| Error::rejected(Reason::NOT_FOUND))?;
        Ok((listed.facts, listed.revision))
    }

    /// Checks what was submitted for `record`: as something new, or over the state `replaced`.
    /// `Misuse` says what to mend, without quoting it.
    pub(crate) async fn credential(
        &self,
        section: Section,
        record: &RecordId,
        submitted: Submitted,
        replaced: Option<Revision>,
    ) -> Result<Credential> {
        let (kind, bytes) = match submitted {
            Submitted::Key(bytes) => (Kind::SshKey, bytes),
            Submitted::Variables(bytes) => (Kind::Env, bytes),
            Submitted::Token {
                access,
                refresh,
                expires,
                scopes,
            } => {
                let mut token = OAuthToken::response(access).scopes(scopes);
                if let Some(at) = expires {
                    token = token.expires(at);
                }
                let refresh = match refresh {
                    Refresh::New(refresh) => Some(refresh),
                    Refresh::Keep => self.refresh_token(section, record, replaced).await?,
                    Refresh::Nothing => None,
                };
                if let Some(refresh) = refresh {
                    token = token.refresh(refresh);
                }
                (Kind::OAuthToken, token.write()?)
            }
        };
        let credential = self.desk.vault.credential(kind, bytes)?;
        if kind == Kind::Env && credential.facts().names.is_empty() {
            return Err(Error::misuse(
                "there is no variable in it: write one NAME=value a line",
            ));
        }
        Ok(credential)
    }

    /// The refresh token that is stored now, which must be the state that the form was made for.
    async fn refresh_token(
        &self,
        section: Section,
        record: &RecordId,
        replaced: Option<Revision>,
    ) -> Result<Option<SecretBytes>> {
        let opened = self.record(section, record)?.open().await?;
        if Some(opened.revision()) != replaced {
            return Err(Error::rejected(Reason::CONFLICT));
        }
        let token = opened.credential().oauth_token()?;
        let refresh = token.refresh();
        Ok(refresh.map(|refresh| SecretBytes::copy_of(refresh.expose())))
    }

    /// The public half of an SSH key. It stands in the sealed value, so that this opens it, and is
    /// recorded like any opening.
    pub(crate) async fn public_line(&self, section: Section, record: &RecordId) -> Result<String> {
        let opened = self.record(section, record)?.open().await?;
        if opened.credential().kind() != Kind::SshKey {
            return Err(Error::rejected(Reason::NOT_FOUND));
        }
        Ok(SshKey::parse(opened.bytes().expose())?.public_line())
    }

    /// Opens a credential to show it. The vault records that before it hands anything out.
    pub(crate) async fn reveal(&self, section: Section, record: &RecordId) -> Result<Vec<Part>> {
        let opened = self.record(section, record)?.open().await?;
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
        self.record(section, record)?.delete(revision).await
    }
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
        public: facts.key_type.is_some(),
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
