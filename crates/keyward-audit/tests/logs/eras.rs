//! After an older database was accepted, a log goes on under a new name alone, and the one before
//! stays as it was.

use std::collections::BTreeSet;

use keyward_audit::alert::{self, AlertRule, Follower};
use keyward_audit::audit::{Before, GOES_ON, ROOT, Rule};
use keyward_audit::export::check;
use keyward_audit::{Audit, Checkpoint, HoldName, Keep, Of, Others, danger};
use keyward_base::audit::Outcome;
use keyward_base::{ErrorKind, Event, Sink, Tenant, Timestamp};
use rusqlite::Connection;

use crate::world::{NOON, World, acme, event};

pub(crate) async fn fill(audit: &Audit, of: &Of, from: u64, count: u64) {
    for n in from..from + count {
        audit.append(event(of, n)).await.unwrap();
    }
}

/// The database as it is now; given back by what is returned.
pub(crate) fn backup(world: &World) -> impl Fn() + use<> {
    let folder = world.folder.path();
    let copies = std::fs::read_dir(folder).unwrap().count();
    let copy = folder.join(format!("copy-{copies}.db"));
    let conn = Connection::open(folder.join("data.db")).unwrap();
    conn.execute("VACUUM INTO ?1", [copy.to_str().unwrap()])
        .unwrap();
    let back = format!(
        "ATTACH '{}' AS old;
         DELETE FROM entry; INSERT INTO entry SELECT * FROM old.entry;
         DELETE FROM record; INSERT INTO record SELECT * FROM old.record;
         DETACH old;",
        copy.display()
    );
    move || conn.execute_batch(&back).unwrap()
}

/// Accepts what is there, as the anchor is lost.
pub(crate) async fn accept(world: &World, audit: &Audit) {
    let _none = std::fs::remove_file(world.folder.path().join("anchor"));
    danger::accept_restore(audit).await.unwrap();
}

pub(crate) async fn id(audit: &Audit, of: &Of) -> [u8; 16] {
    audit.head(of).await.unwrap().unwrap().log
}

/// A log of five entries that were noted and three that were not, of a backup; beside which four
/// others are lost, which were signed.
pub(crate) async fn restored() -> (World, String) {
    let world = World::anchored().await;
    fill(&world.audit, &acme(), 0, 5).await;
    world.audit.checkpoint(&acme()).await.unwrap();
    fill(&world.audit, &acme(), 5, 1).await;
    let back = backup(&world);
    fill(&world.audit, &acme(), 50, 4).await;
    let lost = world.audit.checkpoint(&acme()).await.unwrap().unwrap();
    back();
    fill(&world.again().await, &acme(), 6, 2).await;
    (world, lost)
}

#[tokio::test]
async fn a_log_goes_on_under_a_new_name_and_the_one_before_stays() {
    let (world, lost) = restored().await;
    let audit = world.again().await;
    let old = id(&audit, &acme()).await;
    // Nobody said so yet.
    let refused = audit.checkpoint(&acme()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt);
    assert_eq!(id(&audit, &acme()).await, old);
    danger::accept_restore(&audit).await.unwrap();
    assert!(audit.earlier(&acme()).await.unwrap().is_empty());
    fill(&audit, &acme(), 8, 1).await;
    let new = id(&audit, &acme()).await;
    assert_ne!(new, old);
    let page = audit.entries(&acme(), 0, 10).await.unwrap().entries;
    assert_eq!(page.len(), 2);
    let first = page[0].entry().unwrap().unwrap();
    assert_eq!(first.action, GOES_ON);
    let before = Before::of(&first).unwrap();
    let [earlier] = audit.earlier(&acme()).await.unwrap().try_into().unwrap();
    let head = audit.head(&earlier).await.unwrap().unwrap();
    let root = head.tree.root(world.keyring.provider());
    assert_eq!((before.log, before.size, before.root), (old, 8, root));
    assert_eq!(audit.before(&acme()).await.unwrap(), Some(before));
    for of in [&acme(), &earlier] {
        audit.verify(of, |_| ()).await.unwrap();
        audit.rooted().await.unwrap().check(of).await.unwrap();
    }
    assert_eq!(audit.logs().await.unwrap(), [acme()]);
    // Of the one before, what was seen is signed, and nothing that a lost checkpoint may contradict.
    let key = audit.key(&earlier).await.unwrap().unwrap();
    let keys = [key];
    let signed = audit.checkpoint(&earlier).await.unwrap().unwrap();
    let signed = Checkpoint::open(&signed, &keys, Others::Refused).unwrap();
    let lost = Checkpoint::open(&lost, &keys, Others::Refused).unwrap();
    assert_eq!((signed.origin == lost.origin, signed.size), (true, 5));
    assert_eq!(
        (lost.size, audit.provable(&earlier).await.unwrap()),
        (10, Some(5))
    );
    let file = audit
        .export(&earlier, 0..5, Vec::new(), |_| ())
        .await
        .unwrap();
    check(world.keyring.provider(), &keys, &file[..], |_, _, _| ()).unwrap();
    for entries in [0..6, 7..8] {
        let refused = audit
            .export(&earlier, entries, Vec::new(), |_| ())
            .await
            .unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Misuse);
    }
    // The new key signs the new log alone.
    let new_key = audit.key(&acme()).await.unwrap().unwrap();
    assert_ne!(new_key.name(), keys[0].name());
    let signed = audit.checkpoint(&acme()).await.unwrap().unwrap();
    assert!(Checkpoint::open(&signed, &keys, Others::Refused).is_err());
    // Once more: it goes on once.
    let other = world.again().await;
    fill(&other, &acme(), 9, 1).await;
    assert_eq!(id(&other, &acme()).await, new);
    assert_eq!(other.earlier(&acme()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn whatever_comes_next_has_it_go_on() {
    for way in 0..5 {
        let (world, _) = restored().await;
        danger::accept_restore(&world.again().await).await.unwrap();
        let audit = world.again().await;
        match way {
            0 => drop(audit.checkpoint(&acme()).await.unwrap()),
            1 => drop(
                audit
                    .export(&acme(), 0..1, Vec::new(), |_| ())
                    .await
                    .unwrap(),
            ),
            2 => drop(audit.key(&acme()).await.unwrap()),
            3 => drop(
                audit
                    .hold(&acme(), &HoldName::new("case-1").unwrap())
                    .await
                    .unwrap(),
            ),
            _ => drop(audit.keep(&acme(), &[Keep::days(3)]).await.unwrap()),
        }
        assert_eq!(audit.earlier(&acme()).await.unwrap().len(), 1, "{way}");
        audit.verify(&acme(), |_| ()).await.unwrap();
    }
}

#[tokio::test]
async fn who_runs_while_it_is_accepted_appends_to_the_new_one() {
    let (world, _) = restored().await;
    let running = world.again().await;
    fill(&running, &acme(), 8, 1).await;
    let old = id(&running, &acme()).await;
    danger::accept_restore(&world.again().await).await.unwrap();
    fill(&running, &acme(), 9, 1).await;
    assert_ne!(id(&running, &acme()).await, old);
    let [earlier] = running.earlier(&acme()).await.unwrap().try_into().unwrap();
    assert_eq!(running.head(&earlier).await.unwrap().unwrap().size(), 9);
    running.checkpoint(&acme()).await.unwrap();
}

#[tokio::test]
async fn who_follows_reads_both_and_tells_nothing_of_the_past() {
    let staff = AlertRule {
        kind: alert::Kind::Opened,
        count: 1,
        seconds: 10,
        per: alert::Per::All,
    };
    let opened = |n: u64| {
        let at = Timestamp::from_millis(NOON + n * 20_000);
        let mut event = Event::new(at, "column.open", Outcome::Granted);
        event.tenant = Some(Tenant::new("acme").unwrap());
        event
    };
    let world = World::anchored().await;
    for n in 1..=5 {
        world.audit.append(opened(n)).await.unwrap();
    }
    let again = world.again().await;
    let mut follower = Follower::new(again.clone(), &[staff]).await.unwrap();
    let old = follower.position();
    let seqs = |looked: alert::Looked| {
        assert!(looked.failed.is_empty(), "{:?}", looked.failed);
        let told = looked.anomalies.into_iter().map(|told| told.seq);
        told.collect::<BTreeSet<_>>()
    };
    // One entry in the log before, one in the log that goes on: at number 1, behind its first.
    again.append(opened(6)).await.unwrap();
    accept(&world, &again).await;
    again.append(opened(7)).await.unwrap();
    let expected = (BTreeSet::from([1, 5]), BTreeSet::new());
    let first = seqs(follower.look().await.unwrap());
    assert_eq!((first, seqs(follower.look().await.unwrap())), expected);
    // The same for who goes on from a position of before; and who begins now is told nothing.
    let mut later = Follower::at(again.clone(), &[staff], &old).await.unwrap();
    let first = seqs(later.look().await.unwrap());
    assert_eq!((first, seqs(later.look().await.unwrap())), expected);
    let mut now = Follower::new(again.clone(), &[staff]).await.unwrap();
    assert!(seqs(now.look().await.unwrap()).is_empty());
}

#[tokio::test]
async fn who_follows_reads_what_began_and_ended_between_two_looks() {
    let staff = AlertRule {
        kind: alert::Kind::Opened,
        count: 1,
        seconds: 10,
        per: alert::Per::All,
    };
    let opened = |n: u64| {
        let at = Timestamp::from_millis(NOON + n * 20_000);
        let mut event = Event::new(at, "vault.open-detached", Outcome::Granted);
        event.tenant = Some(Tenant::new("acme").unwrap());
        event
    };
    let told = |looked: alert::Looked| {
        assert!(looked.failed.is_empty(), "{:?}", looked.failed);
        let since = looked.anomalies.into_iter();
        since.map(|of| of.since).collect::<BTreeSet<_>>()
    };
    let wanted = |all: std::ops::Range<u64>| {
        let since = all.map(|n| NOON + n * 20_000);
        since.collect::<BTreeSet<_>>()
    };
    let world = World::anchored().await;
    world.audit.append(opened(0)).await.unwrap();
    let audit = world.again().await;
    let mut follower = Follower::new(audit.clone(), &[staff]).await.unwrap();
    let kept = follower.position();
    for n in 1..4 {
        audit.append(opened(n)).await.unwrap();
        accept(&world, &audit).await;
    }
    audit.append(opened(4)).await.unwrap();
    assert_eq!(audit.earlier(&acme()).await.unwrap().len(), 3);
    assert_eq!(told(follower.look().await.unwrap()), wanted(1..5));
    let mut later = Follower::at(audit.clone(), &[staff], &kept).await.unwrap();
    assert_eq!(told(later.look().await.unwrap()), wanted(1..5));
    // Who begins with what was recorded since a time has what lies in logs that ended.
    for n in 0..5 {
        let at = Timestamp::from_millis(NOON + n * 20_000);
        let mut since = Follower::since(audit.clone(), &[staff], at).await.unwrap();
        assert_eq!(told(since.look().await.unwrap()), wanted(n..5), "{n}");
        assert!(told(since.look().await.unwrap()).is_empty());
    }
}

#[tokio::test]
async fn nothing_is_set_of_the_root_log_nor_of_one_that_ended() {
    let (world, _) = restored().await;
    let audit = world.again().await;
    accept(&world, &audit).await;
    fill(&audit, &acme(), 60, 1).await;
    let ended = audit.earlier(&acme()).await.unwrap();
    let name = HoldName::new("case-14").unwrap();
    for of in ended.iter().chain([&Of::Root]) {
        let held = audit.hold(of, &name).await.unwrap_err();
        assert_eq!(held.kind(), ErrorKind::Misuse, "{of}");
        let kept = audit.keep(of, &[]).await.unwrap_err();
        assert_eq!(kept.kind(), ErrorKind::Misuse, "{of}");
    }
    audit.verify(&Of::Root, |_| {}).await.unwrap();
}

#[tokio::test]
async fn a_new_log_is_of_the_era() {
    let (world, _) = restored().await;
    let audit = world.again().await;
    danger::accept_restore(&audit).await.unwrap();
    fill(&audit, &Of::Service, 0, 1).await;
    let begun = id(&audit, &Of::Service).await;
    audit.checkpoint(&Of::Service).await.unwrap();
    fill(&world.again().await, &Of::Service, 1, 1).await;
    assert_eq!(id(&audit, &Of::Service).await, begun);
}

#[tokio::test]
async fn who_writes_to_the_store_begins_no_era_and_ends_none() {
    let world = World::anchored().await;
    fill(&world.audit, &acme(), 0, 3).await;
    world.audit.checkpoint(&acme()).await.unwrap();
    let copy = world.folder.path().join("before.db");
    let conn = Connection::open(world.folder.path().join("data.db")).unwrap();
    conn.execute("VACUUM INTO ?1", [copy.to_str().unwrap()])
        .unwrap();
    let before = backup(&world);
    accept(&world, &world.again().await).await;
    fill(&world.again().await, &acme(), 3, 1).await;
    let new = id(&world.audit, &acme()).await;
    world.again().await.checkpoint(&acme()).await.unwrap();
    // The root log from before, or none: nothing is signed, and nothing goes on elsewhere.
    let root = "collection = 'audit.head' AND owner = '' AND id = 'root'";
    let after = world.folder.path().join("after.db");
    conn.execute("VACUUM INTO ?1", [after.to_str().unwrap()])
        .unwrap();
    for from in [Some(&copy), None] {
        conn.execute(&format!("DELETE FROM record WHERE {root}"), [])
            .unwrap();
        if let Some(from) = from {
            let sql = format!(
                "ATTACH '{}' AS old; INSERT INTO record SELECT * FROM old.record WHERE {root}; DETACH old;",
                from.display()
            );
            conn.execute_batch(&sql).unwrap();
        }
        let audit = world.again().await;
        fill(&audit, &acme(), 9, 1).await;
        assert_eq!(id(&audit, &acme()).await, new);
        assert!(audit.checkpoint(&acme()).await.is_err());
        let sql = format!(
            "ATTACH '{}' AS old; DELETE FROM record WHERE {root}; INSERT INTO record SELECT * FROM old.record WHERE {root}; DETACH old;",
            after.display()
        );
        conn.execute_batch(&sql).unwrap();
    }
    // A head that ended is none that goes on, and the other way round.
    let edits = [
        "UPDATE record SET data = (SELECT data FROM record WHERE collection = 'audit.head' AND owner = 'acme' AND id LIKE 'log.%')
           WHERE collection = 'audit.head' AND owner = 'acme' AND id = 'log'",
        "UPDATE record SET data = (SELECT data FROM record WHERE collection = 'audit.head' AND owner = 'acme' AND id = 'log')
           WHERE collection = 'audit.head' AND owner = 'acme' AND id LIKE 'log.%'",
        "DELETE FROM record WHERE collection = 'audit.head' AND owner = 'acme' AND id LIKE 'log.%'",
    ];
    for edit in edits {
        let whole = backup(&world);
        assert_eq!(world.edit(edit), 1, "{edit}");
        let refused = world
            .again()
            .await
            .verify(&acme(), |_| ())
            .await
            .unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Corrupt, "{edit}");
        whole();
    }
    // The whole database from before: the anchor knows.
    before();
    assert!(world.again().await.checkpoint(&acme()).await.is_err());
}

#[tokio::test]
async fn an_acceptance_over_a_root_log_that_cannot_be_read() {
    for edit in [
        "UPDATE record SET data = x'00' WHERE collection = 'audit.head' AND id = 'root'",
        "DELETE FROM record WHERE collection = 'audit.head' AND id = 'root'",
        "UPDATE entry SET bytes = x'00' WHERE collection = 'audit' AND id = 'root'",
    ] {
        let world = World::anchored().await;
        fill(&world.audit, &acme(), 0, 3).await;
        world.audit.checkpoint(&acme()).await.unwrap();
        assert_eq!(world.edit(edit), 1, "{edit}");
        let audit = world.again().await;
        assert!(audit.round(|_| ()).await.is_err(), "{edit}");
        danger::accept_restore(&audit).await.unwrap();
        let first = audit.entries(&Of::Root, 0, 1).await.unwrap().entries;
        let text = first[0].entry().unwrap().unwrap();
        assert_eq!(text.action, ROOT);
        assert!(text.text().unwrap().contains("\"pinned\""), "{edit}");
        fill(&audit, &acme(), 3, 1).await;
        for audit in [&audit, &world.again().await] {
            audit.checkpoint(&acme()).await.unwrap();
            assert!(
                audit
                    .rooted()
                    .await
                    .unwrap()
                    .dropped()
                    .await
                    .unwrap()
                    .is_empty()
            );
            assert!(audit.round(|_| ()).await.unwrap().bad.is_empty());
        }
    }
}

#[tokio::test]
async fn holds_and_retention_are_over_both() {
    let (world, _) = restored().await;
    let case = HoldName::new("case-14").unwrap();
    // Set before, and in force after.
    let audit = world.again().await;
    danger::accept_restore(&audit).await.unwrap();
    audit.hold(&acme(), &case).await.unwrap();
    let [earlier] = audit.earlier(&acme()).await.unwrap().try_into().unwrap();
    // Nothing is lost: nothing is begun.
    danger::accept_restore(&audit).await.unwrap();
    fill(&audit, &acme(), 19, 1).await;
    assert_eq!(audit.earlier(&acme()).await.unwrap().len(), 1);
    accept(&world, &audit).await;
    fill(&audit, &acme(), 20, 1).await;
    let all = audit.earlier(&acme()).await.unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(audit.holds(&acme()).await.unwrap().len(), 1);
    for of in all.iter().chain([&acme()]) {
        let refused = audit.erase(of, &Rule::all()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Misuse, "{of}");
    }
    audit.lift(&acme(), &case).await.unwrap();
    let erased = audit.erase(&earlier, &Rule::all()).await.unwrap().unwrap();
    assert_eq!((erased.entries, erased.count), (0..8, 8));
    // The record stands in the log that goes on, and both verify.
    let record = audit
        .entries(&acme(), erased.record, 1)
        .await
        .unwrap()
        .entries;
    let text = record[0].entry().unwrap().unwrap().text().unwrap();
    let log = keyward_base::encoding::hex(&id(&audit, &earlier).await);
    assert!(
        text.contains(&format!("[\"log\",{{\"word\":\"{log}\"}}]")),
        "{text}"
    );
    let verified = audit.verify(&earlier, |_| ()).await.unwrap().unwrap();
    assert_eq!((verified.erased, verified.head.size()), (8, 8));
    audit.verify(&acme(), |_| ()).await.unwrap();
    // What is due goes of all of them.
    world
        .clock
        .advance(std::time::Duration::from_secs(200 * 24 * 60 * 60));
    world.keyring.refresh().await.unwrap();
    let told = audit.retain(1 << 20).await.unwrap();
    assert!(told.failed.is_empty(), "{told:?}");
    for of in all.iter().chain([&acme()]) {
        audit.verify(of, |_| ()).await.unwrap();
    }
    // Somebody who takes one out by hand is seen.
    let cut = "UPDATE entry SET bytes = substr(bytes, 1, 69) WHERE owner = 'acme' AND id LIKE 'log.%' AND seq = 0";
    assert!(world.edit(cut) > 0);
    assert!(audit.verify(&acme(), |_| ()).await.is_err());
}

#[tokio::test]
async fn an_act_that_was_open_is_closed_where_the_log_goes_on() {
    use keyward_base::audit::Outcome;
    let world = World::anchored().await;
    let mut intent = event(&acme(), 0);
    intent.outcome = Outcome::Intended;
    intent.id = Some(keyward_base::EventId::new([1; 8], [2; 8]));
    world.audit.append(intent.clone()).await.unwrap();
    accept(&world, &world.audit).await;
    let audit = world.again().await;
    fill(&audit, &acme(), 1, 1).await;
    assert_eq!(audit.open_intents().await.unwrap().len(), 1);
    intent.outcome = Outcome::Done;
    audit.append(intent).await.unwrap();
    for _ in 0..2 {
        assert!(world.again().await.open_intents().await.unwrap().is_empty());
    }
}
