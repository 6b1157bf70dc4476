//! Nobody makes a ring because none was seen.

use std::sync::Arc;

use keyward_base::{ErrorKind, Result};
use keyward_keys::{ColumnId, Coverage, FileAnchor, Keyring};
use keyward_sqlite::SqliteStore;
use keyward_store::{BoxFuture, StoreId};

use crate::world::{V1, World, purpose, ring_key, root, tenant};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_creators_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.db");
    SqliteStore::open(&path).unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = Arc::new(SqliteStore::open(&path).unwrap());
            tokio::spawn(async move {
                Keyring::builder(store, Arc::new(root(V1)))
                    .create(&[purpose()], &[])
                    .await
            })
        })
        .collect();
    let mut made = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok(ring) => made.push(ring.status().ring),
            Err(e) => assert_eq!(e.kind(), ErrorKind::Misuse, "{e:?}"),
        }
    }
    assert_eq!(made.len(), 1, "exactly one ring");
    let store = Arc::new(SqliteStore::open(&path).unwrap());
    let open = Keyring::builder(store, Arc::new(root(V1)))
        .open()
        .await
        .unwrap();
    assert_eq!(open.status().ring, made[0]);
}

#[derive(Debug)]
struct Rows(u64, ColumnId);

impl Coverage for Rows {
    fn id(&self) -> &ColumnId {
        &self.1
    }

    fn has_barrier(&self) -> bool {
        false
    }

    fn close(&self, _: u64) -> BoxFuture<'_, Result<()>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn count<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<u64>> {
        Box::pin(std::future::ready(Ok(self.0)))
    }
}

async fn refused(world: &World, rows: u64, anchor: Option<&std::path::Path>) -> String {
    let mut builder = world.builder();
    if let Some(path) = anchor {
        builder = builder.anchor(Arc::new(FileAnchor::new(path.to_owned())));
    }
    let column = ColumnId::new(StoreId::new("app").unwrap(), "vault", purpose()).unwrap();
    let e = builder
        .create(&[purpose()], &[&Rows(rows, column)])
        .await
        .unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Misuse);
    e.to_string()
}

#[tokio::test]
async fn a_column_without_values_is_no_reason_to_refuse_a_ring() {
    let column = ColumnId::new(StoreId::new("app").unwrap(), "vault", purpose()).unwrap();
    let made = World::new().builder();
    made.create(&[purpose()], &[&Rows(0, column)])
        .await
        .unwrap();
}

#[tokio::test]
async fn a_ring_is_refused_where_anything_is_left_of_one() {
    let world = World::new();
    assert!(refused(&world, 1, None).await.contains("vault"), "data");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state").join("x.anchor");
    let ring = world
        .builder()
        .anchor(Arc::new(FileAnchor::new(path.clone())))
        .create(&[purpose()], &[])
        .await
        .unwrap();
    assert!(refused(&world, 0, None).await.contains("already"), "a ring");
    ring.sealing_key(&purpose(), &tenant("acme"), 0)
        .await
        .unwrap();

    world.store.remove(ring_key()).await;
    let said = refused(&world, 0, None).await;
    assert!(said.contains("without their keyring"), "tenant keys");
    let said = refused(&world, 0, Some(&path)).await;
    assert!(said.contains(&path.display().to_string()), "the anchor");
    let e = ring.refresh().await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Unavailable, "the ring is gone");
}
