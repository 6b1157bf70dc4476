//! What an agent asks for, as JSON.

use std::collections::BTreeMap;
use std::fmt;

use keyward_base::encoding::from_base64;
use keyward_base::{Error, Reason, SecretBytes};

use super::json::Json;
use super::{Catalogue, StepBuilder, Type, Value, limits};

/// The most bytes of it: an action at its longest, of which not every character is an escape.
pub const MAX_LEN: usize = 2 * 1024 * 1024;

/// What an agent asks for: what is to be done, why, and how sure it is. Who asks, for whom and under
/// which policy is not the agent's to say.
///
/// ```
/// use keyward_approval::{AgentAsk, Catalogue, Shape, Type};
///
/// # fn main() -> keyward_base::Result<()> {
/// let delete = Shape::new("server.delete")?.must("region", Type::Text)?.or("force", false)?;
/// let catalogue = Catalogue::new().with(delete)?;
///
/// let ask = AgentAsk::parse(&catalogue, br#"{
///     "reason": "nobody has used it since June",
///     "confidence": 870,
///     "steps": [{"kind": "server.delete", "target": "web-1", "arguments": {"region": "eu-1"}}]
/// }"#)?;
/// assert_eq!(ask.steps.len(), 1);
///
/// let twice = br#"{"steps": [{"kind": "server.delete", "kind": "server.start", "target": "a"}]}"#;
/// let refused = AgentAsk::parse(&catalogue, twice).unwrap_err();
/// assert_eq!(refused.to_string(), "a name that stands there twice at line 1 column 43");
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct AgentAsk {
    /// What is to be done, in this order.
    pub steps: Vec<StepBuilder>,
    /// Why, in the agent's words; empty if it gave none.
    pub reason: String,
    /// How sure it says it is, in thousandths.
    pub confidence: Option<u16>,
}

/// Why a text is nothing that an agent may ask for, in words for whoever wrote the agent. It holds no
/// value of the text, of which one may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAnAsk {
    at: String,
    what: String,
}

impl NotAnAsk {
    fn new(at: &str, what: impl Into<String>) -> Self {
        Self {
            at: at.to_owned(),
            what: what.into(),
        }
    }

    /// Where in it, such as `steps[0].arguments.region`; empty for all of it.
    #[must_use]
    pub fn at(&self) -> &str {
        &self.at
    }
}

impl fmt::Display for NotAnAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.at.is_empty() {
            write!(f, "{}: ", self.at)?;
        }
        f.write_str(&self.what)
    }
}

impl std::error::Error for NotAnAsk {}

/// `Rejected` ([`Reason::MALFORMED`]), with what is wrong as its source.
impl From<NotAnAsk> for Error {
    fn from(wrong: NotAnAsk) -> Self {
        Self::rejected(Reason::MALFORMED).with_source(wrong)
    }
}

type Members = BTreeMap<String, Json>;

impl AgentAsk {
    /// Reads one JSON object (RFC 8259) with `steps`, each with `kind`, `target` and `arguments` (may),
    /// and with `reason` (may) and `confidence` (may, a whole number of thousandths). Of an argument of
    /// bytes it takes base64 with padding; of a secret one a text. No buffer but the secret's own is
    /// wiped: what an agent sends as JSON lies in the server's buffers too.
    ///
    /// # Errors
    /// [`NotAnAsk`], which says what and where: more than 2 MiB, what is no JSON or not UTF-8, a name
    /// that stands there twice, a number with a point or an exponent or beyond 64 bits, `null`, half of
    /// a surrogate pair, arrays and objects too deep, an unknown or missing member, a kind or argument
    /// that the service does not have, an argument of another type.
    pub fn parse(catalogue: &Catalogue, text: &[u8]) -> Result<Self, NotAnAsk> {
        if text.len() > MAX_LEN {
            return Err(NotAnAsk::new("", "more than 2 MiB"));
        }
        let json = Json::parse(text).map_err(|e| NotAnAsk::new("", e.to_string()))?;
        let mut ask = object(json, "")?;
        let reason = match ask.remove("reason") {
            Some(words) => self::text(words, "reason")?,
            None => String::new(),
        };
        let confidence = ask.remove("confidence");
        let confidence = confidence.as_ref().map(self::confidence).transpose()?;
        let steps = match required(&mut ask, "", "steps")? {
            Json::List(steps) => steps,
            other => return Err(of_type("steps", &other, "an array")),
        };
        nothing_else(&ask, "")?;
        if steps.is_empty() || steps.len() > limits::STEPS {
            return Err(NotAnAsk::new("steps", "an action has 1 to 64 steps"));
        }
        let steps = steps.into_iter().enumerate();
        let steps = steps.map(|(index, json)| step(catalogue, json, &format!("steps[{index}]")));
        Ok(Self {
            steps: steps.collect::<Result<_, _>>()?,
            reason,
            confidence,
        })
    }
}

fn step(catalogue: &Catalogue, json: Json, at: &str) -> Result<StepBuilder, NotAnAsk> {
    let mut members = object(json, at)?;
    let kind = text(required(&mut members, at, "kind")?, &format!("{at}.kind"))?;
    let target = text(
        required(&mut members, at, "target")?,
        &format!("{at}.target"),
    )?;
    let arguments = members.remove("arguments");
    nothing_else(&members, at)?;
    let step = catalogue.step(&kind, &target);
    let mut step = step.map_err(|e| NotAnAsk::new(at, e.to_string()))?;
    let at = format!("{at}.arguments");
    let arguments = arguments.map_or_else(|| Ok(Members::new()), |json| object(json, &at))?;
    for (name, json) in arguments {
        let at = member(&at, &name);
        let given = match (step.takes(&name), json) {
            (None, _) => return Err(NotAnAsk::new(&at, format!("{kind} has no such argument"))),
            (Some(Type::Secret), Json::Text(secret)) => {
                step.secret(&name, SecretBytes::new(secret.into_bytes()))
            }
            (Some(Type::Bytes), Json::Text(text)) => match from_base64(&text) {
                Ok(bytes) => step.with(&name, Value::Bytes(bytes.expose().to_vec())),
                Err(_) => return Err(NotAnAsk::new(&at, "base64 with padding is expected")),
            },
            (Some(Type::Bytes | Type::Secret), other) => {
                return Err(of_type(&at, &other, "a text"));
            }
            (Some(_), json) => step.with(&name, value(json)),
        };
        step = given.map_err(|e| NotAnAsk::new(&at, e.to_string()))?;
    }
    Ok(step)
}

fn value(json: Json) -> Value {
    match json {
        Json::Bool(is) => Value::Bool(is),
        Json::Integer(number) => Value::Integer(number),
        Json::Text(text) => Value::Text(text),
        Json::List(items) => Value::List(items.into_iter().map(value).collect()),
        Json::Map(items) => {
            let items = items.into_iter().map(|(key, item)| (key, value(item)));
            Value::Map(items.collect())
        }
    }
}

fn confidence(json: &Json) -> Result<u16, NotAnAsk> {
    let wrong = || NotAnAsk::new("confidence", "0 to 1000 thousandths are expected");
    match json {
        Json::Integer(sure) => u16::try_from(*sure)
            .ok()
            .filter(|sure| *sure <= super::format::SURE)
            .ok_or_else(wrong),
        _ => Err(wrong()),
    }
}

fn object(json: Json, at: &str) -> Result<Members, NotAnAsk> {
    match json {
        Json::Map(members) => Ok(members),
        other => Err(of_type(at, &other, "an object")),
    }
}

fn text(json: Json, at: &str) -> Result<String, NotAnAsk> {
    match json {
        Json::Text(text) => Ok(text),
        other => Err(of_type(at, &other, "a text")),
    }
}

fn of_type(at: &str, is: &Json, expected: &str) -> NotAnAsk {
    NotAnAsk::new(
        at,
        format!("{expected} is expected, and this is {}", is.is()),
    )
}

fn required(members: &mut Members, at: &str, name: &str) -> Result<Json, NotAnAsk> {
    let found = members.remove(name);
    found.ok_or_else(|| NotAnAsk::new(&member(at, name), "this member is missing"))
}

fn nothing_else(members: &Members, at: &str) -> Result<(), NotAnAsk> {
    match members.keys().next() {
        None => Ok(()),
        Some(name) => Err(NotAnAsk::new(&member(at, name), "no such member is known")),
    }
}

/// Where a member stands. A name that is longer than any of ours, or has another character, is not
/// repeated.
fn member(at: &str, name: &str) -> String {
    let name = match crate::word::ArgumentName::new(name) {
        Ok(name) => name.to_string(),
        Err(_) => "(another name)".to_owned(),
    };
    match at {
        "" => name,
        at => format!("{at}.{name}"),
    }
}
