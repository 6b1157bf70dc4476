//! A gate as it was read, and the writes that its next state takes.

use keyward_audit::{Given, Kinds, OwnEvent};
use keyward_base::audit::Outcome;
use keyward_base::encoding::hex;
use keyward_base::{Actor, Domain, Error, ErrorKind, KeyId, Result, Subject, Tenant, Timestamp};
use keyward_crypto::Provider;
use keyward_crypto::mac::TAG_LEN;
use keyward_keys::{MacHandle, MacVerifier};
use keyward_store::{Collection, Content, Record, RecordKey, StoreLimits, Version};

use super::id::GateId;
use super::row::{HISTORY, Past, REASON, Row, wrong};
use super::state::{Channel, State, What};
use crate::action::{Action, Step};

/// The records of gates.
pub(crate) const GATES: Collection = Collection::named("approval");
/// The bytes of their actions, in pieces.
pub(crate) const ACTIONS: Collection = Collection::named("approval-action");
/// The secret arguments of those, sealed.
pub(crate) const SECRETS: Collection = Collection::named("approval-secret");

/// The whole record in front of its MAC.
pub const ROW: Domain<(&[u8],)> = Domain::new("keyward/v1/approval-gate");

/// Pieces of an action: 1,310,720 bytes take two.
pub(crate) const PIECES: usize = 2;

/// How many entries of a history are kept for its end: the results of 64 steps, and what is around
/// them.
const SPARED: usize = 160;

pub(crate) fn place(tenant: &Tenant, id: GateId) -> RecordKey {
    at(GATES, tenant, id.to_string())
}

pub(crate) fn secrets_place(tenant: &Tenant, id: GateId) -> RecordKey {
    at(SECRETS, tenant, id.to_string())
}

pub(crate) fn piece_place(tenant: &Tenant, id: GateId, nth: usize) -> RecordKey {
    at(ACTIONS, tenant, format!("{id}/{nth}"))
}

fn at(collection: Collection, tenant: &Tenant, id: String) -> RecordKey {
    RecordKey {
        collection,
        owner: tenant.as_str().to_owned(),
        id,
    }
}

/// The id of the key that a record says it was MACed with.
pub(crate) fn key_of(record: &Record) -> Option<KeyId> {
    let id = record.data.get(5..)?.first_chunk::<8>()?;
    Some(KeyId::from_bytes(*id))
}

/// The row that a record is, if that key made it and it lies where it belongs.
pub(crate) fn open(record: &Record, key: &MacVerifier) -> Result<Row> {
    let split = record.data.split_last_chunk::<TAG_LEN>();
    let (bytes, tag) = split.ok_or_else(wrong)?;
    let authentic = key.verify(ROW, &(bytes,), tag);
    authentic.map_err(|e| match e.kind() {
        ErrorKind::Rejected => wrong().with_source(e),
        _ => e,
    })?;
    let (row, named) = Row::parse(bytes)?;
    if named != key.id() || place(&row.tenant, row.id) != record.key {
        return Err(wrong());
    }
    Ok(row)
}

/// The action whose bytes lie in those pieces, if it is the one that the row is of.
pub(crate) fn action(row: &Row, pieces: &[Option<Record>], provider: &Provider) -> Result<Action> {
    let other = || Error::corrupt("the action of a gate is not the one that was asked for");
    let mut bytes = Vec::new();
    for (nth, piece) in pieces.iter().enumerate() {
        let Some(piece) = piece else { break };
        if piece.key != piece_place(&row.tenant, row.id, nth) {
            return Err(other());
        }
        bytes.extend_from_slice(&piece.data);
    }
    let len = u32::try_from(bytes.len()).ok();
    if len != Some(row.len) || provider.sha256(&[&bytes]) != row.digest {
        return Err(other());
    }
    let action = Action::parse(provider, &bytes)?;
    if row.is_of(&action) {
        Ok(action)
    } else {
        Err(other())
    }
}

/// A gate that is authentic.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) row: Row,
    pub(crate) version: Option<Version>,
    pub(crate) action: Action,
}

/// What is to become of a gate.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) row: Row,
    pub(crate) action: Action,
    pub(crate) now: Timestamp,
    from: usize,
    counted: Counts,
}

/// What a record only counts, and the log has one by one: a record that was put back would count from
/// there once more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Uses of a class.
    pub(crate) uses: u64,
    /// Tries of the codes of all links.
    pub(crate) tries: u64,
}

/// What a use of a class is called in the log.
pub(crate) const USED: &str = "class-used";
/// The category of what was asked under no rule.
pub(crate) const AUTOMATIC: &str = "automatic";
/// What a try of a code is called in the log.
pub(crate) const TRIED: &str = "code-tried";

/// Who says something, and by what way.
#[derive(Clone, Debug)]
pub(crate) struct Saying {
    pub(crate) channel: Channel,
    pub(crate) by: Option<Subject>,
    pub(crate) for_whom: Option<Subject>,
    pub(crate) said: String,
}

impl Saying {
    pub(crate) fn service() -> Self {
        Self::by_way(Channel::Service)
    }

    pub(crate) const fn by_way(channel: Channel) -> Self {
        Self {
            channel,
            by: None,
            for_whom: None,
            said: String::new(),
        }
    }

    pub(crate) fn person(subject: &Subject, said: &str) -> Self {
        Self {
            channel: Channel::Page,
            by: Some(subject.clone()),
            for_whom: None,
            said: said.to_owned(),
        }
    }
}

impl Draft {
    pub(crate) fn of(held: &Held, now: Timestamp) -> Self {
        let mut row = held.row.clone();
        row.fence = row.fence.saturating_add(1);
        Self {
            from: row.history.len(),
            counted: held.row.counts(),
            row,
            action: held.action.clone(),
            now,
        }
    }

    /// One that is new.
    pub(crate) fn new(row: Row, action: Action, now: Timestamp) -> Self {
        Self {
            row,
            action,
            now,
            from: 0,
            counted: Counts::default(),
        }
    }

    /// Goes on: `what` happened, and the gate is `state` now.
    ///
    /// # Errors
    /// `Misuse` where there is no room for one more of what only adds.
    pub(crate) fn note(&mut self, what: What, state: State, saying: Saying) -> Result<()> {
        if !self.row.history.is_empty() && !self.row.state.may_become(state) {
            return Err(Error::misuse("a gate does not go there from where it is"));
        }
        let is_end = matches!(
            what,
            What::StepDone | What::StepFailed | What::NotRun | What::AskedAnew
        );
        let only_adds = state == self.row.state && !is_end;
        if self.row.history.len() >= HISTORY || only_adds && !self.has_room() {
            return Err(Error::misuse(
                "a gate's history is full: withdraw it, and ask anew",
            ));
        }
        if saying.said.len() > REASON {
            return Err(Error::misuse("a reason has at most 2,000 bytes here"));
        }
        self.row.state = state;
        match what {
            What::Escalated => self.row.untold.escalated = true,
            What::Expired => self.row.untold.expired = true,
            _ => {}
        }
        // Nobody is asked any more.
        self.row.untold.escalated &= state == State::Pending;
        if !matches!(state, State::Approved | State::Executing) {
            self.row.taken = None;
        }
        self.row.history.push(Past {
            at: self.now,
            what,
            state,
            channel: saying.channel,
            by: saying.by,
            for_whom: saying.for_whom,
            said: saying.said,
        });
        Ok(())
    }

    /// Whether its history has room for one more of what only adds.
    pub(crate) fn has_room(&self) -> bool {
        self.row.history.len().saturating_add(SPARED) < HISTORY
    }

    /// What happened since it was read.
    pub(crate) fn news(&self) -> &[Past] {
        self.row.history.get(self.from..).unwrap_or_default()
    }

    /// The events of what happened since it was read.
    ///
    /// # Errors
    /// None that can be reached: all that they hold is bounded.
    pub(crate) fn events(&self, kinds: &Kinds, provider: &Provider) -> Result<Vec<OwnEvent>> {
        let (then, now) = (self.counted, self.row.counts());
        if self.news().is_empty() && then == now {
            return Ok(Vec::new());
        }
        let record = self.row.exported_digest(provider);
        let numbered = (0_u64..).zip(&self.row.history).skip(self.from);
        let events = numbered.map(|(nth, past)| self.event(kinds, nth, past, &record));
        let mut events = events.collect::<Result<Vec<_>>>()?;
        for nth in then.uses..now.uses {
            events.push(self.count_event(kinds, nth, USED, &record)?);
        }
        for nth in then.tries..now.tries {
            events.push(self.count_event(kinds, nth, TRIED, &record)?);
        }
        Ok(events)
    }

    /// What is only counted: its number, of its own kind.
    fn count_event(
        &self,
        kinds: &Kinds,
        nth: u64,
        word: &str,
        record: &[u8; 32],
    ) -> Result<OwnEvent> {
        let id = self.row.id.to_string();
        let step = self.action.steps().first().ok_or_else(wrong)?;
        let mut given = self.about(&id, step, nth, record);
        given.push(("event", Given::Word(word)));
        kinds.event(Kinds::NOTE, Outcome::Done, &given)
    }

    fn about<'a>(
        &'a self,
        id: &'a str,
        step: &'a Step,
        nth: u64,
        record: &'a [u8; 32],
    ) -> Vec<(&'static str, Given<'a>)> {
        let rule = self.row.rule.as_ref();
        vec![
            ("ticket", Given::Id(id)),
            ("instance", Given::Id(self.action.service().as_str())),
            (
                "category",
                Given::Id(rule.map_or(AUTOMATIC, |rule| rule.as_str())),
            ),
            ("action", Given::Id(step.kind().as_str())),
            ("shown", Given::Digest(&self.row.digest)),
            ("entry", Given::Number(nth)),
            ("fence", Given::Number(self.row.fence)),
            ("record", Given::Digest(record)),
        ]
    }

    fn event(&self, kinds: &Kinds, nth: u64, past: &Past, record: &[u8; 32]) -> Result<OwnEvent> {
        let (row, id) = (&self.row, self.row.id.to_string());
        let steps = self.action.steps();
        // Of the step that it is about; of what is about all, the first.
        let done = row.history.iter().take(usize::try_from(nth).unwrap_or(0));
        let at = done.filter(|past| past.is_step()).count();
        let step = steps.get(if past.is_step() { at } else { 0 });
        let step = step.or_else(|| steps.first()).ok_or_else(wrong)?;
        let mut given = self.about(&id, step, nth, record);
        let mut outcome = Outcome::Done;
        let action = match past.what {
            What::Staged => {
                let needs = row.rule.is_some();
                given.push(("needs-approval", Given::Flag(needs)));
                if let Some(sure) = self.action.confidence() {
                    given.push(("confidence", Given::Number(u64::from(sure))));
                }
                given.push(("expires", Given::Time(row.decide_by)));
                Kinds::PROPOSE
            }
            What::Approved | What::Denied | What::Expired | What::Withdrawn | What::Superseded => {
                given.push(("status", Given::Word(past.state.as_str())));
                given.push(("channel", Given::Word(past.channel.as_str())));
                given.push(("expires", Given::Time(row.run_by)));
                Kinds::DECIDE
            }
            What::StepDone | What::StepFailed => {
                let automatic = row.rule.is_none() && row.under.is_none();
                let status = if automatic { "automatic" } else { "approved" };
                given.push(("status", Given::Word(status)));
                if past.what == What::StepFailed {
                    let why = Some(crate::reason::STEP_FAILED);
                    outcome = Outcome::Failed(ErrorKind::Unavailable, why);
                }
                Kinds::RESULT
            }
            other => {
                given.push(("event", Given::Word(other.as_str())));
                Kinds::NOTE
            }
        };
        let mut event = kinds.event(action, outcome, &given)?;
        if let Some(by) = &past.by {
            let mut actor = Actor::new(by.clone());
            if past.channel == Channel::Operator {
                actor = actor.staff();
            }
            if let Some(whom) = &past.for_whom {
                actor = actor.on_behalf_of(whom.clone());
            }
            event = event.by(actor);
        }
        Ok(event)
    }
}

impl Past {
    /// Whether it is what became of one step.
    pub(crate) const fn is_step(&self) -> bool {
        matches!(self.what, What::StepDone | What::StepFailed)
    }
}

impl Row {
    /// Whether it is the record of that action.
    pub(crate) fn is_of(&self, action: &Action) -> bool {
        *action.digest().as_bytes() == self.digest
            && *action.tenant() == self.tenant
            && *action.executor() == self.executor
            && action.steps().len() == usize::from(self.steps)
            && (action.decide_by(), action.run_by()) == (self.decide_by, self.run_by)
    }

    /// What of it is only counted.
    pub(crate) fn counts(&self) -> Counts {
        let tries = self.slots.iter().map(|slot| u64::from(slot.tries));
        Counts {
            uses: self.class.as_ref().map_or(0, |class| class.used.into()),
            tries: tries.sum(),
        }
    }

    /// Until when something may run by it.
    pub(crate) fn needed_until(&self) -> Timestamp {
        let class = self.class.as_ref().map(|class| class.until);
        class.map_or(self.run_by, |until| until.max(self.run_by))
    }

    /// The record of it, under that key.
    ///
    /// # Errors
    /// `Misuse` if it is longer than a store takes.
    pub(crate) fn seal(&self, key: &MacHandle, kept: std::time::Duration) -> Result<Content> {
        let mut data = self.bytes(key.id());
        let tag = key.sign(ROW, &(&data,));
        data.extend_from_slice(&tag);
        if data.len() > StoreLimits::DATA {
            return Err(Error::misuse(
                "a gate's record is full: withdraw it, and ask anew",
            ));
        }
        Ok(Content {
            data,
            expires: Some(self.needed_until().saturating_add(kept)),
            mac_key: key.tag(),
            // Its links are of the same key, or of one before it, which the tag of the slot names.
            token_key: if self.slots.is_empty() {
                String::new()
            } else {
                key.tag()
            },
            word: self.word(),
            ..Content::default()
        })
    }

    /// By which it is found: what it waits for, and from when on somebody has to look at it: at once,
    /// if there is something to tell.
    pub(crate) fn word(&self) -> String {
        let due = match self.state {
            _ if self.untold.is_any() => Timestamp::from_millis(0),
            State::Staged | State::Pending => self.decide_by,
            State::Approved => self.run_by,
            State::Executing => self.taken.as_ref().map_or(self.run_by, |taken| taken.lease),
            _ => self.history.last().map_or(self.asked, |past| past.at),
        };
        format!("{}/{}", self.state, hex(&due.as_millis().to_be_bytes()))
    }
}
