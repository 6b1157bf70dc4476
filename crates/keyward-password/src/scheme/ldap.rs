//! `{scheme}` of RFC 2307 and after it, in any case: OpenLDAP's, 389's, Dovecot's, Atlassian's.

use keyward_crypto::slow::digest::Digest;

use super::{Read, Scheme, argon2, bcrypt, crypt, digest, id, of, passlib, pbkdf2};
use crate::context::Context;
use crate::reason;
use crate::recipe::{Prepare, Recipe};
use crate::stored::NotRead;
use crate::text;

pub(crate) fn parse(text: &str, context: &Context) -> Option<Read> {
    let (id, rest) = id(text)?;
    let ldap = |recipe| Some(of(Scheme::Ldap, recipe));
    let pbkdf2 = |digest| ldap(pbkdf2(digest, rest));
    match id.as_str() {
        "ARGON2" => argon2::parse(rest, context),
        "BLF-CRYPT" | "BCRYPT" | "CRYPT" => Some(of_crypt(rest)),
        "CLEAR" | "CLEARTEXT" | "NOOP" | "PLAIN" | "PLAINTEXT" => {
            Some(Err(NotRead::refused(reason::PLAIN_TEXT)))
        }
        "MD5" => ldap(unsalted(Digest::Md5, rest)),
        "MD5-CRYPT" | "SHA256-CRYPT" | "SHA512-CRYPT" => Some(of_crypt(rest)),
        "PBKDF2" | "PBKDF2-SHA1" => pbkdf2(Digest::Sha1),
        "PBKDF2-SHA256" => pbkdf2(Digest::Sha256),
        "PBKDF2-SHA512" => pbkdf2(Digest::Sha512),
        "PKCS5S2" => Some(of(Scheme::Atlassian, atlassian(rest))),
        "SHA" | "SHA1" => ldap(unsalted(Digest::Sha1, rest)),
        "SHA256" => ldap(unsalted(Digest::Sha256, rest)),
        "SHA384" => ldap(unsalted(Digest::Sha384, rest)),
        "SHA512" => ldap(unsalted(Digest::Sha512, rest)),
        "SMD5" => ldap(salted(Digest::Md5, rest)),
        "SSHA" | "SSHA1" => ldap(salted(Digest::Sha1, rest)),
        "SSHA224" => ldap(salted(Digest::Sha224, rest)),
        "SSHA256" => ldap(salted(Digest::Sha256, rest)),
        "SSHA384" => ldap(salted(Digest::Sha384, rest)),
        "SSHA512" => ldap(salted(Digest::Sha512, rest)),
        id => id
            .strip_prefix("FSHP")
            .map(|numbers| of(Scheme::Fshp, passlib::fshp(numbers, rest))),
    }
}

fn unsalted(digest: Digest, rest: &str) -> Option<Recipe> {
    digest::salted(digest, b"", b"", text::base64(rest)?)
}

/// The digest of password and salt, and the salt, of one byte or more.
fn salted(digest: Digest, rest: &str) -> Option<Recipe> {
    let bytes = text::base64(rest)?;
    let (hash, salt) = bytes.split_at_checked(digest.digest_len())?;
    (!salt.is_empty()).then(|| digest::salted(digest, b"", salt, hash.to_vec()))?
}

/// Rounds, salt and hash.
fn pbkdf2(digest: Digest, rest: &str) -> Option<Recipe> {
    let [rounds, salt, hash] = text::fields(rest, '$')?;
    let (salt, hash) = (text::ab64(salt)?, text::ab64(hash)?);
    pbkdf2::recipe(digest, text::number(rounds)?, salt, hash)
}

/// A salt of 16 bytes, and 32 of PBKDF2-HMAC-SHA-1 with 10,000 rounds.
fn atlassian(rest: &str) -> Option<Recipe> {
    let bytes = text::base64(rest)?;
    let (salt, hash) = bytes.split_at_checked(16)?;
    let whole = hash.len() == 32;
    whole.then(|| pbkdf2::recipe(Digest::Sha1, 10_000, salt.to_vec(), hash.to_vec()))?
}

fn of_crypt(rest: &str) -> Read {
    if rest.starts_with("$2") {
        let bcrypt = bcrypt::recipe(rest).map(|bcrypt| bcrypt.after(Prepare::CutAtNul));
        return of(Scheme::Bcrypt, bcrypt);
    }
    // What has no `$` is of DES, which nothing here computes.
    let unknown = NotRead::unsupported(reason::UNKNOWN_SCHEME);
    crypt::parse(rest).unwrap_or(Err(unknown))
}
