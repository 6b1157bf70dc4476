//! The scanner finds what it should, in each form and at each offset, and nothing else.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // Tests: a panic is the report.

use base64ct::{Base64, Base64Url, Encoding as _};
use keyward_testkit::{Form, Needles, bit_flips, truncations};

const SECRET: [u8; 24] =
    *b"\x91\xfe\x03kQ\xd7\x88z\xa1\x0e\xfb\xc4\xff+9\x1d\xe6J\x92\x00\xb3\x5c\x7f\xe8";

fn needles() -> Needles {
    let mut needles = Needles::new();
    needles.add("the secret", &SECRET).unwrap();
    needles
}

fn forms(bytes: &[u8]) -> Vec<Form> {
    needles().find(bytes).into_iter().map(|f| f.form).collect()
}

#[test]
fn a_window_is_found_raw_and_in_hexadecimal() {
    for from in 0..=16 {
        let window = &SECRET[from..from + 8];
        let mut hay = vec![7; 13];
        hay.extend_from_slice(window);
        hay.push(9);
        assert_eq!(forms(&hay), [Form::Raw]);
        let hex = keyward_base::encoding::hex(window);
        assert_eq!(forms(hex.as_bytes()), [Form::Hex]);
        assert_eq!(forms(hex.to_uppercase().as_bytes()), [Form::Hex]);
    }
}

#[test]
fn a_window_is_found_in_base64_at_each_offset() {
    for before in 0..6 {
        let mut hay = vec![b'x'; before];
        hay.extend_from_slice(&SECRET[5..13]);
        hay.extend_from_slice(b"tail");
        assert!(forms(Base64::encode_string(&hay).as_bytes()).contains(&Form::Base64));
        assert!(forms(Base64Url::encode_string(&hay).as_bytes()).contains(&Form::Base64));
    }
}

#[test]
fn a_window_of_a_text_is_found_in_utf_16_and_escaped() {
    const TEXT: &str = r#"pa$s"<w>o'r&d/\+%!"#;
    let mut needles = Needles::new();
    needles.add_text("the password", TEXT).unwrap();
    let forms = |bytes: &[u8]| -> Vec<Form> {
        let found = needles.find(bytes);
        found.into_iter().map(|f| f.form).collect()
    };
    for from in 0..=TEXT.len() - 8 {
        let window = &TEXT[from..from + 8];
        let (little, big): (Vec<u8>, Vec<u8>) = (
            window.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            window.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        );
        assert_eq!(forms(&little), [Form::Utf16]);
        assert_eq!(forms(&big), [Form::Utf16]);
        assert_eq!(forms(window.as_bytes()), [Form::Raw]);
    }
    for escaped in [
        r#"pa$s\"<w>"#,
        r"r\u0026d/\\+%!",
        r"o'r&d\/\\+",
        "pa%24s%22%3Cw%3E",
        "pa%24s%22%3cw%3e",
        r#"pa\$s\"<w>"#,
        r"\'r&d/\\+%",
        "pa$s&quot;&lt;w&gt;",
        "pa$s&#34;&#60;w&#62;",
        "pa$s&#x22;&#x3c;w&#x3e;",
        r#"pa$s\"\u003Cw\u003E"#,
    ] {
        let found = forms(escaped.as_bytes());
        assert!(found.contains(&Form::Escaped), "{escaped}");
    }
    assert!(needles.add_text("other", "päßwörter").is_err());
}

#[test]
fn seven_bytes_and_other_bytes_are_not_found() {
    assert_eq!(forms(&SECRET[3..10]), []);
    let other: Vec<u8> = SECRET.iter().map(|b| b.wrapping_add(1)).collect();
    assert_eq!(forms(&other), []);
    assert!(Needles::new().add("short", b"1234567").is_err());
}

#[test]
fn a_folder_is_searched_to_its_depth() {
    let folder = std::env::temp_dir().join(format!("keyward-needles-{}", std::process::id()));
    let deep = folder.join("a/b");
    std::fs::create_dir_all(&deep).unwrap();
    std::fs::write(folder.join("clean"), b"nothing here").unwrap();
    std::fs::write(deep.join("leak"), SECRET).unwrap();
    let found = needles().find_in(&folder);
    std::fs::remove_dir_all(&folder).unwrap();
    let found = found.unwrap();
    assert_eq!(found.len(), 17);
    assert!(found.iter().all(|f| f.file == Some(deep.join("leak"))));
    assert!(!format!("{:?}", needles()).contains("91"));
}

#[test]
fn damage_is_exhaustive() {
    let flips: Vec<Vec<u8>> = bit_flips(b"ab").collect();
    assert_eq!(flips.len(), 16);
    assert!(flips.iter().all(|flip| flip != b"ab" && flip.len() == 2));
    assert_eq!(truncations(b"ab").collect::<Vec<_>>(), [&b""[..], b"a"]);
}
