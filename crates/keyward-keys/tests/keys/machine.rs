//! Two purposes, two stores, a table of an application's own, and processes that know only part of
//! it: whatever they do, in whatever order, and wherever they die, no key goes that a row needs,
//! and none comes back.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyward_base::encoding::hex;

use keyward_base::key_tag::sealed_prefix;
use keyward_base::{
    Clock as _, Domain, ErrorKind, KeyId, ManualClock, Purpose, Result, Tenant, Timestamp,
};
use keyward_keys::{
    Advance, Algorithm, Anchor, Barrier, Coverage as _, KeyState, KeyUse, Keyring, Life, Pin,
    PinName, RecordColumn, Signs, Stage, Standing,
};
use keyward_store::{
    Applied, Collection, Content, MemoryStore, RecordKey, Records, Scan, Version, Write,
};
use keyward_testkit::{Interrupt, Staged};
use proptest::prelude::*;

use crate::world::{Column, OddStore, V1, purpose, ring_key, root, tenant};

const TOKEN: Domain<(u64,)> = Domain::new("acme/token/v1");

/// An anchor in memory: the file has tests of its own.
#[derive(Debug, Default)]
struct Held(Mutex<Option<Pin>>);

impl Anchor for Held {
    fn load(&self, _: &PinName) -> Result<Option<Pin>> {
        Ok(*self.0.lock().unwrap())
    }

    fn advance(&self, _: &PinName, next: &Pin) -> Result<Advance> {
        let mut held = self.0.lock().unwrap();
        Ok(match *held {
            Some(pin) => match pin.judge(next) {
                Standing::Newer => {
                    *held = Some(*next);
                    Advance::Pinned
                }
                Standing::Same => Advance::Pinned,
                Standing::Older => Advance::Older(pin),
                Standing::Fork => Advance::Fork(pin),
                Standing::Foreign => Advance::Foreign(pin),
            },
            None => {
                *held = Some(*next);
                Advance::Pinned
            }
        })
    }

    fn replace(&self, _: &PinName, _: Option<&Pin>, next: &Pin) -> Result<bool> {
        *self.0.lock().unwrap() = Some(*next);
        Ok(true)
    }

    fn describe(&self) -> String {
        "in memory".to_owned()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Advance(u32),
    /// The next action of a process dies at so many calls of the key store.
    Die(usize, bool),
    Destroy(usize),
    Disable(usize, bool),
    Enable(usize),
    /// Writes what was sealed and held, if that is still allowed.
    Finish,
    OldRing(usize),
    OldRow(usize),
    Promote,
    RewrapKeys,
    RewrapValues,
    Rotate(usize),
    RotateMac,
    Rotation(usize),
    Seal(usize, u8),
    /// Signs, and issues a token.
    Sign,
    Tick,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => prop_oneof![0_u32..5_000, 60_000_u32..200_000].prop_map(Step::Advance),
        2 => (0_usize..6, any::<bool>()).prop_map(|(at, after)| Step::Die(at, after)),
        4 => (0_usize..6).prop_map(Step::Destroy),
        3 => (0_usize..6, any::<bool>()).prop_map(|(n, even)| Step::Disable(n, even)),
        1 => (0_usize..6).prop_map(Step::Enable),
        6 => Just(Step::Finish),
        1 => (0_usize..64).prop_map(Step::OldRing),
        2 => (0_usize..64).prop_map(Step::OldRow),
        4 => Just(Step::Promote),
        2 => Just(Step::RewrapKeys),
        3 => Just(Step::RewrapValues),
        4 => (0_usize..4).prop_map(Step::Rotate),
        1 => Just(Step::RotateMac),
        4 => (0_usize..4).prop_map(Step::Rotation),
        8 => (0_usize..4, 0_u8..3).prop_map(|(place, who)| Step::Seal(place, who)),
        5 => Just(Step::Sign),
        4 => Just(Step::Tick),
    ]
}

/// A collection with a barrier.
struct Place {
    store: Arc<dyn Records>,
    collection: Collection,
    purpose: Purpose,
}

/// A value that is sealed and not stored yet.
enum Hand {
    Record {
        place: usize,
        tenant: u8,
        barrier: Barrier,
        sealed: String,
    },
    Cell {
        key: KeyId,
        tenant: u8,
        use_by: Timestamp,
    },
}

struct Run {
    keys: Arc<OddStore>,
    anchor: Arc<Held>,
    clock: Arc<ManualClock>,
    places: Vec<Place>,
    /// The table of the application, and whose values lie in it.
    table: Arc<Column>,
    owners: Vec<u8>,
    /// Knows all; knows one store; owns the table.
    processes: Vec<(Arc<Staged>, Keyring)>,
    hand: Vec<Hand>,
    /// What rows were, with the key they named.
    old: Vec<(usize, u8, String)>,
    /// The key of each token, its tag, and when it expires.
    tokens: Vec<(KeyId, [u8; 32], Timestamp)>,
    signatures: Vec<(KeyId, [u8; 64])>,
    destroyed: BTreeSet<KeyId>,
    rows: u64,
}

fn owner(n: u8) -> Tenant {
    tenant(["a", "b", "c"][usize::from(n)])
}

fn pepper() -> Purpose {
    Purpose::new("pepper").unwrap()
}

fn links() -> Purpose {
    Purpose::new("links").unwrap()
}

fn receipts() -> Purpose {
    Purpose::new("receipts").unwrap()
}

const RECEIPT: Domain<(&str,)> = Domain::new("test/receipt");

/// How long a token lives.
const LIFE: Duration = Duration::from_secs(100);

fn of(n: usize) -> Purpose {
    [purpose(), pepper(), links(), receipts()][n].clone()
}

impl Run {
    async fn new() -> Self {
        let (a, b): (Arc<dyn Records>, Arc<dyn Records>) = (
            Arc::new(MemoryStore::new(10_000)),
            Arc::new(MemoryStore::new(10_000)),
        );
        let vault = Collection::named("vault");
        let place = |store: &Arc<dyn Records>, collection: &Collection, purpose: Purpose| Place {
            store: Arc::clone(store),
            collection: collection.clone(),
            purpose,
        };
        let mut run = Self {
            keys: OddStore::new(),
            anchor: Arc::default(),
            clock: Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000))),
            places: vec![
                place(&a, &vault, purpose()),
                place(&a, &Collection::named("pepper"), pepper()),
                place(&b, &vault, purpose()),
            ],
            table: Column::new("app", &purpose(), false),
            owners: Vec::new(),
            processes: Vec::new(),
            hand: Vec::new(),
            old: Vec::new(),
            tokens: Vec::new(),
            signatures: Vec::new(),
            destroyed: BTreeSet::new(),
            rows: 0,
        };
        let purposes = [purpose(), pepper()];
        let made = run.builder(run.keys.clone()).create(&purposes, &[]).await;
        let admin = made.unwrap().admin();
        let uses = [
            (links(), KeyUse::Mac(Life::AtMost(LIFE))),
            (receipts(), KeyUse::Sign(Signs::Fields)),
        ];
        for (purpose, what) in uses {
            admin.add_purpose(&purpose, what).await.unwrap();
        }
        for (known, name) in [(0..3, None), (0..2, Some("one")), (2..3, Some("two"))] {
            let store = Staged::over(run.keys.clone());
            let builder = run.builder(store.clone());
            let builder = match name {
                Some(name) => builder.replica(name),
                None => builder,
            };
            let ring = builder.open().await.unwrap();
            for place in &run.places[known] {
                let (store, collection) = (Arc::clone(&place.store), place.collection.clone());
                let column = RecordColumn::new(store, collection, place.purpose.clone());
                ring.cover(Arc::new(column.unwrap())).await.unwrap();
            }
            if name != Some("one") {
                ring.cover(run.table.clone()).await.unwrap();
            }
            run.processes.push((store, ring));
        }
        run
    }

    fn builder(&self, store: Arc<dyn Records>) -> keyward_keys::KeyringBuilder {
        Keyring::builder(store, Arc::new(root(V1)))
            .clock(self.clock.clone())
            .anchor(self.anchor.clone())
    }

    async fn truth(&self) -> Keyring {
        self.builder(self.keys.inner.clone()).open().await.unwrap()
    }

    async fn step(&mut self, who: usize, step: Step) {
        let ring = self.processes[who].1.clone();
        let admin = ring.admin();
        let nth = |n: usize| {
            let keys = ring.status().keys;
            keys[n % keys.len()].id
        };
        match step {
            Step::Advance(ms) => {
                // Replicas tick as they should; one that does not loses its lease.
                self.clock.advance(Duration::from_millis(ms.into()));
            }
            Step::Die(at, after) => {
                let die = if after {
                    Interrupt::DieAfter
                } else {
                    Interrupt::DieBefore
                };
                self.processes[who].0.interrupt(at, die);
            }
            Step::Destroy(n) => {
                let id = nth(n);
                let ended = admin.destroy(id).await;
                let status = ring.status();
                let peppers = |k: &&keyward_keys::KeyStatus| k.id == id && k.purpose == pepper();
                let no_column =
                    |k: &&keyward_keys::KeyStatus| k.id == id && k.algorithm != Algorithm::Seal;
                let knows_all = who == 0
                    || status.keys.iter().any(|k| no_column(&k))
                    || (who == 1 && status.keys.iter().any(|k| peppers(&k)));
                assert!(knows_all || ended.is_err(), "it knows only part");
            }
            Step::Disable(n, even) => {
                let id = nth(n);
                let _any = if even {
                    admin.disable_even_uncounted(id).await
                } else {
                    admin.disable(id).await
                };
            }
            Step::Enable(n) => drop(admin.enable(nth(n)).await),
            Step::Finish => self.finish().await,
            Step::OldRing(n) => self.old_ring(n).await,
            Step::OldRow(n) => self.old_row(n).await,
            Step::Promote => drop(admin.promote_ready().await),
            Step::RewrapKeys => drop(admin.rewrap_keys(|_| {}).await),
            Step::RewrapValues => self.rewrap(&ring).await,
            Step::Rotate(n) => drop(admin.rotate(&of(n)).await),
            Step::RotateMac => drop(admin.rotate_mac(|_| {}).await),
            Step::Rotation(n) => {
                let mut rotation = admin.rotation(&of(n));
                if let Ok(Stage::Rewrap { .. }) = rotation.step().await {
                    self.rewrap(&ring).await;
                    drop(rotation.step().await);
                }
            }
            Step::Seal(place, tenant) => self.seal(who, place, tenant).await,
            Step::Sign => self.sign(&ring),
            Step::Tick => drop(ring.tick().await),
        }
        if !matches!(step, Step::Die(..)) {
            // Whoever died is started again: its handle goes on, as another process would.
            let _died: bool = self.processes[who].0.fired();
        }
        self.check().await;
    }

    async fn seal(&mut self, who: usize, place: usize, n: u8) {
        let ring = self.processes[who].1.clone();
        let Some(at) = self.places.get(place) else {
            // The table: only its owner, a replica, writes to it.
            let ring = self.processes[2].1.clone();
            let Ok(key) = ring.sealing_key(&purpose(), &owner(n), 0).await else {
                return;
            };
            let now = self.clock.now().unwrap();
            let use_by = now.saturating_add(ring.policy().seal_use);
            self.hand.push(Hand::Cell {
                key: key.id(),
                tenant: n,
                use_by,
            });
            return;
        };
        let claimed = Barrier::claim(at.store.as_ref(), &at.collection, &at.purpose).await;
        let barrier = claimed.unwrap();
        let least = barrier.promoted_epoch();
        let Ok(key) = ring.sealing_key(&at.purpose, &owner(n), least).await else {
            return;
        };
        let mut body = Vec::new();
        key.body()
            .seal(&crate::world::context(), &[n], &mut body)
            .unwrap();
        let sealed = sealed_prefix(key.suite(), key.id()) + &hex(&body);
        self.hand.push(Hand::Record {
            place,
            tenant: n,
            barrier,
            sealed,
        });
    }

    /// With whatever this process takes for the active keys.
    fn sign(&mut self, ring: &Keyring) {
        if let Ok(key) = ring.mac(&links()) {
            let expires = self.clock.now().unwrap().saturating_add(LIFE);
            self.tokens
                .push((key.id(), key.sign(TOKEN, &(7,)), expires));
        }
        if let Ok(key) = ring.signing(&receipts()) {
            let signature = key.sign(RECEIPT, &("paid",)).unwrap();
            self.signatures.push((key.id(), signature));
        }
    }

    /// No token that lives is refused for good, and no signature ever.
    fn check_signed(&self, truth: &Keyring) {
        let now = self.clock.now().unwrap();
        for (id, tag, expires) in &self.tokens {
            match truth.mac_by_id(&links(), *id) {
                Ok(key) => key.verify(TOKEN, &(7,), tag).unwrap(),
                Err(e) if e.reason() == Some(keyward_keys::reason::DISABLED_KEY) => {}
                Err(e) => assert!(*expires <= now, "a token lives on: {e:?}"),
            }
        }
        for (id, signature) in &self.signatures {
            let found = truth.verify_signature(&receipts(), *id, RECEIPT, &("paid",), signature);
            if let Err(e) = found {
                assert_eq!(
                    e.reason(),
                    Some(keyward_keys::reason::DISABLED_KEY),
                    "{e:?}"
                );
            }
        }
    }

    async fn finish(&mut self) {
        for hand in std::mem::take(&mut self.hand) {
            match hand {
                Hand::Cell {
                    key,
                    tenant,
                    use_by,
                } => {
                    if self.clock.now().unwrap() < use_by {
                        self.table.keys.lock().unwrap().push(key);
                        self.owners.push(tenant);
                    }
                }
                Hand::Record {
                    place,
                    tenant,
                    barrier,
                    sealed,
                } => {
                    self.rows += 1;
                    let at = &self.places[place];
                    let key = row(at, tenant, self.rows);
                    let content = content(sealed.clone());
                    let batch = vec![barrier.require(), Write::Insert { key, content }];
                    if let Applied::Done(_) = at.store.apply(batch).await.unwrap() {
                        self.old.push((place, tenant, sealed));
                    }
                }
            }
        }
    }

    /// Seals every value anew whose key was issued before the newest promotion.
    async fn rewrap(&mut self, ring: &Keyring) {
        if ring.refresh().await.is_err() {
            return;
        }
        for at in &self.places {
            let Ok(least) = ring.promoted_epoch(&at.purpose) else {
                return;
            };
            let raised = Barrier::raise(at.store.as_ref(), &at.collection, &at.purpose, least);
            raised.await.unwrap();
            for (key, version, sealed) in rows(at).await {
                let tenant = Tenant::new(&key.owner).unwrap();
                let named = named(&sealed);
                let admin = ring.admin();
                let Ok(held) = admin.opening_key(&at.purpose, &tenant, named).await else {
                    continue;
                };
                if held.issued_epoch() >= least {
                    continue;
                }
                let Ok(new) = ring.sealing_key(&at.purpose, &tenant, least).await else {
                    continue;
                };
                let plain = held
                    .body()
                    .open(&crate::world::context(), &body(&sealed))
                    .unwrap();
                let mut next = Vec::new();
                new.body()
                    .seal(&crate::world::context(), plain.expose(), &mut next)
                    .unwrap();
                let content = content(sealed_prefix(new.suite(), new.id()) + &hex(&next));
                let swap = Write::Swap {
                    key,
                    version,
                    content,
                };
                let _moved: Applied = at.store.apply(vec![swap]).await.unwrap();
            }
        }
        let least = ring.promoted_epoch(&purpose()).unwrap();
        let held: Vec<KeyId> = self.table.keys.lock().unwrap().clone();
        for (at, id) in held.into_iter().enumerate() {
            let tenant = owner(self.owners[at]);
            let found = ring.admin().opening_key(&purpose(), &tenant, id).await;
            if found.is_ok_and(|key| key.issued_epoch() < least)
                && let Ok(new) = ring.sealing_key(&purpose(), &tenant, least).await
            {
                self.table.keys.lock().unwrap()[at] = new.id();
            }
        }
    }

    /// Somebody who writes to a data store puts a row back to what it was: if its key is gone, it
    /// does not open, and nothing else comes of it.
    async fn old_row(&mut self, n: usize) {
        let Some((place, tenant, sealed)) = self.old.get(n % self.old.len().max(1)).cloned() else {
            return;
        };
        let at = &self.places[place];
        let truth = self.truth().await;
        let id = named(&sealed);
        let found = truth.opening_key(&at.purpose, &owner(tenant), id).await;
        if let Err(error) = &found {
            assert_ne!(error.kind(), ErrorKind::Corrupt);
            return;
        }
        self.rows += 1;
        let insert = Write::Insert {
            key: row(at, tenant, self.rows),
            content: content(sealed),
        };
        let _put: Applied = at.store.apply(vec![insert]).await.unwrap();
    }

    /// Somebody who writes to the key store puts the ring back: nobody goes on with it.
    async fn old_ring(&mut self, n: usize) {
        let rings = self.keys.rings.lock().unwrap().clone();
        let Some(old) = rings.get(n % rings.len().max(1)) else {
            return;
        };
        let newest = self.keys.ring().await;
        if old.content.data == newest {
            return;
        }
        self.keys.put(ring_key(), old.content.data.clone()).await;
        assert!(self.builder(self.keys.inner.clone()).open().await.is_err());
        for (_, ring) in &self.processes {
            assert!(ring.refresh().await.is_err());
            assert!(ring.admin().rotate(&purpose()).await.is_err());
            let added = ring
                .admin()
                .add_purpose(&Purpose::new("x").unwrap(), KeyUse::Seal)
                .await;
            assert!(added.is_err());
        }
        assert_eq!(self.keys.ring().await, old.content.data, "no fork");
        self.keys.put(ring_key(), newest).await;
    }

    async fn check(&mut self) {
        let truth = self.truth().await;
        let status = truth.status();
        let gone = status
            .keys
            .iter()
            .filter(|k| k.state == KeyState::Destroyed);
        let gone: BTreeSet<KeyId> = gone.map(|key| key.id).collect();
        assert!(gone.is_superset(&self.destroyed), "a key came back");
        self.destroyed = gone;
        self.check_signed(&truth);
        for at in &self.places {
            for (key, _, sealed) in rows(at).await {
                let tenant = Tenant::new(&key.owner).unwrap();
                let found = truth
                    .opening_key(&at.purpose, &tenant, named(&sealed))
                    .await;
                match found {
                    Ok(key) => drop(
                        key.body()
                            .open(&crate::world::context(), &body(&sealed))
                            .unwrap(),
                    ),
                    Err(e) => assert_eq!(
                        e.reason(),
                        Some(keyward_keys::reason::DISABLED_KEY),
                        "{e:?}"
                    ),
                }
            }
        }
        let held = self.table.keys.lock().unwrap().clone();
        for (id, n) in held.into_iter().zip(&self.owners) {
            let found = truth.opening_key(&purpose(), &owner(*n), id).await;
            if let Err(e) = found {
                assert_eq!(
                    e.reason(),
                    Some(keyward_keys::reason::DISABLED_KEY),
                    "a cell: {e:?}"
                );
            }
        }
    }
}

fn row(at: &Place, tenant: u8, n: u64) -> RecordKey {
    RecordKey {
        collection: at.collection.clone(),
        owner: owner(tenant).as_str().to_owned(),
        id: n.to_string(),
    }
}

fn content(sealed: String) -> Content {
    Content {
        sealed,
        ..Content::default()
    }
}

async fn rows(at: &Place) -> Vec<(RecordKey, Version, String)> {
    let found = at.store.scan(Scan::of(at.collection.clone())).await;
    let items = found.unwrap().items.into_iter();
    items
        .map(|record| (record.key, record.version, record.content.sealed))
        .collect()
}

/// The key that a sealed text names: base64url of suite and id, after `kw1.`.
fn named(sealed: &str) -> KeyId {
    let header = keyward_base::encoding::from_base64url(&sealed[4..16]).unwrap();
    KeyId::from_bytes(header[1..9].try_into().unwrap())
}

fn body(sealed: &str) -> Vec<u8> {
    let digits = sealed.as_bytes()[16..].chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn no_key_goes_that_a_row_needs_and_none_comes_back(
        steps in proptest::collection::vec((0_usize..3, step()), 1..80)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut run = Run::new().await;
            for (who, step) in steps {
                run.step(who, step).await;
            }
            prop_assert!(run.table.id().name() == "server.password");
            Ok(())
        })?;
    }
}
