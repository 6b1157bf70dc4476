//! The five entities of XML in text and attributes, as different programs write them.

use super::escape::{self, has};
use super::needles::Needles;

/// What stands for `&`, `<`, `>`, `"` and `'`, in this order; nothing if it stays.
type Five = [&'static str; 5];

const WRITERS: [Five; 16] = [
    // Text of XML that escapes what it must.
    ["&amp;", "&lt;", "", "", ""],
    ["&amp;", "&lt;", "&gt;", "", ""],
    // Attributes in double quotes.
    ["&amp;", "", "", "&quot;", ""],
    ["&amp;", "&lt;", "", "&quot;", ""],
    ["&amp;", "&lt;", "&gt;", "&quot;", ""],
    // All five, and what a name is not used for.
    ["&amp;", "&lt;", "&gt;", "&quot;", "&apos;"],
    ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"],
    ["&amp;", "&lt;", "&gt;", "&quot;", "&#039;"],
    ["&amp;", "&lt;", "&gt;", "&quot;", "&#x27;"],
    ["&amp;", "&lt;", "&gt;", "&#34;", "&#39;"],
    ["&amp;", "&lt;", "&gt;", "&#x22;", "&#x27;"],
    // Numbers alone.
    ["&#38;", "&#60;", "&#62;", "&#34;", "&#39;"],
    ["&#038;", "&#060;", "&#062;", "&#034;", "&#039;"],
    ["&#x26;", "&#x3c;", "&#x3e;", "&#x22;", "&#x27;"],
    ["&#x26;", "&#x3C;", "&#x3E;", "&#x22;", "&#x27;"],
    ["&#X26;", "&#X3C;", "&#X3E;", "&#X22;", "&#X27;"],
];

/// What some templates escape besides: Go's html/template, Handlebars, Mustache.
const BESIDES: [(Five, &[(u8, &str)]); 3] = [
    (
        ["&amp;", "&lt;", "&gt;", "&#34;", "&#39;"],
        &[(b'+', "&#43;")],
    ),
    (
        ["&amp;", "&lt;", "&gt;", "&quot;", "&#x27;"],
        &[(b'`', "&#x60;"), (b'=', "&#x3D;")],
    ),
    (
        ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"],
        &[(b'`', "&#x60;"), (b'=', "&#x3D;"), (b'/', "&#x2F;")],
    ),
];

pub(super) fn all(value: &[u8], to: &mut Needles) {
    if has(value, b"&<>\"'") {
        for five in WRITERS {
            write(value, five, &[], to);
        }
    }
    for (five, besides) in BESIDES {
        if besides.iter().any(|(byte, _)| value.contains(byte)) {
            write(value, five, besides, to);
        }
    }
}

fn write(value: &[u8], five: Five, besides: &[(u8, &str)], to: &mut Needles) {
    let [and, less, more, double, single] = five;
    to.add(escape::bytes(value, |byte, out| {
        let entity = match byte {
            b'&' => and,
            b'<' => less,
            b'>' => more,
            b'"' => double,
            b'\'' => single,
            _ => {
                let mut besides = besides.iter();
                let found = besides.find(|(of, _)| *of == byte);
                found.map_or("", |(_, entity)| entity)
            }
        };
        out.push(entity.as_bytes());
        !entity.is_empty()
    }));
}
