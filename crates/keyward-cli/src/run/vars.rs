//! Which variables the command gets.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Command;

use keyward_base::{Error, Result, SecretBytes};
use keyward_vault::{Credential, EnvSet, EnvVar, Kind};

use crate::args::RunArgs;
use crate::secrets;

/// What a credential gives.
#[derive(Debug)]
pub(super) enum Vars {
    /// A set, as the first loader reads it that understands it, which is how its names are shown.
    Set(EnvSet),
    /// One variable, with the name that it was given.
    One(String, SecretBytes),
}

/// The variables of `credential`.
///
/// # Errors
/// `Misuse` for one that is no set and has no name, for a set that was given one, and for a name
/// that decides what code programs run and was not let through.
pub(super) fn of(credential: &Credential, wanted: &RunArgs) -> Result<Vars> {
    match (&wanted.variable, credential.kind()) {
        (None, Kind::Env) => {
            let set = credential.env()?;
            let steers = |var: &&EnvVar| {
                var.steers_programs() && !wanted.allow.iter().any(|name| name == var.name())
            };
            match set.vars().iter().find(steers) {
                Some(var) => Err(Error::misuse(format!(
                    "the set has {name}, which decides what code programs run: take it out, or let \
                     it through with --allow {name}",
                    name = var.name()
                ))),
                None => Ok(Vars::Set(set)),
            }
        }
        (Some(_), Kind::Env) => Err(Error::misuse(
            "the credential is a set of variables, which have their names: leave out --as",
        )),
        (None, kind) => Err(Error::misuse(format!(
            "the credential is of kind {kind}, no set of variables: name the variable that is to \
             hold it with --as NAME"
        ))),
        (Some(name), kind) => Ok(Vars::One(name.clone(), value(credential, kind)?)),
    }
}

/// What one variable holds.
fn value(credential: &Credential, kind: Kind) -> Result<SecretBytes> {
    let bytes = credential.bytes().expose();
    let value = match kind {
        Kind::OAuthToken => SecretBytes::copy_of(credential.oauth_token()?.access().expose()),
        Kind::ApiKey => SecretBytes::copy_of(bytes.trim_ascii_end()),
        _ => SecretBytes::copy_of(bytes),
    };
    if value.expose().contains(&0) {
        return Err(Error::misuse(
            "the credential holds a NUL, which no variable can: write it to a file with `keyward \
             vault open --out FILE`",
        ));
    }
    Ok(value)
}

impl Vars {
    /// Their names.
    pub(super) fn names(&self) -> Vec<&str> {
        match self {
            Self::Set(set) => set.vars().iter().map(EnvVar::name).collect(),
            Self::One(name, _) => vec![name],
        }
    }

    /// The names of those that are long enough to be masked.
    pub(super) fn long(&self) -> Vec<&str> {
        let long = |value: &SecretBytes| secrets::is_long(value);
        match self {
            Self::Set(set) => {
                let vars = set.vars().iter().filter(|var| long(var.value()));
                vars.map(EnvVar::name).collect()
            }
            Self::One(name, value) => long(value).then_some(name.as_str()).into_iter().collect(),
        }
    }

    /// Puts them over what the command has of this process.
    pub(super) fn put(&self, command: &mut Command) {
        let mut put = |name: &str, value: &SecretBytes| {
            command.env(name, OsStr::from_bytes(value.expose()));
        };
        match self {
            Self::Set(set) => set
                .vars()
                .iter()
                .for_each(|var| put(var.name(), var.value())),
            Self::One(name, value) => put(name, value),
        }
    }
}
