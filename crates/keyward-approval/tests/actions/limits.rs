//! Bytes that are written by hand: what is beyond a limit, or has a second form, is no action.

use keyward_approval::action::limits;
use keyward_approval::{Action, Shape, Type, Value, Verdict};
use keyward_base::{ErrorKind, SecretBytes};

use crate::world::{action, asked, builder, catalogue, delete, policy, provider, thing};

fn short(text: &str) -> Vec<u8> {
    let len = u16::try_from(text.len()).unwrap();
    [&len.to_be_bytes()[..], text.as_bytes()].concat()
}

fn long(tag: u8, len: usize) -> Vec<u8> {
    let said = u32::try_from(len).unwrap();
    [&[tag][..], &said.to_be_bytes(), &vec![b'x'; len]].concat()
}

fn many(tag: u8, items: &[Vec<u8>]) -> Vec<u8> {
    let count = u16::try_from(items.len()).unwrap();
    [&[tag][..], &count.to_be_bytes(), &items.concat()].concat()
}

const TRUE: [u8; 2] = [1, 1];

/// A step of these arguments, as they stand in bytes.
fn step(target: &str, arguments: &[(String, Vec<u8>)]) -> Vec<u8> {
    let count = u8::try_from(arguments.len()).unwrap();
    let arguments = arguments.iter();
    let arguments = arguments.flat_map(|(name, value)| [short(name), value.clone()].concat());
    [
        short("any"),
        short(target),
        vec![count],
        arguments.collect(),
    ]
    .concat()
}

/// An action of these steps: all before them is that of one that was built.
fn of(steps: &[Vec<u8>]) -> Vec<u8> {
    let one = action(thing());
    let front = one.bytes().len() - step("thing", &[]).len() - 1;
    let count = u8::try_from(steps.len()).unwrap();
    [&one.bytes()[..front], &[count], &steps.concat()].concat()
}

fn with(value: Vec<u8>) -> Vec<u8> {
    of(&[step("thing", &[("a".to_owned(), value)])])
}

fn reads(bytes: &[u8]) -> bool {
    match Action::parse(&provider(), bytes) {
        Ok(read) => {
            assert_eq!(read.bytes(), bytes);
            true
        }
        Err(e) => {
            assert_eq!(e.kind(), ErrorKind::Corrupt);
            false
        }
    }
}

#[test]
fn what_is_read_is_within_the_limits() {
    assert!(reads(&of(&[step("thing", &[])])));
    // Steps, their targets and their arguments.
    assert!(!reads(&of(&[])));
    assert!(reads(&of(&vec![step("thing", &[]); limits::STEPS])));
    assert!(!reads(&of(&vec![step("thing", &[]); limits::STEPS + 1])));
    assert!(!reads(&of(&[step("", &[])])));
    assert!(reads(&of(&[step(&"t".repeat(limits::TARGET), &[])])));
    assert!(!reads(&of(&[step(&"t".repeat(limits::TARGET + 1), &[])])));
    let named = |count: usize| {
        let names = (0..count).map(|nth| (format!("a{nth:02}"), TRUE.to_vec()));
        of(&[step("thing", &names.collect::<Vec<_>>())])
    };
    assert!(reads(&named(limits::ARGUMENTS)));
    assert!(!reads(&named(limits::ARGUMENTS + 1)));
    // Texts and bytes, lists and maps.
    for tag in [3, 4] {
        assert!(reads(&with(long(tag, limits::TEXT))));
        assert!(!reads(&with(long(tag, limits::TEXT + 1))));
    }
    let list = |count| many(5, &vec![TRUE.to_vec(); count]);
    assert!(reads(&with(list(limits::ITEMS))));
    assert!(!reads(&with(list(limits::ITEMS + 1))));
    let map = |count: usize| {
        let items = (0..count).map(|nth| [short(&format!("{nth:04}")), TRUE.to_vec()].concat());
        many(6, &items.collect::<Vec<_>>())
    };
    assert!(reads(&with(map(limits::ITEMS))));
    assert!(!reads(&with(map(limits::ITEMS + 1))));
    let keyed = |len: usize| many(6, &[[short(&"k".repeat(len)), TRUE.to_vec()].concat()]);
    assert!(reads(&with(keyed(limits::KEY))));
    assert!(!reads(&with(keyed(limits::KEY + 1))));
    let nested = |depth: usize| (1..depth).fold(TRUE.to_vec(), |inner, _| many(5, &[inner]));
    assert!(reads(&with(nested(limits::DEPTH))));
    assert!(!reads(&with(nested(limits::DEPTH + 1))));
    // 16 lists of 1,023 are as many values as there may be; a secret is one too.
    let most = || (0..16).map(|nth| (format!("a{nth:02}"), list(1_023)));
    assert_eq!(16 * 1_024, limits::VALUES);
    assert!(reads(&of(&[step("thing", &most().collect::<Vec<_>>())])));
    for more in [TRUE.to_vec(), [&[7][..], &[9; 32]].concat()] {
        let more = most().chain([("b".to_owned(), more)]);
        assert!(!reads(&of(&[step("thing", &more.collect::<Vec<_>>())])));
    }
    // All of it together.
    let filled = |len: usize| {
        let texts = [("a", limits::TEXT), ("b", len)];
        let texts = texts.map(|(name, len)| (name.to_owned(), long(3, len)));
        of(&[step("thing", &texts)])
    };
    let spare = limits::ACTION - filled(0).len();
    assert!(reads(&filled(spare)) && !reads(&filled(spare + 1)));
}

#[test]
fn keys_and_names_stand_in_their_order_and_none_twice() {
    for (first, second, is_read) in [("a", "b", true), ("b", "a", false), ("a", "a", false)] {
        let named = [first, second].map(|name| (name.to_owned(), TRUE.to_vec()));
        assert_eq!(reads(&of(&[step("thing", &named)])), is_read);
        let keyed = [first, second].map(|key| [short(key), TRUE.to_vec()].concat());
        assert_eq!(reads(&with(many(6, &keyed))), is_read);
    }
    // A secret is an argument, and lies in no list.
    let secret = [&[7][..], &[9; 32]].concat();
    assert!(reads(&with(secret.clone())) && !reads(&with(many(5, &[secret]))));
}

#[test]
fn it_begins_no_later_than_it_may_be_decided() {
    let one = action(thing());
    // Its times stand before the reason, the confidence and the step, which are empty but for the last.
    let at = one.bytes().len() - step("thing", &[]).len() - 1 - 2 - 4 - 16;
    let times = |decide: u64, run: u64| {
        let mut bytes = one.bytes().to_vec();
        bytes[at..at + 8].copy_from_slice(&decide.to_be_bytes());
        bytes[at + 8..at + 16].copy_from_slice(&run.to_be_bytes());
        bytes
    };
    let (decide, run) = (one.decide_by().as_millis(), one.run_by().as_millis());
    assert_eq!(times(decide, run), one.bytes());
    assert!(reads(&times(decide, decide)) && !reads(&times(decide, decide - 1)));
}

#[test]
fn what_is_built_is_within_them_too() {
    let misuse = |built: keyward_base::Result<keyward_approval::Asked>| {
        assert_eq!(built.unwrap_err().kind(), ErrorKind::Misuse);
    };
    let because = |len: usize| {
        let builder = builder().step(thing()).reason("x".repeat(len));
        builder.build(&policy(), crate::world::NOW, &provider())
    };
    assert!(reads(because(limits::TEXT).unwrap().action.bytes()));
    misuse(because(limits::TEXT + 1));
    assert!(catalogue().step("any", &"t".repeat(limits::TARGET)).is_ok());
    let e = catalogue()
        .step("any", &"t".repeat(limits::TARGET + 1))
        .unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Misuse);
    let map = |count: usize| {
        let items = (0..count).map(|nth| (nth.to_string(), Value::Bool(true)));
        let step = thing().with("map", Value::Map(items.collect())).unwrap();
        builder()
            .step(step)
            .build(&policy(), crate::world::NOW, &provider())
    };
    assert!(map(limits::ITEMS).is_ok());
    misuse(map(limits::ITEMS + 1));
    // Each secret, and all of them.
    let secret = |lens: &[usize]| {
        let steps = lens.iter().map(|len| {
            let secret = SecretBytes::new(vec![b's'; *len]);
            thing().secret("secret", secret).unwrap()
        });
        let builder = steps.fold(builder(), |builder, step| builder.step(step));
        builder.build(&policy(), crate::world::NOW, &provider())
    };
    assert!(secret(&[1, limits::SECRET]).is_ok());
    misuse(secret(&[0]));
    misuse(secret(&[limits::SECRET + 1]));
    let full = vec![limits::SECRET; limits::SECRETS / limits::SECRET];
    assert!(secret(&full).is_ok());
    misuse(secret(&[&full[..], &[1]].concat()));
}

#[test]
fn a_kind_is_declared_once_and_so_is_each_argument() {
    let shape = || Shape::new("any").unwrap();
    let misuse = |e: keyward_base::Error| assert_eq!(e.kind(), ErrorKind::Misuse);
    let twice = shape().must("a", Type::Text).unwrap();
    misuse(twice.may("a", Type::Bool).unwrap_err());
    let full = (0..limits::ARGUMENTS).fold(shape(), |shape, nth| {
        shape.may(&format!("a{nth}"), Type::Text).unwrap()
    });
    misuse(full.may("b", Type::Text).unwrap_err());
    let deep = (0..limits::DEPTH).fold(Value::Bool(true), |inner, _| Value::List(vec![inner]));
    misuse(shape().or("a", deep).unwrap_err());
    misuse(catalogue().with(shape()).unwrap_err());
}

#[test]
fn the_verdict_is_of_all_steps() {
    let text = "keyward-policy = 1\nversion = 1\notherwise = \"forbidden\"\n\n\
                [case.any]\nkind = \"any\"\nthen = \"auto\"\n";
    let policy = keyward_approval::Policy::parse(&provider(), text).unwrap();
    let build = |builder: keyward_approval::ActionBuilder| {
        let built = builder.build(&policy, crate::world::NOW, &provider());
        built.unwrap().verdict
    };
    assert_eq!(build(builder().step(thing())), Verdict::Auto);
    for builder in [
        builder().step(thing()).step(delete()),
        builder().step(delete()).step(thing()),
    ] {
        assert_eq!(build(builder), Verdict::Forbidden);
    }
    assert!(asked(builder().step(thing())).secrets.is_empty());
}
