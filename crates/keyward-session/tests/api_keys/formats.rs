//! The bytes, against those of a second implementation.

use std::path::{Path, PathBuf};

use keyward_base::encoding::hex;
use keyward_base::token::{TokenBuffer, TokenKind};
use keyward_base::{ErrorKind, KeyId, SecretArray};
use keyward_crypto::{MacKey, Provider};
use keyward_session::api_key::checksum_is_right;
use keyward_session::api_key::format::{EPOCH, EpochShape, ROW, RowShape, SECRET};
use keyward_testkit::Vector;

use crate::hostile::{epoch_keys, read, row_key};
use crate::world::{World, all, tenant};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/api_key")
}

fn of<const N: usize>(vector: &Vector, key: &str) -> [u8; N] {
    vector.hex(key).unwrap().try_into().unwrap()
}

fn mac_key(vector: &Vector) -> MacKey {
    let key = SecretArray::copy_of(&vector.hex("key").unwrap()).unwrap();
    MacKey::new(&Provider::default(), &key).unwrap()
}

fn vectors(front: &str) -> Vec<Vector> {
    let mut all = Vector::load_all(&folder()).unwrap();
    all.retain(|vector| vector.name().starts_with(front));
    all
}

fn judged<T>(result: &keyward_base::Result<T>) -> &'static str {
    match result.as_ref().map_err(keyward_base::Error::kind) {
        Ok(_) => "ok",
        Err(ErrorKind::Corrupt) => "corrupt",
        Err(ErrorKind::Unavailable) => "unavailable",
        Err(_) => "another",
    }
}

#[test]
fn a_text_is_what_the_second_implementation_makes() {
    let texts = vectors("text");
    assert_eq!(texts.len(), 2);
    for vector in texts {
        let get = |name| vector.text(name).unwrap();
        let (id, secret) = (of(&vector, "id"), of(&vector, "secret"));
        let proof = mac_key(&vector).sign(SECRET, &(get("prefix"), &id, &secret));
        assert_eq!(hex(&proof), get("proof"));
        let kind: TokenKind<([u8; 16], [u8; 32], [u8; 8])> = TokenKind::new("kwk_", 1);
        let kind = kind.with_checksum();
        let kind = match get("prefix") {
            "kwk_" => kind,
            own => kind.with_prefix(own).unwrap(),
        };
        let mut buffer = TokenBuffer::new();
        let token = kind.decode(get("text"), &mut buffer).unwrap();
        assert_eq!(token.key, KeyId::parse(get("key_id")).unwrap());
        assert_eq!(token.payload, (&id, &secret, proof.first_chunk().unwrap()));
        assert!(checksum_is_right(get("text")));
    }
}

#[test]
fn rows_and_epochs_are_what_the_second_implementation_makes() {
    let rows = vectors("row_");
    assert_eq!(rows.len(), 28);
    for vector in rows {
        let row = vector.hex("row").unwrap();
        let tag = of(&vector, "mac");
        mac_key(&vector).verify(ROW, &(&row,), &tag).unwrap();
        let parsed = RowShape::parse(&row);
        let expected = vector.text("expect").unwrap();
        assert_eq!(judged(&parsed), expected, "{vector:?}");
        if let Ok(parsed) = parsed {
            assert_eq!(parsed.to_bytes(), row);
            assert_eq!(parsed.tenant(), &tenant("acme"));
        }
    }
    let epochs = vectors("epoch_");
    assert_eq!(epochs.len(), 4);
    for vector in epochs {
        let epoch = vector.hex("epoch").unwrap();
        let tag = of(&vector, "mac");
        mac_key(&vector).verify(EPOCH, &(&epoch,), &tag).unwrap();
        let parsed = EpochShape::parse(&epoch);
        let expected = vector.text("expect").unwrap();
        assert_eq!(judged(&parsed), expected, "{vector:?}");
        if let Ok(parsed) = parsed {
            assert_eq!(parsed.to_bytes(), epoch);
        }
    }
}

#[tokio::test]
async fn what_lies_in_a_store_has_this_form() {
    let world = World::new().await;
    let issued = world.key().await;
    let record = read(&*world.data, &row_key(issued.info().id)).await;
    let (row, _tag) = record.data.split_last_chunk::<32>().unwrap();
    let row = RowShape::parse(row).unwrap();
    assert_eq!(
        (row.id(), row.tenant()),
        (issued.info().id, &tenant("acme"))
    );
    assert_eq!((row.scopes(), row.ranges().is_anywhere()), (&all(), true));
    assert_eq!(record.expires, row.ends_at());
    let purpose = keyward_base::Purpose::new("api-key").unwrap();
    let key = world.ring.mac(&purpose).unwrap();
    assert_eq!((row.mac_key(), row.token_key()), (key.id(), key.id()));
    assert_eq!(
        (&record.mac_key, &record.token_key),
        (&key.tag(), &key.tag())
    );
    let vector = Vector::load(&folder().join("word.txt")).unwrap();
    assert_eq!(record.word, vector.text("word").unwrap());
    for key in epoch_keys() {
        let record = read(&*world.data, &key).await;
        let (epoch, _tag) = record.data.split_last_chunk::<32>().unwrap();
        assert_eq!(EpochShape::parse(epoch).unwrap().moved(), None);
        assert_eq!(record.expires, None, "it is kept for good");
    }
}
