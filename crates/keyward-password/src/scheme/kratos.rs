//! What Ory Kratos imports under names of its own. What it shares with others is read with them.

use keyward_crypto::slow::crypt::Md5Crypt;

use super::{Read, Scheme, crypt, digest, firebase, of};
use crate::recipe::{Hash, Prepare, Recipe};
use crate::text;

const SALT: &str = "{SALT}";
const PASSWORD: &str = "{PASSWORD}";

pub(crate) fn parse(text: &str) -> Option<Read> {
    let (name, rest) = text.strip_prefix('$')?.split_once('$')?;
    let of_c = |recipe: Option<Recipe>| recipe.map(|found| found.after(Prepare::CutAtNul));
    let recipe = match name {
        "firescrypt" => firebase::kratos(rest),
        "md5-crypt" => of_c(crypt::md5(Md5Crypt::Unix, rest)),
        "sha256-crypt" => of_c(crypt::sha(false, rest)),
        "sha512-crypt" => of_c(crypt::sha(true, rest)),
        // `$sha1$` with a number is NetBSD's.
        "md5" => templated(name, rest),
        "sha1" | "sha256" | "sha512" if rest.starts_with("pf=") => templated(name, rest),
        _ => hmac(name.strip_prefix("hmac-")?, rest),
    };
    Some(of(Scheme::Kratos, recipe))
}

/// `pf=template$salt$hash`, all base64; MD5 also without template and salt.
fn templated(name: &str, rest: &str) -> Option<Recipe> {
    let digest = digest::by_name(name)?;
    if let Some([hash]) = text::fields(rest, '$') {
        return digest::salted(digest, b"", b"", text::base64(hash)?);
    }
    let [template, salt, hash] = text::fields(rest, '$')?;
    let template = String::from_utf8(text::base64(text::named(template, "pf")?)?).ok()?;
    let (salt, hash) = (text::base64(salt)?, text::base64(hash)?);
    // One that has the password twice, or not at all, is none that anybody imports.
    let (before, after) = template.split_once(PASSWORD)?;
    if after.contains(PASSWORD) {
        return None;
    }
    let (before, after) = (fill(before, &salt), fill(after, &salt));
    digest::salted(digest, &before, &after, hash)
}

fn fill(template: &str, salt: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> = template.split(SALT).map(str::as_bytes).collect();
    parts.join(salt)
}

/// The hexadecimal of the HMAC, and the key, both in base64.
fn hmac(name: &str, rest: &str) -> Option<Recipe> {
    let digest = digest::by_name(name)?;
    let [hash, key] = text::fields(rest, '$')?;
    let hash = String::from_utf8(text::base64(hash)?).ok()?;
    let expected = text::hex(&hash).filter(|hash| hash.len() == digest.digest_len())?;
    let key = text::base64(key)?;
    Some(Recipe::new(Hash::Hmac { digest, key }, expected))
}
