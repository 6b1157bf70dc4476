//! Who comes in: two doors, that of the people and that of the service's administrators, and the
//! sessions that they start.

use std::sync::Arc;
use std::time::Duration;

use keyward_base::{Door, Purpose, Result, Subject, Tenant, Trail};
use keyward_embedded::Home;
use keyward_keys::{KeyUse, Life};
use keyward_password::mail::{Courier, LinkKind, Mail, Outbox};
use keyward_password::throttle::{Limits, Throttle};
use keyward_password::{
    Accounts, Admission, CredentialRows, DirectoryRows, LogIn, Passwords, Policy, Realm, Rules,
    Upgrades,
};
use keyward_session::{Kind, Sessions};
use keyward_store::{Attempts, Stores};

use super::Desk;
use super::housekeeping::SWEPT;
use crate::letters::Letters;
use crate::mail::Post;

/// The way in of people.
pub(super) const USERS: Door = Door::new("users");
/// The way in of administrators.
pub(super) const ADMINS: Door = Door::new("admins");

/// In which all credentials of people lie, whatever organisation they are of.
const PEOPLE: &str = "people";
/// That of administrators, who are of no organisation.
const ADMINISTRATORS: &str = "administrators";

/// Letters that wait for the mailer. Beyond it they are dropped, and counted.
const WAITING: usize = 1_000;

/// Which door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    Users,
    Admins,
}

impl Which {
    pub(crate) const fn door(self) -> Door {
        match self {
            Self::Users => USERS,
            Self::Admins => ADMINS,
        }
    }

    pub(crate) const fn login(self) -> &'static str {
        match self {
            Self::Users => "/login",
            Self::Admins => "/admin/login",
        }
    }

    pub(crate) const fn forgot(self) -> &'static str {
        match self {
            Self::Users => "/forgot",
            Self::Admins => "/admin/forgot",
        }
    }

    pub(crate) const fn password(self) -> &'static str {
        match self {
            Self::Users => "/password",
            Self::Admins => "/admin/password",
        }
    }

    pub(crate) const fn email(self) -> &'static str {
        match self {
            Self::Users => "/email",
            Self::Admins => "/admin/email",
        }
    }

    /// Where people look after their account.
    pub(crate) const fn account(self) -> &'static str {
        match self {
            Self::Users => "/account",
            Self::Admins => "/admin/account",
        }
    }

    /// Where who logs in arrives.
    pub(crate) const fn home(self) -> &'static str {
        match self {
            Self::Users => "/overview",
            Self::Admins => "/admin",
        }
    }

    /// The page of a mailed link.
    pub(crate) const fn page_of(self, kind: LinkKind) -> &'static str {
        match kind {
            LinkKind::NewEmail => self.email(),
            LinkKind::SignIn => "/enter",
            _ => self.password(),
        }
    }
}

/// One door.
#[derive(Debug)]
pub(crate) struct Entrance {
    pub(crate) which: Which,
    pub(crate) login: LogIn,
    pub(crate) mail: Mail,
    pub(super) rows: CredentialRows,
    pub(super) directory: DirectoryRows,
    pub(crate) outbox: Outbox,
}

/// Who comes in.
#[derive(Debug)]
pub(crate) struct Doors {
    pub(crate) sessions: Sessions,
    pub(crate) users: Entrance,
    pub(crate) admins: Entrance,
    pub(super) passwords: Passwords,
    pub(super) rules: Rules,
    throttle: Throttle,
}

/// What takes letters to their mailer, beside the service.
#[derive(Debug)]
pub(crate) struct Couriers(Vec<Courier>);

impl Couriers {
    /// Goes on for as long as there is somebody who writes letters.
    pub(crate) async fn run(self) {
        let all: Vec<_> = self
            .0
            .into_iter()
            .map(|courier| tokio::spawn(courier.run()))
            .collect();
        for one in all {
            let _ = one.await;
        }
    }
}

impl Doors {
    /// Opens them on a home. `base` is the start of the addresses that are mailed.
    pub(super) async fn open(
        home: &Home,
        trail: &Trail,
        post: &Arc<Post>,
        attempts: &Arc<dyn Attempts>,
        base: &str,
    ) -> Result<(Self, Couriers)> {
        let ring = home.keyring();
        let clock = ring.clock();
        let days = |days: u64| Duration::from_secs(days.saturating_mul(24 * 60 * 60));
        for (purpose, use_of) in [
            ("password", KeyUse::Seal),
            ("login", KeyUse::Mac(Life::AtMost(days(400)))),
            ("mail", KeyUse::Mac(Life::AtMost(days(1)))),
        ] {
            ring.admin()
                .add_purpose(&Purpose::new(purpose)?, use_of)
                .await?;
        }
        let sessions = Sessions::builder(ring.clone(), home.data().clone())
            .opens(USERS, Kind::User)
            .opens(ADMINS, Kind::Admin)
            .trail(trail.clone())
            .install()
            .await?
            .build()
            .await?;
        // All accounts are made here: no hash takes longer than those of the policy.
        let policy = Policy::default().own_rows();
        let passwords = Passwords::new(policy, Admission::default(), Arc::clone(clock))?;
        let throttle = Throttle::new(Arc::clone(attempts), ring.clone(), Limits::default()).await?;
        let store: Arc<dyn Stores> = home.data().clone();
        let directory = DirectoryRows::builder(store, ring.clone()).build().await?;
        let mut entrances = Vec::new();
        let mut couriers = Vec::new();
        for (which, tenant) in [(Which::Users, PEOPLE), (Which::Admins, ADMINISTRATORS)] {
            let realm = Realm {
                door: which.door(),
                tenant: Tenant::new(tenant)?,
            };
            let rows =
                CredentialRows::builder(home.data().clone(), which.door(), Arc::clone(clock))
                    .pepper(ring.clone())
                    .meter(passwords.meter())
                    .trail(trail.clone())
                    .build()
                    .await?;
            let letters = Letters {
                base: base.to_owned(),
                which,
                post: Arc::clone(post),
                clock: Arc::clone(clock),
                crypto: *ring.provider(),
            };
            let letters = Arc::new(letters);
            let (outbox, courier) = Outbox::new(WAITING, letters, trail.clone(), Arc::clone(clock));
            couriers.push(courier);
            let accounts = Accounts::new(
                realm.clone(),
                rows.clone(),
                directory.clone(),
                passwords.clone(),
                outbox.clone(),
            )?;
            let accounts = accounts.trail(trail.clone());
            let mail = Mail::builder(accounts, Arc::clone(attempts))
                .build()
                .await?;
            let upgrades = Upgrades::new(&passwords, Arc::new(rows.clone())).trail(trail.clone());
            let found = Arc::new(directory.clone());
            let login = LogIn::builder(realm, ring.clone(), found, upgrades, throttle.clone())
                .trail(trail.clone())
                .build()
                .await?;
            entrances.push(Entrance {
                which,
                login,
                mail,
                rows,
                directory: directory.clone(),
                outbox,
            });
        }
        let (Some(admins), Some(users)) = (entrances.pop(), entrances.pop()) else {
            return Err(keyward_base::Error::misuse("there are two doors"));
        };
        let doors = Self {
            sessions,
            users,
            admins,
            passwords,
            rules: Rules::new(),
            throttle,
        };
        Ok((doors, Couriers(couriers)))
    }

    pub(crate) const fn of(&self, which: Which) -> &Entrance {
        match which {
            Which::Users => &self.users,
            Which::Admins => &self.admins,
        }
    }

    /// How many of the rows in which is counted what finds no room found none.
    pub(super) fn lacks(&self) -> usize {
        let all = [&self.users, &self.admins].map(|entrance| entrance.mail.lacks());
        all.iter()
            .fold(self.throttle.lacks(), |all, one| all.saturating_add(*one))
    }

    /// Removes counts of tries that are over, and says how many.
    pub(super) async fn purge_tries(&self) -> Result<u64> {
        self.throttle.purge(SWEPT).await
    }
}

/// The tenant of administrators.
pub(crate) fn administrators() -> Result<Tenant> {
    Tenant::new(ADMINISTRATORS)
}

impl Desk {
    /// A new name for somebody, as the record and the sessions have him: 80 random bits.
    pub(super) fn new_subject(&self) -> Result<Subject> {
        let random = self.crypto().random::<10>()?;
        Subject::new(&format!(
            "u-{}",
            keyward_base::encoding::hex(random.expose())
        ))
    }

    pub(crate) const fn doors(&self) -> &Doors {
        &self.doors
    }
}
