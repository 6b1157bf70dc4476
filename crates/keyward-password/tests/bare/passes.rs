//! Passes over rows: what dies, what comes between, and what cannot be read.

use super::*;

/// One row costs its owner alone, whatever it says of itself.
#[tokio::test]
async fn a_row_that_cannot_be_read_holds_up_no_pass() {
    let world = World::new().await;
    let data = memory();
    let planted = bare(&["a", "b", "c", "d"]).await;
    plant_all(&data, &planted).await;
    let (newer, wrong) = (&planted[1], &planted[2]);
    let mut content = newer.content.clone();
    content.data[4] = 2;
    plant(&data, &newer.key, &content).await;
    let mut content = wrong.content.clone();
    content.data.pop();
    plant(&data, &wrong.key, &content).await;
    let rows = world.both(&data).await;
    let e = rows.load(&account("b")).await.unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Unavailable);
    let sealing = rows.seal_all(|_| {}).await.unwrap();
    assert_eq!((sealing.seen, sealing.sealed, sealing.left), (4, 2, 2));
    assert_eq!(sealing.since, None);
    let failed = Outcome::Failed(ErrorKind::Corrupt, None);
    let told = [("b".to_owned(), failed), ("c".to_owned(), failed)];
    assert_eq!(world.told(), told);
    let wrapped = wrap_all(&world, &rows).await;
    assert_eq!((wrapped.seen, wrapped.wrapped, wrapped.bad), (4, 2, 2));
}

/// What is damaged where a tenant's keys lie costs that tenant alone.
#[tokio::test]
async fn damaged_keys_of_one_tenant_hold_up_no_pass() {
    let world = World::new().await;
    let data = memory();
    insert(&world.both(&data).await, &account("sealed")).await;
    let keys = RecordKey {
        collection: Collection::named("tenant-keys"),
        owner: "acme".to_owned(),
        id: "password".to_owned(),
    };
    let keys_of: Arc<dyn Stores> = world.keys.clone();
    let mut content = keys_of.fetch(&keys).await.unwrap().unwrap().content;
    *content.data.last_mut().unwrap() ^= 1;
    plant(&keys_of, &keys, &content).await;
    let mut planted = bare(&["ann"]).await;
    let mut other = planted[0].clone();
    other.key.owner = "globex".to_owned();
    planted.push(other);
    plant_all(&data, &planted).await;
    let rows = world.both(&data).await;
    let sealing = rows.seal_all(|_| {}).await.unwrap();
    assert_eq!((sealing.seen, sealing.sealed, sealing.left), (3, 1, 1));
    assert_eq!(sealing.since, None);
    let wrapped = wrap_all(&world, &rows).await;
    assert_eq!((wrapped.seen, wrapped.wrapped, wrapped.bad), (3, 1, 2));
}

#[tokio::test]
async fn a_pass_that_dies_at_any_call_is_ended_by_the_next() {
    let planted = bare(&["a", "b", "c"]).await;
    for n in 0.. {
        let mut fired = false;
        for after in [false, true] {
            let world = World::new().await;
            let data = memory();
            plant_all(&data, &planted).await;
            let (rows, keys) = world.staged(&data).await;
            keys.interrupt(
                n,
                if after {
                    Interrupt::DieAfter
                } else {
                    Interrupt::DieBefore
                },
            );
            let died = rows.seal_all(|_| {}).await;
            if !keys.fired() {
                assert!(died.unwrap().since.is_some());
                continue;
            }
            fired = true;
            assert_eq!(died.unwrap_err().kind(), ErrorKind::Unavailable);
            let rows = world.both(&data).await;
            let sealing = rows.seal_all(|_| {}).await.unwrap();
            assert_eq!((sealing.seen, sealing.left), (3, 0));
            assert_eq!(sealing.since, Some(NOW));
            for subject in ["a", "b", "c"] {
                let loaded = rows.load(&account(subject)).await.unwrap().unwrap();
                assert_eq!(loaded.credential.stored(), Some(STORED));
            }
        }
        if !fired {
            assert!(n > 3, "{n} calls to the key store");
            return;
        }
    }
}

/// A live writer is faster on one row: the others are sealed all the same.
#[tokio::test]
async fn a_row_that_is_changed_meanwhile_leaves_no_other_behind() {
    let planted = bare(&["a", "b", "c"]).await;
    for n in 0.. {
        let world = World::new().await;
        let data = memory();
        plant_all(&data, &planted).await;
        let (rows, keys) = world.staged(&data).await;
        let other = world.both(&data).await;
        let act: Act = Box::new(move || {
            Box::pin(async move {
                let at = account("b");
                let loaded = other.load(&at).await.unwrap().unwrap();
                let swapped = other.swap(&at, loaded.version, &loaded.credential).await;
                assert!(matches!(swapped.unwrap(), Swapped::Done(_)));
            })
        });
        keys.interrupt(n, Interrupt::Run(act));
        let sealing = rows.seal_all(|_| {}).await.unwrap();
        assert_eq!((sealing.seen, sealing.left), (3, 0));
        for subject in ["a", "b", "c"] {
            assert!(rows.load(&account(subject)).await.unwrap().is_some());
        }
        if !keys.fired() {
            assert!(n > 3, "{n} calls to the key store");
            return;
        }
    }
}

/// So it is where a row is tried by itself: the mark is asked for again.
#[tokio::test]
async fn a_row_that_is_tried_again_may_be_of_after_the_mark() {
    let planted = bare(&["a", "b"]).await;
    let world = World::new().await;
    let data = memory();
    plant_all(&data, &planted).await;
    let (rows, keys) = world.staged(&data).await;
    let ends = world.seals_and_is_planted(&data, &planted[1]).await;
    let (other, staged) = (world.both(&data).await, Arc::clone(&keys));
    let changes: Act = Box::new(move || {
        Box::pin(async move {
            let at = account("a");
            let loaded = other.load(&at).await.unwrap().unwrap();
            let swapped = other.swap(&at, loaded.version, &loaded.credential).await;
            assert!(matches!(swapped.unwrap(), Swapped::Done(_)));
            // Then, as the first row is looked at by itself.
            staged.interrupt(ASKED_AGAIN, Interrupt::RunAfter(ends));
        })
    });
    // The first question of the page, after it was read.
    keys.interrupt(1, Interrupt::Run(changes));
    keys.take_calls();
    let sealing = rows.seal_all(|_| {}).await.unwrap();
    assert!(keys.fired(), "{:?}", keys.take_calls());
    assert_eq!(
        (sealing.sealed, sealing.left),
        (0, 1),
        "{:?}",
        keys.take_calls()
    );
    is_refused(&rows, &account("b"), BARE).await;
}

/// Calls before it: the key of the tenant is read.
const ASKED_AGAIN: usize = 1;

/// Whatever the pepper does meanwhile, no row is left under the key that goes.
#[tokio::test]
async fn what_is_written_while_the_pepper_rotates_is_under_the_new_key() {
    let planted = bare(&["a", "b"]).await;
    for n in 0.. {
        let world = World::new().await;
        let data = memory();
        plant_all(&data, &planted).await;
        let (rows, keys) = world.staged(&data).await;
        insert(&rows, &account("c")).await;
        let ring = world.ring().await;
        let attach = async |ring: &Keyring| {
            let trail = Trail::new(world.audit.clone());
            let data = Arc::clone(&data);
            CredentialRows::attach(ring, data, trail).await.unwrap();
        };
        attach(&ring).await;
        let old = ring.status().keys.first().unwrap().id;
        let rotating = ring.clone();
        let act: Act = Box::new(move || {
            Box::pin(async move {
                let admin = rotating.admin();
                admin.rotate(&purpose()).await.unwrap();
                admin.promote_ready().await.unwrap();
                let report = admin.rewrap_values(&purpose(), |_| {}).await.unwrap();
                assert_eq!((report.left, report.quarantined), (0, 0));
            })
        });
        keys.interrupt(n, Interrupt::RunAfter(act));
        assert!(rows.seal_all(|_| {}).await.unwrap().since.is_some());
        if !keys.fired() {
            assert!(n > 3, "{n} calls to the key store");
            return;
        }
        insert(&rows, &account("d")).await;
        let usage = ring.admin().usage().await.unwrap();
        assert_eq!(usage.of(old).unwrap().rows, 0, "{n}");
        for subject in ["a", "b", "c", "d"] {
            assert!(rows.load(&account(subject)).await.unwrap().is_some());
        }
    }
}

/// A row that the store cannot give may be bare: there is no mark while there is one.
#[tokio::test]
async fn there_is_no_mark_while_a_row_cannot_be_given() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let data: Arc<dyn Stores> = Arc::new(SqliteStore::open(&path).unwrap());
    plant_all(&data, &bare(&["a", "b", "c"]).await).await;
    let edit = |sql: &str| {
        let conn = rusqlite::Connection::open(&path).unwrap();
        assert_eq!(conn.execute(sql, []).unwrap(), 1);
    };
    edit("UPDATE record SET id = CAST(x'ff' AS TEXT) WHERE id = 'b'");
    let rows = world.both(&data).await;
    let sealing = rows.seal_all(|_| {}).await.unwrap();
    assert_eq!((sealing.sealed, sealing.left), (2, 0));
    assert_eq!((sealing.unreadable, sealing.since), (1, None));
    assert_eq!(wrap_all(&world, &rows).await.unreadable, 1);
    edit("UPDATE record SET id = 'b' WHERE owner = 'acme' AND id NOT IN ('a', 'c')");
    let sealing = rows.seal_all(|_| {}).await.unwrap();
    assert_eq!((sealing.sealed, sealing.since), (1, Some(NOW)));
}

/// A row of a newer release is not this one's to judge.
#[tokio::test]
async fn rotation_passes_over_rows_of_a_newer_release() {
    let world = World::new().await;
    let data = memory();
    let rows = world.sealed(&data).await;
    for subject in ["a", "b"] {
        insert(&rows, &account(subject)).await;
    }
    let row = data.fetch(&place(&account("b"))).await.unwrap().unwrap();
    let mut content = row.content;
    content.data[4] = 2;
    plant(&data, &row.key, &content).await;
    let ring = world.ring().await;
    let trail = Trail::new(world.audit.clone());
    CredentialRows::attach(&ring, Arc::clone(&data), trail)
        .await
        .unwrap();
    let admin = ring.admin();
    admin.rotate(&purpose()).await.unwrap();
    admin.promote_ready().await.unwrap();
    let report = admin.rewrap_values(&purpose(), |_| {}).await.unwrap();
    assert_eq!(
        (report.moved, report.quarantined, report.skipped),
        (1, 0, 1)
    );
    assert_eq!(report.left, 1);
}

/// PostgreSQL's MD5 of "secret" for the role "alice".
const OF_A_ROLE: &str = "md54a0a68b43b6cd5cf266fa02f196e2371";

#[tokio::test]
async fn wrapping_keeps_all_else_that_a_row_says() {
    let world = World::new().await;
    let data = memory();
    let rows = world.sealed(&data).await;
    let imported = || {
        let row = Credential::new(OF_A_ROLE, NOW).unwrap();
        let row = row.label(Some("postgres-md5")).unwrap();
        row.context(Context::from_json(r#"{"user":"alice"}"#).unwrap())
    };
    let (ann, bob) = (account("ann"), account("bob"));
    let ann_first = rows.insert(&ann, imported().factor_due(true)).await;
    let disabled = imported().status(Status::Disabled);
    rows.insert(&bob, disabled).await.unwrap().unwrap();
    assert_eq!(wrap_all(&world, &rows).await.wrapped, 2);
    let now = rows.load(&bob).await.unwrap().unwrap().credential;
    assert_eq!(now.is(), Status::Disabled);
    let loaded = rows.load(&ann).await.unwrap().unwrap();
    let (was, now) = (ann_first.unwrap().unwrap().credential, &loaded.credential);
    assert!(now.is_factor_due() && now.stored().unwrap().starts_with("{wrap1}"));
    let of = |row: &Credential| (row.revision(), row.changed(), row.is());
    assert_eq!(of(now), of(&was));
    let upgrades = Upgrades::new(&passwords(&world), Arc::new(rows.clone()));
    for (typed, verdict) in [("secrets", Verdict::Mismatch), ("secret", Verdict::Match)] {
        let typed = Password::new(SecretBytes::copy_of(typed.as_bytes())).unwrap();
        let said = upgrades.check(&ann, &loaded, typed).await.unwrap();
        assert_eq!(said.checked.verdict(), verdict);
    }
}
