//! Each character of a text, as it is shown.

use keyward_approval::view::{Visible, Where};
use proptest::prelude::*;

use crate::world::{HOSTILE, unescaped};

const PLACES: [Where; 2] = [Where::Page, Where::Mail];

fn shown(text: &str, place: Where) -> String {
    Visible::of(text, place).as_str().to_owned()
}

#[test]
fn whatever_has_no_shape_is_an_escape() {
    let table = include_str!("../vectors/view/hidden.txt");
    let ranges = table.lines().filter(|line| !line.starts_with('#'));
    let number = |text: &str| u32::from_str_radix(text, 16).unwrap();
    let mut seen = 0;
    for range in ranges {
        let (first, last) = range.split_once(' ').unwrap();
        for code in number(first)..=number(last) {
            let c = char::from_u32(code).unwrap();
            for place in PLACES {
                let shown = shown(&format!("a{c}b"), place);
                let bare = shown.replace("\\n\n", "");
                assert!(!bare.contains(c), "U+{code:04X} is shown as it is");
            }
            seen += 1;
        }
    }
    assert!(seen > 137_000, "{seen}");
    // `Default_Ignorable_Code_Point` beside formats and what is not assigned, and blanks.
    let blanks = "\u{34f}\u{115f}\u{1160}\u{17b4}\u{17b5}\u{180b}\u{180f}\u{2800}\u{3164}\u{fe00}\
                  \u{fe0f}\u{ffa0}\u{fffc}\u{e0100}\u{e01ef}\u{2065}\u{fff0}\u{e0080}\u{e0fff}";
    for c in blanks.chars() {
        assert!(!shown(&format!("a{c}b"), Where::Page).contains(c), "{c:?}");
    }
}

#[test]
fn a_space_that_begins_or_ends_a_line_is_seen() {
    // A page leaves it out: two texts that mean something else, as YAML does, would look alike.
    for place in PLACES {
        assert_eq!(shown("a\n b", place), "a\\n\n\\u{20}b");
        assert_eq!(shown("a \nb", place), "a\\u{20}\\n\nb");
        assert_ne!(shown("a\n x", place), shown("a\nx", place));
    }
}

#[test]
fn a_mark_stands_on_a_letter_that_is_there() {
    // Else it would be put onto what the view itself writes: the mark of a line, the end of an escape.
    for front in [
        "", "\n", "\t", "\r", "\\", "\"", "\u{200b}", "\u{202e}", "\u{301}",
    ] {
        let text = format!("{front}\u{301}a\u{301}");
        let shown = shown(&text, Where::Page);
        assert!(shown.ends_with("\\u{301}a\u{301}"), "{shown:?}");
        assert_eq!(unescaped(&shown), text);
    }
}

#[test]
fn letters_of_all_scripts_are_shown_as_they_are() {
    for text in [
        "web-1",
        "Grüße, naïve",
        "Ελληνικά",
        "Русский",
        "العربية",
        "עברית",
        "हिन्दी",
        "日本語",
        "tiếng Việt",
        "a b c",
        "🦀 ½ €",
    ] {
        assert_eq!(shown(text, Where::Page), text);
    }
}

#[test]
fn a_mark_without_a_shape_is_seen_where_it_stacks_nothing() {
    let stackers = "\u{1039}\u{17d2}\u{1a60}\u{1bab}\u{2d7f}\u{aaf6}\u{10a3f}\u{1107f}\u{11133}\
                    \u{113d0}\u{1193e}\u{11a47}\u{11a99}\u{11d45}\u{11d97}\u{11f42}\u{16fe4}";
    for c in stackers.chars() {
        for text in [
            format!("a{c}b"),
            format!("a{c}"),
            format!("\u{1780}\u{1000}{c}b"),
        ] {
            assert!(!shown(&text, Where::Page).contains(c), "{text:?}");
        }
    }
    for text in [
        "\u{1781}\u{17d2}\u{1798}\u{17c2}\u{179a}",
        "\u{1019}\u{1039}\u{1019}",
    ] {
        assert_eq!(shown(text, Where::Page), text);
    }
}

#[test]
fn every_dot_of_a_name_is_broken_in_a_mail() {
    for dot in ['.', '\u{3002}', '\u{ff0e}', '\u{ff61}'] {
        let text = format!("example{dot}com");
        assert_eq!(shown(&text, Where::Mail), format!("example\\{dot}com"));
        assert_eq!(shown(&text, Where::Page), text);
    }
}

#[test]
fn escapes_are_as_they_are_said_to_be() {
    assert_eq!(shown("a\u{202e}b", Where::Page), r"a\u{202e}b");
    assert_eq!(shown(r"a\u{202e}b", Where::Page), r"a\\u{202e}b");
    assert_eq!(shown("a\nb\r\n\tc", Where::Page), "a\\n\nb\\r\\n\n\\tc");
    assert_eq!(shown(" a  b ", Where::Page), r"\u{20}a \u{20}b\u{20}");
    assert_eq!(shown("say \"x\"", Where::Page), r#"say \"x\""#);
    assert_eq!(
        shown("\u{301}a\u{301}\u{302}\u{303}", Where::Page),
        "\\u{301}a\u{301}\u{302}\\u{303}"
    );
    assert_eq!(
        shown("https://a.example/x", Where::Page),
        "https://a.example/x"
    );
    assert_eq!(
        shown("https://a.example/x", Where::Mail),
        r"https:\/\/a\.example/x"
    );
    assert_eq!(
        shown("a@b.example 1.2 and.", Where::Mail),
        r"a\@b\.example 1\.2 and."
    );
    assert_eq!(
        shown("javascript:x, at 10:30: go", Where::Mail),
        r"javascript\:x, at 10\:30: go"
    );
}

/// What mail programs and chats take for a link: a scheme, a name of several parts, a mailbox.
fn looks_like_a_link(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let part = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric());
    chars.iter().enumerate().any(|(at, c)| {
        let before = at.checked_sub(1).and_then(|at| chars.get(at));
        let after = chars.get(at + 1);
        match c {
            '@' => before != Some(&'\\'),
            '.' | ':' => part(before) && part(after),
            '/' => before == Some(&':') || before == Some(&'/'),
            _ => false,
        }
    })
}

#[test]
fn nothing_in_a_mail_looks_like_a_link() {
    for text in HOSTILE {
        let text = shown(text, Where::Mail);
        assert!(!looks_like_a_link(&text), "{text}");
    }
    assert!(looks_like_a_link(&shown(HOSTILE[3], Where::Page)));
}

fn text() -> impl Strategy<Value = String> {
    let odd = prop::sample::select(
        " \\\"\n\r\t.:/@a1é\u{202e}\u{200b}\u{301}\u{fe0f}\u{feff}{}un"
            .chars()
            .collect::<Vec<_>>(),
    );
    prop::collection::vec(prop_oneof![3 => odd, 1 => any::<char>()], 0..40)
        .prop_map(|chars| chars.into_iter().collect())
}

proptest! {
    #[test]
    fn what_is_shown_is_the_whole_and_of_one_text_alone(text in text()) {
        for place in PLACES {
            let shown = shown(&text, place);
            prop_assert_eq!(unescaped(&shown), text.as_str());
            // A line end stands behind its escape and nowhere else.
            prop_assert_eq!(shown.matches('\n').count(), text.matches('\n').count());
            prop_assert!(shown.split('\n').rev().skip(1).all(|line| line.ends_with("\\n")));
        }
        prop_assert!(!looks_like_a_link(&shown(&text, Where::Mail)));
    }
}
