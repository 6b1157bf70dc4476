//! Erasing by a rule.

use keyward_audit::audit::{ERASE, Kept, Rule};
use keyward_audit::export::check;
use keyward_audit::{Checkpoint, Of, Others};
use keyward_base::audit::Outcome;
use keyward_base::{ErrorKind, Event, Timestamp};

use crate::world::{NOON, World, acme, event};

pub(crate) const DAY: u64 = 24 * 60 * 60 * 1000;

/// Ten days with two entries each.
pub(crate) async fn ten_days() -> World {
    let world = World::anchored().await;
    for n in 0..20 {
        let mut event = event(&acme(), n);
        event.at = Timestamp::from_millis(NOON + n / 2 * DAY);
        world.audit.append(event).await.unwrap();
    }
    world
}

pub(crate) fn older_than(days: u32) -> Rule {
    Rule::older_than(days, None, Timestamp::from_millis(NOON + 9 * DAY))
}

#[tokio::test]
async fn what_a_rule_takes_is_gone_and_the_log_verifies() {
    let world = ten_days().await;
    let audit = &world.audit;
    let key = audit.key(&acme()).await.unwrap().unwrap();
    let (provider, keys) = (*world.keyring.provider(), [key]);
    let proof = audit.prove(&acme(), 3).await.unwrap();
    let leaf = audit.entries(&acme(), 3, 1).await.unwrap().entries[0]
        .leaf
        .bytes();
    let texts = audit.entries(&acme(), 0, 100).await.unwrap().entries;

    let erasure = audit.erase(&acme(), &older_than(4)).await.unwrap().unwrap();
    // Days 0 to 4 of 9.
    assert_eq!(
        (erasure.entries, erasure.count, erasure.record),
        (0..10, 10, 20)
    );
    let receipt = Checkpoint::open(&erasure.receipt, &keys, Others::Refused).unwrap();
    assert_eq!(receipt.size, 21);
    let page = audit.entries(&acme(), 0, 100).await.unwrap();
    for kept in &page.entries {
        assert_eq!(kept.body.is_none(), kept.seq < 10, "{}", kept.seq);
    }
    let record = page.entries[20].entry().unwrap().unwrap();
    assert_eq!(record.action, ERASE);
    let text = record.text().unwrap();
    assert!(
        text.contains(
            "[\"from\",{\"number\":0}],[\"until\",{\"number\":10}],[\"count\",{\"number\":10}]"
        ),
        "{text}"
    );
    let verified = audit.verify(&acme(), |_| ()).await.unwrap().unwrap();
    assert_eq!((verified.erased, verified.head.size()), (10, 21));
    // What was proved is proved still, and the export says what is gone.
    proof
        .check(&provider, &keys, Others::Refused, &leaf)
        .unwrap();
    let file = audit
        .export(&acme(), 0..21, Vec::new(), |_| ())
        .await
        .unwrap();
    let checked = check(&provider, &keys, &file[..], |_, _, _| ()).unwrap();
    assert_eq!(checked.erased, 10);
    nothing_left(&world, &texts, 10);
    // Again: nothing is left to do, and the record itself is not taken.
    assert_eq!(audit.erase(&acme(), &older_than(4)).await.unwrap(), None);
    let all = audit.erase(&acme(), &Rule::all()).await.unwrap().unwrap();
    assert_eq!((all.entries, all.count), (10..20, 10));
    let verified = audit.verify(&acme(), |_| ()).await.unwrap().unwrap();
    assert_eq!((verified.erased, verified.head.size()), (20, 22));
    assert_eq!(audit.erase(&acme(), &Rule::all()).await.unwrap(), None);
    assert_eq!(audit.erase(&Of::Service, &Rule::all()).await.unwrap(), None);
}

#[tokio::test]
async fn gone_by_no_rule_is_seen() {
    let world = ten_days().await;
    world
        .audit
        .erase(&acme(), &older_than(4))
        .await
        .unwrap()
        .unwrap();
    let cut = "UPDATE entry SET bytes = substr(bytes, 1, 69) WHERE owner = 'acme' AND seq = ";
    // Not of those that the rule took, and its own record.
    for seq in [10, 20] {
        assert_eq!(world.edit(&format!("{cut}{seq}")), 1);
        let refused = world.audit.verify(&acme(), |_| ()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Corrupt);
        let said = refused.to_string();
        assert!(said.contains("no rule says so"), "{said}");
    }
}

#[tokio::test]
async fn nobody_else_writes_what_a_log_says_of_itself() {
    let world = ten_days().await;
    let mut event = Event::new(Timestamp::from_millis(NOON), ERASE, Outcome::Done);
    event.tenant = crate::world::event(&acme(), 0).tenant;
    let refused = world.audit.append(event).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
}

/// Of the entries before `kept`, no salt and no text is in the store's files.
pub(crate) fn nothing_left(world: &World, texts: &[Kept], kept: u64) {
    for name in ["data.db", "data.db-wal"] {
        let bytes = std::fs::read(world.folder.path().join(name)).unwrap_or_default();
        let found = |wanted: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
        for entry in texts {
            let Some((salt, text)) = &entry.body else {
                continue;
            };
            let gone = entry.seq < kept;
            assert!(!(gone && found(salt)), "salt of {} in {name}", entry.seq);
            assert!(
                !(gone && found(text.as_bytes())),
                "text of {} in {name}",
                entry.seq
            );
        }
    }
}
