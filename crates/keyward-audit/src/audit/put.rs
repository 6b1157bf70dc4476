//! An entry put at the end of a log: what can be done before it is its turn, and what is done then.

use std::sync::PoisonError;

use keyward_base::{Error, Result, Timestamp};

use super::Audit;
use super::lane::{Hears, Waiting};
use crate::entry::{Entry, MAX_LEN, Number};
use crate::head::Head;
use crate::leaf::{Class, Draft, Header, LEN, SALT_LEN};
use crate::tree::leaf;

/// The most bytes of a text that waits: it grows by what says how far the clock went back.
const MAX_TEXT: usize = MAX_LEN - 64;

/// Salts that are made at once: they lie in memory until entries take them.
const SALTS: usize = 64;

impl Audit {
    /// Puts an entry at the end of a log, whose text that is if no clock went back: as it is stored.
    pub(super) fn push(
        &self,
        head: &mut Head,
        entry: &Entry,
        text: &str,
        class: &Class,
        salt: &[u8; SALT_LEN],
    ) -> Result<Vec<u8>> {
        let draft = Draft::new(self.0.keyring.provider(), class, salt, text);
        let at = Timestamp::from_millis(entry.at.0);
        self.put_down(head, at, &draft, class)
    }

    /// [`Audit::push`], of the draft of an entry of that time.
    pub(super) fn put_down(
        &self,
        head: &mut Head,
        at: Timestamp,
        draft: &Draft,
        class: &Class,
    ) -> Result<Vec<u8>> {
        let provider = self.0.keyring.provider();
        let late = (at < head.latest).then(|| {
            let (salt, text) = draft.body().ok_or_else(unwritten)?;
            let text = behind(text, at, head.latest)?;
            Ok::<_, Error>(Draft::new(provider, class, salt, &text))
        });
        let late = late.transpose()?;
        head.latest = head.latest.max(at);
        let draft = late.as_ref().unwrap_or(draft);
        let bytes = draft.placed(&head.log, Header::day_of(head.latest));
        let (front, _) = bytes.split_at_checked(LEN).unwrap_or_default();
        head.tree.push(provider, leaf(provider, front), |_| ())?;
        Ok(bytes)
    }

    /// An entry that is to wait, and where its number is told.
    ///
    /// # Errors
    /// `Misuse` for one of more than 64 KiB; `Unavailable` if there is no randomness to be had.
    pub(super) fn waiting(&self, entry: Entry, class: Class) -> Result<(Waiting, Hears)> {
        let text = entry.text()?;
        if text.len() > MAX_TEXT {
            return Err(Error::misuse("an event has more than 64 KiB"));
        }
        let draft = Draft::new(self.0.keyring.provider(), &class, &self.salt()?, &text);
        Ok(Waiting::new(entry, draft, class))
    }

    /// A salt that was never given. Many are made by one call.
    fn salt(&self) -> Result<[u8; SALT_LEN]> {
        let salts = self.0.salts.lock();
        let mut salts = salts.unwrap_or_else(PoisonError::into_inner);
        if let Some(salt) = salts.pop() {
            return Ok(salt);
        }
        let mut made = vec![0; SALT_LEN.saturating_mul(SALTS)];
        self.0.keyring.provider().fill(&mut made)?;
        salts.extend_from_slice(made.as_chunks().0);
        salts.pop().ok_or_else(unwritten)
    }
}

/// The text of an entry of that time, in a log whose latest is of another: what
/// [`Entry::after`](crate::Entry::after) makes of it. `behind` stands before `action`, and what is
/// in front of that are two numbers.
fn behind(text: &str, at: Timestamp, latest: Timestamp) -> Result<String> {
    let by = Number(latest.as_millis().saturating_sub(at.as_millis()));
    let by = serde_json::to_string(&by).ok();
    let parts = text.split_once(r#","action":"#).zip(by);
    let ((front, rest), by) = parts.ok_or_else(unwritten)?;
    Ok([front, r#","behind":"#, &by, r#","action":"#, rest].concat())
}

fn unwritten() -> Error {
    Error::misuse("an event cannot be written")
}
