//! Whoever writes to the store, and whoever sends keys.

use std::sync::Arc;

use keyward_base::encoding::{base64url, from_base64url};
use keyward_base::{ErrorKind, Reason};
use keyward_session::api_key::{ApiKeyId, End, Narrow, Ranges, Rotation};
use keyward_session::reason;
use keyward_store::{
    Applied, Collection, Content, MemoryStore, Record, RecordKey, Records, Scan, Write,
};
use keyward_testkit::{Call, Interrupt, Staged, bit_flips, truncations};

use crate::world::{DAY, HOUR, World, address, all, new, scopes, tenant};

pub(crate) fn row_key(id: ApiKeyId) -> RecordKey {
    RecordKey {
        collection: Collection::named("api-key"),
        owner: String::new(),
        id: id.to_string(),
    }
}

pub(crate) fn epoch_keys() -> [RecordKey; 2] {
    [("", "all"), ("acme", "tenant")].map(|(owner, id)| RecordKey {
        collection: Collection::named("api-key-epoch"),
        owner: owner.to_owned(),
        id: id.to_owned(),
    })
}

pub(crate) async fn read(store: &dyn Records, key: &RecordKey) -> Record {
    store.fetch(key).await.unwrap().unwrap()
}

/// As whoever writes the table does.
pub(crate) async fn plant(store: &dyn Records, key: &RecordKey, content: Content) {
    let found = store.fetch(key).await.unwrap();
    let write = Write::put(key.clone(), found.map(|record| record.version), content);
    let applied = store.apply(vec![write]).await.unwrap();
    assert!(matches!(applied, Applied::Done(_)));
}

async fn plant_data(store: &dyn Records, key: &RecordKey, data: Vec<u8>) {
    let content = read(store, key).await.content;
    plant(store, key, Content { data, ..content }).await;
}

async fn refusal(world: &World, text: &str) -> (ErrorKind, Option<Reason>) {
    let refused = world.keys.check(text, None).await.unwrap_err();
    (refused.kind(), refused.reason())
}

#[tokio::test]
async fn no_flipped_bit_and_no_cut_of_a_row_or_an_epoch_is_taken() {
    let world = World::new().await;
    let ranges = Ranges::parse("0.0.0.0/0 2001:db8::/32").unwrap();
    let issued = world.issue(new("build").ranges(ranges)).await;
    let text = issued.key().expose();
    // With all that a row can hold.
    let ada = world.person("acme", "ada").await;
    let next = world
        .keys
        .rotate(&ada, &all(), issued.info().id, Rotation::new())
        .await;
    let next = next.unwrap();
    world.keys.check(text, address("192.0.2.7")).await.unwrap();
    assert_eq!(world.keys.upkeep(10).await.unwrap().used, 1);
    let mut keys = vec![row_key(issued.info().id), row_key(next.info().id)];
    keys.extend(epoch_keys());
    for key in &keys {
        let right = read(&*world.data, key).await.content;
        let text = if *key == keys[1] {
            next.key().expose()
        } else {
            text
        };
        let cuts = truncations(&right.data).map(<[u8]>::to_vec);
        for data in bit_flips(&right.data).chain(cuts) {
            plant_data(&*world.data, key, data.clone()).await;
            let (kind, _) = refusal(&world, text).await;
            // A version that is not known may be a newer release's.
            let newer = kind == ErrorKind::Unavailable && data.get(4) != right.data.get(4);
            assert!(kind == ErrorKind::Corrupt || newer, "{kind:?}");
        }
        plant(&*world.data, key, right).await;
        world.keys.check(text, address("192.0.2.7")).await.unwrap();
    }
}

#[tokio::test]
async fn nothing_of_a_row_stands_in_the_place_of_another() {
    let world = World::new().await;
    let one = world
        .issue(new("build").scopes(scopes("servers:read")).expires_in(HOUR))
        .await;
    let ranges = Ranges::parse("192.0.2.0/24").unwrap();
    let two = world.issue(new("other").ranges(ranges)).await;
    let bob = world.person("globex", "bob").await;
    let three = world.keys.issue(&bob, &all(), new("build")).await.unwrap();
    let key = row_key(one.info().id);
    let right = read(&*world.data, &key).await.content;
    for other in [&two, &three] {
        let whole = read(&*world.data, &row_key(other.info().id)).await.content;
        // Whole, it is the row of another id.
        plant(&*world.data, &key, whole.clone()).await;
        assert_eq!(
            refusal(&world, one.key().expose()).await.0,
            ErrorKind::Corrupt
        );
        // Every piece of it, at every place where one begins and ends, and the MAC with it or not.
        let length = right.data.len().min(whole.data.len());
        for from in 0..length {
            for until in [1, 2, 8, 16, 24, 32, 48, 72, 144].map(|more| from + more) {
                if until > length || right.data[from..until] == whole.data[from..until] {
                    continue;
                }
                let mut mixed = right.data.clone();
                mixed[from..until].copy_from_slice(&whole.data[from..until]);
                plant_data(&*world.data, &key, mixed).await;
                let (kind, _) = refusal(&world, one.key().expose()).await;
                assert_eq!(kind, ErrorKind::Corrupt, "{from}..{until}");
            }
        }
    }
    plant(&*world.data, &key, right).await;
    world.keys.check(one.key().expose(), None).await.unwrap();
}

/// The fields that decide, each with a value by which whoever writes the store would gain: under the
/// MAC that was there.
#[tokio::test]
async fn no_field_is_made_more_by_who_writes_the_store() {
    let world = World::new().await;
    let ranges = Ranges::parse("192.0.2.0/24").unwrap();
    let new = new("build").scopes(scopes("servers:read")).ranges(ranges);
    let issued = world.issue(new.expires_in(HOUR)).await;
    let (text, id) = (issued.key().expose(), issued.info().id);
    let ada = world.person("acme", "ada").await;
    let rotation = Rotation::new().overlap(HOUR / 2).unwrap();
    let next = world.keys.rotate(&ada, &all(), id, rotation).await.unwrap();
    let key = row_key(id);
    let right = read(&*world.data, &key).await.content;
    let at = |what: &[u8]| {
        let mut places = right.data.windows(what.len());
        places.position(|part| part == what).unwrap()
    };
    let times = 5 + 8 + 8 + 16 + 32 + 1;
    let marks = times + 6 * 8;
    let successor = next.info().id.to_bytes();
    let edits: [(&str, usize, &[u8]); 13] = [
        ("version", 4, &[2]),
        ("the row's key", 5, &[9; 8]),
        ("the text's key", 13, &[9; 8]),
        ("id", 21, &[9; 16]),
        ("proof", 37, &[9; 32]),
        ("how it was made", 69, &[1]),
        ("created", times, &[0; 8]),
        ("changed", times + 8, &[0; 8]),
        ("expiry", times + 16, &[0; 8]),
        ("the overlap's end", times + 24, &[0; 8]),
        ("the mark of all", marks, &[9; 24]),
        ("the mark of the tenant", marks + 24, &[9; 24]),
        ("successor", at(&successor), &[9; 16]),
    ];
    let texts: [(&str, &[u8], &[u8]); 5] = [
        ("prefix", b"\0\x04kwk_", b"\0\x05kwk__"),
        ("tenant", b"\0\x04acme", b"\0\x06globex"),
        ("maker", b"\0\x03ada", b"\0\x03eve"),
        (
            "scopes",
            b"\0\x0cservers:read",
            b"\0\x1aservers:read servers:write",
        ),
        ("ranges", &[1, 4, 24, 192, 0, 2], &[1, 4, 0, 0, 0, 0]),
    ];
    let edited = edits.map(|(what, at, with)| {
        let mut data = right.data.clone();
        data[at..at + with.len()].copy_from_slice(with);
        (what, data)
    });
    let replaced = texts.map(|(what, old, with)| {
        let at = at(old);
        let data = [&right.data[..at], with, &right.data[at + old.len()..]].concat();
        (what, data)
    });
    for (what, data) in edited.into_iter().chain(replaced) {
        assert_ne!(data, right.data, "{what}");
        plant_data(&*world.data, &key, data).await;
        let checked = world.keys.check(text, address("192.0.2.7")).await;
        let kind = checked.unwrap_err().kind();
        let newer = what == "version" && kind == ErrorKind::Unavailable;
        assert!(newer || kind == ErrorKind::Corrupt, "{what}: {kind:?}");
        // Whoever would change it makes nothing genuine of it.
        let to = Narrow::new();
        assert!(
            world.keys.narrow(&tenant("acme"), id, &to).await.is_err(),
            "{what}"
        );
    }
    plant(&*world.data, &key, right).await;
    world.keys.check(text, address("192.0.2.7")).await.unwrap();
}

#[tokio::test]
async fn what_a_store_keeps_beside_a_row_decides_nothing() {
    let world = World::new().await;
    let one = world.issue(new("build").expires_in(HOUR)).await;
    let bob = world.person("globex", "bob").await;
    let two = world.keys.issue(&bob, &all(), new("build")).await.unwrap();
    let of_two = read(&*world.data, &row_key(two.info().id)).await.content;
    let key = row_key(one.info().id);
    let right = read(&*world.data, &key).await.content;
    let edited = Content {
        word: of_two.word,
        expires: None,
        mac_key: String::new(),
        token_key: String::new(),
        sealed: "anything".to_owned(),
        data: right.data,
    };
    plant(&*world.data, &key, edited).await;
    let live = world.keys.check(one.key().expose(), None).await.unwrap();
    assert_eq!(live.tenant(), &tenant("acme"));
    // It does not get into the list of somebody else.
    let listed = world.keys.list(&tenant("globex"), None).await.unwrap();
    assert_eq!(listed.keys.len(), 1);
    world.pass(HOUR).await;
    assert_eq!(
        refusal(&world, one.key().expose()).await.1,
        Some(Reason::EXPIRED)
    );
}

/// The same key as one of another prefix, with the checksum that it would have.
#[tokio::test]
async fn a_key_is_none_under_another_prefix() {
    let world = World::new().await;
    let issued = world.key().await;
    let bytes = from_base64url(&issued.key().expose()[4..91]).unwrap();
    let other = keyward_session::ApiKeys::builder(world.ring.clone(), world.data.clone());
    let other = other.prefix("acme_live_").build().await.unwrap();
    let renamed = sealed("acme_live_", &bytes);
    let refused = other.check(&renamed, None).await.unwrap_err();
    assert_eq!(refused.reason(), Some(Reason::NOT_AUTHENTIC));
    other.revoke_leaked(&renamed).await.unwrap();
    world.keys.check(issued.key().expose(), None).await.unwrap();
}

#[tokio::test]
async fn a_copy_of_a_row_is_no_other_key() {
    let world = World::new().await;
    let (one, two) = (world.key().await, world.key().await);
    let whole = read(&*world.data, &row_key(one.info().id)).await.content;
    plant(&*world.data, &row_key(two.info().id), whole.clone()).await;
    let nobody = ApiKeyId::from_bytes([7; 16]);
    plant(&*world.data, &row_key(nobody), whole).await;
    let page = world.keys.list(&tenant("acme"), None).await.unwrap();
    assert_eq!((page.keys.len(), page.damaged), (1, 2));
    assert_eq!(page.keys[0].id, one.info().id);
    for id in [two.info().id, nobody] {
        let damaged = world.keys.narrow(&tenant("acme"), id, &Narrow::new()).await;
        assert_eq!(damaged.unwrap_err().kind(), ErrorKind::Corrupt);
    }
}

#[tokio::test]
async fn an_epoch_of_another_scope_or_that_is_gone_or_made_anew_refuses() {
    let world = World::new().await;
    let bob = world.person("globex", "bob").await;
    let _theirs = world.keys.issue(&bob, &all(), new("build")).await.unwrap();
    let places = epoch_keys();
    let globex = RecordKey {
        owner: "globex".to_owned(),
        ..places[1].clone()
    };
    for place in &places {
        let issued = world.key().await;
        let text = issued.key().expose();
        let right = read(&*world.data, place).await.content;
        for other in places.iter().chain([&globex]).filter(|key| *key != place) {
            let moved = read(&*world.data, other).await.content;
            plant(&*world.data, place, moved).await;
            assert_eq!(refusal(&world, text).await.0, ErrorKind::Corrupt);
        }
        plant(&*world.data, place, right).await;
        world.keys.check(text, None).await.unwrap();
        let version = read(&*world.data, place).await.version;
        let key = place.clone();
        let gone = world.data.apply(vec![Write::Delete { key, version }]).await;
        assert!(matches!(gone.unwrap(), Applied::Done(_)));
        let ended = (ErrorKind::Rejected, Some(reason::KEY_ENDED));
        assert_eq!(refusal(&world, text).await, ended);
        // Whoever makes the next makes it anew: nothing lives again by that.
        let next = world.key().await;
        world.keys.check(next.key().expose(), None).await.unwrap();
        assert_eq!(refusal(&world, text).await, ended);
    }
}

/// What `docs/threat-model.md` says that whoever writes the store can do.
#[tokio::test]
async fn a_whole_row_or_epoch_put_back_is_as_it_was() {
    let world = World::new().await;
    let of = tenant("acme");
    let issued = world.key().await;
    let (id, text) = (issued.info().id, issued.key().expose());
    let key = row_key(id);
    let first = read(&*world.data, &key).await.content;
    // Narrowed: it is as wide as it was, and no wider.
    let to = Narrow::new().scopes(scopes("servers:read"));
    world.keys.narrow(&of, id, &to).await.unwrap();
    plant(&*world.data, &key, first.clone()).await;
    assert_eq!(world.keys.check(text, None).await.unwrap().scopes(), &all());
    // Revoked: it lives again, until its expiry or the next end of all of its tenant.
    world.keys.revoke(&of, id).await.unwrap();
    plant(&*world.data, &key, first.clone()).await;
    world.keys.check(text, None).await.unwrap();
    let [_, of_tenant] = epoch_keys();
    let epoch = read(&*world.data, &of_tenant).await.content;
    world.tick();
    world.keys.end(&End::tenant(of.clone())).await.unwrap();
    plant(&*world.data, &key, first.clone()).await;
    assert_eq!(refusal(&world, text).await.1, Some(reason::KEY_ENDED));
    // An epoch: what it ended lives again, and what was made after it does not.
    world.tick();
    let later = world.key().await;
    plant(&*world.data, &of_tenant, epoch).await;
    world.keys.check(text, None).await.unwrap();
    assert_eq!(
        refusal(&world, later.key().expose()).await.1,
        Some(reason::KEY_ENDED)
    );
    // The next end is no repetition of the one before it.
    world.keys.end(&End::tenant(of)).await.unwrap();
    for text in [text, later.key().expose()] {
        assert_eq!(refusal(&world, text).await.1, Some(reason::KEY_ENDED));
    }
    world.pass(DAY * 90).await;
    plant(&*world.data, &key, first).await;
    assert_eq!(refusal(&world, text).await.1, Some(Reason::EXPIRED));
}

#[tokio::test]
async fn nothing_in_the_tables_and_in_the_trail_is_a_key() {
    let world = World::new().await;
    let issued = world.key().await;
    let text = issued.key().expose().to_owned();
    world.keys.check(&text, address("192.0.2.7")).await.unwrap();
    world.keys.upkeep(10).await.unwrap();
    let payload = from_base64url(&text[4..91]).unwrap();
    for collection in ["api-key", "api-key-epoch"] {
        let scan = Scan::of(Collection::named(collection));
        for record in world.data.scan(scan).await.unwrap().items {
            let held = [record.content.data.as_slice(), record.key.id.as_bytes()].concat();
            // 8 bytes of the secret.
            for piece in payload[25..57].windows(8) {
                assert!(!held.windows(8).any(|at| at == piece));
            }
        }
    }
    world.keys.revoke_leaked(&text).await.unwrap();
    let told = format!("{:?} {:?} {issued:?}", world.audit.take(), world.keys);
    for at in 34..text.len() - 12 {
        assert!(!told.contains(&text[at..at + 12]), "{told}");
    }
    // What the row keeps of the secret, in its place, proves nothing.
    let other = world.key().await;
    let row = read(&*world.data, &row_key(other.info().id))
        .await
        .content
        .data;
    let mut forged = from_base64url(&other.key().expose()[4..91]).unwrap();
    forged[25..57].copy_from_slice(&row[37..69]);
    let refused = refusal(&world, &sealed("kwk_", &forged)).await;
    assert_eq!(refused.1, Some(Reason::NOT_AUTHENTIC));
}

/// A text of these bytes with the checksum that it should have.
pub(crate) fn sealed(prefix: &str, bytes: &[u8]) -> String {
    let body = format!("{prefix}{}", base64url(bytes));
    let mut left = crc(body.as_bytes());
    let digits = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut sum = [0; 6];
    for to in sum.iter_mut().rev() {
        *to = digits[usize::try_from(left % 62).unwrap()];
        left /= 62;
    }
    body + std::str::from_utf8(&sum).unwrap()
}

/// CRC-32 by its definition: the remainder of a division.
fn crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    !crc
}

#[tokio::test]
async fn what_is_no_key_of_ours_asks_no_store() {
    let staged = Staged::over(Arc::new(MemoryStore::new(1_000)));
    let keys = Staged::over(Arc::new(MemoryStore::new(1_000)));
    let world = World::over(keys.clone(), staged.clone(), |builder| builder).await;
    let issued = world.key().await;
    let text = issued.key().expose().to_owned();
    staged.take_calls();
    keys.take_calls();
    let bytes = from_base64url(&text[4..91]).unwrap();
    assert_eq!(sealed("kwk_", &bytes), text);
    let of = |bytes: &[u8]| sealed("kwk_", bytes);
    // With a right checksum, so that nothing but the MAC refuses them.
    let mut forged: Vec<String> = bit_flips(&bytes).map(|flipped| of(&flipped)).collect();
    forged.extend(truncations(&bytes).map(of));
    forged.extend((0..text.len()).map(|at| text[..at].to_owned()));
    forged.extend((0..text.len()).map(|at| {
        let mut chars: Vec<char> = text.chars().collect();
        chars[at] = if chars[at] == 'A' { 'B' } else { 'A' };
        chars.into_iter().collect()
    }));
    forged.extend(["", "kwk_", " ", "\u{e9}"].map(str::to_owned));
    forged.push(format!("{text} "));
    forged.push(format!("{text}="));
    forged.push("kwk_".to_owned() + &"A".repeat(600));
    forged.push(sealed("kws_", &bytes));
    for text in forged.iter().filter(|forged| **forged != text) {
        let refused = world.keys.check(text, None).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Rejected);
        assert_eq!(refused.to_string(), "rejected");
        world.keys.revoke_leaked(text).await.unwrap();
    }
    assert_eq!(staged.take_calls(), []);
    assert_eq!(keys.take_calls(), []);
    // The right one: two reads.
    world.keys.check(&text, None).await.unwrap();
    let calls = staged.take_calls();
    assert_eq!(calls, [Call::Fetch("api-key".to_owned()), Call::FetchMany]);
}

/// Whatever call fails, nobody is let in, nothing is half done, and a report is to be made again.
#[tokio::test]
async fn a_store_that_fails_refuses() {
    for after in [false, true] {
        for n in 0.. {
            let staged = Staged::over(Arc::new(MemoryStore::new(1_000)));
            let world = World::on(staged.clone()).await;
            let issued = world.key().await;
            let text = issued.key().expose();
            let dies = || {
                if after {
                    Interrupt::DieAfter
                } else {
                    Interrupt::DieBefore
                }
            };
            staged.interrupt(n, dies());
            let checked = world.keys.check(text, None).await;
            if !staged.fired() {
                checked.unwrap();
                assert_eq!(n, 2);
                break;
            }
            assert_eq!(checked.unwrap_err().kind(), ErrorKind::Unavailable);
            staged.interrupt(n, dies());
            let reported = world.keys.revoke_leaked(text).await;
            if staged.fired() {
                assert_eq!(reported.unwrap_err().kind(), ErrorKind::Unavailable);
            }
            world.keys.revoke_leaked(text).await.unwrap();
            assert_eq!(refusal(&world, text).await.1, Some(reason::KEY_ENDED));
        }
    }
}

#[tokio::test]
async fn ending_a_tenants_keys_costs_the_same_whatever_their_number() {
    let mut costs = Vec::new();
    for count in [1, 300] {
        let staged = Staged::over(Arc::new(MemoryStore::new(10_000)));
        let world = World::on(staged.clone()).await;
        let ada = world.person("acme", "ada").await;
        let mut texts = Vec::new();
        for _ in 0..count {
            let made = world.keys.issue(&ada, &all(), new("build")).await.unwrap();
            texts.push(made.key().expose().to_owned());
        }
        staged.take_calls();
        world.keys.end(&End::tenant(tenant("acme"))).await.unwrap();
        costs.push(staged.take_calls());
        for text in texts {
            assert_eq!(refusal(&world, &text).await.1, Some(reason::KEY_ENDED));
        }
    }
    assert_eq!(costs[0], costs[1]);
    let fetch = Call::Fetch("api-key-epoch".to_owned());
    assert_eq!(costs[0], [fetch, Call::Apply]);
}
