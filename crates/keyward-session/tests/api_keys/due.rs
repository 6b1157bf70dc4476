//! Keys that expire soon.

use std::sync::Arc;

use keyward_base::audit::Value;
use keyward_session::api_key::{ApiKeyId, ApiKeys, End, KeyPolicy, Narrow, Rotation};
use keyward_store::MemoryStore;
use keyward_testkit::{Interrupt, Staged};

use crate::world::{DAY, HOUR, NOW, World, all, builder_on, new, tenant};

/// All notices, page by page: whose, and how many days ahead.
async fn due(keys: &ApiKeys) -> Vec<(ApiKeyId, u64)> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = keys.due(after).await.unwrap();
        let days = |ahead: std::time::Duration| ahead.as_secs() / 86_400;
        all.extend(page.notices.iter().map(|it| (it.key.id, days(it.ahead))));
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

#[tokio::test]
async fn each_notice_is_given_once_and_told() {
    let world = World::new().await;
    let issued = world.key().await;
    let id = issued.info().id;
    let other = world.other(world.data.clone()).await;
    assert_eq!(due(&world.keys).await, []);
    let _before = world.audit.take();
    for (days, ahead) in [(60, 30), (23, 7), (6, 1)] {
        world.pass(DAY * days - HOUR).await;
        assert_eq!(due(&world.keys).await, []);
        world.pass(HOUR).await;
        assert_eq!(due(&other).await, [(id, ahead)]);
        let told = world.audit.take();
        assert_eq!(told.len(), 1);
        assert_eq!(
            (told[0].action, &told[0].tenant),
            ("api-key.expires", &Some(tenant("acme")))
        );
        let expires = Some(Value::Time(NOW.saturating_add(DAY * 90)));
        assert_eq!(told[0].detail.find("expires"), expires);
        assert_eq!(due(&world.keys).await, []);
        assert_eq!(due(&other).await, []);
    }
    // Expired: too late.
    world.pass(DAY).await;
    assert_eq!(due(&world.keys).await, []);
}

#[tokio::test]
async fn of_notices_that_were_missed_the_nearest_is_given() {
    let world = World::new().await;
    let issued = world.key().await;
    world.pass(DAY * 85).await;
    assert_eq!(due(&world.keys).await, [(issued.info().id, 7)]);
    assert_eq!(due(&world.keys).await, []);
    // A key that is narrowed to end sooner.
    let other = world.key().await;
    let to = Narrow::new().expires(NOW.saturating_add(DAY * 85 + HOUR));
    world
        .keys
        .narrow(&tenant("acme"), other.info().id, &to)
        .await
        .unwrap();
    assert_eq!(due(&world.keys).await, [(other.info().id, 1)]);
}

/// The keys of another prefix are another's to tell of, though they lie in the same store.
#[tokio::test]
async fn no_notice_is_given_of_keys_of_another_prefix() {
    let world = World::new().await;
    let issued = world.issue(new("build").expires_in(DAY)).await;
    let other = builder_on(&world.ring, world.data.clone(), &world.audit);
    let other = other.prefix("acme_test_").build().await.unwrap();
    assert_eq!(due(&other).await, []);
    assert_eq!(due(&world.keys).await, [(issued.info().id, 1)]);
}

#[tokio::test]
async fn what_has_ended_or_has_a_successor_gives_none() {
    let world = World::new().await;
    let rotated = world.issue(new("build").expires_in(DAY * 10)).await;
    let ada = world.person("acme", "ada").await;
    let long = Rotation::new().expires_in(DAY * 300);
    let next = world
        .keys
        .rotate(&ada, &all(), rotated.info().id, long)
        .await;
    drop(next.unwrap());
    assert_eq!(due(&world.keys).await, []);
    let bob = world.person("globex", "bob").await;
    let short = new("build").expires_in(DAY * 10);
    let _theirs = world.keys.issue(&bob, &all(), short).await.unwrap();
    world
        .keys
        .end(&End::tenant(tenant("globex")))
        .await
        .unwrap();
    assert_eq!(due(&world.keys).await, []);
}

#[tokio::test]
async fn every_key_of_many_pages_is_looked_at() {
    let data = Arc::new(MemoryStore::new(10_000));
    let policy = KeyPolicy::default().notices([DAY * 2]).unwrap();
    let world = World::with(data, |builder| builder.policy(policy)).await;
    let ada = world.person("acme", "ada").await;
    let mut made = Vec::new();
    for _ in 0..700 {
        let new = new("build").expires_in(DAY);
        let issued = world.keys.issue(&ada, &all(), new).await.unwrap();
        made.push((issued.info().id, 2));
    }
    let mut found = due(&world.keys).await;
    found.sort();
    made.sort();
    assert!(found == made, "not each key gave a notice");
    // And every key is in the list, once.
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = world.keys.list(&tenant("acme"), after).await.unwrap();
        assert!(page.keys.len() <= 100);
        listed.extend(page.keys.iter().map(|info| (info.id, 2)));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    listed.sort();
    assert!(listed == made, "the list is not of each key once");
}

/// Whatever comes between two calls of one, a notice is not given twice.
#[tokio::test]
async fn of_two_that_ask_at_once_one_is_given_the_notice() {
    for n in 0.. {
        let data: Arc<dyn keyward_store::Records> = Arc::new(MemoryStore::new(1_000));
        let staged = Staged::over(data.clone());
        let world = World::on(staged.clone()).await;
        let _issued = world.key().await;
        let other = world.other(data).await;
        world.pass(DAY * 61).await;
        let found = Arc::new(std::sync::Mutex::new(0));
        let (asks, finds) = (other.clone(), Arc::clone(&found));
        let act = Box::new(move || -> keyward_base::BoxFuture<'static, ()> {
            Box::pin(async move { *finds.lock().unwrap() = due(&asks).await.len() })
        });
        staged.interrupt(n, Interrupt::Run(act));
        let ours = due(&world.keys).await.len();
        if !staged.fired() {
            assert_eq!(ours, 1);
            break;
        }
        assert_eq!(ours + *found.lock().unwrap(), 1, "at call {n}");
    }
}
