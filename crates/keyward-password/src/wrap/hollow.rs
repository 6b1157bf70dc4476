//! A stored string with zeros where its digest was.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::context::Context;
use crate::recipe::Recipe;
use crate::scheme::{self, Scheme};
use crate::text;

/// The string with zeros in place of its digest, in the encoding that it has there. It is sure to say
/// the same as before but for the digest: each way to write it is tried, and read again.
pub(crate) fn hollow(
    label: Option<Scheme>,
    text: &str,
    context: &Context,
    (scheme, recipe): (Scheme, &Recipe),
) -> Option<String> {
    let is_same = |candidate: &String| {
        scheme::read(label, candidate, context)
            .is_ok_and(|(again, hollow)| again == scheme && hollow.is_hollow_of(recipe))
    };
    // JSON has room for more than the scheme looks at: it is written anew, in one way only.
    if text.trim_start().starts_with('{') && text.trim_end().ends_with('}') {
        return of_json(text).filter(is_same);
    }
    let digest = &recipe.expected;
    let ways: [&dyn Fn() -> Vec<String>; 5] = [
        &|| tails(text, digest.len()),
        &|| fields(text),
        &|| in_base64(text, digest.len()).unwrap_or_default(),
        &|| in_hex(text, digest).into_iter().collect(),
        &|| hex_in_base64(text, digest.len()),
    ];
    ways.iter().flat_map(|way| way()).find(is_same)
}

/// What 0 is in base64, in the alphabets of crypt(3) and bcrypt, and in hexadecimal.
const ZEROS: [char; 3] = ['A', '.', '0'];

/// Padding stays.
fn zeros(field: &str, zero: char) -> String {
    let zero_of = |c| if c == '=' { c } else { zero };
    field.chars().map(zero_of).collect()
}

/// The digest stands at the end, without anything before it to part it from the salt.
fn tails(text: &str, len: usize) -> Vec<String> {
    let bare = text.trim_end_matches('=').len();
    let six = len.saturating_mul(8).div_ceil(6);
    let mut out = Vec::new();
    for (zero, chars) in [
        ('0', len.saturating_mul(2)),
        ('.', six),
        // Drupal's, cut within its last byte.
        ('.', six.saturating_sub(1)),
        ('A', six),
    ] {
        let split = bare
            .checked_sub(chars)
            .and_then(|at| text.split_at_checked(at));
        if let Some((before, digest)) = split {
            out.push(format!("{before}{}", zeros(digest, zero)));
        }
    }
    out
}

/// No scheme has more fields. A salt may be of separators alone: each of them tried would cost the
/// square of its length.
const MAX_FIELDS: usize = 32;

/// The digest is one of the fields, mostly the last one.
fn fields(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for separator in ["$", "."] {
        let parts: Vec<&str> = text
            .split(separator)
            .take(MAX_FIELDS.saturating_add(1))
            .collect();
        if parts.len() > MAX_FIELDS {
            continue;
        }
        for at in (0..parts.len()).rev() {
            for zero in ZEROS {
                let with = |(i, part): (usize, &&str)| {
                    if i == at {
                        zeros(part, zero)
                    } else {
                        (*part).to_owned()
                    }
                };
                let changed: Vec<String> = parts.iter().enumerate().map(with).collect();
                out.push(changed.join(separator));
            }
        }
    }
    out
}

/// Salt and digest are base64 in one, either of them first.
fn in_base64(text: &str, len: usize) -> Option<Vec<String>> {
    let start = text.rfind('}').map_or(0, |at| at.saturating_add(1));
    let (before, blob) = text.split_at_checked(start)?;
    let bytes = text::base64(blob)?;
    let rest = bytes.len().checked_sub(len)?;
    let (mut first, mut last) = (bytes.clone(), bytes);
    last.get_mut(rest..)?.fill(0);
    first.get_mut(..len)?.fill(0);
    let written = |bytes| format!("{before}{}", STANDARD.encode(bytes));
    Some(vec![written(last), written(first)])
}

/// The digest stands somewhere in hexadecimal.
fn in_hex(text: &str, digest: &[u8]) -> Option<String> {
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let at = text.to_ascii_lowercase().find(&hex)?;
    let (before, rest) = text.split_at_checked(at)?;
    let (_, after) = rest.split_at_checked(hex.len())?;
    Some(format!("{before}{}{after}", "0".repeat(hex.len())))
}

/// The digest is hexadecimal, which is base64 in a field.
fn hex_in_base64(text: &str, len: usize) -> Vec<String> {
    let hex = STANDARD.encode("0".repeat(len.saturating_mul(2)));
    let parts: Vec<&str> = text.split('$').collect();
    let with = |at: usize| {
        let changed = parts.iter().enumerate();
        let changed: Vec<&str> = changed
            .map(|(i, part)| if i == at { &hex } else { *part })
            .collect();
        changed.join("$")
    };
    (0..parts.len()).map(with).collect()
}

/// A credential of Keycloak or a user of Firebase's export, with what is needed of it alone.
fn of_json(text: &str) -> Option<String> {
    let value: Value = serde_json::from_str(text).ok()?;
    let hollow = |hash: &Value| {
        let bytes = text::base64(hash.as_str()?)?;
        Some(Value::from(STANDARD.encode(vec![0; bytes.len()])))
    };
    if let Some(hash) = value.get("passwordHash") {
        let mut user = json!({ "passwordHash": hollow(hash)? });
        // A salt that is none is passed over as it is read, and the context's taken.
        if let Some(salt) = value.get("salt").and_then(canonical) {
            user.as_object_mut()?.insert("salt".to_owned(), salt);
        }
        return Some(user.to_string());
    }
    let inner = |name| {
        let field: &Value = value.get(name)?;
        match field.as_str() {
            Some(text) => serde_json::from_str::<Value>(text).ok(),
            None => Some(field.clone()),
        }
    };
    let (data, secret) = (inner("credentialData")?, inner("secretData")?);
    let mut kept = pick(&data, &["algorithm", "hashIterations"]);
    if kept.get("algorithm").is_some_and(|name| name == "argon2") {
        let more = parameters(data.get("additionalParameters")?);
        kept.insert("additionalParameters".to_owned(), Value::Object(more));
    }
    let secret =
        json!({ "salt": canonical(secret.get("salt")?)?, "value": hollow(secret.get("value")?)? });
    Some(json!({ "credentialData": kept, "secretData": secret }).to_string())
}

/// A salt in base64 with padding.
fn canonical(salt: &Value) -> Option<Value> {
    let bytes = text::base64(salt.as_str()?)?;
    Some(Value::from(STANDARD.encode(bytes)))
}

/// These fields of an object, where it has them.
fn pick(object: &Value, names: &[&str]) -> Map<String, Value> {
    let field = |name: &&str| Some(((*name).to_owned(), object.get(name)?.clone()));
    names.iter().filter_map(field).collect()
}

/// Each is a list with one text. But for two words they are numbers.
fn parameters(all: &Value) -> Map<String, Value> {
    let names = ["hashLength", "memory", "parallelism", "type", "version"];
    let kept = pick(all, &names).into_iter();
    let first = |(name, list): (String, Value)| {
        let text = list.get(0)?.as_str()?;
        let is_word = matches!(name.as_str(), "type" | "version");
        let one = json!([text]);
        (is_word || text::number(text).is_some()).then_some((name, one))
    };
    kept.filter_map(first).collect()
}
