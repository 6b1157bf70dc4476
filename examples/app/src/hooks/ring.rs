//! The secrets of one endpoint: one sealed value, so that one follows another in one step.
//!
//! Each is a line, `NUMBER UNTIL SECRET`; `UNTIL` is in milliseconds, and 0 for one without an end.

use std::time::Duration;

use keyward_base::{Error, Result, SecretBytes, Timestamp};
use keyward_webhook::{Coverage, Secrets, Webhook};

/// Secrets of one endpoint, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Ring(Vec<Kept>);

#[derive(Debug)]
struct Kept {
    number: u64,
    until: Option<Timestamp>,
    secret: SecretBytes,
}

impl Ring {
    /// Reads what [`Ring::write`] wrote.
    pub(crate) fn parse(text: &SecretBytes) -> Result<Self> {
        let lines = text.expose().split(|b| *b == b'\n');
        let read = lines.filter(|line| !line.is_empty()).map(Kept::parse);
        let kept = read.collect::<Option<Vec<_>>>();
        kept.map(Self)
            .ok_or_else(|| Error::corrupt("the secrets of a webhook endpoint are not as written"))
    }

    pub(crate) fn write(&self) -> SecretBytes {
        let mut text = SecretBytes::new(Vec::new());
        for kept in &self.0 {
            let until = kept.until.map_or(0, Timestamp::as_millis);
            text.push(format!("{} {until} ", kept.number).as_bytes());
            text.push(kept.secret.expose());
            text.push(b"\n");
        }
        text
    }

    /// Adds a secret. Those before it count for as long as `retries`, and not longer than before.
    pub(crate) fn add(&mut self, secret: SecretBytes, now: Timestamp, retries: Duration) {
        self.0.retain(|kept| kept.until.is_none_or(|end| end > now));
        let end = now.saturating_add(retries);
        for kept in &mut self.0 {
            kept.until = Some(kept.until.map_or(end, |until| until.min(end)));
        }
        let last = self.0.iter().map(|kept| kept.number).max();
        self.0.push(Kept {
            number: last.unwrap_or(0).saturating_add(1),
            until: None,
            secret,
        });
    }

    /// The secrets as a scheme takes them. It refuses those that could be guessed.
    pub(crate) fn secrets<C: Coverage>(&self, webhook: &Webhook<C>) -> Result<Secrets> {
        let mut secrets = webhook.secrets();
        for kept in &self.0 {
            secrets.add(kept.number.to_string(), kept.until, &kept.secret)?;
        }
        Ok(secrets)
    }
}

impl Kept {
    fn parse(line: &[u8]) -> Option<Self> {
        let mut parts = line.splitn(3, |b| *b == b' ');
        let mut number = || str::from_utf8(parts.next()?).ok()?.parse::<u64>().ok();
        let (number, until) = (number()?, number()?);
        Some(Self {
            number,
            until: (until > 0).then_some(Timestamp::from_millis(until)),
            secret: SecretBytes::copy_of(parts.next()?),
        })
    }
}
