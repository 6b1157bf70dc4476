//! Dotenv files made at random, in the grammars of the three loaders. Each value carries a marker
//! that no name has.

// Tests: a panic is the report.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use keyward_vault::Loader;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

#[allow(dead_code)]
pub(crate) const MARKER: &str = "Zq3x";

/// A file, and what its author meant.
#[derive(Clone, Debug)]
#[allow(dead_code)] // Each test uses a part of it.
pub(crate) struct File {
    pub(crate) text: String,
    pub(crate) names: Vec<String>,
    pub(crate) values: Vec<String>,
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Z][A-Z0-9_]{0,13}",
        "[A-Z]{2,8}(_[A-Z]{2,9}){1,3}[0-9]?",
        "[a-z]{2,9}([-._][a-z]{2,9}){0,2}",
        "[A-Za-z_][A-Za-z0-9_]{0,10}",
        "[a-z]{3,7}([A-Z][a-z]{4,9}){1,2}",
    ]
    .prop_filter("a name has no marker", |name| {
        !name.contains(MARKER) && name != "export"
    })
}

/// What people keep in such files.
fn value() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        "[A-Za-z0-9+/]{10,70}={0,2}",
        "[A-Za-z0-9_-]{10,60}",
        "[0-9a-f]{16,64}",
        "[a-z]{3,8}://[a-z]{2,8}:[A-Za-z0-9%]{4,20}@[a-z.]{4,12}:[0-9]{2,4}/[a-z]{2,9}[?][a-z]{2,6}=[A-Za-z0-9]{2,20}",
        "[A-Za-z]{3,11}=[A-Za-z0-9]{4,20};[A-Za-z]{3,11}=[A-Za-z0-9]{4,20}",
        "[a-z]{2,8}( [a-z]{2,8}){0,5}",
        "[!-~][ -~]{0,30}[!-~]",
        "C:(\\\\[a-z]{1,8}){1,4}",
        "[{]\"[a-z]{2,6}\": ?\"[A-Za-z0-9]{4,20}\"[}]",
        "[à-ÿ€]{1,8}[a-z]{1,8}",
    ];
    // Of secrets in base32, which is short, none has several lines.
    let lines = prop_oneof![
        9 => vec(line, 1..4),
        1 => vec("[A-Z2-7]{10,40}={0,3}", 1),
    ];
    (lines, any::<prop::sample::Index>(), 0..10).prop_map(|(lines, at, several)| {
        let text = if several < 3 {
            lines.join("\n")
        } else {
            // Padding stands at the end of base64 and base32, and nowhere else.
            let last = lines.len() - 1;
            let inner = lines[..last].iter().map(|line| line.trim_end_matches('='));
            inner.chain([lines[last].as_str()]).collect()
        };
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        // Not within the padding, which would be none any more.
        let places: Vec<usize> = places
            .into_iter()
            .filter(|at| !text[..*at].ends_with('='))
            .collect();
        let (before, after) = text.split_at(*at.get(&places));
        format!("{before}{MARKER}{after}")
    })
}

/// A value as `loader` writes it in this form; none if the form cannot hold it.
fn written(loader: Loader, form: usize, value: &str) -> Option<String> {
    let lines = value.contains('\n');
    let quotes = ['"', '\'', '`'];
    let bare =
        !lines && value.trim() == value && !value.starts_with(quotes) && !value.ends_with(quotes);
    // A backslash before a quote is read otherwise by each of them.
    let fits = |quote: char| {
        !value.contains(quote) && !value.contains('\\')
            || (!value.contains(quotes) && !value.ends_with('\\'))
    };
    let quote = |quote: char| format!("{quote}{value}{quote}");
    match (loader, form % 4) {
        (Loader::Container, 0 | 1) => bare.then(|| value.to_owned()),
        (Loader::Container, _) => (!lines && fits('"')).then(|| quote('"')),
        (Loader::Npm, 0) | (Loader::Python, 0 | 3) => {
            (bare && !value.contains('#')).then(|| value.to_owned())
        }
        (_, 1) => fits('"').then(|| quote('"')),
        (_, 2) => fits('\'').then(|| quote('\'')),
        _ => fits('`').then(|| quote('`')),
    }
}

/// Files that `loader` reads to the end.
pub(crate) fn unbroken(loader: Loader) -> impl Strategy<Value = File> {
    let is_npm = loader == Loader::Npm;
    let is_container = loader == Loader::Container;
    let signs = match loader {
        Loader::Npm => vec!["=", "=", " = ", "= ", ": "],
        Loader::Python => vec!["=", "=", " = ", "= "],
        _ => vec!["="],
    };
    let befores = if is_container {
        vec!["", "", "  "]
    } else {
        vec!["", "", "  ", "export ", " export\t"]
    };
    let afters = if is_container {
        vec![""]
    } else {
        vec!["", "", "  ", " # a comment", "\t#"]
    };
    let between = vec![
        "",
        "",
        "",
        "\n",
        "# a comment\n",
        "  # A=1\n",
        "HTTP_PROXY\n",
    ];
    let entry = (
        name(),
        value(),
        0_usize..4,
        select(signs),
        select(befores),
        select(afters),
        select(between),
    );
    (vec(entry, 1..7), option::of(Just("\r\n")), any::<bool>()).prop_map(
        move |(entries, line_end, closed)| {
            let mut text = String::new();
            let (mut names, mut values) = (Vec::new(), Vec::new());
            for (name, value, form, sign, before, after, between) in entries {
                let forms = (form..form + 4).find_map(|form| written(loader, form, &value));
                let Some(written) = forms else { continue };
                text += &format!("{between}{before}{name}{sign}{written}{after}\n");
                names.push(name);
                values.push(value);
            }
            if names.is_empty() {
                text += "A=Zq3x\n";
                names.push("A".to_owned());
            }
            if !closed {
                text.pop();
            }
            // Back-quoted values of several lines keep `\n` for npm either way.
            if let Some(line_end) =
                line_end.filter(|_| is_npm || loader == Loader::Python || is_container)
            {
                text = text.replace('\n', line_end);
            }
            File {
                text,
                names,
                values,
            }
        },
    )
}
