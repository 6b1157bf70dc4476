//! The policy asked again as an action is about to run.

use keyward_approval::{Again, Policy, Under, Verdict};

use crate::world::{HEAD, action, parse, policy};

const NEEDS_ONE: &str = "[case.a]\nkind = \"server.delete\"\nthen = \"one\"";

fn again(then: &Policy, now: &Policy) -> Again {
    let action = action("server.delete", "web-1", &[]);
    match then.verdict(&action) {
        Verdict::Auto => now.again(&action, Under::Auto),
        Verdict::NeedsApproval(rule) => {
            let rule = then.rule(rule.as_str()).unwrap();
            now.again(&action, Under::Rule(rule))
        }
        Verdict::Forbidden => panic!("nothing runs under this"),
    }
}

fn superseded(then: &Policy, now: &Policy, by: &str) {
    match again(then, now) {
        Again::Superseded(verdict) => assert_eq!(verdict.to_string(), by),
        Again::Stands => panic!("it still stands"),
    }
}

#[test]
fn what_is_as_strict_as_it_was_or_less_stands() {
    let one = policy(NEEDS_ONE);
    assert_eq!(again(&one, &one), Again::Stands);
    let auto = policy(&NEEDS_ONE.replace("\"one\"", "\"auto\""));
    assert_eq!(again(&one, &auto), Again::Stands);
    assert_eq!(again(&auto, &auto), Again::Stands);
    // What two approved, one would have been enough for.
    let two = policy("");
    assert!(
        matches!(again(&two, &one), Again::Superseded(_)),
        "bob may not approve under `one`"
    );
}

#[test]
fn what_is_stricter_now_is_superseded() {
    let (auto, one) = (
        policy(&NEEDS_ONE.replace("\"one\"", "\"auto\"")),
        policy(NEEDS_ONE),
    );
    let forbidden = policy(&NEEDS_ONE.replace("\"one\"", "\"forbidden\""));
    superseded(&auto, &one, "one");
    superseded(&auto, &forbidden, "forbidden");
    superseded(&one, &forbidden, "forbidden");
    superseded(&one, &policy(""), "two");
    superseded(
        &policy(""),
        &policy(&NEEDS_ONE.replace("\"one\"", "\"three\"")),
        "three",
    );
}

#[test]
fn a_rule_that_kept_its_name_and_number_is_looked_into() {
    let then = policy(NEEDS_ONE);
    let changed = |from: &str, to: &str| {
        assert!(HEAD.contains(from));
        parse(&format!("{}\n{NEEDS_ONE}", HEAD.replacen(from, to, 1))).unwrap()
    };
    superseded(
        &then,
        &changed("[\"role:admin\"]", "[\"role:owner\"]"),
        "one",
    );
    superseded(&then, &changed("quorum = 1", "quorum = 2"), "one");
    superseded(&then, &changed("owner-may-approve = true", ""), "one");
    let wider = changed("[\"role:admin\"]", "[\"role:admin\", \"role:owner\"]");
    assert_eq!(again(&then, &wider), Again::Stands);
    assert!(matches!(again(&wider, &then), Again::Superseded(_)));
}
