//! Argon2's strings, as the reference implementation writes them: `$argon2id$v=19$m=…,t=…,p=…[,keyid=…]
//! [,data=…]$salt$hash`, in base64 without padding.

use keyward_base::SecretBytes;
use keyward_crypto::slow::argon2::Kind;

use super::{Read, Scheme};
use crate::context::{Context, Name};
use crate::reason;
use crate::recipe::{Hash, Prepare, Recipe};
use crate::stored::NotRead;
use crate::text;

pub(crate) fn parse(text: &str, context: &Context) -> Option<Read> {
    text.starts_with("$argon2").then(|| {
        let secret = context.copy(Name::Argon2Secret);
        Ok((Scheme::Argon2, recipe(text, context, secret)?))
    })
}

/// The pepper is the secret.
pub(crate) fn devise(text: &str, context: &Context) -> Read {
    let secret = context.copy(Name::Pepper);
    let secret = secret.or_else(|| context.copy(Name::Argon2Secret));
    Ok((Scheme::DeviseArgon2, recipe(text, context, secret)?))
}

/// Password, the salt of the row's own column, and the pepper, in a row.
pub(crate) fn devise_v1(text: &str, context: &Context) -> Read {
    let missing = NotRead::unsupported(reason::CONTEXT);
    let mut tail = context.copy(Name::Salt).ok_or(missing)?;
    tail.push(context.get(Name::Pepper).unwrap_or_default());
    let recipe = recipe(text, context, None)?.after(Prepare::Append(tail.into()));
    Ok((Scheme::DeviseArgon2V1, recipe))
}

fn recipe(text: &str, context: &Context, secret: Option<SecretBytes>) -> Result<Recipe, NotRead> {
    let parts = parts(text).ok_or(NotRead::MALFORMED)?;
    let most = |number: u64| u32::try_from(number).map_err(|_| NotRead::refused(reason::CEILING));
    let (memory_kib, passes, lanes) =
        (most(parts.memory)?, most(parts.passes)?, most(parts.lanes)?);
    let lane = 8_u32.saturating_mul(lanes);
    let sound = (1..1 << 24).contains(&lanes)
        && passes > 0
        && memory_kib >= lane
        && parts.salt.len() >= 8
        && parts.hash.len() >= 4
        && parts.data.len() <= 32;
    if !sound {
        return Err(NotRead::MALFORMED);
    }
    let secret = match (parts.key_id, context.get(Name::KeyId), secret) {
        (None, None, secret) => secret.unwrap_or_else(|| SecretBytes::new(Vec::new())),
        (Some(_), None, Some(secret)) => secret,
        (Some(id), Some(ours), Some(secret))
            if id.as_bytes() == ours || text::base64(id).is_some_and(|id| id == ours) =>
        {
            secret
        }
        // Another key's, or one that is not here: a hash without it would always be wrong.
        _ => return Err(NotRead::unsupported(reason::CONTEXT)),
    };
    let hash = Hash::Argon2 {
        kind: parts.kind,
        old: parts.old,
        memory_kib,
        passes,
        lanes,
        salt: parts.salt,
        data: parts.data,
        secret: secret.into(),
    };
    Ok(Recipe::new(hash, parts.hash))
}

struct Parts<'a> {
    kind: Kind,
    old: bool,
    memory: u64,
    passes: u64,
    lanes: u64,
    key_id: Option<&'a str>,
    data: Vec<u8>,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

fn parts(text: &str) -> Option<Parts<'_>> {
    let (kind, rest) = [
        ("$argon2id$", Kind::Id),
        ("$argon2i$", Kind::I),
        ("$argon2d$", Kind::D),
    ]
    .into_iter()
    .find_map(|(prefix, kind)| Some((kind, text.strip_prefix(prefix)?)))?;
    let (old, rest) = match rest.strip_prefix("v=") {
        Some(rest) => match rest.split_once('$')? {
            ("19", rest) => (false, rest),
            ("16", rest) => (true, rest),
            _ => return None,
        },
        None => (true, rest),
    };
    let [parameters, salt, hash] = text::fields(rest, '$')?;
    let mut given = parameters.split(',');
    let mut next = |name| text::number(text::named(given.next()?, name)?);
    let (memory, passes, lanes) = (next("m")?, next("t")?, next("p")?);
    let (mut key_id, mut data) = (None, Vec::new());
    for more in given {
        if let Some(id) = text::named(more, "keyid").filter(|_| key_id.is_none()) {
            key_id = Some(id);
        } else {
            data = unpadded(text::named(more, "data").filter(|_| data.is_empty())?)?;
        }
    }
    Some(Parts {
        kind,
        old,
        memory,
        passes,
        lanes,
        key_id: key_id.filter(|id| !id.is_empty()),
        data,
        salt: unpadded(salt)?,
        hash: unpadded(hash)?,
    })
}

fn unpadded(text: &str) -> Option<Vec<u8>> {
    if text.ends_with('=') {
        return None;
    }
    text::base64(text)
}
