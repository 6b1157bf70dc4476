//! The contrast of every pair of colours that stand on one another, in both sets of the style
//! sheet: 4.5 to 1 or more (WCAG 2.2, success criterion 1.4.3).
// Tests: a panic is the report.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};

const SHEET: &str = include_str!("../assets/style.css");

/// What text stands on: the page and the cards, under text that has no ground of its own.
const GROUNDS: [&str; 2] = ["ground", "card"];

type Colours = BTreeMap<String, [u8; 3]>;

/// The colours named in a `:root` block.
fn colours(block: &str) -> Colours {
    let named = block.split("--").skip(1).filter_map(|part| {
        let (name, value) = part.split_once(": #")?;
        let hex = u32::from_str_radix(value.get(..6)?, 16).ok()?;
        let [_, red, green, blue] = hex.to_be_bytes();
        Some((name.to_owned(), [red, green, blue]))
    });
    named.collect()
}

/// The light set and the dark one.
fn sets() -> [Colours; 2] {
    let mut blocks = SHEET.split(":root {").skip(1);
    let mut next = || colours(blocks.next().unwrap().split('}').next().unwrap());
    [next(), next()]
}

fn luminance(colour: [u8; 3]) -> f64 {
    let [red, green, blue] = colour.map(|part| {
        let part = f64::from(part) / 255.0;
        if part <= 0.04045 {
            part / 12.92
        } else {
            ((part + 0.055) / 1.055).powf(2.4)
        }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// What a property names, if it is a named colour.
fn named<'a>(rule: &'a str, property: &str) -> Option<&'a str> {
    let declared = rule.split(';').find_map(|part| {
        let (name, value) = part.split_once(':')?;
        (name.trim() == property).then(|| value.trim())
    })?;
    Some(declared.strip_prefix("var(--")?.strip_suffix(')').unwrap())
}

/// Text colour and what it stands on, of every rule.
fn pairs() -> BTreeSet<(String, String)> {
    let mut pairs = BTreeSet::new();
    let rules = SHEET
        .split('{')
        .skip(1)
        .map(|rest| rest.split('}').next().unwrap());
    for rule in rules.filter(|rule| !rule.contains("--ground:")) {
        let ground = named(rule, "background");
        let text = named(rule, "color");
        let grounds = ground.map_or(GROUNDS.to_vec(), |ground| vec![ground]);
        let texts = text.map_or(vec!["ink"], |text| vec![text]);
        for on in &grounds {
            for text in &texts {
                pairs.insert(((*text).to_owned(), (*on).to_owned()));
            }
        }
    }
    pairs
}

#[test]
fn all_text_is_told_from_what_it_stands_on() {
    let pairs = pairs();
    assert!(pairs.len() >= 15, "{pairs:?}");
    for (set, name) in sets().iter().zip(["light", "dark"]) {
        for (text, ground) in &pairs {
            let ratio = contrast(set[text], set[ground]);
            assert!(ratio >= 4.5, "{name}: {text} on {ground} is {ratio:.2}");
        }
    }
}

#[test]
fn nothing_takes_contrast_away_afterwards() {
    for word in ["filter: ", "mix-blend", "rgba(", "hsl", "opacity: ."] {
        assert!(!SHEET.contains(word), "{word}");
    }
    // Colours are named in the two sets and nowhere else.
    let rules = SHEET.split("*, *::before").nth(1).unwrap();
    assert!(!rules.contains('#'), "a colour without a name");
}

#[test]
fn the_arithmetic_is_that_of_the_criterion() {
    assert!((contrast([0; 3], [255; 3]) - 21.0).abs() < 0.001);
    assert!((contrast([0x76; 3], [255; 3]) - 4.54).abs() < 0.01);
}
