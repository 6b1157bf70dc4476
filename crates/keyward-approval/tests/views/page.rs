//! A view as HTML: read by a reader of tags that knows nothing of what made it.

use keyward_approval::View;
use keyward_approval::view::Where;
use proptest::prelude::*;

use crate::world::{HOSTILE, because, keyed, provider, unescaped, with};

/// The tags of a page, and its text.
fn read(html: &str) -> (Vec<String>, String) {
    let (mut tags, mut text) = (Vec::new(), String::new());
    let mut rest = html;
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(before);
        let (tag, after) = after.split_once('>').unwrap();
        if tag == "br" {
            text.push('\n');
        }
        tags.push(tag.to_owned());
        rest = after;
    }
    text.push_str(rest);
    (tags, decoded(&text))
}

fn decoded(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let (name, after) = after.split_once(';').unwrap();
        let code = match name {
            "lt" => 60,
            "gt" => 62,
            "amp" => 38,
            "quot" => 34,
            _ => name.strip_prefix('#').unwrap().parse().unwrap(),
        };
        out.push(char::from_u32(code).unwrap());
        rest = after;
    }
    out.push_str(rest);
    out
}

fn is_own(tag: &str) -> bool {
    let plain = ["/dl", "/dt", "/dd", "br", "bdi", "/bdi", "em", "/em"];
    let depth = |front: &str| {
        let rest = tag
            .strip_prefix(front)
            .and_then(|rest| rest.strip_suffix('"'));
        rest.is_some_and(|depth| depth.len() <= 2 && depth.bytes().all(|b| b.is_ascii_digit()))
    };
    plain.contains(&tag)
        || tag == "dl class=\"keyward-action\""
        || depth("dt class=\"keyward-depth-")
        || depth("dd class=\"keyward-depth-")
}

fn holds(text: &str, place: Where) {
    let (tags, shown) = read(&View::of(&with(text)).html(place));
    assert!(tags.iter().all(|tag| is_own(tag)), "{tags:?}");
    let own = View::of(&with("x")).html(place);
    let own = read(&own)
        .0
        .iter()
        .filter(|tag| tag.starts_with("dt"))
        .count();
    // Who gives no reason has no line of one.
    let own = own.saturating_sub(usize::from(text.is_empty()));
    assert_eq!(tags.iter().filter(|tag| tag.starts_with("dt")).count(), own);
    // All of it is there: as the value of an argument, in quotes, behind its label.
    let after = shown.split("\ntext\n").nth(1).unwrap();
    let value = after.strip_prefix('"').unwrap();
    let end = value
        .find("\"\ntoken")
        .or_else(|| value.find("\" (it has letters"))
        .unwrap();
    assert_eq!(unescaped(&value[..end]), text);
}

#[test]
fn nothing_hostile_is_an_element_and_all_of_it_is_there() {
    for text in HOSTILE {
        holds(text, Where::Page);
        holds(text, Where::Mail);
    }
    holds("", Where::Page);
    holds("", Where::Mail);
    let long = HOSTILE.concat().repeat(600);
    assert!(long.len() > 200_000);
    holds(&long, Where::Page);
}

#[test]
fn what_somebody_says_of_himself_is_marked_as_his_word() {
    let html = View::of(&because("trust me")).html(Where::Page);
    let (_, text) = read(&html);
    let marked = "Reason (the requester's own words, which nobody checked)\n\"trust me\"";
    assert!(text.contains(marked), "{text}");
    assert!(text.contains("Confidence (the requester's own words, which nobody checked)\n87.0 %"));
}

#[test]
fn letters_from_right_to_left_are_said_to_be_there() {
    let html = View::of(&because("מחק web-1")).html(Where::Page);
    assert!(
        html.contains("<bdi>&#34;מחק web-1&#34;</bdi> <em>(it has letters"),
        "{html}"
    );
    let text = View::of(&because("מחק web-1")).text();
    assert!(text.contains("(it has letters that are written from right to left)"));
}

#[test]
fn so_it_is_said_of_names_and_of_what_is_folded() {
    let note = "(it has letters that are written from right to left)";
    let folded = View::of(&because(&"מחק ".repeat(90))).folded(&provider(), 40);
    for shown in [folded.text(), folded.html(Where::Page)] {
        assert!(
            shown.contains(note) && shown.contains("not all is shown here"),
            "{shown}"
        );
    }
    let named = View::of(&keyed("מחק"));
    for shown in [named.text(), named.html(Where::Page)] {
        assert!(shown.contains(note), "{shown}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_is_an_element(text in "(.|[<>&\"'=/ \n]){0,60}") {
        holds(&text, Where::Page);
        holds(&text, Where::Mail);
    }
}
