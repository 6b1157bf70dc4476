//! Legal holds: nothing of a log that has one is erased.

use std::sync::Arc;

use keyward_audit::audit::{ERASE, HOLD, LIFT, Rule};
use keyward_audit::keep::DEFAULT_DAYS;
use keyward_audit::{Audit, HoldName, Of};
use keyward_base::{Actor, Error, ErrorKind, Subject, Timestamp};

use rusqlite::Connection;

use crate::retention::{DAY, nothing_left, older_than, ten_days};
use crate::store::Watched;
use crate::world::{NOON, World, acme, event, store};

fn case(name: &str) -> HoldName {
    HoldName::new(name).unwrap()
}

fn refused_by(name: &str, error: &Error) {
    assert_eq!(error.kind(), ErrorKind::Misuse);
    let said = error.to_string();
    assert!(said.contains(&format!("legal hold {name}")), "{said}");
}

/// How many texts the log has, and what it says of itself.
pub(crate) async fn left(audit: &Audit) -> (usize, Vec<String>) {
    let page = audit.entries(&acme(), 0, 4096).await.unwrap().entries;
    let (own, others): (Vec<_>, Vec<_>) = page
        .into_iter()
        .partition(|kept| kept.leaf.header.class.as_str() == "audit");
    let texts = others.iter().filter(|kept| kept.body.is_some()).count();
    let said = own.iter().map(|kept| kept.entry().unwrap().unwrap().action);
    (texts, said.collect())
}

#[tokio::test]
async fn nothing_is_erased_under_a_hold_and_the_refusal_names_it() {
    let world = ten_days().await;
    let counsel = Actor::new(Subject::new("user:counsel").unwrap()).staff();
    let audit = world.audit.acting_as(counsel);
    assert!(audit.hold(&acme(), &case("case-14")).await.unwrap());
    assert!(!audit.hold(&acme(), &case("case-14")).await.unwrap());
    assert!(audit.hold(&acme(), &case("case-9")).await.unwrap());
    // By whatever rule, and for whoever looks from elsewhere.
    for audit in [audit.clone(), world.elsewhere().await] {
        for rule in [older_than(4), Rule::all()] {
            let refused = audit.erase(&acme(), &rule).await.unwrap_err();
            refused_by("case-14 and 1 more", &refused);
        }
        let names = audit.holds(&acme()).await.unwrap();
        let names: Vec<_> = names.iter().map(|hold| hold.name.as_str()).collect();
        assert_eq!(names, ["case-14", "case-9"]);
    }
    assert_eq!(left(&audit).await, (20, vec![HOLD.into(), HOLD.into()]));
    assert!(audit.lift(&acme(), &case("case-14")).await.unwrap());
    assert!(!audit.lift(&acme(), &case("case-14")).await.unwrap());
    let refused = audit.erase(&acme(), &Rule::all()).await.unwrap_err();
    refused_by("case-9", &refused);
    assert!(audit.lift(&acme(), &case("case-9")).await.unwrap());
    audit.erase(&acme(), &Rule::all()).await.unwrap().unwrap();
    let says = [HOLD, HOLD, LIFT, LIFT, ERASE].map(str::to_owned).to_vec();
    assert_eq!(left(&audit).await, (0, says));
    let kept = audit.entries(&acme(), 20, 1).await.unwrap().entries;
    let entry = kept[0].entry().unwrap().unwrap();
    let by = entry.actor.as_ref().unwrap();
    assert!(by.staff && by.subject == "user:counsel");
    let text = entry.text().unwrap();
    assert!(text.contains(r#"[["name",{"word":"case-14"}]]"#), "{text}");
    // A log that nobody wrote to has nothing to hold, and its name may be a mistake.
    let nobody = Of::Tenant(keyward_base::Tenant::new("acne").unwrap());
    let refused = audit.hold(&nobody, &case("case-14")).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
}

#[tokio::test]
async fn a_log_has_so_many_holds_and_nothing_is_set_of_none() {
    let world = World::new().await;
    let audit = &world.audit;
    let nobody = Of::Tenant(keyward_base::Tenant::new("acne").unwrap());
    let keep = [keyward_audit::Keep::days(30)];
    let refused = audit.keep(&nobody, &keep).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
    assert!(audit.head(&nobody).await.unwrap().is_none());
    // That of all logs may be set before there is any.
    assert!(audit.keep(&Of::Service, &keep).await.unwrap());
    audit.append(event(&acme(), 0)).await.unwrap();
    for n in 0..32 {
        assert!(
            audit
                .hold(&acme(), &case(&format!("case-{n}")))
                .await
                .unwrap()
        );
    }
    let refused = audit.hold(&acme(), &case("case-32")).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Misuse);
    assert!(!audit.hold(&acme(), &case("case-31")).await.unwrap());
    assert_eq!(audit.holds(&acme()).await.unwrap().len(), 32);
}

#[tokio::test]
async fn who_writes_to_the_store_lifts_no_hold() {
    let edits = [
        "DELETE FROM record WHERE collection = 'audit.state'",
        "UPDATE record SET data = CAST('{\"v\":1}' AS BLOB) WHERE collection = 'audit.state'",
        "UPDATE record SET data = CAST(replace(CAST(data AS TEXT), 'case-14', 'case-15') AS BLOB) WHERE collection = 'audit.state'",
        "UPDATE record SET owner = 'other' WHERE collection = 'audit.state'",
    ];
    for sql in edits {
        let world = ten_days().await;
        world.audit.hold(&acme(), &case("case-14")).await.unwrap();
        assert_eq!(world.edit(sql), 1, "{sql}");
        let verified = world.audit.verify(&acme(), |_| ()).await.map(|_| ());
        let erased = world.audit.erase(&acme(), &Rule::all()).await.map(|_| ());
        let lifted = world.audit.lift(&acme(), &case("case-14")).await;
        for outcome in [verified, erased, lifted.map(|_| ())] {
            assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Corrupt, "{sql}");
        }
        assert_eq!(left(&world.audit).await.0, 20);
    }
    // One that was put back from before a hold: it is not the one that the head has.
    let world = ten_days().await;
    world.audit.hold(&acme(), &case("case-9")).await.unwrap();
    let conn = Connection::open(world.folder.path().join("data.db")).unwrap();
    let of_state = "WHERE collection = 'audit.state' AND owner = 'acme'";
    let select = format!("SELECT data FROM record {of_state}");
    let older: Vec<u8> = conn.query_row(&select, [], |row| row.get(0)).unwrap();
    world.audit.hold(&acme(), &case("case-14")).await.unwrap();
    let update = format!("UPDATE record SET data = ?1 {of_state}");
    conn.execute(&update, [older]).unwrap();
    let refused = world.audit.holds(&acme()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt);
}

/// The logs over a store that is watched.
pub(crate) async fn watched(world: &World) -> (Arc<Watched>, Audit) {
    let store = Watched::over(store(&world.folder));
    let builder = Audit::builder(world.keyring.clone(), store.clone());
    (store, builder.build().await.unwrap())
}

#[tokio::test]
async fn a_hold_between_the_check_and_the_erasure_wins() {
    let world = ten_days().await;
    let (store, audit) = watched(&world).await;
    let other = world.again().await;
    store.before_erase(move || {
        Box::pin(async move {
            other.hold(&acme(), &case("case-14")).await.unwrap();
        })
    });
    let refused = audit.erase(&acme(), &Rule::all()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable, "{refused}");
    let (texts, says) = left(&audit).await;
    assert_eq!((texts, says), (20, vec![ERASE.into(), HOLD.into()]));
    // The hold says which erasure it stopped, and nothing goes on with it once it is lifted.
    let kept = audit.entries(&acme(), 21, 1).await.unwrap().entries;
    let text = kept[0].entry().unwrap().unwrap().text().unwrap();
    assert!(text.contains(r#"["stops",{"number":20}]"#), "{text}");
    audit.lift(&acme(), &case("case-14")).await.unwrap();
    let erased = audit.erase(&acme(), &Rule::all()).await.unwrap().unwrap();
    assert_eq!((erased.record, erased.count), (23, 20));
    world.verify(&acme()).await.unwrap();
}

/// Two batches' worth of entries, all of them on one day.
async fn many() -> World {
    let world = World::anchored().await;
    for page in 0..12 {
        let events = (0..100).map(|n| world.audit.append(event(&acme(), page * 100 + n)));
        for told in futures(events).await {
            told.unwrap();
        }
    }
    world
}

/// All of them, at the same time.
async fn futures<T>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    let mut told: Vec<Option<T>> = all.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (one, told) in all.iter_mut().zip(&mut told) {
            if told.is_none()
                && let std::task::Poll::Ready(done) = one.as_mut().poll(context)
            {
                *told = Some(done);
            }
        }
        match told.iter().all(Option::is_some) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    told.into_iter().flatten().collect()
}

#[tokio::test]
async fn what_went_until_a_hold_is_gone_from_the_files_too() {
    for by_hand in [true, false] {
        let world = many().await;
        let (store, audit) = watched(&world).await;
        let texts = world.audit.entries(&acme(), 0, 1024).await.unwrap().entries;
        assert_eq!(texts.len(), 1024);
        // A first batch goes, and the hold comes before the second.
        let (other, again) = (world.again().await, Arc::clone(&store));
        store.before_erase(move || {
            Box::pin(async move {
                again.before_erase(move || {
                    Box::pin(async move {
                        other.hold(&acme(), &case("case-14")).await.unwrap();
                    })
                });
            })
        });
        if by_hand {
            let refused = audit.erase(&acme(), &Rule::all()).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Unavailable, "{refused}");
        } else {
            let at = NOON + (u64::from(DEFAULT_DAYS) + 2) * DAY;
            world.clock.set(Timestamp::from_millis(at));
            world.keyring.refresh().await.unwrap();
            let told = audit.retain(10_000).await.unwrap();
            assert_eq!((told.erased.len(), told.failed.len()), (0, 1), "{told:?}");
            if told.more {
                let told = audit.retain(10_000).await.unwrap();
                assert!(!told.more, "{told:?}");
            }
        }
        let page = world.audit.entries(&acme(), 0, 4096).await.unwrap().entries;
        let gone = page.iter().filter(|kept| kept.body.is_none()).count();
        assert_eq!(gone, 1024);
        // Each salt is looked for in all bytes: some of them.
        let texts: Vec<_> = texts.into_iter().step_by(93).collect();
        nothing_left(&world, &texts, 1024);
        world.verify(&acme()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_hold_found_stays_however_many_erase() {
    for round in 0..6_u32 {
        let world = ten_days().await;
        let audits = [
            world.audit.clone(),
            world.again().await,
            world.elsewhere().await,
        ];
        let mut tasks = tokio::task::JoinSet::new();
        for nth in 0..12 {
            let audit = audits[nth % audits.len()].clone();
            tasks.spawn(async move {
                let _raced = audit.erase(&acme(), &Rule::all()).await;
            });
        }
        let holder = audits[2].clone();
        let found = tokio::spawn(async move {
            for _ in 0..round * 3 {
                tokio::task::yield_now().await;
            }
            holder.hold(&acme(), &case("case-14")).await.unwrap();
            left(&holder).await.0
        });
        tasks.join_all().await;
        let found = found.await.unwrap();
        for audit in &audits {
            audit.erase(&acme(), &Rule::all()).await.unwrap_err();
        }
        let (texts, says) = left(&world.audit).await;
        assert_eq!(texts, found, "round {round}");
        let records = says.iter().filter(|said| *said == ERASE).count();
        assert!(records <= 1, "{says:?}");
        world.verify(&acme()).await.unwrap();
    }
}
