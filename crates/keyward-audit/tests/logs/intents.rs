//! The logs as a sink: what was begun and not ended.

use keyward_audit::Of;
use keyward_base::audit::{Outcome, RunId};
use keyward_base::{Event, EventId, KeyId, Place, RecordId, Sink, SystemClock, Trail};

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
