//! Encodings have one spelling for each value, and contexts one value for each encoding.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used
)] // Tests: a panic is the report.

use std::collections::BTreeSet;

use keyward_base::domain::Domain;
use keyward_base::encoded::{Encoded, MAX_CONTEXT_LEN};
use keyward_base::encoding::{
    base64url, from_base64, from_base64_array, from_base64url, from_base64url_array, from_hex,
    from_json_string, from_urlencoded, hex,
};
use keyward_base::key_tag::sealed_prefix;
use keyward_base::{
    Context, CredentialKind, ErrorKind, KeyId, Place, Purpose, Reason, RecordId, Revision, Role,
    Suite, Tenant,
};
use proptest::prelude::*;

const BARE: Domain<()> = Domain::new("test");
const ONE: Domain<(&[u8],)> = Domain::new("test");

#[test]
fn base64url_takes_nothing_but_what_it_writes() {
    assert_eq!(base64url(&[0xfb, 0xff]), "-_8");
    // Trailing bits: of the four spellings that loose decoders take for one byte, one is right.
    let taken: Vec<&str> = ["_w", "_x", "_y", "_z", "_-"]
        .into_iter()
        .filter(|text| from_base64url(text).is_ok())
        .collect();
    assert_eq!(taken, ["_w"]);
    for bad in ["_w==", "_w=", "+/8", " _w", "_w\n", "A", "_", "AA\0", "Ä"] {
        let error = from_base64url(bad).unwrap_err();
        assert_eq!(error.reason(), Some(Reason::MALFORMED), "{bad:?}");
    }
}

#[test]
fn padded_base64_has_one_spelling_too() {
    for (text, bytes) in [
        ("", &b""[..]),
        ("_w==", b"?"),
        ("/w==", b"\xff"),
        ("+/8=", b"\xfb\xff"),
    ] {
        let read = from_base64(text).map(|read| read.expose().to_vec());
        assert_eq!(
            read.ok(),
            (!text.contains('_')).then(|| bytes.to_vec()),
            "{text}"
        );
    }
    for bad in ["/w", "/w=", "/x==", "/w==\n", " /w==", "/w==/w==", "A", "="] {
        let error = from_base64(bad).unwrap_err();
        assert_eq!(error.reason(), Some(Reason::MALFORMED), "{bad:?}");
    }
}

#[test]
fn a_key_prefix_is_a_prefix_of_sixteen_bytes() {
    let prefix = sealed_prefix(Suite::Chunked1, KeyId::from_bytes([0xff; 8]));
    assert_eq!(prefix, "kw1.Af__________");
    assert_eq!(prefix.len(), keyward_base::key_tag::SEALED_KEY_PREFIX_LEN);
}

proptest! {
    #[test]
    fn what_is_decoded_is_encoded_the_same(text in "[A-Za-z0-9_=+/ -]{0,24}") {
        if let Ok(bytes) = from_base64url(&text) {
            prop_assert_eq!(base64url(&bytes), text);
        }
    }

    #[test]
    fn hexadecimal_comes_back(bytes in any::<[u8; 8]>(), text in "[0-9a-fA-F]{16}") {
        prop_assert_eq!(from_hex::<8>(&hex(&bytes)).unwrap(), bytes);
        match from_hex::<8>(&text) {
            Ok(bytes) => prop_assert_eq!(hex(&bytes), text),
            Err(e) => prop_assert_eq!(e.reason(), Some(Reason::MALFORMED)),
        }
    }

    /// Fields that spell the same bytes in another division have another encoding.
    #[test]
    fn lists_of_fields_are_encoded_apart(
        left in prop::collection::vec(prop::collection::vec(0_u8..3, 0..5), 0..4),
        right in prop::collection::vec(prop::collection::vec(0_u8..3, 0..5), 0..4),
    ) {
        let encode = |fields: &[Vec<u8>]| match fields {
            [] => BARE.encode(&()),
            [a] => ONE.encode(&(a,)),
            [a, b] => Domain::<(&[u8], &[u8])>::new("test").encode(&(a, b)),
            [a, b, c, ..] => Domain::<(&[u8], &[u8], &[u8])>::new("test").encode(&(a, b, c)),
        };
        let (a, b) = (encode(&left).unwrap(), encode(&right).unwrap());
        prop_assert_eq!(a.as_bytes() == b.as_bytes(), left == right);
    }

    /// Around the lengths where the form of a length changes.
    #[test]
    fn long_fields_are_encoded_apart(a in 250_usize..260, b in 250_usize..260) {
        let encode = |len: usize| ONE.encode(&(&vec![0; len],)).unwrap();
        prop_assert_eq!(encode(a).as_bytes() == encode(b).as_bytes(), a == b);
    }
}

/// Whatever the lengths are, and however many pieces it takes: each field behind its own length.
#[test]
fn a_field_of_any_length_is_written_behind_it() {
    const TWO: Domain<(&[u8], &[u8])> = Domain::new("test");
    let field = |len: usize| {
        let mut out = match u8::try_from(len) {
            Ok(len) if len < 255 => vec![len],
            _ => [&[255][..], &u64::try_from(len).unwrap().to_be_bytes()].concat(),
        };
        out.resize(out.len() + len, 7);
        out
    };
    for a in [0, 1, 121, 122, 123, 126, 127, 128, 200, 254, 255, 256, 700] {
        for b in [0, 1, 126, 127, 128, 254, 255] {
            let (long, other) = (vec![7; a], vec![7; b]);
            let written = TWO.encode(&(&long, &other)).unwrap();
            let expected = [b"\x04test".to_vec(), field(a), field(b)].concat();
            assert_eq!(written.as_bytes(), expected, "{a} {b}");
            let mut streamed = Vec::new();
            TWO.stream(&(&long, &other), |piece| streamed.extend_from_slice(piece));
            assert_eq!(streamed, expected, "{a} {b}");
        }
    }
}

/// What is shorter or longer is not taken for the front of what is asked for.
#[test]
fn an_array_is_decoded_whole_or_not_at_all() {
    let text = [[1_u8; 3], [2; 3]].map(|bytes| base64url(&bytes)).concat();
    assert_eq!(from_base64url_array(&text).unwrap(), [1, 1, 1, 2, 2, 2]);
    assert_eq!(from_base64_array(&text).unwrap(), [1, 1, 1, 2, 2, 2]);
    for other in [&text[..4], "", &format!("{text}{text}")] {
        for decoded in [from_base64url_array::<6>(other), from_base64_array(other)] {
            assert_eq!(decoded.unwrap_err().reason(), Some(Reason::MALFORMED));
        }
    }
}

#[test]
fn what_does_not_fit_is_an_error() {
    // Five for the domain, nine for the length of the field.
    let fits = [7; MAX_CONTEXT_LEN - 14];
    let whole = ONE.encode(&(&fits,)).unwrap();
    assert_eq!(whole.as_bytes().len(), MAX_CONTEXT_LEN);
    let error = ONE.encode(&(&[7; MAX_CONTEXT_LEN - 13],)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misuse);
    assert!(error.to_string().contains("the fields of test"), "{error}");
    // Whatever follows: not a part of it, and not what would fit again.
    const TWO: Domain<(&[u8], u8)> = Domain::new("test");
    assert!(TWO.encode(&(&[7; 2 * MAX_CONTEXT_LEN], 1)).is_err());
    let mut streamed = 0;
    TWO.stream(&(&[7; 2 * MAX_CONTEXT_LEN], 1), |piece| {
        streamed += piece.len()
    });
    assert_eq!(streamed, 5 + 9 + 2 * MAX_CONTEXT_LEN + 2);
}

#[test]
fn the_largest_context_fits() {
    let (long, name) = ("x".repeat(128), "y".repeat(63));
    let bytes = Context {
        purpose: &Purpose::new(&"p".repeat(32)).unwrap(),
        tenant: &Tenant::new(&long).unwrap(),
        role: &Role::new(&"s".repeat(64)).unwrap(),
        place: &Place::new(&format!("{name}.{name}")).unwrap(),
        record: &RecordId::new(&long).unwrap(),
        kind: &CredentialKind::new(&"k".repeat(32)).unwrap(),
        metadata: Some(&[9; 32]),
        revision: Revision::new(u64::MAX),
    }
    .encode("kw1/detached", &[1; 42])
    .unwrap();
    assert!(bytes.as_bytes().len() > 500);
}

/// Each field alone changes the encoding.
#[test]
fn every_field_of_a_context_counts() {
    let [p, q] = ["vault", "other"].map(|s| Purpose::new(s).unwrap());
    let [t, u] = ["acme", "globex"].map(|s| Tenant::new(s).unwrap());
    let [s, no] = ["admin", ""].map(|s| Role::new(s).unwrap());
    let [a, b] = ["a.b", "a.c"].map(|s| Place::new(s).unwrap());
    let [r, z] = ["1", "2"].map(|s| RecordId::new(s).unwrap());
    let [k, l] = ["api-key", "opaque"].map(|s| CredentialKind::new(s).unwrap());
    let base = Context {
        purpose: &p,
        tenant: &t,
        role: &s,
        place: &a,
        record: &r,
        kind: &k,
        metadata: None,
        revision: Revision::FIRST,
    };
    let mut all = vec![
        base.encode("d", b"h").unwrap(),
        base.encode("e", b"h").unwrap(),
        base.encode("d", b"i").unwrap(),
    ];
    let mut each = |change: &dyn Fn(&mut Context<'_>)| {
        let mut changed = Context { ..base.clone() };
        change(&mut changed);
        all.push(changed.encode("d", b"h").unwrap());
    };
    each(&|c| c.revision = Revision::new(2));
    each(&|c| c.metadata = Some(&[0; 32]));
    let others = [
        Context {
            purpose: &q,
            ..base.clone()
        },
        Context {
            tenant: &u,
            ..base.clone()
        },
        Context {
            role: &no,
            ..base.clone()
        },
        Context {
            place: &b,
            ..base.clone()
        },
        Context {
            record: &z,
            ..base.clone()
        },
        Context {
            kind: &l,
            ..base.clone()
        },
    ];
    all.extend(others.iter().map(|c| c.encode("d", b"h").unwrap()));
    let distinct: BTreeSet<&[u8]> = all.iter().map(Encoded::as_bytes).collect();
    assert_eq!(distinct.len(), 11);
}

/// Of 255 bytes or more, the length stands behind a byte of 255.
#[test]
fn a_field_has_its_length_before_it_whichever_it_has() {
    for len in [0_usize, 1, 253, 254, 255, 256, 257, 300] {
        let field = vec![7; len];
        let whole = ONE.encode(&(&field[..],)).unwrap();
        let (front, back) = whole.as_bytes().split_at(whole.as_bytes().len() - len);
        let wanted = match u8::try_from(len) {
            Ok(len) if len < 255 => vec![len],
            _ => [&[255][..], &u64::try_from(len).unwrap().to_be_bytes()].concat(),
        };
        assert!(front.ends_with(&wanted), "{len}: {front:?}");
        assert_eq!(back, field);
    }
}

#[test]
fn a_query_is_decoded_as_the_url_standard_says_and_a_lone_percent_is_refused() {
    for (text, want) in [
        ("", Some(&b""[..])),
        ("a+b%2Bc", Some(b"a b+c")),
        ("%c3%A9~%00", Some(b"\xc3\xa9~\0")),
        ("%", None),
        ("%4", None),
        ("%4g", None),
        ("%g4", None),
        ("a%%41", None),
    ] {
        let decoded = from_urlencoded(text.as_bytes()).ok();
        assert_eq!(decoded.as_ref().map(|d| d.expose()), want, "{text}");
    }
}

#[test]
fn a_string_of_json_is_decoded_and_a_lone_surrogate_is_refused() {
    for (text, said) in [
        (r#""""#, ""),
        (r#""a / b\/c""#, "a / b/c"),
        (r#""\"\\\b\f\n\r\t""#, "\"\\\u{8}\u{c}\n\r\t"),
        (
            r#""\u0041\u00e9\u20AC \ud83d\udc0e""#,
            "A\u{e9}\u{20ac} \u{1f40e}",
        ),
    ] {
        let decoded = from_json_string(text).unwrap();
        assert_eq!(decoded.expose(), said.as_bytes(), "{text}");
    }
    for wrong in [
        "",
        "a",
        "\"",
        "\"a",
        r#""\""#,
        r#""\x""#,
        r#""\u12""#,
        r#""\u12g4""#,
        r#""\ud83d""#,
        r#""\ud83d\n""#,
        r#""\ud83da""#,
        r#""\ud83d\ud83d""#,
        r#""\ud83d\u0041""#,
        r#""\udc0e\ud83d""#,
    ] {
        let error = from_json_string(wrong).unwrap_err();
        assert_eq!(error.reason(), Some(Reason::MALFORMED), "{wrong}");
    }
}
