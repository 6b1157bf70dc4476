//! What passlib knows beside what others have too: mostly databases' own.

use keyward_base::SecretBytes;
use keyward_crypto::slow::digest::Digest;

use super::{Read, Scheme, crypt, digest, of};
use crate::context::{Context, Name};
use crate::reason;
use crate::recipe::{Hash, Prepare, Recipe};
use crate::stored::NotRead;
use crate::text;

/// In which order `$sha1$` writes the 20 bytes of its digest, and the first one once more.
const SHA1_ORDER: [usize; 20] = [
    2, 1, 0, 5, 4, 3, 8, 7, 6, 11, 10, 9, 14, 13, 12, 17, 16, 15, 19, 18,
];

pub(crate) fn parse(text: &str) -> Option<Read> {
    if let Some(rest) = text.strip_prefix("$sha1$") {
        let recipe = sha1_crypt(rest).map(|recipe| recipe.after(Prepare::CutAtNul));
        return Some(of(Scheme::Sha1Crypt, recipe));
    }
    if let Some(rest) = text
        .strip_prefix("$NT$")
        .or_else(|| text.strip_prefix("$3$$"))
    {
        return Some(of(Scheme::NtHash, nt_hash(rest)));
    }
    if let Some(rest) = text.strip_prefix("S:").filter(|rest| rest.len() == 60) {
        return Some(of(Scheme::Oracle11, oracle11(rest)));
    }
    if text.len() == 54 && text.starts_with("0x0100") {
        return Some(of(Scheme::MsSql2005, mssql2005(text)));
    }
    let rest = text.strip_prefix('*').filter(|rest| rest.len() == 40)?;
    let recipe = digest::hex(Digest::Sha1, rest);
    Some(of(
        Scheme::MySql41,
        recipe.map(|r| r.after(Prepare::Raw(Digest::Sha1))),
    ))
}

/// `rounds$salt$hash`: HMAC-SHA-1 under the password, over salt, name and rounds, and again over that.
fn sha1_crypt(rest: &str) -> Option<Recipe> {
    let [rounds, salt, hash] = text::fields(rest, '$')?;
    let times = text::number(rounds)?.checked_sub(1)?;
    let written = text::crypt64(hash, false).filter(|hash| hash.len() == 21)?;
    let (first, rest) = written.split_at_checked(18)?;
    // The last group has the first byte once more, lowest.
    let [again, _, _] = rest else { return None };
    let kept: Vec<u8> = first.iter().chain(rest.get(1..)?).copied().collect();
    let expected = crypt::reorder(&kept, &SHA1_ORDER)?;
    if expected.first() != Some(again) {
        return None;
    }
    let hash = Hash::HmacUnder {
        digest: Digest::Sha1,
        text: format!("{salt}$sha1${rounds}").into_bytes(),
        times: u32::try_from(times).unwrap_or(u32::MAX),
    };
    Some(Recipe::new(hash, expected))
}

/// MD4 of the password in UTF-16.
pub(crate) fn nt_hash(text: &str) -> Option<Recipe> {
    let bare = text
        .strip_prefix("$NT$")
        .or_else(|| text.strip_prefix("$3$$"));
    let recipe = digest::hex(Digest::Md4, bare.unwrap_or(text))?;
    Some(recipe.after(Prepare::Utf16))
}

/// SHA-1 of password and salt, and the salt of ten bytes.
fn oracle11(rest: &str) -> Option<Recipe> {
    let bytes = text::hex(rest)?;
    let (hash, salt) = bytes.split_at_checked(20)?;
    digest::salted(Digest::Sha1, b"", salt, hash.to_vec())
}

/// `0x0100`, a salt of four bytes, and SHA-1 of the password in UTF-16 and the salt.
pub(crate) fn mssql2005(text: &str) -> Option<Recipe> {
    let bytes = text::hex(text.strip_prefix("0x0100")?)?;
    let (salt, hash) = bytes.split_at_checked(4)?;
    let recipe = digest::salted(Digest::Sha1, b"", salt, hash.to_vec())?;
    Some(recipe.after(Prepare::Utf16))
}

/// `md5` and the digest of the password and the role's name.
pub(crate) fn postgres(text: &str, context: &Context) -> Read {
    let user = context
        .get(Name::User)
        .ok_or(NotRead::unsupported(reason::CONTEXT))?;
    let hash = text.strip_prefix("md5").and_then(text::hex);
    let recipe = hash.and_then(|hash| digest::salted(Digest::Md5, b"", user, hash));
    of(Scheme::PostgresMd5, recipe)
}

/// `{FSHP1|16|8192}` and base64 of salt and hash: SHA of salt and password, and again over that.
pub(crate) fn fshp(numbers: &str, rest: &str) -> Option<Recipe> {
    let [variant, salt_len, rounds] = text::fields(numbers, '|')?;
    let digest = match variant {
        "0" => Digest::Sha1,
        "1" => Digest::Sha256,
        "2" => Digest::Sha384,
        "3" => Digest::Sha512,
        _ => return None,
    };
    let salt_len = usize::try_from(text::number(salt_len)?).ok()?;
    let times = text::number(rounds)?.checked_sub(1)?;
    let bytes = text::base64(rest)?;
    let (salt, expected) = bytes.split_at_checked(salt_len)?;
    let hash = Hash::Digest {
        digest,
        before: SecretBytes::copy_of(salt).into(),
        after: Vec::new(),
        times: u32::try_from(times).unwrap_or(u32::MAX),
    };
    (expected.len() == digest.digest_len()).then(|| Recipe::new(hash, expected.to_vec()))
}
