//! Werkzeug's strings: `method$salt$hex`, the salt as it is written.

use super::{Read, Scheme, digest, of, pbkdf2, scrypt};
use crate::recipe::{Hash, Recipe};
use crate::text;

pub(crate) fn parse(text: &str) -> Option<Read> {
    let [method, salt, hash] = text::fields(text, '$')?;
    let rest = method
        .strip_prefix("scrypt")
        .filter(|r| r.is_empty() || r.starts_with(':'));
    if let Some(rest) = rest {
        return Some(of(Scheme::Werkzeug, of_scrypt(rest, salt, hash)));
    }
    let rest = method
        .strip_prefix("pbkdf2")
        .filter(|r| r.is_empty() || r.starts_with(':'))?;
    Some(of(Scheme::Werkzeug, of_pbkdf2(rest, salt, hash)))
}

/// Under the label: also the methods of before 2.3. With a salt they are an HMAC under it, without one
/// a digest.
pub(crate) fn labelled(text: &str) -> Option<Read> {
    parse(text).or_else(|| {
        let [name, salt, hash] = text::fields(text, '$')?;
        let digest = digest::by_name(name)?;
        let recipe = || {
            let expected = text::hex(hash).filter(|hash| hash.len() == digest.digest_len())?;
            if salt.is_empty() {
                return digest::salted(digest, b"", b"", expected);
            }
            let key = salt.as_bytes().to_vec();
            Some(Recipe::new(Hash::Hmac { digest, key }, expected))
        };
        Some(of(Scheme::Werkzeug, recipe()))
    })
}

fn of_scrypt(rest: &str, salt: &str, hash: &str) -> Option<Recipe> {
    // What the library leaves out is its default of the day, so all three have to stand there.
    let [_, n, r, p] = text::fields(rest, ':')?;
    let (n, r, p) = (text::number(n)?, text::number(r)?, text::number(p)?);
    scrypt::recipe_of_n(n, r, p, salt.as_bytes().to_vec(), text::hex(hash)?)
}

fn of_pbkdf2(rest: &str, salt: &str, hash: &str) -> Option<Recipe> {
    let [_, name, rounds] = text::fields(rest, ':')?;
    let digest = digest::by_name(name)?;
    let hash = text::hex(hash).filter(|hash| hash.len() == digest.digest_len())?;
    pbkdf2::recipe(
        digest,
        text::number(rounds)?,
        salt.as_bytes().to_vec(),
        hash,
    )
}
