//! The file's text: `docs/formats/trust.md`.

use std::collections::{BTreeMap, BTreeSet};

use keyward_base::encoding::from_base64url;
use keyward_base::{Error, Result, Role, Subject, Tenant};
use keyward_crypto::Provider;
use serde::Deserialize;

use super::{Approver, Trust};
use crate::passkey::{Party, Passkey};
use crate::policy::Policy;
use crate::word::ServiceName;

/// The most bytes: a policy of 256 KiB and a thousand approvers with a passkey each.
pub const MAX_LEN: usize = 1_048_576;

/// The most who are named.
const APPROVERS: usize = 1_024;

/// The most passkeys of one: a phone, a laptop, a key in a drawer, and as many again.
const PASSKEYS: usize = 16;

/// The most roles of one.
const ROLES: usize = 64;

/// The most who have to vote for a change: as many as for an action.
const MOST_VOTES: u8 = 16;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    keyward_trust: u8,
    version: u64,
    service: String,
    rp_id: String,
    origin: String,
    policy: String,
    change_quorum: Option<u8>,
    #[serde(default)]
    approver: Vec<ApproverOf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ApproverOf {
    tenant: String,
    subject: String,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    may_change: bool,
    #[serde(default)]
    passkey: Vec<PasskeyOf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct PasskeyOf {
    id: String,
    public_key: String,
}

pub(super) fn parse(provider: &Provider, text: &str) -> Result<Trust> {
    if text.len() > MAX_LEN {
        return Err(wrong("it has at most 1,048,576 bytes"));
    }
    let file: File = toml::from_str(text).map_err(|e| {
        let line = e.span().map_or(1, |span| {
            let before = text.get(..span.start).unwrap_or_default();
            before.matches('\n').count().saturating_add(1)
        });
        wrong(&format!("line {line}: {}", crate::policy::said(&e)))
    })?;
    if file.keyward_trust != 1 {
        return Err(wrong("it is not of keyward-trust = 1: upgrade keyward"));
    }
    if file.version == 0 {
        return Err(wrong("versions begin with 1"));
    }
    let approvers = approvers(file.approver)?;
    let may_change = approvers.values().filter(|a| a.may_change);
    let changing: BTreeSet<_> = may_change.clone().map(|a| &a.subject).collect();
    // Somebody who is named in two tenants would have two votes.
    if changing.len() != may_change.count() {
        return Err(wrong("may-change stands once for each subject"));
    }
    match file.change_quorum {
        None if !changing.is_empty() => {
            return Err(wrong("may-change says nothing without change-quorum"));
        }
        Some(0) => return Err(wrong("change-quorum is 1 or more")),
        Some(quorum) if quorum > MOST_VOTES || usize::from(quorum) > changing.len() => {
            return Err(wrong(
                "change-quorum is at most 16, and no more than those who may change",
            ));
        }
        _ => {}
    }
    Ok(Trust {
        provider: *provider,
        digest: provider.sha256(&[text.as_bytes()]),
        text: text.into(),
        version: file.version,
        service: ServiceName::new(&file.service)?,
        party: Party::new(provider, &file.rp_id, &file.origin)?,
        policy: Policy::parse(provider, &file.policy)?,
        change_quorum: file.change_quorum,
        approvers,
    })
}

fn approvers(named: Vec<ApproverOf>) -> Result<BTreeMap<(Tenant, Subject), Approver>> {
    if named.len() > APPROVERS {
        return Err(wrong("it names at most 1,024 approvers"));
    }
    let (mut approvers, mut ids, mut keys) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
    for one in named {
        let (tenant, subject) = (Tenant::new(&one.tenant)?, Subject::new(&one.subject)?);
        let of = format!("approver {subject} of {tenant}");
        if one.passkey.len() > PASSKEYS || one.roles.len() > ROLES {
            return Err(wrong(&format!("{of}: at most 16 passkeys and 64 roles")));
        }
        // Else a file could ask for more votes than there can be, and none would ever follow it.
        if one.may_change && one.passkey.is_empty() {
            return Err(wrong(&format!(
                "{of}: may-change takes a passkey to vote by"
            )));
        }
        let mut passkeys = Vec::with_capacity(one.passkey.len());
        for passkey in one.passkey {
            let passkey = read(&passkey).ok_or_else(|| {
                wrong(&format!(
                    "{of}: id and public-key of a passkey are base64url without padding, the key \
                     as getPublicKey() gives it, ES256, or RS256 of 2,048 to 4,096 bits"
                ))
            })?;
            // Else one passkey would be two persons' votes.
            let is_new = ids.insert(passkey.id().to_vec());
            if !is_new || !keys.insert(passkey.key().spki().to_vec()) {
                return Err(wrong(&format!("{of}: a passkey that stands twice")));
            }
            passkeys.push(passkey);
        }
        let roles = one.roles.iter().map(|role| match Role::new(role) {
            Ok(role) if role.is_none() => Err(wrong(&format!("{of}: an empty role"))),
            other => other,
        });
        let approver = Approver {
            roles: roles.collect::<Result<_>>()?,
            may_change: one.may_change,
            tenant: tenant.clone(),
            subject: subject.clone(),
            passkeys,
        };
        if approvers.insert((tenant, subject), approver).is_some() {
            return Err(wrong(&format!("{of} stands twice")));
        }
    }
    Ok(approvers)
}

fn read(passkey: &PasskeyOf) -> Option<Passkey> {
    let id = from_base64url(&passkey.id).ok()?;
    let key = from_base64url(&passkey.public_key).ok()?;
    Passkey::new(&id, &key).ok()
}

fn wrong(what: &str) -> Error {
    Error::misuse(format!("the file of trust: {what}"))
}
