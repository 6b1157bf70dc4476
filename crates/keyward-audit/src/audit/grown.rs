//! Which logs may have grown: for whoever follows them.

use std::sync::Arc;

use keyward_base::{Clock, Result};
use keyward_store::{Place, Scan};

use super::settle::of;
use super::{Audit, CHANGED, HEADS, Of};

/// How many logs are named that nothing says grew, at each call.
const IN_TURN: usize = 512;

impl Audit {
    /// The logs that grew since the last round, and some of the others: those whose heads lie behind
    /// `after`. Gives where to go on the next time. Without the root log.
    pub(crate) async fn may_have_grown(
        &self,
        after: Option<Place>,
    ) -> Result<(Vec<Of>, Option<Place>)> {
        let store = &self.0.store;
        let (mut logs, mut marked) = (Vec::new(), None);
        loop {
            let page = store.scan(Scan::of(CHANGED).after(marked)).await?;
            logs.extend(page.items.iter().filter_map(|mark| of(mark).ok()));
            marked = page.next;
            if marked.is_none() {
                break;
            }
        }
        let page = store.scan(Scan::of(HEADS).after(after).limit(IN_TURN));
        let page = page.await?;
        logs.extend(page.items.iter().filter_map(|head| of(head).ok()));
        logs.retain(|of| *of != Of::Root);
        Ok((logs, page.next))
    }

    /// By which it records.
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        self.0.keyring.clock()
    }
}
