//! The bytes, against those of a second implementation.

use std::path::Path;

use keyward_approval::link::{ACTION, CODE, LINK, LinkShape, shape};
use keyward_approval::{ActionDigest, GateId};
use keyward_base::encoding::hex;
use keyward_base::{Domain, KeyId, SecretArray, Timestamp};
use keyward_crypto::{MacKey, Provider};
use keyward_testkit::Vector;
use secrecy::ExposeSecret as _;

use crate::world::tenant;

fn of<const N: usize>(vector: &Vector, key: &str) -> [u8; N] {
    vector.hex(key).unwrap().try_into().unwrap()
}

#[test]
fn links_are_what_the_second_implementation_makes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/link");
    let vectors = Vector::load_all(&folder).unwrap();
    assert_eq!(vectors.len(), 2);
    for vector in vectors {
        let text = |key| vector.text(key).unwrap();
        let key = SecretArray::copy_of(&vector.hex("key").unwrap()).unwrap();
        let key = MacKey::new(&Provider::default(), &key).unwrap();
        let tenant = tenant(text("tenant"));
        let digest = ActionDigest::from_bytes(of(&vector, "digest"));
        let tag = key.sign(ACTION, &(&tenant, &digest));
        assert_eq!(hex(&tag[..16]), text("act"));
        let (gate, act): ([u8; 16], [u8; 16]) = (of(&vector, "gate"), of(&vector, "act"));
        let expires: u64 = text("expires").parse().unwrap();
        let slot: u16 = text("slot").parse().unwrap();
        let expiry = *expires.to_be_bytes().last_chunk().unwrap();
        let mac = key.sign(LINK, &(&tenant, &gate, &expiry, &slot.to_be_bytes(), &act));
        assert_eq!(hex(&mac), text("mac"));
        let token = text("token");
        let read = LinkShape::parse(token).unwrap();
        assert_eq!(read.key, KeyId::parse(text("key_id")).unwrap());
        assert_eq!((read.gate, read.slot), (GateId::from_bytes(gate), slot));
        assert_eq!(read.expires, Timestamp::from_millis(expires * 1_000));
        assert_eq!(shape(token).unwrap().expose_secret(), token);
        let name: Domain<(&str, [u8; 32])> = Domain::new("keyward/v1/keyed-name");
        let code = key.sign(CODE, &(&tenant, GateId::from_bytes(gate), text("code")));
        assert_eq!(
            hex(&key.sign(name, &(CODE.name(), code))),
            text("code_digest")
        );
    }
}
