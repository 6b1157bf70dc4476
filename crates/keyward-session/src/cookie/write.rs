//! What an answer says.

use std::time::Duration;

use http::HeaderValue;
use keyward_base::{Error, Result};

use super::{Cookie, MAX_AGE, is_value};

impl Cookie {
    /// `Set-Cookie` with `value`. It goes with every request to this host and with no script,
    /// and with no request of a foreign site but a link that was followed (`SameSite=Lax`).
    ///
    /// `max_age` is how long the browser keeps it, in whole seconds, rounded down, at most
    /// [`MAX_AGE`]; none until the browser is closed. What comes out is marked sensitive: `Debug`
    /// does not show it.
    ///
    /// # Errors
    /// `Misuse` unless the value is 1 to [`super::MAX_VALUE_LEN`] characters of base64url.
    pub fn set(self, value: &str, max_age: Option<Duration>) -> Result<HeaderValue> {
        if !is_value(value.as_bytes()) {
            return Err(Error::misuse(
                "the value of a session cookie must be a token: 1 to 512 characters of base64url",
            ));
        }
        self.header(value, max_age)
    }

    /// `Set-Cookie` that has the browser forget it.
    ///
    /// # Errors
    /// None that a caller can cause.
    pub fn clear(self) -> Result<HeaderValue> {
        self.header("", Some(Duration::ZERO))
    }

    fn header(self, value: &str, max_age: Option<Duration>) -> Result<HeaderValue> {
        let Self { name, is_secure } = self;
        let secure = if is_secure { "; Secure" } else { "" };
        let mut text = format!("{name}={value}; Path=/{secure}; HttpOnly; SameSite=Lax");
        if let Some(age) = max_age {
            text.push_str(&format!("; Max-Age={}", age.min(MAX_AGE).as_secs()));
        }
        let mut header = HeaderValue::try_from(text)
            .map_err(|_| Error::misuse("a cookie's name or value is not visible ASCII"))?;
        header.set_sensitive(true);
        Ok(header)
    }
}
