//! A key that somebody found is revoked by its text.

use std::sync::Arc;

use keyward_base::BoxFuture;
use keyward_base::audit::Outcome;
use keyward_session::api_key::Rotation;
use keyward_session::reason;
use keyward_store::{Collection, MemoryStore, Records, Scan};
use keyward_testkit::{Interrupt, Staged};

use crate::hostile::{plant, read, row_key, sealed};
use crate::world::{World, all, tenant};

#[tokio::test]
async fn a_whole_key_is_revoked_once_and_its_owner_told() {
    let world = World::new().await;
    let (one, two) = (world.key().await, world.key().await);
    let text = one.key().expose();
    let _before = world.audit.take();
    for _ in 0..3 {
        world.keys.revoke_leaked(text).await.unwrap();
    }
    let told = world.audit.take();
    let outcomes: Vec<Outcome> = told.iter().map(|event| event.outcome).collect();
    assert_eq!(outcomes, [Outcome::Granted, Outcome::Done]);
    assert_eq!(told[0].tenant, told[1].tenant);
    assert_eq!(told[0].record, told[1].record);
    assert_eq!(
        (told[0].action, &told[0].tenant),
        ("api-key.leaked", &Some(tenant("acme")))
    );
    let record = told[0].record.as_ref().map(keyward_base::RecordId::as_str);
    assert_eq!(record, Some(one.info().id.to_string().as_str()));
    assert_eq!(world.refusal(text).await, Some(reason::KEY_ENDED));
    world.keys.check(two.key().expose(), None).await.unwrap();
}

#[tokio::test]
async fn nothing_but_a_whole_key_revokes_anything() {
    let world = World::new().await;
    let issued = world.key().await;
    let text = issued.key().expose();
    let bytes = keyward_base::encoding::from_base64url(&text[4..91]).unwrap();
    // The public parts, the id, and another secret with a right checksum.
    let mut forged = vec![text[..40].to_owned(), issued.info().id.to_string()];
    forged.push(text[..text.len() - 1].to_owned());
    for at in 25..65 {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        forged.push(sealed("kwk_", &bytes));
    }
    let _before = world.audit.take();
    for text in &forged {
        world.keys.revoke_leaked(text).await.unwrap();
    }
    assert_eq!(world.audit.take(), []);
    world.keys.check(text, None).await.unwrap();
}

/// A key that lives no more but is still there goes as well, and so does one with a successor alone.
#[tokio::test]
async fn a_rotated_key_that_leaked_goes_and_its_successor_stays() {
    let world = World::new().await;
    let old = world.key().await;
    let ada = world.person("acme", "ada").await;
    let new = world
        .keys
        .rotate(&ada, &all(), old.info().id, Rotation::new())
        .await
        .unwrap();
    world.keys.revoke_leaked(old.key().expose()).await.unwrap();
    world.keys.check(new.key().expose(), None).await.unwrap();
    world.pass(crate::world::DAY * 91).await;
    world.keys.revoke_leaked(new.key().expose()).await.unwrap();
    let rows = world
        .data
        .scan(Scan::of(Collection::named("api-key")))
        .await
        .unwrap();
    assert_eq!(rows.items.len(), 0);
}

/// Of two reports at once, whatever comes between the calls of one, one tells.
#[tokio::test]
async fn of_two_reports_at_once_one_is_told() {
    for n in 0.. {
        let data: Arc<dyn Records> = Arc::new(MemoryStore::new(1_000));
        let staged = Staged::over(data.clone());
        let world = World::on(staged.clone()).await;
        let issued = world.key().await;
        let text = issued.key().expose().to_owned();
        let other = world.other(data).await;
        let _before = world.audit.take();
        let reported = text.clone();
        let reports = Box::new(move || -> BoxFuture<'static, ()> {
            Box::pin(async move { other.revoke_leaked(&reported).await.unwrap() })
        });
        staged.interrupt(n, Interrupt::Run(reports));
        world.keys.revoke_leaked(&text).await.unwrap();
        let told = world.audit.take();
        let done = told.iter().filter(|event| event.outcome == Outcome::Done);
        assert_eq!(done.count(), 1, "at call {n}");
        if !staged.fired() {
            assert!(n >= 3);
            break;
        }
    }
}

/// Whoever sent the report hangs up once the key is gone and before anybody was told.
#[tokio::test]
async fn a_report_that_is_cut_off_has_told_of_the_key() {
    let staged = Staged::over(Arc::new(MemoryStore::new(1_000)));
    let world = World::on(staged.clone()).await;
    let issued = world.key().await;
    let text = issued.key().expose();
    let _before = world.audit.take();
    // Read, read again, delete.
    let forever: Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send> =
        Box::new(|| Box::pin(std::future::pending()));
    staged.interrupt(2, Interrupt::RunAfter(forever));
    let mut reported = Box::pin(world.keys.revoke_leaked(text));
    for _ in 0..100 {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(reported.as_mut().poll(&mut context).is_pending());
    }
    drop(reported);
    assert!(staged.fired());
    assert_eq!(world.refusal(text).await, Some(reason::KEY_ENDED));
    world.keys.revoke_leaked(text).await.unwrap();
    let told = world.audit.take();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].action, "api-key.leaked");
    assert_eq!(told[0].tenant, Some(tenant("acme")));
}

/// To put a row back that was damaged when its key was reported is no way to make the key live again.
#[tokio::test]
async fn a_leaked_key_on_a_damaged_row_goes_too() {
    let world = World::new().await;
    let issued = world.key().await;
    let text = issued.key().expose();
    let place = row_key(issued.info().id);
    let mut damaged = read(&*world.data, &place).await.content;
    damaged.data[40] ^= 1;
    plant(&*world.data, &place, damaged).await;
    let _before = world.audit.take();
    world.keys.revoke_leaked(text).await.unwrap();
    assert_eq!(world.refusal(text).await, Some(reason::KEY_ENDED));
    let told = world.audit.take();
    let leaked = told.iter().filter(|it| it.action == "api-key.leaked");
    assert_eq!(leaked.count(), 2);
}
