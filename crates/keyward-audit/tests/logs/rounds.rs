//! The root log: what was dropped is missed, and what was put back is seen, by one pin.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use keyward_audit::audit::{Dropped, NOTED, ROUND_EVERY, Round};
use keyward_audit::{Audit, Of, danger};
use keyward_base::{ErrorKind, Tenant};
use keyward_keys::FileAnchor;
use keyward_store::{MemoryStore, Stores};
use rusqlite::Connection;

use crate::store::Watched;
use crate::world::{World, acme, event};

fn tenant(n: u64) -> Of {
    Of::Tenant(Tenant::new(&format!("tenant-{n}")).unwrap())
}

async fn fill(audit: &Audit, logs: &[Of], each: u64) {
    for of in logs {
        for n in 0..each {
            audit.append(event(of, n)).await.unwrap();
        }
    }
}

async fn round(audit: &Audit) -> Round {
    let round = audit.round(|_| ()).await.unwrap();
    assert!(round.bad.is_empty(), "{:?}", round.bad);
    round
}

async fn size(audit: &Audit, of: &Of) -> u64 {
    let verified = audit.verify(of, |_| ()).await.unwrap();
    verified.map_or(0, |verified| verified.head.size())
}

const NO_MARKS: &str = "DELETE FROM record WHERE collection = 'audit.changed'";

fn drop_log(world: &World, owner: &str) {
    let entries = format!("DELETE FROM entry WHERE collection = 'audit' AND owner = '{owner}'");
    assert!(world.edit(&entries) > 0);
    let head = format!("DELETE FROM record WHERE collection = 'audit.head' AND owner = '{owner}'");
    assert_eq!(world.edit(&head), 1);
}

#[tokio::test]
async fn a_log_that_was_dropped_is_missed() {
    let world = World::anchored().await;
    let logs = [Of::Service, acme(), tenant(1), tenant(2)];
    fill(&world.audit, &logs, 3).await;
    assert_eq!(round(&world.audit).await.noted, 4);
    let rooted = world.again().await.rooted().await.unwrap();
    assert!(rooted.dropped().await.unwrap().is_empty());
    // The anchor has one pin, of the root log, and stands for all of them.
    let anchor = FileAnchor::new(world.folder.path().join("anchor"));
    let pins = anchor.pins().unwrap().unwrap();
    let names: Vec<_> = pins.names().map(|name| name.as_str()).collect();
    assert_eq!(names, ["log/root"]);
    for of in &logs {
        let sizes = rooted.check(of).await.unwrap();
        assert_eq!(sizes[0].size, Some(3), "{of}");
    }
    // What names the tenants is not in the root log.
    let page = world.audit.entries(&Of::Root, 0, 10).await.unwrap();
    let text = page.entries[0].entry().unwrap().unwrap();
    assert_eq!((text.action.as_str(), text.detail.len()), (NOTED, 4));
    assert!(!text.text().unwrap().contains("acme"));
    // It was never signed by itself, and nothing is left of it.
    let log = world.audit.head(&tenant(1)).await.unwrap().unwrap().log;
    drop_log(&world, "tenant-1");
    let audit = world.again().await;
    let missed = [Dropped::Noted { log, size: 3 }];
    assert_eq!(
        audit.rooted().await.unwrap().dropped().await.unwrap(),
        missed
    );
    // One that is begun in its place is another.
    fill(&audit, &[tenant(1)], 5).await;
    round(&audit).await;
    let dropped = audit.rooted().await.unwrap().dropped().await.unwrap();
    assert_eq!(dropped, missed);
    // Dropped before any round, but for what says that it changed.
    fill(&audit, &[tenant(7)], 1).await;
    drop_log(&world, "tenant-7");
    let audit = world.again().await;
    let dropped = audit.rooted().await.unwrap().dropped().await.unwrap();
    assert_eq!(dropped, [missed[0].clone(), Dropped::Marked(tenant(7))]);
    let round = audit.round(|_| ()).await.unwrap();
    assert_eq!(round.bad[0].0, tenant(7));
}

#[tokio::test]
async fn a_log_that_was_put_back_costs_itself_only() {
    let world = World::anchored().await;
    fill(&world.audit, &[acme(), tenant(1)], 3).await;
    round(&world.audit).await;
    let copy = world.folder.path().join("copy.db");
    let conn = Connection::open(world.folder.path().join("data.db")).unwrap();
    let to = [copy.to_str().unwrap()];
    conn.execute("VACUUM INTO ?1", to).unwrap();
    fill(&world.audit, &[acme(), tenant(1)], 3).await;
    round(&world.audit).await;
    let back = format!(
        "ATTACH '{}' AS old;
         DELETE FROM entry WHERE owner = 'acme';
         INSERT INTO entry SELECT * FROM old.entry WHERE owner = 'acme';
         DELETE FROM record WHERE collection = 'audit.head' AND owner = 'acme';
         INSERT INTO record SELECT * FROM old.record WHERE collection = 'audit.head' AND owner = 'acme';",
        copy.display()
    );
    conn.execute_batch(&back).unwrap();
    // Shorter, as long, and longer than what the root log has of it.
    for len in [3, 6, 9] {
        let audit = world.again().await;
        assert_eq!(size(&audit, &acme()).await, len);
        let rooted = audit.rooted().await.unwrap();
        let seen = rooted.check(&acme()).await.unwrap_err();
        assert_eq!(seen.kind(), ErrorKind::Corrupt, "{len}");
        rooted.check(&tenant(1)).await.unwrap();
        fill(&audit, &[tenant(1)], 1).await;
        let round = audit.round(|_| ()).await.unwrap();
        assert_eq!(round.noted, 1);
        // Where nothing says that it changed, the sweep finds it all the same.
        assert_eq!(round.bad.len(), 1, "{len}");
        assert_eq!(round.bad[0].0, acme());
        assert!(audit.checkpoint(&acme()).await.is_err());
        assert!(audit.checkpoint(&tenant(1)).await.is_ok());
        fill(&audit, &[acme()], 3).await;
    }
}

#[tokio::test]
async fn the_root_log_is_one_of_them() {
    let ways = [
        "DELETE FROM record WHERE collection = 'audit.head' AND id = 'root'",
        "DELETE FROM entry WHERE collection = 'audit' AND id = 'root' AND seq = 1",
        "UPDATE entry SET bytes = substr(bytes, 1, 69) WHERE id = 'root' AND seq = 0",
        "UPDATE entry SET bytes = (SELECT bytes FROM entry WHERE id = 'root' AND seq = 1)
           WHERE id = 'root' AND seq = 0",
        "UPDATE record SET data = (SELECT data FROM record WHERE collection = 'audit.head' AND id = 'log')
           WHERE collection = 'audit.head' AND id = 'root'",
    ];
    for way in ways {
        let world = World::anchored().await;
        for _ in 0..2 {
            fill(&world.audit, &[Of::Service], 1).await;
            round(&world.audit).await;
        }
        assert_eq!(world.edit(way), 1, "{way}");
        // For whoever read it before, at least if all of it is read.
        let read = world.audit.verify(&Of::Root, |_| ()).await.is_err();
        assert!(read || world.audit.rooted().await.is_err(), "{way}");
        let audit = world.again().await;
        let seen = audit.rooted().await.unwrap_err();
        assert_eq!(seen.kind(), ErrorKind::Corrupt, "{way}: {seen}");
        assert!(audit.round(|_| ()).await.is_err(), "{way}");
        assert!(audit.checkpoint(&Of::Service).await.is_err(), "{way}");
        // A service is not stopped by it.
        audit.append(event(&Of::Service, 9)).await.unwrap();
    }
    // All of it gone, and another in its place: the anchor knows, and a process that read it.
    for anchored in [true, false] {
        let world = if anchored {
            World::anchored().await
        } else {
            World::new().await
        };
        fill(&world.audit, &[Of::Service], 2).await;
        round(&world.audit).await;
        world.edit("DELETE FROM entry WHERE id = 'root'");
        world.edit("DELETE FROM record WHERE collection = 'audit.head' AND id = 'root'");
        world.edit(NO_MARKS);
        assert!(world.audit.round(|_| ()).await.is_err());
        assert_eq!(world.again().await.round(|_| ()).await.is_err(), anchored);
        // Though another is there by now: a process that read it says so, each time.
        for _ in 0..2 {
            assert!(world.audit.round(|_| ()).await.is_err());
        }
    }
}

/// Without an anchor, who read more of the root log knows, and does not forget it by looking again.
#[tokio::test]
async fn a_root_log_that_was_put_back_is_seen_by_who_read_it() {
    let world = World::new().await;
    fill(&world.audit, &[Of::Service], 2).await;
    round(&world.audit).await;
    let conn = Connection::open(world.folder.path().join("data.db")).unwrap();
    let head = "collection = 'audit.head' AND owner = '' AND id = 'root'";
    let select = format!("SELECT data FROM record WHERE {head}");
    let older: Vec<u8> = conn.query_row(&select, [], |row| row.get(0)).unwrap();
    fill(&world.audit, &[acme()], 2).await;
    round(&world.audit).await;
    let update = format!("UPDATE record SET data = ?1 WHERE {head}");
    assert_eq!(conn.execute(&update, [older]).unwrap(), 1);
    assert_eq!(
        world.edit("DELETE FROM entry WHERE id = 'root' AND seq > 0"),
        1
    );
    for _ in 0..2 {
        let seen = world.audit.round(|_| ()).await.unwrap_err();
        assert_eq!(seen.kind(), ErrorKind::Corrupt);
    }
}

#[tokio::test]
async fn a_database_that_was_put_back_goes_on_if_somebody_says_so() {
    let world = World::anchored().await;
    fill(&world.audit, &[acme()], 2).await;
    let copy = world.folder.path().join("copy.db");
    let conn = Connection::open(world.folder.path().join("data.db")).unwrap();
    let to = [copy.to_str().unwrap()];
    // Before the first round, so that there is no root log in it.
    conn.execute("VACUUM INTO ?1", to).unwrap();
    round(&world.audit).await;
    fill(&world.audit, &[acme()], 2).await;
    round(&world.audit).await;
    let back = format!(
        "ATTACH '{}' AS old;
         DELETE FROM entry; INSERT INTO entry SELECT * FROM old.entry;
         DELETE FROM record WHERE collection LIKE 'audit%';
         INSERT INTO record SELECT * FROM old.record WHERE collection LIKE 'audit%';",
        copy.display()
    );
    conn.execute_batch(&back).unwrap();
    let audit = world.again().await;
    assert!(audit.round(|_| ()).await.is_err());
    assert!(audit.rooted().await.is_err());
    danger::accept_restore(&audit).await.unwrap();
    for audit in [&audit, &world.again().await] {
        fill(audit, &[acme()], 1).await;
        assert_eq!(round(audit).await.noted, 1);
        let rooted = audit.rooted().await.unwrap();
        let entries = size(audit, &acme()).await;
        assert_eq!(rooted.check(&acme()).await.unwrap()[0].size, Some(entries));
    }
}

#[tokio::test]
async fn a_round_reads_what_changed() {
    let world = World::new().await;
    let store = Watched::over(Arc::new(MemoryStore::new(200_000)));
    let builder = Audit::builder(world.keyring.clone(), store.clone());
    let anchor = FileAnchor::new(world.folder.path().join("anchor"));
    let audit = builder.anchor(Arc::new(anchor)).build().await.unwrap();
    let logs: Vec<Of> = (0..900).map(tenant).collect();
    fill(&audit, &logs, 1).await;
    assert_eq!(round(&audit).await.noted, 900);
    assert_eq!(size(&audit, &Of::Root).await, 4);
    for changed in [0, 1, 3] {
        fill(&audit, &logs[..changed], 1).await;
        store.calls.store(0, Ordering::Relaxed);
        let noted = round(&audit).await.noted;
        assert_eq!(noted, u64::try_from(changed).unwrap());
        let calls = store.calls.load(Ordering::Relaxed);
        assert!(calls <= 40, "{calls} for {changed}");
    }
    // Nothing to note: the root log does not grow.
    assert_eq!(size(&audit, &Of::Root).await, 6);
}

#[tokio::test]
async fn a_mark_that_was_taken_away_hides_nothing_for_long() {
    let world = World::anchored().await;
    fill(&world.audit, &[acme(), tenant(1)], 2).await;
    let conn = Connection::open(world.folder.path().join("data.db")).unwrap();
    conn.execute_batch(
        "ATTACH ':memory:' AS kept;
         CREATE TABLE kept.mark AS SELECT * FROM record WHERE collection = 'audit.changed';",
    )
    .unwrap();
    assert_eq!(world.edit(NO_MARKS), 2);
    let audit = world.again().await;
    assert_eq!(round(&audit).await.noted, 2);
    // And appending goes on with a mark that nobody of us made.
    let made = "INSERT INTO record SELECT * FROM kept.mark WHERE owner = 'acme'";
    assert_eq!(conn.execute(made, []).unwrap(), 1);
    fill(&audit, &[acme()], 2).await;
    assert_eq!(round(&audit).await.noted, 1);
    assert_eq!(world.verify(&acme()).await.unwrap(), 4);
}

#[tokio::test]
async fn without_marks_each_log_is_noted_in_its_turn_and_all_by_an_acceptance() {
    let world = World::anchored().await;
    let logs: Vec<Of> = (0..520).map(tenant).collect();
    let audit = &world.audit;
    for accepted in [false, true] {
        fill(audit, &logs, 1).await;
        assert!(world.edit(NO_MARKS) >= logs.len());
        if accepted {
            std::fs::remove_file(world.folder.path().join("anchor")).unwrap();
            danger::accept_restore(audit).await.unwrap();
        } else {
            // A round looks at 512 of them, and the next at the others.
            assert_eq!(round(audit).await.noted, 511 + 1);
            assert_eq!(round(audit).await.noted, 8);
        }
        let rooted = audit.rooted().await.unwrap();
        for of in &logs {
            let head = audit.head(of).await.unwrap().unwrap();
            assert_eq!(rooted.noted(&head.log), Some(head.size()), "{of}");
        }
    }
}

#[tokio::test]
async fn a_log_that_grows_while_it_is_noted_stays_marked() {
    let world = World::new().await;
    let store = Watched::over(Arc::new(MemoryStore::new(10_000)));
    let inner: Arc<dyn Stores> = store.clone();
    let build = async || {
        let builder = Audit::builder(world.keyring.clone(), inner.clone());
        builder.build().await.unwrap()
    };
    let (audit, other) = (build().await, build().await);
    fill(&audit, &[acme()], 1).await;
    // Before every commit of the round.
    let theirs = other.clone();
    store.before_commits(6, move || {
        let theirs = theirs.clone();
        Box::pin(async move { fill(&theirs, &[acme()], 1).await })
    });
    // By its mark, and by the sweep.
    assert_eq!(round(&audit).await.noted, 2);
    let grown = size(&audit, &acme()).await;
    let log = audit.head(&acme()).await.unwrap().unwrap().log;
    let has = audit.rooted().await.unwrap().noted(&log);
    assert!(has.is_some_and(|has| has < grown), "{has:?} of {grown}");
    assert_eq!(round(&audit).await.noted, 1);
    assert_eq!(round(&audit).await.noted, 0);
    fill(&other, &[acme()], 1).await;
    assert_eq!(round(&other).await.noted, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_that_tick_one_makes_the_round() {
    let world = World::anchored().await;
    fill(&world.audit, &[acme(), tenant(1)], 2).await;
    let others = [world.again().await, world.again().await];
    tick(&others).await;
    assert_eq!(size(&world.audit, &Of::Root).await, 1);
    // Not yet, then once.
    fill(&world.audit, &[acme()], 1).await;
    for (span, entries) in [
        (ROUND_EVERY - Duration::from_millis(1), 1),
        (Duration::from_millis(1), 2),
    ] {
        world.clock.advance(span);
        world.keyring.refresh().await.unwrap();
        tick(&others).await;
        assert_eq!(size(&world.audit, &Of::Root).await, entries);
    }
}

/// All at once.
async fn tick(audits: &[Audit]) {
    let mut ticks = tokio::task::JoinSet::new();
    for audit in audits {
        let audit = audit.clone();
        ticks.spawn(async move { audit.tick().await.unwrap() });
    }
    ticks.join_all().await;
}

#[tokio::test]
async fn a_head_that_lies_elsewhere_stands_for_no_log() {
    let ways = [
        // Kept beside, so that the id of the log is still found among those that are here.
        "UPDATE record SET id = 'kept' WHERE collection = 'audit.head' AND owner = 'acme'",
        "UPDATE record SET id = 'root' WHERE collection = 'audit.head' AND owner = 'acme'",
    ];
    for way in ways {
        let world = World::anchored().await;
        fill(&world.audit, &[Of::Service, acme()], 3).await;
        round(&world.audit).await;
        let log = world.audit.head(&acme()).await.unwrap().unwrap().log;
        world.edit("DELETE FROM entry WHERE collection = 'audit' AND owner = 'acme'");
        assert_eq!(world.edit(way), 1, "{way}");
        for begun in [false, true] {
            let audit = world.again().await;
            if begun {
                fill(&audit, &[acme()], 1).await;
            }
            let dropped = audit.rooted().await.unwrap().dropped().await.unwrap();
            let missed = Dropped::Noted { log, size: 3 };
            assert!(dropped.contains(&missed), "{way}: {dropped:?}");
            assert_eq!(dropped.len(), 2, "{way}: {dropped:?}");
            let here = audit.logs().await.unwrap();
            assert_eq!(here.contains(&acme()), begun, "{way}");
        }
    }
}

#[tokio::test]
async fn a_row_that_is_no_head_costs_its_log_only() {
    let of_acme = "WHERE collection = 'audit.head' AND owner = 'acme'";
    let ways = [
        // What a newer version would be, and no version at all.
        format!(
            "UPDATE record SET data = x'6b776168ff{}' {of_acme}",
            "00".repeat(200)
        ),
        format!("UPDATE record SET data = x'' {of_acme}"),
        format!("UPDATE record SET version = -1 {of_acme}"),
        format!("UPDATE record SET word = CAST(x'ff' AS TEXT) {of_acme}"),
        format!("UPDATE record SET owner = char(7) {of_acme}"),
        format!("UPDATE record SET owner = CAST(x'ff' AS TEXT) {of_acme}"),
    ];
    for way in ways {
        let world = World::anchored().await;
        let conn = Connection::open(world.folder.path().join("data.db")).unwrap();
        fill(&world.audit, &[Of::Service, acme(), tenant(1)], 2).await;
        round(&world.audit).await;
        fill(&world.audit, &[Of::Service, acme(), tenant(1)], 2).await;
        assert_eq!(conn.execute(&way, []).unwrap(), 1, "{way}");
        let audit = world.again().await;
        keyward_base::Sink::open_intents(&audit).await.unwrap();
        let round = audit.round(|_| ()).await.unwrap();
        assert_eq!(round.noted, 2, "{way}");
        assert_eq!(round.bad.len(), 1, "{way}: {:?}", round.bad);
        for of in [Of::Service, tenant(1)] {
            assert!(audit.logs().await.unwrap().contains(&of), "{way}");
            audit.append(event(&of, 7)).await.unwrap();
            assert!(audit.checkpoint(&of).await.is_ok(), "{way}");
        }
        let rooted = audit.rooted().await.unwrap();
        let seen = rooted.check(&acme()).await.map(|_| ());
        let dropped = rooted.dropped().await.unwrap();
        assert!(
            seen.is_err_and(|e| e.kind() == ErrorKind::Corrupt) || !dropped.is_empty(),
            "{way}"
        );
    }
}
