//! What does the things that were approved, and runs beside the service.
//!
//! | kind | once |
//! |---|---|
//! | `server.delete` | a key: it is one revision that is deleted, drawn at random when it was stored; a second try finds it gone |
//! | `server.replace` | a key: over one revision; a second try finds the same key there |
//! | `people.role` | a batch: it is the write of who he is |
//! | `deployment.run` | a key: that it was begun is written in the batch of the deployment; a second try finds which |
//! | `audit.export` | a batch: that it may be taken is the result itself |
//! | `key.rotate` | nothing: a second try would make a second key. A process that ends in the middle leaves it for a person to find out |

use std::sync::Arc;
use std::time::Duration;

use keyward_approval::executor::{Effect, Job, OnceBy, Target};
use keyward_approval::{ArgumentName, Executor, FileClaims, Step, Value};
use keyward_base::{
    Actor, BoxFuture, Error, ErrorKind, Purpose, Reason, RecordId, Result, Revision, SecretBytes,
    Subject,
};
use tokio::sync::watch;

use super::deployments::Start;
use super::held::{DELETE, EXPORT, REPLACE, ROLE, ROTATE, RUN, names};
use super::{Change, Desk, Room, TICK, administrators};
use crate::input::Submitted;
use crate::log;
use crate::people::Role;
use crate::section::Section;

/// Within what time a second try does nothing twice: that one was begun is kept for longer.
const AGAIN: Duration = Duration::from_secs(24 * 60 * 60);

/// How many gates are looked at in a round.
const AT_ONCE: usize = 64;

/// How long what was exported may be taken.
pub(crate) const TAKEN_WITHIN: Duration = Duration::from_secs(24 * 60 * 60);

/// Does the steps.
#[derive(Debug)]
pub(crate) struct Doing(Arc<Desk>);

impl Doing {
    /// What runs what was approved. Its anchor lies beside the one of the home: who puts the folder of
    /// the data back does not put that back.
    pub(crate) fn executor(desk: &Arc<Desk>) -> Result<Executor> {
        let mut path = desk.home.anchor().as_os_str().to_owned();
        path.push(".approvals");
        let anchor = Arc::new(FileClaims::open(path.into())?);
        let target = Arc::new(Self(Arc::clone(desk)));
        let (_, name) = names()?;
        Executor::builder(desk.held.gates.clone(), name, anchor, target).build()
    }

    /// The room of whose ask it is: the service acts, on behalf of who asked.
    fn room(&self, job: &Job<'_>, who: Actor) -> Room {
        Room {
            desk: Arc::clone(&self.0),
            tenant: job.tenant().clone(),
            who,
        }
    }

    async fn who(&self, job: &Job<'_>) -> Result<Actor> {
        let shown = self.0.held.gates.show(job.tenant(), job.gate()).await?;
        let asker = shown.action().requester().subject().clone();
        Ok(Actor::new(Subject::new("approvals")?).on_behalf_of(asker))
    }

    async fn effect(&self, job: &Job<'_>) -> Result<Effect> {
        let step = job.step();
        let who = self.who(job).await?;
        match step.kind().as_str() {
            DELETE => {
                let revision = number(step, "revision")?;
                let server = RecordId::new(step.target())?;
                let room = self.room(job, who);
                let deleted = room.delete(Section::Servers, &server, Revision::new(revision));
                Ok(match deleted.await {
                    Ok(()) => Effect::Done("It is deleted.".into()),
                    Err(e) if e.reason() == Some(Reason::NOT_FOUND) => {
                        Effect::Done("It is not there any more.".into())
                    }
                    Err(e) if e.reason() == Some(Reason::CONFLICT) => Effect::Failed(
                        "What is stored there is another value than the one that was asked about: \
                         it was left."
                            .into(),
                    ),
                    Err(e) => return Err(e),
                })
            }
            REPLACE => self.replace(job, step, who).await,
            ROLE => self.change(job, step, &who).await,
            RUN => {
                let (server, set) = (RecordId::new(step.target())?, text(step, "set")?);
                let (room, set) = (self.room(job, who), RecordId::new(set)?);
                let key = job.key();
                let mut began = room.deploy_once(&server, &set, Some(&key)).await;
                if matches!(&began, Err(e) if e.reason() == Some(Reason::CONFLICT)) {
                    // Another process was quicker, and has it on record.
                    began = room.deploy_once(&server, &set, Some(&key)).await;
                }
                Ok(match began {
                    Ok(Start::Started(id)) => {
                        Effect::Done(format!("Deployment {} was begun.", id.as_str()))
                    }
                    Ok(Start::Busy) => {
                        Effect::Failed("As many deployments ran as may: ask again.".into())
                    }
                    Ok(Start::Steers(name)) => Effect::Failed(format!(
                        "The set has {name}, which decides what code programs run."
                    )),
                    Err(e) if e.reason() == Some(Reason::NOT_FOUND) => {
                        Effect::Failed("The server or the set is not there.".into())
                    }
                    Err(e) => return Err(e),
                })
            }
            EXPORT => Ok(Effect::Written(
                "It may be taken for a day.".into(),
                Vec::new(),
            )),
            ROTATE if *job.tenant() == administrators()? => {
                let admin = self.0.home.keyring().admin().acting_as(who);
                admin.rotate(&Purpose::new(step.target())?).await?;
                if let Err(error) = self.0.keep_up().await {
                    log::failure(&error);
                }
                Ok(Effect::Done("A new key was made.".into()))
            }
            _ => Ok(Effect::Failed("The service does no such thing.".into())),
        }
    }
}

impl Doing {
    /// Another key over the revision that was asked about.
    async fn replace(&self, job: &Job<'_>, step: &Step, who: Actor) -> Result<Effect> {
        let (server, section) = (RecordId::new(step.target())?, Section::Servers);
        let revision = Revision::new(number(step, "revision")?);
        let key = job.secret(&ArgumentName::new("key")?);
        let key = key.ok_or_else(|| Error::misuse("an argument is missing"))?;
        let submitted = Submitted::Key(SecretBytes::copy_of(key.expose()));
        let room = self.room(job, who);
        let credential = room.credential(section, &server, submitted, Some(revision));
        let credential = credential.await?;
        let put = room.put(section, &server, &credential, Some(revision));
        let Err(error) = put.await else {
            return Ok(Effect::Done("The key is replaced.".into()));
        };
        match error.reason() {
            Some(Reason::NOT_FOUND) => Ok(Effect::Failed("The server is not there.".into())),
            Some(Reason::CONFLICT) => {
                let there = room.facts(section, &server).await?.0.fingerprint;
                let asked = text(step, "fingerprint")?;
                Ok(match there {
                    // By a process that ended before it could say so.
                    Some(there) if there == asked => Effect::Done("It is that key.".into()),
                    _ => Effect::Failed(
                        "What is stored there is another value than the one that was asked about: \
                         it was left."
                            .into(),
                    ),
                })
            }
            _ => Err(error),
        }
    }

    /// Makes somebody an owner, or a member.
    async fn change(&self, job: &Job<'_>, step: &Step, who: &Actor) -> Result<Effect> {
        let person = Subject::new(step.target())?;
        let to = Role::of_organisation(text(step, "role")?);
        let to = to.ok_or_else(|| Error::misuse("nobody can be that"))?;
        let (desk, of) = (&self.0, job.tenant());
        Ok(match desk.change(of, &person, to).await? {
            Change::By(writes) => {
                desk.tell_change(of, (&person, to), who).await?;
                Effect::Written(format!("Now: {}.", to.word()), writes)
            }
            Change::Already => Effect::Written("So it was already.".into(), Vec::new()),
            Change::Last => Effect::Failed("No other owner would be left.".into()),
            Change::Gone => Effect::Failed("There is no such person.".into()),
        })
    }
}

fn plain<'a>(step: &'a Step, name: &str) -> Result<&'a Value> {
    let found = step.argument(name).and_then(|argument| argument.plain());
    found.ok_or_else(|| Error::misuse("an argument is missing"))
}

fn text<'a>(step: &'a Step, name: &str) -> Result<&'a str> {
    match plain(step, name)? {
        Value::Text(text) => Ok(text),
        _ => Err(Error::misuse("an argument is of another type")),
    }
}

fn number(step: &Step, name: &str) -> Result<u64> {
    match plain(step, name)? {
        Value::Integer(number) => {
            u64::try_from(*number).map_err(|_| Error::misuse("an argument is below zero"))
        }
        _ => Err(Error::misuse("an argument is of another type")),
    }
}

/// The format of an export, and from which entry on it is.
pub(crate) fn export_of(step: &Step) -> Result<(&str, u64)> {
    Ok((text(step, "format")?, number(step, "from")?))
}

impl Target for Doing {
    fn once(&self, step: &Step) -> OnceBy {
        match step.kind().as_str() {
            DELETE | REPLACE | RUN => OnceBy::Key(AGAIN),
            EXPORT | ROLE => OnceBy::Batch,
            _ => OnceBy::Nothing,
        }
    }

    fn run<'a>(&'a self, job: &'a Job<'a>) -> BoxFuture<'a, Effect> {
        Box::pin(async move {
            match self.effect(job).await {
                Ok(effect) => effect,
                // Said before anything was done.
                Err(e) if matches!(e.kind(), ErrorKind::Misuse | ErrorKind::Rejected) => {
                    log::failure(&e);
                    Effect::Failed("It was refused, and nothing was done: see the log.".into())
                }
                Err(e) => {
                    log::failure(&e);
                    Effect::Unknown
                }
            }
        })
    }
}

/// Runs what was approved, and sees to what a process left that ended while it ran. A failure is said
/// once, and again when it is another.
pub(crate) async fn obey(desk: Arc<Desk>, executor: Executor, mut stopping: watch::Receiver<bool>) {
    let mut said = String::new();
    loop {
        let stops = tokio::select! {
            () = desk.held.work.notified() => false,
            () = tokio::time::sleep(TICK) => false,
            _ = stopping.wait_for(|stop| *stop) => true,
        };
        if stops {
            return;
        }
        let failures = match executor.tick(AT_ONCE).await {
            Ok(done) => done
                .into_iter()
                .filter_map(|(_, gate, state)| {
                    Some(format!("{gate}: {}", log::told(&state.err()?)))
                })
                .collect::<Vec<_>>()
                .join("; "),
            Err(error) => log::told(&error),
        };
        if failures != said && !failures.is_empty() {
            log::line(&failures);
        }
        said = failures;
    }
}
