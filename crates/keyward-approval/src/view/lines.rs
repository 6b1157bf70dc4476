//! The rows of a view, in the order in which a person needs them.

use keyward_base::Timestamp;
use keyward_base::encoding::{base64, hex};

use super::{Label, Row, Shown, Voice};
use crate::action::{Action, Argument, Value};
use crate::who::{Requester, RequesterKind};

struct Rows(Vec<Row>);

impl Rows {
    fn put(&mut self, depth: usize, label: Label, shown: Shown) {
        self.0.push(Row {
            depth,
            label,
            shown,
            voice: Voice::Bytes,
        });
    }

    fn own(&mut self, label: &str, shown: impl Into<String>) {
        self.put(0, Label::Own(label.to_owned()), Shown::Own(shown.into()));
    }

    fn value(&mut self, depth: usize, label: Label, value: &Value) {
        let deeper = depth.saturating_add(1);
        match value {
            Value::Bool(is) => self.put(depth, label, Shown::Own(is.to_string())),
            Value::Integer(number) => self.put(depth, label, Shown::Own(number.to_string())),
            Value::Text(text) => self.put(depth, label, Shown::Text(text.clone())),
            Value::Bytes(bytes) => {
                let count = bytes.len();
                self.put(depth, label, Shown::Own(format!("{count} bytes")));
                let whole = Label::Own("in base64".to_owned());
                self.put(deeper, whole, Shown::Text(base64(bytes)));
            }
            Value::List(items) => {
                let count = items.len();
                self.put(depth, label, Shown::Own(format!("a list of {count}")));
                for (index, item) in items.iter().enumerate() {
                    let number = Label::Own(index.saturating_add(1).to_string());
                    self.value(deeper, number, item);
                }
            }
            Value::Map(items) => {
                let count = items.len();
                self.put(depth, label, Shown::Own(format!("a map of {count}")));
                for (key, item) in items {
                    self.value(deeper, Label::Key(key.clone()), item);
                }
            }
        }
    }
}

pub(super) fn of(action: &Action) -> Vec<Row> {
    let mut rows = Rows(Vec::new());
    let steps = action.steps();
    for (index, step) in steps.iter().enumerate() {
        let title = format!("Step {} of {}", index.saturating_add(1), steps.len());
        rows.own(&title, step.kind().as_str());
        let target = Label::Own("target".to_owned());
        rows.put(1, target, Shown::Text(step.target().to_owned()));
        for (name, argument) in step.arguments() {
            let label = Label::Own(name.to_string());
            match argument {
                Argument::Plain(value) => rows.value(1, label, value),
                Argument::Secret(_) => rows.put(1, label, Shown::Secret),
            }
        }
    }
    requester(&mut rows, action.requester());
    if !action.reason().is_empty() {
        rows.put(
            0,
            Label::Own("Reason".to_owned()),
            Shown::Text(action.reason().to_owned()),
        );
        said(&mut rows);
    }
    if let Some(thousandths) = action.confidence() {
        let (whole, part) = (thousandths / 10, thousandths % 10);
        rows.own("Confidence", format!("{whole}.{part} %"));
        said(&mut rows);
    }
    let tenant = Shown::Text(action.tenant().as_str().to_owned());
    rows.put(0, Label::Own("Tenant".to_owned()), tenant);
    rows.own("Service", action.service().as_str());
    rows.own("Run by", action.executor().as_str());
    rows.own("To be decided before", time(action.decide_by()));
    rows.own("To be begun before", time(action.run_by()));
    let policy = action.policy();
    rows.own("Policy", format!("version {}", policy.version()));
    rows.put(
        1,
        Label::Own("SHA-256".to_owned()),
        Shown::Own(hex(policy.digest())),
    );
    rows.own("Action", "SHA-256 of its bytes");
    rows.put(
        1,
        Label::Own("SHA-256".to_owned()),
        Shown::Own(action.digest().to_string()),
    );
    rows.0
}

/// What stands last is the requester's word.
fn said(rows: &mut Rows) {
    if let Some(last) = rows.0.last_mut() {
        last.voice = Voice::Requester;
    }
}

fn requester(rows: &mut Rows, requester: &Requester) {
    let what = match requester.kind() {
        RequesterKind::Agent => "an agent, which decides by itself what it asks for",
        RequesterKind::ApiKey => "a program with an API key",
        RequesterKind::Person => "a person",
    };
    rows.own("Asked by", what);
    let mut put = |label: &str, subject: &str| {
        let label = Label::Own(label.to_owned());
        rows.put(1, label, Shown::Text(subject.to_owned()));
    };
    put("who", requester.subject().as_str());
    if let Some(owner) = requester.owner() {
        put("owned by", owner.as_str());
    }
    if let Some(for_whom) = requester.for_whom() {
        put("on behalf of", for_whom.as_str());
    }
}

/// A time as RFC 3339 writes it, in UTC.
#[must_use]
pub fn time(at: Timestamp) -> String {
    let millis = i64::try_from(at.as_millis()).ok();
    let known = millis.and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    known.map_or_else(
        || format!("{} ms after 1970", at.as_millis()),
        |time| time.to_string(),
    )
}
