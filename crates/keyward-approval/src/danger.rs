//! What a hurried person should not find first.

use keyward_base::{Result, Tenant};

pub use crate::claims::memory::MemoryClaims;
use crate::gate::{Ballot, Channel, Gates, Standing};
use crate::link::Presented;

/// Whoever runs the command line, as he acts on gates. He may stop whatever has not begun to run. His yes
/// counts where a rule names him, by the system's name of him, or where an approver lent him his vote;
/// under a rule that wants passkeys it counts never. The record says *operator* of each
/// ([`Channel::Operator`]).
///
/// Two names of one person are two people here: a rule with a quorum that names `ada` and the system
/// user of ada's is met by her alone, and an ask of hers is not his own ask.
pub use keyward_base::danger::Operator;

/// Counts the vote of whoever opened a link and pressed a button: nobody is signed in, and no code is
/// asked for. **Programs that scan mail open links and press the buttons of the page that they find**:
/// with this, they approve. The record says *holder of the link*, as it does of one who typed the code,
/// and that it was by a click ([`Channel::Click`]).
///
/// It counts for rules with `link-holder` alone. Take it for what may as well run unasked.
///
/// # Errors
/// As [`Gates::vote_as_holder`], but for the code.
pub async fn vote_by_one_click(
    gates: &Gates,
    tenant: &Tenant,
    link: &Presented,
    ballot: Ballot,
) -> Result<Standing> {
    ballot.check_of_holder()?;
    let way = Channel::Click;
    gates.cast_as_holder(tenant, link, ballot, way, false).await
}
