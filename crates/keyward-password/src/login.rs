//! The log-in: one call, which is right in every branch.
//!
//! Throttle, admission, the account, its password, and a hash that is made anew, in this order. Whoever
//! is refused, for whatever reason, costs the same: the same hashes of the same parameters, the same
//! seals opened, the same calls of the stores, and reads the same. What is down is down for all, since
//! it is asked for before anybody is looked up; and whether there is a worker is settled before too, at
//! the most that any row may take. `docs/passwords.md` says what that is good for and what not.

mod builder;
mod evidence;
mod floor;
mod turn;

use std::fmt;
use std::sync::Arc;

use keyward_base::audit::{Event, Outcome, Value};
use keyward_base::{
    AddressPrefix, Error, ErrorKind, Evidence as _, Reason, RecordId, Result, SecretBytes, Subject,
    Tenant, Timestamp, Trail,
};
use keyward_keys::Keyring;

pub use builder::LogInBuilder;
pub use evidence::{LoggedIn, Tried};
pub use floor::{Floor, Timer};

use crate::credential::Loaded;
use crate::device::{Devices, Shown};
use crate::directory::{Directory, Entry};
use crate::identifier::Identifier;
use crate::pool::Need;
use crate::reason;
use crate::throttle::{Blocked, Let, Throttle, Through, Who};
use crate::upgrade::Upgrades;
use crate::verified::{Account, Realm};
use turn::Ended;

/// What counts of what somebody typed that is no identifier, in bytes.
const MOST_TYPED: usize = 1_024;

/// The log-in of one realm. Clones are the same.
#[derive(Clone)]
pub struct LogIn(Arc<Inner>);

struct Inner {
    realm: Realm,
    directory: Arc<dyn Directory>,
    upgrades: Upgrades,
    throttle: Throttle,
    devices: Devices,
    floor: Option<Floor>,
    trail: Trail,
    /// The most that a row takes, and a hash of the policy after it.
    need: Need,
    /// Whom the stores are asked for where nobody was found.
    nobody: Account,
    nobodys: Identifier,
    nobodys_text: String,
}

/// What somebody typed, and what came with it. `Debug` shows nothing of it.
#[allow(clippy::exhaustive_structs)] // One that is left out must not compile.
pub struct Attempt<'a> {
    /// Who he says he is, as it was typed.
    pub identifier: &'a str,
    /// The password, as it was typed.
    pub password: SecretBytes,
    /// Where the request came from: the address of the peer. A forwarding header counts only if a proxy
    /// of the service's own wrote it; what the client wrote is as good as he likes.
    pub prefix: AddressPrefix,
    /// The token of the device ([`DeviceToken`](crate::DeviceToken)), if its cookie came.
    pub device: Option<&'a str>,
}

/// What is known of a try before it is judged.
struct Try<'a> {
    identifier: Option<Identifier>,
    attempt: Attempt<'a>,
    shown: Option<Shown>,
    fingerprint: u64,
}

enum Judged {
    Blocked(Blocked),
    In(Box<LoggedIn>),
    Refused,
}

impl LogIn {
    /// The log-in of `realm`, whose accounts are found in `directory` and kept where `upgrades` says.
    /// The ring has a purpose `login` that MACs, and lives 400 days
    /// ([`device::LIFE`](crate::device::LIFE)).
    pub fn builder(
        realm: Realm,
        keyring: Keyring,
        directory: Arc<dyn Directory>,
        upgrades: Upgrades,
        throttle: Throttle,
    ) -> LogInBuilder {
        LogInBuilder::new(realm, keyring, directory, upgrades, throttle)
    }

    /// Where it is.
    #[must_use]
    pub fn realm(&self) -> &Realm {
        &self.0.realm
    }

    /// Judges a try. Dropped before it has ended, the try stays counted.
    ///
    /// # Errors
    /// `Unavailable`, the same for all and nothing counted, if a store or the keyring cannot be relied
    /// on, or too much waits to be hashed ([`BUSY`](crate::reason::BUSY), with a time to try again).
    pub async fn check(&self, attempt: Attempt<'_>) -> Result<Tried> {
        self.0.check(attempt).await
    }
}

impl Inner {
    async fn check(&self, attempt: Attempt<'_>) -> Result<Tried> {
        // What is no identifier is nobody's; it takes the same way.
        let identifier = Identifier::email(attempt.identifier).ok();
        let shown = match (attempt.device, &identifier) {
            (Some(text), Some(of)) => self.devices.shown(text, &self.realm, of).await?,
            _ => None,
        };
        let mut this = Try {
            identifier,
            attempt,
            shown,
            fingerprint: 0,
        };
        this.fingerprint = self.throttle.fingerprint(&self.who(&this, false))?;
        let who = self.who(&this, true);
        let mut through = match self.throttle.reserve(&who).await? {
            Let::Through(through) => vec![through],
            Let::Blocked(blocked) => return Ok(self.block(&this, blocked).await),
        };
        let fingerprint = this.fingerprint;
        match self.judge(this, &mut through).await {
            Ok(Judged::Refused) => Ok(Tried::Refused),
            Ok(Judged::In(logged_in)) => {
                self.give_back(through).await;
                Ok(Tried::In(logged_in))
            }
            Ok(Judged::Blocked(blocked)) => {
                self.give_back(through).await;
                self.tell_blocked(fingerprint, blocked).await;
                Ok(Tried::Blocked(blocked))
            }
            Err(e) => {
                self.give_back(through).await;
                Err(e)
            }
        }
    }

    async fn judge(&self, this: Try<'_>, through: &mut Vec<Through>) -> Result<Judged> {
        // What is down is down for all.
        self.upgrades.credentials().ready(&self.realm).await?;
        let pool = self.upgrades.passwords().pool();
        let permit = pool.enter(&self.realm.tenant, self.need).await?;
        let floor = self.floor.as_ref().map(|f| f.timer.after(f.span));
        let found = self.find(&this).await?;
        let account = match &found {
            Ok(entry) => self.realm.account(entry.subject().clone()),
            Err(_) => self.nobody.clone(),
        };
        let loaded = self.load(&account, found.as_ref().map(|_| ())).await?;
        let is_known = this.shown.as_ref().is_some_and(|shown| {
            let revision = |loaded: &Loaded| loaded.credential.revision();
            let of = loaded.as_ref().map(revision);
            of.is_ok_and(|revision| shown.is_of(&account, revision))
        });
        if this.shown.is_some() && !is_known {
            // Of an older revision: it counts as any stranger's.
            match self.throttle.reserve(&self.who(&this, false)).await? {
                Let::Through(more) => through.push(more),
                Let::Blocked(blocked) => return Ok(Judged::Blocked(blocked)),
            }
        }
        let row = loaded.as_ref().map_err(|why| *why);
        let turn = self.turn(&account, row, this.attempt.password)?;
        let ended = permit.run(move |arena| turn.run(arena)).await?;
        let (verified, remade, entry, loaded) = match (ended, found, loaded) {
            (Ended::Match(verified, remade), Ok(entry), Ok(loaded)) => {
                (verified, remade, entry, loaded)
            }
            (ended, ..) => {
                let why = match ended {
                    Ended::Refused(why) => why,
                    // Not to be had: without a row there is no match.
                    Ended::Match(..) => reason::NO_ACCOUNT,
                };
                self.tell_refused(this.fingerprint, why).await;
                if let Some(floor) = floor {
                    floor.await;
                }
                return Ok(Judged::Refused);
            }
        };
        let upgrade = self.upgrades.finish(&account, &loaded, remade).await;
        let Some(identifier) = &this.identifier else {
            return Ok(Judged::Refused);
        };
        // The next log-in tries again.
        let _ = self.directory.renew(&self.realm, identifier, &entry).await;
        let id = this.shown.filter(|_| is_known).map(|shown| shown.id);
        let revision = loaded.credential.revision();
        let device = self.devices.issue(&account, identifier, revision, id)?;
        let logged_in = LoggedIn {
            organisation: entry.organisation().clone(),
            at: entry.read_at().min(verified.at()),
            is_factor_due: verified.is_factor_due(),
            is_new_device: !is_known,
            account,
            revision,
            device,
            upgrade,
        };
        self.tell_in(this.fingerprint, &logged_in).await;
        Ok(Judged::In(Box::new(logged_in)))
    }

    /// Who it is, or why nobody.
    async fn find(&self, this: &Try<'_>) -> Result<Result<Entry, Reason>> {
        let of = this.identifier.as_ref();
        let found = self
            .directory
            .find(&self.realm, of.unwrap_or(&self.nobodys));
        Ok(match found.await {
            Ok(Some(entry)) if of.is_some() => Ok(entry),
            Ok(_) => Err(of.map_or(Reason::MALFORMED, |_| reason::NO_ACCOUNT)),
            Err(e) => Err(of_the_row(e)?),
        })
    }

    /// The account's row, or why there is none. Asked for whether or not somebody was found.
    async fn load(
        &self,
        account: &Account,
        found: Result<(), &Reason>,
    ) -> Result<Result<Loaded, Reason>> {
        let loaded = match self.upgrades.credentials().load(account).await {
            Ok(loaded) => loaded.ok_or(reason::NO_PASSWORD),
            Err(e) => Err(of_the_row(e)?),
        };
        Ok(match found {
            Ok(()) => loaded,
            Err(why) => Err(*why),
        })
    }

    fn who<'a>(&'a self, this: &'a Try<'_>, by_device: bool) -> Who<'a> {
        let typed = this.attempt.identifier.as_bytes();
        let typed = typed.get(..MOST_TYPED).unwrap_or(typed);
        let device = this.shown.as_ref().filter(|_| by_device);
        Who {
            realm: &self.realm,
            identifier: match &this.identifier {
                Some(identifier) => identifier.as_str().as_bytes(),
                None => typed,
            },
            prefix: this.attempt.prefix,
            device: device.map(|shown| &shown.id),
        }
    }

    async fn give_back(&self, all: Vec<Through>) {
        for through in all {
            self.throttle.give_back(through).await;
        }
    }

    async fn block(&self, this: &Try<'_>, blocked: Blocked) -> Tried {
        self.tell_blocked(this.fingerprint, blocked).await;
        Tried::Blocked(blocked)
    }

    async fn tell_blocked(&self, fingerprint: u64, blocked: Blocked) {
        let why = if blocked.needs_link {
            reason::NEEDS_LINK
        } else {
            reason::THROTTLED
        };
        let outcome = Outcome::Failed(ErrorKind::Rejected, Some(why));
        let tenant = &self.realm.tenant;
        if let Some(event) = self.event("login.blocked", outcome, tenant, fingerprint) {
            self.trail.note(event).await;
        }
    }

    async fn tell_refused(&self, fingerprint: u64, why: Reason) {
        let outcome = Outcome::Failed(ErrorKind::Rejected, Some(why));
        let tenant = &self.realm.tenant;
        if let Some(event) = self.event("login.refused", outcome, tenant, fingerprint) {
            self.trail.note(event).await;
        }
    }

    async fn tell_in(&self, fingerprint: u64, of: &LoggedIn) {
        let Some(mut event) = self.event("login.ok", Outcome::Done, &of.organisation, fingerprint)
        else {
            return;
        };
        event.record = record_of(&of.account.subject);
        event.detail = event
            .detail
            .with("new-device", Value::Flag(of.is_new_device));
        self.trail.note(event).await;
    }

    fn event(
        &self,
        action: &'static str,
        outcome: Outcome,
        tenant: &Tenant,
        fingerprint: u64,
    ) -> Option<Event> {
        let now: Timestamp = self.upgrades.passwords().clock().now().ok()?;
        let mut event = Event::new(now, action, outcome);
        event.tenant = Some(tenant.clone());
        event.detail = event.detail.with("fingerprint", Value::Number(fingerprint));
        Some(event)
    }
}

/// What is one row's matter alone is told as a refusal, with this reason to the operator.
///
/// # Errors
/// What is everybody's.
fn of_the_row(e: Error) -> Result<Reason> {
    if is_of_the_row(&e) {
        return Ok(e.reason().unwrap_or(Reason::DAMAGED));
    }
    Err(e)
}

/// Whether it is one row's matter alone, of which who asks for it is told nothing.
pub(crate) fn is_of_the_row(e: &Error) -> bool {
    e.kind() == ErrorKind::Corrupt || e.reason() == Some(reason::NEWER)
}

fn record_of(subject: &Subject) -> Option<RecordId> {
    RecordId::new(subject.as_str()).ok()
}

impl fmt::Debug for Attempt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attempt(..)")
    }
}

impl fmt::Debug for LogIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogIn")
            .field("realm", &self.0.realm)
            .field("throttle", &self.0.throttle)
            .finish_non_exhaustive()
    }
}
