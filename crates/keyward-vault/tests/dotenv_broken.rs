//! No piece of a value of a dotenv file is taken for a name, however the file is broken.
// Tests: a panic is the report.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs
)]

#[path = "support/dotenv_files.rs"]
mod dotenv_files;

use dotenv_files::{File, config, unbroken};
use keyward_base::{SecretBytes, Timestamp};
use keyward_crypto::Provider;
use keyward_vault::{Credential, Kind, Loader};
use proptest::prelude::*;
use proptest::sample::Index;

/// Characters in a row that may be shown only of a name.
const WINDOW: usize = 12;

/// Ways in which such files are broken by those who edit and copy them.
#[derive(Clone, Debug)]
enum Break {
    /// One quote is gone.
    LoseQuote(Index),
    /// All quotes of a sort are gone.
    LoseQuotes(char),
    /// One quote is of another sort.
    SwapQuote(Index, char),
    /// A value stands below its name.
    Below(Index),
    /// A name and its sign are gone.
    LoseName(Index),
    /// The file ends early.
    Truncate(Index),
    /// Lines are wrapped.
    Wrap(usize),
    /// All line ends but the last are gone.
    Join(Index),
    /// Some characters are gone.
    Delete(Index, usize),
    /// Something is typed into it.
    Insert(Index, &'static str),
    /// A colon stands for a sign.
    Colon(Index),
    /// A line begins as in a shell.
    Begin(Index, &'static str),
    /// Lines end as elsewhere.
    LineEnds(&'static str),
}

fn breaks() -> impl Strategy<Value = Break> {
    let at = any::<Index>;
    let quote = || prop::sample::select(vec!['"', '\'', '`']);
    let typed = prop::sample::select(vec![
        "\n",
        "\"",
        "'",
        "`",
        "=",
        " ",
        "#",
        ":",
        ": ",
        "\\",
        "\\\n",
        "\n\n",
        "==\n",
        "=\n",
        "\n=",
        "(\n",
        "$(cat <<EOF\n",
        "|\n",
        "\r",
        "\0",
        "\u{b}",
        "\u{c}",
        "\u{1c}",
        "\u{85}",
        "\u{a0}",
        "\u{200b}",
        "\u{2028}",
        "\u{feff}",
    ]);
    let begin = prop::sample::select(vec![
        "export ",
        "set ",
        "$env:",
        "declare -x ",
        "setenv ",
        "let ",
        "- ",
        "  ",
        "; ",
        "// ",
    ]);
    let line_ends = prop::sample::select(vec!["\r\n", "\r", "\n\r", "\\\n", ";\n", " \n"]);
    prop_oneof![
        at().prop_map(Break::LoseQuote),
        quote().prop_map(Break::LoseQuotes),
        (at(), quote()).prop_map(|(at, quote)| Break::SwapQuote(at, quote)),
        at().prop_map(Break::Below),
        at().prop_map(Break::LoseName),
        at().prop_map(Break::Truncate),
        (8_usize..77).prop_map(Break::Wrap),
        at().prop_map(Break::Join),
        (at(), 1_usize..6).prop_map(|(at, len)| Break::Delete(at, len)),
        (at(), typed).prop_map(|(at, typed)| Break::Insert(at, typed)),
        at().prop_map(Break::Colon),
        (at(), begin).prop_map(|(at, begin)| Break::Begin(at, begin)),
        line_ends.prop_map(Break::LineEnds),
    ]
}

/// One of the places of these characters.
fn place(text: &str, at: &Index, of: &[char]) -> Option<usize> {
    let places: Vec<usize> = text.match_indices(of).map(|(at, _)| at).collect();
    (!places.is_empty()).then(|| *at.get(&places))
}

fn boundary(text: &str, at: &Index) -> usize {
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
    if places.is_empty() {
        0
    } else {
        *at.get(&places)
    }
}

fn broken(text: &str, how: &Break) -> String {
    let mut text = text.to_owned();
    let quotes = ['"', '\'', '`'];
    match how {
        Break::LoseQuote(at) => {
            if let Some(at) = place(&text, at, &quotes) {
                text.remove(at);
            }
        }
        Break::LoseQuotes(quote) => text.retain(|c| c != *quote),
        Break::SwapQuote(at, quote) => {
            if let Some(at) = place(&text, at, &quotes) {
                text.replace_range(at..=at, &quote.to_string());
            }
        }
        Break::Below(at) => {
            if let Some(at) = place(&text, at, &['=']) {
                text.insert(at + 1, '\n');
            }
        }
        Break::LoseName(at) => {
            if let Some(at) = place(&text, at, &['=']) {
                let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
                text.replace_range(start..=at, "");
            }
        }
        Break::Truncate(at) => text.truncate(boundary(&text, at)),
        Break::Wrap(width) => {
            let lines = text.split('\n').map(|line| {
                let chars: Vec<char> = line.chars().collect();
                let pieces: Vec<String> =
                    chars.chunks(*width).map(|p| p.iter().collect()).collect();
                pieces.join("\n")
            });
            text = lines.collect::<Vec<_>>().join("\n");
        }
        Break::Join(at) => {
            if let Some(at) = place(&text, at, &['\n']) {
                text.remove(at);
            }
        }
        Break::Delete(at, len) => {
            let start = boundary(&text, at);
            let end = text[start..]
                .char_indices()
                .nth(*len)
                .map_or(text.len(), |(len, _)| start + len);
            text.replace_range(start..end, "");
        }
        Break::Insert(at, typed) => text.insert_str(boundary(&text, at), typed),
        Break::Colon(at) => {
            if let Some(at) = place(&text, at, &['=']) {
                text.replace_range(at..=at, ": ");
            }
        }
        Break::Begin(at, begin) => {
            let start = place(&text, at, &['\n']).map_or(0, |end| end + 1);
            text.insert_str(start, begin);
        }
        Break::LineEnds(line_end) => text = text.replace('\n', line_end),
    }
    text
}

/// All that is stored in clear, listed, printed or answered.
fn shown(text: &str) -> (bool, String) {
    let now = Timestamp::from_millis(1);
    let bytes = SecretBytes::copy_of(text.as_bytes());
    match Credential::parse(Kind::Env, bytes, &Provider::default(), now) {
        Ok(credential) => {
            let facts = serde_json::to_string(credential.facts()).unwrap();
            let notes: Vec<String> = credential.notes().iter().map(ToString::to_string).collect();
            let set = credential.env().unwrap();
            let said = format!(
                "{credential:?} {set:?} {} {facts} {:?} {notes:?}",
                credential.hint(),
                credential.notes()
            );
            (true, said)
        }
        Err(error) => (false, format!("{error} {error:?}")),
    }
}

fn leak(file: &File, said: &str) -> Option<String> {
    let said: Vec<char> = said.chars().collect();
    said.windows(WINDOW)
        .map(|window| window.iter().collect::<String>())
        .find(|run| {
            file.values.iter().any(|value| value.contains(run.as_str()))
                && !file.names.iter().any(|name| name.contains(run.as_str()))
        })
}

proptest! {
    #![proptest_config(config(16))]

    #[test]
    fn nothing_of_a_value_is_shown(
        file in prop_oneof![
            unbroken(Loader::Npm),
            unbroken(Loader::Python),
            unbroken(Loader::Container),
        ],
        breaks in prop::collection::vec(breaks(), 0..4),
    ) {
        let text = breaks.iter().fold(file.text.clone(), |text, how| broken(&text, how));
        let (_, said) = shown(&text);
        prop_assert_eq!(leak(&file, &said), None, "{:?}: {}", text, said);
    }
}
