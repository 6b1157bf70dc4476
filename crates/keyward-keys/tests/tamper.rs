//! A ring that was altered, cut, or put back is refused.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)] // Tests: a panic is the report.

mod world;

use std::sync::Arc;

use keyward_base::{ErrorKind, Reason};
use keyward_keys::{Anchor, FileAnchor, KeyState, danger, format};
use keyward_testkit::{bit_flips, truncations};
use world::{V1, V2, World, acme, purpose, ring_key, root};

#[tokio::test]
async fn every_bit_of_the_ring_is_authentic() {
    let world = World::new();
    let ring = world.builder().create(&[purpose()], &[]).await.unwrap();
    ring.admin().rotate(&purpose()).await.unwrap();
    let genuine = world.ring_record().await.content.data;
    for altered in bit_flips(&genuine).chain(truncations(&genuine).map(<[u8]>::to_vec)) {
        let _parses_or_not = format::inspect_ring(&altered);
        world.put_back(altered).await;
        let error = world.builder().open().await.unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unavailable),
            "{error:?}"
        );
    }
    world.put_back(genuine).await;
    world.builder().open().await.unwrap();
}

#[tokio::test]
async fn every_bit_of_a_tenants_record_is_authentic() {
    use keyward_store::{Applied, Collection, Content, RecordKey, Records as _, Write};
    let world = World::new();
    let ring = world.builder().create(&[purpose()], &[]).await.unwrap();
    let id = ring.sealing_key(&purpose(), &acme(), 0).await.unwrap().id();
    let key = RecordKey {
        collection: Collection::named("tenant-keys"),
        owner: "acme".to_owned(),
        id: "vault".to_owned(),
    };
    let genuine = world.store.fetch(&key).await.unwrap().unwrap();
    let mut version = genuine.version;
    for altered in bit_flips(&genuine.data).chain(truncations(&genuine.data).map(<[u8]>::to_vec)) {
        let swap = Write::Swap {
            key: key.clone(),
            version,
            content: Content {
                data: altered,
                ..Content::default()
            },
        };
        let Applied::Done(versions) = world.store.apply(vec![swap]).await.unwrap() else {
            unreachable!("nobody else writes")
        };
        version = versions[0].unwrap();
        let fresh = world.builder().open().await.unwrap();
        let error = fresh
            .opening_key(&purpose(), &acme(), id)
            .await
            .unwrap_err();
        assert!(
            matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unavailable),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn an_older_ring_is_refused_by_handle_and_by_anchor() {
    let folder = tempfile::tempdir().unwrap();
    let anchor = || -> Arc<dyn Anchor> {
        Arc::new(FileAnchor::new(
            folder.path().join("sub").join("ring.anchor"),
        ))
    };
    let world = World::new();
    let ring = world
        .builder()
        .anchor(anchor())
        .create(&[purpose()], &[])
        .await
        .unwrap();
    let old_key = ring.status().keys[0].id;
    let backup = world.ring_record().await.content.data;
    ring.admin().rotate(&purpose()).await.unwrap();
    ring.admin().promote_ready().await.unwrap();
    ring.admin().disable(old_key).await.unwrap();
    ring.admin().destroy(old_key, &[]).await.unwrap();
    let newest = ring.status().epoch;

    world.put_back(backup).await;
    let running = ring.refresh().await.unwrap_err();
    assert_eq!(running.kind(), ErrorKind::Unavailable);
    let restarted = world.builder().anchor(anchor()).open().await.unwrap_err();
    assert_eq!(restarted.kind(), ErrorKind::Unavailable);
    assert!(
        restarted.to_string().contains("accept-restore"),
        "{restarted}"
    );
    // Without an anchor it is not noticed: the threat model says so.
    world.builder().open().await.unwrap();

    let accepted = danger::accept_restore(world.builder(), anchor())
        .await
        .unwrap();
    assert!(
        accepted.status().epoch > newest,
        "no other old copy fits after this one"
    );
    assert_eq!(
        accepted.status().keys[0].state,
        KeyState::Active,
        "the destroyed key is back"
    );
    world.builder().anchor(anchor()).open().await.unwrap();
}

#[tokio::test]
async fn a_ring_is_not_made_where_one_was() {
    let folder = tempfile::tempdir().unwrap();
    let anchor =
        || -> Arc<dyn Anchor> { Arc::new(FileAnchor::new(folder.path().join("ring.anchor"))) };
    let world = World::new();
    world
        .builder()
        .anchor(anchor())
        .create(&[purpose()], &[])
        .await
        .unwrap();
    let again = world
        .builder()
        .anchor(anchor())
        .create(&[purpose()], &[])
        .await
        .unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Misuse);

    let emptied = World::new();
    let error = emptied
        .builder()
        .anchor(anchor())
        .create(&[purpose()], &[])
        .await
        .unwrap_err();
    assert!(error.to_string().contains("ring.anchor"), "{error}");
    let error = emptied.builder().anchor(anchor()).open().await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Unavailable,
        "the anchor knows that a ring is missing"
    );
    let error = emptied.builder().open().await.unwrap_err();
    assert!(error.to_string().contains("keys init"), "{error}");
}

#[tokio::test]
async fn another_root_does_not_open_it_and_a_newer_version_takes_over() {
    let world = World::new();
    let ring = world.builder().create(&[purpose()], &[]).await.unwrap();
    ring.sealing_key(&purpose(), &acme(), 0).await.unwrap();
    let with = |text: &str| World {
        store: Arc::clone(&world.store),
        root: root(text),
        clock: Arc::clone(&world.clock),
    };
    let other = with(&V2.replace("v2", "v1"))
        .builder()
        .open()
        .await
        .unwrap_err();
    assert_eq!(
        (other.kind(), other.reason()),
        (ErrorKind::Unavailable, None)
    );
    let missing = with(V2).builder().open().await.unwrap_err();
    assert!(
        missing.to_string().contains("root v1 is needed"),
        "{missing}"
    );

    let both = with(&format!("{V2},{V1}")).builder().open().await.unwrap();
    assert_eq!(
        both.admin().rewrap_root().await.unwrap(),
        2,
        "the MAC key and one ring key"
    );
    assert_eq!(both.admin().rewrap_root().await.unwrap(), 0);
    let alone = with(V2).builder().open().await.unwrap();
    alone.sealing_key(&purpose(), &acme(), 0).await.unwrap();
}

#[tokio::test]
async fn a_ring_that_vanishes_is_not_made_anew() {
    use keyward_store::{Applied, Records as _, Write};
    let world = World::new();
    let ring = world.builder().create(&[purpose()], &[]).await.unwrap();
    ring.sealing_key(&purpose(), &acme(), 0).await.unwrap();
    let here = world.ring_record().await;
    let delete = Write::Delete {
        key: ring_key(),
        version: here.version,
    };
    assert!(matches!(
        world.store.apply(vec![delete]).await.unwrap(),
        Applied::Done(_)
    ));
    assert_eq!(
        ring.refresh().await.unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    let error = world.builder().create(&[purpose()], &[]).await.unwrap_err();
    assert!(
        error.to_string().contains("without their keyring"),
        "{error}"
    );
    assert_eq!(error.reason(), None::<Reason>);
}
