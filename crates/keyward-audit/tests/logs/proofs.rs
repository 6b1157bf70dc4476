//! Checkpoints, proofs and exports of logs in a store.

use keyward_audit::export::check;
use keyward_audit::{Audit, Checkpoint, Of, Others, VerifierKey};
use keyward_base::{ErrorKind, Purpose};
use rusqlite::Connection;

use crate::world::{World, acme, event};

async fn fill(audit: &Audit, of: &Of, from: u64, until: u64) {
    let mut tasks = tokio::task::JoinSet::new();
    for n in from..until {
        let (audit, event) = (audit.clone(), event(of, n));
        tasks.spawn(async move { audit.append(event).await.unwrap() });
    }
    tasks.join_all().await;
}

async fn key(audit: &Audit, of: &Of) -> VerifierKey {
    let key = audit.key(of).await.unwrap().unwrap();
    let provider = keyward_crypto::Provider::default();
    VerifierKey::parse(&provider, &key.to_string()).unwrap()
}

/// All that a log of that size gives is checked by who has its key alone.
async fn gives_what_verifies(audit: &Audit, of: &Of, size: u64, some: &[u64]) {
    let (provider, keys) = (keyward_crypto::Provider::default(), [key(audit, of).await]);
    let note = audit.checkpoint(of).await.unwrap().unwrap();
    let checkpoint = Checkpoint::open(&note, &keys, Others::Refused).unwrap();
    assert_eq!(checkpoint.size, size);
    for seq in some {
        let proof = audit.prove(of, *seq).await.unwrap();
        let page = audit.entries(of, *seq, 1).await.unwrap();
        let leaf = page.entries[0].leaf.bytes();
        let over = proof.check(&provider, &keys, Others::Refused, &leaf);
        assert_eq!(over.unwrap(), checkpoint);
    }
    for (from, until) in [(0, size), (size / 3, size / 2), (size, size), (0, 0)] {
        let file = audit.export(of, from..until, Vec::new(), |_| ()).await;
        let checked = check(&provider, &keys, &file.unwrap()[..], |_, _, _| ()).unwrap();
        assert_eq!(
            (checked.entries, checked.checkpoint),
            (from..until, checkpoint.clone())
        );
    }
    let none = audit.prove(of, size).await.unwrap_err();
    assert_eq!(none.kind(), ErrorKind::Misuse);
    let none = audit.export(of, 0..size + 1, Vec::new(), |_| ()).await;
    assert_eq!(none.unwrap_err().kind(), ErrorKind::Misuse);
}

#[tokio::test]
async fn what_a_log_gives_verifies_with_its_key_alone() {
    let world = World::new().await;
    let audit = &world.audit;
    assert!(audit.checkpoint(&acme()).await.unwrap().is_none());
    assert!(audit.key(&acme()).await.unwrap().is_none());
    let mut size = 0;
    for next in [1, 2, 3, 4, 7, 8, 9] {
        fill(audit, &acme(), size, next).await;
        size = next;
        let all: Vec<u64> = (0..size).collect();
        gives_what_verifies(audit, &acme(), size, &all).await;
    }
    // The same key under another name: of another log, nothing verifies with it.
    fill(audit, &Of::Service, 0, 3).await;
    gives_what_verifies(audit, &Of::Service, 3, &[0, 2]).await;
    let note = audit.checkpoint(&Of::Service).await.unwrap().unwrap();
    let other = Checkpoint::open(&note, &[key(audit, &acme()).await], Others::PassedOver);
    assert_eq!(other.unwrap_err().kind(), ErrorKind::Rejected);
}

#[tokio::test]
async fn tiles_are_a_cache_that_nobody_can_lie_with() {
    let world = World::new().await;
    let audit = &world.audit;
    fill(audit, &acme(), 0, 300).await;
    audit.tile(&acme()).await.unwrap();
    fill(audit, &acme(), 300, 790).await;
    let some = [0, 255, 256, 299, 300, 511, 512, 767, 768, 789];
    gives_what_verifies(audit, &acme(), 790, &some).await;
    audit.tile(&acme()).await.unwrap();
    gives_what_verifies(audit, &acme(), 790, &some).await;
    let tiles = "collection = 'audit.tile'";
    let ways = [
        format!("UPDATE record SET data = zeroblob(length(data)) WHERE {tiles} AND id LIKE '00/%'"),
        format!("UPDATE record SET data = zeroblob(length(data)) WHERE {tiles} AND id LIKE '01/%'"),
        format!(
            "UPDATE record SET data = substr(data, 1, 16 + 32 * 100) WHERE {tiles} AND id LIKE '00/%'"
        ),
        format!(
            "UPDATE record SET data = CAST(substr(data, 1, 16) || randomblob(8160) AS BLOB) WHERE {tiles} AND id = '00/0000000000000001'"
        ),
        format!(
            "UPDATE record SET data = CAST(substr(data, 1, 16) || x'7fffffffffffffff' AS BLOB) WHERE {tiles} AND id = 'covered'"
        ),
        format!("DELETE FROM record WHERE {tiles} AND id LIKE '00/%'"),
    ];
    for way in ways {
        assert!(world.edit(&way) > 0, "{way}");
        let audit = world.again().await;
        let proof = audit.prove(&acme(), 300).await.unwrap();
        let page = audit.entries(&acme(), 300, 1).await.unwrap();
        let (provider, keys) = (
            keyward_crypto::Provider::default(),
            [key(&audit, &acme()).await],
        );
        let leaf = page.entries[0].leaf.bytes();
        proof
            .check(&provider, &keys, Others::Refused, &leaf)
            .unwrap();
        audit.tile(&acme()).await.unwrap();
        gives_what_verifies(&audit, &acme(), 790, &[5, 700]).await;
    }
    // Entries that were edited with their tiles: what is proved is what the head vouches for.
    let edit = "UPDATE entry SET bytes = (SELECT bytes FROM entry WHERE owner = 'acme' AND seq = 8) WHERE owner = 'acme' AND seq = 9";
    assert_eq!(world.edit(edit), 1);
    world.edit(&format!("DELETE FROM record WHERE {tiles}"));
    let audit = world.again().await;
    for refused in [
        audit.tile(&acme()).await.err(),
        audit.prove(&acme(), 9).await.err(),
        audit.prove(&acme(), 500).await.err(),
        audit.export(&acme(), 0..20, Vec::new(), |_| ()).await.err(),
    ] {
        assert_eq!(refused.unwrap().kind(), ErrorKind::Corrupt);
    }
}

#[tokio::test]
async fn a_database_that_was_put_back_signs_nothing() {
    let world = World::anchored().await;
    let path = world.folder.path().join("data.db");
    fill(&world.audit, &acme(), 0, 5).await;
    let old = world.audit.checkpoint(&acme()).await.unwrap().unwrap();
    let copy = world.folder.path().join("copy.db");
    let conn = Connection::open(&path).unwrap();
    conn.execute("VACUUM INTO ?1", [copy.to_str().unwrap()])
        .unwrap();
    fill(&world.audit, &acme(), 5, 9).await;
    let note = world.audit.checkpoint(&acme()).await.unwrap().unwrap();
    assert_ne!(old, note);
    // Again: the same head, the same signature.
    assert_eq!(world.audit.checkpoint(&acme()).await.unwrap(), Some(note));
    // The rows of before, in the place of what came since.
    let attach = format!(
        "ATTACH '{}' AS old;
         DELETE FROM entry; INSERT INTO entry SELECT * FROM old.entry;
         DELETE FROM record WHERE collection = 'audit.head';
         INSERT INTO record SELECT * FROM old.record WHERE collection = 'audit.head';",
        copy.display()
    );
    conn.execute_batch(&attach).unwrap();
    let audit = world.again().await;
    assert_eq!(
        audit
            .verify(&acme(), |_| ())
            .await
            .unwrap()
            .unwrap()
            .head
            .size(),
        5
    );
    let refused = audit.checkpoint(&acme()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt);
    assert!(refused.to_string().contains("anchor"), "{refused}");
    // Another history of the same length, and a longer one.
    for until in [9, 14] {
        let from = audit.head(&acme()).await.unwrap().unwrap().size();
        fill(&audit, &acme(), 100 + from, 100 + until).await;
        let refused = audit.checkpoint(&acme()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Corrupt, "{until}");
        assert!(audit.prove(&acme(), 0).await.is_err());
        assert!(
            audit
                .export(&acme(), 0..3, Vec::new(), |_| ())
                .await
                .is_err()
        );
    }
    // Without an anchor, nobody could tell.
    let blind = Audit::builder(world.keyring.clone(), crate::world::store(&world.folder));
    assert!(
        blind
            .build()
            .await
            .unwrap()
            .checkpoint(&acme())
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn the_key_to_come_signs_beside_the_one_before() {
    let world = World::anchored().await;
    fill(&world.audit, &acme(), 0, 3).await;
    let old = key(&world.audit, &acme()).await;
    let sign = Purpose::new("audit-sign").unwrap();
    world.keyring.admin().rotate(&sign).await.unwrap();
    let both = world.audit.checkpoint(&acme()).await.unwrap().unwrap();
    assert_eq!(
        both.lines()
            .filter(|line| line.starts_with('\u{2014}'))
            .count(),
        2
    );
    Checkpoint::open(&both, std::slice::from_ref(&old), Others::PassedOver).unwrap();
    world.keyring.admin().promote_ready().await.unwrap();
    let new = key(&world.audit, &acme()).await;
    assert_ne!(old, new);
    Checkpoint::open(&both, &[old.clone(), new.clone()], Others::Refused).unwrap();
    let after = world.audit.checkpoint(&acme()).await.unwrap().unwrap();
    Checkpoint::open(&after, &[new], Others::Refused).unwrap();
    assert!(Checkpoint::open(&after, &[old], Others::PassedOver).is_err());
}
