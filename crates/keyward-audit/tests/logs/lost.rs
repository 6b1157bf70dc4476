//! Logs that were lost, and that somebody accepts as lost: retention goes on, and the loss stays known.

use keyward_audit::audit::{Dropped, LOST, Lost};
use keyward_audit::{Audit, HoldName, Keep, LogId, Of, danger};
use keyward_base::{Actor, ErrorKind, Subject, Tenant};
use keyward_store::{Collection, RecordKey, Write};
use rusqlite::Connection;

use crate::cuts::Place;
use crate::holds::left;
use crate::sweep::{due, nothing_goes, retain, rows_of};
use crate::world::{World, acme, event};

fn globex() -> Of {
    Of::Tenant(Tenant::new("globex").unwrap())
}

async fn id(audit: &Audit, of: &Of) -> LogId {
    audit.head(of).await.unwrap().unwrap().log
}

async fn dropped(audit: &Audit) -> Vec<Dropped> {
    audit.rooted().await.unwrap().dropped().await.unwrap()
}

async fn lost(audit: &Audit) -> Vec<Lost> {
    audit.rooted().await.unwrap().lost()
}

fn counsel(audit: &Audit) -> Audit {
    let counsel = Actor::new(Subject::new("user:counsel").unwrap()).staff();
    audit.acting_as(counsel)
}

/// What a log says of losses: in which of its entries, by whom, and of what.
async fn said(audit: &Audit, of: &Of) -> Vec<(u64, String, Vec<String>)> {
    let page = audit.entries(of, 0, 4096).await.unwrap().entries;
    let said = page.iter().filter_map(|kept| {
        let entry = kept.entry().unwrap()?;
        let by = entry.actor.as_ref().map(|who| who.subject.clone());
        let of = entry.detail.iter().map(|(log, _)| log.clone()).collect();
        (entry.action == LOST).then(|| (kept.seq, by.unwrap_or_default(), of))
    });
    said.collect()
}

/// Entries that are due, and a log of another tenant that is lost. Gives its id.
async fn with_lost() -> (World, LogId, impl Fn(bool)) {
    let world = due().await;
    // Noted before the service's was: for all that is known, it was the service's once.
    for of in [globex(), Of::Service] {
        world.audit.append(event(&of, 0)).await.unwrap();
        world.audit.round(|_| ()).await.unwrap();
    }
    let log = id(&world.audit, &globex()).await;
    let put = rows_of(&world, "globex");
    put(false);
    (world, log, put)
}

#[tokio::test]
async fn what_is_accepted_as_lost_keeps_retention_from_nothing_and_stays_known() {
    let (world, log, _) = with_lost().await;
    let audit = counsel(&world.again().await);
    nothing_goes(&audit).await;
    // Accepting an older database is no way out: nothing that was signed is lost, as the anchor has it.
    danger::accept_restore(&audit).await.unwrap();
    nothing_goes(&audit).await;
    assert_eq!(dropped(&audit).await, [Dropped::Noted { log, size: 1 }]);
    let before = (id(&audit, &acme()).await, id(&audit, &Of::Service).await);

    let told = danger::accept_loss(&audit, &[log, log]).await.unwrap();
    let [one] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!((one.log, one.size), (log, 1));
    let by = one.by.as_ref().unwrap();
    assert!(by.staff && by.subject == "user:counsel");
    let hex = keyward_base::encoding::hex(&log);
    assert!(one.to_string().contains(&hex) && one.to_string().contains("user:counsel"));
    // Both logs say so, once, however often it is said.
    let again = world.again().await;
    assert_eq!(
        danger::accept_loss(&again, &[log]).await.unwrap(),
        std::slice::from_ref(one)
    );
    for audit in [&audit, &again, &world.elsewhere().await] {
        assert_eq!(lost(audit).await, std::slice::from_ref(one));
        assert_eq!(dropped(audit).await, []);
        for of in [Of::Root, Of::Service] {
            let said = said(audit, &of).await;
            let [(_, by, logs)] = said.as_slice() else {
                panic!("{of}: {said:?}");
            };
            assert_eq!((by.as_str(), logs), ("user:counsel", &vec![hex.clone()]));
        }
        for of in [Of::Root, Of::Service, acme()] {
            audit.verify(&of, |_| ()).await.unwrap();
        }
    }
    let after = (id(&audit, &acme()).await, id(&audit, &Of::Service).await);
    assert_eq!(before, after);
    // Also in the process that was refused before.
    let told = retain(&audit).await;
    assert!(told.erased.iter().any(|(of, _)| *of == acme()), "{told:?}");
    assert_eq!(left(&audit).await.0, 10);
    assert!(audit.round(|_| ()).await.unwrap().bad.is_empty());
}

#[tokio::test]
async fn only_what_is_lost_is_accepted_and_nothing_of_a_list_with_another() {
    let (world, log, _) = with_lost().await;
    let audit = world.again().await;
    let here = id(&audit, &acme()).await;
    let root = audit.rooted().await.unwrap().head().unwrap().log;
    let many: Vec<LogId> = (0..257_u16)
        .map(|n| {
            let mut log = [0; 16];
            log[..2].copy_from_slice(&n.to_be_bytes());
            log
        })
        .collect();
    for wrong in [
        &[][..],
        &[here],
        &[log, here],
        &[log, [7; 16]],
        &[root],
        &many,
    ] {
        let refused = danger::accept_loss(&audit, wrong).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Misuse, "{refused}");
    }
    assert_eq!(lost(&audit).await, []);
    for of in [Of::Root, Of::Service] {
        assert_eq!(said(&audit, &of).await, []);
    }
    nothing_goes(&audit).await;
    // A head that cannot be read may be the one that is missed.
    let sql = "UPDATE record SET data = x'00' WHERE collection = 'audit.head' AND owner = 'acme'";
    assert_eq!(world.edit(sql), 1);
    let audit = world.again().await;
    let refused = danger::accept_loss(&audit, &[log]).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt, "{refused}");
    assert_eq!(lost(&audit).await, []);
}

#[tokio::test]
async fn who_writes_to_the_store_accepts_nothing() {
    let (world, log, _) = with_lost().await;
    let file = world.folder.path().join("data.db");
    let conn = Connection::open(file).unwrap();
    let before = world.folder.path().join("before.db");
    conn.execute("VACUUM INTO ?1", [before.to_str().unwrap()])
        .unwrap();
    danger::accept_loss(&world.again().await, &[log])
        .await
        .unwrap();
    // The root log from before, or the one entry that says so, as another.
    let back = format!(
        "ATTACH '{}' AS old; DELETE FROM record WHERE id = 'root'; DELETE FROM entry WHERE id = 'root';
         INSERT INTO record SELECT * FROM old.record WHERE id = 'root';
         INSERT INTO entry SELECT * FROM old.entry WHERE id = 'root'; DETACH old;",
        before.display()
    );
    let after = world.folder.path().join("after.db");
    conn.execute("VACUUM INTO ?1", [after.to_str().unwrap()])
        .unwrap();
    conn.execute_batch(&back).unwrap();
    nothing_goes(&world.again().await).await;
    conn.execute_batch(&back.replace("before.db", "after.db"))
        .unwrap();
    assert_eq!(lost(&world.again().await).await.len(), 1);
    let of_loss = "UPDATE entry SET bytes = CAST(replace(CAST(bytes AS TEXT), 'audit.lost', 'audit.heads') AS BLOB)
         WHERE id = 'root' AND seq = (SELECT max(seq) FROM entry WHERE id = 'root')";
    assert_eq!(world.edit(of_loss), 1);
    let audit = world.again().await;
    assert_eq!(audit.rooted().await.unwrap_err().kind(), ErrorKind::Corrupt);
    nothing_goes(&audit).await;
}

#[tokio::test]
async fn one_that_comes_back_is_checked_and_missed_if_it_goes_again() {
    let (world, log, put) = with_lost().await;
    let audit = world.again().await;
    danger::accept_loss(&audit, &[log]).await.unwrap();
    put(true);
    let audit = world.again().await;
    let rooted = audit.rooted().await.unwrap();
    rooted.check(&globex()).await.unwrap();
    assert_eq!(rooted.dropped().await.unwrap(), []);
    // It is noted with what comes then, and nobody accepted that this is lost.
    audit.append(event(&globex(), 1)).await.unwrap();
    audit.round(|_| ()).await.unwrap();
    assert_eq!(lost(&audit).await, []);
    put(false);
    let audit = world.again().await;
    assert_eq!(dropped(&audit).await, [Dropped::Noted { log, size: 2 }]);
    assert_eq!(
        danger::accept_loss(&audit, &[log]).await.unwrap()[0].size,
        2
    );
    assert_eq!(lost(&audit).await.len(), 1);
    assert_eq!(dropped(&audit).await, []);
}

#[tokio::test]
async fn the_services_own_goes_on_by_what_was_set_anew() {
    let world = due().await;
    world.audit.append(event(&Of::Service, 0)).await.unwrap();
    let for_good = [Keep {
        class: None,
        days: None,
    }];
    world.audit.keep(&Of::Service, &for_good).await.unwrap();
    let log = id(&world.audit, &Of::Service).await;
    rows_of(&world, "")(false);
    let audit = world.again().await;
    nothing_goes(&audit).await;
    // Before it is accepted, so that nothing goes in between.
    audit.keep(&Of::Service, &for_good).await.unwrap();
    nothing_goes(&audit).await;
    danger::accept_loss(&audit, &[log]).await.unwrap();
    assert!(retain(&audit).await.erased.is_empty());
    audit.keep(&Of::Service, &[]).await.unwrap();
    assert_eq!(retain(&audit).await.erased.len(), 1);
}

#[tokio::test]
async fn one_that_ended_and_was_lost_does_not_make_the_other_bad() {
    let world = World::anchored().await;
    for of in [acme(), Of::Service] {
        world.audit.append(event(&of, 0)).await.unwrap();
    }
    world.audit.checkpoint(&acme()).await.unwrap();
    let old = id(&world.audit, &acme()).await;
    // The root log is gone, and what is there is accepted.
    world.edit("DELETE FROM record WHERE collection = 'audit.head' AND id = 'root'");
    let audit = world.again().await;
    danger::accept_restore(&audit).await.unwrap();
    audit.append(event(&acme(), 1)).await.unwrap();
    audit.round(|_| ()).await.unwrap();
    let head =
        "DELETE FROM record WHERE collection = 'audit.head' AND owner = 'acme' AND id LIKE 'log.%'";
    assert_eq!(world.edit(head), 1);
    let audit = world.again().await;
    assert!(audit.verify(&acme(), |_| ()).await.is_err());
    danger::accept_loss(&audit, &[old]).await.unwrap();
    audit.verify(&acme(), |_| ()).await.unwrap();
    assert_eq!(dropped(&audit).await, []);
}

#[tokio::test]
async fn cut_short_all_is_accepted_or_nothing() {
    let world = World::new().await;
    let (mut at, mut is_over, mut repeated) = (0, false, 0);
    while !is_over {
        let place = Place::new();
        let audit = place.audit(&world).await;
        for of in [acme(), globex(), Of::Service] {
            audit.append(event(&of, 0)).await.unwrap();
        }
        audit.round(|_| ()).await.unwrap();
        let logs = [id(&audit, &acme()).await, id(&audit, &globex()).await];
        for owner in ["acme", "globex"] {
            let key = RecordKey {
                collection: Collection::named("audit.head"),
                owner: owner.to_owned(),
                id: "log".to_owned(),
            };
            let version = place.inner.fetch(&key).await.unwrap().unwrap().version;
            let batch = vec![Write::Delete { key, version }];
            let _done = place.inner.apply(batch).await.unwrap();
        }
        let audit = place.audit(&world).await;
        let accepts = async { danger::accept_loss(&audit, &logs).await.map(|_| ()) };
        is_over = place.up_to(at / 2, at % 2 == 1, accepts).await;
        let audit = place.audit(&world).await;
        let known = lost(&audit).await.len();
        assert_eq!(dropped(&audit).await.len(), 2 - known, "{at}");
        assert!(known == 0 || known == 2, "{at}");
        for of in [Of::Root, Of::Service] {
            assert_eq!(said(&audit, &of).await.len(), known / 2, "{at}: {of}");
        }
        repeated += usize::from(!is_over);
        assert_eq!(danger::accept_loss(&audit, &logs).await.unwrap().len(), 2);
        let audit = place.audit(&world).await;
        assert_eq!(lost(&audit).await.len(), 2);
        for of in [Of::Root, Of::Service] {
            assert_eq!(said(&audit, &of).await.len(), 1, "{at}: {of}");
            audit.verify(&of, |_| ()).await.unwrap();
        }
        at += 1;
    }
    assert!(repeated > 10, "{repeated}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_accept_it_once() {
    let (world, log, _) = with_lost().await;
    let mut tasks = tokio::task::JoinSet::new();
    for nth in 0..4 {
        let audit = world.again().await;
        tasks.spawn(async move {
            if nth % 2 == 0 {
                audit.append(event(&Of::Service, nth)).await.unwrap();
            }
            danger::accept_loss(&audit, &[log]).await.unwrap()
        });
    }
    let told = tasks.join_all().await;
    assert!(told.iter().all(|one| *one == told[0]), "{told:?}");
    let audit = world.again().await;
    for of in [Of::Root, Of::Service] {
        assert_eq!(said(&audit, &of).await.len(), 1, "{of}");
    }
}

#[tokio::test]
async fn the_mark_that_it_left_goes_with_it() {
    let world = World::anchored().await;
    let initech = || Of::Tenant(Tenant::new("initech").unwrap());
    for of in [globex(), initech(), Of::Service] {
        world.audit.append(event(&of, 0)).await.unwrap();
    }
    world.audit.round(|_| ()).await.unwrap();
    for of in [globex(), initech(), Of::Service] {
        world.audit.append(event(&of, 1)).await.unwrap();
    }
    let logs = [globex(), initech(), Of::Service];
    let mut ids = Vec::new();
    for of in &logs {
        ids.push(id(&world.audit, of).await);
    }
    for owner in ["globex", "initech", ""] {
        let head = format!(
            "DELETE FROM record WHERE collection = 'audit.head' AND owner = '{owner}' AND id = 'log'"
        );
        assert_eq!(world.edit(&head), 1);
        let entries = format!("DELETE FROM entry WHERE owner = '{owner}' AND id = 'log'");
        assert_eq!(world.edit(&entries), 2);
    }
    let audit = world.again().await;
    assert_eq!(dropped(&audit).await.len(), 6);
    danger::accept_loss(&audit, &[ids[0], ids[2]])
        .await
        .unwrap();
    // That of one whose loss nobody accepted stays.
    let left = [
        Dropped::Noted {
            log: ids[1],
            size: 1,
        },
        Dropped::Marked(initech()),
    ];
    assert_eq!(dropped(&audit).await, left);
    // Another that began in its place is not lost with it, and its mark stays.
    audit.append(event(&initech(), 0)).await.unwrap();
    danger::accept_loss(&audit, &[ids[1]]).await.unwrap();
    assert_eq!(dropped(&audit).await, []);
    let marks = "SELECT count(*) FROM record WHERE collection = 'audit.changed'";
    let conn = Connection::open(world.folder.path().join("data.db")).unwrap();
    let marks = || conn.query_row(marks, [], |row| row.get::<_, i64>(0));
    assert_eq!(marks().unwrap(), 2, "initech's and the service's");
    let gone = world.edit(
        "DELETE FROM record WHERE owner = 'initech' AND collection IN ('audit.head', 'audit.state')",
    );
    assert_eq!((gone, marks().unwrap()), (1, 2));
    assert_eq!(
        dropped(&world.again().await).await,
        [Dropped::Marked(initech())]
    );
}

#[tokio::test]
async fn it_stays_known_where_an_older_database_is_accepted_later() {
    let world = World::anchored().await;
    for of in [acme(), globex(), Of::Service] {
        world.audit.append(event(&of, 0)).await.unwrap();
    }
    world.audit.checkpoint(&acme()).await.unwrap();
    world.audit.round(|_| ()).await.unwrap();
    let old = id(&world.audit, &acme()).await;
    let back = id(&world.audit, &globex()).await;
    // The anchor is gone, and what is there is accepted.
    let anchor = world.folder.path().join("anchor");
    std::fs::remove_file(&anchor).unwrap();
    danger::accept_restore(&world.again().await).await.unwrap();
    let audit = world.again().await;
    audit.append(event(&acme(), 1)).await.unwrap();
    audit.round(|_| ()).await.unwrap();
    let second = id(&audit, &acme()).await;
    assert_ne!(second, old);
    let of_old =
        "DELETE FROM record WHERE collection = 'audit.head' AND owner = 'acme' AND id LIKE 'log.%'";
    assert_eq!(world.edit(of_old), 1);
    let put = rows_of(&world, "globex");
    put(false);
    let audit = counsel(&world.again().await);
    danger::accept_loss(&audit, &[old]).await.unwrap();
    danger::accept_loss(&world.again().await, &[back])
        .await
        .unwrap();
    let known = lost(&audit).await;
    assert_eq!(known.len(), 2);
    // One comes back with the backup.
    put(true);
    std::fs::remove_file(&anchor).unwrap();
    world.clock.advance(std::time::Duration::from_secs(5));
    world.keyring.refresh().await.unwrap();
    let audit = world.again().await;
    danger::accept_restore(&audit).await.unwrap();
    audit.append(event(&acme(), 2)).await.unwrap();
    audit.round(|_| ()).await.unwrap();
    assert_ne!(id(&audit, &acme()).await, second);
    for audit in [audit, world.elsewhere().await] {
        let kept = lost(&audit).await;
        let [one] = kept.as_slice() else {
            panic!("{kept:?}");
        };
        assert_eq!((one.log, one.size, one.at), (old, 1, known[0].at));
        assert_eq!(one.by, known[0].by);
        assert!(one.by.is_some());
        assert_eq!(dropped(&audit).await, []);
        // That which goes on from it ended by now; its first entry still names what is lost.
        let ended = audit.earlier(&acme()).await.unwrap();
        assert_eq!(ended.len(), 1);
        for of in ended.iter().chain(&[acme(), globex(), Of::Root]) {
            audit.verify(of, |_| ()).await.unwrap();
        }
    }
}

/// One that the root log took after the service's was never the service's: that it is gone keeps
/// nobody's entries.
#[tokio::test]
async fn a_log_that_is_lost_and_came_after_the_services_keeps_nothing() {
    let world = due().await;
    for (of, n) in [(Of::Service, 0), (globex(), 0), (Of::Service, 1)] {
        world.audit.append(event(&of, n)).await.unwrap();
        world.audit.round(|_| ()).await.unwrap();
    }
    rows_of(&world, "globex")(false);
    let audit = world.again().await;
    assert_eq!(dropped(&audit).await.len(), 1);
    let told = retain(&audit).await;
    assert!(told.erased.iter().any(|(of, _)| *of == acme()), "{told:?}");
}

/// Whatever wrote it: a change of what is set of a log, or that one goes on under a new name.
#[tokio::test]
async fn each_mark_names_the_log_that_grew() {
    let world = World::anchored().await;
    for of in [globex(), Of::Service] {
        world.audit.append(event(&of, 0)).await.unwrap();
    }
    world.audit.round(|_| ()).await.unwrap();
    let conn = Connection::open(world.folder.path().join("data.db")).unwrap();
    let mark = || -> Vec<u8> {
        let mark =
            "SELECT data FROM record WHERE collection = 'audit.changed' AND owner = 'globex'";
        conn.query_row(mark, [], |row| row.get(0)).unwrap()
    };
    let name = HoldName::new("case-1").unwrap();
    world.audit.hold(&globex(), &name).await.unwrap();
    // The round with which that ends took the mark of it.
    world.audit.lift(&globex(), &name).await.unwrap();
    let first = id(&world.audit, &globex()).await;
    assert_eq!(mark(), first);
    world.audit.round(|_| ()).await.unwrap();
    std::fs::remove_file(world.folder.path().join("anchor")).unwrap();
    danger::accept_restore(&world.again().await).await.unwrap();
    let audit = world.again().await;
    audit.append(event(&globex(), 1)).await.unwrap();
    let second = id(&audit, &globex()).await;
    assert_ne!(first, second);
    assert_eq!(mark(), second);
}
