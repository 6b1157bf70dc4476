//! `keyward webhook sign`: a request as the provider would send it.

use std::path::PathBuf;

use keyward_base::encoding::hex;
use keyward_base::{Error, Result, Timestamp};
use keyward_crypto::Provider;
use keyward_webhook::{Covered, Scheme};

use super::secrets;
use crate::{input, output};

/// What is to be signed.
pub(super) struct Wanted {
    pub(super) scheme: Scheme<Covered>,
    pub(super) secret_file: PathBuf,
    pub(super) body: Option<PathBuf>,
    pub(super) id: Option<String>,
    pub(super) now: Timestamp,
    pub(super) path: String,
}

/// Writes the request to standard output, in the form of HTTP/1.1.
///
/// # Errors
/// `Misuse` for a secret, an id or a body that the provider would not have.
pub(super) fn run(wanted: &Wanted) -> Result<()> {
    let scheme = &wanted.scheme;
    let lines = secrets::lines(&wanted.secret_file)?;
    let secret = lines
        .first()
        .ok_or_else(|| Error::misuse("the file of secrets has no line"))?;
    let stdin = PathBuf::from("-");
    let body = wanted.body.as_ref().unwrap_or(&stdin);
    let body = input::bytes(body, scheme.body_limit)?;
    let crypto = Provider::default();
    let id = match &wanted.id {
        None if scheme.signs_id() => Some(format!("msg_{}", hex(crypto.random::<16>()?.expose()))),
        id => id.clone(),
    };
    let headers = scheme.sign(&crypto, secret, id.as_deref(), wanted.now, &body)?;
    let mut out = format!(
        "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n",
        wanted.path,
        body.len()
    )
    .into_bytes();
    for (name, value) in &headers {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&body);
    output::put(&out)
}
