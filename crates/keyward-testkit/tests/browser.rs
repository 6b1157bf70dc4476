//! The browser does what tests ask of it.
#![allow(clippy::unwrap_used, missing_docs)] // Tests: a panic is the report.

use keyward_testkit::Browser;
use serde_json::json;

#[test]
fn a_page_is_shown_asked_and_left() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.go("data:text/html,<title>one</title>first");
    assert_eq!(
        (browser.text().as_str(), browser.cookies().len()),
        ("first", 0)
    );
    assert_eq!(browser.run("Promise.resolve(6 * 7)"), json!(42));
    browser.leave("location.href = 'about:blank'");
    assert_eq!(browser.text(), "");
    assert_eq!(browser.complaints(), [""; 0]);
    let page = "<meta http-equiv=Content-Security-Policy content=\"img-src 'none'\"><img src=a:b>";
    browser.go(&format!("data:text/html,{page}"));
    let complaints = browser.complaints();
    assert!(
        complaints.iter().any(|told| told.contains("img-src")),
        "{complaints:?}"
    );
}
