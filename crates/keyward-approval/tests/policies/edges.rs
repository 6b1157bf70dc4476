//! What is just beyond what a policy may say, and cases that something cannot be said of.

use keyward_approval::Value;
use keyward_base::ErrorKind;

use crate::world::{HEAD, action, parse, policy, verdict};

/// Two rules that differ in one thing, the stricter one asking for less in it.
#[test]
fn a_stricter_rule_asks_for_no_less_in_any_one_thing() {
    let two = |below: &str, above: &str| {
        parse(&format!(
            "keyward-policy = 1\nversion = 1\notherwise = \"forbidden\"\n\n\
             [rule.below]\nstrictness = 1\napprovers = [\"ada\"]\n{below}\n\
             [rule.above]\nstrictness = 2\napprovers = [\"ada\"]\n{above}\n"
        ))
    };
    for (more, less) in [
        ("quorum = 2", "quorum = 1"),
        ("quorum = 1\npasskey = true", "quorum = 1"),
        ("quorum = 1", "quorum = 1\nowner-may-approve = true"),
        ("quorum = 1", "quorum = 1\nlink-holder = true"),
    ] {
        assert!(two(less, more).is_ok(), "{more}");
        assert!(two(more, more).is_ok() && two(less, less).is_ok(), "{more}");
        let e = two(more, less).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Misuse, "{more}");
        assert!(format!("{e:?}").contains("asks for less"), "{e:?}");
    }
}

#[test]
fn each_list_has_an_end() {
    let rule = |rest: &str| {
        parse(&format!(
            "{HEAD}\n[rule.x]\nstrictness = 5\nowner-may-approve = true\n{rest}"
        ))
    };
    let named = |count: usize| {
        let names: Vec<_> = (0..count).map(|nth| format!("\"a{nth}\"")).collect();
        rule(&format!("approvers = [{}]\nquorum = 1", names.join(", ")))
    };
    assert!(named(64).is_ok() && named(65).is_err());
    let quorum = |quorum: u8| {
        let three = HEAD.replace("quorum = 3\npasskey", "quorum = 16\npasskey");
        parse(&format!(
            "{three}\n[rule.x]\nstrictness = 40\napprovers = [\"ada\"]\nquorum = {quorum}\npasskey = true"
        ))
    };
    assert!(quorum(16).is_ok() && quorum(17).is_err());
    let reminded = |count: usize| {
        let spans: Vec<_> = (1..=count).map(|nth| format!("\"{nth}s\"")).collect();
        let spans = spans.join(", ");
        rule(&format!(
            "approvers = [\"ada\"]\nquorum = 1\nremind = [{spans}]"
        ))
    };
    assert!(reminded(64).is_ok() && reminded(65).is_err());
    let uses = |count: u32| {
        let class = format!("class = {{ span = \"1d\", count = {count} }}");
        rule(&format!("approvers = [\"ada\"]\nquorum = 1\n{class}"))
    };
    assert!(uses(10_000).is_ok() && uses(10_001).is_err());
    let rules = |count: usize| {
        let rules: Vec<_> = (0..count)
            .map(|nth| {
                format!("[rule.r{nth}]\nstrictness = {nth}\napprovers = [\"ada\"]\nquorum = 1\n")
            })
            .collect();
        parse(&format!(
            "keyward-policy = 1\nversion = 1\notherwise = \"forbidden\"\n{}",
            rules.join("\n")
        ))
    };
    assert!(rules(64).is_ok() && rules(65).is_err());
    let cases = |count: usize| {
        let cases: Vec<_> = (0..count)
            .map(|nth| format!("[case.c{nth}]\nkind = \"a\"\nthen = \"two\"\n"))
            .collect();
        parse(&format!("{HEAD}\n{}", cases.join("\n")))
    };
    assert!(cases(1_024).is_ok() && cases(1_025).is_err());
    let when = |count: usize| {
        let when: Vec<_> = (0..count)
            .map(|nth| format!("when.a{nth} = {{ is = 1 }}\n"))
            .collect();
        parse(&format!(
            "{HEAD}\n[case.c]\nkind = \"a\"\nthen = \"two\"\n{}",
            when.join("")
        ))
    };
    assert!(when(64).is_ok() && when(65).is_err());
}

#[test]
fn who_holds_a_link_is_nobody_where_somebody_is_counted() {
    let rule = |rest: &str| {
        let text = "keyward-policy = 1\nversion = 1\notherwise = \"x\"\n\n\
                    [rule.x]\nstrictness = 1\napprovers = [\"ada\"]\n";
        parse(&format!("{text}{rest}"))
    };
    assert!(rule("quorum = 1\nlink-holder = true").is_ok());
    assert!(rule("quorum = 2\nlink-holder = true").is_err());
    assert!(rule("quorum = 1\npasskey = true\nlink-holder = true").is_err());
}

#[test]
fn the_least_strict_rule_is_stricter_than_none() {
    let head = HEAD.replace("strictness = 10", "strictness = 0");
    for (auto, one) in [("a", "b"), ("b", "a")] {
        let cases = format!(
            "[case.{auto}]\nkind = \"server.delete\"\nthen = \"auto\"\n\
             [case.{one}]\nkind = \"server.delete\"\nthen = \"one\"\n"
        );
        let policy = parse(&format!("{head}\n{cases}")).unwrap();
        let verdict = policy.verdict(&action("server.delete", "web-1", &[]));
        assert_eq!(verdict.to_string(), "one");
    }
}

/// What cannot be answered is taken to hold where that is the stricter: of a list with items of two
/// types, and of a number where a text is asked about.
#[test]
fn what_cannot_be_answered_forbids() {
    let cases = |condition: &str| {
        format!("[case.a]\nkind = \"server.delete\"\nwhen.{condition}\nthen = \"forbidden\"")
    };
    let on = |arguments: &[(&str, Value)]| action("server.delete", "web-1", arguments);
    let tags = |items: Vec<Value>| on(&[("tags", Value::List(items))]);
    let every = cases("tags = { every-of = [\"a\", \"b\"] }");
    for (items, says) in [
        (vec!["a".into(), "b".into()], "forbidden"),
        (vec!["a".into(), "c".into()], "two"),
        (vec!["c".into(), 1.into()], "forbidden"),
        (vec![1.into()], "forbidden"),
        (vec![], "forbidden"),
    ] {
        assert_eq!(verdict(&every, &tags(items.clone())), says, "{items:?}");
    }
    let count = on(&[("count", 1.into())]);
    for (condition, says) in [
        ("count = { is = \"1\" }", "forbidden"),
        ("count = { one-of = [true] }", "forbidden"),
        ("count = { starts-with = \"1\" }", "forbidden"),
        ("count = { every-of = [1] }", "forbidden"),
        ("count = { is = 2 }", "two"),
    ] {
        assert_eq!(verdict(&cases(condition), &count), says, "{condition}");
    }
    let text = on(&[("region", "eu".into())]);
    assert_eq!(
        verdict(&cases("region = { at-most = 3 }"), &text),
        "forbidden"
    );
}

#[test]
fn an_automatic_case_that_cannot_be_answered_is_said_not_to_match() {
    let auto = "[case.a]\nkind = \"server.delete\"\nwhen.count = { is = 1 }\nthen = \"auto\"";
    let of = |arguments: &[(&str, Value)]| {
        let explained = policy(auto).explain(&action("server.delete", "web-1", arguments));
        explained.steps[0].matching().count()
    };
    assert_eq!(of(&[("count", 1.into())]), 1);
    assert_eq!(of(&[]), 0);
}
