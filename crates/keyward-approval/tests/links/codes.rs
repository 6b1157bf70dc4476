//! Six digits.

use std::collections::HashSet;

use keyward_base::encoding::hex;
use keyward_base::{ErrorKind, Reason};

use crate::world::{GATE, NOW, World, action, tenant};

#[tokio::test]
async fn a_code_is_six_digits_and_what_is_kept_is_no_piece_of_it() {
    let world = World::new().await;
    let acme = tenant("acme");
    let mut seen = HashSet::new();
    for _ in 0..200 {
        let draft = world.links.draft(&acme, GATE).unwrap();
        let digest = *draft.code_digest();
        let letter = draft.finish(&action("web-1"), 0, NOW).unwrap();
        let code = letter.code().expose();
        assert!(code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()));
        assert!(!format!("{letter:?}").contains(code) && !hex(&digest).is_empty());
        assert!(!letter.link().expose().contains(code));
        seen.insert(code.to_owned());
    }
    // Of 200 out of 10^6 the chance that more than five are alike is below 10^-9.
    assert!(seen.len() >= 195);
    assert!(seen.iter().any(|code| code.starts_with('0')));
}

#[tokio::test]
async fn what_is_typed_has_the_digest_that_was_kept_if_it_is_the_code_of_that_gate() {
    let world = World::new().await;
    let (acme, globex) = (tenant("acme"), tenant("globex"));
    let draft = world.links.draft(&acme, GATE).unwrap();
    let kept = *draft.code_digest();
    let letter = draft.finish(&action("web-1"), 0, NOW).unwrap();
    let code = letter.code().expose().to_owned();
    let presented = world
        .links
        .check(&acme, letter.link().expose(), NOW)
        .await
        .unwrap();
    let digest = |typed: &str| world.links.code_digest(&acme, &presented, typed);
    assert_eq!(digest(&code).unwrap(), kept);
    assert_eq!(
        digest(&format!(" {} {} ", &code[..3], &code[3..])).unwrap(),
        kept
    );
    let other = format!("{:06}", (code.parse::<u32>().unwrap() + 1) % 1_000_000);
    assert_ne!(digest(&other).unwrap(), kept);
    // Another gate's, or another tenant's, has another.
    let elsewhere = world
        .links
        .draft(&acme, keyward_approval::GateId::from_bytes([8; 16]))
        .unwrap();
    let elsewhere = elsewhere.finish(&action("web-1"), 0, NOW).unwrap();
    let elsewhere = world
        .links
        .check(&acme, elsewhere.link().expose(), NOW)
        .await
        .unwrap();
    assert_ne!(
        world.links.code_digest(&acme, &elsewhere, &code).unwrap(),
        kept
    );
    assert_ne!(
        world.links.code_digest(&globex, &presented, &code).unwrap(),
        kept
    );
    let malformed = [
        "",
        "12345",
        "1234567",
        "12345a",
        "１２３４５６",
        "1 23456",
        "123  456",
        "12 3456",
        "-12345",
        "+12345",
        "123-456",
        "123 4 56",
        "0x1234",
    ];
    let long = " ".repeat(10_000);
    for typed in malformed.iter().copied().chain([long.as_str()]) {
        let e = digest(typed).unwrap_err();
        assert_eq!(
            (e.kind(), e.reason()),
            (ErrorKind::Rejected, Some(Reason::MALFORMED)),
            "{typed}"
        );
    }
}
