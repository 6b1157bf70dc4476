//! scrypt in the PHC form: passlib's, and Kratos', whose `ln` is N itself.

use super::{Read, Scheme, of};
use crate::recipe::{Hash, Recipe};
use crate::text;

/// With N itself, which is a power of two.
pub(crate) fn recipe_of_n(
    n: u64,
    r: u64,
    p: u64,
    salt: Vec<u8>,
    expected: Vec<u8>,
) -> Option<Recipe> {
    if n == u64::MAX {
        return recipe(63, r, p, salt, expected); // Longer than any number: above every ceiling.
    }
    n.is_power_of_two()
        .then(|| recipe(n.ilog2().into(), r, p, salt, expected))?
}

/// With the logarithm of N. What no `u32` holds is above every ceiling.
pub(crate) fn recipe(
    log_n: u64,
    r: u64,
    p: u64,
    salt: Vec<u8>,
    expected: Vec<u8>,
) -> Option<Recipe> {
    if log_n == 0 || r == 0 || p == 0 || expected.is_empty() {
        return None;
    }
    let most = |number| u32::try_from(number).unwrap_or(u32::MAX);
    let hash = Hash::Scrypt {
        log_n: u8::try_from(log_n).unwrap_or(u8::MAX),
        r: most(r),
        p: most(p),
        salt,
    };
    Some(Recipe::new(hash, expected))
}

pub(crate) fn parse(text: &str) -> Option<Read> {
    let rest = text.strip_prefix("$scrypt$")?;
    Some(of(Scheme::Scrypt, phc(rest)))
}

/// Kratos': the least N that anybody takes is above the greatest logarithm, so the two are told apart.
fn phc(rest: &str) -> Option<Recipe> {
    let [parameters, salt, hash] = text::fields(rest, '$')?;
    let [n, r, p] = text::fields(parameters, ',')?;
    let number = |text, name| text::number(text::named(text, name)?);
    let (n, r, p) = (number(n, "ln")?, number(r, "r")?, number(p, "p")?);
    let (salt, hash) = (text::base64(salt)?, text::base64(hash)?);
    if n < 64 {
        return recipe(n, r, p, salt, hash);
    }
    recipe_of_n(n, r, p, salt, hash)
}
