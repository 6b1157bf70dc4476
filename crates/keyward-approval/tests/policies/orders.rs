//! Whatever a policy says, it says it in every order of its cases.

use keyward_approval::{Policy, Value, Verdict};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::world::{HEAD, action, parse};

fn condition() -> impl Strategy<Value = String> {
    select(vec![
        "when.count = { is = 1 }",
        "when.count = { at-least = 2 }",
        "when.count = { at-most = 2 }",
        "when.count = { is = \"1\" }",
        "when.region = { one-of = [\"eu\", \"us\"] }",
        "when.region = { starts-with = \"e\" }",
        "when.force = { is = true }",
        "target = { is = \"web-1\" }",
        "by = [\"agent\"]",
        "",
    ])
    .prop_map(str::to_owned)
}

fn case() -> impl Strategy<Value = (String, String)> {
    let kind = select(vec!["server.delete", "server.*", "data.export"]);
    let then = select(vec!["auto", "one", "two", "three", "forbidden"]);
    (kind, condition(), then).prop_map(|(kind, condition, then)| {
        let text = format!("kind = \"{kind}\"\n{condition}\nthen = \"{then}\"\n");
        (text, condition)
    })
}

fn arguments() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    let all: Vec<(&str, Value)> = vec![
        ("count", 1.into()),
        ("region", "eu".into()),
        ("force", true.into()),
    ];
    subsequence(all, 0..=3)
}

fn of(cases: &[(String, String)], names: impl Fn(usize) -> String) -> Policy {
    let cases = cases.iter().enumerate().map(|(index, (case, _))| {
        let name = names(index);
        format!("[case.{name}]\n{case}")
    });
    let cases: Vec<_> = cases.collect();
    parse(&format!("{HEAD}\n{}", cases.join("\n"))).unwrap()
}

proptest! {
    #[test]
    fn the_order_of_cases_decides_nothing(
        cases in prop::collection::vec(case(), 0..6),
        arguments in arguments(),
    ) {
        let action = action("server.delete", "web-1", &arguments);
        let forward = of(&cases, |index| format!("c{index}"));
        let backward = of(&cases, |index| format!("c{}", 9 - index));
        prop_assert_eq!(forward.verdict(&action), backward.verdict(&action));
        prop_assert_eq!(forward.explain(&action).verdict, forward.verdict(&action));
    }

    #[test]
    fn a_case_more_that_is_not_automatic_never_makes_it_looser(
        cases in prop::collection::vec(case(), 0..6),
        more in case(),
        arguments in arguments(),
    ) {
        prop_assume!(!more.0.contains("\"auto\""));
        let action = action("server.delete", "web-1", &arguments);
        let before = of(&cases, |index| format!("c{index}")).verdict(&action);
        let with: Vec<_> = cases.iter().cloned().chain([more]).collect();
        let after = of(&with, |index| format!("c{index}")).verdict(&action);
        // What nothing matched is what `otherwise` says, which a looser rule may take over.
        let order = ["auto", "one", "two", "three", "forbidden"];
        let rank = |verdict: &Verdict| order.iter().position(|word| *word == verdict.to_string());
        prop_assert!(rank(&after) >= rank(&before) || before.to_string() == "two");
        prop_assert!(before == Verdict::Auto || after != Verdict::Auto);
    }

    #[test]
    fn what_is_asked_about_and_not_there_is_never_automatic(
        cases in prop::collection::vec(case(), 1..6),
        arguments in arguments(),
    ) {
        let action = action("server.delete", "web-1", &arguments);
        let says = of(&cases, |index| format!("c{index}")).verdict(&action);
        let absent = |name: &str| !arguments.iter().any(|(given, _)| *given == name);
        let asked = |case: &(String, String)| {
            !case.0.contains("data.export")
                && ["count", "region", "force"].iter().any(|name| {
                    case.1.contains(&format!("when.{name}")) && absent(name)
                })
        };
        if cases.iter().any(asked) {
            prop_assert_ne!(says, Verdict::Auto);
        }
    }
}
