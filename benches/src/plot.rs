//! The table of ratios as bars.

#![allow(clippy::arithmetic_side_effects)] // A few rows of a few pixels each.

use std::fmt::Write as _;

use crate::table::Row;

const LINE: usize = 20;
const LABELS: usize = 360;
const BARS: f64 = 280.0;

/// An SVG image: a bar for each ratio, a line at 1, and a mark at the most that a ratio is to be.
pub(crate) fn svg(rows: &[Row]) -> String {
    let most = rows
        .iter()
        .map(|row| row.ratio.max(row.bar.unwrap_or(0.0)))
        .fold(1.0, f64::max);
    let mut body = String::new();
    let mut y = 0;
    let mut title = "";
    for row in rows {
        if row.title != title {
            title = &row.title;
            y += LINE * 3 / 2;
            let _never = write!(
                body,
                "<text x=\"4\" y=\"{y}\" font-weight=\"bold\">{}</text>",
                escaped(title)
            );
        }
        y += LINE;
        let (width, top) = (row.ratio / most * BARS, y - LINE + 6);
        let (value_x, name) = (width + LABELS as f64 + 6.0, escaped(&row.name));
        let _never = write!(
            body,
            "<text x=\"16\" y=\"{y}\">{name}</text>\
             <rect x=\"{LABELS}\" y=\"{top}\" width=\"{width:.1}\" height=\"16\" fill=\"#4a7db5\"/>\
             <text x=\"{value_x:.1}\" y=\"{y}\">{:.2}</text>",
            row.ratio
        );
        if let Some(bar) = row.bar {
            let at = bar / most * BARS + LABELS as f64;
            let _never = write!(
                body,
                "<path d=\"M{at:.1} {}v20\" stroke=\"#000\" stroke-width=\"2\"/>",
                top - 2
            );
        }
    }
    let (one, height) = (BARS / most + LABELS as f64, y + LINE);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 720 {height}\" \
         font-family=\"sans-serif\" font-size=\"13\"><rect width=\"720\" height=\"{height}\" \
         fill=\"#fff\"/>{body}<path d=\"M{one:.1} 0V{height}\" stroke=\"#b33\" \
         stroke-dasharray=\"3\"/></svg>\n"
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
