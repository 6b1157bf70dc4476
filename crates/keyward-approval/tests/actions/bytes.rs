//! One encoding of each action, and none that is read as another.

use std::collections::BTreeMap;

use keyward_approval::action::limits;
use keyward_approval::{Action, Argument, Value, Verdict};
use keyward_base::{ErrorKind, SecretBytes, Timestamp};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use crate::world::{NOW, action, asked, builder, catalogue, delete, policy, provider, thing};

fn parse(bytes: &[u8]) -> keyward_base::Result<Action> {
    Action::parse(&provider(), bytes)
}

#[test]
fn what_is_asked_stands_in_the_bytes() {
    let asked = asked(
        builder()
            .step(delete())
            .step(thing())
            .reason("it is old")
            .confidence(870),
    );
    let read = parse(asked.action.bytes()).unwrap();
    assert_eq!(read, asked.action);
    assert_eq!(read.digest(), asked.action.digest());
    assert_eq!(read.tenant().as_str(), "acme");
    assert_eq!(read.service().as_str(), "deploydesk");
    assert_eq!(read.executor().as_str(), "worker");
    assert_eq!(read.policy(), policy().reference());
    assert_eq!(read.requester().owner().unwrap().as_str(), "ada");
    assert_eq!(read.reason(), "it is old");
    assert_eq!(read.confidence(), Some(870));
    assert_eq!(read.steps().len(), 2);
    let four_hours = Timestamp::from_millis(NOW.as_millis() + 4 * 3_600_000);
    assert_eq!(read.decide_by(), four_hours);
    assert_eq!(
        read.run_by(),
        Timestamp::from_millis(four_hours.as_millis() + 1_800_000)
    );
    assert!(matches!(asked.verdict, Verdict::NeedsApproval(rule) if rule.as_str() == "two-admins"));
    assert_eq!(
        read.digest().as_bytes(),
        &provider().sha256(&[asked.action.bytes()])
    );
}

#[test]
fn a_default_is_written_and_what_is_absent_is_not() {
    let action = action(delete());
    let step = &action.steps()[0];
    assert_eq!(
        step.argument("force"),
        Some(&Argument::Plain(Value::Bool(false)))
    );
    assert_eq!(step.argument("note"), None);
    // Given as it would be by default, it is the same action.
    let given = delete().with("force", false).unwrap();
    assert_eq!(crate::world::action(given), action);
}

#[test]
fn what_the_service_does_not_know_is_not_asked_for() {
    let misuse = |e: keyward_base::Error| assert_eq!(e.kind(), ErrorKind::Misuse, "{e:?}");
    misuse(catalogue().step("server.drop", "web-1").unwrap_err());
    misuse(catalogue().step("any", "").unwrap_err());
    misuse(delete().with("regoin", "eu-1").unwrap_err());
    misuse(delete().with("region", "eu-2").unwrap_err());
    misuse(delete().with("force", "yes").unwrap_err());
    let missing = catalogue().step("server.delete", "web-1").unwrap();
    misuse(
        builder()
            .step(missing)
            .build(&policy(), NOW, &provider())
            .unwrap_err(),
    );
    misuse(builder().build(&policy(), NOW, &provider()).unwrap_err());
    let sure = builder().step(delete()).confidence(1_001);
    misuse(sure.build(&policy(), NOW, &provider()).unwrap_err());
    let many = (0..=limits::STEPS).fold(builder(), |builder, _| builder.step(delete()));
    misuse(many.build(&policy(), NOW, &provider()).unwrap_err());
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Integer),
        ".{0,12}".prop_map(Value::Text),
        vec(any::<u8>(), 0..12).prop_map(Value::Bytes),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::List),
            btree_map(".{0,6}", inner, 0..6).prop_map(Value::Map),
        ]
    })
}

fn with(list: Vec<Value>, map: BTreeMap<String, Value>, text: &str, target: &str) -> Action {
    let step = catalogue().step("any", target).unwrap();
    let step = step.with("list", Value::List(list)).unwrap();
    let step = step.with("map", Value::Map(map)).unwrap();
    action(step.with("text", text).unwrap())
}

proptest! {
    #[test]
    fn actions_come_back_and_two_that_differ_have_two_encodings(
        lists in vec(vec(value(), 0..4), 2),
        maps in vec(btree_map(".{0,6}", value(), 0..4), 2),
        texts in vec(".{0,20}", 2),
        targets in vec(".{1,20}", 2),
    ) {
        let first = with(lists[0].clone(), maps[0].clone(), &texts[0], &targets[0]);
        let second = with(lists[1].clone(), maps[1].clone(), &texts[1], &targets[1]);
        let read = parse(first.bytes()).unwrap();
        prop_assert_eq!(read.steps(), first.steps());
        prop_assert_eq!(first.steps() == second.steps(), first.bytes() == second.bytes());
        prop_assert_eq!(first.bytes() == second.bytes(), first.digest() == second.digest());
    }

    #[test]
    fn what_is_read_writes_itself_back(
        at in any::<prop::sample::Index>(),
        bit in 0..8_u8,
        list in vec(value(), 0..4),
    ) {
        let action = with(list, BTreeMap::new(), "text", "web-1");
        let mut bytes = action.bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        match parse(&bytes) {
            Ok(read) => {
                prop_assert_eq!(read.bytes(), &bytes[..]);
                prop_assert!(read != action && read.digest() != action.digest());
            }
            Err(e) => prop_assert!(matches!(e.kind(), ErrorKind::Corrupt | ErrorKind::Unavailable)),
        }
    }
}

#[test]
fn a_piece_less_or_a_byte_more_is_no_action() {
    let action = asked(
        builder()
            .step(delete())
            .step(thing().with("text", "a").unwrap()),
    )
    .action;
    for cut in 0..action.bytes().len() {
        let e = parse(&action.bytes()[..cut]).unwrap_err();
        assert_eq!(e.kind(), ErrorKind::Corrupt);
    }
    for more in 0..=u8::MAX {
        let mut longer = action.bytes().to_vec();
        longer.push(more);
        assert_eq!(parse(&longer).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}

#[test]
fn an_action_of_a_newer_release_is_not_taken_for_damage() {
    let mut bytes = action(delete()).bytes().to_vec();
    bytes[4] = 2;
    assert_eq!(parse(&bytes).unwrap_err().kind(), ErrorKind::Unavailable);
    bytes[4] = 0;
    assert_eq!(parse(&bytes).unwrap_err().kind(), ErrorKind::Corrupt);
}

fn nested(depth: usize) -> Value {
    (1..depth).fold(Value::Bool(true), |inner, _| Value::List(vec![inner]))
}

#[test]
fn each_limit_holds_where_it_is_and_one_beyond() {
    let builds = |value: Value| {
        let (name, step) = match &value {
            Value::Text(_) => ("text", thing()),
            Value::Bytes(_) => ("bytes", thing()),
            Value::Map(_) => ("map", thing()),
            _ => ("list", thing()),
        };
        let built = builder().step(step.with(name, value).unwrap());
        let built = built.build(&policy(), NOW, &provider());
        if let Ok(built) = &built {
            assert_eq!(parse(built.action.bytes()).unwrap(), built.action);
        }
        built.map(|_| ()).map_err(|e| e.kind())
    };
    let text = |len| Value::Text("x".repeat(len));
    assert_eq!(builds(text(limits::TEXT)), Ok(()));
    assert_eq!(builds(text(limits::TEXT + 1)), Err(ErrorKind::Misuse));
    assert_eq!(builds(Value::Bytes(vec![0; limits::TEXT])), Ok(()));
    assert_eq!(
        builds(Value::Bytes(vec![0; limits::TEXT + 1])),
        Err(ErrorKind::Misuse)
    );
    assert_eq!(builds(nested(limits::DEPTH)), Ok(()));
    assert_eq!(builds(nested(limits::DEPTH + 1)), Err(ErrorKind::Misuse));
    let list = |len| Value::List(vec![Value::Bool(true); len]);
    assert_eq!(builds(list(limits::ITEMS)), Ok(()));
    assert_eq!(builds(list(limits::ITEMS + 1)), Err(ErrorKind::Misuse));
    let key = |len: usize| Value::Map(BTreeMap::from([("k".repeat(len), Value::Bool(true))]));
    assert_eq!(builds(key(limits::KEY)), Ok(()));
    assert_eq!(builds(key(limits::KEY + 1)), Err(ErrorKind::Misuse));
    // One list of 15 lists of 1,023: with themselves just the values that are allowed.
    let inner = |len: usize| Value::List(vec![Value::Bool(true); len]);
    let many = |last: usize| {
        let full = (0..15).map(|_| inner(1_023));
        Value::List(full.chain([inner(last)]).collect())
    };
    let last = limits::VALUES - 1 - 15 * 1_024 - 1;
    assert_eq!(builds(many(last)), Ok(()));
    assert_eq!(builds(many(last + 1)), Err(ErrorKind::Misuse));
    // A secret counts as one of them: what is built reads back.
    let secret = |last| {
        let step = thing().with("list", many(last)).unwrap();
        let step = step
            .secret("secret", SecretBytes::copy_of(b"hunter2"))
            .unwrap();
        builder().step(step).build(&policy(), NOW, &provider())
    };
    assert_eq!(
        secret(last).map(|_| ()).map_err(|e| e.kind()),
        Err(ErrorKind::Misuse)
    );
    let asked = secret(last - 1).unwrap();
    assert_eq!(parse(asked.action.bytes()).unwrap(), asked.action);
    // Two texts that fit alone and not together.
    let both = thing().with("text", text(limits::TEXT)).unwrap();
    let both = both.with("bytes", Value::Bytes(vec![0; 300_000])).unwrap();
    let e = builder()
        .step(both)
        .build(&policy(), NOW, &provider())
        .unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Misuse);
}
