//! A target that keeps a journal of what it did, outside of everything.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use keyward_approval::action::Step;
use keyward_approval::executor::{Effect, Job, OnceBy, Target};
use keyward_approval::{ArgumentName, GateId};
use keyward_base::BoxFuture;

/// What it does at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    Fails,
    Silent,
    Hangs,
}

#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) gate: GateId,
    pub(crate) index: usize,
    pub(crate) kind: String,
    pub(crate) target: String,
    pub(crate) arguments: String,
    pub(crate) secret: Option<Vec<u8>>,
}

#[derive(Debug)]
pub(crate) struct Journal {
    once: OnceBy,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    done: Vec<Done>,
    tries: usize,
    /// The keys that were seen.
    keys: HashMap<String, ()>,
    next: BTreeMap<usize, Does>,
    gives: Option<Effect>,
}

impl Journal {
    pub(crate) fn new(once: OnceBy) -> Arc<Self> {
        Arc::new(Self {
            once,
            state: Mutex::default(),
        })
    }

    /// At the step of that index, the next time.
    pub(crate) fn on(&self, index: usize, does: Does) {
        self.state.lock().unwrap().next.insert(index, does);
    }

    pub(crate) fn gives(&self, effect: Effect) {
        self.state.lock().unwrap().gives = Some(effect);
    }

    pub(crate) fn done(&self) -> Vec<Done> {
        self.state.lock().unwrap().done.clone()
    }

    pub(crate) fn tries(&self) -> usize {
        self.state.lock().unwrap().tries
    }
}

impl Target for Journal {
    fn once(&self, _: &Step) -> OnceBy {
        self.once
    }

    fn run<'a>(&'a self, job: &'a Job<'a>) -> BoxFuture<'a, Effect> {
        let does = {
            let mut state = self.state.lock().unwrap();
            state.tries += 1;
            if let Some(effect) = state.gives.take() {
                return Box::pin(std::future::ready(effect));
            }
            let does = state.next.remove(&job.index());
            let honours = matches!(self.once, OnceBy::Key(_));
            let seen = state.keys.insert(job.key(), ()).is_some();
            let has_effect = !matches!(does, Some(Does::Fails | Does::Hangs));
            if has_effect && !(honours && seen) {
                let name = ArgumentName::new("token").unwrap();
                state.done.push(Done {
                    gate: job.gate(),
                    index: job.index(),
                    kind: job.step().kind().as_str().to_owned(),
                    target: job.step().target().to_owned(),
                    arguments: format!("{:?}", job.step().arguments()),
                    secret: job.secret(&name).map(|secret| secret.expose().to_vec()),
                });
            }
            does
        };
        match does {
            Some(Does::Hangs) => Box::pin(std::future::pending()),
            Some(Does::Fails) => Box::pin(std::future::ready(Effect::Failed("no".to_owned()))),
            Some(Does::Silent) => Box::pin(std::future::ready(Effect::Unknown)),
            None => Box::pin(std::future::ready(Effect::Done("ok".to_owned()))),
        }
    }
}
