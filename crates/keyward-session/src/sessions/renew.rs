//! What was used goes on.

use keyward_base::key_tag::key_tag;
use keyward_base::{Result, Timestamp};
use keyward_store::{Applied, Write};

use super::Sessions;
use super::check::State;
use crate::live::AnyLive;
use crate::policy::RENEWALS_PER_WINDOW;
use crate::row::{Row, place};

impl Sessions {
    /// Moves the idle deadline of a session that lives, once a fourteenth of its window went by. It
    /// is a swap against what was read: what ended meanwhile stays ended, and whoever was faster has
    /// renewed it. A session that cannot be renewed now is by the next check.
    pub(super) async fn renew(&self, state: State, now: Timestamp) -> AnyLive {
        let Some(row) = renewed(&state.row, now) else {
            return AnyLive { row: state.row };
        };
        let swapped = Box::pin(self.swap_row(&state, &row, Vec::new())).await;
        let row = if matches!(swapped, Ok(true)) {
            row
        } else {
            state.row
        };
        AnyLive { row }
    }

    /// Swaps a row for what was made of it, and does `more` with it, if nothing that was read has
    /// changed. No: something has.
    pub(super) async fn swap_row(
        &self,
        state: &State,
        row: &Row,
        more: Vec<Write>,
    ) -> Result<bool> {
        let fence = self.0.ground.fence().await?;
        let word = self.word(&row.tenant, &row.subject)?;
        let mut batch = fence.batch;
        batch.extend(state.requires());
        batch.extend(more);
        batch.push(Write::Swap {
            key: place(row.id),
            version: state.version,
            content: row.seal(&fence.key, key_tag(row.token_key), word),
        });
        let is_done = matches!(self.0.ground.store.apply(batch).await?, Applied::Done(_));
        if !is_done {
            self.0.ground.forget_fence();
        }
        Ok(is_done)
    }
}

/// The row after a renewal; none if it is too early for one.
fn renewed(row: &Row, now: Timestamp) -> Option<Box<Row>> {
    let window = row.window?;
    let step = window.checked_div(RENEWALS_PER_WINDOW)?;
    if now.saturating_since(row.renewed) < step || now <= row.renewed {
        return None;
    }
    Some(Box::new(Row {
        renewed: now,
        idle: now.saturating_add(window).min(row.absolute),
        ..row.clone()
    }))
}
