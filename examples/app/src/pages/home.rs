//! The overview.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Html;
use keyward_axum::Failure;
use keyward_base::ErrorKind;

use super::{html, page};
use crate::auditview::EventRow;
use crate::desk::Desk;
use crate::filter::Filter;
use crate::logs::Log;
use crate::section::Section;
use crate::view::{Home, Tile};

/// How many events are shown.
const LATELY: usize = 5;

pub(super) async fn show(State(desk): State<Arc<Desk>>) -> Result<Html<String>, Failure> {
    let mut tiles = Vec::new();
    for section in Section::ALL {
        let words = section.words();
        tiles.push(Tile {
            path: words.path,
            name: words.title,
            what: words.what,
            call: words.call,
            count: desk.count(section).await?,
        });
    }
    let lately = Filter::all(Log::Organisation);
    let events = match desk.tail(&lately, LATELY, 0).await {
        Ok(tail) => tail.lines,
        // The page of the record says what is wrong with it.
        Err(e) if e.kind() == ErrorKind::Corrupt => Vec::new(),
        Err(e) => return Err(e.into()),
    };
    html(&Home {
        page: page(&desk, "/", None),
        tiles,
        keys: desk.keys_in_short().await?,
        events: events
            .into_iter()
            .map(|line| EventRow::of(line, Log::Organisation))
            .collect(),
    })
}
