//! Values of a collection sealed anew: what moves, what is noted, and where a run that died goes on.

use std::sync::{Arc, Mutex};

use keyward_base::{Domain, Error, ErrorKind, Hint, Reason, Result, Tenant, Timestamp};
use keyward_crypto::sealed::{Header, Parsed, seal};
use keyward_keys::{
    Barrier, Coverage as _, KeyState, Keyring, Pass, Progress, RecordColumn, Report, ResealRow,
    TenantKey,
};
use keyward_store::{
    Applied, BoxFuture, Collection, Content, MemoryStore, Record, RecordKey, Records, Scan, Write,
};
use keyward_testkit::{Call, Interrupt, Staged};

use crate::world::{V1, World, purpose, root, tenant, tenant_key};

const NOTE: Domain<(&Tenant, &str, &[u8])> = Domain::new("test/v1/note");

/// Rows that are bound to their tenant and id. One whose data say so is of a newer release.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    bad: Mutex<Vec<(String, Reason)>>,
}

fn sealed(key: &TenantKey, owner: &str, id: &str, text: &[u8]) -> Result<String> {
    let header = Header {
        suite: key.suite(),
        key: key.id(),
        hint: Hint::none(),
    };
    let bound = |header: &[u8]| NOTE.encode(&(&tenant(owner), id, header));
    seal(key.body(), &header, bound, text)
}

pub(crate) fn opened(key: &TenantKey, row: &RecordKey, text: &str) -> Result<Vec<u8>> {
    let bound = |header: &[u8]| NOTE.encode(&(&tenant(&row.owner), &row.id, header));
    let opened = Parsed::parse(text)?.open(key.body(), bound)?;
    Ok(opened.expose().to_vec())
}

impl ResealRow for Notes {
    fn tenant(&self, row: &Record) -> Result<Tenant> {
        Tenant::new(&row.key.owner).map_err(|_| Error::corrupt("a note lies where none should"))
    }

    fn reseal(&self, row: &Record, old: &TenantKey, new: &TenantKey) -> Result<Option<String>> {
        if row.data == b"newer" {
            return Ok(None);
        }
        let text = opened(old, &row.key, &row.sealed)?;
        sealed(new, &row.key.owner, &row.key.id, &text).map(Some)
    }

    fn note_bad<'a>(&'a self, row: &'a Record, reason: Reason) -> BoxFuture<'a, Result<()>> {
        let mut bad = self.bad.lock().unwrap();
        bad.push((row.key.id.clone(), reason));
        Box::pin(std::future::ready(Ok(())))
    }
}

pub(crate) fn notes() -> Collection {
    Collection::named("notes")
}

pub(crate) fn at(owner: &str, id: &str) -> RecordKey {
    RecordKey {
        collection: notes(),
        owner: owner.to_owned(),
        id: id.to_owned(),
    }
}

/// A column of notes in `data`, that `ring` counts and can seal anew.
pub(crate) async fn cover(ring: &Keyring, data: &Arc<dyn Records>) -> Arc<Notes> {
    let row = Arc::new(Notes::default());
    let column = RecordColumn::new(Arc::clone(data), notes(), purpose()).unwrap();
    assert!(column.as_reseal().is_none(), "counted only");
    let column = column.resealed_by(row.clone()).unwrap();
    ring.cover(Arc::new(column)).await.unwrap();
    row
}

pub(crate) async fn insert(data: &dyn Records, key: RecordKey, sealed: String, with: &[u8]) {
    let content = Content {
        sealed,
        data: with.to_vec(),
        expires: Some(Timestamp::from_millis(1_900_000_000_000)),
        mac_key: "kwk.mac".to_owned(),
        token_key: "kwk.token".to_owned(),
        word: "word".to_owned(),
    };
    let written = data.apply(vec![Write::Insert { key, content }]).await;
    assert!(matches!(written.unwrap(), Applied::Done(_)));
}

pub(crate) async fn put(ring: &Keyring, data: &dyn Records, owner: &str, id: &str) {
    let key = ring.sealing_key(&purpose(), &tenant(owner), 0).await;
    let text = sealed(&key.unwrap(), owner, id, id.as_bytes()).unwrap();
    insert(data, at(owner, id), text, b"beside").await;
}

pub(crate) async fn rotate(ring: &Keyring) {
    ring.admin().rotate(&purpose()).await.unwrap();
    ring.admin().promote_ready().await.unwrap();
}

pub(crate) async fn fetch(data: &dyn Records, owner: &str, id: &str) -> Record {
    data.fetch(&at(owner, id)).await.unwrap().unwrap()
}

/// A world with one collection of `rows` notes of one tenant under a key that is retired.
async fn with_notes(rows: usize) -> (World, Arc<dyn Records>, Keyring) {
    let world = World::new();
    let ring = world.create().await;
    let data: Arc<dyn Records> = Arc::new(MemoryStore::new(10_000));
    for row in 0..rows {
        put(&ring, data.as_ref(), "acme", &format!("{row:02}")).await;
    }
    rotate(&ring).await;
    (world, data, ring)
}

/// Whoever comes later opens every note, and each is under the key that is Active.
async fn all_moved(world: &World, data: &Arc<dyn Records>, rows: usize) {
    let fresh = world.open().await;
    cover(&fresh, data).await;
    let least = fresh.promoted_epoch(&purpose()).unwrap();
    for row in 0..rows {
        let id = format!("{row:02}");
        let held = fetch(data.as_ref(), "acme", &id).await;
        let key = Header::peek(&held.sealed).unwrap().key;
        let key = fresh.opening_key(&purpose(), &tenant("acme"), key).await;
        let key = key.unwrap();
        assert_eq!(
            opened(&key, &held.key, &held.sealed).unwrap(),
            id.as_bytes()
        );
        assert!(key.issued_epoch() >= least, "row {id}");
    }
}

#[tokio::test]
async fn what_is_old_moves_and_the_rest_is_told_by_its_reason() {
    let (world, data, ring) = with_notes(3).await;
    let store = data.as_ref();
    let before = fetch(store, "acme", "00").await;
    put(&ring, store, "acme", "current").await;
    let current = fetch(store, "acme", "current").await;
    // Rows at fault: no text of ours, another row's text, a row of nobody.
    insert(store, at("acme", "plain"), "plain".to_owned(), b"").await;
    insert(store, at("acme", "moved"), before.sealed.clone(), b"").await;
    insert(store, at("no tenant", "x"), before.sealed.clone(), b"").await;
    // Rows of a newer release, by their form and by their suite.
    insert(store, at("acme", "newer"), before.sealed.clone(), b"newer").await;
    let mut suite = before.sealed.clone();
    suite.replace_range(4..6, "_w");
    insert(store, at("acme", "suite"), suite, b"").await;
    // A row that names another tenant's key, and one whose owner lost its own.
    insert(store, at("globex", "x"), before.sealed.clone(), b"").await;
    put(&ring, store, "umbrella", "x").await;
    world.store.remove(tenant_key("umbrella")).await;

    let ring = world.open().await;
    let row = cover(&ring, &data).await;
    let mut told = Vec::new();
    let pass = Pass::new(&ring, &purpose()).batch(4);
    let report = pass.progress(|at| told.push(at)).run().await.unwrap();
    let found = [report.moved, report.quarantined, report.skipped];
    assert_eq!(found, [3, 4, 3], "{report:?}");
    assert_eq!((report.seen, report.damaged), (11, 0));
    assert_eq!(
        report.skipped_because,
        Some(keyward_keys::reason::UNKNOWN_KEY)
    );
    assert_eq!(report.left, 4, "what could not be moved names an old key");
    let seen: Vec<_> = told
        .iter()
        .map(|at: &Progress| (at.total, at.seen))
        .collect();
    assert_eq!(seen, [(11, 4), (11, 8), (11, 11)]);
    assert_eq!(told[2].moved, 3);

    // Everything of a row but its text stays as it was.
    let after = fetch(store, "acme", "00").await;
    assert_ne!(after.sealed, before.sealed);
    let beside = |row: Record| Content {
        sealed: String::new(),
        ..row.content
    };
    assert_eq!(beside(after), beside(before));
    assert_eq!(fetch(store, "acme", "current").await, current);
    all_moved(&world, &data, 3).await;

    let noted = Scan::of(Collection::named("quarantine/notes"));
    let noted = data.scan(noted).await.unwrap().items.into_iter();
    let noted: Vec<_> = noted
        .map(|note| (note.key.owner, note.key.id, note.content.data))
        .collect();
    let (authentic, malformed) = (Reason::NOT_AUTHENTIC, Reason::MALFORMED);
    let wanted = [
        ("acme", "moved", authentic),
        ("acme", "plain", malformed),
        ("globex", "x", authentic),
        ("no tenant", "x", malformed),
    ];
    let data_of = |reason: Reason| reason.as_str().as_bytes().to_vec();
    let notes = wanted.map(|(owner, id, why)| (owner.to_owned(), id.to_owned(), data_of(why)));
    assert_eq!(noted, notes);
    let bad = row.bad.lock().unwrap().clone();
    assert_eq!(bad, wanted.map(|(_, id, why)| (id.to_owned(), why)));
    // Once more: nothing moves, and what was noted stays noted.
    let again = Pass::new(&ring, &purpose()).run().await.unwrap();
    assert_eq!((again.seen, again.moved, again.quarantined), (11, 0, 4));
}

#[tokio::test]
async fn a_key_that_is_withdrawn_or_damaged_leaves_its_rows_alone() {
    let (world, data, ring) = with_notes(2).await;
    cover(&ring, &data).await;
    let old = ring.status().keys[0].id;
    ring.admin().disable(old).await.unwrap();
    let report = ring.admin().rewrap_values(&purpose(), |_| {}).await;
    let report = report.unwrap();
    let found = (report.moved, report.skipped, report.left, report.damaged);
    assert_eq!(found, (0, 2, 2, 0));
    assert_eq!(
        report.skipped_because,
        Some(keyward_keys::reason::DISABLED_KEY)
    );
    ring.admin().enable(old).await.unwrap();
    // A record that is not what was written costs its owner's rows, and nobody else's.
    let good = world.store.data(&tenant_key("acme")).await;
    world.store.put(tenant_key("acme"), b"kwtk".to_vec()).await;
    let cold = world.open().await;
    cover(&cold, &data).await;
    let report = cold.admin().rewrap_values(&purpose(), |_| {}).await;
    let report = report.unwrap();
    assert_eq!((report.moved, report.skipped, report.damaged), (0, 2, 2));
    assert_eq!(
        report.skipped_because,
        Some(keyward_keys::reason::DAMAGED_KEYS)
    );
    let noted = Scan::of(Collection::named("quarantine/notes"));
    assert!(data.scan(noted).await.unwrap().items.is_empty());
    world.store.put(tenant_key("acme"), good).await;
    let report = ring.admin().rewrap_values(&purpose(), |_| {}).await;
    assert_eq!(report.unwrap().moved, 2);
}

/// Of a collection, another purpose's keys are nothing, and values of that purpose are not counted
/// with these.
#[tokio::test]
async fn what_is_left_is_counted_by_purpose_and_by_epoch() {
    let (_, data, ring) = with_notes(2).await;
    cover(&ring, &data).await;
    let column = RecordColumn::new(Arc::clone(&data), notes(), purpose()).unwrap();
    let columns: [&dyn keyward_keys::Coverage; 1] = [&column];
    let admin = ring.admin();
    let [old, active] = [0, 1].map(|at| ring.status().keys[at].id);
    let key = Header::peek(&fetch(data.as_ref(), "acme", "00").await.sealed);
    let key = key.unwrap().key;
    assert_eq!(admin.ids_under(old).await.unwrap(), [old, key]);
    assert_eq!(admin.ids_under(active).await.unwrap(), [active]);
    let issued = admin.locate(key).await.unwrap().unwrap().issued_epoch;
    let other = keyward_base::Purpose::new("other").unwrap();
    let left = async |purpose: &_, epoch| {
        let rows = admin.rows_older_than(purpose, epoch, &columns).await;
        rows.unwrap()
    };
    assert_eq!(left(&purpose(), issued).await, 0, "it is not older");
    assert_eq!(left(&purpose(), issued + 1).await, 2);
    assert_eq!(left(&other, issued + 1).await, 0);
    // Values that name the ring's own key, as those of a derived key do.
    let suite = ring.status().keys[0].suite.unwrap();
    let text = keyward_base::key_tag::sealed_prefix(suite, old);
    insert(data.as_ref(), at("acme", "derived"), text, b"").await;
    let promoted = 1;
    assert_eq!(left(&purpose(), promoted).await, 0);
    assert_eq!(left(&purpose(), promoted + 1).await, 3);
    assert_eq!(left(&other, u64::MAX).await, 0);
}

#[tokio::test]
async fn a_pass_that_dies_at_any_call_is_gone_on_with() {
    let mut went_on = 0;
    for after in [false, true] {
        for call in 0.. {
            let (world, data, _) = with_notes(5).await;
            let staged = Staged::over(Arc::clone(&data));
            let dying = world.open().await;
            let store: Arc<dyn Records> = staged.clone();
            cover(&dying, &store).await;
            staged.interrupt(
                call,
                match after {
                    true => Interrupt::DieAfter,
                    false => Interrupt::DieBefore,
                },
            );
            let mut moved = 0;
            let pass = Pass::new(&dying, &purpose()).batch(1);
            let died = pass.progress(|at| moved = at.moved).run().await;
            if !staged.fired() {
                assert_eq!(died.unwrap().moved, 5);
                assert!(call > 15, "{call} calls");
                break;
            }
            // The last of all only tidies up.
            let rest = world.open().await;
            cover(&rest, &data).await;
            let report = Pass::new(&rest, &purpose()).run().await.unwrap();
            assert_eq!((report.left, report.quarantined), (0, 0), "at {call}");
            if (1..5).contains(&moved) {
                // Where it was, or one further if it died before it could tell.
                let seen = 5 - moved;
                let seen = seen - u64::from(after)..=seen;
                assert!(seen.contains(&report.seen), "{moved}: {report:?}");
                went_on += 1;
            }
            all_moved(&world, &data, 5).await;
            let again = Pass::new(&rest, &purpose()).run().await.unwrap();
            assert_eq!((again.seen, again.moved), (5, 0), "from the beginning");
        }
    }
    assert!(went_on > 8, "{went_on}");
}

/// Another that begins and ends at each call of a slow one, for a newer key or for the same.
#[tokio::test]
async fn a_pass_that_another_overtakes_leaves_nothing_behind() {
    for newer in [true, false] {
        for call in 0.. {
            let (world, data, _) = with_notes(5).await;
            let staged = Staged::over(Arc::clone(&data));
            let slow = world.open().await;
            let store: Arc<dyn Records> = staged.clone();
            let row = cover(&slow, &store).await;
            let other = world.open().await;
            cover(&other, &data).await;
            let act: keyward_testkit::Act = Box::new(move || {
                Box::pin(async move {
                    if newer {
                        rotate(&other).await;
                    }
                    let report = Pass::new(&other, &purpose()).batch(2).run().await;
                    assert_eq!(report.unwrap().left, 0);
                })
            });
            staged.interrupt(call, Interrupt::Run(act));
            let report = Pass::new(&slow, &purpose()).batch(2).run().await.unwrap();
            let fired = staged.fired();
            assert_eq!((report.left, report.quarantined), (0, 0), "at {call}");
            assert!(row.bad.lock().unwrap().is_empty());
            all_moved(&world, &data, 5).await;
            if !fired {
                assert!(call >= 8, "{call} calls");
                break;
            }
        }
    }
}

/// A live writer rewrites, deletes or adds a row at each call: what it wrote stays.
#[tokio::test]
async fn a_live_writer_is_never_written_over() {
    for delete in [false, true] {
        for call in 0.. {
            let (world, data, ring) = with_notes(3).await;
            let staged = Staged::over(Arc::clone(&data));
            let slow = world.open().await;
            let store: Arc<dyn Records> = staged.clone();
            cover(&slow, &store).await;
            let live = Arc::clone(&data);
            let least = ring.promoted_epoch(&purpose()).unwrap();
            let act: keyward_testkit::Act = Box::new(move || {
                Box::pin(async move {
                    let acme = tenant("acme");
                    let by = ring.sealing_key(&purpose(), &acme, least).await.unwrap();
                    // The pass writes one page while it reads the next: it may be faster once.
                    loop {
                        let found = fetch(live.as_ref(), "acme", "01").await;
                        let (key, version) = (found.key, found.version);
                        let write = if delete {
                            Write::Delete { key, version }
                        } else {
                            Write::Swap {
                                key,
                                version,
                                content: Content {
                                    sealed: sealed(&by, "acme", "01", b"01").unwrap(),
                                    data: b"live".to_vec(),
                                    ..Content::default()
                                },
                            }
                        };
                        match live.apply(vec![write]).await.unwrap() {
                            Applied::Done(_) => break,
                            conflict => assert!(matches!(conflict, Applied::Conflict { .. })),
                        }
                    }
                })
            });
            staged.interrupt(call, Interrupt::Run(act));
            let report = Pass::new(&slow, &purpose()).run().await.unwrap();
            let fired = staged.fired();
            assert_eq!((report.left, report.quarantined), (0, 0), "at {call}");
            if !fired {
                assert_eq!(report.moved, 3);
                break;
            }
            let held = data.fetch(&at("acme", "01")).await.unwrap();
            match held {
                Some(row) if !delete => assert_eq!(row.data, b"live", "at {call}"),
                None if delete => {}
                other => panic!("at {call}: {other:?}"),
            }
        }
    }
}

pub(crate) fn numbered(at: usize) -> String {
    format!("t{at:03}")
}

/// A world of `tenants` tenants with a note each, under a key that is retired; and the keyring of
/// another process, whose calls to the key store are counted.
async fn with_tenants(tenants: usize) -> (World, Arc<dyn Records>, Keyring, Arc<Staged>, Keyring) {
    let world = World::new();
    let ring = world.create().await;
    let data: Arc<dyn Records> = Arc::new(MemoryStore::new(10_000));
    for at in 0..tenants {
        put(&ring, data.as_ref(), &numbered(at), "1").await;
    }
    rotate(&ring).await;
    let keys = Staged::over(world.store.clone());
    let slow = Keyring::builder(keys.clone(), world.root.clone()).clock(world.clock.clone());
    let slow = slow.open().await.unwrap();
    cover(&slow, &data).await;
    keys.take_calls();
    (world, data, ring, keys, slow)
}

/// All notes open under a key of their own tenant, of which there are two: an old and a new one.
async fn all_opened(ring: &Keyring, data: &dyn Records, tenants: usize) {
    for at in 0..tenants {
        let owner = numbered(at);
        let row = fetch(data, &owner, "1").await;
        let header = Header::peek(&row.sealed).unwrap();
        let key = ring
            .opening_key(&purpose(), &tenant(&owner), header.key)
            .await;
        assert_eq!(
            opened(&key.unwrap(), &row.key, &row.sealed).unwrap(),
            b"1",
            "{owner}"
        );
        let keys = ring.admin().tenant_usage(&tenant(&owner)).await.unwrap();
        assert_eq!(keys.len(), 2, "{owner}");
    }
}

#[tokio::test]
async fn a_pass_issues_the_keys_of_many_tenants_in_one_write() {
    let (_world, data, ring, keys, slow) = with_tenants(100).await;
    let report = Pass::new(&slow, &purpose()).run().await.unwrap();
    assert_eq!((report.moved, report.left), (100, 0));
    let calls = keys.take_calls();
    let writes = calls.iter().filter(|call| **call == Call::Apply).count();
    assert_eq!(writes, 2, "64 at a time");
    all_opened(&ring, data.as_ref(), 100).await;
    // One that has no key yet, in the middle of the others, and one whose note is alone old.
    rotate(&ring).await;
    ring.sealing_key(&purpose(), &tenant("t001"), 0)
        .await
        .unwrap();
    put(&ring, data.as_ref(), "t000x", "1").await;
    let report = Pass::new(&slow, &purpose()).run().await.unwrap();
    assert_eq!((report.moved, report.left), (100, 0));
}

/// Another process issues some of the keys, or the ring moves on, or this one dies, at each call.
#[tokio::test]
async fn keys_issued_ahead_are_none_too_many_whoever_comes_between() {
    for what in ["another issues", "the ring changes", "it dies"] {
        for call in 0.. {
            let (_world, data, ring, keys, slow) = with_tenants(5).await;
            let other = ring.clone();
            let act: keyward_testkit::Act = Box::new(move || {
                Box::pin(async move {
                    if what == "the ring changes" {
                        let more = keyward_base::Purpose::new("more").unwrap();
                        let admin = other.admin();
                        let made = admin.add_purpose(&more, keyward_keys::KeyUse::Seal).await;
                        made.unwrap();
                        return;
                    }
                    for at in [1, 3] {
                        let owner = tenant(&numbered(at));
                        other.sealing_key(&purpose(), &owner, 0).await.unwrap();
                    }
                })
            });
            keys.interrupt(
                call,
                match what {
                    "it dies" => Interrupt::DieAfter,
                    _ => Interrupt::Run(act),
                },
            );
            let died = Pass::new(&slow, &purpose()).run().await;
            let fired = keys.fired();
            let report = match died {
                Err(error) => {
                    assert_eq!(what, "it dies", "{error}");
                    Pass::new(&slow, &purpose()).run().await.unwrap()
                }
                Ok(report) => report,
            };
            assert_eq!((report.left, report.skipped), (0, 0), "{what} at {call}");
            all_opened(&ring, data.as_ref(), 5).await;
            if !fired {
                assert!(call >= 5, "{call} calls");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_key_record_that_is_damaged_keeps_no_other_from_its_key() {
    let (world, data, ring, keys, slow) = with_tenants(5).await;
    let place = tenant_key("t002");
    let found = world.store.fetch(&place).await.unwrap().unwrap();
    let mut content = found.content.clone();
    content.data.reverse();
    let swap = Write::Swap {
        key: place,
        version: found.version,
        content,
    };
    let swapped = world.store.apply(vec![swap]).await.unwrap();
    assert!(matches!(swapped, Applied::Done(_)));
    let report = Pass::new(&slow, &purpose()).run().await.unwrap();
    assert_eq!((report.moved, report.damaged), (4, 1));
    let calls = keys.take_calls();
    let writes = calls.iter().filter(|call| **call == Call::Apply).count();
    assert_eq!(writes, 1);
    drop((data, ring));
}

/// Somebody who writes the next row under the Active key at each call of the store, until `last`
/// is written, and then does something else.
fn busy(
    staged: Arc<Staged>,
    data: Arc<dyn Records>,
    ring: Keyring,
    row: usize,
    last: usize,
    then: keyward_testkit::Act,
) -> Interrupt {
    Interrupt::Run(Box::new(move || {
        Box::pin(async move {
            if row > last {
                return then().await;
            }
            let id = format!("{row:02}");
            let found = fetch(data.as_ref(), "acme", &id).await;
            let least = ring.promoted_epoch(&purpose()).unwrap();
            let by = ring.sealing_key(&purpose(), &tenant("acme"), least).await;
            let sealed = sealed(&by.unwrap(), "acme", &id, id.as_bytes()).unwrap();
            let write = Write::Swap {
                key: found.key,
                version: found.version,
                content: Content {
                    sealed,
                    data: b"live".to_vec(),
                    ..Content::default()
                },
            };
            let done = data.apply(vec![write]).await.unwrap();
            assert!(matches!(done, Applied::Done(_)));
            let next = busy(Arc::clone(&staged), data, ring, row + 1, last, then);
            staged.interrupt(0, next);
        })
    }))
}

/// Batches lose to a live writer until each row is moved by itself, and so do some of those; or the
/// barrier moves meanwhile, which ends what was begun behind the one before.
#[tokio::test]
async fn busy_rows_hold_up_no_other() {
    const ROWS: usize = 20;
    for last in 0..ROWS {
        for raises in [false, true] {
            let (world, data, ring) = with_notes(ROWS).await;
            let staged = Staged::over(Arc::clone(&data));
            let slow = world.open().await;
            let store: Arc<dyn Records> = staged.clone();
            cover(&slow, &store).await;
            let (other, held) = (ring.clone(), Arc::clone(&data));
            let then: keyward_testkit::Act = Box::new(move || {
                Box::pin(async move {
                    if raises {
                        rotate(&other).await;
                        let least = other.promoted_epoch(&purpose()).unwrap();
                        let up = Barrier::raise(held.as_ref(), &notes(), &purpose(), least).await;
                        assert_eq!(up.unwrap().promoted_epoch(), least);
                    }
                })
            });
            let first = busy(Arc::clone(&staged), Arc::clone(&data), ring, 0, last, then);
            staged.interrupt(0, first);
            let report = Pass::new(&slow, &purpose())
                .batch(ROWS)
                .run()
                .await
                .unwrap();
            assert_eq!((report.left, report.quarantined), (0, 0));
            let mut live = 0;
            for row in 0..ROWS {
                let row = fetch(data.as_ref(), "acme", &format!("{row:02}")).await;
                live += u64::from(row.content.data == b"live");
            }
            assert!(report.moved + live >= 20, "{report:?}, {live}");
            if !raises {
                assert_eq!(report.seen, 20);
                all_moved(&world, &data, ROWS).await;
            }
        }
    }
}

#[tokio::test]
async fn a_store_that_is_away_condemns_no_row() {
    for call in 0.. {
        let (world, data, _) = with_notes(2).await;
        let keys = Staged::over(world.store.clone());
        let records: Arc<dyn Records> = keys.clone();
        let cold = Keyring::builder(records, world.root.clone())
            .clock(world.clock.clone())
            .open()
            .await
            .unwrap();
        let row = cover(&cold, &data).await;
        keys.interrupt(call, Interrupt::DieBefore);
        let ended = Pass::new(&cold, &purpose()).run().await;
        if !keys.fired() {
            assert!(call > 2, "{call} calls");
            break;
        }
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::Unavailable, "{call}");
        assert!(row.bad.lock().unwrap().is_empty());
        let noted = Scan::of(Collection::named("quarantine/notes"));
        assert!(data.scan(noted).await.unwrap().items.is_empty());
    }
}

#[tokio::test]
async fn the_barrier_is_up_before_the_first_row_is_read() {
    let (world, data, ring) = with_notes(1).await;
    let staged = Staged::over(Arc::clone(&data));
    let records: Arc<dyn Records> = staged.clone();
    let slow = world.open().await;
    cover(&slow, &records).await;
    staged.take_calls();
    let report: Report = Pass::new(&slow, &purpose()).run().await.unwrap();
    assert_eq!(report.moved, 1);
    let calls = staged.take_calls();
    let raised = calls.iter().position(|call| *call == Call::Apply);
    let scanned = calls
        .iter()
        .position(|call| *call == Call::Scan("notes".to_owned()));
    assert!(raised < scanned, "{calls:?}");
    let barrier = Barrier::claim(data.as_ref(), &notes(), &purpose()).await;
    let promoted = ring.promoted_epoch(&purpose()).unwrap();
    assert_eq!(barrier.unwrap().promoted_epoch(), promoted);
}

/// Rows that are current when they are read, and not any more when their batch is written.
#[tokio::test]
async fn a_barrier_that_moved_is_seen_by_a_batch_that_moves_nothing() {
    let mut at = None;
    for raises in [false, true] {
        let (world, data, ring) = with_notes(0).await;
        for id in ["00", "01", "02"] {
            put(&ring, data.as_ref(), "acme", id).await;
        }
        let staged = Staged::over(Arc::clone(&data));
        let records: Arc<dyn Records> = staged.clone();
        let slow = world.open().await;
        cover(&slow, &records).await;
        staged.take_calls();
        let held = Arc::clone(&data);
        let act: keyward_testkit::Act = Box::new(move || {
            Box::pin(async move {
                rotate(&ring).await;
                let least = ring.promoted_epoch(&purpose()).unwrap();
                let up = Barrier::raise(held.as_ref(), &notes(), &purpose(), least).await;
                assert_eq!(up.unwrap().promoted_epoch(), least);
            })
        });
        if let Some(at) = at.filter(|_| raises) {
            staged.interrupt(at, Interrupt::Run(act));
        }
        let report = Pass::new(&slow, &purpose()).run().await.unwrap();
        assert_eq!(
            (report.moved, staged.fired()),
            if raises { (3, true) } else { (0, false) }
        );
        all_moved(&world, &data, 3).await;
        let calls = staged.take_calls();
        let scanned = calls.iter().position(|call| matches!(call, Call::Scan(_)));
        let scanned = scanned.unwrap();
        let applied = calls[scanned..]
            .iter()
            .position(|call| *call == Call::Apply);
        at = Some(scanned + applied.unwrap());
    }
}

/// Another process rotates, moves every value, and destroys both the key that the values were
/// under and the one that the slow pass seals under, at each call of the slow one to either store:
/// while it has one page sealed and writes another, too.
#[tokio::test]
async fn keys_destroyed_beside_a_pass_take_no_value_with_them() {
    const TENANTS: usize = 5;
    for (of_keys, after) in [(false, false), (false, true), (true, false), (true, true)] {
        for call in 0.. {
            let (world, data, ring, keys, slow) = with_tenants(TENANTS).await;
            let staged = Staged::over(Arc::clone(&data));
            let store: Arc<dyn Records> = staged.clone();
            let row = cover(&slow, &store).await;
            cover(&ring, &data).await;
            let other = ring.clone();
            let act: keyward_testkit::Act = Box::new(move || {
                Box::pin(async move {
                    rotate(&other).await;
                    let report = Pass::new(&other, &purpose()).run().await.unwrap();
                    assert_eq!((report.left, report.skipped), (0, 0));
                    for at in 0..2 {
                        let key = other.status().keys[at].id;
                        other.admin().disable(key).await.unwrap();
                        other.admin().destroy(key).await.unwrap();
                    }
                })
            });
            keys.take_calls();
            let interrupt = if after {
                Interrupt::RunAfter(act)
            } else {
                Interrupt::Run(act)
            };
            let which = if of_keys { &keys } else { &staged };
            which.interrupt(call, interrupt);
            let ended = Pass::new(&slow, &purpose()).batch(2).run().await;
            let fired = which.fired();
            let report = ended.unwrap();
            let at = format!("{of_keys} {after} {call}: {report:?}");
            assert_eq!((report.left, report.quarantined), (0, 0), "{at}");
            assert!(row.bad.lock().unwrap().is_empty(), "{at}");
            // Of a process that begins now, every value opens under the key that is left.
            let fresh = world.open().await;
            let least = fresh.promoted_epoch(&purpose()).unwrap();
            for owner in (0..TENANTS).map(numbered) {
                let held = fetch(data.as_ref(), &owner, "1").await;
                let id = Header::peek(&held.sealed).unwrap().key;
                let key = fresh.opening_key(&purpose(), &tenant(&owner), id).await;
                let key = key.unwrap();
                assert!(key.issued_epoch() >= least, "{at}");
                assert_eq!(opened(&key, &held.key, &held.sealed).unwrap(), b"1");
            }
            if !fired {
                assert!(call >= 4, "{call} calls");
                break;
            }
        }
    }
}

/// A tenant is deleted, its notes of bad rows too, at each call of a pass: no note of it comes
/// back.
#[tokio::test]
async fn no_bad_row_is_noted_of_a_tenant_that_is_gone() {
    let quarantine = || Collection::named("quarantine/notes");
    for call in 0.. {
        let (world, data, _) = with_notes(3).await;
        insert(data.as_ref(), at("acme", "01x"), "plain".to_owned(), b"").await;
        let staged = Staged::over(Arc::clone(&data));
        let slow = world.open().await;
        let store: Arc<dyn Records> = staged.clone();
        cover(&slow, &store).await;
        let held = Arc::clone(&data);
        let act: keyward_testkit::Act = Box::new(move || {
            Box::pin(async move {
                for collection in [notes(), quarantine()] {
                    held.delete_owner(&collection, "acme").await.unwrap();
                }
            })
        });
        staged.interrupt(call, Interrupt::Run(act));
        let report = Pass::new(&slow, &purpose()).batch(1).run().await.unwrap();
        let noted = data.scan(Scan::of(quarantine())).await.unwrap().items;
        if !staged.fired() {
            assert_eq!((report.moved, report.quarantined, noted.len()), (3, 1, 1));
            assert!(call > 8, "{call} calls");
            break;
        }
        assert_eq!(noted, [], "at {call}");
    }
}

/// A key record that the key store itself cannot read is its owner's loss: the rows are none the
/// worse for it, the owner's as little as the others'.
#[tokio::test]
async fn a_key_record_that_the_store_cannot_read_condemns_no_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.db");
    let open = || {
        let store = keyward_sqlite::SqliteStore::open(&path).unwrap();
        let root = root(V1);
        Keyring::builder(Arc::new(store), Arc::new(root))
    };
    let data: Arc<dyn Records> = Arc::new(MemoryStore::new(10_000));
    let ring = open().create(&[purpose()], &[]).await.unwrap();
    for at in 0..5 {
        put(&ring, data.as_ref(), &numbered(at), "1").await;
    }
    rotate(&ring).await;
    drop(ring);
    let damage = |to: &str| {
        let conn = rusqlite::Connection::open(&path).unwrap();
        let sql = format!(
            "UPDATE record SET expires = {to} WHERE collection = 'tenant-keys' AND owner = 't002'"
        );
        assert_eq!(conn.execute(&sql, []).unwrap(), 1);
    };
    damage("-1");
    let ring = open().open().await.unwrap();
    let row = cover(&ring, &data).await;
    let pass = Pass::new(&ring, &purpose()).run().await.unwrap();
    assert_eq!((pass.moved, pass.skipped, pass.damaged), (4, 1, 1));
    assert!(row.bad.lock().unwrap().is_empty());
    let noted = Scan::of(Collection::named("quarantine/notes"));
    assert!(data.scan(noted).await.unwrap().items.is_empty());
    drop(ring);
    damage("NULL");
    let ring = open().open().await.unwrap();
    cover(&ring, &data).await;
    let pass = Pass::new(&ring, &purpose()).run().await.unwrap();
    assert_eq!((pass.moved, pass.left), (1, 0), "{pass:?}");
}

/// Another process rotates once more, and destroys the key that the slow pass issues under, which
/// nothing needs yet, at each call to the key store; then the pass dies, at each call to the other
/// store: no tenant is left with a key under one that is gone.
#[tokio::test]
async fn no_key_is_issued_ahead_under_one_that_is_destroyed() {
    const TENANTS: usize = 3;
    let (mut call, mut dies, mut gone) = (0, 0, 0);
    loop {
        let (_world, data, ring, keys, slow) = with_tenants(TENANTS).await;
        cover(&ring, &data).await;
        let staged = Staged::over(Arc::clone(&data));
        let store: Arc<dyn Records> = staged.clone();
        cover(&slow, &store).await;
        let active = ring.status().keys[1].id;
        let other = ring.clone();
        let act: keyward_testkit::Act = Box::new(move || {
            Box::pin(async move {
                rotate(&other).await;
                other.admin().disable(active).await.unwrap();
                // Not if values are under it by then.
                let _either_way = other.admin().destroy(active).await;
            })
        });
        keys.take_calls();
        keys.interrupt(call, Interrupt::Run(act));
        staged.interrupt(dies, Interrupt::DieBefore);
        let _died = Pass::new(&slow, &purpose()).run().await;
        ring.refresh().await.unwrap();
        if ring.status().keys[1].state == KeyState::Destroyed {
            gone += 1;
            for owner in (0..TENANTS).map(numbered) {
                let held = ring.admin().tenant_usage(&tenant(&owner)).await.unwrap();
                let under = held.iter().any(|key| key.wrapped_by == active);
                assert!(!under, "{owner} at {call}, {dies}");
            }
        }
        match (keys.fired(), staged.fired()) {
            (true, true) => dies += 1,
            (false, true) if call == 0 => dies += 1,
            (true, false) => (call, dies) = (call + 1, 0),
            (false, true) if dies < 12 => dies += 1,
            (false, _) => break,
        }
    }
    assert!(gone > 8, "{gone}");
}

/// Another rotates once more and dies after any of its calls, so that its cursor may lie just where
/// that of the slow one does: what the slow one sealed behind the barrier before is not written.
#[tokio::test]
async fn a_page_sealed_ahead_is_dropped_when_the_barrier_moves() {
    let (mut call, mut dies, mut ended) = (0, 0, 0);
    loop {
        let (world, data, _) = with_notes(5).await;
        let (staged, dying) = (
            Staged::over(Arc::clone(&data)),
            Staged::over(Arc::clone(&data)),
        );
        let slow = world.open().await;
        let store: Arc<dyn Records> = staged.clone();
        cover(&slow, &store).await;
        let other = world.open().await;
        let store: Arc<dyn Records> = dying.clone();
        cover(&other, &store).await;
        dying.interrupt(dies, Interrupt::DieAfter);
        let act: keyward_testkit::Act = Box::new(move || {
            Box::pin(async move {
                rotate(&other).await;
                let _died = Pass::new(&other, &purpose()).batch(2).run().await;
            })
        });
        staged.interrupt(call, Interrupt::Run(act));
        let report = Pass::new(&slow, &purpose()).batch(2).run().await.unwrap();
        // By the key that was Active when it last began.
        assert_eq!((report.left, report.quarantined), (0, 0), "{call}, {dies}");
        match (staged.fired(), dying.fired()) {
            (true, true) => dies += 1,
            (true, false) => (call, dies, ended) = (call + 1, 0, ended + 1),
            (false, _) => break,
        }
    }
    assert!(ended > 8, "{ended}");
}

/// A ring that is not what was written is no row's fault, whenever the pass meets it.
#[tokio::test]
async fn a_ring_that_is_damaged_meanwhile_condemns_no_row() {
    let mut refused = 0;
    for call in 0.. {
        let (world, data, _, keys, slow) = with_tenants(3).await;
        let row = cover(&slow, &data).await;
        keys.take_calls();
        let store = world.store.clone();
        let act: keyward_testkit::Act =
            Box::new(move || Box::pin(async move { store.put_ring(b"kwrg".to_vec()).await }));
        keys.interrupt(call, Interrupt::Run(act));
        let ended = Pass::new(&slow, &purpose()).run().await;
        refused += u32::from(ended.is_err());
        assert!(row.bad.lock().unwrap().is_empty(), "at {call}");
        let noted = Scan::of(Collection::named("quarantine/notes"));
        assert_eq!(data.scan(noted).await.unwrap().items, [], "at {call}");
        if !keys.fired() {
            break;
        }
    }
    assert!(refused > 0);
}

/// Keys that were wrapped anew lie under the Active ring key, and are as old as they were: whoever
/// has the values that they sealed may have them.
#[tokio::test]
async fn a_key_that_was_wrapped_anew_is_not_a_new_one() {
    let (world, data, ring) = with_notes(2).await;
    let done = ring.admin().rewrap_keys(|_| {}).await.unwrap();
    assert_eq!(done.moved, 1);
    let cold = world.open().await;
    let least = cold.promoted_epoch(&purpose()).unwrap();
    let acme = tenant("acme");
    let key = cold.sealing_key(&purpose(), &acme, least).await.unwrap();
    assert!(key.issued_epoch() >= least);
    rotate(&ring).await;
    ring.admin().rewrap_keys(|_| {}).await.unwrap();
    let cold = world.open().await;
    cover(&cold, &data).await;
    let report = Pass::new(&cold, &purpose()).run().await.unwrap();
    assert_eq!((report.moved, report.left), (2, 0));
    all_moved(&world, &data, 2).await;
}
