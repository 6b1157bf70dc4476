//! A gate as it lies in the store: all that decides, under one MAC.
//! `docs/formats/gate.md` specifies it.

use keyward_base::reader::Reader;
use keyward_base::{Error, KeyId, Reason, Result, Subject, Tenant, Timestamp};

use super::id::GateId;
use super::state::{Channel, State, What};
use crate::word::{ExecutorName, RuleName};

const MAGIC: &[u8; 4] = b"kwgr";
const VERSION: u8 = 1;

/// The most votes of a gate: as many as a quorum may ask for, and as many who deny.
pub(crate) const VOTES: usize = 64;
/// The most that were lent of a gate's votes.
pub(crate) const DELEGATIONS: usize = 64;
/// The most links of a gate.
pub const LINKS: usize = 64;
/// The most entries of a history: links, votes and reminders of a gate that is busy, and its steps.
pub(crate) const HISTORY: usize = 1_024;
/// Bytes of a reason that somebody gives: half a page.
pub const REASON: usize = 2_000;
/// Bytes of what is kept of a passkey's assertion.
pub(crate) const PROOF: usize = 4_096;
/// Bytes of what a target says of a step.
pub(crate) const SAID: usize = 1_000;
/// Steps of an action.
pub(crate) const STEPS: usize = crate::action::limits::STEPS;

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)] // There is no third.
pub enum Decision {
    /// Yes.
    Approve,
    /// No.
    Deny,
}

/// Who voted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // Whoever counts votes has to decide on each.
pub enum Voter {
    /// Whoever holds the link of this slot. Nobody knows who.
    Holder(u16),
    /// This person.
    Person(Subject),
}

/// One vote, as it stands in the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vote {
    pub(crate) voter: Voter,
    /// Whose vote it is, if he lent it.
    pub(crate) lent_by: Option<Subject>,
    pub(crate) decision: Decision,
    pub(crate) at: Timestamp,
    pub(crate) channel: Channel,
    pub(crate) reason: String,
    /// What a passkey signed, whole; empty for another vote.
    pub(crate) proof: Vec<u8>,
}

/// A vote that is lent for a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delegation {
    pub(crate) from: Subject,
    pub(crate) to: Subject,
    pub(crate) until: Timestamp,
}

/// A link of a gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Whom it was sent to; none: a mailbox of nobody in particular.
    pub(crate) approver: Option<Subject>,
    pub(crate) dead: bool,
    pub(crate) fetched: bool,
    /// Tries of its code that were reserved.
    pub(crate) tries: u8,
    /// The MAC of its code; none: it has none.
    pub(crate) code: Option<[u8; 32]>,
}

/// An entry of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    pub(crate) at: Timestamp,
    pub(crate) what: What,
    /// Where the gate was after it.
    pub(crate) state: State,
    pub(crate) channel: Channel,
    pub(crate) by: Option<Subject>,
    pub(crate) for_whom: Option<Subject>,
    /// The reason that somebody gave, or what a target said.
    pub(crate) said: String,
}

/// How often what was approved may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Class {
    /// Arguments that have to be as they were approved; the others are free.
    pub(crate) fixed: Vec<String>,
    pub(crate) until: Timestamp,
    pub(crate) count: u32,
    pub(crate) used: u32,
}

/// What an executor took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Which run of an executor.
    pub(crate) run: [u8; 16],
    pub(crate) lease: Timestamp,
}

/// The claim under which it ran or runs, as the anchor has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) fence: u64,
    pub(crate) nonce: [u8; 16],
    /// When the step was first begun that is the next.
    pub(crate) begun: Timestamp,
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ran {
    Done(String),
    Failed(String),
    NotRun,
}

/// What time did to it, and [`Gates::tick`](super::Gates::tick) has told nobody yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Untold {
    pub(crate) escalated: bool,
    pub(crate) expired: bool,
}

impl Untold {
    /// One byte with whether it went to the second rule.
    fn to_byte(self, escalated: bool) -> u8 {
        u8::from(escalated) | u8::from(self.escalated) << 1 | u8::from(self.expired) << 2
    }

    fn from_byte(byte: u8) -> Option<(bool, Self)> {
        let of = |bit: u8| byte & bit != 0;
        let untold = Self {
            escalated: of(2),
            expired: of(4),
        };
        (byte < 8).then_some((of(1), untold))
    }

    pub(crate) const fn is_any(self) -> bool {
        self.escalated || self.expired
    }
}

/// A gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) id: GateId,
    /// How often the record changed.
    pub(crate) fence: u64,
    pub(crate) state: State,
    pub(crate) tenant: Tenant,
    pub(crate) executor: ExecutorName,
    /// SHA-256 of the action's bytes, and how many they are: they lie beside it.
    pub(crate) digest: [u8; 32],
    pub(crate) len: u32,
    pub(crate) has_secrets: bool,
    /// How many steps the action has.
    pub(crate) steps: u8,
    pub(crate) asked: Timestamp,
    pub(crate) decide_by: Timestamp,
    pub(crate) run_by: Timestamp,
    /// The rule it waits for; none: it needs nobody.
    pub(crate) rule: Option<RuleName>,
    pub(crate) escalated: bool,
    pub(crate) untold: Untold,
    pub(crate) reminded: u8,
    /// Somebody broke the glass.
    pub(crate) broken: bool,
    pub(crate) reviewed: bool,
    pub(crate) class: Option<Class>,
    /// The gate by whose class it may run.
    pub(crate) under: Option<GateId>,
    /// The gate in whose place it stands, and the one in its place.
    pub(crate) before: Option<GateId>,
    pub(crate) after: Option<GateId>,
    /// The log's number of its first entry.
    pub(crate) logged: u64,
    pub(crate) votes: Vec<Vote>,
    pub(crate) delegations: Vec<Delegation>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) taken: Option<Taken>,
    pub(crate) claim: Option<Claim>,
    pub(crate) ran: Vec<Ran>,
    pub(crate) history: Vec<Past>,
}

impl Row {
    /// What became of a step; none where that waits, or is not known.
    pub(crate) fn ran_of(&self, nth: usize) -> Option<&Ran> {
        let ran = |past: &Past| matches!(past.state, State::Executing | State::Indeterminate);
        let began = || self.history.iter().any(ran);
        let is_over = self.state.is_ended() && !began();
        self.ran
            .get(nth)
            .or_else(|| is_over.then_some(&Ran::NotRun))
    }

    /// The row in front of the MAC, which the key of that id makes.
    pub(crate) fn bytes(&self, key: KeyId) -> Vec<u8> {
        let mut out = Out(Vec::with_capacity(1_024));
        out.0.extend_from_slice(MAGIC);
        out.byte(VERSION);
        out.0.extend_from_slice(&key.to_bytes());
        out.0.extend_from_slice(&self.id.to_bytes());
        out.number(self.fence);
        out.byte(self.state.to_byte());
        out.text(self.tenant.as_str());
        out.text(self.executor.as_str());
        out.0.extend_from_slice(&self.digest);
        out.0.extend_from_slice(&self.len.to_be_bytes());
        out.flag(self.has_secrets);
        out.byte(self.steps);
        for time in [self.asked, self.decide_by, self.run_by] {
            out.time(time);
        }
        out.text(self.rule.as_ref().map_or("", RuleName::as_str));
        out.byte(self.untold.to_byte(self.escalated));
        out.byte(self.reminded);
        out.flag(self.broken);
        out.flag(self.reviewed);
        out.maybe(self.class.as_ref(), |out, class| {
            out.many(&class.fixed, |out, name| out.text(name));
            out.time(class.until);
            out.0.extend_from_slice(&class.count.to_be_bytes());
            out.0.extend_from_slice(&class.used.to_be_bytes());
        });
        for gate in [self.under, self.before, self.after] {
            out.maybe(gate.as_ref(), |out, gate| {
                out.0.extend_from_slice(&gate.to_bytes());
            });
        }
        out.number(self.logged);
        out.many(&self.votes, Out::vote);
        out.many(&self.delegations, |out, lent| {
            out.text(lent.from.as_str());
            out.text(lent.to.as_str());
            out.time(lent.until);
        });
        out.many(&self.slots, |out, slot| {
            out.subject(slot.approver.as_ref());
            out.flag(slot.dead);
            out.flag(slot.fetched);
            out.byte(slot.tries);
            out.maybe(slot.code.as_ref(), |out, code| {
                out.0.extend_from_slice(code);
            });
        });
        out.maybe(self.taken.as_ref(), |out, taken| {
            out.0.extend_from_slice(&taken.run);
            out.time(taken.lease);
        });
        out.maybe(self.claim.as_ref(), |out, claim| {
            out.number(claim.fence);
            out.0.extend_from_slice(&claim.nonce);
            out.time(claim.begun);
        });
        out.many(&self.ran, |out, ran| match ran {
            Ran::Done(said) => {
                out.byte(1);
                out.text(said);
            }
            Ran::Failed(said) => {
                out.byte(2);
                out.text(said);
            }
            Ran::NotRun => out.byte(3),
        });
        out.many(&self.history, |out, past| {
            out.time(past.at);
            out.byte(past.what.to_byte());
            out.byte(past.state.to_byte());
            out.byte(past.channel.to_byte());
            out.subject(past.by.as_ref());
            out.subject(past.for_whom.as_ref());
            out.text(&past.said);
        });
        out.byte(0); // Extensions, of which this version knows none.
        out.0
    }

    /// Reads what [`Row::bytes`] made, and the id of the key.
    pub(crate) fn parse(bytes: &[u8]) -> Result<(Self, KeyId)> {
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(wrong)?;
        let mut rest = Reader::new(rest);
        match rest.byte() {
            Some(VERSION) => {}
            Some(2..) => return Err(newer()),
            _ => return Err(wrong()),
        }
        let parsed = parse(&mut rest).ok_or_else(wrong)?;
        match rest.byte() {
            Some(0) if rest.is_empty() => Ok(parsed),
            // Some of what decides is not known here.
            Some(1..) => Err(newer()),
            _ => Err(wrong()),
        }
    }
}

struct Out(Vec<u8>);

impl Out {
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn flag(&mut self, flag: bool) {
        self.byte(u8::from(flag));
    }

    fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_be_bytes());
    }

    fn time(&mut self, time: Timestamp) {
        self.number(time.as_millis());
    }

    /// Text behind its length in two bytes. It was bounded where it came in.
    fn text(&mut self, text: &str) {
        self.piece(text.as_bytes());
    }

    fn piece(&mut self, bytes: &[u8]) {
        let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        self.0.extend_from_slice(&len.to_be_bytes());
        self.0.extend_from_slice(bytes);
    }

    /// A subject, or empty text: no subject is.
    fn subject(&mut self, subject: Option<&Subject>) {
        self.text(subject.map_or("", Subject::as_str));
    }

    fn maybe<T>(&mut self, value: Option<&T>, put: impl FnOnce(&mut Self, &T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            put(self, value);
        }
    }

    fn many<T>(&mut self, all: &[T], put: impl Fn(&mut Self, &T)) {
        let count = u16::try_from(all.len()).unwrap_or(u16::MAX);
        self.0.extend_from_slice(&count.to_be_bytes());
        for one in all {
            put(self, one);
        }
    }

    fn vote(&mut self, vote: &Vote) {
        match &vote.voter {
            Voter::Holder(slot) => {
                self.byte(0);
                self.0.extend_from_slice(&slot.to_be_bytes());
            }
            Voter::Person(subject) => {
                self.byte(1);
                self.text(subject.as_str());
            }
        }
        self.subject(vote.lent_by.as_ref());
        self.flag(vote.decision == Decision::Approve);
        self.time(vote.at);
        self.byte(vote.channel.to_byte());
        self.text(&vote.reason);
        self.piece(&vote.proof);
    }
}

fn parse(rest: &mut Reader<'_>) -> Option<(Row, KeyId)> {
    let key = KeyId::from_bytes(rest.array()?);
    let id = GateId::from_bytes(rest.array()?);
    let fence = rest.number()?;
    let state = State::from_byte(rest.byte()?)?;
    let tenant = Tenant::new(rest.text()?).ok()?;
    let executor = ExecutorName::new(rest.text()?).ok()?;
    let digest = rest.array()?;
    let len = u32::from_be_bytes(rest.array()?);
    let has_secrets = rest.flag()?;
    let steps = rest.byte()?;
    let (asked, decide_by, run_by) = (rest.time()?, rest.time()?, rest.time()?);
    let rule = match rest.text()? {
        "" => None,
        name => Some(RuleName::new(name).ok()?),
    };
    let (escalated, untold) = Untold::from_byte(rest.byte()?)?;
    let reminded = rest.byte()?;
    let (broken, reviewed) = (rest.flag()?, rest.flag()?);
    let class = maybe(rest, |rest| {
        Some(Class {
            fixed: many(rest, crate::action::limits::ARGUMENTS, |rest| {
                short(rest, crate::word::WORD_LEN)
            })?,
            until: rest.time()?,
            count: u32::from_be_bytes(rest.array()?),
            used: u32::from_be_bytes(rest.array()?),
        })
    })?;
    let mut gate = || maybe(rest, |rest| rest.array().map(GateId::from_bytes));
    let (under, before, after) = (gate()?, gate()?, gate()?);
    let logged = rest.number()?;
    let row = Row {
        id,
        fence,
        state,
        tenant,
        executor,
        digest,
        len,
        has_secrets,
        steps,
        asked,
        decide_by,
        run_by,
        rule,
        escalated,
        untold,
        reminded,
        broken,
        reviewed,
        class,
        under,
        before,
        after,
        logged,
        votes: many(rest, VOTES, vote)?,
        delegations: many(rest, DELEGATIONS, |rest| {
            Some(Delegation {
                from: Subject::new(rest.text()?).ok()?,
                to: Subject::new(rest.text()?).ok()?,
                until: rest.time()?,
            })
        })?,
        slots: many(rest, LINKS, |rest| {
            Some(Slot {
                approver: subject(rest)?,
                dead: rest.flag()?,
                fetched: rest.flag()?,
                tries: rest.byte()?,
                code: maybe(rest, Reader::array)?,
            })
        })?,
        taken: maybe(rest, |rest| {
            Some(Taken {
                run: rest.array()?,
                lease: rest.time()?,
            })
        })?,
        claim: maybe(rest, |rest| {
            Some(Claim {
                fence: rest.number()?,
                nonce: rest.array()?,
                begun: rest.time()?,
            })
        })?,
        ran: many(rest, STEPS, |rest| {
            Some(match rest.byte()? {
                1 => Ran::Done(short(rest, SAID)?),
                2 => Ran::Failed(short(rest, SAID)?),
                3 => Ran::NotRun,
                _ => return None,
            })
        })?,
        history: many(rest, HISTORY, |rest| {
            Some(Past {
                at: rest.time()?,
                what: What::from_byte(rest.byte()?)?,
                state: State::from_byte(rest.byte()?)?,
                channel: Channel::from_byte(rest.byte()?)?,
                by: subject(rest)?,
                for_whom: subject(rest)?,
                said: short(rest, REASON)?,
            })
        })?,
    };
    row.is_sound().then_some((row, key))
}

impl Row {
    /// Not what no gate of ours is.
    fn is_sound(&self) -> bool {
        let last = self.history.last().map(|past| past.state);
        let goes_on = self
            .history
            .is_sorted_by(|a, b| a.state.may_become(b.state));
        let runs = matches!(
            self.state,
            State::Executing | State::Executed | State::Failed
        );
        last == Some(self.state)
            && goes_on
            && self.fence > 0
            && (1..=STEPS).contains(&usize::from(self.steps))
            && self.ran.len() <= usize::from(self.steps)
            && self.claim.as_ref().is_none_or(|c| c.fence <= self.fence)
            && (!runs || self.claim.is_some() || self.history.iter().any(Past::is_indeterminate))
            && self.asked <= self.decide_by
            && self.decide_by <= self.run_by
            && (!self.untold.escalated || self.escalated && self.state == State::Pending)
            && (!self.untold.expired || self.state == State::Expired)
            && self.class.as_ref().is_none_or(|c| c.used <= c.count)
    }
}

impl Past {
    const fn is_indeterminate(&self) -> bool {
        matches!(self.state, State::Indeterminate)
    }
}

fn vote(rest: &mut Reader<'_>) -> Option<Vote> {
    let voter = match rest.flag()? {
        false => Voter::Holder(u16::from_be_bytes(rest.array()?)),
        true => Voter::Person(Subject::new(rest.text()?).ok()?),
    };
    let lent_by = subject(rest)?;
    let decision = match rest.flag()? {
        true => Decision::Approve,
        false => Decision::Deny,
    };
    let (at, channel) = (rest.time()?, Channel::from_byte(rest.byte()?)?);
    let reason = short(rest, REASON)?;
    let len = rest.len_u16()?;
    let proof = rest.take(len)?.to_vec();
    let vote = Vote {
        voter,
        lent_by,
        decision,
        at,
        channel,
        reason,
        proof,
    };
    (vote.proof.len() <= PROOF && vote.proof.is_empty() != (channel == Channel::Passkey))
        .then_some(vote)
}

fn subject(rest: &mut Reader<'_>) -> Option<Option<Subject>> {
    match rest.text()? {
        "" => Some(None),
        text => Subject::new(text).ok().map(Some),
    }
}

fn short(rest: &mut Reader<'_>, most: usize) -> Option<String> {
    let text = rest.text()?;
    (text.len() <= most).then(|| text.to_owned())
}

fn maybe<'a, T>(
    rest: &mut Reader<'a>,
    read: impl FnOnce(&mut Reader<'a>) -> Option<T>,
) -> Option<Option<T>> {
    match rest.flag()? {
        false => Some(None),
        true => read(rest).map(Some),
    }
}

fn many<'a, T>(
    rest: &mut Reader<'a>,
    most: usize,
    read: impl Fn(&mut Reader<'a>) -> Option<T>,
) -> Option<Vec<T>> {
    let count = rest.len_u16()?;
    if count > most {
        return None;
    }
    // No room is made for what may not be there.
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(read(rest)?);
    }
    Some(all)
}

pub(crate) fn wrong() -> Error {
    Error::corrupt("a gate's record is not what was written: ask anew")
        .because(Reason::NOT_AUTHENTIC)
}

fn newer() -> Error {
    Error::unavailable("a gate's record was written by a newer release: upgrade keyward")
}

/// A gate's record without its MAC, as anybody reads it: nobody vouches for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateShape(Row, KeyId);

impl GateShape {
    /// Reads a record without its MAC, the last 32 bytes of its data.
    ///
    /// # Errors
    /// `Corrupt` for what is none; `Unavailable` for one of a newer release.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        Row::parse(bytes).map(|(row, key)| Self(row, key))
    }

    /// The bytes that it was read from.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.bytes(self.1)
    }

    /// The gate.
    #[must_use]
    pub const fn id(&self) -> GateId {
        self.0.id
    }

    /// Where it is.
    #[must_use]
    pub const fn state(&self) -> State {
        self.0.state
    }

    /// How often the record changed.
    #[must_use]
    pub const fn fence(&self) -> u64 {
        self.0.fence
    }

    /// The key that its MAC names.
    #[must_use]
    pub const fn key(&self) -> KeyId {
        self.1
    }
}
