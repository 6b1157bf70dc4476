//! The range API of Pwned Passwords: the other side learns five of forty digits.

use std::fmt;

use keyward_base::{BoxFuture, Error, Result, SecretBytes};
use keyward_crypto::equal;

use super::{BreachCheck, Fingerprint};

/// The longest response that is read, in bytes. A padded one has 800 to 1,000 lines and more, of some
/// 40 bytes each; the longest ranges have some 2,000.
pub const MAX_RESPONSE: usize = 256 * 1024;

/// Digits that are told, and those that are not.
const PREFIX: usize = 5;
const SUFFIX: usize = 35;

/// The caller's HTTP client.
pub trait RangeClient: fmt::Debug + Send + Sync {
    /// Sends the request with `GET` over TLS and returns the body of an answer 200, reading no more
    /// than [`MAX_RESPONSE`] bytes and one, and waiting no longer than a form may take.
    ///
    /// # Errors
    /// `Unavailable` for any other answer, and if none comes.
    fn get<'a>(&'a self, request: &'a RangeRequest) -> BoxFuture<'a, Result<Vec<u8>>>;
}

/// What is sent. It tells the first 20 bits of a SHA-1, which some thousand breached passwords share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeRequest {
    path: String,
}

impl RangeRequest {
    /// The host of the public service.
    pub const HOST: &'static str = "api.pwnedpasswords.com";

    /// A header, name and value, by which the answer is padded: its length then tells nothing to who
    /// watches the connection.
    pub const HEADER: (&'static str, &'static str) = ("Add-Padding", "true");

    /// Of a password.
    #[must_use]
    pub fn of(password: &Fingerprint) -> Self {
        let prefix: String = digits(password).take(PREFIX).map(char::from).collect();
        Self {
            path: format!("/range/{prefix}"),
        }
    }

    /// The path: `/range/` and five digits.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// How often the password was seen, by the answer: 0 if it is not in it.
    ///
    /// # Errors
    /// `Unavailable` for what is no answer of a range: longer than [`MAX_RESPONSE`], empty, or with a
    /// line that is not 35 hexadecimal digits, a colon and a number. A proxy's page of an error must
    /// not pass for "not breached".
    pub fn count(&self, password: &Fingerprint, response: &[u8]) -> Result<u64> {
        let odd = || Error::unavailable("the list of breached passwords answered something else");
        if response.len() > MAX_RESPONSE {
            return Err(odd());
        }
        let text = std::str::from_utf8(response).map_err(|_| odd())?;
        let mut wanted = SecretBytes::new(Vec::with_capacity(SUFFIX));
        digits(password)
            .skip(PREFIX)
            .for_each(|digit| wanted.push(&[digit]));
        let mut count = 0_u64;
        let mut lines = 0_usize;
        for line in text.lines().filter(|line| !line.is_empty()) {
            let (suffix, times) = line.split_once(':').ok_or_else(odd)?;
            let is_hex = suffix.bytes().all(|byte| byte.is_ascii_hexdigit());
            if suffix.len() != SUFFIX || !is_hex {
                return Err(odd());
            }
            let times: u64 = times.trim_end().parse().map_err(|_| odd())?;
            let mut suffix = suffix.to_owned();
            suffix.make_ascii_uppercase();
            if equal(suffix.as_bytes(), wanted.expose()) {
                count = count.saturating_add(times);
            }
            lines = lines.saturating_add(1);
        }
        if lines == 0 {
            return Err(odd());
        }
        Ok(count)
    }
}

/// In upper-case hexadecimal.
fn digits(password: &Fingerprint) -> impl Iterator<Item = u8> + '_ {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let nibbles = password
        .bytes()
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0x0f]);
    nibbles.map(|nibble| DIGITS.get(usize::from(nibble)).copied().unwrap_or_default())
}

/// Asks the range API through a client.
#[derive(Debug)]
pub struct RangeApi<C> {
    client: C,
}

impl<C: RangeClient> RangeApi<C> {
    /// Through this client.
    pub const fn new(client: C) -> Self {
        Self { client }
    }
}

impl<C: RangeClient> BreachCheck for RangeApi<C> {
    fn is_breached<'a>(&'a self, password: &'a Fingerprint) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let request = RangeRequest::of(password);
            let response = self.client.get(&request).await?;
            Ok(request.count(password, &response)? > 0)
        })
    }
}
