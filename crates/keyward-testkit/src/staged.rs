//! A store on which a test decides what happens at each call.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use keyward_base::{Error, Result, Timestamp};
use keyward_store::{
    Applied, BoxFuture, Collection, DamagedRow, Erased, Find, Found, Outline, Page, Record,
    RecordKey, Records, Scan, StoreId, Words, Write,
};

/// What a call was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call {
    /// [`Records::apply`].
    Apply,
    /// [`Records::check_counts`].
    CheckCounts,
    /// [`Records::count`] or [`Records::count_words`] in a collection.
    Count(String),
    /// [`Records::damaged`].
    Damaged,
    /// [`Records::delete_owner`].
    DeleteOwner,
    /// [`Records::erase`].
    Erase,
    /// [`Records::fetch`] from a collection.
    Fetch(String),
    /// [`Records::fetch_many`].
    FetchMany,
    /// [`Records::purge`].
    Purge,
    /// [`Records::set_aside`].
    SetAside,
    /// [`Records::scan`], [`Records::outline`] or [`Records::find`] of a collection.
    Scan(String),
}

/// What another party does.
pub type Act = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

/// How a call goes on.
enum Fate {
    Answered,
    AnsweredAfter(Act),
    Lost,
}

/// What happens at a call.
#[non_exhaustive]
pub enum Interrupt {
    /// Another party acts, from beginning to end, before the call is made.
    Run(Act),
    /// Another party acts, from beginning to end, after the call was made and before its answer.
    RunAfter(Act),
    /// The process dies before the call: it and all after it fail.
    DieBefore,
    /// The process dies after the call: it is made, and it and all after it fail.
    DieAfter,
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Run(_) => "Run(..)",
            Self::RunAfter(_) => "RunAfter(..)",
            Self::DieBefore => "DieBefore",
            Self::DieAfter => "DieAfter",
        })
    }
}

/// A store over another that counts its calls, and interrupts one of them. A test goes through all
/// calls of what it looks at: `for n in 0.. { store.interrupt(n, ..) }`, until [`Staged::fired`]
/// says that there was no such call.
pub struct Staged {
    inner: Arc<dyn Records>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    next: Option<(usize, Interrupt)>,
    fired: bool,
    dead: bool,
    answers: VecDeque<Answer>,
}

/// How the next batch is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// It is written, and said to have met a conflict.
    WrongConflict,
    /// It is not written, and said to have met a conflict.
    Conflict,
    /// It is written, and the answer is lost.
    LostAnswer,
    /// It is not written, and the answer is lost.
    LostWrite,
}

impl Staged {
    /// A store that does what `inner` does.
    #[must_use]
    pub fn over(inner: Arc<dyn Records>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            state: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Interrupts the call that comes after `after` others from now on.
    pub fn interrupt(&self, after: usize, interrupt: Interrupt) {
        let mut state = self.state();
        let at = state.calls.len().saturating_add(after);
        state.next = Some((at, interrupt));
        state.fired = false;
        state.dead = false;
    }

    /// Whether the interrupt came to pass. From then on no call is interrupted, and a dead process
    /// is back.
    pub fn fired(&self) -> bool {
        let mut state = self.state();
        state.next = None;
        state.dead = false;
        std::mem::take(&mut state.fired)
    }

    /// Answers the next batches so, one after the other.
    pub fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.state().answers.extend(answers);
    }

    /// Takes back the answers that were not given yet.
    pub fn take_answers(&self) -> Vec<Answer> {
        self.state().answers.drain(..).collect()
    }

    /// The calls since this was asked last.
    pub fn take_calls(&self) -> Vec<Call> {
        let mut state = self.state();
        let calls = std::mem::take(&mut state.calls);
        // What is to be interrupted counts from the first call ever.
        if let Some((at, _)) = &mut state.next {
            *at = at.saturating_sub(calls.len());
        }
        calls
    }

    /// Notes a call, lets the interrupt act, and says how the call goes on.
    async fn note(&self, call: Call) -> Result<Fate> {
        let interrupt = {
            let mut state = self.state();
            let number = state.calls.len();
            state.calls.push(call);
            if state.dead {
                return Err(dead());
            }
            match state.next.take() {
                Some((at, interrupt)) if at == number => {
                    state.fired = true;
                    Some(interrupt)
                }
                other => {
                    state.next = other;
                    None
                }
            }
        };
        match interrupt {
            None => Ok(Fate::Answered),
            Some(Interrupt::Run(act)) => {
                act().await;
                Ok(Fate::Answered)
            }
            Some(Interrupt::RunAfter(act)) => Ok(Fate::AnsweredAfter(act)),
            Some(Interrupt::DieBefore) => {
                self.state().dead = true;
                Err(dead())
            }
            Some(Interrupt::DieAfter) => {
                self.state().dead = true;
                Ok(Fate::Lost)
            }
        }
    }

    async fn call<T>(&self, call: Call, act: BoxFuture<'_, Result<T>>) -> Result<T> {
        let fate = self.note(call).await?;
        // As a store that is asked over a wire: others run meanwhile.
        tokio::task::yield_now().await;
        let answer = act.await;
        fate.meet(answer).await
    }
}

impl Fate {
    async fn meet<T>(self, answer: Result<T>) -> Result<T> {
        match self {
            Self::Answered => answer,
            Self::AnsweredAfter(act) => {
                act().await;
                answer
            }
            Self::Lost => Err(dead()),
        }
    }
}

fn dead() -> Error {
    Error::unavailable("the process died at this call")
}

fn of(collection: &Collection) -> String {
    collection.as_str().to_owned()
}

impl fmt::Debug for Staged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Staged").field(&self.inner).finish()
    }
}

impl Records for Staged {
    fn apply(&self, batch: Vec<Write>) -> BoxFuture<'_, Result<Applied>> {
        Box::pin(async move {
            let fate = self.note(Call::Apply).await?;
            tokio::task::yield_now().await;
            let lost = || Error::unavailable("the answer was lost");
            let answer = self.state().answers.pop_front();
            match answer {
                Some(Answer::Conflict) => return Ok(Applied::Conflict { index: 0 }),
                Some(Answer::LostWrite) => return Err(lost()),
                _ => {}
            }
            let applied = self.inner.apply(batch).await;
            match answer {
                Some(Answer::WrongConflict) => Ok(Applied::Conflict { index: 0 }),
                Some(_) => Err(lost()),
                None => fate.meet(applied).await,
            }
        })
    }

    fn check_counts(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(self.call(Call::CheckCounts, self.inner.check_counts()))
    }

    fn count<'a>(&'a self, c: &'a Collection, prefix: &'a str) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.call(Call::Count(of(c)), self.inner.count(c, prefix)))
    }

    fn count_words<'a>(
        &'a self,
        c: &'a Collection,
        owner: Option<&'a str>,
        words: &'a Words,
    ) -> BoxFuture<'a, Result<u64>> {
        let counted = self.inner.count_words(c, owner, words);
        Box::pin(self.call(Call::Count(of(c)), counted))
    }

    fn damaged(&self) -> BoxFuture<'_, Result<Vec<DamagedRow>>> {
        Box::pin(self.call(Call::Damaged, self.inner.damaged()))
    }

    fn delete_owner<'a>(&'a self, c: &'a Collection, owner: &'a str) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.call(Call::DeleteOwner, self.inner.delete_owner(c, owner)))
    }

    fn erase(&self) -> BoxFuture<'_, Result<Erased>> {
        Box::pin(self.call(Call::Erase, self.inner.erase()))
    }

    fn fetch<'a>(&'a self, key: &'a RecordKey) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(self.call(Call::Fetch(of(&key.collection)), self.inner.fetch(key)))
    }

    fn fetch_many<'a>(
        &'a self,
        keys: &'a [RecordKey],
    ) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        Box::pin(self.call(Call::FetchMany, self.inner.fetch_many(keys)))
    }

    fn find(&self, find: Find) -> BoxFuture<'_, Result<Page<Record, Found>>> {
        let call = Call::Scan(of(&find.collection));
        Box::pin(self.call(call, self.inner.find(find)))
    }

    fn identity(&self) -> Result<StoreId> {
        self.inner.identity()
    }

    fn outline(&self, scan: Scan, front: usize) -> BoxFuture<'_, Result<Page<Outline>>> {
        let call = Call::Scan(of(&scan.collection));
        Box::pin(self.call(call, self.inner.outline(scan, front)))
    }

    fn purge<'a>(
        &'a self,
        c: &'a Collection,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.call(Call::Purge, self.inner.purge(c, now, limit)))
    }

    fn set_aside<'a>(&'a self, place: &'a str) -> BoxFuture<'a, Result<DamagedRow>> {
        Box::pin(self.call(Call::SetAside, self.inner.set_aside(place)))
    }

    fn scan(&self, scan: Scan) -> BoxFuture<'_, Result<Page<Record>>> {
        let call = Call::Scan(of(&scan.collection));
        Box::pin(self.call(call, self.inner.scan(scan)))
    }
}
