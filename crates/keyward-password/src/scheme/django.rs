//! Django's strings, and Clerk's that look like one of them.

use keyward_crypto::slow::digest::Digest;

use super::{Read, Scheme, argon2, bcrypt, digest, of, pbkdf2, scrypt};
use crate::context::Context;
use crate::reason;
use crate::recipe::{Prepare, Recipe};
use crate::stored::NotRead;
use crate::text;

/// What says of itself that it is Django's.
pub(crate) fn parse(text: &str) -> Option<Read> {
    if let Some(read) = slow(text) {
        let salt = text.split('$').nth(2).unwrap_or_default();
        let is_clerks = text.starts_with("pbkdf2_sha256$") && is_base64(salt);
        if is_clerks {
            return Some(Err(NotRead::refused(reason::AMBIGUOUS)));
        }
        return Some(read);
    }
    // `sha1$salt$hash` is a digest for Django and an HMAC for old Werkzeug.
    let [name, _, _] = text::fields(text, '$')?;
    digest::by_name(name)?;
    Some(Err(NotRead::refused(reason::AMBIGUOUS)))
}

/// Under Django's label: also what looks like others'.
pub(crate) fn labelled(text: &str) -> Option<Read> {
    slow(text).or_else(|| {
        let django = |recipe| Some(of(Scheme::Django, recipe));
        if let Some([name, salt, hash]) = text::fields(text, '$') {
            let digest = match name {
                "md5" => Digest::Md5,
                "sha1" => Digest::Sha1,
                _ => return None,
            };
            return django(
                text::hex(hash).and_then(|hash| digest::salted(digest, salt.as_bytes(), b"", hash)),
            );
        }
        (text.len() == 32 && !text.starts_with('!'))
            .then(|| of(Scheme::Django, digest::hex(Digest::Md5, text)))
    })
}

/// Whether it is base64 as Clerk writes a salt, of 8 bytes or more.
fn is_base64(salt: &str) -> bool {
    salt.len() >= 12 && salt.len().is_multiple_of(4) && text::base64(salt).is_some()
}

fn slow(text: &str) -> Option<Read> {
    let (name, rest) = text.split_once('$')?;
    let django = |recipe: Option<Recipe>| Some(of(Scheme::Django, recipe));
    match name {
        "argon2" => {
            let inner = text.strip_prefix("argon2")?;
            let inner = if rest.starts_with("argon2") {
                format!("${rest}")
            } else {
                inner.into()
            };
            let read = argon2::parse(&inner, &Context::default())?;
            Some(read.map(|(_, recipe)| (Scheme::Django, recipe)))
        }
        "bcrypt" => django(bcrypt::recipe(rest)),
        "bcrypt_sha256" => {
            let hex = Prepare::Hex(Digest::Sha256);
            django(bcrypt::recipe(rest).map(|bcrypt| bcrypt.after(hex)))
        }
        "pbkdf2_sha1" => django(rounds(Digest::Sha1, rest)),
        "pbkdf2_sha256" => django(rounds(Digest::Sha256, rest)),
        "scrypt" => django(of_scrypt(rest)),
        _ => None,
    }
}

/// Rounds, the salt as it is written, and the hash.
fn rounds(digest: Digest, rest: &str) -> Option<Recipe> {
    let [rounds, salt, hash] = text::fields(rest, '$')?;
    let hash = text::base64(hash).filter(|hash| hash.len() == digest.digest_len())?;
    pbkdf2::recipe(
        digest,
        text::number(rounds)?,
        salt.as_bytes().to_vec(),
        hash,
    )
}

fn of_scrypt(rest: &str) -> Option<Recipe> {
    let [n, salt, r, p, hash] = text::fields(rest, '$')?;
    let (n, r, p) = (text::number(n)?, text::number(r)?, text::number(p)?);
    let hash = text::base64(hash)?;
    scrypt::recipe_of_n(n, r, p, salt.as_bytes().to_vec(), hash)
}

/// The same as Django's, but the salt is base64.
pub(crate) fn clerk(text: &str) -> Option<Read> {
    let rest = text.strip_prefix("pbkdf2_sha256$")?;
    let recipe = || {
        let [rounds, salt, hash] = text::fields(rest, '$')?;
        let (salt, hash) = (text::base64(salt)?, text::base64(hash)?);
        pbkdf2::recipe(Digest::Sha256, text::number(rounds)?, salt, hash)
    };
    Some(of(Scheme::Clerk, recipe()))
}
