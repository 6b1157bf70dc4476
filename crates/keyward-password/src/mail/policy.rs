//! How long links live, and how many are mailed.

use std::ops::RangeInclusive;
use std::time::Duration;

use keyward_base::{Error, Result};
use keyward_store::Window;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// The shortest and the longest life of a link. Shorter, and mail that is held up comes too late;
/// longer, and who reads a mailbox later finds one that works. Frameworks take 15 minutes (Rails) to
/// 60 (Laravel); ASVS 5.0, 6.5.5, has 10 for requests out of band.
const LIVES: RangeInclusive<Duration> = Duration::from_secs(10 * 60)..=HOUR;

/// What a link is for. One is good for that alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LinkKind {
    /// To join an organisation that has invited him.
    Invite,
    /// To prove the mailbox that is to take the place of another.
    NewEmail,
    /// To set a password anew.
    Reset,
    /// To sign in without a password.
    SignIn,
    /// To prove the mailbox of who signs up, before there is an account.
    SignUp,
}

impl LinkKind {
    const ALL: [Self; 5] = [
        Self::Reset,
        Self::SignUp,
        Self::SignIn,
        Self::NewEmail,
        Self::Invite,
    ];

    pub(crate) const fn to_byte(self) -> u8 {
        match self {
            Self::Reset => 1,
            Self::SignUp => 2,
            Self::SignIn => 3,
            Self::NewEmail => 4,
            Self::Invite => 5,
        }
    }

    pub(crate) fn of(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.to_byte() == byte)
    }
}

/// How long links live, and how many are mailed.
///
/// ```
/// use std::time::Duration;
/// use keyward_password::mail::{LinkKind, MailPolicy};
///
/// # fn main() -> keyward_base::Result<()> {
/// let policy = MailPolicy::default().life(LinkKind::Reset, Duration::from_secs(15 * 60))?;
/// assert!(policy.life(LinkKind::Reset, Duration::from_secs(86_400)).is_err());
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailPolicy {
    invite: Duration,
    new_email: Duration,
    reset: Duration,
    sign_in: Duration,
    sign_up: Duration,
    per_address: u32,
    per_prefix: u32,
}

impl Default for MailPolicy {
    /// 30 minutes for a new password; 15 to sign in; 60 where nothing is to be had yet but an account
    /// of one's own. 3 mails an hour for an address, all kinds together, so that nobody's mailbox is
    /// filled by strangers; 20 for who asks from one IPv4 address or IPv6 /64, which may be an office,
    /// and for one organisation that invites, and one account that is to have another address.
    fn default() -> Self {
        Self {
            invite: HOUR,
            new_email: HOUR,
            reset: MINUTE.saturating_mul(30),
            sign_in: MINUTE.saturating_mul(15),
            sign_up: HOUR,
            per_address: 3,
            per_prefix: 20,
        }
    }
}

impl MailPolicy {
    /// How long links of a kind live.
    ///
    /// # Errors
    /// `Misuse` unless it is 10 to 60 minutes.
    pub fn life(mut self, kind: LinkKind, life: Duration) -> Result<Self> {
        if !LIVES.contains(&life) {
            return Err(Error::misuse("a mailed link lives 10 to 60 minutes"));
        }
        *match kind {
            LinkKind::Invite => &mut self.invite,
            LinkKind::NewEmail => &mut self.new_email,
            LinkKind::Reset => &mut self.reset,
            LinkKind::SignIn => &mut self.sign_in,
            LinkKind::SignUp => &mut self.sign_up,
        } = life;
        Ok(self)
    }

    /// How many mails an hour an address gets at most, of all kinds together.
    ///
    /// # Errors
    /// `Misuse` unless it is 1 to 1024.
    pub fn per_address(mut self, mails: u32) -> Result<Self> {
        hourly(mails)?;
        self.per_address = mails;
        Ok(self)
    }

    /// How many an hour are asked for at most from one IPv4 address or IPv6 /64; and by one
    /// organisation that invites, or one account that is to have another address.
    ///
    /// # Errors
    /// `Misuse` unless it is 1 to 1024.
    pub fn per_prefix(mut self, mails: u32) -> Result<Self> {
        hourly(mails)?;
        self.per_prefix = mails;
        Ok(self)
    }

    /// How long links of a kind live.
    #[must_use]
    pub const fn life_of(&self, kind: LinkKind) -> Duration {
        match kind {
            LinkKind::Invite => self.invite,
            LinkKind::NewEmail => self.new_email,
            LinkKind::Reset => self.reset,
            LinkKind::SignIn => self.sign_in,
            LinkKind::SignUp => self.sign_up,
        }
    }

    pub(super) fn longest(&self) -> Duration {
        let lives = LinkKind::ALL.into_iter().map(|kind| self.life_of(kind));
        lives.max().unwrap_or_default()
    }

    pub(super) fn address_window(&self) -> Result<Window> {
        hourly(self.per_address)
    }

    pub(super) fn prefix_window(&self) -> Result<Window> {
        hourly(self.per_prefix)
    }
}

fn hourly(most: u32) -> Result<Window> {
    Window::new(most, HOUR)
}
