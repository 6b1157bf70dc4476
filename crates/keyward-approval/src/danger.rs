//! What a hurried person should not find first.

use keyward_base::{Result, Tenant};

use crate::gate::{Ballot, GateId, Gates, Standing};

/// Counts the vote of whoever opened a link and pressed a button: nobody is signed in, and no code is
/// asked for. **Programs that scan mail open links and press the buttons of the page that they find**:
/// with this, they approve. The record says *holder of the link*, as it does of one who typed the code,
/// and nothing tells the two apart.
///
/// It counts for rules with `link-holder` alone. Take it for what may as well run unasked.
///
/// # Errors
/// As [`Gates::vote_as_holder`], but for the code.
pub async fn vote_by_one_click(
    gates: &Gates,
    tenant: &Tenant,
    id: GateId,
    slot: u16,
    ballot: Ballot,
) -> Result<Standing> {
    ballot.check_of_holder()?;
    gates.cast_as_holder(tenant, id, slot, ballot, false).await
}
