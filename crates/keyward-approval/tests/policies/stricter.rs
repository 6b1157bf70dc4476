//! Whether a rule asks for more than another: what was approved under that one does not stand then.

use keyward_approval::Policy;

use crate::world::parse;

const RULE: &str = r#"
keyward-policy = 1
version = 1
otherwise = "one"

[rule.one]
strictness = 10
approvers = ["role:admin", "bob"]
quorum = 1
owner-may-approve = true
link-holder = true
decide-within = "2h"
run-within = "2h"
delegation = "2h"
break-glass = "role:oncall"
class = { span = "2h", count = 3 }
"#;

fn more(now: &Policy, then: &Policy) -> bool {
    let (now, then) = (now.rule("one").unwrap(), then.rule("one").unwrap());
    now.asks_more_than(then)
}

fn changed(from: &str, to: &str) -> Policy {
    assert!(RULE.contains(from), "{from}");
    parse(&RULE.replacen(from, to, 1)).unwrap()
}

#[test]
fn each_thing_that_a_rule_asks_for_is_looked_into() {
    let then = parse(RULE).unwrap();
    assert!(!more(&then, &then));
    let stricter = [
        ("strictness = 10", "strictness = 11"),
        ("quorum = 1\n", "quorum = 2\n"),
        ("link-holder = true\n", ""),
        ("owner-may-approve = true\n", ""),
        ("\"role:admin\", \"bob\"", "\"role:admin\""),
        ("decide-within = \"2h\"", "decide-within = \"1h\""),
        ("run-within = \"2h\"", "run-within = \"1h\""),
        ("delegation = \"2h\"", "delegation = \"1h\""),
        ("delegation = \"2h\"\n", ""),
        ("break-glass = \"role:oncall\"\n", ""),
        ("span = \"2h\"", "span = \"1h\""),
        ("count = 3", "count = 2"),
        ("class = { span = \"2h\", count = 3 }\n", ""),
    ];
    for (from, to) in stricter {
        // Where a link alone is enough, one vote is.
        let link = "link-holder = true\n";
        let (then, now) = match from.starts_with("quorum") {
            true => {
                let two = changed(
                    &format!("quorum = 1\nowner-may-approve = true\n{link}"),
                    "quorum = 2\nowner-may-approve = true\n",
                );
                (changed(link, ""), two)
            }
            false => (then.clone(), changed(from, to)),
        };
        assert!(more(&now, &then), "{from}");
        assert!(!more(&then, &now), "{from}");
    }
}

#[test]
fn another_role_breaks_the_glass_and_a_passkey_is_more() {
    let then = parse(RULE).unwrap();
    let other = changed("role:oncall", "role:night");
    assert!(more(&other, &then) && more(&then, &other));
    let none = changed("link-holder = true\n", "");
    let key = changed("link-holder = true\n", "passkey = true\n");
    assert!(more(&key, &none) && !more(&none, &key));
    // Others than those who could approve it.
    let others = changed("\"role:admin\", \"bob\"", "\"role:admin\", \"eve\"");
    assert!(more(&others, &then) && more(&then, &others));
}
