//! The bytes of a rule, as a record keeps the one that something was approved under.
//! `docs/formats/action.md` specifies them.

use std::collections::BTreeSet;
use std::time::Duration;

use keyward_base::reader::Reader;
use keyward_base::{Error, Result, Role, Subject};

use super::rule::{Class, Escalation, Rule};
use crate::who::Whom;
use crate::word::RuleName;

const MAGIC: &[u8; 4] = b"kwap";
const VERSION: u8 = 1;

const OWNER: u8 = 1;
const PASSKEY: u8 = 2;
const LINK: u8 = 4;

const ROLE: u8 = 1;
const SUBJECT: u8 = 2;

impl Rule {
    /// Its one encoding: what a record keeps of the rule that it was approved under.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.push(VERSION);
        text(&mut out, self.name.as_str());
        out.extend_from_slice(&self.strictness.to_be_bytes());
        out.push(self.quorum);
        let flag = |is: bool, flag: u8| if is { flag } else { 0 };
        out.push(
            flag(self.owner_may_approve, OWNER)
                | flag(self.passkey, PASSKEY)
                | flag(self.link_holder, LINK),
        );
        span(&mut out, self.decide_within);
        span(&mut out, self.run_within);
        out.push(u8::try_from(self.approvers.len()).unwrap_or(u8::MAX));
        for whom in &self.approvers {
            match whom {
                Whom::Role(role) => {
                    out.push(ROLE);
                    text(&mut out, role.as_str());
                }
                Whom::Subject(subject) => {
                    out.push(SUBJECT);
                    text(&mut out, subject.as_str());
                }
            }
        }
        out.push(u8::try_from(self.remind.len()).unwrap_or(u8::MAX));
        self.remind
            .iter()
            .for_each(|before| span(&mut out, *before));
        out.push(u8::from(self.escalation.is_some()));
        if let Some(escalation) = &self.escalation {
            text(&mut out, escalation.to.as_str());
            span(&mut out, escalation.after);
        }
        out.push(u8::from(self.delegation.is_some()));
        if let Some(delegation) = self.delegation {
            span(&mut out, delegation);
        }
        out.push(u8::from(self.class.is_some()));
        if let Some(class) = self.class {
            span(&mut out, class.span);
            out.extend_from_slice(&class.count.to_be_bytes());
        }
        out.push(u8::from(self.break_glass.is_some()));
        if let Some(role) = &self.break_glass {
            text(&mut out, role.as_str());
        }
        out
    }

    /// Reads what [`Rule::to_bytes`] wrote.
    ///
    /// # Errors
    /// `Corrupt` for anything else, `Unavailable` for one of a newer release.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut rest = Reader::new(bytes.strip_prefix(MAGIC).ok_or_else(wrong)?);
        match rest.byte() {
            Some(VERSION) => {}
            Some(2..) => {
                return Err(Error::unavailable(
                    "a rule was written by a newer release: upgrade keyward",
                ));
            }
            _ => return Err(wrong()),
        }
        let rule = rule(&mut rest).filter(|rule| rest.is_empty() && rule.fault().is_none());
        rule.ok_or_else(wrong)
    }
}

fn wrong() -> Error {
    Error::corrupt("the bytes of a rule are not what was written")
}

fn text(out: &mut Vec<u8>, text: &str) {
    let len = u16::try_from(text.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Seconds: a policy has no shorter ones.
fn span(out: &mut Vec<u8>, span: Duration) {
    out.extend_from_slice(&span.as_secs().to_be_bytes());
}

fn rule(rest: &mut Reader<'_>) -> Option<Rule> {
    let name = RuleName::new(rest.text()?).ok()?;
    let strictness = u32::from_be_bytes(rest.array()?);
    let (quorum, flags) = (rest.byte()?, rest.byte()?);
    if flags & !(OWNER | PASSKEY | LINK) != 0 {
        return None;
    }
    let (decide_within, run_within) = (seconds(rest)?, seconds(rest)?);
    let mut approvers = BTreeSet::new();
    for _ in 0..rest.byte()? {
        let whom = match rest.byte()? {
            ROLE => Whom::Role(role(rest)?),
            SUBJECT => Whom::Subject(Subject::new(rest.text()?).ok()?),
            _ => return None,
        };
        if approvers.last().is_some_and(|last| *last >= whom) {
            return None;
        }
        approvers.insert(whom);
    }
    let mut remind = BTreeSet::new();
    for _ in 0..rest.byte()? {
        let before = seconds(rest)?;
        if remind.last().is_some_and(|last| *last >= before) {
            return None;
        }
        remind.insert(before);
    }
    let escalation = match rest.flag()? {
        false => None,
        true => Some(Escalation {
            to: RuleName::new(rest.text()?).ok()?,
            after: seconds(rest)?,
        }),
    };
    let delegation = match rest.flag()? {
        false => None,
        true => Some(seconds(rest)?),
    };
    let class = match rest.flag()? {
        false => None,
        true => Some(Class {
            span: seconds(rest)?,
            count: u32::from_be_bytes(rest.array()?),
        }),
    };
    let break_glass = match rest.flag()? {
        false => None,
        true => Some(role(rest)?),
    };
    Some(Rule {
        name,
        strictness,
        approvers,
        quorum,
        owner_may_approve: flags & OWNER != 0,
        passkey: flags & PASSKEY != 0,
        link_holder: flags & LINK != 0,
        decide_within,
        run_within,
        remind,
        escalation,
        delegation,
        class,
        break_glass,
    })
}

fn role(rest: &mut Reader<'_>) -> Option<Role> {
    let role = Role::new(rest.text()?).ok()?;
    (!role.is_none()).then_some(role)
}

/// 1 second to 30 days.
fn seconds(rest: &mut Reader<'_>) -> Option<Duration> {
    let seconds = rest.number()?;
    let span = Duration::from_secs(seconds);
    (seconds > 0 && span <= crate::action::limits::SPAN).then_some(span)
}
