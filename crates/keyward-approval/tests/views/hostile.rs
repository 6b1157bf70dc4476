//! A view as plain text: none of its lines is of somebody else, and all of theirs are there.

use keyward_approval::View;
use proptest::prelude::*;

use crate::world::{HOSTILE, SECRET, because, provider, unescaped, with};

/// The lines that are the view's own, up to a value.
fn own(text: &str) -> Vec<String> {
    let lines = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("| "));
    let labels = lines.map(|line| line.split(": \"").next().unwrap());
    let labels = labels.map(|line| line.trim_end_matches(':').to_owned());
    labels
        .filter(|line| !line.contains("from right to left"))
        .collect()
}

/// What is marked as somebody else's, put together.
fn marked(text: &str) -> String {
    text.lines()
        .filter_map(|line| line.trim_start().strip_prefix("| "))
        .collect()
}

#[test]
fn a_view_says_what_is_to_be_done_and_by_whom() {
    let view = View::of(&because("it is old")).text();
    let expected = r#"Step 1 of 1: server.delete
  target: "web-1"
Asked by: an agent, which decides by itself what it asks for
  who: "agent-7"
  owned by: "ada"
Reason (the requester's own words, which nobody checked): "it is old"
Confidence (the requester's own words, which nobody checked): 87.0 %
Tenant: "acme"
Service: deploydesk
Run by: worker
To be decided before: 2026-01-01T00:00:00Z
To be begun before: 2026-01-01T00:00:00Z
Policy: version 7
"#;
    assert!(view.starts_with(expected), "{view}");
    assert!(view.contains(&because("it is old").digest().to_string()[..60]));
}

#[test]
fn nothing_hostile_makes_a_line_of_its_own() {
    let plain = own(&View::of(&because("it is old")).text());
    for text in HOSTILE {
        let view = View::of(&because(text)).text();
        let (mut is, mut was) = (own(&view), plain.clone());
        // The digests differ.
        assert_eq!(is.len(), was.len(), "{view}");
        is.truncate(13);
        was.truncate(13);
        assert_eq!(is, was, "{view}");
        assert!(
            view.lines().all(|line| line.chars().count() <= 76),
            "{view}"
        );
        let odd = |c: char| c.is_control() && c != '\n';
        assert!(!view.contains(odd), "{view:?}");
    }
}

#[test]
fn all_of_a_mebibyte_is_there() {
    let pattern = "<b>\u{202e}\u{200b}https://evil.example/ x\n";
    let long = pattern.repeat(1024 * 1024 / pattern.len());
    let view = View::of(&because(&long)).text();
    // What is not on a line with its label is marked.
    let shown = marked(&view);
    let quoted = shown.split("\"<b>").nth(1).map(|rest| format!("<b>{rest}"));
    let quoted = quoted.unwrap();
    let end = quoted.rfind('"').unwrap();
    assert_eq!(unescaped(&quoted[..end]), long);
    let in_argument = View::of(&with(&long)).text();
    assert!(in_argument.len() > long.len());
}

#[test]
fn a_fold_says_how_much_is_not_shown_and_which() {
    let long = format!("{}{}", "é".repeat(3_000), "end");
    let action = because(&long);
    let view = View::of(&action).folded(&provider(), 2_000).text();
    let digest = provider().sha256(&[long.as_bytes()]);
    let digest = keyward_base::encoding::hex(&digest);
    assert!(view.contains("not all is shown here: 3003 characters, SHA-256 of the whole"));
    assert!(view.contains(&digest), "{view}");
    assert_eq!(view.matches('é').count(), 2_000);
    assert!(!view.contains("end\""));
    let whole = View::of(&because("short"))
        .folded(&provider(), 2_000)
        .text();
    assert_eq!(whole, View::of(&because("short")).text());
}

#[test]
fn a_secret_is_masked_and_said_to_be_there() {
    let action = with("x");
    let view = View::of(&action);
    for shown in [
        view.text(),
        view.html(keyward_approval::view::Where::Page),
        format!("{view:?}"),
    ] {
        assert!(!shown.contains(&SECRET[4..12]));
    }
    assert!(
        view.text()
            .contains("  token: (a secret, not shown; what runs is bound to it)")
    );
    // The same words as a text are in quotes.
    let text = View::of(&with("(a secret, not shown; what runs is bound to it)")).text();
    assert!(text.contains("text: \"(a secret"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_makes_a_line_of_its_own(text in ".{0,200}") {
        let plain = own(&View::of(&because("it is old")).text());
        let is = own(&View::of(&because(&text)).text());
        let reason = usize::from(text.is_empty());
        prop_assert_eq!(is.len() + reason, plain.len());
    }
}
