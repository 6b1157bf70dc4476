//! A policy as TOML: `docs/formats/policy.md`.

use std::collections::BTreeMap;
use std::time::Duration;

use keyward_base::{Error, Result, Role};
use keyward_crypto::Provider;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value as Toml};

use super::case::Case;
use super::condition::{Condition, Scalar};
use super::rule::{Class, Escalation, Rule};
use super::{Kinds, Policy, PolicyRef, Verdict, span};
use crate::who::{RequesterKind, Whom};
use crate::word::{ArgumentName, RuleName, WORD_LEN};

/// The most bytes of a policy: some thousand cases, and read in a moment.
const MAX_LEN: usize = 256 * 1024;
const RULES: usize = 64;
const CASES: usize = 1_024;
const DECIDE: Duration = Duration::from_secs(24 * 60 * 60);
const RUN: Duration = Duration::from_secs(60 * 60);

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    keyward_policy: u8,
    version: u64,
    otherwise: String,
    auto_run_within: Option<String>,
    #[serde(default)]
    dangerous: Vec<String>,
    #[serde(default)]
    rule: BTreeMap<String, Table>,
    #[serde(default)]
    case: BTreeMap<String, Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RuleOf {
    strictness: u32,
    approvers: Vec<String>,
    quorum: u8,
    #[serde(default)]
    owner_may_approve: bool,
    #[serde(default)]
    passkey: bool,
    #[serde(default)]
    link_holder: bool,
    decide_within: Option<String>,
    run_within: Option<String>,
    #[serde(default)]
    remind: Vec<String>,
    escalate: Option<Table>,
    delegation: Option<String>,
    class: Option<Table>,
    break_glass: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct EscalateOf {
    to: String,
    after: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ClassOf {
    span: String,
    count: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct CaseOf {
    kind: String,
    #[serde(default)]
    by: Vec<String>,
    target: Option<Table>,
    #[serde(default)]
    when: BTreeMap<String, Table>,
    #[serde(default)]
    free: Vec<String>,
    then: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ConditionOf {
    is: Option<Toml>,
    one_of: Option<Vec<Toml>>,
    every_of: Option<Vec<Toml>>,
    at_least: Option<i64>,
    at_most: Option<i64>,
    starts_with: Option<String>,
}

impl Policy {
    /// Reads a policy. What it does not know it refuses: a word that is mistyped is not a case that is
    /// missing.
    ///
    /// # Errors
    /// `Misuse` for what is no policy, saying which part is wrong: more than 256 KiB, an unknown
    /// field, a rule that nobody defined, two rules of one strictness, a stricter rule that asks for
    /// less, `otherwise = "auto"`.
    pub fn parse(provider: &Provider, text: &str) -> Result<Self> {
        if text.len() > MAX_LEN {
            return Err(Error::misuse("a policy has at most 256 KiB"));
        }
        let misplaced = |e: toml::de::Error| {
            let line = e.span().map_or(1, |span| {
                let before = text.get(..span.start).unwrap_or_default();
                before.matches('\n').count().saturating_add(1)
            });
            Error::misuse(format!("the policy, line {line}: {}", said(&e)))
        };
        let whole: Table = toml::from_str(text).map_err(misplaced)?;
        whole.values().try_for_each(plain)?;
        let file: File = toml::from_str(text).map_err(misplaced)?;
        if file.keyward_policy != 1 {
            return Err(Error::misuse(
                "the policy is not of keyward-policy = 1: upgrade keyward",
            ));
        }
        if file.rule.len() > RULES || file.case.len() > CASES {
            return Err(Error::misuse(
                "a policy has at most 64 rules and 1,024 cases",
            ));
        }
        let mut rules = BTreeMap::new();
        for (name, table) in file.rule {
            let rule = rule(&name, table)?;
            rules.insert(rule.name.clone(), rule);
        }
        ordered(&rules)?;
        let cases = file.case.into_iter();
        let cases = cases.map(|(name, table)| case(name, table, &rules));
        let otherwise = verdict(&file.otherwise, "otherwise", &rules)?;
        if otherwise == Verdict::Auto {
            return Err(Error::misuse(
                "otherwise is a rule or \"forbidden\": what no case is about is never automatic",
            ));
        }
        let dangerous = file.dangerous.iter().map(|text| kinds(text, "dangerous"));
        Ok(Self {
            reference: PolicyRef::new(file.version, provider.sha256(&[text.as_bytes()])),
            text: text.into(),
            cases: cases.collect::<Result<_>>()?,
            otherwise,
            auto_run_within: maybe_span(file.auto_run_within.as_deref(), "auto-run-within")?
                .unwrap_or(RUN),
            dangerous: dangerous.collect::<Result<_>>()?,
            rules,
        })
    }
}

/// A date that is read as a text would be compared as one.
fn plain(value: &Toml) -> Result<()> {
    match value {
        Toml::String(_) | Toml::Integer(_) | Toml::Boolean(_) => Ok(()),
        Toml::Array(items) => items.iter().try_for_each(plain),
        Toml::Table(items) => items.values().try_for_each(plain),
        Toml::Float(_) | Toml::Datetime(_) => Err(Error::misuse(
            "a policy has texts, whole numbers and booleans: no dates, and no numbers with a point",
        )),
    }
}

fn read<T: DeserializeOwned>(table: Table, of: &str) -> Result<T> {
    table
        .try_into()
        .map_err(|e: toml::de::Error| Error::misuse(format!("{of}: {}", said(&e))))
}

fn maybe_span(text: Option<&str>, of: &str) -> Result<Option<Duration>> {
    text.map(|text| span::parse(text, of)).transpose()
}

fn few<T>(list: &[T], of: &str, what: &str) -> Result<()> {
    if list.len() > Rule::LISTED {
        return Err(Error::misuse(format!("{of}: {what} has at most 64 items")));
    }
    Ok(())
}

fn kinds(text: &str, of: &str) -> Result<Kinds> {
    Kinds::parse(text).ok_or_else(|| {
        Error::misuse(format!(
            "{of}: a kind is written as server.delete, or server.* for all below server"
        ))
    })
}

fn verdict(text: &str, of: &str, rules: &BTreeMap<RuleName, Rule>) -> Result<Verdict> {
    match text {
        Verdict::AUTO => Ok(Verdict::Auto),
        Verdict::FORBIDDEN => Ok(Verdict::Forbidden),
        name => {
            let named = RuleName::new(name)
                .ok()
                .filter(|name| rules.contains_key(name));
            named.map(Verdict::NeedsApproval).ok_or_else(|| {
                Error::misuse(format!(
                    "{of}: what is to happen is \"auto\", \"forbidden\" or the name of a rule"
                ))
            })
        }
    }
}

fn rule(name: &str, table: Table) -> Result<Rule> {
    let of = format!("rule {name}");
    if matches!(name, Verdict::AUTO | Verdict::FORBIDDEN) {
        return Err(Error::misuse(format!(
            "{of}: a rule is called something else"
        )));
    }
    let name = RuleName::new(name)?;
    let wrong = |what: &str| Error::misuse(format!("{of}: {what}"));
    let file: RuleOf = read(table, &of)?;
    few(&file.approvers, &of, "approvers")?;
    few(&file.remind, &of, "remind")?;
    let approvers = file.approvers.iter().map(|whom| Whom::parse(whom));
    let decide_within = maybe_span(file.decide_within.as_deref(), &of)?.unwrap_or(DECIDE);
    let remind = file.remind.iter().map(|text| span::parse(text, &of));
    let escalation = file.escalate.map(|table| escalation(table, &of));
    let break_glass = file.break_glass.as_deref().map(Whom::parse).transpose()?;
    let break_glass: Option<Role> = match break_glass {
        None => None,
        Some(Whom::Role(role)) => Some(role),
        Some(Whom::Subject(_)) => return Err(wrong("break-glass names a role, as role:on-call")),
    };
    let rule = Rule {
        name,
        strictness: file.strictness,
        approvers: approvers.collect::<Result<_>>()?,
        quorum: file.quorum,
        owner_may_approve: file.owner_may_approve,
        passkey: file.passkey,
        link_holder: file.link_holder,
        decide_within,
        run_within: maybe_span(file.run_within.as_deref(), &of)?.unwrap_or(RUN),
        remind: remind.collect::<Result<_>>()?,
        escalation: escalation.transpose()?,
        delegation: maybe_span(file.delegation.as_deref(), &of)?,
        class: file.class.map(|table| class(table, &of)).transpose()?,
        break_glass,
    };
    match rule.fault() {
        Some(what) => Err(wrong(what)),
        None => Ok(rule),
    }
}

fn escalation(table: Table, of: &str) -> Result<Escalation> {
    let file: EscalateOf = read(table, of)?;
    Ok(Escalation {
        to: RuleName::new(&file.to)?,
        after: span::parse(&file.after, of)?,
    })
}

fn class(table: Table, of: &str) -> Result<Class> {
    let file: ClassOf = read(table, of)?;
    Ok(Class {
        span: span::parse(&file.span, of)?,
        count: file.count,
    })
}

/// The stricter of two rules asks in nothing for less.
fn ordered(rules: &BTreeMap<RuleName, Rule>) -> Result<()> {
    let mut by_strictness: Vec<_> = rules.values().collect();
    by_strictness.sort_by_key(|rule| rule.strictness);
    for pair in by_strictness.windows(2) {
        let [below, above] = pair else { continue };
        if below.strictness == above.strictness {
            return Err(Error::misuse(format!(
                "rules {} and {} have one strictness: which of the two is the stricter must be said",
                below.name, above.name
            )));
        }
        let asks_less = above.quorum < below.quorum
            || (below.passkey && !above.passkey)
            || (above.owner_may_approve && !below.owner_may_approve)
            || (above.link_holder && !below.link_holder);
        if asks_less {
            return Err(Error::misuse(format!(
                "rule {} is stricter than {} and asks for less: a lower quorum, no passkey, an \
                 owner's approval or a link alone",
                above.name, below.name
            )));
        }
    }
    for rule in rules.values() {
        let Some(escalation) = &rule.escalation else {
            continue;
        };
        match rules.get(&escalation.to) {
            Some(to) if to.strictness > rule.strictness => {}
            Some(_) => {
                return Err(Error::misuse(format!(
                    "rule {}: an escalation is to a stricter rule",
                    rule.name
                )));
            }
            None => {
                return Err(Error::misuse(format!(
                    "rule {}: there is no rule {} to escalate to",
                    rule.name, escalation.to
                )));
            }
        }
    }
    Ok(())
}

fn case(name: String, table: Table, rules: &BTreeMap<RuleName, Rule>) -> Result<Case> {
    let of = format!("case {name}");
    if RuleName::new(&name).is_err() || name.len() > WORD_LEN {
        return Err(Error::misuse(
            "a case is called by 1 to 64 lower-case letters, digits, '-', '_' and '.'",
        ));
    }
    let file: CaseOf = read(table, &of)?;
    few(&file.by, &of, "by")?;
    few(&file.free, &of, "free")?;
    let then = verdict(&file.then, &of, rules)?;
    let kinds = kinds(&file.kind, &of)?;
    if !file.free.is_empty() && then != Verdict::Auto {
        return Err(Error::misuse(format!(
            "{of}: free is for what is automatic: anything else is about every argument"
        )));
    }
    let by = file.by.iter().map(|word| {
        RequesterKind::of(word)
            .ok_or_else(|| Error::misuse(format!("{of}: by names person, api-key and agent")))
    });
    let target = file.target.map(|table| {
        let asked = condition(table, &format!("{of}, target"))?;
        match asked.about() {
            crate::action::Type::Text => Ok(asked),
            _ => Err(Error::misuse(format!("{of}: a target is text"))),
        }
    });
    if file.when.len() > Rule::LISTED {
        return Err(Error::misuse(format!("{of}: when has at most 64 items")));
    }
    let when = file.when.into_iter().map(|(name, table)| {
        let asked = condition(table, &format!("{of}, {name}"))?;
        Ok((ArgumentName::new(&name)?, asked))
    });
    let free = file.free.iter().map(|name| ArgumentName::new(name));
    Ok(Case {
        kinds,
        by: by.collect::<Result<_>>()?,
        target: target.transpose()?,
        when: when.collect::<Result<_>>()?,
        free: free.collect::<Result<_>>()?,
        then,
        name,
    })
}

fn condition(table: Table, of: &str) -> Result<Condition> {
    let file: ConditionOf = read(table, of)?;
    let scalars = |list: Vec<Toml>| -> Result<Vec<Scalar>> {
        few(&list, of, "a list")?;
        let list: Vec<_> = list
            .into_iter()
            .map(|one| scalar(one, of))
            .collect::<Result<_>>()?;
        let first = list.first().map(Scalar::of_type);
        if first.is_none() || list.iter().any(|one| Some(one.of_type()) != first) {
            return Err(Error::misuse(format!(
                "{of}: a list has 1 item or more, all of one type"
            )));
        }
        Ok(list)
    };
    match (
        file.is,
        file.one_of,
        file.every_of,
        (file.at_least, file.at_most),
        file.starts_with,
    ) {
        (Some(one), None, None, (None, None), None) => scalars(vec![one]).map(Condition::OneOf),
        (None, Some(list), None, (None, None), None) => scalars(list).map(Condition::OneOf),
        (None, None, Some(list), (None, None), None) => scalars(list).map(Condition::EveryOf),
        (None, None, None, (None, None), Some(front)) if !front.is_empty() => {
            Ok(Condition::StartsWith(front))
        }
        (None, None, None, (least, most), None) if least.is_some() || most.is_some() => {
            let (least, most) = (least.unwrap_or(i64::MIN), most.unwrap_or(i64::MAX));
            if least > most {
                return Err(Error::misuse(format!("{of}: no number is in that range")));
            }
            Ok(Condition::Range(least, most))
        }
        _ => Err(Error::misuse(format!(
            "{of}: a condition is one of is, one-of, every-of, starts-with, or at-least and at-most"
        ))),
    }
}

fn scalar(value: Toml, of: &str) -> Result<Scalar> {
    match value {
        Toml::Boolean(is) => Ok(Scalar::Bool(is)),
        Toml::Integer(number) => Ok(Scalar::Integer(number)),
        Toml::String(text) => Ok(Scalar::Text(text)),
        _ => Err(Error::misuse(format!(
            "{of}: what is compared with is a text, a whole number or a boolean"
        ))),
    }
}

/// What is wrong, cut: a name that the file chose may be as long as the file.
pub(crate) fn said(wrong: &toml::de::Error) -> String {
    const MOST: usize = 240;
    let message = wrong.message();
    match message.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", message.get(..end).unwrap_or_default()),
        None => message.to_owned(),
    }
}
