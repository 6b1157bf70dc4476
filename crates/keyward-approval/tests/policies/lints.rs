//! What nobody can have meant, and why a policy says what it says.

use std::collections::BTreeSet;

use keyward_approval::policy::{Lint, Roster};
use keyward_base::{Role, Subject};

use crate::world::{action, agent, by, catalogue, policy, step, subject};

fn lints(cases: &str) -> Vec<Lint> {
    policy(cases).lint(Some(&catalogue()), &())
}

/// Rules are used, so that what is looked for is all there is.
const USED: &str = "[case.x]\nkind = \"data.export\"\nwhen.count = { is = 1 }\nthen = \"one\"\n\
                    [case.y]\nkind = \"data.export\"\nwhen.count = { is = 2 }\nthen = \"three\"\n";

fn found(cases: &str) -> Vec<String> {
    lints(&format!("{USED}{cases}"))
        .iter()
        .map(ToString::to_string)
        .collect()
}

struct Admins(usize);

impl Roster for Admins {
    fn holders(&self, role: &Role) -> Option<BTreeSet<Subject>> {
        let all = ["ada", "bob", "eve"];
        let some = all.iter().take(self.0).map(|name| subject(name));
        (role.as_str() == "admin").then(|| some.collect())
    }
}

#[test]
fn nothing_is_said_of_a_policy_that_is_as_it_should_be() {
    assert_eq!(found(""), [""; 0]);
    let restart = "[case.a]\nkind = \"server.restart\"\ntarget = { starts-with = \"test-\" }\nthen = \"auto\"";
    assert_eq!(found(restart), [""; 0]);
}

#[test]
fn a_rule_that_nobody_can_meet_is_named() {
    let lints = policy(USED).lint(None, &Admins(0));
    let says: Vec<_> = lints.iter().map(ToString::to_string).collect();
    assert_eq!(
        says,
        [
            "rule one: 1 must approve, and there are 0",
            "rule two: all approvers must approve, so none of them can ask for it",
        ]
    );
    // Whoever is named twice is one person.
    let two = policy(USED).lint(None, &Admins(2));
    assert_eq!(two, [Lint::QuorumNeedsAll { rule: "two".into() }]);
    assert_eq!(policy(USED).lint(None, &Admins(3)), []);
    assert_eq!(policy(USED).lint(None, &()), []);
    let three = USED.replace("three", "two");
    assert_eq!(found_in(&three), ["rule three: nothing leads to it"]);
}

fn found_in(cases: &str) -> Vec<String> {
    lints(cases).iter().map(ToString::to_string).collect()
}

#[test]
fn a_dangerous_kind_is_not_automatic_without_a_condition() {
    let cases = format!("{USED}[case.a]\nkind = \"server.delete\"\nthen = \"auto\"");
    let text = crate::world::HEAD.replacen("version", "dangerous = [\"server.*\"]\nversion", 1);
    let lints = |cases: &str| {
        let policy = crate::world::parse(&format!("{text}\n{cases}")).unwrap();
        policy.lint(Some(&catalogue()), &())
    };
    assert_eq!(
        lints(&cases),
        [Lint::AutoWithoutCondition { case: "a".into() }]
    );
    assert_eq!(lints(&cases.replace("server.delete", "server.*")).len(), 1);
    assert_eq!(
        lints(&cases.replace("then = \"auto\"", "by = [\"person\"]\nthen = \"auto\"")).len(),
        1
    );
    let asks = cases.replace(
        "then = \"auto\"",
        "when.count = { is = 1 }\nthen = \"auto\"",
    );
    assert_eq!(lints(&asks), []);
    let on = cases.replace(
        "then = \"auto\"",
        "target = { starts-with = \"test-\" }\nthen = \"auto\"",
    );
    assert_eq!(lints(&on), []);
}

#[test]
fn a_case_that_changes_nothing_is_named() {
    let cases = "[case.a]\nkind = \"server.*\"\nthen = \"forbidden\"\n\
                 [case.b]\nkind = \"server.delete\"\nwhen.count = { is = 1 }\nthen = \"two\"";
    assert_eq!(
        found(cases),
        ["case b: case a is as strict about each action that it is about"]
    );
    let apart = cases.replace("server.*", "serverless.delete");
    assert_eq!(found(&apart), [""; 0]);
    let by = cases.replace(
        "then = \"forbidden\"",
        "by = [\"agent\"]\nthen = \"forbidden\"",
    );
    assert_eq!(found(&by), [""; 0]);
    // Where a count is not there, it makes the verdict `otherwise`, which is stricter than the other.
    let floor = cases.replace("\"forbidden\"", "\"one\"");
    let floor = floor.replacen(
        "when.count = { is = 1 }\nthen = \"two\"",
        "when.count = { is = 1 }\nthen = \"one\"",
        1,
    );
    assert_eq!(found(&floor), [""; 0]);
    let always = floor.replace("when.count = { is = 1 }\n", "");
    assert_eq!(found(&always).len(), 1);
    // What is said of one kind is not said of those beside it, nor of arguments that it says nothing of.
    let one = "[case.a]\nkind = \"server.delete\"\nthen = \"forbidden\"\n\
               [case.b]\nkind = \"server.*\"\nthen = \"two\"";
    assert_eq!(found(one), [""; 0]);
    let free = "[case.a]\nkind = \"server.delete\"\nthen = \"auto\"\n\
                [case.b]\nkind = \"server.delete\"\nfree = [\"count\"]\nthen = \"auto\"";
    assert_eq!(found(free), [""; 0]);
    let freer = free.replacen("then", "free = [\"count\"]\nthen", 1);
    assert_eq!(found(&freer).len(), 1);
    // Of two that say the same, one is named and not both.
    let twice = "[case.a]\nkind = \"server.delete\"\nthen = \"two\"\n\
                 [case.b]\nkind = \"server.delete\"\nthen = \"two\"";
    assert_eq!(found(twice).len(), 1);
}

#[test]
fn what_the_service_does_not_have_is_named() {
    let kind = "[case.a]\nkind = \"server.drop\"\nthen = \"two\"";
    assert_eq!(
        found(kind),
        ["case a: the service has no such kind of action"]
    );
    let argument =
        "[case.a]\nkind = \"server.delete\"\nwhen.regoin = { is = \"eu\" }\nthen = \"two\"";
    assert_eq!(
        found(argument),
        ["case a: no kind that it is about has an argument regoin of that type"]
    );
    let mistyped =
        "[case.a]\nkind = \"server.delete\"\nwhen.count = { is = \"1\" }\nthen = \"two\"";
    assert_eq!(found(mistyped).len(), 1);
    let free = "[case.a]\nkind = \"server.restart\"\nfree = [\"nowhere\"]\nthen = \"auto\"";
    assert_eq!(found(free).len(), 1);
}

#[test]
fn why_is_said_case_by_case_and_without_a_value() {
    let cases = "[case.small]\nkind = \"server.delete\"\nwhen.count = { at-most = 3 }\nthen = \"auto\"\n\
                 [case.near]\nkind = \"server.*\"\nby = [\"agent\"]\nwhen.region = { one-of = [\"eu-1\", \"eu-2\"] }\nthen = \"one\"";
    let steps = vec![
        step(
            "server.delete",
            "hidden-target",
            &[("count", 9.into()), ("note", "hidden".into())],
        ),
        step("data.export", "all", &[]),
    ];
    let explained = policy(cases).explain(&by(agent(), steps));
    assert_eq!(explained.verdict.to_string(), "two");
    assert_eq!(explained.steps.len(), 2);
    let matching: Vec<_> = explained.steps[0].matching().collect();
    assert_eq!(matching, ["near"]);
    let text = explained.to_string();
    assert_eq!(
        text,
        "two: the strictest of all steps\n\
         step 1, server.delete: two\n\
         \x20 case near (one) matches\n\
         \x20   region is one of \"eu-1\", \"eu-2\": is about an argument that is not there\n\
         \x20 case small (auto) does not match\n\
         \x20   count is at most 3: does not hold\n\
         \x20   says nothing of the argument note, so it is not automatic\n\
         \x20 an argument that is asked about is not there or of another type: two at least\n\
         step 2, data.export: two\n\
         \x20 no case matches: two\n"
    );
    assert!(!text.contains("hidden"));
    assert_eq!(
        policy(cases)
            .explain(&action("data.export", "all", &[]))
            .verdict
            .to_string(),
        "two"
    );
}
