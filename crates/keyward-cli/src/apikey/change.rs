//! `keyward apikey new`, `narrow`, `rotate` and `revoke`.

use std::time::Duration;

use keyward_base::danger::Operator;
use keyward_base::{Result, Timestamp};
use keyward_session::api_key::{
    ApiKeyId, ApiKeys, IssuedKey, Narrow, NewKey, Ranges, Rotation, Scope, Scopes,
};
use serde::Serialize;

use super::row::Row;
use super::{build, is_there, open};
use crate::args::ApiKeysOf;
use crate::home::{self, HomeArgs};
use crate::output;

/// What is asked of a new key.
pub(super) struct New {
    pub(super) of: ApiKeysOf,
    pub(super) name: String,
    pub(super) scopes: Vec<Scope>,
    pub(super) ranges: Option<Ranges>,
    pub(super) life: Option<Duration>,
}

/// The answer that holds a key: the only one.
#[derive(Serialize)]
struct Made<'a> {
    key: &'a str,
    #[serde(flatten)]
    row: Row,
}

/// Makes a key.
pub(super) async fn new(wanted: New, home_args: &HomeArgs, json: bool) -> Result<()> {
    let mut new = NewKey::new(&wanted.name)?.scopes(Scopes::new(wanted.scopes)?);
    if let Some(ranges) = wanted.ranges {
        new = new.ranges(ranges);
    }
    if let Some(life) = wanted.life {
        new = new.expires_in(life);
    }
    let home = home_args.open().await?;
    if !is_there(&home)? {
        let first = ApiKeys::builder(home.keyring().clone(), home.data().clone());
        let _installed = first.install().await?;
    }
    let prefix = wanted.of.prefix.as_deref();
    let keys = build(&home, prefix).await?;
    let by = Operator::of(wanted.of.tenant, home::system_subject()?);
    show(&keys.issue_as_operator(&by, new).await?, json)
}

/// What becomes less.
pub(super) fn narrower(
    scopes: Option<Scopes>,
    ranges: Option<Ranges>,
    expires: Option<Timestamp>,
) -> Narrow {
    let mut to = Narrow::new();
    if let Some(scopes) = scopes {
        to = to.scopes(scopes);
    }
    if let Some(ranges) = ranges {
        to = to.ranges(ranges);
    }
    if let Some(expires) = expires {
        to = to.expires(expires);
    }
    to
}

/// Narrows a key.
pub(super) async fn narrow(
    of: &ApiKeysOf,
    id: ApiKeyId,
    to: &Narrow,
    home_args: &HomeArgs,
    json: bool,
) -> Result<()> {
    let home = home_args.open().await?;
    let keys = open(&home, of.prefix.as_deref()).await?;
    let row = Row::of(&keys.narrow(&of.tenant, id, to).await?);
    match json {
        true => output::json("keyward.apikey.changed/1", &row),
        false => output::say(&row.in_words()),
    }
}

/// How a key is followed.
///
/// # Errors
/// `Rejected` for too long an overlap.
pub(super) fn rotation(
    overlap: Duration,
    life: Option<Duration>,
    replacing: Option<ApiKeyId>,
) -> Result<Rotation> {
    let mut how = Rotation::new().overlap(overlap).map_err(|_| {
        keyward_base::Error::misuse("both keys work for 30 days at most: give a shorter --overlap")
    })?;
    if let Some(life) = life {
        how = how.expires_in(life);
    }
    if let Some(successor) = replacing {
        how = how.replacing(successor);
    }
    Ok(how)
}

/// Makes the successor of a key.
pub(super) async fn rotate(
    of: ApiKeysOf,
    id: ApiKeyId,
    how: Rotation,
    home_args: &HomeArgs,
    json: bool,
) -> Result<()> {
    let home = home_args.open().await?;
    let keys = open(&home, of.prefix.as_deref()).await?;
    let by = Operator::of(of.tenant, home::system_subject()?);
    show(&keys.rotate_as_operator(&by, id, how).await?, json)
}

#[derive(Serialize)]
struct Revoked<'a> {
    tenant: &'a str,
    id: String,
}

/// Ends a key.
pub(super) async fn revoke(
    of: &ApiKeysOf,
    id: ApiKeyId,
    home_args: &HomeArgs,
    json: bool,
) -> Result<()> {
    let home = home_args.open().await?;
    let keys = open(&home, of.prefix.as_deref()).await?;
    keys.revoke(&of.tenant, id).await?;
    if json {
        let told = Revoked {
            tenant: of.tenant.as_str(),
            id: id.to_string(),
        };
        return output::json("keyward.apikey.revoke/1", &told);
    }
    output::note(&format!("{id} of {} is revoked", of.tenant));
    Ok(())
}

/// Shows a key, once. What was made is said first: if it cannot be written, it can be revoked.
fn show(issued: &IssuedKey, json: bool) -> Result<()> {
    let row = Row::of(issued.info());
    output::note(&format!("made {}", row.in_words()));
    let key = issued.key().expose();
    if json {
        return output::json("keyward.apikey.new/1", &Made { key, row });
    }
    output::say(key)
}
