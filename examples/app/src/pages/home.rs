//! The overview.

use axum::response::Html;
use keyward_axum::Failure;
use keyward_axum::proof::Proved;
use keyward_base::ErrorKind;

use super::{html, page};
use crate::auditview::EventRow;
use crate::desk::Office;
use crate::filter::Filter;
use crate::logs::Log;
use crate::section::Section;
use crate::view::{Home, Page, Tile, Welcome};

/// How many events are shown.
const LATELY: usize = 5;

pub(super) async fn show(Proved(office): Proved<Office>) -> Result<Html<String>, Failure> {
    let mut tiles = Vec::new();
    for section in Section::ALL {
        let words = section.words();
        tiles.push(Tile {
            path: words.path,
            name: words.title,
            what: words.what,
            call: words.call,
            count: office.count(section).await?,
        });
    }
    let lately = Filter::default();
    let events = match office.book().tail(&lately, LATELY, 0).await {
        Ok(tail) => tail.lines,
        // The page of the record says what is wrong with it.
        Err(e) if e.kind() == ErrorKind::Corrupt => Vec::new(),
        Err(e) => return Err(e.into()),
    };
    html(&Home {
        page: page(&office, "/overview", None),
        tiles,
        events: events
            .into_iter()
            .map(|line| EventRow::of(line, Log::Organisation))
            .collect(),
    })
}

/// What anybody sees: nothing of any organisation.
pub(super) async fn public() -> Result<Html<String>, Failure> {
    html(&Welcome {
        page: Page::public("/"),
    })
}
