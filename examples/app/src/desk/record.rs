//! The record: the service's own kinds of entries, and what the pages read of it.

use std::io::{Error as IoError, ErrorKind as IoKind, Write};
use std::sync::Arc;

use keyward_approval::GateId;
use keyward_audit::alert::Anomaly;
use keyward_audit::{Audit, Given, Header, Kind, Kinds, Of, Type};
use keyward_base::audit::Outcome;
use keyward_base::{Actor, Error, Place, Reason, RecordId, Result, Tenant};
use keyward_password::Identifier;

use super::{Administrator, Desk, Room, administrators};
use crate::filter::Filter;
use crate::logs::{self, Line, Log, Tail};
use crate::section::Section;
use crate::verdict::Verdict;
use crate::view::iso;

/// The most entries of one export.
const MOST: u64 = 50_000;

/// The most bytes of one export, which is made in memory.
const MOST_LEN: usize = 64 << 20;

/// A deployment was started; refused by what is stored, it failed.
pub(crate) const START: &str = "deploydesk.start";
/// It was told to stop.
pub(crate) const STOP: &str = "deploydesk.stop";
/// It ended.
pub(crate) const END: &str = "deploydesk.end";
/// A delivery asked for a deployment.
pub(crate) const REQUEST: &str = "deploydesk.request";
/// A delivery was written down.
pub(crate) const DELIVERY: &str = "deploydesk.delivery";
/// The record was exported.
pub(crate) const EXPORT: &str = "deploydesk.export";

/// Somebody was invited, by mail.
pub(crate) const INVITE: &str = "deploydesk.invite";
/// The organisation was given another name.
pub(crate) const RENAME: &str = "deploydesk.rename";
/// Somebody was made an owner, or an owner a member.
pub(crate) const CHANGE: &str = "deploydesk.role";
/// Cron had the house kept.
pub(crate) const CRON: &str = "deploydesk.cron";

/// The service's own kinds.
pub(super) fn kinds() -> Result<Kinds> {
    let deployment = |action| {
        Kind::new(action)
            .must("deployment", Type::Id(64))
            .may("set", Type::Id(128))
    };
    let how = ["exit", "signal", "stopped", "timed-out", "not-started"];
    let end = deployment(END)
        .must("how", Type::words(how))
        .may("code", Type::Number)
        .may("signal", Type::Number);
    let delivery = |action| Kind::new(action).must("endpoint", Type::Id(128));
    let export = Kind::new(EXPORT)
        .must("format", Type::words(["jsonl", "csv"]))
        .must("from", Type::Number)
        .must("until", Type::Number);
    Kinds::new("deploydesk")?
        .with(deployment(START))?
        .with(deployment(STOP))?
        .with(end)?
        .with(delivery(REQUEST))?
        .with(delivery(DELIVERY))?
        .with(export)?
        .with(Kind::new(INVITE))?
        .with(Kind::new(RENAME))?
        .with(
            Kind::new(CHANGE)
                .must("person", Type::Id(64))
                .must("role", Type::words(["owner", "member"])),
        )?
        .with(Kind::new(CRON).must("secret", Type::Id(64)))
}

/// In which form the record is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Lines of JSON, which prove themselves.
    Lines,
    /// A table for people.
    Table,
}

impl Form {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Lines => "jsonl",
            Self::Table => "csv",
        }
    }
}

/// A log, and who reads it.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    desk: Arc<Desk>,
    pub(crate) log: Log,
    /// Whose log it is; none: the service's.
    tenant: Option<Tenant>,
    who: Actor,
}

impl Desk {
    /// The record.
    pub(super) fn record_of_acts(&self) -> Result<&Audit> {
        self.home.audit()
    }

    /// All that there is of a gate, each entry with its proof: without a bound on its entries but the
    /// crate's, and made in memory.
    pub(crate) async fn proof(&self, tenant: &Tenant, gate: GateId) -> Result<Vec<u8>> {
        let to = Bounded(Vec::new());
        Ok(self.held.gates.export(tenant, gate, to).await?.0)
    }

    /// The key that who checks an export of that log pins.
    pub(crate) async fn key_of(&self, tenant: &Tenant) -> Result<Option<String>> {
        key(self.record_of_acts()?, &Of::Tenant(tenant.clone())).await
    }

    /// Records an event of the service's own: of an organisation, or of none. What comes after it
    /// relies on that.
    pub(super) async fn tell(
        &self,
        of: Option<&Tenant>,
        action: &str,
        outcome: Outcome,
        given: &[(&str, Given<'_>)],
        who: Option<&Actor>,
        server: Option<&RecordId>,
    ) -> Result<()> {
        let event = self.kinds.event(action, outcome, given)?;
        let mut event = event.in_run(self.home.keyring().run());
        if let Some(of) = of {
            event = event.of(of.clone());
        }
        if let Some(who) = who {
            event = event.by(who.clone());
        }
        if let Some(server) = server {
            let place = Place::new(Section::Servers.column())?;
            event = event.about(place, server.clone());
        }
        self.record_of_acts()?.require_own(event).await
    }
}

impl Room {
    /// Records an event of this organisation.
    pub(super) async fn tell(
        &self,
        action: &str,
        outcome: Outcome,
        given: &[(&str, Given<'_>)],
        who: Option<&Actor>,
        server: Option<&RecordId>,
    ) -> Result<()> {
        let of = Some(&self.tenant);
        self.desk
            .tell(of, action, outcome, given, who, server)
            .await
    }

    /// Mails an invitation into this organisation, once it is on record who invites.
    pub(crate) async fn invite(&self, address: &Identifier) -> Result<()> {
        let who = Some(&self.who);
        self.tell(INVITE, Outcome::Done, &[], who, None).await?;
        let mail = &self.desk.doors().users.mail;
        mail.invite(address, &self.tenant).await
    }

    /// The log of this organisation.
    pub(crate) fn book(&self) -> Book {
        Book {
            desk: Arc::clone(&self.desk),
            log: Log::Organisation,
            tenant: Some(self.tenant.clone()),
            who: self.who.clone(),
        }
    }
}

impl Administrator {
    /// Mails an invitation to administrate the service, once it is on record who invites.
    pub(crate) async fn invite(&self, address: &Identifier) -> Result<()> {
        let (of, desk) = (administrators()?, &self.desk);
        let (whose, who) = (Some(&of), Some(&self.who));
        desk.tell(whose, INVITE, Outcome::Done, &[], who, None)
            .await?;
        desk.doors().admins.mail.invite(address, &of).await
    }

    /// A log that is of no organisation.
    pub(crate) fn book(&self, log: Log) -> Result<Book> {
        let tenant = match log {
            Log::Administrators => Some(administrators()?),
            Log::Service => None,
            Log::Organisation => return Err(Error::rejected(Reason::NOT_FOUND)),
        };
        Ok(Book {
            desk: Arc::clone(&self.desk),
            log,
            tenant,
            who: self.who.clone(),
        })
    }
}

impl Book {
    fn of(&self) -> Of {
        match &self.tenant {
            Some(tenant) => Of::Tenant(tenant.clone()),
            None => Of::Service,
        }
    }

    /// What the alert rules reached in it since the start.
    pub(crate) fn anomalies(&self) -> Vec<Anomaly> {
        let whose = self.tenant.as_ref().map(Tenant::as_str);
        self.desk.anomalies.of(whose)
    }

    /// The newest entries that are asked for; of so many the days are `proven`.
    pub(crate) async fn tail(&self, filter: &Filter, limit: usize, proven: u64) -> Result<Tail> {
        let audit = self.desk.record_of_acts()?;
        let today = Header::day_of(self.desk.clock().now()?);
        logs::tail(audit, &self.of(), filter, limit, (proven, today)).await
    }

    /// One entry.
    pub(crate) async fn entry(&self, seq: u64) -> Result<Line> {
        logs::one(self.desk.record_of_acts()?, &self.of(), seq).await
    }

    /// Whether the log is what was written; none while that is looked at for the first time.
    pub(crate) async fn verdict(&self) -> Result<Option<Verdict>> {
        let audit = self.desk.record_of_acts()?;
        let clock = self.desk.clock();
        self.desk.verdicts.of(audit, &self.of(), clock).await
    }

    /// The key that who checks an export of the log pins.
    pub(crate) async fn key(&self) -> Result<Option<String>> {
        key(self.desk.record_of_acts()?, &self.of()).await
    }

    /// That there is something from entry `from` on.
    pub(crate) async fn reaches(&self, from: u64) -> Result<()> {
        let head = self.desk.record_of_acts()?.head(&self.of()).await?;
        match head.is_some_and(|head| from < head.size()) {
            true => Ok(()),
            false => Err(Error::rejected(Reason::NOT_FOUND)),
        }
    }

    /// The log from entry `from` on, at most 50,000 entries, as a file. The export itself is recorded
    /// first, and is the last entry of a log that is exported to its end. Each export is an occasion at
    /// which the anchors learn of all logs.
    pub(crate) async fn export(&self, form: Form, from: u64) -> Result<Vec<u8>> {
        let audit = self.desk.record_of_acts()?;
        let of = self.of();
        let size = audit.head(&of).await?.map_or(0, |head| head.size());
        let until = size.saturating_add(1).min(from.saturating_add(MOST));
        if from >= size {
            return Err(Error::rejected(Reason::NOT_FOUND));
        }
        let word = form.word();
        let given = [
            ("format", Given::Word(word)),
            ("from", Given::Number(from)),
            ("until", Given::Number(until)),
        ];
        let (whose, who) = (self.tenant.as_ref(), Some(&self.who));
        self.desk
            .tell(whose, EXPORT, Outcome::Done, &given, who, None)
            .await?;
        audit.round(|_| ()).await?;
        let mut to = Bounded(Vec::new());
        match form {
            Form::Lines => to = audit.export(&of, from..until, to, |_| ()).await?,
            Form::Table => {
                let table = audit.export_csv(&of, from..until, &mut to, iso, |_| ());
                table.await?;
            }
        }
        Ok(to.0)
    }
}

async fn key(audit: &Audit, of: &Of) -> Result<Option<String>> {
    match audit.key(of).await {
        Ok(key) => Ok(key.map(|key| key.to_string())),
        // Of a log that is not what was written, the badge tells.
        Err(e) if e.kind() == keyward_base::ErrorKind::Corrupt => Ok(None),
        Err(e) => Err(e),
    }
}

/// Bytes in memory, up to a limit.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len().saturating_add(bytes.len()) > MOST_LEN {
            return Err(IoError::new(
                IoKind::FileTooLarge,
                "an export of that many bytes is made by `keyward audit export`",
            ));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
