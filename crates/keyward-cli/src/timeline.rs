//! The life of keys, drawn: one row for each key, time from left to right.
//!
//! Pure: it takes what to draw, the time now and the width, and gives lines. Every state a key
//! went through gets at least one cell, however short it was, so that none is lost to scale.

use jiff::Timestamp as Instant;
use keyward_base::Timestamp;

use crate::output::{Colour, Screen};

/// What a key is, or was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Known to all, seals nothing yet.
    Pending,
    /// Seals and opens.
    Active,
    /// Opens only.
    Retired,
    /// Refused, reversibly.
    Disabled,
    /// Gone.
    Destroyed,
}

impl Phase {
    const ALL: [Self; 5] = [
        Self::Pending,
        Self::Active,
        Self::Retired,
        Self::Disabled,
        Self::Destroyed,
    ];

    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Disabled => "disabled",
            Self::Destroyed => "destroyed",
        }
    }

    /// Told apart without colour too.
    const fn cell(self) -> char {
        match self {
            Self::Pending => '╌',
            Self::Active => '█',
            Self::Retired => '▒',
            Self::Disabled => '░',
            Self::Destroyed => '✕',
        }
    }

    const fn colour(self) -> Colour {
        match self {
            Self::Pending => Colour::Coming,
            Self::Active => Colour::Good,
            Self::Retired => Colour::Warn,
            Self::Disabled => Colour::Faint,
            Self::Destroyed => Colour::Bad,
        }
    }
}

/// One row: a key, when each of its phases began, and what is said beside it.
#[derive(Clone, Debug)]
pub(crate) struct Life {
    /// What stands on the left.
    pub(crate) label: String,
    /// Each phase and its beginning, in order.
    pub(crate) phases: Vec<(Phase, Timestamp)>,
    /// What stands on the right, after the name of the last phase.
    pub(crate) note: String,
}

/// Draws `lives` up to `now`. The lines hold no newline; none is longer than the screen is wide
/// unless the labels and notes alone are.
pub(crate) fn draw(lives: &[Life], now: Timestamp, screen: Screen) -> Vec<String> {
    let starts = lives
        .iter()
        .filter_map(|life| life.phases.first().map(|p| p.1));
    let from = starts.min().unwrap_or(now);
    // A clock that was set back must not put a key into the future.
    let latest = lives
        .iter()
        .flat_map(|life| life.phases.iter().map(|p| p.1));
    let to = latest.max().unwrap_or(now).max(now);

    let left = widest(lives.iter().map(|life| life.label.as_str()));
    let state = widest(lives.iter().filter_map(last_name));
    let note = widest(lives.iter().map(|life| life.note.as_str()));
    let frame = left
        .saturating_add(state)
        .saturating_add(note)
        .saturating_add(5);
    let cells = screen.width.saturating_sub(frame).max(12);

    let mut lines = Vec::new();
    lines.extend(axis(from, to, left, cells, screen));
    for life in lives {
        lines.push(format!(
            "{label:left$}  {bar}  {name} {said:>note$}",
            label = life.label,
            bar = bar(life, from, to, cells, screen),
            name = painted_name(life, state, screen),
            said = life.note,
        ));
    }
    lines.push(legend(left, screen));
    lines
}

fn widest<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(|t| t.chars().count()).max().unwrap_or(0)
}

fn last_name(life: &Life) -> Option<&'static str> {
    life.phases.last().map(|p| p.0.name())
}

fn painted_name(life: &Life, width: usize, screen: Screen) -> String {
    life.phases.last().map_or_else(String::new, |(phase, _)| {
        screen.paint(phase.colour(), &format!("{:width$}", phase.name()))
    })
}

/// The cells of one key.
fn bar(life: &Life, from: Timestamp, to: Timestamp, cells: usize, screen: Screen) -> String {
    let starts = columns(life, from, to, cells);
    let mut out = String::new();
    let mut filled = 0_usize;
    for (index, (phase, _)) in life.phases.iter().enumerate() {
        let start = starts.get(index).copied().unwrap_or(filled);
        let end = match phase {
            Phase::Destroyed => start.saturating_add(1),
            _ => starts
                .get(index.saturating_add(1))
                .copied()
                .unwrap_or(cells),
        };
        out.push_str(&" ".repeat(start.saturating_sub(filled)));
        let run: String = std::iter::repeat_n(phase.cell(), end.saturating_sub(start)).collect();
        out.push_str(&screen.paint(phase.colour(), &run));
        filled = end;
    }
    out.push_str(&" ".repeat(cells.saturating_sub(filled)));
    out
}

/// In which cell each phase begins: by scale, but each at least one cell after the one before,
/// pushed back to the left where they would run over the edge.
fn columns(life: &Life, from: Timestamp, to: Timestamp, cells: usize) -> Vec<usize> {
    let mut least = 0_usize;
    let mut starts: Vec<usize> = life
        .phases
        .iter()
        .map(|(_, at)| {
            let start = column(*at, from, to, cells).max(least);
            least = start.saturating_add(1);
            start
        })
        .collect();
    let mut edge = cells;
    for start in starts.iter_mut().rev() {
        *start = (*start).min(edge.saturating_sub(1));
        edge = *start;
    }
    starts
}

fn column(at: Timestamp, from: Timestamp, to: Timestamp, cells: usize) -> usize {
    let span = to.saturating_since(from).as_millis();
    let since = at.saturating_since(from).as_millis();
    let cells_wide = u128::try_from(cells).unwrap_or_default();
    let cell = since
        .saturating_mul(cells_wide)
        .checked_div(span)
        .unwrap_or(0);
    usize::try_from(cell)
        .unwrap_or(cells)
        .min(cells.saturating_sub(1))
}

/// A line of dates over a line of ticks: the first day, the middle where there is room, and now.
fn axis(from: Timestamp, to: Timestamp, left: usize, cells: usize, screen: Screen) -> [String; 2] {
    let span = to.saturating_since(from);
    let middle = from.saturating_add(span.checked_div(2).unwrap_or_default());
    let (first, mid, last) = (
        moment(from, span.as_secs()),
        moment(middle, span.as_secs()),
        format!("{} now", moment(to, span.as_secs())),
    );
    let taken = first.len().saturating_add(last.len());
    let free = cells.saturating_sub(taken);
    let half = cells / 2;
    let room_for_mid = free >= mid.len().saturating_add(6) && !span.is_zero();
    let mut dates = format!("{:left$}  {first}", "");
    if room_for_mid {
        let at = half.saturating_sub(mid.len() / 2);
        dates.push_str(&" ".repeat(at.saturating_sub(first.len())));
        dates.push_str(&mid);
        let used = at.max(first.len()).saturating_add(mid.len());
        dates.push_str(&" ".repeat(cells.saturating_sub(used).saturating_sub(last.len())));
        dates.push_str(&last);
    } else if taken < cells {
        dates.push_str(&" ".repeat(free));
        dates.push_str(&last);
    }
    let ticks: String = (0..cells)
        .map(|cell| match cell {
            0 => '├',
            _ if cell.saturating_add(1) == cells => '┤',
            _ if cell == half && room_for_mid => '┬',
            _ => '─',
        })
        .collect();
    [
        dates,
        format!("{:left$}  {}", "", screen.paint(Colour::Faint, &ticks)),
    ]
}

fn legend(left: usize, screen: Screen) -> String {
    let entries: Vec<String> = Phase::ALL
        .iter()
        .map(|phase| {
            let cell = screen.paint(phase.colour(), &phase.cell().to_string());
            format!("{cell} {}", phase.name())
        })
        .collect();
    format!("{:left$}  {}  (UTC)", "", entries.join("  "))
}

/// A moment in UTC, as finely as a span of `seconds` needs.
fn moment(at: Timestamp, seconds: u64) -> String {
    let pattern = match seconds {
        0..2 => "%H:%M:%S%.3f",
        2..600 => "%H:%M:%S",
        600..172_800 => "%m-%d %H:%M",
        _ => "%Y-%m-%d",
    };
    format_utc(at, pattern)
}

/// A moment in UTC to the second, as RFC 3339 writes it.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    format_utc(at, "%Y-%m-%dT%H:%M:%SZ")
}

fn format_utc(at: Timestamp, pattern: &str) -> String {
    i64::try_from(at.as_millis())
        .ok()
        .and_then(|millis| Instant::from_millisecond(millis).ok())
        .map_or_else(|| "?".to_owned(), |at| at.strftime(pattern).to_string())
}

#[cfg(test)]
mod tests;
