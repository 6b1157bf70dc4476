//! The bytes, against those of a second implementation.

use std::path::{Path, PathBuf};

use keyward_base::encoding::hex;
use keyward_base::token::{TokenBuffer, TokenKind};
use keyward_base::{ErrorKind, KeyId, SecretArray};
use keyward_crypto::{MacKey, Provider};
use keyward_session::format::{EPOCH, EpochShape, ROW, RowShape, SECRET};
use keyward_session::{Kind, SessionId};
use keyward_store::{Collection, Scan};
use keyward_testkit::Vector;

use crate::hostile::{epoch_keys, read, row_key};
use crate::world::{World, subject, tenant};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
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
fn a_token_is_what_the_second_implementation_makes() {
    let vector = Vector::load(&folder().join("token.txt")).unwrap();
    let get = |name| vector.text(name).unwrap();
    let (id, secret) = (of(&vector, "id"), of(&vector, "secret"));
    let proof = mac_key(&vector).sign(SECRET, &(&id, &secret));
    assert_eq!(hex(&proof), get("proof"));
    let kind: TokenKind<([u8; 16], [u8; 32], [u8; 8])> = TokenKind::new("kws_", 1);
    let mut buffer = TokenBuffer::new();
    let token = kind.decode(get("token"), &mut buffer).unwrap();
    assert_eq!(token.key, KeyId::parse(get("key_id")).unwrap());
    assert_eq!(token.payload, (&id, &secret, proof.first_chunk().unwrap()));
}

#[test]
fn rows_and_epochs_are_what_the_second_implementation_makes() {
    let rows = vectors("row_");
    assert_eq!(rows.len(), 11);
    for vector in rows {
        let row = vector.hex("row").unwrap();
        let tag = of(&vector, "mac");
        mac_key(&vector).verify(ROW, &(&row,), &tag).unwrap();
        let parsed = RowShape::parse(&row);
        assert_eq!(
            judged(&parsed),
            vector.text("expect").unwrap(),
            "{vector:?}"
        );
        if let Ok(parsed) = parsed {
            assert_eq!(parsed.to_bytes(), row);
            assert_eq!(
                parsed.id(),
                SessionId::from_bytes(*row[21..].first_chunk().unwrap())
            );
            assert_eq!(
                (parsed.tenant(), parsed.subject()),
                (&tenant("acme"), &subject("ada"))
            );
        }
    }
    let epochs = vectors("epoch_");
    assert_eq!(epochs.len(), 4);
    for vector in epochs {
        let epoch = vector.hex("epoch").unwrap();
        let tag = of(&vector, "mac");
        mac_key(&vector).verify(EPOCH, &(&epoch,), &tag).unwrap();
        let parsed = EpochShape::parse(&epoch);
        assert_eq!(
            judged(&parsed),
            vector.text("expect").unwrap(),
            "{vector:?}"
        );
        if let Ok(parsed) = parsed {
            assert_eq!(parsed.to_bytes(), epoch);
        }
    }
}

/// What no release of ours wrote, though it was under a right MAC.
#[test]
fn no_field_is_longer_later_or_more_than_it_may_be() {
    let row = Vector::load(&folder().join("row_user.txt")).unwrap();
    let row = row.hex("row").unwrap();
    // Renewed before it began: the times are who it was, when it began, when it was renewed.
    let mut early = row.clone();
    assert_eq!(early[87..95], row[79..87]);
    early[93] -= 1;
    let replace = |what: &[u8], with: &[u8]| {
        let at = row.windows(what.len()).position(|part| part == what);
        let at = at.unwrap();
        [&row[..at], with, &row[at + what.len()..]].concat()
    };
    let text = |len: u8| [&[0, len][..], &vec![b'x'; usize::from(len)]].concat();
    let methods = |count: u8| {
        let each = vec![[&[0, 3][..], b"pwd"].concat(); usize::from(count)];
        [&[count][..], &each.concat()].concat()
    };
    let (both, door) = (b"\x02\0\x03pwd\0\x03otp", b"\0\x05users");
    let (client, name) = (b"\0\x10Firefox on Linux", b"\0\x07at home");
    for (bytes, fits) in [
        (early, false),
        (replace(both, &methods(4)), true),
        (replace(both, &methods(5)), false),
        (replace(b"\0\x03otp", &text(32)), true),
        (replace(b"\0\x03otp", &text(33)), false),
        (replace(door, &text(32)), true),
        (replace(door, &text(33)), false),
        (replace(client, &text(64)), true),
        (replace(client, &text(65)), false),
        (replace(name, &text(64)), true),
        (replace(name, &text(65)), false),
    ] {
        let parsed = RowShape::parse(&bytes);
        let expected = if fits { "ok" } else { "corrupt" };
        assert_eq!(judged(&parsed), expected, "{bytes:?}");
    }
}

#[tokio::test]
async fn what_lies_in_a_store_has_this_form() {
    let world = World::new().await;
    let started = world.user("acme", "ada").await;
    let record = read(&*world.data, &row_key(started.id())).await;
    let (row, _tag) = record.data.split_last_chunk::<32>().unwrap();
    let row = RowShape::parse(row).unwrap();
    assert_eq!((row.id(), row.kind()), (started.id(), Kind::User));
    assert_eq!(
        (row.tenant(), row.subject()),
        (&tenant("acme"), &subject("ada"))
    );
    assert_eq!(record.expires, Some(row.idle()));
    let key = world
        .ring
        .mac(&keyward_base::Purpose::new("session").unwrap())
        .unwrap();
    assert_eq!((row.key(), row.token_key()), (key.id(), key.id()));
    assert_eq!(
        (&record.mac_key, &record.token_key),
        (&key.tag(), &key.tag())
    );
    let vector = Vector::load(&folder().join("word.txt")).unwrap();
    assert_eq!(record.word, vector.text("word").unwrap());
    for (key, (of, who)) in epoch_keys().iter().zip([
        (None, None),
        (Some("acme"), None),
        (Some("acme"), Some("ada")),
    ]) {
        let record = read(&*world.data, key).await;
        let (epoch, _tag) = record.data.split_last_chunk::<32>().unwrap();
        let epoch = EpochShape::parse(epoch).unwrap();
        assert_eq!(epoch.tenant(), of.map(tenant).as_ref());
        assert_eq!(epoch.subject(), who.map(subject).as_ref());
        assert_eq!((epoch.stamp(Kind::User), epoch.moved()), (0, None));
    }
    let all = Scan::of(Collection::named("session-epoch"));
    assert_eq!(world.data.scan(all).await.unwrap().items.len(), 3);
}
