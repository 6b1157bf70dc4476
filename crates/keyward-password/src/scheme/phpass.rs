//! phpass: `$P$` and `$H$` over MD5, Drupal's `$S$` over SHA-512 cut to 55 characters; and what
//! WordPress has beside it.

use keyward_crypto::slow::digest::Digest;

use super::{Read, Scheme, digest, of};
use crate::recipe::{Hash, Prepare, Recipe};
use crate::text;

/// Characters of `$S$`, the logarithm and the salt.
const SETTING: usize = 12;
/// Characters that Drupal stores.
const DRUPAL: usize = 55;

pub(crate) fn parse(text: &str) -> Option<Read> {
    // `U`: an MD5 of before Drupal 7, which was hashed once more.
    let (inner, bare) = match text.strip_prefix('U') {
        Some(bare) => (true, bare),
        None => (false, text),
    };
    let again = |recipe: Option<Recipe>| {
        recipe.map(|r| {
            if inner {
                r.after(Prepare::Hex(Digest::Md5))
            } else {
                r
            }
        })
    };
    if bare.starts_with("$S$") {
        return Some(of(Scheme::Drupal, again(sha512(bare))));
    }
    let is_md5 = bare.starts_with("$P$") || bare.starts_with("$H$");
    let scheme = if inner {
        Scheme::Drupal
    } else {
        Scheme::Phpass
    };
    is_md5.then(|| of(scheme, again(md5(bare))))
}

/// Bare MD5s beside what says of itself what it is.
pub(crate) fn wordpress(text: &str) -> Option<Read> {
    let bare = text.len() == 32 && !text.starts_with('$');
    bare.then(|| of(Scheme::WordPress, digest::hex(Digest::Md5, text)))
}

fn setting(text: &str) -> Option<(u32, Vec<u8>, &str)> {
    let (setting, hash) = text.split_at_checked(SETTING)?;
    let log2 = text::crypt64_digit(*setting.as_bytes().get(3)?)?;
    // phpass has these bounds; more than 30 does not fit its counter.
    let sound = (7..=30).contains(&log2);
    let salt = setting.get(4..)?.as_bytes().to_vec();
    sound.then_some((log2, salt, hash))
}

fn md5(text: &str) -> Option<Recipe> {
    let (log2, salt, hash) = setting(text)?;
    let expected = text::crypt64(hash, false).filter(|hash| hash.len() == 16)?;
    let digest = Digest::Md5;
    Some(Recipe::new(Hash::Phpass { digest, log2, salt }, expected))
}

fn sha512(text: &str) -> Option<Recipe> {
    let (log2, salt, hash) = setting(text)?;
    if text.len() != DRUPAL {
        return None;
    }
    let expected = text::crypt64(hash, true)?;
    let digest = Digest::Sha512;
    let mut recipe = Recipe::new(Hash::Phpass { digest, log2, salt }, expected);
    // 43 characters are 32 bytes and the lowest two bits of one more.
    recipe.last_mask = 0b11;
    Some(recipe)
}
