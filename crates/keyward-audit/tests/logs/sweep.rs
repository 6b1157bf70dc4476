//! Retention: what is due goes, in its order, once.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyward_audit::audit::{ERASE, KEEP, Retained, Rule, STOP};
use keyward_audit::keep::DEFAULT_DAYS;
use keyward_audit::{Audit, Class, HoldName, Keep, Of};
use keyward_base::{Error, ErrorKind, Timestamp};
use keyward_keys::{Advance, Anchor, FileAnchor, Pin, PinName};
use rusqlite::Connection;
use tokio::sync::Notify;

use crate::holds::{left, watched};
use crate::retention::{DAY, nothing_left, ten_days};
use crate::store::{Next, Watched};
use crate::world::{NOON, World, acme, store};

/// Ten days with two entries each, of which five are older than what is kept.
pub(crate) async fn due() -> World {
    let world = ten_days().await;
    let days = u64::from(DEFAULT_DAYS) + 5;
    world.clock.set(Timestamp::from_millis(NOON + days * DAY));
    world.keyring.refresh().await.unwrap();
    world
}

/// Until nothing is left to do, while others use the file too.
async fn retain_all(world: &World, audit: &Audit) -> u64 {
    let mut erased = 0;
    for _ in 0..100 {
        let told = audit.retain(10_000).await.unwrap();
        erased += u64::try_from(told.erased.len()).unwrap();
        if !told.more {
            return erased;
        }
        world.clock.advance(Duration::from_millis(1000));
        world.keyring.refresh().await.unwrap();
        tokio::task::yield_now().await;
    }
    panic!("it does not come to its end");
}

pub(crate) async fn retain(audit: &Audit) -> Retained {
    let told = audit.retain(10_000).await.unwrap();
    assert!(told.failed.is_empty(), "{told:?}");
    told
}

#[tokio::test]
async fn what_is_older_than_ninety_days_goes_once_a_day() {
    let world = due().await;
    let (store, audit) = watched(&world).await;
    let texts = audit.entries(&acme(), 0, 100).await.unwrap().entries;
    let told = retain(&audit).await;
    let [(of, erasure)] = told.erased.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!(
        (of, erasure.entries.clone(), erasure.count),
        (&acme(), 0..10, 10)
    );
    assert!(!told.more);
    nothing_left(&world, &texts, 10);
    // Again: nothing is read.
    let calls = store.calls.load(Ordering::Relaxed);
    assert!(retain(&audit).await.erased.is_empty());
    assert_eq!(store.calls.load(Ordering::Relaxed), calls);
    // After a start it is looked through once more, and the next day brings its own.
    assert!(retain(&world.again().await).await.erased.is_empty());
    world.clock.advance(Duration::from_millis(DAY));
    world.keyring.refresh().await.unwrap();
    let told = retain(&audit).await;
    assert_eq!(told.erased[0].1.entries, 10..12);
    assert_eq!(world.verify(&acme()).await.unwrap(), 22);
    let (texts, says) = left(&audit).await;
    assert_eq!((texts, says), (8, vec![ERASE.into(), ERASE.into()]));
}

#[tokio::test]
async fn a_tick_erases_what_is_due_and_leaves_what_is_held() {
    let world = due().await;
    let texts = world.audit.entries(&acme(), 0, 100).await.unwrap().entries;
    let name = HoldName::new("case-7").unwrap();
    world.audit.hold(&acme(), &name).await.unwrap();
    world.audit.tick().await.unwrap();
    assert_eq!(left(&world.audit).await.0, 20);
    world.audit.lift(&acme(), &name).await.unwrap();
    // What is due is looked for once a day, and after a start.
    world.again().await.tick().await.unwrap();
    nothing_left(&world, &texts, 10);
}

#[tokio::test]
async fn what_is_set_of_a_log_stands_before_what_is_set_of_all() {
    let world = due().await;
    let audit = &world.audit;
    let std = || Class::new("std").unwrap();
    assert!(audit.keep(&Of::Service, &[Keep::days(92)]).await.unwrap());
    assert!(!audit.keep(&Of::Service, &[Keep::days(92)]).await.unwrap());
    assert_eq!(retain(audit).await.erased[0].1.entries, 0..6);
    // For good, by a rule about the class; a change is gone by without waiting for the next day.
    let good = [Keep::class(std(), None), Keep::days(1)];
    assert!(audit.keep(&acme(), &good).await.unwrap());
    assert_eq!(audit.keeps(&acme()).await.unwrap(), good);
    assert!(retain(audit).await.erased.is_empty());
    assert!(audit.keep(&acme(), &[Keep::days(90)]).await.unwrap());
    let erased = retain(audit).await.erased;
    assert_eq!((erased[0].1.entries.clone(), erased[0].1.count), (6..10, 4));
    // What is set is on record, in the log that it is about.
    assert_eq!(left(audit).await.1, [ERASE, KEEP, KEEP, ERASE]);
    for bad in [Keep::days(0), Keep::days(36_501)] {
        let refused = audit.keep(&acme(), &[bad]).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Misuse);
    }
    let own = Keep::class(Class::new("audit").unwrap(), Some(5));
    assert!(audit.keep(&acme(), &[own]).await.is_err());
    assert!(
        audit
            .keep(&acme(), &[Keep::days(5), Keep::days(6)])
            .await
            .is_err()
    );
}

#[test]
fn a_rule_for_the_rest_leaves_out_what_others_are_about() {
    let class = |name| Class::new(name).unwrap();
    let now = Timestamp::from_millis(1000 * DAY);
    let of_all = [
        Keep::class(class("billing"), Some(400)),
        Keep::class(class("debug"), Some(7)),
        Keep::days(30),
    ];
    let own = [Keep::class(class("debug"), None)];
    let rules = Keep::rules(&own, &of_all, now);
    let shown = rules.iter().map(|rule| {
        let class = rule.class.as_ref().map(Class::as_str);
        let except = rule.except.iter().map(Class::as_str).collect::<Vec<_>>();
        (class, except, rule.before)
    });
    let shown: Vec<_> = shown.collect();
    let wanted = [
        (Some("billing"), vec![], 600),
        (None, vec!["debug", "billing"], 970),
    ];
    assert_eq!(shown, wanted);
    // A log's own rule for all stands before one for all logs about a class.
    let rules = Keep::rules(&[Keep::days(10)], &of_all, now);
    assert_eq!((rules.len(), rules[0].before), (1, 990));
    assert!(rules[0].except.is_empty());
    let rules = Keep::rules(&[], &[], now);
    assert_eq!((rules.len(), rules[0].before), (1, 1000 - DEFAULT_DAYS));
}

/// One that says when it was asked to remember, and may refuse.
#[derive(Debug)]
struct Told {
    order: Arc<Mutex<Vec<&'static str>>>,
    refuses: bool,
    inner: FileAnchor,
}

impl Anchor for Told {
    fn load(&self, name: &PinName) -> keyward_base::Result<Option<Pin>> {
        self.inner.load(name)
    }

    fn advance(&self, name: &PinName, next: &Pin) -> keyward_base::Result<Advance> {
        if self.refuses {
            return Err(Error::unavailable("no anchor can be written"));
        }
        self.order.lock().unwrap().push("pin");
        self.inner.advance(name, next)
    }

    fn replace(
        &self,
        name: &PinName,
        held: Option<&Pin>,
        next: &Pin,
    ) -> keyward_base::Result<bool> {
        self.inner.replace(name, held, next)
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

#[tokio::test]
async fn the_root_log_is_signed_only_where_the_anchors_have_it() {
    let world = ten_days().await;
    world.audit.round(|_| ()).await.unwrap();
    world
        .audit
        .append(crate::world::event(&acme(), 20))
        .await
        .unwrap();
    let anchor = Arc::new(Told {
        order: Arc::default(),
        refuses: true,
        inner: FileAnchor::new(world.folder.path().join("anchor")),
    });
    let builder = Audit::builder(world.keyring.clone(), store(&world.folder));
    let audit = builder.anchor(anchor).build().await.unwrap();
    for of in [acme(), Of::Root, Of::Root] {
        let refused = audit.checkpoint(&of).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unavailable, "{of}");
    }
    world.again().await.checkpoint(&Of::Root).await.unwrap();
}

#[tokio::test]
async fn the_record_then_the_checkpoint_then_the_texts_then_the_files() {
    for refuses in [false, true] {
        let world = due().await;
        let store = Watched::over(store(&world.folder));
        let order = Arc::clone(&store.order);
        let inner = FileAnchor::new(world.folder.path().join("anchor"));
        let anchor = Arc::new(Told {
            order: Arc::clone(&order),
            refuses,
            inner,
        });
        let builder = Audit::builder(world.keyring.clone(), store.clone());
        let audit = builder.anchor(anchor).build().await.unwrap();
        let told = audit.retain(10_000).await.unwrap();
        let order = order.lock().unwrap().clone();
        if refuses {
            // Nothing goes that no anchor knows the record of.
            assert_eq!((told.erased.len(), told.failed.len()), (0, 1));
            assert!(told.more && !order.contains(&"erase"), "{order:?}");
            assert_eq!(left(&audit).await.0, 20);
        } else {
            // The second is that of the root log, which the anchor has.
            assert_eq!(order, ["append", "append", "pin", "erase", "files"]);
        }
    }
}

#[tokio::test]
async fn what_was_cut_short_goes_on_under_its_record() {
    for before in [true, false] {
        let world = due().await;
        let (store, audit) = watched(&world).await;
        let (stuck, cut) = (Arc::new(Notify::new()), Arc::clone(&store));
        let tell = Arc::clone(&stuck);
        store.before_erase(move || {
            Box::pin(async move {
                if before {
                    tell.notify_one();
                    std::future::pending::<()>().await;
                }
                cut.next(Next::DoneFails);
            })
        });
        // Nobody is there any more, before the batch that erases or after it.
        let cut_short = async {
            let told = audit.retain(10_000).await.unwrap();
            assert!(told.erased.is_empty() && told.failed.len() == 1, "{told:?}");
        };
        tokio::select! {
            () = cut_short => assert!(!before),
            () = stuck.notified() => assert_eq!(left(&audit).await.0, 20),
        }
        let other = world.again().await;
        let told = retain(&other).await;
        assert_eq!(told.erased.len(), 1, "{told:?}");
        let erasure = &told.erased[0].1;
        let entries = erasure.entries.clone();
        assert_eq!((erasure.record, erasure.count, entries), (20, 10, 0..10));
        assert_eq!(left(&other).await, (10, vec![ERASE.into()]));
        assert_eq!(world.verify(&acme()).await.unwrap(), 21);
    }
}

#[tokio::test]
async fn who_asks_again_finishes_what_was_cut_short_and_is_told_of_both() {
    let world = ten_days().await;
    let (store, audit) = watched(&world).await;
    let texts = audit.entries(&acme(), 0, 100).await.unwrap().entries;
    let stuck = Arc::new(Notify::new());
    let tell = Arc::clone(&stuck);
    store.before_erase(move || {
        Box::pin(async move {
            tell.notify_one();
            std::future::pending::<()>().await;
        })
    });
    // Killed after it was recorded, before anything went.
    let (of, rule) = (acme(), Rule::all());
    tokio::select! {
        erased = audit.erase(&of, &rule) => panic!("{erased:?}"),
        () = stuck.notified() => {}
    }
    drop(audit);
    assert_eq!(left(&world.audit).await, (20, vec![ERASE.into()]));
    // What came since, and is asked for by the same rule.
    for n in 20..23 {
        let event = crate::world::event(&acme(), n);
        world.audit.append(event).await.unwrap();
    }
    let other = world.again().await;
    let erased = other.erase(&acme(), &Rule::all()).await.unwrap().unwrap();
    let [before] = erased.before.as_slice() else {
        panic!("{erased:?}");
    };
    let told = |one: &keyward_audit::audit::Erasure| (one.record, one.entries.clone(), one.count);
    assert_eq!(told(before), (20, 0..20, 20));
    assert_eq!(told(&erased), (24, 21..24, 3));
    assert_eq!(before.rule, erased.rule);
    let said = vec![ERASE.to_owned(); 2];
    assert_eq!(left(&other).await, (0, said));
    nothing_left(&world, &texts, 20);
    assert_eq!(world.verify(&acme()).await.unwrap(), 25);
    assert_eq!(other.erase(&acme(), &Rule::all()).await.unwrap(), None);
    // Where nothing came since, the first record is all there is.
    let world = ten_days().await;
    let (store, audit) = watched(&world).await;
    store.before_erase({
        let cut = Arc::clone(&store);
        move || Box::pin(async move { cut.next(Next::DoneFails) })
    });
    audit.erase(&acme(), &Rule::all()).await.unwrap_err();
    let erased = world.again().await.erase(&acme(), &Rule::all()).await;
    let erased = erased.unwrap().unwrap();
    assert_eq!((told(&erased), erased.before.len()), ((20, 0..20, 20), 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_several_erase_at_once_is_recorded_once() {
    let world = Arc::new(due().await);
    let audits = [
        world.audit.clone(),
        world.again().await,
        world.again().await,
    ];
    let mut tasks = tokio::task::JoinSet::new();
    for audit in audits {
        let world = Arc::clone(&world);
        tasks.spawn(async move { retain_all(&world, &audit).await });
    }
    let told: u64 = tasks.join_all().await.into_iter().sum();
    assert_eq!(told, 1);
    assert_eq!(left(&world.audit).await, (10, vec![ERASE.into()]));
    assert_eq!(world.verify(&acme()).await.unwrap(), 21);
}

#[tokio::test]
async fn an_erasure_by_a_rule_that_was_changed_goes_no_further() {
    for of in [acme(), Of::Service] {
        let world = due().await;
        let (store, audit) = watched(&world).await;
        let other = world.again().await;
        store.before_erase(move || {
            Box::pin(async move {
                other.keep(&of, &[Keep::days(365)]).await.unwrap();
            })
        });
        assert_eq!(retain_all(&world, &audit).await, 0);
        let (texts, says) = left(&audit).await;
        assert_eq!(texts, 20);
        assert!(says[1] == KEEP || says[1] == STOP, "{says:?}");
        world.verify(&acme()).await.unwrap();
    }
}

#[tokio::test]
async fn a_log_that_is_held_or_damaged_costs_itself_only() {
    let world = due().await;
    let audit = &world.audit;
    let mut noted = crate::world::event(&Of::Service, 0);
    noted.at = Timestamp::from_millis(NOON + 95 * DAY);
    audit.append(noted).await.unwrap();
    audit.round(|_| ()).await.unwrap();
    let other = Of::Tenant(keyward_base::Tenant::new("other").unwrap());
    let mut event = crate::world::event(&other, 0);
    event.at = Timestamp::from_millis(NOON);
    audit.append(event).await.unwrap();
    audit
        .hold(&acme(), &HoldName::new("case-14").unwrap())
        .await
        .unwrap();
    let told = retain(audit).await;
    assert_eq!(told.held, [acme()]);
    assert_eq!(told.erased[0].0, other);
    // It is due as soon as the hold is lifted.
    audit
        .lift(&acme(), &HoldName::new("case-14").unwrap())
        .await
        .unwrap();
    world.edit("DELETE FROM record WHERE collection = 'audit.head' AND owner = 'other'");
    world.edit("UPDATE entry SET bytes = x'00' WHERE owner = 'acme' AND seq = 3");
    let told = audit.retain(10_000).await.unwrap();
    assert_eq!(told.failed[0].0, acme());
    assert!(told.erased.is_empty() && !told.more);
}

/// The rows of one owner, as they are now, put back when that is called.
pub(crate) fn rows_of(world: &World, owner: &str) -> impl Fn(bool) + use<> {
    let folder = world.folder.path();
    let (data, copy) = (folder.join("data.db"), folder.join("copy.db"));
    let conn = Connection::open(data).unwrap();
    conn.execute("VACUUM INTO ?1", [copy.to_str().unwrap()])
        .unwrap();
    let of_log = format!("owner = '{owner}' AND id = 'log'");
    move |back| {
        for table in ["entry", "record"] {
            conn.execute(&format!("DELETE FROM {table} WHERE {of_log}"), [])
                .unwrap();
        }
        if back {
            let all = format!(
                "ATTACH '{}' AS old;
                 INSERT INTO entry SELECT * FROM old.entry WHERE {of_log};
                 INSERT INTO record SELECT * FROM old.record WHERE {of_log};
                 DETACH old;",
                copy.display()
            );
            conn.execute_batch(&all).unwrap();
        }
    }
}

pub(crate) async fn nothing_goes(audit: &Audit) {
    let refused = match audit.retain(10_000).await {
        Err(refused) => refused,
        Ok(mut told) => told.failed.pop().expect("nothing failed").1,
    };
    assert_eq!(refused.kind(), ErrorKind::Corrupt, "{refused}");
    assert_eq!(left(audit).await.0, 20);
}

#[tokio::test]
async fn who_puts_back_or_drops_the_services_log_shortens_no_retention() {
    let world = due().await;
    let service = crate::world::event(&Of::Service, 0);
    world.audit.append(service.clone()).await.unwrap();
    world.audit.round(|_| ()).await.unwrap();
    let put = rows_of(&world, "");
    world
        .audit
        .keep(
            &Of::Service,
            &[Keep::class(Class::new("std").unwrap(), None)],
        )
        .await
        .unwrap();
    assert!(retain(&world.again().await).await.erased.is_empty());
    put(true);
    nothing_goes(&world.again().await).await;
    put(false);
    nothing_goes(&world.again().await).await;
    // Another one in its place, and that one noted.
    let audit = world.again().await;
    audit.append(service).await.unwrap();
    nothing_goes(&audit).await;
    audit.round(|_| ()).await.unwrap();
    nothing_goes(&world.again().await).await;
    let asked = audit.erase(&acme(), &Rule::all()).await.unwrap_err();
    assert_eq!(asked.kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn a_hold_is_not_lifted_by_older_rows_once_it_was_set() {
    let world = due().await;
    let put = rows_of(&world, "acme");
    let case = HoldName::new("case-14").unwrap();
    world.audit.hold(&acme(), &case).await.unwrap();
    put(true);
    nothing_goes(&world.again().await).await;
    // Nor what was set of one log.
    let world = due().await;
    let put = rows_of(&world, "acme");
    world.audit.keep(&acme(), &[Keep::days(400)]).await.unwrap();
    put(true);
    nothing_goes(&world.again().await).await;
}

#[tokio::test]
async fn rules_about_two_classes_are_set_at_once() {
    let world = due().await;
    let class = |name| Class::new(name).unwrap();
    let (one, other) = (world.audit.clone(), world.again().await);
    let (a, b, of) = (class("billing"), class("debug"), acme());
    let (first, second) = tokio::join!(
        one.keep_class(&of, Some(&a), Some(None)),
        other.keep_class(&of, Some(&b), Some(Some(7))),
    );
    assert!(first.unwrap() && second.unwrap());
    let mut kept = one.keeps(&acme()).await.unwrap();
    kept.sort_by(|a, b| a.class.cmp(&b.class));
    let wanted = [
        Keep::class(a.clone(), None),
        Keep::class(b.clone(), Some(7)),
    ];
    assert_eq!(kept, wanted);
    for (class, days) in [(&a, None), (&b, Some(7))] {
        assert!(!one.keep_class(&of, Some(class), Some(days)).await.unwrap());
    }
    assert!(one.keep_class(&of, Some(&a), None).await.unwrap());
    let zero = one.keep_class(&of, None, Some(Some(0))).await.unwrap_err();
    assert_eq!(zero.kind(), ErrorKind::Misuse);
    assert_eq!(one.keeps(&acme()).await.unwrap(), wanted[1..]);
}

#[tokio::test]
async fn an_erasure_that_a_lifted_hold_stopped_begins_anew() {
    let world = due().await;
    let (store, audit) = watched(&world).await;
    let other = world.again().await;
    store.before_erase(move || {
        Box::pin(async move {
            let case = HoldName::new("case-14").unwrap();
            other.hold(&acme(), &case).await.unwrap();
            other.lift(&acme(), &case).await.unwrap();
        })
    });
    let erased = audit.erase(&acme(), &Rule::all()).await.unwrap();
    assert_eq!(erased.unwrap().count, 20);
    assert_eq!(left(&audit).await.0, 0);
    world.verify(&acme()).await.unwrap();
}

#[tokio::test]
async fn a_clock_that_leapt_erases_nothing_until_it_is_believed() {
    // Where the service has a log, all processes and starts remember; else this process does.
    for has_log in [true, false] {
        let world = ten_days().await;
        if has_log {
            let service = crate::world::event(&Of::Service, 0);
            world.audit.append(service).await.unwrap();
        }
        let audit = if has_log {
            world.again().await
        } else {
            world.audit.clone()
        };
        let tick = async |millis: u64| {
            world.clock.set(Timestamp::from_millis(millis));
            world.keyring.refresh().await.unwrap();
            let told = audit.retain(10_000).await.unwrap();
            assert!(told.failed.is_empty(), "{told:?}");
            (told.leapt.is_some(), told.erased.len())
        };
        let hour = DAY / 24;
        assert_eq!(tick(NOON + 10 * DAY).await, (false, 0));
        let wrong = NOON + 300 * DAY;
        for minute in 0..3 {
            assert_eq!(tick(wrong + minute * 60_000).await, (true, 0), "{minute}");
        }
        // Set right, and wrong again: it begins to wait anew.
        for n in 0..23 {
            assert_eq!(tick(wrong + n * hour).await, (true, 0), "{n}");
        }
        assert_eq!(tick(NOON + 11 * DAY).await, (false, 0));
        // Another leap is no waiting, and one back neither.
        assert_eq!(tick(wrong).await, (true, 0));
        assert_eq!(tick(wrong + 90 * DAY).await, (true, 0));
        assert_eq!(tick(wrong + 50 * DAY).await, (true, 0));
        if has_log {
            // Nor for another process, or one that is started anew.
            let other = world.again().await.retain(10_000).await.unwrap();
            assert!(other.leapt.is_some() && other.erased.is_empty());
        }
        assert_eq!(left(&audit).await.0, 20);
        // A service that was off for weeks waits a day.
        let back = wrong + 50 * DAY;
        for n in 1..24 {
            assert_eq!(tick(back + n * hour).await, (true, 0), "{n}");
        }
        let logs = 1 + usize::from(has_log);
        assert_eq!(tick(back + 24 * hour).await, (false, logs));
        assert_eq!(left(&audit).await.0, 0);
    }
}

#[tokio::test]
async fn a_clock_is_right_if_somebody_says_so() {
    let world = ten_days().await;
    let audit = &world.audit;
    audit
        .append(crate::world::event(&Of::Service, 0))
        .await
        .unwrap();
    assert!(retain(audit).await.erased.is_empty());
    world.clock.set(Timestamp::from_millis(NOON + 300 * DAY));
    world.keyring.refresh().await.unwrap();
    assert!(retain(audit).await.leapt.is_some());
    keyward_audit::danger::believe_clock(audit).await.unwrap();
    let told = retain(audit).await;
    assert!(told.leapt.is_none() && told.erased.iter().any(|(of, _)| *of == acme()));
    assert_eq!(left(audit).await.0, 0);
}
