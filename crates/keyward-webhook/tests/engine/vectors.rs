//! Requests that an independent implementation signed (`vectors/generate.py`).

use std::path::Path;

use base64ct::{Base64, Encoding as _};
use keyward_base::SecretBytes;
use serde_json::Value;

use crate::kit::{Kit, Request};

/// A case of the independent implementation, and the secret it is under.
pub(crate) fn case(line: &str) -> (Value, SecretBytes, Request) {
    let case: Value = serde_json::from_str(line).unwrap();
    let latin = |text: &Value| -> Vec<u8> {
        let text = text.as_str().unwrap().chars();
        text.map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
    };
    let header = |pair: &Value| (pair[0].as_str().unwrap().to_owned(), latin(&pair[1]));
    let request = Request {
        headers: case["headers"]
            .as_array()
            .unwrap()
            .iter()
            .map(header)
            .collect(),
        body: Base64::decode_vec(case["body"].as_str().unwrap()).unwrap(),
        now: case["now"].as_u64().unwrap(),
    };
    let secret = SecretBytes::new(latin(&case["secret"]));
    (case, secret, request)
}

#[test]
fn every_vector_verifies_and_is_what_we_sign() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/presets.jsonl");
    let lines = std::fs::read_to_string(path).unwrap();
    assert_eq!(lines.lines().count(), 4 * 11);
    for line in lines.lines() {
        let (case, secret, request) = case(line);
        let kit = Kit::named(case["scheme"].as_str().unwrap());
        let mut secrets = kit.hook.secrets();
        secrets.add("only", None, &secret).unwrap();
        assert_eq!(kit.verify(&secrets, &request), Ok("only".into()), "{line}");

        let ours = kit.signed(&secret, request.now, &request.body);
        let header = kit.signature_header();
        let signs_id = request
            .value("webhook-id")
            .or(request.value("svix-id"))
            .is_some();
        if !signs_id {
            assert_eq!(ours.value(&header), request.value(&header), "{line}");
        }
    }
}
