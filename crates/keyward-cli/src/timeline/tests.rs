//! How lives are drawn.

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
