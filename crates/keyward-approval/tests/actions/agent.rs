//! What an agent asks for, as JSON of which there is one reading.

use keyward_approval::action::{agent, limits};
use keyward_approval::{AgentAsk, Argument, ArgumentName, Secrets, Value};
use keyward_base::{ErrorKind, Reason};

use crate::world::{asked, builder, catalogue, provider};

fn parse(text: &str) -> Result<AgentAsk, String> {
    AgentAsk::parse(&catalogue(), text.as_bytes()).map_err(|e| e.to_string())
}

fn refused(text: &str, says: &str) {
    let e = parse(text).unwrap_err();
    assert!(e.contains(says), "{e:?} does not say {says:?}");
}

/// One step of the kind that takes anything, with these arguments.
fn any(arguments: &str) -> String {
    format!(r#"{{"steps": [{{"kind": "any", "target": "thing", "arguments": {arguments}}}]}}"#)
}

#[test]
fn an_ask_is_the_action_that_it_says() {
    let ask = r#"{
        "reason": "nobody uses it \ud83d\ude00",
        "confidence": 870,
        "steps": [
            {"kind": "server.delete", "target": "web-1", "arguments": {"region": "eu-1"}},
            {"target": "thing", "kind": "any", "arguments": {
                "bool": true, "integer": -9223372036854775808, "text": "a\u0000b", "bytes": "AAEC",
                "list": [1, "a", [], {}, false], "map": {"b": 1, "a": {"c": 9223372036854775807}}
            }},
            {"kind": "any", "target": "bare"}
        ]
    }"#;
    let action = asked(builder().ask(parse(ask).unwrap())).action;
    assert_eq!(action.reason(), "nobody uses it \u{1f600}");
    assert_eq!(action.confidence(), Some(870));
    let [delete, any, bare] = action.steps() else {
        panic!("three steps");
    };
    assert_eq!(
        delete.argument("force"),
        Some(&Argument::Plain(false.into()))
    );
    let plain = |name: &str| any.argument(name).and_then(Argument::plain).unwrap();
    assert_eq!(plain("integer"), &Value::Integer(i64::MIN));
    assert_eq!(plain("text"), &Value::text("a\0b"));
    assert_eq!(plain("bytes"), &Value::Bytes(vec![0, 1, 2]));
    let Value::Map(map) = plain("map") else {
        panic!("a map");
    };
    assert_eq!(map.keys().collect::<Vec<_>>(), ["a", "b"]);
    assert!(bare.arguments().is_empty());
}

#[test]
fn the_order_of_members_and_white_space_decide_nothing() {
    let build = |text: &str| asked(builder().ask(parse(text).unwrap())).action;
    let one = build(
        r#"{"reason":"r","steps":[{"kind":"any","target":"t","arguments":{"text":"x","bool":true}}]}"#,
    );
    let two = build(
        "\n{ \"steps\" : [ {\"arguments\":{\"bool\":true , \"text\":\"\\u0078\"}, \"target\":\"t\",\
         \"kind\":\"an\\u0079\"} ], \"reason\": \"r\"}\r\n\t ",
    );
    assert_eq!(one, two);
}

#[test]
fn a_secret_is_in_no_byte_and_no_message() {
    let ask = parse(&any(r#"{"secret": "hunter2-hunter2"}"#)).unwrap();
    let asked = asked(builder().ask(ask));
    let kept = asked.secrets.to_bytes();
    let opened = Secrets::open(&provider(), &asked.action, &kept).unwrap();
    let name = ArgumentName::new("secret").unwrap();
    assert_eq!(opened.find(0, &name).unwrap().expose(), b"hunter2-hunter2");
    for wrong in [
        r#"{"secret": ["hunter2-hunter2"]}"#,
        r#"{"secrets": "hunter2-hunter2"}"#,
        r#"{"bool": "hunter2-hunter2"}"#,
        r#"{"hunter2 hunter2": 1}"#,
        r#"{"secret": "hunter2-hunter2", "secret": "x"}"#,
        r#"{"secret": "hunter2-hunter2"#,
        r#"{"bytes": "hunter2-hunter2"}"#,
        r#"{"secret": "hunter2-hunter2", "text": hunter2}"#,
    ] {
        let e = AgentAsk::parse(&catalogue(), any(wrong).as_bytes()).unwrap_err();
        assert!(!format!("{e} {e:?}").contains("hunter2"), "{e}");
    }
}

#[test]
fn what_two_readers_would_read_as_two_things_is_refused() {
    refused(&any(r#"{"bool": true, "bool": false}"#), "twice at line 1");
    refused(&any(r#"{"bool": true, "\u0062ool": true}"#), "twice");
    refused(&any(r#"{"map": {"a": {"b": 1, "b": 2}}}"#), "twice");
    refused(r#"{"steps": [], "steps": []}"#, "twice");
    for number in [
        "1.0",
        "1e3",
        "1E-2",
        "-0",
        "0.5",
        "9223372036854775808",
        "-9223372036854775809",
        "123456789012345678901234567890",
    ] {
        refused(&any(&format!(r#"{{"integer": {number}}}"#)), "number");
        refused(
            &any(&format!(r#"{{"map": {{"a": [{number}]}}}}"#)),
            "number",
        );
    }
    for number in ["01", "+1", ".5", "1.", "0x1", "NaN", "Infinity", "- 1"] {
        assert!(
            parse(&any(&format!(r#"{{"integer": {number}}}"#))).is_err(),
            "{number}"
        );
    }
    refused(&any(r#"{"text": null}"#), "null");
    for text in [
        r"\ud800",
        r"\udc00",
        r"\ud800\ud800",
        r"\ud83d x",
        r"\uD83D\n",
        r"\x41",
        r"\u12",
    ] {
        assert!(
            parse(&any(&format!(r#"{{"text": "{text}"}}"#))).is_err(),
            "{text}"
        );
    }
    for text in ["\n", "\t", "\0", "\u{1f}"] {
        assert!(
            parse(&any(&format!(r#"{{"text": "{text}"}}"#))).is_err(),
            "{text:?}"
        );
    }
    let good = any("{}");
    assert!(parse(&good).is_ok());
    for more in ["{}", "x", ",", "\0", "\u{feff}"] {
        assert!(parse(&format!("{good}{more}")).is_err(), "{more:?}");
    }
    assert!(parse(&format!("\u{feff}{good}")).is_err());
    assert!(parse(&good.replace("}}", "},}")).is_err());
    assert!(parse(&format!("{good}// why")).is_err());
    let mut latin = any(r#"{"text": "?"}"#).into_bytes();
    let at = latin.iter().position(|b| *b == b'?').unwrap();
    for byte in [0xff, 0xc0, 0x80, 0xed] {
        latin[at] = byte;
        assert!(AgentAsk::parse(&catalogue(), &latin).is_err());
    }
}

#[test]
fn what_is_not_known_or_missing_is_said_and_where() {
    refused("[]", "an object is expected, and this is an array");
    refused("7", "an object is expected");
    refused("{}", "steps: this member is missing");
    refused(r#"{"steps": {}}"#, "steps: an array is expected");
    refused(r#"{"steps": []}"#, "steps: an action has 1 to 64 steps");
    refused(
        r#"{"steps": [1]}"#,
        "steps[0]: an object is expected, and this is a number",
    );
    refused(
        r#"{"steps": [{"target": "a"}]}"#,
        "steps[0].kind: this member is missing",
    );
    refused(
        r#"{"steps": [{"kind": "any"}]}"#,
        "steps[0].target: this member is missing",
    );
    refused(
        r#"{"steps": [{"kind": "any", "target": "a", "args": {}}]}"#,
        "steps[0].args: no such member",
    );
    refused(
        r#"{"steps": [{"kind": "none", "target": "a"}]}"#,
        "steps[0]: the service has no such kind",
    );
    refused(
        r#"{"steps": [{"kind": "any", "target": ""}]}"#,
        "steps[0]: a target",
    );
    refused(&any("[]"), "steps[0].arguments: an object");
    refused(
        &any(r#"{"boole": true}"#),
        "steps[0].arguments.boole: any has no such argument",
    );
    refused(
        &any(r#"{"\u0000": true}"#),
        "steps[0].arguments.(another name): any has no",
    );
    refused(
        &any(r#"{"bool": "true"}"#),
        "the argument bool of any is of type boolean",
    );
    refused(
        &any(r#"{"bytes": 1}"#),
        "a text is expected, and this is a number",
    );
    refused(&any(r#"{"bytes": "AAE"}"#), "base64");
    refused(&any(r#"{"bytes": "AAF="}"#), "base64");
    refused(
        r#"{"tenant": "other", "steps": [{"kind": "any", "target": "a"}]}"#,
        "tenant: no such member",
    );
    for confidence in ["1001", "-1", "\"870\"", "true"] {
        let text = format!(
            r#"{{"confidence": {confidence}, "steps": [{{"kind": "any", "target": "a"}}]}}"#
        );
        refused(&text, "confidence: 0 to 1000");
    }
    let error = keyward_base::Error::from(AgentAsk::parse(&catalogue(), b"{}").unwrap_err());
    assert_eq!(
        (error.kind(), error.reason()),
        (ErrorKind::Rejected, Some(Reason::MALFORMED))
    );
    assert_eq!(error.to_string(), "rejected");
}

#[test]
fn no_text_takes_more_than_the_limits() {
    let nested = |depth: usize| {
        any(&format!(
            r#"{{"list": {}1{}}}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        ))
    };
    let builds = |text: &str| {
        let ask = parse(text)?;
        let built =
            builder()
                .ask(ask)
                .build(&crate::world::policy(), crate::world::NOW, &provider());
        built.map(|_| ()).map_err(|e| e.to_string())
    };
    assert_eq!(builds(&nested(limits::DEPTH - 1)), Ok(()));
    assert!(
        builds(&nested(limits::DEPTH))
            .unwrap_err()
            .contains("in one another")
    );
    refused(&nested(100_000), "in one another");
    let flat = |count: usize| {
        any(&format!(
            r#"{{"list": [[{}]]}}"#,
            vec!["1"; count].join(",")
        ))
    };
    assert_eq!(builds(&flat(limits::ITEMS)), Ok(()));
    assert!(
        builds(&flat(limits::ITEMS + 1))
            .unwrap_err()
            .contains("1,024")
    );
    refused(&flat(limits::VALUES + 4 * limits::STEPS + 4), "more values");
    let long = any(&format!(r#"{{"text": "{}"}}"#, "x".repeat(agent::MAX_LEN)));
    refused(&long, "2 MiB");
    let steps = vec![r#"{"kind": "any", "target": "a"}"#; limits::STEPS + 1].join(",");
    refused(&format!(r#"{{"steps": [{steps}]}}"#), "1 to 64 steps");
}
