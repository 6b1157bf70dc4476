//! A view as HTML: by a template, whose values cannot become a part of it.

use askama::Template;

use super::{NOT_CHECKED, Row, SECRET, Shown, Visible, Voice, Where};

#[derive(Template)]
#[template(path = "view.html")]
struct Page {
    rows: Vec<Cell>,
}

struct Cell {
    depth: usize,
    label: Vec<String>,
    note: &'static str,
    lines: Vec<String>,
    is_right_to_left: bool,
    /// Of what is folded: how long it is, and its digest.
    folded: Option<(usize, String)>,
}

pub(super) fn of(rows: &[Row], place: Where) -> String {
    let page = Page {
        rows: rows.iter().map(|row| cell(row, place)).collect(),
    };
    // Writing to a text does not fail.
    page.render().unwrap_or_default()
}

fn lines(text: &str) -> Vec<String> {
    text.split('\n').map(ToOwned::to_owned).collect()
}

fn cell(row: &Row, place: Where) -> Cell {
    let (shown, folded) = match &row.shown {
        Shown::Own(own) => (own.clone(), None),
        Shown::Secret => (SECRET.to_owned(), None),
        Shown::Text(text) => (Visible::of(text, place).quoted(), None),
        Shown::Folded(front, count, digest) => (
            Visible::of(front, place).opened(),
            Some((*count, digest.clone())),
        ),
    };
    Cell {
        depth: row.depth,
        label: lines(&row.label(place)),
        note: match row.voice {
            Voice::Bytes => "",
            Voice::Requester => NOT_CHECKED,
        },
        lines: lines(&shown),
        is_right_to_left: row.is_right_to_left(),
        folded,
    }
}
