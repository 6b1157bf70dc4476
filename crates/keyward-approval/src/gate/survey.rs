//! All gates of all tenants, as a check of a whole store sees them.

use std::collections::BTreeSet;

use keyward_base::{ErrorKind, Reason, Result, Tenant};
use keyward_store::{Find, Found, Record, Words};

use super::Gates;
use super::held::GATES;
use super::id::GateId;
use super::row::Row;
use super::state::State;
use crate::word::ExecutorName;

/// What was found of some gates, and where the next are.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Survey {
    /// How many are whole.
    pub seen: u64,
    /// How many wait for a decision, time that has passed since not counted.
    pub waits: u64,
    /// Of which nobody knows whether they ran: a person says it.
    pub indeterminate: Vec<(Tenant, GateId)>,
    /// For which somebody broke the glass, and which nobody has reviewed.
    pub unreviewed: Vec<(Tenant, GateId)>,
    /// Who ran some, or is at it.
    pub executors: BTreeSet<ExecutorName>,
    /// The tenants and ids of records that are not what was written, or whose action is not, as they
    /// stand in the store: text of whoever wrote it.
    pub damaged: Vec<(String, String)>,
    /// Where to go on.
    pub next: Option<Found>,
}

impl Gates {
    /// Looks at gates of all tenants, at most `limit` (1 to 1,024), and changes none.
    ///
    /// # Errors
    /// `Unavailable` if the store or the keyring cannot be relied on.
    pub async fn survey(&self, after: Option<Found>, limit: usize) -> Result<Survey> {
        let find = Find::of(GATES, Words::All).limit(limit.clamp(1, 1_024));
        let page = self.0.store.find(find.after(after)).await?;
        let mut survey = Survey {
            next: page.next,
            ..Survey::default()
        };
        for record in page.items {
            let row = match self.whole(&record).await {
                Ok(row) => row,
                // It was purged since it was found.
                Err(e) if e.reason() == Some(Reason::NOT_FOUND) => continue,
                Err(e) if e.kind() == ErrorKind::Corrupt => {
                    survey.damaged.push((record.key.owner, record.key.id));
                    continue;
                }
                Err(e) => return Err(e),
            };
            survey.seen = survey.seen.saturating_add(1);
            if row.state.is_open() {
                survey.waits = survey.waits.saturating_add(1);
            }
            if row.claim.is_some() {
                survey.executors.insert(row.executor.clone());
            }
            if row.state == State::Indeterminate {
                survey.indeterminate.push((row.tenant.clone(), row.id));
            }
            if row.broken && !row.reviewed {
                survey.unreviewed.push((row.tenant, row.id));
            }
        }
        Ok(survey)
    }

    /// The row of a gate whose action is the one that was asked for.
    async fn whole(&self, record: &Record) -> Result<Row> {
        // Where it lies has to be its own place, before its action is looked for.
        let row = self.open_row(record).await?;
        Ok(self.held(&row.tenant, row.id).await?.row)
    }
}
