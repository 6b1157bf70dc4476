//! `keyward apikey check`: whether a key is good.

use std::net::IpAddr;
use std::path::Path;

use keyward_base::token::MAX_TOKEN_LEN;
use keyward_base::{Error, ErrorKind, Reason, Result};
use keyward_session::api_key::{ApiKeys, LiveKey, Scope};
use serde::Serialize;

use super::open;
use crate::explain::before_key;
use crate::home::HomeArgs;
use crate::input;
use crate::output;
use crate::timeline::rfc3339;

#[derive(Serialize)]
struct Answer {
    verdict: &'static str,
    reason: Option<&'static str>,
    id: Option<String>,
    tenant: Option<String>,
    name: Option<String>,
    scopes: Vec<String>,
    ends: Option<String>,
    successor: Option<String>,
}

/// Checks the key in `file`, or on standard input.
///
/// # Errors
/// `Rejected` if it is not good, after the JSON answer.
pub(super) async fn run(
    file: Option<&Path>,
    from: Option<IpAddr>,
    scope: Option<&Scope>,
    home_args: &HomeArgs,
    json: bool,
) -> Result<()> {
    // A newline at its end is the shell's.
    let text = input::secret(file, true, MAX_TOKEN_LEN.saturating_add(2))?;
    let text = std::str::from_utf8(text.expose()).unwrap_or_default();
    let home = home_args.open().await?;
    let own = before_key(text);
    // What stands before it may be no prefix at all: it is then no key of the default one either.
    let own = own.filter(|own| !own.starts_with("kw"));
    let keys = match open(&home, own).await {
        Err(e) if own.is_some() && e.kind() == ErrorKind::Misuse => open(&home, None).await?,
        keys => keys?,
    };
    let checked = judge(&keys, text, from, scope).await;
    match (&checked, json) {
        (Ok(key), true) => output::json("keyward.apikey.check/1", &Answer::of(key))?,
        (Err(error), true) if error.kind() == ErrorKind::Rejected => {
            output::json("keyward.apikey.check/1", &Answer::refused(error))?;
        }
        (Ok(key), false) => output::say(&in_words(key))?,
        (Err(_), _) => {}
    }
    checked.map(|_| ())
}

async fn judge(
    keys: &ApiKeys,
    text: &str,
    from: Option<IpAddr>,
    scope: Option<&Scope>,
) -> Result<LiveKey> {
    let key = keys.check(text, from).await?;
    if let Some(scope) = scope {
        key.require(scope)?;
    }
    Ok(key)
}

fn in_words(key: &LiveKey) -> String {
    let scopes = match key.scopes().is_empty() {
        true => "no scope".to_owned(),
        false => key.scopes().to_string(),
    };
    let ends = key.ends_at().map_or_else(
        || "no end".to_owned(),
        |at| format!("until {}", rfc3339(at)),
    );
    format!(
        "live: {} of {}, {}, {scopes}, {ends}",
        key.id(),
        key.tenant(),
        key.name()
    )
}

impl Answer {
    fn of(key: &LiveKey) -> Self {
        Self {
            verdict: "live",
            reason: None,
            id: Some(key.id().to_string()),
            tenant: Some(key.tenant().to_string()),
            name: Some(key.name().to_owned()),
            scopes: key.scopes().words().map(str::to_owned).collect(),
            ends: key.ends_at().map(rfc3339),
            successor: key.successor().map(|id| id.to_string()),
        }
    }

    fn refused(error: &Error) -> Self {
        Self {
            verdict: "rejected",
            reason: error.reason().map(Reason::as_str),
            id: None,
            tenant: None,
            name: None,
            scopes: Vec::new(),
            ends: None,
            successor: None,
        }
    }
}
