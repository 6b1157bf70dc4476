//! `keyward apikey`: the API keys of this home.

mod change;
mod check;
mod list;
mod row;

use keyward_base::{Error, ErrorKind, Purpose, Reason, Result};
use keyward_embedded::Home;
use keyward_session::api_key::{ApiKeys, PURPOSE};
use keyward_session::reason;

use crate::args::ApiKey;
use crate::exit::Advice;
use crate::home::HomeArgs;

/// Runs one of the commands.
pub(crate) async fn run(command: ApiKey, home_args: &HomeArgs, json: bool) -> Result<()> {
    let done = match command {
        ApiKey::New {
            of,
            name,
            scopes,
            ranges,
            life,
        } => {
            let wanted = change::New {
                of,
                name,
                scopes,
                ranges,
                life,
            };
            change::new(wanted, home_args, json).await
        }
        ApiKey::List { of } => list::run(&of, home_args, json).await,
        ApiKey::Narrow {
            of,
            which,
            scopes,
            ranges,
            expires,
        } => {
            let to = change::narrower(scopes, ranges, expires);
            change::narrow(&of, which.id, &to, home_args, json).await
        }
        ApiKey::Rotate {
            of,
            which,
            overlap,
            life,
            replacing,
        } => {
            let how = change::rotation(overlap, life, replacing)?;
            change::rotate(of, which.id, how, home_args, json).await
        }
        ApiKey::Revoke { of, which } => change::revoke(&of, which.id, home_args, json).await,
        ApiKey::Check { file, from, scope } => {
            check::run(file.as_deref(), from, scope.as_ref(), home_args, json).await
        }
    };
    done.map_err(explained)
}

/// The keys of a home that has some.
///
/// # Errors
/// `Misuse` for a home that has none.
async fn open(home: &Home, prefix: Option<&str>) -> Result<ApiKeys> {
    if !is_there(home)? {
        return Err(Error::misuse(
            "this home has no API keys: `keyward apikey new` makes the first",
        ));
    }
    build(home, prefix).await
}

/// Registers the API keys of a home, if it has some, so that this command counts what needs a key of the
/// ring. Where that cannot be, what destroys keys refuses to, since it cannot count.
pub(crate) async fn attach(home: &Home) -> Result<()> {
    if !is_there(home)? {
        return Ok(());
    }
    match build(home, None).await {
        Err(e) if e.kind() == ErrorKind::Misuse => Ok(()),
        built => built.map(|_| ()),
    }
}

fn is_there(home: &Home) -> Result<bool> {
    let purpose = Purpose::new(PURPOSE)?;
    let status = home.keyring().status();
    Ok(status.keys.iter().any(|key| key.purpose == purpose))
}

async fn build(home: &Home, prefix: Option<&str>) -> Result<ApiKeys> {
    let builder = ApiKeys::builder(home.keyring().clone(), home.data().clone())
        .policy_of_ring()?
        .trail(home.vault().trail().clone());
    match prefix {
        Some(prefix) => builder.prefix(prefix).build().await,
        None => builder.build().await,
    }
}

/// What mends a refusal, where there is something.
fn explained(error: Error) -> Error {
    if error.kind() != ErrorKind::Rejected {
        return error;
    }
    let says = match error.reason() {
        Some(Reason::NOT_FOUND) => {
            "the tenant has no such key: `keyward apikey list` shows which it has, of each prefix by \
             itself"
        }
        Some(Reason::MALFORMED | Reason::TOO_LONG) => {
            "it is no key, or not the whole of one: copy it from its first character to its last"
        }
        Some(Reason::NOT_AUTHENTIC) => "it is no key of this home",
        Some(Reason::EXPIRED) => "its time is over, or the overlap with its successor",
        Some(reason::KEY_ENDED) => "it was revoked, or all keys of its tenant were ended",
        Some(reason::ADDRESS) => {
            "it may not be used from there: --from says where, and `keyward apikey list` from where \
             it may"
        }
        Some(reason::SCOPE) => "it is good, and does not have the scope",
        Some(reason::WIDER) => "a key can be narrowed and not widened: make another",
        Some(reason::ROTATED) => {
            "it has a successor: `keyward apikey list` shows it, and --replacing puts another in its \
             place"
        }
        Some(reason::TOO_MANY) => "the tenant has as many keys as it may: revoke those not in use",
        _ => return error,
    };
    match error.reason() {
        Some(reason) => Error::rejected(reason).with_source(Advice(says.to_owned())),
        None => error,
    }
}
