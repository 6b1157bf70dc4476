//! A service with a few kinds of action, and a policy.

use keyward_approval::{
    Action, ActionBuilder, Asked, Catalogue, ExecutorName, Policy, Requester, ServiceName, Shape,
    StepBuilder, Type,
};
use keyward_base::{Subject, Tenant, Timestamp};
use keyward_crypto::Provider;

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

pub(crate) const POLICY: &str = r#"
keyward-policy = 1
version = 7
otherwise = "two-admins"

[rule.two-admins]
strictness = 20
approvers = ["role:admin", "ada"]
quorum = 2
decide-within = "4h"
run-within = "30m"
"#;

pub(crate) fn provider() -> Provider {
    Provider::default()
}

pub(crate) fn policy() -> Policy {
    Policy::parse(&provider(), POLICY).unwrap()
}

pub(crate) fn catalogue() -> Catalogue {
    let delete = Shape::new("server.delete")
        .unwrap()
        .must("region", Type::Text)
        .unwrap()
        .or("force", false)
        .unwrap()
        .may("note", Type::Text)
        .unwrap();
    let any = Shape::new("any")
        .unwrap()
        .may("bool", Type::Bool)
        .unwrap()
        .may("bytes", Type::Bytes)
        .unwrap()
        .may("integer", Type::Integer)
        .unwrap()
        .may("list", Type::List)
        .unwrap()
        .may("map", Type::Map)
        .unwrap()
        .may("secret", Type::Secret)
        .unwrap()
        .may("other", Type::Secret)
        .unwrap()
        .may("text", Type::Text)
        .unwrap();
    Catalogue::new().with(delete).unwrap().with(any).unwrap()
}

pub(crate) fn subject(name: &str) -> Subject {
    Subject::new(name).unwrap()
}

pub(crate) fn builder() -> ActionBuilder {
    ActionBuilder::new(
        Tenant::new("acme").unwrap(),
        ServiceName::new("deploydesk").unwrap(),
        ExecutorName::new("worker").unwrap(),
        Requester::agent_of(subject("ada"), subject("agent-7")),
    )
}

pub(crate) fn delete() -> StepBuilder {
    let step = catalogue().step("server.delete", "web-1").unwrap();
    step.with("region", "eu-1").unwrap()
}

pub(crate) fn thing() -> StepBuilder {
    catalogue().step("any", "thing").unwrap()
}

pub(crate) fn asked(builder: ActionBuilder) -> Asked {
    builder.build(&policy(), NOW, &provider()).unwrap()
}

pub(crate) fn action(step: StepBuilder) -> Action {
    asked(builder().step(step)).action
}
