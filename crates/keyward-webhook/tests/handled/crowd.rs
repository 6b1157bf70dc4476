//! Many deliveries at once, whose handlers and processes end badly at random.
//!
//! `KEYWARD_WEBHOOK_IDS` and `KEYWARD_WEBHOOK_KILLS` set the size: 60 ids and 2 kills unless told
//! otherwise; the full form is 10,000 and 20. The children are this test binary itself.

use std::collections::{BTreeMap, BTreeSet};
use std::future::{pending, poll_fn};
use std::io::{BufRead as _, BufReader, Write as _};
use std::panic::resume_unwind;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use keyward_base::{ManualClock, Purpose};
use keyward_crypto::Provider;
use keyward_keys::{FileRoot, Keyring, KeyringBuilder};
use keyward_sqlite::SqliteStore;
use keyward_store::{Once, Stores};
use keyward_webhook::inbox::policy::InboxPolicy;
use keyward_webhook::{
    Claimed, Claims, Inbox, OnceTerms, Outcome, OwnedWebhook, Ran, Webhook, WholeBody, Worked,
    preset,
};

use crate::support::{acme, at, claims, clock, github, memory};

const HOME: &str = "KEYWARD_WEBHOOK_TEST_HOME";
const ROLE: &str = "KEYWARD_WEBHOOK_TEST_ROLE";
const ROUND: &str = "KEYWARD_WEBHOOK_TEST_ROUND";

/// Deliveries of each id, and tasks that handle them.
const DELIVERIES: usize = 8;
const TASKS: usize = 64;

fn size(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

fn ids() -> usize {
    size("KEYWARD_WEBHOOK_IDS", 60)
}

fn kills() -> usize {
    size("KEYWARD_WEBHOOK_KILLS", 2)
}

fn random() -> u8 {
    let mut byte = [0];
    Provider::default().fill(&mut byte).unwrap();
    byte[0]
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .build()
        .unwrap()
}

fn hooks(count: usize) -> Arc<Vec<OwnedWebhook<WholeBody>>> {
    let hook = |n: usize| github(&n.to_string(), format!("body {n}").as_bytes());
    Arc::new((0..count).map(hook).collect())
}

/// A handler that fails, panics or goes on for ever, one time in eight each; how it ends is told
/// by its lease.
async fn attempt(
    claims: Claims,
    hooks: Arc<Vec<OwnedWebhook<WholeBody>>>,
    n: usize,
) -> Option<bool> {
    let hook = hooks[n].get();
    match claims.claim(&acme(), &hook).await.unwrap() {
        Claimed::Done => Some(false),
        Claimed::InFlight { .. } => None,
        Claimed::First(lease) => {
            let fate = random() % 8;
            if fate == 0 {
                let mut run = Box::pin(lease.run(pending::<Result<(), ()>>()));
                poll_fn(|cx| Poll::Ready(run.as_mut().poll(cx).is_pending())).await;
                return None;
            }
            let handler = async {
                tokio::task::yield_now().await;
                match fate {
                    1 => Err(()),
                    // Without a word on standard error.
                    2 => resume_unwind(Box::new("a handler's own")),
                    _ => Ok(()),
                }
            };
            match lease.run(handler).await.unwrap() {
                Ran::Done(()) => Some(true),
                Ran::Failed(()) => None,
                other => panic!("{other:?}"),
            }
        }
        other => panic!("{other:?}"),
    }
}

/// Every delivery comes again until it is done; `done` is told of each completion.
async fn deliver(
    claims: &Claims,
    hooks: &Arc<Vec<OwnedWebhook<WholeBody>>>,
    done: impl Fn(usize) + Send + Sync + 'static,
) {
    let (next, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(done));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..TASKS {
        let (claims, hooks) = (claims.clone(), Arc::clone(hooks));
        let (next, done) = (Arc::clone(&next), Arc::clone(&done));
        tasks.spawn(async move {
            loop {
                // The deliveries of one id are at hand at about the same time.
                let n = next.fetch_add(1, Ordering::SeqCst) / DELIVERIES;
                if n >= hooks.len() {
                    return;
                }
                loop {
                    let one = attempt(claims.clone(), Arc::clone(&hooks), n);
                    match tokio::spawn(one).await {
                        Ok(Some(first)) => {
                            if first {
                                done(n);
                            }
                            break;
                        }
                        Ok(None) => tokio::task::yield_now().await,
                        Err(e) if e.is_panic() => {}
                        Err(e) => panic!("{e}"),
                    }
                }
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
}

async fn one_completion_each(store: Arc<dyn Once>) {
    let hooks = hooks(ids());
    let claims = claims(OnceTerms::of(&preset::GITHUB), store, &clock());
    let done = Arc::new(Mutex::new(vec![0; hooks.len()]));
    let tell = Arc::clone(&done);
    deliver(&claims, &hooks, move |n| tell.lock().unwrap()[n] += 1).await;
    assert!(done.lock().unwrap().iter().all(|count| *count == 1));
}

#[test]
fn one_completion_is_recorded_for_each_id_in_memory() {
    runtime().block_on(one_completion_each(memory()));
}

#[test]
fn one_completion_is_recorded_for_each_id_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("data.db")).unwrap();
    runtime().block_on(one_completion_each(Arc::new(store)));
}

/// What a child process does; nothing when the test runs by itself.
#[test]
fn child() {
    let (Ok(home), Ok(role)) = (std::env::var(HOME), std::env::var(ROLE)) else {
        return;
    };
    let (home, round) = (Path::new(&home), size(ROUND, 0));
    match role.as_str() {
        "claims" => runtime().block_on(claim_until_killed(home, round)),
        #[cfg(feature = "sqlite")]
        "within" => within_until_killed(home),
        "inbox" => runtime().block_on(work_until_killed(home, round)),
        other => panic!("unknown role {other}"),
    }
    say("end");
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n{line}").unwrap();
    out.flush().unwrap();
}

fn spawn(home: &Path, role: &str, round: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crowd::child", "--nocapture"])
        .env(HOME, home)
        .env(ROLE, role)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs children of a role, each but the last killed at another moment, and gives `line` what they
/// say. The last one goes on to its end.
fn killed(home: &Path, role: &str, expected: usize, mut line: impl FnMut(&str)) -> usize {
    let kills = kills();
    for round in 0..kills {
        let mut child = spawn(home, role, round);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok).filter(|line| !line.is_empty());
        let most = (expected / kills).max(1);
        let after = usize::from(random()) * most / 256;
        let mut said = 0;
        while said < after {
            let Some(text) = lines.next() else { break };
            said += usize::from(text.starts_with("done") || text.starts_with("ack"));
            line(&text);
        }
        for _ in 0..usize::from(random()) * 4_096 {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        lines.for_each(|text| line(&text));
        child.wait().unwrap();
    }
    let mut last = spawn(home, role, kills);
    let lines = BufReader::new(last.stdout.take().unwrap()).lines();
    let mut ended = false;
    for text in lines.map_while(Result::ok) {
        ended |= text == "end";
        line(&text);
    }
    let status = last.wait().unwrap();
    assert!(status.success() && ended, "the last one: {status}");
    kills
}

fn number(line: &str, word: &str) -> Option<usize> {
    line.strip_prefix(word)?.trim().parse().ok()
}

async fn claim_until_killed(home: &Path, round: usize) {
    let store = Arc::new(SqliteStore::open(home.join("data.db")).unwrap());
    // Leases of the round before are over.
    let clock = Arc::new(ManualClock::new(at(round as u64 * 61_000)));
    let claims = claims(OnceTerms::of(&preset::GITHUB), store, &clock);
    deliver(&claims, &hooks(ids()), |n| say(&format!("done {n}"))).await;
}

#[test]
fn one_completion_is_recorded_for_each_id_whatever_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let (ids, mut done) = (ids(), BTreeSet::new());
    let kills = killed(folder.path(), "claims", ids, |line| {
        if let Some(n) = number(line, "done ") {
            assert!(done.insert(n), "{n} was done twice");
        }
    });
    // What was recorded and not told of any more is done all the same.
    let store = Arc::new(SqliteStore::open(folder.path().join("data.db")).unwrap());
    let claims = claims(OnceTerms::of(&preset::GITHUB), store, &clock());
    runtime().block_on(async {
        for hook in hooks(ids).iter() {
            let found = claims.claim(&acme(), &hook.get()).await.unwrap();
            assert!(matches!(found, Claimed::Done));
        }
    });
    println!(
        "{ids} ids, {DELIVERIES} deliveries each, {kills} kills: {} told, none twice",
        done.len()
    );
    assert!(done.len() + kills * TASKS >= ids);
}

#[cfg(feature = "sqlite")]
fn database(home: &Path) -> rusqlite::Connection {
    let mut conn = rusqlite::Connection::open(home.join("app.db")).unwrap();
    conn.busy_timeout(Duration::from_secs(60)).unwrap();
    conn.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
         CREATE TABLE IF NOT EXISTS effect (n INTEGER)",
    )
    .unwrap();
    let tx = conn
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .unwrap();
    keyward_sqlite::claims::install(&tx).unwrap();
    tx.commit().unwrap();
    conn
}

#[cfg(feature = "sqlite")]
fn within_until_killed(home: &Path) {
    use keyward_webhook::{ClaimsInSqlite, Within};

    let (hooks, next) = (hooks(ids()), AtomicUsize::new(0));
    let claims = ClaimsInSqlite::new(OnceTerms::of(&preset::GITHUB)).unwrap();
    drop(database(home));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut conn = database(home);
                loop {
                    let n = next.fetch_add(1, Ordering::SeqCst) / DELIVERIES;
                    let Some(hook) = hooks.get(n) else { return };
                    loop {
                        let tx = conn
                            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
                            .unwrap();
                        let claimed = claims.claim(&tx, &acme(), &hook.get(), at(0)).unwrap();
                        if let Within::First(exactly_once) = claimed {
                            let tx = exactly_once.transaction();
                            tx.execute(
                                "INSERT INTO effect VALUES (?1)",
                                [i64::try_from(n).unwrap()],
                            )
                            .unwrap();
                        }
                        // Rolled back one time in eight.
                        if !random().is_multiple_of(8) {
                            tx.commit().unwrap();
                            break;
                        }
                    }
                    say(&format!("done {n}"));
                }
            });
        }
    });
}

#[cfg(feature = "sqlite")]
#[test]
fn effects_happen_exactly_once_in_the_callers_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let ids = ids();
    let kills = killed(folder.path(), "within", ids, |_| ());
    let conn = database(folder.path());
    let count = |sql| conn.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let (all, different) = (
        count("SELECT count(*) FROM effect"),
        count("SELECT count(DISTINCT n) FROM effect"),
    );
    println!("{ids} ids, {DELIVERIES} deliveries each, {kills} kills: {all} effects");
    let wanted = i64::try_from(ids).unwrap();
    assert_eq!((all, different), (wanted, wanted));
}

fn builder(home: &Path, clock: &Arc<ManualClock>) -> KeyringBuilder {
    let keys = Arc::new(SqliteStore::open(home.join("keys.db")).unwrap());
    let root = FileRoot::open(&home.join("root"), &Provider::default()).unwrap();
    Keyring::builder(keys, Arc::new(root)).clock(Arc::<ManualClock>::clone(clock))
}

async fn inbox(home: &Path, clock: &Arc<ManualClock>) -> (Inbox, Keyring) {
    let keyring = builder(home, clock).open().await.unwrap();
    let store: Arc<dyn Stores> = Arc::new(SqliteStore::open(home.join("data.db")).unwrap());
    let githubs = Webhook::new(preset::GITHUB, Provider::default()).unwrap();
    let mut policy = InboxPolicy::default();
    policy.attempts = 5;
    let inbox = Inbox::builder(keyring.clone(), store)
        .provider(&githubs, OnceTerms::of(githubs.scheme()))
        .unwrap()
        .policy(policy)
        .build()
        .await
        .unwrap();
    (inbox, keyring)
}

/// One in fifty never succeeds.
fn is_poison(n: usize) -> bool {
    n % 50 == 7
}

/// Takes all deliveries in, in several tasks, and handles them in several others, until there is
/// nothing left to do. Time goes on whenever the workers have nothing to do.
async fn work_until_killed(home: &Path, round: usize) {
    let clock = Arc::new(ManualClock::new(at(round as u64 * 3_600_000)));
    let (inbox, keyring) = inbox(home, &clock).await;
    let (hooks, next) = (hooks(ids()), Arc::new(AtomicUsize::new(0)));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (inbox, hooks, next) = (inbox.clone(), Arc::clone(&hooks), Arc::clone(&next));
        tasks.spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::SeqCst);
                let Some(hook) = hooks.get(n) else { return };
                let accepted = inbox.accept(&acme(), &hook.get()).await.unwrap();
                assert!(matches!(
                    accepted.outcome(),
                    Outcome::Stored | Outcome::Done
                ));
                say(&format!("ack {n}"));
            }
        });
    }
    // Whoever lets time go on reads the keyring again before anybody else does: a view of it that
    // is too old opens nothing.
    let (idle, all) = (Arc::new(tokio::sync::Mutex::new(())), hooks.len());
    for _ in 0..8 {
        let (inbox, clock, keyring) = (inbox.clone(), Arc::clone(&clock), keyring.clone());
        let (next, idle) = (Arc::clone(&next), Arc::clone(&idle));
        tasks.spawn(async move {
            loop {
                let Some(taken) = inbox.next().await.unwrap() else {
                    if next.load(Ordering::SeqCst) < all + 16 {
                        tokio::task::yield_now().await;
                    } else if inbox.counts(None).await.unwrap().waiting == 0 {
                        return;
                    } else {
                        let _alone = idle.lock().await;
                        clock.advance(Duration::from_secs(20));
                        keyring.refresh().await.unwrap();
                    }
                    continue;
                };
                let hook = taken.hook();
                let body = str::from_utf8(hook.get().body()).unwrap().to_owned();
                let n = number(&body, "body ").unwrap();
                let fate = if is_poison(n) { 1 } else { random() % 32 };
                if fate == 0 {
                    let mut run = Box::pin(taken.run(pending::<Result<(), ()>>()));
                    poll_fn(|cx| Poll::Ready(run.as_mut().poll(cx).is_pending())).await;
                    continue;
                }
                let handler = async {
                    match fate {
                        1 => Err(()),
                        2 => resume_unwind(Box::new("a handler's own")),
                        _ => Ok(()),
                    }
                };
                if let Worked::Done(()) = taken.run(handler).await.unwrap() {
                    say(&format!("ran {n}"));
                }
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
}

#[test]
fn nothing_that_was_acknowledged_is_lost_whatever_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let (home, ids) = (folder.path(), ids());
    let clock = Arc::new(ManualClock::new(at(0)));
    FileRoot::create(&home.join("root"), &Provider::default()).unwrap();
    runtime().block_on(async {
        let purposes = [Purpose::new("webhook").unwrap()];
        builder(home, &clock).create(&purposes, &[]).await.unwrap();
    });
    let (mut acknowledged, mut ran) = (BTreeSet::new(), BTreeMap::<usize, usize>::new());
    let kills = killed(home, "inbox", ids, |line| {
        if let Some(n) = number(line, "ack ") {
            acknowledged.insert(n);
        }
        if let Some(n) = number(line, "ran ") {
            *ran.entry(n).or_default() += 1;
        }
    });
    assert_eq!(acknowledged.len(), ids);
    assert!(ran.values().all(|count| *count == 1), "recorded twice");
    runtime().block_on(async {
        clock.set(at((kills as u64 + 2) * 3_600_000));
        let (inbox, _keyring) = inbox(home, &clock).await;
        let counts = inbox.counts(None).await.unwrap();
        let (finished, dead) = (counts.finished as usize, counts.dead as usize);
        // Each is kept once, and none is lost; what never succeeds is listed.
        assert_eq!((finished + dead, counts.waiting), (ids, 0));
        let poison: BTreeSet<_> = (0..ids).filter(|n| is_poison(*n)).collect();
        let mut letters = Vec::new();
        let mut after = None;
        loop {
            let page = inbox.dead_letters(None, after, 100).await.unwrap();
            letters.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(letters.len(), dead);
        assert!(dead >= poison.len());
        // Replayed, each runs once more.
        let mut replayed = BTreeMap::<usize, usize>::new();
        for letter in &letters {
            assert!(inbox.replay(letter.endpoint(), letter.row()).await.unwrap());
        }
        while let Some(taken) = inbox.next().await.unwrap() {
            let hook = taken.hook();
            let body = str::from_utf8(hook.get().body()).unwrap().to_owned();
            *replayed.entry(number(&body, "body ").unwrap()).or_default() += 1;
            let worked = taken.run(async { Ok::<_, ()>(()) }).await.unwrap();
            assert!(matches!(worked, Worked::Done(())));
        }
        assert_eq!(replayed.len(), dead);
        assert!(poison.iter().all(|n| replayed.contains_key(n)));
        assert!(replayed.values().all(|count| *count == 1));
        println!(
            "{ids} deliveries, {kills} kills: {finished} handled, {dead} dead letters, none lost"
        );
    });
}
