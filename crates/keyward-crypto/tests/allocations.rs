//! How often sealing and opening ask for memory.
#![allow(clippy::unwrap_used, missing_docs)] // Tests: a panic is the report.

use allocation_counter::measure;
use keyward_base::context::Encoded;
use keyward_base::{Hint, KeyId, SecretArray, Suite};
use keyward_crypto::sealed::{Header, Parsed, seal};
use keyward_crypto::{BodyKey, Provider};

#[test]
fn a_small_body_costs_one_allocation_and_a_text_two() {
    let key = SecretArray::copy_of(&[7; 32]).unwrap();
    for provider in [Provider::mixed(), Provider::rustcrypto()] {
        let key = BodyKey::new(&provider, &key).unwrap();
        let mut body = Vec::new();
        let sealing = measure(|| key.seal(b"context", &[1; 64], &mut body).unwrap());
        assert_eq!(sealing.count_total, 1, "seal, body");
        let opening = measure(|| drop(key.open(b"context", &body).unwrap()));
        assert_eq!(
            (opening.count_total, opening.bytes_current),
            (1, 0),
            "open, body"
        );

        let header = Header {
            suite: Suite::Chunked1,
            key: KeyId::from_bytes([1; 8]),
            hint: Hint::none(),
        };
        let mut text = String::new();
        let sealing = measure(|| {
            text = seal(&key, &header, |_| Encoded::new("test"), &[1; 64]).unwrap();
        });
        assert_eq!(sealing.count_total, 2, "seal, text");
        let opening = measure(|| {
            let parsed = Parsed::parse(&text).unwrap();
            drop(parsed.open(&key, |_| Encoded::new("test")).unwrap());
        });
        assert!(
            opening.count_total <= 2,
            "open, text: {}",
            opening.count_total
        );
    }
}
