//! Putting secrets back: for masks of this conversation, into one field.

use keyward_base::{ErrorKind, OpenObserver as _, OpenedSecret, Place, RecordId, Revision, Tenant};
use keyward_redact::danger::{
    NAME_OF_SEVERAL, NO_SUCH_FIELD, NOT_ALLOWED, NOT_OF_THIS_CONVERSATION, NOT_TEXT, UNKNOWN_NAME,
    put_back,
};
use keyward_redact::{Conversation, Name};

use crate::{TOKEN, knowing, knowing_token};

const NAME: &str = "acme account.github_token 42";
const TAG: &str = "abcdefghijklmnop";
const FIELD: &str = "input/headers/0";

fn call(field: &str, note: &str) -> String {
    format!("{{ \"tool\":\"http\",\"input\":{{\"headers\":[\"{field}\"] , \"note\":\"{note}\"}}}}")
}

#[test]
fn a_mask_of_the_conversation_becomes_its_secret_in_the_field_alone() {
    let redactor = knowing_token();
    let random = |bytes: &mut [u8]| {
        bytes.copy_from_slice(b"0123456789");
        Ok(())
    };
    let conversation = Conversation::new(&redactor, random).unwrap();
    assert_eq!(conversation.tag().len(), 16);
    let mask = conversation.text(TOKEN);
    assert_eq!(mask, format!("•{NAME} ·{}•", conversation.tag()));
    let answer = call(&format!("Bearer {mask}, • {mask} • •••"), &mask);
    let filled = put_back(&conversation, answer.as_bytes(), FIELD, |name| {
        name.as_str() == NAME
    });
    let expected = call(&format!("Bearer {TOKEN}, • {TOKEN} • •••"), &mask);
    assert_eq!(filled.unwrap().expose(), expected.as_bytes());
    // Escaped by the model, and needing escapes.
    let redactor = knowing(&[("p", b"pass\"word\\1")]);
    let conversation = Conversation::resume(&redactor, TAG).unwrap();
    let answer = format!("[\"\\u2022p \\u00b7{TAG}\\u2022\"]");
    let filled = put_back(&conversation, answer.as_bytes(), "0", |_| true).unwrap();
    assert_eq!(filled.expose(), br#"["pass\"word\\1"]"#);
}

#[test]
fn a_mask_that_is_not_of_the_conversation_is_refused() {
    let redactor = knowing_token();
    let conversation = Conversation::resume(&redactor, TAG).unwrap();
    let other = Conversation::resume(&redactor, "ponmlkjihgfedcba").unwrap();
    let good = conversation.text(TOKEN);
    let refused = |field: &str, allow: bool, reason| {
        let answer = call(field, "");
        let error = put_back(&conversation, answer.as_bytes(), FIELD, |_| allow).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert_eq!(error.reason(), Some(reason), "{field}");
        assert_eq!(error.to_string(), "rejected");
    };
    let with = |tag: &str| format!("•{NAME} ·{tag}•");
    let strange = NOT_OF_THIS_CONVERSATION;
    refused(&other.text(TOKEN), true, strange);
    refused(&format!("{good} {}", other.text(TOKEN)), true, strange);
    refused(&with(""), true, strange);
    refused(&with("abcdefghijklmno"), true, strange);
    refused(&with("ABCDEFGHIJKLMNOP"), true, strange);
    refused(&with("abcdefghijklmnop "), true, strange);
    refused(&with(&format!("x ·{TAG}")), true, UNKNOWN_NAME);
    refused(
        &format!("•globex account.github_token 42 ·{TAG}•"),
        true,
        UNKNOWN_NAME,
    );
    refused(&format!("• ·{TAG}•"), true, UNKNOWN_NAME);
    refused(&good, false, NOT_ALLOWED);
    // Without a tag it is text.
    let plain = call(&format!("•{NAME}•"), "");
    let filled = put_back(&conversation, plain.as_bytes(), FIELD, |_| true).unwrap();
    assert_eq!(filled.expose(), plain.as_bytes());
    assert!(redactor.forget(&Name::new(NAME).unwrap()));
    refused(&good, true, UNKNOWN_NAME);
}

#[test]
fn only_one_string_of_one_document_is_a_field() {
    let conversation = Conversation::resume(&knowing_token(), TAG).unwrap();
    let mask = conversation.text(TOKEN);
    let good = call(&mask, "");
    let calls = [
        mask.clone(),
        format!("Call it with {good}"),
        format!("{good}\n{good}"),
        format!("{good}\n{{}}"),
        format!("{{\"input\":{{\"headers\":[1,\"{mask}\"]}}}}"),
        format!("{{\"input\":{{\"headers\":[[\"{mask}\"]]}}}}"),
        format!("{{\"input\":{{\"headers\":[\"{mask}\"],\"headers\":[\"x\"]}}}}"),
        format!("{{\"input\":{{\"headers\":[\"{mask}\"],\"he\\u0061ders\":{{\"0\":null}}}}}}"),
        // What it stands in is there twice: some read the first, others the last.
        format!("{{\"input\":{{\"headers\":[\"{mask}\"]}},\"input\":{{}}}}"),
        format!("{{\"input\":{{\"headers\":[\"{mask}\"],\"headers\":0}}}}"),
        format!("{{\"input\":1,\"input\":{{\"headers\":[\"{mask}\"]}}}}"),
        "{}".to_owned(),
        good[..good.len() - 1].to_owned(),
    ];
    for call in calls {
        let error = put_back(&conversation, call.as_bytes(), FIELD, |_| true).unwrap_err();
        assert_eq!(error.reason(), Some(NO_SUCH_FIELD), "{call}");
    }
    for path in ["input/headers/*", "*"] {
        let error = put_back(&conversation, good.as_bytes(), path, |_| true).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse);
    }
}

#[test]
fn of_several_values_of_one_name_the_last_is_put_back() {
    let redactor = knowing(&[("t", b"the-older-token"), ("t", b"the-newer-token")]);
    let conversation = Conversation::resume(&redactor, TAG).unwrap();
    let masked = conversation.json(b"[\"the-older-token\"]");
    let filled = put_back(&conversation, &masked.bytes, "0", |_| true).unwrap();
    assert_eq!(filled.expose(), b"[\"the-newer-token\"]");
}

/// A token that was put back to what it was: the newer one is not the one in use.
#[test]
fn of_several_values_the_one_that_was_opened_last_is_put_back() {
    let (tenant, place) = (Tenant::new("acme"), Place::new("app.env"));
    let (tenant, place) = (tenant.unwrap(), place.unwrap());
    let record = RecordId::new("1").unwrap();
    let value = |value: &'static [u8], part| OpenedSecret {
        collection: [7; 8],
        tenant: &tenant,
        place: &place,
        record: &record,
        revision: Revision::FIRST,
        part,
        value,
    };
    let redactor = knowing(&[]);
    for bytes in [
        b"the-first-token".as_slice(),
        b"the-other-token",
        b"the-first-token",
    ] {
        redactor.opened(&value(bytes, None)).unwrap();
    }
    let conversation = Conversation::resume(&redactor, TAG).unwrap();
    let put = |name: &str| {
        let call = format!("[\"•{name} ·{TAG}•\"]");
        let filled = put_back(&conversation, call.as_bytes(), "0", |_| true);
        filled.map(|filled| String::from_utf8(filled.expose().to_vec()).unwrap())
    };
    assert_eq!(put("acme app.env 1").unwrap(), "[\"the-first-token\"]");
    // A variable that programs read differently: which of them is meant?
    let whole = value(b"A='quoted value'\nB=another-value", None);
    let parts = [
        value(b"quoted value", Some("A")),
        value(b"another-value", Some("B")),
        value(b"'quoted value'", Some("A")),
    ];
    redactor.opened_parts(&whole, &parts).unwrap();
    assert_eq!(put("acme app.env 1 B").unwrap(), "[\"another-value\"]");
    let error = put("acme app.env 1 A").unwrap_err();
    assert_eq!(error.reason(), Some(NAME_OF_SEVERAL));
}

#[test]
fn the_white_space_around_a_value_is_not_put_back() {
    let redactor = knowing(&[("t", b" \n the token\r\n")]);
    let conversation = Conversation::resume(&redactor, TAG).unwrap();
    let masked = conversation.json(b"[\"Bearer the token\"]");
    let filled = put_back(&conversation, &masked.bytes, "0", |_| true).unwrap();
    assert_eq!(filled.expose(), b"[\"Bearer the token\"]");
}

/// Registered by hand under the name that a vault gives, too.
#[test]
fn a_name_of_two_places_is_refused() {
    let redactor = knowing_token();
    let opened = OpenedSecret {
        collection: [7; 8],
        tenant: &Tenant::new("acme").unwrap(),
        place: &Place::new("account.github_token").unwrap(),
        record: &RecordId::new("42").unwrap(),
        revision: Revision::FIRST,
        part: None,
        value: b"another token",
    };
    redactor.opened(&opened).unwrap();
    let conversation = Conversation::resume(&redactor, TAG).unwrap();
    let masked = conversation.json(b"[\"another token\"]");
    let error = put_back(&conversation, &masked.bytes, "0", |_| true).unwrap_err();
    assert_eq!(error.reason(), Some(NAME_OF_SEVERAL));
}

#[test]
fn what_is_no_text_cannot_be_put_back() {
    let redactor = knowing(&[("b", b"\xff\xfe\xfd\xfc\x80\x81\x82\x83")]);
    let conversation = Conversation::resume(&redactor, TAG).unwrap();
    let answer = format!("[\"•b ·{TAG}•\"]");
    let error = put_back(&conversation, answer.as_bytes(), "0", |_| true).unwrap_err();
    assert_eq!(error.reason(), Some(NOT_TEXT));
}

#[test]
fn a_tag_is_eighty_random_bits() {
    let redactor = knowing(&[]);
    let tag = |bytes: [u8; 10]| {
        let random = move |to: &mut [u8]| {
            to.copy_from_slice(&bytes);
            Ok(())
        };
        Conversation::new(&redactor, random)
            .unwrap()
            .tag()
            .to_owned()
    };
    assert_eq!(tag([0; 10]), "a".repeat(16));
    assert_eq!(tag([255; 10]), "7".repeat(16));
    let mut seen = std::collections::BTreeSet::new();
    for bit in 0..80 {
        let mut bytes = [0; 10];
        bytes[bit / 8] = 1 << (bit % 8);
        assert!(seen.insert(tag(bytes)));
    }
    assert_eq!(seen.len(), 80);
    for tag in [
        "",
        "abcdefghijklmno",
        "abcdefghijklmno1",
        "abcdefghijklmnoP",
    ] {
        let error = Conversation::resume(&redactor, tag).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misuse);
    }
}
