//! Values that are registered: whatever they are, they and what stands in them are masked.

use std::sync::{LazyLock, Mutex, PoisonError};

use keyward_redact::{Name, Redactor};

/// Bytes of the character of masks: a value that has one is masked in pieces.
const MARK: [u8; 3] = [0xe2, 0x80, 0xa2];

static REDACTOR: LazyLock<Mutex<Redactor>> = LazyLock::new(|| {
    let random = |bytes: &mut [u8]| {
        bytes.fill(0x5a);
        Ok(())
    };
    Mutex::new(Redactor::new(random).expect("randomness"))
});

/// A value: lines, JSON, a key in its armour, a URL, a connection string.
pub fn redact_value(data: &[u8]) {
    let redactor = REDACTOR.lock().unwrap_or_else(PoisonError::into_inner);
    let name = Name::new("it").expect("a name");
    redactor.add(&name, data).expect("room");
    let is_registered = redactor.counts().secrets == 1;
    let bytes = redactor.counts().bytes;
    assert!(
        bytes <= 2000 * (data.len() + 8),
        "{bytes} of {}",
        data.len()
    );
    if is_registered {
        let text = std::str::from_utf8(data);
        check(&redactor, text.map_or(data, |text| text.trim().as_bytes()));
        if let Ok(strings) = serde_json::from_slice::<Vec<String>>(data.trim_ascii()) {
            for string in &strings {
                check(&redactor, string.as_bytes().trim_ascii());
            }
        } else if let Ok(text) = text {
            let is_json = matches!(text.trim_ascii().as_bytes(), [b'{' | b'[' | b'"', ..]);
            for line in text.split(['\n', '\r']).filter(|_| !is_json) {
                let is_public = line.trim_ascii().starts_with(['-', 'P', 'D', 'E']);
                check(
                    &redactor,
                    if is_public {
                        b""
                    } else {
                        line.trim_ascii().as_bytes()
                    },
                );
            }
        }
    }
    assert_eq!(redactor.forget(&name), is_registered);
    assert_eq!(redactor.bytes(data), data);
}

/// `part` is masked, unless it is a short one, a common word or has a part of the mark.
fn check(redactor: &Redactor, part: &[u8]) {
    let has_mark = part.iter().any(|b| MARK.contains(b));
    if part.len() < 8 || has_mark {
        return;
    }
    let masked = redactor.bytes(part);
    // Of a part that is a common word nothing is masked: those have letters, digits and some signs.
    let is_wordy = |b: &u8| b.is_ascii_alphanumeric() || b"-_./:".contains(b);
    let may_be_common = part.len() <= 24 && part.iter().all(is_wordy);
    let is_there = masked.windows(part.len()).any(|window| window == part);
    assert!(!is_there || may_be_common, "a part is there");
}
