//! Policies, and actions that they are asked about.

use keyward_approval::{
    Action, ActionBuilder, Catalogue, ExecutorName, Policy, Requester, ServiceName, Shape,
    StepBuilder, Type, Value,
};
use keyward_base::{Result, Subject, Tenant, Timestamp};
use keyward_crypto::Provider;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// What every policy here begins with.
pub(crate) const HEAD: &str = r#"
keyward-policy = 1
version = 7
otherwise = "two"

[rule.one]
strictness = 10
approvers = ["role:admin"]
quorum = 1
owner-may-approve = true

[rule.two]
strictness = 20
approvers = ["role:admin", "ada", "bob"]
quorum = 2

[rule.three]
strictness = 30
approvers = ["ada", "bob", "eve", "kim"]
quorum = 3
passkey = true
"#;

pub(crate) fn parse(text: &str) -> Result<Policy> {
    Policy::parse(&Provider::default(), text)
}

/// A policy of these cases.
pub(crate) fn policy(cases: &str) -> Policy {
    parse(&format!("{HEAD}\n{cases}")).unwrap()
}

pub(crate) fn catalogue() -> Catalogue {
    let arguments = |shape: Shape| -> Result<Shape> {
        let shape = shape
            .may("count", Type::Integer)?
            .may("region", Type::Text)?;
        let shape = shape.may("force", Type::Bool)?.may("tags", Type::List)?;
        shape.may("token", Type::Secret)?.may("note", Type::Text)
    };
    [
        "server.delete",
        "server.restart",
        "serverless.delete",
        "data.export",
    ]
    .into_iter()
    .try_fold(Catalogue::new(), |all, kind| {
        all.with(arguments(Shape::new(kind)?)?)
    })
    .unwrap()
}

pub(crate) fn subject(name: &str) -> Subject {
    Subject::new(name).unwrap()
}

pub(crate) fn person() -> Requester {
    Requester::person(subject("kim"))
}

pub(crate) fn agent() -> Requester {
    Requester::agent_of(subject("ada"), subject("agent-7"))
}

pub(crate) fn step(kind: &str, target: &str, arguments: &[(&str, Value)]) -> StepBuilder {
    let step = catalogue().step(kind, target).unwrap();
    let given = arguments.iter().cloned();
    given.fold(step, |step, (name, value)| step.with(name, value).unwrap())
}

pub(crate) fn by(requester: Requester, steps: Vec<StepBuilder>) -> Action {
    let builder = ActionBuilder::new(
        Tenant::new("acme").unwrap(),
        ServiceName::new("deploydesk").unwrap(),
        ExecutorName::new("worker").unwrap(),
        requester,
    );
    let builder = steps.into_iter().fold(builder, ActionBuilder::step);
    let asked = builder.build(&policy(""), NOW, &Provider::default());
    asked.unwrap().action
}

pub(crate) fn action(kind: &str, target: &str, arguments: &[(&str, Value)]) -> Action {
    by(person(), vec![step(kind, target, arguments)])
}

/// What a policy of these cases says, in its own word.
pub(crate) fn verdict(cases: &str, action: &Action) -> String {
    policy(cases).verdict(action).to_string()
}
