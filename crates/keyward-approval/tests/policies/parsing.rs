//! What a policy may say, and that nothing is taken for something else.

use keyward_base::ErrorKind;

use crate::world::{HEAD, parse, policy};

fn refused(text: &str, says: &str) {
    let e = parse(text).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Misuse, "{text}");
    assert!(e.to_string().contains(says), "{e} does not say {says:?}");
}

/// What is refused behind a head that is good.
fn refused_case(case: &str, says: &str) {
    refused(&format!("{HEAD}\n[case.a]\n{case}"), says);
}

fn refused_rule(rule: &str, says: &str) {
    let good = "strictness = 25\napprovers = [\"role:admin\"]\nquorum = 2\n";
    refused(&format!("{HEAD}\n[rule.x]\n{good}{rule}"), says);
}

#[test]
fn a_policy_has_the_digest_of_its_text() {
    let found = policy("# a remark");
    let text = format!("{HEAD}\n# a remark");
    assert_eq!(found.text(), text);
    let digest = keyward_crypto::Provider::default().sha256(&[text.as_bytes()]);
    assert_eq!(found.reference().digest(), &digest);
    assert_eq!(found.reference().version(), 7);
    assert_ne!(policy("").reference(), found.reference());
}

#[test]
fn what_is_not_known_is_refused() {
    refused(
        "keyward-policy = 2\nversion = 1\notherwise = \"forbidden\"",
        "keyward-policy = 1",
    );
    refused("version = 1\notherwise = \"forbidden\"", "keyward-policy");
    refused("keyward-policy = 1\notherwise = \"forbidden\"", "version");
    refused("keyward-policy = 1\nversion = 1", "otherwise");
    refused(
        "keyward-policy = 1\nversion = 1\notherwise = \"auto\"",
        "never automatic",
    );
    refused(
        "keyward-policy = 1\nversion = 1\notherwise = \"one\"",
        "name of a rule",
    );
    refused(&format!("mode = \"off\"\n{HEAD}"), "mode");
    refused(&format!("{HEAD}\n[[case]]\nkind = \"a\""), "line");
    refused("= 1", "line 1");
    refused(&format!("{HEAD}\n[rule.one]\nquorum = 1"), "line");
    refused(&"#".repeat(256 * 1024 + 1), "256 KiB");
    refused_case(
        "kind = \"a\"\nthen = \"auto\"\nwhne.count = { is = 1 }",
        "whne",
    );
    refused_case(
        "kind = \"a\"\nthen = \"auto\"\nwhen.count = { equals = 1 }",
        "equals",
    );
    refused_case("kind = \"a\"", "then");
    refused_case("then = \"auto\"", "kind");
    refused_rule("passkeys = true", "passkeys");
    refused_rule("quorum = 3", "line");
}

#[test]
fn a_case_says_what_can_be_answered() {
    let when = |condition: &str| format!("kind = \"a\"\nthen = \"two\"\nwhen.x = {condition}");
    refused_case(&when("{}"), "a condition is one of");
    refused_case(&when("{ is = 1, at-most = 2 }"), "a condition is one of");
    refused_case(&when("{ at-least = 3, at-most = 2 }"), "no number");
    refused_case(&when("{ is = 1.5 }"), "whole numbers");
    refused_case(&when("{ is = 1979-05-27 }"), "whole numbers");
    refused_case(&when("{ is = [1] }"), "whole number");
    refused_case(&when("{ one-of = [] }"), "1 item or more");
    refused_case(&when("{ one-of = [1, \"1\"] }"), "one type");
    refused_case(&when("{ starts-with = \"\" }"), "a condition is one of");
    refused_case(&when("\"x\""), "invalid type");
    refused_case(
        "kind = \"a\"\nthen = \"two\"\nwhen.\"a b\" = { is = 1 }",
        "the name of an argument",
    );
    refused_case(
        "kind = \"a\"\nthen = \"two\"\ntarget = { is = 1 }",
        "a target is text",
    );
    refused_case(
        "kind = \"a\"\nthen = \"two\"\nfree = [\"x\"]",
        "free is for",
    );
    refused_case("kind = \"a\"\nthen = \"two\"\nby = [\"robot\"]", "person");
    refused_case("kind = \"*\"\nthen = \"two\"", "server.*");
    refused_case("kind = \"A\"\nthen = \"two\"", "server.*");
    refused_case("kind = \"a\"\nthen = \"four\"", "name of a rule");
    let many: Vec<_> = (0..65).map(|number| number.to_string()).collect();
    refused_case(
        &when(&format!("{{ one-of = [{}] }}", many.join(","))),
        "64 items",
    );
}

#[test]
fn a_rule_says_what_can_be_met() {
    refused_rule("link-holder = true", "link-holder");
    refused_rule("remind = [\"1d\"]", "reminder");
    refused_rule("decide-within = \"31d\"", "30 days");
    refused_rule("decide-within = \"0h\"", "30 days");
    refused_rule("decide-within = \"1.5h\"", "30 days");
    refused_rule("decide-within = \"+1h\"", "30 days");
    refused_rule("decide-within = \"01h\"", "30 days");
    refused_rule("decide-within = \"99999999999999999999s\"", "30 days");
    refused_rule("decide-within = \"é\"", "30 days");
    refused_rule("run-within = \"1\"", "30 days");
    refused_rule("break-glass = \"ada\"", "role:");
    refused_rule("class = { span = \"1d\", count = 0 }", "10,000");
    refused_rule("class = { span = \"1d\" }", "count");
    refused_rule(
        "escalate = { to = \"four\", after = \"1h\" }",
        "no rule four",
    );
    refused_rule("escalate = { to = \"one\", after = \"1h\" }", "stricter");
    refused_rule(
        "escalate = { to = \"three\", after = \"1d\" }",
        "escalate.after",
    );
    let rule = |name: &str, body: &str| format!("{HEAD}\n[rule.{name}]\n{body}");
    let body = "approvers = [\"ada\"]\nquorum = 2\n";
    refused(
        &rule("x", &format!("strictness = 20\n{body}")),
        "one strictness",
    );
    refused(
        &rule("x", &format!("strictness = 31\n{body}")),
        "asks for less",
    );
    refused(
        &rule("auto", &format!("strictness = 25\n{body}")),
        "something else",
    );
    refused(
        &rule("x", "strictness = 25\napprovers = []\nquorum = 2"),
        "approvers",
    );
    refused(
        &rule("x", "strictness = 5\napprovers = [\"ada\"]\nquorum = 0"),
        "1 to 16",
    );
    refused(
        &rule("x", "strictness = 5\napprovers = [\"role:\"]\nquorum = 1"),
        "role",
    );
    // As strict as `one` in all that can be compared, and a link alone in place of a person.
    let link = "approvers = [\"ada\"]\nquorum = 1\nowner-may-approve = true\nlink-holder = true\n";
    refused(
        &rule("x", &format!("strictness = 15\n{link}")),
        "asks for less",
    );
    assert!(parse(&rule("x", &format!("strictness = 5\n{link}"))).is_ok());
}
