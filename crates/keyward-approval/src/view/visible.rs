//! Text of somebody else, so that all of it is seen.

use std::fmt::Write as _;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// Where a text is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // Whoever shows it looks for links in it, or does not.
pub enum Where {
    /// On a page: nothing in it is a link unless the page says so.
    Page,
    /// In a mail, a chat or a terminal, which make a link of whatever looks like one.
    Mail,
}

/// How many marks may stand on one letter: Vietnamese and Hebrew have two.
const MARKS: usize = 2;

/// A text as it is shown: what has no shape of its own is an escape.
#[derive(Clone, Debug)]
pub struct Visible(String);

impl Visible {
    /// Of a text that is shown there.
    #[must_use]
    pub fn of(text: &str, place: Where) -> Self {
        let mut out = String::with_capacity(text.len());
        let mut marks = MARKS.saturating_add(1); // There is no letter yet that one could stand on.
        let mut before = None;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            let after = chars.peek().copied();
            let is_mark = is_mark(c);
            marks = match c {
                _ if is_mark => marks.saturating_add(1),
                // Nor is there one where a line begins, or behind an escape.
                '\n' | '\r' | '\t' | '\\' | '"' => MARKS.saturating_add(1),
                c if is_hidden(c) && c != ' ' => MARKS.saturating_add(1),
                _ => 0,
            };
            match c {
                '\\' => out.push_str(r"\\"),
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n\n"),
                '\r' => out.push_str(r"\r"),
                '\t' => out.push_str(r"\t"),
                // One space between others is seen; at an end of a line, or beside another, it is not.
                ' ' if before == Some(' ') || ends(before) || ends(after) => escape(&mut out, c),
                ' ' => out.push(c),
                c if is_hidden(c) || (is_mark && marks > MARKS) => escape(&mut out, c),
                c if stacks_nothing(before, c, after) => escape(&mut out, c),
                c if place == Where::Mail && links(before, c, after) => {
                    out.push('\\');
                    out.push(c);
                }
                c => out.push(c),
            }
            before = Some(c);
        }
        Self(out)
    }

    /// It, of which a `\n` is followed by a line end: the next line is to be marked as one of the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In quotes.
    pub(super) fn quoted(&self) -> String {
        format!("\"{}\"", self.0)
    }

    /// Of which only the front is here: without the quote at its end.
    pub(super) fn opened(&self) -> String {
        format!("\"{}…", self.0)
    }
}

const fn ends(beside: Option<char>) -> bool {
    matches!(beside, None | Some('\n'))
}

fn escape(out: &mut String, c: char) {
    let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
}

/// Whether programs may take what stands around `c` for a link: a name of several parts, a mailbox, or
/// what begins with a scheme.
fn links(before: Option<char>, c: char, after: Option<char>) -> bool {
    match c {
        // The others are dots of names too (IDNA: RFC 3490, section 3.1).
        '.' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}' => {
            after.is_some_and(|c| !c.is_ascii() || c.is_ascii_alphanumeric())
        }
        '@' => true,
        '/' => before == Some(':') || before == Some('/'),
        ':' => after.is_some_and(|c| !c.is_whitespace() && c != '/'),
        _ => false,
    }
}

/// Whether it is a mark without a shape of its own, which puts the letter after it below the one before
/// it or joins the two, and has none of its script on both sides: of Indic scripts what UAX 44 has as
/// `Indic_Syllabic_Category` `Invisible_Stacker` and `Number_Joiner`, the joiner of Tifinagh, and the
/// filler of Khitan.
fn stacks_nothing(before: Option<char>, c: char, after: Option<char>) -> bool {
    let stacks = matches!(
        c,
        '\u{1039}'
            | '\u{17d2}'
            | '\u{1a60}'
            | '\u{1bab}'
            | '\u{2d7f}'
            | '\u{aaf6}'
            | '\u{10a3f}'
            | '\u{1107f}'
            | '\u{11133}'
            | '\u{113d0}'
            | '\u{1193e}'
            | '\u{11a47}'
            | '\u{11a99}'
            | '\u{11d45}'
            | '\u{11d97}'
            | '\u{11f42}'
            | '\u{16fe4}'
    );
    let is_own =
        |beside: Option<char>| beside.is_some_and(|b| u32::from(b) >> 8 == u32::from(c) >> 8);
    stacks && !(is_own(before) && is_own(after))
}

fn is_mark(c: char) -> bool {
    matches!(
        c.general_category(),
        GeneralCategory::NonspacingMark
            | GeneralCategory::SpacingMark
            | GeneralCategory::EnclosingMark
    )
}

/// Whether a character is not seen, or is seen as another place than its own: by its general category
/// (UAX 44) controls, formats such as those that turn the writing around, what is private or not
/// assigned, line ends, and spaces but for the one; and what is ignorable by default beside those, or
/// blank.
fn is_hidden(c: char) -> bool {
    let by_category = matches!(
        c.general_category(),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
            | GeneralCategory::PrivateUse
            | GeneralCategory::SpaceSeparator
            | GeneralCategory::Surrogate
            | GeneralCategory::Unassigned
    );
    by_category || is_blank(c)
}

/// What Unicode's `Default_Ignorable_Code_Point` has beside formats and what is not assigned (a list
/// that only grows by such), and the blanks of Braille, of musical notation and of objects.
const fn is_blank(c: char) -> bool {
    matches!(
        c,
        '\u{34f}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{ffa0}'
            | '\u{fffc}'
            | '\u{1d159}'
            | '\u{e0100}'..='\u{e01ef}'
    )
}

/// Whether some of it is written from right to left: in the blocks that Unicode keeps for such scripts
/// (`DerivedBidiClass`, defaults R and AL).
pub(super) fn is_right_to_left(text: &str) -> bool {
    let rtl = |c: char| {
        matches!(
            c,
            '\u{590}'..='\u{8ff}'
                | '\u{fb1d}'..='\u{fdff}'
                | '\u{fe70}'..='\u{feff}'
                | '\u{10800}'..='\u{10fff}'
                | '\u{1e800}'..='\u{1efff}'
        )
    };
    text.chars().any(rtl)
}
