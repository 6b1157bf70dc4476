//! What is read of `Authorization`, and what a 401 or 403 says.

use axum::response::IntoResponse as _;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue};
use keyward_axum::authorization::bearer;
use keyward_axum::{Challenge, Failure, reason};
use keyward_base::{Error, ErrorKind, Reason};

fn headers(lines: &[&[u8]]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(AUTHORIZATION, HeaderValue::from_bytes(line).unwrap());
    }
    headers
}

#[test]
fn one_token_is_read_in_one_form() {
    let longest = "a".repeat(512);
    for (line, token) in [
        ("Bearer a", "a"),
        ("bearer   a", "a"),
        ("BEARER AZaz09-._~+/==", "AZaz09-._~+/=="),
        (&format!("Bearer {longest}"), &longest),
    ] {
        assert_eq!(bearer(&headers(&[line.as_bytes()])).unwrap(), Some(token));
    }
    assert_eq!(bearer(&HeaderMap::new()).unwrap(), None);
}

#[test]
fn every_other_form_is_refused_by_its_reason() {
    let too_long = format!("Bearer {}", "a".repeat(513));
    for (lines, reason) in [
        (
            &[&b"Bearer a"[..], b"Bearer a"][..],
            reason::AUTHORIZATION_TWICE,
        ),
        (&[b"", b"Bearer a"], reason::AUTHORIZATION_TWICE),
        (&[b"Basic eDp5"], reason::OTHER_SCHEME),
        (&[b"Bearer-Token a"], reason::OTHER_SCHEME),
        (&[b"Bearerx a"], reason::OTHER_SCHEME),
        (&[too_long.as_bytes()], Reason::TOO_LONG),
        (&[b""], Reason::MALFORMED),
        (&[b" Bearer a"], Reason::MALFORMED),
        (&[b"\"Bearer\" a"], Reason::MALFORMED),
        (&[b"Bearer"], Reason::MALFORMED),
        (&[b"Bearer "], Reason::MALFORMED),
        (&[b"Bearer ="], Reason::MALFORMED),
        (&[b"Bearer a=a"], Reason::MALFORMED),
        (&[b"Bearer a b"], Reason::MALFORMED),
        (&[b"Bearer a "], Reason::MALFORMED),
        (&[b"Bearer a,b"], Reason::MALFORMED),
        (&[b"Bearer\ta"], Reason::MALFORMED),
        (&[b"Bearer \ta"], Reason::MALFORMED),
        (&[b"Bearer:a"], Reason::MALFORMED),
        (&[b"Bearer token=\"a\""], Reason::MALFORMED),
        (&[b"Bearer \xc3\xa4"], Reason::MALFORMED),
        (&[b"Bearer \xff"], Reason::MALFORMED),
    ] {
        let error = bearer(&headers(lines)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert_eq!(error.reason(), Some(reason), "{lines:?}");
    }
}

fn said(challenge: &Challenge) -> String {
    let failure = Failure::unauthenticated(challenge, Error::rejected(Reason::NOT_FOUND));
    let answer = failure.into_response();
    answer.headers()[WWW_AUTHENTICATE]
        .to_str()
        .unwrap()
        .to_owned()
}

#[test]
fn a_challenge_says_one_error_and_only_of_bearer() {
    let plain = Challenge::bearer("api").unwrap();
    assert_eq!(said(&plain), "Bearer realm=\"api\"");
    let invalid = plain.invalid_token().unwrap();
    assert_eq!(
        said(&invalid),
        "Bearer realm=\"api\", error=\"invalid_token\""
    );
    let scope = plain
        .insufficient_scope("servers:read servers:write")
        .unwrap();
    assert_eq!(
        said(&scope),
        "Bearer realm=\"api\", error=\"insufficient_scope\", scope=\"servers:read servers:write\""
    );
    for wrong in ["", "a\"b", "a\\b", "a\nb", "ä"] {
        assert!(plain.insufficient_scope(wrong).is_err(), "{wrong}");
    }
    let cookie = Challenge::scheme("Cookie", "session").unwrap();
    for error in [
        cookie.invalid_token(),
        cookie.insufficient_scope("a"),
        invalid.invalid_token(),
        scope.invalid_token(),
        invalid.insufficient_scope("a"),
    ] {
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Misuse);
    }
    // A realm that reads like an error is no error.
    let odd = Challenge::bearer("a, error=b").unwrap();
    assert!(odd.invalid_token().is_ok());
}
