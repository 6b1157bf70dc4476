//! The bytes of an action. `docs/formats/action.md` specifies them.

use std::collections::BTreeMap;

use keyward_base::reader::Reader;
use keyward_base::{Error, Result, Subject, Tenant};

use super::{Argument, Commitment, Parts, Step, Value, limits};
use crate::policy::PolicyRef;
use crate::who::{Requester, RequesterKind};
use crate::word::{ActionKind, ArgumentName, ExecutorName, ServiceName};

const MAGIC: &[u8; 4] = b"kwaa";
const VERSION: u8 = 1;
/// In place of a confidence.
const NONE: u16 = u16::MAX;
/// The most of it.
pub(super) const SURE: u16 = 1_000;

const BOOL: u8 = 1;
const INTEGER: u8 = 2;
const TEXT: u8 = 3;
const BYTES: u8 = 4;
const LIST: u8 = 5;
const MAP: u8 = 6;
const SECRET: u8 = 7;

/// Writes an action whose parts are within the limits.
pub(super) fn write(parts: &Parts) -> Vec<u8> {
    let mut out = Out(Vec::with_capacity(1_024));
    out.put(MAGIC);
    out.put(&[VERSION]);
    out.short(parts.tenant.as_str());
    out.short(parts.service.as_str());
    out.short(parts.executor.as_str());
    out.put(&parts.policy.version().to_be_bytes());
    out.put(parts.policy.digest());
    let requester = &parts.requester;
    out.put(&[requester.kind().to_byte()]);
    out.short(requester.subject().as_str());
    out.maybe(requester.owner().map(Subject::as_str));
    out.maybe(requester.for_whom().map(Subject::as_str));
    out.put(&parts.decide_by.as_millis().to_be_bytes());
    out.put(&parts.run_by.as_millis().to_be_bytes());
    out.long(parts.reason.as_bytes());
    out.put(&parts.confidence.unwrap_or(NONE).to_be_bytes());
    out.put(&[u8::try_from(parts.steps.len()).unwrap_or(u8::MAX)]);
    for step in &parts.steps {
        out.short(step.kind.as_str());
        out.short(&step.target);
        out.put(&[u8::try_from(step.arguments.len()).unwrap_or(u8::MAX)]);
        for (name, argument) in &step.arguments {
            out.short(name.as_str());
            match argument {
                Argument::Plain(value) => out.value(value),
                Argument::Secret(commitment) => {
                    out.put(&[SECRET]);
                    out.put(commitment.as_bytes());
                }
            }
        }
    }
    out.0
}

struct Out(Vec<u8>);

impl Out {
    fn put(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn count(&mut self, len: usize) {
        self.put(&u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes());
    }

    fn short(&mut self, text: &str) {
        self.count(text.len());
        self.put(text.as_bytes());
    }

    fn long(&mut self, bytes: &[u8]) {
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.put(&len.to_be_bytes());
        self.put(bytes);
    }

    fn maybe(&mut self, text: Option<&str>) {
        self.put(&[u8::from(text.is_some())]);
        if let Some(text) = text {
            self.short(text);
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Bool(is) => self.put(&[BOOL, u8::from(*is)]),
            Value::Integer(number) => {
                self.put(&[INTEGER]);
                self.put(&number.to_be_bytes());
            }
            Value::Text(text) => {
                self.put(&[TEXT]);
                self.long(text.as_bytes());
            }
            Value::Bytes(bytes) => {
                self.put(&[BYTES]);
                self.long(bytes);
            }
            Value::List(items) => {
                self.put(&[LIST]);
                self.count(items.len());
                items.iter().for_each(|item| self.value(item));
            }
            Value::Map(items) => {
                self.put(&[MAP]);
                self.count(items.len());
                for (key, item) in items {
                    self.short(key);
                    self.value(item);
                }
            }
        }
    }
}

/// Reads an action. Each thing has one form, so what is read is what [`write`] would have written.
///
/// # Errors
/// `Corrupt` for what is none, `Unavailable` for one of a newer release.
pub(super) fn parse(bytes: &[u8]) -> Result<Parts> {
    if bytes.len() > limits::ACTION {
        return Err(wrong());
    }
    let mut rest = Reader::new(bytes.strip_prefix(MAGIC).ok_or_else(wrong)?);
    match rest.byte() {
        Some(VERSION) => {}
        Some(2..) => {
            return Err(Error::unavailable(
                "an action was written by a newer release: upgrade keyward",
            ));
        }
        _ => return Err(wrong()),
    }
    parts(&mut rest)
        .filter(|_| rest.is_empty())
        .ok_or_else(wrong)
}

fn wrong() -> Error {
    Error::corrupt("the bytes of an action are not what was written")
}

fn parts(rest: &mut Reader<'_>) -> Option<Parts> {
    let tenant = Tenant::new(rest.text()?).ok()?;
    let service = ServiceName::new(rest.text()?).ok()?;
    let executor = ExecutorName::new(rest.text()?).ok()?;
    let policy = PolicyRef::new(rest.number()?, rest.array()?);
    let requester = requester(rest)?;
    let (decide_by, run_by) = (rest.time()?, rest.time()?);
    let reason = long(rest)?;
    let reason = std::str::from_utf8(reason).ok()?.to_owned();
    let confidence = match u16::from_be_bytes(rest.array()?) {
        NONE => None,
        sure @ 0..=SURE => Some(sure),
        _ => return None,
    };
    let count = usize::from(rest.byte()?);
    if !(1..=limits::STEPS).contains(&count) || run_by < decide_by {
        return None;
    }
    let mut steps = Vec::with_capacity(count);
    let mut left = limits::VALUES;
    for _ in 0..count {
        steps.push(step(rest, &mut left)?);
    }
    Some(Parts {
        tenant,
        service,
        executor,
        policy,
        requester,
        decide_by,
        run_by,
        reason,
        confidence,
        steps,
    })
}

fn requester(rest: &mut Reader<'_>) -> Option<Requester> {
    let kind = RequesterKind::from_byte(rest.byte()?)?;
    let subject = Subject::new(rest.text()?).ok()?;
    let (owner, for_whom) = (maybe(rest)?, maybe(rest)?);
    Requester::restored(kind, subject, owner, for_whom)
}

fn maybe(rest: &mut Reader<'_>) -> Option<Option<Subject>> {
    match rest.flag()? {
        false => Some(None),
        true => Subject::new(rest.text()?).ok().map(Some),
    }
}

fn step(rest: &mut Reader<'_>, left: &mut usize) -> Option<Step> {
    let kind = ActionKind::new(rest.text()?).ok()?;
    let target = rest.text()?;
    if target.is_empty() || target.len() > limits::TARGET {
        return None;
    }
    let target = target.to_owned();
    let count = usize::from(rest.byte()?);
    if count > limits::ARGUMENTS {
        return None;
    }
    let mut arguments = BTreeMap::new();
    for _ in 0..count {
        let name = ArgumentName::new(rest.text()?).ok()?;
        rises(arguments.last_key_value(), &name)?;
        let argument = match rest.byte()? {
            SECRET => {
                *left = left.checked_sub(1)?;
                Argument::Secret(Commitment::from_bytes(rest.array()?))
            }
            tag => Argument::Plain(value(rest, tag, 1, left)?),
        };
        arguments.insert(name, argument);
    }
    Some(Step {
        kind,
        target,
        arguments,
    })
}

/// Keys stand in their order, and none twice.
fn rises<K: Ord, V>(last: Option<(&K, &V)>, key: &K) -> Option<()> {
    last.is_none_or(|(last, _)| last < key).then_some(())
}

fn value(rest: &mut Reader<'_>, tag: u8, depth: usize, left: &mut usize) -> Option<Value> {
    if depth > limits::DEPTH {
        return None;
    }
    *left = left.checked_sub(1)?;
    let deeper = depth.saturating_add(1);
    Some(match tag {
        BOOL => Value::Bool(rest.flag()?),
        INTEGER => Value::Integer(i64::from_be_bytes(rest.array()?)),
        TEXT => Value::Text(std::str::from_utf8(long(rest)?).ok()?.to_owned()),
        BYTES => Value::Bytes(long(rest)?.to_vec()),
        LIST => {
            let count = items(rest)?;
            let mut list = Vec::new();
            for _ in 0..count {
                let tag = rest.byte()?;
                list.push(value(rest, tag, deeper, left)?);
            }
            Value::List(list)
        }
        MAP => {
            let count = items(rest)?;
            let mut map = BTreeMap::new();
            for _ in 0..count {
                let key = rest
                    .text()
                    .filter(|key| key.len() <= limits::KEY)?
                    .to_owned();
                rises(map.last_key_value(), &key)?;
                let tag = rest.byte()?;
                map.insert(key, value(rest, tag, deeper, left)?);
            }
            Value::Map(map)
        }
        _ => return None,
    })
}

fn items(rest: &mut Reader<'_>) -> Option<usize> {
    rest.len_u16().filter(|count| *count <= limits::ITEMS)
}

fn long<'a>(rest: &mut Reader<'a>) -> Option<&'a [u8]> {
    let len = usize::try_from(u32::from_be_bytes(rest.array()?)).ok()?;
    if len > limits::TEXT {
        return None;
    }
    rest.take(len)
}
