//! What may run: a value that only the gate makes.

use keyward_base::{Error, Result, Tenant};

use super::held::Draft;
use super::id::GateId;
use super::state::State;
use super::{Gates, MAX_TRIES, contended};
use crate::action::Action;
use crate::reason;

/// What was approved and not claimed yet, when it was asked: the executor takes nothing else, and asks
/// all of it again. It cannot be made or copied, and holds nothing that runs: what runs is read anew.
#[derive(Debug)]
#[must_use = "nothing runs before an executor takes it"]
pub struct ApprovedAction {
    pub(crate) id: GateId,
    pub(crate) action: Action,
}

impl ApprovedAction {
    /// The gate.
    #[must_use]
    pub const fn gate(&self) -> GateId {
        self.id
    }

    /// What is to run, to be shown.
    #[must_use]
    pub const fn action(&self) -> &Action {
        &self.action
    }
}

impl Gates {
    /// What may run, of a gate that is approved and whose run-by has not come.
    ///
    /// # Errors
    /// `Rejected` ([`reason::NOT_APPROVED`]) for any other; `Corrupt` if the record is not what was
    /// written, or an older one was put back; else as [`Gates::vote`].
    pub async fn approved(&self, tenant: &Tenant, id: GateId) -> Result<ApprovedAction> {
        for _ in 0..MAX_TRIES {
            let held = self.held(tenant, id).await?;
            let mut draft = Draft::of(&held, self.now()?);
            draft.settle()?;
            if draft.row.state != State::Approved {
                // As well as can be: whoever acts on it next settles it again.
                let _settled = self.write(&held, &draft, &[]).await;
                return Err(Error::rejected(reason::NOT_APPROVED));
            }
            if self.check_newest(&held).await? {
                return Ok(ApprovedAction {
                    id,
                    action: held.action,
                });
            }
        }
        Err(contended())
    }
}
