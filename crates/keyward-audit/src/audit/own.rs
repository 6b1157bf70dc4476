//! Recording an application's own events.

use keyward_base::Result;

use super::Audit;
use crate::kinds::OwnEvent;
use crate::leaf::Class;

impl Audit {
    /// Records an application's own event in the log of its tenant, or in the service's: what comes
    /// after it relies on that, so that an act is not done that is not on record. It is there,
    /// durably, when this returns. Of what failed as `Rejected`, 600 a minute are recorded one by
    /// one, together with the library's own; what comes beyond is counted.
    ///
    /// # Errors
    /// As [`Audit::append`]; nothing is written then but what others wait for.
    pub async fn require_own(&self, own: OwnEvent) -> Result<()> {
        let event = own.event();
        if self.left_out_as(event, own.action()).await? {
            return Ok(());
        }
        let of = self.log_of(event).await?;
        let entry = own.entry(self.0.keyring.clock().now()?);
        let class = self.class_of(&own);
        self.append_entry(&of, entry, class).await.map(|_| ())
    }

    /// By which rule it goes: approvals by one of their own. An application has no kind of theirs.
    pub(super) fn class_of(&self, own: &OwnEvent) -> Class {
        let of = match own.is_approval() {
            true => &self.0.approvals,
            false => &self.0.class,
        };
        of.clone()
    }

    /// [`Audit::require_own`], as well as can be: says whether it is on record.
    pub async fn note_own(&self, own: OwnEvent) -> bool {
        self.require_own(own).await.is_ok()
    }
}
