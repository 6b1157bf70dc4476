//! JSON that is masked: it stays JSON, and no view of it has a secret.

use std::io::Write as _;
use std::sync::LazyLock;

use keyward_redact::json::ReadAs;
use keyward_redact::{Conversation, Name, Redactor};
use serde::de::IgnoredAny;

/// One that needs escapes, one that is a number, one that begins where an escape may end, one that
/// spans structure, and two that overlap.
const SECRETS: [(&str, &str); 6] = [
    ("quoted", "se\"cret\\one"),
    ("number", "4815162342"),
    ("letter", "new-word"),
    ("structure", "{\"k\":\"12"),
    ("left", "left/é🔑key"),
    ("right", "🔑key/right"),
];

pub(crate) static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| {
    let random = |bytes: &mut [u8]| {
        bytes.fill(0x5a);
        Ok(())
    };
    let redactor = Redactor::new(random).expect("randomness");
    for (name, value) in SECRETS {
        let name = Name::new(name).expect("a name");
        redactor.add(&name, value.as_bytes()).expect("a secret");
    }
    redactor
});

pub(crate) static CONVERSATION: LazyLock<Conversation> =
    LazyLock::new(|| Conversation::resume(&REDACTOR, "abcdefghijklmnop").expect("a tag"));

/// JSON, and lines of it.
pub fn redact_json(data: &[u8]) {
    let masked = REDACTOR.json(data);
    let is_json = |bytes: &[u8]| {
        std::str::from_utf8(bytes)
            .is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
    };
    let documents = |bytes: &[u8]| {
        let documents = serde_json::Deserializer::from_slice(bytes).into_iter::<IgnoredAny>();
        documents.fold(0, |count, document| document.map_or(count, |_| count + 1))
    };
    match masked.read_as {
        ReadAs::Document => assert!(is_json(data) && is_json(&masked.bytes)),
        ReadAs::Documents => assert_eq!(documents(data), documents(&masked.bytes)),
        ReadAs::Text => {
            assert!(!is_json(data));
            assert_eq!(masked.bytes, REDACTOR.bytes(data));
        }
        _ => {}
    }
    assert_eq!(
        REDACTOR.bytes(&masked.bytes),
        masked.bytes,
        "a secret is left as it is written"
    );
    let named = CONVERSATION.json(data);
    assert_eq!(named.read_as, masked.read_as);
    // A text may be JSON once what kept it from that is masked.
    if masked.read_as != ReadAs::Text {
        let again = REDACTOR.json(&masked.bytes);
        assert_eq!(again.bytes, masked.bytes, "a secret is left in a string");
        assert_eq!(CONVERSATION.json(&named.bytes).bytes, named.bytes);
    }
    lines(data);
}

/// However a log is cut, its lines come out the same.
fn lines(data: &[u8]) {
    let written = |size: usize| {
        let mut log = REDACTOR.json_lines(Vec::new());
        for piece in data.chunks(size.max(1)) {
            log.write_all(piece).expect("memory");
        }
        log.finish().expect("memory")
    };
    assert_eq!(written(data.len()), written(data.len() % 7));
}
