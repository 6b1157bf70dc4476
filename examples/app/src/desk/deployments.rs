//! Deployments: started, stopped, listed, asked about.

use keyward_audit::Given;
use keyward_base::audit::Outcome;
use keyward_base::{Error, Event, Reason, RecordId, Result, Timestamp};
use keyward_redact::{Warning, What};
use tokio::process::Command;
use tokio::sync::{oneshot, watch};

use super::record::{END, START, STOP};
use super::running::Which;
use super::{Desk, Room};
use crate::deploy::GRACE;
use crate::deploy::log::{self, Log};
use crate::deploy::prompt::{QUESTION, prompt};
use crate::deploy::record::{Deployment, Ended, Id};
use crate::deploy::runner::Run;
use crate::log as operator;
use crate::section::Section;

/// How many that are over are removed at once.
const PURGED: usize = 1000;

/// A place among those that run. It is given back however what holds it ends.
#[derive(Debug)]
struct Seat {
    room: Room,
    id: Id,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.room.desk.running.leave(&self.room.run(&self.id));
    }
}

/// What came of the wish to start one.
#[derive(Debug)]
pub(crate) enum Start {
    Started(Id),
    /// As many run as may.
    Busy,
    /// A variable of that name decides what code programs run.
    Steers(String),
}

/// What came of a question.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Asked {
    Kept,
    /// It has more than [`QUESTION`] characters.
    TooLong,
}

/// What is ready to be started, or not.
#[derive(Debug)]
enum Prepared {
    Ready(Command),
    Steers(String),
}

/// One deployment, as it is now.
#[derive(Debug)]
pub(crate) struct Now {
    pub(crate) id: Id,
    pub(crate) deployment: Deployment,
    /// It runs in this process.
    pub(crate) runs: bool,
    /// It has not ended, and no process can be running it any more.
    pub(crate) lost: bool,
}

impl Room {
    /// Starts one. It is in the record and stored before the process is there.
    ///
    /// All of it is a task of its own: a request whose client has gone away is dropped in the middle,
    /// and what is on record is to be run and have its end there.
    pub(crate) async fn deploy(&self, server: &RecordId, set: &RecordId) -> Result<Start> {
        self.deploy_once(server, set, None).await
    }

    /// The same; of `key`, once: whoever comes again with it is told which one it was, whatever became
    /// of the process that began it.
    pub(super) async fn deploy_once(
        &self,
        server: &RecordId,
        set: &RecordId,
        key: Option<&str>,
    ) -> Result<Start> {
        if let Some(key) = key
            && let Some(id) = Deployment::begun_by(self.desk.data(), &self.tenant, key).await?
        {
            return Ok(Start::Started(id));
        }
        self.one(Section::Servers, server).await?;
        let now = self.desk.clock().now()?;
        let random = self.desk.crypto().random::<4>()?;
        let id = Id::new(now, *random.expose());
        let Some(stop) = self.desk.running.enter(self.run(&id))? else {
            return Ok(Start::Busy);
        };
        let seat = Seat {
            room: self.clone(),
            id: id.clone(),
        };
        let (room, server, set) = (self.clone(), server.clone(), set.clone());
        let key = key.map(str::to_owned);
        let (tell, told) = oneshot::channel();
        let task = tokio::spawn(async move {
            let started = match room
                .prepare((&server, &set), &seat.id, now, key.as_deref())
                .await
            {
                Ok(Prepared::Ready(command)) => {
                    // Whoever asked may have gone.
                    let _ = tell.send(Ok(Start::Started(seat.id.clone())));
                    let run = room.runs(server.as_str(), set.as_str());
                    return room
                        .see_to_its_end(run, &server, &seat.id, now, (command, stop))
                        .await;
                }
                Ok(Prepared::Steers(name)) => Ok(Start::Steers(name)),
                Err(error) => Err(error),
            };
            drop(seat);
            let _ = tell.send(started);
        });
        self.desk.running.is_run_by(&self.run(&id), task);
        let failed = |_| Error::unavailable("a deployment was not started: see the log");
        told.await.map_err(failed)?
    }

    /// Opens the set, and puts the deployment on record.
    async fn prepare(
        &self,
        (server, set): (&RecordId, &RecordId),
        id: &Id,
        now: Timestamp,
        key: Option<&str>,
    ) -> Result<Prepared> {
        let record = self.column(Section::Environments)?.record(set.as_str())?;
        let opened = record.open().await?;
        let vars = opened.credential().env()?;
        if let Some(var) = vars.vars().iter().find(|var| var.steers_programs()) {
            return Ok(Prepared::Steers(var.name().to_owned()));
        }
        let limit = self.desk.settings.deploy_limit;
        let deployment = Deployment {
            server: server.as_str().to_owned(),
            set: set.as_str().to_owned(),
            started: now.as_millis(),
            until: now
                .saturating_add(limit)
                .saturating_add(GRACE)
                .saturating_add(GRACE)
                .as_millis(),
            ended: None,
            prompt: None,
        };
        let tell = |outcome| self.tell_start(server, set, id, outcome);
        let begun = deployment.begin(self.desk.data(), (&self.tenant, id), key, tell);
        begun.await?;
        let run = self.runs(server.as_str(), set.as_str());
        Ok(Prepared::Ready(run.command(&vars)))
    }

    fn runs<'a>(&'a self, server: &'a str, set: &'a str) -> Run<'a> {
        Run {
            program: &self.desk.settings.deploy,
            server,
            set,
            limit: self.desk.settings.deploy_limit,
        }
    }

    /// Runs what is on record, and puts its end there.
    async fn see_to_its_end(
        &self,
        run: Run<'_>,
        server: &RecordId,
        id: &Id,
        now: Timestamp,
        (command, stop): (Command, watch::Receiver<bool>),
    ) {
        let log = Log::new(&self.tenant, id, now);
        let ended = match self.desk.masks.of(&self.tenant) {
            Ok(masks) => {
                let run = run.run(command, &masks, (log, self.desk.data()), stop);
                run.await
            }
            // What cannot be masked is not run.
            Err(error) => {
                operator::failure(&error);
                Ended::NotStarted
            }
        };
        if let Err(error) = self.ended(id, server, ended).await {
            operator::failure(&error);
        }
    }

    async fn ended(&self, id: &Id, server: &RecordId, how: Ended) -> Result<()> {
        let at = self.desk.clock().now()?.as_millis();
        let (tenant, data) = (&self.tenant, self.desk.data());
        let change = |found: &mut Deployment| found.ended = Some((at, how));
        let changed = Deployment::change(data, tenant, id, change).await;
        let number = |number: i32| Given::Number(u64::try_from(number).unwrap_or(u64::MAX));
        let (word, with) = match how {
            Ended::Exit(code) => ("exit", Some(("code", number(code)))),
            Ended::Signal(signal) => ("signal", Some(("signal", number(signal)))),
            Ended::Stopped => ("stopped", None),
            Ended::TimedOut => ("timed-out", None),
            Ended::NotStarted => ("not-started", None),
        };
        let mut given = vec![
            ("deployment", Given::Id(id.as_str())),
            ("how", Given::Word(word)),
        ];
        given.extend(with);
        let outcome = Event::outcome_of(&changed);
        self.tell(END, outcome, &given, None, Some(server)).await?;
        changed
    }

    async fn tell_start(
        &self,
        server: &RecordId,
        set: &RecordId,
        id: &Id,
        outcome: Outcome,
    ) -> Result<()> {
        let given = [
            ("deployment", Given::Id(id.as_str())),
            ("set", Given::Id(set.as_str())),
        ];
        let who = Some(&self.who);
        self.tell(START, outcome, &given, who, Some(server)).await
    }

    /// Stops one that runs here.
    pub(crate) async fn stop_deployment(&self, id: &Id) -> Result<()> {
        let now = self.deployment(id).await?;
        if now.deployment.ended.is_some() || !self.desk.running.is_running(&self.run(id)) {
            return Err(Error::rejected(Reason::CONFLICT));
        }
        let server = RecordId::new(&now.deployment.server)?;
        let given = [("deployment", Given::Id(id.as_str()))];
        let who = Some(&self.who);
        self.tell(STOP, Outcome::Done, &given, who, Some(&server))
            .await?;
        self.desk.running.stop(&self.run(id));
        Ok(())
    }

    /// The newest deployments.
    pub(crate) async fn deployments(&self, limit: usize) -> Result<Vec<Now>> {
        let now = self.desk.clock().now()?;
        let found = Deployment::newest(self.desk.data(), &self.tenant, limit).await?;
        let shown = found
            .into_iter()
            .map(|(id, found)| self.as_it_is(id, found, now));
        Ok(shown.collect())
    }

    /// One of them.
    async fn deployment(&self, id: &Id) -> Result<Now> {
        let runs = self.desk.running.is_running(&self.run(id));
        let (found, _) = Deployment::fetch(self.desk.data(), &self.tenant, id).await?;
        self.as_found(id, found, runs)
    }

    /// One of them, and what it has written up to now: all of it, if it has ended.
    pub(crate) async fn deployment_and_log(&self, id: &Id) -> Result<(Now, Vec<u8>)> {
        let runs = self.desk.running.is_running(&self.run(id));
        let (found, log) = log::read_with_state(self.desk.data(), &self.tenant, id).await?;
        Ok((self.as_found(id, found, runs)?, log))
    }

    /// One that ran or not before it was read: what has ended since is then read as ended.
    fn as_found(&self, id: &Id, found: Deployment, ran: bool) -> Result<Now> {
        let mut now = self.as_it_is(id.clone(), found, self.desk.clock().now()?);
        now.runs = now.runs || (ran && now.deployment.ended.is_none());
        Ok(now)
    }

    fn as_it_is(&self, id: Id, deployment: Deployment, now: Timestamp) -> Now {
        let open = deployment.ended.is_none();
        let runs = open && self.desk.running.is_running(&self.run(&id));
        Now {
            runs,
            lost: open && !runs && deployment.until < now.as_millis(),
            id,
            deployment,
        }
    }

    /// The variables of a set that are not masked, as far as it was opened since the service
    /// started.
    pub(crate) fn unmasked(&self, set: &str) -> Vec<String> {
        let column = Section::Environments.column();
        let front = format!("{} {column} {set} ", self.tenant);
        let bare = |warning: &Warning| matches!(warning.what, What::CommonWord | What::TooShort);
        let warnings = self.desk.masks.of(&self.tenant);
        let warnings = warnings.map_or_else(|_| Vec::new(), |masks| masks.warnings());
        let names = warnings.iter().filter(|warning| bare(warning));
        let names = names.filter_map(|warning| warning.name.as_str().strip_prefix(&front));
        names.map(str::to_owned).collect()
    }

    /// Makes what a model would be asked about one, and keeps it. Nothing is sent.
    pub(crate) async fn ask_about(&self, id: &Id, question: &str) -> Result<Asked> {
        // Refused and not cut: a cut could leave the first half of a secret.
        if question.chars().count() > QUESTION {
            return Ok(Asked::TooLong);
        }
        let (now, log) = self.deployment_and_log(id).await?;
        // The redactor knows what was opened since the service started: so the set is, again.
        let sets = self.column(Section::Environments)?;
        match sets.record(&now.deployment.set)?.open().await {
            Err(e) if e.reason() != Some(Reason::NOT_FOUND) => return Err(e),
            _ => {}
        }
        let crypto = self.desk.crypto();
        let masks = self.desk.masks.of(&self.tenant)?;
        let text = prompt(&now.deployment, &log, question, &masks, crypto)?;
        let change = |found: &mut Deployment| found.prompt = Some(text.clone());
        Deployment::change(self.desk.data(), &self.tenant, id, change).await?;
        Ok(Asked::Kept)
    }

    /// The run of that deployment in this process.
    fn run(&self, id: &Id) -> Which {
        (self.tenant.clone(), id.clone())
    }
}

impl Desk {
    /// Stops all that run here, and waits for their end.
    pub(crate) async fn stop_deployments(&self) {
        self.running.stop_all().await;
    }

    pub(super) async fn tidy_deployments(&self, now: Timestamp) -> Result<()> {
        log::tidy(self.data(), now, PURGED).await?;
        Deployment::tidy(self.data(), now, PURGED).await
    }
}
