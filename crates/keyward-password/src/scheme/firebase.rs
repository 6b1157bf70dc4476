//! Firebase Authentication: hash and salt of a user from the export, the rest from the project's
//! settings by the context.

use super::{Read, Scheme};
use crate::context::{Context, Name};
use crate::reason;
use crate::recipe::{Hash, Recipe};
use crate::stored::NotRead;
use crate::text;
use keyward_base::SecretBytes;

/// Whether the context is one of Firebase.
pub(crate) fn is_meant(context: &Context) -> bool {
    context.get(Name::SignerKey).is_some()
}

/// The hash in base64, whose salt is the context's; or the user's object of the export, with
/// `passwordHash` and `salt`; or Kratos' `$firescrypt$`.
pub(crate) fn parse(text: &str, context: &Context) -> Read {
    if let Some(rest) = text.strip_prefix("$firescrypt$") {
        return super::of(Scheme::Firebase, kratos(rest));
    }
    let missing = || NotRead::unsupported(reason::CONTEXT);
    let user = serde_json::from_str::<serde_json::Value>(text).ok();
    let field = |name| user.as_ref()?.get(name)?.as_str();
    let (hash, salt) = match field("passwordHash") {
        Some(hash) => (hash, field("salt").and_then(text::base64)),
        None => (text, None),
    };
    let salt = match salt {
        Some(salt) => SecretBytes::new(salt),
        None => context.base64(Name::Salt).ok_or_else(missing)?,
    };
    let signer = context.base64(Name::SignerKey).ok_or_else(missing)?;
    let separator = context.base64(Name::SaltSeparator).ok_or_else(missing)?;
    let rounds = context.number(Name::Rounds).ok_or_else(missing)?;
    let mem_cost = context.number(Name::MemCost).ok_or_else(missing)?;
    let hash = text::base64(hash).ok_or(NotRead::MALFORMED)?;
    let numbers = (mem_cost, rounds, 1);
    super::of(
        Scheme::Firebase,
        recipe(numbers, signer, salt, &separator, hash),
    )
}

/// `ln=14,r=8,p=1$salt$hash$separator$signer`.
pub(crate) fn kratos(rest: &str) -> Option<Recipe> {
    let [parameters, salt, hash, separator, signer] = text::fields(rest, '$')?;
    let [n, r, p] = text::fields(parameters, ',')?;
    let number = |text, name| text::number(text::named(text, name)?);
    let numbers = (number(n, "ln")?, number(r, "r")?, number(p, "p")?);
    let secret = |text| text::base64(text).map(SecretBytes::new);
    let (salt, signer) = (secret(salt)?, secret(signer)?);
    recipe(
        numbers,
        signer,
        salt,
        &secret(separator)?,
        text::base64(hash)?,
    )
}

fn recipe(
    (mem_cost, rounds, parallel): (u64, u64, u64),
    signer_key: SecretBytes,
    mut salt: SecretBytes,
    separator: &SecretBytes,
    expected: Vec<u8>,
) -> Option<Recipe> {
    let sound = mem_cost > 0
        && rounds > 0
        && parallel > 0
        && !signer_key.is_empty()
        && signer_key.len() == expected.len();
    if !sound {
        return None;
    }
    salt.push(separator.expose());
    let hash = Hash::Firebase {
        mem_cost: u8::try_from(mem_cost).unwrap_or(u8::MAX),
        rounds: u32::try_from(rounds).unwrap_or(u32::MAX),
        parallel: u32::try_from(parallel).unwrap_or(u32::MAX),
        signer_key: signer_key.into(),
        salt: salt.into(),
    };
    Some(Recipe::new(hash, expected))
}
