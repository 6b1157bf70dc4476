//! Tokens: one text for each, decoded whole or not at all; and the outside that anybody can read.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used
)] // Tests: a panic is the report.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use keyward_base::encoding::base64url;
use keyward_base::token::{MAX_TOKEN_LEN, TokenBuffer, TokenKind, TokenShape, checksum_fits};
use keyward_base::{ErrorKind, KeyId, Reason};
use proptest::prelude::*;
use secrecy::ExposeSecret as _;

const KEY: KeyId = KeyId::from_bytes([0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef]);
const SESSION: TokenKind<([u8; 16], [u8; 32], u64)> = TokenKind::new("kws_", 1);
const API_KEY: TokenKind<([u8; 32],)> = TokenKind::new("kwk_", 1).with_checksum();

/// Made by `vectors/generate.py`, which writes them into the files beside it.
const SESSION_TEXT: &str =
    "kws_AQEjRWeJq83vAAECAwQFBgcICQoLDA0ODyAhIiMkJSYnKCkqKywtLi8wMTIzNDU2Nzg5Ojs8PT4_AAAAAAAAAQI";
const API_KEY_TEXT: &str = "kwk_AQEjRWeJq83vQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl81NAK1S";
const OWN_TEXT: &str = "acme_key_AQEjRWeJq83vQEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl82qv3VS";

fn counting<const N: usize>(from: u8) -> [u8; N] {
    std::array::from_fn(|at| from + u8::try_from(at).unwrap())
}

fn reason<L: keyward_base::token::Layout>(kind: &TokenKind<L>, text: &str) -> Option<Reason> {
    let mut buffer = TokenBuffer::new();
    kind.decode(text, &mut buffer).err()?.reason()
}

#[test]
fn the_texts_of_another_implementation() {
    let mut buffer = TokenBuffer::new();
    let payload = (&counting(0), &counting(0x20), 258);
    let made = SESSION.encode(KEY, payload).unwrap();
    assert_eq!(made.expose_secret(), SESSION_TEXT);
    let token = SESSION.decode(SESSION_TEXT, &mut buffer).unwrap();
    assert_eq!((token.key, token.payload), (KEY, payload));
    assert_eq!(format!("{token:?}"), "Token(0123456789abcdef, ..)");
    assert_eq!(format!("{buffer:?}"), "TokenBuffer(..)");

    let secret = counting(0x40);
    let own = API_KEY.with_prefix("acme_key_").unwrap();
    for (kind, text) in [(&API_KEY, API_KEY_TEXT), (&own, OWN_TEXT)] {
        assert_eq!(kind.encode(KEY, (&secret,)).unwrap().expose_secret(), text);
        let token = kind.decode(text, &mut buffer).unwrap();
        assert_eq!((token.key, token.payload), (KEY, (&secret,)));
    }
    assert_eq!(reason(&API_KEY, OWN_TEXT), Some(Reason::MALFORMED));
    assert_eq!(reason(&own, API_KEY_TEXT), Some(Reason::MALFORMED));
}

#[test]
fn the_files_of_the_other_implementation_hold_these_texts() {
    for (file, text) in [
        (include_str!("vectors/token/session.txt"), SESSION_TEXT),
        (include_str!("vectors/token/api-key.txt"), API_KEY_TEXT),
        (include_str!("vectors/token/own-prefix.txt"), OWN_TEXT),
    ] {
        let held = file.lines().find_map(|line| line.strip_prefix("text: "));
        assert_eq!(held, Some(text));
    }
}

#[test]
fn anything_else_is_malformed_or_too_long() {
    for text in [
        String::new(),
        "kws_".into(),
        SESSION_TEXT.replacen("kws_", "kwz_", 1),
        SESSION_TEXT.replacen("kws_", "KWS_", 1),
        format!(" {SESSION_TEXT}"),
        format!("{SESSION_TEXT}="),
        format!("{SESSION_TEXT}A"),
        format!("{SESSION_TEXT}é"),
        SESSION_TEXT[..SESSION_TEXT.len() - 1].into(),
        SESSION_TEXT.replace('_', "/"),
        // Another version; unused bits of the last character that are not zero.
        SESSION_TEXT.replacen("kws_AQ", "kws_Ag", 1),
        SESSION_TEXT.replacen("kws_AQ", "kws_AA", 1),
        format!("{}J", &SESSION_TEXT[..SESSION_TEXT.len() - 1]),
    ] {
        assert_eq!(reason(&SESSION, &text), Some(Reason::MALFORMED), "{text}");
    }
    let longest = format!("kws_{}", "A".repeat(MAX_TOKEN_LEN - 4));
    assert_eq!(reason(&SESSION, &longest), Some(Reason::MALFORMED));
    assert_eq!(
        reason(&SESSION, &format!("{longest}A")),
        Some(Reason::TOO_LONG)
    );
}

/// Each character counts, those of the checksum too; without it, and with another behind it, the
/// token is none.
#[test]
fn a_checksum_is_of_the_whole_text() {
    for (at, was) in API_KEY_TEXT.char_indices() {
        let other = if was == 'B' { 'C' } else { 'B' };
        let changed = format!("{}{other}{}", &API_KEY_TEXT[..at], &API_KEY_TEXT[at + 1..]);
        assert_eq!(reason(&API_KEY, &changed), Some(Reason::MALFORMED), "{at}");
    }
    let bare = &API_KEY_TEXT[..API_KEY_TEXT.len() - 6];
    let plain: TokenKind<([u8; 32],)> = TokenKind::new("kwk_", 1);
    assert_eq!(reason(&API_KEY, bare), Some(Reason::MALFORMED));
    assert_eq!(reason(&plain, bare), None);
    assert_eq!(reason(&plain, API_KEY_TEXT), Some(Reason::MALFORMED));
}

/// What base64ct makes of the text behind the prefix: nothing, if it is none of these bytes.
fn by_base64ct<const N: usize>(body: &str) -> Option<[u8; N]> {
    let mut out = [0; N];
    let got = Base64UrlUnpadded::decode(body, &mut out).ok()?.len();
    (got == N).then_some(out)
}

/// Whether a body of so many bytes, the version and the key's id among them, is read as base64ct reads it.
fn is_read_alike<const N: usize, const PAYLOAD: usize>(body: &str) -> bool {
    let kind: TokenKind<([u8; PAYLOAD],)> = TokenKind::new("kwz_", 1);
    let right = by_base64ct::<N>(body).filter(|bytes| bytes[0] == 1);
    let mut buffer = TokenBuffer::new();
    let text = format!("kwz_{body}");
    match kind.decode(&text, &mut buffer) {
        Ok(token) => right.is_some_and(|right| {
            token.key.to_bytes() == right[1..9] && token.payload.0[..] == right[9..]
        }),
        Err(e) => right.is_none() && e.reason() == Some(Reason::MALFORMED),
    }
}

fn any_character_anywhere<const N: usize, const PAYLOAD: usize>() {
    let bytes: [u8; N] = std::array::from_fn(|at| match at {
        0 => 1,
        at => u8::try_from(at * 37 % 251).unwrap(),
    });
    let body = base64url(&bytes);
    assert!(is_read_alike::<N, PAYLOAD>(&body), "{body}");
    for at in 0..body.len() {
        for c in (0..0x180).filter_map(char::from_u32) {
            if let Some(behind) = body.get(at + c.len_utf8()..) {
                let text = format!("{}{c}{behind}", &body[..at]);
                assert!(is_read_alike::<N, PAYLOAD>(&text), "{text}");
            }
        }
    }
    for cut in 1..body.len() {
        assert!(is_read_alike::<N, PAYLOAD>(&body[cut..]));
        assert!(is_read_alike::<N, PAYLOAD>(&body[..cut]));
    }
}

/// Of lengths that end in each way, in and behind what is read at once.
#[test]
fn characters_are_read_as_by_base64ct() {
    any_character_anywhere::<10, 1>();
    any_character_anywhere::<11, 2>();
    any_character_anywhere::<12, 3>();
    any_character_anywhere::<13, 4>();
    any_character_anywhere::<23, 14>();
    any_character_anywhere::<24, 15>();
    any_character_anywhere::<65, 56>();
}

/// What a buffer held before is not part of what it holds.
#[test]
fn a_buffer_is_used_again() {
    let mut buffer = TokenBuffer::new();
    let short: TokenKind<([u8; 1],)> = TokenKind::new("kwz_", 1);
    for _ in 0..3 {
        let long = SESSION.decode(SESSION_TEXT, &mut buffer).unwrap();
        assert_eq!(long.payload, (&counting(0), &counting(0x20), 258));
        let text = short.encode(KEY, (&[7],)).unwrap();
        let token = short.decode(text.expose_secret(), &mut buffer).unwrap();
        assert_eq!((token.key, token.payload), (KEY, (&[7],)));
        assert!(SESSION.decode("kws_", &mut buffer).is_err());
    }
}

/// CRC-32 by its definition, a bit after the other.
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    !crc
}

/// The checksum of a text, in digits.
fn sum(of: &str) -> String {
    let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut left = crc(of.as_bytes());
    let mut sum = [0; 6];
    for to in sum.iter_mut().rev() {
        *to = digits[usize::try_from(left % 62).unwrap()];
        left /= 62;
    }
    std::str::from_utf8(&sum).unwrap().to_owned()
}

/// Of every length that a token may have, and no other.
#[test]
fn a_checksum_is_found_at_the_end_of_any_text() {
    let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for len in 0..MAX_TOKEN_LEN {
        let at = |n: usize| char::from(digits[(n * n + len) % digits.len()]);
        let mut text: String = (0..len).map(at).collect();
        text.push_str(&sum(&text));
        let has_one = (7..=MAX_TOKEN_LEN).contains(&text.len());
        assert_eq!(checksum_fits(&text), has_one, "{text}");
        let last = text.pop().unwrap();
        assert!(!checksum_fits(&text), "{text}");
        text.push(if last == 'A' { 'B' } else { 'A' });
        assert!(!checksum_fits(&text), "{text}");
    }
}

/// A kind whose tokens would be longer than any that is decoded issues none.
#[test]
fn a_token_that_would_be_too_long_is_not_made() {
    const FITS: TokenKind<([u8; 255], [u8; 115])> = TokenKind::new("kwl_", 1);
    let made = FITS.encode(KEY, (&[7; 255], &[8; 115])).unwrap();
    assert_eq!(made.expose_secret().len(), 510);
    assert_eq!(reason(&FITS, made.expose_secret()), None);
    let longest = FITS.with_prefix("abcde_").unwrap();
    let made = longest.encode(KEY, (&[7; 255], &[8; 115])).unwrap();
    assert_eq!(made.expose_secret().len(), MAX_TOKEN_LEN);
    let longer = FITS.with_prefix("abcdef_").unwrap();
    let error = longer.encode(KEY, (&[7; 255], &[8; 115])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse);
}

/// What stands behind a whole checksum is no part of a token.
#[test]
fn nothing_follows_a_checksum() {
    for more in ["A", "=", "\n", "5NAK1S"] {
        let longer = format!("{API_KEY_TEXT}{more}");
        assert_eq!(reason(&API_KEY, &longer), Some(Reason::MALFORMED));
    }
    // Nor before it, though it is of that too.
    let bare = &API_KEY_TEXT[..API_KEY_TEXT.len() - 6];
    assert_eq!(format!("{bare}{}", sum(bare)), API_KEY_TEXT);
    for more in ["A", "=", "AAAA", "AAAAAA"] {
        let longer = format!("{bare}{more}{}", sum(&format!("{bare}{more}")));
        assert!(checksum_fits(&longer));
        assert_eq!(reason(&API_KEY, &longer), Some(Reason::MALFORMED));
    }
}

#[test]
fn a_kind_and_a_shape_show_what_is_public() {
    const LATER: TokenKind<([u8; 16],)> = TokenKind::new("kws_", 2);
    assert_eq!(format!("{LATER:?}"), "TokenKind(\"kws_\", version 2)");
    let made = LATER.encode(KEY, (&[7; 16],)).unwrap();
    let shape = TokenShape::parse(made.expose_secret()).unwrap();
    assert_eq!(shape.version(), 2);
    let shown = format!("{shape:?}");
    assert_eq!(shown, format!("TokenShape(kws_, version 2, {KEY})"));
}

#[test]
fn a_pattern_for_scanners_counts_the_characters() {
    assert_eq!(SESSION.pattern(), "kws_[A-Za-z0-9_-]{87}");
    assert_eq!(SESSION_TEXT.len(), 4 + 87);
    assert_eq!(API_KEY.pattern(), "kwk_[A-Za-z0-9_-]{55}[0-9A-Za-z]{6}");
    let own = API_KEY.with_prefix("acme_key_").unwrap();
    assert_eq!(own.pattern(), "acme_key_[A-Za-z0-9_-]{55}[0-9A-Za-z]{6}");
}

#[test]
fn prefixes_are_plain_and_none_is_ours() {
    for bad in [
        "",
        "a_",
        "kwk_",
        "kwx_",
        "kw_",
        "Acme_",
        "acme",
        "1acme_",
        "_acme_",
        "acme-",
        "ac me_",
        "acme.key_",
        "a234567890123456789012345_",
    ] {
        let error = API_KEY.with_prefix(bad).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse, "{bad}");
    }
    for good in ["ab_", "acme_live_", "a2345678901234567890123_"] {
        assert_eq!(API_KEY.with_prefix(good).unwrap().prefix(), good);
    }
    let large: TokenKind<([u8; 376],)> = TokenKind::new("kwx_", 1);
    let error = large.encode(KEY, (&[0; 376],)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse);
}

#[test]
fn the_outside_of_any_kind_is_read() {
    for (text, prefix, rest) in [(SESSION_TEXT, "kws_", 75), (API_KEY_TEXT, "kwk_", 49)] {
        let shape = TokenShape::parse(text).unwrap();
        assert_eq!((shape.prefix().as_str(), shape.rest()), (prefix, rest));
        assert_eq!((shape.version(), shape.key()), (1, KEY));
    }
    let body = base64url(&[0xa5; 41]);
    for text in [
        String::new(),
        "kws_".into(),
        format!("kwS_{body}"),
        format!("KWS_{body}"),
        format!("kw_{body}"),
        format!("acme_key_{body}"),
        format!(" kws_{body}"),
        format!("kws_{body}="),
        format!("kws_{body} "),
        format!("kws_{}", base64url(&[1; 8])),
    ] {
        let error = TokenShape::parse(&text).unwrap_err();
        assert_eq!(error.reason(), Some(Reason::MALFORMED), "{text:?}");
    }
    let longest = format!("kws_{}", "A".repeat(MAX_TOKEN_LEN - 4));
    assert!(TokenShape::parse(&longest).is_ok());
    let error = TokenShape::parse(&format!("{longest}A")).unwrap_err();
    assert_eq!(error.reason(), Some(Reason::TOO_LONG));
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(
        key in any::<[u8; 8]>(),
        id in any::<[u8; 16]>(),
        secret in any::<[u8; 32]>(),
        number in any::<u64>(),
        checksum in any::<bool>(),
    ) {
        let kind = if checksum { SESSION.with_checksum() } else { SESSION };
        let key = KeyId::from_bytes(key);
        let text = kind.encode(key, (&id, &secret, number)).unwrap();
        let mut buffer = TokenBuffer::new();
        let token = kind.decode(text.expose_secret(), &mut buffer).unwrap();
        prop_assert_eq!((token.key, token.payload), (key, (&id, &secret, number)));
    }

    #[test]
    fn any_text_is_read_or_rejected(text in "(kw[klrsx]_)?[A-Za-z0-9_\\-= é]{0,100}") {
        let mut buffer = TokenBuffer::new();
        for result in [
            TokenShape::parse(&text).map(|_| ()),
            SESSION.decode(&text, &mut buffer).map(|_| ()),
        ] {
            if let Err(e) = result {
                prop_assert_eq!(e.to_string(), "rejected");
            }
        }
    }
}
