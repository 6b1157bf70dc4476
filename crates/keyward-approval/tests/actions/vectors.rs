//! The bytes, against those of a second implementation.

use std::path::Path;

use keyward_approval::{Action, Argument, Value};
use keyward_base::encoding::hex;
use keyward_base::{Domain, ErrorKind, SecretArray, SecretBytes, Tenant};
use keyward_crypto::MacKey;
use keyward_testkit::Vector;

use crate::world::provider;

#[test]
fn actions_are_what_the_second_implementation_makes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/action");
    let vectors = Vector::load_all(&folder).unwrap();
    assert_eq!(vectors.len(), 14);
    for vector in vectors {
        let bytes = vector.hex("action").unwrap();
        let read = Action::parse(&provider(), &bytes);
        let judged = match read.as_ref().map_err(keyward_base::Error::kind) {
            Ok(_) => "ok",
            Err(ErrorKind::Corrupt) => "corrupt",
            Err(ErrorKind::Unavailable) => "unavailable",
            Err(_) => "another",
        };
        assert_eq!(judged, vector.text("expect").unwrap(), "{vector:?}");
        if let Ok(read) = read {
            assert_eq!(read.bytes(), bytes);
            assert_eq!(
                hex(read.digest().as_bytes()),
                vector.text("sha256").unwrap()
            );
        }
    }
}

#[test]
fn what_stands_in_the_vector_is_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/action/every.txt");
    let vector = Vector::load(&path).unwrap();
    let action = Action::parse(&provider(), &vector.hex("action").unwrap()).unwrap();
    let requester = action.requester();
    assert_eq!(requester.kind().as_str(), "agent");
    assert_eq!(requester.owner().unwrap().as_str(), "ada");
    assert_eq!(requester.for_whom().unwrap().as_str(), "bob");
    assert_eq!(
        (action.reason(), action.confidence()),
        ("it is old\n", Some(870))
    );
    let step = &action.steps()[1];
    assert_eq!(step.target(), "\u{1f600}");
    let plain = |name: &str| step.argument(name).and_then(Argument::plain).unwrap();
    assert_eq!(plain("integer"), &Value::Integer(i64::MIN));
    let Value::Map(map) = plain("map") else {
        panic!("a map");
    };
    assert_eq!(map.keys().collect::<Vec<_>>(), ["a", "b", "\u{e9}"]);
    let Some(Argument::Secret(said)) = step.argument("secret") else {
        panic!("a secret");
    };
    let commitment: Domain<(&Tenant, u8, &str, &SecretBytes)> =
        Domain::new("keyward/v1/approval-secret");
    let key = SecretArray::copy_of(&(0..32).collect::<Vec<u8>>()).unwrap();
    let key = MacKey::new(&provider(), &key).unwrap();
    let secret = SecretBytes::copy_of(b"ghp_x8Zq31LkT0uVbN4p");
    let fields = (action.tenant(), 1, "secret", &secret);
    assert_eq!(said.as_bytes(), &key.sign(commitment, &fields));
}
