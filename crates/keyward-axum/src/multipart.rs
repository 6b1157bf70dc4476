//! `multipart/form-data` (RFC 7578), as browsers write it, read from a whole body.

use keyward_base::SecretBytes;

use keyward_http::fields::Fields;

/// Reads the fields of `body`, whose `Content-Type` is `kind`. A file is a field like any other;
/// its name is the sender's word, and ignored.
pub(crate) fn parse(kind: &str, body: &[u8]) -> Option<Fields> {
    let delimiter = [b"\r\n--", boundary(kind)?.as_bytes()].concat();
    // The first delimiter has no line end before it. Browsers write no preamble.
    let mut rest = body.strip_prefix(delimiter.get(2..)?)?;
    let mut fields = Fields::new();
    loop {
        if rest == b"--" || rest == b"--\r\n" {
            return Some(fields);
        }
        let part = rest.strip_prefix(b"\r\n")?;
        let end = find(part, &delimiter)?;
        let (part, after) = (part.get(..end)?, part.get(end..)?);
        rest = after.strip_prefix(delimiter.as_slice())?;
        let split = find(part, b"\r\n\r\n")?;
        let name = name(std::str::from_utf8(part.get(..split)?).ok()?)?;
        let value = part.get(split.checked_add(4)?..)?;
        fields.add(
            SecretBytes::copy_of(name.as_bytes()),
            SecretBytes::copy_of(value),
        )?;
    }
}

/// The `boundary` parameter: 1 to 70 characters (RFC 2046, section 5.1.1).
fn boundary(kind: &str) -> Option<&str> {
    let mut found = kind.split(';').skip(1).filter_map(|parameter| {
        let (name, value) = parameter.trim().split_once('=')?;
        name.eq_ignore_ascii_case("boundary").then_some(value)
    });
    let value = found.next()?;
    let value = value
        .strip_prefix('"')
        .and_then(|value| value.strip_suffix('"'))
        .unwrap_or(value);
    let fits = (1..=70).contains(&value.len()) && !value.contains('"');
    (fits && found.next().is_none()).then_some(value)
}

/// The `name` parameter of `Content-Disposition: form-data`.
fn name(headers: &str) -> Option<&str> {
    let disposition = headers.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-disposition")
            .then_some(value.trim())
    })?;
    let parameters = disposition.strip_prefix("form-data")?;
    // Directly after, as everybody writes it: a file name cannot pose as the field's name.
    let rest = parameters.strip_prefix("; name=\"")?;
    rest.split_once('"').map(|(name, _)| name)
}

fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len())
        .position(|window| window == needle)
}
