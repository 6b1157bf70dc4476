//! Dotenv files made at random, in the grammars of the three loaders. Each value carries a marker
//! that no name has.

// Tests: a panic is the report.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use keyward_vault::Loader;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::RngSeed;

#[allow(dead_code)]
pub(crate) const MARKER: &str = "Zq3x";

/// The same files each time, `times` as many as otherwise, so that a run that fails shows what was
/// changed. To look at others, set `PROPTEST_RNG_SEED`, and `PROPTEST_CASES` for more of them.
pub(crate) fn config(times: u32) -> ProptestConfig {
    let given = ProptestConfig::default();
    ProptestConfig {
        cases: given.cases * times,
        failure_persistence: None,
        rng_seed: match given.rng_seed {
            RngSeed::Random => RngSeed::Fixed(0x6b77),
            seed @ RngSeed::Fixed(_) => seed,
        },
        ..given
    }
}

/// A file, and what its author meant.
#[derive(Clone, Debug)]
#[allow(dead_code)] // Each test uses a part of it.
pub(crate) struct File {
    pub(crate) text: String,
    pub(crate) names: Vec<String>,
    pub(crate) values: Vec<String>,
}

/// Words of names, as projects have them.
const WORDS: [&str; 12] = [
    "api", "base", "cache", "client", "data", "host", "mail", "port", "queue", "token", "url",
    "user",
];

/// A name: any short one, or words.
fn name() -> impl Strategy<Value = String> {
    let words = |parts: std::ops::Range<usize>| vec(select(WORDS.to_vec()), parts);
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    prop_oneof![
        "[A-Z][A-Z0-9_]{0,10}",
        "[A-Za-z_][A-Za-z0-9_]{0,10}",
        // A project's own words, which can be spoken.
        "([BDKLMNRST][AEIOU]){1,5}(_([BDKLMNRST][AEIOU]){1,5}){1,3}",
        words(1..6).prop_map(|words| words.join("_").to_uppercase()),
        (words(1..4), select(vec!["-", ".", "_"])).prop_map(|(words, sign)| words.join(sign)),
        words(1..3).prop_map(move |words| words.iter().map(|word| capital(word)).collect()),
        (words(1..3), words(1..3)).prop_map(move |(first, second)| {
            [first, second]
                .map(|words| words.iter().map(|word| capital(word)).collect::<String>())
                .join("__")
        }),
    ]
    .prop_filter("a name has no marker", |name: &String| {
        let is_lone =
            !name.contains(['_', '-', '.']) && name.bytes().any(|b| b.is_ascii_lowercase());
        // Below a value without quotes, such a one could be a key of a connection string.
        !name.contains(MARKER) && name != "export" && (name.len() < 12 || !is_lone)
    })
}

/// Pairs of a connection string, of settings or of YAML, by their sign and what parts them.
fn pairs(sign: &'static str, between: &'static str) -> impl Strategy<Value = String> {
    let pair = ("[A-Za-z]{3,20}", "[A-Za-z0-9+/]{4,30}={0,2}");
    vec(pair, 1..5).prop_map(move |pairs| {
        let pairs: Vec<String> = pairs
            .into_iter()
            .map(|(key, value)| format!("{key}{sign}{value}"))
            .collect();
        pairs.join(between)
    })
}

/// Text in lines of `width`, as tools wrap it.
fn wrapped(text: &str, width: usize) -> String {
    let chars: Vec<char> = text.chars().collect();
    let lines: Vec<String> = chars
        .chunks(width)
        .map(|line| line.iter().collect())
        .collect();
    lines.join("\n")
}

/// What people keep in such files.
fn value() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        "[A-Za-z0-9+/]{10,70}={0,2}",
        "[A-Za-z0-9_-]{10,60}={0,2}",
        "[0-9a-f]{16,64}",
        "[A-Z2-7]{10,40}={0,3}",
        "[a-z]{3,8}://[a-z]{2,8}:[A-Za-z0-9%]{4,20}@[a-z.]{4,12}:[0-9]{2,4}/[a-z]{2,9}[?][a-z]{2,16}=[A-Za-z0-9]{2,20}",
        "[a-z]{2,8}( [a-z]{2,8}){0,5}",
        "[!-~][ -~]{0,30}[!-~]",
        "C:(\\\\[a-z]{1,8}){1,4}",
        "[{]\"[a-z]{2,16}\": ?\"[A-Za-z0-9]{4,20}\"[}]",
        "[à-ÿ€]{1,8}[a-z]{1,8}",
        // Keys that are typed in by hand.
        "[A-Z0-9]{4,8}(-[A-Z0-9]{4,8}){2,5}",
        "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    ];
    let width = || select(vec![16_usize, 20, 32, 64, 76]);
    let block = prop_oneof![
        ("([A-Z2-7]{8}){2,16}={0,6}", width()),
        ("([A-Za-z0-9+/]{4}){4,60}={0,2}", width()),
        ("([0-9a-f]{2}){8,64}", width()),
    ]
    .prop_map(|(text, width)| wrapped(&text, width));
    let pem = (
        select(vec!["PRIVATE KEY", "RSA PRIVATE KEY", "CERTIFICATE"]),
        "([A-Za-z0-9+/]{4}){10,60}={0,2}",
    )
        .prop_map(|(of, text)| {
            format!(
                "-----BEGIN {of}-----\n{}\n-----END {of}-----",
                wrapped(&text, 64)
            )
        });
    let several = vec(line.clone(), 2..4).prop_map(|lines| lines.join("\n"));
    let text = prop_oneof![
        6 => line,
        1 => several,
        1 => block,
        1 => pem,
        1 => pairs("=", ";"),
        1 => pairs("=", ";\n"),
        1 => pairs("=", "\n"),
        1 => pairs(": ", "\n"),
    ];
    (text, any::<prop::sample::Index>()).prop_map(|(text, at)| {
        // Not within the padding, which would be none any more.
        let places: Vec<usize> = text
            .char_indices()
            .map(|(at, _)| at)
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
