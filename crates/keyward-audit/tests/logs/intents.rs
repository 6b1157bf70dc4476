//! The logs as a sink: what was begun and not ended.

use keyward_audit::{Audit, Of};
use keyward_base::audit::{Outcome, RunId};
use keyward_base::{
    ErrorKind, Event, EventId, KeyId, Place, RecordId, Sink, SystemClock, Tenant, Trail,
};

use crate::world::{World, acme, event};

fn intent(of: &Of, n: u64) -> Event {
    let mut event = event(of, n);
    event.place = Some(Place::new("account.token").unwrap());
    event.record = Some(RecordId::new("42").unwrap());
    event.key = Some(KeyId::from_bytes([3; 8]));
    event.found = Some(n);
    event
}

fn id(n: u64) -> EventId {
    EventId::new([1; 8], n.to_be_bytes())
}

#[tokio::test]
async fn intents_without_an_outcome_are_open() {
    let world = World::new().await;
    let run = Some(RunId::from_bytes([9; 8]));
    let trail = Trail::new(std::sync::Arc::new(world.audit.clone())).in_run(run);
    let mut acts = Vec::new();
    for n in 0..6 {
        let of = if n % 2 == 0 { acme() } else { Of::Service };
        acts.push(trail.intend(id(n), intent(&of, n)).await.unwrap());
        trail.note(event(&of, 100 + n)).await;
    }
    for (n, act) in acts.into_iter().enumerate() {
        if n < 4 {
            act.end(&SystemClock::new(), Outcome::Done).await;
        }
    }
    let open = world.again().await.open_intents().await.unwrap();
    let ids: Vec<EventId> = open.iter().map(|intent| intent.id).collect();
    assert_eq!(ids, [id(4), id(5)]);
    let first = &open[0];
    let wanted = intent(&acme(), 4);
    assert_eq!(
        (first.at, first.run, first.found),
        (wanted.at, run, Some(4))
    );
    assert_eq!(
        (&first.place, &first.record),
        (&wanted.place, &wanted.record)
    );
    assert_eq!((&first.tenant, first.key), (&wanted.tenant, wanted.key));
    for intent in open {
        let at = intent.at;
        trail
            .close(intent, "app.act", at, Outcome::NotDone)
            .await
            .unwrap();
    }
    assert!(world.audit.open_intents().await.unwrap().is_empty());
}

async fn settled(audit: &Audit) -> (u64, u64) {
    let head = audit.head(&acme()).await.unwrap().unwrap();
    (head.settled, head.size())
}

fn stage(n: u64, outcome: Outcome) -> Event {
    let mut event = event(&acme(), n);
    event.id = Some(id(n));
    event.outcome = outcome;
    event
}

#[tokio::test]
async fn a_head_says_up_to_where_no_intent_is_open() {
    let world = World::new().await;
    let audit = &world.audit;
    let append = async |audit: &Audit, event: Event| audit.append(event).await.unwrap();
    for n in 0..3 {
        append(audit, event(&acme(), n)).await;
    }
    assert_eq!(settled(audit).await, (3, 3));
    append(audit, stage(7, Outcome::Intended)).await;
    append(audit, stage(8, Outcome::Intended)).await;
    append(audit, event(&acme(), 9)).await;
    assert_eq!(settled(audit).await, (3, 6));
    append(audit, stage(7, Outcome::Done)).await;
    assert_eq!(settled(audit).await, (4, 7));
    append(audit, stage(8, Outcome::Unknown)).await;
    assert_eq!(settled(audit).await, (8, 8));
    // Beside another process, which ends what this one begins.
    let other = world.again().await;
    append(audit, stage(1, Outcome::Intended)).await;
    append(&other, event(&acme(), 0)).await;
    append(audit, stage(2, Outcome::Intended)).await;
    append(&other, stage(1, Outcome::Done)).await;
    assert_eq!(settled(audit).await, (8, 12));
    let open = world.again().await.open_intents().await.unwrap();
    assert_eq!(open.iter().map(|i| i.id).collect::<Vec<_>>(), [id(2)]);
    // Who looked wrote down from where on.
    assert_eq!(settled(audit).await, (10, 12));
    append(&other, stage(2, Outcome::NotDone)).await;
    append(audit, event(&acme(), 0)).await;
    assert_eq!(audit.settle(&acme()).await.unwrap(), 0);
    assert_eq!(settled(audit).await, (14, 14));
    assert_eq!(audit.settle(&Of::Service).await.unwrap(), 0);
    assert!(other.open_intents().await.unwrap().is_empty());
    assert_eq!(world.verify(&acme()).await.unwrap(), 14);
}

#[tokio::test]
async fn a_log_that_was_edited_hides_no_intent_of_another() {
    let of_acme = "collection = 'audit' AND owner = 'acme'";
    let of_head = "collection = 'audit.head' AND owner = 'acme'";
    let ways = [
        format!("DELETE FROM entry WHERE {of_acme} AND seq = 1"),
        format!("DELETE FROM entry WHERE {of_acme} AND seq = 2"),
        format!("UPDATE entry SET bytes = x'00' WHERE {of_acme} AND seq = 1"),
        format!("UPDATE record SET data = zeroblob(60) WHERE {of_head}"),
        format!(
            "UPDATE record SET data = CAST(x'6b776168' || x'02' || randomblob(121) AS BLOB) WHERE {of_head}"
        ),
        format!("UPDATE record SET owner = 'No Tenant' WHERE {of_head}"),
    ];
    for way in ways {
        let world = World::new().await;
        let other = Of::Tenant(Tenant::new("other").unwrap());
        for of in [acme(), Of::Service, other] {
            // Written by two, so that what is open is looked for.
            for (n, audit) in [
                (0, &world.audit),
                (1, &world.again().await),
                (2, &world.audit),
            ] {
                let mut event = intent(&of, n);
                event.outcome = Outcome::Intended;
                event.id = Some(id(n));
                audit.append(event).await.unwrap();
            }
        }
        assert_eq!(world.edit(&way), 1, "{way}");
        let audit = world.again().await;
        let open = audit.open_intents().await.unwrap();
        assert_eq!(open.len(), 6, "{way}");
        assert!(
            open.iter()
                .all(|i| i.tenant.as_ref().is_none_or(|t| t.as_str() == "other"))
        );
        let refused = audit.settle(&acme()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Corrupt, "{way}");
    }
}
