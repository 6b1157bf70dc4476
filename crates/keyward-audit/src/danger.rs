//! What makes anchors forget, what makes the loss of a log no fault, and what erases by a clock that nobody can vouch for.

use keyward_base::Result;
use keyward_crypto::Provider;
use keyward_keys::Anchor;
use keyward_store::Records;

use crate::audit::Lost;
use crate::{Audit, LogId};

/// Has an anchor that has no pin of the logs in `store` refuse them until [`accept_restore`]: for
/// whoever takes a restored keyring, which needs no acceptance of the logs to open, and may be cut
/// short before that. Without it, an anchor that was lost takes the first root log that it sees, and
/// what was signed after the backup is signed beside, under the same names. Does nothing where the
/// anchor has a pin of them, or the store has no log.
///
/// # Errors
/// `Unavailable` if the store, the anchor or the random generator cannot be relied on; as
/// [`Anchor::load`].
pub async fn doubt(store: &dyn Records, anchor: &dyn Anchor, provider: &Provider) -> Result<()> {
    crate::audit::doubt(store, anchor, provider).await
}

/// Begins a new root log, and with it a new era, though what is there does not go on from what the
/// anchors have: after a backup was restored and the newer logs are lost for good, or where the root
/// log is damaged.
///
/// Whatever was recorded since that backup is then missed by nobody. No log goes on under its name:
/// each ends as it is, and one with a new id goes on from it, when it is next appended to, signed, or
/// asked for its key ([`Audit::key`]). So nothing is signed twice. Whoever pinned a key pins a new one.
/// Entries of a log that ended are signed up to where it was noted before
/// ([`Audit::provable`]).
///
/// Where every anchor has a pin and the root log goes on from it, nothing that was signed is lost, and
/// all goes on as it is.
///
/// Cut short anywhere, nothing is vouched for until it is done again; once it returns, it holds.
///
/// # Errors
/// `Corrupt` if the record of the root log's head cannot be given by the store; `Unavailable` if the
/// store, the keyring or an anchor cannot be relied on, or another process moves a pin meanwhile.
pub async fn accept_restore(audit: &Audit) -> Result<()> {
    if !audit.is_as_anchored().await? {
        audit.begin_era().await?;
    }
    // So that none of those that are here is dropped unseen from now on. The rounds to come do the
    // same, if this does not come to its end.
    audit.note_all().await
}

/// Takes the clock of this process for right, however far it is ahead of what retention went by last:
/// what is due by it goes at the next [`Audit::retain`]. A clock that is wrong erases what is not due.
/// The service's log says who did.
///
/// # Errors
/// As [`Audit::keep`].
pub async fn believe_clock(audit: &Audit) -> Result<()> {
    audit.believe_clock().await
}

/// Accepts that these logs are lost, by their ids: those that the root log has and that are not here
/// ([`Rooted::dropped`](crate::audit::Rooted::dropped)). They are no fault any more, and keep
/// retention from nothing; [`Rooted::lost`](crate::audit::Rooted::lost) has them from then on. Nothing
/// else changes: one that comes back is checked against what the root log has of it, as before.
///
/// One of them may be the service's, with what was set of all logs. That is gone then, and the next
/// [`Audit::retain`] erases what is older than 90 days: set anew what is to be kept ([`Audit::keep`],
/// [`Audit::hold`]) before this.
///
/// The root log and the service's log both say which, who did ([`Audit::acting_as`]) and when, in one
/// batch; then every anchor has it. Cut short, nothing is accepted or all is, and it can be called
/// again: of what is accepted already it gives what was recorded then.
///
/// # Errors
/// `Misuse` for none or more than 256 ids, one that the root log does not have, and one of a log that
/// is here: nothing is accepted then; `Corrupt` if heads cannot be read, one of which it may be, or the
/// root log does not go on from what an anchor has, or the service's log is not what was written;
/// `Unavailable` if the store, the keyring or an anchor cannot be relied on.
pub async fn accept_loss(audit: &Audit, logs: &[LogId]) -> Result<Vec<Lost>> {
    audit.accept_loss(logs).await
}
