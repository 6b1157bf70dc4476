//! The audit trail.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Html;
use keyward_axum::Failure;

use super::{html, page};
use crate::desk::Desk;
use crate::filter::Filter;
use crate::view::Audit;

/// How many events one page shows.
const LIMIT: usize = 50;

/// How many parts of the trail one request looks through for what is asked for.
const PARTS: usize = 40;

pub(super) async fn show(
    State(desk): State<Arc<Desk>>,
    Query(filter): Query<Filter>,
) -> Result<Html<String>, Failure> {
    let mut events = Vec::new();
    let mut older = filter.before();
    for _ in 0..PARTS {
        let wanted = LIMIT.saturating_sub(events.len());
        let tail = desk.journal().tail(older, wanted)?;
        let met = tail.lines.into_iter().filter(|line| filter.meets(line));
        events.extend(met.map(Into::into));
        older = tail.older;
        if older.is_none() || events.len() >= LIMIT {
            break;
        }
    }
    html(&Audit {
        page: page(&desk, "/audit", None),
        events,
        older: older.map(|before| filter.older(before)),
        filter,
    })
}
