//! `keyward audit`: the logs of a home, and what auditors have of them.

mod alerts;
mod export;
mod file;
mod line;
mod lost;
mod retain;
mod show;
mod sign;
mod verify;

pub(crate) use file::pinned;
pub(crate) use lost::said;

use keyward_audit::Of;
use keyward_audit::leaf::origin;
use keyward_base::{Error, Result, Tenant};
use serde::Serialize;

use crate::args::{Audit, AuditLog};
use crate::home::HomeArgs;
use crate::output;

/// Runs one of the commands.
pub(crate) async fn run(command: Audit, home_args: &HomeArgs, json: bool) -> Result<()> {
    match command {
        Audit::Verify {
            file: Some(file),
            keys,
            ..
        } => file::run(&file, &keys, json),
        Audit::Verify {
            tenant,
            since,
            keys,
            ..
        } => {
            if since.is_none() && !keys.is_empty() {
                return Err(Error::misuse(
                    "--key is for an export or for older checkpoints: give --file or --since too, or leave it out",
                ));
            }
            let keys = pinned(&keys)?;
            let since = since.map(|file| verify::since(&file)).transpose()?;
            let home = home_args.open().await?;
            verify::run(&home, tenant, since, &keys, json).await
        }
        Audit::Init => init(home_args, json).await,
        Audit::Export {
            log,
            from,
            to,
            format,
        } => {
            let home = home_args.open().await?;
            let of = of(home.audit()?, log).await?;
            export::run(&home, &of, from, to, format, json).await
        }
        Audit::Show {
            tenant,
            only,
            limit,
        } => {
            let home = home_args.open().await?;
            show::run(home.audit()?, tenant, &only, limit, json).await
        }
        Audit::Tail {
            rules: Some(file), ..
        } => {
            let rules = alerts::rules(&file)?;
            let home = home_args.open().await?;
            alerts::run(&home, &rules, json).await
        }
        Audit::Tail { tenant, only, .. } => {
            let home = home_args.open().await?;
            show::tail(&home, tenant, &only, json).await
        }
        Audit::Retain {
            yes,
            clock_is_right,
        } => retain::run(&home_args.open().await?, yes, clock_is_right, json).await,
        Audit::Keep {
            tenant,
            class,
            days,
            for_good,
            unset,
        } => {
            let home = home_args.open().await?;
            let of = tenant.map_or(Of::Service, Of::Tenant);
            let set = (days.is_some() || for_good).then_some(days);
            retain::keep(home.audit()?, &of, class, set, unset, json).await
        }
        Audit::Hold { tenant, name, lift } => {
            let home = home_args.open().await?;
            retain::hold(home.audit()?, &Of::Tenant(tenant), name, lift, json).await
        }
        Audit::Erase {
            tenant,
            receipt,
            yes,
        } => {
            let home = home_args.open().await?;
            retain::erase(home.audit()?, tenant, receipt, yes, json).await
        }
        Audit::AcceptLoss { logs, yes } => {
            let home = home_args.open().await?;
            lost::accept(home.audit()?, &logs, yes, json).await
        }
        Audit::Prove { seq, log } => {
            let home = home_args.open().await?;
            let of = of(home.audit()?, log).await?;
            sign::prove(home.audit()?, &of, seq, json).await
        }
        Audit::Head => sign::head(home_args.open().await?.audit()?, json).await,
        Audit::Key { log } => {
            let home = home_args.open().await?;
            let of = of(home.audit()?, log).await?;
            sign::key(home.audit()?, &of, json).await
        }
    }
}

/// The log that was named, else the service's own.
async fn of(audit: &keyward_audit::Audit, log: AuditLog) -> Result<Of> {
    let of = log.tenant.map_or(Of::Service, Of::Tenant);
    let Some(name) = log.earlier else {
        return Ok(of);
    };
    let mut names = Vec::new();
    for earlier in audit.earlier(&of).await? {
        if let Of::Earlier(one) = &earlier {
            let origin = origin(one.log())?.to_string();
            if origin == name {
                return Ok(earlier);
            }
            names.push(origin);
        }
    }
    Err(Error::misuse(match names.as_slice() {
        [] => format!("{of} has none that ended: leave out --earlier"),
        _ => format!(
            "{of} has none that ended of that name: {}",
            names.join(", ")
        ),
    }))
}

/// The tenant of a log; none for the service's own.
fn tenant_of(of: &Of) -> Option<&Tenant> {
    match of.whose() {
        Of::Tenant(tenant) => Some(tenant),
        _ => None,
    }
}

fn nothing_in(of: &Of) -> Error {
    let says = match of {
        Of::Tenant(_) => "`keyward audit show` shows what was recorded",
        _ => "name a tenant's with --tenant; `keyward audit show` shows what was recorded",
    };
    Error::misuse(format!("{of} has no entry: {says}"))
}

#[derive(Serialize)]
struct Begun {
    begun: bool,
}

async fn init(home_args: &HomeArgs, json: bool) -> Result<()> {
    let home = home_args.open().await?;
    let begun = home.init_audit().await?;
    let serving = home.keyring().replicas().await?;
    if begun && !serving.is_empty() {
        output::complain(&format!(
            "keyward: these processes do not record into it until they are started anew: {}",
            serving
                .iter()
                .map(|replica| replica.name.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        ));
    }
    if json {
        return output::json("keyward.audit.init/1", &Begun { begun });
    }
    output::note(if begun {
        "this home keeps an audit log from now on: pin its keys with `keyward audit key`, and keep \
         what `keyward audit head` writes elsewhere"
    } else {
        "this home keeps an audit log already"
    });
    Ok(())
}
