//! The shape of tokens, and nothing but the shape.

#![allow(clippy::unwrap_used)] // Tests: a panic is the report.

use keyward_base::encoding::base64url;
use keyward_base::token::{MAX_TOKEN_LEN, TokenKind, TokenShape};
use keyward_base::{KeyId, Reason};
use proptest::prelude::*;

const BODY: [u8; 41] = [0xa5; 41];

fn reason(text: &str) -> Option<Reason> {
    TokenShape::parse(text).unwrap_err().reason()
}

#[test]
fn each_kind_is_read() {
    for (prefix, kind) in [
        ("kwk_", TokenKind::ApiKey),
        ("kwl_", TokenKind::ApprovalLink),
        ("kwr_", TokenKind::Refresh),
        ("kws_", TokenKind::Session),
    ] {
        let shape = TokenShape::parse(&format!("{prefix}{}", base64url(&BODY))).unwrap();
        assert_eq!((shape.kind(), kind.prefix()), (kind, prefix));
        assert_eq!((shape.version(), shape.rest_len()), (0xa5, 32));
        assert_eq!(shape.key(), KeyId::from_bytes([0xa5; 8]));
        assert!(!format!("{shape:?}").contains("165, 165"));
    }
}

#[test]
fn anything_else_is_malformed_or_too_long() {
    let body = base64url(&BODY);
    for text in [
        String::new(),
        "kws_".into(),
        format!("kwz_{body}"),
        format!("KWS_{body}"),
        format!(" kws_{body}"),
        format!("kws_{body}="),
        format!("kws_{body} "),
        format!("kws_{}", base64url(&[1; 8])),
    ] {
        assert_eq!(reason(&text), Some(Reason::Malformed), "{text:?}");
    }
    let longest = format!("kws_{}", "A".repeat(MAX_TOKEN_LEN - 4));
    assert!(TokenShape::parse(&longest).is_ok());
    assert_eq!(reason(&format!("{longest}A")), Some(Reason::TooLong));
}

proptest! {
    #[test]
    fn any_text_is_read_or_rejected(text in "(kw[klrsx]_)?[A-Za-z0-9_\\-= é]{0,60}") {
        if let Err(e) = TokenShape::parse(&text) {
            prop_assert_eq!(e.to_string(), "rejected");
        }
    }
}
