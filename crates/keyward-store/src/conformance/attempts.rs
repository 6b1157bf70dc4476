//! Attempts: exact windows.

use std::time::Duration;

use keyward_base::Timestamp;

use super::run::{Spawner, together};
use super::{Checked, Fault, Handles, Rules, key, same, set};
use crate::attempts::{Attempts, Judged, Window};

type Stores<'a> = Handles<'a, dyn Attempts>;

pub(super) async fn check(stores: &Stores<'_>, spawner: &dyn Spawner, rules: &mut Rules) {
    rules.note("a-window-slides-exactly", slides(stores).await);
    rules.note("a-refusal-is-not-counted", refused(stores).await);
    rules.note("a-clock-that-went-back-frees-nothing", back(stores).await);
    rules.note("a-clear-frees-one-key", clear(stores).await);
    rules.note("purge-takes-windows-that-are-over", purge(stores).await);
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
    for key in [&one, &two] {
        let judged = store.attempt(key, window(1)?, at(0)).await?;
        same("the first", &judged, &Judged::Admitted { left: 0 })?;
    }
    other.clear_attempts(&one).await?;
    let judged = store.attempt(&one, window(1)?, at(1)).await?;
    same("the one cleared", &judged, &Judged::Admitted { left: 0 })?;
    let judged = store.attempt(&two, window(1)?, at(1)).await?;
    same("the other", &judged, &refused_until(100))
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
