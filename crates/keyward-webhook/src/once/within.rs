//! A claim in the application's own SQLite database, within its own transaction.
//!
//! Only here do effects happen exactly once: claim and effects are rows of one database, committed
//! together or not at all.
//!
//! ```
//! # use http::{HeaderMap, HeaderValue};
//! # use keyward_base::{RecordId, SecretBytes, Tenant, Timestamp};
//! # use keyward_crypto::Provider;
//! # use keyward_webhook::{ClaimsInSqlite, Endpoint, OnceTerms, Webhook, preset, Within};
//! use keyward_sqlite::claims;
//! use keyward_sqlite::rusqlite::{Connection, TransactionBehavior};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let github = Webhook::new(preset::GITHUB, Provider::default())?;
//! # let mut secrets = github.secrets();
//! # secrets.add("2026-11", None, &SecretBytes::copy_of(b"It's a Secret to Everybody"))?;
//! # let mut headers = HeaderMap::new();
//! # headers.insert("x-hub-signature-256", HeaderValue::from_static("sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"));
//! # let received = github.receive(&headers, Timestamp::from_millis(1_795_000_000_000))?;
//! # let hook = received.verify(&secrets, b"Hello, World!")?;
//! # let now = Timestamp::from_millis(1_795_000_000_000);
//! # let endpoint = Endpoint { tenant: Tenant::new("acme")?, id: RecordId::new("deploys")? };
//! # let mut conn = Connection::open_in_memory()?;
//! # conn.execute_batch("CREATE TABLE deploy (body BLOB)")?;
//! let claims = ClaimsInSqlite::new(OnceTerms::of(github.scheme()))?;
//! let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
//! claims::install(&tx)?; // Once, where the application makes its tables.
//! if let Within::First(exactly_once) = claims.claim(&tx, &endpoint, &hook, now)? {
//!     let tx = exactly_once.transaction();
//!     tx.execute("INSERT INTO deploy VALUES (?1)", [hook.body()])?;
//! }
//! tx.commit()?;
//! # Ok(()) }
//! ```

use std::fmt;

use keyward_base::{Error, Result, Timestamp};
use keyward_sqlite::claims;
use keyward_sqlite::rusqlite::Transaction;
use keyward_store::{Claim, FencingToken, Finished};

use super::record::{Asked, COLLECTION, Found, PURGED};
use super::{ClaimId, Named, OnceTerms};
use crate::coverage::Coverage;
use crate::endpoint::Endpoint;
use crate::outcome::Outcome;
use crate::verified::VerifiedWebhook;

/// Deliveries of one scheme, each claimed once in an application's own database.
#[derive(Clone, Debug)]
pub struct ClaimsInSqlite(OnceTerms);

/// What became of a claim within a transaction. There is none in flight that another transaction
/// could see: SQLite lets one write at a time, and what is rolled back was never claimed.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "only the first does the work"]
pub enum Within<'t, 'c> {
    /// Nobody did it yet. It is done when the transaction is committed, and was not claimed when
    /// it is not.
    First(ExactlyOnce<'t, 'c>),
    /// It was done before.
    Done,
    /// As [`Claimed::Repeated`](super::Claimed::Repeated).
    Repeated,
    /// As [`Claimed::Conflict`](super::Claimed::Conflict).
    Conflict,
    /// A lease of [`Claims`](super::Claims) is held in this table.
    InFlight {
        /// When it may be taken over.
        until: Timestamp,
    },
}

/// The transaction that holds the claim. What is written through it happens exactly once; what is
/// done elsewhere, such as a call to another service, happens at least once.
pub struct ExactlyOnce<'t, 'c> {
    tx: &'t Transaction<'c>,
    id: ClaimId,
    token: FencingToken,
    repeated: bool,
    replayable_from: Option<Timestamp>,
}

impl ClaimsInSqlite {
    /// Claims on these terms. The lease does not matter here.
    ///
    /// # Errors
    /// As [`OnceTerms::check`].
    pub fn new(terms: OnceTerms) -> Result<Self> {
        terms.check()?;
        Ok(Self(terms))
    }

    /// Claims a delivery in a database where [`claims::install`] made the table.
    ///
    /// # Errors
    /// `Misuse` for a delivery of another scheme; `Unavailable` if the database is busy or cannot
    /// be written: roll the transaction back; `Corrupt` if a claim is not what was written.
    pub fn claim<'t, 'c, C: Coverage>(
        &self,
        tx: &'t Transaction<'c>,
        endpoint: &Endpoint,
        hook: &VerifiedWebhook<'_, C>,
        now: Timestamp,
    ) -> Result<Within<'t, 'c>> {
        let asked = Asked::of(&self.0, endpoint, hook)?;
        match (self.complete(tx, &asked, now)?, asked.again()) {
            (Within::Repeated, Some(again)) if self.0.runs_repeated() => {
                self.complete(tx, &again, now)
            }
            (found, _) => Ok(found),
        }
    }

    /// Claims one of several events of a delivery, as
    /// [`Claims::claim_named`](super::Claims::claim_named).
    ///
    /// # Errors
    /// As [`ClaimsInSqlite::claim`].
    pub fn claim_named<'t, 'c, C: Coverage>(
        &self,
        tx: &'t Transaction<'c>,
        endpoint: &Endpoint,
        hook: &VerifiedWebhook<'_, C>,
        event: &Named<'_>,
        now: Timestamp,
    ) -> Result<Within<'t, 'c>> {
        self.0.are_of(hook)?;
        self.complete(tx, &Asked::named(&self.0, endpoint, event)?, now)
    }

    /// Forgets a claim, so that the delivery runs when it comes again. Says whether there was one.
    ///
    /// # Errors
    /// `Unavailable` if the database cannot be written.
    pub fn forget(&self, tx: &Transaction<'_>, endpoint: &Endpoint, id: ClaimId) -> Result<bool> {
        claims::forget(tx, &self.0.key(endpoint, id)?)
    }

    /// Removes claims that lapsed, at most 4096, and says how many.
    ///
    /// # Errors
    /// As [`ClaimsInSqlite::forget`].
    pub fn purge(&self, tx: &Transaction<'_>, now: Timestamp) -> Result<u64> {
        claims::purge(tx, &COLLECTION, now, PURGED)
    }

    /// As [`Claims::secret_changed`](super::Claims::secret_changed).
    ///
    /// # Errors
    /// As it, and as [`ClaimsInSqlite::forget`].
    pub fn secret_changed(
        &self,
        tx: &Transaction<'_>,
        endpoint: &Endpoint,
        since: Timestamp,
    ) -> Result<u64> {
        let (collection, since) = self.0.kept_before(endpoint, since)?;
        claims::purge(tx, &collection, since, PURGED)
    }

    fn complete<'t, 'c>(
        &self,
        tx: &'t Transaction<'c>,
        asked: &Asked,
        now: Timestamp,
    ) -> Result<Within<'t, 'c>> {
        let keep_until = self.0.keep_until(now);
        let begun = claims::begin(tx, &asked.key, Claim::whole(asked.digest, keep_until), now)?;
        let (token, now) = match asked.judge(begun, now)? {
            Found::Lease(token, now) => (token, now),
            Found::InFlight { until } => return Ok(Within::InFlight { until }),
            Found::Done => return Ok(Within::Done),
            Found::Repeated => return Ok(Within::Repeated),
            Found::Conflict => return Ok(Within::Conflict),
        };
        let recorded = asked.recorded();
        match claims::finish(tx, &asked.key, token, &recorded, keep_until)? {
            Finished::Recorded => Ok(Within::First(ExactlyOnce {
                tx,
                id: asked.id,
                token,
                repeated: asked.repeated,
                replayable_from: self.0.replayable_from(now),
            })),
            _ => Err(Error::unavailable(
                "the claim was lost within its own transaction: roll it back, and try again",
            )),
        }
    }
}

impl<'t, 'c> ExactlyOnce<'t, 'c> {
    /// The transaction to write the effects through.
    #[must_use]
    pub const fn transaction(&self) -> &'t Transaction<'c> {
        self.tx
    }

    /// Which claim it is.
    #[must_use]
    pub const fn id(&self) -> ClaimId {
        self.id
    }

    /// As [`Lease::token`](super::Lease::token).
    #[must_use]
    pub const fn token(&self) -> FencingToken {
        self.token
    }

    /// As [`Lease::is_repeated`](super::Lease::is_repeated).
    #[must_use]
    pub const fn is_repeated(&self) -> bool {
        self.repeated
    }

    /// As [`Lease::replayable_from`](super::Lease::replayable_from).
    #[must_use]
    pub const fn replayable_from(&self) -> Option<Timestamp> {
        self.replayable_from
    }
}

impl Within<'_, '_> {
    /// How the delivery stands once the transaction is committed.
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::First(_) | Self::Done => Outcome::Done,
            Self::Repeated => Outcome::Repeated,
            Self::Conflict => Outcome::Conflict,
            Self::InFlight { until } => Outcome::InFlight { until: *until },
        }
    }
}

impl fmt::Debug for ExactlyOnce<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExactlyOnce")
            .field("id", &self.id)
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}
