//! What somebody who writes to the database makes of eras: heads at the place of another log's, and
//! those of logs that ended put back.

use keyward_audit::audit::Rule;
use keyward_audit::{Checkpoint, HoldName, Of, Others, danger};
use keyward_base::ErrorKind;
use rusqlite::Connection;

use crate::world::{World, acme, event};

#[tokio::test]
async fn the_root_logs_head_is_none_of_the_services() {
    let world = World::anchored().await;
    for n in 0..3 {
        world.audit.append(event(&acme(), n)).await.unwrap();
        world.audit.round(|_| ()).await.unwrap();
    }
    world.audit.append(event(&Of::Service, 0)).await.unwrap();
    world.audit.round(|_| ()).await.unwrap();
    let keys = [world.audit.key(&Of::Root).await.unwrap().unwrap()];
    let signed = world.audit.checkpoint(&Of::Root).await.unwrap().unwrap();
    let root = Checkpoint::open(&signed, &keys, Others::Refused).unwrap();
    // Its head and its entries are put where the service's lie.
    for edit in [
        "DELETE FROM entry WHERE owner = '' AND id = 'log'",
        "INSERT INTO entry SELECT collection, owner, 'log', seq, bytes FROM entry
           WHERE owner = '' AND id = 'root'",
        "UPDATE record SET data = (SELECT data FROM record
             WHERE collection = 'audit.head' AND owner = '' AND id = 'root')
           WHERE collection = 'audit.head' AND owner = '' AND id = 'log'",
    ] {
        assert!(world.edit(edit) > 0, "{edit}");
    }
    let audit = world.again().await;
    let appended = audit.append(event(&Of::Service, 1)).await;
    let signed = audit.checkpoint(&Of::Service).await;
    if let Ok(Some(signed)) = &signed {
        let other = Checkpoint::open(signed, &keys, Others::Refused).unwrap();
        panic!("two checkpoints of one log: {root:?} and {other:?}");
    }
    assert_eq!(appended.unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(signed.unwrap_err().kind(), ErrorKind::Corrupt);
}

/// What lies of acme's log beside its entries, to be put back.
fn kept(world: &World) -> impl Fn() + use<> {
    let copy = world.folder.path().join("kept.db");
    let conn = Connection::open(world.folder.path().join("data.db")).unwrap();
    conn.execute("VACUUM INTO ?1", [copy.to_str().unwrap()])
        .unwrap();
    let back = format!(
        "ATTACH '{}' AS old;
         DELETE FROM record WHERE owner = 'acme';
         INSERT INTO record SELECT * FROM old.record WHERE owner = 'acme';
         DETACH old;",
        copy.display()
    );
    move || conn.execute_batch(&back).unwrap()
}

#[tokio::test]
async fn a_log_that_ended_and_is_put_back_goes_on_as_no_other() {
    let case = HoldName::new("case-3").unwrap();
    for entries_too in [false, true] {
        let world = World::anchored().await;
        for n in 0..5 {
            world.audit.append(event(&acme(), n)).await.unwrap();
        }
        world.audit.checkpoint(&acme()).await.unwrap();
        std::fs::remove_file(world.folder.path().join("anchor")).unwrap();
        danger::accept_restore(&world.audit).await.unwrap();
        let before = kept(&world);
        world.audit.append(event(&acme(), 5)).await.unwrap();
        world.audit.hold(&acme(), &case).await.unwrap();
        let new = world.audit.head(&acme()).await.unwrap().unwrap().log;
        before();
        if entries_too {
            world.edit("DELETE FROM entry WHERE owner = 'acme' AND id <> 'log'");
        }
        let audit = world.again().await;
        let erased = audit.erase(&acme(), &Rule::all()).await;
        assert_eq!(
            erased.unwrap_err().kind(),
            ErrorKind::Corrupt,
            "{entries_too}"
        );
        let signed = audit.checkpoint(&acme()).await;
        assert_eq!(
            signed.unwrap_err().kind(),
            ErrorKind::Corrupt,
            "{entries_too}"
        );
        let key = audit.key(&acme()).await;
        if let Ok(Some(key)) = key {
            let hex = keyward_base::encoding::hex(&new);
            assert!(key.name().as_str().ends_with(&hex), "another log: {key:?}");
        }
        let gone = "SELECT 1 FROM entry WHERE owner = 'acme' AND id = 'log' AND length(bytes) = 69";
        let conn = Connection::open(world.folder.path().join("data.db")).unwrap();
        assert!(!conn.prepare(gone).unwrap().exists([]).unwrap());
    }
}
