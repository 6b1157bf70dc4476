//! A request as it was captured: the bytes that came over the connection.

use http::{HeaderMap, HeaderName, HeaderValue};
use keyward_base::{Error, Result};

/// The most lines of headers. Servers take about a hundred.
const MAX_LINES: usize = 128;

/// What a check needs of a request.
pub(super) struct Request {
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// Reads a request in the form of HTTP/1.1 (RFC 9112). Lines may end in `\n` alone, and the
    /// version may be one of HTTP/2 or 3, as tools write them. The body ends where
    /// `Content-Length` or the last chunk says, else with the file.
    ///
    /// # Errors
    /// `Misuse` for what is no such request, or was cut short.
    pub(super) fn read(raw: &[u8]) -> Result<Self> {
        let raw = as_http1(raw);
        let mut lines = [httparse::EMPTY_HEADER; MAX_LINES];
        let mut head = httparse::Request::new(&mut lines);
        let begins = match head.parse(&raw) {
            Ok(httparse::Status::Complete(begins)) => begins,
            Ok(httparse::Status::Partial) => {
                return Err(misuse("ends within its headers, which an empty line ends"));
            }
            Err(httparse::Error::TooManyHeaders) => {
                return Err(misuse("has more than 128 lines of headers"));
            }
            Err(_) => {
                return Err(misuse(
                    "is no request as it came over the connection: a line `POST /path HTTP/1.1`, \
                     lines `Name: value`, an empty line, the body",
                ));
            }
        };
        let mut headers = HeaderMap::new();
        for line in head.headers.iter() {
            let named = HeaderName::from_bytes(line.name.as_bytes());
            let value = HeaderValue::from_bytes(line.value);
            let (Ok(name), Ok(value)) = (named, value) else {
                return Err(misuse("has a header that HTTP does not allow"));
            };
            headers.append(name, value);
        }
        let rest = raw.get(begins..).unwrap_or_default();
        let body = body(&headers, rest)?;
        Ok(Self { headers, body })
    }
}

fn misuse(what: &str) -> Error {
    Error::misuse(format!("the captured request {what}"))
}

/// With `HTTP/1.1` in its first line, where a tool wrote `HTTP/2`, `HTTP/2.0`, `HTTP/3` or such.
fn as_http1(raw: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    let end = raw.iter().position(|b| *b == b'\n').unwrap_or(raw.len());
    let (first, rest) = raw.split_at_checked(end).unwrap_or((raw, &[]));
    let line = first.strip_suffix(b"\r").unwrap_or(first);
    let newer = [&b" HTTP/2"[..], b" HTTP/2.0", b" HTTP/3", b" HTTP/3.0"];
    match newer.iter().find_map(|version| line.strip_suffix(*version)) {
        Some(start) => [start, b" HTTP/1.1\r", rest].concat().into(),
        None => raw.into(),
    }
}

fn body(headers: &HeaderMap, rest: &[u8]) -> Result<Vec<u8>> {
    let one = |name: &str| -> Result<Option<String>> {
        let mut lines = headers.get_all(name).iter();
        let Some(first) = lines.next() else {
            return Ok(None);
        };
        if lines.any(|line| line != first) {
            return Err(misuse("says twice, and differently, how long its body is"));
        }
        let text = first
            .to_str()
            .map_err(|_| misuse("has a length that is no number"))?;
        Ok(Some(text.trim().to_ascii_lowercase()))
    };
    match (one("transfer-encoding")?.as_deref(), one("content-length")?) {
        (Some("chunked"), None) => chunks(rest),
        (None, None) => Ok(rest.to_vec()),
        (None, Some(length)) => {
            let length: usize = length
                .parse()
                .map_err(|_| misuse("has a Content-Length that is no number"))?;
            let body = rest.get(..length).ok_or_else(|| {
                misuse("was cut short: its body has fewer bytes than its Content-Length says")
            })?;
            Ok(body.to_vec())
        }
        _ => Err(misuse(
            "says in two ways how long its body is, or in one that is not read here: \
             Content-Length or `Transfer-Encoding: chunked`",
        )),
    }
}

/// The body behind its chunks (RFC 9112, section 7.1).
fn chunks(mut rest: &[u8]) -> Result<Vec<u8>> {
    let cut = || misuse("was cut short, or has a chunk that is not as long as it says");
    let mut body = Vec::new();
    loop {
        let Ok(httparse::Status::Complete((begins, length))) = httparse::parse_chunk_size(rest)
        else {
            return Err(cut());
        };
        let length = usize::try_from(length).map_err(|_| cut())?;
        if length == 0 {
            return Ok(body);
        }
        let chunk = rest.get(begins..).ok_or_else(cut)?;
        let (chunk, behind) = chunk.split_at_checked(length).ok_or_else(cut)?;
        body.extend_from_slice(chunk);
        rest = behind.strip_prefix(b"\r\n").ok_or_else(cut)?;
    }
}
