//! What is shown of one key. Nothing of it is secret.

use keyward_session::api_key::KeyInfo;
use serde::Serialize;

use crate::timeline::rfc3339;

/// Every field is always there.
#[derive(Serialize)]
pub(super) struct Row {
    id: String,
    tenant: String,
    name: String,
    state: &'static str,
    scopes: Vec<String>,
    ranges: Vec<String>,
    maker: String,
    by_operator: bool,
    created: String,
    expires: Option<String>,
    overlap_ends: Option<String>,
    successor: Option<String>,
    predecessor: Option<String>,
    last_used: Option<String>,
    last_from: Option<String>,
    mac_key: String,
}

impl Row {
    pub(super) fn of(info: &KeyInfo) -> Self {
        Self {
            id: info.id.to_string(),
            tenant: info.tenant.to_string(),
            name: info.name.clone(),
            state: info.state.as_str(),
            scopes: info.scopes.words().map(str::to_owned).collect(),
            ranges: info.ranges.iter().map(ToString::to_string).collect(),
            maker: info.maker.to_string(),
            by_operator: info.by_operator,
            created: rfc3339(info.created),
            expires: info.expires.map(rfc3339),
            overlap_ends: info.overlap_ends.map(rfc3339),
            successor: info.successor.map(|id| id.to_string()),
            predecessor: info.predecessor.map(|id| id.to_string()),
            last_used: info.last_used.map(rfc3339),
            last_from: info.last_from.map(|from| from.to_string()),
            mac_key: info.mac_key.to_string(),
        }
    }

    /// One line: `ID  live  servers:read  from 192.0.2.0/24  until 2027-01-31T00:00:00Z  build`.
    pub(super) fn in_words(&self) -> String {
        let scopes = match self.scopes.as_slice() {
            [] => "no scope".to_owned(),
            scopes => scopes.join(" "),
        };
        let from = match self.ranges.as_slice() {
            [] => "from anywhere".to_owned(),
            ranges => format!("from {}", ranges.join(" ")),
        };
        let ends = match (&self.overlap_ends, &self.expires) {
            (Some(ends), _) | (None, Some(ends)) => format!("until {ends}"),
            (None, None) => "no end".to_owned(),
        };
        let used = match &self.last_used {
            Some(used) => format!("last used {used}"),
            None => "never used".to_owned(),
        };
        [
            &self.id, self.state, &scopes, &from, &ends, &used, &self.name,
        ]
        .join("  ")
    }
}
