//! What an approver is sent.

use keyward_approval::View;
use keyward_approval::link::CodeIn;
use keyward_base::ErrorKind;
use secrecy::ExposeSecret as _;

use crate::world::{GATE, NOW, World, action, action_of, tenant};

const PAGE: &str = "https://desk.example/approval";

#[tokio::test]
async fn a_mail_has_one_link_and_all_that_is_to_be_seen() {
    let world = World::new().await;
    let hostile =
        "</p><a href=\"https://evil.example\">x</a>\nhttps://evil.example/approve\u{202e}";
    let action = action_of("acme", "<img src=x>", hostile);
    let draft = world.links.draft(&tenant("acme"), GATE).unwrap();
    let letter = draft.finish(&action, 0, NOW).unwrap();
    let mail = letter
        .mail(&action, &View::of(&action), PAGE, CodeIn::Mail)
        .unwrap();
    assert_eq!(mail.subject, "Approval asked: server.delete");
    let url = format!("{PAGE}?token={}", letter.link().expose());
    let (text, html) = (mail.text.expose_secret(), mail.html.expose_secret());
    assert!(text.contains(&View::of(&action).text()));
    assert_eq!(text.matches("://").count(), 1);
    assert_eq!(text.lines().filter(|line| *line == url).count(), 1);
    assert!(text.lines().all(|line| line.len() < 998));
    // Elements of ours alone; one of them is a link, and nothing is loaded.
    assert_eq!(html.matches("<a ").count(), 1);
    assert_eq!(
        html.matches("href=").count() + html.matches("src=").count(),
        3,
        "two of theirs, as text"
    );
    assert_eq!(html.matches("href=\"").count(), 1);
    assert!(html.contains(&format!("<a href=\"{url}\" rel=\"noreferrer\">{url}</a>")));
    assert_eq!(html.matches("://").count(), 2);
    for tag in [
        "<img",
        "<script",
        "<form",
        "<iframe",
        "<link",
        "<style",
        "onclick",
        "javascript",
    ] {
        assert!(!html.contains(tag), "{tag}");
    }
    assert!(html.contains("content=\"no-referrer\""));
    // When the link ends, which is not when the action may begin to run.
    assert!(text.contains("ends at\n2026-01-31T00:00:00Z."), "{text}");
    assert!(html.contains("ends at 2026-01-31T00:00:00Z."), "{html}");
    for body in [text, html] {
        assert!(body.contains(letter.code().expose()));
        assert!(body.contains("2026-01-31T00:00:00Z"));
    }
    assert!(!format!("{mail:?}").contains(letter.code().expose()));
}

#[tokio::test]
async fn a_code_that_is_read_to_the_approver_is_in_no_mail_and_no_chat() {
    let world = World::new().await;
    let (action, letter) = (action("web-1"), world.letter());
    let view = View::of(&action);
    let mail = letter
        .mail(&action, &view, PAGE, CodeIn::AskersScreen)
        .unwrap();
    assert!(mail.text.expose_secret().contains("can read to you"));
    // Where there is none, nobody is sent to look for it.
    let none = letter.mail(&action, &view, PAGE, CodeIn::Nowhere).unwrap();
    for body in [&none.text, &none.html] {
        let body = body.expose_secret();
        assert!(body.contains("The page asks who you are."), "{body}");
        assert!(!body.contains("code"), "{body}");
    }
    let chat = letter.chat(PAGE).unwrap();
    let code = letter.code().expose();
    for body in [&mail.text, &mail.html, &chat] {
        assert!(!body.expose_secret().contains(code));
    }
    let line = format!(
        "An approval is asked of you: {PAGE}?token={}",
        letter.link().expose()
    );
    assert_eq!(chat.expose_secret(), line);
    for page in [
        "http://desk.example/a",
        "https://desk.example/a?b",
        "https://a@b/",
        "ftp://x",
        "/a",
    ] {
        assert_eq!(
            letter.chat(page).unwrap_err().kind(),
            ErrorKind::Misuse,
            "{page}"
        );
        assert!(letter.mail(&action, &view, page, CodeIn::Mail).is_err());
        assert!(letter.link().qr(page).is_err());
    }
}

#[tokio::test]
async fn a_qr_code_is_a_picture_of_the_link_and_loads_nothing() {
    let world = World::new().await;
    let letter = world.letter();
    let svg = letter.link().qr(PAGE).unwrap();
    let svg = svg.expose_secret();
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>"));
    assert_eq!(svg.matches("http").count(), 1, "the name of the elements");
    assert!(!svg.contains(letter.link().expose()));
    let modules = svg.matches("h1v1h-1z").count();
    assert!((800..1_600).contains(&modules), "{modules}");
    assert_ne!(
        world
            .letter_of(&world.links, 9)
            .link()
            .qr(PAGE)
            .unwrap()
            .expose_secret(),
        svg
    );
    let long = format!("https://desk.example/{}", "a".repeat(3_000));
    assert_eq!(
        letter.link().qr(&long).unwrap_err().kind(),
        ErrorKind::Misuse
    );
}
