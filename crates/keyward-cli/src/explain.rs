//! Draws what stands in clear in a value. Nothing is opened and nothing is verified.

mod cut;
mod internal;
mod token;

use std::io::Read;

use keyward_base::encoding::hex;
use keyward_base::key_tag::SEALED_PREFIX;
use keyward_base::{Error, KeyId, Reason, Result, SecretBytes, Suite};
use keyward_crypto::body::{CHUNK_LEN, COMMITMENT_LEN, SALT_LEN};
use keyward_crypto::sealed::Parsed;
use serde::Serialize;

use crate::home::HomeArgs;
use crate::output::{self, Screen};
use crate::ruler::{self, Field};

pub(crate) use token::before_key;

/// More than the longest sealed value has characters.
const LIMIT: usize = 2 * 1024 * 1024;

/// What is known of the key a value names.
#[derive(Debug, Serialize)]
struct KeyNote {
    id: String,
    /// What it is, in this home; absent where there is no home, or it does not know the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    known: Option<String>,
}

#[derive(Debug, Serialize)]
struct Drawn {
    kind: &'static str,
    key: KeyNote,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plaintext_bytes: Option<usize>,
    bytes: usize,
    fields: Vec<Part>,
}

#[derive(Debug, Serialize)]
struct Part {
    name: &'static str,
    offset: usize,
    len: usize,
}

/// Explains `value`, or what standard input holds.
///
/// # Errors
/// `Misuse` for a token given as an argument, `Rejected` for what has no known form,
/// `Unavailable` for a suite that only a newer release knows.
pub(crate) async fn run(value: Option<String>, home_args: &HomeArgs, json: bool) -> Result<()> {
    let text = match value {
        Some(text) if text != "-" => argument(text)?,
        _ => standard_input()?,
    };
    let text = std::str::from_utf8(text.expose())
        .map_err(|_| Error::rejected(Reason::MALFORMED))?
        .trim();
    let text = carried(text).unwrap_or(text);
    if text.starts_with(SEALED_PREFIX) {
        sealed(text, home_args, json).await
    } else if internal::is_it(text) {
        internal::explain(text, json)
    } else {
        token(text, home_args, json).await
    }
}

/// The token in an address, as a mailed link has it.
fn carried(text: &str) -> Option<&str> {
    let address = ["https://", "http://"];
    let rest = address.iter().find_map(|of| text.strip_prefix(of))?;
    let (_, query) = rest.split_once('?')?;
    let (query, _) = query.split_once('#').unwrap_or((query, ""));
    let token = query
        .split('&')
        .find_map(|part| part.strip_prefix("token="));
    token.filter(|token| !token.is_empty())
}

/// A sealed value is public; a token is not, and arguments are seen by every user of the machine.
fn argument(text: String) -> Result<SecretBytes> {
    let text = SecretBytes::new(text.into_bytes());
    if text.expose().starts_with(SEALED_PREFIX.as_bytes()) {
        return Ok(text);
    }
    Err(Error::misuse(
        "only a kw1. value may be an argument, which other users can see: \
         give anything else by standard input, as in `keyward explain < FILE`",
    ))
}

fn standard_input() -> Result<SecretBytes> {
    let mut input = crate::input::stdin("the value to explain")?;
    SecretBytes::read(input.by_ref(), LIMIT)
}

async fn sealed(text: &str, home_args: &HomeArgs, json: bool) -> Result<()> {
    let parsed = Parsed::parse(text).map_err(|e| cut::explained(e, text))?;
    let header = parsed.header();
    let known = home_args.describe_key(header.key).await?;
    let fields = fields_of(&parsed, known.as_deref());
    let bytes = parsed
        .header_bytes()
        .len()
        .saturating_add(parsed.body().len());
    if json {
        let drawn = Drawn {
            kind: "sealed",
            key: note(header.key, known),
            prefix: None,
            id: None,
            hint: Some(header.hint.to_string()),
            plaintext_bytes: Some(parsed.plaintext_len()),
            bytes,
            fields: parts(&fields),
        };
        return output::json("keyward.explain/1", &drawn);
    }
    output::say(&format!(
        "A sealed value: {} characters, {bytes} bytes, of which {} are the secret's. \
         Nothing here is verified.\n",
        text.len(),
        parsed.plaintext_len(),
    ))?;
    show(&fields)
}

/// What a suite is made of.
fn suite(suite: Suite) -> String {
    let made_of = match suite {
        Suite::Chunked1 => "C2SP chunked encryption, SHA-512, AES-256-GCM",
        Suite::Chunked2 => "the construction of C2SP chunked encryption with SHA-256, AES-256-GCM",
        _ => "see the format of sealed values",
    };
    format!("{}  {made_of}", suite.to_byte())
}

/// The fields of a sealed value, in order.
fn fields_of(parsed: &Parsed, known: Option<&str>) -> Vec<Field> {
    let header = parsed.header();
    let hint = header.hint.as_str();
    let body = parsed.body();
    let (salt, rest) = body.split_at_checked(SALT_LEN).unwrap_or_default();
    let (commitment, chunks) = rest.split_at_checked(COMMITMENT_LEN).unwrap_or_default();
    let count = parsed.plaintext_len().checked_div(CHUNK_LEN).unwrap_or(0);
    let key = match known {
        Some(known) => format!("{}  {known}", header.key),
        None => header.key.to_string(),
    };
    let mut offset = 0_usize;
    let mut next = |name, len: usize, says| {
        let field = Field {
            name,
            offset,
            len,
            says,
        };
        offset = offset.saturating_add(len);
        field
    };
    let mut fields = vec![
        next("suite", 1, suite(header.suite)),
        next("key", 8, key),
        next("len", 1, format!("{}  bytes of hint", hint.len())),
    ];
    if !hint.is_empty() {
        fields.push(next("hint", hint.len(), header.hint.to_string()));
    }
    fields.push(next("salt", salt.len(), head(salt)));
    fields.push(next("commitment", commitment.len(), head(commitment)));
    fields.push(next(
        "chunks",
        chunks.len(),
        format!(
            "{} of at most 16384 bytes, 16 bytes of tag each",
            count.saturating_add(1)
        ),
    ));
    fields
}

/// The first bytes, in hexadecimal.
fn head(bytes: &[u8]) -> String {
    format!("{}…", hex(bytes.get(..8).unwrap_or(bytes)))
}

async fn token(text: &str, home_args: &HomeArgs, json: bool) -> Result<()> {
    let seen = token::read(text)?;
    let known = home_args.describe_key(seen.key).await?;
    let field = |name, offset, len, says| Field {
        name,
        offset,
        len,
        says,
    };
    let key = match &known {
        Some(known) => format!("{}  {known}", seen.key),
        None => seen.key.to_string(),
    };
    let mut fields = vec![
        field("version", 0, 1, seen.version.to_string()),
        field("key", 1, 8, key),
    ];
    fields.extend(seen.payload);
    if json {
        let drawn = Drawn {
            kind: seen.kind,
            key: note(seen.key, known),
            prefix: Some(seen.prefix),
            id: seen.id,
            hint: None,
            plaintext_bytes: None,
            bytes: fields.iter().map(|field| field.len).sum(),
            fields: parts(&fields),
        };
        return output::json("keyward.explain/1", &drawn);
    }
    output::say(&format!(
        "A token, {} ({}): {} characters. Nothing here is verified.{}\n",
        seen.kind,
        seen.prefix,
        text.len(),
        seen.says
            .map_or_else(String::new, |says| format!(" {says}")),
    ))?;
    show(&fields)
}

fn note(id: KeyId, known: Option<String>) -> KeyNote {
    KeyNote {
        id: id.to_string(),
        known,
    }
}

fn parts(fields: &[Field]) -> Vec<Part> {
    let part = |f: &Field| Part {
        name: f.name,
        offset: f.offset,
        len: f.len,
    };
    fields.iter().map(part).collect()
}

fn show(fields: &[Field]) -> Result<()> {
    let mut lines = ruler::draw(fields, Screen::of_stdout());
    lines.push(String::new());
    lines.extend(ruler::table(fields));
    lines.iter().try_for_each(|line| output::say(line))
}
