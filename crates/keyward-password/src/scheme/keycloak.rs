//! A credential of Keycloak: JSON that holds two texts of JSON, `credentialData` and `secretData`.

use keyward_crypto::slow::argon2::Kind;
use keyward_crypto::slow::digest::Digest;
use serde_json::Value;

use super::{Read, Scheme, of, pbkdf2};
use crate::recipe::{Hash, Recipe};
use crate::text;
use keyward_base::SecretBytes;

pub(crate) fn parse(text: &str) -> Option<Read> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    let credential = serde_json::from_str::<Value>(text).ok()?;
    credential.get("credentialData")?;
    Some(of(Scheme::Keycloak, recipe(&credential)))
}

/// The text of JSON in a field, or the object where an export has taken it apart.
fn inner(credential: &Value, name: &str) -> Option<Value> {
    let field = credential.get(name)?;
    match field.as_str() {
        Some(text) => serde_json::from_str(text).ok(),
        None => Some(field.clone()),
    }
}

fn recipe(credential: &Value) -> Option<Recipe> {
    let data = inner(credential, "credentialData")?;
    let secret = inner(credential, "secretData")?;
    let base64 = |name| text::base64(secret.get(name)?.as_str()?);
    let (salt, expected) = (base64("salt")?, base64("value")?);
    let rounds = data.get("hashIterations")?.as_u64()?;
    let digest = match data.get("algorithm")?.as_str()? {
        "argon2" => return argon2(&data, rounds, salt, expected),
        "pbkdf2" => Digest::Sha1,
        "pbkdf2-sha256" => Digest::Sha256,
        "pbkdf2-sha512" => Digest::Sha512,
        _ => return None,
    };
    pbkdf2::recipe(digest, rounds, salt, expected)
}

/// Each parameter is a list with one text.
fn argon2(data: &Value, passes: u64, salt: Vec<u8>, expected: Vec<u8>) -> Option<Recipe> {
    let given = |name| {
        data.get("additionalParameters")?
            .get(name)?
            .get(0)?
            .as_str()
    };
    let number = |name| given(name).and_then(text::number);
    let kind = match given("type")? {
        "id" => Kind::Id,
        "i" => Kind::I,
        "d" => Kind::D,
        _ => return None,
    };
    let old = match given("version")? {
        "1.3" => false,
        "1.0" => true,
        _ => return None,
    };
    let most = |number| u32::try_from(number).unwrap_or(u32::MAX);
    let (memory_kib, passes) = (most(number("memory")?), most(passes));
    let lanes = most(number("parallelism")?);
    let sound = lanes > 0
        && passes > 0
        && memory_kib >= lanes.saturating_mul(8)
        && salt.len() >= 8
        && expected.len() >= 4
        && number("hashLength").is_none_or(|len| usize::try_from(len) == Ok(expected.len()));
    let hash = Hash::Argon2 {
        kind,
        old,
        memory_kib,
        passes,
        lanes,
        salt,
        data: Vec::new(),
        secret: SecretBytes::new(Vec::new()).into(),
    };
    sound.then(|| Recipe::new(hash, expected))
}
