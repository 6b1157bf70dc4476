//! Entries and the writes that they tell of: both, or neither.

use keyward_audit::audit::Kept;
use keyward_audit::{Given, Kind, Kinds, OwnEvent, Type};
use keyward_base::Tenant;
use keyward_base::audit::Outcome;
use keyward_store::{Collection, Content, RecordKey, Write};

use crate::world::{World, acme, event};

fn told(n: u64) -> OwnEvent {
    let kind = Kind::new("shop.sale").must("n", Type::Number);
    let kinds = Kinds::new("shop").unwrap().with(kind).unwrap();
    let given = [("n", Given::Number(n))];
    kinds.event("shop.sale", Outcome::Done, &given).unwrap()
}

fn insert(id: &str) -> Write {
    Write::Insert {
        key: RecordKey {
            collection: Collection::named("sale"),
            owner: "acme".to_owned(),
            id: id.to_owned(),
        },
        content: Content::default(),
    }
}

#[tokio::test]
async fn entries_and_writes_are_done_together_or_not_at_all() {
    let world = World::new().await;
    let tenant = Tenant::new("acme").unwrap();
    let other = world.again().await;
    let mut first = None;
    for n in 0..3 {
        // Another process writes to the log meanwhile.
        other.append(event(&acme(), n)).await.unwrap();
        let id = format!("sale-{n}");
        let both = vec![told(n), told(n)];
        let beside = |_| Ok(vec![insert(&id)]);
        let seq = world.audit.append_beside(&tenant, both, beside).await;
        first = seq.unwrap();
        assert_eq!(first, Some(n * 3 + 1));
    }
    assert!(first.is_some());
    // It is there by now: nothing is written, and no entry.
    let again = world
        .audit
        .append_beside(&tenant, vec![told(9)], |_| Ok(vec![insert("sale-1")]));
    assert_eq!(again.await.unwrap(), None);
    assert_eq!(world.verify(&acme()).await.unwrap(), 9);
    // Nor where what was to be written could not be said.
    let failed = world.audit.append_beside(&tenant, vec![told(9)], |_| {
        Err(keyward_base::Error::unavailable("not now"))
    });
    failed.await.unwrap_err();
    world.audit.append(event(&acme(), 9)).await.unwrap();
    assert_eq!(world.verify(&acme()).await.unwrap(), 10);
}

#[tokio::test]
async fn approvals_are_kept_by_a_rule_of_their_own() {
    let world = World::new().await;
    let kinds = Kinds::approvals().unwrap();
    let noted = || {
        let given = [
            ("ticket", Given::Id("T-1")),
            ("action", Given::Id("server.stop")),
            ("shown", Given::Digest(&[7; 32])),
            ("event", Given::Word("voted")),
        ];
        let event = kinds.event(Kinds::NOTE, Outcome::Done, &given).unwrap();
        event.of(Tenant::new("acme").unwrap())
    };
    let tenant = Tenant::new("acme").unwrap();
    let both = vec![told(1), noted()];
    let seq = world.audit.append_beside(&tenant, both, |_| Ok(Vec::new()));
    assert_eq!(seq.await.unwrap(), Some(0));
    world.audit.require_own(noted()).await.unwrap();
    world.audit.require_own(told(2).of(tenant)).await.unwrap();
    let classes = |entries: &[Kept]| -> Vec<String> {
        let class = |kept: &Kept| kept.leaf.header.class.as_str().to_owned();
        entries.iter().map(class).collect()
    };
    let kept = world.audit.entries(&acme(), 0, 10).await.unwrap();
    assert_eq!(
        classes(&kept.entries),
        ["std", "approval", "approval", "std"]
    );
}
