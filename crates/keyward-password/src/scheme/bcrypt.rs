//! bcrypt's strings, and those of what hashes a digest with it.

use keyward_crypto::slow::bcrypt::Flavour;
use keyward_crypto::slow::digest::Digest;

use super::{Read, Scheme, of};
use crate::context::{Context, Name};
use crate::recipe::{Hash, Prepare, Recipe};
use crate::stored::NotRead;
use crate::text;

pub(crate) fn parse(text: &str) -> Option<Read> {
    if text.starts_with("$2") {
        return Some(of(Scheme::Bcrypt, recipe(text)));
    }
    if let Some(rest) = text.strip_prefix("$wp") {
        let hmac = Prepare::HmacBase64(Digest::Sha384, b"wp-sha384".to_vec());
        let recipe = recipe(rest).map(|bcrypt| bcrypt.after(hmac).after(Prepare::Trim));
        return Some(of(Scheme::WordPress, recipe));
    }
    let rest = text.strip_prefix("$bcrypt-sha256$")?;
    Some(of(Scheme::BcryptSha256, passlib(rest)))
}

/// `$2b$12$` and 53 characters: 22 of the salt, 31 of the hash.
///
/// A letter of crypt_blowfish's own (`y`, `x`) is made by C, which sees nothing behind a NUL; all other
/// implementations take the bytes as they are.
pub(crate) fn recipe(text: &str) -> Option<Recipe> {
    let rest = text.strip_prefix("$2")?;
    let (letter, rest) = rest.split_once('$')?;
    let (flavour, of_c) = match letter {
        "" => (Flavour::NoNul, false),
        "a" | "b" => (Flavour::Plain, false),
        "x" => (Flavour::SignBug, true),
        "y" => (Flavour::Plain, true),
        _ => return None,
    };
    let (cost, rest) = rest.split_once('$')?;
    let is_cost = cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit());
    let cost = cost.parse().ok().filter(|cost| is_cost && *cost >= 4)?;
    let (salt, hash) = rest.split_at_checked(22)?;
    let salt = text::bcrypt64(salt)?.try_into().ok()?;
    let hash = text::bcrypt64(hash).filter(|hash| hash.len() == 23)?;
    let bcrypt = Hash::Bcrypt {
        flavour,
        or_openwall: letter == "a",
        cost,
        salt,
    };
    let recipe = Recipe::new(bcrypt, hash);
    Some(if of_c {
        recipe.after(Prepare::CutAtNul)
    } else {
        recipe
    })
}

/// What the label says is made by C.
pub(crate) fn c_string(label: Scheme, text: &str) -> Option<Read> {
    text.starts_with("$2").then(|| {
        let recipe = recipe(text).map(|bcrypt| bcrypt.after(Prepare::CutAtNul));
        of(label, recipe)
    })
}

/// bcrypt of the hexadecimal of a digest.
pub(crate) fn onion(label: Scheme, digest: Digest, text: &str) -> Read {
    of(
        label,
        recipe(text).map(|bcrypt| bcrypt.after(Prepare::Hex(digest))),
    )
}

/// The password and the pepper, of which bcrypt reads 72 bytes.
pub(crate) fn devise(text: &str, context: &Context) -> Read {
    let bcrypt = recipe(text).ok_or(NotRead::MALFORMED)?;
    let recipe = match context.copy(Name::Pepper) {
        Some(pepper) => bcrypt.after(Prepare::Append(pepper.into())),
        None => bcrypt,
    };
    Ok((Scheme::Devise, recipe))
}

/// Version 2: `v=2,t=2b,r=12$salt$hash`, over the base64 of the HMAC under the salt as it is written.
/// Version 1: `2a,12$salt$hash`, over the base64 of the digest.
fn passlib(rest: &str) -> Option<Recipe> {
    let [parameters, salt, hash] = text::fields(rest, '$')?;
    let whole = |letter: &str, cost: &str| {
        let cost = text::number(cost)?;
        matches!(letter, "2a" | "2b" | "2y")
            .then(|| recipe(&format!("${letter}${cost:02}${salt}{hash}")))?
    };
    let Some(version2) = parameters.strip_prefix("v=2,") else {
        let (letter, cost) = parameters.split_once(',')?;
        return Some(
            whole(letter, cost)?
                .without_cut()
                .after(Prepare::Base64(Digest::Sha256)),
        );
    };
    let (letter, cost) = version2.split_once(',')?;
    let bcrypt = whole(text::named(letter, "t")?, text::named(cost, "r")?)?;
    let hmac = Prepare::HmacBase64(Digest::Sha256, salt.as_bytes().to_vec());
    Some(bcrypt.without_cut().after(hmac))
}
