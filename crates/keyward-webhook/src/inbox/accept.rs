//! Keeping a delivery.

use keyward_base::{Error, Result};
use keyward_keys::TenantKey;
use keyward_store::{Committed, Content, Refusal, Step, Write};

use super::row::{Facts, Head, Place, parts, piece_bytes};
use super::sealing::Binding;
use super::state::{Fault, Progress, State};
use super::{Inbox, Kind, MAX_TRIES, RowId};
use crate::coverage::Coverage;
use crate::endpoint::Endpoint;
use crate::once::{Asked, Found};
use crate::outcome::Outcome;
use crate::verified::VerifiedWebhook;

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the sender waits for an answer"]
pub struct Accepted {
    outcome: Outcome,
    row: Option<RowId>,
}

impl Accepted {
    /// How it stands, for its sender.
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The row it is kept in, if it is kept anew.
    #[must_use]
    pub const fn row(&self) -> Option<RowId> {
        self.row
    }
}

/// A row that is to be kept, or why it is not.
enum Kept {
    Row(RowId),
    Not(Found),
}

impl Inbox {
    /// Keeps a delivery that nobody claimed before, in the same step as its claim. When this
    /// returns [`Outcome::Stored`] it is durable: the sender can be answered.
    ///
    /// One whose signed id is known with another body is kept as a dead letter, once for each body.
    ///
    /// # Errors
    /// `Misuse` for a delivery of a scheme that the inbox was not given; `Unavailable` if a store
    /// or the keyring cannot be reached, or the inbox is full: it may be kept all the same, and if
    /// it is, the next attempt finds it.
    pub async fn accept<C: Coverage>(
        &self,
        endpoint: &Endpoint,
        hook: &VerifiedWebhook<'_, C>,
    ) -> Result<Accepted> {
        let kind = self.kind(hook.provider())?;
        let asked = Asked::of_inbox(&kind.terms, endpoint, hook)?;
        let found = match self.keep(endpoint, hook, kind, &asked, Fault::None).await? {
            Kept::Not(Found::Repeated) => match asked.again() {
                Some(again) if kind.terms.runs_repeated() => {
                    self.keep(endpoint, hook, kind, &again, Fault::None).await?
                }
                _ => Kept::Not(Found::Repeated),
            },
            Kept::Not(Found::Conflict) => {
                let beside = asked.with_other_body(&kind.terms, endpoint, hook.body_digest())?;
                let kept = self
                    .keep(endpoint, hook, kind, &beside, Fault::Conflict)
                    .await?;
                let row = match kept {
                    Kept::Row(row) => Some(row),
                    Kept::Not(_) => None,
                };
                return Ok(Accepted {
                    outcome: Outcome::DeadLetter,
                    row,
                });
            }
            kept => kept,
        };
        let (outcome, row) = match found {
            Kept::Row(row) => (Outcome::Stored, Some(row)),
            Kept::Not(Found::InFlight { until }) => (Outcome::InFlight { until }, None),
            Kept::Not(Found::Repeated) => (Outcome::Repeated, None),
            Kept::Not(Found::Conflict) => (Outcome::Conflict, None),
            Kept::Not(Found::Done | Found::Lease(..)) => (Outcome::Done, None),
        };
        Ok(Accepted { outcome, row })
    }

    pub(super) fn kind(&self, provider: &str) -> Result<&Kind> {
        self.inner.providers.get(provider).ok_or_else(|| {
            Error::misuse(format!(
                "the inbox was not given the scheme {provider}: tell its builder of it"
            ))
        })
    }

    async fn keep<C: Coverage>(
        &self,
        endpoint: &Endpoint,
        hook: &VerifiedWebhook<'_, C>,
        kind: &Kind,
        asked: &Asked,
        fault: Fault,
    ) -> Result<Kept> {
        let inner = &self.inner;
        let facts = Facts::of(hook, asked.id, asked.repeated);
        let policy = &inner.policy;
        inner
            .usage
            .admit(&endpoint.tenant, facts.body_len, policy)?;
        for _ in 0..MAX_TRIES {
            let now = self.now()?;
            let place = Place {
                endpoint: endpoint.clone(),
                row: RowId::new(&inner.crypto, now)?,
                piece: 0,
            };
            let progress = Progress {
                state: match fault {
                    Fault::None => State::Waiting,
                    _ => State::Dead,
                },
                fault,
                attempts: 0,
                since: now,
                due: now,
                token: [0; 16],
            };
            let barrier = self.barrier().await?;
            let (keyring, tenant) = (&inner.keyring, &endpoint.tenant);
            let key = keyring.sealing_key(&inner.purpose, tenant, barrier.promoted_epoch());
            let key = key.await?;
            let rows = self.sealed(&key, &place, &progress, &facts, hook.body())?;
            drop(key);
            let mut steps = vec![
                Step::Write(barrier.require()),
                Step::Complete {
                    key: asked.key.clone(),
                    digest: asked.digest,
                    result: asked.recorded().to_vec(),
                    keep_until: kind.terms.keep_until(now),
                    now,
                },
            ];
            steps.extend(rows.into_iter().map(Step::Write));
            match inner.store.commit(steps).await? {
                Committed::Done(_) => {
                    inner.usage.add(tenant, facts.body_len);
                    return Ok(Kept::Row(place.row));
                }
                Committed::Refused {
                    because: Refusal::Begin(begun),
                    ..
                } => return Ok(Kept::Not(asked.judge(begun, now)?)),
                // The barrier went up: seal under a newer key.
                Committed::Refused { .. } => *self.held_barrier() = None,
                _ => {
                    return Err(Error::unavailable(
                        "the store answers a batch in a way that only a newer release knows",
                    ));
                }
            }
        }
        Err(contended())
    }

    /// The records of a row.
    fn sealed(
        &self,
        key: &TenantKey,
        place: &Place,
        progress: &Progress,
        facts: &Facts,
        body: &[u8],
    ) -> Result<Vec<Write>> {
        let inner = &self.inner;
        facts.pieces()?;
        let bound = facts.to_bytes()?;
        let digest = inner.crypto.sha256(&[&bound]);
        let mut head = Some(Content {
            data: Head::bytes_of(progress, &bound),
            word: progress.word(),
            ..Content::default()
        });
        let mut writes = Vec::new();
        for (piece, part) in (0_u16..).zip(parts(body)) {
            let place = place.piece(piece);
            let binding = Binding {
                purpose: &inner.purpose,
                place: &place,
                facts: digest,
            };
            let content = head.take().unwrap_or_else(|| Content {
                data: piece_bytes(digest),
                ..Content::default()
            });
            writes.push(Write::Insert {
                key: place.key(),
                content: Content {
                    sealed: binding.seal(key, part)?,
                    ..content
                },
            });
        }
        Ok(writes)
    }
}

/// Every try was lost.
pub(super) fn contended() -> Error {
    Error::unavailable("the webhook inbox is contended: every try lost to another writer")
}
