//! Anomalies are told: to each sink once, by each process, and what was left when one was started
//! anew.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use keyward_audit::alert::{
    AlertRule, Alerts, Anomaly, AnomalySink, Kind, LOOK_BACK, MAX_TRIES, MAX_WAITING, Per, Teller,
};
use keyward_audit::{Given, Kinds, Of, Type};
use keyward_base::audit::Outcome;
use keyward_base::{Actor, BoxFuture, Error, ErrorKind, Event, Result, Subject, Timestamp};

use crate::world::{NOON, World};

/// Keeps the ids of what it was told, unless it is down, or it is told of one that it never takes.
#[derive(Debug, Default)]
struct Told {
    never: Option<&'static str>,
    ids: Mutex<Vec<String>>,
    down: AtomicBool,
}

impl Told {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.ids.lock().unwrap())
    }
}

impl AnomalySink for Told {
    fn tell<'a>(&'a self, anomaly: &'a Anomaly) -> BoxFuture<'a, Result<()>> {
        Box::pin(async {
            if self.down.load(Ordering::SeqCst) {
                return Err(Error::unavailable("the pager is down"));
            }
            if self.never == Some(anomaly.key.as_str()) {
                return Err(Error::misuse("the pager takes no such name"));
            }
            self.ids.lock().unwrap().push(anomaly.id());
            Ok(())
        })
    }
}

const OPENED: AlertRule = AlertRule {
    kind: Kind::Opened,
    count: 2,
    seconds: 60,
    per: Per::Actor,
};

fn alerts(rules: &[AlertRule], sinks: &[&Arc<Told>]) -> Alerts {
    let all = Alerts::new(rules).unwrap();
    sinks.iter().fold(all, |all, sink| {
        let sink: Arc<dyn AnomalySink> = Arc::<Told>::clone(sink);
        all.to(sink)
    })
}

/// Somebody opens a credential, so many milliseconds after noon.
async fn opens(world: &World, who: &str, at: u64) {
    world.clock.set(Timestamp::from_millis(NOON + at));
    world.keyring.refresh().await.unwrap();
    world.audit.append(opening(who, at)).await.unwrap();
}

fn opening(who: &str, at: u64) -> Event {
    let at = Timestamp::from_millis(NOON + at);
    let mut event = Event::new(at, "vault.open", Outcome::Granted);
    event.tenant = Some(keyward_base::Tenant::new("acme").unwrap());
    event.actor = Some(Actor::new(Subject::new(who).unwrap()));
    event
}

fn id(who: &str, minute: u64) -> String {
    format!("opened/2/60/actor/{}/{who}", NOON + minute * 60_000)
}

#[tokio::test]
async fn a_sink_that_is_down_has_each_anomaly_once_when_it_is_up_again() {
    let world = World::new().await;
    let [first, second] = [(); 2].map(|()| Arc::<Told>::default());
    let alerts = alerts(&[OPENED], &[&first, &second]);
    let mut teller = Teller::new(world.audit.clone(), &alerts);
    first.down.store(true, Ordering::SeqCst);
    for who in ["a", "b"] {
        opens(&world, who, 1).await;
        opens(&world, who, 2).await;
        let failed = teller.look().await.unwrap_err();
        assert_eq!(failed.kind(), ErrorKind::Unavailable);
    }
    assert_eq!(second.take(), [id("a", 0), id("b", 0)]);
    first.down.store(false, Ordering::SeqCst);
    for _ in 0..2 {
        assert!(!teller.look().await.unwrap());
    }
    assert_eq!(first.take(), [id("a", 0), id("b", 0)]);
    assert!(second.take().is_empty() && teller.missed() == 0);
    // What waits is bounded: the oldest goes.
    first.down.store(true, Ordering::SeqCst);
    let more = 3;
    let mut all = tokio::task::JoinSet::new();
    for n in 0..(MAX_WAITING + more) * 2 {
        let (audit, event) = (world.audit.clone(), opening(&format!("u{}", n / 2), 3));
        all.spawn(async move { audit.append(event).await.unwrap() });
    }
    while all.join_next().await.is_some() {}
    while teller.look().await.is_ok_and(|more| more) || teller.missed() == 0 {}
    assert_eq!(teller.missed(), more as u64);
    first.down.store(false, Ordering::SeqCst);
    teller.look().await.unwrap();
    let told = first.take();
    assert_eq!(told.len(), MAX_WAITING);
    assert_eq!(second.take().len(), MAX_WAITING + more);
}

#[tokio::test]
async fn one_that_a_sink_never_takes_keeps_no_other_from_it() {
    let world = World::new().await;
    let picky = Arc::new(Told {
        never: Some("b"),
        ..Told::default()
    });
    let mut teller = Teller::new(world.audit.clone(), &alerts(&[OPENED], &[&picky]));
    for who in ["a", "b", "c", "d"] {
        opens(&world, who, 1).await;
        opens(&world, who, 2).await;
    }
    for look in 1..=MAX_TRIES {
        teller.look().await.unwrap_err();
        assert_eq!(picky.take().len(), usize::from(look == 1), "{look}");
    }
    // It is told of at each look, and what comes later is told.
    teller.look().await.unwrap_err();
    assert_eq!(picky.take(), [id("c", 0), id("d", 0)]);
    opens(&world, "e", 3).await;
    opens(&world, "e", 4).await;
    let mut looks = 0;
    while picky.take() != [id("e", 0)] {
        teller.look().await.unwrap_err();
        looks += 1;
        assert!(looks <= MAX_TRIES);
    }
    assert_eq!(teller.missed(), 0);
}

#[tokio::test]
async fn each_process_tells_under_the_same_ids_whatever_the_others_do() {
    let world = World::new().await;
    let told = [(); 3].map(|()| Arc::<Told>::default());
    let mut tellers = Vec::new();
    for told in &told {
        let audit = world.elsewhere().await;
        tellers.push(Teller::new(audit, &alerts(&[OPENED], &[told])));
    }
    // The third does not look until all is over, and one of them dies.
    opens(&world, "a", 1).await;
    tellers[0].look().await.unwrap();
    tellers[1].look().await.unwrap();
    opens(&world, "a", 2).await;
    tellers[0].look().await.unwrap();
    drop(tellers.remove(1));
    tellers[1].look().await.unwrap();
    let [first, second, third] = told.each_ref().map(|told| told.take());
    assert_eq!(first, [id("a", 0)]);
    assert_eq!(third, first);
    assert!(second.is_empty());
}

#[tokio::test]
async fn one_that_is_started_anew_sees_the_burst_that_goes_on_and_nothing_old() {
    let world = World::new().await;
    let told = Arc::<Told>::default();
    let daily = AlertRule {
        count: 7,
        seconds: 86_400,
        ..OPENED
    };
    let alerts = alerts(&[OPENED, daily], &[&told]);
    // Long ago; then one half of a burst, which nobody told of.
    let restart = LOOK_BACK + 10 * 60_000;
    for at in [0, 1, 60_000, restart, restart + 1] {
        opens(&world, "a", at).await;
    }
    opens(&world, "b", restart + 2).await;
    let mut teller = Teller::new(world.elsewhere().await, &alerts);
    teller.look().await.unwrap();
    let minute = restart / 60_000;
    assert_eq!(told.take(), [id("a", minute)]);
    opens(&world, "b", restart + 3).await;
    teller.look().await.unwrap();
    assert_eq!(told.take(), [id("b", minute)]);
    // The day's window has what came before.
    opens(&world, "a", restart + 60_000).await;
    opens(&world, "a", restart + 60_000).await;
    teller.look().await.unwrap();
    let told = told.take();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1].starts_with("opened/7/86400/actor/"), "{told:?}");
}

#[tokio::test]
async fn lock_outs_and_reuse_of_an_applications_own_kinds_are_told_at_once() {
    let world = World::new().await;
    let told = Arc::<Told>::default();
    let mut teller = Teller::new(
        world.audit.clone(),
        &alerts(&AlertRule::defaults(), &[&told]),
    );
    teller.look().await.unwrap();
    let kind = |action| keyward_audit::Kind::new(action).must("tries", Type::Number);
    let kinds = Kinds::new("shop").unwrap();
    let kinds = kinds.with(kind("shop.lock-out")).unwrap();
    let kinds = kinds.with(kind("shop.token.refresh-reuse")).unwrap();
    let kinds = kinds.with(kind("shop.lock-out-lifted")).unwrap();
    for action in [
        "shop.lock-out",
        "shop.token.refresh-reuse",
        "shop.lock-out-lifted",
    ] {
        let given = [("tries", Given::Number(10))];
        let event = kinds.event(action, Outcome::Done, &given).unwrap();
        let who = Actor::new(Subject::new("u-9").unwrap());
        let of = keyward_base::Tenant::new("acme").unwrap();
        world.audit.require_own(event.by(who).of(of)).await.unwrap();
    }
    teller.look().await.unwrap();
    let since = NOON - NOON % 60_000;
    assert_eq!(
        told.take(),
        [
            format!("lock-out/1/60/actor/{since}/u-9"),
            format!("refresh-reuse/1/60/actor/{since}/u-9")
        ]
    );
}

#[tokio::test]
async fn a_log_that_cannot_be_read_is_told_of_while_it_is_so_and_costs_itself_only() {
    let world = World::new().await;
    let told = Arc::<Told>::default();
    let mut teller = Teller::new(world.audit.clone(), &alerts(&[OPENED], &[&told]));
    opens(&world, "a", 1).await;
    let other = Of::Tenant(keyward_base::Tenant::new("other").unwrap());
    let event = crate::world::event(&other, 1);
    world.audit.append(event).await.unwrap();
    teller.look().await.unwrap();
    let gone = "DELETE FROM entry WHERE collection = 'audit' AND owner = 'other'";
    assert_eq!(world.edit(gone), 1);
    let failed = teller.look().await.unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Corrupt);
    assert!(failed.to_string().contains("tenant other"), "{failed}");
    opens(&world, "a", 2).await;
    let still = teller.look().await.unwrap_err();
    assert_eq!(still.kind(), ErrorKind::Corrupt);
    assert_eq!(told.take(), [id("a", 0)]);
}
