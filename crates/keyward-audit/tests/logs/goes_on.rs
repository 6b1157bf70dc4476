//! What a log takes with it into the one that goes on, and what of the one before is signed.

use std::sync::Arc;

use keyward_audit::alert::{AlertRule, Follower, Kind, Per, Position};
use keyward_audit::audit::{ERASE, GOES_ON, Rule};
use keyward_audit::entry::Number;
use keyward_audit::{Audit, Checkpoint, Of, Others, danger};
use keyward_base::{ErrorKind, Timestamp};
use rusqlite::Connection;
use tokio::sync::Notify;

use crate::eras::{accept, backup, fill, id, restored};
use crate::holds::{left, watched};
use crate::retention::DAY;
use crate::world::{NOON, World, acme, event};

/// How many entries of a log have a text still, but for its own.
async fn texts(audit: &Audit, of: &Of) -> usize {
    let page = audit.entries(of, 0, 4096).await.unwrap().entries;
    let own = |kept: &&keyward_audit::audit::Kept| kept.leaf.header.class.as_str() != "audit";
    let others = page.iter().filter(own);
    others.filter(|kept| kept.body.is_some()).count()
}

/// Erases all of a log, and is killed before anything goes.
async fn cut_short(world: &World, of: &Of) {
    let (store, audit) = watched(world).await;
    let (stuck, tell) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let told = Arc::clone(&tell);
    store.before_erase(move || {
        Box::pin(async move {
            told.notify_one();
            stuck.notified().await;
        })
    });
    let rule = Rule::all();
    tokio::select! {
        erased = audit.erase(of, &rule) => panic!("{erased:?}"),
        () = tell.notified() => {}
    }
}

#[tokio::test]
async fn an_erasure_that_was_cut_short_is_of_the_log_that_ended() {
    let world = World::anchored().await;
    fill(&world.audit, &acme(), 0, 4).await;
    cut_short(&world, &acme()).await;
    let audit = world.again().await;
    accept(&world, &audit).await;
    fill(&audit, &acme(), 4, 6).await;
    let [first] = audit.earlier(&acme()).await.unwrap().try_into().unwrap();
    // What is erased of the one that goes on, it says itself.
    let erased = audit.erase(&acme(), &Rule::all()).await.unwrap().unwrap();
    assert_eq!((erased.entries, erased.count, erased.record), (1..7, 6, 7));
    assert!(erased.before.is_empty());
    assert_eq!(
        (texts(&audit, &acme()).await, texts(&audit, &first).await),
        (0, 4)
    );
    audit.verify(&acme(), |_| ()).await.unwrap();
    // Another one that ends keeps that of the one before it apart from its own.
    fill(&audit, &acme(), 10, 2).await;
    cut_short(&world, &acme()).await;
    accept(&world, &audit).await;
    fill(&audit, &acme(), 12, 1).await;
    let all = audit.earlier(&acme()).await.unwrap();
    let [_, second] = all.clone().try_into().unwrap();
    assert_eq!(all, [first.clone(), second.clone()]);
    for (of, record, count) in [(&second, 10, 2), (&first, 4, 4)] {
        let erased = audit.erase(of, &Rule::all()).await.unwrap().unwrap();
        // Under the record that it had, in the log that ended.
        assert_eq!((erased.record, erased.count), (record, count), "{of}");
        assert_eq!(texts(&audit, of).await, 0);
        audit.verify(of, |_| ()).await.unwrap();
    }
    let (there, said) = left(&audit).await;
    assert_eq!((there, said), (1, vec![GOES_ON.to_owned()]));
    let page = audit.entries(&first, 4, 1).await.unwrap().entries;
    assert_eq!(page[0].entry().unwrap().unwrap().action, ERASE);
}

/// What was planned of the one that ended is not recorded in the one that goes on.
#[tokio::test]
async fn a_log_that_ends_while_an_erasure_is_planned_is_planned_for_anew() {
    let world = World::anchored().await;
    fill(&world.audit, &acme(), 0, 9).await;
    let (store, audit) = watched(&world).await;
    let other = world.again().await;
    let anchor = world.folder.path().join("anchor");
    store.before_commits(1, move || {
        let (other, anchor) = (other.clone(), anchor.clone());
        Box::pin(async move {
            let _none = std::fs::remove_file(anchor);
            danger::accept_restore(&other).await.unwrap();
            fill(&other, &acme(), 9, 2).await;
        })
    });
    let erased = audit.erase(&acme(), &Rule::all()).await.unwrap().unwrap();
    assert_eq!((erased.entries, erased.count, erased.record), (1..3, 2, 3));
    let audit = world.again().await;
    let [earlier] = audit.earlier(&acme()).await.unwrap().try_into().unwrap();
    assert_eq!(texts(&audit, &earlier).await, 9);
    for of in [&acme(), &earlier] {
        audit.verify(of, |_| ()).await.unwrap();
    }
}

#[tokio::test]
async fn the_latest_time_goes_on_with_the_log() {
    let world = World::anchored().await;
    let ahead = 3 * DAY;
    let mut early = event(&acme(), 0);
    early.at = Timestamp::from_millis(NOON + ahead);
    world.audit.append(early).await.unwrap();
    let audit = world.again().await;
    accept(&world, &audit).await;
    fill(&audit, &acme(), 1, 1).await;
    // And no intent of it is looked for where there is none.
    let head = audit.head(&acme()).await.unwrap().unwrap();
    assert_eq!((head.size(), head.settled), (2, 2));
    let page = audit.entries(&acme(), 0, 2).await.unwrap().entries;
    for (kept, n) in page.iter().zip([0, 1]) {
        let behind = kept.entry().unwrap().unwrap().behind;
        assert_eq!(behind, Some(Number(ahead - n)));
        let day = u32::try_from((NOON + ahead) / DAY).unwrap();
        assert_eq!(kept.leaf.header.day, day);
    }
}

/// Logs that ended are named in the order in which they did, whatever their ids.
#[tokio::test]
async fn the_oldest_is_named_first() {
    let world = World::anchored().await;
    let audit = world.again().await;
    let mut ids = Vec::new();
    for n in 0..6 {
        fill(&audit, &acme(), n, 1).await;
        ids.push(id(&audit, &acme()).await);
        accept(&world, &audit).await;
        world.clock.set(Timestamp::from_millis(NOON + n * 1000));
        world.keyring.refresh().await.unwrap();
    }
    fill(&audit, &acme(), 9000, 1).await;
    let mut named = Vec::new();
    for of in audit.earlier(&acme()).await.unwrap() {
        named.push(id(&audit, &of).await);
    }
    assert_eq!(named, ids);
}

#[tokio::test]
async fn what_is_signed_of_a_log_that_ended_is_what_was_noted_of_it() {
    let (world, _) = restored().await;
    danger::accept_restore(&world.again().await).await.unwrap();
    fill(&world.again().await, &acme(), 8, 1).await;
    let conn = Connection::open(world.folder.path().join("data.db")).unwrap();
    let of_log = "collection = 'audit' AND owner = 'acme' AND id = 'log'";
    // Another class in a leaf: no digest is over it, and the tree alone tells.
    let leaf = |class: &str| {
        format!(
            "UPDATE entry SET bytes = CAST(substr(bytes, 1, 21) || CAST('{class}' AS BLOB) || substr(bytes, 24) AS BLOB) WHERE {of_log} AND seq = 2"
        )
    };
    let select = format!("SELECT bytes FROM entry WHERE {of_log} AND seq = 2");
    let bytes: Vec<u8> = conn.query_row(&select, [], |row| row.get(0)).unwrap();
    let audit = world.again().await;
    let [earlier] = audit.earlier(&acme()).await.unwrap().try_into().unwrap();
    let keys = [audit.key(&earlier).await.unwrap().unwrap()];
    let good = audit.checkpoint(&earlier).await.unwrap().unwrap();
    assert_eq!(conn.execute(&leaf("xx"), []).unwrap(), 1);
    let edited: Vec<u8> = conn.query_row(&select, [], |row| row.get(0)).unwrap();
    assert!(edited != bytes && edited.len() == bytes.len());
    let audit = world.again().await;
    match audit.checkpoint(&earlier).await {
        Err(refused) => assert_eq!(refused.kind(), ErrorKind::Corrupt),
        Ok(signed) => {
            let [was, is] = [Some(good), signed]
                .map(|signed| Checkpoint::open(&signed.unwrap(), &keys, Others::Refused).unwrap());
            panic!("two checkpoints of one size: {was:?} and {is:?}");
        }
    }
}

#[tokio::test]
async fn tiles_that_somebody_changed_keep_no_log_that_ended_from_being_signed() {
    let world = World::anchored().await;
    fill(&world.audit, &acme(), 0, 300).await;
    world.audit.tile(&acme()).await.unwrap();
    world.audit.round(|_| ()).await.unwrap();
    fill(&world.audit, &acme(), 300, 5).await;
    let audit = world.again().await;
    accept(&world, &audit).await;
    fill(&audit, &acme(), 305, 1).await;
    let [earlier] = audit.earlier(&acme()).await.unwrap().try_into().unwrap();
    let keys = [audit.key(&earlier).await.unwrap().unwrap()];
    let mut signed = Vec::new();
    for edit in [
        "UPDATE record SET data = data WHERE collection = 'audit.tile' AND owner = 'acme' AND id LIKE '00/%'",
        "UPDATE record SET data = CAST(substr(data, 1, 16) || zeroblob(length(data) - 16) AS BLOB)
           WHERE collection = 'audit.tile' AND owner = 'acme' AND id LIKE '0%/%'",
    ] {
        assert!(world.edit(edit) > 0, "{edit}");
        let note = world
            .again()
            .await
            .checkpoint(&earlier)
            .await
            .unwrap()
            .unwrap();
        let of = Checkpoint::open(&note, &keys, Others::Refused).unwrap();
        signed.push((of.size, of.root));
    }
    assert_eq!(signed[0].0, 300);
    assert_eq!(signed[0], signed[1]);
}

/// Nothing is to be written, so that nothing that moved would refuse it.
#[tokio::test]
async fn who_runs_while_it_is_accepted_signs_none_that_ended() {
    let world = World::anchored().await;
    fill(&world.audit, &acme(), 0, 3).await;
    let running = world.again().await;
    running.checkpoint(&acme()).await.unwrap();
    let keys = [running.key(&acme()).await.unwrap().unwrap()];
    accept(&world, &world.again().await).await;
    let signed = running.checkpoint(&acme()).await.unwrap().unwrap();
    assert!(Checkpoint::open(&signed, &keys, Others::Refused).is_err());
    assert_eq!(running.earlier(&acme()).await.unwrap().len(), 1);
}

/// One that ended twice, since an older database came back between: the head of the other time is
/// vouched for, and is not the one that was gone on from.
#[tokio::test]
async fn a_log_goes_on_from_the_end_that_it_names() {
    let world = World::anchored().await;
    fill(&world.audit, &acme(), 0, 6).await;
    let older = backup(&world);
    fill(&world.audit, &acme(), 6, 2).await;
    let audit = world.again().await;
    accept(&world, &audit).await;
    fill(&audit, &acme(), 8, 1).await;
    let conn = Connection::open(world.folder.path().join("data.db")).unwrap();
    let of_ended = "collection = 'audit.head' AND owner = 'acme' AND id LIKE 'log.%'";
    let select = format!("SELECT data FROM record WHERE {of_ended}");
    let read = || conn.query_row(&select, [], |row| row.get::<_, Vec<u8>>(0));
    let other = read().unwrap();
    older();
    let audit = world.again().await;
    accept(&world, &audit).await;
    fill(&audit, &acme(), 6, 1).await;
    audit.verify(&acme(), |_| ()).await.unwrap();
    assert_ne!(read().unwrap(), other);
    let update = format!("UPDATE record SET data = ?1 WHERE {of_ended}");
    assert_eq!(conn.execute(&update, [other]).unwrap(), 1);
    let verified = world.again().await.verify(&acme(), |_| ()).await;
    assert_eq!(verified.unwrap_err().kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn without_an_anchor_a_root_log_that_is_gone_ends_no_log() {
    let world = World::new().await;
    fill(&world.audit, &acme(), 0, 2).await;
    danger::accept_restore(&world.audit).await.unwrap();
    fill(&world.audit, &acme(), 2, 1).await;
    let (log, conn) = (
        id(&world.audit, &acme()).await,
        Connection::open(world.folder.path().join("data.db")).unwrap(),
    );
    for table in ["entry", "record"] {
        let gone = format!("DELETE FROM {table} WHERE owner = '' AND id LIKE 'root%'");
        assert!(conn.execute(&gone, []).unwrap() > 0);
    }
    let audit = world.again().await;
    fill(&audit, &acme(), 3, 2).await;
    assert_eq!(id(&audit, &acme()).await, log);
    assert_eq!(audit.earlier(&acme()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_position_that_no_log_has_costs_no_reads() {
    let world = World::new().await;
    fill(&world.audit, &acme(), 0, 3).await;
    let (store, audit) = watched(&world).await;
    let rule = AlertRule {
        kind: Kind::Staff,
        count: 1,
        seconds: 60,
        per: Per::All,
    };
    let here = id(&audit, &acme()).await;
    for log in [here, [7; 16]] {
        let far = Position::new([(acme(), log, u64::MAX >> 1)]);
        store.calls.store(0, std::sync::atomic::Ordering::Relaxed);
        let mut follower = Follower::at(audit.clone(), &[rule], &far).await.unwrap();
        let looked = follower.look().await.unwrap();
        // Of the log that is there, fewer are left than were read.
        assert_eq!(looked.failed.len(), usize::from(log == here));
        let calls = store.calls.load(std::sync::atomic::Ordering::Relaxed);
        assert!(calls < 40, "{calls}");
    }
}
