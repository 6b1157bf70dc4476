//! `keyward webhook verify --batch`: one request for each line of JSON, one verdict for each.
//!
//! It is made to hold this implementation against another, and reads whatever such a test has at
//! hand. The secrets of its lines lie in the file in clear, and so are no secrets.

use std::collections::HashMap;
use std::fmt;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use keyward_base::encoding::from_base64;
use keyward_base::{Error, Reason, Result, SecretBytes, Timestamp};
use keyward_crypto::Provider;
use keyward_webhook::scheme::Window;
use keyward_webhook::{Covered, Scheme, Webhook, preset};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::secrets;
use super::verdict::Verdict;
use crate::{input, output};

/// The longest line in bytes: a body of 25 MiB, GitHub's longest, in base64, and room beside it.
const LONGEST: u64 = 40 << 20;

/// Bytes of verdicts that are written at once.
const BLOCK: usize = 64 << 10;

#[derive(Deserialize)]
struct Line<'a> {
    provider: Option<String>,
    #[serde(borrow)]
    scheme: Option<&'a RawValue>,
    secrets: Vec<String>,
    headers: Lines,
    body: Option<String>,
    body_base64: Option<String>,
    now: u64,
    tolerance: Option<u64>,
    #[serde(default)]
    allow_weak_secret: bool,
}

/// The lines of headers, in their order.
struct Lines(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Lines {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Headers;
        impl<'de> Visitor<'de> for Headers {
            type Value = Lines;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of headers")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Lines, A::Error> {
                #[derive(Deserialize)]
                #[serde(untagged)]
                enum Values {
                    One(String),
                    Several(Vec<String>),
                }
                let mut lines = Vec::new();
                while let Some((name, values)) = map.next_entry::<String, Values>()? {
                    match values {
                        Values::One(value) => lines.push((name, value)),
                        Values::Several(values) => {
                            lines.extend(values.into_iter().map(|value| (name.clone(), value)));
                        }
                    }
                }
                Ok(Lines(lines))
            }
        }
        from.deserialize_map(Headers)
    }
}

/// Reads `file` line by line, and answers each.
///
/// # Errors
/// `Misuse` and `Unavailable` for a file that cannot be read. A line that is wrong is answered
/// with `misuse`, and the rest go on.
pub(super) fn run(file: &Path) -> Result<()> {
    let mut lines = BufReader::new(input::reader(file)?);
    let mut known = HashMap::new();
    let mut line = Vec::new();
    let mut out = Vec::with_capacity(BLOCK);
    loop {
        line.clear();
        let read = |e| Error::unavailable("the batch cannot be read to its end").with_source(e);
        let taken = (&mut lines).take(LONGEST).read_until(b'\n', &mut line);
        if taken.map_err(read)? == 0 {
            return output::put(&out);
        }
        let ended = line.pop_if(|last| *last == b'\n').is_some();
        let too_long = !ended && u64::try_from(line.len()).is_ok_and(|len| len >= LONGEST);
        if too_long {
            lines.skip_until(b'\n').map_err(read)?;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let verdict = if too_long {
            Err(Error::misuse("the line has 40 MiB or more"))
        } else {
            check(&line, &mut known)
        };
        let verdict = verdict.unwrap_or_else(|error| Verdict::refused(&error));
        let text = serde_json::to_string(&verdict).map_err(|e| {
            Error::unavailable("the verdict cannot be written as JSON").with_source(e)
        })?;
        out.extend_from_slice(output::plain_json(&text).as_bytes());
        out.push(b'\n');
        if out.len() >= BLOCK {
            output::put(&out)?;
            out.clear();
        }
    }
}

/// Presets that were made ready before.
type Known = HashMap<String, Webhook<Covered>>;

fn check(line: &[u8], known: &mut Known) -> Result<Verdict> {
    // An array would do for the members of an object.
    if line.trim_ascii_start().starts_with(b"[") {
        return Err(Error::misuse(
            "the line is no request in JSON: it is no object",
        ));
    }
    let line: Line<'_> = serde_json::from_slice(line).map_err(|e| no_request(&e))?;
    let own;
    let webhook = match (&line.provider, line.scheme, line.tolerance) {
        (Some(name), None, None) => {
            if !known.contains_key(name) {
                let ready = Webhook::new(preset::named(name)?, Provider::default())?;
                known.insert(name.clone(), ready);
            }
            known.get(name)
        }
        (Some(name), None, tolerance) => {
            own = ready(preset::named(name)?, tolerance)?;
            Some(&own)
        }
        (None, Some(scheme), tolerance) => {
            own = ready(Scheme::from_json(scheme.get().as_bytes())?, tolerance)?;
            Some(&own)
        }
        _ => None,
    };
    let webhook =
        webhook.ok_or_else(|| Error::misuse("a line has either a provider or a scheme"))?;
    let lines = line.secrets.iter().map(|text| text.as_bytes());
    let lines: Vec<_> = lines.map(SecretBytes::copy_of).collect();
    let secrets = secrets::load(webhook, &lines, line.allow_weak_secret)?;
    let body = match (line.body, line.body_base64) {
        (Some(body), None) => body.into_bytes(),
        (None, Some(text)) => from_base64(&text)
            .map_err(|_| Error::misuse("body_base64 is no base64 with padding"))?
            .expose()
            .to_vec(),
        _ => return Err(Error::misuse("a line has either a body or a body_base64")),
    };
    let now = Timestamp::from_millis(line.now.saturating_mul(1000));
    let headers = headers(&line.headers)?;
    Verdict::of(webhook, &secrets, (&headers, &body), now)
}

/// Says where, and not what stands there, as the text of the error does: a secret, perhaps.
fn no_request(error: &serde_json::Error) -> Error {
    let what = match error.classify() {
        serde_json::error::Category::Data => "a field is missing, there twice or of another kind",
        _ => "it is no JSON",
    };
    Error::misuse(format!(
        "the line is no request in JSON: {what}, at column {}",
        error.column()
    ))
}

/// Within `tolerance` seconds of now, either way, if it is given.
fn ready(scheme: Scheme<Covered>, tolerance: Option<u64>) -> Result<Webhook<Covered>> {
    let scheme = match tolerance.map(Duration::from_secs) {
        Some(span) => scheme.with_window(Window {
            past: span,
            future: span,
        }),
        None => scheme,
    };
    Webhook::new(scheme, Provider::default())
}

/// The lines as a server takes them in: white space around a value is no part of it (RFC 9110,
/// section 5.5), and what no server takes is the sender's fault.
fn headers(lines: &Lines) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in &lines.0 {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Error::misuse("a header has a name that HTTP does not allow"))?;
        let value = value.trim_matches([' ', '\t']);
        let value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_| Error::rejected(Reason::MALFORMED))?;
        headers
            .try_append(name, value)
            .map_err(|_| Error::misuse("a line has more headers than any server takes"))?;
    }
    Ok(headers)
}
