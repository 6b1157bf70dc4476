//! Attempts: exact windows.

use std::time::Duration;

use keyward_base::{ErrorKind, Timestamp};

use super::bounds::misuse;
use super::rule::{Checked, Fault, Handles, Rules, key, same, set};
use super::run::{Spawner, together};
use crate::attempts::{Attempts, Judged, Level, Reserved, Ticket, Used, Window};
use crate::limits::StoreLimits;
use crate::record::RecordKey;

type Stores<'a> = Handles<'a, dyn Attempts>;

pub(super) async fn check(stores: &Stores<'_>, spawner: &dyn Spawner, rules: &mut Rules) {
    rules.note("a-window-slides-exactly", slides(stores).await);
    rules.note("a-refusal-is-not-counted", refused(stores).await);
    rules.note("a-clock-that-went-back-frees-nothing", back(stores).await);
    rules.note("a-clear-frees-one-key", clear(stores).await);
    rules.note("purge-takes-windows-that-are-over", purge(stores).await);
    rules.note("a-reservation-is-all-or-none", reserves(stores).await);
    rules.note("a-ticket-gives-back-its-own", gives_back(stores).await);
    rules.note("what-is-given-back-takes-no-room", empties(stores).await);
    rules.note("levels-have-rows-of-their-own", levels(stores).await);
    rules.note("what-is-used-is-told-and-not-counted", tells(stores).await);
    rules.note(
        "reservations-at-once-are-exact",
        reservations(stores, spawner).await,
    );
    rules.note("many-at-once-are-counted", race(stores, spawner).await);
}

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn window(most: u32) -> Result<Window, Fault> {
    Ok(Window::new(most, Duration::from_millis(100))?)
}

fn refused_until(millis: u64) -> Judged {
    Judged::Refused {
        retry_at: at(millis),
    }
}

async fn slides(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let key = key("a-window-slides-exactly", "acme", "1");
    let three = window(3)?;
    let admitted = |left| Judged::Admitted { left };
    let steps = [
        (1_000, admitted(2)),
        (1_010, admitted(1)),
        (1_010, admitted(0)),
        (1_050, refused_until(1_100)),
        (1_099, refused_until(1_100)),
        (1_100, admitted(0)),
        (1_100, refused_until(1_110)),
        (1_110, admitted(1)),
        (1_111, admitted(0)),
        (1_199, refused_until(1_200)),
        (5_000, admitted(2)),
    ];
    for (n, (now, wanted)) in steps.into_iter().enumerate() {
        let store = if n.is_multiple_of(2) { &store } else { &other };
        let judged = store.attempt(&key, three, at(now)).await?;
        same(&format!("at {now}"), &judged, &wanted)?;
    }
    Ok(())
}

async fn refused(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let key = key("a-refusal-is-not-counted", "acme", "1");
    let one = window(1)?;
    let first = store.attempt(&key, one, at(0)).await?;
    same("the first", &first, &Judged::Admitted { left: 0 })?;
    for now in 1..100 {
        let judged = other.attempt(&key, one, at(now)).await?;
        same("meanwhile", &judged, &refused_until(100))?;
    }
    let next = store.attempt(&key, one, at(100)).await?;
    same("after the span", &next, &Judged::Admitted { left: 0 })
}

async fn back(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let key = key("a-clock-that-went-back-frees-nothing", "acme", "1");
    let one = window(1)?;
    let first = store.attempt(&key, one, at(10_000)).await?;
    same("the first", &first, &Judged::Admitted { left: 0 })?;
    let judged = other.attempt(&key, one, at(50)).await?;
    same("after a step back", &judged, &refused_until(10_100))
}

async fn clear(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "a-clear-frees-one-key";
    let (one, two) = (key(rule, "acme", "1"), key(rule, "Acme", "1"));
    let three = key(rule, "acme", "2");
    for key in [&one, &two, &three] {
        let judged = store.attempt(key, window(1)?, at(0)).await?;
        same("the first", &judged, &Judged::Admitted { left: 0 })?;
    }
    other.clear_attempts(&one).await?;
    let judged = store.attempt(&one, window(1)?, at(1)).await?;
    same("the one cleared", &judged, &Judged::Admitted { left: 0 })?;
    for key in [&two, &three] {
        let judged = store.attempt(key, window(1)?, at(1)).await?;
        same("another", &judged, &refused_until(100))?;
    }
    Ok(())
}

async fn purge(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "purge-takes-windows-that-are-over";
    for (id, now) in [("a", 0), ("b", 10), ("c", 20)] {
        let judged = store
            .attempt(&key(rule, "", id), window(1)?, at(now))
            .await?;
        same("the first", &judged, &Judged::Admitted { left: 0 })?;
    }
    same(
        "at 99",
        &other.purge_attempts(&set(rule), at(99), 10).await?,
        &0,
    )?;
    same(
        "at 110",
        &other.purge_attempts(&set(rule), at(110), 10).await?,
        &2,
    )?;
    let judged = store
        .attempt(&key(rule, "", "c"), window(1)?, at(110))
        .await?;
    same("one that is not over", &judged, &refused_until(120))
}

async fn race(stores: &Stores<'_>, spawner: &dyn Spawner) -> Checked {
    for round in 0..4_u64 {
        let key = key("many-at-once-are-counted", "acme", &round.to_string());
        let ten = window(10)?;
        let task = |n: usize| {
            let (store, key) = (stores.of(n)?, key.clone());
            Ok(async move { Ok(store.attempt(&key, ten, at(round)).await?) })
        };
        let judged = together(spawner, 64, task).await?;
        let admitted = |judged: &&Judged| matches!(judged, Judged::Admitted { .. });
        same("admitted", &judged.iter().filter(admitted).count(), &10)?;
    }
    Ok(())
}

fn five(rule: &'static str, owner: &str) -> Result<Vec<(RecordKey, Window)>, Fault> {
    let windows = [
        (9, 100),
        (7, 1_000),
        (5, 10_000),
        (6, 100_000),
        (8, 1_000_000),
    ];
    let window = |(most, span): (u32, u64)| {
        let window = Window::new(most, Duration::from_millis(span))?;
        Ok((key(rule, owner, &span.to_string()), window))
    };
    windows.into_iter().map(window).collect()
}

async fn reserve(
    store: &dyn Attempts,
    windows: &[(RecordKey, Window)],
    now: u64,
) -> Result<(Ticket, Vec<u32>), Fault> {
    match store.reserve(windows, at(now)).await? {
        Reserved::Admitted { ticket, used } => {
            let windows = windows.iter().zip(used);
            let left = windows.map(|((_, window), used)| window.most().saturating_sub(used.count));
            Ok((ticket, left.collect()))
        }
        refused @ Reserved::Refused { .. } => Err(Fault(format!("not admitted: {refused:?}"))),
    }
}

async fn reserves(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let windows = five("a-reservation-is-all-or-none", "acme")?;
    for n in 1..=5_u32 {
        let (ticket, left) = reserve(&*store, &windows, u64::from(n)).await?;
        same("keys", &ticket.keys().len(), &5)?;
        ticket.keep();
        let wanted: Vec<u32> = [9, 7, 5, 6, 8]
            .map(|most: u32| most.saturating_sub(n))
            .into();
        same("left", &left, &wanted)?;
    }
    for now in [6, 50] {
        let refused = other.reserve(&windows, at(now)).await?;
        let wanted = Reserved::Refused {
            index: 2,
            retry_at: at(10_001),
        };
        same("the sixth", &refused, &wanted)?;
    }
    // What was refused by one window is recorded in no other.
    let Some((first, window)) = windows.first() else {
        return Err(Fault("no window".into()));
    };
    let judged = store.attempt(first, *window, at(51)).await?;
    same("the first window", &judged, &Judged::Admitted { left: 3 })?;
    // The last of those that refuse says when.
    let (a, b) = (
        key("a-reservation-is-all-or-none", "b", "1"),
        key("a-reservation-is-all-or-none", "b", "2"),
    );
    let both = [
        (a, Window::new(1, Duration::from_millis(100))?),
        (b, Window::new(1, Duration::from_millis(500))?),
    ];
    reserve(&*store, &both, 0).await?.0.keep();
    let refused = other.reserve(&both, at(10)).await?;
    let wanted = Reserved::Refused {
        index: 1,
        retry_at: at(500),
    };
    same("both", &refused, &wanted)?;
    let twice = [both.first(), both.first()].map(|window| window.cloned());
    let twice: Vec<_> = twice.into_iter().flatten().collect();
    for wrong in [
        &twice,
        &Vec::new(),
        &vec![both.first().cloned(); 17]
            .into_iter()
            .flatten()
            .collect(),
    ] {
        let kind = store.reserve(wrong, at(0)).await.err().map(|e| e.kind());
        same(
            "windows that make no sense",
            &kind,
            &Some(ErrorKind::Misuse),
        )?;
    }
    let one = Window::new(1, Duration::from_millis(1))?;
    let many: Vec<_> = (0..=StoreLimits::WINDOWS)
        .map(|n| {
            (
                key("a-reservation-is-all-or-none", "many", &n.to_string()),
                one,
            )
        })
        .collect();
    misuse("many windows", store.reserve(&many, at(0)).await)?;
    let never = at(u64::MAX >> 1);
    misuse("a window without an end", store.reserve(&both, never).await)
}

async fn gives_back(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "a-ticket-gives-back-its-own";
    let windows = [
        (key(rule, "acme", "1"), window(2)?),
        (key(rule, "acme", "2"), window(2)?),
    ];
    let (first, _) = reserve(&*store, &windows, 7).await?;
    // Of the same millisecond, and another's.
    reserve(&*other, &windows, 7).await?.0.keep();
    let refused = store.reserve(&windows, at(8)).await?;
    let wanted = Reserved::Refused {
        index: 0,
        retry_at: at(107),
    };
    same("full", &refused, &wanted)?;
    // Given back twice, as by a caller that did not hear the first answer: one is free, not two.
    other.give_back(&first).await?;
    store.give_back(&first).await?;
    reserve(&*store, &windows, 9).await?.0.keep();
    let refused = other.reserve(&windows, at(10)).await?;
    same("full again", &refused, &wanted)?;
    // What has left its window is not taken from those after it.
    let (late, _) = reserve(&*store, &windows, 200).await?;
    reserve(&*store, &windows, 201).await?.0.keep();
    store.give_back(&first).await?;
    let refused = other.reserve(&windows, at(202)).await?;
    let wanted = Reserved::Refused {
        index: 0,
        retry_at: at(300),
    };
    same("full a third time", &refused, &wanted)?;
    other.give_back(&late).await.map_err(Fault::from)?;
    reserve(&*other, &windows, 203)
        .await
        .map(|(ticket, _)| ticket.keep())
}

/// A row in which nothing is counted any more waits for no end of a window: after a purge none is left
/// of it, and one that counts something is.
async fn empties(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "what-is-given-back-takes-no-room";
    let long = |most| Window::new(most, Duration::from_secs(30 * 86_400));
    for (id, most) in [("few", 2), ("many", StoreLimits::ATTEMPTS)] {
        let windows = [(key(rule, "acme", id), long(most)?)];
        let (one, _) = reserve(&*store, &windows, 7).await?;
        let (two, _) = reserve(&*other, &windows, 8).await?;
        other.give_back(&one).await?;
        let gone = store.purge_attempts(&set(rule), at(9), 10).await?;
        same("one is counted", &gone, &0)?;
        let told = store.used(&windows, at(9)).await?;
        same("used", &told.first().map(|used| used.count), &Some(1))?;
        store.give_back(&two).await?;
        store.purge_attempts(&set(rule), at(9), 10).await?;
        let gone = other
            .purge_attempts(&set(rule), at(u64::MAX >> 2), 10)
            .await?;
        same("nothing is left", &gone, &0)?;
    }
    Ok(())
}

/// Where there is room, nothing is counted in a row that is shared.
async fn levels(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "levels-have-rows-of-their-own";
    let shared = (key(rule, "shared", "1"), window(1)?);
    let level = |id, most, millis| {
        let window = Window::new(most, Duration::from_millis(millis))?;
        let fine = (key(rule, "acme", id), window);
        let shared = shared.clone();
        Ok::<_, Fault>(Level { fine, shared })
    };
    let both = [level("1", 2, 100)?, level("2", 3, 500)?];
    for n in 1..=2 {
        match store.reserve_coarsely(&both, at(n)).await? {
            Reserved::Admitted { ticket, used } => {
                let own: Vec<_> = both.iter().map(|level| level.fine.0.clone()).collect();
                same("rows", &ticket.keys().to_vec(), &own)?;
                let counts: Vec<_> = used.iter().map(|used| u64::from(used.count)).collect();
                same("used", &counts, &vec![n, n])?;
            }
            refused @ Reserved::Refused { .. } => {
                return Err(Fault(format!("not admitted: {refused:?}")));
            }
        }
    }
    let refused = other.reserve_coarsely(&both, at(3)).await?;
    let wanted = Reserved::Refused {
        index: 0,
        retry_at: at(101),
    };
    same("one refuses", &refused, &wanted)?;
    let own: Vec<_> = both.iter().map(|level| level.fine.clone()).collect();
    let told = other.used(&own, at(4)).await?;
    let counts: Vec<_> = told.iter().map(|used| used.count).collect();
    same("what was refused counts at none", &counts, &vec![2, 2])?;
    let told = store.used(std::slice::from_ref(&shared), at(4)).await?;
    same(
        "the shared row",
        &told.first().map(|used| used.count),
        &Some(0),
    )?;
    let twice = [level("1", 2, 100)?, level("1", 2, 100)?];
    misuse("a row twice", store.reserve_coarsely(&twice, at(5)).await)?;
    misuse("no level", store.reserve_coarsely(&[], at(5)).await)?;
    let mut mixed = level("3", 2, 100)?;
    mixed.shared = mixed.fine.clone();
    misuse(
        "shared and its own",
        store.reserve_coarsely(&[mixed], at(5)).await,
    )
}

async fn tells(stores: &Stores<'_>) -> Checked {
    let (store, other) = stores.two()?;
    let rule = "what-is-used-is-told-and-not-counted";
    let windows = [
        (key(rule, "acme", "1"), window(2)?),
        (key(rule, "acme", "2"), window(9)?),
    ];
    let used = |count, until: Option<u64>| Used {
        count,
        until: until.map(at),
    };
    for _ in 0..5 {
        let told = store.used(&windows, at(5)).await?;
        same("of nothing", &told, &vec![used(0, None); 2])?;
    }
    reserve(&*store, &windows, 7).await?.0.keep();
    let (second, _) = reserve(&*other, &windows, 20).await?;
    for (now, first, next) in [
        (20, used(2, Some(107)), used(2, Some(107))),
        // A clock that went back does not make them less.
        (1, used(2, Some(107)), used(2, Some(107))),
        (107, used(1, Some(120)), used(1, Some(120))),
        (120, used(0, None), used(0, None)),
    ] {
        let told = other.used(&windows, at(now)).await?;
        same(&format!("at {now}"), &told, &vec![first, next])?;
    }
    store.give_back(&second).await?;
    let told = other.used(&windows, at(20)).await?;
    same("given back", &told, &vec![used(1, Some(107)); 2])?;
    match store.reserve(&windows, at(21)).await? {
        Reserved::Admitted { ticket, used: told } => {
            ticket.keep();
            same("reserved", &told, &vec![used(2, Some(107)); 2])?;
        }
        refused @ Reserved::Refused { .. } => {
            return Err(Fault(format!("counted what it told: {refused:?}")));
        }
    }
    misuse("no window", store.used(&[], at(0)).await)
}

/// 64 callers over five windows of different widths; every third gives its ticket back.
async fn reservations(stores: &Stores<'_>, spawner: &dyn Spawner) -> Checked {
    for round in 0..3_u64 {
        let windows = five("reservations-at-once-are-exact", &round.to_string())?;
        let task = |n: usize| {
            let (store, windows) = (stores.of(n)?, windows.clone());
            Ok(async move {
                let reserved = store.reserve(&windows, at(round)).await?;
                match reserved {
                    Reserved::Admitted { ticket, .. } if round == 2 => {
                        store.give_back(&ticket).await?;
                        Ok(0)
                    }
                    Reserved::Admitted { ticket, .. } => {
                        ticket.keep();
                        Ok(1)
                    }
                    Reserved::Refused { .. } => Ok(0),
                }
            })
        };
        let admitted = together(spawner, 64, task).await?;
        let kept: usize = admitted.into_iter().fold(0, usize::saturating_add);
        same("kept", &kept, &if round == 2 { 0 } else { 5 })?;
        if round == 2 {
            // All was given back: as many fit as into new windows.
            for _ in 0..5 {
                reserve(&*stores.of(0)?, &windows, round).await?.0.keep();
            }
        }
        let store = stores.of(1)?;
        let refused = store.reserve(&windows, at(round)).await?;
        let wanted = Reserved::Refused {
            index: 2,
            retry_at: at(round.saturating_add(10_000)),
        };
        same("one more", &refused, &wanted)?;
    }
    Ok(())
}
