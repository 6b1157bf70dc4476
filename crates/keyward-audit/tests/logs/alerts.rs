//! Rules for alerts: what is counted, once for each window, before and after a restart.

use std::collections::BTreeMap;

use keyward_audit::alert::{AlertRule, Follower, Kind, MAX_LEN, MAX_WINDOWS, Per, Watch};
use keyward_audit::{Entry, Of};
use keyward_base::audit::{Detail, Outcome, Value};
use keyward_base::{Actor, Event, RecordId, Subject, Tenant, Timestamp};
use proptest::prelude::*;

use crate::world::{NOON, World, acme, event};

fn opened(of: &Of, who: &str, at: u64) -> Event {
    let at = Timestamp::from_millis(NOON + at);
    let mut event = Event::new(at, "vault.open", Outcome::Granted);
    if let Of::Tenant(tenant) = of {
        event.tenant = Some(tenant.clone());
    }
    event.actor = Some(Actor::new(Subject::new(who).unwrap()).staff());
    event
}

fn entry(event: &Event) -> Entry {
    Entry::of(event, event.at)
}

const fn rule(kind: Kind, count: u64, seconds: u64, per: Per) -> AlertRule {
    AlertRule {
        kind,
        count,
        seconds,
        per,
    }
}

#[test]
fn rules_are_data() {
    let rules = AlertRule::parse(
        br#"{"keyward-alert-rules":1,"rules":[
            {"kind":"failed-verification","count":100,"seconds":60,"per":"endpoint"},
            {"kind":"refresh-reuse","count":1,"seconds":60,"per":"actor"}]}"#,
    )
    .unwrap();
    let wanted = [
        rule(Kind::FailedVerification, 100, 60, Per::Endpoint),
        rule(Kind::RefreshReuse, 1, 60, Per::Actor),
    ];
    assert_eq!(rules, wanted);
    let one = |rule: &str| format!("{{\"keyward-alert-rules\":1,\"rules\":[{rule}]}}");
    let good = r#"{"kind":"staff","count":1,"seconds":60,"per":"all"}"#;
    AlertRule::parse(one(good).as_bytes()).unwrap();
    for bad in [
        one(""),
        one(&good.replace("staff", "other")),
        one(&good.replace("\"count\":1", "\"count\":0")),
        one(&good.replace("60", "86401")),
        one(&good.replace("\"per\"", "\"for\"")),
        one(&[good; 33].join(",")),
        one(good).replace(":1,", ":2,"),
        one(r#"["staff",1,60,"all"]"#),
        format!("[1,[{good}]]"),
        " ".repeat(MAX_LEN + 1),
        String::new(),
    ] {
        let refused = AlertRule::parse(bad.as_bytes()).unwrap_err();
        assert_eq!(refused.kind(), keyward_base::ErrorKind::Misuse, "{bad}");
    }
}

#[test]
fn what_strangers_could_not_prove_is_counted_by_its_sums() {
    let mut watch = Watch::new(&[rule(Kind::FailedVerification, 10, 60, Per::Endpoint)]).unwrap();
    let mut event = Event::new(
        Timestamp::from_millis(NOON),
        "webhook.refuse",
        Outcome::Done,
    );
    event.tenant = Some(Tenant::new("acme").unwrap());
    event.record = Some(RecordId::new("github").unwrap());
    event.detail = Detail::none()
        .with("not-authentic", Value::Number(7))
        .with("too-old", Value::Number(2));
    assert!(watch.see(&acme(), 0, &entry(&event)).is_empty());
    event.record = Some(RecordId::new("stripe").unwrap());
    assert!(watch.see(&acme(), 1, &entry(&event)).is_empty());
    event.record = Some(RecordId::new("github").unwrap());
    let told = watch.see(&acme(), 2, &entry(&event));
    assert_eq!((told[0].key.as_str(), told[0].seq), ("acme/github", 2));
    assert!(watch.see(&acme(), 3, &entry(&event)).is_empty());
}

#[test]
fn a_flood_of_actors_takes_bounded_memory_and_no_other_rules_windows() {
    let rules = [
        rule(Kind::Opened, 2, 60, Per::Actor),
        rule(Kind::Staff, 20_000, 60, Per::All),
    ];
    let mut watch = Watch::new(&rules).unwrap();
    let mut told = Vec::new();
    for n in 0..20_000_u64 {
        let event = opened(&acme(), &format!("user:{n}"), n / 10);
        told.extend(watch.see(&acme(), n, &entry(&event)));
    }
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].rule, rules[1]);
    assert_eq!(
        watch.dropped(),
        20_000 - u64::try_from(MAX_WINDOWS).unwrap()
    );
}

#[test]
fn windows_that_are_over_are_given_up_in_silence() {
    let mut watch = Watch::new(&[rule(Kind::Opened, 2, 1, Per::Actor)]).unwrap();
    let most = u64::try_from(MAX_WINDOWS).unwrap();
    for n in 0..most + 500 {
        let event = opened(&acme(), "user:1", n * 60_000);
        watch.see(&acme(), n, &entry(&event));
    }
    assert_eq!(watch.dropped(), 0);
    // Of many at once, those that a log may still be read for are missed.
    for n in 0..most + 500 {
        let event = opened(&acme(), &format!("user:{n}"), (most + 600) * 60_000);
        watch.see(&acme(), n, &entry(&event));
    }
    assert_eq!(watch.dropped(), 500);
}

#[test]
fn one_entry_far_ahead_makes_no_window_of_all_that_follow() {
    let mut watch = Watch::new(&[rule(Kind::Opened, 2, 60, Per::All)]).unwrap();
    let year = 365 * 24 * 60 * 60 * 1000;
    let mut see = |seq: u64, at: u64, behind: Option<u64>| {
        let mut entry = entry(&opened(&acme(), "user:1", at));
        entry.behind = behind.map(keyward_audit::entry::Number);
        let told = watch.see(&acme(), seq, &entry);
        told.first().map(|of| of.since - NOON)
    };
    assert_eq!(see(0, year, None), None);
    // Two a minute, for three minutes.
    for (n, wanted) in (0..6_u64).zip([None, Some(0), None, Some(60_000), None, Some(120_000)]) {
        let at = n * 30_000;
        assert_eq!(see(n + 1, at, Some(year - at)), wanted, "{n}");
    }
    // What is a little behind is of the minute that its log was in.
    assert_eq!(see(7, 180_000, Some(59_000)), None);
    assert_eq!(see(8, 239_000, None), Some(180_000));
    assert_eq!(see(9, 239_000, Some(2_000)), None);
    assert_eq!(see(10, 240_000, None), Some(240_000));
}

proptest! {
    /// As many as there are windows with enough in them, once for each, whatever the order.
    #[test]
    fn each_window_with_enough_is_told_once(
        events in proptest::collection::vec((0_u64..400_000, 0_u8..4), 0..120),
        count in 1_u64..6,
        seconds in 1_u64..90,
    ) {
        let rule = rule(Kind::Opened, count, seconds, Per::Actor);
        let mut watch = Watch::new(&[rule]).unwrap();
        let mut told = Vec::new();
        let mut wanted: BTreeMap<(u64, String), u64> = BTreeMap::new();
        for ((at, who), seq) in events.iter().zip(0..) {
            let who = format!("user:{who}");
            let event = opened(&acme(), &who, *at);
            told.extend(watch.see(&acme(), seq, &entry(&event)));
            let at = event.at.as_millis();
            *wanted.entry((at - at % (seconds * 1000), who)).or_default() += 1;
        }
        wanted.retain(|_, held| *held >= count);
        let mut told: Vec<_> = told.into_iter().map(|of| (of.since, of.key)).collect();
        told.sort();
        prop_assert_eq!(told, wanted.into_keys().collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_restart_counts_on_behind_an_entry_that_was_far_ahead() {
    let rules = [rule(Kind::Opened, 3, 60, Per::Actor)];
    let world = World::new().await;
    let mut follower = Follower::new(world.audit.clone(), &rules).await.unwrap();
    for at in [0, 1, 400 * 24 * 60 * 60 * 1000] {
        let event = opened(&acme(), "user:1", at);
        world.audit.append(event).await.unwrap();
    }
    assert!(follower.look().await.unwrap().anomalies.is_empty());
    let kept = follower.position();
    let mut follower = Follower::at(world.audit.clone(), &rules, &kept)
        .await
        .unwrap();
    let event = opened(&acme(), "user:1", 2);
    world.audit.append(event).await.unwrap();
    let told = follower.look().await.unwrap().anomalies;
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].since, told[0].seq), (NOON - NOON % 60_000, 3));
}

/// Of two processes, one whose clock is an hour behind.
#[tokio::test]
async fn one_whose_clock_is_behind_hides_nothing_from_who_starts() {
    let rules = [rule(Kind::Opened, 6, 60, Per::Actor)];
    for is_ahead in [false, true] {
        let world = World::new().await;
        let hour = 60 * 60 * 1000;
        let begun = NOON - NOON % 60_000;
        let mut follower = Follower::new(world.audit.clone(), &rules).await.unwrap();
        if is_ahead {
            // And all that is in a log of one that was a year ahead.
            let event = opened(&acme(), "user:3", 365 * 24 * hour);
            world.audit.append(event).await.unwrap();
        }
        for n in 0..5 {
            let right = opened(&acme(), "user:1", n * 1_000);
            world.audit.append(right).await.unwrap();
            let mut behind = opened(&acme(), "user:2", n);
            behind.at = Timestamp::from_millis(NOON - hour + n);
            world.audit.append(behind).await.unwrap();
        }
        // More than a page.
        let others: Vec<_> = (0..2_100).map(|n| event(&acme(), n)).collect();
        world.audit.append_all(&others).await.unwrap();
        assert!(follower.look().await.unwrap().anomalies.is_empty());
        let audit = || world.audit.clone();
        let at = Timestamp::from_millis(NOON);
        let since = Follower::since(audit(), &rules, at).await.unwrap();
        let position = follower.position();
        let goes_on = Follower::at(audit(), &rules, &position).await.unwrap();
        world
            .audit
            .append(opened(&acme(), "user:1", 5_000))
            .await
            .unwrap();
        for mut follower in [since, goes_on] {
            let told = follower.look().await.unwrap().anomalies;
            let told: Vec<_> = told.iter().map(|of| (of.key.as_str(), of.since)).collect();
            assert_eq!(told, [("user:1", begun)], "{is_ahead}");
        }
    }
}

#[tokio::test]
async fn a_restart_tells_nothing_twice_and_misses_nothing() {
    let rules = [
        rule(Kind::Opened, 3, 60, Per::Actor),
        rule(Kind::Opened, 4, 10, Per::All),
    ];
    let world = World::new().await;
    let other = Of::Tenant(Tenant::new("other").unwrap());
    let mut whole = Follower::new(world.audit.clone(), &rules).await.unwrap();
    let mut broken = Follower::new(world.audit.clone(), &rules).await.unwrap();
    let (mut of_whole, mut of_broken) = (Vec::new(), Vec::new());
    for n in 0..30_u64 {
        let of = if n % 3 == 0 { &other } else { &acme() };
        let event = opened(of, &format!("user:{}", n % 2), n * 4_000);
        world.audit.append(event).await.unwrap();
        of_broken.extend(broken.look().await.unwrap().anomalies);
        if n % 4 == 1 {
            let position = broken.position();
            let numbers = position
                .iter()
                .map(|(of, log, next)| (of.clone(), *log, next));
            let kept = keyward_audit::alert::Position::new(numbers);
            broken = Follower::at(world.audit.clone(), &rules, &kept)
                .await
                .unwrap();
        }
    }
    while {
        let looked = whole.look().await.unwrap();
        of_whole.extend(looked.anomalies);
        looked.more
    } {}
    let windows = |told: Vec<keyward_audit::alert::Anomaly>| {
        let mut windows: Vec<_> = told
            .into_iter()
            .map(|of| (of.rule.count, of.since, of.key))
            .collect();
        windows.sort();
        windows
    };
    let told = windows(of_broken);
    assert!(told.len() > 3, "{told:?}");
    assert_eq!(told, windows(of_whole));
}
