//! Hostile texts as Chromium lays them out, in a page and in a mail: all of each is seen, and none is
//! an element or a link.

use keyward_approval::View;
use keyward_approval::view::Where;
use keyward_testkit::Browser;

use crate::world::{HOSTILE, unescaped, with};

const SEEN: &str = "(() => {
    const name = [...document.querySelectorAll('dt')].find((dt) => dt.innerText.trim() === 'text');
    const value = name.nextElementSibling;
    value.querySelectorAll('em').forEach((note) => note.remove());
    const all = [...document.body.querySelectorAll('*')];
    const named = all.flatMap((one) => [...one.attributes].map((attribute) => attribute.name));
    return {
        text: value.innerText.trim(),
        elements: [...new Set(all.map((one) => one.tagName))].sort().join(' '),
        attributes: [...new Set(named)].join(' '),
        links: document.links.length,
    };
})()";

#[test]
fn a_browser_shows_all_of_a_hostile_text_and_no_element_of_it() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("view.html");
    // A mebibyte, nearly: each of them over and over.
    let all = HOSTILE.join("\n ");
    let long = all.repeat(1_000_000 / all.len());
    let lines = "first: a\n second: b\n\n  third: c \n";
    for text in HOSTILE.into_iter().chain([lines, &long]) {
        for place in [Where::Page, Where::Mail] {
            let html = View::of(&with(text)).html(place);
            let page = format!("<!doctype html><meta charset=utf-8><title>-</title><body>{html}");
            std::fs::write(&path, page).unwrap();
            browser.go(&format!("file://{}", path.display()));
            let seen = browser.run(SEEN);
            let shown = seen["text"].as_str().unwrap();
            let shown = shown
                .strip_prefix('"')
                .and_then(|rest| rest.strip_suffix('"'));
            assert!(
                unescaped(shown.unwrap()) == text,
                "{place:?}: {shown:.400?}"
            );
            let elements = seen["elements"].as_str().unwrap();
            assert!(
                [
                    "BDI BR DD DL DT",
                    "BDI BR DD DL DT EM",
                    "BDI DD DL DT EM",
                    "BDI DD DL DT"
                ]
                .contains(&elements),
                "{elements}"
            );
            assert_eq!(
                (&seen["attributes"], &seen["links"]),
                (&"class".into(), &0.into())
            );
        }
    }
}
