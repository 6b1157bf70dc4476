//! crypt(3) beside bcrypt. Its implementations are given strings of C: what is behind a NUL has no
//! effect.

use keyward_crypto::slow::crypt::Md5Crypt;

use super::{Read, Scheme, of};
use crate::recipe::{Hash, Prepare, Recipe};
use crate::text;

/// In which order `$1$` and `$apr1$` write the 16 bytes of their digest.
const MD5_ORDER: [usize; 16] = [12, 6, 0, 13, 7, 1, 14, 8, 2, 15, 9, 3, 5, 10, 4, 11];

pub(crate) fn parse(text: &str) -> Option<Read> {
    let read = |scheme, recipe: Option<Recipe>| {
        Some(of(
            scheme,
            recipe.map(|found| found.after(Prepare::CutAtNul)),
        ))
    };
    let of_md5 = |which, rest| read(Scheme::Md5Crypt, md5(which, rest));
    if let Some(rest) = text.strip_prefix("$1$") {
        return of_md5(Md5Crypt::Unix, rest);
    }
    if let Some(rest) = text.strip_prefix("$apr1$") {
        return of_md5(Md5Crypt::Apache, rest);
    }
    if let Some(rest) = text.strip_prefix("$5$") {
        return read(Scheme::Sha256Crypt, sha(false, rest));
    }
    if let Some(rest) = text.strip_prefix("$6$") {
        return read(Scheme::Sha512Crypt, sha(true, rest));
    }
    if let Some(rest) = text.strip_prefix("$7$") {
        return read(Scheme::Scrypt, scrypt(rest));
    }
    let rest = text.strip_prefix("$y$")?;
    read(Scheme::Yescrypt, yescrypt(rest))
}

pub(crate) fn md5(which: Md5Crypt, rest: &str) -> Option<Recipe> {
    let [salt, hash] = text::fields(rest, '$')?;
    if salt.len() > 8 || hash.len() != 22 {
        return None;
    }
    let salt = salt.as_bytes().to_vec();
    let expected = reorder(&text::crypt64(hash, false)?, &MD5_ORDER)?;
    Some(Recipe::new(Hash::Md5Crypt { which, salt }, expected))
}

/// `rounds=N$`, which may be missing for 5,000; the salt, of at most 16 characters; the hash. What the
/// algorithm would bring into these bounds it also writes so: no hash is stored with others.
pub(crate) fn sha(is_512: bool, rest: &str) -> Option<Recipe> {
    let (rounds, rest) = match rest.strip_prefix("rounds=") {
        Some(rest) => rest.split_once('$')?,
        None => ("5000", rest),
    };
    let rounds = text::number(rounds).filter(|rounds| *rounds >= 1000)?;
    let rounds = u32::try_from(rounds).unwrap_or(u32::MAX);
    let [salt, hash] = text::fields(rest, '$')?;
    if salt.len() > 16 || hash.len() != if is_512 { 86 } else { 43 } {
        return None;
    }
    let expected = reorder(&text::crypt64(hash, false)?, &sha_order(is_512))?;
    let salt = salt.as_bytes().to_vec();
    let hash = Hash::ShaCrypt {
        is_512,
        rounds,
        salt,
    };
    Some(Recipe::new(hash, expected))
}

/// Which byte of the digest stands where in the string: three at a time, each from another third, whose
/// order turns by one with each group.
fn sha_order(is_512: bool) -> Vec<usize> {
    let third = if is_512 { 21_usize } else { 10 };
    let mut order = Vec::with_capacity(64);
    for group in 0..third {
        // Of SHA-512's thirds the first moves to the end with each group, of SHA-256's the last one to
        // the front. The string has the lowest bits first, so each group is written backwards.
        let turn = if is_512 { group } else { group.wrapping_mul(2) } % 3;
        for place in [2_usize, 1, 0] {
            let which = place.wrapping_add(turn) % 3;
            order.push(which.wrapping_mul(third).wrapping_add(group));
        }
    }
    if is_512 {
        order.push(63);
    } else {
        order.extend([30, 31]);
    }
    order
}

/// `N`, `r`, `p` in 1, 5 and 5 characters, the salt as it is written, `$`, 32 bytes.
fn scrypt(rest: &str) -> Option<Recipe> {
    let [setting, hash] = text::fields(rest, '$')?;
    let (log_n, rest) = setting.split_at_checked(1)?;
    let (r, rest) = rest.split_at_checked(5)?;
    let (p, salt) = rest.split_at_checked(5)?;
    let number = |digits: &str| {
        digits.bytes().rev().try_fold(0_u32, |sum, byte| {
            sum.checked_mul(64)?.checked_add(text::crypt64_digit(byte)?)
        })
    };
    let hash = text::crypt64(hash, false).filter(|hash| hash.len() == 32)?;
    let scrypt = Hash::Scrypt {
        log_n: u8::try_from(number(log_n)?).ok().filter(|n| *n > 0)?,
        r: number(r).filter(|r| *r > 0)?,
        p: number(p).filter(|p| *p > 0)?,
        salt: salt.as_bytes().to_vec(),
    };
    Some(Recipe::new(scrypt, hash))
}

/// The flavour, N, r and what else there is, each in yescrypt's numbers of one or more characters; the
/// salt, `$`, 32 bytes. Only its own mode (`j`) is in use.
fn yescrypt(rest: &str) -> Option<Recipe> {
    let [setting, salt, hash] = text::fields(rest, '$')?;
    let mut digits = setting.strip_prefix('j')?.bytes();
    let log_n = yescrypt_number(&mut digits, 1)?;
    let r = yescrypt_number(&mut digits, 1)?;
    let (mut p, mut t) = (1, 0);
    if digits.len() > 0 {
        let have = yescrypt_number(&mut digits, 1)?;
        if have & 1 != 0 {
            p = yescrypt_number(&mut digits, 2)?;
        }
        if have & 2 != 0 {
            t = yescrypt_number(&mut digits, 1)?;
        }
        if have > 3 || digits.len() > 0 {
            return None; // Upgrades and a ROM, which nobody writes.
        }
    }
    let salt = text::crypt64(salt, false).filter(|salt| salt.len() <= 64)?;
    let hash = text::crypt64(hash, false).filter(|hash| hash.len() == 32)?;
    let yescrypt = Hash::Yescrypt {
        log_n: u8::try_from(log_n).ok()?,
        r,
        p,
        t,
        salt,
    };
    Some(Recipe::new(yescrypt, hash))
}

/// yescrypt's own numbers: the first character says how many follow.
fn yescrypt_number(digits: &mut impl Iterator<Item = u8>, least: u32) -> Option<u32> {
    let first = text::crypt64_digit(digits.next()?)?;
    let (mut start, mut end, mut bits) = (0_u32, 47_u32, 0_u32);
    let mut sum = least;
    while first > end {
        let span = end.checked_add(1)?.checked_sub(start)?;
        sum = sum.checked_add(span.checked_shl(bits)?)?;
        start = end.checked_add(1)?;
        end = start.checked_add(62_u32.checked_sub(end)?.checked_div(2)?)?;
        bits = bits.checked_add(6)?;
    }
    let lead = u64::from(first.checked_sub(start)?).checked_shl(bits)?;
    sum = sum.checked_add(u32::try_from(lead).ok()?)?;
    while bits > 0 {
        bits = bits.checked_sub(6)?;
        let digit = u64::from(text::crypt64_digit(digits.next()?)?).checked_shl(bits)?;
        sum = sum.checked_add(u32::try_from(digit).ok()?)?;
    }
    Some(sum)
}

/// The byte that stands at `i` in the string is the one at `order[i]` of the digest.
pub(crate) fn reorder(written: &[u8], order: &[usize]) -> Option<Vec<u8>> {
    if written.len() != order.len() {
        return None;
    }
    let mut digest = vec![0; order.len()];
    for (byte, place) in written.iter().zip(order) {
        *digest.get_mut(*place)? = *byte;
    }
    Some(digest)
}
