//! What every store accepts, checked in one place so that all stores refuse alike.

use std::collections::BTreeSet;

use keyward_base::{Error, Result, Timestamp};

use crate::attempts::{Level, Window};
use crate::find::{Find, Words};
use crate::limits::StoreLimits;
use crate::once::Claim;
use crate::record::{Collection, Content, RecordKey};
use crate::records::Write;
use crate::scan::{Place, Scan};
use crate::stores::Step;

impl StoreLimits {
    /// Checks the entries of one append.
    ///
    /// # Errors
    /// `Misuse` names the first limit that is passed.
    pub fn check_append(log: &RecordKey, entries: &[Vec<u8>]) -> Result<()> {
        Self::check_key(log)?;
        at_most(
            entries.len(),
            Self::BATCH,
            "an append has at most 4096 entries",
        )?;
        entries.iter().try_for_each(|entry| Self::check_data(entry))
    }

    /// Checks every write of a batch.
    ///
    /// # Errors
    /// `Misuse` names the first limit that is passed.
    pub fn check_batch(batch: &[Write]) -> Result<()> {
        at_most(batch.len(), Self::BATCH, "a batch has at most 4096 writes")?;
        batch.iter().try_for_each(|write| match write {
            Write::Delete { key, .. } | Write::Require { key, .. } => Self::check_key(key),
            Write::Insert { key, content } | Write::Swap { key, content, .. } => {
                Self::check_key(key)?;
                Self::check_content(content)
            }
        })
    }

    /// Checks what a record is to hold.
    ///
    /// # Errors
    /// `Misuse` names the first limit that is passed.
    pub fn check_content(content: &Content) -> Result<()> {
        at_most(
            content.sealed.len(),
            Self::SEALED,
            "sealed text is at most 2 MiB long",
        )?;
        no_nul(&content.sealed)?;
        Self::check_data(&content.data)?;
        for tag in [&content.mac_key, &content.token_key] {
            at_most(
                tag.len(),
                Self::PREFIX,
                "a key tag is at most 16 bytes long",
            )?;
            if !tag.bytes().all(|b| b.is_ascii_graphic()) {
                return Err(Error::misuse("a key tag is visible ASCII"));
            }
        }
        Self::check_word(&content.word)?;
        content.expires.map_or(Ok(()), Self::check_time)
    }

    /// Checks the name of a collection, which [`Collection::named`] cannot.
    ///
    /// # Errors
    /// `Misuse` unless it is 1 to 64 bytes of visible ASCII.
    pub fn check_collection(collection: &Collection) -> Result<()> {
        Collection::check(collection.as_str())
    }

    /// Checks the length of public bytes.
    ///
    /// # Errors
    /// `Misuse` beyond [`StoreLimits::DATA`].
    pub fn check_data(data: &[u8]) -> Result<()> {
        at_most(data.len(), Self::DATA, "data is at most 1 MiB long")
    }

    /// Checks what a search asks for.
    ///
    /// # Errors
    /// As [`StoreLimits::check_scan`].
    pub fn check_find(find: &Find) -> Result<()> {
        Self::check_collection(&find.collection)?;
        Self::check_page(find.limit, find.bytes)?;
        Self::check_words(&find.words)?;
        find.owner.as_deref().map_or(Ok(()), Self::check_owner)?;
        find.after.as_ref().map_or(Ok(()), |after| {
            Self::check_word(&after.word)?;
            Self::check_owner(&after.owner)?;
            Self::check_id(&after.id)
        })
    }

    /// Checks the windows of a reservation at `now`.
    ///
    /// # Errors
    /// `Misuse` for none or more than [`StoreLimits::WINDOWS`], for a key that comes twice, and as
    /// [`StoreLimits::check_key`] and [`StoreLimits::check_time`].
    pub fn check_windows(windows: &[(RecordKey, Window)], now: Timestamp) -> Result<()> {
        Self::check_rows(windows.len(), windows.iter(), now)
    }

    /// Checks levels.
    ///
    /// # Errors
    /// As [`StoreLimits::check_windows`], for the rows of their own; what they share may be the same,
    /// and is none of these.
    pub fn check_levels(levels: &[Level], now: Timestamp) -> Result<()> {
        let own = levels.iter().map(|level| &level.fine);
        Self::check_rows(levels.len(), own, now)?;
        let own: BTreeSet<_> = levels.iter().map(|level| &level.fine.0).collect();
        for Level { shared, .. } in levels {
            Self::check_rows(1, std::iter::once(shared), now)?;
            if own.contains(&shared.0) {
                return Err(Error::misuse("a row is shared or somebody's own, not both"));
            }
        }
        Ok(())
    }

    fn check_rows<'a>(
        len: usize,
        windows: impl Iterator<Item = &'a (RecordKey, Window)>,
        now: Timestamp,
    ) -> Result<()> {
        if !(1..=Self::WINDOWS).contains(&len) {
            return Err(Error::misuse("1 to 16 windows are reserved at once"));
        }
        let mut keys = BTreeSet::new();
        for (key, window) in windows {
            Self::check_key(key)?;
            Self::check_time(now.saturating_add(window.span()))?;
            if !keys.insert(key) {
                return Err(Error::misuse(
                    "each window needs a key of its own: put the span into its id",
                ));
            }
        }
        Ok(())
    }

    /// Checks claims that are begun at once.
    ///
    /// # Errors
    /// `Misuse` for more than [`StoreLimits::BATCH`], and as [`StoreLimits::check_key`] and
    /// [`Claim::check`].
    pub fn check_claims(claims: &[(RecordKey, Claim)], now: Timestamp) -> Result<()> {
        at_most(
            claims.len(),
            Self::BATCH,
            "at most 4096 claims are begun at once",
        )?;
        claims.iter().try_for_each(|(key, claim)| {
            Self::check_key(key)?;
            claim.check(now)
        })
    }

    /// Checks every step of a batch over several stores.
    ///
    /// # Errors
    /// `Misuse` names the first limit that is passed.
    pub fn check_steps(steps: &[Step]) -> Result<()> {
        at_most(steps.len(), Self::BATCH, "a batch has at most 4096 steps")?;
        steps.iter().try_for_each(|step| match step {
            Step::Append { log, entries, .. } => Self::check_append(log, entries),
            Step::Begin { key, claim, now } => {
                Self::check_key(key)?;
                claim.check(*now)
            }
            Step::Complete {
                key,
                digest,
                result,
                keep_until,
                now,
            } => {
                Self::check_key(key)?;
                Self::check_data(result)?;
                Claim::whole(*digest, *keep_until).check(*now)
            }
            Step::EraseEntries { log, .. } => Self::check_key(log),
            Step::Finish {
                key,
                result,
                keep_until,
                ..
            } => {
                Self::check_key(key)?;
                Self::check_data(result)?;
                Self::check_time(*keep_until)
            }
            Step::Write(write) => Self::check_batch(std::slice::from_ref(write)),
        })
    }

    /// Checks a word.
    ///
    /// # Errors
    /// `Misuse` beyond [`StoreLimits::WORD`], and for a NUL.
    pub fn check_word(word: &str) -> Result<()> {
        at_most(word.len(), Self::WORD, "a word is at most 128 bytes long")?;
        no_nul(word)
    }

    /// Checks words to look for.
    ///
    /// # Errors
    /// As [`StoreLimits::check_word`].
    pub fn check_words(words: &Words) -> Result<()> {
        match words {
            Words::All => Ok(()),
            Words::Is(word) => Self::check_word(word),
            Words::Range { from, until } => {
                Self::check_word(from)?;
                until.as_deref().map_or(Ok(()), Self::check_word)
            }
        }
    }

    /// Checks what is asked of a list of logs.
    ///
    /// # Errors
    /// As [`StoreLimits::check_scan`].
    pub fn check_logs(collection: &Collection, after: Option<&Place>, limit: usize) -> Result<()> {
        Self::check_collection(collection)?;
        Self::check_limit(limit)?;
        after.map_or(Ok(()), |(owner, id)| {
            Self::check_owner(owner)?;
            Self::check_id(id)
        })
    }

    /// Checks how much of the sealed text an outline is to hold.
    ///
    /// # Errors
    /// `Misuse` beyond [`StoreLimits::FRONT`].
    pub fn check_front(front: usize) -> Result<()> {
        at_most(front, Self::FRONT, "an outline has at most 1024 bytes")
    }

    /// Checks an id.
    ///
    /// # Errors
    /// `Misuse` beyond [`StoreLimits::ID`], and for a NUL, which not every database can hold.
    pub fn check_id(id: &str) -> Result<()> {
        at_most(id.len(), Self::ID, "an id is at most 300 bytes long")?;
        no_nul(id)
    }

    /// Checks the parts of a key.
    ///
    /// # Errors
    /// `Misuse` names the part that is too long or holds a NUL, or a collection that is not
    /// visible ASCII.
    pub fn check_key(key: &RecordKey) -> Result<()> {
        Self::check_collection(&key.collection)?;
        Self::check_owner(&key.owner)?;
        Self::check_id(&key.id)
    }

    /// Checks the number of keys to read at once, and each of them.
    ///
    /// # Errors
    /// `Misuse` names the first limit that is passed.
    pub fn check_many(keys: &[RecordKey]) -> Result<()> {
        at_most(
            keys.len(),
            Self::MANY,
            "at most 4096 records are read at once",
        )?;
        keys.iter().try_for_each(Self::check_key)
    }

    /// Checks an owner.
    ///
    /// # Errors
    /// `Misuse` beyond [`StoreLimits::OWNER`], and for a NUL, which not every database can hold.
    pub fn check_owner(owner: &str) -> Result<()> {
        at_most(
            owner.len(),
            Self::OWNER,
            "an owner is at most 128 bytes long",
        )?;
        no_nul(owner)
    }

    /// Checks the length of a prefix.
    ///
    /// # Errors
    /// `Misuse` beyond [`StoreLimits::PREFIX`].
    pub fn check_prefix(prefix: &str) -> Result<()> {
        at_most(
            prefix.len(),
            Self::PREFIX,
            "a prefix is at most 16 bytes long",
        )
    }

    /// Checks what a scan asks for.
    ///
    /// # Errors
    /// `Misuse` for a limit of 0 or beyond [`StoreLimits::SCAN`], bytes of 0 or beyond
    /// [`StoreLimits::SCAN_BYTES`], and for parts that are too long.
    pub fn check_scan(scan: &Scan) -> Result<()> {
        Self::check_collection(&scan.collection)?;
        Self::check_page(scan.limit, scan.bytes)?;
        scan.prefix.as_deref().map_or(Ok(()), Self::check_prefix)?;
        scan.owner.as_deref().map_or(Ok(()), Self::check_owner)?;
        scan.after.as_ref().map_or(Ok(()), |(owner, id)| {
            Self::check_owner(owner)?;
            Self::check_id(id)
        })
    }

    /// Checks the limits of a page.
    ///
    /// # Errors
    /// As [`StoreLimits::check_scan`].
    pub fn check_page(records: usize, bytes: usize) -> Result<()> {
        Self::check_limit(records)?;
        if (1..=Self::SCAN_BYTES).contains(&bytes) {
            return Ok(());
        }
        Err(Error::misuse("a page has 1 byte to 4 MiB"))
    }

    /// Checks the limit of a page.
    ///
    /// # Errors
    /// `Misuse` for 0 or beyond [`StoreLimits::SCAN`].
    pub fn check_limit(limit: usize) -> Result<()> {
        if (1..=Self::SCAN).contains(&limit) {
            return Ok(());
        }
        Err(Error::misuse("a page has 1 to 4096 entries"))
    }

    /// Checks that a time fits the signed 64-bit integer of every database.
    ///
    /// # Errors
    /// `Misuse` from 2^63 milliseconds on.
    pub fn check_time(time: Timestamp) -> Result<()> {
        if i64::try_from(time.as_millis()).is_ok() {
            return Ok(());
        }
        Err(Error::misuse(
            "a time must lie before 2^63 milliseconds: leave the expiry out for never",
        ))
    }
}

fn at_most(length: usize, most: usize, said: &'static str) -> Result<()> {
    if length <= most {
        return Ok(());
    }
    Err(Error::misuse(said))
}

fn no_nul(text: &str) -> Result<()> {
    if text.as_bytes().contains(&0) {
        return Err(Error::misuse(
            "owners, ids, words and sealed text hold no NUL",
        ));
    }
    Ok(())
}
