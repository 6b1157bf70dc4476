//! What cron asks for.

use axum::Json;
use axum::extract::State;
use keyward_axum::internal::Internal;
use keyward_axum::proof::Proved;

use super::asker::Answer;
use crate::app::App;
use crate::desk::Kept;

/// Has the house kept at once, and says what was done.
pub(super) async fn run(
    State(app): State<App>,
    Proved(by): Proved<Internal>,
) -> Answer<Json<Kept>> {
    Ok(Json(app.tidy_for(&by).await?))
}
