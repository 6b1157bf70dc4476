//! Who may approve, and when a rule asks for more.

use std::time::Duration;

use keyward_approval::{Requester, Rule};
use keyward_base::Role;

use crate::world::{HEAD, parse, policy, subject};

const FULL: &str = r#"
[rule.full]
strictness = 5
approvers = ["role:admin", "ada", "role:owner"]
quorum = 1
owner-may-approve = true
link-holder = true
decide-within = "4h"
run-within = "90s"
remind = ["10m", "1h"]
escalate = { to = "two", after = "2h" }
delegation = "7d"
class = { span = "30d", count = 20 }
break-glass = "role:on-call"
"#;

fn full() -> Rule {
    policy(FULL).rule("full").unwrap().clone()
}

#[test]
fn a_rule_says_all_that_stands_in_the_policy() {
    let rule = full();
    assert_eq!((rule.strictness(), rule.quorum()), (5, 1));
    assert!(rule.owner_may_approve() && rule.takes_link_holder() && !rule.needs_passkey());
    assert_eq!(rule.decide_within(), Duration::from_secs(4 * 3_600));
    assert_eq!(rule.run_within(), Duration::from_secs(90));
    let reminders: Vec<_> = rule.reminders().iter().map(Duration::as_secs).collect();
    assert_eq!(reminders, [600, 3_600]);
    let escalation = rule.escalation().unwrap();
    assert_eq!(
        (escalation.to.as_str(), escalation.after.as_secs()),
        ("two", 7_200)
    );
    assert_eq!(rule.delegation(), Some(Duration::from_secs(7 * 86_400)));
    let class = rule.class().unwrap();
    assert_eq!((class.span.as_secs(), class.count), (30 * 86_400, 20));
    assert_eq!(rule.break_glass().unwrap().as_str(), "on-call");
    let two = policy("").rule("two").unwrap().clone();
    assert_eq!(two.decide_within(), Duration::from_secs(86_400));
    assert_eq!(two.run_within(), Duration::from_secs(3_600));
    assert!(!two.owner_may_approve() && two.class().is_none() && two.delegation().is_none());
}

#[test]
fn who_is_meant_is_a_person_or_a_role() {
    let rule = full();
    let role = |name: &str| Role::new(name).unwrap();
    assert!(rule.names(&subject("ada"), &[]));
    assert!(rule.names(&subject("bob"), &[role("staff"), role("admin")]));
    assert!(!rule.names(&subject("bob"), &[role("staff"), Role::none()]));
    assert!(!rule.names(&subject("admin"), &[]));
}

#[test]
fn nobody_approves_his_own_ask() {
    let (one, two) = (
        policy("").rule("one").unwrap().clone(),
        policy("").rule("two").unwrap().clone(),
    );
    let (ada, bob, kim) = (subject("ada"), subject("bob"), subject("kim"));
    let agent = Requester::agent_of(ada.clone(), subject("agent-7"));
    // `one` lets an owner approve his own agent, and nothing else.
    assert!(!one.is_own_ask(&agent, &ada) && two.is_own_ask(&agent, &ada));
    assert!(one.is_own_ask(&agent, &subject("agent-7")));
    let person = Requester::person(ada.clone()).on_behalf_of(bob.clone());
    let key = Requester::api_key(subject("ci"), ada.clone());
    for rule in [&one, &two] {
        assert!(rule.is_own_ask(&person, &ada) && rule.is_own_ask(&person, &bob));
        assert!(rule.is_own_ask(&key, &ada) && rule.is_own_ask(&key, &subject("ci")));
        assert!(!rule.is_own_ask(&person, &kim) && !rule.is_own_ask(&agent, &kim));
    }
    // An agent that acts for its owner is still his agent; one that acts for another is not.
    let for_owner = agent.clone().on_behalf_of(ada.clone());
    assert!(!one.is_own_ask(&for_owner, &ada));
    assert!(one.is_own_ask(&agent.on_behalf_of(bob.clone()), &bob));
    let own = Requester::agent_of(ada.clone(), ada.clone());
    assert!(one.is_own_ask(&own, &ada));
}

#[test]
fn what_asks_for_more_in_anything_asks_for_more() {
    let of = |changes: &[(&str, &str)]| {
        let text = changes.iter().fold(FULL.to_owned(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replace(from, to)
        });
        let head = HEAD.replacen("owner-may-approve = true", "", 1);
        let text = format!(
            "{}\n{text}",
            head.replace("strictness = 10", "strictness = 11")
        );
        parse(&text).unwrap().rule("full").unwrap().clone()
    };
    let rule = of(&[]);
    assert!(!rule.asks_more_than(&rule));
    let link = ("link-holder = true", "link-holder = false");
    let less_link = of(&[link]);
    for (from, to) in [
        ("strictness = 5", "strictness = 6"),
        (
            "[\"role:admin\", \"ada\", \"role:owner\"]",
            "[\"role:admin\", \"ada\"]",
        ),
        ("owner-may-approve = true", "owner-may-approve = false"),
        ("\"4h\"", "\"3h\""),
        ("\"90s\"", "\"89s\""),
        ("delegation = \"7d\"", "delegation = \"6d\""),
        ("delegation = \"7d\"", ""),
        ("class = { span = \"30d\", count = 20 }", ""),
        ("count = 20", "count = 19"),
        ("\"30d\"", "\"29d\""),
        ("role:on-call", "role:on-duty"),
        ("break-glass = \"role:on-call\"", ""),
    ] {
        let stricter = of(&[(from, to)]);
        assert!(stricter.asks_more_than(&rule), "{from} is now {to}");
    }
    assert!(less_link.asks_more_than(&rule) && !rule.asks_more_than(&less_link));
    let alone = |more: &str| {
        let text = HEAD.replacen("quorum = 3", &format!("quorum = 3\n{more}"), 1);
        parse(&text).unwrap().rule("three").unwrap().clone()
    };
    let three = alone("");
    let weaker = HEAD.replacen("passkey = true", "", 1);
    let weaker = parse(&weaker).unwrap().rule("three").unwrap().clone();
    assert!(three.asks_more_than(&weaker) && !weaker.asks_more_than(&three));
    let fewer = HEAD.replacen("quorum = 3", "quorum = 2", 1);
    let fewer = parse(&fewer).unwrap().rule("three").unwrap().clone();
    assert!(three.asks_more_than(&fewer) && !fewer.asks_more_than(&three));
    assert!(three.asks_more_than(&alone("delegation = \"1d\"")));
    let wider = of(&[("\"ada\", ", "\"ada\", \"bob\", "), ("\"4h\"", "\"5h\"")]);
    assert!(!wider.asks_more_than(&rule) && rule.asks_more_than(&wider));
}
