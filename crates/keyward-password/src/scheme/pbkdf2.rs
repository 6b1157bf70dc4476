//! PBKDF2 in the PHC form and passlib's.

use keyward_base::SecretBytes;
use keyward_crypto::slow::digest::Digest;

use super::{Read, Scheme, digest, of};
use crate::recipe::{Hash, Recipe};
use crate::text;

/// Rounds, as the hash takes them: what no `u32` holds is above every ceiling that is one.
pub(crate) fn recipe(
    digest: Digest,
    rounds: u64,
    salt: Vec<u8>,
    expected: Vec<u8>,
) -> Option<Recipe> {
    if rounds == 0 || !(1..=1024).contains(&expected.len()) {
        return None;
    }
    let hash = Hash::Pbkdf2 {
        digest,
        rounds: u32::try_from(rounds).unwrap_or(u32::MAX),
        salt: SecretBytes::new(salt).into(),
    };
    Some(Recipe::new(hash, expected))
}

pub(crate) fn parse(text: &str) -> Option<Read> {
    if let Some(rest) = text.strip_prefix("grub.pbkdf2.sha512.") {
        return Some(of(Scheme::Pbkdf2, grub(rest)));
    }
    if let Some(rest) = text.strip_prefix("$p5k2$") {
        return Some(of(Scheme::Pbkdf2, cta(rest).or_else(|| dlitz(rest))));
    }
    let rest = text.strip_prefix("$pbkdf2")?;
    Some(of(Scheme::Pbkdf2, modular(rest)))
}

/// `-sha256$29000$salt$hash`, or `-sha256$i=29000,l=32$salt$hash`.
fn modular(rest: &str) -> Option<Recipe> {
    let [name, parameters, salt, hash] = text::fields(rest, '$')?;
    let digest = match name.strip_prefix('-') {
        None if name.is_empty() => Digest::Sha1,
        Some(name) => digest::by_name(name)?,
        None => return None,
    };
    let (salt, hash) = (text::ab64(salt)?, text::ab64(hash)?);
    let Some(phc) = parameters.strip_prefix("i=") else {
        return recipe(digest, text::number(parameters)?, salt, hash);
    };
    let (rounds, len) = match phc.split_once(',') {
        Some((rounds, len)) => (rounds, text::number(text::named(len, "l")?)?),
        None => (phc, u64::try_from(hash.len()).ok()?),
    };
    let fits = usize::try_from(len).ok() == Some(hash.len());
    fits.then(|| recipe(digest, text::number(rounds)?, salt, hash))?
}

/// GRUB's: rounds, salt and hash, in hexadecimal.
fn grub(rest: &str) -> Option<Recipe> {
    let [rounds, salt, hash] = text::fields(rest, '.')?;
    let (salt, hash) = (text::hex(salt)?, text::hex(hash)?);
    recipe(Digest::Sha512, text::number(rounds)?, salt, hash)
}

/// Cryptacular's: rounds in hexadecimal, salt and hash of 20 bytes in base64url with padding.
fn cta(rest: &str) -> Option<Recipe> {
    let [rounds, salt, hash] = text::fields(rest, '$')?;
    let rounds = u64::from_str_radix(rounds, 16).ok()?;
    let salt = text::base64url(salt)?;
    let hash = text::base64url(hash).filter(|hash| hash.len() == 20)?;
    recipe(Digest::Sha1, rounds, salt, hash)
}

/// Dwayne Litzenberger's: the salt is all that stands before the hash, of 24 bytes.
fn dlitz(rest: &str) -> Option<Recipe> {
    let [rounds, salt, hash] = text::fields(rest, '$')?;
    let config = format!("$p5k2${rounds}${salt}");
    let rounds = match rounds {
        "" => 400,
        rounds => u64::from_str_radix(rounds, 16).ok()?,
    };
    let hash = text::ab64(hash).filter(|hash| hash.len() == 24)?;
    recipe(Digest::Sha1, rounds, config.into_bytes(), hash)
}
