//! Spring Security's `{id}`, in the case in which it is written there.

use keyward_base::SecretBytes;
use keyward_crypto::slow::digest::Digest;

use super::{Read, Scheme, argon2, bcrypt, digest, ldap, of, pbkdf2, scrypt};
use crate::context::{Context, Name};
use crate::reason;
use crate::recipe::{Hash, Recipe};
use crate::stored::NotRead;
use crate::text;

/// Under the label. A string without an id is refused by Spring too.
pub(crate) fn parse(text: &str, context: &Context) -> Read {
    let unknown = Err(NotRead::unsupported(reason::UNKNOWN_SCHEME));
    own(text, context).unwrap_or(unknown)
}

/// What is Spring's own and no other's, by its id and the shape of what follows.
pub(crate) fn own(text: &str, context: &Context) -> Option<Read> {
    let (id, rest) = text.strip_prefix('{')?.split_once('}')?;
    let spring = |recipe| Some(of(Scheme::Spring, recipe));
    let hex = |len: usize| rest.len() == len && rest.bytes().all(|b| b.is_ascii_hexdigit());
    let pepper = context.get(Name::Pepper);
    match id {
        "argon2" | "argon2@SpringSecurity_v5_8" => {
            let read = argon2::parse(rest, context).unwrap_or(Err(NotRead::MALFORMED));
            Some(read.map(|(_, recipe)| (Scheme::Spring, recipe)))
        }
        "bcrypt" => spring(bcrypt::recipe(rest)),
        "ldap" => Some(ldap::parse(rest, context).unwrap_or(Err(NotRead::MALFORMED))),
        "noop" => Some(Err(NotRead::refused(reason::PLAIN_TEXT))),
        "pbkdf2" => spring(of_pbkdf2(Digest::Sha1, 185_000, 8, rest, pepper)),
        "pbkdf2@SpringSecurity_v5_8" => {
            spring(of_pbkdf2(Digest::Sha256, 310_000, 16, rest, pepper))
        }
        "scrypt" | "scrypt@SpringSecurity_v5_8" => spring(of_scrypt(rest)),
        "sha256" if hex(80) => spring(standard(rest, pepper)),
        "MD4" => spring(message_digest(Digest::Md4, rest)),
        "MD5" if hex(32) || rest.starts_with('{') => spring(message_digest(Digest::Md5, rest)),
        "SHA-1" => spring(message_digest(Digest::Sha1, rest)),
        "SHA-256" => spring(message_digest(Digest::Sha256, rest)),
        _ => None,
    }
}

/// Salt and hash of 32 bytes, in hexadecimal. The secret is hashed as a part of the salt.
fn of_pbkdf2(
    digest: Digest,
    rounds: u64,
    salt_len: usize,
    rest: &str,
    secret: Option<&[u8]>,
) -> Option<Recipe> {
    let bytes = text::hex(rest)?;
    let (salt, hash) = bytes.split_at_checked(salt_len)?;
    let mut recipe = pbkdf2::recipe(digest, rounds, Vec::new(), hash.to_vec())?;
    if let Hash::Pbkdf2 { salt: whole, .. } = &mut recipe.hash {
        *whole = SecretBytes::copy_of(salt).into();
        whole.push(secret.unwrap_or_default());
    }
    (hash.len() == 32).then_some(recipe)
}

/// `$e0801$salt$hash`: the logarithm of N, r and p in one hexadecimal number, eight bits for each of the
/// last two.
fn of_scrypt(rest: &str) -> Option<Recipe> {
    let [empty, parameters, salt, hash] = text::fields(rest, '$')?;
    let number = u64::from_str_radix(parameters, 16)
        .ok()
        .filter(|_| empty.is_empty())?;
    let (log_n, r, p) = (number >> 16, (number >> 8) & 0xff, number & 0xff);
    scrypt::recipe(log_n, r, p, text::base64(salt)?, text::base64(hash)?)
}

/// `StandardPasswordEncoder`: a salt of 8 bytes, and SHA-256 of salt, secret and password, 1,024 times.
fn standard(rest: &str, secret: Option<&[u8]>) -> Option<Recipe> {
    let bytes = text::hex(rest)?;
    let (salt, hash) = bytes.split_at_checked(8)?;
    let mut before = SecretBytes::copy_of(salt);
    before.push(secret.unwrap_or_default());
    let hash_of = Hash::Digest {
        digest: Digest::Sha256,
        before: before.into(),
        after: Vec::new(),
        times: 1023,
    };
    Some(Recipe::new(hash_of, hash.to_vec()))
}

/// `{salt}hex`: the digest of the password and the salt, its braces included. Or without a salt.
fn message_digest(digest: Digest, rest: &str) -> Option<Recipe> {
    let (salt, hash) = match rest.strip_prefix('{') {
        Some(inner) => {
            let end = inner.find('}')?.checked_add(2)?;
            rest.split_at_checked(end)?
        }
        None => ("", rest),
    };
    digest::salted(digest, b"", salt.as_bytes(), text::hex(hash)?)
}
