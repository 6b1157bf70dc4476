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
mod tests {
    use super::*;

    const DAY: u64 = 24 * 3600 * 1000;
    const PLAIN: Screen = Screen {
        width: 80,
        colour: false,
    };

    fn life(label: &str, phases: &[(Phase, u64)], note: &str) -> Life {
        Life {
            label: label.to_owned(),
            phases: phases
                .iter()
                .map(|(p, day)| (*p, Timestamp::from_millis(day.saturating_mul(DAY))))
                .collect(),
            note: note.to_owned(),
        }
    }

    #[test]
    fn rows_are_aligned_and_fit_the_screen() {
        let lives = [
            life(
                "aaaaaaaaaaaaaaaa",
                &[
                    (Phase::Pending, 0),
                    (Phase::Active, 1),
                    (Phase::Retired, 50),
                    (Phase::Disabled, 70),
                    (Phase::Destroyed, 80),
                ],
                "0 rows",
            ),
            life(
                "bbbbbbbbbbbbbbbb",
                &[(Phase::Pending, 49), (Phase::Active, 50)],
                "1,204 rows",
            ),
        ];
        let lines = draw(&lives, Timestamp::from_millis(100 * DAY), PLAIN);
        assert_eq!(lines.len(), 5);
        for line in &lines[..4] {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert_eq!(lines[2].chars().count(), lines[3].chars().count());
        // The predecessor retires in the cell in which its successor becomes active.
        let retired = lines[2].chars().position(|c| c == '▒').unwrap();
        let active = lines[3].chars().position(|c| c == '█').unwrap();
        assert!(retired.abs_diff(active) <= 1, "{lines:#?}");
        // What is gone is gone at once.
        assert_eq!(lines[2].matches('✕').count(), 1, "{lines:#?}");
        assert!(lines[0].contains("1970-01-01") && lines[0].ends_with("now"));
    }

    /// One key whose second state began in the middle of `span` ms, on a screen of that width.
    fn picture(span: u64, width: usize) -> Vec<String> {
        let at = |ms| Timestamp::from_millis(1_700_000_000_000_u64.saturating_add(ms));
        let life = Life {
            label: "a".to_owned(),
            phases: vec![(Phase::Active, at(0)), (Phase::Retired, at(span / 2))],
            note: "1 row".to_owned(),
        };
        let screen = Screen { width, ..PLAIN };
        let mut lines = draw(&[life], at(span), screen);
        let legend = "   ╌ pending  █ active  ▒ retired  ░ disabled  ✕ destroyed  (UTC)";
        assert_eq!(lines.pop().as_deref(), Some(legend));
        lines
    }

    #[test]
    fn the_axis_shows_what_there_is_room_for() {
        for (span, width, wanted) in [
            (
                0,
                80,
                [
                    "   22:13:20.000                                  22:13:20.000 now",
                    "   ├────────────────────────────────────────────────────────────┤",
                    "a  █▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒  retired 1 row",
                ],
            ),
            (
                1000,
                80,
                [
                    "   22:13:20.000             22:13:20.500         22:13:21.000 now",
                    "   ├──────────────────────────────┬─────────────────────────────┤",
                    "a  ███████████████████████████████▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒  retired 1 row",
                ],
            ),
            (
                300000,
                80,
                [
                    "   22:13:20                   22:15:50               22:18:20 now",
                    "   ├──────────────────────────────┬─────────────────────────────┤",
                    "a  ███████████████████████████████▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒  retired 1 row",
                ],
            ),
            (
                3600000,
                80,
                [
                    "   11-14 22:13               11-14 22:43          11-14 23:13 now",
                    "   ├──────────────────────────────┬─────────────────────────────┤",
                    "a  ███████████████████████████████▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒  retired 1 row",
                ],
            ),
            (
                3456000000,
                80,
                [
                    "   2023-11-14                2023-12-04            2023-12-24 now",
                    "   ├──────────────────────────────┬─────────────────────────────┤",
                    "a  ███████████████████████████████▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒  retired 1 row",
                ],
            ),
            (
                3456000000,
                58,
                [
                    "   2023-11-14     2023-12-04 2023-12-24 now",
                    "   ├───────────────────┬──────────────────┤",
                    "a  ████████████████████▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒  retired 1 row",
                ],
            ),
            (
                3456000000,
                57,
                [
                    "   2023-11-14               2023-12-24 now",
                    "   ├─────────────────────────────────────┤",
                    "a  ███████████████████▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒  retired 1 row",
                ],
            ),
            (
                3456000000,
                43,
                [
                    "   2023-11-14 2023-12-24 now",
                    "   ├───────────────────────┤",
                    "a  ████████████▒▒▒▒▒▒▒▒▒▒▒▒▒  retired 1 row",
                ],
            ),
            (
                3456000000,
                42,
                [
                    "   2023-11-14",
                    "   ├──────────────────────┤",
                    "a  ████████████▒▒▒▒▒▒▒▒▒▒▒▒  retired 1 row",
                ],
            ),
            (
                3456000000,
                20,
                [
                    "   2023-11-14",
                    "   ├──────────┤",
                    "a  ██████▒▒▒▒▒▒  retired 1 row",
                ],
            ),
        ] {
            assert_eq!(picture(span, width), wanted, "{span} ms, {width} wide");
        }
    }

    #[test]
    fn a_state_of_a_moment_still_has_a_cell() {
        let all = Phase::ALL.map(|p| (p, 3));
        for at in [0, 3, 9] {
            let mut lives = vec![life("a", &all, ""), life("b", &[(Phase::Active, at)], "")];
            lives.rotate_left(1);
            let lines = draw(&lives, Timestamp::from_millis(9 * DAY), PLAIN);
            for phase in Phase::ALL {
                assert!(lines[3].contains(phase.cell()), "{at}: {lines:#?}");
            }
        }
    }

    #[test]
    fn no_time_at_all_and_a_clock_set_back_are_drawn() {
        assert_eq!(draw(&[], Timestamp::from_millis(5), PLAIN).len(), 3);
        let odd = life("a", &[(Phase::Pending, 9), (Phase::Active, 2)], "1 row");
        let lines = draw(&[odd], Timestamp::from_millis(DAY), PLAIN);
        assert!(
            lines[2].contains('╌') && lines[2].contains('█'),
            "{lines:#?}"
        );
    }

    #[test]
    fn colour_is_only_where_it_is_asked_for() {
        let lives = [life("a", &[(Phase::Active, 1)], "1 row")];
        let now = Timestamp::from_millis(2 * DAY);
        assert!(draw(&lives, now, PLAIN).iter().all(|l| !l.contains('\x1b')));
        let coloured = Screen {
            colour: true,
            ..PLAIN
        };
        assert!(draw(&lives, now, coloured)[2].contains("\x1b[32m"));
    }

    #[test]
    fn moments_read_as_rfc_3339() {
        assert_eq!(rfc3339(Timestamp::from_millis(0)), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(Timestamp::from_millis(u64::MAX)), "?");
    }
}
