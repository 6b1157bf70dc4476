//! A ruler over the bytes of a format: one box for each field, offsets below. Pure.

use crate::output::{Colour, Screen};

/// One field of a byte format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Its name.
    pub(crate) name: &'static str,
    /// Where it begins.
    pub(crate) offset: usize,
    /// How many bytes it has.
    pub(crate) len: usize,
    /// What stands in it, for people.
    pub(crate) says: String,
}

/// Four lines: the boxes, scaled so that every name fits, and the offset of each left edge.
pub(crate) fn draw(fields: &[Field], screen: Screen) -> Vec<String> {
    let widths = widths(fields, screen.width);
    let (mut top, mut middle, mut bottom) = ("┌".to_owned(), "│".to_owned(), "└".to_owned());
    let mut offsets = String::new();
    for (index, (field, width)) in fields.iter().zip(&widths).enumerate() {
        let last = index.saturating_add(1) == fields.len();
        let dashes = "─".repeat(*width);
        top.push_str(&dashes);
        top.push(if last { '┐' } else { '┬' });
        middle.push_str(&format!("{:^width$}│", field.name));
        bottom.push_str(&dashes);
        bottom.push(if last { '┘' } else { '┴' });
        let cell = width.saturating_add(1);
        offsets.push_str(&format!("{:<cell$}", field.offset));
    }
    let end = fields.last().map_or(0, |f| f.offset.saturating_add(f.len));
    offsets.push_str(&end.to_string());
    let faint = |line: &str| screen.paint(Colour::Faint, line);
    vec![faint(&top), middle, faint(&bottom), offsets]
}

/// The least width of each box, plus its share of what is left by its number of bytes.
fn widths(fields: &[Field], screen: usize) -> Vec<usize> {
    let least = |field: &Field| {
        let digits = field.offset.to_string().len();
        field.name.len().saturating_add(2).max(digits)
    };
    let taken = fields
        .iter()
        .map(|f| least(f).saturating_add(1))
        .sum::<usize>();
    let tail = fields.last().map_or(0, |f| f.offset.saturating_add(f.len));
    let margin = tail.to_string().len().saturating_add(1);
    let free = screen.saturating_sub(taken).saturating_sub(margin);
    // A long body must not take all there is: beyond 64 bytes a box grows no more.
    let share = |field: &Field| field.len.min(64);
    let shares = fields.iter().map(share).sum::<usize>();
    fields
        .iter()
        .map(|field| {
            let extra = share(field).saturating_mul(free).checked_div(shares);
            least(field).saturating_add(extra.unwrap_or(0))
        })
        .collect()
}

/// One line for each field: offset, length, name, what stands in it.
pub(crate) fn table(fields: &[Field]) -> Vec<String> {
    let name = fields.iter().map(|f| f.name.len()).max().unwrap_or(0);
    let mut lines = vec![format!("offset  bytes  {:name$}", "field")];
    lines.extend(fields.iter().map(|field| {
        let line = format!(
            "{:>6}  {:>5}  {:name$}  {}",
            field.offset, field.len, field.name, field.says
        );
        line.trim_end().to_owned()
    }));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &'static str, offset: usize, len: usize) -> Field {
        Field {
            name,
            offset,
            len,
            says: String::new(),
        }
    }

    #[test]
    fn boxes_meet_their_offsets_and_fit() {
        let fields = [
            field("suite", 0, 1),
            field("key", 1, 8),
            field("salt", 9, 24),
            field("chunks", 33, 1_048_576),
        ];
        for width in [60, 80, 140] {
            let screen = Screen {
                width,
                colour: false,
            };
            let lines = draw(&fields, screen);
            assert_eq!(lines.len(), 4);
            for line in &lines {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
            let edge = lines[0].chars().position(|c| c == '┬').unwrap();
            assert_eq!(lines[3].chars().nth(edge), Some('1'), "{lines:#?}");
        }
    }

    #[test]
    fn a_ruler_is_drawn_so() {
        let fields = [field("a", 0, 1), field("key", 1, 8), field("tag", 9, 16)];
        let screen = Screen {
            width: 30,
            colour: false,
        };
        let lines = draw(&fields, screen);
        assert_eq!(
            lines,
            [
                "┌───┬────────┬────────────┐",
                "│ a │  key   │    tag     │",
                "└───┴────────┴────────────┘",
                "0   1        9            25",
            ]
        );
    }
}
