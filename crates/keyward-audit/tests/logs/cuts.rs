//! A process that ends at any step of what is done to logs: before a call of the store or of the
//! anchor, or right after it. What the next one finds is whole.
//!
//! With `KEYWARD_FULL`, it is a process that is killed, over SQLite.

use std::collections::HashMap;
use std::fmt;
use std::future::pending;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use keyward_audit::audit::{OWN_CLASS, Rule};
use keyward_audit::{Audit, AuditBuilder, Of};
use keyward_base::{BoxFuture, Result};
use keyward_keys::{Advance, Anchor, FileAnchor, Pin, PinName, Standing};
use keyward_store::{MemoryStore, Stores};
use tokio::sync::Notify;

use crate::store::Watched;
use crate::world::{World, acme, event};

/// Where a run ends.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    /// How many steps it takes still; none: to its end.
    left: Mutex<Option<usize>>,
    /// Whether the last step is done.
    is_done: AtomicBool,
    /// Whether the process is killed then.
    kills: AtomicBool,
    steps: AtomicUsize,
    over: Notify,
}

/// What becomes of a step.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Goes,
    Lost,
    Last,
}

impl Cut {
    fn set(&self, left: Option<usize>, is_done: bool) {
        *self.left.lock().unwrap() = left;
        self.is_done.store(is_done, Ordering::Relaxed);
        self.steps.store(0, Ordering::Relaxed);
    }

    fn step(&self) -> Step {
        self.steps.fetch_add(1, Ordering::Relaxed);
        let mut left = self.left.lock().unwrap();
        let is_done = self.is_done.load(Ordering::Relaxed);
        match &mut *left {
            None => Step::Goes,
            Some(0) => Step::Lost,
            Some(1) if is_done => {
                *left = Some(0);
                Step::Last
            }
            Some(n) => {
                *n -= 1;
                Step::Goes
            }
        }
    }

    fn end(&self) {
        if self.kills.load(Ordering::Relaxed) {
            let id = std::process::id().to_string();
            let _killed = Command::new("kill").args(["-9", &id]).status();
            std::thread::park();
        }
        self.over.notify_one();
    }

    pub(crate) fn through<'a, T: Send + 'a>(&'a self, call: BoxFuture<'a, T>) -> BoxFuture<'a, T> {
        Box::pin(async move {
            let step = self.step();
            if step == Step::Lost {
                self.end();
                return pending().await;
            }
            let done = call.await;
            if step == Step::Last {
                self.end();
                return pending().await;
            }
            done
        })
    }
}

/// An anchor whose writes are steps too.
struct Remembers {
    pins: Mutex<HashMap<PinName, Pin>>,
    cut: Arc<Cut>,
}

impl fmt::Debug for Remembers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remembers")
    }
}

impl Anchor for Remembers {
    fn load(&self, name: &PinName) -> Result<Option<Pin>> {
        Ok(self.pins.lock().unwrap().get(name).copied())
    }

    fn advance(&self, name: &PinName, next: &Pin) -> Result<Advance> {
        // There is no way to stop here: what comes after is lost.
        let step = self.cut.step();
        let mut pins = self.pins.lock().unwrap();
        if step == Step::Lost {
            return Err(keyward_base::Error::unavailable("it ended"));
        }
        let held = pins.get(name).copied();
        match held.map(|held| (held, held.judge(next))) {
            None | Some((_, Standing::Newer | Standing::Same)) => {
                pins.insert(name.clone(), *next);
                Ok(Advance::Pinned)
            }
            Some((held, Standing::Older)) => Ok(Advance::Older(held)),
            Some((held, Standing::Fork)) => Ok(Advance::Fork(held)),
            Some((held, Standing::Foreign)) => Ok(Advance::Foreign(held)),
        }
    }

    fn replace(&self, name: &PinName, held: Option<&Pin>, next: &Pin) -> Result<bool> {
        if self.cut.step() == Step::Lost {
            return Err(keyward_base::Error::unavailable("it ended"));
        }
        let mut pins = self.pins.lock().unwrap();
        if pins.get(name) != held {
            return Ok(false);
        }
        pins.insert(name.clone(), *next);
        Ok(true)
    }

    fn describe(&self) -> String {
        "here".to_owned()
    }
}

/// All that is done to a log; tells of each entry that was acknowledged.
async fn all(audit: &Audit, mut told: impl FnMut(Of, u64)) -> Result<()> {
    for (of, count) in [(acme(), 3), (Of::Service, 1)] {
        for n in 0..count {
            let seq = audit.append(event(&of, n)).await?;
            told(of.clone(), seq);
        }
    }
    audit.tile(&acme()).await?;
    audit.checkpoint(&acme()).await?;
    let round = audit.round(|_| ()).await?;
    assert!(round.bad.is_empty(), "{:?}", round.bad);
    audit.erase(&acme(), &Rule::all()).await?;
    audit.settle(&acme()).await?;
    audit.prove(&acme(), 0).await?;
    audit.export(&acme(), 0..3, Vec::new(), |_| ()).await?;
    Ok(())
}

/// How many of a log's entries are not of itself.
async fn of_others(audit: &Audit, of: &Of) -> u64 {
    let (mut count, mut next) = (0, Some(0));
    while let Some(from) = next {
        let page = audit.entries(of, from, 4096).await.unwrap();
        next = page.next;
        let others = page.entries.iter();
        let others = others.filter(|kept| kept.leaf.header.class.as_str() != OWN_CLASS);
        count += others.count() as u64;
    }
    count
}

/// What was acknowledged in each log, and may be there besides.
#[derive(Default)]
struct Told {
    acknowledged: HashMap<Of, u64>,
    next: HashMap<Of, u64>,
    besides: u64,
}

impl Told {
    fn note(&mut self, of: Of, seq: u64) {
        let next = self.next.entry(of.clone()).or_default();
        assert!(seq >= *next, "{of}: {seq} twice");
        *next = seq + 1;
        *self.acknowledged.entry(of).or_default() += 1;
    }

    /// All that was acknowledged is there once; what was not, at most once, if the step was done.
    async fn check(&mut self, audit: &Audit, may_be: bool) {
        let mut more = 0;
        for (of, acknowledged) in &mut self.acknowledged {
            let there = of_others(audit, of).await;
            assert!(there >= *acknowledged, "{of}: lost");
            more += there - *acknowledged;
            *acknowledged = there;
        }
        assert!(more <= u64::from(may_be), "{more} twice");
        self.besides += more;
    }
}

async fn is_whole(audit: &Audit) {
    for of in [acme(), Of::Service, Of::Root] {
        audit.verify(&of, |_| ()).await.unwrap();
    }
    let rooted = audit.rooted().await.unwrap();
    for of in [acme(), Of::Service] {
        rooted.check(&of).await.unwrap();
    }
    assert_eq!(rooted.dropped().await.unwrap(), []);
}

/// A store and an anchor that nothing was written to, and where what is done to them ends.
pub(crate) struct Place {
    pub(crate) inner: Arc<dyn Stores>,
    anchor: Arc<Remembers>,
    cut: Arc<Cut>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let cut = Arc::new(Cut::default());
        Self {
            inner: Arc::new(MemoryStore::new(10_000)),
            anchor: Arc::new(Remembers {
                pins: Mutex::default(),
                cut: Arc::clone(&cut),
            }),
            cut,
        }
    }

    /// The logs as a process has them that was just started.
    pub(crate) async fn audit(&self, world: &World) -> Audit {
        let store = Watched::cut(Arc::clone(&self.inner), Arc::clone(&self.cut));
        let builder = Audit::builder(world.keyring.clone(), store);
        builder.anchor(self.anchor.clone()).build().await.unwrap()
    }

    /// Does that up to a step; says whether it came to its end.
    pub(crate) async fn up_to(
        &self,
        step: usize,
        is_done: bool,
        done: impl Future<Output = Result<()>>,
    ) -> bool {
        self.cut.set(Some(step), is_done);
        let over = self.cut.over.notified();
        let ended = tokio::select! {
            biased;
            () = over => false,
            // An anchor fails at its step instead.
            ended = done => ended.is_ok(),
        };
        self.cut.set(None, false);
        ended
    }
}

#[tokio::test]
async fn whatever_step_is_the_last_the_next_run_goes_on() {
    let world = World::new().await;
    let full = std::env::var_os("KEYWARD_FULL").is_some();
    let (mut step, mut is_over, mut besides) = (0, false, 0);
    while !is_over {
        for is_done in [false, true] {
            // What is stored after one step is what is stored before the next.
            if !full && is_done == (step % 2 == 0) {
                continue;
            }
            let (place, mut told) = (Place::new(), Told::default());
            let audit = place.audit(&world).await;
            all(&audit, |of, seq| told.note(of, seq)).await.unwrap();
            let audit = place.audit(&world).await;
            let done = all(&audit, |of, seq| told.note(of, seq));
            is_over |= place.up_to(step, is_done, done).await;
            let audit = place.audit(&world).await;
            told.check(&audit, is_done).await;
            is_whole(&audit).await;
            all(&audit, |of, seq| told.note(of, seq)).await.unwrap();
            told.check(&audit, false).await;
            is_whole(&place.audit(&world).await).await;
            besides += told.besides;
        }
        // The appends come first: each of their steps.
        step += if full || step < 16 { 1 } else { 5 };
    }
    println!("{step} steps, {besides} entries that nobody was told of");
    assert!(step > 40, "{step}");
    assert!(besides > 0);
}

#[tokio::test]
async fn an_acceptance_is_whole_or_can_be_repeated() {
    let world = World::new().await;
    let (mut at, mut is_over, mut repeated) = (0, false, 0);
    while !is_over {
        let (step, is_done) = (at / 2, at % 2 == 1);
        at += 1;
        let place = Place::new();
        let audit = place.audit(&world).await;
        for of in [acme(), Of::Service] {
            audit.append(event(&of, 0)).await.unwrap();
        }
        audit.round(|_| ()).await.unwrap();
        let old = audit.head(&acme()).await.unwrap().unwrap().log;
        // What the anchor has is of a history that is lost.
        let lost = Pin {
            id: [7; 16],
            counter: 9,
            digest: [7; 32],
        };
        let name = PinName::new("log/root").unwrap();
        place.anchor.pins.lock().unwrap().insert(name, lost);
        let audit = place.audit(&world).await;
        let accepts = async {
            keyward_audit::danger::accept_restore(&audit).await?;
            audit.append(event(&acme(), 1)).await?;
            audit.checkpoint(&acme()).await.map(|_| ())
        };
        is_over = place.up_to(step, is_done, accepts).await;
        let audit = place.audit(&world).await;
        if audit.rooted().await.is_err() {
            // Not yet: nothing is signed, and no log goes on elsewhere.
            repeated += 1;
            assert!(audit.checkpoint(&acme()).await.is_err());
            audit.append(event(&acme(), 2)).await.unwrap();
            assert_eq!(audit.head(&acme()).await.unwrap().unwrap().log, old);
            keyward_audit::danger::accept_restore(&audit).await.unwrap();
        }
        audit.checkpoint(&acme()).await.unwrap();
        assert_ne!(audit.head(&acme()).await.unwrap().unwrap().log, old);
        is_whole(&audit).await;
        for of in audit.earlier(&acme()).await.unwrap() {
            audit.verify(&of, |_| ()).await.unwrap();
        }
        assert_eq!(audit.earlier(&acme()).await.unwrap().len(), 1);
    }
    assert!(at > 40 && repeated > 5, "{at}, {repeated}");
}

#[tokio::test]
async fn whatever_tile_is_the_last_the_next_run_makes_the_others() {
    let world = World::new().await;
    let (mut step, mut is_over) = (0, false);
    while !is_over {
        let place = Place::new();
        let audit = place.audit(&world).await;
        let mut filling = tokio::task::JoinSet::new();
        for n in 0..520 {
            let audit = audit.clone();
            filling.spawn(async move { audit.append(event(&acme(), n)).await.unwrap() });
        }
        filling.join_all().await;
        let done = async { audit.tile(&acme()).await };
        is_over = place.up_to(step, false, done).await;
        let audit = place.audit(&world).await;
        audit.prove(&acme(), 300).await.unwrap();
        audit.tile(&acme()).await.unwrap();
        audit.prove(&acme(), 300).await.unwrap();
        audit.verify(&acme(), |_| ()).await.unwrap();
        step += 3;
    }
    assert!(step > 8, "{step}");
}

const HOME: &str = "KEYWARD_CUT_TEST_HOME";
const AT: &str = "KEYWARD_CUT_TEST_AT";

fn logs(home: &Path, keyring: keyward_keys::Keyring, cut: Option<Arc<Cut>>) -> AuditBuilder {
    let data = keyward_sqlite::SqliteStore::open(home.join("data.db")).unwrap();
    let store: Arc<dyn Stores> = Arc::new(data);
    let store = match cut {
        Some(cut) => Watched::cut(store, cut),
        None => store,
    };
    let anchor = FileAnchor::new(home.join("anchor"));
    Audit::builder(keyring, store).anchor(Arc::new(anchor))
}

/// What a child process does; nothing when the test runs by itself.
#[tokio::test]
async fn child() {
    let (Some(home), Ok(at)) = (std::env::var_os(HOME), std::env::var(AT)) else {
        return;
    };
    let at: usize = at.parse().unwrap();
    let home = Path::new(&home);
    let cut = Arc::new(Cut::default());
    let keyring = crate::crowd::keyring(home).open().await.unwrap();
    let builder = logs(home, keyring, Some(Arc::clone(&cut)));
    let audit = builder.build().await.unwrap();
    cut.kills.store(true, Ordering::Relaxed);
    cut.set(Some(at / 2), at % 2 == 1);
    let say = |line: &str| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "\n{line}").unwrap();
        out.flush().unwrap();
    };
    let told = |of: Of, seq: u64| say(&format!("ack {} {seq}", of == acme()));
    all(&audit, told).await.unwrap();
    say("end");
}

#[tokio::test]
async fn a_process_that_is_killed_at_any_step_loses_nothing() {
    if std::env::var_os("KEYWARD_FULL").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    drop(crate::crowd::make(home).await);
    let mut told = Told::default();
    let (mut at, mut is_over) = (0, false);
    while !is_over {
        let run = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "cuts::child", "--nocapture"])
            .env(HOME, home)
            .env(AT, at.to_string())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8(run.stdout).unwrap();
        is_over = said.lines().any(|line| line == "end");
        assert!(is_over || run.status.code().is_none(), "{said}");
        let acks = said.lines().filter_map(|line| line.strip_prefix("ack "));
        for ack in acks {
            let (of, seq) = ack.split_once(' ').unwrap();
            let of = if of == "true" { acme() } else { Of::Service };
            told.note(of, seq.parse().unwrap());
        }
        let keyring = crate::crowd::keyring(home).open().await.unwrap();
        let audit = logs(home, keyring, None).build().await.unwrap();
        told.check(&audit, at % 2 == 1).await;
        if of_others(&audit, &acme()).await > 0 {
            all(&audit, |of, seq| told.note(of, seq)).await.unwrap();
            is_whole(&audit).await;
        }
        at += 1;
    }
    println!(
        "killed at {at} places, {} entries that nobody was told of",
        told.besides
    );
}
