//! Vaults of two purposes in two stores, a table of an application's own, and processes that know
//! only part of it: whatever they do, in whatever order, and wherever they die, no key goes that a
//! value needs, and none comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyward_base::{
    Clock as _, CredentialKind, ErrorKind, KeyId, ManualClock, Place, Purpose, RecordId, Result,
    Revision, Role, SecretBytes, Tenant, Timestamp,
};
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, KeyState, Keyring, Root, Stage};
use keyward_store::{
    Applied, BoxFuture, Collection, Content, Record, RecordKey, Records, Scan, StoreId, Write,
};
use keyward_testkit::{Interrupt, Staged};
use keyward_vault::{
    Cell, Column, Credential, Expect, Opened, Rewrap, Row, Sealed, Slot, Table, Vault,
};
use proptest::prelude::*;

use super::anchor::Held;
use crate::support::memory;

/// Which store, collection and purpose each vault has. One purpose lies in two stores, and one
/// store holds two purposes.
const VAULTS: [(usize, &str, &str); 3] = [
    (0, "vault", "vault"),
    (0, "cards", "billing"),
    (1, "vault", "vault"),
];

const TENANTS: [&str; 3] = ["acme", "globex", "initech"];

#[derive(Clone, Debug)]
enum Step {
    Advance(u32),
    Delete(usize, usize),
    /// The next action of a process dies at so many calls of the key store.
    Die(usize, bool),
    /// The next action of a process dies at so many calls of one data store.
    DieAtData(usize, usize, bool),
    Destroy(usize),
    Disable(usize, bool),
    Enable(usize),
    /// Stores in the table what was sealed for it, if that is still allowed.
    Finish,
    OldRing(usize),
    OldRow(usize),
    Promote,
    Put(usize, usize),
    RewrapKeys,
    RewrapValues(bool),
    Rotate(bool),
    RotateMac,
    Rotation(bool),
    Seal(usize),
    Tick,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => prop_oneof![0_u32..5_000, 60_000_u32..200_000].prop_map(Step::Advance),
        1 => (0_usize..3, 0_usize..3).prop_map(|(vault, n)| Step::Delete(vault, n)),
        2 => (0_usize..6, any::<bool>()).prop_map(|(at, after)| Step::Die(at, after)),
        2 => (0_usize..2, 0_usize..6, any::<bool>())
            .prop_map(|(store, at, after)| Step::DieAtData(store, at, after)),
        4 => (0_usize..6).prop_map(Step::Destroy),
        3 => (0_usize..6, any::<bool>()).prop_map(|(n, even)| Step::Disable(n, even)),
        1 => (0_usize..6).prop_map(Step::Enable),
        3 => Just(Step::Finish),
        1 => (0_usize..64).prop_map(Step::OldRing),
        2 => (0_usize..64).prop_map(Step::OldRow),
        4 => Just(Step::Promote),
        10 => (0_usize..3, 0_usize..3).prop_map(|(vault, n)| Step::Put(vault, n)),
        2 => Just(Step::RewrapKeys),
        3 => any::<bool>().prop_map(Step::RewrapValues),
        3 => any::<bool>().prop_map(Step::Rotate),
        1 => Just(Step::RotateMac),
        3 => any::<bool>().prop_map(Step::Rotation),
        3 => (0_usize..3).prop_map(Step::Seal),
        4 => Just(Step::Tick),
    ]
}

/// The table of the application: its rows are numbered.
#[derive(Debug, Default)]
struct App(Mutex<BTreeMap<usize, (usize, String)>>);

fn cell(tenant: usize, row: usize) -> Cell {
    Cell {
        tenant: Tenant::new(TENANTS[tenant]).unwrap(),
        record: RecordId::new(&row.to_string()).unwrap(),
        role: Role::none(),
        kind: CredentialKind::new("password").unwrap(),
        revision: Revision::FIRST,
    }
}

impl Table for App {
    fn count<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<u64>> {
        let rows = self.0.lock().unwrap();
        let count = rows.values().filter(|(_, text)| text.starts_with(prefix));
        Box::pin(std::future::ready(Ok(count.count() as u64)))
    }

    fn rows<'a>(&'a self, after: Option<&'a str>, limit: usize) -> BoxFuture<'a, Result<Vec<Row>>> {
        let first = after.map_or(0, |text| text.parse::<usize>().unwrap() + 1);
        let rows = self.0.lock().unwrap();
        let row = |(row, (tenant, text)): (&usize, &(usize, String))| Row {
            cursor: row.to_string(),
            cell: Some(cell(*tenant, *row)),
            value: text.clone(),
        };
        let found = rows.range(first..).take(limit).map(row).collect();
        Box::pin(std::future::ready(Ok(found)))
    }

    fn swap<'a>(&'a self, row: &'a Row, next: &'a Sealed) -> BoxFuture<'a, Result<bool>> {
        let mut rows = self.0.lock().unwrap();
        let held = rows.get_mut(&row.cursor.parse().unwrap());
        let swapped = held.is_some_and(|(_, text)| {
            let same = *text == row.value;
            if same {
                *text = next.as_str().to_owned();
            }
            same
        });
        Box::pin(std::future::ready(Ok(swapped)))
    }
}

struct Process {
    keys: Arc<Staged>,
    data: [Arc<Staged>; 2],
    ring: Keyring,
    vaults: [Option<Vault>; 3],
    column: Option<Column>,
}

struct Run {
    keys: Arc<dyn Records>,
    data: [Arc<dyn Records>; 2],
    root: Arc<dyn Root>,
    anchor: Arc<Held>,
    clock: Arc<ManualClock>,
    app: Arc<App>,
    /// Knows all; knows one store; knows the other, and owns the table.
    processes: Vec<Process>,
    /// What is sealed for the table and not stored yet.
    hand: Vec<(usize, usize, Sealed)>,
    /// What rows and rings were.
    old: Vec<(usize, Record)>,
    rings: Vec<Vec<u8>>,
    destroyed: BTreeSet<KeyId>,
    rows: usize,
}

fn purpose(first: bool) -> Purpose {
    Purpose::new(if first { "vault" } else { "billing" }).unwrap()
}

fn slot(tenant: usize) -> Slot {
    Slot::new(TENANTS[tenant], "account.token", "1").unwrap()
}

fn secret(tenant: usize) -> SecretBytes {
    SecretBytes::copy_of(format!("a-secret-of-{}", TENANTS[tenant]).as_bytes())
}

fn ring_key() -> RecordKey {
    RecordKey {
        collection: Collection::named("keyring"),
        owner: String::new(),
        id: "ring".to_owned(),
    }
}

impl Run {
    async fn new() -> Self {
        let mut run = Self {
            keys: memory(),
            data: [memory(), memory()],
            root: Arc::new(EphemeralRoot::new(&Provider::default()).unwrap()),
            anchor: Arc::default(),
            clock: Arc::new(ManualClock::new(Timestamp::from_millis(1_700_000_000_000))),
            app: Arc::default(),
            processes: Vec::new(),
            hand: Vec::new(),
            old: Vec::new(),
            rings: Vec::new(),
            destroyed: BTreeSet::new(),
            rows: 0,
        };
        let purposes = [purpose(true), purpose(false)];
        let made = run.builder(run.keys.clone()).create(&purposes, &[]).await;
        drop(made.unwrap());
        for known in [&[0, 1, 2][..], &[0, 1], &[2]] {
            let process = run.start(known).await;
            run.processes.push(process);
        }
        run
    }

    fn builder(&self, keys: Arc<dyn Records>) -> keyward_keys::KeyringBuilder {
        Keyring::builder(keys, Arc::clone(&self.root))
            .clock(self.clock.clone())
            .anchor(self.anchor.clone())
    }

    async fn start(&self, known: &[usize]) -> Process {
        let keys = Staged::over(self.keys.clone());
        let builder = self.builder(keys.clone());
        let builder = match known.len() {
            3 => builder,
            n => builder.replica(&format!("knows-{n}")),
        };
        let ring = builder.open().await.unwrap();
        let data = [0, 1].map(|n| Staged::over(self.data[n].clone()));
        let mut vaults = [const { None }; 3];
        for at in known {
            let store: Arc<dyn Records> = data[VAULTS[*at].0].clone();
            vaults[*at] = Some(vault(&ring, store, *at).await);
        }
        let mut column = None;
        if let Some(vault) = &vaults[2] {
            let place = Place::new("server.password").unwrap();
            let made = vault.column(StoreId::new("app").unwrap(), place).await;
            let made = made.unwrap();
            made.attach(self.app.clone());
            column = Some(made);
        }
        Process {
            keys,
            data,
            ring,
            vaults,
            column,
        }
    }

    /// A new process that looks at what is there, and dies of nothing.
    async fn truth(&self) -> (Keyring, Vec<Vault>) {
        let ring = self.builder(self.keys.clone()).open().await.unwrap();
        let mut vaults = Vec::new();
        for (at, (store, ..)) in VAULTS.iter().enumerate() {
            vaults.push(vault(&ring, self.data[*store].clone(), at).await);
        }
        (ring, vaults)
    }

    async fn ring(&self) -> Vec<u8> {
        let found = self.keys.fetch(&ring_key()).await.unwrap().unwrap();
        found.content.data
    }

    async fn put_ring(&self, data: Vec<u8>) {
        let version = self.keys.fetch(&ring_key()).await.unwrap().unwrap().version;
        let content = Content {
            data,
            ..Content::default()
        };
        let swap = Write::Swap {
            key: ring_key(),
            version,
            content,
        };
        let done = self.keys.apply(vec![swap]).await.unwrap();
        assert!(matches!(done, Applied::Done(_)));
    }

    async fn step(&mut self, who: usize, step: Step) {
        let before = self.ring().await;
        let process = &self.processes[who];
        let ring = process.ring.clone();
        let admin = ring.admin();
        let nth = |n: usize| {
            let keys = ring.status().keys;
            keys[n % keys.len()].id
        };
        let dies = |after| match after {
            true => Interrupt::DieAfter,
            false => Interrupt::DieBefore,
        };
        match step.clone() {
            Step::Advance(ms) => self.clock.advance(Duration::from_millis(ms.into())),
            Step::Delete(at, n) => {
                if let Some(vault) = &process.vaults[at] {
                    drop(vault.delete(&slot(n), Expect::Any).await);
                }
            }
            Step::Die(at, after) => process.keys.interrupt(at, dies(after)),
            Step::DieAtData(store, at, after) => process.data[store].interrupt(at, dies(after)),
            Step::Destroy(n) => self.destroy(who, nth(n)).await,
            Step::Disable(n, true) => drop(admin.disable_even_uncounted(nth(n)).await),
            Step::Disable(n, false) => drop(admin.disable(nth(n)).await),
            Step::Enable(n) => drop(admin.enable(nth(n)).await),
            Step::Finish => self.finish(),
            Step::OldRing(n) => self.old_ring(n).await,
            Step::OldRow(n) => self.old_row(n).await,
            Step::Promote => drop(admin.promote_ready().await),
            Step::Put(at, n) => self.put(who, at, n).await,
            Step::RewrapKeys => drop(admin.rewrap_keys(|_| {}).await),
            Step::RewrapValues(first) => self.rewrap(who, first).await,
            Step::Rotate(first) => drop(admin.rotate(&purpose(first)).await),
            Step::RotateMac => drop(admin.rotate_mac(|_| {}).await),
            Step::Rotation(first) => {
                let mut rotation = admin.rotation(&purpose(first));
                if let Ok(Stage::Rewrap { .. }) = rotation.step().await {
                    self.rewrap(who, first).await;
                    drop(rotation.step().await);
                }
            }
            Step::Seal(n) => self.seal(who, n).await,
            Step::Tick => drop(ring.tick().await),
        }
        if !matches!(step, Step::Die(..) | Step::DieAtData(..)) {
            // Whoever died is started again: its handle goes on, as another process would.
            let process = &self.processes[who];
            for store in [&process.keys, &process.data[0], &process.data[1]] {
                let _died: bool = store.fired();
            }
        }
        if before != self.ring().await {
            self.rings.push(before);
        }
        self.check().await;
    }

    async fn destroy(&self, who: usize, id: KeyId) {
        let ring = &self.processes[who].ring;
        let ended = ring.admin().destroy(id).await;
        let billing = |key: &keyward_keys::KeyStatus| key.id == id && key.purpose == purpose(false);
        let knows_all = who == 0 || (who == 1 && ring.status().keys.iter().any(billing));
        assert!(knows_all || ended.is_err(), "it knows only part");
    }

    async fn rewrap(&self, who: usize, first: bool) {
        let process = &self.processes[who];
        let known = process.vaults.iter().flatten();
        let mut of_purpose = known.filter(|vault| *vault.purpose() == purpose(first));
        match of_purpose.next() {
            Some(vault) => drop(Rewrap::new(vault).batch(2).run().await),
            None => drop(
                process
                    .ring
                    .admin()
                    .rewrap_values(&purpose(first), |_| {})
                    .await,
            ),
        }
    }

    async fn put(&mut self, who: usize, at: usize, n: usize) {
        let Some(vault) = &self.processes[who].vaults[at] else {
            return;
        };
        let credential = Credential::opaque(secret(n)).unwrap();
        let none = Role::none();
        let _either_way = vault.put(&slot(n), &credential, &none, Expect::Any).await;
        let place = RecordKey {
            collection: Collection::named(VAULTS[at].1),
            owner: TENANTS[n].to_owned(),
            id: "account.token/1".to_owned(),
        };
        let found = self.data[VAULTS[at].0].fetch(&place).await.unwrap();
        self.old.extend(found.map(|record| (at, record)));
    }

    async fn seal(&mut self, who: usize, n: usize) {
        let Some(column) = &self.processes[who].column else {
            return;
        };
        self.rows += 1;
        if let Ok(sealed) = column.seal(&cell(n, self.rows), &secret(n)).await {
            self.hand.push((n, self.rows, sealed));
        }
    }

    fn finish(&mut self) {
        let now = self.clock.now().unwrap();
        for (tenant, row, sealed) in self.hand.drain(..) {
            if sealed.check_use(now).is_ok() {
                let text = sealed.as_str().to_owned();
                self.app.0.lock().unwrap().insert(row, (tenant, text));
            }
        }
    }

    /// Somebody who writes to a data store puts a row back to what it was. If its key is gone it
    /// does not open, and nothing else comes of it.
    async fn old_row(&mut self, n: usize) {
        if self.old.is_empty() {
            return;
        }
        let (at, old) = self.old[n % self.old.len()].clone();
        let store = &self.data[VAULTS[at].0];
        let newest = store.fetch(&old.key).await.unwrap();
        let write = |held: Option<&Record>, content: Content| match held {
            Some(held) => Write::Swap {
                key: old.key.clone(),
                version: held.version,
                content,
            },
            None => Write::Insert {
                key: old.key.clone(),
                content,
            },
        };
        let put_back = write(newest.as_ref(), old.content.clone());
        assert!(matches!(
            store.apply(vec![put_back]).await.unwrap(),
            Applied::Done(_)
        ));
        let (_, vaults) = self.truth().await;
        let tenant = TENANTS.iter().position(|name| *name == old.key.owner);
        match vaults[at].open(&slot(tenant.unwrap()), &Role::none()).await {
            Ok(_) => {}
            Err(e) if e.reason() == Some(keyward_keys::reason::DISABLED_KEY) => {}
            Err(e) => {
                assert_ne!(e.kind(), ErrorKind::Corrupt);
                let held = store.fetch(&old.key).await.unwrap().unwrap();
                let again = match newest {
                    Some(newest) => write(Some(&held), newest.content),
                    None => Write::Delete {
                        key: held.key,
                        version: held.version,
                    },
                };
                let done = store.apply(vec![again]).await.unwrap();
                assert!(matches!(done, Applied::Done(_)));
            }
        }
    }

    /// Somebody who writes to the key store puts the ring back: nobody goes on with it.
    async fn old_ring(&self, n: usize) {
        let newest = self.ring().await;
        let Some(old) = self.rings.get(n % self.rings.len().max(1)) else {
            return;
        };
        if *old == newest {
            return;
        }
        self.put_ring(old.clone()).await;
        assert!(self.builder(self.keys.clone()).open().await.is_err());
        for process in &self.processes {
            assert!(process.ring.refresh().await.is_err());
            assert!(process.ring.admin().rotate(&purpose(true)).await.is_err());
        }
        assert_eq!(self.ring().await, *old, "no fork");
        self.put_ring(newest).await;
    }

    async fn check(&mut self) {
        let (ring, vaults) = self.truth().await;
        let keys = ring.status().keys;
        let gone = keys.iter().filter(|key| key.state == KeyState::Destroyed);
        let gone: BTreeSet<KeyId> = gone.map(|key| key.id).collect();
        assert!(gone.is_superset(&self.destroyed), "a key came back");
        self.destroyed = gone;
        for (at, vault) in vaults.iter().enumerate() {
            let (store, collection, _) = VAULTS[at];
            let scan = Scan::of(Collection::named(collection));
            for record in self.data[store].scan(scan).await.unwrap().items {
                let tenant = TENANTS.iter().position(|name| *name == record.key.owner);
                let tenant = tenant.unwrap();
                opens(vault.open(&slot(tenant), &Role::none()).await, tenant);
            }
        }
        let column = self.processes[0].column.as_ref().unwrap();
        let place = column.place().clone();
        let column = vaults[2].column(column.id().store().clone(), place).await;
        let column = column.unwrap();
        let rows = self.app.0.lock().unwrap().clone();
        for (row, (tenant, text)) in rows {
            let sealed: Sealed = text.parse().unwrap();
            match column.open(&cell(tenant, row), &sealed).await {
                Ok(bytes) => assert_eq!(bytes.expose(), secret(tenant).expose()),
                Err(e) => assert_eq!(
                    e.reason(),
                    Some(keyward_keys::reason::DISABLED_KEY),
                    "a cell: {e:?}"
                ),
            }
        }
    }
}

async fn vault(ring: &Keyring, store: Arc<dyn Records>, at: usize) -> Vault {
    let (_, collection, purpose) = VAULTS[at];
    let vault = Vault::builder(ring.clone(), store)
        .collection(Collection::named(collection))
        .purpose(Purpose::new(purpose).unwrap());
    vault.build().await.unwrap()
}

fn opens(opened: Result<Opened>, tenant: usize) {
    match opened {
        Ok(opened) => assert_eq!(opened.bytes().expose(), secret(tenant).expose()),
        Err(e) => assert_eq!(
            e.reason(),
            Some(keyward_keys::reason::DISABLED_KEY),
            "{e:?}"
        ),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn no_key_goes_that_a_value_needs_and_none_comes_back(
        steps in proptest::collection::vec((0_usize..3, step()), 1..60)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut run = Run::new().await;
            for (who, step) in steps {
                run.step(who, step).await;
            }
        });
    }
}
