//! A vote and an execution on SQLite, beside the raw commits that they need: a row of the same length
//! written over, and as many entries of the log put behind the others, in a transaction of its own for
//! each commit; for an execution a file of the anchor's length is replaced before. What is read, judged
//! and authenticated is all ours.

use std::cell::RefCell;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyward_approval::action::Step;
use keyward_approval::claims::{Advanced, ClaimName, ClaimPin, Index, SHARDS, Shard};
use keyward_approval::executor::{Effect, Job, OnceBy, Target};
use keyward_approval::{
    ActionBuilder, Asking, Ballot, Catalogue, Executor, ExecutorName, FileClaims, GateId, Gates,
    Policy, Requester, ServiceName, Shape, State,
};
use keyward_audit::Audit;
use keyward_base::{
    BoxFuture, Clock as _, Door, Evidence, Method, Purpose, Subject, SystemClock, Tenant, Timestamp,
};
use keyward_benches::compare_long;
use keyward_crypto::Provider;
use keyward_keys::{EphemeralRoot, Keyring};
use keyward_sqlite::SqliteStore;
use keyward_store::MemoryStore;
use keyward_store::conformance::block_on;
use rusqlite::{Connection, TransactionBehavior, params};

use crate::world::POLICY;

const USERS: Door = Door::new("users");

/// Rounds of a comparison: a commit waits for a disk.
const ROUNDS: usize = 201;

#[derive(Debug)]
struct Signed(Tenant, Subject, Timestamp);

impl Evidence for Signed {
    fn tenant(&self) -> &Tenant {
        &self.0
    }
    fn subject(&self) -> &Subject {
        &self.1
    }
    fn method(&self) -> Method {
        Method::PASSWORD
    }
    fn door(&self) -> Door {
        USERS
    }
    fn at(&self) -> Timestamp {
        self.2
    }
    fn is_factor_due(&self) -> bool {
        false
    }
}

/// Says at once that it is done.
#[derive(Debug)]
struct Done;

impl Target for Done {
    fn once(&self, _: &Step) -> OnceBy {
        OnceBy::Nothing
    }

    fn run<'a>(&'a self, _: &'a Job<'a>) -> BoxFuture<'a, Effect> {
        Box::pin(std::future::ready(Effect::Done(String::new())))
    }
}

struct Held {
    folder: tempfile::TempDir,
    keyring: Keyring,
    gates: Gates,
    executor: Executor,
    tenant: Tenant,
    /// Beside the store's own: to see what was written.
    conn: Connection,
}

impl Held {
    fn new() -> Self {
        let provider = Provider::default();
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("data.db");
        let store = Arc::new(SqliteStore::open(&at).unwrap());
        let root = Arc::new(EphemeralRoot::new(&provider).unwrap());
        let (keyring, gates) = block_on(async {
            let ring = Keyring::builder(Arc::new(MemoryStore::new(1_000)), root);
            let ring = ring.create(&[Purpose::new("vault").unwrap()], &[]).await;
            let ring = ring.unwrap();
            let audit = Audit::builder(ring.clone(), store);
            let audit = audit.install().await.unwrap().build().await.unwrap();
            let policy = Policy::parse(&provider, POLICY).unwrap();
            let gates = Gates::builder(ring.clone(), audit, policy).door(USERS);
            let gates = gates.install().await.unwrap().build().await.unwrap();
            (ring, gates)
        });
        let claims = folder.path().join("claims");
        busy(&claims);
        let anchor = Arc::new(FileClaims::open(claims).unwrap());
        let name = ExecutorName::new("worker").unwrap();
        let executor = Executor::builder(gates.clone(), name, anchor, Arc::new(Done));
        Self {
            conn: Connection::open(&at).unwrap(),
            executor: executor.build().unwrap(),
            tenant: Tenant::new("acme").unwrap(),
            folder,
            keyring,
            gates,
        }
    }

    fn now(&self) -> Timestamp {
        SystemClock::new().now().unwrap()
    }

    /// Asks for something new.
    fn ask(&self) -> GateId {
        block_on(self.keyring.refresh()).unwrap();
        let catalogue = Catalogue::new().with(Shape::new("server.delete").unwrap());
        let step = catalogue.unwrap().step("server.delete", "web-1").unwrap();
        let builder = ActionBuilder::new(
            self.tenant.clone(),
            ServiceName::new("desk").unwrap(),
            ExecutorName::new("worker").unwrap(),
            Requester::agent(Subject::new("agent-7").unwrap()),
        );
        let policy = self.gates.policy();
        let asked = builder
            .step(step)
            .build(&policy, self.now(), &Provider::default())
            .unwrap();
        block_on(self.gates.ask(Asking::new(asked))).unwrap().gate()
    }

    fn vote(&self, gate: GateId) {
        let ada = Subject::new("ada").unwrap();
        let signed = Signed(self.tenant.clone(), ada, self.now());
        let voted = self
            .gates
            .vote(&self.tenant, gate, signed, Ballot::approve());
        assert_eq!(block_on(voted).unwrap().state, State::Approved);
    }

    fn run(&self, gate: GateId) {
        let state = block_on(async {
            let approved = self.gates.approved(&self.tenant, gate).await.unwrap();
            self.executor.run(approved).await.unwrap()
        });
        assert_eq!(state, State::Executed);
    }

    /// The longest row of a gate, and the lengths of the last entries of the log, as many as `act` made.
    fn written(&self, act: impl FnOnce()) -> (usize, Vec<usize>) {
        let number = |sql: &str| -> i64 { self.conn.query_row(sql, [], |row| row.get(0)).unwrap() };
        let before = number("SELECT count(*) FROM entry");
        act();
        let news = number("SELECT count(*) FROM entry") - before;
        let row = number("SELECT max(length(data)) FROM record WHERE collection = 'approval'");
        let last = "SELECT length(bytes) FROM entry ORDER BY seq DESC LIMIT ?1";
        let mut last = self.conn.prepare(last).unwrap();
        let lens = last.query_map([news], |row| row.get::<_, i64>(0)).unwrap();
        let len = |len: i64| usize::try_from(len).unwrap();
        (len(row), lens.map(|one| len(one.unwrap())).collect())
    }

    /// Bytes of the anchor's file that has the claim of that gate.
    fn anchor(&self, gate: GateId) -> Vec<u8> {
        let file = gate.to_string()[..3].to_owned();
        std::fs::read(self.folder.path().join("claims").join(file)).unwrap()
    }
}

/// The anchor of an executor that keeps about 100,000 claims: 24 in each file.
fn busy(claims: &Path) {
    drop(FileClaims::open(claims.to_owned()).unwrap());
    let until = SystemClock::new().now().unwrap();
    let until = until.saturating_add(std::time::Duration::from_secs(3600));
    let mut index = Index::default();
    for number in 0..SHARDS {
        let mut shard = Shard::new(number);
        for nth in 0..24 {
            let [first, second] = (number << 4).to_be_bytes();
            let mut id = [nth; 16];
            (id[0], id[1]) = (first, second);
            let name = ClaimName::gate(GateId::from_bytes(id), until);
            let pin = ClaimPin {
                counter: 3,
                digest: [nth; 32],
            };
            assert_eq!(shard.advance(name, pin), Advanced::Pinned);
        }
        let file = claims.join(format!("{number:03x}"));
        std::fs::write(file, shard.render()).unwrap();
        index.add(number);
    }
    std::fs::write(claims.join("index"), index.render()).unwrap();
}

/// A database of the same form, written plainly.
struct Raw {
    conn: RefCell<Connection>,
    file: PathBuf,
    next: RefCell<i64>,
}

impl Raw {
    fn new(folder: &Path) -> Self {
        let path = folder.join("raw.db");
        drop(SqliteStore::open(&path).unwrap());
        let conn = Connection::open(&path).unwrap();
        conn.execute_batch(
            "PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON;",
        )
        .unwrap();
        conn.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))
            .unwrap();
        conn.execute(
            "INSERT INTO record (collection, owner, id, version, expires,
                 mac_key, token_key, word, data, sealed)
             VALUES ('approval', 'acme', 'gate', 1, 1, x'61', x'', 'pending/', x'', '')",
            [],
        )
        .unwrap();
        Self {
            conn: RefCell::new(conn),
            file: folder.join("raw-anchor"),
            next: RefCell::new(0),
        }
    }

    fn commit(&self, row: usize, entries: &[usize]) {
        let (mut conn, mut next) = (self.conn.borrow_mut(), self.next.borrow_mut());
        let tx = conn
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .unwrap();
        tx.prepare_cached(
            "UPDATE record SET version = version + 1, data = ?1
             WHERE collection = 'approval' AND owner = 'acme' AND id = 'gate'",
        )
        .unwrap()
        .execute(params![vec![7_u8; row]])
        .unwrap();
        for len in entries {
            tx.prepare_cached(
                "INSERT INTO entry (collection, owner, id, seq, bytes)
                 VALUES ('audit', 'acme', 'log', ?1, ?2)",
            )
            .unwrap()
            .execute(params![*next, vec![7_u8; *len]])
            .unwrap();
            *next += 1;
        }
        tx.commit().unwrap();
    }

    /// Replaced by a new one that is on the disk, name and all.
    fn file(&self, bytes: &[u8]) {
        let beside = self.file.with_extension("new");
        let mut file = File::create(&beside).unwrap();
        file.write_all(bytes).unwrap();
        file.sync_all().unwrap();
        std::fs::rename(&beside, &self.file).unwrap();
        File::open(self.file.parent().unwrap())
            .unwrap()
            .sync_all()
            .unwrap();
    }
}

pub(crate) fn compare() {
    let held = Held::new();
    let raw = Raw::new(held.folder.path());
    let first = held.ask();
    let (row, entries) = held.written(|| held.vote(first));
    let waiting = RefCell::new(first);
    let next = |nth: usize| {
        if nth == 1 {
            *waiting.borrow_mut() = held.ask();
        }
    };
    compare_long(
        "a vote",
        ROUNDS,
        next,
        &mut [
            ("raw commit", Box::new(|| raw.commit(row, &entries))),
            ("keyward", Box::new(|| held.vote(*waiting.borrow()))),
        ],
    );
    let (row, entries) = held.written(|| held.run(first));
    let anchor = held.anchor(first);
    let (claim, result) = entries.split_at(entries.len() / 2);
    let next = |nth: usize| {
        if nth == 1 {
            *waiting.borrow_mut() = held.ask();
            held.vote(*waiting.borrow());
        }
    };
    compare_long(
        "an execution",
        ROUNDS,
        next,
        &mut [
            (
                "raw commits, a file replaced",
                Box::new(|| {
                    raw.file(&anchor);
                    raw.commit(row, claim);
                    raw.commit(row, result);
                }),
            ),
            ("keyward", Box::new(|| held.run(*waiting.borrow()))),
        ],
    );
}
