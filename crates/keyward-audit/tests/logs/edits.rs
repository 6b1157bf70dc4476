//! What who writes to the store, without a key of the ring, can do to a log, and how it is seen.

use keyward_audit::Of;
use keyward_audit::audit::Rule;
use keyward_audit::leaf::{LEN, Leaf, SALT_LEN};
use keyward_base::{ErrorKind, Tenant};
use rusqlite::{Connection, params};

use crate::world::{World, acme, event};

async fn filled() -> World {
    let world = World::new().await;
    let other = Of::Tenant(Tenant::new("other").unwrap());
    // At once, so that few commits do it.
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..10 {
        for of in [acme(), other.clone()] {
            let audit = world.audit.clone();
            tasks.spawn(async move { audit.append(event(&of, n)).await.unwrap() });
        }
    }
    tasks.join_all().await;
    assert_eq!(world.verify(&acme()).await.unwrap(), 10);
    world
}

/// That the log does not verify any more, and what is said.
async fn seen(world: &World) -> String {
    let refused = world.audit.verify(&acme(), |_| ()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt);
    refused.to_string()
}

const OF_ACME: &str = "collection = 'audit' AND owner = 'acme'";

#[tokio::test]
async fn an_entry_that_was_edited_is_named() {
    let world = filled().await;
    let conn = Connection::open(world.folder.path().join("data.db")).unwrap();
    let select = format!("SELECT bytes FROM entry WHERE {OF_ACME} AND seq = 4");
    let bytes: Vec<u8> = conn.query_row(&select, [], |row| row.get(0)).unwrap();
    let update = format!("UPDATE entry SET bytes = ?1 WHERE {OF_ACME} AND seq = 4");
    for at in 0..bytes.len() {
        let mut other = bytes.clone();
        other[at] ^= 1;
        conn.execute(&update, params![other]).unwrap();
        let said = seen(&world).await;
        // The header of a leaf is vouched for by the root alone.
        let by_itself = at >= LEN - 32 || at == 0;
        assert!(said.contains("entry 4") || !by_itself, "byte {at}: {said}");
    }
    // A whole one, in place of it: only the root tells.
    let leaf = Leaf::parse(&bytes[..LEN]).unwrap();
    let text = String::from_utf8(bytes[LEN + SALT_LEN..].to_vec()).unwrap();
    let text = text.replace("app.act", "app.bad");
    let provider = *world.keyring.provider();
    let mut other = Leaf::of(&provider, leaf.header, &[1; SALT_LEN], &text).bytes();
    other.extend_from_slice(&[1; SALT_LEN]);
    other.extend_from_slice(text.as_bytes());
    conn.execute(&update, params![other]).unwrap();
    assert!(seen(&world).await.contains("head vouches"));
    conn.execute(&update, params![bytes]).unwrap();
    assert_eq!(world.verify(&acme()).await.unwrap(), 10);
}

#[tokio::test]
async fn entries_that_were_dropped_moved_or_put_in_are_seen() {
    let ways = [
        // Dropped inside, with a gap and without one.
        vec![format!("DELETE FROM entry WHERE {OF_ACME} AND seq = 4")],
        vec![
            format!("DELETE FROM entry WHERE {OF_ACME} AND seq = 4"),
            format!("UPDATE entry SET seq = seq - 1 WHERE {OF_ACME} AND seq > 4"),
        ],
        // Two that changed places.
        vec![
            format!("UPDATE entry SET seq = 100 WHERE {OF_ACME} AND seq = 4"),
            format!("UPDATE entry SET seq = 4 WHERE {OF_ACME} AND seq = 5"),
            format!("UPDATE entry SET seq = 5 WHERE {OF_ACME} AND seq = 100"),
        ],
        // One of another tenant in the place of one's own.
        vec![
            format!("DELETE FROM entry WHERE {OF_ACME} AND seq = 4"),
            "UPDATE entry SET owner = 'acme' WHERE collection = 'audit' AND owner = 'other' AND seq = 4"
                .to_owned(),
        ],
        // The newest cut off; all of them.
        vec![format!("DELETE FROM entry WHERE {OF_ACME} AND seq = 9")],
        vec![format!("DELETE FROM entry WHERE {OF_ACME}")],
        // One more at the end.
        vec![format!(
            "INSERT INTO entry SELECT collection, owner, id, 10, bytes FROM entry WHERE {OF_ACME} AND seq = 9"
        )],
        vec![format!(
            "INSERT INTO entry SELECT collection, owner, id, 9223372036854775807, bytes FROM entry WHERE {OF_ACME} AND seq = 9"
        )],
        // Nothing of an entry, no bytes, and where no entry is.
        vec![format!("UPDATE entry SET bytes = NULL WHERE {OF_ACME} AND seq = 4")],
        vec![format!("UPDATE entry SET bytes = x'' WHERE {OF_ACME} AND seq = 0")],
        vec![format!("UPDATE entry SET seq = -4 WHERE {OF_ACME} AND seq = 4")],
        vec![format!("UPDATE entry SET seq = -9 - seq WHERE {OF_ACME}")],
        // Another log's head and entries, in the place of one's own.
        vec![
            format!("DELETE FROM entry WHERE {OF_ACME}"),
            "UPDATE entry SET owner = 'acme' WHERE collection = 'audit' AND owner = 'other'".to_owned(),
            "DELETE FROM record WHERE collection = 'audit.head' AND owner = 'acme'".to_owned(),
            "UPDATE record SET owner = 'acme' WHERE collection = 'audit.head' AND owner = 'other'"
                .to_owned(),
        ],
        // The head of another tenant, and none.
        vec![
            "DELETE FROM record WHERE collection = 'audit.head' AND owner = 'acme'".to_owned(),
            "UPDATE record SET owner = 'acme' WHERE collection = 'audit.head' AND owner = 'other'"
                .to_owned(),
        ],
        vec!["DELETE FROM record WHERE collection = 'audit.head' AND owner = 'acme'".to_owned()],
    ];
    for way in ways {
        let world = filled().await;
        for sql in &way {
            assert!(world.edit(sql) > 0, "{sql}");
        }
        let verified = world.verify(&acme()).await.unwrap_err();
        assert_eq!(verified.kind(), ErrorKind::Corrupt, "{way:?}: {verified}");
        let other = Of::Tenant(Tenant::new("other").unwrap());
        if !way.iter().any(|sql| sql.contains("'other'")) {
            assert_eq!(world.verify(&other).await.unwrap(), 10, "{way:?}");
        }
    }
}

#[tokio::test]
async fn each_bit_of_a_head_counts() {
    let world = filled().await;
    let conn = Connection::open(world.folder.path().join("data.db")).unwrap();
    let select = "SELECT data FROM record WHERE collection = 'audit.head' AND owner = 'acme'";
    let data: Vec<u8> = conn.query_row(select, [], |row| row.get(0)).unwrap();
    let update = "UPDATE record SET data = ?1 WHERE collection = 'audit.head' AND owner = 'acme'";
    let audit = world.again().await;
    for at in 0..data.len() {
        let mut other = data.clone();
        other[at] ^= 1 << (at % 8);
        conn.execute(update, params![other]).unwrap();
        let refused = audit.head(&acme()).await.unwrap_err();
        assert_ne!(refused.kind(), ErrorKind::Misuse, "byte {at}");
    }
    conn.execute(update, params![data]).unwrap();
    assert!(audit.head(&acme()).await.is_ok());
}

#[tokio::test]
async fn tiles_tell_which_entry_was_changed_as_a_whole() {
    let world = World::new().await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..600 {
        let audit = world.audit.clone();
        tasks.spawn(async move { audit.append(event(&acme(), n)).await.unwrap() });
    }
    tasks.join_all().await;
    world.audit.tile(&acme()).await.unwrap();
    let conn = Connection::open(world.folder.path().join("data.db")).unwrap();
    let select = format!("SELECT bytes FROM entry WHERE {OF_ACME} AND seq = ?1");
    let update = format!("UPDATE entry SET bytes = ?2 WHERE {OF_ACME} AND seq = ?1");
    let provider = *world.keyring.provider();
    for (seq, said) in [
        (0, "entry 0 "),
        (255, "entry 255 "),
        (300, "entry 300 "),
        // Of the newest there is no tile.
        (590, "among entries 576 to 591 "),
    ] {
        let bytes: Vec<u8> = conn.query_row(&select, [seq], |row| row.get(0)).unwrap();
        let leaf = Leaf::parse(&bytes[..LEN]).unwrap();
        let text = String::from_utf8(bytes[LEN + SALT_LEN..].to_vec()).unwrap();
        let text = text.replace("app.act", "app.bad");
        let mut other = Leaf::of(&provider, leaf.header, &[1; SALT_LEN], &text).bytes();
        other.extend_from_slice(&[1; SALT_LEN]);
        other.extend_from_slice(text.as_bytes());
        // And its day, and its class.
        let (mut day, mut class) = (bytes.clone(), bytes.clone());
        day[20] ^= 1;
        class[21] = b'a';
        for edited in [other, class, day] {
            conn.execute(&update, params![seq, edited]).unwrap();
            let found = seen(&world).await;
            // A day before that of others is bad by itself.
            assert!(
                found.starts_with(said) || found.starts_with("entry"),
                "{seq}: {found}"
            );
        }
        conn.execute(&update, params![seq, bytes]).unwrap();
    }
    // With tiles that fit what was edited: as near as the head alone tells.
    world.edit("UPDATE record SET data = zeroblob(length(data)) WHERE collection = 'audit.tile'");
    let class =
        "UPDATE entry SET bytes = CAST(substr(bytes, 1, 21) || 'x' || substr(bytes, 23) AS BLOB)";
    assert_eq!(
        world.edit(&format!("{class} WHERE {OF_ACME} AND seq = 300")),
        1
    );
    let found = seen(&world).await;
    assert!(found.starts_with("among entries 0 to 511 "), "{found}");
    assert_eq!(
        world.edit(&format!(
            "{} WHERE {OF_ACME} AND seq = 300",
            class.replace("'x'", "'s'")
        )),
        1
    );
    assert_eq!(world.verify(&acme()).await.unwrap(), 600);
}

#[tokio::test]
async fn what_was_erased_and_is_filled_again_is_named_or_erased_again() {
    let world = filled().await;
    let conn = Connection::open(world.folder.path().join("data.db")).unwrap();
    let select = format!("SELECT bytes FROM entry WHERE {OF_ACME} AND seq = 3");
    let bytes: Vec<u8> = conn.query_row(&select, [], |row| row.get(0)).unwrap();
    let all = Rule::all();
    world.audit.erase(&acme(), &all).await.unwrap().unwrap();
    let update = format!("UPDATE entry SET bytes = ?1 WHERE {OF_ACME} AND seq = 3");
    // With other bytes, and with those of another entry.
    let mut other = bytes[..LEN].to_vec();
    other.extend_from_slice(&[1; SALT_LEN]);
    other.extend_from_slice(b"{}");
    for filled in [other, [&bytes[..LEN], &[0; 7]].concat()] {
        conn.execute(&update, params![filled]).unwrap();
        assert!(seen(&world).await.starts_with("entry 3 "));
    }
    // With its own, from a backup: it goes again, by a record of its own.
    conn.execute(&update, params![bytes]).unwrap();
    let verified = world.audit.verify(&acme(), |_| ()).await.unwrap();
    assert_eq!(verified.unwrap().erased, 9);
    let again = world.audit.erase(&acme(), &all).await.unwrap().unwrap();
    assert_eq!((again.entries, again.count, again.record), (3..4, 1, 11));
    let verified = world.audit.verify(&acme(), |_| ()).await.unwrap();
    assert_eq!(verified.unwrap().erased, 10);
    // A log that is begun anew where one was taken away has another id.
    let before = world.audit.head(&acme()).await.unwrap().unwrap().log;
    world.edit(&format!("DELETE FROM entry WHERE {OF_ACME}"));
    world.edit("DELETE FROM record WHERE collection = 'audit.head' AND owner = 'acme'");
    let audit = world.again().await;
    assert_eq!(audit.append(event(&acme(), 0)).await.unwrap(), 0);
    assert_ne!(audit.head(&acme()).await.unwrap().unwrap().log, before);
}
