//! What a person may choose as a password.
//!
//! ```
//! use std::sync::Arc;
//!
//! use keyward_base::{SecretBytes, SystemClock, Tenant};
//! use keyward_password::people::{Judged, Rules, Unfit, Words};
//! use keyward_password::{Admission, Password, Passwords, Policy};
//!
//! # fn main() -> keyward_base::Result<()> {
//! let clock = Arc::new(SystemClock::new());
//! let passwords = Passwords::new(Policy::default(), Admission::default(), clock)?;
//! let acme = Tenant::new("acme")?;
//! let words = Words::new().service("Deploydesk").email("ann.lee@example.org").name("Ann Lee");
//! let judge = async |text: &[u8]| {
//!     let password = Password::new(SecretBytes::copy_of(text))?;
//!     passwords.judge(&acme, password, &Rules::default(), &words).await
//! };
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! assert!(matches!(judge(b"deploydesk-ann-lee").await?, Judged::Unfit(Unfit::ContextWords)));
//! let Judged::Fit(password) = judge(b"four words of my own").await? else { panic!() };
//! let stored = passwords.hash(&acme, password).await?;
//! assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
//! # Ok(()) }) }
//! ```

#[cfg(feature = "strength")]
mod strength;
mod words;

use std::fmt;
use std::sync::Arc;

use keyward_base::{ErrorKind, Result, Tenant};

use crate::breach::{BreachCheck, BreachFile, Fingerprint};
use crate::password::Password;
use crate::passwords::Passwords;
use crate::pool::Need;
pub use words::Words;

/// The longest new password, in bytes: more than anybody types, and no denial of service. NIST SP
/// 800-63B-4 asks for 64 characters at least.
pub const MAX_LEN: usize = 1024;

/// Memory that judging takes of the budget, in bytes: zxcvbn's word lists are made once, and a
/// password is split in some hundred thousand bytes.
const JUDGING: u64 = 1024 * 1024;

/// The rules for new passwords.
///
/// There are none for kinds of characters, and no password grows old: NIST SP 800-63B-4, section
/// 3.1.1.2, forbids both.
#[derive(Clone, Default)]
pub struct Rules {
    has_second_factor: bool,
    file: Option<Arc<BreachFile>>,
    check: Option<Arc<dyn BreachCheck>>,
    takes_unchecked: bool,
    #[cfg(feature = "strength")]
    guesses_log10: Option<u8>,
}

impl Rules {
    /// 15 characters, where the password is all that is asked (NIST SP 800-63B-4, section 3.1.1.2).
    /// A character is a code point, in bytes that are no UTF-8 a byte.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// 8 characters, where a second factor is asked for as well (the same section).
    #[must_use]
    pub const fn with_second_factor(mut self) -> Self {
        self.has_second_factor = true;
        self
    }

    /// Looks it up in a file of breached passwords, on a thread of the pool.
    #[must_use]
    pub fn breach_file(mut self, file: Arc<BreachFile>) -> Self {
        self.file = Some(file);
        self
    }

    /// Asks somebody whether it was breached, last of all.
    #[must_use]
    pub fn breach_check(mut self, check: Arc<dyn BreachCheck>) -> Self {
        self.check = Some(check);
        self
    }

    /// Takes a password that could not be looked up because the other side is not there; that it was
    /// not is told by [`NewPassword::was_looked_up`]. Without this, nobody can choose a password then.
    #[must_use]
    pub const fn take_unchecked(mut self) -> Self {
        self.takes_unchecked = true;
        self
    }

    /// Refuses what zxcvbn would guess in fewer than 10^`log10` tries: its authors call 8 somewhat and
    /// 10 very hard to guess. It looks at the first 64 characters.
    #[cfg(feature = "strength")]
    #[must_use]
    pub const fn guesses(mut self, log10: u8) -> Self {
        self.guesses_log10 = Some(log10);
        self
    }

    /// Characters that a password has at least.
    #[must_use]
    pub const fn least(&self) -> usize {
        if self.has_second_factor { 8 } else { 15 }
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("least", &self.least())
            .field("file", &self.file.is_some())
            .field("check", &self.check.is_some())
            .finish_non_exhaustive()
    }
}

/// What is wrong with a password: it may be told to whoever chose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unfit {
    /// It is among those that were breached.
    Breached,
    /// It is little more than what is known of the service or the person: without that fewer than 8
    /// characters are left.
    ContextWords,
    /// It would soon be guessed.
    Guessable,
    /// It is longer than [`MAX_LEN`] bytes.
    TooLong,
    /// It has fewer characters than this.
    TooShort(usize),
}

/// What came of judging.
#[derive(Debug)]
#[must_use]
#[allow(clippy::exhaustive_enums)] // It is taken or it is not.
pub enum Judged {
    /// It may be hashed.
    Fit(NewPassword),
    /// Another one is to be chosen.
    Unfit(Unfit),
}

/// A password that the rules allow. Made by [`Passwords::judge`]; [`Passwords::hash`] takes it.
#[derive(Debug)]
#[must_use]
pub struct NewPassword {
    password: Password,
    was_looked_up: bool,
}

impl NewPassword {
    pub(crate) const fn of(password: Password, was_looked_up: bool) -> Self {
        Self {
            password,
            was_looked_up,
        }
    }

    pub(crate) fn into_password(self) -> Password {
        self.password
    }

    /// Whether all lists of breached passwords that the rules name were asked, and there was one.
    #[must_use]
    pub const fn was_looked_up(&self) -> bool {
        self.was_looked_up
    }
}

impl Passwords {
    /// Judges a password that somebody wants to have, by `rules` and by what is known of him.
    ///
    /// # Errors
    /// - `Unavailable` if a list of breached passwords could not be asked (but see
    ///   [`Rules::take_unchecked`]), and as [`Pool::run`](crate::pool::Pool::run).
    /// - `Corrupt` if the file of breached passwords is not whole.
    pub async fn judge(
        &self,
        tenant: &Tenant,
        password: Password,
        rules: &Rules,
        words: &Words,
    ) -> Result<Judged> {
        if let Some(unfit) = at_once(&password, rules, words) {
            return Ok(Judged::Unfit(unfit));
        }
        let fingerprint = Fingerprint::of(&password);
        let password = match self.in_the_pool(tenant, password, rules, words).await? {
            Judged::Fit(password) => password.into_password(),
            unfit @ Judged::Unfit(_) => return Ok(unfit),
        };
        let mut was_looked_up = rules.file.is_some();
        if let Some(check) = &rules.check {
            match check.is_breached(&fingerprint).await {
                Ok(true) => return Ok(Judged::Unfit(Unfit::Breached)),
                Ok(false) => was_looked_up = true,
                Err(e) if rules.takes_unchecked && e.kind() == ErrorKind::Unavailable => {
                    was_looked_up = false;
                }
                Err(e) => return Err(e),
            }
        }
        Ok(Judged::Fit(NewPassword::of(password, was_looked_up)))
    }

    /// What takes milliseconds, or reads a file.
    async fn in_the_pool(
        &self,
        tenant: &Tenant,
        password: Password,
        rules: &Rules,
        words: &Words,
    ) -> Result<Judged> {
        #[cfg(feature = "strength")]
        let guessing = rules.guesses_log10.map(|log10| (log10, words.clone()));
        #[cfg(not(feature = "strength"))]
        let guessing = {
            let _ = words;
            None::<()>
        };
        let file = rules.file.clone();
        if guessing.is_none() && file.is_none() {
            return Ok(Judged::Fit(NewPassword::of(password, false)));
        }
        let work = move || {
            #[cfg(feature = "strength")]
            if let Some((log10, words)) = guessing
                && strength::is_guessed(&password, &words, log10)
            {
                return Ok(Judged::Unfit(Unfit::Guessable));
            }
            if let Some(file) = file
                && file.contains(&Fingerprint::of(&password))?
            {
                return Ok(Judged::Unfit(Unfit::Breached));
            }
            Ok(Judged::Fit(NewPassword::of(password, true)))
        };
        let need = Need::elsewhere(JUDGING);
        self.pool().run(tenant, need, move |_| work()).await
    }
}

/// What is seen without work.
fn at_once(password: &Password, rules: &Rules, words: &Words) -> Option<Unfit> {
    let bytes = password.bytes();
    if bytes.len() > MAX_LEN {
        return Some(Unfit::TooLong);
    }
    let text = std::str::from_utf8(bytes);
    let len = text.map_or(bytes.len(), |text| text.chars().count());
    if len < rules.least() {
        return Some(Unfit::TooShort(rules.least()));
    }
    let is_known = text.is_ok_and(|text| words.are_all_of(text));
    is_known.then_some(Unfit::ContextWords)
}
