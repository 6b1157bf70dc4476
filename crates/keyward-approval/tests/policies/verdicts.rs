//! What a policy says, and that it never lets run what it was not written for.

use keyward_approval::Value;

use crate::world::{action, agent, by, person, step, verdict};

const SMALL: &str = r#"
[case.small]
kind = "server.delete"
when.count = { at-least = 1, at-most = 3 }
when.region = { one-of = ["eu-1", "eu-2"] }
then = "auto"
"#;

fn small(count: i64, region: &str) -> [(&'static str, Value); 2] {
    [("count", count.into()), ("region", region.into())]
}

#[test]
fn a_case_holds_where_all_its_conditions_do() {
    let says = |count, region| {
        verdict(
            SMALL,
            &action("server.delete", "web-1", &small(count, region)),
        )
    };
    assert_eq!(says(1, "eu-1"), "auto");
    assert_eq!(says(3, "eu-2"), "auto");
    assert_eq!(says(0, "eu-1"), "two");
    assert_eq!(says(4, "eu-1"), "two");
    assert_eq!(says(3, "eu-3"), "two");
    assert_eq!(says(3, "EU-1"), "two");
}

#[test]
fn what_no_case_is_about_is_never_automatic() {
    assert_eq!(
        verdict(SMALL, &action("server.restart", "web-1", &small(1, "eu-1"))),
        "two"
    );
    assert_eq!(verdict("", &action("server.delete", "web-1", &[])), "two");
}

#[test]
fn an_argument_that_is_not_there_or_mistyped_is_never_automatic() {
    let says = |arguments: &[_]| verdict(SMALL, &action("server.delete", "web-1", arguments));
    assert_eq!(says(&[("count", 1.into())]), "two");
    assert_eq!(says(&[("region", "eu-1".into())]), "two");
    // Another case would let it run; but one that asks could not be answered.
    let both = format!(
        "{SMALL}\n[case.any]\nkind = \"server.delete\"\nfree = [\"count\"]\nthen = \"auto\""
    );
    assert_eq!(
        verdict(
            &both,
            &action("server.delete", "web-1", &[("count", 9.into())])
        ),
        "two"
    );
    // A condition on another type than the argument has.
    let text =
        "[case.text]\nkind = \"server.delete\"\nwhen.count = { is = \"1\" }\nthen = \"auto\"";
    assert_eq!(
        verdict(
            text,
            &action("server.delete", "web-1", &[("count", 1.into())])
        ),
        "two"
    );
    // What forbids is taken to hold where it cannot be answered.
    let forbids = "[case.far]\nkind = \"server.delete\"\nwhen.region = { is = \"us-1\" }\nthen = \"forbidden\"";
    assert_eq!(
        verdict(forbids, &action("server.delete", "web-1", &[])),
        "forbidden"
    );
    assert_eq!(
        verdict(
            forbids,
            &action("server.delete", "web-1", &small(1, "eu-1"))
        ),
        "two"
    );
}

#[test]
fn an_argument_that_an_automatic_case_says_nothing_of_stops_it() {
    let forced = [&small(1, "eu-1")[..], &[("force", true.into())]].concat();
    assert_eq!(
        verdict(SMALL, &action("server.delete", "web-1", &forced)),
        "two"
    );
    let free = SMALL.replace("then", "free = [\"force\"]\nthen");
    assert_eq!(
        verdict(&free, &action("server.delete", "web-1", &forced)),
        "auto"
    );
}

#[test]
fn the_strictest_case_wins_whatever_the_order() {
    // The names decide the order in which the cases are kept.
    for (small, large) in [("a", "b"), ("b", "a")] {
        let cases = format!(
            "[case.{small}]\nkind = \"server.delete\"\nthen = \"auto\"\n\
             [case.{large}]\nkind = \"server.*\"\nthen = \"three\"\n\
             [case.c]\nkind = \"server.delete\"\nthen = \"one\""
        );
        assert_eq!(
            verdict(&cases, &action("server.delete", "web-1", &[])),
            "three"
        );
        let forbidden = cases.replace("\"one\"", "\"forbidden\"");
        assert_eq!(
            verdict(&forbidden, &action("server.delete", "web-1", &[])),
            "forbidden"
        );
        assert_eq!(
            verdict(&cases, &action("server.restart", "web-1", &[])),
            "three"
        );
        assert_eq!(
            verdict(&cases, &action("serverless.delete", "web-1", &[])),
            "two"
        );
    }
}

#[test]
fn one_step_decides_for_all() {
    let cases = "[case.a]\nkind = \"server.restart\"\nthen = \"auto\"\n\
                 [case.b]\nkind = \"data.export\"\nthen = \"three\"";
    let restart = || step("server.restart", "web-1", &[]);
    assert_eq!(
        verdict(cases, &by(person(), vec![restart(), restart()])),
        "auto"
    );
    let both = vec![restart(), step("data.export", "all", &[]), restart()];
    assert_eq!(verdict(cases, &by(person(), both)), "three");
}

#[test]
fn a_case_may_be_about_who_asks_and_what_it_is_done_to() {
    let cases = "[case.a]\nkind = \"server.restart\"\nby = [\"person\"]\n\
                 target = { starts-with = \"test-\" }\nthen = \"auto\"";
    let on = |target: &str| vec![step("server.restart", target, &[])];
    assert_eq!(verdict(cases, &by(person(), on("test-1"))), "auto");
    assert_eq!(verdict(cases, &by(agent(), on("test-1"))), "two");
    assert_eq!(verdict(cases, &by(person(), on("web-1"))), "two");
}

#[test]
fn lists_and_secrets_have_answers_too() {
    let cases = "[case.a]\nkind = \"server.delete\"\nwhen.tags = { every-of = [\"a\", \"b\"] }\nthen = \"auto\"";
    let tags = |items: &[Value]| {
        let list = Value::List(items.to_vec());
        verdict(cases, &action("server.delete", "web-1", &[("tags", list)]))
    };
    assert_eq!(tags(&["a".into(), "b".into(), "a".into()]), "auto");
    // To many a target none means all.
    assert_eq!(tags(&[]), "two");
    assert_eq!(tags(&["a".into(), "c".into()]), "two");
    assert_eq!(tags(&["a".into(), 1.into()]), "two");
    let on_secret =
        "[case.a]\nkind = \"server.delete\"\nwhen.token = { is = \"x\" }\nthen = \"auto\"";
    let secret = step("server.delete", "web-1", &[]);
    let secret = secret
        .secret("token", keyward_base::SecretBytes::copy_of(b"x"))
        .unwrap();
    let action = by(person(), vec![secret]);
    assert_eq!(verdict(on_secret, &action), "two");
    // What forbids is taken to hold: what a secret says is not known.
    let forbids = on_secret.replace("auto", "forbidden");
    assert_eq!(verdict(&forbids, &action), "forbidden");
}
